"""Format files to decoders: `Schema(...).decoder("ClientHello")`.

The formats of TLS stand in `grammars/tls`, in the presentation language that the RFCs define them in
(RFC 8446 section 3), as `grammars/presentation.lark` has it. A file is read when the first decoder
asks for it: a type stands in the file that asks, in `tls/common.tls`, or in the file named as the
type begins (`CertificateEntry`: `certificate_entry.tls`, else `certificate.tls`); an extension in
the file of its registry's name, under `tls/extensions`.
"""

from __future__ import annotations

from hexnote.hints import Any, Callable, Dict, List, Mapping, Optional, Sequence
from hexnote.model import Decoder
from hexnote.schema_code import Compiler, snake
from hexnote.schema_pack import unpack
from hexnote.schema_steps import Env, Hook
from hexnote.schema_types import Definition, Extension, FormatError, Struct, Word, complaint

__all__ = ["CODE", "FormatError", "Names", "Schema"]

# The modules on which it depends what a format file is parsed to.
CODE = ("schema_text", "schema_types", "schema_pack")


class Names(dict[int, str]):
    """A registry: value to name. `rows` has the further columns of its table."""

    def __init__(self, rows: Mapping[int, Sequence[str]]) -> None:
        super().__init__((value, row[0]) for value, row in rows.items())
        self.rows = rows


class Schema:
    """The formats under `grammars/`, compiled as they are asked for.

    `presentation` is the text of the language's grammar; `read` brings a file's text by its name under
    `grammars/`, `listing` a folder's file names; `hooks` are the rooms that `as der NAME` asks for;
    `dress` gives a new Node its sentences; `made` brings what a file was parsed to before, if it was.
    A mistake in a file raises FormatError when it is reached.
    """

    def __init__(
        self, presentation: str, read: Callable[[str], Optional[str]], listing: Callable[[str], List[str]],
        hooks: Mapping[str, Hook], dress: Callable[..., Any], made: Optional[Callable[..., Any]] = None,
    ) -> None:
        self._presentation = presentation
        self._parser: Any = None
        self._made = made
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
            if registry == "extension_types":
                self._unregistered(rows)
            made = self._names[registry] = Names(rows)
        return made

    def _unregistered(self, rows: Dict[int, Sequence[str]]) -> None:
        """Extensions that have a file and no line in the registry: the file is all that it takes to add one."""
        known = {row[0] for row in rows.values()}
        for file in self._listing("tls/extensions"):
            name = file[:-4]
            if name not in known:
                found = (self.file(f"tls/extensions/{file}") or {}).get(f"extension {name}")
                if isinstance(found, Extension):
                    rows.setdefault(found.code, [name])

    def key_exchange(self, suite: int) -> str:
        """How a cipher suite exchanges keys, as `$key_exchange` has it; "unknown" where that is not known."""
        row = self.names("cipher_suites").rows.get(suite)
        return row[2] if row is not None and len(row) > 2 and row[2] else "unknown"

    def check(self) -> List[str]:
        """Everything that is wrong in any format file, as FormatError says it; empty: all is well."""
        found: List[str] = []
        homes: Dict[str, str] = {}
        codes: Dict[int, str] = {}
        for folder in ("tls", "tls/extensions", "prefaces"):
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
                what = f"codepoint {each.code} is {known or 'nothing'!r}, its file another's: it is never found"
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
            for folder in ("tls", "prefaces"):
                definitions = self.file(f"{folder}/{'_'.join(words[:size])}.tls")
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
        packed = self._made(file, CODE, self._presentation, text) if self._made is not None else None
        definitions = self.parsed(file, text) if packed is None else unpack(packed)
        made: Dict[str, Definition] = {}
        for each in definitions:
            each.file = file
            name = f"extension {each.name}" if isinstance(each, Extension) else str(each.name)
            if name in made:
                raise self.error(file, each.name, f"{name!r} is defined twice")
            made[name] = each
        return made

    def parsed(self, file: str, text: str) -> List[Definition]:
        """The definitions in the text of a file. Raises FormatError where it is wrong."""
        if self._parser is None:
            from hexnote.schema_text import Parser

            self._parser = Parser(self._presentation)
        definitions: List[Definition] = self._parser.parse(file, text)
        return definitions
