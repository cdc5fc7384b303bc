"""Lines that are too long to be held: read in pieces where they are a stream's bytes, else told and passed on."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from time import process_time
from typing import Callable, Dict, Tuple

import pytest
from conftest import ROOT
from handshakes import client_hello, record
from support import annotator
from test_dresses import CLIENT, bare, told
from test_dumps import GRAMMARS, blocks_of, measure, read

from hexnote import api, headless
from hexnote.drafts import LONG
from hexnote.dumps import Reader
from hexnote.pipeline import Annotator
from hexnote.render.text import Text
from hexnote.strip import strip


def stream(size: int) -> bytes:
    """`size` bytes of a client: a hello, then records of data."""
    out = bytearray(CLIENT)
    while len(out) < size:
        body = min(16384, max(size - len(out) - 5, 1))
        out += b"\x17\3\3" + body.to_bytes(2, "big") + bytes(n * 7 % 251 for n in range(body))
    return bytes(out[:size])


WAYS: Dict[str, Tuple[int, Callable[[bytes], bytes]]] = {  # characters of a byte, the line
    "digits": (2, lambda data: data.hex().encode()),
    "capitals": (2, lambda data: data.hex().upper().encode()),
    "the server's side": (2, lambda data: b"\t" + data.hex().encode()),
    "array": (6, lambda data: b"unsigned char peer0_0[] = { /* Packet 4 */ " + b", ".join(b"0x%02x" % c for c in data) + b" };"),
    "array without blanks": (5, lambda data: b"{" + b",".join(b"0x%02X" % c for c in data) + b"}"),
    "escaped": (4, lambda data: b'data = b"' + b"".join(b"\\x%02x" % c for c in data) + b'"'),
    "blanks": (3, lambda data: data.hex(" ").encode()),
    "colons": (3, lambda data: b"    " + data.hex(":").encode()),
    "quoted": (2, lambda data: b"my $hello = pack('H*', '" + data.hex().encode() + b"');"),
}


def annotate(text: bytes, step: int = 0) -> bytes:
    annotator = Annotator(Text())
    annotator.begin("-")
    step = step or len(text)
    return b"".join(annotator.feed(text[at : at + step]) for at in range(0, len(text), step)) + annotator.close()


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("size", [LONG // 8, LONG - 400, LONG + 400, 3 * LONG])
def test_every_byte_of_a_long_line_is_read(way: str, size: int) -> None:
    width, make = WAYS[way]
    data = stream(size // width)
    text = b"so:\n" + make(data) + b"\r\nand then\n"
    got = read(text)
    assert b"".join(item.text for item in got) == text
    assert b"".join(block.data[block.fresh - block.offset :] for block in blocks_of(got)) == data
    assert all(block.payload and block.line == 2 for block in blocks_of(got)) and got[-1].line == 3
    for block in blocks_of(got):
        for row in block.rows or ():
            digits = b"".join(block.text[row.start + col : row.start + col + 2] for col in row.layout.cols)
            assert bytes.fromhex(digits.decode()) == block.data[row.offset - block.offset :][: row.size]


@pytest.mark.parametrize("way", sorted(WAYS))
def test_how_the_input_is_cut_does_not_matter(way: str) -> None:
    width, make = WAYS[way]
    line = make(stream((LONG + 2500) // width))
    for text in (b"so:\n" + line + b"\nend\n", line, line + b"\n" + line + b"\n" + line[: len(line) // 2]):
        noted = annotate(text)
        assert noted.count(b"client_hello") and strip(noted) == text and annotate(noted) == noted
        assert line + b"\n" in noted  # no note stands within the line
        for step in (1, 4093, LONG - 1, LONG, LONG + 1):
            assert annotate(text, step) == noted


def test_a_long_line_tells_what_short_ones_tell() -> None:
    data = stream(2 * LONG)
    short = b"".join(data[at : at + 16000].hex().encode() + b"\n" for at in range(0, len(data), 16000))
    assert bare(told(data.hex().encode())) == bare(told(short))


def test_two_sides() -> None:
    """Follow as raw: the second end's lines are indented; a short line may go on behind a long one."""
    data = stream(LONG)
    text = data.hex().encode() + b"\n\t" + b"\x15\3\3\0\2\2\x28".hex().encode() + b"\n" + b"\x15\3\3\0\2\1\0".hex().encode() + b"\n"
    records = [(o["from"], o["type"]) for o in told(text) if o["kind"] == "record"]
    assert records[-2:] == [("server", 21), ("client", 21)] and {sender for sender, _ in records[:-2]} == {"client"}


@pytest.mark.parametrize("line, why", [
    (b"prose, " * LONG, ""),
    (b'{"a": "' + b"and more of it " * LONG + b'"}', ""),
    (b"4500 0034 " * LONG, "more than"),
    (bytes(range(256)).hex().encode() * 400, "begin no TLS stream"),
    (b", ".join([b"0x41"] * LONG), "begin no TLS stream"),
    (stream(LONG).hex().encode() + b"a", "end in what is none"),
    (stream(LONG).hex().encode() + b"zz", "end in what is none"),
    (b'"' + stream(LONG).hex().encode() + b'", "' + stream(LONG).hex().encode() + b'"', "behind its first bytes"),
])
def test_what_is_not_read_is_told(line: bytes, why: str) -> None:
    for step in (len(line), 30000):
        reader = Reader(GRAMMARS, measure)
        text = line + b"\nnext\n"
        items = [item for at in range(0, len(text), step) for item in reader.feed(text[at : at + step])] + list(reader.close())
        assert b"".join(item.text for item in items) == text and items[-1].line == 2
        found = reader.unreadable
        assert [(first, last) for first, last, _ in found] == [(1, 1)] * bool(why) and all(why in reason for _, _, reason in found)


def test_notes_that_wait_for_the_end_of_a_line_are_bounded() -> None:
    """Many small records in one line: what is known of them is not kept for ever, and that is said."""
    text = CLIENT.hex().encode() + b"1503030002015a" * 12000 + b"\n"
    noted = annotate(text)
    assert b"more notes on this line are left out" in noted and len(noted) < len(text) + (3 << 20)
    assert strip(noted) == text
    alerts = [o for o in told(text) if o["kind"] == "field" and o["path"] == "alert.description"]
    assert len(alerts) == 12000  # JSON has no lines to wait for


@pytest.mark.parametrize("line", [stream(1 << 19).hex().encode(), b"prose and " * (1 << 17), b"ab" * (1 << 19)])
def test_time_and_memory_grow_no_faster_than_the_line(line: bytes) -> None:
    def cost(count: int) -> Tuple[float, int]:
        annotator = Annotator(Text())
        annotator.begin("-")
        whole = line if count == 1 else line * count
        began = process_time()
        tracemalloc.start()
        for at in range(0, len(whole), LONG):
            annotator.feed(whole[at : at + LONG])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        annotator.close()
        return process_time() - began, peak

    cost(1)
    (one, small), (eight, large) = cost(1), cost(8)
    assert eight < 20 * one + 0.5
    assert large < small + (2 << 20)


def test_other_outputs() -> None:
    report = api.annotate(b"so:\n" + stream(LONG).hex().encode() + b"\n")
    for kind in ("markdown", "html", "pcapng", "summary"):
        assert api.render(report, kind)


def test_redaction_replaces_what_a_long_line_shows() -> None:
    line = stream(LONG).hex().encode()
    command = [sys.executable, "-m", "hexnote", "--redact"]
    out = subprocess.run(command, input=line + b"\n", capture_output=True, check=True, cwd=ROOT).stdout
    assert len(out) == len(line) + 1 and b"beef cafe.x".hex().encode() in line
    assert b"beef cafe.x".hex().encode() not in out and line[100_000:] not in out


def test_streams_without_headers_are_told_before_the_end_where_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hello of another random begins a stream of its own, and no bytes can go on with those before the last one."""
    monkeypatch.setattr(headless, "OPEN", 16)
    reader = annotator(Text())
    said = b""
    for number in range(60):
        hello = record(22, client_hello().replace(bytes(range(32)), bytes((number,)) * 32))
        said += reader.feed(b"so:\n" + hello.hex().encode() + b"\n")
        assert len(reader.trace.headless.fragments) <= 16
    assert said.count(b"verdict on connection") >= 40 and (said + reader.close()).count(b"verdict on connection") == 60
