"""Reading dump text: the bytes, where they stand, which packet they belong to, and when that is told."""

from __future__ import annotations

import os
import random
import struct
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest
from conftest import ROOT, SHARED
from hypothesis import given, settings
from hypothesis import strategies as st

from hexnote.dumps import Reader, blocks
from hexnote.lane import Lane
from hexnote.lexer import LONG
from hexnote.model import EXCERPT, MORE, PACKET, Block, Item, Prose

FOLDER = os.path.join(ROOT, "grammars", "dumps")


def grammars() -> Dict[str, str]:
    texts = {}
    for name in os.listdir(FOLDER):
        with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
            texts[name] = file.read()
    return texts


GRAMMARS = grammars()


def measure(data: bytes) -> int:
    """IPv4's or IPv6's end, the header at any of the usual places."""
    for at in (0, 14, 16, 20, 18, 22, 8, 4):
        if len(data) >= at + 20 and data[at] == 0x45:
            total = sum(struct.unpack_from(">10H", data, at))
            while total >> 16:
                total = (total & 0xFFFF) + (total >> 16)
            if total == 0xFFFF:
                return at + int.from_bytes(data[at + 2 : at + 4], "big")
        if len(data) >= at + 40 and data[at] >> 4 == 6 and data[at + 6] == 6:
            return at + 40 + int.from_bytes(data[at + 4 : at + 6], "big")
    return 0


def read(text: bytes, step: int = 0, slow: bool = False) -> List[Item]:
    """The items of a text, fed in pieces of `step` bytes; in one piece without."""
    reader = Reader(GRAMMARS, measure, slow)
    items: List[Item] = []
    for at in range(0, len(text), step or len(text) or 1):
        items += reader.feed(text[at : at + (step or len(text))])
    items += reader.close()
    return items


def told(items: List[Item], layouts: bool = True) -> List[Any]:
    """Items as plain values; neighbouring prose as one."""
    values: List[Any] = []
    for item in items:
        if isinstance(item, Prose):
            if values and values[-1][0] == "prose":
                values[-1] = ("prose", values[-1][1], values[-1][2] + item.text)
            else:
                values.append(("prose", item.line, item.text))
            continue
        rows = [item.row(r) for r in range(item.row_count())]
        values.append(
            (
                item.kind, item.line, item.text, item.head, item.offset, item.fresh, item.data, item.blanked,
                item.dress, [r[:5] + (r.layout.cols[: r.size], r.layout.text) for r in rows], layouts and item.stride,
            )
        )
    return values


def check(text: bytes) -> List[Item]:
    """Reads a text; what must hold for any text at all."""
    items = read(text)
    assert b"".join(item.text for item in items) == text
    line = 1
    for item in items:
        assert item.line == line or (isinstance(item, Prose) and len(item.text) > LONG)
        line += item.text.count(b"\n")
        if isinstance(item, Block):
            place, offset = item.head, item.offset
            for r in range(item.row_count()):
                row = item.row(r)
                assert (row.start, row.offset) == (place, offset)
                raw = item.text[row.start : row.end]
                assert row.end == len(item.text) or raw.endswith(b"\n")
                digits = b"".join(raw[c : c + 2] for c in row.layout.cols[: row.size])
                begin = offset - item.offset
                if raw.strip(b" \t\r\n>|") != b"*":  # a star stands for rows that are not there
                    assert bytes.fromhex(digits.decode()) == item.data[begin : begin + row.size]
                place, offset = row.end, offset + row.size
            assert place == len(item.text) and offset == item.offset + len(item.data)
    return items


# ------------------------------------------------------------------ traces to read

Layout = Callable[[int, bytes], bytes]


def groups(data: bytes) -> bytes:
    return b" ".join(data[i : i + 2].hex().encode() for i in range(0, len(data), 2))


def graph(data: bytes) -> bytes:
    return bytes(c if 32 < c < 127 else 46 for c in data)


def new(offset: int, data: bytes) -> bytes:
    return b"\t0x%04x:  %-39s  %s\n" % (offset, groups(data), graph(data))


def printed(data: bytes) -> bytes:
    return bytes(c if 32 <= c < 127 else 46 for c in data)


LAYOUTS: Dict[str, Layout] = {
    "new": new,
    "blanks": lambda o, d: new(o, d).replace(b"\t", b"        "),
    "crlf": lambda o, d: new(o, d)[:-1] + b"\r\n",
    "plain": lambda o, d: b"\t0x%04x:  %s\n" % (o, groups(d)),
    "upper": lambda o, d: b"\t0x%04X:  %-39s  %s\n" % (o, groups(d).upper(), graph(d)),
    "collapsed": lambda o, d: b"0x%04x: %s %s\n" % (o, groups(d), graph(d)),
    "trailing": lambda o, d: new(o, d)[:-1] + b"   \n",
    "indented": lambda o, d: b"   " + new(o, d),
    "tabs": lambda o, d: b"0x%04x\t %-39s\t%s\n" % (o, groups(d), graph(d)),
    "tabs as blanks": lambda o, d: b"0x%04x   %-39s        %s\n" % (o, groups(d), graph(d)),
    "openbsd": lambda o, d: b"  %04x: %-40s %s\n" % (o, groups(d) + b" ", graph(d).replace(b" ", b".")),
    "joined": lambda o, d: b"\t0x%04x:  %s  %s\n" % (o, d.hex().encode(), graph(d)),
    "quoted": lambda o, d: b"> > " + new(o, d),
    "piped": lambda o, d: b"| " + new(o, d)[:-1] + b" |\n",
    "numbered": lambda o, d: b"    12\t" + new(o, d),
    "tshark": lambda o, d: b"%04x  %-48s  %s\n" % (o, d.hex(" ").encode() + b" ", printed(d)),
    "snoop": lambda o, d: b"\t%4d: %-40s   %s\n" % (o, groups(d) + b" ", printed(d)),
    "no-break": lambda o, d: new(o, d).replace(b" ", b"\xc2\xa0"),
}
EXACT = ("new", "blanks", "crlf", "plain", "upper")


def packet(payload: bytes, ident: int = 1, pad: bytes = b"") -> bytes:
    """An IPv4 datagram with a TCP header, and bytes behind it."""
    ends = b"\x0a\0\0\1\xc0\0\2\1"
    head = struct.pack(">BBHHHBBH8s", 0x45, 0, 40 + len(payload), ident, 0x4000, 64, 6, 0, ends)
    total = sum(struct.unpack(">10H", head))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack(">H", total ^ 0xFFFF) + head[12:]
    return head + struct.pack(">HHIIBBHHH", 40000, 443, 1, 1, 0x50, 0x18, 500, 0, 0) + payload + pad


def dump(data: bytes, layout: Layout = new, first: int = 0, last: Optional[int] = None) -> bytes:
    """Rows of `data` from dump offset `first` to `last`."""
    stop = len(data) if last is None else last
    return b"".join(layout(o, data[o : min(o + 16, stop)]) for o in range(first, stop, 16))


HEAD = b"12:00:00.000001 IP 10.0.0.1.40000 > 192.0.2.1.443: Flags [P.], seq 1:75, ack 1, win 500, length 74\n"


def sizes(rng: random.Random, count: int) -> List[int]:
    return [rng.choice([0, 1, 7, 8, 9, 15, 16, 24, rng.randrange(1500)]) for _ in range(count)]


def blocks_of(items: List[Item]) -> List[Block]:
    return [item for item in items if isinstance(item, Block)]


def kinds(items: List[Item]) -> List[Tuple[int, int, int, int]]:
    """(kind, offset, fresh, bytes) of the blocks."""
    return [(b.kind, b.offset, b.fresh, len(b.data)) for b in blocks_of(items)]


# ------------------------------------------------------------------ bytes


@pytest.mark.parametrize("name", sorted(LAYOUTS))
@pytest.mark.parametrize("headed", [True, False])
def test_every_layout_gives_the_bytes(name: str, headed: bool) -> None:
    rng = random.Random(name)
    packets = [packet(bytes(rng.choices(b"abcd09 z\0\xff", k=size)), i) for i, size in enumerate(sizes(rng, 30))]
    end = b"\r\n" if name == "crlf" else b"\n"
    text = b"".join((HEAD[:-1] + end if headed else b"") + dump(data, LAYOUTS[name]) for data in packets)
    got = blocks_of(check(text))
    assert [b.data for b in got] == packets
    assert all(b.kind == PACKET and (b.head > 0) == headed for b in got)
    if name in EXACT:
        assert all(b.stride > 0 for b in got if len(b.data) >= 48)


@pytest.mark.parametrize(
    "name", ["new", "blanks", "tabs", "collapsed", "openbsd", "quoted", "piped", "tshark", "snoop"]
)
def test_text_that_looks_like_hex_is_not_read_as_hex(name: str) -> None:
    """The last row is the hard one: no offset follows that would tell how many bytes it has."""
    rng = random.Random(5)
    for _ in range(200):
        data = packet(bytes(rng.choices(b"abcdef0123456789", k=rng.randrange(1, 40))))
        [block] = blocks_of(check(HEAD + dump(data, LAYOUTS[name])))
        assert block.data == data


def test_redacted_text_does_not_change_the_bytes() -> None:
    data = packet(b"secret.example", 7)
    text = HEAD + dump(data).replace(b"secret.example", b"XXXXXXXXXXXXXX").replace(b"secret", b"cafe00")
    assert [b.data for b in blocks_of(check(text))] == [data]


def test_padding_of_the_frame_is_kept() -> None:
    data = packet(b"", pad=b"\xde\xad\xbe\xef\x55\x66")
    assert [b.data for b in blocks_of(check(HEAD + dump(data)))] == [data]
    data = packet(b"", pad=bytes(30))  # 40 bytes end in the third row: the padding has rows of its own
    assert kinds(check(HEAD + dump(data))) == [(PACKET, 0, 0, 48), (MORE, 48, 48, 22)]


def test_a_row_that_lost_bytes_leaves_a_gap() -> None:
    data = packet(bytes(range(80)))
    lines = (HEAD + dump(data)).splitlines(True)
    lines[4] = new(0x30, data[0x30:0x3C])
    assert kinds(check(b"".join(lines))) == [(PACKET, 0, 0, 0x3C), (MORE, 0x40, 0x40, len(data) - 0x40)]


def test_no_final_newline() -> None:
    data = packet(b"x" * 30)
    assert [b.data for b in blocks_of(check((HEAD + dump(data))[:-1]))] == [data]


# ------------------------------------------------------------------ which packet

TALK = b"Here is the next part:\n\n"


def test_rows_after_prose_go_on() -> None:
    data = packet(bytes(range(100)))
    text = HEAD + dump(data, last=0x40) + b"      ^^^^ the header\n" + dump(data, first=0x40)
    assert kinds(check(text)) == [(PACKET, 0, 0, 0x40), (MORE, 0x40, 0x40, len(data) - 0x40)]


def test_rows_that_repeat_the_last_one_go_on() -> None:
    data = packet(bytes(range(100)))
    text = HEAD + dump(data, last=0x40) + TALK + dump(data, first=0x30)
    assert kinds(check(text)) == [(PACKET, 0, 0, 0x40), (MORE, 0x30, 0x40, len(data) - 0x30)]


def test_rows_left_out() -> None:
    data = packet(bytes(200))
    text = HEAD + dump(data, last=0x40) + b"(snip)\n" + dump(data, first=0xC0)
    assert kinds(check(text))[1] == (MORE, 0xC0, 0xC0, len(data) - 0xC0)
    text = HEAD + dump(data, last=0x40) + dump(data, first=0xC0)
    assert kinds(check(text))[1] == (MORE, 0xC0, 0xC0, len(data) - 0xC0)


def test_excerpts_show_nothing_new() -> None:
    packets = [packet(bytes([i]) * 60, i) for i in range(4)]
    text = b"".join(HEAD + dump(data) for data in packets)
    text += TALK + dump(packets[3], first=0x20, last=0x30) + TALK + dump(packets[1], first=0x30, last=0x50)
    assert [k[0] for k in kinds(check(text))] == [PACKET] * 4 + [EXCERPT] * 2


def test_rows_that_differ_are_another_packet() -> None:
    one, two = packet(bytes(60), 1), packet(bytes(59) + b"!", 2)
    text = HEAD + dump(one) + TALK + dump(two, first=0x40)
    assert kinds(check(text)) == [(PACKET, 0, 0, 100), (PACKET, 0x40, 0x40, 36)]
    assert [k[0] for k in kinds(check(dump(one) + b"\n" + dump(two)))] == [PACKET, PACKET]


def test_a_block_printed_twice() -> None:
    data = packet(bytes(60))
    assert [k[0] for k in kinds(check(HEAD + dump(data) + dump(data)))] == [PACKET, EXCERPT]
    assert [k[0] for k in kinds(check(dump(data) + b"\n" + dump(data)))] == [PACKET, PACKET]  # frames without heads


def test_headless_and_blanked() -> None:
    text = (
        b"        0x0030:  00d2 5d6e 1603 0119 a202 0000 4603 0100  ..]n........F...\n(next packet)\n"
        b"        0x0030:            337d 9ab0 e123 3bae 2d7d e446      3}...#;.-}.F\n(Certificate #2)\n"
        b"        0x04c0:  e603 900c 0002 4030 8202 3c30 8201 a502  ......@0..<0....\n"
    )
    assert kinds(check(text)) == [(PACKET, 0x30, 0x30, 16), (PACKET, 0x34, 0x34, 12), (MORE, 0x4C0, 0x4C0, 16)]
    assert [b.blanked for b in blocks_of(read(text))] == [False, True, False]


def test_summary_lines_alone_are_packets() -> None:
    items = check(HEAD * 3 + b"and so on\n")
    assert [(b.head, b.data, b.row_count()) for b in blocks_of(items)] == [(len(HEAD), b"", 0)] * 3


def test_text_between_summary_and_rows() -> None:
    """What -v decodes stands there, indented by a tab."""
    data = packet(b"GET / HTTP/1.0")
    text = HEAD[:-1] + b": HTTP\n\tGET / HTTP/1.0\n\t\n" + dump(data)
    assert kinds(check(text)) == [(PACKET, 0, 0, 0), (MORE, 0, 0, len(data))]


def test_what_wireshark_put_together_is_no_packet() -> None:
    tshark = LAYOUTS["tshark"]
    data, other = packet(bytes(40)), packet(bytes(50), 2)
    text = b"Frame (80 bytes):\n" + dump(data, tshark) + b"Reassembled TCP (64 bytes):\n" + dump(bytes(64), tshark)
    text += b"\nFrame (90 bytes):\n" + dump(other, tshark) + b"\n"
    assert [b.data for b in blocks_of(check(text))] == [data, other]
    text = HEAD + dump(data, last=0x30) + b"The rest (16 bytes):\n" + dump(data, first=0x30)
    assert [k[0] for k in kinds(check(text))] == [PACKET, MORE]


@pytest.mark.parametrize("line", [
    b"offset 0x0030 is where TLS begins\n", b"0x0030\n", b"0x0030:\n", b"0x0030: is\n", b"0000\n",
    b"2024: was a year\n", b"0xfafa0030:  4500 003c\n", b"0000: 16                       .\n",
    b"0000 - 16 03 01 01 36 01 00 01   ....6...\n", b"cafe: 1234\n", b"0x0030:  0981 is the timestamp\n",
    b"\t0x0000:  45 00 and so on\n",
])
def test_prose_that_looks_like_rows(line: bytes) -> None:
    assert all(isinstance(item, Prose) for item in check(b"Some text\n" + line + b"more\n"))


# ------------------------------------------------------------------ when


def test_nothing_waits() -> None:
    data = packet(b"x" * 30)
    reader = Reader(GRAMMARS, measure)
    assert [item.text for item in reader.feed(b"prose\n")] == [b"prose\n"]
    assert list(reader.feed(HEAD)) == []
    *rows, last = (dump(data)).splitlines(True)
    for row in rows:
        assert list(reader.feed(row)) == []
    assert list(reader.feed(last[:-1])) == []
    [block] = list(reader.feed(last[-1:]))
    assert isinstance(block, Block) and block.data == data
    assert list(reader.feed(HEAD)) == []
    assert [item.text for item in reader.feed(HEAD)] == [HEAD]
    assert [item.text for item in reader.feed(b"\n")] == [HEAD, b"\n"]
    assert list(reader.close()) == []


def test_a_cut_packet_ends_at_the_next_line() -> None:
    data = packet(b"x" * 300)
    reader = Reader(GRAMMARS, measure)
    assert list(reader.feed(HEAD + dump(data, last=96))) == []
    [block] = list(reader.feed(HEAD))
    assert isinstance(block, Block) and block.data == data[:96]


def test_memory_is_bounded() -> None:
    reader = Reader(GRAMMARS, measure)
    size = 0
    for _ in range(300):
        size += sum(len(item.text) for item in reader.feed(b"x" * 10000))
    assert 3000000 - size <= LONG + 10000
    items = list(reader.feed(b"\n" + HEAD + dump(packet(b"y" * 9)) + b"end\n"))
    assert [item.line for item in items] == [1, 2, 7]


# ------------------------------------------------------------------ any text, cut anywhere

BEEF = packet(b"beef" * 12, 3)
SEED = b"".join(
    [
        b"> prose\n", HEAD, dump(packet(bytes(range(70)), 1)), HEAD, dump(packet(b"cafe", 2), LAYOUTS["collapsed"]),
        TALK, dump(packet(bytes(range(70)), 1), first=0x20, last=0x30), HEAD, HEAD,
        dump(BEEF, last=0x30), b"(snip)\n", dump(BEEF, first=0x50), b"\t0x0030:  ", b"          6261 6263\n",
        b"12:00:00.1 IP (tos 0x0, ttl 64)\n    a.1 > b.2: Flags [S], seq 1\n", b"\t0x0000:  4500\n",
        dump(packet(b"abc", 4), LAYOUTS["tabs"]), dump(packet(b"abc", 5), LAYOUTS["crlf"]),
        dump(packet(b"abc" * 20, 6), LAYOUTS["plain"]), b"\n", dump(packet(b"a c", 7), LAYOUTS["tshark"]),
        b"Decrypted (20 bytes):\n", dump(b"0123456789abcdef0123", LAYOUTS["tshark"]), b"\n",
        b"  1   0.00003 192.0.2.1 -> 192.0.2.2 TCP D=443 S=43690 Syn Seq=7 Len=0 Win=5\n\n",
        dump(packet(b"a c", 8), LAYOUTS["snoop"]), b"\n", dump(packet(b"q" * 30, 9), LAYOUTS["quoted"]),
        dump(packet(b"abc" * 20, 6), LAYOUTS["openbsd"]),
        b"write to 0x55744d77adf0 [0x55744d793690] (21 bytes => 21 (0x15))\n",
        b"0000 - 16 03 03 00 10 01 00 01-32 03 03 b8 fe c4 82 1a   ........2.......\n",
        b"0010 - 00 00 00 00 01         .....\n",
        b"read from 0x55744d77adf0 [0x55744d793690] (5 bytes => 5 (0x5))\n",
        b">>> TLS 1.3, Handshake [length 0014], Finished\n    14 00 00 10 01 02 03 04 05 06 07 08 09 0a 0b 0c\n",
        b"    0d 0e 0f 10\n",
        b"00000000  16 03 03 00 40 00 00 00  00 00 00 00 00 00 00 00  |....@...........|\n",
        b"00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n00000045\n",
        b"\t00000000  15 03 03 00 02 02 28                              ......(\n",
        b"0000000 0316 0003 0040 0000 0000 0000 0000 0000\n*\n0000043\n",
        b"1603030004" + b"0e" * 20 + b"\n" + b"0e" * 9 + b"\n",
        b"char peer1_0[] = { /* Packet 4 */\n0x15, 0x03, 0x03, 0x00, \n0x02, 0x02, 0x28 };\n",
        b"\x1b[32m\t0x0000:\x1b[0m  4500 0028 0003 4000\n4006 42e3 c0a8 0167  E..(..@.@.B....g\n",
        b"87526540:                            45C0004C              E@.L\n", HEAD,
        b"\t\t\t 4500 0028 0003 4000 4006 42e3 c0a8 0167\n",
        b"--More--\r        \r", HEAD.replace(b" ", b"\xc2\xa0"),
        b"> ;| 0x0000:  4500\n", b"0xfafa0010:  5db8 d822 aaaa 01bb\n", b"...\n",
        b"12:00:00.1\xc2\xa0IP (tos 0x0, ttl 64)\n    a.1 > b.2: Flags [S], seq 1\n",
        b"E..@..@.@.B....g\n", b"12:00:00.123456 45000028\n",
    ]
)
LINES = SEED.splitlines(True)


def texts() -> st.SearchStrategy[bytes]:
    """Texts of lines that mean something, in any order, with damage."""
    lines = st.lists(st.sampled_from(LINES), max_size=30).map(b"".join)
    places = st.tuples(st.integers(0, len(LINES)), st.integers(1, 25))
    parts = places.map(lambda place: b"".join(LINES[place[0] : place[0] + place[1]]))
    hexes = st.lists(st.sampled_from(b"0123af x:\t\n>.-|\r\0\xc2\xa0*,\\\x1b\x08"), max_size=200).map(bytes)
    return st.lists(st.one_of(lines, parts, hexes, st.binary(max_size=60)), max_size=4).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(texts(), st.integers(1, 300))
def test_the_cuts_do_not_matter(text: bytes, step: int) -> None:
    whole = told(check(text))
    assert told(read(text, step)) == whole
    assert told(read(text, 1)) == whole


@settings(max_examples=150, deadline=None)
@given(texts())
def test_quick_and_slow_are_the_same(text: bytes) -> None:
    assert told(read(text, slow=True), layouts=False) == told(read(text), layouts=False)


@pytest.mark.parametrize("colon", [b":  ", b"\t "])
@pytest.mark.parametrize("last", [b'"', b"'", b"|", b".", b",", b"a"])
def test_short_rows_and_dresses_quick_and_slow(colon: bytes, last: bytes) -> None:
    """A last row of one byte that is what may close a quotation; rows that tcpdump 3.5 wrote."""
    head = bytes.fromhex("4500001100044000400600000a0000010a")[:16]
    text = dump(head + last).replace(b":  ", colon)
    items = read(text)
    assert told(read(text, slow=True), layouts=False) == told(items, layouts=False)
    assert items[0].dress == ("tcpdump" if colon == b":  " else "tcpdump35")  # type: ignore[union-attr]


def test_the_whole_sample_in_every_cut() -> None:
    whole = told(check(SEED))
    for step in (1, 2, 3, 7, 64, 100, 1000):
        assert told(read(SEED, step)) == whole
    assert told(read(SEED, slow=True), layouts=False) == told(read(SEED), layouts=False)
    assert any(value[0] == EXCERPT for value in whole) and any(value[0] == MORE for value in whole)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 23, 24, 25, 1460])
def test_many_usual_packets_are_read_as_each_of_them_is(size: int) -> None:
    """More of them than are told together, the last one with and without its LF, and cut anywhere."""
    text = b"".join(HEAD + dump(packet(bytes([128 + i]) * size, i)) for i in range(100))
    for whole in (text, text[:-1], text[:-1] + b"\r\n", text[:-2]):
        items = check(whole)
        assert told(items, layouts=False) == told(read(whole, slow=True), layouts=False)
        assert told(read(whole, 4999)) == told(items)
    assert len(blocks_of(check(text))) == 100


@pytest.mark.parametrize("byte", [b"0", b"f", b"A", b" ", b".", b"\n", b"\t", b"\xff", b""])
def test_a_byte_changed_anywhere_in_a_usual_packet(byte: bytes) -> None:
    """Whatever it makes of the packet: the quick way says the same."""
    before, one, behind = among_usual(b"one two three")
    for at in range(len(one)):
        text = before + one[:at] + byte + one[at + 1 :] + behind
        # Where the text of a row begins whose first sign is blank, the row alone cannot tell.
        quick, slow = ([value[:9] for value in told(read(text, slow=slow))] for slow in (False, True))
        assert quick == slow, at


def among_usual(payload: bytes) -> Tuple[bytes, bytes, bytes]:
    """A packet and what stands before and behind it, where it is one of those that are read in one loop."""
    packets = [HEAD + dump(packet(b"%b %d" % (payload, i), i)) for i in range(5)]
    looped: List[int] = []
    read_on = Lane.packets

    def counted(lane: Lane, *arguments: Any) -> Any:
        told = read_on(lane, *arguments)
        looped.extend(line for line, *_ in told[0])
        return told

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lane, "packets", counted)
        read(b"".join(packets))
    before = b"".join(packets[:2])
    assert 1 + before.count(b"\n") in looped
    return before, packets[2], b"".join(packets[3:])


@pytest.mark.parametrize("far", [1, 2, 3, 5, 10])
def test_two_signs_of_a_usual_packet_change_places(far: int) -> None:
    """As many digits and blanks as there must be, and not where they must be."""
    before, one, behind = among_usual(b"one two three")
    for at in range(len(HEAD), len(one) - far):
        first, second = one[at : at + 1], one[at + far : at + far + 1]
        if first.isalnum() and second.isalnum():
            continue  # digits are others then, and stand where they must: that is another packet
        text = before + one[:at] + second + one[at + 1 : at + far] + first + one[at + far + 1 :] + behind
        quick, slow = (told(read(text, slow=slow), layouts=False) for slow in (False, True))
        assert quick == slow, at


def test_a_packet_shown_again_behind_usual_ones() -> None:
    """What stood between the rows of a packet long ago tells nothing of it, whichever way those since then were read."""
    one, two = (HEAD + dump(packet(b"one two three %d" % i, i)) for i in range(2))
    again = two[len(HEAD) :]
    for text in (b"\n".join(one.splitlines(True)) + two * 3 + again + one, one + b"\n" + two + again):
        quick, slow = ([value[:9] for value in told(read(text, slow=slow), layouts=False)] for slow in (False, True))
        assert quick == slow


def unread(text: bytes) -> List[Tuple[int, int, str]]:
    """What a reader says that it could not read."""
    reader = Reader(GRAMMARS, measure)
    assert b"".join(item.text for item in [*reader.feed(text), *reader.close()]) == text
    return reader.unreadable


def test_rows_that_cannot_be_read_are_told_with_the_reason() -> None:
    text = HEAD + dump(packet(b"\x16\3\1\0\2ab", 1))
    lines = text.splitlines(True)
    assert unread(text) == []
    # A trace in one line, its line ends written out; a line of hex without end.
    assert unread(text.replace(b"\n", b"\\n")) == [(1, 1, "more than one row stands in a line")]
    assert [(first, last) for first, last, _ in unread(b"words\n" + b"cafe0100" * 20000 + b"\nwords\n")] == [(2, 2)]
    assert unread(b"words\n" + b"lorem ipsum " * 20000) == []
    # A packet whose line ends were lost, before others: the quick ways, which take the last of its heads, say it too.
    joined = text.rstrip(b"\n").replace(b"\n", b"\r") + b"\r"
    for before in (b"", text, text * 30):
        line = before.count(b"\n") + 1
        assert unread(before + joined + text * 2) == [(line, line, "more than one row stands in a line")]
    # Offsets cut off; a letter for a digit in the first group.
    short = b"".join(line[12:] if line[:1] == b"\t" else line for line in lines)
    assert [(first, last) for first, last, _ in unread(short)] == [(2, len(lines))]
    assert [why for _, _, why in unread(text.replace(b"0x0010:  ", b"0x0010:  O"))] != []
    # Rows of no packet, without TLS in them, are told by the corridor: see trouble.from_reader.


@pytest.mark.parametrize("text", [
    b" " * 300000, b"\t" * 100000 + b"\n", b">" * 200000, b"> " * 100000, b"0x" * 100000, b"0x0000:  " + b"ab" * 100000,
    b"0x0000:  " + b"abcd " * 50000, b"\t0x0000:\n" * 30000, b"a > b: " * 40000, b"IP " * 90000, b"1" * 200000,
    new(0, bytes(16)) * 4000, new(0x30, bytes(16)) * 4000, new(0, b"\1" * 16).replace(b"0101", b"01x1") * 4000,
    b"".join(new(16 * (i * 7 % 4096), bytes([i % 251]) * 16) for i in range(4000)), b"12:00:00.000001 " * 20000,
    b"IP (tos 0x0, " * 20000, HEAD * 2000, b"\n" * 50000, (b"x" * 999 + b"\n") * 300,
])
def test_nothing_takes_long(text: bytes) -> None:
    begun = time.process_time()
    items = read(text, 65536)
    assert b"".join(item.text for item in items) == text
    assert time.process_time() - begun < 4


# ------------------------------------------------------------------ summaries

ENDS = ("10.0.0.1", "40000", "192.0.2.1", "443")


@pytest.mark.parametrize("line, expected", [
    ("12:26:40.000066 IP 10.0.0.1.40000 > 192.0.2.1.443: Flags [S], seq 1356394053, win 502, "
     "options [mss 1460], length 0",
     ("12:26:40.000066", *ENDS, "S", 1356394053, None, None, 0)),
    ("IP 10.0.0.1.40000 > 192.0.2.1.443: Flags [P.], seq 1:75, ack 1, win 500, length 74",
     (None, *ENDS, "PA", 1, 75, 1, 74)),
    ("1700000000.153756 IP 10.0.0.1.40000 > 192.0.2.1.443: Flags [F.], seq 8, ack 75, win 5, length 0",
     ("1700000000.153756", *ENDS, "FA", 8, None, 75, 0)),
    ("2023-11-14 22:13:20.153756 IP 10.0.0.1.40000 > 192.0.2.1.443: Flags [SEW], seq 7, win 5, length 0",
     ("2023-11-14 22:13:20.153756", *ENDS, "SEC", 7, None, None, 0)),
    (" 00:00:00.010100 IP 10.0.0.1.40000 > 192.0.2.1.443: Flags [.], ack 1, win 500, length 0",
     ("00:00:00.010100", *ENDS, "A", None, None, 1, 0)),
    ("    1  22:13:20.153756 IP 10.0.0.1.40000 > 192.0.2.1.443: Flags [R], seq 9, win 0, length 0",
     ("22:13:20.153756", *ENDS, "R", 9, None, None, 0)),
    ("22:13:20.153756 eth0  In  IP 10.0.0.1.40000 > 192.0.2.1.443: Flags [.], ack 1, win 5, length 0",
     ("22:13:20.153756", *ENDS, "A", None, None, 1, 0)),
    ("22:13:20.153756 00:11:22:33:44:55 > 66:77:88:99:aa:bb, ethertype IPv4 (0x0800), length 140: "
     "10.0.0.1.40000 > 192.0.2.1.443: Flags [P.], seq 1:75, ack 1, win 500, length 74",
     ("22:13:20.153756", *ENDS, "PA", 1, 75, 1, 74)),
    ("22:13:20.153756 IP6 2001:db8::1.40000 > 2001:db8::2.https: Flags [P.], seq 1:75, ack 1, win 500, length 74",
     ("22:13:20.153756", "2001:db8::1", "40000", "2001:db8::2", "https", "PA", 1, 75, 1, 74)),
    ("22:13:20.153756 IP (tos 0x0, ttl 64, id 4, offset 0, flags [DF], proto TCP (6), length 126)\n"
     "    10.0.0.1.40000 > 192.0.2.1.443: Flags [P.], cksum 0x5302 (incorrect -> 0x5303), seq 1:75, ack 1, win 5, "
     "length 74",
     ("22:13:20.153756", *ENDS, "PA", 1, 75, 1, 74)),
    *(
        (f"22:13:20.153756 {link}(tos 0x0, ttl 64, id 4, offset 0, flags [DF], proto TCP (6), length 126)\n"
         "    10.0.0.1.40000 > 192.0.2.1.443: Flags [P.], cksum 0x5302 (correct), seq 1:75, ack 1, win 5, length 74",
         ("22:13:20.153756", *ENDS, "PA", 1, 75, 1, 74))
        for link in (
            "00:11:22:33:44:55 > 66:77:88:99:aa:bb, ethertype IPv4 (0x0800), length 140: ",
            "00:11:22:33:44:55 > 66:77:88:99:aa:bb, ethertype 802.1Q (0x8100), length 144: vlan 5, p 0, ethertype IPv4 (0x0800), ",
            "eth0  In  ifindex 2 00:11:22:33:44:55 ethertype IPv4 (0x0800), length 146: ", "AF IPv4 (2), length 130: ", "ip: ",
        )
    ),
    ("IP 10.0.0.1.40000 > 192.0.2.1.443: P 1:143(142) ack 1 win 33323", (None, *ENDS, "PA", 1, 143, 1, 142)),
    ("IP 10.0.0.1.40000 > 192.0.2.1.443: . ack 1 win 33323", (None, *ENDS, "A", None, None, 1, None)),
    ("IP 10.0.0.1.40000 > 192.0.2.1.443: S 2327361744:2327361744(0) win 65535",
     (None, *ENDS, "S", 2327361744, 2327361744, None, 0)),
    ("  4   0.00003 10.0.0.1 -> 192.0.2.1 TCP D=443 S=40000 Push Ack=1001 Seq=7 Len=74 Win=33323",
     ("0.00003", *ENDS, "PA", 7, None, 1001, 74)),
    ("    2   0.010100 10.0.0.1 \u2192 192.0.2.1 TCP 58 40000 \u2192 443 [SYN, ACK] Seq=0 Ack=1 Win=5792 Len=0",
     ("0.010100", *ENDS, "SA", 0, None, 1, 0)),
    ("    2 2026-01-01 00:00:00.010100     10.0.0.1 \u2192 192.0.2.1    TCP 58 40000 \u2192 443 [SYN] Seq=0 Win=5792 Len=0",
     ("2026-01-01 00:00:00.010100", *ENDS, "S", 0, None, None, 0)),
    ("0.951319 wan1 -- 10.0.0.1.40000 -> 192.0.2.1.443: psh 814810657 ack 3631359721 ",
     ("0.951319", *ENDS, "PA", 814810657, None, 3631359721, None)),
    ("10.0.0.1.40000 > 192.0.2.1.443: P 1:5(4) ack 1 win 17424 (DF)", (None, *ENDS, "PA", 1, 5, 1, 4)),
])
def test_summaries(line: str, expected: Tuple[Any, ...]) -> None:
    for end in ("\n", "\r\n", ""):
        text = (line + end).encode()
        [block] = blocks_of(check(text))
        assert block.head == len(text)
        assert tuple(Reader(GRAMMARS, measure).summary(text) or ()) == expected


def test_a_frame_of_which_something_was_put_together_has_a_summary_line_too() -> None:
    rows = dump(packet(b"a c", 7), LAYOUTS["tshark"])
    line = "    2   0.010100 10.0.0.1 \u2192 192.0.2.1 TLSv1.2 58 Certificate\n\n".encode()
    text = line + b"Frame (%d bytes):\n" % len(packet(b"a c", 7)) + rows
    label = b"Reassembled TCP (16 bytes):\n" + dump(b"0123456789abcdef", LAYOUTS["tshark"]) + b"\n"
    blocks = blocks_of(check(text + b"\n" + label + text))
    assert [block.head for block in blocks] == [len(text) - len(rows)] * 2


@pytest.mark.parametrize("line", [
    b"12:26:40.000066 IP 10.0.0.1.53 > 192.0.2.1.40000: UDP, length 40\n",
    b"12:26:40.000066 IP 10.0.0.1.443 > 192.0.2.1.40000: tcp 74\n",
    b"12:26:40.000066 IP 10.0.0.1 > 192.0.2.1: ICMP echo request, id 1, seq 1, length 64\n",
    b"12:26:40.000066 ARP, Request who-has 10.0.0.1 tell 10.0.0.2, length 28\n",
    b"12:26:40.000066 IP6 fe80::1 > ff02::1: ICMP6, router advertisement, length 24\n",
])
def test_other_protocols_have_summaries_too(line: bytes) -> None:
    [block] = blocks_of(check(line))
    assert block.head == len(line)
    summary = Reader(GRAMMARS, measure).summary(line)
    assert summary is not None and summary.time == "12:26:40.000066"


def test_what_is_no_summary_says_nothing() -> None:
    reader = Reader(GRAMMARS, measure)
    assert reader.summary(b"nothing at all\n") is None
    assert reader.summary(b"") is None
    assert reader.summary(b"a" * 5000 + b" > " * 500) is None


# ------------------------------------------------------------------ truth

FORMATS = os.path.join(SHARED, "corpus", "formats")


def frames(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16 : at + 16 + size]
        at += 16 + size


@pytest.mark.skipif(not os.path.isdir(FORMATS), reason="the corpus is not here")
@pytest.mark.parametrize("name", [
    "X", "XX", "x", "vX", "expand", "crlf", "collapsed", "old37X", "obX", "forti3", "noascii", "quoted", "pipe",
    "numbered", "nbsp", "tsx", "tsPx", "tsVx", "snoop",
])
def test_one_flow_in_many_dresses(name: str) -> None:
    with open(os.path.join(FORMATS, name + ".txt"), "rb") as file:
        text = file.read()
    got = [block for block in blocks_of(check(text)) if block.kind == PACKET]
    wanted = list(frames(os.path.join(FORMATS, "flow.pcap")))
    whole = name in ("XX", "forti3", "snoop") or name.startswith("ts")
    assert [block.data for block in got if block.data] == [frame if whole else frame[14:] for frame in wanted]


def test_blocks_is_the_reader() -> None:
    assert told(list(blocks([SEED[:100], SEED[100:]], GRAMMARS, measure))) == told(read(SEED))


def test_a_head_without_a_length_keeps_its_rows() -> None:
    """IP's total length is 0 (segmentation offload), behind packets that have one."""
    whole = packet(b"\x16\x03\x01\0\x50" + bytes(80))
    bare = whole[:2] + b"\0\0" + whole[4:]
    blocks = blocks_of(read((HEAD + dump(whole)) * 3 + b"12:00:00.000002 IP bad-len 0\n" + dump(bare)))
    assert [(block.kind, block.data, block.head > 0) for block in blocks[3:]] == [(PACKET, bare, True)]


def test_a_row_of_letters_for_digits_is_told_between_rows() -> None:
    rows = dump(packet(bytes(range(1, 200)))).splitlines(True)
    spoilt = rows[4][:10] + b"O" + rows[4][11:]
    text = (HEAD + b"".join(rows)) * 2 + HEAD + b"".join([*rows[:4], spoilt, *rows[5:]])
    line = 2 * (1 + len(rows)) + 1 + 5
    assert unread(text) == [(line, line, "they have no offset, or digits that are none")]


def test_a_summary_line_that_ends_in_its_flags_is_read_as_far_as_it_goes() -> None:
    """What stands behind the ends may be anything, a row among them; a line of these ends alone has no numbers to cut."""
    for behind in (b"[\t0x0020:  5010 822b 4195 0000 dead beef 5566", b"[S 1", b"["):
        text = b"22:13:20.163856 IP 93.184.216.34.443 > 192.168.1.103.43690: Flags " + behind + b"\n"
        summary = Reader(GRAMMARS, measure).summary(text)
        assert summary is not None and (summary.src, summary.sport, summary.seq) == ("93.184.216.34", "443", None)
