#!/usr/bin/env python3
"""Every build judges alike: the one under test, with sanitizers or for another machine, says of each capture from the
field what the plain one says, byte for byte, and writes what that writes."""
import os
import sys

sys.dont_write_bytecode = True
from lab import (CAPTURES, PLAIN, RULES, TIDEGATE, Replay, captures, count_packets, expect, run_one, same,  # noqa: E402
                 skip_without_captures)

# What draws numbers, counts and times packets: addresses and ports of captures are nobody's here.
BUSY = '''\
zone wan on eth0    address 203.0.113.1/24, 2001:db8::1/64  masquerade mss-clamp
zone lan on br-lan  address 192.168.1.1/24
nat mapping address-and-port-dependent
translate from wan to wan as 203.0.113.10-203.0.113.12
detect scan from wan  over 5 ports in 10s  block 1m
drop  tcp,udp from any to any port ephemeral  limit 1/second
allow icmp from any  limit 5/second per source
allow tcp  from any  max 20 per source
allow udp  from any  during mon-fri 08:00-18:00
allow from any
'''


def judges_alike(path):
    good = 0 if count_packets(path) is not None else 2  # there are files among them that are no captures
    for rules in RULES, BUSY:
        one, other = (Replay(path, '--json', '--write', f'{i}.pcapng', rules=rules, binary=binary)
                      for i, binary in enumerate((PLAIN, TIDEGATE)))
        one.must(good)
        other.must(good)
        same(other.complaints, one.complaints, 'complaints')
        expect(other.output == one.output, f'reported otherwise: {difference(one.output, other.output)}')
        expect(good != 0 or written(1) == written(0), 'another capture is written')


def difference(one, other):
    pairs = zip(one.splitlines(), other.splitlines())
    return next((f'{a}, here {b}' for a, b in pairs if a != b), 'one ends before the other')


def written(number):
    with open(f'{number}.pcapng', 'rb') as f:
        return f.read()


def main():
    skip_without_captures()
    if TIDEGATE == PLAIN:
        print('skip builds: TIDEGATE and TIDEGATE_PLAIN are one')
        return
    chosen = [p for p in captures() if not sys.argv[1:] or any(w in p for w in sys.argv[1:])]
    expect(chosen, f'no captures in {CAPTURES}')
    good = [run_one(judges_alike, path, name=os.path.relpath(path, CAPTURES)) for path in chosen]
    sys.exit(0 if all(good) else 1)


main()
