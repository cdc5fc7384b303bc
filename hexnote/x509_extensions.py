"""The tables of certificate extensions (RFC 5280 section 4.2, RFC 6962, RFC 7633, and makers' own)."""

from __future__ import annotations

import time

from hexnote.asn1 import Show, colons, dotted, header, hexes, leaf, oid_bytes, strings
from hexnote.hints import Any, Callable, Dict, List, Optional, Tuple
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
    single,
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
    for method_id, label in (
        ("1.3.6.1.5.5.7.48.1", "OCSP"), ("1.3.6.1.5.5.7.48.2", "CA issuers"), ("1.3.6.1.5.5.7.48.5", "CA repository"),
        ("1.3.6.1.5.5.7.48.3", "time stamping"),
    ):  # fmt: skip
        switch[oid_bytes(method_id)] = (_after(general(label)), None, method)
    item = State({0x06: (CHOICE, GENERIC, header("accessMethod"), method, switch, -1)})
    return vector(name, loop({0x30: group(name, item)}))


def _after(entries: Dict[int, Entry]) -> State:
    return chain((False, entries))


# DisplayText: the string types of a notice, and how they are read.
_NOTICES = ((0x0C, "utf-8"), (0x16, "utf-8"), (0x1A, "utf-8"), (0x1E, "utf-16-be"))


def _policies(name: str, label: str) -> Entry:
    """CertificatePolicies (RFC 5280 section 4.2.1.4)."""
    texts: Dict[int, Entry] = {
        tag: value("explicitText", f"{label} notice", shows=strings(charset))
        for tag, charset in _NOTICES
    }
    organization = {
        tag: value("organization", f"{label} notice by", shows=strings(charset)) for tag, charset in _NOTICES
    }
    numbers = vector("noticeNumbers", loop({0x02: value("noticeNumbers", f"{label} notice number", "integer")}))
    reference = group("noticeRef", chain((False, organization), (False, {0x30: numbers})))
    notice = chain((True, {0x30: reference}), (True, texts))
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


def _authority() -> Entry:
    """AuthorityKeyIdentifier (RFC 5280 section 4.2.1.1)."""
    members = chain(
        (True, {0x80: value("keyIdentifier", "authorityKeyIdentifier", "serial", rfc=RFC + "4.2.1.1")}),
        (True, {0xA1: group("authorityCertIssuer", loop(general("authority")), 0)}),
        (True, {0x82: value("authorityCertSerialNumber", "authority serial number", "serial")}),
    )
    return group("authorityKeyIdentifier", members)


def _constraints() -> Entry:
    """BasicConstraints (RFC 5280 section 4.2.1.9)."""
    doc = "Whether the owner may issue certificates. One that may not cannot stand above another one in a chain."
    rfc = RFC + "4.2.1.9"
    members = chain(
        (True, {0x01: value("cA", "basicConstraints CA", "boolean", doc=doc, rfc=rfc)}),
        (True, {0x02: value("pathLenConstraint", "basicConstraints path length", "integer", rfc=rfc)}),
    )
    empty = header("header", "", level=0)
    empty.say = lambda raw: "basicConstraints CA = FALSE, the default where it is empty"
    empty.doc, empty.rfc = doc, rfc
    head, whole = header("header", "", "basicConstraints"), Node("basicConstraints", GROUP)
    return (DEFAULT, STOP, head, whole, (members, empty), -1)


def _pair(name: str, tags: Tuple[int, int], members: Tuple[str, str], labels: Tuple[str, str], show: str) -> Entry:
    """A SEQUENCE of two elements, either of which may be absent."""
    steps = [(True, {tag: value(n, label, show)}) for tag, n, label in zip(tags, members, labels)]
    return group(name, chain(*steps))


def _template() -> Entry:
    """Microsoft's certificate template: which one, and its version."""
    numbers = ("templateMajorVersion", "templateMinorVersion")
    versions = [(True, {0x02: value(name, "", "integer", level=1)}) for name in numbers]
    return group("certificateTemplate", chain((False, {0x06: value("templateID", "template", "oid")}), *versions))


def _statements() -> Entry:
    """QCStatements (RFC 3739 section 3.2.6): what the law of the European Union makes of the certificate."""
    named = value("statementId", "statement", "oid", rfc="RFC 3739 section 3.2.6")
    statement = State({0x06: (named[0], GENERIC, *named[2:])})  # what follows, if anything, differs by statement
    return vector("qcStatements", loop({0x30: group("qcStatements", statement)}))


def _attributes() -> Entry:
    """SubjectDirectoryAttributes (RFC 5280 section 4.2.1.8)."""
    attribute = chain(
        (False, {0x06: value("type", "subject attribute type", "oid")}), (False, {0x31: group("values", GENERIC, 0)})
    )
    return vector("subjectDirectoryAttributes", loop({0x30: group("subjectDirectoryAttributes", attribute)}))


def _proxy() -> Entry:
    """ProxyCertInfo (RFC 3820 section 3.8)."""
    policy = chain(
        (False, {0x06: value("policyLanguage", "proxy policy", "oid")}), (True, {0x04: value("policy", "proxy policy text")})
    )
    length = value("pCPathLenConstraint", "proxy path length", "integer")
    return group("proxyCertInfo", chain((True, {0x02: length}), (False, {0x30: group("proxyPolicy", policy)})))


def _organization() -> Entry:
    """The CA/Browser Forum's organization identifier (its EV guidelines, section 9.8.2)."""
    text = {tag: strings("utf-8") for tag in (0x0C, 0x13)}

    def part(name: str) -> Dict[int, Entry]:
        return {tag: value(name, "", shows=shows) for tag, shows in text.items()}

    state = {0x80: value("registrationStateOrProvince", "", "text")}
    parts = part("registrationSchemeIdentifier"), part("registrationCountry"), state, part("registrationReference")
    return group("cabfOrganizationIdentifier", chain(*[(each is state, each) for each in parts]))


def _sid() -> Entry:
    """Microsoft's security identifier of the account, in an otherName (KB5014754)."""
    inner = chain(
        (False, {0x06: value("type-id", "security extension", "oid")}),
        (False, {0xA0: flat("value", single(0x04, value("sid", "security identifier", "text")), suffix=".explicit")}),
    )
    return group("ntdsCaSecurityExt", single(0xA0, group("otherName", inner)))


def _mappings() -> Entry:
    names, labels = ("issuerDomainPolicy", "subjectDomainPolicy"), ("issuer's policy", "subject's policy")
    return vector("policyMappings", loop({0x30: _pair("policyMappings", (0x06, 0x06), names, labels, "oid")}))


def _trees() -> Entry:
    permitted, excluded = _subtrees("permittedSubtrees", "permitted"), _subtrees("excludedSubtrees", "excluded")
    return group("nameConstraints", chain((True, {0xA0: permitted}), (True, {0xA1: excluded})))


def _purposes() -> Entry:
    doc = "What the certificate may be used for; a TLS server needs serverAuth, a TLS client clientAuth."
    return vector("extKeyUsage", loop({0x06: value("extKeyUsage", "", "oid", doc=doc, rfc=RFC + "4.2.1.12")}))


def _features() -> Entry:
    shows = enumerated({5: "status_request: OCSP must be stapled", 17: "status_request_v2"})
    item = value("tlsFeature", "TLS feature", "enum", shows=shows, rfc="RFC 7633 section 4")
    return vector("tlsFeature", loop({0x02: item}))


def _scts() -> Entry:
    return (SCTS, STOP, header("sct_list", ".wrapper"), Node("sct_list", GROUP), scts, 0)


_SAN_DOC = (
    "The names that this certificate is good for. A client compares the host it wanted with these, "
    "not with the subject's common name."
)
_USAGE_DOC = "What the key may be used for. keyCertSign marks one that signs certificates."
_PERIOD = ("notBefore", "notAfter"), ("key notBefore", "key notAfter")
_LIMITS = 2 * (("requireExplicitPolicy", "inhibitPolicyMapping"),)

# What the extnValue of each known extension holds: (identifier octet, what stands there), made when first met.
EXTENSIONS: Dict[str, Tuple[int, Callable[[], Entry]]] = {
    "2.5.29.9": (48, _attributes),
    "2.5.29.14": (4, lambda: value("subjectKeyIdentifier", "", "serial", rfc=RFC + "4.2.1.2")),
    "2.5.29.15": (3, lambda: flags("keyUsage", "", KEY_USAGE, doc=_USAGE_DOC, rfc=RFC + "4.2.1.3")),
    "2.5.29.16": (48, lambda: _pair("privateKeyUsagePeriod", (0x80, 0x81), *_PERIOD, "time")),
    "2.5.29.17": (48, lambda: _names("subjectAltName", "subjectAltName", _SAN_DOC, RFC + "4.2.1.6")),
    "2.5.29.18": (48, lambda: _names("issuerAltName", "issuerAltName")),
    "2.5.29.19": (48, _constraints),
    "2.5.29.20": (2, lambda: value("cRLNumber", "CRL number", "integer")),
    "2.5.29.21": (10, lambda: value("cRLReason", "reason", "enum", shows=enumerated(CRL_REASONS))),
    "2.5.29.30": (48, _trees),
    "2.5.29.31": (48, lambda: _points("cRLDistributionPoints", "CRL")),
    "2.5.29.32": (48, lambda: _policies("certificatePolicies", "policy")),
    "2.5.29.33": (48, _mappings),
    "2.5.29.35": (48, _authority),
    "2.5.29.36": (48, lambda: _pair("policyConstraints", (0x80, 0x81), *_LIMITS, "integer")),
    "2.5.29.37": (48, _purposes),
    "2.5.29.46": (48, lambda: _points("freshestCRL", "delta CRL")),
    "2.5.29.54": (2, lambda: value("inhibitAnyPolicy", "", "integer")),
    "1.3.6.1.5.5.7.1.1": (48, lambda: _access("authorityInfoAccess")),
    "1.3.6.1.5.5.7.1.3": (48, _statements),
    "1.3.6.1.5.5.7.1.11": (48, lambda: _access("subjectInfoAccess")),
    "1.3.6.1.5.5.7.1.14": (48, _proxy),
    "1.3.6.1.5.5.7.1.24": (48, _features),
    "1.3.6.1.5.5.7.1.31": (4, lambda: value("acmeIdentifier", "ACME challenge's hash", rfc="RFC 8737 section 3")),
    "1.3.6.1.5.5.7.48.1.2": (4, lambda: value("nonce", "OCSP nonce")),
    "1.3.6.1.5.5.7.48.1.5": (5, lambda: value("ocspNoCheck", "OCSP responder needs no status of its own", "null")),
    "1.3.6.1.4.1.11129.2.4.2": (4, _scts),
    "1.3.6.1.4.1.11129.2.4.3": (5, lambda: value("poison", "precertificate: not to be accepted", "null")),
    "1.3.6.1.4.1.11129.2.4.5": (4, _scts),
    "1.3.6.1.4.1.311.20.2": (30, lambda: value("certificateTemplateName", "template", shows=strings("utf-16-be"))),
    "1.3.6.1.4.1.311.21.1": (2, lambda: value("cAVersion", "CA version", "integer")),
    "1.3.6.1.4.1.311.21.2": (4, lambda: value("previousCACertificateHash", "hash of the CA's certificate before")),
    "1.3.6.1.4.1.311.21.7": (48, _template),
    "1.3.6.1.4.1.311.21.10": (48, lambda: _policies("applicationPolicies", "application policy")),
    "1.3.6.1.4.1.311.25.2": (48, _sid),
    "1.3.6.1.4.1.44363.44": (5, lambda: value("delegationUsage", "may sign delegated credentials", "null")),
    "2.23.140.3.1": (48, _organization),
    "2.16.840.1.113730.1.1": (3, lambda: flags("netscapeCertType", "Netscape certificate type", NETSCAPE)),
    "2.16.840.1.113730.1.2": (22, lambda: value("netscapeBaseURL", "", "text")),
    "2.16.840.1.113730.1.3": (22, lambda: value("netscapeRevocationURL", "", "text")),
    "2.16.840.1.113730.1.4": (22, lambda: value("netscapeCARevocationURL", "", "text")),
    "2.16.840.1.113730.1.7": (22, lambda: value("netscapeRenewalURL", "", "text")),
    "2.16.840.1.113730.1.8": (22, lambda: value("netscapeCAPolicyURL", "", "text")),
    "2.16.840.1.113730.1.12": (22, lambda: value("netscapeSSLServerName", "", "text")),
    "2.16.840.1.113730.1.13": (22, lambda: value("netscapeComment", "", "text")),
}


def extension() -> State:
    """Extension: what extnID decides is critical and extnValue (RFC 5280 section 4.2)."""

    def rest(child: Optional[State]) -> State:
        opaque = leaf("extnValue", "extension value")
        wrapped: Entry = (WRAPPED, STOP, header("extnValue"), opaque, (child, wrapper), -1)
        return chain((True, {0x01: value("critical", "critical", "boolean", level=1)}), (False, {0x04: wrapped}))

    wrapper = Node("extnValue", GROUP)
    named = leaf("extnID", "extension", "oid", level=1)
    switch = Switch((rest(None), None, leaf("extnID", "extension", "oid")))

    def make(oid: bytes) -> Optional[Outcome]:
        known = EXTENSIONS.get(dotted(oid) or "")
        return (rest(single(known[0], known[1]())), None, named) if known else None

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
_HASHES = {4: "sha256", 5: "sha384", 6: "sha512"}
_SCT_HASH = leaf("hash", "SCT signature hash", "enum", level=1, shows=enumerated(_HASHES))
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
