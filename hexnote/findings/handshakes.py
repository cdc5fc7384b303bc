"""A handshake that came to its end: full or resumed, with what, and who authenticated whom.

full-handshake (note)
    meaning: Both ends went through the whole handshake and sent their Finished: version, suite and keys were agreed
        anew.
    known by: Up to TLS 1.2 the server's certificate, key exchange or ServerHelloDone in clear, and an encrypted
        handshake record behind each ChangeCipherSpec. In TLS 1.3 a ServerHello without pre_shared_key, encrypted
        records of the server, then one of the client that is long enough for a Finished.
    causes: The normal first connection of two ends.
    try: Nothing.
    source: RFC 5246 section 7.3, RFC 8446 section 2
    sample: tls12-ecdhe

resumed-session (note)
    meaning: The two ends took up the secrets of an earlier connection: no certificates are shown, none is asked for.
    known by: A ServerHello with ChangeCipherSpec right behind it (up to TLS 1.2), after a hello with a session ID or a
        ticket; in TLS 1.3 pre_shared_key in the ServerHello. An external PSK, whose identity has no age, is no session.
    causes: A client that comes back.
    try: To see the certificates, make the client start afresh (openssl s_client without -sess_in).
    source: RFC 5246 section 7.3, RFC 5077 section 3.4, RFC 8446 section 2.2
    sample: tls12-ticket-resumption

hello-retry-request (note)
    meaning: The server wanted another ClientHello: one more round trip.
    known by: A ServerHello whose random is the one that RFC 8446 sets aside for this.
    causes: The client's key_share has no group that the server takes, though its list has; or the server wants a
        cookie back.
    try: To save the round trip, have the client offer a share of the group that the server names.
    source: RFC 8446 section 4.1.4
    sample: tls13-hello-retry

early-data (note)
    meaning: The client sent data before the server had answered, and the server took them: they can be replayed.
    known by: early_data in the ClientHello, encrypted records before the ServerHello, and behind it a record of the
        client that is as long as EndOfEarlyData.
    causes: A client that resumes and may send at once.
    try: Make sure that what is sent so may come twice.
    source: RFC 8446 section 2.3
    sample: corpus tls13_earlydata_openssl

early-data-rejected (warning)
    meaning: The client sent data before the server had answered, and the server did not take them: the client has to
        send them again.
    known by: early_data in the ClientHello, and a HelloRetryRequest or a ServerHello without pre_shared_key behind
        it; or, likely, no record as long as EndOfEarlyData.
    causes: A ticket that is too old or unknown; a server that does not take early data (any more); clocks that
        disagree.
    try: Look whether the request came twice; switch early data off where it does not pay.
    source: RFC 8446 section 4.2.10
    sample: tests/test_findings.py
"""

from __future__ import annotations

from hexnote.hints import Dict, Iterator, List, Optional
from hexnote.model import VERSIONS, Course, Finding, Hello, Places, Step, Story, finding, plural, title, try_client

_HOW: Dict[str, str] = {"id": "by session ID", "ticket": "by ticket", "psk": "by a session's PSK"}


def at(story: Story, step: Step) -> Iterator[Finding]:
    """By a HelloRetryRequest."""
    answer: Optional[Hello] = step.facts
    course = story.courses[-1] if story.courses else None
    if answer is None or course is None or course.retry is not step:
        return
    wants = []
    if answer.shares:
        wants.append(f"a key share of {title(story, 'supported_groups', answer.shares[0])}")
    if 44 in answer.extensions:
        wants.append("its cookie back")
    span = answer.extensions.get(51) or answer.extensions.get(44)
    yield finding(story, "hello-retry-request", "note", "unknown", "proven",
                  f"the server asks for another ClientHello, with {' and '.join(wants) or 'changes that it does not name'}",
                  at=story.where(step, *span) if span else step.places)


def end(story: Story) -> Iterator[Finding]:
    """Every handshake that is complete, or was resumed."""
    for course in story.courses:
        if course.resumed:
            yield _resumed(story, course)
        elif course.complete and (course.kind in ("full", "external")):
            if course.kind == "full":
                yield _full(story, course)
            else:
                yield finding(story, "external-psk", "note", "unknown", "likely",
                              f"a handshake with an external pre-shared key{_with(story, course)}: neither full nor resumed",
                              at=_places(story, course), sided=False)
        early = _early(story, course)
        if early is not None:
            yield early


def _with(story: Story, course: Course) -> str:
    version = VERSIONS.get(course.version or 0)
    suite = title(story, "cipher_suites", course.suite) if course.suite is not None else ""
    return "".join(f", {part}" for part in (version, suite) if part)


def _places(story: Story, course: Course) -> Places:
    return course.answer.places if course.answer is not None else ()


def _full(story: Story, course: Course) -> Finding:
    exchange = course.key_exchange.facts if course.key_exchange is not None else None
    answer: Optional[Hello] = course.answer.facts if course.answer is not None else None
    group = exchange.group if exchange is not None else answer.shares[0] if answer is not None and answer.shares else None
    row = _row(story, course)
    kx = title(story, "supported_groups", group) if group is not None else \
        f"DH of {exchange.prime} bits" if exchange is not None and exchange.prime else \
        "RSA key transport" if row and row[2] == "rsa" else ""
    hidden = course.version == 0x0304 and course.certificate[1] is None
    sided = False
    if hidden:
        who = "who authenticated whom is encrypted"
    elif course.certificate[1] is None and (course.answer is None or course.holed[1]):
        who = "who authenticated whom, the trace does not show"
    else:
        server = course.certificate[1] is not None
        client = course.certificate[0] is not None and course.verify is not None
        sent = course.certificate[0] is not None and bool(course.certificate[0].facts.count)
        ours, theirs = (_proof(course, side) for side in (0, 1))
        sided = server and not (client and ours == theirs)
        who = f"both ends authenticated by {theirs}" if server and client and ours == theirs else \
            f"the server authenticated by {theirs}, the client by {ours}" if server and client else \
            f"the server authenticated by {theirs}" + (f", the client sent {'one' if ours == theirs else ours} without proof"
                                                       if sent else "") if server else \
            "authenticated by a pre-shared key" if row and "psk" in row[2] else "nobody authenticated by certificate"
    sure = "likely" if hidden else "proven"
    named = f", {kx}" if kx else ""
    return finding(story, "full-handshake", "note", "unknown", sure,
                   f"a complete full handshake{_with(story, course)}{named}; {who}{_declined(course)}",
                   at=_places(story, course), sided=sided)


def _declined(course: Course) -> str:
    """The session that the client would have taken up, in a handshake that became a full one."""
    hello: Optional[Hello] = course.hello.facts if course.hello is not None else None
    if hello is None or not hello.complete:
        return ""
    if course.version == 0x0304:
        how = "by pre-shared key" if any(age for _, age in hello.identities or ()) else ""
    else:
        # A client that speaks TLS 1.3 sends a session ID that names nothing (RFC 8446 appendix D.4).
        how = "by ticket" if hello.ticket else "by session ID" if hello.session_id and hello.versions is None else ""
    return f"; a session that the client offered ({how}) was not taken up" if how else ""


def _proof(course: Course, side: int) -> str:
    """What a side shows of itself in its Certificate message (RFC 7250)."""
    step = course.certificate[side]
    return "a raw public key" if step is not None and step.facts.raw else "certificate"


def _row(story: Story, course: Course) -> List[str]:
    rows = getattr(story.names("cipher_suites"), "rows", {})
    return list(rows.get(course.suite, ()))


def _resumed(story: Story, course: Course) -> Finding:
    hello: Optional[Hello] = course.hello.facts if course.hello is not None else None
    answer: Optional[Hello] = course.answer.facts if course.answer is not None else None
    sure, how = "proven", _HOW[course.kind]
    if course.kind == "psk":
        why = f"the ServerHello takes pre-shared key number {answer.selected_identity if answer is not None else '?'}"
    else:
        echoed = hello is not None and answer is not None and bool(hello.session_id) and hello.session_id == answer.session_id
        why = "ChangeCipherSpec follows the ServerHello at once"
        if course.kind == "ticket":
            if hello is not None and hello.ticket:
                why += f", the hello has a ticket of {plural(hello.ticket, 'byte')}"
            why += ", the session ID comes back" if echoed else ""
        elif echoed:
            assert hello is not None
            why += f", and the session ID of {plural(len(hello.session_id), 'byte')} comes back"
        else:
            sure, how = "likely", "by what, the trace does not show"
    state = "" if course.complete else ", not complete"
    return finding(story, "resumed-session", "note", "unknown", sure,
                   f"a resumed session, {how}{_with(story, course)}{state}: {why}",
                   at=_places(story, course), sided=False)


def _early(story: Story, course: Course) -> Optional[Finding]:
    hello: Optional[Hello] = course.first_hello.facts if course.first_hello is not None else None
    if hello is None or 42 not in hello.extensions or not (course.answer or course.retry):
        return None
    assert course.first_hello is not None
    where = story.where(course.first_hello, *hello.extensions[42]) or course.first_hello.places
    answer: Optional[Hello] = course.answer.facts if course.answer is not None else None
    if course.retry is None and (answer is None or not answer.complete):
        return None  # whether it takes the pre-shared key does not show
    if course.retry is not None or course.kind not in ("psk", "external"):
        why = "asked for another hello" if course.retry is not None else "took no pre-shared key"
        return finding(story, "early-data-rejected", "warning", "server", "proven",
                       f"the client offered early data; the server {why}, so it did not take them",
                       "",
                       try_client(story, "-sess_in SESSION.pem -early_data REQUEST.txt"), where)
    if course.early is None or not course.complete:
        return None
    # EndOfEarlyData: a header of 4 bytes, the content type, the tag.
    after = [s for s in story.of("data", 0) if s is not course.early]
    lengths = course.early.lengths + [n for s in after for n in s.lengths]
    taken = any(n in (21, 13) for n in lengths)
    many = plural(course.early.count, "record")
    if taken:
        return finding(story, "early-data", "note", "unknown", "likely",
                       f"the client sent early data ({many} before the ServerHello), and the server took them: "
                       "EndOfEarlyData follows, by its length", at=course.early.places or where)
    return finding(story, "early-data-rejected", "warning", "server", "likely",
                   f"the client sent early data ({many} before the ServerHello), and no record is as long as EndOfEarlyData: "
                   "the server did not take them", "a key log that shows EndOfEarlyData",
                   try_client(story, "-sess_in SESSION.pem -early_data REQUEST.txt"), course.early.places or where)
