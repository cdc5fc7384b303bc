"""Format files to decoders: `Schema(...).decoder("ClientHello")`.

The formats of TLS stand in `grammars/tls`, in the presentation language that the RFCs define them in
(RFC 8446 section 3), as `grammars/presentation.lark` has it. A file is read when the first decoder
asks for it: a type stands in the file that asks, in `tls/common.tls`, or in the file named as the
type begins (`CertificateEntry`: `certificate_entry.tls`, else `certificate.tls`); an extension in
the file of its registry's name, under `tls/extensions`.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

from hexnote.model import Decoder
from hexnote.schema_code import Compiler, snake
from hexnote.schema_steps import Env, Hook
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
    Select,
    Struct,
    Tail,
    Word,
    complaint,
)

__all__ = ["FormatError", "Names", "Schema"]


class Names(Dict[int, str]):
    """A registry: value to name. `rows` has the further columns of its table."""

    def __init__(self, rows: Mapping[int, Sequence[str]]) -> None:
        super().__init__((value, row[0]) for value, row in rows.items())
        self.rows = rows


class Schema:
    """The formats under `grammars/`, compiled as they are asked for.

    `presentation` is the text of the language's grammar; `read` brings a file's text by its name under
    `grammars/`, `listing` a folder's file names; `hooks` are the rooms that `as der NAME` asks for;
    `dress` gives a new Node its sentences. A mistake in a file raises FormatError when it is reached.
    """

    def __init__(
        self, presentation: str, read: Callable[[str], Optional[str]], listing: Callable[[str], List[str]],
        hooks: Mapping[str, Hook], dress: Callable[..., Any],
    ) -> None:
        self._presentation = presentation
        self._lark: Optional[Lark] = None
        self._read = read
        self._listing = listing
        self._files: Dict[str, Optional[Dict[str, Definition]]] = {}
        self._names: Dict[str, Names] = {}
        self._compiler = Compiler(self, hooks, dress)

    # ---------------------------------------------------------------- what others ask for

    def decoder(self, type_name: str) -> Decoder:
        """The decoder of a struct: `decode(buf, pos, end, ctx, out, depth=0, index=-1)`.

        It appends a GROUP for the whole, then its members one level deeper, and covers [pos, end) whole:
        what cannot be read is MISSING, what is left over EXTRA; what breaks the format is said in
        `ctx.problems`. Raises FormatError where a format file is wrong or no such type is there.
        """
        struct = self.find(type_name, "")
        if not isinstance(struct, Struct):
            raise FormatError(f"grammars/tls: no struct {type_name!r}")
        step = self._compiler.root(struct)

        def decode(buf: Any, pos: int, end: int, ctx: Any, out: List[Any], depth: int = 0, index: int = -1) -> None:
            env: Env = {0: ctx}
            at = len(out)
            step(buf, pos, end, out, depth, env)
            if index >= 0:
                node, lo, hi, _, _ = out[at]
                out[at] = (node, lo, hi, depth, index)

        return decode

    def names(self, registry: str) -> Names:
        """A table of `grammars/registry`: `value <tab> name <tab> ...` by line, empty where there is none.

        `#` begins a comment, `+` the name of a table whose rows belong to this one too.
        """
        made = self._names.get(registry)
        if made is None:
            rows: Dict[int, Sequence[str]] = {}
            for line in (self._read(f"registry/{registry}.tsv") or "").split("\n"):
                if line[:1] == "+":
                    rows.update(self.names(line[1:]).rows)
                elif line and line[0] != "#":
                    cells = line.split("\t")
                    rows[int(cells[0], 16)] = cells[1:]
            made = self._names[registry] = Names(rows)
        return made

    def key_exchange(self, suite: int) -> str:
        """How a cipher suite exchanges keys, as `$key_exchange` has it; "unknown" where that is not known."""
        row = self.names("cipher_suites").rows.get(suite)
        return row[2] if row is not None and len(row) > 2 and row[2] else "unknown"

    def check(self) -> List[str]:
        """Everything that is wrong in any format file, as FormatError says it; empty: all is well."""
        found: List[str] = []
        homes: Dict[str, str] = {}
        codes: Dict[int, str] = {}
        for folder in ("tls", "tls/extensions"):
            for name in self._listing(folder):
                file = f"{folder}/{name}"
                try:
                    definitions = self.file(file) or {}
                except FormatError as error:
                    found.append(str(error))
                    continue
                for each in definitions.values():
                    found += self._check_home(each, homes, codes)
                    found += self._compiler.check(each)
        return found

    def _check_home(self, each: Definition, homes: Dict[str, str], codes: Dict[int, str]) -> List[str]:
        """Types that are there twice; extensions whose codepoint is, or which their file or registry misnames."""
        found: List[str] = []
        if isinstance(each, Extension):
            other = codes.setdefault(each.code, each.file)
            if other != each.file:
                found.append(str(self.error(each.file, each.name, f"codepoint {each.code} is {other}'s already")))
            known = self.names("extension_types").get(each.code)
            if known != each.name or not each.file.endswith(f"/{each.name}.tls"):
                what = f"codepoint {each.code} is {known or 'nothing'!r} in the registry: its file is never found"
                found.append(str(self.error(each.file, each.name, what)))
        elif "/extensions/" not in each.file:
            other = homes.setdefault(each.name, each.file)
            if other != each.file:
                found.append(str(self.error(each.file, each.name, f"type {str(each.name)!r} is in {other} too")))
        return found

    # ---------------------------------------------------------------- what the compiler asks for

    def error(self, file: str, word: Word, what: str) -> FormatError:
        """A complaint that points at a word of a file."""
        return complaint(file, self._read(file) or "", word.line, word.column, what)

    def find(self, name: str, file: str) -> Optional[Definition]:
        """The definition of a type that `file` asks for; None where there is none."""
        for home in (file, "tls/common.tls"):
            found = (self.file(home) or {}).get(name) if home else None
            if found is not None:
                return found
        words = snake(name).split("_")
        for size in range(len(words), 0, -1):
            definitions = self.file(f"tls/{'_'.join(words[:size])}.tls")
            if definitions is not None and name in definitions:
                return definitions[name]
        return None

    def extension(self, code: int) -> Optional[Extension]:
        """The definition of an extension; None where its type is not known or has no file."""
        name = self.names("extension_types").get(code, "")
        found = (self.file(f"tls/extensions/{name}.tls") or {}).get(f"extension {name}") if name else None
        return found if isinstance(found, Extension) and found.code == code else None

    def known(self, file: str) -> List[str]:
        """The names of the types that `file` may use, as far as files are read: for suggestions."""
        return [n for f, made in self._files.items() if made and (f == file or "/extensions/" not in f) for n in made]

    def file(self, file: str) -> Optional[Dict[str, Definition]]:
        """The definitions of a file by name; None where there is no such file."""
        if file not in self._files:
            text = self._read(file)
            self._files[file] = None if text is None else self._parse(file, text)
        return self._files[file]

    def _parse(self, file: str, text: str) -> Dict[str, Definition]:
        if self._lark is None:
            self._lark = Lark(self._presentation, parser="lalr", transformer=_Build(), maybe_placeholders=False)
        try:
            parsed: Any = self._lark.parse(text)
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
        made: Dict[str, Definition] = {}
        for each in parsed:
            each.file = file
            name = f"extension {each.name}" if isinstance(each, Extension) else str(each.name)
            if name in made:
                raise self.error(file, each.name, f"{name!r} is defined twice")
            made[name] = each
        return made


# ---------------------------------------------------------------- parsing


def _number(token: str) -> int:
    return int(token, 0)


def _clean(doc: Token) -> str:
    """A doc comment's text: stars and line breaks taken out."""
    words = [line.strip().lstrip("*").strip() for line in str(doc)[3:-2].split("\n")]
    return " ".join(" ".join(words).split())


def _documented(items: Sequence[Any]) -> List[Any]:
    """Hang each doc comment on what follows it."""
    out: List[Any] = []
    doc = ""
    for item in items:
        if isinstance(item, Token):
            doc = _clean(item)
            continue
        if doc and not isinstance(item, (Select, Tail)):
            item.doc = doc
        doc = ""
        out.append(item)
    return out


def _flat(groups: Sequence[Any]) -> List[Any]:
    return [member for group in groups for member in group]


class _Build(Transformer[Token, Any]):
    """Makes definitions while the text is parsed; each method is a rule of the grammar."""

    def start(self, items: List[Any]) -> Any:
        return _documented(items)

    def struct(self, items: List[Any]) -> Any:
        show = items.pop() if isinstance(items[-1], tuple) else None
        return Struct(items[-1], _flat(items[:-1]), str(show[0]) if show else "")

    def enum(self, items: List[Any]) -> Any:
        show = items.pop() if isinstance(items[-1], tuple) else None
        entries = [(token, low) for token, low, _ in items[:-1] if token is not None]
        largest = max(high for _, _, high in items[:-1])
        return Enum(items[-1], entries, (max(largest.bit_length(), 1) + 7) // 8, show[0] if show else None)

    def extension(self, items: List[Any]) -> Any:
        return Extension(items[0], _number(items[1]), items[2:])

    def member(self, items: List[Any]) -> Any:
        return _documented(items)

    def optional(self, items: List[Any]) -> Any:
        return [Tail(_flat(items))]

    def field(self, items: List[Any]) -> Any:
        how, low, high = items[2] if len(items) > 2 and len(items[2]) == 3 else (PLAIN, None, None)
        show, argument = items[-1] if len(items[-1]) == 2 and isinstance(items[-1], tuple) else (None, None)
        return Member(items[0], items[1], how, low, high, show, argument)

    def amount(self, items: List[Any]) -> Any:
        return (AMOUNT, items[0], None) if items else (REST, None, None)

    def bounds(self, items: List[Any]) -> Any:
        return (BOUNDS, items[0], items[1])

    def show(self, items: List[Any]) -> Tuple[Any, Any]:
        return items[0], items[1] if len(items) > 1 else None

    def select(self, items: List[Any]) -> Any:
        made = Select(items[0])
        for item in items[1:]:
            if isinstance(item, Token):
                continue  # the RFCs name the variants as one; here each arm's members have their own names
            labels, members = item
            if labels is None:
                made.otherwise = members
            else:
                made.cases.append((labels, members))
        return made

    def ref(self, items: List[Any]) -> Any:
        return items[0]

    def case(self, items: List[Any]) -> Any:
        labels = [i for i in items if isinstance(i, tuple)]
        return labels, _flat(items[len(labels) :])

    def otherwise(self, items: List[Any]) -> Any:
        return None, _flat(items)

    def label(self, items: List[Any]) -> Any:
        return items[0], _number(items[1]) if len(items) > 1 else None

    def entry(self, items: List[Any]) -> Any:
        low = _number(items[1])
        return items[0], low, _number(items[2]) if len(items) > 2 else low

    def width(self, items: List[Any]) -> Any:
        return None, 0, _number(items[0])

    def arm(self, items: List[Any]) -> Any:
        return items[:-1], items[-1]

    def message(self, items: List[Any]) -> Any:
        return items[0] if items else Token("NAME", "default")

    def sum(self, items: List[Any]) -> Any:
        made = [(1, items[0])]
        for sign, product in zip(items[1::2], items[2::2]):
            made.append((-1 if sign == "-" else 1, product))
        return made

    def product(self, items: List[Any]) -> Any:
        return items

    def atom(self, items: List[Any]) -> Any:
        if items[0].type == "NAME":
            return items[0]
        return _number(items[0]) ** _number(items[1]) if len(items) > 1 else _number(items[0])
