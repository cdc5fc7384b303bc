"""Another protocol before TLS, or in its place.

starttls (note)
    meaning: The connection begins with another dialogue and goes over to TLS in its midst.
    known by: Words before the first hello: those that ask for TLS where the dialogue is known.
    causes: Mail, directory and database servers that offer TLS on their common port.
    try: To test such a server: openssl s_client -starttls PROTOCOL. Bytes behind the request that were sent in clear
        with it must not be taken for encrypted ones (CVE-2011-0411).
    source: RFC 3207, RFC 2595, RFC 4511 section 4.14
    sample: starttls-smtp

proxy-preface (note)
    meaning: The first bytes are meant for a machine on the way: a CONNECT request, SOCKS, or the header of the PROXY
        protocol.
    known by: Their words, before the first hello.
    causes: A client behind a proxy; a load balancer that passes the client's address on.
    try: If the server does not answer, see whether it expects the header: without it a PROXY header is an error, and the
        other way round.
    source: RFC 9110 section 9.3.6, haproxy PROXY protocol
    sample: tests/test_findings.py

tls-refused (warning)
    meaning: The client asks for TLS in a dialogue in clear, or a proxy for a way to a TLS server, and the answer is no.
    known by: The words that ask, and an answer that is none of those which say yes. Where TLS begins all the same, and is
        answered, nothing is said.
    causes: TLS that is not switched on at the server, or has no certificate there; a proxy that wants a password first, or
        forbids the target; a machine on the way that takes STARTTLS out.
    try: The server's answer says more, and its log. A client that goes on in clear shows its password.
    source: RFC 3207 section 4, RFC 9110 section 9.3.6
    sample: tests/test_findings.py

plaintext-to-tls (error)
    meaning: The client speaks another protocol to a server that expects TLS.
    known by: Bytes of the client that are no TLS, and a TLS alert in answer: proven. The words of a known protocol, a
        registered TLS port and a close without a byte, or an answer that says so, make it likely.
    causes: http:// where https:// was meant; a client with TLS switched off; a port mixed up.
    try: Use https://, or switch TLS on in the client.
    source: RFC 8446 section 5.1
    sample: tests/test_findings.py

tls-to-plaintext (error)
    meaning: The client speaks TLS to a server that does not: the ClientHello is answered in another protocol.
    known by: A ClientHello, and bytes of the server that are no TLS record.
    causes: A port for the plain protocol; a server that wants STARTTLS first; TLS not switched on at the server; a proxy
        that answers with an error page.
    try: The TLS port of the service, or STARTTLS: openssl s_client -starttls smtp (imap, pop3, ftp, ldap, postgres).
    source: RFC 8446 section 5.1
    sample: tests/test_findings.py
"""

from __future__ import annotations

from hexnote.findings.signs import overlong
from hexnote.hints import Iterator, List, Optional
from hexnote.model import Finding, Preface, Step, Story, finding, plural, printable, try_client

# What servers say to plain HTTP on a port of TLS.
_HTTPS = (b"HTTPS port", b"plain HTTP to an SSL-enabled", b"HTTP request to an HTTPS server")
# Dialogues of lines, of which one asks for TLS and is the last before it.
_LINES = frozenset(("smtp", "imap", "pop3", "ftp", "nntp", "managesieve", "irc"))
_STARTTLS = frozenset(("smtp", "lmtp", "imap", "pop3", "ftp", "nntp", "xmpp", "ldap", "postgresql", "mysql", "irc"))


def end(story: Story) -> Iterator[Finding]:
    """By the bytes outside of TLS."""
    preface: Optional[Preface] = story.preface
    others: List[List[Step]] = [story.of("other", 0), story.of("other", 1)]
    refused = _refused(story, preface, others)
    if refused is not None:
        yield refused
    if not story.courses:
        yield from _to_tls(story, preface, others)
        return
    course = story.courses[0]
    if refused is None and preface is not None and course.hello is not None:
        yield from _before(story, preface, course.hello, others)
    if course.hello is not None and course.answer is None and course.retry is None:
        yield from _to_plain(story, preface, course.hello, others[1])


def _refused(story: Story, preface: Optional[Preface], others: List[List[Step]]) -> Optional[Finding]:
    """The answer to words that ask for TLS, where it does not grant it."""
    if preface is None or preface.waits is None or any(story.gaps) or any(story.snapped):
        return None
    if story.courses and (story.courses[0].answer is not None or story.courses[0].retry is not None):
        return None
    start, stop = preface.waits
    asks = next((s for s in others[0] if s.offset <= start < s.offset + s.size), None)
    reply = next((s for s in others[1] if asks is not None and story.steps.index(s) > story.steps.index(asks)), None)
    if asks is None or reply is None:
        return None
    # Words in the midst of what is sent at once may be another's: a letter's, a page's.
    sure = "proven" if preface.kind == "proxy" or asks.offset + asks.size - stop <= 2 else "likely"
    wanted, by = ("a way to the server", "middlebox") if preface.kind == "proxy" else ("TLS", "server")
    next_step = f"look into the server's log, or ask again: {try_client(story, _option(preface))}"
    if preface.kind == "proxy":
        status = reply.data[9:12] if reply.data[:5] == b"HTTP/" else b""
        next_step = "look into the proxy's log, or ask again: curl -v -x PROXY https://HOST/"
        if status == b"407":  # RFC 9110 section 15.5.8
            by, next_step = "client", "give the client a user and password of the proxy: curl -v -U USER -x PROXY https://HOST/"
        elif status[:1] == b"5":  # it would, and could not
            by, next_step = "unknown", "does the proxy reach the server: try from there, and look into its log"
    return finding(story, "tls-refused", "warning", by, sure,
                   f"the client asks for {wanted} ({preface.title}), and the answer does not grant it: "
                   f"\"{printable(reply.data, 48)}\"",
                   "a later answer that grants it",
                   next_step, asks.places + reply.places)


def _option(preface: Optional[Preface]) -> str:
    """What openssl s_client is told to begin with, where it knows the dialogue."""
    known = preface is not None and preface.name in _STARTTLS
    return f"-starttls {preface.name.replace('postgresql', 'postgres')}" if preface is not None and known else ""


def _before(story: Story, preface: Preface, hello: Step, others: List[List[Step]]) -> Iterator[Finding]:
    at = preface.start[0]
    before = [s for s in others[0] if s.offset < hello.offset] or [s for s in others[1] if not s.offset and preface.start[1]]
    if at is None or not before or not (at or preface.start[1]):
        return
    what = preface.title or "a dialogue that is not known"
    where = f"at byte {at} of the client's stream" + (f" and byte {preface.start[1]} of the server's" if preface.start[1] else "")
    if preface.kind == "proxy":
        yield finding(story, "proxy-preface", "note", "unknown", "proven",
                      f"before TLS stands what is meant for a machine on the way ({what}); TLS begins {where}", at=before[0].places)
    else:
        yield finding(story, "starttls", "note", "unknown", "proven" if preface.name else "likely",
                      f"TLS begins behind another dialogue ({what}), {where}{_hurried(preface, before)}", at=before[0].places)


def _hurried(preface: Preface, before: List[Step]) -> str:
    """What stands in clear behind the line that asks for TLS and was sent with it, to be added to a sentence."""
    if preface.name not in _LINES or preface.asked is None or preface.asked[0]:
        return ""
    _, _, end = preface.asked
    asks = next((s for s in before if not s.side and s.offset < end <= s.offset + s.size), None)
    line, newline, rest = bytes(asks.data[end - asks.offset :]).partition(b"\n") if asks is not None else (b"", b"", b"")
    if asks is None or line.strip() or not rest:
        return ""
    left = asks.offset + asks.size - end - len(line + newline)
    return f"; with the line that asks for TLS came {plural(left, 'byte')} more in " \
           f"clear (\"{printable(rest, 32)}\"): a server that takes them for encrypted ones can be fed commands (CVE-2011-0411)"


def _to_tls(story: Story, preface: Optional[Preface], others: List[List[Step]]) -> Iterator[Finding]:
    if not others[0] or others[0][0].offset > 0 or overlong(others[0][0].data):
        return  # the last is TLS, with a wrong length
    sent = others[0][0]
    what = preface.title if preface is not None and preface.title else "bytes that are no TLS"
    alert = next((s for s in story.steps if s.kind == "alert" and s.side), None)
    said = next((s for s in others[1] if any(words in s.data for words in _HTTPS)), None)
    if alert is not None:
        sure, how, places = "proven", "answers with a TLS alert", alert.places
    elif said is not None:
        sure, how, places = "likely", "says that its port is for TLS", said.places
    elif preface is not None and preface.name and preface.kind == "plain" and story.tls_port and not story.seen[1] and (
        any(s.side and s.kind in ("FIN", "RST") for s in story.steps)
    ):
        sure, how, places = "likely", "closes without a byte, on a port of TLS", ()
    else:
        return
    yield finding(story, "plaintext-to-tls", "error", "client", sure,
                  f"the client speaks {what} to a TLS server, which {how}",
                  "a server that speaks that protocol on this port", f"use TLS (https://); the server itself: {try_client(story)}",
                  sent.places + places)


def _to_plain(story: Story, preface: Optional[Preface], hello: Step, others: List[Step]) -> Iterator[Finding]:
    first = next((s for s in others if s.offset >= 0), None)
    if first is None or any(s.kind in ("alert", "sealed", "data", "message") and s.side for s in story.steps):
        return
    if any(story.gaps) or any(story.snapped) or not story.pseudo and not (story.whole[1] or first.offset == 0):
        return
    if preface is not None and preface.start[0] and first.offset == 0 and preface.kind:
        return  # the server's part of the dialogue before TLS
    data = bytes(first.data[:48])
    readable = sum(32 <= c < 127 or c in (9, 10, 13) for c in data) >= len(data) - len(data) // 8
    known = preface.title if preface is not None and preface.title else ""
    option = _option(preface)
    yield finding(story, "tls-to-plaintext", "error", "client", "proven" if readable or known else "likely",
                  f"the ClientHello is answered in another protocol{f' ({known})' if known else ''}, by "
                  f"{plural(first.size, 'byte')}: \"{printable(first.data, 32)}\"",
                  "damage in the server's first bytes",
                  f"the service's TLS port, or STARTTLS: {try_client(story, option)}" if option or not known
                  else f"the service's TLS port; {known} is spoken here in clear", hello.places + first.places)
