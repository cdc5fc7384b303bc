"""Prints digests of what is made of traces, a line for each trace and output:

    python tests/digests.py [-k KINDS] TRACE ...    as they are; KINDS: how many outputs of each, in turn
    python tests/digests.py -p FIRST BEHIND         damaged pastes by number (`pastes`)
"""

from __future__ import annotations

import hashlib
import os
import sys
from typing import Any, Callable, Dict, Iterator, List, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

from pastes import paste  # noqa: E402
from support import annotator, load  # noqa: E402

from hexnote.coding import Coding  # noqa: E402
from hexnote.render.json import Json  # noqa: E402
from hexnote.render.summary import Summary  # noqa: E402
from hexnote.render.text import Text  # noqa: E402

_CHUNK, _PIECE = 1 << 18, 1000
_PIECES = 30_000  # a longer trace is not read in small pieces too

# By name: a renderer, the pipeline's settings, the size of each read.
OUTPUTS: Dict[str, Tuple[Callable[[], Any], Dict[str, Any], int]] = {
    "text": (Text, {}, _CHUNK),
    "json": (Json, {}, _CHUNK),
    "headers": (lambda: Text(headers=True), {"headers": True}, _CHUNK),
    "summary": (lambda: Summary(100, False), {"thorough": True}, _CHUNK),
    "pieces": (Text, {}, _PIECE),
    "narrow": (lambda: Text(40, True), {}, _CHUNK),
}


def digest(kind: str, data: bytes) -> str:
    renderer, settings, chunk = OUTPUTS[kind]
    coding = Coding()
    job = annotator(renderer(), settings=settings)
    job.begin("-")
    made = [job.feed(coding.decode(data[at : at + chunk])) for at in range(0, len(data), chunk)]
    made += [job.feed(coding.rest()), job.end(), job.close()]
    return hashlib.sha256(b"".join(made)).hexdigest()


def chosen(arguments: List[str]) -> Iterator[Tuple[str, bytes, List[str]]]:
    """Names, bytes, outputs."""
    kinds = list(OUTPUTS)
    if arguments[0] == "-p":
        for number in range(int(arguments[1]), int(arguments[2])):
            name, data = paste(number)
            yield f"{number} {name}", data, ["text", kinds[1 + number // 4 % 5]]
        return
    count = len(kinds)
    if arguments[0] == "-k":
        count, arguments = int(arguments[1]), arguments[2:]
    for number, path in enumerate(arguments):
        yield os.path.basename(path), load(path), ["text", *((kinds[1:] * 2)[number % 5 :][: count - 1])]


def main(arguments: List[str]) -> None:
    for name, data, outputs in chosen(arguments):
        for kind in outputs:
            if kind != "pieces" or len(data) < _PIECES:
                print(name, kind, digest(kind, data), sep="\t")


if __name__ == "__main__":
    main(sys.argv[1:])
