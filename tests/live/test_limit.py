#!/usr/bin/env python3
"""Out of ports: who is inside is told, and who runs the router."""
import contextlib
import errno
import socket

from live import RULES, Echo, expect, main, scenario

PORTS = 256


def exhaust(scene, client, kind, port):
    """Begin connections to an echo until one is refused; those that were not go on.
    => how many were not"""
    with contextlib.ExitStack() as living:
        sockets = []
        for _ in range(PORTS + 1):
            speaker = living.enter_context(scene.socket(client, kind=kind))
            try:
                speaker.connect(('198.51.100.80', port))
                speaker.send(b'hello')
                expect(speaker.recv(100) == b'hello', 'another answer')
            except OSError as told:
                expect(told.errno == errno.EHOSTUNREACH, f'after {len(sockets)}, {client} was told {told!r}')
                break
            sockets.append(speaker)
        for speaker in sockets:
            speaker.send(b'again')
            expect(speaker.recv(100) == b'again', 'another answer')
        return len(sockets)


@scenario(RULES + f'nat ports 40000-{40000 + PORTS - 1}\n')
def out_of_ports_the_inside_is_told(scene):
    """By ICMP 3/13 (RFC 5508 REQ-8, RFC 6888 REQ-11), over UDP and TCP; what has a port goes on."""
    Echo(scene, 'web', 7000, socket.SOCK_DGRAM)
    Echo(scene, 'web', 7001)
    for client, kind, port in (('phone', socket.SOCK_DGRAM, 7000), ('camera', socket.SOCK_STREAM, 7001)):
        count = exhaust(scene, client, kind, port)
        expect(0 < count < PORTS + 1, f'{count} connections by {PORTS} ports')
    expect(scene.firewall.stop() == 0, 'the stop failed')
    lines = [line for line in scene.firewall.err.splitlines() if line.startswith('no room: drop ')]
    expect(len(lines) == 2 and ' udp lan 192.168.1.77:' in lines[0] and ' tcp lan 192.168.1.50:' in lines[1],
           f'the log says {scene.firewall.err}')
    expect(' 2 packets dropped for want of room or ports, their senders told' in scene.firewall.err,
           f'not counted: {scene.firewall.err}')


main()
