#!/usr/bin/env python3
"""What a rule asks besides addresses and ports: rate, number, time, hardware address; and what it logs."""
import re
import time

from live import RULES, Echo, expect, main, scenario, tidegate_path

ROUTER, WEB = '203.0.113.1', '198.51.100.80'


def answers(scene, namespace, host, port, limit=1):
    """=> a connection that has got an echo; None if nothing answers"""
    try:
        client = scene.connect(namespace, host, port, limit)
    except TimeoutError:
        return None
    client.sendall(b'hello')
    expect(client.recv(100) == b'hello', 'the echo is not what was sent')
    return client


@scenario(RULES.replace('default', 'allow tcp from wan to router port 7001 limit 1/hour burst 3\n'
                        'allow tcp from wan to router port 7002 limit 1/hour burst 2 per source\ndefault'))
def a_rate_is_kept(scene):
    for port in (7001, 7002):
        Echo(scene, 'router', port)
    got = [answers(scene, 'home', ROUTER, 7001) is not None for _ in range(4)]
    expect(got == [True, True, True, False], f'of four at once: {got}')
    expect(answers(scene, 'stranger', ROUTER, 7001) is None, 'another source has a rate of its own')
    got = [answers(scene, namespace, ROUTER, 7002) is not None for namespace in ('home', 'home', 'home', 'stranger')]
    expect(got == [True, True, False, True], f'each source for itself: {got}')


@scenario(RULES.replace('default', 'forward tcp port 9000 from wan to camera port 7000 max 2\n'
                        'allow tcp from wan to router port 7002 max 1 per source\ndefault'))
def a_number_of_connections_is_kept(scene):
    Echo(scene, 'camera', 7000)
    Echo(scene, 'router', 7002)
    living = [answers(scene, namespace, ROUTER, 9000) for namespace in ('home', 'stranger')]
    expect(all(living), 'two at once do not pass')
    expect(answers(scene, 'home', ROUTER, 9000) is None, 'a third passes')
    for client in living:
        client.sendall(b'still there')
        expect(client.recv(100) == b'still there', 'a living one was stopped')
    living += [answers(scene, namespace, ROUTER, 7002) for namespace in ('home', 'stranger')]
    expect(all(living), 'one of each source does not pass')
    expect(answers(scene, 'home', ROUTER, 7002) is None, 'a second of one source passes')
    for client in living:
        client.close()
    scene.snapshot('home')


def restart(scene, zone):
    """Run the firewall in another time zone, given as POSIX has it."""
    expect(scene.firewall.stop() == 0, 'the stop failed')
    scene.firewall = scene.spawn('router', 'env', f'TZ={zone}', tidegate_path(), 'run', scene.rules, ready='^tidegate: ready')


@scenario()
def a_time_is_local_time(scene):
    """The span is one of twelve hours around noon in a time zone where it is noon now, on that zone's day of the week."""
    days = ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')
    now = time.time()
    noon = 12 - time.gmtime(now).tm_hour  # hours east of Greenwich where it is noon: -11 to 12
    today = days[time.gmtime(now + noon * 3600).tm_wday]
    Echo(scene, 'router', 7001)
    scene.write('test.rules', RULES.replace(
        'default', f'allow tcp from wan to router port 7001 during {today} 06:00-18:00\ndefault'))
    for zone, wanted in ((f'NOON{-noon}', True), (f'NIGHT{12 - noon}', False), (f'NOON{-noon}', True),
                         (f'YESTERDAY{24 - noon}', False)):
        restart(scene, zone)
        got = answers(scene, 'home', ROUTER, 7001) is not None
        expect(got == wanted, f'TZ={zone}, and {"open" if got else "closed"}')
    expect(scene.run('home', 'ping', '-c', '1', '-W', '5', ROUTER).returncode == 0, 'no ping')


def hardware_address(scene, namespace, interface):
    told = scene.run(namespace, 'ip', 'link', 'show', interface, check=True).stdout
    return re.search(r'link/ether (\S+)', told)[1]


@scenario()
def a_hardware_address_is_known_at_every_hook(scene):
    """What passes is asked about in FORWARD, what is for the router in PREROUTING; a forward there too."""
    phone, provider = hardware_address(scene, 'phone', 'eth0'), hardware_address(scene, 'isp', 'customer')
    expect(scene.firewall.stop() == 0, 'the stop failed')
    rules = scene.write('mac.rules', RULES.replace('allow from lan to wan', f'''\
allow tcp from lan to wan port 7000 mac {phone}
allow tcp from lan to router port 7001 mac {phone}
forward tcp port 9000 from wan to camera port 7000 mac {provider}
forward tcp port 9001 from wan to camera port 7000 mac {phone}'''))
    scene.firewall = scene.tidegate(rules)
    for namespace, port in (('web', 7000), ('router', 7001), ('camera', 7000)):
        Echo(scene, namespace, port)
    for client, host, port, wanted in (
            ('phone', WEB, 7000, True), ('camera', WEB, 7000, False), ('phone', '192.168.1.1', 7001, True),
            ('camera', '192.168.1.1', 7001, False), ('home', ROUTER, 9000, True), ('home', ROUTER, 9001, False)):
        got = answers(scene, client, host, port) is not None
        expect(got == wanted, f'{client} to port {port} of {host}: {"passed" if got else "did not pass"}')


LOGGED = RULES.replace('allow from lan to wan', '''\
drop tcp from lan to wan port 25 log "smtp out"
drop udp from lan to wan port 5353 log
allow tcp from lan to wan port 7000 log "gone out" "label"
allow from lan to wan''')


@scenario(LOGGED)
def what_is_to_be_logged_is(scene):
    Echo(scene, 'web', 7000)
    with answers(scene, 'phone', WEB, 7000) as client:
        mine = client.getsockname()[1]
        client.sendall(b'more')
        expect(client.recv(100) == b'more', 'the echo is not what was sent')
    expect(answers(scene, 'phone', WEB, 25) is None, 'mail goes out')
    with scene.datagrams('phone', WEB, 5353) as sender:
        sender.send(b'is anybody there?')
    for line in (rf'^gone out: accept \S*test\.rules:10 tcp lan 192\.168\.1\.77:{mine} > wan 198\.51\.100\.80:7000, '
                 r'leaves as 203\.0\.113\.1:\d+ > 198\.51\.100\.80:7000$',
                 r'^smtp out: drop \S*test\.rules:8 tcp lan 192\.168\.1\.77:\d+ > wan 198\.51\.100\.80:25$',
                 r'^drop \S*test\.rules:9 udp lan 192\.168\.1\.77:\d+ > wan 198\.51\.100\.80:5353$'):
        scene.firewall.wait_text(line)
    once = re.findall(r'^gone out: ', scene.firewall.err, re.M)
    expect(len(once) == 1, f'a connection is logged {len(once)} times')


@scenario(LOGGED)
def a_flood_does_not_fill_the_log(scene):
    flood = 3000
    with scene.datagrams('phone', WEB, 5353) as sender:
        for _ in range(flood):
            sender.send(b'x')
    scene.run('phone', 'ping', '-c', '1', '-W', '5', WEB, check=True)
    expect(scene.firewall.stop() == 0, 'the stop failed')
    told = scene.firewall.err
    lines = len(re.findall(r'^drop \S*test\.rules:9 ', told, re.M))
    left_out = [int(n) for n in re.findall(r'^tidegate: (\d+) more packets were to be logged', told, re.M)]
    judged = int(re.search(r'(\d+) dropped', told)[1])
    expect(lines + sum(left_out) == judged, f'{judged} dropped, {lines} told, {left_out} left out')
    expect(lines <= 100 * (len(left_out) + 1), f'{lines} lines, and {left_out} left out')
    expect(lines < flood, 'all were told')


main()
