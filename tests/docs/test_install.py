#!/usr/bin/env python3
"""What `make install` installs; and that the OpenWrt package, which is built from a part of the tree, has all that it
needs for it."""
import os
import re
import shutil
import subprocess

from shelf import ROOT, TIDEGATE, expect, main, same, shipped, test, text


def make(folder, *arguments):
    environment = {k: v for k, v in os.environ.items() if k not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL')}
    run = subprocess.run(['make', '-C', folder, '--no-print-directory', *arguments], capture_output=True, text=True,
                         timeout=600, env=environment)
    same(run.returncode, 0, f'exit status of make {" ".join(arguments)}: {run.stdout}{run.stderr}')
    return run.stdout


def files(folder):
    return sorted(os.path.relpath(os.path.join(path, name), folder) for path, _, names in os.walk(folder) for name in names)


@test
def everything():
    make(ROOT, f'BUILD={os.path.relpath(os.path.dirname(TIDEGATE), ROOT)}', f'DESTDIR={os.getcwd()}/root', 'PREFIX=/usr', 'install')
    same(files('root/usr'), sorted([
        'sbin/tidegate', 'share/man/man5/tidegate.rules.5', 'share/man/man8/tidegate.8',
        'share/bash-completion/completions/tidegate', *(f'share/tidegate/rules/{name}' for name in shipped())]),
        'what is installed')
    run = subprocess.run(['root/usr/sbin/tidegate', 'check', 'root/usr/share/tidegate/rules/home.rules'],
                         capture_output=True, text=True, timeout=60)
    same((run.returncode, run.stderr), (0, ''), 'what is installed, at work')


@test
def the_openwrt_package():
    package = text('board', 'openwrt', 'Makefile')
    copied = re.search(r'\$\(CP\) (\.\./.*) \$\(PKG_BUILD_DIR\)/$', package, re.M)[1].split()
    flags = re.search(r'^MAKE_FLAGS \+= (.*)$', package, re.M)[1].replace('$(PKG_VERSION)', '1').split()
    os.makedirs('tree', exist_ok=True)
    for path in copied:
        path = os.path.normpath(os.path.join(ROOT, 'board', 'openwrt', path))
        (shutil.copytree if os.path.isdir(path) else shutil.copy)(path, os.path.join('tree', os.path.basename(path)))
    done = make('tree', '--dry-run', f'DESTDIR={os.getcwd()}/small', *flags, 'install')
    expect('/usr/sbin/tidegate' in done and 'rules' in done, f'it installs nothing: {done}')
    expect('man' not in re.findall(r'[a-z]+', done), f'it installs manual pages: {done}')
    for path in re.findall(r'(?<![\w/.-])(?:board|tests|tools)/\S+', done):
        expect(False, f'it needs {path}, which the package does not copy')


main()
