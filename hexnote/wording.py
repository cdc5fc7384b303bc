"""The words and forms of documents: templates that come with the package, and a teacher's own in their place.

`words.txt` holds sentences by name, `markdown/` and `html/` the forms of pages, connections, steps and records. Both
have places for what is known of a trace: `$name`, as `string.Template` has them. A folder given by the user may hold
any of these files; what it lacks, or the sentences that its `words.txt` lacks, are the package's.
"""

from __future__ import annotations

import os
import pkgutil
import re
from string import Template

from hexnote.hints import Dict, List, Mapping, Optional, Set, Tuple
from hexnote.tuples import NamedTuple

# The templates that there are; the last two are taken as they stand.
FORMS = (
    "markdown/page.md", "markdown/connection.md", "markdown/step.md", "markdown/packet.md", "markdown/record.md",
    "markdown/finding.md", "html/page.html", "html/reading.html", "html/connection.html", "html/words.html", "html/step.html",
    "html/packet.html", "html/record.html", "html/finding.html", "html/style.css", "html/script.js",
)  # fmt: skip


class WordingError(Exception):
    """A template that cannot be used; the text says which, and why."""


class Said(NamedTuple):
    """A sentence with marks (`code`, *emphasis*) and `$names`, and what stands for the names: plain text from the trace."""

    text: str
    values: Mapping[str, str]


class Wording:
    """All templates. `folder`: the user's own, or None. Raises WordingError."""

    def __init__(self, folder: Optional[str] = None) -> None:
        self._folder = folder
        if folder is not None and not os.path.isdir(folder):
            raise WordingError(f"--template {folder}: no such folder")
        self._forms: Dict[str, Template] = {}
        own = _shipped("words.txt")
        assert own is not None
        self.words: Dict[str, str] = {name: text for name, (text, _) in _sentences(own, "words.txt").items()}
        theirs = self._own("words.txt")
        if theirs is not None:
            self._take(theirs, os.path.join(str(folder), "words.txt"))
        elif folder is not None and not any(os.path.exists(os.path.join(folder, *name.split("/"))) for name in FORMS):
            raise WordingError(f"--template {folder}: no template is in it (words.txt, {FORMS[2]} ...)")
        for name in FORMS if folder is not None else ():
            own = self._own(name)
            if own is not None and name.endswith((".md", ".html")):
                self._check(own, _places(_shipped(name) or "", name, 0), os.path.join(str(folder), name))

    def _take(self, text: str, path: str) -> None:
        """Put the user's sentences in the place of the package's."""
        for name, (sentence, line) in _sentences(text, path).items():
            if name not in self.words:
                raise WordingError(f"{path}:{line}: no sentence is called [{name}]{_near(name, self.words)}")
            self._check(sentence, _places(self.words[name], path, line), f"{path}:{line}: [{name}]")
            self.words[name] = sentence

    @staticmethod
    def _check(text: str, known: Set[str], where: str) -> None:
        """Raises WordingError where a text has a place for what it does not get."""
        strange = _places(text, where, 0) - known
        if strange:
            have = ", ".join(f"${name}" for name in sorted(known)) or "nothing"
            raise WordingError(f"{where}: ${min(strange)} is not known here (known: {have}; a dollar sign is $$)")

    def _own(self, name: str) -> Optional[str]:
        """A file of the user's folder."""
        if self._folder is None:
            return None
        try:
            with open(os.path.join(self._folder, *name.split("/")), encoding="utf-8") as file:
                return file.read().replace("\r\n", "\n")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise WordingError(f"--template: {os.path.join(self._folder, name)} cannot be read: {error}") from None

    def has(self, name: str) -> bool:
        """Whether there is a sentence of that name, and it says something."""
        return bool(self.words.get(name))

    def say(self, name: str, **values: object) -> Said:
        """A sentence, with its values."""
        return Said(self.words[name], {key: str(value) for key, value in values.items()})

    def plain(self, name: str, **values: object) -> str:
        """A few words without marks."""
        return Template(self.words[name]).safe_substitute({key: str(value) for key, value in values.items()})

    def count(self, number: int, noun: str) -> str:
        """A number of bytes, packets or records: "1 byte", "142 bytes"."""
        return self.words[f"unit.{noun}"] if number == 1 else self.plain(f"unit.{noun}s", n=number)

    def file(self, name: str) -> str:
        """A file that is taken as it is: style, script."""
        made = self._own(name)
        if made is None:
            made = _shipped(name)
        if made is None:
            raise WordingError(f"the template {name} is missing: hexnote is not completely installed")
        return made

    def form(self, name: str, **values: str) -> str:
        """A form ("html/step.html") filled in. The values are finished text of the output."""
        made = self._forms.get(name)
        if made is None:
            made = self._forms[name] = Template(self.file(name))
        return made.safe_substitute(values)


def _shipped(name: str) -> Optional[str]:
    """A file of the package, from wherever it was loaded."""
    try:
        found = pkgutil.get_data("hexnote", f"templates/{name}")
    except OSError:
        return None
    return None if found is None else found.decode("utf-8").replace("\r\n", "\n")


_NAME = re.compile(r"\[([a-zA-Z0-9_.]+)\]\s*\Z")


def _sentences(text: str, path: str) -> Dict[str, Tuple[str, int]]:
    """The sentences of a words file: name to (text, line). Lines of a paragraph are joined."""
    found: Dict[str, Tuple[str, int]] = {}
    name, begun, lines = "", 0, [""]
    for number, line in enumerate([*text.split("\n"), "[end]"], 1):
        match = _NAME.match(line)
        if match is None:
            if line.startswith("#"):
                continue
            if not name and line.strip():
                raise WordingError(f"{path}:{number}: words stand before the first [name]")
            lines.append(line.strip())
            continue
        if name:
            paragraphs = "\n".join(lines).strip().split("\n\n")
            found[name] = ("\n\n".join(" ".join(p.split()) for p in paragraphs if p.strip()), begun)
        name, begun, lines = match.group(1), number, []
    return found


def _places(text: str, path: str, line: int) -> Set[str]:
    """The names that stand behind dollar signs. Raises WordingError where a dollar sign stands alone."""
    found: Set[str] = set()
    for match in Template.pattern.finditer(text):
        if match.group("invalid") is not None:
            raise WordingError(f"{path}{f':{line}' if line else ''}: a dollar sign that begins no name; write $$ for one")
        name = match.group("named") or match.group("braced")
        if name:
            found.add(name)
    return found


def _near(name: str, names: Mapping[str, str]) -> str:
    """The name that was perhaps meant."""
    import difflib

    found = difflib.get_close_matches(name, list(names), 1)
    return f" (did you mean [{found[0]}]?)" if found else ""


# ------------------------------------------------------------------ marks

# Words of a sentence: code, a link within the document, emphasis, a place, or other text.
_MARK = re.compile(
    r"`(?P<code>[^`]*)`|\[(?P<link>[^\]]+)\]\(\$(?P<target>[a-z]+)\)|\*(?P<em>[^*]+)\*|\$(?:\$|(?P<place>[a-z][a-z0-9_]*)|\{(?P<braced>[a-z][a-z0-9_]*)\})"
)
_RFC = re.compile(r"RFC (\d{3,5})(?:,? (section|appendix) ([A-Z0-9]+(?:\.[0-9]+)*))?")


def marks(text: str) -> List[Tuple[str, str]]:
    """A sentence cut at its marks: (kind, text), kind one of "text", "code", "em", "place", "link" (the name of the place
    that holds its address, a blank, its words)."""
    out: List[Tuple[str, str]] = []
    at = 0
    for match in _MARK.finditer(text):
        if match.start() > at:
            out.append(("text", text[at : match.start()]))
        at = match.end()
        if match.group("code") is not None:
            out.append(("code", match.group("code")))
        elif match.group("link") is not None:
            out.append(("link", f"{match.group('target')} {match.group('link')}"))
        elif match.group("em") is not None:
            out.append(("em", match.group("em")))
        else:
            name = match.group("place") or match.group("braced")
            out.append(("place", name) if name else ("text", "$"))
    if at < len(text):
        out.append(("text", text[at:]))
    return out


# A command of ours, with its options: those that have a value have it.
_COMMAND = re.compile(
    r"\b(?:openssl (?:s_client|s_server|verify|pkey|x509)|nmap)\b"
    r"(?: (?:-(?:connect|servername|starttls|alpn|groups|cert|key|CAfile|untrusted|trusted|in|-script) [^\s;,)]{0,250}[^\s;,).]"
    r"|-[a-zA-Z0-9_]+\b|[A-Z]+\.pem\b))*"
)


def commands(text: str) -> List[Tuple[str, bool]]:
    """A text cut at the commands in it: (text, whether it is one)."""
    out: List[Tuple[str, bool]] = []
    at = 0
    for match in _COMMAND.finditer(text):
        out += [(text[at : match.start()], False), (match.group(), True)]
        at = match.end()
    return [piece for piece in [*out, (text[at:], False)] if piece[0]]


def references(text: str) -> List[Tuple[str, str]]:
    """A text cut at its references to RFCs: (text, address), address "" where it is none."""
    out: List[Tuple[str, str]] = []
    at = 0
    for match in _RFC.finditer(text):
        if match.start() > at:
            out.append((text[at : match.start()], ""))
        at = match.end()
        number, kind, place = match.groups()
        anchor = f"#{kind}-{place}" if place else ""
        out.append((match.group(), f"https://www.rfc-editor.org/rfc/rfc{number}{anchor}"))
    if at < len(text):
        out.append((text[at:], ""))
    return out
