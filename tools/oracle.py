"""What must never leave a router's outside: the oracle of every live test.

faults(path) reads a capture of what came out of the router and tells, for each packet, what is wrong with it:
a private address where the world can see it (as source, as destination, or in the packet that an ICMP error quotes), or a
wrong checksum (IPv4 header, TCP, UDP, ICMP, ICMPv6, and those of a quoted packet that is there to its end).

The capture must show packets as they are on a wire: topology.Network.wire() switches checksum offload off for that.
Bytes that the sniffer cut off are not held against a packet.
"""
import ipaddress
import struct

PRIVATE = [ipaddress.ip_network(n) for n in (
    '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16',
    '::/128', '::1/128', 'fc00::/7', 'fe80::/10')]
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
CHECKSUM_AT = {ICMP: 2, TCP: 16, UDP: 6, ICMP6: 2}
ICMP_ERRORS, ICMP6_ERRORS = (3, 4, 5, 11, 12), (1, 2, 3, 4)
LINK_SCOPE_ICMP6 = (*range(130, 138), 143)  # multicast listener and neighbour discovery: link-local addresses are theirs
EXTENSIONS = (0, 43, 60)            # hop-by-hop, routing, destination options
FRAGMENT = 44


def packets(path):
    """=> (nanoseconds, bytes, length on the wire) of each packet of a pcap file written by topology.Capture"""
    with open(path, 'rb') as f:
        magic, *_, link = struct.unpack('<IHHiIII', f.read(24))
        if magic != 0xa1b23c4d or link != 1:
            raise ValueError(f'{path}: not a nanosecond Ethernet pcap of this machine')
        while head := f.read(16):
            seconds, nanoseconds, kept, size = struct.unpack('<IIII', head)
            yield seconds * 10**9 + nanoseconds, f.read(kept), size


def ones_sum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def _transport_faults(source, destination, proto, data):
    """`data`: a whole transport segment."""
    at = CHECKSUM_AT.get(proto)
    if at is None or len(data) < at + 2:
        return
    if proto == UDP and data[6:8] == b'\0\0' and source.version == 4:
        return  # none was given
    pseudo = b''
    if source.version == 6:
        pseudo = source.packed + destination.packed + struct.pack('!IHBB', len(data), 0, 0, proto)
    elif proto != ICMP:
        pseudo = source.packed + destination.packed + struct.pack('!BBH', 0, proto, len(data))
    if ones_sum(pseudo + data) != 0xffff:
        yield {ICMP: 'ICMP', TCP: 'TCP', UDP: 'UDP', ICMP6: 'ICMPv6'}[proto] + ' checksum'


def _walk(data):
    """Over the headers of an IP packet.
    => (source, destination, protocol, transport bytes, whole), where `whole` says that they are all there and no fragment"""
    if data[0] >> 4 == 4:
        header, total, fragment, proto = (data[0] & 15) * 4, *struct.unpack_from('!H', data, 2), \
            struct.unpack_from('!H', data, 6)[0] & 0x3fff, data[9]
        return (ipaddress.ip_address(data[12:16]), ipaddress.ip_address(data[16:20]), proto, data[header:total],
                len(data) >= total and not fragment)
    source, destination = ipaddress.ip_address(data[8:24]), ipaddress.ip_address(data[24:40])
    proto, end, at, whole = data[6], 40 + struct.unpack_from('!H', data, 4)[0], 40, True
    while (proto in EXTENSIONS or proto == FRAGMENT) and at + 8 <= len(data):
        if proto == FRAGMENT:
            whole = whole and not struct.unpack_from('!H', data, at + 2)[0] & 0xfff9
        size = 8 if proto == FRAGMENT else 8 + data[at + 1] * 8
        proto, at = data[at], at + size
    return source, destination, proto, data[at:end], whole and len(data) >= end


def packet_faults(data, quoted=False):
    """=> what is wrong with an IP packet, each in a few words"""
    where = 'quoted ' if quoted else ''
    if data[0] >> 4 not in (4, 6) or len(data) < (20 if data[0] >> 4 == 4 else 40):
        yield where + 'packet that is no IP'
        return
    source, destination, proto, transport, whole = _walk(data)
    link_scope = proto == ICMP6 and transport[:1] and transport[0] in LINK_SCOPE_ICMP6
    for role, address in (('source', source), ('destination', destination)):
        if not link_scope and any(address in network for network in PRIVATE if network.version == address.version):
            yield f'{where}private {role} {address}'
    if source.version == 4 and ones_sum(data[:(data[0] & 15) * 4]) != 0xffff:
        yield where + 'IP header checksum'
    if whole:
        yield from (where + fault for fault in _transport_faults(source, destination, proto, transport))
    errors = {ICMP: ICMP_ERRORS, ICMP6: ICMP6_ERRORS}.get(proto, ())
    if transport[:1] and transport[0] in errors and len(transport) >= 28 and not quoted:
        yield from packet_faults(transport[8:], quoted=True)


def faults(path):
    """=> a list of texts, one a fault: empty if all that was captured may be seen by the world"""
    found = []
    for number, (_, frame, _) in enumerate(packets(path), 1):
        if frame[12:14] in (b'\x08\x00', b'\x86\xdd'):
            found += [f'packet {number}: {fault}' for fault in packet_faults(frame[14:])]
    return found
