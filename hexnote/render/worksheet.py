"""Worksheets in Markdown, their keys, and the marking of filled ones.

A sheet carries its own trace, level and seed, so that whoever has a filled sheet can mark it: the questions are made
anew from what stands in it.
"""

from __future__ import annotations

import re

from hexnote.hints import Dict, List, Optional
from hexnote.render.narrow import plain_lines
from hexnote.render.questions import NUMBER, ORDER, RANGE, Question, questions
from hexnote.report import Collector, Report
from hexnote.tuples import NamedTuple

_MARK = "hexnote worksheet"
_HEAD = re.compile(rb"<!-- hexnote worksheet: level (\d), seed (\d{1,18}) -->")
_TITLE = re.compile(r"#{1,6} (\d{1,4})\.")
_ANSWER = re.compile(r"[>*_ ]{0,8}answer {0,2}:[*_]{0,2}(.*)", re.I)
_BLANK = "_ .?"  # what an answer that nobody gave is made of
_TRACE = re.compile(rb"^(`{3,})text trace\r?\n", re.M)
_OURS = re.compile(r"#|`{3}|(?:Bytes|How):")  # lines of sheets and keys behind an answer
_LONGEST = 2000  # characters of an answer that are looked at


class Worksheet(Collector):
    """The renderer: a sheet for each input, or its key."""

    def __init__(self, level: int = 3, seed: int = 1, key: bool = False) -> None:
        super().__init__()
        self._how = (level, seed, key)
        self._out: List[bytes] = []

    def end(self) -> None:
        """The input ends."""
        super().end()
        self._out.append(sheet(self.reports.pop(), *self._how))

    def take(self) -> bytes:
        """The sheets of the inputs that are over."""
        made, self._out = self._out, []
        return b"".join(made)


def sheet(report: Report, level: int = 3, seed: int = 1, key: bool = False) -> bytes:
    """A worksheet as Markdown, or with `key` the same with its answers, the bytes and the way to them."""
    asked = questions(report, level, seed)
    name = "standard input" if report.file == "-" else report.file.replace("\\", "/").rpartition("/")[2]
    lines = [
        f"# {'Key to the worksheet' if key else 'Worksheet'}: {clean(name)}",
        "",
        f"<!-- {_MARK}: level {level}, seed {seed} -->",
        "",
    ]
    if not asked:
        lines += ["This trace shows nothing that could be asked about: no packet of a TLS connection was found in it.", ""]
    else:
        lines += [
            "The trace stands at the end of this sheet. Packets are numbered in its order, from 1; offsets are those that the dump",
            "prints at the beginning of each row. Write numbers in decimal (`32`) or hexadecimal (`0x20`).", "",
        ]  # fmt: skip
    for i, question in enumerate(asked):
        lines += [f"## {i + 1}. {clean(question.title)} (level {question.level})", ""]
        if question.given:
            lines += ["```text", *(_plain(line) for line in question.given), "```", ""]
        lines += [clean(question.ask), "", f"Answer: {clean(question.answer) if key else '____'}", ""]
        if key:
            lines += [f"Bytes: {places(question) or 'none'}", "", f"How: {clean(question.way)}", ""]
    head = "\n".join(lines).encode("utf-8", "replace")
    text = report.text
    fence = b"`" * max(3, 1 + max((len(run) for run in re.findall(rb"`+", text)), default=0))
    return head + b"\n## The trace\n\n" + fence + b"text trace\n" + text + (b"" if text.endswith(b"\n") else b"\n") + fence + b"\n"


def places(question: Question) -> str:
    """Where the bytes of an answer stand: dump offsets of the first and the last one."""
    said = [(f"packet {p}, 0x{a:04x}", f" to 0x{b - 1:04x}" if b > a + 1 else "") for p, a, b in question.at if b > a]
    return "; ".join(first + last for first, last in said)


def clean(text: str) -> str:
    """Text from a trace that stands in Markdown's running text: nothing in it is markup, nothing a control."""
    safe = "".join(sign if sign.isprintable() else "?" for sign in text)
    return re.sub(r"([\\`*\[\]<>|#~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))", r"\\\1", safe)


def _plain(line: str) -> str:
    """A line between fences."""
    return "".join(sign if sign.isprintable() else "?" for sign in line).replace("```", "'''")


# ---------------------------------------------------------------- marking


class Carried(Collector):
    """The renderer of the trace that a sheet carries."""


class Filled(NamedTuple):
    """What a filled sheet says."""

    level: int
    seed: int
    trace: bytes
    answers: Dict[int, str]  # by number of the question


def filled(data: bytes) -> Optional[Filled]:
    """Read a sheet; None where it is none (a trace, say). A sheet without its trace has an empty one."""
    head = _HEAD.search(data)
    if head is None:
        return None
    begin = _TRACE.search(data, head.end())
    trace = b""
    if begin is not None:
        stop = data.find(b"\n" + begin.group(1), begin.end() - 1)
        trace = data[begin.end() : stop + 1 if stop >= 0 else len(data)]
    answers: Dict[int, str] = {}
    number = 0
    open_at = 0  # the question whose answer may stand on a line below
    for line in data[head.end() : begin.start() if begin is not None else len(data)].decode("utf-8", "replace").splitlines():
        title, answer = _TITLE.match(line), _ANSWER.match(line)
        if title is not None:
            number, open_at = int(title.group(1)), 0
        elif answer is not None and number not in answers:
            answers[number] = answer.group(1)[:_LONGEST].strip()
            open_at = 0 if answers[number].strip(_BLANK) else number
        elif open_at and line.strip("> " + _BLANK):
            if not _OURS.match(line):
                answers[open_at] = line.lstrip("> ")[:_LONGEST].strip()
            open_at = 0
    return Filled(int(head.group(1)), int(head.group(2)), trace, answers)


def marked(report: Report, given: Filled, name: str, width: Optional[int] = None) -> bytes:
    """The marks of a filled sheet, whose trace is `report`, in `width` columns; None: a line for each, however long."""
    asked = questions(report, given.level, given.seed)
    lines: List[str] = []
    points = 0
    for i, question in enumerate(asked):
        answer = given.answers.get(i + 1, "").replace("\\", "")
        answer = re.sub(r"_{2,}", " ", answer).strip("_* ")  # the line that was to be filled may stand around it
        if not answer.strip(_BLANK):
            lines.append(f"{i + 1:3} no answer; it is {question.answer}. {question.way}")
        elif right(question, answer):
            points += 1
            lines.append(f"{i + 1:3} right: {question.answer}")
        else:
            lines.append(f"{i + 1:3} wrong: {answer}; it is {question.answer}. {question.way}")
    lines.insert(0, f"{name}: {points} of {len(asked)} right (level {given.level}, seed {given.seed})")
    return plain_lines(lines, width, 4)


def right(question: Question, answer: str) -> bool:
    """Whether an answer is as good as the key's: 0x20, 32 and "32 bytes" are the same number."""
    if question.form == NUMBER:
        wanted = _numbers(question.answer)
        got = _numbers(answer.rpartition("=")[2])
        return (len(got) == 1 and got == wanted) or _word(answer) in map(_word, question.others)
    if question.form in (ORDER, RANGE):
        return _numbers(answer) == _numbers(question.answer)
    return _word(answer) in {_word(text) for text in (question.answer, *question.others)}


def _numbers(text: str) -> List[int]:
    """The numbers in a text. Hexadecimal with 0x before or h behind, or written with a zero in front, as offsets are."""
    made = []
    for found in re.finditer(r"0[xX]([0-9a-fA-F]{1,16})\b|\b([0-9a-fA-F]{1,16})[hH]\b|\b(0[0-9a-fA-F]{3})\b|\b(\d{1,19})\b", text):
        digits = found.group(1) or found.group(2) or found.group(3)
        made.append(int(digits, 16) if digits else int(found.group(4)))
    return made


def _word(text: str) -> str:
    return re.sub(r"[^0-9a-z]", "", text.lower())
