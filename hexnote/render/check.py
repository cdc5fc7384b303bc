"""An article that mixes dumps and statements, checked: which statements do its own bytes bear out?

A statement is tied to bytes by the digits that it quotes (`0x004a = 74 bytes`), by the carets under the row that it
shows, or by the codes of a list. What cannot be tied is not judged.
"""

from __future__ import annotations

import re
import time

from hexnote.hints import Dict, Iterator, List, Optional, Tuple
from hexnote.render.claims import Claim, claims, date, listed, same_suite, words_of
from hexnote.render.narrow import plain_lines
from hexnote.report import Collector, Field, Item, Report, Unit
from hexnote.tuples import NamedTuple

WRONG, RIGHT, OPEN = "wrong", "right", "not judged"
_CARETS = re.compile(r"[ \t]*\^[\^ \t]*\Z")
_ABOVE = 8  # lines between a statement and the row with its carets
# Types whose numbers are codes: a statement about an amount is not about them.
_CODES = frozenset(("CipherSuite", "SSL2CipherKind", "NamedGroup", "SignatureScheme", "ExtensionType"))
_SHORT = 4  # digits of a number that is too short to be looked for among bytes of any meaning


class Verdict(NamedTuple):
    """What became of one statement."""

    line: int  # 1-based input line
    what: str  # WRONG, RIGHT or OPEN
    claim: str  # as the article has it
    why: str


class Check(Collector):
    """The renderer: verdicts on the statements of each input."""

    def __init__(self, width: Optional[int] = None) -> None:
        super().__init__()
        self._width = width
        self._out: List[bytes] = []

    def end(self) -> None:
        """The input ends."""
        super().end()
        report = self.reports.pop()
        self._out.append(printed(report.file, verdicts(report), self._width))

    def take(self) -> bytes:
        """The verdicts on the inputs that are over."""
        made, self._out = self._out, []
        return b"".join(made)


def printed(file: str, found: List[Verdict], width: Optional[int] = None) -> bytes:
    """The verdicts as text, the wrong statements first, in `width` columns; None: a line each, however long."""
    name = "standard input" if file == "-" else file
    count = {what: sum(1 for v in found if v.what == what) for what in (WRONG, RIGHT, OPEN)}
    lines = [f"{name}: {count[WRONG]} wrong, {count[RIGHT]} right, {count[OPEN]} not judged"]
    if not found:
        lines.append("no statement that quotes bytes, as 0x004a = 74 bytes does, was found: others are not looked at")
    for what in (WRONG, RIGHT, OPEN):
        for one in found:
            if one.what == what:
                lines.append(f"line {one.line}: {what}: {one.claim}" + (f": {one.why}" if one.why else ""))
    return plain_lines(lines, width, 2)


def verdicts(report: Report) -> List[Verdict]:
    """Every statement that quotes bytes, in the article's order."""
    return sorted(_Checker(report).all(), key=lambda v: v.line)


class _Checker:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.by_hex: Dict[str, List[Field]] = {}
        self.suites: List[Tuple[Unit, List[Field]]] = []
        for connection in report.connections:
            for unit in connection.units:
                for field in unit.fields:
                    if field.length and not field.group and field.raw is not None:
                        self.by_hex.setdefault(field.hex, []).append(field)
                items = [
                    f
                    for f in unit.fields
                    if f.node.name in ("cipher_suites", "cipher_specs") and f.path.endswith("]") and not f.group
                ]
                if items:
                    self.suites.append((unit, items))
        self.lines = list(_lines(report.items))

    def all(self) -> Iterator[Verdict]:
        """The verdicts, in no order."""
        for at, (line, text, _) in enumerate(self.lines):
            marked = self._under_carets(at)
            for claim in claims(text):
                yield self._claim(line, claim, marked)
        yield from self._lists()

    # ---------------------------------------------------------------- one statement

    def _claim(self, line: int, claim: Claim, marked: Optional[str]) -> Verdict:
        value = int(claim.hex, 16)
        fields = [field for field in self._fields(claim.hex, line) if _fits(claim, field)]
        bits = self._bits(value, marked)
        if marked is not None and marked != claim.hex and not bits:
            return Verdict(line, WRONG, claim.text, f"the carets stand under {marked}, not {claim.hex}")
        where = f" [{_where(fields[0])}]" if fields else f" [the carets stand under {marked}]" if marked is not None else ""
        for number in claim.numbers:
            if number != value:
                return Verdict(line, WRONG, claim.text, f"0x{claim.hex} is {value}, not {number}{where}")
        if claim.product is not None and claim.product != value:
            return Verdict(line, WRONG, claim.text, f"{claim.product} is not 0x{claim.hex} = {value}{where}")
        if claim.length is not None and claim.length != len(claim.hex) // 2:
            return Verdict(line, WRONG, claim.text, f"these are {len(claim.hex) // 2} bytes, not {claim.length}")
        if claim.version is not None and claim.version != _version(claim.hex):
            return Verdict(line, WRONG, claim.text, f"0x{claim.hex} is {_version(claim.hex)}, not {claim.version}{where}")
        said = date(claim.text)
        if said is not None and said != value:
            told = time.strftime("%a %b %d %H:%M:%S GMT %Y", time.gmtime(value)) if value < 1 << 32 else "no time"
            return Verdict(line, WRONG, claim.text, f"0x{claim.hex} = {value} is {told}{where}")
        judged = self._name(claim, fields)
        if judged is not None and judged[0] == WRONG:
            return Verdict(line, WRONG, claim.text, judged[1] + where)
        shown = bool(fields) or marked is not None or (len(claim.hex) > 2 * _SHORT and self._stands(claim.hex))
        told_something = bool(claim.numbers or claim.product or claim.length or claim.version or said) or (judged is not None)
        if shown and (told_something or marked is not None or len(claim.hex) > 2 * _SHORT):
            return Verdict(line, RIGHT, claim.text, where.strip(" []") or "these bytes stand in the trace")
        if told_something:
            return Verdict(line, OPEN, claim.text, "the numbers agree; no field of the trace has these bytes")
        return Verdict(line, OPEN, claim.text, "")

    def _fields(self, digits: str, line: int) -> List[Field]:
        """The fields with these bytes, those that the article showed last first."""
        found = self.by_hex.get(digits, [])
        lines = [(self._line_of(field), i, field) for i, field in enumerate(found[:200])]
        before = sorted((item for item in lines if item[0] <= line), key=lambda item: (-item[0], item[1]))
        return [item[2] for item in before] + [item[2] for item in lines if item[0] > line]

    def _line_of(self, field: Field) -> int:
        return self.report.packet(field.at[0][0]).line if field.at else 0

    def _bits(self, value: int, marked: Optional[str]) -> bool:
        """Whether the bytes under the carets have a bit field of this value: an SSL 2.0 length, say."""
        if marked is None:
            return False
        return any(value in field.bits.values() or value == field.value for field in self.by_hex.get(marked, []))

    def _stands(self, digits: str) -> bool:
        """Whether these bytes stand in a packet, or in what a connection's side sent."""
        raw = bytes.fromhex(digits)
        for packet in self.report.packets:
            if any(raw in block.data for block in packet.blocks):
                return True
        return any(digits in unit.hex for connection in self.report.connections for unit in connection.units)

    def _name(self, claim: Claim, fields: List[Field]) -> Optional[Tuple[str, str]]:
        """Whether a name is that of the bytes; None where it cannot be told."""
        for name in claim.names:
            said = words_of(name)
            for field in fields:
                own = field.name
                if own is None:
                    continue
                if said == words_of(own) or (field.node.type == "CipherSuite" and same_suite(name, own)):
                    return RIGHT, ""
            for field in fields[:1]:
                others = field.node.names or {}
                for code, other in list(others.items()):
                    suite = field.node.type == "CipherSuite" and same_suite(name, other)
                    if (said == words_of(other) or suite) and code != field.value and field.name is not None:
                        return WRONG, f"0x{claim.hex} is {field.name}; {other} is 0x{code:0{len(claim.hex)}x}"
        return None

    # ---------------------------------------------------------------- rows with carets

    def _under_carets(self, at: int) -> Optional[str]:
        """The bytes under the carets that a statement introduces: in hex; None where there are none."""
        row: Optional[Item] = None
        digits = ""
        for _, text, item in self.lines[at + 1 : at + 1 + _ABOVE]:
            if item is not None:
                row = item
            elif _CARETS.match(text) and row is not None:
                digits += _marked(row, text)
                return digits or None
            elif text.strip():
                return None
        return None

    # ---------------------------------------------------------------- lists of suites

    def _lists(self) -> Iterator[Verdict]:
        """Lists of cipher suites held against the hello that has most of them."""
        run: List[Tuple[int, str, str]] = []
        for line, text, item in [*self.lines, (0, "end", None)]:
            entry = listed(text) if item is None else None
            if entry is not None:
                run.append((line, *entry))
            elif run and (text.strip() or not line):
                if len(run) > 2:
                    yield from self._list(run)
                run = []

    def _list(self, run: List[Tuple[int, str, str]]) -> Iterator[Verdict]:
        codes = {code for _, code, _ in run}
        best = max(self.suites, key=lambda s: sum(1 for f in s[1] if f.hex in codes), default=None)
        if best is None or not any(f.hex in codes for f in best[1]):
            yield Verdict(run[0][0], OPEN, f"a list of {len(run)} codes", "no hello of the trace has them")
            return
        items = best[1]
        offered = [f.hex for f in items]
        missing = [f for f in items if f.hex not in codes]
        strange = [code for _, code, _ in run if code not in offered]
        where = f"the list has {len(items)} [{_where(items[0])}]"
        if missing or strange or len(run) != len(items):
            told = "; ".join(
                [f"missing {f.hex[:2]},{f.hex[2:4]},{f.hex[4:]} {f.name or 'unknown'}".replace(", ", " ") + f" (number {i + 1})"
                 for i, f in enumerate(items) if f in missing]
                + [f"{code} is not in it" for code in strange]
            )  # fmt: skip
            yield Verdict(run[0][0], WRONG, f"{len(run)} cipher suites are listed", f"{where}; {told}")
        elif [code for _, code, _ in run] != offered:
            yield Verdict(run[0][0], WRONG, f"{len(run)} cipher suites are listed", f"{where}, in another order")
        else:
            yield Verdict(run[0][0], RIGHT, f"{len(run)} cipher suites are listed", where)
        names = {f.hex: f for f in items}
        for line, code, name in run:
            field = names.get(code)
            if field is None or field.name is None:
                continue
            if same_suite(name, field.name):
                yield Verdict(line, RIGHT, f"{code} {name}", field.name)
                continue
            other = next((n for c, n in (field.node.names or {}).items() if c != field.value and same_suite(name, n)), None)
            if other is not None:
                yield Verdict(line, WRONG, f"{code} {name}", f"{code} is {field.name}; the name is that of another suite")
            else:
                yield Verdict(line, OPEN, f"{code} {name}", f"the registry calls it {field.name}")


def _lines(items: List[Item]) -> Iterator[Tuple[int, str, Optional[Item]]]:
    """The article line by line: (line number, text, the row's item where it is a dump row)."""
    for item in items:
        if item.block is None:
            for i, raw in enumerate(item.text.splitlines()):
                yield item.line + i, raw.decode("utf-8", "replace"), None
            continue
        head = item.block.text[: item.block.head].splitlines()
        for i, raw in enumerate(head):
            yield item.line + i, raw.decode("utf-8", "replace"), None
        for r in range(item.block.row_count()):
            row = item.block.row(r)
            yield row.line, "", Item(item.block.text[row.start : row.end], row.line, item.packet, item.block)


def _marked(item: Item, carets: str) -> str:
    """The bytes of a row over the carets, in hex. The carets' line may be indented in another way: blanks are counted
    from the row's own first character, tabs as they are."""
    block = item.block
    if block is None:
        return ""
    at = 0
    for r in range(block.row_count()):
        row = block.row(r)
        data = block.data[at : at + row.size]
        at += row.size
        if row.line == item.line:
            return "".join(f"{b:02x}" for col, b in zip(row.layout.cols, data) if "^" in carets[col : col + 2])
    return ""


def _fits(claim: Claim, field: Field) -> bool:
    """Whether a statement can be about a field: what is said to be bytes in number is about a length."""
    if claim.numbers and "byte" in claim.text:
        return field.node.show == "length" or field.node.suffix == ".length"
    return not (claim.numbers and not claim.names and field.node.show == "enum" and field.node.type in _CODES)


def _version(digits: str) -> str:
    return ".".join(str(b) for b in bytes.fromhex(digits)[:2])


def _where(field: Field) -> str:
    return f"{field.path}, packet {field.at[0][0]}, 0x{field.at[0][1]:04x}" if field.at else field.path
