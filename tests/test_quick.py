"""The quick ways of the text renderer print what the general one prints."""

from __future__ import annotations

import glob
import os

import pytest
from conftest import SAMPLES, SHARED
from support import load

from hexnote import layers, resources
from hexnote.dumps import Reader
from hexnote.pipeline import Annotator
from hexnote.render.text import Text

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
