"""Worksheets and their keys as one HTML page, through the same templates as the walkthrough: to be printed, or read."""

from __future__ import annotations

from hexnote.hints import List
from hexnote.render.html import esc, shell
from hexnote.render.questions import Question, questions
from hexnote.render.worksheet import Worksheet, places
from hexnote.report import Report
from hexnote.wording import Wording


class WorksheetHtml(Worksheet):
    """The renderer: a page for all inputs."""

    def __init__(self, words: Wording, level: int = 3, seed: int = 1, key: bool = False) -> None:
        super().__init__(level, seed, key)
        self._words = words
        self._pages: List[Report] = []

    def end(self) -> None:
        """The input ends."""
        super(Worksheet, self).end()
        self._pages.append(self.reports.pop())

    def close(self) -> bytes:
        """All inputs are over: the page."""
        level, seed, key = self._how
        words = self._words
        names = ["standard input" if r.file == "-" else r.file.replace("\\", "/").rpartition("/")[2] for r in self._pages]
        title = words.words["sheet.key" if key else "sheet.title"].replace("$file", ", ".join(names))
        body: List[str] = []
        contents: List[str] = []
        for n, (report, name) in enumerate(zip(self._pages, names)):
            asked = questions(report, level, seed)
            heading = esc(words.words["sheet.questions"].replace("$file", name))
            body.append(f"<h2>{heading}</h2>" + ("" if asked else f"<p>{esc(words.words['sheet.none'])}</p>"))
            listed = ""
            for i, question in enumerate(asked):
                anchor = f"q{n}.{i + 1}"
                listed += f'<li><a href="#{anchor}">{esc(question.title)}</a></li>'
                body.append(self._question(question, anchor, i + 1, key))
            # Of several traces each counts its questions from 1.
            contents.append((f"<p>{heading}</p>" if len(names) > 1 else "") + f"<ol>{listed}</ol>" if listed else "")
            trace = words.words["sheet.trace"].replace("$file", name)
            body.append(f"<h2>{esc(trace)}</h2>")
            body.append(_dump(report.text.decode("utf-8", "replace").splitlines(), trace))
        lead = "".join(f"<p>{esc(text)}</p>" for text in words.words["sheet.lead"].split("\n\n"))
        made = f"<p>{esc(words.words['sheet.made'].replace('$level', str(level)).replace('$seed', str(seed)))}</p>"
        links = f'<nav aria-label="{esc(title)}">{"".join(contents)}</nav>'
        return shell(words, title, lead, links, "\n".join(body), made).encode("utf-8")

    def _question(self, question: Question, anchor: str, number: int, key: bool) -> str:
        words = self._words.words
        if key:
            answer = f"<p><strong>{esc(words['sheet.answer'])} {esc(question.answer)}</strong></p>"
            answer += f"<p>{esc(words['sheet.bytes'])} {esc(places(question))}</p><p>{esc(question.way)}</p>"
        else:
            answer = f"<p>{esc(words['sheet.answer'])} ______________________________</p>"
        return self._words.form(
            "html/question.html", id=anchor, number=str(number), title=esc(f"{question.title} (level {question.level})"),
            given=_dump(question.given, question.title) if question.given else "",
            ask=esc(question.ask), form=esc(question.form), answer=answer,
        )


def _dump(lines: List[str], label: str) -> str:
    """Lines in a box of their own that scrolls."""
    # A tab is no character that a page hides: it stands as the blanks that a terminal shows.
    rows = "".join(f'<span class="row">{esc(line.expandtabs(8)) or " "}</span>' for line in lines)
    return f'<div class="dump" tabindex="0" role="region" aria-label="{esc(label)}">{rows}</div>'
