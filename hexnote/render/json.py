"""JSON Lines: every packet, record, message, field and finding as an object of its own."""

from __future__ import annotations

from bisect import bisect_right
from json import dumps
from typing import Any, List, Optional, Sequence, Tuple

from hexnote.model import (
    ARRAY,
    END,
    GROUP,
    LOST,
    MESSAGE,
    OTHER,
    PACKET,
    SIDES,
    Block,
    Connection,
    Finding,
    Node,
    Packet,
    Part,
    Prose,
)


def _text(value: Optional[str]) -> str:
    return "null" if value is None else dumps(value)


def _number(value: Optional[int]) -> str:
    return "null" if value is None else str(value)


class Json:
    """The renderer. Objects come as soon as what they tell is complete, or given up."""

    echoes = False  # the input's lines are not in the output
    unfinished = False  # which always ends in LF
    live = False  # parts of units are of no use: only whole ones are printed
    keep = True  # opaque bodies are wanted with all their bytes

    def __init__(self) -> None:
        self.out: List[str] = []
        self._waits: Optional[Packet] = None  # a packet that is not printed yet,
        self._place = 0  # and its place in `out`

    # ---------------------------------------------------------------- what the pipeline calls

    def begin(self, file: str) -> None:
        """A new input begins."""
        self.out.append(f'{{"kind":"trace","file":{_text(file)}}}\n')

    def prose(self, item: Prose) -> None:
        """Lines that are no dump have no object."""

    def excerpt(self, block: Block) -> None:
        """Nor have bytes shown again."""

    def block(
        self, block: Block, packet: Packet, connection: Optional[Connection], parts: List[Part], review: bool,
        remarks: Sequence[str], findings: Sequence[Finding],
    ) -> None:
        """A packet, or more of one, and what its bytes completed."""
        if block.kind == PACKET:
            self._release()
            # More of a packet may follow that is not there whole: its object stands here, and waits.
            self._place, self._waits = len(self.out), packet
            self.out.append("")
            if packet.captured >= packet.payload and packet.tcp is not None:
                self._release()
        self._parts(parts, connection)
        for finding in findings:
            self._finding(finding)

    def late(self, packet: Packet, at: int, data: bytes, connection: Optional[Connection], parts: List[Part]) -> None:
        """Bytes of an earlier packet that only now can be read."""
        self._parts(parts, connection)

    def lost(self, parts: List[Part], connection: Optional[Connection]) -> None:
        """Holes and given-up units."""
        self._parts(parts, connection)

    def remark(self, text: str, findings: Sequence[Finding] = ()) -> None:
        """Sentences between packets have no object, findings have."""
        for finding in findings:
            self._finding(finding)

    def finish(self, connection: Connection, findings: Sequence[Finding]) -> None:
        """A connection is over."""
        for finding in findings:
            self._finding(finding)

    def end(self) -> None:
        """The input ends."""
        self._release()

    def take(self) -> bytes:
        """What was written since the last call."""
        if self._waits is None:
            made, self.out = self.out, []
        else:
            made, self.out, self._place = self.out[: self._place], self.out[self._place :], 0
        return "".join(made).encode("ascii")

    # ---------------------------------------------------------------- objects

    def _release(self) -> None:
        """Put the packet's object in its place."""
        if self._waits is not None:
            self.out[self._place] = self._packet(self._waits)
            self._waits = None

    def _packet(self, p: Packet) -> str:
        side = "null" if p.stream is None else f'"{SIDES[p.side]}"'
        time = p.summary.time if p.summary is not None else None
        return (
            f'{{"kind":"packet","packet":{p.number},"line":{p.line},"stream":{_number(p.stream)},"from":{side},'
            f'"src":{_text(p.src)},"sport":{_number(p.sport)},"dst":{_text(p.dst)},"dport":{_number(p.dport)},'
            f'"time":{_text(time)},"flags":"{p.flags}","seq":{_number(p.seq)},"ack":{_number(p.ack)},'
            f'"link":{_number(p.link)},"ip":{_number(p.ip)},"tcp":{_number(p.tcp)},"payload":{p.payload},'
            f'"captured":{p.captured},"offset":{_number(p.offset)}}}\n'
        )

    def _parts(self, parts: List[Part], connection: Optional[Connection]) -> None:
        for part in parts:
            kind = part.kind
            if kind == END:
                self._record(part)
            elif part.done and kind != LOST:
                self._fields(part, connection)
                if kind == MESSAGE:
                    self._message(part)

    def _record(self, part: Part) -> None:
        r = part.record
        assert r is not None
        version = "null" if r.format == "ssl2" else _number(r.version)
        self.out.append(
            f'{{"kind":"record","stream":{r.stream},"from":"{SIDES[r.side]}","offset":{r.offset},"length":{r.length},'
            f'"format":"{r.format}","type":{_number(r.type)},"version":{version},'
            f'"encrypted":{"true" if r.encrypted else "false"},"missing":{r.missing}}}\n'
        )

    def _message(self, part: Part) -> None:
        m = part.message
        assert m is not None
        if not m.name:
            return
        where, offset = "", m.offset
        if part.buffer:
            name, offset = (part.buffer, part.base) if part.homes is None else part.homes[0]
            where = f'"buffer":"{name}",'
        self.out.append(
            f'{{"kind":"message","stream":{m.stream},"from":"{SIDES[m.side]}",{where}"offset":{offset},"length":{m.length},'
            f'"type":{m.type},"name":{_text(m.name)},"missing":{m.missing}}}\n'
        )

    def _finding(self, f: Finding) -> None:
        at = [list(a) for a in f.at]
        lines = list(f.lines) if f.lines else None
        self.out.append(
            dumps({
                "kind": "finding", "code": f.code, "severity": f.severity, "stream": f.stream, "by": f.by, "sure": f.sure,
                "text": f.text, "refuted_by": f.refuted_by, "next": f.next, "at": at, "lines": lines,
            }) + "\n"
        )

    # ---------------------------------------------------------------- fields

    def _fields(self, part: Part, connection: Optional[Connection]) -> None:
        if not part.fields:
            return
        buf = part.buf
        whole = isinstance(buf, bytes)
        have = len(buf)
        pieces = part.pieces if part.pieces is not None and len(part.pieces) > 1 else None
        starts = [p[0] for p in pieces] if pieces else []
        extent = max(f[2] for f in part.fields)
        if part.message is not None and part.message.pieces:
            # Where the message is cut, only what its records promise has a place.
            extent = part.message.pieces[-1][0] + part.message.pieces[-1][2]
        places = part.places if part.buffer else connection.readers[part.side].places if connection is not None else None
        record = part.record
        if part.message is not None:
            stream, side = part.message.stream, part.message.side
        elif record is not None:
            stream, side = record.stream, record.side
        else:
            stream, side = (connection.number if connection is not None else 0), part.side
        outside = part.kind == OTHER
        # Bytes outside of any record are a buffer of their own, so that records stay tiled by their fields.
        where = f'"buffer":"other:{part.base}",' if outside else f'"buffer":"{part.buffer}",' if part.buffer else ""
        whose = f'"stream":{stream},"from":"{SIDES[side]}",'
        lead = f'{whose}{where}"path":"'
        path: List[str] = []
        out = self.out
        for node, start, end, depth, index in part.fields:
            if end > extent:
                end = extent
                if start > extent or (start == extent and node.kind != GROUP and part.fields[0][1] != start):
                    continue
            del path[depth:]
            path.append(f"{node.name}[{index}]" if index >= 0 else node.name)
            name = ".".join(path)
            offset, at = _place(part, pieces, starts, start, end, places)
            if outside:
                offset -= part.base
            elif part.homes is not None and pieces:
                where, offset = _home(part.homes, pieces, starts, start, end)
                lead = f'{whose}{where}"path":"'
            if node.kind == GROUP:
                out.append(f'{{"kind":"group",{lead}{name}{node.suffix}","offset":{offset},"length":{end - start}}}\n')
            elif node.kind == ARRAY:
                out.append(f'{{"kind":"group",{lead}{name}{node.suffix}","offset":{offset},"length":{end - start}}}\n')
                size = node.size
                for i, item in enumerate(range(start, end, size)):
                    behind = min(item + size, end)
                    offset, at = _place(part, pieces, starts, item, behind, places)
                    if part.homes is not None and pieces:
                        where, offset = _home(part.homes, pieces, starts, item, behind)
                        lead = f'{whose}{where}"path":"'
                    self._leaf(node, buf, whole, have, item, behind, f"{lead}{name}[{i}]", offset, at)
            else:
                self._leaf(node, buf, whole, have, start, end, f"{lead}{name}{node.suffix}", offset, at)

    def _leaf(
        self, node: Node, buf: Any, whole: bool, have: int, start: int, end: int, lead: str, offset: int, at: List[List[int]],
    ) -> None:
        if end <= have and (whole or buf.known(start, end)):
            raw = buf[start:end]
            digits = raw.hex()
            value, title = node.value(raw), node.title(raw)
            bits = _bits(node, raw)
        else:
            digits, value, title, bits = _holey(buf, whole, have, start, end), None, None, ""
        shown = "null" if value is None else str(value) if isinstance(value, int) else dumps(value)
        self.out.append(
            f'{{"kind":"field",{lead}","offset":{offset},"length":{end - start},"hex":"{digits}","value":{shown},'
            f'"name":{_text(title)},"bits":{bits or "null"},"at":{str(at).replace(" ", "")}}}\n'
        )


def _bits(node: Node, raw: bytes) -> str:
    """The bit fields of a leaf as a JSON object, "" where it has none."""
    if not node.bits:
        return ""
    number, left = int.from_bytes(raw, "big"), 8 * len(raw)
    made = {}
    for name, width in node.bits:
        left -= width
        made[name] = number >> left & ((1 << width) - 1)
    return dumps(made)


def _holey(buf: Any, whole: bool, have: int, start: int, end: int) -> str:
    """Hex of bytes of which some are not there: two dots for each of those."""
    if whole:
        return bytes(buf[start:end]).hex() + ".." * (end - max(start, min(end, have)))
    out, done = [], start
    for a, b in buf.shown(start, min(end, have)):
        out.append(".." * (a - done))
        out.append(buf[a:b].hex())
        done = b
    out.append(".." * (end - done))
    return "".join(out)


def _place(
    part: Part, pieces: Optional[List[Tuple[int, int, int]]], starts: List[int], start: int, end: int, places: Any,
) -> Tuple[int, List[List[int]]]:
    """Stream offset of a field's first byte, and where its bytes stand in which packets."""
    if pieces is None:
        offset = part.base + start
        return offset, [list(p) for p in places.find(offset, part.base + end)] if places is not None and end > start else []
    i = max(bisect_right(starts, start) - 1, 0)
    local, stream, size = pieces[i]
    offset = stream + start - local
    at: List[List[int]] = []
    while i < len(pieces) and pieces[i][0] < end:
        local, stream, size = pieces[i]
        a, b = max(start, local), min(end, local + size)
        if places is not None and a < b:
            at.extend(list(p) for p in places.find(a - local + stream, b - local + stream))
        i += 1
    return offset, at


def _home(
    homes: List[Tuple[str, int]], pieces: List[Tuple[int, int, int]], starts: List[int], start: int, end: int,
) -> Tuple[str, int]:
    """The keys that say in which buffer a field lies that is part of a unit over several, and its offset in it."""
    i = max(bisect_right(starts, start) - 1, 0)
    name, offset = homes[i][0], homes[i][1] + start - pieces[i][0]
    cut: List[str] = []
    while i < len(pieces) and pieces[i][0] < end:
        a, b = max(start, pieces[i][0]) - pieces[i][0], min(end, pieces[i][0] + pieces[i][2]) - pieces[i][0]
        if a < b:
            cut.append(f'["{homes[i][0]}",{homes[i][1] + a},{homes[i][1] + b}]')
        i += 1
    more = f'"pieces":[{",".join(cut)}],' if len(cut) > 1 else ""
    return f'"buffer":"{name}",{more}', offset
