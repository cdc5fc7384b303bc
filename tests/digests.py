"""Prints digests of what is made of traces: `python tests/digests.py TRACE ...`, each as it is and damaged.

Text and JSON of the whole, and of the same in small pieces; text of damaged forms where it is tcpdump's.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from typing import List

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

from damage import KINDS, damaged  # noqa: E402
from support import fresh  # noqa: E402

from hexnote.coding import Coding  # noqa: E402

_PIECE = 1000


def digest(kind: str, data: bytes, piece: int = 1 << 18) -> str:
    coding = Coding()
    job = fresh(kind)
    job.begin("-")
    made = [job.feed(coding.decode(data[at : at + piece])) for at in range(0, len(data), piece)]
    made += [job.feed(coding.rest()), job.end(), job.close()]
    return hashlib.sha256(b"".join(made)).hexdigest()


def main(names: List[str]) -> None:
    kinds = sorted(KINDS)
    for number, name in enumerate(names):
        with open(name, "rb") as file:
            data = file.read()
        shown = os.path.basename(name)
        for kind in ("text", "json"):
            print(shown, kind, digest(kind, data))
        if len(data) < 30_000:
            print(shown, "in pieces", digest("text", data, _PIECE))
            if name.endswith(".X.txt") and data.isascii():
                rng = random.Random(number)
                for kind in rng.sample(kinds, 3):
                    print(shown, kind, digest("text", damaged(data.decode(), [kind], number)[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
