"""Annotated text: the user's own lines, with the meaning of each byte range written under the bytes.

A note under a row depends on bytes up to the end of the next row at most, so that a trace that is
cut short reads, up to the cut, as the whole one does. A field that ends later is named at its first
row and told at its last.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from hexnote.model import (
    ARRAY,
    BODY,
    BUFFER,
    CONTENT_TYPES,
    END,
    GROUP,
    HEADER,
    LOST,
    MESSAGE,
    MISSING,
    SIDES,
    Block,
    Connection,
    Field,
    Finding,
    Layout,
    Node,
    Packet,
    Part,
    Prose,
    describe,
    finding_lines,
)

MARK = ";|"

# How far under a label's carets its continuation stands.
_HANG = 2
# Opaque runs over more rows than this are marked at their first and last row only.
_FOLD = 3
_OPAQUE = ("", "opaque", "hex")
_REPEATED = (11, 13)  # handshake types: certificate, certificate_request
_MEMO = 256  # of these, and of lists, are kept
_HEADS = 4096  # record headers of which the notes are kept
_BODIES = 4096  # encrypted bodies of which they are kept
_SAID = 8192  # short fields of which they are kept
_SHORT = 4  # bytes of a field that is likely to come again
_TITLED = {"Certificate": "an X.509 certificate", "Name": "a name"}  # items that have a heading of their own
_ENDLESS = 1 << 62
_SHOWN = 32  # rows of a buffer that are shown with no note under them
_SEALED = ("Encrypted", "ApplicationData")  # types of encrypted bodies
_NAMED = (*_SEALED, "Other")  # types with a name for readers
_LONG = (*_OPAQUE, "serial")  # and big numbers
# The layout of excerpts: `;|  0x0030:  4500 ...`, 16 bytes a row.
_OWN_PREFIX = MARK + "  0x0000:  "
_OWN = Layout(tuple(len(_OWN_PREFIX) + i // 2 * 5 + i % 2 * 2 for i in range(16)), len(_OWN_PREFIX) + 41)

# How far labels stand in, by depth: the eye follows a few levels, and the width has an end.
_INDENT = tuple(" " * min(2 * depth, 4 + depth, 9) for depth in range(64))
_BLANK = bytes(9 if c == 9 else 32 for c in range(256))
_PRINTABLE = "".join(chr(c) if 32 < c < 127 else "." for c in range(256))


class Carets:
    """Caret lines for one layout: prefix, carets, blanks up to the column where labels stand."""

    def __init__(self, prefix: str, layout: Layout) -> None:
        self.cols = layout.cols
        self.prefix = prefix  # what stands before column cols[0]: marker, blanks, the row's own tabs
        self.made: Dict[int, Tuple[str, str, int]] = {}  # by c0 * 4096 + c1
        shift = len(prefix.expandtabs(8)) - self.cols[0]  # tabs widen what the eye sees
        pitch = self.cols[2] - self.cols[0] if len(self.cols) > 2 else 5
        last = max(self.cols[0] + 7 * pitch + 4, self.cols[-1] + 2)
        self.column = last + shift + 2  # visual column of labels
        self.first = self.cols[0] + shift

    def line(self, c0: int, c1: int) -> Tuple[str, str, int]:
        """The caret line under the row's bytes [c0, c1): padded to the label column, unpadded with its
        LF, and how wide the unpadded one looks."""
        made = self.made.get(c0 << 12 | c1)
        if made is None:
            cols = self.cols
            marks = [" "] * (cols[c1 - 1] + 2 - cols[0])
            for c in range(c0, c1):
                at = cols[c] - cols[0]
                marks[at] = marks[at + 1] = "^"
            carets = "".join(marks)
            short = self.prefix + carets
            padded = self.prefix + carets.ljust(self.column - self.first)
            made = self.made[c0 << 12 | c1] = (padded, short + "\n", self.first + len(carets))
        return made


class Shape:
    """Where the rows of a block lie: which row and column a dump offset has."""

    __slots__ = ("block", "offset", "end", "stride", "starts", "tables", "odd", "count")

    def __init__(self, block: Block, tables: Callable[[bytes, Layout], Optional[Carets]]) -> None:
        self.block = block
        self.offset = block.offset
        self.end = block.offset + len(block.data)
        self.stride = block.stride
        self.count = block.row_count()
        self.starts: List[int] = []
        self.tables: List[Optional[Carets]] = []
        self.odd = False
        if self.stride:
            layout = block.layout
            assert layout is not None
            table = tables(block.text[block.head : block.head + layout.cols[0]], layout)
            self.tables = [table]
            self.odd = table is None
        else:
            for r in block.rows or ():
                self.starts.append(r.offset)
                table = tables(block.text[r.start : r.end][: r.layout.cols[0]], r.layout) if r.size else None
                self.tables.append(table)
                self.odd = self.odd or table is None

    def row_of(self, at: int) -> int:
        """The row that holds dump offset `at`."""
        if self.stride:
            return (at - self.offset) >> 4
        return bisect_right(self.starts, at) - 1

    def start(self, row: int) -> int:
        """Dump offset of the row's first byte."""
        return self.offset + 16 * row if self.stride else self.starts[row]

    def stop(self, row: int) -> int:
        """Dump offset behind the row's last byte; rows past the last count as the last."""
        if row + 1 >= self.count:
            return self.end
        return self.offset + 16 * (row + 1) if self.stride else self.starts[row + 1]

    def spans(self, ranges: List[Tuple[int, int]]) -> List[Tuple[int, int, int]]:
        """(row, first column, column behind) of every row that dump ranges touch."""
        out: List[Tuple[int, int, int]] = []
        for a, b in ranges:
            row = self.row_of(a)
            while a < b:
                first, stop = self.start(row), min(self.stop(row), b)
                if stop <= a:
                    break
                out.append((row, a - first, stop - first))
                a, row = stop, row + 1
        return out

    def ends(self, a: int, b: int) -> List[Tuple[int, int, int]]:
        """The same for the first and the last row that [a, b) touches."""
        one, other = self.row_of(a), self.row_of(b - 1)
        if one == other:
            return self.spans([(a, b)])
        first, last = self.start(one), self.start(other)
        return [(one, a - first, self.stop(one) - first), (other, 0, b - last)]

    def table(self, row: int) -> Optional[Carets]:
        """The caret lines for a row; None where carets cannot stand under it."""
        return self.tables[0 if self.stride else row]


class OwnShape(Shape):
    """Rows of sixteen in our own layout, for excerpts of bytes shown in an earlier packet."""

    __slots__ = ()

    def __init__(self, at: int, data: bytes, carets: Carets) -> None:
        self.offset = at & ~15
        self.end = at + len(data)
        self.stride = 1
        self.starts = []
        self.tables = [carets]
        self.odd = False
        self.count = (self.end - self.offset + 15) >> 4


def own_row(offset: int, at: int, data: bytes, row: int) -> str:
    """An excerpt's row in our own layout; what lies before dump offset `at` is blank."""
    first = offset + 16 * row
    cells = []
    text = []
    for i in range(first, min(first + 16, at + len(data))):
        if i < at:
            cells.append("  ")
            text.append(" ")
        else:
            cells.append(f"{data[i - at]:02x}")
            text.append(_PRINTABLE[data[i - at]])
    groups = " ".join("".join(cells[i : i + 2]) for i in range(0, len(cells), 2))
    return f"{MARK}  0x{first:04x}:  {groups:<39}  {''.join(text)}\n"


class Text:
    """The renderer. `take()` hands out what was written since it was asked last."""

    echoes = True  # the input's lines stand in the output
    live = True  # wants parts of units as they come
    keep = False  # does not want opaque bodies whole

    def __init__(
        self, width: int = 100, full: bool = False, headers: bool = False, palette: Optional[Dict[str, str]] = None,
        quick: bool = True,
    ) -> None:
        """`palette`: terminal codes by kind of note (see `_shade`); None: no colour. `quick` False: the general
        way for every field, whose output the quick ways must equal."""
        self.quick = quick
        self.width = max(width, 40)
        self.level = 1 if full else 0
        self.headers = headers
        self.palette = palette
        self.out: List[bytes] = []
        self._open = False  # the last echoed line has no LF: the input ends here
        self.unfinished = False  # annotations were written behind such a line
        self._carets: Dict[Tuple[bytes, Layout], Optional[Carets]] = {}
        self._last_table: Tuple[bytes, Optional[Layout], Optional[Carets]] = (b"", None, None)
        self._own = Carets(MARK + " " * (len(_OWN_PREFIX) - 2), _OWN)
        self._taught: set[int] = set()  # nodes whose teaching note was given
        self._lost: List[Part] = []  # holes not told yet
        self._made: Dict[Any, List[Tuple[int, str]]] = {}  # notes of messages that come again and again
        self._heads: Dict[Any, Tuple[str, List[Tuple[int, str]]]] = {}  # of record headers: heading, notes by row
        self._bodies: Dict[Any, List[Tuple[int, str]]] = {}  # of encrypted bodies
        self._lists: Dict[Tuple[int, bytes, int], List[str]] = {}  # numbered lists
        self._said: Dict[Tuple[Carets, Node, bytes, int, int, int], str] = {}  # of short fields in one row

    # ---------------------------------------------------------------- what the pipeline calls

    def begin(self, file: str) -> None:
        """A new input begins."""
        self._taught.clear()
        self.unfinished = False

    def prose(self, item: Prose) -> None:
        """Lines that are no dump."""
        self._echo(item.text)

    def excerpt(self, block: Block) -> None:
        """Rows that show bytes of an earlier packet again."""
        self._echo(block.text)

    def block(
        self, block: Block, packet: Packet, connection: Optional[Connection], parts: List[Part], review: bool,
        remarks: Sequence[str], findings: Sequence[Finding],
    ) -> None:
        """A run of rows, with what its bytes mean."""
        if not block.data or not parts and not review:
            self._echo(block.text)
        else:
            table = self._sole(block, packet, parts[0]) if len(parts) == 1 and not review else None
            if table is not None:
                self._midst(block, packet, parts[0], table)
            else:
                self._explain(block, packet, connection, parts, review)
        for remark in remarks:
            self._plain(remark)
        for finding in findings:
            self._finding(finding)

    def _sole(self, block: Block, packet: Packet, part: Part) -> Optional[Carets]:
        """The caret lines for a packet of which a part of one encrypted body is all there is to tell, else None."""
        layout = block.layout
        if (
            part.kind == BODY and block.stride and self.quick and layout is not None and part.fields[0][0].type in _SEALED
            and not self._lost and packet.offset is not None
        ):
            return self._table(block.text[block.head : block.head + layout.cols[0]], layout)
        return None

    def _explain(self, block: Block, packet: Packet, connection: Optional[Connection], parts: List[Part], review: bool) -> None:
        """The rows with the notes of the parts, and of the headers where `review` asks for them."""
        rows = Shape(block, self._table)
        shape = OwnShape(block.offset, block.data, self._own) if rows.odd else rows
        notes: Dict[int, List[str]] = {}
        if review:
            self._review(shape, packet, notes)
        if parts and packet.offset is not None:
            self._tell(shape, packet.start - packet.offset, parts, packet, connection, notes)
        if rows.odd:
            self._write_again(rows, shape, block, notes)
        else:
            self._write(block, notes)

    def late(self, packet: Packet, at: int, data: bytes, connection: Optional[Connection], parts: List[Part]) -> None:
        """Bytes of an earlier packet that only now can be read: shown again as an excerpt."""
        shape = OwnShape(at, data, self._own)
        notes: Dict[int, List[str]] = {}
        assert packet.offset is not None
        self._tell(shape, packet.start - packet.offset, parts, packet, connection, notes)
        self._plain(f"now readable, from packet {packet.number} (its headers left out):")
        skipped = False
        for row in range(shape.count):
            if row not in notes:
                skipped = True
                continue
            if skipped:
                self._annotate([f"{MARK}    ...\n"])
                skipped = False
            self._annotate([own_row(shape.offset, at, data, row), *notes[row]])
        if skipped:
            self._annotate([f"{MARK}    ...\n"])

    def lost(self, parts: List[Part], connection: Optional[Connection]) -> None:
        """Holes and given-up units that no later byte of this packet follows."""
        self._lost.extend(p for p in parts if p.kind == LOST)
        self._tell_lost()

    def remark(self, text: str, findings: Sequence[Finding] = ()) -> None:
        """A sentence between packets."""
        if text:
            self._plain(text)
        for finding in findings:
            self._finding(finding)

    def finish(self, connection: Connection, findings: Sequence[Finding]) -> None:
        """A connection is over: what is to be said of it as a whole."""
        for finding in findings:
            self._finding(finding)

    def end(self) -> None:
        """The input ends."""

    def take(self) -> bytes:
        """What was written since the last call."""
        made = b"".join(self.out)
        self.out = []
        return made

    # ---------------------------------------------------------------- writing

    def _echo(self, text: bytes) -> None:
        if text:
            self.out.append(text)
            self._open = not text.endswith(b"\n")

    def _annotate(self, lines: List[str]) -> None:
        if self._open:
            # Only the very last line can lack its LF: the annotations go without one instead.
            self.out.append(b"\n")
            self._open = False
            self.unfinished = True
        self.out.append("".join(lines).encode("ascii", "backslashreplace"))

    def _plain(self, text: str, indent: int = 1) -> None:
        """A sentence on lines of its own."""
        self._annotate(self._sentence(text, indent))

    def _sentence(self, text: str, indent: int = 1) -> List[str]:
        lead = MARK + " " * indent
        room = max(self.width - len(lead), 20)
        if len(text) <= room:
            return [f"{lead}{text}\n"]
        if " ".join(text.split()) == text:
            # Words with one blank between them: what `wrap` does, twenty times as fast.
            lines = []
            at = 0
            while len(text) - at > room:
                blank = text.rfind(" ", at, at + room + 1)
                if blank < 0:
                    break
                lines.append(f"{lead}{text[at:blank]}\n")
                at = blank + 1
            else:
                return [*lines, f"{lead}{text[at:]}\n"]
        from textwrap import wrap

        return [f"{lead}{line}\n" for line in wrap(text, room, break_long_words=True, break_on_hyphens=False)]

    def _write(self, block: Block, notes: Dict[int, List[str]]) -> None:
        """Echo the block's lines with the notes of each row after it."""
        text, done = block.text, 0
        out = self.out
        stride, head, size = block.stride, block.head, len(text)
        for row in sorted(notes):
            stop = min(head + (row + 1) * stride, size) if stride else block.row(row).end
            if stop < size:
                # An LF stands before what follows, so that nothing is open here.
                if stop > done:
                    out.append(text[done:stop])
                    done = stop
                out.append("".join(notes[row]).encode("ascii", "backslashreplace"))
            else:
                self._echo(text[done:])
                done = size
                self._annotate(notes[row])
        if done < size:
            self._echo(text[done:])

    def _write_again(self, rows: Shape, own: Shape, block: Block, notes: Dict[int, List[str]]) -> None:
        """The same where carets cannot stand under the block's own rows: its bytes are shown again, in our
        rows, each behind the line that has its last byte."""
        text, done = block.text, 0
        for row in sorted(notes):
            stop = block.row(rows.row_of(max(own.stop(row) - 1, block.offset))).end
            if stop > done:
                self._echo(text[done:stop])
                done = stop
            self._annotate([own_row(own.offset, block.offset, block.data, row), *notes[row]])
        if done < len(text):
            self._echo(text[done:])

    def _table(self, lead: bytes, layout: Layout) -> Optional[Carets]:
        """The caret lines for rows that begin with `lead`; None where carets cannot stand under them."""
        last = self._last_table
        if lead == last[0] and layout is last[1]:
            return last[2]
        made = self._find_table(lead, layout)
        self._last_table = (lead, layout, made)
        return made

    def _find_table(self, lead: bytes, layout: Layout) -> Optional[Carets]:
        """The same for rows other than those asked for last."""
        blank = lead.translate(_BLANK)
        key = (blank, layout)
        if key in self._carets:
            return self._carets[key]
        made: Optional[Carets] = None
        plain = all(c == 9 or 32 <= c < 127 for c in lead)
        cols = layout.cols
        if plain and cols[0] >= 2 and all(b - a >= 2 for a, b in zip(cols, cols[1:])):
            prefix = blank.decode("ascii")
            if prefix[0] == "\t":
                prefix = MARK + prefix
            elif prefix[1] == "\t":
                prefix = MARK + prefix[1:]
            else:
                prefix = MARK + prefix[2:]
            made = Carets(prefix, layout)
            if made.first + cols[-1] - cols[0] + 2 > self.width:
                made = None
        if len(self._carets) > 4096:
            self._carets.clear()
        self._carets[key] = made
        return made

    def _beside(self, carets: Carets, c0: int, c1: int, label: str, depth: int, node: Optional[Node] = None) -> List[str]:
        """A caret line with its label, beside the carets where it fits, else under them."""
        line, short, width = carets.line(c0, c1)
        indent = _INDENT[depth]
        if carets.column + len(indent) + len(label) <= self.width:
            lines = [f"{line}{indent}{label}\n"]
        elif width + _HANG + len(label) <= self.width:
            lines = [f"{short[:-1]}{' ' * _HANG}{label}\n"]
        else:
            lines = [short, *self._sentence(label, 3 + len(indent))]
        return self._dye(lines, _shade(node)) if self.palette and node is not None else lines

    def _dye(self, lines: List[str], shade: str) -> List[str]:
        """Lines with the colour of a kind of note, behind the marker."""
        code = (self.palette or {}).get(shade, "")
        reset = (self.palette or {}).get("reset", "")
        return [f"{MARK}{code}{line[2:-1]}{reset}\n" for line in lines] if code else lines

    # ---------------------------------------------------------------- the notes of a block

    def _tell(
        self, shape: Shape, delta: int, parts: List[Part], packet: Packet, connection: Optional[Connection],
        notes: Dict[int, List[str]],
    ) -> None:
        """Put the notes for `parts` under the rows; dump offset = stream offset + delta."""
        hole = -(1 << 62)  # stream offset behind the last hole: what lies in it has no row
        first = True
        quick = bool(self.quick and shape.stride)
        edge = 0  # stream offset behind what was told last
        opened: Dict[str, List[Part]] = {}  # buffers of their own, and the parts in them
        for part in parts:
            kind = part.kind
            if kind == BUFFER:
                opened[part.buffer] = [part]
                continue
            if opened:
                if part.buffer in opened:
                    opened[part.buffer].append(part)
                    continue
                self._buffers(opened, shape, edge + delta - 1, packet, connection, notes)
                opened = {}
            edge = part.hi
            if kind == END:
                continue
            if kind == LOST:
                self._lost.append(part)
                hole = part.hi
                continue
            if part.lo >= part.hi or part.lo < hole:
                continue
            place = part.lo + delta
            row = (place - shape.offset) >> 4 if quick else shape.row_of(place)
            lines = notes.get(row)
            if lines is None:
                lines = notes[row] = []
            if self._lost:
                lines.extend(self._lost_lines())
            if quick and kind == HEADER and part.hi - part.lo == 5:
                self._head(shape, delta, part, packet, connection, notes, row, lines)
            elif quick and kind == BODY and len(part.fields) == 1 and part.fields[0][0].type in _SEALED:
                for at, said in self._sealed(shape.tables[0], place - shape.offset, part, packet):
                    if at:
                        notes.setdefault(row + at, []).append(said)
                    else:
                        lines.append(said)
            else:
                if kind == HEADER:
                    lines.extend(self._dye(self._record_heading(part, connection, packet), "heading"))
                elif kind == MESSAGE:
                    if part.begins:
                        lines.extend(self._message_heading(part))
                    elif first:
                        lines.extend(self._dye(self._resuming(part, connection, packet), "heading"))
                if part.pieces is not None:
                    self._scattered(shape, delta, part, packet, notes)
                elif quick and kind == MESSAGE and part.message is not None and part.message.type in _REPEATED:
                    self._again(shape, delta, part, packet, notes, row)
                else:
                    self._fields(shape, delta, part, packet, notes)
            first = False
        if opened:
            self._buffers(opened, shape, edge + delta - 1, packet, connection, notes)

    def _buffers(
        self, opened: Dict[str, List[Part]], shape: Shape, at: int, packet: Packet, connection: Optional[Connection],
        notes: Dict[int, List[str]],
    ) -> None:
        """Bytes that are not in the dump, decrypted or decompressed: a dump of their own in our rows, under the row
        that has the byte at dump offset `at`, the last of those that they come from."""
        lines = notes.setdefault(shape.row_of(max(min(at, shape.end - 1), shape.offset)), [])
        for parts in opened.values():
            data = parts[0].buf
            own = OwnShape(0, data, self._own)
            inner: Dict[int, List[str]] = {}
            self._tell(own, 0, parts[1:], packet, connection, inner)
            lines += self._dye(self._sentence(parts[0].note), "heading")
            skipped = False
            for row in range(own.count):
                if row not in inner and row >= _SHOWN:
                    skipped = True
                    continue
                if skipped:
                    lines.append(f"{MARK}    ...\n")
                    skipped = False
                lines.append(own_row(0, 0, data, row))
                lines += inner.get(row, ())
            if skipped:
                lines.append(f"{MARK}    ...\n")

    def _head(
        self, shape: Shape, delta: int, part: Part, packet: Packet, connection: Optional[Connection], notes: Dict[int, List[str]],
        row: int, lines: List[str],
    ) -> None:
        """A whole record header in rows of sixteen. The same bytes at the same column have the same notes, teaching apart."""
        record = part.record
        assert record is not None
        key = (part.buf, part.lo + delta - shape.offset & 15, shape.tables[0], record.encrypted)
        made = self._heads.get(key)
        words = describe(record) if made is None else made[0]
        heading = [f"{MARK} packet {packet.number}, {self._who(part.side, connection)}, record {record.number}: {words}\n"]
        lines += self._dye(heading, "heading") if self.palette else heading
        if made is None:
            taught = len(self._taught)
            fresh: Dict[int, List[str]] = {}
            self._fields(shape, delta, part, packet, fresh)
            made = (words, [(at - row, "".join(there)) for at, there in fresh.items()])
            if taught == len(self._taught):
                if len(self._heads) >= _HEADS:
                    self._heads.clear()
                self._heads[key] = made
        for at, said in made[1]:
            if at:
                notes.setdefault(row + at, []).append(said)
            else:
                lines.append(said)

    def _again(
        self, shape: Shape, delta: int, part: Part, packet: Packet, notes: Dict[int, List[str]], row: int,
    ) -> None:
        """What `_fields` does, for messages that come again and again: most servers have one. The same bytes
        at the same column have the same notes, teaching apart."""
        memo = self._made
        base = part.base
        buf = part.buf
        if not isinstance(buf, bytes):
            return self._fields(shape, delta, part, packet, notes)
        seen = buf[: part.hi - base]
        version = part.record.version if part.record is not None else None
        key = (seen, part.lo - base, part.lo + delta - shape.offset & 15, _wire(part, packet), shape.tables[0], version)
        made = memo.get(key)
        if made is None:
            taught = len(self._taught)
            fresh: Dict[int, List[str]] = {}
            self._fields(shape, delta, part, packet, fresh)
            made = [(at - row, "".join(lines)) for at, lines in fresh.items()]
            if taught == len(self._taught):
                if len(memo) >= _MEMO:
                    memo.clear()
                memo[key] = made
        for at, said in made:
            if row + at in notes:
                notes[row + at].append(said)
            else:
                notes[row + at] = [said]

    def _fields(self, shape: Shape, delta: int, part: Part, packet: Packet, notes: Dict[int, List[str]]) -> None:
        """The fields of a unit that lies in one piece of the stream."""
        shift = part.base + delta
        lo, hi = part.lo - part.base, part.hi - part.base  # new bytes, local
        buf = part.buf
        if not isinstance(buf, bytes):
            buf = _peek(buf, 0, len(buf))  # what lies behind a hole is told field by field
        have = min(len(buf), hi)
        level = self.level
        first = shift - shape.offset  # block offset = local offset + first
        table = shape.tables[0] if shape.stride and self.quick else None
        taught = self._taught
        memo = self._said
        for field in _from(part.fields, lo):
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
            if table is None or start < lo or end > have or kind == MISSING or node.type in _NAMED:
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
                    said = memo[key] = "".join(self._one(table, field, raw, c0))
                if row in notes:
                    notes[row].append(said)
                else:
                    notes[row] = [said]
            elif row in notes:
                notes[row] += self._one(table, field, raw, c0)
            else:
                notes[row] = self._one(table, field, raw, c0)
            if node.doc and id(node) not in taught:
                notes[row] += self._doc(node)

    def _one(self, table: Carets, field: Field, raw: bytes, c0: int) -> List[str]:
        """The lines for a field that is there whole, in one row, from column `c0` on."""
        node, start, end, depth, index = field
        label = node.say(raw)
        if index >= 0:
            label = _numbered(label, node, index)
        return self._beside(table, c0, c0 + end - start, label, depth, node)

    def _whole(self, table: Carets, field: Field, buf: bytes, at: int, notes: Dict[int, List[str]]) -> None:
        """What `_long` does, for a field that is there whole, in rows of sixteen, from block offset `at` on."""
        node, start, end, depth, index = field
        size = end - start
        row, c0 = at >> 4, at & 15
        last = (at + size - 1) >> 4
        full = c0 + size <= 32
        show = node.show
        opaque = show in _OPAQUE
        array = node.kind == ARRAY
        name = node.name + node.suffix.replace(".", " ") if node.suffix else node.name
        if array:
            label = self._array(node, name, size, buf[start:end] if full else b"")
        elif opaque:
            label = self._opaque(node, name, size, buf[start : min(end, start + 8)])
        elif full:
            label = node.say(buf[start:end])
        else:
            label = _unfinished(node.say(buf[start : start + 32 - c0]), size)
        if index >= 0:
            label = _numbered(label, node, index)
        lines = notes.get(row)
        if lines is None:
            lines = notes[row] = []
        lines += self._beside(table, c0, c0 + size if last == row else 16, label, depth, node)
        if node.doc and id(node) not in self._taught:
            lines += self._doc(node)
        if last > row:
            fold = show in _LONG and last - row >= _FOLD
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
                label = f"{name} ends" if show in _LONG else node.say(buf[start:end])
                lines += self._beside(table, 0, c1, _numbered(label, node, index) if index >= 0 else label, depth, node)
        if array:
            lines += self._list(node, buf[start:end], depth)

    def _midst(self, block: Block, packet: Packet, part: Part, table: Carets) -> None:
        """A packet whose payload is (a part of) one encrypted body: a note at its first row and at its last."""
        assert packet.offset is not None
        first = part.lo - packet.offset + packet.start - block.offset
        row = first >> 4
        text, head, stride = block.text, block.head, block.stride
        done, size = 0, len(text)
        out = self.out
        for at, said in self._sealed(table, first, part, packet):
            stop = head + (row + at + 1) * stride
            if stop < size:
                out.append(text[done:stop])
                done = stop
                out.append(said.encode("ascii", "backslashreplace"))
            else:
                self._echo(text[done:])
                done = size
                self._annotate([said])
        if done < size:
            self._echo(text[done:])

    def _sealed(self, table: Optional[Carets], at: int, part: Part, packet: Packet) -> List[Tuple[int, str]]:
        """What `_long` does, for (a part of) an encrypted body in rows of sixteen, from block offset `at` on: the
        notes, each with how many rows below the first one it stands. Bodies alike have the same ones."""
        node, _, size, depth, _ = part.fields[0]
        record = part.record
        told, got = part.lo - part.base, part.hi - part.lo
        wire = min(_wire(part, packet), size)
        c0 = at & 15
        finished = record is not None and record.finished
        key = (node, record.type if record is not None else None, finished, size, told, got, wire, c0, table)
        made = self._bodies.get(key)
        if made is not None:
            return made
        carets = table or self._own
        last = (c0 + got - 1) >> 4
        stop = size if wire < 0 else wire
        fold = (c0 + stop - told - 1) >> 4 >= _FOLD
        ends = told + got >= size
        full = told + min(got, 32 - c0) >= size
        name = self._name(node, part)
        if not told:
            label = self._opaque(node, name, size, b"", finished)
            if 0 <= wire < size:
                label += ", goes on in a later packet"
        elif full:
            label = f"{name} ends{self._since(part, 0, packet)}"
        elif wire >= 0:
            label = f"{name} goes on: bytes {told} to {stop} of {size}"
        else:
            label = f"{name} goes on at byte {told} of {size}"
        made = [(0, "".join(self._beside(carets, c0, 16 if last else c0 + got, label, depth, node)))]
        if last and (ends or not fold):
            if not fold:
                made += [(middle, carets.line(0, 16)[1]) for middle in range(1, last)]
            c1 = ((c0 + got - 1) & 15) + 1
            if ends and (fold or not full):
                made.append((last, "".join(self._beside(carets, 0, c1, f"{name} ends", depth, node))))
            else:
                made.append((last, carets.line(0, c1)[1]))
        if len(self._bodies) >= _BODIES:
            self._bodies.clear()
        self._bodies[key] = made
        return made

    def _scattered(self, shape: Shape, delta: int, part: Part, packet: Packet, notes: Dict[int, List[str]]) -> None:
        """The fields of a unit whose bytes lie in several records."""
        pieces = part.pieces or []
        first, behind = _local(part, part.lo), _local(part, part.hi)  # new bytes, local
        for field in _from(part.fields, first):
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
        opaque = node.show in _OPAQUE or node.kind == MISSING
        first_row = shape.row_of(ranges[0][0])
        # How far the field goes in this packet, as lengths tell it, whether shown or not.
        wire = _wire(part, packet)
        stop = end if wire < 0 else min(end, wire)
        told = max(_local(part, part.lo) - start, 0)  # bytes of the field told earlier
        reach = ranges[0][0] + stop - start - told if part.pieces is None else ranges[-1][1]
        fold = node.show in _LONG and len(ranges) == 1 and shape.row_of(reach - 1) - first_row >= _FOLD
        spans = shape.ends(*ranges[0]) if fold else shape.spans(ranges)
        begins = told == 0
        ends = _local(part, part.hi) >= end
        # A note at the first row may know of bytes up to the end of the next row.
        horizon = shape.stop(first_row + 1)
        known = told + sum(max(min(b, horizon) - a, 0) for a, b in ranges)
        full = start + known >= end
        buf = part.buf
        name = self._name(node, part)
        size = end - start
        since = "" if begins else self._since(part, start, packet)
        if node.kind == ARRAY:
            first = self._array(node, name, size, _peek(buf, start, end) if full else b"") if begins else f"{name} go on{since}"
        elif full and (not opaque or (begins and len(spans) == 1 and node.show != "opaque")):
            first = node.say(_peek(buf, start, end)) + since
        elif opaque and begins:
            finished = part.record is not None and part.record.finished
            first = self._opaque(node, name, size, _peek(buf, start, start + min(known, 32)), finished)
        elif begins:
            first = _unfinished(node.say(_peek(buf, start, start + known)), size)
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
                    label = f"{name} ends" if opaque or node.show in _LONG else node.say(_peek(buf, start, end))
                    label = "" if node.kind == ARRAY else label
                elif fold:
                    break  # its end is not in sight: the first row has said all
            lines = notes.get(row)
            if lines is None:
                lines = notes[row] = []
            carets = shape.table(row) or self._own
            if label and index >= 0:
                label = _numbered(label, node, index)
            if label:
                lines.extend(self._beside(carets, c0, c1, label, depth, node))
            else:
                lines.append(carets.line(c0, c1)[1])
            if i == 0 and begins and node.doc and id(node) not in self._taught:
                lines.extend(self._doc(node))
            if i == last and ends and node.kind == ARRAY:
                lines.extend(self._list(node, _peek(buf, start, end), depth))

    # ---------------------------------------------------------------- words

    def _name(self, node: Node, part: Part) -> str:
        if node.type == "Encrypted":
            kind = CONTENT_TYPES.get(part.record.type or 0, "data") if part.record else "data"
            return f"encrypted {kind}"
        if node.type == "ApplicationData":
            return "application data"
        if node.type == "Other":
            return "not TLS"
        if node.kind == MISSING:
            name = "rest of the record" if node.suffix == ".missing" else "DER value" if node.name == "missing" else node.name
            return f"{name} (cut here)" if isinstance(part.buf, bytes) and not part.done else f"{name} (unreadable behind a hole)"
        return node.name + node.suffix.replace(".", " ")

    def _array(self, node: Node, name: str, size: int, raw: bytes) -> str:
        """The label of a list; a single value, where it is known already, needs none."""
        if size <= node.size:
            return f"{name} = {node.say(raw)}" if len(raw) == size else f"{name}: {_count(size // node.size, 'value')}"
        return f"{name}: {_count(size // node.size, 'value')}, listed below"

    def _opaque(self, node: Node, name: str, size: int, head: bytes, finished: bool = False) -> str:
        if node.type == "Other":
            return f'{name}: "{"".join(chr(c) if 32 <= c < 127 else "." for c in head)}"'
        label = f"{name}, {_count(size, 'byte')}"
        if node.type == "ApplicationData":
            return f"{label}, encrypted"
        if node.type == "Encrypted":
            return f"{label}{', by its place a Finished' if finished else ''}"
        if node.kind == MISSING:
            return label
        return f"{label}: {head[:8].hex()}{'...' if size > 8 else ''}"

    def _since(self, part: Part, start: int, packet: Packet) -> str:
        return ", begun in an earlier packet"

    def _who(self, side: int, connection: Optional[Connection]) -> str:
        if connection is not None and connection.number:
            return f"connection {connection.number}, {SIDES[side]}"
        return SIDES[side]

    def _record_heading(self, part: Part, connection: Optional[Connection], packet: Packet) -> List[str]:
        who = self._who(part.side, connection)
        record = part.record
        if record is None:
            return [f"{MARK} {who}: a record header begins here and goes on in a later packet\n"] if part.begins else []
        return [f"{MARK} packet {packet.number}, {who}, record {record.number}: {describe(record)}\n"]

    def _resuming(self, part: Part, connection: Optional[Connection], packet: Packet) -> List[str]:
        """The heading of a packet that goes on with a message in clear."""
        record, message = part.record, part.message
        if record is None or message is None or not message.name:
            return []
        who = self._who(part.side, connection)
        return [f"{MARK} packet {packet.number}, {who}, record {record.number} goes on: {message.name}\n"]

    def _message_heading(self, part: Part) -> List[str]:
        message = part.message
        if message is None or not message.name:
            return []
        size = f"{_count(message.length - 4, 'byte')} after its header" if message.length > 4 else "empty"
        lines = self._dye([f"{MARK}  {message.name}, {size}\n"], "heading")
        for node, start, _, depth, _ in part.fields[:8]:
            if node.kind == GROUP and not depth and start == 4 and node.doc and id(node) not in self._taught:
                lines += self._doc(node)
        return lines

    def _open_group(self, field: Field, shape: Shape, at: int, notes: Dict[int, List[str]]) -> None:
        """A structure begins at dump offset `at`, or a field without bytes stands there."""
        node, start, end, depth, index = field
        lines: List[str] = []
        if index >= 0 and node.type in _TITLED:
            lines = self._dye(self._sentence(
                f"{node.name}[{index}]: {_TITLED[node.type]}, {_count(end - start, 'byte')}, begins at 0x{at:04x}", 3), "heading")
        if node.doc and id(node) not in self._taught:
            lines += self._doc(node, f"{node.name}: " if depth else "")
        if lines:
            row = shape.row_of(max(min(at, shape.end - 1), shape.offset))
            notes.setdefault(row, []).extend(lines)

    def _doc(self, node: Node, lead: str = "") -> List[str]:
        self._taught.add(id(node))
        text = f"{node.doc} ({node.rfc})" if node.rfc and node.rfc not in node.doc else node.doc
        return self._dye(self._sentence(lead + text, 5), "teaching")

    def _list(self, node: Node, raw: bytes, depth: int) -> List[str]:
        """A numbered list of the values of an array; a single one was told in its label."""
        if len(raw) <= node.size:
            return []
        key = (id(node), raw, depth)
        made = self._lists.get(key)
        if made is None:
            if len(self._lists) >= _MEMO:
                self._lists.clear()
            made = self._lists[key] = self._new_list(node, raw, depth)
        return made

    def _new_list(self, node: Node, raw: bytes, depth: int) -> List[str]:
        size = node.size
        items = [node.say(raw[i : i + size]) for i in range(0, len(raw) - size + 1, size)]
        lead = MARK + "   " + _INDENT[depth]
        digits = len(str(len(items)))
        cells = [f"{i + 1:>{digits}} {item}" for i, item in enumerate(items)]
        wide = max((len(c) for c in cells), default=0) + 3
        if len(lead) + wide - 3 > self.width:
            rest = len(lead) + digits + 1
            return [line for cell in cells for line in self._hanging(cell, len(lead) - 2, rest - 2)]
        columns = max((self.width - len(lead)) // wide, 1)
        rows = (len(cells) + columns - 1) // columns
        lines = []
        for r in range(rows):
            line = lead + "".join(cells[i].ljust(wide) for i in range(r, len(cells), rows)).rstrip()
            lines.append(line + "\n")
        return lines

    def _hanging(self, text: str, indent: int, hang: int) -> List[str]:
        """A sentence whose further lines stand in by `hang` columns behind the marker."""
        if len(MARK) + indent + len(text) <= self.width:
            return [f"{MARK}{' ' * indent}{text}\n"]
        from textwrap import wrap

        lines = wrap(text, max(self.width - len(MARK), 20), initial_indent=" " * indent, subsequent_indent=" " * hang,
                     break_on_hyphens=False)
        return [f"{MARK}{line}\n" for line in lines]

    def _lost_lines(self) -> List[str]:
        lines: List[str] = []
        for part in self._lost:
            what = f" in record {part.record.number} ({describe(part.record)})" if part.record else ""
            lines.extend(self._sentence(
                f"{part.hi - part.lo} bytes of the {SIDES[part.side]}'s stream are not in this trace "
                f"(offsets {part.lo} to {part.hi}){what}"))
        self._lost = []
        return lines

    def _tell_lost(self) -> None:
        if self._lost:
            self._annotate(self._lost_lines())

    def _finding(self, finding: Finding) -> None:
        for text, indent in finding_lines(finding):
            self._annotate(self._dye(self._sentence(text, indent), finding.severity))

    # ---------------------------------------------------------------- the TCP/IP review

    def _review(self, shape: Shape, packet: Packet, notes: Dict[int, List[str]]) -> None:
        """The packet's headers: where IP and TCP begin, how long they are, where the payload stands."""
        if packet.link is None or packet.ip is None:
            return
        link, ip = packet.link, packet.ip
        ports = link + ip
        known = shape.row_of(min(ports + 3, shape.end - 1)) - 1  # no note above this row may know the connection
        if packet.version == 4:
            say = [
                (link, link + 1, f"IP version 4, header 4 x {ip // 4} = {ip} bytes"),
                (link + 9, link + 10, "protocol = TCP (6)"),
            ]
        else:
            say = [(link, link + 1, f"IP version 6, headers {ip} bytes")]
        if self.headers:
            if packet.version == 4:
                say[1:1] = [
                    (link + 2, link + 4, f"total length = {packet.end - link} bytes"),
                    (link + 8, link + 9, f"time to live = {packet.ttl}"),
                ]
                say += [(link + 12, link + 16, f"source = {packet.src}"), (link + 16, link + 20, f"destination = {packet.dst}")]
            else:
                say += [(link + 8, link + 24, f"source = {packet.src}"), (link + 24, link + 40, f"destination = {packet.dst}")]
            say += [
                (ports, ports + 2, f"source port = {packet.sport}"), (ports + 2, ports + 4, f"destination port = {packet.dport}"),
                (ports + 4, ports + 8, f"sequence number = {packet.seq}"),
            ]
            if packet.ack is not None:
                say.append((ports + 8, ports + 12, f"acknowledgment number = {packet.ack}"))
        if packet.tcp is not None:
            begin = packet.start
            where = f"payload begins at 0x{begin:04x}" if packet.payload else f"no payload (it would begin at 0x{begin:04x})"
            say.append((ports + 12, ports + 13, f"TCP header 4 x {packet.tcp // 4} = {packet.tcp} bytes; {where}"))
            if self.headers:
                say.append((ports + 13, ports + 14, f"flags = {packet.flags or 'none'}"))
        for start, end, label in say:
            if start < shape.offset or end > shape.end:
                continue
            row = shape.row_of(start)
            if row < known:
                notes.setdefault(known, []).extend(self._sentence(f"at 0x{start:04x}: {label}", 3))
                continue
            while start < end:
                stop = min(shape.stop(row), end)
                first = shape.start(row)
                carets = shape.table(row) or self._own
                notes.setdefault(row, []).extend(self._beside(carets, start - first, stop - first, label, 0))
                start, row, label = stop, row + 1, ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shade(node: Node) -> str:
    """The kind of a field's note, as far as colour goes."""
    if node.suffix == ".length" or node.name == "length" or node.show == "length":
        return "length"
    if node.names is not None or node.kind == ARRAY:
        return "name"
    return "bytes" if node.show in _LONG else "value"


def _numbered(label: str, node: Node, index: int) -> str:
    """The label of an item of a vector: its name with the item's number."""
    return f"{node.name}[{index}]{label[len(node.name):]}" if label.startswith(node.name) else label


def _unfinished(said: str, size: int) -> str:
    """A label whose field goes on behind what a note here may know of."""
    return f"{said}{'' if said.endswith('...') else ' ...'} ({_count(size, 'byte')})"


def _wire(part: Part, packet: Packet) -> int:
    """Local offset where the packet's payload ends, by its headers; -1 where they are not there."""
    if packet.ip is None or packet.offset is None or packet.note or part.pieces is not None or part.buffer:
        return -1
    wire = packet.offset + packet.end - packet.start - part.base
    return wire if wire > 0 else 0


def _peek(buf: Any, start: int, end: int) -> bytes:
    """The bytes of [start, end) as far as they are there without a hole."""
    if isinstance(buf, bytes):
        return buf[start:end]
    for low, high in buf.shown(start, min(end, len(buf))):
        return bytes(buf[low:high]) if low == start else b""
    return b""


def _from(fields: List[Field], first: int) -> Iterable[Field]:
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


def _local(part: Part, at: int) -> int:
    """Local offset of stream offset `at`, for the ends of the new bytes."""
    if part.pieces is None:
        return at - part.base
    for start, stream, size in reversed(part.pieces):  # new bytes are the last ones
        if at >= stream:
            return start + min(at - stream, size)
    return 0
