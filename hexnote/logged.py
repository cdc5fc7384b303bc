"""What a TLS library's log shows decrypted: handshake messages and alerts that no record on the wire shows.

Such bytes are a buffer of their own, named by the packet (the logged block) that shows them. They are
decoded under what the connection has agreed, and teach it nothing: on the wire they are encrypted.
"""

from __future__ import annotations

from hexnote.hints import Any, List, Optional, Sequence, Tuple
from hexnote.model import BODY, LOST, TAIL, Context, Field, Packet, Part
from hexnote.spans import Patchy

_HANDSHAKE, _DATA = 22, 23
_INNER = 0  # content: the one byte that says what an encrypted record holds (RFC 8446 section 5.2)
_LONGEST = 1 << 14  # of a body that is no message, so much is kept


class Logged:
    """One logged block. `reader` reads its messages, `messages` the body of anything else."""

    def __init__(self, packet: Packet, content: int, size: int, reader: Any, messages: Any, shape: Any = None) -> None:
        """`content`: the content type, or 0 for that type itself, told alone; `size`: how many bytes the block has in all.
        `shape`: where in it the content stands, and what else there is (a `headless_log.Shape`); None: it is all content."""
        self.packet = packet
        self.content = content
        self.size = size
        self.buffer = f"logged:{packet.number}"
        self.reader = reader
        self.messages = messages
        self.next = 0
        self._body: List[Tuple[Optional[bytes], int]] = []  # of what is no message, as far as it is kept
        self._kept = 0  # bytes of it
        self._lo: int = shape.lo if shape is not None else 0
        self._end: int = shape.hi if shape is not None and shape.hi is not None else size
        self._tail: Sequence[Tuple[str, int, Optional[int]]] = shape.tail if shape is not None else ()
        self._grows = shape is not None and shape.hi is None and not shape.size  # where it ends is seen at its end
        self._open = self._grows or any(hi is None for _, _, hi in self._tail)  # how many bytes it has is not said

    def follows(self, at: int) -> bool:
        """Whether rows that begin at dump offset `at` stand behind those before them, in the block: what lies between was left
        out."""
        start = at - self.packet.start
        return start >= self.next and (self._open or start < self.size)

    def feed(self, data: bytes, at: int) -> List[Part]:
        """Takes the next bytes, which stand at dump offset `at`; gives what became known."""
        parts: List[Part] = []
        start = at - self.packet.start
        if start > self.next:
            self._take(start, None, parts)
        self.reader.places.add(start, len(data), self.packet.number, at)
        self._take(start + len(data), data, parts)
        return self._ours(parts)

    def _take(self, stop: int, data: Optional[bytes], parts: List[Part]) -> None:
        """The bytes up to offset `stop`; `data` None: rows that were left out had them."""
        start, self.next = self.next, stop
        if data is None:
            parts.append(Part(LOST, self.reader.side, None, [], start, b"", start, stop, False, False))
        if self._grows:
            self.size = self._end = max(self.size, stop)
        lo, hi = max(start, self._lo), min(stop, self._end)
        if start < self._lo:
            parts.append(self._other([("iv", 0, self._lo)], start, data))
        if lo < hi:
            body = None if data is None else data[lo - start : hi - start]
            if self.content == _HANDSHAKE:
                self.reader.bare(lo, hi, body, parts)
            else:
                parts.append(self._whole(lo, hi, body))
        if stop > self._end:
            parts.append(self._other(self._tail or [("rest", self._end, None)], start, data))

    def close(self) -> List[Part]:
        """No more of the block will come: gives up what is incomplete."""
        parts: List[Part] = []
        if self.next < self.size and not self._open:
            self._take(self.size, None, parts)
        if self.content == _HANDSHAKE:
            self.reader.close(parts)
        elif self.next < self._end:
            part = self._whole(self.next, self.next, b"")
            part.done = True
            parts.append(part)
        return self._ours(parts)

    def _ours(self, parts: List[Part]) -> List[Part]:
        for part in parts:
            if not part.buffer:
                part.lies(self.buffer, self.reader.places)
        return parts

    def _whole(self, start: int, end: int, data: Optional[bytes]) -> Part:
        """The part for the bytes [start, end), which are of one body, all of the content."""
        room = _LONGEST - self._kept
        if room > 0 and start < end:
            self._body.append((None if data is None else data[:room], min(end - start, room)))
            self._kept += min(end - start, room)
        buf: Any = b"".join(known for known, _ in self._body if known is not None)
        if len(buf) < self._kept:
            buf = Patchy(self._body)
        fields, problems = self._fields(buf, self._end - self._lo)
        part = Part(BODY, self.reader.side, None, fields, self._lo, buf, start, end, start == self._lo, end >= self._end)
        part.problems = problems
        return part

    def _fields(self, buf: Any, size: int) -> Tuple[List[Field], List[Tuple[int, int, str]]]:
        ctx: Context = self.reader.context()
        if self.content == _INNER:
            return self.messages.inner(buf, size, ctx), ctx.problems
        if self.content == _DATA:
            whole = isinstance(buf, bytes)
            return [(self.messages.content(buf) if whole else self.messages.inside("content"), 0, size, 0, -1)], ctx.problems
        return self.messages.body(self.content, buf, size, ctx), ctx.problems

    def _other(self, ranges: Sequence[Tuple[str, int, Optional[int]]], start: int, data: Optional[bytes]) -> Part:
        """The part for what stands around the content, as far as the bytes `data` from offset `start` on have it."""
        cut = [(name, max(lo, start), self.next if hi is None else min(hi, self.next)) for name, lo, hi in ranges]
        known = [(name, lo, hi) for name, lo, hi in cut if lo < hi]
        base, end = known[0][1], known[-1][2]
        fields: List[Field] = [(self.messages.inside(name), lo - base, hi - base, 0, -1) for name, lo, hi in known]
        buf = b"" if data is None else data[base - start : end - start]
        return Part(TAIL, self.reader.side, None, fields, base, buf, base, end, True, True)
