"""TLS behind something else is found at its first byte; where there is none, none is found."""

from __future__ import annotations

import random
from typing import Any, Dict, List, Tuple

import pytest
from handshakes import CLIENT, SERVER, Wire, client_hello, dump, message, record, server_hello
from support import annotate, load, objects, of, shared_path, strip, untiled

HELLO = record(22, client_hello(), 0x0301)
ANSWER = record(22, server_hello()) + record(22, message(14, b""))

# Captures, and the stream offsets of both directions at which TLS begins.
CORPUS = {
    "connect_proxy_python": (81, 63), "proxy_v1_python": (48, 0), "starttls_imap_openssl": (26, 148),
    "starttls_ldap_openssl": (31, 14), "starttls_postgres_openssl": (8, 1), "starttls_smtp_openssl": (33, 157),
}  # fmt: skip
# Those in which one direction, or both, have none.
WITHOUT = {"plain_http_to_tls_openssl": {}, "craft_garbage": {}, "tls_to_plain_http_openssl": {"client": 0}}

Said = List[Tuple[int, bytes]]


def told(script: Said, size: int = 1460) -> List[Dict[str, Any]]:
    """What is made of a conversation, each line of the script in segments of at most `size` bytes."""
    wire = Wire()
    wire.open()
    at = [0, 0]
    for side, data in script:
        for cut in range(0, len(data), size):
            wire.send(side, data[cut : cut + size], at[side])
            at[side] += len(data[cut : cut + size])
        wire.ack(1 - side)
    wire.close(CLIENT)
    wire.close(SERVER)
    return objects(dump(wire.packets))


def starts(found: List[Dict[str, Any]]) -> Dict[str, int]:
    """Where the first record of each direction begins."""
    made: Dict[str, int] = {}
    for o in of(found, "record"):
        made.setdefault(o["from"], o["offset"])
    return made


@pytest.mark.parametrize("name", CORPUS)
def test_captures(name: str) -> None:
    found = objects(load(shared_path("corpus", f"{name}.X.txt")))
    assert starts(found) == dict(zip(("client", "server"), CORPUS[name]))
    clear = [o for o in of(found, "field") if o.get("buffer", "").startswith("other:")]
    protocol = clear[0]["path"].split(".")[0]
    assert protocol in {"connect_proxy_python": "http_connect", "starttls_postgres_openssl": "postgresql"}.get(name, name)
    assert sum(o["length"] for o in clear) == sum(CORPUS[name])


@pytest.mark.parametrize("name", WITHOUT)
def test_captures_without_tls(name: str) -> None:
    assert starts(objects(load(shared_path("corpus", f"{name}.X.txt")))) == WITHOUT[name]


C, S = CLIENT, SERVER
MYSQL_GREETING = bytes.fromhex("4a0000000a382e302e3335000b000000") + bytes(range(1, 59))
MYSQL_GREETING = MYSQL_GREETING[:0] + (len(MYSQL_GREETING) - 4).to_bytes(3, "little") + MYSQL_GREETING[3:]
# name of the dialogue in paths, what is said
DIALOGUES: List[Tuple[str, Said]] = [
    ("smtp", [(S, b"220 mx ESMTP\r\n"), (C, b"EHLO a\r\n"), (S, b"250-mx\r\n250 STARTTLS\r\n"), (C, b"STARTTLS\r\n"),
              (S, b"220 go ahead\r\n")]),
    ("smtp", [(S, b"220-mx\r\n220 ready\r\n"), (C, b"ehlo a\r\n"), (S, b"250 starttls\r\n"), (C, b"starttls\r\n"),
              (S, b"220 2.0.0 ok\r\n")]),
    ("imap", [(S, b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"), (C, b"a.1 STARTTLS\r\n"), (S, b"a.1 OK begin\r\n")]),
    ("pop3", [(S, b"+OK ready\r\n"), (C, b"CAPA\r\n"), (S, b"+OK\r\nSTLS\r\n.\r\n"), (C, b"STLS\r\n"), (S, b"+OK begin\r\n")]),
    ("ftp", [(S, b"220 welcome\r\n"), (C, b"AUTH TLS\r\n"), (S, b"234 proceed\r\n")]),
    ("nntp", [(S, b"200 news server\r\n"), (C, b"STARTTLS\r\n"), (S, b"382 continue\r\n")]),
    ("managesieve", [(S, b'"IMPLEMENTATION" "x"\r\n"STARTTLS"\r\nOK\r\n'), (C, b"STARTTLS\r\n"), (S, b"OK begin\r\n")]),
    ("irc", [(C, b"STARTTLS\r\n"), (S, b":irc.example 670 nick :STARTTLS successful\r\n")]),
    ("xmpp", [(C, b"<?xml version='1.0'?><stream:stream to='a'>"), (S, b"<stream:stream><stream:features/>"),
              (C, b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
              (S, b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")]),
    ("lmtp", [(S, b"220 mx LMTP ready\r\n"), (C, b"LHLO a\r\n"), (S, b"250-mx\r\n250 STARTTLS\r\n"), (C, b"STARTTLS\r\n"),
              (S, b"220 go\r\n")]),
    ("ldap", [(C, bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"),
              (S, bytes.fromhex("300c02010178070a010004000400"))]),
    ("postgresql", [(C, bytes.fromhex("0000000804d2162f")), (S, b"S")]),
    ("mysql", [(S, MYSQL_GREETING), (C, bytes.fromhex("2000000185ae7f00000000012d") + bytes(23))]),
    ("rdp", [(C, bytes.fromhex("030000130ee000000000000100080003000000")),
             (S, bytes.fromhex("030000130ed000001234000200080002000000"))]),
    ("http_connect", [(C, b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), (S, b"HTTP/1.1 200 OK\r\n\r\n")]),
    ("http_connect", [(C, b"CONNECT a:443 HTTP/1.1\r\n\r\n"), (S, b"HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n"),
                      (C, b"CONNECT a:443 HTTP/1.1\r\nProxy-Authorization: x\r\n\r\n"), (S, b"HTTP/1.0 200 OK\r\n\r\n")]),
    ("http_upgrade", [(C, b"OPTIONS * HTTP/1.1\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n"),
                      (S, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n\r\n")]),
    ("socks5", [(C, b"\5\1\0"), (S, b"\5\0"), (C, b"\5\1\0\3\1a\1\xbb"), (S, b"\5\0\0\1\0\0\0\0\0\0")]),
    ("socks5", [(C, b"\5\2\0\2"), (S, b"\5\2"), (C, b"\1\1a\1b"), (S, b"\1\0"), (C, b"\5\1\0\1\1\2\3\4\1\xbb"),
                (S, b"\5\0\0\1\0\0\0\0\0\0")]),
    ("socks4", [(C, b"\4\1\1\xbb\1\2\3\4me\0"), (S, b"\0\x5a\0\0\0\0\0\0")]),
    ("proxy_v1", [(C, b"PROXY TCP6 ::1 ::1 1 443\r\n")]),
    ("proxy_v2", [(C, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(range(12)))]),
]  # fmt: skip


@pytest.mark.parametrize("size", [1460, 1, 7])
@pytest.mark.parametrize("protocol, said", DIALOGUES, ids=lambda v: v if isinstance(v, str) else "")
def test_dialogues(protocol: str, said: Said, size: int) -> None:
    """Each in segments of one line, of one byte, and of seven."""
    found = told([*said, (C, HELLO), (S, ANSWER)], size)
    begun = {"client": sum(len(d) for s, d in said if s == C), "server": sum(len(d) for s, d in said if s == S)}
    assert starts(found) == begun
    assert [m["name"] for m in of(found, "message")] == ["client_hello", "server_hello", "server_hello_done"]
    clear = [o for o in of(found, "field") if o.get("buffer", "").startswith("other:")]
    assert sum(o["length"] for o in clear) == sum(begun.values())
    assert clear[-1]["path"].split(".")[0] == protocol


def test_tds() -> None:
    """TLS inside TDS packets as long as the handshake lasts, one message over two of them; then as it is."""

    def packet(kind: int, body: bytes, more: bool = False) -> bytes:
        return bytes((kind, 0 if more else 1)) + (8 + len(body)).to_bytes(2, "big") + bytes((0, 0, 1, 0)) + body

    prelogin = bytes.fromhex("00001a00060100200001") + b"\xff" + bytes(7)
    data = record(23, bytes(32))
    found = told([
        (C, packet(0x12, prelogin)), (S, packet(4, prelogin)), (C, packet(0x12, HELLO)),
        (S, packet(0x12, ANSWER[:50], True) + packet(0x12, ANSWER[50:])), (C, data), (S, data),
    ])
    assert [(m["name"], m["missing"]) for m in of(found, "message")] == [
        ("client_hello", 0), ("server_hello", 0), ("server_hello_done", 0)
    ]
    assert starts(found) == {"client": len(prelogin) + 16, "server": len(prelogin) + 16}
    assert [r["type"] for r in of(found, "record")] == [22, 22, 22, 23, 23]
    suite = next(o for o in found if o.get("path") == "server_hello.cipher_suite")
    assert suite["value"] == 0x002F
    end = max(o["offset"] + o["length"] for o in of(found, "field") if o["from"] == "server" and "buffer" not in o)
    assert end == 2 * 8 + len(prelogin) + 8 + len(ANSWER) + len(data)


def udp(body: bytes, port: int = 443) -> bytes:
    """An IPv4 packet with a UDP datagram."""
    datagram = (50000).to_bytes(2, "big") + port.to_bytes(2, "big") + (8 + len(body)).to_bytes(2, "big") + bytes(2) + body
    size = (20 + len(datagram)).to_bytes(2, "big")
    return b"\x45\0" + size + bytes(4) + b"\x40\x11\0\0" + bytes((10, 0, 0, 1, 10, 0, 0, 2)) + datagram


DTLS_HELLO = bytes.fromhex("16feff0000000000000000") + b"\0\x10" + b"\x01" + bytes(15)


@pytest.mark.parametrize("body, said", [
    (DTLS_HELLO, "DTLS 1.0 over UDP (handshake, client_hello)"),
    (bytes.fromhex("17fefd0001000000000005") + b"\0\x20" + bytes(32), "DTLS 1.2 over UDP (encrypted application_data)"),
    (bytes.fromhex("c30000000108") + bytes(8) + b"\0\0" + bytes(1180), "QUIC version 1 over UDP (Initial packet)"),
    (bytes.fromhex("d36b3343cf08") + bytes(8) + b"\0\0" + bytes(1180), "QUIC version 2 over UDP (Initial packet)"),
    (bytes.fromhex("800000000000") + b"\0" + bytes.fromhex("00000001"), "QUIC version negotiation"),
    (bytes.fromhex("1234010000010000000000000377777707") + b"example\0\0\1\0\1", ""),  # DNS
    (HELLO, ""),
    (b"", ""),
])  # fmt: skip
def test_kin_of_tls_in_udp(body: bytes, said: str) -> None:
    rows = dump([udp(body)], summaries=False)
    text = annotate(rows).decode()
    assert (said in text) if said else ("QUIC" not in text and "DTLS" not in text)
    assert not of(objects(rows), "record")


def carried(protocol: int, body: bytes) -> bytes:
    """An IPv4 packet with anything."""
    head = b"\x45\0" + (20 + len(body)).to_bytes(2, "big") + bytes(4) + bytes((64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2))
    return head + body


INNER4, INNER6 = b"\x45" + bytes(39), b"\x60" + bytes(59)


@pytest.mark.parametrize("packet, said", [
    (carried(4, INNER4), "an IPv4 packet inside IP, a tunnel: named, not read; of an Ethernet capture, editcap -C 14:20 takes"),
    (b"\x60\0\0\0\0\x28\4\x40" + (b"\x20\1\x0d\xb8" + bytes(12)) * 2 + INNER4, "an IPv4 packet inside IP, a tunnel: named"),
    (carried(41, INNER6), "an IPv6 packet inside IP, a tunnel: named, not read"),
    (carried(47, bytes.fromhex("00000800") + INNER4), "an IPv4 packet inside GRE, a tunnel: named, not read; of an Ethernet "
                                                      "capture, editcap -C 14:24"),
    (carried(47, bytes.fromhex("300008000000002a00000001") + INNER4), "editcap -C 14:32"),
    (carried(47, bytes.fromhex("00006558") + bytes(14) + INNER4), "an Ethernet frame inside GRE, a tunnel: named, not read"),
    (udp(bytes.fromhex("0800000000002a00") + bytes(12) + b"\x08\0" + INNER4, 4789), "an Ethernet frame inside VXLAN, a tunnel"),
    (carried(4, bytes(40)), ""), (carried(47, b"\0\1\x88\x0b" + INNER4), ""),
    (udp(bytes.fromhex("0800000000002a00") + INNER4, 4790), ""), (carried(89, INNER4), ""),
])  # fmt: skip
def test_tunnels_are_named(packet: bytes, said: str) -> None:
    text = " ".join(annotate(dump([packet], summaries=False)).decode().replace(";|", " ").split())
    assert (said in text) if said else "tunnel" not in text


@pytest.mark.parametrize("protocol", ["proxy_v1", "proxy_v2", "mysql"])
def test_hello_in_the_same_segment(protocol: str) -> None:
    said = dict(DIALOGUES)[protocol]
    joined = [*said[:-1], (C, said[-1][1] + HELLO), (S, ANSWER)]
    found = told(joined)
    assert starts(found)["client"] == len(said[-1][1])


@pytest.mark.parametrize("protocol, wanted", [
    ("proxy_v2", {"proxy_v2.family": 0x11, "proxy_v2.source": "0.1.2.3", "proxy_v2.destination_port": 0x0A0B}),
    ("postgresql", {"postgresql.request_code": 80877103, "postgresql.answer": "S"}),
    ("socks4", {"socks4.command": 1, "socks4.user": "me\0", "socks4.address": "0.0.0.0", "socks4.code": 90}),
    ("rdp", {"rdp.type": 0xD0, "rdp.length": 19}),
])  # fmt: skip
def test_what_is_no_text(protocol: str, wanted: Dict[str, Any]) -> None:
    """Formats of their own, and their leaves cover all."""
    said = dict(DIALOGUES)[protocol]
    clear = [o for o in of(told([*said, (C, HELLO), (S, ANSWER)]), "field") if o.get("buffer", "").startswith("other:")]
    got = {o["path"]: o["value"] for o in clear}
    assert {path: got.get(path) for path in wanted} == wanted
    assert sum(o["length"] for o in clear) == sum(len(data) for _, data in said)
    assert len(clear) > 2


def test_names_of_a_proxy_request() -> None:
    clear = [o for o in of(told([*DIALOGUES[-5][1], (C, HELLO), (S, ANSWER)]), "field") if o.get("buffer", "").startswith("other:")]
    named = {o["path"]: o["name"] for o in clear if o["name"]}
    assert named["socks5.command"] == "connect" and named["socks5.reply"] == "succeeded"
    assert {o["path"]: o["value"] for o in clear}["socks5.domain"] == "a"


def test_unknown_preface() -> None:
    for size in (1460, 3):
        found = told([(C, b"\xde\xad\xbe\xef\0\1"), (S, b"\xca\xfe"), (C, HELLO), (S, ANSWER)], size if size > 3 else 1460)
        assert starts(found) == {"client": 6, "server": 2}
    assert starts(told([(C, b"\xde\xad\xbe\xef\0\1" + HELLO), (S, ANSWER)])) == {"client": 6, "server": 0}


def test_refused() -> None:
    """No TLS where the server says no, and the dialogue goes on in clear."""
    found = told([(C, bytes.fromhex("0000000804d2162f")), (S, b"N"), (C, bytes.fromhex("0000000a00030000") + b"a\0")])
    assert starts(found) == {}


HEADERS = b"\x16\x03\x01\x00\x20" + bytes(32) + b"\x17\x03\x01\x00\x10" + bytes(16)
BODY = HELLO + HEADERS
HTTP: List[Said] = [
    [(C, b"POST /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY), (S, b"HTTP/1.1 200 OK\r\n\r\n" + ANSWER)],
    [(C, b"GET /trace.pcap HTTP/1.1\r\n\r\n"), (S, b"HTTP/1.1 200 OK\r\n\r\n"), (S, ANSWER), (S, HEADERS)],
    [(C, b"PUT /a HTTP/1.1\r\nExpect: 100-continue\r\n\r\n"), (S, b"HTTP/1.1 100 Continue\r\n\r\n"), (C, HELLO),
     (S, b"HTTP/1.1 201 Created\r\n\r\n")],
    [(S, b"SSH-2.0-x\r\n"), (C, b"SSH-2.0-y\r\n"), (S, bytes.fromhex("0000044c0914") + HELLO), (C, HEADERS), (S, ANSWER)],
    [(S, b"220 mx ESMTP\r\n"), (C, b"EHLO a\r\n"), (S, b"250 ok\r\n"), (C, b"DATA\r\n"), (S, b"354 go\r\n"),
     (C, b"Subject: trace\r\n\r\n" + HELLO + b"\r\n.\r\n"), (S, b"250 ok\r\n")],
]  # fmt: skip


@pytest.mark.parametrize("said", HTTP)
@pytest.mark.parametrize("size", [1460, 100])
def test_no_tls_in_other_protocols(said: Said, size: int) -> None:
    assert starts(told(said, size)) == {}


def test_no_tls_in_random_bytes() -> None:
    rng = random.Random(7)
    for _ in range(40):
        said: Said = [(rng.randrange(2), rng.randbytes(rng.randrange(5, 1400))) for _ in range(10)]
        # Its first bytes are no record; later ones have headers that follow each other, but no hello.
        said[0] = (said[0][0], b"\x99" + said[0][1])
        side = next((s for s, _ in said if s != said[0][0]), 0)
        said = [(s, b"\x99" + d if s == side else d) for s, d in said]
        said.append((rng.randrange(2), rng.randbytes(30) + HEADERS + rng.randbytes(30)))
        assert starts(told(said)) == {}


def test_damaged_dialogues() -> None:
    """Bytes changed, cut, doubled, lost: every byte still belongs to one leaf, and the text comes out again."""
    rng = random.Random(11)
    for _ in range(60):
        wire = Wire()
        if rng.randrange(5):
            wire.open()
        at = [0, 0]
        size = rng.choice((1, 2, 5, 40, 1460))
        for side, data in [*rng.choice(DIALOGUES)[1], (C, HELLO), (S, ANSWER)]:
            raw = bytearray(data)
            for _ in range(rng.choice((0, 0, 1, 3))):
                place = rng.randrange(len(raw) + 1)
                if rng.randrange(3):
                    raw[place : place + rng.randrange(3)] = rng.randbytes(rng.randrange(4))
                else:
                    raw[place:place] = raw[:place]
            side = side if rng.randrange(30) else 1 - side
            for cut in range(0, len(raw), size):
                piece = bytes(raw[cut : cut + size])
                if rng.randrange(50):
                    wire.send(side, piece, at[side])
                at[side] += len(piece)
        text = dump(wire.packets)
        assert strip(annotate(text)) == text
        assert not untiled(objects(text))


def test_a_client_that_does_not_wait_for_yes() -> None:
    """STARTTLS and the hello at once: behind the server's yes its TLS begins with any record, an alert too."""
    script: Said = [(SERVER, b"220 FTP ready\r\n"), (CLIENT, b"AUTH TLS\r\n"), (CLIENT, HELLO), (SERVER, b"234 go\r\n"),
                    (SERVER, record(21, b"\2\x32"))]
    assert "fatal-alert" in {f["code"] for f in of(told(script), "finding")}
    assert [m["name"] for m in of(told([*script[:4], (SERVER, ANSWER)]), "message")][:2] == ["client_hello", "server_hello"]


def test_a_client_whose_hello_is_lost_behind_a_dialogue() -> None:
    """The server's yes tells where its TLS begins; where that is lost too, its encrypted alert is no malformed one in clear."""
    flight = (SERVER, ANSWER + record(20, b"\1") + record(22, bytes(40)))
    talk: Said = [(SERVER, b"220 FTP ready\r\n"), (CLIENT, b"AUTH TLS\r\n"), (SERVER, b"234 go\r\n"), (CLIENT, HELLO), flight]
    wire = Wire()
    wire.open()
    at = [0, 0]
    for side, data in [*talk, (SERVER, record(23, bytes(30))), (SERVER, record(21, bytes(26)))]:
        wire.send(side, data, at[side])
        at[side] += len(data)
    lost = objects(dump([packet for packet in wire.packets if HELLO not in packet]))
    assert [m["name"] for m in of(lost, "message")][:1] == ["server_hello"]
    asked = objects(dump([packet for packet in wire.packets if b"AUTH" not in packet and HELLO not in packet]))
    assert "malformed" not in {f["code"] for f in of(asked, "finding")}
