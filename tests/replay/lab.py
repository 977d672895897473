"""What the replay tests stand on: captures made here or found in the field, the program, and a runner.

    @test
    def arp_is_accepted():
        expect(verdicts(...) == ['accept'], 'ARP was judged')

    main()

Prints `ok NAME` or `not ok NAME: why` for each; arguments choose some by name. TIDEGATE names the binary, TIDEGATE_PLAIN
one without sanitizers and for this machine, CAPTURES the folder of captures from the field.
"""
import ipaddress
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
HERE = os.path.join(ROOT, 'tests', 'replay')
TIDEGATE = os.path.abspath(os.environ.get('TIDEGATE', os.path.join(ROOT, 'build', 'tidegate')))
PLAIN = os.path.abspath(os.environ.get('TIDEGATE_PLAIN', os.path.join(ROOT, 'build', 'tidegate')))
CAPTURES = os.path.abspath(os.environ.get('CAPTURES', os.path.join(ROOT, '..', 'shared', 'captures')))

RULES = '''\
zone wan on eth0, ppp*  address 203.0.113.1/24, 2001:db8::1/64  masquerade
zone lan on br-lan      address 192.168.1.1/24, fd00:1::1/64
host camera = 192.168.1.50
allow from router
allow from lan to wan
forward tcp port 8080 from wan to camera port 80 "camera"
reject tcp from wan to router port 22
default drop
'''


class Failure(Exception):
    pass


if not os.access(TIDEGATE, os.X_OK):
    sys.exit(f'there is no {TIDEGATE}: make it first, or set TIDEGATE')


def expect(truth, why):
    if not truth:
        raise Failure(why)


def same(got, wanted, what):
    expect(got == wanted, f'{what}: expected {wanted!r}, got {got!r}')


_tests = []


def test(function):
    _tests.append(function)
    return function


def captures():
    """=> the paths of all captures from the field"""
    return sorted(os.path.join(d, f) for d, _, files in os.walk(CAPTURES) for f in files if '.pcap' in f)


def skip_without_captures():
    if not os.path.isdir(CAPTURES):
        print(f'skip captures: there are none at {CAPTURES}')
        sys.exit(0)


def run_one(function, *arguments, name=None):
    """=> true if it passed"""
    name = name or function.__name__
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        try:
            function(*arguments)
            print(f'ok {name}', flush=True)
            return True
        except Failure as why:
            print(f'not ok {name}: {why}', flush=True)
        except Exception as stumble:  # a test that stumbles is one that failed
            print(f'not ok {name}: {stumble!r}', flush=True)
            print(''.join('# ' + line + '\n' for line in traceback.format_exc().splitlines()[-4:]), flush=True)
        finally:
            os.chdir('/')
    return False


def main():
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # temporary folders go away
    words = sys.argv[1:]
    chosen = [t for t in _tests if not words or any(w in t.__name__ for w in words)]
    sys.exit(0 if all([run_one(t) for t in chosen]) else 1)


# The program

class Replay:
    """A run of `tidegate replay`, its output as text or, with --json, as objects. `zone` is the time zone, as TZ has it."""

    def __init__(self, *arguments, rules=RULES, stdin=None, limit=120, binary=TIDEGATE, zone='UTC'):
        with open('test.rules', 'w', encoding='utf-8') as f:
            f.write(rules)
        done = subprocess.run([binary, 'replay', 'test.rules', *arguments], input=stdin, capture_output=True,
                              timeout=limit, env={**os.environ, 'TZ': zone}, check=False)
        self.status = done.returncode
        self.output, self.complaints = done.stdout.decode(), done.stderr.decode()
        self.objects, self.summary = [], None
        if '--json' in arguments and self.status in (0, 1):
            objects = [json.loads(line) for line in self.output.splitlines()]
            self.objects = [o for o in objects if 'packet' in o]
            self.summary = next((o['summary'] for o in objects if 'summary' in o), None)

    def must(self, status=0):
        expect(self.status == status, f'exit status {self.status}, not {status}: {self.complaints}')
        return self

    def fields(self, *names):
        return [tuple(o.get(n) for n in names) for o in self.objects]


def replay(*arguments, **how):
    return Replay(*arguments, '--json', **how).must()


# Packets

def ones(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def ip(src, dst, proto, payload):
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if src.version == 6:
        return struct.pack('!IHBB', 6 << 28, len(payload), proto, 64) + src.packed + dst.packed + payload
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0, src.packed, dst.packed)
    return head[:10] + struct.pack('!H', ~ones(head) & 0xffff) + head[12:] + payload


def checked(src, dst, proto, segment, at):
    """A segment with its checksum, which stands at `at`, filled in."""
    a, b = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
    pseudo = a + b + struct.pack('!II', len(segment), proto)
    value = ~ones(pseudo + segment) & 0xffff
    return segment[:at] + struct.pack('!H', value or 0xffff) + segment[at + 2:]


def udp(src, sport, dst, dport, data=b'hello'):
    segment = struct.pack('!HHHH', sport, dport, 8 + len(data), 0) + data
    return ip(src, dst, 17, checked(src, dst, 17, segment, 6))


def tcp(src, sport, dst, dport, flags=2, seq=1, ack=0, data=b''):
    segment = struct.pack('!HHIIBBHHH', sport, dport, seq, ack, 0x50, flags, 65535, 0, 0) + data
    return ip(src, dst, 6, checked(src, dst, 6, segment, 16))


def fragments(packet, number, size=1480):
    """=> a packet in fragments of `size` bytes each, in their order"""
    is_ipv4 = packet[0] >> 4 == 4
    payload, cut = packet[20 if is_ipv4 else 40:], []
    for at in range(0, len(payload), size):
        part, more = payload[at:at + size], at + size < len(payload)
        if is_ipv4:
            head = struct.pack('!BBHHH', 0x45, 0, 20 + len(part), number, more << 13 | at // 8) + packet[8:10] + bytes(2)
            head += packet[12:20]
            cut.append(head[:10] + struct.pack('!H', ~ones(head) & 0xffff) + head[12:] + part)
        else:
            head = packet[:4] + struct.pack('!HB', 8 + len(part), 44) + packet[7:40]
            cut.append(head + struct.pack('!BBHI', packet[6], 0, at | more, number) + part)
    return cut


# Captures

START = 1700000000
RAW, ETHERNET = 101, 1


def pcap(path, packets, link=RAW, order='<', nano=False, step=0.01, start=START):
    """Write frames, or (time, frame) pairs. => their bytes too"""
    unit = 10**9 if nano else 10**6
    data = struct.pack(order + 'IHHiIII', 0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0, 0, 262144, link)
    for i, packet in enumerate(packets):
        when, frame = packet if isinstance(packet, tuple) else (start + i * step, packet)
        ticks = round(when * 10**6) * (unit // 10**6)
        data += struct.pack(order + 'IIII', ticks // unit, ticks % unit, len(frame), len(frame)) + frame
    with open(path, 'wb') as f:
        f.write(data)
    return data


def block(kind, body, order='<'):
    body += b'\0' * (-len(body) % 4)
    return struct.pack(order + 'II', kind, len(body) + 12) + body + struct.pack(order + 'I', len(body) + 12)


def option(code, value, order='<'):
    return struct.pack(order + 'HH', code, len(value)) + value + b'\0' * (-len(value) % 4)


def pcapng(path, interfaces, packets, order='<'):
    """interfaces: (link type, name); packets: (interface, frame) or (interface, frame, direction)."""
    data = block(0x0a0d0d0a, struct.pack(order + 'IHHq', 0x1a2b3c4d, 1, 0, -1), order)
    for link, name in interfaces:
        data += block(1, struct.pack(order + 'HHI', link, 0, 0) + (option(2, name.encode(), order) if name else b''), order)
    for i, (interface, frame, *direction) in enumerate(packets):
        ticks = START * 10**6 + i * 10**4
        body = struct.pack(order + 'IIIII', interface, ticks >> 32, ticks & 0xffffffff, len(frame), len(frame))
        body += frame + b'\0' * (-len(frame) % 4)
        if direction:
            body += option(2, struct.pack(order + 'I', direction[0]), order)
        data += block(6, body, order)
    with open(path, 'wb') as f:
        f.write(data)


def count_packets(path):
    """=> how many packets a capture has, by a reader other than the program's; None if it is no capture"""
    with open(path, 'rb') as f:
        data = f.read()
    at, count = 0, 0
    if data[:4] == b'\x0a\x0d\x0d\x0a':
        while at + 12 <= len(data):
            if data[at:at + 4] == b'\x0a\x0d\x0d\x0a':
                order = '<' if data[at + 8:at + 12] == b'\x4d\x3c\x2b\x1a' else '>'
            kind, size = struct.unpack_from(order + 'II', data, at)
            count += kind in (2, 3, 6)
            at += size
        return count
    order = {b'\xd4\xc3\xb2\xa1': '<', b'\x4d\x3c\xb2\xa1': '<', b'\xa1\xb2\xc3\xd4': '>', b'\xa1\xb2\x3c\x4d': '>'}.get(data[:4])
    if not order:
        return None
    at = 24
    while at + 16 <= len(data):
        at += 16 + struct.unpack_from(order + 'I', data, at + 8)[0]
        count += at <= len(data)
    return count
