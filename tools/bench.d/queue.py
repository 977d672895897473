"""NFQUEUE: packets through a router, beside the kernel's own ways and a program that accepts everything unseen

A client outside, a server inside, the router between them (topology.Line), offloads on. What is measured, each in turn:

- plain: the kernel forwards, and nothing else
- nftables: connection tracking, destination translation and masquerading by the kernel
- accept-all: bench.d/accept_all.c takes every forwarded packet from NFQUEUE, 128 bytes of each or all of it
- tidegate: a forward (translated both ways), and a plain allow rule without any translation

TCP is carried by iperf3, from the client to the server (in) and the other way on the same connection (back); small UDP
packets by bench.d/udp_rate.c, towards the server. User time is that of the queue program while UDP packets come, by /proc.
"""
import json
import os
import signal
import statistics
import subprocess

from topology import Failure, Line, until

INSIDE, ROUTER = '10.0.0.2', '10.1.0.1'
TCP_PORT, UDP_PORT = 5201, 9
FORWARD = f'''\
zone wan on wan masquerade
zone lan on lan
host server = {INSIDE}
allow from router
allow from lan to wan
forward tcp port {TCP_PORT} from wan to server
forward udp port {UDP_PORT} from wan to server
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
TICK = os.sysconf('SC_CLK_TCK')


class Subject:
    """One way to get packets through. Each time it is measured it gets a network of its own, so that nothing that another one
    has set up in the kernel (connection tracking stays once it is asked for) can weigh on it."""
    target = INSIDE

    def __init__(self, name):
        self.name = name
        self.up, self.down, self.udp, self.user = [], [], [], []

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


def iperf(net, target, seconds, *options):
    """=> Gbit/s that arrived"""
    def run():
        told = net.run('wan', 'iperf3', '-c', target, '-t', f'{seconds:g}', '--json', *options, limit=seconds + 30)
        report = json.loads(told.stdout)
        if 'busy' in report.get('error', ''):
            return None  # with the end of the test before
        if 'error' in report:
            raise Failure(f'iperf3: {report["error"]}')
        return report['end']['sum_received']['bits_per_second'] / 1e9
    return until(run, 'the iperf3 server')


def user_seconds(process):
    with open(f'/proc/{process.pid}/stat') as f:
        return int(f.read().rpartition(')')[2].split()[11]) / TICK


def udp(net, target, process, program, seconds):
    """=> packets a second that arrived, and the queue program's user nanoseconds a packet (None if there is none)"""
    receiver = net.spawn('lan', program, 'receive', str(UDP_PORT))
    net.wait_port('lan', UDP_PORT, 'udp')
    before = user_seconds(process) if process else 0
    net.run('wan', program, 'send', target, str(UDP_PORT), f'{seconds:g}', limit=seconds + 30, check=True)
    receiver.wait(seconds + 30)
    count, took = receiver.out.split()
    return int(count) / float(took), (user_seconds(process) - before) * 1e9 / int(count) if process else None


def once(subject, program, seconds):
    """Measure a subject once."""
    with Line() as net:
        net.spawn('lan', 'iperf3', '-s')
        net.wait_port('lan', TCP_PORT)
        process = subject.start(net)
        subject.up.append(iperf(net, subject.target, seconds))
        subject.down.append(iperf(net, subject.target, seconds, '-R'))
        rate, user = udp(net, subject.target, process, program, seconds)
        subject.udp.append(rate)
        if process:
            subject.user.append(user)
            if process.stop() not in (0, -signal.SIGTERM):
                raise Failure(f'{subject.name} ended with {process.popen.returncode}: {process.err.strip()[-500:]}')


def measure(bench):
    libraries = subprocess.run(['pkg-config', '--cflags', '--libs', 'libnetfilter_queue', 'libmnl'], capture_output=True,
                               text=True, check=True).stdout.split()
    accept_all, udp_rate = bench.compile('accept_all.c', *libraries, '-pthread'), bench.compile('udp_rate.c')
    headers, whole = AcceptAll('accept-all, 128 bytes', accept_all, 128), AcceptAll('accept-all, whole', accept_all, 65535)
    allow = Tidegate('tidegate, allow rule', bench.binary, ALLOW, INSIDE)
    forward = Tidegate('tidegate, translated', bench.binary, FORWARD, ROUTER)
    subjects = [Subject('plain forwarding'), Nftables('nftables, translated'), headers, whole, allow, forward]
    for number in range(bench.rounds):
        for subject in subjects:
            bench.progress(f'queue: round {number + 1} of {bench.rounds}, {subject.name}')
            once(subject, udp_rate, bench.seconds)
    bench.progress('')
    show(bench, subjects, [headers, whole], [(allow, 0.9, 0.9), (forward, 0.65, 0.75)])


def show(bench, subjects, peers, goals):
    rows = [['', 'TCP in, Gbit/s', 'TCP back, Gbit/s', 'UDP in, kpps', 'user ns a packet']]
    for s in subjects:
        user = f'{statistics.median(s.user):.0f}' if s.user else '-'
        rows.append([s.name, f'{statistics.median(s.up):.2f}', f'{statistics.median(s.down):.2f}', f'{statistics.median(s.udp) / 1e3:.0f}', user])
    bench.table(rows)

    def ratio(mine, figures):
        return statistics.median(mine) / max(statistics.median(f) for f in figures)
    rows = [['against accept-all, the better of the two', 'TCP in', 'TCP back', 'to reach', 'UDP in', 'to reach']]
    for s, tcp, small in goals:
        rows.append([s.name, f'{ratio(s.up, [p.up for p in peers]):.2f}', f'{ratio(s.down, [p.down for p in peers]):.2f}', f'{tcp:.2f}',
                     f'{ratio(s.udp, [p.udp for p in peers]):.2f}', f'{small:.2f}'])
    bench.table(rows)
