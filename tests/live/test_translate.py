#!/usr/bin/env python3
"""Other translation than masquerading and forwards: fixed sources, one to one, and the segment size that a path carries."""
import socket
import struct

from live import RULES, Echo, expect, main, oracle, scenario, until

POOL, OUTSIDE, WEB = '198.18.9.0/24', '198.18.9.10', '198.51.100.80'


def route_the_pool(scene):
    """The provider sends us addresses that the router has on no interface."""
    scene.ip('isp', f'route add {POOL} via 203.0.113.1')


def echoes(client, text=b'hello'):
    client.sendall(text)
    expect(client.recv(100) == text, 'the echo is not what was sent')


FIXED = RULES.replace('zone lan', 'translate from lan 192.168.1.50 to wan as 198.18.9.3-198.18.9.9\n'
                      'translate from lan 192.168.1.77 to wan as 203.0.113.7\nzone lan')


@scenario(FIXED)
def connections_leave_by_the_address_that_is_written(scene):
    route_the_pool(scene)
    scene.ip('isp', 'route add 203.0.113.7/32 via 203.0.113.1')
    servers = {kind: Echo(scene, 'web', 7000, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)}
    for namespace, wanted in (('camera', {f'198.18.9.{n}' for n in range(3, 10)}), ('phone', {'203.0.113.7'})):
        with scene.connect(namespace, WEB, 7000) as stream, scene.datagrams(namespace, WEB, 7000) as datagrams:
            echoes(stream)
            datagrams.send(b'hello')
            expect(datagrams.recv(100) == b'hello', 'the datagram did not come back')
        seen = {server.peers[-1][0] for server in servers.values()}
        expect(len(seen) == 1 and seen <= wanted, f'{namespace} came as {seen}, not as one of {wanted}')
    expect(scene.run('phone', 'ping', '-c', '1', '-W', '5', WEB).returncode == 0, 'no ping')
    scene.snapshot('home')


@scenario(FIXED)
def what_nobody_asked_for_does_not_come_in_there(scene):
    route_the_pool(scene)
    Echo(scene, 'web', 7000)
    for address in ('198.18.9.3', '198.18.9.9'):
        scene.unanswered('home', f'http://{address}:8080/snapshot.jpg')
    scene.snapshot('home')


MAPPED = RULES.replace('zone lan', f'map {OUTSIDE} on wan to camera\nallow tcp from wan home to camera port 80, 7000\n'
                       'allow from lan to lan\nzone lan').replace('host camera = 192.168.1.50, 2001:db8:1:1::50',
                                                                 'host camera = 192.168.1.50')


@scenario(MAPPED)
def a_mapped_device_is_reached_by_its_outside_address(scene):
    route_the_pool(scene)
    scene.snapshot('home', f'http://{OUTSIDE}/snapshot.jpg')
    expect('GET /snapshot.jpg from 198.51.100.9 ' in scene.camera_log.out, 'the camera did not see the client\'s own address')
    scene.unanswered('stranger', f'http://{OUTSIDE}/snapshot.jpg')
    scene.unanswered('home', f'http://{OUTSIDE}:81/snapshot.jpg')
    scene.snapshot('home')  # the forward is there too


@scenario(MAPPED)
def a_mapped_device_leaves_by_it_with_its_own_port(scene):
    route_the_pool(scene)
    server = Echo(scene, 'web', 7000)
    with scene.socket('camera') as client:
        client.bind(('192.168.1.50', 40123))
        client.connect((WEB, 7000))
        echoes(client)
    expect(server.peers[-1] == (OUTSIDE, 40123), f'the server saw {server.peers[-1]}')
    with scene.connect('phone', WEB, 7000) as client:
        echoes(client)
    expect(server.peers[-1][0] == '203.0.113.1', f'the phone came as {server.peers[-1]}')
    scene.snapshot('home')


@scenario(MAPPED)
def a_map_hairpins(scene):
    route_the_pool(scene)
    Echo(scene, 'camera', 7000)
    with scene.connect('phone', OUTSIDE, 7000) as client:
        echoes(client)
    scene.snapshot('home')


@scenario(RULES.replace('zone lan', 'translate from lan 198.18.7.0/24 to wan as itself\nzone lan'))
def as_itself_is_left_alone(scene):
    """Devices with addresses of the world's own, behind a router that masquerades for others."""
    scene.ip('router', 'address add 198.18.7.1/24 dev lan')
    scene.ip('phone', 'address flush dev eth0', 'address add 198.18.7.77/24 dev eth0', 'route add default via 198.18.7.1')
    scene.ip('isp', 'route add 198.18.7.0/24 via 203.0.113.1')
    server = Echo(scene, 'web', 7000)
    until(lambda: scene.run('phone', 'ping', '-c', '1', '-W', '1', '198.18.7.1').returncode == 0, 'the new network')
    with scene.connect('phone', WEB, 7000) as client:
        echoes(client)
    expect(server.peers[-1][0] == '198.18.7.77', f'the server saw {server.peers[-1]}')


# The segment size

def segment_sizes(path):
    """=> (source port, destination port, MSS) of each SYN of a capture"""
    for _, frame, _ in oracle.packets(path):
        if frame[12:14] == b'\x08\x00' and frame[23] == 6:
            tcp = frame[14 + (frame[14] & 15) * 4:]
        elif frame[12:14] == b'\x86\xdd' and frame[20] == 6:
            tcp = frame[54:]
        else:
            continue
        options = tcp[20:(tcp[12] >> 4) * 4]
        while tcp[13] & 2 and options and options[0]:
            if options[0] == 2:
                yield (*struct.unpack_from('!HH', tcp), struct.unpack_from('!H', options, 2)[0])
            options = options[1:] if options[0] == 1 else options[options[1]:]


def sizes(scene, namespace, interface, talk):
    """=> the segment sizes that pass while `talk` is made, as {destination port of the SYN: size}, answers as {-port: size}"""
    sniffer = scene.capture(namespace, interface)
    talk()
    sniffer.stop()
    return {(destination if destination in (7000, 80) else -source): size
            for source, destination, size in segment_sizes(sniffer.path)}


@scenario(RULES.replace('masquerade', 'masquerade mss-clamp'))
def the_segment_size_is_clamped_to_what_the_zone_carries(scene):
    Echo(scene, 'web', 7000)

    def outward():
        with scene.connect('phone', WEB, 7000) as client:
            echoes(client)
    expect(sizes(scene, 'isp', 'customer', outward) == {7000: 1460, -7000: 1460}, 'clamped where it need not be')
    scene.ip('router', 'link set wan mtu 1400')
    until(lambda: sizes(scene, 'isp', 'customer', outward).get(7000) == 1360, 'the smaller MTU to be seen')
    seen = sizes(scene, 'phone', 'eth0', outward)
    expect(seen == {7000: 1460, -7000: 1360}, f'inside: {seen}')
    seen = sizes(scene, 'camera', 'eth0', lambda: scene.snapshot('home'))
    expect(seen.get(80) == 1360, f'what comes in by the forward: {seen}')
    seen = sizes(scene, 'camera', 'eth0', lambda: scene.snapshot('home', 'http://[2001:db8:1:1::50]/snapshot.jpg'))
    expect(seen.get(80) == 1340, f'what comes in by IPv6: {seen}')


main()
