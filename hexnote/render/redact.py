"""A trace that may be sent out: what names somebody is replaced by stand-ins of the same length, everywhere it stands.

Bytes are replaced by what they are: whatever no format explains is taken for a secret. In the rows both columns
change, in other lines addresses, names and words; checksums are made to fit, those that did not fit still do not.
Lengths, offsets, codepoints, dates and the words of protocols stay, so that the trace tells the same story.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from hexnote import model
from hexnote.hints import Callable, Dict, FrozenSet, Iterator, List, Optional, Set, Tuple
from hexnote.render.images import Image
from hexnote.render.rewrite import Changed, rewritten
from hexnote.render.standins import TOKEN, StandIns, addresses, written
from hexnote.render.sums import Sums
from hexnote.render.words_kept import DIALOGUE, LINES
from hexnote.report import Collector, Field, Packet, Report
from hexnote.tuples import NamedTuple

KINDS = ("addresses", "names", "randoms", "sessions", "tickets", "keys", "payload", "prose")

# RFC 8446 section 4.1.3: a HelloRetryRequest's random, and the endings that tell of a downgrade.
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_DOWNGRADES = (b"DOWNGRD\x00", b"DOWNGRD\x01")
# Ways to show a field that mean bytes without a name of their own.
_SECRET = frozenset(("opaque", "hex", "serial", ""))
_RANDOMS = frozenset(("random", "random_bytes", "gmt_unix_time", "challenge", "connection_id"))
_TICKETS = frozenset(("ticket", "identity", "cookie", "binder"))
_INTEGERS = frozenset(("serialNumber", "modulus", "dh_p", "r", "s"))
# So many bytes between words are the frame of a binary protocol, not what it carries.
_FRAME = 16
# Two clocks that agree within a day are clocks.
_DAY = 86400
# Whether a word stays.
_Keep = Callable[[str], bool]


class Redact(Collector):
    """The renderer. `keep`: kinds (of KINDS) that stay as they are. `key`: None takes one out of the trace itself."""

    echoes = True

    def __init__(self, keep: FrozenSet[str] = frozenset(), key: Optional[bytes] = None) -> None:
        super().__init__()
        self._keep = keep
        self._given = key
        self._out: List[bytes] = []

    def end(self) -> None:
        """The input ends."""
        super().end()
        self._out += redacted(self.reports.pop(), self._keep, self._given)

    def take(self) -> bytes:
        """The traces that are over."""
        made, self._out = self._out, []
        return b"".join(made)


def redacted(report: Report, keep: FrozenSet[str] = frozenset(), key: Optional[bytes] = None) -> List[bytes]:
    """The lines of a trace with stand-ins, in pieces; joined they are the text.

    Without a key the trace's own text is the key: the same trace gives the same stand-ins, and nobody who lacks it
    can try out what they stand for.
    """
    made = blake2b(report.text if key is None else key, digest_size=32, person=b"hexnote redact").digest()
    return _Redactor(report, keep, StandIns(made)).lines()


class _Run(NamedTuple):
    """Bytes of a stream and what they have become."""

    old: bytes
    new: bytes


class _Redactor:
    def __init__(self, report: Report, keep: FrozenSet[str], stand_ins: StandIns) -> None:
        self.report = report
        self.keep = keep
        self.make = stand_ins
        self.images: Dict[int, Image] = {packet.number: Image(packet) for packet in report.packets}
        self.runs: Dict[Tuple[int, str], Dict[int, _Run]] = {}  # by connection and side: stream offset to bytes
        self._rows: Optional[Dict[Tuple[int, bytes], int]] = None  # packets by what their rows show
        self._reserve()
        clocks = self._clocks()
        for field in self._fields():
            if not field.group and field.length and not field.buffer.startswith(("plain:", "inflated:")):
                self._field(field, clocks)
        self.known = {key: _Index(runs) for key, runs in self.runs.items()}
        for packet in report.packets:
            self._quoted(packet)
            self._rest(packet)
            self._headers(packet)

    def _fields(self) -> Iterator[Field]:
        """All fields of the trace, made anew: kept, they would take fifty times as much memory as the text of a log."""
        for connection in self.report.connections:
            for unit in connection.units:
                yield from unit.each()

    # ---------------------------------------------------------------- what stands in the trace

    def _reserve(self) -> None:
        """No stand-in may be a word or an address that the trace has."""
        words: Set[str] = set()
        places: Set[bytes] = set()
        for field in self._fields():
            if field.node.show == "text" and field.raw:
                words |= {word for word in TOKEN.findall(field.raw.decode("utf-8", "replace")) if len(word) > 2}
        for packet in self.report.packets:
            head = packet.header.decode("latin-1")
            places |= {raw for _, _, raw in addresses(head)}
            for name in (packet.src, packet.dst):
                places |= {raw for _, _, raw in addresses(name or "")}
        self.make.reserve(words, places)

    def _clocks(self) -> bool:
        """Whether the clocks of the hellos agree: then they are clocks, and dates hang on them."""
        told: Dict[str, List[int]] = {"client": [], "server": []}
        for connection in self.report.connections:
            for message in connection.messages:
                if message.name in ("client_hello", "server_hello"):
                    field = next((f for f in message.each() if f.path.endswith(".random.gmt_unix_time")), None)
                    if field is not None and isinstance(field.value, int):
                        told[message.side].append(field.value)
        return any(abs(a - b) < _DAY for a in told["client"] for b in told["server"])

    # ---------------------------------------------------------------- bytes that a format explains

    def _field(self, field: Field, clocks: bool) -> None:
        old = field.raw
        if old is None:
            self._in_part(field)
            return
        new = self._new(field, old, clocks)
        at = 0
        for number, start, end in field.at:
            size = end - start
            self._put(self.images[number], start, old[at : at + size], new[at : at + size])
            at += size

    def _in_part(self, field: Field) -> None:
        """A field that is not there whole: what would stay does; all else is replaced as bytes that no format explains."""
        node = field.node
        stays = node.show not in _SECRET and node.show not in ("text", "ipv4", "ipv6", "unixtime") and node.kind == model.LEAF
        for number, start, end in field.at:
            image = self.images[number]
            raw = image.bytes(start, end) or b""
            if stays:
                image.set(start, raw)
            elif raw[:1] == b"\x30" and (number, start, end) == field.at[0]:
                image.set(start, raw[:4])  # where DER begins, and how long it is

    def _put(self, image: Image, start: int, old: bytes, new: bytes) -> None:
        image.set(start, new)
        packet = image.packet
        if packet.connection is not None and packet.offset is not None and packet.side:
            offset = packet.offset + start - packet.start
            self.runs.setdefault((packet.connection.number, packet.side), {})[offset] = _Run(old, new)

    def _new(self, field: Field, old: bytes, clocks: bool) -> bytes:
        """What a field's bytes become."""
        node = field.node
        show, name = node.show, node.name
        if node.kind not in (model.MISSING, model.EXTRA):
            if name == "gmt_unix_time":
                return old if clocks or "randoms" in self.keep else self.make.opaque(old)
            if show in ("ipv4", "ipv6"):
                return old if "addresses" in self.keep else self.make.address(old)
            if show == "text":
                return self._text(field, old)
            if show not in _SECRET or node.bits:
                return old
        kind = _kind(field)
        if kind in self.keep or not any(old):
            return old
        if name.startswith("random") and (old == _RETRY or old[-8:] in _DOWNGRADES):
            return old if old == _RETRY else self.make.opaque(old[:-8]) + old[-8:]
        if kind == "payload" and field.buffer.startswith("other:"):
            return self._dialogue(old)
        if name == "iPAddress" or name == "ip_address":
            return self.make.address(old) if len(old) in (4, 16) else self.make.opaque(old)
        if name == "signatureValue" and len(old) > 2 * len(model.STAND_IN):
            return self.make.opaque(old)[: -len(model.STAND_IN)] + model.STAND_IN
        if name in _INTEGERS:
            return _integer(old, self.make.opaque(old))
        if len(old) in (33, 49, 57, 65, 67, 97, 133) and old[0] in (2, 3, 4):
            return old[:1] + self.make.opaque(old[1:])  # a point's form (SEC 1 section 2.3.3)
        if len(old) <= 2 and name == "dh_g":
            return old
        return self.make.opaque(old)

    def _text(self, field: Field, old: bytes) -> bytes:
        if field.node.type == "ProtocolName":
            return old  # ALPN: names of protocols, RFC 7301 section 6
        if field.buffer.startswith("other:"):
            return old if "payload" in self.keep else self._dialogue(old)
        if "names" in self.keep:
            return old
        return self._words(old, _name_kept)

    def _words(self, old: bytes, keep: _Keep) -> bytes:
        """Text of the trace, whose addresses and words are replaced."""
        new = self._line(old, keep)
        return new if len(new) == len(old) else self.make.opaque(old)

    def _dialogue(self, old: bytes) -> bytes:
        """Bytes outside of TLS: the words of protocols and what is no letter stay, all else is replaced."""
        if len(old) <= 8:
            return old  # a request to begin TLS and its answer
        printed = sum(32 <= b < 127 or b in (9, 10, 13) for b in old)
        if printed * 8 >= len(old) * 7:
            return self._words(old, _dialogue_kept)
        parts = re.split(rb"([\t\r\n -~]{3,})", old)
        made = []
        for i, part in enumerate(parts):
            if i % 2:
                made.append(self._words(part, _dialogue_kept))
            else:
                made.append(part if len(part) <= _FRAME else self.make.opaque(part))
        return b"".join(made)

    # ---------------------------------------------------------------- what an ICMP error quotes

    def _quoted(self, packet: Packet) -> None:
        """An ICMP error stays, with the headers that it quotes, but for the addresses in them and what is behind a checksum."""
        notice, image = packet.notice, self.images[packet.number]
        if notice is None or packet.link is None or packet.ip is None:
            return
        at = packet.link + packet.ip
        quoted = at + 8
        # Ports, and the sequence number behind them; then, if so much is quoted, what stands before the checksum.
        ports = notice.at - 4 if notice.key else quoted
        for start, end in ((at, ports + 8), (ports + 8, ports + 16)) if notice.key else ((at, quoted),):
            old = image.bytes(start, end)
            if old is not None:
                image.set(start, old)
        if notice.key and "addresses" not in self.keep:
            for start, size in _ip_addresses(quoted, packet.version):
                old = image.bytes(start, start + size)
                if old is not None:
                    image.set(start, self.make.address(old))
            if packet.version == 4:
                Sums(image, packet).mend_quoted(quoted, ports)

    # ---------------------------------------------------------------- bytes that no format explains

    def _rest(self, packet: Packet) -> None:
        """Copies of bytes that are known become what those have become; the others are taken for secrets."""
        image = self.images[packet.number]
        behind = packet.ip is not None and packet.tcp is None  # no TCP: all behind the IP header
        first = packet.start if packet.connection is not None else (packet.link or 0) + (packet.ip or 0) if behind else 0
        shift = packet.offset - packet.start if packet.offset is not None else None
        index = None
        if packet.connection is not None and packet.side and shift is not None:
            index = self.known.get((packet.connection.number, packet.side))
        number = packet.connection.number if packet.connection is not None else -1
        known_place = packet.connection is not None and shift is not None
        for start, end in image.untouched(first):
            for i in range(start, end):
                known = index.at(i + shift) if index is not None and shift is not None else None
                old = image.at(i) or 0
                if known is not None:
                    image.set(i, bytes((old ^ known[0] ^ known[1],)))
                elif "payload" not in self.keep and old:
                    seed = f"{number}:{packet.side}:{i + (shift or 0)}" if known_place else f"packet {packet.number}:{i}"
                    image.set(i, self.make.stream(b"rest" + seed.encode(), 1))

    def _headers(self, packet: Packet) -> None:
        """Addresses of the link and IP headers, and the checksums over them."""
        image = self.images[packet.number]
        link = packet.link or 0
        if packet.ip is None:
            return
        sums = Sums(image, packet)
        if "addresses" not in self.keep:
            for start, size in _link_addresses(link) + _ip_addresses(link, packet.version):
                old = image.bytes(start, start + size)
                if old is not None:
                    image.set(start, self.make.address(old))
        image.told = sums.mend()

    # ---------------------------------------------------------------- lines

    def lines(self) -> List[bytes]:
        """The text of the trace, in pieces."""
        out: List[bytes] = []
        for item in self.report.items:
            if item.block is None:
                out.append(self._prose(item.text))
            else:
                out.append(self._block(item.text, item.block, item.packet))
        return out

    def _block(self, text: bytes, block: model.Block, packet: Optional[Packet]) -> bytes:
        head = block.text[: block.head]
        image = self.images[packet.number] if packet is not None else self._shown_before(block)
        out = [self._head(head, image)]
        at = block.head
        place = 0
        for r in range(block.row_count()):
            row = block.row(r)
            out.append(self._head(block.text[at : row.start], image))
            old = block.data[place : place + row.size]
            place += row.size
            if image is None:
                new = self.make.opaque(old)
            else:
                new = bytes(image.value(row.offset + i, b) for i, b in enumerate(old))
            line = block.text[row.start : row.end]
            out.append(rewritten(line, row.layout, Changed(old, new), self._prefix))
            at = row.end
        out.append(self._head(block.text[at:], image))
        return b"".join(out)

    def _shown_before(self, block: model.Block) -> Optional[Image]:
        """The packet whose bytes an excerpt shows again: the last one that has them at the same offset."""
        if self._rows is None:
            self._rows = {(row.offset, row.data): packet.number for packet in self.report.packets for row in packet.rows()}
        row = block.row(0)
        return self.images.get(self._rows.get((row.offset, block.data[: row.size]), 0))

    def _head(self, raw: bytes, image: Optional[Image]) -> bytes:
        """Summary lines: addresses, names of hosts and checksums; the tool's own words stay."""
        if not raw:
            return raw
        if image is not None and image.told:
            raw = _SUM.sub(lambda found: _told_sum(found, image.told), raw)
        return self._line(raw, _all_kept if "names" in self.keep else _line_kept)

    def _prefix(self, raw: bytes) -> bytes:
        """What stands before a row's offset: a log driver's prefix may name a host."""
        return self._line(raw, _all_kept if "names" in self.keep else _prefix_kept)

    def _prose(self, raw: bytes) -> bytes:
        """Lines that are no dump. Those in a tool's own words keep them, of others every word is replaced."""
        if "prose" in self.keep:
            return raw
        out = []
        for line in raw.splitlines(True):
            out.append(self._line(line, _line_kept if _is_tools(line.decode("latin-1")) else _none_kept))
        return b"".join(out)

    def _line(self, raw: bytes, keep: _Keep) -> bytes:
        """Addresses replaced as addresses, other words as words."""
        text = raw.decode("utf-8", "surrogateescape")
        made: List[str] = []
        at = 0
        for start, end, old in addresses(text):
            made.append(self.make.text(text[at:start], keep))
            word = text[start:end]
            made.append(word if "addresses" in self.keep else written(word, self.make.address(old)))
            at = end
        made.append(self.make.text(text[at:], keep))
        return "".join(made).encode("utf-8", "surrogateescape")


class _Index:
    """Bytes of a stream by their offset."""

    def __init__(self, runs: Dict[int, _Run]) -> None:
        from bisect import bisect_right

        self._runs = runs
        self._starts = sorted(runs)
        self._find = bisect_right

    def at(self, offset: int) -> Optional[Tuple[int, int]]:
        """(old, new) of the byte at a stream offset, None where none is known."""
        i = self._find(self._starts, offset) - 1
        if i < 0:
            return None
        start = self._starts[i]
        run = self._runs[start]
        return (run.old[offset - start], run.new[offset - start]) if offset - start < len(run.old) else None


# ---------------------------------------------------------------- kinds


def _kind(field: Field) -> str:
    """Which of KINDS opaque bytes are."""
    node = field.node
    if node.name in _RANDOMS:
        return "randoms"
    if node.name == "session_id" or node.type == "SessionID":
        return "sessions"
    if node.name in _TICKETS:
        return "tickets"
    if node.suffix == ".fragment" or field.buffer.startswith("other:"):
        return "payload"
    return "keys"


def _integer(old: bytes, new: bytes) -> bytes:
    """A number of the same size: its first byte that is not zero stays, and a last bit of 1 does."""
    lead = next((i for i, b in enumerate(old) if b), 0) + 1
    if lead >= len(old):
        return old[:-1] + new[-1:] if len(old) > 1 else old
    return old[:lead] + new[lead:-1] + bytes((new[-1] & 0xFE | old[-1] & 1,))


def _link_addresses(link: int) -> List[Tuple[int, int]]:
    """Where a link header of `link` bytes has Ethernet addresses: (offset, size)."""
    if link in (14, 18, 22, 26, 30):
        return [(0, 6), (6, 6)]
    return [(6, 6)] if link == 16 else [(12, 6)] if link == 20 else []


def _ip_addresses(link: int, version: Optional[int]) -> List[Tuple[int, int]]:
    if version == 4:
        return [(link + 12, 4), (link + 16, 4)]
    return [(link + 8, 16), (link + 24, 16)] if version == 6 else []


# ---------------------------------------------------------------- words that stay


def _all_kept(word: str) -> bool:
    return True


def _none_kept(word: str) -> bool:
    return False


def _name_kept(word: str) -> bool:
    """In names: the schemes of URLs, and what says that a label is written in punycode."""
    return word in ("http", "https", "ldap", "xn")


def _dialogue_kept(word: str) -> bool:
    return word.upper() in DIALOGUE or (word.isdigit() and len(word) <= 3)


def _line_kept(word: str) -> bool:
    """In a tool's lines: its own words, and numbers."""
    return word.lower() in LINES or word[0].isdigit() or len(word) == 1


def _prefix_kept(word: str) -> bool:
    return word.lower() in LINES or len(word) <= 2 or word.isdigit() or all(c in "0123456789abcdefABCDEFx" for c in word)


# A checksum as tcpdump prints it: "cksum 0x5302 (incorrect -> 0x6a1b)".
_SUM = re.compile(rb"((?:ck)?sum 0?x?|-> ?0?x?)([0-9a-f]{1,4})\b")


def _told_sum(found: re.Match[bytes], told: Dict[int, int]) -> bytes:
    new = told.get(int(found.group(2), 16))
    return found.group() if new is None else found.group(1) + b"%0*x" % (len(found.group(2)), new)


_WORD = re.compile(r"(?<![0-9A-Za-z])[A-Za-z][A-Za-z0-9_]*")
_GROUP = re.compile(r"(?<![\w.:-])[0-9A-Fa-f]{2,}(?![\w.:-])")  # no part of a date either


def _is_tools(text: str) -> bool:
    """Whether a line is in a tool's own words, and no row of bytes."""
    words = _WORD.findall(text.replace("_", " "))
    known = [word for word in words if word.lower() in LINES]
    strange = [word for word in words if word.lower() not in LINES and len(word) > 1]
    return bool(known) and not strange and len(_GROUP.findall(text)) <= 4
