"""Labels: where they stand beside their carets, and where their values are cut."""

from __future__ import annotations

import re

import pytest
from support import annotator, sample

from hexnote.asn1 import colons, hexes, quote
from hexnote.notes import quoted
from hexnote.render.carets import own_carets, own_row
from hexnote.render.lines import Lines
from hexnote.render.text import Text
from hexnote.render.words import opaque_label, unfinished
from hexnote.schema_nodes import Node


@pytest.mark.parametrize(("size", "said"), [
    (72, '"' + "a" * 72 + '"'),  # what is left out would be as short as what says so
    (73, '"' + "a" * 60 + '"...'),
])  # fmt: skip
def test_text_is_not_cut_for_a_few_signs(size: int, said: str) -> None:
    assert quoted(b"a" * size) == said
    assert quote("a" * size) == said.replace('"...', '..."')


def test_names_are_cut_behind_a_word() -> None:
    name = "a-rather-long-label.of-a-host.in-a-domain.with-many-parts.example.the-rest-of-it.is-left-out"
    assert quoted(name.encode()) == '"a-rather-long-label.of-a-host.in-a-domain.with-many-parts."...'
    assert quote(name) == '"a-rather-long-label.of-a-host.in-a-domain.with-many-parts...."'
    assert unfinished('subject CN = "www.harbour.examp"', 19) == 'subject CN = "www.harbour." ... (19 bytes)'
    assert unfinished('O = "Harbour Test Wor"', 18) == 'O = "Harbour Test" ... (18 bytes)'
    assert unfinished('O = "Harbou"', 7) == 'O = "Harbou" ... (7 bytes)'


def test_digits_are_not_cut_for_a_few() -> None:
    node = Node("random")
    assert opaque_label(node, "x", 10, bytes(10)) == f"x, 10 bytes: {'00' * 10}"
    assert opaque_label(node, "x", 11, bytes(11)) == f"x, 11 bytes: {'00' * 8}..."
    assert hexes(bytes(22)).count("0") == 44 and hexes(bytes(23)).endswith(" ...")
    assert colons(bytes(34)).count("00") == 34 and colons(bytes(35)).endswith(":...")


def test_a_label_stands_before_its_carets_where_there_is_no_room_behind() -> None:
    lines = Lines(80, None)
    own = lines._own
    assert lines._beside(own, 0, 2, "behind", 0).startswith(";|           ^^^^  ")
    assert lines._beside(own, 14, 16, "a label of thirty columns here", 0) == f";|{'a label of thirty columns here':>44}  ^^^^\n"
    under = lines._beside(own, 4, 6, "a label that is too long for the columns on either side of it", 0)
    assert under.count("\n") == 2 and under.index("^") < under.index("a label")


@pytest.mark.parametrize("width", [40, 45, 51, 52, 80, 100, 140])
@pytest.mark.parametrize("name", ["tls12-ecdhe.txt", "server-auth.txt"])
def test_no_note_is_wider_than_asked(name: str, width: int) -> None:
    reader = annotator(Text(width))
    said = (reader.feed(sample(name)) + reader.close()).decode()
    assert max(len(line.expandtabs(8)) for line in said.split("\n") if line.startswith(";|")) <= width


@pytest.mark.parametrize("width", [40, 60])
@pytest.mark.parametrize("at", [0x30, 0xFFF0, 0x12340, 0x123450, 0x1234560, 0x12345670, 0x123456780])
def test_carets_stand_under_bytes_shown_again_whatever_their_offset(width: int, at: int) -> None:
    line = own_row(at, at, bytes(range(0xA0, 0xB0)), 0, width)
    assert len(line) - 1 <= width
    for column, byte in zip(own_carets(width).cols, range(0xA0, 0xB0)):
        assert line[column : column + 2] == f"{byte:02x}"


def test_text_that_no_row_shows_is_kept_on_a_narrow_screen() -> None:
    assert own_row(0, 0, b"GET /\0", 0, 40, texted=True) == ";| 0000 474554202f00\n;|      G E T . / .\n"


@pytest.mark.parametrize("width", [60, 69, 70, 100])
def test_bytes_shown_again_fit_where_their_carets_do(width: int) -> None:
    """Where the text beside them would be wrapped they have none: it stands in the row itself."""
    reader = annotator(Text(width))
    made = (reader.feed(sample("out-of-order.txt")) + reader.close()).decode().split("\n")
    rows = [line for line in made if re.match(r";\|  0x[0-9a-f]{4}:  ", line)]
    assert max(map(len, rows)) <= width and any(len(line) == 70 for line in rows) == (width >= 70)
