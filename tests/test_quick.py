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


def parts_of(fed: Fed, whole: List[bool], unseal: bool, taken: Optional[List[int]] = None) -> List[Any]:
    """The parts that two readers make of it, all but the ends of records in clear; what came whole as a body and an end. `taken`:
    what is `sealed` is taken so, and noted there."""
    made = rooms()
    dialogue = Dialogue(made.dialogues)
    session = Session(made.schema.key_exchange, made.lengths)
    session.whole = list(whole)
    if unseal:
        session.unseal = lambda reader: Opened(reader, reader.session, made.messages, False)
    both = [records.Reader(1, side, session, made.messages, False, dialogue) for side in (0, 1)]
    at, parts = [0, 0], []
    for side, data, length in fed:
        sealed = both[side].sealed(at[side], data) if taken is not None and data is not None and both[side].fed else None
        if sealed is not None and taken is not None:
            both[side].takes(sealed)
            parts += sealed
            taken.append(sealed[0].kind * 10 + sealed[1].kind)
        else:
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


def connection(rng: random.Random) -> Fed:
    """Records behind a handshake, most of them application data, cut into pieces."""
    suite = rng.choice((0xC02F, 0x002F, 0x0005, 0x1301, 0x0002))
    sides = rng.choice(((0, 1), (1, 0)))
    sent: List[Tuple[int, bytes]] = [(0, record(22, client_hello())), (1, record(22, server_hello(suite)))]
    for side in sides:
        sent.append((side, record(20, b"\1") + (record(22, rng.randbytes(40)) if suite != 0x1301 else b"")))
        sent += [(side, record(23, rng.randbytes(40))) for _ in range(rng.choice((0, 0, 0, 2)))]
    for _ in range(rng.randrange(2, 40)):
        kind = rng.choice((23, 23, 23, 23, 23, 21, 22, 24, 20))
        body = rng.randbytes(rng.choice((1, 2, 16, 24, 32, 40, 40, 300, 500)))
        if kind in (20, 22) and rng.random() < 0.4:
            body = b"\1" if kind == 20 else client_hello()[: rng.choice((20, 1000))]
        data = record(kind, body, rng.choice((0x0303, 0x0303, 0x0303, 0x0303, 0x0303, 0x0301)))
        if rng.random() < 0.2:
            data += record(23, rng.randbytes(40))
        elif rng.random() < 0.03:
            data = b"\x17\3\3" + record(23, bytes(0x1703 - 3))  # the second one's type is the first one's length
        sent.append((sides[rng.random() < 0.3], data))
        if rng.random() < 0.05:
            sent += [(sides[0], record(*each)) for each in ((20, b"\1"), (23, bytes(40)), (22, bytes(40)))]
    out: Fed = []
    for side, data in sent:
        if data[3:4] == b"\x17":
            cuts = [3, 3 + 5 + 0x1703 - 3]
        else:
            cuts = sorted({rng.randrange(len(data)) for _ in range(rng.choice((0, 0, 0, 1, 1, 2)))} - {0})
        for lo, hi in zip([0, *cuts], [*cuts, len(data)]):
            if lo < hi:
                out.append((side, None if len(out) > 8 and rng.random() < 0.01 else data[lo:hi], hi - lo))
    return out


def test_sealed_records_are_read_as_others() -> None:
    rng = random.Random(1)
    taken: List[int] = []
    for number in range(600):
        fed = connection(rng) if number % 3 else pieces(rng)
        whole, unseal = [rng.random() < 0.8, rng.random() < 0.8], rng.random() < 0.8
        assert parts_of(fed, whole, unseal, taken) == parts_of(fed, whole, unseal), (whole, unseal, fed)
    assert {kinds: taken.count(kinds) > 100 for kinds in taken} == {8: True, 1: True, 13: True}  # whole ones, beginnings, rests


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
