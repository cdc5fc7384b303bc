"""The usual packets of a trace, read one after the other in one loop.

A trace is mostly packets that are whole, of one layout, one behind the other. What is read here is what `lexer` would read
without, and all that is checked there is checked here.
"""

from __future__ import annotations

from binascii import unhexlify

from hexnote.drafts import ENOUGH, LONG
from hexnote.geometry import BATCH, CLASS, GRAPHIC, PRINTED, ROW, Geometry, Unpack
from hexnote.hints import Any, Callable, Container, Dict, List, Optional, Tuple
from hexnote.model import Whole
from hexnote.rows import more_rows
from hexnote.tuples import NamedTuple
from hexnote.vocabulary import Scan

CROWDED = 180  # a longer head may have rows in its line
_TOGETHER = 24  # packets that are told at once
_PLANS = 1024  # lengths of packets whose plans are remembered


class Plan(NamedTuple):
    """What the rows of a packet of a certain length must be."""

    unpack: Unpack  # see `Geometry.batch`
    leads: bytes
    whole: int  # length of the digits of its whole rows
    short: bytes  # the shape of the digits of the last row, if that is none
    blanks: bytes  # as many as stand between and behind the digits of all rows, where they do so at even distances
    rest: bytes  # what stands behind the last digits then
    size: int  # bytes in the packet
    rows: int  # how many there are
    span: int  # length of its rows in the text
    need: int  # length of the text that must be there


class Lane:
    """How the usual packets of a trace are read: IPv4 behind `link` bytes, in rows of one layout from offset 0 to its end.

    The layout has a text, and its lines end with LF alone. `first` finds heads, if it is one of the terminals `heads` that it
    matches; `before` is tried before the terminal that finds the rows; `measure` tells a packet's length by its first bytes,
    `usual` what its headers say, the last of which is that length, or None where it knows no such headers.
    """

    __slots__ = ("geometry", "link", "_first", "_heads", "_before", "_measure", "_usual", "_gap", "_shapes", "_blank", "_begin",
                 "_end", "_plans", "_pitch", "_cells")

    def __init__(
        self, geometry: Geometry, link: int, first: Scan, heads: Container[Optional[str]], before: List[Scan],
        measure: Callable[[bytes], int], usual: Callable[[bytes], Any],
    ) -> None:
        self.geometry = geometry
        self.link = link
        self._first = first
        self._heads = heads
        self._before = before
        self._measure = measure
        self._usual = usual
        self._gap = geometry.layout.cols[0] - geometry.cell  # between the offset and the first digit
        shape = geometry.shapes[self._gap : geometry.width]
        self._pitch = _pitch(shape)
        self._cells = len(shape) - 1 if self._pitch else len(shape)  # what of it is read with the digits
        self._shapes = shape * BATCH
        self._blank = not shape.strip(b"x ")  # nothing but spaces stands between digits
        # Where IPv4's total length stands: two bytes, in one row behind any link header that is usual.
        row, column = divmod(link + 2, ROW)
        self._begin = row * geometry.stride + geometry.layout.cols[column]
        self._end = row * geometry.stride + geometry.layout.cols[column + 1] + 2
        self._plans: Dict[bytes, Plan] = {}  # by these bytes' digits

    def packets(
        self, buf: bytes, pos: int, stop: int, line: int, closing: bool
    ) -> Tuple[List[Whole], int, int]:
        """Usual packets that follow each other, as `Packets` has them, where the text goes on, and on which line.

        The first one begins at `pos`, on input line `line`, and its head ends at `stop`. A head at the end of the buffer may
        have to go on, unless it is `closing`. What is not wholly as it must be ends them; what is given is what `Geometry.read`
        gives for the same rows, and what it says twice is the same.
        """
        first, heads, before, usual, begin, until = self._first, self._heads, self._before, self._usual, self._begin, self._end
        plans, shapes, seps, size = self._plans, self._shapes, self.geometry.seps, len(buf)
        blank, digits_of = self._blank, bytes.fromhex  # which skips spaces, in less time than they are taken out
        pitch, behind, stride = self._pitch, self.geometry.txt - 1, self.geometry.stride
        each: List[Whole] = []
        for _ in range(_TOGETHER):
            digits = buf[stop + begin : stop + until]
            plan = plans.get(digits) or self._plan(digits)
            if plan is None:
                break
            unpack, leads, whole, short, blanks, rest, length, rows, span, need = plan
            last = stop + span
            if stop + need > size or buf[last - 1] != 10:
                break
            for scan in before:
                if scan(buf, stop) is not None:
                    return each, pos, line
            parts = unpack(buf, stop - 1)
            cells = b"".join(parts[1::3])
            if b"".join(parts[::3]) != leads:
                break
            if pitch:
                # Blanks stand where they must: then all else is digits if there are as many of them as there must be.
                if (
                    cells[pitch - 1 :: pitch] != blanks or not cells.endswith(rest)
                    or buf[stop + behind : last : stride] != blanks[:rows]
                ):
                    break
                try:
                    data = digits_of(cells.decode("ascii"))
                except ValueError:
                    break
                if len(data) != length:
                    break
            elif cells.translate(CLASS) != shapes[:whole] + short:
                break
            else:
                data = digits_of(cells.decode("ascii")) if blank else unhexlify(cells.translate(None, seps))
            text = b"".join(parts[2::3])[:length]
            if text != data.translate(GRAPHIC) and text != data.translate(PRINTED):
                break
            headers = usual(data)
            if (self._measure(data[:ENOUGH]) if headers is None else headers[-1]) != length:
                break
            each.append((line, buf[pos:last], stop - pos, data, headers))
            line += rows + buf.count(b"\n", pos, stop)
            pos = last
            match = first(buf, pos)
            if match is None or match.lastgroup not in heads:
                break
            stop = match.end()
            if stop - pos > LONG or (stop == size and not closing):
                break
            if stop - pos > CROWDED and more_rows(buf, pos):
                break
        return each, pos, line

    def _plan(self, digits: bytes) -> Optional[Plan]:
        """The plan for packets whose total length has these digits, whatever stands between them; None: there are none."""
        try:
            size = self.link + int(digits[:2] + digits[-2:], 16)
        except ValueError:
            return None
        geometry = self.geometry
        count, rest = divmod(size, ROW)
        rows = count + 1 if rest else count
        if not 0 < count < BATCH:
            return None
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        whole, need = count * (geometry.width - self._gap), rows * geometry.stride
        cols, blanks, end = geometry.layout.cols, b"", b""
        if self._pitch:
            blanks = b" " * (self._cells // self._pitch * rows)
            end = b" " * (self._cells - (cols[(size - 1) % ROW] + 2 - cols[0]))
        if rest:
            short, need = geometry.short_shapes[rest][self._gap :], need - 1
            span = count * geometry.stride + geometry.txt + rest + 1
        else:
            short, span = b"", need
        plan = self._plans[digits] = Plan(*geometry.batch(rows, self._cells), whole, short, blanks, end, size, rows, span, need)
        return plan


def _pitch(shape: bytes) -> int:
    """How many columns lie between the blanks behind digits, if those are as many everywhere and one more stands before the
    text; 0: they are not."""
    pitch = shape.find(b" ") + 1
    even = shape[:pitch] * (len(shape) // max(pitch, 1))
    return pitch if pitch > 1 and shape == even + b" " and even.strip(b"x ") == b"" else 0
