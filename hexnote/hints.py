"""The names of `typing`: loading that module takes as long as reading two hundred packets, and no run asks what annotations mean.

What the API offers has its annotations from `typing` itself, for whoever asks there.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO as IO
    from typing import Any as Any
    from typing import Callable as Callable
    from typing import Container as Container
    from typing import Deque as Deque
    from typing import Dict as Dict
    from typing import Final as Final
    from typing import FrozenSet as FrozenSet
    from typing import Generic as Generic
    from typing import Iterable as Iterable
    from typing import Iterator as Iterator
    from typing import List as List
    from typing import Literal as Literal
    from typing import Mapping as Mapping
    from typing import Optional as Optional
    from typing import Pattern as Pattern
    from typing import Protocol as Protocol
    from typing import Sequence as Sequence
    from typing import Set as Set
    from typing import Tuple as Tuple
    from typing import Type as Type
    from typing import TypeVar as TypeVar
    from typing import Union as Union
    from typing import overload as overload
else:

    class _Hint:
        """Stands for a name, and for all that is made of it; among the bases of a class it stands for none."""

        def __getitem__(self, of):
            return self

        def __call__(self, *what):
            return self

        def __mro_entries__(self, bases):
            return ()

    IO = Any = Callable = Container = Deque = Dict = Final = FrozenSet = Generic = Iterable = Iterator = List = Literal = _Hint()
    Mapping = Optional = Pattern = Protocol = Sequence = Set = Tuple = Type = TypeVar = Union = overload = IO
