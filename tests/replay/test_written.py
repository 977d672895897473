#!/usr/bin/env python3
"""What --write writes, as Wireshark's tshark sees it: packets as they leave, with verdicts."""
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from lab import ETHERNET, Replay, expect, main, pcap, replay, same, tcp, test, udp  # noqa: E402

MAC = bytes.fromhex('020000000001020000000002')
FRAMES = [MAC + b'\x08\x00' + p for p in (
    tcp('198.51.100.9', 40000, '203.0.113.1', 8080),
    tcp('198.51.100.9', 40001, '203.0.113.1', 22),
    udp('192.168.1.7', 5000, '198.51.100.53', 53),
    udp('198.51.100.9', 5000, '203.0.113.1', 53),
)] + [MAC + b'\x08\x06' + bytes(28)]


def tshark(*arguments, fields=()):
    """=> a list of fields for each packet"""
    command = ['tshark', '-n', '-r', 'out.pcapng', '-o', 'ip.check_checksum:TRUE', '-o', 'tcp.check_checksum:TRUE',
               '-o', 'udp.check_checksum:TRUE', *arguments, '-T', 'fields']
    for field in fields:
        command += ['-e', field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    expect(done.returncode == 0, f'tshark: {done.stderr}')
    return [line.split('\t') for line in done.stdout.splitlines()]


def write():
    pcap('in.pcap', FRAMES, ETHERNET)
    return replay('in.pcap', '--write', 'out.pcapng')


@test
def comments():
    write()
    same([c for c, in tshark(fields=['frame.comment'])],
         ['accept: forward, test.rules:6 "camera", came as 198.51.100.9.40000 > 203.0.113.1.8080',
          'reject: rule, test.rules:7',
          'accept: rule, test.rules:5, came as 192.168.1.7.5000 > 198.51.100.53.53',
          'drop: default',
          'accept: non-ip'], 'comments')
    same(tshark('-Y', 'frame.comment contains "camera"', fields=['frame.number']), [['1']], 'packets of the camera')


@test
def verdicts():
    write()
    same(tshark(fields=['frame.verdict.ebpf_tc']), [['0'], ['2'], ['0'], ['2'], ['0']], 'verdicts')
    same(tshark('-Y', 'frame.verdict.ebpf_tc == 2', fields=['frame.number']), [['2'], ['4']], 'what did not pass')


@test
def interfaces():
    """What leaves is seen on the zone that it leaves by; what does not, on the one that it came in by."""
    write()
    same([(name, int(flags, 0)) for name, flags in tshark(fields=['frame.interface_name', 'frame.packet_flags_direction'])],
         [('lan', 2), ('wan', 1), ('wan', 2), ('wan', 1), ('unknown', 0)], 'interfaces')
    for words, in tshark(fields=['frame.interface_description']):
        expect('eBPF-TC verdicts stand in' in words, f'the interface says: {words}')


@test
def packets_as_they_leave():
    write()
    same(tshark('-Y', 'ip', fields=['ip.src', 'ip.dst', 'tcp.dstport', 'udp.srcport', 'frame.time_epoch']),
         [['198.51.100.9', '192.168.1.50', '80', '', '1700000000.000000000'],
          ['198.51.100.9', '203.0.113.1', '22', '', '1700000000.010000000'],
          ['203.0.113.1', '198.51.100.53', '', '5000', '1700000000.020000000'],
          ['198.51.100.9', '203.0.113.1', '', '5000', '1700000000.030000000']], 'packets')
    bad = 'ip.checksum.status == "Bad" || tcp.checksum.status == "Bad" || udp.checksum.status == "Bad"'
    same(tshark('-Y', bad, fields=['frame.number']), [], 'bad checksums')
    same(tshark('-Y', 'arp', fields=['frame.number']), [['5']], 'ARP')


@test
def replayed_again():
    """What was written is a capture like any other."""
    write()
    run = replay('--in', 'lan=out.pcapng')
    same(len(run.objects), len(FRAMES), 'packets')


@test
def not_over_an_input():
    data = pcap('in.pcap', FRAMES, ETHERNET)
    run = Replay('in.pcap', '--write', './in.pcap')
    same(run.status, 2, 'exit status')
    with open('in.pcap', 'rb') as f:
        expect(f.read() == data, 'the capture was written over')


@test
def nowhere_to_write():
    pcap('in.pcap', FRAMES, ETHERNET)
    for path in ('/nowhere/at/all.pcapng', '/dev/full'):
        run = Replay('in.pcap', '--write', path)
        same(run.status, 3, f'exit status for {path}')
        expect(path in run.complaints, f'it said: {run.complaints}')


if not shutil.which('tshark'):
    print('skip written: tshark is not installed')
    sys.exit(0)
main()
