"""Two captures of one connection: bytes changed on the way, packets that only one of them has."""

from __future__ import annotations

from hexnote.hints import Dict, List, Optional, Tuple
from hexnote.report import Connection, Packet, Report

_LISTED = 20  # packets and changes that are told one by one


def told_apart(good: Report, one: Connection, bad: Report, other: Connection) -> List[str]:
    """What differs between the captures `one` and `other` of a connection, in lines."""
    lines = ["both are captures of one connection: the client's random is the same"]
    changed = _changed(one, other)
    lost = _lost(one, other, good.file, "bad") + _lost(other, one, bad.file, "good")
    headers = _headers(one, other)
    if changed:
        lines += ["", "bytes changed on the way", *(f" {line}" for line in changed[:_LISTED])]
        if len(changed) > _LISTED:
            lines.append(f" and {len(changed) - _LISTED} more")
    if lost:
        lines += ["", "packets that only one of them has", *(f" {line}" for line in lost[:_LISTED])]
        if len(lost) > _LISTED:
            lines.append(f" and {len(lost) - _LISTED} more")
    if headers:
        lines += ["", "headers", *(f" {line}" for line in headers)]
    if not changed and not lost:
        lines.append("they show the same packets with the same bytes" + (" (but for headers)" if headers else ""))
    return lines


def _stream(connection: Connection, side: str) -> Dict[int, Tuple[int, Packet, int]]:
    """Bytes by stream offset: (byte, packet, dump offset); of bytes sent twice the first ones."""
    made: Dict[int, Tuple[int, Packet, int]] = {}
    for packet in connection.packets:
        if packet.side != side or packet.offset is None:
            continue
        shift = packet.offset - packet.start
        for block in packet.blocks:
            for i, byte in enumerate(block.data, block.offset):
                if packet.start <= i < packet.start + packet.payload:
                    made.setdefault(i + shift, (byte, packet, i))
    return made


def _changed(one: Connection, other: Connection) -> List[str]:
    """Runs of bytes that differ at the same place of a stream."""
    lines: List[str] = []
    for side in ("client", "server"):
        left, right = _stream(one, side), _stream(other, side)
        runs: List[Tuple[int, int]] = []
        for offset in sorted(left.keys() & right.keys()):
            if left[offset][0] != right[offset][0]:
                if runs and runs[-1][1] == offset:
                    runs[-1] = (runs[-1][0], offset + 1)
                else:
                    runs.append((offset, offset + 1))
        for start, end in runs:
            good = bytes(left[i][0] for i in range(start, min(end, start + 16))).hex()
            bad = bytes(right[i][0] for i in range(start, min(end, start + 16))).hex()
            more = " ..." if end - start > 16 else ""
            size = "1 byte" if end - start == 1 else f"{end - start} bytes"
            places = [f"(packet {there[start][1].number}, 0x{there[start][2]:04x})" for there in (left, right)]
            what = f"{side}, stream offset {start}, {size}{_field(one, side, start)}"
            lines.append(f"{what}: good {good}{more} {places[0]}, bad {bad}{more} {places[1]}")
    return lines


def _field(connection: Connection, side: str, offset: int) -> str:
    """In which field a byte of the stream stands."""
    for unit in connection.units:
        if unit.side == side and not unit.buffer:
            for field in unit.fields:
                if not field.group and not field.buffer and field.offset <= offset < field.offset + field.length:
                    return f", {field.path}"
    return ""


def _lost(one: Connection, other: Connection, file: str, lacking: str) -> List[str]:
    """Packets of `one` that `other` lacks."""
    left: Dict[Tuple[Optional[str], Optional[int], int, str], int] = {}
    for packet in other.packets:
        left[_mark(packet)] = left.get(_mark(packet), 0) + 1
    lines: List[str] = []
    for packet in one.packets:
        mark = _mark(packet)
        if left.get(mark, 0):
            left[mark] -= 1
            continue
        what = f"{packet.payload} bytes" if packet.payload else packet.flags or "no flags"
        lines.append(
            f"{file}, packet {packet.number} from the {packet.side}: {what}, sequence number {packet.seq}; {lacking} lacks it"
        )
    return lines


def _mark(packet: Packet) -> Tuple[Optional[str], Optional[int], int, str]:
    return packet.side, packet.seq, packet.payload, packet.flags


def _headers(one: Connection, other: Connection) -> List[str]:
    """Addresses rewritten between the two."""
    lines = []
    for name in ("client", "server"):
        a, b = getattr(one, name), getattr(other, name)
        if a != b:
            lines.append(f"the {name} is {a} in good and {b} in bad: its address is rewritten between them")
    return lines
