"""Hostile shapes of input, each of any size: what must not make the tool slow, large or silent.

Each maker takes a size and gives the text in chunks, never as a whole; twice the size is about twice the text.
"""

from __future__ import annotations

import struct
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple

from handshakes import (
    CLIENT,
    HANDSHAKE,
    SERVER,
    certificate,
    certificate_message,
    checksum,
    client_hello,
    conversation,
    der,
    dump,
    extension,
    message,
    record,
    vector,
)

Chunks = Iterator[bytes]

_DATA = record(23, bytes(range(256)) * 64)  # a whole record of 16 KB


class Shape(NamedTuple):
    """A kind of hostile input."""

    make: Callable[[int], Chunks]
    small: int  # size for a test of a fraction of a second
    large: int  # size as people fear it


def packet(
    side: int, seq: int, payload: bytes, flags: int = 0x18, port: int = 50000, ident: int = 1, host: int = 1, ack: int = 1,
    fragment: int = 0x4000,
) -> bytes:
    """An IPv4 packet with checksums that are right; `seq` counts from the SYN."""
    ends = (bytes((10, host >> 16 & 255, host >> 8 & 255, host & 255)), bytes((192, 0, 2, 1)))
    ports = (port, 443)
    tcp = struct.pack(">HHIIBBHHH", ports[side], ports[1 - side], seq & 0xFFFFFFFF, ack, 80, flags, 1024, 0, 0) + payload
    total = checksum(ends[side] + ends[1 - side] + struct.pack(">HH", 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack(">H", total) + tcp[18:]
    return datagram(ends[side] + ends[1 - side], tcp, ident, fragment)


def datagram(ends: bytes, body: bytes, ident: int, fragment: int) -> bytes:
    """An IPv4 header before `body`."""
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), ident & 0xFFFF, fragment, 64, 6, 0) + ends
    return ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + body


def chunks(packets: Iterable[bytes]) -> Chunks:
    """Packets as text, some at a time."""
    some: List[bytes] = []
    size = 0
    for one in packets:
        some.append(one)
        size += len(one)
        if size > 8192 or len(some) > 200:
            yield dump(some)
            some, size = [], 0
    yield dump(some)


def carried(stream: bytes, side: int = CLIENT, size: int = 1400) -> Iterator[bytes]:
    """A stream in segments, the connection opened before."""
    yield packet(CLIENT, 0, b"", 2, ack=0)
    yield packet(SERVER, 0, b"", 0x12)
    for at in range(0, len(stream), size):
        yield packet(side, 1 + at, stream[at : at + size])


def traffic(size: int) -> Chunks:
    """What a capture of a busy server looks like: handshakes, some data, the ends; the same ports again and again."""
    pieces = [b"".join(chunks(packet for n in range(24) for packet in _visit(51000 + n, start))) for start in (0, 1 << 30)]
    while size > 0:
        yield pieces[0]
        yield pieces[1]
        size -= len(pieces[0]) + len(pieces[1])


def _visit(port: int, start: int) -> Iterator[bytes]:
    """One connection from its first packet to its last; `start`: its first sequence numbers."""
    told = conversation(port)
    yield packet(CLIENT, start, b"", 2, port, ack=0)
    yield packet(SERVER, start, b"", 0x12, port, ack=start + 1)
    ends = [start + 1, start + 1]
    for side, data in ((CLIENT, told.streams[0]), (SERVER, told.streams[1] + _DATA)):
        for at in range(0, len(data), 1400):
            piece = data[at : at + 1400]
            yield packet(side, ends[side], piece, port=port, ident=ends[side] & 0xFFFF, ack=ends[1 - side])
            ends[side] += len(piece)
    yield packet(CLIENT, ends[0], b"", 0x11, port, ack=ends[1])
    yield packet(SERVER, ends[1], b"", 0x11, port, ack=ends[0] + 1)


def _repeat(piece: bytes, count: int) -> Chunks:
    block = max(1, 65536 // len(piece))
    while count > 0:
        yield piece * min(block, count)
        count -= block


# ------------------------------------------------------------------ text


def endless_line(size: int) -> Chunks:
    """One line of letters, without end."""
    return _repeat(b"lorem ipsum ", size)


def endless_row(size: int) -> Chunks:
    """One line that begins as a row does, and goes on in hex."""
    yield b"\t0x0000: "
    yield from _repeat(b" 4500", size)


def endless_header(size: int) -> Chunks:
    """One line that begins as a summary does."""
    yield b"12:00:00.000000 IP 10.0.0.1.1 > "
    yield from _repeat(b"10.0.0.1.2 > ", size)


def prose(size: int) -> Chunks:
    """Lines of words."""
    return _repeat(b"It is said that 0x16 begins a record: 45 00, and that > means nothing.\n", size)


def short_lines(size: int) -> Chunks:
    """Lines of nothing."""
    return _repeat(b"\n", size)


def quoted(size: int) -> Chunks:
    """A mail quoted in a mail, deep."""
    for i in range(size):
        yield b"> " * (i % 400) + b"\t0x0000:  4500 003c\n"


def almost_rows(size: int) -> Chunks:
    """Rows of no known packet, of every kind of offset."""
    row = b"  4500 003c 1c46 4000 4006 b1e6 c0a8 0068  E..<.F@.@......h\n"
    for i in range(size):
        yield b"\t0x%04x:" % (i * 48 & 0xFFF0) + row


def high_offsets(size: int) -> Chunks:
    """Rows that claim to stand at the end of four gigabytes."""
    for i in range(size):
        yield b"%08x  16 03 01 00 45 01 00 00  41 03 03 40 41 42 43 44  |....E...A..@ABCD|\n" % (0xFFFFFFF0 - 32 * i)
        yield b"\t0xfff0:  4500 003c 1c46 4000 4006 b1e6 c0a8 0068  E..<.F@.@......h\n"


def one_packet_in_pieces(size: int) -> Chunks:
    """A packet whose rows are parted by prose, again and again."""
    whole = dump([packet(CLIENT, 1, record(22, client_hello()) + bytes(40000))]).splitlines(True)
    yield whole[0]
    for i in range(size):
        yield whole[1 + i % (len(whole) - 1)] + b"and then\n"


def excerpts(size: int) -> Chunks:
    """The same packet shown again and again, row by row."""
    whole = dump([packet(CLIENT, 1, record(22, client_hello()))])
    yield whole
    rows = whole.splitlines(True)[1:]
    for i in range(size):
        yield b"look at this:\n" + rows[i % len(rows)]


# ------------------------------------------------------------------ segments


def one_byte_segments(size: int) -> Chunks:
    """A stream, a byte at a time."""
    def packets() -> Iterator[bytes]:
        yield from carried(b"")
        for i in range(size):
            yield packet(SERVER, 1 + i, _DATA[i % len(_DATA) :][:1], ident=i)
    return chunks(packets())


def overlapping(size: int) -> Chunks:
    """Segments each of which repeats most of the one before."""
    def packets() -> Iterator[bytes]:
        yield from carried(b"")
        for i in range(size):
            yield packet(SERVER, 1 + i, (_DATA + _DATA)[i % len(_DATA) :][: 2 + i % 40], ident=i)
    return chunks(packets())


def behind_a_gap(size: int) -> Chunks:
    """Segments behind a gap that is never filled, in falling order, each overlapping the next."""
    def packets() -> Iterator[bytes]:
        yield from carried(b"")
        for i in range(size):
            yield packet(SERVER, 5000 + (size - i) * 3 % 150000, b"\x17\x03\x03\0\1", ident=i)
    return chunks(packets())


def islands(size: int) -> Chunks:
    """Segments that never touch each other."""
    def packets() -> Iterator[bytes]:
        yield from carried(b"")
        for i in range(size):
            yield packet(SERVER, 100 + i * 7, b"\x17\x03\x03", ident=i)
    return chunks(packets())


def other_bytes(size: int) -> Chunks:
    """The same segment with other bytes each time."""
    def packets() -> Iterator[bytes]:
        yield from carried(record(22, client_hello()))
        for i in range(size):
            yield packet(CLIENT, 1 + i % 50, struct.pack(">I", i * 2654435761 & 0xFFFFFFFF), ident=i)
    return chunks(packets())


def jumping(size: int) -> Chunks:
    """Sequence numbers from everywhere."""
    def packets() -> Iterator[bytes]:
        yield from carried(b"")
        for i in range(size):
            yield packet(i & 1, i * 2654435761, _DATA[:20], ident=i, ack=i * 40503)
    return chunks(packets())


def connections(size: int) -> Chunks:
    """Connections of one packet each."""
    return chunks(packet(CLIENT, i * 77777, b"", 2, 1024 + i % 60000, i, i // 60000 + 1, 0) for i in range(size))


def hellos(size: int) -> Chunks:
    """Connections of one ClientHello each, never answered."""
    hello = record(22, client_hello())
    return chunks(packet(CLIENT, 1, hello, 0x18, 1024 + i % 60000, i, i // 60000 + 1) for i in range(size))


def reopened(size: int) -> Chunks:
    """The same two ports opened again and again."""
    return chunks(packet(CLIENT, i * 99991, b"", 2, ident=i, ack=0) for i in range(size))


def fragments(size: int) -> Chunks:
    """First fragments of datagrams that never become whole."""
    return chunks(packet(CLIENT, 1, _DATA[:24], ident=i, host=1 + i // 65536, fragment=0x2000) for i in range(size))


def fragments_of_one(size: int) -> Chunks:
    """Fragments of one datagram, overlapping, without its first."""
    ends = bytes((10, 0, 0, 1, 192, 0, 2, 1))
    return chunks(datagram(ends, _DATA[:16], 7, 0x2000 | 1 + i % 4000) for i in range(size))


# ------------------------------------------------------------------ records and messages


def one_byte_records(size: int) -> Chunks:
    """A message in records of one byte each."""
    body = message(11, vector(3, vector(3, bytes(size))))
    stream = record(22, client_hello())
    return chunks(carried(stream + b"".join(b"\x16\x03\x03\0\1" + body[i : i + 1] for i in range(len(body)))))


def one_byte_all_the_way(size: int) -> Chunks:
    """A message in records of one byte in segments of one byte."""
    body = message(11, vector(3, vector(3, bytes(size))))
    return chunks(carried(b"".join(b"\x16\x03\x03\0\1" + body[i : i + 1] for i in range(len(body))), size=1))


def large_message(size: int) -> Chunks:
    """A message of `size` kilobytes in full records and small segments."""
    body = message(11, vector(3, certificate_chain(size * 1024)))
    stream = b"".join(record(22, body[i : i + 16384]) for i in range(0, len(body), 16384))
    return chunks(carried(stream, size=200))


def certificate_chain(size: int) -> bytes:
    """Certificates of `size` bytes in all, with their lengths."""
    one = vector(3, certificate())
    return (one * (size // len(one) + 1))[: max(size // len(one), 1) * len(one)]


def empty_records(size: int) -> Chunks:
    """Records without a body."""
    return chunks(carried(record(22, client_hello()) + b"\x17\x03\x03\0\0" * size))


def empty_messages(size: int) -> Chunks:
    """Messages without a body, many to a record."""
    body = b"\0\0\0\0" * size
    return chunks(carried(b"".join(record(22, body[i : i + 16000]) for i in range(0, len(body), 16000)), SERVER))


def bad_lengths(size: int) -> Chunks:
    """Hellos in which every length is wrong."""
    hello = record(HANDSHAKE, client_hello().replace(b"\0\x1d\0\x17", b"\xff\xff\xff\xff"))
    return chunks(carried(hello * size))


def random_bytes(size: int) -> Chunks:
    """A stream in which a record may begin anywhere."""
    state = 1
    out = bytearray()
    for _ in range(size):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        out += (b"\x16\x03\x01\0", b"\x17\x03\x03\x01", b"\x80\x2e\1\0", b"\x14\x03", bytes((state >> 16 & 255,)))[state % 5]
    return chunks(carried(bytes(out)))


def many_extensions(size: int) -> Chunks:
    """A hello of nothing but extensions, at most 64 KB of them, again and again."""
    most = min(size, 8000)
    body = b"\x03\x03" + bytes(32) + b"\0\0\2\0\x2f\1\0" + vector(2, b"".join(extension(i & 0xFFFF, b"\0") for i in range(most)))
    whole = message(1, body)
    one = b"".join(record(22, whole[i : i + 16000]) for i in range(0, len(whole), 16000))
    return chunks(carried(one * max(1, size // most)))


# ------------------------------------------------------------------ certificates


def _sent(certificates: Iterable[bytes]) -> Chunks:
    body = certificate_message(*certificates)
    stream = b"".join(record(22, body[i : i + 16000]) for i in range(0, len(body), 16000))
    return chunks(carried(stream, SERVER, 16000))


def _named(value: bytes) -> bytes:
    """A certificate whose subject has a value of this DER."""
    whole = certificate(b"@" * 20)
    return der(0x30, der(0x30, der(0xA0, der(2, b"\2")), der(2, b"\1"), value), whole[-100:])


def deep_certificate(size: int) -> Chunks:
    """A certificate nested `size` deep."""
    head = b""
    inner = 0
    layers: List[bytes] = []
    for _ in range(size):
        if inner < 128:
            layers.append(bytes((0x30, inner)))
        else:
            digits = inner.to_bytes((inner.bit_length() + 7) // 8, "big")
            layers.append(bytes((0x30, 0x80 | len(digits))) + digits)
        inner += len(layers[-1])
    head = b"".join(reversed(layers))
    return _sent([head])


def long_oid(size: int) -> Chunks:
    """An object identifier with one endless arc."""
    return _sent([_named(der(0x30, der(6, b"\x2a" + b"\xff" * size + b"\1"), der(5)))])


def many_arcs(size: int) -> Chunks:
    """An object identifier with arcs without end."""
    return _sent([_named(der(0x30, der(6, b"\x2a" * size), der(5)))])


def long_integer(size: int) -> Chunks:
    """A serial number without end."""
    return _sent([der(0x30, der(0x30, der(0xA0, der(2, b"\2")), der(2, b"\x7f" * size)))])


def many_names(size: int) -> Chunks:
    """A certificate with names without end."""
    names = der(0x30, *(der(0x82, b"n%d.example" % i) for i in range(size)))
    return _sent([certificate()[:-100] + names, _extended(names)])


def many_names_in_small_segments(size: int) -> Chunks:
    """The same, a few names at a time."""
    names = der(0x30, *(der(0x82, b"n%d.example" % i) for i in range(size)))
    body = certificate_message(_extended(names))
    stream = b"".join(record(22, body[i : i + 16000]) for i in range(0, len(body), 16000))
    return chunks(carried(stream, SERVER, 500))


def _extended(names: bytes) -> bytes:
    """A certificate with these subjectAltNames."""
    marker = b"\x06\x03\x55\x1d\x11"
    body = der(0x30, der(6, bytes.fromhex("2a864886f70d01010b")), der(5))
    name = der(0x30)
    times = der(0x30, der(0x17, b"250101000000Z"), der(0x17, b"350101000000Z"))
    key = der(0x30, body, der(3, b"\0" + der(0x30, der(2, b"\5"), der(2, b"\3"))))
    extensions = der(0xA3, der(0x30, der(0x30, marker, der(4, names))))
    inner = der(0x30, der(0xA0, der(2, b"\2")), der(2, b"\1"), body, name, times, name, key, extensions)
    return der(0x30, inner, body, der(3, b"\0"))


SHAPES: Dict[str, Shape] = {
    make.__name__: Shape(make, small, large)
    for make, small, large in (
        (traffic, 400_000, 2_000_000_000),
        (endless_line, 100_000, 50_000_000),
        (endless_row, 200_000, 100_000_000),
        (endless_header, 100_000, 50_000_000),
        (prose, 4000, 4_000_000),
        (short_lines, 20_000, 40_000_000),
        (quoted, 400, 400_000),
        (almost_rows, 1000, 1_000_000),
        (high_offsets, 500, 500_000),
        (one_packet_in_pieces, 800, 400_000),
        (excerpts, 800, 400_000),
        (one_byte_segments, 500, 1_000_000),
        (overlapping, 500, 1_000_000),
        (behind_a_gap, 500, 1_000_000),
        (islands, 500, 1_000_000),
        (other_bytes, 500, 500_000),
        (jumping, 500, 500_000),
        (connections, 500, 1_000_000),
        (hellos, 150, 200_000),
        (reopened, 500, 1_000_000),
        (fragments, 400, 500_000),
        (fragments_of_one, 400, 500_000),
        (one_byte_records, 1500, 16_000_000),
        (one_byte_all_the_way, 200, 200_000),
        (large_message, 24, 16_000),
        (empty_records, 2000, 4_000_000),
        (empty_messages, 2000, 2_000_000),
        (bad_lengths, 40, 100_000),
        (random_bytes, 2000, 4_000_000),
        (many_extensions, 400, 800_000),
        (deep_certificate, 250, 4000),
        (long_oid, 4000, 1_000_000),
        (many_arcs, 4000, 1_000_000),
        (long_integer, 4000, 1_000_000),
        (many_names, 300, 30_000),
        (many_names_in_small_segments, 300, 30_000),
    )
}
