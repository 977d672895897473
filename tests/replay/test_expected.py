#!/usr/bin/env python3
"""Captures from the field come to what is expected of them: each rules file in expected/ names its capture in its first
line, and has the expectations beside it."""
import glob
import os
import subprocess
import sys

sys.dont_write_bytecode = True
from lab import CAPTURES, HERE, TIDEGATE, expect, run_one, skip_without_captures  # noqa: E402


def comes_to(rules):
    with open(rules, encoding='utf-8') as f:
        capture = f.readline().removeprefix('# capture: ').strip()
    command = [TIDEGATE, 'replay', rules, os.path.join(CAPTURES, capture), '--quiet', '--expect', rules[:-len('rules')] + 'jsonl']
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    expect(done.returncode == 0 and not done.stderr, f'exit status {done.returncode}: {done.stderr}')


def main():
    skip_without_captures()
    paths = sorted(glob.glob(os.path.join(HERE, 'expected', '*.rules')))
    chosen = [p for p in paths if not sys.argv[1:] or any(w in p for w in sys.argv[1:])]
    good = [run_one(comes_to, p, name=os.path.basename(p)[:-len('.rules')]) for p in chosen]
    sys.exit(0 if chosen and all(good) else 1)


main()
