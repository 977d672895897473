#!/usr/bin/env python3
"""The command line of replay: options, complaints, exit statuses, the report's shape."""
import json
import os
import pty
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from lab import RULES, TIDEGATE, Replay, expect, main, pcap, replay, same, tcp, test, udp  # noqa: E402

PACKETS = [
    tcp('198.51.100.9', 40000, '203.0.113.1', 8080),
    tcp('198.51.100.9', 40001, '203.0.113.1', 22),
    udp('192.168.1.7', 5000, '198.51.100.53', 53),
]
EXPECTED = '''\
{"packet":1,"verdict":"accept","reason":"forward","line":6,"to":{"dst":"192.168.1.50","dport":80}}
{"packet":2,"verdict":"reject","to":null}

{"packet":3,"out":"wan"}
{"summary":{"accept":2,"reject":1,"rules":[{"line":6,"hits":1}]}}
'''


def refused(*arguments, says, status=2, **how):
    run = Replay(*arguments, **how)
    same(run.status, status, f'exit status of {arguments}')
    expect(says in run.complaints, f'{arguments}: it said: {run.complaints}')
    same(run.output, '', f'output of {arguments}')


@test
def text():
    pcap('in.pcap', PACKETS)
    lines = Replay('in.pcap').must().output.splitlines()
    same(lines[0], '     1  22:13:20.000000 wan > lan: IP 198.51.100.9.40000 > 203.0.113.1.8080: Flags [S], seq 1, '
                   'win 65535, length 0  accept: forward, test.rules:6 "camera", leaves as 198.51.100.9.40000 > '
                   '192.168.1.50.80', 'line 1')
    same(lines[3:], ['', '3 packets, 113 bytes: 2 accepted, 0 dropped, 1 rejected', 'by reason: 2 rule, 1 forward', 'by rule:',
                     '     packets          bytes',
                     '           1             33  test.rules:5: allow from lan to wan',
                     '           1             40  test.rules:6: forward tcp port 8080 from wan to camera port 80 "camera"',
                     '           1             40  test.rules:7: reject tcp from wan to router port 22',
                     'nothing hit:',
                     '                             test.rules:4: allow from router',
                     'connections: 1 tcp, 1 udp, 0 icmp, 0 other; at most 2 at once, room for 16384'], 'totals')


@test
def quiet():
    pcap('in.pcap', PACKETS)
    expect(Replay('in.pcap', '-q').must().output.startswith('\n3 packets, '), 'more than totals')
    same(len(Replay('in.pcap', '--json', '--quiet').must().output.splitlines()), 1, 'lines')


@test
def json_shape():
    pcap('in.pcap', PACKETS)
    run = replay('in.pcap')
    same(run.objects[0], {
        'packet': 1, 'time': '1700000000.000000', 'in': 'wan', 'out': 'lan', 'proto': 'tcp', 'src': '198.51.100.9',
        'sport': 40000, 'dst': '203.0.113.1', 'dport': 8080, 'verdict': 'accept', 'reason': 'forward', 'state': 'new',
        'file': 'test.rules', 'line': 6,
        'to': {'src': '198.51.100.9', 'sport': 40000, 'dst': '192.168.1.50', 'dport': 80}}, 'packet 1')
    same(run.summary['rules'], [{'file': 'test.rules', 'line': line, 'hits': hits, 'bytes': size}
                                for line, hits, size in ((4, 0, 0), (5, 1, 33), (6, 1, 40), (7, 1, 40))], 'rules')
    same(run.summary['connections'], {'peak': 2, 'tcp': 1, 'udp': 1, 'icmp': 0, 'other': 0}, 'connections')


@test
def expectations_met():
    pcap('in.pcap', PACKETS)
    with open('e.jsonl', 'w', encoding='utf-8') as f:
        f.write(EXPECTED)
    for mode in ([], ['--json'], ['-q']):
        same(Replay('in.pcap', '--expect', 'e.jsonl', *mode).must().complaints, '', 'complaints')


@test
def expectations_missed():
    pcap('in.pcap', PACKETS)
    with open('e.jsonl', 'w', encoding='utf-8') as f:
        f.write(EXPECTED.replace('"reject","to"', '"drop","to"').replace('"accept":2', '"accept":3') +
                '{"packet":9,"verdict":"drop"}\n')
    run = Replay('in.pcap', '--expect', 'e.jsonl').must(1)
    same(run.complaints.splitlines(), [
        'e.jsonl:2: packet 2: expected "verdict" to be "drop", got "reject"',
        'e.jsonl:6: packet 9: there are not so many',
        'e.jsonl:5: summary: expected "accept" to be 3, got 2',
        'tidegate: e.jsonl: 3 of 5 expectations failed'], 'complaints')


@test
def own_report_as_expectation():
    """A report that was kept is what the next run is compared with."""
    pcap('in.pcap', PACKETS)
    with open('e.jsonl', 'w', encoding='utf-8') as f:
        f.write(replay('in.pcap').output)
    Replay('in.pcap', '--expect', 'e.jsonl').must()
    run = Replay('in.pcap', '--expect', 'e.jsonl', rules=RULES.replace('port 80 ', 'port 81 ')).must(1)
    expect('packet 1: expected "to" to be' in run.complaints, f'it said: {run.complaints}')


@test
def expectations_broken():
    pcap('in.pcap', PACKETS)
    with open('e.jsonl', 'w', encoding='utf-8') as f:
        f.write('{"packet":1}\nnonsense\n')
    run = Replay('in.pcap', '--expect', 'e.jsonl').must(2)
    expect('e.jsonl:2: not a JSON object' in run.complaints, f'it said: {run.complaints}')
    refused('in.pcap', '--expect', 'missing.jsonl', says='missing.jsonl: No such file')


@test
def addresses():
    """--address takes the place of what the file says of that zone and family, or says what it leaves out."""
    pcap('in.pcap', [udp('10.1.1.7', 5000, '198.51.100.53', 53), udp('fd00:1::7', 5000, '2001:db8:9::53', 53)])
    run = replay('in.pcap', '--address', 'lan=10.1.1.1/24')
    same(run.fields('in', 'verdict'), [('lan', 'accept'), ('lan', 'accept')], 'verdicts')
    bare = 'zone wan on eth0 masquerade\nzone lan on br-lan\nallow from lan to wan\nallow from router\n'
    run = replay('in.pcap', '--address', 'lan=10.1.1.1/24', '--address', 'wan=203.0.113.7/24', rules=bare)
    same(run.objects[0]['to']['src'], '203.0.113.7', 'source')


@test
def nothing_tells_the_zone():
    pcap('in.pcap', PACKETS)
    bare = 'zone wan on eth0 masquerade\nzone lan on br-lan\nallow from lan to wan\nallow from router\n'
    refused('in.pcap', rules=bare, says='--in ZONE=FILE')
    same(replay('--in', 'lan=in.pcap', rules=bare).objects[2]['in'], 'lan', 'zone')


@test
def router_zone():
    """What the router itself sends may be given as such."""
    pcap('in.pcap', [udp('203.0.113.1', 5000, '198.51.100.53', 53)])
    same(replay('--in', 'router=in.pcap').fields('in', 'out', 'verdict', 'reason'), [('router', 'wan', 'accept', 'rule')],
         'verdict')


@test
def bad_usage():
    pcap('in.pcap', PACKETS)
    refused(says='no capture is named')
    refused('in.pcap', '--in', 'in.pcap', says="--in wants ZONE=FILE, not 'in.pcap'")
    refused('in.pcap', '--address', '10.0.0.1/8', says='--address wants')
    refused('in.pcap', '--address', 'lan=10.0.0.1/99', says="'10.0.0.1/99' is no ADDRESS/LENGTH")
    refused('in.pcap', '--jsonn', says='there is no option --jsonn')
    refused('in.pcap', '--write', says='--write wants a value')
    refused('in.pcap', '--write', '-', says='standard output has the report')
    refused('--in', 'wann=in.pcap', says="test.rules has no zone 'wann'; did you mean 'wan'?")
    refused('in.pcap', '--address', 'lam=10.0.0.1/8', says="did you mean 'lan'?")
    refused('in.pcap', rules='allow from nowhere\n', says='test.rules:1:')


@test
def unreadable_captures():
    with open('text.pcap', 'w', encoding='utf-8') as f:
        f.write('these are words\n')
    refused('text.pcap', says='text.pcap: not a capture')
    refused('missing.pcap', says='missing.pcap: No such file or directory')
    refused('--in', 'lan=/', says='/: Is a directory')


@test
def cut_captures():
    """A capture that ends within a packet is read as far as it goes, with a warning; a broken one is an error too."""
    data = pcap('in.pcap', PACKETS)
    with open('cut.pcap', 'wb') as f:
        f.write(data[:-5])
    run = replay('cut.pcap')
    same(len(run.objects), 2, 'packets')
    expect('cut.pcap: truncated' in run.complaints, f'it said: {run.complaints}')
    with open('broken.pcap', 'wb') as f:
        f.write(data + b'\xff' * 100)
    run = Replay('broken.pcap').must(2)
    expect('broken.pcap: ' in run.complaints and '3 packets, ' in run.output, f'it said: {run.complaints}')


@test
def output_without_room():
    """A report that could not be written is no success."""
    pcap('in.pcap', PACKETS)
    with open('test.rules', 'w', encoding='utf-8') as f:
        f.write(RULES)
    with open('/dev/full', 'w', encoding='utf-8') as full:
        done = subprocess.run([TIDEGATE, 'replay', 'test.rules', 'in.pcap'], stdout=full, stderr=subprocess.PIPE, timeout=60,
                              check=False)
    same(done.returncode, 3, 'exit status')


@test
def progress():
    """A long run shows on a terminal how far it is, and leaves no trace of it there."""
    def shown(stdout):
        with open('test.rules', 'w', encoding='utf-8') as f:
            f.write(RULES)
        data = pcap('in.pcap', [PACKETS[2]] * 5000)
        ours, theirs = pty.openpty()
        with subprocess.Popen([TIDEGATE, 'replay', 'test.rules', '-'], stdin=subprocess.PIPE, stderr=theirs,
                              stdout=theirs if stdout == 'terminal' else subprocess.DEVNULL) as process:
            os.close(theirs)
            reader = threading.Thread(target=read_all, args=(ours,))
            reader.start()
            process.stdin.write(data)
            process.stdin.flush()
            time.sleep(1.2)  # it begins to tell after a second
            process.stdin.write(data[24:])
            process.stdin.close()
            same(process.wait(60), 0, 'exit status')
        reader.join(60)
        return b''.join(said)

    def read_all(terminal):
        said.clear()
        try:
            while part := os.read(terminal, 65536):
                said.append(part)
        except OSError:  # the other end is closed
            pass
        os.close(terminal)

    said = []
    words = shown('elsewhere')
    expect(b'\r\x1b[K8192 packets' in words and words.endswith(b'\r\x1b[K'), f'it showed {words!r}')
    expect(b'\x1b[K' not in shown('terminal'), 'progress among the lines of the report')


@test
def verbs():
    def said(*arguments):
        done = subprocess.run([TIDEGATE, *arguments], capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr
    status, out, _ = said('--version')
    expect(status == 0 and out.split()[0][0].isdigit(), f'--version gave {status}: {out}')
    status, out, err = said()
    expect(status == 2 and not out and 'tidegate replay' in err, f'without a verb: {status}: {err}')
    for arguments in (['help'], ['--help']):
        status, out, err = said(*arguments)
        expect(status == 0 and 'tidegate check' in out and not err, f'{arguments}: {status}: {out}')
    for verb in ('check', 'replay', 'explain', 'run', 'help'):
        for arguments in (['help', verb], [verb, '--help']):
            status, out, err = said(*arguments)
            expect(status == 0 and out.startswith(f'usage: tidegate {verb}') and not err, f'{arguments}: {status}: {out}')
    for arguments in (['repaly'], ['help', 'repaly']):
        status, out, err = said(*arguments)
        expect(status == 2 and not out and "did you mean 'replay'?" in err, f'{arguments}: {status}: {err}')


@test
def objects_are_json():
    pcap('in.pcap', PACKETS)
    for line in Replay('in.pcap', '--json', rules=RULES.replace('"camera"', '"a \\ b é"')).must().output.splitlines():
        json.loads(line)


main()
