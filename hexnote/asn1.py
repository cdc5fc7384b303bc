"""ASN.1 values as words: object identifiers, times, strings, addresses (X.690, RFC 5280).

Everything here takes the contents octets of one element, perhaps cut short, and never fails. What is
made for a reader is ASCII: whatever else stands in the bytes is escaped.
"""

from __future__ import annotations

import re

from hexnote.hints import Callable, Dict, List, Optional, Tuple
from hexnote.model import GROUP, LEAF, Node, Value

# Universal tags (X.680 section 8.4) by number.
TYPES = {
    0: "endOfContents", 1: "boolean", 2: "integer", 3: "bitString", 4: "octetString", 5: "null", 6: "objectIdentifier",
    7: "objectDescriptor", 8: "external", 9: "real", 10: "enumerated", 11: "embeddedPdv", 12: "utf8String",
    13: "relativeOid", 16: "sequence", 17: "set", 18: "numericString", 19: "printableString", 20: "teletexString",
    21: "videotexString", 22: "ia5String", 23: "utcTime", 24: "generalizedTime", 25: "graphicString",
    26: "visibleString", 27: "generalString", 28: "universalString", 29: "characterString", 30: "bmpString",
}
ASN1_NAMES = {
    "boolean": "BOOLEAN", "integer": "INTEGER", "bitString": "BIT STRING", "octetString": "OCTET STRING",
    "null": "NULL", "objectIdentifier": "OBJECT IDENTIFIER", "enumerated": "ENUMERATED", "sequence": "SEQUENCE",
    "set": "SET",
    "utcTime": "UTCTime", "generalizedTime": "GeneralizedTime", "utf8String": "UTF8String", "ia5String": "IA5String",
    "printableString": "PrintableString", "bmpString": "BMPString", "teletexString": "TeletexString",
}  # fmt: skip
# How the string types are read; TeletexString holds Latin-1 in practice.
CHARSETS = {
    12: "utf-8", 18: "utf-8", 19: "utf-8", 20: "latin-1", 22: "utf-8", 25: "latin-1", 26: "utf-8", 27: "latin-1",
    28: "utf-32-be", 30: "utf-16-be",
}
LONGEST = 60  # characters of a value in a label,
_FEW, _WORD = 12, 16  # so many more where no others are left; so many fewer to end behind a word
_BREAKS = " .,;:/@-_"

Say = Callable[[bytes], str]

# ------------------------------------------------------------------ names of object identifiers


def _unread(name: str) -> Optional[str]:
    return None


_read: Callable[[str], Optional[str]] = _unread
_names: Optional[Dict[str, Tuple[str, str]]] = None
_oids: Dict[bytes, Tuple[Optional[str], str, str]] = {}


def setup(read: Callable[[str], Optional[str]]) -> None:
    """`read("registry/oids.tsv")` is asked for the names when the first one is wanted."""
    global _read, _names
    _read, _names = read, None
    _oids.clear()


def names() -> Dict[str, Tuple[str, str]]:
    """Dotted object identifier to (short name for people, the standard's name)."""
    global _names
    if _names is None:
        _names = {}
        for line in (_read("registry/oids.tsv") or "").splitlines():
            columns = line.split("\t")
            if len(columns) >= 3 and not line.startswith("#"):
                _names[columns[0]] = (columns[1], columns[2])
    return _names


def dotted(raw: bytes) -> Optional[str]:
    """The dotted form of an object identifier's contents (X.690 section 8.19); None if it has none."""
    if not raw or len(raw) > 64 or raw[-1] > 127:
        return None
    arcs: List[int] = []
    arc = 0
    for byte in raw:
        if not arc and byte == 0x80:
            return None
        arc = arc << 7 | byte & 127
        if byte < 128:
            if not arcs:
                arcs.append(min(arc // 40, 2))
                arc -= 40 * arcs[0]
            arcs.append(arc)
            arc = 0
    return ".".join(map(str, arcs))


def identify(raw: bytes) -> Tuple[Optional[str], str, str]:
    """(dotted, short name, long name) of an object identifier's contents; None and "" for what is unknown."""
    known = _oids.get(raw)
    if known is None:
        text = dotted(raw)
        short, long = names().get(text or "", ("", ""))
        known = (text, short, long)
        if text:
            if len(_oids) >= 512:
                _oids.clear()
            _oids[raw] = known
    return known


def oid_bytes(text: str) -> bytes:
    """The contents octets of a dotted object identifier (X.690 section 8.19)."""
    first, second, *rest = map(int, text.split("."))
    out = bytearray()
    for arc in (40 * first + second, *rest):
        digits = [arc & 127]
        while arc > 127:
            arc >>= 7
            digits.append(arc & 127 | 128)
        out += bytes(reversed(digits))
    return bytes(out)


# ------------------------------------------------------------------ text


def _sign(char: str) -> str:
    code = ord(char)
    if char in '"\\':
        return "\\" + char
    if 32 <= code < 127:
        return char
    if code < 128:
        return f"\\x{code:02x}"
    if 0xDC80 <= code < 0xDD00:  # a byte that is no character
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{{{code:x}}}"


def quote(text: str) -> str:
    """`text` in quotation marks, printable ASCII alone, no longer than a label bears."""
    long = len(text) > LONGEST + _FEW
    shown = text[:LONGEST] if long else text
    if long:
        shown = shown[: max(map(shown.rfind, _BREAKS)) + 1] if max(map(shown.rfind, _BREAKS)) >= LONGEST - _WORD else shown
    if not (shown.isascii() and shown.isprintable() and '"' not in shown and "\\" not in shown):
        shown = "".join(map(_sign, shown))
    return f'"{shown}..."' if long else f'"{shown}"'


def text(raw: bytes, charset: str = "utf-8", errors: str = "surrogateescape") -> str:
    """Contents of a string type as characters; bytes that are none become lone surrogates (or U+FFFD)."""
    if charset.startswith("utf-8") or charset == "latin-1":
        return raw.decode(charset, errors)
    return raw.decode(charset, "replace")


def hexes(raw: bytes, limit: int = 20) -> str:
    """Hexadecimal in groups of two bytes, cut behind `limit` bytes; two more where dots would take their place."""
    limit += 2 if len(raw) <= limit + 2 else 0
    shown = raw[:limit].hex(" ", -2)
    return shown + " ..." if len(raw) > limit else shown


def colons(raw: bytes, limit: int = 32) -> str:
    """Hexadecimal as serial numbers are written: 68:76:64; cut as above."""
    limit += 2 if len(raw) <= limit + 2 else 0
    shown = raw[:limit].hex(":")
    return shown + ":..." if len(raw) > limit else shown


def number(raw: bytes) -> Optional[int]:
    """A small INTEGER (at most 8 bytes), else None (X.690 section 8.3)."""
    return int.from_bytes(raw, "big", signed=True) if 0 < len(raw) <= 8 else None


# ------------------------------------------------------------------ times

_TIME = (  # compiled when the first time is met
    rb"(?P<year>\d\d|\d{4})(?P<month>\d\d)(?P<day>\d\d)(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?"
    rb"(?P<fraction>[.,]\d{1,9})?(?P<zone>Z|[+-]\d{4})?"
)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def time(raw: bytes) -> Optional[str]:
    """UTCTime or GeneralizedTime as `2007-05-03T15:34:58Z`; None where it is malformed or incomplete.

    RFC 5280 section 4.1.2.5: two-digit years from 50 on belong to the twentieth century, seconds and
    `Z` must be there. Times of other zones are reckoned to UTC; one without a zone is taken for UTC.
    """
    if len(raw) in (13, 15) and raw[-1:] == b"Z" and raw[:-1].isdigit():  # as nearly all are
        digits, zone = raw[:-11], b"Z"
        month, day, hour, minute, second = [int(raw[at : at + 2]) for at in range(len(raw) - 11, len(raw) - 1, 2)]
    else:
        found = re.fullmatch(_TIME, raw) if len(raw) <= 32 else None
        if found is None:
            return None
        digits, zone = found["year"], found["zone"] or b"Z"
        month, day, hour, minute = [int(found[part]) for part in ("month", "day", "hour", "minute")]
        second = int(found["second"] or 0)
    year = int(digits) if len(digits) == 4 else int(digits) + (1900 if digits >= b"50" else 2000)
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1] and hour < 24 and minute < 60 and second < 61):
        return None
    if month == 2 and day == 29 and (year % 4 or (year % 100 == 0 and year % 400)):
        return None
    if zone != b"Z":
        moved = _shift((year, month, day, hour, minute), zone)
        if moved is None:
            return None
        year, month, day, hour, minute = moved
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}Z"


def _shift(at: Tuple[int, int, int, int, int], zone: bytes) -> Optional[Tuple[int, int, int, int, int]]:
    """A local time in the zone `+hhmm` or `-hhmm`, in UTC."""
    from datetime import datetime, timedelta

    away = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    try:
        moved = datetime(*at) + (away if zone[:1] == b"-" else -away)
    except (ValueError, OverflowError):
        return None
    return moved.year, moved.month, moved.day, moved.hour, moved.minute


def time_words(raw: bytes) -> str:
    """A time for people: `2007-05-03 15:34:58 UTC`, or the characters as they stand."""
    iso = time(raw)
    if iso is None:
        return quote(text(raw))
    if iso == "9999-12-31T23:59:59Z":
        return "9999-12-31 23:59:59 UTC (no end is stated)"
    return f"{iso[:10]} {iso[11:19]} UTC"


# ------------------------------------------------------------------ addresses


def address(raw: bytes) -> Optional[str]:
    """An iPAddress: IPv4, IPv6, or either with its mask (RFC 5280 sections 4.2.1.6 and 4.2.1.10)."""
    size = len(raw)
    if size == 4:
        return ".".join(map(str, raw))
    if size == 16:
        return _ipv6(raw)
    if size in (8, 32):
        half = size // 2
        mask = int.from_bytes(raw[half:], "big")
        ones = bin(mask).count("1")
        base = address(raw[:half])
        if mask == ((1 << ones) - 1) << (8 * half - ones):
            return f"{base}/{ones}"
        return f"{base} mask {address(raw[half:])}"
    return None


def _ipv6(raw: bytes) -> str:
    """RFC 5952: the longest run of zero groups is left out."""
    groups = [f"{raw[i] << 8 | raw[i + 1]:x}" for i in range(0, 16, 2)]
    best, at = 1, -1
    run = 0
    for i, group in enumerate(groups):
        run = run + 1 if group == "0" else 0
        if run > best:
            best, at = run, i - run + 1
    if at < 0:
        return ":".join(groups)
    return ":".join(groups[:at]) + "::" + ":".join(groups[at + best :])


# ------------------------------------------------------------------ nodes

# How a value is shown: (words for a label, value for JSON, name of the value).
Show = Tuple[Callable[[bytes], str], Callable[[bytes], Value], Callable[[bytes], Optional[str]]]


def _none(raw: bytes) -> None:
    return None


def _integer_words(raw: bytes) -> str:
    small = number(raw)
    return str(small) if small is not None and len(raw) <= 4 else colons(raw)


def _oid_words(raw: bytes) -> str:
    known, short, long = identify(raw)
    if known is None:
        return hexes(raw)
    if not long:
        return known
    return f"{long} ({short})" if short != long else long


def _oid_full(raw: bytes) -> str:
    known, _, long = identify(raw)
    return f"{_oid_words(raw)}, {known}" if long else _oid_words(raw)


def _oid_name(raw: bytes) -> Optional[str]:
    return identify(raw)[2] or None


def _boolean_words(raw: bytes) -> str:
    return ("TRUE" if raw[0] else "FALSE") if raw else ""


def _boolean(raw: bytes) -> Value:
    return int(raw[0] != 0) if len(raw) == 1 else None


def _byte(raw: bytes) -> Value:
    return raw[0] if len(raw) == 1 else None


def _address_words(raw: bytes) -> str:
    return address(raw) or hexes(raw)


def _unused_words(raw: bytes) -> str:
    return f"{raw[0]} unused bits at the end" if raw and raw[0] else "no unused bits"


def strings(charset: str) -> Show:
    """How a string type is shown."""
    return (
        lambda raw: quote(text(raw[: 4 * LONGEST + 4], charset)),
        lambda raw: text(raw, charset, "replace"),
        _none,
    )


SHOWS: Dict[str, Show] = {
    "integer": (_integer_words, number, _none),
    "serial": (colons, number, _none),
    "oid": (_oid_words, dotted, _oid_name),
    "text": strings("utf-8"),
    "time": (time_words, time, _none),
    "boolean": (_boolean_words, _boolean, _none),
    "unused": (_unused_words, _byte, _none),
    "address": (_address_words, address, _none),
    "hex": (hexes, _none, _none),
    "null": (lambda raw: "NULL" if not raw else hexes(raw), _none, _none),
}


def leaf(
    name: str, label: str = "", show: str = "hex", level: int = 0, type: str = "", doc: str = "", rfc: str = "",
    suffix: str = "", kind: int = LEAF, shows: Optional[Show] = None, bits: Tuple[Tuple[str, int], ...] = (),
) -> Node:  # fmt: skip
    """A Node for a value, told as `label = value`; `label` is the name where none is given."""
    if shows and show == "hex":
        show = "text"
    node = Node(name, kind, show=show, level=level, type=type, doc=doc, rfc=rfc, suffix=suffix, bits=bits)
    words, node.value, node.title = shows or SHOWS[show]
    if show == "oid" and level:
        words = _oid_full  # who asks for every node wants the numbers too
    lead = (label or name) + " = "
    node.say = lambda raw: lead + words(raw)
    return node


def header(name: str, suffix: str = ".header", label: str = "", level: int = 1) -> Node:
    """A Node for the tag and length octets (X.690 section 8.1) in front of a value."""
    node = Node(name, show="header", level=level, suffix=suffix, type="Header", rfc="X.690 section 8.1")
    lead = (label or name) + ": "
    node.say = lambda raw: lead + header_words(raw)
    return node


def _no_words(raw: bytes) -> str:
    return ""


# A DER Name as RFC 4514 writes it; `der` sets it, which knows how to walk one.
name_words: List[Callable[[bytes], str]] = [_no_words]
_named: Dict[bytes, str] = {}


def named(label: str, type: str = "") -> Node:
    """A GROUP that is a whole Name (RFC 5280 section 4.1.2.4): its value is its RFC 4514 form."""
    node = Node(label, GROUP, show="name", type=type, rfc="RFC 4514")
    node.value = _name_value
    return node


def _name_value(raw: bytes) -> Value:
    known = _named.get(raw)
    if known is None:
        if len(_named) >= 256:
            _named.clear()
        known = _named[raw] = name_words[0](raw)
    return known or None


def tag_name(tag: int) -> str:
    """The name of an identifier octet: a universal type, or [0] and its kin."""
    kind, low = tag >> 6, tag & 31
    if kind == 0:
        return TYPES.get(low, f"universal{low}")
    return ("application", "context", "private")[kind - 1] + str(low)


def header_words(raw: bytes) -> str:
    """Tag and length octets in words: `SEQUENCE, 805 bytes`."""
    if not raw:
        return ""
    tag = raw[0]
    name = tag_name(tag)
    shown = ASN1_NAMES.get(name, name) if tag < 64 else f"[{tag & 31}]" if tag >> 6 == 2 else name
    if tag & 31 == 31 or len(raw) < 2:
        return shown
    size = raw[1]
    if size > 127:
        if size & 127 > len(raw) - 2 or size == 128:
            return shown
        size = int.from_bytes(raw[2 : 2 + (size & 127)], "big")
    return f"{shown}, {size} byte{'' if size == 1 else 's'}"
