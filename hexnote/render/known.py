"""The quick ways: what is said of the same bytes in the same place is kept in tables, each with a bound.

`render/fields.py` says what is right; everything here has to print the same.
"""

from __future__ import annotations

from hexnote.hints import Any, Dict, Iterable, List, Optional, Sequence, Tuple
from hexnote.model import ARRAY, GROUP, MISSING, Block, Field, Node, Packet, Part, Record, describe
from hexnote.render.carets import MARK, Carets, Shape
from hexnote.render.fields import FOLD, WHOLE, Fields
from hexnote.render.lines import escaped
from hexnote.render.places import fields_from, peek
from hexnote.render.words import (
    ABOVE,
    LONG,
    NAMED,
    OPAQUE,
    SINCE,
    Wording,
    head_of,
    list_label,
    name_of,
    numbered,
    opaque_label,
    unfinished,
    wording_of,
)

_HEADS = 2048  # record headers
_ALIKE = 512  # of those that differ in their length alone
_LABELS = 1024  # of encrypted bodies
_SAID = 8192  # short fields
_SHORT = 4  # bytes of a field that is likely to come again

_MARGIN = f"{MARK}    ".encode("ascii")  # before the blank in front of the second line of a heading
ROWS = 16 * FOLD  # what reaches farther, in columns of its first row, is marked at its first and last row only

Notes = Sequence[Tuple[int, bytes]]  # with how many rows below the first one they stand
_NOTHING: Notes = ()
# What is said of an encrypted body behind its name, where it does not begin: with gaps for numbers.
_ENDS, GOES_ON, _AT = " ends", " goes on: bytes %d to %d of %d", " goes on at byte %d of %d"
_IN_SIGHT = (f" ends{SINCE}", f" ends{ABOVE}")
# For labels of so many characters, the lines with them, with a gap where they stand.
Lined = Dict[int, bytes]
# The bytes of a record header, the column where it begins, the table; of an encrypted one, what is known of it, and where its
# body is told with it, whether that is a Finished.
HeadKey = Tuple[Any, ...]
# The node and the depth of an encrypted body, the type of its record, the table, the columns where the carets begin and end, and
# what is said: behind the name, with gaps for numbers; where the body begins, whether it is a Finished, whether it goes on in a
# later packet, whether it has more than a byte.
SealedKey = Tuple[Node, int, Optional[int], Carets, int, int, Any]


def gap(before: bytes, behind: bytes) -> bytes:
    """Lines with a gap for a label."""
    return before.replace(b"%", b"%%") + b"%b" + behind.replace(b"%", b"%%")


def written(row: int, notes: Dict[int, List[str]]) -> Notes:
    """Notes by rows, as they are written below row number `row`."""
    return [(at - row, escaped("".join(said))) for at, said in sorted(notes.items())]


class Head:
    """What is said of a record header: words for the record, remarks, notes."""

    __slots__ = ("words", "more", "rest", "room", "behind", "short", "broken")

    def __init__(self, words: str, remarks: bytes, notes: Notes, width: int) -> None:
        """`width`: columns of a line, 0 where headings have a colour."""
        self.words = words
        self.rest = notes  # behind further rows
        if notes and not notes[0][0]:
            remarks += notes[0][1]
            self.rest = notes[1:]
        self.more = remarks  # what stands between the heading and the next row
        # The heading behind the number of its record, with what follows up to the next row: on a line, if what stands before it
        # has no more than `room` bytes; or broken as `_headline` does, if that has no more than `short` bytes.
        said = escaped(words)
        self.room = width - len(words)
        self.behind = b"%b\n%b" % (said, remarks)
        self.short, self.broken = -1, b""
        at = words.find(", plaintext ") + 1
        if at and len(_MARGIN) + len(words) - at <= width:
            self.short = width - at
            self.broken = b"%b\n%b%b\n%b" % (said[:at], _MARGIN, said[at:], remarks)


class Label:
    """A label with gaps for numbers."""

    __slots__ = ("text", "lines")

    def __init__(self, text: str) -> None:
        self.text = escaped(text)
        self.lines: Lined = {}  # what `_beside` makes of it


class Alike:
    """What is said of record headers that differ in their length alone."""

    __slots__ = ("words", "remarks", "notes", "length")

    def __init__(self, words: Wording, remarks: bytes, notes: Notes, length: Label) -> None:
        self.words = words
        self.remarks = remarks
        self.notes = notes  # on all fields but the last one, the length
        self.length = length


class Known(Fields):
    """The same notes as the general way makes, out of tables."""

    def __init__(self, width: int, palette: Optional[Dict[str, str]], full: bool) -> None:
        super().__init__(width, palette, full)
        self._heads: Dict[HeadKey, Head] = {}
        self._alike: Dict[HeadKey, Alike] = {}  # by the same without the length
        self._begun: Dict[Any, Notes] = {}  # notes on record headers, without their last field
        self._titles: Dict[Tuple[str, int], str] = {}  # headings of messages, by name and length
        self._labels: Dict[Any, Label] = {}  # of encrypted bodies
        self._said: Dict[Tuple[Carets, Node, bytes, int, int, int], str] = {}  # of short fields in one row

    def _forget(self) -> None:
        """Another input begins: what is kept was made when the teaching notes had been given."""
        self._taught.clear()
        self._heads.clear()
        self._alike.clear()
        self._begun.clear()
        self._titles.clear()

    def _new_head(
        self, key: HeadKey, block: Block, delta: int, part: Part, packet: Packet, body: Optional[Part], wire: int,
    ) -> Head:
        """What is said of a whole record header, and of its `body`, where that is here as a whole. `key` has all that it depends
        on. `wire`: as in `_sealed`."""
        made = self._head_like(key, part, body, wire)
        if made is not None:
            return made
        record = part.record
        assert record is not None
        buf, c0, table = key[:3]
        taught = len(self._taught)
        kin = (buf[:3], *key[1:])
        notes = self._head_notes(Shape(block, self._table), delta, part, packet)
        words, remarks = describe(record), escaped("".join(self._remarks(record)))
        if taught == len(self._taught) and kin not in self._alike:
            self._new_alike(kin, part, words, remarks, notes)
        if body is not None:
            notes = _joined(notes, c0 + 5 >> 4, *self._sealed(table, c0 + 5 & 15, body, record, wire, 0))
        made = Head(words, remarks, notes, 0 if self.palette else self.width)
        if taught == len(self._taught):
            self._keep_head(key, made)
        return made

    def _head_like(self, key: HeadKey, part: Part, body: Optional[Part], wire: int) -> Optional[Head]:
        """The same where another one was told that differs in its length alone; else None."""
        record = part.record
        assert record is not None
        buf, c0, table = key[:3]
        alike = self._alike.get((buf[:3], *key[1:]))
        words = alike.words.of(record.length - 5) if alike is not None else ""
        if alike is None or not words:
            return None
        notes = self._with_length(alike, table, c0, part)
        if body is not None:
            notes = _joined(notes, c0 + 5 >> 4, *self._sealed(table, c0 + 5 & 15, body, record, wire, 0))
        made = Head(words, alike.remarks, notes, 0 if self.palette else self.width)
        self._keep_head(key, made)
        return made

    def _keep_head(self, key: HeadKey, made: Head) -> None:
        if len(self._heads) >= _HEADS:
            self._heads.clear()
        self._heads[key] = made

    def _new_alike(self, kin: HeadKey, part: Part, words: str, remarks: bytes, notes: Notes) -> None:
        """Keeps what is said of a record header for others that differ in their length alone, if that can be."""
        _, c0, table = kin[:3]
        record, field = part.record, part.fields[-1]
        assert record is not None
        begun = self._begun.get((part.buf[:3], c0, table, field[0]))
        wording = wording_of(record, words)
        if begun is None or wording is None:
            return
        size = record.length - 5
        label = field[0].say(part.buf[3:]).replace(f"{size} bytes (0x{size:04x})", "%d bytes (0x%04x)")
        made = Alike(wording, remarks, begun, Label(label))
        if label.count("%") == 2 and self._with_length(made, table, c0, part) == notes:
            if len(self._alike) >= _ALIKE:
                self._alike.clear()
            self._alike[kin] = made

    def _with_length(self, alike: Alike, table: Carets, c0: int, part: Part) -> Notes:
        """The notes on a header like others: theirs, and the line for its length."""
        buf, label = part.buf, alike.length
        size = buf[3] << 8 | buf[4]
        said = label.text % (size, size)
        line = label.lines.get(len(said))
        at = c0 + 3 & 15
        said = self._fit(label, said, table, at, at + 2, part.fields[-1]) if line is None else line % said
        return _joined(alike.notes, c0 + 3 >> 4, said)

    def _fit(self, label: Label, said: bytes, table: Carets, c0: int, c1: int, field: Field) -> bytes:
        """What `_beside` makes of a label with its numbers, the first one that has so many characters. Where it stands depends on
        how many they are, as long as they stand on one line."""
        line = escaped(self._beside(table, c0, c1, said.decode("ascii"), field[3], field[0]))
        before, there, behind = line.partition(said)
        if there:
            label.lines[len(said)] = gap(before, behind)
        return line

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
        length = b""  # the note on that one, where it stands in one row
        if column + field[2] - field[1] <= 16:
            length = escaped(self._one(table, field, part.buf[field[1] : field[2]], column))
        if begun is not None:
            return _joined(begun, down, length)
        taught = len(self._taught)
        fresh: Dict[int, List[str]] = {}
        self._told(part.fields[:-1], shape, delta, part, packet, fresh)
        begun = written(row, fresh)
        self._told(part.fields[-1:], shape, delta, part, packet, fresh)
        made = written(row, fresh)
        if taught == len(self._taught) and length and made == _joined(begun, down, length) and len(self._begun) < _HEADS:
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
                if lo <= start and (index >= 0 or node.doc and node.doc not in taught and self._teaches(node.doc)):
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
            if node.doc and node.doc not in taught and self._teaches(node.doc):
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
        if node.doc and node.doc not in self._taught and self._teaches(node.doc):
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

    def _sealed(self, table: Carets, c0: int, part: Part, record: Record, wire: int, offset: int) -> Tuple[bytes, Notes]:
        """What `_long` does, for (a part of) an encrypted body in rows of sixteen, from column `c0` on: the note under the
        first row, and those under others. `wire`: stream offset where the packet's payload ends, below 0: not known; `offset`:
        where it begins."""
        node, _, size, depth, _ = part.fields[0]
        base = part.base
        told = part.lo - base
        stop = wire - base
        if stop > size or wire < 0:
            stop = size
        behind = c0 + part.hi - part.lo  # where it ends, in columns from its first row on
        fold = c0 + stop - told > ROWS
        ends = part.hi - base >= size
        how: Any
        numbers: Any
        if not told:
            how, numbers = (record.finished, stop < size, size > 1), size
        elif ends and behind <= 32:  # its end is in sight at its first row
            how, numbers = _IN_SIGHT[base >= offset], ()
        elif wire >= 0:
            how, numbers = GOES_ON, (told, stop, size)
        else:
            how, numbers = _AT, (told, size)
        said = self._sealed_line((node, depth, record.type, table, c0, behind if behind < 16 else 16, how), numbers, part)
        if behind <= 16 or fold and not ends:
            return said, _NOTHING
        rest: List[Tuple[int, bytes]] = []
        last = behind - 1 >> 4
        if not fold:
            rest += [(middle, escaped(table.line(0, 16)[1])) for middle in range(1, last)]
        c1 = (behind - 1 & 15) + 1
        if ends and behind > 32:
            rest.append((last, self._sealed_line((node, depth, record.type, table, 0, c1, _ENDS), (), part)))
        else:
            rest.append((last, escaped(table.line(0, c1)[1])))
        return said, rest

    def _sealed_line(self, key: SealedKey, numbers: Any, part: Part) -> bytes:
        """The note on an encrypted body under some columns of a row."""
        label = self._labels.get(key)
        if label is None:
            if len(self._labels) >= _LABELS:
                self._labels.clear()
            label = self._labels[key] = Label(_sealed_label(key, part))
        said = label.text % numbers
        line = label.lines.get(len(said))
        return self._fit(label, said, *key[3:6], part.fields[0]) if line is None else line % said


def _sealed_label(key: SealedKey, part: Part) -> str:
    """The label of an encrypted body, with gaps for its numbers."""
    node, how = key[0], key[6]
    size = part.fields[0][2]
    name = name_of(node, part)
    if isinstance(how, str):
        return name + how
    finished, breaks, _ = how
    label = opaque_label(node, name, size, b"", finished).replace(f", {size} byte", ", %d byte")
    return f"{label}, goes on in a later packet" if breaks else label


def _joined(notes: Notes, below: int, said: bytes, rest: Notes = _NOTHING) -> Notes:
    """Notes, and behind them those on what begins so many rows `below` the first one: what is `said` in that row, and the rest,
    which count from it."""
    made = list(notes)
    if made and made[-1][0] == below:
        made[-1] = (below, made[-1][1] + said)
    else:
        made.append((below, said))
    return [*made, *[(below + down, line) for down, line in rest]]
