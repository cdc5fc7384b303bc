"""Lines as a terminal or a browser would show them: escapes, overstrikes, exotic blanks and entities undone.

A washed line is for reading alone; each of its characters knows where it stands in the raw line, so
that carets go under the user's own text.
"""

from __future__ import annotations

from re import Match

from hexnote.hints import Dict, List, Tuple
from hexnote.patterns import Late

# What a line must hold to be worth washing.
_TAG = rb"</?(?:br|p|pre|code|div|span|font|td|tr|li|tt|[bi])(?: [^<>\n]{0,200})?/?>"
# Every branch begins with a character of its own, which makes the search quick.
_DIRT = Late(
    rb"[\x08\x1b]|\xc2[\xa0\xad]|\xe2[\x80\x81]|\xef\xbb\xbf|&(?:amp|lt|gt|quot|nbsp|#\d{2,4}|#x[0-9a-f]{2});|\r(?!\r*\n|\r*\Z)"
    # blanks of an older coding; quoted-printable; a page's source
    rb"|\xa0(?<![\x80-\xf4]\xa0)|=(?:20|09|3D|C2=A0)|\\(?:u00|u20|x1b|xa0|033|e\[)|\^\[\["
)
_CLEAN = bytes(set(range(256)) - set(b"\x08\x1b\xc2\xe2\xef&\r\xa0=\\^"))  # what no branch of it begins with
_TAGGED = Late(_TAG)
_LEADING = 100  # a tag counts at the beginning of a line, and before the row: a text column may hold anything

_SIGN = Late(
    rb"(?P<gone>(?:\\u001b|\\x1b|\\033|\\e|\^\[)\[[0-9;]{0,20}[A-Za-z]"
    rb"|\x1b\[[0-?]{0,40}[ -/]{0,4}[@-~]|\x1b\][^\x07\x1b\r\n]{0,500}(?:\x07|\x1b\\)|\x1b[()*+][0-9A-Za-z]"
    rb"|\x1b[^\r\n]?"
    rb"|\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xc2\xad|\\u200[b-f]|" + _TAG +
    rb")|(?P<blank>(?:\xc3\x82)?\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]|\xe2\x81\x9f|&nbsp;|\\u00a0|\\xa0|\\u202f|=C2=A0|=20"
    rb"|\xa0(?<![\x80-\xf4]\xa0))"
    rb"|(?P<tab>=09)"
    rb"|(?P<equals>=3D)"
    rb"|(?P<dots>\xe2\x80\xa6)"
    rb"|(?P<dash>\xe2\x80[\x90-\x95])"
    rb"|(?P<quote>\xe2\x80[\x98\x99\x9b]|&#39;|&#x27;)"
    rb"|(?P<quotes>\xe2\x80[\x9c-\x9f]|&quot;)"
    rb"|(?P<amp>&amp;|\\u0026)|(?P<lt>&lt;|\\u003c)|(?P<gt>&gt;|\\u003e)"
    rb"|(?P<back>\x08)"
    rb"|(?P<home>\r(?!\r*\n|\r*\Z))"
)
_PLAIN: Dict[str, bytes] = {
    "blank": b" ", "dots": b"...", "dash": b"-", "quote": b"'", "quotes": b'"', "amp": b"&", "lt": b"<", "gt": b">",
    "equals": b"=", "tab": b"\t",
}


def dirty(text: bytes, pos: int, end: int) -> bool:
    """Whether the line text[pos:end] holds what is worth washing."""
    if text[pos:end].translate(None, _CLEAN) and _DIRT.search(text, pos, end) is not None:
        return True
    tag = text.find(b"<", pos, end)
    if not 0 <= tag - pos <= _LEADING:
        return False
    before = text[pos:tag]
    return b"0x" not in before and b"\n" not in before and _TAGGED.match(text, tag, end) is not None


def wash(text: bytes) -> Tuple[bytes, List[int]]:
    """The text washed, and for each of its bytes the index of the raw byte that it stands for."""
    out = bytearray()
    places: List[int] = []
    pos = 0
    for match in _SIGN.finditer(text):
        start = match.start()
        out += text[pos:start]
        places.extend(range(pos, start))
        pos = match.end()
        _apply(match, out, places)
    out += text[pos:]
    places.extend(range(pos, len(text)))
    return bytes(out), places


def _apply(match: Match[bytes], out: bytearray, places: List[int]) -> None:
    """What a sign does to the text washed so far."""
    name = match.lastgroup or ""
    if name == "back":
        if out and out[-1] != 10:
            del out[-1], places[-1]
    elif name == "home":
        # What follows is written over what stood there; pagers blank their prompt out so.
        begin = out.rfind(b"\n") + 1
        del out[begin:], places[begin:]
    elif name in _PLAIN:
        plain = _PLAIN[name]
        out += plain
        places.extend([match.start()] * len(plain))
