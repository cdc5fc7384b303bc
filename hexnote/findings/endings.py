"""How a connection ends: with or without close_notify, by FIN or RST, and by whom.

no-close-notify (warning)
    meaning: The end that closed first did not say so in TLS: the other one cannot tell a finished transfer from one
        that was cut off.
    known by: A FIN, or a RST, of the first side to close, the last record before it no alert, and no alert of the peer that it
        merely answers. In TLS 1.3 an alert looks like data: said where the last record is not as long as one, bare
        or padded as Java pads, and likely at most, since other padding can hide an alert.
    causes: A program that closes the socket without shutting TLS down; a crash; a timeout; a middlebox that closes.
    try: Have the program call SSL_shutdown (or its like) before it closes; OpenSSL 3 reports "unexpected eof".
    source: RFC 5246 section 7.2.1, RFC 8446 section 6.1
    sample: tests/test_findings.py

reset-after-close (note)
    meaning: A reset behind the peer's closing alert: the socket was gone already. Cosmetic: nothing was lost that TLS
        had not ended.
    known by: RST behind an alert of the other end (in TLS 1.3, behind a last record as long as one).
    causes: A program that closes its socket while the peer's close_notify is still on its way.
    try: Nothing.
    source: RFC 5246 section 7.2.1
    sample: server-auth

reset-mid-handshake (error)
    meaning: The connection was reset before both sides had finished the handshake.
    known by: RST behind a hello and before both encrypted Finished, not behind its sender's own FIN or alert.
    causes: A policy of a firewall or of the server (name, address, version); a server process that died; nothing that
        speaks TLS on that port.
    try: Compare the TTL of the RST with that of the server's SYN-ACK; try without a server name and from another
        network; read the server's log.
    source: RFC 9293 section 3.5
    sample: tests/test_findings.py

injected-reset (warning)
    meaning: The reset was likely not sent by the end whose address it bears.
    known by: A RST whose TTL no other packet of its sender has, or whose IP identification is not zero and nearer to the
        other end's count, or that carries data, or behind which its sender goes on with new data.
    causes: A firewall, filter or inspection system that breaks connections off in another's name.
    try: Capture at both ends: the RST that one end receives the other has not sent. Then ask whose box stands between.
    source: RFC 9293 section 3.5.2, RFC 3360
    sample: tests/test_findings.py

data-after-fin (warning)
    meaning: An end goes on sending new data behind its own FIN. TCP ends a stream there: the other end takes none of them.
        One of the two is not that end's: a middlebox closed in its name, or data were added.
    known by: Bytes whose sequence numbers lie behind that of a FIN of the same direction.
    causes: A proxy, filter or load balancer that closes a connection in another's name; a defect in a TCP stack.
    try: Compare the TTL and IP identification of the FIN and of the data with other packets of that end; capture at both ends.
    source: RFC 9293 section 3.10.4
    sample: tests/test_findings.py
"""

from __future__ import annotations

from hexnote.findings.signs import blamed, foreign, like_alert, padded, unheard
from hexnote.hints import Iterator, List, Optional
from hexnote.model import SIDES, Course, Finding, Places, Step, Story, finding, message_name, plural

_ENDS = frozenset(("FIN", "RST", "SYN", "hole"))
_QUICK = "; it does so right behind the handshake, before any data of its own: so do programs that refuse the other end's " \
         "certificate, or that it has none, without an alert (Node.js), and those that only try the connection"
_CAPTURE = "capture at both ends and compare: did the end whose address it bears send this packet?"


def end(story: Story) -> Iterator[Finding]:
    """By the FINs and RSTs."""
    if "RST" in story.trail:
        reset = story.steps[story.trail.index("RST")]
        injected = _injected(story, reset)
        if injected is not None:
            yield injected
        peer = _closing(story, 1 - reset.side, reset)
        course = story.courses[0] if story.courses else None
        if peer is not None:
            if injected is None:
                yield finding(story, "reset-after-close", "note", "unknown", "proven" if peer.type == 21 else "likely",
                              f"the {SIDES[reset.side]}'s RST comes behind the closing alert of the {SIDES[1 - reset.side]}: "
                              "its socket "
                              "was closed already; nothing is lost", at=reset.places)
        elif course is not None and course.hello is not None and not course.complete and not _own(story, reset) \
                and not ("hole" in story.trail and all(story.of("data", side) for side in (0, 1))):
            # Where bytes are missing and both ends have sent data, the Finished may be among them.
            yield _mid(story, course, reset)
        elif injected is None and "FIN" not in story.trail[: story.trail.index("RST")]:
            yield from _silent(story, reset)
    if "FIN" in story.trail:
        first = story.trail.index("FIN")
        if "RST" not in story.trail[:first]:
            yield from _silent(story, story.steps[first])
        if not _ENDS.issuperset(story.trail[first:]):
            yield from _overtaken(story, story.steps[first:])


def _overtaken(story: Story, steps: List[Step]) -> Iterator[Finding]:
    """A FIN that was seen before data of its side, among `steps`: all from the first FIN on."""
    late: List[Step] = []
    for step in reversed(steps):
        if step.kind == "FIN":
            behind = next((
                s for s in reversed(late) if s.side == step.side and s.brought > step.packet and s.offset < step.offset), None)
            if behind is not None:
                yield finding(story, "out-of-order", "note", "unknown", "proven",
                              f"the {SIDES[step.side]}'s FIN (packet {step.packet}) comes before data that precede it (packet "
                              f"{behind.brought}): it overtook them, or they were sent again", at=step.places + behind.places)
        elif step.kind not in _ENDS:
            late.append(step)
            if len(late) > 16:
                return


def _closing(story: Story, side: int, before: Step) -> Optional[Step]:
    """The closing alert of a side, sent before a step; in TLS 1.3 the last record where it is as long as an alert."""
    for step in reversed(story.steps):
        if step.side != side or step.brought > before.packet:
            continue
        if step.kind == "data":
            return step if _alert13(story, step) else None
        if step.type == 21 and (step.kind == "sealed" or step.kind == "alert" and (step.level == 2 or step.description == 0)):
            return step
    return None


def _alert13(story: Story, step: Step) -> bool:
    """Whether a run of records of TLS 1.3 ends with one as long as an alert."""
    return bool(like_alert(story, story.version or (story.courses[0].version if story.courses else None), step))


def _own(story: Story, reset: Step) -> bool:
    """Whether the sender of a RST had closed before, by FIN or alert."""
    return any(
        s.side == reset.side and s.brought <= reset.packet
        and (s.kind == "FIN" or s.type == 21 and s.kind in ("alert", "sealed") or s.kind == "data" and _alert13(story, s))
        for s in story.steps
    )


def _mid(story: Story, course: Course, reset: Step) -> Finding:
    side = SIDES[reset.side]
    last = course.last
    behind = f" behind the {SIDES[last.side]}'s {message_name(last)}" if last is not None else ""
    by, doubt = blamed(story, reset)
    left = next((s for s in story.steps if s.kind == "FIN" and s.side != reset.side and s.packet < reset.packet), None)
    if left is not None and not doubt:
        by, doubt = "unknown", f"; the {SIDES[left.side]} had closed it before (FIN, packet {left.packet})"
    lost = "" if doubt else unheard(story, 1) or unheard(story, 0)
    if lost:
        by, doubt = "middlebox", lost
    return finding(story, "reset-mid-handshake", "error", by, "likely",
                   f"the {side} resets the connection in the midst of the handshake{behind}{doubt}",
                   "a RST that its bearer did not send: compare its TTL and IP identification with other packets of that end",
                   f"read the {side}'s log, and capture there as well: did it send this RST?", reset.places,
                   seen="proven")


def _injected(story: Story, reset: Step) -> Optional[Finding]:
    why = foreign(story, reset)
    if reset.size:
        why.append(f"it carries {plural(reset.size, 'byte')} of data")
    if not why:
        return None
    side = SIDES[reset.side]
    return finding(story, "injected-reset", "warning", "middlebox", "likely",
                   f"the RST that bears the {side}'s address was likely not sent by it: {'; '.join(why)}",
                   f"a trace taken at the {side} in which it sends the same RST", _CAPTURE, reset.places)


def _silent(story: Story, first: Step) -> Iterator[Finding]:
    """The first side to close, by the FIN or RST `first`, where it did so without an alert."""
    if not all(story.packets) or story.pseudo:
        return
    side = first.side
    if story.snapped[side] or story.gaps[side] or not story.seen[1 - side]:
        return
    if not story.courses or not story.courses[0].complete:
        return  # the handshake's own end is told elsewhere
    if _closing(story, 1 - side, first) is not None or any(f.code == "data-after-fin" for f in story.told):
        return  # it only answers; or whose that FIN is, is told as not known
    last = next((s for s in reversed(story.steps) if s.side == side and s.kind not in _ENDS), None)
    if last is None or last.kind not in ("data", "sealed") or last.missing or last.type == 21:
        return
    version = story.courses[0].version
    if version == 0x0304 and (like_alert(story, version, last) or last.kind != "data" or padded(story, side)):
        return
    if "alert" in story.trail and any(s.kind == "alert" and s.side == side and s.buffer for s in story.steps):
        return  # a key log shows it
    name = SIDES[side]
    by, doubt = blamed(story, first)
    if first.kind == "RST" and story.idle is not None and not doubt:
        by = "unknown"  # whoever gave up an idle connection
    # It may only answer an alert that the trace lacks.
    hidden = bool(story.gaps[1 - side] or story.snapped[1 - side])
    quick = not doubt and not any(story.gaps) and not any(story.snapped) and _no_data(story, story.courses[0], side)
    yield finding(story, "no-close-notify", "warning", by, "likely" if version == 0x0304 or doubt or hidden else "proven",
                  f"the {name} {'closes' if first.kind == 'FIN' else 'resets the connection'} ({first.kind}) and has sent no alert "
                  f"behind its last data: the other end cannot tell a finished transfer from one that was cut off{doubt}"
                  f"{_QUICK if quick else ''}",
                  "an alert hidden by padding" if version == 0x0304 else
                  f"an alert of {'either end' if hidden else 'it'} that the trace lacks",
                  _CAPTURE if doubt else
                  f"read the {name}'s log: does it refuse the other end's certificate, or that there is none" if quick else
                  f"have the {name}'s program shut TLS down before it closes the socket (SSL_shutdown)" if first.kind == "FIN"
                  else f"read the {name}'s log: why did it reset the connection", first.places,
                  seen="likely" if version == 0x0304 or hidden else "proven")


def _no_data(story: Story, course: Course, side: int) -> bool:
    """Whether a side sent nothing behind both Finished, as far as their places and lengths tell."""
    if course.version != 0x0304:
        return not any(s.kind == "data" and s.side == side for s in story.steps)
    finished = course.finished[0]
    protection = story.lengths.protection(course.suite, 0x0304) if story.lengths is not None else None
    if finished is None or protection is None or finished not in story.steps:
        return False
    behind = [s for s in story.steps[story.steps.index(finished) :] if s.kind == "data" and s.side == side]
    # The client's Finished ends its flight; the server's tickets would come behind it.
    return behind == [finished] and finished.last == protection.finished + protection.mac + 1 if not side else not behind


def late(stream: Optional[int], reset: Step, at: Places) -> Finding:
    """New data of an end, at `at`, behind a RST that bears its address."""
    side = SIDES[reset.side]
    return Finding("injected-reset", "warning", stream, "middlebox", "likely",
                   f"the {side} goes on sending behind the RST of packet {reset.packet} that bears its address: it did not send "
                   "that RST", f"a trace taken at the {side} in which it sends the same RST", _CAPTURE, reset.places + at)
