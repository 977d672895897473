#!/usr/bin/env python3
"""TFTP through the helper: real clients (curl, tftp-hpa) and a real server (dnsmasq), on either side of the gate. The
server answers from another port than it was asked at, which without the helper nobody has asked."""
import hashlib
import os
import socket

from live import LIMIT, expect, main, scenario

HELPER = 'helper tftp on udp port 69\n'
RULES = HELPER + '''\
zone wan on wan masquerade
zone lan on lan
allow icmp6 to router
allow from router
allow from lan to wan
default drop
'''
# The server is behind a forward, and may not speak to the world by itself.
BEHIND = HELPER + '''\
zone wan on wan masquerade
zone lan on lan
host boot = 192.168.1.50, 2001:db8:1:1::50
allow icmp6 to router
allow from router
drop udp from lan boot to wan
allow from lan to wan
forward udp port 69 from wan to boot
default drop
'''
OUTSIDE, GATE = '198.51.100.9', '203.0.113.1'
OUTSIDE6, INSIDE6 = '2001:db8:99::9', '2001:db8:1:1::50'
SIZES = {'short': 1, 'one-block': 511, 'two-blocks': 512, 'image': 200 * 1024}


class Server:
    """dnsmasq, as a TFTP server alone."""

    def __init__(self, scene, namespace):
        self.folder = os.path.join(scene.directory, f'tftp-{next(scene.numbers)}')
        os.mkdir(self.folder)
        self.files = {name: hashlib.shake_128(name.encode()).digest(size) for name, size in SIZES.items()}
        for name, data in self.files.items():
            with open(os.path.join(self.folder, name), 'wb') as f:
                f.write(data)
        self.process = scene.spawn(namespace, 'dnsmasq', '--no-daemon', '--conf-file=/dev/null', '--port=0', '--user=root',
                                   '--enable-tftp', f'--tftp-root={self.folder}')
        scene.wait_port(namespace, 69, 'udp')


def curl_gets(scene, client, host, name, *options, limit=LIMIT):
    return scene.curl(client, *options, f'tftp://{host}/{name}', limit=limit)


def fetch(scene, client, host, server):
    """Fetch all files with curl, which asks with options, in different sizes of blocks, and with tftp-hpa, which asks without."""
    address = f'[{host}]' if ':' in host else host
    for name, data in server.files.items():
        for options in ((), ('--tftp-no-options',), ('--tftp-blksize', '1428')):
            got = curl_gets(scene, client, address, name, *options)
            expect(got.status == 0, f'curl {" ".join(options)}, {name}: {got.words}')
            expect(got.body == data, f'curl {" ".join(options)}, {name}: {len(got.body)} bytes came, and not those of the file')
        path = os.path.join(scene.directory, f'{next(scene.numbers)}.tftp')
        done = scene.run(client, 'tftp', '-6' if ':' in host else '-4', host, '-m', 'binary', '-c', 'get', name, path)
        expect(os.path.exists(path), f'tftp, {name}: {done.stdout}{done.stderr}')
        with open(path, 'rb') as f:
            expect(f.read() == data, f'tftp, {name}: what came is not the file')


@scenario(RULES)
def a_client_inside_fetches_files(scene):
    server = Server(scene, 'home')
    fetch(scene, 'phone', OUTSIDE, server)
    fetch(scene, 'phone', OUTSIDE6, server)


@scenario(BEHIND)
def a_server_inside_serves_files(scene):
    server = Server(scene, 'camera')
    fetch(scene, 'home', GATE, server)
    fetch(scene, 'home', INSIDE6, server)


@scenario(BEHIND)
def a_hairpin(scene):
    server = Server(scene, 'camera')
    fetch(scene, 'phone', GATE, server)
    fetch(scene, 'home', GATE, server)


@scenario(RULES.replace(HELPER, ''))
def without_the_helper_a_client_inside_gets_nothing(scene):
    Server(scene, 'home')
    for host in (OUTSIDE, f'[{OUTSIDE6}]'):
        expect(curl_gets(scene, 'phone', host, 'image', limit=2).status != 0, f'{host} answers without the helper')


@scenario(BEHIND.replace(HELPER, ''))
def without_the_helper_a_server_inside_serves_nothing(scene):
    Server(scene, 'camera')
    for host in (GATE, f'[{INSIDE6}]'):
        expect(curl_gets(scene, 'home', host, 'image', limit=2).status != 0, f'{host} answers without the helper')


REQUEST = b'\0\1image\0octet\0'


def answered(scene, text, sender='home', port=42424):
    """Send a datagram from the phone to port 69 of `home`, and one from `sender` to where that came from.
    => whether the phone gets it"""
    server = scene.socket('home', kind=socket.SOCK_DGRAM)
    server.bind(('0.0.0.0', 69))
    with server, scene.socket('phone', kind=socket.SOCK_DGRAM) as client, \
            scene.socket(sender, kind=socket.SOCK_DGRAM) as other:
        client.bind(('0.0.0.0', port))
        client.sendto(text, (OUTSIDE, 69))
        _, seen = server.recvfrom(2000)
        other.sendto(b'\0\3\0\1data', seen)
        client.settimeout(0.5)
        try:
            return client.recv(100) == b'\0\3\0\1data'
        except TimeoutError:
            return False


@scenario(RULES)
def nothing_else_is_opened(scene):
    expect(not answered(scene, b'\0\3\0\1data', port=42420), 'a datagram that asks for nothing has opened a port')
    expect(not answered(scene, REQUEST[:-1], port=42421), 'a request that is cut off has opened a port')
    expect(not answered(scene, REQUEST, 'stranger', 42422), 'what was asked of one is open to another')
    expect(not answered(scene, REQUEST, port=1023), 'a port below 1024 was opened')
    expect(answered(scene, REQUEST), 'a request has opened nothing: this test could not fail')


main()
