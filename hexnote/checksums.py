"""The checksums of IPv4, TCP and ICMP, taken anew from the bytes (RFC 791, RFC 792, RFC 1071, RFC 9293, RFC 8200, RFC 4443)."""

from __future__ import annotations

from hexnote.hints import Optional
from hexnote.model import Packet

GOOD, BAD, OFFLOADED = "good", "bad", "offloaded"

_TCP, _ICMP6 = 6, 58
_ROUTING, _FRAGMENT, _AUTH = 43, 44, 51
_EXTENSIONS = frozenset((0, _ROUTING, _FRAGMENT, _AUTH, 60, 135, 139, 140))


def ip_checksum(packet: Packet, data: bytes) -> Optional[str]:
    """GOOD or BAD: the IPv4 header checksum of a packet whose headers were measured.

    None where there is nothing to check: IPv6, or a header that is not there as a whole. `data`
    begins at dump offset 0.
    """
    if packet.version != 4 or packet.link is None or len(data) <= packet.link:
        return None
    size = (data[packet.link] & 15) * 4
    header = data[packet.link : packet.link + size]
    if len(header) < max(size, 20):
        return None
    # Ones' complement sums are sums modulo 65535, and 2^16 is 1 there: no need to cut into words.
    return GOOD if int.from_bytes(header, "big") % 0xFFFF == 0 else BAD


def tcp_checksum(packet: Packet, data: bytes) -> Optional[str]:
    """GOOD, BAD, or OFFLOADED: the field holds the sum of the pseudo header alone, as the sender's
    kernel leaves it to the network card (RFC 9293 section 3.1, RFC 8200 section 8.1).

    None where it cannot be told: a fragment, headers read with reservations, bytes not captured, an
    IPv6 routing header on its way. `data` begins at dump offset 0.
    """
    if packet.tcp is None or packet.link is None or packet.ip is None or packet.note:
        return None
    at, offset, end = packet.link, packet.link + packet.ip, packet.end
    if len(data) < end or end - offset < 20:
        return None
    if packet.version == 4:
        addresses = data[at + 12 : at + 20]
    elif _routed(data, at):
        return None
    else:
        addresses = data[at + 8 : at + 40]
    segment = data[offset:end]
    ends = int.from_bytes(addresses, "big") + _TCP
    total = ends + len(segment) + _sum(segment)
    if total % 0xFFFF == 0:
        return GOOD
    field = segment[16] << 8 | segment[17]
    # Drivers that leave the cutting of large segments to the card give it the sum without the length.
    if field % 0xFFFF in ((ends + len(segment)) % 0xFFFF, ends % 0xFFFF):
        return OFFLOADED
    return BAD


def icmp_checksum(packet: Packet, data: bytes) -> Optional[str]:
    """GOOD or BAD: the checksum of an ICMP message (RFC 792), or of one of ICMPv6, which covers a pseudo header (RFC 4443 section
    2.3).

    None where it cannot be told: bytes not captured, or extension headers of IPv6, one of which may change the destination. `data`
    begins at dump offset 0.
    """
    if packet.link is None or packet.ip is None or len(data) < packet.end or packet.version == 6 and packet.ip != 40:
        return None
    body = data[packet.link + packet.ip : packet.end]
    total = _sum(body)
    if packet.version == 6:
        total += int.from_bytes(data[packet.link + 8 : packet.link + 40], "big") + len(body) + _ICMP6
    return GOOD if total % 0xFFFF == 0 else BAD


def _sum(body: bytes) -> int:
    """A number that is the sum of the words modulo 65535, the last one filled up with a zero byte."""
    return int.from_bytes(body + b"\0" if len(body) & 1 else body, "big")


def _routed(data: bytes, at: int) -> bool:
    """Has the IPv6 header at `at` a routing header that names another, final destination?"""
    kind, offset = data[at + 6], at + 40
    while kind in _EXTENSIONS and len(data) >= offset + 8:
        if kind == _ROUTING and data[offset + 3]:
            return True
        size = 8 if kind == _FRAGMENT else (data[offset + 1] + 2) * 4 if kind == _AUTH else (data[offset + 1] + 1) * 8
        kind, offset = data[offset], offset + size
    return False
