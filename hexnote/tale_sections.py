"""The records of a connection in sections: what has to be told together, and to which part of the story it belongs."""

from __future__ import annotations

from hexnote.hints import Dict, List, Sequence, Tuple, Union
from hexnote.model import CONTENT_TYPES
from hexnote.report import Connection, Message, Other, Place, Record

# Parts of a story: each change begins a step.
HANDSHAKE, DATA, ALERT, OTHER = "handshake", "data", "alert", "other"


class Section:
    """Records that share messages, bytes that are no record, or what a log shows decrypted."""

    def __init__(self, side: str, offset: int) -> None:
        self.side = side
        self.offset = offset  # stream offset of its first byte
        self.end = offset  # and behind its last one
        self.records: List[Record] = []
        self.others: List[Other] = []
        self.messages: List[Message] = []
        self.phase = OTHER
        self.key = ""  # which sentence says why it is there: "certificate", "finished", "application_data" ...
        self.names: List[str] = []  # what it holds, as the RFCs write it
        self.places: List[Place] = []
        self.seen = 0  # number of the packet with which it can be read
        self.first = 0  # number of the packet in which it begins
        self.logged = ""  # the buffer that holds it, where a log shows it decrypted; its offset is one in that

    @property
    def sealed(self) -> bool:
        """Whether it is encrypted."""
        return bool(self.records) and all(r.encrypted for r in self.records)

    @property
    def missing(self) -> int:
        """How many of its bytes are not in the dump."""
        return sum(r.missing for r in self.records)

    @property
    def length(self) -> int:
        """Its bytes, headers included."""
        return self.end - self.offset


def camel(name: str) -> str:
    """The name of a message as the RFCs write it: server_hello_done to ServerHelloDone."""
    return "".join(word[:1].upper() + word[1:] for word in name.replace("url", "URL").split("_"))


def sections(connection: Connection) -> List[Section]:
    """The sections of both sides, each side's by offset."""
    made: List[Section] = []
    for side in ("client", "server"):
        units: List[Union[Record, Other]] = [r for r in connection.records if r.side == side]
        units += [o for o in connection.others if o.side == side and not _logged(o)]
        units.sort(key=lambda u: u.offset)
        joined: Dict[int, Section] = {}  # by message
        last = None
        for unit in units:
            section = _home(unit, joined, last)
            if section is None:
                section = Section(side, unit.offset)
                made.append(section)
            section.end = max(section.end, unit.offset + unit.length)
            if isinstance(unit, Record):
                section.records.append(unit)
                for message in unit.messages:
                    joined[id(message)] = section
                    section.messages.append(message)
            else:
                section.others.append(unit)
            last = section
    for one in connection.units:
        if isinstance(one, (Message, Other)) and _logged(one):
            section = Section(one.side, one.offset)
            section.end, section.seen, section.logged = one.offset + one.length, one.seen, _logged(one)
            if isinstance(one, Message):
                section.messages.append(one)
            else:
                section.others.append(one)
            made.append(section)
    hello = min((s.offset for s in made if s.side == "server" and s.records and not s.sealed), default=None)
    finished = any(r.inside is not None for r in connection.records)  # with keys nothing has to be guessed
    for section in made:
        section.places = _places(section)
        section.first = section.places[0][0] if section.places else 0
        _name(section, connection.version == 0x0304)
    for section in sorted(made, key=lambda s: s.first):
        if connection.version == 0x0304 and section.key == "application_data" and hello is not None:
            finished = _early_13(section, finished, connection)
    _order(made)
    return made


def _logged(unit: Union[Message, Other]) -> str:
    """The buffer of what a log shows decrypted, "" for bytes of the stream."""
    buffer = unit.buffer or (unit.fields[0].buffer if unit.fields else "")
    return buffer if buffer.startswith("logged:") else ""


def _home(unit: Union[Record, Other], joined: Dict[int, Section], last: Union[Section, None]) -> Union[Section, None]:
    """The section that a unit belongs to; None: a new one."""
    if isinstance(unit, Record):
        if last is not None and last.records:
            for message in last.messages:
                if unit in message.records:
                    return last
        return None
    return last if last is not None and last.others and last.end == unit.offset else None


def _places(section: Section) -> List[Place]:
    out: List[Place] = []
    logged = section.messages if section.logged else ()
    for unit in (*section.records, *section.others, *logged):
        for place in unit.at:
            if out and out[-1][0] == place[0] and out[-1][2] == place[1]:
                out[-1] = (place[0], out[-1][1], place[2])
            else:
                out.append(place)
    return out


def _name(section: Section, version_13: bool) -> None:
    """What a section holds, to which part of the story it belongs, and which sentence introduces it."""
    if section.others and not section.logged:
        section.phase, section.key, section.names = OTHER, "other", []
        return
    if section.others:
        _alert(section, section.others[0])
        if section.key == "alert.sealed":  # the byte that says what an encrypted record holds
            held = section.others[0].field("inner_plaintext.type")
            kind = held.value if held is not None else None
            section.phase = ALERT if kind == 21 else DATA if kind == 23 else HANDSHAKE
            section.key, section.names = "logged", []
        return
    if section.messages:
        section.phase = HANDSHAKE
        section.names = [camel(m.name) if m.name else "?" for m in section.messages]
        section.key = section.messages[0].name
        return
    record = section.records[0]
    if record.format == "ssl2":
        root = next((f for f in record.fields if f.group and f.path != "record"), None)
        section.phase, section.key = HANDSHAKE, root.path if root is not None else "ssl2"
        section.names = [f"{camel(section.key)} (SSL 2.0 form)"]
        return
    inside = record.inside if record.inside is not None else record.type
    kind = CONTENT_TYPES.get(inside or 0, f"type {inside}")
    section.key = kind
    if inside == 20:
        section.phase, section.names = HANDSHAKE, ["ChangeCipherSpec"]
        section.key = "change_cipher_spec.13" if version_13 else "change_cipher_spec"
    elif inside == 22:
        section.phase = HANDSHAKE
        section.names = ["Finished (encrypted)" if record.finished else "handshake message (encrypted)" if record.encrypted
                         else "handshake message"]
        section.key = "finished" if record.finished else "sealed"
    elif inside == 21:
        _alert(section, record)
    elif inside == 23:
        section.phase, section.names = DATA, ["application data"]
    else:
        section.phase, section.names = DATA, [kind]


def _alert(section: Section, unit: Union[Record, Other]) -> None:
    """What an alert says, where it can be read."""
    section.phase = ALERT
    said = unit.field("alert.description")
    level = unit.field("alert.level")
    if said is None or said.raw is None:
        section.key, section.names = "alert.sealed", ["Alert (encrypted)"]
    else:
        section.key = "alert"
        grade = f" ({level.name})" if level is not None and level.name else ""
        section.names = [f"Alert: {said.name or said.value}{grade}"]


def _early_13(section: Section, finished: bool, connection: Connection) -> bool:
    """Encrypted records of TLS 1.3 that by their place belong to the handshake; whether the client's Finished has passed."""
    server_hello = next((m for m in connection.messages if m.name == "server_hello"), None)
    if finished or server_hello is None or not server_hello.at:
        return finished
    begun = server_hello.at[0]
    if section.side == "server":
        section.phase, section.key, section.names = HANDSHAKE, "sealed.13", ["handshake messages (encrypted)"]
        return False
    if section.first <= begun[0]:  # early data
        return False
    section.phase, section.key, section.names = HANDSHAKE, "finished.13", ["Finished (encrypted)"]
    return True


def _order(made: Sequence[Section]) -> None:
    """Sets with which packet each section can be read; within a side in the order of the stream."""
    latest: Dict[str, int] = {}
    for section in made:
        if section.logged:  # which is no part of the stream
            continue
        units = (*section.records, *section.others)
        seen = max((place[0] for place in section.places), default=0)
        if not section.missing:
            seen = max(seen, *(unit.seen for unit in units))
        latest[section.side] = section.seen = max(seen, latest.get(section.side, 0))


def by_packet(made: Sequence[Section]) -> Tuple[Dict[int, List[Section]], Dict[int, List[Section]]]:
    """By packet number: the sections with bytes in it, and those that can be read with it."""
    begin: Dict[int, List[Section]] = {}
    read: Dict[int, List[Section]] = {}
    for section in sorted(made, key=lambda s: s.offset):
        for number in dict.fromkeys(place[0] for place in section.places):
            begin.setdefault(number, []).append(section)
        read.setdefault(section.seen, []).append(section)
    return begin, read
