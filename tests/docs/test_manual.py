#!/usr/bin/env python3
"""The manual pages are true: everything that the program and the language have is in them, and their examples work."""
import os
import re
import shutil
import subprocess

from shelf import MAN, ROOT, displays, expect, main, rendered, same, test, text, tidegate, write

PAGES = ('tidegate.8', 'tidegate.rules.5')
HARMLESS = ('referenced manual not found', 'outdated mandoc.db')  # about pages that this machine has not installed


def words_of(path, table):
    """=> the words in a table of the sources"""
    m = re.search(rf'{re.escape(table)}\[\] = {{(.*?)}};', text(path), re.S)
    expect(m, f'{path} has no table {table}')
    return re.findall(r'"([^"]+)"', m[1])


def verbs():
    """=> the commands of this build, by `tidegate help`"""
    found = re.findall(r'^  tidegate (\w+)  ', tidegate('help').stdout, re.M)
    expect('check' in found and 'run' in found, f'help lists {found}')
    return found


@test
def are_well_formed():
    for page in PAGES:
        run = subprocess.run(['mandoc', '-Tlint', '-Wstyle', os.path.join(MAN, page)], capture_output=True, text=True)
        said = [line for line in (run.stdout + run.stderr).splitlines() if not any(h in line for h in HARMLESS)]
        same(said, [], f'what mandoc says of {page}')


def groff_renders_them_too():
    for page in PAGES:
        run = subprocess.run(['groff', '-mandoc', '-Tutf8', '-ww', os.path.join(MAN, page)], capture_output=True, text=True)
        same((run.returncode, run.stderr), (0, ''), f'what groff says of {page}')


if shutil.which('groff'):
    test(groff_renders_them_too)
else:
    print('skip groff_renders_them_too: groff is not installed')


@test
def the_page_of_the_language_has_every_statement():
    page = tidegate('help', 'rules').stdout
    for word in words_of('src/rules/words.c', 'words_statements'):
        expect(re.search(rf'\b{word}\b', page), f'help rules has no {word}')
    expect(all(len(line) <= 100 for line in page.splitlines()), 'a line of help rules is too long')


@test
def every_command_and_option():
    page = rendered('tidegate.8')
    usage = text('board', 'man', 'tidegate.8').partition('.Sh DESCRIPTION')[0]
    for verb in verbs():
        expect(re.search(rf'^\.Cm {verb}$|^\.Cm {verb} ', usage, re.M), f'the synopsis has no {verb}')
        told = tidegate('help', verb)
        same(told.returncode, 0, f'exit status of help {verb}')
        options = set(re.findall(r'(?<![\w-])--?[a-z][a-z-]*', told.stdout))
        for option in options:
            expect(re.search(rf'(?<![\w-]){option}(?![\w-])', page), f'tidegate(8) has no {option} of {verb}')


@test
def no_command_or_option_too_many():
    """What is in the manual is in the program."""
    helped = ''.join(tidegate('help', verb).stdout for verb in verbs()) + tidegate('help').stdout + '-V'
    page = text('board', 'man', 'tidegate.8')
    for command in re.findall(r'^\.It Cm (\w+)', page, re.M):
        expect(command in verbs(), f'tidegate(8) has a command {command}')
    for short, name in re.findall(r'^\.It Fl (?:(\w) , Fl )?(?:-([a-z-]+))?', page, re.M):
        for option in [f'-{short}'] * bool(short) + [f'--{name}'] * bool(name):
            expect(re.search(rf'(?<![\w-]){option}(?![\w-])', helped), f'tidegate(8) has an option {option}')


@test
def every_word_of_the_language():
    page = rendered('tidegate.rules.5')
    source = text('board', 'man', 'tidegate.rules.5')
    reserved = source.partition('.Sh RESERVED WORDS')[2].partition('.Sh')[0].split('.Bd')[1].splitlines()[1:-1]
    words = words_of('src/rules/words.c', 'reserved')
    same(sorted(' '.join(reserved).split()), sorted(words), 'reserved words')
    before = page.partition('RESERVED WORDS These')[0]
    for word in words + words_of('src/rules/words.c', 'words_protocols'):
        expect(re.search(rf'(?<![\w-]){word}(?![\w-])', before), f'tidegate.rules(5) does not tell of {word}')
    for table in re.findall(r'words_(?!statements|protocols)\w+(?=\[\])', text('src/rules/words.c')):
        for word in words_of('src/rules/words.c', table):
            expect(re.search(rf'(?<![\w-]){word}(?![\w-])', before), f'tidegate.rules(5) does not tell of {word}')


@test
def every_statement_begins_an_item():
    source = text('board', 'man', 'tidegate.rules.5')
    for word in words_of('src/rules/words.c', 'words_statements'):
        expect(re.search(rf'^\.(It )?Ic {word}\b', source, re.M), f'tidegate.rules(5) does not explain {word}')


@test
def services_and_types():
    """The tables are those of the program: each service is tried with each of its ports."""
    source = text('board', 'man', 'tidegate.rules.5')
    listed = source.partition('.Sh BUILT-IN SERVICES')[2].partition('.Sh')[0]
    rows = dict(re.findall(r'^\.It (\S+) Ta (.+)$', listed, re.M))
    built_in = re.findall(r'^    \{"([a-z0-9-]+)", \{((?:TCP|UDP|ESP|GRE).*)\}\},$', text('src/rules/services.c'), re.M)
    parts = {name: len(re.findall('TCP|UDP|ESP|GRE', made_of)) for name, made_of in built_in}
    same({name: row.count(',') + 1 for name, row in rows.items()}, parts, 'services, with how many parts each has')
    rules = 'zone wan on eth0\nallow from router\n'
    expects = ''
    for number, (name, parts) in enumerate(sorted(rows.items())):
        rules += f'allow {name} from wan 10.{number}.0.0/16\n'
        for part in parts.split(', '):
            proto, _, ports = part.partition(' ')
            for port in filter(None, ports.split('-')):
                expects += f'expect {proto} from wan 10.{number}.0.1 to 192.0.2.1 port {port} is allowed\n'
                expects += f'expect {proto} from wan 10.{number}.0.1 to 192.0.2.1 port 60000 is dropped\n'
            if not ports:
                expects += f'expect {proto} from wan 10.{number}.0.1 to 192.0.2.1 is allowed\n'
    write('services.rules', rules + expects)
    run = tidegate('check', 'services.rules')
    same((run.returncode, run.stderr), (0, ''), 'the services by the manual')

    types = source.partition('.Sh TYPES OF ICMP')[2].partition('.Sh')[0]
    listed = re.findall(r'^\.It (\d+(?:/\d+)?)\n(.+)$', types, re.M)
    names = sorted(name for _, line in listed for name in line.split(', '))
    same(names, sorted(re.findall(r'(?:TYPE|CODE)[46]\("([a-z0-9-]+)"', text('src/rules/icmp.c'))), 'types of ICMP')


@test
def its_rules_work():
    source = text('board', 'man', 'tidegate.rules.5')
    names = displays(source, 'names')
    rules = displays(source, 'rules')
    same(len(names), 1, 'displays of names')
    expect(len(rules) > 8, f'only {len(rules)} examples are marked')
    for line, example in rules:
        write('example.rules', names[0][1] + example + 'allow from router\n')
        run = tidegate('check', 'example.rules')
        expect(run.returncode == 0, f'the example in line {line}: {run.stderr}')
        expect('can never fit' not in run.stderr, f'the example in line {line}: {run.stderr}')
    for line, example in displays(source, 'whole'):
        write('example.rules', example)
        run = tidegate('check', '--strict', 'example.rules')
        same((run.returncode, run.stderr), (0, ''), f'the example in line {line}')


@test
def no_example_is_left_out():
    source = text('board', 'man', 'tidegate.rules.5')
    for m in re.finditer(r'^(.*)\n\.Bd -literal.*\n(.*)\n', source, re.M):
        marked = re.match(r'\.\\" (names|rules|whole)$', m[1])
        expect(marked or ': error: ' in m[2], f'an example is not marked: {m[2]}')


@test
def the_readme_too():
    readme = text('README.md')
    found = re.findall(r'^```rules\n(.*?)^```', readme, re.M | re.S)
    expect(found, 'README.md has no rules')
    for example in found:
        write('readme.rules', example)
        run = tidegate('check', '--strict', 'readme.rules')
        same((run.returncode, run.stderr), (0, ''), 'the rules of README.md')
    for path in re.findall(r'\brules/[a-z0-9-]+\.rules\b', readme):
        expect(os.path.exists(os.path.join(ROOT, path)), f'README.md speaks of {path}')


main()
