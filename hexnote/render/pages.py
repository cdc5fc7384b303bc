"""A packet's rows and notes at one go: the way of most packets.

Parts come in the order of the stream, and so do their notes: no row has to be gone back to.
"""

from __future__ import annotations

from hexnote.hints import List, Optional
from hexnote.model import BODY, END, HEADER, MESSAGE, SIDES, WHOLE, Block, Connection, Packet, Part
from hexnote.render.carets import MARK
from hexnote.render.known import Head, HeadKey
from hexnote.render.lines import escaped
from hexnote.render.moulds import Moulds
from hexnote.render.words import SEALED, record_heading, resuming

_UNKNOWN = -1 << 62  # a stream offset before all others
_BODIES = (BODY, WHOLE)
# How the headings of a packet's records begin, by side; where there are several connections, with the number of theirs. The
# last gap is for the record's own number.
_ALONE = tuple(f"{MARK} packet %d, {side}, record %%d: ".encode("ascii") for side in SIDES)
_NUMBERED = tuple(f"{MARK} packet %d, connection %d, {side}, record %%d: ".encode("ascii") for side in SIDES)


class Pages(Moulds):
    """Writes whole packets."""

    def _page(self, block: Block, packet: Packet, connection: Optional[Connection], parts: List[Part], pages: List[bytes]) -> bool:
        """Adds the block's lines with the notes on `parts` under them to the pages; False where it takes the general way."""
        text, layout, stride, head, offset = block.text, block.layout, block.stride, block.head, packet.offset
        # What follows the first part lies in a buffer only if that one does, or says so itself (`BUFFER`).
        if not stride or layout is None or offset is None or text[-1] != 10 or parts[0].buffer:
            return False
        last_lead, last_layout, table = self._last_table
        if layout is not last_layout or not text.startswith(last_lead, head):
            table = self._table(text[head : head + layout.cols[0]], layout)
        if table is None:
            return False
        taught = len(self._taught)
        shift = packet.start - offset  # dump offset = stream offset + shift
        delta = shift - block.offset  # block offset = stream offset + delta
        edge = -delta  # stream offset of what is shown next
        behind = edge + len(block.data)  # and where that ends
        # Stream offset where the packet's payload ends, by its headers, if they are there.
        wire = _UNKNOWN if packet.ip is None or packet.note else packet.end - shift
        out: List[bytes] = []
        done = 0  # bytes of the page that are written
        who = b""  # how the headings of its records begin
        head += stride
        following = iter(parts)
        for part in following:
            kind = part.kind
            if kind >= END:
                if kind == END:
                    continue
                if kind != WHOLE:
                    return self._general_way(taught)
                kind = BODY
            lo, hi = part.lo, part.hi
            if lo < edge or hi <= lo:
                return self._general_way(taught)
            edge = hi
            at = lo + delta
            below = head + (at >> 4) * stride  # behind the row of the first new byte
            record = part.record
            if kind == HEADER and hi - lo == 5 and record is not None:
                if part.note:
                    return self._general_way(taught)
                body = None
                if record.encrypted:
                    edge = lo + record.length
                    if hi < edge <= behind and (edge <= wire or wire < 0) and not record.bare:
                        # It is here as a whole: its body is told with it.
                        body = next(following, None)
                        if body is None or body.kind not in _BODIES or body.lo != hi or body.hi != edge:
                            return self._general_way(taught)
                        whole: Optional[bool] = record.finished
                    else:
                        edge, whole = hi, None
                    key: HeadKey = (part.buf, at & 15, table, record.protection, record.bare, record.why, record.news, whole)
                else:
                    key = (part.buf, at & 15, table)
                known = self._heads.get(key)
                if known is None:
                    known = self._new_head(key, block, shift, part, packet, body, wire)
                if not who:
                    if connection is not None and connection.number:
                        who = _NUMBERED[part.side] % (packet.number, connection.number)
                    else:
                        who = _ALONE[part.side] % packet.number
                lead = who % record.number
                size = len(lead)
                if size <= known.room:
                    out += text[done:below], lead, known.behind
                elif size <= known.short:
                    out += text[done:below], lead, known.broken
                else:
                    out += text[done:below], self._long_heading(lead, known)
                rest = known.rest
            elif kind == BODY and record is not None and record.encrypted and part.fields[0][0].type in SEALED:
                said, rest = self._sealed(table, at & 15, part, record, wire, offset)
                out += text[done:below], said
            else:
                if hi > behind or part.pieces is not None:
                    return self._general_way(taught)
                if part.begins and part.done and hi <= wire:
                    mould = self._moulds.get((id(part.fields), hi - lo, at & 15, table, stride, part.note))
                    if mould is not None:
                        stop = mould.fill(out, done, below, text, part.buf)
                        if stop >= 0:
                            done = stop
                            continue
                heading: List[str] = []
                if kind == HEADER:
                    if part.note:
                        return self._general_way(taught)
                    heading = self._heading(record_heading(part, connection, packet), record)
                elif kind == MESSAGE and not out and not part.begins:
                    heading = self._heading(resuming(part, connection, packet), None)
                if heading:
                    out += text[done:below], escaped("".join(heading))
                    done = below
                base = part.base
                reach = wire - base if wire > base else -1 if wire < 0 else 0
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
        pages.append(b"".join(out))
        return True

    def _general_way(self, taught: int) -> bool:
        """A page turns out to take the general way."""
        self._untaught(taught)
        return False

    def _untaught(self, taught: int) -> None:
        """The notes that were taught behind the first `taught` ones were not given."""
        if len(self._taught) > taught:
            given = list(self._taught)[:taught]
            self._forget()
            self._taught.update(dict.fromkeys(given))

    def _long_heading(self, lead: bytes, head: Head) -> bytes:
        """The heading of a record that takes more lines than usual, or has a colour, with what follows up to the next row."""
        begun = lead[len(MARK) + 1 :].decode("ascii")
        return escaped("".join(self._headline(f"{begun}{head.words}"))) + head.more
