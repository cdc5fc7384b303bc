"""The formats themselves: every file is sound, and real and made-up messages come out as the RFCs say."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from typing import Any, Dict, List, Tuple

import pytest
from conftest import ROOT
from test_schema import check_tiled, decode, paths

from hexnote import notes, resources
from hexnote.messages import BODIES, MESSAGES, SSL2
from hexnote.model import ARRAY, GROUP, MISSING, Context, Field
from hexnote.schema import Schema

FORMATS = Schema(resources.text("presentation.lark"), resources.read, resources.listing, {}, notes.dress)
EXTENSIONS = [name[:-4] for name in resources.listing("tls/extensions")]


def told(name: str, raw: bytes, **context: Any) -> Dict[str, str]:
    """What is said of each leaf of a message, by its path."""
    ctx = Context()
    for key, value in context.items():
        setattr(ctx, key, value)
    fields = decode(FORMATS, raw, ctx=ctx, name=name)
    check_tiled(fields, 0, len(raw))
    assert not ctx.problems, ctx.problems
    return {p: f[0].say(raw[f[1] : f[2]]) for (p, _, _), f in zip(paths(fields), fields) if f[0].kind != GROUP}


def vector(width: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return len(data).to_bytes(width, "big") + data


def hello(*extensions: Tuple[int, bytes]) -> bytes:
    """A ClientHello's body with these extensions."""
    listed = b"".join(code.to_bytes(2, "big") + vector(2, data) for code, data in extensions)
    return b"\3\3" + bytes.fromhex("47cb3db1") + bytes(28) + b"\0" + b"\0\2\0\x35" + b"\1\0" + vector(2, listed)


# ---------------------------------------------------------------- the files


def test_every_format_file_is_sound() -> None:
    assert FORMATS.check() == []
    assert len(EXTENSIONS) >= 60


@pytest.mark.parametrize(
    "name", sorted({t for _, t in MESSAGES.values()} | {t for _, t in BODIES.values()} | set(SSL2.values()))
)
def test_every_message_has_a_format(name: str) -> None:
    FORMATS.decoder(name)


def test_headers() -> None:
    assert told("RecordHeader", bytes.fromhex("1603010046")) == {
        "record.type": "type = handshake (22)",
        "record.version": "version = TLS 1.0 (3.1)",
        "record.length": "length = 70 bytes (0x0046)",
    }
    assert told("HandshakeHeader", bytes.fromhex("02000046"))["handshake.length"] == "length = 70 bytes (0x000046)"
    assert told("SSL2Header", bytes.fromhex("808c"))["record.length"].startswith("length = 140 bytes")


def all_nodes() -> List[Any]:
    """Every Node that the formats can make."""
    made: List[Any] = []

    def dress(node: Any, width: int = 0) -> Any:
        made.append(node)
        return notes.dress(node, width)

    whole = Schema(resources.text("presentation.lark"), resources.read, resources.listing, {}, dress)
    assert whole.check() == []
    return made


def test_notes_are_plain_short_and_name_their_source() -> None:
    files = [f"tls/{n}" for n in resources.listing("tls")] + [f"tls/extensions/{n}.tls" for n in EXTENSIONS]
    for file in files:
        text = resources.text(file)
        assert max(map(len, text.split("\n"))) <= 120, file
        assert text.replace("§", "").isascii(), file
    documented = [n for n in all_nodes() if n.doc]
    assert len(documented) > 100
    for node in documented:
        assert node.rfc, node
        assert node.doc.isascii() and node.rfc.isascii() and len(node.doc) < 400, node


@pytest.mark.parametrize("name", EXTENSIONS)
def test_every_extension_has_a_note(name: str) -> None:
    assert resources.text(f"tls/extensions/{name}.tls").startswith("/** ")


def test_every_node_says_something_whatever_the_bytes() -> None:
    rng = random.Random(7)
    for node in all_nodes():
        for size in (0, 1, 2, 3, 4, 8, 40):
            raw = rng.randbytes(size)
            said = node.say(raw)
            assert said.isascii() and said.isprintable() and len(said) < 200, (node, raw, said)
            assert node.value(raw) is None or isinstance(node.value(raw), (int, str))
            assert node.title(raw) is None or isinstance(node.title(raw), str)


# ---------------------------------------------------------------- registries


def test_tables_have_values_and_names() -> None:
    for file in resources.listing("registry"):
        if file in ("oids.tsv", "ciphers.tsv", "macs.tsv", "dialogues.tsv"):
            continue
        names = FORMATS.names(file[:-4])
        assert names and all(name for name in names.values()), file
        assert all(0 <= v < 1 << 62 for v in names), file


def test_suites_know_their_key_exchange() -> None:
    wanted = {
        0x0035: "rsa", 0x0033: "dhe", 0xC02F: "ecdhe", 0xC02B: "ecdhe", 0x0034: "dh_anon", 0xC018: "ecdh_anon",
        0xC004: "ecdh", 0x008C: "psk",
        0x0090: "dhe_psk", 0xC035: "ecdhe_psk", 0x0094: "rsa_psk", 0x1301: "tls13", 0x0003: "rsa_export",
        0xC01D: "srp", 0xC01E: "srp_signed", 0xC021: "srp_signed", 0x00FF: "unknown", 0x5A5A: "unknown", 0x0030: "dh",
    }  # fmt: skip
    assert {suite: FORMATS.key_exchange(suite) for suite in wanted} == wanted
    row = FORMATS.names("cipher_suites").rows[0xC02F]
    assert list(row) == [
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ecdhe",
        "rsa",
        "AES_128_GCM",
        "AEAD",
        "SHA256",
    ]


def test_suites_have_openssls_names() -> None:
    """As the OpenSSL that is here lists them."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    asked = ["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    listed = subprocess.run(asked, capture_output=True).stdout.decode().splitlines()
    rows = FORMATS.names("cipher_suites").rows
    for line in listed:
        code, _, iana, _, openssl = line.split()[:5]
        suite = int(code.replace("0x", "").replace(",", ""), 16)
        assert tuple(rows[suite][:2]) == (iana, openssl)
    assert len(listed) > 20


def test_kinds_of_ssl2_have_their_old_names() -> None:
    """Those that the tutorial's tables use."""
    kinds = FORMATS.names("ssl2_cipher_kinds").rows
    wanted = (
        (0x0700C0, "SSL2_CK_DES_192_EDE3_CBC_WITH_MD5"), (0x010080, "SSL2_CK_RC4_128_WITH_MD5"),
        (0x000039, "TLS1_CK_DHE_RSA_WITH_AES_256_SHA"), (0x000016, "SSL3_CK_EDH_RSA_DES_192_CBC3_SHA"),
        (0x000066, "TLS1_CK_DHE_DSS_WITH_RC4_128_SHA"), (0x000004, "SSL3_CK_RSA_RC4_128_MD5"),
    )  # fmt: skip
    for kind, name in wanted:
        assert kinds[kind][1] == name


# ---------------------------------------------------------------- hellos


def test_a_client_hello() -> None:
    raw = hello(
        (0, vector(2, b"\0" + vector(2, b"www.example.com"))), (0x1A1A, b""), (16, vector(2, b"\2h2")), (23, b"")
    )
    said = told("ClientHello", raw)
    assert said["client_hello.client_version"] == "client_version = TLS 1.2 (3.3)"
    assert said["client_hello.random.gmt_unix_time"] == (
        "gmt_unix_time = 0x47cb3db1, if it is a clock: 2008-03-02 23:52:17 UTC (today mostly random)")
    assert said["client_hello.cipher_suites"] == "TLS_RSA_WITH_AES_256_CBC_SHA (0x0035), OpenSSL AES256-SHA"
    assert said["client_hello.cipher_suites.length"] == "cipher_suites length = 2 bytes (0x0002)"
    assert (
        said["client_hello.extensions[0].server_name.server_name_list[0].host_name"] == 'host_name = "www.example.com"'
    )
    assert said["client_hello.extensions[1].extension_type"] == "extension_type = GREASE (0x1a1a)"
    assert said["client_hello.extensions[1].extension_data"] == "extension_data = empty"
    alpn = "client_hello.extensions[2].application_layer_protocol_negotiation.protocol_name_list[0]"
    assert said[alpn] == 'protocol_name_list = "h2"' and alpn + ".length" in said
    assert said["client_hello.extensions[3].extended_master_secret"] == "extended_master_secret = empty"


def test_a_hello_without_extensions_is_whole() -> None:
    assert "client_hello.extensions.length" not in told("ClientHello", hello()[:-2])


@pytest.mark.parametrize(
    "message, data, wanted",
    [
        ("client_hello", vector(2, b"\0\x1d" + vector(2, bytes(32))), "key_share.client_shares[0].key_exchange"),
        ("server_hello", b"\0\x1d" + vector(2, bytes(32)), "key_share.server_share.key_exchange"),
        ("hello_retry_request", b"\0\x1d", "key_share.selected_group"),
    ],
)
def test_an_extension_that_differs_by_message(message: str, data: bytes, wanted: str) -> None:
    assert f"client_hello.extensions[0].{wanted}" in told("ClientHello", hello((51, data)), message=message)


def test_supported_versions_both_ways() -> None:
    said = told("ClientHello", hello((43, b"\4\x7a\x7a\3\4")))
    assert (
        said["client_hello.extensions[0].supported_versions.versions"] == "versions = 2: GREASE (0x7a7a), TLS 1.3 (3.4)"
    )
    raw = b"\3\3" + bytes(32) + b"\0\x13\1\0" + vector(2, b"\0\x2b\0\2\3\4")
    said = told("ServerHello", raw, message="server_hello")
    assert said["server_hello.extensions[0].supported_versions.selected_version"] == "selected_version = TLS 1.3 (3.4)"
    assert told("HelloRetryRequest", raw, message="hello_retry_request")["hello_retry_request.random"]


def test_an_ssl2_hello_has_its_lengths_first() -> None:
    raw = bytes.fromhex("01 0301 0006 0000 0010 000035 0700c0") + bytes(range(16))
    fields = decode(FORMATS, raw, name="SSL2ClientHello")
    assert [p for p in paths(fields)[1:] if p[0].split(".")[1] in ("cipher_specs", "session_id", "challenge")] == [
        ("client_hello.cipher_specs", 9, 15), ("client_hello.session_id", 15, 15), ("client_hello.challenge", 15, 31),
    ]  # fmt: skip
    kinds = next(f[0] for f in fields if f[0].kind == ARRAY)
    assert (kinds.title(b"\0\0\x35"), kinds.title(b"\7\0\xc0")) == (
        "TLS_RSA_WITH_AES_256_CBC_SHA",
        "SSL_CK_DES_192_EDE3_CBC_WITH_MD5",
    )


# ---------------------------------------------------------------- other messages, by version and key exchange


def test_key_exchange_by_suite_and_version() -> None:
    point = b"\3\0\x1d" + vector(1, bytes(32))
    signed = b"\4\1" + vector(2, bytes(256))
    said = told("ServerKeyExchange", point + signed, key_exchange="ecdhe")
    assert said["server_key_exchange.params.curve_params.namedcurve"] == "namedcurve = x25519 (0x001d)"
    assert said["server_key_exchange.signed_params.algorithm"] == "algorithm = rsa_pkcs1_sha256 (0x0401)"
    said = told("ServerKeyExchange", point + signed[2:], key_exchange="ecdhe", version=0x0302)
    assert "server_key_exchange.signed_params.algorithm" not in said
    dh = vector(2, bytes(128)) + vector(2, b"\2") + vector(2, bytes(128))
    assert "server_key_exchange.params.dh_Ys" in told("ServerKeyExchange", dh, key_exchange="dh_anon")
    assert (
        told("ServerKeyExchange", b"\0\3abc", key_exchange="psk")["server_key_exchange.psk_identity_hint"]
        == 'psk_identity_hint = "abc"'
    )
    assert "server_key_exchange.key_exchange_params" in told("ServerKeyExchange", b"any", key_exchange="unknown")
    secret = "client_key_exchange.encrypted_pre_master_secret"
    assert secret + ".length" in told("ClientKeyExchange", vector(2, bytes(128)), key_exchange="rsa", version=0x0301)
    assert secret + ".length" not in told("ClientKeyExchange", bytes(128), key_exchange="rsa", version=0x0300)
    assert told("ClientKeyExchange", b"", key_exchange="dhe") == {}


def test_messages_that_changed_with_tls_13() -> None:
    said = told("Certificate", b"\0" + vector(3, vector(3, b"cert") + b"\0\0"), version=0x0304, message="certificate")
    assert {"certificate.certificate_list[0].cert_data", "certificate.certificate_request_context"} <= set(said)
    assert "certificate.certificate_list[0]" in told("Certificate", vector(3, vector(3, b"cert")))
    assert told("Certificate", b"\0\0\0") == {
        "certificate.certificate_list.length": "certificate_list length = 0 bytes (0x000000)"
    }
    said = told(
        "NewSessionTicket",
        b"\0\0\x1c\x20" + bytes(4) + b"\1n" + vector(2, b"t") + b"\0\0",
        version=0x0304,
        message="new_session_ticket",
    )
    assert said["new_session_ticket.ticket_lifetime"] == "ticket_lifetime = 7200 seconds: 2 hours (0x00001c20)"
    assert "new_session_ticket.ticket_lifetime_hint" in told("NewSessionTicket", bytes(4) + vector(2, b"t"))
    old = told("CertificateRequest", b"\1\1" + vector(2, vector(2, b"name")), version=0x0301)
    assert "certificate_request.supported_signature_algorithms" not in old
    assert "certificate_request.certificate_authorities[0]" in old
    assert "certificate_request.supported_signature_algorithms" in told("CertificateRequest", b"\1\1\0\2\4\1\0\0")
    assert "certificate_request.certificate_request_context" in told("CertificateRequest", b"\0\0\0", version=0x0304)
    for version, size in ((0x0300, 36), (0x0302, 12), (0x0304, 48)):
        told("Finished", bytes(size), version=version)


def test_small_messages() -> None:
    assert told("Alert", b"\2\x28") == {
        "alert.level": "level = fatal (2)",
        "alert.description": "description = handshake_failure (40)",
    }
    assert told("ChangeCipherSpec", b"\1") == {"change_cipher_spec.type": "type = change_cipher_spec (1)"}
    assert told("ServerHelloDone", b"") == {"server_hello_done": "server_hello_done = empty"}
    assert told("HeartbeatMessage", b"\1\0\3abc" + bytes(16))["heartbeat.payload"] == "payload = 6162 63 (3 bytes)"
    ctx = Context()
    decode(FORMATS, b"\1\x40\0abc", ctx=ctx, name="HeartbeatMessage")
    assert "should have 16384 bytes" in ctx.problems[0][2]
    assert "certificate_status.ocsp_response" in told("CertificateStatus", b"\1" + vector(3, b"xyz"))


# ---------------------------------------------------------------- labels


def test_what_the_trace_says_is_escaped_and_cut() -> None:
    for raw, wanted in (
        (b"plain", '"plain"'), (b'"\\', '"\\"\\\\"'), (b"\x1b[2J\x00\r\n", '"\\x1b[2J\\x00\\x0d\\x0a"'),
        ("\u202eevil\u00e9".encode(), '"\\u{202e}evil\\u{e9}"'), (b"\xff\xfe", '"\\xff\\xfe"'),
    ):  # fmt: skip
        assert notes.quoted(raw) == wanted
    long = notes.quoted(b"x" * 1000)
    assert long.endswith('"...') and len(long) < 70


def test_grease_is_known_by_its_rule() -> None:
    both = [v for v in range(65536) if notes.grease(v.to_bytes(2, "big"))]
    assert both == [0x0A0A + 0x1010 * i for i in range(16)]
    assert [v for v in range(256) if notes.grease(bytes([v]))] == [0x0B, 0x2A, 0x49, 0x68, 0x87, 0xA6, 0xC5, 0xE4]


def test_a_cut_number_has_no_value() -> None:
    nodes = {f[0].name + f[0].suffix: f[0] for f in decode(FORMATS, hello(), name="ClientHello")}
    version = nodes["client_version"]
    assert (version.value(b"\3"), version.title(b"\3"), version.say(b"\3")) == (
        None,
        None,
        "client_version = 03.. (1 of 2 bytes)",
    )
    assert nodes["gmt_unix_time"].say(b"\xff\xff\xff\xff") == "gmt_unix_time = 0xffffffff, no likely date"


# ---------------------------------------------------------------- damage


def messages() -> List[Tuple[str, Dict[str, Any], bytes]]:
    import sys

    sys.path.insert(0, os.path.join(ROOT, "bench"))
    try:
        import decoder
    finally:
        del sys.path[0]
    point = b"\3\0\x1d" + vector(1, bytes(32))
    return [
        ("ClientHello", {}, decoder.sample()),
        (
            "ServerHello",
            {"message": "server_hello"},
            b"\3\3" + bytes(32) + b"\0\x13\1\0" + vector(2, b"\0\x2b\0\2\3\4"),
        ),
        ("Certificate", {}, vector(3, vector(3, b"certificate"), vector(3, b"other"))),
        (
            "Certificate",
            {"version": 0x304, "message": "certificate"},
            b"\0" + vector(3, vector(3, b"cert") + vector(2, b"\0\5\0\5\1\0\0\1x")),
        ),
        ("CertificateRequest", {}, b"\1\1\0\4\4\1\5\1" + vector(2, vector(2, b"name"), vector(2, b"more"))),
        ("ServerKeyExchange", {"key_exchange": "ecdhe"}, point + b"\4\1" + vector(2, bytes(64))),
        ("SSL2ClientHello", {}, bytes.fromhex("01 0301 0006 0000 0010 000035 0700c0") + bytes(16)),
    ]


@pytest.mark.parametrize("name, context, raw", messages(), ids=lambda v: v if isinstance(v, str) else "")
def test_cut_anywhere_the_rest_is_tiled_and_nothing_is_told_otherwise(
    name: str, context: Dict[str, Any], raw: bytes
) -> None:
    def fields(data: bytes) -> Tuple[List[Field], Context]:
        ctx = Context()
        for key, value in context.items():
            setattr(ctx, key, value)
        return decode(FORMATS, data, len(raw), ctx, name), ctx

    whole = set(paths(fields(raw)[0]))
    for cut in list(range(min(len(raw), 200))) + list(range(200, len(raw), 37)):
        made, ctx = fields(raw[:cut])
        check_tiled(made, 0, len(raw))
        assert not ctx.problems
        for path, field in zip(paths(made), made):
            # What was told of a prefix stands; a part that was not readable is told again, whole.
            assert field[0].kind in (MISSING, GROUP) or path in whole, (cut, path)


@pytest.mark.parametrize(
    "name", ["ClientHello", "ServerHello", "Certificate", "ServerKeyExchange", "CertificateRequest", "SSL2ClientHello"]
)
def test_altered_bytes_are_tiled_too(name: str) -> None:
    rng = random.Random(name)
    for _, context, raw in [m for m in messages() if m[0] == name]:
        for _ in range(150):
            bytes_ = bytearray(raw)
            for _ in range(rng.randint(1, 4)):
                bytes_[rng.randrange(len(raw))] = rng.choice((0, 1, 255, rng.randrange(256)))
            ctx = Context()
            for key, value in context.items():
                setattr(ctx, key, value)
            check_tiled(decode(FORMATS, bytes(bytes_), ctx=ctx, name=name), 0, len(raw))
