"""Definitions of format files as lists, numbers and strings alone, so that parsing them once is enough."""

from __future__ import annotations

from typing import Any, List

from hexnote.schema_types import Definition, Enum, Extension, Member, Select, Struct, Tail, Word

# How a list begins that stands for something else than a number or a text.
_LIST, _TUPLE, _WORD = 0, 1, 2
_CLASSES = (Member, Select, Tail, Struct, Enum, Extension)  # numbered from here on
_FIRST = 3
_SLOTS = [each.__slots__ for each in _CLASSES]


def pack(definitions: List[Definition]) -> Any:
    """What `unpack` makes the same definitions of."""
    return _pack(definitions)


def _pack(what: Any) -> Any:
    if isinstance(what, str):
        line = getattr(what, "line", None)
        return str(what) if line is None else [_WORD, str(what), line, getattr(what, "column", 1)]
    if isinstance(what, (list, tuple)):
        return [_LIST if isinstance(what, list) else _TUPLE, *map(_pack, what)]
    if isinstance(what, _CLASSES):
        return [_FIRST + _CLASSES.index(type(what)), *[_pack(getattr(what, slot)) for slot in what.__slots__]]
    return what


def unpack(packed: Any) -> List[Definition]:
    """The definitions again."""
    definitions: List[Definition] = _unpack(packed)
    return definitions


def _unpack(packed: Any) -> Any:
    if not isinstance(packed, list):
        return packed
    kind = packed[0]
    if kind == _WORD:
        word = Word(packed[1])
        word.line, word.column = packed[2], packed[3]
        return word
    parts = [_unpack(part) for part in packed[1:]]
    if kind == _LIST:
        return parts
    if kind == _TUPLE:
        return tuple(parts)
    each: Any = _CLASSES[kind - _FIRST]
    made = each.__new__(each)
    for slot, part in zip(_SLOTS[kind - _FIRST], parts):
        setattr(made, slot, part)
    return made
