"""A trace told as a story: each connection in steps, each step with why it is made, its packets, and what their bytes say.

Nothing here knows how it is printed. A step is what one side says in one go: opening, offering, choosing, sending keys,
sending data, closing. Whatever is told was computed from the Report; sentences come from a `Wording`.
"""

from __future__ import annotations

from hexnote.hints import Dict, List, Optional, Sequence, Tuple, Union
from hexnote.model import VERSIONS, Finding, plain_range
from hexnote.report import Connection, Message, Packet, Record, Report, Unit
from hexnote.tale_entries import Buffers, Entry, Forest, clean
from hexnote.tale_facts import Facts
from hexnote.tale_findings import RIVALS, placed
from hexnote.tale_rows import Row, Rows
from hexnote.tale_sections import ALERT, DATA, Section, by_packet, camel, sections
from hexnote.tale_tcp import Tcp, sentence
from hexnote.tuples import NamedTuple
from hexnote.wording import Said, Wording

_ROUNDS = 4  # steps of data that are told one by one
_FEW = 6  # sections of data of a step that are told one by one,
_SHOWN = 2  # and how many of them where there are more
_PACKETS = 8  # packets without anything to tell, of a step, that are listed
_QUOTED = 30  # signs of bytes that are no TLS, in the table and the ladder


class PacketPart(NamedTuple):
    """A packet is mentioned."""

    id: str  # its address in the document
    packet: Packet
    said: List[Said]
    entries: List[Entry]  # of its headers, where they are reviewed
    rows: List[Row]
    after: List[Said]  # what follows from them


class SectionPart(NamedTuple):
    """Records are taken apart."""

    id: str  # its address in the document
    section: Section
    title: str
    lead: List[Said]  # why it is there
    rows: List[Row]
    entries: List[Entry]
    facts: List[Said]  # what it says together with others


class BulkPart(NamedTuple):
    """Many records, listed."""

    sections: List[Section]
    said: Said


class SaidPart(NamedTuple):
    """A sentence between packets."""

    said: Said


class BoxPart(NamedTuple):
    """A finding at its place."""

    findings: List[Finding]  # that rest on the same bytes

    @property
    def codes(self) -> str:
        """What it is called."""
        return ", ".join(dict.fromkeys(f.code for f in self.findings))

    @property
    def told(self) -> List[Finding]:
        """Those of its findings that say something new: rivals for the same bytes name each other."""
        rival = [f for f in self.findings if f.code in RIVALS]
        return [f for f in self.findings if f not in rival[1:]]


Part = Union[PacketPart, SectionPart, BulkPart, SaidPart, BoxPart]


class Step:
    """What one side says in one go."""

    def __init__(self, side: str, phase: str) -> None:
        self.side = side
        self.phase = phase
        self.number = 0  # 1-based
        self.id = ""
        self.kind = ""  # which words tell it: "client_hello"
        self.title = ""
        self.names: List[str] = []  # what is said, as the RFCs write it
        self.why: List[Said] = []
        self.parts: List[Part] = []
        self.packets: List[Packet] = []
        self.sections: List[Section] = []
        self.events: List[Tuple[Packet, Optional[Section]]] = []  # in the order in which they are told


class Arrow(NamedTuple):
    """A line of the ladder."""

    side: str
    label: str
    target: str  # address
    sealed: bool
    step: int


class Tale:
    """The story of one connection."""

    def __init__(self, connection: Connection, id: str) -> None:
        self.connection = connection
        self.id = id
        self.title = ""
        self.intro: List[Said] = []
        self.steps: List[Step] = []
        self.arrows: List[Arrow] = []
        self.table: List[Tuple[int, List[str], List[str]]] = []  # step, what the client says, what the server says
        self.before: List[Finding] = []  # that have no place: to be known before the first step
        self.findings: List[Finding] = []  # that belong to no step
        self.more: List[Tuple[str, int]] = []  # findings that are left out: code, how many


class Story:
    """The stories of one trace. `deep`: every node of every field; `prefix`: what addresses begin with."""

    def __init__(self, report: Report, words: Wording, deep: bool = False, prefix: str = "", count: int = 0) -> None:
        self.report = report
        self.words = words
        self.tales: List[Tale] = []
        # Findings that belong to no connection.
        self.findings = [f for f in report.findings if f.stream is None]
        self._level = 2 if deep else 0
        self._buffers = Buffers()
        self._rows = Rows(report, self._buffers)
        self._taught: Dict[int, bool] = {}
        self._told: Dict[Tuple[str, str], str] = {}  # messages that were taken apart: name and bytes to where
        self._before: List[Step] = []  # steps of the connection that are told
        self.count = count  # entries so far, those of earlier traces included
        for connection in report.connections:
            if connection.packets or connection.told:
                self.tales.append(self._tale(connection, f"{prefix}c{connection.number}"))

    # ---------------------------------------------------------------- one connection

    def _tale(self, connection: Connection, id: str) -> Tale:
        words = self.words
        tale = Tale(connection, id)
        if connection.client:
            tale.title = words.plain(
                "connection.title", number=connection.number, client=connection.client, server=connection.server)
        else:
            kind = "connection.title.bare" if connection.packets else "connection.title.words"
            tale.title = words.plain(kind, number=connection.number)
        made = sections(connection)
        tale.steps = _steps(connection, made)
        facts = Facts(connection, words)
        self._intro(tale, facts)
        tale.before, boxes, tale.findings, tale.more = placed(connection, made, bool(tale.steps))
        tcp = Tcp(connection, words)
        forest = Forest(self._level, self._taught, words, self._buffers)
        hellos = 0
        self._before = []
        for number, step in enumerate(tale.steps, 1):
            step.number, step.id = number, f"{id}.step{number}"
            step.kind, hellos = self._kind(step, connection, hellos)
            self._title(step)
            self._tell(step, tale, facts, tcp, forest, boxes)
            self._before.append(step)
        tale.findings += [f for found in boxes.values() for f in found]
        _aim(tale)
        for step in tale.steps:
            _draw(step, tale, words)
        return tale

    def _intro(self, tale: Tale, facts: Facts) -> None:
        """What is to be said before the first step."""
        words, connection, say = self.words, tale.connection, tale.intro.append
        if connection.client:
            say(words.say("connection.one", client=connection.client, server=connection.server))
        else:
            say(words.say("connection.bare" if connection.packets else "connection.words"))
        for text in (connection.preface, connection.verdict, connection.certificate_line):
            if text:
                say(Said("$text", {"text": sentence(text)}))
        if connection.version is not None and facts.suite:
            parts = _suite_parts(facts.suite)
            if parts and facts.suite in connection.verdict:
                say(words.say("connection.agreed", parts=parts))
            elif parts:
                say(words.say("connection.agreed.named", suite=facts.suite, parts=parts,
                              version=VERSIONS.get(connection.version, f"version {connection.version:#06x}")))
        tale.intro += [Said("$text", {"text": sentence(text)}) for text in connection.told]
        if not connection.packets:
            return
        say(words.say("connection.size", packets=words.count(len(connection.packets), "packet"),
                      records=words.count(len(connection.records), "record")))

    def _kind(self, step: Step, connection: Connection, hellos: int) -> Tuple[str, int]:
        """Which words tell a step, and how many hellos of the client there were."""
        names = {s.key for s in step.sections} | {m.name for s in step.sections for m in s.messages}
        last = step.side
        if step.phase in ("open", "close", "preface", "other"):
            return step.phase, hellos
        if step.phase == ALERT:
            grave = any("warning" not in name for s in step.sections for name in s.names)
            return "alert" if grave else "warning", hellos
        if step.phase == DATA:
            if "heartbeat" in names and "application_data" not in names:
                return "heartbeat", hellos
            opened = any(r.inside is not None for s in step.sections for r in s.records)
            first = not opened and not any(s.phase == DATA for s in self._before)
            ticket = first and last == "server" and connection.version == 0x0304
            return "data.server.13" if ticket else f"data.{last or 'both'}", hellos
        if "client_hello" in names:
            asked = any(step.kind == "hello_retry" for step in self._before[-2:])
            return f"client_hello{'.retry' if asked else '.again' if hellos else ''}", hellos + 1
        if "hello_retry_request" in names:
            return "hello_retry", hellos
        if "server_hello" in names:
            if connection.version == 0x0304:
                return "server_hello.13", hellos
            if "certificate" in names:
                return "server_hello", hellos
            return "server_hello.resumed" if "change_cipher_spec" in names else "server_hello.bare", hellos
        if "client_key_exchange" in names:
            if connection.key_exchange == "rsa":
                return "client_keys.rsa", hellos
            return "client_keys.dh" if _diffie(connection) else "client_keys", hellos
        if names == {"new_session_ticket"}:
            return "ticket", hellos
        if last == "client" and ("finished.13" in names or "finished" in names and connection.version == 0x0304):
            return "client_finish.13", hellos
        if "finished" in names or "change_cipher_spec" in names:
            return ("client_finish" if last == "client" else "server_finish"), hellos
        return ("sealed_handshake" if any(s.sealed for s in step.sections) else "handshake"), hellos

    def _title(self, step: Step) -> None:
        words = self.words
        step.title = words.plain(f"step.{step.kind}.title", side=words.words.get(step.side, step.side))
        step.names = _names(step)
        step.why = [words.say(f"step.{step.kind}.why", side=words.words.get(step.side, step.side))]
        if step.kind.startswith("client_keys") and any(m.name == "certificate" for s in step.sections for m in s.messages):
            step.why.append(words.say("step.client_keys.certificate.why"))

    # ---------------------------------------------------------------- one step

    def _tell(self, step: Step, tale: Tale, facts: Facts, tcp: Tcp, forest: Forest, boxes: Dict[int, List[Finding]]) -> None:
        """The parts of a step: packets in their order, each followed by what can be read with it."""
        words = self.words
        bulk: List[Section] = []
        quiet = told = 0
        few = sum(s.phase == DATA for s in step.sections) <= _FEW
        last = 0
        for packet, section in step.events:
            if packet.number != last:
                step.parts += boxed(boxes.pop(last, []))
                last = packet.number
            if section is None:
                said, dull = tcp.of(packet)
                review = tcp.review(packet)
                if dull and not review and packet.number not in boxes:
                    quiet += 1
                    if quiet > _PACKETS or (step.phase == DATA and not step.side):
                        continue
                entries, rows = self._review(tcp, packet, f"{tale.id}.p{packet.number}") if review else ([], [])
                if review:
                    said.append(words.say("review.why"))
                after = [tcp.review_sum(packet)] if review else []
                step.parts.append(PacketPart(f"{tale.id}.p{packet.number}", packet, said, entries, rows, after))
            else:
                if section.phase == DATA:
                    told += 1
                    if not step.side or told > _SHOWN and not few:
                        bulk.append(section)
                        continue
                step.parts.append(self._section(section, tale, facts, forest))
        step.parts += boxed(boxes.pop(last, []))
        if step.phase == "close":
            step.parts += [SaidPart(said) for said in _unsaid(tale, tcp, words)]
        if quiet > _PACKETS and step.side:
            step.parts.append(SaidPart(words.say("packet.more", count=quiet - _PACKETS)))
        if bulk:
            size = words.count(sum(s.length for s in bulk), "byte")
            step.parts.append(BulkPart(bulk, words.say("records.folded", count=len(bulk), size=size)))

    def _review(self, tcp: Tcp, packet: Packet, prefix: str) -> Tuple[List[Entry], List[Row]]:
        """The headers of a packet, taken apart."""
        entries = tcp.headers(packet, prefix)
        forest = Forest(self._level, self._taught, self.words)
        self.count = forest.number(entries, self.count)
        end = packet.start if packet.payload else max(packet.start, max((e.places[0][2] for e in entries), default=0))
        return entries, self._rows.of([(packet.number, 0, end)], entries)

    def _section(self, section: Section, tale: Tale, facts: Facts, forest: Forest) -> SectionPart:
        words = self.words
        prefix = f"{tale.id}.{section.side}"
        side = words.words.get(section.side.capitalize(), section.side)
        if section.records:
            first, last = section.records[0], section.records[-1]
            named = section.messages or first.finished or first.format == "ssl2"
            what = first.description.split(", plaintext")[0]
            if first.inside is not None and section.names:
                what = words.plain("record.opened", names=", ".join(section.names[:2]))
            elif first.finished:
                what = f"{what.replace('encrypted handshake, ', '')}: {section.names[0]}"
            elif named and len(what) + sum(map(len, section.names)) < 50:
                what += f": {', '.join(section.names)}"
            id = forest.address(f"{prefix}.r{first.number}")
            if first is last:
                title = words.plain("record.title", side=side, number=first.number, what=what)
            else:
                title = words.plain("records.title", side=side, first=first.number, last=last.number, what=what)
        elif section.logged:
            id = forest.address(f"{prefix}.{section.logged.replace(':', '')}")
            what = ", ".join(section.names) or words.words["logged.type"]
            title = words.plain("logged.title", side=side, what=what)
        else:
            id = forest.address(f"{prefix}.o{section.offset}")
            title = words.plain("other.title", side=side, size=words.count(section.length, "byte"))
        return SectionPart(id, section, title, self._lead(section, facts), *self._bytes(section, forest, prefix, id),
                           self._facts(section, facts, tale))

    def _lead(self, section: Section, facts: Facts) -> List[Said]:
        """Why a section is there: once for each kind of message."""
        out: List[Said] = []
        if section.records and section.records[0].format == "tls" and facts.once("record.first"):
            out.append(self.words.say("record.first"))
        names = [m.name for m in section.messages] or [section.key]
        version = facts.connection.version
        for name in dict.fromkeys(names):
            if name == "certificate" and section.side == "client":
                name = "certificate.client"
            if name == "certificate_verify" and section.side == "server":
                name = "certificate_verify.server"
            if name == "server_key_exchange" and not _diffie(facts.connection):
                name = "server_key_exchange.other"
            if name == "application_data" and section.records and section.records[0].inside is not None:
                name = "application_data.open"
            elif name == "application_data" and version == 0x0304:
                name = "application_data.13"
            if name == "finished" and section.messages:
                name = "finished.open"
            key = f"message.{name}.why"
            if name == "other":
                text = readable(section)
                if text:
                    out.append(self.words.say(key, text=text))
            elif self.words.has(key) and facts.once(key):
                lead = f"`{camel(name.split('.')[0])}`: " if len(section.messages) > 1 else ""
                out.append(Said(lead + self.words.words[key], {}))
        return out

    def _bytes(self, section: Section, forest: Forest, prefix: str, id: str) -> Tuple[List[Row], List[Entry]]:
        """The rows of a section and its entries; a message that was taken apart before is not again."""
        units: List[Unit] = [*section.others, *(section.messages if section.logged else ())]
        entries = forest.of(section.records, units, prefix)
        _hold(entries, self.words)
        for entry, message in _bodies(entries, section.messages):
            key = (message.name, message.hex)
            if message.length > 256 and "." not in key[1]:
                where = self._told.setdefault(key, id)
                if where != id:
                    entry.places = message.at
                    entry.kids = []
                    entry.words += f", {self.words.plain('entry.same')}"
                    entry.same = where
        self.count = forest.number(entries, self.count)
        return self._rows.of(section.places, entries, section.sealed), entries

    def _facts(self, section: Section, facts: Facts, tale: Tale) -> List[Said]:
        words = self.words
        out: List[Said] = []
        if len(section.messages) > 1 and len(section.records) == 1 and facts.once("fact.several"):
            out.append(words.say("fact.several", count=len(section.messages)))
        if len(section.records) > 1 and facts.once("fact.split"):
            out.append(words.say("fact.split", count=len(section.records)))
        units: Sequence[Unit] = section.messages or section.records
        for unit in units:
            out += facts.of(unit)
        if section.key == "change_cipher_spec":
            out += facts.dark()
        if section.side == "server" and section.key == "finished":
            out += facts.finished()
        if section.missing:
            size = section.missing
            out.append(words.say("record.missing", size=words.count(size, "byte"), are=words.words["is" if size == 1 else "are"]))
        if section.key == "finished" and section.side == "client" and facts.once("fact.nodata"):
            out.append(words.say("fact.nodata"))
        place = section.places[-1] if section.places else None
        if place is not None and section.records and facts.once(f"over.{section.side}"):
            packet = self.report.packet(place[0])
            if place[2] < packet.start + packet.payload:
                out.append(words.say("record.over"))
            else:
                facts.told.remove(f"over.{section.side}")
        return out


# ------------------------------------------------------------------ steps


def _steps(connection: Connection, made: Sequence[Section]) -> List[Step]:
    """Packets and sections in the order in which they are told, cut into steps."""
    begin, read = by_packet(made)
    packets = connection.packets
    spoken = [p.number for p in packets if begin.get(p.number)]
    closing = _closing(connection, begin, spoken)
    first = {s.side: s.offset for s in reversed(made) if s.records}  # where each side's records begin
    steps: List[Step] = []
    waiting: List[Packet] = []
    rounds = 0

    def enter(side: str, phase: str) -> Step:
        nonlocal rounds
        last = steps[-1] if steps else None
        if last is not None and last.phase == phase and (last.side == side or (phase == DATA and not last.side)
                                                         or phase in ("open", "close", "preface")):
            return last
        if phase == DATA:
            rounds += 1
            if rounds > _ROUNDS and last is not None and last.phase == DATA:
                last.side = ""
                return last
        step = Step(side, phase)
        steps.append(step)
        return step

    for packet in packets:
        mine = begin.get(packet.number, [])
        if mine:
            lead = mine[0]
            if closing is not None and packet.number >= closing and lead.phase == ALERT:
                step = enter("", "close")
            else:
                step = enter(lead.side, _phase(lead, first))
        elif closing is not None and packet.number >= closing:
            step = enter("", "close")
        elif not steps or (spoken and packet.number < spoken[0]):
            step = enter("", "open")
        elif "F" in packet.flags and _ahead(packet, packets):
            waiting.append(packet)
            continue
        elif waiting:
            waiting.append(packet)
            continue
        else:
            step = steps[-1]
        for each in [*waiting, packet]:
            step.packets.append(each)
            step.events.append((each, None))
        waiting = []
        for section in read.get(packet.number, []):
            phase = "close" if step.phase == "close" and section.phase == ALERT else _phase(section, first)
            step = enter("" if phase == "close" else section.side, phase)
            step.sections.append(section)
            step.events.append((packet, section))
    for packet in waiting:
        steps[-1].packets.append(packet)
        steps[-1].events.append((packet, None))
    return steps


def _phase(section: Section, first: Dict[str, int]) -> str:
    """The phase of a section. `first`: where each side's records begin; what stands before it is something else speaking."""
    if section.others and not section.logged and section.offset <= first.get(section.side, section.offset):
        return "preface" if first else "other"
    return section.phase


def _closing(connection: Connection, begin: Dict[int, List[Section]], spoken: List[int]) -> Optional[int]:
    """The number of the packet with which the end begins: behind it nothing is said but alerts."""
    last = 0
    grave = 0
    for number in spoken:
        for section in begin[number]:
            ending = section.key == "alert.sealed" or section.names == ["Alert: close_notify (warning)"]
            if section.phase == ALERT and not ending:
                grave = number
            if section.phase != ALERT or not ending:
                last = max(last, number)
    for packet in connection.packets:
        if packet.number <= max(last, grave):
            continue
        ends = any(s.phase == ALERT for s in begin.get(packet.number, []))
        if ends or "F" in packet.flags or "R" in packet.flags:
            return packet.number
    return None


def _ahead(packet: Packet, packets: Sequence[Packet]) -> bool:
    """Whether a packet has overtaken bytes of its side that come later in the trace."""
    if packet.seq is None:
        return False
    for other in packets:
        if other.number > packet.number and other.side == packet.side and other.payload and other.seq is not None:
            return (packet.seq - other.seq) & 0xFFFFFFFF < 0x80000000
    return False


def _names(step: Step) -> List[str]:
    """What a step holds, each once, with how often: the names of its sections, and what TCP opens or ends in it."""
    counts: Dict[str, int] = {}
    for packet, section in step.events:
        for name in section.names if section is not None else _flags(packet):
            name = name.replace("SYN, ACK", "SYN with ACK")
            counts[name] = counts.get(name, 0) + 1
    return [name if n == 1 else f"{name} × {n}" for name, n in counts.items()]


def _draw(step: Step, tale: Tale, words: Wording) -> None:
    """The lines of the table and of the ladder for a step."""
    sides: Dict[str, List[str]] = {"client": [], "server": []}
    arrows: List[Tuple[str, str, str, bool]] = []
    shown = {id(part.section): part.id for part in step.parts if isinstance(part, SectionPart)}
    for packet, section in step.events:
        if section is not None and section.logged and not section.names:
            continue  # it only says what the next one is
        if section is not None:
            target = shown.get(id(section), step.id)
            text = readable(section)[:_QUOTED] if section.others else ""
            size = words.count(section.length, "byte")
            strange = f'"{text}"' if text else words.plain("other.title", side="", size=size).strip(": ")
            label = ", ".join(section.names) or strange
            arrows.append((section.side, label, target, section.sealed or bool(section.logged)))
        else:
            flags = _flags(packet)
            if not flags and step.phase == "open" and packet.flags == "A":
                flags = ["ACK"]
            if flags and packet.side:
                arrows.append((packet.side, ", ".join(flags), step.id, False))
    merged: List[Arrow] = []
    times = 1
    for side, label, target, sealed in arrows:
        if merged and merged[-1].side == side and merged[-1].label.split(" × ")[0] == label:
            times += 1
            merged[-1] = merged[-1]._replace(label=f"{label} × {times}")
        else:
            times = 1
            merged.append(Arrow(side, label, target, sealed, step.number))
    tale.arrows += merged[:40]
    for arrow in merged[:40]:
        sides[arrow.side].append(arrow.label)
    if sides["client"] or sides["server"]:
        tale.table.append((step.number, sides["client"], sides["server"]))


def _diffie(connection: Connection) -> bool:
    """Whether each end sends a half of the key exchange."""
    return connection.key_exchange.partition("_")[0] in ("dh", "ecdh", "dhe", "ecdhe")


def _flags(packet: Packet) -> List[str]:
    """What of a packet's flags opens or ends a connection."""
    if "S" in packet.flags:
        return ["SYN, ACK" if "A" in packet.flags else "SYN"]
    return [name for letter, name in (("F", "FIN"), ("R", "RST")) if letter in packet.flags]


# ------------------------------------------------------------------ words


def _suite_parts(suite: str) -> str:
    """What a suite's name says, part by part; "" where it is built otherwise."""
    if not suite.startswith("TLS_"):
        return ""
    if "_WITH_" in suite:
        keys, cipher = suite[4:].split("_WITH_", 1)
        exchange, _, auth = keys.partition("_")
        cipher, _, check = cipher.rpartition("_")
        proof = f", {auth} for the server's signature" if auth else " and the proof of who the server is"
        whose = f"{exchange} for the exchange of keys{proof}"
        aead = any(name in suite for name in ("GCM", "CCM", "CHACHA"))
        last = "the hash from which keys are made" if aead else "the MAC that keeps records whole"
        return f"{whose}, {cipher} for encryption, {check} for {last}"
    cipher, _, check = suite[4:].rpartition("_")
    return f"{cipher} for encryption, {check} for the hash from which keys are made"


def _unsaid(tale: Tale, tcp: Tcp, words: Wording) -> List[Said]:
    """Who has closed without saying so in TLS: its records go up to its FIN, and none of them is an alert."""
    connection = tale.connection
    if connection.version is None or connection.version >= 0x0304:
        return []
    if any(step.phase == ALERT for step in tale.steps):  # a fatal alert ends both directions
        return []
    out: List[Said] = []
    for side in ("client", "server"):
        records = [r for r in connection.records if r.side == side]
        end = max((r.offset + r.length for r in records), default=-1)
        if tcp.fin.get(side) == end and any(r.encrypted for r in records) and not any(r.type == 21 for r in records):
            out.append(words.say("fact.close.none", side=words.words.get(side, side)))
    return out


def readable(section: Section) -> str:
    """The text of bytes that are no record, if it is text."""
    raw = b"".join(unit.fields[0].raw or b"" for unit in section.others if unit.fields)[:200]
    if not raw or sum(32 <= c < 127 or c in (9, 10, 13) for c in raw) < len(raw) * 0.8:
        return ""
    return clean(raw.decode("latin-1").replace("\r", "").strip().split("\n")[0])


def boxed(findings: Sequence[Finding]) -> List[Part]:
    """Boxes for findings: what rests on the same bytes stands in one."""
    by_place: Dict[Tuple[object, ...], List[Finding]] = {}
    for i, finding in enumerate(findings):
        key: Tuple[object, ...] = (*finding.at, finding.severity) if finding.at else (i,)
        if finding.code in RIVALS:  # of one side
            key = (finding.stream, finding.text.partition("(")[0])
        by_place.setdefault(key, []).append(finding)
    return [BoxPart(found) for found in by_place.values()]


def _aim(tale: Tale) -> None:
    """Gives links to where the bytes of a packet are explained their addresses: the section, or its step."""
    targets: Dict[int, str] = {}
    for step in tale.steps:
        shown = {id(part.section): part.id for part in step.parts if isinstance(part, SectionPart)}
        for section in step.sections:
            for place in section.places:
                targets.setdefault(place[0], shown.get(id(section), step.id))
    for step in tale.steps:
        for part in step.parts:
            if isinstance(part, PacketPart):
                part.said[:] = [
                    said._replace(values={**said.values, "target": targets.get(part.packet.number, step.id)})
                    if "target" in said.values else said for said in part.said
                ]  # fmt: skip


def _hold(entries: Sequence[Entry], words: Wording) -> None:
    """Says of encrypted content how much of it is content, as far as its length tells."""
    for entry in entries:
        _hold(entry.kids, words)
        record = entry.field.unit if entry.field is not None and entry.sealed and entry.kind != "group" else None
        if not isinstance(record, Record) or record.inside is not None:
            continue
        held = plain_range(record.model)
        if held is None:
            continue
        least = min(kind.least(record.length - record.header) for kind in record.model.protection)
        key = "entry.held.exact" if least == held[1] else "entry.held" if 0 < held[0] < held[1] else "entry.held.same"
        entry.words += f", {words.plain(key, most=held[1], least=held[0])}"


def _bodies(entries: Sequence[Entry], messages: Sequence[Message]) -> List[Tuple[Entry, Message]]:
    """The entries of whole messages."""
    by_offset = {(m.buffer, m.offset): m for m in messages}
    out: List[Tuple[Entry, Message]] = []
    for entry in entries:
        for kid in (entry, *entry.kids):
            field = kid.field
            if field is None or not isinstance(field.unit, Message) or kid.kind != "group":
                continue
            message = by_offset.get((field.unit.buffer, field.unit.offset))
            if message is not None and not any(m is message for _, m in out):
                out.append((kid, message))
    return out


__all__ = ["Arrow", "BoxPart", "BulkPart", "PacketPart", "Part", "Record", "SaidPart", "SectionPart", "Step", "Story", "Tale"]
