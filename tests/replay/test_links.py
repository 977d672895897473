#!/usr/bin/env python3
"""The same packets get the same verdicts whatever carries them: link layers, file formats, byte orders, a pipe."""
import struct
import sys

sys.dont_write_bytecode = True
from lab import ETHERNET, RAW, Replay, expect, main, pcap, pcapng, replay, same, tcp, test, udp  # noqa: E402

MAC = bytes.fromhex('020000000001020000000002')
PACKETS = [
    tcp('198.51.100.9', 40000, '203.0.113.1', 8080),             # forwarded
    tcp('192.168.1.50', 80, '198.51.100.9', 40000, 0x12, 9, 2),  # answered
    tcp('198.51.100.9', 40001, '203.0.113.1', 22),               # rejected
    udp('192.168.1.7', 5000, '198.51.100.53', 53),               # masqueraded
    udp('198.51.100.53', 53, '203.0.113.1', 5000),               # answered
    udp('fd00:1::7', 5000, '2001:db8:9::53', 53),                # IPv6
    udp('2001:db8:9::53', 53, 'fd00:1::7', 5001),                # dropped
]
VERDICTS = [('accept', 'forward'), ('accept', 'established'), ('reject', 'rule'), ('accept', 'rule'),
            ('accept', 'established'), ('accept', 'rule'), ('drop', 'default')]


def ethertype(packet):
    return b'\x08\x00' if packet[0] >> 4 == 4 else b'\x86\xdd'


def ppp(packet):
    return b'\x00\x21' if packet[0] >> 4 == 4 else b'\x00\x57'


def family(packet, order, six):
    return struct.pack(order + 'I', 2 if packet[0] >> 4 == 4 else six)


CARRIED = {
    'raw': (RAW, lambda p: p),
    'raw_12': (12, lambda p: p),
    'raw_14': (14, lambda p: p),
    'ethernet': (ETHERNET, lambda p: MAC + ethertype(p) + p),
    'ethernet_padded': (ETHERNET, lambda p: MAC + ethertype(p) + p + bytes(46)),
    'vlan': (ETHERNET, lambda p: MAC + b'\x81\x00\x00\x05' + ethertype(p) + p),
    'vlan_in_vlan': (ETHERNET, lambda p: MAC + b'\x88\xa8\x00\x64\x81\x00\x00\x05' + ethertype(p) + p),
    'pppoe': (ETHERNET, lambda p: MAC + b'\x88\x64\x11\x00\x00\x01' + struct.pack('!H', len(p) + 2) + ppp(p) + p),
    'cooked': (113, lambda p: bytes.fromhex('00000001000602000000000100 00') + ethertype(p) + p),
    'cooked_outgoing': (113, lambda p: bytes.fromhex('00040001000602000000000100 00') + ethertype(p) + p),
    'cooked_2': (276, lambda p: ethertype(p) + bytes.fromhex('0000000000030001000602000000000100 00') + p),
    'null_little': (0, lambda p: family(p, '<', 10) + p),
    'null_big': (0, lambda p: family(p, '>', 28) + p),
    'loop': (108, lambda p: family(p, '>', 24) + p),
    'ppp': (9, lambda p: b'\xff\x03' + ppp(p) + p),
}


def judged(run):
    same(run.fields('verdict', 'reason'), VERDICTS, 'verdicts')


def carrying(link, wrap):
    def go():
        pcap('in.pcap', [wrap(p) for p in PACKETS], link)
        judged(replay('in.pcap'))
    return go


for name, (link, wrap) in CARRIED.items():
    go = carrying(link, wrap)
    go.__name__ = name
    test(go)


@test
def ip_by_family():
    four, six = [p for p in PACKETS if p[0] >> 4 == 4], [p for p in PACKETS if p[0] >> 4 == 6]
    pcap('four.pcap', four, 228)
    pcap('six.pcap', six, 229)
    same(replay('four.pcap').fields('verdict', 'reason'), VERDICTS[:5], 'IPv4')
    same(replay('six.pcap').fields('verdict', 'reason'), VERDICTS[5:], 'IPv6')
    pcap('wrong.pcap', four, 229)
    same({o['reason'] for o in replay('wrong.pcap').objects}, {'malformed'}, 'IPv4 in IPv6 frames')


@test
def pcap_variants():
    for order in '<>':
        for nano in (False, True):
            pcap('in.pcap', PACKETS, order=order, nano=nano)
            run = replay('in.pcap')
            judged(run)
            same(run.objects[3]['time'], '1700000000.030000', 'time')


@test
def pcapng_variants():
    for order in '<>':
        pcapng('in.pcap', [(RAW, None)], [(0, p) for p in PACKETS], order)  # its name lies
        run = replay('in.pcap')
        judged(run)
        same(run.objects[3]['time'], '1700000000.030000', 'time')


@test
def pcapng_of_many_links():
    links = list(CARRIED.values())
    packets = [(i % len(links), links[i % len(links)][1](p)) for i, p in enumerate(PACKETS)]
    pcapng('in.pcapng', [({12: RAW, 14: RAW}.get(link, link), None) for link, _ in links], packets)
    judged(replay('in.pcapng'))


@test
def interface_names():
    """An interface of a zone tells the zone, also where the source would tell another."""
    packet = udp('192.168.1.7', 5000, '198.51.100.53', 53)
    interfaces = [(RAW, 'br-lan'), (RAW, 'eth0'), (RAW, 'ppp7'), (RAW, 'eth9'), (RAW, None)]
    pcapng('in.pcapng', interfaces, [(i, packet) for i in range(len(interfaces))])
    run = replay('in.pcapng')
    same(run.fields('in', 'reason'), [('lan', 'rule'), ('wan', 'spoofed'), ('wan', 'spoofed'), ('lan', 'established'),
                                      ('lan', 'established')], 'zones')
    same({o['in'] for o in replay('--in', 'lan=in.pcapng').objects}, {'lan'}, 'zones with --in')


@test
def outbound_packets():
    """What is seen going out on an interface did not come in there."""
    packet = udp('192.168.1.7', 5000, '198.51.100.53', 53)
    pcapng('in.pcapng', [(RAW, 'eth0'), (RAW, 'br-lan')], [(1, packet, 1), (0, packet, 1)])
    same(replay('in.pcapng').fields('in', 'verdict'), [('lan', 'accept'), ('wan', 'drop')], 'inbound')
    pcapng('out.pcapng', [(RAW, 'eth0')], [(0, packet, 2)])
    same(replay('out.pcapng').fields('in', 'verdict'), [('lan', 'accept')], 'outbound')


@test
def standard_input():
    data = pcap('in.pcap', PACKETS)
    judged(replay('-', stdin=data))
    pcapng('in.pcapng', [(RAW, None)], [(0, p) for p in PACKETS])
    with open('in.pcapng', 'rb') as f:
        judged(replay('-', stdin=f.read()))
    expect(Replay('-', '-', stdin=data).status == 2, 'standard input was taken for two captures')
    expect(Replay('-', stdin=b'').status == 2, 'nothing was taken for a capture')


@test
def not_ip():
    arp = MAC + b'\x08\x06' + bytes(28)
    pcap('in.pcap', [MAC + ethertype(PACKETS[0]) + PACKETS[0], arp], ETHERNET)
    run = replay('in.pcap', '--write', 'out.pcapng')
    same(run.fields('verdict', 'reason', 'state'), [('accept', 'forward', 'new'), ('accept', 'non-ip', 'untracked')], 'ARP')
    same(run.summary['reasons']['non-ip'], 1, 'ARP in the totals')
    same(run.summary['bytes'], len(PACKETS[0]) + len(arp), 'bytes')


@test
def unknown_link():
    pcap('in.pcap', PACKETS, 147)
    run = replay('in.pcap')
    same({o['reason'] for o in run.objects}, {'non-ip'}, 'reasons')
    expect('link type 147' in run.complaints, f'it said: {run.complaints}')


@test
def cut_packets():
    """A capture that kept only headers."""
    body = udp('192.168.1.7', 5000, '198.51.100.53', 53, bytes(1000))
    data = pcap('in.pcap', [])
    data += struct.pack('<IIII', 1700000000, 0, 60, len(body)) + body[:60]
    run = replay('-', '--write', 'out.pcapng', stdin=data)
    same(run.fields('verdict', 'reason'), [('accept', 'rule')], 'verdict')
    same(run.summary['bytes'], len(body), 'bytes')


main()
