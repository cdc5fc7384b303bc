"""Handshake messages to facts: what the hellos, chains and requests say, for those who judge it.

Every function takes a message's bytes, its four-byte header included, as bytes or as a `spans.Patchy`, perhaps
cut short, perhaps damaged; it reads as far as they go, and never fails. Ranges are half-open, in offsets of
the message.
"""

from __future__ import annotations

import re
from struct import error, unpack_from

from hexnote.hints import Any, Callable, Dict, List, Optional, Tuple
from hexnote.model import Chain, Form, Hello, KeyExchange, Range, Request
from hexnote.spans import Hole, without

RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

# More items of a list are not read.
_MOST = 4096
# Names of protocols (ALPN) that take up to so many bytes, as clients of a trace offer them: the same again and again.
_SHORT = 64
_NAMES: Dict[bytes, Tuple[bytes, ...]] = {}
# A longer Certificate message is not kept.
_LARGE = 1 << 14


class _Short(Exception):
    """The bytes end before what they promise."""


def _guarded(read: Callable[[Any, int, int, Any], None], buf: Any, pos: int, made: Any) -> Any:
    """`read(buf, pos, end, made)` as far as the bytes go; `made.complete` where it came to the end."""
    try:
        end = 4 + (buf[1] << 16 | buf[2] << 8 | buf[3])
        if end > len(buf):
            read(buf, pos, len(buf), made)
        else:
            read(buf, pos, end, made)
            made.complete = True
    except (_Short, Hole, IndexError, error):
        pass
    return made


def _vector(buf: Any, pos: int, end: int, width: int) -> Range:
    """The range of a vector's body behind its length of `width` bytes (RFC 8446 section 3.4)."""
    body = pos + width
    if body > end:
        raise _Short
    size = buf[pos] if width == 1 else buf[pos] << 8 | buf[pos + 1] if width == 2 else \
        buf[pos] << 16 | buf[pos + 1] << 8 | buf[pos + 2]
    if body + size > end:
        raise _Short
    return body, body + size


def _numbers(buf: Any, lo: int, hi: int) -> Tuple[int, ...]:
    """The two-byte numbers in [lo, hi)."""
    count = (hi - lo) // 2
    return unpack_from(f">{count}H", buf[lo : lo + 2 * count])


# ------------------------------------------------------------------ hellos


def client_hello(buf: Any, form: Optional[Form] = None) -> Hello:
    """A ClientHello (RFC 5246 section 7.4.1.2, RFC 8446 section 4.1.2); `form`: what it has in common with earlier ones."""
    return _hello(buf, True, form)


def server_hello(buf: Any, form: Optional[Form] = None) -> Hello:
    """A ServerHello or HelloRetryRequest (RFC 5246 section 7.4.1.3, RFC 8446 section 4.1.3); `form` as above."""
    made = _hello(buf, False, form)
    made.retry = made.random == RETRY_RANDOM
    return made


def _hello(buf: Any, client: bool, form: Optional[Form]) -> Hello:
    if form is not None:
        kept: Optional[_Kept] = form.kept.get("facts", _UNREAD)
        if kept is _UNREAD:
            kept = form.kept["facts"] = _keep(buf, client, form)
        if kept is not None:
            return _again(buf, client, kept)
    made = Hello(lambda hello, name: _extension(buf, hello, name, client))
    try:
        lo = 39 + buf[38]
        first = buf[lo] << 8 | buf[lo + 1]
        made.version = buf[4] << 8 | buf[5]
        made.random = buf[6:38]
        made.session_id = buf[39:lo]
        (_offer if client else _choice)(buf, lo, first, made)
    except (_Short, Hole, IndexError, error):
        pass
    return made


def _offer(buf: Any, lo: int, size: int, made: Hello) -> None:
    """What stands behind the session ID of a ClientHello: suites, `size` bytes of them, and so on."""
    hi = lo + 2 + size
    made.suites = _numbers(buf, lo + 2, hi)
    count = buf[hi]
    made.compressions = tuple(buf[hi + 1 : hi + 1 + count])
    _extensions(buf, hi + 1 + count, made)


def _choice(buf: Any, lo: int, suite: int, made: Hello) -> None:
    """What stands behind the session ID of a ServerHello: the suite, and so on."""
    made.suites = (suite,)
    made.compressions = (buf[lo + 2],)
    _extensions(buf, lo + 3, made)


class _Kept:
    """What hellos of a form have in common."""

    __slots__ = ("hello", "end", "known", "asked")

    def __init__(self, hello: Hello, end: int, known: Dict[str, Any]) -> None:
        self.hello = hello  # random and session ID apart
        self.end = end  # of the session ID
        self.known = known  # what else no free byte decides, by its name in Hello
        self.asked: Dict[str, Any] = {}  # of it, what somebody asked for


_UNREAD = _Kept(Hello(), 0, {})


def _keep(buf: bytes, client: bool, form: Form) -> Optional[_Kept]:
    """What a hello has in common with all of its form: what can be read with the bytes missing in which they differ (see
    `Node.free`). None where too little can."""
    holed = without(buf, form.gaps(len(buf)))
    made = Hello()
    try:
        end = 39 + holed[38]
        made.version = holed[4] << 8 | holed[5]
        made.session_id = bytes(end - 39)  # as long
        (_offer if client else _choice)(holed, end, holed[end] << 8 | holed[end + 1], made)
    except (_Short, Hole, IndexError, error):
        return None
    made.ranges = _ranges(made, client)
    known: Dict[str, Any] = {"ranges": made.ranges}
    for name, (kind, read) in _READ.items():
        span = made.extensions.get(kind)
        try:
            known[name] = read(holed, span[0], span[1], made, client) if span is not None else None
        except (_Short, IndexError, error):
            known[name] = None
        except Hole:
            pass
    return _Kept(made, end, known)


def _again(buf: bytes, client: bool, kept: _Kept) -> Hello:
    """Another hello of a form."""
    known, asked, like = kept.known, kept.asked, kept.hello

    def read(hello: Hello, name: str) -> Any:
        if name not in known:
            return _extension(buf, hello, name, client)
        value = asked[name] = known[name]
        return value

    made = Hello.__new__(Hello)
    made._read = read
    made.complete, made.ssl2, made.retry = like.complete, False, False
    made.version = like.version
    made.random = buf[6:38]
    made.session_id = buf[39 : kept.end]
    made.suites = like.suites
    made.compressions = like.compressions
    made.extensions = like.extensions
    for name, value in asked.items():
        setattr(made, name, value)
    return made


def _ranges(made: Hello, client: bool) -> Dict[str, Range]:
    """Where the fixed parts of a hello stand, from their sizes."""
    at = 39 + len(made.session_id)
    suites = (at + 2, at + 2 + 2 * len(made.suites)) if client else (at, at + 2)
    behind = suites[1] + client
    return {
        "version": (4, 6), "random": (6, 38), "session_id": (39, at), "suites": suites,
        "compressions": (behind, behind + len(made.compressions)),
    }  # fmt: skip


def _extensions(buf: Any, pos: int, made: Hello) -> None:
    """Where the extensions stand; `complete` is set where the message is there to its end."""
    end = 4 + (buf[1] << 16 | buf[2] << 8 | buf[3])
    if pos > end or end > len(buf):
        return
    if pos < end:
        stop = pos + 2 + (buf[pos] << 8 | buf[pos + 1])
        pos += 2
        if stop > end:
            return
        found = made.extensions
        while pos < stop:
            if pos + 4 > stop:
                return
            lo = pos + 4
            pos = lo + (buf[pos + 2] << 8 | buf[pos + 3])
            if pos > stop:
                return
            kind = buf[lo - 4] << 8 | buf[lo - 3]
            if kind not in found:
                found[kind] = (lo, pos)
    made.complete = True


def _extension(buf: Any, made: Hello, name: str, client: bool) -> Any:
    """What one extension says, under its name in Hello; None where it is not there, or damaged."""
    if name == "ranges":
        return _ranges(made, client)
    known = _READ.get(name)
    span = made.extensions.get(known[0]) if known is not None else None
    if known is None or span is None:
        return None
    try:
        return known[1](buf, span[0], span[1], made, client)
    except (_Short, Hole, IndexError, error):
        return None


def _server_name(buf: Any, lo: int, hi: int, made: Hello, client: bool) -> Optional[bytes]:
    if not client or hi - lo < 5:
        return None
    pos, end = _vector(buf, lo, hi, 2)
    while pos < end:
        kind = buf[pos]
        a, b = _vector(buf, pos + 1, end, 2)
        if kind == 0:
            made.ranges["server_name"] = (a, b)
            name: bytes = buf[a:b]
            return name
        pos = b
    return None


def _listed(buf: Any, lo: int, hi: int, made: Hello, client: bool) -> Tuple[int, ...]:
    return _numbers(buf, *_vector(buf, lo, hi, 2))


def _protocols(buf: Any, lo: int, hi: int, made: Hello, client: bool) -> Tuple[bytes, ...]:
    whole = buf[lo:hi] if hi - lo <= _SHORT and isinstance(buf, bytes) else b""
    known = _NAMES.get(whole)
    if known is not None:
        return known
    pos, end = _vector(buf, lo, hi, 2)
    names: List[bytes] = []
    while pos < end and len(names) < _MOST:
        a, pos = _vector(buf, pos, end, 1)
        names.append(buf[a:pos])
    found = tuple(names)
    if whole and len(_NAMES) < 512:
        _NAMES[whole] = found
    return found


def _ticket(buf: Any, lo: int, hi: int, made: Hello, client: bool) -> int:
    return hi - lo


def _selected(buf: Any, lo: int, hi: int, made: Hello, client: bool) -> Optional[int]:
    return None if client or hi - lo != 2 else buf[lo] << 8 | buf[lo + 1]


def _identities(buf: Any, lo: int, hi: int, made: Hello, client: bool) -> Optional[Tuple[Tuple[bytes, int], ...]]:
    if not client:
        return None
    pos, end = _vector(buf, lo, hi, 2)
    found: List[Tuple[bytes, int]] = []
    while pos < end and len(found) < _MOST:
        a, b = _vector(buf, pos, end, 2)
        if b + 4 > end:
            raise _Short
        found.append((buf[a:b], int.from_bytes(buf[b : b + 4], "big")))
        pos = b + 4
    return tuple(found)


def _versions(buf: Any, lo: int, hi: int, made: Hello, client: bool) -> Tuple[int, ...]:
    if client:
        lo, hi = _vector(buf, lo, hi, 1)
    return _numbers(buf, lo, hi)


def _shares(buf: Any, lo: int, hi: int, made: Hello, client: bool) -> Tuple[int, ...]:
    if not client:
        return _numbers(buf, lo, lo + 2) if hi - lo >= 2 else ()
    pos, end = _vector(buf, lo, hi, 2)
    found: List[int] = []
    while pos < end and len(found) < _MOST:
        found += _numbers(buf, pos, pos + 2)
        _, pos = _vector(buf, pos + 2, end, 2)
    return tuple(found)


def _renegotiation(buf: Any, lo: int, hi: int, made: Hello, client: bool) -> bytes:
    a, b = _vector(buf, lo, hi, 1)
    verify_data: bytes = buf[a:b]
    return verify_data


_READ: Dict[str, Tuple[int, Callable[[Any, int, int, Hello, bool], Any]]] = {
    "server_name": (0, _server_name), "groups": (10, _listed), "schemes": (13, _listed), "protocols": (16, _protocols),
    "ticket": (35, _ticket), "identities": (41, _identities), "selected_identity": (41, _selected), "versions": (43, _versions),
    "shares": (51, _shares), "renegotiation": (0xFF01, _renegotiation),
}  # fmt: skip


def ssl2_hello(buf: Any) -> Hello:
    """A ClientHello in SSL 2.0 form, without the record's header (RFC 5246 appendix E.2)."""
    made = Hello()
    made.ssl2 = True
    made.ranges = {}
    try:
        made.version = buf[1] << 8 | buf[2]
        made.ranges["version"] = (1, 3)
        sizes = _numbers(buf, 3, 9)
        suites, session, challenge = sizes
        pos = 9 + suites
        made.ranges["suites"] = (9, pos)
        made.suites = tuple(buf[i] << 16 | buf[i + 1] << 8 | buf[i + 2] for i in range(9, pos - 2, 3))
        made.session_id = buf[pos : pos + session]
        made.random = buf[pos + session : pos + session + challenge]
        made.compressions = (0,)
        made.complete = pos + session + challenge <= len(buf)
    except (Hole, IndexError, error):
        pass
    return made


# ------------------------------------------------------------------ certificates


def chain(buf: Any, version: int, form: Optional[Form] = None) -> Chain:
    """A Certificate message (RFC 5246 section 7.4.2, RFC 8446 section 4.4.2); `form`: that of the message, where it has one.

    Chains come again and again, and are then the same object.
    """
    newer = version == 0x0304
    name = "chain 1.3" if newer else "chain"
    if form is not None and name in form.kept:
        known: Chain = form.kept[name]
        return known

    def read(buf: Any, pos: int, end: int, made: Chain) -> None:
        if newer:
            pos = _vector(buf, pos, end, 1)[1]
        lo, hi = _vector(buf, pos, end, 3)
        made.list = (pos, hi)
        unread = False
        while lo < hi and made.count < _MOST:
            a, b = _vector(buf, lo, hi, 3)
            made.count += 1
            try:
                made.certificates.append((a, b, buf[a:b]))
            except Hole:
                made.certificates.append((a, b, b""))
                unread = True
            lo = _vector(buf, b, hi, 2)[1] if newer else b
        if unread:
            raise _Short

    made: Chain = _guarded(read, buf, 4, Chain())
    if form is not None and len(buf) <= _LARGE and not any(node.free and start < end for node, start, end, _, _ in form):
        form.kept[name] = made
    return made


def raw_key() -> Chain:
    """A Certificate message that holds a public key by itself (RFC 7250 section 3)."""
    made = Chain()
    made.complete = made.raw = True
    made.count = 1
    return made


def request(buf: Any, version: int) -> Request:
    """A CertificateRequest (RFC 5246 section 7.4.4, RFC 4346 section 7.4.4, RFC 8446 section 4.3.2)."""

    def read(buf: Any, pos: int, end: int, made: Request) -> None:
        if version == 0x0304:
            pos = _vector(buf, pos, end, 1)[1]
            pos, end = _vector(buf, pos, end, 2)
            while pos < end:
                kind = _numbers(buf, pos, pos + 2)[0]
                lo, hi = _vector(buf, pos + 2, end, 2)
                if kind == 13:
                    made.schemes = _numbers(buf, *_vector(buf, lo, hi, 2))
                elif kind == 47:
                    _authorities(buf, lo, hi, made)
                pos = hi
            return
        lo, pos = _vector(buf, pos, end, 1)
        made.types = tuple(buf[lo:pos])
        if version == 0x0303:
            lo, pos = _vector(buf, pos, end, 2)
            made.schemes = _numbers(buf, lo, pos)
        _authorities(buf, pos, end, made)

    made: Request = _guarded(read, buf, 4, Request())
    return made


def _authorities(buf: Any, pos: int, end: int, made: Request) -> None:
    lo, hi = _vector(buf, pos, end, 2)
    made.names = (lo, hi)
    while lo < hi and len(made.authorities) < _MOST:
        a, lo = _vector(buf, lo, hi, 2)
        made.authorities.append((a, lo, buf[a:lo]))


def key_exchange(buf: Any, kind: str) -> KeyExchange:
    """A ServerKeyExchange, as the suite's key exchange `kind` has it (RFC 5246 section 7.4.3, RFC 8422 section 5.4)."""
    made = KeyExchange()
    try:
        pos = 4
        if kind in ("dhe_psk", "ecdhe_psk"):
            pos = _vector(buf, pos, len(buf), 2)[1]
        if kind in ("ecdhe", "ecdh_anon", "ecdhe_psk"):
            if buf[pos] == 3:
                made.group = _numbers(buf, pos + 1, pos + 3)[0]
                made.range = (pos + 1, pos + 3)
                pos = _vector(buf, pos + 3, len(buf), 1)[1]
        elif kind in ("dhe", "dh_anon", "dhe_psk"):
            lo, hi = _vector(buf, pos, len(buf), 2)
            made.prime = int.from_bytes(buf[lo:hi], "big").bit_length()
            made.range = (lo, hi)
            pos = _vector(buf, _vector(buf, hi, len(buf), 2)[1], len(buf), 2)[1]
        if kind in ("ecdhe", "dhe") and pos > 4 and _vector(buf, pos + 2, len(buf), 2)[1] == len(buf):
            made.scheme, made.signed = _numbers(buf, pos, pos + 2)[0], (pos, pos + 2)  # of TLS 1.2: before it there is none
    except (_Short, Hole, IndexError, error):
        pass
    return made


# Seconds since 1970, with a fraction; a date in numbers; a date with the month's name.
_SECONDS = rb"(?<![\d.])1\d{9}(?=\.\d{3,9}(?!\d))"
_ZONE = rb" ?(Z|UTC|GMT|[+-]\d\d:?\d\d)?"
_NUMERIC = rb"(?<!\d)(\d{4})[-/](\d\d)[-/](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,]\d+)?" + _ZONE
_MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"
_NAMED = rb"([JFMASOND][a-z]{2})[a-z]* +(\d{1,2}),? +(\d{4}),? +(\d\d):(\d\d):(\d\d)(?:\.\d+)?" + _ZONE
# A summary line begins with its time; what stands far behind is no date of the packet.
_NEAR = 160


def date(header: bytes) -> Optional[Tuple[float, bool]]:
    """(seconds since 1970, whether the zone is known) of the date that a summary line prints; None without one.

    A printed date bears no zone as a rule and is read as UTC; seconds since 1970 are what they are.
    """
    if header[2:3] == b":" and header[5:6] == b":" and header[15:18] == b" IP":
        return None  # a time of day, as most dumps have it
    header = header[:_NEAR]
    found = re.search(_SECONDS, header)
    if found is not None:
        return float(found.group()), True
    found = re.search(_NUMERIC, header)
    if found is not None:
        *numbers, zone = found.groups()
        parts = [int(n) for n in numbers]
    else:
        found = re.search(_NAMED, header)
        if found is None or _MONTHS.find(found.group(1)) % 3:
            return None
        month, day, year, *rest, zone = found.groups()
        parts = [int(year), _MONTHS.index(month) // 3 + 1, int(day), *(int(n) for n in rest)]
    if not (1 <= parts[1] <= 12 and 1 <= parts[2] <= 31 and parts[3] < 24 and parts[4] < 60 and parts[5] <= 60):
        return None
    from calendar import timegm  # it costs as much to import as the rest of a short run

    at = float(timegm((*parts, 0, 0, 0)))
    if zone and zone[:1] in b"+-":
        digits = zone[1:].replace(b":", b"")
        shift = 3600 * int(digits[:2]) + 60 * int(digits[2:])
        at -= shift if zone[:1] == b"+" else -shift
    return at, bool(zone)
