"""`--compare`: what an engineer would say of two traces side by side."""

from __future__ import annotations

import os
from typing import Any, List

import pytest
from conftest import SAMPLES
from handshakes import vector
from support import collected, load, sample
from talks import CKE, DONE, Talk, alert, cert, chain, hello, hs, server

from hexnote.render.compare import compared


def told(good: bytes, bad: bytes) -> List[str]:
    return compared(collected(good, "good.txt"), collected(bad, "bad.txt"))


def first(lines: List[str]) -> str:
    """The first difference that matters, on one line."""
    at = lines.index("first difference that matters") + 1
    made = lines[at].strip()
    for line in lines[at + 1 :]:
        if not line.startswith("   "):
            break
        made += " " + line.strip()
    return made


# (good, bad, what the first difference is, what must not be told as one)
PAIRS = (
    ("tls12_ecdhe_rsa_aes128gcm_openssl", "alert_wrong_host_openssl", "certificate_list.1 subject: good: NO, Harbour "),
    ("mtls12_fullchain_openssl", "mtls12_missing_intermediate_openssl", "certificate_list: good: 2 certificates"),
    ("mtls12_fullchain_openssl", "mtls12_empty_required_openssl", "bad: no certificate"),
    ("tls12_ecdhe_rsa_aes128gcm_openssl", "alert_protocol_version_openssl", "bad: server: alert protocol_version (packet 6)"),
    ("tls12_alpn_h2_node", "alert_no_application_protocol_go", "application_layer_protocol_negotiation"),
    ("tls13_full_openssl", "tls13_hrr_openssl", "hello_retry_request"),
)


@pytest.mark.parametrize("good, bad, what", PAIRS)
def test_pairs(good: str, bad: str, what: str, shared: str) -> None:
    paths = [os.path.join(shared, "corpus", f"{name}.X.txt") for name in (good, bad)]
    if not all(map(os.path.exists, paths)):
        pytest.skip("the corpus has no such capture")
    lines = told(load(paths[0]), load(paths[1]))
    assert what in first(lines), "\n".join(lines)
    text = "\n".join(lines)
    for apart in ("random", "gmt_unix_time", "serialNumber", "signatureValue", "encrypted_pre_master_secret", "10.1.7.20 "):
        assert apart not in text.replace("randoms", "")


def test_the_certificate_is_what_its_alert_is_about() -> None:
    def talk(name: str, end: str) -> bytes:
        names = {0: vector(2, b"\0" + vector(2, name.encode()))} if name else {}
        made = Talk().say(0, hs(hello(extensions=names, random=bytes((len(name),)) * 32)))
        made.segments(1, hs(server(), chain(cert("www.a.example", "A CA", "www.a.example", end=end)), DONE))
        return made.say(0, alert(2, 45) if end < "2024" else hs(CKE)).text()

    assert "notAfter" in first(told(talk("www.a.example", "2034-01-01"), talk("", "2021-01-01")))
    assert "server_name" in first(told(talk("www.a.example", "2021-01-01"), talk("", "2021-01-01")))


def test_a_suite_that_is_not_offered() -> None:
    good = Talk().say(0, hs(hello((0xC02F, 0xC030), {43: b"\4\3\4\3\3"}))).say(1, hs(server(0xC02F))).text()
    bad = Talk().say(0, hs(hello((0xC030,), {43: b"\2\3\3"}, random=bytes(32)))).say(1, alert(2, 40)).text()
    assert "cipher_suites" in first(told(good, bad))
    same = Talk().say(0, hs(hello((0xC02F, 0xC030), {43: b"\2\3\3"}, random=bytes(32)))).say(1, alert(2, 40)).text()
    assert "supported_versions" in first(told(good, same))


def test_a_trace_with_itself() -> None:
    lines = told(sample("tls12-ecdhe.txt"), sample("tls12-ecdhe.txt"))
    assert lines[-1] == "they show the same packets with the same bytes"


def test_two_captures_of_one_connection() -> None:
    """A byte turned in the ServerHello, and the client's key exchange lost: both are named, and nothing else."""
    good = sample("tls12-ecdhe.txt")
    bad = good.replace(b"0x0060:  c02f 0000 15ff", b"0x0060:  c030 0000 15ff", 1)
    lines = bad.splitlines(True)
    start = next(i for i, line in enumerate(lines) if b"seq 165:" in line and b"Flags [P.]" in line)
    stop = next(i for i in range(start + 1, len(lines)) if not lines[i].startswith(b"\t"))
    lines = told(good, b"".join(lines[:start] + lines[stop:]))
    changes = [line for line in lines if line.startswith(" server, stream offset")]
    assert len(changes) == 1 and "server_hello.cipher_suite: good 2f (packet 6, 0x0061), bad 30 (packet 6, 0x0061)" in changes[0]
    lost = [line for line in lines if "lacks it" in line]
    assert len(lost) == 1 and lost[0].startswith(" good.txt, packet 10 from the client: 93 bytes")


def test_what_it_takes(hexnote: Any) -> None:
    one = os.path.join(SAMPLES, "tls12-ecdhe.txt")
    alone = hexnote("--compare", one)
    assert alone.status == 2 and b"; 1 was given" in alone.err
    assert hexnote("--compare", one, one, one).status == 2
    assert hexnote("--compare", one, os.path.join(SAMPLES, "ssl3.txt")).out.startswith(b"good: ")
    for width in (60, 100):
        out = hexnote("--compare", one, os.path.join(SAMPLES, "ssl3.txt"), "--width", str(width)).out.decode()
        wide = [line for line in out.split("\n") if len(line) > width]
        assert all(len(line.split()) <= 2 for line in wide), wide  # names that have no room are not broken
    assert b"no TLS connection to compare in" in hexnote("--compare", one, "-", stdin=b"nothing here").out
