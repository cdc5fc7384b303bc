"""A stream cut into records (RFC 8446 section 5, RFC 5246 section 6.2); `assembly` joins messages out of them.

A Reader takes one direction of a connection piece by piece, in stream order, holes included, and
says after each piece what became known: `Part`s. It never looks ahead, keeps no more than one
incomplete unit, and goes on behind a hole wherever declared lengths say how.
"""

from __future__ import annotations

from struct import Struct

from hexnote.assembly import FREE_DECODES, MESSAGES, OPAQUE, SMALL, UNDECIDED, UNREAD, Assembly, extend, join
from hexnote.heads import answers_ssl2, chain_at, fills, hello_at, nonsense, opens, plausible, plausible_ssl2
from hexnote.hints import Any, List, Optional, Set, Tuple
from hexnote.messages import BODIES, Messages
from hexnote.model import BODY, EARLY, END, HEADER, LOST, OTHER, PLAINTEXT, SIDES, WHOLE, Field, Part, Record
from hexnote.quick import QUICK
from hexnote.session import APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, SSL2, TLS12, Session
from hexnote.spans import Pieces

_NOTHING: List[Field] = []  # not to be added to
_header = Struct(">BHH").unpack_from  # type, version, length

_TDS = 0x12  # type of the TDS packets that hold a handshake
# With what a direction begins: a hello, or an alert. What else looks like a record there has to go on as records do.
_FIRST = (21, 22)
# Encrypted records that change nothing: alerts, application data.
_QUIET = (21, 23)


class Reader(Assembly):
    """One direction of a connection. `keep`: hand out opaque bodies whole (JSON wants their bytes)."""

    # There may be two for each of thousands of connections.
    __slots__ = (
        "keep", "places", "fed", "told", "count", "end", "started", "synced", "why_lost", "broken", "other", "dialogue", "_head",
        "_head_at", "_progress", "_body", "_have", "_read", "_need", "_behind_change", "_padding", "_sealed_fields", "_wrap",
        "opened", "_emptied",
    )

    def __init__(
        self, stream: int, side: int, session: Session, messages: Messages, keep: bool = False, dialogue: Any = None,
    ) -> None:
        super().__init__(stream, side, session, messages)
        self.keep = keep
        self.places = Pieces()  # where the stream's bytes stand in the dump
        self.fed = False  # any byte came yet
        self.told: Optional[Set[Tuple[int, int, str]]] = None  # problems told; None while there are none
        self.count = 0  # records so far
        self.end = 0  # stream offset where it ends
        self.started = False  # the first record was found
        self.synced = True  # the next byte begins a record
        self.why_lost = ""  # why not
        self.broken = ""  # what is wrong with the bytes where a record header should stand, until it is told
        self.other = 0  # bytes in which no TLS was found
        self.dialogue = dialogue  # what is said before TLS (a `dialogues.Dialogue`); None: the first byte is TLS's
        self._head = b""  # bytes of an incomplete record header
        self._head_at = 0  # stream offset of the first of them
        self._progress = 0  # bytes of the record's body that were fed
        self._body: List[Tuple[Optional[bytes], int]] = []  # of an incomplete body, or undecided
        self._have = 0  # bytes in _body
        self._read = 0  # how many of them were decoded
        self._need = 0  # bytes of the body that decide
        self._behind_change = False  # the record before was a ChangeCipherSpec
        self._emptied = False  # a record that must not be empty was, and that was told
        self._padding = 0  # bytes of padding at the end of an SSL 2.0 record
        self._sealed_fields: List[Field] = []  # the one field of an encrypted body
        self._wrap = 0  # stream offset where the TDS packet around it ends; 0: none
        self.opened: Any = None  # who opens encrypted records, where the user has keys (a `plain.Opened`); wants `keep`

    # ---------------------------------------------------------------- feeding

    def feed(self, offset: int, data: Optional[bytes], length: int, parts: List[Part]) -> None:
        """Take the stream's bytes [offset, offset + length); `data` None: the trace lacks them."""
        pos, end = offset, offset + length
        self.fed = True
        record = self.record
        if record is not None and data is not None and end < self.end and self._mode == OPAQUE and not self.keep:
            # The midst of an encrypted body: most packets of a long trace.
            self._progress += length
            base = record.offset + record.header
            parts.append(Part(BODY, self.side, record, self._sealed_fields, base, data, pos, end, pos == base, False))
            return
        if data is None:
            parts.append(Part(LOST, self.side, self.record, [], offset, b"", pos, end, False, False))
        while pos < end:
            record = self.record
            if record is None:
                if data is None:
                    self._lose(parts)
                    return
                head = b""
                if self.started and self.synced and not self._head:
                    pos = self._whole(pos, end, data, pos - offset, "", parts)
                    if pos == end:
                        return
                    head = data[pos - offset : pos - offset + 5]
                if len(head) == 5 and plausible(head):
                    pos = self._opens(pos, pos, head, "", parts)
                else:
                    pos = self._begin(pos, end, data[pos - offset :], parts)
                record = self.record
                if record is not None and pos == self.end:
                    self._finish(record, parts)
                continue
            take = self.end if self.end < end else end
            if self._wrap and pos <= self._wrap < take:
                if pos == self._wrap and data is not None:
                    pos = self._unwrap(pos, data[pos - offset :], parts)
                    continue
                take = self._wrap
            if self._mode == OPAQUE and not self.keep and data is not None:
                self._progress += take - pos
                base = record.offset + record.header
                body = data if take - pos == length else data[pos - offset : take - offset]
                fields = self._sealed_fields
                parts.append(Part(BODY, self.side, record, fields, base, body, pos, take, pos == base, take == self.end))
            elif data is None:
                record.missing += take - pos
                self._feed_body(record, pos, take, None, parts)
            else:
                self._feed_body(record, pos, take, data if take - pos == length else data[pos - offset : take - offset], parts)
            pos = take
            if pos == self.end:
                self._finish(record, parts)

    def amid(self, end: int) -> Optional[Field]:
        """The field of the encrypted body that the next bytes, up to stream offset `end`, lie in the midst of, if they do and
        nobody keeps it: then all that they do is to pass."""
        if self._mode == OPAQUE and end < self.end and self.record is not None and not self.keep:
            return self._sealed_fields[0]
        return None

    def passes(self, length: int) -> None:
        """Take so many bytes that are `amid`."""
        self._progress += length

    def sealed(self, offset: int, data: bytes) -> Optional[Tuple[Part, Part]]:
        """The parts that the next bytes, `data` at stream offset `offset`, make known, if they are one encrypted record that comes
        behind others of this direction under the same protection and can change nothing, or its beginning, or the rest of any
        encrypted record, and nobody keeps its body. Else None. Nothing is done: see `takes`."""
        record, side = self.record, self.side
        if record is not None:
            end = offset + len(data)
            if self._mode != OPAQUE or end != self.end or self.keep or self._wrap or self.opened is not None:
                return None
            base = record.offset + record.header
            return (
                Part(BODY, side, record, self._sealed_fields, base, data, offset, end, offset == base, True),
                Part(END, side, record, _NOTHING, record.offset, b"", end, end, False, True),
            )
        session = self.session
        protection = session.shown[side]
        if (
            protection is None or protection is not session.sealed[side] or len(data) < 6 or not (self.started and self.synced)
            or self._head or self._wrap or self.keep or self.opened is not None or session.watch
        ):
            return None
        kind, version, size = _header(data)
        have = len(data) - 5
        if kind not in _QUIET or size < have or not 0x0300 <= version <= 0x0304 or size > PLAINTEXT:
            return None
        why = session.encrypted(side, kind, size, b"")
        if not why:
            return None
        record = Record(self.stream, side, self.count + 1, offset, 5 + size, kind, version)
        record.encrypted, record.why, record.protection = True, why, protection
        base, whole = offset + 5, size == have
        head, body = self.messages.record_header(data, 5, self.ctx), [(self._opaque(kind), 0, size, 0, -1)]
        return (
            Part(HEADER, side, record, head, offset, data[:5], offset, base, True, True),
            Part(WHOLE if whole else BODY, side, record, body, base, data[5:], base, base + have, True, whole),
        )

    def takes(self, parts: Tuple[Part, Part]) -> None:
        """Take the bytes that are `sealed`."""
        first, second = parts
        if first.kind == HEADER:
            self._behind_change = False
            self.count += 1
            if second.kind == BODY:
                record = self.record = second.record
                assert record is not None
                self.end = record.offset + record.length
                self._mode, self._sealed_fields, self._progress = OPAQUE, second.fields, second.hi - second.lo
        else:
            self.record = None

    def bare(self, lo: int, hi: int, data: Optional[bytes], parts: List[Part]) -> None:
        """Take the bytes [lo, hi), which are handshake messages without records around them; `data` None: they are not shown."""
        if self._mode == UNREAD:
            self._unread(None, lo, hi, data, parts)
        else:
            self._handshake(None, lo, hi, data, parts)

    def close(self, parts: List[Part]) -> None:
        """No more bytes will come: give up what is incomplete."""
        record = self.record
        if record is not None:
            if self._mode == UNDECIDED:
                self._decide(record, parts)
            at = record.offset + record.header + self._progress
            record.missing += self.end - at
            message = self._message
            if self._mode in (MESSAGES, UNREAD):
                # The record says that these bytes exist: they are the message's, as far as it goes.
                if message is not None:
                    rest = self.end - at if self._total < 0 else min(self.end - at, self._total - self._size)
                    extend(message.pieces, self._size, at, rest)
                    self._size += rest if self._total < 0 else 0
                    at += rest
                if at < self.end:
                    self._unread(record, at, self.end, None, parts)
            self._finish(record, parts)
        elif self._head:
            self._tell_header_part(self._head_at, len(self._head), self._head, True, parts)
            self._head = b""
        self._drop_message(parts)
        if self.opened is not None:
            parts += self.opened.close()

    def content(self, record: Record, data: bytes, parts: List[Part]) -> None:
        """Take the whole content of a record that was decrypted, for which `record` stands as if it were in clear.
        A reader that is fed so is fed nothing else."""
        lo, hi = record.offset + 5, record.offset + record.length
        self.record, self.end, self._body, self._have, self._read = record, hi, [], 0, 0
        if record.type == HANDSHAKE:
            self._handshake(record, lo, hi, data, parts)
        elif record.type in BODIES:
            self._small(record, lo, hi, data, parts)
        elif data:
            fields: List[Field] = [(self.messages.content(data), 0, len(data), 0, -1)]
            parts.append(Part(BODY, self.side, record, fields, lo, data, lo, hi, True, True))
        self.record = None

    @property
    def incomplete(self) -> int:
        """How many bytes of an incomplete message are kept."""
        return self._size

    @property
    def waits(self) -> bool:
        """Whether a message is incomplete."""
        return self._message is not None

    def give_up(self, parts: List[Part]) -> None:
        """What is incomplete will remain so."""
        self._drop_message(parts)

    # ---------------------------------------------------------------- record headers

    def _begin(self, pos: int, end: int, data: bytes, parts: List[Part]) -> int:
        """Read (part of) a record header at stream offset `pos`; where it goes on reading is returned."""
        if data[0] == _TDS and not self._head and self.dialogue is not None and self.dialogue.wraps and len(data) >= 8:
            return self._unwrap(pos, data, parts)
        if not self._head and not (self.started and self.synced):
            pos, data = self._search(pos, data, parts)
            if pos == end:
                return pos
        had = len(self._head)
        head = self._head + data[: 5 - had] if had else data[:5]
        start = pos - had
        if len(head) < 5:
            self._head, self._head_at = head, start
            self._tell_header_part(start, had, head, False, parts)
            return end
        self._head = b""
        if plausible(head):
            note = "" if self.started else self._starts(start, head)
            self.started = self.synced = True
            after = pos if had else self._whole(pos, end, data, 0, note, parts)
            return after if after > pos else self._opens(start, pos, head, note, parts)
        if self._is_ssl2(head):
            return self._opens_ssl2(start, pos, head, parts)
        self._out_of_step(parts)
        if self.started and (self.session.whole[self.side] or self.session.hellos[self.side]):
            self.broken = nonsense(head)
        if had:
            if not self.started and self.dialogue is not None:
                self.dialogue.hear(self.side, start, head[:had])
            self._no_tls(start, start + had, head[:had], parts)
        return pos

    def _whole(self, pos: int, end: int, data: bytes, at: int, note: str, parts: List[Part]) -> int:
        """Records that lie whole in `data[at:]`, which stands at stream offset `pos`: read at one go, most of all records. Where
        the first other one begins is returned, or a message that goes on; nothing but bytes of a record stands before it."""
        if self.keep or self._message is not None or self._skip or self._wrap or not QUICK:
            return pos
        side, session = self.side, self.session
        fields = self.messages.record_header(data, 5, self.ctx)
        while end - pos >= 5:
            kind, version, size = _header(data, at)
            behind = pos + 5
            after = behind + size
            if after > end or not (20 <= kind <= 24 and 0x0300 <= version <= 0x0304 and size <= PLAINTEXT):
                break
            if session.bare[side]:
                break  # a suite that encrypts nothing: what is in clear is read by others
            count = self.count = self.count + 1
            record = self.record = Record(self.stream, side, count, pos, 5 + size, kind, version)
            head = data[at : at + 5]
            at += 5
            body = data[at : at + size]
            at += size
            part = Part(HEADER, side, record, fields, pos, head, pos, behind, True, True)
            if note:
                part.note, note = note, ""
            parts.append(part)
            if not size:
                self._empty(kind, version, part)
            if kind == HANDSHAKE and not session.changed[side] and not session.doubtful(side):
                self._behind_change, self._mode = False, MESSAGES
            else:
                self._choose(record, body)
            mode = self._mode
            if mode == OPAQUE:
                if size:
                    parts.append(Part(WHOLE, side, record, self._sealed_fields, behind, body, behind, after, True, True))
                else:
                    parts.append(Part(END, side, record, _NOTHING, pos, b"", after, after, False, True))
            elif mode == SMALL:
                if size:
                    self.end = after
                    self._small(record, behind, after, body, parts)
            elif size >= 4 and 4 + (body[1] << 16 | body[2] << 8 | body[3]) == size:
                self._tell_whole(record, behind, body, parts)
            elif size:
                self._handshake(record, behind, after, body, parts)
                if self._message is not None:
                    pos = after
                    break
            pos = after
        self.record = None
        return pos

    def _opens(self, start: int, pos: int, head: bytes, note: str, parts: List[Part]) -> int:
        """A TLS record begins at stream offset `start`; of its header `head` the bytes from `pos` on are new."""
        count = self.count = self.count + 1
        kind, version, size = _header(head)
        record = self.record = Record(self.stream, self.side, count, start, 5 + size, kind, version)
        behind = start + 5
        self.end = behind + size
        self._have = self._progress = self._read = 0
        if self._body:
            self._body = []
        # Only handshake records may be in clear or not, by their first bytes.
        self._need = self.session.decisive(self.side, kind) if kind == HANDSHAKE else 0
        if self._need and size:
            self._mode = UNDECIDED
        else:
            self._choose(record, b"")
        fields = self.messages.record_header(head, 5, self.ctx)
        part = Part(HEADER, self.side, record, fields, start, head, pos, behind, pos == start, True)
        if note:
            part.note = note
        if not size:
            self._empty(kind, version, part)
        parts.append(part)
        return behind

    def _empty(self, kind: int, version: int, part: Part) -> None:
        """A record without content begins, in clear or not: from TLS 1.2 on only application data may be so. The first one of a
        side is told."""
        if kind < APPLICATION_DATA and version >= TLS12 and not self._emptied:
            self._emptied = True
            part.problems = ((3, 5, "it has no content, which a record of this type must have (RFC 5246 section 6.2.1)"),)

    def _opens_ssl2(self, start: int, pos: int, head: bytes, parts: List[Part]) -> int:
        """The same for an SSL 2.0 record."""
        note = "" if self.started else self._starts(start, head)
        self.started = self.synced = True
        self.count += 1
        record = self.record = Record(self.stream, self.side, self.count, start)
        record.format = "ssl2"
        record.header = 2 if head[0] >= 0x80 else 3
        record.length = record.header + ((head[0] & (0x7F if record.header == 2 else 0x3F)) << 8 | head[1])
        self.session.ssl2 = True
        self.end = start + record.length
        self._body, self._have, self._progress, self._read = [], 0, 0, 0
        self._mode = SMALL
        self._padding = head[2] if record.header == 3 else 0
        self._choose_ssl2(record, head)
        fields = self.messages.record_header(head, record.header, self.ctx)
        behind = start + record.header
        parts.append(Part(HEADER, self.side, record, fields, start, head, pos, max(pos, behind), pos == start, True, note=note))
        if pos > behind:
            # An SSL 2.0 header is shorter than the five bytes that tell it from a TLS one.
            self._feed_body(record, behind, pos, head[record.header : pos - start], parts)
        return max(pos, behind)

    def _is_ssl2(self, head: bytes) -> bool:
        """Whether an SSL 2.0 record begins here: the connection's first hello, or what follows one."""
        if not self.started and not self.other and plausible_ssl2(head):
            return True
        return self.session.ssl2 and self.session.version in (None, SSL2) and bool((head[0] & 0x3F) << 8 | head[1])

    def _unwrap(self, pos: int, data: bytes, parts: List[Part]) -> int:
        """The header of a TDS packet, whose payload is TLS as long as the handshake lasts (MS-TDS section 2.2.6.5); where it
        ends is returned. Inside a record it makes the record reach farther: messages know of such pieces, encrypted
        records, which are short then, do not."""
        size = min(8, len(data))
        behind = pos + size
        if self.record is not None:
            self.end += size
        self._wrap = pos + (data[2] << 8 | data[3]) if size == 8 and data[0] == _TDS else 0
        told = self.dialogue.told
        told.clear[self.side] += size
        fields = self.messages.clear(told.name, data[:size])
        parts.append(Part(OTHER, self.side, None, fields, pos, data[:size], pos, behind, True, True, note="TDS, around TLS"))
        self.other += size
        return behind

    def _tell_header_part(self, start: int, had: int, head: bytes, done: bool, parts: List[Part]) -> None:
        """Tell a record header of which only the first bytes are there."""
        size = len(head)
        fields = [f for f in self.messages.record_header(head, 5, self.ctx) if f[1] < size]
        if done:
            fields = [(node, lo, min(hi, size), depth, index) for node, lo, hi, depth, index in fields]
        note = "the record header is cut here" if done else ""
        parts.append(Part(HEADER, self.side, None, fields, start, head, start + had, start + size, not had, done, note=note))

    def _out_of_step(self, parts: List[Part]) -> None:
        """Bytes where a record header should stand are none."""
        self.synced = False
        if self.started:
            self.why_lost = "no record header stands here"
            self._drop_message(parts)

    def _search(self, pos: int, data: bytes, parts: List[Part]) -> Tuple[int, bytes]:
        """Find where a record begins; what stands before it is told as other bytes."""
        if not self.started:
            at, sure = self._find_start(pos, data)
            if not at:
                return pos, data
            if not sure:
                self._no_tls(pos, pos + at, data[:at], parts)
                return self._search(pos + at, data[at:], parts)
        elif len(data) >= 5 and plausible(data[:5]):
            return pos, data
        else:
            at = chain_at(data, 0)
        if at < 0:
            at = len(data)
        if at:
            self._no_tls(pos, pos + at, data[:at], parts)
        return pos + at, data[at:]

    def _find_start(self, pos: int, data: bytes) -> Tuple[int, bool]:
        """Where, in what was sent at once, the first record of this direction may begin, -1: nowhere in it; and whether
        that is sure, or has to be looked at again from there on."""
        side, dialogue = self.side, self.dialogue
        whole = not self._blind
        if dialogue is None or dialogue.fresh[side]:
            if len(data) < 5:
                if data[0] in (20, 21, 22, 23, 24, 0x80) and not (whole and data[0] in (20, 23, 24)):
                    return 0, True
            elif plausible(data[:5]) and (not whole or data[0] in _FIRST or fills(data, 0)):
                return 0, True
            elif not self.other and plausible_ssl2(data):
                return 0, True
            elif side and self.session.ssl2 and not self.other and answers_ssl2(data[:5]):
                return 0, True
        if dialogue is None:
            return hello_at(data, 0), True
        heard = dialogue.hear(side, pos, data)
        if heard < len(data):
            return heard, False
        if dialogue.told.kind == "plain":
            return -1, True
        at = hello_at(data, 0)
        while at >= 0:
            if dialogue.allows(side, pos + at, not at, fills(data, at)):
                return at, True
            at = hello_at(data, at + 1)
        if whole or dialogue.told.name:
            return -1, True
        # The trace begins in the midst of a record, or lost the beginning of one.
        return 0 if len(data) >= 5 and plausible(data[:5]) else chain_at(data, 0), True

    @property
    def _blind(self) -> bool:
        """Whether the direction may have begun before its first bytes that are known."""
        return self.session.lost[self.side] or not self.session.whole[self.side]

    def _starts(self, offset: int, head: bytes) -> str:
        """TLS begins at `offset` of this direction, with a record's `head`: what is to be said of that."""
        if self.dialogue is None:
            return ""
        self.dialogue.begins(self.side, offset)
        if not self.other:
            return ""
        if head[0] in (20, 23):
            self.session.lost[self.side] = True  # nobody begins with these: what stood before them is among the other bytes
        if self._blind and not self.dialogue.told.name:
            return f"the first record header found in the {SIDES[self.side]}'s stream, at byte {offset}"
        after = self.dialogue.told.title or "other bytes"
        return f"TLS begins here, at byte {offset} of the {SIDES[self.side]}'s stream, after {after}"

    def _no_tls(self, lo: int, hi: int, data: bytes, parts: List[Part]) -> None:
        """Bytes outside of any record: what is said before TLS, in lines where it is text; or what cannot be read."""
        begins = not self.other or self.started
        self.other += hi - lo
        fields: List[Field] = []
        note, self.why_lost = self.why_lost, ""
        blind = self.started or (self._blind and (self.dialogue is None or not self.dialogue.told.name))
        if blind or self.dialogue is None:
            if begins and not self.started:
                note = "this direction is not in the trace from its beginning: a record header is looked for" if blind else ""
            fields.append((self.messages.unread if blind else self.messages.other, 0, hi - lo, 0, -1))
        else:
            told = self.dialogue.told
            if told.first[self.side] is None:
                told.first[self.side] = lo
            told.clear[self.side] += hi - lo
            if len(told.words[self.side]) < 64:
                told.words[self.side] += data[: 64 - len(told.words[self.side])]
            fields, note = self.messages.clear(told.name, data, self.dialogue.form), self.dialogue.heading()
        part = Part(OTHER, self.side, None, fields, lo, data, lo, hi, begins, True, note=note)
        if self.broken:
            part.problems = ((0, min(5, hi - lo), self.broken),)
            self.broken = ""
        parts.append(part)

    def _lose(self, parts: List[Part]) -> None:
        """A hole where a record header stands, or should stand: step is lost."""
        if self._head:
            self._tell_header_part(self._head_at, len(self._head), self._head, True, parts)
            self._head = b""
        self.session.lost[self.side] = True
        if self.started:
            self.synced = False
            self.why_lost = "a record header lies in bytes that the trace lacks"
        self._drop_message(parts)

    # ---------------------------------------------------------------- record bodies

    def _choose(self, record: Record, body: bytes) -> None:
        """Decide what the record's body is, by the session."""
        kind, side, session, size = record.type or 0, self.side, self.session, record.length - 5
        why = session.encrypted(side, kind, size, body)
        behind_change, self._behind_change = self._behind_change, kind == CHANGE_CIPHER_SPEC
        if why:
            record.encrypted = True
            sealed = session.sealed[side]
            if kind == HANDSHAKE and behind_change:
                record.finished = session.is_finished(side, sealed or (), size)
            if session.watch:
                why = session.watched(side, kind) or why
            elif side == 0 and session.version is None and kind == APPLICATION_DATA and session.early_data():
                why = EARLY
            if sealed is None:
                record.protection = session.weigh(record)
            else:
                record.protection = sealed
                if sealed is not session.shown[side]:
                    session.shown[side] = sealed
                    record.news = "known"
            if kind == CHANGE_CIPHER_SPEC:
                session.change_cipher_spec(side, True)
            if session.bare[side] and session.changed[side]:
                record.bare = session.bare[side]
                why = "the suite encrypts nothing: in clear, with a MAC"
                self.keep = True
                if self.opened is None and session.unseal is not None:
                    self.opened = session.unseal(self)
            record.why = why
            self._mode = OPAQUE
            self._sealed_fields = [(self.messages.bare if record.bare else self._opaque(kind), 0, size, 0, -1)]
        elif kind == HANDSHAKE:
            self._mode = MESSAGES
            if self._message is not None and not self._chunks:
                self._message = None
        else:
            self._mode = SMALL

    def _opaque(self, kind: int) -> Any:
        """The node of an encrypted body."""
        return self.messages.data if kind == APPLICATION_DATA else self.messages.fragment

    def _choose_ssl2(self, record: Record, head: bytes) -> None:
        """Whether an SSL 2.0 record is encrypted: those behind the client's master key are."""
        size = record.length - record.header
        record.why = self.session.encrypted_ssl2(size)
        if record.why:
            record.encrypted = True
            record.protection = self.session.sealed_ssl2(head[2] if record.header == 3 else 0)
            self._mode = OPAQUE
            self._sealed_fields = [(self.messages.fragment, 0, size, 0, -1)]

    def _decide(self, record: Record, parts: List[Part]) -> None:
        """The bytes that tell whether the body is encrypted are there: tell what waited."""
        body, lo = self._body, record.offset + 5
        self._choose(record, b"".join(d for d, _ in body if d is not None) if all(d is not None for d, _ in body) else b"")
        self._body, self._have, self._progress = [], 0, 0
        for data, size in body:
            self._feed_body(record, lo, lo + size, data, parts)
            lo += size

    def _feed_body(self, record: Record, lo: int, hi: int, data: Optional[bytes], parts: List[Part]) -> None:
        mode = self._mode
        if mode == OPAQUE:
            self._progress += hi - lo
            base = record.offset + record.header
            begins, done = lo == base, hi == self.end
            fields = self._sealed_fields
            buf: Any = data if data is not None else b""
            if self.keep:
                self._body.append((data, hi - lo))
                if done:
                    buf = join(self._body)
            parts.append(Part(BODY, self.side, record, fields, base, buf, lo, hi, begins, done))
        elif mode == MESSAGES:
            self._progress += hi - lo
            self._handshake(record, lo, hi, data, parts)
        elif mode == SMALL:
            self._progress += hi - lo
            self._small(record, lo, hi, data, parts)
        elif mode == UNREAD:
            self._progress += hi - lo
            self._unread(record, lo, hi, data, parts)
        else:
            self._body.append((data, hi - lo))
            self._have += hi - lo
            self._progress += hi - lo
            if self._have >= self._need or hi == self.end:
                self._decide(record, parts)

    def _unread(self, record: Optional[Record], lo: int, hi: int, data: Optional[bytes], parts: List[Part]) -> None:
        """Bytes of a handshake record that cannot be cut into messages."""
        fields: List[Field] = [(self.messages.missing, 0, hi - lo, 0, -1)]
        parts.append(Part(BODY, self.side, record, fields, lo, data or b"", lo, hi, True, True))

    def _small(self, record: Record, lo: int, hi: int, data: Optional[bytes], parts: List[Part]) -> None:
        """A body that is read whole: alert, ChangeCipherSpec, heartbeat, an SSL 2.0 record with its header."""
        base = record.offset + record.header
        done = hi == self.end
        if lo == base and done and data is not None:
            buf: Any = data
        else:
            self._body.append((data, hi - lo))
            self._have += hi - lo
            if not done and len(self._body) > FREE_DECODES and self._have < self._read + (self._read >> 3):
                parts.append(Part(BODY, self.side, record, [], base, b"", lo, hi, False, False))
                return
            self._read = self._have
            buf = join(self._body)
        fields, problems = self._decode_small(record, buf)
        part = Part(BODY, self.side, record, fields, base, buf, lo, hi, lo == base, done)
        if problems:
            part.problems = problems
        parts.append(part)
        if done:
            if record.type == CHANGE_CIPHER_SPEC:
                self.session.change_cipher_spec(self.side, False)
            elif record.format == "ssl2":
                self.session.learn_ssl2(buf)

    def _decode_small(self, record: Record, buf: Any) -> Tuple[List[Field], List[Tuple[int, int, str]]]:
        ctx = self.context()
        size = record.length - record.header
        if record.format == "ssl2":
            fields = self.messages.ssl2(buf, size, self._padding, ctx)
        else:
            fields = self.messages.body(record.type or 0, buf, size, ctx)
        return fields, ctx.problems

    def _finish(self, record: Record, parts: List[Part]) -> None:
        self.record = None
        if self._progress < record.length - record.header:
            self._give_up_body(record, parts)
        end = Part(END, self.side, record, _NOTHING, record.offset, b"", self.end, self.end, False, True)
        if self.opened is None:
            parts.append(end)
        else:
            plain = self.opened.read(record, join(self._body) if record.encrypted and not record.missing else None)
            parts.append(end)
            parts += plain
        self._body, self._have = [], 0

    def _give_up_body(self, record: Record, parts: List[Part]) -> None:
        """The record's body is cut by the end of the trace: tell its fields as far as they go."""
        if self._mode in (MESSAGES, UNREAD):
            return  # told by _drop_message and _unread
        base = record.offset + record.header
        if self._mode == OPAQUE:
            fields = self._sealed_fields
            buf = join(self._body) if self.keep else b""
        else:
            buf = join(self._body)
            fields = self._decode_small(record, buf)[0]
        at = base + self._progress
        parts.append(Part(BODY, self.side, record, fields, base, buf, at, at, False, True))

def locate(data: bytes) -> Tuple[int, int]:
    """Where TLS begins in bytes of which nothing is known, and which side sends it; (-1, 0): nowhere.

    A hello tells its sender, and so does a ClientKeyExchange; a chain of record headers does not, and is taken for the
    server's; so is a record that is longer than the bytes.
    """
    if len(data) >= 5 and plausible_ssl2(data[:5]):
        return 0, 0
    at = hello_at(data, 0)
    if at < 0:
        at = chain_at(data, 0)
        if at < 0 and opens(data):
            return 0, 1
        size = int.from_bytes(data[at + 3 : at + 5], "big") - 4
        keys = at >= 0 and data[at] == 22 and size >= 0 and data[at + 5 : at + 9] == b"\x10" + size.to_bytes(3, "big")
        return at, 0 if keys else 1
    return at, 0 if data[at + 5] == 1 else 1


def sender(data: bytes) -> Optional[int]:
    """The side that sends bytes which begin with a hello: 0 the client, 1 the server; None where they do not."""
    if len(data) >= 5 and plausible_ssl2(data[:5]):
        return 0 if len(data) == 2 + ((data[0] & 0x7F) << 8 | data[1]) else None  # five bytes alone would be by chance
    return data[5] - 1 if hello_at(data[:11], 0) == 0 else None
