"""The tables of certificate extensions (RFC 5280 section 4.2, RFC 6962, RFC 7633, and makers' own)."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional, Tuple

from hexnote.asn1 import Show, colons, header, hexes, leaf, oid_bytes, strings
from hexnote.model import EXTRA, GROUP, MISSING, Field, Node
from hexnote.spans import Hole
from hexnote.x509 import (
    CHOICE,
    DEFAULT,
    GENERIC,
    SCTS,
    STOP,
    WRAPPED,
    Entry,
    Outcome,
    State,
    Switch,
    chain,
    flags,
    flat,
    general,
    group,
    loop,
    relative,
    value,
    vector,
)

RFC = "RFC 5280 section "
KEY_USAGE = (
    "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign",
    "cRLSign", "encipherOnly", "decipherOnly",
)  # fmt: skip
REASONS = (
    "unused", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
    "certificateHold", "privilegeWithdrawn", "aACompromise",
)  # fmt: skip
CRL_REASONS = {
    0: "unspecified", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
    5: "cessationOfOperation", 6: "certificateHold", 8: "removeFromCRL", 9: "privilegeWithdrawn", 10: "aACompromise",
}  # fmt: skip
NETSCAPE = ("sslClient", "sslServer", "smime", "objectSigning", "reserved", "sslCA", "smimeCA", "objectSigningCA")


def enumerated(names: Dict[int, str]) -> Show:
    """How an INTEGER or ENUMERATED with named values is shown."""

    def number(raw: bytes) -> Optional[int]:
        return int.from_bytes(raw, "big", signed=True) if 0 < len(raw) <= 8 else None

    def title(raw: bytes) -> Optional[str]:
        return names.get(number(raw) or 0) if raw else None

    def words(raw: bytes) -> str:
        name, at = title(raw), number(raw)
        return f"{name} ({at})" if name else str(at) if at is not None else hexes(raw)

    return words, number, title


# ------------------------------------------------------------------ extensions (RFC 5280 section 4.2)


def _names(name: str, label: str, doc: str = "", rfc: str = "") -> Entry:
    entries = general(label)
    taught = entries[0x82][3]
    taught.doc, taught.rfc = doc, rfc
    return group(name, loop(entries), 0)


def _points(name: str, label: str) -> Entry:
    """CRLDistributionPoints (RFC 5280 section 4.2.1.13)."""
    place = State({
        0xA0: group("fullName", loop(general(label)), 0),
        0xA1: group("nameRelativeToCRLIssuer", relative(label)),
    })  # fmt: skip
    reasons = flags("reasons", f"{label} reasons", REASONS)
    point = chain(
        (True, {0xA0: group("distributionPoint", place)}),
        (True, {0x81: reasons}),
        (True, {0xA2: group("cRLIssuer", loop(general(f"{label} issuer")), 0)}),
    )
    return vector(name, loop({0x30: group(name, point)}))


def _access(name: str) -> Entry:
    """AuthorityInfoAccess and SubjectInfoAccess (RFC 5280 section 4.2.2): the method names the place after it."""
    method = leaf("accessMethod", "access method", "oid", level=1)
    switch = Switch((State(general("access")), None, leaf("accessMethod", "access method", "oid")))
    for dotted, label in (
        ("1.3.6.1.5.5.7.48.1", "OCSP"), ("1.3.6.1.5.5.7.48.2", "CA issuers"), ("1.3.6.1.5.5.7.48.5", "CA repository"),
        ("1.3.6.1.5.5.7.48.3", "time stamping"),
    ):  # fmt: skip
        switch[oid_bytes(dotted)] = (_after(general(label)), None, method)
    item = State({0x06: (CHOICE, GENERIC, header("accessMethod"), method, switch, -1)})
    return vector(name, loop({0x30: group(name, item)}))


def _after(entries: Dict[int, Entry]) -> State:
    return chain((False, entries))


def _policies(name: str, label: str) -> Entry:
    """CertificatePolicies (RFC 5280 section 4.2.1.4)."""
    texts: Dict[int, Entry] = {
        tag: value("explicitText", f"{label} notice", shows=strings(charset))
        for tag, charset in ((0x0C, "utf-8"), (0x16, "utf-8"), (0x1A, "utf-8"), (0x1E, "utf-16-be"))
    }
    notice = chain((True, {0x30: group("noticeRef", GENERIC)}), (True, texts))
    qualifier = chain(
        (False, {0x06: value("policyQualifierId", "qualifier", "oid", level=1)}),
        (True, {0x16: value("cPSuri", "CPS", "text"), 0x30: group("userNotice", notice)}),
    )
    policy = chain(
        (False, {0x06: value("policyIdentifier", label, "oid", rfc=RFC + "4.2.1.4")}),
        (True, {0x30: vector("policyQualifiers", loop({0x30: group("policyQualifiers", qualifier)}))}),
    )
    return vector(name, loop({0x30: group(name, policy)}))


def _subtrees(name: str, label: str) -> Entry:
    """GeneralSubtrees (RFC 5280 section 4.2.1.10)."""
    subtree = chain(
        (False, general(label)),
        (True, {0x80: value("minimum", f"{label} minimum", "integer", level=1)}),
        (True, {0x81: value("maximum", f"{label} maximum", "integer", level=1)}),
    )
    return vector(name, loop({0x30: group(name, subtree)}))


def _extensions() -> Dict[str, State]:
    """What the extnValue of each known extension holds, by dotted object identifier."""
    text, number = "text", "integer"
    san = (
        "The names that this certificate is good for. A client compares the host it wanted with these, "
        "not with the subject's common name."
    )
    usage = "What the key may be used for. keyCertSign marks one that signs certificates."
    purposes = "What the certificate may be used for; a TLS server needs serverAuth, a TLS client clientAuth."
    ca = "Whether the owner may issue certificates. One that may not cannot stand above another one in a chain."
    authority = chain(
        (True, {0x80: value("keyIdentifier", "authorityKeyIdentifier", "serial", rfc=RFC + "4.2.1.1")}),
        (True, {0xA1: group("authorityCertIssuer", loop(general("authority")), 0)}),
        (True, {0x82: value("authorityCertSerialNumber", "authority serial number", "serial")}),
    )
    basic = chain(
        (True, {0x01: value("cA", "basicConstraints CA", "boolean", doc=ca, rfc=RFC + "4.2.1.9")}),
        (True, {0x02: value("pathLenConstraint", "basicConstraints path length", number, rfc=RFC + "4.2.1.9")}),
    )
    empty = header("header", "", level=0)
    empty.say = lambda raw: "basicConstraints CA = FALSE, the default where it is empty"
    empty.doc, empty.rfc = ca, RFC + "4.2.1.9"
    feature = enumerated({5: "status_request: OCSP must be stapled", 17: "status_request_v2"})
    template = chain(
        (False, {0x06: value("templateID", "template", "oid")}),
        (True, {0x02: value("templateMajorVersion", "template major version", number, level=1)}),
        (True, {0x02: value("templateMinorVersion", "template minor version", number, level=1)}),
    )
    mapping = chain(
        (False, {0x06: value("issuerDomainPolicy", "issuer's policy", "oid")}),
        (False, {0x06: value("subjectDomainPolicy", "subject's policy", "oid")}),
    )
    period = chain(
        (True, {0x80: value("notBefore", "private key notBefore", "time")}),
        (True, {0x81: value("notAfter", "private key notAfter", "time")}),
    )
    limits = chain(
        (True, {0x80: value("requireExplicitPolicy", "", number)}),
        (True, {0x81: value("inhibitPolicyMapping", "", number)}),
    )
    trees = chain(
        (True, {0xA0: _subtrees("permittedSubtrees", "permitted")}),
        (True, {0xA1: _subtrees("excludedSubtrees", "excluded")}),
    )
    usages = loop({0x06: value("extKeyUsage", "", "oid", doc=purposes, rfc=RFC + "4.2.1.12")})
    features = loop({0x02: value("tlsFeature", "TLS feature", "enum", shows=feature, rfc="RFC 7633 section 4")})
    poison = value("poison", "precertificate: not to be accepted", "null", rfc="RFC 6962 section 3.1")
    inside = header("header", "", "basicConstraints")
    constraints: Entry = (DEFAULT, STOP, inside, Node("basicConstraints", GROUP), (basic, empty), -1)
    seq = 0x30
    known: Dict[str, Dict[int, Entry]] = {
        "2.5.29.14": {0x04: value("subjectKeyIdentifier", "subjectKeyIdentifier", "serial", rfc=RFC + "4.2.1.2")},
        "2.5.29.15": {0x03: flags("keyUsage", "keyUsage", KEY_USAGE, doc=usage, rfc=RFC + "4.2.1.3")},
        "2.5.29.16": {seq: group("privateKeyUsagePeriod", period)},
        "2.5.29.17": {seq: _names("subjectAltName", "subjectAltName", san, RFC + "4.2.1.6")},
        "2.5.29.18": {seq: _names("issuerAltName", "issuerAltName")},
        "2.5.29.19": {seq: constraints},
        "2.5.29.20": {0x02: value("cRLNumber", "CRL number", number)},
        "2.5.29.21": {0x0A: value("cRLReason", "reason", "enum", shows=enumerated(CRL_REASONS))},
        "2.5.29.30": {seq: group("nameConstraints", trees)},
        "2.5.29.31": {seq: _points("cRLDistributionPoints", "CRL")},
        "2.5.29.32": {seq: _policies("certificatePolicies", "policy")},
        "2.5.29.33": {seq: vector("policyMappings", loop({seq: group("policyMappings", mapping)}))},
        "2.5.29.35": {seq: group("authorityKeyIdentifier", authority)},
        "2.5.29.36": {seq: group("policyConstraints", limits)},
        "2.5.29.37": {seq: vector("extKeyUsage", usages)},
        "2.5.29.46": {seq: _points("freshestCRL", "delta CRL")},
        "2.5.29.54": {0x02: value("inhibitAnyPolicy", "", number)},
        "1.3.6.1.5.5.7.1.1": {seq: _access("authorityInfoAccess")},
        "1.3.6.1.5.5.7.1.11": {seq: _access("subjectInfoAccess")},
        "1.3.6.1.5.5.7.1.24": {seq: vector("tlsFeature", features)},
        "1.3.6.1.5.5.7.48.1.2": {0x04: value("nonce", "OCSP nonce")},
        "1.3.6.1.5.5.7.48.1.5": {0x05: value("ocspNoCheck", "OCSP responder needs no status of its own", "null")},
        "1.3.6.1.4.1.11129.2.4.3": {0x05: poison},
        "1.3.6.1.4.1.311.20.2": {0x1E: value("certificateTemplateName", "template", shows=strings("utf-16-be"))},
        "1.3.6.1.4.1.311.21.1": {0x02: value("cAVersion", "CA version", number)},
        "1.3.6.1.4.1.311.21.7": {seq: group("certificateTemplate", template)},
        "1.3.6.1.4.1.311.21.10": {seq: _policies("applicationPolicies", "application policy")},
        "2.16.840.1.113730.1.1": {0x03: flags("netscapeCertType", "Netscape certificate type", NETSCAPE)},
    }
    for arc, name in (
        (2, "netscapeBaseURL"), (3, "netscapeRevocationURL"), (4, "netscapeCARevocationURL"), (7, "netscapeRenewalURL"),
        (8, "netscapeCAPolicyURL"), (12, "netscapeSSLServerName"), (13, "netscapeComment"),
    ):  # fmt: skip
        known[f"2.16.840.1.113730.1.{arc}"] = {0x16: value(name, "", text)}
    sct: Dict[int, Entry] = {0x04: (SCTS, STOP, header("sct_list", ".wrapper"), Node("sct_list", GROUP), scts, 0)}
    known["1.3.6.1.4.1.11129.2.4.2"] = known["1.3.6.1.4.1.11129.2.4.5"] = sct
    return {oid: State(entries) for oid, entries in known.items()}


def extension() -> State:
    """Extension: what extnID decides is critical and extnValue (RFC 5280 section 4.2)."""

    def rest(child: Optional[State]) -> State:
        opaque = leaf("extnValue", "extension value")
        wrapped: Entry = (WRAPPED, STOP, header("extnValue"), opaque, (child, wrapper), -1)
        return chain((True, {0x01: value("critical", "critical", "boolean", level=1)}), (False, {0x04: wrapped}))

    wrapper = Node("extnValue", GROUP)
    named = leaf("extnID", "extension", "oid", level=1)
    switch = Switch((rest(None), None, leaf("extnID", "extension", "oid")))
    known = _extensions()

    def make(oid: bytes) -> Optional[Outcome]:
        child = by_oid.get(oid)
        return (rest(child), None, named) if child is not None else None

    by_oid = {oid_bytes(dotted): state for dotted, state in known.items()}
    switch.make = make
    return State({0x06: (CHOICE, GENERIC, header("extnID"), named, switch, -1)})


def extension_list(name: str, item: State) -> Tuple[Entry, Entry]:
    """(Extensions, Extensions inside an EXPLICIT tag)."""
    members = vector(name, loop({0x30: group(name, item)}))
    return members, flat(name, State({0x30: members}), suffix=".explicit")


# ------------------------------------------------------------------ certificate transparency


MOST_SCTS = 1000
_SCT = (
    (1, leaf("sct_version", "SCT version", "enum", shows=enumerated({0: "v1"}), level=1, rfc="RFC 6962 section 3.2")),
    (32, leaf("id", "SCT log", "serial", rfc="RFC 6962 section 3.2", doc=(
        "A public log has promised to publish this certificate, and signed the promise. "
        "The log is named by the SHA-256 of its key."
    ))),
    (8, leaf("timestamp", "SCT time", "time", rfc="RFC 6962 section 3.2")),
)  # fmt: skip


def _sct_time(raw: bytes) -> str:
    if len(raw) < 8:
        return f"SCT time = {raw.hex()}"
    seconds, milli = divmod(int.from_bytes(raw, "big"), 1000)
    if seconds >= 253402300800:  # the year 10000
        return f"SCT time = {seconds} seconds after 1970"
    return f"SCT time = {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seconds))}.{milli:03d} UTC"


def _length(name: str) -> Node:
    node = leaf(name, level=1, suffix=".length", show="integer")
    node.value = lambda raw: int.from_bytes(raw, "big") if len(raw) == 2 else None
    node.say = lambda raw: f"{name} length = {int.from_bytes(raw, 'big')}"
    return node


_SCT[2][1].say = _sct_time
_SCT[2][1].value = lambda raw: int.from_bytes(raw, "big") if len(raw) == 8 else None
_SCT[1][1].say = lambda raw: f"SCT log = {colons(raw, 8)}"
_SCT_ITEM = Node("sct_list", GROUP)
_LENGTHS = {name: _length(name) for name in ("sct_list", "extensions", "signature")}
_SCT_EXTENSIONS = leaf("extensions", "SCT extensions", level=1)
_SCT_HASH = leaf("hash", "SCT signature hash", "enum", level=1, shows=enumerated({4: "sha256", 5: "sha384", 6: "sha512"}))
_SCT_KIND = leaf("algorithm", "SCT signature kind", "enum", level=1, shows=enumerated({1: "rsa", 3: "ecdsa"}))
_SCT_SIGNATURE = leaf("signature", "SCT signature", level=1)
MISSED = leaf("missing", "cannot be read: bytes before it are missing", kind=MISSING)
MISSED.say = lambda raw: "cannot be read: bytes before it were not captured"
SPARE = leaf("extra", "left over", kind=EXTRA)


def scts(buf: Any, pos: int, end: int, out: List[Field], depth: int) -> None:
    """SignedCertificateTimestampList at `buf[pos:end]` (RFC 6962 section 3.3), appended to `out`."""
    if end - pos < 2:
        out.append((SPARE, pos, end, depth, -1))
        return
    out.append((_LENGTHS["sct_list"], pos, pos + 2, depth, -1))
    p, index = pos + 2, 0
    while p < end:
        if end - p < 2 or index == MOST_SCTS:
            out.append((SPARE, p, end, depth, -1))
            return
        out.append((_LENGTHS["sct_list"], p, p + 2, depth, index))
        p += 2
        frame = end
        try:
            frame = min(p + (buf[p - 2] << 8 | buf[p - 1]), end)
            out.append((_SCT_ITEM, p, frame, depth, index))
            p = _one_sct(buf, p, frame, out, depth + 1)
            if p < frame:
                out.append((SPARE, p, frame, depth + 1, -1))
        except (IndexError, Hole):
            p = out[-1][2]
            if p < frame:
                out.append((MISSED, p, frame, depth + 1, -1))
        p = frame
        index += 1


def _one_sct(buf: Any, p: int, end: int, out: List[Field], depth: int) -> int:
    """One SignedCertificateTimestamp, as far as [p, end) holds it; returns where it ended."""
    for size, node in _SCT:
        if end - p < size:
            return p
        out.append((node, p, p + size, depth, -1))
        p += size
    for name, node in (("extensions", _SCT_EXTENSIONS), ("signature", _SCT_SIGNATURE)):
        if name == "signature" and end - p >= 4:
            out.append((_SCT_HASH, p, p + 1, depth, -1))
            out.append((_SCT_KIND, p + 1, p + 2, depth, -1))
            p += 2
        if end - p < 2:
            return p
        out.append((_LENGTHS[name], p, p + 2, depth, -1))
        p += 2
        stop = min(p + (buf[p - 2] << 8 | buf[p - 1]), end)
        out.append((node, p, stop, depth, -1))
        p = stop
    return p
