"""What is spoken before TLS, or instead of it: a STARTTLS dialogue, a proxy's preface, another protocol.

Theory. TLS begins with a hello, wherever on a port or in a stream that is. A hello that stands at the very
beginning of a direction is TLS; one that comes later is so only where it may be expected, since files
and mails carry captured hellos too. It may be expected

    (1) when a dialogue of the table `registry/dialogues.tsv` has said all its words: from then on, anywhere;
    (2) in a dialogue that nobody knows: at the beginning of what was sent at once, or early in the stream, where
        the records that begin there go on to the last byte of that; in one that is known and has not asked for
        TLS, so far as the trace shows, only where an end begins to speak;
    (3) from the server, when the client's hello has come, or where the client is not in the trace.

In a dialogue of which the table says that TLS never follows, it is not looked for.

Each row of the table is a small machine: it waits for its next words from one end and searches them in
what that end says at a stretch. Words of a server that is not in the trace are taken as said.
"""

from __future__ import annotations

import re

from hexnote.hints import Callable, Dict, List, Optional, Pattern, Tuple
from hexnote.model import Preface
from hexnote.tuples import NamedTuple

# Bytes that one end says at a stretch, of which the first are searched.
_STRETCH = 4096
# No words are longer: what is searched again, when more of a stretch has come, begins so far before that.
_WORDS = 512
# Bytes that are searched in one connection, what is searched again counted again.
_BUDGET = 1 << 20
# Stream offset up to which an unknown preface may go over into TLS in the midst of what was sent at once.
_EARLY = 4096


class Row(NamedTuple):
    """A row of the table: its steps are (side, whether it tells the dialogue, the words, the format of what is no text)."""

    name: str
    title: str
    kind: str
    steps: Tuple[Tuple[int, bool, Pattern[bytes], str], ...]


class Dialogues:
    """The table, read when the first connection asks for it. `read` brings its text."""

    def __init__(self, read: Callable[[str], Optional[str]]) -> None:
        self._read = read
        self._rows: Optional[List[Row]] = None

    @property
    def rows(self) -> List[Row]:
        """The rows in the order of the table."""
        if self._rows is None:
            text = self._read("registry/dialogues.tsv") or ""
            self._rows = [_row(line) for line in text.split("\n") if line and line[0] != "#"]
        return self._rows


def _row(line: str) -> Row:
    name, title, kind, *steps = line.split("\t")
    made = []
    for step in steps:
        who, words = step.split(" ", 1)
        form = who.partition("=")[2]
        made.append((0 if who[0] == "C" else 1, who[1:2] == "!", re.compile(words.encode("ascii"), re.I | re.M), form))
    return Row(name, title, kind, tuple(made))


def _more(found: re.Match[bytes]) -> int:
    """Bytes that follow the words, as their group `length` says."""
    length = found.groupdict().get("length")
    return int.from_bytes(length, "big") if length else 0


class _Heard:
    """How far a row has come."""

    __slots__ = ("step", "at", "asked")

    def __init__(self) -> None:
        self.step = 0  # its next step
        self.at = 0  # where in this stretch it searches on
        self.asked: Tuple[int, int, int] = (0, 0, 0)  # side and stream offsets of its first words


class Dialogue:
    """What is said in one connection as long as no TLS has begun, in the order of the capture."""

    def __init__(self, table: Dialogues) -> None:
        self.told = Preface()
        self.form = ""  # the format of what was heard last, where it begins with known words that are no text
        self._said_name = ""  # the name that was told last
        self._table = table
        self._speaker = -1  # who spoke last
        self._turn = False  # what was heard last began a stretch
        self._said = b""  # at this stretch, its first bytes
        self._from = 0  # stream offset of the first of them
        self._heard = [False, False]  # who spoke at all
        self._left = _BUDGET
        self._rows: Dict[int, _Heard] = {}  # those that have heard something
        self._ready: Optional[Tuple[int, int]] = None  # all is said: who spoke last, and the stream offset behind it
        self.fresh = [True, True]  # by side: what comes next may be a record's first bytes, of whatever type

    # ---------------------------------------------------------------- listening

    def hear(self, side: int, offset: int, data: bytes) -> int:
        """Bytes in clear that an end sends at `offset` of its stream; how many of them are returned: behind those, TLS
        may begin with any record."""
        self._turn, self.form = side != self._speaker, ""
        if self._turn:
            self._speaker, self._said, self._from = side, b"", offset
            for each in self._rows.values():
                each.at = 0
        self._heard[side] = True
        self.fresh[side] = False
        room = _STRETCH - len(self._said)
        if room <= 0 or self._left <= 0:
            return len(data)
        again = max(len(self._said) - _WORDS, 0)
        self._said += data[:room]
        self._left -= len(self._said) - again
        for number, row in enumerate(self._table.rows):
            heard = self._rows.get(number)
            step = heard.step if heard is not None else 0
            if step and side == 0 and not self._heard[1]:
                # A server that is not in the trace has said what it had to.
                while step < len(row.steps) and row.steps[step][0] == 1:
                    step += 1
            while step < len(row.steps) and row.steps[step][0] == side:
                found = row.steps[step][2].search(self._said, max(heard.at, again) if heard is not None else again)
                if found is None:
                    break
                if heard is None:
                    heard = self._rows[number] = _Heard()
                heard.at = found.end()
                place = (side, self._from + found.start(), self._from + found.end() + _more(found))
                if not step:
                    heard.asked = place
                names = row.steps[step][1]
                step = heard.step = step + 1
                self._match(row, heard, names, place)
                if row.steps[step - 1][3] and self.told.name == row.name and found.start() + self._from == offset:
                    self.form = row.steps[step - 1][3]
        if side or self._ready is None or self._ready[0]:
            # Behind the server's yes to a client that did not wait for it, too.
            self.fresh[side] = side == 1 and self._ready is not None and self.told.start[0] is not None
            return len(data)
        cut = self._ready[1] - offset
        if not 0 < cut <= len(data):
            return len(data)
        self._said = self._said[: self._ready[1] - self._from]
        self.fresh[side] = True
        return cut

    def _match(self, row: Row, heard: _Heard, names: bool, place: Tuple[int, int, int]) -> None:
        """A row has heard words of its next step, at `place`."""
        told = self.told
        done = heard.step == len(row.steps) and row.kind not in ("hint", "plain")
        if names and (not told.name or done or (told.kind in ("", "plain") and row.kind not in ("hint", "plain"))):
            told.name, told.title = row.name, row.title
            told.kind = "" if row.kind == "hint" else row.kind
        if row.kind in ("hint", "plain") or told.name != row.name:
            return
        told.kind, told.asked = row.kind, heard.asked
        told.waits = place[1:] if not done and row.steps[heard.step][0] and not place[0] else None
        if done:
            told.granted = place if place[0] != heard.asked[0] else None
            self._ready = (place[0], place[2])
            self.fresh[0] = self.fresh[0] or place[0] != 0

    # ---------------------------------------------------------------- where TLS may begin

    def allows(self, side: int, offset: int, begins: bool, fills: bool) -> bool:
        """Whether a hello at `offset` of a direction is TLS. `begins`: it is the first of what was sent at once; `fills`: its
        records go on to where that ends, or beyond."""
        told = self.told
        if side == 1 and told.start[0] is None and self._heard[0] and self._ready is None:
            return False
        if self._ready is not None:
            return self._ready[0] != side or offset >= self._ready[1]
        if told.asked is not None and (begins or not self._heard[1]):
            return True
        if told.name:
            return fills and begins and self._turn and told.kind != "plain"
        return fills and (begins or offset < _EARLY)

    def heading(self) -> str:
        """What bytes in clear are, in words, where that has not been said before."""
        told = self.told
        if not told.name or self._said_name == told.name:
            return ""
        self._said_name = told.name
        return f"{told.title}, not TLS" if told.kind == "plain" else f"{told.title}, in clear"

    @property
    def wraps(self) -> bool:
        """Whether TLS is inside packets of the dialogue, as long as its handshake lasts."""
        return self.told.kind == "tds" and self._ready is not None

    def begins(self, side: int, offset: int) -> None:
        """TLS begins here."""
        self.told.start[side] = offset
        if side == 0:
            self.fresh[1] = True
