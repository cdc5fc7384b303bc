"""How far each handshake of a connection has come: steps sorted into courses (RFC 5246 section 7.3, RFC 8446 section 2).

What is a handshake's Finished is told from its place, since it is encrypted: up to TLS 1.2 the first handshake
record behind ChangeCipherSpec; where that is none by its length, or another message is due before it, the last one
before what comes only after a Finished. In TLS 1.3 the server's lies somewhere in its encrypted records before the
client's; of the client's all that shows is a record long enough to hold one.
"""

from __future__ import annotations

from hexnote.course_order import RANKS, expected, expected_message
from hexnote.hints import Dict, Optional
from hexnote.model import Course, Hello, Step, Story

_NAMED: Dict[str, str] = {
    "server_key_exchange": "key_exchange", "certificate_request": "request", "server_hello_done": "done",
    "client_key_exchange": "client_key", "new_session_ticket": "ticket",
}
# Which side sends a message that one end alone does.
_SENDERS: Dict[str, int] = {
    "client_hello": 0, "client_key_exchange": 0, "server_hello": 1, "hello_retry_request": 1, "server_key_exchange": 1,
    "certificate_request": 1, "server_hello_done": 1,
}  # fmt: skip
# Bytes of the header of a record.
_HEADER = {"tls": 5, "ssl2": 2}
# Handshakes of one connection that are told apart.
MOST = 64
_OPEN = frozenset(("port", "ports", "nothing"))  # guesses that such a message settles
_ORDERED = frozenset(("change_cipher_spec", "data"))  # of what is no message
# A Finished of TLS 1.3 under a hash of 256 or 384 bits, encrypted: 4 + 32 or 48, content type, tag of 8 or 16.
_SHORTEST_FINISHED = 4 + 32 + 1 + 8


def follow(story: Story, step: Step) -> None:
    """Take a step, no message, into the handshake it belongs to."""
    kind, side, courses = step.kind, step.side, story.courses
    if courses:
        course = courses[-1]
        if None not in course.finished:  # it is complete
            if kind == "data" or kind == "sealed":
                return
            if kind == "change_cipher_spec" and story.stray is None and course.version == 0x0304 and _late(story, course, side):
                story.stray = (step, "an encrypted record")
        elif kind in _ORDERED and story.stray is None:
            instead = expected(story, course, step)
            if instead:
                story.stray = (step, instead)
    elif kind == "change_cipher_spec" or step.finished:
        course = Course()  # the trace lacks what stood before
        courses.append(course)
    else:
        return
    if kind == "sealed":
        if step.finished and course.finished[side] is None:
            course.finished[side] = step
            course.last = step
        elif step.type == 22 and course.changed[side] is not None:
            course.unnamed[side] = step
            course.last = step
    elif kind == "data":
        if course.answer is None and not side and course.hello is not None and course.retry is None:
            if _offers_early(course.hello):
                course.early = course.early or step
            else:
                course.ahead = step  # the capture has it before the answer, and nobody sent it so
        elif course.version == 0x0304:
            _sealed13(course, step)
        else:
            _name(course, 0)
            if side:
                _name(course, 1)
    elif kind == "change_cipher_spec":
        if side and course.kind == "full":
            _name(course, 0)
        if course.changed[side] is None:
            course.changed[side] = step
        course.last = step
        if side and course.answer is not None and not (course.kind or course.holed[1] or course.version == 0x0304):
            course.kind = _resumption(course)
    elif kind == "hole":
        course.holed[side] = True
    elif kind == "alert":
        if step.level == 2 and course.alert is None:
            course.alert = step
        elif step.level == 1 and step.description == 41:
            course.no_certificate = course.no_certificate or step


def _late(story: Story, course: Course, side: int) -> bool:
    """Whether a side has surely sent its Finished of TLS 1.3: it has sent more behind what, by its place, is the client's, the
    client no sooner than the server had."""
    since = story.steps.index(course.finished[0]) if course.finished[0] in story.steps else len(story.steps)
    return any(s.kind == "data" and s.side == side for s in story.steps[since + 1 :])


def _name(course: Course, side: int) -> None:
    """Something has come that comes only behind a side's Finished (RFC 5246 section 7.3): it stood in its last record."""
    course.finished[side] = course.finished[side] or course.unnamed[side]


def extended(course: Course, step: Step) -> None:
    """A run of application data records behind the last handshake has grown by one."""
    if course.version == 0x0304 and course.answer is not None and not course.complete:
        _sealed13(course, step)


def _offers_early(hello: Step) -> bool:
    """Whether early data may follow a ClientHello (RFC 8446 section 4.2.10), as far as it is known."""
    return hello.facts is None or not hello.facts.complete or 42 in hello.facts.extensions


def _sealed13(course: Course, step: Step) -> None:
    """An encrypted record of TLS 1.3: whose Finished may it hold?"""
    if step.side:
        course.finished[1] = course.finished[1] or (step if step.size >= _SHORTEST_FINISHED else None)
        ahead = course.ahead
        if course.finished[1] is not None and ahead is not None and ahead.last >= _SHORTEST_FINISHED:
            course.finished[0] = course.finished[0] or ahead
        course.last = step
    elif course.finished[1] is not None and step.last >= _SHORTEST_FINISHED:
        # Early data that were sent before the answer came may still go on: then a record of 21 bytes, EndOfEarlyData.
        course.finished[0] = step
        course.last = step


def follow_message(story: Story, step: Step) -> None:
    """Take a message into the handshake it belongs to."""
    name, side, courses = step.name, step.side, story.courses
    if story.guessed in _OPEN and name in _SENDERS:
        story.connection.guessed = "" if _SENDERS[name] == side else "contradicted"
    course = courses[-1] if courses else None
    rank = RANKS[side].get(name, 0)
    if course is not None and story.stray is None and None in course.finished:
        instead = expected_message(story, course, step, rank)
        if instead:
            story.stray = (step, instead)
    if name == "client_hello":
        late = course is not None and (step.missing > 0 or _first(story, step)) and _lacks_hello(course)
        if course is None or not (_goes_on(course) or late):
            course = Course()
            if len(courses) < MOST:
                courses.append(course)
            else:
                courses[-1] = course
        course.first_hello = course.first_hello or step
        course.hello = step
        if late and course.version == 0x0304 and course.answer is not None and course.answer.facts.complete:
            course.kind = _psk(course, course.answer.facts)
    elif course is None:
        course = Course()
        courses.append(course)
    course.last = step
    if step.format == "ssl2" and name != "client_hello":
        # SSL 2.0 itself: a handshake of its own, of which only the version is followed.
        if name == "server_hello":
            course.version = 0x0002
        return
    if rank > course.rank[side]:
        course.rank[side] = rank
    known = _NAMED.get(name)
    if known is not None:
        if getattr(course, known) is None:
            setattr(course, known, step)
        if not course.kind and (known == "client_key" or known == "done"):
            course.kind = "full"
    elif name == "server_hello":
        if course.answer is None:
            course.answer = step
            answer: Optional[Hello] = step.facts
            if answer is not None and answer.version:
                course.version = answer.versions[0] if answer.versions else answer.version
                course.suite = answer.suites[0] if answer.suites else None
            if course.version == 0x0304 and answer is not None and answer.complete:
                course.kind = _psk(course, answer)
    elif name == "certificate":
        course.certificate[side] = course.certificate[side] or step
        if side:
            course.kind = "full"
    elif name == "hello_retry_request":
        course.retry = course.retry or step
        course.version = 0x0304
    elif name == "finished":
        had = course.finished[side]
        if had is None or had.kind == "data":
            course.finished[side] = step
        if side and story.finished is None:
            story.finished = step
    elif name == "certificate_verify" and not side:
        course.verify = course.verify or step


def _goes_on(course: Course) -> bool:
    """Whether a ClientHello belongs to the handshake that is under way: after a HelloRetryRequest, though the capture may have it
    behind the ServerHello."""
    return course.retry is not None and (course.answer is None or course.hello is course.first_hello)


def _lacks_hello(course: Course) -> bool:
    """Whether a ServerHello was told before the ClientHello that it answers: captures of several queues or cards bring the
    packets of both ends in another order, and a hello that is not all in the trace is waited for."""
    return course.hello is None and course.answer is not None and not course.rank[0] and course.changed[0] is None


def _first(story: Story, step: Step) -> bool:
    """Whether a message is the first that its side says in TLS."""
    start = story.preface.start[step.side] if story.preface is not None else None
    return step.offset - _HEADER.get(step.format, 5) == (start or 0)


def _psk(course: Course, answer: Hello) -> str:
    """TLS 1.3: "full", "psk" (of a session) or "external" (RFC 8446 sections 2.2 and 4.2.11)."""
    if answer.selected_identity is None:
        return "full"
    hello: Optional[Hello] = course.hello.facts if course.hello is not None else None
    if hello is None or not hello.complete:
        return "psk"
    chosen = (hello.identities or ())[answer.selected_identity : answer.selected_identity + 1]
    # An external PSK has no age; its name was chosen by people.
    return "external" if chosen and chosen[0][1] == 0 else "psk"


def _resumption(course: Course) -> str:
    """A ServerHello with ChangeCipherSpec right behind it: by what the session was found (RFC 5246 section 7.3, RFC 5077)."""
    hello: Optional[Hello] = course.hello.facts if course.hello is not None else None
    if hello is not None and hello.ticket:
        return "ticket"
    return "id"
