#!/usr/bin/env python3
"""The rules files that users start from: each can be loaded without a warning and holds what it promises, and so does
what it has to offer in comments. A new file is covered by being there."""
import os
import re

from shelf import ROOT, expect, main, same, shipped, test, text, tidegate, write

ALONE = re.compile(r'^zone ', re.M)  # what defines no zone is to be included
HOUSE = '''\
zone wan on eth0    masquerade
zone lan on br-lan  address 192.168.1.1/24, fd00:1::1/64
include "{}"
allow from lan to wan
allow from router
'''
OFFERED = re.compile(r'^# (?=(?:host|set|service|forward|allow|drop|reject) .*\S)', re.M)


def path_of(name):
    """=> the path of a rules file that can be checked: the file itself, or one that includes it"""
    path = os.path.join(ROOT, 'rules', name)
    if ALONE.search(text(path)):
        return path
    write(name, HOUSE.format(path))
    return os.path.abspath(name)


@test
def can_be_loaded():
    for path in [path_of(name) for name in shipped()] + [os.path.join(ROOT, 'board/openwrt/files/default.rules')]:
        run = tidegate('check', '--strict', path)
        same((run.returncode, run.stderr), (0, ''), path)


@test
def promise_something():
    for name in shipped():
        promised = re.findall(r'^expect .* is (\w+)', text('rules', name), re.M)
        refused = [outcome for outcome in promised if outcome in ('dropped', 'rejected')]
        expect(len(refused) > 1, f'{name} says of hardly anything that it is refused: {promised}')
        if ALONE.search(text('rules', name)):
            expect(len(promised) > len(refused), f'{name} says of nothing that it is let through')


@test
def what_is_offered_works():
    """Statements that are commented out, to be had by taking the `#` away."""
    offering = 0
    for name in shipped():
        whole = text('rules', name)
        if not OFFERED.search(whole):
            continue
        offering += 1
        write('offered.rules', re.sub(r'^expect .*\n', '', OFFERED.sub('', whole), flags=re.M))
        run = tidegate('check', 'offered.rules')
        same((run.returncode, run.stderr), (0, ''), name)
    expect(offering > 5, f'only {offering} files offer anything')


@test
def cameras_are_for_some():
    """No forward to a camera is open to every source."""
    seen = 0
    for name in shipped():
        if name.startswith('camera'):
            run = tidegate('forward', os.path.join(ROOT, 'rules', name), 'list', '--json')
            same(run.returncode, 0, name)
            sources = re.findall(r'"from":"([^"]*)"', run.stdout)
            expect(sources, f'{name} forwards nothing')
            seen += len(sources)
            for source in sources:
                expect(len(source.split()) == 2, f'{name} has a forward from {source!r}')
    expect(seen > 10, f'only {seen} forwards to cameras')


@test
def agree_on_what_a_router_needs():
    """The part that all routers have is the same text in each: whoever mends one is told of the others."""
    parts = {}
    for name in shipped():
        m = re.search(r'^# --- what a router needs to live -+\n(.*?)^default ', text('rules', name), re.M | re.S)
        if m and name != 'camera.rules':  # that of the demonstration has addresses outside
            parts.setdefault(m[1], []).append(name)
    same(len(parts), 1, f'number of different texts: {list(parts.values())}')
    expect(len(next(iter(parts.values()))) > 5, 'hardly any file has it')


@test
def stand_in_the_manual():
    page = text('board', 'man', 'tidegate.rules.5')
    for name in shipped():
        expect(re.search(rf'^\.It Pa .*\b{re.escape(name)}\b', page, re.M), f'tidegate.rules(5) does not tell of {name}')


main()
