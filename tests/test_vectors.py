"""Every message and every extension of the registries, against bytes laid out by hand from its RFC: tests/vectors.txt."""

from __future__ import annotations

import json
import os
import random
import re
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

import pytest
from conftest import ROOT
from support import WHOLE
from test_schema import check_tiled, paths

from hexnote import der, notes, resources
from hexnote.messages import BODIES, MESSAGES, SSL2, Messages
from hexnote.model import ARRAY, GROUP, Context, Field
from hexnote.schema import Schema

FORMATS = Schema(resources.text("presentation.lark"), resources.read, resources.listing, der.HOOKS, notes.dress)
ROOM = Messages(FORMATS.decoder, notes.dress)


class Leaf(NamedTuple):
    path: str
    raw: bytes
    value: str  # "-", a number, a quoted text, "der", "group"
    name: str


class Vector(NamedTuple):
    kind: str
    key: str
    message: str
    context: Dict[str, str]
    line: int
    leaves: List[Leaf]

    @property
    def raw(self) -> bytes:
        return b"".join(leaf.raw for leaf in self.leaves)


def octets(text: str) -> bytes:
    """`aabb`, `aa*32`, `-`."""
    if text == "-":
        return b""
    digits, _, times = text.partition("*")
    return bytes.fromhex(digits) * int(times or 1)


def table() -> List[Vector]:
    """The vectors of the file."""
    made: List[Vector] = []
    with open(os.path.join(ROOT, "tests", "vectors.txt"), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            head = re.match(r"(extension|message|body|ssl2|struct) (\w+)(?: (\w+))?(?: \[(.*)\])?(?: ;.*)?$", line)
            if head:
                context = dict(word.split("=") for word in (head[4] or "").split())
                made.append(Vector(head[1], head[2], head[3] or "", context, number, []))
            elif line and line[0] != "#":
                raw, path, *more = re.split(r" {2,}", line)
                leaves = made[-1].leaves
                if path == "+":
                    leaves[-1] = leaves[-1]._replace(raw=leaves[-1].raw + octets(raw))
                else:
                    value, name = (more + ["", ""])[:2]
                    leaves.append(Leaf(path, octets(raw), value, name))
    return made


TABLE = table()


def context_of(vector: Vector) -> Context:
    ctx = Context()
    ctx.sender = vector.context.get("sender", "client")
    ctx.version = int(vector.context.get("version", "0303"), 16)
    ctx.key_exchange = vector.context.get("key_exchange", "unknown")
    ctx.certificate_type = vector.context.get("certificate_type", "x509")
    return ctx


def decoded(vector: Vector, ctx: Context) -> Tuple[bytes, int, str, List[Field]]:
    """(bytes, where the vector begins in them, its path, the fields)."""
    raw = vector.raw
    out: List[Field] = []
    if vector.kind == "extension":
        code = int(vector.key, 0)
        buf = code.to_bytes(2, "big") + len(raw).to_bytes(2, "big") + raw
        buf = len(buf).to_bytes(2, "big") + buf
        ctx.message = vector.message
        FORMATS.decoder("EncryptedExtensions")(buf, 0, len(buf), ctx, out)
        known = FORMATS.extension(code)
        return buf, 6, f"encrypted_extensions.extensions[0].{known.name}" if known else "encrypted_extensions.extensions[0]", out
    if vector.kind == "message":
        retry = vector.key == "hello_retry_request"
        kind = 2 if retry else int(vector.key)
        name = "hello_retry_request" if retry else MESSAGES.get(kind, ("handshake", ""))[0]
        buf = bytes([kind]) + len(raw).to_bytes(3, "big") + raw
        return buf, 4, name, ROOM.message(buf, len(buf), ctx, kind, name)
    if vector.kind == "body":
        kind = int(vector.key)
        return raw, 0, BODIES[kind][0], ROOM.body(kind, raw, len(raw), ctx)
    if vector.kind == "ssl2":
        fields = ROOM.ssl2(raw, len(raw), 0, ctx)
        return raw, 0, fields[0][0].name, fields
    FORMATS.decoder(vector.key)(raw, 0, len(raw), ctx, out)
    return raw, 0, out[0][0].name, out


def told(buf: bytes, fields: List[Field]) -> Dict[Tuple[str, int, int], Tuple[Any, Optional[str]]]:
    """(path, start, end) of every leaf, to its value and its name; a group without leaves has the value "group"."""
    made: Dict[Tuple[str, int, int], Tuple[Any, Optional[str]]] = {}
    for (path, start, end), (node, _, _, _, _) in zip(paths(fields), fields):
        if node.kind == ARRAY:
            for i, at in enumerate(range(start, end, node.size)):
                raw = buf[at : at + node.size]
                made[f"{path}[{i}]", at, at + node.size] = node.value(raw), node.title(raw)
        elif node.kind != GROUP:
            made[path, start, end] = node.value(buf[start:end]), node.title(buf[start:end])
        elif start == end:
            made[path, start, end] = "group", None
    return made


def named(vector: Vector) -> str:
    return f"{vector.line}-{vector.kind}-{vector.key}{vector.message and '-' + vector.message}"


@pytest.mark.parametrize("vector", TABLE, ids=named)
def test_vector(vector: Vector) -> None:
    ctx = context_of(vector)
    buf, at, prefix, fields = decoded(vector, ctx)
    found = told(buf, fields)
    wanted: Set[Tuple[str, int, int]] = set()
    regions = []
    for leaf in vector.leaves:
        path = leaf.path if leaf.path[0] != "." else prefix if leaf.path == "." else prefix + leaf.path
        key = (path, at, at + len(leaf.raw))
        at = key[2]
        if leaf.value == "der":
            regions.append(key)
            continue
        assert key in found, f"{key} of line {vector.line} among {sorted(k for k in found if k[1] >= key[1])[:6]}"
        value, name = found[key]
        wanted.add(key)
        expected = "group" if leaf.value == "group" else None if leaf.value == "-" else json.loads(leaf.value)
        assert value == expected, key
        assert (name or "") == leaf.name, key
    assert at == len(buf)
    for path, start, end in regions:
        inside = {k for k in found if start <= k[1] and k[2] <= end and k[0].startswith(path)}
        assert sorted(k[1:] for k in inside if k[1] < k[2])[0][0] == start, f"{path} is not opened"
        assert (path, start, end) not in inside
        wanted |= inside
    begins = min((k[1] for k in wanted), default=at)
    extra = {k for k in found if k[1] >= begins} - wanted if vector.leaves else set()
    assert not extra or not vector.raw, f"leaves that nobody wants: {sorted(extra)}"
    if not any(leaf.name == "broken" for leaf in vector.leaves):
        assert not ctx.problems


# ------------------------------------------------------------------ nothing of the registries is left out

# In which messages an extension may appear: IANA's registry and the RFC of each. `channel` is the message of Channel ID.
MAY: Dict[str, str] = {
    "server_name": "client server encrypted", "max_fragment_length": "client server encrypted",
    "client_certificate_url": "client server", "trusted_ca_keys": "client server", "truncated_hmac": "client server",
    "status_request": "client server certificate request", "user_mapping": "client server",
    "client_authz": "client server", "server_authz": "client server", "cert_type": "client server",
    "supported_groups": "client encrypted", "ec_point_formats": "client server", "srp": "client",
    "signature_algorithms": "client request", "use_srtp": "client server encrypted", "heartbeat": "client server encrypted",
    "application_layer_protocol_negotiation": "client server encrypted", "status_request_v2": "client server",
    "signed_certificate_timestamp": "client server certificate request",
    "client_certificate_type": "client server encrypted", "server_certificate_type": "client server encrypted",
    "padding": "client", "encrypt_then_mac": "client server", "extended_master_secret": "client server",
    "token_binding": "client server", "cached_info": "client server", "tls_lts": "client server",
    "compress_certificate": "client request", "record_size_limit": "client server encrypted", "pwd_protect": "client",
    "pwd_clear": "client", "password_salt": "client server retry", "ticket_pinning": "client encrypted",
    "tls_cert_with_extern_psk": "client server", "delegated_credential": "client certificate request",
    "session_ticket": "client server", "TLMSP": "client server", "TLMSP_proxying": "client", "TLMSP_delegate": "client server",
    "supported_ekt_ciphers": "client server encrypted", "key_share_reserved": "client server retry",
    "pre_shared_key": "client server", "early_data": "client encrypted ticket", "supported_versions": "client server retry",
    "cookie": "client retry", "psk_key_exchange_modes": "client", "ticket_early_data_info": "ticket",
    "certificate_authorities": "client request", "oid_filters": "request", "post_handshake_auth": "client",
    "signature_algorithms_cert": "client request", "key_share": "client server retry",
    "transparency_info": "client server certificate request", "connection_id_deprecated": "client server",
    "connection_id": "client server", "external_id_hash": "client encrypted", "external_session_id": "client encrypted",
    "quic_transport_parameters": "client encrypted", "ticket_request": "client encrypted",
    "dnssec_chain": "client certificate", "sequence_number_encryption_algorithms": "client server retry",
    "rrc": "client server", "tls_flags": "client server retry encrypted certificate request ticket",
    "ecjpake_key_kp_pair": "client server", "next_protocol_negotiation": "client server",
    "application_settings_old": "client encrypted", "application_settings": "client encrypted",
    "channel_id_old": "client server channel", "channel_id": "client server channel", "ech_outer_extensions": "client",
    "trust_anchors": "client request encrypted certificate",
    "encrypted_client_hello": "client retry encrypted", "renegotiation_info": "client server",
    "quic_transport_parameters_draft": "client encrypted", "encrypted_server_name": "client encrypted",
}  # fmt: skip
WORDS = {
    "client": "client_hello", "server": "server_hello", "retry": "hello_retry_request", "encrypted": "encrypted_extensions",
    "certificate": "certificate", "request": "certificate_request", "ticket": "new_session_ticket",
    "channel": "encrypted_extensions_channel_id",
}  # fmt: skip

# Framed and named, but not taken apart, and why.
CLOSED = {
    "TLMSP", "TLMSP_proxying", "TLMSP_delegate",  # laid out in ETSI TS 103 523-2, which no implementation on the net speaks
    "sequence_number_encryption_algorithms",  # of DTLS alone; its draft expired
}  # fmt: skip


def registry(name: str) -> Dict[int, str]:
    return dict(FORMATS.names(name))


def test_every_extension_of_the_registry_has_a_format_and_vectors() -> None:
    have = {(int(v.key, 0), v.message) for v in TABLE if v.kind == "extension"}
    lacking = []
    for code, name in registry("extension_types").items():
        extension = FORMATS.extension(code)
        if extension is None:
            lacking.append(f"{name}: no format")
            continue
        for word in MAY[name].split():
            if FORMATS._compiler.arm(extension, WORDS[word]) is None:
                lacking.append(f"{name}: no format in {WORDS[word]}")
            if (code, WORDS[word]) not in have:
                lacking.append(f"{name}: no vector in {WORDS[word]}")
    assert lacking == []
    assert set(MAY) == set(registry("extension_types").values())


def test_those_that_stay_closed_are_these_alone() -> None:
    """An extension whose content is one opaque of unknown length is either of the list, or opaque by nature."""
    by_nature = {"padding", "session_ticket", "application_settings", "application_settings_old"}
    closed = set()
    for name in registry("extension_types").values():
        text = resources.text(f"tls/extensions/{name}.tls")
        if re.search(r"^ {4}\w[^;]*: opaque \w+\[\];", text, re.M):
            closed.add(name)
    assert closed == CLOSED | by_nature


def test_every_message_of_the_registry_has_a_format_and_a_vector() -> None:
    have = {v.key for v in TABLE if v.kind == "message"}
    for code, name in registry("handshake_types").items():
        assert MESSAGES[code][0] == name
        assert str(code) in have, name
    assert set(MESSAGES) == set(registry("handshake_types"))
    assert {int(v.key) for v in TABLE if v.kind == "ssl2"} == set(SSL2)
    assert {int(v.key) for v in TABLE if v.kind == "body"} == set(BODIES)


def test_every_key_exchange_has_vectors() -> None:
    """Of ServerKeyExchange and ClientKeyExchange, for each that a suite of the registry asks for."""
    asked = {row[2] for row in FORMATS.names("cipher_suites").rows.values() if len(row) > 2} - {"", "null", "tls13"}
    have: Dict[str, Set[str]] = {"12": set(), "16": set()}
    for v in TABLE:
        if v.kind == "message" and v.key in have:
            have[v.key].add(v.context.get("key_exchange", ""))
    # No ServerKeyExchange there (RFC 5246 section 7.4.3, RFC 2712, RFC 9189).
    silent = {"rsa", "dh", "ecdh", "krb5", "gost"}
    # Shapes that are not taken apart: identity-based suites of GB/T 38636, and RFC 8492's answer of the client.
    closed = {"ibc", "eccpwd"}
    assert asked - have["12"] - silent == {"ibc"}
    assert asked - have["16"] - closed == set()
    for kind in closed:
        assert not any(f"case {kind}" in resources.text(f"tls/{n}_key_exchange.tls") for n in ("client", "server"))


def test_every_transport_parameter_is_named_and_typed() -> None:
    have = {leaf.name for v in TABLE if v.kind == "extension" and v.key == "57" for leaf in v.leaves if leaf.path.endswith(".id")}
    assert set(registry("quic_transport_parameters").values()) <= have


def test_what_reads_opaques_is_there() -> None:
    """`as der NAME` asks for a room that is there."""
    for folder in ("tls", "tls/extensions"):
        for name in resources.listing(folder):
            for asked in re.findall(r" as der (\w+)", resources.text(f"{folder}/{name}")):
                assert asked in der.HOOKS, f"{name}: as der {asked}"


# ------------------------------------------------------------------ and whatever the bytes


@pytest.mark.parametrize("vector", TABLE[:: 1 if WHOLE else 3], ids=named)
def test_damaged_vectors_are_tiled(vector: Vector) -> None:
    """Bytes changed, cut, put in: leaves cover what is there, and every label is made."""
    rng = random.Random(vector.line)
    for _ in range(40):
        raw = bytearray(vector.raw)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(raw) + 1)
            what = rng.randrange(4)
            if what == 0 and at < len(raw):
                raw[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, raw[at] ^ 1 << rng.randrange(8)))
            elif what == 1:
                del raw[at:]
            elif what == 2:
                raw[at:at] = rng.randbytes(rng.randrange(1, 5))
            else:
                del raw[at : at + rng.randrange(1, 4)]
        broken = vector._replace(leaves=[Leaf(".", bytes(raw), "-", "")])
        buf, _, _, fields = decoded(broken, context_of(vector))
        check_tiled(fields, 0, len(buf))
        for node, start, end, _, _ in fields:
            said = node.say(buf[start:end])
            assert said.isascii() and said.isprintable()
            node.value(buf[start:end]), node.title(buf[start:end])
