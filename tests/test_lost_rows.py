"""Rows without offsets of which some were left out: no byte is told as one that it is not."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

import pytest
from support import annotate, strip
from test_dresses import CLIENT, text_of, told

Make = Callable[[bytes], bytes]

# Two records behind the hello: what comes after it is read all the same.
STREAM = CLIENT + bytes.fromhex("140303000101") + bytes.fromhex("15030300020228")
FORMS: Dict[str, Tuple[int, bytes, Make, bytes]] = {
    "xxd -p": (30, b"", lambda row: row.hex().encode() + b"\n", b""),
    "xxd -i": (12, b"unsigned char hello[] = {\n",
               lambda row: b"  " + ", ".join(f"0x{c:02x}" for c in row).encode() + b",\n", b"};\n"),
    "a C string": (16, b"", lambda row: b'"' + "".join(f"\\x{c:02x}" for c in row).encode() + b'"\n', b""),
    "rows alone": (16, b"The hello:\n\n", lambda row: row.hex(" ").encode() + b"\n", b"\nWhat is wrong?\n"),
    "wolfSSL": (16, b"wolfSSL Entering SendBuffered\n", lambda row: f"\t{row.hex(' '):<48}| {text_of(row)}\n".encode(), b""),
    "gas": (8, b"", lambda row: b"    .byte " + ", ".join(f"0x{c:02x}" for c in row).encode() + b"\n", b""),
}


def lines(name: str, data: bytes) -> List[bytes]:
    width, head, make, tail = FORMS[name]
    return [head, *(make(data[at : at + width]) for at in range(0, len(data), width)), tail]


def fields(objects: List[Dict[str, Any]]) -> Dict[int, Dict[str, Any]]:
    return {o["offset"]: o for o in objects if o["kind"] == "field" and "buffer" not in o}


def wrong(objects: List[Dict[str, Any]], data: bytes) -> List[str]:
    """The paths of fields that say other bytes than stand there."""
    found = []
    for field in fields(objects).values():
        shown = [field["hex"][at : at + 2] for at in range(0, len(field["hex"]), 2)]
        there = [f"{c:02x}" for c in data[field["offset"] : field["offset"] + len(shown)]]
        found += [field["path"]] if any(one not in ("..", other) for one, other in zip(shown, there)) else []
    return found


@pytest.mark.parametrize("data", (CLIENT, STREAM), ids=("alone", "others behind it"))
@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_row_left_out_of_a_hello(name: str, data: bytes) -> None:
    width = FORMS[name][0]
    last = (len(CLIENT) - 1) // width + 1  # line of the row in which the hello ends
    for at in range(2, last):
        text = lines(name, data)
        del text[at]
        objects = told(b"".join(text))
        assert not wrong(objects, data), at
        missing = [o["missing"] for o in objects if o["kind"] == "record"]
        if not missing:  # too little of it is left to be known as TLS
            assert (name, at, data) == ("gas", 2, CLIENT)
            continue
        assert missing[0]
        assert strip(annotate(b"".join(text))) == b"".join(text)
        if data is STREAM:
            assert [o["type"] for o in objects if o["kind"] == "record"] == [22, 20, 21]
        # What is suggested is told as that, and nothing of it is laid to the client's charge.
        assert b"rows seem to be missing before this one" in annotate(b"".join(text))
        assert not [o for o in objects if o["kind"] == "finding" and o["code"] == "malformed"]


def test_rows_that_have_no_place_are_reported() -> None:
    text = lines("gas", CLIENT)
    del text[4]
    found = [o for o in told(b"".join(text)) if o["kind"] == "finding" and o["code"] == "unreadable-rows"]
    assert [o["lines"] for o in found] == [[2, 8]] and "seem to be missing" in found[0]["text"]


def test_two_rows_left_out() -> None:
    text = lines("gas", STREAM)
    del text[5], text[3]
    objects = told(b"".join(text))
    assert not wrong(objects, STREAM)
    assert fields(objects)[len(CLIENT)]["path"] == "record.type"


@pytest.mark.parametrize("name", sorted(FORMS))
def test_whole_dumps_and_such_as_end_early_lack_no_row(name: str) -> None:
    """A paste that was cut has a whole row at its end, or part of a record that no row's width fits."""
    whole = lines(name, STREAM)
    for text in (whole, whole[:4]):
        assert b"seem to be missing" not in annotate(b"".join(text))
    for size in range(40, 74):
        if (74 - size) % FORMS[name][0]:
            assert b"seem to be missing" not in annotate(b"".join(lines(name, CLIENT[:size]))), size


def test_a_segment_that_ends_within_a_record_lacks_no_row() -> None:
    """ngrep shows each one on its own: what the record lacks comes in the next one."""
    def segment(data: bytes, number: int) -> bytes:
        rows = [data[at : at + 16] for at in range(0, len(data), 16)]
        return b"T 192.0.2.1:43690 -> 192.0.2.2:443 [AP] #%d\n" % number + b"".join(
            f"  {row[:8].hex(' '):<24}    {row[8:].hex(' '):<24}    {text_of(row)}\n".encode() for row in rows) + b"\n"

    objects = told(segment(CLIENT[:42], 1) + segment(CLIENT[42:], 2))
    assert [o["missing"] for o in objects if o["kind"] == "record"] == [0]
    assert not wrong(objects, CLIENT)
