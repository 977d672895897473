#!/usr/bin/env python3
"""FTP through the helper: real clients (curl, lftp, Python's) and a real server (pyftpdlib), on either side of the gate."""
import contextlib
import ftplib
import hashlib
import os
import re
import socket

from live import LIMIT, Echo, Failure, expect, main, oracle, scenario

HELPER = 'helper ftp on tcp port 21\n'
RULES = HELPER + '''\
zone wan on wan masquerade
zone lan on lan
allow icmp6 to router
allow from router
allow from lan to wan
default drop
'''
# The server is behind a forward, and may not speak to the world by itself.
BEHIND = HELPER + '''\
zone wan on wan masquerade
zone lan on lan
host nas = 192.168.1.50, 2001:db8:1:1::50
allow icmp6 to router
allow from router
drop tcp from lan nas to wan
allow from lan to wan
forward tcp port 21 from wan to nas
default drop
'''
OUTSIDE, INSIDE, GATE = '198.51.100.9', '192.168.1.50', '203.0.113.1'
OUTSIDE6, INSIDE6 = '[2001:db8:99::9]', '[2001:db8:1:1::50]'

# How curl is told by which commands data is to come.
ACTIVE = {'EPRT': ('-P', '-'), 'PORT': ('-P', '-', '--disable-eprt')}
PASSIVE = {'EPSV': (), 'PASV': ('--disable-epsv', '--no-ftp-skip-pasv-ip')}
WAYS = {**ACTIVE, **PASSIVE}

PRINTER = 64 * 1024  # bytes of a file of usual size
LARGE = 12 << 20


class Server:
    """pyftpdlib, which lets anybody read and write a folder. Its log has a line for each command and each answer."""

    def __init__(self, scene, namespace, address='0.0.0.0'):
        self.folder = os.path.join(scene.directory, f'ftp-{next(scene.numbers)}')
        os.mkdir(self.folder)
        # Debian's interpreter: it is the one for which Debian's module is installed.
        self.process = scene.spawn(namespace, '/usr/bin/python3', '-m', 'pyftpdlib', '-V', '-D', '-w', '-i', address, '-p', '21',
                                   '-d', self.folder)
        scene.wait_port(namespace, 21)

    def put(self, name, size):
        """=> the contents of a new file"""
        data = hashlib.shake_128(name.encode()).digest(size)
        with open(os.path.join(self.folder, name), 'wb') as f:
            f.write(data)
        return data

    def has(self, name):
        with open(os.path.join(self.folder, name), 'rb') as f:
            return f.read()

    @property
    def log(self):
        return self.process.err


def fetch_by(scene, client, host, ways, server):
    """Fetch a file by each of these ways, each of which the server must have been asked for."""
    for way, options in ways.items():
        data = server.put(f'{way}.bin', PRINTER)
        got = scene.curl(client, *options, f'ftp://{host}/{way}.bin', limit=LIMIT)
        expect(got.status == 0, f'{way}: {got.words}; the server: {server.log.splitlines()[-3:]}')
        expect(got.body == data, f'{way}: {len(got.body)} bytes came, and not those of the file')
        expect(f'{way}' in server.log, f'nobody has sent the server {way}')


def store_by(scene, client, host, ways, server):
    for way, options in ways.items():
        data = os.urandom(PRINTER)
        path = os.path.join(scene.directory, f'{way}.up')
        with open(path, 'wb') as f:
            f.write(data)
        got = scene.curl(client, *options, '-T', path, f'ftp://{host}/{way}.up', limit=LIMIT)
        expect(got.status == 0, f'{way}: {got.words}')
        expect(server.has(f'{way}.up') == data, f'{way}: what the server has is not what was sent')


@contextlib.contextmanager
def session(scene, client, host):
    """=> Python's client, logged in, which believes what the server says of its address"""
    with scene.entered(client):  # its data connections are made here, too
        with ftplib.FTP(host, timeout=LIMIT) as ftp:
            ftp.trust_server_pasv_ipv4_address = True
            ftp.login()
            yield ftp


# The client is inside and masqueraded.

@scenario(RULES)
def a_client_inside_fetches_and_stores_in_every_way(scene):
    server = Server(scene, 'home')
    fetch_by(scene, 'phone', OUTSIDE, WAYS, server)
    store_by(scene, 'phone', OUTSIDE, WAYS, server)


@scenario(RULES.replace(HELPER, ''))
def without_the_helper_no_active_client_gets_anything(scene):
    server = Server(scene, 'home')
    fetch_by(scene, 'phone', OUTSIDE, PASSIVE, server)
    for way, options in ACTIVE.items():
        got = scene.curl('phone', *options, f'ftp://{OUTSIDE}/PASV.bin', limit=2)
        expect(got.status != 0, f'{way} works without the helper')


@scenario(RULES)
def a_large_file_goes_either_way(scene):
    server = Server(scene, 'home')
    data, path = server.put('large.bin', LARGE), os.path.join(server.folder, 'large.bin')
    for way, options in (('PORT', ACTIVE['PORT']), ('PASV', PASSIVE['PASV'])):
        got = scene.curl('phone', *options, f'ftp://{OUTSIDE}/large.bin', limit=60)
        expect(got.status == 0 and got.body == data, f'{way}: {len(got.body)} of {LARGE} bytes came: {got.words}')
        got = scene.curl('phone', *options, '-T', path, f'ftp://{OUTSIDE}/{way}.up', limit=60)
        expect(got.status == 0 and server.has(f'{way}.up') == data, f'{way}: the large file was not stored: {got.words}')


def many_files(scene, client, host, server, count):
    """Fetch files in one control connection, by PORT and PASV in turn: what it carries grows and shrinks all the time."""
    names = {f'{"n" * (i % 7)}{i}.bin': server.put(f'{"n" * (i % 7)}{i}.bin', 100 * i) for i in range(count)}
    with session(scene, client, host) as ftp:
        for i, (name, data) in enumerate(names.items()):
            got = bytearray()
            ftp.set_pasv(i % 2 == 0)
            ftp.retrbinary(f'RETR {name}', got.extend)
            expect(got == data, f'file {i}: {len(got)} bytes came, and not those of the file')
        expect(len(ftp.nlst()) == count, 'the server lists another number of files')


def renumber(scene):
    """Give the phone an address of fewer characters than the router's: what it announces grows."""
    scene.ip('router', 'route add 10.0.0.7 dev lan')
    scene.ip('phone', 'address add 10.0.0.7/32 dev eth0', 'route replace default via 192.168.1.1 src 10.0.0.7')


@scenario(RULES)
def many_files_in_one_control_connection_that_grows(scene):
    renumber(scene)
    server = Server(scene, 'home')
    many_files(scene, 'phone', OUTSIDE, server, 40)
    expect(len(re.findall('<- PORT 203,0,113,1,', server.log)) == 21, 'the phone has not announced its address 21 times')


def lose(scene, rules):
    """From now on the world outside loses what these rules of nftables drop."""
    scene.run('isp', 'nft', f'table ip lossy {{ chain forward {{ type filter hook forward priority 0; {rules} }}; }}', check=True)


@scenario(RULES)
def a_line_that_loses_packets_loses_no_file(scene):
    renumber(scene)
    server = Server(scene, 'home')
    lose(scene, 'tcp dport 21 @th,256,32 0x504f5254 numgen inc mod 2 == 0 drop; '  # every PORT, when it is sent first
                'numgen inc mod 19 == 18 drop;')
    many_files(scene, 'phone', OUTSIDE, server, 12)
    expect(len(re.findall('<- PORT 203,0,113,1,', server.log)) == 7, 'the phone has not announced its address 7 times')


@scenario(RULES)
def a_mirror_of_a_folder(scene):
    server = Server(scene, 'home')
    os.mkdir(os.path.join(server.folder, 'all'))
    names = {f'all/{i}.bin': server.put(f'all/{i}.bin', 3000 * i) for i in range(24)}
    for passive, parallel in (('true', 4), ('false', 1)):  # pyftpdlib loses one of parallel active connections by itself
        target = os.path.join(scene.directory, f'mirror-{passive}')
        done = scene.run('phone', 'lftp', '-c',
                         f'set ftp:passive-mode {passive}; set ftp:fix-pasv-address false; set net:max-retries 2; '
                         f'set net:timeout {LIMIT}; open ftp://{OUTSIDE}; mirror --parallel={parallel} all {target}')
        expect(done.returncode == 0, f'lftp, passive {passive}: {done.stderr}')
        for name, data in names.items():
            with open(os.path.join(target, os.path.basename(name)), 'rb') as f:
                expect(f.read() == data, f'passive {passive}: {name} is not as the server has it')


# The server is inside, behind a forward, and knows nothing of its outside address.

@scenario(BEHIND)
def a_server_behind_a_forward_serves_in_every_way(scene):
    server = Server(scene, 'camera')
    fetch_by(scene, 'home', GATE, WAYS, server)
    store_by(scene, 'home', GATE, WAYS, server)
    with session(scene, 'home', GATE) as ftp:
        ftp.af = socket.AF_INET
        told = ftplib.parse227(ftp.sendcmd('PASV'))
    expect(told[0] == GATE, f'the client was told of {told}')


@scenario(BEHIND, wire=False)
def many_files_in_one_control_connection_that_shrinks(scene):
    many_files(scene, 'home', GATE, Server(scene, 'camera'), 40)


@scenario(BEHIND)
def a_line_that_loses_answers_loses_no_file(scene):
    lose(scene, 'tcp sport 21 @th,256,24 0x323237 numgen inc mod 2 == 0 drop;')  # every 227, when it is sent first
    many_files(scene, 'home', GATE, Server(scene, 'camera'), 8)


@scenario(BEHIND.replace(HELPER, ''))
def without_the_helper_a_server_behind_a_forward_serves_nothing(scene):
    server = Server(scene, 'camera')
    server.put('file.bin', PRINTER)
    for way in ('PORT', 'PASV'):
        got = scene.curl('home', *WAYS[way], f'ftp://{GATE}/file.bin', limit=2)
        expect(got.status != 0, f'{way} works without the helper')


@scenario(BEHIND + 'allow tcp from lan to router\n')
def a_hairpin(scene):
    server = Server(scene, 'camera')
    fetch_by(scene, 'phone', GATE, WAYS, server)
    fetch_by(scene, 'home', GATE, WAYS, server)


# IPv6: nothing is translated, what is announced must be let through all the same.

@scenario(RULES)
def a_client_inside_over_ipv6(scene):
    server = Server(scene, 'home', '::')
    fetch_by(scene, 'phone', OUTSIDE6, {'EPRT': ACTIVE['EPRT'], 'EPSV': PASSIVE['EPSV']}, server)


@scenario(BEHIND)
def a_server_inside_over_ipv6(scene):
    server = Server(scene, 'camera', '::')
    fetch_by(scene, 'home', INSIDE6, {'EPRT': ACTIVE['EPRT'], 'EPSV': PASSIVE['EPSV']}, server)


@scenario(RULES.replace(HELPER, ''))
def without_the_helper_no_active_client_over_ipv6(scene):
    server = Server(scene, 'home', '::')
    server.put('file.bin', PRINTER)
    got = scene.curl('phone', '-P', '-', f'ftp://{OUTSIDE6}/file.bin', limit=2)
    expect(got.status != 0, 'EPRT works without the helper')


# What opens nothing.

def six(address, port):
    return ','.join([*address.split('.'), str(port >> 8), str(port & 255)])


class Confederate:
    """A server outside that answers 200 to everything, as one would that is in league with who sends it commands."""

    def __init__(self, scene, namespace, port=21):
        self.listening = scene.socket(namespace)
        self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listening.bind(('0.0.0.0', port))
        self.listening.listen(8)

    def accept(self):
        connection, _ = self.listening.accept()
        connection.settimeout(LIMIT)
        return connection


def knock(scene, namespace, port):
    """=> whether a connection from there to that port of the router's outside is answered, in whatever way"""
    try:
        scene.connect(namespace, GATE, port, limit=0.5).close()
    except TimeoutError:
        return False
    except ConnectionRefusedError:
        pass
    return True


def syns(capture, port):
    """=> the sources of the SYNs to that port in a capture"""
    seen = []
    for _, frame, _ in oracle.packets(capture.path):
        ip = frame[14:]
        if frame[12:14] != b'\x08\x00' or ip[9] != 6:
            continue
        tcp = ip[(ip[0] & 15) * 4:]
        if tcp[13] & 0x12 == 2 and int.from_bytes(tcp[2:4], 'big') == port:
            seen.append(socket.inet_ntoa(ip[12:16]))
    return seen


def say(client, server, text):
    """Send a command, and wait until the other side has it, whatever has become of it."""
    client.sendall(text.encode() + b'\r\n')
    got = b''
    while not got.endswith(b'\r\n'):
        got += server.recv(4096)
    server.sendall(b'200 Okay\r\n')
    client.recv(4096)
    return got.decode().strip()


@contextlib.contextmanager
def control(scene, client, host, confederate):
    """=> both ends of a control connection, greeted and logged in"""
    with scene.connect(client, host, 21) as here, confederate.accept() as there:
        there.sendall(b'220 Welcome\r\n')
        here.recv(100)
        say(here, there, 'USER anonymous')
        yield here, there


@scenario(RULES)
def nothing_is_opened_that_a_client_may_not_announce(scene):
    Echo(scene, 'camera', 4242)
    Echo(scene, 'phone', 80)
    Echo(scene, 'phone', 4242)
    inside, confederate = scene.capture('camera', 'eth0'), Confederate(scene, 'home')
    with control(scene, 'phone', OUTSIDE, confederate) as (here, there):
        for text in (f'PORT {six(INSIDE, 4242)}', f'EPRT |1|{INSIDE}|4242|', f'PORT {six("192.168.1.77", 80)}',
                     f'PORT {six("192.168.1.77", 0)}', f'PORT {six("192.168.1.77", 4242)} and more',
                     f'PORT {six("192.168.1.77", 4242)},1', f'XPORT {six("192.168.1.77", 4242)}',
                     f'227 Entering Passive Mode ({six("192.168.1.77", 4242)})'):
            expect(say(here, there, text) == text, f'{text} was written anew')
        for port in (4242, 80):
            expect(not knock(scene, 'home', port), f'port {port} has been opened')
    with control(scene, 'phone', OUTSIDE, confederate) as (here, there):
        text = f'PORT {six("192.168.1.77", 4242)}'
        expect(say(here, there, text) != text, 'the client\'s own address was not written anew')
        expect(not knock(scene, 'stranger', 4242), 'what was announced to one is open to another')
        expect(knock(scene, 'home', 4242), 'the client\'s own port was not opened: this test could not fail')
        expect(not knock(scene, 'home', 4242), 'it was opened for more than one connection')
    inside.stop()
    expect(syns(inside, 4242) == [], 'somebody has reached another device than the one that spoke')


@scenario(BEHIND)
def a_bounce_reaches_nobody(scene):
    third, answered = scene.capture('stranger', 'eth0', incoming=True), scene.capture('home', 'eth0', incoming=True)
    confederate = Confederate(scene, 'camera')
    with control(scene, 'home', GATE, confederate) as (here, there):
        for address, port in (('192.0.2.66', 4242), (OUTSIDE, 80), ('192.168.1.77', 4242)):
            text = f'PORT {six(address, port)}'
            expect(say(here, there, text) == text, f'{text} was written anew')
            try:
                scene.connect('camera', address, port, limit=0.5).close()
            except (TimeoutError, ConnectionRefusedError):
                pass
        Echo(scene, 'home', 4242)
        say(here, there, f'PORT {six(OUTSIDE, 4242)}')
        scene.connect('camera', OUTSIDE, 4242).close()  # the right way is open, or the test could not fail
    third.stop()
    answered.stop()
    expect(syns(third, 4242) == [], 'the third has been reached')
    expect(syns(answered, 80) == [], 'a port below 1024 has been reached')
    expect(syns(answered, 4242) == [GATE], f'the announced connection came from {syns(answered, 4242)}')


@scenario(RULES)
def a_web_page_opens_nothing(scene):
    """NAT slipstreaming: a browser posts text to port 21 of its attacker's, who hopes that it is read as commands."""
    confederate = Confederate(scene, 'home')
    Echo(scene, 'phone', 4242)
    for padding in (0, 1000, 1460 - 200, 5000):
        body = 'x' * padding + f'\r\nUSER anonymous\r\nPORT {six("192.168.1.77", 4242)}\r\nLIST\r\n'
        path = scene.write('form.txt', body)
        browser = scene.spawn('phone', 'curl', '-sS', '--http0.9', '--max-time', str(LIMIT), '-H', 'Expect:',
                              '--data-binary', f'@{path}', f'http://{OUTSIDE}:21/')
        with confederate.accept() as there:
            there.sendall(b'220 Welcome\r\n')
            got = b''
            while body.encode() not in got:
                part = there.recv(65536)
                if not part:
                    raise Failure(f'the text has changed on its way: {got[-200:]!r}')
                got += part
            there.sendall(f'227 Entering Passive Mode ({six(OUTSIDE, 4242)})\r\n'.encode())
            expect(not knock(scene, 'home', 4242), f'a web page behind {padding} bytes has opened port 4242')
        browser.wait()


main()
