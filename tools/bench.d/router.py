"""What a small router asks for: memory, size, and time to start, load and replay

Resident memory is that of `tidegate run` with the default table, idle, in a namespace of its own; the binary is built
small and without libpcap (`make SMALL=yes WITH_PCAP=no`), and stripped. A file of 10 000 rules is read, checked and compiled by `tidegate check`. Replay
reads a capture of small packets of 1000 connections from the page cache, through rules that translate them, with `-q`.
"""
import os
import random
import statistics
import struct
import subprocess
import time

from topology import Failure, Line

PACKETS = 2000000
RULES = '''\
zone wan on wan address 203.0.113.1/24 masquerade
zone lan on lan address 192.168.1.1/24
allow from router
allow from lan to wan
'''


def checksum(header):
    total = sum(struct.unpack('!10H', header))
    total = (total & 0xffff) + (total >> 16)
    return 0xffff - ((total & 0xffff) + (total >> 16))


def capture(path):
    """Write a capture: UDP from inside, 1000 connections in turn."""
    with open(path, 'wb') as f:
        f.write(struct.pack('=IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))  # raw IP
        frames = []
        for i in range(1000):
            source = bytes([192, 168, 1, 10 + i % 200])
            header = struct.pack('!BBHHHBBH', 0x45, 0, 48, i, 0, 64, 17, 0) + source + bytes([198, 51, 100, 9])
            header = header[:10] + struct.pack('!H', checksum(header)) + header[12:]
            frames.append(header + struct.pack('!HHHH', 2000 + i, 53, 28, 0) + bytes(20))
        for n in range(PACKETS // 1000):
            f.write(b''.join(struct.pack('=IIII', 1700000000 + n // 1000, n % 1000 * 1000, 48, 48) + frame for frame in frames))


def seconds(argv):
    start = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f'{" ".join(argv)}: {done.stderr.strip()}')
    return time.monotonic() - start


def many_rules():
    draw = random.Random(1)
    lines = [f'allow tcp from wan 198.{18 + draw.randrange(2)}.{draw.randrange(256)}.{draw.randrange(256)} '
             f'to lan 192.168.1.{draw.randrange(2, 255)} port {draw.randrange(1, 65536)}' for _ in range(10000)]
    return RULES + '\n'.join(lines) + '\n'


def resident(net, rules, binary):
    """=> MB of an idle daemon"""
    process = net.tidegate(net.write('idle.rules', rules), namespace='fw', binary=binary)
    with open(f'/proc/{process.pid}/status') as f:
        kib = next(int(line.split()[1]) for line in f if line.startswith('VmRSS'))
    process.stop()
    return kib / 1024


def small_build(bench):
    """=> bytes of the stripped binary without libpcap"""
    folder = os.path.join(bench.folder, 'small')
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    subprocess.run(['make', '-s', '-C', root, f'BUILD={folder}', 'WITH_PCAP=no', 'SMALL=yes'], check=True, stdout=subprocess.DEVNULL)
    program = os.path.join(folder, 'tidegate')
    subprocess.run(['strip', '-o', program + '.stripped', program], check=True)
    return os.path.getsize(program + '.stripped')


def measure(bench):
    bench.progress('router: building')
    size = small_build(bench)
    pcap, rules, many = (os.path.join(bench.folder, name) for name in ('replay.pcap', 'replay.rules', 'many.rules'))
    capture(pcap)
    for path, text in ((rules, RULES), (many, many_rules())):
        with open(path, 'w') as f:
            f.write(text)
    load, replay, memory, start = [], [], [], []
    for number in range(bench.rounds):
        bench.progress(f'router: round {number + 1} of {bench.rounds}')
        load.append(seconds([bench.binary, 'check', many]))
        start.append(seconds([bench.binary, 'check', rules]))
        replay.append(seconds([bench.binary, 'replay', '-q', rules, pcap]))
        with Line() as net:
            memory.append(resident(net, RULES.replace('address 203.0.113.1/24 ', '').replace(' address 192.168.1.1/24', ''), bench.binary))
    bench.progress('')
    os.unlink(pcap)
    bench.table([['', 'measured', 'to reach'],
                 ['resident, default table, idle, MB', f'{statistics.median(memory):.1f}', '6'],
                 ['binary without libpcap, stripped, kB', f'{size / 1000:.0f}', '400'],
                 ['a file of 10 000 rules, ms', f'{statistics.median(load) * 1e3:.0f}', '300'],
                 ['a file of 4 statements, ms', f'{statistics.median(start) * 1e3:.0f}', '-'],
                 ['replay, million packets a second', f'{PACKETS / statistics.median(replay) / 1e6:.1f}', '5']])
