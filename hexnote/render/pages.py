"""A packet's rows and notes at one go: the way of most packets.

Parts come in the order of the stream, and so do their notes: no row has to be gone back to.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from hexnote.model import BODY, END, HEADER, MESSAGE, SIDES, Block, Connection, Packet, Part
from hexnote.render.carets import MARK, Shape
from hexnote.render.moulds import Moulds
from hexnote.render.words import SEALED, record_heading, resuming

_TAILS = 4096  # headings of records that are kept


class Pages(Moulds):
    """Writes whole packets."""

    def __init__(self, width: int, palette: Optional[Dict[str, str]], full: bool) -> None:
        super().__init__(width, palette, full)
        self._tails: Dict[Tuple[int, str], str] = {}  # of headings of records, what stands behind their beginning

    def _page(self, block: Block, packet: Packet, connection: Optional[Connection], parts: List[Part]) -> bytes:
        """The block's lines with the notes on `parts` under them; b"" where it takes the general way."""
        text, layout, stride, head = block.text, block.layout, block.stride, block.head
        if not stride or layout is None or packet.offset is None or text[-1] != 10:
            return b""
        if len(parts) == 1 and parts[0].kind == BODY:
            made = self._sole(block, packet, parts[0])
            if made:
                return made
        if not text.isascii():
            return b""
        origin = block.offset + packet.offset - packet.start  # stream offset of the first byte shown
        for part in parts:
            kind = part.kind
            if kind == END:
                continue
            if kind > END or part.pieces is not None or part.buffer or not origin <= part.lo < part.hi:
                return b""
            if kind == HEADER and part.note:
                return b""
        table = self._table(text[head : head + layout.cols[0]], layout)
        if table is None:
            return b""
        page, size = text.decode("ascii"), len(text)
        pieces: List[str] = []
        done = 0  # characters of the page that are written
        shift = packet.start - packet.offset  # dump offset = stream offset + shift
        delta = shift - block.offset  # block offset = stream offset + delta
        # Stream offset where the packet's payload ends, by its headers; -1 where they are not there.
        wire = -1 if packet.ip is None or packet.note else packet.offset + packet.end - packet.start
        shape: Optional[Shape] = None
        first = True
        for part in parts:
            kind = part.kind
            if kind == END:
                continue
            lo, base = part.lo, part.base
            at = lo + delta
            below = head + ((at >> 4) + 1) * stride  # behind the row of the first new byte
            reach = wire if wire < 0 else wire - base if wire > base else 0
            if kind == HEADER and part.hi - lo == 5 and part.record is not None:
                known = self._heads_of(part, table, at & 15)
                if known is None:
                    shape = shape or Shape(block, self._table)
                    known = self._new_head(shape, shift, part, packet)
                words, more, notes = known
                record = part.record
                number = connection.number if connection is not None else 0
                who = f"connection {number}, {SIDES[part.side]}" if number else SIDES[part.side]
                lead = f"packet {packet.number}, {who}, record {record.number}:"
                if len(lead) + len(words) + 4 <= self.width and not self.palette:
                    heading = f"{MARK} {lead} {words}\n{more}"
                else:
                    heading = self._long_heading(lead, words) + more
            elif kind == BODY and len(part.fields) == 1 and part.fields[0][0].type in SEALED:
                heading = ""
                notes = self._sealed(table, at & 15, part, reach)
            else:
                shape = shape or Shape(block, self._table)
                heading = ""
                if kind == HEADER:
                    heading = "".join(self._heading(record_heading(part, connection, packet), part.record))
                elif kind == MESSAGE and part.begins:
                    heading = self._title(part)
                    if part.note:
                        heading += "".join(self._sentence(part.note, 3))
                elif kind == MESSAGE and first:
                    heading = "".join(self._heading(resuming(part, connection, packet), None))
                notes = self._message(shape, shift, part, packet, reach)
            first = False
            if heading:
                stop = below if below < size else size
                if stop > done:
                    pieces.append(page[done:stop])
                    done = stop
                pieces.append(heading)
            for down, said in notes:
                stop = below + down * stride if down else below
                if stop > done:
                    if stop > size:
                        stop = size
                    pieces.append(page[done:stop])
                    done = stop
                pieces.append(said)
        pieces.append(page[done:])
        return "".join(pieces).encode("ascii", "backslashreplace")

    def _long_heading(self, lead: str, words: str) -> str:
        """The heading of a record that takes more than a line, or has a colour; kept by what decides where its lines end."""
        key = (len(lead), words)
        behind = self._tails.get(key)
        if behind is None:
            made = "".join(self._headline(f"{lead} {words}"))
            if self.palette or not made.startswith(f"{MARK} {lead}"):
                return made
            if len(self._tails) >= _TAILS:
                self._tails.clear()
            behind = self._tails[key] = made[len(MARK) + 1 + len(lead) :]
        return f"{MARK} {lead}{behind}"

    def _sole(self, block: Block, packet: Packet, part: Part) -> bytes:
        """The same for a packet of which (a part of) one encrypted body is all there is to tell: most of a long trace."""
        node = part.fields[0][0] if part.fields else None
        if node is None or node.type not in SEALED or part.pieces is not None or part.buffer or packet.offset is None:
            return b""
        text, layout, stride, head = block.text, block.layout, block.stride, block.head
        at = part.lo + packet.start - packet.offset - block.offset
        if at < 0 or part.lo >= part.hi or layout is None:
            return b""
        table = self._table(text[head : head + layout.cols[0]], layout)
        if table is None:
            return b""
        wire = -1
        if packet.ip is not None and not packet.note:
            wire = packet.offset + packet.end - packet.start - part.base
            if wire < 0:
                wire = 0
        pieces: List[bytes] = []
        done = 0
        below = head + ((at >> 4) + 1) * stride
        for down, said in self._sealed(table, at & 15, part, wire):
            stop = below + down * stride
            pieces.append(text[done:stop])
            pieces.append(said.encode("ascii", "backslashreplace"))
            done = stop
        pieces.append(text[done:])
        return b"".join(pieces)
