"""The nouns of the house: what every room takes and gives.

Units everywhere: offsets and lengths are bytes, ranges are half-open `[start, end)`.
Three coordinates are in use, and a name always says which:

* *dump offset*: counted as the dump itself counts (`0x0030` of a row), per packet;
* *stream offset*: counted per direction of a connection, 0 is the byte after the SYN;
* *message offset*: counted from the first byte of a handshake message's header.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, Union

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

    __slots__ = ("text", "line")

    def __init__(self, text: bytes, line: int) -> None:
        self.text = text
        self.line = line  # 1-based number of its first line


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
    """

    __slots__ = (
        "kind", "line", "text", "head", "offset", "fresh", "data", "stride", "rows", "layout", "blanked", "dress",
        "payload", "side", "message", "declared",
    )

    def __init__(
        self, kind: int, line: int, text: bytes, head: int = 0, offset: int = 0, data: bytes = b"",
        stride: int = 0, rows: Optional[List[Row]] = None, layout: Optional[Layout] = None,
        blanked: bool = False, fresh: Optional[int] = None, dress: str = "tcpdump",
    ) -> None:
        self.kind = kind
        self.line = line  # 1-based number of its first line
        self.text = text
        self.head = head  # length in `text` of the summary line(s); 0: none
        self.offset = offset  # dump offset of data[0]
        self.fresh = offset if fresh is None else fresh  # dump offset of the first byte that is new
        self.data = data  # the bytes of all rows, joined
        self.stride = stride  # > 0: row r is text[head + r*stride :][:stride], 16 bytes, in `layout`
        self.rows = rows  # the rows one by one, where stride is 0
        self.layout = layout  # the layout of every row, where stride is > 0
        self.blanked = blanked  # the first row's leading bytes were blanked out by the author
        self.dress = dress  # name of the dump format, e.g. "tcpdump"
        self.payload = False  # bytes of a stream: there are no headers to take off
        self.side: Optional[int] = None  # who sent them, as far as the dump tells two ends apart: 0 or 1
        self.message = False  # what a TLS library logs: a record header, or what a record holds, decrypted
        self.declared: Optional[int] = None  # how many bytes the head says that there are

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


Item = Union[Prose, Block]

# ------------------------------------------------------------------ packets and segments


class Packet:
    """A packet of the trace: headers measured, place in its stream known where it can be.

    What is not known stays as the class has it: a packet is made for every few lines of text.
    """

    header: bytes = b""  # raw summary line(s), b"" where there is none
    summary: Optional[Summary] = None  # `header` read; only where someone asked
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

    __slots__ = ("name", "suffix", "kind", "size", "show", "names", "doc", "rfc", "level", "type", "bits", "say", "value", "title")

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


class Connection:
    """A TCP connection: two directions, 0 from the client and 1 from the server."""

    __slots__ = ("number", "ends", "closed", "session", "readers", "first", "reviewed", "pseudo")

    def __init__(self, number: int) -> None:
        self.number = number
        self.ends: Tuple[str, str] = ("", "")  # "address:port" of the client and of the server
        self.closed = ""  # how it ended, in words; "" while open
        self.session: Any = None  # what the two ends have agreed; None before the first byte
        self.readers: Any = ()  # of records, one a side
        self.first: Optional[Packet] = None
        self.reviewed = False  # its headers were told once
        self.pseudo = False  # bytes without any header: no addresses are known


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

    def plain(self, length: int) -> Optional[Tuple[int, int]]:
        """The least and the most bytes of plaintext in a record of `length` bytes (its header not counted), where the
        padding is the least possible; None where no record of this protection has that length."""
        left = length - self.nonce - self.mac
        if self.block == 1:
            left -= self.inner
            return (left, left) if 0 <= left <= 16384 else None
        if left < 1 or (left if self.after else left + self.mac) % self.block or left - self.block > 16384:
            return None
        return max(left - self.block, 0), min(left - 1, 16384)

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
        "finished", "inside",
    )  # fmt: skip

    def __init__(self, stream: int, side: int, number: int, offset: int) -> None:
        self.stream = stream
        self.side = side
        self.number = number  # 1-based, per direction
        self.offset = offset  # stream offset of its header
        self.header = 5  # header length in bytes
        self.length = 5  # header included
        self.format = "tls"  # or "ssl2"
        self.type: Optional[int] = None  # content type
        self.version: Optional[int] = None
        self.encrypted = False
        self.missing = 0  # bytes not captured
        self.why = ""  # why it is opaque, in words
        self.finished = False  # encrypted, and by its place a Finished: the first one behind ChangeCipherSpec
        self.inside: Optional[int] = None  # decrypted with the user's keys: the content type of what it holds


class Message:
    """A handshake message (RFC 8446 section 4), perhaps over several records."""

    __slots__ = ("stream", "side", "offset", "length", "type", "name", "missing", "pieces")

    def __init__(self, stream: int, side: int, offset: int) -> None:
        self.stream = stream
        self.side = side
        self.offset = offset  # stream offset of its first byte
        self.length = 4  # header included
        self.type = -1
        self.name = ""
        self.missing = 0
        self.pieces: List[Tuple[int, int, int]] = []  # (message offset, stream offset, length)


class Finding(NamedTuple):
    """One thing that a reader must know; see FINDINGS in the documentation of `findings/`."""

    code: str
    severity: str  # "note", "warning", "error"
    stream: Optional[int]
    by: str  # who must act: "client", "server", "middlebox", "unknown"
    sure: str  # "proven", "likely", "possible"
    text: str
    refuted_by: str = ""
    next: str = ""
    at: Tuple[Tuple[int, int, int], ...] = ()  # (packet, start, end), dump offsets
    lines: Optional[Tuple[int, int]] = None  # first and last input line


# ------------------------------------------------------------------ what the record layer tells

# Kinds of part.
HEADER = 0  # (part of) a record's header
BODY = 1  # (part of) a record's body that is no handshake message in clear
MESSAGE = 2  # (part of) a handshake message in clear
END = 3  # a record is complete, or given up: no bytes of its own
LOST = 4  # bytes of the stream that the trace lacks
OTHER = 5  # bytes in which no TLS was found
BUFFER = 6  # a buffer of its own begins, all of it in `buf`; `note` says what it is, and the parts in it follow
TAIL = 7  # what stands in a decrypted record behind its content: MAC, padding, the content type of TLS 1.3


class Part:
    """What became known of one unit (record header, body, message) by some new bytes.

    The new bytes are `[lo, hi)` of the stream. `fields` describe the whole unit as far as it is
    known, in the unit's own offsets: local offset `x` lies at stream offset `base + x`, or, where
    the unit crosses record boundaries, where `pieces` says (local offset, stream offset, length).
    `buf` holds the unit's bytes from local offset 0 on, as far as they are there (a `spans.Patchy`
    where some are missing; only the first ones where they are opaque and nobody keeps them).
    """

    __slots__ = (
        "kind", "side", "record", "message", "fields", "base", "pieces", "buf", "lo", "hi", "begins", "done", "late", "note",
        "problems", "buffer", "places", "homes",
    )  # fmt: skip

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
        self.late = False  # its bytes came in an earlier packet than the one that made them readable
        self.note = note  # a remark in words
        self.problems: List[Tuple[int, int, str]] = []  # (start, end, sentence), local offsets
        # What `base`, `lo` and `hi` count in: "" the direction's stream, else a buffer of its own, by name:
        # "logged:7" for what packet 7 shows of a library's log, decrypted; "plain:<offset>" for what the record at
        # that stream offset holds, decrypted; "inflated:<offset>" for what a message there holds, decompressed.
        self.buffer = ""
        self.places: Any = None  # where the bytes of that buffer stand in the dump (`find`, as of a `spans.Pieces`)
        # Where a unit lies in several buffers: the name of each piece's, and the piece's offset in it. `pieces` then
        # count in `buffer`, that of the new bytes; what lies in earlier ones has offsets below 0.
        self.homes: Optional[List[Tuple[str, int]]] = None


# ------------------------------------------------------------------ words for nouns

SIDES = ("client", "server")
CONTENT_TYPES = {20: "change_cipher_spec", 21: "alert", 22: "handshake", 23: "application_data", 24: "heartbeat"}
VERSIONS = {
    0x0002: "SSL 2.0", 0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3",
}


def describe(record: Record) -> str:
    """A record in a few words."""
    size = record.length - record.header
    body = f"{size} {'byte' if size == 1 else 'bytes'}"
    if record.format == "ssl2":
        return f"SSL 2.0 format, {body}"
    kind = CONTENT_TYPES.get(record.type or 0, f"type {record.type}")
    version = VERSIONS.get(record.version or 0, f"version 0x{record.version or 0:04x}")
    return f"{'encrypted ' if record.encrypted and record.type != 23 else ''}{kind}, {version}, {body}"


def finding_lines(finding: Finding) -> List[Tuple[str, int]]:
    """A finding as (sentence, indent) lines."""
    out = [(f"[{finding.severity}] {finding.code}: {finding.text}", 1)]
    if finding.severity != "note":
        out.append((f"who must act: {finding.by}; how sure: {finding.sure}", 5))
        if finding.refuted_by:
            out.append((f"refuted by: {finding.refuted_by}", 5))
        if finding.next:
            out.append((f"next: {finding.next}", 5))
    return out
