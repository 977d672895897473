#!/usr/bin/env python3
"""Every capture from the field goes through to its end: a verdict for each packet, each written, twice the same."""
import os
import sys

sys.dont_write_bytecode = True
from lab import CAPTURES, Replay, captures, count_packets, expect, run_one, same, skip_without_captures  # noqa: E402


def goes_through(path):
    packets = count_packets(path)
    first, second = (Replay(path, '--json', '--write', f'{n}.pcapng') for n in (1, 2))
    if packets is None:
        same(first.status, 2, 'exit status for what is no capture')
        expect('not a capture' in first.complaints, f'it said: {first.complaints}')
        return
    first.must()
    same([o['packet'] for o in first.objects], list(range(1, packets + 1)), 'packets reported')
    same(first.summary['packets'], packets, 'packets in the totals')
    same(sum(first.summary[v] for v in ('accept', 'drop', 'reject')), packets, 'verdicts in the totals')
    same(sum(first.summary['reasons'].values()), packets, 'reasons in the totals')
    same(count_packets('1.pcapng'), packets, 'packets written')
    same(first.output, second.output, 'the second run')
    with open('1.pcapng', 'rb') as one, open('2.pcapng', 'rb') as two:
        expect(one.read() == two.read(), 'the second run wrote another capture')
    text = Replay(path).must().output.splitlines()
    same(len([line for line in text if line[:6].strip().isdigit() and line[6:8] == '  ']), packets, 'lines of text')


def main():
    skip_without_captures()
    chosen = [p for p in captures() if not sys.argv[1:] or any(w in p for w in sys.argv[1:])]
    expect(chosen, f'no captures in {CAPTURES}')
    good = [run_one(goes_through, path, name=os.path.relpath(path, CAPTURES)) for path in chosen]
    sys.exit(0 if all(good) else 1)


main()
