"""Checksums mended after bytes were replaced: one that was right is right again, one that was wrong stays wrong."""

from __future__ import annotations

from hexnote.hints import Dict, Optional, Tuple
from hexnote.render.images import Image
from hexnote.report import Packet

# Where the checksum stands in the headers of ICMP, TCP, UDP and ICMPv6. That of ICMP covers no addresses.
_PLACES = {1: 2, 6: 16, 17: 6, 58: 2}
_ICMP = 1


class Sums:
    """The checksums of one packet. `image` has its bytes before and after."""

    def __init__(self, image: Image, packet: Packet) -> None:
        self._image = image
        self._ip = packet.link or 0
        self._version = packet.version
        self._above = self._ip + (packet.ip or 0)  # where the header above IP begins
        self._end = packet.start + packet.payload if packet.tcp is not None else image.size
        self._tcp = packet.tcp is not None
        self._whole = not packet.note.startswith("fragment")

    def mend(self) -> Dict[int, int]:
        """Write the checksums anew (RFC 1624). What summary lines print of them: old value to new one."""
        told: Dict[int, int] = {}
        image, ip, above = self._image, self._ip, self._above
        if self._version == 4:
            self._set(ip + 10, self._moved(ip + 10, self._change(ip, above, ip, skip=(ip + 10, ip + 12))), told)
        protocol = 6 if self._tcp else image.at(ip + (9 if self._version == 4 else 6))
        place = above + _PLACES[protocol] if protocol in _PLACES else -1
        old = self._word(place)
        if place < 0 or old is None or not self._whole or (protocol == 17 and not old):
            return told
        addresses = 0 if protocol == _ICMP else \
            self._change(ip + 12, ip + 20, ip) if self._version == 4 else self._change(ip + 8, ip + 40, ip)
        size = self._end - above
        pseudo = self._pseudo(size, protocol) if protocol != _ICMP else None
        if pseudo is not None and old == pseudo:
            # Left to the network card: the sum of the pseudo-header alone, not complemented.
            self._set(place, (old + addresses) % 0xFFFF or 0xFFFF, told)
            return told
        change = addresses + self._change(above, self._end, above, skip=(place, place + 2))
        right = self._right(pseudo, place)
        if right is not None:
            told[right] = (right - change) % 0xFFFF
        self._set(place, self._moved(place, change), told)
        return told

    def mend_quoted(self, start: int, end: int) -> None:
        """The same for the IPv4 header [start, end) of a packet that this one quotes."""
        place = start + 10
        self._set(place, self._moved(place, self._change(start, end, start, skip=(place, place + 2))), {})

    def _word(self, at: int) -> Optional[int]:
        high, low = self._image.at(at), self._image.at(at + 1)
        return None if high is None or low is None else high << 8 | low

    def _moved(self, place: int, change: int) -> Optional[int]:
        """A checksum after the words that it covers have changed by `change` in all."""
        old = self._word(place)
        return None if old is None else old if change % 0xFFFF == 0 else (old - change) % 0xFFFF

    def _set(self, place: int, new: Optional[int], told: Dict[int, int]) -> None:
        old = self._word(place)
        if old is not None and new is not None:
            self._image.set(place, new.to_bytes(2, "big"))
            told[old] = new

    def _change(self, start: int, end: int, origin: int, skip: Tuple[int, int] = (0, 0)) -> int:
        """By how much the words of [start, end) have grown in all; words are counted from `origin`."""
        total = 0
        for at, old, new in self._image.changed(start, end):
            if not skip[0] <= at < skip[1]:
                total += (new - old) << (0 if (at - origin) & 1 else 8)
        return total

    def _pseudo(self, size: int, protocol: Optional[int]) -> Optional[int]:
        """The folded sum of the pseudo-header as it was (RFC 9293 section 3.1, RFC 8200 section 8.1)."""
        start, end = (self._ip + 12, self._ip + 20) if self._version == 4 else (self._ip + 8, self._ip + 40)
        raw = self._image.bytes(start, end)
        if raw is None:
            return None
        return (int.from_bytes(raw, "big") + size + (protocol or 0)) % 0xFFFF

    def _right(self, pseudo: Optional[int], place: int) -> Optional[int]:
        """What the checksum should have been; None where bytes are missing."""
        raw = self._image.bytes(self._above, self._end)
        if raw is None or pseudo is None:
            return None
        at = place - self._above
        raw = raw[:at] + b"\0\0" + raw[at + 2 :] + bytes(len(raw) & 1)
        return 0xFFFF - (int.from_bytes(raw, "big") + pseudo) % 0xFFFF if (int.from_bytes(raw, "big") + pseudo) % 0xFFFF else 0
