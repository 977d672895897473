"""finding the first rule that fits

Rule sets and traces of ../shared/bench, one lookup after the other; peers from ../shared/bench/peers, compiled for this
machine: going through the rules (plain, and with AVX2), plain bit vectors, and DPDK's rte_acl where libdpdk-dev is
installed (`tools/setup bench`). Each set is measured in every round by all of them in turn.
"""
import os
import shutil
import statistics
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SHARED = os.path.join(ROOT, '..', 'shared', 'bench')
PASSES = 11  # over a trace, of which the median counts
SETS = ('router_16', 'router_128', 'router_1024', 'acl_1k', 'fw_1k', 'ipc_1k', 'acl_10k', 'fw_10k', 'ipc_10k')
ENGINES = {'linear': 'one after the other', 'linear_avx2': 'the same, AVX2', 'bv': 'bit vectors, plain', 'rte_acl_scalar_b1': 'rte_acl',
           'rte_acl_avx2_b32': 'rte_acl, AVX2, 32 at a time', 'tidegate': 'tidegate'}
BUILT = ('bv', 'rte_acl_scalar_b1', 'tidegate')  # have something to build
# Where the targets were measured: rte_acl one at a time; and to reach: nanoseconds, MB, milliseconds to build.
TARGETS = {'router_128': (52, 10, 0.3, 1), 'fw_1k': (68, 25, 0.5, 5), 'acl_10k': (132, 50, 8, 100), 'fw_10k': (338, 30, 8, 100),
           'ipc_10k': (157, 60, 8, 100)}


class Figures:
    def __init__(self):
        self.ns, self.build, self.megabytes = [], [], 0

    def add(self, fields):
        if fields[10] != '0':
            raise SystemExit(f'tools/bench: classify: {fields[0]} found {fields[10]} wrong rules of {fields[1]}')
        self.ns.append(float(fields[8]))
        self.build.append(float(fields[5]))
        self.megabytes = float(fields[6]) / 1e6

    def time(self):
        return statistics.median(self.ns)

    def built(self):
        return statistics.median(self.build)


def peer(bench, name, *flags):
    """=> the path of a peer's program, or None where it cannot be built"""
    target = os.path.join(os.path.dirname(bench.binary), 'bench', name)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    done = subprocess.run([os.environ.get('CC', 'cc'), '-std=gnu11', '-w', '-O3', '-march=native', '-o', target,
                           os.path.join(SHARED, 'peers', name + '.c'), *flags], capture_output=True, check=False)
    return target if done.returncode == 0 else None


def peers(bench):
    found = [peer(bench, 'bench_c')]
    asked = subprocess.run(['pkg-config', '--cflags', 'libdpdk'], capture_output=True, text=True, check=False) if shutil.which('pkg-config') else None
    if asked and asked.returncode == 0:
        flags = [flag for flag in asked.stdout.split() if not flag.startswith('-march')]
        found.append(peer(bench, 'bench_acl', *flags, '-lrte_acl', '-lrte_eal', '-lrte_kvargs', '-lrte_telemetry'))
    return [path for path in found if path]


def measure(bench):
    if not os.path.isdir(os.path.join(SHARED, 'rules')):
        bench.say('There is no ../shared/bench beside the project.')
        bench.say()
        return
    own = bench.compile('classify.c', '-I' + os.path.join(ROOT, 'include'), '-I' + os.path.join(ROOT, 'src'),
                        '-I' + os.path.join(ROOT, 'tests', 'unit'), bench.library)
    others = peers(bench)
    figures = {}
    environment = {**os.environ, 'PASSES': str(PASSES), 'ONLY': ','.join(ENGINES)}
    for number in range(bench.rounds):
        for name in SETS:
            bench.progress(f'classify: round {number + 1} of {bench.rounds}, {name}')
            files = [os.path.join(SHARED, 'rules', name + '.rules'), os.path.join(SHARED, 'traces', name + '.trace')]
            for command in [[path, *files] for path in others] + [[own, name, str(PASSES)]]:
                done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
                for fields in (line.split(',') for line in done.stdout.splitlines()):
                    if fields[0] in ENGINES and len(fields) == 11:
                        figures.setdefault((fields[0], name), Figures()).add(fields)
    bench.progress('')
    show(bench, figures)


def show(bench, figures):
    there = [engine for engine in ENGINES if any((engine, name) in figures for name in SETS)]
    built = [engine for engine in there if engine in BUILT]
    for what, cell, engines in (('ns a lookup', lambda f: f'{f.time():.1f}', there), ('MB', lambda f: f'{f.megabytes:.2f}', built),
                                ('ms to build', lambda f: f'{f.built():.1f}', built)):
        rows = [[what, *(ENGINES[engine] for engine in engines)]]
        for name in SETS:
            cells = [figures.get((engine, name)) for engine in engines]
            rows.append([name, *(cell(f) if f else '-' for f in cells)])
        bench.table(rows)
    if not any(engine == 'rte_acl_scalar_b1' for engine, _ in figures):
        bench.say('rte_acl was not measured: libdpdk-dev is not installed (`tools/setup bench`).')
        bench.say()
        return
    rows = [['against rte_acl, one at a time', 'ns', 'to reach', 'ratio', 'to reach', 'MB', 'to reach', 'ms to build', 'to reach']]
    for name, (there, ns, megabytes, build) in TARGETS.items():
        mine, acl = figures['tidegate', name], figures['rte_acl_scalar_b1', name]
        rows.append([name, f'{mine.time():.1f}', f'{ns}', f'{mine.time() / acl.time():.2f}', f'{ns / there:.2f}', f'{mine.megabytes:.2f}',
                     f'{megabytes}', f'{mine.built():.1f}', f'{build}'])
    bench.table(rows)
