#!/usr/bin/env python3
"""A rejected packet is answered at once: TCP by a reset, anything else by an ICMP error."""
import errno
import os
import socket
import time

from live import RULES, expect, main, refused, scenario

REJECTING = RULES.replace('allow from lan to wan', '''\
reject tcp from lan to wan port 25
reject udp from lan to wan port 5353
reject tcp from wan home to router port 113
reject udp from wan home to router port 33434
allow from lan to wan''')


@scenario(REJECTING)
def tcp_is_refused_from_inside_and_outside(scene):
    for client, server, port in (('phone', '198.51.100.80', 25), ('phone', '2001:db8:99::80', 25), ('home', '203.0.113.1', 113)):
        told = refused(lambda: scene.connect(client, server, port), f'{client} to {server} port {port}')
        expect(isinstance(told, ConnectionRefusedError), f'{client} to {server} port {port}: {told!r}')


@scenario(REJECTING)
def udp_is_refused_from_inside_and_outside(scene):
    for client, server, port in (('phone', '198.51.100.80', 5353), ('phone', '2001:db8:99::80', 5353), ('home', '203.0.113.1', 33434)):
        with scene.datagrams(client, server, port) as sender:
            sender.send(b'may I?')
            told = refused(lambda: sender.recv(100), f'{client} to {server} port {port}')
        expect(told.errno in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EACCES), f'{client} to {server} port {port}: {told!r}')


@scenario(RULES.replace('default drop', 'default reject'))
def a_rejecting_default_answers_too(scene):
    told = refused(lambda: scene.connect('stranger', '203.0.113.1', 8080), 'the stranger')
    expect(isinstance(told, ConnectionRefusedError), f'the stranger was told {told!r}')
    scene.snapshot('home')


@scenario(REJECTING.replace('default', 'reject udp from lan to router port 5353\ndefault'))
def what_is_for_all_is_answered_by_nobody(scene):
    listener = scene.socket('phone', socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sender = scene.socket('phone', socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    for address in ('192.168.1.255', '255.255.255.255', '224.0.0.251', '192.168.1.1'):
        sender.sendto(b'may I?', (address, 5353))
    told = listener.recv(2000)  # packets of one device are judged in order
    about = socket.inet_ntoa(told[28 + 16:28 + 20])
    expect(told[20:22] == b'\x03\x0d' and about == '192.168.1.1', f'an error of type {told[20]} about {about}')


@scenario(REJECTING)
def errors_are_few_a_second(scene):
    """RFC 1812 4.3.2.8: so many a second of each worker, and as many at once; each has the type of service of what it is
    about (4.3.2.5)."""
    errors, workers = 100, os.cpu_count()
    listener = scene.socket('phone', socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    sender = scene.socket('phone', socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x10)
    begun = time.monotonic()
    for _ in range(3000):
        sender.sendto(b'may I?', ('198.51.100.80', 5353))
    scene.curl('phone', 'http://192.168.1.1:81/')  # behind all of them
    took = time.monotonic() - begun
    listener.setblocking(False)
    seen = 0
    while True:
        try:
            packet = listener.recv(2000)
        except BlockingIOError:
            break
        if packet[20:22] == b'\x03\x0d' and packet[28 + 9] == socket.IPPROTO_UDP:
            expect(packet[1] == 0xd0, f'type of service {packet[1]:02x}')
            seen += 1
    most = errors * workers * (took + 2)
    expect(errors <= seen <= most, f'{seen} errors in {took:.2f} s, where {errors} to {most:.0f} were due')


main()
