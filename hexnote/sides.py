"""Which end sent the rows of a stream: by their indentation, as far as that tells it.

Wireshark's Follow indents what the second end sent. A mail or a list may indent all rows together, a form may take all
indentation away, and other tools print rows that look the same and mean nothing by it.
"""

from __future__ import annotations

from hexnote.geometry import Piece
from hexnote.hints import Dict, Optional
from hexnote.patterns import Late

# A record that begins with a handshake message that is whole (RFC 5246 section 7.4).
_MESSAGE = Late(rb"(?s)\x16\x03[\x00-\x04](..)(.)(...)")
_SENDERS = {1: 0, 16: 0, 2: 1, 12: 1, 13: 1, 14: 1}
_TYPES = (b"\x14", b"\x15", b"\x16", b"\x17")
_WRAPPED = 132  # columns: a segment that ends in the midst of a record has more of them in a line of its own


class Sides:
    """What the rows of a text have shown of its two ends."""

    def __init__(self) -> None:
        self._seen: Dict[int, Optional[int]] = {}  # columns before a row to the end that sent it; None: they tell nothing
        self._spoke: Dict[int, int] = {}  # the same to the end that must have sent what stood there
        self._width = 0  # columns of the line of digits that was taken just now, 0: another line was
        self._left = 0  # bytes that the record lacks in which that ends; -1: not known

    def tell(self, piece: Piece) -> Piece:
        """A row with the end that sent it: the one whose rows had as many columns before them.

        A stream of one end goes on where it ended. Where rows of no other indentation were seen, and the offsets begin
        again, or the other end must have sent them, indentation tells nothing.
        """
        whole = piece.kind == "whole"
        if piece.margin < 0 and (not whole or piece.side is not None):
            return piece
        seen, side = self._seen, piece.side
        if whole:
            sender = _sender(piece.data)
            if sender is not None:
                spoke = self._spoke.get(piece.margin, sender)
                if spoke != sender or (piece.margin in seen and seen[piece.margin] is None):
                    return piece._replace(side=None, begins=True)
            elif 0 < self._width <= _WRAPPED and self._left:
                return piece._replace(side=None, margin=-1)  # the rest of a line that was wrapped
        if piece.margin in seen:
            side = seen[piece.margin] if len(seen) > 1 or piece.offset or whole else None
        elif len(seen) == 1:
            side = next((1 - known for known in seen.values() if known is not None), side)
        return piece._replace(side=side)

    def take(self, piece: Piece, width: int) -> None:
        """Notes a row that was taken, whose line has `width` columns."""
        seen, margin = self._seen, piece.margin
        if piece.kind == "whole":
            sender = _sender(piece.data)
            if sender is not None:
                self._spoke[margin] = sender
            begun = sender is not None or (piece.data[:1] in _TYPES and piece.data[1:2] == b"\3")
            self._left = _left(piece.data, 0 if begun else self._left)
            self._width = width
        if margin >= 0 and (margin not in seen or piece.begins or not piece.offset):
            if len(seen) > 1 and (margin not in seen or (not piece.offset and piece.kind != "whole")):
                seen.clear()
            seen[margin] = piece.side

    def prose(self, text: bytes) -> None:
        """Notes that another line stands here."""
        self._width = 0
        if text.strip():
            self._left = 0

    @property
    def owed(self) -> int:
        """How many bytes the record lacks in which the lines of digits above end, -1: not known."""
        return self._left

    @property
    def lacking(self) -> bool:
        """Whether the lines of digits above end in the midst of a record, and nothing but blank lines stands behind them."""
        return self._left > 0

    @property
    def ended(self) -> bool:
        """Whether a record ends with the line of digits right above, where all such lines are of one end."""
        return self._left == 0 and self._width > 0 and len(self._seen) < 2


def _sender(data: bytes) -> Optional[int]:
    """The end that must have sent bytes that begin with a handshake message; None where they do not."""
    match = _MESSAGE.match(data)
    if match is None:
        return None
    record, kind, size = int.from_bytes(match[1], "big"), match[2][0], int.from_bytes(match[3], "big") + 4
    return _SENDERS.get(kind) if size == record or (kind == 2 and size < record) else None


def _left(data: bytes, before: int) -> int:
    """How many bytes the last record lacks, `before` of which the one before them did; -1: not known."""
    pos = before
    if before < 0:
        return -1
    while pos < len(data):
        if not (20 <= data[pos] <= 24 and data[pos + 1 : pos + 2] == b"\3" and pos + 5 <= len(data)):
            return -1
        pos += 5 + int.from_bytes(data[pos + 3 : pos + 5], "big")
    return pos - len(data)
