"""What the acceptance tests share: running hexnote in-process, and reading its two outputs back."""

from __future__ import annotations

import json
import os
import pathlib
import random
import re
import subprocess
import sys
from typing import Any, Dict, Iterable, Iterator, List, Tuple

import pytest
from conftest import ROOT, SAMPLES, SHARED

WHOLE = bool(os.environ.get("HEXNOTE_WHOLE"))  # everything, not a seeded sample of it

Object = Dict[str, Any]

# A dump row as tcpdump prints it since 2000: an offset, then groups of four digits.
ROW = re.compile(
    rb"[ \t]*0x([0-9a-f]{4,5}):?[ \t]+"
    rb"((?:[0-9a-f]{4} ){0,7}(?:[0-9a-f]{4}|[0-9a-f]{2}))(?:[ \t]|\r?\n|\Z)"
)


def have_shared() -> bool:
    """Whether the captures stand beside the project."""
    return os.path.isdir(os.path.join(SHARED, "corpus"))


def shared_path(*parts: str) -> str:
    """A path beside the project; skips the test where it is absent."""
    path = os.path.join(SHARED, *parts)
    if not os.path.exists(path):
        pytest.skip("the corpus is absent")
    return path


def environment(**more: str) -> Dict[str, str]:
    """That of a run of the command out of this tree, the quick ways on."""
    return {**{k: v for k, v in os.environ.items() if k != "HEXNOTE_SLOW"}, "PYTHONPATH": ROOT, **more}


def both_ways(trace: pathlib.Path, *options: str) -> bytes:
    """What the command says of a trace: the same with the quick ways on and off."""
    made = []
    for slow in ("", "1"):
        done = subprocess.run([sys.executable, "-m", "hexnote", *options, str(trace)], env=environment(HEXNOTE_SLOW=slow),
                              stdout=subprocess.PIPE, timeout=120, check=False)
        assert done.returncode in (0, 1)
        made.append(done.stdout)
    assert made[0] == made[1]
    return made[0]


def load(path: str) -> bytes:
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


def sample(name: str) -> bytes:
    """The bytes of one of the project's samples."""
    return load(os.path.join(SAMPLES, name))


_rooms: List[Any] = []  # formats and names, made once


def fresh(kind: str, alone: bool = False) -> Any:
    """An annotator: `kind` is "text" or "json". Its formats are shared with the others, unless it is to be `alone`."""
    from hexnote.render.json import Json
    from hexnote.render.text import Text

    return annotator(Text() if kind == "text" else Json(), alone)


def annotator(renderer: Any, alone: bool = False, settings: Any = None) -> Any:
    """The pipeline before a renderer."""
    from hexnote import pipeline

    own = pipeline.Rooms
    made = rooms()
    try:
        if not alone:
            pipeline.Rooms = lambda: made  # type: ignore[assignment,misc]
        return pipeline.Annotator(renderer, settings)
    finally:
        pipeline.Rooms = own  # type: ignore[misc]


def rooms() -> Any:
    """Formats, names and grammars, made once."""
    from hexnote import pipeline

    if not _rooms:
        _rooms.append(pipeline.Rooms())
    return _rooms[0]


def grammars() -> Dict[str, str]:
    """The grammars of the dump formats."""
    dumps: Dict[str, str] = rooms().dumps
    return dumps


def run(kind: str, pieces: Iterable[bytes], alone: bool = False) -> bytes:
    """The output for the input that comes in `pieces`."""
    annotator = fresh(kind, alone)
    annotator.begin("-")
    out = [annotator.feed(piece) for piece in pieces]
    out.append(annotator.close())
    return b"".join(out)


def collected(data: bytes, file: str = "-") -> Any:
    """The Report of a trace."""
    from hexnote.report import Collector

    collector = Collector()
    reader = annotator(collector)
    reader.begin(file)
    reader.feed(data)
    reader.close()
    return collector.reports[0]


def annotate(data: bytes) -> bytes:
    """The annotated text."""
    return run("text", [data])


def objects(data: bytes) -> List[Object]:
    """The JSON objects."""
    return [json.loads(line) for line in run("json", [data]).splitlines()]


def of(found: Iterable[Object], kind: str) -> List[Object]:
    """The objects of one kind."""
    return [o for o in found if o["kind"] == kind]


def strip(text: bytes) -> bytes:
    """The law of the contract, told once more: lines that begin with the marker go; where the last of them
    has no LF, the LF before the last block goes too."""
    lines = lf_lines(text)
    out = b"".join(line for line in lines if not line.startswith(b";|"))
    if lines and lines[-1].startswith(b";|") and not lines[-1].endswith(b"\n") and out.endswith(b"\n"):
        out = out[:-1]
    return out


def lf_lines(text: bytes) -> List[bytes]:
    """Lines with their LF; no other character ends a line."""
    lines = text.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def cut(data: bytes, rng: random.Random, pieces: int) -> List[bytes]:
    """`data` in at most `pieces` pieces, cut at random."""
    places = sorted({0, len(data), *(rng.randrange(len(data) + 1) for _ in range(pieces - 1))})
    return [data[lo:hi] for lo, hi in zip(places, places[1:])]


def rows(text: bytes) -> Iterator[Tuple[int, bytes]]:
    """The dump rows of a tcpdump -x or -X text, as (dump offset, bytes)."""
    for line in lf_lines(text):
        match = ROW.match(line)
        if match:
            digits = match.group(2).replace(b" ", b"")
            yield int(match.group(1), 16), bytes.fromhex(digits.decode("ascii"))


def dumped(text: bytes) -> List[Dict[int, int]]:
    """The packets of a plain tcpdump -x or -X text: dump offset to byte. A packet begins at its summary line."""
    found: List[Dict[int, int]] = []
    for line in lf_lines(text):
        match = ROW.match(line)
        if match is None:
            if line.strip():
                found.append({})
            continue
        start = int(match.group(1), 16)
        for i, byte in enumerate(bytes.fromhex(match.group(2).replace(b" ", b"").decode("ascii"))):
            found[-1][start + i] = byte
    return found


def hexes(field: Object) -> List[str]:
    """A field's hex as one string of two characters for each byte."""
    digits = field["hex"]
    return [digits[i : i + 2] for i in range(0, len(digits), 2)]


Piece = Tuple[int, int]  # stream offset, length


def pieces(field: Object, records: List[Object]) -> List[Piece]:
    """Where a field's own bytes lie: it runs on behind the headers of the records that it crosses.

    `records` are those of its direction, by offset; what begins in a handshake record goes on in handshake records."""
    out: List[Piece] = []
    at, left, kind = field["offset"], field["length"], None
    for record in records:
        lo, hi = record["offset"], record["offset"] + record["length"]
        if hi <= at or not left:
            continue
        if out and record["type"] != kind:
            continue
        if out:
            at = lo + 5
        elif lo > at:
            break
        kind = record["type"]
        take = min(left, hi - at)
        if take > 0:
            out.append((at, take))
            at += take
            left -= take
    if left:
        out.append((at, left))
    return out


def by_direction(found: Iterable[Object], kind: str) -> Dict[Tuple[Any, str], List[Object]]:
    """The objects of one kind for each (stream, from), by offset; bytes that are not of the stream are left out."""
    out: Dict[Tuple[Any, str], List[Object]] = {}
    for o in of(found, kind):
        if not o.get("buffer") and o["offset"] is not None:
            out.setdefault((o["stream"], o["from"]), []).append(o)
    for same in out.values():
        same.sort(key=lambda o: (o["offset"], o["length"]))
    return out


def stream_bytes(found: List[Object]) -> Dict[Tuple[Any, str], Dict[int, int]]:
    """Every captured byte that the leaves show: (stream, from) to stream offset to value."""
    out: Dict[Tuple[Any, str], Dict[int, int]] = {}
    records = by_direction(found, "record")
    for key, fields in by_direction(found, "field").items():
        known = out.setdefault(key, {})
        for field in fields:
            places = [p for at, size in pieces(field, records.get(key, [])) for p in range(at, at + size)]
            for place, digits in zip(places, hexes(field)):
                if digits != "..":
                    known[place] = int(digits, 16)
    return out


def untiled(found: List[Object]) -> List[str]:
    """What is wrong with the tiling: leaves that overlap, bytes of records that no leaf covers."""
    wrong: List[str] = []
    records, fields = by_direction(found, "record"), by_direction(found, "field")
    for key, of_side in records.items():
        cover: Dict[int, int] = {}
        for field in fields.get(key, []):
            for at, size in pieces(field, of_side):
                for place in range(at, at + size):
                    cover[place] = cover.get(place, 0) + 1
        twice = [place for place, times in cover.items() if times > 1]
        if twice:
            wrong.append(f"{key}: {len(twice)} bytes lie in two leaves, the first at {min(twice)}")
        for record in of_side:
            lo, hi = record["offset"], record["offset"] + record["length"]
            bare = [place for place in range(lo, hi) if place not in cover]
            if bare:
                wrong.append(f"{key}: record {lo}..{hi} has {len(bare)} bytes in no leaf, from {bare[0]}")
    return wrong
