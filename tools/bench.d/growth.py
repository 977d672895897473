"""Growth: what one packet costs as one thing grows and all else stays

Packets of established connections against the number of connections, and against the rules of the file, which they do not
ask; first packets against rules, forwards and the members of a set before what takes them. Flat or logarithmic is good. First
packets are counted in nanoseconds each, as the rate at which connections begin says it.

![what a packet costs](tools/bench.d/growth.svg)
"""
import os
import statistics
import subprocess

import plot
from topology import Failure

BEGUN = 20000
CURVES = {
    'connections (established)': ([1000, 10000, 100000, 1000000], lambda n: ('packets', n, 1)),
    'rules (established)': ([16, 100, 1000, 10000, 100000], lambda n: ('packets', 1000, 1, 1, n)),
    'rules (first packet)': ([16, 100, 1000, 10000, 100000], lambda n: ('begin', BEGUN, 1, n)),
    'forwards (first packet)': ([1, 10, 100, 1000, 10000], lambda n: ('begin', BEGUN, 1, 0, n)),
    'members of a set (first packet)': ([10, 100, 1000, 10000, 100000, 1000000], lambda n: ('begin', BEGUN, 1, 0, 0, n)),
    'workers (established)': ([1, 2], lambda n: ('packets', 65536, 1, n)),
}


def cost(engine, arguments):
    """=> nanoseconds a packet"""
    done = subprocess.run([engine, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f'{engine}: {done.stderr.strip()}')
    number = float(done.stdout)
    return 1e9 / number if arguments[0] == 'begin' else number


def measure(bench):
    engine = bench.engine()
    times = {name: {n: [] for n in sizes} for name, (sizes, _) in CURVES.items()}
    for number in range(bench.rounds):
        for name, (sizes, arguments) in CURVES.items():
            bench.progress(f'growth: round {number + 1} of {bench.rounds}, {name}')
            for n in sizes:
                times[name][n].append(cost(engine, arguments(n)))
    bench.progress('')
    curves = {name: [(n, statistics.median(list_)) for n, list_ in by_size.items()] for name, by_size in times.items()}
    columns = sorted({n for sizes, _ in CURVES.values() for n in sizes})
    rows = [['ns a packet at'] + [f'{n:,}'.replace(',', ' ') for n in columns]]
    for name, curve in curves.items():
        by_size = dict(curve)
        rows.append([name] + [f'{by_size[n]:.0f}' if n in by_size else '' for n in columns])
    bench.table(rows)
    del curves['workers (established)']
    with open(os.path.join(bench.folder, 'growth.svg'), 'w') as f:
        f.write(plot.plot('What a packet costs as one thing grows', 'how many', 'ns a packet', curves))
