#!/usr/bin/env python3
"""What is too large for the way out of the router itself (RFC 4787 REQ-13)."""
import socket
import struct

from live import Echo, expect, main, oracle, refused, scenario

IP_MTU_DISCOVER, DONT, DO, IP_MTU = 10, 0, 2, 14


@scenario()
def what_may_not_be_cut_is_answered_with_the_size_that_fits(scene):
    scene.ip('router', 'link set wan mtu 1300')
    Echo(scene, 'web', 7000, socket.SOCK_DGRAM)
    with scene.datagrams('phone', '198.51.100.80', 7000) as client:
        client.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, DO)
        client.send(b'x' * 1200)
        expect(len(client.recv(2000)) == 1200, 'what fits does not pass')
        client.send(b'x' * 1400)
        told = refused(lambda: client.recv(2000), 'a datagram that is too large for the way out')
        expect(client.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1300, f'the phone did not learn the size: {told!r}')


def fragments_from(path, source):
    """=> (identification, offset in bytes) of each fragment of a source"""
    found = []
    for _, frame, _ in oracle.packets(path):
        if frame[12:14] == b'\x08\x00' and frame[26:30] == socket.inet_aton(source):
            number, where = struct.unpack('!HH', frame[18:22])
            if where & 0x3fff:
                found.append((number, (where & 0x1fff) * 8))
    return found


@scenario()
def what_may_be_cut_is_and_leaves_in_order(scene):
    scene.ip('router', 'link set wan mtu 1300')
    outside = scene.capture('web', 'eth0')
    with scene.socket('web', kind=socket.SOCK_DGRAM) as server, scene.datagrams('phone', '198.51.100.80', 7000) as client:
        server.bind(('0.0.0.0', 7000))
        client.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, DONT)
        for size in (1400, 1473, 4000):
            client.send(b'x' * size)
            got, peer = server.recvfrom(65536)
            expect(len(got) == size and peer[0] == '203.0.113.1', f'of {size} bytes {len(got)} came, from {peer[0]}')
    outside.stop()
    seen = fragments_from(outside.path, '203.0.113.1')
    expect(len(seen) >= 6, f'the web server saw no fragments: {seen}')
    for number in {n for n, _ in seen}:
        offsets = [at for n, at in seen if n == number]
        expect(offsets == sorted(offsets), f'fragments in disorder: {seen}')


main()
