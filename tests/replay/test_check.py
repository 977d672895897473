#!/usr/bin/env python3
"""The command line of check: exit statuses, what goes where, colour, files from the disk. What is wrong with rules, and how
it is said, is in tests/rules."""
import os
import pty
import subprocess
import sys

sys.dont_write_bytecode = True
from lab import ROOT, RULES, TIDEGATE, expect, main, same, test  # noqa: E402

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
    for arguments in (['run', 'failed.rules'], ['replay', 'failed.rules', 'none.pcap'],
                      ['explain', 'failed.rules', 'from lan to wan']):
        run = subprocess.run([TIDEGATE, *arguments], capture_output=True, text=True, timeout=60)
        same(run.returncode, 1, f'exit status of {arguments[0]}')
        same(run.stdout, '', f'output of {arguments[0]}')
        expect('expected to be dropped, and is allowed by failed.rules:5' in run.stderr, run.stderr)


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


@test
def shipped_rules():
    folder = os.path.join(ROOT, 'rules')
    names = [name for name in sorted(os.listdir(folder)) if name.endswith('.rules')]
    expect(names, 'none are there')
    for name in names:
        run = check('--strict', os.path.join(folder, name))
        same((run.returncode, run.stderr), (0, ''), name)


main()
