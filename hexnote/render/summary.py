"""The whole handshake on one screen: a line per record and message, client left, server right."""

from __future__ import annotations

from textwrap import wrap

from hexnote.hints import Any, Callable, Dict, List, Optional, Sequence, Tuple
from hexnote.model import (
    ARRAY,
    BODY,
    CONTENT_TYPES,
    EARLY,
    END,
    GROUP,
    HIDDEN,
    LOST,
    MESSAGE,
    OTHER,
    SIDES,
    VERSIONS,
    WHOLE,
    Block,
    Connection,
    Finding,
    Form,
    Packet,
    Part,
    Prose,
    Record,
    finding_lines,
    grease,
    inside,
    rank,
    remarks,
    verdict_lines,
)

# What is told of a message: paths' last components, in this order.
TELLING = {
    "client_hello": ("client_version", "version", "cipher_suites", "cipher_specs", "host_name", "protocol_name_list"),
    "server_hello": ("server_version", "legacy_version", "selected_version", "cipher_suite", "protocol_name_list"),
    "hello_retry_request": ("cipher_suite", "selected_group"),
    "certificate_request": ("certificate_types",),
    "server_key_exchange": ("named_curve", "namedcurve", "group"),
    "certificate_verify": ("algorithm",),
}
LEADS = {
    "client_version": "offers ", "version": "offers ",
    "server_version": "chooses ", "selected_version": "really ", "host_name": "for ",
    "protocol_name_list": "ALPN ",
}
# The newest version that a hello's own field names: supported_versions has the later ones (RFC 8446 section 4.2.1).
_NEWEST, _OF_HELLOS = b"\3\3", ("offers ", "chooses ")
# What is said of records of TLS 1.3 that are not decrypted, by why they are opaque.
_HIDDEN = {HIDDEN: "type hidden", EARLY: "early data (0-RTT)"}
# Certificates of a chain that are named.
_CHAIN = 8
# Columns from which on the two ends stand beside each other; else what stands before a line says whose it is.
_PAIRED, _ENDS = 80, 17
# Lines of one connection kept before they are printed in its midst.
_MOST = 5000


class Sheet:
    """What is to be printed of one connection."""

    def __init__(self) -> None:
        self.lines: List[str] = []
        self.words = False  # nothing but words tells of it
        self.data = [0, 0]  # application data records in a row, by side
        self.bytes = [0, 0]
        self.packet = [0, 0]  # the packet in which the first of them begins
        self.last = [0, 0]  # and that in which the last one ends
        self.opened = ["", ""]  # how they come to be readable: see `_readable`
        self.begins = ["", ""]  # and how their text begins
        self.findings: List[Finding] = []


class Summary:
    """The renderer: prints a connection when it is over, findings last."""

    echoes = False  # the input's lines are not in the output
    unfinished = False  # which always ends in LF
    live = False
    keep = False
    gathers = True  # findings are told with their connections

    def __init__(self, width: int = 100, diagnose: bool = False) -> None:
        self.width = max(width, 40)
        self.paired = self.width >= _PAIRED  # the two ends stand beside each other
        self.half = (self.width - 12) // 2 if self.paired else self.width - _ENDS
        self.diagnose = diagnose
        self.out: List[str] = []
        self.sheets: Dict[int, Sheet] = {}
        self.rest: List[Finding] = []  # findings of no connection, or of one that was printed
        self.packet = 0
        self.flagged = 0  # the last one whose flags were told
        self.file = ""

    # ---------------------------------------------------------------- what the pipeline calls

    def begin(self, file: str) -> None:
        """A new input begins."""
        self.sheets.clear()
        self.flagged = 0
        if self.file:
            self.out.append("\n")
        self.file = file

    def prose(self, item: Prose) -> None:
        """Prose is left out."""

    def excerpt(self, block: Block) -> None:
        """So are bytes shown again."""

    def block(
        self, block: Block, packet: Packet, connection: Optional[Connection], parts: List[Part], review: bool,
        remarks: Sequence[str], findings: Sequence[Finding],
    ) -> None:
        """A packet: its records and messages become lines."""
        self.packet = packet.number
        if connection is not None:
            sheet = self._sheet(connection)
            if packet.number != self.flagged:
                for flag, word in (("S", "SYN"), ("F", "FIN"), ("R", "RST")):
                    if flag in packet.flags:
                        self.flagged = packet.number  # more of its rows may come
                        self._flush(sheet)
                        self._line(sheet, packet.side, word + (" ACK" if word == "SYN" and "A" in packet.flags else ""))
            self._parts(sheet, parts, connection)
        if findings:
            self._keep(findings)

    def late(self, packet: Packet, at: int, data: bytes, connection: Optional[Connection], parts: List[Part]) -> None:
        """Bytes of an earlier packet that only now can be read."""
        if connection is not None:
            self._parts(self._sheet(connection), parts, connection)

    def lost(self, parts: List[Part], connection: Optional[Connection]) -> None:
        """Holes and given-up units."""
        if connection is not None:
            self._parts(self._sheet(connection), parts, connection)

    def remark(self, text: str, findings: Sequence[Finding] = ()) -> None:
        """Findings between packets."""
        self._keep(findings)

    def _keep(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            sheet = self.sheets.get(finding.stream) if finding.stream is not None else None
            kept = sheet.findings if sheet is not None else self.rest
            if len(kept) < _MOST:
                kept.append(finding)

    def told(self, connection: Connection, acts: Sequence[Any]) -> None:
        """Records and messages of which only words tell; lines take the place of packets."""
        sheet = self._sheet(connection)
        for act in acts:
            kind = CONTENT_TYPES.get(act.type, f"type {act.type}")
            what = (f"encrypted {kind}" if act.type != 23 else kind) if act.encrypted else act.name or kind
            if act.description >= 0:
                what += f", description {act.description}"
            size = f", {act.length} bytes" if act.length is not None and act.first else ""
            self._line(sheet, act.side, what + size, str(act.line))
        sheet.words = True

    def finish(self, connection: Connection, findings: Sequence[Finding]) -> None:
        """A connection is over: print it."""
        sheet = self.sheets.pop(connection.number, None) or Sheet()
        self._flush(sheet)
        client, server = connection.ends
        ends = f": client {client}, server {server}" if client else ": no headers, so no addresses"
        self._say(f"connection {connection.number}{ends}", 0)
        if not self.diagnose:
            ends = f"{'client':<{self.half}} | server" if self.paired else "from"
            self.out.append(f"{'line' if sheet.words else 'packet':>7}  {ends}\n")
            self.out.extend(sheet.lines)
        for text, indent in verdict_lines(connection):
            self._say(text, indent)
        self._list([*sheet.findings, *findings])

    def end(self) -> None:
        """The input ends."""
        for head, several in (("connections told above", True), ("the dump itself", False)):
            found = [finding for finding in self.rest if (finding.stream is not None) == several]
            if found:
                self.out.append(f"{head}\n")
                self._list(found)
        self.rest = []

    def _list(self, findings: List[Finding]) -> None:
        """Findings, the worst first."""
        for finding in sorted(findings, key=rank):
            for text, indent in finding_lines(finding):
                self._say(text, indent)

    def _say(self, text: str, indent: int) -> None:
        lead = " " * indent
        for line in wrap(text, self.width, initial_indent=lead, subsequent_indent=lead + "    ", break_on_hyphens=False):
            self.out.append(line + "\n")

    # ---------------------------------------------------------------- two processes that make one output

    def assist(self, ask: Callable[[], List[str]]) -> None:
        """From now on another process prints; what is made here are `part`s of it, for its `given`."""
        self.out = []
        self.sheets = {}

    def part(self) -> bytes:
        """What was made since the last call."""
        return self.take()

    def taught(self) -> List[str]:
        """No teaching notes are given here."""
        return []

    def learns(self, notes: List[str]) -> None:
        """Nor are they told by another process."""

    def given(self, text: bytes, packet: Optional[Packet], piece: bytes) -> None:
        """What another process made of a packet, or of connections."""
        if packet is not None:
            self.packet = packet.number
        if piece:
            self.out.append(piece.decode("ascii"))

    def take(self) -> bytes:
        """What was written since the last call."""
        made = "".join(self.out)
        self.out = []
        return made.encode("ascii", "backslashreplace")

    # ---------------------------------------------------------------- lines

    def _sheet(self, connection: Connection) -> Sheet:
        sheet = self.sheets.get(connection.number)
        if sheet is None:
            sheet = self.sheets[connection.number] = Sheet()
        return sheet

    def _line(self, sheet: Sheet, side: int, text: str, packets: str = "") -> None:
        if len(sheet.lines) == _MOST:
            sheet.lines.append("         ... (too many records to list)\n")
        if len(sheet.lines) > _MOST:
            return
        for i, line in enumerate([text] if len(text) <= self.half else _column(text, self.half)):
            left, right = (line, "") if side == 0 else ("", line)
            number = "" if i else packets or str(self.packet)
            told = f"{left:<{self.half}} | {right}" if self.paired else f"{'' if i else SIDES[side]:<6}  {line}"
            sheet.lines.append(f"{number:>7}  {told}".rstrip() + "\n")

    def _flush(self, sheet: Sheet) -> None:
        for side in (0, 1):
            if sheet.data[side]:
                many = f" x {sheet.data[side]}" if sheet.data[side] > 1 else ""
                opened = sheet.opened[side]
                how = f"{opened}{sheet.begins[side]}" if opened else "encrypted"
                what = "encrypted" if opened in _HIDDEN.values() else "application_data"
                packets = span(sheet.packet[side], sheet.last[side])
                self._line(sheet, side, f"{what}{many}, {sheet.bytes[side]} bytes, {how}", packets)
                sheet.data[side] = sheet.bytes[side] = 0
                sheet.begins[side] = ""

    def _places(self, part: Part, connection: Connection) -> Tuple[int, int]:
        """The packets in which a unit begins and ends, as far as it was captured."""
        unit: Any = part.message or part.record
        if part.buffer:
            places = part.places.find(part.lo, part.hi) if part.places is not None else ()
        elif unit is None or not connection.readers:
            return self.packet, self.packet
        else:
            places = connection.readers[part.side].places.find(unit.offset, unit.offset + unit.length)
        packets = [place[0] for place in places]
        return min(packets, default=self.packet), max(packets, default=self.packet)

    def _parts(self, sheet: Sheet, parts: List[Part], connection: Connection) -> None:
        for part in parts:
            if part.kind in (END, WHOLE) and part.record is not None:
                record = part.record
                if record.inside is not None and record.inside != 23:
                    continue  # what it holds is told
                if record.type == 23:
                    if sheet.data[1 - part.side] or sheet.opened[part.side] != _readable(record):
                        self._flush(sheet)
                    sheet.opened[part.side] = _readable(record)
                    first, sheet.last[part.side] = self._places(part, connection)
                    if not sheet.data[part.side]:
                        sheet.packet[part.side] = first
                    sheet.data[part.side] += 1
                    sheet.bytes[part.side] += record.length - 5 if record.inside is None else 0
                elif record.encrypted:
                    self._flush(sheet)
                    kind = CONTENT_TYPES.get(record.type or 0, f"type {record.type}")
                    if record.finished:
                        kind = "Finished (by its place)"
                    told = "" if record.finished else inside(record)
                    if record.format == "ssl2":
                        kind = "SSL 2.0 record"
                    packets = span(*self._places(part, connection))
                    self._line(sheet, part.side, f"encrypted {kind}, {record.length - record.header} bytes{told}", packets)
                    for sentence in remarks(record, brief=True):
                        self._line(sheet, part.side, f"  ({sentence})")
                elif record.missing:
                    self._flush(sheet)
                    self._line(sheet, part.side, f"  ({record.missing} bytes of this record not captured)")
            elif part.kind == LOST:
                self._flush(sheet)
                self._line(sheet, part.side, f"  ({part.hi - part.lo} bytes not captured)")
            elif part.kind == BODY and part.buffer and part.record is not None and part.record.type == 23:
                sheet.bytes[part.side] += part.hi - part.lo
                if not sheet.begins[part.side] and (part.fields[0][0].show == "text" or part.fields[0][0].type == "Text"):
                    sheet.begins[part.side] = ": " + part.fields[0][0].say(part.buf[:60]).partition(" = ")[2]
            elif part.done and part.kind in (MESSAGE, 1) and part.record is not None or part.kind == MESSAGE and part.done:
                if part.kind == MESSAGE or (part.record is not None and not part.record.encrypted and part.record.type != 23):
                    self._flush(sheet)
                    self._line(sheet, part.side, self._words(part), span(*self._places(part, connection)))
                    if part.message is not None and part.message.type in (1, 2) and not part.message.missing and not self.diagnose:
                        self._fingerprints(sheet, part)
            elif part.buffer.startswith("logged:") and part.kind == BODY and part.done and part.fields[-1][2] > 1:
                self._flush(sheet)
                self._line(sheet, part.side, self._words(part))
            elif part.kind == OTHER:
                self._flush(sheet)
                self._clear(sheet, part)

    def _fingerprints(self, sheet: Sheet, part: Part) -> None:
        from hexnote.fingerprints import fingerprints

        for name, value, _ in fingerprints(part.buf, part.fields if isinstance(part.fields, Form) else None):
            self._line(sheet, part.side, f"  {name.upper()} {value}")

    def _clear(self, sheet: Sheet, part: Part) -> None:
        """Bytes outside of any record: the lines of a dialogue, the first of others."""
        for node, start, end, _, _ in part.fields:
            if node.type == "Clear":
                raw = part.buf[start:end]
                self._line(sheet, part.side, node.say(raw) if len(raw) <= 256 else f"{node.name}, {len(raw)} bytes")
            elif part.begins:
                shown = "".join(chr(c) if 32 <= c < 127 else "." for c in part.buf[:32])
                self._line(sheet, part.side, f"{'not TLS' if node.type == 'Other' else 'unread'}: \"{shown}\"")

    def _words(self, part: Part) -> str:
        message, record = part.message, part.record
        if message is not None:
            name = message.name or "part of a message"
            size = f", {message.length} bytes"
        else:
            root = next((f[0].name for f in part.fields if f[0].kind == GROUP), "")
            name, size = root or CONTENT_TYPES.get((record.type or 0) if record else 0, "record"), ""
            if record is not None and record.format == "ssl2":
                size = f" in SSL 2.0 form, {record.length} bytes"
        said = []
        offered = _versions(part) if name == "client_hello" else ""
        if offered:
            said.append(LEADS["version"] + offered)
        telling = TELLING.get(name, ("level", "description") if name == "alert" else ())
        for wanted in telling:
            if offered and wanted in ("client_version", "version"):
                continue  # what stands there is for servers that know no supported_versions
            extension = ""
            for node, start, end, depth, _ in part.fields:
                if node.kind == GROUP and depth == 2:
                    extension = node.name
                if node.name == wanted and not node.suffix and node.kind != GROUP and start < end <= len(part.buf):
                    if node.kind == ARRAY:
                        many = (end - start) // node.size
                        noun = node.name.replace("_", " ")
                        said.append(f"{many} {noun[:-1] if many == 1 else noun}")
                        break
                    raw = _bytes(part, start, end)
                    if raw is None:
                        break
                    lead = "NPN " if extension == "next_protocol_negotiation" else LEADS.get(node.name, "")
                    told = node.title(raw) or str(node.value(raw))
                    if lead in _OF_HELLOS and raw == _NEWEST and message is not None and message.missing:
                        told += " or newer"  # an extension that is not there may say so
                    said.append(lead + (told if told.isprintable() else node.say(raw).partition(" = ")[2]))
                    if node.name not in ("host_name", "protocol_name_list"):
                        break
        if name == "certificate" and message is not None:
            said = chain(part, message.length)
        told = f": {', '.join(said)}" if said else ""
        how = ", decrypted" if part.buffer.startswith(("plain:", "inflated:")) else ""
        if record is not None and record.bare:
            how = ", not encrypted"
        return f"{name}{size}{how}{told}"


def _column(text: str, room: int) -> List[str]:
    """Lines of a column of `room` characters. A name that is longer than a line is cut before one of its underscores; a
    fingerprint stands whole where it can."""
    words = text.split(" ")
    indent = 2 if text.startswith("  ") and max(map(len, words)) > room - 4 else 4
    for i, word in enumerate(words):
        pieces = []
        while len(word) > room - indent:
            cut = word.rfind("_", 1, room - indent + 1)
            if cut < 1:
                break
            pieces.append(word[:cut])
            word = word[cut:]
        words[i] = " ".join([*pieces, word])  # pieces do not fit beside each other
    return wrap(" ".join(words), room, subsequent_indent=" " * indent, break_on_hyphens=False)


def _versions(part: Part) -> str:
    """The versions that a ClientHello lists in supported_versions, without GREASE (RFC 8701); "" where it lists none."""
    for node, start, end, _, _ in part.fields:
        if node.name == "versions" and node.kind == ARRAY and end <= len(part.buf):
            raw = _bytes(part, start, end) or b""
            listed = dict.fromkeys(raw[i] << 8 | raw[i + 1] for i in range(0, len(raw) - 1, 2))
            return " or ".join(VERSIONS.get(v, f"0x{v:04x}") for v in listed if not grease(v))
    return ""


def span(first: int, last: int) -> str:
    """Packets from the first to the last, "5" or "5-7"; where the column is too narrow, the last one's first digits, which
    are the first one's, are left out: "1234-41"."""
    if first == last:
        return str(first)
    one, other = str(first), str(last)
    if len(one) + len(other) >= 7 and len(one) == len(other):
        same = next(i for i, (a, b) in enumerate(zip(one, other)) if a != b)
        other = other[same:]
    return f"{one}-{other}"


def chain(part: Part, size: int) -> List[str]:
    """The certificates of a Certificate message of `size` bytes: each one's place in the list, whose it is, who issued it."""
    found: List[Dict[str, Dict[str, str]]] = []
    for node, start, end, depth, _ in part.fields:
        if node.type == "Certificate" and node.kind == GROUP and depth:
            found.append({"subject": {}, "issuer": {}})
        elif node.type == "AttributeValue" and found and end <= len(part.buf):
            raw = _bytes(part, start, end)
            who, _, words = node.say(raw).partition(" ") if raw is not None else ("", "", "")
            if who in found[-1]:
                kind, _, value = words.partition(" = ")
                found[-1][who].setdefault(kind, value)
    if not found:
        return ["an empty list"] if size <= 8 else []  # the length of the list, in TLS 1.3 that of a context too
    if not any(each["subject"] for each in found):
        return [f"{len(found)} certificate{'s' if len(found) > 1 else ''}"]
    said = []
    for i, each in enumerate(found[:_CHAIN]):
        whose, by = each["subject"], each["issuer"]
        behind = "" if not by else ", issued by itself" if by == whose else f", issued by {_short(by)}"
        said.append(f"{i + 1} of {len(found)} {_short(whose)}{behind}")
    return ["; ".join(said)]


def _short(name: Dict[str, str]) -> str:
    """What tells one name from others: the common name, else the last attribute."""
    return name.get("CN") or next(reversed(list(name.values())), "without a name that could be read")


def _bytes(part: Part, start: int, end: int) -> Optional[bytes]:
    """Bytes of a unit; None where some of them are not there."""
    try:
        return bytes(part.buf[start:end])
    except Exception as hole:  # a Patchy raises spans.Hole, which a renderer cannot name
        if type(hole).__name__ != "Hole":
            raise
        return None


def _readable(record: Record) -> str:
    """How a protected record comes to be readable, in words; where it does not, what hides it; "": nothing but its encryption."""
    if record.inside is None:
        return _HIDDEN.get(record.why, "")
    return "not encrypted" if record.bare else "decrypted"
