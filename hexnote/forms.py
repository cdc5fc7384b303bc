"""Messages in a form that came before: they are not decoded again.

Most bytes of a hello decide nothing about how the others are read: randoms, session IDs, key shares, names. Two
messages that differ in these alone have the same fields. Certificates that come again and again do not differ at all.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from struct import Struct

from hexnote.hints import Any, Callable, List, Optional, Tuple
from hexnote.model import Field, Form
from hexnote.tuples import NamedTuple

_FIELDS = 20000  # fields of all forms that are kept
_LIKE = 8  # forms of one kind and length


class _Known(NamedTuple):
    """A form, and the bytes that have to be the same."""

    form: Form
    take: Optional[Callable[[bytes], Tuple[Any, ...]]]  # takes them out of a message; None: all of them
    same: Any  # what it has to take


class Forms:
    """The forms seen last."""

    def __init__(self) -> None:
        self._known: OrderedDict[Any, List[_Known]] = OrderedDict()
        self._fields = 0

    def find(self, key: Any, buf: bytes) -> Optional[Form]:
        """The form of a message, where it is known. `key` has all that is asked for outside of its bytes, and how
        many there are."""
        like = self._known.get(key)
        if like is None:
            return None
        self._known.move_to_end(key)  # those that were not asked for longest go first
        for form, take, same in like:
            if (buf if take is None else take(buf)) == same:
                form.again = True
                return form
        return None

    def keep(self, key: Any, buf: bytes, fields: List[Field]) -> Form:
        """The fields of a message that was decoded without a fault, as a form."""
        form = Form(fields)
        take = _taker(form, len(buf))
        known = self._known
        like = known.get(key)
        if like is None:
            like = known[key] = []
        elif len(like) >= _LIKE:
            self._fields -= len(like.pop(0).form)
        like.append(_Known(form, take, buf if take is None else take(buf)))
        self._fields += len(form)
        while self._fields > _FIELDS and len(known) > 1:
            self._fields -= sum(len(old.form) for old in known.popitem(last=False)[1])
        return form


def _taker(form: Form, size: int) -> Optional[Callable[[bytes], Tuple[Any, ...]]]:
    """What takes the bytes that are not free out of a message of `size` bytes; None where none is free."""
    shape = ""
    at = 0
    for start, end in form.gaps(size):
        shape += f"{start - at}s{end - start}x"
        at = end
    return _unpacker(f"{shape}{size - at}s") if shape else None


@lru_cache(256)
def _unpacker(shape: str) -> Callable[[bytes], Tuple[Any, ...]]:
    return Struct(shape).unpack
