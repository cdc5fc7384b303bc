"""Fields to sentences: what the bytes of a field say, in the fewest words.

`dress(node)` gives a Node its closures: `say` the label for a line of carets, `value` and `title`
what JSON tells. They depend on the field's bytes alone. What comes from the trace is escaped, so
that a label is plain ASCII whatever was sent.
"""

from __future__ import annotations

import re
import time

from hexnote.hints import Callable, Dict, List, Mapping, Optional, Sequence
from hexnote.model import ARRAY, EXTRA, GROUP, MISSING, Node, Value
from hexnote.model import grease as reserved

# A label's value is cut near this many characters.
WIDE = 60
# So many more are still shown, and so many before it are given up to end behind a word of a name.
_FEW, _WORD = 12, 16
_BREAKS = frozenset(" .,;:/@-_")
# Labels are kept for bytes seen again, so many for each Node.
_KEPT = 512
# Seconds since 1970 between which a clock is believable: the years 1995 to 2040.
_FIRST, _LAST = 788918400, 2208988800

_ENDS = b"\r\n"

Say = Callable[[bytes], str]


def dress(node: Node, width: int = 0) -> Node:
    """Set `say`, `value` and `title` of a Node, by its kind and what it says of showing itself; it is returned.

    `width` is how many bytes the whole value has, 0 where that differs: fewer are then no value.
    """
    label = node.name + node.suffix.replace(".", " ")
    if node.kind == GROUP:
        node.say = lambda raw: label
    elif node.kind == MISSING:
        node.say = lambda raw: f"{label}: not readable"
    elif node.kind == EXTRA:
        node.say = lambda raw: f"{label}: {_count(raw)} behind the end: {_digits(raw)}"
    elif node.kind == ARRAY:
        _dress(node, "", node.size)
        node.say = _listed(label, node.size, node.say)
    else:
        _dress(node, label + " = ", width)
    return node


def _dress(node: Node, lead: str, width: int) -> None:
    """The closures of a value; `lead` stands before it in its label."""
    show = node.show
    if node.bits:
        _bit_fields(node, lead)
    elif show in ("enum", "version"):
        _enum(node, lead, width)
    elif show == "varint":
        _variable(node, lead)
    elif show in ("length", "uint", "seconds", "unixtime"):
        node.value = _number(width)
        number = _random_clock if node.name == "gmt_unix_time" else _NUMBERS.get(show, _uint)
        node.say = _kept(_partial(lead, width, number))
    elif show == "text":
        node.value = _text
        node.say = _kept(lambda raw: f"{lead}{quoted(raw)}" if raw else f"{lead}empty", 64)
        if node.type == "ProtocolName":  # RFC 8701 section 2 reserves these names too
            said, node.title = node.say, lambda raw: f"GREASE (0x{raw.hex()})" if len(raw) == 2 and grease(raw) else None
            node.say = lambda raw: f"{lead}GREASE (0x{raw.hex()})" if len(raw) == 2 and grease(raw) else said(raw)
    elif show == "printable":
        # A name as a rule or bytes as a rule: the bytes tell.
        node.value = lambda raw: raw.decode("ascii") if _readable(raw) else None
        bare = f"{lead}empty"
        node.say = lambda raw: lead + (quoted(raw) if _readable(raw) else f"{_digits(raw)} ({_count(raw)})") if raw else bare
    elif show == "flags":
        node.say = lambda raw: f"{lead}{_flags(raw)}" if raw else f"{lead}none"
    elif show == "oid":
        node.value = _dotted
        node.say = lambda raw: f"{lead}{_dotted(raw) or _digits(raw)}"
    elif show == "dnsname":
        node.value = lambda raw: _text(_domain(raw))
        node.say = lambda raw: f"{lead}{quoted(_domain(raw))}"
    elif show == "line":
        node.value = lambda raw: _text(raw.rstrip(_ENDS))
        node.say = lambda raw: f"{lead}{quoted(raw.rstrip(_ENDS))}"
    elif show == "ipv4":
        node.value = lambda raw: ".".join(map(str, raw)) if len(raw) == 4 else None
        node.say = lambda raw: f"{lead}{'.'.join(map(str, raw))}"
    elif show == "ipv6":
        node.value = lambda raw: _ipv6(raw) if len(raw) == 16 else None
        node.say = lambda raw: f"{lead}{_ipv6(raw) if len(raw) == 16 else _digits(raw)}"
    else:
        node.say = lambda raw: f"{lead}{_digits(raw)} ({_count(raw)})" if raw else f"{lead}empty"


# ---------------------------------------------------------------- kinds of value


def _number(width: int) -> Callable[[bytes], Value]:
    def value(raw: bytes) -> Value:
        return int.from_bytes(raw, "big") if raw and (not width or len(raw) == width) else None

    return value


def _partial(lead: str, width: int, whole: Say) -> Say:
    """Say what is known of a number of which some bytes are not there."""

    def say(raw: bytes) -> str:
        if raw and (not width or len(raw) == width):
            return lead + whole(raw)
        return f"{lead}{raw.hex()}.. ({len(raw)} of {width} bytes)" if width else f"{lead}nothing"

    return say


def _uint(raw: bytes) -> str:
    return f"{int.from_bytes(raw, 'big')} (0x{raw.hex()})"


def _length(raw: bytes) -> str:
    n = int.from_bytes(raw, "big")
    return f"{n} {'byte' if n == 1 else 'bytes'} (0x{raw.hex()})"


def _seconds(raw: bytes) -> str:
    n = int.from_bytes(raw, "big")
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if n >= size and n % size == 0:
            return f"{n} seconds: {n // size} {unit}{'' if n == size else 's'} (0x{raw.hex()})"
    return f"{n} {'second' if n == 1 else 'seconds'} (0x{raw.hex()})"


def _clock(raw: bytes) -> str:
    """Seconds since 1970; a number of eight bytes counts milliseconds (RFC 6962 section 3.2)."""
    n = int.from_bytes(raw, "big")
    date = _date(n // 1000 if len(raw) == 8 else n)
    return f"{date} (0x{raw.hex()})" if date else f"0x{raw.hex()}, no likely date"


def _random_clock(raw: bytes) -> str:
    """The first bytes of a hello's random: no clock where a stack follows RFC 8446, and none that has to be right where it
    follows RFC 5246 section 7.4.1.2. So a date is never more than a maybe."""
    date = _date(int.from_bytes(raw, "big"))
    return f"0x{raw.hex()}{f', if it is a clock: {date} (today mostly random)' if date else ', no likely date'}"


def _date(seconds: int) -> str:
    """Seconds since 1970 as a date, "" where no TLS was spoken then or will be soon."""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seconds))} UTC" if _FIRST <= seconds < _LAST else ""


def _varint_value(raw: bytes) -> Value:
    """RFC 9000 section 16: the first two bits say the size."""
    if not raw or len(raw) != 1 << (raw[0] >> 6):
        return None
    return int.from_bytes(raw, "big") & ((1 << (8 * len(raw) - 2)) - 1)


def _variable(node: Node, lead: str) -> None:
    """A variable-length integer, with its name where the node has a table of them."""
    names: Mapping[int, str] = node.names or {}

    def title(raw: bytes) -> Optional[str]:
        n = _varint_value(raw)
        if not names or not isinstance(n, int):
            return None
        # RFC 9000 section 18.1: numbers of this form are sent to keep receivers from choking on the unknown.
        return names.get(n) or ("GREASE" if n % 31 == 27 else None)

    def whole(raw: bytes) -> str:
        n = _varint_value(raw)
        if n is None:
            return f"0x{raw.hex()}.."
        return f"{title(raw) or 'unknown'} (0x{n:02x})" if names else f"{n} (0x{raw.hex()})"

    node.title = title
    node.value = _varint_value
    node.say = _kept(_partial(lead, 0, whole))


_NUMBERS: Mapping[str, Say] = {"length": _length, "seconds": _seconds, "unixtime": _clock}


def grease(raw: bytes) -> bool:
    """Whether a value is one of those sent to keep receivers from choking on the unknown (RFC 8701)."""
    if len(raw) == 2:
        return reserved(raw[0] << 8 | raw[1])
    return len(raw) == 1 and raw[0] % 31 == 11


# RFC 8701 section 2 names the one-byte values of this registry alone; the two-byte ones are in all of these.
_GREASED = frozenset(("CipherSuite", "ExtensionType", "NamedGroup", "SignatureScheme", "ProtocolVersion"))


def _enum(node: Node, lead: str, width: int) -> None:
    names: Mapping[int, str] = node.names or {}
    rows: Mapping[int, Sequence[str]] = getattr(names, "rows", {})
    openssl = node.type in ("CipherSuite", "SSL2CipherKind")
    version = node.show == "version"
    one_byte_grease = node.type == "PskKeyExchangeMode"
    greased = node.type in _GREASED

    def title(raw: bytes) -> Optional[str]:
        if width and len(raw) != width:
            return None
        name = names.get(int.from_bytes(raw, "big"))
        if name is None and (greased and len(raw) == 2 or one_byte_grease) and grease(raw):
            return f"GREASE (0x{raw.hex()})"
        return name

    def whole(raw: bytes) -> str:
        name = title(raw) or "unknown"
        if name.startswith("GREASE"):
            return name
        if version and raw[0] == 3:
            return f"{name} ({raw[0]}.{raw[1]})"
        row = rows.get(int.from_bytes(raw, "big"), ()) if openssl else ()
        # One byte reads best in decimal, as the RFCs write types and alerts; suites and groups are known by their hex.
        code = str(raw[0]) if len(raw) == 1 else f"0x{raw.hex()}"
        return f"{name} ({code}){f', OpenSSL {row[1]}' if len(row) > 1 and row[1] not in ('', row[0]) else ''}"

    node.title = title
    node.value = _number(width)
    node.say = _kept(_partial(lead, width, whole))


def _bit_fields(node: Node, lead: str) -> None:
    """One number made of several: the value is that of the field which names the whole."""
    total = sum(width for _, width in node.bits)
    as_length = node.show == "length"

    def split(raw: bytes) -> Dict[str, int]:
        number, left, made = int.from_bytes(raw, "big"), total, {}
        for name, width in node.bits:
            left -= width
            made[name] = number >> left & ((1 << width) - 1)
        return made

    def value(raw: bytes) -> Value:
        return split(raw)[node.name] if 8 * len(raw) == total else None

    def whole(raw: bytes) -> str:
        made = split(raw)
        n = made.pop(node.name)
        unit = " byte" if n == 1 else " bytes"
        others = "".join(f", {name} {number}" for name, number in made.items())
        return f"{n}{unit if as_length else ''}{others} (0x{raw.hex()})"

    node.value = value
    node.say = _kept(_partial(lead, total // 8, whole))


def _text(raw: bytes) -> Value:
    return raw.decode("utf-8", "backslashreplace")


def _readable(raw: bytes) -> bool:
    """Whether bytes are printable ASCII, at least three of them: fewer are so by chance."""
    return len(raw) > 2 and all(32 <= byte < 127 for byte in raw)


def _flags(raw: bytes) -> str:
    """The numbers of the bits that are set, counted from the lowest bit of the first byte."""
    bits = [str(i) for i in range(8 * min(len(raw), 32)) if raw[i >> 3] >> (i & 7) & 1]
    shown = ", ".join(bits[:12]) + (", ..." if len(bits) > 12 else "")
    return f"{_digits(raw)} ({f'flags {shown}' if bits else 'no flag'})"


def _dotted(raw: bytes) -> Optional[str]:
    """The contents octets of an object identifier (X.690 section 8.19); None where they are none."""
    if not raw or len(raw) > 64 or raw[-1] > 127:
        return None
    arcs, arc = [], 0
    for byte in raw:
        arc = arc << 7 | byte & 127
        if byte < 128:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _domain(raw: bytes) -> bytes:
    """A domain name as people write it: labels with a dot behind each (RFC 1035 section 3.1)."""
    labels, at = [], 0
    while at < len(raw) and raw[at]:
        labels.append(raw[at + 1 : at + 1 + raw[at]] + b".")
        at += 1 + raw[at]
    return b"".join(labels) or b"."


def _ipv6(raw: bytes) -> str:
    """RFC 5952: the longest run of zero groups, of two or more, is left out."""
    groups = [f"{raw[i] << 8 | raw[i + 1]:x}" for i in range(0, 16, 2)]
    zeros = max(re.findall("0+", "".join("0" if g == "0" else "x" for g in groups)), key=len, default="")
    if len(zeros) < 2:
        return ":".join(groups)
    at = "".join("0" if g == "0" else "x" for g in groups).index(zeros)
    return ":".join(groups[:at]) + "::" + ":".join(groups[at + len(zeros) :])


def _listed(label: str, size: int, say: Say) -> Say:
    """A list's items are said without its name, the whole list with it."""

    def listed(raw: bytes) -> str:
        if len(raw) <= size:
            return say(raw)
        items = []
        room = WIDE
        for i in range(0, len(raw), size):
            item = say(raw[i : i + size])
            room -= len(item) + 2
            if room < 0:
                items.append("...")
                break
            items.append(item)
        return f"{label} = {len(raw) // size}: {', '.join(items)}"

    return listed


def _kept(say: Say, most: int = 16) -> Say:
    """The same, remembering what it said of values of at most `most` bytes."""
    said: Dict[bytes, str] = {}

    def again(raw: bytes) -> str:
        known = said.get(raw)
        if known is None:
            known = say(raw)
            if len(said) < _KEPT and len(raw) <= most:
                said[raw] = known
        return known

    return again


# ---------------------------------------------------------------- words


def _count(raw: bytes) -> str:
    return "1 byte" if len(raw) == 1 else f"{len(raw)} bytes"


def _digits(raw: bytes, most: int = 16) -> str:
    """Hex in groups of two bytes, as dumps have it, cut with dots; one group more where dots would take its place."""
    most += 2 if len(raw) <= most + 2 else 0
    return raw[:most].hex(" ", -2) + (" ..." if len(raw) > most else "")


def quoted(raw: bytes, most: int = WIDE) -> str:
    """Text of the trace between quotes: ASCII, escaped (\\x07, \\u{202e}), cut with dots behind a word near `most` characters,
    but not for the sake of a few."""
    out: List[str] = []
    room = most + _FEW
    for sign in raw[: 4 * most].decode("utf-8", "surrogateescape"):
        code = ord(sign)
        if sign in '"\\':
            sign = "\\" + sign
        elif code < 32 or code == 127:
            sign = f"\\x{code:02x}"
        elif 0xDC80 <= code <= 0xDCFF:
            sign = f"\\x{code - 0xDC00:02x}"
        elif code > 126:
            sign = f"\\u{{{code:x}}}"
        room -= len(sign)
        if room < 0:
            while len("".join(out)) > most:
                out.pop()
            words = len(out) - next((i for i, sign in enumerate(reversed(out[-_WORD:])) if sign in _BREAKS), 0)
            return f'"{"".join(out[:words])}"...'
        out.append(sign)
    return f'"{"".join(out)}"' + ("..." if len(raw) > 4 * most else "")


__all__ = ["dress", "grease", "quoted"]
