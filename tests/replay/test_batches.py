#!/usr/bin/env python3
"""Packets of a file are judged several at once, those that come through a pipe one by one: nobody sees a difference."""
import random
import select
import subprocess
import sys

sys.dont_write_bytecode = True
from lab import ETHERNET, RULES, TIDEGATE, START, expect, fragments, main, pcap, replay, same, tcp, test, udp  # noqa: E402

BATCH = 32  # as src/replay/replay.c has it
OPEN = RULES.replace('default drop', 'forward udp port 5000 from wan to camera port 6000\nhelper ftp on tcp port 21\ndefault drop')
MAC = bytes(6) + bytes.fromhex('02000000000a')


def ether(packet):
    return MAC + (b'\x86\xdd' if packet[0] >> 4 == 6 else b'\x08\x00') + packet


ARP = MAC + b'\x08\x06' + bytes(28)
LARGE, OTHER = (MAC + b'\x08\x00' + b'\x45\0\0\0' + bytes([n]) * 69996 for n in (1, 2))  # no length in the header: all is its
PIECES = [ether(piece) for piece in fragments(udp('198.51.100.9', 1234, '203.0.113.1', 5000, bytes(3100)), 1)]


def query(i):
    return ether(udp('192.168.1.7', 1024 + i, '198.51.100.53', 53))


def answer(i):
    return ether(udp('198.51.100.53', 53, '203.0.113.1', 1024 + i))


def judged(packets, what, rules=OPEN):
    """Judge a capture in batches, and packet by packet. => the run, the same either way"""
    runs, written = [], []
    data = pcap('in.pcap', packets, ETHERNET)
    for name, stdin in (('in.pcap', None), ('-', data)):
        runs.append(replay(name, '--write', 'out.pcapng', rules=rules, stdin=stdin))
        with open('out.pcapng', 'rb') as f:
            written.append(f.read())
    same(runs[0].output, runs[1].output, f'{what}: report')
    expect(written[0] == written[1], f'{what}: what is written differs')
    same([o['packet'] for o in runs[0].objects], list(range(1, len(packets) + 1)), f'{what}: numbers')
    return runs[0]


@test
def around_a_batch():
    """Captures of a little less than a batch, one, two and many; answers beside their questions."""
    for count in (1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH, 10 * BATCH + 3):
        done = judged([(query if i % 2 == 0 else answer)(i // 2) for i in range(count)], f'{count} packets')
        same({(o['verdict'], o['reason']) for o in done.objects},
             {('accept', 'rule'), ('accept', 'established')} if count > 1 else {('accept', 'rule')}, f'{count} packets')


@test
def something_else_at_each_place():
    """A frame without IP, a packet larger than any, and a whole datagram in the wrong order, wherever a batch is."""
    for at in range(0, BATCH + 2):
        for what, frames, verdicts in (('ARP', [ARP], [('accept', 'non-ip')]), ('large', [LARGE, OTHER], [('drop', 'malformed')] * 2),
                                       ('fragments', PIECES[::-1], [('accept', 'forward')] * 3)):
            packets = [query(i) for i in range(at)] + frames + [answer(i) for i in range(at)]
            done = judged(packets, f'{what} at {at}')
            same(done.fields('verdict', 'reason'), [('accept', 'rule')] * at + verdicts + [('accept', 'established')] * at,
                 f'{what} at {at}')


@test
def what_waits_within_a_batch():
    """Others are judged while it waits, and told behind it; a second later it waits no more."""
    for at in range(0, BATCH + 2, 3):
        for late, verdicts in ((0.5, [('accept', 'forward')] * 2), (1.5, [('drop', 'fragment'), ('accept', 'forward')])):
            packets = [(START, query(i)) for i in range(at)] + [(START, PIECES[1])] + [(START, answer(i)) for i in range(at)]
            packets += [(START + late, PIECES[0])] + [(START + late, query(at + i)) for i in range(BATCH)]
            done = judged(packets, f'at {at}')
            same([done.fields('verdict', 'reason')[i] for i in (at, 2 * at + 1)], verdicts, f'at {at}, first {late} later')


@test
def what_waits_is_given_up_in_its_time():
    """Not before those that came while it still waited."""
    packets = [(START, query(1)), (START + 1, PIECES[1]), (START + 1.5, answer(1)), (START + 4, query(2))]
    done = judged(packets, 'capture', OPEN + 'timeout udp-new 2s\n')
    same(done.fields('verdict', 'reason'),
         [('accept', 'rule'), ('drop', 'fragment'), ('accept', 'established'), ('accept', 'rule')], 'verdicts')


@test
def packets_that_grow():
    """Those beside one in which a helper writes a longer address are as they were."""
    command = b'PORT 192,168,1,7,4,210\r\n'
    begin = [ether(tcp('192.168.1.7', 40000, '198.51.100.9', 21, 2, 100)),
             ether(tcp('198.51.100.9', 21, '203.0.113.1', 40000, 0x12, 500, 101)),
             ether(tcp('192.168.1.7', 40000, '198.51.100.9', 21, 0x10, 101, 501))]
    grown = ether(tcp('192.168.1.7', 40000, '198.51.100.9', 21, 0x18, 101, 501, command))
    for at in range(0, BATCH + 2, 5):
        judged(begin + [query(i) for i in range(at)] + [grown] + [query(i) for i in range(BATCH)], f'at {at}')
        with open('out.pcapng', 'rb') as f:
            expect(b'PORT 203,0,113,1,' in f.read(), f'at {at}: nothing was written into the packet')


@test
def any_mixture():
    draw = random.Random(7)
    for turn in range(20):
        kinds = [lambda: query(draw.randrange(40)), lambda: answer(draw.randrange(40)), lambda: query(draw.randrange(40)),
                 lambda: ARP, lambda: draw.choice(PIECES), lambda: query(1)[:draw.randrange(14, 40)], lambda: LARGE]
        weights = (20, 20, 20, 1, turn % 4, 1, 1)
        packets, time = [], START
        for _ in range(300):
            time += draw.choice((0, 0.001, 0.1))
            packets.append((time, draw.choices(kinds, weights)[0]()))
        judged(packets, f'mixture {turn}')


@test
def a_pipe_is_told_as_it_comes():
    """A packet does not wait for others that may never come."""
    with open('test.rules', 'w', encoding='utf-8') as f:
        f.write(OPEN)
    with open('expected', 'w', encoding='utf-8') as f:
        f.write('{"packet":1,"verdict":"drop"}\n')
    command = [TIDEGATE, 'replay', '-q', 'test.rules', '--expect', 'expected', '-']
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        process.stdin.write(pcap('in.pcap', [query(1), query(2)], ETHERNET))
        process.stdin.flush()
        told = select.select([process.stderr], [], [], 60)[0]
        expect(told and b'expected "verdict" to be "drop"' in process.stderr.readline(), 'no complaint of the first packet')
        process.stdin.close()
        same(process.wait(60), 1, 'exit status')


main()
