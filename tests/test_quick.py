"""The quick ways of the text renderer print what the general one prints."""

from __future__ import annotations

import glob
import os
import random
from typing import Any, List, Optional, Tuple

import pytest
from conftest import SAMPLES, SHARED
from handshakes import certificate, certificate_message, client_hello, message, record, server_hello, vector
from support import load, rooms

from hexnote import layers, messages, records, resources
from hexnote.dialogues import Dialogue
from hexnote.dumps import Reader
from hexnote.model import BODY, END, WHOLE, Message, Part, Protection, Record, describe, remarks
from hexnote.pipeline import Annotator
from hexnote.plain import Opened
from hexnote.render.text import Text
from hexnote.render.words import wording_of
from hexnote.session import RETRY_RANDOM, Session
from hexnote.spans import Patchy

PATHS = sorted(glob.glob(os.path.join(SAMPLES, "*.txt"))) + sorted(glob.glob(os.path.join(SHARED, "corpus", "t*.X.txt")))[::4]


def told(text: bytes, quick: bool) -> bytes:
    annotator = Annotator(Text(quick=quick))
    annotator.begin("-")
    return annotator.feed(text) + annotator.close()


@pytest.mark.parametrize("path", PATHS, ids=os.path.basename)
def test_quick_and_general_way_agree(path: str) -> None:
    text = load(path)[:200_000]
    assert told(text, True) == told(text, False)


def test_times_are_read_alike() -> None:
    """The time of a summary line, read at a glance or in full."""
    grammars = {name: resources.text(f"dumps/{name}") for name in resources.listing("dumps")}
    reader = Reader(grammars, layers.measure)
    lines = {line for path in PATHS for line in load(path).splitlines(True) if b" > " in line}
    assert lines
    for line in sorted(lines):
        summary = reader.summary(line)
        assert reader.stamp(line) == (summary.time if summary is not None else None), line


Fed = List[Tuple[int, Optional[bytes], int]]  # (side, bytes or None for a hole, length)

# In clear, with a key exchange and a version or without.
MESSAGES = [
    client_hello(), client_hello(b"b.example"), server_hello(), server_hello(0x0002), server_hello(0xC02F), server_hello(0x1301),
    certificate_message(certificate()), message(14, b""), message(12, bytes(40)), message(16, vector(2, bytes(32))),
    message(16, b"\0\3abc"), message(0, b""), message(4, bytes(4) + vector(2, bytes(20))), message(20, bytes(12)),
    message(25, bytes(8)), message(99, b"?"), message(2, b"\3\3" + RETRY_RANDOM + b"\0\x13\1\0"),
    message(2, b"\3\3" + bytes(32) + b"\0\x13\1\0"),
]


def pieces(rng: random.Random) -> Fed:
    """Records of all kinds in an order that means nothing, cut into pieces."""
    out: Fed = []
    for _ in range(rng.randrange(1, 12)):
        side, data = rng.randrange(2), b""
        for _ in range(rng.randrange(1, 5)):
            version = rng.choice((0x0300, 0x0301, 0x0303, 0x0303, 0x0303, 0x0304, 0x0305))
            kind = rng.choice((20, 20, 21, 22, 22, 22, 22, 22, 22, 22, 23, 24, 25))
            body = rng.choice((b"", b"\1", b"\2\x28", rng.randbytes(16), rng.randbytes(40), rng.randbytes(rng.randrange(400))))
            if kind == 20 and rng.random() < 0.7:
                body = b"\1"
            elif kind == 22 and rng.random() < 0.9:
                body = b"".join(rng.choice(MESSAGES) for _ in range(rng.choice((1, 1, 1, 2))))
                if rng.random() < 0.2:
                    at = rng.randrange(len(body))
                    data += record(kind, body[:at], version)
                    body = body[at:]
            data += record(kind, body, version)
        if rng.random() < 0.1:
            data = bytes((rng.randrange(256),)) + data
        cuts = sorted(rng.randrange(len(data)) for _ in range(rng.choice((0, 0, 0, 1, 2))))
        for lo, hi in zip([0, *cuts], [*cuts, len(data)]):
            if lo < hi:
                out.append((side, None if rng.random() < 0.02 else data[lo:hi], hi - lo))
    return out


def parts_of(fed: Fed, whole: List[bool], unseal: bool) -> List[Any]:
    """The parts that two readers make of it, all but the ends of records in clear; what came whole as a body and an end."""
    made = rooms()
    dialogue = Dialogue(made.dialogues)
    session = Session(made.schema.key_exchange, made.lengths)
    session.whole = list(whole)
    if unseal:
        session.unseal = lambda reader: Opened(reader, reader.session, made.messages, False)
    both = [records.Reader(1, side, session, made.messages, False, dialogue) for side in (0, 1)]
    at, parts = [0, 0], []
    for side, data, length in fed:
        both[side].feed(at[side], data, length, parts)
        at[side] += length
    for reader in both:
        reader.close(parts)
    apart: List[Part] = []
    for part in parts:
        if part.kind == WHOLE:
            part.kind = BODY
            end = Part(END, part.side, part.record, [], part.record.offset, b"", part.hi, part.hi, False, True)
            apart += (part, end)
        elif part.kind != END or part.record is None or part.record.encrypted:
            apart.append(part)
    return [values(part) for part in apart]


def values(noun: Any) -> Any:
    """All that is set of a part, a record or a message."""
    if isinstance(noun, Patchy):
        return noun.hex(0, len(noun))
    if isinstance(noun, (list, tuple)):
        return tuple(values(each) for each in noun)
    if isinstance(noun, (Part, Record, Message)):
        return [values(getattr(noun, slot, None)) for slot in noun.__slots__ if slot != "places"]
    return noun


@pytest.mark.parametrize("seed", range(40))
def test_records_that_came_whole_are_read_as_others(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    for _ in range(50):
        fed, whole, unseal = pieces(rng), [rng.random() < 0.8, rng.random() < 0.8], rng.random() < 0.8
        quick = parts_of(fed, whole, unseal)
        with monkeypatch.context() as patch:
            patch.setattr(records, "QUICK", False)
            patch.setattr(messages, "QUICK", False)
            assert parts_of(fed, whole, unseal) == quick, (whole, unseal, fed)


@pytest.mark.parametrize("each", [
    Protection("AEAD", 0x0303, 8, 1, 16, 0, False, 16, True), Protection("TLS 1.3", 0x0304, 0, 1, 16, 1, False, 36, True),
    Protection("stream", 0x0301, 0, 1, 20, 0, False, 16), Protection("block", 0x0302, 16, 16, 20, 0, False, 16), None,
])  # fmt: skip
def test_records_that_differ_in_length_alone_have_one_wording(each: Optional[Protection]) -> None:
    def sized(size: int) -> Record:
        made = Record(0, 0, 1, 0, 5 + size, 23, 0x0303)
        made.encrypted, made.protection = True, () if each is None else (each,)
        return made

    first = sized(100)
    wording = wording_of(first, describe(first))
    assert (wording is None) == (each is not None and each.block > 1)
    for size in (*range(300), *range(16370, 16450)) if wording is not None else ():
        words = wording.of(size)
        assert not words or (words, remarks(first)) == (describe(sized(size)), remarks(sized(size)))
    assert wording is None or wording.of(200)
