"""samples/<story>.golden is a transcript: `$ hexnote <story>.txt`, then what that prints; more commands may follow.

`make bless` writes them anew. What a sample has to look like is decided by reading the difference.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import Callable, List

import pytest
from conftest import SAMPLES, Printed

STORIES = sorted(name[:-4] for name in os.listdir(SAMPLES) if name.endswith(".txt"))


def commands(story: str, golden: bytes) -> List[str]:
    """The commands of a transcript; for a new one, the plain annotation."""
    found = re.findall(rb"^\$ (hexnote .*)$", golden, re.M)
    return [c.decode() for c in found] or [f"hexnote {story}.txt"]


@pytest.mark.parametrize("story", STORIES)
def test_transcript(story: str, hexnote: Callable[..., Printed], in_samples: str, pytestconfig: pytest.Config) -> None:
    path = os.path.join(SAMPLES, story + ".golden")
    golden = b""
    if os.path.exists(path):
        with open(path, "rb") as file:
            golden = file.read()
    made = b""
    for command in commands(story, golden):
        printed = hexnote(*shlex.split(command)[1:])
        made += b"$ %s\n%s%s" % (command.encode(), printed.out, printed.err)
        if not made.endswith(b"\n"):
            made += b"\n"
    if pytestconfig.getoption("--bless"):
        with open(path, "wb") as file:
            file.write(made)
        return
    assert golden, f"samples/{story}.golden is missing: make bless"
    assert made.decode("utf-8", "replace").split("\n") == golden.decode("utf-8", "replace").split("\n")


def test_names_differ_by_more_than_case() -> None:
    names = [name.lower() for name in os.listdir(SAMPLES)]
    assert len(names) == len(set(names)) and all(name.isascii() for name in names)
