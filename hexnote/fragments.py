"""IP fragments given the place of their bytes in the TCP payload (RFC 791, RFC 8200 section 4.5).

Nothing is held back: the first fragment has the TCP header and hence the sequence number, so its
bytes are used at once, and those of any other as soon as the first was seen. Overlaps and doubles
are left to the stream, which knows the bytes it has.
"""

from __future__ import annotations

from hexnote.hints import Dict, List, Optional, Tuple
from hexnote.model import Packet
from hexnote.tuples import NamedTuple

_TCP = 6
_FRAGMENT, _AUTH = 44, 51
_EXTENSIONS = frozenset((0, 43, _FRAGMENT, _AUTH, 60, 135, 139, 140))


class Share(NamedTuple):
    """The part of a TCP payload that one fragment carries."""

    packet: Packet  # its `start` and `end` are the dump offsets of its part of the payload
    head: Packet  # the packet with the TCP header; for the first fragment it is `packet` itself
    place: int  # offset in the payload of its first byte
    data: bytes  # as shown; begins at dump offset `packet.start`


class _Datagram:
    __slots__ = ("head", "headers", "waiting", "size")

    def __init__(self) -> None:
        self.head: Optional[Packet] = None
        self.headers = 0  # bytes of it before the TCP payload
        self.waiting: Dict[int, Tuple[Packet, bytes]] = {}  # came before the head, by place
        self.size = 0  # bytes waiting


class Fragments:
    """The datagrams under way; those used least recently are forgotten beyond a bound."""

    def __init__(self, count: int = 256, size: int = 1 << 20) -> None:
        """At most `count` datagrams are remembered, and `size` bytes that wait for a first fragment."""
        self._datagrams: Dict[Tuple[str, str, int, int], _Datagram] = {}
        self._count = count
        self._limit = size
        self._size = 0

    def add(self, packet: Packet, data: bytes) -> List[Share]:
        """Takes a packet whose headers were measured, with its bytes from dump offset 0 on.

        Returns the shares whose place is known by it, its own first. None where it is no fragment
        of TCP or where the datagram's first fragment has not come.
        """
        part = _part(packet, data)
        if part is None or packet.src is None or packet.dst is None:
            return []
        name, place, offset = part
        key = (packet.src, packet.dst, name, packet.version or 0)
        datagram = self._datagrams.pop(key, None) or _Datagram()
        self._datagrams[key] = datagram  # the one used last stands last
        if len(self._datagrams) > self._count:
            self._forget()
        if not place:
            if packet.tcp is None or packet.seq is None:
                return []
            datagram.head, datagram.headers = packet, packet.start - offset
            shares = [Share(packet, packet, 0, data[packet.start : packet.end])]
            for place in sorted(datagram.waiting):
                other, shown = datagram.waiting[place]
                shares += _share(other, packet, place - datagram.headers, shown)
            self._size -= datagram.size
            datagram.size = 0
            datagram.waiting = {}
            return shares
        shown = data[packet.start : packet.end]
        if datagram.head is not None:
            return _share(packet, datagram.head, place - datagram.headers, shown)
        if place not in datagram.waiting:
            datagram.waiting[place] = (packet, shown)
            datagram.size += len(shown) + 256
            self._size += len(shown) + 256
            while self._size > self._limit:
                self._forget()
        return []

    def _forget(self) -> None:
        oldest = next(iter(self._datagrams))
        self._size -= self._datagrams.pop(oldest).size


def _share(packet: Packet, head: Packet, place: int, data: bytes) -> List[Share]:
    """A later fragment's share; bytes of it that belong to the TCP header (RFC 1858) are left out."""
    if place < 0:
        packet.start = min(packet.start - place, packet.end)
        data = data[-place:]
        place = 0
    packet.key, packet.sport, packet.dport = head.key, head.sport, head.dport
    return [Share(packet, head, place, data)] if packet.start < packet.end else []


def _part(packet: Packet, data: bytes) -> Optional[Tuple[int, int, int]]:
    """Identification of the datagram, place in it, dump offset of that place; None: no TCP fragment."""
    if packet.protocol != _TCP or packet.link is None or packet.ip is None:
        return None
    at = packet.link
    if packet.version == 4:
        word = data[at + 6] << 8 | data[at + 7]
        if not word & 0x3FFF:
            return None
        return data[at + 4] << 8 | data[at + 5], (word & 0x1FFF) * 8, at + (data[at] & 15) * 4
    kind, offset = data[at + 6], at + 40
    while kind in _EXTENSIONS and len(data) >= offset + 8:
        if kind == _FRAGMENT:
            word = data[offset + 2] << 8 | data[offset + 3]
            if not word & 0xFFF9:
                return None
            return int.from_bytes(data[offset + 4 : offset + 8], "big"), word & 0xFFF8, offset + 8
        size = (data[offset + 1] + 2) * 4 if kind == _AUTH else (data[offset + 1] + 1) * 8
        kind, offset = data[offset], offset + size
    return None
