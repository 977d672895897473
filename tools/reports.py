"""Two reports of the same packets, side by side: what the firewall told while it ran (`run --json`), and what a replay of
captures from the router's interfaces tells (`replay --json`).

Packets are matched by flow: (in, proto, src, sport, dst, dport, type, code, id). Within a flow they keep their order,
live and in a capture, so the n-th of a flow in one report is the n-th in the other, and must have the same verdict,
reason, state, rule, exit and translation. Left out, since only one side can have them:

- what the router sent (`in` is `router`): a sniffer sees each packet that passes the router twice, as it came and as it
  left, and replay takes the second as it stands; live, a packet is judged once;
- what is not IP;
- what never leaves its link: multicast, broadcast, to or from a link-local address. The kernel takes some of it
  without asking the firewall.

A packet whose TTL ends at the router is answered by the kernel before the firewall is asked: such must not be among them.
"""
import collections
import ipaddress
import json
import os

FLOW = ('in', 'proto', 'src', 'sport', 'dst', 'dport', 'type', 'code', 'id')
SAID = ('verdict', 'reason', 'state', 'file', 'line', 'out', 'to')


def _stays_on_its_link(packet):
    for end in ('src', 'dst'):
        address = ipaddress.ip_address(packet[end])
        if address.is_link_local or address.is_multicast or address.packed[-1:] == b'\xff' and address.version == 4:
            return True
    return False


def packets(text):
    """=> those packets of a report that can be compared"""
    for line in text.splitlines():
        packet = json.loads(line)
        if 'summary' not in packet and packet['reason'] != 'non-ip' and packet.get('in') != 'router' and \
                'src' in packet and not _stays_on_its_link(packet):
            yield packet


def flows(text):
    """=> a report as a dictionary: flow -> what was said of its packets, in order"""
    found = collections.defaultdict(list)
    for packet in packets(text):
        said = {key: packet.get(key) for key in SAID}
        said['file'] = said['file'] and os.path.basename(said['file'])
        found[tuple(packet.get(key) for key in FLOW)].append(said)
    return found


def differences(live, replayed):
    """=> a list of texts, one for each flow of which the two reports do not say the same"""
    one, other, found = flows(live), flows(replayed), []
    for flow in sorted(one.keys() | other.keys(), key=str):
        a, b = one.get(flow, []), other.get(flow, [])
        if a != b:
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            found.append(f'{flow}: {len(a)} packets live, {len(b)} replayed; packet {at + 1}: live '
                         f'{a[at] if at < len(a) else "none"}, replayed {b[at] if at < len(b) else "none"}')
    return found
