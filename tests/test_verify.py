"""verify: checksums, lengths, text column and summary line held against the bytes."""

from __future__ import annotations

import csv
import glob
import os
import random
import re
import struct
from typing import Callable, List, Optional, Set, Tuple

import pytest
from conftest import SAMPLES
from handshakes import conversation, dump, packets
from hostile import datagram, packet
from support import WHOLE, have_shared, lf_lines, load, shared_path

from hexnote import checksums, layers, resources
from hexnote.dumps import Reader
from hexnote.model import PACKET, Finding, Packet, Prose
from hexnote.verify import BAD, GOOD, Verifier, segment_right
from hexnote.verify_text import compare

CODES = {"checksum", "ascii-disagrees", "length-disagrees", "redaction-leak"}
GRAMMARS = {name: resources.text(f"dumps/{name}") for name in resources.listing("dumps")}
WIRE = packets(conversation(3), 500)
CLEAN = dump(WIRE)


def findings(text: bytes, slow: bool = False) -> List[Finding]:
    """What the verifier says of a dump."""
    reader = Reader(GRAMMARS, layers.measure, slow)
    verifier = Verifier(compare, checksums.ip_checksum, checksums.tcp_checksum)
    found: List[Finding] = []
    at: Optional[Packet] = None
    count = 0
    for item in [*reader.feed(text), *reader.close()]:
        if isinstance(item, Prose):
            continue
        if item.kind == PACKET or at is None:
            count += 1
            at = Packet(count, item.line)
            at.header = item.text[: item.head]
            if item.data and item.offset == 0:
                layers.strip(at, item.data)
        found += verifier.block(at, item, reader.summary)
    return found + verifier.end()


def codes(text: bytes) -> List[str]:
    return sorted(f.code for f in findings(text))


def one(text: bytes, code: str) -> Finding:
    """The only finding, which has this code."""
    found = findings(text)
    assert [f.code for f in found] == [code], found
    return found[0]


def rows(text: bytes, wanted: Callable[[bytes], bytes]) -> bytes:
    """The text with every line put through `wanted`."""
    return b"".join(wanted(line) for line in lf_lines(text))


def data_packet() -> Tuple[int, bytes]:
    """Number and bytes of the first packet with a certificate in it."""
    return next((i + 1, p) for i, p in enumerate(WIRE) if b"Example CA" in p)


def shown(whole: bytes, part: bytes) -> bytes:
    """The summary of `whole` over the rows of `part`."""
    return dump([whole]).split(b"\n", 1)[0] + b"\n" + dump([part], summaries=False)


def column(text: bytes, old: bytes, new: bytes, count: int = 1) -> bytes:
    """The first `count` occurrences of `old` in text columns made `new`."""
    out = []
    for line in lf_lines(text):
        if line.startswith(b"\t0x") and old in line[51:] and count:
            line = line[:51] + line[51:].replace(old, new, 1)
            count -= 1
        out.append(line)
    assert not count
    return b"".join(out)


# ------------------------------------------------------------------ what is in order


def test_a_clean_dump_is_clean() -> None:
    assert (GOOD, BAD) == (checksums.GOOD, checksums.BAD)
    assert findings(CLEAN) == []


def test_a_text_column_may_have_blanks_and_may_be_wanting() -> None:
    def spaced(line: bytes) -> bytes:
        if not line.startswith(b"\t0x"):
            return line
        raw = bytes.fromhex(line[10:49].replace(b" ", b"").decode())
        return line[:51] + bytes(c if 32 <= c < 127 else 46 for c in raw) + b"\n"

    assert findings(rows(CLEAN, spaced)) == []
    assert findings(rows(CLEAN, lambda line: line[:49].rstrip() + b"\n" if line.startswith(b"\t0x") else line)) == []
    assert findings(rows(CLEAN, lambda line: b"> " + line)) == []
    assert findings(CLEAN.replace(b"\n", b"\r\n")) == []


@pytest.mark.parametrize("before, behind", ((b"'", b"',"), (b'"', b'\\n",'), (b"<td>", b"</td>"), (b"| ", b" |"), (b"", b";")))
def test_what_closes_a_quotation_is_no_text_column(before: bytes, behind: bytes) -> None:
    """Rows without text, each of them a string of a program or a cell of a table."""

    def closed(line: bytes) -> bytes:
        return before + line[:49].rstrip() + behind + b"\n" if line.startswith(b"\t0x") else line

    assert findings(rows(CLEAN, closed)) == []


def test_snapping_is_no_disagreement() -> None:
    assert findings(b"".join(shown(p, p[:68]) for p in WIRE)) == []


def test_a_link_header_that_one_packet_shows_makes_none_of_the_others_short() -> None:
    """tcpdump -X prints it too where a printer ran out of bytes, as its "[|smtp]" says."""
    ether = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0"
    long, short = packet(0, 1, bytes(100)), packet(0, 101, bytes(48))
    assert findings(shown(long, ether + long[:82]) + shown(short, short[:82]) + shown(long, long[:82])) == []


def test_padding_is_no_disagreement() -> None:
    short = [p + bytes(46 - len(p)) if len(p) < 46 else p for p in WIRE]
    assert any(len(p) == 46 for p in short)
    ether = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0"
    for before in (b"", ether):
        assert findings(b"".join(shown(p, before + padded) for p, padded in zip(WIRE, short))) == []


def test_a_sum_of_the_pseudo_header_alone_is_offload() -> None:
    def offloaded(p: bytes) -> bytes:
        total = sum(struct.unpack(">4H", p[12:20])) + 6 + len(p) - 20
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        return p[:36] + struct.pack(">H", total) + p[38:]

    assert findings(dump([offloaded(p) for p in WIRE])) == []
    assert findings(dump([p[:36] + b"\0\0" + p[38:] for p in WIRE])) == []


def test_length_zero_of_offload_is_silent() -> None:
    zero = [p[:2] + b"\0\0" + p[4:] for p in WIRE]
    assert "length-disagrees" not in codes(dump(zero))


def test_markup_that_the_packet_holds_is_no_damage() -> None:
    """A page's source in clear: its entities and tags stand in the bytes as in the text column."""
    text = dump([packet(0, 1, b"<br>=20 ab <br>" * 5), packet(0, 2, b"a&lt;b<br>c=20d&amp;" * 5)])
    assert findings(text) == findings(text, slow=True) == []


def test_a_tab_in_a_text_column_is_a_blank() -> None:
    text = dump([packet(0, 1, b"\x80" * 88), packet(0, 2, b"\x80" * 88)])
    row = text.rindex(b"................")
    assert codes(text[:row] + b"\t" + text[row + 1 :]) == []


def test_fragments_are_not_summed() -> None:
    ends = bytes((10, 0, 0, 1, 192, 0, 2, 1))
    body = packet(0, 1, b"x" * 100)[20:]
    assert findings(dump([datagram(ends, body[:64], 5, 0x2000), datagram(ends, body[64:], 5, 8)])) == []


# ------------------------------------------------------------------ checksums


def test_every_altered_byte_is_noticed() -> None:
    number, whole = data_packet()
    rng = random.Random(1)
    for at in rng.sample(range(20, len(whole)), 40):
        if at in (32, 33):
            continue  # the TCP header's own length and flags: read otherwise
        changed = bytearray(whole)
        changed[at] ^= 1 << rng.randrange(8)
        told = [p if i + 1 != number else bytes(changed) for i, p in enumerate(WIRE)]
        found = [f for f in findings(dump(told)) if f.code == "checksum"]
        assert [f.at[0][0] for f in found] == [number], at
        assert found[0].at[0][1] <= at < found[0].at[0][2]


def test_an_altered_ip_header_is_noticed() -> None:
    changed = [WIRE[0], WIRE[1][:8] + b"\x21" + WIRE[1][9:], *WIRE[2:]]
    found = one(dump(changed), "checksum")
    assert found.at == ((2, 0, 20),) and found.sure == "proven"


def test_wrong_checksums_everywhere_are_told_a_few_times_and_in_sum() -> None:
    found = findings(dump([p[:36] + b"\x12\x34" + p[38:] for p in WIRE] * 3))
    assert {f.code for f in found} == {"checksum"}
    assert len(found) == 4
    assert str(3 * len(WIRE)) in found[-1].text and "all" in found[-1].text


# ------------------------------------------------------------------ lengths


def test_a_row_cut_inside() -> None:
    number, whole = data_packet()
    lines = lf_lines(dump([whole]))
    lines[6] = lines[6][:39].rstrip() + b"            " + lines[6][51:63] + b"\n"
    before = dump(WIRE[: number - 1])
    found = [f for f in findings(before + b"".join(lines)) if f.code == "length-disagrees"]
    assert [f.at for f in found] == [((number, 92, 96),)]


def test_rows_left_out_whole_are_a_gap_only() -> None:
    _, whole = data_packet()
    lines = lf_lines(dump([whole]))
    del lines[6:9]
    assert findings(b"".join(lines)) == []


def test_a_last_row_cut_inside() -> None:
    number, whole = data_packet()
    assert (len(whole) - 3) % 16
    text = dump(WIRE[:number]) + shown(whole, whole[: len(whole) - 3]) + dump(WIRE[number:])
    assert one(text, "length-disagrees").at == ((number + 1, len(whole) - 3, len(whole)),)


def test_more_bytes_than_the_packet_has() -> None:
    number, whole = data_packet()
    text = dump(WIRE[: number - 1]) + shown(whole, whole + bytes(20)) + dump(WIRE[number:])
    assert one(text, "length-disagrees").at == ((number, len(whole), len(whole) + 20),)


def test_a_summary_of_another_length() -> None:
    number, _ = data_packet()
    lines = lf_lines(CLEAN)
    heads = [i for i, line in enumerate(lines) if b"length" in line]
    lines[heads[number - 1]] = re.sub(rb"length \d+", b"length 77", lines[heads[number - 1]])
    found = one(b"".join(lines), "length-disagrees")
    assert found.at == ((number, 2, 4),) and "77" in found.text


# ------------------------------------------------------------------ the text column


def test_a_slip_in_the_text_column() -> None:
    number, whole = data_packet()
    at = whole.index(b"Example CA")
    found = one(dump(WIRE).replace(dump([whole]).split(b"\n", 1)[1], column(dump([whole]).split(b"\n", 1)[1], b"Ex", b"Ez")),
                "ascii-disagrees")
    assert found.at == ((number, at + 1, at + 2),)
    assert found.lines is not None and found.lines[0] == found.lines[1]
    assert b"Ez" in lf_lines(column(CLEAN, b"Ex", b"Ez"))[found.lines[0] - 1]
    assert "sides with the hex" in found.text


def test_a_slip_in_the_hex_is_settled_by_the_checksum() -> None:
    _, whole = data_packet()
    at = whole.index(b"Example CA") + 1
    row = at - at % 16
    column_of = 10 + (at % 16) * 2 + at % 16 // 2
    rest = dump([whole]).split(b"\n", 1)[1]
    lines = lf_lines(rest)
    line = bytearray(lines[row // 16])
    line[column_of : column_of + 2] = b"7a"
    lines[row // 16] = bytes(line)
    found = findings(CLEAN.replace(rest, b"".join(lines)))
    assert sorted(f.code for f in found) == ["ascii-disagrees", "checksum"]
    assert any("sides with the text column" in f.text for f in found)


@pytest.mark.parametrize("filler", [b"X", b"*", b".", b"#", b" "])
def test_a_name_crossed_out_in_one_column_only(filler: bytes) -> None:
    text = column(CLEAN, b"www", filler * 3)
    found = one(text, "redaction-leak")
    assert '"www"' in found.text


def test_a_name_wiped_out_in_the_hex_only() -> None:
    text = rows(CLEAN, lambda line: line.replace(b"7777 77", b"0000 00").replace(b"77 7777", b"00 0000"))
    if text != CLEAN:
        assert "redaction-leak" in codes(text)


def test_a_row_without_its_text() -> None:
    lines = lf_lines(CLEAN)
    at = next(i for i, line in enumerate(lines) if b"example.com" in line[51:])
    lines[at] = lines[at][:49].rstrip() + b"\n"
    assert "redaction-leak" in codes(b"".join(lines))


def test_text_that_wraps_or_is_cut_is_no_leak() -> None:
    assert findings(rows(CLEAN, lambda line: line[:60] + b"\n" if len(line) > 61 and line[0] == 9 else line)) == []


# ------------------------------------------------------------------ the summary line


@pytest.mark.parametrize("mask", [b"x.x.x.x", b"10.x.x.x", b"a.b.c.d", b"***", b"192.0.2.77", b"[redacted]", b"XXX.XXX.0.1"])
def test_an_address_hidden_in_the_summary_only(mask: bytes) -> None:
    text = rows(CLEAN, lambda line: line.replace(b"10.0.0.1.", mask + b"."))
    found = one(text, "redaction-leak")
    assert found.at[0] == (1, 12, 16) and "10.0.0.1" in found.text


@pytest.mark.parametrize("name", [b"client", b"x.example.com", b"www.example.com", b"xen1", b"localhost", b"fax.box"])
def test_names_of_hosts_hide_nothing(name: bytes) -> None:
    assert findings(rows(CLEAN, lambda line: line.replace(b"10.0.0.1.", name + b"."))) == []


# ------------------------------------------------------------------ nothing acts on a terminal, nothing raises


def test_what_is_quoted_is_clean() -> None:
    evil = "\x1b[2J\u202e\x00\x9b\r"
    text = rows(CLEAN, lambda line: line.replace(b"10.0.0.1.", b"[" + evil.encode() + b"]."))
    for finding in [*findings(text), *findings(column(CLEAN, b"www", b"\x1b\x1b\x1b"))]:
        assert finding.text.isprintable()


def test_noise_never_raises() -> None:
    rng = random.Random(7)
    for _ in range(400 if WHOLE else 40):
        text = bytearray(CLEAN[: rng.randrange(200, 6000)])
        for _ in range(rng.randrange(1, 30)):
            at = rng.randrange(len(text))
            noise = bytes(rng.choice(b"0123456789abcdefxX |\t\n.\x80\xc2\xa0") for _ in range(rng.randrange(3)))
            text[at : at + rng.randrange(3)] = noise
        findings(bytes(text))


# ------------------------------------------------------------------ the corpus


def truth(*path: str) -> List[Tuple[str, Set[str], Set[str], bool]]:
    with open(shared_path("corpus", *path, "findings.tsv"), encoding="utf-8") as file:
        return [
            (row["capture"], set(row["must"].split(",")), set(row["must_not"].split(",")), row["clean"] == "yes")
            for row in csv.DictReader(file, delimiter="\t")
        ]


@pytest.mark.skipif(not have_shared(), reason="the corpus is absent")
@pytest.mark.parametrize("folder", ["", "extra"])
def test_the_corpus(folder: str) -> None:
    path = [folder] if folder else []
    table = truth(*path)
    if not WHOLE:
        table = [row for row in table if row[1] & CODES] + random.Random(5).sample(table, 12)
    for name, must, must_not, clean in table:
        text = shared_path("corpus", *path, f"{name}.X.txt")
        found = set(codes(load(text)))
        assert must & CODES <= found, name
        if "_text" not in name or name == "text_base_openssl":
            assert found <= must, (name, found)
        assert not found & must_not, name
        assert not (clean and found), name


def test_the_samples_are_faithful() -> None:
    for path in glob.glob(os.path.join(SAMPLES, "*.txt")):
        assert not set(codes(load(path))) & {"ascii-disagrees", "checksum", "redaction-leak"}, path


def test_long_segments_are_summed_as_short_ones() -> None:
    """RFC 1071: the sum of all words, whatever the way to it."""
    rng = random.Random(1)
    for size in [*range(40, 120), *rng.sample(range(120, 3000), 300), 9000, 65535]:
        data = bytearray(b"\x45" + rng.randbytes(size - 1))
        data[36:38] = bytes(2)
        words = data[12:20] + struct.pack(">HH", 6, size - 20) + data[20:]
        total = sum(struct.unpack(f">{(len(words) + 1) // 2}H", bytes(words) + bytes(len(words) & 1)))
        while total >> 16:
            total = (total >> 16) + (total & 0xFFFF)
        data[36:38] = (total ^ 0xFFFF).to_bytes(2, "big")
        fill = sum(struct.unpack(">10H", data[:10] + bytes(2) + data[12:20]))
        while fill >> 16:
            fill = (fill >> 16) + (fill & 0xFFFF)
        data[10:12] = (fill ^ 0xFFFF).to_bytes(2, "big")  # the header's own
        lead = rng.randbytes(14)
        assert segment_right(lead + bytes(data), 14, 14 + size), size
        data[rng.randrange(20, size)] ^= 1 << rng.randrange(8)
        assert not segment_right(lead + bytes(data), 14, 14 + size), size


def test_narrow_rows_of_which_one_was_left_out_have_lost_no_bytes() -> None:
    """It is the row that is missing; where one of them is shorter than the others, it has lost some."""
    from test_dresses import CLIENT, told

    for step in (8, 12):
        rows = [b"%08x: %b\n" % (at, CLIENT[at : at + step].hex(" ").encode()) for at in range(0, len(CLIENT), step)]
        for left in range(2, len(rows) - 2):
            objects = told(b"".join(rows[:left] + rows[left + 1 :]))
            assert not [o for o in objects if o["kind"] == "finding" and o["code"] == "length-disagrees"], (step, left)
            holes = "".join(o["hex"] for o in objects if o["kind"] == "field").count("..")
            assert holes == step, (step, left)
        short = rows[2][:-4] + b"\n"
        objects = told(b"".join([*rows[:2], short, *rows[3:]]))
        assert [o for o in objects if o["kind"] == "finding" and o["code"] == "length-disagrees"], step


def test_a_narrow_row_without_a_text_behind_one_that_was_left_out_is_read() -> None:
    """Its offset is no multiple of 16, but one of its width."""
    from test_dresses import CLIENT, told

    for form in ("%04x: %s\n", "%08x  %s\n"):
        for blank in ("", " "):
            rows = [(form % (at, CLIENT[at : at + 8].hex(blank) if blank else CLIENT[at : at + 8].hex())).encode()
                    for at in range(0, len(CLIENT), 8)]
            objects = told(b"".join(rows[:4] + rows[5:]))
            assert "".join(o["hex"] for o in objects if o["kind"] == "field").count("..") == 8, (form, blank)
