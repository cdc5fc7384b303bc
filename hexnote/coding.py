"""How a text is written: UTF-16 with a byte order mark, lines that end in CR alone, or as everything else.

A Coding stands at both ends of the corridor. What goes in is turned into bytes with LF at the ends
of lines; what comes out is turned back, the annotations with it. Both ways are exact: a text that
passes through unchanged is the same bytes again.
"""

from __future__ import annotations

import codecs

from hexnote.hints import Any, List

# A text without LF in its first so many bytes, but with two CRs, has CR at the ends of its lines.
_LOOK = 4096
LOOK = 512  # so many tell UTF-16 without a byte order mark, where a NUL stands among the first four
_SWAP = bytes(23 - c if c in (10, 13) else c for c in range(256))
_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def wide(head: bytes) -> str:
    """The coding of UTF-16 text that has no byte order mark, "" of anything else: nearly each second byte is 0.

    `head`: the first LOOK bytes, or all that there are.
    """
    first, second = head[0:LOOK:2], head[1:LOOK:2]
    most, least = len(second) * 3 // 4, len(second) // 20
    if len(second) < 8:
        return ""
    if second.count(0) > most and first.count(0) <= least:
        return "utf-16-le"
    return "utf-16-be" if first.count(0) > most and second.count(0) <= least else ""


class Coding:
    """The coding of one input, told by its first bytes. Nothing is held back but what cannot be told yet."""

    def __init__(self) -> None:
        self.name = ""  # "utf-16-le", "utf-16-be", "cr", "plain"; "": not known yet
        self._held = b""
        self._odd = b""  # half of a character
        self._decoder: Any = None
        self._encoder: Any = None
        self._out: List[bytes] = []

    def decode(self, chunk: bytes) -> bytes:
        """Takes some bytes of the input; gives the text that they are."""
        if not self.name:
            self._held += chunk
            if not self._tell(False):
                return b""
            chunk, self._held = self._held, b""
        return self._decode(chunk, False)

    def rest(self) -> bytes:
        """The rest of the text, at the end of the input."""
        if not self.name:
            self._tell(True)
        chunk, self._held = self._held, b""
        return self._decode(chunk, True)

    def encode(self, text: bytes, last: bool = False) -> bytes:
        """Turns output back into the input's coding; `last`: no more will come."""
        if self.name == "cr":
            return text.translate(_SWAP)
        if not self.name.startswith("utf"):
            return text
        out: bytes = self._encoder.decode(text, last).encode(self.name, "surrogatepass")
        if last:
            out += self._odd
        return out

    def _tell(self, last: bool) -> bool:
        """Tells the coding by the bytes held; whether that can be done."""
        held = self._held
        name = _MARKS.get(held[:2], "")
        if not name and 0 in held[:4]:
            if not last and len(held) < LOOK:
                return False
            name = wide(held)
        if name:
            self.name = name
            self._decoder = codecs.getincrementaldecoder(name)("surrogatepass")
            self._encoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
            return True
        if not last and (len(held) < 4 or (b"\n" not in held and len(held) < _LOOK)):
            return False
        self.name = "cr" if b"\n" not in held[:_LOOK] and held.count(b"\r", 0, _LOOK) > 1 else "plain"
        return True

    def _decode(self, chunk: bytes, last: bool) -> bytes:
        if self.name == "cr":
            return chunk.translate(_SWAP)
        if not self.name.startswith("utf"):
            return chunk
        chunk = self._odd + chunk
        if len(chunk) % 2:
            self._odd, chunk = chunk[-1:], chunk[:-1]
        else:
            self._odd = b""
        text: str = self._decoder.decode(chunk, False)
        if last:
            # A high surrogate at the very end is half of a character, but no error here.
            text += self._decoder.getstate()[0].decode(self.name, "surrogatepass")
        return text.encode("utf-8", "surrogatepass")
