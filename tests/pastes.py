"""Damaged pastes by number: a name and its bytes, the same ones in every process.

Four ways in turn: one kind of damage (`damage.KINDS`), two of them, a wreck, and edits by hand, which need not leave
anything readable. The traces are the project's samples, and one made here whose text columns look like markup.
"""

from __future__ import annotations

import functools
import glob
import os
import random
from typing import Callable, Dict, List, Tuple

from conftest import SAMPLES
from damage import KINDS, WRECKS, damaged, pairs, wrecked
from support import load
from test_dumps import HEAD, dump, packet

_SMALL = 33_000  # bytes of a sample that is worth damaging again and again
_SIGNS = b" \t0fFgOl.:x<&|\xa0\x1b\r-\\=_+*"
_MARKUP = (b"&lt;", b"&amp;", b"<br>", b"=20", b"=3D", b"\\x1b", b"^[[", b"|", b"\x1b[0m", b"  ", b"\xa0", b"0x0040: ",
           b"4500 003c ", b"abcd", b"\xc2\xa0", b'"', b"\r", b"> ", b"--More--")  # fmt: skip
_BETWEEN = (b"", b"...", b"hello", b"    ^^^^", b"> x", b"[snip]", b"\t", b"--", b"*", b"2000 bytes",
            b"12:00:00.000001 IP bad-len 0")  # fmt: skip


@functools.lru_cache(None)
def sources() -> List[str]:
    """Texts as tcpdump -X prints them."""
    rng = random.Random(5)
    payloads = [b"".join(rng.choice(_MARKUP) for _ in range(rng.randrange(1, 60))) for _ in range(40)]
    made = [b"".join(HEAD + dump(packet(payload, n)) for n, payload in enumerate(payloads))]
    for path in sorted(glob.glob(os.path.join(SAMPLES, "*.txt"))):
        text = load(path)
        if len(text) < _SMALL and text.isascii() and text.count(b"\n\t0x") > 100:
            made.append(text)
    return [text.decode("ascii") for text in made]


@functools.lru_cache(None)
def _pairs() -> List[Tuple[str, str]]:
    return pairs(0)


def paste(number: int) -> Tuple[str, bytes]:
    """One of them, and what was done to it."""
    rng = random.Random(number)
    source = rng.choice(sources())
    way = number % 4
    if way == 0:
        kinds = sorted(KINDS)
        kind = kinds[number // 4 % len(kinds)]
        return kind, damaged(source, [kind], number)[0]
    if way == 1:
        both = rng.choice(_pairs())
        return " and ".join(both), damaged(source, both, number)[0]
    if way == 2 and number % 3 == 0:
        wreck = rng.choice(sorted(WRECKS))
        return wreck, wrecked(source, wreck, number)
    return "edited", edited(source.encode("ascii"), rng)


def edited(text: bytes, rng: random.Random) -> bytes:
    """A text in which lines were lost, doubled, moved, cut, mistyped."""
    lines = text.split(b"\n")
    dress = rng.randrange(4)
    if dress == 0:
        lines = [line + b"\r" for line in lines]
    elif dress == 1:
        lines = [line.expandtabs(8) for line in lines]
    elif dress == 2:  # as -x prints it
        lines = [b"  ".join(line.split(b"  ")[:2]) if line[:1] == b"\t" else line for line in lines]
    for _ in range(rng.choice((1, 2, 4, 10, 30))):
        at = rng.randrange(len(lines))
        rng.choice(list(_EDITS.values()))(lines, at, rng)
    return b"\n".join(lines)


Edit = Callable[[List[bytes], int, random.Random], None]
_EDITS: Dict[str, Edit] = {}


def _edit(made: Edit) -> Edit:
    _EDITS[made.__name__] = made
    return made


def _in_line(make: Callable[[bytes, bytes, random.Random], bytes], name: str) -> None:
    """An edit of one line, given as what stands before and behind a place in it."""

    def change(lines: List[bytes], at: int, rng: random.Random) -> None:
        place = rng.randrange(len(lines[at]) + 1)
        lines[at] = make(lines[at][:place], lines[at][place:], rng)

    _EDITS[name] = change


def _sign(rng: random.Random) -> bytes:
    return bytes((rng.choice(_SIGNS),))


_in_line(lambda left, right, rng: left, "end lost")
_in_line(lambda left, right, rng: right, "beginning lost")
_in_line(lambda left, right, rng: left + right[1:], "sign lost")
_in_line(lambda left, right, rng: left + _sign(rng) + right, "sign more")
_in_line(lambda left, right, rng: left + _sign(rng) + right[1:], "sign changed")
_in_line(lambda left, right, rng: left + rng.choice(_MARKUP) + right, "markup")
_in_line(lambda left, right, rng: (left + right).upper(), "upper")
_in_line(lambda left, right, rng: (left + right).rstrip() + b" " * rng.randrange(1, 4), "blanks")


@_edit
def lost(lines: List[bytes], at: int, rng: random.Random) -> None:
    del lines[at : at + rng.choice((1, 1, 3, 8))]
    lines[:] = lines or [b""]


@_edit
def again(lines: List[bytes], at: int, rng: random.Random) -> None:
    """Some lines are there again, in another place."""
    first = rng.randrange(len(lines))
    lines[at:at] = lines[first : first + rng.choice((1, 1, 3, 8))]


@_edit
def moved(lines: List[bytes], at: int, rng: random.Random) -> None:
    other = rng.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]


@_edit
def between(lines: List[bytes], at: int, rng: random.Random) -> None:
    lines.insert(at, rng.choice(_BETWEEN))
