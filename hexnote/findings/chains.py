"""A chain of certificates: its order, its end, its names, its dates, its strength.

certificate-chain (note)
    meaning: The chain as it was sent: who is certified by whom, where it ends, and how that was checked.
    known by: Issuer and subject of each certificate, their key identifiers, and, where the package cryptography is
        installed, each signature. Told by --summary and --diagnose.
    causes: None; it is what a chain looks like.
    try: Nothing.
    source: RFC 5280 section 6.1, RFC 5246 section 7.4.2
    sample: client-certificate

certificate-signature-wrong (error)
    meaning: A certificate was not signed by the one that its names say: it was damaged or forged, or belongs to another
        issuer of the same name.
    known by: The signature does not verify under the issuer's key; checked where the package cryptography is installed,
        by --summary and --diagnose. Likely: the dump's bytes may not be those that were sent. Where --redact replaced them, the
        signature ends in the letters "stand-in", and is not checked.
    causes: A dump with a typing error, or in which names and keys were replaced before it was sent out; an authority
        that renewed its key under the old name; a forged certificate.
    try: openssl verify -partial_chain -trusted ISSUER.pem CERT.pem.
    source: RFC 5280 section 6.1.3
    sample: tests/test_findings.py

chain-incomplete (error)
    meaning: The chain ends before it reaches an authority: an intermediate certificate was not sent. Browsers may have it
        from elsewhere, so it "works in a browser"; other clients fail.
    known by: The last certificate reached from the leaf is neither self-signed nor marked as an authority
        (basicConstraints), nor is its issuer among the authorities that the other end names in this handshake.
        Proven where the other end had named its authorities, none of which this chain reaches, and says unknown_ca. Else no
        more than likely, for it may trust the issuer directly, or be the one that lacks a root; unknown_ca then proves that
        it happened alone.
    causes: A server configured with its certificate and without the bundle of its authority; an authority of one's own, whose
        root the other end lacks.
    try: Install the full chain (ssl_certificate with the bundle, SSLCertificateFile): openssl s_client -showcerts.
    source: RFC 5246 section 7.4.2, RFC 8446 section 4.4.2
    sample: tests/test_findings.py

certificate-misused (error)
    meaning: A certificate does what it, or one above it, does not allow: it issues another one and is no authority, or has more
        authorities below it than it allows, or a name that they may not give, or serves a purpose that it does not list. Strict
        clients stop there.
    known by: A certificate of the chain, not a root, that is the issuer of the one before, without basicConstraints cA or without
        the key usage keyCertSign; a pathLenConstraint that is less than the number of authorities below; nameConstraints that a
        dNSName of the leaf breaks; an extKeyUsage of the leaf without serverAuth (of a client's, without clientAuth) or any
        purpose. Likely where the other end went on.
    causes: A test authority made with the wrong extensions; a leaf that was used to sign; a client's certificate in a server.
    try: openssl verify -purpose sslserver -untrusted CHAIN.pem LEAF.pem; have it issued anew, with the right extensions.
    source: RFC 5280 sections 4.2.1.10, 4.2.1.12 and 6.1.4
    sample: tests/test_findings.py

chain-out-of-order (warning)
    meaning: The certificates do not follow each other as each certifying the one before: strict clients stop there.
    known by: A certificate that is not the issuer of the one before it, by name and key identifiers.
    causes: Files joined in the wrong order; certificates of another chain left in the file; a leaf that is there twice.
    try: Put the leaf first, then its issuer, and so on; take out what does not belong to it.
    source: RFC 5246 section 7.4.2
    sample: tests/test_findings.py

chain-has-root (note)
    meaning: The root was sent too. Whoever trusts it has it already: bytes for nothing.
    known by: A self-signed certificate behind the leaf.
    causes: A bundle that holds the root as well.
    try: Leave it out of the file.
    source: RFC 5246 section 7.4.2
    sample: tests/test_findings.py

staple-missing (warning)
    meaning: The server's certificate demands that its revocation status is sent with it (must-staple), the client asked for that,
        and it was not sent: clients that keep to the demand (Firefox, GnuTLS) break off.
    known by: The extension TLS feature of the leaf with status_request in it, status_request in the ClientHello, and the server's
        flight up to TLS 1.2, whole and in clear, without CertificateStatus.
    causes: A server with stapling switched off; one that has no answer of its authority yet, as behind a restart.
    try: openssl s_client -status; switch stapling on (ssl_stapling, SSLUseStapling), or have the certificate issued without the
        demand.
    source: RFC 7633 section 4.2.2, RFC 6066 section 8
    sample: tests/test_findings.py

self-signed (warning)
    meaning: The only certificate signed itself: nobody vouches for it, so a client trusts it only where it was told to.
    known by: One certificate, whose issuer is its subject.
    causes: A test or a device with the certificate that it made for itself.
    try: Get a certificate of an authority that the clients trust, or give this one to each of them.
    source: RFC 5280 section 3.2
    sample: tests/test_findings.py

certificate-expired (error)
    meaning: A certificate of the chain was no longer valid when the trace was taken.
    known by: Its notAfter lies before the date of the trace: the summary line's, else --at, else the clocks in the two
        hellos where they agree within a day. A printed date bears no zone, so within 14 hours of the limit the
        finding is possible.
    causes: A renewal that was forgotten, or installed and not loaded; an expired intermediate that is still sent.
    try: Renew it and restart the service: openssl x509 -noout -dates -in CERT.pem.
    source: RFC 5280 section 4.1.2.5
    sample: tests/test_findings.py

certificate-not-yet-valid (error)
    meaning: A certificate of the chain was not valid yet when the trace was taken.
    known by: Its notBefore lies behind the date of the trace, known as for certificate-expired.
    causes: A clock that is wrong, at the authority or here; a certificate that was installed too early.
    try: Compare the clocks; openssl x509 -noout -dates -in CERT.pem.
    source: RFC 5280 section 4.1.2.5
    sample: tests/test_findings.py

name-mismatch (error)
    meaning: The server's certificate does not cover the name that the client asked for: a client that checks names breaks
        off.
    known by: No dNSName of the leaf's subjectAltName matches the server_name of the hello; where there is no dNSName, the
        common name does not. A wildcard stands for one label, the first.
    causes: A default site that answered; a name that was forgotten in the certificate; an address where another server
        is.
    try: openssl s_client -servername NAME, and look at the subjectAltName of what comes.
    source: RFC 6125 section 6.4, RFC 6066 section 3
    sample: tests/test_findings.py

tls-inspection (note)
    meaning: What the client sees is not the server's own certificate, but one that a product on the way, or on the client's host,
        has made for it, so as to read what is encrypted.
    known by: An issuer that bears the name which such a product gives to its authority; many let their owners choose another one.
    causes: A firewall or gateway of the client's network; a virus scanner on its host; a proxy for tests.
    try: Have the client trust that authority, or the product leave the connection alone; from another network, openssl s_client
        -showcerts shows the server's own chain.
    source: RFC 8404
    sample: tests/test_findings.py

weak-certificate (warning)
    meaning: A certificate is weaker than clients accept today.
    known by: An RSA key of less than 2048 bits, or a signature with MD5 or SHA-1, that of a root apart: a root is
        trusted, not verified.
    causes: An old authority; an old device.
    try: Have it issued anew, with a key of 2048 bits or more and SHA-256.
    source: RFC 9325 section 4.5, RFC 9155
    sample: tests/test_findings.py
"""

from __future__ import annotations

import time

from hexnote.findings.signs import inspector
from hexnote.hints import Any, Iterator, List, Optional, Set, Tuple
from hexnote.model import SIDES, STAND_IN, Chain, Course, Finding, Hello, Places, Step, Story, finding, host, plural, try_client
from hexnote.tuples import NamedTuple

_HOURS = 3600.0
_ECH = 0xFE0D
# Printed dates bear no zone: the earth has times from 12 hours behind UTC to 14 ahead.
_ZONE = 14 * _HOURS
_DAY = 24 * _HOURS
_CLOCKS = (788918400, 2208988800)  # the years 1995 to 2040
# What the extKeyUsage of a client's or a server's leaf may hold: servers of the 1990s have Microsoft's or Netscape's own.
_PURPOSES = (
    frozenset(("id-kp-clientAuth", "anyExtendedKeyUsage")),
    frozenset(("id-kp-serverAuth", "anyExtendedKeyUsage", "msSGC", "nsSGC")),
)
_STATUS = 5  # status_request
_UNKNOWN_CA = 48
_MOST = 32  # certificates of a chain that are looked at


def end(story: Story) -> Iterator[Finding]:
    """Every chain of the connection."""
    for course in story.courses:
        for side in (1, 0):
            step = course.certificate[side]
            if step is not None and step.facts is not None and step.facts.certificates:
                yield from _chain(story, course, side, step)


def _chain(story: Story, course: Course, side: int, step: Step) -> Iterator[Finding]:
    chain: Chain = step.facts
    judged: Optional[_Judged] = chain.judged
    if judged is None:
        judged = chain.judged = _judged(story, chain)
    read, path, rooted = judged.read, judged.path, judged.rooted
    if not read:
        return  # not certificates, or damaged
    name = SIDES[side]

    def where(number: int, what: str = "") -> Places:
        start, stop, _ = chain.certificates[number]
        span: Optional[Tuple[int, int]] = read[number].places.get(what)
        return story.where(step, start + span[0], start + span[1]) if span is not None else story.where(step, start, stop)

    number, product = judged.inspector
    if product and side and course.hello is not None:
        yield finding(story, "tls-inspection", "note", "middlebox", "likely",
                      f"certificate {number + 1} of the server's chain ({_who(read[number])}) was issued by "
                      f"{_plain(read[number].issuer)}, as {product} calls its authority, which opens connections and shows "
                      "certificates of its own in the server's name", at=where(number, "issuer"))
    whole = chain.complete
    if whole:
        if not rooted:
            yield from _ends(story, course, side, read, path, where)
        if not judged.ordered:
            yield from _order(story, name, read, path, where)
    if len(read) == 1 and whole and rooted:
        yield finding(story, "self-signed", "warning", name, "proven",
                      f"the {name}'s only certificate ({_who(read[0])}) signed itself: nobody vouches for it",
                      "a trust store of the other end that holds this very certificate",
                      "get a certificate of an authority that the other end trusts, or give it this one", where(0))
    refused = course.alert is not None and course.alert.side != side and not course.complete
    for number, why in (*judged.misused, *_purpose(read[0], side)):
        yield finding(story, "certificate-misused", "error", name, "proven" if refused else "likely",
                      f"certificate {number + 1} of the {name}'s chain ({_who(read[number])}) {why}",
                      "" if refused else "another end that does not mind, as this one may",
                      f"have it issued anew; openssl verify -purpose ssl{name} -untrusted CHAIN.pem LEAF.pem", where(number),
                      seen="proven")
    yield from _dates(story, name, read, _now(story, step), where)
    if side:
        yield from _names(story, course, judged, where)
        if read[0].must_staple:
            yield from _staple(story, course, where)
    if judged.weak:
        yield from _weak(story, name, read, judged.weak, where)
    if story.verifies is not None:
        yield from _told(story, name, chain, read, path, where)


class _Judged(NamedTuple):
    """What a chain says by itself: the same in every connection that shows it."""

    read: List[Any]  # the facts of its certificates; none where one of them is not readable
    path: List[int]
    rooted: bool  # the path ends at a certificate that signed itself
    ordered: bool  # each certifies the one before, and no root is behind the leaf
    misused: List[Tuple[int, str]]  # (number, why) of each that issued another one without leave
    weak: List[Tuple[int, List[str], str]]  # (number, why, what of it) of each that is weak
    covered: List[str]  # names that the leaf covers, wildcards among them
    addresses: List[str]  # and addresses
    inspector: Tuple[int, str]  # as of signs.inspector


def _judged(story: Story, chain: Chain) -> _Judged:
    read: List[Any] = [story.reads(der) for _, _, der in chain.certificates[:_MOST]]
    if any(f is None or not f.issuer_key or f.problems for f in read):
        return _Judged([], [], False, True, [], [], [], [], (-1, ""))
    path = _path(read)
    ordered = all(read[i - 1].issued_by(read[i]) and not read[i].self_issued for i in range(1, len(read)))
    covered, addresses = ([value for kind, value in read[0].names if kind == wanted] for wanted in ("dNSName", "iPAddress"))
    return _Judged(read, path, read[path[-1]].self_issued, ordered, _misuses(read, path), _weaknesses(read), covered, addresses,
                   inspector(read))


def _who(facts: Any) -> str:
    return facts.common_name and f"CN={_plain(facts.common_name)}" or facts.subject or "no subject"


def _plain(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text[:64])


def _path(read: List[Any]) -> List[int]:
    """The numbers of the certificates reached from the leaf, each the issuer of the one before."""
    path = [0]
    while not read[path[-1]].self_issued:
        last = read[path[-1]]
        above = next((i for i, f in enumerate(read) if i not in path and last.issued_by(f)), None)
        if above is None:
            break
        path.append(above)
    return path


# ------------------------------------------------------------------ end and order


def _ends(story: Story, course: Course, side: int, read: List[Any], path: List[int], where: Any) -> Iterator[Finding]:
    last = read[path[-1]]
    if last.is_ca or last.version == 1 and len(path) > 1:
        return
    listed: Set[Any] = set()
    if course.request is not None and course.request.facts is not None:
        listed = {story.name_of(der)[1] for _, _, der in course.request.facts.authorities}
        if last.issuer_key in listed:
            return  # the server names that authority itself
    known = story.traced.get(last.issuer_key)
    above = story.reads(known) if known is not None else None
    if above is not None and above.self_issued and last.issued_by(above):
        return  # issued by a root, which need not be sent
    name = SIDES[side]
    refused = course.alert is not None and course.alert.side != side and course.alert.description == _UNKNOWN_CA
    namesake = next((i for i, facts in enumerate(read) if i not in path and facts.subject_key == last.issuer_key), None)
    but = f" (certificate {namesake + 1} bears that name, and has another key)" if namesake is not None else ""
    told = side or course.request is not None and not course.holed[1]  # which authorities the other end names
    # A client's may be complete, and of an authority that the server does not trust.
    strange = not side and bool(listed)
    refused = refused and bool(told) and not course.complete
    # What was sent reaches none of the authorities that the server names, and it says so: the move is the client's in any case.
    sure = "proven" if refused and strange else "likely"
    yield finding(story, "chain-incomplete", "error", name, sure,
                  f"the {name}'s chain ends at {_who(last)}, issued by {last.issuer}, whose certificate was not sent{but}: an "
                  "intermediate is "
                  f"missing, unless that issuer is itself a root{', one that the server does not list' if strange else ''}",
                  "a trust store of the other end that holds the issuer",
                  "install the full chain (leaf, then every intermediate)"
                  f"{', or take a certificate of an authority that the server lists' if strange else ''}; openssl s_client "
                  "-showcerts shows what is sent", where(path[-1]),
                  seen="proven" if refused and not strange else "")


def _misuses(read: List[Any], path: List[int]) -> List[Tuple[int, str]]:
    """Certificates above the leaf that may not be there (RFC 5280 section 6.1.4). Of a root nothing is asked."""
    found: List[Tuple[int, str]] = []
    for below, number in enumerate(path[1:]):
        facts = read[number]
        if facts.self_issued or facts.version < 3:
            continue
        issued = f"issued certificate {path[below] + 1} and"
        if not facts.is_ca:
            found.append((number, f"{issued} is no authority: its basicConstraints " +
                          ("say so" if facts.has_constraints else "are missing")))
        elif facts.key_usage is not None and "keyCertSign" not in facts.key_usage:
            found.append((number, f"{issued} has a key that may not sign certificates (keyUsage)"))
        elif facts.path_length is not None and below > facts.path_length:
            found.append((number, f"allows {plural(facts.path_length, 'authority')} below it "
                          f"(pathLenConstraint), and {below} {'is' if below == 1 else 'are'} there"))
        strange = _strange(read[0], facts)
        if strange:
            found.append((number, strange))
    return found


def _strange(leaf: Any, above: Any) -> str:
    """What an authority's nameConstraints have against a dNSName of the leaf (RFC 5280 section 4.2.1.10); "" for nothing."""
    for kind, name in leaf.names if above.permitted or above.excluded else ():
        if kind != "dNSName":
            continue
        if above.permitted and not any(_below(name, base) for base in above.permitted):
            few = ", ".join(map(_plain, above.permitted[:4])) + (" and others" if len(above.permitted) > 4 else "")
            return f"allows names below {few} alone (nameConstraints), and certificate 1 has {_plain(name)}"
        base = next((base for base in above.excluded if _below(name, base)), None)
        if base is not None:
            return f"forbids names below {_plain(base) or 'any'} (nameConstraints), and certificate 1 has {_plain(name)}"
    return ""


def _below(name: str, base: str) -> bool:
    """Whether a dNSName lies in a subtree: it is the same, or has labels before it."""
    name, base = name.rstrip(".").lower(), base.rstrip(".").lower()
    return not base or name == base or name.endswith(base if base[0] == "." else "." + base)


def _staple(story: Story, course: Course, where: Any) -> Iterator[Finding]:
    """A certificate that demands its status, in a whole flight without it (RFC 7633 section 4.2.2)."""
    hello: Optional[Hello] = course.hello.facts if course.hello is not None else None
    if hello is None or not hello.complete or _STATUS not in hello.extensions or course.done is None or course.holed[1]:
        return
    if "certificate_status" not in story.trail and course is story.courses[0]:
        yield finding(story, "staple-missing", "warning", "server", "proven",
                      "the server's certificate demands that its revocation status is sent with it (must-staple), the client asked "
                      "for it (status_request), and no CertificateStatus came",
                      "", f"switch OCSP stapling on at the server; {try_client(story, '-status')}", where(0))


def _purpose(leaf: Any, side: int) -> List[Tuple[int, str]]:
    """What a leaf's extKeyUsage has against its place (RFC 5280 section 4.2.1.12)."""
    if leaf.purposes is None or any(purpose in _PURPOSES[side] for purpose in leaf.purposes):
        return []
    return [(0, f"is not for a {SIDES[side]}: its extKeyUsage lacks {('clientAuth', 'serverAuth')[side]}")]


def _order(story: Story, name: str, read: List[Any], path: List[int], where: Any) -> Iterator[Finding]:
    wrong = [i for i in range(1, len(read)) if not read[i - 1].issued_by(read[i])]
    if wrong:
        first = wrong[0]
        stray = [i for i in range(len(read)) if i not in path]
        twice = next((i for i in range(first) if read[i] == read[first]), None)
        what = f"certificate {first + 1} ({_who(read[first])}) does not certify the one before it" if twice is None else \
            f"certificate {first + 1} ({_who(read[first])}) is certificate {twice + 1} again"
        move = "put the leaf first, then its issuer, and so on"
        if sorted(path) == list(range(len(read))):
            what += ": all that is needed is there, in another order"
        elif twice is not None and stray == [first]:
            move = f"leave certificate {first + 1} out"
        elif stray:
            what += f"; {'certificate' if len(stray) == 1 else 'certificates'} {', '.join(str(i + 1) for i in stray)} " \
                    f"{'has' if len(stray) == 1 else 'have'} no place in the chain of the first one"
        yield finding(story, "chain-out-of-order", "warning", name, "proven", f"in the {name}'s chain {what}",
                      "", move, where(first))
    root = next((i for i in range(1, len(read)) if read[i].self_issued), None)
    if root is not None:
        yield finding(story, "chain-has-root", "note", name, "proven",
                      f"the {name}'s chain holds a root ({_who(read[root])}), which need not be sent", at=where(root))


def _told(story: Story, name: str, chain: Chain, read: List[Any], path: List[int], where: Any) -> Iterator[Finding]:
    """The chain in one sentence, and its signatures."""
    verifies = story.verifies
    assert verifies is not None
    ders = [der for _, _, der in chain.certificates[:_MOST]]
    pairs = [(a, b) for a, b in zip(path, path[1:])]
    if read[path[-1]].self_issued:
        pairs.append((path[-1], path[-1]))
    checked = [(a, b, verifies(ders[a], ders[b])) for a, b in pairs]
    for a, b, right in checked:
        if right is False:
            yield finding(story, "certificate-signature-wrong", "error", name, "likely",
                          f"certificate {a + 1} of the {name}'s chain ({_who(read[a])}) was not signed by the key of "
                          f"certificate {b + 1} "
                          f"({_who(read[b])})",
                          "a typing error in the dump, or names and keys that were replaced in it by another tool",
                          "openssl verify -partial_chain -trusted ISSUER.pem CERT.pem", where(a))
    last = read[path[-1]]
    parts = " <- ".join(_who(read[i]) for i in path)
    usual = ", as is usual for a root" if last.is_ca else ""
    ends = "the root was sent too" if last.self_issued else \
        f"{last.issuer}, which issued the last one, was not sent{usual}: the other end must have it"
    if not pairs:
        how = "nothing to check by itself"
    elif all(right for _, _, right in checked):
        how = "names, key identifiers and signatures checked"
    elif any(ders[a].endswith(STAND_IN) for a, _ in pairs):
        how = "names and key identifiers checked; signatures not, for they were replaced (--redact)"
    elif all(right is None for _, _, right in checked):
        how = "names and key identifiers checked, signatures not (no package cryptography, or an algorithm it lacks)"
    else:
        how = "names and key identifiers checked, signatures in part"
    whole = "" if chain.complete else "; not all of it was captured"
    yield finding(story, "certificate-chain", "note", "unknown", "proven",
                  f"the {name}'s chain, {plural(chain.count, 'certificate')}: {parts}; {ends} "
                  f"({how}){whole}",
                  at=where(0)[:1] + where(path[-1])[-1:] if len(path) > 1 else where(0))


# ------------------------------------------------------------------ dates


def _now(story: Story, step: Step) -> Optional[Tuple[float, float, str]]:
    """(seconds since 1970, how far that may be off, where it is from) of the trace."""
    if step.dated is not None:
        at, zoned = step.dated
        return at, 0.0 if zoned else _ZONE, "the trace's date"
    if story.at is not None:
        return story.at, 0.0, "--at"
    hello, answer = story.hello, story.answer
    if hello is None or answer is None or len(hello.random) < 4 or len(answer.random) < 4:
        return None
    one, other = int.from_bytes(hello.random[:4], "big"), int.from_bytes(answer.random[:4], "big")
    if abs(one - other) > _DAY or not all(_CLOCKS[0] <= t < _CLOCKS[1] for t in (one, other)):
        return None
    return float(other), _DAY, "the clocks of both hellos"


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(max(min(at, 253370764800.0), 0.0)))


def _dates(story: Story, name: str, read: List[Any], now: Optional[Tuple[float, float, str]], where: Any) -> Iterator[Finding]:
    if now is None:
        return
    at, off, source = now
    today = _iso(at)
    for number, facts in enumerate(read):
        # Dates as the facts have them compare as text does.
        for code, limit, field in (
            ("certificate-expired", facts.not_after, "not_after"), ("certificate-not-yet-valid", facts.not_before, "not_before"),
        ):  # fmt: skip
            if not isinstance(limit, str) or len(limit) != 20:
                continue
            late = field == "not_after"
            if not (limit < today if late else today < limit):
                continue
            surely = limit < _iso(at - off) if late else _iso(at + off) < limit
            sure = "possible" if not surely else "likely" if source.startswith("the clocks") else "proven"
            which = f"certificate {number + 1} of the {name}'s chain" if len(read) > 1 else f"the {name}'s certificate"
            what = "expired on" if late else "is not valid before"
            yield finding(story, code, "error", name, sure,
                          f"{which} ({_who(facts)}) {what} {limit}; by {source} it is {today}"
                          + (", and a printed date bears no zone" if off == _ZONE and not surely else ""),
                          "another date of the capture (--at), if the one printed is wrong",
                          "renew it and restart what serves it; openssl x509 -noout -dates -in CERT.pem" if late else
                          "compare the clocks; openssl x509 -noout -dates -in CERT.pem", where(number, field))


# ------------------------------------------------------------------ names


def _names(story: Story, course: Course, judged: _Judged, where: Any) -> Iterator[Finding]:
    hello: Optional[Hello] = course.hello.facts if course.hello is not None else None
    asked = host(hello.server_name) if hello is not None else ""
    if not asked or hello is None or course.hello is None:
        return
    name = asked.rstrip(".").lower()
    covered, addresses = judged.covered, judged.addresses
    common_name = judged.read[0].common_name
    listed = covered or ([common_name] if common_name and not addresses else [])
    for pattern in listed:
        if _covers(pattern, name):
            return
    if name in addresses:
        return
    shown = ", ".join(_plain(p) for p in listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "") or "no name"
    other = next((n for n in (host(p.replace("*", "www", 1).encode("ascii", "replace")) for p in listed if p != "*") if n), "")
    hidden = course.version == 0x0304 and _ECH in hello.extensions  # if it is no GREASE, and the server takes it
    yield finding(story, "name-mismatch", "error", "server", "possible" if hidden else "likely",
                  f"the client asked for {asked}, and the server's certificate covers {shown}"
                  + ("; the name that encrypted_client_hello hides may be another one" if hidden else ""),
                  "a server that takes the encrypted ClientHello, and another name in it" if hidden else "",
                  f"give the server a certificate for {asked}" +
                  (f"; to test, ask for a name that is covered: {try_client(story, name=other)}" if other else ""),
                  where(0, "names" if covered else "subject") + story.where(course.hello, *hello.ranges["server_name"]),
                  seen="proven")


def _covers(pattern: str, name: str) -> bool:
    """RFC 6125 section 6.4.3: a wildcard is the whole first label, and stands for one."""
    pattern = pattern.rstrip(".").lower()
    if pattern == name:
        return True
    if not pattern.startswith("*."):
        return False
    first, dot, rest = name.partition(".")
    return bool(first and dot) and rest == pattern[2:] and "." in rest


# ------------------------------------------------------------------ strength


def _weaknesses(read: List[Any]) -> List[Tuple[int, List[str], str]]:
    found: List[Tuple[int, List[str], str]] = []
    for number, facts in enumerate(read):
        why: List[str] = []
        what = "key"
        if facts.key_type.startswith(("RSA", "rsa")) and facts.key_bits is not None and facts.key_bits < 2048:
            why.append(f"an RSA key of {facts.key_bits} bits")
        algorithm = facts.signature_algorithm.lower().replace("-", "")
        if not facts.self_issued:
            for weak in ("md5", "md2", "sha1"):
                if weak in algorithm:
                    why.append(f"a signature with {weak.upper().replace('SHA1', 'SHA-1')}")
                    what = "key" if len(why) > 1 else "signature"
        if why:
            found.append((number, why, what))
    return found


def _weak(story: Story, name: str, read: List[Any], weak: List[Tuple[int, List[str], str]], where: Any) -> Iterator[Finding]:
    for number, why, what in weak:
        yield finding(story, "weak-certificate", "warning", name, "proven",
                      f"certificate {number + 1} of the {name}'s chain ({_who(read[number])}) has {' and '.join(why)}",
                      "", "have it issued anew, with 2048 bits or more and SHA-256", where(number, what))
