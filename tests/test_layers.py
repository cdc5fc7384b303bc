"""layers, fragments, checksums: headers measured, whatever stands before them and however much of them is there."""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
import struct
from typing import Dict, List, Optional, Tuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hexnote import checksums, layers
from hexnote.fragments import Fragments
from hexnote.model import Packet

SHARED = os.environ.get("HEXNOTE_SHARED") or os.path.join(os.path.dirname(__file__), "..", "..", "shared")
CORPUS = os.path.join(SHARED, "corpus")

V4 = (socket.inet_aton("10.1.7.20"), socket.inet_aton("192.0.2.5"))
V6 = (socket.inet_pton(socket.AF_INET6, "2001:db8::1"), socket.inet_pton(socket.AF_INET6, "fd00:7::5"))
ETHER = bytes.fromhex("021a4f000005 021a4f00000c".replace(" ", ""))


def folded(data: bytes) -> int:
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) & 1)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def ip4(
    body: bytes, protocol: int = 6, options: bytes = b"", word: int = 0x4000, ident: int = 7,
    total: Optional[int] = None,
) -> bytes:  # fmt: skip
    size = 20 + len(options)
    head = struct.pack(
        ">BBHHHBBH", 0x40 | size // 4, 0, size + len(body) if total is None else total, ident, word, 64, protocol, 0
    ) + V4[0] + V4[1] + options
    return head[:10] + struct.pack(">H", 0xFFFF ^ folded(head)) + head[12:] + body


def ip6(body: bytes, following: int = 6) -> bytes:
    return struct.pack(">IHBB", 0x60000000, len(body), following, 64) + V6[0] + V6[1] + body


def tcp(
    payload: bytes = b"", ends: Tuple[bytes, bytes] = V4, options: bytes = b"", field: Optional[int] = None
) -> bytes:
    head = struct.pack(">HHIIBBHHH", 50000, 443, 0xFFFFFFF0, 77, 0x50 + (len(options) << 2), 0x18, 501, 0, 0) + options
    pseudo = ends[0] + ends[1] + struct.pack(">HH", 6, len(head) + len(payload))
    value = 0xFFFF ^ folded(pseudo + head + payload) if field is None else field
    return head[:16] + struct.pack(">H", value) + head[18:] + payload


LINKS = {
    "bare": (b"", b""),
    "ethernet": (ETHER + b"\x08\x00", ETHER + b"\x86\xdd"),
    "odd addresses": (b"\x45\0\0\x40" + ETHER[4:] + b"\x08\x00", b"\x62\0\0\x40\0\0\x06\x40\x20\0\0\0\x86\xdd"),
    "vlan": (ETHER + b"\x81\0\0\x2a\x08\0", ETHER + b"\x81\0\0\x2a\x86\xdd"),
    "qinq": (ETHER + b"\x88\xa8\0\x2a\x81\0\0\x07\x08\0", ETHER + b"\x88\xa8\0\x2a\x81\0\0\x07\x86\xdd"),
    "sll": (b"\0\0\0\x01\0\x06" + ETHER[:6] + b"\0\0\x08\0", b"\0\x04\0\x01\0\x06" + ETHER[:6] + b"\0\0\x86\xdd"),
    "sll2": (b"\x08\0\0\0\0\0\0\x02\0\x01\0\x06" + ETHER[:8], b"\x86\xdd\0\0\0\0\0\x02\0\x01\0\x06" + ETHER[:8]),
    "pppoe": (ETHER + b"\x88\x64\x11\0\0\x01\0\x40\0\x21", ETHER + b"\x88\x64\x11\0\0\x01\0\x40\0\x57"),
    "pppoe under -x": (b"\x11\0\0\x01\0\x40\0\x21", b"\x11\0\0\x01\0\x40\0\x57"),
    "null": (b"\x02\0\0\0", b"\0\0\0\x1e"),
    "ppp": (b"\xff\x03\0\x21", b"\0\x57"),
    "802.11": (b"\x08\x01\0\0" + ETHER + ETHER[:6] + b"\0\0\xaa\xaa\x03\0\0\0\x08\0",
               b"\0\0\x08\0\0\0\0\0\x88\x02\0\0" + ETHER + ETHER[:6] + b"\0\0\0\0\xaa\xaa\x03\0\0\0\x86\xdd"),
}  # fmt: skip


def read(data: bytes) -> Tuple[bool, Packet]:
    packet = Packet(1, 1)
    return layers.strip(packet, data), packet


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("options", [b"", b"\1\1\x08\x0a" + bytes(8)])
def test_every_link_header_is_found(link: str, options: bytes) -> None:
    payload = b"\x16\x03\x01\0\x05hello"
    for version, before in zip((4, 6), LINKS[link]):
        ends = V4 if version == 4 else V6
        datagram = (ip4 if version == 4 else ip6)(tcp(payload, ends, options))
        data = before + datagram
        assert layers.measure(data + b"\xde\xad\xbe\xef") == len(data)
        readable, packet = read(data + b"\xde\xad\xbe\xef")
        assert readable
        assert (packet.link, packet.ip, packet.tcp) == (len(before), 20 if version == 4 else 40, 20 + len(options))
        assert (packet.version, packet.protocol, packet.ttl) == (version, 6, 64)
        assert (packet.sport, packet.dport, packet.seq, packet.ack, packet.window) == (50000, 443, 0xFFFFFFF0, 77, 501)
        assert packet.flags == "PA"
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        assert (packet.src, packet.dst) == (socket.inet_ntop(family, ends[0]), socket.inet_ntop(family, ends[1]))
        assert packet.key == (ends[0] + b"\xc3\x50", ends[1] + b"\x01\xbb")
        assert (data + b"\xde\xad\xbe\xef")[packet.start : packet.end] == payload
        assert checksums.ip_checksum(packet, data) == ("good" if version == 4 else None)
        assert checksums.tcp_checksum(packet, data) == "good"


@pytest.mark.parametrize("link", LINKS)
def test_what_is_decided_does_not_change_when_more_bytes_come(link: str) -> None:
    for before, datagram in zip(LINKS[link], (ip4(tcp(b"E" * 70)), ip6(tcp(b"E" * 70, V6)))):
        data = before + datagram
        whole = read(data)[1]
        for cut in range(len(data)):
            size = layers.measure(data[:cut])
            assert size in (0, len(data))
            if cut >= len(before) + 40:
                assert size == len(data)
            readable, packet = read(data[:cut])
            if cut >= max(32, len(before) + 1):
                assert packet.link == len(before)
            if readable:
                assert (packet.key, packet.seq) == (whole.key, whole.seq)
                assert packet.end == whole.end
                if packet.tcp is not None:
                    assert (packet.start, packet.flags, packet.ack) == (whole.start, whole.flags, whole.ack)
                else:
                    assert packet.start == packet.end and packet.note
            elif cut:
                assert packet.note
            assert readable == (cut >= len(before) + (20 if whole.version == 4 else 40) + 8)


def test_a_broken_checksum_does_not_hide_the_header() -> None:
    for link in ("bare", "ethernet", "vlan", "sll"):
        data = bytearray(LINKS[link][0] + ip4(tcp(b"abc")))
        data[len(LINKS[link][0]) + 10] ^= 0x55
        readable, packet = read(bytes(data))
        assert readable and packet.link == len(LINKS[link][0])
        assert checksums.ip_checksum(packet, bytes(data)) == "bad"
        assert layers.measure(bytes(data)) == len(data)


def test_bytes_of_no_known_link_are_skipped_where_a_checksum_vouches() -> None:
    for before in (bytes(2), bytes(18), b"\x99" * 14, b"\x99" * 20):
        assert read(before + ip4(tcp(b"abc")))[1].link == len(before)


def test_what_is_no_ip_is_no_ip() -> None:
    arp = ETHER + bytes.fromhex("08060001080006040001") + ETHER[:6] + V4[0] + bytes(6) + V4[1] + bytes(18)
    assert arp[12:14] == b"\x08\x06"
    like_ip4 = b"\x46\0\0\x40\0\0\x02\0\0\x06\0\0" + arp[12:]
    like_ip6 = b"\x62" + arp[1:6] + b"\x06" + arp[7:]
    for data in (arp, like_ip4, like_ip6, b"\x46" + arp[1:], b"", b"\0" * 60, b"\xff" * 60):
        assert layers.measure(data) == 0
        readable, packet = read(data)
        assert not readable and packet.note and packet.protocol is None


def test_other_protocols_are_measured_and_not_read() -> None:
    readable, packet = read(ip4(b"\0\x35\0\x35\0\x08\0\0", 17))
    assert not readable
    assert (packet.protocol, packet.ip, packet.key, packet.end) == (17, 20, None, 28)


def test_ip_options_and_extension_headers() -> None:
    readable, packet = read(ip4(tcp(b"abc"), options=b"\x94\4\0\0"))
    assert readable and (packet.ip, packet.payload) == (24, 3)
    extensions = b"\x3c\0\5\2\0\0\1\0" + b"\x2b\1" + bytes(14) + b"\x33\0" + bytes(6) + b"\x06\4" + bytes(22)
    data = ip6(extensions + tcp(b"abc", V6), 0)
    readable, packet = read(data)
    assert readable
    assert (packet.ip, packet.payload) == (40 + len(extensions), 3)
    assert checksums.tcp_checksum(packet, data) == "good"
    for cut in range(41, 40 + len(extensions)):
        readable, packet = read(data[:cut])
        assert not readable and packet.note


def test_a_routing_header_under_way_makes_the_checksum_unknowable() -> None:
    data = ip6(b"\6\2\4\1" + bytes(4) + V6[0] + tcp(b"abc", V6), 43)
    packet = read(data)[1]
    assert packet.payload == 3
    assert checksums.tcp_checksum(packet, data) is None


def test_total_length_zero_goes_to_the_end_of_the_dump() -> None:
    data = ip4(tcp(b"abc"), total=0)
    assert layers.measure(data) == 0
    readable, packet = read(data)
    assert readable and packet.payload == 3 and packet.note
    packet = Packet(1, 1)
    assert layers.strip(packet, data, 100) and packet.end == 100


def test_tcp_checksums() -> None:
    pseudo = folded(V4[0] + V4[1] + struct.pack(">HH", 6, 23))
    without = folded(V4[0] + V4[1] + struct.pack(">HH", 6, 0))
    for field, expected in ((None, "good"), (pseudo, "offloaded"), (without, "offloaded"), (0x1234, "bad")):
        data = ip4(tcp(b"abc", field=field))
        assert checksums.tcp_checksum(read(data)[1], data) == expected
    data = ip4(tcp(b"abc"))
    assert checksums.tcp_checksum(read(data)[1], data[:-1]) is None


def test_a_data_offset_that_cannot_be_leaves_no_payload() -> None:
    for offset in (0x00, 0x40, 0xF0):
        body = bytearray(tcp(b"abc"))
        body[12] = offset
        readable, packet = read(ip4(bytes(body)))
        assert readable and packet.tcp is None and packet.payload == 0 and packet.note


WORDS = st.lists(st.sampled_from([b"\0\0", b"\xff\xff", b"\0\1", b"\x20\1"]), min_size=8, max_size=8).map(b"".join)


@given(st.one_of(st.binary(min_size=16, max_size=16), WORDS))
@example(bytes.fromhex("00010002000000000000000000000000"))
@example(bytes.fromhex("00000000000000000000ffff01020304"))
@example(bytes.fromhex("00000000000000000000000001020304"))
@example(bytes.fromhex("00010000000000000000ffff01020304"))
@example(bytes(16))
def test_addresses_are_written_as_the_system_writes_them(raw: bytes) -> None:
    assert layers.address(raw) == socket.inet_ntop(socket.AF_INET6, raw)
    assert layers.address(raw[:4]) == socket.inet_ntoa(raw[:4])


EXTENSIONS = (
    (6, b""),
    (44, b"\x06\0\0\1\0\0\0\1"),
    (0, b"\x2c\0" + bytes(6) + b"\x06\0\0\x11" + bytes(4)),
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_bytes_give_an_exception(data: st.DataObject) -> None:
    """Noise, and real headers with some bytes changed and cut anywhere."""
    link = data.draw(st.sampled_from(sorted(LINKS)))
    version = data.draw(st.sampled_from([0, 1]))
    following, extension = data.draw(st.sampled_from(EXTENSIONS))
    datagram = ip6(extension + tcp(b"abcdef", V6), following) if version else ip4(tcp(b"abcdef"))
    raw = bytearray(LINKS[link][version] + datagram)
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)), max_size=6)):
        raw[place] = value
    for sample in (bytes(raw[: data.draw(st.integers(0, len(raw)))]), data.draw(st.binary(max_size=80))):
        readable, packet = read(sample)
        assert layers.measure(sample) >= 0
        assert packet.start <= packet.end or not readable
        if readable:
            assert packet.key is not None and packet.seq is not None and packet.start <= packet.end
        assert checksums.ip_checksum(packet, sample) in (None, "good", "bad")
        assert checksums.tcp_checksum(packet, sample) in (None, "good", "bad", "offloaded")
        Fragments().add(packet, sample)


# ------------------------------------------------------------------ fragments


def pieces4(body: bytes, size: int, ident: int = 9) -> List[bytes]:
    starts = range(0, len(body), size)
    return [ip4(body[s : s + size], word=s // 8 | (0x2000 if s + size < len(body) else 0), ident=ident) for s in starts]


def pieces6(body: bytes, size: int, ident: int = 9) -> List[bytes]:
    made = []
    for s in range(0, len(body), size):
        head = struct.pack(">BBHI", 6, 0, s | (1 if s + size < len(body) else 0), ident)
        made.append(ip6(head + body[s : s + size], 44))
    return made


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400), st.integers(1, 12), st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_fragments_find_their_place(length: int, units: int, rng: object, six: bool, twice: bool) -> None:
    payload = bytes(i * 7 & 255 for i in range(length))
    body = tcp(payload, options=b"\1" * 12)
    frames = (pieces6 if six else pieces4)(body, units * 8)
    order = list(range(len(frames))) * (2 if twice else 1)
    rng.shuffle(order)  # type: ignore[attr-defined]
    fragments = Fragments()
    got: Dict[int, int] = {}
    for number, i in enumerate(order):
        packet = Packet(number + 1, 1)
        layers.strip(packet, frames[i])
        assert packet.note.startswith("fragment") == (len(frames) > 1)
        for share in fragments.add(packet, frames[i]):
            assert share.head.seq == 0xFFFFFFF0 and share.packet.key == share.head.key
            assert len(share.data) == share.packet.payload
            for k, byte in enumerate(share.data):
                assert got.setdefault(share.place + k, byte) == byte
    # A first fragment that does not even hold the TCP header (RFC 1858) has no place for any.
    if len(frames) > 1 and units * 8 >= 32:
        assert bytes(got[k] for k in sorted(got)) == payload


def test_fragments_are_bounded() -> None:
    fragments = Fragments(count=8, size=4096)
    for ident in range(3000):
        frame = pieces4(tcp(bytes(200)), 64, ident)[2]
        packet = Packet(ident, 1)
        layers.strip(packet, frame)
        assert fragments.add(packet, frame) == []
    assert len(fragments._datagrams) <= 8
    assert fragments._size == sum(d.size for d in fragments._datagrams.values()) <= 4096


# ------------------------------------------------------------------ real captures


def frames_of(path: str) -> List[bytes]:
    with open(path, "rb") as file:
        data = file.read()
    at, frames = 24, []
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frames.append(data[at + 16 : at + 16 + size])
        at += 16 + size
    return frames


NAMES = ["tcp_ipv6_ext", "tcp_ethpad", "tcp_sll2", "tcp_pppoe", "tcp_qinq", "tcp_loopnull", "tcp_ipopts", "tcp_snap68"]


@pytest.mark.skipif(not os.path.isdir(CORPUS), reason="the corpus is not here")
@pytest.mark.parametrize("name", NAMES)
def test_real_captures_are_read_as_tshark_reads_them(name: str) -> None:
    frames = frames_of(os.path.join(CORPUS, name + ".pcap"))
    with gzip.open(os.path.join(CORPUS, name + ".pdml.gz"), "rt") as file:
        text = file.read()
    packets = text.split("<packet>")[1:]
    assert len(packets) == len(frames)
    for frame, truth in zip(frames, packets):
        fields = dict(re.findall(r'<field name="((?:tcp|ip|ipv6)\.[a-z_.]+)"[^>]* show="([^"]*)"', truth))
        readable, packet = read(frame)
        assert readable
        told = (packet.sport, packet.dport, packet.seq, packet.payload, packet.tcp, packet.window)
        names = ("tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.len", "tcp.hdr_len", "tcp.window_size_value")
        assert told == tuple(int(fields[n]) for n in names), json.dumps(fields)
        assert packet.src == fields.get("ip.src", fields.get("ipv6.src"))
        bare = read(frame[packet.link :])[1]
        assert (bare.link, bare.seq, bare.payload) == (0, packet.seq, packet.payload)
