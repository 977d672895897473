#!/usr/bin/env python3
"""The command line of check: exit statuses, what goes where, colour, files from the disk. What is wrong with rules, and how
it is said, is in tests/rules."""
import json
import os
import pty
import subprocess
import sys

sys.dont_write_bytecode = True
from lab import RULES, TIDEGATE, expect, main, same, test  # noqa: E402

WARNED = RULES.replace('allow from router\n', '')


def check(*arguments, **environment):
    return subprocess.run([TIDEGATE, 'check', *arguments], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **environment})


def write(path, text):
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


@test
def good_rules():
    write('good.rules', RULES)
    for arguments in (['good.rules'], ['--strict', 'good.rules']):
        run = check(*arguments)
        same(run.returncode, 0, 'exit status')
        same(run.stderr, '', 'complaints')
        lines = run.stdout.splitlines()
        same(lines[:3], ['good.rules can be loaded', '  zones       wan (eth0, ppp*), lan (br-lan)',
                         '  statements  2 allow, 1 reject, 1 forward'], 'summary')
        expect(lines[3].startswith('  memory  '), f'no memory in {lines[3]}')


@test
def warnings():
    write('warned.rules', WARNED)
    run = check('warned.rules')
    same(run.returncode, 0, 'exit status')
    same(run.stdout.splitlines()[0], 'warned.rules can be loaded, with 1 warning', 'summary')
    expect(run.stderr.startswith('warned.rules: warning: '), run.stderr)
    run = check('warned.rules', '--strict')
    same(run.returncode, 1, 'exit status with --strict')
    same(run.stdout, '', 'output with --strict')
    expect('--strict' in run.stderr, run.stderr)


@test
def errors():
    write('bad.rules', RULES + 'alow from lan\n')
    run = check('bad.rules')
    same(run.returncode, 2, 'exit status')
    same(run.stdout, '', 'output')
    same(run.stderr, "bad.rules:9:1: error: 'alow' is no statement; did you mean 'allow'?\nalow from lan\n^^^^\n"
                     'tidegate: bad.rules cannot be loaded: 1 error\n', 'complaints')


@test
def expectations():
    held = 'expect tcp from wan to router port 8080 is forwarded to camera port 80\n'
    failing = 'expect tcp from lan to wan is dropped\n'
    write('held.rules', RULES + held)
    run = check('held.rules')
    same((run.returncode, run.stderr), (0, ''), 'exit status and complaints')
    same(run.stdout.splitlines()[-1], '  expected    1 expectation, and it holds', 'summary')
    write('failed.rules', 'include "held.rules"\n' + failing)
    run = check('failed.rules')
    same(run.returncode, 1, 'exit status')
    same(run.stdout, '', 'output')
    same(run.stderr, 'failed.rules:2:31: error: expected to be dropped, and is allowed by held.rules:5\n'
                     'expect tcp from lan to wan is dropped\n                              ^^^^^^^\n'
                     'tidegate: failed.rules cannot be loaded: 1 expectation failed, 1 held\n', 'complaints')


@test
def no_verb_loads_what_fails_expectations():
    write('failed.rules', RULES + 'expect tcp from lan to wan is dropped\n')
    for arguments in (['run', 'failed.rules'], ['replay', 'failed.rules', 'none.pcap']):
        run = subprocess.run([TIDEGATE, *arguments], capture_output=True, text=True, timeout=60)
        same(run.returncode, 1, f'exit status of {arguments[0]}')
        same(run.stdout, '', f'output of {arguments[0]}')
        expect('expected to be dropped, and is allowed by failed.rules:5' in run.stderr, run.stderr)


def checked(*arguments, status=0):
    run = check('--json', *arguments)
    same((run.returncode, run.stderr), (status, ''), 'exit status and complaints')
    return json.loads(run.stdout)


@test
def as_json():
    write('good.rules', RULES + 'connections max 4096\nexpect from lan to wan is allowed\n')
    got = checked('good.rules')
    memory = got.pop('memory')
    same(got, {
        'file': 'good.rules', 'loadable': True, 'errors': [], 'warnings': [],
        'zones': [{'name': 'wan', 'interfaces': ['eth0', 'ppp*'], 'addresses': ['203.0.113.1/24', '2001:db8::1/64'],
                   'masquerade': True, 'default_route': True},
                  {'name': 'lan', 'interfaces': ['br-lan'], 'addresses': ['192.168.1.1/24', 'fd00:1::1/64'],
                   'masquerade': False, 'default_route': False}],
        'statements': {'allow': 2, 'drop': 0, 'reject': 1, 'forward': 1, 'detect': 0, 'translate': 0, 'map': 0},
        'expectations': {'held': 1, 'failed': 0}}, 'the object')
    same((memory['room'], memory['limits']), (4096, 0), 'room and limits')
    expect(0 < memory['rules'] < memory['connections'], f'memory is {memory}')
    write('limited.rules', RULES + 'allow tcp from wan to router port 2222 limit 1/second per source\n')
    more = checked('limited.rules')['memory']
    expect(more['limits'] > 0 and more['room'] == 16384 and more['connections'] > memory['connections'], f'memory is {more}')
    for name, statement in (('helped', 'helper ftp on tcp port 21'), ('filtered', 'nat filtering address-dependent')):
        write(f'{name}.rules', RULES + statement + '\n')
        helped = checked(f'{name}.rules')['memory']
        expect(helped['connections'] > more['connections'] and helped['limits'] == 0, f'memory with {statement}: {helped}')


@test
def complaints_as_json():
    write('warned.rules', WARNED)
    got = checked('warned.rules')
    same((got['loadable'], got['errors']), (True, []), 'with a warning')
    same(got['warnings'], [{'file': 'warned.rules', 'severity': 'warning', 'message':
                            "nothing allows the router's own connections; 'allow from router' does"}], 'warnings')
    same(checked('warned.rules', '--strict', status=1)['warnings'], got['warnings'], 'warnings with --strict')
    write('bad.rules', RULES + 'alow from lan "\xe9"\n')
    with open('bad.rules', 'ab') as f:
        f.write(b'allow from lan "\xff"\n')
    got = checked('bad.rules', status=2)
    same(got['loadable'], False, 'loadable')
    same(got['errors'][0], {'file': 'bad.rules', 'line': 9, 'column': 1, 'width': 4, 'severity': 'error', 'message':
                            "'alow' is no statement; did you mean 'allow'?", 'source': 'alow from lan "\xe9"'}, 'error')
    same(got['errors'][1]['source'], 'allow from lan "\ufffd"', 'a broken byte')
    expect('zones' not in got, 'zones of a file that could not be read')
    write('failed.rules', RULES + 'expect tcp from lan to wan is dropped\n')
    got = checked('failed.rules', status=1)
    same((got['loadable'], got['expectations']), (False, {'held': 0, 'failed': 1}), 'with a failed expectation')
    same([(e['line'], e['column']) for e in got['errors']], [(9, 31)], 'its place')
    same([e['message'] for e in checked('missing.rules', status=2)['errors']],
         ['cannot be read: No such file or directory'], 'of no file')


@test
def unreadable():
    os.makedirs('folder', exist_ok=True)
    for path, why in (('missing.rules', 'No such file or directory'), ('folder', 'Is a directory')):
        run = check(path)
        same(run.returncode, 2, f'exit status for {path}')
        expect(run.stderr.startswith(f'{path}: error: cannot be read: {why}\n'), run.stderr)


@test
def usage():
    for arguments in ([], ['a', 'b'], ['--no-such-option', 'a']):
        run = check(*arguments)
        same(run.returncode, 2, f'exit status for {arguments}')
        expect('usage: tidegate check' in run.stderr, run.stderr)


@test
def includes_from_the_disk():
    write('house/home.rules', RULES + 'include "parts/*.rules"\ninclude "none/*.rules"\ninclude "../shared.rules"\n')
    write('house/parts/b.rules', 'allow tcp from lan to router port 80\n')
    write('house/parts/a.rules', 'allow tcp from lan to router port 70000\n')
    write('shared.rules', 'allow from nowhere\n')
    run = check('house/home.rules')
    same(run.returncode, 2, 'exit status')
    places = [line.split(': ')[0] for line in run.stderr.splitlines() if ': error: ' in line or ': warning: ' in line]
    same(places, ['house/parts/a.rules:1:35', 'house/home.rules:10:9', 'house/../shared.rules:1:12'], 'places')


@test
def sets_from_the_disk():
    write('house/home.rules', RULES + 'set bad from "bad.txt"\ndrop from wan bad\n')
    run = check('house/home.rules')
    same(run.returncode, 2, 'exit status without the file')
    expect("house/home.rules:9:14: error: 'house/bad.txt' cannot be read: No such file" in run.stderr, run.stderr)
    write('house/bad.txt', '192.0.2.0/24\n2001:db8:6::/48 # both families\n')
    run = check('--strict', 'house/home.rules')
    same((run.returncode, run.stderr), (0, ''), 'exit status and complaints')
    write('house/bad.txt', '192.0.2.0/24\n192.0.2.0/33\n')
    run = check('house/home.rules')
    same(run.returncode, 2, 'exit status with a wrong line')
    expect(run.stderr.startswith('house/bad.txt:2:1: error: '), run.stderr)


def on_terminal(**environment):
    """Standard error of a check of bad rules, when it is a terminal."""
    write('bad.rules', 'alow\n')
    outer, inner = pty.openpty()
    try:
        subprocess.run([TIDEGATE, 'check', 'bad.rules'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=inner,
                       timeout=60, env={**{k: v for k, v in os.environ.items() if k != 'NO_COLOR'}, **environment})
        return os.read(outer, 4096).decode()
    finally:
        os.close(inner)
        os.close(outer)


@test
def colour_on_a_terminal_alone():
    write('bad.rules', 'alow\n')
    expect('\033[' not in check('bad.rules').stderr, 'colour in a pipe')
    expect('\033[1;31merror' in on_terminal(), 'no colour on a terminal')
    expect('\033[' not in on_terminal(NO_COLOR='1'), 'colour against NO_COLOR')


main()
