"""Exercises out of a trace: each kind of question is one function.

A question is asked of what the trace's rows show, and its answer rests on bytes that are named in the key. Which
packets, records and fields are asked about is decided by the seed alone, so that a sheet can be made again.
"""

from __future__ import annotations

from hashlib import blake2b

from hexnote.hints import Any, Callable, List, Optional, Sequence, Tuple, TypeVar
from hexnote.model import CONTENT_TYPES, VERSIONS
from hexnote.report import Connection, Field, Message, Packet, Place, Record, Report, Unit
from hexnote.tuples import NamedTuple

T = TypeVar("T")

# How an answer is compared.
NUMBER, TEXT, ORDER, RANGE = "a number", "a name", "numbers in order", "first and last offset"


class Question(NamedTuple):
    """One exercise."""

    level: int  # 1 to 3
    title: str
    given: List[str]  # lines that stand under the title: rows, notes
    ask: str
    form: str  # what the answer is: NUMBER ...
    answer: str  # as the key writes it
    others: Tuple[str, ...]  # answers that are as good
    at: List[Place]  # the bytes that prove it: (packet, start, end), dump offsets
    way: str  # how one gets there


class Dice:
    """Choices that depend on a seed and nothing else, whatever the version of Python."""

    def __init__(self, seed: int, name: str) -> None:
        self._lead = f"{seed}/{name}/".encode()
        self._count = 0

    def below(self, most: int) -> int:
        """A number from 0 up to `most`, which is not reached."""
        self._count += 1
        made = blake2b(self._lead + str(self._count).encode(), digest_size=8).digest()
        return int.from_bytes(made, "big") % most

    def one(self, of: Sequence[T]) -> T:
        """One of several; there is at least one."""
        return of[self.below(len(of))]

    def order(self, of: Sequence[T]) -> List[T]:
        """All of them in another order."""
        rest, made = list(of), []
        while rest:
            made.append(rest.pop(self.below(len(rest))))
        return made


# ---------------------------------------------------------------- what can be asked about


def _shown(report: Report, place: Place) -> bool:
    """Whether the dump shows all bytes of a place."""
    return report.packet(place[0]).bytes_at(place[1], place[2]) is not None


def _with_headers(report: Report) -> List[Packet]:
    return [p for p in report.packets if p.tcp is not None and p.ip is not None and p.payload and p.captured]


def _records(report: Report) -> List[Record]:
    """Records whose header stands in one packet and is shown."""
    found = []
    for connection in report.connections:
        for record in connection.records:
            if (
                record.format == "tls"
                and not record.buffer
                and len(_place(record, "record.type")) == 1
                and _header(record) is not None
            ):
                found.append(record)
    return found


def _header(record: Record) -> Optional[Place]:
    """Where the five bytes of a record's header stand; None where they are not in one packet."""
    places = [_place(record, path) for path in ("record.type", "record.version", "record.length")]
    if any(len(p) != 1 for p in places):
        return None
    (number, start, _), (other, _, end) = places[0][0], places[2][0]
    return (number, start, end) if number == other and end - start == 5 else None


def _place(unit: Any, path: str) -> List[Place]:
    field = unit.field(path)
    return field.at if field is not None else []


def _messages(report: Report, name: str) -> List[Unit]:
    """The messages of a name; a ClientHello in SSL 2.0 form is a record (RFC 5246 appendix E.2)."""
    return [unit for connection in report.connections for unit in _named(connection, name)]


def _named(connection: Connection, name: str) -> List[Unit]:
    made: List[Unit] = []
    for unit in connection.units:
        if isinstance(unit, Message) and unit.name == name:
            made.append(unit)
        elif name == "client_hello" and isinstance(unit, Record) and unit.format == "ssl2" and unit.field("client_hello.version"):
            made.append(unit)
    return made


def _pair(connection: Connection) -> Tuple[Optional[Unit], Optional[Unit]]:
    """The last ClientHello before the ServerHello, and the ServerHello."""
    servers = _named(connection, "server_hello")
    offers = [offer for offer in _named(connection, "client_hello") if not servers or offer.seen <= servers[0].seen]
    return (offers[-1] if offers else None), (servers[0] if servers else None)


def _values(message: Unit, path: str) -> List[Field]:
    """The items of a list."""
    lead = path + "["
    return [
        f for f in message.fields if f.path.startswith(lead) and f.path.endswith("]") and not f.group and f.path.count("[") == 1
    ]


def _bytes(report: Report, place: Place) -> str:
    raw = report.packet(place[0]).bytes_at(place[1], place[2]) or b""
    return raw.hex()


def _where(place: Place) -> str:
    return f"packet {place[0]}, 0x{place[1]:04x}" + (f" to 0x{place[2] - 1:04x}" if place[2] - place[1] > 1 else "")


def _nibble(report: Report, packet: Packet, offset: int, name: str) -> Tuple[int, Place]:
    place = (packet.number, offset, offset + 1)
    return int(_bytes(report, place) or "0", 16), place


# ---------------------------------------------------------------- level 1: headers, and the record's five bytes


def ip_header(report: Report, dice: Dice) -> Optional[Question]:
    """The length of an IP header, out of its first byte (RFC 791 section 3.1)."""
    packets = [p for p in _with_headers(report) if p.version == 4 and _shown(report, (p.number, p.link or 0, (p.link or 0) + 1))]
    if not packets:
        return None
    packet = dice.one(packets)
    value, place = _nibble(report, packet, packet.link or 0, "ip")
    return Question(
        1,
        f"The IP header of packet {packet.number}",
        [],
        "How many bytes long is the IP header?",
        NUMBER,
        str(packet.ip),
        (),
        [place],
        f"The byte {value:02x} at {_where(place)}: 4 is the version, {value & 15:x} counts words of four bytes: "
        f"{value & 15} x 4 = {packet.ip}.",
    )


def tcp_header(report: Report, dice: Dice) -> Optional[Question]:
    """The length of a TCP header, out of its data offset (RFC 9293 section 3.1)."""
    packets = [p for p in _with_headers(report)]
    packets = [p for p in packets if _shown(report, (p.number, p.start - (p.tcp or 0) + 12, p.start - (p.tcp or 0) + 13))]
    if not packets:
        return None
    packet = dice.one(packets)
    begin = packet.start - (packet.tcp or 0)
    value, place = _nibble(report, packet, begin + 12, "tcp")
    return Question(
        1,
        f"The TCP header of packet {packet.number}",
        [],
        "How many bytes long is the TCP header, options included?",
        NUMBER,
        str(packet.tcp),
        (),
        [place],
        f"TCP begins at 0x{begin:04x}, behind {packet.ip} bytes of IP header. Its data offset is the first digit of "
        f"the byte 12 places "
        f"behind: {value:02x} at {_where(place)}: {value >> 4} x 4 = {packet.tcp}.",
    )


def payload(report: Report, dice: Dice) -> Optional[Question]:
    """Where the TLS bytes of a packet begin."""
    packets = [p for p in _with_headers(report) if _shown(report, (p.number, p.start, p.start + 1))]
    if not packets:
        return None
    packet = dice.one(packets)
    place = (packet.number, packet.start, packet.start + 1)
    return Question(
        1,
        f"Behind the headers of packet {packet.number}",
        [],
        "At which offset of the dump does the first byte of TCP's payload stand?",
        NUMBER,
        f"0x{packet.start:04x}",
        (),
        [place],
        f"{f'{packet.link} bytes of link header, ' if packet.link else ''}{packet.ip} bytes of IP header and {packet.tcp} of TCP "
        f"header: {f'{packet.link} + ' if packet.link else ''}{packet.ip} + {packet.tcp} = {packet.start} = 0x{packet.start:04x}.",
    )


def record_type(report: Report, dice: Dice) -> Optional[Question]:
    """The content type of a record (RFC 8446 section 5.1)."""
    records = [r for r in _records(report) if r.type in CONTENT_TYPES]
    if not records:
        return None
    record = dice.one(records)
    header = _header(record)
    assert header is not None and record.type is not None
    digits = _bytes(report, header)
    return Question(
        1,
        f"Five bytes of packet {header[0]}",
        [f"0x{header[1]:04x}: {' '.join(digits[i : i + 2] for i in range(0, 10, 2))}"],
        "A TLS record begins with these bytes. What is its type?",
        TEXT,
        CONTENT_TYPES[record.type],
        (str(record.type), digits[:2], f"{CONTENT_TYPES[record.type]} ({record.type})"),
        [(header[0], header[1], header[1] + 1)],
        f"The first byte is the content type: {digits[:2]} is {record.type}, {CONTENT_TYPES[record.type]}.",
    )


def record_length(report: Report, dice: Dice) -> Optional[Question]:
    """How long a record is."""
    records = _records(report)
    if not records:
        return None
    record = dice.one(records)
    header = _header(record)
    assert header is not None
    digits = _bytes(report, header)
    version = VERSIONS.get(record.version or 0, "unknown")
    return Question(
        1,
        f"A record's length in packet {header[0]}",
        [f"0x{header[1]:04x}: {' '.join(digits[i : i + 2] for i in range(0, 10, 2))}"],
        "How many bytes follow in this record, behind these five?",
        NUMBER,
        str(record.length - 5),
        (),
        [(header[0], header[1] + 3, header[2])],
        f"Behind type ({digits[:2]}) and version ({digits[2:6]}: {version}) two bytes are the length: 0x{digits[6:]} "
        f"= {record.length - 5}.",
    )


# ---------------------------------------------------------------- level 2: the hellos, and the order of segments


def chosen_suite(report: Report, dice: Dice) -> Optional[Question]:
    """Which suite was chosen."""
    found = []
    for connection in report.connections:
        hello = _pair(connection)[1]
        field = hello.field("server_hello.cipher_suite") if hello is not None else None
        if field is not None and field.name and field.at:
            found.append((connection, field))
    if not found:
        return None
    connection, field = dice.one(found)
    return Question(
        2,
        f"The server's choice in connection {connection.number}",
        [],
        "Which cipher suite did the server choose?",
        TEXT,
        str(field.name),
        _suite_names(field),
        field.at,
        f"In the ServerHello the suite stands behind the session ID: {field.hex} at {_where(field.at[0])}: {field.sentence}.",
    )


def _suite_names(field: Field) -> Tuple[str, ...]:
    names = [field.hex, f"{field.hex[:2]} {field.hex[2:]}", f"0x{field.hex}"]
    if ", OpenSSL " in field.sentence:
        names.append(field.sentence.rpartition(", OpenSSL ")[2])
    return tuple(names)


def place_of_choice(report: Report, dice: Dice) -> Optional[Question]:
    """Where in the client's list the chosen suite stands."""
    found = []
    for connection in report.connections:
        offer, hello = _pair(connection)
        if offer is None or hello is None:
            continue
        field = hello.field("server_hello.cipher_suite")
        suites = _values(offer, "client_hello.cipher_suites") or _values(offer, "client_hello.cipher_specs")
        if field is None or field.value is None:
            continue
        for i, suite in enumerate(suites):
            if suite.value == field.value and suite.at:
                found.append((connection, i, suite, len(suites)))
                break
    if not found:
        return None
    connection, i, suite, count = dice.one(found)
    return Question(
        2,
        f"The client's list in connection {connection.number}",
        [],
        "At which place of the client's list of cipher suites does the suite stand that the server chose? The first place is 1.",
        NUMBER,
        str(i + 1),
        (),
        suite.at,
        f"The list has {count} suites of {suite.length} bytes; {suite.hex} is number {i + 1}, at {_where(suite.at[0])}.",
    )


def offered(report: Report, dice: Dice) -> Optional[Question]:
    """How many suites a client offers."""
    found = []
    for message in _messages(report, "client_hello"):
        for name in ("cipher_suites", "cipher_specs"):
            values = _values(message, f"client_hello.{name}")
            if values and values[0].at and values[-1].at:
                found.append((message, values))
    if not found:
        return None
    message, values = dice.one(found)
    size = values[0].length
    return Question(
        2,
        f"The offer in packet {values[0].at[0][0]}",
        [],
        "How many cipher suites does this ClientHello list?",
        NUMBER,
        str(len(values)),
        (),
        [values[0].at[0], values[-1].at[-1]],
        f"The list is {len(values) * size} bytes long and each entry has {size}: {len(values) * size} / {size} = {len(values)}.",
    )


def session_id(report: Report, dice: Dice) -> Optional[Question]:
    """Where a session ID stands."""
    found = [f for name in ("client_hello", "server_hello") for m in _messages(report, name) for f in m.fields
             if f.node.name == "session_id" and not f.node.suffix and f.length and len(f.at) == 1 and not f.missing]  # fmt: skip
    if not found:
        return None
    field = dice.one(found)
    number, start, end = field.at[0]
    return Question(
        2,
        f"The session ID in packet {number}",
        [],
        f"Which bytes of packet {number} are the session ID of the {field.unit.side}'s hello? "
        "Give the offsets of the first and the last byte.",
        RANGE,
        f"0x{start:04x} to 0x{end - 1:04x}",
        (),
        field.at,
        f"Behind version and random (2 + 32 bytes) one byte says how long it is: {field.length}. It is {field.hex}.",
    )


def server_name(report: Report, dice: Dice) -> Optional[Question]:
    """Which name the client asks for."""
    found = [f for m in _messages(report, "client_hello") for f in m.fields if f.node.name == "host_name" and f.value and f.at and
             not f.node.suffix]  # fmt: skip
    if not found:
        return None
    field = dice.one(found)
    return Question(
        2,
        f"The name in packet {field.at[0][0]}",
        [],
        "Which server does the client ask for, by name?",
        TEXT,
        str(field.value),
        (),
        field.at,
        f"The extension server_name (type 0) holds it in clear: {_where(field.at[0])}.",
    )


def segments(report: Report, dice: Dice) -> Optional[Question]:
    """Segments put in order by their sequence numbers."""
    found = []
    for connection in report.connections:
        for side in ("client", "server"):
            packets, seen = [], set()
            for packet in connection.packets:
                if (
                    packet.side == side
                    and packet.payload
                    and packet.seq is not None
                    and packet.offset is not None
                    and packet.offset not in seen
                ):
                    seen.add(packet.offset)
                    packets.append(packet)
            if len(packets) >= 3:
                found.append((connection, side, packets))
    if not found:
        return None
    connection, side, packets = dice.one(found)
    first = dice.below(len(packets) - 2)
    chosen = packets[first : first + 4]
    right = sorted(chosen, key=lambda p: p.offset or 0)
    shuffled = dice.order(chosen)
    for _ in range(8):
        if shuffled != right:
            break
        shuffled = dice.order(chosen)
    lines = [f"packet {p.number}: sequence number {p.seq}, {p.payload} bytes" for p in shuffled]
    return Question(
        2,
        f"Segments of the {side} in connection {connection.number}",
        lines,
        "In which order do these segments belong? Give the numbers of the packets.",
        ORDER,
        ", ".join(str(p.number) for p in right),
        (),
        [(p.number, p.start - (p.tcp or 0) + 4, p.start - (p.tcp or 0) + 8) for p in right if p.tcp is not None],
        "Each sequence number is that of the one before plus its bytes: "
        + ", then ".join(f"{p.seq} + {p.payload} = {((p.seq or 0) + p.payload) & 0xFFFFFFFF}" for p in right[:-1])
        + ".",
    )


# ---------------------------------------------------------------- level 3: judging


def _told(field: Field) -> bool:
    """Whether a note can be made of a field: a small number that stands in one packet."""
    if field.group or field.missing or field.buffer or field.node.level or len(field.at) != 1 or field.length not in (1, 2, 3):
        return False
    return isinstance(field.value, int) and " = " in field.sentence


def planted(report: Report, dice: Dice) -> Optional[Question]:
    """One wrong note among right ones."""
    found = []
    for connection in report.connections:
        for unit in [*connection.messages, *connection.records]:
            fields = [f for f in unit.fields if _told(f)]
            if len(fields) >= 4:
                found.append(fields)
    if not found:
        return None
    fields = dice.one(found)
    first = dice.below(max(len(fields) - 6, 0) + 1)
    chosen = fields[first : first + 7]
    lengths = [i for i, f in enumerate(chosen) if f.node.show == "length" or f.node.suffix == ".length"] or list(range(len(chosen)))
    bad = dice.one(lengths)
    field = chosen[bad]
    value = int(field.value or 0)
    wrong = value + 1 + dice.below(3) if dice.below(2) or value < 4 else value - 1 - dice.below(3)
    lines = []
    for i, one in enumerate(chosen):
        number, start, end = one.at[0]
        told = one.sentence if i != bad else f"{one.label} = {wrong}" + (" bytes" if "bytes" in one.sentence else "")
        told = told.partition(" (0x")[0]
        digits = one.hex
        lines.append(f"note {i + 1}: 0x{start:04x}: {digits:<6} {told}")
    number = field.at[0][0]
    return Question(
        3,
        f"One wrong note on packet {number}",
        lines,
        "One of these notes says what its bytes do not. Which one? Give its number.",
        NUMBER,
        str(bad + 1),
        (f"note {bad + 1}",),
        field.at,
        f"{field.hex} is {value}, not {wrong}: {field.sentence}.",
    )


def who_acts(report: Report, dice: Dice) -> Optional[Question]:
    """Who must act, where a finding proves it and the connection's verdict, which weighs all findings, says the same."""
    judged = {connection.number: connection.by for connection in report.connections}
    found = [
        f for f in report.findings if f.severity == "error" and f.by in ("client", "server") and f.at and f.sure != "possible"
        and f.stream is not None and judged.get(f.stream) == f.by
    ]
    if not found:
        return None
    finding = dice.one(found)
    return Question(
        3,
        f"What broke connection {finding.stream}",
        [],
        f"Who must act, the client or the server? (Look at {_where(finding.at[0])}.)",
        TEXT,
        finding.by,
        (),
        list(finding.at),
        f"{finding.code}: {finding.text}",
    )


def who_sent_alert(report: Report, dice: Dice) -> Optional[Question]:
    """What an alert in clear says."""
    found = []
    for connection in report.connections:
        for record in connection.records:
            field = record.field("alert.description")
            if field is not None and field.name and field.at and not field.buffer:
                found.append((record, field))
    if not found:
        return None
    record, field = dice.one(found)
    return Question(
        3,
        f"The alert in packet {field.at[0][0]}",
        [],
        f"What does the {record.side} complain of in this alert?",
        TEXT,
        str(field.name),
        (str(field.value), field.hex),
        field.at,
        f"The second byte of an alert is its description: {field.sentence}.",
    )


def missing(report: Report, dice: Dice) -> Optional[Question]:
    """How many bytes of a record the trace lacks."""
    found = [r for c in report.connections for r in c.records if r.missing and r.at]
    if not found:
        return None
    record = dice.one(found)
    return Question(
        3,
        f"What is not there of the {record.side}'s record {record.number}",
        [],
        f"This record begins in packet {record.at[0][0]} and has {record.length} bytes, its header included. How many "
        f"of them does the "
        "trace not show?",
        NUMBER,
        str(record.missing),
        (),
        record.at,
        f"{record.length} bytes, of which the rows show {record.length - record.missing}: {record.missing} are missing.",
    )


def across(report: Report, dice: Dice) -> Optional[Question]:
    """With which packet a message is complete."""
    found = []
    for connection in report.connections:
        for message in connection.messages:
            numbers = sorted({place[0] for place in message.at})
            if len(numbers) > 1 and not message.missing and message.name:
                found.append((message, numbers))
    if not found:
        return None
    message, numbers = dice.one(found)
    return Question(
        3,
        f"A {message.name} over several packets",
        [],
        f"The {message.side}'s {message.name} begins in packet {message.at[0][0]} and is {message.length} bytes long. "
        f"Which packet brings "
        "its last byte?",
        NUMBER,
        str(message.at[-1][0]),
        (f"packet {message.at[-1][0]}",),
        message.at,
        "Its bytes stand in " + "; ".join(_where(place) for place in message.at) + ".",
    )


def certificate_end(report: Report, dice: Dice) -> Optional[Question]:
    """Until when a certificate is valid."""
    found = [f for m in _messages(report, "certificate") for f in m.fields if f.node.name == "notAfter" and f.value and f.at and
             not f.node.suffix]  # fmt: skip
    if not found:
        return None
    field = dice.one(found)
    day = str(field.value)[:10]
    return Question(
        3,
        f"A certificate in packet {field.at[0][0]}",
        [f"0x{field.at[0][1]:04x}: {field.hex}"],
        "These bytes are the end of a certificate's validity. Which day is it? Write it as 2031-12-24.",
        TEXT,
        day,
        (str(field.value),),
        field.at,
        f"The bytes are text: two or four digits of the year, then month, day and time, in UTC: {field.sentence}.",
    )


KINDS: Tuple[Callable[[Report, Dice], Optional[Question]], ...] = (
    ip_header, tcp_header, payload, record_type, record_length,
    chosen_suite, place_of_choice, offered, session_id, server_name, segments,
    planted, across, certificate_end, who_sent_alert, who_acts, missing,
)  # fmt: skip


def questions(report: Report, level: int, seed: int) -> List[Question]:
    """The questions of a sheet: every kind up to `level` (1 to 3) that the trace can answer, easy ones first."""
    made = []
    for kind in KINDS:
        question = kind(report, Dice(seed, kind.__name__))
        if question is not None and question.level <= level:
            made.append(question)
    return made
