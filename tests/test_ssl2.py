"""SSL 2.0, from hello to finished (draft-hickman-netscape-ssl-00): headers of two and three bytes, padding, what is sealed."""

from __future__ import annotations

from typing import Any, List, Tuple

from handshakes import CLIENT, SERVER, Wire, certificate, dump
from support import annotate, objects, of, strip, untiled

CERT = certificate()
CLIENT_HELLO = b"\1\0\2" + b"\0\6\0\0\0\x10" + bytes.fromhex("010080 0700c0") + bytes(range(16))
SERVER_HELLO = b"\4\0\1\0\2" + len(CERT).to_bytes(2, "big") + b"\0\3\0\x10" + CERT + bytes.fromhex("0700c0") + bytes(16)
MASTER_KEY = b"\2" + bytes.fromhex("0700c0") + b"\0\0\0\x40\0\x08" + bytes(64) + bytes(8)


def short(body: bytes) -> bytes:
    """A record with a header of two bytes."""
    return (0x8000 | len(body)).to_bytes(2, "big") + body


def padded(body: bytes, padding: int) -> bytes:
    """A record with a header of three bytes."""
    return (len(body) + padding).to_bytes(2, "big") + bytes((padding,)) + body + bytes(padding)


def trace(*flights: Tuple[int, bytes]) -> bytes:
    wire = Wire()
    wire.open()
    sent = [0, 0]
    for side, data in flights:
        for at in range(0, len(data), 900):
            piece = data[at : at + 900]
            wire.send(side, piece, sent[side])
            sent[side] += len(piece)
    return dump(wire.packets)


def leaves(found: List[Any]) -> List[Tuple[str, str, Any]]:
    return [(o["from"], o["path"], o["name"] or o["value"]) for o in of(found, "field")]


def test_a_whole_conversation() -> None:
    sealed = bytes(i * 37 % 251 for i in range(40))
    text = trace(
        (CLIENT, short(CLIENT_HELLO)), (SERVER, short(SERVER_HELLO)), (CLIENT, short(MASTER_KEY)),
        (SERVER, padded(b"\5" + sealed, 7)), (CLIENT, padded(b"\3" + sealed, 7)), (SERVER, short(b"\6" + sealed)),
    )  # fmt: skip
    found = objects(text)
    assert not untiled(found)
    records = [(o["from"], o["format"], o["length"], o["encrypted"]) for o in of(found, "record")]
    assert records == [
        ("client", "ssl2", 2 + len(CLIENT_HELLO), False), ("server", "ssl2", 2 + len(SERVER_HELLO), False),
        ("client", "ssl2", 2 + len(MASTER_KEY), False), ("server", "ssl2", 51, True), ("client", "ssl2", 51, True),
        ("server", "ssl2", 43, True),
    ]  # fmt: skip
    said = leaves(found)
    assert ("client", "client_hello.cipher_specs[1]", "SSL_CK_DES_192_EDE3_CBC_WITH_MD5") in said
    assert ("server", "server_hello.certificate.tbsCertificate.subject.rdnSequence[0].commonName", "www.example.com") in said
    assert ("client", "client_master_key.cipher_kind", "SSL_CK_DES_192_EDE3_CBC_WITH_MD5") in said
    # What is sealed is not read, though its first byte could be a message's type.
    assert not [s for s in said if s[1].startswith(("server_verify", "client_finished", "server_finished"))]
    assert [o for o in of(found, "field") if o["path"] == "record.length" and o["bits"] and o["bits"].get("padding_length") is None]
    assert not [o for o in of(found, "finding") if o["code"] == "malformed"]
    assert strip(annotate(text)) == text


def test_padding_in_clear_is_a_leaf() -> None:
    found = objects(trace((CLIENT, short(CLIENT_HELLO)), (SERVER, padded(b"\0\0\1", 5))))
    assert not untiled(found)
    said = leaves(found)
    assert ("server", "error.error", "no_cipher_error") in said and ("server", "record.padding_length", 5) in said
    padding = next(o for o in of(found, "field") if o["path"] == "record.padding")
    assert padding["length"] == 5


def test_padding_longer_than_its_record_is_told() -> None:
    found = objects(trace((CLIENT, short(CLIENT_HELLO)), (SERVER, b"\0\4\x09" + b"\0\0\1\0")))
    assert not untiled(found)
    assert any("padding" in o["text"] for o in of(found, "finding") if o["code"] == "malformed")
