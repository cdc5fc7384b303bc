"""A packet's rows and notes at one go: the way of most packets.

Parts come in the order of the stream, and so do their notes: no row has to be gone back to.
"""

from __future__ import annotations

from typing import List, Optional

from hexnote.model import BODY, END, HEADER, MESSAGE, SIDES, Block, Connection, Packet, Part
from hexnote.render.carets import MARK, Shape
from hexnote.render.known import Head, escaped
from hexnote.render.moulds import Moulds
from hexnote.render.words import SEALED, record_heading, resuming


class Pages(Moulds):
    """Writes whole packets."""

    def _page(self, block: Block, packet: Packet, connection: Optional[Connection], parts: List[Part]) -> bytes:
        """The block's lines with the notes on `parts` under them; b"" where it takes the general way."""
        text, layout, stride, head = block.text, block.layout, block.stride, block.head
        if not stride or layout is None or packet.offset is None or text[-1] != 10:
            return b""
        offset = block.offset
        shift = packet.start - packet.offset  # dump offset = stream offset + shift
        delta = shift - offset  # block offset = stream offset + delta
        edge = -delta  # stream offset of what is shown next
        for part in parts:
            kind = part.kind
            if kind == END:
                continue
            if kind > END or part.pieces is not None or part.buffer or not edge <= part.lo < part.hi:
                return b""
            if kind == HEADER and part.note:
                return b""
            edge = part.hi
        if edge + delta > len(block.data):
            return b""
        table = self._table(text[head : head + layout.cols[0]], layout)
        if table is None:
            return b""
        out: List[bytes] = []
        done = 0  # bytes of the page that are written
        # Stream offset where the packet's payload ends, by its headers; -1 where they are not there.
        wire = -1 if packet.ip is None or packet.note else packet.offset + packet.end - packet.start
        who = b""  # how the headings of its records begin
        first = True
        head += stride
        for part in parts:
            kind = part.kind
            if kind == END:
                continue
            lo, record = part.lo, part.record
            at = lo + delta
            below = head + (at >> 4) * stride  # behind the row of the first new byte
            if kind == HEADER and part.hi - lo == 5 and record is not None:
                key = (
                    part.buf, at & 15, table, record.encrypted, record.bare, record.protection, record.why, record.news,
                )
                known = self._heads.get(key) or self._new_head(key, Shape(block, self._table), shift, part, packet)
                if not who:
                    place = f"connection {connection.number}, " if connection is not None and connection.number else ""
                    who = f"{MARK} packet {packet.number}, {place}{SIDES[part.side]}, record ".encode("ascii")
                lead = b"%b%d: " % (who, record.number)
                if len(lead) + known.size <= self.width:
                    out += text[done:below], lead, known.behind
                elif len(lead) + known.short <= self.width:
                    out += text[done:below], lead, known.broken
                else:
                    out += text[done:below], self._long_heading(lead, known), known.more
                done = below
                rest = known.rest
            else:
                base = part.base
                reach = wire if wire < 0 else wire - base if wire > base else 0
                fields = part.fields
                if kind == BODY and len(fields) == 1 and fields[0][0].type in SEALED:
                    said, rest = self._sealed(table, at & 15, part, reach)
                    out += text[done:below], said
                    done = below
                else:
                    heading = ""
                    if kind == HEADER:
                        heading = "".join(self._heading(record_heading(part, connection, packet), record))
                    elif kind == MESSAGE and first and not part.begins:
                        heading = "".join(self._heading(resuming(part, connection, packet), None))
                    if heading:
                        out += text[done:below], escaped(heading)
                        done = below
                    done = self._message(out, done, below, block, shift, part, packet, reach)
                    rest = []
            first = False
            for down, said in rest:
                stop = below + down * stride
                out += text[done:stop], said
                done = stop
        out.append(text[done:])
        return b"".join(out)

    def _long_heading(self, lead: bytes, head: Head) -> bytes:
        """The heading of a record that takes more lines than usual, or has a colour."""
        begun = lead[len(MARK) + 1 :].decode("ascii")
        return escaped("".join(self._headline(f"{begun}{head.words}")))
