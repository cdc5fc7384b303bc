"""The walk through DER: a range and a name for every octet (X.690).

It is one loop over elements with a stack of the constructed ones around it. What an element is
called, and what may follow it, stands in tables (`x509`, `certificates`). The walk looks at headers
and object identifiers alone and steps over all other values, so that it goes on behind bytes that
are missing wherever a length says how far.
"""

from __future__ import annotations

from hexnote import asn1
from hexnote.asn1 import header
from hexnote.hints import Any, List, Optional, Tuple
from hexnote.model import Field
from hexnote.spans import Hole
from hexnote.x509 import (
    BITS,
    CHOICE,
    DEFAULT,
    FLAT,
    GENERIC,
    GROUPED,
    KEY,
    LONG,
    PRIMITIVE,
    SCTS,
    SIZED,
    STRAY,
    SURPLUS,
    VECTOR,
    WRAPPED,
    State,
)
from hexnote.x509_extensions import MISSED, SPARE

Problem = Tuple[int, int, str]

DEEPEST = 24  # levels below the outermost element; what lies deeper stays opaque
MOST = 20_000  # elements of one walk; what comes after them stays opaque
_NESTED = asn1.leaf("nested", "nested too deep", level=1)
_UNREAD = asn1.leaf("unread", "too many elements", level=1)

# ------------------------------------------------------------------ the walk


def walk(
    buf: Any, pos: int, end: int, state: State, depth: int, out: List[Field], problems: List[Problem], index: int = -1
) -> None:
    """Append the fields of the elements in `buf[pos:end]`, which `state` names, to `out`.

    Leaves cover [pos, end) whole; `len(buf)` may be less than `end`, and `buf` may have holes
    (`spans.Patchy`). Octets that break X.690's rules of length are told in `problems`. `index` >= 0:
    the elements are numbered from there on. Never fails; takes time linear in the number of elements.
    """
    add = out.append
    stack: List[Tuple[State, int, int, int]] = []
    push, pop = stack.append, stack.pop
    p, fend, have, deepest = pos, end, len(buf), depth + DEEPEST
    key: Optional[State] = None  # how to walk the key whose algorithm was met last
    budget = iter(range(MOST))
    while True:
        try:
            for _ in budget:
                while p >= fend:
                    if not stack:
                        return
                    state, fend, depth, index = pop()
                tag = buf[p]
                kind, after, head, node, child, first = state[tag]
                n = buf[p + 1]
                if kind >= STRAY:
                    if kind == SURPLUS:
                        problems.append((p, fend, f"{fend - p} octets are left where nothing more should come"))
                        add((SPARE, p, fend, depth, -1))
                        p = fend
                        continue
                    if kind == LONG:
                        q, e = _long_tag(buf, p, fend)
                        add((head, p, q, depth, index))
                        add((node, q, e, depth, index))
                        p, state = e, after
                        continue
                    kind -= STRAY
                    problems.append((p, p + 1, f"{asn1.tag_name(tag)} where something else should stand"))
                if n < 128:
                    q = p + 2
                elif n == 0x82:
                    q = p + 4
                    n = buf[p + 2] << 8 | buf[p + 3]
                    if n < 256:
                        _padded(p, q, problems)
                elif n == 0x81:
                    q = p + 3
                    n = buf[p + 2]
                    if n < 128:
                        _padded(p, q, problems)
                else:
                    q, n = _long_length(buf, p, fend, n, problems)
                e = q + n
                if e > fend:
                    if q > fend or p + 1 >= fend:
                        problems.append((p, fend, "the length of an element goes past the end of what holds it"))
                        add((SPARE, p, fend, depth, -1))
                        p = fend
                        continue
                    problems.append((p, q, f"a length of {n} octets where {fend - q} are left"))
                    e = fend

                if kind == PRIMITIVE:
                    add((head, p, q, depth, index))
                    add((node, q, e, depth, index))
                    p, state = e, after
                    if index >= 0:
                        index += 1
                    continue
                if kind == CHOICE:
                    outcome = child.default
                    if e <= have:
                        try:
                            outcome = child[buf[q:e]]
                        except Hole:
                            pass
                    state, chosen, node = outcome
                    if chosen is not None:
                        key = chosen
                    add((head, p, q, depth, index))
                    add((node, q, e, depth, index))
                    p = e
                    continue

                if depth >= deepest:
                    add((head, p, q, depth, index))
                    add((_NESTED, q, e, depth, index))
                    p, state = e, after
                    continue
                if e != fend:  # else there is nothing to come back to
                    push((after, fend, depth, index + 1 if index >= 0 else -1))
                if kind == GROUPED:
                    add((node, p, e, depth, index))
                    depth += 1
                    add((head, p, q, depth, -1))
                elif kind == FLAT:
                    add((head, p, q, depth, index))
                elif kind == VECTOR:
                    add((node, p, e, depth, index))
                    add((head, p, q, depth, index))
                elif kind == BITS:
                    add((head, p, q, depth, index))
                    unused, wide, empty = child
                    if q < e:
                        add((unused, q, q + 1, depth, index))
                        q += 1
                    size = e - q
                    add((wide if size > 1 else node if size else empty, q, e, depth, index))
                    q = e
                elif kind == DEFAULT:
                    add((node, p, e, depth, index))
                    depth += 1
                    child, empty = child
                    add((head if n else empty, p, q, depth, -1))
                elif kind == WRAPPED:
                    child, group = child
                    if child is None and _is_der(buf, q, e):
                        child = GENERIC
                    if child is None:
                        add((head, p, q, depth, index))
                        add((node, q, e, depth, index))
                        q = e
                    else:
                        add((group, p, e, depth, index))
                        depth += 1
                        add((INSIDE, p, q, depth, -1))
                elif kind == SIZED:
                    add((head, p, q, depth, index))
                    add((child(e - q), q, e, depth, index))
                    q = e
                elif kind == KEY:
                    inner, outer, group, inside = child
                    if key is None or e - q < 2:
                        add((head, p, q, depth, index))
                        if q < e:
                            add((outer, q, q + 1, depth, index))
                            q += 1
                        add((node, q, e, depth, index))
                        q = e
                    else:
                        add((group, p, e, depth, index))
                        depth += 1
                        add((inside, p, q, depth, -1))
                        add((inner, q, q + 1, depth, -1))
                        q += 1
                        child = key
                elif kind == SCTS:
                    add((head, p, q, depth, -1))
                    add((node, q, e, depth, -1))
                    child(buf, q, e, out, depth)
                    q = e
                p, state, fend, index = q, child, e, first
            else:
                problems.append((p, end, f"more than {MOST} elements"))
                for _, stop, level, _ in [*reversed(stack), (state, end, depth, -1)]:
                    if p < fend:
                        add((_UNREAD, p, fend, depth, -1))
                    p, fend, depth = fend, stop, level
                return
        except (IndexError, Hole):
            # The header at p is not there, or not whole: in the frame, or in the trace.
            if _past(buf, p, fend):
                problems.append((p, fend, "an element is cut short by the end of what holds it"))
                add((SPARE, p, fend, depth, -1))
            else:
                add((MISSED, p, fend, depth, -1))
            p = fend


INSIDE = header("header", "", "extnValue")


def _padded(p: int, q: int, problems: List[Problem]) -> None:
    problems.append((p, q, "a length that is longer than it need be: BER, not DER"))


def _long_length(buf: Any, p: int, fend: int, n: int, problems: List[Problem]) -> Tuple[int, int]:
    """(where the value begins, its length) behind an initial length octet `n` other than 0x81 and 0x82."""
    if n == 128:
        problems.append((p, p + 2, "an indefinite length: BER, not DER"))
        return p + 2, max(fend - p - 2, 0)
    count = n & 127
    q = p + 2 + count
    octets = buf[p + 2 : min(q, fend)]
    if len(octets) < count:
        if q > fend:
            return q, 0
        raise IndexError
    size = int.from_bytes(octets, "big")
    if octets[0] == 0:
        _padded(p, q, problems)
    return q, size


def _long_tag(buf: Any, p: int, fend: int) -> Tuple[int, int]:
    """(where the value begins, where it ends) of an element with an identifier of several octets, clipped to `fend`."""
    q = p + 1
    while buf[q] > 127 and q < p + 6:
        q += 1
    q += 1
    n = buf[q]
    q += 1
    if n > 128:
        count = n & 127
        q += count
        octets = buf[q - count : q]
        if len(octets) < count:
            raise IndexError
        n = int.from_bytes(octets, "big")
    elif n == 128:
        n = fend
    return min(q, fend), min(q + n, fend)


def _is_der(buf: Any, q: int, e: int) -> bool:
    """Whether an element of a universal type begins at `q` that ends just at `e`: enough to take it for DER."""
    try:
        tag = buf[q]
        if q + 1 >= e or (tag & 0xDF) not in asn1.TYPES or not tag or (tag in (0x30, 0x31)) != bool(tag & 0x20):
            return False
        n = buf[q + 1]
        q += 2
        if n > 128:
            q += n & 127
            n = int.from_bytes(buf[q - (n & 127) : q], "big")
    except (IndexError, Hole):
        return False
    return bool(q + n == e)


def _past(buf: Any, p: int, fend: int) -> bool:
    """Whether the header at `p` needs octets beyond `fend`, as far as it can be read."""
    if fend - p < 2:
        return True
    try:
        n = buf[p + 1]
    except (IndexError, Hole):
        return False
    return bool(n > 128 and p + 2 + (n & 127) > fend)
