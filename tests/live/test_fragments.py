#!/usr/bin/env python3
"""Datagrams in fragments that come in any order: they arrive whole and translated, or not at all."""
import itertools
import json
import os
import re
import socket
import sys

from live import RULES, ROOT, Echo, expect, main, scenario, until
from pieces import Sender


OPEN = RULES + '''\
forward udp port 5000 from wan to camera port 7000
'''
DATA = bytes(i % 251 for i in range(3100))
ORDERS = list(itertools.permutations(range(3)))
PHONE, PHONE6, CAMERA6 = '192.168.1.77', '2001:db8:1:1::77', '2001:db8:1:1::50'
HOME, HOME6, WEB, WEB6, ROUTER = '198.51.100.9', '2001:db8:99::9', '198.51.100.80', '2001:db8:99::80', '203.0.113.1'


def in_any_order(scene, namespace, source, server, port):
    """To an echo: what comes back, in fragments that the echo's kernel has made, passes too."""
    with Sender(scene, namespace, source, server, port) as sender:
        for i, order in enumerate(ORDERS):
            data = bytes([i]) + DATA
            fragments = sender.cut(data)
            sender.send(*(fragments[n] for n in order))
            expect(sender.answer() == data, f'{namespace} to {server}, in the order {order}: another answer')


@scenario(OPEN)
def through_a_forward(scene):
    echo = Echo(scene, 'camera', 7000, socket.SOCK_DGRAM)
    in_any_order(scene, 'home', HOME, ROUTER, 5000)
    expect({peer[0] for peer in echo.peers} == {HOME}, f'the camera saw {echo.peers}')


@scenario(OPEN)
def masqueraded(scene):
    echo = Echo(scene, 'web', 5353, socket.SOCK_DGRAM)
    in_any_order(scene, 'phone', PHONE, WEB, 5353)
    expect({peer[0] for peer in echo.peers} == {ROUTER}, f'the web server saw {echo.peers}')


@scenario(OPEN)
def by_hairpin(scene):
    """Both ends are translated, at two hooks."""
    echo = Echo(scene, 'camera', 7000, socket.SOCK_DGRAM)
    in_any_order(scene, 'phone', PHONE, ROUTER, 5000)
    expect(PHONE not in {peer[0] for peer in echo.peers}, f'the camera saw {echo.peers}')
    scene.snapshot('home')


@scenario(OPEN)
def in_ipv6(scene):
    Echo(scene, 'camera', 7000, socket.SOCK_DGRAM, socket.AF_INET6)
    Echo(scene, 'web', 5353, socket.SOCK_DGRAM, socket.AF_INET6)
    in_any_order(scene, 'home', HOME6, CAMERA6, 7000)
    in_any_order(scene, 'phone', PHONE6, WEB6, 5353)


@scenario(OPEN + 'allow udp from wan to router port 4000\n')
def to_the_router_itself(scene):
    Echo(scene, 'router', 4000, socket.SOCK_DGRAM)
    in_any_order(scene, 'home', HOME, ROUTER, 4000)


@scenario(OPEN, '--workers', '1')
def with_one_worker(scene):
    Echo(scene, 'camera', 7000, socket.SOCK_DGRAM)
    in_any_order(scene, 'home', HOME, ROUTER, 5000)


@scenario(OPEN)
def of_64_kib_in_reverse(scene):
    """All fragments but one wait."""
    Echo(scene, 'web', 5353, socket.SOCK_DGRAM)
    with Sender(scene, 'phone', PHONE, WEB, 5353) as sender:
        data = bytes(i % 253 for i in range(65000))
        sender.send(*reversed(sender.cut(data, 1480)))
        expect(sender.answer() == data, 'another answer')


@scenario(OPEN)
def overlapping_ones_never_arrive(scene):
    Echo(scene, 'camera', 7000, socket.SOCK_DGRAM)
    Echo(scene, 'camera', 7000, socket.SOCK_DGRAM, socket.AF_INET6)
    for source, server, port in ((HOME, ROUTER, 5000), (HOME6, CAMERA6, 7000)):
        with Sender(scene, 'home', source, server, port) as sender:
            for order in ('1o23', '1o32', '13o2', 'o231', 'o321', '3o21'):
                pieces = dict(zip('123', sender.cut(DATA)))
                sender.number -= 1
                pieces['o'] = sender.cut(DATA, 800)[2]  # overlaps the second
                sender.send(*(pieces[name] for name in order))
            sender.expect_silence()


@scenario(OPEN, '--json')
def strays_are_refused_and_all_are_told(scene):
    """A fragment whose first never comes waits in vain; each packet is told of once."""
    Echo(scene, 'camera', 7000, socket.SOCK_DGRAM)
    with Sender(scene, 'home', HOME, ROUTER, 5000) as sender:
        for _ in range(20):
            sender.send(*sender.cut(DATA)[1:])
        sender.expect_silence()
    def strays():
        lines = [json.loads(line) for line in scene.firewall.out.splitlines()]
        return [o for o in lines if o.get('reason') == 'fragment']
    until(lambda: len(strays()) == 40, 'the strays to be told of')
    with Sender(scene, 'home', HOME, ROUTER, 5000) as sender:
        sender.send(*sender.cut(DATA)[1:])
        sender.expect_silence()
    expect(scene.firewall.stop() == 0, 'the stop failed')
    expect(len(strays()) == 42, f'{len(strays())} strays were told of at the end')
    numbers = [json.loads(line)['packet'] for line in scene.firewall.out.splitlines()]
    expect(sorted(numbers) == list(range(1, len(numbers) + 1)), 'the numbers have gaps')


@scenario(OPEN)
def a_flood_of_strays_costs_others_nothing(scene):
    """While one address sends nothing but strays, others fetch and have their fragments wait."""
    Echo(scene, 'camera', 7000, socket.SOCK_DGRAM)
    script = f"""
import itertools, socket, sys, time
sys.path.insert(0, {os.path.join(ROOT, 'tests', 'replay')!r})
import lab
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
strays = [lab.fragments(lab.udp('192.0.2.66', 1, '{ROUTER}', 5000, bytes(64)), n, 32)[1] for n in range(1, 60000)]
print('begins', flush=True)
for number, stray in enumerate(itertools.cycle(strays)):
    raw.sendto(stray, ('{ROUTER}', 0))
    if number % 50 == 0:
        time.sleep(0.01)
"""
    flood = scene.spawn('stranger', sys.executable, '-c', script, ready='begins')
    try:
        for _ in range(8):
            scene.snapshot('home')
            in_any_order(scene, 'home', HOME, ROUTER, 5000)
    finally:
        expect(flood.is_running(), f'the flood has ended: {flood.err}')
        flood.stop()
    expect(scene.firewall.stop() == 0, 'the stop failed')
    dropped = int(re.search(r' (\d+) dropped', scene.firewall.err)[1])
    expect(dropped > 64, f'a flood of {dropped} packets')


main()
