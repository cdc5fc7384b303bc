"""Which bytes of a unit are new, and where they lie."""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice

from hexnote.hints import Any, Iterable, List
from hexnote.model import GROUP, Field, Packet, Part

_BEHIND = 1 << 62  # no stream offset is larger


def wire_end(part: Part, packet: Packet) -> int:
    """Local offset where the packet's payload ends, by its headers; -1 where they are not there."""
    if packet.ip is None or packet.offset is None or packet.note or part.pieces is not None or part.buffer:
        return -1
    wire = packet.offset + packet.end - packet.start - part.base
    return wire if wire > 0 else 0


def begun_here(part: Part, start: int, packet: Packet) -> bool:
    """Whether the byte at local offset `start` of a unit is one of the packet that has its new bytes, shown or not."""
    first = part.base + start
    if part.pieces is not None:
        local, stream, _ = part.pieces[max(bisect_right(part.pieces, (start, _BEHIND, 0)) - 1, 0)]
        first = stream + start - local
    return first >= (0 if part.buffer else packet.offset or 0)


def peek(buf: Any, start: int, end: int) -> bytes:
    """The bytes of [start, end) as far as they are there without a hole."""
    if isinstance(buf, bytes):
        return buf[start:end]
    for low, high in buf.shown(start, min(end, len(buf))):
        return bytes(buf[low:high]) if low == start else b""
    return b""


def fields_from(fields: List[Field], first: int) -> Iterable[Field]:
    """The fields from the leaf on that holds local offset `first`; those before it were told."""
    if first <= 0 or not fields:
        return fields
    low, high = 0, len(fields)
    while low < high:
        middle = (low + high) // 2
        if fields[middle][1] < first:
            low = middle + 1
        else:
            high = middle
    low -= 1
    while low > 0 and (fields[low][0].kind == GROUP or fields[low][1] == fields[low][2]):
        low -= 1
    return islice(fields, low, None) if low > 0 else fields


def local_of(part: Part, at: int) -> int:
    """Local offset of stream offset `at`, for the ends of the new bytes."""
    if part.pieces is None:
        return at - part.base
    for start, stream, size in reversed(part.pieces):  # new bytes are the last ones
        if at >= stream:
            return start + min(at - stream, size)
    return 0
