"""Where in a walkthrough a finding is told: before the first step, at a packet, or behind the last step."""

from __future__ import annotations

from hexnote.hints import Dict, List, Sequence, Tuple
from hexnote.model import Finding
from hexnote.report import Connection
from hexnote.tale_sections import DATA, Section
from hexnote.tuples import NamedTuple

RIVALS = ("empty-fragments", "record-splitting")  # either is told in the words of both
_WHOLE = ("full-handshake", "resumed-session", "external-psk")  # how all of it went: told at the end
# What limits all that can be read: told before the first step, where it has no place of its own.
_BEFORE = ("gap", "snapped", "one-sided", "midstream", "not-tls", "eviction", "keys-do-not-fit")
# What is about a FIN or RST, whose packet may have no bytes to name.
_ENDS = {"reset-after-close": "R", "reset-mid-handshake": "R", "injected-reset": "R", "idle-close": "R", "no-close-notify": "F"}
_BOXES = 5  # findings of one code that are shown as boxes


class Placed(NamedTuple):
    """The findings of a connection, by where they are told."""

    before: List[Finding]  # before the first step
    at: Dict[int, List[Finding]]  # by the packet at which they are shown
    behind: List[Finding]  # behind the last step
    more: List[Tuple[str, int]]  # those that are left out: code, how many


def placed(connection: Connection, made: Sequence[Section], steps: bool) -> Placed:
    """All findings of a connection in sections, given their places; without `steps` there is one place alone."""
    told = Placed([], {}, [], [])
    shown: Dict[str, int] = {}
    here = {packet.number for packet in connection.packets}
    read: Dict[int, int] = {}  # packet to the one with which its bytes can be read
    for section in made:
        for place in section.places:
            read[place[0]] = max(read.get(place[0], 0), section.seen)
    at_packet = {id(f): p.number for p in connection.packets for f in p.findings}
    for finding in connection.findings:
        shown[finding.code] = shown.get(finding.code, 0) + 1
        if shown[finding.code] > _BOXES:
            continue
        where = {place[0] for place in finding.at} & here
        number = at_packet.get(id(finding)) or max(where, default=0) or _about(finding, connection, made)
        number = max(number, read.get(number, 0))  # when all of its bytes are told
        if number in here and finding.code not in _WHOLE:
            told.at.setdefault(number, []).append(finding)
        elif finding.code in _BEFORE and steps:
            told.before.append(finding)
        else:
            told.behind.append(finding)
    told.more.extend((code, times - _BOXES) for code, times in shown.items() if times > _BOXES)
    return told


def _about(finding: Finding, connection: Connection, made: Sequence[Section]) -> int:
    """The packet at which a finding without bytes of its own is told: the FIN or RST it is about, the data whose records
    are split; 0: none."""
    flag = _ENDS.get(finding.code)
    if flag is not None:
        return next((packet.number for packet in connection.packets if flag in packet.flags), 0)
    if finding.code in RIVALS:
        # The second of two rivals does not name its side again.
        text = next((f.text for f in reversed(connection.findings[: connection.findings.index(finding) + 1])
                     if f.code in RIVALS and ("client" in f.text or "server" in f.text)), "")
        return next((s.seen for s in made if s.phase == DATA and s.side in text), 0)
    return 0
