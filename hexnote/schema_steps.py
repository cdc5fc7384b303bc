"""The moving parts of decoders: closures that walk bytes and append fields.

A step is `step(buf, p, end, out, depth, env) -> q`. It decodes what stands at `p` in the frame that
ends at `end`, appends fields to `out`, and returns where the next step goes on. A result beyond
`end` says that the frame is done for: its rest is in `out` already, as MISSING (it cannot be read)
or clipped (the format wants more than the frame has). `env` holds the values that later steps ask
for, by slot; `env[0]` is the Context.

`buf` may end before `end`, and may have holes (spans.Patchy): a place that is known needs no
reading, so only lengths and selectors are read, and either kind of absence is an exception here.
"""

from __future__ import annotations

from hexnote.hints import Any, Callable, Dict, List, Sequence, Tuple
from hexnote.model import EXTRA, GROUP, LEAF, MISSING, Field, Node
from hexnote.spans import Hole

Env = Dict[int, Any]
Step = Callable[[Any, int, int, List[Any], int, Env], int]
# Appends the fields of buf[pos:end] under a node, as model.Decoder; `node` and `index` name the whole.
Hook = Callable[..., None]

UNREAD = (IndexError, Hole)


class Kit:
    """What all steps of a schema share: substitutes of nodes, and words for what is broken."""

    __slots__ = ("_dress", "_made")

    def __init__(self, dress: Callable[..., Any]) -> None:
        self._dress = dress
        self._made: Dict[Tuple[int, int], Tuple[Node, Node]] = {}

    def instead(self, node: Node, kind: int) -> Node:
        """The MISSING or EXTRA node that stands where `node` should, or behind it. Made once."""
        made = self._made.get((id(node), kind))
        if made is None:
            other = Node(node.name, kind, show="opaque", type=node.type, suffix=".extra" if kind == EXTRA else "")
            self._dress(other)
            made = self._made[id(node), kind] = (other, node)
        return made[0]

    def lost(self, node: Node, p: int, end: int, out: List[Field], depth: int) -> int:
        """The rest of the frame cannot be read, from `node` on."""
        if p < end:
            out.append((self.instead(node, MISSING), p, end, depth, -1))
        return end + 1

    def short(
        self, node: Node, size: int, p: int, end: int, out: List[Field], depth: int, env: Env, index: int = -1,
    ) -> int:
        """The frame ends inside `node`, which takes `size` bytes, or before it."""
        name = node.name + node.suffix.replace(".", " ")
        if p < end:
            out.append((node, p, end, depth, index))
            what = f"{name} takes {in_bytes(size)}, its frame has {end - p} left"
        else:
            what = f"the frame ends before {name}"
        env[0].problems.append((p, end, what))
        return end + 1

    def extra(self, node: Node, p: int, end: int, out: List[Field], depth: int, env: Env, index: int = -1) -> None:
        """Bytes [p, end) of a frame are left over behind all that its format, named by `node`, has."""
        out.append((self.instead(node, EXTRA), p, end, depth, index))
        env[0].problems.append((p, end, f"{in_bytes(end - p)} left over behind {node.name}"))

    def bounds(self, node: Node, p: int, q: int, n: int, low: int, high: int, end: int, env: Env) -> int:
        """The length `n`, read at [p, q), breaks the frame or its own bounds; the content's end is returned."""
        if n < low or n > high:
            limits = f"{low} to {high}" if low != high else f"{low}"
            env[0].problems.append((p, q, f"{node.name} has {in_bytes(n)}, the format allows {limits}"))
        if q + n > end:
            env[0].problems.append((p, q, f"{node.name} should have {in_bytes(n)}, its frame has {end - q} left"))
            return end
        return q + n

    def ragged(self, node: Node, p: int, end: int, env: Env) -> None:
        """The bytes [p, end) are no whole number of items."""
        env[0].problems.append((p, end, f"{node.name}: {in_bytes(end - p)} are no multiple of {node.size}"))


def in_bytes(n: int) -> str:
    """A count of bytes in words."""
    return "1 byte" if n == 1 else f"{n} bytes"


# ---------------------------------------------------------------- sequences


def sequence(steps: Sequence[Step]) -> Step:
    """One step after the other, in one frame."""
    if len(steps) == 1:
        return steps[0]
    if len(steps) == 2:
        first, second = steps

        def two(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
            p = first(buf, p, end, out, depth, env)
            return p if p > end else second(buf, p, end, out, depth, env)

        return two

    def many(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        for step in steps:
            p = step(buf, p, end, out, depth, env)
            if p > end:
                break
        return p

    return many


def nothing(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
    """No bytes, no field."""
    return p


def empty(node: Node) -> Step:
    """A field of no bytes."""

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        out.append((node, p, p, depth, -1))
        return p

    return step


def fixed(kit: Kit, run: List[Tuple[Node, int, int, int]], captures: List[Tuple[int, int, int]]) -> Step:
    """A run of fields of fixed size: (node, start, end, depth), all counted from the run's place.

    `captures` are the values to keep for later steps: (slot, start, end).
    """
    size = max(r[2] for r in run)

    def cut(p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        for node, a, b, d in run:
            if p + b > end and node.kind != GROUP:
                return kit.short(node, b - a, p + a, end, out, depth + d, env)
            out.append((node, p + a, min(p + b, end), depth + d, -1))
        return end + 1

    node = run[0][0]
    if not captures and len(run) == 1:

        def one(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
            q = p + size
            if q > end:
                return cut(p, end, out, depth, env)
            out.append((node, p, q, depth, -1))
            return q

        return one
    if len(captures) == 1 and len(run) == 1 and size <= 2:
        slot = captures[0][0]
        wide = size == 2

        def kept(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
            q = p + size
            if q > end:
                return cut(p, end, out, depth, env)
            out.append((node, p, q, depth, -1))
            try:
                env[slot] = buf[p] << 8 | buf[p + 1] if wide else buf[p]
            except UNREAD:
                env[slot] = None
            return q

        return kept

    def many(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        q = p + size
        if q > end:
            return cut(p, end, out, depth, env)
        out += [(n, p + a, p + b, depth + d, -1) for n, a, b, d in run]
        for slot, a, b in captures:
            try:
                raw = buf[p + a : p + b]
                env[slot] = int.from_bytes(raw, "big") if len(raw) == b - a else None
            except Hole:
                env[slot] = None
        return q

    return many


def varint(kit: Kit, node: Node, slot: int) -> Step:
    """A variable-length integer (RFC 9000 section 16), kept in `slot`."""

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        if p >= end:
            return kit.short(node, 1, p, end, out, depth, env)
        try:
            size: int = 1 << (buf[p] >> 6)
        except UNREAD:
            return kit.lost(node, p, end, out, depth)
        q = p + size
        if q > end:
            return kit.short(node, size, p, end, out, depth, env)
        out.append((node, p, q, depth, -1))
        try:
            raw = buf[p:q]
            env[slot] = int.from_bytes(raw, "big") & ((1 << (8 * size - 2)) - 1) if len(raw) == size else None
        except Hole:
            env[slot] = None
        return q

    return step


def domain(kit: Kit, node: Node) -> Step:
    """A domain name on the wire (RFC 1035 section 3.1): labels, each behind its length, up to one of no bytes.

    A length over 63 ends it too: names that point elsewhere (section 4.1.4) have no place in TLS.
    """

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        q = p
        try:
            while q < end and 0 < buf[q] < 64:
                q += 1 + buf[q]
            if q < end and buf[q]:
                env[0].problems.append((q, q + 1, f"a label of {node.name} has {buf[q]} bytes, 63 are the most"))
        except UNREAD:
            return kit.lost(node, p, end, out, depth)
        if q >= end:
            return kit.short(node, q + 1 - p, p, end, out, depth, env)
        out.append((node, p, q + 1, depth, -1))
        return q + 1

    return step


# ---------------------------------------------------------------- choices


def tail(step: Step) -> Step:
    """`[[ ... ]]`: there if bytes remain."""

    def optional(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        return p if p >= end else step(buf, p, end, out, depth, env)

    return optional


def choose(
    kit: Kit, node: Node, slot: int, outside: str, cases: Dict[Any, Step], ranges: List[Tuple[int, int, Step]],
    otherwise: Step,
) -> Step:
    """`select`: by the value in `slot`, or by the Context's attribute `outside`. `node` names what is lost."""

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        value = getattr(env[0], outside) if outside else env.get(slot)
        if value is None:
            return kit.lost(node, p, end, out, depth)
        chosen = cases.get(value)
        if chosen is None:
            chosen = otherwise
            for low, high, ranged in ranges:
                if low <= value <= high:
                    chosen = ranged
                    break
        q: int = chosen(buf, p, end, out, depth, env)
        return q

    return step


# ---------------------------------------------------------------- structures and frames


def structure(group: Node, body: Step) -> Step:
    """A structure inside another: a GROUP as long as its members are."""

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        at = len(out)
        out.append(None)
        q = body(buf, p, end, out, depth + 1, env)
        out[at] = (group, p, q if q <= end else end, depth, -1)
        return q

    return step


def frame(kit: Kit, node: Node, body: Step) -> Step:
    """A structure that has a frame of its own: what it leaves over is told. A LEAF: it has no members."""
    leaf = node.kind == LEAF

    def step(buf: Any, p: int, end: int, out: List[Any], depth: int, env: Env) -> int:
        if leaf:
            out.append((node, p, p, depth, -1))
            q = p
        else:
            out.append((node, p, end, depth, -1))
            q = body(buf, p, end, out, depth + 1, env)
        if q < end:
            kit.extra(node, q, end, out, depth, env)
        return end

    return step
