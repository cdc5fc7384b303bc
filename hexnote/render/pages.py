"""A packet's rows and notes at one go: the way of most packets.

Parts come in the order of the stream, and so do their notes: no row has to be gone back to.
"""

from __future__ import annotations

from hexnote.hints import List, Optional, Tuple
from hexnote.model import BODY, END, HEADER, MESSAGE, SIDES, WHOLE, Block, Connection, Packet, Part
from hexnote.render.carets import MARK, Carets
from hexnote.render.known import Head, HeadKey, Notes
from hexnote.render.lines import escaped
from hexnote.render.moulds import Moulds
from hexnote.render.words import SEALED, record_heading, resuming

_UNKNOWN = -1 << 62  # a stream offset before all others
_BODIES = (BODY, WHOLE)
# How the headings of a packet's records begin, by side; where there are several connections, with the number of theirs. The
# last gap is for the record's own number.
_ALONE = tuple(f"{MARK} packet %d, {side}, record %%d: ".encode("ascii") for side in SIDES)
_NUMBERED = tuple(f"{MARK} packet %d, connection %d, {side}, record %%d: ".encode("ascii") for side in SIDES)


def _who(side: int, packet: int, connection: int) -> bytes:
    """How the headings of a packet's records begin, with a gap for the record's number."""
    return _NUMBERED[side] % (packet, connection) if connection else _ALONE[side] % packet


def _under(out: List[bytes], text: bytes, below: int, stride: int, notes: Notes) -> int:
    """Adds notes with the rows above them, from `below` on; how far the text was added is returned."""
    done = below
    for down, said in notes:
        stop = below + down * stride
        out += text[done:stop], said
        done = stop
    return done


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
                    who = _who(part.side, packet.number, connection.number if connection is not None else 0)
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

    def _record(
        self, text: bytes, head: int, stride: int, table: Carets, start: int, parts: Tuple[Part, Part],
        packet: int, connection: int,
    ) -> Optional[List[bytes]]:
        """The page of a packet whose payload, at dump offset `start`, is an encrypted record like others, its beginning or its
        rest: the `parts` (see `records.Reader.sealed`). None: that is for others to say."""
        first, second = parts
        record, offset, wire = first.record, first.lo, second.hi
        assert record is not None
        out: List[bytes] = []
        done, at, body = 0, start, first
        if first.kind == HEADER:
            body, at = second, start + 5
            more = second.kind == BODY  # its body goes on in a later packet
            key: HeadKey = (first.buf, start & 15, table, record.protection, 0, record.why, "", None if more else False)
            known = self._heads.get(key) or self._head_like(key, first, None if more else second, wire)
            if known is None:
                return None
            lead = _who(first.side, packet, connection) % record.number
            size = len(lead)
            if size > known.room and size > known.short:
                return None
            below = head + ((start >> 4) + 1) * stride
            out += text[:below], lead, known.behind if size <= known.room else known.broken
            done = _under(out, text, below, stride, known.rest)
        if body.kind == BODY:
            below = head + ((at >> 4) + 1) * stride
            said, rest = self._sealed(table, at & 15, body, record, wire, offset)
            out += text[done:below], said
            done = _under(out, text, below, stride, rest)
        out.append(text[done:])
        return out

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
