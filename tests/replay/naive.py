"""The rules language, read in the plainest way: what tests/replay/test_agreement.py holds the program against.

A file is a list of statements, each a small object that can write itself down as text and say whether it fits a packet.
Nothing is compiled, sorted or remembered: a packet is held against each statement from the top of the file, and the
first that fits decides. Addresses are Python's own, sets are lists, and no code is shared with the program.
"""
import ipaddress
from dataclasses import dataclass, field

HAS_PORTS = {'tcp': True, 'udp': True, 'icmp': False, 'icmp6': False, 'gre': False, 'esp': False}
BUILT_IN = {'dns': [('tcp', 53), ('udp', 53)], 'https': [('tcp', 443), ('udp', 443)], 'ssh': [('tcp', 22)],
            'rtsp': [('tcp', 554), ('udp', 554)]}
CLASSES = {'well-known': (0, 1023), 'registered': (1024, 49151), 'ephemeral': (49152, 65535)}
DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
WEEK, DAY = 7 * 1440, 1440
ROUTER = 'router'


@dataclass
class Packet:
    zone: str
    proto: str
    src: object
    dst: object
    sport: int = 0
    dport: int = 0
    type: str = 'echo-request'
    minute: int = None  # of the week
    mac: str = None


@dataclass
class Zone:
    name: str
    addresses: list  # of ip_interface
    masquerade: bool = False

    def own(self, version):
        return [a.ip for a in self.addresses if a.version == version]

    def holds(self, addr):
        return any(addr in a.network for a in self.addresses)

    def text(self):
        addresses = ', '.join(str(a) for a in self.addresses)
        return f'zone {self.name} on {self.name}0 address {addresses}{" masquerade" if self.masquerade else ""}'


@dataclass
class Network:
    """Where addresses are. The zone that masquerades holds the default route."""
    zones: list

    def named(self, name):
        return next(z for z in self.zones if z.name == name)

    def outward(self):
        return next(z.name for z in self.zones if z.masquerade)

    def is_own(self, addr, zone=None):
        return any(addr in z.own(addr.version) for z in self.zones if zone in (None, z.name))

    def zone_to(self, addr):
        if self.is_own(addr):
            return ROUTER
        return next((z.name for z in self.zones if z.holds(addr)), self.outward())

    def is_spoofed(self, zone, addr):
        if self.is_own(addr):
            return True
        home = next((z.name for z in self.zones if z.holds(addr)), None)
        return home != zone if home else zone != self.outward()


@dataclass
class Names:
    """What is defined: hosts and sets are lists of items, services lists of (protocol, port)."""
    hosts: dict
    sets: dict
    services: dict

    def holds(self, items, addr):
        """Whether an address is in a list of names, addresses, prefixes and ranges."""
        return any(self.item_holds(item, addr) for item in items)

    def item_holds(self, item, addr):
        if item in self.hosts:
            return self.holds(self.hosts[item], addr)
        if item in self.sets:
            return self.holds(self.sets[item], addr)
        if '-' in item:
            first, last = map(ipaddress.ip_address, item.split('-'))
            return first.version == addr.version and first <= addr <= last
        network = ipaddress.ip_network(item)
        return network.version == addr.version and addr in network

    def versions(self, items):
        """The families that the addresses of a list are of."""
        found = set()
        for item in items:
            inner = self.hosts.get(item) or self.sets.get(item)
            found |= self.versions(inner) if inner else {6 if ':' in item else 4}
        return found

    def host(self, item, version):
        """The address of a host, or of one written out, in a family; or None."""
        found = [ipaddress.ip_address(a) for a in self.hosts.get(item, [item])]
        return next((a for a in found if a.version == version), None)

    def service(self, name):
        return self.services.get(name) or BUILT_IN.get(name)

    def ports(self, items, proto):
        """The ports of a list, as (first, last), for a protocol."""
        found = []
        for item in items:
            if item in CLASSES:
                found.append(CLASSES[item])
            elif self.service(item):
                found += [(port, port) for p, port in self.service(item) if p == proto]
            else:
                first, _, last = item.partition('-')
                found.append((int(first), int(last or first)))
        return found

    def text(self):
        return ([f'host {name} = {", ".join(items)}' for name, items in self.hosts.items()] +
                [f'set {name} = {", ".join(items)}' for name, items in self.sets.items()] +
                [f'service {name} = {", ".join(f"{p} {n}" for p, n in parts)}' for name, parts in self.services.items()])


@dataclass
class Side:
    zone: str = None
    items: list = field(default_factory=list)
    outside: bool = False  # `not`
    ports: list = field(default_factory=list)

    def text(self):
        words = [self.zone or 'any' if self.zone or not self.items else '']
        words += [('not ' if self.outside else '') + ', '.join(self.items)] if self.items else []
        words += ['port ' + ','.join(self.ports)] if self.ports else []
        return ' '.join(w for w in words if w)

    def fits(self, names, zone, addr):
        if self.zone not in (None, zone):
            return False
        return not self.items or names.holds(self.items, addr) != self.outside


@dataclass
class Options:
    days: tuple = ()    # names
    hours: tuple = ()   # minutes of the day: from, until
    macs: tuple = ()
    others: str = ''    # what always fits here: limits that are never reached, logs

    def text(self):
        words = []
        if self.days or self.hours:
            hours = '-'.join(f'{m // 60:02}:{m % 60:02}' for m in self.hours)
            words.append(' '.join(w for w in ('during', ','.join(self.days), hours) if w))
        if self.macs:
            words.append('mac ' + ','.join(self.macs))
        return '  '.join(words + ([self.others] if self.others else []))

    def fits(self, packet):
        if self.macs and packet.mac not in self.macs:
            return False
        if not self.days and not self.hours:
            return True
        if packet.minute is None:
            return False
        start, end = self.hours or (0, DAY)
        length = end - start if end > start else end - start + DAY
        return any((packet.minute - DAYS.index(day) * DAY - start) % WEEK < length for day in self.days or DAYS)


@dataclass
class Rule:
    action: str
    protos: list        # names of protocols, or one of a service; none: any
    types: list         # of icmp
    source: Side
    to: Side
    options: Options
    line: int = 0

    def text(self):
        what = ','.join(self.protos) + (' ' + ','.join(self.types) if self.types else '')
        return f'{self.action} {what} from {self.source.text()} to {self.to.text()}  {self.options.text()}'

    def takes(self, names, packet):
        """Whether protocol, type and ports fit."""
        service = [s for s in self.protos if s not in HAS_PORTS]
        protos = [p for p, _ in names.service(service[0])] if service else self.protos
        if protos and packet.proto not in protos or self.types and packet.type not in self.types:
            return False
        return all(not items or any(a <= port <= b for a, b in names.ports(items, packet.proto))
                   for items, port in ((self.source.ports, packet.sport), (service or self.to.ports, packet.dport)))


@dataclass
class Forward:
    protos: list        # none: any
    ext: list
    at: str
    source: Side
    host: str
    to: str             # port or range; empty: as it came
    hairpin: bool
    options: Options
    line: int = 0

    def text(self):
        words = ['forward', ','.join(self.protos) or 'any']
        words += ['port ' + ','.join(self.ext)] if self.ext else []
        words += ['at ' + self.at] if self.at else []
        words += [f'from {self.source.text()} to {self.host}']
        words += ['port ' + self.to] if self.to else []
        return ' '.join(words + ([] if self.hairpin else [' no-hairpin'])) + '  ' + self.options.text()

    def service(self):
        return self.protos if self.protos and self.protos[0] not in HAS_PORTS else []

    def wants(self, names, proto):
        if self.service():
            return any(p == proto for p, _ in names.service(self.protos[0]))
        return not self.protos or proto in self.protos

    def outside_ports(self, names, proto):
        return names.ports(self.ext or self.service(), proto)

    def port(self, names, packet):
        """The port inside, or None if it does not take the one outside."""
        if not self.protos or not HAS_PORTS[packet.proto]:
            return packet.dport
        for first, last in self.outside_ports(names, packet.proto):
            if first <= packet.dport <= last:
                inside = names.ports([self.to], packet.proto)[0] if self.to else (first, last)
                return inside[0] + (packet.dport - first if inside[1] > inside[0] else 0)
        return None

    def claims(self, firewall, packet):
        """=> the port inside, or None if it does not take the packet (IPv4)"""
        net, names = firewall.network, firewall.names
        host = names.host(self.host, 4)
        if host is None or packet.dst.version != 4 or not self.wants(names, packet.proto):
            return None
        if self.at and packet.dst != ipaddress.ip_address(self.at):
            return None
        if not self.at and not net.is_own(packet.dst, self.source.zone):
            return None
        if self.source.items and not self.source.outside and 4 not in names.versions(self.source.items):
            return None  # the statement speaks of IPv6 alone
        sources = not self.source.items or names.holds(self.source.items, packet.src) != self.source.outside
        if self.source.zone not in (None, packet.zone):
            if not self.hairpin or packet.zone == net.outward() or (net.zone_to(host) != packet.zone and not sources):
                return None
        elif not sources:
            return None
        return self.port(names, packet) if self.options.fits(packet) else None

    def lets_through(self, names, packet):
        """IPv6: straight to the host."""
        host = names.host(self.host, 6)
        if host is None or self.at or packet.dst != host or not self.wants(names, packet.proto):
            return False
        if not self.protos or not HAS_PORTS[packet.proto]:
            return True
        ports = names.ports([self.to], packet.proto) if self.to else self.outside_ports(names, packet.proto)
        return any(a <= packet.dport <= b for a, b in ports)


@dataclass
class Translate:
    source: Side
    to: Side
    addr: str           # or `itself`
    line: int = 0

    def text(self):
        return f'translate from {self.source.text()} to {self.to.text()} as {self.addr}'


@dataclass
class Map:
    outside: str
    zone: str
    host: str
    line: int = 0

    def text(self):
        return f'map {self.outside} on {self.zone} to {self.host}'


@dataclass
class Outcome:
    verdict: str
    reason: str
    line: int = None
    out: str = None
    src: object = None
    dst: object = None
    dport: int = None


@dataclass
class Firewall:
    network: Network
    names: Names
    statements: list
    fallback: str

    def text(self):
        """The file; and each statement learns its line."""
        lines = [z.text() for z in self.network.zones] + self.names.text()
        for statement in self.statements:
            lines.append(statement.text().rstrip())
            statement.line = len(lines)
        return '\n'.join(lines + [f'default {self.fallback}']) + '\n'

    def first_rule(self, packet, zone_out, taken):
        for s in self.statements:
            if isinstance(s, Forward) and taken is s:
                return s
            if not isinstance(s, (Rule, Forward)) or not s.source.fits(self.names, packet.zone, packet.src) or \
                    not s.options.fits(packet):
                continue
            if isinstance(s, Forward):
                if s.lets_through(self.names, packet):
                    return s
            elif s.to.fits(self.names, zone_out, packet.dst) and s.takes(self.names, packet):
                return s
        return None

    def forwarded(self, packet):
        """=> the statement that sends the packet elsewhere, with address and port; or None"""
        forwards = [s for s in self.statements if isinstance(s, Forward)]
        for exposed in (False, True):
            for f in forwards:
                port = f.claims(self, packet) if (not f.protos) == exposed else None
                if port is None:
                    continue
                if exposed:  # all that nothing else takes, rules about the router among them
                    rule = self.first_rule(packet, ROUTER, None)
                    if isinstance(rule, Rule) and rule.to.zone == ROUTER:
                        return None
                return f, self.names.host(f.host, 4), port
            if not exposed:
                for m in self.statements:
                    if isinstance(m, Map) and str(packet.dst) == m.outside and \
                            (packet.zone == m.zone or packet.zone != self.network.outward()):
                        return m, self.names.host(m.host, 4), packet.dport
        return None

    def source(self, packet, zone_out, redirected):
        zones = {z.name: z for z in self.network.zones}
        if packet.src.version != 4 or zone_out == ROUTER:
            return packet.src
        if packet.zone == zone_out:
            back = redirected and zones[zone_out].holds(packet.src)
            return zones[zone_out].own(4)[0] if back else packet.src
        for s in self.statements:
            if isinstance(s, Map) and zone_out == s.zone and packet.src == self.names.host(s.host, 4):
                return ipaddress.ip_address(s.outside)
            if isinstance(s, Translate) and s.source.fits(self.names, packet.zone, packet.src) and \
                    s.to.fits(self.names, zone_out, packet.dst):
                return packet.src if s.addr == 'itself' else ipaddress.ip_address(s.addr)
        return zones[zone_out].own(4)[0] if zones[zone_out].masquerade else packet.src

    def judge(self, packet):
        if self.network.is_spoofed(packet.zone, packet.src):
            return Outcome('drop', 'spoofed')
        found = self.forwarded(packet)
        taken, dst, dport = found or (None, packet.dst, packet.dport)
        inside = Packet(**{**vars(packet), 'dst': dst, 'dport': dport})
        zone_out = self.network.zone_to(dst)
        rule = self.first_rule(inside, zone_out, taken)
        if rule is None:
            return Outcome(self.fallback, 'default')
        if isinstance(rule, Rule) and rule.action != 'allow':
            return Outcome(rule.action, 'rule', rule.line)
        return Outcome('accept', 'forward' if isinstance(rule, Forward) else 'rule', rule.line, zone_out,
                       self.source(inside, zone_out, taken is not None), dst, dport)
