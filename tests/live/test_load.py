#!/usr/bin/env python3
"""Many connections at once, several workers, and large transfers with the kernel's offloads on."""
import hashlib
import json
import os
import re
import socket
import sys
import threading

from live import LIMIT, RULES, SNAPSHOT, Echo, expect, main, scenario

OPEN = RULES + 'forward tcp port 5201 from wan home to camera\nforward tcp port 9000 from wan home to camera port 7000\n'
MEGABYTE = 1 << 20


def parallel(work, items, threads=16):
    """Do work(item) for each in several threads; the first exception is raised here."""
    left, trouble = list(items), []

    def run():
        try:
            while left and not trouble:
                work(left.pop())
        except IndexError:
            pass  # another thread took the last one
        except Exception as told:
            trouble.append(told)
    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if trouble:
        raise trouble[0]


@scenario(RULES, '--workers', '2')
def two_workers_serve_fifty_in_and_fifty_out_at_once(scene):
    server = scene.web()
    inward = scene.spawn('home', 'curl', '-sS', '--parallel', '--parallel-immediate', '--parallel-max', '50', '--max-time', '20',
                         SNAPSHOT + '?[1-50]', '-o', os.path.join(scene.directory, 'in_#1'))
    outward = scene.spawn('phone', 'curl', '-sS', '--parallel', '--parallel-immediate', '--parallel-max', '50', '--max-time', '20',
                          'http://198.51.100.80/page.html?[1-50]', '-o', os.path.join(scene.directory, 'out_#1'))
    for curl in (inward, outward):
        expect(curl.wait(2 * LIMIT) == 0, f'curl: {curl.err.strip()}')
    for number in range(1, 51):
        with open(os.path.join(scene.directory, f'in_{number}'), 'rb') as f:
            expect(f.read() == scene.picture, f'picture {number} is not what the camera has')
        expect(os.path.getsize(os.path.join(scene.directory, f'out_{number}')) == 19000, f'page {number} is not whole')
    visitors = set(re.findall(r'([0-9.]+) - - .*GET', server.err))
    expect(visitors == {'203.0.113.1'}, f'the web server saw {visitors}')
    queues = scene.run('router', 'cat', '/proc/net/netfilter/nfnetlink_queue').stdout.split('\n')
    busy = [line for line in queues if line and int(line.split()[7]) > 100]
    expect(len(busy) >= 2, f'two workers, but not two busy queues: {queues}')


@scenario(OPEN)
def five_hundred_short_connections_come_and_go(scene):
    echo = Echo(scene, 'camera', 7000)

    def one(number):
        with scene.connect('home', '203.0.113.1', 9000) as client:
            client.sendall(b'%d' % number)
            expect(client.recv(100) == b'%d' % number, f'connection {number} got another echo')
    parallel(one, range(500))
    expect(len(echo.peers) == 500 and len(set(echo.peers)) == 500, f'the camera saw {len(set(echo.peers))} connections')


@scenario(OPEN)
def five_hundred_short_connections_go_out(scene):
    echo = Echo(scene, 'web', 7000)

    def one(number):
        with scene.connect('phone' if number % 2 else 'camera', '198.51.100.80', 7000) as client:
            client.sendall(b'%d' % number)
            expect(client.recv(100) == b'%d' % number, f'connection {number} got another echo')
    parallel(one, range(500))
    expect(len(set(echo.peers)) == 500 and {a for a, _ in echo.peers} == {'203.0.113.1'}, 'the server saw other clients')


def carry(sender, receiver, size):
    """Send `size` random bytes from one socket to the other, which must get them unchanged."""
    block, sent, got = os.urandom(MEGABYTE), hashlib.sha256(), hashlib.sha256()

    def send():
        for _ in range(size // MEGABYTE):
            sent.update(block)
            sender.sendall(block)
        sender.shutdown(socket.SHUT_WR)
    thread = threading.Thread(target=send)
    thread.start()
    received = 0
    while data := receiver.recv(MEGABYTE):
        got.update(data)
        received += len(data)
    thread.join()
    expect(received == size, f'{received} bytes came of {size}')
    expect(sent.digest() == got.digest(), 'the bytes that came are not those that were sent')


def wrong_checksums(scene, namespace):
    """How many segments with a wrong checksum have come to a host."""
    names, numbers = [line.split() for line in scene.run(namespace, 'cat', '/proc/net/snmp').stdout.split('\n')
                      if line.startswith('Tcp: ')]
    return int(dict(zip(names, numbers))['InCsumErrors'])


def carry_both_ways(scene, server, port, client='home'):
    """Between a client and port 7000 of a host, reached by `port` of the router."""
    for server_sends in (False, True):
        with scene.socket(server) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(('', 7000))
            listener.listen()
            with scene.connect(client, '203.0.113.1', port) as near, listener.accept()[0] as far:
                far.settimeout(LIMIT)
                carry(*((far, near) if server_sends else (near, far)), 64 * MEGABYTE)
    for namespace in (server, client):
        expect(wrong_checksums(scene, namespace) == 0, f'segments with a wrong checksum have come to {namespace}')


@scenario(OPEN, wire=False)
def large_packets_arrive_unchanged_both_ways(scene):
    carry_both_ways(scene, 'camera', 9000)


@scenario(OPEN + 'forward tcp port 9001 from wan home to 192.168.1.1 port 7000\n', wire=False)
def large_packets_for_the_router_itself_do(scene):
    carry_both_ways(scene, 'router', 9001)


@scenario(OPEN, wire=False)
def large_packets_in_two_halves_do(scene):
    carry_both_ways(scene, 'camera', 9000, 'phone')


@scenario(OPEN, wire=False)
def iperf3_completes_both_ways(scene):
    """iperf3 stops counting before the last bytes have come, on any path; that they do come is shown above."""
    scene.spawn('camera', 'iperf3', '-s')
    scene.wait_port('camera', 5201)
    for reverse in ((), ('-R',)):
        told = scene.run('home', 'iperf3', '-c', '203.0.113.1', '-n', '40M', '--json', *reverse, limit=2 * LIMIT)
        report = json.loads(told.stdout)
        expect('error' not in report, f'iperf3 {reverse}: {report.get("error")}')
        sent, received = report['end']['sum_sent']['bytes'], report['end']['sum_received']['bytes']
        expect(sent >= 40 * MEGABYTE and received > sent / 2, f'iperf3 {reverse}: {sent} bytes sent, {received} received')


main()
