"""NFQUEUE: packets through a router, beside the kernel's own ways and a program that accepts everything unseen

A client outside, a server inside, the router between them (topology.Line), offloads on. What is measured, each in turn:

- plain: the kernel forwards, and nothing else
- nftables: connection tracking, destination translation and masquerading by the kernel
- accept-all: bench.d/accept_all.c takes every forwarded packet from NFQUEUE, 128 bytes of each or all of it
- tidegate: a forward (translated both ways), and a plain allow rule without any translation

TCP is carried by iperf3, from the client to the server (in) and the other way on the same connection (back); small UDP
packets by bench.d/udp_rate.c, towards the server.

The queue program's time a packet is taken while UDP packets come, and counts those that arrived. What it runs in all is
exact: the process's own CPU clock, in nanoseconds. How much of that is user time is known by the kernel's ticks alone
(250 a second here), each of which finds it in one or the other; so ticks of all rounds are put together, some 2000 of
them, which leaves an uncertainty of about 15 ns a packet.

Under a flood, TCP goes in once more while bench.d/syn_flood.c sends SYNs to the same port, from everywhere, at a fixed
pace: what is lost is what the SYNs cost on two cores, their sending and the server's answers included. Handled are
those that were not dropped because a queue was full. The ratio is the median of those of the rounds, each within
itself. Idle connections are opened before, each says a word, and after the flood each must get another one through,
both ways.
"""
import json
import os
import signal
import socket
import statistics
import subprocess
import time

from topology import Failure, Line, until

INSIDE, ROUTER = '10.0.0.2', '10.1.0.1'
TCP_PORT, UDP_PORT, IDLE_PORT = 5201, 9, 7
FORWARD = f'''\
zone wan on wan masquerade
zone lan on lan
host server = {INSIDE}
allow from router
allow from lan to wan
forward tcp port {TCP_PORT} from wan to server
forward udp port {UDP_PORT} from wan to server
forward tcp port {IDLE_PORT} from wan to server
'''
ALLOW = f'''\
zone wan on wan
zone lan on lan
allow from router
allow from lan to wan
allow tcp from wan to lan port {TCP_PORT}
allow udp from wan to lan port {UDP_PORT}
'''
CORES = os.cpu_count()
BALANCE = f'--queue-balance 0:{CORES - 1}' if CORES > 1 else '--queue-num 0'
SYNS = 50_000  # a second
IDLE = 32  # connections
ON_CPU, IN_USER, BY_TICKS = 2, 1, 0  # clocks of a process (clock_getcpuclockid): exact; by ticks, in user mode and in all


class Subject:
    """One way to get packets through. Each time it is measured it gets a network of its own, so that nothing that another one
    has set up in the kernel (connection tracking stays once it is asked for) can weigh on it."""
    target = INSIDE

    def __init__(self, name):
        self.name = name
        self.up, self.down, self.udp, self.cpu, self.ticks = [], [], [], [], []
        self.flooded, self.kept, self.handled = [], [], []
        self.alive = 0

    def start(self, net):
        """Put it in place.
        => the process that takes packets from the queue, or None"""
        return None


class Nftables(Subject):
    target = ROUTER
    RULES = f'''table ip nat {{
        chain prerouting {{
            type nat hook prerouting priority dstnat;
            iifname wan tcp dport {TCP_PORT} dnat to {INSIDE}
            iifname wan udp dport {UDP_PORT} dnat to {INSIDE}
            iifname wan tcp dport {IDLE_PORT} dnat to {INSIDE}
        }}
        chain postrouting {{ type nat hook postrouting priority srcnat; oifname wan masquerade; }}
    }}'''

    def start(self, net):
        net.run('fw', 'nft', '-f', net.write('nat.nft', self.RULES), check=True)


class AcceptAll(Subject):
    def __init__(self, name, program, copy):
        super().__init__(name)
        self.argv = [program, str(CORES), str(copy)]

    def start(self, net):
        process = net.spawn('fw', *self.argv, ready='accept_all: ready')
        net.run('fw', 'iptables', *f'-t mangle -A FORWARD -j NFQUEUE {BALANCE}'.split(), check=True)
        return process


class Tidegate(Subject):
    def __init__(self, name, binary, rules, target):
        super().__init__(name)
        self.binary, self.rules, self.target = binary, rules, target

    def start(self, net):
        return net.tidegate(net.write('bench.rules', self.rules), namespace='fw', binary=self.binary)


def iperf(net, target, seconds, *options, begun=lambda: None):
    """`begun` is called when it has its connections.
    => Gbit/s that arrived"""
    def connected():
        told = net.run('lan', 'ss', '-Htn', 'state', 'established', f'sport = :{TCP_PORT}').stdout
        return told.count('\n') == 2 or not client.is_running()

    def run():
        nonlocal client
        client = net.spawn('wan', 'iperf3', '-c', target, '-t', f'{seconds:g}', '--json', *options)
        if until(connected, 'iperf3 to have both its connections') and client.is_running():
            begun()
        client.wait(seconds + 30)
        report = json.loads(client.out)
        if 'busy' in report.get('error', ''):
            return None  # with the end of the test before
        if 'error' in report:
            raise Failure(f'iperf3: {report["error"]}')
        return report['end']['sum_received']['bits_per_second'] / 1e9
    client = None
    return until(run, 'the iperf3 server')


def clocks(process):
    """=> seconds that the process has run, and that ticks found it in user mode and in all"""
    return [time.clock_gettime(~process.pid << 3 | kind) for kind in (ON_CPU, IN_USER, BY_TICKS)]


def udp(net, subject, process, program, seconds):
    """Packets a second that arrived; and what each cost the queue program, if there is one."""
    receiver = net.spawn('lan', program, 'receive', str(UDP_PORT))
    net.wait_port('lan', UDP_PORT, 'udp')
    before = clocks(process) if process else None
    net.run('wan', program, 'send', subject.target, str(UDP_PORT), f'{seconds:g}', limit=seconds + 30, check=True)
    receiver.wait(seconds + 30)
    count, took = receiver.out.split()
    subject.udp.append(int(count) / float(took))
    if process:
        ran, user, ticks = (now - then for now, then in zip(clocks(process), before))
        subject.cpu.append(ran * 1e9 / int(count))
        subject.ticks.append((user, ticks))


def lost(net):
    """=> packets that the kernel dropped because a queue, or its reader's buffer, was full"""
    with net.entered('fw'), open('/proc/thread-self/net/netfilter/nfnetlink_queue') as f:
        return sum(int(line.split()[5]) + int(line.split()[6]) for line in f)


def open_idle(net, target):
    """=> pairs of connected sockets, the client's and the server's, over which a word has gone both ways"""
    pairs = []
    with net.socket('lan') as server:
        server.bind(('', IDLE_PORT))
        server.listen(IDLE)
        for _ in range(IDLE):
            client = net.socket('wan')
            client.connect((target, IDLE_PORT))
            pairs.append((client, server.accept()[0]))
    if not all(map(lives, pairs)):
        raise Failure('a connection that was just opened carries nothing')
    return pairs


def lives(pair):
    """=> whether a word goes both ways"""
    try:
        for one, other in (pair, pair[::-1]):
            other.settimeout(5)
            one.sendall(b'?')
            if other.recv(1) != b'?':
                return False
    except OSError:
        return False
    return True


def flood(net, subject, program, seconds):
    """The transfer once more, beside SYNs; and what became of who was there before."""
    pairs = open_idle(net, subject.target)
    before = lost(net)
    sender = None

    def begin():
        nonlocal sender
        sender = net.spawn('wan', program, subject.target, str(TCP_PORT), str(SYNS), f'{seconds:g}')
    subject.flooded.append(iperf(net, subject.target, seconds, begun=begin))
    subject.kept.append(subject.flooded[-1] / subject.up[-1])
    if sender is None:
        raise Failure('the transfer was over before the flood began')
    if sender.wait(seconds + 30) != 0:
        raise Failure(f'{program}: {sender.err.strip()}')
    sent, took = sender.out.split()
    subject.handled.append((int(sent) - (lost(net) - before)) / float(took))
    subject.alive += sum(map(lives, pairs))
    for one, other in pairs:
        one.close()
        other.close()


def once(subject, udp_rate, syn_flood, seconds):
    """Measure a subject once; with a flood, if there is a program for it."""
    with Line() as net:
        net.spawn('lan', 'iperf3', '-s')
        net.wait_port('lan', TCP_PORT)
        process = subject.start(net)
        subject.up.append(iperf(net, subject.target, seconds))
        subject.down.append(iperf(net, subject.target, seconds, '-R'))
        udp(net, subject, process, udp_rate, seconds)
        if syn_flood:
            flood(net, subject, syn_flood, seconds)
        if process and process.stop() not in (0, -signal.SIGTERM):
            raise Failure(f'{subject.name} ended with {process.popen.returncode}: {process.err.strip()[-500:]}')


def measure(bench):
    libraries = subprocess.run(['pkg-config', '--cflags', '--libs', 'libnetfilter_queue', 'libmnl'], capture_output=True,
                               text=True, check=True).stdout.split()
    accept_all, udp_rate = bench.compile('accept_all.c', *libraries, '-pthread'), bench.compile('udp_rate.c')
    syn_flood = bench.compile('syn_flood.c')
    headers, whole = AcceptAll('accept-all, 128 bytes', accept_all, 128), AcceptAll('accept-all, whole', accept_all, 65535)
    allow = Tidegate('tidegate, allow rule', bench.binary, ALLOW, INSIDE)
    forward = Tidegate('tidegate, translated', bench.binary, FORWARD, ROUTER)
    plain, nftables = Subject('plain forwarding'), Nftables('nftables, translated')
    subjects, flooded = [plain, nftables, headers, whole, allow, forward], [plain, nftables, headers, forward]
    for number in range(bench.rounds):
        for subject in subjects:
            bench.progress(f'queue: round {number + 1} of {bench.rounds}, {subject.name}')
            once(subject, udp_rate, syn_flood if subject in flooded else None, bench.seconds)
    bench.progress('')
    show_rates(bench, subjects, [headers, whole], [(allow, 0.9, 0.9), (forward, 0.65, 0.75)])
    show_times(bench, [headers, whole, allow, forward], [headers, whole], 150)
    show_flood(bench, flooded, {forward: 0.80})


def show_rates(bench, subjects, peers, goals):
    median = statistics.median
    rows = [['', 'TCP in, Gbit/s', 'TCP back, Gbit/s', 'UDP in, kpps']]
    for s in subjects:
        rows.append([s.name, f'{median(s.up):.2f}', f'{median(s.down):.2f}', f'{median(s.udp) / 1e3:.0f}'])
    bench.table(rows)

    def ratio(mine, figures):
        return median(mine) / max(median(f) for f in figures)
    rows = [['against accept-all, the better of the two', 'TCP in', 'TCP back', 'to reach', 'UDP in', 'to reach']]
    for s, tcp, small in goals:
        rows.append([s.name, f'{ratio(s.up, [p.up for p in peers]):.2f}', f'{ratio(s.down, [p.down for p in peers]):.2f}', f'{tcp:.2f}',
                     f'{ratio(s.udp, [p.udp for p in peers]):.2f}', f'{small:.2f}'])
    bench.table(rows)


def times(subject):
    """=> nanoseconds a packet, in user mode and in the kernel"""
    ran = statistics.median(subject.cpu)
    user, ticks = map(sum, zip(*subject.ticks))
    return ran * user / ticks, ran * (1 - user / ticks)


def show_times(bench, subjects, peers, goal):
    least = min(times(peer)[0] for peer in peers)
    rows = [['the queue program, ns a UDP packet', 'in all', 'system', 'user', "beyond accept-all's user", 'to reach']]
    for s in subjects:
        user, system = times(s)
        beyond = ['-', '-'] if s in peers else [f'{user - least:+.0f}', f'≤ +{goal}']
        rows.append([s.name, f'{user + system:.0f}', f'{system:.0f}', f'{user:.0f}', *beyond])
    bench.table(rows)


def show_flood(bench, subjects, goals):
    median = statistics.median
    rows = [[f'{SYNS // 1000} k SYNs a second', 'TCP alone, Gbit/s', 'beside them', 'ratio', 'to reach', 'handled, k/s', 'idle ones alive']]
    for s in subjects:
        rows.append([s.name, f'{median(s.up):.2f}', f'{median(s.flooded):.2f}', f'{median(s.kept):.2f}',
                     f'{goals[s]:.2f}' if s in goals else '-', f'{median(s.handled) / 1e3:.1f}', f'{s.alive} of {IDLE * len(s.flooded)}'])
    bench.table(rows)
