"""Messages that are too long, or in too many pieces, to be kept: stepped over, every byte still in a leaf, memory bounded."""

from __future__ import annotations

import pytest
from handshakes import CLIENT, dump, message, record, vector
from hostile import carried
from support import annotate, objects, of, strip, untiled

from hexnote import assembly

PIECES, CAP = 300, 40_000


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less is kept than usual: shorter texts show the same."""
    monkeypatch.setattr(assembly, "PIECES", PIECES)
    monkeypatch.setattr(assembly, "MESSAGE_CAP", CAP)


def text(size: int, piece: int) -> bytes:
    """A certificate message of about `size` bytes in records of `piece` bytes, and a whole message behind it."""
    body = message(11, vector(3, vector(3, bytes(size))))
    stream = b"".join(record(22, body[at : at + piece]) for at in range(0, len(body), piece))
    return dump(list(carried(stream + record(22, message(14, b"")), CLIENT)))


@pytest.mark.parametrize(("size", "piece"), [
    (PIECES + 90, 1), (PIECES * 3 + 17, 2), (CAP + 100, 16384), (CAP + 100, 70), (PIECES - 10, 1), (PIECES - 9, 1),
])  # fmt: skip
def test_every_byte_has_a_leaf(size: int, piece: int) -> None:
    found = objects(text(size, piece))
    assert not untiled(found)
    assert [each["name"] for each in of(found, "message")] == ["certificate", "server_hello_done"]
    stepped = size > CAP or size + 10 > PIECES * piece
    assert any("skipped" in each["path"] for each in of(found, "field")) == stepped


def test_the_text_says_so_and_strips() -> None:
    made = text(PIECES + 40, 1)
    out = annotate(made)
    assert strip(out) == made
    assert out.count(b"stepped over") > 40


def test_a_hole_ends_the_stepping_over() -> None:
    """Where step is lost nobody knows how much of the message is to come: what is read behind the hole is read."""
    body = message(11, vector(3, vector(3, bytes(PIECES * 4))))
    stream = b"".join(record(22, body[at : at + 1]) for at in range(len(body)))
    behind = record(22, message(14, b"")) * 3
    sent = list(carried(stream + behind, CLIENT))
    lost = len(sent) - 2  # a segment in the midst of what is stepped over: the last but one
    found = objects(dump([*sent[:lost], *sent[lost + 1 :]]))
    assert not untiled(found)
    assert "server_hello_done" in [each["name"] for each in of(found, "message")]
