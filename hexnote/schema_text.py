"""Format files parsed: `grammars/presentation.lark` says how, Lark does it, definitions come of it.

A token is a string that knows its type and its place, as the parser gives it.
"""
from __future__ import annotations

import re

from lark import Lark
from lark.exceptions import UnexpectedInput

from hexnote.hints import Any, List, Optional, Sequence, Tuple, Union
from hexnote.schema_types import (
    AMOUNT,
    BOUNDS,
    PLAIN,
    REST,
    Definition,
    Enum,
    Extension,
    Member,
    Select,
    Struct,
    Sum,
    Tail,
    Word,
    complaint,
)

_NAMED = re.compile(r"\$?\w+")
_LABEL = re.compile(r"\w+(?:\.\.\w+)?")
_TERM = re.compile(r"\s*([+-]?)\s*(\w+(?:\s*[*^]\s*\w+)*)\s*")


class Mistake(Exception):
    """A word that has no meaning where it stands."""

    def __init__(self, word: Word, what: str) -> None:
        super().__init__(what)
        self.word = word
        self.what = what


def _word(token: Any, start: int, text: str) -> Word:
    """A part of a token, `text` at its character `start`, with its own place in the file."""
    made = Word(text)
    before = token[:start]
    made.line = token.line + before.count("\n")
    made.column = token.column + start if made.line == token.line else start - before.rfind("\n")
    return made


def _words(token: Any) -> List[Word]:
    """The names in a token."""
    return [_word(token, m.start(), m.group()) for m in _NAMED.finditer(token)]


def _number(word: Word) -> int:
    try:
        return int(word, 0)
    except ValueError:
        raise Mistake(word, f"{str(word)!r} is no number") from None


def _sum(token: Any, start: int, text: str) -> Sum:
    """`2^16-1`, `field*2-1`: a sum of products of numbers and names."""
    made: Sum = []
    at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        if term is None or (at and not term.group(1)):
            raise Mistake(_word(token, start + at, text[at:]), "this is no sum of products")
        factors: List[Union[int, Word]] = []
        for part in re.finditer(r"([*^]?)\s*(\w+)", term.group(2)):
            factor = _word(token, start + term.start(2) + part.start(2), part.group(2))
            value = _number(factor) if factor[0].isdigit() else factor
            if part.group(1) != "^":
                factors.append(value)
            elif isinstance(value, int) and value < 64 and isinstance(factors[-1], int):
                factors[-1] **= value
            else:
                raise Mistake(factor, "only a number can be raised, and to less than 64")
        made.append((-1 if term.group(1) == "-" else 1, factors))
        at = term.end()
    return made


def _clean(doc: Any) -> str:
    """A doc comment's text: stars and line breaks taken out."""
    lines = [line.strip().lstrip("*").strip() for line in doc[3:-2].split("\n")]
    return " ".join(" ".join(lines).split())


def _documented(items: Sequence[Any]) -> List[Any]:
    """Hang each doc comment on what follows it."""
    out: List[Any] = []
    doc = ""
    for item in items:
        if isinstance(item, str):
            doc = _clean(item)
            continue
        if doc and not isinstance(item, (Select, Tail)):
            item.doc = doc
        doc = ""
        out.append(item)
    return out


def _flat(groups: Sequence[Any]) -> List[Any]:
    return [member for group in groups for member in group]


def _shown(items: List[Any]) -> List[Optional[Word]]:
    """Takes `as name argument` off the end of a rule's items: [name, argument]."""
    last = items[-1]
    if getattr(last, "type", "") != "SHOW":
        return [None, None]
    items.pop()
    return [*_words(last)[1:], None][:2]


class Build:
    """Makes definitions while the text is parsed; each method is a rule of the grammar."""

    def start(self, items: List[Any]) -> Any:
        return _documented(items)

    def struct(self, items: List[Any]) -> Any:
        alias = _shown(items)[0]
        return Struct(items[-1], _flat(items[:-1]), str(alias or ""))

    def enum(self, items: List[Any]) -> Any:
        registry = _shown(items)[0]
        name = items.pop()
        entries = [(word, low) for word, low, _ in items if word is not None]
        largest = max(high for _, _, high in items)
        return Enum(name, entries, (max(largest.bit_length(), 1) + 7) // 8, registry)

    def entry(self, items: List[Any]) -> Any:
        numbers = [_number(word) for word in _words(items[-1])]
        return items[0] if len(items) > 1 else None, numbers[0], numbers[-1]

    def extension(self, items: List[Any]) -> Any:
        return Extension(items[0], _number(_words(items[1])[0]), items[2:])

    def arm(self, items: List[Any]) -> Any:
        return _words(items[0]), items[1]

    def member(self, items: List[Any]) -> Any:
        return _documented(items)

    def optional(self, items: List[Any]) -> Any:
        return [Tail(_flat(items))]

    def field(self, items: List[Any]) -> Any:
        show, argument = _shown(items)
        how, low, high = PLAIN, None, None
        if len(items) > 2:
            size = items[2]
            if size[0] == "<":
                middle = size.index("..")
                how, low, high = BOUNDS, _sum(size, 1, size[1:middle]), _sum(size, middle + 2, size[middle + 2 : -1])
            elif size[1:-1].strip():
                how, low = AMOUNT, _sum(size, 1, size[1:-1])
            else:
                how = REST
        return Member(items[0], items[1], how, low, high, show, argument)

    def select(self, items: List[Any]) -> Any:
        made = Select(_words(items[0])[0])
        members: List[Any] = []
        for item in items[1:]:
            if not isinstance(item, str):
                members += item
                continue
            members = []
            if item.startswith("default"):
                made.otherwise = members
                continue
            labels: List[Tuple[Word, Optional[int]]] = []
            for match in _LABEL.finditer(item, 5):
                low, _, high = match.group().partition("..")
                upto = _number(_word(item, match.end() - len(high), high)) if high else None
                labels.append((_word(item, match.start(), low), upto))
            made.cases.append((labels, members))
        return made


class Parser:
    """The parser of format files; `presentation` is the text of their grammar."""

    def __init__(self, presentation: str) -> None:
        # The basic lexer makes one pattern of all terminals, the contextual one for each state of the parser.
        self._lark = Lark(presentation, parser="lalr", lexer="basic", transformer=Build(), maybe_placeholders=False)

    def parse(self, file: str, text: str) -> List[Definition]:
        """The definitions in a text, which is that of `file`. Raises FormatError where it is wrong."""
        try:
            parsed: Any = self._lark.parse(text)
        except Mistake as mistake:
            raise complaint(file, text, mistake.word.line, mistake.word.column, mistake.what) from None
        except UnexpectedInput as error:
            token = getattr(error, "token", None)
            line, column = max(getattr(error, "line", 1), 1), max(getattr(error, "column", 1), 1)
            if token is None:
                what = "a sign that has no meaning here"
            elif token.type == "$END":
                what = "the file ends in the middle of a definition"
                line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
            else:
                what = f"did not expect {str(token)[:40]!r} here"
            raise complaint(file, text, line, column, what) from None
        return list(parsed)
