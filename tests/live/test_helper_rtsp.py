#!/usr/bin/env python3
"""RTSP through the helper: a real server (RTSP::Server, fed by ffmpeg), real players and recorders (ffmpeg), on either side
of the gate. No rule lets UDP through: pictures come only where an announcement has made way for them."""
import re
import struct

from live import LIMIT, expect, main, oracle, scenario

HELPER = 'helper rtsp on tcp port 8554\n'
RULES = HELPER + '''\
zone wan on wan masquerade
zone lan on lan
allow icmp6 to router
allow from router
allow tcp from lan to wan
default drop
'''
BEHIND = HELPER + '''\
zone wan on wan masquerade
zone lan on lan
host camera = 192.168.1.50
allow icmp6 to router
allow from router
forward tcp port 554 from wan to camera port 8554
default drop
'''
OUTSIDE, INSIDE, GATE = '198.51.100.9', '192.168.1.50', '203.0.113.1'
BY_FORWARD, DIRECTLY = f'{GATE}:554', f'{OUTSIDE}:8554'
FRAMES = 30

PICTURE = ('-f', 'lavfi', '-i', 'testsrc=size=320x240:rate=25')
SOUND = ('-f', 'lavfi', '-i', 'sine')
CODECS = ('-c:v', 'mpeg4', '-g', '10', '-flags', '+global_header', '-c:a', 'pcm_mulaw', '-ar', '8000', '-ac', '1')
# Each answer goes out in one piece, as cameras send it: what is split is not read.
SERVER = '''
$| = 1;
my $new = \\&AnyEvent::Handle::new;
{ no warnings; *AnyEvent::Handle::new = sub { my $class = shift; $new->($class, autocork => 1, @_) }; }
my $server = RTSP::Server->new(log_level => 4, client_listen_port => 8554, source_listen_port => 5545);
$server->listen;
AnyEvent->condvar->recv;
'''


class Camera:
    """RTSP::Server with a picture and a sound in it. It sends them from ports that it tells, to those that it was told."""

    def __init__(self, scene, namespace, source=None):
        """`source`: the namespace that sends it what it has, and what is known there as its address; without it, itself."""
        self.process = scene.spawn(namespace, 'perl', '-MRTSP::Server', '-MAnyEvent', '-e', SERVER)
        scene.wait_port(namespace, 5545)
        self.sender = start_sender(scene, *(source or (namespace, '127.0.0.1:5545')))
        self.process.wait_text('stream 1')

    def stop(self):
        """Nobody is to send anything any more when the firewall has gone."""
        self.sender.stop()
        self.process.stop()


def start_sender(scene, namespace, host, transport='udp'):
    return scene.spawn(namespace, 'ffmpeg', '-v', 'error', '-re', *PICTURE, *SOUND, *CODECS, '-f', 'rtsp',
                       '-rtsp_transport', transport, f'rtsp://{host}/cam')


def start_player(scene, namespace, host, *options, limit=LIMIT):
    return scene.spawn(namespace, 'timeout', str(limit), 'ffmpeg', '-v', 'error', *(options or ('-rtsp_transport', 'udp')),
                       '-i', f'rtsp://{host}/cam', '-map', '0', '-frames:v', str(FRAMES), '-progress', '-', '-f', 'null', '-')


def frames(player):
    """=> how many frames a player, or a recorder, has got in the end"""
    player.wait(2 * LIMIT)
    return int((re.findall(r'^frame=(\d+)$', player.out, re.M) or [0])[-1])


def datagrams(capture):
    """=> (source, destination, source port, destination port, RTP's or RTCP's type) of each UDP datagram of a capture"""
    for _, frame, _ in oracle.packets(capture.path):
        ip = frame[14:]
        if frame[12:14] == b'\x08\x00' and ip[9] == oracle.UDP:
            udp = ip[(ip[0] & 15) * 4:]
            yield ('.'.join(map(str, ip[12:16])), '.'.join(map(str, ip[16:20])), *struct.unpack('!HH', udp[:4]), udp[9])


REPORT = 201  # the type of an RTCP receiver report


def both_ways(capture, camera, player):
    """Pictures have come from the camera, and reports of its player to it."""
    seen = list(datagrams(capture))
    there = [d for d in seen if d[:2] == (camera, player)]
    back = [d for d in seen if d[:2] == (player, camera) and d[4] == REPORT]
    expect(len(there) > FRAMES, f'{len(there)} datagrams have come from the camera')
    expect(back, 'no report has come back from the player')
    ends = {d[2:4] for d in there}
    ends |= {(e[0] + 1, e[1] + 1) for e in ends}
    expect({(b[3], b[2]) for b in back} <= ends, f'reports have come to other ports: {back}')


@scenario(BEHIND)
def a_camera_behind_a_forward_is_seen_from_outside(scene):
    Camera(scene, 'camera')
    inside = scene.capture('camera', 'eth0')
    got = frames(start_player(scene, 'home', BY_FORWARD))
    expect(got == FRAMES, f'{got} frames came')
    inside.stop()
    both_ways(inside, INSIDE, OUTSIDE)


@scenario(BEHIND.replace(HELPER, ''))
def without_the_helper_a_camera_behind_a_forward_is_not_seen(scene):
    camera = Camera(scene, 'camera')
    expect(frames(start_player(scene, 'home', BY_FORWARD, limit=3)) == 0, 'pictures came without the helper')
    camera.stop()


PORTS = ('-rtsp_transport', 'udp', '-min_port', '6000', '-max_port', '6003')  # two pairs, and no other


def client_ports(capture, sender):
    """=> the ports of players that messages from port `sender`, or to others, name in a capture"""
    named = {True: set(), False: set()}
    for _, frame, _ in oracle.packets(capture.path):
        if frame[12:14] == b'\x08\x00' and frame[23] == oracle.TCP:
            tcp = frame[14 + (frame[14] & 15) * 4:]
            named[struct.unpack('!H', tcp[:2])[0] == sender].update(re.findall(rb'client_port=([\d-]+)', tcp))
    return named[True], named[False]


@scenario(RULES)
def players_inside_see_a_camera_outside(scene):
    """Both listen at the same ports, which only one of them can have outside. Neither is told of others than its own."""
    Camera(scene, 'home')
    outside, *inside = (scene.capture(host, 'eth0') for host in ('home', 'phone', 'camera'))
    players = [start_player(scene, host, DIRECTLY, *PORTS) for host in ('phone', 'camera')]
    got = [frames(player) for player in players]
    expect(got == [FRAMES, FRAMES], f'{got} frames came')
    for capture in (outside, *inside):
        capture.stop()
    both_ways(outside, OUTSIDE, GATE)
    for capture in inside:
        answered, asked = client_ports(capture, 8554)
        expect(asked == answered == {b'6000-6001', b'6002-6003'}, f'a player that said {asked} was told {answered}')
    expect(len(client_ports(outside, 8554)[1]) == 4, 'the players do not have ports of their own outside')


@scenario(RULES.replace(HELPER, ''))
def without_the_helper_a_player_inside_sees_nothing(scene):
    Camera(scene, 'home')
    expect(frames(start_player(scene, 'phone', DIRECTLY, limit=3)) == 0, 'pictures came without the helper')


@scenario(BEHIND)
def a_hairpin(scene):
    Camera(scene, 'camera')
    for player in ('phone', 'home'):
        got = frames(start_player(scene, player, BY_FORWARD))
        expect(got == FRAMES, f'{got} frames came to {player}')


@scenario(BEHIND.replace(HELPER, 'helper rtsp on tcp port 8554, 5545\n') + 'forward tcp port 5545 from wan to camera\n')
def pictures_are_sent_to_a_server_behind_a_forward(scene):
    server = Camera(scene, 'camera', ('home', f'{GATE}:5545'))
    got = frames(start_player(scene, 'camera', '127.0.0.1:8554'))
    expect(got == FRAMES, f'{got} frames came')
    server.stop()


@scenario(BEHIND.replace('allow from router', 'allow from router\nallow tcp from lan to wan'), wire=False)
def what_is_interleaved_goes_in_the_control_connection(scene):
    for recorder, sender, host in (('camera', 'home', BY_FORWARD), ('home', 'phone', DIRECTLY)):
        waiting = start_player(scene, recorder, '0.0.0.0:8554', '-rtsp_flags', 'listen')
        scene.wait_port(recorder, 8554)
        camera = start_sender(scene, sender, host, 'tcp')
        got = frames(waiting)
        camera.stop()
        expect(got == FRAMES, f'{got} frames came to {recorder}')


main()
