"""How long nothing new was sent before a RST or FIN, by the times that the heads of packets bear.

They are read here alone, of three packets, where one asks for it: a RST, or a FIN in the midst of a handshake. They count only if
all of them have one form, which can be nothing else, and none is earlier than that of a packet before it: across midnight, and of
times between packets (tcpdump -ttt, snoop), nothing is known.
"""

from __future__ import annotations

import re

from hexnote.hints import Any, Optional, Tuple
from hexnote.model import HEAD, Idle, Packet, Story

# The shortest silence that is told, in nanoseconds: servers that let a connection go early do so after 5 s (Apache's default).
LEAST = 5 * 10**9

# What an end may send at once after a silence, in bytes: ten segments (RFC 6928 section 2, RFC 5681 section 4.1).
_WINDOW = 14600

# What stands before and behind a time that is the packet's own, and not a logger's: marks of quotation and numbers; what tcpdump
# prints next: a protocol, an interface and a direction, or an address.
_LEAD = rb"[^A-Za-z\n]{0,24}?(?<![\d:.,+-])"
_NEXT = (
    rb"(?= {1,2}(?:IP6? |PPPoE |(?:[\w.-]{1,16} {1,2})?(?:In|Out|in|out|B|M|P) |(?:[0-9A-Fa-f]{1,2}:){5}|[\w.:-]{3,64} -?> ))"
)
# A time of day, perhaps behind a date; seconds since 1970; FortiGate's, since its sniffer was started.
_CLOCK = re.compile(_LEAD + rb"(?:(\d{4})-(\d\d)-(\d\d) )?([01]\d|2[0-3]):([0-5]\d):([0-5]\d)\.(\d{2,9})" + _NEXT)
_EPOCH = re.compile(_LEAD + rb"(1\d{9})\.(\d{3,9})" + _NEXT)
_SNIFFER = re.compile(
    rb"[^A-Za-z\d\n]{0,8}(\d{1,7})\.(\d{6}) (?:\S{1,32} (?:in|out) )?\S{3,64} -> \S{3,64}: (?:syn|fin|psh|rst|ack|urg)\b")


def idle(story: Story, end: Packet, came: int) -> Optional[Idle]:
    """What came before a RST or FIN, the first end of its connection; None where that was no long silence, or it is not known.
    `came`: up to which stream offset the other end's bytes were seen."""
    last = story.last_packets()
    mine, theirs = last[end.side], last[1 - end.side]
    if mine is None or theirs is None:
        return None
    late = theirs if theirs.line > mine.line else mine
    known = [moment(head) for head in (mine.head, theirs.head, end.header[:HEAD])]
    own, other, now = [each and each[1] for each in known]
    if own is None or other is None or now is None or len({each and each[0] for each in known}) > 1:
        return None
    before, newest = (own, other) if late is theirs else (other, own)
    if not before <= newest <= now or story.uneven >= late.line:
        return None  # what was sent again was no silence, and a clock that was set back is none
    if now - newest >= LEAST:
        return Idle(now - newest, 0, 0, ())
    # The other end's bytes were new, and all before them had been acknowledged by the last packet of this one. Where several
    # packets brought them, the first came not long before the last: what is not acknowledged would have been sent again by then.
    if late is not theirs or not theirs.payload or theirs.seq is None or mine.ack is None or story.uneven >= mine.line:
        return None
    size = (theirs.seq + theirs.payload - mine.ack) & 0xFFFFFFFF
    several = size != theirs.payload
    if other - own < LEAST or several and size > _WINDOW or size > came:
        return None
    return Idle(other - own, size, now - other, tuple(story.finds[1 - end.side](came - size, came)), several)


def moment(head: bytes) -> Optional[Tuple[Any, int]]:
    """(form, nanoseconds from the form's own zero) of the time in the head of a packet; None where there is none, or where it may
    be something else. Times of two heads can be compared if their forms are equal."""
    found = _CLOCK.match(head)
    if found is not None:
        year, month, day, hours, minutes, seconds, parts = found.groups()
        days = 0
        if year:
            import datetime

            try:
                days = datetime.date(int(year), int(month), int(day)).toordinal()
            except ValueError:
                return None
        elif hours == b"00":
            return None  # tcpdump -ttt prints the time since the packet before it so
        whole = ((days * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
        return ("date" if year else "clock", len(parts)), whole * 10**9 + int(parts.ljust(9, b"0"))
    for form, pattern in ("epoch", _EPOCH), ("sniffer", _SNIFFER):
        found = pattern.match(head)
        if found is not None:
            return (form, len(found[2])), int(found[1]) * 10**9 + int(found[2].ljust(9, b"0"))
    return None
