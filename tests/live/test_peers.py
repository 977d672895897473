#!/usr/bin/env python3
"""Two devices inside that have learnt each other's outside address and port from somebody in the world, as programs that
speak from peer to peer do, and reach each other by those: RFC 4787 REQ-9, RFC 5382 REQ-8, RFC 5508 REQ-7. Both use the
same port inside, so that one of them has another outside."""
import errno
import socket
import time

from live import LIMIT, RULES, Echo, expect, main, scenario, until

OUTSIDE, PORT, MEETING = '203.0.113.1', 5000, 3478


class Peer:
    """A device that speaks from port 5000, and what the world knows it by."""

    def __init__(self, scene, namespace, echo, kind=socket.SOCK_DGRAM):
        self.socket = open_socket(scene, namespace, kind)
        self.socket.connect(('198.51.100.80', MEETING))
        self.socket.sendall(b'who am I?')
        expect(self.socket.recv(100) == b'who am I?', f'no answer to {namespace}')
        self.known = echo.peers[-1]
        if kind == socket.SOCK_DGRAM:
            self.socket.close()
            self.socket = open_socket(scene, namespace, kind)


def open_socket(scene, namespace, kind):
    made = scene.socket(namespace, socket.AF_INET, kind)
    made.settimeout(LIMIT)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(('', PORT))
    return made


def two_peers(scene, kind=socket.SOCK_DGRAM):
    echo = Echo(scene, 'web', MEETING, kind)
    peers = Peer(scene, 'camera', echo, kind), Peer(scene, 'phone', echo, kind)
    ports = [peer.known[1] for peer in peers]
    expect(all(peer.known[0] == OUTSIDE for peer in peers) and len(set(ports)) == 2, f'they are known as {ports}')
    return peers


def meet(camera, phone):
    """The first to speak is not heard; the second is, and from then on both."""
    camera.socket.sendto(b'lost', phone.known)
    phone.socket.sendto(b'hello', camera.known)
    got, source = camera.socket.recvfrom(100)
    expect(got == b'hello' and source == phone.known, f'the camera got {got} from {source}')
    camera.socket.sendto(b'hello yourself', phone.known)
    got, source = phone.socket.recvfrom(100)
    expect(got == b'hello yourself' and source == camera.known, f'the phone got {got} from {source}')


@scenario()
def datagrams_from_peer_to_peer(scene):
    camera, phone = two_peers(scene)
    meet(camera, phone)
    for size in (1, 1472, 4000, 20000):  # the last two in pieces
        for sender, receiver in ((camera, phone), (phone, camera)):
            sender.socket.sendto(b'x' * size, receiver.known)
            got, source = receiver.socket.recvfrom(65536)
            expect(len(got) == size and source == sender.known, f'{len(got)} of {size} bytes from {source}')


@scenario()
def who_was_not_spoken_to_is_not_heard(scene):
    camera, phone = two_peers(scene)
    for _ in range(3):
        phone.socket.sendto(b'hello?', camera.known)
    with open_socket_elsewhere(scene) as other:
        camera.socket.sendto(b'not to that port', phone.known)
        other.sendto(b'from another port', camera.known)
    phone.socket.sendto(b'hello', camera.known)
    expect(camera.socket.recv(100) == b'hello', 'the camera heard who it had not spoken to')


def open_socket_elsewhere(scene):
    made = scene.socket('phone', socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(('', PORT + 1))
    return made


@scenario(RULES.replace('default', 'nat filtering endpoint-independent\ndefault'))
def with_freer_filtering_the_first_is_heard(scene):
    camera, phone = two_peers(scene)
    phone.socket.sendto(b'hello', camera.known)
    got, source = camera.socket.recvfrom(100)
    expect(got == b'hello' and source == phone.known, f'the camera got {got} from {source}')


@scenario()
def an_error_finds_its_way_back(scene):
    camera, phone = two_peers(scene)
    meet(camera, phone)
    phone.socket.connect(camera.known)
    camera.socket.close()

    def told():
        try:
            phone.socket.send(b'are you there?')
            time.sleep(0.05)
        except ConnectionRefusedError:
            return True
        return False
    until(told, 'the phone to be told that the port is closed')


@scenario()
def tcp_from_peer_to_peer(scene):
    camera, phone = two_peers(scene, socket.SOCK_STREAM)
    calls = [open_socket(scene, name, socket.SOCK_STREAM) for name in ('camera', 'phone')]
    calls[0].setblocking(False)
    status = calls[0].connect_ex(phone.known)
    expect(status == errno.EINPROGRESS, f'the camera got {status}')
    calls[1].connect(camera.known)
    calls[0].settimeout(LIMIT)
    for sender, receiver, known in ((calls[0], calls[1], camera.known), (calls[1], calls[0], phone.known)):
        sender.sendall(b'y' * 100000)
        left = 100000
        while left > 0:
            got = receiver.recv(65536)
            expect(got, 'the connection ended early')
            left -= len(got)
        expect(receiver.getpeername() == known, f'connected with {receiver.getpeername()}')


@scenario()
def an_address_within_the_network_inside_is_told_of(scene):
    scene.ip('router', 'address add 192.168.1.200/24 dev wan noprefixroute')
    scene.firewall.wait_text(r'^.*warning: 192\.168\.1\.200, .* on zone wan, is in the network of zone lan')
    scene.ip('router', 'address del 192.168.1.200/24 dev wan')
    scene.snapshot('home')


main()
