"""A walkthrough as one HTML page that needs nothing else: bytes and their meaning linked both ways.

Everything that comes from a trace goes through `esc`. The page's policy allows its own style and script, by their
hashes, and nothing else: no request is made whatever a trace holds.
"""

from __future__ import annotations

import base64
import hashlib
import html

from hexnote.hints import List, Mapping, Optional, Sequence
from hexnote.model import Finding
from hexnote.render.document import Document, name
from hexnote.report import Report
from hexnote.tale import Arrow, BoxPart, BulkPart, PacketPart, Part, SaidPart, SectionPart, Step, Story, Tale, boxed
from hexnote.tale_entries import Entry, clean
from hexnote.tale_rows import Fold, Gap, Line, Row, Turn
from hexnote.wording import Said, Wording, commands, marks, references

_RUNGS = 150  # lines of a ladder that are drawn
_LONG = 3000  # fields from which on what is out of sight is not laid out
_LISTED = 400  # records of a list that are shown


def esc(text: str) -> str:
    """Text from a trace or a template as HTML text or attribute."""
    return html.escape(clean(text, 4000), quote=True)


def said(sentence: Said) -> str:
    """A sentence of the wording with its values, as paragraphs."""
    return "".join(f"<p>{_inline(text, sentence.values)}</p>" for text in sentence.text.split("\n\n") if text)


def _inline(text: str, values: Mapping[str, str]) -> str:
    out = ""
    for kind, piece in marks(text):
        if kind == "place":
            out += linked(values.get(piece, ""))
        elif kind == "code":
            filled = "".join(values.get(t, "") if k == "place" else t for k, t in marks(piece))
            out += f"<code>{esc(filled)}</code>"
        elif kind == "link":
            target, _, shown = piece.partition(" ")
            out += f'<a href="#{esc(values.get(target, ""))}">{esc(shown)}</a>'
        elif kind == "em":
            out += f"<em>{esc(piece)}</em>"
        else:
            out += linked(piece)
    return out


def linked(text: str) -> str:
    """Text whose references to RFCs are links, and whose commands are code."""
    out = ""
    for piece, command in commands(text):
        out += _command(piece) if command else "".join(
            f'<a href="{esc(url)}" rel="noreferrer">{esc(t)}</a>' if url else esc(t) for t, url in references(piece))
    return out


def _command(text: str) -> str:
    """A command that is not broken behind the hyphen of an option: `-` and `showcerts` would be two words."""
    words = (f'<span class="option">{esc(word)}</span>' if word.startswith("-") else esc(word) for word in text.split(" "))
    return f"<code>{' '.join(words)}</code>"


def shell(words: Wording, title: str, lead: str, contents: str, body: str, made: str, long: bool = False) -> str:
    """A whole page. All but `title` is finished HTML. `long`: what is out of sight need not be laid out. Other documents
    may use it."""
    style, script = words.file("html/style.css"), words.file("html/script.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    return words.form(
        "html/page.html", title=esc(title), lead=lead, contents=contents, body=body, made=made, style=style, script=script,
        policy=policy, skip=esc(words.words["ui.skip"]), length="long" if long else "short",
        inspector=esc(words.words["ui.inspector"]), close=esc(words.words["ui.close"]),
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


class Html(Document):
    """The renderer."""

    def document(self, reports: List[Report]) -> str:
        """The whole page."""
        words = self.words
        stories = self.stories(reports)
        tales = [(story, tale) for story in stories for tale in story.tales]
        files = ", ".join(name(r) for r in reports)
        lead = said(words.say(self.lead(stories), file=files, count=len(tales)))
        body = [self._reading()] if any(tale.steps for _, tale in tales) else []
        for story in stories:
            body += [self._tale(stories, story, tale) for tale in story.tales]
            if story.findings and story.tales:
                body.append(f"<h2>{esc(words.words['found.title.trace'])}</h2>")
            body += self._boxes(story.findings)
        title = words.words["title" if len(tales) < 2 else "title.many"]
        made = f"<p>{_inline(words.words['ui.made'], {'file': files})}</p>"
        return shell(words, title, lead, self._contents(stories), "\n".join(body), made, stories[-1].count > _LONG)

    def _contents(self, stories: List[Story]) -> str:
        """Links to the connections, or to the steps of the only one."""
        words = self.words
        links: List[str] = []
        tales = [(story, tale) for story in stories for tale in story.tales]
        if len(tales) == 1:
            links = [f'<li><a href="#{esc(step.id)}">{esc(step.title)}</a></li>' for step in tales[0][1].steps]
        else:
            for story, tale in tales:
                title = self.headed_title(stories, story, tale)
                more = tale.connection.verdict
                links.append(f'<li><a href="#{esc(tale.id)}">{esc(title)}</a>{f" {esc(more)}" if more else ""}</li>')
        if not links:
            return ""
        return f'<nav aria-label="{esc(words.words["ui.contents"])}"><ol>{"".join(links)}</ol></nav>'

    def headed_title(self, stories: List[Story], story: Story, tale: Tale) -> str:
        """The title of a connection, with its file where there are several."""
        return tale.title if len(stories) < 2 else f"{name(story.report)}: {tale.title}"

    def _reading(self) -> str:
        words = self.words
        kinds = "".join(
            f'<li><span class="{kind}">{esc(words.words[f"ui.kind.{kind}"])}</span></li>'
            for kind in ("length", "name", "value", "text", "bytes", "missing")
        )
        tools = "".join(
            f'<button type="button" data-fold="{to}" hidden>{esc(words.words[key])}</button> '
            for to, key in (("open", "ui.unfold"), ("close", "ui.fold"))
        )
        listed = said(words.say("reading.glossary")).replace("<p>", "<li>").replace("</p>", "</li>")
        glossary = f'<h3>{esc(words.words["reading.glossary.title"])}</h3><ul class="glossary">{listed}</ul>'
        text = said(words.say("reading")) + said(words.say("reading.links")) + glossary
        legend = f'<ul class="legend" aria-label="{esc(words.words["ui.kinds"])}">{kinds}</ul><p class="tools">{tools}</p>'
        return words.form("html/reading.html", title=esc(words.words["reading.title"]), text=text, legend=legend)

    # ---------------------------------------------------------------- connections and steps

    def _tale(self, stories: List[Story], story: Story, tale: Tale) -> str:
        words = self.words
        found = self._boxes(tale.findings)
        found += [said(words.say("finding.more", count=n, code=c)) for c, n in tale.more]
        if not tale.steps:
            return words.form(
                "html/words.html", id=esc(tale.id), title=esc(self.headed_title(stories, story, tale)),
                intro="".join(said(s) for s in tale.intro), findings="".join(found),
            )
        return words.form(
            "html/connection.html", id=esc(tale.id), title=esc(self.headed_title(stories, story, tale)),
            intro="".join(said(s) for s in tale.intro), findings="".join(found),
            before_title=f'<h3>{esc(words.words["found.title.before"])}</h3>' if tale.before else "",
            before="".join(self._boxes(tale.before)),
            found_title=f'<h3>{esc(words.words["found.title"])}</h3>' if found else "", table_title=esc(words.words["table.title"]),
            table_why=said(words.say("table.why")), ladder=self._ladder(tale), table=self._table(tale),
            steps="\n".join(self._step(step) for step in tale.steps),
        )

    def _step(self, step: Step) -> str:
        words = self.words
        names = said(words.say("names", names=", ".join(step.names))) if step.names else ""
        return words.form(
            "html/step.html", id=esc(step.id), side=step.side, number=esc(words.plain("step", number=step.number)),
            title=esc(step.title), names=names.replace("<p>", '<p class="names">', 1), why="".join(said(s) for s in step.why),
            parts="\n".join(self._part(part) for part in step.parts),
        )

    def _part(self, part: Part) -> str:
        words = self.words
        if isinstance(part, PacketPart):
            packet = part.packet
            side = words.words.get(packet.side or "", "")
            title = words.plain("packet.title" if side else "packet.title.bare", number=packet.number, side=side)
            header = packet.header.decode("latin-1").strip()
            return words.form(
                "html/packet.html", id=esc(part.id), title=esc(title), summary=f"<code>{esc(header)}</code>" if header else "",
                text="".join(said(s) for s in part.said), bytes=self._pair(part.rows, part.entries, title),
                after="".join(said(s) for s in part.after),
            )
        if isinstance(part, SectionPart):
            return words.form(
                "html/record.html", id=esc(part.id), side=part.section.side, title=esc(part.title),
                why="".join(said(s) for s in part.lead), bytes=self._pair(part.rows, part.entries, part.title),
                facts="".join(said(s) for s in part.facts),
            )
        if isinstance(part, BoxPart):
            return self._box(part)
        if isinstance(part, SaidPart):
            return said(part.said)
        assert isinstance(part, BulkPart)
        return self._bulk(part)

    def _bulk(self, part: BulkPart) -> str:
        """Many records as a table that is folded."""
        words = self.words
        head = "".join(f"<th scope=\"col\">{esc(c)}</th>" for c in words.words["bulk.columns"].split(" | "))
        rows = []
        for section in part.sections[:_LISTED]:
            number = section.records[0].number if section.records else ""
            side = words.words.get(section.side, section.side)
            rows.append(f"<tr><td>{esc(side)} {number}</td><td>{section.first}</td><td>{section.length}</td></tr>")
        summary = "".join(_inline(t, part.said.values) for t in part.said.text.split("\n\n"))
        return (
            f'<details class="bulk"><summary>{summary}</summary><div class="scroll"><table><thead><tr>{head}</tr></thead>'
            f'<tbody>{"".join(rows)}</tbody></table></div></details>'
        )

    def _boxes(self, findings: Sequence[Finding]) -> List[str]:
        return [self._box(part) for part in boxed(findings) if isinstance(part, BoxPart)]

    def _box(self, part: BoxPart) -> str:
        """Findings on the same bytes, in one box."""
        told = part.told
        made = "".join(self._finding(finding, part.codes if len(told) == 1 else "") for finding in told)
        return made if len(told) == 1 else f'<div class="same">{made}</div>'

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
        return words.form(
            "html/finding.html", severity=esc(finding.severity), code=esc(codes or finding.code),
            label=esc(words.words.get(f"finding.{finding.severity}", finding.severity)),
            text=linked(finding.text[:1].upper() + finding.text[1:] + "."),
            advice=f'<div class="advice">{"".join(advice)}</div>' if advice else "",
        )

    # ---------------------------------------------------------------- the ladder

    def _ladder(self, tale: Tale) -> str:
        """Who says what, from top to bottom, as a drawing whose arrows are links."""
        words = self.words
        arrows = tale.arrows[:_RUNGS]
        if not arrows:
            return ""
        left, right, top, pitch = 70, 490, 34, 34
        height = top + pitch * len(arrows) + 16
        out = [
            f'<div class="ladder"><svg viewBox="0 0 520 {height}" role="group" aria-label="{esc(words.words["ui.ladder"])}">',
            f'<text class="end" x="{left}" y="16" text-anchor="middle">{esc(words.words["Client"])}</text>',
            f'<text class="end" x="{right - 30}" y="16" text-anchor="middle">{esc(words.words["Server"])}</text>',
            f'<line class="life" x1="{left}" y1="24" x2="{left}" y2="{height}"/>',
            f'<line class="life" x1="{right - 30}" y1="24" x2="{right - 30}" y2="{height}"/>',
        ]
        shown = 0
        for i, arrow in enumerate(arrows):
            out.append(self._rung(arrow, left, right - 30, top + pitch * i + 24, arrow.step != shown))
            shown = arrow.step
        out.append("</svg></div>")
        return "".join(out)

    def _rung(self, arrow: Arrow, left: int, right: int, y: int, first: bool) -> str:
        words = self.words
        label = arrow.label if len(arrow.label) < 48 else arrow.label[:46] + "..."
        side = words.words.get(arrow.side, arrow.side)
        spoken = words.plain("ui.ladder.line", step=arrow.step, side=side, label=arrow.label)
        client = arrow.side == "client"
        tip, tail = (right - 2, left + 2) if client else (left + 2, right - 2)
        back = -8 if client else 8
        number = esc(words.plain("step", number=arrow.step))
        step = f'<text class="count" x="{left - 10}" y="{y + 4}" text-anchor="end">{number}</text>' if first else ""
        kind = f"{arrow.side} sealed" if arrow.sealed else arrow.side
        return (
            f'{step}<a href="#{esc(arrow.target)}" class="{kind}" aria-label="{esc(spoken)}">'
            f'<rect x="{left + 4}" y="{y - 19}" width="{right - left - 8}" height="26"/>'
            f'<text x="{(left + right) // 2}" y="{y - 5}" text-anchor="middle">{esc(label)}</text>'
            f'<line x1="{tail}" y1="{y}" x2="{tip}" y2="{y}"/><path d="M{tip} {y}l{back} -5v10z"/></a>'
        )

    def _table(self, tale: Tale) -> str:
        words = self.words.words
        rows: List[str] = []
        shown = 0
        for arrow in tale.arrows[:_RUNGS]:
            number = f'<a href="#{esc(tale.id)}.step{arrow.step}">{arrow.step}</a>' if arrow.step != shown else ""
            shown = arrow.step
            cells = (esc(arrow.label), "") if arrow.side == "client" else ("", esc(arrow.label))
            rows.append(f"<tr><td>{number}</td><td>{cells[0]}</td><td>{cells[1]}</td></tr>")
        if not rows:
            return ""
        head = "".join(f'<th scope="col">{esc(words[key])}</th>' for key in ("columns.step", "Client", "Server"))
        return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'

    # ---------------------------------------------------------------- rows and fields

    def _pair(self, rows: Sequence[Row], entries: Sequence[Entry], what: str) -> str:
        """Bytes and fields side by side."""
        if not rows and not entries:
            return ""
        dump = ""
        if rows:
            label = esc(self.words.plain("ui.dump", what=what))
            lines = self._rows(rows)
            dump = f'<div class="dump" tabindex="0" role="group" aria-label="{label}">{lines}</div>'
        fields = f'<div class="fields"><ul>{"".join(self._entry(e) for e in entries)}</ul></div>' if entries else ""
        return f'<div class="pair">{dump}{fields}</div>'

    def _rows(self, rows: Sequence[Row]) -> str:
        words = self.words
        out: List[str] = []
        before: Optional[Entry] = None
        for row in rows:
            if isinstance(row, Line):
                out.append(_line(row, before))
                owned = [run.entry for run in row.runs if run.entry is not None]
                before = owned[-1] if owned else before
            elif isinstance(row, Fold):
                text = words.plain("rows.folded", count=row.rows, first=f"0x{row.first:04x}", last=f"0x{row.last:04x}")
                text = esc(text.replace("`", ""))
                hidden = "".join(_line(line, before) for line in row.lines)
                folded = f"<details><summary>{text}</summary>{hidden}</details>"
                out.append(folded if hidden else f'<span class="gap">{text}</span>')
            elif isinstance(row, Gap):
                size = words.count(row.size, "byte")
                said_ = words.plain("rows.left" if row.shown else "rows.hole", size=size)
                out.append(f'<span class="gap">{esc(said_)}</span>')
            elif isinstance(row, Turn):
                out.append(f'<span class="gap">{esc(_turn(row, words))}</span>')
        return "".join(out)

    def _entry(self, entry: Entry) -> str:
        """One field of the list, with those in it."""
        last = f' data-l="{entry.last}"' if entry.last > entry.index else ""
        what = f'<a class="{entry.kind}" href="#{esc(entry.id)}">{esc(entry.label)}</a>'
        if entry.hex:
            what += f' <span class="hex">{esc(entry.hex)}</span>'
        if entry.number:
            what += f" = {esc(entry.number)}"
        if entry.words:
            what += f"{', ' if entry.hex or entry.number else ' '}{esc(entry.words)}"
        if entry.alias and not entry.listed:
            what += f' <span class="alias">(OpenSSL: {esc(entry.alias)})</span>'
        if entry.same:
            what += f' <a href="#{esc(entry.same)}">{esc(entry.same)}</a>'
        made = f'<li id="{esc(entry.id)}" data-n="{entry.index}"{last}><span class="what">{what}</span>'
        if entry.doc:
            note = f"{entry.doc} ({entry.rfc})" if entry.rfc and entry.rfc not in entry.doc else entry.doc
            made += f'<p class="doc">{linked(note)}</p>'
        if entry.kids:
            count = esc(self.words.plain("ui.parts", count=len(entry.kids)))
            made += f'<details open><summary>{count}</summary><ul>{"".join(self._entry(k) for k in entry.kids)}</ul></details>'
        return made + "</li>"


def _turn(row: Turn, words: Wording) -> str:
    """Whose the rows after it are."""
    if row.packet:
        return words.plain("rows.packet", packet=row.packet)
    return words.plain("rows.plain" if row.buffer.startswith("plain:") else "rows.inflated")


def _line(line: Line, before: Optional[Entry]) -> str:
    """A row: offset, sixteen bytes, the same as text; runs of bytes know their entry."""
    cells, text = "", ""
    at = 0
    for run in line.runs:
        cells += _blank(at, run.start)
        text += " " * (run.start - at)
        digits = _digits(line.cells, run.start, run.end)
        letters = "".join(chr(c) if 32 < c < 127 else "." for c in line.cells[run.start : run.end])
        letters = html.escape(letters, quote=False)
        if run.entry is not None:
            cls = run.entry.kind + (" go" if run.entry is before else "")
            number = run.entry.index
            cells += f'<b class="{cls}" data-n="{number}">{digits}</b>'
            # Bytes without inner form say nothing as text.
            plain = run.entry.kind in ("bytes", "group")
            text += letters if plain else f'<b class="{run.entry.kind} go" data-n="{number}">{letters}</b>'
            before = run.entry
        elif run.inside:
            cells += digits
            text += letters
        else:
            cells += f"<s>{digits}</s>"
            text += f"<s>{letters}</s>"
        if run.end < 16 and not run.end % 2:
            cells += " "
        at = run.end
    cells += _blank(at, 16)
    return f'<span class="row"><i>0x{line.offset:04x}</i>  {cells}  {text}</span>'


def _digits(cells: Sequence[int], start: int, end: int) -> str:
    """The hex of columns [start, end), a blank between pairs."""
    return "".join(f"{cells[i]:02x}{' ' if i % 2 and i + 1 < end else ''}" for i in range(start, end))


def _blank(start: int, end: int) -> str:
    """As wide as the columns [start, end), with the blank behind each pair."""
    return "".join("  " + (" " if i % 2 and i < 15 else "") for i in range(start, end))


__all__ = ["Html", "esc", "linked", "said", "shell"]
