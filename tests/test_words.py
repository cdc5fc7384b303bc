"""Traces in words: the same records without bytes, and the same findings as far as they hold."""

from __future__ import annotations

import glob
import os
import random
import shutil
import subprocess
from typing import Any, List, Tuple

import pytest
from support import annotate, load, objects, of, sample, strip

SEQUENCE = b"""A handshake of ours:
Client sends ClientHello
Server sends ServerHello, Certificate, CertificateRequest, ServerHelloDone.
Client -> Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished
Server -> alert (fatal, unknown_ca)
"""


def told(text: bytes) -> List[Tuple[str, str]]:
    """Who sent which message, or which type of record."""
    made = []
    for one in objects(text):
        if one["kind"] == "record" and (one["encrypted"] or one["type"] != 22):
            made.append((one["from"], f"{'*' if one['encrypted'] else ''}{one['type']}"))
        elif one["kind"] == "message":
            made.append((one["from"], one["name"]))
    return made


def codes(text: bytes) -> List[str]:
    return [one["code"] for one in of(objects(text), "finding")]


def test_what_people_say() -> None:
    assert told(SEQUENCE) == [
        ("client", "client_hello"), ("server", "server_hello"), ("server", "certificate"), ("server", "certificate_request"),
        ("server", "server_hello_done"), ("client", "certificate"), ("client", "client_key_exchange"),
        ("client", "certificate_verify"), ("client", "20"), ("client", "*22"), ("server", "21"),
    ]  # fmt: skip
    assert "fatal-alert" in codes(SEQUENCE) and "client-certificate-requested" in codes(SEQUENCE)
    assert "client-certificate-missing" not in codes(SEQUENCE)
    for one in objects(SEQUENCE):
        if one["kind"] in ("record", "message"):
            assert one["offset"] is None
        if one["kind"] == "finding":
            assert one["at"] == [] and one["lines"] == [2, 5]


def test_the_thread_of_a_resumption_that_fails(shared: str) -> None:
    """DIAGNOSIS.md R12 to R15: resumed, a 36-byte Finished fits a set of suites, alert 20 in clear from the client."""
    text = load(glob.glob(os.path.join(shared, "seeds", "003*"))[0])
    assert told(text) == [("server", "server_hello"), ("server", "20"), ("server", "*22"), ("client", "21")]
    found = {one["code"]: one for one in of(objects(text), "finding")}
    assert {"resumed-session", "bad-record-mac-on-resumption", "cipher-class", "fatal-alert"} <= found.keys()
    assert "RC4" in found["cipher-class"]["text"] and "36 bytes" in found["cipher-class"]["text"]
    assert "disable resumption" in found["bad-record-mac-on-resumption"]["next"]
    lengths = [one["length"] for one in of(objects(text), "record")]
    assert lengths == [79, 6, 41, 7]


def test_the_thread_of_an_alert_that_cannot_be_encrypted(shared: str) -> None:
    text = load(glob.glob(os.path.join(shared, "seeds", "002*"))[0])
    found = {one["code"]: one for one in of(objects(text), "finding")}
    said = found["client-certificate-missing"]["text"]
    assert "ChangeCipherSpec can be encrypted" in said and "no_certificate (41)" in said and "another connection" in said
    assert found["client-certificate-missing"]["by"] == "client"


@pytest.mark.parametrize("number", ["000", "001"])
def test_mails_without_a_trace_tell_nothing(number: str, shared: str) -> None:
    assert told(load(glob.glob(os.path.join(shared, "seeds", number + "*"))[0])) == []


def test_words_count_only_where_no_bytes_are() -> None:
    trace = sample("tls12-ecdhe.txt")
    assert told(SEQUENCE + trace) == told(trace) == told(trace + SEQUENCE)


def test_prose_about_tls_tells_nothing(shared: str) -> None:
    text = load(glob.glob(os.path.join(shared, "seeds", "004*"))[0])
    prose = b"".join(line for line in text.splitlines(True) if b"0x0" not in line and not line.lstrip().startswith(b"IP "))
    assert told(prose) == []
    assert told(b"The client sends a hello, and the server answers.\nServer sends data to client\n") == []
    assert told(b"Client sends ClientHello\n") == []  # one line is no trace


TREE = b"""Frame 4: 140 bytes on wire (1120 bits), 140 bytes captured (1120 bits)
Internet Protocol Version 4, Src: 10.0.0.2, Dst: 10.0.0.1
Transmission Control Protocol, Src Port: 43690, Dst Port: 8443, Seq: 1, Ack: 1, Len: 74
Transport Layer Security
    TLSv1.2 Record Layer: Handshake Protocol: Client Hello
        Content Type: Handshake (22)
        Version: TLS 1.0 (0x0301)
        Length: 69
        Handshake Protocol: Client Hello
            Handshake Type: Client Hello (1)
            Length: 65
            Version: TLS 1.2 (0x0303)
Frame 5: 61 bytes on wire (488 bits), 61 bytes captured (488 bits)
Internet Protocol Version 4, Src: 10.0.0.1, Dst: 10.0.0.2
Transmission Control Protocol, Src Port: 8443, Dst Port: 43690, Seq: 1, Ack: 75, Len: 7
Transport Layer Security
    TLSv1.2 Record Layer: Alert (Level: Fatal, Description: Handshake Failure)
        Content Type: Alert (21)
        Version: TLS 1.2 (0x0303)
        Length: 2
        Alert Message
            Level: Fatal (2)
            Description: Handshake Failure (40)
"""


def test_trees() -> None:
    assert told(TREE) == [("client", "client_hello"), ("server", "21")]
    records = of(objects(TREE), "record")
    assert [(r["length"], r["version"]) for r in records] == [(74, 0x0301), (7, 0x0303)]
    assert "fatal-alert" in codes(TREE)
    quoted = b"".join(b"> " + line for line in TREE.splitlines(True))
    assert told(TREE + b"You wrote:\n" + quoted) == told(TREE) == told(quoted)
    assert told(TREE.replace(b"\n", b"\r\n")) == told(TREE)


def captures(shared: str) -> List[str]:
    names = ("tls12_ecdhe_rsa_aes128gcm_openssl", "mtls12_fullchain_openssl", "alert_handshake_failure_openssl",
             "tls12_ocsp_openssl")  # fmt: skip
    return [os.path.join(shared, "corpus", f"{name}.pcap") for name in names]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("form", [[], ["-V"]], ids=["list", "tree"])
def test_what_tshark_prints(form: List[str], shared: str) -> None:
    """The messages that tshark names are those that the bytes have, in order, side by side."""
    for path in captures(shared):
        command = ["tshark", "-n", "-r", path, "-o", "tcp.reassemble_out_of_order:TRUE", *form]
        text = subprocess.run(command, capture_output=True, check=True).stdout
        dump = load(path[:-5] + ".X.txt")
        words, truth = told(text), told(dump)
        for side in ("client", "server"):
            clear = [what for who, what in truth if who == side and not what.startswith("*")]
            assert [what for who, what in words if who == side and not what.startswith("*") and what != "finished"] == clear, path


def test_text_is_kept_as_it_is() -> None:
    made = annotate(SEQUENCE)
    assert strip(made) == SEQUENCE and made != SEQUENCE and annotate(made) == made


def test_any_lines_in_any_order() -> None:
    """Lines of trees, lists and sequences shuffled, cut and repeated: no exception."""
    lines = (TREE + SEQUENCE).splitlines(True) + [b"7 0.1 10.0.0.1 10.0.0.2 TLSv1 73 Alert (Level: Fatal)\n"]
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(60):
        chosen = [rng.choice(lines)[: rng.choice((None, None, 9, 30))] for _ in range(rng.randrange(30))]
        objects(b"ClientHello\n" + b"\n".join(chosen))


def test_long_prose_is_not_kept(hexnote: Any) -> None:
    text = b"Client sends ClientHello\nServer sends ServerHello\n" * 20_000
    assert told(text) == []
