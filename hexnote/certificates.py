"""The tables of X.509 certificates and OCSP responses (RFC 5280, RFC 6960).

Built at the first use: `root(name)` gives the State with which `der_walk` walks a "Certificate", a
"Name", a "SubjectPublicKeyInfo", an "OCSPResponse" or a part of those.
"""

from __future__ import annotations

from hexnote.asn1 import header, leaf, named, oid_bytes
from hexnote.hints import Any, Dict, Optional, Tuple
from hexnote.model import GROUP, Node
from hexnote.x509 import (
    CHOICE,
    GENERIC,
    STOP,
    WRAPPED,
    Entry,
    State,
    Switch,
    algorithm,
    chain,
    distinguished,
    flat,
    group,
    loop,
    public_key,
    signature,
    signed,
    single,
    value,
    vector,
)
from hexnote.x509_extensions import CRL_REASONS, RFC, enumerated, extension, extension_list

# ------------------------------------------------------------------ certificates (RFC 5280 section 4.1)


def _time(name: str, label: str, **more: Any) -> Dict[int, Entry]:
    entry = value(name, label, "time", type="Time", **more)
    return {0x17: entry, 0x18: entry}


def name(label: str) -> Entry:
    """A Name, whose whole has a value of its own."""
    kind, after, head, _, child, first = group(label, distinguished(label), 0)
    return (kind, after, head, named(label), child, first)


def _certificate(item: State) -> State:
    """The members of a Certificate."""
    rfc = RFC + "4.1.2."
    serial = value(
        "serialNumber", "serialNumber", "serial", rfc=rfc + "2",
        doc="The issuer's number for this certificate: both together name it, in lists of revoked ones too.",
    )  # fmt: skip
    window = "The certificate is good from this moment on, by the clock of whoever checks it."
    until = "After this moment the certificate has expired, and clients refuse it."
    versions = enumerated({0: "v1", 1: "v2", 2: "v3"})
    version = value("version", "version", "enum", shows=versions, rfc=rfc + "1")
    validity = chain(
        (False, _time("notBefore", "notBefore", doc=window, rfc=rfc + "5")),
        (False, _time("notAfter", "notAfter", doc=until, rfc=rfc + "5")),
    )
    unique = [
        (True, {tag: value(name, name), tag | 0x20: group(name, GENERIC)})
        for tag, name in ((0x81, "issuerUniqueID"), (0x82, "subjectUniqueID"))
    ]
    tbs = chain(
        (True, {0xA0: flat("version", State({0x02: version}), suffix=".explicit")}),
        (False, {0x02: serial}),
        (False, {0x30: signature()}),
        (False, {0x30: name("issuer")}),
        (False, {0x30: group("validity", validity)}),
        (False, {0x30: name("subject")}),
        (False, {0x30: group("subjectPublicKeyInfo", public_key())}),
        *unique,
        (True, {0xA3: extension_list("extensions", item)[1]}),
    )
    return chain((False, {0x30: group("tbsCertificate", tbs)}), *signed(1))


# ------------------------------------------------------------------ OCSP (RFC 6960 section 4.2.1)

STATUSES = {
    0: "successful", 1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized",
}  # fmt: skip


def _responder() -> Dict[int, Entry]:
    """ResponderID: who signed the answer, by name or by key (RFC 6960 section 4.2.1)."""
    by_name = single(0x30, flat("rdnSequence", distinguished("responder"), 0))
    by_key = single(0x04, value("byKey", "responder key hash"))
    return {0xA1: group("byName", by_name), 0xA2: flat("byKey", by_key, suffix=".explicit")}


def _ocsp(certificate: State, item: State) -> State:
    """The members of an OCSPResponse."""
    rfc = "RFC 6960 section 4.2.1"

    def explicit(tag: int, name: str, label: str) -> Tuple[bool, Dict[int, Entry]]:
        inner = value(name, label, "time", type="Time", rfc=rfc)
        return (True, {tag: flat(name, single(0x18, inner), suffix=".explicit")})

    cert_id = chain(
        (False, {0x30: group("hashAlgorithm", algorithm("hash", 1, pss=False))}),
        (False, {0x04: value("issuerNameHash", "issuer name hash")}),
        (False, {0x04: value("issuerKeyHash", "issuer key hash")}),
        (False, {0x02: value("serialNumber", "serial number", "serial")}),
    )
    reasons = enumerated(CRL_REASONS)
    reason = single(0x0A, value("revocationReason", "revoked because of", "enum", shows=reasons))
    revoked = chain(
        (False, {0x18: value("revocationTime", "revoked", "time")}),
        (True, {0xA0: flat("revocationReason", reason, suffix=".explicit")}),
    )

    def status(name: str) -> Entry:
        node = value(name, "certificate status", rfc=rfc)
        node[3].say = lambda raw: f"certificate status = {name}"
        node[2].say = lambda raw: f"certificate status = {name}"
        node[2].level = 0
        return node

    single_response = chain(
        (False, {0x30: group("certID", cert_id)}),
        (False, {0x80: status("good"), 0xA1: group("revoked", revoked), 0x82: status("unknown")}),
        (False, {0x18: value("thisUpdate", "", "time", type="Time", rfc=rfc)}),
        explicit(0xA0, "nextUpdate", "nextUpdate"),
        (True, {0xA1: extension_list("singleExtensions", item)[1]}),
    )
    data = chain(
        (True, {0xA0: flat("version", single(0x02, value("version", "OCSP version", "integer")), suffix=".explicit")}),
        (False, _responder()),
        (False, {0x18: value("producedAt", "", "time", type="Time", rfc=rfc)}),
        (False, {0x30: vector("responses", loop({0x30: group("responses", single_response)}))}),
        (True, {0xA1: extension_list("responseExtensions", item)[1]}),
    )
    certs = vector("certs", loop({0x30: group("certs", certificate)}))
    basic = chain(
        (False, {0x30: group("tbsResponseData", data)}),
        *signed(0),
        (True, {0xA0: flat("certs", State({0x30: certs}), suffix=".explicit")}),
    )
    inner = single(0x30, flat("BasicOCSPResponse", basic))
    known = leaf("responseType", "response type", "oid", level=1)
    wrapper = Node("response", GROUP)

    def wrapped(child: Optional[State]) -> State:
        return single(0x04, (WRAPPED, STOP, header("response"), leaf("response"), (child, wrapper), -1))

    switch = Switch((wrapped(None), None, leaf("responseType", "response type", "oid")))
    switch[oid_bytes("1.3.6.1.5.5.7.48.1.1")] = (wrapped(inner), None, known)
    body = State({0x06: (CHOICE, GENERIC, header("responseType"), known, switch, -1)})
    return chain(
        (False, {0x0A: value("responseStatus", "OCSP response", "enum", shows=enumerated(STATUSES), rfc=rfc)}),
        (True, {0xA0: flat("responseBytes", single(0x30, group("responseBytes", body)), suffix=".explicit")}),
    )


# ------------------------------------------------------------------ roots

_ROOTS: Dict[str, Tuple[State, int]] = {}


def root(name: str) -> Tuple[State, int]:
    """(State of the members, index of the first or -1) of the outermost SEQUENCE of a format."""
    known = _ROOTS.get(name)
    if known is None:
        if name == "Name":
            known = (distinguished("CA"), 0)
        elif name == "SubjectPublicKeyInfo":
            known = (public_key(), -1)
        elif name == "Certificate":
            known = (_certificate(extension()), -1)
        elif name == "ResponderID":
            known = (chain((False, _responder())), -1)
        elif name == "Extensions":
            known = (loop({0x30: group("extensions", extension())}), 0)
        else:
            known = (_ocsp(root("Certificate")[0], extension()), -1)
        _ROOTS[name] = known
    return known
