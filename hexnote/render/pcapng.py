"""A capture file out of the text: pcapng (the IETF's draft-ietf-opsawg-pcapng), notes as comments that Wireshark shows.

A packet's bytes are written as the dump shows them. What the dump lacks at a packet's end makes it a truncated
packet; behind a hole in its midst nothing can be written, so it is cut there, and a comment says so. Bytes without
headers get headers made up from the summary line, or from nothing, and the comment says so.
"""

from __future__ import annotations

import re
from struct import pack

from hexnote.hints import Dict, List, Optional, Tuple
from hexnote.model import SIDES
from hexnote.report import Collector, Connection, Message, Packet, Record, Report
from hexnote.tuples import NamedTuple

# Link types (the registry at tcpdump.org).
NULL, ETHERNET, RAW, SLL, USER0, SLL2 = 0, 1, 101, 113, 147, 276

# An option's length has 16 bits; a comment is cut well before.
_MOST = 60_000
# Addresses for documentation (RFC 5737), for ends of which none is known.
_UNKNOWN = (bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
_PORTS = (49152, 443)

_CLOCK = re.compile(r"(?:(\d{4})-(\d\d)-(\d\d)[ T])?(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?")
_EPOCH = re.compile(r"(\d{9,10})(?:\.(\d{1,9}))?\Z")


class Frame(NamedTuple):
    """One packet of the file."""

    link: int  # link type
    data: bytes
    length: int  # on the wire; more than `data` where the dump lacks bytes
    comments: List[str]


class Pcapng(Collector):
    """The renderer: each input is a section of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._made: List[bytes] = []

    def end(self) -> None:
        """The input ends."""
        super().end()
        self._made.append(encode(self.reports.pop()))

    def take(self) -> bytes:
        """The sections of the inputs that are over."""
        made, self._made = self._made, []
        return b"".join(made)


def encode(report: Report) -> bytes:
    """A report as one section of a pcapng file."""
    maker = _Maker(report)
    frames: List[Tuple[int, Frame]] = []
    links: Dict[int, int] = {}
    now = 0
    dated = timed = False
    for packet in report.packets:
        moment, has_date = clock(packet.time)
        if moment is not None:
            now, timed, dated = moment, True, dated or has_date
        frame = maker.frame(packet)
        if frame is not None:
            links.setdefault(frame.link, len(links))
            frames.append((now, frame))
    said = []
    if not dated:
        said.append("the dump has times of day without a date: they stand on 1970-01-01" if timed else "the dump has no times")
    if len(frames) < len(report.packets):
        said.append(f"left out, as there is no packet in them: {len(report.packets) - len(frames)} blocks of the dump")
    out = [_section(said)]
    out += [_interface(link) for link in links]
    out += [_packet(links[frame.link], moment, frame) for moment, frame in frames]
    return b"".join(out)


def clock(text: Optional[str]) -> Tuple[Optional[int], bool]:
    """Nanoseconds since 1970 for a time as dump tools print it (None: unreadable), and whether it has a date."""
    text = (text or "").strip()
    found = _EPOCH.match(text)
    if found is not None:
        return int(found.group(1)) * 10**9 + int((found.group(2) or "").ljust(9, "0")), True
    found = _CLOCK.match(text)
    if found is None:
        return None, False
    year, month, day, hours, minutes, seconds, parts = found.groups()
    days = 0
    if year is not None:
        import datetime

        try:
            days = datetime.date(int(year), int(month), int(day)).toordinal() - datetime.date(1970, 1, 1).toordinal()
        except ValueError:
            return None, False
    whole = ((days * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
    return max(whole, 0) * 10**9 + int((parts or "").ljust(9, "0")), year is not None


# ---------------------------------------------------------------- packets to frames


class _Maker:
    """Frames of one report's packets."""

    def __init__(self, report: Report) -> None:
        self._bases: Dict[Tuple[int, str], int] = {}  # sequence number of stream offset 0, by connection and side
        self._acks: Dict[Tuple[int, str], int] = {}
        for packet in report.packets:
            if packet.connection is not None and packet.side and packet.seq is not None and packet.offset is not None:
                key = (packet.connection.number, packet.side)
                self._bases.setdefault(key, (packet.seq + ("S" in packet.flags) - packet.offset) & 0xFFFFFFFF)

    def frame(self, packet: Packet) -> Optional[Frame]:
        """None where there is nothing to write: no bytes, and no place in a stream."""
        shown, lost = _contiguous(packet, 0)
        if shown and packet.ip is not None:
            return self._told(packet, shown, lost)
        if packet.connection is not None and (packet.offset is not None or packet.seq is not None):
            return self._made_up(packet, packet.connection)
        if not shown:
            return None
        link = ETHERNET if shown[12:14] in (b"\x08\x06", b"\x88\x8e", b"\x88\xcc", b"\x88\x63") else USER0
        said = [] if link == ETHERNET else ["no IP header was found in these bytes"]
        return Frame(link, shown, len(shown), said + _notes(packet))

    def _told(self, packet: Packet, shown: bytes, lost: str) -> Frame:
        """A packet that shows its headers."""
        at = packet.link or 0
        length = max(len(shown), at + _wire(shown, at), packet.start + packet.payload)
        said = [lost] if lost else []
        link = _link(shown, at)
        if link == RAW and at:
            said.append(f"the {at} bytes before the IP header are left out: {shown[:at].hex()}")
            shown, length = shown[at:], length - at
        return Frame(link, shown, length, said + _notes(packet))

    def _made_up(self, packet: Packet, connection: Connection) -> Frame:
        """A packet of which only the payload is shown, or nothing but the summary line."""
        side = SIDES.index(packet.side or "client")
        ends = [_end(text, i) for i, text in enumerate((connection.client, connection.server))]
        (src, sport), (dst, dport) = ends[side], ends[1 - side]
        if len(src) != len(dst):
            src, dst = _UNKNOWN[side], _UNKNOWN[1 - side]
        if packet.seq is not None:
            seq = packet.seq
        else:
            seq = self._base(connection, side) + (packet.offset or 0)
        ack = packet.ack
        if ack is None:
            ack = self._acks.get((connection.number, SIDES[side]), self._base(connection, 1 - side))
        data, lost = _contiguous(packet, packet.start)
        missing = packet.payload - len(data)
        tcp = _tcp_header(src, dst, sport, dport, seq, ack, packet.flags or "PA", packet.window or 65535, data, missing)
        head = _ip_header(src, dst, len(tcp) + len(data) + max(missing, 0))
        self._acks[(connection.number, SIDES[1 - side])] = seq + len(data) & 0xFFFFFFFF
        if not packet.captured:
            said = ["the headers are made up from the summary line: the dump shows no bytes of this packet"]
        elif connection.pseudo:
            said = ["the headers are made up: the dump shows bytes of a stream, no packets"]
        else:
            said = ["the headers are made up from the summary line: the dump shows the payload alone"]
        made = head + tcp + data
        return Frame(RAW, made, len(made) + max(missing, 0), said + ([lost] if lost else []) + _notes(packet))

    def _base(self, connection: Connection, side: int) -> int:
        return self._bases.get((connection.number, SIDES[side]), 1)


def _contiguous(packet: Packet, start: int) -> Tuple[bytes, str]:
    """The bytes from dump offset `start` up to the first hole, and what is said of those behind it."""
    made = bytearray()
    behind = 0
    for block in sorted(packet.blocks, key=lambda b: b.offset):
        end = block.offset + len(block.data)
        if block.offset <= start + len(made) < end:
            made += block.data[start + len(made) - block.offset :]
        elif end > start + len(made):
            behind += len(block.data)
    if not behind:
        return bytes(made), ""
    return bytes(made), f"cut at 0x{start + len(made):04x}, where the dump has a hole: {behind} bytes behind it are left out"


def _link(data: bytes, at: int) -> int:
    """The link type of a packet whose IP header stands at `at`; RAW: the link header has none that can be written."""
    kind = data[at - 2 : at]
    if kind not in (b"\x08\x00", b"\x86\xdd"):
        if at >= 22 and data[at - 8 : at - 6] == b"\x88\x64":
            return ETHERNET
        return SLL2 if at == 20 and data[:2] in (b"\x08\x00", b"\x86\xdd") else RAW
    if at == 14 or (at in (18, 22) and data[12:14] in (b"\x81\x00", b"\x88\xa8", b"\x91\x00")):
        return ETHERNET
    return SLL if at == 16 else RAW


def _wire(data: bytes, at: int) -> int:
    """The IP packet's length by its own header at `at`; 0 where that does not say."""
    if len(data) >= at + 4 and data[at] >> 4 == 4:
        return data[at + 2] << 8 | data[at + 3]
    if len(data) >= at + 6 and data[at] >> 4 == 6:
        return 40 + (data[at + 4] << 8 | data[at + 5])
    return 0


def _end(text: str, side: int) -> Tuple[bytes, int]:
    """Address and port out of "10.0.0.1:443" or "[2001:db8::1]:443"; made up where they are names, or missing."""
    import socket

    host, _, port = text.rpartition(":")
    number = int(port) if port.isascii() and port.isdigit() and int(port) < 65536 else _PORTS[side]
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, host.strip("[]")), number
        except (OSError, ValueError):
            continue
    return _UNKNOWN[side], number


def _ip_header(src: bytes, dst: bytes, size: int) -> bytes:
    """An IP header for TCP; a size that does not fit is written as 0, as with segmentation offload."""
    if len(src) == 16:
        return pack(">IHBB", 6 << 28, size if size < 65536 else 0, 6, 64) + src + dst
    total = size + 20 if size + 20 < 65536 else 0
    head = pack(">BBHHHBBH", 0x45, 0, total, 0, 0x4000, 64, 6, 0) + src + dst
    return head[:10] + pack(">H", _folded(head)) + head[12:]


def _tcp_header(
    src: bytes, dst: bytes, sport: int, dport: int, seq: int, ack: int, flags: str, window: int, data: bytes, missing: int,
) -> bytes:
    """A TCP header without options; its checksum is 0 where bytes are missing."""
    bits = sum(1 << "FSRPAUEC".index(letter) for letter in flags)
    head = pack(
        ">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF if "A" in flags else 0, 5 << 4, bits, window & 0xFFFF, 0, 0,
    )
    if missing > 0:
        return head
    pseudo = src + dst + (pack(">BBH", 0, 6, 20 + len(data) & 0xFFFF) if len(src) == 4 else pack(">II", 20 + len(data), 6))
    return head[:16] + pack(">H", _folded(pseudo + head + data)) + head[18:]


def _folded(data: bytes) -> int:
    """The ones' complement sum (RFC 1071)."""
    return 0xFFFF - int.from_bytes(data + bytes(len(data) & 1), "big") % 0xFFFF


# ---------------------------------------------------------------- comments


def _notes(packet: Packet) -> List[str]:
    """What is known of a packet, as one comment; none where there is nothing to say."""
    lines = list(packet.remarks)
    room = _MOST
    for unit in packet.units:
        if isinstance(unit, Record):
            lines.append(f"{unit.side}, record {unit.number}: {unit.description}")
            if unit.encrypted:
                lines.append(f"  {unit.why or 'encrypted'}")
                continue
        elif isinstance(unit, Message):
            lines.append(f" {unit.name or f'handshake type {unit.type}'}, {unit.length} bytes")
        for field in unit.fields:
            place = next((p for p in field.at if p[0] == packet.number), None)
            if place is None or field.node.level or (field.group and not field.node.size):
                continue
            said = f"{field.label}: {field.length // field.node.size} values" if field.group else field.sentence
            line = f"{'  ' * (field.depth + 1)}0x{place[1]:04x}-0x{place[2] - 1:04x} {said}"
            room -= len(line) + 1
            if room < 0:
                break
            lines.append(line)
    for finding in packet.findings:
        lines.append(f"[{finding.severity}] {finding.code}: {finding.text}")
    return ["\n".join(lines)] if lines else []


# ---------------------------------------------------------------- blocks of the file


def _block(kind: int, body: bytes) -> bytes:
    size = pack("<I", 12 + len(body))
    return pack("<I", kind) + size + body + size


def _options(options: List[Tuple[int, bytes]]) -> bytes:
    if not options:
        return b""
    return b"".join(pack("<HH", code, len(raw)) + raw + bytes(-len(raw) % 4) for code, raw in options) + bytes(4)


def _comments(comments: List[str]) -> List[Tuple[int, bytes]]:
    """opt_comment is text in UTF-8; controls of the trace are not let through."""
    made = []
    for text in comments:
        clean = "".join(sign if sign == "\n" or sign.isprintable() else "?" for sign in text)
        made.append((1, clean.encode("utf-8", "replace")[:_MOST].decode("utf-8", "ignore").encode("utf-8")))
    return made


def _section(comments: List[str]) -> bytes:
    head = pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    return _block(0x0A0D0D0A, head + _options([*_comments(comments), (4, b"hexnote")]))


def _interface(link: int) -> bytes:
    return _block(1, pack("<HHI", link, 0, 0) + _options([(9, b"\x09")]))  # if_tsresol: nanoseconds


def _packet(interface: int, moment: int, frame: Frame) -> bytes:
    data = frame.data
    head = pack("<IIIII", interface, moment >> 32 & 0xFFFFFFFF, moment & 0xFFFFFFFF, len(data), max(frame.length, len(data)))
    return _block(6, head + data + bytes(-len(data) % 4) + _options(_comments(frame.comments)))

