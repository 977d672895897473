"""CONFORMANCE.md: what it says, and what is wrong with that.

It has a table for each RFC, with a row for each statement: number, source, statement, how it stands, and the tests that
show it, as `tests/FOLDER/FILE: NAME` with commas between them. How it stands is `meets`, or one of the other words and
why: `departs: …`. The sums of each table are in the head.
"""
import os
import re
from collections import Counter

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
STATEMENTS = 157
STANDS = ('meets', 'departs', 'not applicable', 'not yet')
NAMED = re.compile(r'`(tests/\w+/\w+\.(?:c|py)): (\w+)`')


class Row:
    def __init__(self, section, cells):
        self.section, self.number = section, int(cells[0])
        self.stands, _, self.why = cells[3].partition(': ')
        self.shown_by = cells[4]
        self.tests = NAMED.findall(self.shown_by)  # pairs of a file and a name


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip('|').split('|')]


def read():
    """=> the rows, and the sums: {table: its numbers, as the head has them}"""
    rows, sums, section = [], {}, None
    with open(os.path.join(ROOT, 'CONFORMANCE.md'), encoding='utf-8') as file:
        for line in file:
            cells = cells_of(line)
            if line.startswith('## '):
                section = line[3:].strip()
            elif re.match(r'\| *\d', line) and len(cells) == 5:
                rows.append(Row(section, cells))
            elif section is None and line.startswith('|'):
                sums[cells[0]] = cells[1:]
    return rows, sums


def has_test(path, name):
    """Whether a file has a test of that name."""
    try:
        with open(os.path.join(ROOT, path), encoding='utf-8') as file:
            text = file.read()
    except OSError:
        return False
    if path.endswith('.c'):
        return f'cmocka_unit_test({name})' in text
    return re.search(rf'^def {name}\(', text, re.M) is not None


def wrong_in(row):
    """=> what is wrong with a row, as far as can be said without running anything"""
    if row.stands not in STANDS:
        yield f"'{row.stands}' is none of: {', '.join(STANDS)}"
    elif (row.stands == 'meets') != (row.why == ''):
        yield "'meets' needs no reason" if row.why else f"'{row.stands}' needs a reason: '{row.stands}: …'"
    if row.stands == 'meets' and not row.tests:
        yield 'no test shows it'
    if NAMED.sub('', row.shown_by).replace(',', '').strip():
        yield 'tests are named as `tests/FOLDER/FILE: NAME`, with commas between them'
    yield from (f'{path} has no test {name}' for path, name in row.tests if not has_test(path, name))


def complaints():
    """=> all that is wrong, each with its place; nothing has been run"""
    rows, sums = read()
    numbers = [row.number for row in rows]
    if numbers != list(range(1, STATEMENTS + 1)):
        yield f'the statements are not 1 to {STATEMENTS}, each once and in order'
    for row in rows:
        yield from (f'{row.number}: {wrong}' for wrong in wrong_in(row))
    for section in [*dict.fromkeys(row.section for row in rows), 'all']:
        counts = Counter(row.stands for row in rows if section in (row.section, 'all'))
        right = [str(n) for n in (sum(counts.values()), *(counts[stands] for stands in STANDS))]
        if sums.get(section) != right:
            yield f"the sums should say | {section} | {' | '.join(right)} |"
