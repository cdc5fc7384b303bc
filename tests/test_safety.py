"""Nothing from a trace moves a terminal's cursor, colours it or turns its reading direction."""

from __future__ import annotations

import re
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexnote.model import host
from hexnote.safety import Screen, printable

HARM = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
BITS = [b"\x1b[31m", "\u202e".encode(), b"\n", b"\t", b";|", b";", b"a", "\u00e9".encode(), b"\xc3", b"\x9b", b"\r"]
PIECES = st.lists(st.sampled_from(BITS)).map(b"".join)


def show(text: bytes, cuts: List[int], encoding: str = "utf-8") -> bytes:
    screen, made, at = Screen(encoding), b"", 0
    for cut in cuts:
        made += screen.feed(text[at : at + cut])
        at += cut
    return made + screen.feed(text[at:]) + screen.close()


def test_signs_take_one_column() -> None:
    assert show(b"a\x1b[31mb\x00\x7f\r\n", []).decode() == "a\u241b[31mb\u2400\u2421\u240d\n"
    assert show("x\u202ey\u009bz\t\n".encode(), []).decode() == "x\ufffdy\ufffdz\t\n"


def test_annotations_keep_their_colours() -> None:
    assert show(b"row\x1b\n;|\x1b[36m ^^\x1b[0m\n", []) == "row\u241b\n".encode() + b";|\x1b[36m ^^\x1b[0m\n"


def test_words_in_any_script_stay() -> None:
    text = "Zürich Ελλάδα 東京 عربي\n".encode()
    assert show(text, []) == text
    assert show(text, [], "ascii").isascii()


@given(PIECES)
def test_nothing_harmful_is_left(text: bytes) -> None:
    shown = b"".join(line for line in show(text, []).split(b"\n") if not line.startswith(b";|"))
    assert not HARM.search(shown.decode("utf-8"))


@given(PIECES, st.lists(st.integers(0, 4)))
def test_cuts_do_not_matter(text: bytes, cuts: List[int]) -> None:
    assert show(text, cuts) == show(text, [])


@given(st.text())
def test_sentences_are_one_line(text: str) -> None:
    assert not HARM.search(printable(text)) and "\n" not in printable(text) and "\t" not in printable(text)


@pytest.mark.parametrize(
    "name", [b"a.example\n", b"a.example\r", b"-a", b"a b", b"a;b", b"a\x1b[0m", b"", b"a" * 256, b"\xc3\xa4.example"]
)
def test_no_server_name_leaves_the_command_it_stands_in(name: bytes) -> None:
    assert host(name) == ""
    assert host(b"a-1.example") == "a-1.example"
