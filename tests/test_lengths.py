"""What the length of an encrypted record tells: hand-checked rows, the other way round, and a real library."""

from __future__ import annotations

import json
import ssl
from typing import Any, Dict, List, Optional, Tuple

import pytest
from support import load, shared_path

from hexnote.lengths import KNOWN, VERSIONS
from hexnote.model import Protection
from hexnote.pipeline import Annotator, Rooms
from hexnote.render.json import Json

ROOMS = Rooms()
LENGTHS = ROOMS.lengths
SUITES = ROOMS.schema.names("cipher_suites").rows

# suite, version, encrypt-then-MAC: lengths of Finished, alert, ChangeCipherSpec, HelloRequest as seen on the wire or as
# the RFCs have it (0: not sent so).
ROWS: List[Tuple[int, int, bool, Tuple[int, ...]]] = [
    (0xC02F, 0x0303, False, (40, 26, 25, 28)),  # AES-GCM
    (0xC09C, 0x0303, False, (40, 26, 25, 28)),  # AES-CCM
    (0xCCA8, 0x0303, False, (32, 18, 17, 20)),  # ChaCha20-Poly1305
    (0xC0A0, 0x0303, True, (32, 18, 17, 20)),  # AES-CCM_8; encrypt-then-MAC means nothing for it
    (0x002F, 0x0301, False, (48, 32, 32, 32)),  # AES-CBC-SHA
    (0x002F, 0x0302, False, (64, 48, 48, 48)),
    (0x0035, 0x0303, False, (64, 48, 48, 48)),
    (0x002F, 0x0301, True, (52, 36, 36, 36)),
    (0x002F, 0x0303, True, (68, 52, 52, 52)),
    (0x003C, 0x0303, False, (80, 64, 64, 64)),  # AES-CBC-SHA256
    (0x003C, 0x0303, True, (80, 64, 64, 64)),
    (0xC028, 0x0303, True, (96, 80, 80, 80)),  # AES-CBC-SHA384
    # 3DES-SHA: 4 bytes and a MAC of 20 fill three blocks, and leave no room for the padding's length.
    (0x000A, 0x0301, False, (40, 24, 24, 32)),
    (0x000A, 0x0303, False, (48, 32, 32, 40)),
    (0x0005, 0x0301, False, (36, 22, 21, 24)),  # RC4-SHA
    (0x0002, 0x0303, True, (36, 22, 21, 24)),  # NULL-SHA
    (0x0004, 0x0302, False, (32, 18, 17, 20)),  # RC4-MD5
    (0x003B, 0x0303, False, (48, 34, 33, 36)),  # NULL-SHA256
    (0x0005, 0x0300, False, (60, 22, 21, 24)),  # SSL 3.0: a Finished of 36 bytes
    (0x002F, 0x0300, True, (64, 32, 32, 32)),
    (0x000A, 0x0300, False, (64, 24, 24, 32)),
    (0x0004, 0x0300, False, (56, 18, 17, 20)),
    (0x1301, 0x0304, False, (53, 19, 0, 0)),  # TLS 1.3, SHA-256
    (0x1302, 0x0304, False, (69, 19, 0, 0)),  # TLS 1.3, SHA-384
    (0xC0B4, 0x0304, False, (69, 35, 0, 0)),  # RFC 9150: integrity alone, a tag of 32 bytes
]


@pytest.mark.parametrize("suite, version, after, wanted", ROWS)
def test_lengths_as_measured(suite: int, version: int, after: bool, wanted: Tuple[int, ...]) -> None:
    found = LENGTHS.protection(suite, version, after)
    assert found is not None
    plains = (found.finished, KNOWN["alert"], KNOWN["change_cipher_spec"], KNOWN["hello_request"])
    made = tuple(found.sealed(n) if w else 0 for n, w in zip(plains, wanted))
    assert made == wanted
    assert LENGTHS.may_hold(found, "finished", wanted[0]) and LENGTHS.may_hold(found, "alert", wanted[1])
    assert not LENGTHS.may_hold(found, "finished", wanted[1])


def test_tutorial() -> None:
    """A TLS 1.0 record of 432 bytes under AES-CBC-SHA held 407, one of 48 held 15."""
    found = LENGTHS.protection(0x002F, 0x0301)
    assert found is not None and found.plain(432) == (396, 411) and found.plain(48) == (12, 27)
    assert found.least(432) == 156 and found.least(48) == 0
    assert found.plain(431) is None and found.plain(16) is None


def test_what_is_no_protection() -> None:
    assert LENGTHS.protection(None, 0x0303) is None and LENGTHS.protection(0x002F, None) is None
    assert LENGTHS.protection(0xC02F, 0x0302) is None  # AEADs came with TLS 1.2
    assert LENGTHS.protection(0xC02F, 0x0304) is None and LENGTHS.protection(0x1301, 0x0303) is None
    assert LENGTHS.protection(0x5A5A, 0x0303) is None and LENGTHS.protection(0x00FF, 0x0303) is None
    truncated = LENGTHS.protection(0x002F, 0x0303, False, True)
    assert truncated is not None and truncated.mac == 10


def test_every_suite_of_the_registry_has_a_class() -> None:
    lacking = {SUITES[s][0] for s in SUITES if not any(LENGTHS.protection(s, v) for v in VERSIONS)}
    # Two signals that are no suites, and one that left no trace of how its 20-byte IV was sent.
    assert lacking == {"TLS_EMPTY_RENEGOTIATION_INFO_SCSV", "TLS_FALLBACK_SCSV", "SSL_FORTEZZA_KEA_WITH_FORTEZZA_CBC_SHA"}


def test_both_ways() -> None:
    """Every length of plaintext lies in the range that its record tells, and in none of a record a block shorter."""
    for version in VERSIONS:
        for each in LENGTHS.classes(version):
            for size in (*range(0, 70), 255, 256, 1000, 16383, 16384):
                length = each.sealed(size)
                told = each.plain(length)
                assert told is not None and told[0] <= size <= told[1], (each, size)
                assert each.least(length) <= told[0]
                below = each.plain(length - each.block)
                assert below is None or below[1] < size
            assert each.plain(each.sealed(16384) + each.block) is None


def test_sets_and_not_guesses() -> None:
    renegotiation = [("finished", 40), ("alert", 26), ("change_cipher_spec", 25), ("hello_request", 28)]
    assert [c.name for c in LENGTHS.fits(renegotiation)] == ["GCM/CCM"]  # type: ignore[arg-type]
    # A Finished of 40 alone is 3DES's as well, and of TLS 1.0 too.
    assert {(c.version, c.name) for c in LENGTHS.fits([("finished", 40)], (0x0301, 0x0303))} == {
        (0x0301, "CBC of 8-byte blocks with HMAC-MD5, MAC-then-encrypt"),
        (0x0301, "CBC of 8-byte blocks with HMAC-SHA1, MAC-then-encrypt"),
        (0x0301, "CBC of 8-byte blocks with HMAC-MD5, encrypt-then-MAC"),
        (0x0303, "GCM/CCM"),
    }
    stream = LENGTHS.fits([("finished", 36)], (0x0301,))
    assert len(stream) == 1 and 0x0005 in LENGTHS.classes(0x0301)[stream[0]] and len(LENGTHS.classes(0x0301)[stream[0]]) > 8
    assert LENGTHS.fits([("alert", 26), ("alert", 27)]) == []
    assert LENGTHS.fits([(0, 32), (15, 48), ("finished", 48)], (0x0301,))[0].block == 16


# ---------------------------------------------------------------- OpenSSL on the spot


def _talk(cipher: str, version: ssl.TLSVersion, sizes: List[int]) -> Optional[Tuple[int, bool, List[List[Tuple[int, int]]], int]]:
    """A handshake without certificates in memory, and some data: suite, encrypt-then-MAC, (type, length) of records by side."""
    ends: List[Any] = []
    wires: List[bytes] = [b"", b""]
    try:
        for role in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER):
            context = ssl.SSLContext(role)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.minimum_version = context.maximum_version = version
            context.set_ciphers(f"{cipher}:@SECLEVEL=0")
            come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
            ends.append((context.wrap_bio(come, go, server_side=role == ssl.PROTOCOL_TLS_SERVER), come, go))
    except (ssl.SSLError, ValueError):
        return None
    done = [False, False]

    def move() -> None:
        for side in (0, 1):
            data = ends[side][2].read()
            wires[side] += data
            ends[1 - side][1].write(data)

    for _ in range(10):
        for side in (0, 1):
            if not done[side]:
                try:
                    ends[side][0].do_handshake()
                    done[side] = True
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLError:
                    return None
            move()
    if not all(done):
        return None
    for size in sizes:
        ends[0][0].write(bytes(size))
        move()
    try:
        ends[0][0].unwrap()
    except ssl.SSLError:
        pass
    move()
    listed: List[List[Tuple[int, int]]] = [[], []]
    for side in (0, 1):
        at = 0
        while at < len(wires[side]):
            size = wires[side][at + 3] << 8 | wires[side][at + 4]
            listed[side].append((wires[side][at], size))
            at += 5 + size
    hello = wires[1]
    at = 44 + hello[43]
    extensions, end, after = at + 5, 5 + (hello[3] << 8 | hello[4]), False
    while extensions + 4 <= end:
        after = after or hello[extensions : extensions + 2] == b"\0\x16"
        extensions += 4 + (hello[extensions + 2] << 8 | hello[extensions + 3])
    return hello[at] << 8 | hello[at + 1], after, listed, len(hello)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2], ids=lambda v: v.name)
def test_records_of_openssl(version: ssl.TLSVersion) -> None:
    sizes = [1, 2, 15, 16, 17, 100, 1000, 16384]
    tried: Dict[int, Protection] = {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.set_ciphers("aNULL:eNULL:@SECLEVEL=0")
    except ssl.SSLError:
        pytest.skip("this library has no suites without certificates")
    names = [c["name"] for c in context.get_ciphers() if c["name"].startswith(("ADH-", "AECDH-"))]
    for name in names:
        talk = _talk(name, version, sizes)
        if talk is None:
            continue
        suite, after, listed, _ = talk
        found = LENGTHS.protection(suite, version.value, after)
        assert found is not None, name
        tried[suite] = found
        sealed = listed[0]
        changed = [kind for kind, _ in sealed].index(20)
        finished = sealed[changed + 1]
        assert finished == (22, found.sealed(16)), name
        assert sealed[-1] == (21, found.sealed(2)), name
        data = [length for kind, length in sealed if kind == 23]
        # In TLS 1.0 each write under CBC is preceded by an empty record.
        data = [length for length in data if not (len(data) > len(sizes) and length == found.sealed(0))] or data
        if len(data) == len(sizes):
            for size, length in zip(sizes, data):
                told = found.plain(length)
                assert told is not None and told[0] <= size <= told[1], (name, size, length)
    if names:
        assert tried, "no suite of this version could be tried"


# ---------------------------------------------------------------- what was in them

# What stands behind the content of a decrypted record.
_TAIL = {f"plaintext.{name}" for name in ("mac", "padding", "padding_length", "type", "zeros")}


@pytest.mark.parametrize("name", [
    "tls12_3des_tlslite", "tls12_rsa_aes128cbcsha_openssl", "tls12_rsa_aes128ccm_gnutls", "tls10_rsa_aes128_openssl",
    "tls13_keyupdate_openssl", "reneg_server_aes256gcm_openssl", "rec_mfl512_openssl",
])  # fmt: skip
def test_ranges_hold_what_was_decrypted(name: str) -> None:
    """The capture's keys open its records: each holds as much as its length told."""
    pytest.importorskip("cryptography")
    annotator = Annotator(Json(), {"keylog": shared_path("corpus", f"{name}.keylog")})
    annotator.begin("-")
    out = annotator.feed(load(shared_path("corpus", f"{name}.X.txt"))) + annotator.close()
    found = [json.loads(line) for line in out.splitlines()]
    held: Dict[Tuple[int, str, str], int] = {}
    for o in found:
        if o["kind"] == "field" and o.get("buffer", "").startswith("plain:"):
            for buffer, start, end in o.get("pieces") or [[o["buffer"], o["offset"], o["offset"] + o["length"]]]:
                key = (o["stream"], o["from"], buffer)
                held[key] = held.get(key, 0) + (end - start if o["path"] not in _TAIL else 0)
    sealed = [r for r in found if r["kind"] == "record" and r["encrypted"]]
    assert sealed
    for r in sealed:
        size = held[r["stream"], r["from"], f"plain:{r['offset']}"]
        assert r["plain"][0] <= size <= r["plain"][1] and r["plain_least"] <= size, r
