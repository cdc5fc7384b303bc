"""Many rows of one layout read at once, with a handful of calls that know nothing of lines."""

from __future__ import annotations

from binascii import unhexlify
from re import Match
from struct import Struct

from hexnote.hints import Callable, Dict, List, Optional, Sequence, Tuple
from hexnote.model import Layout
from hexnote.tuples import NamedTuple

ROW = 16  # bytes in a whole row
BLANKS = b" \t\r\n"
# How tools render bytes: graphic ASCII as it is and all else as a dot, or the blank too as it is.
GRAPHIC = bytes(c if 32 < c < 127 else 46 for c in range(256))
PRINTED = bytes(c if 32 <= c < 127 else 46 for c in range(256))

BATCH = 128  # rows read by one Struct
# What the shape of a row is told by: digits are all the same.
CLASS = bytes(120 if chr(c) in "0123456789abcdefABCDEF" else 46 if c == 120 else c for c in range(256))
_HEX = b"0123456789abcdef"
# The first, second, third digits of the offsets of successive rows: 0x0000, 0x0010 ... 0xfff0.
_DIGITS = tuple([b"".join([_HEX[i : i + 1] * run for i in range(16)]) * (256 // run) for run in (256, 16, 1)])
_ZEROS = b"0" * 512
_ENDS = b"\n" * 512

Unpack = Callable[[bytes, int], Tuple[bytes, ...]]


class Piece(NamedTuple):
    """Rows read: contiguous bytes from dump offset `offset` on."""

    offset: int
    data: bytes
    stop: int  # where the text goes on
    dress: str
    geometry: Optional[Geometry]  # None: one row, with the layout that follows
    layout: Layout
    blanked: bool = False  # the author blanked out leading groups
    sure: bool = True  # the look of the row is unmistakable
    sound: bool = True  # hex and text are told apart without doubt
    kind: str = "row"  # of its terminal
    side: Optional[int] = None  # the end that sent the bytes, where rows tell
    begins: bool = False  # it says itself that a packet begins
    margin: int = -1  # columns before a row whose indentation tells its end; -1: it tells nothing


class Geometry:
    """A fixed layout of rows of 16 bytes: where the columns are, and how to read many rows at once."""

    __slots__ = (
        "dress", "stride", "off", "cell", "width", "txt", "tail", "layout", "seps", "shapes", "short_shapes", "_shape",
        "_ends", "_batches", "_both", "_lead", "_gap", "_parts",
    )

    def __init__(self, line: bytes, off: int, layout: Layout, dress: str) -> None:
        self.dress = dress  # name of the dump format that has such rows
        self.stride = len(line)  # length of a row, its LF included
        self.off = off  # column of the offset's four digits
        self.cell = off + 4  # what lies between them and the text must have the same shape in all rows
        self.txt = layout.text  # column of the text, -1: none
        self.tail = len(line) - len(line.rstrip(b"\r\n"))  # length of the line's end
        self.width = (self.txt if self.txt >= 0 else self.stride) - self.cell
        self.layout = layout
        cell = line[self.cell : self.cell + self.width]
        self._shape = cell.translate(CLASS)
        self.shapes = self._shape * 512
        self.seps = cell.translate(None, b"0123456789abcdefABCDEF")
        self._ends = [0] + [c + 2 - self.cell for c in layout.cols]
        self._batches: Dict[int, Struct] = {}
        self._both: Dict[int, Struct] = {}
        self.short_shapes = [self._shape[:stop].ljust(self.width) for stop in self._ends]
        self._lead, self._gap = line[:off], line[self.cell : layout.cols[0]]
        self._parts: Dict[Tuple[int, int], Tuple[Unpack, bytes]] = {}

    @staticmethod
    def of(piece: Piece, match: Match[bytes]) -> Optional[Geometry]:
        """The layout of the whole row `piece` that `match` has found; None where others cannot be read by it."""
        if "off" not in match.re.groupindex or len(piece.data) != ROW or piece.blanked:
            return None
        if match.end("off") - match.start("off") != 4:
            return None
        line = match[0]
        text = piece.layout.text
        if line[-1:] != b"\n" or len(line.rstrip(b"\r\n")) != (piece.layout.cols[-1] + 2 if text < 0 else text + ROW):
            return None
        return Geometry(line, match.start("off") - match.start(), piece.layout, piece.dress)

    def read(self, buf: bytes, pos: int, end: int) -> Tuple[int, bytes, int, bool]:
        """Reads the rows in buf[pos:end], the last of which may be short.

        Gives their first offset, their bytes, where the first line stands that is not the row
        that must follow there, and whether the text was read too and says what the bytes say;
        no bytes where that line is the first one.
        """
        count, rest = divmod(end - pos, self.stride)
        if self.txt >= 0 and count <= BATCH:
            quick = self._quick(buf, pos, end, count, rest)
            if quick is not None:
                return quick
        return self._read(buf, pos, end, count, rest)

    def _quick(self, buf: bytes, pos: int, end: int, count: int, rest: int) -> Optional[Tuple[int, bytes, int, bool]]:
        """The same, if all of the rows are as they must be and have a text; else None."""
        stride, width, txt = self.stride, self.width, self.txt
        at = pos + self.off
        digits = buf[at : at + 4]
        if digits == b"0000":
            offset = first = 0
        else:
            try:
                offset = int(digits, 16)
            except ValueError:
                return None
            if not digits.isalnum():
                return None
            first = offset >> 4
        last = first + count
        stop = pos + count * stride
        cells: Sequence[bytes]
        texts: Sequence[bytes]
        if count:
            batch = self._both.get(count)
            if batch is None:
                batch = self._both[count] = Struct(f"{self.cell}x{width}s16s{self.tail}x" * count)
            parts = batch.unpack_from(buf, pos)
            cells, texts = parts[::2], parts[1::2]
        else:
            cells = texts = ()
        shape = self.shapes[: count * width]
        if rest:
            size = rest - txt - self.tail
            if not 0 < size < ROW:
                return None
            last += 1
            cells = (*cells, buf[stop + self.cell : stop + txt])
            texts = (*texts, buf[stop + txt : stop + txt + size])
            shape += self.short_shapes[size]
        cell = b"".join(cells)
        if cell.translate(CLASS) != shape:
            return None
        # Successive rows have successive offsets, and end where their layout says.
        high, middle, low = _DIGITS
        if (
            buf[at + 2 : end : stride] != low[first:last]
            or buf[at + 1 : end : stride] != middle[first:last]
            or buf[at:end:stride] != high[first:last]
            or buf[at + 3 : end : stride] != _ZEROS[: last - first]
            or buf[pos + stride - 1 : stop : stride] != _ENDS[:count]
        ):
            return None
        data = unhexlify(cell.translate(None, self.seps))
        text = b"".join(texts)
        return offset, data, end, text == data.translate(GRAPHIC) or text == data.translate(PRINTED)

    def _read(self, buf: bytes, pos: int, end: int, count: int, rest: int) -> Tuple[int, bytes, int, bool]:
        """The same for rows of any kind and number: as far as they are as they must be."""
        stride = self.stride
        at = pos + self.off
        try:
            offset = int(buf[at : at + 4], 16)
        except ValueError:
            return 0, b"", pos, False
        if not buf[at : at + 4].isalnum():
            return 0, b"", pos, False  # a sign or "_", which are digits for `int`
        data = b""
        stop = pos
        if count:
            stop += count * stride
            right = self._in_sequence(buf, at, count, offset)
            if right < count:
                count, rest = right, 0
                stop = pos + count * stride
            cells = self._cells(buf, pos, count)
            if cells.translate(CLASS) != self.shapes[: len(cells)]:
                shape, width = self._shape, self.width
                count = rest = 0
                while cells[count * width : count * width + width].translate(CLASS) == shape:
                    count += 1
                stop = pos + count * stride
                cells = cells[: count * width]
            data = unhexlify(cells.translate(None, self.seps))
        if rest:
            row = buf[stop:end]
            tail = self._short(row, offset + ROW * count)
            if tail:
                return offset, data + tail, end, False
        return offset, data, stop, False

    def _in_sequence(self, buf: bytes, at: int, count: int, offset: int) -> int:
        """How many of `count` rows end where rows of this layout do and have the offsets that must follow each other."""
        if offset % ROW:
            return 0
        for r in range(count):
            if buf[at : at + 4].lower() != b"%04x" % (offset + ROW * r) or buf[at - self.off + self.stride - 1] != 10:
                return r
            at += self.stride
        return count

    def _cells(self, buf: bytes, pos: int, count: int) -> bytes:
        """What lies between offset and text, of `count` rows, joined."""
        if count > BATCH:
            middle = pos + BATCH * self.stride
            return self._cells(buf, pos, BATCH) + self._cells(buf, middle, count - BATCH)
        batch = self._batches.get(count)
        if batch is None:
            rest = self.stride - self.cell - self.width
            batch = self._batches[count] = Struct(f"{self.cell}x{self.width}s{rest}x" * count)
        return b"".join(batch.unpack_from(buf, pos))

    def _short(self, row: bytes, offset: int) -> bytes:
        """The bytes of a row of less than 16; none where hex and text do not match in length."""
        end = len(row) - self.tail
        if self.txt >= 0:
            count = end - self.txt
        else:
            count = self._ends.index(end - self.cell) if end - self.cell in self._ends else 0
        if not 0 < count < ROW or row[self.off : self.cell].lower() != b"%04x" % offset:
            return b""
        stop = self._ends[count]
        digits = row[self.cell : self.cell + stop]
        if digits.translate(CLASS) != self._shape[:stop] or row[self.cell + stop : max(self.txt, 0)].strip(b" "):
            return b""
        return unhexlify(digits.translate(None, self.seps))

    def batch(self, rows: int, cells: int) -> Tuple[Unpack, bytes]:
        """How to take so many whole rows apart from the line end before the first one on: (line end and what stands before the
        first digit, the `cells` columns from there on, the text) of each; and the first of these, of all, where they begin at
        offset 0. Only for layouts with a text, and lines that end with LF alone: then that is all that they are made of, but for
        what may lie between those columns and the text."""
        batch = self._parts.get((rows, cells))
        if batch is None:
            first = self.layout.cols[0]
            unpack = Struct(f"{1 + first}s{cells}s{self.txt - first - cells}x{ROW}s" * rows).unpack_from
            leads = b"".join([b"\n%b%04x%b" % (self._lead, ROW * row, self._gap) for row in range(rows)])
            batch = self._parts[rows, cells] = unpack, leads
        return batch

    def rows(self, size: int) -> List[Tuple[int, int, Layout]]:
        """(count, length of the line, layout) of each of the rows that hold `size` bytes."""
        whole, rest = divmod(size, ROW)
        rows = [(ROW, self.stride, self.layout)] * whole
        if rest:
            end = self.txt + rest if self.txt >= 0 else self.cell + self._ends[rest]
            rows.append((rest, end + self.tail, Layout(self.layout.cols[:rest], self.txt)))
        return rows
