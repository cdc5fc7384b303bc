"""Blocks in the making, and which packet their rows belong to.

Rows say little of themselves: an offset and bytes. A block that has no summary line begins a packet,
goes on with the last one, or shows again what was shown before; its rows are compared with those
that came before it, never with later ones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

from hexnote.geometry import BLANKS, ROW, Geometry, Piece
from hexnote.hints import Any, Callable, Deque, List, Optional, Tuple, Union
from hexnote.model import EXCERPT, MORE, PACKET, Block, Layout, Row, Whole
from hexnote.patterns import Late

TOP = 65536 + 64  # no packet has an offset from here on
PROBE = 112  # a packet's length is told by its first bytes, or not at all
ENOUGH = 2 * ROW  # by so many of them, mostly
RECENT = 16  # packets whose bytes are remembered for excerpts
LONG = 65536  # a line of more bytes, its LF included, is read in pieces
PIECE = 1024  # a stream's rows are told in blocks of so many bytes
_KEPT = 128  # pieces of one packet that are remembered

# What authors write in the place of rows that they leave out.
_ELISION = Late(
    rb"[.\xe2SsNnOoTtEeLl](?:(?<=\.)\.\.|(?<=\xe2)\x80\xa6"
    rb"|(?i:(?<=s)nip|(?<=n)ot shown|(?<=o)mitted|(?<=t)runcated|(?<=e)lided|(?<=l)eft out))")
_ELISION_WITHIN = 80  # bytes of the line may stand before that
# A summary line of tcpdump's, and how it ends; one that was wrapped goes on for so many lines at most.
_FLAGS = Late(rb": Flags \[| > [^\s:]{1,300}:?(?: F?l?a?g?s?)?\s*\Z")
_LAST = Late(rb"length \d{1,7}(?![\d\n]{0,2}\d)")
_LINES = 4
# A line that looks as a row does, whatever its digits have become.
_ROWLIKE = Late(rb"[0-9A-Fa-fOol]{4,8}:?[ \t|]{1,6}(?:[0-9A-Za-z]{2,4} {1,2}){3}")
_ROWLIKE_WITHIN = 200  # bytes of the line may stand before it
_HEXLIKE = Late(rb"[^\n]{0,100}?(?<![0-9A-Za-z])(?:[0-9a-fOl]{4} ){5,7}[0-9a-fOl]{2,4}(?![0-9A-Za-z])")
# A field of the journal, as journalctl -o export prints it beside each message.
_FIELD = Late(rb"_{0,2}[A-Z][A-Z0-9_]{1,63}=")
# A row of bytes alone that was not read.
_LISTED = Late(rb"[ \t>]{0,12}[0-9A-Fa-f]{2}(?:[ :][0-9A-Fa-f]{2}){5,15}[ :\t\r]*(?:\n|\Z)")
_SPACED = Late(rb"[ \t>]{0,12}[0-9A-Fa-f]{2}(?: [0-9A-Fa-f]{2}){5,15}[ \t\r]*(?:\n|\Z)")
# How bytes begin that can be taken for a TLS stream where nothing else says so.
_TLS = Late(rb"[\x14-\x18]\x03[\x00-\x04][\x00-\x48]|[\x80-\xbf].\x01(?:\x03[\x00-\x04]|\x00\x02)", 16)
# How a packet begins whose first row has too few bytes to tell its length: Ethernet and IP, IP and TCP.
_PACKET = Late(rb".{12}(?:\x08\x00\x45|\x86\xdd\x60)|\x45[\x00-\xfc]..[^\n]{4}[\x01-\xff]\x06", 16)


class Known:
    """What was shown of one packet: pieces of bytes in rising order of their dump offsets."""

    __slots__ = (
        "starts", "parts", "next", "total", "head", "probe", "bare", "stream", "side", "row", "open", "began", "labelled",
        "unfinished", "whole_row", "width", "unit",
    )  # fmt: skip

    def __init__(self, head: bool, base: int = 0) -> None:
        self.starts: List[int] = []
        self.parts: List[bytes] = []
        self.next = 0  # dump offset behind the last byte shown
        self.total = 0  # length of the packet, 0: cannot be told (yet)
        self.head = head  # it has a summary line
        # its first bytes, while its length is still asked for; they must be there from the first on
        self.probe: Optional[bytes] = None if base else b""
        self.bare = False  # a summary line without rows
        self.unfinished = 0  # lines that the rest of a summary line that was wrapped may still have
        self.stream = False  # its bytes are a stream's: no headers
        self.side: Optional[int] = None  # who sent them, where the rows or a label say so
        self.whole_row = False  # behind the last row another one may stand that has no offset
        self.width = ROW  # bytes of a whole row
        self.unit = ROW  # bytes between the beginnings of its rows: fewer where all of them are narrower
        self.labelled = False  # a label says whose rows follow, whatever they look like
        self.row = "row"  # the kind of the rows shown last
        self.began = ""  # the kind of those shown first
        self.open = b""  # the bytes of the last row, if the rest of it may stand on a line of its own

    def add(self, offset: int, data: bytes) -> None:
        """Takes bytes that begin at or behind `next`, or fill (part of) a hole before it."""
        if offset < self.next:
            at = bisect_right(self.starts, offset)
            self.starts.insert(at, offset)
            self.parts.insert(at, data)
        else:
            self.starts.append(offset)
            self.parts.append(data)
            self.next = offset + len(data)
        if len(self.parts) > _KEPT:
            del self.starts[0], self.parts[0]

    def hole(self, offset: int) -> int:
        """How many bytes from `offset` on were left out, between others that were shown; 0: none."""
        at = bisect_right(self.starts, offset)
        if not 0 < at < len(self.starts) or self.starts[at - 1] + len(self.parts[at - 1]) > offset:
            return 0
        return self.starts[at] - offset

    @property
    def unplaced(self) -> bool:
        """Whether they are a stream's, in rows that have no offsets."""
        return self.stream and self.began == "bare"

    @property
    def whole(self) -> bool:
        """Whether all of the packet's bytes up to its length were shown."""
        return 0 < self.total <= self.next

    def agreed(self, offset: int, data: bytes) -> int:
        """How many of the bytes `data` at `offset` were shown before just so, counted from the first."""
        at, size = offset, len(data)
        index = bisect_right(self.starts, at) - 1
        if index < 0:
            return 0
        done = 0
        while index < len(self.starts) and self.starts[index] <= at and done < size:
            part = self.parts[index]
            begin = at - self.starts[index]
            known = part[begin : begin + size - done]
            if not known:
                break
            wanted = data[done : done + len(known)]
            if known != wanted:
                low, high = 0, len(known)
                while high - low > 1:
                    middle = (low + high) // 2
                    if known[low:middle] == wanted[low:middle]:
                        low = middle
                    else:
                        high = middle
                return done + low
            done += len(known)
            at += len(known)
            index += 1
        return done


class Label:
    """What a label says of the bytes of a stream that follow it."""

    __slots__ = ("side", "size", "message")

    def __init__(self, side: Optional[int], size: int, message: bool) -> None:
        self.side = side  # who sent them
        self.size = size  # how many there are, 0: it does not say
        self.message = message  # a record header, or what a record holds


class Draft:
    """A block while its rows are still coming."""

    __slots__ = (
        "kind", "line", "lines", "text", "head", "weak", "offset", "next", "fresh", "data", "geometry",
        "closed", "rows", "blanked", "dress", "known", "rivals", "done", "row", "stream", "label", "filling", "broken",
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
        self.row = "row"  # the kind of its rows
        self.stream = False  # the rows are a stream's, unless an IP header is found in them
        self.label: Optional[Label] = None  # what the head says, if it is a label
        self.filling = False  # rows that stand too late, in a hole of their packet
        self.broken = False  # the next row says that some were left out

    def begin(self, head: bytes, weak: bool, dress: str) -> None:
        """Takes the head, whose text is in the draft's."""
        self.head = len(head)
        self.lines = head.count(b"\n") or 1
        self.weak = weak
        self.dress = dress

    @property
    def full(self) -> bool:
        """Whether enough of a stream is here to be told. Not where the last byte may be but a filler: see `trim`."""
        return self.stream and self.next - self.offset >= PIECE and (self.row != "word" or self.data[-1][-1] != 0)

    @property
    def whole_row(self) -> bool:
        """Whether the last row has all of its bytes: 16 of them, or up to a line feed, where a program breaks rows."""
        size = self.rows[-1].size if self.rows else ROW - (-self.next % ROW)
        return size == ROW or self.data[-1][-1:] == b"\n"

    @property
    def unit(self) -> int:
        """Bytes of each row but the last one, where they are fewer than usual; 0: they are not, or that cannot be told."""
        sizes = {row.size for row in self.rows[:-1]} if self.rows else set()
        return min(sizes) if len(sizes) == 1 and max(sizes) < ROW else 0

    @property
    def width(self) -> int:
        """Bytes of a whole row: those of the last one, where it is wider than usual."""
        return max(ROW, self.rows[-1].size) if self.rows else ROW

    def trim(self, count: int) -> None:
        """Takes the last bytes off: they fill a last number of which not all bytes are there."""
        if self.rows and 0 < count < min(8, self.rows[-1].size) and not any(self.data[-1][-count:]):
            self.data[-1] = self.data[-1][:-count]
            self.next -= count
            last = self.rows[-1]
            layout = Layout(last.layout.cols[: last.size - count], last.layout.text)
            self.rows[-1] = last._replace(size=last.size - count, layout=layout)

    def ended(self) -> bytes:
        """The bytes of the last row, if it has less than 16 and no text: the rest of it may follow."""
        rest = self.next % ROW
        if self.next < 0 or not rest or self.row == "whole" or len(self.data[-1]) < rest:
            return b""
        if self.rows and self.rows[-1].size > ROW:
            return b""
        text = self.rows[-1].layout.text if self.rows else self.geometry.txt if self.geometry is not None else -1
        return b"" if text >= 0 else self.data[-1][-rest:]

    def take(self, piece: Piece, length: int) -> None:
        """Appends the rows of `piece`, whose text has `length` bytes."""
        if self.next < 0:
            self.row = piece.kind
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
        self.lines += 1 if piece.geometry is None else (len(piece.data) + ROW - 1) // ROW
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
            if len(data) < ROW:
                layout = Layout(layout.cols[: len(data)], layout.text)
        elif rows is None:
            rows = []
        text = self.text[0] if len(self.text) == 1 else b"".join(self.text)
        block = Block(self.kind, self.line, text, self.head)
        block.offset, block.fresh, block.data, block.dress = self.offset, self.fresh, data, self.dress
        block.stride, block.rows, block.layout, block.blanked = stride, rows, layout, self.blanked
        if self.known is not None:
            block.payload = self.known.stream
            block.side = self.known.side
        if self.label is not None:
            block.message = self.label.message
            block.declared = self.label.size or None
            if self.broken:
                block.broken = True
        if self.known is not None and self.known.unplaced:
            block.unplaced, block.declared = True, self.known.total or None
        block.loose = self.row == "whole" or block.unplaced and not block.declared
        return block


class Past:
    """What rows have shown so far: tells which packet the next ones belong to."""

    def __init__(self, measure: Callable[[bytes], int], usual: Callable[[bytes], Any]) -> None:
        self.measure, self.usual = measure, usual
        self._current: Optional[Known] = None
        # Known, or, as long as nobody asks, (all bytes, length) of a packet.
        self._recent: Deque[Union[Known, Tuple[bytes, int]]] = deque(maxlen=RECENT)
        self._apart = False  # something stands between that packet's last row and here
        self._brief = False  # it is one line, short enough for the rest of a row's text that was wrapped
        self._strange = 0  # lines of it that are neither blank nor indented
        self._spoilt = 0  # lines of it that look as a row does
        self._elided = False  # one of them says that rows were left out
        self._listed = False  # the line above is a row of bytes that was not read
        self.lacking = False  # the lines of digits above end in the midst of a TLS record
        self._spaced = False  # between its rows there were blank lines

    def prose(self, text: bytes) -> None:
        """Notes that a line of prose stands behind the rows of the packet."""
        self._brief = not self._apart and 0 < len(text.strip()) <= ROW
        self._apart = True
        self._listed = _LISTED.match(text) is not None
        if self._current is not None and self._current.unfinished and text.strip():
            self._current.unfinished = 0 if _LAST.search(text) else self._current.unfinished - 1
        elif text[0] not in BLANKS and _FIELD.match(text) is None:
            self._strange += 1
        if len(text) < 200 and _within_reach(_ELISION, text, _ELISION_WITHIN):
            self._elided = True
        if _within_reach(_ROWLIKE, text, _ROWLIKE_WITHIN):
            self._spoilt += 1

    def misses(self, text: bytes, pos: int) -> bool:
        """Whether the line at `pos` looks like a row where rows of a packet are still to come."""
        current = self.current
        if current is None or current.whole:
            return False
        if current.stream:
            return current.labelled and current.total > 0 and _SPACED.match(text, pos) is not None
        return self._strange <= self._spoilt and _HEXLIKE.match(text, pos) is not None

    @property
    def any_rows(self) -> bool:
        """Whether any rows were read."""
        return bool(self._recent)

    def packet(self, data: bytes, total: int) -> None:
        """Notes a packet with a head, all of which was shown by one block from offset 0 on."""
        self._listed = False
        self._recent.append((data, total))
        self._current = None
        self._spaced = self._spaced and len(data) <= ROW
        self._apart, self._strange, self._spoilt, self._elided = False, 0, 0, False

    def packets(self, shown: List[Whole]) -> None:
        """Notes such packets, as `Packets` has them."""
        self._recent.extend([(data, len(data)) for _, _, _, data, _ in shown[-RECENT:-1]])
        last = shown[-1][3]
        self.packet(last, len(last))

    @property
    def current(self) -> Optional[Known]:
        """The packet begun last."""
        if self._current is None and self._recent:
            self._current = self._known(len(self._recent) - 1)
        return self._current

    @current.setter
    def current(self, known: Known) -> None:
        self._current = known

    def _known(self, index: int) -> Known:
        """One of the recent packets."""
        known = self._recent[index]
        if isinstance(known, tuple):
            data, total = known
            known = Known(True)
            known.total, known.probe = total, None
            known.add(0, data)
            self._recent[index] = known
        return known

    def end(self, draft: Draft) -> None:
        """Notes a block that has ended; tells what it is, if that was open still."""
        self._listed = False
        if draft.next < 0:
            draft.kind = PACKET
            head = draft.known if draft.known is not None else Known(True)
            head.bare = True
            text = b"".join(draft.text)
            head.unfinished = _LINES if _FLAGS.search(text) and not _LAST.search(text) else 0
            self.current = head
            self._apart, self._strange, self._spoilt, self._elided = False, 0, 0, False
            return
        if draft.kind < 0:
            # All of it was shown before: an excerpt; but tools that print no heads print a frame seen twice so.
            again = draft.done and not draft.offset and self._apart and not self._strange
            draft.kind = PACKET if again and not any(known.head for known in draft.rivals) else EXCERPT
        known = draft.known
        if draft.kind == EXCERPT or known is None:
            self._apart = True
            self._strange += 2
            return
        data = b"".join(draft.data)
        if draft.stream and not known.total:
            known.stream = True
        if len(data) > ROW or draft.kind == MORE:
            self._spaced = draft.kind == MORE and len(data) <= ROW and self._apart and not self._strange
        known.row, known.open, known.whole_row, known.width = draft.row, draft.ended(), draft.whole_row, draft.width
        known.unit = draft.unit or known.unit
        known.began = known.began or draft.row
        known.add(draft.fresh, data[draft.fresh - draft.offset :])
        if draft.kind == PACKET or known.bare:
            known.bare = False
            self._recent.append(known)
        self.current = known
        self._apart, self._strange, self._spoilt, self._elided = False, 0, 0, False

    def fits(self, draft: Optional[Draft], piece: Piece) -> bool:
        """Whether rows go on with the draft, or may begin a block where there is none."""
        offset = piece.offset
        current = self.current
        if offset + len(piece.data) > TOP:
            # Only a stream is longer; and it goes on, or is none.
            before = draft if draft is not None else current
            if piece.kind == "row" or before is None or offset != before.next:
                return False
        if draft is not None:
            if draft.next >= 0:
                if piece.kind == "whole":
                    return draft.row == "whole" and not piece.begins and self._same(draft, piece)
                if draft.filling and (draft.known is None or draft.known.hole(offset) < min(ROW, len(piece.data))):
                    return False
                return offset == draft.next and self._same(draft, piece)
            if piece.kind == "whole":
                return piece.begins or draft.label is not None or self.begins(piece.data)
            return piece.sound and (
                not offset or (not draft.weak and draft.label is None and (piece.sure or offset % ROW == 0))
            )
        if piece.kind == "under":
            near = current is not None and (not self._apart or (self._brief and current.whole_row))
            return near and current is not None and current.row in ("under", "data") and offset == current.next
        if piece.kind == "whole" and current is not None and current.row == "whole" and current.whole and not current.stream:
            if any(piece.data in part for part in current.parts):
                return False  # what a packet carries, shown again
        if self._listed and piece.kind == "whole" and len(piece.data) <= ROW and not piece.begins:
            return False  # the midst of a dump whose first rows were not read
        if piece.kind in ("whole", "word", "memory"):
            headed = piece.kind == "memory" and current is not None and current.bare and self._joins(current, offset)
            goes_on = piece.kind == "whole" and ((self.lacking and not self._strange) or (piece.begins and piece.margin < 0))
            later = bool(offset) and (piece.kind != "word" or (current is not None and current.row == "word"))
            return later or headed or goes_on or self._under_way(current) or self.begins(piece.data)
        if current is not None and not current.bare and self._joins(current, offset) and offset == current.next:
            return True
        if not piece.sound or (current is not None and current.row == "memory" and piece.kind == "row" and not piece.sure):
            return False  # the last digits of an address are no offset
        if self._fills(piece):
            return True
        if piece.sure or (not offset and (len(piece.data) >= ROW or _record(piece.data) or self._narrow(piece))):
            return True
        if current is not None and current.bare and (self._joins(current, offset) or self._beheaded(current, piece)):
            return True
        if current is not None and not current.bare and not current.whole and 0 < offset - current.next <= 4096:
            # A row may end in its midst: it was cut, or another program has printed there.
            return (offset - current.next) % current.unit == 0 or offset % current.unit == 0
        return bool(self._shown(piece))

    def _narrow(self, piece: Piece) -> bool:
        """Whether a row may be the first of a dump whose rows have fewer than 16 bytes: it begins a TLS stream or a packet."""
        data = piece.data
        return len(data) >= ROW // 2 and piece.dress != "log" and (
            _TLS.match(data) is not None or _PACKET.match(data) is not None)

    def _beheaded(self, current: Known, piece: Piece) -> bool:
        """Whether a row stands under a label of which the first rows were left out: right under it, or where the label says how
        many bytes there are. Another program may have printed in the midst of the first row."""
        near = not self._apart or 0 < piece.offset + len(piece.data) <= current.total
        return (
            current.stream and current.bare and near and piece.kind == "data" and not piece.sure
            and piece.offset > 0 and not piece.offset % ROW and _within(current, piece.offset)
        )

    def _fills(self, piece: Piece) -> bool:
        """Whether a row stands right behind rows that should follow it: two have changed places."""
        current = self.current
        if current is None or current.stream or self._apart or piece.offset >= current.next or piece.kind != "row":
            return False
        return current.hole(piece.offset) >= min(ROW, len(piece.data))

    def repeatable(self) -> Tuple[bytes, int, str]:
        """(bytes, the offset behind them, kind) of the last row of a stream that goes on here; else no bytes."""
        current = self.current
        if current is None or not current.stream or self._apart or not current.parts:
            return b"", 0, ""
        return current.parts[-1][-current.width :], current.next, current.row

    def listing(self) -> bool:
        """Whether rows without offsets go on here: those of a stream, the last of which was a whole one."""
        current = self.current
        return current is not None and current.stream and current.row == "bare" and not self._apart and current.whole_row

    def running(self) -> bool:
        """Whether rows of bytes alone go on here, right behind those that were told, for they were many."""
        current = self.current
        return current is not None and current.stream and current.row == "whole" and not self._apart

    def lacks(self, name: str) -> bool:
        """Whether a line of `advice` stands where bytes should: for -A that is directly below a head."""
        current = self.current
        return not name.startswith("ASCII_") or (current is not None and current.bare and not self._strange)

    def _under_way(self, current: Optional[Known]) -> bool:
        """Whether lines of digits may go on: with a label seen just now, or behind such lines."""
        if current is None:
            return False
        return current.stream and self._joins(current, 0) if current.bare else current.row == "whole" and not self._apart

    def place(self, piece: Piece) -> int:
        """The dump offset of a line that has none and begins a block: it may go on with the last one."""
        current = self.current
        if current is None or current.row != "whole" or self._apart or piece.begins or current.whole:
            return 0
        return current.next if piece.side is None or piece.side == current.side else 0

    def begins(self, data: bytes) -> bool:
        """Whether bytes of which nothing else is known begin a packet or a TLS stream."""
        if _TLS.match(data) is not None or _PACKET.match(data) is not None:
            return True
        # One hash in a hundred begins as IP's header does: its checksum vouches for it.
        size = (data[0] & 15) * 4 if data and 0x45 <= data[0] <= 0x4F else 0
        return self.measure(data[:PROBE]) > 0 and (len(data) >= size and not int.from_bytes(data[:size], "big") % 0xFFFF)

    def _same(self, draft: Draft, piece: Piece) -> bool:
        """Whether the rows are of the same end as the draft's."""
        known = draft.known
        return piece.side is None or known is None or known.labelled or known.side in (None, piece.side)

    def _joins(self, current: Known, offset: int) -> bool:
        """Whether rows at `offset` surely go on with the current packet."""
        ahead = offset - current.next
        if current.bare:
            if 0 < ahead <= ROW * self._spoilt:
                return self._strange <= self._spoilt
            return self._strange <= 1 and (ahead == 0 or self._elided)
        if ahead == 0:
            return not (current.whole and self._apart)
        return ahead > 0 and not self._apart and _within(current, offset)

    def _shown(self, piece: Piece) -> List[Known]:
        """The packets that have shown the first row before; the current one also where the row goes on with it."""
        row = piece.data[:ROW]
        found = []
        for known in map(self._known, range(len(self._recent))):
            agreed = known.agreed(piece.offset, row)
            if agreed == len(row) or (known is self.current and _goes_on(known, piece.offset, agreed)):
                found.append(known)
        return found

    def _decide(self, draft: Draft, piece: Piece) -> None:
        """Tells what a block is by its first row, as far as that can be told: else there are rivals."""
        offset = piece.offset
        current = self.current
        draft.fresh = offset
        joins = False
        if not draft.head and current is not None and not piece.begins and (
            piece.side is None or current.side is None or current.labelled or piece.side == current.side
        ):
            draft.filling = self._fills(piece)
            joins = draft.filling or self._joins(current, offset) or self._beheaded(current, piece)
            if not joins and offset > current.next and len(piece.data) < ROW:
                # A short row is likely to have been shown elsewhere too; here it ends the packet.
                at_end = offset + len(piece.data) == current.total or self._strange <= 1
                joins = at_end and not (current.bare or current.whole) and _within(current, offset)
            if not joins and not (self._spaced and not offset and current.whole and not self._strange):
                draft.rivals = self._shown(piece)
                joins = not (draft.rivals or current.bare) and offset > current.next and _within(current, offset)
        if joins:
            draft.kind, draft.known = MORE, current
            return
        if not draft.rivals:
            draft.kind = PACKET
        if draft.known is None and (draft.kind == PACKET or not offset):
            draft.known = Known(draft.head > 0, offset)
            draft.known.side = piece.side

    def take(self, draft: Draft, piece: Piece, start: int) -> int:
        """Adds rows, whose text begins at `start`, to a draft that they fit; gives where their text ends.

        Rows beyond the packet's length are left.
        """
        if draft.next < 0:
            stream = piece.kind not in ("row", "memory") or (piece.kind == "memory" and _TLS.match(piece.data) is not None)
            draft.stream = stream and not (draft.head and draft.label is None)
            self._decide(draft, piece)
        if draft.known is not None:
            if draft.filling:
                piece = _fit(draft.known, piece, start)
            piece = self._clip(draft, draft.known, piece, start)
        if draft.kind < 0:
            self._resolve(draft, piece)
            if draft.kind == MORE and draft.known is not None:
                piece = self._clip(draft, draft.known, piece, start)
        draft.take(piece, piece.stop - start)
        return piece.stop

    def _clip(self, draft: Draft, known: Known, piece: Piece, start: int) -> Piece:
        """Leaves the rows behind the one that reaches the packet's length, where it is reached now."""
        offset, size = piece.offset, len(piece.data)
        if known.probe is not None:
            self._probe(known, offset, piece.data)
        before = known.next if draft.kind == MORE and draft.next < known.next else draft.next
        if not known.total or before >= known.total or offset + size < known.total:
            return piece
        draft.done = True
        needed = (known.total - offset + ROW - 1) // ROW * ROW
        if 0 < needed < size and piece.geometry is not None:
            stop = start + needed // ROW * piece.geometry.stride
            return piece._replace(data=piece.data[:needed], stop=stop)
        return piece

    def _probe(self, known: Known, offset: int, data: bytes) -> None:
        """Asks for the packet's length at the end of each row, until it is known or cannot be."""
        probe = known.probe or b""
        skip = len(probe) - offset
        if not 0 <= skip < len(data):
            return
        probe += data[skip : max(0, PROBE - offset)]
        known.total = self._asked(probe, offset + skip // ROW * ROW, offset + len(data))
        known.probe = probe if not known.total and len(probe) < PROBE else None

    def length(self, data: bytes, last: int) -> int:
        """The length of a packet of which the first `last` bytes are there; or 0."""
        total = self.measure(data[:ENOUGH]) if last >= ENOUGH else 0
        return total if 0 < total <= TOP else self._asked(data, 0, last)

    def _asked(self, data: bytes, end: int, last: int) -> int:
        """The packet's length by its first bytes, asked for at the ends of rows behind `end` up to `last`; or 0."""
        total = 0
        while not total and end < last and end < PROBE:
            end = min(end + ROW, last)
            if end > ROW:
                total = self.measure(data[:end])
        return total if 0 < total <= TOP else 0

    def _resolve(self, draft: Draft, piece: Piece) -> None:
        """Looks whether rows go on to repeat what was shown; tells what the block is where they do not."""
        current, offset, data = self.current, piece.offset, piece.data
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


def _record(data: bytes) -> bool:
    """Whether bytes are a TLS record, whole, or several."""
    size = 5 + int.from_bytes(data[3:5], "big")
    return _TLS.match(data) is not None and data[1] == 3 and 5 < size <= len(data)


def _fit(known: Known, piece: Piece, start: int) -> Piece:
    """Of rows that fill a hole, those that lie in it."""
    room = known.hole(piece.offset)
    if len(piece.data) > room and piece.geometry is not None:
        whole = room // ROW
        return piece._replace(data=piece.data[: whole * ROW], stop=start + whole * piece.geometry.stride)
    return piece


def _within_reach(pattern: Late[bytes], text: bytes, reach: int) -> bool:
    """Whether a match of the pattern is in the text's first line, with no more bytes before it."""
    match = pattern.search(text, 0, text.find(b"\n") + 1 or len(text))
    return match is not None and match.start() <= reach


def _within(known: Known, offset: int) -> bool:
    """Whether a packet may have bytes at `offset` that were not shown."""
    return offset < known.total if known.total else True


def _goes_on(known: Known, offset: int, agreed: int, size: int = ROW) -> bool:
    """Whether `size` bytes at `offset`, of which `agreed` were shown, repeat a packet's last ones and go on."""
    return 0 < agreed < size and offset + agreed == known.next and not known.whole
