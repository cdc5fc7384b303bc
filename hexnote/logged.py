"""What a TLS library's log shows decrypted: handshake messages and alerts that no record on the wire shows.

Such bytes are a buffer of their own, named by the packet (the logged block) that shows them. They are
decoded under what the connection has agreed, and teach it nothing: on the wire they are encrypted.
"""

from __future__ import annotations

from typing import Any, List, Tuple

from hexnote.model import BODY, Context, Field, Packet, Part

_HANDSHAKE = 22
_INNER = 0  # content: the one byte that says what an encrypted record holds (RFC 8446 section 5.2)
_LONGEST = 1 << 14  # of a body that is no message, so much is kept


class Logged:
    """One logged block. `reader` reads its messages, `messages` the body of anything else."""

    def __init__(self, packet: Packet, content: int, size: int, reader: Any, messages: Any) -> None:
        """`content`: the content type, or 0 for that type itself, told alone; `size`: how many bytes the block has in all."""
        self.packet = packet
        self.content = content
        self.size = size
        self.buffer = f"logged:{packet.number}"
        self.reader = reader
        self.messages = messages
        self.next = 0
        self._body = b""

    def feed(self, data: bytes, at: int) -> List[Part]:
        """Takes the next bytes, which stand at dump offset `at`; gives what became known."""
        parts: List[Part] = []
        start, self.next = self.next, self.next + len(data)
        places = self.reader.places
        places.add(start, len(data), self.packet.number, at)
        if self.content == _HANDSHAKE:
            self.reader.bare(start, data, parts)
        else:
            parts.append(self._whole(start, data))
        return self._ours(parts)

    def close(self) -> List[Part]:
        """No more of the block will come: gives up what is incomplete."""
        parts: List[Part] = []
        if self.content == _HANDSHAKE:
            self.reader.close(parts)
        elif self.next < self.size:
            part = self._whole(self.next, b"")
            part.done = True
            parts.append(part)
        return self._ours(parts)

    def _ours(self, parts: List[Part]) -> List[Part]:
        for part in parts:
            if not part.buffer:
                part.buffer, part.places = self.buffer, self.reader.places
        return parts

    def _whole(self, start: int, data: bytes) -> Part:
        """The part for bytes that are one body."""
        self._body = (self._body + data)[:_LONGEST]
        fields, problems = self._fields()
        end = start + len(data)
        part = Part(BODY, self.reader.side, None, fields, 0, self._body, start, end, not start, end >= self.size)
        part.problems = problems
        return part

    def _fields(self) -> Tuple[List[Field], List[Tuple[int, int, str]]]:
        ctx: Context = self.reader.context()
        if self.content == _INNER:
            return self.messages.inner(self._body, self.size, ctx), ctx.problems
        return self.messages.body(self.content, self._body, self.size, ctx), ctx.problems
