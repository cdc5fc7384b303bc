"""Rows without offsets of which some seem to have been left out: what the lengths of records say of that.

Records follow each other. Where one ends amid bytes that begin no other, or goes past the last of them, and would end where one
begins, or where all end, if the rows had some more: then rows of it were left out, and it is known how many bytes they had. Which
ones they were is not known. What stands in the row in which the record begins comes before them; what stands in the row in which it
ends comes behind them.
"""

from __future__ import annotations

from hexnote.hints import List, Optional, Tuple
from hexnote.model import MORE, Block
from hexnote.tuples import NamedTuple

_LEAST = 8  # bytes of a row that tells by its width how many were left out
_MOST = 16640  # bytes of a record (RFC 5246 section 6.2.3), about
_HEADER = 5  # bytes of a record's


SAID = "rows seem to be missing before this one: by the length of a record {} bytes were left out"
MORE_SAID = "rows seem to be missing before this one: where a record ends none begins, and behind it some follow each other"
UNREAD = "not read: rows before or behind these seem to be missing, by the length of a record, and nothing tells which"


class Lost(NamedTuple):
    """Rows of a record that were left out, by indices of a block's bytes."""

    sure: int  # bytes up to here stand before them
    late: int  # bytes from here on stand behind them
    size: int  # bytes that they had, as far as that can be told
    told: bool  # a length tells it


def lost(block: Block) -> Optional[Lost]:
    """The rows that seem to have been left out of a block that begins with a record; None where its lengths tell nothing of that.

    All rows but the last one have to be of one width. Where each segment is shown on its own, below who sent it, a record that goes
    past the last row may end in the next one, unless it is said how many bytes there are.
    """
    rows, data = block.rows, block.data
    if not rows or len(rows) < 2:
        return None
    width, last = rows[0].size, rows[-1].size
    if width < _LEAST or last > width or any(row.size != width for row in rows[:-1]):
        return None
    lacking = (block.declared or 0) - len(data)
    alone = not block.head or block.side is None or (lacking > 0 and not lacking % width)
    begin = 0
    while _record(data, begin):
        end = _end(data, begin)
        if end == len(data):
            return None
        if not _record(data, end):
            return _within(data, begin, end, width, last < width and alone)
        begin = end
    return None


def _within(data: bytes, begin: int, end: int, width: int, over: bool) -> Optional[Lost]:
    """The rows that were left out of the record data[begin:end]. `over`: the last row is surely the last one of all."""
    sure = (begin + _HEADER - 1) // width * width + width
    for size in range(width, end - sure + 1, width):
        at = end - size
        if _chain(data, at) or (at == len(data) and over):
            return Lost(sure, at // width * width, size, True)
    # Perhaps they are the rows in which the record ends and others begin: then it is not known how many there were, but one.
    for at in range(max(sure, end - width + 1), len(data)):
        if _chain(data, at) > 1:
            return Lost(sure, at // width * width, width, False)
    return None


def _record(data: bytes, at: int) -> bool:
    """Whether a record's header stands there (RFC 8446 section 5.1)."""
    return 20 <= int.from_bytes(data[at : at + 1], "big") <= 24 and data[at + 1 : at + 2] == b"\3" and (
        at + _HEADER <= len(data) and data[at + 2] <= 4 and _HEADER < _end(data, at) - at <= _HEADER + _MOST
    )


def _end(data: bytes, at: int) -> int:
    return at + _HEADER + int.from_bytes(data[at + 3 : at + 5], "big")


def _chain(data: bytes, at: int) -> int:
    """How many ends of records are as they should be from there on, where one begins and they follow each other to the end of the
    bytes, which may stand within the last one; 0: they do not."""
    count = 0
    while _record(data, at):
        at, count = _end(data, at), count + 1
    return 0 if at < len(data) else count + (at == len(data)) if count else 0


def apart(block: Block) -> List[Tuple[Block, str, bool]]:
    """What a block is made of where rows of it seem to have been left out: pieces, a remark on each, and whether it has a place.
    The rows behind them are numbered as if those were there. Nothing, where no rows seem to be missing."""
    found = lost(block)
    if found is None:
        return []
    rows = block.rows or []
    first, last = (next(n for n, row in enumerate(rows) if row.offset - block.offset >= at) for at in (found.sure, found.late))
    made = [(_piece(block, 0, first, 0), "", True)]
    if first < last:
        made.append((_piece(block, first, last, 0), UNREAD, False))
    made.append((_piece(block, last, len(rows), found.size), SAID.format(found.size) if found.told else MORE_SAID, True))
    return made


def _piece(block: Block, first: int, last: int, ahead: int) -> Block:
    """Some rows of a block, their offsets so many bytes further on."""
    rows = (block.rows or [])[first:last]
    begin = rows[0].start if first else 0
    made = Block(MORE if first else block.kind, rows[0].line if first else block.line, block.text[begin : rows[-1].end])
    vars(made).update({name: value for name, value in vars(block).items() if name not in vars(made)})
    made.head = 0 if first else block.head
    made.look = None if first else block.data
    at = rows[0].offset - block.offset
    made.offset = made.fresh = rows[0].offset + ahead
    made.data = block.data[at : at + sum([row.size for row in rows])]
    made.rows = [row._replace(start=row.start - begin, end=row.end - begin, offset=row.offset + ahead) for row in rows]
    return made
