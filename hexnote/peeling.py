"""Lines freed of what carried them: marks of quotation, line numbers, stamps of loggers, strings of programs.

Each dress says how its own lines look. What mail programs, pagers, loggers and editors put before them is the same for
all: what stands behind an edge (a mark, a bracket, a quotation mark, a tab) is looked at as if the line began there. Each
character of it knows where it stands in the raw line.
"""

from __future__ import annotations

from hexnote.hints import Iterator, List, Sequence, Tuple
from hexnote.patterns import Late

_REACH = 200  # bytes before the edge
_EDGES = 24  # tried in a line

# Behind what a line may begin anew. One blank belongs to the edge, more of them to the line.
_EDGE = Late(
    rb"^[ \t]{1,40}|(?<=:\d\d) |(?<=[.,]\d{3}) |(?<=[.,]\d{6}) |(?<=[+-]\d{4}) |(?<=[+-]\d\d:\d\d) "
    rb"|(?<=^MESSAGE=)|<!\[CDATA\[|(?:(?<=[:-]\d\d)|(?<=\.\d{3})|(?<=\dZ)),"
    rb"|(?:[<>|+*#%:\])}Z-]|//|\xe2\x94\x82|\xe2\x80\xa2|[ \t]F(?= )) ?|(?P<quote>[\"'])|\t|^ {0,8}\d{1,7}[.)]? "
)
_PAIR = rb"[0-9A-Fa-f]{2}(?:[0-9A-Fa-f]{2}|(?![^\s\-|\"',;\\<>]))"
_DIGITS = (
    rb"[0-9A-Fa-f]{32}|(?P<run>(?:[0-9A-Fa-f]{2}[:\-]){8,21845})|0[xX][0-9A-Fa-f]{2}, ?0[xX]|(?:<|\\u003c)Buffer "
    rb"|\[(?:[0-9A-Fa-f]{2}, ){3}|1[4-7]030[0-4]00[0-9A-Fa-f]{2}"
)
_OFFSET = rb"(?:0[xX])?[0-9A-Fa-f`]{1,17}[:|h]?(?: -)?"
# How a row begins: an offset and digits, or digits alone; or a frame before them.
_ROW = Late(rb"[ \t|>]{0,20}(?:" + _OFFSET + rb"[ \t|]{1,40}" + _PAIR + rb"|" + _DIGITS + rb")")
# The same where it is a program's string.
_SAID = Late(
    rb"(?:[ \t|>]|\\t|\\u00[0-9a-f]{2}){0,20}(?:" + _OFFSET + rb"(?:[ \t|]|\\t){1,40}" + _PAIR + rb"|" + _DIGITS + rb")")
_LEADS = b" \t|>\\tu0123456789abcdef"  # what may stand there before the offset, or the digits
_LONGEST = 12  # characters of an edge that does not begin the line
# What a line must hold to have one at all; and to have one behind what may be an edge.
_PAIRS = Late(rb"[0-9A-Fa-f]{1,2}[:|h]?(?: -)?(?:[ \t|]|\\t){1,40}" + _PAIR + rb"|" + _DIGITS)
_BEFORE = 24  # no more characters of an offset stand before what that pattern finds
_ROWS = Late(
    rb"(?:^|(?<=[ \t<>|+*#:\])}Z/\x82\xa2F\"'.0-9t\-])|(?<=MESSAGE=)|(?<=CDATA\[)|(?<=,))"
    rb"(?:" + _OFFSET + rb"(?:[ \t|]|\\t){1,40}" + _PAIR + rb"|" + _DIGITS + rb")")
# The mark of each line that stands above rows: what no other line is likely to have. Such a line begins before it.
_HEAD = Late(
    rb"\.\d{5,9} +(?:\S{1,40} (?:in|out|--) )?\S{1,255} (?:->|\xe2\x86\x92) |:\d{1,5} -> \S{2,64}:\d{1,5} \["
    rb"|\d\.\d{1,5} > \d|\d bytes(?: => |\)|:? \(0x|[ ,]on wire| (?:from|to) BIO)|\[length |want=\d|length ?= ?\d|length=\d+ from="
    rb"|\blen ?= ?\d+(?::|\s*\Z)|Raw (?:write|read)|laintext (?:before|after)|\(\d{1,6}(?:<[^>\n]{0,120}>)?, \""
    rb"|(?:WRITE|READ|RECEIVED): \d|\] #|Flow \d|session ticket:")
# What a program's string says for a character; where it ends.
_ESCAPE = Late(rb"\\(?:(?P<sign>[\"'\\/])|(?P<tab>t)|(?P<end>[rn])|u00(?P<code>26|27|3[ce]))|(?P<twice>\"\")(?![,;}\])\s]|\Z)")
# What may stand behind a string: more of the program; in a sentence it was a word in quotation marks.
_AFTER = Late(rb"[\"'][ \t]*(?:[,;:.+#&|)}\]<\\\r\n]|\Z)")
_CODES = {b"26": b"&", b"27": b"'", b"3c": b"<", b"3e": b">"}
# What may stand behind a line in a table or a page.
_TAG = Late(rb"</?[a-z]{1,9} ?/?>\Z")
_CLOSINGS = 8  # of them


def carried(text: bytes) -> int:
    """Where the first row may begin that a line carries, which is none as it stands; -1 where there is none."""
    pairs = _PAIRS.search(text)
    row = _ROWS.search(text, max(pairs.start() - _BEFORE, 0)) if pairs is not None else None
    return row.start() if row is not None else -1


def headed(text: bytes) -> int:
    """Where the mark stands of a line that stands above rows; -1 where there is none."""
    mark = _HEAD.search(text)
    return mark.start() if mark is not None else -1


def unframed(text: bytes) -> bytes:
    """The line without what closes the cell of a table, or a line of a page, behind it."""
    body = text.rstrip(b"\r\n")
    end = text[len(body) :]
    for _ in range(_CLOSINGS):
        body = body.rstrip(b" \t")
        if body[-1:] in (b"|", b"\\"):
            body = body[:-1]
            continue
        if body.endswith(b"#012"):  # a line end, as syslog writes it
            body = body[:-4]
            continue
        tag = _TAG.search(body, max(len(body) - 13, 0)) if body[-1:] == b">" else None
        if tag is None:
            break
        body = body[: tag.start()]
    return body + end


def peeled(text: bytes, mark: int, first: int) -> Iterator[Tuple[bytes, Sequence[int], bool]]:
    """What the line may be behind each of its edges, the first one first: text, the index of each of its bytes in the
    line, and whether it begins as a row does, which may be from `first` on (as of `carried`). What does not is given only up to
    the `mark` of a line above rows, -1: none."""
    places: Sequence[int]
    inner = unframed(text)
    if inner != text:
        row = first >= 0 and _ROW.match(inner) is not None
        if row or mark >= 0:
            yield inner, range(len(text)), row
    passed = 0  # a run of pairs goes up to there, whose other edges begin nothing
    lead = len(text[:first].rstrip(_LEADS)) if first >= 0 else 0  # no edge before leads to a row
    for count, match in enumerate(_EDGE.finditer(text, max(lead - _LONGEST, 0) if mark < 0 else 0, _REACH)):
        if count >= _EDGES:
            return
        at = match.end()
        if at >= len(text) or not (first >= 0 or at <= mark):
            return
        said = match["quote"] is not None
        begun = (_SAID if said else _ROW).match(text, at) if 0 <= first and at >= lead and at >= passed else None
        row = begun is not None
        if begun is not None:
            passed = begun.end("run")
        elif at > mark:
            continue
        inner, places = text[at:], range(at, len(text))
        if said:
            inner, places = _said(text, at, match[0])
            row = row and _ROW.match(inner) is not None
        if inner and (row or at <= mark):
            yield inner, places, row


def _said(text: bytes, at: int, quote: bytes) -> Tuple[bytes, List[int]]:
    """What a program's string says that begins at `at`, behind the quotation mark; nothing, where it is none."""
    out = bytearray()
    places: List[int] = []
    pos = at
    while True:
        escape = _ESCAPE.search(text, pos)
        stop = text.find(quote, pos)
        if escape is None or 0 <= stop < escape.start():
            if stop >= 0 and not _AFTER.match(text, stop):
                return b"", []
            stop = len(text) if stop < 0 else stop
            out += text[pos:stop]
            places.extend(range(pos, stop))
            return bytes(out), places
        start = escape.start()
        out += text[pos:start]
        places.extend(range(pos, start))
        pos = escape.end()
        sign = escape["sign"] or (b"\t" if escape["tab"] else b'"' if escape["twice"] else _CODES.get(escape["code"], b""))
        out += sign
        places.extend([start] * len(sign))
