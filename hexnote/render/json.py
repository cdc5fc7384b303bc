"""JSON Lines: every packet, record, message, field and finding as an object of its own."""

from __future__ import annotations

from json import dumps
from json.encoder import encode_basestring_ascii as quote

from hexnote.fields import Place, bits, digits, home, known, places, walk
from hexnote.fields import where as located
from hexnote.hints import Any, Callable, Dict, List, Optional, Sequence, Tuple
from hexnote.model import (
    BODY,
    END,
    GROUP,
    LOST,
    MESSAGE,
    PACKET,
    SIDES,
    Block,
    Connection,
    Finding,
    Form,
    Node,
    Notice,
    Packet,
    Part,
    Prose,
    Record,
    plain_range,
)
from hexnote.quick import QUICK

_SHORT = 8  # bytes of a body that is likely to come again
_KEPT = 4096  # of those, and of lengths, are kept

# A field of a unit whose like will come again: (start, end, group, its path, its object behind the offset, its node
# where its bytes will be others).
_Planned = Tuple[int, int, bool, str, str, Optional[Node]]


def _text(value: Optional[str]) -> str:
    return "null" if value is None else quote(value)


def _number(value: Optional[int]) -> str:
    return "null" if value is None else str(value)


class Json:
    """The renderer. Objects come as soon as what they tell is complete, or given up."""

    echoes = False  # the input's lines are not in the output
    unfinished = False  # which always ends in LF
    live = False  # parts of units are of no use: only whole ones are printed
    timed = True  # each packet's summary line is read
    keep = True  # opaque bodies are wanted with all their bytes
    gathers = False  # a finding stands where it was made, whatever connection it concerns

    def __init__(self) -> None:
        self.out: List[str] = []
        self._aside = False  # another process prints what is made here: see `assist`
        self._waits: Optional[Packet] = None  # a packet that is not printed yet,
        self._place = 0  # and its place in `out`
        self._short: Dict[Tuple[int, bytes], List[_Planned]] = {}  # of record headers, and of bodies as short
        self._lengths: Dict[Tuple[Any, int], str] = {}  # what records' lengths tell

    # ---------------------------------------------------------------- what the pipeline calls

    def begin(self, file: str) -> None:
        """A new input begins."""
        self.out.append(f'{{"kind":"trace","file":{_text(file)}}}\n')

    def prose(self, item: Prose) -> None:
        """Lines that are no dump have no object."""

    def excerpt(self, block: Block) -> None:
        """Nor have bytes shown again."""

    def block(
        self, block: Block, packet: Packet, connection: Optional[Connection], parts: List[Part], review: bool,
        remarks: Sequence[str], findings: Sequence[Finding],
    ) -> None:
        """A packet, or more of one, and what its bytes completed."""
        if block.kind == PACKET and not self._aside:
            self._begin(packet)
        if review and packet.notice is not None:
            self._notice(packet, packet.notice)
        self._parts(parts, connection)
        for finding in findings:
            self._finding(finding)

    def late(self, packet: Packet, at: int, data: bytes, connection: Optional[Connection], parts: List[Part]) -> None:
        """Bytes of an earlier packet that only now can be read."""
        self._parts(parts, connection)

    def lost(self, parts: List[Part], connection: Optional[Connection]) -> None:
        """Holes and given-up units."""
        self._parts(parts, connection)

    def remark(self, text: str, findings: Sequence[Finding] = ()) -> None:
        """Sentences between packets have no object, findings have."""
        for finding in findings:
            self._finding(finding)

    def finish(self, connection: Connection, findings: Sequence[Finding]) -> None:
        """A connection is over."""
        verdict = connection.verdict
        if verdict is not None:
            self.out.append(
                f'{{"kind": "verdict", "stream": {connection.number}, "outcome": {quote(verdict.outcome)}, '
                f'"code": {_text(verdict.code or None)}, "by": {quote(verdict.by)}, "text": {quote(verdict.text)}, '
                f'"client_certificate": {_text(connection.certificate_line or None)}}}\n'
            )
        for finding in findings:
            self._finding(finding)

    def told(self, connection: Connection, acts: Sequence[Any]) -> None:
        """Records and messages of which only words tell: what the words do not have is null."""
        for act in acts:
            whose = f'"stream":{connection.number},"from":"{SIDES[act.side]}"'
            if act.first:
                size = None if act.length is None else act.length + 5
                self.out.append(
                    f'{{"kind":"record",{whose},"offset":null,"length":{_number(size)},"format":"tls","type":{act.type},'
                    f'"version":{_number(act.version)},"encrypted":{"true" if act.encrypted or act.type == 23 else "false"},'
                    f'"missing":{_number(size)},"line":{act.line}}}\n'
                )
            if act.type == 22 and act.name and not act.encrypted:
                self.out.append(
                    f'{{"kind":"message",{whose},"offset":null,"length":null,"type":{_number(act.code)},"name":{_text(act.name)},'
                    f'"missing":null,"line":{act.line}}}\n'
                )

    def end(self) -> None:
        """The input ends."""
        self._release()

    def take(self) -> bytes:
        """What was written since the last call."""
        if self._waits is None:
            made, self.out = self.out, []
        else:
            made, self.out, self._place = self.out[: self._place], self.out[self._place :], 0
        return "".join(made).encode("ascii")

    # ---------------------------------------------------------------- two processes that make one output

    def assist(self, ask: Callable[[], List[str]]) -> None:
        """From now on another process prints packets; what is made here besides are `part`s of it, for its `given`."""
        self._aside = True
        self.out = []
        self._waits = None

    def part(self) -> bytes:
        """What was made since the last call."""
        return self.take()

    def taught(self) -> List[str]:
        """No teaching notes are given here."""
        return []

    def learns(self, notes: List[str]) -> None:
        """Nor are they told by another process."""

    def given(self, text: bytes, packet: Optional[Packet], piece: bytes) -> None:
        """What another process made of a packet, if it is a new one, or of connections."""
        if packet is not None:
            self._begin(packet)
        if piece:
            self.out.append(piece.decode("ascii"))

    # ---------------------------------------------------------------- objects

    def _begin(self, packet: Packet) -> None:
        """A packet's object comes."""
        self._release()
        # More of a packet may follow that is not there whole: its object stands here, and waits.
        self._place, self._waits = len(self.out), packet
        self.out.append("")
        if packet.captured >= packet.payload and packet.tcp is not None:
            self._release()

    def _release(self) -> None:
        """Put the packet's object in its place."""
        if self._waits is not None:
            self.out[self._place] = self._packet(self._waits)
            self._waits = None

    def _packet(self, p: Packet) -> str:
        null = "null"  # a call for each of these would take as long as all else
        stream, side = (null, null) if p.stream is None else (p.stream, f'"{SIDES[p.side]}"')
        return (
            f'{{"kind":"packet","packet":{p.number},"line":{p.line},"stream":{stream},"from":{side},'
            f'"src":{null if p.src is None else quote(p.src)},"sport":{null if p.sport is None else p.sport},'
            f'"dst":{null if p.dst is None else quote(p.dst)},"dport":{null if p.dport is None else p.dport},'
            f'"time":{null if p.time is None else quote(p.time)},"flags":"{p.flags}",'
            f'"seq":{null if p.seq is None else p.seq},"ack":{null if p.ack is None else p.ack},'
            f'"link":{null if p.link is None else p.link},"ip":{null if p.ip is None else p.ip},'
            f'"tcp":{null if p.tcp is None else p.tcp},"payload":{p.payload},'
            f'"captured":{p.captured},"offset":{null if p.offset is None else p.offset}}}\n'
        )

    def _notice(self, packet: Packet, notice: Notice) -> None:
        """What an ICMP error says."""
        self.out.append(dumps({
            "kind": "icmp", "packet": packet.number, "type": notice.type, "code": notice.code, "name": notice.what,
            "mtu": notice.mtu, "stream": notice.stream, "from": SIDES[notice.side] if notice.stream is not None else None,
            "offset": notice.offset, "seq": notice.seq if notice.key else None,
            "at": [[packet.number, start, end] for start, end, _ in notice.labels],
        }) + "\n")

    def _parts(self, parts: List[Part], connection: Optional[Connection]) -> None:
        for part in parts:
            kind = part.kind
            if kind == END:
                self._record(part)
            elif part.done and kind != LOST:
                self._fields(part, connection)
                if kind == MESSAGE:
                    self._message(part, places(part, connection))

    def _record(self, part: Part) -> None:
        r = part.record
        assert r is not None
        version = "null" if r.format == "ssl2" else _number(r.version)
        self.out.append(
            f'{{"kind":"record","stream":{r.stream},"from":"{SIDES[r.side]}","offset":{r.offset},"length":{r.length},'
            f'"format":"{r.format}","type":{_number(r.type)},"version":{version},'
            f'"encrypted":{"true" if r.encrypted and not r.bare else "false"},"missing":{r.missing},{self._plaintext(r)}}}\n'
        )

    def _plaintext(self, record: Record) -> str:
        key = (record.protection, record.length - record.header)
        made = self._lengths.get(key)
        if made is None:
            if len(self._lengths) >= _KEPT:
                self._lengths.clear()
            made = self._lengths[key] = _plaintext(record)
        return made

    def _message(self, part: Part, spots: Any) -> None:
        m = part.message
        assert m is not None
        if not m.name:
            return
        buffer, offset = home(part)
        where = f'"buffer":"{buffer}",' if buffer else ""
        self.out.append(
            f'{{"kind":"message","stream":{m.stream},"from":"{SIDES[m.side]}",{where}"offset":{offset},"length":{m.length},'
            f'"type":{m.type},"name":{_text(m.name)},"missing":{m.missing}}}\n'
        )
        if m.type in (1, 2) and not m.missing:
            self._fingerprints(part, offset, f'"stream":{m.stream},"from":"{SIDES[m.side]}",{where}', spots)

    def _fingerprints(self, part: Part, offset: int, whose: str, spots: Any) -> None:
        """JA3, JA3S and JA4 of a hello, in one object, with the bytes that they are made of: all of the hello's."""
        from hexnote.fingerprints import fingerprints

        made = fingerprints(part.buf, part.fields if isinstance(part.fields, Form) else None)
        if made and part.message is not None:
            length = part.message.length
            told = "".join(f'"{name}":"{value}","{name}_full":"{full}",' for name, value, full in made)
            at = _spots(located(part, 0, length, spots))
            self.out.append(f'{{"kind":"fingerprint",{whose}{told}"offset":{offset},"length":{length},"at":[{at}]}}\n')

    def _finding(self, f: Finding) -> None:
        at = ", ".join([f"[{packet}, {start}, {end}]" for packet, start, end in f.at])
        lines = f"[{f.lines[0]}, {f.lines[1]}]" if f.lines else "null"
        self.out.append(
            f'{{"kind": "finding", "code": "{f.code}", "severity": "{f.severity}", "stream": {_number(f.stream)}, "by": "{f.by}", '
            f'"sure": "{f.sure}", "seen": "{f.seen or f.sure}", "text": {quote(f.text)}, "refuted_by": {quote(f.refuted_by)}, '
            f'"next": {quote(f.next)}, "at": [{at}], "lines": {lines}}}\n'
        )

    # ---------------------------------------------------------------- fields

    def _fields(self, part: Part, connection: Optional[Connection]) -> None:
        if not part.fields:
            return
        buf = part.buf
        record = part.record
        if part.message is not None:
            stream, side = part.message.stream, part.message.side
        elif record is not None:
            stream, side = record.stream, record.side
        else:
            stream, side = (connection.number if connection is not None else 0), part.side
        whose = f'"stream":{stream},"from":"{SIDES[side]}",'
        out = self.out
        if QUICK and not part.buffer and isinstance(buf, bytes) and (part.pieces is None or len(part.pieces) < 2):
            plan = self._plan(part)
            spots = places(part, connection)
            if plan is not None and spots is not None:
                self._planned(plan, part, whose, spots)
                return
        for node, group, path, start, end, _, buffer, cuts, offset, at in walk(part, places(part, connection)):
            where = f'"buffer":"{buffer}",' if buffer else ""
            if len(cuts) > 1:
                where += f'"pieces":{dumps(cuts, separators=(",", ":"))},'
            if group:
                named = _named(node, buf, start, end)
                out.append(f'{{"kind":"group",{whose}{where}"path":"{path}","offset":{offset},"length":{end - start}{named}}}\n')
            else:
                self._leaf(node, buf, start, end, f'{whose}{where}"path":"{path}', offset, at)

    def _plan(self, part: Part) -> Optional[List[_Planned]]:
        """What is known of the fields of a unit whose like came before, if it did."""
        form = part.fields
        if isinstance(form, Form):
            message = part.message
            if not form.again or message is None or message.length != len(part.buf):
                return None
            made = form.kept.get("json")
            if made is None:
                made = form.kept["json"] = _planned(part)
            return made
        size = len(part.buf)
        if part.kind > BODY or size > _SHORT or part.record is None or part.fields[0][2] > size or part.fields[0][1]:
            return None
        key = (part.record.type or 0 if part.kind == BODY else -1, part.buf)
        made = self._short.get(key)
        if made is None:
            if len(self._short) >= _KEPT:
                self._short.clear()
            made = self._short[key] = _planned(part)
        return made

    def _planned(self, plan: List[_Planned], part: Part, whose: str, spots: Any) -> None:
        """What `_fields` prints, for a unit that lies in one piece of the stream."""
        base, buf, out = part.base, part.buf, self.out
        field, group = f'{{"kind":"field",{whose}', f'{{"kind":"group",{whose}'
        extent = len(buf)
        found = spots.find(base, base + extent)
        # Pieces that stand together: of buf[begin:until], `shift` before their dump offsets in packet `number`.
        pieces = iter(found if sum([high - low for _, low, high in found]) == extent else ())
        begin = until = shift = number = 0
        for start, end, grouped, path, behind, node in plan:
            if grouped:
                out.append(f"{group}{path}{base + start}{behind}")
                continue
            if node is not None:
                raw = buf[start:end]
                value = node.value(raw)
                shown = "null" if value is None else str(value) if isinstance(value, int) else quote(value)
                behind = f'{behind}{raw.hex()}","value":{shown},"name":{_text(node.title(raw))},"bits":null,"at":['
            if start >= end:
                out.append(f"{field}{path}{base + start}{behind}]}}\n")
                continue
            while until <= start:
                piece = next(pieces, None)
                if piece is None:
                    break
                number, low, high = piece
                begin, until, shift = until, until + high - low, low - until
            if begin <= start and end <= until:
                out.append(f"{field}{path}{base + start}{behind}[{number},{shift + start},{shift + end}]]}}\n")
            else:
                out.append(f"{field}{path}{base + start}{behind}{_spots(spots.find(base + start, base + end))}]}}\n")

    def _leaf(self, node: Node, buf: Any, start: int, end: int, lead: str, offset: int, at: List[Place]) -> None:
        raw = known(buf, start, end)
        if raw is not None:
            hexed, value, title = raw.hex(), node.value(raw), node.title(raw)
            parts = dumps(bits(node, raw)) if node.bits else "null"
        else:
            hexed, value, title, parts = digits(buf, start, end), None, None, "null"
        shown = "null" if value is None else str(value) if isinstance(value, int) else quote(value)
        where = _spots(at)
        self.out.append(
            f'{{"kind":"field",{lead}","offset":{offset},"length":{end - start},"hex":"{hexed}","value":{shown},'
            f'"name":{_text(title)},"bits":{parts},"at":[{where}]}}\n'
        )


def _spots(at: List[Place]) -> str:
    return ",".join([f"[{packet},{start},{end}]" for packet, start, end in at])


def _planned(part: Part) -> List[_Planned]:
    """The plan of a unit that lies in one piece of the stream."""
    plan: List[_Planned] = []
    for node, group, path, start, end, _, _, _, _, _ in walk(part, None):
        told = f',"length":{end - start}'
        if group:
            behind = f"{told}{_named(node, part.buf, start, end)}}}\n"
        elif node.free and not node.bits:
            behind = f'{told},"hex":"'
        else:
            raw = part.buf[start:end]
            value = node.value(raw)
            shown = "null" if value is None else str(value) if isinstance(value, int) else quote(value)
            parts = dumps(bits(node, raw)) if node.bits else "null"
            behind = f'{told},"hex":"{raw.hex()}","value":{shown},"name":{_text(node.title(raw))},"bits":{parts},"at":['
        plan.append((start, end, group, f'"path":"{path}","offset":', behind, node if node.free and not group else None))
    return plan


def _named(node: Node, buf: Any, start: int, end: int) -> str:
    """The value of a structure that has one as a whole, a certificate's names alone; "" for the others."""
    if node.show != "name" or node.kind != GROUP or end > len(buf) or not (isinstance(buf, bytes) or buf.known(start, end)):
        return ""
    value = node.value(buf[start:end])
    return "" if value is None else f',"value":{dumps(value)}'


def _plaintext(record: Record) -> str:
    """What the length of an encrypted record tells: its plaintext's, the least in any case, the classes it may be of."""
    if not record.protection:
        return '"plain":null,"plain_least":null,"protection":[]'
    plain = plain_range(record)
    least = min(each.least(record.length - record.header) for each in record.protection) if plain is not None else None
    names = list(dict.fromkeys(each.name for each in record.protection))
    told = "null" if plain is None else f"[{plain[0]},{plain[1]}]"
    return f'"plain":{told},"plain_least":{_number(least)},"protection":{dumps(names)}'
