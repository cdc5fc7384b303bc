"""Dumps damaged on purpose, by seed: what pasting, mailing, logging and editing do to tcpdump's text.

A `Text` is lines that know what they show. A damage changes lines and keeps the truth in step: which
bytes of which packet are left. `shown(text)` gives the truth, `render(text)` the damaged bytes.
"""

from __future__ import annotations

import html
import random
import re
from typing import Callable, Dict, Iterable, List, Optional, Tuple

Bytes = Dict[int, int]  # dump offset to byte


class Line:
    """A line of the text: a summary line, a row, or anything else."""

    def __init__(self, text: str, packet: int = -1, offset: int = -1, data: bytes = b"") -> None:
        self.text = text
        self.packet = packet  # number of the packet that it belongs to, from 0 on; -1: to none
        self.offset = offset  # dump offset of a row; -1: no row
        self.data = data

    def copy(self, text: str) -> Line:
        return Line(text, self.packet, self.offset, self.data)


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


def shown(text: Text) -> List[Bytes]:
    """The truth: of each packet, in order, the bytes that are left."""
    packets: Dict[int, Bytes] = {}
    for line in text.lines:
        if line.packet >= 0:
            known = packets.setdefault(line.packet, {})
            known.update((line.offset + i, byte) for i, byte in enumerate(line.data))
    return [packets[n] for n in sorted(packets)]


def render(text: Text) -> bytes:
    """The text as bytes."""
    whole = "".join(line.text + text.end for line in text.lines)
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


# ------------------------------------------------------------------ wrapped lines

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
def utf16be(text: Text, rng: random.Random) -> None:
    text.code = "utf-16-be"


@kind
def cr_only(text: Text, rng: random.Random) -> None:
    text.end = "\r"


# Kinds that change the columns come before those that wrap, interrupt or write lines.
ORDER = [
    "no text", "redacted", "smart", "joined", "upper", "entities", "collapsed", "expanded", "nbsp", "some nbsp", "narrow nbsp",
    "elided", "snipped", "twice", "no_summaries", "cut", "wrapped_text", "wrapped_hex", "zero width", "coloured",
    "highlighted",
]


def damaged(source: str, kinds: Iterable[str], seed: int) -> Tuple[bytes, List[Bytes]]:
    """A trace with these kinds of damage: its text, and the bytes of each packet that it still shows."""
    rng = random.Random(seed)
    text = parse(source)
    for name in sorted(kinds, key=lambda k: (ORDER.index(k) if k in ORDER else 99, k)):
        KINDS[name](text, rng)
    return render(text), shown(text)


def pairs(seed: int, count: Optional[int] = None) -> List[Tuple[str, str]]:
    """Two kinds at a time: all that make sense together, or `count` of them."""
    ways = sorted(KINDS)
    apart = [{"utf16", "utf16be", "cr_only", "crlf", "crcrlf"}, {"collapsed", "expanded", "nbsp", "some nbsp", "narrow nbsp"},
             {"no text", "redacted", "smart", "entities", "wrapped_text"}, {"coloured", "highlighted", "zero width"}]
    both = [(a, b) for a in ways for b in ways if a < b and not any(a in group and b in group for group in apart)]
    if count is not None:
        both = random.Random(seed).sample(both, min(count, len(both)))
    return both
