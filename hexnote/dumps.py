"""Pasted text cut into prose and blocks of dump rows.

The grammar (`grammars/dumps/*.lark`) says what a text is made of and how the lines of each dump
format look; Lark parses. Its lexer is replaced by one that reads a stream: it takes chunks as they
come, keeps no more than the block at hand, and gives an END as soon as a block is known to be whole.
What the lines are is decided by their look and by the offsets and bytes that came before, never by
what comes later, one line after a summary line excepted; so the items are the same however the
input is cut.
"""

from __future__ import annotations

from collections import deque
from re import Match, Pattern
from sys import intern
from typing import Any, Callable, Deque, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from lark import Lark
from lark.lexer import ContextualLexer, TerminalDef

from hexnote.lexer import ROW, TOP, Geometry, Known, Piece, compiled, plain, read_row
from hexnote.model import EXCERPT, MORE, PACKET, Block, Item, Layout, Prose, Row, Summary

Measure = Callable[[bytes], int]

LONG = 65536  # a line longer than this is prose
PROBE = 112  # a packet's length is told by its first bytes, or not at all
RECENT = 16  # packets whose bytes are remembered for excerpts

_BLANK = b" \t\r\n"
_LETTERS = {"F": "F", "S": "S", "R": "R", "P": "P", ".": "A", "U": "U", "E": "E", "W": "C"}


class Token:
    """What the parser is given: a kind of line; the item that it completes, and the list to put that into."""

    __slots__ = ("type", "item", "out")

    def __init__(self, type: str, item: Optional[Item] = None, out: Optional[List[Item]] = None) -> None:
        self.type = type
        self.item = item
        self.out = out


_HEAD = Token("HEAD")
_END = Token("END")


class Stream(ContextualLexer):
    """Lark's lexer over a stream: the tokens come from the Reader that is being parsed."""

    def __init__(self, conf: Any, states: Any, always_accept: Any = ()) -> None:
        pass  # the Reader matches the terminals itself: see Language

    def lex(self, lexer_state: Any, parser_state: Any) -> Iterator[Any]:
        reader: Reader = lexer_state.text
        return reader.tokens()


class Actions:
    """What the parser does at the end of each rule."""

    def block(self, children: List[Token]) -> None:
        last = children[-1]
        if last.item is not None and last.out is not None:
            last.out.append(last.item)

    prose = block


class Language:
    """The grammar compiled: Lark's parser, and the patterns of its terminals."""

    def __init__(self, grammars: Mapping[str, str]) -> None:
        self.sources: Dict[str, str] = {}
        names = sorted(grammars, key=lambda name: (not name.endswith("dumps.lark"), name))
        self.lark = Lark(
            "\n".join(grammars[name] for name in names),
            parser="lalr", start=["text", "head", "lead", "row", "run", "summary"], use_bytes=True,
            maybe_placeholders=False, transformer=Actions(), edit_terminals=self._strip,
            _plugins={"ContextualLexer": Stream},
        )
        # The parser looks names up for each token: as one object each they are found without comparing.
        for row in self.lark.parse_interactive(b"", start="text").parser_state.parse_conf.states.values():
            for key in list(row):
                row[intern(str(key))] = row.pop(key)
        for rule in self.lark.rules:
            rule.origin.name = intern(str(rule.origin.name))
        self.kinds: Dict[str, str] = {"LINE": "line"}
        ranked: List[Tuple[int, str]] = []
        for rule in self.lark.rules:
            if rule.origin.name != "text" and len(rule.expansion) == 1 and rule.expansion[0].name in self.sources:
                name = rule.expansion[0].name
                self.kinds[name] = rule.origin.name
                ranked.append((-self.lark.get_terminal(name).priority, name))
        ranked.sort()
        self.ranked = [name for _, name in ranked]
        self.dress = {name: name.partition("_")[0].lower() for name in self.ranked}
        self._patterns: Dict[str, Pattern[bytes]] = {}
        self._scanners: Dict[str, Pattern[bytes]] = {}

    def _strip(self, terminal: TerminalDef) -> None:
        """Keeps a terminal's pattern, and leaves Lark one without named groups: it has groups of its own."""
        source = terminal.pattern.value
        self.sources[terminal.name] = source
        parts = source.split("(?P<")
        terminal.pattern.value = parts[0] + "".join("(?:" + part.partition(">")[2] for part in parts[1:])

    def scanner(self, *kinds: str) -> Pattern[bytes]:
        """One pattern for all terminals of these kinds; `lastgroup` of its match names the terminal."""
        key = " ".join(kinds)
        if key not in self._scanners:
            parts = [
                f"(?P<{name}>{self.lark.get_terminal(name).pattern.value})"
                for name in self.ranked if self.kinds[name] in kinds
            ]
            if "line" in kinds:
                parts.append(r"(?P<LINE>[^\n]*\n|[^\n]+)")
            self._scanners[key] = compiled("|".join(parts))
        return self._scanners[key]

    def pattern(self, name: str) -> Pattern[bytes]:
        """A terminal's pattern with its named groups."""
        if name not in self._patterns:
            self._patterns[name] = compiled(self.sources[name])
        return self._patterns[name]


_language: List[Tuple[Mapping[str, str], Language]] = []


def language(grammars: Mapping[str, str]) -> Language:
    """The grammar compiled; kept, for there is rarely more than one."""
    if not _language or _language[0][0] != grammars:
        _language[:] = [(dict(grammars), Language(grammars))]
    return _language[0][1]


class Draft:
    """A block while its rows are still coming."""

    __slots__ = (
        "kind", "line", "lines", "text", "head", "weak", "offset", "next", "fresh", "data", "geometry",
        "closed", "rows", "blanked", "dress", "known", "rivals", "done",
    )

    def __init__(self, line: int) -> None:
        self.kind = -1  # -1: not yet told
        self.line = line
        self.lines = 0
        self.text: List[bytes] = []
        self.head = 0
        self.weak = False  # the head counts only if a row follows
        self.offset = 0
        self.next = -1  # -1: no rows yet
        self.fresh = 0
        self.data: List[bytes] = []
        self.geometry: Optional[Geometry] = None
        self.closed = False  # a row of less than 16 bytes has come
        self.rows: Optional[List[Row]] = None
        self.blanked = False
        self.dress = "tcpdump"
        self.known: Optional[Known] = None
        self.rivals: List[Known] = []  # packets that have shown all these bytes before
        self.done = False  # the packet's length is reached

    def take(self, piece: Piece, length: int) -> None:
        """Appends the rows of `piece`, whose text has `length` bytes."""
        if self.next < 0:
            self.offset, self.blanked, self.dress = piece.offset, piece.blanked, piece.dress
            self.geometry = piece.geometry
            if piece.geometry is None:
                self.rows = []
        elif self.rows is None and (piece.geometry is not self.geometry or self.closed):
            self.rows = []
            assert self.geometry is not None
            data = b"".join(self.data)
            line = self.line + self.lines - (len(data) + ROW - 1) // ROW
            self._explicit(self.geometry, self.offset, data, self.head, line)
        if self.rows is not None:
            start = self.rows[-1].end if self.rows else self.head
            line = self.line + self.lines
            if piece.geometry is not None:
                self._explicit(piece.geometry, piece.offset, piece.data, start, line)
            else:
                self.rows.append(Row(start, start + length, line, piece.offset, len(piece.data), piece.layout))
        elif len(piece.data) % ROW:
            self.closed = True
        self.lines += (len(piece.data) + ROW - 1) // ROW
        self.data.append(piece.data)
        self.next = piece.offset + len(piece.data)

    def _explicit(self, geometry: Geometry, offset: int, data: bytes, start: int, line: int) -> None:
        """Appends rows read by `geometry` one by one: the first at text index `start`, on input line `line`."""
        assert self.rows is not None
        for count, length, layout in geometry.rows(len(data)):
            self.rows.append(Row(start, start + length, line, offset, count, layout))
            offset += count
            start += length
            line += 1

    def block(self) -> Block:
        """The block, whole."""
        data = self.data[0] if len(self.data) == 1 else b"".join(self.data)
        geometry = self.geometry if self.rows is None else None
        rows: Optional[List[Row]] = self.rows
        layout: Optional[Layout] = None
        stride = 0
        if geometry is not None:
            stride, layout = geometry.stride, geometry.layout
        elif rows is None:
            rows = []
        text = self.text[0] if len(self.text) == 1 else b"".join(self.text)
        return Block(
            self.kind, self.line, text, self.head, self.offset, data, stride, rows, layout,
            self.blanked, self.fresh, self.dress,
        )


class Reader:
    """Dump text to items, in the order of the text; their texts joined are the input.

    `grammars`: the texts of `grammars/dumps/*.lark` by file name. `measure(data)` tells, for the
    first bytes of a packet's dump, how many bytes link header and IP datagram have in all (by IP's
    total length), 0 if that cannot be told. With `slow` every row is read on its own and every
    block has explicit `rows`; nothing else differs.

    Exhaust each iterator before the next call.
    """

    def __init__(self, grammars: Mapping[str, str], measure: Measure, slow: bool = False) -> None:
        self._language = language(grammars)
        kinds = ("row",) if slow else ("run", "row")
        self._any = self._language.scanner(*kinds, "head", "lead", "line")
        self._rows = self._language.scanner(*kinds)
        self._row = self._language.scanner("row")
        self._geometries: Dict[str, Geometry] = {}  # by terminal of `run`
        self._ready: Optional[Piece] = None  # the run behind the head at hand, if it has been read
        self._measure = measure
        self._out: List[Item] = []
        self._buf = b""  # whole lines, not yet taken
        self._pos = 0
        self._begin = 0  # where the draft's text begins in the buffer
        self._tail: List[bytes] = []  # a line that has no LF yet
        self._size = 0
        self._long = False  # within a line that is too long
        self._closing = False  # no line will follow those of the buffer, or one that is prose
        self._line = 1  # number of the line at `_pos`
        self._draft: Optional[Draft] = None
        self._current: Optional[Known] = None  # the packet begun last
        self._recent: Deque[Known] = deque(maxlen=RECENT)
        self._apart = False  # something stands between the packet's last row and here
        self._strange = 0  # lines of it that are neither blank nor indented
        self._parser = self._language.lark.parse_interactive(self, start="text")

    # -------------------------------------------------------------- in and out

    def feed(self, chunk: bytes) -> Iterator[Item]:
        """Takes the next bytes of the text; gives the items that are now certain."""
        if self._long:
            end = chunk.find(b"\n") + 1
            part = chunk[:end] if end else chunk
            if part:
                yield Prose(part, self._line)
            if not end:
                return
            self._long = False
            self._line += 1
            chunk = chunk[end:]
        end = chunk.rfind(b"\n") + 1
        if end:
            self._tail.append(chunk[:end])
            self._buf = b"".join([self._buf[self._pos :]] + self._tail)
            self._pos = 0
            self._tail, self._size = [], 0
            yield from self._parse()
        if end < len(chunk):
            self._tail.append(chunk[end:] if end else chunk)
            self._size += len(chunk) - end
            if self._size > LONG:
                yield from self._parse(closing=True)
                part = b"".join(self._tail)
                self._tail, self._size = [], 0
                self._between(part)
                self._long = True
                yield Prose(part, self._line)

    def close(self) -> Iterator[Item]:
        """The rest, at the end of the text."""
        if not self._long:
            self._buf = b"".join([self._buf[self._pos :]] + self._tail)
            self._pos = 0
            self._tail, self._size = [], 0
            yield from self._parse(closing=True)

    def summary(self, header: bytes) -> Optional[Summary]:
        """Reads the head of a block: a summary line, or two; None where it says nothing that is known."""
        header = plain(header)
        for name in self._language.ranked:
            if self._language.kinds[name] == "summary":
                match = self._language.pattern(name).match(header)
                if match:
                    return _summary(match.groupdict())
        return None

    def _parse(self, closing: bool = False) -> Iterator[Item]:
        """Parses what the buffer holds."""
        self._closing = closing
        out = self._out
        state = self._parser.parser_state
        lex: Any = self._parser.lexer_thread.lex
        feed: Any = state.feed_token
        for token in lex(state):
            feed(token)
            if out:
                yield from out
                out.clear()
        self._closing = False

    # -------------------------------------------------------------- the lexer

    def tokens(self) -> Iterator[Token]:
        """The tokens of the lines in the buffer: of all, when closing; else of those that are certain."""
        buf, end = self._buf, len(self._buf)
        self._begin = 0
        while self._pos < end:
            pos = self._pos
            draft = self._draft
            match = (self._any if draft is None else self._rows).match(buf, pos)
            if match is None:
                yield from self._finish()
                continue
            name = match.lastgroup
            kind = self._language.kinds[name] if name else "line"
            stop = match.end()
            if stop - pos > LONG and kind != "line":
                kind = "line"
            if kind == "run" or kind == "row":
                piece = self._piece(match, kind)
                if piece is not None and self._fit(piece):
                    self._take(piece)
                    if self._draft is not None and self._draft.done:
                        yield from self._finish()
                    continue
                if draft is not None:
                    yield from self._finish()
                    continue
                kind = "line"
            if kind != "line":
                if stop == end and not self._closing:
                    break
                if kind == "head" and stop < end:
                    block = self._packet(pos, stop)
                    if block is not None:
                        yield _HEAD
                        yield Token("ROWS", block, self._out)
                        yield _END
                        continue
                self._begin = pos
                self._pos = stop
                self._draft = draft = Draft(self._line)
                draft.head = stop - pos
                draft.weak = kind == "lead"
                draft.dress = self._language.dress[match.lastgroup or ""]
                draft.lines = buf.count(b"\n", pos, stop) or 1
                continue
            if draft is not None:
                yield from self._finish()
                continue
            if name != "LINE":
                stop = buf.find(b"\n", pos) + 1 or end
            text = buf[pos:stop]
            self._pos = stop
            self._between(text)
            yield Token("LINE", Prose(text, self._line), self._out)
            self._line += 1
            yield _END
        draft = self._draft
        if draft is not None:
            if self._closing:
                yield from self._finish()
            elif self._begin < self._pos:
                draft.text.append(buf[self._begin : self._pos])
                self._begin = self._pos

    def _packet(self, pos: int, stop: int) -> Optional[Block]:
        """The packet whose head is buf[pos:stop], if rows of one layout follow from offset 0 to its length.

        Nothing is read so that `_take` does not read alike; only quicker.
        """
        buf = self._buf
        match = self._rows.match(buf, stop)
        if match is None:
            return None
        name = match.lastgroup or ""
        geometry = self._geometries.get(name)
        if geometry is None:
            return None
        offset, data, last = geometry.read(buf, stop, match.end())
        size = len(data)
        if not data:
            return None
        self._ready = Piece(offset, data, last, self._language.dress[name], geometry, geometry.layout)
        if offset or size <= ROW:
            return None
        end, total = ROW, 0
        while not total and end < size and end < PROBE:
            end = min(end + ROW, size)
            total = self._measure(data[:end])
        if not 0 < total <= size or total > TOP:
            return None
        rows = (total + ROW - 1) // ROW
        if rows * ROW < size:
            data = data[: rows * ROW]
            last = stop + rows * geometry.stride
        self._ready = None
        known = Known(True)
        known.total, known.probe = total, None
        known.add(0, data)
        self._recent.append(known)
        self._current = known
        self._apart, self._strange = False, 0
        line = self._line
        self._line = line + rows + buf.count(b"\n", pos, stop)
        self._pos = last
        dress = self._language.dress[name]
        layout = geometry.layout
        return Block(PACKET, line, buf[pos:last], stop - pos, 0, data, geometry.stride, None, layout, dress=dress)

    def _between(self, text: bytes) -> None:
        """Notes that a line of prose stands behind the rows of the packet."""
        self._apart = True
        if text[0] not in _BLANK:
            self._strange += 1

    def _piece(self, match: Match[bytes], kind: str) -> Optional[Piece]:
        """The rows that a terminal has found; None where they are none."""
        buf, pos = self._buf, match.start()
        name = match.lastgroup or ""
        run = ""
        if kind == "run" and self._ready is not None:
            ready, self._ready = self._ready, None
            return ready
        if kind == "run":
            run, end = name, match.end()
            geometry = self._geometries.get(run)
            if geometry is not None:
                offset, data, stop = geometry.read(buf, pos, end)
                if data:
                    return Piece(offset, data, stop, self._language.dress[run], geometry, geometry.layout)
            row = self._row.match(buf, pos)
            if row is None:
                return None
            match, name = row, row.lastgroup or ""
        groups = self._language.pattern(name).match(buf, pos, match.end())
        if groups is None:
            return None
        sure = "off" in groups.re.groupindex
        expected = 0
        known = self._draft.known if self._draft is not None else self._current
        offset = int(groups["off" if sure else "hint"], 16)
        if known is not None and known.total and offset:
            expected = known.total - offset
        piece = read_row(groups, self._language.dress[name], expected, sure)
        if run and piece is not None:
            geometry = Geometry.of(piece, groups)
            if geometry is not None:
                self._geometries[run] = geometry
                offset, data, stop = geometry.read(buf, pos, end)
                if data:
                    return Piece(offset, data, stop, self._language.dress[run], geometry, geometry.layout)
        return piece

    # -------------------------------------------------------------- which packet rows belong to

    def _fit(self, piece: Piece) -> bool:
        """Whether rows go on with the draft, or may begin a block where there is none."""
        draft, offset = self._draft, piece.offset
        if offset + len(piece.data) > TOP:
            return False
        if draft is not None:
            if draft.next >= 0:
                return offset == draft.next
            return piece.sound and (not offset or (piece.sure and not draft.weak))
        current = self._current
        if current is not None and not current.bare and self._joins(current, offset) and offset == current.next:
            return True
        if not piece.sound:
            return False
        if not offset or piece.sure:
            return True
        if current is not None and not current.bare and not current.whole and 0 < offset - current.next <= 4096:
            return (offset - current.next) % ROW == 0
        return bool(self._shown(piece))

    def _joins(self, current: Known, offset: int) -> bool:
        """Whether rows at `offset` surely go on with the current packet."""
        ahead = offset - current.next
        if current.bare:
            return ahead == 0 and self._strange <= 1
        if ahead == 0:
            return not (current.whole and self._apart)
        return ahead > 0 and not self._apart and _within(current, offset)

    def _shown(self, piece: Piece) -> List[Known]:
        """The packets that have shown the first row before; the current one also where the row goes on with it."""
        row = piece.data[:ROW]
        found = []
        for known in self._recent:
            agreed = known.agreed(piece.offset, row)
            if agreed == len(row) or (known is self._current and _goes_on(known, piece.offset, agreed)):
                found.append(known)
        return found

    def _decide(self, draft: Draft, piece: Piece) -> None:
        """Tells what a block is by its first row, as far as that can be told: else there are rivals."""
        offset = piece.offset
        current = self._current
        draft.fresh = offset
        joins = False
        if not draft.head and current is not None:
            joins = self._joins(current, offset)
            if not joins:
                draft.rivals = self._shown(piece)
                joins = not (draft.rivals or current.bare) and offset > current.next and _within(current, offset)
        if joins:
            draft.kind, draft.known = MORE, current
            return
        if not draft.rivals:
            draft.kind = PACKET
        if draft.kind == PACKET or not offset:
            draft.known = Known(draft.head > 0, offset)

    def _take(self, piece: Piece) -> None:
        """Adds rows to the draft; to a new one if there is none. Rows beyond the packet's length are left."""
        draft = self._draft
        if draft is None:
            self._begin = self._pos
            self._draft = draft = Draft(self._line)
        if draft.next < 0:
            self._decide(draft, piece)
        if draft.known is not None:
            piece = self._clip(draft, draft.known, piece)
        if draft.kind < 0:
            self._resolve(draft, piece)
            if draft.kind == MORE and draft.known is not None:
                piece = self._clip(draft, draft.known, piece)
        draft.take(piece, piece.stop - self._pos)
        self._pos = piece.stop

    def _clip(self, draft: Draft, known: Known, piece: Piece) -> Piece:
        """Leaves the rows behind the one that reaches the packet's length, where it is reached now."""
        offset, size = piece.offset, len(piece.data)
        if known.probe is not None:
            self._probe(known, offset, piece.data)
        before = known.next if draft.kind == MORE and draft.next < known.next else draft.next
        if not known.total or before >= known.total or offset + size < known.total:
            return piece
        draft.done = True
        needed = (known.total - offset + ROW - 1) // ROW * ROW
        if needed < size and piece.geometry is not None:
            stop = self._pos + needed // ROW * piece.geometry.stride
            return piece._replace(data=piece.data[:needed], stop=stop)
        return piece

    def _probe(self, known: Known, offset: int, data: bytes) -> None:
        """Asks for the packet's length at the end of each row, until it is known or cannot be."""
        probe = known.probe or b""
        skip = len(probe) - offset
        if not 0 <= skip < len(data):
            return
        probe += data[skip : max(0, PROBE - offset)]
        last = offset + len(data)
        end = offset + skip // ROW * ROW
        while end < last and end < PROBE:
            end = min(end + ROW, last)
            if end > ROW:
                known.total = self._measure(probe[:end])
                if known.total:
                    known.probe = None
                    return
        known.probe = probe if end < PROBE else None

    def _resolve(self, draft: Draft, piece: Piece) -> None:
        """Looks whether rows go on to repeat what was shown; tells what the block is where they do not."""
        current, offset, data = self._current, piece.offset, piece.data
        if current is not None and current in draft.rivals:
            agreed = current.agreed(offset, data)
            if (draft.next >= 0 and offset == current.next and not current.whole) or _goes_on(
                current, offset, agreed, len(data)
            ):
                draft.kind, draft.known, draft.rivals = MORE, current, []
                draft.fresh = current.next
                return
        draft.rivals = [known for known in draft.rivals if known.agreed(offset, data) == len(data)]
        if not draft.rivals:
            draft.kind = PACKET
            if draft.known is None:
                draft.known = Known(False, draft.offset if draft.next >= 0 else offset)

    def _finish(self) -> Iterator[Token]:
        """Ends the draft: its tokens."""
        draft = self._draft
        assert draft is not None
        self._draft = None
        if self._begin < self._pos:
            draft.text.append(self._buf[self._begin : self._pos])
        self._begin = self._pos
        line = self._line
        self._line += draft.lines
        if draft.next < 0:
            if draft.weak:
                text = b"".join(draft.text)
                self._between(text)
                yield Token("LINE", Prose(text, line), self._out)
                yield _END
                return
            draft.kind = PACKET
            self._current = known = Known(True)
            known.bare = True
            self._apart, self._strange = False, 0
            yield Token("HEAD", draft.block(), self._out)
            yield _END
            return
        known_or_none = draft.known
        if draft.kind < 0:
            again = draft.done and not draft.offset and self._apart and not self._strange
            draft.kind = PACKET if again and not any(k.head for k in draft.rivals) else EXCERPT
        if draft.kind == EXCERPT or known_or_none is None:
            self._apart = True
            self._strange += 2
        else:
            known = known_or_none
            data = b"".join(draft.data)
            known.add(draft.fresh, data[draft.fresh - draft.offset :])
            if draft.kind == PACKET or known.bare:
                known.bare = False
                self._recent.append(known)
            self._current = known
            self._apart, self._strange = False, 0
        if draft.head:
            yield _HEAD
        yield Token("ROWS", draft.block(), self._out)
        yield _END


def _within(known: Known, offset: int) -> bool:
    """Whether a packet may have bytes at `offset` that were not shown."""
    return offset < known.total if known.total else True


def _goes_on(known: Known, offset: int, agreed: int, size: int = ROW) -> bool:
    """Whether `size` bytes at `offset`, of which `agreed` were shown, repeat a packet's last ones and go on."""
    return 0 < agreed < size and offset + agreed == known.next and not known.whole


def _summary(groups: Mapping[str, Optional[bytes]]) -> Summary:
    """The Summary that the named groups of a terminal of `summary` give."""

    def text(name: str) -> Optional[str]:
        value = groups.get(name)
        return None if value is None else value.decode("utf-8", "replace").strip()

    def number(name: str) -> Optional[int]:
        value = groups.get(name)
        return None if value is None else int(value)

    letters = {_LETTERS.get(c, "") for c in text("flags") or ""}
    ack = number("ack")
    if ack is not None:
        letters.add("A")
    flags = "".join(c for c in "FSRPAUEC" if c in letters)
    return Summary(
        text("time"), text("src"), text("sport"), text("dst"), text("dport"), flags,
        number("seq"), number("end"), ack, number("len"),
    )


def blocks(chunks: Iterable[bytes], grammars: Mapping[str, str], measure: Measure) -> Iterator[Item]:
    """The items of a text that comes in chunks: see Reader."""
    reader = Reader(grammars, measure)
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.close()
