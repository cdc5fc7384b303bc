"""`--redact`: the same story, and nothing in it that names anybody."""

from __future__ import annotations

import base64
import glob
import json
import os
import re
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from conftest import SAMPLES, SHARED
from support import WHOLE, collected, load, objects, sample

from hexnote.render.redact import KINDS, redacted
from hexnote.render.standins import StandIns, addresses, written

STORIES = sorted(os.path.basename(p)[:-4] for p in glob.glob(os.path.join(SAMPLES, "*.txt")))
# What stays in JSON whatever is replaced.
SAME = ("kind", "packet", "line", "stream", "from", "path", "offset", "length", "at", "buffer", "type", "version", "encrypted",
        "missing", "format", "code", "severity", "by", "sure", "seen", "sport",
        "dport", "time", "flags", "seq", "ack", "link", "ip", "tcp", "payload",
        "captured")  # fmt: skip


def redact(data: bytes, keep: Tuple[str, ...] = ()) -> bytes:
    return b"".join(redacted(collected(data), frozenset(keep)))


def story(data: bytes) -> List[Dict[str, Any]]:
    """What JSON tells, but for values; of packets whose addresses are names, not which address."""
    return [{key: one[key] for key in SAME if key in one} for one in objects(data)]


def secrets(data: bytes) -> Iterator[Tuple[str, bytes]]:
    """Every byte string of six and more that names somebody: (kind, bytes)."""
    report = collected(data)
    for field in report.fields():
        raw = None if field.group else field.raw
        if raw is None or len(raw) < 6 or len(set(raw)) < 3 or field.buffer.startswith("plain"):
            continue
        if field.node.name in ("random", "random_bytes", "challenge"):
            if raw.hex().startswith("cf21ad74") or b"DOWNGRD" in raw:
                continue
            yield "random", raw
        elif field.node.name in ("session_id", "ticket", "serialNumber", "modulus", "signatureValue", "signature", "keyIdentifier"):
            yield field.node.name, raw
        elif field.node.show == "text" and field.node.type != "ProtocolName" and not field.buffer:
            yield "name", raw
    for packet in report.packets:
        for name in (packet.src, packet.dst):
            for _, _, raw in addresses(name or ""):
                if raw[0] not in (0, 127) and any(raw[:15]):
                    yield "address", name.encode() if name else raw
                    if len(raw) > 4:
                        yield "address", raw


def plain(text: bytes) -> Tuple[bytes, bytes, bytes]:
    """The text as it may be searched: as it is, its rows' bytes joined, its text columns joined."""
    report = collected(text)
    rows = [row for packet in report.packets for row in packet.rows()]
    column = b"".join(row.raw[row.text : row.text + 16].rstrip() for row in rows if row.text >= 0)
    return text, b"".join(row.data for row in rows), column


@pytest.mark.parametrize("name", STORIES)
def test_same_story_and_no_secret(name: str) -> None:
    held(sample(name + ".txt"))


def held(data: bytes) -> None:
    new = redact(data)
    assert new.count(b"\n") == data.count(b"\n")
    before, after = story(data), story(new)
    assert after == before
    text, rows, column = plain(new)
    digits = re.sub(rb"\s", b"", text)
    found = set()
    for kind, raw in secrets(data):
        forms = {raw, raw.hex().encode(), base64.b64encode(raw)[: len(raw) * 4 // 3 // 4 * 4]}
        for form in forms:
            if form in text or form in digits or form in rows or (len(form) < 60 and form in column):
                found.add((kind, raw))
    assert not found


def captures() -> List[str]:
    paths = sorted(glob.glob(os.path.join(SHARED, "corpus", "*.X.txt")))
    small = [path for path in paths if os.path.getsize(path) < 400_000]
    return [os.path.basename(path) for path in (paths if WHOLE else small[::12])]


@pytest.mark.parametrize("name", captures())
def test_captures(name: str, shared: str) -> None:
    held(load(os.path.join(shared, "corpus", name)))


@pytest.mark.parametrize("name", sorted(os.path.basename(p) for p in glob.glob(os.path.join(SHARED, "corpus", "formats", "*.txt"))))
def test_dresses(name: str, shared: str) -> None:
    held(load(os.path.join(shared, "corpus", "formats", name)))


def test_equal_stays_equal() -> None:
    """The second connection brings the ticket of the first, and the SNI is a name of the certificate."""
    new = objects(redact(sample("tls12-ticket-resumption.txt")))
    fields = [one for one in new if one["kind"] == "field"]
    given = next(f["hex"] for f in fields if f["path"] == "new_session_ticket.ticket")
    brought = [f["hex"] for f in fields if f["path"].endswith("session_ticket.ticket") and f["length"]]
    assert given in brought
    asked = {f["value"] for f in fields if f["path"].endswith(".host_name")}
    named = {f["value"] for f in fields if ".dNSName[" in f["path"]}
    assert asked & named and "www.harbour.example" not in asked


def test_checksums_fit_again_and_wrong_ones_stay_wrong() -> None:
    data = sample("tls12-ecdhe.txt")
    assert "checksum" not in {one.get("code") for one in objects(redact(data))}
    wrong = data.replace(b"8018 003f ef22", b"8018 003f ef23", 1)
    assert wrong != data
    assert [one["at"] for one in objects(redact(wrong)) if one.get("code") == "checksum"] == [
        one["at"] for one in objects(wrong) if one.get("code") == "checksum"
    ] != []


def test_the_key_decides() -> None:
    report = collected(sample("tls12-ecdhe.txt"))
    first, again, other = (b"".join(redacted(report, key=key)) for key in (b"a", b"a", b"b"))
    assert first == again != other


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept(kind: str) -> None:
    data = b"Dear Mr Aldersgate,\n" + sample("tls12-ticket-resumption.txt")
    kept, gone = redact(data, (kind,)), redact(data)
    signs = {
        "addresses": b"10.1.7.20", "names": b"harbour", "prose": b"Aldersgate", "randoms": None, "sessions": None, "tickets": None,
        "keys": None, "payload": None,
    }[kind]
    if signs is not None:
        assert signs in kept and signs not in gone
    else:
        paths = {"randoms": ".random_bytes", "sessions": ".session_id", "tickets": ".ticket", "keys": ".modulus",
                 "payload": "record.fragment"}  # fmt: skip

        def values(text: bytes) -> List[str]:
            return [one["hex"] for one in objects(text) if one.get("path", "").endswith(paths[kind]) and one.get("hex")]

        assert values(kept) == values(data) != values(gone)


def test_prose_between_packets_is_replaced() -> None:
    told = redact(b"Server okd-node04 (call 555-0199, ask Marlow):\n" + sample("tls12-ecdhe.txt"))
    for word in (b"okd", b"node04", b"555", b"0199", b"Marlow"):
        assert word not in told.split(b"\n")[0]


def test_host_names_of_summary_lines_are_replaced() -> None:
    data = sample("tls12-ecdhe.txt").replace(b"10.1.7.20.58150", b"mole.wombat.example.58150")
    data = data.replace(b"10.1.7.5.443", b"gate.wombat.example.https")
    new = redact(data)
    assert b"wombat" not in new and b"mole" not in new and b".https" in new
    assert story(new) == story(data)


def test_what_the_text_column_hides_stays_hidden() -> None:
    data = sample("tls12-ecdhe.txt").replace(b"...www.harbour.e", b"...XXXXXXXXXXX.e", 1)
    new = redact(data)
    assert b"XXXXXXXXXXX" in new and "redaction-leak" in {one.get("code") for one in objects(new)}


@pytest.mark.parametrize("text", [
    "10.1.7.20", "fd10:7::20", "2001:db8::1", "::1", "fe80::0a1b:2", "1:2:3:4:5:6:7:8", "00:11:22:aa:bb:cc", "8.8.8.8",
])  # fmt: skip
def test_addresses_keep_their_look(text: str) -> None:
    make = StandIns(b"key")
    (_, _, raw), = addresses(text)
    new = written(text, make.address(raw))
    assert len(new) == len(text) and [c for c in new if not c.isalnum()] == [c for c in text if not c.isalnum()]
    assert addresses(new)[0][2] == make.address(raw)
    assert (new == text) == (text == "::1")


def test_words_are_told_apart() -> None:
    make = StandIns(b"key")
    words = [chr(97 + i % 26) + chr(97 + i // 26) for i in range(60)]
    assert len({make.word(word) for word in words}) == 60
    assert make.word("Harbour").lower() == make.word("harbour") != "harbour"


def test_it_is_text_that_hexnote_reads(hexnote: Any) -> None:
    printed = hexnote("--redact", os.path.join(SAMPLES, "server-auth.txt"))
    assert printed.status == 0 and json.loads(hexnote("--to", "json", "-", stdin=printed.out).out.splitlines()[1])["packet"] == 1
    assert hexnote("--redact", "--keep", "nonsense", os.devnull).status == 2


def test_words_without_bytes_tell_the_same() -> None:
    from test_words import TREE

    new = redact(b"Dear Mr Aldersgate,\n" + TREE)
    assert story(new) == story(b"Dear Mr Aldersgate,\n" + TREE)
    assert b"10.0.0." not in new and b"Aldersgate" not in new


def test_fields_are_not_kept() -> None:
    """A log of handshakes has a field for every two bytes of its text: kept, they would be most of the memory."""
    report = collected(sample("openssl-msg.txt"))
    redacted(report)
    assert report.connections[0].units and all(unit._fields is None for unit in report.connections[0].units)
