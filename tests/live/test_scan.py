#!/usr/bin/env python3
"""What a port scan from outside finds: the forwarded ports for who is allowed, nothing for anybody else."""
import re

from live import LIMIT, expect, main, scenario

NMAP = 'nmap -n -Pn -sS -p 1-1024,8080,8443 --min-rate 2000 --max-retries 2 -oG -'.split()


def scan(scene, namespace, target='203.0.113.1', *options):
    """=> what nmap found open, and closed: two sets of ports"""
    told = scene.run(namespace, *NMAP, *options, target, limit=2 * LIMIT, check=True).stdout
    expect('Status: Up' in told, f'nmap told nothing: {told}')
    return [{int(port) for port in re.findall(rf'(\d+)/{state}/tcp', told)} for state in ('open', 'closed')]


def sees(scene, namespace, ports, target='203.0.113.1', *options):
    found = scan(scene, namespace, target, *options)
    expect(found == [ports, set()], f'{namespace} saw open {found[0]}, closed {found[1]}, and should have seen open {ports} alone')


@scenario()
def the_allowed_client_sees_the_forwards_alone(scene):
    sees(scene, 'home', {554, 8080})


@scenario()
def the_stranger_sees_nothing(scene):
    sees(scene, 'stranger', set())


@scenario()
def the_camera_shows_its_pinholes_alone(scene):
    sees(scene, 'home', {80, 554}, '2001:db8:1:1::50', '-6')


main()
