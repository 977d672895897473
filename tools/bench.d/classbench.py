#!/usr/bin/env python3
"""A ClassBench filter set as a rules file, to measure what takes rules: classbench.py FILTERS [SEED].

Each filter is a statement; whether it allows or drops is chosen at random by SEED, so that two seeds give two files that
differ in half of their statements. ClassBench (Taylor and Turner, 2007) has a filter a line:
  @SRC/LEN DST/LEN SPORT : SPORT DPORT : DPORT PROTO/MASK …
"""
import random
import sys

NAMES = {1: 'icmp', 6: 'tcp', 17: 'udp', 47: 'gre', 50: 'esp', 51: 'ah'}
HEAD = 'zone wan on eth0 masquerade\nzone lan on br-lan address 192.168.1.1/24\nallow from router\n'


def side(word, prefix, ports):
    addresses = '' if prefix.endswith('/0') else f' {prefix}'
    if ports == ('0', '65535'):
        return f' {word} any{addresses}', False
    return f' {word} any{addresses} port ' + (ports[0] if ports[0] == ports[1] else '-'.join(ports)), True


def statement(fields, action):
    source, from_ports = side('from', fields[0], (fields[2], fields[4]))
    destination, to_ports = side('to', fields[1], (fields[5], fields[7]))
    number, mask = (int(part, 16) for part in fields[8].split('/'))
    proto = NAMES.get(number, str(number)) if mask else 'tcp,udp' if from_ports or to_ports else ''
    if proto not in ('tcp', 'udp', 'tcp,udp'):
        source, destination = source.partition(' port')[0], destination.partition(' port')[0]
    return ' '.join(f'{action} {proto}{source}{destination}'.split())


def main():
    chosen = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    sys.stdout.write(HEAD)
    with open(sys.argv[1], encoding='ascii') as filters:
        for line in filters:
            if line.startswith('@'):
                print(statement(line[1:].split(), chosen.choice(('allow', 'drop'))))


main()
