"""The tutorial's traces: what its pages explain, worked out by hand from RFC 2246, RFC 5280 and the bytes.

Offsets are stream offsets. A place is matched by offset, length and bytes, not by what we call it.
"""

from __future__ import annotations

import glob
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import pytest
from support import (
    Object,
    annotate,
    by_direction,
    hexes,
    lf_lines,
    load,
    objects,
    of,
    rows,
    sample,
    shared_path,
    stream_bytes,
    strip,
    untiled,
)

AUTH = "server-auth.txt"
MUTUAL = "mutual-auth-excerpt.txt"

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23


class Fact(NamedTuple):
    """A byte range that is explained: who sent it, where, its bytes (None: only its length), its value."""

    side: str
    offset: int
    length: int
    hex: Optional[str] = None
    value: Any = None
    name: str = ""  # a word that its registry name must have, where it has one


# (from, offset, length, content type, version); None where an SSL 2.0 record has neither.
RECORDS = [
    ("client", 0, 142, None, None),
    ("client", 142, 139, HANDSHAKE, 0x0301),
    ("client", 281, 6, CCS, 0x0301),
    ("client", 287, 53, HANDSHAKE, 0x0301),
    ("client", 340, 37, DATA, 0x0301),
    ("client", 377, 53, DATA, 0x0301),
    ("client", 430, 37, DATA, 0x0301),
    ("client", 467, 37, DATA, 0x0301),
    ("client", 504, 37, ALERT, 0x0301),
    ("server", 0, 79, HANDSHAKE, 0x0301),
    ("server", 79, 1630, HANDSHAKE, 0x0301),
    ("server", 1709, 9, HANDSHAKE, 0x0301),
    ("server", 1718, 6, CCS, 0x0301),
    ("server", 1724, 53, HANDSHAKE, 0x0301),
    ("server", 1777, 437, DATA, 0x0301),
]

MESSAGES = [
    ("server", 5, 74, 2, "server_hello"),
    ("server", 84, 1625, 11, "certificate"),
    ("server", 1714, 4, 14, "server_hello_done"),
    ("client", 147, 134, 16, "client_key_exchange"),
]

HELLO = [
    Fact("client", 2, 1, "01", 1),
    Fact("client", 3, 2, "0301", 0x0301),
    Fact("client", 5, 2, "0063", 99),
    Fact("client", 7, 2, "0000", 0),
    Fact("client", 9, 2, "0020", 32),
    Fact("client", 110, 32, "fb38cd4250d84a975ecf75549d9c898d1113b3141567505bd7b9273e3e4b257a"),
]

SERVER_HELLO = [
    Fact("server", 5, 1, "02", 2, "server_hello"),
    Fact("server", 6, 3, "000046", 70),
    Fact("server", 9, 2, "0301", 0x0301),
    Fact("server", 11, 4, "47cb3db1"),
    Fact("server", 15, 28, "3445b5c9f59b06c53ca8f563538b602d3eb4d6f3cc7e0b3b7c3f0863"),
    Fact("server", 43, 1, "20", 32),
    Fact("server", 44, 32, "21600f979736fb6017860197d9747cf234ab413c3cc1fcd8c5a009918abac316"),
    Fact("server", 76, 2, "0035", 0x35, "RSA_WITH_AES_256_CBC_SHA"),
    Fact("server", 78, 1, "00", 0, "null"),
]

CERTIFICATE = [
    Fact("server", 84, 1, "0b", 11, "certificate"),
    Fact("server", 85, 3, "000655", 1621),
    Fact("server", 88, 3, "000652", 1618),
    Fact("server", 91, 3, "000325", 805),
    Fact("server", 899, 3, "000327", 807),
]

OTHERS = [
    Fact("server", 1714, 1, "0e", 14, "server_hello_done"),
    Fact("server", 1715, 3, "000000", 0),
    Fact("client", 147, 1, "10", 16, "client_key_exchange"),
    Fact("client", 148, 3, "000082", 130),
    Fact("client", 151, 2, "0080", 128),
    Fact("client", 153, 128),
    Fact("client", 286, 1, "01", 1),
    Fact("client", 292, 48),
    Fact("server", 1723, 1, "01", 1),
    Fact("server", 1729, 48),
    Fact("client", 345, 32),
    Fact("client", 382, 48),
    Fact("client", 435, 32),
    Fact("client", 472, 32),
    Fact("client", 509, 32),
]

# Texts of the two certificates (RFC 5280 section 4.1.2) at the contents of their DER strings.
NAMES = [
    (109, 16, None),  # serial number
    (205, 13, "Thawte SGC CA"),
    (222, 13, None),  # notBefore 070503153458Z
    (237, 13, None),  # notAfter 080514231811Z
    (321, 10, "Google Inc"),
    (342, 14, "www.google.com"),
    (962, 14, "VeriSign, Inc."),
    (987, 46, "Class 3 Public Primary Certification Authority"),
    (1130, 13, "Thawte SGC CA"),
]

# The 33 cipher specs, in order (RFC 2246 appendix E; the page's own list lacks 00000a and 00002f).
SPECS = """
000039 000038 000035 000016 000013 00000a 0700c0 000033 000032 00002f 030080 000066 000005 000004 010080 080080
000063 000062 000061 000015 000012 000009 060040 000065 000064 000060 000014 000011 000008 000006 040080 000003
020080
""".split()

# (packet, from, stream offset, payload bytes) of every packet with payload; packets counted by summary lines.
PAYLOADS = [
    (4, "client", 0, 142), (6, "server", 1418, 300), (8, "server", 0, 1418), (10, "client", 142, 139),
    (12, "client", 281, 59), (14, "server", 1718, 59), (15, "client", 340, 90), (17, "client", 430, 74),
    (21, "server", 1777, 437), (23, "client", 504, 37),
]


@pytest.fixture(scope="module")
def auth() -> List[Object]:
    return objects(sample(AUTH))


@pytest.fixture(scope="module")
def mutual() -> List[Object]:
    return objects(sample(MUTUAL))


def leaves(found: List[Object], side: str) -> Dict[Tuple[int, int], List[Object]]:
    """The fields of one side by (offset, length)."""
    out: Dict[Tuple[int, int], List[Object]] = {}
    for (_, whose), fields in by_direction(found, "field").items():
        if whose == side:
            for field in fields:
                out.setdefault((field["offset"], field["length"]), []).append(field)
    return out


def holds(found: List[Object], fact: Fact) -> None:
    """A leaf stands at the place of the fact, with its bytes and its value."""
    here = leaves(found, fact.side).get((fact.offset, fact.length), [])
    assert here, f"no leaf at {fact}"
    field = here[0]
    if fact.hex is not None:
        assert field["hex"] == fact.hex, fact
    if fact.value is not None:
        assert field["value"] == fact.value, fact
    if fact.name:
        assert fact.name.lower() in str(field["name"]).lower(), fact


def listed(found: List[Object], kind: str, *keys: str) -> List[Tuple[Any, ...]]:
    """The objects of one kind as tuples, in the order of the tables above."""
    made = [tuple(o[key] for key in keys) for o in of(found, kind)]
    return sorted(made, key=lambda t: (t[0], t[1]))


# ------------------------------------------------------------------ the first trace


def test_the_fifteen_records(auth: List[Object]) -> None:
    assert listed(auth, "record", "from", "offset", "length", "type", "version") == RECORDS
    formats = [o["format"] for o in sorted(of(auth, "record"), key=lambda o: (o["from"], o["offset"]))]
    assert formats == ["ssl2"] + ["tls"] * 14
    assert {o["stream"] for o in of(auth, "record")} == {0}


def test_which_records_are_encrypted(auth: List[Object]) -> None:
    clear = {"client": (0, 142, 281), "server": (0, 79, 1709, 1718)}
    for record in of(auth, "record"):
        assert record["encrypted"] == (record["offset"] not in clear[record["from"]]), record


def test_the_messages(auth: List[Object]) -> None:
    made = listed(auth, "message", "from", "offset", "length", "type", "name")
    assert sorted(m for m in made if m[0] == "server" or m[1] >= 142) == sorted(MESSAGES)
    assert all(o["missing"] == 0 for o in of(auth, "message"))


@pytest.mark.parametrize("side, offset, length, kind, version", RECORDS[1:])
def test_record_headers(auth: List[Object], side: str, offset: int, length: int, kind: int, version: int) -> None:
    holds(auth, Fact(side, offset, 1, f"{kind:02x}", kind))
    holds(auth, Fact(side, offset + 1, 2, "0301", version))
    holds(auth, Fact(side, offset + 3, 2, f"{length - 5:04x}", length - 5))


@pytest.mark.parametrize("fact", HELLO + SERVER_HELLO + CERTIFICATE + OTHERS)
def test_what_the_page_explains(auth: List[Object], fact: Fact) -> None:
    holds(auth, fact)


def test_ssl2_record_header(auth: List[Object]) -> None:
    """RFC 2246 appendix E: the high bit says two bytes of header, the other fifteen are the length."""
    field = leaves(auth, "client")[0, 2][0]
    assert field["hex"] == "808c"
    assert 140 in field["bits"].values()


def test_the_clock(auth: List[Object]) -> None:
    field = leaves(auth, "server")[11, 4][0]
    assert field["value"] in (1204501937, "2008-03-02 23:52:17 UTC") or "2008-03-02" in str(field["value"])


def test_the_33_cipher_specs(auth: List[Object]) -> None:
    here = leaves(auth, "client")
    assert [here[at, 3][0]["hex"] for at in range(11, 110, 3)] == SPECS
    assert all(here[at, 3][0]["name"] for at in range(11, 110, 3))
    assert here[11, 3][0]["name"].upper().startswith("TLS_DHE_RSA_WITH_AES_256_CBC_SHA")
    assert "DES_192_EDE3" in here[29, 3][0]["name"].upper()


@pytest.mark.parametrize("offset, length, text", NAMES)
def test_the_names_in_the_certificates(auth: List[Object], offset: int, length: int, text: Optional[str]) -> None:
    field = leaves(auth, "server")[offset, length][0]
    if text is not None:
        assert field["value"] == text
        assert field["hex"] == text.encode().hex()


def test_the_certificates_themselves(auth: List[Object]) -> None:
    """Each is a group of its own, 805 and 807 bytes, tiled to its last byte."""
    groups = {(o["offset"], o["length"]) for o in of(auth, "group") if o["from"] == "server"}
    assert {(94, 805), (902, 807)} <= groups
    # RFC 5280 section 4.1.2.7: the first key's modulus (a leading zero, 128 bytes) and exponent
    edges = {edge for at, size in leaves(auth, "server") for edge in (at, at + size)}
    assert {384, 513, 515, 518} <= edges


def test_the_hole_in_the_last_record(auth: List[Object]) -> None:
    (last,) = [o for o in of(auth, "record") if (o["from"], o["offset"]) == ("server", 1777)]
    assert last["missing"] == 368
    known = stream_bytes(auth)[0, "server"]
    assert sorted(set(range(2214)) - set(known)) == list(range(1805, 2173))
    (body,) = (f for f in of(auth, "field") if (f["from"], f["offset"], f["length"]) == ("server", 1782, 432))
    assert hexes(body).count("..") == 368


def test_the_packets(auth: List[Object]) -> None:
    packets = of(auth, "packet")
    lines = [i for i, line in enumerate(lf_lines(sample(AUTH)), 1) if line.startswith(b"IP ")]
    assert [p["line"] for p in packets] == lines
    assert [p["packet"] for p in packets] == list(range(1, len(lines) + 1))
    assert [(p["packet"], p["from"], p["offset"], p["payload"]) for p in packets if p["payload"]] == PAYLOADS
    assert {p["stream"] for p in packets} == {0}
    ends = {"client": ("216.182.45.246", 63875), "server": ("64.233.169.99", 443)}
    for p in packets:
        assert (p["src"], p["sport"]) == ends[p["from"]]


def test_the_first_packets_headers(auth: List[Object]) -> None:
    """RFC 791 and RFC 793 section 3.1: 20 bytes of IP, 40 of TCP with its options, no payload."""
    first = of(auth, "packet")[0]
    assert (first["link"], first["ip"], first["tcp"], first["payload"], first["flags"]) == (0, 20, 40, 0, "S")
    assert (first["seq"], first["ack"]) == (2327361744, None)
    assert {(p["ip"], p["tcp"]) for p in of(auth, "packet")[1:] if p["payload"] and p["packet"] != 6} == {(20, 32)}


def test_the_packet_without_headers(auth: List[Object]) -> None:
    """Its place is told by its summary line: bytes 1419 to 1719, counted from 1."""
    packet = of(auth, "packet")[5]
    assert (packet["offset"], packet["payload"], packet["captured"], packet["from"]) == (1418, 300, 300, "server")
    known = stream_bytes(auth)[0, "server"]
    assert bytes(known[at] for at in range(1418, 1426)) == bytes.fromhex("a024a02286206874")


def test_every_captured_byte_is_told(auth: List[Object]) -> None:
    known = stream_bytes(auth)
    assert set(known[0, "client"]) == set(range(541))
    assert not untiled(auth)


def test_carets_stand_where_the_page_has_them() -> None:
    """The ServerHello's row 0x0030: each of its fields has a line with carets under just its bytes."""
    lines = lf_lines(annotate(sample(AUTH)))
    row = next(i for i, line in enumerate(lines) if b"0x0030:  0981 ae1f 1603 0100 4a02" in line)
    below = []
    for line in lines[row + 1 :]:
        if not line.startswith(b";|"):
            break
        below.append(line.decode("ascii"))
    text = lines[row].decode("ascii")

    def columns(first: int, count: int) -> List[int]:
        start = text.index("0981 ae1f")
        places = [start + 2 * i + i // 2 for i in range(first, first + count)]
        return [column for place in places for column in (place, place + 1)]

    for first, count, words in (
        (4, 1, "handshake"), (5, 2, "1.0"), (7, 2, "74"), (9, 1, "server_hello"), (10, 3, "70"), (13, 2, "1.0"),
    ):
        told = [line for line in below if [i for i, c in enumerate(line) if c == "^"] == columns(first, count)]
        assert len(told) == 1, (first, below)
        assert words in told[0] or words in below[below.index(told[0]) + 1]


# ------------------------------------------------------------------ the second trace

MUTUAL_FACTS = [
    Fact("server", 0, 1, "16", 22),
    Fact("server", 1, 2, "0301", 0x0301),
    Fact("server", 3, 2, "19a2", 6562),
    Fact("server", 5, 1, "02", 2, "server_hello"),
    Fact("server", 6, 3, "000046", 70),
    Fact("server", 9, 2, "0301", 0x0301),
    Fact("server", 11, 4, "00000047"),
    Fact("server", 15, 28, "a516d0d18ff0370478b468407086ebc420d63f5beaf8dd1e727c7c8e"),
    Fact("server", 43, 1, "20", 32),
    Fact("server", 44, 32, "00000143256394d7b750c385cc363112ec86df205858585847d540360000ccc7"),
    Fact("server", 76, 2, "0035", 0x35, "RSA_WITH_AES_256_CBC_SHA"),
    Fact("server", 78, 1, "00", 0, "null"),
    Fact("server", 79, 1, "0b", 11, "certificate"),
    Fact("server", 80, 3, "000c14", 3092),
    Fact("server", 83, 3, "000c11", 3089),
    Fact("server", 86, 3, "000528", 1320),
    Fact("server", 1409, 3, "0004a0", 1184),
    Fact("server", 2596, 3, "000240", 576),
    Fact("server", 3175, 1, "0d", 13, "certificate_request"),
    Fact("server", 3176, 3, "000d38", 3384),
    Fact("server", 3179, 1, "01", 1),
    Fact("server", 3180, 1, "01", 1, "rsa_sign"),
    Fact("server", 3181, 2, "0d34", 3380),
    Fact("server", 3183, 2, "0061", 97),
    Fact("server", 3198, 2, "5553", "US"),
    Fact("server", 3211, 14, b"VeriSign, Inc.".hex(), "VeriSign, Inc."),
    Fact("server", 3236, 46, None, "Class 3 Public Primary Certification Authority"),
    Fact("server", 3282, 2, "0061", 97),
    Fact("server", 6563, 1, "0e", 14, "server_hello_done"),
    Fact("server", 6564, 3, "000000", 0),
]

# What the excerpt shows, as stream ranges: rows of segments of 1428 bytes whose payload begins at 0x34.
SHOWN = [
    (0, 92), (1404, 1440), (2592, 2608), (2848, 2868), (3172, 3284), (4276, 4296), (5704, 5724), (6556, 6567),
]


def test_the_one_record(mutual: List[Object]) -> None:
    (record,) = of(mutual, "record")
    assert (record["from"], record["offset"], record["length"]) == ("server", 0, 6567)
    assert (record["type"], record["version"], record["encrypted"]) == (HANDSHAKE, 0x0301, False)
    assert record["missing"] == 6567 - sum(hi - lo for lo, hi in SHOWN) == 6240


def test_the_four_messages(mutual: List[Object]) -> None:
    assert listed(mutual, "message", "offset", "length", "name", "missing") == [
        (5, 74, "server_hello", 0), (79, 3096, "certificate", 3008),
        (3175, 3388, "certificate_request", 3232), (6563, 4, "server_hello_done", 0),
    ]


@pytest.mark.parametrize("fact", MUTUAL_FACTS)
def test_what_the_page_explains_of_the_second_trace(mutual: List[Object], fact: Fact) -> None:
    holds(mutual, fact)


def test_three_certificates_with_holes(mutual: List[Object]) -> None:
    places = {(o["offset"], o["length"]) for kind in ("group", "field") for o in of(mutual, kind)}
    assert {(89, 1320), (1412, 1184), (2599, 576)} <= places
    assert (3185, 97) in places  # the first name of the list
    assert (3183, 3380) in places or (3181, 3382) in places


def test_five_packets(mutual: List[Object]) -> None:
    packets = of(mutual, "packet")
    assert [p["offset"] for p in packets] == [0, 1428, 2856, 4284, 5712]
    assert {p["from"] for p in packets} == {"server"}


def test_captured_counts_all_that_is_shown_of_a_packet(auth: List[Object], mutual: List[Object]) -> None:
    """Rows behind an elision count too."""
    assert of(auth, "packet")[20]["captured"] == 437 - 368
    assert [p["captured"] for p in of(mutual, "packet")] == [116, 36, 132, 20, 23]


def test_bytes_and_holes(mutual: List[Object]) -> None:
    """The bytes are just those of the excerpt, each at its place."""
    packet, before, truth = -1, 10**6, {}
    for offset, data in rows(sample(MUTUAL)):
        offset += 4 if packet >= 0 and offset == 0x30 and len(data) == 12 else 0  # the blanked start
        packet += offset < before
        before = offset
        for i, byte in enumerate(data, offset):
            if i >= 0x34:
                truth[packet * 1428 + i - 0x34] = byte
    assert sorted(truth) == [at for lo, hi in SHOWN for at in range(lo, hi)]
    (known,) = stream_bytes(mutual).values()
    assert known == truth
    assert not untiled(mutual)


# ------------------------------------------------------------------ the whole page


@pytest.fixture(scope="module")
def page() -> bytes:
    (path,) = glob.glob(os.path.join(shared_path("seeds"), "004*"))
    return load(path)


def test_the_page_gives_the_same_records(page: bytes, auth: List[Object]) -> None:
    found = [o for o in objects(page) if o.get("stream") == 0]
    keys = ("from", "offset", "length", "format", "type", "version", "encrypted", "missing")
    assert listed(found, "record", *keys) == listed(auth, "record", *keys)
    keys = ("from", "offset", "length", "type", "name", "missing")
    assert listed(found, "message", *keys) == listed(auth, "message", *keys)


def test_the_page_gives_the_same_fields(page: bytes, auth: List[Object]) -> None:
    found = [o for o in objects(page) if o.get("stream") == 0]
    keys = ("from", "offset", "length", "path", "hex", "name")
    assert set(listed(found, "field", *keys)) == set(listed(auth, "field", *keys))


def test_the_page_holds_the_second_trace_too(page: bytes, mutual: List[Object]) -> None:
    """Its record of 6562 bytes, with all four messages, in a stream of its own."""
    found = [o for o in objects(page) if o.get("stream") not in (0, None)]
    assert (6567, 6240) in {(o["length"], o["missing"]) for o in of(found, "record")}
    names = [o["name"] for o in of(found, "message")]
    assert names == ["server_hello", "certificate", "certificate_request", "server_hello_done"]


def test_the_page_comes_back(page: bytes) -> None:
    assert strip(annotate(page)) == page


def test_the_samples_are_the_tutorials() -> None:
    for name in (AUTH, MUTUAL):
        assert sample(name) == load(shared_path("seeds", "traces", name))


def test_each_row_is_echoed_once() -> None:
    text = sample(AUTH)
    kept = [line for line in lf_lines(annotate(text)) if not line.startswith(b";|")]
    assert kept == lf_lines(text)
    assert not re.search(rb"[^\x09\x0a\x20-\x7e]", annotate(text))
