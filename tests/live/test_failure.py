#!/usr/bin/env python3
"""While nobody judges: a zone that is open on failure passes, all others are closed."""
import signal
import socket

from live import SNAPSHOT, Echo, expect, main, scenario

RULES = '''\
zone wan on wan masquerade
zone lan on lan
zone guest on GUEST on-failure open
host camera = 192.168.1.50
allow icmp6 to router
allow icmp echo-request from any to router
allow from router
allow from lan to wan
drop tcp from guest to wan port 7001
allow from guest to wan
forward tcp port 8080 from wan to camera port 80
default drop
'''
GUEST, ROUTER, WEB = '198.18.7.77', '198.18.7.1', '198.51.100.80'
OFFERS = 7000, 7001  # of the web server


def move_the_phone(scene):
    """Out of the lan, and into a network of its own. Addresses that the world may see, since nobody translates them."""
    scene.ip('router', 'link set to-phone nomaster', f'address add {ROUTER}/24 dev to-phone',
             'address add 2001:db8:7::1/64 dev to-phone')
    scene.ip('phone', 'address flush dev eth0', f'address add {GUEST}/24 dev eth0', f'route add default via {ROUTER}',
             'address add 2001:db8:7::77/64 dev eth0', 'route replace default via 2001:db8:7::1')
    scene.ip('isp', 'route add 198.18.7.0/24 via 203.0.113.1', 'route add 2001:db8:7::/64 via 2001:db8:0:1::1')


def speaks(scene, namespace, host, port, limit=5):
    """=> true if an echo comes back"""
    try:
        with scene.connect(namespace, host, port, limit) as client:
            client.sendall(b'hello')
            return client.recv(100) == b'hello'
    except TimeoutError:
        return False


def pings(scene, namespace, target, limit=5):
    return scene.run(namespace, 'ping', '-c', '1', '-W', str(limit), target).returncode == 0


def judged(scene, peers):
    """All is as the rules say."""
    expect(speaks(scene, 'phone', WEB, 7000), 'the guest does not reach the world')
    expect(peers()[-1] == '203.0.113.1', f'the guest came as {peers()[-1]}, untranslated')
    expect(not speaks(scene, 'phone', WEB, 7001, 1), 'the guest reached what is dropped')
    expect(not speaks(scene, 'web', GUEST, 7002, 1), 'the world reached the guest')
    expect(pings(scene, 'phone', ROUTER), 'the router does not answer the guest')
    scene.snapshot('home')


def fails_open(scene):
    move_the_phone(scene)
    servers = [Echo(scene, 'web', port) for port in OFFERS] + [Echo(scene, 'phone', 7002)]
    six = Echo(scene, 'web', 7006, family=socket.AF_INET6)

    def peers():
        return [address for address, _ in servers[0].peers]
    judged(scene, peers)
    scene.firewall.send(signal.SIGKILL)
    scene.firewall.wait()

    expect(speaks(scene, 'phone', WEB, 7000), 'the open zone does not pass')
    expect(peers()[-1] == GUEST, f'somebody translated the guest to {peers()[-1]}')
    expect(speaks(scene, 'phone', WEB, 7001), 'somebody judges')
    expect(speaks(scene, 'phone', '2001:db8:99::80', 7006) and six.peers, 'the open zone does not pass by IPv6')
    expect(speaks(scene, 'web', GUEST, 7002), 'the world does not reach the open zone')
    for one, other in (('phone', ROUTER), ('phone', '203.0.113.1'), ('router', GUEST)):
        expect(pings(scene, one, other), f'no ping from {one} to {other}')
    with scene.socket('phone', kind=socket.SOCK_DGRAM) as client, scene.socket('router', kind=socket.SOCK_DGRAM) as server:
        server.bind(('0.0.0.0', 67))  # as the DHCP server does, which hears who has no address yet
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
        client.sendto(b'an address, please', ('255.255.255.255', 67))
        expect(server.recv(100) == b'an address, please', 'the router does not hear the guest')

    expect(not pings(scene, 'camera', '192.168.1.1', 1), 'the router answers the closed zone')
    expect(not speaks(scene, 'camera', WEB, 7000, 1), 'the closed zone passes')
    expect(not pings(scene, 'home', '203.0.113.1', 1), 'the router answers the world')
    scene.unanswered('home', SNAPSHOT)

    scene.firewall = scene.tidegate(scene.rules)
    judged(scene, peers)
    expect(scene.firewall.stop() == 0, 'the stop failed')
    for tool in ('iptables-legacy-save', 'iptables-nft-save', 'ip6tables-legacy-save', 'ip6tables-nft-save'):
        left = scene.run('router', tool).stdout
        expect('TIDEGATE' not in left, f'stopped, and still there by {tool}: {left}')


@scenario(RULES.replace('GUEST', 'to-phone'))
def an_open_zone_passes_and_a_closed_one_does_not(scene):
    fails_open(scene)


@scenario(RULES.replace('GUEST', 'to-ph*'))
def so_it_does_by_a_pattern(scene):
    fails_open(scene)


@scenario(RULES.replace('GUEST', '*'))
def a_pattern_does_not_open_what_another_zone_names(scene):
    fails_open(scene)


@scenario(RULES.replace('GUEST', 'to-phone'))
def a_run_without_open_zones_takes_over_from_one_with(scene):
    scene.firewall.send(signal.SIGKILL)
    scene.firewall.wait()
    closed = scene.write('closed.rules', RULES.replace('GUEST on-failure open', 'to-phone'))
    move_the_phone(scene)
    firewall = scene.tidegate(closed)
    expect(pings(scene, 'phone', ROUTER), 'the router does not answer')
    firewall.send(signal.SIGKILL)
    firewall.wait()
    expect(not pings(scene, 'phone', ROUTER, 1), 'the zone is still open')
    scene.firewall = scene.tidegate(scene.rules)
    expect(pings(scene, 'phone', ROUTER), 'the router does not answer again')
    scene.snapshot('home')


main()
