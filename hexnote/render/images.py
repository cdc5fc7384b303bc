"""The bytes of a packet as its dump shows them, and what they become."""

from __future__ import annotations

from hexnote.hints import Dict, Iterator, List, Optional, Tuple
from hexnote.report import Packet


class Image:
    """Offsets are those of the dump. What no row shows is not there; what nobody has set stays as it is."""

    def __init__(self, packet: Packet) -> None:
        self.packet = packet
        self.told: Dict[int, int] = {}  # checksums that the summary line prints: old to new
        self.base = min((block.offset for block in packet.blocks if block.data), default=0)
        # A hole costs its bytes here: offsets of one packet lie within the 64 KB of a datagram, or near its last row.
        self.size = max((block.offset + len(block.data) for block in packet.blocks), default=0)
        length = max(self.size - self.base, 0)
        self.old = bytearray(length)
        self._have = bytearray(length)
        self._new = bytearray(length)
        self._set = bytearray(length)
        for block in packet.blocks:
            start, end = block.offset - self.base, block.offset - self.base + len(block.data)
            self.old[start:end] = block.data
            self._have[start:end] = b"\1" * len(block.data)

    def set(self, start: int, new: bytes) -> None:
        """The bytes from `start` on become these."""
        at = start - self.base
        if at < 0:
            new, at = new[-at:], 0
        new = new[: max(len(self._new) - at, 0)]
        self._new[at : at + len(new)] = new
        self._set[at : at + len(new)] = b"\1" * len(new)

    def at(self, offset: int) -> Optional[int]:
        """The byte at an offset; None where the dump does not show it."""
        i = offset - self.base
        return self.old[i] if 0 <= i < len(self.old) and self._have[i] else None

    def bytes(self, start: int, end: int) -> Optional[bytes]:
        """The bytes [start, end) as the dump shows them; None where it lacks one."""
        a, b = start - self.base, end - self.base
        return bytes(self.old[a:b]) if 0 <= a <= b <= len(self.old) and 0 not in self._have[a:b] else None

    def value(self, offset: int, shown: int) -> int:
        """What a byte becomes that a row shows at `offset`; rows of one packet may differ in what they show."""
        i = offset - self.base
        return self._new[i] ^ self.old[i] ^ shown if 0 <= i < len(self._set) and self._set[i] else shown

    def changed(self, start: int, end: int) -> Iterator[Tuple[int, int, int]]:
        """The bytes of [start, end) that become others: (offset, old, new)."""
        base, old, new, done, have = self.base, self.old, self._new, self._set, self._have
        for i in range(max(start - base, 0), min(end - base, len(old))):
            if done[i] and have[i] and old[i] != new[i]:
                yield base + i, old[i], new[i]

    def untouched(self, first: int) -> List[Tuple[int, int]]:
        """Ranges from `first` on that are shown and have become nothing yet."""
        runs: List[Tuple[int, int]] = []
        at = max(first - self.base, 0)
        for i in range(at, len(self.old)):
            if self._have[i] and not self._set[i]:
                if runs and runs[-1][1] == i:
                    runs[-1] = (runs[-1][0], i + 1)
                else:
                    runs.append((i, i + 1))
        return [(a + self.base, b + self.base) for a, b in runs]
