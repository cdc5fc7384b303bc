"""The quick ways of the text renderer print what the general one prints."""

from __future__ import annotations

import glob
import os
import random
from typing import Any, Dict, List, Optional, Tuple

import pytest
from conftest import SAMPLES, SHARED
from support import load, rooms

from hexnote import layers, messages, records, resources
from hexnote.dialogues import Dialogue
from hexnote.dumps import Reader
from hexnote.model import END, Part
from hexnote.pipeline import Annotator
from hexnote.render.text import Text
from hexnote.session import Session

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


def streams(path: str, monkeypatch: pytest.MonkeyPatch) -> List[Fed]:
    """What is read of each connection of a trace, in order."""
    found: Dict[int, Fed] = {}
    feed = records.Reader.feed

    def record(self: records.Reader, offset: int, data: Optional[bytes], length: int, parts: List[Part]) -> None:
        found.setdefault(self.stream, []).append((self.side, data, length))
        feed(self, offset, data, length, parts)

    monkeypatch.setattr(records.Reader, "feed", record)
    told(load(path)[:200_000], True)
    monkeypatch.undo()
    return list(found.values())


def damaged(fed: Fed, rng: random.Random) -> Fed:
    """The same in other pieces, with some bytes changed, some lost."""
    out: Fed = []
    for side, data, length in fed:
        while data and length and rng.random() < 0.3:
            at = rng.randrange(length)
            if rng.random() < 0.5:
                data = data[:at] + bytes((rng.choice((0, 1, 3, 20, 21, 22, 23, 255)),)) + data[at + 1 :]
            elif rng.random() < 0.9:
                out.append((side, data[:at], at))
                data, length = data[at:], length - at
            else:
                out.append((side, None, rng.randrange(1, 20)))
        out.append((side, data, length))
    return [each for each in out if each[2]]


def parts_of(fed: Fed, whole: List[bool]) -> List[Any]:
    """The parts that two readers make of it, all but the ends of records in clear."""
    made = rooms()
    dialogue = Dialogue(made.dialogues)
    session = Session(made.schema.key_exchange, made.lengths)
    session.whole = list(whole)
    both = [records.Reader(1, side, session, made.messages, False, dialogue) for side in (0, 1)]
    at, parts = [0, 0], []
    for side, data, length in fed:
        both[side].feed(at[side], data, length, parts)
        at[side] += length
    for reader in both:
        reader.close(parts)
    return [
        [value if isinstance(value, (int, str, bytes, list, tuple, type(None))) else values(value) for value in values(part)]
        for part in parts if part.kind != END or part.record is None or part.record.encrypted or part.record.missing
    ]


def values(noun: Any) -> List[Any]:
    """All that is set of a part, a record or a message; a buffer with holes by what it shows."""
    if not hasattr(noun, "__slots__") or hasattr(noun, "hex"):
        return [noun.hex(0, len(noun))]
    found = [getattr(noun, slot, None) for slot in noun.__slots__]
    return [tuple(value) if isinstance(value, list) else value for value in found]


@pytest.mark.parametrize("path", PATHS, ids=os.path.basename)
def test_records_that_came_whole_are_read_as_others(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(os.path.basename(path))
    for fed in streams(path, monkeypatch)[:20]:
        for count in range(12):
            pieces, whole = damaged(fed, rng) if count else fed, [rng.random() < 0.8, rng.random() < 0.8]
            told_quickly = parts_of(pieces, whole)
            with monkeypatch.context() as patch:
                patch.setattr(records, "QUICK", False)
                patch.setattr(messages, "QUICK", False)
                assert parts_of(pieces, whole) == told_quickly
