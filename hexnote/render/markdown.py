"""A walkthrough in GitHub's dialect of Markdown.

What comes from a trace stands in code spans and code blocks, or is escaped sign by sign. The text keeps to the default
rules of markdownlint; `make test-browser` holds it to them.
"""

from __future__ import annotations

import re

from hexnote.hints import Dict, List, Mapping, Optional, Sequence
from hexnote.model import Finding
from hexnote.render.document import Document, name
from hexnote.report import Report
from hexnote.tale import BoxPart, BulkPart, PacketPart, Part, SaidPart, SectionPart, Step, Story, Tale, boxed
from hexnote.tale_entries import Entry, clean
from hexnote.tale_rows import Fold, Gap, Line, Row, Turn
from hexnote.wording import Said, Wording, commands, marks, references

_WIDTH = 80
# A line must not begin with these, in the midst of a code span neither: it would be HTML, a list, a heading, a quotation, a
# fence, a table, a footnote or a rule, for blocks are found before what stands in their lines (CommonMark section 3.1).
_BLOCK = re.compile(r"`{3}|~{3}|:{3}|[<>|]|\[\^|(?:[-+*=_:|]+|#{1,6}|\d{1,9}[.)])\Z")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$^])")
_PLAIN = re.compile(r"(?!.*www\.)[A-Za-z0-9 ,'().=×-]*\Z")
_NAMED = re.compile(r"\b[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+\b")  # TLS_RSA_WITH_..., server_hello: shown as code
# Where the first digit of a row stands.
_DIGITS = 9


def escape(text: str) -> str:
    """Plain text as Markdown that shows it and means nothing else."""
    text = " ".join(clean(text, 4000).split())
    text = _SPECIAL.sub(r"\\\1", text)
    return text.replace("www.", "www\\.").replace("://", "\\://").replace("@", "\\@")


def code(text: str) -> str:
    """Text as a code span."""
    text = " ".join(clean(text, 4000).split())
    if not text:
        return ""
    ticks = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (ticks + 1) if ticks else "`"
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def value(text: str) -> str:
    """A value in a sentence: as it is where it cannot mean anything else, else as code."""
    return text if _PLAIN.match(text) and not text.startswith("-") else code(text)


def said(sentence: Said) -> str:
    """A sentence of the wording with its values."""
    return " ".join("".join(_piece(kind, text, sentence.values) for kind, text in marks(sentence.text)).split(" "))


def _piece(kind: str, text: str, values: Mapping[str, str]) -> str:
    if kind == "place":
        found = values.get(text, "")
        return linked(found) if " " in found else value(found)
    if kind == "code":
        filled = "".join(values.get(t, "") if k == "place" else t for k, t in marks(text))
        return code(filled)
    if kind == "link":
        target, _, shown = text.partition(" ")
        return f"[{escape(shown)}]({values.get(target, '')})"
    if kind == "em":
        return f"*{escape(text)}*"
    return _prose(text)


def _prose(text: str) -> str:
    """Words of the wording, RFCs linked; blank lines part paragraphs."""
    return "".join(
        f"[{escape(t)}]({url})" if url else "\n\n".join(_keep(p) for p in t.split("\n\n")) for t, url in references(text)
    )


def _keep(text: str) -> str:
    """Escaped, with its blanks at both ends."""
    inner = escape(text)
    return (" " if text[:1] == " " else "") + inner + (" " if text[-1:] == " " and inner else "")


def linked(text: str) -> str:
    """A text of ours or of the formats (a note, a finding), its values perhaps from the trace; RFCs linked."""
    out = ""
    for piece, command in commands(text):
        out += code(piece) if command else "".join(
            f"[{escape(t)}]({url})" if url else _coded(t) for t, url in references(piece))
    return out


def _coded(text: str) -> str:
    """The same without RFCs; names are code."""
    out, at = "", 0
    for match in _NAMED.finditer(text):
        out += _keep(text[at : match.start()]) + code(match.group())
        at = match.end()
    return out + _keep(text[at:])


def wrap(text: str, indent: str = "", first: Optional[str] = None) -> str:
    """Paragraphs in lines of 80 columns that can begin with `indent`, the first one with `first`."""
    out: List[str] = []
    lead = indent if first is None else first
    for paragraph in text.split("\n\n"):
        words: List[str] = []
        for word in paragraph.split(" "):
            if words and _BLOCK.match(word):
                words[-1] += f" {word}"  # never at the beginning of a line
            elif word:
                words.append(word)
        line = lead
        fresh = True
        for word in words:
            if not fresh and len(line) + 1 + len(word) > _WIDTH:
                out.append(line)
                line, fresh = indent, True
            line += word if fresh else f" {word}"
            fresh = False
        out += [line, ""]
        lead = indent
    return "\n".join(out).rstrip()


class Markdown(Document):
    """The renderer."""

    def document(self, reports: List[Report]) -> str:
        """The whole text."""
        words = self.words
        self._headings: Dict[str, int] = {}  # that were used
        self._titles: Dict[str, str] = {}  # address of a section in the story to its heading,
        self._anchors: Dict[str, str] = {}  # and that of a step or section to the address of its heading
        stories = self.stories(reports)
        count = sum(len(story.tales) for story in stories)
        files = ", ".join(name(r) for r in reports)
        shown = any(tale.steps for story in stories for tale in story.tales)
        lead = words.say(self.lead(stories), file=files, count=count)
        made = words.form(
            "markdown/page.md", title=escape(words.words["title" if count < 2 else "title.many"]), lead=wrap(said(lead)),
            reading_title=escape(words.words["reading.title"]) if shown else "",
            reading=self._reading() if shown else "",
            connections="\n\n".join(self._trace(stories, story) for story in stories),
        )
        return _tidy(made)

    def _reading(self) -> str:
        """How to read the bytes, and a few words."""
        words = self.words
        parts = [wrap(said(words.say(key))) for key in ("reading", "reading.marks")]
        listed = [wrap(item, "  ", "- ") for item in said(words.say("reading.glossary")).split("\n\n")]
        return "\n\n".join([*parts, f"{wrap(said(words.say('reading.glossary.title')))}:", "\n".join(listed)])

    def _trace(self, stories: List[Story], story: Story) -> str:
        parts = [self._tale(stories, story, tale) for tale in story.tales]
        boxes = [self._box(part) for part in boxed(story.findings) if isinstance(part, BoxPart)]
        if boxes and story.tales:
            parts.append(f"## {self._headed(escape(self.words.words['found.title.trace']))}")
        return _joined(parts + boxes)

    def _headed(self, made: str) -> str:
        """A heading that no other one equals."""
        times = self._headings[made] = self._headings.get(made, 0) + 1
        return made if times == 1 else f"{made} ({times})"

    def _tale(self, stories: List[Story], story: Story, tale: Tale) -> str:
        words = self.words

        def headed(text: str) -> str:
            return self._headed(escape(self.headed(stories, tale, text)))

        steps = {step.id: headed(f"{words.plain('step', number=step.number)}: {step.title}") for step in tale.steps}
        slugs = {id: _slug(title) for id, title in steps.items()}
        self._titles = {part.id: headed(part.title) for step in tale.steps for part in step.parts if isinstance(part, SectionPart)}
        self._anchors = {**slugs, **{id: _slug(title) for id, title in self._titles.items()}}
        found = [self._box(part) for part in boxed(tale.findings) if isinstance(part, BoxPart)]
        found += [wrap(said(words.say("finding.more", count=n, code=c))) for c, n in tale.more]
        before = [self._box(part) for part in boxed(tale.before) if isinstance(part, BoxPart)]
        title = tale.title if len(stories) < 2 else f"{name(story.report)}: {tale.title}"
        return words.form(
            "markdown/connection.md", title=escape(title), intro="\n\n".join(wrap(said(s)) for s in tale.intro),
            before_title=headed(words.words["found.title.before"]) if before else "", before=_joined(before),
            findings=_joined(found), found_title=headed(words.words["found.title"]) if found and tale.steps else "",
            table_title=headed(words.words["table.title"]) if tale.steps else "",
            table_why=wrap(said(words.say("table.why"))) if tale.steps else "",
            table=self._table(tale, slugs),
            diagram=_joined([wrap(said(words.say("table.drawing"))), _mermaid(tale, words.words)]) if tale.arrows else "",
            steps="\n\n".join(self._step(step, steps[step.id]) for step in tale.steps),
        )

    def _table(self, tale: Tale, slugs: Dict[str, str]) -> str:
        """The steps, client left and server right, a line for each thing that is said."""
        words = self.words.words
        rows = [f"| {words['columns.step']} | {words['Client']} | {words['Server']} |", "| --- | --- | --- |"]
        shown = 0
        for arrow in tale.arrows:
            step = f"[{arrow.step}][{tale.id}.{arrow.step}]" if arrow.step != shown else ""
            shown = arrow.step
            cells = (_cell(arrow.label), "") if arrow.side == "client" else ("", _cell(arrow.label))
            rows.append(" ".join(f"| {step} | {cells[0]} | {cells[1]} |".split()))
        rows += ["", *(f"[{tale.id}.{step.number}]: #{slugs[step.id]}" for step in tale.steps if any(
            arrow.step == step.number for arrow in tale.arrows))]
        return "\n".join(rows) if tale.arrows else ""

    def _step(self, step: Step, title: str) -> str:
        words = self.words
        names = ", ".join(step.names)
        return words.form(
            "markdown/step.md", title=title, why="\n\n".join(wrap(said(s)) for s in step.why),
            names=wrap(said(words.say("names", names=names))) if names else "",
            parts=_joined([self._part(part) for part in step.parts]),
        )

    def _part(self, part: Part) -> str:
        words = self.words
        if isinstance(part, PacketPart):
            packet = part.packet
            side = words.words.get(packet.side or "", "")
            title = words.plain("packet.title" if side else "packet.title.bare", number=packet.number, side=side)
            header = packet.header.decode("latin-1").strip().replace("\n", " ")
            numbers = _numbers(part.rows)
            return words.form(
                "markdown/packet.md", title=escape(title), summary=code(header),
                text=wrap(("\n\n" if part.rows else " ").join(said(self._aimed(s)) for s in part.said)),
                rows=self._rows(part.rows, numbers),
                fields=self._fields(part.entries, numbers), after="\n\n".join(wrap(said(s)) for s in part.after),
            )
        if isinstance(part, SectionPart):
            numbers = _numbers(part.rows)
            return words.form(
                "markdown/record.md", title=self._titles[part.id],
                why="\n\n".join(wrap(said(s)) for s in part.lead), rows=self._rows(part.rows, numbers),
                fields=self._fields(part.entries, numbers), facts="\n\n".join(wrap(said(s)) for s in part.facts),
            )
        if isinstance(part, BoxPart):
            return self._box(part)
        if isinstance(part, SaidPart):
            return wrap(said(part.said))
        assert isinstance(part, BulkPart)
        lines = [wrap(said(part.said)), "", *self._bulk(part)]
        return "\n".join(lines)

    def _aimed(self, sentence: Said) -> Said:
        """A sentence whose link leads to a heading."""
        if "target" not in sentence.values:
            return sentence
        return sentence._replace(values={**sentence.values, "target": f"#{self._anchors.get(sentence.values['target'], '')}"})

    def _bulk(self, part: BulkPart) -> List[str]:
        words = self.words.words
        columns = words["bulk.columns"].split(" | ")
        rows = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
        for section in part.sections[:50]:
            number = section.records[0].number if section.records else ""
            rows.append(f"| {words.get(section.side, section.side)} {number} | {section.first} | {section.length} |")
        return rows

    def _box(self, part: BoxPart) -> str:
        """Findings on the same bytes, as one quotation."""
        told = part.told
        codes = part.codes if len(told) == 1 else ""
        return "\n>\n".join(self._finding(finding, codes) for finding in told)

    def _finding(self, finding: Finding, codes: str) -> str:
        words = self.words
        advice: List[str] = []
        if finding.severity != "note":
            advice.append(said(words.say("finding.by", by=finding.by, sure=finding.sure)))
            if finding.seen:
                advice.append(said(words.say("finding.seen", sure=finding.seen)))
            if finding.refuted_by:
                advice.append(said(words.say("finding.refuted", text=finding.refuted_by)))
            if finding.next:
                advice.append(said(words.say("finding.next", text=finding.next)))
        made = words.form(
            "markdown/finding.md", severity=escape(words.words.get(f"finding.{finding.severity}", finding.severity)),
            code=escape(codes or finding.code), text=linked(finding.text[:1].upper() + finding.text[1:] + "."),
            advice=" ".join(advice),
        ).strip()
        body = made[2:] if made.startswith("> ") else made
        return wrap(body, "> ", "> ") if made.startswith("> ") else made

    # ---------------------------------------------------------------- rows and fields

    def _rows(self, rows: Sequence[Row], numbers: Dict[int, int]) -> str:
        """Dump rows with carets and numbers under them, as a code block."""
        if not rows:
            return ""
        lines: List[str] = []
        before: Optional[Entry] = None
        words = self.words
        for row in rows:
            if isinstance(row, Line):
                lines.append(_dumped(row))
                lines += _carets(row, numbers, before)
                owned = [run.entry for run in row.runs if run.entry is not None]
                before = owned[-1] if owned else before
            elif isinstance(row, Fold):
                text = words.plain("rows.folded", count=row.rows, first=f"0x{row.first:04x}", last=f"0x{row.last:04x}")
                lines.append(f"... {text.replace('`', '')}")
            elif isinstance(row, Gap):
                size = words.count(row.size, "byte")
                lines.append(f"... {words.plain('rows.left' if row.shown else 'rows.hole', size=size, are='')}")
            elif isinstance(row, Turn):
                lines.append(f"({_turn(row, words)})")
        return "\n".join(["```text", *(line.rstrip() for line in lines), "```"])

    def _fields(self, entries: Sequence[Entry], numbers: Dict[int, int], depth: int = 0) -> str:
        """Entries as a nested list."""
        lines: List[str] = []
        indent = "  " * depth
        for entry in entries:
            lines.append(wrap(self._entry(entry, numbers), f"{indent}  ", f"{indent}- "))
            if entry.doc:
                note = linked(f"{entry.doc} ({entry.rfc})" if entry.rfc and entry.rfc not in entry.doc else entry.doc)
                lines += ["", wrap(note, f"{indent}  "), ""]
            if entry.kids:
                lines.append(self._fields(entry.kids, numbers, depth + 1))
        return "\n".join(lines)

    def _entry(self, entry: Entry, numbers: Dict[int, int]) -> str:
        """One entry: its number under the rows, its name, its bytes in hex, in decimal, in words."""
        number = numbers.get(entry.index)
        out = f"{'' if number is None else f'{number}: '}{value(entry.label) if entry.listed else code(entry.label)}"
        if entry.hex:
            out += f" {code(entry.hex)}"
        if entry.number:
            out += f" = {entry.number}"
        if entry.words:
            words = code(entry.words) if entry.kind == "text" or not _PLAIN.match(entry.words) else entry.words
            out += f", {words}" if entry.hex or entry.number or entry.kind == "group" else f" {words}"
        if entry.alias and not entry.listed:
            out += f" (OpenSSL: {code(entry.alias)})"
        return out


def _joined(parts: Sequence[str]) -> str:
    """Blocks with blank lines between them; neighbouring quotations become one."""
    out = ""
    for part in parts:
        quoted = part.startswith(">") and out.rsplit("\n", 1)[-1].startswith(">")
        out += f"{'' if not out else chr(10) + '>' + chr(10) if quoted else chr(10) + chr(10)}{part}"
    return out


def _turn(row: Turn, words: Wording) -> str:
    """Whose the rows after it are."""
    if row.packet:
        return words.plain("rows.packet", packet=row.packet)
    return words.plain("rows.plain" if row.buffer.startswith("plain:") else "rows.inflated")


def _numbers(rows: Sequence[Row]) -> Dict[int, int]:
    """The numbers of the entries that have bytes in the rows, by index: from 1, in the order of the list."""
    shown = {run.entry.index for row in rows if isinstance(row, Line) for run in row.runs if run.entry is not None}
    return {index: number for number, index in enumerate(sorted(shown), 1)}


def _slug(heading: str) -> str:
    """The address that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("\\", "").lower()).replace(" ", "-")


def _cell(text: str) -> str:
    return value(text).replace("|", "\\|")


def _dumped(line: Line) -> str:
    """A row; what is no part of the section is left blank."""
    cells, text = [" " * 2] * 16, [" "] * 16
    for run in line.runs:
        if not run.inside:
            continue
        for i in range(run.start, run.end):
            byte = line.cells[i]
            cells[i] = f"{byte:02x}"
            text[i] = chr(byte) if 32 < byte < 127 else "."
    groups = " ".join("".join(cells[i : i + 2]) for i in range(0, 16, 2))
    return f"0x{line.offset:04x}:  {groups}  {''.join(text)}"


def _column(i: int) -> int:
    """Where byte `i` of a row begins in its line."""
    return _DIGITS + i // 2 * 5 + i % 2 * 2


def _carets(line: Line, known: Dict[int, int], before: Optional[Entry]) -> List[str]:
    """Carets under a row, unbroken within a field and a blank between two, and under them the numbers of the fields that
    begin in it."""
    marks_ = [" "] * 49
    numbers: List[List[str]] = [[" "] * 60]
    shown = False
    taken = {run.start for run in line.runs if run.entry is not None}
    for run in line.runs:
        if run.entry is None:
            continue
        # Where the next field begins in the same group of digits, the last caret is the blank between them.
        last = _column(run.end - 1) + (1 if run.end % 2 and run.end in taken else 2)
        for at in range(_column(run.start), last):
            marks_[at] = "^"
        if run.entry is not before:
            shown = True
            label, at = str(known[run.entry.index]), _column(run.start)
            for level in range(8):
                if level == len(numbers):
                    numbers.append([" "] * 60)
                space = numbers[level][max(at - 1, 0) : at + len(label) + 1]
                if not "".join(space).strip():
                    numbers[level][at : at + len(label)] = list(label)
                    break
        before = run.entry
    out = ["".join(marks_)]
    if shown:
        out += ["".join(n) for n in numbers]
    return [o for o in out if o.strip()]


def _mermaid(tale: Tale, words: Dict[str, str]) -> str:
    """The ladder as a sequence diagram; labels have letters, digits and a few signs alone."""
    if not tale.arrows:
        return ""
    lines = ["```mermaid", "sequenceDiagram", f"    participant C as {_label(words['Client'])}",
             f"    participant S as {_label(words['Server'])}"]
    for arrow in tale.arrows[:120]:
        line = "--" if arrow.sealed else "-"
        ends = ("C", "S") if arrow.side == "client" else ("S", "C")
        lines.append(f"    {ends[0]}{line}>>{ends[1]}: {_label(f'{arrow.step} {arrow.label}')}")
    return "\n".join([*lines, "```"])


def _label(text: str) -> str:
    return re.sub(r"[^\w ,.()×-]", " ", clean(text, 60)).strip()


def _tidy(text: str) -> str:
    """One blank line between blocks, none at the end."""
    out: List[str] = []
    fenced = False
    for line in text.split("\n"):
        if line.startswith("```"):
            fenced = not fenced
        if not fenced:
            line = line.rstrip()
        if line in ("#", "##", "###", "####"):
            continue  # a heading that has nothing to head
        if not line and not fenced and (not out or not out[-1]):
            continue
        prose = not fenced and len(line) > _WIDTH and line[0] not in "|#-> ["
        out += wrap(line).split("\n") if prose else [line]
    return "\n".join(out).strip() + "\n"
