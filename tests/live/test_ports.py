#!/usr/bin/env python3
"""Ports that the router itself listens on are nobody else's: a masqueraded connection gets another."""
import contextlib
import socket
import time

from live import RULES, Echo, Failure, expect, main, scenario

KEPT = RULES + 'allow tcp,udp from wan to router port 41000-41999\n'
KINDS = {socket.SOCK_STREAM: 7001, socket.SOCK_DGRAM: 7000}


def outside_port(scene, echo, kind, mine):
    """=> the port by which the phone's `mine` is known outside"""
    with scene.socket('phone', kind=kind) as client:
        client.bind(('192.168.1.77', mine))
        client.connect(('198.51.100.80', KINDS[kind]))
        client.send(b'hello')
        expect(client.recv(100) == b'hello', 'another answer')
        return echo.peers[-1][1]


def listener(scene, kind, port, address='0.0.0.0', family=socket.AF_INET):
    made = scene.socket('router', family, kind)
    made.bind((address, port))
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made


@scenario(KEPT)
def those_that_were_there_before(scene):
    """On all addresses, or on the one outside; of either family. What only the router itself can reach does not count."""
    expect(scene.firewall.stop() == 0, 'the stop failed')
    places = ((41000, '0.0.0.0', socket.AF_INET), (41002, '203.0.113.1', socket.AF_INET), (41004, '::', socket.AF_INET6),
              (41006, '127.0.0.1', socket.AF_INET))
    listening = [listener(scene, kind, *place) for kind in KINDS for place in places]
    scene.firewall = scene.tidegate(scene.rules)
    for kind, port in KINDS.items():
        echo = Echo(scene, 'web', port, kind)
        for mine in (41000, 41002, 41004):
            given = outside_port(scene, echo, kind, mine)
            expect(given not in (41000, 41002, 41004), f'{mine} became {given}, on which the router listens')
        for mine in (41006, 41008):
            expect(outside_port(scene, echo, kind, mine) == mine, f'{mine} is free, but was not kept')
    Echo(scene, 'router', 41100, socket.SOCK_DGRAM)
    with scene.datagrams('home', '203.0.113.1', 41100) as client:
        client.send(b'who?')
        expect(client.recv(100) == b'who?', 'the router does not answer')
    for one in listening:
        one.close()


@scenario(KEPT)
def one_that_comes_while_the_firewall_runs(scene):
    """It is found in a while; until then its port may be given away. A mapping stays, so each attempt has its own port."""
    for kind, port in KINDS.items():
        echo = Echo(scene, 'web', port, kind)
        with contextlib.ExitStack() as sockets:
            for number in range(41010, 41100, 2):
                sockets.enter_context(listener(scene, kind, number))
            for number in range(41010, 41100, 2):
                if outside_port(scene, echo, kind, number) != number:
                    break
                time.sleep(0.5)
            else:
                raise Failure('the router\'s own ports were given away for as long as it was tried')


main()
