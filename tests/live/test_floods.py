#!/usr/bin/env python3
"""Whoever floods harms only himself: transfers go on and newcomers get through, beside floods of SYNs, of datagrams and
of fragments, a full table, and a device that takes all it can get."""
import contextlib
import errno
import json
import os
import re
import socket
import time

from live import LIMIT, SNAPSHOT, Echo, expect, main, oracle, refused, scenario, until

RULES = '''\
zone wan on wan masquerade
zone lan on lan
host camera = 192.168.1.50
allow icmp echo-request from any to router
allow from router
allow from lan to wan
forward tcp port 8080 from wan to camera port 80
forward tcp port 8081 from wan to camera port 81
forward tcp port 5201 from wan to camera
forward tcp port 7000 from wan to camera
forward udp port 5000 from wan to camera
default drop
'''
SMALL = RULES + 'connections max 256\n'
WEB, ROUTER = '198.51.100.80', '203.0.113.1'
FLOOD = 3  # seconds, at least


class Transfer:
    """iperf3 from home to the camera, by a forward, at a pace that leaves room for a flood."""

    def __init__(self, scene, seconds):
        scene.spawn('camera', 'iperf3', '-s')
        scene.wait_port('camera', 5201)
        self.client = scene.spawn('home', 'iperf3', '-c', ROUTER, '-b', '20M', '-t', str(seconds), '--json')
        until(lambda: scene.run('camera', 'ss', '-Htn', 'state', 'established', 'sport = :5201').stdout.count('\n') == 2,
              'iperf3 to have both its connections')

    def ends_whole(self):
        status = self.client.wait(3 * LIMIT)
        report = json.loads(self.client.out)
        expect(status == 0 and 'error' not in report, f'iperf3: {report.get("error")}')
        sent, received = (report['end'][f'sum_{what}']['bytes'] for what in ('sent', 'received'))
        expect(sent > 1 << 20 and received > sent * 9 // 10, f'iperf3: {sent} bytes sent, {received} received')


def like_the_world(scene):
    """Providers drop sources that cannot be, and what is sent to nobody is lost without a word."""
    for private in oracle.PRIVATE:
        if private.version == 4:
            scene.ip('isp', f'rule add from {private} blackhole')
    scene.ip('isp', 'route add blackhole default')


@contextlib.contextmanager
def flooding(scene, *floods):
    """hping3 from namespaces, each (namespace, options), for FLOOD seconds and for as long as the block takes."""
    tools = [scene.spawn(namespace, 'hping3', '-q', '-n', *options, ROUTER) for namespace, options in floods]
    begun = time.monotonic()
    yield
    time.sleep(max(0, begun + FLOOD - time.monotonic()))
    for tool in tools:
        expect(tool.is_running(), f'hping3 ended before its time: {tool.err.strip()}')
        tool.stop()


def count_packets(scene, namespace, interface, protocol):
    """=> a function that tells how many have come in since"""
    sniffer = scene.capture(namespace, interface, incoming=True, snaplen=64)

    def count():
        sniffer.stop()
        return sum(1 for _, data, _ in oracle.packets(sniffer.path) if data[12:14] == b'\x08\x00' and data[23] == protocol)
    return count


def speaks(connection, text):
    connection.sendall(text)
    expect(connection.recv(100) == text, f'{text} did not come back')


def serves_all(scene, standing):
    """What stands goes on, who is honest gets in, who is inside gets out."""
    for number in range(3):
        speaks(standing, b'still here %d' % number)
        scene.snapshot('home')
        with scene.connect('phone', WEB, 7001) as client:
            speaks(client, b'from inside')


def survives(scene, *floods):
    like_the_world(scene)
    Echo(scene, 'camera', 7000)
    Echo(scene, 'web', 7001)
    transfer = Transfer(scene, FLOOD + 3)
    with scene.connect('home', ROUTER, 7000) as standing:
        speaks(standing, b'before')
        came = count_packets(scene, 'router', 'wan', oracle.TCP)
        with flooding(scene, *floods):
            serves_all(scene, standing)
        expect(came() > 2000, 'that was no flood')
        transfer.ends_whole()
        speaks(standing, b'after')
    serves_all_again(scene)


def serves_all_again(scene):
    scene.snapshot('home')
    with scene.connect('phone', WEB, 7001) as client:
        speaks(client, b'after all')


@scenario(RULES)
def a_syn_flood_from_everywhere(scene):
    survives(scene, ('web', ('-S', '-p', '8080', '--rand-source', '-i', 'u100')))
    scene.firewall.stop()
    peak = int(re.search(r'connections: (\d+) at most', scene.firewall.err)[1])
    expect(peak < 16384 // 4 + 500, f'the flood took {peak} places')


def queues(scene):
    """=> {number: (packets so far, packets dropped for want of room)} of the router's packet queues"""
    lines = scene.run('router', 'cat', '/proc/net/netfilter/nfnetlink_queue', check=True).stdout.splitlines()
    rows = [[int(word) for word in line.split()] for line in lines]
    return {row[0]: (row[7], row[5] + row[6]) for row in rows}


@scenario(RULES)
def a_syn_flood_as_fast_as_it_gets(scene):
    """It has a queue of its own: what is established finds room, however full that is."""
    like_the_world(scene)
    Echo(scene, 'camera', 7000)
    transfer = Transfer(scene, FLOOD + 1)
    with scene.connect('home', ROUTER, 7000) as standing:
        with flooding(scene, ('web', ('-S', '-p', '8080', '--rand-source', '--flood'))):
            for number in range(3):
                speaks(standing, b'still here %d' % number)
        transfer.ends_whole()
        speaks(standing, b'after')
    opening = 3 * os.cpu_count()
    seen = queues(scene)
    expect(seen[opening][0] > 10000, f'that was no flood: {seen}')
    expect(not any(dropped for number, (_, dropped) in seen.items() if number != opening), f'others had no room: {seen}')


@scenario(RULES)
def a_syn_flood_at_a_closed_port(scene):
    survives(scene, ('web', ('-S', '-p', '8081', '--rand-source', '-i', 'u100')))


@scenario(RULES)
def syn_floods_from_one_source_each(scene):
    survives(scene, ('stranger', ('-S', '-p', '8080', '-i', 'u200')), ('web', ('-S', '-p', '8081', '-i', 'u200')))


@scenario(RULES)
def a_flood_of_datagrams_that_are_answered(scene):
    Echo(scene, 'camera', 5000, socket.SOCK_DGRAM)
    survives(scene, ('web', ('-S', '-p', '8080', '--rand-source', '-i', 'u400')),
             ('web', ('-2', '-d', '20', '-p', '5000', '--rand-source', '-i', 'u200')))
    with scene.datagrams('home', ROUTER, 5000) as client:
        for number in range(3):
            client.send(b'%d' % number)
            expect(client.recv(100) == b'%d' % number, 'an honest datagram was not answered')


@scenario(RULES)
def a_flood_of_fragments(scene):
    """First ones that nothing follows, and others that nothing came before; large datagrams get through in pieces."""
    like_the_world(scene)
    Echo(scene, 'camera', 7000)
    Echo(scene, 'web', 7001)
    Echo(scene, 'camera', 5000, socket.SOCK_DGRAM)
    Echo(scene, 'web', 5001, socket.SOCK_DGRAM)
    transfer = Transfer(scene, FLOOD + 3)
    with scene.connect('home', ROUTER, 7000) as standing, scene.datagrams('home', ROUTER, 5000) as inward, \
            scene.datagrams('phone', WEB, 5001) as outward:
        with flooding(scene, ('web', ('-2', '-x', '-d', '64', '-p', '5000', '--rand-source', '-i', 'u200')),
                      ('web', ('-0', '-H', '17', '-g', '64', '-x', '-d', '64', '--rand-source', '-i', 'u200'))):
            serves_all(scene, standing)
            for way in (inward, outward):
                large = os.urandom(5000)
                got = until(lambda: answered(way, large), 'a datagram in fragments to be answered')
                expect(got == large, 'a datagram in fragments was changed')
        transfer.ends_whole()
        speaks(standing, b'after')
    serves_all_again(scene)


def answered(way, data):
    """=> the answer to a datagram; None if it was lost, as one may be on a path that is full"""
    way.settimeout(1)
    way.send(data)
    try:
        return way.recv(65536)
    except TimeoutError:
        return None


def take_places(scene, namespace, count, first=20000):
    """Begin `count` connections of UDP, each from a port of its own, to a server outside.
    => how many it answered"""
    got = 0
    sockets = []
    for number in range(count):
        client = scene.socket(namespace, kind=socket.SOCK_DGRAM)
        client.bind(('0.0.0.0', first + number))
        client.connect((WEB, 5001))
        client.setblocking(False)
        with contextlib.suppress(OSError):
            client.send(b'a place')
        sockets.append(client)
    end = time.monotonic() + 2
    waiting = set(sockets)
    while waiting and time.monotonic() < end:
        for client in list(waiting):
            with contextlib.suppress(BlockingIOError):
                try:
                    client.recv(100)
                    got += 1
                except OSError as told:
                    if isinstance(told, BlockingIOError):
                        raise
                waiting.discard(client)
        time.sleep(0.01)
    for client in sockets:
        client.close()
    return got


@scenario(SMALL)
def a_full_table(scene):
    """What is established goes on; who is inside is told that there is no room, who is outside is not; and none is lost."""
    Echo(scene, 'camera', 7000)
    Echo(scene, 'web', 7001)
    Echo(scene, 'web', 5001, socket.SOCK_DGRAM)
    transfer = Transfer(scene, 6)
    told_outside = count_packets(scene, 'isp', 'customer', oracle.ICMP)
    with scene.connect('home', ROUTER, 7000) as standing, scene.connect('phone', WEB, 7001) as outward:
        taken = take_places(scene, 'phone', 200) + take_places(scene, 'camera', 200) + take_places(scene, 'router', 256)
        expect(taken > 230, f'only {taken} places were there to take')
        for namespace in ('phone', 'camera'):
            told = refused(lambda: scene.connect(namespace, WEB, 7001), f'a connection of the {namespace} without room')
            expect(told.errno == errno.EHOSTUNREACH, f'the {namespace} was told {told!r}')
        with scene.datagrams('phone', WEB, 5001) as client:
            def rejected():
                with contextlib.suppress(TimeoutError):
                    try:
                        client.settimeout(0.2)
                        client.send(b'no place')
                        client.recv(100)
                    except OSError as trouble:
                        if isinstance(trouble, TimeoutError):
                            raise
                        return trouble
                return None
            told = until(rejected, 'the phone to be told of its datagram')
            expect(told.errno == errno.EHOSTUNREACH, f'the phone was told {told!r}')
        scene.unanswered('home', SNAPSHOT)
        for connection in (standing, outward):
            speaks(connection, b'full, and still here')
        transfer.ends_whole()
        for connection in (standing, outward):
            speaks(connection, b'after')
    expect(told_outside() == 0, 'the world was told')
    scene.firewall.stop()
    expect(re.search(r'connections: 256 at most', scene.firewall.err), f'it was not full: {scene.firewall.err}')
    expect('for want of room or ports, their senders told' in scene.firewall.err, 'nobody was counted as told')


@scenario(RULES + 'connections max 512\n')
def a_device_that_takes_all_it_can_get(scene):
    Echo(scene, 'web', 7001)
    Echo(scene, 'web', 5001, socket.SOCK_DGRAM)
    greedy = take_places(scene, 'phone', 600)
    expect(greedy <= 512 // 2 + 1, f'the phone got {greedy} of 512 places')
    modest = take_places(scene, 'camera', 60)
    expect(modest == 60, f'the camera got {modest} of 60 places beside the phone')
    with scene.connect('camera', WEB, 7001) as client:
        speaks(client, b'and over TCP')
    scene.snapshot('home')


@scenario(RULES + 'nat ports 20000-20255\n')
def a_device_that_takes_all_ports_it_can_get(scene):
    echo = Echo(scene, 'web', 5001, socket.SOCK_DGRAM)
    greedy = take_places(scene, 'phone', 300)
    expect(greedy <= 256 // 2 + 1, f'the phone got {greedy} of 256 ports')
    modest = take_places(scene, 'camera', 20)
    expect(modest == 20, f'the camera got {modest} of 20 ports beside the phone')
    ports = {port for _, port in echo.peers}
    expect(len(ports) == greedy + modest, f'{greedy + modest} connections came from {len(ports)} ports')
    expect(all(20000 <= port < 20256 for port in ports), f'ports beyond those there are: {sorted(ports)}')


main()
