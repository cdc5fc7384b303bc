"""Regular expressions that are compiled when they are used first: compiling one takes as long as reading ten packets."""

from __future__ import annotations

from hexnote.hints import Any, Callable, Generic, Iterator, Optional, TypeVar

Text = TypeVar("Text", str, bytes)


class Late(Generic[Text]):
    """A pattern, with those of the methods of a compiled one that are used."""

    __slots__ = ("_source", "_flags", "_compiled")

    def __init__(self, source: Text, flags: int = 0) -> None:
        self._source: Text = source
        self._flags = flags
        self._compiled: Any = None

    def _pattern(self) -> Any:
        if self._compiled is None:
            import re

            self._compiled = re.compile(self._source, self._flags)
        return self._compiled

    def match(self, text: Text, *span: int) -> Optional[Any]:
        return self._pattern().match(text, *span)

    def search(self, text: Text, *span: int) -> Optional[Any]:
        return self._pattern().search(text, *span)

    def fullmatch(self, text: Text, *span: int) -> Optional[Any]:
        return self._pattern().fullmatch(text, *span)

    def sub(self, told: Callable[[Any], Text], text: Text) -> Text:
        made: Text = self._pattern().sub(told, text)
        return made

    def finditer(self, text: Text, *span: int) -> Iterator[Any]:
        found: Iterator[Any] = self._pattern().finditer(text, *span)
        return found
