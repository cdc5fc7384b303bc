"""`NamedTuple` as `typing` has it, made in a fifth of the time: that one compiles a function and each annotation of every class,
which no run asks for, and which a short one feels."""

from __future__ import annotations

from hexnote.hints import TYPE_CHECKING, Any, Callable, Dict, Iterable, Tuple

__all__ = ["NamedTuple"]

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from types import FunctionType

    try:
        from _collections import _tuplegetter as _field  # as `namedtuple` has it, in C
    except ImportError:
        from operator import itemgetter

        def _field(index: int, doc: str) -> property:
            return property(itemgetter(index), doc=doc)

    _new = tuple.__new__
    # How a tuple of one, two, ... values is made: the names of a class's fields take the place of those that stand here.
    _NEW: Tuple[Callable[..., Any], ...] = (
        lambda cls, a: _new(cls, (a,)),
        lambda cls, a, b: _new(cls, (a, b)),
        lambda cls, a, b, c: _new(cls, (a, b, c)),
        lambda cls, a, b, c, d: _new(cls, (a, b, c, d)),
        lambda cls, a, b, c, d, e: _new(cls, (a, b, c, d, e)),
        lambda cls, a, b, c, d, e, f: _new(cls, (a, b, c, d, e, f)),
        lambda cls, a, b, c, d, e, f, g: _new(cls, (a, b, c, d, e, f, g)),
        lambda cls, a, b, c, d, e, f, g, h: _new(cls, (a, b, c, d, e, f, g, h)),
        lambda cls, a, b, c, d, e, f, g, h, i: _new(cls, (a, b, c, d, e, f, g, h, i)),
        lambda cls, a, b, c, d, e, f, g, h, i, j: _new(cls, (a, b, c, d, e, f, g, h, i, j)),
        lambda cls, a, b, c, d, e, f, g, h, i, j, k: _new(cls, (a, b, c, d, e, f, g, h, i, j, k)),
        lambda cls, a, b, c, d, e, f, g, h, i, j, k, m: _new(cls, (a, b, c, d, e, f, g, h, i, j, k, m)),
        lambda cls, a, b, c, d, e, f, g, h, i, j, k, m, n: _new(cls, (a, b, c, d, e, f, g, h, i, j, k, m, n)),
    )  # fmt: skip

    def _maker_of(fields: Tuple[str, ...]) -> Callable[..., Any]:
        """A function that makes tuples with such fields."""
        if len(fields) <= len(_NEW):
            return _NEW[len(fields) - 1]
        names = ", ".join(fields)
        made: Callable[..., Any] = eval(f"lambda cls, {names}: _new(cls, ({names}))", globals())
        return made

    class _Tuple(tuple):
        """What all of them can do."""

        __slots__ = ()

        @classmethod
        def _make(cls, values: Iterable[Any]) -> Any:
            made = _new(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"expected {len(cls._fields)} arguments, got {len(made)}")
            return made

        def _replace(self, /, **values: Any) -> Any:
            made = self._make(map(values.pop, self._fields, self))
            if values:
                raise ValueError(f"got unexpected field names: {list(values)}")
            return made

        def _asdict(self) -> Dict[str, Any]:
            return dict(zip(self._fields, self))

        def __repr__(self) -> str:
            return f"{type(self).__name__}({', '.join(map('{}={!r}'.format, self._fields, self))})"

        def __getnewargs__(self) -> Tuple[Any, ...]:
            return tuple(self)

    class _Maker(type):
        """What is derived from NamedTuple is a class of tuples, with the methods and defaults that stand in its body."""

        def __new__(maker, name: str, bases: Tuple[Any, ...], body: Dict[str, Any]) -> Any:
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body[field] for field in fields if field in body}
            new = _maker_of(fields)
            code = new.__code__.replace(co_name="__new__", co_varnames=("_cls", *fields))
            body.update(zip(fields, map(_field, range(len(fields)), fields)))
            body.update(
                __slots__=(), _fields=fields, _field_defaults=defaults, __match_args__=fields,
                __new__=FunctionType(code, globals(), "__new__", tuple(defaults.values())),
            )
            return type(name, (_Tuple,), body)

    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {})
