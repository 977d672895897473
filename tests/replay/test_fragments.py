#!/usr/bin/env python3
"""Fragments that come before their first wait for it; all is told and written in the order of the capture."""
import itertools
import subprocess
import sys

sys.dont_write_bytecode = True
from lab import RULES, START, Replay, expect, fragments, main, pcap, replay, same, test, udp  # noqa: E402

OPEN = RULES.replace('default drop', '''\
forward udp port 5000 from wan to camera port 6000
allow udp from wan to fd00:1::50 port 6000
default drop''')
DATA = bytes(i % 251 for i in range(3100))
OUTSIDE = ('198.51.100.9', 1234, '203.0.113.1')


def datagram(number=1, port=5000):
    return fragments(udp(*OUTSIDE, port, DATA), number)


def run(packets, **how):
    pcap('in.pcap', packets)
    return replay('in.pcap', '--write', 'out.pcapng', rules=OPEN, **how)


def told(done):
    return [(o['packet'], o['verdict'], o['reason']) for o in done.objects]


def written(*fields):
    """=> what tshark reads of the packets that were written"""
    command = ['tshark', '-n', '-r', 'out.pcapng', '-o', 'udp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE', '-T', 'fields']
    for field in fields:
        command += ['-e', field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    expect(done.returncode == 0, f'tshark: {done.stderr}')
    return [line.split('\t') for line in done.stdout.splitlines()]


def arrived():
    """=> of the datagrams that were written whole: where each goes, whether its checksum is right, and what is in it"""
    rows = written('udp.dstport', 'udp.checksum.status', 'data.data')
    return [(port, checksum, bytes.fromhex(data) == DATA) for port, checksum, data in rows if port]


@test
def any_order():
    for order in itertools.permutations(range(3)):
        done = run([datagram()[i] for i in order])
        same(told(done), [(n, 'accept', 'forward') for n in (1, 2, 3)], f'order {order}')
        same({o['to']['dst'] for o in done.objects}, {'192.168.1.50'}, f'order {order}: to')
        same(arrived(), [('6000', '1', True)], f'order {order}: what arrives')


@test
def any_order_in_ipv6():
    whole = udp('2001:db8:99::9', 1234, 'fd00:1::50', 6000, DATA)
    for order in itertools.permutations(range(3)):
        done = run([fragments(whole, 77)[i] for i in order])
        same(told(done), [(n, 'accept', 'rule') for n in (1, 2, 3)], f'order {order}')
        same(arrived(), [('6000', '1', True)], f'order {order}: what arrives')


@test
def refused_as_their_first():
    done = run(list(reversed(datagram(port=5001))))
    same(told(done), [(n, 'drop', 'default') for n in (1, 2, 3)], 'verdicts')


@test
def others_go_on_meanwhile():
    """They are judged at once, and told in their place."""
    first, second, third = datagram()
    query = udp('192.168.1.7', 5353, '198.51.100.53', 53)
    answer = udp('198.51.100.53', 53, '203.0.113.1', 5353)
    done = run([third, query, second, answer, first])
    same(told(done), [(1, 'accept', 'forward'), (2, 'accept', 'rule'), (3, 'accept', 'forward'), (4, 'accept', 'established'),
                      (5, 'accept', 'forward')], 'verdicts')
    same([o['time'] for o in done.objects], [f'{START}.{i:02d}0000' for i in range(5)], 'times')
    same([row[0] for row in written('frame.comment')][1][:12], 'accept: rule', 'the second written')
    same(len(written('frame.number')), 5, 'packets written')
    same((done.summary['packets'], done.summary['accept']), (5, 5), 'totals')


@test
def expectations_of_what_waits():
    pcap('in.pcap', list(reversed(datagram())))
    with open('expected.jsonl', 'w', encoding='utf-8') as f:
        f.write(''.join(f'{{"packet":{n},"verdict":"accept"}}\n' for n in (1, 2, 3)))
    Replay('in.pcap', '--expect', 'expected.jsonl', '--quiet', rules=OPEN).must()


@test
def a_second_and_no_longer():
    first, second, third = datagram()
    done = run([(START, third), (START + 0.99, first), (START + 1.5, second)])
    same(told(done), [(n, 'accept', 'forward') for n in (1, 2, 3)], 'in time')
    done = run([(START, third), (START + 1.01, first), (START + 1.5, second)])
    same(told(done), [(1, 'drop', 'fragment'), (2, 'accept', 'forward'), (3, 'accept', 'forward')], 'too late')


@test
def no_first_at_all():
    done = run([*datagram()[1:], udp('192.168.1.7', 5000, '198.51.100.53', 53)])
    same(told(done), [(1, 'drop', 'fragment'), (2, 'drop', 'fragment'), (3, 'accept', 'rule')], 'verdicts')
    same(done.summary['reasons']['fragment'], 2, 'counted')


@test
def overlaps_among_those_that_wait():
    """The datagram is refused from there on, and never whole."""
    first, second, third = datagram()
    other = fragments(udp(*OUTSIDE, 5000, DATA), 1, 744)[2]
    done = run([third, other, second, first])
    same([verdict for _, verdict, _ in told(done)], ['accept', 'accept', 'drop', 'accept'], 'verdicts')
    same(arrived(), [], 'what arrives')


@test
def two_captures():
    """What waits comes from one, its first from the other."""
    first, second, third = datagram()
    pcap('a.pcap', [third, second])
    pcap('b.pcap', [first], start=START + 0.5)
    done = replay('--in', 'wan=a.pcap', '--in', 'wan=b.pcap', rules=OPEN)
    same(told(done), [(n, 'accept', 'forward') for n in (1, 2, 3)], 'verdicts')


@test
def a_flood_keeps_nobody_waiting_for_long():
    """One source has its places, others theirs; what finds none is refused, and all are told in order."""
    strays = [datagram(number)[1] for number in range(2, 1002)]
    other = fragments(udp('198.51.100.10', 1234, '203.0.113.1', 5000, DATA), 1)
    packets = [(START + i / 10000, stray) for i, stray in enumerate(strays)]
    packets += [(START + 0.2, part) for part in reversed(datagram())]
    packets += [(START + 0.3, part) for part in reversed(other)]
    done = run(packets)
    same([n for n, _, _ in told(done)], list(range(1, 1007)), 'numbers')
    same({(v, r) for _, v, r in told(done)[:1000]}, {('drop', 'fragment')}, 'strays')
    same([v for _, v, _ in told(done)[1000:1003]], ['drop', 'drop', 'accept'], 'the flooding source')
    same([v for _, v, _ in told(done)[1003:]], ['accept'] * 3, 'another source')


@test
def much_else_while_one_waits():
    """More than is kept in memory: what waits is given up."""
    large = udp('192.168.1.7', 5000, '198.51.100.53', 53, bytes(60000))
    done = run([(START, datagram()[2])] + [(START + i / 10000, large) for i in range(400)] + [(START + 0.5, datagram()[0])])
    same(told(done)[0], (1, 'drop', 'fragment'), 'what waited')
    same((len(done.objects), len(written('frame.number'))), (402, 402), 'packets')


main()
