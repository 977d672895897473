#!/usr/bin/env python3
"""The engine on the router and the engine offline say the same.

The firewall runs with --json and tells of each packet that it judges; two sniffers in the router write what is on its
outside and on its inside. Afterwards those captures are replayed, and the two reports are compared packet by packet:
tools/reports.py says how they are matched.
"""
import itertools
import os
import socket
import sys

from live import LIMIT, RULES, ROOT, SNAPSHOT, Echo, expect, main, refused, scenario, tidegate_path, until
from pieces import Sender
import reports

ADDRESSED = RULES.replace('zone wan on wan', 'zone wan on wan address 203.0.113.1/24, 2001:db8:0:1::1/64').replace(
    'zone lan on lan', 'zone lan on lan address 192.168.1.1/24, 2001:db8:1:1::1/64') + '''\
forward udp port 5000 from wan home to camera port 7000
'''


def everyday(scene):
    """Some of everything, and wait until it is over."""
    scene.web()
    Echo(scene, 'camera', 7000, socket.SOCK_DGRAM)
    Echo(scene, 'web', 5353, socket.SOCK_DGRAM)
    scene.snapshot('home')
    scene.snapshot('phone')
    scene.snapshot('home', 'http://[2001:db8:1:1::50]/snapshot.jpg')
    scene.unanswered('stranger', SNAPSHOT)
    scene.unanswered('home', 'http://203.0.113.1:81/')
    expect(scene.curl('phone', 'http://198.51.100.80/page.html').status == 0, 'no page')
    expect(scene.curl('phone', 'http://198.51.100.80:81/').status == 7, 'a closed port did not refuse')
    scene.run('home', sys.executable, os.path.join(ROOT, 'tools', 'camera.py'), 'describe', 'rtsp://203.0.113.1/', check=True)
    for client, server, port in (('home', '203.0.113.1', 5000), ('phone', '198.51.100.80', 5353)):
        with scene.datagrams(client, server, port) as sender:
            for size in (1, 100, 1400):
                sender.send(b'x' * size)
                sender.recv(2000)
    with scene.datagrams('phone', '198.51.100.80', 5354) as sender:
        sender.send(b'is anybody there?')
        refused(lambda: sender.recv(100), 'a datagram to a closed port')
    for namespace, target in (('phone', '198.51.100.80'), ('home', '203.0.113.1'), ('phone', '2001:db8:99::80')):
        scene.run(namespace, 'ping', '-c', '3', '-i', '0.01', '-W', '5', target, check=True)
    for option in ('-I', '-U'):
        scene.run('phone', 'traceroute', option, '-n', '-f', '2', '-q', '1', '-w', '5', '-m', '5', '198.51.100.80', check=True)
    scene.run('stranger', 'nmap', '-n', '-Pn', '-sS', '-p', '20-30,8080', '--max-retries', '0', '203.0.113.1', limit=LIMIT, check=True)
    scene.run('home', 'nmap', '-n', '-Pn', '-sA', '-p', '20-30,8080', '--max-retries', '0', '203.0.113.1', limit=LIMIT, check=True)


def settle(scene):
    """Wait until no TCP connection has anything more to say: the last acknowledgement may come after a program's end."""
    busy = ['ss', '-Htn', 'exclude', 'listening', 'exclude', 'time-wait']
    for namespace in ('home', 'web', 'stranger', 'camera', 'phone'):
        until(lambda: not scene.run(namespace, *busy, check=True).stdout, f'the connections of {namespace} to end')


def agrees(scene, talk):
    """Sniff while `talk` is done, stop the firewall, and replay what was sniffed: it must say the same.
    => what was told live, as packets"""
    sniffers = {zone: scene.capture('router', zone) for zone in ('wan', 'lan')}
    talk(scene)
    settle(scene)
    for zone, sniffer in sniffers.items():
        expect(sniffer.stop() == 0, f'the sniffer on {zone} lost packets')
    expect(scene.firewall.stop() == 0, 'the stop failed')
    told = scene.run('router', tidegate_path(), 'replay', scene.rules, '--json',
                     *(word for zone, sniffer in sniffers.items() for word in ('--in', f'{zone}={sniffer.path}')))
    expect(told.returncode == 0, f'replay ended with {told.returncode}: {told.stderr}')
    other = reports.differences(scene.firewall.out, told.stdout)
    for line in other:
        print(f'# {line}')
    expect(not other, f'{len(other)} flows differ, first: {other[:1]}')
    return list(reports.packets(scene.firewall.out))


@scenario(ADDRESSED, '--json')
def a_live_run_and_its_replay_agree_packet_by_packet(scene):
    live = agrees(scene, everyday)
    happened = {packet['reason'] for packet in live}
    expect(len(live) > 150, f'only {len(live)} packets were judged live')
    expect(happened >= {'forward', 'rule', 'default', 'established', 'related', 'invalid'}, f'only {happened} happened')


CAMERA = '02:00:00:00:00:50'
CONDITIONS = ADDRESSED.replace('allow from lan to wan', f'''\
translate from lan 192.168.1.50 to wan as 198.18.9.5
map 198.18.9.10 on wan to 192.168.1.77
allow udp from lan to wan port 5353 mac {CAMERA} log "the camera"
drop udp from lan to wan port 5353 mac 02:00:00:00:00:51, 02:00:00:00:00:52
reject udp from lan to wan port 5354 during 00:00-24:00
allow udp from lan to wan port 5355 limit 3/hour burst 3 per source
allow udp from wan home to 192.168.1.77 port 7000
allow tcp from lan to wan max 1000 per source''')


def with_conditions(scene):
    scene.ip('isp', 'route add 198.18.9.0/24 via 203.0.113.1')
    scene.ip('camera', f'link set eth0 address {CAMERA}')
    scene.web()
    for namespace, port in (('web', 5353), ('web', 5355), ('phone', 7000)):
        Echo(scene, namespace, port, socket.SOCK_DGRAM)
    for client, host, port in (('camera', '198.51.100.80', 5353), ('home', '198.18.9.10', 7000), ('camera', '198.51.100.80', 5355)):
        with scene.datagrams(client, host, port) as sender:
            sender.send(b'hello')
            expect(sender.recv(100) == b'hello', f'{client} got another echo')
    for _ in range(4):
        with scene.datagrams('phone', '198.51.100.80', 5355) as sender:
            sender.send(b'hello')
    for client in ('phone', 'camera'):
        with scene.datagrams(client, '198.51.100.80', 5354) as sender:
            sender.send(b'may I?')
            refused(lambda: sender.recv(100), f'{client} where it is rejected')
        expect(scene.curl(client, 'http://198.51.100.80/page.html').status == 0, f'no page for {client}')
    with scene.datagrams('phone', '198.51.100.80', 5353) as sender:
        sender.send(b'may I?')
    scene.snapshot('home')


@scenario(CONDITIONS, '--json')
def so_they_do_with_conditions_and_translations(scene):
    live = agrees(scene, with_conditions)
    outside = {packet['to']['src'] for packet in live if 'to' in packet and packet['out'] == 'wan'}
    expect(outside >= {'198.18.9.5', '198.18.9.10'}, f'packets left as {outside}')
    expect([packet['log'] for packet in live if 'log' in packet] == ['the camera'], 'the camera is not logged')
    expect({packet['line'] for packet in live if packet['verdict'] == 'reject'}, 'nothing was rejected')
    refused_by_default = [packet for packet in live if packet['reason'] == 'default' and packet['dport'] in (5353, 5355)]
    expect(len(refused_by_default) == 2, f'{len(refused_by_default)} beyond the rate or of another sender')


def in_fragments(scene):
    """In any order, overlapping, and without their first."""
    Echo(scene, 'camera', 7000, socket.SOCK_DGRAM)
    Echo(scene, 'web', 5353, socket.SOCK_DGRAM)
    for client, source, server, port in (('home', '198.51.100.9', '203.0.113.1', 5000), ('phone', '192.168.1.77', '198.51.100.80', 5353)):
        with Sender(scene, client, source, server, port) as sender:
            for order in itertools.permutations(range(3)):
                fragments = sender.cut(bytes(order) * 1000)
                sender.send(*(fragments[n] for n in order))
                expect(sender.answer() == bytes(order) * 1000, 'another answer')
            first, second, third = sender.cut(bytes(3000))
            sender.number -= 1
            sender.send(third, sender.cut(bytes(3000), 800)[2], second, first)
            sender.send(*sender.cut(bytes(3000))[1:])  # told of when they have waited, and so last of all
            sender.expect_silence()


@scenario(ADDRESSED, '--json')
def so_they_do_with_fragments(scene):
    live = agrees(scene, in_fragments)
    expect(sum(packet['reason'] == 'fragment' for packet in live) >= 4, 'no strays')


main()
