"""Definitions compiled to steps: which Node each name gets, and which closure walks it."""

from __future__ import annotations

import re

from hexnote import schema_steps as steps
from hexnote import schema_vectors as vectors
from hexnote.hints import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple, Union
from hexnote.model import GROUP, LEAF, Node
from hexnote.schema_nodes import Nodes, unread
from hexnote.schema_shapes import Library, Shape, Shapes, bit_width, constant
from hexnote.schema_steps import Env, Hook, Kit, Step
from hexnote.schema_types import (
    AMOUNT,
    BOUNDS,
    PLAIN,
    REST,
    Definition,
    Enum,
    Extension,
    FormatError,
    Member,
    Part,
    Select,
    Struct,
    Sum,
    Word,
)
from hexnote.schema_vectors import Amount

# What stands outside the bytes, by `$name`: attributes of model.Context.
OUTSIDE = ("version", "key_exchange", "sender", "message", "certificate_type")



class _Scope:
    """The fields of one struct that its later members may ask for."""

    __slots__ = ("file", "wanted", "slots", "enums")

    def __init__(self, file: str, wanted: Set[str]) -> None:
        self.file = file
        self.wanted = wanted
        self.slots: Dict[str, int] = {}  # of those that stand before
        self.enums: Dict[str, Enum] = {}


# A field of fixed size inside a run: (node, start, end, depth), counted from the run's place.
Placed = Tuple[Node, int, int, int]


class _Run:
    """A run of fields of fixed size."""

    __slots__ = ("fields", "captures", "size")

    def __init__(self, fields: List[Placed], captures: List[Tuple[int, int, int]], size: int) -> None:
        self.fields = fields
        self.captures = captures  # (slot, start, end)
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
        self._shapes = Shapes(library)
        self._hooks = hooks
        self._nodes = Nodes(self._shapes, dress)
        self._kit = Kit(dress)
        self._bodies: Dict[int, Tuple[Struct, List[Piece]]] = {}
        self._open: List[Struct] = []
        self._slots = 0

    # ---------------------------------------------------------------- whole definitions

    def root(self, struct: Struct) -> Step:
        """The step for a struct that is a frame of its own."""
        name = struct.alias or snake(struct.name)
        node = self._nodes.node(name, GROUP if struct.members else LEAF, type=struct.name, doc=struct.doc)
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
                self._check_enum(each)
            else:
                self._pieces([each], _Scope(each.file, set()))
        except FormatError as error:
            found.append(str(error))
        finally:
            self._open.clear()
        return found

    def _check_enum(self, each: Enum) -> None:
        if each.registry is not None and not self._library.names(each.registry):
            raise self._library.error(each.file, each.registry, f"no table registry/{each.registry}.tsv")
        names: Set[str] = set()
        values: Set[int] = set()
        for name, value in each.entries:
            if name in names:
                raise self._library.error(each.file, name, f"{str(name)!r} stands here twice")
            if value in values:
                raise self._library.error(each.file, name, f"{value} has a name already")
            names.add(str(name))
            values.add(value)

    def arm(self, extension: Extension, message: str) -> Optional[Step]:
        """The step for an extension's content in a message; None where its format is not known."""
        for wanted in (message, "default"):
            for messages, what in extension.arms:
                if wanted in messages:
                    return self._arm(extension, what)
        return None

    def _arm(self, extension: Extension, what: Union[Word, Member]) -> Step:
        if isinstance(what, Member):
            node = self._nodes.node(extension.name, GROUP, type=extension.name, doc=extension.doc)
            shape = self._shapes.shape(what, extension.file)
            if shape.how == BOUNDS and not isinstance(shape.base, Struct) and not shape.item and not shape.argument:
                low, high, width = self._shapes.bounds(shape, extension.file)
                leaf = self._nodes.leaf(what.name, shape, 0 if shape.base == "opaque" else shape.size)
                return vectors.whole(self._kit, node, self._nodes.length(what.name, width), leaf, width, low, high)
            body = self._sequence(self._pieces([what], _Scope(extension.file, set())))
        else:
            struct = self._library.find(what, extension.file)
            if not isinstance(struct, Struct):
                raise self._shapes.unknown(extension.file, what)
            body = self._body(struct)
            kind = GROUP if struct.members else LEAF
            node = self._nodes.node(extension.name, kind, type=struct.name, doc=extension.doc or struct.doc)
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
            for member in struct.members if len(struct.members) != 2 else struct.members[:1]:
                if isinstance(member, Member) and member.show == "extension":
                    what = "`as extension FIELD` needs a struct of the two alone"
                    raise self._library.error(struct.file, member.name, what)
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
        kit = self._kit
        return steps.sequence([steps.fixed(kit, p.fields, p.captures) if isinstance(p, _Run) else p for p in pieces])

    # ---------------------------------------------------------------- members

    def _pieces(self, members: Sequence[Part], scope: _Scope) -> List[Piece]:
        """The members of a struct, runs of fixed size joined."""
        made: List[Piece] = []
        bits: List[Tuple[Member, int]] = []
        for member in members:
            if isinstance(member, Member):
                width = bit_width(member)
                if width or bits:
                    bits.append((member, width))
                    if not width:
                        what = "the bit fields before this fill no whole bytes"
                        raise self._library.error(scope.file, member.name, what)
                    if sum(w for _, w in bits) % 8:
                        continue
                    piece: Piece = self._bit_fields(bits, scope)
                    bits = []
                else:
                    piece = self._member(member, scope)
            elif isinstance(member, Select):
                piece = self._select(member, scope)
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
        named = tuple((str(m.name), w) for m, w in bits)
        node = self._nodes.node(widest.name, LEAF, show=widest.show or "uint", doc=doc, bits=named, width=size)
        return _Run([(node, 0, size, 0)], [], size)

    def _member(self, member: Member, scope: _Scope) -> Piece:
        shape = self._shapes.shape(member, scope.file)
        base = shape.base
        name = str(member.name)
        if isinstance(base, Struct):
            return self._structs(name, base, shape, scope)
        if shape.item is not None:
            return self._opaques(name, shape, shape.item, scope)
        if base == "varint":
            shape.show = shape.show or Word("varint")
            return steps.varint(self._kit, self._nodes.leaf(name, shape), self._slot(name, scope))
        if base == "dnsname":
            shape.show = shape.show or Word("dnsname")
            return steps.domain(self._kit, self._nodes.leaf(name, shape))
        if shape.how == PLAIN:
            if base == "opaque":
                raise self._library.error(scope.file, member.name, "how many bytes? [n], [], or <floor..ceiling>")
            return self._fixed(name, self._nodes.leaf(name, shape), shape, shape.size, scope)
        hook = self._hook(shape, name, scope.file)
        item = 0 if base == "opaque" else shape.size
        if shape.how == BOUNDS:
            low, high, width = self._shapes.bounds(shape, scope.file)
            length = self._nodes.length(name, width)
            node = self._nodes.leaf(name, shape, item)
            if hook is not None:
                return vectors.framed(self._kit, length, node, width, low, high, vectors.hooked(hook, node))
            return vectors.blob(self._kit, length, node, width, low, high)
        if shape.how == AMOUNT:
            size = constant(shape.low)
            if size is not None and hook is None:
                node = self._nodes.leaf(name, shape, 0 if size == item else item)
                return self._fixed(name, node, shape, size, scope)
        node = self._nodes.leaf(name, shape, item)
        inner = vectors.hooked(hook, node) if hook is not None else vectors.rest(node)
        if shape.how == REST:
            return inner
        return vectors.amount(self._kit, node, self._amount(shape.low, scope), inner)

    def _fixed(self, name: str, node: Node, shape: Shape, size: int, scope: _Scope) -> _Run:
        captures = []
        if name in scope.wanted:
            node.free = False
            captures.append((self._slot(name, scope), 0, size))
            if isinstance(shape.base, Enum):
                scope.enums[name] = shape.base
        return _Run([(node, 0, size, 0)], captures, size)

    def _structs(self, name: str, struct: Struct, shape: Shape, scope: _Scope) -> Piece:
        last = struct.members[-1] if len(struct.members) == 2 else None
        if shape.how != PLAIN and isinstance(last, Member) and last.show == "extension":
            return self._extensions(name, struct, shape, scope)
        pieces = self._struct(struct)
        doc = shape.doc or (struct.doc if shape.how == PLAIN else "")
        group = self._nodes.node(name, GROUP, type=struct.name, doc=doc)
        if shape.how == PLAIN:
            if not pieces:
                return steps.empty(self._nodes.node(name, LEAF, type=struct.name, doc=shape.doc or struct.doc))
            if len(pieces) == 1 and isinstance(pieces[0], _Run):
                run = pieces[0]
                fields = [(group, 0, run.size, 0)] + [(n, a, b, d + 1) for n, a, b, d in run.fields]
                return _Run(fields, run.captures, run.size)
            return steps.structure(group, self._sequence(pieces))
        item = self._nodes.node(name, GROUP, type=struct.name, doc=struct.doc)
        items = vectors.structs(self._kit, item, self._sequence(pieces))
        return self._vector(name, group, shape, items, scope)

    def _extensions(self, name: str, struct: Struct, shape: Shape, scope: _Scope) -> Piece:
        """A vector of structs of a type and `opaque data<0..2^16-1> as extension type`."""
        kind, data = struct.members
        assert isinstance(kind, Member) and isinstance(data, Member)
        first, second = self._shapes.shape(kind, struct.file), self._shapes.shape(data, struct.file)
        if first.size != 2 or data.argument != kind.name or self._shapes.bounds(second, scope.file)[1] != 0xFFFF:
            what = "`as extension FIELD`: FIELD of two bytes, then <0..2^16-1>"
            raise self._library.error(struct.file, data.name, what)
        item = self._nodes.node(name, GROUP, type=struct.name, doc=struct.doc)
        items = vectors.extensions(
            self._kit, item, self._nodes.leaf(kind.name, first),
            self._nodes.length(data.name, 2), self._nodes.leaf(data.name, second), self._content,
        )
        return self._vector(name, self._nodes.node(name, GROUP, type=struct.name, doc=shape.doc), shape, items, scope)

    def _opaques(self, name: str, shape: Shape, item: Shape, scope: _Scope) -> Piece:
        """A vector whose items have a length each."""
        low, high, width = self._shapes.bounds(item, scope.file)
        group = self._nodes.node(name, GROUP, type=item.type, doc=shape.doc)
        leaf = self._nodes.node(name, LEAF, show=item.show or "opaque", type=item.type, doc=item.doc)
        leaf.free = unread(item)
        body = vectors.blobs(self._kit, self._nodes.length(name, width), leaf, width, low, high, self._hook(item, name, scope.file))
        return self._vector(name, group, shape, body, scope)

    def _vector(self, name: str, group: Node, shape: Shape, items: Step, scope: _Scope) -> Step:
        covering = vectors.covering(group, items)
        if shape.how == BOUNDS:
            low, high, width = self._shapes.bounds(shape, scope.file)
            return vectors.framed(self._kit, self._nodes.length(name, width), group, width, low, high, covering)
        if shape.how == REST:
            return covering
        return vectors.amount(self._kit, group, self._amount(shape.low, scope), covering)

    def _hook(self, shape: Shape, name: str, file: str) -> Optional[Hook]:
        """What reads the content of an opaque: `as der NAME`, `as struct TYPE`."""
        if shape.argument is None:
            return None
        if shape.show == "der":
            return self._hooks.get(shape.argument)
        return self._held(shape, shape.argument, name, file) if shape.show == "struct" else None

    def _held(self, shape: Shape, what: Word, name: str, file: str) -> Hook:
        """A struct that fills an opaque: it ends where the opaque does, whatever its members say."""
        struct = self._library.find(what, file)
        if not isinstance(struct, Struct):
            raise self._shapes.unknown(file, what)
        group = self._nodes.node(name, GROUP, type=struct.name, doc=shape.doc or struct.doc)
        step = steps.frame(self._kit, group, self._body(struct))

        def read(buf: Any, p: int, end: int, ctx: Any, out: List[Any], depth: int, node: Node, index: int) -> None:
            at = len(out)
            step(buf, p, end, out, depth, {0: ctx})
            if index >= 0:
                out[at] = (*out[at][:4], index)

        return read

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

    def _select(self, select: Select, scope: _Scope) -> Step:
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
        lost = self._nodes.node(_first_name(select), LEAF)
        return steps.choose(self._kit, lost, slot, outside, cases, ranges, otherwise)

    def _label(self, label: Word, field: Word, scope: _Scope) -> Any:
        """A case's value: a number, a name of the field's enum, or a word where it lies outside."""
        if label[0].isdigit():
            return int(label, 0)
        if field.startswith("$"):
            return str(label)
        enum = scope.enums.get(field)
        names = self._shapes.enum_names(enum) if enum is not None else {}
        for value, name in names.items():
            if name == label:
                return value
        raise self._library.error(scope.file, label, f"{str(field)!r} has no value {str(label)!r}")


def snake(name: str) -> str:
    """A type's name as a field's: ClientHello, client_hello; SSL2Error, ssl2_error."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _wants(members: Sequence[Part], wanted: Set[str]) -> None:
    """Collect the names that members ask for."""
    for member in members:
        if isinstance(member, Member):
            for total in (member.low, member.high):
                wanted.update(str(f) for _, factors in total or [] for f in factors if not isinstance(f, int))
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
