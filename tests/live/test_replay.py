#!/usr/bin/env python3
"""The engine on the router and the engine offline say the same.

The firewall runs with --json and tells of each packet that it judges; two sniffers in the router write what is on its
outside and on its inside. Afterwards those captures are replayed, and the two reports are compared packet by packet:
tools/reports.py says how they are matched.
"""
import os
import socket
import sys

from live import LIMIT, RULES, ROOT, SNAPSHOT, Echo, expect, main, refused, scenario, tidegate_path
import reports

ADDRESSED = RULES.replace('zone wan on wan', 'zone wan on wan address 203.0.113.1/24, 2001:db8:0:1::1/64').replace(
    'zone lan on lan', 'zone lan on lan address 192.168.1.1/24, 2001:db8:1:1::1/64') + '''\
forward udp port 5000 from wan home to camera port 7000
'''


def everyday(scene):
    """Some of everything, and wait until it is over."""
    scene.web()
    Echo(scene, 'camera', 7000, socket.SOCK_DGRAM)
    Echo(scene, 'web', 5353, socket.SOCK_DGRAM)
    scene.snapshot('home')
    scene.snapshot('phone')
    scene.snapshot('home', 'http://[2001:db8:1:1::50]/snapshot.jpg')
    scene.unanswered('stranger', SNAPSHOT)
    scene.unanswered('home', 'http://203.0.113.1:81/')
    expect(scene.curl('phone', 'http://198.51.100.80/page.html').status == 0, 'no page')
    expect(scene.curl('phone', 'http://198.51.100.80:81/').status == 7, 'a closed port did not refuse')
    scene.run('home', sys.executable, os.path.join(ROOT, 'tools', 'camera.py'), 'describe', 'rtsp://203.0.113.1/', check=True)
    for client, server, port in (('home', '203.0.113.1', 5000), ('phone', '198.51.100.80', 5353)):
        with scene.datagrams(client, server, port) as sender:
            for size in (1, 100, 1400):
                sender.send(b'x' * size)
                sender.recv(2000)
    with scene.datagrams('phone', '198.51.100.80', 5354) as sender:
        sender.send(b'is anybody there?')
        refused(lambda: sender.recv(100), 'a datagram to a closed port')
    for namespace, target in (('phone', '198.51.100.80'), ('home', '203.0.113.1'), ('phone', '2001:db8:99::80')):
        scene.run(namespace, 'ping', '-c', '3', '-i', '0.01', '-W', '5', target, check=True)
    for option in ('-I', '-U'):
        scene.run('phone', 'traceroute', option, '-n', '-f', '2', '-q', '1', '-w', '5', '-m', '5', '198.51.100.80', check=True)
    scene.run('stranger', 'nmap', '-n', '-Pn', '-sS', '-p', '20-30,8080', '--max-retries', '0', '203.0.113.1', limit=LIMIT, check=True)
    scene.run('home', 'nmap', '-n', '-Pn', '-sA', '-p', '20-30,8080', '--max-retries', '0', '203.0.113.1', limit=LIMIT, check=True)


@scenario(ADDRESSED, '--json')
def a_live_run_and_its_replay_agree_packet_by_packet(scene):
    sniffers = {zone: scene.capture('router', zone) for zone in ('wan', 'lan')}
    everyday(scene)
    for zone, sniffer in sniffers.items():
        expect(sniffer.stop() == 0, f'the sniffer on {zone} lost packets')
    expect(scene.firewall.stop() == 0, 'the stop failed')
    told = scene.run('router', tidegate_path(), 'replay', scene.rules, '--json',
                     *(word for zone, sniffer in sniffers.items() for word in ('--in', f'{zone}={sniffer.path}')))
    expect(told.returncode == 0, f'replay ended with {told.returncode}: {told.stderr}')
    live = list(reports.packets(scene.firewall.out))
    happened = {packet['reason'] for packet in live}
    expect(len(live) > 150, f'only {len(live)} packets were judged live')
    expect(happened >= {'forward', 'rule', 'default', 'established', 'related', 'invalid'}, f'only {happened} happened')
    other = reports.differences(scene.firewall.out, told.stdout)
    for line in other:
        print(f'# {line}')
    expect(not other, f'{len(other)} flows differ, first: {other[:1]}')


main()
