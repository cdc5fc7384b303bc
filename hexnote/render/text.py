"""Annotated text: the user's own lines, with the meaning of each byte range written under the bytes.

A note under a row depends on bytes up to the end of the next row at most, so that a trace that is
cut short reads, up to the cut, as the whole one does. A field that ends later is named at its first
row and told at its last.
"""

from __future__ import annotations

from hexnote.hints import Any, Callable, Dict, List, Optional, Sequence, Tuple
from hexnote.model import (
    BUFFER,
    END,
    HEADER,
    LOST,
    MESSAGE,
    OTHER,
    SIDES,
    Block,
    Connection,
    Field,
    Finding,
    Packet,
    Part,
    Prose,
    Record,
    describe,
    finding_lines,
    verdict_lines,
)
from hexnote.quick import QUICK, STRICT
from hexnote.render.carets import MARK, AgainShape, Carets, OwnShape, Shape, own_row
from hexnote.render.known import GOES_ON, ROWS, Notes, written
from hexnote.render.lines import escaped
from hexnote.render.pages import Pages
from hexnote.render.review import review as review_labels
from hexnote.render.words import count, record_heading, resuming, sender

_REVIEWS = 1024  # that are kept
_HELD = 1 << 20  # bytes of notes that wait for the end of one line
_SHOWN = 32  # rows of a buffer that are shown with no note under them

# Under rows whose explanation failed: the others have theirs.
FAILED = "hexnote could not explain these rows: a mistake of its own, please report it"


class Text(Pages):
    """The renderer. `take()` hands out what was written since it was asked last."""

    echoes = True  # the input's lines stand in the output
    live = True  # wants parts of units as they come
    gathers = False  # a finding stands where it was made, whatever connection it concerns
    keep = False  # does not want opaque bodies whole

    def __init__(
        self, width: int = 100, full: bool = False, headers: bool = False, palette: Optional[Dict[str, str]] = None,
        quick: bool = QUICK,
    ) -> None:
        """`palette`: terminal codes by kind of note (see `shade`); None: no colour. `quick` False: the general
        way for every field, whose output the quick ways must equal."""
        super().__init__(width, palette, full)
        self.quick = quick
        self.headers = headers
        self.out: List[Any] = []
        self._aside = False  # another process writes what is written here: see `assist`
        self._open = False  # the last echoed line has no LF: the input ends here
        self._torn = False  # more of the line that was echoed last will come: notes wait for its end
        self._held: List[bytes] = []  # those notes
        self._room = _HELD  # bytes that more of them may have
        self.unfinished = False  # annotations were written behind such a line
        self._taken = (False, False)  # `_open` and `unfinished`, when the output was taken last
        self._lost: List[Part] = []  # holes not told yet
        self._reviews: Dict[Any, Notes] = {}  # on headers

    # ---------------------------------------------------------------- what the pipeline calls

    def begin(self, file: str) -> None:
        """A new input begins."""
        self._forget()
        self.unfinished = False

    def prose(self, item: Prose) -> None:
        """Lines that are no dump."""
        self._echo(item.text, item.torn)

    def rows(self, text: bytes) -> None:
        """A packet's lines, each with its end, of which nothing is to be told."""
        self.out.append((text, False) if self._aside and self._open else text)
        self._open = self._torn = False
        if self._held:
            self._release()

    def amid(
        self, text: bytes, head: int, stride: int, layout: Any, start: int, length: int, record: Record, field: Field, offset: int,
    ) -> Optional[Tuple[bytes, bytes, bytes]]:
        """A packet's lines with the note under them, where all `length` bytes of its payload, at dump offset `start` and stream
        offset `offset`, lie amid an encrypted body and take more rows than are marked. None: that is for others to say."""
        table, c0 = self._usual_table(text, head, layout), start & 15
        if table is None or c0 + length <= ROWS:
            return None
        node, _, size, depth, _ = field
        told = offset - record.offset - record.header
        label = self._labels.get((node, depth, record.type, table, c0, 16, GOES_ON))
        if label is None or not told:
            return None
        said = label.text % (told, told + length, size)
        line = label.lines.get(len(said))
        if line is None:
            return None
        below = head + ((start >> 4) + 1) * stride
        return text[:below], line % said, text[below:]

    def sealed(
        self, text: bytes, head: int, stride: int, layout: Any, start: int, parts: Tuple[Part, Part], packet: int, connection: int,
    ) -> Optional[List[bytes]]:
        """A packet's lines with the notes under them, where its payload, at dump offset `start`, is an encrypted record like
        others, its beginning or its rest (see `records.Reader.sealed`). None: that is for others to say."""
        table = self._usual_table(text, head, layout)
        return None if table is None else self._record(text, head, stride, table, start, parts, packet, connection)

    def lines(self, said: Sequence[bytes], findings: Sequence[Finding]) -> None:
        """What `sealed` has made of a packet, and the findings that it has led to."""
        self.out += said
        for finding in findings:
            self._finding(finding)

    def _usual_table(self, text: bytes, head: int, layout: Any) -> Optional[Carets]:
        """The table of the rows in `text`, behind its head, if they look as those before and nothing waits to be told; else
        None."""
        lead, last, table = self._last_table
        if layout is not last or not self.quick or self._lost or text[-1] != 10 or not text.startswith(lead, head):
            return None
        return table

    def excerpt(self, block: Block) -> None:
        """Rows that show bytes of an earlier packet again."""
        self._echo(block.text)

    def block(
        self, block: Block, packet: Packet, connection: Optional[Connection], parts: List[Part], review: bool,
        remarks: Sequence[str], findings: Sequence[Finding],
    ) -> None:
        """A run of rows, with what its bytes mean."""
        written, taught = len(self.out), len(self._taught)
        try:
            if not parts and not review:
                self._echo(block.text, block.torn)
            elif self.quick and not self._lost and (
                not parts and self._reviewed(block, packet) if review
                else self._page(block, packet, connection, parts, self.out)
            ):
                pass
            elif block.data:
                self._explain(block, packet, connection, parts, review)
            else:
                self._echo(block.text, block.torn)
        except Exception:
            if STRICT:
                raise
            del self.out[written:]
            self._untaught(taught)
            self._echo(block.text, block.torn)
            self._say(FAILED)
        for remark in remarks:
            self._say(remark)
        for finding in findings:
            self._finding(finding)

    def _reviewed(self, block: Block, packet: Packet) -> bool:
        """Writes a packet of which nothing but its headers is to be told, the first of most connections, as others like it were
        told; False where that takes the general way."""
        text, layout, stride, head = block.text, block.layout, block.stride, block.head
        if not stride or layout is None or text[-1] != 10 or self.headers or packet.notice:
            return False
        table = self._table(text[head : head + layout.cols[0]], layout)
        made = self._reviews.get(_looks(packet, block.offset, block.offset + len(block.data), table)) if table is not None else None
        if made is None:
            return False
        self._echo(text[self._lay(self.out, 0, head + stride, block, made) :])
        return True

    def _explain(self, block: Block, packet: Packet, connection: Optional[Connection], parts: List[Part], review: bool) -> None:
        """The rows with the notes of the parts, and of the headers where `review` asks for them."""
        rows = Shape(block, self._table)
        again = AgainShape(rows) if rows.odd else None
        shape = again or rows
        notes: Dict[int, List[str]] = {}
        if review and self.quick and shape.stride and not self.headers and packet.notice is None:
            self._review_again(shape, packet, notes)
        elif review:
            self._review(shape, packet, notes)
        if parts and (packet.offset is not None or parts[0].buffer):
            # A buffer of its own begins where its packet's rows do.
            self._tell(shape, packet.start - (packet.offset or 0), parts, packet, connection, notes)
        if again is not None:
            self._write_again(again, block, notes)
        else:
            self._write(block, notes)
        self._tell_lost()

    def late(self, packet: Packet, at: int, data: bytes, connection: Optional[Connection], parts: List[Part]) -> None:
        """Bytes of an earlier packet that only now can be read: shown again as an excerpt."""
        shape = OwnShape(at, data, self._own)
        notes: Dict[int, List[str]] = {}
        assert packet.offset is not None
        self._tell(shape, packet.start - packet.offset, parts, packet, connection, notes)
        self._say(f"now readable, from packet {packet.number} (its headers left out):")
        skipped = False
        for row in range(shape.count):
            if row not in notes:
                skipped = True
                continue
            if skipped:
                self._annotate([f"{MARK}    ...\n"])
                skipped = False
            self._annotate([own_row(shape.offset, at, data, row, self.width), *notes[row]])
        if skipped:
            self._annotate([f"{MARK}    ...\n"])
        self._tell_lost()

    def lost(self, parts: List[Part], connection: Optional[Connection]) -> None:
        """Holes and given-up units that no later byte of this packet follows."""
        self._lost.extend(p for p in parts if p.kind == LOST)
        self._tell_lost()

    def remark(self, text: str, findings: Sequence[Finding] = ()) -> None:
        """A sentence between packets."""
        if text:
            self._say(text)
        for finding in findings:
            self._finding(finding)

    def finish(self, connection: Connection, findings: Sequence[Finding]) -> None:
        """A connection is over: what is to be said of it as a whole."""
        for text, indent in verdict_lines(connection):
            self._say(text, indent, "heading")
        for finding in findings:
            self._finding(finding)

    def end(self) -> None:
        """The input ends."""

    def take(self) -> bytes:
        """What was written since the last call."""
        made = b"".join(self.out)
        self.out = []
        self._taken = self._open, self.unfinished
        return made

    def drop(self) -> None:
        """Forgets what was written since `take`: it is told otherwise, or not at all."""
        self.out, self._held, self._torn = [], [], False
        self._open, self.unfinished = self._taken

    def spare(self, text: bytes, piece: Any) -> None:
        """Lines of which nothing is told; those that another process has written are its `piece`."""
        if piece is None:
            self._echo(text)
        else:
            self.given(text, None, piece)

    # ---------------------------------------------------------------- two processes that write one text

    def assist(self, ask: Callable[[], List[str]]) -> None:
        """From now on another process writes the text; what is written here are `part`s of it, for its `given`. `ask` tells
        which teaching notes it has given."""
        self._ask, self._aside = ask, True
        self.out = []
        self._open = self._torn = False
        self._held = []

    def part(self) -> Any:
        """What was written since the last call: bytes; where the input's last line, or one that is too long, is among it, a
        tuple of bytes, lines (text, whether more of the last one comes), and notes that may have to wait. Where teaching notes
        were given, they are named beside it."""
        out, self.out = self.out, []
        made: Any
        try:
            made = b"".join(out)
        except TypeError:
            made = tuple(out)
        if not self._fresh:
            return made
        fresh, self._fresh = self._fresh, []
        return {"part": made, "taught": [doc for doc in fresh if doc in self._taught]}

    def given(self, text: bytes, packet: Optional[Packet], piece: Any) -> None:
        """What another process wrote of a packet, whose lines are `text`, or between packets; 0: the lines alone."""
        if type(piece) is dict:
            self._taught.update(dict.fromkeys(piece["taught"]))
            piece = piece["part"]
        if type(piece) is int:
            self._echo(text)
        elif type(piece) is bytes:
            if self._open:
                self._write_notes(piece)
            else:
                self.out.append(piece)
        else:
            for each in piece:
                if type(each) is tuple:
                    self._echo(*each)
                elif type(each) is list:
                    self._write_notes(*each)
                else:
                    self.out.append(each)

    def taught(self) -> List[str]:
        """The teaching notes that were given."""
        return list(self._taught)

    def learns(self, notes: List[str]) -> None:
        """Teaching notes that another process has given."""
        self._taught.update(dict.fromkeys(notes))

    # ---------------------------------------------------------------- writing

    def _echo(self, text: bytes, torn: bool = False) -> None:
        if text[-1:] == b"\n":
            self.rows(text)
            return
        self.out.append((text, torn) if self._aside else text)
        if text:
            self._open = True
        self._torn = torn and self._open

    def _annotate(self, lines: List[str]) -> None:
        self._write_notes(escaped("".join(lines)))

    def _write_notes(self, notes: bytes) -> None:
        if self._aside:
            self.out.append([notes] if self._open else notes)
            return
        if self._torn:
            self._room -= len(notes)
            if self._room >= 0:
                self._held.append(notes)
            return
        if self._open:
            # Only the very last line can lack its LF: the annotations go without one instead.
            self.out.append(b"\n")
            self._open = False
            self.unfinished = True
            if self._held:
                self._release()
        self.out.append(notes)

    def _release(self) -> None:
        """Writes the notes that have waited for the end of a line."""
        self.out += self._held
        self._held = []
        if self._room < 0:
            self._say("more notes on this line are left out: it is too long (fold -w 64 breaks it)")
        self._room = _HELD

    def _say(self, text: str, indent: int = 1, shade: str = "") -> None:
        """A sentence on lines of its own, in a colour if it has a shade."""
        if self.palette:
            lines = self._sentence(text, indent)
            made = escaped("".join(self._dye(lines, shade) if shade else lines))
        else:
            made = self._wrapped(text, indent)
        if self._open:
            self._write_notes(made)
        else:
            self.out.append(made)

    def _write(self, block: Block, notes: Dict[int, List[str]]) -> None:
        """Echo the block's lines with the notes of each row after it."""
        text, done = block.text, 0
        out = self.out
        stride, head, size = block.stride, block.head, len(text)
        for row in sorted(notes):
            stop = min(head + (row + 1) * stride, size) if stride else block.row(row).end if row >= 0 else head
            if stop < size:
                # An LF stands before what follows, so that nothing is open here.
                if stop > done:
                    out.append(text[done:stop])
                    done = stop
                out.append(escaped("".join(notes[row])))
            else:
                self._echo(text[done:])
                done = size
                self._annotate(notes[row])
        if done < size:
            self._echo(text[done:])

    def _write_again(self, shape: AgainShape, block: Block, notes: Dict[int, List[str]]) -> None:
        """The same where carets cannot stand under some of the block's own rows."""
        text, done = block.text, 0
        for row in sorted(notes):
            stop = block.row(shape.lines[row]).end
            if stop > done:
                self._echo(text[done:stop], block.torn)
                done = stop
            self._annotate([*shape.shown(row, self.width), *notes[row]])
        if done < len(text):
            self._echo(text[done:], block.torn)

    # ---------------------------------------------------------------- the notes of a block

    def _tell(
        self, shape: Shape, delta: int, parts: List[Part], packet: Packet, connection: Optional[Connection],
        notes: Dict[int, List[str]],
    ) -> None:
        """Put the notes for `parts` under the rows; dump offset = stream offset + delta."""
        hole = -(1 << 62)  # stream offset behind the last hole: what lies in it has no row
        first = True
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
            if part.lo + delta < shape.offset and not part.buffer:
                # What it is was told by these rows; its first bytes stand in rows that are out already.
                part.lo = shape.offset - delta
            if part.lo >= part.hi or part.lo < hole:
                continue
            place = part.lo + delta
            row = shape.row_of(place)
            lines = notes.get(row)
            if lines is None:
                lines = notes[row] = []
            if self._lost:
                lines.extend(self._lost_lines())
            if kind == HEADER:
                lines.extend(self._heading(part.note, None))
                lines.extend(self._heading(record_heading(part, connection, packet), part.record))
            elif kind == OTHER:
                if part.note:
                    heading = f"packet {packet.number}, {sender(part.side, connection)}: {part.note}"
                    lines.extend(self._heading(heading, None))
            elif kind == MESSAGE:
                if part.begins:
                    lines.extend(self._message_heading(part))
                    lines.extend(self._sentence(part.note, 3) if part.note else ())
                elif first:
                    lines.extend(self._heading(resuming(part, connection, packet), None))
            if part.pieces is not None:
                self._scattered(shape, delta, part, packet, notes)
            else:
                self._general(shape, delta, part, packet, notes)
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
                lines.append(own_row(0, 0, data, row, self.width, texted=True))
                lines += inner.get(row, ())
            if skipped:
                lines.append(f"{MARK}    ...\n")

    def _lost_lines(self) -> List[str]:
        lines: List[str] = []
        for part in self._lost:
            what = f" in record {part.record.number} ({describe(part.record)})" if part.record else ""
            where = "this block of the log" if part.buffer else f"the {SIDES[part.side]}'s stream"
            size = part.hi - part.lo
            lines.extend(self._sentence(f"{count(size, 'byte')} of {where} {'is' if size == 1 else 'are'} not in this trace so far "
                                        f"(offsets {part.lo} to {part.hi}){what}"))
        self._lost = []
        return lines

    def _tell_lost(self) -> None:
        if self._lost:
            self._annotate(self._lost_lines())

    def _finding(self, finding: Finding) -> None:
        for text, indent in finding_lines(finding):
            self._say(text, indent, finding.severity)

    def _review_again(self, shape: Shape, packet: Packet, notes: Dict[int, List[str]]) -> None:
        """The same as `_review`, kept: the first packets of connections are alike."""
        key = _looks(packet, shape.offset, shape.end, shape.tables[0])
        made = self._reviews.get(key)
        if made is None:
            self._review(shape, packet, notes)
            if len(self._reviews) >= _REVIEWS:
                self._reviews.clear()
            self._reviews[key] = written(0, notes)
        else:
            for row, said in made:
                notes[row] = [said.decode("ascii")]

    def _review(self, shape: Shape, packet: Packet, notes: Dict[int, List[str]]) -> None:
        """The notes on the packet's headers."""
        if packet.link is None or packet.ip is None:
            return
        ports = packet.link + packet.ip
        known = shape.row_of(min(ports + 3, shape.end - 1)) - 1  # no note above this row may know the connection
        for start, end, label in review_labels(packet, self.headers):
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
                c0, c1 = start - first, stop - first
                said = self._beside(carets, c0, c1, label, 0) if label else carets.line(c0, c1)[1]
                notes.setdefault(row, []).append(said)
                start, row, label = stop, row + 1, ""


def _looks(packet: Packet, offset: int, end: int, table: Optional[Carets]) -> Any:
    """All that the notes on a packet's headers depend on, with the dump offsets of the rows that show it."""
    return packet.link, packet.ip, packet.version, packet.tcp, packet.start, packet.payload > 0, offset, end, table
