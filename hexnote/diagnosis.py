"""Asks the modules of `findings/`: at each step of a connection, and once more at its end.

A module is loaded when a step, or an end, concerns it. Its docstring holds the pages of its codes, which
`--explain` prints; what a module offers:

    at(story, step)  findings that are known at once, by this step
    end(story)       findings that take the whole connection

Both yield Findings and change nothing.
"""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from hexnote.model import Finding, Packet, Step, Story, Verdict, rank

# Step (by its kind, a message by its name too) -> the modules that may say something at once.
AT_ONCE: Dict[str, Tuple[str, ...]] = {
    "alert": ("resumption", "choices", "alerts", "client_certificate"),
    "sealed": ("alerts",),
    "heartbeat": ("heartbeats",),
    "other": ("ciphers",),
    "client_hello": ("choices", "silence"),
    "server_hello": ("choices",),
    "hello_retry_request": ("handshakes", "choices"),
    "server_key_exchange": ("choices",),
    "certificate_request": ("client_certificate",),
    "certificate": ("client_certificate",),
    "client_key_exchange": ("client_certificate",),
    "certificate_verify": ("client_certificate",),
    "change_cipher_spec": ("client_certificate",),
}

# Whether a module that fails ends the run.
STRICT = bool(os.environ.get("HEXNOTE_STRICT"))
# Findings of one connection that are remembered for its verdict.
_TOLD = 256


def _always(story: Story) -> bool:
    return True


def _tls(story: Story) -> bool:
    return bool(story.courses)


def _unfinished(story: Story) -> bool:
    return bool(story.courses) and not story.courses[0].complete


def _lengths(story: Story) -> bool:
    return story.suite is None or (story.version or 0) < 0x0302 or bool(story.long)


def _foreign(story: Story) -> bool:
    return "other" in story.trail


def _certified(story: Story) -> bool:
    return any(course.certificate[0] is not None or course.certificate[1] is not None for course in story.courses)


def _closed(story: Story) -> bool:
    return bool(story.closed) or "FIN" in story.trail


# Modules that are asked at the end, and whether there is reason to.
AT_END: Tuple[Tuple[str, Callable[[Story], bool]], ...] = (
    ("handshakes", _tls),
    ("client_certificate", _tls),
    ("renegotiation", _tls),
    ("chains", _certified),
    ("ciphers", _lengths),
    ("protocols", _foreign),
    ("silence", _unfinished),
    ("endings", _closed),
)

# Modules that hold pages alone, of what other rooms raise.
PAGES: Tuple[str, ...] = ("verdict", "order", "damage")


def _ask(found: List[Finding], ask: Callable[..., Any], *about: Any) -> None:
    """Add what a module says. One that fails must cost neither the others nor the annotation; tests want to know."""
    try:
        found += ask(*about)
    except Exception:
        if STRICT:
            raise


class Doctor:
    """Serves all connections of a trace."""

    def __init__(self) -> None:
        self._at: Dict[str, List[Callable[[Story, Step], Any]]] = {}
        self._end: Dict[str, Callable[[Story], Any]] = {}
        self._verdict: Any = None

    def step(self, story: Story, step: Step) -> List[Finding]:
        """What is known at once by a step."""
        key = step.name if step.kind == "message" else step.kind
        if step.type == 24 and key == "sealed":
            key = "heartbeat"
        asked = self._at.get(key)
        if asked is None:
            asked = self._at[key] = [import_module(f"hexnote.findings.{name}").at for name in AT_ONCE.get(key, ())]
        if story.stray is not None and story.stray[0] is step:
            asked = [*asked, import_module("hexnote.findings.order").at]
        if not asked:
            return []
        found: List[Finding] = []
        for ask in asked:
            _ask(found, ask, story, step)
        if step.kind == "alert" and any(f.code == "fatal-alert" for f in found):
            found = self._explained(story, step, found)
        if found:
            self.note(story, found)
        return found

    def _explained(self, story: Story, alert: Step, found: List[Finding]) -> List[Finding]:
        """The findings made by a fatal alert, that on the alert with the one that explains it, as far as is known now."""
        known = [*story.told, *found]
        for name in ("chains", "client_certificate"):
            _ask(known, import_module(f"hexnote.findings.{name}").end, story)
        speaks = import_module("hexnote.findings.verdict")
        cause = speaks.explains(alert, known)
        return [speaks.named(f, cause) if cause is not None and f.code == "fatal-alert" else f for f in found]

    def note(self, story: Story, found: List[Finding]) -> None:
        """Findings that were made on a connection, by whomever."""
        if len(story.told) < _TOLD:
            story.told += found

    def behind(self, reset: Step, side: int, offset: int, packet: Packet) -> Optional[Finding]:
        """What new bytes at `offset` of a side's stream say of the RST that ended the connection before."""
        if side != reset.side or offset < reset.offset or reset.packet >= packet.number:
            return None
        found: Finding = import_module("hexnote.findings.endings").late(
            packet.stream, reset, ((packet.number, packet.start, packet.end),))
        return found

    def end(self, story: Story, found: List[Finding]) -> Tuple[List[Finding], Verdict, str]:
        """A connection is over, with what other rooms `found` at its end: (findings, the worst first; verdict;
        the line on the client's certificate)."""
        found = list(found)
        for name, concerns in AT_END:
            if concerns(story):
                ask = self._end.get(name)
                if ask is None:
                    ask = self._end[name] = import_module(f"hexnote.findings.{name}").end
                _ask(found, ask, story)
        found.sort(key=rank)
        self.note(story, found)
        if self._verdict is None:
            self._verdict = import_module("hexnote.findings.verdict")
        verdict: Verdict = self._verdict.verdict(story, story.told)
        lines: List[Any] = []
        _ask(lines, self._verdict.certificate_line, story)
        return found, verdict, "".join(lines)


# ------------------------------------------------------------------ pages


class Page(NamedTuple):
    """What `--explain` says of a code."""

    code: str
    severity: str
    parts: Tuple[Tuple[str, str], ...]  # (heading, text): see PARTS


# The parts of a page, in the order in which they stand in the docstring.
PARTS = ("meaning", "known by", "causes", "try", "source", "sample")

_HEAD = r"^([a-z0-9]+(?:-[a-z0-9]+)*) \((note|warning|error)\)$"
_PART = f"^    ({'|'.join(PARTS)}): (.*)$"


def pages() -> Dict[str, Page]:
    """Every code and its page, in alphabetical order."""
    names = dict.fromkeys([*(n for group in AT_ONCE.values() for n in group), *(n for n, _ in AT_END), *PAGES])
    found: Dict[str, Page] = {}
    for name in names:
        for page in parse(import_module(f"hexnote.findings.{name}").__doc__ or ""):
            found[page.code] = page
    return dict(sorted(found.items()))


def parse(text: str) -> List[Page]:
    """The pages in a docstring."""
    made: List[Page] = []
    parts: Optional[List[Tuple[str, str]]] = None
    for line in text.split("\n"):
        head = re.match(_HEAD, line)
        if head is not None:
            parts = []
            made.append(Page(head.group(1), head.group(2), ()))
        elif parts is not None and line.strip():
            part = re.match(_PART, line)
            if part is not None:
                parts.append((part.group(1), part.group(2)))
            elif parts and line.startswith("        "):
                parts[-1] = (parts[-1][0], f"{parts[-1][1]} {line.strip()}")
            else:
                parts = None
        if parts is not None:
            made[-1] = made[-1]._replace(parts=tuple(parts))
    return made


def explain(code: str, width: int = 100) -> Optional[str]:
    """The page of a code as text, or with "list" a line for each; None for a code that is none."""
    from textwrap import wrap

    known = pages()
    if code == "list":
        wide = max(map(len, known))
        lines = []
        for page in known.values():
            first = page.parts[0][1].split(". ")[0].rstrip(".") if page.parts else ""
            lines += wrap(f"{page.code:<{wide}}  {page.severity:<7}  {first}", width, subsequent_indent=" " * (wide + 11),
                          break_on_hyphens=False)
        return "\n".join(lines) + "\n"
    found = known.get(code)
    if found is None:
        return None
    lines = [f"{found.code} ({found.severity})"]
    for head, body in found.parts:
        lines += ["", *wrap(f"{_HEADINGS[head]}: {body}", width, subsequent_indent="  ", break_on_hyphens=False)]
    return "\n".join(lines) + "\n"


_HEADINGS = {
    "meaning": "What it means", "known by": "How it is known", "causes": "Usual causes", "try": "What to try",
    "source": "Source", "sample": "Sample",
}  # fmt: skip


def nearest(code: str) -> str:
    """The code that was perhaps meant, "" where none is near."""
    import difflib

    near = difflib.get_close_matches(code, list(pages()), 1, 0.5)
    return near[0] if near else ""
