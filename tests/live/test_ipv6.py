#!/usr/bin/env python3
"""IPv6: a forward is a pinhole to the camera's own address, nothing is translated."""
import socket

from live import RULES, Echo, expect, main, scenario

CAMERA = 'http://[2001:db8:1:1::50]:{}/snapshot.jpg'


@scenario()
def the_pinhole_is_open_for_the_allowed_client(scene):
    scene.snapshot('home', CAMERA.format(80))
    expect('GET /snapshot.jpg from 2001:db8:99::9 ' in scene.camera_log.out, 'the camera did not see the client\'s own address')


@scenario(RULES.replace('forward tcp port 554', 'forward tcp port 1554'))
def everything_else_is_closed(scene):
    for client, port in (('home', 8080), ('home', 554), ('stranger', 80)):
        scene.unanswered(client, CAMERA.format(port))
    scene.snapshot('home', CAMERA.format(80))


@scenario()
def inside_reaches_outside_as_itself(scene):
    echo = Echo(scene, 'web', 7000, family=socket.AF_INET6)
    with scene.connect('phone', '2001:db8:99::80', 7000) as client:
        client.sendall(b'six')
        expect(client.recv(100) == b'six', 'the echo is not what was sent')
    expect(echo.peers[0][0] == '2001:db8:1:1::77', f'the server saw {echo.peers}')


@scenario()
def ping_and_traceroute(scene):
    expect(scene.run('phone', 'ping', '-c', '2', '-i', '0.01', '-W', '5', '2001:db8:99::80').returncode == 0, 'no ping out')
    told = scene.run('phone', 'traceroute', '-6', '-n', '-q', '1', '-w', '5', '-m', '5', '2001:db8:99::80').stdout
    for hop in ('2001:db8:1:1::1', '2001:db8:0:1::fe', '2001:db8:99::80'):
        expect(f'  {hop}  ' in told, f'traceroute did not see {hop}: {told}')
    expect(scene.run('home', 'ping', '-c', '1', '-W', '2', '2001:db8:1:1::77').returncode != 0, 'a ping came in unasked')


main()
