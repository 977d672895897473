"""The engine alone: one thread, no input or output

What an established packet costs whole way (decoded, found, followed, translated, judged) while so many connections live, and
how many connections a second begin. bench.d/engine.c says how. DPDK's rte_hash finds the same number of keys of 13 bytes, and
does nothing else: one at a time and 32 at a time.
"""
import os
import statistics
import subprocess

from topology import Failure

CONNECTIONS = {1000: 40, 65536: 70, 1048576: 110}  # how many, and the nanoseconds a packet to reach
BEGUN = 200000
RULES = 100
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PEERS = os.path.join(os.path.dirname(ROOT), 'shared', 'bench', 'peers')


def numbers(argv):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f'{argv[0]}: {done.stderr.strip()}')
    return [float(line) for line in done.stdout.split()]


class RteHash:
    """DPDK's hash table, where it is installed and its program is beside the project."""

    def __init__(self, bench):
        flags = subprocess.run(['pkg-config', '--cflags', 'libdpdk'], capture_output=True, text=True)
        source = os.path.join(PEERS, 'bench_rtehash.c')
        self.program = None
        if flags.returncode == 0 and os.path.exists(source):
            self.program = bench.compile(source, *flags.stdout.split(), '-std=gnu11', '-w', '-O3', '-march=native', f'-I{PEERS}',
                                         '-lrte_hash', '-lrte_rcu', '-lrte_eal', '-lrte_kvargs', '-lrte_telemetry')

    def measure(self, count):
        """=> nanoseconds one at a time, and in bulk; or dashes"""
        if self.program is None:
            return '-', '-'
        done = subprocess.run([self.program, str(count)], capture_output=True, text=True)
        row = next((line.split(',') for line in done.stdout.splitlines() if line.startswith('rte_hash,')), None)
        if row is None:
            raise Failure(f'{self.program}: {done.stderr.strip()}')
        return float(row[3]), float(row[5])


def measure(bench):
    engine = bench.engine()
    peer = RteHash(bench)
    cost = {count: [] for count in CONNECTIONS}
    begun, bare, pairs = [], [], []
    found = {count: ([], []) for count in CONNECTIONS}
    for round_ in range(bench.rounds):
        bench.progress(f'engine, round {round_ + 1} of {bench.rounds}')
        for count in CONNECTIONS:
            cost[count] += numbers([engine, 'packets', count, 1])
            for times, ns in zip(found[count], peer.measure(count)):
                times.append(ns)
        begun += numbers([engine, 'begin', BEGUN, 1, RULES])
        bare += numbers([engine, 'begin', BEGUN, 1, 0])
        pairs.append(numbers([engine, 'packets', 65536, 1, 1])[0] / numbers([engine, 'packets', 65536, 1, 2])[0])
    bench.progress('')

    def median(times, form='{:.0f}'):
        return '-' if '-' in times else form.format(statistics.median(times))
    bench.table([['an established packet', 'ns', 'to reach', 'rte_hash finds, ns', '32 at a time']] +
                [[f'{count:,} connections'.replace(',', ' '), median(cost[count]), limit, *map(median, found[count])]
                 for count, limit in CONNECTIONS.items()])
    table, whole = (size / (1 << 20) for size in numbers([engine, 'size', 1 << 20]))
    bench.table([['', 'measured', 'to reach'],
                 [f'new connections a second, {RULES} rules before, millions', f'{statistics.median(begun) / 1e6:.2f}', '3'],
                 ['the same with none before', f'{statistics.median(bare) / 1e6:.2f}', '-'],
                 ['two workers against one, times', f'{statistics.median(pairs):.2f}', '1.8'],
                 ['bytes a connection, with its indexes', f'{table:.0f}', '128'],
                 ['the same with mappings, shares and all else that the engine has', f'{whole:.0f}', '-']])
