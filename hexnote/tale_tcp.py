"""What packets do besides carrying TLS: opening, acknowledging, overtaking each other, closing; and their headers."""

from __future__ import annotations

from hexnote.hints import Dict, List, Optional, Tuple
from hexnote.report import Connection, Packet
from hexnote.tale_entries import Entry
from hexnote.wording import Said, Wording

_HALF = 1 << 31
_WHOLE = 1 << 32


def sentence(text: str) -> str:
    """Words as a sentence: a capital at its beginning, a full stop at its end."""
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith((".", "!", "?")) else ".")


class Tcp:
    """Tells the packets of one connection, in their order."""

    def __init__(self, connection: Connection, words: Wording) -> None:
        self.words = words
        self.start: Dict[str, int] = {}  # sequence number of stream offset 0, by side
        self.first: Dict[str, int] = {}  # of the SYN
        for packet in connection.packets:
            if packet.side is None or packet.seq is None or packet.side in self.start:
                continue
            if "S" in packet.flags:
                self.start[packet.side] = packet.seq + 1
                self.first[packet.side] = packet.seq
            elif packet.offset is not None:
                self.start[packet.side] = packet.seq - packet.offset
        self.sent = {"client": 0, "server": 0}  # bytes sent so far, gaps included
        self.whole = {"client": 0, "server": 0}  # without a gap, as far as was seen
        self.acked: Dict[str, int] = {}  # what each side has acknowledged
        self.fin: Dict[str, int] = {}  # stream offset of a side's FIN
        self.repeated = {"client": False, "server": False}
        self.reviewed = False
        self.reset = False  # the place of a RST was told
        self.begins: Dict[str, int] = {}  # dump offset of the payload told last, by side
        self._pieces: Dict[str, List[Tuple[int, int]]] = {"client": [], "server": []}

    def of(self, packet: Packet) -> Tuple[List[Said], bool]:
        """Sentences on a packet, and whether nothing in them needs to be told."""
        out: List[Said] = []
        side = packet.side
        if side is None:
            return [Said("$text", {"text": sentence(text)}) for text in packet.remarks], False
        dull = False
        if "S" in packet.flags:
            out.append(self._syn(packet))
        elif packet.payload:
            out += self._data(packet, side)
        elif "R" not in packet.flags and "F" not in packet.flags:
            said = self._ack(packet, side)
            dull = said is not None and said.text == self.words.words["packet.ack"]
            if said is not None or not packet.units:  # a log's bytes are none of the stream's, and data all the same
                out.append(said or self.words.say("packet.nothing"))
        if packet.ack is not None:
            self._note(packet, side)
        out += self._ends(packet, side)
        for number, _, _ in packet.late:
            out.append(self.words.say("packet.late", packet=number))
        return out, dull

    def _word(self, side: str) -> str:
        return self.words.words.get(side, side)

    def _bytes(self, number: int) -> str:
        return self.words.count(number, "byte")

    def _syn(self, packet: Packet) -> Said:
        if "A" in packet.flags:
            return self.words.say("packet.synack", seq=packet.seq)
        return self.words.say("packet.syn", seq=packet.seq)

    def _relative(self, side: str, number: Optional[int]) -> Optional[int]:
        """A sequence number as an offset of the stream of `side`."""
        start = self.start.get(side)
        if number is None or start is None:
            return None
        offset = (number - start) % _WHOLE
        return offset - _WHOLE if offset >= _HALF else offset

    # ---------------------------------------------------------------- data

    def _data(self, packet: Packet, side: str) -> List[Said]:
        out: List[Said] = []
        words = self.words
        size = self._bytes(packet.payload)
        if packet.offset is not None:
            first, behind = packet.offset, packet.offset + packet.payload
            # Where no sequence number is known, bytes before these are left out: a log does not print what is encrypted.
            early = first > self.whole[side] and first > 0 and packet.seq is not None
            if early:
                have = self.whole[side]
                here = words.plain("packet.early.some" if have else "packet.early.none", size=self._bytes(have))
                out.append(words.say("packet.early", first=first + 1, last=behind, side=self._word(side), size=size, have=here,
                                     target=""))
            else:
                out.append(words.say("packet.data", size=size, first=first + 1, last=behind, side=self._word(side)))
            self._take(side, first, behind)
        if packet.tcp is not None and packet.ip is not None:
            if self.begins.get(side) != packet.start:
                self.begins[side] = packet.start
                out.append(words.say("packet.begins", offset=f"0x{packet.start:04x}", ip=packet.ip, tcp=packet.tcp,
                                     link=words.plain("review.link", link=packet.link) + " " if packet.link else ""))
        elif packet.captured:
            placed = words.say("packet.placed.cut", offset=f"0x{packet.start:04x}") if packet.start else words.say("packet.placed")
            out.append(placed if packet.offset is not None and packet.seq is not None else
                       Said("$text", {"text": sentence("; ".join(packet.remarks))}))
        if 0 < packet.captured < packet.payload:
            out.append(words.say("packet.cut", shown=self._bytes(packet.captured), size=size,
                                 are=words.words["is" if packet.captured == 1 else "are"]))
        return [said for said in out if said.text != "$text" or said.values["text"]]

    def _take(self, side: str, first: int, behind: int) -> None:
        """Bytes [first, behind) of a stream were sent."""
        self.sent[side] = max(self.sent[side], behind)
        pieces = self._pieces[side]
        if first <= self.whole[side]:
            self.whole[side] = max(self.whole[side], behind)
            pieces.sort()
            while pieces and pieces[0][0] <= self.whole[side]:
                self.whole[side] = max(self.whole[side], pieces.pop(0)[1])
        elif len(pieces) < 256:
            pieces.append((first, behind))

    # ---------------------------------------------------------------- acknowledgments

    def _ack(self, packet: Packet, side: str) -> Optional[Said]:
        other = "server" if side == "client" else "client"
        got = self._relative(other, packet.ack)
        if got is None:
            return None
        words = self.words
        before = self.acked.get(side)
        named = {"side": self._word(side), "other": self._word(other)}
        if got <= 0 and not self.sent[other] and side == "client" and before is None:
            return words.say("packet.ack.open")
        if other in self.fin and got == self.fin[other] + 1:
            return words.say("packet.ack.fin", size=self._bytes(self.fin[other]), **named)
        behind = max(self.sent[other], self.fin.get(other, -1) + 1)
        # Something is missing for certain where later bytes came, or a FIN behind bytes that did not.
        gap = self._pieces[other] or self.fin.get(other, 0) > self.whole[other]
        if before == got and behind > got and gap:
            self.repeated[side] = True
            following = words.plain("packet.ack.next", next=got + 1) if got > 0 else words.plain("packet.ack.next.first")
            return words.say("packet.ack.repeat", next=following, side=named["side"])
        if self.repeated[side] and before is not None and got > before:
            self.repeated[side] = False
            return words.say("packet.ack.gap", size=self._bytes(got), side=named["side"])
        return words.say("packet.ack", size=self._bytes(max(got, 0)), **named)

    def _note(self, packet: Packet, side: str) -> None:
        """What a packet acknowledges is remembered."""
        got = self._relative("server" if side == "client" else "client", packet.ack)
        if got is not None:
            if self.repeated[side] and got > self.acked.get(side, got):
                self.repeated[side] = False
            self.acked[side] = got

    # ---------------------------------------------------------------- ends

    def _ends(self, packet: Packet, side: str) -> List[Said]:
        out: List[Said] = []
        words = self.words
        if "F" in packet.flags:
            place = self._relative(side, packet.seq)
            if place is not None:
                place += packet.payload
                self.fin[side] = place
            if place is not None and place > self.whole[side]:
                out.append(words.say("packet.fin.early", side=self._word(side), size=self._bytes(place - self.whole[side])))
            else:
                out.append(words.say("packet.fin", side=self._word(side)))
        if "R" in packet.flags:
            out.append(words.say("packet.rst", side=self._word(side)))
            first = self.first.get(side)
            if first is not None and packet.seq is not None and side in self.fin:
                count = (packet.seq - first) % _WHOLE
                if count == self.fin[side] + 2 and not self.reset:
                    self.reset = True
                    out.append(words.say("packet.rst.place", seq=packet.seq, count=count, side=self._word(side)))
        return out

    # ---------------------------------------------------------------- headers

    def review(self, packet: Packet) -> bool:
        """Whether this packet's headers are to be taken apart: the first that shows them."""
        if self.reviewed or packet.link is None or packet.ip is None or packet.tcp is None:
            return False
        self.reviewed = True
        return True

    def headers(self, packet: Packet, prefix: str) -> List[Entry]:
        """The entries of a packet's IP and TCP headers."""
        link, ip, tcp = packet.link or 0, packet.ip or 0, packet.tcp or 0
        ports = link + ip
        raw = packet.bytes_at(0, ports + 20) or b""
        if len(raw) < ports + 20:
            return []
        out: List[Entry] = []

        def add(name: str, label: str, start: int, size: int, words: str, kind: str = "value", number: str = "") -> None:
            entry = Entry(None, label, kind)
            entry.id = f"{prefix}.{name}"
            entry.hex = "0x" + raw[start : start + size].hex()
            entry.number, entry.words = number, words
            entry.places = [(packet.number, start, start + size)]
            out.append(entry)

        text = self.words.plain
        if packet.version == 4:
            said = text("review.ip4", words=ip // 4, size=self._bytes(ip))
            add("ip.ihl", "IP version and header length", link, 1, said, "length")
            add("ip.length", "IP total length", link + 2, 2, self._bytes(packet.start + packet.payload - link), "length")
            add("ip.protocol", "IP protocol", link + 9, 1, "TCP", "name", "6")
            add("ip.src", "source address", link + 12, 4, str(packet.src))
            add("ip.dst", "destination address", link + 16, 4, str(packet.dst))
        else:
            add("ip.version", "IP version", link, 1, text("review.ip6", size=self._bytes(ip)), "length")
            add("ip.src", "source address", link + 8, 16, str(packet.src))
            add("ip.dst", "destination address", link + 24, 16, str(packet.dst))
        add("tcp.sport", "source port", ports, 2, "", "value", str(packet.sport))
        add("tcp.dport", "destination port", ports + 2, 2, "", "value", str(packet.dport))
        add("tcp.seq", "sequence number", ports + 4, 4, "", "value", str(packet.seq))
        if packet.ack is not None:
            add("tcp.ack", "acknowledgment number", ports + 8, 4, "", "value", str(packet.ack))
        add("tcp.offset", "TCP header length", ports + 12, 1, text("review.tcp", words=tcp // 4, size=self._bytes(tcp)), "length")
        flags = [name for letter, name in zip("FSRPAUEC", ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"))
                 if letter in packet.flags]  # fmt: skip
        add("tcp.flags", "TCP flags", ports + 13, 1, ", ".join(flags) or "none", "name")
        return out

    def review_sum(self, packet: Packet) -> Said:
        """Where the payload of a reviewed packet begins, worked out."""
        words = self.words
        link = words.plain("review.link", link=packet.link) + " " if packet.link else ""
        return words.say(
            "review.sum", link=link, ip=packet.ip, tcp=packet.tcp, sum=packet.start, offset=f"0x{packet.start:04x}",
            none="" if packet.payload else words.plain("review.none"),
        )
