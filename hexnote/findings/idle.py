"""A connection that nobody used for a while, and that was gone when somebody did: what only times tell.

idle-close (warning)
    meaning: For a while neither end had anything new to send; then came a reset, by itself or as the answer to the next bytes.
        The connection was given up, by an end or by something between, and not both ends heard of it.
    known by: The times in the heads of packets: at least 5 seconds without a packet before the RST, or without a new byte before
        the bytes that the RST answers (where several packets brought those: none was sent again). Not said where the times are
        of no form that is certain (tcpdump's times of day, dates and seconds since 1970 are, and FortiGate's), or run backwards
        (midnight), where segments were sent again meanwhile, bytes are missing or an end had closed (FIN, an alert), or before
        the handshake was over.
    causes: A load balancer, firewall or NAT that forgets idle connections (often after 60, 300, 350 or 3600 seconds) and resets
        what comes later; an end with a timeout of its own; an answer that was waited for too long.
    try: Find the timeout of that many seconds on the way, and raise it; or keep the connection in use (TCP keepalive, HTTP/2
        PING), or close it, sooner than that.
    source: RFC 9293 section 3.5.2, RFC 5382 section 5
    sample: tests/test_times.py
"""

from __future__ import annotations

from hexnote.findings.signs import foreign, like_alert, seconds
from hexnote.hints import Iterator
from hexnote.model import SIDES, Finding, Idle, Step, Story, finding, plural

_SPOKE = frozenset(("message", "change_cipher_spec", "alert", "heartbeat", "record", "sealed", "data", "other"))


def end(story: Story) -> Iterator[Finding]:
    """By the first RST."""
    idle, reset = story.idle, next((s for s in story.steps if s.kind in ("FIN", "RST")), None)
    if idle is None or reset is None or reset.kind == "FIN" or any(story.gaps) or story.courses and not story.courses[0].complete:
        return  # it may be that not all is in the trace; how far a handshake came is told elsewhere
    said = next((s for s in reversed(story.steps) if s.kind in _SPOKE and s.packet < reset.packet), None)
    if said is None or said.type == 21 or like_alert(story, story.version, said):
        return  # an alert had ended it
    yield _told(story, idle, reset, said)


def _told(story: Story, idle: Idle, reset: Step, said: Step) -> Finding:
    side, other = SIDES[reset.side], SIDES[1 - reset.side]
    long = seconds(idle.time)
    if idle.size:
        lead, again, later = f"for {long} neither end sent anything new", "", "later"
        if idle.several:
            lead, again, later = f"the {side} sent nothing for {long}", ", which were sent but once,", "after the last of them"
        text = f"{lead}; the {other}'s next {plural(idle.size, 'byte')}{again} {_are(idle.size)} answered by a reset that bears " \
               f"the {side}'s address, {seconds(idle.answer)} {later}"
        what = f"so does what gave up an idle connection: the {side} itself, or a load balancer, firewall or NAT"
    elif said.side != reset.side:
        text = f"{long} without a packet, then a reset that bears the {side}'s address; the last to send data was the {other}"
        what = "if that was a question, its answer took too long for whoever sent the RST; else the connection was idle too long"
    else:
        text = f"{long} without a packet, then a reset that bears the {side}'s address"
        what = f"so ends an idle timeout: of the {side}, or of a load balancer, firewall or NAT"
    why = foreign(story, reset)
    if why:
        by, whose = "middlebox", f"; it was likely not the {side} that sent the RST: {'; '.join(why)}"
    else:
        by, whose = "unknown", _alike(story, reset)
    return finding(story, "idle-close", "warning", by, "likely", f"{text}: {what}{whose}",
                   f"another reason for the RST in the {side}'s log; packets of that time that the trace lacks",
                   f"find the timeout that fits {long}: the {side}'s, a load balancer's, a firewall's; raise it, or keep the "
                   "connection in use (TCP keepalive) or close it sooner", reset.places + idle.places, seen="proven")


def _are(size: int) -> str:
    return "is" if size == 1 else "are"


def _alike(story: Story, reset: Step) -> str:
    """What its TTL says of a RST that looks like its bearer's."""
    if reset.ttl is not None and reset.ttl in story.ttls[reset.side]:
        return f"; its TTL ({reset.ttl}) is that of the {SIDES[reset.side]}'s other packets"
    return ""
