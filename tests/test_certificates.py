"""Certificates of all sorts, made on the spot, against other readers of them."""

from __future__ import annotations

import datetime
import glob
import gzip
import os
import xml.etree.ElementTree as ET
from typing import Any, Dict, List, Tuple

import pytest
from certs import LEAF_CERT, check, fields, leaves, paths, tell, tlv, walked
from conftest import ROOT

from hexnote import asn1, der
from hexnote.model import GROUP

SHARED = os.environ.get("HEXNOTE_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))

def made_certificates() -> Dict[str, bytes]:
    """Certificates with all sorts of keys and extensions."""
    x509 = pytest.importorskip("cryptography.x509")
    import ipaddress

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
    from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

    rsa_key = rsa.generate_private_key(65537, 2048)
    keys: Dict[str, Any] = {
        "rsa": rsa_key, "ec": ec.generate_private_key(ec.SECP384R1()), "ed": ed25519.Ed25519PrivateKey.generate(),
        "dsa": dsa.generate_private_key(1024),
    }  # fmt: skip
    subject = x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'Müller, "Söhne" + Co'),
        x509.NameAttribute(NameOID.COMMON_NAME, "all.example"),
        x509.NameAttribute(NameOID.EMAIL_ADDRESS, "root@all.example"),
    ])  # fmt: skip
    uri = x509.UniformResourceIdentifier
    names = [
        x509.DNSName("all.example"), x509.DNSName("*.all.example"), x509.RFC822Name("a@all.example"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.7")), x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
        uri("https://all.example/"), x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")), x509.DirectoryName(subject),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x02ab"),
    ]  # fmt: skip
    policy = x509.PolicyInformation(
        x509.ObjectIdentifier("2.23.140.1.2.1"),
        ["https://all.example/cps", x509.UserNotice(x509.NoticeReference("all", [1, 2]), "Read this")],
    )
    compromise = frozenset([x509.ReasonFlags.key_compromise])
    made = {}
    for kind, key in keys.items():
        public = key.public_key()
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(public)
        builder = builder.serial_number(0x80FF00 if kind == "ec" else 7)
        builder = builder.not_valid_before(datetime.datetime(2024, 2, 29, 1, 2, 3))
        builder = builder.not_valid_after(datetime.datetime(2051, 1, 1))
        identifier = x509.SubjectKeyIdentifier.from_public_key(public)
        extensions: List[Tuple[Any, bool]] = [
            (x509.SubjectAlternativeName(names), False), (x509.IssuerAlternativeName(names[:2]), False),
            (x509.BasicConstraints(True, 3), True), (identifier, False),
            (x509.AuthorityKeyIdentifier(identifier.digest, [x509.DirectoryName(subject)], 77), False),
            (x509.KeyUsage(True, False, False, False, True, True, False, True, True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, x509.ObjectIdentifier("1.2.3.4.5")]), False),
            (x509.AuthorityInformationAccess([
                x509.AccessDescription(AuthorityInformationAccessOID.OCSP, uri("http://ocsp.example")),
                x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, uri("http://ca.example")),
            ]), False),
            (x509.CRLDistributionPoints([
                x509.DistributionPoint([uri("http://crl.example")], None, compromise, names[:1]),
                x509.DistributionPoint(None, subject.rdns[2], None, None),
            ]), False),
            (x509.FreshestCRL([x509.DistributionPoint([uri("http://delta.example")], None, None, None)]), False),
            (x509.CertificatePolicies([policy]), False), (x509.PolicyConstraints(1, 2), True),
            (x509.NameConstraints([x509.DNSName("all.example"), x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))],
                                  [x509.DNSName("not.example")]), True),
            (x509.InhibitAnyPolicy(5), True), (x509.TLSFeature([x509.TLSFeatureType.status_request]), False),
            (x509.OCSPNoCheck(), False), (x509.PrecertPoison(), True),
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.9"), b"\x30\x05\x02\x01\x05\x05\x00"), False),
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.10"), b"\xff\xfe no DER"), False),
        ]  # fmt: skip
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        if kind == "rsa":
            pss = padding.PSS(padding.MGF1(hashes.SHA384()), 48)
            cert = builder.sign(key, hashes.SHA384(), rsa_padding=pss)
            made["pss"] = cert.public_bytes(serialization.Encoding.DER)
        cert = builder.sign(key, None if kind == "ed" else hashes.SHA256())
        made[kind] = cert.public_bytes(serialization.Encoding.DER)
    return made


MADE: Dict[str, bytes] = {}


@pytest.fixture(scope="module")
def made() -> Dict[str, bytes]:
    return MADE or MADE.update(made_certificates()) or MADE


def test_made_certificates_are_whole(made: Dict[str, bytes]) -> None:
    for cert in made.values():
        out, problems = walked(cert)
        check(out, 0, len(cert))
        assert not problems
        assert {f[0].name for f in leaves(out) if f[0].name.startswith("context")} == set(), "every part has its name"
        seen = [path for path, f in paths(out) if f[0].kind != GROUP]
        assert len(seen) == len(set(seen))
        bounds = {b for f in leaves(out) for b in f[1:3]}
        for cut in range(0, len(cert), 7):
            out, problems = walked(cert[:cut], len(cert))
            check(out, 0, len(cert))
            assert not problems and {b for f in leaves(out) for b in f[1:3]} <= bounds


def test_made_certificates_are_told(made: Dict[str, bytes]) -> None:
    told = tell(made["ec"])
    for label in (
        "serialNumber = 00:80:ff:00", 'subject O = "M\\u{fc}ller, \\"S\\u{f6}hne\\" + Co"',
        'subject emailAddress = "root@all.example"',
        "notBefore = 2024-02-29 01:02:03 UTC", "notAfter = 2051-01-01 00:00:00 UTC",
        "public key algorithm = id-ecPublicKey (EC)", "curve = secp384r1 (P-384)",
        'subjectAltName DNS = "*.all.example"', "subjectAltName IP = 192.0.2.7", "subjectAltName IP = 2001:db8::7",
        'subjectAltName URI = "https://all.example/"', "subjectAltName RID = 1.2.3.4",
        'subjectAltName directory CN = "all.example"',
        "basicConstraints CA = TRUE", "basicConstraints path length = 3",
        "keyUsage = digitalSignature, keyAgreement, keyCertSign, encipherOnly, decipherOnly",
        "extKeyUsage = 1.2.3.4.5", 'OCSP URI = "http://ocsp.example"', 'CRL URI = "http://crl.example"',
        'CRL CN = "all.example"',
        "CRL reasons = keyCompromise", 'policy notice = "Read this"',
        'CPS = "https://all.example/cps"',
        "policy = domain-validated (domain validated)", "requireExplicitPolicy = 1",
        'permitted DNS = "all.example"', "permitted IP = 10.0.0.0/8",
        'excluded DNS = "not.example"', "inhibitAnyPolicy = 5",
        "TLS feature = status_request: OCSP must be stapled (5)", "extension = 1.2.3.9", "extension = 1.2.3.10",
        "extension value = fffe 206e 6f20 4445 52", "authority serial number = 4d",
    ):  # fmt: skip
        assert label in told, label
    assert "public key algorithm = id-Ed25519 (Ed25519)" in tell(made["ed"])
    assert "signature algorithm = id-RSASSA-PSS (RSA-PSS)" in tell(made["pss"])
    assert "hash = id-sha384 (SHA-384), 2.16.840.1.101.3.4.2.2" in tell(made["pss"], 1)


def test_facts_of_made_certificates(made: Dict[str, bytes]) -> None:
    from cryptography import x509

    for kind, cert in made.items():
        facts, truth = der.facts(cert), x509.load_der_x509_certificate(cert)
        number = int.from_bytes(bytes.fromhex(facts.serial.replace(":", "")), "big")
        assert number == truth.serial_number and facts.version == 3 and not facts.problems
        assert facts.not_before == truth.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert facts.not_after == truth.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        size = {"ec": 384, "ed": 256, "dsa": 1024}.get(kind, 2048)
        assert facts.key_bits == size and facts.self_issued and facts.must_staple
        assert facts.is_ca and facts.path_length == 3
        assert facts.curve == ("secp384r1" if kind == "ec" else "")
        assert len(facts.extensions) == len(truth.extensions)
        assert facts.extensions == tuple((e.oid.dotted_string, e.critical) for e in truth.extensions)
        assert facts.key_usage == ("digitalSignature", "keyAgreement", "keyCertSign", "encipherOnly", "decipherOnly")
        assert facts.purposes == ("id-kp-serverAuth", "1.2.3.4.5")
        assert facts.subject_key_id == facts.authority_key_id != ""
        assert (facts.ocsp, facts.ca_issuers) == (("http://ocsp.example",), ("http://ca.example",))
        assert facts.crls == ("http://crl.example",)
        assert ("dNSName", "*.all.example") in facts.names and ("iPAddress", "2001:db8::7") in facts.names
        assert len(facts.names) == 9 and ("registeredID", "1.2.3.4") in facts.names
        assert any(kind == "directoryName" and "CN=all.example" in text for kind, text in facts.names)
        assert x509.Name.from_rfc4514_string(facts.subject.replace("emailAddress", "1.2.840.113549.1.9.1")) is not None
        assert 'O=M\\C3\\BCller\\, \\"S\\C3\\B6hne\\" \\+ Co' in facts.subject


def test_transparency_list() -> None:
    sct = bytes([0]) + bytes(range(32)) + (1700000000123).to_bytes(8, "big") + b"\0\0" + b"\x04\x03\0\x04sign"
    item = len(sct).to_bytes(2, "big") + sct
    body = (2 * len(item)).to_bytes(2, "big") + 2 * item
    extension = tlv(0x30, tlv(0x06, asn1.oid_bytes("1.3.6.1.4.1.11129.2.4.2")), tlv(0x04, tlv(0x04, body)))
    start = LEAF_CERT.index(bytes.fromhex("a381e73081e4"))
    tbs = tlv(0x30, LEAF_CERT[8:start], tlv(0xA3, tlv(0x30, extension)))
    cert = tlv(0x30, tbs, LEAF_CERT[LEAF_CERT.index(bytes.fromhex("300d06092a864886f70d0101050500038181")) :])
    out, problems = walked(cert)
    check(out, 0, len(cert))
    assert not problems
    assert "SCT time = 2023-11-14 22:13:20.123 UTC" in tell(cert)
    named = {path: f for path, f in paths(out)}
    node, s, e, _, _ = named["certificate_list[0].tbsCertificate.extensions[0].extnValue.sct_list[1].signature"]
    assert cert[s:e] == b"sign"
    for cut in range(len(cert)):
        check(fields(cert[:cut], len(cert)), 0, len(cert))


def test_an_ocsp_response(made: Dict[str, bytes]) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509 import ocsp

    cert, key = x509.load_der_x509_certificate(made["ec"]), ec.generate_private_key(ec.SECP256R1())
    then = datetime.datetime(2024, 5, 6)
    builder = x509.CertificateBuilder(cert.subject, cert.subject, key.public_key(), 1, then, then)
    signer = builder.sign(key, hashes.SHA256())
    for revoked, by in ((True, ocsp.OCSPResponderEncoding.HASH), (False, ocsp.OCSPResponderEncoding.NAME)):
        status = ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD
        response = ocsp.OCSPResponseBuilder().add_response(
            cert, cert, hashes.SHA1(), status, then, then, then if revoked else None,
            x509.ReasonFlags.key_compromise if revoked else None,
        )  # fmt: skip
        response = response.responder_id(by, signer).certificates([signer])
        response = response.add_extension(x509.OCSPNonce(b"12345678"), False)
        raw = response.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        out, problems = walked(raw, hook=der.ocsp_response)
        check(out, 0, len(raw))
        assert not problems
        told = tell(raw, hook=der.ocsp_response)
        assert "OCSP response = successful (0)" in told and "thisUpdate = 2024-05-06 00:00:00 UTC" in told
        assert ("revoked because of = keyCompromise (1)" in told) == revoked
        assert "OCSP nonce = 3132 3334 3536 3738" in told
    later = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    bare = later.public_bytes(serialization.Encoding.DER)
    assert tell(bare, hook=der.ocsp_response) == ["OCSP response = tryLater (3)"]


def test_agrees_with_tshark() -> None:
    """Both ends of every part that tshark names are boundaries of ours."""
    files = sorted(glob.glob(os.path.join(SHARED, "corpus", "*.pdml.gz")))[::12]
    if not files:
        pytest.skip("the corpus is not here")
    compared = 0
    for file in files:
        with gzip.open(file) as stream:
            for _, packet in ET.iterparse(stream):
                if packet.tag != "packet":
                    continue
                for part in packet.iter("field"):
                    if part.get("name") == "tls.handshake.certificate":
                        compared += _compare(part)
                packet.clear()
    assert compared > 1000


def _compare(part: ET.Element) -> int:
    raw, base = bytes.fromhex(part.get("value", "")), int(part.get("pos", ""))
    out, problems = walked(raw)
    assert not problems
    bounds = {b for f in leaves(out) for b in f[1:3]}
    count = 0
    for below in part.iter("field"):
        start, size = int(below.get("pos", "")) - base, int(below.get("size", ""))
        if size:
            assert start in bounds and start + size in bounds, below.get("name")
            count += 1
    return count
