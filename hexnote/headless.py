"""Bytes without a header put in their place: by a summary line's numbers, by arithmetic, or as a fragment.

Four kinds of packet have no headers to read:

* a summary line alone: the numbers say which bytes of which stream it carried;
* rows whose headers the author left out, under a summary line, or of the length that exactly one
  summary line seen alone still waits for: they are that packet's payload;
* bytes of a stream, as a log or a tool shows them that knows nothing of packets: a conversation, each
  block of which goes on where the last one of its side ended;
* rows of which nothing is known: a fragment. TLS is looked for in it, and rows that follow while
  its last record is incomplete are taken as its continuation; the output says so.
"""

from __future__ import annotations

from hexnote.hints import Any, Callable, Dict, List, Optional, Set, Tuple
from hexnote.model import Block, Connection, Delivery, Packet, Summary
from hexnote.tuples import NamedTuple

# Service names that tcpdump prints for ports of TLS.
SERVICES = {"https": 443, "imaps": 993, "pop3s": 995, "smtps": 465, "submissions": 465, "ldaps": 636, "ircs-u": 6697,
            "ftps": 990, "ftps-data": 989, "telnets": 992, "nntps": 563, "sips": 5061, "smtp": 25, "imap2": 143, "ldap": 389,
            "pop3": 110, "http": 80, "postgresql": 5432, "domain-s": 853, "http-alt": 8080, "squid": 3128}
# Summary lines alone that still wait for their bytes.
_WAITING = 256
# Connections of which the first summary line is kept.
_FIRST = 1024
# A record found within this many bytes of a block is known at its first or second row.
_AHEAD = 16
APART = "not read: these bytes do not follow on what the log shows before them"
TORN = "not read: rows of this block were left out, and they have no offsets to tell which"
# Bytes of a row, and of a block of a log's rows from which on more of it may come.
_ROW, _PIECE = 16, 1024
BESIDE = "rows beside them seem to be missing, by the length of a record, and they have no offsets to tell which"
UNSETTLED = "no headers here, and where the payload begins cannot be told"
# IP and TCP headers have no fewer bytes.
_LEAST = 40
# Link, IP and TCP headers have no more bytes.
_HEADERS = 200
OPEN = 3072  # fragments that are remembered; only the last ones can go on
# How far apart two readings of a sequence number must lie to be told apart.
_NEAR = 1 << 28
# What labels have in them of bytes that are logged beside the record on the wire.
_BESIDE = (b"CRYPTION", b"dumping '")
# What labels have in them of a record's header, by OpenSSL's age: it is logged as it came, whatever it is.
_HEADING = (b" ??? [", b"RecordHeader [", b"content_type=256 ")
# Content types (RFC 8446 section 5.1).
_CHANGE, _ALERT, _HANDSHAKE, _SEALED = 20, 21, 22, 23
# Messages that one end alone sends: both hellos, ServerKeyExchange, CertificateRequest, ServerHelloDone, ClientKeyExchange.
_TELLING = (b"\1", b"\2", b"\x0c", b"\x0d", b"\x0e", b"\x10")
_HEADER = 5  # bytes of a record's


class Placed(NamedTuple):
    """Where a packet without headers belongs, and what its bytes gave."""

    flow: Any  # Flow or Fragment; None: nowhere
    deliveries: List[Delivery]
    remark: str
    content: int = -1  # content type of bytes that a log shows decrypted, 0: the type itself; -1: they are none
    bare: bool = False  # the log shows no records at all: its messages are all that is known
    shape: Any = None  # a `headless_log.Shape`: what the bytes are made of besides


class _Whole:
    whole = False


class Fragment:
    """A stream of which no header is known: bytes in the order in which they stand in the text."""

    def __init__(self, number: int, side: int) -> None:
        self.connection = Connection(number)
        self.connection.pseudo = True
        self.connection.guessed = "nothing"
        self.streams = (_Whole(), _Whole())
        self.events: List[Any] = []
        self.side = side
        self.next = 0  # stream offset behind the last byte
        self.base = 0  # of the current packet: stream offset = dump offset - base

    def add(self, packet: Packet, data: bytes, at: int) -> List[Delivery]:
        """Bytes at dump offset `at` of the packet begun last; what lies between is a hole."""
        offset = at - self.base
        out: List[Delivery] = []
        if offset < self.next:
            data, at, offset = data[self.next - offset :], at + self.next - offset, self.next
        if not data:
            return out
        if offset > self.next:
            out.append(Delivery(self.side, self.next, None, offset - self.next, None, 0))
        out.append(Delivery(self.side, offset, data, len(data), packet, at))
        packet.captured += len(data)
        packet.end = max(packet.end, at + len(data))
        self.next = offset + len(data)
        return out

    def begin(self, packet: Packet, start: int) -> None:
        """A packet begins whose payload starts at dump offset `start`."""
        self.base = start - self.next
        packet.start = packet.end = start
        packet.offset = self.next
        packet.side = self.side
        packet.stream = self.connection.number

    def close_packet(self, packet: Packet) -> List[Delivery]:
        """Nothing is known of bytes that are not shown."""
        return []


class Conversation:
    """Two streams of which only bytes are known, and (perhaps) who sent them."""

    def __init__(self, number: int) -> None:
        self.connection = Connection(number)
        self.connection.pseudo = True
        self.connection.guessed = "nothing"
        self.streams = (_Whole(), _Whole())
        self.events: List[Any] = []
        self.next = [0, 0]  # stream offsets behind the last byte, by side
        self.rows = [0, 0]  # dump offsets behind it
        self.base = 0  # of the current packet: stream offset = dump offset - base
        self.sides: Optional[Tuple[int, int]] = None  # the dump's two ends as client (0) and server (1)
        self.last = 0  # the side that sent last
        self.declared = 0  # bytes that the current packet should have
        self.owed = [0, 0]  # bytes of the record whose header was logged last that were not shown
        self.type = [0, 0]  # its content type
        self.inner = [0, 0]  # the content type under its encryption, as far as it is known
        self.sealed = [False, False]  # a ChangeCipherSpec stands before it
        self.hello = b""  # the client's random
        self.ends: Set[int] = set()  # the dump's two ends, as far as rows or labels have shown them
        self.wire = False  # a label said that bytes are those on the wire
        self.logged = False  # a label said that they are what the library sees
        self.came = False  # the server's log shows what it received as it came, too
        self.before = [True, True]  # of what was encrypted no Finished was shown yet, by side, nor anything unread

    def begin(self, packet: Packet, block: Block, side: int) -> None:
        """A packet begins with `block`, sent by `side`."""
        self.last = packet.side = side
        self.base = block.offset - self.next[side]
        self.declared = block.declared or 0
        packet.start = block.offset
        packet.end = packet.start + max(self.declared, len(block.data))
        packet.offset = self.next[side]
        packet.stream = self.connection.number

    def skip(self, packet: Packet, size: int) -> None:
        """So many bytes of the stream were left out before the packet begun last."""
        self.base -= size
        packet.offset = self.next[packet.side] + size

    def add(self, packet: Packet, data: bytes, at: int) -> List[Delivery]:
        """Bytes at dump offset `at` of the packet begun last; what lies between is a hole."""
        if packet.offset is None:
            return []  # no bytes of the wire
        side = packet.side
        offset = at - self.base
        if offset < self.next[side]:
            data, at, offset = data[self.next[side] - offset :], at + self.next[side] - offset, self.next[side]
        if not data:
            return []
        out = self._hole(side, offset)
        out.append(Delivery(side, offset, data, len(data), packet, at))
        packet.captured += len(data)
        packet.end = max(packet.end, at + len(data))
        self.next[side] = offset + len(data)
        self.rows[side] = at + len(data)
        return out

    def close_packet(self, packet: Packet) -> List[Delivery]:
        """What its label declared and its rows do not show is a hole."""
        if not self.declared or packet.offset is None:
            return []
        end, self.declared = packet.offset + self.declared, 0
        return self._hole(packet.side, end)

    def _hole(self, side: int, end: int) -> List[Delivery]:
        size = end - self.next[side]
        if size <= 0:
            return []
        self.next[side] = end
        return [Delivery(side, end - size, None, size, None, 0)]

    def log(self, packet: Packet, block: Block, side: int) -> Tuple[List[Delivery], str, int]:
        """What a library logs: a record's header, as it is on the wire; then what the record holds, decrypted if it was
        encrypted. Gives what it adds to the stream, a remark, and `Placed.content`."""
        self.logged = True
        data, size = block.data, block.declared or len(block.data)
        lacks = torn(block)
        if self.came and not side:
            packet.stream, packet.side = self.connection.number, side
            return [], "as the library saw it; shown also as it is on the wire", -1
        if not self.wire and len(data) == size == _HEADER and any(words in block.text[: block.head] for words in _HEADING) and (
            not _header(data)
        ):
            self.type[side], self.owed[side] = 0, 0
            self.begin(packet, block, side)
            return self.add(packet, data, block.offset), "", -1
        if is_header(block):
            self.sealed[side] = self.sealed[side] or self.type[side] == _CHANGE
            self.type[side] = data[0]
            self.inner[side] = data[0] if data[0] != _SEALED else 0
            if not self.wire:
                skipped = self._hole(side, self.next[side] + self.owed[side])
                self.owed[side] = data[3] << 8 | data[4]
                self.begin(packet, block, side)
                return skipped + self.add(packet, data, block.offset), "", -1
        elif not self._under(side):
            if not self.wire and size <= self.owed[side]:
                self.owed[side] -= size
                if data[:1] == b"\1" and self.inner[side] == _HANDSHAKE and not self.next[1 - side]:
                    self.hello = data[6:38]
                self.begin(packet, block, side)
                if lacks:
                    return [], TORN, -1
                return self.add(packet, data, block.offset), fewer(block), -1
        else:
            packet.stream, packet.side = self.connection.number, side
            if self.type[side] == _SEALED and size == 1 and data and not self.inner[side]:
                self.inner[side] = data[0]
                return [], "the log shows it decrypted: on the wire it lies inside the encrypted record", 0
            content = content_of(data, size, self.inner[side]) if not lacks else -1
            how = f", and {TORN}" if lacks else ", and not read" if content <= 0 else "; " * bool(fewer(block)) + fewer(block)
            if not any(self.type):
                return [], f"the log shows no records, only what they hold{how}", content
            return [], f"the log shows these bytes decrypted: on the wire they are not to be seen{how}", content
        packet.stream, packet.side = self.connection.number, side
        why = "shown also as it is on the wire" if self.wire else "no record that was logged holds it"
        return [], f"as the library saw it; {why}", -1

    def open(self, packet: Packet, block: Block, side: int, said: Any, shape: Any) -> Placed:
        """What a library logs beside the wire: a record before encryption, or after decryption. `shape` is that of
        `headless_log`."""
        packet.stream, packet.side = self.connection.number, side
        session = self.connection.session
        sealed = session.sealed[side] if session is not None else None
        made = shape(block, sealed[0] if sealed and len(sealed) == 1 else None, said, self.before[side])
        told = "the log shows it {} encryption: on the wire it lies inside an encrypted record".format(
            "as it was before" if block.side == 0 else "as it is without")
        if isinstance(made, str):
            self.before[side] = False
            return Placed(self, [], f"the log shows these bytes beside the encrypted record; not read, for {made}")
        self.before[side] = self.before[side] and made.content != 23 and not made.finished and made.whole
        return Placed(self, [], told, made.content, False, made)

    def _under(self, side: int) -> bool:
        """Whether what is logged now is encrypted on the wire."""
        if self.type[side] in (0, _SEALED):
            return True
        session = self.connection.session
        return self.sealed[side] and session is not None and session.version != 0x0304

    def said_all(self, block: Block, hello: bytes) -> bool:
        """Whether what was logged so far is no more than the ClientHello that a block shows as it was sent, alone."""
        size = block.declared or len(block.data)
        return hello == self.hello and sorted(self.next) == [0, size] and not any(self.owed)

    def over(self, block: Block) -> bool:
        """Whether a logged record header begins another connection: a hello in clear, where none can be any more."""
        session = self.connection.session
        if not is_header(block) or block.data[0] != _HANDSHAKE or session is None or session.version is None:
            return False
        version = block.data[1] << 8 | block.data[2]
        return _SEALED in self.type if session.version == 0x0304 else version == 0x0301 < session.version


def _begins(block: Block) -> bool:
    """Whether a payload may begin with a block: behind headers, and where its author says so or a record begins."""
    data = block.data
    return block.offset >= _LEAST and (block.blanked or _header(data) and data[2] <= 4)


def _header(data: bytes) -> bool:
    """Whether bytes may begin with a record header (RFC 8446 section 5.1)."""
    return len(data) >= 5 and 20 <= data[0] <= 24 and data[1] == 3


def is_header(block: Block) -> bool:
    """Whether a logged block is a record's header."""
    data = block.data
    return len(data) == 5 == (block.declared or 5) and _header(data)


def torn(block: Block) -> bool:
    """Whether a block of rows without offsets ends as its label says that it does, but rows before its last were left out."""
    lacking = (block.declared or 0) - block.offset - len(block.data)
    return block.unplaced and lacking > 0 and not lacking % _ROW and len(block.data) % _ROW > 0 and block.text[-1:] == b"\n"


def apart(block: Block) -> List[Tuple[Block, str, bool]]:
    """The pieces of a block of rows without offsets of which some seem to have been left out; see `headless_rows`."""
    from hexnote.headless_rows import apart

    return apart(block)


def fewer(block: Block) -> str:
    """What is to be said where the last of such rows come, and they are fewer than the label says."""
    lacking = (block.declared or 0) - block.offset - len(block.data)
    if not block.unplaced or lacking <= 0 or len(block.data) >= _PIECE:
        return ""
    return f"{lacking} bytes fewer than the log says; the rows have no offsets: they are taken as the first ones"


def content_of(data: bytes, size: int, told: int) -> int:
    """The content type of `size` bytes that begin with `data`; `told`: what their record says, 0: nothing. -1: unknown."""
    if told:
        return told if told in (_CHANGE, _ALERT, _HANDSHAKE) else -1
    if len(data) >= 4 and (data[1] << 16 | data[2] << 8 | data[3]) + 4 == size:
        return _HANDSHAKE
    return _ALERT if size == 2 == len(data) and data[0] in (1, 2) else -1


class Headless:
    """Finds places. `flows` are the connections; `read` reads a summary line."""

    def __init__(
        self, flows: Any, read: Callable[[bytes], Optional[Summary]], locate: Callable[[bytes], Tuple[int, int]],
        measure: Callable[[bytes], int],
    ) -> None:
        self.flows = flows
        self.measure = measure  # bytes -> where IP says that the packet ends, 0: nowhere
        self.read = read
        self.locate = locate  # bytes -> (where TLS begins in them or -1, side)
        self.waiting: List[Tuple[Packet, Any]] = []
        self.fragment: Optional[Fragment] = None
        self.conversation: Optional[Conversation] = None
        self.fragments: List[Any] = []
        self._sayings: Any = None  # what a log says of its records (a `headless_log.Sayings`), once it says something
        self._names: Dict[Tuple[str, str], bytes] = {}
        # Summary line and key of a connection's first packet: they give names to addresses.
        self.epoch = 0  # changes when they are forgotten
        self._first: Dict[int, Tuple[bytes, Optional[Tuple[bytes, bytes]]]] = {}

    def seen(self, packet: Packet, stream: Any) -> None:
        """A packet with headers came, in this direction: nothing without any goes on behind it."""
        self.fragment = self.conversation = None
        header = packet.header
        if packet.end > packet.start:
            stream.begins = packet.start
            if header and not stream.printed and packet.seq is not None:
                stream.printed, stream.number = header, packet.seq
        if header and packet.stream not in self._first and len(self._first) < _FIRST and packet.stream is not None:
            self._first[packet.stream] = (header, packet.key)
        if stream.printed and packet.stream is not None and self.named(packet.stream):
            stream.noted = self.epoch

    def named(self, stream: int) -> bool:
        """Whether another packet of a connection would tell `seen` nothing new, as far as names go."""
        return stream in self._first or len(self._first) >= _FIRST

    def prose(self, text: bytes) -> None:
        """A whole line that is no row: in a log it may say of which type the next bytes are."""
        if b"READ: " in text or b"WRITE: " in text or b"input record: " in text or b"after decrypt (" in text:
            from hexnote.headless_log import Sayings

            self._sayings = self._sayings or Sayings()
            self._sayings.line(text)

    def over(self) -> List[Any]:
        """Fragments that are told before the input ends, for there are too many: those begun first, with which no bytes can go
        on any more."""
        if len(self.fragments) <= OPEN:
            return []
        leaving = [each for each in self.fragments[: OPEN // 8] if each is not self.fragment and each is not self.conversation]
        for each in leaving:
            self.fragments.remove(each)
        return leaving

    def finish(self) -> List[Any]:
        """All fragments that are left, at the end of the input."""
        return self.fragments

    def place(self, block: Block, packet: Packet) -> Placed:
        """Find where a packet without readable headers belongs."""
        if block.payload:
            return self._as_stream(block, packet)
        summary = self.read(packet.header) if packet.header else None
        packet.summary = summary
        if summary is not None and summary.src and summary.sport and (summary.flags or summary.length is not None):
            return self._by_summary(block, packet, summary)
        if not block.data:
            return Placed(None, [], "")
        return self._by_length(block, packet) or self._as_fragment(block, packet)

    # ---------------------------------------------------------------- by the summary line

    def _by_summary(self, block: Block, packet: Packet, summary: Summary) -> Placed:
        src, dst = self._end(summary.src, summary.sport), self._end(summary.dst, summary.dport)
        packet.src, packet.dst = summary.src, summary.dst
        packet.sport, packet.dport = _port(summary.sport), _port(summary.dport)
        packet.key = (src, dst)
        packet.flags = summary.flags
        packet.protocol = 6
        length = summary.length or 0
        seq = summary.seq
        if seq is None and summary.ack is None:
            return Placed(None, [], "")
        known = self.flows.find(packet.key)
        packet.seq = self._absolute(known, packet.key, seq, "S" in summary.flags, length)
        if packet.seq is None:
            return Placed(None, [], "no headers here, and where its sequence numbers count from is not known")
        if summary.ack is not None:
            packet.ack = self._absolute(known, (dst, src), summary.ack, False, 0)
        stop = block.offset + len(block.data)
        usual = -1
        if known is not None:
            usual = known.stream_of(packet.key).begins
        if not block.data:
            packet.start, packet.end = 0, length
        elif not block.offset:
            # Rows from the packet's first byte on whose headers cannot be read whole: IP's length says where it ends.
            end = self.measure(block.data)
            if not 40 <= end - length <= _HEADERS:
                return Placed(None, [], "")
            packet.start, packet.end = end - length, end
        elif length and usual >= 0 and not block.blanked and stop - length != usual:
            # More of it may come: payload begins where it does in the other packets of that direction.
            packet.start, packet.end = usual, usual + length
        elif length and not block.blanked and stop - length > block.offset:
            packet.start, packet.end = stop - length, stop
        else:
            # Rows are missing behind these, and perhaps some before them that belong to the payload.
            if length and not _begins(block):
                return Placed(None, [], UNSETTLED)
            packet.start, packet.end = block.offset, block.offset + length
        if length and block.data and packet.start < _LEAST:
            return Placed(None, [], UNSETTLED)
        flow = self.flows.add(packet)
        first = max(packet.start, block.offset)
        shown = block.data[first - block.offset : max(packet.end - block.offset, 0)]
        deliveries = flow.add(packet, shown, first)
        if packet.start > block.offset:
            for delivery in deliveries:
                delivery.late = True  # where they begin was known at the last row
        remark = ""
        if length and not block.data:
            if len(self.waiting) >= _WAITING:
                del self.waiting[0]
            self.waiting.append((packet, flow))
        elif length and shown:
            remark = f"no headers here: placed by the summary line, {length} bytes at offset {packet.offset} of the stream"
        return Placed(flow, deliveries, remark)

    def settles(self, packet: Packet, flow: Any, block: Block) -> bool:
        """Whether it is known where the payload begins of a packet whose first rows, from dump offset above 0 on, come now.
        Of one that was known by its summary line alone that is settled here."""
        if packet.summary is None or packet.data or packet.captured or packet.start or not packet.end or flow.connection.pseudo:
            return True
        begins = flow.streams[packet.side].begins
        if begins < 0 and _begins(block):
            begins = block.offset
        if begins < 0:
            return False
        packet.start, packet.end = begins, begins + packet.end
        return True

    def headed(self, packet: Packet, flow: Any, begun: Packet) -> None:
        """Of a packet that was known by its summary line alone, and whose rows begin with headers that are not whole yet:
        payload begins behind them, where IP's length says so, or where that is known later. `begun`: what they say."""
        if packet.summary is None or packet.start or begun.link is None or flow.connection.pseudo:
            return
        packet.link = begun.link
        if packet.end and 40 <= begun.end - packet.end <= _HEADERS:
            packet.start, packet.end = begun.end - packet.end, begun.end

    def _absolute(self, flow: Any, key: Tuple[bytes, bytes], number: Optional[int], syn: bool, length: int) -> Optional[int]:
        """A printed sequence number as an absolute one: tcpdump prints both kinds."""
        stream = flow.stream_of(key) if flow is not None else None
        if stream is None or stream.base is None:
            return number if number is not None else 1
        if number is None:
            return int(stream.base + stream.next) & 0xFFFFFFFF
        if syn:
            return number
        # Relative numbers count from the SYN, which is number 0; `base` is the byte after it. Where the trace begins
        # later they count from elsewhere: another packet of the direction, shown with its bytes, tells from where.
        relative = number - 1
        if stream.printed and not stream.whole:
            summary = self.read(stream.printed)
            if summary is None or summary.seq is None:
                return None
            start = stream.number if summary.seq == stream.number else stream.number - summary.seq
            relative = (start + number - stream.base + (1 << 31)) % (1 << 32) - (1 << 31)
        absolute = (number - stream.base + (1 << 31)) % (1 << 32) - (1 << 31)
        if abs(absolute - stream.next) < min(abs(relative - stream.next), _NEAR):
            return number
        return int(stream.base + relative) & 0xFFFFFFFF

    def _end(self, host: Optional[str], port: Optional[str]) -> bytes:
        """The key of one end, as layers makes it from bytes: address, then port."""
        number = _port(port)
        tail = (number or 0).to_bytes(2, "big")
        text = host or ""
        import socket

        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                return socket.inet_pton(family, text) + tail
            except (OSError, ValueError):
                continue
        return self._named(text, port or "") or text.encode("utf-8", "replace") + b":" + (port or "").encode("utf-8", "replace")

    def _named(self, host: str, port: str) -> Optional[bytes]:
        """The end that an earlier packet, shown with its bytes, called by this name."""
        if (host, port) not in self._names:
            for header, key in self._first.values():
                summary = self.read(header)
                if summary is not None and key is not None:
                    self._names[summary.src or "", summary.sport or ""] = key[0]
                    self._names[summary.dst or "", summary.dport or ""] = key[1]
            self._first.clear()
            self.epoch += 1
            if len(self._names) > 8192:
                self._names.clear()
        return self._names.get((host, port))

    # ---------------------------------------------------------------- by arithmetic

    def _by_length(self, block: Block, packet: Packet) -> Optional[Placed]:
        """The payload of a packet that was so far known by its summary line alone.

        Where only one such packet is left, and payload begins where it begins in the other packets of
        that direction, the rows are its at once. Else their length must fit exactly one, and that is
        known at their last row: they count as read after it.
        """
        self.waiting = [w for w in self.waiting if not _read(*w)]
        size = len(block.data)
        alone = len(self.waiting) == 1 and self._start_of(*self.waiting[0]) == block.offset
        fits = self.waiting if alone else [w for w in self.waiting if w[0].payload == size]
        if len(fits) != 1:
            return None
        earlier, flow = fits[0]
        for name in ("src", "sport", "dst", "dport", "key", "flags", "seq", "ack", "side", "stream", "offset", "protocol"):
            setattr(packet, name, getattr(earlier, name))
        packet.start = block.offset
        packet.end = block.offset + earlier.payload
        deliveries: List[Delivery] = flow.add(packet, block.data[: earlier.payload], block.offset)
        for delivery in deliveries:
            delivery.late = delivery.late or not alone
        why = "was alone without its bytes" if alone else f"was the only one of {size} bytes without them"
        return Placed(flow, deliveries, f"no headers here: packet {earlier.number} {why}; these are placed there, "
                                        f"at offset {packet.offset} of its stream")

    def _start_of(self, packet: Packet, flow: Any) -> int:
        """Where payload begins in the packets of the same direction that were shown; -1: none was."""
        return int(flow.streams[packet.side].begins)

    # ---------------------------------------------------------------- as a part of a stream

    def _as_stream(self, block: Block, packet: Packet) -> Placed:
        """Bytes of a stream: they go on where the last ones of their side ended."""
        talk = self.conversation
        if block.message and any(words in block.text[: block.head] for words in _BESIDE):
            return self._beside(block, packet)
        look = block.look or block.data
        at, found = self.locate(look) if look else (-1, 0)
        kind = look[at + 5 : at + 6] if at >= 0 and look[at] == 22 else b""
        hello = look[at + 11 : at + 43] if kind == b"\1" else b""
        if talk is not None and hello and not block.message and talk.logged and not talk.wire and talk.said_all(block, hello):
            talk.wire = True
            return Placed(None, [], "what was sent: as long as what the library logged before, of the same random; not told again")
        if talk is not None and not block.message and (
            (hello and talk.hello and hello != talk.hello) or (talk.logged and not talk.wire and not talk.came)
        ):
            talk = None  # another connection; or the bytes logged so far come now as they are on the wire
        elif talk is not None and block.message and talk.over(block):
            talk = None
        if talk is not None and not block.head and block.offset == 0 and at != 0 and (talk.wire or talk.logged):
            return Placed(None, [], "nothing says that the log shows these bytes as they were sent: they are left as they are")
        if talk is None:
            if at < 0 and block.side is None:
                return Placed(None, [], "no TLS record in these bytes: they are left as they are")
            talk = self.conversation = Conversation(self.flows.new_number())
            self.fragments.append(talk)
            if block.message and block.side is not None and is_header(block) and block.data[:3] == b"\x16\3\1":
                talk.sides = (block.side, 1 - block.side)  # nobody else begins so: this end is the client
        talk.hello = hello or talk.hello
        side = block.side
        if talk.sides is None and side == 1 and not block.message and not any(talk.next) and (
            len(block.data) == _HEADER == (block.declared or _HEADER) and block.data[:3] == b"\x16\3\1"
        ):
            talk.sides = (1, 0)  # a ClientHello's header was read alone, before this end sent anything: it is the server
        talk.came = talk.came or (block.dress == "wpa" and not block.message and len(block.data) > _HEADER)
        if talk.came and block.message:
            talk.sides = (1, 0)
        if talk.sides is None and side is not None and kind in (b"\1", b"\2"):
            talk.sides = (found, 1 - found) if side == 0 else (1 - found, found)
        if talk.sides is None and side is not None and block.message and block.data[:1] in (b"\1", b"\2") and content_of(
            block.data, block.declared or len(block.data), 0
        ) == _HANDSHAKE:
            talk.sides = (0, 1) if (block.data[0] == 1) == (side == 0) else (1, 0)
        if side is not None:
            side = talk.sides[side] if talk.sides is not None else side
        elif at == 0:
            side = found
        else:
            side = talk.last
        if block.message:
            return Placed(talk, *talk.log(packet, block, side), bare=not any(talk.type))
        if block.side is not None:
            talk.ends.add(block.side)
        remark = ""
        connection = talk.connection
        if at == 0 and not block.head and len(talk.ends) < 2 and connection.guessed != "mixed" and (
            kind not in _TELLING if kind else block.data[0] != _HANDSHAKE
        ):
            connection.guessed = "mixed"
            remark = f"nothing says which end sent this, and what follows: taken as the {'server' if side else 'client'}'s"
        talk.wire = talk.wire or block.head > 0
        ahead = block.offset - talk.rows[side]
        talk.begin(packet, block, side)
        if block.dress == "hexdump" and not block.head:
            if ahead > 0 and (talk.rows[side] or at):
                talk.skip(packet, ahead)  # each side has its own offsets, and rows were left out, perhaps the first ones
        elif at == 0 and block.side is None and not block.head and not block.offset:
            talk.skip(packet, _lacking(talk, side))  # a record begins: what the last one lacks was not shown, or not read
        return Placed(talk, talk.add(packet, block.data, block.offset) if block.data else [], remark)

    def turns(self, packet: Packet, talk: Any, block: Block) -> None:
        """Which end sent the first bytes of all, where they come only behind their label: a hello tells it."""
        if not isinstance(talk, Conversation) or talk.sides is not None or any(talk.next) or block.offset or block.side is None:
            return
        at, found = self.locate(block.data)
        if at == 0 and block.data[0] == _HANDSHAKE and block.data[5:6] in (b"\1", b"\2"):
            talk.sides = (found, 1 - found) if block.side == 0 else (1 - found, found)
            talk.last = packet.side = found

    def _beside(self, block: Block, packet: Packet) -> Placed:
        """Bytes that a log shows beside those on the wire, as they are without encryption."""
        from hexnote.headless_log import shape

        said = self._sayings.take(block) if self._sayings is not None else None
        talk, side = self.conversation, block.side or 0
        if talk is None:
            return Placed(None, [], "the log shows these bytes decrypted, but not the connection that they are of: not read")
        return talk.open(packet, block, talk.sides[side] if talk.sides is not None else side, said, shape)

    # ---------------------------------------------------------------- as a fragment

    def _as_fragment(self, block: Block, packet: Packet) -> Placed:
        fragment = self.fragment
        remark = ""
        start = block.offset
        if fragment is not None and self._goes_on(fragment):
            remark = f"no headers: taken as going on where the bytes before ended (offset {fragment.next} of the fragment)"
            data = block.data
        else:
            at, side = self.locate(block.data)
            if at < 0:
                return Placed(None, [], "no headers and no TLS record in these bytes: they are left as they are")
            start += at
            data = block.data[at:]
            fragment = self.fragment = Fragment(self.flows.new_number(), side)
            self.fragments.append(fragment)
            remark = f"no headers: a fragment of its own; the first TLS record was found at 0x{start:04x}"
        fragment.begin(packet, start)
        deliveries = fragment.add(packet, data, start)
        if start - block.offset > _AHEAD:
            for delivery in deliveries:
                delivery.late = True  # found at a later row than their first
        return Placed(fragment, deliveries, remark)

    def _goes_on(self, fragment: Fragment) -> bool:
        """Whether the fragment's last record is incomplete."""
        readers = getattr(fragment.connection, "readers", None)
        return readers is not None and readers[fragment.side].record is not None


def _lacking(talk: Conversation, side: int) -> int:
    """How many bytes the last record of a side lacks, as its header has it."""
    readers = getattr(talk.connection, "readers", None)
    reader = readers[side] if readers else None
    return max(reader.end - talk.next[side], 0) if reader is not None and reader.record is not None else 0


def _read(packet: Packet, flow: Any) -> bool:
    """Whether the stream has gone on behind a packet that was known by its summary line alone."""
    stream = flow.streams[packet.side]
    return packet.offset is None or bool(stream.next >= packet.offset + packet.payload)


def _port(text: Optional[str]) -> Optional[int]:
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return int(text) & 0xFFFF if len(text) < 7 else None
    return SERVICES.get(text)
