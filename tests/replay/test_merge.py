#!/usr/bin/env python3
"""Several captures are one in time."""
import sys

sys.dont_write_bytecode = True
from lab import START, expect, main, pcap, replay, same, tcp, test, udp  # noqa: E402


@test
def both_sides():
    """A connection seen outside and inside, in two files; the camera's answers belong to it."""
    outside = [tcp('198.51.100.9', 40000, '203.0.113.1', 8080, 2, 100),
               tcp('198.51.100.9', 40000, '203.0.113.1', 8080, 0x10, 101, 501)]
    inside = [tcp('192.168.1.50', 80, '198.51.100.9', 40000, 0x12, 500, 101)]
    pcap('w.pcap', [(START, outside[0]), (START + 2, outside[1])])
    pcap('l.pcap', [(START + 1, inside[0])])
    for arguments in (('--in', 'wan=w.pcap', '--in', 'lan=l.pcap'), ('--in', 'lan=l.pcap', '--in', 'wan=w.pcap')):
        run = replay(*arguments)
        same(run.fields('packet', 'in', 'out', 'verdict', 'reason'),
             [(1, 'wan', 'lan', 'accept', 'forward'), (2, 'lan', 'wan', 'accept', 'established'),
              (3, 'wan', 'lan', 'accept', 'established')], 'verdicts')
        same(run.objects[1]['to'], {'src': '203.0.113.1', 'sport': 8080, 'dst': '198.51.100.9', 'dport': 40000}, 'answer')


@test
def equal_times():
    """Packets of one time come in the order of the command line, bare files and --in alike."""
    for name, source in (('a', 11), ('b', 12), ('c', 13)):
        pcap(f'{name}.pcap', [(START, udp(f'192.168.1.{source}', port, '198.51.100.53', 53)) for port in (1, 2)])
    orders = {('a.pcap', '--in', 'lan=b.pcap', 'c.pcap'): [11, 11, 12, 12, 13, 13],
              ('c.pcap', 'b.pcap', '--in', 'lan=a.pcap'): [13, 13, 12, 12, 11, 11],
              ('--in', 'lan=b.pcap', 'c.pcap', 'a.pcap'): [12, 12, 13, 13, 11, 11]}
    for arguments, expected in orders.items():
        run = replay(*arguments)
        same([int(o['src'].split('.')[3]) for o in run.objects], expected, f'order of {arguments}')
        same([o['sport'] for o in run.objects], [1, 2] * 3, 'order within a capture')


@test
def many():
    """Hundreds of rotated files."""
    for i in range(300):
        pcap(f'{i}.pcap', [(START + i + j * 1000, udp('192.168.1.7', 1024 + i, '198.51.100.53', 53)) for j in range(3)])
    run = replay(*(f'{i}.pcap' for i in reversed(range(300))))
    times = [float(o['time']) for o in run.objects]
    same(len(times), 900, 'packets')
    expect(times == sorted(times), 'not in order of time')


@test
def times_that_step_back():
    """Within a capture the order is the file's."""
    pcap('in.pcap', [(START + t, udp('192.168.1.7', port, '198.51.100.53', 53)) for t, port in ((5, 1), (3, 2), (9, 3))])
    same([o['sport'] for o in replay('in.pcap').objects], [1, 2, 3], 'order')


@test
def timeouts_run_on_capture_time():
    answer = udp('198.51.100.53', 53, '203.0.113.1', 5000)
    question = udp('192.168.1.7', 5000, '198.51.100.53', 53)
    pcap('in.pcap', [(START, question), (START + 60, answer), (START + 100000, answer)])
    same(replay('in.pcap').fields('verdict', 'reason'),
         [('accept', 'rule'), ('accept', 'established'), ('drop', 'default')], 'verdicts')


main()
