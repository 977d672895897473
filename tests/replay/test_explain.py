#!/usr/bin/env python3
"""explain: what becomes of one packet, step by step, as text and as JSON."""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
from lab import TIDEGATE, expect, main, same, test  # noqa: E402

RULES = '''\
zone wan on eth0      address 203.0.113.1/24, 2001:db8::1/64  masquerade
zone lan on br-lan    address 192.168.1.1/24, fd00:1::1/64
zone guest on br-guest  address 192.168.2.1/24
host camera = 192.168.1.50, fd00:1::50
set office = 198.51.100.0/24, 2001:db8:7::/48
forward tcp port 8080 from wan office to camera port 80  "Front door"
forward tcp port 8443 from wan to camera port 443  no-hairpin
forward tcp,udp port 5000-5001 from wan to camera
forward tcp port 80 at 203.0.113.9 from wan to camera
drop from guest to lan
reject tcp from guest to router
allow from guest to lan
allow tcp from lan to wan port 80,443
allow udp from lan to wan port 53
allow icmp from lan to wan
allow from router
'''


def explain(packet, *options, rules=RULES, status=0, **environment):
    with open('test.rules', 'w', encoding='utf-8') as f:
        f.write(rules)
    done = subprocess.run([TIDEGATE, 'explain', 'test.rules', packet, *options], capture_output=True, text=True,
                          timeout=60, check=False, env={**os.environ, **environment})
    same(done.returncode, status, f'exit status ({done.stderr})')
    return done


def told(packet, wanted, **how):
    """What is told of the packet, but for its first line and what was assumed."""
    done = explain(packet, **how)
    lines = [line.strip() for line in done.stdout.splitlines()]
    same(lines[0], packet, 'the first line')
    same([line for line in lines[1:] if not line.startswith('assumed')], wanted.strip('\n').split('\n'), packet)
    same(done.stderr, '', 'complaints')


FORWARDS = {
    6: 'test.rules:6  forward tcp port 8080 from wan office to camera port 80 "Front door"',
    7: 'test.rules:7  forward tcp port 8443 from wan to camera port 443 no-hairpin',
    8: 'test.rules:8  forward tcp,udp port 5000-5001 from wan to camera',
}


@test
def forwarded():
    told('tcp from wan 198.51.100.9 port 40000 to router port 8080', f'''
zone        comes in by wan
connection  none: it would begin one
source      may come from there
forward     {FORWARDS[6]}  => fits
route       leaves by lan
rule        {FORWARDS[6]}  => fits
address     source 198.51.100.9:40000 kept

accept: forward, test.rules:6 "Front door", came as 198.51.100.9.40000 > 203.0.113.1.8080
leaves as   198.51.100.9:40000 > 192.168.1.50:80  by lan
answer      192.168.1.50:80 > 198.51.100.9:40000  by lan  becomes  203.0.113.1:8080 > 198.51.100.9:40000  by wan
''')


@test
def nearly_forwarded():
    """Why each forward of this address did not take it; the one for another address is only counted."""
    told('tcp from wan 192.0.2.9 port 40000 to router port 8080', f'''
zone        comes in by wan
connection  none: it would begin one
source      may come from there
forward     {FORWARDS[6]}  -- no: another source address
forward     {FORWARDS[7]}  -- no: another port
forward     {FORWARDS[8]}  -- no: another port
forward     1 other is for other addresses or zones
route       is for the router itself
rule        7 are about other zones or families
default     no statement fits

drop: default
answer      none: its sender hears nothing
''')


@test
def hairpin():
    told('tcp from lan 192.168.1.7 port 40000 to 203.0.113.1 port 5001', f'''
zone        comes in by lan
connection  none: it would begin one
source      may come from there
forward     {FORWARDS[6]}  -- no: another port
forward     {FORWARDS[7]}  -- no: another port
forward     {FORWARDS[8]}  => fits; a hairpin: from inside, by the outside address
route       leaves by lan
rule        {FORWARDS[8]}  => fits
address     source 192.168.1.7:40000 becomes 192.168.1.1:40000, the router's address on lan, so that the answer comes back here

accept: forward, test.rules:8, came as 192.168.1.7.40000 > 203.0.113.1.5001
leaves as   192.168.1.1:40000 > 192.168.1.50:5001  by lan
answer      192.168.1.50:5001 > 192.168.1.1:40000  by lan  becomes  203.0.113.1:5001 > 192.168.1.7:40000  by lan
''')
    steps = json.loads(explain('tcp from lan 192.168.1.7 to 203.0.113.1 port 8443', '--json').stdout)['steps']
    same([s['why'] for s in steps if s['step'] == 'forward' and s['line'] == 7],
         ['it comes from another zone, and hairpin is off'], 'why')


@test
def masqueraded():
    told('udp from lan 192.168.1.7 port 5353 to 1.1.1.1 port 53', '''
zone        comes in by lan
connection  none: it would begin one
source      may come from there
forward     4 are for other addresses or zones
route       leaves by wan
rule        test.rules:13  allow tcp from lan to wan port 80,443  -- no: another protocol
rule        3 others are about other zones or families
rule        test.rules:14  allow udp from lan to wan port 53  => fits
address     source 192.168.1.7:5353 becomes 203.0.113.1:5353, the router's address on wan (masquerade)

accept: rule, test.rules:14, came as 192.168.1.7.5353 > 1.1.1.1.53
leaves as   203.0.113.1:5353 > 1.1.1.1:53  by wan
answer      1.1.1.1:53 > 203.0.113.1:5353  by wan  becomes  1.1.1.1:53 > 192.168.1.7:5353  by lan
''')


@test
def pinhole():
    told('tcp from wan 2001:db8:7::9 port 40000 to fd00:1::50 port 80', f'''
zone        comes in by wan
connection  none: it would begin one
source      may come from there
route       leaves by lan
rule        {FORWARDS[6]}  => fits

accept: forward, test.rules:6 "Front door"
leaves as   [2001:db8:7::9]:40000 > [fd00:1::50]:80  by lan
answer      [fd00:1::50]:80 > [2001:db8:7::9]:40000  by lan
''')


@test
def refused():
    expect('answer      a TCP reset' in explain('tcp from guest to router port 22').stdout, 'no word of the reset')
    out = explain('tcp from lan 10.0.0.1 to wan').stdout
    expect('cannot come from there: spoofed' in out and 'drop: spoofed' in out, out)
    out = explain('icmp from lan to wan').stdout
    expect('203.0.113.1 > ' in out and 'allow icmp from lan to wan  => fits' in out, out)


@test
def times():
    rules = RULES.replace('port 80,443', 'port 80,443  during mon-fri 08:00-18:00')
    line = 'test.rules:13  allow tcp from lan to wan port 80,443 during mon-fri 08:00-18:00'
    expect(f"{line}  -- no: it fits at some times, and the packet has none: add 'at monday 10:00'" in
           explain('tcp from lan to wan port 80', rules=rules).stdout, 'without a time')
    expect(f'{line}  => fits' in explain('tcp from lan to wan port 80 at tuesday 17:59', rules=rules).stdout, 'within')
    expect(f'{line}  -- no: not at this time' in
           explain('tcp from lan to wan port 80 at tuesday 18:00', rules=rules).stdout, 'after')


@test
def conditions():
    rules = RULES.replace('allow icmp', 'allow tcp from lan to wan port 22 mac 02:00:00:00:00:01\nallow icmp')
    expect('it asks for a MAC address' in explain('tcp from lan to wan port 22', rules=rules).stdout, 'mac')
    rules = RULES + ('knock open from wan tcp 7000, udp 8000 within 10s for 30s\n'
                     'allow tcp from wan to router port 22 after open\n')
    expect('would have to knock first' in explain('tcp from wan to router port 22', rules=rules).stdout, 'after')


@test
def translated():
    """What decides about the source is named: a translate, its exemption, a map."""
    rules = RULES + ('translate from lan 192.168.1.7 to wan as 203.0.113.5\n'
                     'translate from lan 192.168.1.8 to wan as itself\nmap 203.0.113.10 on wan to 192.168.1.10\n')
    for source, says in (('7', '192.168.1.7:40000 becomes 203.0.113.5:40000 by test.rules:17  translate'),
                         ('8', '192.168.1.8:40000 kept by test.rules:18  translate'),
                         ('10', '192.168.1.10:40000 becomes 203.0.113.10:40000 by test.rules:19  map')):
        out = explain(f'tcp from lan 192.168.1.{source} port 40000 to 1.1.1.1 port 443', rules=rules).stdout
        expect(f'address     source {says}' in out, out)
        steps = json.loads(explain(f'tcp from lan 192.168.1.{source} to 1.1.1.1 port 443', '--json', rules=rules).stdout)
        same(steps['steps'][-1]['line'], {'7': 17, '8': 18, '10': 19}[source], 'line')


@test
def as_json():
    got = json.loads(explain('tcp from wan 198.51.100.9 port 40000 to router port 8080', '--json').stdout)
    same((got['verdict'], got['reason'], got['file'], got['line']), ('accept', 'forward', 'test.rules', 6), 'verdict')
    same(got['assumed'], ['destination 203.0.113.1'], 'assumed')
    same([s['step'] for s in got['steps']], ['zone', 'connection', 'source', 'forward', 'route', 'rule', 'address'], 'steps')
    same({k: v for k, v in got['steps'][3].items() if k != 'text'},
         {'step': 'forward', 'fits': True, 'file': 'test.rules', 'line': 6, 'hairpin': False}, 'the forward')
    same(got['answer'], {
        'comes': {'zone': 'lan', 'src': '192.168.1.50', 'sport': 80, 'dst': '198.51.100.9', 'dport': 40000},
        'leaves': {'zone': 'wan', 'src': '203.0.113.1', 'sport': 8080, 'dst': '198.51.100.9', 'dport': 40000}}, 'answer')
    got = json.loads(explain('tcp from wan 192.0.2.9 to router port 8080', '--json').stdout)
    same([s['line'] for s in got['steps'] if s['step'] == 'forward'], [6, 7, 8, 9], 'all forwards')
    same([s['line'] for s in got['steps'] if s['step'] == 'rule'], list(range(10, 17)), 'all rules')


@test
def expectations_may_fail():
    """It is the tool to find out why they do."""
    failing = RULES + 'expect tcp from lan to wan port 80 is dropped\nexpect udp from lan to wan port 53 is allowed\n'
    done = explain('tcp from lan to wan port 80', rules=failing)
    expect('accept: rule, test.rules:13' in done.stdout, done.stdout)
    same(done.stderr, 'tidegate: test.rules would not be loaded: 1 expectation fails (`tidegate check` tells which)\n',
         'complaints')


@test
def mistakes():
    done = explain('tcp from mars', status=2)
    expect(done.stdout == '' and 'mars' in done.stderr, done.stderr)
    done = explain('tcp from lan to wan', rules='alow\n', status=2)
    expect(done.stdout == '' and 'test.rules:1:1: error' in done.stderr, done.stderr)
    done = explain('tcp from lan to wan', '--jsom', status=2)
    expect('usage: tidegate explain' in done.stderr, done.stderr)


main()
