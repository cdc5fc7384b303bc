"""What members are made of: the names of types followed through the format files."""

from __future__ import annotations

from hexnote.hints import Any, Dict, List, Optional, Protocol, Sequence, Tuple, Union
from hexnote.schema_types import (
    AMOUNT,
    BOUNDS,
    PLAIN,
    Definition,
    Enum,
    Extension,
    FormatError,
    Member,
    Struct,
    Sum,
    Word,
)

_UINTS = {f"uint{width}": width for width in range(1, 100)}


class Library(Protocol):
    """What the compiler asks of a Schema."""

    def find(self, name: str, file: str) -> Optional[Definition]: ...
    def extension(self, code: int) -> Optional[Extension]: ...
    def names(self, registry: str) -> Any: ...
    def known(self, file: str) -> List[str]: ...
    def error(self, file: str, word: Word, what: str) -> FormatError: ...


class Shape:
    """A member with the names of other types followed to the end."""

    __slots__ = ("base", "item", "how", "low", "high", "show", "argument", "type", "doc", "size")

    def __init__(self, member: Member) -> None:
        self.base: Union[str, Enum, Struct] = ""  # "opaque", "uint", "varint", "dnsname", or a definition
        self.item: Optional[Shape] = None  # of a vector whose items' type has an extent of its own
        self.how = member.how
        self.low = member.low
        self.high = member.high
        self.show = member.show
        self.argument = member.argument
        self.type = ""
        self.doc = member.doc
        self.size = 0  # bytes of a base that is a number; of one item where `item` is fixed


class Shapes:
    """Follows types; `library` has the definitions."""

    def __init__(self, library: Library) -> None:
        self.library = library

    def shape(self, member: Member, file: str, seen: Sequence[Member] = ()) -> Shape:
        """Follow a member's type to what it is made of."""
        shape = Shape(member)
        name: Word = member.type
        while True:
            uint = _UINTS.get(name)
            if name in ("opaque", "varint", "dnsname"):
                shape.base = str(name)
                return shape
            if uint:
                shape.base, shape.size = "uint", uint // 8
                return shape
            found = self.library.find(name, file)
            if found is None or isinstance(found, Extension):
                raise self.unknown(file, name)
            shape.type = shape.type or str(name)
            if isinstance(found, Enum):
                shape.base, shape.size = found, found.size
                return shape
            if isinstance(found, Struct):
                shape.base = found
                return shape
            if found in seen:
                raise self.library.error(found.file, found.name, f"{str(found.name)!r} is made of itself")
            seen = [*seen, found]
            if shape.how != PLAIN and found.how != PLAIN:
                return self._item(shape, found, seen)
            if shape.how == PLAIN:
                shape.how, shape.low, shape.high = found.how, found.low, found.high
                shape.doc = shape.doc or found.doc
            if shape.show is None:
                shape.show, shape.argument = found.show, found.argument
            name, file = found.type, found.file

    def _item(self, shape: Shape, found: Member, seen: Sequence[Member]) -> Shape:
        """A vector of a type that has an extent of its own: of fixed size, or with a length."""
        item = self.shape(found, found.file, seen)
        item.type = item.type or str(found.name)
        size = constant(item.low) if item.how == AMOUNT else None
        if item.base == "opaque" and size:
            shape.base, shape.size, shape.show = "uint", size, shape.show or item.show or Word("hex")
        elif item.base == "opaque" and item.how == BOUNDS:
            shape.base, shape.item = "opaque", item
        else:
            raise self.library.error(found.file, found.name, "a vector of these needs a struct around each")
        return shape

    def unknown(self, file: str, name: Word) -> FormatError:
        """The complaint about a type that is not there, with one that may be meant."""
        import difflib

        close = difflib.get_close_matches(name, self.library.known(file), 1)
        return self.library.error(file, name, f"no type {str(name)!r}" + (f" ({close[0]}?)" if close else ""))

    def bounds(self, shape: Shape, file: str) -> Tuple[int, int, int]:
        """Floor, ceiling and the length's width in bytes (RFC 8446 section 3.4)."""
        low, high = constant(shape.low), constant(shape.high)
        if low is None or high is None or low > high or not high:
            raise FormatError(f"grammars/{file}: the bounds of {shape.type or 'a vector'} are no numbers in order")
        return low, high, (high.bit_length() + 7) // 8

    def enum_names(self, enum: Enum) -> Dict[int, str]:
        """An enum's names by value: its own, or its registry's."""
        if enum.registry is None:
            return {value: str(name) for name, value in enum.entries}
        names: Dict[int, str] = self.library.names(enum.registry)
        return names


def bit_width(member: Member) -> int:
    """The width of a bit field; 0 where a member has whole bytes."""
    width = _UINTS.get(member.type, 0)
    return width if width % 8 and member.how == PLAIN else 0


def constant(total: Optional[Sum]) -> Optional[int]:
    """A sum's value, where it has no field's name in it."""
    if total is None:
        return None
    whole = 0
    for number, factors in total:
        for factor in factors:
            if not isinstance(factor, int):
                return None
            number *= factor
        whole += number
    return whole
