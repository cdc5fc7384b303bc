"""The values that a path selects, a line each, for shells and spreadsheets: `FILE:packet:value`."""

from __future__ import annotations

import re

from hexnote.fields import digits, known, places, walk
from hexnote.hints import Any, List, Optional, Pattern, Sequence, Set
from hexnote.model import BUFFER, END, LOST, PACKET, Block, Connection, Finding, Node, Packet, Part, Prose

# Parts of names that only frame a value.
_FRAMES = frozenset((".length", ".header", ".explicit"))
# One name of a path: `name`, `name[2]`, `name[*]`; `*` is any name.
_NAME = re.compile(r"(\*|[\w-]+)(\[(\*|\d+)\])?\Z")


def selector(path: str) -> Pattern[str]:
    """What a path selects: names joined by dots, from any depth on; `[*]` is every number, `*` any name.

    A name without number stands for every number, but for the last one: `cipher_suites` is the list and
    `cipher_suites[*]` are its values. Raises ValueError, with what is wrong in words.
    """
    made: List[str] = []
    names = path.split(".")
    for i, name in enumerate(names):
        found = _NAME.match(name)
        if found is None:
            raise ValueError(f"{name!r} is no name: names are joined by dots, with [2] or [*] behind the name of a list's item")
        word = r"[^.\[\]]+" if found.group(1) == "*" else re.escape(found.group(1))
        number = found.group(3)
        if number is not None:
            word += r"\[\d+\]" if number == "*" else rf"\[{int(number)}\]"
        elif i + 1 < len(names):
            word += r"(?:\[\d+\])?"
        made.append(word)
    return re.compile(r"(?:\A|\.)" + r"\.".join(made) + r"\Z")


class Select:
    """The renderer."""

    echoes = False
    unfinished = False
    live = False
    keep = True

    def __init__(self, path: str) -> None:
        """`path` as `selector` takes it. Raises ValueError."""
        self._chosen = selector(path)
        self.out: List[str] = []
        self.found = False  # the path selected something
        self._file = "-"
        self._packet = 0

    def begin(self, file: str) -> None:
        """A new input begins."""
        self._file = _clean(file)
        self._packet = 0
        self.found = False

    def prose(self, item: Prose) -> None:
        """Lines that are no dump have no fields."""

    def excerpt(self, block: Block) -> None:
        """Nor have bytes shown again."""

    def block(
        self, block: Block, packet: Packet, connection: Optional[Connection], parts: List[Part], review: bool,
        remarks: Sequence[str], findings: Sequence[Finding],
    ) -> None:
        """A packet, or more of one, and what its bytes completed."""
        if block.kind == PACKET:
            self._packet = packet.number
        self._parts(parts, connection)

    def late(self, packet: Packet, at: int, data: bytes, connection: Optional[Connection], parts: List[Part]) -> None:
        """Bytes of an earlier packet that only now can be read."""
        self._parts(parts, connection)

    def lost(self, parts: List[Part], connection: Optional[Connection]) -> None:
        """Holes and given-up units."""
        self._parts(parts, connection)

    def remark(self, text: str, findings: Sequence[Finding] = ()) -> None:
        """Sentences are no fields."""

    def finish(self, connection: Connection, findings: Sequence[Finding]) -> None:
        """A connection is over."""

    def end(self) -> None:
        """The input ends."""

    def take(self) -> bytes:
        """What was selected since the last call."""
        made, self.out = self.out, []
        return "".join(made).encode("utf-8")

    def _parts(self, parts: List[Part], connection: Optional[Connection]) -> None:
        for part in parts:
            if part.done and part.kind not in (END, LOST, BUFFER) and part.fields:
                self._part(part, connection)

    def _part(self, part: Part, connection: Optional[Connection]) -> None:
        buf = part.buf
        open_: List[_Group] = []  # selected groups that hold what comes
        for node, group, path, start, end, depth, _, _, _, at in walk(part, places(part, connection)):
            while open_ and depth <= open_[-1].depth:
                self._close(open_.pop())
            packet = at[0][0] if at else self._packet
            if self._chosen.search(path):
                if group:
                    open_.append(_Group(depth, packet))
                    continue
                self._line(packet, _value(node, buf, start, end))
            if open_ and not group:
                told = _Leaf(path, node, _value(node, buf, start, end))
                for one in open_:
                    one.leaves.append(told)
        while open_:
            self._close(open_.pop())

    def _close(self, group: _Group) -> None:
        self._line(group.packet, " ".join(group.values()))

    def _line(self, packet: int, value: str) -> None:
        self.found = True
        self.out.append(f"{self._file}:{packet}:{value}\n")


class _Leaf:
    __slots__ = ("names", "node", "value")

    def __init__(self, path: str, node: Node, value: str) -> None:
        self.names: Set[str] = {name.partition("[")[0] for name in path.split(".")}
        self.node = node
        self.value = value


class _Group:
    """A selected group: told by the values in it, without what only frames them."""

    __slots__ = ("depth", "packet", "leaves")

    def __init__(self, depth: int, packet: int) -> None:
        self.depth = depth
        self.packet = packet
        self.leaves: List[_Leaf] = []

    def values(self) -> List[str]:
        """Lengths are left out, and types that only say which structure follows."""
        made: List[str] = []
        below: Set[str] = set()
        for leaf in reversed(self.leaves):
            node = leaf.node
            if not (node.suffix in _FRAMES or node.show == "length" or (node.show == "enum" and leaf.value in below)):
                made.append(leaf.value)
            below |= leaf.names
        return made[::-1]


def _value(node: Node, buf: Any, start: int, end: int) -> str:
    """A leaf's value: the registry's name, else text or number, else hex with `..` for each byte that is not there."""
    raw = known(buf, start, end)
    if raw is not None:
        title = node.title(raw)
        value = node.value(raw) if title is None else title
        if value is not None:
            return _clean(str(value))
    return digits(buf, start, end)


def _clean(text: str) -> str:
    """Text without what could be taken for something else: line ends, controls, changes of direction are escaped."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(
        sign if sign.isprintable() and sign != "\\" else sign.encode("unicode_escape").decode("ascii") for sign in text
    )

