"""The quick ways: what is said of the same bytes in the same place is kept in tables, each with a bound.

`render/fields.py` says what is right; everything here has to print the same.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Optional, Tuple

from hexnote.model import ARRAY, GROUP, MISSING, Field, Node, Packet, Part, describe
from hexnote.render.carets import Carets, Shape
from hexnote.render.fields import FOLD, WHOLE, Fields
from hexnote.render.places import fields_from, peek
from hexnote.render.words import LONG, NAMED, OPAQUE, SINCE, head_of, list_label, name_of, numbered, opaque_label, unfinished

_HEADS = 4096  # record headers
_BODIES = 4096  # encrypted bodies
_SAID = 8192  # short fields
_SHORT = 4  # bytes of a field that is likely to come again


# Of a record header: words for the record, remarks, notes with how many rows below the first one they stand.
_Head = Tuple[str, str, List[Tuple[int, str]]]


class Known(Fields):
    """The same notes as the general way makes, out of tables."""

    def __init__(self, width: int, palette: Optional[Dict[str, str]], full: bool) -> None:
        super().__init__(width, palette, full)
        self._heads: Dict[Any, _Head] = {}
        self._begun: Dict[Any, List[Tuple[int, str]]] = {}  # notes on record headers, without their last field
        self._titles: Dict[Tuple[str, int], str] = {}  # headings of messages, by name and length
        self._bodies: Dict[Any, List[Tuple[int, str]]] = {}  # of encrypted bodies
        self._said: Dict[Tuple[Carets, Node, bytes, int, int, int], str] = {}  # of short fields in one row

    def _forget(self) -> None:
        """Another input begins: what is kept was made when the teaching notes had been given."""
        self._taught.clear()
        self._heads.clear()
        self._begun.clear()
        self._titles.clear()

    def _heads_of(self, part: Part, table: Carets, c0: int) -> Optional[_Head]:
        """What was said of a whole record header like this one, from column `c0` on."""
        record = part.record
        assert record is not None
        return self._heads.get((part.buf, c0, table, record.encrypted, record.bare, record.protection, record.why, record.news))

    def _new_head(self, shape: Shape, delta: int, part: Part, packet: Packet) -> _Head:
        """The words for a record, remarks on it, and the notes on its header, each with how many rows below it stands."""
        record = part.record
        table = shape.tables[0]
        assert record is not None and table is not None
        taught = len(self._taught)
        at = part.lo + delta - shape.offset
        row = at >> 4
        # Most headers differ in their last field alone, the length.
        key = (part.buf[:3], at & 15, table)
        begun = self._begun.get(key)
        fresh: Dict[int, List[str]] = {}
        if begun is None:
            self._told(part.fields[:-1], shape, delta, part, packet, fresh)
            if taught == len(self._taught) and len(self._begun) < _HEADS:
                self._begun[key] = [(each - row, "".join(fresh[each])) for each in sorted(fresh)]
        else:
            for down, said in begun:
                fresh[row + down] = [said]
        self._told(part.fields[-1:], shape, delta, part, packet, fresh)
        made = (
            describe(record), "".join(self._remarks(record)),
            [(each - row, "".join(fresh[each])) for each in sorted(fresh)],
        )
        if taught == len(self._taught):
            if len(self._heads) >= _HEADS:
                self._heads.clear()
            self._heads[part.buf, at & 15, table, record.encrypted, record.bare, record.protection, record.why, record.news] = made
        return made

    def _title(self, part: Part) -> str:
        """What `_message_heading` says, kept where it has nothing to teach."""
        message = part.message
        assert message is not None
        key = (message.name, message.length)
        made = self._titles.get(key)
        if made is None:
            taught = len(self._taught)
            made = "".join(self._message_heading(part))
            if taught == len(self._taught):
                if len(self._titles) >= _HEADS:
                    self._titles.clear()
                self._titles[key] = made
        return made

    def _fields(self, shape: Shape, delta: int, part: Part, packet: Packet, notes: Dict[int, List[str]]) -> None:
        """The same for all of its fields."""
        self._told(fields_from(part.fields, part.lo - part.base), shape, delta, part, packet, notes)

    def _told(
        self, fields: Iterable[Field], shape: Shape, delta: int, part: Part, packet: Packet, notes: Dict[int, List[str]],
    ) -> None:
        """What `_general` does, for some fields of a unit in rows of sixteen, in one layout."""
        shift = part.base + delta
        lo, hi = part.lo - part.base, part.hi - part.base  # new bytes, local
        buf = part.buf
        if not isinstance(buf, bytes):
            buf = peek(buf, 0, len(buf))  # what lies behind a hole is told field by field
        have = min(len(buf), hi)
        level = self.level
        first = shift - shape.offset  # block offset = local offset + first
        table = shape.tables[0]
        assert table is not None
        taught = self._taught
        memo = self._said
        for field in fields:
            node, start, end, depth, index = field
            if start >= hi:
                break
            kind = node.kind
            if kind == GROUP or start == end:
                # Nothing to mark: what begins here is named, and taught once.
                if lo <= start and (index >= 0 or node.doc and node.doc not in taught):
                    self._open_group(field, shape, start + shift, notes)
                continue
            if end <= lo or node.level > level:
                continue
            if start < lo or end > have or kind == MISSING or node.type in NAMED:
                self._long(shape, part, field, [(max(start, lo) + shift, min(end, hi) + shift)], packet, notes)
                continue
            at = start + first
            c0 = at & 15
            size = end - start
            if c0 + size > 16 or kind == ARRAY or node.show == "opaque":
                self._whole(table, field, buf, at, notes)
                continue
            # The common case: whole, and in one row.
            row = at >> 4
            raw = buf[start:end]
            if size <= _SHORT:
                key = (table, node, raw, c0, depth, index)
                said = memo.get(key)
                if said is None:
                    if len(memo) >= _SAID:
                        memo.clear()
                    said = memo[key] = self._one(table, field, raw, c0)
            else:
                said = self._one(table, field, raw, c0)
            if row in notes:
                notes[row].append(said)
            else:
                notes[row] = [said]
            if node.doc and node.doc not in taught:
                notes[row] += self._doc(node)

    def _one(self, table: Carets, field: Field, raw: bytes, c0: int) -> str:
        """The lines for a field that is there whole, in one row, from column `c0` on."""
        node, start, end, depth, index = field
        label = node.say(raw)
        if index >= 0:
            label = numbered(label, node, index)
        return self._beside(table, c0, c0 + end - start, label, depth, node)

    def _whole(self, table: Carets, field: Field, buf: bytes, at: int, notes: Dict[int, List[str]]) -> None:
        """What `_long` does, for a field that is there whole, in rows of sixteen, from block offset `at` on."""
        node, start, end, depth, index = field
        size = end - start
        row, c0 = at >> 4, at & 15
        last = (at + size - 1) >> 4
        full = c0 + size <= 32
        show = node.show
        opaque = show in OPAQUE
        array = node.kind == ARRAY
        name = node.name + node.suffix.replace(".", " ") if node.suffix else node.name
        if array:
            label = list_label(node, name, size, buf[start:end] if full else b"")
        elif opaque:
            label = opaque_label(node, name, size, buf[start : start + head_of(size)])
        elif full:
            label = node.say(buf[start:end])
        else:
            label = unfinished(node.say(buf[start : start + 32 - c0]), size)
        if index >= 0:
            label = numbered(label, node, index)
        lines = notes.get(row)
        if lines is None:
            lines = notes[row] = []
        lines.append(self._beside(table, c0, c0 + size if last == row else 16, label, depth, node))
        if node.doc and node.doc not in self._taught:
            lines += self._doc(node)
        if last > row:
            fold = show in LONG and last - row >= FOLD
            if fold:
                row = last - 1
            bare = table.line(0, 16)[1]
            while row < last - 1:
                row += 1
                lines = notes.get(row)
                if lines is None:
                    notes[row] = [bare]
                else:
                    lines.append(bare)
            lines = notes.get(last)
            if lines is None:
                lines = notes[last] = []
            c1 = ((at + size - 1) & 15) + 1
            if array or not (fold or not full):
                lines.append(table.line(0, c1)[1])
            else:
                label = f"{name} ends" if opaque or size > WHOLE and show in LONG else node.say(buf[start:end])
                lines.append(self._beside(table, 0, c1, numbered(label, node, index) if index >= 0 else label, depth, node))
        if array:
            lines += self._list(node, buf[start:end], depth)

    def _sealed(self, table: Carets, c0: int, part: Part, wire: int) -> List[Tuple[int, str]]:
        """What `_long` does, for (a part of) an encrypted body in rows of sixteen, from column `c0` on: the notes, each with
        how many rows below the first one it stands. Bodies alike have the same ones. `wire`: as in `Moulds._message`."""
        node, _, size, depth, _ = part.fields[0]
        record = part.record
        told, got = part.lo - part.base, part.hi - part.lo
        if wire > size:
            wire = size
        finished = record is not None and record.finished
        key = (node, record.type if record is not None else None, finished, size, told, got, wire, c0, table)
        made = self._bodies.get(key)
        if made is not None:
            return made
        last = (c0 + got - 1) >> 4
        stop = size if wire < 0 else wire
        fold = (c0 + stop - told - 1) >> 4 >= FOLD
        ends = told + got >= size
        full = told + min(got, 32 - c0) >= size
        name = name_of(node, part)
        if not told:
            label = opaque_label(node, name, size, b"", finished)
            if 0 <= wire < size:
                label += ", goes on in a later packet"
        elif full:
            label = f"{name} ends{SINCE}"
        elif wire >= 0:
            label = f"{name} goes on: bytes {told} to {stop} of {size}"
        else:
            label = f"{name} goes on at byte {told} of {size}"
        made = [(0, self._beside(table, c0, 16 if last else c0 + got, label, depth, node))]
        if last and (ends or not fold):
            if not fold:
                made += [(middle, table.line(0, 16)[1]) for middle in range(1, last)]
            c1 = ((c0 + got - 1) & 15) + 1
            if ends and (fold or not full):
                made.append((last, self._beside(table, 0, c1, f"{name} ends", depth, node)))
            else:
                made.append((last, table.line(0, c1)[1]))
        if len(self._bodies) >= _BODIES:
            self._bodies.clear()
        self._bodies[key] = made
        return made
