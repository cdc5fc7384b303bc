"""Certificates of odd content, made by OpenSSL on the spot, beside what OpenSSL and `cryptography` say of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Any, Dict, List, Tuple

import certs
import pytest
from conftest import ROOT

from hexnote import der
from hexnote.model import GROUP

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="no openssl here")


def openssl(*arguments: str, data: bytes = b"") -> bytes:
    run = subprocess.run(["openssl", *arguments], input=data, capture_output=True)
    if run.returncode:
        pytest.skip(f"this openssl cannot: {run.stderr.decode(errors='replace')[:80]}")
    return run.stdout


def told(cert: bytes) -> Dict[str, Tuple[str, Any, Any]]:
    """Path below the certificate to (label, value, name)."""
    out, problems = certs.walked(cert)
    certs.check(out, 0, len(cert))
    assert problems == []
    made = {}
    for path, (node, start, end, _, _) in certs.paths(out):
        if node.kind != GROUP:
            raw = cert[start:end]
            made[path.replace("certificate_list[0].", "")] = node.say(raw), node.value(raw), node.title(raw)
    return made


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The certificate of tests/odd_certificate.cnf."""
    folder = tmp_path_factory.mktemp("odd")
    config = os.path.join(ROOT, "tests", "odd_certificate.cnf")
    return openssl(
        "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", str(folder / "k.pem"), "-config", config, "-extensions", "v3",
        "-days", "9999", "-set_serial", "0x00f1e2d3c4b5a6978877665544332211", "-outform", "der",
    )  # fmt: skip


def extensions(cert: bytes) -> Dict[str, List[Tuple[str, Any, Any]]]:
    """Leaves of each extension's value, by the extension's dotted number: (path below extnValue, value, name)."""
    said = told(cert)
    made: Dict[str, List[Tuple[str, Any, Any]]] = {}
    for path, (_, value, name) in said.items():
        found = re.match(r"tbsCertificate\.extensions(\[\d+\])\.extnValue\.?(.*)", path)
        if found and not re.search(r"(header|\.unused|\.type|explicit|wrapper)$", found[2]):
            oid = said[f"tbsCertificate.extensions{found[1]}.extnID"][1]
            made.setdefault(oid, []).append((found[2], value, name))
    return made


def test_names_are_openssls(odd: bytes) -> None:
    """RFC 4514, to the last backslash."""
    said = openssl("x509", "-inform", "der", "-noout", "-subject", "-issuer", "-nameopt", "RFC2253", data=odd).decode()
    lines = dict(line.split("=", 1) for line in said.splitlines())
    facts = der.facts(odd)

    def hexless(name: str) -> str:
        return re.sub(r"=#([0-9A-F]+)", lambda m: m[0].lower(), name)

    assert (facts.subject, facts.issuer) == (hexless(lines["subject"]), hexless(lines["issuer"]))


def general(names: Any) -> List[Tuple[str, Any]]:
    """GeneralNames of `cryptography` as we tell them."""
    from cryptography import x509

    made: List[Tuple[str, Any]] = []
    for name in names:
        kinds = {
            x509.DNSName: "dNSName", x509.RFC822Name: "rfc822Name", x509.UniformResourceIdentifier: "uniformResourceIdentifier",
            x509.IPAddress: "iPAddress", x509.RegisteredID: "registeredID",
        }  # fmt: skip
        if type(name) in kinds:
            value = name.value.dotted_string if isinstance(name, x509.RegisteredID) else str(name.value)
            made.append((kinds[type(name)], value))
        elif isinstance(name, x509.DirectoryName):
            made += [("directoryName", attribute.value) for attribute in name.value]
        else:
            made.append(("otherName", name.type_id.dotted_string))
    return made


def ours(leaves: List[Tuple[str, Any, Any]]) -> List[Tuple[str, Any]]:
    """Our leaves of GeneralNames in the same form."""
    made = []
    for path, value, _ in leaves:
        kind = re.search(r"(dNSName|rfc822Name|uniformResourceIdentifier|iPAddress|registeredID|directoryName|otherName)", path)
        if kind and not path.endswith((".type", "utf8String")):
            made.append((kind[1], value))
    return made


def test_extensions_are_cryptographys(odd: bytes) -> None:
    x509 = pytest.importorskip("cryptography.x509")
    cert = x509.load_der_x509_certificate(odd)
    said = extensions(odd)
    for extension in cert.extensions:
        leaves, value = said[extension.oid.dotted_string], extension.value
        plain = [v for _, v, _ in leaves]
        if isinstance(value, (x509.SubjectAlternativeName, x509.IssuerAlternativeName)):
            assert ours(leaves) == general(value)
        elif isinstance(value, x509.ExtendedKeyUsage):
            assert plain == [oid.dotted_string for oid in value]
        elif isinstance(value, x509.BasicConstraints):
            assert plain == [int(value.ca), value.path_length]
        elif isinstance(value, (x509.AuthorityInformationAccess, x509.SubjectInformationAccess)):
            assert [v for p, v, _ in leaves if p.endswith("accessMethod")] == [d.access_method.dotted_string for d in value]
            assert ours(leaves) == general(d.access_location for d in value)
        elif isinstance(value, (x509.CRLDistributionPoints, x509.FreshestCRL)):
            wanted = []
            for point in value:
                wanted += general(point.full_name or ())
                wanted += general(point.crl_issuer or ())
            assert ours(leaves) == wanted
        elif isinstance(value, x509.CertificatePolicies):
            assert [v for p, v, _ in leaves if p.endswith("policyIdentifier")] == [p.policy_identifier.dotted_string for p in value]
            notice = next(q for p in value for q in p.policy_qualifiers or () if not isinstance(q, str))
            values = {p.split(".")[-1]: v for p, v, _ in leaves}
            assert values["explicitText"] == notice.explicit_text
            assert values["organization"] == notice.notice_reference.organization
            assert [v for p, v, _ in leaves if "noticeNumbers[" in p] == notice.notice_reference.notice_numbers
        elif isinstance(value, x509.PolicyConstraints):
            assert plain == [value.require_explicit_policy, value.inhibit_policy_mapping]
        elif isinstance(value, x509.InhibitAnyPolicy):
            assert plain == [value.skip_certs]
        elif isinstance(value, x509.NameConstraints):
            assert ours([x for x in leaves if "permitted" in x[0]]) == general(value.permitted_subtrees)
            assert ours([x for x in leaves if "excluded" in x[0]]) == general(value.excluded_subtrees)
        elif isinstance(value, x509.TLSFeature):
            assert plain == [f.value for f in value] == [5, 17]
        elif isinstance(value, (x509.OCSPNoCheck, x509.PrecertPoison)):
            assert plain == [None]


# What `cryptography` does not know, as the configuration has it.
ELSEWHERE = {
    "2.5.29.16": ["2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"],
    "2.5.29.33": ["1.2.3.4", "1.2.3.5"],
    "2.5.29.9": ["DE"],
    "1.3.6.1.4.1.311.20.2": ["WebServer"],
    "1.3.6.1.4.1.311.21.7": ["1.3.6.1.4.1.311.21.8.1.2", 100, 7],
    "1.3.6.1.4.1.311.21.1": [5],
    "2.16.840.1.113730.1.13": ["A comment"],
    "2.16.840.1.113730.1.2": ["http://base.example/"],
    "1.3.6.1.5.5.7.1.3": ["0.4.0.1862.1.1", "0.4.0.1862.1.5", "https://pds.example/", "en", "0.4.0.1862.1.6", "0.4.0.1862.1.6.3"],
    "1.3.6.1.5.5.7.1.14": ["1.3.6.1.5.5.7.21.1"],
    "1.2.3.4.99": ["unknown text ext"],
    "1.2.3.4.98": [None],
}  # fmt: skip


def test_other_extensions(odd: bytes) -> None:
    said = extensions(odd)
    for oid, wanted in ELSEWHERE.items():
        assert [v for _, v, _ in said[oid]] == wanted, oid
    bits = told(odd)
    assert bits["tbsCertificate.extensions[1].extnValue.keyUsage"][0].endswith("cRLSign, encipherOnly, decipherOnly")
    assert "sslCA, smimeCA, objectSigningCA" in bits["tbsCertificate.extensions[16].extnValue.netscapeCertType"][0]


def test_no_extension_is_without_a_name(odd: bytes) -> None:
    """All but the two that are made up have a table, and nothing in them stays closed."""
    for oid, leaves in extensions(odd).items():
        if not oid.startswith("1.2.3.4."):
            assert not any(path in ("", "octetString") or re.match(r"sequence\b", path) for path, _, _ in leaves), oid


# ------------------------------------------------------------------ keys and signatures

KEYS: Dict[str, List[str]] = {
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1536", "-pkeyopt", "rsa_keygen_pubexp:3"],
    "rsa_pss": [
        "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:1024", "-pkeyopt", "rsa_pss_keygen_md:sha384",
        "-pkeyopt", "rsa_pss_keygen_mgf1_md:sha256", "-pkeyopt", "rsa_pss_keygen_saltlen:30",
    ],
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "secp256k1": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    "brainpool": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP384r1"],
    "explicit": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"],
    "ed25519": ["-algorithm", "ED25519"],
    "ed448": ["-algorithm", "ED448"],
}  # fmt: skip
# OpenSSL's names of curves, and those of RFC 8422.
CURVES = {"prime256v1": "secp256r1"}


@pytest.mark.parametrize("kind", KEYS)
def test_keys(kind: str, tmp_path: Any) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(openssl("genpkey", *KEYS[kind]))
    cert = openssl("req", "-x509", "-key", str(key), "-subj", "/CN=x", "-days", "3", "-outform", "der")
    said = told(cert)
    text = openssl("x509", "-inform", "der", "-noout", "-text", data=cert).decode()
    facts = der.facts(cert)
    names = {name for _, _, name in said.values()}

    def shown(what: str) -> str:
        found = re.search(what, text)
        return found[1] if found else ""

    # RSASSA-PSS is rsassaPss there, id-RSASSA-PSS in RFC 4055; ED25519 is id-Ed25519 in RFC 8410.
    def known(name: str) -> bool:
        return any(re.sub(r"[^a-z0-9]", "", name.lower()) in re.sub(r"[^a-z0-9]", "", (n or "").lower()) for n in names)

    assert known(shown(r"Public Key Algorithm: (.*)").replace("rsassaPss", "RSASSA-PSS"))
    assert known(shown(r"Signature Algorithm: (.*)").replace("rsassaPss", "RSASSA-PSS"))
    size = shown(r"Public-Key: \((\d+) bit\)")
    if size:
        assert facts.key_bits == int(size)
    curve = shown(r"ASN1 OID: (.*)")
    if curve:
        assert facts.curve == CURVES.get(curve, curve)
    serial = openssl("x509", "-inform", "der", "-noout", "-serial", data=cert).decode().strip().split("=")[1]
    assert facts.serial.replace(":", "").upper().lstrip("0") == serial.lstrip("0")
    if kind == "rsa":
        assert "publicExponent" in "".join(said) and 3 in [v for _, v, _ in said.values()]
    if kind == "rsa_pss":
        below = "tbsCertificate.subjectPublicKeyInfo.algorithm.parameters"
        pss = {p[len(below) + 1 :]: (v, n) for p, (_, v, n) in said.items() if p.startswith(below)}
        assert pss["hashAlgorithm.algorithm"][1] == "id-sha384"
        assert pss["saltLength"][0] == 30
        assert "id-sha256" in [n for _, n in pss.values()]
    if kind == "explicit":
        path = "tbsCertificate.subjectPublicKeyInfo.algorithm.ECParameters."
        assert said[path + "fieldID.fieldType"][2] == "prime-field" and said[path + "cofactor"][1] == 1
        assert "hex" not in said[path + "curve.seed"][0]


def test_dsa(tmp_path: Any) -> None:
    parameters = tmp_path / "p.pem"
    parameters.write_bytes(openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024"))
    key = tmp_path / "k.pem"
    key.write_bytes(openssl("genpkey", "-paramfile", str(parameters)))
    cert = openssl("req", "-x509", "-key", str(key), "-subj", "/CN=x", "-days", "3", "-outform", "der")
    said = told(cert)
    below = "tbsCertificate.subjectPublicKeyInfo."
    assert {f"{below}algorithm.parameters.{n}" for n in "pqg"} <= set(said)
    assert der.facts(cert).key_type == "DSA" and der.facts(cert).key_bits == 1024


def test_a_post_quantum_key() -> None:
    """RFC 9881, where this `cryptography` can make one."""
    mldsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.mldsa")
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    key = mldsa.MLDSA65PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(5)
    made = made.not_valid_before(datetime(2025, 1, 1)).not_valid_after(datetime(2051, 1, 1))
    cert = made.sign(key, None).public_bytes(serialization.Encoding.DER)
    said = told(cert)
    assert said["tbsCertificate.signature.algorithm"][2] == "id-ml-dsa-65"
    assert said["tbsCertificate.subjectPublicKeyInfo.algorithm.algorithm"][0].endswith("(ML-DSA-65)")
    # Beyond 2049 a year has four digits (RFC 5280 section 4.1.2.5).
    assert said["tbsCertificate.validity.notAfter"][1] == "2051-01-01T00:00:00Z"


def test_names_as_a_whole_are_in_json(odd: bytes) -> None:
    """The group of an issuer, a subject or a listed authority has the name in RFC 4514's form; no other group has a value."""
    from handshakes import (
        CLIENT,
        HANDSHAKE,
        SERVER,
        Wire,
        certificate_message,
        client_hello,
        dump,
        message,
        record,
        server_hello,
        vector,
    )
    from support import objects, of

    facts = der.facts(odd)
    authority = bytes.fromhex("300c310a300806035504030c0161")
    asked = message(13, b"\1\1" + b"\0\2\4\1" + vector(2, vector(2, authority)))
    wire = Wire()
    wire.open()
    wire.send(CLIENT, record(HANDSHAKE, client_hello()), 0)
    stream = b"".join(record(HANDSHAKE, m) for m in (server_hello(), certificate_message(odd), asked))
    for at in range(0, len(stream), 1400):
        wire.send(SERVER, stream[at : at + 1400], at)
    found = {o["path"]: o["value"] for o in of(objects(dump(wire.packets)), "group") if "value" in o}
    assert found == {
        "certificate.certificate_list[0].tbsCertificate.issuer": facts.issuer,
        "certificate.certificate_list[0].tbsCertificate.subject": facts.subject,
        "certificate_request.certificate_authorities[0]": "CN=a",
    }
