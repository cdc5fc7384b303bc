"""What the hellos offer and choose.

ssl2-hello (note)
    meaning: The ClientHello has the form of SSL 2.0 and offers something newer: what clients of the years before 2010 did
        to be understood by the oldest servers.
    known by: A two-byte header with its first bit set, message type 1, and a version of 3.0 or more.
    causes: An old client, Java 6, OpenSSL before 1.0.
    try: Update the client; many servers refuse this form today.
    source: RFC 5246 appendix E.2, RFC 6176
    sample: ssl2-hello

obsolete-version (warning)
    meaning: The two ends speak a version that is no longer safe.
    known by: A ServerHello that chooses SSL 2.0 to TLS 1.1.
    causes: One end has nothing newer, or has it switched off.
    try: Switch TLS 1.2 or 1.3 on at the end that lacks it: openssl s_client -tls1_2 shows whether the server has it.
    source: RFC 6176, RFC 7568, RFC 8996
    sample: ssl3

obsolete-cipher (warning)
    meaning: The suite that was chosen does not protect what is sent as it should.
    known by: A ServerHello with a suite of NULL, export, anonymous, DES, 3DES or RC4 encryption, or an MD5 MAC.
    causes: A list of suites that was not touched for years; an end that has nothing better.
    try: Take these suites out of the server's list.
    source: RFC 7465, RFC 8429, RFC 9325 section 4.1
    sample: ssl3

weak-key-exchange (warning)
    meaning: The server's Diffie-Hellman group is smaller than clients accept today: who can break it reads everything.
    known by: A ServerKeyExchange whose prime has fewer than 2048 bits.
    causes: Parameters that were made years ago, or never: the library's old default.
    try: Take ECDHE alone, or a group of RFC 7919; openssl dhparam -out dh.pem 2048 makes new parameters.
    source: RFC 9325 section 4.5, RFC 7919, weakdh.org (Logjam)
    sample: tests/test_findings.py

version-mismatch (error)
    meaning: The two ends have no version in common.
    known by: Alert protocol_version right behind the ClientHello, or the client's behind the ServerHello, before its own flight.
    causes: One end is too old; one end has old versions switched off.
    try: openssl s_client -tls1_2, -tls1_3 and so on, one after the other, against the server.
    source: RFC 5246 appendix E.1, RFC 8446 section 4.2.1
    sample: tests/test_findings.py

no-common-parameters (error)
    meaning: The server found nothing it can accept in the ClientHello, or not enough security in it; which parameter it
        was the alert does not say.
    known by: Alert handshake_failure or insufficient_security right behind the ClientHello. Not said where the hello
        lacks the signal of RFC 5746, which explains the alert as well.
    causes: No cipher suite in common (an RSA certificate and ECDSA suites alone); no group; no signature scheme; a
        server name that the server insists on.
    try: Compare what was offered, as listed, with what the server allows: nmap --script ssl-enum-ciphers.
    source: RFC 5246 section 7.2.2, RFC 8446 section 4.1.1
    sample: tests/test_findings.py

fallback-scsv (warning)
    meaning: The client says that it comes back with a lower version than it can speak, since an attempt before failed.
    known by: TLS_FALLBACK_SCSV (0x5600) among the suites.
    causes: The first attempt met a server, a middlebox or a path that could not take the newer hello.
    try: Find the connection before this one that failed, and its reason; where it was over in this trace before, the finding names
        it.
    source: RFC 7507
    sample: tests/test_findings.py

downgrade-sentinel (error)
    meaning: The server could speak a newer version, says so in its random, and the client offered that version: somebody
        changed the hellos on the way, or the server is at odds with itself.
    known by: A server random that ends in DOWNGRD and 01 or 00, and a ClientHello in the same trace that offered TLS 1.3
        (01) or TLS 1.2 (00).
    causes: A middlebox that takes supported_versions out; an attack; a server behind a proxy that forwards its random.
    try: Capture at the server too, and compare the two ClientHellos.
    source: RFC 8446 section 4.1.3
    sample: tests/test_findings.py

unoffered-choice (error)
    meaning: The server chose what the client had not offered: the client has to break off.
    known by: A version, suite, group, extension, compression, ALPN protocol or, in TLS 1.2, signature scheme of the server's that
        the ClientHello lacks.
    causes: A defect of the server; a middlebox that changed one of the two hellos.
    try: Capture at both ends and compare the hellos.
    source: RFC 5246 sections 7.4.1.3 and 7.4.1.4, RFC 8446 section 4.1.3
    sample: tests/test_findings.py

hello-retry-mismatch (error)
    meaning: A HelloRetryRequest asks for what the client has sent already, or for nothing; or the second ClientHello does not do
        what was asked. The other end has to break off.
    known by: The group of the HelloRetryRequest among the key shares of the first ClientHello; neither a group nor a cookie in it;
        that group not among the key shares of the second ClientHello, or no cookie there.
    causes: A defect of one of the two; a middlebox that changes hellos, or answers in the server's name.
    try: Capture at both ends and compare the hellos; another client, another server.
    source: RFC 8446 sections 4.1.2 and 4.1.4
    sample: tests/test_findings.py

compression (warning)
    meaning: The two ends compress before they encrypt: lengths then give secrets away (CRIME).
    known by: A ServerHello with a compression method other than null.
    causes: An old library with compression left on.
    try: Switch TLS compression off (SSL_OP_NO_COMPRESSION).
    source: RFC 3749, RFC 9325 section 3.3
    sample: tests/test_findings.py
"""

from __future__ import annotations

from hexnote.findings.signs import ended
from hexnote.hints import Iterator, List, Optional, Sequence, Tuple
from hexnote.model import VERSIONS, Course, Finding, Hello, Places, Step, Story, finding, grease, plural, title, try_client

# Signalling values: they stand among the suites and are none (RFC 5746 section 3.3, RFC 7507 section 2).
RENEGOTIATION, FALLBACK = 0x00FF, 0x5600
_PRIME = 2048  # bits of a Diffie-Hellman prime that RFC 9325 section 4.5 asks for
_SENTINEL = b"DOWNGRD"
_COOKIE = 44
_ASKING = frozenset((51, _COOKIE, 0xFE0D))  # what a HelloRetryRequest asks by: key_share, cookie, encrypted_client_hello
_REQUESTED = frozenset((0xFF01, _COOKIE))  # extensions that a server may send unasked: by the SCSV, and a cookie


def at(story: Story, step: Step) -> Iterator[Finding]:
    """By a hello, or an alert right behind one."""
    course = story.courses[-1] if story.courses else None
    if course is None:
        return
    if step.kind == "alert":
        if course.alert is step and course is story.courses[0]:
            yield from _refused(story, course, step)
    elif step.name == "client_hello":
        yield from _offer(story, step)
        if course.retry is not None and step is course.hello and step is not course.first_hello:
            yield from _second(story, course.retry, step)
    elif step.name == "server_hello" and step.format == "ssl2":
        yield finding(story, "obsolete-version", "warning", "unknown", "proven",
                      "the server answers in SSL 2.0, which was broken in 1995 and is forbidden since 2011",
                      "",
                      f"switch TLS 1.2 or 1.3 on; to test: {try_client(story, '-tls1_2')}", step.places)
    elif step.name == "server_hello" and step.facts is not None:
        yield from _answer(story, course, step)
    elif step.name == "hello_retry_request" and step.facts is not None:
        yield from _unoffered(story, course, step, step.facts)
        if course.retry is step:
            yield from _needless(story, course, step)
    elif step.name == "server_key_exchange" and course.key_exchange is step:
        yield from _group(story, course, step)


def _offer(story: Story, step: Step) -> Iterator[Finding]:
    hello: Optional[Hello] = step.facts
    if hello is None:
        return
    if hello.ssl2 and hello.version >= 0x0300:
        yield finding(story, "ssl2-hello", "note", "unknown", "proven",
                      f"a ClientHello in the form of SSL 2.0, offering up to {_version(hello.version)}", at=step.places,
                      sided=False)
    elif hello.ssl2 and hello.version == 0x0002:
        yield finding(story, "obsolete-version", "warning", "client", "proven",
                      "the client offers SSL 2.0 and nothing newer, which was broken in 1995 and is forbidden since 2011",
                      "", "update the client", step.places)
    if FALLBACK in hello.suites:
        start = hello.ranges["suites"][0] + (3 if hello.ssl2 else 2) * hello.suites.index(FALLBACK)
        highest = _highest(hello)
        failed = None if story.pseudo else story.failed(story.ends[0].rpartition(":")[0], story.ends[1])
        before = "" if failed is None else \
            f"; of these two ends connection {failed[0]} failed before: it {ended(story, *failed[2:])} (packet {failed[1]})"
        yield finding(story, "fallback-scsv", "warning", "client", "likely",
                      ("the client says that it comes back after an attempt that failed (TLS_FALLBACK_SCSV), though it offers "
                       "TLS 1.3, the newest version" if highest >= 0x0304 else
                       f"the client comes back with {_version(highest)} at most after an attempt with more has failed "
                       "(TLS_FALLBACK_SCSV)") + before,
                      "a client that always sends it", "find the connection before this one that failed, and its reason"
                      if failed is None else f"find out why connection {failed[0]} failed",
                      story.where(step, start, start + 2), seen="proven")


def _answer(story: Story, course: Course, step: Step) -> Iterator[Finding]:
    answer: Hello = step.facts
    if not answer.suites or course.answer is not step:
        return
    hello: Optional[Hello] = course.hello.facts if course.hello is not None else None
    version = course.version or 0
    if 0 < version < 0x0303:
        who = "unknown"
        if hello is not None and hello.complete:
            who = "client" if _highest(hello) <= version else "server"
        better = f", though the client offered up to {_version(_highest(hello))}" if hello is not None and who == "server" else ""
        yield finding(story, "obsolete-version", "warning", who, "proven",
                      f"the server chooses {_version(version)}, which is no longer safe{better}",
                      "", f"switch TLS 1.2 or 1.3 on; to test: {try_client(story, '-tls1_2')}",
                      story.where(step, *answer.ranges["version"]))
    why = _weak(story, answer.suites[0])
    if why:
        yield finding(story, "obsolete-cipher", "warning", "server", "proven",
                      f"the server chooses {title(story, 'cipher_suites', answer.suites[0])}: {why}",
                      "", "take such suites out of the server's list",
                      story.where(step, *answer.ranges["suites"]))
    if answer.compressions and answer.compressions[0]:
        method = title(story, "compression_methods", answer.compressions[0], 2)
        yield finding(story, "compression", "warning", "server", "proven",
                      f"the server agrees to compress ({method}): lengths then give secrets away (CRIME)",
                      "", "switch TLS compression off",
                      story.where(step, *answer.ranges["compressions"]))
    if hello is None or not hello.complete:
        return
    yield from _sentinel(story, course, step, hello)
    yield from _unoffered(story, course, step, answer)


def _weak(story: Story, suite: int) -> str:
    """Why a suite is obsolete; "" where it is not."""
    row: Sequence[str] = getattr(story.names("cipher_suites"), "rows", {}).get(suite, ())
    if len(row) < 6 or row[2] == "tls13":
        return ""
    kx, auth, cipher, mac = row[2:6]
    why: List[str] = []
    if cipher.startswith("NULL"):
        why.append("nothing is encrypted")
    elif cipher.startswith("RC4"):
        why.append("RC4 is broken")
    elif cipher.startswith("3DES"):
        why.append("3DES has blocks of 8 bytes, too short for much data (Sweet32)")
    elif cipher.startswith("DES"):
        why.append("DES has keys of 56 bits")
    if "export" in kx or "EXPORT" in row[0]:
        why.append("export keys can be guessed")
    if "anon" in kx or "anon" in auth and kx != "srp":  # a password proves both ends (RFC 5054 section 2.1)
        why.append("nobody is authenticated")
    if mac == "MD5":
        why.append("its MAC is MD5")
    return ", ".join(why)


def _sentinel(story: Story, course: Course, step: Step, hello: Hello) -> Iterator[Finding]:
    answer: Hello = step.facts
    version = course.version or 0
    if answer.random[-8:-1] != _SENTINEL or answer.random[-1] > 1 or version >= 0x0304:
        return
    said = 0x0304 if answer.random[-1] == 1 else 0x0303
    offered = hello.versions if hello.versions is not None else (hello.version,)
    if said not in offered and not (hello.versions is None and hello.version >= said) or version >= said:
        return
    start = answer.ranges["random"][0]
    yield finding(story, "downgrade-sentinel", "error", "middlebox", "likely",
                  f"the server's random says that it can speak {_version(said)}{' at least' if said == 0x0303 else ''}, the "
                  "client offered "
                  f"that, and {_version(version)} was chosen: somebody changed the hellos on the way",
                  "a server that marks its random wrongly; the ClientHello as the server received it, with the same versions",
                  "capture at the server too and compare the two ClientHellos", story.where(step, start + 24, start + 32))


def _unoffered(story: Story, course: Course, step: Step, answer: Hello) -> Iterator[Finding]:
    """What a ServerHello or HelloRetryRequest has that the ClientHello lacks."""
    hello: Optional[Hello] = course.hello.facts if course.hello is not None else None
    if hello is None or not hello.complete or not answer.suites:
        return
    if course.retry is not None and not answer.retry and course.hello is course.first_hello:
        return  # the hello that it answers has not come yet
    wrong: List[Tuple[str, Places]] = []

    def note(what: str, where: Tuple[int, int]) -> None:
        wrong.append((what, story.where(step, *where)))

    ranges = answer.ranges
    if answer.suites[0] not in hello.suites:
        note(f"cipher suite {title(story, 'cipher_suites', answer.suites[0])}", ranges["suites"])
    chosen = answer.versions[0] if answer.versions else answer.version
    if answer.versions and chosen not in (hello.versions or ()):
        note(f"version {_version(chosen)}", answer.extensions[43])
    elif not answer.versions and (chosen > hello.version or hello.versions is not None and chosen not in hello.versions):
        note(f"version {_version(chosen)}", ranges["version"])
    if answer.compressions and answer.compressions[0] not in hello.compressions:
        note(f"compression method {answer.compressions[0]}", ranges["compressions"])
    if answer.shares and 51 in answer.extensions:
        allowed = (hello.groups if answer.retry else hello.shares) or ()
        if answer.shares[0] not in allowed:
            note(f"group {title(story, 'supported_groups', answer.shares[0])}", answer.extensions[51])
    if answer.selected_identity is not None and answer.selected_identity >= len(hello.identities or ()):
        note(f"pre-shared key number {answer.selected_identity}", answer.extensions[41])
    if answer.protocols and not set(answer.protocols) <= set(hello.protocols or ()):
        note("ALPN protocol", answer.extensions[16])
    if answer.extensions.keys() - hello.extensions.keys():
        for kind, span in answer.extensions.items():
            if kind not in hello.extensions and kind not in _REQUESTED:
                note(f"extension {title(story, 'extension_types', kind)}", (span[0] - 4, span[1]))
        if 0xFF01 in answer.extensions and 0xFF01 not in hello.extensions and 0x00FF not in hello.suites:
            note("extension renegotiation_info", answer.extensions[0xFF01])
    if wrong:
        yield _choice(story, ", ".join(what for what, _ in wrong), sum((where for _, where in wrong), ()))


def _needless(story: Story, course: Course, step: Step) -> Iterator[Finding]:
    """A HelloRetryRequest that changes nothing (RFC 8446 section 4.1.4)."""
    first: Optional[Hello] = course.first_hello.facts if course.first_hello is not None else None
    retry: Hello = step.facts
    if first is None or not first.complete or not retry.complete:
        return
    if retry.shares and retry.shares[0] in (first.shares or ()):
        why = f"asks for a key share of {title(story, 'supported_groups', retry.shares[0])}, which the ClientHello has already"
        yield _mismatch(story, "server", f"the server {why}", story.where(step, *retry.extensions[51]))
    elif not retry.extensions.keys() & _ASKING:
        yield _mismatch(story, "server", "the server's HelloRetryRequest asks for nothing that would change the ClientHello",
                        step.places)


def _second(story: Story, asked: Step, step: Step) -> Iterator[Finding]:
    """The ClientHello behind a HelloRetryRequest (RFC 8446 section 4.1.2)."""
    retry: Optional[Hello] = asked.facts
    hello: Optional[Hello] = step.facts
    if retry is None or hello is None or not retry.complete or not hello.complete:
        return
    lacks: List[str] = []
    if retry.shares and retry.shares[0] not in (hello.shares or ()):
        lacks.append(f"a key share of {title(story, 'supported_groups', retry.shares[0])}")
    if _COOKIE in retry.extensions and _COOKIE not in hello.extensions:
        lacks.append("the cookie")
    if lacks:
        yield _mismatch(story, "client", f"the client's second ClientHello lacks what the server asked for: {' and '.join(lacks)}",
                        step.places + asked.places)


def _mismatch(story: Story, by: str, text: str, where: Places) -> Finding:
    return finding(story, "hello-retry-mismatch", "error", by, "proven", text,
                   "other hellos at the other end: then something between changes them",
                   "capture at both ends and compare the hellos", where)


def _group(story: Story, course: Course, step: Step) -> Iterator[Finding]:
    hello: Optional[Hello] = course.hello.facts if course.hello is not None else None
    group = step.facts.group if step.facts is not None else None
    if step.facts is not None and 0 < step.facts.prime < _PRIME:
        yield finding(story, "weak-key-exchange", "warning", "server", "proven",
                      f"the server's Diffie-Hellman prime has {step.facts.prime} bits, fewer than {_PRIME}",
                      "", "take ECDHE, or a group of RFC 7919; to test: "
                          f"{try_client(story, '-cipher DHE')}", story.where(step, *step.facts.range))
    if hello is not None and hello.complete and group is not None and hello.groups is not None and group not in hello.groups:
        yield _choice(story, f"group {title(story, 'supported_groups', group)}", story.where(step, *step.facts.range))
    scheme = step.facts.scheme if step.facts is not None and course.version == 0x0303 else None
    if hello is not None and hello.complete and scheme is not None and hello.schemes is not None and scheme not in hello.schemes:
        yield _choice(story, f"signature scheme {title(story, 'signature_schemes', scheme)}", story.where(step, *step.facts.signed))


def _choice(story: Story, what: str, where: Places) -> Finding:
    return finding(story, "unoffered-choice", "error", "server", "likely",
                   f"the server chooses what the client did not offer: {what}",
                   "a ClientHello at the server that offers it: then something between changes the hellos",
                   "capture at both ends and compare the hellos", where, seen="proven")


# ------------------------------------------------------------------ refusals


def _refused(story: Story, course: Course, step: Step) -> Iterator[Finding]:
    hello: Optional[Hello] = course.hello.facts if course.hello is not None else None
    if hello is None or course.hello is None:
        return
    chosen = course.answer is not None and not step.side and step.description == 70 and course.client_key is None
    if course.last not in (course.hello, course.answer) and not chosen:
        return
    if any(s.kind in ("FIN", "heartbeat", "data", "record") for s in story.steps):
        return  # not right behind the hello
    if step.description == 70 and (course.answer is None) == bool(step.side):
        yield _versions(story, course, step, hello)
    elif step.description == 40 and step.side and course.answer is None and hello.complete and _highest(hello) == 0x0300:
        yield finding(story, "version-mismatch", "error", "client", "likely",
                      "the client offers SSL 3.0 alone, which has no alert protocol_version: of a server that has it switched off "
                      "handshake_failure is all that can come",
                      "a server that speaks SSL 3.0, with none of the cipher suites",
                      f"offer TLS 1.2 or newer; to test: {try_client(story, '-tls1_2')}",
                      story.where(course.hello, *hello.ranges["version"]) + step.places)
    elif step.description in (40, 71) and step.side and course.answer is None and course.retry is None and hello.complete:
        if 0x00FF not in hello.suites and 0xFF01 not in hello.extensions and _highest(hello) < 0x0304:
            return
        yield finding(story, "no-common-parameters", "error", "unknown", "likely",
                      "the server accepts nothing of what the ClientHello offers" +
                      (" as secure enough" if step.description == 71 else "") + f": {_offers(story, hello)}. Which of these "
                                                                                "it was, the "
                      "alert does not say",
                      "the server's log, if it names another reason (a server name, a client address)",
                      "compare with what the server allows: nmap --script ssl-enum-ciphers, or openssl s_client with one "
                      "suite, group or version at a time", course.hello.places + step.places)


def _versions(story: Story, course: Course, step: Step, hello: Hello) -> Finding:
    offered = sorted((v for v in hello.versions or () if not grease(v)), reverse=True)
    highest = _highest(hello)
    lists = ", ".join(map(_version, offered)) if offered else f"up to {_version(hello.version)}"
    if course.answer is not None and course.version is not None:
        older = "server" if course.version < highest else "client"
        text = f"the client offers {lists}, the server chooses {_version(course.version)}, and the client refuses that"
        sure = "proven"
    else:
        older = "server" if highest >= 0x0304 else "client"
        text = f"the client offers {lists}, and the server has no version in common with that"
        sure = "proven" if hello.complete else "likely"
    why = {
        "client": "the client is the older side: a server that had something older would have chosen it",
        "server": "the server is the older side, since the client offers the newest",
    }[older]
    assert course.hello is not None
    where = hello.extensions.get(43) or hello.ranges.get("version")
    newer = "-tls1_3" if older == "client" and highest < 0x0304 else "-tls1_2"
    return finding(story, "version-mismatch", "error", older, sure, f"{text}; {why}",
                   "a middlebox that changes the versions in the hello (a trace taken at the other end)",
                   f"try one version at a time: {try_client(story, newer)}",
                   (story.where(course.hello, *where) if where else course.hello.places) + step.places)


def _offers(story: Story, hello: Hello) -> str:
    suites = [suite for suite in hello.suites if suite not in (RENEGOTIATION, FALLBACK)]
    said = [f"{plural(len(suites), 'cipher suite')} ({_some(story, 'cipher_suites', suites)})"]
    said.append(f"versions {', '.join(map(_version, hello.versions))}" if hello.versions else "versions up to "
                                                                                              f"{_version(hello.version)}")
    if hello.groups is not None:
        said.append(f"groups {_some(story, 'supported_groups', hello.groups)}")
    if hello.schemes is not None:
        said.append(f"signatures {_some(story, 'signature_schemes', hello.schemes)}")
    if hello.identities:
        said.append(plural(len(hello.identities), "pre-shared key"))
    said.append("no server name" if hello.server_name is None else "a server name")
    return "; ".join(said)


def _some(story: Story, registry: str, values: Sequence[int]) -> str:
    names = [title(story, registry, v) for v in values[:3]]
    return ", ".join(names) + (f" and {len(values) - 3} more" if len(values) > 3 else "")


def _highest(hello: Hello) -> int:
    """The highest version that a ClientHello offers, GREASE apart."""
    return max((v for v in hello.versions or () if v in VERSIONS), default=hello.version)


def _version(value: int) -> str:
    return VERSIONS.get(value, f"0x{value:04x}")
