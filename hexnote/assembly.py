"""Handshake messages joined out of what records hold (RFC 8446 section 5.1, RFC 5246 section 6.2.1).

A message may take several records, a record may hold several messages. One that came at once is not decoded where one of its
form came before; one that is incomplete is decoded as far as its bytes go, and told anew when there are more of them.
"""

from __future__ import annotations

from hexnote.hints import Any, List, Optional, Tuple
from hexnote.messages import Messages, message_name
from hexnote.model import BODY, BUFFER, MESSAGE, SIDES, Context, Field, Form, Message, Part, Record
from hexnote.session import CLIENT_HELLO, CLIENT_KEY_EXCHANGE, SERVER_HELLO, SERVER_KEY_EXCHANGE, Session
from hexnote.spans import Hole, Patchy

COMPRESSED_CERTIFICATE = 25
# A message longer than this is stepped over by its length, not kept.
MESSAGE_CAP = 1 << 20
# A message in more pieces than this is stepped over from there on: where they all lie takes more room than what they hold.
PIECES = 4096
# How often an incomplete message is decoded anew for free; later only when it grew by an eighth.
FREE_DECODES = 64

# What the body of a record is.
OPAQUE, SMALL, MESSAGES, UNDECIDED, UNREAD = range(5)



class Assembly:
    """The messages of one direction; a `records.Reader` has them."""

    __slots__ = (
        "stream", "side", "session", "messages", "ctx", "record", "_mode", "_message", "_chunks", "_size", "_skip", "_holes",
        "_total", "_decodes", "_decoded",
    )

    def __init__(self, stream: int, side: int, session: Session, messages: Messages) -> None:
        self.stream = stream
        self.side = side
        self.session = session
        self.messages = messages
        self.ctx = Context()
        self.record: Optional[Record] = None  # the one at hand
        self._mode = 0  # of the record: OPAQUE, SMALL, MESSAGES, UNDECIDED, UNREAD
        self._message: Optional[Message] = None
        self._chunks: List[Tuple[Optional[bytes], int]] = []  # of the incomplete message
        self._size = 0  # bytes in _chunks
        self._skip = 0  # bytes of a message that are to come and are stepped over
        self._holes = False
        self._total = -1  # whole length of the message, -1: its header is incomplete
        self._decodes = 0
        self._decoded = 0  # bytes of the message that were decoded

    def context(self) -> Context:
        """What the formats may ask, as it stands now."""
        ctx = self.ctx
        ctx.version = self.session.version or self.session.offered or 0x0303
        ctx.key_exchange = self.session.key_exchange
        ctx.sender = SIDES[self.side]
        ctx.certificate_type = self.session.certificate_types[self.side]
        ctx.problems = []
        return ctx

    def _handshake(self, record: Optional[Record], lo: int, hi: int, data: Optional[bytes], parts: List[Part]) -> None:
        """Bytes [lo, hi) of the stream belong to handshake messages in clear."""
        pos = lo
        if self._skip:
            pos = min(lo + self._skip, hi)
            self._skip -= pos - lo
            fields: List[Field] = [(self.messages.skipped, 0, pos - lo, 0, -1)]
            parts.append(Part(BODY, self.side, record, fields, lo, data or b"", lo, pos, True, True))
            if pos == hi:
                return
            lo, data = pos, None if data is None else data[pos - lo :]
        if self._message is None and data is not None:
            # Most messages lie whole in what came at once: no need to keep anything.
            while hi - pos >= 4:
                at = pos - lo
                total = 4 + (data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3])
                if pos + total > hi:
                    break
                self._tell_whole(record, pos, data if total == hi - lo else data[at : at + total], parts)
                pos += total
        while pos < hi:
            pos = self._collect(record, pos, hi, None if data is None else data[pos - lo :], parts)

    def _collect(self, record: Optional[Record], pos: int, hi: int, data: Optional[bytes], parts: List[Part]) -> int:
        """Add bytes to the incomplete message; the stream offset behind those taken is returned."""
        message = self._message
        begins = message is None
        if message is None:
            message = self._message = Message(self.stream, self.side, pos)
            self._chunks, self._size, self._total, self._holes = [], 0, -1, False
            self._decodes = self._decoded = 0
        take = hi - pos
        if self._total < 0:
            take = min(take, 4 - self._size)
        else:
            take = min(take, self._total - self._size)
        if self._total < 0 and data is None:
            # Its length is lost: the rest of the record cannot be cut into messages.
            take = hi - pos
        extend(message.pieces, self._size, pos, take)
        capped = self._total > MESSAGE_CAP and self._size >= 4
        if data is None:
            self._holes = True
            message.missing += take
            self._chunks.append((None, take))
        elif capped:
            # The header is all that is kept, whichever pieces it came in.
            self._chunks = [(bytes(join(self._chunks)[:4]), 4)]
        else:
            self._chunks.append((data[:take], take))
        self._size += take
        after = pos + take
        if self._total < 0:
            if self._size < 4 and not self._holes:
                self._tell(message, join(self._chunks), 4, pos, after, begins, False, parts)
                return after
            if self._holes:
                self._tell_lost(message, pos, after, begins, parts)
                return after
            head = b"".join(d for d, _ in self._chunks if d is not None)
            self._total = message.length = 4 + (head[1] << 16 | head[2] << 8 | head[3])
            if after < hi and self._size < self._total:
                # Go on at once, so that header and body are told together.
                rest = self._collect(record, after, hi, None if data is None else data[take:], parts)
                if parts and parts[-1].message is message:
                    parts[-1].lo = pos
                    parts[-1].begins = begins
                return rest
        done = self._size >= self._total
        broken = not done and len(message.pieces) >= PIECES
        over = done or broken
        if broken:
            self._skip = self._total - self._size
        if broken or capped or (done and self._total > MESSAGE_CAP):
            head = join(self._chunks)[:4]
            message.type, message.name = head[0], message_name(head[0])
            fields = self.messages.skip(head, self._size if broken else self._total, self.context())
            # Of the pieces those with the header and the new one are enough, until it is told for the last time.
            pieces = _scattered(message) if over or len(message.pieces) < 6 else [*message.pieces[:4], message.pieces[-1]]
            parts.append(Part(MESSAGE, self.side, record, fields, message.offset, head, pos, after, begins, over, message, pieces))
        elif done or self._decodes < FREE_DECODES or self._size >= self._decoded + (self._decoded >> 3):
            self._decodes += 1
            self._decoded = self._size
            self._tell(message, join(self._chunks), self._total, pos, after, begins, done, parts)
        else:
            pieces = _scattered(message)
            parts.append(Part(MESSAGE, self.side, record, [], message.offset, b"", pos, after, begins, False, message, pieces))
        if over:
            self._message = None
            self._chunks = []
        return after

    def _tell_whole(self, record: Optional[Record], at: int, buf: bytes, parts: List[Part]) -> None:
        """A message that came at once, from stream offset `at` on. It is not decoded where one of its form came before."""
        total, kind, side, session = len(buf), buf[0], self.side, self.session
        name, version, key_exchange = message_name(kind), session.version, session.key_exchange
        if kind == SERVER_HELLO:
            name = session.message_kind(name, buf)
        elif version is None and kind != CLIENT_HELLO and record is not None:
            version = record.version
        version = version or session.offered or 0x0303
        form = self.messages.known(buf, name, version, key_exchange, SIDES[side], session.certificate_types[side])
        message = Message(self.stream, side, at, total, kind, name)
        message.pieces.append((0, at, total))
        if form is None or kind == COMPRESSED_CERTIFICATE:
            self._tell(message, buf, total, at, at + total, True, True, parts)
            return
        part = Part(MESSAGE, side, record, form, at, buf, at, at + total, True, True, message)
        if key_exchange == "unknown" and kind in (SERVER_KEY_EXCHANGE, CLIENT_KEY_EXCHANGE):
            part.note = session.why_unknown()
        parts.append(part)
        session.learn(side, kind, buf, record.version if record is not None else None, form)

    def _tell(self, message: Message, buf: Any, total: int, lo: int, hi: int, begins: bool, done: bool, parts: List[Part]) -> None:
        """Decode a message as far as its bytes go, and learn from it when it is complete."""
        ctx = self.context()
        try:
            kind = buf[0] if len(buf) else -1
            name = message_name(kind)
            message.type, message.name = kind, name
            decoded_as = self.session.message_kind(name, buf)
        except Hole:
            decoded_as = message.name
            kind = message.type
        if kind < 0:
            return
        if self.session.version is None and kind not in (CLIENT_HELLO, SERVER_HELLO) and self.record is not None:
            # RFC 5246 appendix E.1: records behind the hellos say the version that was agreed.
            ctx.version = self.record.version or ctx.version
        if len(buf) < 4:
            fields = [f for f in self.messages.message(buf, 4, ctx, -1, name) if f[1] < 4 and f[1] < f[2]]
        else:
            fields = self.messages.message(buf, total, ctx, kind, decoded_as)
        if decoded_as == "hello_retry_request":
            message.name = decoded_as
        part = Part(MESSAGE, self.side, self.record, fields, message.offset, buf, lo, hi, begins, done, message,
                    _scattered(message))
        if ctx.problems:
            part.problems = ctx.problems
        if kind in (SERVER_KEY_EXCHANGE, CLIENT_KEY_EXCHANGE):
            part.note = self.session.why_unknown()
        parts.append(part)
        if done and kind == COMPRESSED_CERTIFICATE:
            self._open(message, buf, part, parts)
        if done:
            version = self.record.version if self.record is not None else None
            try:
                self.session.learn(self.side, kind, buf, version, fields if isinstance(fields, Form) else None)
            except Hole:
                pass

    def _open(self, message: Message, buf: Any, part: Part, parts: List[Part]) -> None:
        """Tell what a CompressedCertificate holds: a buffer of its own."""
        from hexnote.packed import certificate

        opened = certificate(buf)
        if opened is None:
            return
        if opened.problem:
            part.problems = [*part.problems, (12, len(buf), opened.problem)]
        size = len(opened.data)
        head = Part(BUFFER, self.side, self.record, [], 0, opened.data, 0, size, True, True, note=opened.note)
        ctx = Context()
        ctx.sender, ctx.certificate_type = SIDES[self.side], self.ctx.certificate_type
        fields = self.messages.certificate(opened.data, ctx)
        body = Part(BODY, self.side, self.record, fields, 0, opened.data, 0, size, True, True)
        body.problems = ctx.problems
        for each in (head, body):
            each.lies(f"inflated:{message.offset}", None)
            parts.append(each)

    def _tell_lost(self, message: Message, lo: int, hi: int, begins: bool, parts: List[Part]) -> None:
        """A hole swallowed a message's header: the rest of the record stays unread."""
        message.length = self._size
        fields: List[Field] = [(self.messages.missing, 0, self._size, 0, -1)]
        buf = join(self._chunks)
        self._message = None
        self._chunks = []
        self._mode = UNREAD
        pieces = _scattered(message)
        parts.append(Part(MESSAGE, self.side, self.record, fields, message.offset, buf, lo, hi, begins, True, message, pieces,
                          note="a message header lies in bytes that the trace lacks"))

    def _drop_message(self, parts: List[Part]) -> None:
        """Give up an incomplete message: tell it once more, as what it will remain."""
        self._skip = 0
        message = self._message
        if message is None:
            return
        self._message = None
        at = message.pieces[-1][1] + message.pieces[-1][2]
        if self._total < 0:
            message.length = self._size
            fields: List[Field] = [(self.messages.missing, 0, self._size, 0, -1)]
            buf, pieces = join(self._chunks), _scattered(message)
            parts.append(Part(MESSAGE, self.side, None, fields, message.offset, buf, at, at, False, True, message, pieces))
            return
        message.missing += self._total - self._size
        self._tell(message, join(self._chunks), self._total, at, at, False, True, parts)


def _scattered(message: Message) -> Optional[List[Tuple[int, int, int]]]:
    """The pieces of a message that lies in more than one."""
    return message.pieces if len(message.pieces) > 1 else None


def extend(pieces: List[Tuple[int, int, int]], local: int, stream: int, size: int) -> None:
    """Add a piece of a message; what follows on directly is one piece with what stands before it."""
    if pieces and pieces[-1][1] + pieces[-1][2] == stream:
        pieces[-1] = (pieces[-1][0], pieces[-1][1], pieces[-1][2] + size)
    elif size:
        pieces.append((local, stream, size))


def join(chunks: List[Tuple[Optional[bytes], int]]) -> Any:
    """The bytes of chunks as one buffer: bytes where all are there, else a Patchy."""
    if len(chunks) == 1 and chunks[0][0] is not None:
        return chunks[0][0]
    if all(data is not None for data, _ in chunks):
        return b"".join(data for data, _ in chunks if data is not None)
    return Patchy(chunks)
