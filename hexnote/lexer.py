"""Lines to tokens: which line is a head, a row, prose; where a block begins and ends.

A Lexer takes whole lines as they come and gives tokens as soon as they are certain: a block's when
its packet is complete or a line has come that does not go on with it, a line of prose at once.
"""

from __future__ import annotations

from re import Match, Pattern
from re import compile as regex
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional

from hexnote.drafts import Draft, Past
from hexnote.model import PACKET, Block, Item, Prose
from hexnote.rows import ROW, Geometry, Piece, read_row

LONG = 65536  # a line longer than this is prose


class Token:
    """What the parser is given: a kind of line; the item that it completes, and the list to put that into."""

    __slots__ = ("type", "item", "out")

    def __init__(self, type: str, item: Optional[Item] = None, out: Optional[List[Item]] = None) -> None:
        self.type = type
        self.item = item
        self.out = out


_HEAD = Token("HEAD")
_END = Token("END")


class Terminal(NamedTuple):
    """A terminal of a dress."""

    name: str
    kind: str  # the rule that it belongs to: "head", "lead", "aside", "row", "run" or "summary"
    priority: int
    source: str  # of its pattern, with named groups


class Vocabulary:
    """How the lines of all dresses look: the grammar's terminals as patterns over bytes."""

    def __init__(self, terminals: Iterable[Terminal]) -> None:
        ranked = sorted(terminals, key=lambda t: (-t.priority, t.name))
        self.terminals = {terminal.name: terminal for terminal in ranked}  # the first to be tried first
        self.kinds = {terminal.name: terminal.kind for terminal in ranked}
        self.dress = {terminal.name: terminal.name.partition("_")[0].lower() for terminal in ranked}
        self.kinds["LINE"] = "line"
        self._patterns: Dict[str, Pattern[bytes]] = {}

    def scanner(self, *kinds: str) -> Pattern[bytes]:
        """One pattern for all terminals of these kinds; `lastgroup` of its match names the terminal.

        With "line" it matches at the start of any line.
        """
        key = " ".join(kinds)
        if key not in self._patterns:
            parts = [f"(?P<{t.name}>{nameless(t.source)})" for t in self.terminals.values() if t.kind in kinds]
            if "line" in kinds:
                parts.append(r"(?P<LINE>[^\n]*\n|[^\n]+)")
            self._patterns[key] = regex("|".join(parts).encode("latin-1"))
        return self._patterns[key]

    def pattern(self, name: str) -> Pattern[bytes]:
        """A terminal's pattern with its named groups."""
        if name not in self._patterns:
            self._patterns[name] = regex(self.terminals[name].source.encode("latin-1"))
        return self._patterns[name]


def nameless(source: str) -> str:
    """The source of a pattern, its named groups made plain ones."""
    first, *others = source.split("(?P<")
    return first + "".join("(?:" + part.partition(">")[2] for part in others)


class Lexer:
    """Lines to tokens. With `slow` every row is read on its own: nothing else differs."""

    def __init__(self, vocabulary: Vocabulary, past: Past, slow: bool) -> None:
        rows = ("row",) if slow else ("run", "row")
        self._vocabulary = vocabulary
        self._any = vocabulary.scanner(*rows, "head", "lead", "aside", "line")
        self._rows = vocabulary.scanner(*rows)
        self._row = vocabulary.scanner("row")
        self._past = past
        self.out: List[Item] = []  # items of the blocks and lines that the parser has reduced
        self.line = 1  # number of the first line that is in no item yet
        self.closing = False  # no line will follow those of the buffer, or a line that is prose
        self._buf = b""  # whole lines
        self._pos = 0  # those before it are taken
        self._begin = 0  # where the draft's text begins in the buffer
        self._draft: Optional[Draft] = None
        self._aside = False  # rows that follow are no packet's, unless their look is unmistakable
        self._geometries: Dict[str, Geometry] = {}  # by terminal of `run`
        self._ready: Optional[Piece] = None  # the run behind the head at hand, if it has been read

    def feed(self, lines: List[bytes]) -> None:
        """Takes text, to the end of a line; all of the tokens that were certain before must have been taken."""
        self._buf = b"".join([self._buf[self._pos :], *lines])
        self._pos = self._begin = 0

    def tokens(self) -> Iterator[Token]:
        """The tokens of the lines in the buffer: of all, when closing; else of those that are certain."""
        buf, end = self._buf, len(self._buf)
        while self._pos < end:
            pos, draft = self._pos, self._draft
            match = (self._any if draft is None else self._rows).match(buf, pos)
            name = match.lastgroup if match is not None else None
            kind = self._vocabulary.kinds[name] if name else "line"
            stop = match.end() if match is not None else pos
            if stop - pos > LONG:
                kind = "line"
            if match is not None and (kind == "run" or kind == "row"):
                piece = self._piece(match, kind)
                if piece is not None and (piece.sure or not self._aside) and self._past.fits(draft, piece):
                    if draft is None:
                        self._begin = pos
                        draft = self._draft = Draft(self.line)
                    self._pos = self._past.take(draft, piece, pos)
                    if draft.done:
                        yield from self._finish(draft)
                    continue
                kind = "line"
            elif kind != "line" or (self._aside and buf[pos:stop].strip()):
                self._aside = kind == "aside"
            if draft is not None:
                yield from self._finish(draft)
            elif kind == "line" or kind == "aside":
                if name != "LINE":
                    stop = buf.find(b"\n", pos) + 1 or end
                self._pos = stop
                yield from self._prose(buf[pos:stop])
            elif stop == end and not self.closing:
                return
            else:
                block = self._packet(pos, stop) if kind == "head" else None
                if block is not None:
                    yield _HEAD
                    yield Token("ROWS", block, self.out)
                    yield _END
                else:
                    self._begin, self._pos = pos, stop
                    self._draft = Draft(self.line)
                    self._draft.begin(buf[pos:stop], kind == "lead", self._vocabulary.dress[name or ""])
        if self._draft is not None:
            if self.closing:
                yield from self._finish(self._draft)
            else:
                self._draft.text.append(buf[self._begin : self._pos])
                self._begin = self._pos

    def _prose(self, text: bytes) -> Iterator[Token]:
        """The tokens of a line of prose."""
        self._past.prose(text)
        yield Token("LINE", Prose(text, self.line), self.out)
        self.line += 1
        yield _END

    def _finish(self, draft: Draft) -> Iterator[Token]:
        """Ends the draft: its tokens."""
        self._draft = None
        draft.text.append(self._buf[self._begin : self._pos])
        self._begin = self._pos
        if draft.weak and draft.next < 0:
            yield from self._prose(b"".join(draft.text))
            return
        self._past.end(draft)
        self.line += draft.lines
        block = draft.block()
        if draft.next < 0:
            yield Token("HEAD", block, self.out)
        else:
            if draft.head:
                yield _HEAD
            yield Token("ROWS", block, self.out)
        yield _END

    def _packet(self, pos: int, stop: int) -> Optional[Block]:
        """The packet whose head is buf[pos:stop], if rows of one layout follow from offset 0 to its length.

        The usual case, in few steps: what it gives is what a draft would give.
        """
        buf = self._buf
        match = self._rows.match(buf, stop)
        name = match.lastgroup if match is not None else None
        geometry = self._geometries.get(name) if name else None
        if match is None or name is None or geometry is None:
            return None
        offset, data, last = geometry.read(buf, stop, match.end())
        size = len(data)
        if not size:
            return None
        dress = self._vocabulary.dress[name]
        total = 0 if offset else self._past.length(data, 0, size)
        if not 0 < total <= size:
            self._ready = Piece(offset, data, last, dress, geometry, geometry.layout)
            return None
        rows = (total + ROW - 1) // ROW
        if rows * ROW < size:
            data = data[: rows * ROW]
            last = stop + rows * geometry.stride
        self._past.packet(data, total)
        line = self.line
        self.line = line + rows + buf.count(b"\n", pos, stop)
        self._pos = last
        layout = geometry.layout
        return Block(PACKET, line, buf[pos:last], stop - pos, 0, data, geometry.stride, None, layout, dress=dress)

    def _piece(self, match: Match[bytes], kind: str) -> Optional[Piece]:
        """The rows that a terminal has found; None where they are none."""
        name = match.lastgroup or ""
        if kind == "row":
            return self._single(match, name)
        if self._ready is not None:
            ready, self._ready = self._ready, None
            return ready
        piece = self._many(match, name)
        if piece is not None:
            return piece
        # Rows of another layout than those before; or none. The first one, read on its own, tells.
        row = self._row.match(self._buf, match.start())
        if row is None:
            return None
        return self._single(row, row.lastgroup or "", name, match)

    def _many(self, match: Match[bytes], name: str) -> Optional[Piece]:
        """The rows of a run, by the layout that its terminal is known to have."""
        geometry = self._geometries.get(name)
        if geometry is None:
            return None
        offset, data, stop = geometry.read(self._buf, match.start(), match.end())
        return Piece(offset, data, stop, self._vocabulary.dress[name], geometry, geometry.layout) if data else None

    def _single(
        self, match: Match[bytes], name: str, run: str = "", rows: Optional[Match[bytes]] = None
    ) -> Optional[Piece]:
        """One row; where it is the first of `rows` that the terminal `run` has found, all of its layout."""
        groups = self._vocabulary.pattern(name).match(self._buf, match.start(), match.end())
        if groups is None:
            return None
        names = groups.re.groupindex
        sure = "off" in names
        offset = int(groups["dec"]) if "dec" in names else int(groups["off" if sure else "hint"], 16)
        known = self._draft.known if self._draft is not None else self._past.current
        expected = known.total - offset if known is not None and known.total and offset else 0
        piece = read_row(groups, self._vocabulary.dress[name], offset, expected, sure)
        geometry = Geometry.of(piece, groups) if rows is not None and piece is not None else None
        if geometry is not None and rows is not None:
            self._geometries[run] = geometry
            return self._many(rows, run) or piece
        return piece
