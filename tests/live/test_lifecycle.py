#!/usr/bin/env python3
"""Start, stop, a second instance, a forger, a sudden death, another address."""
import re
import signal
import socket
import struct

from live import RULES, SNAPSHOT, expect, main, refused, scenario, tidegate_path, until

TOOLS = ('iptables-legacy-save', 'ip6tables-legacy-save', 'iptables-nft-save', 'ip6tables-nft-save')
FOREIGN = 'iptables-nft -t mangle -A FORWARD -p tcp --dport 4444 -j DROP -m comment --comment somebody-elses'


def rules_of_the_kernel(scene):
    """What netfilter has been told: rules and chains; built-in chains that are merely there do not count."""
    told = {tool: [line for line in scene.run('router', tool).stdout.splitlines()
                   if line.startswith('-A') or re.match(r':\S+ - ', line)] for tool in TOOLS}
    tables = scene.run('router', 'nft', 'list', 'tables').stdout.splitlines()
    told['nft'] = sorted(t for t in tables if not re.fullmatch(r'table (ip|ip6) (raw|mangle|nat|filter|security)', t))
    return told


def stops_on(scene, number):
    scene.run('router', *FOREIGN.split(), check=True)
    expect(scene.firewall.stop(signal.SIGTERM) == 0, 'the first stop failed')
    before = rules_of_the_kernel(scene)
    expect('somebody-elses' in str(before), 'the foreign rule is gone')
    expect('QUEUE' not in str(before), f'stopped, and still there: {before}')
    firewall = scene.tidegate(scene.rules)
    expect('QUEUE' in str(rules_of_the_kernel(scene)), 'running, and no packet is queued')
    scene.snapshot('home')
    expect(firewall.stop(number) == 0, f'tidegate ended with {firewall.popen.returncode}')
    after = rules_of_the_kernel(scene)
    expect(before == after, f'before: {before}; after: {after}')


@scenario()
def sigterm_takes_out_what_the_start_put_in(scene):
    stops_on(scene, signal.SIGTERM)


@scenario()
def sigint_does_too(scene):
    stops_on(scene, signal.SIGINT)


@scenario()
def a_second_instance_is_refused_and_harms_nothing(scene):
    before = rules_of_the_kernel(scene)
    second = scene.run('router', tidegate_path(), 'run', scene.rules)
    expect(second.returncode == 3, f'the second instance ended with {second.returncode}: {second.stderr}')
    expect(re.search(r'already|another', second.stderr), f'it did not say why: {second.stderr!r}')
    expect(before == rules_of_the_kernel(scene), 'it changed the hooks')
    scene.snapshot('home')


@scenario()
def nobody_but_the_kernel_sends_to_a_queue(scene):
    """Also not root, in the same namespace, with a packet that looks like one from the kernel."""
    message = struct.pack('=IHHII', 16, 3 << 8, 0, 0, 0)  # a packet (NFQNL_MSG_PACKET) without anything
    with scene.entered('router'), open('/proc/thread-self/net/netfilter/nfnetlink_queue') as f:
        owners = {int(line.split()[1]) for line in f}
    expect(len(owners) >= 2, f'the queues are of {owners}')
    with scene.socket('router', socket.AF_NETLINK, socket.SOCK_RAW, 12) as forger:
        for owner in owners:
            told = refused(lambda: forger.sendto(message, (owner, 0)), f'a forger of messages to {owner}')
            expect(isinstance(told, ConnectionRefusedError), f'the forger was told {told!r}')
    scene.snapshot('home')


@scenario()
def wrong_rules_are_refused_and_change_nothing(scene):
    scene.snapshot('home')
    expect(scene.firewall.stop() == 0, 'the stop failed')
    before = rules_of_the_kernel(scene)
    wrong = scene.write('wrong.rules', RULES + 'allow tpc from lan to wan\n')
    told = scene.run('router', tidegate_path(), 'run', wrong)
    expect(told.returncode == 2, f'tidegate ended with {told.returncode}')
    expect(f'wrong.rules:{RULES.count(chr(10)) + 1}:7' in told.stderr, f'the place of the error is not told: {told.stderr}')
    expect(before == rules_of_the_kernel(scene), 'hooks were put in for wrong rules')


@scenario()
def killed_it_is_closed_and_started_again_it_works(scene):
    scene.web()
    scene.snapshot('home')
    scene.firewall.send(signal.SIGKILL)
    scene.firewall.wait()
    scene.unanswered('home', SNAPSHOT)
    scene.unanswered('phone', 'http://198.51.100.80/page.html')
    scene.unanswered('phone', SNAPSHOT)
    scene.firewall = scene.tidegate(scene.rules)
    scene.snapshot('home')
    scene.snapshot('phone')
    expect(scene.curl('phone', 'http://198.51.100.80/page.html').status == 0, 'no page after the restart')
    expect(scene.firewall.stop() == 0, 'the stop failed')
    expect('QUEUE' not in str(rules_of_the_kernel(scene)), 'hooks of the killed one were left behind')


@scenario()
def another_outside_address_is_followed(scene):
    server = scene.web()
    scene.snapshot('home')
    scene.ip('router', 'address del 203.0.113.1/24 dev wan', 'address add 203.0.113.7/24 dev wan',
             'route add default via 203.0.113.254')
    until(lambda: scene.curl('home', SNAPSHOT.replace('113.1', '113.7'), limit=1).body == scene.picture,
          'the forward to work at the new address')
    scene.snapshot('phone', SNAPSHOT.replace('113.1', '113.7'))
    expect(scene.curl('phone', 'http://198.51.100.80/page.html').status == 0, 'no page through the new address')
    expect('203.0.113.7 - - ' in server.err, f'the web server saw {server.err}')


main()
