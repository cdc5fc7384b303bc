"""What two ends have agreed, by handshakes built for it: which bytes are encrypted, how, and what cannot be known."""

from __future__ import annotations

import json
import os
import random
import re
from typing import Any, Dict, List, Optional, Tuple

import pytest
from conftest import SAMPLES
from handshakes import CLIENT, SERVER, Wire, certificate, certificate_message, dump, extension, message, record, vector
from support import annotate, load, of, rooms, sample, shared_path

from hexnote import hellos, pipeline
from hexnote.model import Form, Record, inside, remarks
from hexnote.pipeline import Annotator
from hexnote.quick import QUICK
from hexnote.render.json import Json
from hexnote.render.text import Text
from hexnote.session import RETRY_RANDOM

C, S = CLIENT, SERVER
Said = List[Tuple[int, bytes]]
RNG = random.Random(1)
CCS = record(20, b"\1")
TICKET, EARLY, PSK, VERSIONS, NPN = 35, 42, 41, 43, 13172


def opaque(size: int) -> bytes:
    """Bytes that are encrypted; never a hello's first ones."""
    return b"\x9b" + bytes(RNG.randrange(256) for _ in range(size - 1))


def hello(
    suites: Tuple[int, ...] = (0xC02F, 0x002F), extensions: Tuple[Tuple[int, bytes], ...] = (), session: bytes = b"", kind: int = 1,
    rand: bytes = bytes(32), version: int = 0x0303,
) -> bytes:
    """A ClientHello (`kind` 1) or, with the first suite, a ServerHello (2)."""
    made = b"".join(extension(number, body) for number, body in extensions)
    listed = b"".join(suite.to_bytes(2, "big") for suite in suites)
    middle = vector(2, listed) + vector(1, b"\0") if kind == 1 else listed[:2] + b"\0"
    return message(kind, version.to_bytes(2, "big") + rand + vector(1, session) + middle + (vector(2, made) if made else b""))


def answer(suite: int = 0xC02F, extensions: Tuple[Tuple[int, bytes], ...] = (), session: bytes = b"", **more: Any) -> bytes:
    return hello((suite,), extensions, session, 2, **more)


CHAIN = record(22, certificate_message(certificate()))
SKE = record(22, message(12, b"\3\0\x1d" + vector(1, bytes(32)) + b"\4\1" + vector(2, bytes(64))))
DONE = record(22, message(14, b""))
CKE = record(22, message(16, vector(1, bytes(32))))
FLIGHT = CHAIN + SKE + DONE


class Told(Json):
    """JSON, and the session as it was at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Any = None

    def finish(self, connection: Any, findings: Any) -> None:
        self.session = connection.session
        super().finish(connection, findings)


def told(script: Said, sides: Tuple[int, ...] = (C, S), midst: bool = False) -> Tuple[Any, List[Dict[str, Any]]]:
    """The session and the JSON objects of a conversation, of which only what `sides` say is in the trace; in the `midst`:
    it has no beginning."""
    wire = Wire()
    if len(sides) == 2 and not midst:
        wire.open()
    at = [0, 0]
    for side, data in script:
        if side in sides:
            wire.send(side, data, at[side])
        at[side] += len(data)
    renderer = Told()
    annotator = pipeline.Annotator(renderer)
    annotator.begin("-")
    out = annotator.feed(dump(wire.packets)) + annotator.close()
    return renderer.session, [json.loads(line) for line in out.splitlines()]


def full(suite: int = 0xC02F, extensions: Tuple[Tuple[int, bytes], ...] = ()) -> Said:
    """A full handshake of TLS 1.2 up to both Finished of AES-GCM."""
    return [
        (C, record(22, hello(extensions=extensions), 0x0301)), (S, record(22, answer(suite, extensions)) + FLIGHT),
        (C, CKE + CCS + record(22, opaque(40))), (S, CCS + record(22, opaque(40))),
    ]  # fmt: skip


def records(found: List[Dict[str, Any]], side: str) -> List[Tuple[int, bool, Optional[List[int]]]]:
    return [(r["type"], r["encrypted"], r["plain"]) for r in of(found, "record") if r["from"] == side]


# ---------------------------------------------------------------- how a session came to be


def test_full() -> None:
    session, found = told(full())
    assert session.resumption == "full" and session.version == 0x0303 and session.suite == 0xC02F
    assert records(found, "client") == [(22, False, None), (22, False, None), (20, False, None), (22, True, [16, 16])]
    assert session.encrypt_then_mac is False and session.extended_master_secret is False


def test_what_the_hellos_agree() -> None:
    agreed = ((22, b""), (23, b""))
    session, found = told(full(0x002F, agreed))
    assert session.encrypt_then_mac and session.extended_master_secret and session.key_exchange == "rsa"
    assert records(found, "client")[-1] == (22, True, None)  # 40 bytes are no record of AES-CBC-SHA
    last = of(found, "record")[-1]
    assert last["protection"] == ["AES-128-CBC with HMAC-SHA1, encrypt-then-MAC"]


SHORT: Said = [(S, CCS + record(22, opaque(40))), (C, CCS + record(22, opaque(40)) + record(23, opaque(33)))]


@pytest.mark.parametrize("asked, ticket, given, how", [
    (b"a" * 32, None, b"a" * 32, "session_id"),
    (b"a" * 32, b"", b"a" * 32, "session_id"),  # a ticket is asked for, none is shown
    (b"a" * 32, b"t" * 100, b"a" * 32, "ticket"),
    (b"", b"t" * 100, b"", "ticket"),  # no session ID to echo: the ChangeCipherSpec tells
    (b"", b"t" * 100, b"b" * 32, "ticket"),
])  # fmt: skip
def test_resumed(asked: bytes, ticket: Optional[bytes], given: bytes, how: str) -> None:
    more = () if ticket is None else ((TICKET, ticket),)
    session, found = told([(C, record(22, hello(session=asked, extensions=more))), (S, record(22, answer(session=given))), *SHORT])
    assert session.resumption == how
    assert [r[2] for r in records(found, "client")[-2:]] == [[16, 16], [9, 9]]


def test_resumption_that_was_not_taken() -> None:
    script = full()
    script[0] = (C, record(22, hello(session=b"a" * 32, extensions=((TICKET, b"t" * 100),))))
    assert told(script)[0].resumption == "full"


def tls13(
    first: Tuple[Tuple[int, bytes], ...] = (), chosen: Tuple[Tuple[int, bytes], ...] = (), early: int = 0, retry: bool = False,
    suite: int = 0x1301,
) -> Said:
    """A handshake of TLS 1.3 with ChangeCipherSpecs for middleboxes, and `early` records of early data."""
    offers = ((VERSIONS, b"\2\3\4"), *first)
    picks = ((VERSIONS, b"\3\4"),)
    flight = b"".join(record(23, opaque(n)) for n in (27, 53))
    script: Said = [(C, record(22, hello((0x1301, 0x1303), offers), 0x0301))]
    if early:
        script.append((C, CCS + record(23, opaque(100)) * early))
    if retry:
        script += [(S, record(22, answer(suite, picks, rand=RETRY_RANDOM)) + CCS), (C, record(22, hello((0x1301,), offers[:1])))]
    return [*script, (S, record(22, answer(suite, picks + chosen)) + CCS + flight), (C, CCS + record(23, opaque(53))),
            (S, record(23, opaque(200))), (C, record(23, opaque(19)))]  # fmt: skip


SHARE = (PSK, vector(2, vector(2, b"x" * 40) + bytes(4)) + vector(2, vector(1, bytes(32))))


def test_tls13() -> None:
    session, found = told(tls13())
    assert session.resumption == "full" and session.version == 0x0304 and session.extended_master_secret
    assert records(found, "server") == [
        (22, False, None), (20, False, None), (23, True, [10, 10]), (23, True, [36, 36]), (23, True, [183, 183])
    ]
    least = [r["plain_least"] for r in of(found, "record") if r["encrypted"]]
    assert least == [0] * len(least)  # padding may be all of it
    session, found = told(tls13(retry=True))
    assert session.retried and session.resumption == "full"
    assert [m["name"] for m in of(found, "message")] == ["client_hello", "hello_retry_request", "client_hello", "server_hello"]


def test_draft_of_tls13() -> None:
    script = tls13()
    script[2 - 1] = (S, script[1][1].replace(b"\0\x2b\0\2\3\4", b"\0\x2b\0\2\x7f\x1c"))
    session, found = told(script)
    assert session.version == 0x0304 and session.chosen == 0x7F1C
    assert records(found, "server")[2] == (23, True, [10, 10])


def test_psk_and_early_data() -> None:
    taken = ((PSK, b"\0\0"),)
    session, _ = told(tls13(first=(SHARE,), chosen=taken))
    assert (session.resumption, session.early) == ("psk", "")
    session, _ = told(tls13(first=((EARLY, b""), SHARE), chosen=taken))
    assert (session.resumption, session.early) == ("psk", "offered")
    # Taken or not is in EncryptedExtensions: nothing is claimed.
    session, found = told(tls13(first=((EARLY, b""), SHARE), chosen=taken, early=2))
    assert (session.resumption, session.early) == ("psk", "sent")
    assert [r["plain"] for r in of(found, "record") if r["from"] == "client"][2:4] == [[83, 83], [83, 83]]
    assert "sent before the server has answered (0-RTT)" in annotate(dump_of(tls13(first=((EARLY, b""), SHARE), early=1))).decode()


@pytest.mark.parametrize("script", [
    tls13(first=((EARLY, b""), SHARE), early=1),  # no pre_shared_key in the ServerHello
    tls13(first=((EARLY, b""), SHARE), chosen=((PSK, b"\0\0"),), early=1, retry=True),  # RFC 8446 section 4.2.10
])  # fmt: skip
def test_early_data_rejected(script: Said) -> None:
    assert told(script)[0].early == "rejected"


def dump_of(script: Said) -> bytes:
    wire = Wire()
    wire.open()
    at = [0, 0]
    for side, data in script:
        wire.send(side, data, at[side])
        at[side] += len(data)
    return dump(wire.packets)


def test_false_start() -> None:
    script = full()
    script.insert(3, (C, record(23, opaque(60))))
    session, _ = told(script)
    assert session.false_start and "a false start" in annotate(dump_of(script)).decode().replace("\n;|  ", "")
    session, _ = told([*full(), (C, record(23, opaque(60)))])
    assert not session.false_start
    session, _ = told([(C, record(22, hello(session=b"a" * 32))), (S, record(22, answer(session=b"a" * 32))), *SHORT])
    assert not session.false_start


# ---------------------------------------------------------------- renegotiation

AGAIN: Said = [
    (S, record(22, opaque(28))), (C, record(22, opaque(200))), (S, record(22, opaque(900))),
    (C, record(22, opaque(90)) + record(20, opaque(25)) + record(22, opaque(40))),
    (S, record(20, opaque(25)) + record(22, opaque(40))), (C, record(23, opaque(50))),
]  # fmt: skip


def test_renegotiations_in_a_row() -> None:
    session, found = told([*full(), *AGAIN, *AGAIN])
    assert session.epoch == [3, 3] and session.resumption == "full"
    assert all(r["encrypted"] for r in of(found, "record") if r["type"] == 20 and r["length"] > 6)
    assert not of(found, "malformed") and not [f for f in of(found, "finding") if f["code"] == "malformed"]
    # The suite of a renegotiation is not to be seen: what its lengths fit is told, and that is one class here.
    last = of(found, "record")[-1]
    assert last["protection"] == ["GCM/CCM"] and last["plain"] == [26, 26]


def test_renegotiation_to_another_class() -> None:
    script: Said = [
        *full(), (C, record(22, opaque(200))),
        (S, record(22, opaque(900)) + record(20, opaque(25)) + record(22, opaque(64))), (S, record(23, opaque(80))),
    ]  # fmt: skip
    _, found = told(script)
    old, first, second = [r for r in of(found, "record") if r["from"] == "server"][-3:]
    assert old["type"] == 20 and old["plain"] == [1, 1]  # still under the old keys
    # Two classes have a Finished of 64 bytes, and both may have a record of 80: neither is preferred.
    assert set(first["protection"]) == {"CBC of 16-byte blocks with HMAC-SHA1, MAC-then-encrypt", "NULL with HMAC-SHA384"}
    assert first["protection"] == second["protection"] and second["plain"] is None


def test_new_handshake_in_clear() -> None:
    """An end that forgot the session says hello in clear; the other one refuses, in clear or encrypted."""
    again = record(22, hello(), 0x0301)
    _, found = told([*full(), (C, again), (S, record(21, b"\2\x0a"))])
    assert [m["name"] for m in of(found, "message")][-1] == "client_hello"
    assert [(r["type"], r["encrypted"]) for r in of(found, "record")][-2:] == [(22, False), (21, False)]
    _, found = told([*full(), (C, again), (S, record(21, opaque(26)))])
    assert of(found, "record")[-1]["encrypted"] and of(found, "record")[-1]["plain"] == [2, 2]
    session, found = told([*full(), *full(0x002F)[:3]])
    assert session.suite == 0x002F and [m["name"] for m in of(found, "message")].count("client_hello") == 2


# ---------------------------------------------------------------- what is not in the trace


def test_client_alone() -> None:
    """The key exchange is not guessed: where the client offered one way alone it is known, else it is said which."""
    script = full()
    _, found = told(script, (C,))
    paths = [o["path"] for o in of(found, "field") if o["path"].startswith("client_key_exchange")]
    assert paths == ["client_key_exchange.exchange_keys"]
    wire = Wire()
    at = 0
    for side, data in script:
        if side == C:
            wire.send(C, data, at)
            at += len(data)
    text = annotate(dump(wire.packets)).decode().replace("\n;|   ", " ")
    assert "the key exchange is not known, for the ServerHello is not in the trace; the client offered ecdhe, rsa" in text
    script[0] = (C, record(22, hello((0xC02F, 0xC030))))
    session, found = told(script, (C,))
    assert session.key_exchange == "ecdhe" and session.version == 0x0303 and session.suite is None
    assert "client_key_exchange.ecdh_Yc" in [o["path"] for o in of(found, "field")]
    # Both suites are AES-GCM; the length of its Finished fits.
    assert of(found, "record")[-1]["protection"] == ["GCM/CCM"] and of(found, "record")[-1]["plain"] == [16, 16]


def test_server_alone() -> None:
    session, found = told(full(), (S,))
    assert session.suite == 0xC02F and records(found, "server")[-1] == (22, True, [16, 16])


def test_midstream_lengths_narrow_the_classes() -> None:
    script: Said = [(C, record(23, opaque(48), 0x0301)), (S, record(23, opaque(64), 0x0301)), (C, record(21, opaque(32), 0x0301))]
    _, found = told(script, midst=True)
    names = [r["protection"] for r in of(found, "record")]
    assert len(names[0]) > len(names[-1]) >= 1
    assert "CBC of 16-byte blocks with HMAC-SHA1, MAC-then-encrypt" in names[-1] and all("GCM" not in n for n in names[0])
    assert [r["plain"] for r in of(found, "record")][:2] == [None, None]  # several classes, several answers


def test_version_of_a_server_that_is_heard_late() -> None:
    """Records say the version once it is agreed: SSL 3.0 and TLS 1.0 have no algorithm before a signature."""
    cut = record(22, message(14, b""), 0x0301)
    session, _ = told([(S, record(22, certificate_message(certificate()), 0x0301) + cut)], (S,))
    assert session.version == 0x0301


def test_next_protocol_is_no_finished() -> None:
    """Where NPN was agreed the client says which protocol it takes before it finishes (draft-agl-tls-nextprotoneg)."""
    script = full(extensions=((NPN, b""),))
    script[2] = (C, CKE + CCS + record(22, opaque(60)) + record(22, opaque(40)))
    wire = dump_of(script)
    assert annotate(wire).decode().count("by its place a Finished") == 1  # the server's


# ---------------------------------------------------------------- SSL 2.0


def ssl2(body: bytes, padding: Optional[int] = None) -> bytes:
    """A record of SSL 2.0, with a header of two bytes, or of three where it has padding."""
    if padding is None:
        return (0x8000 | len(body)).to_bytes(2, "big") + body
    return len(body).to_bytes(2, "big") + bytes((padding,)) + body


KINDS = bytes.fromhex("0700c0010080")
HELLO2 = ssl2(b"\1\0\2" + bytes((0, 6, 0, 0, 0, 16)) + KINDS + bytes(16))
DER = certificate()


def server_hello2(hit: int = 0) -> bytes:
    cert, kinds = (b"", b"") if hit else (DER, KINDS)
    head = bytes((4, hit, 0 if hit else 1, 0, 2))
    return ssl2(head + b"".join(len(x).to_bytes(2, "big") for x in (cert, kinds, bytes(16))) + cert + kinds + bytes(16))


def test_ssl2_whole() -> None:
    master = ssl2(b"\2" + KINDS[:3] + bytes((0, 0, 0, 64, 0, 8)) + bytes(72))
    session, found = told([
        (C, HELLO2), (S, server_hello2()), (C, master), (S, ssl2(opaque(33))), (C, ssl2(opaque(40), 7)), (S, ssl2(opaque(33))),
        (C, ssl2(opaque(24), 3)), (S, ssl2(b"\0\0\1")),
    ])
    assert session.version == 0x0002 and session.ssl2
    got = [(r["from"], r["format"], r["encrypted"], r["plain"]) for r in of(found, "record")]
    assert got == [
        ("client", "ssl2", False, None), ("server", "ssl2", False, None), ("client", "ssl2", False, None),
        ("server", "ssl2", True, [17, 17]), ("client", "ssl2", True, [17, 17]), ("server", "ssl2", True, [17, 17]),
        ("client", "ssl2", True, [5, 5]), ("server", "ssl2", False, None),
    ]
    assert not [f for f in of(found, "finding") if f["code"] in ("malformed", "not-tls")]
    paths = [o["path"] for o in of(found, "field")]
    assert "server_hello.certificate_length" in paths and paths[-1] == "error.error"


def test_ssl2_resumed() -> None:
    _, found = told([(C, HELLO2), (S, server_hello2(1)), (C, ssl2(opaque(33))), (S, ssl2(opaque(33)))])
    assert [r["encrypted"] for r in of(found, "record")] == [False, False, True, True]


# ---------------------------------------------------------------- captures


@pytest.mark.parametrize("name, finished, alert", [
    ("tls12_rsa_aes128cbcsha_openssl", [16, 31], [0, 15]), ("tls12_3des_tlslite", [12, 19], [0, 3]),
    ("tls12_dhe_rsa_aes128cbc256_jsse", [16, 31], [0, 15]), ("tls12_ecdhe_rsa_chacha20_openssl", [16, 16], [2, 2]),
    ("tls12_ems_off_etm_off_gnutls", [12, 27], [0, 11]), ("sslv3_rsa_rc4sha_tlslite", [40, 40], [2, 2]),
    ("tls10_rc4sha_tlslite", [16, 16], [2, 2]), ("tls11_dhe_gnutls", [16, 31], [0, 15]),
])  # fmt: skip
def test_captured_finished_and_alerts(name: str, finished: List[int], alert: List[int]) -> None:
    renderer = Told()
    annotator = pipeline.Annotator(renderer)
    annotator.begin("-")
    out = annotator.feed(load(shared_path("corpus", f"{name}.X.txt"))) + annotator.close()
    found = [json.loads(line) for line in out.splitlines()]
    sealed = [r for r in of(found, "record") if r["encrypted"]]
    assert [r["plain"] for r in sealed if r["type"] == 22] == [finished] * 2
    assert {tuple(r["plain"]) for r in sealed if r["type"] == 21} == {tuple(alert)}
    assert all(len(r["protection"]) == 1 for r in sealed)


def test_tutorial() -> None:
    """The tutorial's HTTP response of 407 bytes, and its request in two records with an empty one before each."""
    text = annotate(sample("server-auth.txt")).decode()
    assert "432 bytes,\n;|     plaintext at most 411 bytes (396 or more with the least padding)" in text
    assert "32 bytes, plaintext at most 11 bytes\n" in text
    assert "its 48 bytes: 28 plaintext and padding around 20 MAC" in text


def test_a_hidden_type_is_not_told_as_data() -> None:
    """In TLS 1.3 the heading says that the type is hidden; without its hellos nothing proves TLS 1.3."""
    text = load(shared_path("corpus", "tls13_full_openssl.X.txt"))
    said = annotate(text).decode()
    assert "record 3: encrypted, its type hidden (TLS 1.3)," in said and ": application_data, TLS" not in said
    assert "type = application_data (23)" in said
    late = annotate(text[text.index(b"\n", text.index(b"\n1", len(text) // 2)) + 1 :]).decode()
    assert ": application_data, TLS 1.2" in late and "type hidden" not in late
    early = annotate(load(shared_path("corpus", "tls13_earlydata_openssl.X.txt"))).decode()
    assert re.search(r"encrypted, its type hidden \(TLS 1\.3\), \d+ bytes,\n.*\n;\|   early data, sent before", early)


@pytest.mark.parametrize(("suite", "version", "after", "size", "said"), [
    (0xC02F, 0x0303, False, 40, "plaintext 16 bytes; its 40 bytes: 8 nonce, 16 plaintext, 16 tag"),
    (0x0005, 0x0301, False, 21, "plaintext 1 byte; its 21 bytes: 1 plaintext, 20 MAC"),
    (0x1301, 0x0304, False, 44, "plaintext at most 27 bytes; its 44 bytes: 27 plaintext and any padding, 1 content type, 16 tag"),
    (0x002F, 0x0303, False, 64, "plaintext at most 27 bytes (12 or more with the least padding); "
                                "its 64 bytes: 16 IV, 28 plaintext and padding around 20 MAC"),
    (0x002F, 0x0303, True, 68, "plaintext at most 31 bytes (16 or more with the least padding); "
                               "its 68 bytes: 16 IV, 32 plaintext and padding, 20 MAC"),
    (0x002F, 0x0300, False, 48, "plaintext 12 to 27 bytes; its 48 bytes: 28 plaintext and padding around 20 MAC"),
])  # fmt: skip
def test_what_a_length_tells_in_words(suite: int, version: int, after: bool, size: int, said: str) -> None:
    each = rooms().lengths.protection(suite, version, after)
    assert each is not None
    sealed = Record(0, 0, 1, 0)
    sealed.encrypted, sealed.length, sealed.protection, sealed.news = True, 5 + size, (each,), "known"
    assert f"{inside(sealed)[2:]}; {remarks(sealed)[-1]}" == said


FREE_BYTES = ("tls12-rsa.txt", "tls13-full.txt", "tls13-hello-retry.txt")


@pytest.mark.skipif(not QUICK, reason="HEXNOTE_SLOW=1: no form is kept")
@pytest.mark.parametrize("name", FREE_BYTES)
def test_hellos_of_a_form_say_the_same_to_a_session(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the bytes are that no other field hangs on."""
    seen: List[Tuple[bytes, bool, Any]] = []

    def record(buf: Any, client: bool, form: Any) -> hellos.Hello:
        seen.append((buf, client, form))
        return hellos.read_hello(buf, client)

    monkeypatch.setattr("hexnote.session.hello_of", record)
    annotator = Annotator(Text())
    annotator.begin("-")
    annotator.feed(load(os.path.join(SAMPLES, name)))
    annotator.close()
    assert len(seen) > 1
    rng = random.Random(name)
    for buf, client, form in seen:
        assert isinstance(form, Form)
        form.again = True
        free = [(start, min(end, len(buf))) for node, start, end, _, _ in form if node.free]
        for _ in range(40):
            changed = bytearray(buf)
            for start, end in free:
                changed[start:end] = rng.choice((bytes(end - start), rng.randbytes(end - start), changed[start:end]))
            told, truth = hellos.hello_of(bytes(changed), client, form), hellos.read_hello(bytes(changed), client)
            assert told.whole or not truth.whole
            for what in ("version", "behind", "suites", "compression", "whole", "sizes", "bodies"):
                assert getattr(told, what) == getattr(truth, what), (what, changed.hex())
        assert isinstance(form.kept["client hello" if client else "server hello"], hellos.Hello)
