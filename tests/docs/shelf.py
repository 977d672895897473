"""What the tests of documents stand on: the project's files as text, the rules in the manual, and the runner of
tests/replay/lab.py."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), os.pardir, 'replay'))
from lab import ROOT, TIDEGATE, expect, main, same, test  # noqa: E402,F401

MAN = os.path.join(ROOT, 'board', 'man')


def text(*path):
    with open(os.path.join(ROOT, *path), encoding='utf-8') as f:
        return f.read()


def write(path, content):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(content)


def tidegate(*arguments):
    return subprocess.run([TIDEGATE, *arguments], capture_output=True, text=True, timeout=60)


def shipped():
    """=> the names of the rules files that are installed"""
    names = sorted(name for name in os.listdir(os.path.join(ROOT, 'rules')) if name.endswith('.rules'))
    expect(names, 'none are there')
    return names


def displays(page, kind):
    """=> the displays of a manual page that are marked with a comment `.\\" kind`, as (line, text)"""
    found = []
    for m in re.finditer(rf'^\.\\" {kind}\n\.Bd -literal[^\n]*\n(.*?)^\.Ed$', page, re.M | re.S):
        found.append((page.count('\n', 0, m.start()) + 1, m[1].replace('\\e', '\\').replace('\\&', '')))
    return found


def rendered(path):
    """=> a manual page as it is read, as one line of words"""
    run = subprocess.run(['mandoc', '-Tascii', os.path.join(MAN, path)], capture_output=True, text=True, timeout=60)
    same(run.returncode, 0, f'exit status of mandoc for {path}')
    return ' '.join(re.sub('.\b', '', run.stdout).split())
