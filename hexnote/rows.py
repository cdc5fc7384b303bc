"""Dump rows read: digits to bytes, their columns, their offsets.

Two ways lead from rows to bytes. A `Geometry` reads many rows of one fixed layout with a handful
of calls that know nothing of lines; `read_row` reads any one row, whatever its spacing, and tells
hex from text where the columns do not. Both give the same bytes for the same rows.
"""

from __future__ import annotations

from binascii import unhexlify
from re import Match
from re import compile as regex
from struct import Struct
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from hexnote.model import Layout
from hexnote.patterns import Late

ROW = 16  # bytes in a whole row
_BATCH = 128  # rows read by one Struct
_WIDE = 1000  # a longer line is no row

_CLASS = bytes(120 if chr(c) in "0123456789abcdefABCDEF" else 46 if c == 120 else c for c in range(256))
BLANKS = b" \t\r\n"
# How tools render bytes: graphic ASCII as it is and all else as a dot, or the blank too as it is.
GRAPHIC = bytes(c if 32 < c < 127 else 46 for c in range(256))
PRINTED = bytes(c if 32 <= c < 127 else 46 for c in range(256))
_HEX = b"0123456789abcdef"
# The first, second, third digits of the offsets of successive rows: 0x0000, 0x0010 ... 0xfff0.
_DIGITS = tuple([b"".join([_HEX[i : i + 1] * run for i in range(16)]) * (256 // run) for run in (256, 16, 1)])
_ZEROS = b"0" * 512
_ENDS = b"\n" * 512


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


class Geometry:
    """A fixed layout of rows of 16 bytes: where the columns are, and how to read many rows at once."""

    __slots__ = (
        "stride", "off", "cell", "width", "txt", "tail", "layout", "_shape", "_shapes", "_seps", "_ends", "_batches",
        "_both", "_short_shapes", "_lead",
    )

    def __init__(self, line: bytes, off: int, layout: Layout) -> None:
        self.stride = len(line)  # length of a row, its LF included
        self.off = off  # column of the offset's four digits
        self.cell = off + 4  # what lies between them and the text must have the same shape in all rows
        self.txt = layout.text  # column of the text, -1: none
        self.tail = len(line) - len(line.rstrip(b"\r\n"))  # length of the line's end
        self.width = (self.txt if self.txt >= 0 else self.stride) - self.cell
        self.layout = layout
        cell = line[self.cell : self.cell + self.width]
        self._shape = cell.translate(_CLASS)
        self._shapes = self._shape * 512
        self._seps = cell.translate(None, b"0123456789abcdefABCDEF")
        self._ends = [0] + [c + 2 - self.cell for c in layout.cols]
        self._batches: Dict[int, Struct] = {}
        self._both: Dict[int, Struct] = {}
        self._short_shapes = [self._shape[:stop].ljust(self.width) for stop in self._ends]
        self._lead = [line[place : place + 1] * 512 for place in range(off)]

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
        return Geometry(line, match.start("off") - match.start(), piece.layout)

    def read(self, buf: bytes, pos: int, end: int) -> Tuple[int, bytes, int, bool]:
        """Reads the rows in buf[pos:end], the last of which may be short.

        Gives their first offset, their bytes, where the first line stands that is not the row
        that must follow there, and whether the text was read too and says what the bytes say;
        no bytes where that line is the first one.
        """
        count, rest = divmod(end - pos, self.stride)
        if self.txt >= 0 and count <= _BATCH:
            quick = self._quick(buf, pos, end, count, rest)
            if quick is not None:
                return quick
        return self._read(buf, pos, end, count, rest)

    def packet(self, buf: bytes, pos: int, link: int) -> Optional[Tuple[bytes, int]]:
        """(bytes, where the text goes on): the rows of a packet that begin at `pos`, from offset 0 to its length.

        For that is taken what stands where IPv4 has it behind `link` bytes. None if any of the rows is not as it
        must be: what is given is what `read` gives for these rows.
        """
        stride, cols = self.stride, self.layout.cols
        row, column = divmod(link + 2, ROW)
        at = pos + row * stride
        try:
            total = int(buf[at + cols[column] : at + cols[column] + 2] + buf[at + cols[column + 1] : at + cols[column + 1] + 2], 16)
        except ValueError:
            return None
        count, size = divmod(link + total, ROW)
        stop = pos + count * stride
        end = stop + self.txt + size + self.tail if size else stop
        if count > _BATCH or end > len(buf) or (size and buf[end - 1] != 10):
            return None
        quick = self._quick(buf, pos, end, count, end - stop)
        if quick is None or quick[0] or not quick[3]:
            return None
        for place, sign in enumerate(self._lead):
            if buf[pos + place : end : stride] != sign[: count + 1 if size else count]:
                return None
        return quick[1], end

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
        shape = self._shapes[: count * width]
        if rest:
            size = rest - txt - self.tail
            if not 0 < size < ROW:
                return None
            last += 1
            cells = (*cells, buf[stop + self.cell : stop + txt])
            texts = (*texts, buf[stop + txt : stop + txt + size])
            shape += self._short_shapes[size]
        cell = b"".join(cells)
        if cell.translate(_CLASS) != shape:
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
        data = unhexlify(cell.translate(None, self._seps))
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
            if cells.translate(_CLASS) != self._shapes[: len(cells)]:
                shape, width = self._shape, self.width
                count = rest = 0
                while cells[count * width : count * width + width].translate(_CLASS) == shape:
                    count += 1
                stop = pos + count * stride
                cells = cells[: count * width]
            data = unhexlify(cells.translate(None, self._seps))
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
        if count > _BATCH:
            middle = pos + _BATCH * self.stride
            return self._cells(buf, pos, _BATCH) + self._cells(buf, middle, count - _BATCH)
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
        if digits.translate(_CLASS) != self._shape[:stop] or row[self.cell + stop : max(self.txt, 0)].strip(b" "):
            return b""
        return unhexlify(digits.translate(None, self._seps))

    def rows(self, size: int) -> List[Tuple[int, int, Layout]]:
        """(count, length of the line, layout) of each of the rows that hold `size` bytes."""
        whole, rest = divmod(size, ROW)
        rows = [(ROW, self.stride, self.layout)] * whole
        if rest:
            end = self.txt + rest if self.txt >= 0 else self.cell + self._ends[rest]
            rows.append((rest, end + self.tail, Layout(self.layout.cols[:rest], self.txt)))
        return rows


# ------------------------------------------------------------------ one row, however it is spaced

_GROUP = regex(rb"[ \t]*((?:[0-9A-Fa-f]{2}){1,16})(?![^ \t\-|\"',;<\\\xe2])")
# What may stand behind a row that was put into a table, a string, a page: blanks are gone.
_CLOSED = Late(
    rb"(?:\\[nr])*(?:\"|'|&quot;)?(?:,\"[a-z]+\":.*|(?:[,;|)\]}\\]|\xe2\x94\x82|<[/a-z]{1,9}>){0,4})", 16
)
_WORD = Late(rb"[0-9A-Fa-f]{4}")
_CUT = Late(rb" [0-9A-Fa-f](?:[0-9A-Fa-f]{2})?(?:[ \t]*[|\"'<\\\xe2].{0,8})?")  # a group that was cut in the midst of a byte
_AGAIN = Late(rb"0x[0-9A-Fa-f]{4}[:\t ][ \t]{0,3}(?:[0-9A-Fa-f]{4} ){3}")  # another row
_CODE = Late(rb"(?:0x|\\x|(?<![0-9A-Za-z]))([0-9A-Fa-f]{2})(?![0-9A-Za-z])")
_PRINT_JAVA = bytes(c if 32 <= c < 123 else 46 for c in range(256))
_PRINT_SEVEN = bytes(c & 127 if 32 <= c & 127 < 127 else 46 for c in range(256))


def read_row(match: Match[bytes], dress: str, offset: int, expected: int, sure: bool) -> Optional[Piece]:
    """Reads the row at dump offset `offset` that `match` (of a terminal of `row` or `data`) has found; or None.

    `expected`: bytes that this row must have to complete its packet, 0 where that is not known.
    Hex and text are told apart by the text: it says the same as the bytes, in one of the ways in
    which tools render them; else by the columns; else by `expected`.
    """
    start, stop = match.span()
    if stop - start > _WIDE:
        return None
    names = match.re.groupindex
    if "word" in names:
        return _words(match, dress, offset)
    line = match[0].rstrip(BLANKS)
    digits, ends, cols = _groups(line, match.start("hex") - start, ROW)
    if not ends or (len(line) > cols[-1] + 40 and _AGAIN.search(line, cols[-1])):
        return None
    data = unhexlify(b"".join(digits))
    size, sound = _divide(line, ends, cols, data, expected)
    after = line[cols[size - 1] + 2 :]
    if after[:1] == b"-" and size == 8:
        after = b" " + after[1:]
    text = len(line) - len(after.lstrip(b" \t"))
    if not after.strip(BLANKS + b"|") or (size < ROW and _CLOSED.fullmatch(after.translate(None, BLANKS))):
        text = -1
    if text >= 0 and line[text : text + 1] == b"|" and len(line) - text > size:
        text += 1
    skew = match["skew"] if "skew" in names else None
    if skew:
        unit = 2 * ends[0]
        offset += len(skew) // (unit + 1) * unit // 2
    layout = Layout(tuple(cols[:size]), text)
    side = None if "other" not in names else 0 if match["other"] is None else 1
    return Piece(offset, data[:size], stop, dress, None, layout, bool(skew), sure, sound, side=side)


def more_rows(text: bytes, pos: int) -> bool:
    """Whether the line at `pos` has more rows than one."""
    end = text.find(b"\n", pos)
    first = _AGAIN.search(text, pos, end if end >= 0 else len(text))
    return first is not None and _AGAIN.search(text, first.end(), end if end >= 0 else len(text)) is not None


def _groups(line: bytes, pos: int, most: int) -> Tuple[List[bytes], List[int], List[int]]:
    """The groups of digits from `pos` on, of at most `most` bytes: digits, bytes up to each one's end, columns."""
    digits: List[bytes] = []
    ends: List[int] = []
    cols: List[int] = []
    size = 0
    while size < most:
        group = _GROUP.match(line, pos + 1 if size == 8 and line[pos : pos + 1] == b"-" else pos)
        if group is None:
            break
        column, pos = group.span(1)
        size += (pos - column) // 2
        if size > most:
            break
        digits.append(group[1])
        ends.append(size)
        cols.extend(range(column, pos, 2))
    return digits, ends, cols


def _words(match: Match[bytes], dress: str, offset: int) -> Piece:
    """A row of numbers of two bytes, the low byte first."""
    cols: List[int] = []
    digits = match["word"]
    data = bytearray()
    start = match.start("word") - match.start()
    for group in _WORD.finditer(digits):
        column = start + group.start()
        cols += (column + 2, column)
        data += unhexlify(group[0])[::-1]
    return Piece(offset, bytes(data), match.end(), dress, None, Layout(tuple(cols)), False, False, kind="word")


def read_bare(match: Match[bytes], dress: str, offset: int, before: bytes, expected: int) -> Optional[Piece]:
    """Reads groups without an offset: a row, or, behind the bytes `before`, the rest of one that was wrapped.

    None where they are neither: what is no group must be a text that says what the bytes of the row say.
    """
    start, stop = match.span()
    if stop - start > _WIDE:
        return None
    line = match[0].rstrip(BLANKS)
    digits, ends, cols = _groups(line, match.start("hex") - start, ROW - len(before))
    if not ends:
        return None
    data = unhexlify(b"".join(digits))
    for size in reversed(ends):
        after = line[cols[size - 1] + 2 :]
        text = after.translate(None, BLANKS)
        if _CLOSED.fullmatch(text):
            text = b""
        whole = len(before) + size == ROW or size == expected
        row = len(before) + size
        apart = row == ROW and len(text) == ROW and after[:2] in (b"  ", b" \t", b"\t")
        if agrees(text, before + data[:size]) or apart if text else whole or not before:
            if before and not whole:
                continue
            column = len(line) - len(after.lstrip(b" \t")) if text and not before else -1
            layout = Layout(tuple(cols[:size]), column)
            return Piece(offset, data[:size], stop, dress, None, layout, kind="bare", sure=False)
    return None


def read_whole(match: Match[bytes], dress: str, offset: int) -> Piece:
    """Reads a line of `whole`: digits without a break, or bytes as a program writes them."""
    names = match.re.groupindex
    start = match.start()
    if "hex" in names:
        data = unhexlify(match["hex"])
        cols = tuple(range(match.start("hex") - start, match.end("hex") - start, 2))
    else:
        at = match.start("coded") - start
        codes = list(_CODE.finditer(match["coded"]))
        data = unhexlify(b"".join(code[1] for code in codes))
        cols = tuple(at + code.start(1) for code in codes)
    side = None if "other" not in names else 0 if match["other"] is None else 1
    begins = "stamp" in names and match["stamp"] is not None
    return Piece(
        offset, data, match.end(), dress, None, Layout(cols), False, False, kind="whole", side=side, begins=begins
    )


def moved(piece: Piece, places: List[int], stop: int) -> Piece:
    """A row of a washed line, its columns those of the raw line (a colour may stand between a byte's two digits)."""
    at = tuple([places[c] for c in piece.layout.cols])
    text = piece.layout.text
    if text >= 0:
        last = min(text + len(at), len(places)) - 1
        text = places[text] if places[last] - places[text] == last - text else -1
    return piece._replace(layout=Layout(at, text), stop=stop)


def _divide(line: bytes, ends: List[int], cols: List[int], data: bytes, expected: int) -> Tuple[int, bool]:
    """How many of the bytes `data`, which `cols` find, are hex and no text; and whether that is certain.

    `ends`: how many there are up to the end of each group.
    """
    bare = 0
    for size in reversed(ends):
        text = line[cols[size - 1] + 2 :].translate(None, BLANKS)
        if text[:1] == b"-" and size == 8 and agrees(text[1:], data[:size]):
            return size, True
        if not text or _CLOSED.fullmatch(text):
            bare = bare or size
            if not text:
                continue
        if agrees(text, data[:size]):
            return size, True
    # No text says what the bytes say. A column does: behind a gap, and as many characters as bytes.
    gaps = []
    for size in ends:
        after = line[cols[size - 1] + 2 :]
        text = after.lstrip(b" \t")
        gap = len(after) - len(text)
        if _CLOSED.fullmatch(text.translate(None, BLANKS)):
            text = b""
        gaps.append((4 if b"\t" in after[:gap] else gap) if text else 0)
        if gaps[-1] > 1 and len(text) == size:
            return size, True
    if bare and max(gaps) <= 1:
        return bare, True
    if ends[-1] < ROW and len(ends) < ROW and _CUT.fullmatch(line, cols[-1] + 2):
        return ends[-1], True
    if len(cols) == ROW:
        return ROW, True
    # A text that was cut off says what the first bytes say.
    begun = [size for size in ends if _begins(line[cols[size - 1] + 2 :].translate(None, BLANKS), data[:size])]
    if len(begun) == 1:
        return begun[0], True
    # The widest gap parts them, if it is wider than those within the hex.
    chosen, widest = len(cols), 0
    for size, gap in zip(ends, gaps):
        if gap > widest and gap > (2 if size == 8 else 1):
            chosen, widest = size, gap
    if not widest and expected in ends:
        return expected, True
    return chosen, widest > 0 and len(line[cols[chosen - 1] + 2 :].strip(BLANKS)) <= chosen


def _begins(text: bytes, data: bytes) -> bool:
    """Whether a text is the beginning of what a column says beside the bytes, and says something."""
    return len(text.strip(b".")) > 1 and any(
        data.translate(table).replace(b" ", b"").startswith(text) for table in (GRAPHIC, PRINTED))


def agrees(text: bytes, data: bytes) -> bool:
    """Whether a text column, its blanks taken out, says what the bytes say; fences may stand around it."""
    if not text:
        return False
    for table in (GRAPHIC, PRINTED, _PRINT_JAVA, _PRINT_SEVEN):
        wanted = data.translate(table).replace(b" ", b"")
        if text == wanted or (text[-1] == 124 and (text == wanted + b"|" or text == b"|" + wanted + b"|")):
            return True
        if text[0] == 62 and text == b">" + wanted + b"<":
            return True
        if wanted and text.startswith(wanted) and _CLOSED.fullmatch(text, len(wanted)):
            return True
    return False
