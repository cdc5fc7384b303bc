"""Messages in a form that came before: they are not decoded again.

Most bytes of a hello decide nothing about how the others are read: randoms, session IDs, key shares, names. Two
messages that differ in these alone have the same fields. Certificates that come again and again do not differ at all.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from hexnote.model import Field, Form

_FIELDS = 20000  # fields of all forms that are kept
_LIKE = 8  # forms of one kind and length

# A form, and the bytes that have to be the same: (start, end, bytes).
_Known = Tuple[Form, List[Tuple[int, int, bytes]]]


class Forms:
    """The forms seen last."""

    def __init__(self) -> None:
        self._known: Dict[Any, List[_Known]] = {}
        self._fields = 0

    def find(self, key: Any, buf: bytes) -> Optional[Form]:
        """The form of a message, where it is known. `key` has all that is asked for outside of its bytes, and how
        many there are."""
        like = self._known.get(key)
        if like is None:
            return None
        self._known[key] = self._known.pop(key)  # those that were not asked for longest go first
        for form, fixed in like:
            for start, end, was in fixed:
                if buf[start:end] != was:
                    break
            else:
                form.again = True
                return form
        return None

    def keep(self, key: Any, buf: bytes, fields: List[Field]) -> Form:
        """The fields of a message that was decoded without a fault, as a form."""
        form = Form(fields)
        fixed: List[Tuple[int, int, bytes]] = []
        at = 0
        for _, start, end, _, _ in [f for f in fields if f[0].free and f[1] < f[2]]:
            fixed.append((at, start, buf[at:start]))
            at = end
        fixed.append((at, len(buf), buf[at:]))
        known = self._known
        like = known.get(key)
        if like is None:
            like = known[key] = []
        elif len(like) >= _LIKE:
            self._fields -= len(like.pop(0)[0])
        like.append((form, fixed))
        self._fields += len(form)
        while self._fields > _FIELDS and len(known) > 1:
            self._fields -= sum(len(old) for old, _ in known.pop(next(iter(known))))
        return form
