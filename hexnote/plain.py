"""Decrypted records read as records in clear are: their content as messages, and what stands behind it.

A `plain:<offset>` buffer is what the record at that stream offset holds. Messages may lie over several of
them, so that the contents of one direction are a stream of their own, read by a reader of its own; what that
tells is handed on in the coordinates of the buffer which brought it.
"""

from __future__ import annotations

from bisect import bisect_right

from hexnote.hints import Any, List, Optional, Tuple
from hexnote.messages import Messages
from hexnote.model import BUFFER, CONTENT_TYPES, TAIL, Context, Field, Part, Plain, Record
from hexnote.records import Reader
from hexnote.session import Session
from hexnote.tuples import NamedTuple


class Inside:
    """A session, as it is told of by decrypted messages: they change what is agreed, not what is encrypted."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.keys = None
        self.message_kind = session.message_kind
        self.learn = session.learn_inside

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def change_cipher_spec(self, side: int, encrypted: bool) -> None:
        """A decrypted ChangeCipherSpec: the next record has new keys."""
        if self._session.keys is not None:
            self._session.keys.change(side)


class Span(NamedTuple):
    """Content that came from one record."""

    start: int  # in the stream of contents
    end: int
    buffer: str
    record: Record


class Places:
    """Where the records stand whose contents a unit is made of: `find` as of a `spans.Pieces`, with the place of the
    whole body for every byte of it."""

    def __init__(self, base: int, spans: List[Span], places: Any) -> None:
        self._base = base
        self._spans = spans
        self._places = places

    def find(self, start: int, end: int) -> List[Tuple[int, int, int]]:
        """(packet number, dump start, dump end) for the bytes [start, end) of the buffer."""
        spans = self._spans
        start, end = start + self._base, max(end, start + 1) + self._base
        found: List[Tuple[int, int, int]] = []
        i = max(bisect_right(spans, (start + 1,)) - 1, 0)  # the last one that begins at `start` or before it
        while i < len(spans) and (spans[i].start < end or not found):
            record = spans[i].record
            found += self._places.find(record.offset + record.header, record.offset + record.length)
            i += 1
        return found


class Opened:
    """One direction's encrypted records, opened."""

    def __init__(self, reader: Reader, session: Session, messages: Messages, keep: bool) -> None:
        self._keys = session.keys
        self._places = reader.places
        self._messages = messages
        self._ctx = Context()
        inside: Any = Inside(session)
        self._reader = Reader(reader.stream, reader.side, inside, messages, keep)
        self._at = 0  # where the next content begins, in the stream of contents
        self._spans: List[Span] = []  # of the incomplete message, and the last record's
        self._last: Optional[Record] = None

    def read(self, record: Record, body: Optional[bytes]) -> List[Part]:
        """What a record that is complete, or given up, holds; `body` None: it is in clear, or not all of it is there."""
        if self._keys is not None:
            self._keys.passes(record)
        if not record.encrypted:
            return []
        head = bytes((record.type or 0,)) + (record.version or 0).to_bytes(2, "big") + (record.length - 5).to_bytes(2, "big")
        whole = isinstance(body, bytes) and len(body) == record.length - 5
        if record.bare:
            plain = _split(body, record.bare) if whole and body is not None else None
        else:
            plain = self._keys.open(record, head, body if whole else None) if self._keys is not None else None
        if plain is None:
            return self.close()
        kind = record.type if plain.type is None else plain.type
        record.inside = kind
        name = f"plain:{record.offset}"
        out = [self._opening(record, name, plain.data, _heading(record, kind, plain))]
        if not plain.compressed:
            self._content(record, kind, name, plain.data[: plain.content], out)
            self._tail(record, name, plain.data, plain.tail, out)
            return out
        self._tail(record, name, plain.data, [("compressed", 0, plain.content), *plain.tail], out)
        if plain.inflated is not None:
            name = f"inflated:{record.offset}"
            out.append(self._opening(record, name, plain.inflated, f"inflated: {_count(len(plain.inflated))}"))
            self._content(record, kind, name, plain.inflated, out)
        return out

    def close(self) -> List[Part]:
        """Nothing more will come, or not what was awaited: give up an incomplete message."""
        parts: List[Part] = []
        self._reader.give_up(parts)
        if self._spans:
            self._rebase(parts, self._spans[-1])
        self._spans = []
        return parts if self._last is not None else []

    # ---------------------------------------------------------------- parts

    def _opening(self, record: Record, name: str, data: bytes, note: str) -> Part:
        part = Part(BUFFER, record.side, record, [], 0, data, 0, len(data), True, True, note=note)
        part.lies(name, Places(0, [Span(0, len(data), name, record)], self._places))
        return part

    def _content(self, record: Record, kind: Optional[int], name: str, content: bytes, out: List[Part]) -> None:
        """The content of a record, in a buffer whose first bytes it is."""
        at = self._at + 5
        self._at = at + len(content)
        span = Span(at, self._at, name, record)
        # In clear, it would have been a record like this.
        inner = Record(record.stream, record.side, record.number, at - 5)
        inner.length, inner.type, inner.version, inner.bare = 5 + len(content), kind, record.version, record.bare
        self._last = inner
        self._spans.append(span)
        parts: List[Part] = []
        if content:
            self._reader.content(inner, content, parts)
        self._rebase(parts, span)
        if not self._reader.waits:
            self._spans = []
        out += parts

    def _rebase(self, parts: List[Part], span: Span) -> None:
        """Parts in the coordinates of the stream of contents, put into those of one buffer."""
        # The list is shared: while a message goes on, it grows, and what is in it already does not change.
        places = Places(span.start, self._spans or [span], self._places)
        for part in parts:
            home = span
            if part.buffer:
                self._within(part, span)
                continue
            homes: Optional[List[Tuple[str, int]]] = None
            if part.pieces is None:
                if part.base < span.start:
                    # An incomplete message that is told once more, because it is given up.
                    home = next((s for s in self._spans if s.start <= part.base < max(s.end, s.start + 1)), span)
            elif part.fields:
                homes = self._homes(part.pieces)
                part.pieces = [(local, at - span.start, size) for local, at, size in part.pieces]
            else:
                part.pieces = None
            part.lies(home.buffer, places if home is span else Places(home.start, [home], self._places), homes)
            part.base -= home.start
            part.lo -= home.start
            part.hi -= home.start

    def _within(self, part: Part, span: Span) -> None:
        """A part of a buffer that came out of a decrypted message ("inflated:<offset>"): the message's offset is where
        its bytes would stand in the direction's stream, if encryption left them in their places."""
        kind, _, number = part.buffer.partition(":")
        spans, at = self._spans or [span], int(number)
        home = next((s for s in spans if s.start <= at < max(s.end, s.start + 1)), span)
        name = f"{kind}:{home.record.offset + home.record.header + at - home.start}"
        part.lies(name, Places(0, [Span(0, len(part.buf), name, s.record) for s in spans], self._places))

    def _homes(self, pieces: List[Tuple[int, int, int]]) -> List[Tuple[str, int]]:
        spans, i = self._spans, 0
        homes = []
        for _, at, _ in pieces:
            while i + 1 < len(spans) and spans[i].end <= at:
                i += 1
            homes.append((spans[i].buffer, at - spans[i].start))
        return homes

    def _tail(self, record: Record, name: str, data: bytes, tail: List[Tuple[str, int, int]], out: List[Part]) -> None:
        """MAC, padding, content type: one part, since they come together."""
        if not tail:
            return
        fields: List[Field] = [(self._messages.inside(kind), lo, hi, 0, -1) for kind, lo, hi in tail if lo < hi]
        part = Part(TAIL, record.side, record, fields, 0, data, tail[0][1], len(data), True, True)
        part.lies(name, Places(0, [Span(0, len(data), name, record)], self._places))
        out.append(part)


def _split(body: bytes, mac: int) -> Optional[Plain]:
    """What a record of a NULL suite holds: content, and a MAC of `mac` bytes that nobody without the keys can check."""
    content = len(body) - mac
    return Plain(body, content, [("mac", content, len(body))]) if content >= 0 else None


def _heading(record: Record, kind: Optional[int], plain: Any) -> str:
    """What a decrypted record holds, in words."""
    words = CONTENT_TYPES.get(kind or 0, f"type {kind}")
    behind = " and ".join(_WORDS[name].format(_count(hi - lo)) for name, lo, hi in plain.tail)
    packed = ", compressed" if plain.compressed else ""
    how = "in clear, for the suite encrypts nothing" if record.bare else "decrypted"
    return f"record {record.number}, {how}: {words}, {_count(plain.content)}{packed}{'; then ' if behind else ''}{behind}"


def _count(size: int) -> str:
    return f"{size} {'byte' if size == 1 else 'bytes'}"


_WORDS = {
    "mac": "a MAC of {}", "padding": "{} of padding", "padding_length": "the length of padding", "type": "the content type",
    "zeros": "{} of padding",
}  # fmt: skip
