"""Certificates as fields: every octet named, whatever the octets are."""

from __future__ import annotations

import base64
import datetime
import glob
import gzip
import os
import re
import xml.etree.ElementTree as ET
from typing import Any, Callable, Dict, Iterator, List, Set, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hexnote import asn1, der, der_walk, x509_extensions
from hexnote.model import EXTRA, GROUP, LEAF, MISSING, Context, Field, Node
from hexnote.spans import Patchy

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.environ.get("HEXNOTE_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))

# The two certificates of the tutorial's first trace: www.google.com in 2008, and its issuer.
LEAF_CERT = base64.b64decode(
    "MIIDITCCAoqgAwIBAgIQaHZkOD1Jbi714xmYQuB87jANBgkqhkiG9w0BAQUFADBMMQswCQYDVQQGEwJaQTElMCMGA1UEChMcVGhhd3RlIENv"
    "bnN1bHRpbmcgKFB0eSkgTHRkLjEWMBQGA1UEAxMNVGhhd3RlIFNHQyBDQTAeFw0wNzA1MDMxNTM0NThaFw0wODA1MTQyMzE4MTFaMGgxCzAJ"
    "BgNVBAYTAlVTMRMwEQYDVQQIEwpDYWxpZm9ybmlhMRYwFAYDVQQHEw1Nb3VudGFpbiBWaWV3MRMwEQYDVQQKEwpHb29nbGUgSW5jMRcwFQYD"
    "VQQDEw53d3cuZ29vZ2xlLmNvbTCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEA5sXGjc0LowME3K7MyUa+vcydvHM0SP7TdWTQycl2J3IP"
    "qZYaO4HzFPaukFbnGdJzaKeFpK7KJBQwALroNl2BczpxBY+xrxGH2lzxPr9TUYRvRA636CbXL7Jv8vJd36fPjKXpHm8wSJQhCwGtug5xAQ0Q"
    "77/uLNON/lSo/tOXj8sCAwEAAaOB5zCB5DAoBgNVHSUEITAfBggrBgEFBQcDAQYIKwYBBQUHAwIGCWCGSAGG+EIEATA2BgNVHR8ELzAtMCug"
    "KaAnhiVodHRwOi8vY3JsLnRoYXd0ZS5jb20vVGhhd3RlU0dDQ0EuY3JsMHIGCCsGAQUFBwEBBGYwZDAiBggrBgEFBQcwAYYWaHR0cDovL29j"
    "c3AudGhhd3RlLmNvbTA+BggrBgEFBQcwAoYyaHR0cDovL3d3dy50aGF3dGUuY29tL3JlcG9zaXRvcnkvVGhhd3RlX1NHQ19DQS5jcnQwDAYD"
    "VR0TAQH/BAIwADANBgkqhkiG9w0BAQUFAAOBgQCTpI4FnX2K8/gy0DucIc7S6FX9gLW71StUeiWsr3MYCvm3eplcFiNGV/wxGVuL8gR5c+60"
    "slZr39f32FbVt6rN6JzImfN2S2QHreqaKyCS5pKbMoR8gmJ3mhWg1yGtyNmMuzGCmxCGqUF6EuABVgkG2GOaUO5Erd51QQF6aVNJig=="
)  # fmt: skip
CA_CERT = base64.b64decode(
    "MIIDIzCCAoygAwIBAgIEMAAAAjANBgkqhkiG9w0BAQUFADBfMQswCQYDVQQGEwJVUzEXMBUGA1UEChMOVmVyaVNpZ24sIEluYy4xNzA1BgNV"
    "BAsTLkNsYXNzIDMgUHVibGljIFByaW1hcnkgQ2VydGlmaWNhdGlvbiBBdXRob3JpdHkwHhcNMDQwNTEzMDAwMDAwWhcNMTQwNTEyMjM1OTU5"
    "WjBMMQswCQYDVQQGEwJaQTElMCMGA1UEChMcVGhhd3RlIENvbnN1bHRpbmcgKFB0eSkgTHRkLjEWMBQGA1UEAxMNVGhhd3RlIFNHQyBDQTCB"
    "nzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEA1NNn0I0Vf67NMf59HZGhPwtxPKzMyGT7Y/wySweUvW+Aui/hBJPAM/wJMyPpC3QrccQDxtLN"
    "4i/1CWPN/0ilAL/g5/OIty0y3pg25gqtAHvEZEo7hHUD8nCSfQ5i9SGraTaEMXWQ+L/HbIgbBpV8yeWo3nWhLHpo39XKHIdYYBkCAwEAAaOB"
    "/jCB+zASBgNVHRMBAf8ECDAGAQH/AgEAMAsGA1UdDwQEAwIBBjARBglghkgBhvhCAQEEBAMCAQYwKAYDVR0RBCEwH6QdMBsxGTAXBgNVBAMT"
    "EFByaXZhdGVMYWJlbDMtMTUwMQYDVR0fBCowKDAmoCSgIoYgaHR0cDovL2NybC52ZXJpc2lnbi5jb20vcGNhMy5jcmwwMgYIKwYBBQUHAQEE"
    "JjAkMCIGCCsGAQUFBzABhhZodHRwOi8vb2NzcC50aGF3dGUuY29tMDQGA1UdJQQtMCsGCCsGAQUFBwMBBggrBgEFBQcDAgYJYIZIAYb4QgQB"
    "BgpghkgBhvhFAQgBMA0GCSqGSIb3DQEBBQUAA4GBAFWsY+reod3SkF+fC852vhNRj5PZBSvIG3dLrWlQoe7e3P3bB+noOZTcq3J5Lwa/q4Fw"
    "xKjt6lM07e8eU9kGx1Yr0Vz00YqOtCuxN5BICEIlxT6Ky3/rbwTRbcV0oveifHtgPHfNDs5IAn8BL7abN+AqKjbc1YXWrOU/VG+WHgWv"
)  # fmt: skip


def read(name: str) -> str:
    with open(os.path.join(ROOT, "grammars", name), encoding="utf-8") as file:
        return file.read()


der.setup(read)
ITEM = Node("certificate_list")


def fields(buf: Any, end: int = -1, hook: Callable[..., None] = der.certificate, pos: int = 0) -> List[Field]:
    return walked(buf, end, hook, pos)[0]


def walked(buf: Any, end: int = -1, hook: Callable[..., None] = der.certificate, pos: int = 0) -> Tuple[List[Field], List[Any]]:
    ctx, out = Context(), []  # type: Context, List[Field]
    hook(buf, pos, len(buf) if end < 0 else end, ctx, out, 0, ITEM, 0)
    return out, ctx.problems


def leaves(out: List[Field]) -> List[Field]:
    return [f for f in out if f[0].kind != GROUP]


def check(out: List[Field], pos: int, end: int) -> None:
    """The leaves tile [pos, end), and each lies inside the groups around it."""
    at = pos
    open_groups: List[Tuple[int, int, int]] = []
    for node, start, stop, depth, _ in out:
        while open_groups and open_groups[-1][2] >= depth:
            open_groups.pop()
        if open_groups:
            assert open_groups[-1][0] <= start <= stop <= open_groups[-1][1]
        if node.kind == GROUP:
            open_groups.append((start, stop, depth))
        else:
            assert start == at, (node, start, at)
            at = stop
    assert at == end


def paths(out: List[Field]) -> Iterator[Tuple[str, Field]]:
    path: List[str] = []
    for field in out:
        node, _, _, depth, index = field
        del path[depth:]
        path.append(f"{node.name}[{index}]" if index >= 0 else node.name)
        yield ".".join(path) + node.suffix, field


def tell(cert: bytes, level: int = 0, hook: Callable[..., None] = der.certificate) -> List[str]:
    return [n.say(cert[s:e]) for n, s, e, _, _ in leaves(fields(cert, hook=hook)) if n.level <= level]


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    count = (size.bit_length() + 7) // 8
    return bytes([tag, 128 | count]) + size.to_bytes(count, "big") + body


# ------------------------------------------------------------------ names and values


def test_the_tutorials_certificates_are_told() -> None:
    assert tell(LEAF_CERT) == [
        "version = v3 (2)",
        "serialNumber = 68:76:64:38:3d:49:6e:2e:f5:e3:19:98:42:e0:7c:ee",
        "signature algorithm = sha1WithRSAEncryption (RSA with SHA-1, 1.2.840.113549.1.1.5)",
        'issuer C = "ZA"', 'issuer O = "Thawte Consulting (Pty) Ltd."', 'issuer CN = "Thawte SGC CA"',
        "notBefore = 2007-05-03 15:34:58 UTC", "notAfter = 2008-05-14 23:18:11 UTC",
        'subject C = "US"', 'subject ST = "California"', 'subject L = "Mountain View"', 'subject O = "Google Inc"',
        'subject CN = "www.google.com"',
        "public key algorithm = rsaEncryption (RSA, 1.2.840.113549.1.1.1)",
        "RSA 1024 bits: modulus = 00e6 c5c6 8dcd 0ba3 0304 dcae ...", "RSA public exponent = 65537",
        "extKeyUsage = id-kp-serverAuth (TLS server, 1.3.6.1.5.5.7.3.1)",
        "extKeyUsage = id-kp-clientAuth (TLS client, 1.3.6.1.5.5.7.3.2)",
        "extKeyUsage = nsSGC (Netscape server gated cryptography, 2.16.840.1.113730.4.1)",
        'CRL URI = "http://crl.thawte.com/ThawteSGCCA.crl"', 'OCSP URI = "http://ocsp.thawte.com"',
        'CA issuers URI = "http://www.thawte.com/repository/Thawte_SGC_CA.crt"',
        "basicConstraints CA = FALSE, the default: SEQUENCE, 0 bytes",
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
    assert tell(dn, hook=der.name) == ['CA C = "ZA"', 'CA O = "Thawte Consulting (Pty) Ltd."', 'CA CN = "Thawte SGC CA"']
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
        (b"", None), (b"00010101000000-0100", "0001-01-01T01:00:00Z"), (b"00010101000000+0100", None), (b"\xff" * 13, None),
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
        ("7f000001", "127.0.0.1"), ("0a000000ff000000", "10.0.0.0/8"), ("0a000000ff00ff00", "10.0.0.0 mask 255.0.255.0"),
        ("20010db8" + "00" * 11 + "01", "2001:db8::1"), ("00" * 16, "::"), ("00" * 15 + "01", "::1"),
        ("20010db8000000010000000000000001", "2001:db8:0:1::1"), ("00010002000300040005000600070008", "1:2:3:4:5:6:7:8"),
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
    assert set(x509_extensions._extensions()) <= seen


# ------------------------------------------------------------------ what comes from the trace is harmless


def named(value: bytes, tag: int = 0x0C, oid: str = "2.5.4.3") -> bytes:
    return tlv(0x30, tlv(0x31, tlv(0x30, tlv(0x06, asn1.oid_bytes(oid)), tlv(tag, value))))


def test_labels_are_escaped() -> None:
    evil = 'a"b\\\x1b[31m\n\u202eevil\u00e9\0'.encode() + b"\xff"
    assert tell(named(evil), hook=der.name) == ['CA CN = "a\\"b\\\\\\x1b[31m\\x0a\\u{202e}evil\\u{e9}\\x00\\xff"']
    text, _ = der.read_name(named(evil))
    assert text.isascii() and text.isprintable() and text.startswith('CN=a\\"b\\\\\\1B[31m\\0A\\E2\\80\\AEevil\\C3\\A9\\00')


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


@given(st.sampled_from([LEAF_CERT, CA_CERT]), st.lists(st.tuples(st.integers(0, 804), st.integers(0, 255)), max_size=8), st.integers(0, 900))
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


# ------------------------------------------------------------------ against other readers


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
                x509.DistributionPoint([uri("http://crl.example")], None, frozenset([x509.ReasonFlags.key_compromise]), names[:1]),
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
        "serialNumber = 00:80:ff:00", 'subject O = "M\\u{fc}ller, \\"S\\u{f6}hne\\" + Co"', 'subject emailAddress = "root@all.example"',
        "notBefore = 2024-02-29 01:02:03 UTC", "notAfter = 2051-01-01 00:00:00 UTC",
        "public key algorithm = id-ecPublicKey (EC, 1.2.840.10045.2.1)", "curve = secp384r1 (P-384, 1.3.132.0.34)",
        'subjectAltName DNS = "*.all.example"', "subjectAltName IP = 192.0.2.7", "subjectAltName IP = 2001:db8::7",
        'subjectAltName URI = "https://all.example/"', "subjectAltName RID = 1.2.3.4", 'subjectAltName directory CN = "all.example"',
        "basicConstraints CA = TRUE", "basicConstraints path length = 3",
        "keyUsage = digitalSignature, keyAgreement, keyCertSign, encipherOnly, decipherOnly",
        "extKeyUsage = 1.2.3.4.5", 'OCSP URI = "http://ocsp.example"', 'CRL URI = "http://crl.example"', 'CRL CN = "all.example"',
        "CRL reasons = keyCompromise", 'policy notice = "Read this"', 'CPS = "https://all.example/cps"',
        "policy = domain-validated (domain validated, 2.23.140.1.2.1)", "requireExplicitPolicy = 1",
        'permitted DNS = "all.example"', "permitted IP = 10.0.0.0/8", 'excluded DNS = "not.example"', "inhibitAnyPolicy = 5",
        "TLS feature = status_request: OCSP must be stapled (5)", "extension = 1.2.3.9", "extension = 1.2.3.10",
        "extension value = fffe 206e 6f20 4445 52", "authority serial number = 4d",
    ):  # fmt: skip
        assert label in told, label
    assert "public key algorithm = id-Ed25519 (Ed25519, 1.3.101.112)" in tell(made["ed"])
    assert "PSS" in " ".join(tell(made["pss"])) and "hash = id-sha384 (SHA-384, 2.16.840.1.101.3.4.2.2)" in tell(made["pss"], 1)


def test_facts_of_made_certificates(made: Dict[str, bytes]) -> None:
    from cryptography import x509

    for kind, cert in made.items():
        facts, truth = der.facts(cert), x509.load_der_x509_certificate(cert)
        number = int.from_bytes(bytes.fromhex(facts.serial.replace(":", "")), "big")
        assert number == truth.serial_number and facts.version == 3 and not facts.problems
        before, after = truth.not_valid_before_utc, truth.not_valid_after_utc
        assert facts.not_before == before.strftime("%Y-%m-%dT%H:%M:%SZ") and facts.not_after == after.strftime("%Y-%m-%dT%H:%M:%SZ")
        size = {"ec": 384, "ed": 256, "dsa": 1024}.get(kind, 2048)
        assert facts.key_bits == size and facts.self_issued and facts.is_ca and facts.path_length == 3 and facts.must_staple
        assert facts.curve == ("secp384r1" if kind == "ec" else "")
        assert len(facts.extensions) == len(truth.extensions)
        assert facts.extensions == tuple((e.oid.dotted_string, e.critical) for e in truth.extensions)
        assert facts.key_usage == ("digitalSignature", "keyAgreement", "keyCertSign", "encipherOnly", "decipherOnly")
        assert facts.purposes == ("id-kp-serverAuth", "1.2.3.4.5") and facts.subject_key_id == facts.authority_key_id != ""
        assert (facts.ocsp, facts.ca_issuers, facts.crls) == (("http://ocsp.example",), ("http://ca.example",), ("http://crl.example",))
        assert ("dNSName", "*.all.example") in facts.names and ("iPAddress", "2001:db8::7") in facts.names
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
    signer = x509.CertificateBuilder(cert.subject, cert.subject, key.public_key(), 1, then, then).sign(key, hashes.SHA256())
    for revoked, by in ((True, ocsp.OCSPResponderEncoding.HASH), (False, ocsp.OCSPResponderEncoding.NAME)):
        status = ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert, cert, hashes.SHA1(), status, then, then, then if revoked else None,
            x509.ReasonFlags.key_compromise if revoked else None,
        )  # fmt: skip
        builder = builder.responder_id(by, signer).certificates([signer])
        builder = builder.add_extension(x509.OCSPNonce(b"12345678"), False)
        raw = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
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
