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

_NO_PAGE: List[bytes] = []  # not to be added to
_UNKNOWN = -1 << 62  # a stream offset before all others


class Pages(Moulds):
    """Writes whole packets."""

    def _page(self, block: Block, packet: Packet, connection: Optional[Connection], parts: List[Part]) -> List[bytes]:
        """The block's lines with the notes on `parts` under them, in pieces; none where it takes the general way."""
        text, layout, stride, head = block.text, block.layout, block.stride, block.head
        if not stride or layout is None or packet.offset is None or text[-1] != 10:
            return _NO_PAGE
        last_lead, last_layout, table = self._last_table
        if layout is not last_layout or text[head : head + layout.cols[0]] != last_lead:
            table = self._table(text[head : head + layout.cols[0]], layout)
        if table is None:
            return _NO_PAGE
        taught = len(self._taught)
        shift = packet.start - packet.offset  # dump offset = stream offset + shift
        delta = shift - block.offset  # block offset = stream offset + delta
        edge = -delta  # stream offset of what is shown next
        behind = edge + len(block.data)  # and where that ends
        # Stream offset where the packet's payload ends, by its headers, if they are there.
        wire = _UNKNOWN if packet.ip is None or packet.note else packet.end - shift
        out: List[bytes] = []
        done = 0  # bytes of the page that are written
        who = b""  # how the headings of its records begin
        head += stride
        for part in parts:
            kind = part.kind
            if kind >= END:
                if kind == END:
                    continue
                return self._general_way(taught)
            lo, hi = part.lo, part.hi
            if lo < edge or hi <= lo or part.pieces is not None or part.buffer:
                return self._general_way(taught)
            edge = hi
            record = part.record
            at = lo + delta
            below = head + (at >> 4) * stride  # behind the row of the first new byte
            if kind == HEADER and hi - lo == 5 and record is not None:
                if part.note:
                    return self._general_way(taught)
                key = (part.buf, at & 15, table, record.encrypted, record.bare, record.protection, record.why, record.news)
                known = self._heads.get(key) or self._new_head(key, Shape(block, self._table), shift, part, packet)
                if not who:
                    where = f"connection {connection.number}, " if connection is not None and connection.number else ""
                    who = f"{MARK} packet {packet.number}, {where}{SIDES[part.side]}, record ".encode("ascii")
                lead = b"%b%d: " % (who, record.number)
                room = self.width - len(lead)
                if known.size <= room:
                    out += text[done:below], lead, known.behind
                elif known.short <= room:
                    out += text[done:below], lead, known.broken
                else:
                    out += text[done:below], self._long_heading(lead, known), known.more
                rest = known.rest
            else:
                base, fields = part.base, part.fields
                reach = wire - base if wire > base else -1 if wire < 0 else 0
                if kind == BODY and len(fields) == 1 and fields[0][0].type in SEALED and record is not None:
                    said, rest = self._sealed(table, at & 15, part, record, reach)
                    out += text[done:below], said
                else:
                    heading: List[str] = []
                    if hi > behind or kind == HEADER and part.note:
                        return self._general_way(taught)
                    if kind == HEADER:
                        heading = self._heading(record_heading(part, connection, packet), record)
                    elif kind == MESSAGE and not out and not part.begins:
                        heading = self._heading(resuming(part, connection, packet), None)
                    if heading:
                        out += text[done:below], escaped("".join(heading))
                        done = below
                    done = self._message(out, done, below, block, shift, part, packet, reach)
                    continue
            done = below
            for down, said in rest:
                stop = below + down * stride
                out += text[done:stop], said
                done = stop
        if edge > behind:
            return self._general_way(taught)
        out.append(text[done:])
        return out

    def _general_way(self, taught: int) -> List[bytes]:
        """A page turns out to take the general way: the notes that it taught behind the first `taught` ones were not given."""
        if len(self._taught) > taught:
            given = list(self._taught)[:taught]
            self._forget()
            self._taught.update(dict.fromkeys(given))
        return _NO_PAGE

    def _long_heading(self, lead: bytes, head: Head) -> bytes:
        """The heading of a record that takes more lines than usual, or has a colour."""
        begun = lead[len(MARK) + 1 :].decode("ascii")
        return escaped("".join(self._headline(f"{begun}{head.words}")))
