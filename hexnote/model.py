"""The nouns of the house: what every room takes and gives.

Units everywhere: offsets and lengths are bytes, ranges are half-open `[start, end)`.
Three coordinates are in use, and a name always says which:

* *dump offset*: counted as the dump itself counts (`0x0030` of a row), per packet;
* *stream offset*: counted per direction of a connection, 0 is the byte after the SYN;
* *message offset*: counted from the first byte of a handshake message's header.
"""

from __future__ import annotations

import re

from hexnote.hints import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union
from hexnote.tuples import NamedTuple

Value = Union[int, str, None]

# ------------------------------------------------------------------ dump text


class Layout(NamedTuple):
    """How the bytes of a row stand in its line.

    `cols[i]` is the index, in the raw line, of the first of the two hex digits of the row's
    byte `i` (its second digit follows at once); `text` the index of the first character of the
    text column, -1 where there is none.
    """

    cols: Tuple[int, ...]
    text: int = -1


class Row(NamedTuple):
    """One dump row inside a Block: `text[start:end]` of the block is its line (with its LF)."""

    start: int
    end: int
    line: int  # 1-based input line number
    offset: int  # dump offset of its first byte
    size: int  # bytes in the row
    layout: Layout


class Prose:
    """Lines that are no dump: echoed, never annotated."""

    __slots__ = ("text", "line", "torn")

    def __init__(self, text: bytes, line: int, torn: bool = False) -> None:
        self.text = text
        self.line = line  # 1-based number of its first line
        self.torn = torn  # a piece of a line that was too long: where it was cut means nothing


class Summary(NamedTuple):
    """What a dump tool's summary line says of a packet; None (or "") where it does not."""

    time: Optional[str] = None  # as printed
    src: Optional[str] = None  # host as printed (address or name)
    sport: Optional[str] = None  # port as printed (number or service name)
    dst: Optional[str] = None
    dport: Optional[str] = None
    flags: str = ""  # letters of FSRPAUEC, in that order
    seq: Optional[int] = None  # first sequence number as printed: relative or absolute
    seq_end: Optional[int] = None
    ack: Optional[int] = None
    length: Optional[int] = None  # TCP payload bytes


# What a Block is.
PACKET = 0  # begins a packet (with or without a summary line, with or without bytes)
MORE = 1  # goes on with the packet begun last, perhaps behind a gap, perhaps repeating a row
EXCERPT = 2  # shows bytes of an earlier packet again: nothing new in it


class Block:
    """A contiguous run of dump rows, with the summary line before it if there is one.

    A packet is one PACKET block and any number of MORE blocks. `text` is every line of the
    block, in order, exactly as it came. A PACKET block without rows is a summary line alone.
    What is not said of one stays as the class has it: a block is made for every few lines of text.
    """

    offset = 0  # dump offset of data[0]
    fresh = 0  # dump offset of the first byte that is new
    data: bytes = b""  # the bytes of all rows, joined
    stride = 0  # > 0: row r is text[head + r*stride :][:stride], 16 bytes, in `layout`
    rows: Optional[List[Row]] = None  # the rows one by one, where stride is 0
    layout: Optional[Layout] = None  # the layout of every row, where stride is > 0
    blanked = False  # the first row's leading bytes were blanked out by the author
    dress = "tcpdump"  # name of the dump format
    payload = False  # bytes of a stream: there are no headers to take off
    side: Optional[int] = None  # who sent them, as far as the dump tells two ends apart: 0 or 1
    message = False  # what a TLS library logs: a record header, or what a record holds, decrypted
    declared: Optional[int] = None  # how many bytes the head says that there are
    broken = False  # rows that should follow were left out: the next one says so
    unplaced = False  # its rows have no offsets: where some were left out cannot be told; `declared` is said of each block then
    loose = False  # the same, and no head says how many bytes there are
    look: Optional[bytes] = None  # the bytes to tell by what it is, where it has been cut into pieces
    torn = False  # a piece of a line that is too long: its last row has no line end, more of the line comes
    clear = False  # its text column was read with the bytes, and says what they say
    headers: Any = None  # what they say, where they were looked at already
    packet: Optional[Packet] = None  # the one that it is the whole of, where its headers were taken off ahead

    def __init__(self, kind: int, line: int, text: bytes, head: int = 0) -> None:
        self.kind = kind
        self.line = line  # 1-based number of its first line
        self.text = text
        self.head = head  # length in `text` of the summary line(s); 0: none

    def row(self, r: int) -> Row:
        """Row number `r` (0-based) of the block."""
        if self.rows is not None:
            return self.rows[r]
        assert self.layout is not None
        start = self.head + r * self.stride
        count = min(16, len(self.data) - 16 * r)
        end = min(start + self.stride, len(self.text)) if count == 16 else len(self.text)
        head_lines = self.text.count(b"\n", 0, self.head)
        return Row(start, end, self.line + head_lines + r, self.offset + 16 * r, count, self.layout)

    def row_count(self) -> int:
        """How many rows the block has."""
        return len(self.rows) if self.rows is not None else (len(self.data) + 15) // 16


# Line, text, length of the head, bytes; what its headers say, or None where nobody has looked.
Whole = Tuple[int, bytes, int, bytes, Any]


class Packets(NamedTuple):
    """PACKET blocks that follow each other: each is the whole of a packet, with a summary line and rows of one layout whose
    text columns are clear."""

    stride: int
    layout: Layout
    dress: str
    each: List[Whole]

    def blocks(self) -> Iterator[Block]:
        """The blocks one by one."""
        for line, text, head, data, headers in self.each:
            block = Block(PACKET, line, text, head)
            block.data, block.clear, block.dress, block.headers = data, True, self.dress, headers
            block.stride, block.layout = self.stride, self.layout
            yield block


Item = Union[Prose, Block]

# ------------------------------------------------------------------ packets and segments


class Packet:
    """A packet of the trace: headers measured, place in its stream known where it can be.

    What is not known stays as the class has it: a packet is made for every few lines of text.
    """

    header: bytes = b""  # raw summary line(s), b"" where there is none
    summary: Optional[Summary] = None  # `header` read; only where someone asked
    time: Optional[str] = None  # as `header` has it; only where the renderer tells it
    stream: Optional[int] = None  # TCP connection, 0-based by first appearance
    side = 0  # 0: sent by the client, 1: by the server
    src: Optional[str] = None
    sport: Optional[int] = None
    dst: Optional[str] = None
    dport: Optional[int] = None
    flags = ""  # letters of FSRPAUEC
    seq: Optional[int] = None  # absolute
    ack: Optional[int] = None  # absolute; None without the ACK flag
    window: Optional[int] = None
    link: Optional[int] = None  # header lengths in bytes
    ip: Optional[int] = None
    tcp: Optional[int] = None
    version: Optional[int] = None  # IP version
    protocol: Optional[int] = None  # IP protocol number (6: TCP)
    ttl: Optional[int] = None
    ipid: Optional[int] = None  # IPv4 identification
    start = 0  # dump offset where the TCP payload begins
    end = 0  # dump offset where it ends on the wire (>= start), by IP's total length
    captured = 0  # payload bytes shown so far
    offset: Optional[int] = None  # stream offset of the first payload byte
    base = 0  # dump offset of the first byte shown
    data: bytes = b""  # the bytes of its first block
    dress = "tcpdump"
    key: Optional[Tuple[bytes, bytes]] = None  # (source, destination), address + port, raw
    note = ""  # what could not be read of its headers, in words
    consistent = False  # it is whole, and `look` found that what it says twice is the same
    headers: Tuple[Any, ...] = ()  # of `layers`, where it was looked at
    notice: Optional[Notice] = None  # what it says of another packet, where it is an ICMP error

    def __init__(self, number: int, line: int) -> None:
        self.number = number  # 1-based, in input order
        self.line = line  # 1-based input line

    @property
    def payload(self) -> int:
        """TCP payload length on the wire, in bytes."""
        return self.end - self.start


class Delivery:
    """Bytes of a stream handed on in stream order, or a hole that will not be filled."""

    __slots__ = ("side", "offset", "data", "length", "packet", "at", "late")

    def __init__(
        self, side: int, offset: int, data: Optional[bytes], length: int, packet: Optional[Packet], at: int, late: bool = False,
    ) -> None:
        self.side = side  # 0: from the client, 1: from the server
        self.offset = offset  # stream offset of the first byte
        self.data = data  # None: a hole of `length` bytes
        self.length = length
        self.packet = packet  # that showed them; None for a hole
        self.at = at  # dump offset, in that packet, of data[0]
        self.late = late  # they waited for an earlier segment: packets that came later were seen before


# ------------------------------------------------------------------ formats

# Kinds of node.
LEAF = 0  # bytes that are one value
GROUP = 1  # a structure or vector: holds the nodes after it that lie deeper
ARRAY = 2  # many values of `size` bytes each, told as one list: JSON makes a leaf of each
MISSING = 3  # a leaf for bytes that could not be read: not captured, or past a length that is not
EXTRA = 4  # a leaf for bytes left over where the format has none


class Node:
    """One name of a format: static, shared by every field decoded by it."""

    __slots__ = ("name", "suffix", "kind", "size", "show", "names", "doc", "rfc", "level", "type", "bits", "say", "value", "title",
                 "free")

    def __init__(
        self, name: str, kind: int = LEAF, size: int = 0, show: str = "", names: Optional[Dict[int, str]] = None,
        doc: str = "", rfc: str = "", level: int = 0, suffix: str = "", type: str = "",
        bits: Tuple[Tuple[str, int], ...] = (),
    ) -> None:
        self.name = name  # the RFC's name: one component of the path
        self.suffix = suffix  # ".length" for the length before a vector: path = name + index + suffix
        self.kind = kind
        self.size = size  # ARRAY: bytes of one item
        # How to show it: "", "uint", "enum", "version", "text", "hex", "ipv4", "ipv6", "unixtime", "oid", "time" ...
        self.show = show
        self.names = names  # registry: value to name
        self.doc = doc  # teaching note, plain text
        self.rfc = rfc  # "RFC 5246 section 7.4.1.3"
        self.level = level  # 0: always told in text; 1: only with --depth full; 2: never told on its own
        self.type = type  # the name of the format's type ("CipherSuite"), for renderers and findings
        self.bits = bits  # bit fields, high bit first: (name, width)
        self.free = False  # its bytes decide nothing about how others are read: no length, no selector
        # Set by `notes`: sentences and values out of the field's own bytes.
        self.say: Callable[[bytes], str] = _mute
        self.value: Callable[[bytes], Value] = _no_value
        self.title: Callable[[bytes], Optional[str]] = _no_title

    def __repr__(self) -> str:
        return f"<Node {self.name}{self.suffix} kind={self.kind} {self.type}>"


def _mute(raw: bytes) -> str:
    return raw.hex()


def _no_value(raw: bytes) -> Value:
    return None


def _no_title(raw: bytes) -> Optional[str]:
    return None


# A decoded field: (node, start, end, depth, index). Lists of them are in preorder: a GROUP stands
# before what it holds, which lies deeper. `index` >= 0: the node is item number `index` of the
# vector that holds it. The leaves (all but GROUP) of a list are disjoint and cover the bytes that
# were decoded. `end` may lie beyond the bytes that are there.
Field = Tuple[Node, int, int, int, int]


class Form(list[Field]):
    """The fields that messages have in common which differ in their free bytes only (see `Node.free`)."""

    __slots__ = ("again", "kept")

    def __init__(self, fields: List[Field]) -> None:
        super().__init__(fields)
        self.again = False  # a second such message came
        self.kept: Dict[str, Any] = {}  # what others make of it once, each under a name of its own

    def gaps(self, size: int) -> List[Tuple[int, int]]:
        """The ranges of free bytes in a message of which `size` bytes are there, ascending and disjoint."""
        found: List[Tuple[int, int]] = []
        at = 0
        for node, start, end, _, _ in self:
            if node.free and at <= start < min(end, size):
                at = min(end, size)
                found.append((start, at))
        return found


class Context:
    """What a decoder may ask of the world outside the bytes: the `$names` of the format files."""

    __slots__ = ("version", "key_exchange", "sender", "message", "certificate_type", "problems")

    def __init__(self) -> None:
        self.version = 0x0303  # negotiated version, 0x0301 for TLS 1.0; 0x0304 for TLS 1.3
        self.key_exchange = "unknown"  # of the negotiated suite: "rsa", "dhe", "ecdhe", "psk" ...
        self.sender = "client"  # or "server"
        self.message = "client_hello"  # handshake type's name; "hello_retry_request" has its own
        self.certificate_type = "x509"
        # (start, end, sentence): bytes that break the format; the coordinates are the decoder's
        self.problems: List[Tuple[int, int, str]] = []


# decode(buf, pos, end, ctx, out, depth, index): appends the fields of buf[pos:end] to `out`.
# `len(buf)` may be less than `end`: the rest is not there (yet).
Decoder = Callable[..., None]

# ------------------------------------------------------------------ connections, records, messages


class Attempt(NamedTuple):
    """A connection whose hello was read and that is over, as later ones of the same two ends are compared with it."""

    number: int
    client: str  # its address, without a port
    server: str  # "address:port"
    first: int  # the packet that opened it, else that of its hello
    last: int  # that in which it failed; where it came through, that of the last message
    how: str  # "": it came through; "alert", "RST", "FIN", "other" (another protocol's words), "silence": how it failed first
    side: int  # of the end that did so
    description: int  # of that alert, else -1
    hello: Any  # the bytes of its first ClientHello; of Attempts that are told, the Hello itself
    format: str  # of that: "tls" or "ssl2"
    size: int  # of that, in bytes
    heard: bool  # the server has said something
    version: int  # chosen, 0: none
    suite: int  # the same, -1: none
    at: Places  # of that hello
    end: Places  # of what ended it
    # Up to TLS 1.2, where sessions are named in clear:
    given: Tuple[bytes, bytes, int]  # session ID and ticket that the server gave, and the packet that brought them
    offered: bytes  # that of the two which the client offered, where the server did not take it up, or both then disagreed,
    taken: bool  # which of these


class Connection:
    """A TCP connection: two directions, 0 from the client and 1 from the server."""

    __slots__ = (
        "number", "ends", "closed", "session", "readers", "reviewed", "pseudo", "story", "verdict", "certificate_line",
        "reset", "evicted", "torn", "elsewhere", "guessed", "turned",
        "dialogue", "preface",
    )  # fmt: skip

    def __init__(self, number: int) -> None:
        self.number = number
        self.story: Optional[Story] = None  # its history, for findings; None before the first packet and behind its end
        self.reset: Optional[Step] = None  # the RST that ended it
        # Set before a renderer is told that the connection is over:
        self.verdict: Optional[Verdict] = None
        self.certificate_line = ""  # the client's certificate: asked for, sent, proved, whose move; "" where no bytes tell
        self.preface = ""  # what stands before TLS, or instead of it: see Preface
        self.dialogue: Optional[Preface] = None  # the same, as far as it is known
        self.ends: Tuple[str, str] = ("", "")  # "address:port" of the client and of the server
        self.closed = ""  # how it ended, in words; "" while open
        self.evicted = ""  # why it was let go before it or the input ended, in words; "": it was not
        self.torn = False  # it begins without a SYN, behind an eviction: what stood before may have been told as another one
        self.session: Any = None  # what the two ends have agreed; None before the first byte
        self.readers: Any = ()  # of records, one a side
        self.reviewed = False  # its headers were told once
        self.pseudo = False  # bytes without any header: no addresses are known
        # What alone tells which end is the client, a key of GUESSES; "": a SYN does, or a message that one end alone sends.
        self.guessed = ""
        self.turned = False  # a hello showed that the ends are the other way round than the ports had said
        self.elsewhere = False  # another process explains it: here only its segments are put in order


# What may alone tell which end of a connection is the client -> how sure that is, and the same as a sentence.
GUESSES: Dict[str, Tuple[str, str]] = {
    "port": ("likely", "which end is the server its port alone tells, which is one of TLS"),
    "ports": ("possible", "which end is the client the ports alone tell: it is taken to have the higher one"),
    "nothing": ("possible", "nothing tells which end is the client"),
    "mixed": ("possible", "nothing tells which end sent some of the bytes"),
    "contradicted": ("possible", "a message that only the other end sends shows that client and server are the other way round"),
}


class Preface:
    """What is spoken before TLS, or instead of it, as far as a table knows its words. Offsets are of the streams."""

    name = ""  # "smtp"; "" where nothing is known of it
    title = ""  # "SMTP"
    kind = ""  # "starttls", "proxy", "tds": words that ask for TLS were heard; "plain": a protocol that TLS never follows; else ""
    asked: Optional[Tuple[int, int, int]] = None  # (side, start, end): those words
    granted: Optional[Tuple[int, int, int]] = None  # the other end's answer, where one is wanted and was yes
    waits: Optional[Tuple[int, int]] = None  # the client's last words of those that ask (start, end), as long as no yes has come

    def __init__(self) -> None:
        self.start: List[Optional[int]] = [None, None]  # where TLS begins, by side; None: nowhere yet
        self.clear = [0, 0]  # bytes in clear that are no TLS, by side
        self.first: List[Optional[int]] = [None, None]  # where the first of them stands, by side
        self.words = [b"", b""]  # the first of them, at most 64

    def __str__(self) -> str:
        """In words; "" where TLS begins with the first byte, or nothing is known."""
        if not self.name:
            return ""
        if self.start[0] is None and self.start[1] is None:
            return f"{self.title}, and no TLS"
        told = [f"byte {at} of the {SIDES[side]}'s stream" for side, at in enumerate(self.start) if at and self.clear[side]]
        return f"{self.title}, then TLS from {' and '.join(told)} on" if told else self.title


# Bytes that a record holds at most, in clear or before they are encrypted (RFC 5246 section 6.2.1, RFC 8446 section 5.1).
PLAINTEXT = 16384


class Protection(NamedTuple):
    """How records of one direction are protected, as far as their length goes; `lengths` has the theory. Bytes."""

    name: str  # for readers
    version: int  # 0x0303: TLS 1.2
    nonce: int  # what a record carries before its ciphertext: explicit nonce or IV
    block: int  # of a block cipher, else 1
    mac: int  # MAC or tag
    inner: int  # 1 in TLS 1.3: the content type behind the plaintext
    after: bool  # encrypt-then-MAC
    finished: int  # a Finished message, its header included
    tag: bool = False  # of one suite: `mac` is an AEAD's tag

    def plain(self, length: int) -> Optional[Tuple[int, int]]:
        """The least and the most bytes of plaintext in a record of `length` bytes (its header not counted), where the
        padding is the least possible; None where no record of this protection has that length."""
        left = length - self.nonce - self.mac
        if self.block == 1:
            left -= self.inner
            return (left, left) if 0 <= left <= PLAINTEXT else None
        if left < 1 or (left if self.after else left + self.mac) % self.block or left - self.block > PLAINTEXT:
            return None
        return max(left - self.block, 0), min(left - 1, PLAINTEXT)

    def least(self, length: int) -> int:
        """The least bytes of plaintext in such a record, whatever padding it has; `plain` must have said that it can be."""
        if self.inner:
            return 0
        if self.block == 1:
            return length - self.nonce - self.mac
        # RFC 6101 section 5.2.3.2: in SSL 3.0 no longer than a block; RFC 5246 section 6.2.3.2: up to 256 with its length.
        return max(length - self.nonce - self.mac - (self.block if self.version == 0x0300 else 256), 0)

    def sealed(self, size: int) -> int:
        """The length of a record (its header not counted) of `size` bytes of plaintext, with the least padding."""
        if self.block == 1:
            return size + self.nonce + self.mac + self.inner
        inside = size + 1 + (0 if self.after else self.mac)
        return self.nonce + -(-inside // self.block) * self.block + (self.mac if self.after else 0)


class Record:
    """A TLS record (RFC 8446 section 5.1) or an SSL 2.0 record, at `offset` of its stream."""

    __slots__ = (
        "stream", "side", "number", "offset", "header", "length", "format", "type", "version", "encrypted", "missing", "why",
        "finished", "inside", "bare", "protection", "news",
    )  # fmt: skip

    def __init__(
        self, stream: int, side: int, number: int, offset: int, length: int = 5,
        type: Optional[int] = None, version: Optional[int] = None,
    ) -> None:
        self.stream = stream
        self.side = side
        self.number = number  # 1-based, per direction
        self.offset = offset  # stream offset of its header
        self.header = 5  # header length in bytes
        self.length = length  # header included
        self.format = "tls"  # or "ssl2"
        self.type = type  # content type
        self.version = version
        self.encrypted = False
        self.missing = 0  # bytes not captured
        self.why = ""  # why it is opaque, in words
        self.finished = False  # encrypted, and by its place a Finished: the first one behind ChangeCipherSpec
        # Encrypted: how, by `session`; more than one: the classes that it may be, as far as lengths tell; none: not known.
        self.protection: Tuple[Protection, ...] = ()
        self.bare = 0  # under a NULL suite, the bytes of MAC behind what is in clear
        self.news = ""  # "known": the first record under that protection; "fewer": its length left fewer classes
        self.inside: Optional[int] = None  # decrypted with the user's keys: the content type of what it holds


class Plain(NamedTuple):
    """A record's plaintext: `data[:content]` is its content, then come the parts of `tail`."""

    data: bytes
    content: int
    tail: List[Tuple[str, int, int]]  # (name, start, end)
    type: Optional[int] = None  # content type, where it stands inside
    compressed: bool = False  # the content is compressed (RFC 3749)
    inflated: Optional[bytes] = None  # and this is what it holds


class Message:
    """A handshake message (RFC 8446 section 4), perhaps over several records."""

    __slots__ = ("stream", "side", "offset", "length", "type", "name", "missing", "pieces")

    def __init__(self, stream: int, side: int, offset: int, length: int = 4, type: int = -1, name: str = "") -> None:
        self.stream = stream
        self.side = side
        self.offset = offset  # stream offset of its first byte
        self.length = length  # header included
        self.type = type
        self.name = name
        self.missing = 0
        self.pieces: List[Tuple[int, int, int]] = []  # (message offset, stream offset, length)


# What a certificate's signature ends in where it was replaced (--redact): it is known by that, and not for a wrong one.
STAND_IN = b"stand-in"

SURE = ("proven", "likely", "possible")  # of a Finding


class Finding(NamedTuple):
    """One thing that a reader must know; see FINDINGS in the documentation of `findings/`."""

    code: str
    severity: str  # "note", "warning", "error"
    stream: Optional[int]
    by: str  # who must act: "client", "server", "middlebox", "unknown"
    sure: str  # one of SURE
    text: str
    refuted_by: str = ""
    next: str = ""
    at: Tuple[Tuple[int, int, int], ...] = ()  # (packet, start, end), dump offsets
    lines: Optional[Tuple[int, int]] = None  # first and last input line
    sided: bool = True  # it rests on which end is the client
    seen: str = ""  # how sure what happened is, one of SURE, where that is surer than who must act; "": no surer


# What an ICMP error may say, where it matters to a finding.
TOO_BIG, UNREACHABLE, PROHIBITED = "too big", "unreachable", "prohibited"


class Notice(NamedTuple):
    """What an ICMP error says of a packet that it quotes."""

    packet: int  # the number of the one that says it
    sender: str  # the address that that bears
    version: int  # of IP
    type: int
    code: int
    what: str  # in words
    kind: str  # TOO_BIG, UNREACHABLE, PROHIBITED, "exceeded", "problem"
    mtu: Optional[int] = None  # of the next hop, in bytes; 0: not told
    # Of the packet that is quoted, where that is one of TCP:
    key: Optional[Tuple[bytes, bytes]] = None  # as of Packet
    seq: int = 0
    at: int = 0  # dump offset at which its sequence number stands
    total: int = 0  # bytes, its IP header included
    size: Optional[int] = None  # bytes of payload; None: not quoted
    # In a connection of the trace:
    stream: Optional[int] = None  # its number
    side: int = 0  # who had sent it
    offset: Optional[int] = None  # stream offset of its first byte, -1: a SYN; None: not known
    labels: Tuple[Tuple[int, int, str], ...] = ()  # first dump offset, the one behind, label
    findings: Tuple[Finding, ...] = ()  # on its own bytes


class Verdict(NamedTuple):
    """A connection in one line: what happened, who must act, what to try."""

    text: str  # the whole line
    outcome: str  # "full", "resumed", "psk", "incomplete", "unanswered", "refused", "midstream", "not-tls" ...
    code: str  # of the finding that explains the end; "" where nothing is wrong
    by: str  # as of a Finding; "nobody" where there is nothing to do


# ------------------------------------------------------------------ the history of a connection

Places = Tuple[Tuple[int, int, int], ...]  # (packet, start, end), dump offsets
HEAD = 256  # bytes of a summary line that are kept of a packet


class Heard(NamedTuple):
    """What is kept of a packet that was the last of its side."""

    line: int  # input line
    head: bytes  # the beginning of its summary line
    ipid: Optional[int]
    seq: Optional[int]
    ack: Optional[int]
    payload: int  # bytes


class Idle(NamedTuple):
    """How long nothing new was sent before a RST or FIN, by the times in the heads of packets."""

    time: int  # in nanoseconds
    size: int  # bytes of the other end that it answers; 0: nobody had sent a packet in all that time
    answer: int  # nanoseconds from the last of those bytes to it
    places: Places  # of those bytes
    several: bool = False  # those bytes are several packets', and only of the last one it is known when it came


Range = Tuple[int, int]  # of a unit's bytes, from its first one on


# Encrypted records whose content type tells something, by that type.
SEALED_CHANGE, SEALED_HANDSHAKE = "sealed change_cipher_spec", "sealed handshake"
SEALED: Dict[Optional[int], str] = {20: SEALED_CHANGE, 21: "sealed alert", 22: SEALED_HANDSHAKE, 24: "sealed heartbeat"}


class Step:
    """One thing that happened in a connection, in the order of the capture.

    `kind` is "message" (a handshake message in clear, complete or given up), "change_cipher_spec", "alert",
    "heartbeat", "record" (of another type, in clear), "sealed" (an encrypted record, application data apart),
    "data" (application data records of one side in a row), "hole" (bytes that the trace lacks), "other" (bytes
    in which no TLS was found), "SYN", "FIN" or "RST". What is not known has its class's value.
    """

    name = ""  # of a message
    type: Optional[int] = None  # content type; of a message, its handshake type
    version: Optional[int] = None  # of the record
    format = "tls"  # or "ssl2"
    offset = 0  # stream offset of the first byte: of a message's header, else of the record's
    size = 0  # bytes: a message with its header, a record's body, the payload of an RST
    missing = 0  # bytes of them not captured
    data: Any = b""  # the first bytes of what is in clear, messages apart: bytes, or a `spans.Patchy`
    pieces: Optional[List[Tuple[int, int, int]]] = None  # as of a Part
    places: Places = ()  # where it stands in the dump
    buffer = ""  # as of JSON: "plain:..." where it was decrypted
    facts: Any = None  # what a message says: Hello, Request, Chain, KeyExchange
    finished = False  # sealed, and by its place a Finished
    level = description = -1  # of an alert
    lengths: List[int] = []  # "data": the lengths of the first records' bodies
    last = 0  # "data": that of the last one
    until = 0  # "data": the number of the packet that completed the last one, where there are more
    count = 1  # "data": records
    ttl: Optional[int] = None  # SYN, FIN, RST
    ipid: Optional[int] = None
    acks = -1  # FIN: stream offset of the other side up to which it says that all has come; -1: not known
    segments = 1  # packets that brought it
    dated: Optional[Tuple[float, bool]] = None  # of a Certificate: seconds since 1970, and whether the zone is known

    def __init__(self, kind: str, side: int, packet: int) -> None:
        self.kind = kind
        self.side = side  # 0: the client, 1: the server
        self.packet = packet  # the number of the packet that completed it

    @property
    def brought(self) -> int:
        """The packet that brought its last byte."""
        return self.places[-1][0] if self.places else self.until or self.packet

    @property
    def mark(self) -> str:
        """What it is in a word: a message's name, "sealed alert" and the like of an encrypted record, else its kind."""
        kind = self.kind
        return self.name if kind == "message" else SEALED.get(self.type, kind) if kind == "sealed" else kind

    def __repr__(self) -> str:
        return f"<Step {self.kind} {SIDES[self.side]} {self.name or self.type} size={self.size} packet={self.packet}>"


class Story:
    """The compact history of a connection: what findings read. Bounded, whatever the connection's length."""

    # There may be one for each of thousands of connections.
    __slots__ = (
        "number", "steps", "trail", "told", "stray", "finished", "courses", "hello", "answer", "names", "reads",
        "name_of", "lengths", "preface", "finds", "at", "verifies", "traced", "packets",
        "long", "ttl", "ttls", "heard", "uneven", "idle", "notices", "ends", "pseudo", "tls_port", "closed",
        "whole", "seen", "acked", "gaps", "snapped", "version", "suite", "held", "kept", "evicted", "torn", "connection", "resent",
        "failed",
    )  # fmt: skip

    tells: Callable[[Any], Heard]  # what is kept of a packet as it was read: `pipeline` knows

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.number = connection.number
        self.steps: List[Step] = []
        self.trail: List[str] = []  # the mark of each step: to see at a glance what there is none of
        self.held = 0  # bytes of its messages that are kept and read
        self.kept = 0  # of all its messages that are kept, those that others have too apart
        self.told: List[Finding] = []  # findings made so far, with those of other rooms
        self.stray: Optional[Tuple[Step, str]] = None  # the first step out of its legal order, and what was expected
        self.finished: Optional[Step] = None  # the server's first Finished, decrypted
        self.courses: List[Course] = []  # its handshakes, as far as they are in clear
        self.hello: Optional[Hello] = None  # the last ClientHello in clear
        self.answer: Optional[Hello] = None  # the last ServerHello in clear
        self.names: Callable[[str], Any] = _no_names  # registry -> its table: value to name, and `rows`
        self.reads: Callable[[bytes], Any] = _no_facts  # DER of a certificate -> what it says
        self.name_of: Callable[[bytes], Tuple[str, Any]] = _no_name_of  # DER of a Name -> (text, key to compare)
        self.lengths: Any = None  # the arithmetic of encrypted records, where there is one
        self.preface: Any = None  # the dialogue before TLS, where one was recognised
        # By side: stream offsets -> where they stand.
        self.finds: Sequence[Callable[[int, int], List[Tuple[int, int, int]]]] = (_no_places, _no_places)
        self.at: Optional[float] = None  # `--at`: seconds since 1970
        # Whether one certificate's key verifies another's signature, None: not checked. Only where it is to be checked.
        self.verifies: Optional[Callable[[bytes, bytes], Optional[bool]]] = None
        self.traced: Dict[Any, bytes] = {}  # certificates seen in the whole trace: subject -> DER
        # Address of a client, "address:port" of a server -> (number, last, how, side, description, heard) of their last connection
        # that failed so far, as of Attempt.
        self.failed: Callable[[str, str], Any] = _no_attempt
        self.packets = [False, False]  # packets of a side were seen
        self.long: List[Tuple[int, int, bool, Places]] = []  # records longer than TLS 1.3 allows: (side, bytes, in clear, where)
        self.ttl: List[Optional[int]] = [None, None]  # TTL of the last packet of a side, RST apart,
        self.ttls: List[List[int]] = [[], []]  # and all that were seen
        # The last packet of a side, FIN and RST apart: as it was read, or a Heard. To be asked by `last_packets`.
        self.heard: List[Any] = [None, None]
        self.notices: Tuple[Notice, ...] = ()  # what ICMP errors say of its packets, the first ones
        self.uneven = 0  # input line of the last packet that did more to its stream than to bring the next bytes
        self.idle: Optional[Idle] = None  # how long nothing new was sent before the first RST or FIN, where that was long
        self.ends = ("", "")  # "address:port", as of Connection
        # Set at the end:
        self.pseudo = False  # there are no packet headers
        self.tls_port = False  # the server's port is one of TLS
        self.closed = self.evicted = ""  # as of Connection
        self.torn = False
        self.whole = [False, False]  # seen from its first byte, by side
        self.seen = [0, 0]  # stream offset behind the last byte read
        self.acked = [0, 0]  # ... behind the last byte that the other end acknowledged
        self.resent = [0, 0]  # segments that were sent again
        self.gaps = [0, 0]  # bytes in gaps
        self.snapped = [0, 0]  # bytes that packets do not show
        self.version: Optional[int] = None  # negotiated
        self.suite: Optional[int] = None

    def last_packets(self) -> List[Optional[Heard]]:
        """The last packet of each side, FIN and RST apart."""
        self.lighten()
        return self.heard

    def lighten(self) -> None:
        """Lets go of those packets what is not needed of them."""
        self.heard = [each if each is None or type(each) is Heard else self.tells(each) for each in self.heard]

    @property
    def guessed(self) -> str:
        """What alone tells which end is the client: see Connection."""
        return self.connection.guessed

    def last(self, kind: str) -> Optional[Step]:
        """The last step of a kind: "FIN", "RST" and the like, which are their own marks."""
        return next((s for s in reversed(self.steps) if s.kind == kind), None) if kind in self.trail else None

    def of(self, kind: str, side: Optional[int] = None) -> List[Step]:
        """The steps of a kind, in order."""
        return [s for s in self.steps if s.kind == kind and (side is None or s.side == side)]

    def where(self, step: Step, start: int = 0, end: int = -1) -> Places:
        """Where the bytes [start, end) of a step's unit stand in the dump; without a range, all of it."""
        if end < 0 or step.buffer:
            return step.places
        found: List[Tuple[int, int, int]] = []
        for local, stream, size in step.pieces or [(0, step.offset, max(step.size, end))]:
            lo, hi = max(start, local), min(end, local + size)
            if lo < hi:
                found += self.finds[step.side](stream + lo - local, stream + hi - local)
        return tuple(found)


class Course:
    """How far a handshake came, as far as it is in clear: the first message of each kind.

    A HelloRetryRequest and the second hello belong to the same one; a renegotiation is another.
    """

    hello: Optional[Step] = None  # the (last) ClientHello
    first_hello: Optional[Step] = None  # the one before a HelloRetryRequest, else the same
    retry: Optional[Step] = None
    answer: Optional[Step] = None  # ServerHello
    key_exchange: Optional[Step] = None
    request: Optional[Step] = None
    done: Optional[Step] = None  # ServerHelloDone
    client_key: Optional[Step] = None
    verify: Optional[Step] = None  # the client's CertificateVerify
    ticket: Optional[Step] = None  # NewSessionTicket
    early: Optional[Step] = None  # the client's application data before the ServerHello,
    ahead: Optional[Step] = None  # where its hello offers none: the last of it
    alert: Optional[Step] = None  # the first alert in clear at level fatal
    no_certificate: Optional[Step] = None  # SSL 3.0's alert 41
    version: Optional[int] = None
    suite: Optional[int] = None
    kind = ""  # "full", "id", "ticket", "psk", "external"; "" where nothing tells yet

    def __init__(self) -> None:
        self.certificate: List[Optional[Step]] = [None, None]  # by side
        self.changed: List[Optional[Step]] = [None, None]  # ChangeCipherSpec in clear
        self.rank = [0, 0]  # the place in the legal order of a side's last message
        self.holed = [False, False]  # bytes are missing since it began, by side
        self.finished: List[Optional[Step]] = [None, None]  # encrypted, by its place; in clear under a key log
        self.unnamed: List[Optional[Step]] = [None, None]  # the last encrypted handshake record that may be, or hold, a Finished
        self.last: Optional[Step] = None  # the last step that belongs to it

    @property
    def complete(self) -> bool:
        """Both ends have sent what by its place is their Finished."""
        return self.finished[0] is not None and self.finished[1] is not None

    @property
    def went_on(self) -> bool:
        """The server took what the client sent before its Finished, a certificate or none: up to TLS 1.2 its ChangeCipherSpec
        says so, which follows."""
        refused = self.alert is not None and self.alert.side
        return not refused and self.version != 0x0304 and self.changed[1] is not None

    @property
    def resumed(self) -> bool:
        """The server took up a session of an earlier connection."""
        return self.kind in ("id", "ticket", "psk")


class Hello:
    """What a ClientHello or ServerHello says. What it does not say, or not readably, is None or empty.

    What stands in extensions is read when it is asked for: most hellos are asked for little.
    """

    __slots__ = (
        "complete", "version", "random", "session_id", "suites", "compressions", "extensions", "ssl2", "retry", "ranges", "_read",
        "versions", "groups", "shares", "schemes", "server_name", "protocols", "ticket", "identities", "selected_identity",
        "renegotiation",
    )  # fmt: skip

    # In extensions:
    versions: Optional[Tuple[int, ...]]  # supported_versions: offered, or the one chosen
    groups: Optional[Tuple[int, ...]]  # supported_groups
    shares: Optional[Tuple[int, ...]]  # the groups of key_share
    schemes: Optional[Tuple[int, ...]]  # signature_algorithms
    server_name: Optional[bytes]
    protocols: Optional[Tuple[bytes, ...]]  # ALPN
    ticket: Optional[int]  # bytes of session_ticket
    identities: Optional[Tuple[Tuple[bytes, int], ...]]  # pre_shared_key: (identity, obfuscated age)
    selected_identity: Optional[int]
    renegotiation: Optional[bytes]  # renegotiation_info
    ranges: Dict[str, Range]  # where a fact stands: "version", "suites", "random" ...

    def __init__(self, read: Optional[Callable[[Hello, str], Any]] = None) -> None:
        """`read` brings what stands in extensions, and `ranges`, by its name here."""
        self.complete = False  # it was read to its end
        self.version = 0  # its version field
        self.random = b""
        self.session_id = b""
        self.suites: Tuple[int, ...] = ()  # offered, or the one chosen
        self.compressions: Tuple[int, ...] = ()
        self.extensions: Dict[int, Range] = {}  # type -> where its body stands
        self.ssl2 = False  # in SSL 2.0 form
        self.retry = False  # a HelloRetryRequest
        self._read = read

    def __getattr__(self, name: str) -> Any:
        """What was not read yet."""
        if name not in Hello.__annotations__:
            raise AttributeError(name)
        value = self._read(self, name) if self._read is not None else {} if name == "ranges" else None
        setattr(self, name, value)
        return value


class Request:
    """What a CertificateRequest says (RFC 5246 section 7.4.4, RFC 8446 section 4.3.2)."""

    def __init__(self) -> None:
        self.complete = False
        self.types: Tuple[int, ...] = ()
        self.schemes: Optional[Tuple[int, ...]] = None
        self.authorities: List[Tuple[int, int, bytes]] = []  # (start, end, DER of the name)
        self.names = (0, 0)  # where the list of names stands


class Chain:
    """What a Certificate message holds."""

    def __init__(self) -> None:
        self.complete = False
        self.certificates: List[Tuple[int, int, bytes]] = []  # (start, end, DER; empty where some of it was not captured)
        self.count = 0  # of them, those not captured included
        self.list = (0, 0)  # where the list stands, its length included
        self.raw = False  # no certificate: a public key by itself (RFC 7250)
        self.judged: Any = None  # what the findings on chains make of it once


class KeyExchange:
    """What a ServerKeyExchange says."""

    def __init__(self) -> None:
        self.complete = True
        self.group: Optional[int] = None  # a named group
        self.prime = 0  # bits of a Diffie-Hellman prime
        self.range = (0, 0)
        self.scheme: Optional[int] = None  # a signature scheme (TLS 1.2),
        self.signed = (0, 0)  # and where it stands


def _no_names(registry: str) -> Any:
    return {}


def _no_attempt(client: str, server: str) -> Any:
    return None


def _no_facts(der: bytes) -> Any:
    return None


def _no_name_of(der: bytes) -> Tuple[str, Any]:
    return "", None


def _no_places(start: int, end: int) -> List[Tuple[int, int, int]]:
    return []


def finding(
    story: Story, code: str, severity: str, by: str, sure: str, text: str, refuted_by: str = "", next: str = "", at: Places = (),
    sided: bool = True, seen: str = "",
) -> Finding:
    """A finding on a connection."""
    return Finding(code, severity, story.number, by, sure, text, refuted_by, next, at, None, sided, seen if seen != sure else "")


def plural(count: int, noun: str) -> str:
    """"1 byte", "2 bytes", "2 keys", "2 authorities"."""
    if count == 1:
        return f"{count} {noun}"
    return f"{count} {noun[:-1]}ies" if noun[-1] == "y" and noun[-2] not in "aeiou" else f"{count} {noun}s"


def title(story: Story, registry: str, value: Optional[int], width: int = 4) -> str:
    """A codepoint by its registered name, else in hexadecimal digits."""
    if value is None:
        return "unknown"
    name: Optional[str] = story.names(registry).get(value)
    return name or f"0x{value:0{width}x}"


def grease(value: int) -> bool:
    """Whether a two-byte value is one of those sent to keep receivers from choking on the unknown: 0x0a0a, 0x1a1a ... 0xfafa
    (RFC 8701 section 2)."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


_hosts: Dict[bytes, str] = {}  # the names that were asked for last: they come again and again
_HOSTS = 1024


def host(raw: Optional[bytes]) -> str:
    """A server name that may stand in a command or a sentence: letters, digits, dots, hyphens; "" for any other."""
    if not raw or len(raw) > 255:
        return ""
    name = _hosts.get(raw)
    if name is None:
        if len(_hosts) >= _HOSTS:
            _hosts.clear()
        whole = re.fullmatch(rb"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?", raw)
        name = _hosts[raw] = raw.decode("ascii") if whole is not None else ""
    return name


def printable(raw: bytes, most: int) -> str:
    """The first bytes of words that an end sent, to be quoted: dots for what is not printable, or ends a quotation."""
    return "".join(chr(c) if 32 <= c < 127 and c not in b'"\\' else "." for c in raw[:most])


def try_client(story: Story, options: str = "", name: str = "") -> str:
    """The command that does as the client did: `openssl s_client` to the server, under the name that it asked for, or another."""
    name = name or (host(story.hello.server_name) if story.hello is not None else "")
    where = story.ends[1] or f"{name or 'HOST'}:443"
    return f"openssl s_client -connect {where}{f' -servername {name}' if name else ''}{f' {options}' if options else ''}"


# ------------------------------------------------------------------ what the record layer tells

# Kinds of part.
HEADER = 0  # (part of) a record's header
BODY = 1  # (part of) a record's body that is no handshake message in clear
MESSAGE = 2  # (part of) a handshake message in clear
# A record is complete, or given up: no bytes of its own. Not told of one in clear that came at once: its body says it.
END = 3
LOST = 4  # bytes of the stream that the trace lacks
OTHER = 5  # bytes in which no TLS was found
BUFFER = 6  # a buffer of its own begins, all of it in `buf`; `note` says what it is, and the parts in it follow
TAIL = 7  # what stands in a decrypted record behind its content: MAC, padding, the content type of TLS 1.3
WHOLE = 8  # an encrypted record's body that came at once, where nobody keeps it: its BODY, and its END


class Part:
    """What became known of one unit (record header, body, message) by some new bytes.

    The new bytes are `[lo, hi)` of the stream. `fields` describe the whole unit as far as it is
    known, in the unit's own offsets: local offset `x` lies at stream offset `base + x`, or, where
    the unit crosses record boundaries, where `pieces` says (local offset, stream offset, length).
    `buf` holds the unit's bytes from local offset 0 on, as far as they are there (a `spans.Patchy`
    where some are missing; only the first ones where they are opaque and nobody keeps them).
    """

    __slots__ = (
        "kind", "side", "record", "message", "fields", "base", "pieces", "buf", "lo", "hi", "begins", "done", "note",
        "problems", "buffer", "places", "homes",
    )  # fmt: skip

    # There only where `buffer` is:
    places: Any  # where the bytes of that buffer stand in the dump (`find`, as of a `spans.Pieces`), None where nothing knows
    # Where a unit lies in several buffers: the name of each piece's, and the piece's offset in it. `pieces` then
    # count in `buffer`, that of the new bytes; what lies in earlier ones has offsets below 0.
    homes: Optional[List[Tuple[str, int]]]

    def __init__(
        self, kind: int, side: int, record: Optional[Record], fields: List[Field], base: int, buf: bytes,
        lo: int, hi: int, begins: bool, done: bool, message: Optional[Message] = None,
        pieces: Optional[List[Tuple[int, int, int]]] = None, note: str = "",
    ) -> None:
        self.kind = kind
        self.side = side
        self.record = record
        self.message = message
        self.fields = fields
        self.base = base
        self.pieces = pieces
        self.buf = buf
        self.lo = lo
        self.hi = hi
        self.begins = begins  # the unit's first byte is among the new ones
        self.done = done  # no more will come: it is complete, or given up
        self.note = note  # a remark in words
        self.problems: Sequence[Tuple[int, int, str]] = ()  # (start, end, sentence), local offsets
        # What `base`, `lo` and `hi` count in: "" the direction's stream, else a buffer of its own, by name:
        # "logged:7" for what packet 7 shows of a library's log, decrypted; "plain:<offset>" for what the record at
        # that stream offset holds, decrypted; "inflated:<offset>" for what a message there holds, decompressed.
        self.buffer = ""

    def lies(self, buffer: str, places: Any, homes: Optional[List[Tuple[str, int]]] = None) -> None:
        """It lies in a buffer of its own."""
        self.buffer, self.places, self.homes = buffer, places, homes


# ------------------------------------------------------------------ words for nouns

SIDES = ("client", "server")
CONTENT_TYPES = {20: "change_cipher_spec", 21: "alert", 22: "handshake", 23: "application_data", 24: "heartbeat"}
VERSIONS = {
    0x0002: "SSL 2.0", 0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3",
}


# Why a record of TLS 1.3 is opaque. Its real content type stands inside its encryption, and all of its header but the length
# is fixed by rule (RFC 8446 section 5.2).
HIDDEN = "its content type stands inside the encryption"
EARLY = "early data, sent before the server has answered (0-RTT)"


def describe(record: Record) -> str:
    """A record in a few words."""
    size = record.length - record.header
    body = f"{size} {'byte' if size == 1 else 'bytes'}"
    if record.format == "ssl2":
        return f"{'encrypted ' if record.encrypted else ''}SSL 2.0 format, {body}{inside(record)}"
    if record.why in (HIDDEN, EARLY):
        return f"encrypted, its type hidden (TLS 1.3), {body}{inside(record)}"
    kind = CONTENT_TYPES.get(record.type or 0, f"type {record.type}")
    version = VERSIONS.get(record.version or 0, f"version 0x{record.version or 0:04x}")
    sealed = "encrypted " if record.encrypted and record.type != 23 and not record.bare else ""
    return f"{sealed}{kind}, {version}, {body}{inside(record)}"


def plain_range(record: Record) -> Optional[Tuple[int, int]]:
    """The least and the most bytes of plaintext in an encrypted record, padded no more than needed; None where that is not
    known, or where its protection has no such length. Where several classes fit, they have to tell the same."""
    found = {each.plain(record.length - record.header) for each in record.protection}
    return found.pop() if len(found) == 1 else None


def inside(record: Record) -> str:
    """What the length of an encrypted record says of its plaintext, in words."""
    if not record.protection:
        return ""
    plain = plain_range(record)
    if plain is None:
        return f", a length that {record.protection[0].name} cannot have" if len(record.protection) == 1 else ""
    least = min(each.least(record.length - record.header) for each in record.protection)
    most = plural(plain[1], "byte")
    if least == plain[1]:
        return f", plaintext {most}"
    if 0 < least == plain[0]:
        return f", plaintext {least} to {most}"
    # What holds in any case comes first; only block ciphers leave more than one length where the padding is the least.
    usual = f" ({plain[0]} or more with the least padding)" if least < plain[0] < plain[1] else ""
    return f", plaintext at most {most}{usual}"


def cut_short(step: Step) -> bool:
    """Whether a message is not all there."""
    return bool(step.missing) or step.facts is not None and not step.facts.complete


def message_name(step: Step) -> str:
    """What the last step of a handshake is called in a sentence."""
    if step.kind == "data":
        return f"encrypted data ({plural(step.count, 'record')})"
    if step.finished:
        return "Finished"
    if step.kind == "sealed":
        return "encrypted handshake record"
    return ("incomplete " if cut_short(step) else "") + "".join(word.capitalize() for word in (step.name or step.kind).split("_"))


def _like(record: Record) -> str:
    """What a record of TLS 1.3 is as long as, whose type is hidden: an alert, a KeyUpdate, a Finished (RFC 8446 section 4)."""
    if len(record.protection) != 1 or not record.protection[0].inner:
        return ""
    each = record.protection[0]
    return {2: "an alert", 5: "a KeyUpdate", each.finished: "a Finished"}.get((each.plain(record.length - 5) or (0,))[0], "")


def _shares(record: Record) -> str:
    """What the bytes of a record under its protection are, in words: nonce, plaintext, MAC, padding."""
    each = record.protection[0]
    size = record.length - record.header
    rest = size - each.nonce - each.mac
    nonce = f"{each.nonce} {'nonce' if each.block == 1 else 'IV'}, " if each.nonce else ""
    mac = f"{each.mac} {'tag' if each.tag else 'MAC'}"
    if each.inner:
        told = f"{rest - 1} plaintext and any padding, 1 content type, {mac}"
    elif each.block == 1:
        told = f"{rest} plaintext, {mac}"
    else:
        told = f"{rest} plaintext and padding{', ' if each.after else ' around '}{mac}"
    return f"its {size} bytes: {nonce}{told}"


# Why a record is encrypted, where everyone expects it.
_EXPECTED = ("", "application data", HIDDEN, "after ChangeCipherSpec", "after the master key")


def remarks(record: Record, brief: bool = False) -> List[str]:
    """What else is to be said of an encrypted record, a sentence each: why it is, where that is not plain; the classes of
    protection that fit, where the suite is not known and this record has made them fewer; the one there is, where it is new,
    and, unless it is to be `brief`, what its bytes are."""
    out = [] if record.why in _EXPECTED else [record.why]
    like = _like(record)
    if like:
        out.append(f"as long as {like}, if it has no padding")
    names = list(dict.fromkeys(each.name for each in record.protection))
    if record.news == "known" and names:
        out.append(f"protected by {names[0]}")
        if not brief and record.format == "tls" and plain_range(record) is not None:
            out.append(_shares(record))
    elif record.news:
        if names:
            out.append(f"the suite is not known; the lengths so far fit {' | '.join(names)}")
        else:
            out.append("the suite is not known, and the lengths so far fit no class of suites that is registered")
    return out


_WORST = {"error": 0, "warning": 1, "note": 2}


def rank(finding: Finding) -> Tuple[int, int]:
    """Findings in this order stand the worst first."""
    return _WORST.get(finding.severity, 3), SURE.index(finding.sure)


def bytes_of(at: Places) -> str:
    """Where bytes stand, in words: dump offsets of the first and the last one."""
    said = [f"packet {n}, 0x{start:04x}" + (f" to 0x{end - 1:04x}" if end > start + 1 else "") for n, start, end in at[:3]]
    return "; ".join(said) + (f"; {len(at) - 3} more" if len(at) > 3 else "")


def finding_lines(finding: Finding) -> List[Tuple[str, int]]:
    """A finding as (sentence, indent) lines."""
    where = f" [{bytes_of(finding.at)}]" if finding.at else ""
    out = [(f"[{finding.severity}] {finding.code}: {finding.text}{where}", 1)]
    if finding.severity != "note":
        seen = f" (what happened: {finding.seen})" if finding.seen else ""
        out.append((f"who must act: {finding.by}; how sure: {finding.sure}{seen}", 5))
        if finding.refuted_by:
            out.append((f"refuted by: {finding.refuted_by}", 5))
        if finding.next:
            out.append((f"next: {finding.next}", 5))
    elif finding.sure != "proven":
        out.append((f"how sure: {finding.sure}", 5))
    return out


def verdict_lines(connection: Connection) -> List[Tuple[str, int]]:
    """What is said of a connection that is over, before its findings, as (sentence, indent) lines."""
    out = []
    if connection.verdict is not None:
        out.append((f"verdict on connection {connection.number}: {connection.verdict.text}", 1))
    if connection.certificate_line:
        out.append((connection.certificate_line, 5))
    return out
