"""The legal order of a handshake's messages in clear, for each side by itself (RFC 5246 section 7.3, RFC 8446 section 2).

Which of the two sides was seen first a capture does not always tell, so only what one side sent is held
against what the same side sent before, and against what is agreed. Where bytes are missing nothing is said.
"""

from __future__ import annotations

from hexnote.hints import Dict, Sequence
from hexnote.model import Course, Step, Story

# A message may follow those of a lower number.
_SERVER: Dict[str, int] = {
    "server_hello": 1, "supplemental_data": 2, "certificate": 3, "certificate_status": 4, "server_key_exchange": 5,
    "certificate_request": 6, "server_hello_done": 7, "new_session_ticket": 8,
}  # fmt: skip
_CLIENT: Dict[str, int] = {
    "client_hello": 1, "supplemental_data": 2, "certificate": 3, "client_key_exchange": 4, "certificate_verify": 5,
}
RANKS = (_CLIENT, _SERVER)  # by side
_SIGNED = frozenset(("dhe", "ecdhe"))  # key exchanges with a signed ServerKeyExchange


def expected_message(story: Story, course: Course, step: Step, rank: int) -> str:
    """What should have come instead of the message `step`, which is not in `course` yet; "" where it is in order, or nothing
    is certain. `rank`: its place in the order, 0 where it has none."""
    side = step.side
    if course.hello is None or course.holed[side] or step.missing or step.buffer or step.format != "tls":
        return ""
    if not rank:
        return "a ServerHello" if side and step.name == "hello_retry_request" and course.retry is not None else ""
    return _server(story, course, rank) if side else _client(course, step, rank)


def expected(story: Story, course: Course, step: Step) -> str:
    """The same of a step that is no message."""
    side = step.side
    if course.hello is None or course.holed[side] or step.missing or step.buffer or step.format != "tls":
        return ""
    if step.kind == "change_cipher_spec" and step.data[:1] not in (b"", b"\1") and step.size == 1:
        return "one of value 1"
    if course.version is None or course.version >= 0x0304 or course.version < 0x0300:
        return ""
    if step.kind == "change_cipher_spec" and course.changed[side] is None and course.kind == "full" and not any(course.holed):
        if side:
            return "ServerHelloDone" if course.done is None else ""
        return "ClientKeyExchange" if course.done is not None and course.client_key is None else ""
    if step.kind == "data" and course.changed[side] is None and course is story.courses[0] and course.answer is not None:
        return "the rest of the handshake"
    return ""


def _server(story: Story, course: Course, rank: int) -> str:
    if course.answer is None:
        # What comes behind its answer, or a stream whose beginning was not seen, says that the trace lacks it.
        lacks = course.client_key is not None or course.changed[0] is not None or not (story.pseudo or story.of("SYN", 1))
        return "" if rank == 1 or lacks else "a ServerHello"
    if course.version == 0x0304:
        return "an encrypted message (TLS 1.3)" if rank > 1 else "an encrypted message"
    before = course.rank[1]
    if rank <= before:
        return "what follows it" if rank == before else _behind(before)
    if rank == 5 or 5 < rank <= 7 and (course.certificate[1] is None or course.key_exchange is None):
        row: Sequence[str] = getattr(story.names("cipher_suites"), "rows", {}).get(course.suite, ())
        kx, auth = (row[2], row[3]) if len(row) > 3 else ("", "")
        if course.certificate[1] is None and (kx == "rsa" or kx in _SIGNED and "anon" not in auth):
            return "the server's Certificate"
        if rank == 5 and kx == "rsa":
            return "CertificateRequest or ServerHelloDone (RSA key transport has no ServerKeyExchange)"
        if rank > 5 and kx in _SIGNED and course.key_exchange is None:
            return "a ServerKeyExchange"
    return ""


def _client(course: Course, step: Step, rank: int) -> str:
    if rank == 1:
        early = course.answer is not None and not course.complete and course.alert is None
        return "the rest of the handshake" if early and course.changed[0] is None else ""
    if course.version == 0x0304:
        return "an encrypted message (TLS 1.3)"
    if rank <= course.rank[0]:
        return "ChangeCipherSpec or what stands before it"
    if step.name == "certificate_verify":
        sent = course.certificate[0]
        if sent is None or sent.facts is not None and sent.facts.complete and not sent.facts.count:
            return "ChangeCipherSpec (there is no certificate to prove)"
    if step.name == "certificate" and course.done is not None and course.request is None and not course.holed[1]:
        return "ClientKeyExchange (no certificate was asked for)"
    return ""


def _behind(rank: int) -> str:
    """What may come behind the server's message of a rank."""
    return {5: "CertificateRequest or ServerHelloDone", 6: "ServerHelloDone"}.get(rank, "what stands behind it in the order")
