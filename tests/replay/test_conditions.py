#!/usr/bin/env python3
"""What a rule asks besides addresses and ports, on the capture's clock: rate, number, time, hardware address; and what it
logs."""
import re
import struct
import sys

sys.dont_write_bytecode = True
from lab import ETHERNET, RULES, START, Replay, main, pcap, replay, same, tcp, test, udp  # noqa: E402

CLIENT, OTHER, ROUTER = '198.51.100.9', '198.51.100.10', '203.0.113.1'
HOUR = 3600
SLL, SLL2 = 113, 276


def with_rule(*lines):
    return RULES.replace('default drop', '\n'.join(lines) + '\ndefault drop')


def syns(*times, src=CLIENT, dport=7001):
    """A connection begins at each of these times, seconds from the start."""
    return [(START + t, tcp(src, 40000 + i, ROUTER, dport)) for i, t in enumerate(times)]


def verdicts(packets, rules, link=101, **how):
    pcap('in.pcap', packets, link)
    return [v for v, in replay('in.pcap', rules=rules, **how).fields('verdict')]


# The captures begin on Tuesday, 2023-11-14 at 22:13:20 UTC.

EVENING = with_rule('allow tcp from wan to router port 7001 during tue 22:00-23:00')


@test
def time_of_the_capture():
    """Every half hour for four hours, then a week later."""
    times = [i * HOUR / 2 for i in range(8)] + [168 * HOUR]
    same(verdicts(syns(*times), EVENING), ['accept', 'accept'] + ['drop'] * 6 + ['accept'], 'in UTC')


@test
def time_zone():
    """The same packets are earlier and later elsewhere; in Berlin it is 23:13, and in Azores 21:13."""
    packets = syns(0, HOUR, 23 * HOUR)
    for zone, wanted in (('UTC', ['accept', 'drop', 'drop']), ('CET-1CEST,M3.5.0,M10.5.0/3', ['drop', 'drop', 'drop']),
                         ('AZOT1AZOST,M3.5.0/0,M10.5.0/1', ['drop', 'accept', 'drop'])):
        same(verdicts(packets, EVENING, zone=zone), wanted, f'TZ={zone}')
    night = with_rule('allow tcp from wan to router port 7001 during tue 23:00-07:00')
    same(verdicts(packets, night, zone='CET-1CEST,M3.5.0,M10.5.0/3'), ['accept', 'accept', 'drop'], 'over midnight')


@test
def summer_time():
    """In Berlin the clocks went from 2 to 3 on 2024-03-31 at 01:00 UTC: half past two was never."""
    begin = 1711846800 - START
    rules = with_rule('allow tcp from wan to router port 7001 during sun 02:00-03:00')
    packets = syns(*(begin + minutes * 60 for minutes in (-61, -60, -1, 0, 30, 59)))
    same(verdicts(packets, rules, zone='CET-1CEST,M3.5.0,M10.5.0/3'), ['drop'] * 6, 'in Berlin')
    same(verdicts(packets, rules, zone='CET-1'), ['drop', 'drop', 'drop', 'accept', 'accept', 'accept'], 'without')


@test
def a_clock_that_steps_back():
    """Captures of which the second was taken before the first, in one file."""
    same(verdicts(syns(0, HOUR, 0, -HOUR, HOUR - 1, 47 * 60 - 20), EVENING),
         ['accept', 'drop', 'accept', 'drop', 'drop', 'drop'], 'verdicts')


@test
def time_is_asked_of_the_first_packet_alone():
    flow = [(START, tcp(CLIENT, 40000, ROUTER, 7001)), (START + 1, tcp(ROUTER, 7001, CLIENT, 40000, 0x12, 100, 2)),
            (START + 2, tcp(CLIENT, 40000, ROUTER, 7001, 0x10, 2, 101)),
            (START + HOUR, tcp(CLIENT, 40000, ROUTER, 7001, 0x18, 2, 101, b'late')),
            (START + HOUR, tcp(CLIENT, 40001, ROUTER, 7001))]
    same(verdicts(flow, EVENING), ['accept'] * 4 + ['drop'], 'verdicts')


# Hardware addresses

SENDER = bytes.fromhex('020000000002')
LISTED = with_rule('allow udp from wan to router port 7001 mac 02:00:00:00:00:02, 02:00:00:00:00:03')
PACKET = udp(CLIENT, 5000, ROUTER, 7001)


def ethernet(source, tags=b''):
    return bytes.fromhex('0200000000ff') + source + tags + b'\x08\x00' + PACKET


@test
def hardware_addresses():
    for name, link, frame, wanted in (
            ('of a frame', ETHERNET, ethernet(SENDER), 'accept'),
            ('of another', ETHERNET, ethernet(bytes.fromhex('020000000004')), 'drop'),
            ('in a VLAN', ETHERNET, ethernet(SENDER, bytes.fromhex('81000005')), 'accept'),
            ('in two', ETHERNET, ethernet(SENDER, bytes.fromhex('88a8000581000006')), 'accept'),
            ('of a cooked frame', SLL, struct.pack('!HHH', 0, 1, 6) + SENDER + b'\0\0\x08\x00' + PACKET, 'accept'),
            ('of a cooked frame without', SLL, struct.pack('!HHH', 0, 512, 0) + SENDER + b'\0\0\x08\x00' + PACKET, 'drop'),
            ('of a cooked frame, version 2', SLL2,
             struct.pack('!HHIHBB', 0x0800, 0, 3, 1, 0, 6) + SENDER + b'\0\0' + PACKET, 'accept'),
            ('where there is none', 101, PACKET, 'drop')):
        same(verdicts([frame], LISTED, link), [wanted], name)


# Rates and numbers

@test
def a_rate_on_the_clock_of_the_capture():
    """Six an hour, two at once: one is back every ten minutes."""
    rules = with_rule('allow tcp from wan to router port 7001 limit 6/hour burst 2')
    times = [0, 1, 2, 9 * 60, 11 * 60, 12 * 60, 24 * 60, 40 * 60, 40 * 60 + 1, 40 * 60 + 2]
    same(verdicts(syns(*times), rules),
         ['accept', 'accept', 'drop', 'drop', 'accept', 'drop', 'accept', 'accept', 'accept', 'drop'], 'verdicts')


@test
def a_rate_of_each_source():
    rules = with_rule('allow tcp from wan to router port 7001 limit 1/minute burst 1 per source')
    packets = syns(0, 1, 61, 62) + syns(2, 3, src=OTHER)
    same(verdicts(sorted(packets), rules), ['accept', 'drop', 'accept', 'drop', 'accept', 'drop'], 'verdicts')


@test
def beyond_the_rate_the_next_rule_is_asked():
    rules = with_rule('allow tcp from wan to router port 7001 limit 1/hour burst 1', 'reject tcp from wan to router port 7001')
    same(verdicts(syns(0, 1), rules), ['accept', 'reject'], 'verdicts')


@test
def a_number_of_living_connections():
    rules = with_rule('allow udp from wan to router port 7001 max 2')
    packets = [(START + t, udp(CLIENT, port, ROUTER, 7001))
               for t, port in ((0, 1), (1, 2), (2, 3), (3, 1), (4, 2), (1000, 3))]
    same(verdicts(packets, rules), ['accept', 'accept', 'drop', 'accept', 'accept', 'accept'], 'verdicts')


# Watching and opening

@test
def a_scan_is_blocked_for_its_time():
    rules = with_rule('detect scan from wan over 3 ports in 10s block 1m', 'allow udp from wan to router port 53')
    packets = [(START + i, tcp(CLIENT, 40000, ROUTER, port)) for i, port in enumerate((1, 2, 2, 3, 4))]
    packets += [(START + t, udp(src, 5000 + i, ROUTER, 53)) for i, (t, src) in
                enumerate(((3.5, CLIENT), (10, CLIENT), (11, OTHER), (63, CLIENT), (66, CLIENT)))]
    packets.sort()
    pcap('in.pcap', packets)
    got = replay('in.pcap', rules=rules)
    same([(v, d) for v, d in got.fields('verdict', 'dport') if d == 53],
         [('accept', 53), ('drop', 53), ('accept', 53), ('drop', 53), ('accept', 53)], 'what follows the scan')


@test
def a_knock_opens_for_its_time():
    rules = with_rule('knock sesame from wan tcp 7000, udp 8000 within 10s for 1m',
                      'allow tcp from wan to router port 7001 after sesame')
    knock = [tcp(CLIENT, 40000, ROUTER, 7000), udp(CLIENT, 40000, ROUTER, 8000)]
    tries = syns(0, 12, 32, 95) + syns(33, src=OTHER)
    packets = sorted(tries + [(START + t, knock[i]) for t, i in ((1, 0), (11.5, 1), (20, 0), (29, 1))])
    pcap('in.pcap', packets)
    got = [v for v, d in replay('in.pcap', rules=rules).fields('verdict', 'dport') if d == 7001]
    same(got, ['drop', 'drop', 'accept', 'drop', 'drop'], 'verdicts')


# The log

@test
def what_is_logged():
    rules = with_rule('allow tcp from wan to router port 7001 log "somebody"', 'drop udp from wan log',
                      'drop tcp from wan log "no" "label"')
    pcap('in.pcap', [tcp(CLIENT, 40000, ROUTER, 7001), tcp(ROUTER, 7001, CLIENT, 40000, 0x12, 100, 2),
                     udp(CLIENT, 40000, ROUTER, 9), tcp(CLIENT, 40000, ROUTER, 9)])
    same(replay('in.pcap', rules=rules).fields('verdict', 'log'),
         [('accept', 'somebody'), ('accept', None), ('drop', ''), ('drop', 'no')], 'objects')
    text = Replay('in.pcap', rules=rules).must().output.splitlines()[:4]
    same([re.search(r'  (?:accept|drop): (.*)', line)[1] for line in text],
         ['rule, test.rules:8, log "somebody"', 'established, begun by test.rules:8', 'rule, test.rules:9, log',
          'rule, test.rules:10 "label", log "no"'], 'lines')


main()
