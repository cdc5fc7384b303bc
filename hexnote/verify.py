"""Trust, but verify: what a dump says twice is compared.

Checksums against bytes, lengths against bytes, the text column against the hex, the summary line
against the headers. What is found depends on the packet at hand and on those before it only.
"""

from __future__ import annotations

from re import IGNORECASE

from hexnote.hints import Any, Callable, Dict, List, Optional, Set, Tuple
from hexnote.model import EXCERPT, PACKET, Block, Finding, Packet, Row, Summary
from hexnote.patterns import Late
from hexnote.quick import QUICK

Summarize = Callable[[bytes], Optional[Summary]]
Checksum = Callable[[Packet, bytes], Optional[str]]
Compare = Callable[[Block], List[Any]]
Slip = Any  # of `verify_text`

GOOD, BAD = "good", "bad"  # verdicts of `checksums`

_KNOWN = 4096  # connections and senders that are remembered
_TOLD = 3  # wrong checksums that are told one by one while none of the sender's, or none at all, is right
_PLACES = 16  # byte ranges that one finding names
_PADDED = 50  # Ethernet pads to 46 bytes behind its header; a frame check sequence has 4 more
_FCS = 4
_HALF, _FOURTH = 5888, 2944  # bits where the numbers of segments as long as Ethernet takes them are folded: multiples of 16
_LOW, _LOWER = (1 << _HALF) - 1, (1 << _FOURTH) - 1

_number = int.from_bytes  # to have it of the type costs a third of a call

_OFFLOAD = "a capture on the sender itself, whose network card makes the checksums behind the capture (offload)"

# An address that was made unreadable: of four or eight parts some are letters that stand for nothing.
_PART = r"(?:[0-9a-f]{0,4}|[x*#?_]{1,4}|[0-9]{1,2}[x*#?]{1,2})"
_MASKED = Late(_PART + "(?:[.:]" + _PART + "){3,7}", IGNORECASE)
_LETTERS = Late(r"([a-z])\.([a-z])\.([a-z])\.([a-z])", IGNORECASE)
_WORDS = Late(r"redact|masked|hidden|anonym|removed|x{3}|\*{2}|^[\[<].*[\]>]$", IGNORECASE)
_IPV4 = Late(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
# What logs say of the size of the block that follows.
_DECLARED = Late(rb"=> ([0-9]{1,7}) \(0x|(?:SSL data|data|header), ([0-9]{1,7}) bytes \(0x|\blength = ([0-9]{1,7})\b|"
                  rb"\b(?:written|got)=([0-9]{1,7})\b")


class _Sender:
    """The TCP checksums of one address."""

    __slots__ = ("good", "bad", "at")

    def __init__(self) -> None:
        self.good = False
        self.bad = 0
        self.at: Tuple[Tuple[int, int, int], ...] = ()  # the first that was not told on its own


class Verifier:
    """Compares what the blocks of one input say twice. Feed it each PACKET and MORE block in order."""

    def __init__(self, compare: Compare, ip_checksum: Checksum, tcp_checksum: Checksum) -> None:
        """`compare` tells where text column and bytes of a block disagree, the others the verdict on a checksum."""
        self._compare = compare
        self._ip_checksum = ip_checksum
        self._tcp_checksum = tcp_checksum
        self._packet: Optional[Packet] = None
        self.agreed: Optional[Packet] = None  # the one before, if it agreed: it is `_packet`, as soon as anybody asks
        self.even = False  # its length and what was shown of it are the same
        self._parts: List[bytes] = []  # the packet's bytes from dump offset 0 on; of a stream only the first, for it has no end
        self._next = 0  # dump offset behind the last byte shown
        self._whole = False  # all bytes before it were shown
        self._open = False  # its checksums were not all taken yet
        self._header = False  # IP's was
        self._verdict: Optional[str] = None  # of its TCP checksum
        self._rows: Optional[List[Row]] = None  # those of the block before, where they are known one by one
        self._torn = False  # another program has printed in the row shown last
        self._declared: Optional[int] = None  # bytes that the line before the rows promises
        self._longest = 0  # most bytes shown of any packet before
        self._cuts: Set[int] = set()  # how many bytes from the IP header on were shown of packets that are cut short
        self._ends: Dict[object, bytes] = {}  # what a summary line of a connection's side must contain
        self._masked: Set[Tuple[Optional[str], Optional[str]]] = set()
        self._senders: Dict[Optional[str], _Sender] = {}
        self._right: Set[Optional[str]] = set()  # those of them with a TCP checksum that is right
        self._good = False  # some TCP checksum of the input was right
        self._bad = 0  # and how many were wrong

    def block(self, packet: Packet, block: Block, summary: Summarize) -> List[Finding]:
        """What a block of `packet` makes known: findings on the packet, or on the one before it.

        To be called once the packet's headers were measured. `summary` reads a summary line.
        """
        if block.kind == EXCERPT:
            return []
        if self.agreed is not None:
            self._recall(self.agreed)
        self.even = False
        found: List[Finding] = []
        data = block.data
        if packet is not self._packet or block.kind == PACKET:
            self._leave(found)
            self._packet = packet
            self._parts = [data]
            self._next = block.offset + len(data)
            self._whole = block.offset == 0
            self._open = self._whole
            self._header = False
            self._verdict = None
            self._declared = None
            if block.head:
                self._heading(packet, summary, found)
        elif data:
            self._more(packet, block, found)
        self._rows = block.rows
        self._torn = block.dress == "log" and _torn(block)
        if self._open and packet.link is not None:
            self._checksums(packet, found)
        if not block.clear:
            slips = self._compare(block)
            if slips:
                self._column(packet, slips, found)
        if QUICK and self._whole and not self._open and self._next == packet.end and packet.link is not None and not packet.note:
            self.even = True
            self._longest = max(self._longest, packet.end)
        return found

    def agrees(self, packet: Optional[Packet], src: Optional[str], end: int) -> bool:
        """The same as `block` with the one block of a packet that is consistent, if there is nothing to be said of the one
        before it; False, and nothing done, where there may be. The usual case, in few steps.

        It comes from `src` and ends at dump offset `end`. Where `packet` is None, it has to be set as `agreed` before `block` is
        called next.
        """
        if not self.even:
            return False
        self.agreed = packet
        if src not in self._right:
            self._vouch(src)
        if end > self._longest:
            self._longest = end
        return True

    def _recall(self, packet: Packet) -> None:
        """What `block` would have noted of a packet that `agrees`: it is wanted only where something else comes behind it."""
        self.agreed = None
        self._packet, self._parts, self._next = packet, [packet.data], packet.end
        self._whole, self._open, self._header = True, False, False
        self._verdict, self._declared = GOOD, None

    def end(self) -> List[Finding]:
        """What is known at the end of the input."""
        found: List[Finding] = []
        for name, sender in self._senders.items():
            if not sender.at:
                continue
            if not self._good:
                count, what, sure = self._bad, "all {} TCP checksums of the trace are wrong", "likely"
            elif sender.good:
                count, what, sure = sender.bad, f"{{}} TCP checksums of {name} are wrong, the first ones", "proven"
            else:
                count, what, sure = sender.bad, f"all {{}} TCP checksums of {name} are wrong", "possible"
            found.append(Finding(
                "checksum", "warning", None, "unknown", sure, what.format(count), _OFFLOAD,
                "capture on the way or at the receiver, or with checksum offload off (ethtool -K IFACE tx off)",
                sender.at,
            ))
            if not self._good or len(found) >= _PLACES:
                break
        return found

    # ---------------------------------------------------------------- a packet's blocks

    def _more(self, packet: Packet, block: Block, found: List[Finding]) -> None:
        """Further rows of the packet, perhaps behind a gap, perhaps repeating some."""
        fresh, end = block.fresh, block.offset + len(block.data)
        if fresh > self._next:
            if self._next % 16 != block.offset % 16 and fresh - self._next < 16 and not self._left_out(fresh - self._next):
                row = self._next - self._next % 16
                missing = fresh - self._next
                text, step = f"has lost {_bytes(missing)}: the next one", "type the row again, or paste it from the source"
                if self._torn:
                    text = f"was torn, another program has printed in it: its rest, {_bytes(missing)}, is not read; the next row"
                    step = "have standard error written to a file of its own (2> FILE), or move the row's rest behind its beginning"
                found.append(_length(
                    packet, f"the row at 0x{row:04x} {text} begins at 0x{fresh:04x}", step, ((packet.number, self._next, fresh),),
                ))
            self._whole = self._open = False
        elif self._whole and fresh < end and not block.payload:
            self._parts.append(block.data[fresh - block.offset :])
        self._next = max(self._next, end)

    def _left_out(self, missing: int) -> bool:
        """Whether so many bytes behind the block before are a row: all of its rows, more than one, are as wide."""
        rows = self._rows or []
        return len(rows) > 1 and {row.size for row in rows} == {missing}

    def _leave(self, found: List[Finding]) -> None:
        """Another packet begins: does what was shown of this one fit its length?"""
        packet, shown = self._packet, self._next
        if packet is None:
            return
        if packet.link is not None and not packet.note and packet.end:
            end = packet.end
            if shown > end:
                if shown - packet.link > _PADDED and shown - end != _FCS:
                    found.append(_length(
                        packet,
                        f"IP's total length ends the packet at 0x{end:04x}, {_bytes(shown - end)} more are shown",
                        "look at bytes 2 and 3 of the IP header, and for rows of another packet",
                        ((packet.number, end, shown),),
                    ))
            elif shown < end and shown - packet.link in self._cuts:
                pass  # tcpdump -X has the link header too where a printer ran out of bytes: "[|smtp]"
            elif shown < end and shown % 16 and self._longest > shown and end - shown <= 16 and self._whole:
                # A capture that cuts packets short cuts all at one length: this one is shorter than another.
                found.append(_length(
                    packet, f"IP's total length promises {_bytes(end - shown)} more than the rows show",
                    "compare the packet's last row with the source", ((packet.number, shown, end),),
                ))
            elif shown < end:
                self._cuts.add(shown - packet.link)
            self._longest = max(self._longest, min(shown, end))
        elif self._declared is not None and self._whole and packet.link is None and shown > self._declared:
            found.append(_length(
                packet, f"the line before says {_bytes(self._declared)}, {shown} are shown", "compare with the source",
                ((packet.number, self._declared, shown),),
            ))

    # ---------------------------------------------------------------- the summary line

    def _heading(self, packet: Packet, summary: Summarize, found: List[Finding]) -> None:
        """The line before the rows: its addresses, its length."""
        head = packet.header
        if packet.tcp is None or packet.note:
            match = _DECLARED.search(head, 0, 1000) if packet.link is None else None
            if match:
                self._declared = int(match[match.lastindex or 0])
            return
        payload = b"%d" % (packet.end - packet.start)
        told: Optional[Summary] = None
        if not head.endswith(b", length " + payload + b"\n") and b"(" + payload + b")" not in head:
            if b"en" in head or b"(" in head:
                told = summary(head)
                self._told_length(packet, told, found)
        expected = self._ends.get(packet.key)
        if expected is None or expected not in head:
            self._addresses(packet, summary(head) if told is None else told, found)

    def _told_length(self, packet: Packet, told: Optional[Summary], found: List[Finding]) -> None:
        if told is None or told.length is None or told.length == packet.payload:
            return
        assert packet.link is not None
        where = packet.link + (2 if packet.version == 4 else 4)
        found.append(_length(
            packet,
            f"the summary line says {_bytes(told.length)} of TCP payload, the headers in the bytes {packet.payload}",
            "the line may belong to another packet, or one of the two was changed",
            ((packet.number, where, where + 2),),
        ))

    def _addresses(self, packet: Packet, told: Optional[Summary], found: List[Finding]) -> None:
        """Addresses that the summary line hides and the bytes show."""
        if told is None or told.src is None or told.dst is None or packet.link is None:
            return
        if len(self._ends) >= _KNOWN:
            self._ends.clear()
        line = packet.header
        start, behind = line.find(told.src.encode()), line.rfind(told.dst.encode())
        if 0 <= start < behind and behind - start < 600:
            self._ends[packet.key] = line[start : behind + len(told.dst)]
        size, at = (4, packet.link + 12) if packet.version == 4 else (16, packet.link + 8)
        places: List[Tuple[int, int, int]] = []
        words: List[str] = []
        for shown, real, place in ((told.src, packet.src, at), (told.dst, packet.dst, at + size)):
            if real is not None and _hides(shown, (packet.src, packet.dst)):
                places.append((packet.number, place, place + size))
                words.append(f"{_quote(shown)} for {real}")
        key = (told.src, told.dst)
        if not places or key in self._masked:
            return
        if len(self._masked) >= _KNOWN:
            self._masked.clear()
        self._masked.update((key, key[::-1]))
        text = f"the summary line hides an address that the bytes show: {', '.join(words)}"
        found.append(_leak(packet, text, "proven", tuple(places)))

    # ---------------------------------------------------------------- checksums

    def _checksums(self, packet: Packet, found: List[Finding]) -> None:
        """IP's once the header is there, TCP's once all of the packet is."""
        whole = self._next >= packet.end
        if len(self._parts) > 1:
            if not whole:
                return
            self._parts = [b"".join(self._parts)]
        data = self._parts[0]
        if whole and right(packet, data):
            self._open = False
            self._verdict = GOOD
            self._vouch(packet.src)
            return
        if not self._header:
            verdict = self._ip_checksum(packet, data)
            self._header = verdict is not None
            if verdict == BAD:
                self._bad_header(packet, data, found)
        if not whole:
            return
        self._open = False
        verdict = self._verdict = self._tcp_checksum(packet, data)
        if verdict is None:
            return
        if verdict == GOOD:
            self._vouch(packet.src)
        elif verdict == BAD:
            self._wrong(packet, data, self._sender(packet.src), found)

    def _vouch(self, src: Optional[str]) -> None:
        """A packet from there has a TCP checksum that is right."""
        self._sender(src).good = self._good = True
        self._right.add(src)

    def _sender(self, src: Optional[str]) -> _Sender:
        sender = self._senders.get(src)
        if sender is None:
            if len(self._senders) >= _KNOWN:
                oldest = next(iter(self._senders))
                del self._senders[oldest]
                self._right.discard(oldest)
            sender = self._senders[src] = _Sender()
        return sender

    def _bad_header(self, packet: Packet, data: bytes, found: List[Finding]) -> None:
        at = packet.link or 0
        end = at + (data[at] & 15) * 4
        if data[at + 10 : at + 12] == b"\0\0":
            return  # left to the network card
        found.append(Finding(
            "checksum", "warning", packet.stream, "unknown", "proven",
            f"the IP header checksum of packet {packet.number} does not match: the header was altered or mistyped", "",
            f"compare bytes 0x{at:04x} to 0x{end - 1:04x} with the source", ((packet.number, at, end),),
        ))

    def _wrong(self, packet: Packet, data: bytes, sender: _Sender, found: List[Finding]) -> None:
        start = (packet.link or 0) + (packet.ip or 0)
        if data[start + 16 : start + 18] == b"\0\0" and not sender.good:
            return  # nobody has filled it in: offload of another kind, or a made-up packet
        sender.bad += 1
        self._bad += 1
        at = ((packet.number, start, packet.end),)
        if not sender.good and (sender.bad > _TOLD or (self._bad > _TOLD and not self._good)):
            sender.at = sender.at or at
            return
        found.append(Finding(
            "checksum", "warning", packet.stream, "unknown", "proven" if sender.good else "likely",
            f"the TCP checksum of packet {packet.number} does not match: bytes or addresses were altered or mistyped",
            "" if sender.good else _OFFLOAD, "compare the packet's rows with the source; see also ascii-disagrees", at,
        ))

    # ---------------------------------------------------------------- the text column

    def _column(self, packet: Packet, slips: List[Slip], found: List[Finding]) -> None:
        """What the text column says otherwise than the hex."""
        hidden = [s for s in slips if s.hidden]
        wrong = [s for s in slips if not s.hidden]
        if hidden:
            names = ", ".join(_quote(s.clear) for s in hidden[:3])
            more = f" and in {len(hidden) - 3} more places" if len(hidden) > 3 else ""
            found.append(_leak(
                packet, f"one column hides what the other shows: {names}{more}",
                "proven" if hidden[0].shown else "likely", _places(packet, hidden), (hidden[0].line, hidden[-1].line),
            ))
        if not wrong:
            return
        first = wrong[0]
        count = sum(s.end - s.start for s in wrong)
        found.append(Finding(
            "ascii-disagrees", "warning", packet.stream, "unknown", "proven",
            f"packet {packet.number}, row 0x{first.row:04x}, byte 0x{first.start:04x}: the hex "
            f"{first.data[:16].hex(' ')} is {_quote(first.data.decode('latin-1'))}, "
            f"the text column shows {_quote(first.shown)}"
            + (f"; {_bytes(count)} in all" if len(wrong) > 1 else "") + self._side(packet, slips),
            "a tool that renders bytes in another way", "compare the row with the source",
            _places(packet, wrong), (first.line, wrong[-1].line),
        ))

    def _side(self, packet: Packet, slips: List[Slip]) -> str:
        """Which column the TCP checksum sides with, in words."""
        if self._verdict == GOOD:
            return ": the TCP checksum sides with the hex"
        if self._verdict != BAD or len(self._parts) != 1:
            return ""
        data = bytearray(self._parts[0])
        for slip in slips:
            if len(slip.shown) == slip.end - slip.start and slip.shown.isascii() and slip.end <= len(data):
                data[slip.start : slip.end] = slip.shown.encode("ascii")
        return ": the TCP checksum sides with the text column" if self._tcp_checksum(packet, bytes(data)) == GOOD else ""


def right(packet: Packet, data: bytes) -> bool:
    """Are both checksums of a plain packet right? The same as `checksums`, at a fifth of the cost."""
    if packet.ip != 20 or packet.tcp is None or packet.note or packet.link is None:
        return False
    at = packet.link
    return not int.from_bytes(data[at : at + 20], "big") % 0xFFFF and segment_right(data, at, packet.end)


def addresses_sum(addresses: bytes) -> int:
    """What source and destination address add to a checksum, for `segment_right`."""
    return _number(addresses, "little")


def segment_right(data: bytes, at: int, end: int, addresses: Optional[int] = None) -> bool:
    """Is the TCP checksum of the datagram data[at:end] right, whose IPv4 header has no options and a checksum that is right?

    `addresses`: their `addresses_sum`, if it is known."""
    size = end - at - 20
    if size < 20:
        return False
    # The header adds nothing to the sum. Low byte first all words are swapped, so that the sum is too, which is right or
    # wrong all the same; an odd byte at the end is where it has to be, and Python makes the number in half the time.
    total = _number(data[at:end], "little")
    # To fold a long number at a multiple of 16 bits changes nothing of the rest, and is faster than to divide it.
    if size > _HALF >> 3:
        total = (total >> _HALF) + (total & _LOW)
    if size > _FOURTH >> 3:
        total = (total >> _FOURTH) + (total & _LOWER)
    if addresses is None:
        addresses = addresses_sum(data[at + 12 : at + 20])
    return (total % 0xFFFF + addresses + (6 + size << 8)) % 0xFFFF == 0


def _torn(block: Block) -> bool:
    """Does something else than a text column stand behind the digits of a block's last row?"""
    row = block.row(block.row_count() - 1) if block.row_count() else None
    if row is None or row.layout.text >= 0 or not row.layout.cols:
        return False
    return bool(block.text[row.start + row.layout.cols[-1] + 2 : row.end].strip(b" \t\r\n-|"))


# ------------------------------------------------------------------ words


def _length(packet: Packet, text: str, step: str, at: Tuple[Tuple[int, int, int], ...]) -> Finding:
    text = f"packet {packet.number}: {text}"
    return Finding("length-disagrees", "warning", packet.stream, "unknown", "proven", text, "", step, at)


def _leak(
    packet: Packet, text: str, sure: str, at: Tuple[Tuple[int, int, int], ...], lines: Optional[Tuple[int, int]] = None,
) -> Finding:
    return Finding(
        "redaction-leak", "warning", packet.stream, "unknown", sure, text, "",
        "cross it out in both columns, or make up another trace, before you show this one to others", at, lines,
    )


def _places(packet: Packet, slips: List[Slip]) -> Tuple[Tuple[int, int, int], ...]:
    return tuple((packet.number, s.start, s.end) for s in slips[:_PLACES])


def _bytes(count: int) -> str:
    return f"{count} {'byte' if count == 1 else 'bytes'}"


def _quote(text: str) -> str:
    """A text of the trace, at most 40 characters of it, with nothing in it that a terminal obeys."""
    shown = "".join(c if " " <= c <= "~" and c not in '"\\' else "." for c in text[:40])
    return f'"{shown}{"..." if len(text) > 40 else ""}"'


def _hides(shown: str, real: Tuple[Optional[str], Optional[str]]) -> bool:
    """Is a host as printed one that was made unreadable, or another address than the bytes have?"""
    if shown in real:
        return False
    if _IPV4.fullmatch(shown):
        return True
    if _MASKED.fullmatch(shown) and any(c in "xX*#?_" for c in shown):
        return True
    return bool(_LETTERS.fullmatch(shown) or _WORDS.search(shown))
