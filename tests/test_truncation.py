"""A trace that ends anywhere: what is left is read, its records are tiled, and what is said of it stays true.

The tutorial's traces and three small captures are cut behind every byte; by default, of the longer ones, behind every
row, at both sides of it, and at seeded places; HEXNOTE_WHOLE=1 takes every byte of all.
"""

from __future__ import annotations

import glob
import os
import random
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from conftest import SAMPLES, SHARED
from support import WHOLE, Object, load, objects, of, untiled

SMALL = ["alert_protocol_version_openssl", "craft_bad_length", "alert_no_application_protocol_go"]


def traces() -> List[str]:
    """The tutorial's traces, and captures where they are there."""
    tutorial = [os.path.join(SAMPLES, f"{name}.txt") for name in ("server-auth", "mutual-auth-excerpt")]
    captures = [os.path.join(SHARED, "corpus", f"{name}.X.txt") for name in SMALL]
    return [p for p in tutorial + captures if os.path.exists(p)]


def places(text: bytes, most: int) -> List[int]:
    """Where to cut: everywhere, if there are not too many places."""
    if WHOLE or len(text) <= most:
        return list(range(len(text) + 1))
    ends = [i + 1 for i, byte in enumerate(text) if byte == 10]
    near = {e + d for e in ends for d in (-1, 0, 1, 12)}
    seeded = random.Random(5).sample(range(len(text)), 200)
    return sorted(n for n in near | set(seeded) if 0 <= n <= len(text))


def leaves(found: List[Object]) -> Dict[Tuple[Any, ...], Object]:
    return {(o["stream"], o["from"], o.get("buffer"), o["path"], o["offset"]): o for o in of(found, "field")}


def contradicts(cut: List[Object], whole: Dict[Tuple[Any, ...], Object]) -> Iterator[str]:
    """Leaves of the cut trace that say another thing than the same leaf of the whole one.

    A leaf that the cut shortened, or of which bytes are missing, has no value of its own; a direction's ends may be
    told only by what comes later, so leaves that the whole trace does not have are not looked at.
    """
    for key, o in leaves(cut).items():
        known = whole.get(key)
        if known is None or o["length"] != known["length"]:
            continue
        if any(a != b and a != ".." for a, b in zip(pairs(o["hex"]), pairs(known["hex"]))):
            yield f"{key}: {o['hex'][:40]}, not {known['hex'][:40]}"
        elif ".." not in o["hex"] and (o["value"], o["name"]) != (known["value"], known["name"]):
            yield f"{key}: {o['value']!r} {o['name']!r}, not {known['value']!r} {known['name']!r}"


def pairs(digits: str) -> List[str]:
    return [digits[i : i + 2] for i in range(0, len(digits), 2)]


@pytest.mark.parametrize("path", traces(), ids=os.path.basename)
def test_cut_anywhere(path: str) -> None:
    text = load(path)
    whole = leaves(objects(text))
    wrong: List[str] = []
    for n in places(text, 5200):
        found = objects(text[:n])
        wrong += [f"cut at {n}: {w}" for w in untiled(found)]
        wrong += [f"cut at {n}: {w}" for w in contradicts(found, whole)]
    assert not wrong, f"{len(wrong)}; {wrong[:3]}"


def others() -> List[str]:
    """The other samples, and a seeded few captures."""
    found = sorted(glob.glob(os.path.join(SHARED, "corpus", "*.X.txt")))
    small = [p for p in found if os.path.getsize(p) < 40_000]
    taken = found if WHOLE else random.Random(8).sample(small, min(10, len(small)))
    return [p for p in sorted(glob.glob(os.path.join(SAMPLES, "*.txt"))) + taken if p not in traces()]


@pytest.mark.parametrize("path", others(), ids=os.path.basename)
def test_cut_at_seeded_places(path: str) -> None:
    text = load(path)
    whole = leaves(objects(text))
    wrong: List[str] = []
    for n in random.Random(path[-20:]).sample(range(len(text)), 8):
        found = objects(text[:n])
        wrong += [f"cut at {n}: {w}" for w in untiled(found)]
        wrong += [f"cut at {n}: {w}" for w in contradicts(found, whole)]
    assert not wrong, f"{len(wrong)}; {wrong[:3]}"
