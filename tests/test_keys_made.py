"""TLS 1.3 made by hand: messages cut over records, padding, key updates, content that makes no sense."""

from __future__ import annotations

import os
import random
import zlib
from typing import List, Tuple

import pytest
from handshakes import ALERT, CCS, CLIENT, DATA, HANDSHAKE, SERVER, Wire, certificate, dump, extension, message, record, vector
from support import of, strip

pytest.importorskip("cryptography")

from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305  # noqa: E402
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand  # noqa: E402
from test_keys import BEHIND, buffers, contents, misfits, objects, run  # noqa: E402

from hexnote.render.summary import Summary  # noqa: E402
from hexnote.render.text import Text  # noqa: E402

RANDOM = bytes(range(200, 232))
ZEROS = 250  # an inner content type that is none


def label(secret: bytes, name: bytes, size: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446 section 7.1), by the library."""
    info = size.to_bytes(2, "big") + vector(1, b"tls13 " + name) + b"\0"
    return HKDFExpand(hashes.SHA256(), size, info).derive(secret)


class Writer:
    """One end's writing state (RFC 8446 section 5.2)."""

    def __init__(self, secret: bytes, chacha: bool = False) -> None:
        self.secret, self.chacha, self.sequence = secret, chacha, 0

    def seal(self, kind: int, content: bytes, padding: int = 0) -> bytes:
        """A protected record."""
        key, iv = label(self.secret, b"key", 32 if self.chacha else 16), label(self.secret, b"iv", 12)
        nonce = (int.from_bytes(iv, "big") ^ self.sequence).to_bytes(12, "big")
        self.sequence += 1
        plain = content + (bytes((kind,)) if kind else b"") + bytes(padding)
        head = b"\x17\x03\x03" + (len(plain) + 16).to_bytes(2, "big")
        cipher = ChaCha20Poly1305(key) if self.chacha else AESGCM(key)
        return head + cipher.encrypt(nonce, plain, head)

    def update(self) -> None:
        """The next generation of keys (RFC 8446 section 7.2)."""
        self.secret, self.sequence = label(self.secret, b"traffic upd", 32), 0


def hello(kind: int, suite: int, extensions: bytes) -> bytes:
    suites = suite.to_bytes(2, "big")
    tail = vector(2, suites) + b"\1\0" if kind == 1 else suites + b"\0"
    return message(kind, b"\3\3" + (RANDOM if kind == 1 else bytes(32)) + b"\0" + tail + vector(2, extensions))


class Made:
    """A connection as far as the hellos, with its secrets in a log."""

    def __init__(self, folder: str, chacha: bool = False) -> None:
        self.secrets = {
            name: bytes((i,)) * 32 for i, name in enumerate((
                "CLIENT_EARLY_TRAFFIC_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"), 1)
        }
        self.keylog = os.path.join(folder, f"made{chacha:d}.log")
        with open(self.keylog, "w", encoding="ascii") as file:
            for name, secret in self.secrets.items():
                file.write(f"{name} {RANDOM.hex()} {secret.hex()}\n")
        self.wire = Wire()
        self.wire.open()
        self.chacha = chacha
        suite = 0x1303 if chacha else 0x1301
        self.send(CLIENT, record(HANDSHAKE, hello(1, suite, extension(43, b"\2\3\4"))))
        self.send(SERVER, record(HANDSHAKE, hello(2, suite, extension(43, b"\3\4"))))
        self.send(SERVER, record(CCS, b"\1"))

    def send(self, side: int, *records: bytes) -> None:
        self.wire.send(side, b"".join(records), self.wire.sent[side])
        self.wire.ack(1 - side)

    def writer(self, name: str) -> Writer:
        return Writer(self.secrets[name], self.chacha)

    def finish(self) -> Tuple[Writer, Writer]:
        """Finished of both; the writers of what follows."""
        self.send(SERVER, self.writer("SERVER_HANDSHAKE_TRAFFIC_SECRET").seal(HANDSHAKE, message(20, bytes(32))))
        self.send(CLIENT, self.writer("CLIENT_HANDSHAKE_TRAFFIC_SECRET").seal(HANDSHAKE, message(20, bytes(32)), 9))
        return self.writer("CLIENT_TRAFFIC_SECRET_0"), self.writer("SERVER_TRAFFIC_SECRET_0")

    def text(self) -> bytes:
        return dump(self.wire.packets)


def flight() -> bytes:
    chain = b"".join(vector(3, certificate(name)) + b"\0\0" for name in (b"made.example", b"Example CA"))
    return (
        message(8, vector(2, extension(16, vector(2, vector(1, b"h2"))))) + message(11, b"\0" + vector(3, chain))
        + message(15, b"\x04\x03" + vector(2, bytes(70))) + message(20, bytes(32))
    )


@pytest.mark.parametrize("size", [1, 3, 50, 300, 5000])
def test_messages_over_records(size: int, tmp_path: object) -> None:
    made = Made(str(tmp_path))
    writer, whole = made.writer("SERVER_HANDSHAKE_TRAFFIC_SECRET"), flight()
    rng = random.Random(size)
    cuts = range(0, len(whole), size)
    made.send(SERVER, *(writer.seal(HANDSHAKE, whole[at : at + size], rng.randrange(20)) for at in cuts))
    text = made.text()
    found = objects(text, made.keylog)
    assert not misfits(found)
    assert [content for _, content in contents(found)] == [whole[at : at + size] for at in cuts]
    assert [o["name"] for o in of(found, "message")][2:] == [
        "encrypted_extensions", "certificate", "certificate_verify", "finished"]
    # What leaves say in one go is what their messages hold.
    values = {o["path"]: o for o in of(found, "field") if o.get("buffer")}
    alpn = "encrypted_extensions.extensions[0].application_layer_protocol_negotiation.protocol_name_list[0]"
    assert values[alpn]["value"] == "h2"
    hexes = "".join(o["hex"] for o in of(found, "field") if o.get("buffer") and o["path"] not in BEHIND)
    assert hexes == whole.hex()
    for o in of(found, "message")[2:]:
        assert o["buffer"].startswith("plain:")
    told = run(text, made.keylog, Text())
    assert strip(told) == text and run(text, made.keylog, Text(quick=False)) == told
    assert size == 1 or b"made.example" in told  # messages in so many pieces are not decoded anew for each
    assert b"certificate_verify" in run(text, made.keylog, Summary())


@pytest.mark.parametrize("size", [100, 5000])
def test_compressed_certificate(size: int, tmp_path: object) -> None:
    """A buffer out of a message out of a buffer."""
    made = Made(str(tmp_path))
    writer = made.writer("SERVER_HANDSHAKE_TRAFFIC_SECRET")
    chain = b"\0" + vector(3, vector(3, certificate(b"packed.example")) + b"\0\0")
    packed = message(25, b"\0\1" + len(chain).to_bytes(3, "big") + vector(3, zlib.compress(chain)))
    whole = message(8, b"\0\0") + packed + message(20, bytes(32))
    made.send(SERVER, *(writer.seal(HANDSHAKE, whole[at : at + size]) for at in range(0, len(whole), size)))
    found = objects(made.text(), made.keylog)
    assert not misfits(found)
    inside = {name: buffer for (_, _, name), buffer in buffers(found).items() if name.startswith("inflated:")}
    assert [bytes(buffer[i][0] for i in range(len(buffer))) for buffer in inside.values()] == [chain]
    assert b"".join(c for (_, _, name), c in contents(found) if name.startswith("plain:")) == whole
    record_at = next(o["offset"] for o in of(found, "record") if o["from"] == "server" and o["type"] == 23)
    assert list(inside) == [f"inflated:{record_at + 5 + 6}"]
    told = run(made.text(), made.keylog, Text())
    assert b"packed.example" in told and strip(told) == made.text()


def test_key_updates_and_padding(tmp_path: object) -> None:
    for chacha in (False, True):
        made = Made(str(tmp_path), chacha)
        client, server = made.finish()
        said: List[bytes] = []
        for turn in range(5):
            for side, writer in ((CLIENT, client), (SERVER, server)):
                said.append(b"turn %d of %d" % (turn, side))
                made.send(side, writer.seal(DATA, said[-1], 1000 * turn), writer.seal(HANDSHAKE, message(24, bytes((turn % 2,)))))
                writer.update()
        found = objects(made.text(), made.keylog)
        assert [c for _, c in contents(found) if c.startswith(b"turn")] == said
        assert [o["name"] for o in of(found, "message")].count("key_update") == 10 and not misfits(found)


def test_lost_key_update(tmp_path: object) -> None:
    """The record that announced new keys is lost: they are tried."""
    made = Made(str(tmp_path))
    client, _ = made.finish()
    made.send(CLIENT, client.seal(DATA, b"before"))
    lost = len(made.wire.packets)
    made.send(CLIENT, client.seal(HANDSHAKE, message(24, b"\0")))
    client.update()
    for text in (b"after", b"more", b"end"):
        made.send(CLIENT, client.seal(DATA, text))
    found = objects(dump(p for i, p in enumerate(made.wire.packets) if i != lost), made.keylog)
    assert {c for _, c in contents(found)} >= {b"before", b"after", b"more", b"end"}


def test_early_data(tmp_path: object) -> None:
    made = Made(str(tmp_path))
    # Early data stands before the ServerHello: what was made last is sent again in that order.
    wire = Wire()
    wire.open()
    early = made.writer("CLIENT_EARLY_TRAFFIC_SECRET")
    first = record(HANDSHAKE, hello(1, 0x1301, extension(43, b"\2\3\4") + extension(42, b"")))
    made.wire = wire
    made.send(CLIENT, first, early.seal(DATA, b"early"))
    made.send(SERVER, record(HANDSHAKE, hello(2, 0x1301, extension(43, b"\3\4"))))
    made.send(CLIENT, early.seal(DATA, b"still early"), early.seal(HANDSHAKE, message(5, b"")))
    client, _ = made.finish()
    made.send(CLIENT, client.seal(DATA, b"late"))
    found = objects(made.text(), made.keylog)
    assert [c for _, c in contents(found) if c[0] > 32] == [b"early", b"still early", b"late"] and not misfits(found)
    assert "end_of_early_data" in [o["name"] for o in of(found, "message")]


def test_contents_without_sense(tmp_path: object) -> None:
    made = Made(str(tmp_path))
    client, server = made.finish()
    made.send(CLIENT, client.seal(0, b"", 40), client.seal(DATA, b""), client.seal(ZEROS, b"what is this"), client.seal(CCS, b"\1"))
    made.send(SERVER, server.seal(HANDSHAKE, b"\x0b\x00\xff\xff" + b"x" * 9), server.seal(DATA, b"\x1b[31m<b>\0"))
    made.send(CLIENT, client.seal(HANDSHAKE, b"\1"), client.seal(ALERT, b"\2\x28\0\0"), client.seal(HANDSHAKE, b""))
    made.send(SERVER, server.seal(DATA, bytes(16384), 2), server.seal(ALERT, b"\2\x14"))
    text = made.text()
    found = objects(text, made.keylog)
    for key, buffer in buffers(found).items():
        assert sorted(buffer) == list(range(len(buffer))), key
    assert b"what is this" in [c for _, c in contents(found)]
    told = run(text, made.keylog, Text())
    assert strip(told) == text and b"\x1b" not in told
    run(text, made.keylog, Summary())


def test_tries_are_bounded(tmp_path: object) -> None:
    """Records that never fit, behind holes: the time does not run away."""
    made = Made(str(tmp_path))
    client, _ = made.finish()
    rng = random.Random(1)
    for i in range(300):
        if i % 3 == 2:
            made.wire.sent[CLIENT] += 1400
        made.send(CLIENT, record(DATA, rng.randbytes(400)))
        made.wire.heard[SERVER] = made.wire.sent[CLIENT]
    made.send(CLIENT, client.seal(DATA, b"the end"))
    found = objects(made.text(), made.keylog)
    assert misfits(found)


def test_early_data_that_the_server_refused(tmp_path: object) -> None:
    """A server's log has no secret for them: that is said, not that one is wrong."""
    made = Made(str(tmp_path))
    with open(made.keylog, "w", encoding="ascii") as file:
        file.writelines(f"{name} {RANDOM.hex()} {secret.hex()}\n" for name, secret in made.secrets.items() if "EARLY" not in name)
    made.wire = Wire()
    made.wire.open()
    made.send(CLIENT, record(HANDSHAKE, hello(1, 0x1301, extension(43, b"\2\3\4") + extension(42, b""))),
              made.writer("CLIENT_EARLY_TRAFFIC_SECRET").seal(DATA, b"early"))
    made.send(SERVER, record(HANDSHAKE, hello(2, 0x1301, extension(43, b"\3\4"))))
    made.finish()
    said = misfits(objects(made.text(), made.keylog))
    assert len(said) == 1 and "it has no CLIENT_EARLY_TRAFFIC_SECRET for the client random" in said[0]


@pytest.mark.parametrize("behind", [False, True], ids=["inside", "behind"])
def test_truncated_macs(behind: bool) -> None:
    """RFC 6066 section 7: the key of the whole HMAC, ten bytes of its output. Records as of AES-128-CBC with SHA-256, TLS 1.2."""
    import hmac

    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    from hexnote.keys_cipher import Suite, opener12
    from hexnote.keys_schedule import write_keys

    suite, master, first, second = Suite("AES_128_CBC", "SHA256", ""), bytes(48), bytes(32), bytes(range(32))
    secret, key, _ = write_keys(0x0303, "SHA256", master, first, second, CLIENT, (32, 16, 16))

    def mac(data: bytes) -> bytes:
        return hmac.new(secret, bytes(8) + b"\x17\3\3" + len(data).to_bytes(2, "big") + data, "sha256").digest()[:10]

    content, vector_ = b"in ten bytes", bytes(range(16))
    plain = content + (b"" if behind else mac(content))
    plain += bytes((15 - len(plain) % 16,)) * (16 - len(plain) % 16)
    made = Cipher(algorithms.AES(key), modes.CBC(vector_)).encryptor()
    body = vector_ + made.update(plain) + made.finalize()
    body += mac(body) if behind else b""
    head = b"\x17\3\3" + len(body).to_bytes(2, "big")
    opened = opener12(suite, 0x0303, behind, True, master, first, second, CLIENT).open(0, head, body)
    assert opened is not None and opened.data[: opened.content] == content
    assert opener12(suite, 0x0303, behind, False, master, first, second, CLIENT).open(0, head, body) is None


def test_a_server_hello_says_whether_macs_are_truncated() -> None:
    from hexnote.keys import KeyLog, Keys

    for kind, truncated in ((4, True), (22, False)):
        keys = Keys(KeyLog(os.devnull), lambda code: None)
        keys.learn(SERVER, 2, hello(2, 0x002F, extension(kind, b"")), False)
        assert keys._truncated is truncated
