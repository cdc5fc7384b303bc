"""The history of a connection, told as it goes by: the parts that the record layer makes, the packets of note.

A `Teller` serves all connections of a trace. Application data cost next to nothing; everything else is kept,
up to bounds that hold for one connection and for all of them together.
"""

from __future__ import annotations

from hexnote import facts
from hexnote.course import extended, follow, follow_message
from hexnote.hints import Any, Callable, Dict, List, Optional, Set, Tuple
from hexnote.model import (
    BODY,
    END,
    LOST,
    MESSAGE,
    OTHER,
    PLAINTEXT,
    SEALED,
    WHOLE,
    Connection,
    Course,
    Form,
    Packet,
    Part,
    Places,
    Record,
    Step,
    Story,
)  # fmt: skip

# Steps of one connection: beyond MOST, those between the first HEAD and the last TAIL are left out.
MOST, HEAD, TAIL = 1024, 384, 256
# Lengths of application data records in a row that are kept.
LENGTHS = 64
# Bytes of messages that are kept: of one message, of one connection, of all together.
MESSAGE_BYTES, STORY_BYTES, ALL_BYTES = 1 << 16, 1 << 18, 32 << 20
# TLS 1.3 allows records of 2^14 + 256 bytes (RFC 8446 section 5.2), those before it 2^14 + 2048.
_LONG = PLAINTEXT + 256
# No protection leaves a record so short (bytes): the shortest MAC has 4. What such a record is, its type does not tell.
_SHORTEST = 4
# Of an alert, a heartbeat or another short record.
BODY_BYTES = 64
# Of a ClientHello, to compare it with that of another connection.
HELLO = 1 << 12
# Bytes of a record of TLS 1.3 that may be an alert: 2, the content type, a tag of 8 or 16, and the zeros that Java adds.
_ALERTS = frozenset((2 + 1 + 8, 2 + 1 + 16, 2 + 1 + 16 + 16))
# Chains are the same in most connections of a trace: so many are shared.
SHARED = 64

# The messages of which facts are read.
_READ = frozenset((
    "client_hello", "server_hello", "hello_retry_request", "certificate", "certificate_request", "server_key_exchange",
))  # fmt: skip
# A certificate message's field of RFC 7250, and among how many fields from its beginning it is looked for.
_RAW_KEY, _FIRST = "ASN1_subjectPublicKeyInfo", 16
_CONTENT = {20: "change_cipher_spec", 21: "alert", 24: "heartbeat"}
_LETTERS: Tuple[Tuple[str, str], ...] = (("S", "SYN"), ("F", "FIN"), ("R", "RST"))


class Teller:
    """Makes steps of what happens. `keep`: the renderer keeps all messages, so that those count which are not read here."""

    def __init__(
        self, names: Callable[[str], Any], reads: Callable[[bytes], Any], name_of: Callable[[bytes], Any],
        key_exchange: Callable[[int], str], lengths: Any, at: Optional[float] = None, keep: bool = False,
        verifies: Optional[Callable[[bytes, bytes], Optional[bool]]] = None,
    ) -> None:
        self._names = names
        self._reads = reads
        self._name_of = name_of
        self._key_exchange = key_exchange
        self._lengths = lengths
        self._at = at
        self._verifies = verifies
        self._keep = keep
        self._held = 0  # bytes of messages, over all connections
        self._kinds: Dict[str, List[str]] = {}  # TCP flags -> the steps that they make
        self._shared: Dict[bytes, bytes] = {}
        self._traced: Any = {}
        self._known: Set[bytes] = set()
        self._failed: Callable[[str, str], Any] = self.failed
        self.attempts: Any = None  # connections that were over, once there was a second one
        self.ended: Optional[Tuple[Any, ...]] = None  # the one that was over last, an Attempt's values; taken by another process
        self.traces: Optional[List[Tuple[bytes, Any]]] = None  # where another process remembers: for it, certificate and subject

    def begin(self, connection: Connection) -> Story:
        """The story of a new connection."""
        story = connection.story = Story(connection)
        story.names = self._names
        story.reads = self._reads
        story.name_of = self._name_of
        story.lengths = self._lengths
        story.at = self._at
        story.verifies = self._verifies
        story.traced = self._traced
        story.failed = self._failed
        story.ends = connection.ends
        story.pseudo = connection.pseudo
        return story

    def close(self, story: Story, connection: Connection, streams: Any) -> None:
        """The connection is over: how its two `streams` ended."""
        self._held -= story.kept
        story.kept = 0
        story.ends, story.closed = connection.ends, connection.closed
        story.evicted, story.torn = connection.evicted, connection.torn
        if streams:
            one, other = streams
            story.whole = [one.whole, other.whole]
            if not story.pseudo:
                story.seen, story.acked = [one.next, other.next], [one.acked, other.acked]
                story.resent = [one.resent, other.resent]
                story.gaps, story.snapped = [list(each) for each in zip(one.lacks(), other.lacks())]
                story.packets = [bool(s.next or s.syns or s.bare_bytes or s.window is not None) for s in streams]
        for course in story.courses:
            for step in course.certificate:
                if step is not None and step.facts is not None:
                    self._trace(step.facts.certificates)
        if story.courses and not story.pseudo:
            attempt = attempted(story, story.courses[0])
            if attempt is not None:
                self.end(attempt)

    def end(self, attempt: Tuple[Any, ...]) -> None:
        """A connection is over that may be one of several attempts: the values of an Attempt."""
        if self.traces is not None:  # another process remembers it
            self.ended = attempt
        elif self.attempts is not None:
            self.attempts.add(attempt)
        elif self.ended is None:
            self.ended = attempt  # one alone: nothing is to be compared
        else:
            self._compare().add(attempt)

    def _compare(self) -> Any:
        """What remembers connections; it is loaded where there is more than one."""
        if self.attempts is None:
            from hexnote.attempts import Attempts

            self.attempts = Attempts(self._names)
            if self.ended is not None:
                self.attempts.add(self.ended)
        return self.attempts

    def failed(self, client: str, server: str) -> Any:
        """As of Story."""
        return self._compare().failed(client, server) if self.ended is not None else None

    def _trace(self, certificates: List[Any]) -> None:
        """Remembers certificates, for other connections' chains."""
        for _, _, der in certificates[:16]:
            if der and der not in self._known:
                facts_of = self._reads(der)
                key = facts_of.subject_key if facts_of is not None else ()
                if self.traces is None:
                    self.trace(der, key)
                else:
                    self.traces.append((der, key))

    def trace(self, der: bytes, key: Any) -> None:
        """Remembers a certificate by its subject; an empty one is none."""
        known = self._known
        if der in known:
            return
        if len(known) >= 4 * SHARED:
            known.clear()
            self._traced.clear()
        known.add(der)
        if key:
            self._traced[key] = der

    def traced(self, key: Any) -> Optional[bytes]:
        """The certificate of a subject, if it was seen in this trace."""
        found: Optional[bytes] = self._traced.get(key)
        return found

    def asks(self, traced: Any, failed: Callable[[str, str], Any]) -> None:
        """From now on another process remembers certificates and attempts: it is asked by the `get` of `traced` and by `failed`,
        and is told what `traces` and `ended` have."""
        self._traced, self._known, self.traces, self.ended = traced, set(), [], None
        self._failed = failed

    def ttl(self, story: Story, packet: Packet) -> None:
        """A packet, no RST, whose TTL is not that of the one before it."""
        side, ttl = packet.side, packet.ttl
        if ttl is not None:
            story.ttl[side] = ttl
            if ttl not in story.ttls[side] and len(story.ttls[side]) < 16:
                story.ttls[side].append(ttl)

    # ---------------------------------------------------------------- packets

    def packet(self, story: Story, packet: Packet, offset: int, acks: int = -1, came: int = 0) -> None:
        """A packet that opens, closes or breaks off: what that tells is asked at the end. `offset`: up to where its side had
        sent before; `acks`: up to where the other one's bytes had come by its own word, -1: not known; `came`: up to where they
        were seen."""
        flags, side = packet.flags, packet.side
        kinds = self._kinds.get(flags)
        if kinds is None:
            kinds = self._kinds[flags] = [kind for letter, kind in _LETTERS if letter in flags]
        if not kinds:
            story.heard[side] = packet
        for kind in kinds:
            step = Step(kind, side, packet.number)
            step.offset, step.acks, step.ttl, step.ipid = offset, acks, packet.ttl, packet.ipid
            if kind == "SYN":
                story.heard[side] = packet
                if packet.ttl != story.ttl[side]:
                    self.ttl(story, packet)
            elif kind == "RST":
                step.size = packet.payload
                self._silence(story, packet, came)
            elif story.courses and None in story.courses[0].finished:
                self._silence(story, packet, came)
            if packet.tcp is not None and packet.ip is not None and packet.link is not None:
                tcp = packet.link + packet.ip
                step.places = ((packet.number, tcp, tcp + packet.tcp),)
            self._add(story, step, kind)

    @staticmethod
    def _silence(story: Story, packet: Packet, came: int) -> None:
        """A packet may be the first that ends the connection: how long nothing had come."""
        if packet.header and None not in story.heard and "FIN" not in story.trail and "RST" not in story.trail:
            from hexnote.times import idle

            story.idle = idle(story, packet, came)

    # ---------------------------------------------------------------- parts

    def part(self, story: Story, part: Part, packet: int, header: bytes = b"") -> Optional[Step]:
        """What a part tells that is complete, as a step; None where it tells nothing that is to be looked at at once.

        `packet` is the number of the packet being read, `header` its summary line.
        """
        kind = part.kind
        if kind == MESSAGE:
            return self._message(story, part, packet, header)
        record = part.record
        if kind == END or kind == WHOLE:
            if record is None or record.format == "ssl2" or record.inside == 21:
                return None  # an alert that was decrypted is told as one in clear
            if record.type == 23:
                return self._data(story, part.side, record, packet)
            if record.encrypted:
                return self._sealed(story, part.side, record, packet)
            if record.length - record.header > PLAINTEXT:
                self._long(story, part.side, record)
            return None
        if kind == BODY:
            if record is not None and part.done and not record.encrypted and record.type not in (22, 23):
                return self._body(story, part, record, packet)
            return None
        if kind in (LOST, OTHER):
            return self._rest(story, part, packet)
        return None

    def said(self, story: Story, act: Any) -> Step:
        """A record or message that a trace in words tells of, as a step without places; `act` is one of `words`."""
        side = act.side
        if act.type == 23 and act.name == "":
            step = Step("data", side, act.frame or 0)
            step.size = step.last = act.length or 0
            step.lengths = [act.length] if act.length else []
        elif act.encrypted:
            step = Step("sealed", side, act.frame or 0)
            step.size = act.length or 0
            step.finished = act.type == 22 and story.courses != [] and story.courses[-1].finished[side] is None
        elif act.type == 22:
            step = Step("message", side, act.frame or 0)
            step.name = act.name
            step.size = act.length or 0
            if act.name in _READ:
                self._read(story, step, b"", None)
            if act.name == "server_hello" and (act.version or 0x0304) < 0x0304:
                # TLS 1.3 says TLS 1.2 in its records, and 1.0 in those of first hellos: only older ones are believed.
                story.version = act.version if act.version in (0x0300, 0x0301, 0x0302) else None
                story.suite = act.suite
        else:
            step = Step(_CONTENT.get(act.type, "record"), side, act.frame or 0)
            step.size = act.length or 0
            step.level, step.description = act.level, act.description
        step.type = act.type if step.kind != "message" else None
        step.version = act.version
        self._add(story, step, step.mark)
        if step.name == "server_hello" and story.courses:
            story.courses[-1].version, story.courses[-1].suite = story.version, story.suite
        return step

    def _add(self, story: Story, step: Step, mark: str) -> Step:
        """Takes a step into the story, and into the handshake that it belongs to."""
        if step.kind == "message":
            follow_message(story, step)
        else:
            follow(story, step)
        steps = story.steps
        steps.append(step)
        story.trail.append(mark)
        if len(steps) > MOST:
            del steps[HEAD:-TAIL], story.trail[HEAD:-TAIL]
        return step

    def _data(self, story: Story, side: int, record: Record, packet: int) -> Optional[Step]:
        size = record.length - 5
        if size > _LONG:
            self._long(story, side, record)
        trail = story.trail
        if trail and trail[-1] == "data":
            step = story.steps[-1]
            if step.side == side:
                step.count += 1
                step.size += size
                step.last = size
                step.until = packet
                if record.missing:
                    step.missing += record.missing
                lengths = step.lengths
                if len(lengths) < LENGTHS:
                    lengths.append(size)
                courses = story.courses
                if courses and courses[-1].finished[0] is None:
                    extended(courses[-1], step)
                return None
        step = Step("data", side, packet)
        step.type, step.version, step.offset = 23, record.version, record.offset
        step.size = step.last = size
        if record.missing:
            step.missing = record.missing
        step.lengths = [size]
        return self._add(story, step, "data")

    def _long(self, story: Story, side: int, record: Record) -> None:
        """Notes a record that may be longer than allowed."""
        if len(story.long) < 16:
            places = tuple(story.finds[side](record.offset, record.offset + 5))
            story.long.append((side, record.length - record.header, not record.encrypted and record.type != 23, places))

    def _sealed(self, story: Story, side: int, record: Record, packet: int) -> Optional[Step]:
        length, offset, kind = record.length, record.offset, record.type
        if length > _LONG:
            self._long(story, side, record)
        step = Step("sealed", side, packet)
        step.version, step.offset = record.version, offset
        size = step.size = length - record.header
        if size > _SHORTEST or kind not in SEALED:
            step.type = kind
        if record.missing:
            step.missing = record.missing
        if record.finished:
            step.finished = True
        step.places = tuple(story.finds[side](offset, offset + length))
        self._add(story, step, SEALED.get(step.type, "sealed"))
        return step if kind == 21 or kind == 24 else None

    def _body(self, story: Story, part: Part, record: Record, packet: int) -> Step:
        buf = part.buf
        if record.format == "ssl2":
            step = Step("message", part.side, packet)
            step.format = "ssl2"
            step.version, step.offset, step.size = record.version, record.offset, record.length
            step.name, step.type = _ssl2_name(buf)
            if step.name == "client_hello":
                step.facts = story.hello = facts.ssl2_hello(buf)
                step.data = buf
                # Ranges of facts count from the body, as `where` does from `offset`.
                step.pieces = [(0, part.base, record.length - record.header)]
            mark = step.name
        else:
            mark = _CONTENT.get(record.type or 0, "record")
            step = Step(mark, part.side, packet)
            step.type, step.version, step.offset = record.type, record.version, record.offset
            step.size, step.pieces = record.length - 5, [(0, part.base, record.length - 5)]
            if record.type == 21 and not record.missing and isinstance(buf, bytes) and len(buf) >= 2:
                step.level, step.description = buf[0], buf[1]
                if story.version == 0x0304:
                    # RFC 8446 section 6: the level says nothing; these two alone do not end the connection in error.
                    step.level = 1 if step.description in (0, 90) else 2
            elif isinstance(buf, bytes):
                step.data = buf[:BODY_BYTES]
        if record.missing:
            step.missing = record.missing
        if part.buffer:
            step.buffer = part.buffer
        step.places = self._places(story, part, record.offset, record.offset + record.length)
        return self._add(story, step, mark)

    def _message(self, story: Story, part: Part, packet: int, header: bytes) -> Optional[Step]:
        message = part.message
        if message is None or not part.done:
            return None
        name, side, offset, size = message.name, part.side, message.offset, message.length
        record, pieces = part.record, part.pieces
        step = Step("message", side, packet)
        step.name, step.type = name, message.type
        step.offset, step.size = offset, size
        if record is not None:
            step.version = record.version
        if message.missing:
            step.missing = message.missing
        if pieces is not None:
            step.pieces = pieces
        if part.buffer:
            step.buffer = part.buffer
            step.places = self._places(story, part, offset, offset + size)
        elif pieces is None or len(pieces) < 2:
            step.places = tuple(story.finds[side](offset, offset + size))
        else:
            step.places = story.where(step, 0, size)
        if name in _READ:
            buf = self._kept(story, part.buf, size)
            story.held += len(buf)
            fields = part.fields
            self._read(story, step, buf, fields if buf and isinstance(fields, Form) and fields.again else None)
            if name == "certificate":
                if any(node.name == _RAW_KEY for node, _, _, _, _ in fields[:_FIRST]):
                    step.facts = facts.raw_key()
                if header:
                    step.dated = facts.date(header)
        elif self._keep:
            self._kept(story, part.buf, size)
        if name == "new_session_ticket" and not part.buffer and size <= HELLO:
            step.data = part.buf
        return self._add(story, step, name)

    def _read(self, story: Story, step: Step, buf: Any, form: Optional[Form]) -> None:
        """The facts of a message, as far as its bytes are kept in `buf`; `form`: that of the message, if it came before."""
        name = step.name
        if name == "client_hello":
            if len(step.places) > 1:
                step.segments = len({place[0] for place in step.places})
            step.facts = facts.client_hello(buf, form)
            step.data = buf
            if not step.buffer.startswith("plain"):
                story.hello = step.facts
        elif name in ("server_hello", "hello_retry_request"):
            answer = step.facts = facts.server_hello(buf, form)
            if name == "server_hello" and not step.buffer.startswith("plain"):
                story.answer = answer
                versions, suites = answer.versions, answer.suites
                story.version = versions[0] if versions else answer.version or None
                story.suite = suites[0] if suites else None
        elif name == "certificate":
            step.facts = facts.chain(buf, story.version or 0, form)
        elif name == "certificate_request":
            step.facts = facts.request(buf, story.version or 0x0303)
        elif name == "server_key_exchange":
            step.facts = facts.key_exchange(buf, self._key_exchange(story.suite or 0))

    def _rest(self, story: Story, part: Part, packet: int) -> Optional[Step]:
        """Holes, and bytes outside of any record; those in a row are one step."""
        kind = "hole" if part.kind == LOST else "other"
        last = story.steps[-1] if story.steps else None
        size = part.hi - part.lo
        if last is not None and last.kind == kind and last.side == part.side:
            last.size += size
            if kind == "other" and len(last.data) < 256:
                last.data += bytes(part.buf[: 256 - len(last.data)])
            return None
        step = Step(kind, part.side, packet)
        step.offset, step.size = part.lo, size
        if part.record is not None:
            step.type = part.record.type
        if kind == "other":
            step.data = bytes(part.buf[:256])
            step.places = self._places(story, part, part.lo, part.hi)
        return self._add(story, step, kind)

    def _places(self, story: Story, part: Part, lo: int, hi: int) -> Places:
        if part.buffer:
            return tuple(part.places.find(part.lo, part.hi)) if part.places is not None else ()
        return tuple(story.finds[part.side](lo, hi))

    def _kept(self, story: Story, buf: Any, size: int) -> Any:
        """The bytes of a message, where there is room for them; those of a chain seen before are shared."""
        if size > MESSAGE_BYTES:
            return b""
        if size > 512 and isinstance(buf, bytes):
            known = self._shared.get(buf)
            if known is not None:
                return known
            if len(self._shared) >= SHARED:
                del self._shared[next(iter(self._shared))]
            self._shared[buf] = buf
        if story.kept + size > STORY_BYTES or self._held + size > ALL_BYTES:
            return b""
        story.kept += size
        self._held += size
        return buf


def _ssl2_name(buf: Any) -> Any:
    names: List[str] = ["error", "client_hello", "client_master_key", "client_finished", "server_hello", "server_verify",
                        "server_finished", "request_certificate", "client_certificate"]
    kind = buf[0] if isinstance(buf, bytes) and buf else -1
    return (names[kind] if 0 <= kind < len(names) else ""), kind


def attempted(story: Story, course: Course) -> Optional[Tuple[Any, ...]]:
    """The values of an Attempt of a connection that is over; None where its hello is not known, or not how it went."""
    hello = course.first_hello
    if hello is None or story.guessed or story.torn or not (story.packets[0] and story.packets[1]):
        return None
    end, how = course.last, ""
    if not course.complete:
        end, how = _failed(story, course, hello)
        if end is None:
            return None
    elif course.version == 0x0304 and _doubtful(story, course):
        return None
    raw = hello.data if isinstance(hello.data, bytes) and len(hello.data) <= HELLO else b""
    first = story.steps[0].packet if story.trail[0] == "SYN" else hello.packet
    client, server = story.ends
    return (
        story.number, client.rpartition(":")[0], server, first, end.packet if end is not None else hello.packet, how,
        end.side if end is not None else 0, end.description if how == "alert" and end is not None else -1, raw, hello.format,
        hello.size, story.seen[1] > 0, course.version or 0, -1 if course.suite is None else course.suite, hello.places,
        end.places if how and end is not None and end is not hello else (), *_sessions(course, raw),
    )  # fmt: skip


_NO_SESSIONS = (b"", b"", 0), b"", False


def _sessions(course: Course, hello: bytes) -> Tuple[Tuple[bytes, bytes, int], bytes, bool]:
    """What an Attempt has as `given`, `offered` and `taken`."""
    answer, ticket, facts = course.answer, course.ticket, course.hello.facts if course.hello is not None else None
    if course.version == 0x0304 or answer is None or answer.facts is None or facts is None:
        return _NO_SESSIONS
    offered = b""
    if course.kind == "full" or course.resumed and not course.complete:
        span = facts.extensions.get(35, (0, 0))
        # A client that speaks TLS 1.3 sends a session ID that names nothing (RFC 8446 appendix D.4), and one with a ticket too.
        offered = hello[span[0] : span[1]] or (facts.session_id if facts.versions is None else b"")
    # A ticket stands behind the header, its lifetime and its length (RFC 5077 section 3.3).
    new = ticket.data[10:] if ticket is not None and isinstance(ticket.data, bytes) else b""
    given = answer.facts.session_id if course.kind == "full" else b""
    return (given, new, ticket.packet if ticket is not None else answer.packet), offered, course.resumed


def _doubtful(story: Story, course: Course) -> bool:
    """Whether all that the server says behind the client's Finished of TLS 1.3 is one record as long as an alert: close_notify, or
    that it refuses the client's certificate, or that there is none."""
    said: List[Step] = []
    for step in reversed(story.steps):
        if step is course.finished[0] or len(said) > 1:
            break
        if step.kind == "data" and step.side:
            said.append(step)
    return len(said) == 1 and said[0].count == 1 and said[0].last in _ALERTS


def _failed(story: Story, course: Course, hello: Step) -> Tuple[Optional[Step], str]:
    """By what a handshake failed first, and how, as of Attempt; (None, "") where the trace does not show it."""
    lacks = any(story.gaps) or any(story.snapped)
    for step in story.steps:
        kind = step.kind
        if kind == "alert" and step.level == 2 and step.description >= 0:
            return step, kind
        if not lacks and (kind == "FIN" or kind == "RST" or kind == "other" and step.side and course.answer is None):
            return step, kind
    if not (lacks or story.seen[1]) and story.resent[0]:
        return hello, "silence"
    return None, ""
