"""With the quick ways off (HEXNOTE_SLOW=1) every room goes its general way, and the output is the same bytes.

Over samples, dresses, captures, damaged forms of them, and the beginning of the benchmark's traces.
"""

from __future__ import annotations

import glob
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from conftest import ROOT, SAMPLES, SHARED
from support import load

TESTS = os.path.dirname(os.path.abspath(__file__))
WHOLE = bool(os.environ.get("HEXNOTE_WHOLE"))


def paths() -> List[str]:
    """Traces to read: samples, dresses, captures; with HEXNOTE_WHOLE=1 all of the corpus."""
    corpus = os.path.join(SHARED, "corpus")
    captures = sorted(glob.glob(os.path.join(corpus, "*.txt")) + glob.glob(os.path.join(corpus, "extra", "*.txt")))
    dresses = sorted(glob.glob(os.path.join(corpus, "formats", "*.txt")))
    if not WHOLE:
        captures = [path for path in captures if os.path.getsize(path) < 60_000][::24]
        dresses = dresses[::3]
    return sorted(glob.glob(os.path.join(SAMPLES, "*.txt"))) + dresses + captures


def digests(slow: bool, which: List[str]) -> List[str]:
    """A line for each trace and output, made by a process of its own: the quick ways are chosen at import."""
    env = {k: v for k, v in os.environ.items() if k != "HEXNOTE_SLOW"}
    if slow:
        env["HEXNOTE_SLOW"] = "1"
    done = subprocess.run(
        [sys.executable, os.path.join(TESTS, "digests.py"), *which], cwd=ROOT, env=env, capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("part", range(2))
def test_general_and_quick_ways_agree(part: int) -> None:
    chosen = paths()[part::2]
    quick, slow = digests(False, chosen), digests(True, chosen)
    assert len(quick) > 2 * len(chosen)
    assert slow == quick


def test_they_agree_on_the_benchmark(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(os.path.join(ROOT, "bench"))
    import make_traces

    folder = str(tmp_path)
    chosen = []
    for name, count in (("M", 10_000 if WHOLE else 800), ("D", 300)):
        chosen.append(os.path.join(folder, f"{name}.txt"))
        make_traces.write(folder, name, itertools.islice(make_traces.packets(folder, name), count), count)
    quick, slow = digests(False, chosen), digests(True, chosen)
    assert len(quick) >= 4
    assert slow == quick


def test_they_agree_over_many_connections(tmp_path: Path) -> None:
    """Quick ways remember what came before: one long trace of all samples and dresses, twice over."""
    names = [path for path in paths() if not path.endswith("in-words.txt")]
    text = b"".join(load(path)[:40_000] for path in names if b"\xff\xfe" not in load(path)[:2])
    long = tmp_path / "long.txt"
    long.write_bytes(text[:700_000] * 2)
    assert digests(True, [str(long)]) == digests(False, [str(long)])
