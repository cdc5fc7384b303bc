"""Annotations are taken out again: nothing else changes, however the text is cut."""

from __future__ import annotations

from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexnote.strip import Stripper, strip

# Bytes that matter to line ends and markers come often.
TEXTS = st.lists(st.sampled_from([b";", b"|", b";|", b"\n", b"\r", b"\r\n", b"a", b"\n;|", b"\0"])).map(b"".join)


def plainly(text: bytes) -> bytes:
    """The rule, without any thought for speed or streams."""
    *lines, last = text.split(b"\n")
    kept = [line for line in lines if not line.startswith(b";|")]
    if last.startswith(b";|"):
        return b"\n".join(kept)
    return b"".join(line + b"\n" for line in kept) + last


def in_pieces(text: bytes, sizes: List[int], hold: bool) -> bytes:
    stripper = Stripper(hold)
    made, at = b"", 0
    for size in sizes:
        made += stripper.feed(text[at : at + size])
        at += size
    made += stripper.feed(text[at:])
    made += stripper.close()
    if stripper.cut:
        assert not hold and made.endswith(b"\n")
        made = made[:-1]
    return made


@pytest.mark.parametrize(
    "text, bare",
    [
        (b"", b""),
        (b"a\nb\n", b"a\nb\n"),
        (b"a\nb", b"a\nb"),
        (b"a\n;| x\nb\n;| y\n", b"a\nb\n"),
        (b"a\n;| x\nb\n;| y", b"a\nb"),
        (b"a\n;| x\n;| y\n;| z", b"a"),
        (b";| x", b""),
        (b";| x\n", b""),
        (b"\n;| x", b""),
        (b"\n\n;| x", b"\n"),
        (b"a\r\n;| x\nb\r\n", b"a\r\nb\r\n"),
        (b"a\r;| x\n", b"a\r;| x\n"),
        (b" ;| x\n", b" ;| x\n"),
        (b"a\n;", b"a\n;"),
        (b"a\n;|", b"a"),
    ],
)
def test_examples(text: bytes, bare: bytes) -> None:
    assert strip(text) == bare == plainly(text)


@given(TEXTS)
def test_the_rule(text: bytes) -> None:
    assert strip(text) == plainly(text)


@given(TEXTS)
def test_twice_is_once(text: bytes) -> None:
    assert strip(strip(text)) == strip(text)


@given(TEXTS, st.lists(st.integers(0, 5)), st.booleans())
def test_cuts_do_not_matter(text: bytes, sizes: List[int], hold: bool) -> None:
    assert in_pieces(text, sizes, hold) == strip(text)


@given(st.binary())
def test_text_without_markers_is_untouched(text: bytes) -> None:
    if not text.startswith(b";|") and b"\n;|" not in text:
        assert strip(text) == text


def test_nothing_waits_where_nothing_is_held() -> None:
    stripper = Stripper(hold=False)
    assert stripper.feed(b"a row\n") == b"a row\n"
    assert stripper.feed(b";| a note\n") == b""
    assert stripper.feed(b"another\n") == b"another\n"


def test_many_lines_in_one_chunk() -> None:
    text = b"".join(b"row %d\n;| note\n;| note\n" % i for i in range(20000))
    assert strip(text) == b"".join(b"row %d\n" % i for i in range(20000))
