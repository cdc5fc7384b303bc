"""Named tuples are what `typing` makes of the same class, as far as anybody can tell."""

from __future__ import annotations

import copy
import inspect
import pickle
import typing
from typing import Any, List, Optional

import pytest

from hexnote import tuples


def made(base: Any, name: str) -> Any:
    """The same class, of this base."""

    class Made(base):  # type: ignore[misc]
        """A doc."""

        first: int
        second: str = "two"
        third: Optional[List[int]] = None

        def both(self) -> str:
            """What a method says."""
            return f"{self.first} {self.second}"

        @property
        def twice(self) -> int:
            """What a property says."""
            return 2 * self.first

    Made.__name__ = Made.__qualname__ = name
    return Made


Ours, Theirs = made(tuples.NamedTuple, "Ours"), made(typing.NamedTuple, "Theirs")


def attempt(call: Any) -> Any:
    """What a call gives, or the kind of what it raises."""
    try:
        return call()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("do", [
    lambda t: t(1), lambda t: t(1, "x", [3]), lambda t: t(first=1, third=[]), lambda t: t(), lambda t: t(1, 2, 3, 4),
    lambda t: t(1, fourth=2), lambda t: t(1).both(), lambda t: t(4).twice, lambda t: t(1)._replace(second="y"),
    lambda t: t(1)._replace(fourth=1), lambda t: t._make([1, 2, 3]), lambda t: t._make([1, 2]), lambda t: t(1)._asdict(),
    lambda t: t._fields, lambda t: t._field_defaults, lambda t: t.__doc__,
    lambda t: t(1) == (1, "two", None),
    lambda t: hash(t(1)), lambda t: t(1).second, lambda t: setattr(t(1), "first", 2), lambda t: setattr(t(1), "other", 2),
    lambda t: list(inspect.signature(t).parameters), lambda t: repr(t(1, "x")).partition("(")[2], lambda t: t(1)[1:],
    lambda t: isinstance(t(1), tuple), lambda t: t.__module__, lambda t: t.first.__get__(t(7)),
    lambda t: sorted(t(1) + (5,), key=str),
])  # fmt: skip
def test_as_typing_has_it(do: Any) -> None:
    assert attempt(lambda: do(Ours)) == attempt(lambda: do(Theirs))


def test_copied_and_pickled() -> None:
    one = Ours(1, "x", [3])
    for twin in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert type(twin) is Ours and twin == one
    assert repr(one) == "Ours(first=1, second='x', third=[3])"


@pytest.mark.parametrize("count", [*range(1, 16), 40])
def test_of_any_size(count: int) -> None:
    names = [f"field{number}" for number in range(count)]
    body = {"__annotations__": dict.fromkeys(names, "int"), "__module__": __name__, "__qualname__": "Made", names[-1]: -1}
    maker: Any = type(tuples.NamedTuple)
    wide: Any = maker("Made", (tuples.NamedTuple,), body)
    values = list(range(count))
    assert wide(*values) == tuple(values) and wide(**dict(zip(names, values))) == tuple(values)
    assert wide(*values[:-1])[-1] == -1 and [getattr(wide(*values), name) for name in names] == values
    with pytest.raises(TypeError):
        wide(*values, 0)
