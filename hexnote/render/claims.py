"""Statements about bytes, found in prose: `0x004a = 74 bytes`, `0x16 => 22 => 'Handshake'`, `00,00,39 TLS1_CK_...`."""

from __future__ import annotations

import calendar
import re

from hexnote.hints import FrozenSet, Iterator, List, Optional, Tuple
from hexnote.tuples import NamedTuple

# The digits that a statement is about, and what follows them up to the end of the statement.
_HEX = re.compile(r"0x([0-9A-Fa-f]{1,512})(?![0-9A-Za-z])")
_LINKS = re.compile(r"\s*(?:=>|->|=|\u2192|-|\bis\b)\s*")
_END = re.compile(r"[;)\n]|0x|, (?=[A-Z])")
_DECIMAL = re.compile(r"(\d{1,12})\b(?!\.\d)(?![,*]\d)")
_DOTTED = re.compile(r"([0-3]\.[0-4])\b")
_PRODUCT = re.compile(r"(\d{1,6}) (?:items?|entries|suites|values)[^()]{0,40}?(\d{1,3}) bytes each")
_QUOTED = re.compile(r"['\"\u2018\u201c]([^'\"\u2019\u201d]{1,80})['\"\u2019\u201d]")
_NAMED = re.compile(r"[A-Za-z][A-Za-z0-9_ ]{1,60}")
_BEHIND = re.compile(r"\s*\((\d{1,12})\)(?:[^.;'\"]{0,20}['\"]([^'\"]{1,60})['\"])?")
_BEFORE = re.compile(r"(\d{1,5})[ -](?:random |challenge )?bytes?\b[^()]{0,40}\($", re.I)
_SLASH = re.compile(r"0x([0-9A-Fa-f]{1,16})/0x([0-9A-Fa-f]{1,16})\s*(?:=>|=)\s*(\d{1,9})/(\d{1,9})")
_MONTHS = {name: i + 1 for i, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split())}
_DATE = re.compile(r"\b([A-Z][a-z]{2}) ([A-Z][a-z]{2})\s+(\d{1,2}) (\d\d):(\d\d):(\d\d) (?:GMT|UTC) (\d{4})")
_ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)")
_LISTED = re.compile(
    r"[\s>|*\u2022-]{0,40}(?:\d{1,3}[.)] )?([0-9A-Fa-f]{2}),\s?([0-9A-Fa-f]{2})(?:,\s?([0-9A-Fa-f]{2}))?"
    r"[\s:=>-]{1,8}([A-Z][A-Z0-9_]{5,80})\s*\Z"
)
_MOST = 4000  # characters of a line that are looked at


class Claim(NamedTuple):
    """One statement about some digits."""

    text: str  # as it stands
    hex: str  # the digits, without 0x, in lower case, an even number of them
    numbers: Tuple[int, ...] = ()  # what they are said to be
    product: Optional[int] = None  # "33 items, 3 bytes each"
    length: Optional[int] = None  # how many bytes they are said to be
    version: Optional[str] = None  # "3.1"
    names: Tuple[str, ...] = ()


def claims(line: str) -> Iterator[Claim]:
    """The statements of a line."""
    line = line[:_MOST]
    taken = 0
    for pair in _SLASH.finditer(line):
        for digits, number in ((pair.group(1), pair.group(3)), (pair.group(2), pair.group(4))):
            yield Claim(pair.group(), _even(digits), (int(number),))
        taken = pair.end()
    for found in _HEX.finditer(line, taken):
        digits = _even(found.group(1))
        end = _END.search(line, found.end())
        stop = end.start() if end is not None else len(line)
        behind = _BEHIND.match(line, found.end())
        before = _BEFORE.search(line, 0, found.start())
        size = int(before.group(1)) if before is not None and len(digits) > 8 else None
        if behind is not None:
            names = (behind.group(2),) if behind.group(2) else ()
            yield Claim(line[found.start() : behind.end()].strip(), digits, (int(behind.group(1)),), names=names)
            continue
        yield _claim(line[found.start() : stop].strip(), line[found.end() : stop], digits, size)


def _claim(text: str, tail: str, digits: str, size: Optional[int]) -> Claim:
    if not _LINKS.match(tail):
        return Claim(text, digits, length=size)
    numbers: List[int] = []
    names: List[str] = []
    product = version = None
    items = _PRODUCT.search(tail)
    if items is not None:
        product = int(items.group(1)) * int(items.group(2))
    for term in _LINKS.split(tail)[1:]:
        quoted = _QUOTED.match(term)
        if quoted is not None:
            names.append(quoted.group(1))
            continue
        dotted, number = _DOTTED.match(term), _DECIMAL.match(term)
        if dotted is not None:
            version = dotted.group(1)
        elif number is not None:
            if product is None:
                numbers.append(int(number.group(1)))
        else:
            named = _NAMED.match(term)
            if named is not None:
                names.append(named.group().strip())
    return Claim(text, digits, tuple(numbers), product, size, version, tuple(names))


def _even(digits: str) -> str:
    return ("0" if len(digits) & 1 else "") + digits.lower()


def date(text: str) -> Optional[int]:
    """Seconds since 1970 of a date in a statement; None where there is none."""
    found = _DATE.search(text)
    if found is not None and found.group(2).lower() in _MONTHS:
        month = _MONTHS[found.group(2).lower()]
        day, hour, minute, second, year = (int(found.group(i)) for i in (3, 4, 5, 6, 7))
        return calendar.timegm((year, month, day, hour, minute, second))
    found = _ISO.search(text)
    if found is not None:
        year, month, day, hour, minute, second = (int(part) for part in found.groups())
        if 1 <= month <= 12 and year >= 1970:
            return calendar.timegm((year, month, day, hour, minute, second))
    return None


def listed(line: str) -> Optional[Tuple[str, str]]:
    """An entry of a list of codes, `00,00,39 NAME`: (digits, name)."""
    found = _LISTED.match(line[:_MOST])
    if found is None:
        return None
    return "".join(part or "" for part in found.groups()[:3]).lower(), found.group(4)


def words_of(name: str) -> str:
    """A name as it may be compared with another spelling of it: ServerHello, server_hello, "Server Hello"."""
    return re.sub(r"[^0-9a-z]", "", name.lower())


# Old names of suites and their parts, as OpenSSL's headers had them (SSL3_CK_EDH_RSA_DES_192_CBC3_SHA), and IANA's.
_PREFIX = re.compile(r"\A(?:TLS1|SSL2|SSL3|SSL|TLS)_(?:CK_)?(?:TXT_)?")
_PARTS = (
    ("EDH", "DHE"), ("ADH", "DH_ANON"), ("DES_192_EDE3", "3DES"), ("DES_192_CBC3", "3DES"), ("3DES_EDE", "3DES"), ("DES_64", "DES"),
    ("DES_40", "DES40"), ("RC2_40", "RC2_40"), ("EXPORT40", "40 EXPORT"),
)  # fmt: skip


def same_suite(one: str, other: str) -> bool:
    """Whether two names are those of one suite, whoever made them."""
    return suite_words(one) == suite_words(other)


def suite_words(name: str) -> FrozenSet[str]:
    """What a suite's name says, without what only some spellings have."""
    text = _PREFIX.sub("", name.upper().replace("-", "_"))
    for old, new in _PARTS:
        text = text.replace(old, new)
    words = set(re.split(r"[_ ]+", text)) - {"WITH", "CBC", "EDE", "EXPORT", ""}
    if words & {"40", "DES40"} and "DES40" in words:
        words -= {"40"}
    if "RC4" in words and "MD5" in words and not words & {"40", "56", "64", "128"}:
        words |= {"128"}
    return frozenset(words)
