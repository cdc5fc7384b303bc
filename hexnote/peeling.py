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
    rb"|(?:[<>|+*#:\])}Z-]|//|\xe2\x94\x82|\xe2\x80\xa2|[ \t]F(?= )) ?|(?P<quote>[\"'])|\t|^ {0,8}\d{1,7}[.)]? "
)
_PAIR = rb"[0-9A-Fa-f]{2}(?:[0-9A-Fa-f]{2}|(?![^\s\-|\"',;\\<>]))"
# How a row begins: an offset and digits, or digits alone; or a frame before them.
_ROW = Late(
    rb"[ \t|>]{0,20}(?:(?:0[xX])?[0-9A-Fa-f`]{1,17}[:|h]?(?: -)?[ \t|]{1,40}" + _PAIR +
    rb"|[0-9A-Fa-f]{32}|(?:[0-9A-Fa-f]{2}[:\-]){8}|0[xX][0-9A-Fa-f]{2}, ?0[xX]|<Buffer |\[[0-9A-Fa-f]{2}, )"
)
# What a line must hold to have a row somewhere, or the line above rows.
_ROWS = Late(
    rb"[0-9A-Fa-f]{1,2}[:|h]?(?: -)?(?:[ \t|,]|\\t){1,40}(?:0x)?" + _PAIR + rb"|[0-9A-Fa-f]{32}|(?:[0-9A-Fa-f]{2}[:\-]){8}"
)
_HEAD = Late(
    rb"->|\xe2\x86\x92|\d bytes|\[length |want=|len(?:gth)?(?: ?=|: )|Raw |Plaintext|plaintext|\] #|Flow \d|session ticket:"
    rb"|\d\.\d{1,5} > \d")
# What a program's string says for a character; where it ends.
_ESCAPE = Late(rb"\\(?:(?P<sign>[\"'\\/])|(?P<tab>t)|(?P<end>[rn])|u00(?P<code>26|27|3[ce]))|(?P<twice>\"\")(?![,;}\])\s]|\Z)")
_CODES = {b"26": b"&", b"27": b"'", b"3c": b"<", b"3e": b">"}
# What may stand behind a line in a table or a page.
_TAG = Late(rb"</?[a-z]{1,9} ?/?>\Z")
_CLOSINGS = 8  # of them


def carried(text: bytes) -> bool:
    """Whether a line, which is no row as it stands, may carry one, or a line that stands above rows."""
    return _ROWS.search(text) is not None or _HEAD.search(text) is not None


def headed(text: bytes) -> bool:
    """Whether it may be a line that stands above rows."""
    return _HEAD.search(text) is not None


def unframed(text: bytes) -> bytes:
    """The line without what closes the cell of a table, or a line of a page, behind it."""
    body = text.rstrip(b"\r\n")
    end = text[len(body) :]
    for _ in range(_CLOSINGS):
        body = body.rstrip(b" \t")
        if body[-1:] in (b"|", b"\\"):
            body = body[:-1]
            continue
        tag = _TAG.search(body, max(len(body) - 13, 0)) if body[-1:] == b">" else None
        if tag is None:
            break
        body = body[: tag.start()]
    return body + end


def peeled(text: bytes, heads: bool) -> Iterator[Tuple[bytes, Sequence[int], bool]]:
    """What the line may be behind each of its edges, the first one first: text, the index of each of its bytes in the
    line, and whether it begins as a row does. What does not is given only where `heads` are looked for."""
    places: Sequence[int]
    inner = unframed(text)
    if inner != text:
        yield inner, range(len(text)), _ROW.match(inner) is not None
    for count, match in enumerate(_EDGE.finditer(text, 0, _REACH)):
        if count >= _EDGES:
            return
        at = match.end()
        if at >= len(text):
            return
        inner, places = text[at:], range(at, len(text))
        if match["quote"]:
            inner, places = _said(text, at, match[0])
        row = _ROW.match(inner) is not None
        if row or heads:
            yield inner, places, row


def _said(text: bytes, at: int, quote: bytes) -> Tuple[bytes, List[int]]:
    """What a program's string says that begins at `at`, behind the quotation mark."""
    out = bytearray()
    places: List[int] = []
    pos = at
    while True:
        escape = _ESCAPE.search(text, pos)
        stop = text.find(quote, pos)
        if escape is None or 0 <= stop < escape.start():
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
