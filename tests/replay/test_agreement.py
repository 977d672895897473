#!/usr/bin/env python3
"""Random rules files and random packets, on which all must agree: the engine as replay runs it, explain, the naive reading
of the language in naive.py, and what check and diff say of the files.

AGREEMENT_FILES and AGREEMENT_SEED ask for more files, or for others."""
import ipaddress
import json
import os
import random
import subprocess
import sys
from datetime import datetime, timezone

sys.dont_write_bytecode = True
import naive  # noqa: E402
from lab import ETHERNET, TIDEGATE, expect, ip, main, pcap, same, tcp, test, udp, ones  # noqa: E402
from naive import Firewall, Forward, Map, Names, Network, Options, Packet, Rule, Side, Translate, Zone  # noqa: E402

FILES = int(os.environ.get('AGREEMENT_FILES', '15'))
SEED = int(os.environ.get('AGREEMENT_SEED', '1'))
STATEMENTS, PACKETS, EXPLAINED, TRIES = 14, 150, 6, 12
START, STEP = 1700000000, 3607  # seconds: by the next packet every connection is over, and the week goes by

NETWORK = Network([
    Zone('wan', [ipaddress.ip_interface(a) for a in ('203.0.113.1/24', '203.0.113.2/24', '2001:db8::1/64')], True),
    Zone('lan', [ipaddress.ip_interface(a) for a in ('192.168.1.1/24', 'fd00:1::1/64')]),
    Zone('guest', [ipaddress.ip_interface(a) for a in ('192.168.2.1/24', 'fd00:2::1/64')]),
    Zone('dmz', [ipaddress.ip_interface(a) for a in ('10.9.0.1/16', 'fd00:9::1/64')]),
])
NAMES = Names(
    {'cam': ['192.168.1.50', 'fd00:1::50'], 'nas': ['192.168.2.60'], 'six': ['fd00:9::70'], 'web': ['10.9.0.80', 'fd00:9::80']},
    {'office': ['198.51.100.0/24', '2001:db8:7::/48'], 'bad': ['192.0.2.0/25', '192.0.2.200-192.0.2.210'],
     'mixed': ['office', '192.168.1.0/26', 'nas'], 'v6': ['2001:db8:7:1::/64', 'fd00:1::/64'],
     'most': ['0.0.0.0/1', '128.0.0.0/2', '2000::/3']},
    {'camera': [('tcp', 8000), ('udp', 3702), ('tcp', 554)], 'game': [('udp', 5000), ('udp', 5001)]})
SOURCES = {
    'wan': ['198.51.100.9', '198.51.100.200', '192.0.2.5', '192.0.2.205', '192.0.2.150', '203.0.113.77', '8.8.8.8',
            '2001:db8:7::9', '2001:db8:7:1::9', '2a00::1', '192.168.1.7'],
    'lan': ['192.168.1.50', '192.168.1.7', '192.168.1.70', 'fd00:1::50', 'fd00:1::7', '10.0.0.1'],
    'guest': ['192.168.2.60', '192.168.2.7', 'fd00:2::60', 'fd00:2::7', '198.51.100.9'],
    'dmz': ['10.9.0.80', '10.9.3.7', 'fd00:9::70', 'fd00:9::80', 'fd00:9::7'],
}
TARGETS = ['203.0.113.1', '203.0.113.2', '203.0.113.10', '192.168.1.1', '10.9.0.1', '2001:db8::1', 'fd00:1::1', '192.168.1.50',
           '192.168.1.7', '192.168.2.60', '192.168.2.7', '10.9.0.80', '10.9.3.7', 'fd00:1::50', 'fd00:9::70', 'fd00:9::80',
           'fd00:2::7', '198.51.100.9', '8.8.8.8', '192.0.2.5', '2a00::1', '2001:db8:7::9']
ITEMS = ['cam', 'nas', 'six', 'web', 'office', 'bad', 'mixed', 'v6', 'most', '192.168.1.7', '192.168.1.0/26', '10.9.0.0/17',
         '198.51.100.0-198.51.100.100', 'fd00:1::/64', '2001:db8:7::9', '0.0.0.0/0', '8.8.8.8']
PORTS = [22, 53, 80, 443, 554, 1023, 1024, 3702, 5000, 5001, 5002, 8000, 8001, 8080, 40000, 49152, 65535]
PORT_ITEMS = ['22', '53', '80', '443', '554', '5000-5002', '8000-8001', '8080', '1-1023', 'dns', 'https', 'camera',
              'well-known', 'registered', 'ephemeral']
MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03']
NUMBERS = {'tcp': 6, 'udp': 17, 'icmp': 1, 'icmp6': 58, 'gre': 47, 'esp': 50}
ZONES = [z.name for z in NETWORK.zones]


# Files

def some(r, items, most=3):
    return r.sample(items, r.randint(1, most))


def minute(i):
    """Of the week, when packet `i` comes."""
    when = datetime.fromtimestamp(START + i * STEP, timezone.utc)
    return when.weekday() * naive.DAY + when.hour * 60 + when.minute


def side(r, zones, ports=False):
    s = Side(r.choice(zones))
    if r.random() < 0.35:
        s.items, s.outside = some(r, ITEMS), r.random() < 0.25
    if ports:
        s.ports = some(r, PORT_ITEMS)
    return s


def options(r):
    o = Options()
    if r.random() < 0.05:  # from one packet's minute to another's: the first is within, the last is not
        first, last = (minute(i) % naive.DAY for i in r.sample(range(PACKETS), 2))
        o.hours = (first, last) if first != last else ()
    elif r.random() < 0.12:
        if r.random() < 0.7:
            o.days = tuple(sorted(some(r, naive.DAYS, 4), key=naive.DAYS.index))
        if not o.days or r.random() < 0.6:
            o.hours = tuple(r.sample(range(0, naive.DAY), 2))
    if r.random() < 0.07:
        o.macs = tuple(some(r, MACS, 2))
    if r.random() < 0.12:
        o.others = r.choice(['limit 1000/second', 'max 1000 per source', 'log', 'log "seen"'])
    return o


def rule(r):
    action = r.choice(['allow', 'allow', 'drop', 'reject'])
    protos, types = r.choice([([], []), ([], []), (['tcp'], []), (['udp'], []), (['tcp', 'udp'], []), (['icmp'], []),
                              (['icmp'], ['echo-request']), (['icmp'], ['timestamp']), (['icmp6'], []), (['gre'], []),
                              (['camera'], []), (['dns'], []), (['tcp'], []), (['tcp'], [])])
    with_ports = bool(protos) and naive.HAS_PORTS.get(protos[0], False)
    source = side(r, ZONES + [None], with_ports and r.random() < 0.15)
    to = side(r, ZONES + [None, naive.ROUTER], with_ports and r.random() < 0.7)
    return Rule(action, protos, types, source, to, options(r))


def forward(r):
    protos = r.choice([['tcp'], ['tcp'], ['udp'], ['tcp', 'udp'], ['camera'], ['gre'], []])
    with_ports = bool(protos) and naive.HAS_PORTS.get(protos[0], False)
    ext = some(r, ['22', '53', '80', '8080', '5000-5002', '554', 'https'], 2) if with_ports else []
    to = r.choice(['', '', '80', '8000', '8000-8002']) if with_ports else ''
    at = r.choice(['', '', '', '203.0.113.2'])
    return Forward(protos, ext, at, side(r, ['wan', 'wan', 'wan', 'guest', None]),
                   r.choice(['cam', 'nas', 'six', 'web', '192.168.1.7']), to, r.random() < 0.8, options(r))


def translate(r):
    return Translate(side(r, ['lan', 'guest', 'dmz']), side(r, ['wan']), r.choice(['203.0.113.2', '203.0.113.30', 'itself']))


def statements(r):
    made = [r.choice([rule] * 8 + [forward] * 4 + [translate] * 2)(r) for _ in range(STATEMENTS)]
    if r.random() < 0.5:
        made.insert(r.randrange(len(made)), Map('203.0.113.10', 'wan', r.choice(['web', 'nas', '192.168.1.7'])))
    if r.random() < 0.5:
        made.append(Rule('allow', [], [], Side(), Side('wan'), Options()))
    if r.random() < 0.3:
        made.append(Rule('allow', ['tcp'], [], Side('wan'), Side(r.choice(['lan', 'dmz'])), Options()))
    return made


def run(*arguments, **environment):
    return subprocess.run([TIDEGATE, *arguments], capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **environment})


def check(name):
    done = run('check', '--json', name)
    expect(done.returncode in (0, 1, 2), f'check: exit status {done.returncode}: {done.stderr}')
    return json.loads(done.stdout)


def write(name, firewall):
    with open(name, 'w', encoding='utf-8') as f:
        f.write(firewall.text())


def settle(name, firewall):
    """Leave out what the compiler refuses (two families that never meet, two forwards that claim the same).
    => what check says, and how many statements went"""
    left_out = 0
    while True:
        write(name, firewall)
        said = check(name)
        wrong = {e['line'] for e in said['errors']}
        if not wrong:
            return said, left_out
        kept = [s for s in firewall.statements if s.line not in wrong]
        expect(len(kept) < len(firewall.statements), f'{said["errors"]} in\n{firewall.text()}')
        left_out += len(firewall.statements) - len(kept)
        firewall.statements = kept


# Packets

def packet(r, i):
    zone = r.choice(ZONES)
    src = ipaddress.ip_address(r.choice(SOURCES[zone]))
    dst = ipaddress.ip_address(r.choice([t for t in TARGETS if (':' in t) == (src.version == 6)]))
    proto = r.choice(['tcp', 'tcp', 'tcp', 'udp', 'udp', 'icmp' if src.version == 4 else 'icmp6', 'gre'])
    p = Packet(zone, proto, src, dst, minute=minute(i), mac=r.choice(MACS))
    if naive.HAS_PORTS[proto]:
        p.sport, p.dport = r.choice(PORTS), r.choice(PORTS)
    return p


def aimed(r, i, firewall):
    """A packet that some statement decides about, if it is found soon; any packet would mostly fall to the default."""
    for _ in range(TRIES):
        p = packet(r, i)
        if firewall.judge(p).reason in ('rule', 'forward'):
            break
    return p


def some_packets(r, firewall):
    return [aimed(r, i, firewall) if i % 2 else packet(r, i) for i in range(PACKETS)]


def frame(p):
    if p.proto == 'tcp':
        data = tcp(p.src, p.sport, p.dst, p.dport)
    elif p.proto == 'udp':
        data = udp(p.src, p.sport, p.dst, p.dport)
    elif p.proto == 'icmp':
        echo = b'\x08\0\0\0\0\x07\0\x01'
        data = ip(p.src, p.dst, 1, echo[:2] + (~ones(echo) & 0xffff).to_bytes(2, 'big') + echo[4:])
    elif p.proto == 'icmp6':
        echo = b'\x80\0\0\0\0\x07\0\x01'
        pseudo = p.src.packed + p.dst.packed + b'\0\0\0\x08\0\0\0\x3a'
        data = ip(p.src, p.dst, 58, echo[:2] + (~ones(pseudo + echo) & 0xffff).to_bytes(2, 'big') + echo[4:])
    else:
        data = ip(p.src, p.dst, 47, b'\0\0\x08\0')
    kind = b'\x08\0' if p.src.version == 4 else b'\x86\xdd'
    return b'\x02\0\0\0\0\xff' + bytes.fromhex(p.mac.replace(':', '')) + kind + data


def replay(name, packets):
    """What the engine says of each."""
    arguments = []
    for zone in ZONES:
        pcap(f'{zone}.pcap', [(START + i * STEP, frame(p)) for i, p in enumerate(packets) if p.zone == zone], ETHERNET)
        arguments += ['--in', f'{zone}={zone}.pcap']
    done = run('replay', name, '--json', *arguments, TZ='UTC')
    same(done.returncode, 0, f'exit status of replay ({done.stderr})')
    said = [o for o in map(json.loads, done.stdout.splitlines()) if 'packet' in o]
    same(len(said), len(packets), 'packets that replay tells of')
    return said


def seen(said):
    """What both the program and the naive reading say: verdict, reason, line, zone, and the addresses that it leaves with."""
    if said['verdict'] != 'accept':
        return said['verdict'], said['reason'], said.get('line')
    left = said.get('to') or said
    return 'accept', said['reason'], said.get('line'), said['out'], left['src'], left['dst'], left.get('dport', 0)


def thought(outcome):
    if outcome.verdict != 'accept':
        return outcome.verdict, outcome.reason, outcome.line
    return 'accept', outcome.reason, outcome.line, outcome.out, str(outcome.src), str(outcome.dst), outcome.dport


def words(p):
    port = [f' port {n}' if naive.HAS_PORTS[p.proto] else '' for n in (p.sport, p.dport)]
    moment = f'{naive.DAYS[p.minute // naive.DAY]} {p.minute % naive.DAY // 60:02}:{p.minute % 60:02}'
    return f'{p.proto} from {p.zone} {p.src}{port[0]} to {p.dst}{port[1]} at {moment}'


def agree_on(firewall, p, got, by):
    wanted = thought(firewall.judge(p))
    expect(seen(got) == wanted, f'{by} says {seen(got)} of `{words(p)}` (MAC {p.mac}), and reading the file gives {wanted}:\n'
                                f'{firewall.text()}')


def new_firewall(r):
    return Firewall(NETWORK, NAMES, statements(r), r.choice(['drop', 'reject']))


@test
def all_agree():
    """The engine and explain with the naive reading; and check: what some packet reached is not told to be out of reach."""
    written = left_out = 0
    for seed in range(SEED, SEED + FILES):
        r = random.Random(seed)
        firewall = new_firewall(r)
        said, out = settle('a.rules', firewall)
        written, left_out = written + len(firewall.statements), left_out + out
        packets = some_packets(r, firewall)
        verdicts = replay('a.rules', packets)
        for p, got in zip(packets, verdicts):
            agree_on(firewall, p, got, f'seed {seed}: replay')
        for p in r.sample(packets, EXPLAINED):
            p.mac = None  # explain knows none
            done = run('explain', '--json', 'a.rules', words(p))
            same(done.returncode, 0, f'seed {seed}: exit status of explain ({done.stderr})')
            agree_on(firewall, p, json.loads(done.stdout), f'seed {seed}: explain')
        never = {w['line'] for w in said['warnings'] if 'can never fit' in w['message']}
        reached = {got['line'] for got in verdicts if got['reason'] in ('rule', 'forward')}
        expect(not never & reached, f'seed {seed}: lines {never & reached} are told to be out of reach, and packets reached '
                                    f'them:\n{firewall.text()}')
    expect(left_out < written / 2, f'of {written + left_out} statements {left_out} were refused')


def changed(r, firewall):
    """The same file with something else in it, or in another order."""
    made = list(firewall.statements)
    at, kind = r.randrange(len(made)), r.randrange(5)
    if kind == 0:
        made.pop(at)
    elif kind == 1:
        made.insert(at, r.choice([rule, rule, forward, translate])(r))
    elif kind == 2:
        made[at] = r.choice([rule, rule, forward])(r)
    elif kind == 3 and at > 0:
        made[at - 1:at + 1] = [made[at], made[at - 1]]
    fallback = firewall.fallback if kind < 4 else r.choice(['drop', 'reject'])
    return Firewall(firewall.network, firewall.names, made, fallback)


@test
def diff_misses_nothing():
    """Two files of which diff says that they mean the same do the same with every packet."""
    alike = 0
    for seed in range(SEED, SEED + FILES):
        r = random.Random(seed)
        before = new_firewall(r)
        settle('a.rules', before)
        after = changed(r, before)
        settle('b.rules', after)
        done = run('diff', 'a.rules', 'b.rules')
        expect(done.returncode in (0, 1), f'seed {seed}: exit status {done.returncode} of diff: {done.stderr}')
        same(done.stdout == '', done.returncode == 0, f'seed {seed}: whether diff is silent')
        if done.returncode == 1:
            continue
        alike += 1
        packets = some_packets(r, before)
        for p, old, new in zip(packets, replay('a.rules', packets), replay('b.rules', packets)):
            same(seen(new)[:1] + seen(new)[3:], seen(old)[:1] + seen(old)[3:], f'seed {seed}: `{words(p)}` under b.rules:\n'
                 f'{before.text()}\n{after.text()}')
    expect(0 < alike < FILES, f'{alike} of {FILES} pairs are alike')


@test
def printing_changes_nothing():
    for seed in range(SEED, SEED + FILES):
        firewall = new_firewall(random.Random(seed))
        settle('a.rules', firewall)
        printed = run('print', 'a.rules')
        same(printed.returncode, 0, f'seed {seed}: exit status of print ({printed.stderr})')
        with open('b.rules', 'w', encoding='utf-8') as f:
            f.write(printed.stdout)
        done = run('diff', 'a.rules', 'b.rules')
        same((done.returncode, done.stdout), (0, ''), f'seed {seed}: diff of a file and what is printed of it')


main()
