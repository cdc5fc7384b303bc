"""Definitions compiled to steps: which Node each name gets, and which closure walks it."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Protocol, Sequence, Set, Tuple, Union

from hexnote import schema_steps as steps
from hexnote.model import ARRAY, GROUP, LEAF, Node
from hexnote.schema_steps import Amount, Env, Hook, Kit, Step
from hexnote.schema_types import (
    AMOUNT, BOUNDS, PLAIN, REST, Definition, Enum, Extension, FormatError, Member, Part, Select, Struct, Sum, Tail, Word,
)

# What stands outside the bytes, by `$name`: attributes of model.Context.
OUTSIDE = ("version", "key_exchange", "sender", "message", "certificate_type")

_UINT = re.compile(r"uint([1-9][0-9]?)\Z")


class Library(Protocol):
    """What the compiler asks of a Schema."""

    def find(self, name: str, file: str) -> Optional[Definition]: ...
    def extension(self, code: int) -> Optional[Extension]: ...
    def names(self, registry: str) -> Any: ...
    def known(self, file: str) -> List[str]: ...
    def error(self, file: str, word: Word, what: str) -> FormatError: ...


class _Shape:
    """A member with the names of other types followed to the end."""

    __slots__ = ("base", "item", "how", "low", "high", "show", "argument", "type", "doc", "size")

    def __init__(self, member: Member) -> None:
        self.base: Union[str, Enum, Struct] = ""  # "opaque", "uint", "varint", or a definition
        self.item: Optional[_Shape] = None  # of a vector whose items' type has an extent of its own
        self.how = member.how
        self.low = member.low
        self.high = member.high
        self.show = member.show
        self.argument = member.argument
        self.type = ""
        self.doc = member.doc
        self.size = 0  # bytes of a base that is a number; of one item where `item` is fixed


class _Scope:
    """The fields of one struct that its later members may ask for."""

    __slots__ = ("file", "wanted", "slots", "enums")

    def __init__(self, file: str, wanted: Set[str]) -> None:
        self.file = file
        self.wanted = wanted
        self.slots: Dict[str, int] = {}  # of those that stand before
        self.enums: Dict[str, Enum] = {}


class _Run:
    """A run of fields of fixed size."""

    __slots__ = ("fields", "captures", "size")

    def __init__(self, fields: List[Tuple[Node, int, int, int]], captures: List[Tuple[int, int, int]], size: int) -> None:
        self.fields = fields
        self.captures = captures
        self.size = size

    def add(self, other: _Run) -> None:
        at = self.size
        self.fields = self.fields + [(n, a + at, b + at, d) for n, a, b, d in other.fields]
        self.captures = self.captures + [(s, a + at, b + at) for s, a, b in other.captures]
        self.size += other.size


Piece = Union[_Run, Step]


class Compiler:
    """Makes steps of definitions; every struct is compiled once, and its Nodes are shared."""

    def __init__(self, library: Library, hooks: Mapping[str, Hook], dress: Callable[..., Any]) -> None:
        self._library = library
        self._hooks = hooks
        self._dress = dress
        self._kit = Kit(dress)
        self._bodies: Dict[int, Tuple[Struct, List[Piece]]] = {}
        self._open: List[Struct] = []
        self._slots = 0

    # ---------------------------------------------------------------- whole definitions

    def root(self, struct: Struct) -> Step:
        """The step for a struct that is a frame of its own."""
        name = struct.alias or snake(struct.name)
        node = self._node(name, GROUP if struct.members else LEAF, type=struct.name, doc=struct.doc)
        return steps.frame(self._kit, node, self._body(struct))

    def check(self, each: Definition) -> List[str]:
        """What is wrong in a definition, at most one thing a struct, arm or type."""
        found: List[str] = []
        try:
            if isinstance(each, Struct):
                self._body(each)
            elif isinstance(each, Extension):
                for messages, _ in each.arms:
                    self.arm(each, str(messages[0]))
            elif isinstance(each, Enum):
                if each.registry is not None and not self._library.names(each.registry):
                    raise self._library.error(each.file, each.registry, f"no table registry/{each.registry}.tsv")
            else:
                self._pieces([each], _Scope(each.file, set()))
        except FormatError as error:
            found.append(str(error))
        finally:
            self._open.clear()
        return found

    def arm(self, extension: Extension, message: str) -> Optional[Step]:
        """The step for an extension's content in a message; None where its format is not known."""
        for wanted in (message, "default"):
            for messages, what in extension.arms:
                if wanted in messages:
                    return self._arm(extension, what)
        return None

    def _arm(self, extension: Extension, what: Union[Word, Member]) -> Step:
        if isinstance(what, Member):
            body = self._sequence(self._pieces([what], _Scope(extension.file, set())))
            node = self._node(extension.name, GROUP, type=extension.name, doc=extension.doc)
        else:
            struct = self._library.find(what, extension.file)
            if not isinstance(struct, Struct):
                raise self._unknown(extension.file, what)
            body = self._body(struct)
            kind = GROUP if struct.members else LEAF
            node = self._node(extension.name, kind, type=struct.name, doc=extension.doc or struct.doc)
        return steps.frame(self._kit, node, body)

    def _content(self, kind: int, message: str) -> Optional[Step]:
        extension = self._library.extension(kind)
        return None if extension is None else self.arm(extension, message)

    def _body(self, struct: Struct) -> Step:
        return self._sequence(self._struct(struct))

    def _struct(self, struct: Struct) -> List[Piece]:
        made = self._bodies.get(id(struct))
        if made is None:
            if struct in self._open:
                raise self._library.error(struct.file, struct.name, f"{str(struct.name)!r} holds itself")
            self._open.append(struct)
            wanted: Set[str] = set()
            _wants(struct.members, wanted)
            pieces = self._pieces(struct.members, _Scope(struct.file, wanted))
            self._open.pop()
            made = self._bodies[id(struct)] = (struct, pieces)
        return made[1]

    def _sequence(self, pieces: Sequence[Piece]) -> Step:
        if not pieces:
            return steps.nothing
        return steps.sequence([steps.fixed(self._kit, p.fields, p.captures) if isinstance(p, _Run) else p for p in pieces])

    # ---------------------------------------------------------------- members

    def _pieces(self, members: Sequence[Part], scope: _Scope) -> List[Piece]:
        """The members of a struct, runs of fixed size joined."""
        made: List[Piece] = []
        bits: List[Tuple[Member, int]] = []
        for member in members:
            if isinstance(member, Member):
                width = _bits(member)
                if width or bits:
                    bits.append((member, width))
                    if not width:
                        raise self._library.error(scope.file, member.name, "the bit fields before this fill no whole bytes")
                    if sum(w for _, w in bits) % 8:
                        continue
                    piece: Piece = self._bit_fields(bits, scope)
                    bits = []
                else:
                    piece = self._member(member, scope)
            elif isinstance(member, Select):
                piece = self._select(member, members, scope)
            else:
                piece = steps.tail(self._sequence(self._pieces(member.members, scope)))
            last = made[-1] if made else None
            if isinstance(piece, _Run) and isinstance(last, _Run):
                last.add(piece)
            else:
                made.append(piece)
        if bits:
            raise self._library.error(scope.file, bits[-1][0].name, "these bit fields fill no whole bytes")
        return made

    def _bit_fields(self, bits: List[Tuple[Member, int]], scope: _Scope) -> _Run:
        """One leaf for fields of some bits each, named as the widest of them."""
        widest = max(bits, key=lambda b: b[1])[0]
        size = sum(w for _, w in bits) // 8
        doc = " ".join(m.doc for m, _ in bits if m.doc)
        node = self._node(widest.name, LEAF, show=widest.show or "uint", doc=doc, bits=tuple((str(m.name), w) for m, w in bits), width=size)
        return _Run([(node, 0, size, 0)], [], size)

    def _member(self, member: Member, scope: _Scope) -> Piece:
        shape = self._shape(member, scope.file, [])
        base = shape.base
        name = str(member.name)
        if isinstance(base, Struct):
            return self._structs(name, base, shape, scope)
        if shape.item is not None:
            return self._opaques(name, shape, shape.item, scope)
        if base == "varint":
            return steps.varint(self._kit, self._leaf(name, shape), self._slot(name, scope))
        if shape.how == PLAIN:
            if base == "opaque":
                raise self._library.error(scope.file, member.name, "how many bytes? [n], [], or <floor..ceiling>")
            return self._fixed(name, self._leaf(name, shape), shape, shape.size, scope)
        hook = self._hook(shape)
        item = 0 if base == "opaque" else shape.size
        if shape.how == BOUNDS:
            low, high, width = self._bounds(shape, scope)
            length = self._length(name, width)
            node = self._leaf(name, shape, item)
            if shape.show == "extension":
                if shape.argument is None or shape.argument not in scope.slots:
                    raise self._library.error(scope.file, member.name, "`as extension FIELD`: the field that has its type, before this")
                inner = steps.dispatch(scope.slots[shape.argument], node, self._content)
                return steps.framed(self._kit, length, node, width, low, high, inner)
            if hook is not None:
                return steps.framed(self._kit, length, node, width, low, high, steps.hooked(hook, node))
            return steps.blob(self._kit, length, node, width, low, high)
        if shape.how == AMOUNT:
            constant = _constant(shape.low)
            if constant is not None:
                node = self._leaf(name, shape, 0 if constant == item else item)
                return self._fixed(name, node, shape, constant, scope)
        node = self._leaf(name, shape, item)
        inner = steps.hooked(hook, node) if hook is not None else steps.rest(node)
        if shape.how == REST:
            return inner
        return steps.amount(self._kit, node, self._amount(shape.low, scope), inner)

    def _fixed(self, name: str, node: Node, shape: _Shape, size: int, scope: _Scope) -> _Run:
        captures = []
        if name in scope.wanted:
            captures.append((self._slot(name, scope), 0, size))
            if isinstance(shape.base, Enum):
                scope.enums[name] = shape.base
        return _Run([(node, 0, size, 0)], captures, size)

    def _structs(self, name: str, struct: Struct, shape: _Shape, scope: _Scope) -> Piece:
        pieces = self._struct(struct)
        group = self._node(name, GROUP, type=struct.name, doc=shape.doc or (struct.doc if shape.how == PLAIN else ""))
        if shape.how == PLAIN:
            if not pieces:
                return steps.empty(self._node(name, LEAF, type=struct.name, doc=shape.doc or struct.doc))
            if len(pieces) == 1 and isinstance(pieces[0], _Run):
                run = pieces[0]
                fields = [(group, 0, run.size, 0)] + [(n, a, b, d + 1) for n, a, b, d in run.fields]
                return _Run(fields, run.captures, run.size)
            return steps.structure(group, self._sequence(pieces))
        item = self._node(name, GROUP, type=struct.name, doc=struct.doc)
        return self._vector(name, group, shape, steps.structs(self._kit, item, self._sequence(pieces)), scope)

    def _opaques(self, name: str, shape: _Shape, item: _Shape, scope: _Scope) -> Piece:
        """A vector whose items have a length each."""
        low, high, width = self._bounds(item, scope)
        group = self._node(name, GROUP, type=item.type, doc=shape.doc)
        leaf = self._node(name, LEAF, show=item.show or "opaque", type=item.type, doc=item.doc)
        body = steps.blobs(self._kit, self._length(name, width), leaf, width, low, high, self._hook(item))
        return self._vector(name, group, shape, body, scope)

    def _vector(self, name: str, group: Node, shape: _Shape, items: Step, scope: _Scope) -> Step:
        if shape.how == BOUNDS:
            low, high, width = self._bounds(shape, scope)
            return steps.vector(self._kit, group, self._length(name, width), width, low, high, items)
        covering = steps.covering(group, items)
        if shape.how == REST:
            return covering
        return steps.amount(self._kit, group, self._amount(shape.low, scope), covering)

    # ---------------------------------------------------------------- types

    def _shape(self, member: Member, file: str, seen: List[Member]) -> _Shape:
        """Follow a member's type to what it is made of."""
        shape = _Shape(member)
        name: Word = member.type
        while True:
            uint = _UINT.match(name)
            if name in ("opaque", "varint"):
                shape.base = str(name)
                return shape
            if uint:
                shape.base, shape.size = "uint", int(uint.group(1)) // 8
                return shape
            found = self._library.find(name, file)
            if found is None or isinstance(found, Extension):
                raise self._unknown(file, name)
            shape.type = shape.type or str(name)
            if isinstance(found, Enum):
                shape.base, shape.size = found, found.size
                return shape
            if isinstance(found, Struct):
                shape.base = found
                return shape
            if found in seen:
                raise self._library.error(found.file, found.name, f"{str(found.name)!r} is made of itself")
            seen.append(found)
            if shape.how != PLAIN and found.how != PLAIN:
                return self._item(shape, found, seen)
            if shape.how == PLAIN:
                shape.how, shape.low, shape.high = found.how, found.low, found.high
                shape.doc = shape.doc or found.doc
            if shape.show is None:
                shape.show, shape.argument = found.show, found.argument
            name, file = found.type, found.file

    def _item(self, shape: _Shape, found: Member, seen: List[Member]) -> _Shape:
        """A vector of a type that has an extent of its own: of fixed size, or with a length."""
        item = self._shape(found, found.file, seen)
        item.type = item.type or str(found.name)
        size = _constant(item.low) if item.how == AMOUNT else None
        if item.base == "opaque" and size:
            shape.base, shape.size, shape.show = "uint", size, shape.show or item.show or Word("hex")
        elif item.base == "opaque" and item.how == BOUNDS:
            shape.base, shape.item = "opaque", item
        else:
            raise self._library.error(found.file, found.name, "a vector of these needs a struct around each")
        return shape

    def _unknown(self, file: str, name: Word) -> FormatError:
        import difflib

        close = difflib.get_close_matches(name, self._library.known(file), 1)
        return self._library.error(file, name, f"no type {str(name)!r}" + (f" ({close[0]}?)" if close else ""))

    def _bounds(self, shape: _Shape, scope: _Scope) -> Tuple[int, int, int]:
        """Floor, ceiling and the length's width in bytes (RFC 8446 section 3.4)."""
        low, high = _constant(shape.low), _constant(shape.high)
        if low is None or high is None or low > high or not high:
            raise FormatError(f"grammars/{scope.file}: the bounds of {shape.type or 'a vector'} are no numbers in order")
        return low, high, (high.bit_length() + 7) // 8

    def _hook(self, shape: _Shape) -> Optional[Hook]:
        return self._hooks.get(shape.argument) if shape.show == "der" and shape.argument is not None else None

    # ---------------------------------------------------------------- references

    def _slot(self, name: str, scope: _Scope) -> int:
        self._slots += 1
        scope.slots[name] = self._slots
        return self._slots

    def _amount(self, total: Optional[Sum], scope: _Scope) -> Amount:
        """A sum of products of earlier fields, as a closure."""
        terms: List[Tuple[int, List[int]]] = []
        for sign, factors in total or []:
            number, slots = sign, []
            for factor in factors:
                if isinstance(factor, int):
                    number *= factor
                else:
                    slots.append(self._reference(factor, scope))
            terms.append((number, slots))
        if len(terms) == 1 and terms[0][0] == 1 and len(terms[0][1]) == 1:
            slot = terms[0][1][0]
            return lambda env: env.get(slot)

        def count(env: Env) -> Optional[int]:
            whole = 0
            for number, slots in terms:
                for slot in slots:
                    value = env.get(slot)
                    if value is None:
                        return None
                    number *= value
                whole += number
            return whole

        return count

    def _reference(self, name: Word, scope: _Scope) -> int:
        slot = scope.slots.get(name)
        if slot is None:
            raise self._library.error(scope.file, name, f"no field {str(name)!r} of fixed size stands before this")
        return slot

    def _select(self, select: Select, members: Sequence[Part], scope: _Scope) -> Step:
        field = select.field
        slot, outside = 0, ""
        if field.startswith("$"):
            outside = field[1:]
            if outside not in OUTSIDE:
                raise self._library.error(scope.file, field, f"no {str(field)!r}: there are ${', $'.join(OUTSIDE)}")
        else:
            slot = self._reference(field, scope)
        cases: Dict[Any, Step] = {}
        ranges: List[Tuple[int, int, Step]] = []
        for labels, part in select.cases:
            arm = self._sequence(self._pieces(part, scope))
            for label, upto in labels:
                if upto is not None:
                    ranges.append((int(label, 0), upto, arm))
                    continue
                value = self._label(label, field, scope)
                if value in cases:
                    raise self._library.error(scope.file, label, f"case {str(label)!r} stands here twice")
                cases[value] = arm
        otherwise = self._sequence(self._pieces(select.otherwise, scope))
        lost = self._node(_first_name(select), LEAF)
        return steps.choose(self._kit, lost, slot, outside, cases, ranges, otherwise)

    def _label(self, label: Word, field: Word, scope: _Scope) -> Any:
        """A case's value: a number, a name of the field's enum, or a word where it lies outside."""
        if label[0].isdigit():
            return int(label, 0)
        if field.startswith("$"):
            return str(label)
        enum = scope.enums.get(field)
        names = self._enum_names(enum) if enum is not None else {}
        for value, name in names.items():
            if name == label:
                return value
        raise self._library.error(scope.file, label, f"{str(field)!r} has no value {str(label)!r}")

    # ---------------------------------------------------------------- nodes

    def _enum_names(self, enum: Enum) -> Dict[int, str]:
        if enum.registry is None:
            return {value: str(name) for value, name in enum.names.items()}
        names: Dict[int, str] = self._library.names(enum.registry)
        return names

    def _leaf(self, name: str, shape: _Shape, item: int = 0) -> Node:
        """The Node of a value, or of many values of `item` bytes each."""
        names = None
        show = str(shape.show or "")
        if isinstance(shape.base, Enum):
            names = self._enum_names(shape.base)
            show = show or ("version" if shape.base.registry == "versions" else "enum")
        elif not show or show in ("der", "extension"):
            show = "opaque" if shape.base == "opaque" else "uint"
        return self._node(name, ARRAY if item else LEAF, item, show, names, shape.doc, type=shape.type, width=shape.size)

    def _length(self, name: str, width: int) -> Node:
        return self._node(name, LEAF, show="length", suffix=".length", width=width)

    def _node(
        self, name: str, kind: int, size: int = 0, show: str = "", names: Optional[Dict[int, str]] = None, doc: str = "",
        suffix: str = "", type: str = "", bits: Tuple[Tuple[str, int], ...] = (), width: int = 0,
    ) -> Node:
        told, rfc = _source(doc)
        node = Node(str(name), kind, size, str(show), names, told, rfc, 0, suffix, str(type), bits)
        self._dress(node, width)
        return node


def _source(doc: str) -> Tuple[str, str]:
    """A teaching note without its last words, the source: ("...", "RFC 5246 section 7.4.1.3")."""
    at = max(doc.rfind(" RFC "), doc.rfind(" draft-"))
    if at < 0 or not doc[:at].endswith((".", "?", ")")):
        return doc, ""
    return doc[:at], doc[at + 1 :].rstrip(".").replace("§", "section ")


def snake(name: str) -> str:
    """A type's name as a field's: ClientHello, client_hello; SSL2Error, ssl2_error."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _bits(member: Member) -> int:
    """The width of a bit field; 0 where a member has whole bytes."""
    uint = _UINT.match(member.type)
    width = int(uint.group(1)) if uint else 0
    return width if width % 8 and member.how == PLAIN else 0


def _constant(total: Optional[Sum]) -> Optional[int]:
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


def _wants(members: Sequence[Part], wanted: Set[str]) -> None:
    """Collect the names that members ask for."""
    for member in members:
        if isinstance(member, Member):
            for total in (member.low, member.high):
                wanted.update(str(f) for _, factors in total or [] for f in factors if not isinstance(f, int))
            if member.show == "extension" and member.argument is not None:
                wanted.add(str(member.argument))
        elif isinstance(member, Select):
            wanted.add(str(member.field))
            for _, part in member.cases:
                _wants(part, wanted)
            _wants(member.otherwise, wanted)
        else:
            _wants(member.members, wanted)


def _first_name(select: Select) -> str:
    """A name for the variants of a select, where it cannot be told which is there."""
    for part in [p for _, p in select.cases] + [select.otherwise]:
        for member in part:
            if isinstance(member, Member):
                return str(member.name)
    return "variant"
