#!/usr/bin/env python3
"""Memory does not grow with the capture."""
import os
import re
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
from lab import PLAIN, RULES, expect, main, same, test, udp  # noqa: E402

PACKETS, LIMIT = 2_000_000, 32 * 1024  # KiB


def most_memory(pid):
    """=> KiB that a process has had at most"""
    with open(f'/proc/{pid}/status', encoding='utf-8') as f:
        return int(re.search(r'VmHWM:\s+(\d+) kB', f.read())[1])


@test
def two_million_packets():
    with open('test.rules', 'w', encoding='utf-8') as f:
        f.write(RULES)
    flows = [udp(f'192.168.1.{2 + i // 250}', 1024 + i, '198.51.100.53', 53) for i in range(20000)]
    command = [PLAIN, 'replay', 'test.rules', '-', '--json', '--write', '/dev/null']
    with open('report', 'wb') as report, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        tail = subprocess.Popen(['tail', '-n', '1'], stdin=process.stdout, stdout=report)
        try:
            process.stdin.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 101))
            for begin in range(0, PACKETS, len(flows)):
                process.stdin.write(b''.join(
                    struct.pack('<IIII', 1700000000 + (begin + i) // 10000, (begin + i) % 10000 * 100, len(flow), len(flow)) + flow
                    for i, flow in enumerate(flows)))
            process.stdin.flush()
            most = most_memory(process.pid)
            process.stdin.close()
            same(process.wait(120), 0, 'exit status')
        finally:
            process.kill()
            tail.wait(60)
    with open('report', encoding='utf-8') as f:
        expect(f'"packets":{PACKETS},' in f.read(), 'not all packets are in the totals')
    expect(most < LIMIT, f'it took {most} KiB, more than {LIMIT}')


@test
def a_million_prefixes():
    """A list that a set is read from, in no order: loading it takes less than a small router has."""
    with open('big.txt', 'w', encoding='utf-8') as f:
        for i in range(1_000_000):
            a = i * 7919 % 1_000_000 * 4096
            f.write(f'{a >> 24 & 255}.{a >> 16 & 255}.{a >> 8 & 255}.0/24\n')
    with open('big.rules', 'w', encoding='utf-8') as f:
        f.write(RULES + 'set big from "big.txt"\ndrop from any big\n')
    with subprocess.Popen([PLAIN, 'check', 'big.rules'], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    same(process.returncode, 0, 'exit status')
    expect(usage.ru_maxrss < LIMIT, f'it took {usage.ru_maxrss} KiB, more than {LIMIT}')


main()
