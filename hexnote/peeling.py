"""Lines freed of what carried them: marks of quotation, line numbers, stamps of loggers, strings of programs.

Each dress says how its own lines look. What mail programs, pagers, loggers and editors put before them is the same for
all: what stands behind an edge (a mark, a bracket, a quotation mark, a tab) is looked at as if the line began there. Each
character of it knows where it stands in the raw line.
"""

from __future__ import annotations

from re import Match

from hexnote.hints import Iterator, List, Sequence, Tuple
from hexnote.patterns import Late

_REACH = 200  # bytes before the edge
_EDGES = 24  # tried in a line

# Behind what a line may begin anew. One blank belongs to the edge, more of them to the line. Searched patterns name first the
# characters that they may begin with: so all others are passed over quickly.
_BEGIN = Late(rb"[ \t]{1,40}|\d{1,7}[.)]? ")
_EDGE = Late(
    rb"[\t ,<>|+*#%:\])}Z/\xe2\"'-](?:"
    rb"(?<= )(?:(?<=:\d\d )|(?<=[.,]\d{3} )|(?<=[.,]\d{6} )|(?<=[+-]\d{4} )|(?<=[+-]\d\d:\d\d )|F(?= ) ?)"
    rb"|(?<=<)!\[CDATA\["
    rb"|(?<=[:-]\d\d,)|(?<=\.\d{3},)|(?<=\dZ,)"
    rb"|(?:(?<=[<>|+*#%:\])}Z-])|(?<=/)/|(?<=\xe2)(?:\x94\x82|\x80\xa2)|(?<=\t)F(?= )) ?"
    rb"|(?P<quote>(?<=[\"']))|(?<=\t))"
)
_FIELD = Late(rb"(?<=^MESSAGE=)")  # of the journal
_NAME = 8  # bytes of its name
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
# What a line must hold to have one at all: a gap between an offset and digits; or many digits, alone or as programs write them.
_LIKE = Late(
    rb"[ \t|\\:\-<u\[xX3](?:(?<=[0-9A-Fa-f:|h\-].)(?:(?<=[ \t|])|(?<=\\)t)(?:[ \t|]|\\t){0,39}" + _PAIR +
    rb"|(?<=[0-9A-Fa-f]{2}[:\-])(?:[0-9A-Fa-f]{2}[:\-]){7}|(?<=0[xX])[0-9A-Fa-f]{2}, ?0[xX]|(?<=1[4-7]03)0[0-4]00[0-9A-Fa-f]{2}"
    rb"|(?<=<)Buffer |(?<=u)003cBuffer |(?<=\[)(?:[0-9A-Fa-f]{2}, ){3})"
)
_FOLD = bytes([48 if sign in b"123456789ABCDEFabcdef" else sign for sign in range(256)])
_RUN = b"0" * 32
_BEFORE = 24  # no more characters of a row stand before what is found so
# One that may stand behind an edge: by its first character, and by what stands before that.
_ROWS = Late(
    rb"[0-9A-Fa-f`<\\\[](?:(?<=[ \t<>|+*#%:\])}Z/\x82\xa2F\"'.0-9t\-,].)|(?<=^.)|(?<=MESSAGE=.)|(?<=CDATA\[.))(?:"
    rb"(?<=[0-9A-Fa-f`])(?:(?<=0)[xX][0-9A-Fa-f`]{1,17}|[0-9A-Fa-f`]{0,16})[:|h]?(?: -)?(?:[ \t|]|\\t){1,40}" + _PAIR +
    rb"|(?<=[0-9A-Fa-f])(?:[0-9A-Fa-f]{31}|[0-9A-Fa-f][:\-](?:[0-9A-Fa-f]{2}[:\-]){7}"
    rb"|(?<=0)[xX][0-9A-Fa-f]{2}, ?0[xX]|(?<=1)[4-7]030[0-4]00[0-9A-Fa-f]{2})"
    rb"|(?<=<)Buffer |(?<=\\)u003cBuffer |(?<=\[)(?:[0-9A-Fa-f]{2}, ){3})"
)
# The mark of each line that stands above rows: what no other line is likely to have. Such a line begins before it.
_HEAD = Late(
    rb"[.:\[wlR(W\]Fs](?:(?<=\.)\d{5,9} +(?:\S{1,40} (?:in|out|--) )?\S{1,255} (?:->|\xe2\x86\x92) "
    rb"|(?<=:)\d{1,5} -> \S{2,64}:\d{1,5} \[|(?<=\[)length |(?<=w)ant=\d|(?<=l)(?:ength ?= ?\d|aintext (?:before|after))"
    rb"|(?<=\bl)en ?= ?\d+(?::|\s*\Z)"
    rb"|(?<=R)(?:aw (?:write|read)|EAD: \d|ECEIVED: \d)|(?<=\()\d{1,6}(?:<[^>\n]{0,120}>)?, \"|(?<=W)RITE: \d"
    rb"|(?<=\]) #|(?<=F)low \d|(?<=s)ession ticket:)")
# Those that begin with a digit, by what else they have.
_DIGIT_HEADS = (
    (b" > ", Late(rb"\d\.\d{1,5} > \d")),
    (b" bytes", Late(rb"\d bytes(?: => |\)|:? \(0x|[ ,]on wire| (?:from|to) BIO)")),
)
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
    like = _LIKE.search(text)
    long = text.translate(_FOLD).find(_RUN)
    if like is None and long < 0:
        return -1
    begin = long if like is None else like.start() if long < 0 else min(long, like.start())
    row = _ROWS.search(text, max(begin - _BEFORE, 0))
    return row.start() if row is not None else -1


def headed(text: bytes) -> int:
    """Where the mark stands of a line that stands above rows; -1 where there is none."""
    found = [head for sign, each in _DIGIT_HEADS if sign in text for head in (each.search(text),)]
    marks = [mark.start() for mark in (_HEAD.search(text), *found) if mark is not None]
    return min(marks) if marks else -1


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
    for count, match in enumerate(_edges(text, max(lead - _LONGEST, 0) if mark < 0 else 0)):
        if count >= _EDGES:
            return
        at = match.end()
        if at >= len(text) or not (first >= 0 or at <= mark):
            return
        said = match.lastgroup is not None
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


def _edges(text: bytes, start: int) -> Iterator[Match[bytes]]:
    """The edges of a line from `start` on, as far as lines may begin there; quotation marks have a group."""
    if not start:
        begin = _BEGIN.match(text, 0, _REACH)
        if begin is not None:
            yield begin
            start = begin.end()
    field = _FIELD.match(text, _NAME) if start <= _NAME else None
    if field is not None:
        yield field
    yield from _EDGE.finditer(text, start, _REACH)


def _said(text: bytes, at: int, quote: bytes) -> Tuple[bytes, List[int]]:
    """What a program's string says that begins at `at`, behind the quotation mark; nothing, where it is none."""
    out = bytearray()
    places: List[int] = []
    pos = at
    if text[at - 2 : at - 1] == b"\\":
        # A string within a string: its own quotation mark has as many backslashes before it.
        stop = text.find(b"\\", at)
        mark = text[len(text[: at - 1].rstrip(b"\\")) : at]
        if stop >= 0 and text.startswith(mark, stop):
            return text[at:stop], list(range(at, stop))
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
