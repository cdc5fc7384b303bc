"""A whole trace as objects: packets with their rows, connections, records, messages, fields, findings.

`Collector` has a renderer's interface: fed by the pipeline, it makes one `Report` for each input. Documents,
exercises and programs read Reports; nothing in them depends on how anything is printed.

    for connection in report.connections:
        for message in connection.messages:
            for field in message.fields:
                print(field.path, field.hex, field.value, field.at)

Offsets and lengths are bytes, ranges half-open; which coordinate a number has is said in `model`. A Report takes
memory in proportion to its input; the fields of a unit are made when they are asked for, and kept.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Type, Union

from hexnote import model
from hexnote.fields import Cut, Place, bits, digits, home, known, places, walk
from hexnote.model import CONTENT_TYPES, SIDES, Finding, Node, Part, Value

__all__ = [
    "Collector", "Connection", "Field", "Hole", "Item", "Message", "Other", "Packet", "Place", "Record", "Report", "Row",
    "Unit",
]


class Row(NamedTuple):
    """One row of a dump."""

    line: int  # 1-based input line
    offset: int  # dump offset of its first byte
    data: bytes  # its bytes
    cols: Tuple[int, ...]  # where, in `raw`, the two digits of each byte stand
    text: int  # where, in `raw`, the text column begins; -1: there is none
    raw: bytes  # the line as it came, with its line end


class Item(NamedTuple):
    """A piece of the input. All pieces, joined, are the input (annotations taken out)."""

    text: bytes
    line: int  # 1-based number of its first line
    packet: Optional[Packet] = None  # whose rows it has; None: prose, or an excerpt
    block: Optional[model.Block] = None  # its rows; None: prose


class Packet:
    """A packet of the trace, in input order.

    Beside what its headers say (`src`, `sport`, `dst`, `dport`, `flags`, `seq`, `ack`, `window`, `time` as printed) it has
    `number` and `line` (of the input), both from 1; `side`, "client" or "server", and `connection`, None outside TCP; `start`,
    the dump offset where the TCP payload begins; `payload` and `captured`, how long that is on the wire and in the dump;
    `offset`, that of its first byte in the stream; `units` and `findings`. What is not shown is None.
    """

    number: int  # 1-based
    line: int  # 1-based input line
    connection: Optional[Connection]  # None outside TCP
    side: Optional[str]  # "client" or "server" sent it; None outside TCP
    src: Optional[str]
    sport: Optional[int]
    dst: Optional[str]
    dport: Optional[int]
    time: Optional[str]  # as printed
    flags: str  # letters of FSRPAUEC
    seq: Optional[int]  # absolute
    ack: Optional[int]
    window: Optional[int]
    link: Optional[int]  # header lengths, None where they are not shown
    ip: Optional[int]
    tcp: Optional[int]
    version: Optional[int]  # of IP
    start: int  # dump offset where the TCP payload begins
    payload: int  # TCP payload bytes on the wire
    captured: int  # TCP payload bytes shown
    offset: Optional[int]  # stream offset of the first payload byte
    dress: str  # name of the dump format
    note: str  # what could not be read of its headers, in words
    notice: Optional[model.Notice]  # what it says of another packet, where it is an ICMP error

    def __init__(self, number: int, line: int) -> None:
        self.number = number
        self.line = line
        self.connection = None
        self.side = None
        self.blocks: List[model.Block] = []
        self.remarks: List[str] = []  # what it does besides carrying bytes, in words
        self.findings: List[Finding] = []  # that became known with it
        self.late: List[Place] = []  # bytes of other packets that it made readable
        self.units: List[Unit] = []  # records, messages and other bytes that have bytes of it, by first appearance
        self.header = b""  # its summary lines, as they came

    def rows(self) -> Iterator[Row]:
        """Its dump rows, in input order. A row that prose interrupted comes again."""
        for block in self.blocks:
            at = 0
            for r in range(block.row_count()):
                row = block.row(r)
                data = block.data[at : at + row.size]
                at += row.size
                yield Row(row.line, row.offset, data, row.layout.cols, row.layout.text, block.text[row.start : row.end])

    def bytes_at(self, start: int, end: int) -> Optional[bytes]:
        """The bytes of the dump range [start, end); None where the dump does not show them all."""
        made = bytearray()
        at = start
        for block in sorted(self.blocks, key=lambda b: b.offset):
            if block.offset <= at < block.offset + len(block.data):
                piece = block.data[at - block.offset : end - block.offset]
                made += piece
                at += len(piece)
        return bytes(made) if at >= end else None

    def __repr__(self) -> str:
        return f"<Packet {self.number}>"


class Field:
    """A field of a format: a leaf with bytes, or a group that holds the fields after it which lie deeper."""

    __slots__ = ("node", "group", "path", "start", "end", "depth", "buffer", "cuts", "offset", "at", "unit", "buf")

    def __init__(
        self, node: Node, group: bool, path: str, start: int, end: int, depth: int, buffer: str, cuts: List[Cut], offset: int,
        at: List[Place], unit: Unit, buf: Any,
    ) -> None:
        self.node = node  # the format's name for it, shared by all fields of the kind
        self.group = group
        self.path = path  # the RFCs' names: "server_hello.random.gmt_unix_time"
        self.start = start  # in `buf`
        self.end = end
        self.depth = depth  # 0 is outermost
        self.buffer = buffer  # in which its bytes lie: "" the stream, else as JSON names it ("plain:204")
        self.cuts = cuts  # its pieces, as (buffer, start, end), where it lies in several buffers
        self.offset = offset  # of its first byte, in `buffer`
        self.at = at  # where its bytes stand
        self.unit = unit  # the record or message that it belongs to
        self.buf = buf  # `bytes`, or a `spans.Patchy` where some are missing

    @property
    def length(self) -> int:
        """Its bytes, captured or not."""
        return self.end - self.start

    @property
    def label(self) -> str:
        """The last component of its path, without index: "cipher_suites", "session_id length"."""
        return self.node.name + self.node.suffix.replace(".", " ")

    @property
    def raw(self) -> Optional[bytes]:
        """Its bytes; None where some of them were not captured."""
        return known(self.buf, self.start, self.end)

    @property
    def hex(self) -> str:
        """Its bytes in hex, `..` for each that was not captured."""
        return digits(self.buf, self.start, self.end)

    @property
    def value(self) -> Value:
        """A number or text; None for a group, for opaque bytes, and where bytes were not captured."""
        raw = None if self.group else self.raw
        return None if raw is None else self.node.value(raw)

    @property
    def name(self) -> Optional[str]:
        """The registry's name of its value."""
        raw = None if self.group else self.raw
        return None if raw is None else self.node.title(raw)

    @property
    def bits(self) -> Dict[str, int]:
        """Bit fields by name; empty where it has none."""
        raw = None if self.group or not self.node.bits else self.raw
        return {} if raw is None else bits(self.node, raw)

    @property
    def sentence(self) -> str:
        """What its bytes say: "length = 74 bytes (0x004a)"; plain ASCII, shortened where it is long."""
        raw = self.raw
        return f"{self.label}: not captured" if raw is None and not self.group else self.node.say(raw or b"")

    @property
    def missing(self) -> bool:
        """Whether some of its bytes are not there."""
        return self.raw is None

    @property
    def doc(self) -> str:
        """The format's note on it, "" where there is none; the same for all fields of the kind."""
        return self.node.doc

    @property
    def rfc(self) -> str:
        """Where it is defined: "RFC 5246 section 7.4.1.3", or ""."""
        return self.node.rfc

    def __repr__(self) -> str:
        return f"<Field {self.path} {self.hex[:16]}>"


class Unit:
    """Bytes of one direction that belong together, with their fields: a record, a message, or others.

    `side` is "client" or "server"; `offset` counts from the stream's first byte, `length` in bytes, headers included;
    `missing` are those that were not captured; `seen` is the number of the packet that completed it; `problems` say what
    breaks its format.
    """

    def __init__(self, connection: Connection, side: int, offset: int, seen: int) -> None:
        self.connection = connection
        self.side = SIDES[side]
        self.offset = offset  # stream offset of its first byte
        self.length = 0  # bytes, headers included
        self.missing = 0  # of these, not captured
        self.seen = seen  # number of the packet that completed it
        self.problems: List[str] = []  # what breaks its format, in words
        self._parts: List[Tuple[Part, Any]] = []
        self._fields: Optional[List[Field]] = None
        self.buffer = ""  # in which it begins

    @property
    def hex(self) -> str:
        """Its bytes in hex, `..` for each that was not captured. Those of a record's messages are theirs."""
        own = [part for part, _ in self._parts if part.buffer == self._parts[0][0].buffer]
        return "".join(digits(part.buf, 0, _extent(part)) for part in own)

    @property
    def fields(self) -> List[Field]:
        """Groups and leaves in preorder. The leaves tile the unit."""
        if self._fields is None:
            self._fields = list(self.each())
        return self._fields

    def each(self) -> Iterator[Field]:
        """The same, and none of them is kept."""
        return (Field(*told, self, part.buf) for part, where in self._parts for told in walk(part, where))

    def field(self, path: str) -> Optional[Field]:
        """The first field whose path is `path`, or ends with `.path`; None where there is none."""
        return next((f for f in self.fields if f.path == path or f.path.endswith("." + path)), None)

    @property
    def at(self) -> List[Place]:
        """Where its bytes stand."""
        made: List[Place] = []
        for part, where in self._parts:
            runs = part.pieces if part.pieces and len(part.pieces) > 1 else [(0, part.base, _extent(part))]
            for _, offset, size in runs:
                for packet, a, b in where.find(offset, offset + size) if where is not None and size else ():
                    if made and made[-1][0] == packet and made[-1][2] == a:
                        made[-1] = (packet, made[-1][1], b)
                    else:
                        made.append((packet, a, b))
        return made

    def _add(self, part: Part, where: Any) -> None:
        if where is not None and not part.buffer:
            runs = part.pieces if part.pieces else [(0, part.base, _extent(part))]
            where = where.within(runs[0][1], runs[-1][1] + runs[-1][2])
        self._parts.append((part, where))
        self.problems += [text for _, _, text in part.problems]
        self._fields = None


def _extent(part: Part) -> int:
    """How many bytes a part's unit has, as far as its fields say."""
    return max((f[2] for f in part.fields), default=len(part.buf))


class Record(Unit):
    """A TLS record, or an SSL 2.0 one. Its fields are its header's, and its body's if that is no handshake message; where
    it was decrypted, also those of what it holds, which say so by their `buffer`. `number` counts per direction, from 1;
    `messages` begin in it."""

    def __init__(self, connection: Connection, record: model.Record, seen: int) -> None:
        super().__init__(connection, record.side, record.offset, seen)
        self.model = record
        self.number = record.number  # 1-based, per direction
        self.messages: List[Message] = []  # that begin in it
        self._places: Any = None

    @property
    def at(self) -> List[Place]:
        """Where its bytes stand, those of its messages included."""
        return self._places.find(self.offset, self.offset + self.length) if self._places is not None and self.length else []

    @property
    def header(self) -> int:
        """Its header's length."""
        return self.model.header

    @property
    def format(self) -> str:
        """"tls" or "ssl2"."""
        return self.model.format

    @property
    def type(self) -> Optional[int]:
        """Content type; None in SSL 2.0."""
        return self.model.type

    @property
    def type_name(self) -> str:
        """Its content type in words: "handshake", "type 99"; "SSL 2.0"."""
        return "SSL 2.0" if self.format == "ssl2" else CONTENT_TYPES.get(self.type or 0, f"type {self.type}")

    @property
    def version(self) -> Optional[int]:
        """The record layer's version, 0x0301 for TLS 1.0; None in SSL 2.0."""
        return None if self.format == "ssl2" else self.model.version

    @property
    def encrypted(self) -> bool:
        """Whether its body is encrypted."""
        return self.model.encrypted

    @property
    def inside(self) -> Optional[int]:
        """Decrypted with the user's keys: the content type of what it holds."""
        return self.model.inside

    @property
    def why(self) -> str:
        """Why its body is opaque, in words."""
        return self.model.why

    @property
    def finished(self) -> bool:
        """Encrypted, and by its place a Finished."""
        return self.model.finished

    @property
    def description(self) -> str:
        """The record in a few words: "handshake, TLS 1.0, 74 bytes"."""
        return model.describe(self.model)

    def __repr__(self) -> str:
        return f"<Record {self.side} {self.number}: {self.description}>"


class Message(Unit):
    """A handshake message in clear. `record` is the one in which it begins, `records` are those in which it has bytes."""

    def __init__(self, connection: Connection, message: model.Message, seen: int) -> None:
        super().__init__(connection, message.side, message.offset, seen)
        self.model = message
        self.record: Optional[Record] = None  # in which it begins
        self.records: List[Record] = []  # in which it has bytes

    @property
    def type(self) -> int:
        """Handshake type; -1 where that byte was not captured."""
        return self.model.type

    @property
    def name(self) -> str:
        """"server_hello"; "" where the type is unknown."""
        return self.model.name

    def __repr__(self) -> str:
        return f"<Message {self.side} {self.name or self.type}>"


class Other(Unit):
    """Bytes in which no TLS was found, or a record header cut short. Offsets of fields count from its first byte."""

    def __init__(self, connection: Connection, part: Part, seen: int) -> None:
        super().__init__(connection, part.side, part.base, seen)
        self.length = part.hi - part.lo
        self.buffer = f"other:{part.base}" if part.kind == model.OTHER else ""
        self.note = part.note  # why, in words

    def __repr__(self) -> str:
        return f"<Other {self.side} {self.offset}+{self.length}>"


class Hole(NamedTuple):
    """Bytes of a stream that the trace lacks."""

    side: str
    start: int  # stream offsets
    end: int
    seen: int  # number of the packet with which they were given up


class Connection:
    """A TCP connection, or bytes without any headers (`pseudo`).

    `number` counts from 0 by first appearance; `client` and `server` are "address:port", "" where that is not known;
    `version` (0x0304 for TLS 1.3) and `suite` are what the ServerHello chose, None without one; `verdict` says in one sentence
    how it ended and why, `by` who must act ("client", "server", "middlebox", "unknown", "nobody"), `certificate_line` whose
    certificate was shown, `closed` how it was closed. `packets`, `records`, `messages`, `others` (bytes that are neither) and
    `holes` are lists, `units` records, messages and others together, by the order in which they begin to be known;
    `findings` stand in the order in which they became known.
    """

    def __init__(self, number: int) -> None:
        self.number = number  # 0-based by first appearance
        self.client = ""  # "address:port"; "" where that is not known
        self.server = ""
        self.pseudo = False  # bytes without headers
        self.closed = ""  # how it ended, in words; "" while open
        self.version: Optional[int] = None  # that the ServerHello chose, 0x0304 for TLS 1.3
        self.suite: Optional[int] = None  # the cipher suite that it chose
        self.key_exchange = "unknown"
        self.verdict = ""  # how it ended and why, in one sentence
        self.by = ""  # who must act, as the verdict says: "client", "server", "middlebox", "unknown" or "nobody"
        self.certificate_line = ""  # whose certificate was shown, in one line
        self.preface = ""  # what stands before TLS
        self.told: List[str] = []  # what is said of it where the trace shows no bytes, but tells in words
        self.packets: List[Packet] = []
        self.records: List[Record] = []  # in the order in which they became complete
        self.messages: List[Message] = []
        self.others: List[Other] = []
        self.holes: List[Hole] = []
        self.units: List[Unit] = []  # records, messages and others by the order in which they begin to be known
        self.findings: List[Finding] = []  # in the order in which they became known

    def __repr__(self) -> str:
        return f"<Connection {self.number}: {self.client or '?'} to {self.server or '?'}>"


class Report:
    """What is known of one trace: `file`, its name ("-" for standard input); `packets`; `connections`; `findings`, those
    of the connections too; `items`, the input in its order."""

    def __init__(self, file: str) -> None:
        self.file = file  # "-" for standard input
        self.items: List[Item] = []  # the input in its order
        self.packets: List[Packet] = []
        self.connections: List[Connection] = []
        self.findings: List[Finding] = []

    @property
    def text(self) -> bytes:
        """The input, annotations taken out."""
        return b"".join(item.text for item in self.items)

    def packet(self, number: int) -> Packet:
        """The packet with this number (1-based). Raises IndexError."""
        if number < 1:
            raise IndexError(number)
        return self.packets[number - 1]

    def fields(self) -> Iterator[Field]:
        """All fields of all units, connection by connection."""
        for connection in self.connections:
            for unit in connection.units:
                yield from unit.fields

    def __repr__(self) -> str:
        counts = [f"{n} {noun}{'' if n == 1 else 's'}" for n, noun in (
            (len(self.packets), "packet"), (len(self.connections), "connection"))]
        return f"<Report of {self.file}: {', '.join(counts)}>"


class Collector:
    """The renderer that prints nothing: `reports` has a Report for each input."""

    echoes = False
    unfinished = False
    live = False
    timed = True  # each packet's summary line is read
    kind: Type[Report] = Report  # what is made of each input
    keep = True  # opaque bodies are wanted with all their bytes

    def __init__(self) -> None:
        self.reports: List[Report] = []
        self._report = self.kind("-")
        self._connections: Dict[int, Connection] = {}
        self._records: Dict[Tuple[int, int, int], Record] = {}  # that are not over, by connection, side and number
        self._over: Dict[Tuple[int, int], Record] = {}  # the last record that is, by connection and side
        self._begun: Dict[Tuple[int, int], List[Record]] = {}  # records with bytes of the message that is not over
        self._raw: Dict[int, model.Packet] = {}  # by number
        self._packet: Optional[Packet] = None

    # ---------------------------------------------------------------- what the pipeline calls

    def begin(self, file: str) -> None:
        """A new input begins."""
        self._report = self.kind(file)
        self.reports.append(self._report)
        self._connections = {}
        self._records = {}
        self._over = {}
        self._begun = {}
        self._raw = {}
        self._told: List[str] = []  # sentences before any packet
        self._packet = None

    def prose(self, item: model.Prose) -> None:
        """Lines that are no dump."""
        self._report.items.append(Item(item.text, item.line))

    def excerpt(self, block: model.Block) -> None:
        """Rows that show bytes of an earlier packet again."""
        self._report.items.append(Item(block.text, block.line, None, block))

    def block(
        self, block: model.Block, packet: model.Packet, connection: Optional[model.Connection], parts: List[Part], review: bool,
        remarks: Sequence[str], findings: Sequence[Finding],
    ) -> None:
        """A packet, or more of one, and what its bytes completed."""
        report = self._report
        mine = self._packet
        if mine is None or mine.number != packet.number:
            mine = self._packet = Packet(packet.number, packet.line)
            mine.header = packet.header
            report.packets.append(mine)
            self._raw[packet.number] = packet
        if mine.connection is None and connection is not None:
            mine.connection = self._connection(connection)
            mine.connection.packets.append(mine)
        mine.blocks.append(block)
        mine.remarks += remarks
        report.items.append(Item(block.text, block.line, mine, block))
        self._parts(parts, connection)
        self._findings(findings)

    def late(
        self, packet: model.Packet, at: int, data: bytes, connection: Optional[model.Connection], parts: List[Part],
    ) -> None:
        """Bytes of an earlier packet that only now can be read."""
        if self._packet is not None:
            self._packet.late.append((packet.number, at, at + len(data)))
        self._parts(parts, connection)

    def lost(self, parts: List[Part], connection: Optional[model.Connection]) -> None:
        """Holes and given-up units."""
        self._parts(parts, connection)

    def remark(self, text: str, findings: Sequence[Finding] = ()) -> None:
        """Sentences between packets."""
        if text and self._packet is not None:
            self._packet.remarks.append(text)
        elif text:
            self._told.append(text)
        self._findings(findings)

    def finish(self, connection: model.Connection, findings: Sequence[Finding]) -> None:
        """A connection is over."""
        mine = self._connection(connection)
        mine.closed = connection.closed
        mine.told, self._told = self._told, []
        session = connection.session
        if session is not None:
            mine.version, mine.suite, mine.key_exchange = session.version, session.suite, session.key_exchange
        if connection.verdict is not None:
            mine.verdict, mine.by = connection.verdict.text, connection.verdict.by
        mine.certificate_line = connection.certificate_line
        mine.preface = str(getattr(connection, "preface", "") or "")
        self._findings(findings, mine)

    def end(self) -> None:
        """The input ends: what changed in the midst of it is as it remained."""
        packets = {mine.number: mine for mine in self._report.packets}
        for mine in packets.values():
            _copy(mine, self._raw[mine.number])
        for connection in self._report.connections:
            _link(connection, packets)
        self._raw = {}
        self._connections, self._records, self._over, self._begun = {}, {}, {}, {}

    def leave(self, connection: model.Connection) -> Connection:
        """Give away a connection that is over, complete, and forget it and all text up to here."""
        mine = self._connection(connection)
        report = self._report
        for packet in mine.packets:
            _copy(packet, self._raw.pop(packet.number))
        for packet in report.packets:
            if packet.connection is None:
                self._raw.pop(packet.number, None)
        _link(mine, {packet.number: packet for packet in mine.packets})
        report.items, report.packets, report.findings = [], [], []
        report.connections = [other for other in report.connections if other is not mine]
        del self._connections[mine.number]
        for side in (0, 1):
            self._over.pop((mine.number, side), None)
        return mine

    def take(self) -> bytes:
        """Nothing is printed."""
        return b""

    # ---------------------------------------------------------------- units

    def _connection(self, connection: model.Connection) -> Connection:
        mine = self._connections.get(connection.number)
        if mine is None:
            mine = self._connections[connection.number] = Connection(connection.number)
            self._report.connections.append(mine)
        if connection.ends[0] or connection.ends[1]:
            mine.client, mine.server = connection.ends
        mine.pseudo = connection.pseudo
        return mine

    def _parts(self, parts: List[Part], connection: Optional[model.Connection]) -> None:
        if connection is None:
            return
        mine = self._connection(connection)
        seen = self._packet.number if self._packet is not None else 0
        for part in parts:
            where = places(part, connection)
            if part.kind == model.BUFFER:
                continue
            if part.kind == model.LOST:
                if part.lo < part.hi and not part.buffer:
                    mine.holes.append(Hole(SIDES[part.side], part.lo, part.hi, seen))
            elif part.kind == model.MESSAGE:
                self._message(part, mine, where, seen)
            elif part.record is None:
                if part.done and part.fields:
                    other = Other(mine, part, seen)
                    other._add(part, where)
                    mine.others.append(other)
                    mine.units.append(other)
            else:
                record = self._record(part.record, mine, seen, part.buffer)
                if part.kind == model.END:
                    record.length, record.missing, record.seen = part.record.length, part.record.missing, seen
                    record._places = where if part.buffer else where.within(record.offset, record.offset + record.length)
                    mine.records.append(record)
                    self._records.pop((mine.number, part.side, record.number), None)
                    self._over[mine.number, part.side] = record
                elif part.done:
                    record._add(part, where)

    def _record(self, record: model.Record, connection: Connection, seen: int, buffer: str) -> Record:
        over = self._over.get((connection.number, record.side))
        if over is not None and buffer.startswith("plain:") and over.number == record.number:
            return over  # what it holds, decrypted
        key = (connection.number, record.side, record.number)
        mine = self._records.get(key)
        if mine is None:
            mine = self._records[key] = Record(connection, record, seen)
            connection.units.append(mine)
        return mine

    def _message(self, part: Part, connection: Connection, where: Any, seen: int) -> None:
        key = (connection.number, part.side)
        if part.begins:
            self._begun[key] = []
        records = self._begun.setdefault(key, [])
        if part.record is not None:
            record = self._record(part.record, connection, seen, part.buffer)
            if record not in records:
                records.append(record)
        if not part.done or part.message is None:
            return
        message = Message(connection, part.message, seen)
        message.buffer, message.offset = home(part)
        message.length, message.missing = part.message.length, part.message.missing
        message.records = self._begun.pop(key)
        if message.records:
            message.record = message.records[0]
            message.record.messages.append(message)
        message._add(part, where)
        connection.messages.append(message)
        connection.units.append(message)

    def _findings(self, findings: Sequence[Finding], connection: Optional[Connection] = None) -> None:
        for finding in findings:
            self._report.findings.append(finding)
            home = connection if connection is not None else self._connections.get(-1 if finding.stream is None else finding.stream)
            if home is not None:
                home.findings.append(finding)
            if connection is None and self._packet is not None:
                self._packet.findings.append(finding)


_COPIED = (
    "src", "sport", "dst", "dport", "flags", "seq", "ack", "window", "link", "ip", "tcp", "version", "start", "payload",
    "captured", "offset", "dress", "note", "notice",
)  # fmt: skip


def _link(connection: Connection, packets: Dict[int, Packet]) -> None:
    """Let packets know which units have bytes of them."""
    for unit in connection.units:
        for number in dict.fromkeys(place[0] for place in unit.at):
            if number in packets:
                packets[number].units.append(unit)


def _copy(mine: Packet, raw: model.Packet) -> None:
    """What is known of a packet's headers."""
    for name in _COPIED:
        setattr(mine, name, getattr(raw, name))
    mine.side = None if raw.stream is None else SIDES[raw.side]
    mine.time = raw.time


# What `Packet.units` and `Connection.units` hold.
AnyUnit = Union[Record, Message, Other]
