"""Definitions of the presentation language (RFC 8446 section 3) as objects, and complaints about them.

Names are `Word`s: strings that know where they stand, so that a complaint can point into the file.
"""

from __future__ import annotations

from hexnote.hints import List, Optional, Tuple, Union

# How many bytes a member takes, other than its type's own size.
PLAIN = 0  # no brackets
AMOUNT = 1  # [n], [field * 2 - 1]
REST = 2  # []
BOUNDS = 3  # <floor..ceiling>


class Word(str):
    """A name out of a format file, with its place there (1-based)."""

    line: int
    column: int


# A sum of products: [(+1 or -1, [factor, ...]), ...]; a factor is a number or a field's name.
Sum = List[Tuple[int, List[Union[int, Word]]]]


class FormatError(Exception):
    """A mistake in a format file: `grammars/tls/alpn.tls:7:12: no type 'X'`, its line and a caret."""


def complaint(file: str, text: str, line: int, column: int, what: str) -> FormatError:
    """The error for a place (1-based) in a file with that text."""
    lines = text.split("\n")
    shown = lines[line - 1].replace("\t", " ") if line <= len(lines) else ""
    return FormatError(f"grammars/{file}:{line}:{column}: {what}\n  {shown}\n  {' ' * (column - 1)}^")


class Member:
    """A member of a struct, or a type made of another: `Type name[...]<...> as show argument;`."""

    __slots__ = ("file", "type", "name", "how", "low", "high", "show", "argument", "doc")

    def __init__(
        self, type: Word, name: Word, how: int = PLAIN, low: Optional[Sum] = None, high: Optional[Sum] = None,
        show: Optional[Word] = None, argument: Optional[Word] = None,
    ) -> None:
        self.file = ""  # where the definition stands: "tls/common.tls"
        self.type = type
        self.name = name
        self.how = how
        self.low = low  # AMOUNT: the amount; BOUNDS: the floor
        self.high = high
        self.show = show
        self.argument = argument
        self.doc = ""


class Select:
    """`select (field) { case a, b..c: members; default: members; }`; `field` begins with $ if it is outside."""

    __slots__ = ("field", "cases", "otherwise")

    def __init__(self, field: Word) -> None:
        self.field = field
        self.cases: List[Tuple[List[Tuple[Word, Optional[int]]], List[Part]]] = []
        self.otherwise: List[Part] = []


class Tail:
    """`[[ members ]]`: there if bytes remain."""

    __slots__ = ("members",)

    def __init__(self, members: List[Part]) -> None:
        self.members = members


Part = Union[Member, Select, Tail]


class Struct:
    """`struct { members } Name as alias;`"""

    __slots__ = ("file", "name", "members", "alias", "doc")

    def __init__(self, name: Word, members: List[Part], alias: str) -> None:
        self.file = ""
        self.name = name
        self.members = members
        self.alias = alias  # the name that it is shown under, "" for its type's
        self.doc = ""


class Enum:
    """`enum { name(1), range(2..3), (0xFFFF) } Name as registry;`"""

    __slots__ = ("file", "name", "entries", "size", "registry", "doc")

    def __init__(self, name: Word, entries: List[Tuple[Word, int]], size: int, registry: Optional[Word]) -> None:
        self.file = ""
        self.name = name
        self.entries = entries
        self.size = size  # bytes
        self.registry = registry
        self.doc = ""


class Extension:
    """`extension name(code) { message, message: Type; default: field; }`"""

    __slots__ = ("file", "name", "code", "arms", "doc")

    def __init__(self, name: Word, code: int, arms: List[Tuple[List[Word], Union[Word, Member]]]) -> None:
        self.file = ""
        self.name = name
        self.code = code
        self.arms = arms
        self.doc = ""


Definition = Union[Struct, Enum, Extension, Member]
