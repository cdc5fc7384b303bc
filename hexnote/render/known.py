"""The quick ways: what is said of the same bytes in the same place is kept in tables, each with a bound.

`render/fields.py` says what is right; everything here has to print the same.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Optional, Tuple

from hexnote.model import ARRAY, GROUP, MISSING, Connection, Field, Form, Node, Packet, Part, describe
from hexnote.render.carets import MARK, Carets, Shape
from hexnote.render.fields import FOLD, TITLED, Fields
from hexnote.render.places import fields_from, peek, wire_end
from hexnote.render.words import HEAD, LONG, NAMED, OPAQUE, SINCE, list_label, name_of, numbered, opaque_label, sender, unfinished

_CAST = 4 << 20  # characters of all moulds
_HEADS = 4096  # record headers
_BODIES = 4096  # encrypted bodies
_SAID = 8192  # short fields
_SHORT = 4  # bytes of a field that is likely to come again


class Mould:
    """The notes that all messages in a form have in one place, with gaps."""

    __slots__ = ("form", "free", "rows", "size")

    def __init__(self, form: Form) -> None:
        self.form = form
        self.free: List[Field] = []  # those whose notes fill gaps
        # (rows below the first, what stands before, between, behind the gaps, for each gap whose hex it takes; None: a note)
        self.rows: List[Tuple[int, List[str], List[Optional[Tuple[int, int]]]]] = []
        self.size = 0  # characters


class Known(Fields):
    """The same notes as the general way makes, out of tables."""

    def __init__(self, width: int, palette: Optional[Dict[str, str]], full: bool, quick: bool) -> None:
        super().__init__(width, palette, full)
        self.quick = quick
        self._moulds: Dict[Any, Mould] = {}
        self._size = 0  # characters in them
        # Of record headers: heading, notes by row, remarks.
        self._heads: Dict[Any, Tuple[str, List[Tuple[int, str]], List[str]]] = {}
        self._bodies: Dict[Any, List[Tuple[int, str]]] = {}  # of encrypted bodies
        self._said: Dict[Tuple[Carets, Node, bytes, int, int, int], str] = {}  # of short fields in one row

    def _forget(self) -> None:
        """Another input begins: what is kept was made when the teaching notes had been given."""
        self._taught.clear()
        self._moulds.clear()
        self._heads.clear()

    def _head(
        self, shape: Shape, delta: int, part: Part, packet: Packet, connection: Optional[Connection], notes: Dict[int, List[str]],
        row: int, lines: List[str],
    ) -> None:
        """A whole record header in rows of sixteen. The same bytes at the same column have the same notes, teaching apart."""
        record = part.record
        assert record is not None
        key = (
            part.buf, part.lo + delta - shape.offset & 15, shape.tables[0], record.encrypted, record.protection, record.why,
            record.narrowed,
        )
        made = self._heads.get(key)
        words, more = (describe(record), self._remarks(record)) if made is None else (made[0], made[2])
        heading = f"packet {packet.number}, {sender(part.side, connection)}, record {record.number}: {words}"
        if len(heading) + 3 > self.width or self.palette:
            lines += self._dye(self._sentence(heading), "heading")
        else:
            lines.append(f"{MARK} {heading}\n")
        lines += more
        if made is None:
            taught = len(self._taught)
            fresh: Dict[int, List[str]] = {}
            self._fields(shape, delta, part, packet, fresh)
            made = (words, [(at - row, "".join(there)) for at, there in fresh.items()], more)
            if taught == len(self._taught):
                if len(self._heads) >= _HEADS:
                    self._heads.clear()
                self._heads[key] = made
        for at, said in made[1]:
            if at:
                notes.setdefault(row + at, []).append(said)
            else:
                lines.append(said)

    def _formed(
        self, shape: Shape, delta: int, part: Part, form: Form, packet: Packet, notes: Dict[int, List[str]], row: int,
    ) -> None:
        """What `_fields` does, for a message in a form that came before: the notes on its free fields stand between
        those that all such messages have. The same bytes at the same column have the same notes, teaching apart."""
        base = part.base
        place = part.lo + delta
        if form.kept is None:
            form.kept = any(f[4] >= 0 and f[0].type in TITLED for f in form)  # do its notes tell dump offsets?
        length = part.message.length if part.message is not None else part.hi - base
        wire = min(wire_end(part, packet), length)
        key = (
            id(form), part.lo - base, part.hi - base, place - shape.offset & 15, wire, part.done, shape.tables[0],
            place if form.kept else 0,
        )
        mould = self._moulds.get(key)
        if mould is None:
            taught = len(self._taught)
            self._fields(shape, delta, part, packet, notes)
            if form.again and taught == len(self._taught):
                mould = Mould(form)
                self._cast(mould, shape, delta, part, packet, row)
                self._size += mould.size
                if self._size > _CAST:
                    self._moulds.clear()
                    self._size = mould.size
                self._moulds[key] = mould
            return
        fresh: Dict[int, List[str]] = {}
        if mould.free:
            self._told(mould.free, shape, delta, part, packet, fresh)
        buf = part.buf
        for at, texts, gaps in mould.rows:
            at += row
            lines = notes.get(at)
            if lines is None:
                lines = notes[at] = []
            lines.append(texts[0])
            if gaps:
                used = 0
                for gap, text in zip(gaps, texts[1:]):
                    if gap is None:
                        lines.append(fresh[at][used])
                        used += 1
                    else:
                        lines.append(buf[gap[0] : gap[1]].hex())
                    lines.append(text)

    def _cast(self, mould: Mould, shape: Shape, delta: int, part: Part, packet: Packet, row: int) -> None:
        """Make the notes that all messages in a form have in one place, with gaps for those on free fields."""
        rows: Dict[int, Tuple[List[str], List[Optional[Tuple[int, int]]]]] = {}
        for field in fields_from(mould.form, part.lo - part.base):
            node, start, end, _, _ = field
            if start >= part.hi - part.base:
                break
            fresh: Dict[int, List[str]] = {}
            self._told((field,), shape, delta, part, packet, fresh)
            # Of bytes that are no value the first ones are shown in hex, and nothing else depends on them.
            shown = part.buf[start : min(end, start + HEAD)].hex()
            once = (
                bool(fresh) and node.show == "opaque" and start >= part.lo - part.base
                and "".join(map("".join, fresh.values())).count(shown) == 1
            )
            if node.free and fresh and not once:
                mould.free.append(field)
            for at, lines in fresh.items():
                texts, gaps = rows.setdefault(at - row, ([""], []))
                said = "".join(lines)
                if not node.free or (once and shown not in said):
                    texts[-1] += said
                elif once:
                    before, _, behind = said.partition(shown)
                    texts[-1] += before
                    texts.append(behind)
                    gaps.append((start, min(end, start + HEAD)))
                else:
                    texts.append("")
                    gaps.append(None)
        mould.rows = [(at, texts, gaps) for at, (texts, gaps) in rows.items()]
        mould.size = sum(len(text) for _, texts, _ in mould.rows for text in texts)

    def _fields(self, shape: Shape, delta: int, part: Part, packet: Packet, notes: Dict[int, List[str]]) -> None:
        """The fields of a unit that lies in one piece of the stream."""
        self._told(fields_from(part.fields, part.lo - part.base), shape, delta, part, packet, notes)

    def _told(
        self, fields: Iterable[Field], shape: Shape, delta: int, part: Part, packet: Packet, notes: Dict[int, List[str]],
    ) -> None:
        """Some fields of a unit that lies in one piece of the stream."""
        shift = part.base + delta
        lo, hi = part.lo - part.base, part.hi - part.base  # new bytes, local
        buf = part.buf
        if not isinstance(buf, bytes):
            buf = peek(buf, 0, len(buf))  # what lies behind a hole is told field by field
        have = min(len(buf), hi)
        level = self.level
        first = shift - shape.offset  # block offset = local offset + first
        table = shape.tables[0] if shape.stride and self.quick else None
        taught = self._taught
        memo = self._said
        for field in fields:
            node, start, end, depth, index = field
            if start >= hi:
                break
            kind = node.kind
            if kind == GROUP or start == end:
                # Nothing to mark: what begins here is named, and taught once.
                if lo <= start and (index >= 0 or node.doc and id(node) not in taught):
                    self._open_group(field, shape, start + shift, notes)
                continue
            if end <= lo or node.level > level:
                continue
            if table is None or start < lo or end > have or kind == MISSING or node.type in NAMED:
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
            if node.doc and id(node) not in taught:
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
            label = opaque_label(node, name, size, buf[start : min(end, start + 8)])
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
        if node.doc and id(node) not in self._taught:
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
                label = f"{name} ends" if show in LONG else node.say(buf[start:end])
                lines.append(self._beside(table, 0, c1, numbered(label, node, index) if index >= 0 else label, depth, node))
        if array:
            lines += self._list(node, buf[start:end], depth)

    def _sealed(self, table: Optional[Carets], at: int, part: Part, packet: Packet) -> List[Tuple[int, str]]:
        """What `_long` does, for (a part of) an encrypted body in rows of sixteen, from block offset `at` on: the
        notes, each with how many rows below the first one it stands. Bodies alike have the same ones."""
        node, _, size, depth, _ = part.fields[0]
        record = part.record
        told, got = part.lo - part.base, part.hi - part.lo
        wire = min(wire_end(part, packet), size)
        c0 = at & 15
        finished = record is not None and record.finished
        key = (node, record.type if record is not None else None, finished, size, told, got, wire, c0, table)
        made = self._bodies.get(key)
        if made is not None:
            return made
        carets = table or self._own
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
        made = [(0, self._beside(carets, c0, 16 if last else c0 + got, label, depth, node))]
        if last and (ends or not fold):
            if not fold:
                made += [(middle, carets.line(0, 16)[1]) for middle in range(1, last)]
            c1 = ((c0 + got - 1) & 15) + 1
            if ends and (fold or not full):
                made.append((last, self._beside(carets, 0, c1, f"{name} ends", depth, node)))
            else:
                made.append((last, carets.line(0, c1)[1]))
        if len(self._bodies) >= _BODIES:
            self._bodies.clear()
        self._bodies[key] = made
        return made
