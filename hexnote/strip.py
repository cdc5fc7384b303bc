"""Annotation lines taken out of a text again, as a stream.

An annotation line begins with `;|` at the very start of the line; lines end at LF only. Where the
text ends in an annotation line without a final LF, the text below it had none either: the LF before
that last block of annotation lines goes too.
"""

from __future__ import annotations

from hexnote.hints import List
from hexnote.patterns import Late

MARK = b";|"
_RARE = 7  # no more than one byte of 2 ** 7

# Whole annotation lines; bounded, so that one match never needs much memory.
_LINES = Late(rb"(?:;\|[^\n]*\n){1,4096}")


class Stripper:
    """Takes annotation lines out of a stream of bytes; the result does not depend on how it was cut.

    The LF that may have to go is known only at the end, so the last LF of what has come is held back.
    With `hold` false it is passed at once, for a reader that must not wait; then `cut` says after
    `close` that the LF passed last is not part of the text.
    """

    __slots__ = ("hold", "cut", "_part", "_start", "_inside", "_newline")

    def __init__(self, hold: bool = True) -> None:
        self.hold = hold
        self.cut = False
        self._part = b""  # b";": it may be the first half of a marker
        self._start = True  # the next byte begins a line
        self._inside = False  # in the midst of an annotation line
        self._newline = False  # an LF was seen last, outside of annotation lines

    def feed(self, chunk: bytes) -> bytes:
        """The text that is certain after `chunk`."""
        if not chunk:
            return b""
        text = self._part + chunk
        self._part = b""
        if not self._inside and not (self._start and text.startswith(MARK)) and not _marked(text):
            # Nothing to take out; what the end of the text may begin is seen to.
            half = text.endswith(b"\n;") or self._start and text == b";"
            if not self.hold:
                if half:
                    self._part = b";"
                    text = text[:-1]
                if text:
                    self._start = self._newline = text[-1] == 10
                return text
            if not half and not self._start and text[-1] != 10:
                return text
        out: List[bytes] = []
        at, end = 0, len(text)
        while at < end:
            if self._inside:
                lf = text.find(b"\n", at)
                if lf < 0:
                    break
                at = lf + 1
                self._inside = False
            elif self._start and text.startswith(MARK, at):
                lines = _LINES.match(text, at)
                if lines is None:
                    self._inside = True
                    break
                at = lines.end()
            elif self._start and at == end - 1 and text[at] == 59:
                self._part = b";"
                break
            else:
                if self._newline and self.hold:
                    out.append(b"\n")
                lf = text.find(b"\n;|", at)
                if lf < 0:
                    lf = end - 1 if text[-1] == 10 else end - 2 if text.endswith(b"\n;") and end - 2 >= at else end
                self._start = self._newline = lf < end
                out.append(text[at : lf if self.hold else lf + 1])
                at = lf + 1
        return b"".join(out)

    def close(self) -> bytes:
        """The rest of the text."""
        if self._inside:
            self.cut = self._newline and not self.hold
            return b""
        rest = (b"\n" if self._newline and self.hold else b"") + self._part
        self._newline, self._part = False, b""
        return rest


def _marked(text: bytes) -> bool:
    """Whether an annotation line begins behind an LF. A single byte is sought at the speed of memory, and a `;` is rare in a dump:
    that takes a quarter of the time. Where it is not, the whole marker is sought (from behind, in half the time)."""
    find, at = text.find, -1
    for _ in range(len(text) >> _RARE):
        at = find(59, at + 1)
        if at < 0:
            return False
        if text[at - 1] == 10 and text.startswith(MARK, at) and at:
            return True
    return text.rfind(b"\n;|", max(at, 0)) >= 0


def strip(text: bytes) -> bytes:
    """`text` without its annotation lines."""
    stripper = Stripper()
    return stripper.feed(text) + stripper.close()
