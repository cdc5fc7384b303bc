"""Link, IP and TCP headers measured and taken off (RFC 791, RFC 8200, RFC 9293).

Nobody says which link header a dump shows, if any: it is found by content. What is decided here
depends on header bytes alone, so that a packet of which only the first rows are there is read as
the whole packet is.
"""

from __future__ import annotations

from operator import attrgetter
from struct import Struct

from hexnote.hints import Dict, Final, Optional, Tuple
from hexnote.model import Packet

# Of IPv4 without options and TCP: total length, identification, fragment, TTL, protocol; addresses and ports as they stand;
# sequence number, acknowledgment number, header length and flags, window.
_IP4_TCP = Struct(">2x3H2B2x12s2I2H").unpack_from
_WORD = Struct(">H").unpack_from
_number = int.from_bytes  # to have it of the type costs a third of a call

TCP = 6
# IP protocol numbers that are believed where no checksum vouches for a header.
_LIKELY = frozenset((1, 2, 4, 6, 17, 33, 41, 47, 50, 51, 58, 88, 89, 103, 112, 132))
# IPv6 extension headers (RFC 8200 section 4) that lie before TCP; 51 is AH (RFC 4302).
_HOP, _ROUTING, _FRAGMENT, _AUTH, _DESTINATION = 0, 43, 44, 51, 60
_EXTENSIONS = frozenset((_HOP, _ROUTING, _FRAGMENT, _AUTH, _DESTINATION, 135, 139, 140))
_LIKELY6 = _EXTENSIONS | frozenset((4, 6, 17, 50, 58, 59))

_TAGS = (0x8100, 0x88A8, 0x9100)  # 802.1Q, 802.1ad and its forerunner
_ETHER = {0x0800: 4, 0x86DD: 6}
_PPP = {0x0021: 4, 0x0057: 6}
_FAMILIES = {2: 4, 10: 6, 24: 6, 28: 6, 30: 6}  # AF_INET; AF_INET6 of Linux and the BSDs
# EtherTypes of what is no IP: such a frame's addresses may look like the start of an IP header.
_NO_IP = frozenset((0x0806, 0x8847, 0x8863, 0x888E, 0x88CC))
# LLC and SNAP header up to its EtherType (RFC 1042), as in IEEE 802.11 behind a header of many lengths; where it may end.
_SNAP = b"\xaa\xaa\x03\0\0\0"
_SNAP_END = 128
_BARE = (0, 14, 16, 18, 20, 22, 8, 4, 2)  # lengths tried where no link header is recognised
_FLAGS = [""]  # the letters of TCP flags, by the byte that they stand in
for _letter in "FSRPAUEC":  # from bit 0 on
    _FLAGS += [letters + _letter for letters in _FLAGS]

# Addresses as text: few differ, and they come again and again.
_names: Dict[bytes, str] = {}
_NAMES = 8192

# What the headers of a packet say, in the order in which `tell` sets it: link, ip, tcp, version, protocol, src, dst, sport,
# dport, flags, seq, ack, window, ttl, ipid, key, start, end.
Headers = Tuple[
    int, int, int, int, int, str, str, int, int, str, int, Optional[int], int, int, int, Tuple[bytes, bytes], int, int
]  # fmt: skip
# Where some of them stand there.
LINK: Final = 0
SRC: Final = 5
FLAGS: Final = 9
SEQ: Final = 10
ACK: Final = 11
WINDOW: Final = 12
TTL: Final = 13
IPID: Final = 14
KEY: Final = 15
START: Final = 16
END: Final = 17
# What `tell` has set.
told = attrgetter(
    "link", "ip", "tcp", "version", "protocol", "src", "dst", "sport", "dport", "flags", "seq", "ack", "window", "ttl", "ipid",
    "key", "start", "end",
)  # fmt: skip
# (src, dst, sport, dport, key) by the 12 bytes of IPv4 addresses and ports: most packets are of a direction seen before.
_directions: Dict[bytes, Tuple[str, str, int, int, Tuple[bytes, bytes]]] = {}
_DIRECTIONS = 1024


# ------------------------------------------------------------------ where IP begins


def _linked(data: bytes, at: int) -> Tuple[int, int]:
    """IP behind an EtherType at `data[at:]`: (its offset, its version), VLAN tags, PPPoE stepped over."""
    for _ in range(4):
        if len(data) < at + 2:
            break
        kind = data[at] << 8 | data[at + 1]
        at += 2
        if kind in _ETHER:
            return at, _ETHER[kind]
        if kind == 0x8864 and len(data) >= at + 8 and data[at] == 0x11:  # PPPoE session, RFC 2516
            return at + 8, _PPP.get(data[at + 6] << 8 | data[at + 7], 0)
        if kind not in _TAGS:
            break
        at += 2
    return 0, 0


def _guess_link(data: bytes) -> int:
    """Length of the link header that the first bytes prove, 0 where they prove none."""
    at, version = _linked(data, 12)
    if _fits(data, at, version):
        return at
    if len(data) < 8:
        return 0
    first = data[0] << 8 | data[1]
    if first in _ETHER and not data[2] and not data[3]:  # SLL2: protocol, reserved, interface
        if _fits(data, 20, _ETHER[first]):
            return 20
    elif first <= 4:  # SLL: direction, ARPHRD, length of address, address, protocol
        at, version = _linked(data, 14)
        if _fits(data, at, version):
            return at
    family = data[0] or data[3]
    if family in _FAMILIES and sum(data[:4]) == family and _fits(data, 4, _FAMILIES[family]):
        return 4  # BSD loopback, in either byte order
    if first == 0x1100 and _fits(data, 8, _PPP.get(data[6] << 8 | data[7], 0)):
        return 8  # PPPoE without Ethernet, as under plain -x
    if first == 0xFF03 and _fits(data, 4, _PPP.get(data[2] << 8 | data[3], 0)):
        return 4
    if _fits(data, 2, _PPP.get(first, 0)):
        return 2
    return 0


def _fits(data: bytes, at: int, version: int) -> bool:
    """Does data[at] begin a header of this IP version? True as well where nothing denies it."""
    if not version or not at or len(data) <= at:
        return False
    lead = data[at]
    if version == 4:
        return 0x45 <= lead <= 0x4F
    return lead >> 4 == 6


def _checked(data: bytes, at: int) -> bool:
    """Is data[at:] an IPv4 header whose checksum is right?"""
    if len(data) < at + 20 or not 0x45 <= data[at] <= 0x4F:
        return False
    size = (data[at] & 15) * 4
    if len(data) < at + size:
        return False
    total = data[at + 2] << 8 | data[at + 3]
    return (total >= size or not total) and int.from_bytes(data[at : at + size], "big") % 0xFFFF == 0


def _sane6(data: bytes, at: int) -> bool:
    """Does data[at:] look like an IPv6 header? (RFC 8200 section 3)"""
    return (
        len(data) >= at + 40 and data[at] >> 4 == 6 and data[at + 6] in _LIKELY6 and data[at + 7] > 0
        and (data[at + 8] >> 5 == 1 or data[at + 8] in (0, 0xFC, 0xFD, 0xFE))
    )


def _locate(data: bytes) -> int:
    """Offset of the IP header in a packet's bytes, -1 where there is none to be seen."""
    if data[:1] == b"E" and _checked(data, 0):
        return 0
    link = _guess_link(data)
    if link:
        return link
    kind = data[12] << 8 | data[13] if len(data) >= 14 else 0
    if _sane6(data, 0) and not (kind == 0x0806 and data[14:18] == b"\0\1\x08\0"):
        return 0
    for link in _BARE:
        if _checked(data, link):
            return link
    for link in _BARE[1:]:
        if _sane6(data, link) and data[link + 6] == TCP:
            return link
    snap = data.find(_SNAP, 0, _SNAP_END)
    if snap >= 0:
        link, version = _linked(data, snap + len(_SNAP))
        if _fits(data, link, version):
            return link
    if len(data) >= 8 and kind not in _NO_IP:
        if 0x45 <= data[0] <= 0x4F:
            # Broken or altered header, or one cut short: no checksum vouches for it.
            size = (data[0] & 15) * 4
            total = data[2] << 8 | data[3]
            if (total >= size or not total) and (len(data) < 10 or data[9] in _LIKELY):
                return 0
        elif data[0] >> 4 == 6 and len(data) < 40 and data[6] in _LIKELY6 and data[7]:
            return 0
    return -1


def measure(data: bytes) -> int:
    """Bytes of the link header and the IP datagram at the start of `data`, by IP's total length.

    0: it cannot be told (no IP, too few bytes to be sure, total length 0 as segmentation offload
    leaves it, or an IPv6 jumbogram). Once told it stays the same when more bytes come.
    """
    if len(data) < 20:
        return 0
    if data[0] == 0x45 and not int.from_bytes(data[:20], "big") % 0xFFFF:
        total = data[2] << 8 | data[3]
        if total >= 20:
            return total
    at = _locate(data)
    if at < 0 or len(data) < at + 6:
        return 0
    if data[at] >> 4 == 4:
        total = data[at + 2] << 8 | data[at + 3]
        return at + total if total >= (data[at] & 15) * 4 else 0
    length = data[at + 4] << 8 | data[at + 5]
    # Without its addresses, what looks like IPv6 may be the start of an Ethernet address.
    return at + 40 + length if length and (at or len(data) >= 40) else 0


# ------------------------------------------------------------------ headers off


def strip(packet: Packet, data: bytes, wire_end: Optional[int] = None) -> bool:
    """Fills in what the headers at the start of `data` (dump offset 0) say of `packet`.

    `wire_end`: dump offset where the packet ends if IP does not say (total length 0); the end of
    `data` if not given. Returns whether it is TCP with ports and sequence number there to be read.
    Padding behind IP's total length is no payload. What could not be read is told in `packet.note`.
    """
    headers = usual(data)
    if headers is None:
        return _strip(packet, data, wire_end)
    tell(packet, headers)
    return True


def usual(data: bytes) -> Optional[Headers]:
    """What `strip` finds, if `data` begins with IPv4 without options, at once or behind Ethernet, and TCP; IP's checksum is
    right, and nothing is to be noted. None: anything else."""
    if len(data) >= 40 and data[0] == 0x45:
        at = 0
    elif len(data) >= 54 and data[14] == 0x45 and data[12] == 8 and not data[13]:
        at = 14
    else:
        return None
    total, ipid, fragment, ttl, protocol, ends, seq, ack, bits, window = _IP4_TCP(data, at)
    if protocol != TCP or fragment & 0x3FFF or _number(data[at : at + 20], "big") % 0xFFFF:
        return None
    head = bits >> 12 << 2
    start = at + 20 + head
    if head < 20 or start > at + total:
        return None
    src, dst, sport, dport, key = _directions.get(ends) or _direction(ends)
    return (
        at, 20, head, 4, TCP, src, dst, sport, dport, _FLAGS[bits & 0xFF], seq, ack if bits & 16 else None, window, ttl, ipid,
        key, start, at + total,
    )  # fmt: skip


def _direction(ends: bytes) -> Tuple[str, str, int, int, Tuple[bytes, bytes]]:
    """Addresses and ports: remembers them."""
    src, dst, sport, dport = ends[:4], ends[4:8], ends[8:10], ends[10:]
    if len(_directions) >= _DIRECTIONS:
        _directions.clear()
    known = _directions[ends] = (address(src), address(dst), _WORD(sport)[0], _WORD(dport)[0], (src + sport, dst + dport))
    return known


def tell(packet: Packet, headers: Headers) -> None:
    """Sets what the headers say."""
    (
        packet.link, packet.ip, packet.tcp, packet.version, packet.protocol, packet.src, packet.dst, packet.sport, packet.dport,
        packet.flags, packet.seq, packet.ack, packet.window, packet.ttl, packet.ipid, packet.key, packet.start, packet.end,
    ) = headers  # fmt: skip


def _strip(packet: Packet, data: bytes, wire_end: Optional[int]) -> bool:
    """The same for every other shape of packet, headers cut short among them."""
    at = _locate(data)
    if at < 0:
        packet.note = "no IP header found"
        return False
    packet.link = at
    limit = len(data) if wire_end is None else wire_end
    if data[at] >> 4 == 4:
        layer = _ip4(packet, data, at, limit)
    else:
        layer = _ip6(packet, data, at, limit)
    if layer is None:
        packet.start = packet.end
        return False
    src, dst, offset, first = layer
    packet.ip = offset - at
    if packet.protocol != TCP:
        packet.start = min(offset, packet.end)
        return False
    if not first:
        packet.start = min(offset, packet.end)
        return False
    return _tcp(packet, data, offset, src, dst)


# Source and destination address, offset of what IP carries, whether that is its first byte.
_Layer = Optional[Tuple[bytes, bytes, int, bool]]


def _ip4(packet: Packet, data: bytes, at: int, limit: int) -> _Layer:
    packet.version = 4
    size = (data[at] & 15) * 4
    packet.ip = size
    total = data[at + 2] << 8 | data[at + 3] if len(data) >= at + 4 else 0
    packet.end = max(at + total if total >= size else limit, at)
    if total < size:
        packet.note = f"IP's total length is {total}: the packet is taken to end with the dump"
    if len(data) >= at + 10:
        packet.ttl = data[at + 8]
        packet.protocol = data[at + 9]
        packet.ipid = data[at + 4] << 8 | data[at + 5]
    if len(data) < at + 20:
        packet.note = "the IP header is cut short"
        return None
    src, dst = data[at + 12 : at + 16], data[at + 16 : at + 20]
    packet.src, packet.dst = address(src), address(dst)
    word = data[at + 6] << 8 | data[at + 7]
    place = (word & 0x1FFF) * 8
    if word & 0x3FFF:
        packet.note = _fragment_note(place, bool(word & 0x2000))
    offset = at + size
    if packet.protocol == _AUTH and not place and len(data) >= offset + 2:
        packet.protocol = data[offset]
        offset += (data[offset + 1] + 2) * 4
    return src, dst, offset, not place


def _ip6(packet: Packet, data: bytes, at: int, limit: int) -> _Layer:
    packet.version = 6
    packet.ip = 40
    length = data[at + 4] << 8 | data[at + 5] if len(data) >= at + 6 else 0
    packet.end = max(at + 40 + length if length else limit, at)
    if len(data) < at + 40:
        packet.note = "the IP header is cut short"
        if len(data) >= at + 8:
            packet.protocol, packet.ttl = data[at + 6], data[at + 7]
        return None
    packet.ttl = data[at + 7]
    src, dst = data[at + 8 : at + 24], data[at + 24 : at + 40]
    packet.src, packet.dst = address(src), address(dst)
    kind, offset, place = data[at + 6], at + 40, 0
    while kind in _EXTENSIONS and not place:
        if len(data) < offset + 8 or offset >= packet.end:
            packet.note = "the IPv6 extension headers are cut short"
            packet.protocol = kind
            packet.ip = offset - at
            return None
        following = data[offset]
        if kind == _FRAGMENT:
            word = data[offset + 2] << 8 | data[offset + 3]
            place = word & 0xFFF8
            if word & 0xFFF9:
                packet.note = _fragment_note(place, bool(word & 1))
            offset += 8
        elif kind == _AUTH:
            offset += (data[offset + 1] + 2) * 4
        else:
            offset += (data[offset + 1] + 1) * 8
        kind = following
    packet.protocol = kind
    return src, dst, offset, not place


def _tcp(packet: Packet, data: bytes, offset: int, src: bytes, dst: bytes) -> bool:
    """The TCP header at dump offset `offset` (RFC 9293 section 3.1), as far as it is there."""
    there = min(len(data), packet.end) - offset
    if there < 8:
        packet.start = packet.end
        packet.note = packet.note or "the TCP header is not captured"
        if there >= 4:
            packet.sport, packet.dport = _WORD(data, offset)[0], _WORD(data, offset + 2)[0]
        return False
    packet.sport = data[offset] << 8 | data[offset + 1]
    packet.dport = data[offset + 2] << 8 | data[offset + 3]
    packet.key = (src + data[offset : offset + 2], dst + data[offset + 2 : offset + 4])
    packet.seq = int.from_bytes(data[offset + 4 : offset + 8], "big")
    if there < 14:
        # Where the payload begins is not known, so nothing can be said of it.
        packet.start = packet.end
        packet.note = packet.note or "the TCP header is cut short"
        return True
    size = data[offset + 12] >> 4 << 2
    packet.flags = _FLAGS[data[offset + 13]]
    packet.ack = int.from_bytes(data[offset + 8 : offset + 12], "big") if data[offset + 13] & 16 else None
    if there >= 16:
        packet.window = _WORD(data, offset + 14)[0]
    if size < 20 or offset + size > packet.end:
        packet.note = packet.note or f"the TCP header says it is {size} bytes long"
        packet.start = packet.end
        return True
    packet.tcp = size
    packet.start = offset + size
    return True


def _fragment_note(place: int, more: bool) -> str:
    if not place:
        return "fragment: the first part of an IP datagram; the rest is in other packets"
    return f"fragment: part of an IP datagram from its byte {place} on{'' if more else ', its last'}"


# ------------------------------------------------------------------ addresses


def address(raw: bytes) -> str:
    """An IPv4 (4 bytes) or IPv6 (16 bytes) address as text; IPv6 as RFC 5952 has it."""
    name = _names.get(raw)
    if name is None:
        if len(_names) >= _NAMES:
            _names.clear()
        name = _names[raw] = ".".join(map(str, raw)) if len(raw) == 4 else _name6(raw)
    return name


def _name6(raw: bytes) -> str:
    words = [raw[i] << 8 | raw[i + 1] for i in range(0, 16, 2)]
    start = length = 0  # the longest run of two or more zero words, the first of equals
    i = 0
    while i < 8:
        j = i
        while j < 8 and not words[j]:
            j += 1
        if j - i > max(length, 1):
            start, length = i, j - i
        i = j + 1
    if start == 0 and (length == 6 or length == 5 and words[5] == 0xFFFF):
        # An IPv4 address inside (RFC 4291 section 2.5.5).
        return ("::" if length == 6 else "::ffff:") + ".".join(str(byte) for byte in raw[12:])
    if not length:
        return ":".join(f"{word:x}" for word in words)
    before = ":".join(f"{word:x}" for word in words[:start])
    return before + "::" + ":".join(f"{word:x}" for word in words[start + length :])
