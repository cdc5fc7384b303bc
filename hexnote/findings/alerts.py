"""An alert: what one end has to say about the other.

fatal-alert (error)
    meaning: One end breaks the connection off and names a reason. The reason is the sender's view: what it could not
        accept was sent by the other end, or is missing from the sender's own configuration.
    known by: An alert record in clear, of two bytes, level 2. Before a direction's ChangeCipherSpec, and by most
        clients even in TLS 1.3, an alert is not encrypted. That it was sent is proven; that the end named must act is no
        more than likely, but where the alert says so itself (no_certificate, internal_error, certificate_required).
    causes: They depend on the description; the finding names three for the one at hand.
    try: Read the log of the end that sent the alert: it knows more than the two bytes say. Then do the step that the
        finding names.
    source: RFC 5246 section 7.2.2, RFC 8446 section 6.2
    sample: alert-unknown-ca

warning-alert (note)
    meaning: One end mentions something and goes on. Some peers break off all the same: Java up to 7 does at
        unrecognized_name.
    known by: An alert record in clear, of two bytes, level 1. In TLS 1.3 the level says nothing: close_notify and
        user_canceled are the only ones that do not end the connection.
    causes: A name the server has no site for, a client without a certificate (SSL 3.0), a refused renegotiation, an
        orderly end before any encryption.
    try: If the connection goes on, nothing.
    source: RFC 5246 section 7.2, RFC 6066 section 3
    sample: tests/test_findings.py

encrypted-alert (note)
    meaning: An alert was sent; what it says is encrypted and not on the wire. At the end of a connection it is nearly
        always close_notify.
    known by: A record of content type 21 behind the sender's ChangeCipherSpec. In TLS 1.3 encrypted alerts cannot be
        told from data at all, except by their length.
    causes: An orderly end; in the midst of a connection a refusal, such as that of a renegotiation.
    try: Give hexnote a key log (--keylog), or look into the log of either end.
    source: RFC 5246 section 6.2.3
    sample: tls12-rsa
"""

from __future__ import annotations

from hexnote.findings.signs import inspector
from hexnote.hints import Dict, Iterator, Optional, Tuple
from hexnote.model import SIDES, Finding, Step, Story, finding, printable, title, try_client

_SENDER, _RECEIVER, _UNKNOWN = "sender", "receiver", "unknown"
# Descriptions that themselves say whose move it is: no_certificate, internal_error, certificate_required.
_SAY_WHO = frozenset((41, 80, 116))

_CHAIN = "openssl s_client -showcerts prints a server's chain; openssl verify -untrusted CHAIN.pem LEAF.pem checks it"

# description -> (what it means, who must act, three usual causes, next step; "" for the general one)
_MEANINGS: Dict[int, Tuple[str, str, str, str]] = {
    0: ("it will send no more", _UNKNOWN, "an end before the handshake was done; an idle limit; a user who left", ""),
    10: ("a message came that it did not expect at this point", _RECEIVER,
         "a message left out or sent too early; the two ends disagree on what was agreed; bytes of another connection", ""),
    20: ("a record could not be decrypted or its authentication code is wrong", _UNKNOWN,
         "the two ends hold different secrets; a record was changed on the way; a defect in one end's encryption",
         "try again without resumption, and from another client: openssl s_client -reconnect"),
    21: ("a record could not be decrypted", _UNKNOWN,
         "the two ends hold different secrets; a record was changed on the way; a defect in one end's encryption", ""),
    22: ("a record came that is longer than allowed", _RECEIVER,
         "bytes that are no TLS; a maximal length that one end does not keep; a damaged length", ""),
    30: ("a record could not be decompressed", _RECEIVER, "compression that only one end agreed on; damage; hostile input", ""),
    40: ("it sees no acceptable set of parameters", _UNKNOWN,
         "no cipher suite, group or signature scheme in common; a required client certificate that did not come; a server name "
         "or renegotiation signal that it insists on", "compare what both ends allow: nmap --script ssl-enum-ciphers HOST"),
    41: ("it has no certificate", _SENDER, "none configured; none that the listed authorities issued; a key it cannot use", ""),
    42: ("the other end's certificate is damaged or does not verify", _RECEIVER,
         "a name that the certificate does not cover; a signature that is wrong; a chain in disorder", _CHAIN),
    43: ("the other end's certificate is of a kind it does not support", _RECEIVER,
         "a key type or extended key usage that does not fit; an unknown critical extension; a weak signature", _CHAIN),
    44: ("the other end's certificate was revoked", _RECEIVER,
         "a revoked leaf; a revoked intermediate; an old revocation list", "renew the certificate, or the revocation list"),
    45: ("the other end's certificate has expired or is not valid yet", _RECEIVER,
         "a certificate that was not renewed; an intermediate that expired; a wrong clock at the complaining end",
         "openssl x509 -noout -dates -in CERT.pem, and the clock of the end that complains"),
    46: ("something about the other end's certificate is not acceptable", _RECEIVER,
         "a rule of the application (a name, a policy, a pin); a missing intermediate; an authority it does not know", _CHAIN),
    47: ("a field of the handshake has a value that is not allowed", _RECEIVER,
         "a parameter that was not offered; a message changed on the way; renegotiation or resumption that contradicts the first "
         "handshake", "compare the two hellos field by field"),
    48: ("it does not know the authority that issued the other end's certificate", _UNKNOWN,
         "an intermediate that was not sent; a root that is not in its trust store; an inspecting proxy between the two", _CHAIN),
    49: ("the certificate is valid, but access is denied", _UNKNOWN,
         "a user or name without rights; a rule by address; a mapping of certificates to accounts", ""),
    50: ("a message could not be decoded", _RECEIVER, "a wrong length; a defect in a library; bytes of another protocol", ""),
    51: ("a signature or Finished does not verify", _RECEIVER,
         "a private key that does not belong to the certificate; messages changed on the way; a signature scheme that one end "
         "gets wrong (RSA-PSS in a token)", "compare: openssl x509 -noout -pubkey -in CERT.pem; openssl pkey -pubout -in KEY.pem"),
    60: ("export rules were not kept", _RECEIVER, "a relic of the 1990s; damage; hostile input", ""),
    70: ("it does not speak the version that was offered or chosen", _UNKNOWN,
         "one end is too old; one end has old versions switched off; a middlebox that changes the hello",
         ""),
    71: ("the parameters on offer are too weak for it", _RECEIVER,
         "keys or Diffie-Hellman groups that are too small; SHA-1 or MD5 signatures; old cipher suites", ""),
    80: ("it failed for a reason of its own", _SENDER, "a misconfiguration; a lack of resources; a defect", ""),
    86: ("the client came back with a lower version than the server could speak", "client",
         "an earlier attempt that failed for another reason; a middlebox that drops new hellos; a client that falls back too "
         "eagerly", "find the connection that failed before this one"),
    90: ("the user cancelled", _UNKNOWN, "a dialogue was dismissed; a password was not given; a program was stopped", ""),
    100: ("it will not renegotiate", _UNKNOWN, "renegotiation is switched off; the peer lacks RFC 5746; TLS 1.3 has none", ""),
    109: ("an extension that it needs is missing", _RECEIVER,
          "a hello without key_share or supported_groups; no server name; no signature algorithms", ""),
    110: ("an extension came that it did not ask for", _RECEIVER, "a defect; a middlebox; a cached answer", ""),
    111: ("it could not fetch a certificate", _SENDER, "a URL that does not answer; no network; no such file", ""),
    112: ("it has no site of the name that was asked for", "server",
          "the name is not configured; the client connects to the wrong address; the name is misspelt",
          "openssl s_client -servername NAME with the names that the server should know"),
    113: ("the stapled revocation status is not acceptable", _RECEIVER,
          "an old OCSP answer; one for another certificate; damage", ""),
    115: ("it does not know the identity of the pre-shared key, or with SRP the user's name", _UNKNOWN,
          "an identity that was not entered; one that was removed; a spelling that differs", ""),
    116: ("it requires a client certificate, and none came", "client",
          "no certificate configured; none that the listed authorities issued; a private key that it cannot use", ""),
    120: ("the two ends have no application protocol in common", _UNKNOWN,
          "a server that lacks what the client insists on; a client without http/1.1; a server for another service", ""),
    121: ("it wants the ClientHello encrypted (ECH)", "client", "an old configuration record; a client without ECH; a proxy", ""),
}  # fmt: skip

# The same of a hello that asks for no name at all.
_NAMELESS = ("the client names no server (SNI), and it has no site for that", "client",
             "a client that connects to an address; one without SNI; a health check", "")
# And of one that asks for an address.
_ADDRESS = ("the client asks for an address instead of a name, which RFC 6066 section 3 forbids", "client",
            "a client that connects to an address, and takes it for a name", "")
# Of access that is denied to a client that has shown no certificate.
_BARRED = ("access is denied, and not for a certificate: the client has sent none", _UNKNOWN,
           "a rule by address, country or server name; a service that is switched off; a firewall", "")
# Where the ends authenticate each other by a pre-shared key: of the alerts that tell of a wrong one.
_OTHER_KEY = (
    "the two ends hold different keys for the identity that the client names; the server does not know that identity and goes on "
    "as if the key were wrong (RFC 4279 section 2); a message was changed on the way",
    "compare the pre-shared key and its identity, letter by letter, on both ends",
)
# What libraries say where the other end closes in the midst of a handshake.
_OF_AN_END = {10: "GnuTLS", 50: "OpenSSL 3"}
# What servers say of bytes that are no record of TLS.
_OF_OTHER_BYTES = frozenset((10, 22, 50))
# What clients of old say of a warning that they do not take for one.
_OF_A_WARNING = frozenset((10, 40, 112))
_DENIED, _NAME, _PROTOCOL = 49, 112, 120
_OF_THE_CHAIN = frozenset((42, 46, 48))
_GENERAL = "read the log of the end that sent the alert, then try: "


def at(story: Story, step: Step) -> Iterator[Finding]:
    """By an alert record."""
    side = SIDES[step.side]
    if step.kind == "sealed":
        if step.type == 21:
            yield finding(story, "encrypted-alert", "note", "unknown", "proven",
                          f"the {side}'s alert ({step.size} bytes) is encrypted: what it says is not on the wire", at=step.places)
        return
    if step.description < 0:
        return
    name = title(story, "alert_descriptions", step.description, 2)
    unknown = "its description is not a registered one" if name[:2] == "0x" else "what it means here, its name alone tells"
    meaning, who, causes, next_step = _MEANINGS.get(step.description, (unknown, _UNKNOWN, "", ""))
    if step.side and story.hello is not None and story.hello.complete:
        if step.description == _NAME:
            if 0 not in story.hello.extensions:
                meaning, who, causes, next_step = _NAMELESS
            elif _literal(story.hello.server_name or b""):
                meaning, who, causes, next_step = _ADDRESS
            next_step = f"ask for the names that the server should know: {try_client(story, name='NAME')}"
        elif step.description == _DENIED and story.courses[-1].last is story.courses[-1].hello and not story.hello.identities:
            meaning, who, causes, next_step = _BARRED
        elif step.description == _PROTOCOL and story.hello.protocols:
            meaning += f"; the client offers {', '.join(printable(name, 32) for name in story.hello.protocols[:4])}"
            next_step = try_client(story, "-alpn h2,http/1.1")
    if step.level == 1:
        yield finding(story, "warning-alert", "note", "unknown", "proven",
                      f"the {side} warns: {name} ({step.description}): {meaning}", at=step.places)
    elif step.level == 2:
        if _over_psk(story, step):
            who, (causes, next_step) = _UNKNOWN, _OTHER_KEY
        other = SIDES[1 - step.side]
        by = side if who == _SENDER else other if who == _RECEIVER else who
        usual = f"; usual causes: {causes}" if causes else ""
        says = _OF_AN_END.get(step.description)
        closed = next((s for s in story.steps if s.kind == "FIN" and s.side != step.side and s.acks <= step.offset), None) \
            if says else None
        if closed is not None:
            usual = f"; the {other} had closed the connection before (FIN, packet {closed.packet}), and {says} says this of " \
                    "an end in the midst of something"
            next_step = f"look into the log of the {other}: why did it close"
            by = _UNKNOWN
        elif says and not story.pseudo and all(s.side == step.side for s in story.steps):
            usual += f"; {says} says this of an end in the midst of something too, and nothing of the {other} is in the trace so " \
                     "far"
            by = _UNKNOWN
        elif step.side and step.description in _OF_OTHER_BYTES and _behind_proxy(story):
            usual = f"; before the hello stands a header of the {story.preface.title}, and servers that do not expect it say so"
            next_step = "does the server expect that header: switch it on there, or off where it is sent"
            by = _UNKNOWN
        warned = _warned(story, step)
        if warned is not None:
            usual = f"; the server had warned of the name before (unrecognized_name, packet {warned.packet}), and old clients " \
                    "(Java 7) break off over that"
            next_step, by = "have the server know that name, or not warn of it", _UNKNOWN
        if step.side == 0 and step.description in _OF_THE_CHAIN:
            product = _inspected(story)
            if product:
                usual = f"; the server's chain was made by {product}, which opens connections: the client does not trust that"
                next_step, by = f"have the client trust the authority of {product}, or that leave the connection alone", "middlebox"
        sure = "proven" if by == _UNKNOWN or step.description in _SAY_WHO else "likely"
        yield finding(story, "fatal-alert", "error", by, sure,
                      f"the {side} breaks off: {name} ({step.description}): {meaning}{usual}",
                      "",
                      next_step or _GENERAL + try_client(story), step.places, seen="proven")


def _warned(story: Story, step: Step) -> Optional[Step]:
    """The server's warning that it does not know the name, where a client's alert may be over that."""
    if step.side or step.description not in _OF_A_WARNING or not story.courses or story.courses[0].client_key is not None:
        return None
    return next((s for s in story.of("alert", 1) if s.level == 1 and s.description == _NAME), None)


def _inspected(story: Story) -> str:
    """The product that made the server's chain to open the connection, "" where its names do not say so."""
    sent = story.courses[-1].certificate[1] if story.courses else None
    return inspector([story.reads(der) for _, _, der in sent.facts.certificates[:4] if der])[1] \
        if sent is not None and sent.facts is not None else ""


def _literal(name: bytes) -> bool:
    """Whether a server name is an address."""
    return b":" in name or name.count(b".") == 3 and name.replace(b".", b"").isdigit()


def _behind_proxy(story: Story) -> bool:
    """Whether a header of the PROXY protocol stands before the first hello, which has no answer yet."""
    return story.preface is not None and story.preface.name in ("proxy_v1", "proxy_v2") and bool(story.courses) and \
        story.courses[0].answer is None


def _over_psk(story: Story, step: Step) -> bool:
    """Whether an alert may speak of a pre-shared key that the two ends do not have in common."""
    course = story.courses[-1] if story.courses else None
    if course is None or course.complete:
        return False
    if course.answer is None:
        # The binder is verified before the ServerHello (RFC 8446 section 4.2.11); GnuTLS finds it an illegal parameter.
        hello = course.hello.facts if course.hello is not None else None
        external = hello is not None and any(not age for _, age in hello.identities or ())
        return bool(step.side) and external and step.description in (20, 47, 51)
    row = getattr(story.names("cipher_suites"), "rows", {}).get(course.suite, ())
    return step.description in (20, 21, 51) and len(row) > 2 and "psk" in row[2]
