"""Definitions of format files as lists, tuples, numbers and strings alone, so that parsing them once is enough."""

from __future__ import annotations

from hexnote.hints import Any, List
from hexnote.schema_types import Definition, Enum, Extension, Member, Select, Struct, Tail, Word

# How a tuple begins: what it stands for. Lists, numbers and texts stand for themselves.
_TUPLE, _WORD = 0, 1
_CLASSES = (Member, Select, Tail, Struct, Enum, Extension)  # numbered from here on
_FIRST = 2
_MADE = [(each.__new__, each, each.__slots__) for each in _CLASSES]
_PLAIN = frozenset((str, int, type(None)))


def pack(definitions: List[Definition]) -> Any:
    """What `unpack` makes the same definitions of."""
    return _pack(definitions)


def _pack(what: Any) -> Any:
    if isinstance(what, str):
        line = getattr(what, "line", None)
        return str(what) if line is None else (_WORD, str(what), line, getattr(what, "column", 1))
    if isinstance(what, list):
        return [_pack(part) for part in what]
    if isinstance(what, tuple):
        return (_TUPLE, *map(_pack, what))
    if isinstance(what, _CLASSES):
        return (_FIRST + _CLASSES.index(type(what)), *[_pack(getattr(what, slot)) for slot in what.__slots__])
    return what


def unpack(packed: Any) -> List[Definition]:
    """The definitions again."""
    definitions: List[Definition] = _unpack(packed)
    return definitions


def _unpack(packed: Any) -> Any:
    """The same of a list or tuple."""
    if type(packed) is list:
        return [part if type(part) in _PLAIN else _unpack(part) for part in packed]
    kind = packed[0]
    if kind == _WORD:
        _, text, line, column = packed
        word = Word(text)
        word.line, word.column = line, column
        return word
    parts = [part if type(part) in _PLAIN else _unpack(part) for part in packed[1:]]
    if kind == _TUPLE:
        return tuple(parts)
    new, each, slots = _MADE[kind - _FIRST]
    made = new(each)
    for slot, part in zip(slots, parts):
        setattr(made, slot, part)
    return made
