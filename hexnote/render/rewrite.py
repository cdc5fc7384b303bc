"""A dump row with other bytes: the digits of the hex column, and the characters of the text column."""

from __future__ import annotations

import re

from hexnote.hints import Callable
from hexnote.model import Layout
from hexnote.tuples import NamedTuple

_WORD = re.compile(rb"[A-Za-z0-9]")
_ENTITY = re.compile(rb"&(?:lt|gt|quot|#39|amp);")
_ENTITIES = {b"&lt;": 60, b"&gt;": 62, b"&quot;": 34, b"&#39;": 39, b"&amp;": 38}
_ESCAPED = {value: name for name, value in _ENTITIES.items()}
_DOT = 46
_JAVA = 0x7B  # from here on Java shows dots


class Changed(NamedTuple):
    """A row's bytes before and after."""

    old: bytes
    new: bytes


def rewritten(line: bytes, layout: Layout, changed: Changed, prefix: Callable[[bytes], bytes]) -> bytes:
    """The line of a row with its new bytes in both columns; `prefix` makes what stands before the first digit.

    A character that hid or belied its byte still does: one that filled a run stays, others become what neither byte is.
    """
    if not changed.old:
        return line
    out = bytearray(line)
    cols = layout.cols
    upper = _upper(line, layout, len(changed.old))
    for col, old, new in zip(cols, changed.old, changed.new):
        if old != new:
            out[col : col + 2] = b"%02X" % new if upper else b"%02x" % new
    last = max(cols[: len(changed.old)]) + 2
    text = layout.text if layout.text >= 0 else last
    first = min(cols[: len(changed.old)])
    if layout.text >= 0:
        text = _begins(line, last, text, changed.old)
        tail = _text(bytes(out[text:]), changed)
    else:
        tail = _WORD.sub(b".", bytes(out[text:]))
    if text <= first:  # the text column stands before the hex
        return bytes(out)
    return prefix(bytes(out[:first])) + bytes(out[first:text]) + tail


def _upper(line: bytes, layout: Layout, count: int) -> bool:
    """Whether the row's digits are capitals."""
    digits = b"".join(line[col : col + 2] for col in layout.cols[:count])
    return digits != digits.lower()


def _begins(line: bytes, last: int, text: int, old: bytes) -> int:
    """Where the text column begins: the first bytes may be blanks, which look like the gap before it."""
    best, least = text, len(old) + 1
    for start in range(text, max(last, text - len(old)) - 1, -1):
        if start < text and line[start] != 32:
            break
        wrong = sum(1 for sign, byte in zip(line[start:].rstrip(), old) if not _shows(sign, byte))
        if wrong < least:
            best, least = start, wrong
    return best


def _text(tail: bytes, changed: Changed) -> bytes:
    """The text column, character by character beside the bytes."""
    out = bytearray()
    at = 0
    old, new = changed
    blanks = any(b == 32 for b in old) and b" " in tail.rstrip()
    entities = _ENTITY.search(tail) is not None
    for i, byte in enumerate(old):
        if at >= len(tail) or tail[at] in b"\r\n":
            break
        if i == 8 and len(old) > 8 and tail[at] == 32 and not _shows(tail[at], byte):
            out.append(32)  # the gap in the midst of a wide column
            at += 1
        match = _ENTITY.match(tail, at) if entities else None
        if match is not None and _ENTITIES[match.group()] == byte:
            out += _ESCAPED.get(new[i], bytes((_shown(new[i], blanks),)))
            at = match.end()
            continue
        sign = tail[at]
        if sign >= 0x80:  # typography: as many bytes as the sign has
            end = at + 1
            while end < len(tail) and 0x80 <= tail[end] < 0xC0:
                end += 1
            out += tail[at:end]
            at = end
            continue
        at += 1
        if not _shows(sign, byte):
            filler = (at < len(tail) and tail[at] == sign) or (at > 1 and tail[at - 2] == sign)
            out.append(sign if filler or not chr(sign).isalnum() else 120 if new[i] != 120 else 113)
        elif sign == _DOT and 32 < byte < _JAVA and byte != _DOT:
            out.append(_DOT)
        elif sign != _DOT and sign == byte & 0x7F and byte > 0x7F:
            out.append(_shown(new[i] & 0x7F, blanks))
        else:
            shown = _shown(new[i], blanks)
            out += _ESCAPED[shown] if entities and shown in _ESCAPED else bytes((shown,))
    return bytes(out) + tail[at:]


def _shows(sign: int, byte: int) -> bool:
    """Whether a character may stand for a byte: itself, a dot, or the byte without its highest bit."""
    return sign == _DOT or sign == byte or (byte > 0x7F and sign == byte & 0x7F and sign > 31)


def _shown(byte: int, blanks: bool) -> int:
    return byte if 32 < byte < 127 or (byte == 32 and blanks) else _DOT
