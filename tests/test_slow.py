"""With the quick ways off (HEXNOTE_SLOW=1) every room goes its general way, and the output is the same bytes.

Over the samples, damaged pastes by seed, the whole corpus where it is there, and the beginning of the benchmark's
traces; HEXNOTE_WHOLE=1: all outputs of all of the corpus, thousands of pastes, all of M.
"""

from __future__ import annotations

import glob
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import pytest
from conftest import ROOT, SAMPLES, SHARED
from support import WHOLE, load

TESTS = os.path.dirname(os.path.abspath(__file__))
PASTES, BATCH = (4000, 1000) if WHOLE else (100, 100)
LONG = 70_000  # bytes of a capture of which two outputs take their time


def environment(slow: bool) -> Dict[str, str]:
    """The environment with the quick ways on or off: they are chosen when a process starts."""
    env = {k: v for k, v in os.environ.items() if k != "HEXNOTE_SLOW"}
    if slow:
        env["HEXNOTE_SLOW"] = "1"
    return env


def digests(slow: bool, *arguments: str) -> List[str]:
    """A line for each trace and output."""
    done = subprocess.run(
        [sys.executable, os.path.join(TESTS, "digests.py"), *arguments],
        cwd=ROOT, env=environment(slow), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def alike(*arguments: str) -> int:
    """Asserts that both ways give the same; how many outputs there were."""
    quick, slow = digests(False, *arguments), digests(True, *arguments)
    assert len(quick) == len(slow)
    assert [a.rpartition("\t")[0] for a, b in zip(quick, slow) if a != b] == []
    return len(quick)


def test_they_agree_on_the_samples() -> None:
    paths = sorted(glob.glob(os.path.join(SAMPLES, "*.txt")))
    assert alike(*paths) > 5 * len(paths)


@pytest.mark.parametrize("first", range(0, PASTES, BATCH))
def test_they_agree_on_damaged_pastes(first: int) -> None:
    """`python tests/digests.py -p NUMBER NUMBER+1` makes one alone; `pastes.paste(NUMBER)` is its text."""
    assert alike("-p", str(first), str(first + BATCH)) > 1.5 * BATCH


@pytest.mark.parametrize("folder", [".", "formats", "extra"])
def test_they_agree_on_the_corpus(shared: str, folder: str) -> None:
    paths = sorted(glob.glob(os.path.join(shared, "corpus", folder, "*.txt")))
    assert len(paths) > 20
    if WHOLE:
        assert alike(*paths) > 4 * len(paths)
    else:
        short = [path for path in paths if os.path.getsize(path) < LONG]
        assert alike("-k", "2", *short) > len(short)
        assert alike("-k", "1", *(path for path in paths if path not in short)) < len(paths)


def test_they_agree_on_the_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the command line: a long text is read ahead by a second process, if quick ways are taken."""
    monkeypatch.syspath_prepend(os.path.join(ROOT, "bench"))
    import make_traces

    folder = str(tmp_path)
    for name, count in (("M", 10_000 if WHOLE else 800), ("D", 300)):
        make_traces.write(folder, name, itertools.islice(make_traces.packets(folder, name), count), count)
        path = os.path.join(folder, f"{name}.txt")
        assert alike("-k", "2", path) == 2
        for options in (["--headers"], ["--to", "json"], ["--summary"]) if WHOLE else ([],):
            made = [
                subprocess.run(
                    [sys.executable, "-m", "hexnote", *options, path], cwd=ROOT, env=environment(slow),
                    stdout=subprocess.PIPE, check=True,
                ).stdout
                for slow in (False, True)
            ]  # fmt: skip
            assert made[0] and made[0] == made[1]


def test_they_agree_over_many_connections(tmp_path: Path) -> None:
    """Quick ways remember what came before: one long trace of all samples and dresses, twice over."""
    paths = [path for path in sorted(glob.glob(os.path.join(SAMPLES, "*.txt"))) if not path.endswith("in-words.txt")]
    paths += sorted(glob.glob(os.path.join(SHARED, "corpus", "formats", "*.txt")))[::3]
    text = b"".join(load(path)[:40_000] for path in paths if b"\xff\xfe" not in load(path)[:2])
    long = tmp_path / "long.txt"
    long.write_bytes(text[:700_000] * 2)
    assert alike("-k", "2", str(long)) == 2
