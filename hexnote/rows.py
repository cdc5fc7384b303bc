"""A dump row read, however it is spaced: digits to bytes, their columns, their offsets.

`geometry` reads many rows of one layout at once; `read_row` reads any one row and tells hex from text where the
columns do not. Both give the same bytes for the same rows.
"""

from __future__ import annotations

from binascii import unhexlify
from re import Match
from re import compile as regex

from hexnote.geometry import BLANKS, GRAPHIC, PRINTED, ROW, Piece
from hexnote.hints import List, Optional, Sequence, Tuple
from hexnote.model import Layout
from hexnote.patterns import Late

_WIDE = 1000  # a longer line is no row
_WIDEST = 64  # bytes of the widest row that is read
_FRAME = BLANKS + b"|"  # what stands behind a text column

_GROUP = regex(rb"[ \t]*((?:[0-9A-Fa-f]{2}){1,16})(?![^ \t\-|\"',;<\\\xe2])")
# What may stand behind a row that was put into a table, a string, a page: blanks are gone.
_CLOSED = Late(
    rb"(?:\\[nr])*(?:\"|'|&quot;)?(?:,\"[A-Za-z_]+\":.*|(?:[,;|)\]}\\]|\xe2\x94\x82|<[/a-z]{1,9}>){0,4})", 16
)
_WORD = Late(rb"[0-9A-Fa-f]{4}")
_CUT = Late(rb" [0-9A-Fa-f](?:[0-9A-Fa-f]{2})?(?:[ \t]*[|\"'<\\\xe2].{0,8})?")  # a group that was cut in the midst of a byte
_AGAIN = Late(rb"0x[0-9A-Fa-f]{4}[:\t ][ \t]{0,3}(?:[0-9A-Fa-f]{4} ){3}")  # another row
_CODE = Late(rb"(?:0x|\\x|(?<![0-9A-Za-z]))([0-9A-Fa-f]{2})(?![0-9A-Za-z])")
_PRINT_JAVA = bytes(c if 32 <= c < 123 else 46 for c in range(256))
_PRINT_NSS = bytes(c if 32 <= c < 128 else 46 for c in range(256))
_PRINT_SEVEN = bytes(c & 127 if 32 <= c & 127 < 127 else 46 for c in range(256))

_BAR = b" \xe2\x94\x8a"  # hexyl's, between two halves

_RECORD = Late(rb"[\x14-\x18]\x03[\x00-\x04]")

# A row behind a line end that is written out, as in a string of JSON, in syslog or in a page; or in a string of its own.
_WRITTEN = Late(
    rb"[\\#<\"'](?:(?<=\\)n|(?<=#)012|(?<=<)br ?/?>|(?<=[\"']))"
    rb"(?:[ \t|>]|\\t|#011|&nbsp;){0,12}(?:0x)?[0-9A-Fa-f]{4,8}(?::| -|:? |&nbsp;)(?: |&nbsp;){0,4}"
    rb"(?:[0-9A-Fa-f]{2}[ \-]?){6}")
_FIELDS = (b'"frame_raw":', b'"tcp.payload":')  # a packet's bytes in tshark's JSON
_MARKS = (b"\\n", b"#012", b"<br", b'"', b"'")


def read_row(
    match: Match[bytes], dress: str, offset: int, expected: int, sure: bool, low: bool = False
) -> Optional[Piece]:
    """Reads the row at dump offset `offset` that `match` (of a terminal of `row` or `data`) has found; or None.

    `expected`: bytes that this row must have to complete its packet, 0 where that is not known.
    `low`: the rows above were of numbers with the low byte first; a text of dots says nothing of that.
    Hex and text are told apart by the text: it says the same as the bytes, in one of the ways in
    which tools render them; else by the columns; else by `expected`.
    """
    start, stop = match.span()
    if stop - start > _WIDE:
        return None
    names = match.re.groupindex
    if "word" in names:
        return _words(match, dress, offset, low)
    line = match[0].rstrip(BLANKS)
    digits, ends, cols = _groups(line, match.start("cells" if "cells" in names else "hex") - start, ROW)
    if not ends or (len(line) > cols[-1] + 40 and _AGAIN.search(line, cols[-1])):
        return None
    data = unhexlify(b"".join(digits))
    wider = _wider(line, cols) if len(cols) > ROW // 2 and _GROUP.match(line, cols[-1] + 2) is not None else None
    if wider is not None:
        data, cols = wider
    if wider is not None or dress in ("hexyl", "ssltap"):  # whose bars part hex and text
        size, sound = len(data), True
    else:
        size, sound = _divide(line, ends, cols, data, expected)
    after = line[cols[size - 1] + 2 :]
    if after[:1] == b"-" and size == 8:
        after = b" " + after[1:]
    text = len(line) - len(after.lstrip(b" \t"))
    said = after.translate(None, BLANKS)
    if (not said.strip(b"|") or _CLOSED.fullmatch(said)) and not (
        said == data[:size].translate(GRAPHIC) and after[:2] == b"  "
        or size == ROW and said == data.translate(PRINTED).translate(None, BLANKS)
    ):
        text = -1  # what stands there closes a quotation or a table
    if text >= 0 and dress == "ssltap":
        text += 2  # its bar and a blank, also where the text behind them was wrapped
    elif text >= 0 and line[text : text + 1] == b"|" and len(line[text:].decode("utf-8", "replace")) > size and not (
        data[0] == 124 and line[text : text + size] in (data[:size].translate(GRAPHIC), data[:size].translate(PRINTED))
    ):
        text += 1  # a fence, and not the first byte's sign
        if line[text : text + 1] == b" " and line[text + 1 :] in [
            data[:size].translate(table).rstrip(BLANKS) for table in (PRINTED, _PRINT_NSS)
        ]:
            text += 1
    elif dress == "hexyl":
        text = -1  # zeros, blanks and all that is no sign have signs of their own
    elif text >= 0 and line[text : text + 1] == b">" and line[-1:] == b"<" and len(line) - text == size + 2:
        text += 1  # od's fences
    if dress == "log" and text >= 0 and size < min(expected, ROW) and not agrees(said, data[:size]):
        text, sound = -1, True  # another program has printed in the midst of the row
    if "cells" in names and ends[0] > 1:
        said_so = text >= 0 and agrees(said, data[:size])
        turned = _turned(line, cols[0]) if low or not (said_so and offset) else None
        if turned is not None and (not said_so or (low if offset else _begins_turned(data, turned[0]))):
            return Piece(offset, turned[0], stop, dress, None, turned[1], kind="data")
        if low and offset and not said_so:
            return None
        if not said_so and (ends[0] in (4, 8) or (dress == "offsets" and ends[0] == 2)):
            if not offset and not (_RECORD.match(data) and _RECORD.match(_swapped(data, ends[0])) is None):
                return None  # nothing tells which byte of a number is the first
            sure = False
    skew = match["skew"] if "skew" in names else None
    if skew:
        unit = 2 * ends[0]
        offset += len(skew) // (unit + 1) * unit // 2
    layout = Layout(tuple(cols[:size]), text)
    side, margin = _side(match)
    return Piece(offset, data[:size], stop, dress, None, layout, bool(skew), sure, sound, side=side, margin=margin)


def read_plain(match: Match[bytes]) -> bool:
    """Whether the row that `match` (of a terminal of `row` or `data`) has found says its bytes twice, as it stands.

    Such a row needs no washing: what looks like an entity or a tag in its text column is what the packet holds.
    """
    if "hex" not in match.re.groupindex and "cells" not in match.re.groupindex:
        return False
    piece = read_row(match, "", 0, 0, True)
    if piece is None or piece.layout.text < 0:
        return False
    told = match[0][piece.layout.text :].rstrip(_FRAME)
    return any(told == piece.data.translate(table).rstrip(_FRAME) for table in (GRAPHIC, PRINTED))


def more_rows(text: bytes, pos: int) -> bool:
    """Whether the line at `pos` has more rows than one."""
    end = text.find(b"\n", pos)
    if end < 0:
        end = len(text)
    for field in _FIELDS:
        if text.count(field, pos, end) >= 2:
            return True
    if text.count(b"0x", pos, end) >= 2 and _two(_AGAIN, text, pos, end):
        return True
    for mark in _MARKS:
        if text.count(mark, pos, end) >= 2:
            return _two(_WRITTEN, text, pos, end)
    return False


def _two(row: Late[bytes], text: bytes, pos: int, end: int) -> bool:
    """Whether text[pos:end] has two of those rows."""
    first = row.search(text, pos, end)
    return first is not None and row.search(text, first.end(), end) is not None


def _groups(line: bytes, pos: int, most: int, half: int = 8) -> Tuple[List[bytes], List[int], List[int]]:
    """The groups of digits from `pos` on, of at most `most` bytes: digits, bytes up to each one's end, columns.

    `half`: behind so many of them a dash may stand in the midst of the row.
    """
    digits: List[bytes] = []
    ends: List[int] = []
    cols: List[int] = []
    size = 0
    while size < most:
        at = pos
        if size == half:
            at += 1 if line[pos : pos + 1] == b"-" else len(_BAR) if line.startswith(_BAR, pos) else 0
        group = _GROUP.match(line, at)
        if group is None:
            break
        column, pos = group.span(1)
        size += (pos - column) // 2
        if size > most:
            break
        digits.append(group[1])
        ends.append(size)
        cols.extend(range(column, pos, 2))
    return digits, ends, cols


def _wider(line: bytes, cols: List[int]) -> Optional[Tuple[bytes, List[int]]]:
    """The bytes of a row that has more than 16, and their columns; None where that is not certain.

    `cols`: of the first 16 bytes, or some less. The text says what all of the bytes say; or groups that are all alike
    stand alone, or before a gap and no more signs than there are bytes.
    """
    digits, ends, places = _groups(line, cols[0], _WIDEST)
    data = unhexlify(b"".join(digits))
    for size in reversed(ends):
        if agrees(line[places[size - 1] + 2 :].translate(None, BLANKS), data[:size]):
            return (data[:size], places[:size]) if size > ROW else None
    after = line[places[-1] + 2 :]
    text = after.lstrip(b" \t")
    alike = len(ends) > 1 and all(end == ends[0] * (n + 1) for n, end in enumerate(ends[:-1])) and ends[-1] <= ends[0] * len(ends)
    # Between them stands a blank, or some more behind eight bytes each.
    gaps = [(end % 8 == 0, places[end] - places[end - 1] - 2) for end in ends[:-1]]
    narrow = len(set(gaps)) == len({eighth for eighth, _ in gaps}) and all(gap <= (3 if eighth else 1) for eighth, gap in gaps)
    ended = not text or _CLOSED.fullmatch(text) or (len(after) - len(text) > 1 and len(text) <= len(data))
    return (data, places) if len(data) > ROW and alike and narrow and ended else None


def _turned(line: bytes, pos: int) -> Optional[Tuple[bytes, Layout]]:
    """The bytes of a row of numbers, the low byte first, which its text bears out, and its layout; else None."""
    digits, ends, cols = _groups(line, pos, _WIDEST)
    data: List[int] = []
    places: List[int] = []
    for group, end in zip(digits, ends):
        places += cols[end - len(group) // 2 : end][::-1]
        data += unhexlify(group)[::-1]
    for end in reversed(ends):
        after = line[cols[end - 1] + 2 :]
        text = after.translate(None, BLANKS)
        for size in range(end, max(end - len(digits[0]) // 2, 0), -1):  # a last number may be filled up with zeros
            if agrees(text, bytes(data[:size])):
                return bytes(data[:size]), Layout(tuple(places[:size]), len(line) - len(after.lstrip(b" \t")))
            if data[size - 1]:
                break
    return None


def _begins_turned(data: bytes, turned: bytes) -> bool:
    """Whether the first row of a dump begins a record if its numbers have their low byte first, and only then."""
    return _RECORD.match(turned) is not None and _RECORD.match(data) is None


def _swapped(data: bytes, unit: int) -> bytes:
    """Bytes of numbers of `unit` bytes each, their order within each turned round."""
    return b"".join(data[at : at + unit][::-1] for at in range(0, len(data), unit))


def _words(match: Match[bytes], dress: str, offset: int, low: bool) -> Piece:
    """A row of numbers of two bytes, the low byte first; or as they stand, where only so they begin a record, or not `low`."""
    start = match.start("word") - match.start()
    groups = list(_WORD.finditer(match["word"]))
    data = unhexlify(b"".join([group[0] for group in groups]))
    turned = _swapped(data, 2)
    if not offset:
        low = _RECORD.match(data) is None or _RECORD.match(turned) is not None
    first, second = (2, 0) if low else (0, 2)
    cols = tuple([start + group.start() + at for group in groups for at in (first, second)])
    return Piece(offset, turned if low else data, match.end(), dress, None, Layout(cols), False, False, kind="word")


def read_bare(match: Match[bytes], dress: str, offset: int, before: bytes, expected: int) -> Optional[Piece]:
    """Reads groups without an offset: a row, or, behind the bytes `before`, the rest of one that was wrapped.

    None where they are neither: what is no group must be a text that says what the bytes of the row say.
    """
    start, stop = match.span()
    if stop - start > _WIDE:
        return None
    line = match[0].rstrip(BLANKS)
    digits, ends, cols = _groups(line, match.start("hex") - start, ROW - len(before), 8 - len(before))
    if not ends:
        return None
    data = unhexlify(b"".join(digits))
    for size in reversed(ends):
        after = line[cols[size - 1] + 2 :]
        text = after.translate(None, BLANKS)
        if _CLOSED.fullmatch(text):
            text = b""
        whole = len(before) + size == ROW or size == expected
        row = len(before) + size
        apart = row == ROW and len(text) == ROW and after[:2] in (b"  ", b" \t", b"\t")
        if agrees(text, before + data[:size]) or apart if text else whole or not before:
            if before and not whole:
                continue
            column = len(line) - len(after.lstrip(b" \t")) if text and not before else -1
            layout = Layout(tuple(cols[:size]), column)
            return Piece(offset, data[:size], stop, dress, None, layout, kind="bare", sure=False)
    return None


def read_whole(match: Match[bytes], dress: str, offset: int) -> Piece:
    """Reads a line of `whole`: digits without a break, or bytes as a program writes them."""
    names = match.re.groupindex
    start = match.start()
    if "hex" in names:
        data = unhexlify(match["hex"])
        cols = tuple(range(match.start("hex") - start, match.end("hex") - start, 2))
    else:
        at = match.start("coded") - start
        codes = list(_CODE.finditer(match["coded"]))
        data = unhexlify(b"".join(code[1] for code in codes))
        cols = tuple(at + code.start(1) for code in codes)
    side, margin = _side(match)
    begins = "stamp" in names and match["stamp"] is not None
    if "handle" in names:
        side, begins = 0 if match["out"] else 1, True
    return Piece(
        offset, data, match.end(), dress, None, Layout(cols), False, False, kind="whole", side=side, begins=begins, margin=margin
    )


def _side(match: Match[bytes]) -> Tuple[Optional[int], int]:
    """Which end sent a row, as far as its indentation tells that: and the columns before it. (None, -1) where it does not."""
    names = match.re.groupindex
    if "other" not in names:
        return None, -1
    lead = match[0][: match.start("off" if "off" in names else "hex") - match.start()].expandtabs(8)
    return (0 if match["other"] is None else 1), len(lead) - len(lead.rstrip(b" "))


def moved(piece: Piece, places: Sequence[int], stop: int) -> Piece:
    """A row of a washed line, its columns those of the raw line (a colour may stand between a byte's two digits)."""
    at = tuple([places[c] for c in piece.layout.cols])
    text = piece.layout.text
    if text >= 0:
        last = min(text + len(at), len(places)) - 1
        text = places[text] if places[last] - places[text] == last - text else -1
    return piece._replace(layout=Layout(at, text), stop=stop)


def _divide(line: bytes, ends: List[int], cols: List[int], data: bytes, expected: int) -> Tuple[int, bool]:
    """How many of the bytes `data`, which `cols` find, are hex and no text; and whether that is certain.

    `ends`: how many there are up to the end of each group.
    """
    bare = 0
    for size in reversed(ends):
        text = line[cols[size - 1] + 2 :].translate(None, BLANKS)
        if text[:1] == b"-" and size == 8 and agrees(text[1:], data[:size]):
            return size, True
        if agrees(text, data[:size]):
            return size, True
        if not text or _CLOSED.fullmatch(text):
            bare = bare or size
    # No text says what the bytes say. A column does: behind a gap, and as many characters as bytes.
    gaps = []
    for size in ends:
        after = line[cols[size - 1] + 2 :]
        text = after.lstrip(b" \t")
        gap = len(after) - len(text)
        if _CLOSED.fullmatch(text.translate(None, BLANKS)):
            text = b""
        if size == 8 and gap < 4 and len(ends) == len(cols) > 8 and bare == ends[-1]:
            text = b""  # the second half of a row of single bytes, whose text was wrapped or cut away
        gaps.append((4 if b"\t" in after[:gap] else gap) if text else 0)
        if gaps[-1] > 1 and len(text) == size:
            return size, True
    if bare and max(gaps) <= 1:
        return bare, True
    if ends[-1] < ROW and len(ends) < ROW and _CUT.fullmatch(line, cols[-1] + 2):
        return ends[-1], True
    if len(cols) == ROW:
        return ROW, True
    # A text that was cut off says what the first bytes say.
    begun = [size for size in ends if _begins(line[cols[size - 1] + 2 :].translate(None, BLANKS), data[:size])]
    if len(begun) == 1:
        return begun[0], True
    # The widest gap parts them, if it is wider than those within the hex.
    chosen, widest = len(cols), 0
    for size, gap in zip(ends, gaps):
        if gap > widest and gap > (2 if size == 8 else 1):
            chosen, widest = size, gap
    if not widest and expected in ends:
        return expected, True
    return chosen, widest > 0 and len(line[cols[chosen - 1] + 2 :].strip(BLANKS)) <= chosen


def _begins(text: bytes, data: bytes) -> bool:
    """Whether a text is the beginning of what a column says beside the bytes, and says something."""
    return len(text.strip(b".")) > 1 and any(
        data.translate(table).replace(b" ", b"").startswith(text) for table in (GRAPHIC, PRINTED))


def agrees(text: bytes, data: bytes) -> bool:
    """Whether a text column, its blanks taken out, says what the bytes say; fences may stand around it, or one before it."""
    if not text:
        return False
    for table in (GRAPHIC, PRINTED, _PRINT_JAVA, _PRINT_NSS, _PRINT_SEVEN):
        wanted = data.translate(table).replace(b" ", b"")
        if text == wanted or (text[-1] == 124 and (text == wanted + b"|" or text == b"|" + wanted + b"|")):
            return True
        if (text[0] == 62 and text == b">" + wanted + b"<") or (text[0] == 124 and text[1:] == wanted):
            return True
        if text[0] == 124 and text.startswith(b"|" + wanted + b"|") and _CLOSED.fullmatch(text, len(wanted) + 2):
            return True
        if wanted and text.startswith(wanted) and _CLOSED.fullmatch(text, len(wanted)):
            return True
    return False
