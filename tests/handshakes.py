"""Traces made on the spot: TLS conversations whose truth is known, in TCP, in tcpdump's text.

`conversation()` makes the two sides' bytes and says which records and messages they hold;
`Wire` carries bytes as TCP segments in any order; `dump()` prints packets as `tcpdump -X` does.
"""

from __future__ import annotations

import random
import struct
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

CLIENT, SERVER = 0, 1
NAMES = ("client", "server")
CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23

# ------------------------------------------------------------------ TCP and IP


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Wire:
    """A TCP connection: what its two ends sent, as IPv4 packets in the order in which they were seen.

    Offsets are stream offsets: 0 is the byte after the SYN. An end acknowledges what it has seen
    without a hole, so a segment that is late is not acknowledged before it has come.
    """

    def __init__(self, ports: Tuple[int, int] = (50000, 443), isn: Tuple[int, int] = (0x01020304, 0x8ABCDEF0)) -> None:
        self.hosts = (bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)))
        self.ports = ports
        self.isn = isn
        self.packets: List[bytes] = []
        self.sent = [0, 0]  # one past the highest stream offset sent
        self.heard = [0, 0]  # bytes of the other side seen without a hole
        self.closed = [0, 0]
        self._pieces: Tuple[List[Tuple[int, int]], List[Tuple[int, int]]] = ([], [])

    def open(self) -> None:
        """SYN, SYN-ACK, ACK."""
        self._put(CLIENT, 0x02, -1, b"", options=bytes.fromhex("020405b40103030a"))
        self._put(SERVER, 0x12, -1, b"", options=bytes.fromhex("020405b401030307"))
        self.ack(CLIENT)

    def ack(self, side: int) -> None:
        """An acknowledgement without payload."""
        self._put(side, 0x10, self.sent[side], b"")

    def send(self, side: int, payload: bytes, at: int) -> None:
        """A segment with `payload` at stream offset `at`."""
        self.sent[side] = max(self.sent[side], at + len(payload))
        self._put(side, 0x18, at, payload)
        pieces = self._pieces[side]
        pieces.append((at, at + len(payload)))
        for lo, hi in sorted(pieces):
            if lo <= self.heard[1 - side] < hi:
                self.heard[1 - side] = hi

    def close(self, side: int) -> None:
        """FIN."""
        self._put(side, 0x11, self.sent[side], b"")
        self.closed[side] = 1
        self.heard[1 - side] += 1

    def _put(self, side: int, flags: int, at: int, payload: bytes, options: bytes = b"") -> None:
        seq = (self.isn[side] + 1 + at + (self.closed[side] if not payload else 0)) % 2**32
        ack = (self.isn[1 - side] + 1 + self.heard[side]) % 2**32 if flags & 0x10 else 0
        size = 20 + len(options)
        tcp = struct.pack(
            ">HHIIBBHHH", self.ports[side], self.ports[1 - side], seq, ack, size // 4 << 4, flags, 0x0400, 0, 0
        ) + options + payload
        pseudo = self.hosts[side] + self.hosts[1 - side] + struct.pack(">BBH", 0, 6, len(tcp))
        tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), len(self.packets) + 1, 0x4000, 64, 6, 0)
        ip += self.hosts[side] + self.hosts[1 - side]
        self.packets.append(ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + tcp)


def dump(packets: Iterable[bytes], summaries: bool = True) -> bytes:
    """IPv4 packets as `tcpdump -nX` prints them; without `summaries` the rows alone."""
    out: List[str] = []
    for number, packet in enumerate(packets):
        if summaries:
            out.append(_summary(number, packet))
        for at in range(0, len(packet), 16):
            row = packet[at : at + 16]
            groups = " ".join(row[i : i + 2].hex() for i in range(0, len(row), 2))
            text = "".join(chr(b) if 33 <= b < 127 else "." for b in row)
            out.append(f"\t0x{at:04x}:  {groups:<39}  {text}\n")
    return "".join(out).encode("ascii")


def _summary(number: int, packet: bytes) -> str:
    ends = [".".join(map(str, packet[at : at + 4])) for at in (12, 16)]
    sport, dport, seq, ack, size, flags, window = struct.unpack(">HHIIBBH", packet[20:36])
    length = len(packet) - 20 - (size >> 4) * 4
    letters = "".join(letter for bit, letter in ((1, "F"), (2, "S"), (4, "R"), (8, "P"), (16, ".")) if flags & bit)
    where = f", seq {seq}:{seq + length}" if length else f", seq {seq}" if flags & 7 else ""
    reply = f", ack {ack}" if flags & 16 else ""
    return (
        f"12:00:{number // 1000 % 60:02d}.{number % 1000:03d}000 IP {ends[0]}.{sport} > {ends[1]}.{dport}: "
        f"Flags [{letters}]{where}{reply}, win {window}, length {length}\n"
    )


# ------------------------------------------------------------------ TLS


def vector(width: int, body: bytes) -> bytes:
    """`body` behind its length in `width` bytes (RFC 8446 section 3.4)."""
    return len(body).to_bytes(width, "big") + body


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    """A TLS record (RFC 5246 section 6.2.1)."""
    return struct.pack(">BHH", kind, version, len(body)) + body


def message(kind: int, body: bytes) -> bytes:
    """A handshake message (RFC 5246 section 7.4)."""
    return bytes((kind,)) + vector(3, body)


def extension(kind: int, body: bytes) -> bytes:
    """A hello extension (RFC 5246 section 7.4.1.4)."""
    return struct.pack(">H", kind) + vector(2, body)


def client_hello(host: bytes = b"www.example.com", suites: Sequence[int] = (0xC02F, 0x002F, 0x0035)) -> bytes:
    """A ClientHello of TLS 1.2 with a server name, groups, point formats and signature algorithms."""
    extensions = (
        extension(0, vector(2, b"\0" + vector(2, host)))
        + extension(10, vector(2, bytes.fromhex("001d00170018")))
        + extension(11, vector(1, b"\0"))
        + extension(13, vector(2, bytes.fromhex("040305030804")))
        + extension(16, vector(2, vector(1, b"h2") + vector(1, b"http/1.1")))
        + extension(0xFF01, vector(1, b""))
    )
    listed = b"".join(struct.pack(">H", suite) for suite in suites)
    fixed = b"\x03\x03" + bytes(range(32)) + vector(1, b"") + vector(2, listed) + vector(1, b"\0")
    return message(1, fixed + vector(2, extensions))


def server_hello(suite: int = 0x002F) -> bytes:
    """A ServerHello of TLS 1.2 that chooses `suite`."""
    chosen = struct.pack(">HB", suite, 0)
    fixed = b"\x03\x03" + bytes(range(64, 96)) + vector(1, bytes(range(160, 192))) + chosen
    return message(2, fixed + vector(2, extension(0xFF01, vector(1, b""))))


def certificate_message(*certificates: bytes) -> bytes:
    """A Certificate message with a chain (RFC 5246 section 7.4.2)."""
    return message(11, vector(3, b"".join(vector(3, der) for der in certificates)))


def der(tag: int, *parts: bytes) -> bytes:
    """A DER value: tag, definite length, contents (X.690 section 8.1)."""
    body = b"".join(parts)
    if len(body) < 128:
        return bytes((tag, len(body))) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + len(body).to_bytes(size, "big") + body


def certificate(subject: bytes = b"www.example.com", issuer: bytes = b"Example CA", filler: int = 96) -> bytes:
    """An X.509 certificate that is well formed and signed by nobody; `filler` is its modulus' size in bytes."""
    rsa = der(0x30, der(6, bytes.fromhex("2a864886f70d010101")), der(5))
    sha256 = der(0x30, der(6, bytes.fromhex("2a864886f70d01010b")), der(5))

    def name(common: bytes) -> bytes:
        return der(0x30, der(0x31, der(0x30, der(6, b"\x55\x04\x03"), der(0x0C, common))))

    key = der(0x30, der(2, b"\0" + bytes((0x80 | i % 128) for i in range(filler))), der(2, b"\x01\x00\x01"))
    body = der(
        0x30, der(0xA0, der(2, b"\x02")), der(2, b"\x12\x34\x56"), sha256, name(issuer),
        der(0x30, der(0x17, b"250101000000Z"), der(0x17, b"350101000000Z")), name(subject),
        der(0x30, rsa, der(3, b"\0" + key)),
        der(0xA3, der(0x30, der(0x30, der(6, b"\x55\x1d\x11"), der(4, der(0x30, der(0x82, subject)))))),
    )
    return der(0x30, body, sha256, der(3, b"\0" + bytes(filler)))


class Conversation(NamedTuple):
    """The bytes of both sides and what they hold; a flight is (side, stream offset, bytes)."""

    flights: List[Tuple[int, int, bytes]]
    records: List[Tuple[str, int, int, int]]  # from, offset, length, content type
    messages: List[Tuple[str, int, int, str]]  # from, offset, length, name
    streams: Tuple[bytes, bytes]


def conversation(seed: int = 0, split: bool = False) -> Conversation:
    """A whole TLS 1.2 handshake with RSA key exchange, some data and the end.

    Without `split` a message has a record of its own; with it, the bytes of each flight's messages
    are cut into records at random places.
    """
    rng = random.Random(seed)

    def opaque(size: int) -> bytes:
        return bytes(rng.randrange(256) for _ in range(size))

    chain = certificate_message(certificate(), certificate(b"Example CA", b"Example Root"))
    script: List[Tuple[int, List[Tuple[int, str, bytes]]]] = [
        (CLIENT, [(HANDSHAKE, "client_hello", client_hello())]),
        (SERVER, [
            (HANDSHAKE, "server_hello", server_hello()),
            (HANDSHAKE, "certificate", chain),
            (HANDSHAKE, "server_hello_done", message(14, b"")),
        ]),
        (CLIENT, [
            (HANDSHAKE, "client_key_exchange", message(16, vector(2, opaque(96)))),
            (CCS, "", b"\1"),
            (HANDSHAKE, "", opaque(64)),
        ]),
        (SERVER, [(CCS, "", b"\1"), (HANDSHAKE, "", opaque(64))]),
        (CLIENT, [(DATA, "", opaque(64 + rng.randrange(200)))]),
        (SERVER, [(DATA, "", opaque(300)), (DATA, "", opaque(48))]),
        (CLIENT, [(ALERT, "", opaque(48))]),
        (SERVER, [(ALERT, "", opaque(48))]),
    ]
    streams = [b"", b""]
    made = Conversation([], [], [], (b"", b""))
    for side, units in script:
        start = len(streams[side])
        clear = b"".join(body for kind, name, body in units if name)
        cuts = [0, len(clear)]
        if split and clear:
            cuts = sorted({*cuts, *(rng.randrange(1, len(clear)) for _ in range(rng.randrange(1, 6)))})
        elif clear:
            cuts = [0]
            for _, name, body in units:
                if name:
                    cuts.append(cuts[-1] + len(body))
        begins: Dict[int, int] = {}  # offset among the flight's messages to stream offset
        for lo, hi in zip(cuts, cuts[1:]):
            if lo == hi:
                continue
            made.records.append((NAMES[side], len(streams[side]), 5 + hi - lo, HANDSHAKE))
            begins[lo] = len(streams[side]) + 5
            streams[side] += record(HANDSHAKE, clear[lo:hi])
        at = 0
        for kind, name, body in units:
            if name:
                lo = max(cut for cut in begins if cut <= at)
                made.messages.append((NAMES[side], begins[lo] + at - lo, len(body), name))
                at += len(body)
            else:
                made.records.append((NAMES[side], len(streams[side]), 5 + len(body), kind))
                streams[side] += record(kind, body)
        made.flights.append((side, start, streams[side][start:]))
    return made._replace(streams=(streams[0], streams[1]))


def packets(told: Conversation, size: int = 1000, port: int = 50000) -> List[bytes]:
    """The conversation as packets: opened, sent in order in segments of at most `size` bytes, closed."""
    wire = Wire((port, 443))
    wire.open()
    for side, start, data in told.flights:
        for at in range(0, len(data), size):
            wire.send(side, data[at : at + size], start + at)
        wire.ack(1 - side)
    for side in (CLIENT, SERVER):
        wire.close(side)
        wire.ack(1 - side)
    return wire.packets
