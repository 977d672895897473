#!/usr/bin/env python3
"""Watching and opening: who scans is shut out, who knocks is let in."""
from live import LIMIT, RULES, SNAPSHOT, Echo, expect, main, scenario

ROUTER = '203.0.113.1'
SCAN = 'nmap -n -Pn -sS -p 1-30 --max-retries 0 --min-rate 500'.split()


@scenario(RULES.replace('set home = 198.51.100.9', 'set home = 198.51.100.9, 198.51.100.80').replace(
    'default', 'forward tcp port 9001 from wan home to camera port 7002\n'
    'detect scan from wan over 15 ports in 1m block 10m log "scan"\ndefault'))
def who_scans_is_blocked(scene):
    Echo(scene, 'camera', 7002)
    scene.snapshot('home')
    with scene.connect('home', ROUTER, 9001) as living:
        living.sendall(b'before')
        expect(living.recv(100) == b'before', 'no echo')
        scene.run('home', *SCAN, ROUTER, limit=2 * LIMIT, check=True)
        scene.unanswered('home', SNAPSHOT)
        living.sendall(b'after')
        expect(living.recv(100) == b'after', 'a living connection was stopped')
    scene.snapshot('web')
    expect(scene.curl('phone', 'http://198.51.100.80:81/').status == 7, 'the inside does not get out any more')
    scene.firewall.wait_text(r'^scan: drop \S*test\.rules:\d+ tcp wan 198\.51\.100\.9:\d+ > ')


@scenario(RULES.replace('default', 'detect scan from wan over 15 ports in 1m block 10m\ndefault'))
def a_few_closed_ports_are_no_scan(scene):
    scene.run('home', *[word.replace('1-30', '1-12') for word in SCAN], ROUTER, limit=2 * LIMIT, check=True)
    scene.snapshot('home')


KNOCK = RULES.replace('default', '''\
knock sesame from wan tcp 7000, udp 8000, tcp 9000 within 20s for 10m
allow tcp from wan to router port 7001 after sesame
forward tcp port 9001 from wan to camera port 7002 after sesame
default''')


def knock(scene, namespace, *ports):
    """Send one packet to each, in that order."""
    for proto, port in ports:
        if proto == 'udp':
            with scene.datagrams(namespace, ROUTER, port) as client:
                client.send(b'knock')
        else:
            with scene.socket(namespace) as client:
                client.setblocking(False)
                client.connect_ex((ROUTER, port))  # nobody answers; closed, it asks no second time


def opens(scene, namespace, port):
    try:
        with scene.connect(namespace, ROUTER, port, 1) as client:
            client.sendall(b'open')
            return client.recv(100) == b'open'
    except TimeoutError:
        return False


@scenario(KNOCK, '--workers', '1')  # which judges in the order in which packets come
def who_knocks_is_let_in(scene):
    Echo(scene, 'router', 7001)
    Echo(scene, 'camera', 7002)
    first, second, third = ('tcp', 7000), ('udp', 8000), ('tcp', 9000)
    for wrong in ((), (first, third, second), (second, first, third), (first, second),
                  (first, ('tcp', 7777), second, third), (first, second, ('udp', 8001), third)):
        knock(scene, 'home', *wrong)
        expect(not opens(scene, 'home', 7001), f'open after {wrong}')
    knock(scene, 'home', first, first, second, third)
    for port in (7001, 9001):
        expect(opens(scene, 'home', port), f'port {port} is closed for who has knocked')
        expect(not opens(scene, 'stranger', port), f'port {port} is open for who has not')
    expect(opens(scene, 'home', 7001), 'it opens only once')
    knock(scene, 'stranger', first, second, third)
    expect(opens(scene, 'stranger', 7001), 'the stranger has knocked in vain')


main()
