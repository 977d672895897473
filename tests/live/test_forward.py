#!/usr/bin/env python3
"""A camera behind a forward, seen from outside."""
import os
import socket
import sys

from live import RULES, ROOT, SNAPSHOT, Echo, Failure, expect, main, oracle, refused, scenario


@scenario()
def the_allowed_client_gets_the_snapshot(scene):
    scene.snapshot('home')
    expect('GET /snapshot.jpg from 198.51.100.9 ' in scene.camera_log.out, 'the camera did not see the client\'s own address')


@scenario()
def a_stranger_is_refused_and_the_camera_never_knows(scene):
    inside = scene.capture('camera', 'eth0')
    scene.unanswered('stranger', SNAPSHOT)
    scene.snapshot('home')
    inside.stop()
    talk = b''.join(frame for _, frame, _ in oracle.packets(inside.path))
    expect(socket.inet_aton('198.51.100.9') in talk, 'the sniffer beside the camera did not see the allowed client')
    expect(socket.inet_aton('192.0.2.66') not in talk, 'a packet of the stranger reached the camera')


@scenario()
def what_is_not_forwarded_is_closed(scene):
    scene.unanswered('home', 'http://203.0.113.1:80/snapshot.jpg')
    scene.snapshot('home')


@scenario()
def a_neighbour_outside_cannot_route_into_the_house(scene):
    scene.ip('isp', 'route add 192.168.1.0/24 via 203.0.113.1')
    scene.unanswered('home', 'http://192.168.1.50:80/snapshot.jpg')
    scene.snapshot('home')


@scenario()
def an_rtsp_viewer_gets_the_description(scene):
    camera = os.path.join(ROOT, 'tools', 'camera.py')
    told = scene.run('home', sys.executable, camera, 'describe', 'rtsp://203.0.113.1/stream1', check=True).stdout
    expect('m=video 0 RTP/AVP 26' in told, f'no description of a video: {told!r}')


@scenario(RULES + 'forward udp port 5000 from wan home to camera port 7000\n')
def udp_is_forwarded_and_answered(scene):
    echo = Echo(scene, 'camera', 7000, socket.SOCK_DGRAM)
    for size in (1, 512, 1472):
        with scene.datagrams('home', '203.0.113.1', 5000) as client:
            mine = client.getsockname()[1]
            client.send(b'x' * size)
            expect(client.recv(65536) == b'x' * size, 'the echo is not what was sent')
            expect(('198.51.100.9', mine) in echo.peers, f'the camera saw {echo.peers[-1]}, not port {mine} of the client')


@scenario(RULES + 'forward udp port 5000 from wan home to camera port 7000\n')
def an_icmp_error_from_the_camera_comes_back_translated(scene):
    with scene.datagrams('home', '203.0.113.1', 5000) as client:
        client.send(b'is anybody there?')
        told = refused(lambda: client.recv(100), 'a datagram to a closed port of the camera')
        expect(isinstance(told, ConnectionRefusedError), f'the client was told {told!r}')


@scenario(RULES + 'forward tcp port 9000-9009 from wan home to camera port 7000-7009\n')
def a_range_maps_in_order(scene):
    echo = Echo(scene, 'camera', 7003)
    with scene.connect('home', '203.0.113.1', 9003) as client:
        client.sendall(b'three')
        expect(client.recv(100) == b'three', 'the echo is not what was sent')
    expect(echo.peers[0][0] == '198.51.100.9', f'the camera saw {echo.peers}')
    try:
        scene.connect('home', '203.0.113.1', 9010, limit=2)
    except TimeoutError:
        return
    raise Failure('a port beyond the range answered')


@scenario(RULES.replace('allow from lan to wan', 'drop tcp from wan home to camera port 80\nallow from lan to wan'))
def a_drop_above_the_forward_wins(scene):
    scene.unanswered('home', SNAPSHOT)
    expect(scene.run('home', 'ping', '-c1', '-W5', '203.0.113.1').returncode == 0, 'the router answers no ping')


main()
