#!/usr/bin/env python3
"""The house in order: the oracle catches what it is for, a killed test leaves nothing behind, the README tells the truth."""
import ipaddress
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile

from live import Home, ROOT, alone, expect, main, oracle, tidegate_path, until

LAY = 'import sys, time; sys.path.insert(0, sys.argv[1])\n' \
      'from topology import Home\n' \
      'net = Home(); process = net.spawn("camera", "sleep", "1000")\n' \
      'print(net.prefix, net.directory, process.pid, flush=True); time.sleep(1000)\n'
TOOLS = os.path.dirname(os.path.abspath(oracle.__file__))
OUTSIDE, WORLD, INSIDE = '203.0.113.1', '198.51.100.9', '192.168.1.50'
OUTSIDE6, WORLD6 = '2001:db8:1:1::50', '2001:db8:99::9'


def whole(at, head, pseudo, spoil):
    """A transport segment with its checksum at `at`; `spoil` makes it wrong."""
    value = ~oracle.ones_sum(pseudo + head) & 0xffff
    return head[:at] + struct.pack('!H', value ^ (0x0101 if spoil else 0)) + head[at + 2:]


def packet(source, destination, proto, head, spoil='', fragment=0):
    """An IP packet around a transport segment whose checksum is still 0; `spoil` says which to make wrong: ip, transport."""
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    pseudo = a.packed + b.packed + (struct.pack('!BBH', 0, proto, len(head)) if a.version == 4
                                    else struct.pack('!IHBB', len(head), 0, 0, proto))
    body = whole(oracle.CHECKSUM_AT[proto], head, b'' if proto == oracle.ICMP else pseudo, spoil == 'transport')
    if a.version == 6:
        return struct.pack('!IHBB', 6 << 28, len(body), proto, 64) + a.packed + b.packed + body
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(body), 7, fragment, 64, proto, 0, a.packed, b.packed)
    return whole(10, ip, b'', spoil == 'ip') + body


TCP = struct.pack('!HHIIBBHHH', 80, 40000, 1, 1, 0x50, 0x18, 1000, 0, 0) + b'hello'
UDP = struct.pack('!HHHH', 53, 40000, 13, 0) + b'hello'
ECHO = struct.pack('!BBHHH', 8, 0, 0, 7, 1) + b'hello'
ECHO6 = struct.pack('!BBHHH', 128, 0, 0, 7, 1) + b'hello'


def unreachable(quoted):
    return packet(OUTSIDE, WORLD, oracle.ICMP, struct.pack('!BBHI', 3, 3, 0, 0) + quoted)


GOOD = [packet(OUTSIDE, WORLD, proto, head) for proto, head in ((6, TCP), (17, UDP), (1, ECHO))] + \
       [packet(OUTSIDE6, WORLD6, proto, head) for proto, head in ((6, TCP), (17, UDP), (58, ECHO6))] + \
       [unreachable(packet(WORLD, OUTSIDE, 17, UDP)), unreachable(packet(WORLD, OUTSIDE, 6, TCP)[:28]),
        packet(OUTSIDE, WORLD, 17, UDP, 'transport', fragment=0x2000),
        packet('fe80::1', 'ff02::16', 58, struct.pack('!BBHI', 143, 0, 0, 0))]
BAD = {
    'private source 192.168.1.50': packet(INSIDE, WORLD, 6, TCP),
    'private source 10.1.2.3': packet('10.1.2.3', WORLD, 17, UDP),
    'private source fd00::50': packet('fd00::50', WORLD6, 6, TCP),
    'private source fe80::50': packet('fe80::50', WORLD6, 17, UDP),
    'private destination 192.168.1.50': packet(OUTSIDE, INSIDE, 6, TCP),
    'IP header checksum': packet(OUTSIDE, WORLD, 6, TCP, 'ip'),
    'TCP checksum': packet(OUTSIDE, WORLD, 6, TCP, 'transport'),
    'UDP checksum': packet(OUTSIDE6, WORLD6, 17, UDP, 'transport'),
    'ICMP checksum': packet(OUTSIDE, WORLD, 1, ECHO, 'transport'),
    'ICMPv6 checksum': packet(OUTSIDE6, WORLD6, 58, ECHO6, 'transport'),
    'quoted private destination 192.168.1.50': unreachable(packet(WORLD, INSIDE, 17, UDP)),
    'quoted IP header checksum': unreachable(packet(WORLD, OUTSIDE, 17, UDP, 'ip')),
    'quoted UDP checksum': unreachable(packet(WORLD, OUTSIDE, 17, UDP, 'transport')),
}


@alone
def the_oracle_catches_each_fault_on_the_wire():
    with Home() as net, net.socket('router', socket.AF_PACKET, socket.SOCK_RAW) as wan:
        wan.bind(('wan', 0))

        def seen(packets):
            eye = net.outside()
            for data in packets:
                wan.send(b'\xff' * 6 + b'\x02' + b'\0' * 5 + (b'\x08\0' if data[0] >> 4 == 4 else b'\x86\xdd') + data)
            expect(eye.stop() == 0, 'the sniffer lost packets')
            sent = sum(frame[6:12] == b'\x02' + b'\0' * 5 for _, frame, _ in oracle.packets(eye.path))
            expect(sent == len(packets), f'{len(packets)} packets were sent, {sent} seen')
            return [fault.partition(': ')[2] for fault in oracle.faults(eye.path)]
        told = seen(GOOD)
        expect(not told, f'good packets were called bad: {told}')
        for fault, data in BAD.items():
            told = seen([data])
            expect(told == [fault], f'"{fault}" was called {told}')


def lives(pid):
    """=> true if the process does; a dead one that nobody has asked after yet has no command line"""
    try:
        with open(f'/proc/{pid}/cmdline') as f:
            return f.read() != ''
    except FileNotFoundError:
        return False


@alone
def a_killed_test_leaves_nothing_and_two_live_side_by_side():
    children = [subprocess.Popen([sys.executable, '-c', LAY, TOOLS], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        laid = [child.stdout.readline().split() for child in children]
        for prefix, directory, pid in laid:
            expect(os.path.exists(f'/run/netns/{prefix}camera') and os.path.isdir(directory), f'{prefix} is not there')
            until(lambda: lives(pid), f'process {pid} to live')
        expect(laid[0][0] != laid[1][0], f'two networks of one name: {laid}')
    finally:
        for child, number in zip(children, (signal.SIGKILL, signal.SIGTERM)):
            child.send_signal(number)
            child.wait()
            child.stdout.close()
    for prefix, directory, pid in laid:
        until(lambda: not any(name.startswith(prefix) for name in os.listdir('/run/netns')), f'{prefix}… to be removed')
        until(lambda: not os.path.exists(directory), f'{directory} to be removed')
        until(lambda: not lives(pid), f'process {pid} to end')


@alone
def the_rules_in_the_readme_are_right():
    with open(os.path.join(ROOT, 'README.md')) as f:
        blocks = re.findall(r'^```rules\n(.*?)^```', f.read(), re.M | re.S)
    expect(blocks, 'the README shows no rules')
    for block in blocks:
        with tempfile.NamedTemporaryFile('w', suffix='.rules') as f:
            f.write(block)
            f.flush()
            told = subprocess.run([tidegate_path(), 'check', '--strict', f.name], capture_output=True, text=True)
        expect(told.returncode == 0, f'check ended with {told.returncode}: {told.stderr}')


main()
