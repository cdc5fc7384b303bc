"""Asks the modules of `findings/`: at each step of a connection, and once more at its end.

A module is loaded when a step, or an end, concerns it. Its docstring holds the pages of its codes, which
`--explain` prints; what a module offers:

    at(story, step)  findings that are known at once, by this step
    end(story)       findings that take the whole connection

Both yield Findings and change nothing.
"""

from __future__ import annotations

import re
import sys

from hexnote.hints import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple
from hexnote.model import GUESSES, SIDES, SURE, Finding, Packet, Step, Story, Verdict, rank
from hexnote.quick import STRICT
from hexnote.tuples import NamedTuple

# Step (by its mark, as Step has it) -> the modules that may say something at once. `Teller` hands out no other encrypted
# records, and no SYN, FIN or RST.
AT_ONCE: Dict[str, Tuple[str, ...]] = {
    "alert": ("resumption", "choices", "alerts", "client_certificate"),
    "sealed alert": ("alerts",),
    "heartbeat": ("heartbeats",),
    "sealed heartbeat": ("heartbeats",),
    "other": ("ciphers",),
    "client_hello": ("choices", "silence"),
    "server_hello": ("choices",),
    "hello_retry_request": ("handshakes", "choices"),
    "server_key_exchange": ("choices",),
    "certificate_request": ("client_certificate",),
    "client_key_exchange": ("client_certificate",),
    "certificate_verify": ("client_certificate",),
    "change_cipher_spec": ("client_certificate",),
}

# Of these the client's alone concern a module.
_OF_CLIENT = frozenset(("certificate_verify", "change_cipher_spec"))

# Marks of a connection that was never opened.
_OPENING = frozenset(("SYN", "RST"))

# What can be said where client and server are known to be the other way round than they are called.
_EITHER_WAY = frozenset((
    "fatal-alert", "warning-alert", "encrypted-alert", "certificate-chain", "certificate-signature-wrong", "certificate-expired",
    "certificate-not-yet-valid", "certificate-misused", "weak-certificate", "chain-incomplete", "chain-out-of-order",
    "chain-has-root", "self-signed", "obsolete-version", "obsolete-cipher", "weak-key-exchange", "compression", "malformed",
    "oversize-record", "starttls", "proxy-preface", "injected-reset", "no-close-notify", "data-after-fin", "reset-after-close",
    "reset-mid-handshake", "idle-close", "packet-too-big", "destination-unreachable", "time-exceeded",
))  # fmt: skip

# Findings of one connection that are remembered for its verdict.
_TOLD = 256

# Modules that are asked at the end, where there is reason to: those that any handshake concerns, and others.
_HANDSHAKES = ("handshakes", "client_certificate", "renegotiation")
AT_END: Tuple[str, ...] = (*_HANDSHAKES, "chains", "ciphers", "protocols", "silence", "idle", "path", "endings")


def _concerned(story: Story) -> List[str]:
    """Those of them that the end of a story concerns, in the order of AT_END."""
    names: List[str] = []
    courses, trail = story.courses, story.trail
    if courses:
        names += _HANDSHAKES
        for course in courses:
            if course.certificate[1] is not None or course.certificate[0] is not None:
                names.append("chains")
                break
    if story.suite is None or (story.version or 0) < 0x0302 or story.long:
        names.append("ciphers")
    if "other" in trail:
        names.append("protocols")
    if not courses[0].complete if courses else "SYN" in trail and _OPENING.issuperset(trail):
        names.append("silence")
    if story.notices:
        names.append("path")
    if story.idle is not None:
        names.append("idle")
    if story.closed or "FIN" in trail:
        names.append("endings")
    return names


# Modules that are asked of no connection alone, or that hold pages alone, of what other rooms raise.
PAGES: Tuple[str, ...] = ("attempts", "verdict", "order", "damage")


# What is asked at once, by the mark of a step.
_Asked = Dict[str, Tuple[Callable[[Story, Step], Any], ...]]


def _room(name: str) -> Any:
    """The module of that name in `findings/`. To have `importlib` for it takes a short run as long as to load four of them."""
    whole = f"hexnote.findings.{name}"
    __import__(whole)
    return sys.modules[whole]


def _ask(found: List[Finding], asked: Iterable[Callable[..., Any]], *about: Any) -> None:
    """Add what modules say. One that fails must cost neither the others nor the annotation; tests want to know."""
    for ask in asked:
        try:
            found += ask(*about)
        except Exception:
            if STRICT:
                raise


def weighed(story: Story, found: List[Finding]) -> List[Finding]:
    """Findings of a connection, those that rest on which end is which no surer than that is."""
    if not story.guessed or not found:
        return found
    if story.guessed == "contradicted":
        found = [f for f in found if f.code in _EITHER_WAY]
    most, _ = GUESSES[story.guessed]
    return [_lowered(finding, most) if finding.sided else finding for finding in found]


def _lowered(finding: Finding, most: str) -> Finding:
    by = "unknown" if most == "possible" and finding.by in SIDES else finding.by
    sure, seen = max(finding.sure, most, key=SURE.index), finding.seen and max(finding.seen, most, key=SURE.index)
    return finding._replace(by=by, sure=sure, seen=seen if seen != sure else "")


class Doctor:
    """Serves all connections of a trace."""

    def __init__(self) -> None:
        self._at: Tuple[_Asked, _Asked] = ({}, {})  # by side
        self._end: Dict[str, Callable[[Story], Any]] = {}
        self._verdict: Any = None

    def step(self, story: Story, step: Step) -> List[Finding]:
        """What is known at once by the last step of a story."""
        found: List[Finding] = []
        mark = story.trail[-1]
        asked = self._at[step.side].get(mark)
        if asked is None:
            asked = self._at[step.side][mark] = self._modules(step, mark)
        stray = story.stray
        if stray is not None and stray[0] is step:
            asked = (*asked, _room("order").at)
        if asked:
            _ask(found, asked, story, step)
        found = weighed(story, found)
        if found:
            if step.kind == "alert" and any(f.code == "fatal-alert" for f in found):
                found = self._explained(story, step, found)
            self.note(story, found)
        return found

    @staticmethod
    def _modules(step: Step, mark: str) -> Tuple[Callable[[Story, Step], Any], ...]:
        """What is asked at steps of that mark, of that side."""
        names = () if step.side and mark in _OF_CLIENT else AT_ONCE.get(mark, ())
        return tuple(_room(name).at for name in names)

    def _explained(self, story: Story, alert: Step, found: List[Finding]) -> List[Finding]:
        """The findings made by a fatal alert, that on the alert with the one that explains it, as far as is known now."""
        made: List[Finding] = []
        _ask(made, self._ends(("chains", "client_certificate")), story)
        known = [*story.told, *found, *weighed(story, made)]
        speaks = _room("verdict")
        cause = speaks.explains(alert, known)
        return [speaks.named(f, cause) if cause is not None and f.code == "fatal-alert" else f for f in found]

    def _ends(self, names: Sequence[str]) -> List[Callable[[Story], Any]]:
        """What modules say of the whole story, as far as it goes."""
        known = self._end
        for name in names:
            if name not in known:
                known[name] = _room(name).end
        return [known[name] for name in names]

    def note(self, story: Story, found: List[Finding]) -> None:
        """Findings that were made on a connection, by whomever, as they are weighed."""
        if len(story.told) < _TOLD:
            story.told += found

    def behind(self, reset: Step, side: int, offset: int, packet: Packet) -> Optional[Finding]:
        """What new bytes at `offset` of a side's stream say of the RST that ended the connection before."""
        if side != reset.side or offset < reset.offset or reset.packet >= packet.number:
            return None
        found: Finding = _room("endings").late(
            packet.stream, reset, ((packet.number, packet.start, packet.end),))
        return found

    @staticmethod
    def together(attempts: Any) -> List[Finding]:
        """The input is over: what connections that went before tell of later ones, by what remembers them."""
        found: List[Finding] = []
        if attempts.any:
            _ask(found, (_room("attempts").together,), attempts)
        return found

    def end(self, story: Story, found: List[Finding]) -> Tuple[List[Finding], Verdict, str]:
        """A connection is over, with what other rooms `found` at its end: (findings, the worst first; verdict;
        the line on the client's certificate)."""
        made: List[Finding] = []
        _ask(made, self._ends(_concerned(story)), story)
        found = [*found, *weighed(story, made)]
        if len(found) > 1:
            found.sort(key=rank)
        self.note(story, found)
        if self._verdict is None:
            self._verdict = _room("verdict")
        verdict: Verdict = self._verdict.verdict(story, story.told)
        lines: List[Any] = []
        _ask(lines, (self._verdict.certificate_line,), story)
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
    names = dict.fromkeys([*(n for group in AT_ONCE.values() for n in group), *AT_END, *PAGES])
    found: Dict[str, Page] = {}
    for name in names:
        for page in parse(_room(name).__doc__ or ""):
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


_NARROW = 20  # columns that sentences have at least


def explain(code: str, width: int = 100) -> Optional[str]:
    """The page of a code as text, or with "list" a line for each; None for a code that is none."""
    from textwrap import wrap

    known = pages()
    if code == "list":
        wide = max(map(len, known))
        lines = []
        beside = wide + 11
        for page in known.values():
            first = page.parts[0][1].split(". ")[0].rstrip(".") if page.parts else ""
            if width - beside >= _NARROW:
                lines += wrap(f"{page.code:<{wide}}  {page.severity:<7}  {first}", width, subsequent_indent=" " * beside,
                              break_on_hyphens=False)
            else:
                lines.append(f"{page.code} ({page.severity})")
                lines += wrap(first, max(width, 2 * _NARROW), initial_indent="    ", subsequent_indent="    ",
                              break_on_hyphens=False)
        return "\n".join(lines) + "\n"
    found = known.get(code)
    if found is None:
        return None
    lines = [f"{found.code} ({found.severity})"]
    for head, body in found.parts:
        if head == "sample":
            if not re.fullmatch(r"[a-z0-9-]+", body):  # it is shown by tests alone, which no user has
                continue
            body = f"samples/{body}.txt"
        elif body == "none":
            continue
        lines += ["", *wrap(f"{_HEADINGS[head]}: {body}", max(width, 2 * _NARROW), subsequent_indent="  ", break_on_hyphens=False)]
    return "\n".join(lines) + "\n"


_HEADINGS = {
    "meaning": "What it means", "known by": "How it is known", "causes": "Usual causes", "try": "What to try",
    "source": "Source", "sample": "Sample",
}  # fmt: skip


def nearest(code: str) -> str:
    """The code that was perhaps meant, "" where none is near."""
    import difflib

    near = difflib.get_close_matches(code.lower(), list(pages()), 1, 0.5)
    return near[0] if near else ""
