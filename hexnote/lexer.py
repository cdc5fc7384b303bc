"""Lines to tokens: which line is a head, a row, prose; where a block begins and ends.

A Lexer takes whole lines as they come and gives tokens as soon as they are certain: a block's when
its packet is complete or a line has come that does not go on with it, a line of prose at once.
"""

from __future__ import annotations

from re import Match

from hexnote.drafts import LONG, Draft, Known, Label, Past
from hexnote.geometry import ROW, Geometry, Piece
from hexnote.hints import Dict, Iterator, List, Optional, Sequence, Set, Tuple, Union
from hexnote.lane import CROWDED, Lane
from hexnote.model import PACKET, Block, Item, Layout, Packets, Prose
from hexnote.patterns import Late
from hexnote.peeling import carried, headed, peeled, unframed
from hexnote.rows import more_rows, moved, read_bare, read_plain, read_row, read_whole
from hexnote.sides import Sides
from hexnote.vocabulary import Scan, Vocabulary
from hexnote.washing import dirty, wash

_WASHED = 4096  # a longer line is not washed
_CROWDED = 120  # a longer line, which is no head, may have more than one row
_STARS = 65536  # bytes that one star may stand for
_ENDS = 256  # pairs of them are remembered
_REPORTS = 1000  # rows that could not be read are told of so often

_LINKS = (0, 14, 16, 18, 20, 4, 8, 2)  # usual lengths of link headers

Found = Union[Item, Packets]

_ROWS = ("row", "data", "under", "bare", "whole")
_HEADS = ("head", "lead", "label")
# Lines that may carry others: prose, groups that have no offset, and lines that begin with a time.
_OPEN = ("line", "bare", "lead")


class Token:
    """What the parser is given: a kind of line; the item that it completes, and the list to put that into.

    A PACKET may be several that follow each other: the grammar says of all what it says of one.
    """

    __slots__ = ("type", "item", "out")

    def __init__(self, type: str, item: Optional[Found] = None, out: Optional[List[Found]] = None) -> None:
        self.type = type
        self.item = item
        self.out = out


# The last line of a dump that ends with its length.
_TOTAL = Late(rb"[ \t>|]{0,12}([0-9A-Fa-f]{6,8})[ \t\r]*(?:\n|\Z)")

# The first row of a dump in numbers of four bytes or eight.
_NUMBERS = Late(rb"[ \t>|]{0,12}0{4,8}:?[ \t]{1,4}[0-9A-Fa-f]{8}(?: {1,4}[0-9A-Fa-f]{8}| [0-9A-Fa-f]{24}|[0-9A-Fa-f]{8})")

# How a record begins in hex, or a packet behind Ethernet's header, in a line that no dress fits.
_BEGUN = Late(
    rb"[01(](?<![0-9A-Za-z].)(?:"
    rb"(?:(?<=0)x1|(?<=1))[4-7][ \t,]{1,2}(?:0x)?03[ \t,]{1,2}(?:0x)?0[0-4](?:[ \t,]{1,2}(?:0x)?[0-9A-Fa-f]{2}){3}"
    rb"|(?<=\()byte\) ?0x1[4-7], ?\(byte\) ?0x03, ?\(byte\) ?0x0[0-4],"
    rb"|(?<=1)[4-7]03 0[0-4][0-9A-Fa-f]{2} [0-9A-Fa-f]{4}|(?<=0)(?:8 00 45 00|800 4500))(?![0-9A-Za-z])")

_CLOSE = Late(rb"\bclose\((\d{1,6})[<)]")

# What differs in stamps and numbers of lines that follow each other.
_COUNTED = b"0123456789 "

_LETTER = Late(rb"[G-WYZg-wyz]")  # of a name, and of no number

_HEAD = Token("HEAD")
_END = Token("END")


class Lexer:
    """Lines to tokens. With `slow` every row is read on its own: nothing else differs."""

    def __init__(self, vocabulary: Vocabulary, past: Past, slow: bool) -> None:
        rows, others = (*_ROWS, "note", "star"), (*_HEADS, "aside", "advice", "line")
        runs = () if slow else ("run",)
        self._vocabulary = vocabulary
        self._any = vocabulary.scanner(*runs, *rows, *others)
        self._rows = vocabulary.scanner(*runs, *rows)
        self._any_line = vocabulary.scanner(*rows, *others)  # the same without runs
        self._row_line = vocabulary.scanner(*rows)
        self._row = vocabulary.scanner("row")
        self._past = past
        self.out: List[Found] = []  # items of the blocks and lines that the parser has reduced
        self.line = 1  # number of the first line that is in no item yet
        self.closing = False  # no line will follow those of the buffer, or a line that is prose
        self.advice: List[Tuple[int, str]] = []  # (line, terminal): bytes that are shown but cannot be had
        self.unreadable: List[Tuple[int, int, str]] = []  # (first line, last line, why)
        self.relayed: Optional[List[Tuple[int, int, str]]] = None  # where others join them, the reports as they came
        self._buf = b""  # whole lines
        self._pos = 0  # those before it are taken
        self._begin = 0  # where the draft's text begins in the buffer
        self._draft: Optional[Draft] = None
        self._drafted = 0  # bytes of its text that stood before the buffer
        self._aside = False  # rows that follow are no packet's, unless their look is unmistakable
        self._passed = self._parted = False  # some of them were passed; and behind them a blank line
        self._geometries: Dict[str, Geometry] = {}  # by terminal of `run`
        self._heads = frozenset([name for name, kind in vocabulary.kinds.items() if kind == "head"])
        self._lane: Optional[Lane] = None
        self._ready: Optional[Piece] = None  # the run behind the head at hand, if it has been read
        self._base = 0  # the address that counts as offset 0
        self._radix = 16  # of the offsets of `free` rows
        self._tens = False  # the offsets of the rows above are decimal
        self._low = False  # the last row of `cells` was of numbers with the low byte first
        self._singly = 0  # up to there in the buffer each row is read on its own
        self._sides = Sides()
        self._begun = False  # a line that was not read shows how a record begins, or was told otherwise
        self._lead = b"", -2  # what stood before the last row of bytes alone that a line carried, and that line's number
        self._handles: Set[bytes] = set()  # of a program's files in which TLS began and that were not closed
        self._ends: Set[Tuple[bytes, bytes]] = set()  # of labels that name both: who sent first, and to whom

    def feed(self, lines: List[bytes]) -> None:
        """Takes text, to the end of a line; all of the tokens that were certain before must have been taken."""
        self._buf = b"".join([self._buf[self._pos :], *lines])
        self._pos = self._begin = self._singly = 0

    @property
    def pending(self) -> int:
        """How many bytes of the lines fed so far are in no item yet, when the tokens were taken."""
        return self._drafted + len(self._buf) - self._pos

    def tokens(self) -> Iterator[Token]:
        """The tokens of the lines in the buffer: of all, when closing; else of those that are certain."""
        buf, end = self._buf, len(self._buf)
        kinds = self._vocabulary.kinds
        while self._pos < end:
            pos, draft = self._pos, self._draft
            if pos < self._singly:
                match = (self._any_line if draft is None else self._row_line).match(buf, pos)
            else:
                match = (self._any if draft is None else self._rows).match(buf, pos)
            name = match.lastgroup if match is not None else None
            kind = kinds[name] if name else "line"
            stop = match.end() if match is not None else pos
            piece: Optional[Piece] = None
            if kind == "run" and match is not None:
                piece = self._run(match)
                if piece is None:  # the line is read on its own
                    match = (self._any_line if draft is None else self._row_line).match(buf, pos)
                    name = match.lastgroup if match is not None else None
                    kind = kinds[name] if name else "line"
                    stop = match.end() if match is not None else pos
            if kind == "head" and draft is None and stop - pos <= LONG and (stop < end or self.closing):
                usual: Optional[Found] = None
                if stop - pos <= CROWDED or not more_rows(buf, pos):
                    usual = (self._together(self._lane, stop) if self._lane is not None else None) or self._packet(pos, stop)
                if usual is not None:
                    yield Token("PACKET", usual, self.out)
                    continue
            if kind not in ("run", "head"):
                last = buf.find(b"\n", pos) + 1 or end
                washed: Optional[Tuple[str, Optional[Piece], int]] = None
                if kind != "whole" and last - pos < _WASHED and dirty(buf, pos, last) and not self._plain(match, kind):
                    washed = self._washed(pos, last)
                elif kind in _OPEN and last - pos < LONG and not (kind == "bare" and self._even(draft, match, name or "")):
                    washed = self._freed(buf[pos:last], None, last)
                if washed is not None:
                    name, piece, stop = washed
                    kind = kinds[name]
                    match = None
                    if draft is not None and piece is None:
                        kind = "line"
            elif stop - pos > LONG:
                kind = "line"
            if kind == "star" and match is not None:
                filled = self._star(draft, stop)
                if filled is None:
                    break
                if filled:
                    continue
                kind = "line"
            if piece is not None or (match is not None and kind in _ROWS):
                if piece is None and match is not None:
                    piece = self._single(match, name or "")
                if self._aside and piece is not None:
                    # tshark -x puts a blank line alone between what it put together and the next frame.
                    self._aside = not (self._parted and piece.kind == "row" and not piece.offset)
                    self._passed, self._parted = True, False
                if piece is not None and (piece.sure or not self._aside) and self._past.fits(draft, piece) and (
                    piece.kind != "whole" or self._named(piece, pos)
                ):
                    if draft is None:
                        self._begin = pos
                        draft = self._draft = Draft(self.line)
                    if piece.margin >= 0 or (piece.kind == "whole" and piece.side is None):
                        self._sides.take(piece, piece.stop - pos)
                    self._pos = self._past.take(draft, piece, pos)
                    if draft.done or draft.full:
                        yield from self._finish(draft)
                    continue
                if draft is None and not self._aside:
                    self._report(name or "", piece, pos)
                elif draft is not None and piece is not None and piece.offset > draft.next:
                    draft.broken = True
                kind = "line"
            elif kind == "line" and draft is None and not self._aside and self._past.misses(buf, pos):
                self.report(self.line, self.line, "they have no offset, or digits that are none")
            elif draft is None and stop - pos > (CROWDED if kind == "head" else _CROWDED) and more_rows(buf, pos):
                self.report(self.line, self.line, "more than one row stands in a line")
            elif draft is None and (kind != "line" or (self._aside and buf[pos:stop].strip())):
                self._aside = kind == "aside"
                self._passed = self._parted = False
            elif draft is None and self._passed:
                self._parted = True
            if draft is not None:
                if draft.row in ("word", "data"):
                    total = _TOTAL.match(buf, pos)
                    if total is not None:
                        draft.trim(draft.next - _number(total[1], self._radix))
                yield from self._finish(draft)
            elif kind not in _HEADS:
                if kind == "advice" and name and len(self.advice) < _REPORTS and self._past.lacks(name):
                    self.advice.append((self.line, name))
                    self._begun = True
                stop = buf.find(b"\n", pos) + 1 or end
                self._pos = stop
                yield from self._prose(buf[pos:stop])
            elif stop == end and not self.closing:
                break
            else:
                self._begin, self._pos = pos, stop
                self._draft = Draft(self.line)
                self._draft.begin(buf[pos:stop], kind == "lead", self._vocabulary.dress[name or ""])
                if kind == "label":
                    self._labelled(self._draft, name or "")
        yield _END
        if self._draft is not None:
            if self.closing and self._pos >= end:
                yield from self._finish(self._draft)
                yield _END
            else:
                self._draft.text.append(buf[self._begin : self._pos])
                self._drafted += self._pos - self._begin
                self._begin = self._pos

    def _washed(self, pos: int, last: int) -> Optional[Tuple[str, Optional[Piece], int]]:
        """What a line becomes when it is washed, and perhaps the next one with it, where a head may have two.

        Gives the name of a terminal, the row if it is one, and where the text ends; None where the line is prose.
        """
        buf = self._buf
        if last - pos > _CROWDED and more_rows(buf, pos):
            return None
        second = buf.find(b"\n", last) + 1 or len(buf)
        if second - last > _WASHED:
            second = last
        text, places = wash(buf[pos:second])
        scanner = self._vocabulary.scanner(*_ROWS, *_HEADS, "aside", "note", "line")
        match = scanner.match(text)
        name = match.lastgroup if match is not None else None
        if match is None or name is None:
            return None
        kind = self._vocabulary.kinds[name]
        if kind in _OPEN:
            end = text.find(b"\n") + 1 or len(text)
            freed = self._freed(text[:end], places, last)
            if freed is not None:
                return freed
        if name == "LINE":
            return None
        if kind in _ROWS:
            piece = self._single(match, name)
            return (name, moved(piece, places, last), last) if piece is not None else None
        two = match.end() > 0 and places[match.end() - 1] >= last - pos
        return name, None, second if two else last

    def _freed(self, text: bytes, places: Optional[List[int]], last: int) -> Optional[Tuple[str, Optional[Piece], int]]:
        """What a line is behind what carries it, as `_washed` gives it; None where that is nothing that fits here.

        `places`: of each byte of the text, where it stands in the line; `last`: where the line ends.
        """
        mark = headed(text) if self._draft is None and len(text) < _WASHED else -1
        above, first = mark >= 0, carried(text)
        if not (above or first >= 0) or (first >= 0 and len(text) > _CROWDED and more_rows(text, 0)):
            return None
        rows = self._vocabulary.scanner("row", "data", "whole")
        heads = self._vocabulary.scanner("head", "label", "aside")
        led: Optional[Tuple[bytes, Sequence[int]]] = None
        for inner, at, row in peeled(text, mark, first):
            bare = unframed(inner)
            forms = (inner,) if bare == inner else (inner, bare)
            for form in forms if row else ():
                match = rows.match(form)
                name = match.lastgroup if match is not None else None
                if match is not None and name is not None:
                    piece = self._single(match, name)
                    if piece is None or self._aside and not piece.sure or not self._past.fits(self._draft, piece):
                        # Digits of the other end are no rest of a line that was wrapped.
                        apart = piece is not None and piece.kind == "whole" and self._draft is not None
                        return ("LINE", None, last) if apart else None
                    return name, moved(piece, at if places is None else [places[i] for i in at], last), last
            for form in forms if above else ():
                match = heads.match(form)
                if match is not None and match.lastgroup is not None:
                    return match.lastgroup, None, last
            if row and led is None and self._follows(text[: at[0]]):
                led = bare, at
        if led is not None:
            match = self._vocabulary.scanner("bare").match(led[0])
            piece = self._single(match, match.lastgroup or "") if match is not None else None
            if match is not None and piece is not None and piece.kind == "whole" and self._past.fits(self._draft, piece):
                return match.lastgroup or "", moved(piece, led[1] if places is None else [places[i] for i in led[1]], last), last
        return None

    def _even(self, draft: Optional[Draft], match: Optional[Match[bytes]], name: str) -> bool:
        """Whether a line of bytes alone is a row like those above it, which begins where they do or is as wide: then no part of it
        is what carries the rest (its first byte is no line number), though a record may begin there."""
        current = self._past.current if self._past.running() else None
        rows = draft.rows if draft is not None and draft.row in ("whole", "bare") else []
        if match is None or not (rows or draft is None and current is not None):
            return False
        piece = self._single(match, name)
        if piece is None:
            return False
        if rows:
            return piece.layout.cols[0] == rows[0].layout.cols[0] or len(piece.data) == rows[-1].size
        return current is not None and len(piece.data) == current.width

    @property
    def _next_line(self) -> int:
        """The number of the line that is being read."""
        return self.line + (self._draft.lines if self._draft is not None else 0)

    def _follows(self, lead: bytes) -> bool:
        """Whether the same stands before the rest of a line as before the row of bytes alone above it, digits apart."""
        above, line = self._lead
        return len(above) > 0 and 0 < self._next_line - line <= 2 and lead.translate(None, _COUNTED) == above

    def _named(self, piece: Piece, pos: int) -> bool:
        """Whether bytes alone, in the line at `pos`, may be what that gives them out for: where they begin no stream and no record,
        they go on with those above if a record lacks them, and if they have no other name than those have."""
        lead = self._buf[pos : pos + piece.layout.cols[0]]
        draft = self._draft
        if (draft is None or draft.label is None) and not piece.begins and not self._past.begins(piece.data):
            if self._sides.ended or (piece.dress == "stream" and _LETTER.search(lead) and not self._follows(lead)):
                return False
        self._lead = lead.translate(None, _COUNTED), self._next_line
        return True

    def _labelled(self, draft: Draft, name: str) -> None:
        """Takes what the label says that the draft begins with."""
        text = self._buf[self._begin : self._pos]
        read = self._vocabulary.pattern(name).match
        match = read(text) or read(wash(text)[0])
        if match is None:
            washed = wash(text)[0]
            inner = [each for each, _, _ in peeled(washed, headed(washed), -1)]
            match = next((m for each in inner for m in (read(each), read(unframed(each))) if m is not None), None)
        groups = match.groupdict() if match is not None else {}
        side = 0 if groups.get("out") else 1 if groups.get("in") else None
        if side is None and groups.get("src"):
            side = self._end(groups["src"], groups["dst"])
        size = int(groups.get("size") or b"0") or int(groups.get("xsize") or b"0", 16)
        draft.label = Label(side, size, groups.get("logged") is not None)
        known = draft.known = Known(True)
        known.stream, known.labelled, known.side, known.total, known.probe = True, True, side, size, None

    def _handled(self, handle: bytes, piece: Piece) -> bool:
        """Whether TLS has begun in a program's file, by the bytes that it sends or receives now, or has before."""
        if self._past.begins(piece.data):
            if len(self._handles) >= _ENDS:
                self._handles.clear()
            self._handles.add(handle)
        return handle in self._handles

    def _end(self, src: bytes, dst: bytes) -> int:
        """Which end sent what a label says of two: 0 where it was the first to send."""
        ends = self._ends
        if (dst, src) in ends:
            return 1
        if len(ends) >= _ENDS:
            ends.clear()
        ends.add((src, dst))
        return 0

    def _star(self, draft: Optional[Draft], stop: int) -> Optional[bool]:
        """Whether a star stands for rows like the last one: the offset behind it says how many.

        None: that is not known yet.
        """
        buf = self._buf
        if stop == len(buf) and not self.closing:
            return None
        if draft is not None:
            row, ahead, kind = b"".join(draft.data[-2:])[-draft.width :], draft.next, draft.row
        else:
            row, ahead, kind = self._past.repeatable()
        if len(row) < ROW or (draft is not None and not draft.stream):
            return False
        match = self._vocabulary.scanner("data").match(buf, stop)
        total = _TOTAL.match(buf, stop)
        digits: Optional[bytes] = None
        if total is not None:
            digits = total[1]
        elif match is not None and match.lastgroup is not None:
            groups = self._vocabulary.pattern(match.lastgroup).match(buf, stop)
            found = groups.groupdict() if groups is not None else {}
            digits = found.get("off") or found.get("hint") or found.get("free")
        if digits is not None:
            offset = _number(digits, self._radix if len(digits) == 7 else 16)
            size = offset - ahead
            if 0 < size <= _STARS and (size % len(row) == 0 or total is not None):
                at = buf.index(b"*", self._pos)
                data = (row * (size // ROW + 1))[:size]
                piece = Piece(ahead, data, stop, "hexdump", None, Layout((at - self._pos,) * size), kind=kind)
                if draft is None:
                    self._begin = self._pos
                    draft = self._draft = Draft(self.line)
                self._pos = self._past.take(draft, piece, self._pos)
                return True
        return False

    def _report(self, name: str, piece: Optional[Piece], pos: int) -> None:
        """Notes a line that looks like a row and is not read as one."""
        if piece is None and self._vocabulary.kinds.get(name) != "run" and more_rows(self._buf, pos):
            self.report(self.line, self.line, "more than one row stands in a line")
        elif self._vocabulary.kinds.get(name) == "bare":
            if self._past.misses(self._buf, pos):
                self.report(self.line, self.line, "they have no offset, or digits that are none")
        elif piece is None and self._vocabulary.kinds.get(name) == "data" and _NUMBERS.match(self._buf, pos):
            self.report(self.line, self.line, "nothing says which byte of a number is the first")
        elif self._vocabulary.kinds.get(name) not in ("row", "run"):
            return
        elif piece is None:
            return
        elif len(piece.data) >= 8 and piece.offset and (self._past.any_rows or piece.offset % ROW == 0):
            self.report(self.line, self.line, "its offset fits no packet" if piece.sound else "hex and text cannot be told apart")
        elif self._past.misses(self._buf, pos):
            self.report(self.line, self.line, "they have no offset, or digits that are none")

    def report(self, first: int, last: int, why: str) -> None:
        """Notes lines of the input that look like rows and could not be read."""
        self._begun = True
        if self.relayed is not None:
            self.relayed.append((first, last, why))
            return
        found = self.unreadable
        if found and found[-1][1] >= first - 1 and found[-1][2] == why:
            found[-1] = (found[-1][0], last, why)
        elif len(found) < _REPORTS:
            found.append((first, last, why))

    def _prose(self, text: bytes) -> Iterator[Token]:
        """The tokens of a line of prose."""
        self._past.prose(text)
        self._sides.prose(text)
        if not (self._begun or self._past.any_rows) and _BEGUN.search(text):
            self._begun = True
            self.advice.append((self.line, "ROWS"))
        if self._handles:
            closed = _CLOSE.search(text)
            if closed is not None:
                self._handles.discard(closed[1])
        yield Token("LINE", Prose(text, self.line), self.out)
        self.line += 1

    def _finish(self, draft: Draft) -> Iterator[Token]:
        """Ends the draft: its tokens."""
        self._draft, self._drafted = None, 0
        draft.text.append(self._buf[self._begin : self._pos])
        self._begin = self._pos
        if draft.weak and draft.next < 0:
            yield from self._prose(b"".join(draft.text))
            return
        self._past.end(draft)
        self.line += draft.lines
        block = draft.block()
        if draft.next < 0:
            if draft.label is not None:
                self._advise(block)
            yield Token("ALONE", block, self.out)
        else:
            if draft.head:
                yield _HEAD
            yield Token("ROWS", block, self.out)

    def _advise(self, block: Block) -> None:
        """A label without rows may show its bytes itself, in a way that cannot be read."""
        match = self._vocabulary.scanner("advice").match(block.text)
        if match is not None and match.lastgroup is not None and len(self.advice) < _REPORTS:
            self.advice.append((block.line, match.lastgroup))

    def _together(self, lane: Lane, stop: int) -> Optional[Packets]:
        """The usual packets that begin here and follow each other, the head of the first at `stop`; None where none does."""
        each, pos, line = lane.packets(self._buf, self._pos, stop, self.line, self.closing)
        if not each:
            return None
        self._pos, self.line, self._aside = pos, line, False
        self._past.packets(each)
        geometry = lane.geometry
        return Packets(geometry.stride, geometry.layout, geometry.dress, each)

    def _packet(self, pos: int, stop: int) -> Optional[Block]:
        """The packet whose head is buf[pos:stop], if rows of one layout follow from offset 0 to its length.

        What it gives is what a draft would give.
        """
        buf = self._buf
        before: List[Scan] = []
        for scan in self._rows.compiled:
            match = scan(buf, stop)
            if match is not None:
                break
            before.append(scan)
        else:
            return None  # or it has to be looked for
        name = match.lastgroup or ""
        found = self._geometries.get(name)
        if found is None:
            return None
        offset, data, last, clear = found.read(buf, stop, match.end())
        size = len(data)
        if not size or (not clear and _soiled(found, buf, stop, last)):
            return None
        total = 0 if offset else self._past.length(data, size)
        if not 0 < total <= size:
            self._ready = Piece(offset, data, last, found.dress, found, found.layout)
            return None
        rows = total + ROW - 1 >> 4
        if rows << 4 < size:
            data = data[: rows << 4]
            last = stop + rows * found.stride
        if clear and found.tail == 1 and match.re.groupindex[name] == 1:
            link = next((n for n in _LINKS if data[n + 2 : n + 4] == (total - n & 0xFFFF).to_bytes(2, "big")), -1)
            lane = self._lane
            if link >= 0 and (lane is None or lane.geometry is not found or lane.link != link):
                self._lane = Lane(found, link, self._any.compiled[0], self._heads, before, self._past.measure, self._past.usual)
        self._past.packet(data, total)
        block = Block(PACKET, self.line, buf[pos:last], stop - pos)
        block.data, block.clear, block.dress = data, clear, found.dress
        block.stride, block.layout = found.stride, found.layout
        self._pos, self.line, self._aside = last, self.line + rows + buf.count(b"\n", pos, stop), False
        return block

    def _run(self, match: Match[bytes]) -> Optional[Piece]:
        """The rows that a terminal of `run` has found; None where there are none, or none to be read together."""
        name = match.lastgroup or ""
        if self._ready is not None:
            ready, self._ready = self._ready, None
            return ready
        piece = self._many(match, name)
        start = match.start()
        if piece is not None or start < self._singly:
            return piece
        if dirty(self._buf, start, self._buf.find(b"\n", start) + 1 or len(self._buf)):
            return None
        # Rows of another layout than those before; or none. The first one, read on its own, tells.
        dress = self._vocabulary.dress[name]
        for own, kind in self._vocabulary.kinds.items():
            # No other format's rows begin as those that its runs are made of.
            if kind == "row" and self._vocabulary.dress[own] == dress:
                row = self._vocabulary.pattern(own).match(self._buf, start)
                if row is not None:
                    return self._single(row, own, name, match)
        row = self._row.match(self._buf, start)
        if row is None:
            return None
        return self._single(row, row.lastgroup or "", name, match)

    def _plain(self, match: Optional[Match[bytes]], kind: str) -> bool:
        """Whether a line is a row that says its bytes twice, as it stands."""
        if match is None or kind not in ("row", "data", "under"):
            return False
        groups = self._vocabulary.pattern(match.lastgroup or "").match(match.string, match.start(), match.end())
        return groups is not None and read_plain(groups)

    def _many(self, match: Match[bytes], name: str) -> Optional[Piece]:
        """The rows of a run, by the layout that its terminal is known to have; none where they have to be read singly."""
        geometry = self._geometries.get(name)
        if geometry is None:
            return None
        offset, data, stop, clear = geometry.read(self._buf, match.start(), match.end())
        if not data:
            return None
        if not clear and _soiled(geometry, self._buf, match.start(), stop):
            self._singly = stop
            return None
        return Piece(offset, data, stop, geometry.dress, geometry, geometry.layout)

    def _single(
        self, match: Match[bytes], name: str, run: str = "", rows: Optional[Match[bytes]] = None
    ) -> Optional[Piece]:
        """One row; where it is the first of `rows` that the terminal `run` has found, all of its layout."""
        groups = self._vocabulary.pattern(name).match(match.string, match.start(), match.end())
        if groups is None:
            return None
        names, draft, past = groups.re.groupindex, self._draft, self._past
        dress, kind = self._vocabulary.dress[name], self._vocabulary.kinds[name]
        known = draft.known if draft is not None and draft.known is not None else past.current
        ahead = draft.next if draft is not None else -1
        if kind == "whole":
            past.lacking = self._sides.lacking
            piece: Optional[Piece] = self._sides.tell(read_whole(groups, dress, max(ahead, 0)))
            if piece is not None and "handle" in names and not self._handled(groups["handle"], piece):
                return None
            return piece if piece is None or ahead >= 0 or draft is not None else piece._replace(offset=past.place(piece))
        if kind == "bare":
            if draft is not None:
                return None if draft.weak else self._bare(draft, groups, dress)
            current = past.current
            if current is None or current.whole:
                return None
            expected = current.total - current.next if current.total else 0
            if past.listing():
                return read_bare(groups, dress, current.next, b"", expected)
            if past.running():
                return _bytes_alone(read_bare(groups, dress, current.next, b"", 0), 1 in (expected, self._sides.owed))
            return read_bare(groups, dress, current.next, current.open, expected) if current.open else None
        sure = "off" in names
        skewed = bool(groups["skew"]) if "skew" in names else False
        if sure or "hint" in names:
            offset = int(groups["off" if sure else "hint"], 16)
            if draft is not None and draft.row == "bare" and groups["off" if sure else "hint"] == b"%d" % ahead:
                offset = ahead  # decimal, as those before it, which were taken for line numbers
            elif "other" not in names:
                offset = self._decimal(groups["off" if sure else "hint"], offset, ahead)
        elif "dec" in names:
            offset = int(groups["dec"])
        elif "free" in names:
            offset = self._free(groups["free"], ahead if ahead >= 0 else past.current.next if past.current else 0)
        else:
            address = int(groups["addr"], 16)
            offset = address - self._base
            if ahead < 0 and not (past.current is not None and 0 < offset - past.current.next < _WASHED and not skewed):
                self._base, offset = address, 0
        expected = known.total - offset if known is not None and known.total and (offset or draft) else 0
        piece = read_row(groups, dress, offset, expected, sure, self._low)
        if piece is None:
            return None
        if ("cells" in names or "word" in names) and len(piece.data) > 1:
            self._low = piece.layout.cols[0] > piece.layout.cols[1]
        if draft is not None and draft.next >= 0 and piece.layout.text < 0:
            piece = _no_wider(piece, draft.rows[0].size if draft.rows else ROW)
        if "addr" in names and skewed and not offset:
            self._base += piece.offset
            piece = piece._replace(offset=0, blanked=False)
        if "addr" in names:
            piece = piece._replace(kind="memory")
        if kind != "row" and piece.kind == "row":
            piece = piece._replace(kind=kind)
        piece = self._sides.tell(piece)
        geometry = Geometry.of(piece, groups) if rows is not None else None
        if geometry is not None and rows is not None:
            self._geometries[run] = geometry
            return self._many(rows, run) or piece
        return piece

    def _bare(self, draft: Draft, groups: Match[bytes], dress: str) -> Optional[Piece]:
        """A line of groups without an offset: a row of the draft, or the rest of its last one."""
        known = draft.known
        if draft.next < 0:
            piece = read_bare(groups, dress, 0, b"", known.total if known is not None else 0)
            return piece if piece is not None and (draft.label is not None or len(piece.data) == ROW) else None
        expected = known.total - draft.next if known is not None and known.total else 0
        if draft.row == "bare" and (draft.head or known is not None and known.unplaced) and draft.whole_row:
            return read_bare(groups, dress, draft.next, b"", expected)
        if draft.row == "whole":
            return _bytes_alone(read_bare(groups, dress, draft.next, b"", 0), 1 in (expected, self._sides.owed))
        before = draft.ended()
        return read_bare(groups, dress, draft.next, before, expected) if before else None

    def _decimal(self, digits: bytes, offset: int, ahead: int) -> int:
        """The offset of a row: `offset`, or, where that is out of place and the digits fit as decimal ones, what they fit.

        A dump's second row tells: hexadecimal, it would begin where rows do not.
        """
        draft = self._draft
        if not offset:
            self._tens = False
        elif self._tens or (offset % 8 and draft is not None and not draft.offset and len(draft.data) == 1):
            current = self._past.current
            wanted = ahead if ahead >= 0 else current.next if current is not None else 0
            if offset != wanted and _number(digits, 10) == wanted:
                self._tens = True
                return wanted
        return offset

    def _free(self, digits: bytes, wanted: int) -> int:
        """An offset whose radix is not known: the one by which it is what is wanted, else the last such one."""
        if len(digits) != 7:
            return _number(digits, 16)  # od prints octal and decimal ones of seven digits
        for radix in (self._radix, 16, 8, 10):
            if _number(digits, radix) == wanted:
                self._radix = radix if wanted else 16
                return wanted
        return _number(digits, self._radix)


def _no_wider(piece: Piece, width: int) -> Piece:
    """A row without a text, as far as it is no wider than the first one of its dump: what stands behind that is a remark."""
    if len(piece.data) <= width or piece.kind == "whole":
        return piece
    return piece._replace(data=piece.data[:width], layout=Layout(piece.layout.cols[:width], -1))


def _bytes_alone(piece: Optional[Piece], last: bool) -> Optional[Piece]:
    """A row that goes on with rows of bytes alone, none of which has an offset or a text. Two digits are one where the `last` byte
    of a record is missing."""
    whole = piece is not None and piece.layout.text < 0 and (len(piece.data) > 1 or last)
    return piece._replace(kind="whole") if piece is not None and whole else None


def _soiled(geometry: Geometry, buf: bytes, start: int, stop: int) -> bool:
    """Whether some of the rows buf[start:stop], which do not all say their bytes twice, may have to be washed."""
    return geometry.txt >= 0 and dirty(buf, start, stop)


def _number(digits: bytes, radix: int) -> int:
    """The number that the digits are; -1: none by that radix."""
    try:
        return int(digits, radix)
    except ValueError:
        return -1
