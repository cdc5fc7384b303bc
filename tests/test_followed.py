"""Both directions of a connection, each with its own offsets, as "Follow stream" shows them: any row may have been left out."""

from __future__ import annotations

from typing import Dict, List, Tuple

import pytest
from handshakes import CLIENT, SERVER, message, record
from support import annotate, hexes, objects, strip, untiled

DATA = record(23, bytes(range(27)))  # 32 bytes: the rows below begin where the records do
# What the two ends say in turn, and how many bytes of it each time.
SAID = (
    (CLIENT, record(22, message(1, b"\3\3" + bytes(range(32)) + b"\0\0\2\0\x2f\1\0"))),
    (SERVER, record(22, message(2, b"\3\3" + bytes(range(32)) + b"\0\0\x2f\0") + message(14, b""))),
    (CLIENT, DATA * 3),
    (SERVER, DATA * 2 + record(21, b"\1\0")),
    (CLIENT, DATA),
)  # fmt: skip

Row = Tuple[int, int, bytes]  # side, offset, bytes


def rows() -> List[Row]:
    """The dump, row by row."""
    made: List[Row] = []
    reached = [0, 0]
    for side, data in SAID:
        for at in range(0, len(data), 16):
            made.append((side, reached[side] + at, data[at : at + 16]))
        reached[side] += len(data)
    return made


def line(row: Row) -> bytes:
    """A row as Wireshark writes it: the server's are indented."""
    side, offset, data = row
    digits = b"  ".join(b" ".join(b"%02x" % byte for byte in data[at : at + 8]) for at in (0, 8) if data[at:])
    shown = bytes(byte if 32 <= byte < 127 else 46 for byte in data)
    return b"%b%08x  %-48b   %b %b\n" % (b"\t" if side == SERVER else b"", offset, digits, shown[:8], shown[8:])


def pairs() -> List[Tuple[int, ...]]:
    """Numbers of rows to leave out: each, and each with the next one."""
    count = len(rows())
    return [(at,) for at in range(count)] + [(at, at + 1) for at in range(count - 1)]


@pytest.mark.parametrize("out", pairs(), ids=str)
def test_rows_left_out(out: Tuple[int, ...]) -> None:
    """Every field is told at the bytes that it is of, and what is left out moves nothing that stands behind it."""
    left = [row for at, row in enumerate(rows()) if at not in out]
    text = b"".join(map(line, left))
    assert strip(annotate(text)) == text
    shown: Dict[Tuple[str, int], int] = {}
    for side, offset, data in left:
        shown.update({(("client", "server")[side], offset + at): byte for at, byte in enumerate(data)})
    found = objects(text)
    assert untiled(found) == []
    fields = [each for each in found if each["kind"] == "field" and each["at"]]
    for field in fields:
        there = [f"{shown[field['from'], at]:02x}" for _, start, end in field["at"] for at in range(start, end)]
        assert there == [byte for byte in hexes(field) if byte != ".."], field
    assert fields


def test_what_began_in_rows_that_were_left_out_began_in_this_packet() -> None:
    """No other packet had it."""
    text = b"".join(line(row) for row in rows() if (row[0], row[1]) != (CLIENT, 16))
    made = annotate(text)
    assert b"begun earlier in this packet" in made and b"begun in an earlier packet" not in made
