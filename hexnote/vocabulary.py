"""How the lines of all dump formats look: the terminals of the dump grammar, and scanners that try them in order."""

from __future__ import annotations

from re import Match, Pattern
from re import compile as regex

from hexnote.hints import Callable, Dict, Iterable, List, Optional
from hexnote.tuples import NamedTuple


class Terminal(NamedTuple):
    """A terminal of a dress."""

    name: str
    kind: str  # the rule that it belongs to: "head", "row", "run" ...
    priority: int
    source: str  # of its pattern, with named groups


Scan = Callable[[bytes, int], Optional[Match[bytes]]]


class Scanner:
    """Alternatives tried in order, as one pattern would; `lastgroup` of a match names the one that it is of.

    A pattern of all of them takes long to compile, and most texts need the first few alone: so there are several,
    of one alternative, of two, of four ..., each compiled when those before it have not matched.
    """

    __slots__ = ("compiled", "_left")

    def __init__(self, alternatives: List[str]) -> None:
        self.compiled: List[Scan] = []  # in order; not all of them
        self._left = alternatives

    def match(self, text: bytes, pos: int = 0) -> Optional[Match[bytes]]:
        """The match of the first alternative that has one at `pos`."""
        for each in self.compiled:
            match = each(text, pos)
            if match is not None:
                return match
        while self._left:
            size = 1 << len(self.compiled)
            match_next = regex("|".join(self._left[:size]).encode("latin-1")).match
            self.compiled.append(match_next)
            self._left = self._left[size:]
            match = match_next(text, pos)
            if match is not None:
                return match
        return None


class Vocabulary:
    """How the lines of all dresses look: the grammar's terminals as patterns over bytes."""

    def __init__(self, terminals: Iterable[Terminal]) -> None:
        ranked = sorted(terminals, key=lambda t: (-t.priority, t.name))
        self.terminals = {terminal.name: terminal for terminal in ranked}  # the first to be tried first
        self.kinds = {terminal.name: terminal.kind for terminal in ranked}
        self.dress = {terminal.name: terminal.name.partition("_")[0].lower() for terminal in ranked}
        self.kinds["LINE"] = "line"
        self._patterns: Dict[str, Pattern[bytes]] = {}
        self._scanners: Dict[str, Scanner] = {}

    def scanner(self, *kinds: str) -> Scanner:
        """A scanner for all terminals of these kinds. With "line" it matches at the start of any line."""
        key = " ".join(kinds)
        if key not in self._scanners:
            parts = [f"(?P<{t.name}>{nameless(t.source)})" for t in self.terminals.values() if t.kind in kinds]
            if "line" in kinds:
                parts.append(r"(?P<LINE>[^\n]*\n|[^\n]+)")
            self._scanners[key] = Scanner(parts)
        return self._scanners[key]

    def pattern(self, name: str) -> Pattern[bytes]:
        """A terminal's pattern with its named groups."""
        if name not in self._patterns:
            self._patterns[name] = regex(self.terminals[name].source.encode("latin-1"))
        return self._patterns[name]


def nameless(source: str) -> str:
    """The source of a pattern, its named groups made plain ones."""
    first, *others = source.split("(?P<")
    return first + "".join("(?:" + part.partition(">")[2] for part in others)
