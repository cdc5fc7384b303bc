"""What somebody on the way says of a connection's packets: ICMP errors, each of which quotes the packet it is about.

packet-too-big (error)
    meaning: A packet was too big for a part of the way, and may not be cut there. Where its sender does not come to know, or does
        not heed it, all packets of full size are lost on that way, while small ones pass: a black hole.
    known by: ICMP "fragmentation needed and DF set" (with the next hop's MTU), or ICMPv6 "packet too big", about a packet of this
        connection, by addresses, ports and sequence number. A note where its bytes were acknowledged later: then it was heeded.
    causes: A tunnel, VPN or PPPoE on the way; a firewall that drops ICMP on its way to the sender, or a sender that ignores it.
    try: Let ICMP type 3 (ICMPv6 type 2) pass to the sender; clamp the MSS where the way gets narrow; ping -M do -s 1472 shows
        whether packets of full size pass.
    source: RFC 1191 section 3, RFC 8201, RFC 2923 section 2.1
    sample: tests/test_icmp.py

destination-unreachable (error)
    meaning: Somebody on the way, or at its end, says that a packet of this connection was not delivered, and why.
    known by: ICMP "destination unreachable" about a packet of this connection, by addresses, ports and sequence number. A note
        where the connection went on all the same.
    causes: A rule of a firewall (administratively prohibited); a host that is down, or an address that nobody has (host
        unreachable); a host that rejects that port; no route.
    try: Look at the host that sent the ICMP message: its rules and its routes.
    source: RFC 1122 section 4.2.3.9, RFC 5461, RFC 4443 section 3.1
    sample: tests/test_icmp.py

time-exceeded (warning)
    meaning: A packet of this connection went through more routers than it was allowed to, or not all of its fragments came.
    known by: ICMP "time exceeded" about a packet of this connection, by addresses, ports and sequence number. A note where the
        connection went on all the same.
    causes: Routers that send packets in a circle; a traceroute that uses TCP; lost fragments.
    try: traceroute -T -p PORT to the server: does the way go in a circle?
    source: RFC 792, RFC 1812 section 5.3.1, RFC 4443 section 3.3
    sample: tests/test_icmp.py
"""

from __future__ import annotations

from hexnote.hints import Dict, Iterator, List, Tuple
from hexnote.model import PROHIBITED, SIDES, TOO_BIG, UNREACHABLE, Finding, Notice, Places, Story, finding, plural

_PORT = {4: 3, 6: 4}  # code of "port unreachable"
_FORGED = "a message that its bearer did not send: compare with a capture there"


def end(story: Story) -> Iterator[Finding]:
    """By the ICMP errors about its packets: the first of each kind, of each sender and side."""
    alike: Dict[Tuple[str, str, int, int], List[Notice]] = {}
    for notice in story.notices:
        alike.setdefault((notice.kind, notice.sender, notice.code, notice.side), []).append(notice)
    for (kind, *_), notices in alike.items():
        if kind == TOO_BIG:
            yield _too_big(story, notices)
        elif kind in (UNREACHABLE, PROHIBITED):
            yield _unreachable(story, notices)
        elif kind == "exceeded":
            yield _exceeded(story, notices)


def _arrived(story: Story, notice: Notice) -> bool:
    """Whether what the packet brought was acknowledged, be it by another packet."""
    if notice.offset is None:
        return False
    return story.packets[1 - notice.side] if notice.offset < 0 else story.acked[notice.side] > notice.offset


def _settled(story: Story, notice: Notice) -> bool:
    """Whether it is certain that it did not arrive, as far as this trace goes."""
    if notice.offset is None or story.evicted or any(story.gaps) or any(story.snapped):
        return False
    again = story.resent[notice.side] > 0 if notice.offset >= 0 else len(story.of("SYN", notice.side)) > 1
    return again or bool(story.closed) or "FIN" in story.trail


def _weighed(story: Story, notice: Notice, worst: str) -> Tuple[str, str]:
    """(severity, how sure)"""
    if _arrived(story, notice):
        return "note", "proven"
    return (worst, "likely") if _settled(story, notice) or notice.offset == -1 else ("warning", "possible")


def _where(story: Story, notice: Notice) -> Tuple[str, Places]:
    """The packet in words, and its place."""
    side, offset = notice.side, notice.offset
    if offset is None:
        return f"the {SIDES[side]}'s packet", ()
    if offset < 0:
        syn = next((s for s in reversed(story.of("SYN", side)) if s.packet < notice.packet), None)
        if syn is None:
            return f"the {SIDES[side]}'s SYN", ()
        return f"the {SIDES[side]}'s SYN (packet {syn.packet})", syn.places
    places = tuple(place for place in story.finds[side](offset, offset + 1) if place[0] < notice.packet)
    said = f" (first in packet {places[0][0]})" if places else ""
    return f"the {SIDES[side]}'s {plural(notice.size, 'byte') if notice.size else 'packet'} at offset {offset}{said}", places


def _lead(story: Story, notices: List[Notice]) -> Tuple[str, Places]:
    first = notices[0]
    what, places = _where(story, first)
    more = f", and again of {plural(len(notices) - 1, 'more packet')}" if len(notices) > 1 else ""
    at = tuple((first.packet, start, end) for start, end, _ in first.labels[:2])
    return f"{first.sender} says (ICMP, packet {first.packet}) of {what}{more}: {first.what}", at + places


def _too_big(story: Story, notices: List[Notice]) -> Finding:
    first = notices[0]
    severity, sure = _weighed(story, first, "error")
    text, at = _lead(story, notices)
    side = SIDES[first.side]
    text += f"; the packet has {first.total} bytes" + (f", the next hop takes {first.mtu}" if first.mtu else "")
    if first.mtu and first.mtu >= first.total:
        return finding(story, "packet-too-big", "warning", "unknown", "possible",
                       f"{text}: that does not fit, and may be made up", _FORGED, "capture at that router", at)
    if severity == "note":
        text += f"; its bytes were acknowledged later: the {side} has heeded it"
    elif _settled(story, first):
        again = ", though they were sent again" if story.resent[first.side] else ""
        text += f"; its bytes were never acknowledged{again}: the {side} did not get that word, or does not heed it, and what is " \
                "of full size is lost on that way"
    else:
        text += "; the trace ends before its bytes are acknowledged"
    mtu, headers = first.mtu or 0, 40 if first.version == 4 else 60
    fits = f" (an MSS of {mtu - headers} fits)" if mtu > headers else ""
    return finding(story, "packet-too-big", severity, "middlebox", sure, text, "an acknowledgement that the trace lacks",
                   f"let ICMP pass to the {side}, and clamp the MSS where the way gets narrow{fits}", at,
                   seen="proven" if severity == "error" else "")


def _unreachable(story: Story, notices: List[Notice]) -> Finding:
    first = notices[0]
    severity, sure = _weighed(story, first, "error")
    text, at = _lead(story, notices)
    other = SIDES[1 - first.side]
    itself = story.ends[1 - first.side].rpartition(":")[0].strip("[]") == first.sender
    by = "unknown"
    what = "look at that host: does it know the way"
    if itself:
        by, text = other, f"{text}; that is the {other} itself"
        what = f"look at the {other}'s firewall and at what listens there (ss -ltn)"
    elif first.kind == PROHIBITED or first.code == _PORT[first.version]:
        by = "middlebox"
        what = f"look at the rules of {first.sender}: may that address and port be reached"
    text += _after(story, first, severity)
    return finding(story, "destination-unreachable", severity, by, sure, text, _FORGED, what, at,
                   seen="proven" if severity == "error" else "")


def _exceeded(story: Story, notices: List[Notice]) -> Finding:
    first = notices[0]
    severity, sure = _weighed(story, first, "warning")
    text, at = _lead(story, notices)
    return finding(story, "time-exceeded", severity, "middlebox" if not first.code else "unknown", sure,
                   text + _after(story, first, severity), _FORGED, "traceroute to the other end: does the way go in a circle", at)


def _after(story: Story, notice: Notice, severity: str) -> str:
    """What became of the connection."""
    if severity == "note":
        return "; it was answered all the same"
    return "; it was never answered" if _settled(story, notice) or notice.offset == -1 else ""
