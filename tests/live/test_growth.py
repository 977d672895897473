#!/usr/bin/env python3
"""Packets that leave longer or shorter than they came, since a helper has written an address anew."""
from live import RULES, expect, main, scenario

FTP = RULES.replace('allow from lan to wan', 'allow from lan to wan\n'
                    'translate from lan to wan as 203.0.113.200\nhelper ftp on tcp port 21')
FILLER = b'\r\nNOOP' * 40000 + b'\r\n'  # several packets of 64 KiB, where packets come so large


def announcement(address, port):
    return 'PORT {},{},{}'.format(address.replace('.', ','), *divmod(port, 256)).encode()


def talk(scene, source, outside):
    """A client at `source` announces, and goes on with much else at once, again and again; the server must get every byte,
    but for what is announced."""
    scene.ip('router', f'address add {outside}/24 dev wan')
    scene.ip('phone', f'address add {source}/24 dev eth0')
    listening = scene.socket('web')
    listening.bind(('0.0.0.0', 21))
    listening.listen()
    with listening, scene.socket('phone') as client:
        client.bind((source, 0))
        client.connect(('198.51.100.80', 21))
        server, peer = listening.accept()
        with server:
            server.settimeout(client.gettimeout())
            expect(peer[0] == outside, f'the client came as {peer[0]}')
            server.sendall(b'220 ready\r\n')
            expect(client.recv(100) == b'220 ready\r\n', 'no greeting came')
            for port in range(2048, 2052):
                client.sendall(announcement(source, port) + FILLER)
                due, got = announcement(outside, port) + FILLER, b''
                while len(got) < len(due):
                    piece = server.recv(1 << 20)
                    expect(piece, 'the connection ended')
                    got += piece
                differs = next((i for i, (a, b) in enumerate(zip(got, due)) if a != b), None)
                expect(got == due, f'other bytes came, from {differs} on: {got[differs:differs + 40]!r}'
                       if differs is not None else f'{len(got) - len(due)} more bytes came')
                server.sendall(b'200 %d\r\n' % port)
                expect(client.recv(100) == b'200 %d\r\n' % port, 'the answer did not come')


@scenario(FTP)
def an_announcement_grows(scene):
    talk(scene, '192.168.1.7', '203.0.113.200')


@scenario(FTP, wire=False)
def an_announcement_grows_in_a_packet_of_64_kib(scene):
    talk(scene, '192.168.1.7', '203.0.113.200')


@scenario(FTP.replace('113.200', '113.2'), wire=False)
def an_announcement_shrinks_in_a_packet_of_64_kib(scene):
    talk(scene, '192.168.1.207', '203.0.113.2')


main()
