"""The fields of a unit one by one: their paths, where they lie in the stream, in which packets their bytes stand.

What JSON prints of a field and what a Report keeps of it are said here, once.
"""

from __future__ import annotations

from bisect import bisect_right

from hexnote.hints import Any, Dict, Iterator, List, Optional, Tuple
from hexnote.model import ARRAY, GROUP, OTHER, Connection, Node, Part

# (packet, start, end): dump offsets.
Place = Tuple[int, int, int]
# (buffer, start, end)
Cut = Tuple[str, int, int]
# (node, group, path, start, end, depth, buffer, cuts, offset, at): see `walk`.
Told = Tuple[Node, bool, str, int, int, int, str, List[Cut], int, List[Place]]

_UNCUT: List[Cut] = []


def places(part: Part, connection: Optional[Connection]) -> Any:
    """What knows where a part's bytes stand in the dump (it has `find`); None: nothing does."""
    if part.buffer:
        return part.places
    return connection.readers[part.side].places if connection is not None else None


def home(part: Part) -> Tuple[str, int]:
    """In which buffer a message begins ("": the stream), and its offset there."""
    if part.buffer:
        return part.homes[0] if part.homes is not None else (part.buffer, part.base)
    return "", part.message.offset if part.message is not None else part.base


def walk(part: Part, places: Any) -> Iterator[Told]:
    """Every field of `part`, in preorder, as (node, group, path, start, end, depth, buffer, cuts, offset, at).

    `[start, end)` are the unit's own offsets; `offset` is that of the first byte in `buffer` ("": the stream), and
    `at` where the bytes stand in the dump, as `places` knows. `cuts` tells the field's pieces where it lies in
    several buffers. Bytes outside of any record are a buffer of their own, so that records stay tiled by their
    fields. An array comes as a group, and then each of its values; a value's path has the array's name and its number.
    """
    fields = part.fields
    if not fields:
        return
    pieces = part.pieces if part.pieces is not None and len(part.pieces) > 1 else None
    starts = [p[0] for p in pieces] if pieces else []
    extent = max(f[2] for f in fields)
    if part.message is not None and part.message.pieces:
        # Where the message is cut, only what its records promise has a place.
        extent = part.message.pieces[-1][0] + part.message.pieces[-1][2]
    first = fields[0][1]
    homes = part.homes if pieces and part.buffer else None
    shift = part.base if part.kind == OTHER else 0
    buffer = f"other:{part.base}" if part.kind == OTHER else part.buffer
    cuts = _UNCUT
    path: List[str] = []
    spot = None if pieces is not None or places is None else _spot(places, part.base, part.base + extent)
    for node, start, end, depth, index in fields:
        if end > extent:
            end = extent
            if start > extent or (start == extent and node.kind != GROUP and first != start):
                continue
        del path[depth:]
        path.append(f"{node.name}[{index}]" if index >= 0 else node.name)
        name = ".".join(path)
        if spot is not None:
            offset, at = part.base + start, [(spot[0], spot[1] + start, spot[1] + end)] if end > start else []
        else:
            offset, at = _place(part, pieces, starts, start, end, places)
        if homes is not None and pieces:
            buffer, offset, cuts = _home(homes, pieces, starts, start, end)
        array = node.kind == ARRAY
        yield node, array or node.kind == GROUP, name + node.suffix, start, end, depth, buffer, cuts, offset - shift, at
        if array:
            size = node.size
            for i, item in enumerate(range(start, end, size)):
                behind = min(item + size, end)
                if spot is not None:
                    offset, at = part.base + item, [(spot[0], spot[1] + item, spot[1] + behind)]
                else:
                    offset, at = _place(part, pieces, starts, item, behind, places)
                if homes is not None and pieces:
                    buffer, offset, cuts = _home(homes, pieces, starts, item, behind)
                yield node, False, f"{name}[{i}]", item, behind, depth + 1, buffer, cuts, offset - shift, at


def _spot(places: Any, start: int, end: int) -> Optional[Place]:
    """Where the bytes [start, end) stand, if they stand together and all of them are there."""
    found = places.find(start, end)
    if len(found) == 1 and found[0][2] - found[0][1] == end - start:
        return found[0]  # type: ignore[no-any-return]
    return None


def where(part: Part, start: int, end: int, places: Any) -> List[Place]:
    """Where the bytes [start, end) of a unit, in its own offsets, stand in which packets."""
    pieces = part.pieces if part.pieces is not None and len(part.pieces) > 1 else None
    return _place(part, pieces, [p[0] for p in pieces] if pieces else [], start, end, places)[1]


def known(buf: Any, start: int, end: int) -> Optional[bytes]:
    """The bytes [start, end) of a unit's buffer; None where some of them are not there."""
    if end <= len(buf) and (isinstance(buf, bytes) or buf.known(start, end)):
        return bytes(buf[start:end])
    return None


def digits(buf: Any, start: int, end: int) -> str:
    """Hex of the bytes [start, end) of a unit's buffer, `..` for each of those that are not there."""
    have = len(buf)
    if isinstance(buf, bytes):
        return buf[start:end].hex() + ".." * (end - max(start, min(end, have)))
    out, done = [], start
    for a, b in buf.shown(start, min(end, have)):
        out.append(".." * (a - done))
        out.append(buf[a:b].hex())
        done = b
    out.append(".." * (end - done))
    return "".join(out)


def bits(node: Node, raw: bytes) -> Dict[str, int]:
    """The bit fields of a leaf, high bit first; empty where it has none."""
    number, left = int.from_bytes(raw, "big"), 8 * len(raw)
    made = {}
    for name, width in node.bits:
        left -= width
        made[name] = number >> left & ((1 << width) - 1)
    return made


def _place(
    part: Part, pieces: Optional[List[Tuple[int, int, int]]], starts: List[int], start: int, end: int, places: Any,
) -> Tuple[int, List[Place]]:
    """Stream offset of a field's first byte, and where its bytes stand in which packets."""
    if pieces is None:
        offset = part.base + start
        return offset, places.find(offset, part.base + end) if places is not None and end > start else []
    i = max(bisect_right(starts, start) - 1, 0)
    local, stream, size = pieces[i]
    offset = stream + start - local
    at: List[Place] = []
    while i < len(pieces) and pieces[i][0] < end:
        local, stream, size = pieces[i]
        a, b = max(start, local), min(end, local + size)
        if places is not None and a < b:
            at.extend(places.find(a - local + stream, b - local + stream))
        i += 1
    return offset, at


def _home(
    homes: List[Tuple[str, int]], pieces: List[Tuple[int, int, int]], starts: List[int], start: int, end: int,
) -> Tuple[str, int, List[Cut]]:
    """In which buffer a field lies that is part of a unit over several, its offset in it, and all its pieces."""
    i = max(bisect_right(starts, start) - 1, 0)
    name, offset = homes[i][0], homes[i][1] + start - pieces[i][0]
    cuts: List[Cut] = []
    while i < len(pieces) and pieces[i][0] < end:
        a, b = max(start, pieces[i][0]) - pieces[i][0], min(end, pieces[i][0] + pieces[i][2]) - pieces[i][0]
        if a < b:
            cuts.append((homes[i][0], homes[i][1] + a, homes[i][1] + b))
        i += 1
    return name, offset, cuts
