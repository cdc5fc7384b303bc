"""Dumps damaged on purpose, by seed: what pasting, mailing, logging and editing do to tcpdump's text.

A `Text` is lines that know what they show. A damage changes lines and keeps the truth in step: which
bytes of which packet are left. `shown(text)` gives the truth, `render(text)` the damaged bytes.
"""

from __future__ import annotations

import html
import json
import random
import re
import textwrap
from typing import Callable, Dict, Iterable, List, Optional, Set, Tuple

Bytes = Dict[int, int]  # dump offset to byte


class Line:
    """A line of the text: a summary line, a row, or anything else."""

    def __init__(self, text: str, packet: int = -1, offset: int = -1, data: bytes = b"") -> None:
        self.text = text
        self.packet = packet  # number of the packet that it belongs to, from 0 on; -1: to none
        self.offset = offset  # dump offset of a row; -1: no row
        self.data = data
        self.spoilt: Set[int] = set()  # of these bytes of the row some digits are gone
        self.maybe: Set[int] = set()  # these may be left out
        self.doubtful = False  # all of them may be left out

    def copy(self, text: str) -> Line:
        made = Line(text, self.packet, self.offset, self.data)
        made.spoilt, made.maybe, made.doubtful = self.spoilt, self.maybe, self.doubtful
        return made


class Text:
    """Lines, and how they end and are written."""

    def __init__(self, lines: List[Line]) -> None:
        self.lines = lines
        self.end = "\n"
        self.code = "utf-8"


_ROW = re.compile(r"\t0x([0-9a-f]{4}):  ((?:[0-9a-f]{2,4} ?)+?) {2,}(\S{1,16})$")


def parse(text: str) -> Text:
    """What tcpdump -X printed, without any damage."""
    lines: List[Line] = []
    packet = -1
    for line in text.split("\n")[:-1]:
        row = _ROW.match(line)
        if row:
            lines.append(Line(line, packet, int(row[1], 16), bytes.fromhex(row[2])))
        else:
            packet += 1
            lines.append(Line(line, packet))
    return Text(lines)


def shown(text: Text, surely: bool = True) -> List[Bytes]:
    """The truth: of each packet, in order, the bytes that are left: surely, or perhaps."""
    packets: Dict[int, Bytes] = {}
    for line in text.lines:
        if line.packet >= 0:
            known = packets.setdefault(line.packet, {})
            if not (surely and line.doubtful):
                gone = line.spoilt | line.maybe if surely else line.spoilt
                known.update((line.offset + i, byte) for i, byte in enumerate(line.data) if i not in gone)
    return [packets[n] for n in sorted(packets)]


def render(text: Text) -> bytes:
    """The text as bytes."""
    whole = "".join(line.text + text.end for line in text.lines)
    if text.code == "cp1252":
        return whole.encode("cp1252", "replace")
    if text.code == "unmarked":
        return whole.encode("utf-16-le")
    return ("\ufeff" + whole if text.code.startswith("utf-16") else whole).encode(text.code)


Damage = Callable[[Text, random.Random], None]
KINDS: Dict[str, Damage] = {}


def kind(damage: Damage) -> Damage:
    KINDS[damage.__name__.strip("_")] = damage
    return damage


def every(change: Callable[[Line, int, random.Random], str], name: str, rows: bool = False) -> None:
    """A damage that changes each line (each row) on its own."""

    def damage(text: Text, rng: random.Random) -> None:
        for number, line in enumerate(text.lines):
            if not rows or line.offset >= 0:
                line.text = change(line, number, rng)

    KINDS[name] = damage


def prefix(name: str, make: Callable[[int], str], after: str = "") -> None:
    every(lambda line, number, rng: make(number) + line.text + after, name)


# ------------------------------------------------------------------ before and behind lines

prefix("quoted", lambda n: "> ")
prefix("quoted twice", lambda n: "> > ")
prefix("quoted tight", lambda n: ">>")
prefix("pipes", lambda n: "| ", " |")
prefix("indented", lambda n: "    ")
prefix("cat -n", lambda n: f"{n + 1:6}\t")
prefix("grep -n", lambda n: f"{n + 1}:")
prefix("diff", lambda n: "+")
prefix("docker", lambda n: "sniffer_1  | ")
prefix("syslog", lambda n: f"Nov 21 06:51:{n % 60:02} gate tcpdump[1234]: ")
prefix("journal", lambda n: f"Nov 21 06:51:{n % 60:02} gate sh[77]: ")
prefix("iso", lambda n: f"2026-11-21T06:51:{n % 60:02}.123456789Z stdout F ")
prefix("trailing blanks", lambda n: "", "   ")
every(lambda line, n, rng: line.text.lstrip(), "stripped")
prefix("vim", lambda n: f"{n + 1:4} ")
prefix("numbered |", lambda n: f"{n + 1:>3} | ")
prefix("numbered []", lambda n: f"[{n + 1}] ")
prefix("grep", lambda n: f"traces/dump.txt:{n + 1}:")
prefix("commented #", lambda n: "# ")
prefix("commented //", lambda n: "// ")
prefix("commented *", lambda n: " * ")
prefix("kubectl", lambda n: f"[pod/sniffer-7c9d/tcpdump] 2026-11-21T06:51:{n % 60:02}Z ")
prefix("level", lambda n: f"2026-11-21 06:51:{n % 60:02},123 INFO  [main] dump - ")
prefix("box", lambda n: "\u2502", "\u2502")
prefix("bullet", lambda n: "\u2022 ")
prefix("br", lambda n: "", "<br>")
prefix("br /", lambda n: "", "<br />")
prefix("p", lambda n: "<p>", "</p>")
prefix("backslash", lambda n: "", " \\")
prefix("flowed", lambda n: " ", " ")
prefix("QP blank", lambda n: "", "=20")


def whole_line(name: str, change: Callable[[str], str]) -> None:
    every(lambda line, number, rng: change(line.text), name)


whole_line("tab written out", lambda text: text.replace("\t", "\\t"))
whole_line("C string", lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t") + '\\n"')
whole_line("docker json", lambda text: json.dumps({"log": text + "\n", "stream": "stdout", "time": "2026-11-21T06:51:00.123Z"},
                                                separators=(",", ":"), ensure_ascii=False).replace(
                                                    "<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
whole_line("python list", lambda text: repr(text) + ",")
whole_line("csv", lambda text: '"' + text.replace('"', '""') + '"')
whole_line("tab to a blank", lambda text: text.replace("\t", " "))
whole_line("tab to four", lambda text: text.expandtabs(4))
whole_line("QP", lambda text: text.replace("=", "=3D").replace("\t", "=09"))
whole_line("QP nbsp", lambda text: text.replace("=", "=3D").replace("\t", " ").replace("  ", "=C2=A0 "))
whole_line("mojibake", lambda text: text.replace("  ", " \u00c2\u00a0").replace("\t", " "))


# ------------------------------------------------------------------ blanks

def _blanks(sign: str) -> Callable[[Line, int, random.Random], str]:
    return lambda line, n, rng: line.text.replace("  ", " " + sign).replace("\t", sign * 8)


every(lambda line, n, rng: line.text.replace("\t", " " * 8), "expanded")
every(lambda line, n, rng: re.sub(r"[ \t]+", " ", line.text), "collapsed")
every(lambda line, n, rng: line.text.replace(" ", "\u00a0"), "nbsp")
every(_blanks("\u00a0"), "some nbsp")
every(lambda line, n, rng: line.text.replace(" ", "\u202f"), "narrow nbsp")
every(lambda line, n, rng: line.text.replace(" ", " \u200b"), "zero width", rows=True)


@kind
def crlf(text: Text, rng: random.Random) -> None:
    text.end = "\r\n"


@kind
def crcrlf(text: Text, rng: random.Random) -> None:
    text.end = "\r\r\n"


@kind
def spaced(text: Text, rng: random.Random) -> None:
    text.lines = [new for line in text.lines for new in (line, Line(""))]


# ------------------------------------------------------------------ the two columns

def _columns(line: Line) -> Tuple[str, str, str]:
    """What stands before the hex, the hex, and the text of a row that may be damaged already."""
    hexes = r"(?:(?:[0-9A-Fa-f]{2}){1,16}\s)*?(?:[0-9A-Fa-f]{2}){1,16}"
    row = re.match(rf"(.*?0[xX][0-9A-Fa-f]{{4}}:\s+)({hexes})((?:\s.*)?)$", line.text)
    size = len(line.data)
    head, rest = (row[1], row[2] + row[3]) if row else ("", line.text)
    at = digits = 0
    while digits < 2 * size and at < len(rest):
        digits += rest[at].isalnum()
        at += 1
    return head, rest[:at], rest[at:]


def column(name: str, change: Callable[[str, str, str, random.Random], str]) -> None:
    every(lambda line, n, rng: change(*_columns(line), rng), name, rows=True)


column("no text", lambda head, hexes, tail, rng: head + hexes)
column("joined", lambda head, hexes, tail, rng: head + re.sub(r"\s", "", hexes) + tail)
column("upper", lambda head, hexes, tail, rng: head.upper().replace("0X", "0x") + hexes.upper() + tail)
column("redacted", lambda head, hexes, tail, rng: head + hexes + re.sub(r"[a-z]", "X", tail))
column("entities", lambda head, hexes, tail, rng: head + hexes + html.escape(tail, quote=False))
column("smart", lambda head, hexes, tail, rng: head + hexes + tail.replace("'", "\u2019").replace("...", "\u2026"))
column("coloured", lambda head, hexes, tail, rng: f"\x1b[32m{head}\x1b[0m\x1b[1m{hexes}\x1b[0m{tail}")


@kind
def highlighted(text: Text, rng: random.Random) -> None:
    """grep --color marks what it found, in the middle of the hex."""
    for line in text.lines:
        if line.offset >= 0:
            head, hexes, tail = _columns(line)
            at = hexes.find("00")
            if at >= 0:
                line.text = f"{head}{hexes[:at]}\x1b[01;31m\x1b[K00\x1b[m\x1b[K{hexes[at + 2:]}{tail}"


column("pairs", lambda head, hexes, tail, rng: head + _regrouped(hexes, 2) + "  " + tail)
column("words of 8", lambda head, hexes, tail, rng: head + _regrouped(hexes, 8) + tail)
column("upper 0X", lambda head, hexes, tail, rng: head.upper() + hexes.upper() + tail)
column("table", lambda head, hexes, tail, rng: f"| {head.strip()} | {hexes} | {tail.strip()} |")
column("autocorrect", lambda head, hexes, tail, rng: head + hexes + tail.replace("...", "\u2026").replace("--", "\u2013").replace(
    "(c)", "\u00a9").replace("->", "\u2192").replace(":)", "\u263a").replace('"', "\u201d"))
column("spans", lambda head, hexes, tail, rng: f'<span style="color:gray">{head}</span><span>{hexes}</span>{html.escape(tail)}')
column("no gap", lambda head, hexes, tail, rng: head + hexes + " " + tail.strip())
column("wide gap", lambda head, hexes, tail, rng: head + hexes + " " * 14 + tail.strip())
column("tab gap", lambda head, hexes, tail, rng: head + hexes + "\t" + tail.strip())
column("text in bars", lambda head, hexes, tail, rng: head + hexes + f"  |{tail.strip()}|")


def _regrouped(hexes: str, size: int) -> str:
    digits = re.sub(r"\s", "", hexes)
    return " ".join(digits[i : i + size] for i in range(0, len(digits), size))


def cut_at(name: str, at: int) -> None:
    """cut -c1-N: what stands behind is gone; of a byte both digits must be left."""

    def damage(text: Text, rng: random.Random) -> None:
        for line in text.lines:
            if line.offset >= 0:
                _cut(line, at)
            else:
                line.text = line.text[:at]

    KINDS[name] = damage


def _cut(line: Line, at: int) -> None:
    head, hexes, _ = _columns(line)
    left = line.text[:at]
    size = sum(c.isalnum() for c in left[len(head) :][: len(hexes)])
    digits = re.search(r"[0-9A-Fa-f]*$", left[: len(head) + len(hexes)]) if len(left) < len(head) + len(hexes) else None
    group = len(digits[0]) if digits else 0
    line.text = left
    line.data = line.data[: size // 2]
    # Digits of a group that was cut in its midst may be left out.
    if group % 4:
        line.maybe = {i for i in range(len(line.data)) if i >= (size - group) // 2}
    if len(left) <= len(head):
        line.doubtful = True


cut_at("cut 80", 80)
cut_at("cut 60", 60)
cut_at("cut 45", 45)
cut_at("cut 41", 41)


@kind
def first_column(text: Text, rng: random.Random) -> None:
    """cut -c2-: the first column is gone."""
    for line in text.lines:
        line.text = line.text[1:]


@kind
def first_row_begun(text: Text, rng: random.Random) -> None:
    """The selection began in the midst of a row."""
    first = _rows(text)[0]
    line = text.lines[first]
    head, hexes, tail = _columns(line)
    line.text = hexes + tail
    line.doubtful = True
    del text.lines[:first]


@kind
def ocr(text: Text, rng: random.Random) -> None:
    """Letters for digits: no hex, and so no byte; what stands behind it in the row may be left out."""
    for n in rng.sample(_rows(text), max(1, len(_rows(text)) // 12)):
        line = text.lines[n]
        head, hexes, tail = _columns(line)
        places = [i for i, c in enumerate(hexes) if c in "01"]
        if places:
            at = rng.choice(places)
            line.text = head + hexes[:at] + ("O" if hexes[at] == "0" else "l") + hexes[at + 1 :] + tail
            first = sum(c.isalnum() for c in hexes[:at]) // 2
            line.spoilt = line.spoilt | {first}
            line.doubtful = True


@kind
def fences(text: Text, rng: random.Random) -> None:
    text.lines = [Line("Here is the dump:"), Line(""), Line("```text"), *text.lines, Line("```"), Line(""), Line("Any idea?")]


@kind
def each_line_twice(text: Text, rng: random.Random) -> None:
    text.lines = [new for line in text.lines for new in (line, Line(line.text, line.packet))]


@kind
def numbers_apart(text: Text, rng: random.Random) -> None:
    """Line numbers copied from a web page: a line of their own."""
    text.lines = [new for n, line in enumerate(text.lines) for new in (Line(str(n + 1)), line)]


@kind
def tmux_end(text: Text, rng: random.Random) -> None:
    text.lines += [Line("~"), Line("~"), Line("(END)"), Line("[0] 0:bash* 1:tcpdump-   \"gate\" 06:51 21-Nov-26")]


# ------------------------------------------------------------------ wrapped lines


def wrapped_at(width: int) -> None:
    """A ticket system breaks lines at a column, wherever that falls; hex that is cut in its midst is lost."""

    def damage(text: Text, rng: random.Random) -> None:
        out: List[Line] = []
        for line in text.lines:
            whole = line.text.expandtabs(8)
            if len(whole) <= width:
                out.append(line.copy(whole) if line.offset >= 0 else line)
                continue
            out.append(line.copy(whole[:width]))
            out += [Line(whole[at : at + width], line.packet) for at in range(width, len(whole), width)]
        text.lines = out

    KINDS[f"wrapped at {width}"] = damage


def folded_at(width: int) -> None:
    """The same between words."""

    def damage(text: Text, rng: random.Random) -> None:
        out: List[Line] = []
        for line in text.lines:
            whole = line.text.expandtabs(8)
            lines = [whole]
            if len(whole) > width:
                lines = textwrap.wrap(whole, width, drop_whitespace=True, break_long_words=False, break_on_hyphens=False)
            out.append(line.copy(lines[0] if lines else ""))
            out += [Line(more, line.packet) for more in lines[1:]]
        text.lines = out

    KINDS[f"folded at {width}"] = damage


for _width in (72, 76, 80):
    wrapped_at(_width)
    folded_at(_width)

def _insert(text: Text, make: Callable[[Line], List[Line]]) -> None:
    text.lines = [new for line in text.lines for new in (make(line) if line.offset >= 0 else [line])]


@kind
def wrapped_text(text: Text, rng: random.Random) -> None:
    def make(line: Line) -> List[Line]:
        head, hexes, tail = _columns(line)
        return [line.copy(head + hexes), Line(tail.lstrip(), line.packet)] if tail.strip() else [line]

    _insert(text, make)


@kind
def wrapped_hex(text: Text, rng: random.Random) -> None:
    groups = rng.randrange(4, 7)

    def make(line: Line) -> List[Line]:
        head, hexes, tail = _columns(line)
        found = list(re.finditer(r"\S+", hexes))
        if len(found) <= groups or len(found) < 8:
            return [line]
        at = found[groups].start()
        return [line.copy(head + hexes[:at].rstrip()), Line(hexes[at:] + tail, line.packet)]

    _insert(text, make)


# ------------------------------------------------------------------ things between, in one place or some

def _rows(text: Text) -> List[int]:
    return [n for n, line in enumerate(text.lines) if line.offset >= 0]


@kind
def carets(text: Text, rng: random.Random) -> None:
    for n in sorted(rng.sample(_rows(text), min(8, len(_rows(text)))), reverse=True):
        text.lines.insert(n + 1, Line("                   ^^^^ ^^ record header", text.lines[n].packet))


@kind
def pager(text: Text, rng: random.Random) -> None:
    for n in range(22, len(text.lines), 24):
        prompts = ("--More--\r        \r", "<--- More --->\r              \r", "\x1b[7m--More--\x1b[m\x1b[K\r")
        text.lines[n].text = rng.choice(prompts) + text.lines[n].text


@kind
def pager_lines(text: Text, rng: random.Random) -> None:
    for n in range(len(text.lines) // 24 * 24, 0, -24):
        text.lines.insert(n, Line("-- MORE --"))


@kind
def typed_keys(text: Text, rng: random.Random) -> None:
    for n in rng.sample(_rows(text), min(3, len(_rows(text)))):
        text.lines[n].text = rng.choice(("undebug ", "all ", "^C")) + text.lines[n].text.lstrip()


@kind
def typed_in_offset(text: Text, rng: random.Random) -> None:
    rows = [n for n in _rows(text) if text.lines[n].offset]
    for n in rng.sample(rows, min(2, len(rows))):
        text.lines[n].text = text.lines[n].text.replace("0x", "0x" + rng.choice(("fafa", "q", "ls")), 1)


@kind
def overstruck(text: Text, rng: random.Random) -> None:
    for n in rng.sample(_rows(text), min(3, len(_rows(text)))):
        text.lines[n].text = "q\b" + text.lines[n].text


@kind
def notes_of_our_own(text: Text, rng: random.Random) -> None:
    """An annotated trace, quoted in a mail."""
    for n in sorted(rng.sample(_rows(text), min(8, len(_rows(text)))), reverse=True):
        text.lines.insert(n + 1, Line("> ;|             ^^^^ length = 16 bytes (0x0010)", -1))
        text.lines.insert(n + 1, Line("> ;| 0x0030:  1603 0100 ffff  record.version", -1))


# ------------------------------------------------------------------ what is lost, and what is there twice

@kind
def elided(text: Text, rng: random.Random) -> None:
    gone = set(rng.sample(_rows(text), max(1, len(_rows(text)) // 20)))
    text.lines = [line.copy(line.text) if n not in gone else Line("", line.packet, -2) for n, line in enumerate(text.lines)]
    text.lines = [line for line in text.lines if line.offset != -2]


@kind
def snipped(text: Text, rng: random.Random) -> None:
    for n in rng.sample(_rows(text), max(1, len(_rows(text)) // 20)):
        text.lines[n] = Line(rng.choice(("...", "(snip)", "[most of the data not shown]")), text.lines[n].packet)


@kind
def cut(text: Text, rng: random.Random) -> None:
    """The end is missing: half a row is the last line."""
    last = rng.choice([n for n in _rows(text) if len(text.lines[n].data) == 16])
    del text.lines[last + 1 :]
    line = text.lines[last]
    head, hexes, _ = _columns(line)
    groups = list(re.finditer(r"[0-9A-Fa-f]{4}", hexes))[:8]
    keep = rng.randrange(1, len(groups) + 1) if len(groups) == 8 else 8
    line.text = head + (hexes[: groups[keep - 1].end()] if len(groups) == 8 else hexes)
    line.data = line.data[: 2 * keep]


@kind
def twice(text: Text, rng: random.Random) -> None:
    """The rows of some packets are printed twice (tcpdump does so for link types unknown to it)."""
    out: List[Line] = []
    block: List[Line] = []
    for line in [*text.lines, Line("", -1)]:
        if line.offset < 0 and block:
            out += block + ([old.copy(old.text) for old in block] if rng.random() < 0.3 and len(block) > 2 else [])
            block = []
        (block if line.offset >= 0 else out).append(line)
    text.lines = out[:-1]


@kind
def no_summaries(text: Text, rng: random.Random) -> None:
    for line in text.lines:
        if line.offset < 0 and line.packet >= 0 and ">" in line.text:
            line.text = ""


# ------------------------------------------------------------------ the whole file

@kind
def utf16(text: Text, rng: random.Random) -> None:
    text.code = "utf-16-le"


@kind
def unmarked(text: Text, rng: random.Random) -> None:
    """UTF-16 without a byte order mark."""
    text.code = "unmarked"


@kind
def utf16be(text: Text, rng: random.Random) -> None:
    text.code = "utf-16-be"


@kind
def cr_only(text: Text, rng: random.Random) -> None:
    text.end = "\r"


@kind
def cp1252(text: Text, rng: random.Random) -> None:
    """Saved by an old editor, the blanks unbreakable."""
    text.code = "cp1252"
    for line in text.lines:
        line.text = line.text.replace("  ", " \u00a0")


@kind
def byte_order_mark(text: Text, rng: random.Random) -> None:
    text.lines[0].text = "\ufeff" + text.lines[0].text


# Kinds that change the columns come before those that wrap, interrupt or write lines; what is written around a whole
# line, or escapes it, comes last.
ORDER = [
    "no text", "redacted", "smart", "autocorrect", "ocr", "joined", "pairs", "words of 8", "upper", "upper 0X", "entities",
    "no gap", "wide gap", "tab gap", "text in bars", "table", "spans", "collapsed", "expanded", "nbsp", "some nbsp", "narrow nbsp",
    "elided", "snipped", "twice", "no_summaries", "cut", "first_row_begun", "cut 80", "cut 60", "cut 45", "cut 41",
    "first_column", "wrapped_text", "wrapped_hex", "wrapped at 72", "wrapped at 76", "wrapped at 80", "folded at 72",
    "folded at 76", "folded at 80", "zero width", "coloured", "highlighted",
]
LAST = ["tab written out", "C string", "python list", "csv", "docker json", "QP", "QP nbsp", "QP blank", "mojibake"]


def place(name: str) -> int:
    """When a kind's turn comes."""
    return ORDER.index(name) if name in ORDER else 200 + LAST.index(name) if name in LAST else 100


def damaged(source: str, kinds: Iterable[str], seed: int) -> Tuple[bytes, List[Bytes], List[Bytes]]:
    """A trace with these kinds of damage: its text, and the bytes of each packet that it still shows, surely and perhaps."""
    rng = random.Random(seed)
    text = parse(source)
    for name in sorted(kinds, key=lambda k: (place(k), k)):
        KINDS[name](text, rng)
    return render(text), shown(text), shown(text, False)


# ------------------------------------------------------------------ wrecks: what cannot be read right, and must not be read wrong

WRECKS: Dict[str, Damage] = {}


def wreck(damage: Damage) -> Damage:
    WRECKS[damage.__name__.strip("_")] = damage
    return damage


@wreck
def lines_sorted(text: Text, rng: random.Random) -> None:
    """sort"""
    text.lines.sort(key=lambda line: line.text)


@wreck
def lines_unique(text: Text, rng: random.Random) -> None:
    """sort -u"""
    text.lines = [Line(one) for one in sorted({line.text for line in text.lines})]


@wreck
def lines_reversed(text: Text, rng: random.Random) -> None:
    """tac"""
    text.lines.reverse()


@wreck
def rows_shuffled(text: Text, rng: random.Random) -> None:
    """Within each packet."""
    blocks: Dict[int, List[Line]] = {}
    for line in text.lines:
        blocks.setdefault(line.packet, []).append(line)
    text.lines = []
    for lines in blocks.values():
        rows = lines[1:]
        rng.shuffle(rows)
        text.lines += lines[:1] + rows


@wreck
def rows_swapped(text: Text, rng: random.Random) -> None:
    """Two rows of a packet change places: the checksums cannot see it, the offsets can."""
    rows = [n for n in _rows(text)[:-1] if text.lines[n + 1].offset > 0]
    for n in rng.sample(rows, min(3, len(rows))):
        text.lines[n], text.lines[n + 1] = text.lines[n + 1], text.lines[n]


@wreck
def interleaved(text: Text, rng: random.Random) -> None:
    """Two programs print at once: row for row."""
    blocks: Dict[int, List[Line]] = {}
    for line in text.lines:
        blocks.setdefault(line.packet, []).append(line)
    packets = list(blocks.values())
    text.lines = []
    for one, other in zip(packets[::2], packets[1::2]):
        text.lines += [line for n in range(max(len(one), len(other))) for line in (one[n : n + 1] + other[n : n + 1])]


@wreck
def reflowed(text: Text, rng: random.Random) -> None:
    """fmt: lines are joined and broken anew."""
    words = " ".join(line.text.strip() for line in text.lines)
    text.lines = [Line(line) for line in textwrap.wrap(words, 75, break_on_hyphens=False)]


@wreck
def pasted_by_two(text: Text, rng: random.Random) -> None:
    """paste - -: two lines in one."""
    text.lines = [Line("\t".join(line.text for line in text.lines[n : n + 2])) for n in range(0, len(text.lines), 2)]


@wreck
def columns_cut_out(text: Text, rng: random.Random) -> None:
    """cut -c20-: offsets and first groups are gone."""
    for line in text.lines:
        if line.offset >= 0:
            line.text = line.text[19:]


@wreck
def every_second_row(text: Text, rng: random.Random) -> None:
    gone = set(_rows(text)[::2])
    text.lines = [line for n, line in enumerate(text.lines) if n not in gone]


@wreck
def heads_of_packets(text: Text, rng: random.Random) -> None:
    """grep -A1: of each packet the first row."""
    text.lines = [line for line in text.lines if line.offset <= 0]


@wreck
def mistyped(text: Text, rng: random.Random) -> None:
    """A digit for another one, in a few rows."""
    for n in rng.sample(_rows(text), min(3, len(_rows(text)))):
        line = text.lines[n]
        head, hexes, tail = _columns(line)
        places = [i for i, c in enumerate(hexes) if c != " "]
        at = rng.choice(places)
        digit = rng.choice("0123456789abcdef".replace(hexes[at], ""))
        line.text = head + hexes[:at] + digit + hexes[at + 1 :] + tail


@wreck
def byte_dropped(text: Text, rng: random.Random) -> None:
    """Two digits of a row are gone, and what stood behind them has moved up."""
    for n in rng.sample(_rows(text), min(3, len(_rows(text)))):
        line = text.lines[n]
        head, hexes, tail = _columns(line)
        at = 2 * rng.randrange(max(1, len(re.sub(r"\s", "", hexes)) // 2))
        digits = re.sub(r"\s", "", hexes)
        digits = digits[:at] + digits[at + 2 :]
        line.text = head + " ".join(digits[i : i + 4] for i in range(0, len(digits), 4)) + tail


@wreck
def two_takes(text: Text, rng: random.Random) -> None:
    """diff -u: rows of an older take stand beside those of the newer one."""
    out: List[Line] = []
    for line in text.lines:
        if line.offset > 0 and rng.random() < 0.1:
            head, hexes, tail = _columns(line)
            other = "".join(rng.choice("0123456789abcdef") if c.isalnum() else c for c in hexes)
            out.append(line.copy("-" + head + other + tail))
            out.append(line.copy("+" + line.text))
        else:
            out.append(line.copy(" " + line.text))
    text.lines = out


def wrecked(source: str, name: str, seed: int) -> bytes:
    """A trace with this wreck."""
    text = parse(source)
    WRECKS[name](text, random.Random(seed))
    return render(text)


_BLANKS_CHANGED = {"collapsed", "expanded", "nbsp", "some nbsp", "narrow nbsp", "tab to a blank", "tab to four"}
_APART = [
    {"utf16", "utf16be", "unmarked", "cr_only", "crlf", "crcrlf", "cp1252"},
    {*_BLANKS_CHANGED, "QP nbsp", "mojibake", "cp1252"},
    {"no text", "redacted", "smart", "entities", "wrapped_text", "autocorrect", "text in bars", "spans", "table", "no gap",
     "wide gap", "tab gap", "cut 60", "cut 45", "cut 41"},
    {"joined", "pairs", "words of 8", "wrapped_hex", "ocr", "cut 45", "cut 41"},
    {"cut 80", "cut 60", "cut 45", "cut 41", "wrapped at 72", "wrapped at 76", "wrapped at 80", "folded at 72", "folded at 76",
     "folded at 80", "wrapped_text", "wrapped_hex", "spans", "coloured", "zero width"},
    {"coloured", "highlighted", "zero width", "spans"}, {"zero width", "cp1252"},
    {*LAST, "br", "br /", "p", "spans", "backslash", "entities", "cp1252"},
]


def pairs(seed: int, count: Optional[int] = None) -> List[Tuple[str, str]]:
    """Two kinds at a time: all that make sense together, or `count` of them."""
    ways = sorted(KINDS)
    both = [(a, b) for a in ways for b in ways if a < b and not any(a in group and b in group for group in _APART)]
    if count is not None:
        both = random.Random(seed).sample(both, min(count, len(both)))
    return both
