#!/usr/bin/env python3
"""Devices inside: out through masquerading, to the forward by the outside address, and the errors that come back."""
import re
import socket

from live import RULES, SNAPSHOT, Echo, expect, main, refused, scenario


@scenario()
def a_phone_reads_a_web_page_as_the_router(scene):
    server = scene.web()
    got = scene.curl('phone', 'http://198.51.100.80/page.html')
    expect(got.status == 0 and len(got.body) == 19000, f'no page: {got.words}')
    visitors = set(re.findall(r'([0-9.]+) - - .*GET', server.err))
    expect(visitors == {'203.0.113.1'}, f'the web server saw {visitors}')


@scenario()
def a_hairpin_reaches_the_camera_from_the_router(scene):
    scene.snapshot('phone')
    expect('GET /snapshot.jpg from 192.168.1.1 ' in scene.camera_log.out,
           f'the camera saw somebody else than 192.168.1.1: {scene.camera_log.out.splitlines()[-1]}')
    scene.snapshot('home')


@scenario(bridge_filter=True)
def a_bridge_that_shows_all_it_switches_changes_nothing(scene):
    scene.snapshot('phone')
    scene.snapshot('home')
    scene.snapshot('phone', 'http://192.168.1.50/snapshot.jpg')
    expect('from 192.168.1.77 ' in scene.camera_log.out, 'what the bridge switches was translated')


@scenario(RULES.replace('port 80 "snapshot"', 'port 80 no-hairpin "snapshot"'))
def no_hairpin_is_obeyed(scene):
    got = scene.curl('phone', SNAPSHOT)
    expect(got.status != 0, 'the phone got the picture all the same')
    expect('192.168.1' not in scene.camera_log.out.partition('\n')[2], 'the camera saw the phone')
    scene.snapshot('home')


@scenario()
def udp_goes_out_and_its_answers_come_back(scene):
    echo = Echo(scene, 'web', 5353, socket.SOCK_DGRAM)
    for namespace in ('phone', 'camera'):  # both from one port: each must get its own answer
        with scene.socket(namespace, kind=socket.SOCK_DGRAM) as client:
            client.bind(('0.0.0.0', 40000))
            client.connect(('198.51.100.80', 5353))
            client.send(namespace.encode())
            expect(client.recv(100) == namespace.encode(), f'{namespace} got another echo')
    expect({address for address, _ in echo.peers} == {'203.0.113.1'}, f'the server saw {echo.peers}')
    expect(len(set(echo.peers)) == 2, f'two insides share an outside port: {echo.peers}')


@scenario()
def ping_goes_both_ways_where_it_may(scene):
    for namespace, target in (('phone', '198.51.100.80'), ('phone', '192.168.1.1'), ('router', '198.51.100.80'),
                              ('home', '203.0.113.1')):
        answer = scene.run(namespace, 'ping', '-c', '3', '-i', '0.01', '-W', '5', target)
        expect(', 0% packet loss' in answer.stdout, f'ping from {namespace} to {target}: {answer.stdout}')


@scenario()
def traceroute_sees_every_hop(scene):
    hops = ['192.168.1.1', '203.0.113.254', '198.51.100.80']
    for option in ('-I', '-U'):
        told = scene.run('phone', 'traceroute', option, '-n', '-q', '1', '-w', '5', '-m', '5', '198.51.100.80').stdout
        seen = re.findall(r'^ *\d+  (\S+)', told, re.M)
        expect(seen == hops, f'traceroute {option} saw {seen}')


@scenario()
def a_closed_port_outside_is_told_inside(scene):
    with scene.datagrams('phone', '198.51.100.80', 5353) as client:
        client.send(b'is anybody there?')
        told = refused(lambda: client.recv(100), 'a datagram to a closed port')
        expect(isinstance(told, ConnectionRefusedError), f'the phone was told {told!r}')
    expect(scene.curl('phone', 'http://198.51.100.80/').status == 7, 'a connection to a closed port was not refused')


@scenario()
def a_narrow_path_outside_is_found_out(scene):
    """Fragmentation needed: the error quotes the translated packet, and must reach the sender translated back."""
    scene.ip('isp', 'link set to-web mtu 1300', 'link set net mtu 1300')
    scene.ip('web', 'link set eth0 mtu 1300')
    Echo(scene, 'web', 7000, socket.SOCK_DGRAM)
    ip_mtu_discover, do, ip_mtu = 10, 2, 14
    with scene.datagrams('phone', '198.51.100.80', 7000) as client:
        client.setsockopt(socket.IPPROTO_IP, ip_mtu_discover, do)
        client.send(b'x' * 1400)
        told = refused(lambda: client.recv(2000), 'a datagram that is too large for the path')
        expect(client.getsockopt(socket.IPPROTO_IP, ip_mtu) == 1300, f'the phone did not learn the path: {told!r}')
        client.send(b'x' * 1200)
        expect(len(client.recv(2000)) == 1200, 'what fits the path does not pass')


main()
