"""Where carets stand: under which row and column of a dump a byte range lies."""

from __future__ import annotations

from bisect import bisect_right

from hexnote.hints import Callable, Dict, List, Optional, Tuple
from hexnote.model import Block, Layout

MARK = ";|"

# The layout of excerpts: `;|  0x0030:  4500 ...`, 16 bytes a row.
_OWN_PREFIX = MARK + "  0x0000:  "
_OWN = Layout(tuple(len(_OWN_PREFIX) + i // 2 * 5 + i % 2 * 2 for i in range(16)), len(_OWN_PREFIX) + 41)
# The same where that is too wide: `;| 0030 4500...`, without blanks between the bytes.
_CLOSE_PREFIX = MARK + " 0000 "
_CLOSE = Layout(tuple(len(_CLOSE_PREFIX) + 2 * i for i in range(16)), len(_CLOSE_PREFIX) + 34)
_WIDE = len(_OWN_PREFIX) + 39  # columns from which on there are blanks
_PRINTABLE = "".join(chr(c) if 32 < c < 127 else "." for c in range(256))
_PLAIN = bytes(range(32, 127))


class Carets:
    """Caret lines for one layout: prefix, carets, blanks up to the column where labels stand."""

    def __init__(self, prefix: str, layout: Layout) -> None:
        self.cols = layout.cols
        self.prefix = prefix  # what stands before column cols[0]: marker, blanks, the row's own tabs
        self.lead = prefix[: max(prefix.rfind("\t") + 1, len(MARK))]  # the same without the last blanks
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
            above: Optional[Layout] = None
            for r in block.rows or ():
                self.starts.append(r.offset)
                layout, table = r.layout, None
                # A short row has the columns of the one above: its labels stand where those of that one do.
                if above is not None and r.size < len(above.cols) and above.cols[: r.size] == layout.cols:
                    layout = above
                above, cols = layout, r.layout.cols
                # Between the bytes, what is wider or narrower than a column (a tab, UTF-8) would shift the carets.
                if r.size and not block.torn and not block.text[r.start + cols[0] : r.start + cols[-1]].translate(None, _PLAIN):
                    table = tables(block.text[r.start : r.start + cols[0]], layout)
                self.tables.append(table)
                self.odd = self.odd or table is None

    def row_of(self, at: int) -> int:
        """The row that holds dump offset `at`; behind the last one, the row that would hold it if all had sixteen bytes."""
        if self.stride:
            return (at - self.offset) >> 4
        row = bisect_right(self.starts, at) - 1
        if at < self.end:
            return row
        start = self.starts[-1]
        return row + (at - start >> 4 if self.end - start <= 16 else 1 + (at - self.end >> 4))

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


class AgainShape(Shape):
    """Rows of a block of which some cannot have carets under them: the bytes of those are shown again in our own layout,
    each such row up to a multiple of sixteen, behind the block's row that has its last byte."""

    __slots__ = ("lines", "again")

    def __init__(self, rows: Shape) -> None:
        self.block, self.offset, self.end, self.stride, self.odd = rows.block, rows.offset, rows.end, 0, True
        self.starts, self.tables = [], []
        self.lines: List[int] = []  # the block's row behind which each one stands
        self.again: List[int] = []  # dump offset of the first byte that may be shown again in it, -1: it is the block's own
        row = 0
        while row < rows.count:
            table = rows.table(row)
            first = at = rows.start(row)
            if table is not None:
                self._add(at, table, row, -1)
                row += 1
                continue
            while row < rows.count and rows.table(row) is None:
                row += 1
            behind = rows.stop(row - 1)
            if not self.starts:
                at &= ~15
            while at < behind:
                stop = min((at | 15) + 1, behind)
                self._add(at, None, rows.row_of(stop - 1), first)
                at = stop
        self.count = len(self.starts)

    def _add(self, start: int, table: Optional[Carets], line: int, again: int) -> None:
        self.starts.append(start)
        self.tables.append(table)
        self.lines.append(line)
        self.again.append(again)

    def shown(self, row: int, width: int) -> List[str]:
        """The row as it is shown again, in `width` columns; nothing where it is the block's own."""
        if self.again[row] < 0:
            return []
        start, offset = self.starts[row], self.block.offset
        at = max(start, self.again[row])
        return [own_row(start, at, self.block.data[at - offset : self.stop(row) - offset], 0, width)]


def own_carets(width: int) -> Carets:
    """The caret lines under rows in our own layout, in `width` columns."""
    prefix, layout = (_OWN_PREFIX, _OWN) if width >= _WIDE else (_CLOSE_PREFIX, _CLOSE)
    return Carets(MARK + " " * (len(prefix) - 2), layout)


def own_row(offset: int, at: int, data: bytes, row: int, width: int, texted: bool = False) -> str:
    """An excerpt's row in our own layout; what lies before dump offset `at` is blank. Where `width` columns do not hold it, it
    has no text, which the row itself shows; or, if it is to be `texted`, because no row shows it, beyond the width, and where
    bytes stand close, under them."""
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
    if width < _WIDE:
        number = f" {first:04x}" if first < 1 << 16 else f"{first:x}" if first < 1 << 20 else f"..{first & 0xFFF:03x}"
        line = f"{MARK}{number} {''.join(cells).rstrip()}\n"
        return line + f"{MARK}{' ' * (len(_CLOSE_PREFIX) - len(MARK))}{' '.join(text).rstrip()}\n" if texted else line
    groups = " ".join("".join(cells[i : i + 2]) for i in range(0, len(cells), 2))
    # However long the number is, the bytes stand over their carets.
    number = f"0x{first:04x}: " if first < 1 << 16 else f"0x{first:x}:" if first < 1 << 28 else f"{first & 0xFFFFFFFF:08x}:"
    line = f"{MARK}{number:>10} {groups:<39}  {''.join(text)}\n"
    return line if texted or len(line) - 1 <= width else f"{MARK}{number:>10} {groups.rstrip()}\n"
