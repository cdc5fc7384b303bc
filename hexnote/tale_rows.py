"""The rows of a dump that belong to a section, cut into runs of bytes, each with the entry that explains it."""

from __future__ import annotations

from hexnote.hints import Dict, List, Optional, Sequence, Tuple, Union
from hexnote.report import Place, Report
from hexnote.tale_entries import Buffers, Entry
from hexnote.tuples import NamedTuple

_KEPT = 2  # rows of a long field that stay, at its beginning and at its end
_FOLD = 6  # rows of one field from which on its middle is folded
_MOST = 128  # rows that are kept folded; more are left out
_PACKETS = 4  # packets of an opaque record that are shown


class Run(NamedTuple):
    """Bytes of a row that belong to one entry."""

    start: int  # column of the first byte, 0 to 15
    end: int  # column behind the last one
    entry: Optional[Entry]  # None: nothing is said of them
    inside: bool  # False: they are no part of the section


class Line(NamedTuple):
    """A row: sixteen columns, at a dump offset that sixteen divides."""

    offset: int
    cells: Tuple[int, ...]  # the bytes by column; -1: not in the dump
    runs: Tuple[Run, ...]  # of the columns that are in the dump


class Fold(NamedTuple):
    """Rows of the midst of a long field."""

    first: int  # dump offset of the first
    last: int  # and of the last row
    rows: int
    lines: Tuple[Line, ...]  # empty where there are too many, or they were shown before


class Gap(NamedTuple):
    """Bytes that the dump does not show (`shown` False), or that are left out here."""

    size: int
    shown: bool


class Turn(NamedTuple):
    """The rows after it are another packet's, or of bytes beside the wire."""

    packet: int  # 0: none
    buffer: str = ""  # "plain:204"; see `report.Field.buffer`


Row = Union[Line, Fold, Gap, Turn]
_Mark = Tuple[int, int, Entry]  # dump offsets


class Rows:
    """Makes the rows of sections of one trace."""

    def __init__(self, report: Report, buffers: Buffers) -> None:
        self._report = report
        self._buffers = buffers
        self._number = 0
        self._bytes = bytearray()
        self._have = bytearray()

    def of(self, places: Sequence[Place], roots: Sequence[Entry], opaque: bool = False) -> List[Row]:
        """The rows that show `places`, with the marks of the entries. `opaque`: most of it is one encrypted body."""
        marks: Dict[int, List[_Mark]] = {}
        _collect(roots, marks)
        for each in marks.values():
            each.sort(key=lambda mark: (mark[0], mark[1]))
        out: List[Row] = []
        beside = sorted((number for number in marks if number < 0), reverse=True)
        places = [*places, *((number, 0, len(self._buffers.bytes[number])) for number in beside)]
        packets = list(dict.fromkeys(place[0] for place in places))
        wire = [number for number in packets if number > 0]
        skipped = set(wire[_PACKETS // 2 : -_PACKETS // 2]) if opaque and len(wire) > _PACKETS else set()
        before: Optional[Place] = None
        left = 0
        for place in places:
            packet, lo, hi = place
            if packet in skipped:
                left += hi - lo
                before = place
                continue
            if left:
                out.append(Gap(left, True))
                left = 0
            if before is not None and before[0] == packet and before[2] < lo:
                out.append(Gap(lo - before[2], False))
            elif (before is None or before[0] != packet) and len(packets) > 1:
                out.append(Turn(packet) if packet > 0 else Turn(0, self._buffers.names[packet]))
            out += _folded(self._lines(packet, lo, hi, marks.get(packet, [])))
            before = place
        return out

    def _lines(self, packet: int, lo: int, hi: int, marks: List[_Mark]) -> List[Line]:
        """The rows of one packet's dump range [lo, hi)."""
        self._load(packet)
        size = len(self._bytes)
        at = 0
        lines: List[Line] = []
        for offset in range(lo & ~15, hi, 16):
            end = offset + 16
            cells = tuple(
                self._bytes[i] if i < size and self._have[i] else -1 for i in range(offset, end)
            )
            owner: List[Optional[Entry]] = [None] * 16
            while at < len(marks) and marks[at][1] <= offset:
                at += 1
            k = at
            while k < len(marks) and marks[k][0] < end:
                a, b, entry = marks[k]
                for i in range(max(a, offset, lo), min(b, end, hi)):
                    owner[i - offset] = entry
                k += 1
            lines.append(Line(offset, cells, _runs(cells, owner, lo - offset, hi - offset)))
        return lines

    def _load(self, number: int) -> None:
        """Make the bytes of a packet, or of a buffer, the current ones."""
        if number == self._number and number > 0:
            return
        self._number = number
        if number < 0:
            self._bytes, self._have = self._buffers.bytes[number], self._buffers.have[number]
            return
        blocks = self._report.packet(number).blocks
        size = max((block.offset + len(block.data) for block in blocks), default=0)
        self._bytes, self._have = bytearray(size), bytearray(size)
        for block in blocks:
            at = 0
            for r in range(block.row_count()):
                row = block.row(r)
                self._bytes[row.offset : row.offset + row.size] = block.data[at : at + row.size]
                self._have[row.offset : row.offset + row.size] = b"\1" * row.size
                at += row.size


def _runs(cells: Tuple[int, ...], owner: List[Optional[Entry]], lo: int, hi: int) -> Tuple[Run, ...]:
    """Neighbouring columns of the same owner, joined; those outside [lo, hi) are no part of the section, and what is
    not in the dump belongs to no run."""
    runs: List[Run] = []
    start = 0
    for i in range(1, 17):
        if i < 16 and (cells[i] < 0) == (cells[start] < 0) and owner[i] is owner[start] and i not in (lo, hi):
            continue
        if cells[start] >= 0:
            runs.append(Run(start, i, owner[start], lo <= start < hi))
        start = i
    return tuple(runs)


def _folded(lines: List[Line]) -> List[Row]:
    """The rows with the midst of long fields folded."""
    out: List[Row] = []
    i = 0
    while i < len(lines):
        runs = lines[i].runs
        j = i + 1
        if len(runs) == 1 and runs[0].entry is not None and runs[0].end - runs[0].start == 16:
            while j < len(lines) and lines[j].runs == runs:
                j += 1
        if j - i >= _FOLD:
            hidden = lines[i + _KEPT : j - 1]
            out += lines[i : i + _KEPT]
            entry = runs[0].entry
            kept = entry is not None and not entry.same and not entry.sealed and len(hidden) <= _MOST
            out.append(Fold(hidden[0].offset, hidden[-1].offset, len(hidden), tuple(hidden) if kept else ()))
            out += lines[j - 1 : j]
        else:
            out += lines[i:j]
        i = j
    return out


def _collect(entries: Sequence[Entry], marks: Dict[int, List[_Mark]]) -> None:
    """Which bytes belong to which entry, by packet."""
    for entry in entries:
        for packet, a, b in entry.places:
            if a < b:
                marks.setdefault(packet, []).append((a, b, entry))
        _collect(entry.kids, marks)
