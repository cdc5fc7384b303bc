"""Certificates as fields: every octet named, whatever the octets are."""

from __future__ import annotations

import re
from typing import Any, List, Set, Tuple

import pytest
from certs import CA_CERT, LEAF_CERT, check, fields, leaves, paths, read, tell, tlv, walked
from hypothesis import given, settings
from hypothesis import strategies as st

from hexnote import asn1, der, der_walk, x509_extensions
from hexnote.model import EXTRA, GROUP, LEAF, MISSING, Field
from hexnote.spans import Patchy

# ------------------------------------------------------------------ names and values


def test_the_tutorials_certificates_are_told() -> None:
    assert tell(LEAF_CERT) == [
        "version = v3 (2)",
        "serialNumber = 68:76:64:38:3d:49:6e:2e:f5:e3:19:98:42:e0:7c:ee",
        "signature algorithm = sha1WithRSAEncryption (RSA with SHA-1)",
        'issuer C = "ZA"', 'issuer O = "Thawte Consulting (Pty) Ltd."', 'issuer CN = "Thawte SGC CA"',
        "notBefore = 2007-05-03 15:34:58 UTC", "notAfter = 2008-05-14 23:18:11 UTC",
        'subject C = "US"', 'subject ST = "California"', 'subject L = "Mountain View"', 'subject O = "Google Inc"',
        'subject CN = "www.google.com"',
        "public key algorithm = rsaEncryption (RSA)",
        "RSA 1024 bits: modulus = 00e6 c5c6 8dcd 0ba3 0304 dcae ...", "RSA public exponent = 65537",
        "extKeyUsage = id-kp-serverAuth (TLS server)",
        "extKeyUsage = id-kp-clientAuth (TLS client)",
        "extKeyUsage = nsSGC (Netscape server gated cryptography)",
        'CRL URI = "http://crl.thawte.com/ThawteSGCCA.crl"', 'OCSP URI = "http://ocsp.thawte.com"',
        'CA issuers URI = "http://www.thawte.com/repository/Thawte_SGC_CA.crt"',
        "basicConstraints CA = FALSE, the default where it is empty",
        "signature = 93a4 8e05 9d7d 8af3 f832 d03b 9c21 ced2 e855 fd80 ...",
    ]  # fmt: skip
    assert 'subjectAltName directory CN = "PrivateLabel3-15"' in tell(CA_CERT)
    assert "keyUsage = keyCertSign, cRLSign" in tell(CA_CERT)
    assert "Netscape certificate type = sslCA, smimeCA" in tell(CA_CERT)


def test_paths_are_the_standards_names() -> None:
    named = {path: f for path, f in paths(fields(LEAF_CERT))}
    root = "certificate_list[0].tbsCertificate."
    for path in (
        "version", "serialNumber", "signature.algorithm", "issuer.rdnSequence[0].countryName", "validity.notBefore",
        "subject.rdnSequence[4].commonName", "subjectPublicKeyInfo.algorithm.algorithm",
        "subjectPublicKeyInfo.subjectPublicKey.modulus", "extensions[0].extnValue.extKeyUsage[1]",
        "extensions[1].extnValue.cRLDistributionPoints[0].distributionPoint.fullName.uniformResourceIdentifier[0]",
        "extensions[2].extnValue.authorityInfoAccess[1].uniformResourceIdentifier", "extensions[3].critical",
    ):  # fmt: skip
        assert root + path in named, path
    node, start, end, _, _ = named[root + "serialNumber"]
    assert LEAF_CERT[start:end].hex() == "687664383d496e2ef5e3199842e07cee"
    node, start, end, _, _ = named[root + "validity.notAfter"]
    assert node.value(LEAF_CERT[start:end]) == "2008-05-14T23:18:11Z"
    node, start, end, _, _ = named[root + "signature.algorithm"]
    assert node.value(LEAF_CERT[start:end]) == "1.2.840.113549.1.1.5"
    assert node.title(LEAF_CERT[start:end]) == "sha1WithRSAEncryption"


@pytest.mark.parametrize("cert", [LEAF_CERT, CA_CERT])
def test_no_two_leaves_have_one_path(cert: bytes) -> None:
    seen = [path for path, f in paths(fields(cert)) if f[0].kind != GROUP]
    assert len(seen) == len(set(seen))


def test_names_of_a_certificate_request() -> None:
    start = LEAF_CERT.index(bytes.fromhex("304c310b3009"))
    dn = LEAF_CERT[start : start + 0x4E]
    told = ['CA C = "ZA"', 'CA O = "Thawte Consulting (Pty) Ltd."', 'CA CN = "Thawte SGC CA"']
    assert tell(dn, hook=der.name) == told
    text, key = der.read_name(dn)
    assert text == "CN=Thawte SGC CA,O=Thawte Consulting (Pty) Ltd.,C=ZA"
    assert key == der.facts(LEAF_CERT).issuer_key == der.facts(CA_CERT).subject_key


def test_facts() -> None:
    leaf, ca = der.facts(LEAF_CERT), der.facts(CA_CERT)
    assert leaf.subject == "CN=www.google.com,O=Google Inc,L=Mountain View,ST=California,C=US"
    assert ca.issuer == "OU=Class 3 Public Primary Certification Authority,O=VeriSign\\, Inc.,C=US"
    assert (leaf.not_before, leaf.not_after) == ("2007-05-03T15:34:58Z", "2008-05-14T23:18:11Z")
    assert (leaf.key_type, leaf.key_bits, leaf.signature_algorithm) == ("RSA", 1024, "sha1WithRSAEncryption")
    assert (leaf.has_constraints, leaf.is_ca, ca.is_ca, ca.path_length) == (True, False, True, 0)
    assert ca.key_usage == ("keyCertSign", "cRLSign") and leaf.key_usage is None
    assert leaf.common_name == "www.google.com" and ca.common_name == "Thawte SGC CA"
    assert leaf.extensions[3] == ("2.5.29.19", True)
    assert der.issued_by(leaf, ca) and not der.issued_by(ca, leaf) and not leaf.self_issued


@pytest.mark.parametrize(
    "raw, iso",
    [
        (b"070503153458Z", "2007-05-03T15:34:58Z"), (b"491231235959Z", "2049-12-31T23:59:59Z"),
        (b"500101000000Z", "1950-01-01T00:00:00Z"), (b"20500101000000Z", "2050-01-01T00:00:00Z"),
        (b"0705031534Z", "2007-05-03T15:34:00Z"), (b"070503153458+0200", "2007-05-03T13:34:58Z"),
        (b"20240229120000.5Z", "2024-02-29T12:00:00Z"), (b"000229000000Z", "2000-02-29T00:00:00Z"),
        (b"230229000000Z", None), (b"071303153458Z", None), (b"0705031534", "2007-05-03T15:34:00Z"), (b"0705", None),
        (b"", None), (b"00010101000000-0100", "0001-01-01T01:00:00Z"), (b"00010101000000+0100", None),
        (b"\xff" * 13, None),
        (b"99991231235959Z", "9999-12-31T23:59:59Z"), (b"1" * 100, None),
    ],
)  # fmt: skip
def test_times(raw: bytes, iso: Any) -> None:
    assert asn1.time(raw) == iso
    assert asn1.time_words(raw).isascii()


@pytest.mark.parametrize(
    "text", ["2.5.4.3", "1.2.840.113549.1.1.11", "2.999.1", "0.9.2342.19200300.100.1.25", "2.40.0", "1.39", "2.5.29.17"]
)
def test_object_identifiers_there_and_back(text: str) -> None:
    raw = asn1.oid_bytes(text)
    assert asn1.dotted(raw) == text
    assert asn1.dotted(raw + b"\x80") is None and asn1.dotted(b"") is None and asn1.dotted(b"\x80\x01") is None


@pytest.mark.parametrize(
    "raw, text",
    [
        ("7f000001", "127.0.0.1"), ("0a000000ff000000", "10.0.0.0/8"),
        ("0a000000ff00ff00", "10.0.0.0 mask 255.0.255.0"),
        ("20010db8" + "00" * 11 + "01", "2001:db8::1"), ("00" * 16, "::"), ("00" * 15 + "01", "::1"),
        ("20010db8000000010000000000000001", "2001:db8:0:1::1"),
        ("00010002000300040005000600070008", "1:2:3:4:5:6:7:8"),
        ("20010db8" + "00" * 12 + "ffffffff" + "00" * 12, "2001:db8::/32"), ("00", None),
    ],
)  # fmt: skip
def test_addresses(raw: str, text: Any) -> None:
    assert asn1.address(bytes.fromhex(raw)) == text


def test_the_table_of_names() -> None:
    seen: Set[str] = set()
    for line in read("registry/oids.tsv").splitlines():
        if line.startswith("#"):
            continue
        dotted, short, long = line.split("\t")
        assert re.fullmatch(r"[012](\.(0|[1-9]\d*))+", dotted) and short and long and line.isascii()
        assert asn1.dotted(asn1.oid_bytes(dotted)) == dotted and dotted not in seen
        seen.add(dotted)
    assert set(x509_extensions.EXTENSIONS) <= seen


# ------------------------------------------------------------------ what comes from the trace is harmless


def named(value: bytes, tag: int = 0x0C, oid: str = "2.5.4.3") -> bytes:
    return tlv(0x30, tlv(0x31, tlv(0x30, tlv(0x06, asn1.oid_bytes(oid)), tlv(tag, value))))


def test_labels_are_escaped() -> None:
    evil = 'a"b\\\x1b[31m\n\u202eevil\u00e9\0'.encode() + b"\xff"
    assert tell(named(evil), hook=der.name) == ['CA CN = "a\\"b\\\\\\x1b[31m\\x0a\\u{202e}evil\\u{e9}\\x00\\xff"']
    text, _ = der.read_name(named(evil))
    assert text.isascii() and text.isprintable()
    assert text.startswith('CN=a\\"b\\\\\\1B[31m\\0A\\E2\\80\\AEevil\\C3\\A9\\00')


def test_string_types_and_unknown_attributes() -> None:
    assert tell(named("Zürich".encode("utf-16-be"), 0x1E), hook=der.name) == ['CA CN = "Z\\u{fc}rich"']
    assert tell(named("Zürich".encode("latin-1"), 0x14), hook=der.name) == ['CA CN = "Z\\u{fc}rich"']
    assert tell(named(b"x", oid="1.2.3.4"), hook=der.name) == ["CA attribute type = 1.2.3.4", 'CA value = "x"']
    assert der.read_name(named(b"x", oid="1.2.3.4"))[0] == "1.2.3.4=#0c0178"
    assert der.read_name(named(b" # x "))[0] == "CN=\\ # x\\ "


@given(st.binary(max_size=90))
@settings(max_examples=200, deadline=None)
def test_every_label_bears_any_bytes(raw: bytes) -> None:
    nodes = {id(f[0]): f[0] for cert in (LEAF_CERT, CA_CERT) for f in leaves(fields(cert))}
    for node in nodes.values():
        label = node.say(raw)
        assert label.isascii() and label.isprintable() and len(label) < 600
        assert isinstance(node.value(raw), (int, str, type(None))) and isinstance(node.title(raw), (str, type(None)))


# ------------------------------------------------------------------ damage


@pytest.mark.parametrize("cert", [LEAF_CERT, CA_CERT])
def test_truncated_anywhere(cert: bytes) -> None:
    whole = leaves(fields(cert))
    for cut in range(len(cert)):
        out, problems = walked(cert[:cut], len(cert))
        check(out, 0, len(cert))
        assert not problems
        known = [f for f in leaves(out) if f[2] <= cut and f[0].kind == LEAF and f[1] < f[2]]
        assert set(known) <= set(whole)
        # Whatever lies whole before the cut is told: all but what its own header was cut from.
        missed = [f for f in whole if f[2] <= cut and f not in known and f[1] < f[2]]
        assert all(cut - f[2] < 4 for f in missed)


@pytest.mark.parametrize("cert", [LEAF_CERT, CA_CERT])
def test_holes_anywhere(cert: bytes) -> None:
    bounds = {b for f in leaves(fields(cert)) for b in f[1:3]}
    for at in range(0, len(cert), 3):
        for size in (1, 5, 60, 400):
            stop = min(at + size, len(cert))
            out, problems = walked(Patchy([(cert[:at], at), (None, stop - at), (cert[stop:], len(cert) - stop)]))
            check(out, 0, len(cert))
            assert {b for f in leaves(out) for b in f[1:3]} <= bounds
            assert not problems


def test_behind_a_hole_it_goes_on() -> None:
    start = LEAF_CERT.index(b"Thawte Consulting")
    buf = Patchy([(LEAF_CERT[:start], 0), (None, 10), (LEAF_CERT[start + 10 :], 0)])
    whole, out = leaves(fields(LEAF_CERT)), leaves(fields(buf))
    assert out == whole  # nothing but contents is missing
    buf = Patchy([(LEAF_CERT[: start - 2], 0), (None, 10), (LEAF_CERT[start + 8 :], 0)])
    out = leaves(fields(buf))
    assert [f for f in out if f[0].kind == MISSING] == [(x509_extensions.MISSED, start - 2, start + 28, 4, -1)]
    assert out[-60:] == whole[-60:]


CHANGES = st.lists(st.tuples(st.integers(0, 804), st.integers(0, 255)), max_size=8)


@given(st.sampled_from([LEAF_CERT, CA_CERT]), CHANGES, st.integers(0, 900))
@settings(max_examples=400, deadline=None)
def test_damaged_anywhere(cert: bytes, changes: List[Tuple[int, int]], end: int) -> None:
    raw = bytearray(cert)
    for at, byte in changes:
        raw[at] = byte
    for hook in der.HOOKS.values():
        check(fields(bytes(raw), end, hook), 0, end)
    assert isinstance(der.facts(bytes(raw[:end])), der.Facts)


@given(st.binary(max_size=80), st.integers(0, 100))
@settings(max_examples=400, deadline=None)
def test_any_bytes(raw: bytes, end: int) -> None:
    for hook in der.HOOKS.values():
        check(fields(raw, end, hook), 0, end)
    der.facts(raw)
    der.read_name(raw)


@given(st.binary(max_size=120))
@settings(max_examples=200, deadline=None)
def test_any_transparency_list(raw: bytes) -> None:
    out: List[Field] = []
    x509_extensions.scts(raw, 0, len(raw) + 3, out, 0)
    check(out, 0, len(raw) + 3)


@pytest.mark.parametrize(
    "raw, word",
    [
        (tlv(0x30, b"\x02\x05\x01"), "a length of 5 octets where 1 are left"),
        (tlv(0x30, b"\x02"), "cut short"), (tlv(0x30, b"\x30\x80\x00\x00"), "indefinite"),
        (tlv(0x30, b"\x02\x81\x01\x05"), "longer than it need be"), (tlv(0x30, b"\x02\x82\x00\x01\x05"), "longer than"),
        (tlv(0x30, b"\x02\x83\x00\x00\x01\x05"), "longer than"), (tlv(0x30, b"\x02\x84\xff\xff"), "past the end"),
        (tlv(0x30, b"\x02\x89" + b"\xff" * 9), "a length of"),
    ],
)  # fmt: skip
def test_broken_lengths_are_told(raw: bytes, word: str) -> None:
    out, problems = walked(raw, hook=der.any_der)
    check(out, 0, len(raw))
    assert any(word in sentence for _, _, sentence in problems), problems
    assert all(0 <= s < e <= len(raw) for s, e, _ in problems)


@pytest.mark.parametrize("bits", ["030206c0", "0303070080", "030100", "0300", "0304000000ff"])
def test_bit_fields_fit_their_octets(bits: str) -> None:
    cert = LEAF_CERT
    start, stop = cert.index(bytes.fromhex("a381e73081e4")), cert.rindex(bytes.fromhex("300d06092a"))
    usage = tlv(0x30, tlv(0x06, asn1.oid_bytes("2.5.29.15")), tlv(0x04, bytes.fromhex(bits)))
    cert = tlv(0x30, tlv(0x30, cert[8:start], tlv(0xA3, tlv(0x30, usage))), cert[stop:])
    out, problems = walked(cert)
    check(out, 0, len(cert))
    assert not problems
    for node, s, e, _, _ in leaves(out):
        assert not node.bits or sum(width for _, width in node.bits) <= 8 * (e - s)
    found = {"030206c0": ("digitalSignature", "nonRepudiation"), "0303070080": ("decipherOnly",)}.get(bits, ())
    assert (der.facts(cert).key_usage or ()) == found


def test_what_should_not_be_there_is_told() -> None:
    extra = tlv(0x30, LEAF_CERT[4:], b"\x05\x00")
    out, problems = walked(extra)
    check(out, 0, len(extra))
    assert [(s, e) for s, e, _ in problems] == [(len(extra) - 2, len(extra))]
    assert leaves(out)[-1][0].kind == EXTRA
    out, problems = walked(tlv(0x30, tlv(0x30, tlv(0x0C, b"?"))))
    assert "utf8String" in problems[0][2] and len(problems) == 1
    out, problems = walked(LEAF_CERT + b"\0\0")
    assert leaves(out)[-1][1:3] == (len(LEAF_CERT), len(LEAF_CERT) + 2) and len(problems) == 1


def test_long_tags() -> None:
    raw = tlv(0x30, b"\xbf\x8a\x05\x03abc", b"\x1f\x05\x81\x01x", b"\x02\x01\x07")
    out, problems = walked(raw, hook=der.any_der)
    check(out, 0, len(raw))
    assert not problems and leaves(out)[-1][0].value(b"\x07") == 7


def test_deep_and_wide_nests_end() -> None:
    deep = b""
    for _ in range(3000):
        deep = tlv(0x30, deep)
    for raw in (deep, b"\x30\x80" * 3000, b"\xa0\x82\xff\xff" * 3000, tlv(0x30, b"\x05\x00" * 200_000), b"\x30" * 5000):
        out, problems = walked(raw, hook=der.any_der)
        check(out, 0, len(raw))
        assert max(f[3] for f in out) <= der_walk.DEEPEST + 2
        assert len(out) <= 3 * der_walk.MOST + 100 and len(problems) <= 20


def test_remembered_certificates_are_moved() -> None:
    first = fields(LEAF_CERT)
    shifted = fields(b"1234567" + LEAF_CERT, pos=7, end=7 + len(LEAF_CERT))
    assert [(n, s + 7, e + 7, d, i) for n, s, e, d, i in first] == shifted
    assert fields(LEAF_CERT) == first
    for i in range(1000):  # more than are kept
        fields(LEAF_CERT[:-2] + i.to_bytes(2, "big"))
    assert sum(len(m[2]) for m in der._MEMO.values()) <= der._MEMO_FIELDS
    assert fields(LEAF_CERT) == first
