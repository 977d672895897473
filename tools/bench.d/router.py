"""What a small router asks for: memory, size, and time to start, load and replay

Resident memory is that of `tidegate run` with the default table, idle, in a namespace of its own; the binary is built
small and without libpcap (`make SMALL=yes WITH_PCAP=no`), and stripped. A file of 10 000 rules is read, checked and compiled by `tidegate check`. Replay
reads a capture of small packets of 1000 connections from the page cache, through rules that translate them, with `-q`; and
one of a tenth of them, to see that memory does not grow.
"""
import os
import random
import shutil
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


def capture(path, packets):
    """Write a capture: UDP from inside, 1000 connections in turn."""
    with open(path, 'wb') as f:
        f.write(struct.pack('=IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))  # raw IP
        frames = []
        for i in range(1000):
            source = bytes([192, 168, 1, 10 + i % 200])
            header = struct.pack('!BBHHHBBH', 0x45, 0, 48, i, 0, 64, 17, 0) + source + bytes([198, 51, 100, 9])
            header = header[:10] + struct.pack('!H', checksum(header)) + header[12:]
            frames.append(header + struct.pack('!HHHH', 2000 + i, 53, 28, 0) + bytes(20))
        for n in range(packets // 1000):
            f.write(b''.join(struct.pack('=IIII', 1700000000 + n // 1000, n % 1000 * 1000, 48, 48) + frame for frame in frames))


def seconds(argv):
    start = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f'{" ".join(argv)}: {done.stderr.strip()}')
    return time.monotonic() - start


def status(process, what):
    """=> MB of a running process, as /proc says it"""
    with open(f'/proc/{process.pid}/status') as f:
        return next((int(line.split()[1]) / 1024 for line in f if line.startswith(what + ':')), 0)


def peak(argv):
    """=> MB that a program had resident at most, but in its last milliseconds"""
    most = 0
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, status(process, 'VmHWM'))
            time.sleep(0.002)
    if process.returncode != 0:
        raise Failure(f'{" ".join(argv)} ended with {process.returncode}')
    return most


def many_rules():
    draw = random.Random(1)
    lines = [f'allow tcp from wan 198.{18 + draw.randrange(2)}.{draw.randrange(256)}.{draw.randrange(256)} '
             f'to lan 192.168.1.{draw.randrange(2, 255)} port {draw.randrange(1, 65536)}' for _ in range(10000)]
    return RULES + '\n'.join(lines) + '\n'


def idle(net, rules, binary):
    """=> MB of an idle daemon"""
    process = net.tidegate(net.write('idle.rules', rules), namespace='fw', binary=binary)
    resident = status(process, 'VmRSS')
    process.stop()
    return resident


def small_build(bench):
    """=> bytes of the stripped binary without libpcap"""
    folder = os.path.join(bench.folder, 'small')
    shutil.rmtree(folder, ignore_errors=True)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    subprocess.run(['make', '-s', '-C', root, f'BUILD={folder}', 'WITH_PCAP=no', 'SMALL=yes'], check=True, stdout=subprocess.DEVNULL)
    program = os.path.join(folder, 'tidegate')
    subprocess.run(['strip', '-o', program + '.stripped', program], check=True)
    return os.path.getsize(program + '.stripped')


def measure(bench):
    bench.progress('router: building')
    size = small_build(bench)
    pcap, rules, many = (os.path.join(bench.folder, name) for name in ('replay.pcap', 'replay.rules', 'many.rules'))
    replayed = [bench.binary, 'replay', '-q', rules, pcap]
    for path, text in ((rules, RULES), (many, many_rules())):
        with open(path, 'w') as f:
            f.write(text)
    capture(pcap, PACKETS // 10)
    small, large = peak(replayed), 0
    capture(pcap, PACKETS)
    load, replay, memory, start = [], [], [], []
    for number in range(bench.rounds):
        bench.progress(f'router: round {number + 1} of {bench.rounds}')
        load.append(seconds([bench.binary, 'check', many]))
        start.append(seconds([bench.binary, 'check', rules]))
        replay.append(seconds(replayed))
        large = max(large, peak(replayed))
        with Line() as net:
            memory.append(idle(net, RULES.replace('address 203.0.113.1/24 ', '').replace(' address 192.168.1.1/24', ''), bench.binary))
    bench.progress('')
    os.unlink(pcap)
    bench.table([['', 'measured', 'to reach'],
                 ['resident, default table, idle, MB', f'{statistics.median(memory):.1f}', '6'],
                 ['binary without libpcap, stripped, kB', f'{size / 1000:.0f}', '400'],
                 ['a file of 10 000 rules, ms', f'{statistics.median(load) * 1e3:.0f}', '300'],
                 ['a file of 4 statements, ms', f'{statistics.median(start) * 1e3:.0f}', '-'],
                 ['replay, million packets a second', f'{PACKETS / statistics.median(replay) / 1e6:.1f}', '5'],
                 [f'the same, resident at most, MB; {PACKETS // 10} packets', f'{small:.1f}', '-'],
                 [f'… {PACKETS} packets', f'{large:.1f}', 'as many']])
