#!/usr/bin/env python3
"""A rejected packet is answered at once: TCP by a reset, anything else by an ICMP error."""
import errno

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


main()
