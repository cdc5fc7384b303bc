"""Notes of messages in a form that came before: what all such messages have, with gaps for what differs.

`Known._told` says what is right: a mould is cast of what it says of the fields.
"""

from __future__ import annotations

from binascii import hexlify
from itertools import groupby
from struct import Struct

from hexnote.hints import Any, Callable, Dict, List, Optional, Tuple
from hexnote.model import MESSAGE, Block, Field, Form, Packet, Part
from hexnote.render.carets import MARK, Shape
from hexnote.render.fields import TITLED
from hexnote.render.known import Known, Lined, Notes, gap, written
from hexnote.render.lines import escaped
from hexnote.render.places import fields_from
from hexnote.render.words import head_of, numbered

_CAST = 4 << 20  # bytes of all moulds
_OBJECT = 48  # bytes that a line takes besides its own

# (rows below that of the first new byte, text), or what fills a gap there: the range of bytes of the message that is shown in
# hex, or a field whose label has to be found.
_Piece = Tuple[int, Any]


class Mould:
    """The notes that all messages in a form have in one place, with gaps, and between them the rows of the page."""

    __slots__ = ("form", "lines", "skip", "rows", "edge", "reach", "last", "digits", "labels", "size")

    def __init__(self, form: Form, pieces: List[_Piece], stride: int) -> None:
        """`pieces`: in the order of their rows. `stride`: bytes of a row of the page."""
        self.form = form
        self.lines: List[bytes] = []  # notes, rows, notes, ..., notes: rows and gaps are empty
        self.skip = 0  # bytes of the page between the row of the first new byte and the first notes
        self.rows: Optional[Callable[[bytes, int], Tuple[bytes, ...]]] = None  # cuts the rows but the last ones from there on
        self.edge = 0  # index of the last rows: they may be short, and end the page
        self.reach = 0  # bytes of the page from the first notes to the last
        self.last = 0  # bytes of the last rows
        # Gaps, each with its index, by what fills them.
        self.digits: List[Tuple[int, int, int]] = []
        self.labels: List[Tuple[int, Field, int, Lined]] = []  # and how many rows below the first one they are
        self._fill(pieces, stride)
        self.size = sum(map(len, self.lines)) + _OBJECT * len(self.lines)

    def _fill(self, pieces: List[_Piece], stride: int) -> None:
        lines = self.lines
        spans: List[int] = []  # bytes of the page between one piece and the next
        above = 0
        for down, what in pieces:
            if not lines:
                self.skip = down * stride
            elif down == above and isinstance(what, str) and lines[-1]:
                lines[-1] += escaped(what)
                continue
            else:
                spans.append((down - above) * stride)
                lines.append(b"")
            above = down
            index = len(lines)
            lines.append(b"")
            if isinstance(what, str):
                lines[-1] = escaped(what)
            elif len(what) == 2:
                self.digits.append((index, *what))
            else:
                self.labels.append((index, what, down, {}))
        while spans and not spans[-1]:
            spans.pop()
        if spans:
            self.edge = 2 * len(spans) - 1
            self.reach, self.last = sum(spans), spans.pop()
            self.rows = Struct("".join(f"{span}s" for span in spans)).unpack_from

    def fill(
        self, out: List[bytes], done: int, below: int, text: bytes, buf: bytes,
        other: Optional[Callable[[Field, str, int, Lined], bytes]] = None,
    ) -> int:
        """Writes the notes on a message with the bytes `buf`, and the rows above them, out of the page's `text`. `done`: how
        many bytes of that were written; how many now are is returned. `below`: where the row of the first new byte ends. `other`
        says what is told of a label that is longer or shorter than all before; without it nothing is written then, but -1
        returned."""
        lines = self.lines[:]
        for index, field, down, around in self.labels:
            node, start, end, _, number = field
            label = node.say(buf[start:end])
            if number >= 0:
                label = numbered(label, node, number)
            ends = around.get(len(label))
            if ends is not None:
                lines[index] = ends % escaped(label)
            elif other is None:
                return -1
            else:
                lines[index] = other(field, label, down, around)
        for index, start, end in self.digits:
            lines[index] = hexlify(buf[start:end])
        stop = below + self.skip
        out.append(text[done:stop])
        rows = self.rows
        if rows is not None:
            edge = self.edge
            lines[1:edge:2] = rows(text, stop)
            stop += self.reach
            lines[edge] = text[stop - self.last : stop]
        out += lines
        return stop


class Moulds(Known):
    """The notes of messages, out of moulds where there are any."""

    def __init__(self, width: int, palette: Optional[Dict[str, str]], full: bool) -> None:
        super().__init__(width, palette, full)
        # By form, size, column, table, stride and remark where a message is whole and its notes tell no offsets; else by more.
        self._moulds: Dict[Any, Mould] = {}
        self._size = 0  # bytes in them
        # What lines with nothing but carets are made of.
        self._bare = frozenset(MARK + " ^\t\n" + "".join((palette or {}).values()))

    def _forget(self) -> None:
        super()._forget()
        self._moulds.clear()
        self._size = 0

    def _message(
        self, out: List[bytes], done: int, below: int, block: Block, delta: int, part: Part, packet: Packet, wire: int,
    ) -> int:
        """Writes the notes on a message, with its heading, and the rows of sixteen above them: `done` and `below` as in
        `Mould.fill`. `wire`: local offset where the packet's payload ends, -1: not known."""
        form = part.fields
        if not isinstance(form, Form):
            return self._plain_message(out, done, below, block, delta, part, packet)
        titled = form.kept.get("text")  # do its notes tell dump offsets?
        if titled is None:
            titled = form.kept["text"] = any(f[4] >= 0 and f[0].type in TITLED for f in form)
        base, lo, hi, message = part.base, part.lo, part.hi, part.message
        place = lo + delta
        # The name and the length of a message follow from its form.
        length = message.length if message is not None else hi - base
        key: Any = (id(form), hi - lo, place - block.offset & 15, self._last_table[2], block.stride, part.note)
        if not (part.begins and part.done and hi - base == length <= wire):
            key += lo - base, wire if wire < length else length, part.done, part.begins
        if titled:
            key += (place,)
        mould = self._moulds.get(key)
        if mould is not None:
            return mould.fill(
                out, done, below, block.text, part.buf,
                lambda field, label, down, around: self._new_label(field, label, down, around, block, delta, part, packet),
            )
        if form.again:
            return self._cast(key, form, out, done, below, block, delta, part, packet)
        return self._plain_message(out, done, below, block, delta, part, packet)

    def _new_label(
        self, field: Field, label: str, down: int, around: Lined, block: Block, delta: int, part: Part, packet: Packet,
    ) -> bytes:
        """What is said of a field under the row so far below the first one, for its gap. Where a label stands depends on its
        length alone, and so do the carets before and behind it: they are kept, if nothing else is said."""
        shape = Shape(block, self._table)
        fresh: Dict[int, List[str]] = {}
        self._told((field,), shape, delta, part, packet, fresh)
        said = "".join(fresh[shape.row_of(part.lo + delta) + down])
        before, there, behind = said.partition(label)
        if there and self._bare.issuperset(before + behind) and self._size < _CAST:
            around[len(label)] = gap(escaped(before), escaped(behind))
            self._size += len(before) + len(behind) + 4 * _OBJECT
        return escaped(said)

    def _plain_message(
        self, out: List[bytes], done: int, below: int, block: Block, delta: int, part: Part, packet: Packet,
    ) -> int:
        """The same without a mould."""
        shape = Shape(block, self._table)
        row = shape.row_of(part.lo + delta)
        notes: Dict[int, List[str]] = {row: [self._opening(part)]}
        self._fields(shape, delta, part, packet, notes)
        return self._lay(out, done, below, block, written(row, notes))

    def _opening(self, part: Part) -> str:
        """What stands above the notes on a message that begins."""
        if part.kind != MESSAGE or not part.begins:
            return ""
        return self._title(part) + "".join(self._sentence(part.note, 3) if part.note else ())

    def _lay(self, out: List[bytes], done: int, below: int, block: Block, notes: Notes) -> int:
        """Writes notes, and the rows above them. `below`: where the row ends that the notes count from; the rest as in
        `_message`."""
        text, stride = block.text, block.stride
        for down, said in notes:
            stop = below + down * stride
            out += text[done:stop], said
            done = stop
        return done

    def _cast(
        self, key: Any, form: Form, out: List[bytes], done: int, below: int, block: Block, delta: int, part: Part,
        packet: Packet,
    ) -> int:
        """What `_plain_message` does; the notes are kept as a mould, if all teaching ones in them have been given."""
        shape = Shape(block, self._table)
        row = shape.row_of(part.lo + delta)
        taught = len(self._taught)
        notes: Dict[int, List[str]] = {row: [self._opening(part)]}
        pieces: List[_Piece] = [(0, said) for said in notes[row] if said]
        for free, run in groupby(fields_from(form, part.lo - part.base), _is_free):
            for fields in [[field] for field in run] if free else [list(run)]:
                fresh: Dict[int, List[str]] = {}
                self._told(fields, shape, delta, part, packet, fresh)
                told = [(at - row, "".join(fresh[at])) for at in sorted(fresh)]
                pieces += self._gaps(fields[0], part, told) if free else told
                for at, lines in fresh.items():
                    notes.setdefault(at, []).extend(lines)
        if taught == len(self._taught):
            mould = Mould(form, sorted(pieces, key=_row_of), block.stride)
            self._size += mould.size
            if self._size > _CAST:
                self._moulds.clear()
                self._size = mould.size
            self._moulds[key] = mould
        return self._lay(out, done, below, block, written(row, notes))

    def _gaps(self, field: Field, part: Part, told: List[Tuple[int, str]]) -> List[_Piece]:
        """The notes on a field whose bytes are free, with gaps for what depends on them. `told`: (rows below the first, text)."""
        node, start, end, _, _ = field
        if node.show == "opaque" and start >= part.lo - part.base:
            # Of bytes that are no value the first ones are shown in hex, and nothing else depends on them.
            stop = start + head_of(end - start)
            shown = part.buf[start:stop].hex()
            if sum(text.count(shown) for _, text in told) == 1:
                found: List[_Piece] = []
                for down, text in told:
                    before, there, behind = text.partition(shown)
                    found += [(down, before), (down, (start, stop)), (down, behind)] if there else [(down, text)]
                return found
        return [(down, text if self._bare.issuperset(text) else field) for down, text in told]


def _is_free(field: Field) -> bool:
    return field[0].free


def _row_of(piece: _Piece) -> int:
    return piece[0]
