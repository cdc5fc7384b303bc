"""Where a record should begin and none does: that is told, and reading goes on at the next plausible record."""

from __future__ import annotations

from typing import Any, List, Tuple

import pytest
from handshakes import CLIENT, HANDSHAKE, SERVER, Wire, client_hello, dump, message, record, server_hello
from support import annotate, objects, of, strip, untiled

HELLO = record(HANDSHAKE, server_hello())
DATA = record(23, bytes(40))
ALERT = record(21, b"\2\x28")


def trace(*pieces: bytes, size: int = 1000) -> bytes:
    wire = Wire()
    wire.open()
    wire.send(CLIENT, record(HANDSHAKE, client_hello()), 0)
    stream = b"".join(pieces)
    for at in range(0, len(stream), size):
        wire.send(SERVER, stream[at : at + size], at)
    return dump(wire.packets)


def broken(text: bytes) -> Tuple[List[Any], List[Any]]:
    """(the server's records by offset and type, the findings that a format is broken)."""
    found = objects(text)
    assert not untiled(found)
    records = [(o["offset"], o["type"]) for o in of(found, "record") if o["from"] == "server"]
    return records, [o for o in of(found, "finding") if o["code"] in ("malformed", "oversize-record")]


@pytest.mark.parametrize("size", [1000, 50, 7])
@pytest.mark.parametrize(
    "nonsense, words",
    [
        (b"\xde\xad\xbe\xef" * 5, "content type 222"),
        (b"\x63" + DATA[1:], "content type 99"),
        (b"\x19" + DATA[1:], "content type 25"),
        (b"\x17\x09\x09" + DATA[3:], "version 9.9"),
        (b"\x17\x03\x03\xff\xff" + bytes(50), "65535 bytes"),
    ],
    ids=["junk", "type", "type of another protocol", "version", "length"],
)
def test_nonsense_between_records(nonsense: bytes, words: str, size: int) -> None:
    text = trace(HELLO, nonsense, DATA, DATA, ALERT, size=size)
    records, findings = broken(text)
    at = len(HELLO) + len(nonsense)
    if size == 1000:
        assert records == [(0, 22), (at, 23), (at + 45, 23), (at + 90, 21)]
    else:
        # In small pieces a header is believed where the next one is in sight.
        assert records[0] == (0, 22) and set(records) <= {(0, 22), (at, 23), (at + 45, 23), (at + 90, 21)}
    assert len([f for f in findings if words in f["text"]]) == 1
    assert findings[0]["by"] == "server" and findings[0]["at"]
    assert strip(annotate(text)) == text


@pytest.mark.parametrize("piece", [DATA, ALERT, record(22, b"", 0x0301), record(20, b"\1"), record(24, b"\1\0\1a" + bytes(16))])
def test_a_record_that_makes_sense_is_none(piece: bytes) -> None:
    """The near miss: the least and the oddest of what a record may be."""
    _, findings = broken(trace(HELLO, piece, ALERT))
    assert findings == []


def test_what_never_was_tls_is_no_broken_record() -> None:
    _, findings = broken(trace(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert findings == []


def test_behind_a_hole_nothing_is_said_to_be_broken() -> None:
    """The header may lie in the bytes that are missing."""
    wire = Wire()
    wire.open()
    wire.send(CLIENT, record(HANDSHAKE, client_hello()), 0)
    wire.send(SERVER, HELLO, 0)
    at = len(HELLO)
    wire.send(SERVER, bytes(60) + DATA + DATA, at + 100)
    _, findings = broken(dump(wire.packets))
    assert findings == []


@pytest.mark.parametrize("first", [16000, 3])
def test_a_message_that_is_too_long_to_keep_is_stepped_over(first: int) -> None:
    """Its header is told, in whatever pieces it came; what follows is read."""
    long = message(11, bytes(1 << 20) + b"abcd")
    cut = [0, *range(first, len(long), 16000), len(long)]
    stream = HELLO + b"".join(record(HANDSHAKE, long[lo:hi]) for lo, hi in zip(cut, cut[1:])) + record(HANDSHAKE, message(14, b""))
    found = objects(trace(stream, size=60_000))
    assert not untiled(found)
    assert [(o["type"], o["length"]) for o in of(found, "message") if o["from"] == "server"] == [(2, 81), (11, len(long)), (14, 4)]
    assert [o["value"] for o in of(found, "field") if o["path"] == "handshake.length" and o["from"] == "server"][1] == len(long) - 4


@pytest.mark.parametrize("over", [1, 2, 255])
@pytest.mark.parametrize("size", [60_000, 18_438, 1000])
def test_a_record_that_is_longer_than_any_may_be_and_ends_with_its_segment(over: int, size: int) -> None:
    """What is searched for a record's beginning must not find what is none: it was found again and again, for ever."""
    text = trace(HELLO, record(23, bytes((1 << 14) + 2048 + over)), size=size)
    records, findings = broken(text)
    assert records == [(0, HANDSHAKE)] and findings
    assert strip(annotate(text)) == text
