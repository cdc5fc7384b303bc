"""What may reach a terminal: no control character, no escape sequence, no change of direction.

Files and pipes get every byte as it came. On a terminal, what would move the cursor, change colours or
turn the reading direction is shown as one visible sign instead; tab and LF stay.
"""

from __future__ import annotations

import re

from hexnote.hints import List, Tuple

# C1 controls; bidirectional marks, embeddings, overrides and isolates; line and paragraph separators;
# invisible format characters, tag characters and lone surrogates.
_HIDDEN = (
    (0x7F, 0x9F), (0xAD, 0xAD), (0x61C, 0x61C), (0x180E, 0x180E), (0x200B, 0x200F), (0x2028, 0x202E),
    (0x2060, 0x206F), (0xD800, 0xDFFF), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0xE0000, 0xE007F),
)  # fmt: skip


def _pattern(controls: str) -> str:
    return "[" + controls + "".join(f"\\U{a:08x}-\\U{b:08x}" for a, b in _HIDDEN) + "]"


_IN_TEXT = re.compile(_pattern("\x00-\x08\x0b-\x1f"))
_IN_NOTE = re.compile(_pattern("\x00-\x1f"))
_SUSPECT = re.compile(rb"[^\t\n -~]")


def _sign(found: re.Match[str]) -> str:
    """One visible column for one character that must not reach the terminal."""
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures, as in U+241B for ESC
    return "\u2421" if code == 0x7F else "\ufffd"


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str) -> str:
    """`text` on one line, for a sentence of our own: what is not fit to print becomes `\\x1b`, `\\u202e`."""
    return _IN_NOTE.sub(_escape, text)


class Screen:
    """Makes a stream of bytes fit for a terminal. Annotation lines, which are clean, keep their colours."""

    def __init__(self, encoding: str) -> None:
        self._utf8 = encoding.lower().replace("_", "-") in ("utf-8", "utf8", "cp65001")
        self._rest = b""  # the beginning of a character, or of a marker, that the next bytes complete
        self._start = True  # the next byte begins a line
        self._ours = False  # in the midst of an annotation line

    def feed(self, chunk: bytes) -> bytes:
        """The same text, shown safely; the last bytes may come with the next call."""
        text = self._rest + chunk
        self._rest = b""
        out: List[bytes] = []
        for ours, piece in self._pieces(text):
            out.append(piece if ours or _SUSPECT.search(piece) is None else self._show(piece))
        return b"".join(out)

    def close(self) -> bytes:
        """The rest: a character that never became whole."""
        rest, self._rest = self._rest, b""
        return self._show(rest) if rest else b""

    def _pieces(self, text: bytes) -> List[Tuple[bool, bytes]]:
        """`text` cut into runs of lines: (annotation, bytes)."""
        made: List[Tuple[bool, bytes]] = []
        at, end = 0, len(text)
        while at < end:
            if self._start:
                if text[at] == 59 and at + 1 == end:
                    self._rest = b";"
                    break
                self._ours = text.startswith(b";|", at)
            if self._ours:
                stop = text.find(b"\n", at) + 1 or end
            else:
                stop = text.find(b"\n;", at) + 1 or end
            piece = text[at:stop]
            self._start = piece.endswith(b"\n")
            if stop == end and not self._ours and self._utf8:
                cut = _unfinished(piece)
                self._rest, piece = piece[len(piece) - cut :], piece[: len(piece) - cut]
            made.append((self._ours, piece))
            at = stop
        return made

    def _show(self, piece: bytes) -> bytes:
        if not self._utf8:
            return _SUSPECT.sub(b"?", piece)
        return _IN_TEXT.sub(_sign, piece.decode("utf-8", "replace")).encode("utf-8")


def _unfinished(piece: bytes) -> int:
    """How many bytes at the end of `piece` begin a UTF-8 character that is not yet whole (0 to 3)."""
    for back in range(1, min(3, len(piece)) + 1):
        byte = piece[-back]
        if byte >= 0xC0:
            need = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if back < need else 0
        if byte < 0x80:
            return 0
    return 0
