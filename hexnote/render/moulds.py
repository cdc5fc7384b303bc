"""Notes of messages in a form that came before: what all such messages have, with gaps for what differs.

`Known._told` says what is right: a mould is cast of what it says of each field.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from hexnote.model import Field, Form, Packet, Part
from hexnote.render.carets import Shape
from hexnote.render.fields import TITLED
from hexnote.render.known import Known
from hexnote.render.places import fields_from
from hexnote.render.words import head_of, numbered

_CAST = 4 << 20  # characters of all moulds

# A note with a label of so many characters, as (what stands before the label, behind it, the field, how many).
_Labelled = Tuple[str, str, Field, int]
# (rows below the first, text; or a range of the message whose hex stands there; or a note; or None: a note of a free field)
_Piece = Tuple[int, Any]


class Mould:
    """The notes that all messages in a form have in one place, with gaps."""

    __slots__ = ("form", "free", "pieces", "whole")

    def __init__(self, form: Form) -> None:
        self.form = form
        self.free: List[Field] = []  # those whose notes fill gaps
        self.pieces: List[_Piece] = []
        self.whole = False  # there are no gaps


class Moulds(Known):
    """The notes of messages, out of moulds where there are any."""

    def __init__(self, width: int, palette: Optional[Dict[str, str]], full: bool) -> None:
        super().__init__(width, palette, full)
        self._moulds: Dict[Any, Mould] = {}
        self._size = 0  # characters in them

    def _forget(self) -> None:
        super()._forget()
        self._moulds.clear()

    def _message(self, shape: Shape, delta: int, part: Part, packet: Packet, wire: int) -> List[Tuple[int, str]]:
        """The notes on a message in rows of sixteen, each with how many rows below that of the first new byte it stands.
        `wire`: local offset where the packet's payload ends, -1: not known."""
        form = part.fields
        place = part.lo + delta
        row = (place - shape.offset) >> 4
        if not isinstance(form, Form):
            return self._plain_message(shape, delta, part, packet, row)
        titled = form.kept.get("text")  # do its notes tell dump offsets?
        if titled is None:
            titled = form.kept["text"] = any(f[4] >= 0 and f[0].type in TITLED for f in form)
        base = part.base
        length = part.message.length if part.message is not None else part.hi - base
        key = (
            id(form), part.lo - base, part.hi - base, place - shape.offset & 15, wire if wire < length else length,
            part.done, shape.tables[0], place if titled else 0,
        )
        mould = self._moulds.get(key)
        if mould is None:
            taught = len(self._taught)
            made = self._plain_message(shape, delta, part, packet, row)
            if form.again and taught == len(self._taught):
                self._keep(key, self._cast(form, shape, delta, part, packet, row))
            return made
        if mould.whole:
            return mould.pieces
        fresh: Dict[int, List[str]] = {}
        if mould.free:
            self._told(mould.free, shape, delta, part, packet, fresh)
        buf = part.buf
        told: List[Tuple[int, str]] = []
        add = told.append
        for piece in mould.pieces:
            at, what = piece
            if type(what) is str:
                add(piece)
            elif what is None:
                add((at, fresh[row + at].pop(0)))
            elif len(what) == 2:
                add((at, buf[what[0] : what[1]].hex()))
            else:
                before, behind, field, size = what
                node, start, end, _, index = field
                label = node.say(buf[start:end])
                if index >= 0:
                    label = numbered(label, node, index)
                if len(label) == size:
                    add((at, f"{before}{label}{behind}"))
                else:
                    note: Dict[int, List[str]] = {}
                    self._told((field,), shape, delta, part, packet, note)
                    add((at, note[row + at][0]))
        return told

    def _plain_message(self, shape: Shape, delta: int, part: Part, packet: Packet, row: int) -> List[Tuple[int, str]]:
        fresh: Dict[int, List[str]] = {}
        self._fields(shape, delta, part, packet, fresh)
        return [(at - row, "".join(fresh[at])) for at in sorted(fresh)]

    def _labelled(self, field: Field, buf: bytes, fresh: Dict[int, List[str]]) -> Optional[_Labelled]:
        """The note on a field that is there whole, cut around its label; None where it is more than a line of one row."""
        node, start, end, _, index = field
        label = node.say(buf[start:end])
        if index >= 0:
            label = numbered(label, node, index)
        lines = [line for there in fresh.values() for line in there]
        if len(lines) != 1 or lines[0].count(label) != 1 or lines[0].count("\n") != 1:
            return None
        before, _, behind = lines[0].partition(label)
        return before, behind, field, len(label)

    def _keep(self, key: Any, mould: Mould) -> None:
        size = sum(len(what) for _, what in mould.pieces if isinstance(what, str))
        self._size += size
        if self._size > _CAST:
            self._moulds.clear()
            self._size = size
        mould.whole = all(isinstance(what, str) for _, what in mould.pieces)
        self._moulds[key] = mould

    def _cast(self, form: Form, shape: Shape, delta: int, part: Part, packet: Packet, row: int) -> Mould:
        """Make a mould of a message, whose teaching notes have been given."""
        mould = Mould(form)
        pieces = mould.pieces
        lo, hi = part.lo - part.base, part.hi - part.base
        for field in fields_from(form, lo):
            node, start, end, _, _ = field
            if start >= hi:
                break
            fresh: Dict[int, List[str]] = {}
            self._told((field,), shape, delta, part, packet, fresh)
            # Of bytes that are no value the first ones are shown in hex, and nothing else depends on them.
            stop = start + head_of(end - start)
            shown = part.buf[start:stop].hex()
            once = node.show == "opaque" and start >= lo and "".join(map("".join, fresh.values())).count(shown) == 1
            labelled = None if once or not node.free or start < lo or end > hi else self._labelled(field, part.buf, fresh)
            if labelled is not None:
                pieces.append((next(iter(fresh)) - row, labelled))
                continue
            if node.free and fresh and not once:
                mould.free.append(field)
            for at in sorted(fresh):
                said = "".join(fresh[at])
                if node.free and not once:
                    pieces.append((at - row, None))
                elif node.free and shown in said:
                    before, _, behind = said.partition(shown)
                    pieces += [(at - row, before), (at - row, (start, stop)), (at - row, behind)]
                elif pieces and pieces[-1][0] == at - row and isinstance(pieces[-1][1], str):
                    pieces[-1] = (at - row, pieces[-1][1] + said)
                else:
                    pieces.append((at - row, said))
        return mould
