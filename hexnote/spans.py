"""Where bytes came from, and where bytes are that nobody has.

`Pieces` maps the stream offsets of one direction to the packets that brought the bytes. `Patchy`
is a buffer some of whose bytes are known to exist but were never shown: a decoder reads it as it
reads bytes, and learns of a hole by the exception `Hole` when it touches one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right

from hexnote.hints import Iterable, List, Optional, Tuple, Union, overload


class Hole(Exception):
    """Bytes were asked for that the trace does not show; `offset` is the first of them."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset  # index in the buffer that raised it


class Patchy:
    """Bytes with holes: `len()`, `[i]` and `[a:b]` as of `bytes`, but a hole touched raises `Hole`.

    A hole costs no memory, whatever its length.
    """

    __slots__ = ("_starts", "_parts", "_length", "_low", "_high", "_part")

    def __init__(self, parts: Iterable[Tuple[Optional[bytes], int]]) -> None:
        """`parts`: in order, `(bytes, their length)` or `(None, length of a hole)`."""
        starts: List[int] = []
        joined: List[Optional[bytes]] = []
        run: List[bytes] = []  # neighbouring bytes, joined once at their end
        length = 0
        for part, size in parts:
            if part is not None:
                size = len(part)
            if size <= 0:
                continue
            if not joined or (part is None) != (joined[-1] is None):
                if run:
                    joined[-1] = b"".join(run)
                    run = []
                starts.append(length)
                joined.append(part)
            if part is not None:
                run.append(part)
            length += size
        if run:
            joined[-1] = b"".join(run)
        self._starts = starts
        self._parts = joined
        self._length = length
        # The part that was read last: decoders read on from where they are.
        self._low = self._high = 0
        self._part = b""

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, key: int) -> int: ...

    @overload
    def __getitem__(self, key: slice) -> bytes: ...  # noqa: F811

    def __getitem__(self, key: Union[int, slice]) -> Union[int, bytes]:  # noqa: F811
        if isinstance(key, slice):
            start, stop, step = key.indices(self._length)
            if step != 1:
                return bytes(self[i] for i in range(start, stop, step))
            if start >= stop:
                return b""
            self._seek(start)
            if stop > self._high:
                raise Hole(self._high)
            return self._part[start - self._low : stop - self._low]
        if self._low <= key < self._high:
            return self._part[key - self._low]
        if key < 0:
            key += self._length
        if not 0 <= key < self._length:
            raise IndexError("index out of range")
        self._seek(key)
        return self._part[key - self._low]

    def __bytes__(self) -> bytes:
        return self[0 : self._length]

    def _seek(self, offset: int) -> None:
        """Makes the part that holds `offset` the current one; raises Hole where it is a hole."""
        if self._low <= offset < self._high:
            return
        i = bisect_right(self._starts, offset) - 1
        part = self._parts[i]
        if part is None:
            raise Hole(offset)
        self._low = self._starts[i]
        self._high = self._low + len(part)
        self._part = part

    def known(self, start: int, end: int) -> bool:
        """Is every byte of `[start, end)` there? Bytes past the end of the buffer are not."""
        if start >= end:
            return True
        if start < 0 or end > self._length:
            return False
        try:
            self._seek(start)
        except Hole:
            return False
        return end <= self._high

    def shown(self, start: int, end: int) -> List[Tuple[int, int]]:
        """The parts of `[start, end)` that are there, in order, as half-open ranges."""
        start, end = max(start, 0), min(end, self._length)
        ranges: List[Tuple[int, int]] = []
        i = max(bisect_right(self._starts, start) - 1, 0)
        while i < len(self._parts) and self._starts[i] < end:
            part = self._parts[i]
            if part is not None:
                low, high = max(start, self._starts[i]), min(end, self._starts[i] + len(part))
                if low < high:
                    ranges.append((low, high))
            i += 1
        return ranges

    def missing(self, start: int, end: int) -> int:
        """How many bytes of `[start, end)` are not there, those past the end of the buffer included."""
        return max(end - start, 0) - sum(high - low for low, high in self.shown(start, end))

    def hex(self, start: int, end: int) -> str:
        """The bytes `[start, end)` in hex, `..` for each that is not there."""
        told: List[str] = []
        for low, high in self.shown(start, end):
            told.append(".." * (low - start))
            told.append(self[low:high].hex())
            start = high
        told.append(".." * (end - start))
        return "".join(told)


def without(buf: bytes, gaps: List[Tuple[int, int]]) -> Patchy:
    """The buffer as if the bytes of these ranges, ascending and disjoint, were missing."""
    parts: List[Tuple[Optional[bytes], int]] = []
    at = 0
    for start, end in gaps:
        parts += [(buf[at:start], start - at), (None, end - start)]
        at = end
    return Patchy([*parts, (buf[at:], len(buf) - at)])


class Pieces:
    """The places of one direction's bytes: stream offset to packet number and dump offset.

    Bounded: beyond `limit` pieces the ones at the lowest offsets are forgotten.
    """

    __slots__ = ("_starts", "_ends", "_packets", "_dumps", "_limit")

    def __init__(self, limit: int = 1 << 16) -> None:
        self._starts = array("q")  # ascending; the ranges [start, end) are disjoint and not empty
        self._ends = array("q")
        self._packets = array("q")
        self._dumps = array("q")  # dump offset of each piece's first byte
        self._limit = max(limit, 2)

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, offset: int, length: int, packet: int, dump: int) -> None:
        """Notes that the bytes `[offset, offset + length)` of the stream are packet number `packet`'s
        bytes from dump offset `dump` on. Of bytes told twice the first telling stands."""
        if length <= 0:
            return
        ends = self._ends
        if ends and offset <= ends[-1]:
            if offset < ends[-1]:
                self._patch(offset, offset + length, packet, dump)
                return
            if packet == self._packets[-1] and dump - self._dumps[-1] == offset - self._starts[-1]:
                ends[-1] = offset + length
                return
        self._starts.append(offset)
        ends.append(offset + length)
        self._packets.append(packet)
        self._dumps.append(dump)
        if len(ends) > self._limit:
            self._drop(self._limit // 2)

    def _patch(self, start: int, end: int, packet: int, dump: int) -> None:
        """Puts in those parts of `[start, end)` that no piece covers yet."""
        i = bisect_right(self._ends, start)  # the first piece that ends behind `start`
        shift = dump - start
        while start < end:
            stop = min(end, self._starts[i]) if i < len(self._starts) else end
            if start < stop:
                self._starts.insert(i, start)
                self._ends.insert(i, stop)
                self._packets.insert(i, packet)
                self._dumps.insert(i, start + shift)
                i += 1
            if i >= len(self._ends):
                break
            start = max(stop, self._ends[i])
            i += 1
        if len(self._ends) > self._limit:
            self._drop(self._limit // 2)

    def find(self, start: int, end: int) -> List[Tuple[int, int, int]]:
        """Where `[start, end)` of the stream stands: `(packet number, dump start, dump end)`, in the
        order of the stream, neighbours merged; what no packet brought is left out. An empty range
        gives its empty place, if the byte before or after it has one."""
        starts, ends = self._starts, self._ends
        i = bisect_right(starts, start) - 1
        if i >= 0 and end <= ends[i]:
            shift = self._dumps[i] - starts[i]
            return [(self._packets[i], start + shift, end + shift)]
        places: List[Tuple[int, int, int]] = []
        i = max(i, 0)
        while i < len(starts) and starts[i] < end:
            low, high = max(start, starts[i]), min(end, ends[i])
            if low < high:
                packet, shift = self._packets[i], self._dumps[i] - starts[i]
                if places and places[-1][0] == packet and places[-1][2] == low + shift:
                    places[-1] = (packet, places[-1][1], high + shift)
                else:
                    places.append((packet, low + shift, high + shift))
            i += 1
        return places

    def within(self, start: int, end: int) -> Pieces:
        """The places of `[start, end)` alone, to be kept when these are forgotten."""
        made = Pieces()
        i = max(bisect_right(self._starts, start) - 1, 0)
        while i < len(self._starts) and self._starts[i] < end:
            low, high = max(start, self._starts[i]), min(end, self._ends[i])
            made.add(low, high - low, self._packets[i], self._dumps[i] + low - self._starts[i])
            i += 1
        return made

    def _drop(self, count: int) -> None:
        del self._starts[:count], self._ends[:count], self._packets[:count], self._dumps[:count]


def merge(ranges: List[Tuple[int, int]], start: int, end: int) -> None:
    """Adds `[start, end)` to a sorted list of disjoint ranges, in place; touching ones become one."""
    if start >= end:
        return
    if not ranges or start > ranges[-1][1]:
        ranges.append((start, end))
        return
    low = bisect_left([high for _, high in ranges], start)
    high = bisect_right([first for first, _ in ranges], end)
    if low < high:
        start, end = min(start, ranges[low][0]), max(end, ranges[high - 1][1])
    ranges[low:high] = [(start, end)]


def remove(ranges: List[Tuple[int, int]], start: int, end: int) -> int:
    """Takes `[start, end)` out of a sorted list of disjoint ranges, in place; how much of it was in them."""
    low = bisect_left(ranges, (start, start))
    if low and ranges[low - 1][1] > start:
        low -= 1
    high = low
    while high < len(ranges) and ranges[high][0] < end:
        high += 1
    taken = ranges[low:high]
    ranges[low:high] = [part for lo, hi in taken for part in ((lo, min(hi, start)), (max(lo, end), hi)) if part[0] < part[1]]
    return sum(min(hi, end) - max(lo, start) for lo, hi in taken)
