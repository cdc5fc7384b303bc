"""A line too long to be held, read in pieces: a stream as digits, as an array or a string of a program.

Such a line is a stream's, or nothing: it begins with a TLS record, or goes on with a stream under way. It is cut after
every 1024 bytes that it tells, wherever the reads of the input end; each piece is a block whose text has no line end.
What stands behind the bytes is prose, in pieces as it comes.
"""

from __future__ import annotations

from binascii import unhexlify

from hexnote.drafts import LONG, PIECE, Draft, Past
from hexnote.geometry import Piece
from hexnote.hints import Callable, Iterator, Optional
from hexnote.model import Item, Layout, Prose
from hexnote.patterns import Late
from hexnote.tuples import NamedTuple

_BEHIND = 80  # so many characters behind the bytes are no matter


class _Way(NamedTuple):
    """A way to write bytes one behind the other."""

    start: Late[bytes]  # what stands before them
    run: Late[bytes]  # up to PIECE of them
    need: int  # characters that so many may have
    code: Optional[Late[bytes]]  # one of them, its digits as group 1; None: there is nothing but digits


_HEX = _Way(
    Late(rb"(?P<stamp>(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d{6} )?(?P<other>\t| {4}(?: {4})?)?(?=(?:[0-9A-Fa-f]{2}){32})"),
    Late(rb"(?:[0-9A-Fa-f]{2}){1,%d}" % PIECE), 2 * PIECE, None)
_CODED = _Way(
    Late(rb"[^\n]{0,200}?(?=(?:(?:0x|\\x)[0-9A-Fa-f]{2}[, \t]{0,2}){16})"),
    Late(rb"(?:(?:0x|\\x)[0-9A-Fa-f]{2}[, \t]{0,2}){1,%d}" % PIECE), 6 * PIECE, Late(rb"(?:0x|\\x)([0-9A-Fa-f]{2})"))
_SPACED = _Way(
    Late(rb"[ \t>]{0,20}(?=[0-9A-Fa-f]{2}(?:[ :][0-9A-Fa-f]{2}){16})"),
    Late(rb"(?:[0-9A-Fa-f]{2}(?:[ :]|(?![0-9A-Za-z]))){1,%d}" % PIECE), 3 * PIECE, Late(rb"([0-9A-Fa-f]{2})"))
_QUOTED = _HEX._replace(start=Late(rb"[^\n]{0,200}?[\"'](?=(?:[0-9A-Fa-f]{2}){32})"))
_WAYS = (_HEX, _CODED, _SPACED, _QUOTED)
_HEAD = 4096  # so much of the line tells what it is
# How a line of hex begins, in groups or not.
_DIGITS = Late(rb"[ \t>]{0,20}(?:0x)?[0-9A-Fa-f]{4}(?:[: \t]{0,4}[0-9A-Fa-f]{2}){16}")


class Endless:
    """One line of LONG bytes or more. `begin`: the first LONG of them, which tell what it is; they are not fed again."""

    def __init__(self, begin: bytes, line: int, past: Past, report: Callable[[int, int, str], None]) -> None:
        self._begin = begin[:_HEAD]
        self._line = line
        self._past = past
        self._tell = report
        self._parts = [begin]
        self._size = len(begin)
        self._way: Optional[_Way] = None  # None: what comes is prose
        self._skip = 0  # characters before the first byte
        self._side: Optional[int] = None
        self._begins = False  # it says itself that a segment begins
        self._found = False  # bytes were read
        self._behind = 0  # characters behind them so far
        for way in _WAYS:
            start = way.start.match(begin)
            if start is not None:
                self._way, self._skip = way, start.end()
                names = start.re.groupindex
                if "other" in names:
                    self._side = 0 if start["other"] is None else 1
                    self._begins = start["stamp"] is not None
                return
        if _DIGITS.match(begin):
            self._report(f"more than {LONG} characters stand in a line (fold -w 64 breaks it)")
        past.prose(self._begin)

    @property
    def pending(self) -> int:
        """How many bytes of the line are in no item yet."""
        return self._size

    def feed(self, text: bytes, last: bool) -> Iterator[Item]:
        """Takes more of the line; where `last` says so all the rest, with its LF if it has one."""
        self._parts.append(text)
        self._size += len(text)
        if self._way is not None and not last and self._size < self._way.need + self._skip:
            return
        text, pos = b"".join(self._parts), 0
        while self._way is not None and (last or len(text) - pos >= self._way.need + self._skip):
            made = self._piece(self._way, text, pos)
            if made is None:
                self._over(text[pos : pos + 1])
            else:
                yield made
                pos += len(made.text)
        rest = text[pos:]
        self._parts, self._size = ([], 0) if self._way is None else ([rest], len(rest))
        if self._way is None and rest:
            self._behind += len(rest)
            if last and self._found and self._behind > _BEHIND:
                self._report("what stands in the line behind its first bytes is not read")
            yield Prose(rest, self._line, True)

    def _piece(self, way: _Way, text: bytes, pos: int) -> Optional[Item]:
        """The block of the bytes from `pos` on; None where there are none, or they belong to no stream."""
        run = way.run.match(text, pos + self._skip)
        if run is None:
            return None
        if way.code is None:
            data = unhexlify(run[0])
            places = tuple(range(run.start() - pos, run.end() - pos, 2))
        else:
            codes = list(way.code.finditer(text, run.start(), run.end()))
            data = unhexlify(b"".join(code[1] for code in codes))
            places = tuple(code.start(1) - pos for code in codes)
        past = self._past
        piece = Piece(
            0, data, run.end(), "stream", None, Layout(places), False, False, kind="whole", side=self._side, begins=self._begins)
        piece = piece._replace(offset=past.place(piece))
        if not past.fits(None, piece):
            return None
        draft = Draft(self._line)
        draft.text.append(text[pos : run.end()])
        past.take(draft, piece, pos)
        past.end(draft)
        block = draft.block()
        block.torn = True
        self._skip, self._begins, self._found = 0, False, True
        return block

    def _over(self, after: bytes) -> None:
        """The bytes have ended, or belong to no stream; `after` is the character behind them."""
        self._way = None
        if not self._found:
            self._report("its bytes begin no TLS stream")
            self._past.prose(self._begin)
        elif after.isalnum() or after == b"\\":
            self._report("its bytes end in what is none")

    def _report(self, why: str) -> None:
        self._tell(self._line, self._line, why)
