#!/usr/bin/env python3
"""Helpers: what was recorded in the field works with one and not without; recorded attacks open nothing."""
import ipaddress
import os
import struct
import sys

sys.dont_write_bytecode = True
from lab import CAPTURES, checked, expect, ip, main, pcap, replay, same, tcp, test, udp  # noqa: E402

# Captures from the field

HELPED = '''\
zone client on eth0 address {client_net}
zone server on eth1 address {server_net}
allow from router
allow {proto} from client to server port {port}
default drop
'''

# The capture; its client and server; the address that the server has here, in a network of its own; what helps, and
# where.
FIELD = [
    ('ftp-active.pcap', '172.23.0.3', '172.23.0.2', '172.24.0.2', 'ftp', 21, 'tcp'),
    ('ftp-active-upload.pcap', '172.23.0.3', '172.23.0.2', '172.24.0.2', 'ftp', 21, 'tcp'),
    ('ftp-passive.pcap', '172.23.0.3', '172.23.0.2', '172.24.0.2', 'ftp', 21, 'tcp'),
    ('ftp-ipv6.pcap', 'fd00:10:16:1::3', 'fd00:10:16:1::2', 'fd00:10:17:1::2', 'ftp', 21, 'tcp'),
    ('ndpi-ftp.pcap', '192.168.1.212', '90.130.70.73', '90.130.70.73', 'ftp', 21, 'tcp'),
    ('ndpi-tftp.pcap', '192.168.0.253', '192.168.0.10', '192.168.9.10', 'tftp', 69, 'udp'),
    ('zeek-ftp-ipv4.pcap', '141.142.220.235', '199.233.217.249', '199.233.217.249', 'ftp', 21, 'tcp'),
    ('zeek-ftp-ipv6.pcap', '2001:470:1f11:81f:c999:d94:aa7c:2e3e', '2001:470:4867:99::21', '2001:470:4867:99::21',
     'ftp', 21, 'tcp'),
]
# Calls whose sound comes from another server.
ALONE = [
    ('sip.pcap', '192.168.1.2', '212.242.33.35', '212.242.33.35', 'sip', 5060, 'udp'),
]


def frames(path):
    """=> (time, IP packet) of each frame of a capture of Ethernet, pcap or pcapng of little-endian microseconds"""
    with open(path, 'rb') as f:
        data = f.read()
    is_ng = data[:4] == b'\x0a\x0d\x0d\x0a'
    at = 0 if is_ng else 24
    while at + 16 <= len(data):
        if not is_ng:
            seconds, micros, size = struct.unpack_from('<III', data, at)
            when, begin, end = seconds + micros / 10**6, at + 16, at + 16 + size
        else:
            kind, end = struct.unpack_from('<II', data, at)
            high, low, size = struct.unpack_from('<III', data, at + 12)
            when, begin, end = (high << 32 | low) / 10**6, at + 28, at + end
            if kind != 6:
                at = end
                continue
        frame = data[begin:begin + size]
        at = end
        if frame[12:14] in (b'\x08\x00', b'\x86\xdd'):
            yield when, frame[14:]


def text_of(address):
    return address.replace('.', ',').encode() if '.' in address else address.encode()


def moved(packet, client, server, new):
    """=> the packet with another server, in its header and in what it says, and with right checksums; None if it is of
    others"""
    is_ipv4 = packet[0] >> 4 == 4
    src, dst = ((packet[12:16], packet[16:20]) if is_ipv4 else (packet[8:24], packet[24:40]))
    pair = {str(ipaddress.ip_address(a)) for a in (src, dst)}
    if pair != {client, server}:
        return None
    proto, head = (packet[9], (packet[0] & 15) * 4) if is_ipv4 else (packet[6], 40)
    length = struct.unpack_from('!H', packet, 2)[0] if is_ipv4 else 40 + struct.unpack_from('!H', packet, 4)[0]
    body = packet[head:length].replace(text_of(server), text_of(new)).replace(server.encode(), new.encode())
    if proto not in (6, 17):
        return None
    ends = [new if str(ipaddress.ip_address(a)) == server else client for a in (src, dst)]
    at = 16 if proto == 6 else 6
    return ip(*ends, proto, checked(*ends, proto, body[:at] + b'\0\0' + body[at + 2:], at))


def network_of(address):
    """=> an address beside it, with the network that both are in, as a zone has it"""
    if ':' in address:
        net = ipaddress.ip_network(address + '/64', strict=False)
        return f'{net[0xfffe]}/64'
    net = ipaddress.ip_network(address + '/24', strict=False)
    return f'{net[1]}/24'


def judged(name, client, server, new, kind, port, proto):
    """=> the capture judged with the helper, and without"""
    packets = [(when, p) for when, packet in frames(os.path.join(CAPTURES, name))
               if (p := moved(packet, client, server, new))]
    pcap('moved.pcap', packets)
    rules = HELPED.format(client_net=network_of(client), server_net=network_of(new), proto=proto, port=port)
    expect(packets, 'the capture has nothing of these two')
    return (replay('moved.pcap', rules=rules + f'helper {kind} on {proto} port {port}\n'),
            replay('moved.pcap', rules=rules))


def works(*row):
    with_helper, without = judged(*row)
    same([o for o in with_helper.objects if o['verdict'] != 'accept'], [], 'what is refused with a helper')
    related = [o['packet'] for o in with_helper.objects if o['reason'] == 'related']
    expect(related, 'nothing was announced')
    for number in related:
        same(without.objects[number - 1]['verdict'], 'drop', f'packet {number} without a helper')


def is_left_alone(*row):
    """Nothing is announced between these two, and it goes on as ever."""
    with_helper, without = judged(*row)
    same(with_helper.objects, without.objects, 'what becomes of the packets')
    expect(any(o['verdict'] == 'accept' for o in without.objects), 'nothing passes')


# Attacks, recorded here: somebody inside at 192.168.1.7 is made to send, and 198.51.100.9 comes in.

HOUSE = '''\
zone wan on eth0   address 203.0.113.1/24  masquerade
zone lan on br-lan address 192.168.1.1/24
allow from router
allow from lan to wan
forward tcp port 21 from wan to 192.168.1.50
helper ftp  on tcp port 21
helper rtsp on tcp port 554
helper sip  on udp port 5060
helper tftp on udp port 69
default drop
'''
VICTIM, ATTACKER, GATE, SERVER = '192.168.1.7', '198.51.100.9', '203.0.113.1', '192.168.1.50'


class Talk:
    """The packets of a TCP connection, as they come in by either side."""

    def __init__(self, client, server, client_sees, server_sees):
        self.ends = {'client': (client, server_sees), 'server': (server, client_sees)}
        self.next = {'client': 101, 'server': 501}
        self.packets = [self.segment('client', 2, 100, 0), self.segment('server', 18, 500, 101),
                        self.segment('client', 16, 101, 501)]

    def segment(self, who, flags, seq, ack, data=b''):
        (src, sport), (dst, dport) = self.ends[who]
        return tcp(src, sport, dst, dport, flags, seq, ack, data)

    def say(self, who, *texts):
        other = 'server' if who == 'client' else 'client'
        for text in texts:
            text = text if isinstance(text, bytes) else text.encode()
            self.packets.append(self.segment(who, 24, self.next[who], self.next[other], text))
            self.next[who] += len(text)
        return self


def out(port, client_port=5000):
    """Somebody inside to the attacker."""
    return Talk((VICTIM, client_port), (ATTACKER, port), (GATE, client_port), (ATTACKER, port))


def into():
    """The attacker to a server inside, behind a forward."""
    return Talk((ATTACKER, 5000), (SERVER, 21), (ATTACKER, 5000), (GATE, 21))


def opens(talk, *probes):
    """=> for each packet that comes in after the talk, whether it passes; all of the talk itself must"""
    packets = (talk.packets if isinstance(talk, Talk) else talk) + list(probes)
    pcap('attack.pcap', packets)
    verdicts = [o['verdict'] for o in replay('attack.pcap', rules=HOUSE).objects]
    same(verdicts[:-len(probes)], ['accept'] * (len(packets) - len(probes)), 'the talk')
    return [v == 'accept' for v in verdicts[-len(probes):]]


def syn_to(port, src=ATTACKER):
    return tcp(src, 40000, GATE, port)


def greeted():
    return out(21).say('server', '220 ready\r\n').say('client', 'USER x\r\n').say('server', '230 welcome\r\n')


PORT = 'PORT 192,168,1,7,31,64\r\n'  # 8000


@test
def an_honest_announcement_opens_its_port_to_the_other_side():
    talk = greeted().say('client', PORT)
    same(opens(talk, syn_to(8000, '198.51.100.10'), syn_to(8001), syn_to(8000), syn_to(8000)),
         [False, False, True, True], 'a stranger, another port, the server, the same packet again')


@test
def a_bounce():
    for line in ('PORT 192,168,1,8,31,64', 'PORT 192,168,1,1,31,64', 'PORT 198,51,100,9,31,64', 'PORT 127,0,0,1,31,64',
                 'EPRT |1|192.168.1.8|8000|', 'EPRT |2|::ffff:192.168.1.7|8000|'):
        same(opens(greeted().say('client', line + '\r\n'), syn_to(8000)), [False], line)


@test
def privileged_ports():
    for port in (22, 139, 445, 1023):
        line = f'PORT 192,168,1,7,{port >> 8},{port & 255}\r\n'
        same(opens(greeted().say('client', line), syn_to(port)), [False], line)


@test
def a_web_page_that_posts_to_port_21():
    page = 'POST / HTTP/1.1\r\nHost: example.org:21\r\nContent-Length: 24\r\n\r\n'
    for parts in ([page + PORT], [page, PORT], [page[:1], page[1:], PORT], ['P', 'OST / HTTP/1.1\r\n', PORT],
                  [page.replace('POST', 'USER') + PORT], [page.replace('POST', 'USER'), PORT]):
        same(opens(out(21).say('server', '220 ready\r\n').say('client', *parts), syn_to(8000)), [False], repr(parts))


@test
def a_line_that_begins_at_a_segment():
    """As the attacker's maximum segment size has it; and when it is sent again, with what stands before it."""
    for parts in (['RETR ' + 'x' * 500, PORT], ['RETR ' + 'x' * 500 + 'PORT 192,168,', '1,7,31,64\r\n']):
        same(opens(greeted().say('client', *parts), syn_to(8000)), [False], repr(parts[1]))
    talk = greeted().say('client', 'RETR xx', PORT)
    talk.packets.append(talk.segment('client', 24, talk.next['client'] - 31, talk.next['server'], b'RETR xx' + PORT.encode()))
    same(opens(talk, syn_to(8000)), [False], 'sent again as one')


@test
def a_server_that_repeats_what_it_is_told():
    """CERT VU#328867: an answer that is cut so that a segment looks like a line of its own."""
    talk = into().say('server', '220 ready\r\n').say('client', 'USER x\r\n')
    talk.say('server', "500 '" + 'x' * 90, "227 (192,168,1,50,12,234)': not understood\r\n")
    same(opens(talk, tcp(ATTACKER, 5001, GATE, 3306)), [False], '3306')


@test
def a_web_page_that_posts_to_port_554():
    setup = 'SETUP rtsp://x/ RTSP/1.0\r\nTransport: RTP/AVP;unicast;client_port=8000-8001\r\n\r\n'
    probe = udp(ATTACKER, 40000, GATE, 8000)
    for parts in (['POST / HTTP/1.1\r\n\r\n' + setup], ['POST / HTTP/1.1\r\n\r\n', setup], ['P', 'OST /\r\n', setup]):
        same(opens(out(554).say('client', *parts), probe), [False], repr(parts))
    same(opens(out(554).say('client', setup), probe), [True], 'a camera that is really there')


@test
def a_turn_packet_to_port_5060():
    """NAT slipstreaming: the text stands in a packet of another protocol, or in the second fragment of one."""
    register = ('INVITE sip:x SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n'
                'c=IN IP4 192.168.1.7\r\nm=audio 8000 RTP/AVP 0\r\n').encode()
    probe = udp(ATTACKER, 40000, GATE, 8000)
    for head in (b'\x00\x03\x00\x50' + bytes(16), b'\r\n\r\n', b'POST / HTTP/1.1\r\n\r\n'):
        same(opens([udp(VICTIM, 5060, ATTACKER, 5060, head + register)], probe), [False], repr(head))
    whole = udp(VICTIM, 5060, ATTACKER, 5060, bytes(24 - 8) + register)
    pieces = [whole[:2] + struct.pack('!HHH', 20 + len(part), 7, more << 13 | at // 8) + whole[8:10] + b'\0\0' + whole[12:20]
              + part for at, more, part in ((0, 1, whole[20:44]), (24, 0, whole[44:]))]
    pieces = [p[:10] + struct.pack('!H', header_sum(p[:20])) + p[12:] for p in pieces]
    same(opens(pieces, probe), [False], 'in the second fragment')
    same(opens([udp(VICTIM, 5060, ATTACKER, 5060, register)], probe), [True], 'a call')


def header_sum(head):
    total = sum(struct.unpack('!10H', head))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


@test
def the_control_connection_must_live():
    for end in ('client', 'server'):
        talk = greeted().say('client', PORT)
        other = 'server' if end == 'client' else 'client'
        shift = -1 if other == 'client' else 0  # the line is one byte shorter outside
        talk.packets.append(talk.segment(end, 20, talk.next[end], talk.next[other] + shift))
        same(opens(talk, syn_to(8000)), [False], f'after the reset of the {end}')


def from_the_field(rows, check, says):
    for row in rows:
        def one(row=row):
            check(*row)
        one.__name__ = row[0].partition('.')[0].replace('-', '_') + says
        test(one)


if os.path.isdir(CAPTURES):
    from_the_field(FIELD, works, '_works')
    from_the_field(ALONE, is_left_alone, '_is_left_alone')
else:
    print(f'skip captures: there are none at {CAPTURES}')

main()
