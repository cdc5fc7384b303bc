"""The quick ways: what is said of the same bytes in the same place is kept in tables, each with a bound.

`render/fields.py` says what is right; everything here has to print the same.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, List, Optional, Tuple

from hexnote.model import ARRAY, GROUP, MISSING, Field, Node, Packet, Part, Record, describe
from hexnote.render.carets import MARK, Carets, Shape
from hexnote.render.fields import FOLD, WHOLE, Fields
from hexnote.render.places import fields_from, peek
from hexnote.render.words import LONG, NAMED, OPAQUE, SINCE, head_of, list_label, name_of, numbered, opaque_label, unfinished

_HEADS = 2048  # record headers
_BODIES = 4096  # encrypted bodies
_LIKES = 1024  # lines of those with gaps
_SAID = 8192  # short fields
_SHORT = 4  # bytes of a field that is likely to come again


_NEVER = 1 << 30  # bytes of a heading that no line has room for
_LEAD = len(f"{MARK} packet 1, client, record 1: ")  # bytes in which a heading begins, at least
_ZEROS = str.maketrans("123456789", "0" * 9)
_NUMBER = re.compile(rb"0+")

Notes = List[Tuple[int, bytes]]  # with how many rows below the first one they stand


def escaped(text: str) -> bytes:
    """Notes as they are written."""
    return text.encode("ascii", "backslashreplace")


class Head:
    """What is said of a record header: words for the record, remarks, notes."""

    __slots__ = ("words", "more", "rest", "size", "behind", "short", "broken")

    def __init__(self, words: str, remarks: str, notes: Notes, width: int) -> None:
        """`width`: columns of a line, 0 where headings have a colour."""
        self.words = words
        self.more = escaped(remarks)  # what stands between the heading and the next row
        self.rest = notes  # behind further rows
        if notes and not notes[0][0]:
            self.more += notes[0][1]
            self.rest = notes[1:]
        # The heading behind the number of its record, with what follows up to the next row: on a line, if that has room for
        # `size` bytes; or broken as `_headline` does, if it has room for `short` bytes.
        self.size = self.short = _NEVER
        self.behind = self.broken = b""
        at = words.find(", plaintext ") + 1
        if _LEAD + len(words) <= width:
            self.size, self.behind = len(words), escaped(f"{words}\n") + self.more
        if 0 < at and len(MARK) + 5 + len(words) - at - 1 <= width:
            self.short, self.broken = at, escaped(f"{words[:at]}\n{MARK}     {words[at + 1:]}\n") + self.more


class Known(Fields):
    """The same notes as the general way makes, out of tables."""

    def __init__(self, width: int, palette: Optional[Dict[str, str]], full: bool) -> None:
        super().__init__(width, palette, full)
        self._heads: Dict[Any, Head] = {}
        self._begun: Dict[Any, Notes] = {}  # notes on record headers, without their last field
        self._titles: Dict[Tuple[str, int], str] = {}  # headings of messages, by name and length
        self._bodies: Dict[Any, Tuple[bytes, Notes]] = {}  # of encrypted bodies
        self._likes: Dict[Any, bytes] = {}  # lines of those, with gaps for their numbers
        self._said: Dict[Tuple[Carets, Node, bytes, int, int, int], str] = {}  # of short fields in one row

    def _forget(self) -> None:
        """Another input begins: what is kept was made when the teaching notes had been given."""
        self._taught.clear()
        self._heads.clear()
        self._begun.clear()
        self._titles.clear()

    def _new_head(self, key: Any, shape: Shape, delta: int, part: Part, packet: Packet) -> Head:
        """What is said of a whole record header. `key` has all that it depends on."""
        record = part.record
        assert record is not None
        taught = len(self._taught)
        notes = self._head_notes(shape, delta, part, packet)
        made = Head(describe(record), "".join(self._remarks(record)), notes, 0 if self.palette else self.width)
        if taught == len(self._taught):
            if len(self._heads) >= _HEADS:
                self._heads.clear()
            self._heads[key] = made
        return made

    def _head_notes(self, shape: Shape, delta: int, part: Part, packet: Packet) -> Notes:
        """The notes on the fields of a record header. Most headers differ in the last one alone, the length."""
        at = part.lo + delta - shape.offset
        row, c0 = at >> 4, at & 15
        field = part.fields[-1]
        table = shape.tables[0]
        assert table is not None
        key = (part.buf[:3], c0, table, field[0])
        begun = self._begun.get(key)
        down, column = c0 + field[1] >> 4, c0 + field[1] & 15
        if begun is not None:
            length = escaped(self._one(table, field, part.buf[field[1] : field[2]], column))
            return [*begun[:-1], (down, begun[-1][1] + length)]
        taught = len(self._taught)
        fresh: Dict[int, List[str]] = {}
        self._told(part.fields[:-1], shape, delta, part, packet, fresh)
        begun = [(each - row, escaped("".join(fresh[each]))) for each in sorted(fresh)]
        self._told(part.fields[-1:], shape, delta, part, packet, fresh)
        made = [(each - row, escaped("".join(fresh[each]))) for each in sorted(fresh)]
        if taught == len(self._taught) and column + field[2] - field[1] <= 16:
            if not begun or begun[-1][0] != down:
                begun.append((down, b""))
            length = escaped(self._one(table, field, part.buf[field[1] : field[2]], column))
            if made == [*begun[:-1], (down, begun[-1][1] + length)] and len(self._begun) < _HEADS:
                self._begun[key] = begun
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

    def _sealed(self, table: Carets, c0: int, part: Part, record: Record, wire: int) -> Tuple[bytes, Notes]:
        """What `_long` does, for (a part of) an encrypted body in rows of sixteen, from column `c0` on: the note under the
        first row, and those under others. Bodies alike have the same ones. `wire`: as in `Moulds._message`."""
        node, _, size, depth, _ = part.fields[0]
        lo = part.lo
        told, got = lo - part.base, part.hi - lo
        if wire > size:
            wire = size
        kind, finished = record.type, record.finished
        key = (node, kind, finished, size, told, got, wire, c0, table)
        made = self._bodies.get(key)
        if made is not None:
            return made
        last = (c0 + got - 1) >> 4
        stop = size if wire < 0 else wire
        fold = (c0 + stop - told - 1) >> 4 >= FOLD
        ends = told + got >= size
        full = told + min(got, 32 - c0) >= size
        c1 = 16 if last else c0 + got
        numbers: Tuple[int, ...] = (size,)
        if told:
            numbers = () if full else (told, stop, size) if wire >= 0 else (told, size)
        breaks = not told and 0 <= wire < size
        # The lines of bodies whose numbers have as many digits are alike.
        like = (node, kind, finished, breaks, size == 1, repr(numbers).translate(_ZEROS), c0, c1, table)
        line = self._likes.get(like)
        if line is None:
            name = name_of(node, part)
            if not told:
                label = opaque_label(node, name, size, b"", finished)
                if breaks:
                    label += ", goes on in a later packet"
            elif full:
                label = f"{name} ends{SINCE}"
            elif wire >= 0:
                label = f"{name} goes on: bytes {told} to {stop} of {size}"
            else:
                label = f"{name} goes on at byte {told} of {size}"
            said = escaped(self._beside(table, c0, c1, label, depth, node))
            if not self.palette:
                self._like(like, escaped(self._beside(table, c0, c1, label.translate(_ZEROS), depth, node)), said, numbers)
        else:
            said = line % numbers
        rest: Notes = []
        if last and (ends or not fold):
            if not fold:
                rest += [(middle, escaped(table.line(0, 16)[1])) for middle in range(1, last)]
            c1 = ((c0 + got - 1) & 15) + 1
            if ends and (fold or not full):
                rest.append((last, self._sealed_end(table, c1, part)))
            else:
                rest.append((last, escaped(table.line(0, c1)[1])))
        if len(self._bodies) >= _BODIES:
            self._bodies.clear()
        made = self._bodies[key] = said, rest
        return made

    def _like(self, key: Any, blank: bytes, said: bytes, numbers: Tuple[int, ...]) -> None:
        """Keeps a line with gaps: `blank` has zeros for all digits of the `numbers` that stand in what is `said`."""
        line = _NUMBER.sub(b"%d", blank.replace(b"%", b"%%"))
        if line.count(b"%d") == len(numbers) and line % numbers == said:
            if len(self._likes) >= _LIKES:
                self._likes.clear()
            self._likes[key] = line

    def _sealed_end(self, table: Carets, c1: int, part: Part) -> bytes:
        """The note under the last row of an encrypted body, up to column `c1`."""
        node, _, _, depth, _ = part.fields[0]
        name = name_of(node, part)
        key = (node, name, c1, table)
        made = self._likes.get(key)
        if made is None:
            made = escaped(self._beside(table, 0, c1, f"{name} ends", depth, node))
            if len(self._likes) >= _LIKES:
                self._likes.clear()
            self._likes[key] = made
        return made
