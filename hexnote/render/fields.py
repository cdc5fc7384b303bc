"""The general way: every field of a unit, wherever its bytes lie."""

from __future__ import annotations

from bisect import bisect_right

from hexnote.hints import Dict, List, Optional, Tuple
from hexnote.model import ARRAY, GROUP, MISSING, Field, Packet, Part
from hexnote.render.carets import Shape
from hexnote.render.lines import Lines
from hexnote.render.places import begun_here, fields_from, local_of, peek, wire_end
from hexnote.render.words import (
    ABOVE,
    LONG,
    OPAQUE,
    SINCE,
    count,
    endless,
    list_label,
    name_of,
    numbered,
    opaque_label,
    unfinished,
)

# Opaque runs over more rows than this are marked at their first and last row only.
FOLD = 3
# A number of so many bytes is told where it ends, too.
WHOLE = 34
TITLED = {"Certificate": "an X.509 certificate", "Name": "a name"}  # items that have a heading of their own
_ENDLESS = 1 << 62


class Fields(Lines):
    """Puts the notes of a unit's fields under the rows that hold them."""

    def __init__(self, width: int, palette: Optional[Dict[str, str]], full: bool) -> None:
        super().__init__(width, palette)
        self.level = 1 if full else 0

    def _general(self, shape: Shape, delta: int, part: Part, packet: Packet, notes: Dict[int, List[str]]) -> None:
        """The fields of a unit that lies in one piece of the stream; dump offset = stream offset + delta."""
        shift = part.base + delta
        lo, hi = part.lo - part.base, part.hi - part.base  # new bytes, local
        for field in fields_from(part.fields, lo):
            node, start, end, _, index = field
            if start >= hi:
                break
            if node.kind == GROUP or start == end:
                # Nothing to mark: what begins here is named, and taught once.
                if lo <= start and (index >= 0 or node.doc and node.doc not in self._taught and self._teaches(node.doc)):
                    self._open_group(field, shape, start + shift, notes)
            elif end > lo and node.level <= self.level:
                self._long(shape, part, field, [(max(start, lo) + shift, min(end, hi) + shift)], packet, notes)

    def _scattered(self, shape: Shape, delta: int, part: Part, packet: Packet, notes: Dict[int, List[str]]) -> None:
        """The fields of a unit whose bytes lie in several records."""
        pieces = part.pieces or []
        first, behind = local_of(part, part.lo), local_of(part, part.hi)  # new bytes, local
        for field in fields_from(part.fields, first):
            node, start, end, _, _ = field
            if start > behind:
                break
            if end < first or (end == first and start < end):
                continue
            i = max(bisect_right(pieces, (start, _ENDLESS, 0)) - 1, 0)
            if node.kind == GROUP or start == end:
                local, stream, size = pieces[i]
                place = start - local + stream
                if part.lo <= place < part.hi:
                    self._open_group(field, shape, place + delta, notes)
                continue
            if node.level > self.level:
                continue
            ranges: List[Tuple[int, int]] = []
            while i < len(pieces) and pieces[i][0] < end:
                local, stream, size = pieces[i]
                a = max(start, local) - local + stream
                b = min(end, local + size) - local + stream
                a, b = max(a, part.lo), min(b, part.hi)
                if a < b:
                    ranges.append((a + delta, b + delta))
                i += 1
            if ranges:
                self._long(shape, part, field, ranges, packet, notes)

    def _long(
        self, shape: Shape, part: Part, field: Field, ranges: List[Tuple[int, int]], packet: Packet, notes: Dict[int, List[str]],
    ) -> None:
        """A field over several rows or packets, or a list: named at its first row, told where it ends."""
        node, start, end, depth, index = field
        opaque = node.show in OPAQUE or node.kind == MISSING
        first_row = shape.row_of(ranges[0][0])
        # How far the field goes in this packet, as lengths tell it, whether shown or not.
        wire = wire_end(part, packet)
        stop = end if wire < 0 else min(end, wire)
        told = max(local_of(part, part.lo) - start, 0)  # bytes of the field told earlier
        reach = ranges[0][0] + stop - start - told if part.pieces is None else ranges[-1][1]
        blind = opaque and endless(node)
        fold = node.show in LONG and len(ranges) == 1 and (blind or shape.row_of(reach - 1) - first_row >= FOLD)
        spans = shape.ends(*ranges[0]) if fold else shape.spans(ranges)
        begins = told == 0
        ends = local_of(part, part.hi) >= end
        # A note at the first row may know of bytes up to the end of the next row.
        horizon = shape.stop(first_row + 1)
        known = told + sum(max(min(b, horizon) - a, 0) for a, b in ranges)
        full = start + known >= end
        buf = part.buf
        name = name_of(node, part)
        size = end - start
        since = "" if begins else ABOVE if begun_here(part, start, packet) else SINCE
        if node.kind == ARRAY:
            first = list_label(node, name, size, peek(buf, start, end) if full else b"") if begins else f"{name} go on{since}"
        elif full and (not opaque or (begins and len(spans) == 1 and node.show != "opaque" and not blind)):
            raw = peek(buf, start, end)
            first = node.say(raw) + since
            if node.show == "line" and raw[-1:] != b"\n" and wire > end:
                first = unfinished(first)  # rows of this packet are missing
        elif opaque and begins:
            finished = part.record is not None and part.record.finished
            first = opaque_label(node, name, size, peek(buf, start, start + min(known, 32)), finished)
        elif begins:
            first = unfinished(node.say(peek(buf, start, start + known)), -1 if node.show == "line" else size)
        elif ends and full:
            first = f"{name} ends{since}"
        elif opaque:
            here = f": bytes {told} to {stop - start}" if wire >= 0 else f" at byte {told}"
            first = f"{name} goes on{here} of {size}"
        else:
            first = f"{name} goes on{since}"
        if begins and node.kind != MISSING and 0 <= wire < end:
            first += ", goes on in a later packet"
        last = len(spans) - 1
        for i, (row, c0, c1) in enumerate(spans):
            label = ""
            if i == 0:
                label = first
            elif i == last:
                if ends and (fold or not full):
                    mute = opaque or size > WHOLE and node.show in LONG
                    label = f"{name} ends" if mute else node.say(peek(buf, start, end))
                    label = f"{name}: {count(size, 'byte')} in all" if blind else label
                    label = "" if node.kind == ARRAY else label
                elif fold:
                    break  # its end is not in sight: the first row has said all
            lines = notes.get(row)
            if lines is None:
                lines = notes[row] = []
            carets = shape.table(row) or self._own
            if label and index >= 0:
                label = numbered(label, node, index)
            if label:
                lines.append(self._beside(carets, c0, c1, label, depth, node))
            else:
                lines.append(carets.line(c0, c1)[1])
            if i == 0 and begins and node.doc and node.doc not in self._taught and self._teaches(node.doc):
                lines.extend(self._doc(node))
            if i == last and ends and node.kind == ARRAY:
                lines.extend(self._list(node, peek(buf, start, end), depth))

    def _open_group(self, field: Field, shape: Shape, at: int, notes: Dict[int, List[str]]) -> None:
        """A structure begins at dump offset `at`, or a field without bytes stands there."""
        node, start, end, depth, index = field
        lines: List[str] = []
        if index >= 0 and node.type in TITLED:
            lines = self._dye(self._sentence(
                f"{node.name}[{index}]: {TITLED[node.type]}, {count(end - start, 'byte')}, begins at 0x{at:04x}", 3), "heading")
        if node.doc and node.doc not in self._taught and self._teaches(node.doc):
            lines += self._doc(node, f"{node.name}: " if depth else "")
        if lines:
            row = shape.row_of(max(min(at, shape.end - 1), shape.offset))
            notes.setdefault(row, []).extend(lines)

    def _message_heading(self, part: Part) -> List[str]:
        message = part.message
        if message is None or not message.name:
            return []
        size = f"{count(message.length - 4, 'byte')} after its header" if message.length > 4 else "empty"
        lines = self._dye(self._sentence(f"{message.name}, {size}", 2), "heading")
        for node, start, _, depth, _ in part.fields[:8]:
            if node.kind == GROUP and not depth and start == 4 and node.doc and node.doc not in self._taught \
                    and self._teaches(node.doc):
                lines += self._doc(node)
        return lines
