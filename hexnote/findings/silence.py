"""What did not come: no answer, no end of the handshake. And the hello in several segments, which some never answer.

client-hello-unanswered (error)
    meaning: The client said hello, and not one byte came back.
    known by: A ClientHello, packets of the server, and no byte of its stream; a bare FIN or RST is no byte. Whether the
        hello was acknowledged tells who swallowed it: not acknowledged, it was lost on the way; acknowledged, the
        server or what stands before it has it and is silent.
    causes: A firewall or filter on names; a path that drops full-size packets; a server that waits for another
        protocol (STARTTLS), is overloaded, or cannot take a hello of more than one segment; a client that closes in the midst of
        its hello (a health check).
    try: A smaller hello (openssl s_client -groups X25519), another server name, ping -M do -s 1472 to the server, and a
        trace taken at the server.
    source: RFC 5246 section 7.4.1.2
    sample: tests/test_findings.py

handshake-incomplete (warning)
    meaning: The connection, or the trace, ended before both sides finished the handshake.
    known by: A hello, and not both encrypted Finished, nothing missing from the trace. Not said where a fatal alert, a
        reset or another protocol's answer explains the end, unless a FIN came before the alert.
    causes: A client that gave up (timeout, a user, a health check that only opens and closes); an alert that was
        encrypted; a path that drops packets of full size (what was sent again and not acknowledged is told); a trace that stops
        too early.
    try: Capture until the connection is closed; look into the log of the end that closed it.
    source: RFC 5246 section 7.3, RFC 8446 section 2
    sample: tests/test_findings.py

client-hello-segmented (note)
    meaning: The ClientHello takes more than one TCP segment.
    known by: Its bytes stand in more than one packet.
    causes: A post-quantum key share (X25519MLKEM768 has 1,216 bytes), a long session ticket, padding; a small MTU.
    try: If the server does not answer, offer less: openssl s_client -groups X25519. Some middleboxes look for the server
        name in the first segment alone.
    source: RFC 8446 section 4.1.2, tldr.fail
    sample: tests/test_findings.py

syn-unanswered (error)
    meaning: The client asks for a connection (SYN) again and again, and nobody answers.
    known by: Two SYNs of the client or more, that are not one packet seen twice, and nothing else of either end. A client that
        had an answer would not ask again.
    causes: A firewall that drops them without a word; a wrong address, a host that is down; no way back.
    try: Capture at the server: do they come there? Does it listen there (ss -ltn)?
    source: RFC 9293 section 3.8.3
    sample: tests/test_findings.py

connection-refused (error)
    meaning: The client asks for a connection (SYN), and the answer is a reset: TLS was not even begun.
    known by: A SYN of the client, none of the server, and its RST.
    causes: Nothing listens on that port; a firewall that rejects instead of dropping; a service that has crashed.
    try: On the server: ss -ltn. Is it the right port?
    source: RFC 9293 section 3.5.2
    sample: tests/test_findings.py
"""

from __future__ import annotations

from hexnote.findings.signs import blamed, like_alert, unheard, waited
from hexnote.hints import Iterator, List, Optional, Tuple
from hexnote.model import SIDES, VERSIONS, Course, Finding, Step, Story, cut_short, finding, message_name, try_client

_HANG = (256, 511)  # bytes of a hello in one record (RFC 7685 section 1)
_BARE = frozenset(("SYN", "FIN", "RST"))


def at(story: Story, step: Step) -> Iterator[Finding]:
    """By a ClientHello."""
    if step.segments > 1 and not step.side and not story.pseudo:
        yield finding(story, "client-hello-segmented", "note", "unknown", "proven",
                      f"the ClientHello of {step.size} bytes takes {step.segments} segments", at=step.places, sided=False)


def end(story: Story) -> Iterator[Finding]:
    """What is missing at the end."""
    if story.pseudo or not story.courses:
        yield from _unopened(story)
        return
    course = story.courses[0]
    if course.hello is None or course.complete or course.version == 0x0002:
        return  # where SSL 2.0 ends its handshake does not show
    if _mute(story, course.hello):
        yield from _unanswered(story, course, course.hello)
    else:
        yield from _incomplete(story, course)


def _mute(story: Story, hello: Step) -> bool:
    """Whether the server says nothing, or nothing more behind the words by which it lets TLS begin."""
    said = [s for s in story.steps if s.side and s.kind not in _BARE]
    if not said:
        return not story.seen[1]
    preface = story.preface
    if preface is None or preface.kind not in ("starttls", "proxy") or preface.asked is None or preface.waits is not None:
        return False
    if any(story.gaps) or any(story.snapped):
        return False  # the answer may be among what is missing
    return hello in story.steps and story.steps.index(said[-1]) < story.steps.index(hello) and all(s.kind == "other" for s in said)


def _unopened(story: Story) -> Iterator[Finding]:
    """A client's SYN alone, as often as it was sent, and perhaps what refuses it."""
    asked = story.of("SYN", 0)
    reset = next((s for s in story.of("RST") if s.side), None)
    if not asked or any(s.side if s.kind == "SYN" else s is not reset for s in story.steps):
        return
    if reset is not None:
        yield finding(story, "connection-refused", "error", "server", "likely",
                      "the server refuses the connection: a RST answers the client's SYN. Nothing listens on that port, or a "
                      "firewall rejects it",
                      "a RST that its bearer did not send: compare its TTL with other packets of that end",
                      "ss -ltn on the server: does anything listen on that port", asked[-1].places + reset.places,
                      seen="proven")
        return
    numbers = {s.ipid for s in asked}
    times = len(asked) if 0 in numbers or None in numbers else len(numbers)
    if times > 1:
        yield finding(story, "syn-unanswered", "error", "unknown", "likely",
                      f"the client asks for a connection {times} times (SYN), and no TCP packet answers",
                      "an answer that the trace lacks, and that the client did not get either",
                      f"look at {story.notices[0].sender}: it says why (ICMP, packet {story.notices[0].packet})"
                      if story.notices else
                      "look for ICMP in the capture, and capture at the server: do the SYNs come there, does it listen (ss -ltn)",
                      asked[0].places + asked[-1].places)


def _unanswered(story: Story, course: Course, hello: Step) -> Iterator[Finding]:
    if not story.packets[1] or course.changed[0] is not None or course.client_key is not None or course.finished[0] is not None:
        return  # the server's direction is not in the trace
    closed = next((s for s in story.steps if s.kind in ("FIN", "RST")), None)
    # A FIN of the server's that only answers the client's is no answer to the hello.
    # Nor is a RST behind that: the client had given up.
    left = closed if closed is not None and closed.side else None
    again = story.resent[0] > 0
    heard = min(max(story.acked[0] - hello.offset, 0), hello.size)  # of the hello's bytes
    version = max(hello.facts.versions or (), default=hello.facts.version) if hello.facts is not None else None
    unsent = hello.missing if cut_short(hello) and not (story.gaps[0] or story.snapped[0]) else 0
    if unsent and closed is not None and left is None:
        by, what = "client", "look at the client: a health check may do so; else its log tells why it stops"
        ends = "resets" if closed.kind == "RST" else "closes"
        how = f"the client sent {hello.size - unsent} of them and {ends} the connection (packet {closed.packet}), so that there " \
              "is nothing to answer"
    elif left is not None:
        by, doubt = blamed(story, left)
        how = f"the server {'resets' if left.kind == 'RST' else 'closes'} the connection instead{waited(story, left)}{doubt}"
        what = "capture at both ends: did the server send that" if doubt else \
            "look at the server's address: does anything speak TLS there, is the client or the name forbidden"
        if story.preface is not None and story.preface.name in ("proxy_v1", "proxy_v2"):
            how += f"; before the hello stands a header of the {story.preface.title}, and servers that do not expect it close so"
            by, what = "unknown", "does the server expect that header: switch it on there, or off where it is sent"
        elif not doubt and story.preface is not None and story.preface.kind == "proxy":
            how += f"; it is a proxy ({story.preface.title}), which had granted the way: it, or the server behind it, ends that"
            by, what = "unknown", "look into the proxy's log: does it reach the server"
        elif not doubt and again and 0 < heard < hello.size:
            how += f"; the last {hello.size - heard} bytes of the hello it had not acknowledged, though they were sent again"
            by, what = "middlebox", ""
        elif unsent:
            how += f"; the last {unsent} bytes of the hello had not come"
            by, what = "unknown", "capture at both ends: were the rest of the hello's bytes sent, and lost on the way"
        elif version is not None and 0x0300 <= version < 0x0303:
            how += f"; it offers nothing newer than {VERSIONS[version]}, which servers may refuse so"
            what = f"does the server still speak {VERSIONS[version]}? To test: {try_client(story, '-tls1_2')}"
    elif heard == hello.size:
        how = "it was acknowledged: the server, or what stands before it, has it and says nothing"
        by, what = "server", ""
        if closed is not None and closed.kind == "RST":
            how += f", until the client resets the connection (packet {closed.packet}){waited(story, closed)}"
            by, what = "unknown", "" if waited(story, closed) else "compare the times: how long did the client wait"
        elif closed is not None and closed.kind == "FIN" and not closed.side:
            how += f", until the client closes the connection (packet {closed.packet}){waited(story, closed)}"
        if _HANG[0] <= hello.size <= _HANG[1]:
            how += f"; some implementations hang on hellos of {_HANG[0]} to {_HANG[1]} bytes (RFC 7685)"
            what = what or f"a hello of another size: {try_client(story, '-groups X25519')}"
    elif unsent and heard >= hello.size - unsent:
        how = f"its first {heard} bytes were acknowledged, and the others are not in the trace: sent and lost, or not sent"
        by, what = "unknown", "capture at the client too: were the rest of the hello's bytes sent"
    else:
        how = f"its first {heard} bytes were acknowledged, the others not" if heard else "it was not acknowledged"
        how += ", though sent again" if again else ""
        by, what = "middlebox", ""
    # That nothing came back is certain where the connection was closed, or the client waited in vain for an acknowledgement; what
    # was sent again and acknowledged then says nothing of how long the trace goes on. Whose fault it is, is hardly ever certain.
    settled = closed is not None or again and heard < hello.size - unsent and not story.evicted
    sure = "possible" if not settled else "proven" if by in ("unknown", "client") else "likely"
    if settled and by == "middlebox" and left is None:
        how += f": {'they' if heard else 'it'} did not reach the server, or what came back did not reach this trace"
    elif not settled:
        how += "; hexnote let the connection go here (eviction)" if story.evicted else "; the trace ends here"
    yield finding(story, "client-hello-unanswered", "error", by, sure,
                  f"the ClientHello of {hello.size} bytes got no byte in answer; {how}",
                  "" if by == "client" else "a trace taken at the server that shows an answer", what or "a smaller hello: "
                                                                              f"{try_client(story, '-groups X25519')}",
                  hello.places, seen="proven" if settled else "")


def _incomplete(story: Story, course: Course) -> Iterator[Finding]:
    if any(story.gaps) or any(story.snapped) or not all(story.packets) or not (story.seen[0] and story.seen[1]):
        return
    if any(s.kind == "other" and s.side and course.answer is None for s in story.steps):
        return  # another protocol's answer
    if course.answer is None and (course.client_key is not None or course.changed[0] is not None):
        return  # what the client sends behind it shows that the trace lacks it
    ended: Optional[Step] = None
    hidden: Optional[Step] = None  # in TLS 1.3, a record as long as an alert where a Finished should be
    newest = {step.side: step for step in story.steps if step.kind == "data"}
    for step in _sent(story):
        # What the client sends before its Finished, and what the server sends last behind its own, before the client's.
        if ended is None and (step.side or course.finished[0] is None) and newest.get(step.side) is step \
                and like_alert(story, course.version, step):
            hidden = ended = step
        if ended is None and (step.kind == "FIN" or step.kind == "alert" and not step.description):
            ended = step
        elif step.kind == "RST" or step.kind == "alert" and step.level == 2:
            if ended is None:
                return
            break
    last = course.last
    seen = f"the last message was the {SIDES[last.side]}'s {message_name(last)}" if last is not None else "no message was whole"
    what, side = awaited(course)
    if hidden is not None:
        how = f"the {SIDES[hidden.side]} sent a record of {hidden.last} bytes, {like_alert(story, course.version, hidden)}, " \
            "and the connection ended"
    else:
        how = f"the {SIDES[ended.side]} {'sent close_notify' if ended.kind == 'alert' else 'closed the connection'}" \
            f"{waited(story, ended)}" \
            if ended is not None else \
            "hexnote let the connection go (eviction)" if story.evicted else "the trace ends"
    # In the midst of its own message.
    broken = last is not None and ended is not None and last.side == ended.side and cut_short(last)
    # An alert is the last word of one end on the other: whose move it is, it would have to say itself.
    by = SIDES[ended.side] if ended is not None and hidden is None and (ended.side == side or broken) else "unknown"
    doubt = ""
    if ended is not None and ended.kind == "FIN":
        who, doubt = blamed(story, ended)
        by = who if doubt else by
    spoke = 1 - side if unheard(story, 1 - side) else side
    lost = "" if doubt else unheard(story, spoke)
    if lost:
        by = "middlebox"
    sure = "possible" if ended is None and (story.evicted or lost) else "likely" if doubt or lost else "proven"
    yield finding(story, "handshake-incomplete", "warning", by, sure,
                  f"{how} before both sides finished the handshake: {seen}, {what} of the {SIDES[side]} was awaited{doubt}{lost}",
                  "a longer trace" if ended is None else "the rest of the handshake under another connection's addresses",
                  "capture at both ends: did the end whose address it bears send that FIN" if doubt
                  else f"capture at the {SIDES[1 - spoke]} too: do they come there? Packets of full size may be lost on the way "
                       "(ping -M do -s 1472): then clamp the MSS" if lost
                  else f"look into the log of the {SIDES[ended.side]}: why did it close" if ended is not None
                  else "capture until the connection is closed", last.places if last is not None else (),
                  seen="possible" if ended is None and story.evicted else "proven")


def _sent(story: Story) -> List[Step]:
    """The steps, each FIN behind all that its side had sent, and that it says has come, though the capture may have it before."""
    steps = list(story.steps)
    for fin in story.of("FIN"):
        at = steps.index(fin)
        behind = [
            i for i, s in enumerate(steps[at:], at)
            if s.kind not in _BARE and s.offset < (fin.offset if s.side == fin.side else fin.acks)
            and s.brought >= fin.packet and not cut_short(s)
        ]
        if behind:
            steps.insert(behind[-1], steps.pop(at))
    return steps


def awaited(course: Course) -> Tuple[str, int]:
    """What has to come next, and from which side (RFC 5246 section 7.3, RFC 8446 section 2)."""
    if course.answer is None:
        if course.retry is not None and course.hello is course.first_hello:
            return "another ClientHello", 0
        return "the ServerHello", 1
    if course.answer.facts is not None and not course.answer.facts.complete and course.last is course.answer:
        return "the rest of the ServerHello", 1
    if course.version == 0x0304:
        return ("the encrypted rest of the flight", 1) if course.finished[1] is None else ("the Finished", 0)
    if course.resumed:
        first = 1
    else:
        first = 0
        if course.done is None:
            return "the flight up to ServerHelloDone", 1
        if course.client_key is None:
            owes = course.request is not None and course.certificate[0] is None
            return ("the Certificate" if owes else "the ClientKeyExchange"), 0
    for side in (first, 1 - first):
        if course.changed[side] is None:
            return "the ChangeCipherSpec", side
        if course.finished[side] is None:
            return "the Finished", side
    return "nothing", 0
