"""Compressed certificates (RFC 8879) and certificates of another kind (RFC 7250): from the record to the last leaf."""

from __future__ import annotations

import time
import zlib
from typing import List, Tuple

import pytest
from handshakes import (
    CLIENT,
    HANDSHAKE,
    SERVER,
    Wire,
    certificate,
    client_hello,
    dump,
    extension,
    message,
    record,
    server_hello,
    vector,
)
from support import annotate, objects, of, strip, untiled

from hexnote import packed

CHAIN = vector(1, b"") + vector(3, vector(3, certificate()) + vector(2, extension(5, b"\1" + vector(3, b"\x30\x03\x0a\x01\x03"))))


def compressed(algorithm: int, declared: int, content: bytes) -> bytes:
    return message(25, algorithm.to_bytes(2, "big") + declared.to_bytes(3, "big") + vector(3, content))


def trace(*messages: bytes, hello: bytes = b"", size: int = 1400) -> bytes:
    """A server that sends these messages behind its hello, each in a record of its own."""
    wire = Wire()
    wire.open()
    wire.send(CLIENT, record(HANDSHAKE, client_hello()), 0)
    stream = b"".join(record(HANDSHAKE, m) for m in (hello or server_hello(), *messages))
    for at in range(0, len(stream), size):
        wire.send(SERVER, stream[at : at + size], at)
    return dump(wire.packets)


@pytest.mark.parametrize("size", [1400, 37, 1])
def test_zlib_is_opened_in_a_buffer_of_its_own(size: int) -> None:
    text = trace(compressed(1, len(CHAIN), zlib.compress(CHAIN)), size=size)
    found = objects(text)
    assert not untiled(found)
    offset = next(o["offset"] for o in of(found, "message") if o["type"] == 25)
    inside = [o for o in of(found, "field") if o.get("buffer")]
    assert {o["buffer"] for o in inside} == {f"inflated:{offset}"}
    at = 0
    for o in sorted((o for o in inside if o["length"]), key=lambda o: int(o["offset"])):
        assert o["offset"] == at
        at += o["length"]
    assert b"".join(bytes.fromhex(o["hex"]) for o in inside) == CHAIN
    said = {o["path"]: o["value"] for o in inside}
    assert said["certificate.certificate_list[0].cert_data.tbsCertificate.subject.rdnSequence[0].commonName"] == "www.example.com"
    assert said["certificate.certificate_list[0].extensions[0].status_request.ocsp_response.responseStatus"] == 3
    assert not [o for o in of(found, "finding") if o["code"] == "malformed"]
    told = annotate(text)
    assert b"certificates decompressed" in told and b'commonName = "www.example.com"' in told.replace(b"subject CN", b"commonName")
    assert strip(told) == text


def problems(algorithm: int, declared: int, content: bytes) -> List[str]:
    found = objects(trace(compressed(algorithm, declared, content)))
    assert not untiled(found)
    return [o["text"] for o in of(found, "finding") if o["code"] == "malformed"]


def test_what_is_not_as_declared_is_told() -> None:
    whole = zlib.compress(CHAIN)
    assert any("are declared" in p for p in problems(1, len(CHAIN) + 1, whole))
    assert any("more than the" in p for p in problems(1, len(CHAIN) - 1, whole))
    assert any("end in the middle" in p for p in problems(1, len(CHAIN), whole[:-9]))
    assert any("no zlib stream" in p for p in problems(1, len(CHAIN), b"\1\2\3"))


def test_other_algorithms_stay_closed_and_that_is_said() -> None:
    for algorithm, words in ((2, b"in a way that is not opened"), (3, b"in a way that is not opened"), (9, b"is not known")):
        text = trace(compressed(algorithm, 1000, b"\xaa" * 40))
        assert not [o for o in of(objects(text), "field") if o.get("buffer")]
        assert words in annotate(text)


def test_a_bomb_is_not_let_grow() -> None:
    bomb = zlib.compress(bytes(15_000_000))
    start = time.process_time()
    opened = packed.certificate(compressed(1, 15_000_000, bomb))
    assert opened is not None and len(opened.data) <= 4096 + 32 * len(bomb)
    assert "left closed" in opened.problem and time.process_time() - start < 5


@pytest.mark.parametrize("kind", [19, 20])
def test_a_raw_public_key_is_a_key(kind: int) -> None:
    """RFC 7250: a hello's answer says that what comes is no certificate; who shows which is told apart."""
    key = bytes.fromhex("302a300506032b6570032100") + bytes(32)
    hello = message(2, b"\3\3" + bytes(32) + b"\0" + b"\xc0\x2b\0" + vector(2, extension(kind, b"\2")))
    paths = {o["path"] for o in of(objects(trace(message(11, vector(3, key)), hello=hello)), "field")}
    if kind == 20:
        assert "certificate.ASN1_subjectPublicKeyInfo.algorithm.algorithm" in paths
    else:
        assert not any(p.startswith("certificate.ASN1_subjectPublicKeyInfo") for p in paths)


def pairs() -> List[Tuple[int, int]]:
    return [(n, m) for n in (0, 1, 300) for m in (0, 1, 256, 4096)]


@pytest.mark.parametrize("size, declared", pairs())
def test_any_length_is_bounded(size: int, declared: int) -> None:
    opened = packed.certificate(compressed(1, declared, zlib.compress(bytes(size))))
    assert opened is not None and len(opened.data) <= max(declared, 0)
