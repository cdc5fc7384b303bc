"""The text column of dump rows held against their bytes."""

from __future__ import annotations

from struct import Struct

from hexnote.hints import Callable, Dict, List, Optional, Tuple, Union
from hexnote.model import Block, Row
from hexnote.patterns import Late
from hexnote.tuples import NamedTuple

# How tools render bytes: graphic ASCII as it is and all else as a dot (tcpdump), or the blank too as it is.
_GRAPHIC = bytes(c if 32 < c < 127 else 46 for c in range(256))
_PRINTED = bytes(c if 32 <= c < 127 else 46 for c in range(256))
_BLANKS = b" \t\r\n"
_BATCH = 128  # rows read by one Struct
_FILLED = 3  # as many equal characters one after another are no slip of the hand
_STRICT = ("tcpdump", "openbsd", "wireshark")  # dresses whose way to render is known without doubt

# What mail programs and word processors make of characters.
_TYPOGRAPHY = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u00a0": " ",
    "\u2026": "...", "\t": " ",
})
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&"}
_ENTITY = Late("&(?:lt|gt|quot|#39|amp);")
_MORE = Late(rb" {1,3}[^ |\r\n]")
_NAME = Late(rb"[!-~]{4}")

_structs: Dict[int, Struct] = {}


class Slip(NamedTuple):
    """Bytes `[start, end)` (dump offsets) under which the text column shows something else."""

    start: int
    end: int
    shown: str  # what it shows; "" where the row has no text column at all
    data: bytes  # what the bytes are
    line: int  # input line of the row of the first one
    row: int  # dump offset of that row

    @property
    def hidden(self) -> bool:
        """Is one filler written over all of them, in the text column or in the hex?"""
        return not self.shown or (
            self.end - self.start >= _FILLED and (_even(self.shown) or (_even(self.data) and bool(self.shown.strip())))
        )

    @property
    def clear(self) -> str:
        """What the column says that is not filled."""
        return self.shown if _even(self.data) and not _even(self.shown) else self.data.decode("latin-1")


def _even(text: Union[str, bytes]) -> bool:
    """Is it one character again and again?"""
    return text == text[:1] * len(text)


def compare(block: Block) -> List[Slip]:
    """Where the text column of a block and its bytes disagree, in the order of the bytes; mostly nowhere.

    Nothing is said of rows whose text cannot be laid beside their bytes one by one.
    """
    data = block.data
    if block.rows is None:
        layout = block.layout
        if layout is None or layout.text < 0 or not data:
            return []
        told = _column(block, layout.text)
        if told == data.translate(_GRAPHIC) or told == data.translate(_PRINTED):
            return []
    else:
        if not block.rows:
            return []
        text = block.text
        columns = [text[r[0] + r[5][1] : r[1]] for r in block.rows if r[5][1] >= 0]
        if not columns:
            return []
        if len(columns) == len(block.rows):
            bare = b"".join(columns).translate(None, _BLANKS)
            if bare == data.translate(_GRAPHIC) or bare == data.translate(_PRINTED).translate(None, b" "):
                return []
    return _slips(block)


def _column(block: Block, at: int) -> bytes:
    """The text column of a block of one layout, joined."""
    stride, text, pos = block.stride, block.text, block.head
    whole, rest = divmod(len(block.data), 16)
    if whole > _BATCH:
        parts: List[bytes] = []
        for _ in range(whole):
            parts.append(text[pos + at : pos + at + 16])
            pos += stride
        told = b"".join(parts)
    else:
        key = (stride << 10 | at) << 8 | whole
        struct = _structs.get(key)
        if struct is None:
            if len(_structs) > 1024:
                _structs.clear()
            struct = _structs[key] = Struct(f"{at}x16s{stride - at - 16}x" * whole)
        told = b"".join(struct.unpack_from(text, pos))
        pos += whole * stride
    return told + text[pos + at : pos + at + rest] if rest else told


def _slips(block: Block) -> List[Slip]:
    """The same as `compare`, row by row and character by character."""
    data, text = block.data, block.text
    strict = block.dress.startswith(_STRICT)
    rows = [block.row(r) for r in range(block.row_count())]
    beside: List[Tuple[int, int, str, Row]] = []  # place in `data`, byte, character, row
    without: List[Tuple[int, Row]] = []
    place = 0
    for row in rows:
        raw = data[place : place + row.size]
        if row.layout.text < 0:
            # A text may be there that stands at no fixed place, in a line that had to be washed.
            if not row.layout.cols or not text[row.start + row.layout.cols[-1] + 2 : row.end].strip(_BLANKS):
                without.append((place, row))
        else:
            behind = row.start + (row.layout.cols[-1] + 2 if row.layout.cols else row.layout.text)
            lead, tail = text[behind : row.start + row.layout.text], text[row.start + row.layout.text : row.end]
            shown = _beside(tail, raw, len(lead), strict)
            if shown is not None and block.dress == "log" and len(tail) > row.size and _MORE.match(tail, row.size):
                shown = None  # another program has printed in the midst of the text
            if shown is not None:
                beside += [(place + i, raw[i], c, row) for i, c in enumerate(shown) if c]
        place += row.size
    if len(rows) > 2 and len(without) * 2 > len(rows):
        beside = []  # a dump without a text, and remarks behind some of its rows
    wrong = [item for item in beside if not _agrees(item[1], item[2], strict)]
    if block.dress == "cisco":
        wrong = [item for item in wrong if item[2] != _seven(item[1])]  # IOS shows the low seven bits of each byte
    if not strict and len(wrong) * 2 > len(beside) and _other(beside):
        wrong = []
    found = _runs(wrong, {item[0]: item[2] for item in beside} if wrong else {}, block.offset)
    if len(without) * 2 < len(rows) - 1:
        for place, row in without:
            raw = data[place : place + row.size]
            # The text of a block's last row may have been wrapped onto the next line.
            if row is not rows[-1] and _NAME.search(raw):
                found.append(Slip(row.offset, row.offset + row.size, "", raw, row.line, row.offset))
        found.sort()
    return found


def _runs(wrong: List[Tuple[int, int, str, Row]], shown: Dict[int, str], base: int) -> List[Slip]:
    """Disagreements that stand side by side as one: first by what fills them, else by being neighbours."""
    found: List[Slip] = []
    i = 0
    while i < len(wrong):
        place, _, filler, row = wrong[i]
        j = i + 1  # the characters between may be the filler by themselves: "X" over "x509 eXample"
        while j < len(wrong) and wrong[j][2] == filler and all(
            shown.get(k) == filler for k in range(wrong[j - 1][0] + 1, wrong[j][0])
        ):
            j += 1
        if wrong[j - 1][0] - place + 1 < _FILLED:
            j = i + 1
            while j < len(wrong) and wrong[j][0] == wrong[j - 1][0] + 1:
                j += 1
        chosen = wrong[i:j]
        told = "".join(item[2] for item in chosen)
        raw = bytes(item[1] for item in chosen)
        found.append(Slip(base + place, base + chosen[-1][0] + 1, told, raw, row.line, row.offset))
        i = j
    return found


def _beside(tail: bytes, raw: bytes, blanks: int, strict: bool) -> Optional[List[str]]:
    """The characters beside the bytes `raw`, "" where none is shown; None where it cannot be told.

    `tail`: the row from its first character that is neither hex nor blank on; `blanks`: how many bytes
    of blanks stand before it, some of which may be text.
    """
    size = len(raw)
    told = tail.decode("utf-8", "replace").rstrip("\r\n").translate(_TYPOGRAPHY)
    if len(told) > size and all(_agrees(byte, c, strict) for byte, c in zip(raw, told)):
        return list(told[:size])  # what else may be a fence, or a blank between two halves, is a byte's sign
    cut = told.rstrip()
    if cut[-1:] == "=" and len(cut) <= size and all(_agrees(byte, c, strict) for byte, c in zip(raw, cut[:-1])):
        told = cut[:-1]  # the rest stands on the next line, as quoted-printable says (RFC 2045 section 6.7)
    if "&" in told and len(told.rstrip()) > size:
        told = _ENTITY.sub(lambda match: _ENTITIES[match[0]], told)
    if told[:1] == "|" and "|" in told[1:]:
        inner = told[1 : told.rindex("|")]
        if len(inner) == size:
            told = inner
    kept = raw.replace(b"\x7f", b"")
    if not strict and len(told) == len(kept) < size and all(_agrees(byte, c, strict) for byte, c in zip(kept, told)):
        known = iter(told)  # curl and ssltap show DEL as it is, and pages take it out
        told = "".join("." if byte == 127 else next(known) for byte in raw)
    if len(told) == size + 1 > 9 and told[8] == " ":
        told = told[:8] + told[9:]  # the blank between two halves
    elif not strict and len(cut) <= size:
        # A text that was cut off: its fence, and the blank between two halves, are none of its signs.
        for signs in (cut[1:] if cut[:1] == "|" else "", cut[:8] + cut[9:] if cut[8:9] == " " else cut):
            if signs and all(_agrees(byte, c, strict) for byte, c in zip(raw, signs)):
                told = signs
    if len(told) > size and told[size] not in " |":
        return None
    shown = list(told[:size])
    fenced = told.rstrip()
    # A fence may stand behind a text that begins with blanks, or where one ends.
    forms = [shown, list(fenced[:-1].rstrip()[:size])] if fenced.endswith("|") and blanks else [shown]
    best, least = None, size // 2 + 1
    for form in forms:
        for shift in range(min(blanks, size - len(form)) + 1):
            laid = [" "] * shift + form
            laid += [""] * (size - len(laid))
            count = sum(1 for byte, c in zip(raw, laid) if c and not _agrees(byte, c, strict))
            if count < least:
                best, least = laid, count
    if best is None and len(shown) == size:
        return shown
    return best


def _agrees(byte: int, shown: str, strict: bool) -> bool:
    """Does a character show a byte?"""
    if 32 < byte < 127:
        return shown == chr(byte) or (shown == "." and byte > 122)  # Java has dots from 0x7b on
    if shown in ". ":
        return True
    if ord(shown) > 126:
        return True  # in the writer's own character set
    return not strict and shown in "?_-"


def _seven(byte: int) -> str:
    return chr(byte & 127)


def _ebcdic(byte: int) -> str:
    return bytes((byte,)).decode("cp037")


# Other ways to show a byte: its low seven bits (IOS), EBCDIC (z/OS).
_OTHERS: Tuple[Callable[[int], str], ...] = (_seven, _ebcdic)


def _other(beside: List[Tuple[int, int, str, Row]]) -> bool:
    """Is the column a rendering of another kind?"""
    for render in _OTHERS:
        unlike = sum(1 for _, byte, c, _ in beside if c not in ". " and render(byte) != c)
        if unlike * 16 <= len(beside):
            return True
    return False
