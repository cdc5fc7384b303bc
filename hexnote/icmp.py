"""ICMP errors (RFC 792, RFC 4443): what somebody on the way says of a packet of TCP, whose first bytes it quotes.

Loaded only where such a packet occurs. What is quoted names the connection and the place in its stream, so that the word can be
proven to be about it; who says it is only as true as the address it bears.
"""

from __future__ import annotations

from hexnote.hints import Callable, Dict, List, Optional, Tuple
from hexnote.layers import address
from hexnote.model import PROHIBITED, TOO_BIG, UNREACHABLE, Finding, Notice, Packet

_TCP, _IP4, _IP6 = 6, 1, 58
_HOP, _ROUTING, _FRAGMENT, _DESTINATION = 0, 43, 44, 60
_QUOTE = 8  # bytes before what is quoted

# By IP version: type -> (its name, kind, code -> name). RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7; RFC 4443.
_Codes = Dict[int, str]
_TYPES: Dict[int, Dict[int, Tuple[str, str, _Codes]]] = {
    4: {
        3: ("destination unreachable", UNREACHABLE, {
            0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable",
            4: "fragmentation needed and DF set", 5: "source route failed", 6: "destination network unknown",
            7: "destination host unknown", 8: "source host isolated", 9: "network administratively prohibited",
            10: "host administratively prohibited", 11: "network unreachable for this type of service",
            12: "host unreachable for this type of service", 13: "communication administratively prohibited",
            14: "host precedence violation", 15: "precedence cutoff in effect",
        }),
        11: ("time exceeded", "exceeded", {0: "time to live exceeded in transit", 1: "fragment reassembly time exceeded"}),
        12: ("parameter problem", "problem", {}),
    },
    6: {
        1: ("destination unreachable", UNREACHABLE, {
            0: "no route to destination", 1: "communication administratively prohibited", 2: "beyond scope of source address",
            3: "address unreachable", 4: "port unreachable", 5: "source address failed ingress policy",
            6: "reject route to destination",
        }),
        2: ("packet too big", TOO_BIG, {}),
        3: ("time exceeded", "exceeded", {0: "hop limit exceeded in transit", 1: "fragment reassembly time exceeded"}),
        4: ("parameter problem", "problem", {}),
    },
}  # fmt: skip
_DF_SET = 4  # of type 3 in IPv4: too big
_FORBIDDEN = {4: frozenset((9, 10, 13)), 6: frozenset((1, 5, 6))}  # codes of a rule


def read(packet: Packet, data: bytes, checksum: Callable[[Packet, bytes], Optional[str]]) -> Optional[Notice]:
    """What an ICMP error says, as far as its bytes are there; None for other messages. `data`: from dump offset 0 on; `packet`: its
    headers were measured. `checksum`: as of `checksums.icmp_checksum`."""
    if packet.link is None or packet.ip is None or packet.version is None:
        return None
    at, version = packet.link + packet.ip, packet.version
    data = data[: packet.end]
    if packet.protocol != (_IP4 if version == 4 else _IP6) or len(data) < at + 2:
        return None
    known = _TYPES[version].get(data[at])
    if known is None:
        return None
    name, kind, codes = known
    code = data[at + 1]
    what = codes.get(code, "" if not codes and not code else f"code {code}")
    if version == 4 and kind == UNREACHABLE and code == _DF_SET:
        kind = TOO_BIG
    elif kind == UNREACHABLE and code in _FORBIDDEN[version]:
        kind = PROHIBITED
    title = f"ICMP{'' if version == 4 else 'v6'} {name}{f', {what}' if what else ''}"
    labels = [(at, at + 2, f"{title} (type {data[at]}, code {code})")]
    notice = Notice(packet.number, packet.src or "", version, data[at], code, what or name, kind)
    if kind == TOO_BIG:
        place, size = (at + 6, 2) if version == 4 else (at + 4, 4)
        if len(data) >= place + size:
            # Routers older than RFC 1191 leave it zero.
            mtu = int.from_bytes(data[place : place + size], "big")
            notice = notice._replace(mtu=mtu)
            labels.append((place, place + size, f"next-hop MTU = {mtu} bytes" if mtu else "next-hop MTU: not told"))
    notice = _quoted(notice, data, at + _QUOTE, labels)
    found: Tuple[Finding, ...] = ()
    if checksum(packet, data) == "bad":
        notice = notice._replace(key=None)
        found = (Finding(
            "checksum", "warning", None, "unknown", "proven",
            f"the ICMP checksum of packet {packet.number} does not match: bytes were altered or mistyped; what it says is not used",
            "", f"compare bytes 0x{at:04x} to 0x{packet.end - 1:04x} with the source", ((packet.number, at, packet.end),)),)
    return notice._replace(labels=tuple(labels), findings=found)


def _quoted(notice: Notice, data: bytes, at: int, labels: List[Tuple[int, int, str]]) -> Notice:
    """The packet that is quoted from dump offset `at` on: its addresses, and if it is TCP its ports and sequence number."""
    if len(data) <= at or data[at] >> 4 != notice.version:
        return notice
    if notice.version == 4:
        behind = at + (data[at] & 15) * 4
        if behind < at + 20 or len(data) < at + 20 or data[at + 9] != _TCP or (data[at + 6] & 0x1F or data[at + 7]):
            return notice
        total = data[at + 2] << 8 | data[at + 3]
        labels.append((at + 2, at + 4, f"the packet that this is about has {total} bytes"))
        ends = (at + 12, at + 16, at + 20)
    else:
        if len(data) < at + 40:
            return notice
        behind, kind = at + 40, data[at + 6]
        while kind in (_HOP, _ROUTING, _FRAGMENT, _DESTINATION) and len(data) >= behind + 8:
            if kind == _FRAGMENT and (data[behind + 2] or data[behind + 3] & 0xF8):
                return notice
            kind, behind = data[behind], behind + (8 if kind == _FRAGMENT else (data[behind + 1] + 1) * 8)
        if kind != _TCP:
            return notice
        total = 40 + (data[at + 4] << 8 | data[at + 5])
        labels.append((at + 4, at + 6, f"the packet that this is about has {total} bytes"))
        ends = (at + 8, at + 24, at + 40)
    src, dst = data[ends[0] : ends[1]], data[ends[1] : ends[2]]
    labels += [(ends[0], ends[1], f"its source = {address(src)}"), (ends[1], ends[2], f"its destination = {address(dst)}")]
    if len(data) < behind + 8:
        return notice
    sport, dport = data[behind : behind + 2], data[behind + 2 : behind + 4]
    labels += [
        (behind, behind + 2, f"its source port = {int.from_bytes(sport, 'big')}"),
        (behind + 2, behind + 4, f"its destination port = {int.from_bytes(dport, 'big')}"),
    ]
    # How long the TCP header is may not be quoted.
    head = behind - at + (data[behind + 12] >> 4 << 2) if len(data) > behind + 12 else None
    return notice._replace(
        key=(src + sport, dst + dport), seq=int.from_bytes(data[behind + 4 : behind + 8], "big"), at=behind + 4, total=total,
        size=None if head is None or head > total else total - head,
    )  # fmt: skip


def about(notice: Notice, number: int, side: str, offset: Optional[int]) -> str:
    """What of connection `number` it is about, in words; `offset`: where that begins in the stream of `side`, -1: a SYN."""
    if offset is None:
        return f"the {side}'s packet, at an offset that is not known, of connection {number}"
    if offset < 0:
        return f"the {side}'s SYN of connection {number}"
    size = f"{notice.size} {'byte' if notice.size == 1 else 'bytes'}" if notice.size else "packet"
    return f"the {side}'s {size} at offset {offset} of connection {number}"


def sentence(notice: Notice, of: str) -> str:
    """What it says `of` a packet."""
    mtu = f"; the next hop takes {notice.mtu} bytes, the packet has {notice.total}" if notice.mtu else ""
    return f"packet {notice.packet}: {notice.sender} says of {of}: {notice.what} (ICMP){mtu}"
