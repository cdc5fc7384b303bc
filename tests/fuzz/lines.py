"""Traces whose lines were left out, repeated, moved, cut, joined, or taken from another trace: what pasting does to them.

Use: python tests/fuzz/lines.py [SEED [SECONDS]]

Every text has to be annotated without an error, stripped to what it was, and told in JSON so that its fields tile. What is wrong
is printed with its seed, once for each place in the code, and written to the current folder as lines-SEED.txt. Samples are
mixed, and the corpus, where it is (HEXNOTE_SHARED).
"""

from __future__ import annotations

import glob
import os
import random
import sys
import time
import traceback
from typing import List, Set, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(os.path.dirname(HERE)), os.path.dirname(HERE)]
os.environ["HEXNOTE_STRICT"] = "1"

_LARGEST, _LINES = 60_000, 400  # bytes of a file that is taken, and lines of it
_STRANGERS = (
    b"\n", b"--\n", b"text\n", b"*\n", b"read from 0x1 [0x2] (5 bytes => 5 (0x5))\n",
    b">>> TLS 1.2, Handshake [length 0010], Finished\n",
)  # fmt: skip


def sources() -> List[List[bytes]]:
    """The lines of the traces that are mixed."""
    from support import SHARED, load

    names = glob.glob(os.path.join(HERE, "..", "..", "samples", "*.txt"))
    for folder in ("corpus", os.path.join("corpus", "formats")):
        names += glob.glob(os.path.join(SHARED, folder, "*.txt"))
    return [load(name).splitlines(True)[:_LINES] for name in sorted(names) if os.path.getsize(name) < _LARGEST]


def mixed(rng: random.Random, among: List[List[bytes]]) -> bytes:
    """A part of a trace, damaged in a few places."""
    lines = list(rng.choice(among))
    first = rng.randrange(max(1, len(lines) // 2)) if rng.random() < 0.5 else 0
    lines = lines[first : first + rng.choice((20, 60, 150))]
    for _ in range(rng.choice((1, 2, 3, 6))):
        if not lines:
            break
        at, other, what = rng.randrange(len(lines)), rng.randrange(len(lines)), rng.randrange(8)
        line = lines[at]
        if what == 0:
            del lines[at : at + rng.choice((1, 1, 2, 5))]
        elif what == 1:
            lines.insert(other, line)
        elif what == 2:
            lines[at], lines[other] = lines[other], line
        elif what == 3:
            strange = rng.choice(among)
            begin = rng.randrange(len(strange))
            lines[at:at] = strange[begin : begin + rng.choice((1, 2, 5, 12))]
        elif what == 4:
            lines[at] = line[: rng.randrange(len(line) + 1)] + rng.choice((b"\n", b"", b"\r\n"))
        elif what == 5 and line:
            column = rng.randrange(len(line))
            lines[at] = line[:column] + bytes((rng.choice(b"0123456789abcdef \tx:.|>\xe2\xff"),)) + line[column + 1 :]
        elif what == 6:
            lines[at] = b"".join(lines[at : at + 2]).replace(b"\n", b" ", 1)
        else:
            lines.insert(at, rng.choice(_STRANGERS))
    return b"".join(lines)


def main(seed: int = 1, seconds: float = 60) -> int:
    """Runs for so long; the number of places that were wrong."""
    from support import annotate, objects, strip, untiled

    among, until, count = sources(), time.monotonic() + seconds, 0
    wrong: Set[Tuple[str, str, int]] = set()
    while time.monotonic() < until:
        text = mixed(random.Random(seed), among)
        try:
            assert strip(annotate(text)) == strip(text), "stripped, it is another text"
            loose = untiled(objects(text))
            assert not loose, f"fields do not tile: {loose[:2]}"
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = (type(error).__name__, last.filename, last.lineno or 0)
            if place not in wrong:
                wrong.add(place)
                with open(f"lines-{seed}.txt", "wb") as file:
                    file.write(text)
                print(f"seed {seed}: {place[0]} in {place[1]}, line {place[2]}: {error}", flush=True)
        count, seed = count + 1, seed + 1
    print(f"{count} texts, {len(wrong)} wrong, next seed {seed}")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(1 if main(*map(int, sys.argv[1:3])) else 0)
