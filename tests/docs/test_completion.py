#!/usr/bin/env python3
"""What bash offers when a line is begun. The lines are broken into words as bash does it, at `=` too."""
import os
import re
import shlex
import subprocess

from shelf import ROOT, expect, main, same, test, tidegate, write

FILE = os.path.join(ROOT, 'board', 'bash-completion', 'tidegate')
RULES = '''\
zone wan on eth0  masquerade
  zone lan-2 on br-lan  address 192.168.1.1/24
host camera = 192.168.1.50
allow from router
forward tcp port 8080 from wan to camera port 80  "Front door"  # 8080
forward tcp port 554 from wan to camera
	forward tcp port 8443 from wan to camera  "Back"
'''
SCRIPT = r'''
source "$1"
COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
complete -p tidegate >/dev/null || exit
_tidegate
for reply in "${COMPREPLY[@]}"; do printf '%s\n' "$reply"; done
'''


def offered(*words):
    """=> what is offered for the last word"""
    run = subprocess.run(['bash', '--norc', '-uc', SCRIPT, 'bash', FILE, 'tidegate', *words],
                         capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    same((run.returncode, run.stderr), (0, ''), f'completing {shlex.join(words)}')
    return sorted(set(run.stdout.splitlines()))


def lay_out():
    write('house.rules', RULES)
    for name in ('wan.pcap', 'lan.pcapng', 'notes.txt', 'expected.jsonl'):
        write(name, '')
    os.makedirs('more', exist_ok=True)


def verbs():
    return re.findall(r'^  tidegate (\w+)  ', tidegate('help').stdout, re.M)


@test
def commands():
    same(offered(''), sorted(['--help', '--version', *verbs()]), 'commands')
    same(offered('re'), ['replay'], 're')
    same(offered('help', ''), sorted([*verbs(), 'rules']), 'help')
    same(offered('--v'), ['--version'], '--v')
    same(offered('nonsense', ''), [], 'of no command')


@test
def options_are_those_of_the_help():
    for verb in verbs():
        options = set(re.findall(r'(?<![\w-])--[a-z][a-z-]*', tidegate('help', verb).stdout))
        if verb != 'help':
            same(offered(verb, '-'), sorted(options | {'--help'}), f'options of {verb}')
    same(offered('replay', 'house.rules', '--ad'), ['--address'], 'replay --ad')


@test
def files():
    lay_out()
    for line in (['check', ''], ['explain', ''], ['replay', '--json', ''], ['diff', ''], ['diff', 'a.rules', ''],
                 ['print', '--in-place', ''], ['forward', ''], ['run', '--workers', '2', '']):
        same(offered(*line), ['house.rules', 'more'], shlex.join(line))
    same(offered('check', 'n'), ['notes.txt'], 'a rules file with another ending')
    same(offered('check', 'house.rules', ''), [], 'a second rules file')
    captures = ['lan.pcapng', 'more', 'wan.pcap']
    same(offered('replay', 'house.rules', ''), captures, 'captures')
    same(offered('replay', 'house.rules', 'wan.pcap', 'l'), ['lan.pcapng'], 'another capture')
    same(offered('replay', 'house.rules', '--write', ''), ['lan.pcapng', 'more'], '--write')
    same(offered('replay', 'house.rules', '--expect', ''), ['expected.jsonl', 'more'], '--expect')
    same(offered('run', '--workers', ''), [], '--workers')


@test
def zones():
    lay_out()
    for option in ('--in', '--address'):
        same(offered('replay', 'house.rules', option, ''), ['lan-2=', 'wan='], option)
        same(offered('replay', 'house.rules', option, 'l'), ['lan-2='], f'{option} l')
    same(offered('replay', 'house.rules', '--in', 'wan', '='), ['lan.pcapng', 'more', 'wan.pcap'], '--in wan=')
    same(offered('replay', 'house.rules', '--in', 'wan', '=', 'w'), ['wan.pcap'], '--in wan=w')
    same(offered('replay', 'house.rules', '--address', 'wan', '=', ''), [], '--address wan=')
    same(offered('replay', 'house.rules', '--in', 'wan', '=', 'wan.pcap', '--in', 'l'), ['lan-2='], 'a second --in')
    same(offered('replay', '--in', 'wan', '=', 'wan.pcap', 'h'), ['house.rules'], 'rules behind --in')
    same(offered('replay', '--in', ''), [], 'zones of no file')
    same(offered('replay', 'missing.rules', '--in', ''), [], 'zones of a missing file')


@test
def forwards():
    lay_out()
    same(offered('forward', 'house.rules', ''), ['add', 'list', 'remove'], 'forward')
    same(offered('forward', 'house.rules', 'remove', ''), ['6', 'Back', 'Front\\ door'], 'remove')
    same(offered('forward', 'house.rules', 'remove', 'Fr'), ['Front\\ door'], 'remove Fr')
    same(offered('forward', 'house.rules', 'remove', 'Front\\ d'), ['Front\\ door'], 'remove Front\\ d')
    same(offered('forward', 'house.rules', 'remove', '"F'), ['Front door'], 'remove "F')
    same(offered('forward', 'house.rules', 'remove', '7'), ['7'], 'remove 7')
    same(offered('forward', 'house.rules', 'list', ''), [], 'list')
    # what is offered is what the program takes
    for name in ('Front door', '6', '7'):
        lay_out()
        expect(tidegate('forward', 'house.rules', 'remove', name).returncode == 0, f'{name} cannot be removed')


main()
