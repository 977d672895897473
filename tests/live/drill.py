"""Raw packets at both ends of the firewall, by scripts in a terse notation like packetdrill's.

Two hosts that no kernel speaks for, one inside and one outside, send and get whole packets. A script is a connection;
each of its lines is a packet that one of them sends, and what must become of it:

    > S 0:0(0) win 1000 <mss 1460,wscale 7>     > is who begins, < the other
    < S. 0:0(0) ack 1
    > . 1:1(0) ack 1                            numbers count from each side's first, which is its SYN's
    > P. 1:101(100) ack 1 urg 1
    < R 77:77(0) = invalid                      with `=`: the reason why it must not arrive
    < icmp 3/4 mtu 1300                         an error about the last packet that its sender got
    < icmp 11/0 hop quote 28                    by another host of its network; so many bytes of the packet are quoted
    < icmp 11/0 ext                             with extensions behind the quote (RFC 4884)
    < icmp 3/1 off 100000 = invalid             the quoted number is another, by so much

Flags are those of tcpdump (S F R P U E W and . for ACK; - for none); options mss, wscale, sackok, sack A-B, ts, cookie.
ICMP types are IPv4's; over IPv6 the message of that meaning is sent. What arrives must be, to the last byte but the
identification, what was sent, with the ends, hops and checksums that it must have: a TCP segment, or an error with the
segment that it quotes as its receiver had sent it. What is not to arrive must be told of by the firewall, with its
reason. Before the end nothing else may have arrived.

Every script is played along each of WAYS: from inside through masquerading, from outside through a forward, and over
IPv6. What was sent is kept, and can be judged once more offline (replayed()).
"""
import ipaddress
import json
import os
import re
import select
import socket
import struct
import time

from live import LIMIT, Failure, expect, tidegate_path
from oracle import ones_sum

TCP, ICMP, ICMP6 = 6, 1, 58
ETH_P_ALL, SOL_PACKET, PACKET_IGNORE_OUTGOING = 3, 263, 23
FLAGS = {'F': 1, 'S': 2, 'R': 4, 'P': 8, '.': 16, 'U': 32, 'E': 64, 'W': 128, '-': 0}
SIX_TYPES = {'3/0': (1, 0), '3/1': (1, 3), '3/3': (1, 4), '3/4': (2, 0), '3/13': (1, 1), '11/0': (3, 0), '12/0': (4, 0)}
OUTER = '203.0.113.1'  # what the world sees of the inside
INSIDE = {4: '192.168.1.60', 6: '2001:db8:1:1::60'}
OUTSIDE = {4: '198.51.100.81', 6: '2001:db8:99::81'}
HOPS = {'inside': {4: '192.168.1.61', 6: '2001:db8:1:1::61'}, 'outside': {4: '192.0.2.77', 6: '2001:db8:66::77'}}
TTL = 64
WAYS = ('out', 'in', 'six')

RULES = '''\
zone wan on wan address 203.0.113.1/24, 2001:db8:0:1::1/64 masquerade
zone lan on lan address 192.168.1.1/24, 2001:db8:1:1::1/64
host raw = 192.168.1.60
allow icmp6 to router
allow from router
allow from lan to wan
forward tcp port 8080 from wan to raw port 80
default drop
'''


# Packets

def checksummed(data, source, destination, proto):
    """=> a transport segment with the right checksum"""
    at = {TCP: 16, ICMP: 2, ICMP6: 2}[proto]
    data = data[:at] + b'\0\0' + data[at + 2:]
    pseudo = b'' if proto == ICMP else source + destination + struct.pack('!IHBB', len(data), 0, 0, proto)
    return data[:at] + struct.pack('!H', 0xffff - ones_sum(pseudo + data)) + data[at + 2:]


def ip_packet(source, destination, proto, data, ttl=TTL, identification=0):
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    data = checksummed(data, source.packed, destination.packed, proto)
    if source.version == 6:
        return struct.pack('!IHBB', 6 << 28, len(data), proto, ttl) + source.packed + destination.packed + data
    head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(data), identification, 0x4000, ttl, proto, 0) + source.packed + \
        destination.packed
    return head[:10] + struct.pack('!H', 0xffff - ones_sum(head)) + head[12:] + data


class Ip:
    """An IP packet, taken apart."""

    def __init__(self, data):
        self.version = data[0] >> 4
        head, self.ttl = (20, data[8]) if self.version == 4 else (40, data[7])
        self.proto = data[9] if self.version == 4 else data[6]
        self.identification = struct.unpack_from('!H', data, 4)[0] if self.version == 4 else 0
        size = len(data) - head if self.version == 6 else struct.unpack_from('!H', data, 2)[0] - head
        self.source, self.destination = (str(ipaddress.ip_address(data[at:at + (head - 8 if self.version == 6 else 8) // 2]))
                                         for at in ((12, 16) if self.version == 4 else (8, 24)))
        self.data = data[head:head + size]
        self.sport, self.dport = struct.unpack_from('!HH', self.data) if self.proto == TCP else (None, None)

    def readdressed(self, source, destination, sport=None, dport=None, ttl=None, identification=None):
        """=> its bytes with other ends"""
        data = self.data
        if self.proto == TCP:
            data = struct.pack('!HH', sport or self.sport, dport or self.dport) + data[4:]
        return ip_packet(source, destination, self.proto, data, self.ttl if ttl is None else ttl,
                         self.identification if identification is None else identification)


def options_of(text):
    """=> TCP options from what stands between < and >"""
    found = b''
    for option in filter(None, text.split(',')):
        word, _, value = option.strip().partition(' ')
        if word == 'mss':
            found += struct.pack('!BBH', 2, 4, int(value))
        elif word == 'wscale':
            found += struct.pack('!BBBB', 1, 3, 3, int(value))
        elif word == 'sackok':
            found += b'\1\1\4\2'
        elif word == 'sack':
            found += struct.pack('!BBBBII', 1, 1, 5, 10, *(int(n) for n in value.split('-')))
        elif word == 'ts':
            found += struct.pack('!BBBBII', 1, 1, 8, 10, 7, 0)
        elif word == 'cookie':
            found += b'\1\1\x22\x0a12345678'
        else:
            raise ValueError(f'no such option: {word}')
    return found


# Ends

class End:
    """A host on somebody's wire, with addresses that are nobody's there."""

    def __init__(self, scene, zone, host, router, interface, addresses):
        self.zone, self.addresses = zone, addresses
        self.mac = self._mac(scene, host, 'eth0')
        self.gate = self._mac(scene, router, interface)
        scene.ip(router, *(f'neigh replace {a} lladdr {self.mac} dev {interface} nud permanent' for a in addresses.values()))
        self.socket = scene.socket(host, socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.bind(('eth0', ETH_P_ALL))

    @staticmethod
    def _mac(scene, namespace, interface):
        return json.loads(scene.run(namespace, 'ip', '-j', 'link', 'show', interface, check=True).stdout)[0]['address']

    def frame(self, packet):
        kind = b'\x08\x00' if packet[0] >> 4 == 4 else b'\x86\xdd'
        return bytes.fromhex((self.gate + self.mac).replace(':', '')) + kind + packet

    def send(self, packet):
        self.socket.send(self.frame(packet))

    def got(self, limit):
        """=> the next IP packet for one of its addresses, or None if none comes within `limit` seconds"""
        end = time.monotonic() + limit
        while select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
            data = self.socket.recv(65536)[14:]
            if data[:1] and data[0] >> 4 in (4, 6) and len(data) >= 40 and Ip(data).destination in self.addresses.values():
                return data
        return None


# Lines

LINE = re.compile(r'''(?P<way>[<>])\s+
    (?:icmp\s+(?P<icmp>\d+/\d+)(?P<words>[^=]*)
     |(?P<flags>[SFRPUEW.-]+)\s+(?P<seq>\d+):(?P<end>\d+)\((?P<size>\d+)\)
      (?:\s+ack\s+(?P<ack>\d+))?(?:\s+win\s+(?P<win>\d+))?(?:\s+urg\s+(?P<urg>\d+))?(?:\s+<(?P<options>[^>]*)>)?)
    \s*(?:=\s*(?P<reason>\S+))?\s*$''', re.X)


class Play:
    """A script on one of the ways."""
    FIRST = (0xfffffff0, 0x7fffff00)  # numbers begin anew, and their sign does, where the scripts speak

    def __init__(self, drill, way, port):
        self.drill, self.way, self.version = drill, way, 6 if way == 'six' else 4
        self.begins = drill.outside if way == 'in' else drill.inside
        self.answers = drill.inside if way == 'in' else drill.outside
        self.port, self.outer_port = port, port  # of the beginner, here and as the other side sees it
        self.last = {}  # End -> the segment that came there last: as it came, and as it was sent

    def ends(self, end):
        """=> (source, sport, destination, dport) of what an end sends, and of what it is when it arrives"""
        inside, outside = INSIDE[self.version], OUTSIDE[self.version]
        if self.way == 'six':
            both = (inside, self.port, outside, 80), (inside, self.port, outside, 80)
        elif self.way == 'out':
            both = (inside, self.port, outside, 80), (OUTER, self.outer_port, outside, 80)
        else:
            both = (outside, self.port, OUTER, 8080), (outside, self.port, inside, 80)
        if end is self.begins:
            return both
        return tuple((d, dport, s, sport) for s, sport, d, dport in reversed(both))

    def play(self, line):
        found = LINE.match(line)
        if not found:
            raise ValueError(f'not a line of a script: {line}')
        one, other = (self.begins, self.answers) if found['way'] == '>' else (self.answers, self.begins)
        make = self._error if found['icmp'] else self._segment
        packet, arrives = make(found, one)
        self.drill.judge(one, packet, found['reason'])
        if found['reason']:
            return
        came = other.got(LIMIT)
        expect(came, 'it did not arrive')
        if not found['icmp']:
            if self.way == 'out' and one is self.begins and self.port == self.outer_port:
                self.outer_port = Ip(came).sport
            self.last[other] = came, packet
        wanted = arrives(Ip(came))
        expect(came == wanted, f'it came as {came.hex()}, not as {wanted.hex()}')

    def _segment(self, found, one):
        sent, _ = self.ends(one)
        mine = self.FIRST[one is self.answers]
        options = options_of(found['options'] or '')
        flags, size = sum(FLAGS[f] for f in found['flags']), int(found['size'])
        expect(int(found['end']) - int(found['seq']) == size, 'the script cannot count')
        theirs = self.FIRST[one is self.begins] + int(found['ack']) if found['ack'] else 0
        head = struct.pack('!HHIIBBHHH', sent[1], sent[3], (mine + int(found['seq'])) & 0xffffffff, theirs & 0xffffffff,
                           (20 + len(options)) // 4 << 4, flags, int(found['win'] or 10000), 0, int(found['urg'] or 0))
        packet = ip_packet(sent[0], sent[2], TCP, head + options + bytes(i * 7 & 255 for i in range(size)),
                           identification=self.drill.count())

        def arrives(came):
            _, seen = self.ends(one)
            return Ip(packet).readdressed(seen[0], seen[2], seen[1], seen[3], came.ttl, came.identification)
        return packet, arrives

    def _error(self, found, one):
        words = found['words'].split()
        number = {w: int(words[i + 1]) for i, w in enumerate(words) if w in ('mtu', 'quote', 'off')}
        kind, code = map(int, found['icmp'].split('/')) if self.version == 4 else SIX_TYPES[found['icmp']]
        came, sent = self.last[one]
        source = HOPS['inside' if one is self.drill.inside else 'outside'][self.version] if 'hop' in words else \
            one.addresses[self.version]

        def message(about):
            at = 20 if self.version == 4 else 40
            seq = struct.unpack_from('!I', about, at + 4)[0] + number.get('off', 0) & 0xffffffff
            quote = (about[:at + 4] + struct.pack('!I', seq) + about[at + 8:])[:number.get('quote', 500)]
            rest = struct.pack('!I', number.get('mtu', 0))
            if 'ext' in words:
                quote = quote.ljust(128, b'\0') + bytes(-max(len(quote), 128) % 8)
                label = struct.pack('!HBB', 8, 1, 1) + b'\x01\x23\x45\x67'
                rest = bytes([0, len(quote) // 4]) + rest[2:] if self.version == 4 else bytes([len(quote) // 8]) + rest[1:]
                quote += struct.pack('!BBH', 0x20, 0, 0xffff - ones_sum(b'\x20\0\0\0' + label)) + label
            return bytes([kind, code, 0, 0]) + rest + quote

        proto = ICMP if self.version == 4 else ICMP6
        packet = ip_packet(source, Ip(came).source, proto, message(came), identification=self.drill.count())

        def arrives(told):
            hidden = self.version == 4 and one is self.drill.inside
            about = Ip(sent)
            quote = about.readdressed(about.source, about.destination, ttl=Ip(came).ttl)
            return ip_packet(OUTER if hidden else source, about.source, proto, message(quote), told.ttl,
                             told.identification)
        return packet, arrives


class Drill:
    """Both ends of a scene whose firewall runs with --json."""

    def __init__(self, scene):
        self.scene, self.numbers = scene, 0
        self.read = 0   # bytes of what the firewall has told
        self.sent = []  # (time in nanoseconds, End, packet, verdict, reason)
        self.inside = End(scene, 'lan', 'phone', 'router', 'lan', INSIDE)
        self.outside = End(scene, 'wan', 'web', 'isp', 'net', OUTSIDE)
        scene.ip('isp', *(f'route replace {a}/{n} dev net' for a, n in ((HOPS['outside'][4], 32), (HOPS['outside'][6], 128))))

    def count(self):
        self.numbers += 1
        return self.numbers

    def told(self, packet):
        """=> the next line of the firewall about a packet"""
        ip, end = Ip(packet), time.monotonic() + LIMIT
        while time.monotonic() < end:
            with open(self.scene.firewall.out_path) as f:
                f.seek(self.read)
                for line in iter(f.readline, ''):
                    if not line.endswith('\n'):
                        break
                    self.read += len(line)
                    said = json.loads(line)
                    if 'src' in said and (said['src'], said['dst'], said.get('sport'), said.get('dport')) == \
                            (ip.source, ip.destination, ip.sport, ip.dport):
                        return said
            time.sleep(0.0005)
        raise Failure('the firewall says nothing of it')

    def judge(self, end, packet, reason):
        """Send it, and see that the firewall says what it must: with `reason` that it is dropped."""
        at = time.time_ns()
        end.send(packet)
        said = self.told(packet)
        self.sent.append((at, end, packet, said['verdict'], said['reason']))
        expect((said['verdict'] == 'accept') == (reason is None) and reason in (None, said['reason']),
               f'the firewall says {said["verdict"]} {said["reason"]}')

    def play(self, name, text, ways=WAYS):
        for way in ways:
            one = Play(self, way, 20000 + self.count())
            for line in filter(None, (line.partition('#')[0].strip() for line in text.splitlines())):
                try:
                    one.play(line)
                except Failure as failure:
                    raise Failure(f'{name}, {way}: {line}: {failure}') from None
            for end in (self.inside, self.outside):
                more = end.got(0)
                expect(more is None, f'{name}, {way}: there came what was not sent: {more and more.hex()}')

    def replayed(self):
        """Judge all that was sent once more, offline: it must get the same verdicts."""
        paths = {}
        for end in (self.inside, self.outside):
            paths[end.zone] = os.path.join(self.scene.directory, f'drill-{end.zone}.pcap')
            with open(paths[end.zone], 'wb') as f:
                f.write(struct.pack('<IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 65535, 1))
                for at, sender, packet, *_ in self.sent:
                    if sender is end:
                        frame = end.frame(packet)
                        f.write(struct.pack('<IIII', *divmod(at, 10**9), len(frame), len(frame)) + frame)
        done = self.scene.run('router', tidegate_path(), 'replay', self.scene.rules, '--json',
                              *(word for zone, path in paths.items() for word in ('--in', f'{zone}={path}')))
        expect(done.returncode == 0, f'replay ended with {done.returncode}: {done.stderr}')
        offline = [(p['verdict'], p['reason']) for p in map(json.loads, done.stdout.splitlines()) if 'summary' not in p]
        live = [(verdict, reason) for _, _, _, verdict, reason in self.sent]
        wrong = [f'packet {n} ({self.sent[n - 1][2].hex()}): {a} live, {b} offline'
                 for n, (a, b) in enumerate(zip(live, offline), 1) if a != b]
        expect(len(live) == len(offline) and not wrong, f'{len(live)} packets live, {len(offline)} offline; {wrong[:3]}')
