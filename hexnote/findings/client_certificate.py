"""The client's certificate: asked for, sent, proved; and the authorities that the server lists for it.

client-certificate-requested (note)
    meaning: The server asks the client for a certificate.
    known by: A CertificateRequest in clear, or decrypted with a key log.
    causes: Mutual authentication, required or optional: the message does not say which.
    try: See what the client answered, in the line on the client certificate.
    source: RFC 5246 section 7.4.4
    sample: client-certificate

client-certificate-not-requested (note)
    meaning: The server did not ask the client for a certificate, so a client that has one does not send it.
    known by: A full handshake up to TLS 1.2, the server's flight whole and in clear up to ServerHelloDone, no
        CertificateRequest in it. Not said where a request would be invisible: TLS 1.3, renegotiation, resumption.
    causes: A server that does not authenticate clients, or does so only for some paths, names or ports.
    try: If the server should ask, look at its setting for client authentication (SSLVerifyClient, ssl_verify_client).
    source: RFC 5246 section 7.4.4
    sample: tls12-ecdhe

client-certificate-sent (note)
    meaning: The client sent a certificate and proved that it holds the key.
    known by: A Certificate message of the client with at least one certificate, and its CertificateVerify. Whether
        the proof is right only the server can tell.
    causes: Mutual authentication in good order.
    try: If the server refuses all the same, its trust store or its mapping of certificates to users is next.
    source: RFC 5246 sections 7.4.6 and 7.4.8
    sample: client-certificate

client-certificate-empty (warning)
    meaning: The server asked for a certificate and the client answered that it has none to offer. Where the server goes on
        all the same, it only asks, and nobody has to act unless its application refuses the client then.
    known by: A Certificate message of the client whose list is empty. In TLS 1.3 an encrypted record as long as an
        empty Certificate just before one as long as a Finished: likely at most.
    causes: No certificate configured in the client; none issued by an authority that the server lists, or of a listed
        type; one that has expired or whose private key the client cannot use.
    try: Compare the issuer of the client's certificate with the authorities in the CertificateRequest: openssl
        s_client -cert CERT.pem -key KEY.pem -connect HOST:PORT prints them.
    source: RFC 5246 section 7.4.6, RFC 8446 section 4.4.2
    sample: client-certificate-empty

client-certificate-missing (error)
    meaning: The server asked for a certificate and the client went on without the Certificate message that it owes,
        be it an empty one.
    known by: CertificateRequest, then ClientKeyExchange with no Certificate message before it, no byte missing.
    causes: A defect in the client's library; SSL 3.0, where an alert may stand instead; two connections mixed in one
        trace.
    try: Another client with the same certificate (openssl s_client -cert CERT.pem -key KEY.pem).
    source: RFC 5246 section 7.4.6
    sample: tests/test_findings.py

client-no-certificate-alert (warning)
    meaning: The client says that it has no certificate: SSL 3.0's way, where later versions send an empty list.
    known by: Alert 41 (no_certificate) of the client.
    causes: As for client-certificate-empty.
    try: As for client-certificate-empty; and leave SSL 3.0 behind.
    source: RFC 6101 sections 5.4.2 and 5.6.6
    sample: tests/test_findings.py

client-certificate-unproven (error)
    meaning: The client sent a certificate whose key can sign, and no CertificateVerify: it did not prove that it holds
        the key.
    known by: A Certificate of the client with a signing key, then ChangeCipherSpec with no CertificateVerify before
        it, no byte missing.
    causes: A defect in the client's library; a token that failed to sign and was passed over.
    try: Another client with the same certificate and key.
    source: RFC 5246 section 7.4.8
    sample: tests/test_findings.py

ca-list-empty (note)
    meaning: The server lists no authorities: any certificate of the right type will do for the client to send one.
        Some clients then send none.
    known by: A CertificateRequest with an empty list of names.
    causes: A server that names none, or is told not to (Schannel does so by default since 2012).
    try: If the client sends none, list the authorities on the server, or tell the client which certificate to use.
    source: RFC 5246 section 7.4.4
    sample: tests/test_findings.py

ca-list-mismatch (warning)
    meaning: None of the authorities that the server lists issued the client's certificate, as far as the trace shows:
        many clients would not have sent it, and the server may refuse it.
    known by: No listed name is the issuer of a certificate in the client's chain, nor of an issuer seen in this trace.
    causes: A certificate of another authority; a list without the new root; an intermediate that was left out, whose
        own issuer is listed.
    try: openssl x509 -noout -issuer -in CERT.pem, and compare with the list in the CertificateRequest.
    source: RFC 5246 section 7.4.4
    sample: tests/test_findings.py

ca-list-large (note)
    meaning: The server's list of authorities is so long that known servers cut it: names at its end may be missing.
    known by: More than 12,228 bytes of names.
    causes: A trust store with all public authorities where a few would do.
    try: Shorten the server's trust list (Windows: SendTrustedIssuerList=0, or the Client Authentication Issuers store).
    source: Microsoft KB 933430
    sample: tests/test_findings.py
"""

from __future__ import annotations

from hexnote.findings.signs import PADDED, like_alert
from hexnote.hints import Iterator, List, Optional, Set
from hexnote.model import SEALED_CHANGE, Course, Finding, Request, Step, Story, finding, plural, title, try_client

LARGE = 12228
_IF_REFUSED = "if the server's application refuses the client then: "
_SIGNING = ("RSA", "EC", "DSA", "Ed25519", "Ed448", "id-ecPublicKey", "rsaEncryption")


def at(story: Story, step: Step) -> Iterator[Finding]:
    """By a message about the client's certificate, ChangeCipherSpec or an alert of the client."""
    course = story.courses[-1] if story.courses else None
    if step.kind == "alert":
        if step.description == 41 and not step.side:
            yield finding(story, "client-no-certificate-alert", "warning", "client", "proven",
                          "the client says that it has no certificate (alert no_certificate, as in SSL 3.0)",
                          "a Certificate message of the client elsewhere in the handshake",
                          "look why the client has none: " + _offer(story), step.places)
        return
    if course is None:
        return
    if step.kind == "change_cipher_spec":
        if not step.side and course.changed[0] is step:
            yield from _unproven(story, course, step)
    elif step.name == "certificate_request":
        yield from _request(story, step)
    elif step.name == "client_key_exchange":
        yield from _missing(story, course, step)
    elif step.name == "certificate_verify" and not step.side and course.verify is step:
        sent = course.certificate[0]
        if sent is not None and sent.facts is not None and sent.facts.count:
            chain = f"a chain of {plural(sent.facts.count, 'certificate')}"
            yield finding(story, "client-certificate-sent", "note", "unknown", "proven",
                          f"the client sent {'a raw public key' if sent.facts.raw else chain} and the proof that it holds "
                          "the key (CertificateVerify)",
                          at=sent.places + step.places)


def _offer(story: Story) -> str:
    return try_client(story, "-cert CERT.pem -key KEY.pem")


def _request(story: Story, step: Step) -> Iterator[Finding]:
    said: Request = step.facts
    kinds = ", ".join(title(story, "client_certificate_types", t, 2) for t in said.types[:4])
    lists = plural(len(said.authorities), "authority") if said.complete else "authorities"
    yield finding(story, "client-certificate-requested", "note", "unknown", "proven",
                  f"the server asks for a client certificate{f' ({kinds})' if kinds else ''}, and lists {lists}", at=step.places)
    start, end = said.names
    if said.complete and not said.authorities and not step.buffer and start:
        yield finding(story, "ca-list-empty", "note", "unknown", "proven",
                      "the list of authorities is empty: the client may send any certificate, and some clients send none",
                      at=story.where(step, start - 2, end))
    elif end - start > LARGE:
        yield finding(story, "ca-list-large", "note", "server", "proven",
                      f"the list of authorities takes {end - start} bytes, over {LARGE}: known servers cut such a list",
                      at=story.where(step, start, end))


def _empty(story: Story, course: Course) -> Iterator[Finding]:
    """An empty list of the client's; who must act the server's answer tells."""
    sent = course.certificate[0]
    if sent is None or not sent.facts.complete or sent.facts.count:
        return
    said = "the server asked for a certificate, and the client answers with an empty list: it has none to offer" \
        if course.request is not None else "the client sends an empty list of certificates: it has none to offer"
    where = story.where(sent, *sent.facts.list)
    if course.went_on:
        yield finding(story, "client-certificate-empty", "warning", "unknown", "proven", f"{said}; the server goes on without one",
                      "", _IF_REFUSED + _offer(story), where)
    else:
        yield finding(story, "client-certificate-empty", "warning", "client", "proven", said, "", _offer(story), where)


def _missing(story: Story, course: Course, step: Step) -> Iterator[Finding]:
    if course.request is None or course.client_key is not step or course.certificate[0] is not None:
        return
    if course.no_certificate is not None or course.holed[0] or course.holed[1] or story.pseudo and step.places:
        return
    odd = next((s for s in story.steps if s.kind == "alert" and not s.side), None)
    if odd is not None:
        why = "; an alert stands in its place: in clear, since nothing before ChangeCipherSpec can be encrypted. It is SSL 3.0's " \
              "no_certificate (41), or belongs to another connection"
    else:
        why = ""
    yield finding(story, "client-certificate-missing", "error", "client", "likely" if odd is not None else "proven",
                  "the server asked for a certificate, and the client goes on to ClientKeyExchange without a Certificate message, "
                  f"which it owes even if it has none{why}",
                  "a Certificate message of the client that the trace lacks", _offer(story), step.places)


def _unproven(story: Story, course: Course, step: Step) -> Iterator[Finding]:
    sent = course.certificate[0]
    if sent is None or course.verify is not None or course.holed[0] or not sent.facts.count or course.version == 0x0304:
        return
    facts = story.reads(sent.facts.certificates[0][2]) if sent.facts.certificates else None
    if facts is None or facts.key_type not in _SIGNING:
        return
    if facts.key_usage is not None and "digitalSignature" not in facts.key_usage:
        return  # the key of a fixed Diffie-Hellman exchange proves itself
    yield finding(story, "client-certificate-unproven", "error", "client", "proven",
                  f"the client sent a certificate with a key that can sign ({facts.key_type}) and no CertificateVerify before its "
                  "ChangeCipherSpec: it did not prove that it holds the key",
                  "a CertificateVerify that the trace lacks", _offer(story), sent.places + step.places)


def end(story: Story) -> Iterator[Finding]:
    """What takes the whole connection."""
    for course in story.courses:
        yield from _empty(story, course)
        if course.version == 0x0304:
            yield from _empty13(story, course)
        elif course.kind == "full":
            yield from _not_requested(story, course)
        yield from _mismatch(story, course)


def _not_requested(story: Story, course: Course) -> Iterator[Finding]:
    answer, done = course.answer, course.done
    if answer is None or done is None or course.certificate[1] is None:
        return
    if course.request is not None or course.certificate[0] is not None:
        return
    if "hole" in story.trail and any(
        s.kind == "hole" and s.side and answer.offset <= s.offset < done.offset for s in story.steps
    ):
        return
    if SEALED_CHANGE in story.trail:
        return  # a renegotiation: what was asked in it is not visible
    yield finding(story, "client-certificate-not-requested", "note", "unknown", "proven",
                  "the server did not ask for a client certificate: its flight up to ServerHelloDone has no CertificateRequest",
                  at=done.places)


def _empty13(story: Story, course: Course) -> Iterator[Finding]:
    """An empty Certificate, then a Finished, by the lengths of the client's first records behind the ServerHello."""
    if course.answer is None or course.certificate[0] is not None or course.holed[0]:
        return
    protection = story.lengths.protection(course.suite, 0x0304) if story.lengths is not None else None
    if protection is None:
        return
    over, last = protection.mac + 1, protection.finished + protection.mac + 1
    seen: List[int] = []  # the first three are enough
    first: Optional[Step] = None
    steps = story.steps
    for step in steps[steps.index(course.answer) :] if course.answer in steps else ():
        if step.kind == "data" and not step.side:
            first = first or step
            seen += step.lengths
            if len(seen) > 2:
                break
    # EndOfEarlyData stands first where early data were taken.
    if seen[:1] == [4 + over]:
        del seen[0]
    empty = 4 + 1 + 3
    alike = [empty + over, last]
    if first is not None and (seen[:2] in (alike, [size + PADDED for size in alike]) or seen[:1] == [empty + last]):
        went_on = _talks_on(story, steps[steps.index(first) :])
        yield finding(story, "client-certificate-empty", "warning", "unknown" if went_on else "client", "likely",
                      f"the client's first encrypted record is as long as an empty Certificate ({seen[0]} bytes), and a "
                      "Finished follows: "
                      "the server asked for a certificate, and the client has none to offer"
                      f"{'; the server goes on without one' if went_on else ''}",
                      "a key log that shows another message of that length",
                      (_IF_REFUSED if went_on else "") + _offer(story), first.places)


def _talks_on(story: Story, steps: List[Step]) -> bool:
    """TLS 1.3: whether the server sends more than one record as long as an alert: tickets, or data."""
    told = [step for step in steps if step.side and step.kind == "data"]
    return any(step.count > 1 or not like_alert(story, 0x0304, step) for step in told)


def _mismatch(story: Story, course: Course) -> Iterator[Finding]:
    sent, asked = course.certificate[0], course.request
    if sent is None or asked is None or not sent.facts.complete or not asked.facts.complete:
        return
    listed: Set[object] = {story.name_of(der)[1] for _, _, der in asked.facts.authorities}
    if not listed or not sent.facts.certificates:
        return
    read = [story.reads(der) for _, _, der in sent.facts.certificates]
    if any(f is None or not f.issuer_key for f in read):
        return
    if any(f.issuer_key in listed or f.subject_key in listed for f in read):
        return
    upper = read[-1]
    for _ in range(8):
        der = story.traced.get(upper.issuer_key)
        above = story.reads(der) if der is not None else None
        if above is None or above.subject_key == upper.subject_key:
            break
        if above.issuer_key in listed or above.subject_key in listed:
            return
        upper = above
    names = ", ".join(story.name_of(der)[0] for _, _, der in asked.facts.authorities[:2])
    more = len(asked.facts.authorities) - 2
    yield finding(story, "ca-list-mismatch", "warning", "unknown", "likely",
                  f"the client's certificate was issued by {read[0].issuer or 'nobody named'}, and no authority that the "
                  "server lists "
                  f"({names}{f' and {more} more' if more > 0 else ''}) issued any of its chain",
                  "an intermediate, not in this trace, that a listed authority issued",
                  "openssl x509 -noout -issuer -in CERT.pem, and compare with the list",
                  sent.places + story.where(asked, *asked.facts.names))
