"""A handshake inside an encrypted connection, and the signal that keeps it safe (RFC 5746).

renegotiation (note)
    meaning: The two ends made another handshake inside the encrypted connection, often to ask for a client certificate.
    known by: A ChangeCipherSpec that is longer than its one byte: it is encrypted, so it is not the first one. Whose
        handshake record stands before it tells who began; the order of the two ChangeCipherSpecs, whether a
        session was resumed. Or another hello in clear that was answered.
    causes: A server that wants a client certificate for one path only; new keys after much data.
    try: If it fails, make the server ask in the first handshake: then everything is in clear.
    source: RFC 5246 sections 7.1 and 7.4.1.1
    sample: renegotiation-by-server

renegotiation-refused (warning)
    meaning: One end wanted another handshake, the other refused it by an alert or did not answer.
    known by: An encrypted handshake record in an established connection with no encrypted ChangeCipherSpec behind it, or
        another ClientHello without ServerHello.
    causes: Renegotiation is switched off (the default since 2009, or OpenSSL 3's for clients); a peer without RFC 5746;
        a client that starts a new handshake on an old connection; record versions that differ.
    try: Stop the end that asks: ask for the client certificate in the first handshake, raise limits on time or
        bytes; openssl s_client -connect HOST:PORT, then R, shows whether the server allows it.
    source: RFC 5246 section 7.4.1.1, RFC 5746 section 3.5
    sample: renegotiation-refused

renegotiation-info-missing (warning)
    meaning: A hello lacks the signal of secure renegotiation: an attacker could have put bytes of his own before the
        victim's (2009), and strict peers break off.
    known by: A ClientHello with neither renegotiation_info nor TLS_EMPTY_RENEGOTIATION_INFO_SCSV; a ServerHello without
        renegotiation_info where the client had the signal; the SCSV in a renegotiation. TLS 1.3 needs none.
    causes: A library from before 2010; a device that hides the extension; an application that starts a new handshake
        where it should renegotiate.
    try: Update the end that lacks it; openssl s_client -legacy_server_connect goes on all the same, for a test.
    source: RFC 5746 sections 3.4 to 3.7
    sample: tests/test_findings.py
"""

from __future__ import annotations

from hexnote.hints import Any, Iterator, List, Optional, Tuple
from hexnote.model import SEALED_CHANGE, SEALED_HANDSHAKE, SIDES, VERSIONS, Course, Finding, Hello, Step, Story, finding, try_client

SCSV = 0x00FF
INFO = 0xFF01


def end(story: Story) -> Iterator[Finding]:
    """By what is known at the end."""
    for number, course in enumerate(story.courses):
        yield from _info(story, course, number)
    yield from _again(story)
    yield from _inside(story)


# ------------------------------------------------------------------ RFC 5746


def _info(story: Story, course: Course, number: int) -> Iterator[Finding]:
    hello: Optional[Hello] = course.hello.facts if course.hello is not None else None
    answer: Optional[Hello] = course.answer.facts if course.answer is not None else None
    if hello is None or not hello.complete or course.hello is None:
        return
    version = course.version
    if version is not None and (version >= 0x0304 or version < 0x0300) or course.retry is not None:
        return
    if version is None and hello.versions is not None and max(hello.versions, default=0) >= 0x0304:
        return  # what would have been agreed on is not known
    signal = SCSV in hello.suites or INFO in hello.extensions
    if number and SCSV in hello.suites and not hello.renegotiation:
        yield finding(story, "renegotiation-info-missing", "warning", "client", "proven",
                      "a ClientHello in an established connection has the SCSV of a first handshake and no renegotiation_info: the "
                      "client begins afresh where it should renegotiate, and the server has to refuse it (RFC 5746 section 3.7)",
                      "a new connection under the same addresses",
                      "the client's application must renegotiate (SSL_renegotiate) and not start a new handshake on the old "
                      "connection",
                      story.where(course.hello, *hello.ranges["suites"]))
    elif not signal and not (hello.ssl2 and version is None):
        yield finding(story, "renegotiation-info-missing", "warning", "client", "proven",
                      "the ClientHello has neither renegotiation_info nor TLS_EMPTY_RENEGOTIATION_INFO_SCSV: the client does "
                      "not know "
                      "secure renegotiation, and strict servers refuse it",
                      "", "update the client's library (all since 2010 send "
                                                           "it)", course.hello.places)
    elif answer is not None and answer.complete and INFO not in answer.extensions and course.answer is not None:
        yield finding(story, "renegotiation-info-missing", "warning", "server", "proven",
                      "the ServerHello lacks renegotiation_info, for which the client asked: the server does not know secure "
                      "renegotiation, and strict clients (OpenSSL 3) refuse it",
                      "", "update the server; for a test: "
                                                           f"{try_client(story, '-legacy_server_connect')}",
                      course.answer.places)


# ------------------------------------------------------------------ another hello in clear


def _again(story: Story) -> Iterator[Finding]:
    first = story.courses[0] if story.courses else None
    for course in story.courses[1:]:
        if course.hello is None or first is None or not first.complete:
            continue
        if course.hello.buffer.startswith("plain"):
            continue  # told by its encrypted records
        where = "decrypted" if course.hello.buffer else "in clear"
        record = course.hello.version
        if course.answer is not None:
            yield finding(story, "renegotiation", "note", "unknown", "proven",
                          f"another handshake in the established connection, {where}, begun by the client, "
                          f"{'resumed' if course.resumed else 'full'}", at=course.hello.places)
            continue
        alert = next((s for s in story.steps[story.steps.index(course.hello) :] if s.type == 21 and s.side), None)
        what = "an alert" if alert is not None else "nothing"
        odd = ""
        if record is not None and first.version is not None and record != first.version:
            odd = f"; its record says {VERSIONS.get(record, hex(record))} where the connection speaks " \
                  f"{VERSIONS.get(first.version, hex(first.version))}, which strict servers refuse (protocol_version)"
        yield finding(story, "renegotiation-refused", "warning", "client", "proven",
                      f"the client sends another ClientHello in the established connection, {where}, and {what} comes back{odd}",
                      "a new connection under the same addresses",
                      "find out why the client begins anew: bytes sent so far, time, or a HelloRequest of the server before it",
                      course.hello.places + (alert.places if alert is not None else ()))


# ------------------------------------------------------------------ encrypted


def _inside(story: Story) -> Iterator[Finding]:
    """By encrypted handshake records behind the first handshake, up to TLS 1.2."""
    version = story.courses[0].version if story.courses else None
    if version == 0x0304:
        return
    change = [s for s in story.steps if s.kind == "sealed" and s.type == 20] if SEALED_CHANGE in story.trail else []
    told = _after(story)
    if change:
        first = change[0]
        began = told[0] if told and story.steps.index(told[0]) < story.steps.index(first) else None
        who = "who began it, the trace does not show" if began is None else f"begun by the {SIDES[began.side]}" + (
            " (HelloRequest, by its length)" if began.side and _is_request(story, began) else "")
        both = len({s.side for s in change}) == 2
        # In a full handshake the client's ChangeCipherSpec comes first, in a resumed one the server's.
        order = "resumed" if first.side else "full"
        ended = order if both else f"{order}, by whose ChangeCipherSpec came first; the other end's did not come"
        yield finding(story, "renegotiation", "note", "unknown", "proven" if both else "likely",
                      f"another handshake inside the encrypted connection, {who}, "
                      f"{ended}{_fitting(story, change)}", at=first.places)
        yield from _broken(story, change[-1] if both else first)
        return
    if not told or "hole" in story.trail:
        return  # which records are whose Finished, and what came back, takes all of them
    asked = told[0]
    at = story.steps.index(asked)
    if any(s.side != asked.side and (s.kind in ("FIN", "RST") or s.type == 21) for s in story.steps[:at]):
        return  # the other end had left already: it refuses nothing
    rest = story.steps[at + 1 :]
    answer = next((i for i, s in enumerate(rest) if s.kind == "sealed" and s.type == 22 and s.side != asked.side), None)
    if answer is not None:
        # It was taken up, and the trace or the connection ends in its midst; or too late, when who asked had left.
        reply = next((s for s in rest[answer:] if s.kind == "sealed" and s.type == 21), None)
        if reply is None:
            return
    reply = next((s for s in rest if s.type == 21 and s.kind in ("sealed", "alert") and s.side != asked.side), None)
    if reply is None and not (story.closed or any(s.kind in ("FIN", "RST") for s in rest)):
        return
    what = "by its length a HelloRequest" if asked.side and _is_request(story, asked) else \
        f"a handshake record of {asked.size} bytes, encrypted"
    how = "an alert" if reply is not None else "nothing before the connection ends"
    yield finding(story, "renegotiation-refused", "warning", SIDES[asked.side], "likely",
                  f"the {SIDES[asked.side]} asks for another handshake ({what}), and {how} comes back",
                  "a key log that shows another alert than no_renegotiation",
                  "stop the end that asks: ask for the client certificate in the first handshake, raise limits on time or bytes",
                  asked.places + (reply.places if reply is not None else ()))


def _broken(story: Story, change: Step) -> Iterator[Finding]:
    """An alert in answer to the last Finished, which is neither answered nor followed by data, rejects it."""
    rest = [s for s in story.steps[story.steps.index(change) + 1 :] if s.kind in ("sealed", "alert", "data")]
    if len(rest) < 2 or rest[0].side != change.side or rest[0].type != 22:
        return
    alert = rest[1]
    if alert.side == change.side or alert.type != 21 or any(s.side == change.side for s in rest[2:]):
        return
    yield finding(story, "renegotiation-refused", "warning", "unknown", "likely",
                  f"the {SIDES[alert.side]} answers the {SIDES[change.side]}'s Finished of the renegotiation with an alert of "
                  f"{alert.size} bytes; what it says is not on the wire. By its place the {SIDES[alert.side]} does not accept the "
                  "verify_data: the two ends' views of the handshake differ",
                  "a key log, or the log of the end that sent the alert, with another reason",
                  "does an initial handshake with the same client certificate work, do other suites, other clients: "
                  f"{try_client(story)}",
                  change.places + alert.places)


def _after(story: Story) -> List[Step]:
    """Encrypted handshake records behind both Finished: the first of each side is its Finished."""
    finished = [False, False]
    found: List[Step] = []
    if story.trail.count(SEALED_HANDSHAKE) < 3:
        return found  # no more than the two Finished
    clear = {s.side: i for i, s in enumerate(story.steps) if s.kind == "change_cipher_spec"}
    for i, step in enumerate(story.steps):
        if step.kind == "sealed" and step.type == 22 and i > clear.get(step.side, -1):
            # What comes before its ChangeCipherSpec in clear is the rest of a message whose beginning the trace lacks.
            if not finished[step.side]:
                finished[step.side] = True
            elif all(finished):
                found.append(step)
    return found


def _protection(story: Story) -> Any:
    course = story.courses[0] if story.courses else None
    if course is None or story.lengths is None:
        return None
    hello, answer = course.hello, course.answer
    etm = answer is not None and answer.facts is not None and 22 in answer.facts.extensions and hello is not None
    return story.lengths.protection(course.suite, course.version, etm)


def _is_request(story: Story, step: Step) -> bool:
    """Whether an encrypted record is as long as a HelloRequest: 4 bytes of plaintext."""
    protection = _protection(story)
    plain: Optional[Tuple[int, int]] = protection.plain(step.size) if protection is not None else None
    return plain is not None and plain[0] <= 4 <= plain[1]


def _fitting(story: Story, change: List[Step]) -> str:
    """What the length of an encrypted ChangeCipherSpec says of the protection."""
    size = change[0].size
    protection = _protection(story)
    if protection is None:
        return f"; its ChangeCipherSpec takes {size} bytes"
    plain = protection.plain(size)
    fits = plain is not None and plain[0] <= 1 <= plain[1]
    return f"; its ChangeCipherSpec takes {size} bytes, which {'fits' if fits else 'does not fit'} the suite ({protection.name})"
