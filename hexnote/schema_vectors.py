"""Steps for vectors, and for bytes whose amount an earlier field knows; see schema_steps for what a step is.

The bodies of these closures repeat each other on purpose: a call costs as much as a field.
"""

from __future__ import annotations

from hexnote.hints import Any, Callable, Dict, List, Optional
from hexnote.model import Node
from hexnote.schema_steps import UNREAD, Env, Hook, Kit, Step, in_bytes

Amount = Callable[[Env], Optional[int]]


def blob(kit: Kit, length: Node, node: Node, width: int, low: int, high: int) -> Step:
    """`opaque x<low..high>`, or a vector of numbers (an ARRAY): length, then content, which is not read."""
    size = node.size

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        q = p + width
        if q > end:
            return kit.short(length, width, p, end, out, depth, env)
        try:
            n = buf[p] << 8 | buf[p + 1] if width == 2 else buf[p] if width == 1 else _long(buf, p, q)
        except UNREAD:
            return kit.lost(node, p, end, out, depth)
        r = q + n
        if r > end or n < low or n > high:
            r = kit.bounds(length, p, q, n, low, high, end, env)
        out.append((length, p, q, depth, -1))
        out.append((node, q, r, depth, -1))
        if size and n % size:
            kit.ragged(node, q, r, env)
        return r if q + n <= end else end + 1

    return step


def whole(kit: Kit, group: Node, length: Node, node: Node, width: int, low: int, high: int) -> Step:
    """`frame` around a `blob`, in one closure: the content of most extensions."""
    size = node.size

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        out.append((group, p, end, depth, -1))
        inside = depth + 1
        q = p + width
        if q > end:
            kit.short(length, width, p, end, out, inside, env)
            return end
        try:
            n = buf[p] << 8 | buf[p + 1] if width == 2 else buf[p] if width == 1 else _long(buf, p, q)
        except UNREAD:
            kit.lost(node, p, end, out, inside)
            return end
        r = q + n
        if r > end or n < low or n > high:
            r = kit.bounds(length, p, q, n, low, high, end, env)
        out.append((length, p, q, inside, -1))
        out.append((node, q, r, inside, -1))
        if size and n % size:
            kit.ragged(node, q, r, env)
        if r < end:
            kit.extra(group, r, end, out, depth, env)
        return end

    return step


def _long(buf: Any, p: int, q: int) -> int:
    """A number of more than two bytes; IndexError or Hole where it is not there."""
    n = 0
    for i in range(p, q):
        n = n << 8 | buf[i]
    return n


def framed(kit: Kit, length: Node, node: Node, width: int, low: int, high: int, inner: Step) -> Step:
    """A length, then a frame of its own in which `inner` decodes; it takes the whole frame."""

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        q = p + width
        if q > end:
            return kit.short(length, width, p, end, out, depth, env)
        try:
            n = buf[p] << 8 | buf[p + 1] if width == 2 else buf[p] if width == 1 else _long(buf, p, q)
        except UNREAD:
            return kit.lost(node, p, end, out, depth)
        r = q + n
        if r > end or n < low or n > high:
            r = kit.bounds(length, p, q, n, low, high, end, env)
        out.append((length, p, q, depth, -1))
        inner(buf, q, r, out, depth, env)
        return r if q + n <= end else end + 1

    return step


def structs(kit: Kit, item: Node, body: Step) -> Step:
    """Items of a vector until its frame ends: a GROUP each, with its members in it."""

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        there = len(buf)
        inside = depth + 1
        i = 0
        while p < end:
            if p >= there:
                return kit.lost(item, p, end, out, depth)
            at = len(out)
            out.append(None)
            q = body(buf, p, end, out, inside, env)
            if q == p:
                # An item of no bytes would go on without end.
                del out[at:]
                kit.extra(item, p, end, out, depth, env)
                return end
            out[at] = (item, p, q if q <= end else end, depth, i)
            p = q
            i += 1
        return p

    return step


def extensions(
    kit: Kit, item: Node, kind: Node, length: Node, content: Node, find: Callable[[int, str], Optional[Step]],
) -> Step:
    """Items of a two-byte type, a two-byte length, and content whose format `find` knows by type and message.

    It is what `structs` would do with such a struct, in one closure: half of a hello's fields come from here.
    """
    tables: Dict[str, Dict[int, Optional[Step]]] = {}

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        there = len(buf)
        inside = depth + 1
        message = env[0].message
        known = tables.setdefault(message, {})
        add = out.append
        i = 0
        while p < end:
            if p >= there:
                return kit.lost(item, p, end, out, depth)
            q = p + 2
            r = q + 2
            if r > end:
                add((item, p, end, depth, i))
                if q > end:
                    return kit.short(kind, 2, p, end, out, inside, env)
                add((kind, p, q, inside, -1))
                return kit.short(length, 2, q, end, out, inside, env)
            try:
                n = buf[q] << 8 | buf[q + 1]
            except UNREAD:
                add((item, p, end, depth, i))
                add((kind, p, q, inside, -1))
                return kit.lost(content, q, end, out, inside)
            t = r + n
            if t > end:
                t = kit.bounds(length, q, r, n, 0, 0xFFFF, end, env)
            add((item, p, t, depth, i))
            add((kind, p, q, inside, -1))
            add((length, q, r, inside, -1))
            inner = None
            try:
                code = buf[p] << 8 | buf[p + 1]
                inner = known[code]
            except KeyError:
                inner = find(code, message)
                if len(known) < 1024:
                    known[code] = inner
            except UNREAD:
                pass
            if inner is None:
                add((content, r, t, inside, -1))
            else:
                inner(buf, r, t, out, inside, env)
            p = t
            i += 1
        return p

    return step


def blobs(kit: Kit, length: Node, node: Node, width: int, low: int, high: int, hook: Optional[Hook]) -> Step:
    """Items of a vector of opaques until its frame ends: a length and a content each, both with the item's index."""

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        there = len(buf)
        i = 0
        while p < end:
            if p >= there:
                return kit.lost(node, p, end, out, depth)
            q = p + width
            if q > end:
                return kit.short(length, width, p, end, out, depth, env, i)
            try:
                n = buf[p] << 8 | buf[p + 1] if width == 2 else buf[p] if width == 1 else _long(buf, p, q)
            except UNREAD:
                return kit.lost(node, p, end, out, depth)
            r = q + n
            if r > end or n < low or n > high:
                r = kit.bounds(length, p, q, n, low, high, end, env)
            out.append((length, p, q, depth, i))
            if hook is None or q == r:
                out.append((node, q, r, depth, i))
            else:
                hook(buf, q, r, env[0], out, depth, node, i)
            p = r
            i += 1
        return p

    return step


# ---------------------------------------------------------------- bytes whose amount is known otherwise


def rest(node: Node) -> Step:
    """`opaque x[]`: all that is left of the frame."""

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        out.append((node, p, end, depth, -1))
        return end

    return step


def hooked(hook: Hook, node: Node) -> Step:
    """All that is left of the frame, read by another room; nothing is a leaf of no bytes."""

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        if p < end:
            hook(buf, p, end, env[0], out, depth, node, -1)
        else:
            out.append((node, p, p, depth, -1))
        return end

    return step


def covering(group: Node, items: Step) -> Step:
    """A GROUP over the rest of the frame, which `items` takes."""

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        out.append((group, p, end, depth, -1))
        items(buf, p, end, out, depth, env)
        return end

    return step


def amount(kit: Kit, node: Node, count: Amount, inner: Step) -> Step:
    """A frame whose length `count` knows from earlier fields; `inner` takes the whole of it."""

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        n = count(env)
        if n is None:
            return kit.lost(node, p, end, out, depth)
        if n < 0:
            env[0].problems.append((p, p, f"{node.name} would have {n} bytes"))
            n = 0
        q = p + n
        if q > end:
            env[0].problems.append((p, end, f"{node.name} should have {in_bytes(n)}, its frame has {end - p} left"))
            inner(buf, p, end, out, depth, env)
            return end + 1
        if node.size and n % node.size:
            kit.ragged(node, p, q, env)
        inner(buf, p, q, out, depth, env)
        return q

    return step
