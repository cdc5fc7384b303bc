"""Captures of real stacks: every one is read without an error, every record is tiled, every byte is where it says.

The default run takes every capture up to a size and compares a seeded sample with tshark's reading;
HEXNOTE_WHOLE=1 takes all of it.
"""

from __future__ import annotations

import collections
import functools
import glob
import os
import random
import struct
import sys
import types
from typing import Any, Dict, List, Tuple

import pytest
from conftest import ROOT, SHARED
from support import WHOLE, Object, dumped, load, objects, of, shared_path, untiled

# Captures that are not read to the end yet, and what they wait for. A capture that agrees with tshark may not
# stand here, so the list is as short as truth allows.
LATER: Dict[str, str] = {}

FORMS = ("X", "lntX")


def captures() -> List[str]:
    """The paths, without ending, of the captures; the largest in the whole run alone."""
    found = sorted(path[:-5] for path in glob.glob(os.path.join(SHARED, "corpus", "*.pcap")))
    return [p for p in found if WHOLE or os.path.getsize(p + ".X.txt") < 150_000]


def compared() -> List[str]:
    """Those that are compared with tshark's reading."""
    found = captures()
    if WHOLE or not found:
        return found
    late = [p for p in found if os.path.basename(p) in LATER]
    return late + random.Random(6).sample([p for p in found if p not in late], 12)


def name(path: Any) -> str:
    return os.path.basename(path)


def test_there_are_captures() -> None:
    shared_path("corpus")
    assert len(captures()) > 100
    assert set(LATER) <= {name(path) for path in captures()}


def packets_of(path: str) -> int:
    """How many packets a classic pcap holds."""
    data = load(path)
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at, count = 24, 0
    while at < len(data):
        at += 16 + struct.unpack(order + "I", data[at + 8 : at + 12])[0]
        count += 1
    return count


@functools.lru_cache(maxsize=2)
def read(path: str) -> Tuple[bytes, List[Object]]:
    """A dump and its objects."""
    text = load(path)
    return text, objects(text)


@pytest.fixture(scope="module", params=captures(), ids=name)
def capture(request: pytest.FixtureRequest) -> str:
    path: str = request.param
    return path


def test_it_is_read(capture: str) -> None:
    for form in FORMS:
        text, found = read(f"{capture}.{form}.txt")
        assert found[0] == {"kind": "trace", "file": "-"}
        kinds = {"trace", "packet", "record", "message", "field", "group", "finding", "verdict", "fingerprint"}
        assert {o["kind"] for o in found} <= kinds
        assert len(of(found, "packet")) == len(dumped(text)) == packets_of(capture + ".pcap")


def test_leaves_tile_every_record(capture: str) -> None:
    for form in FORMS:
        _, found = read(f"{capture}.{form}.txt")
        assert not untiled(found)
        for o in of(found, "field"):
            assert len(o["hex"]) == 2 * o["length"], o


def test_the_bytes_are_the_dumps(capture: str) -> None:
    for form in FORMS:
        text, found = read(f"{capture}.{form}.txt")
        shown = dumped(text)
        for o in of(found, "field"):
            if o.get("buffer"):
                continue
            there = "".join(
                f"{shown[packet - 1][at]:02x}" if at in shown[packet - 1] else ""
                for packet, start, end in o["at"]
                for at in range(start, end)
            )
            assert there == o["hex"].replace("..", ""), o


def test_the_packets_are_the_dumps(capture: str) -> None:
    """Headers and payload, measured once more from the bytes of IPv4 and IPv6 without extension headers."""
    text, found = read(f"{capture}.X.txt")
    for p, shown in zip(of(found, "packet"), dumped(text)):
        data = bytes(shown[i] for i in range(len(shown)))
        if data[0] >> 4 == 4 and data[9] == 6 and data[6] & 0x3F == 0 and data[7] == 0:
            ip, total = (data[0] & 15) * 4, struct.unpack(">H", data[2:4])[0] or len(data)
        elif data[0] >> 4 == 6 and data[6] == 6:
            ip, total = 40, 40 + struct.unpack(">H", data[4:6])[0]
        else:
            continue
        if len(data) < ip + 20:
            continue
        tcp = (data[ip + 12] >> 4) * 4
        assert (p["link"], p["ip"], p["tcp"], p["payload"]) == (0, ip, tcp, total - ip - tcp), p
        assert p["captured"] == max(0, min(total, len(data)) - ip - tcp), p
        sport, dport, seq, ack = struct.unpack(">HHII", data[ip : ip + 12])
        flags = data[ip + 13]
        assert (p["sport"], p["dport"], p["seq"]) == (sport, dport, seq), p
        assert p["ack"] == (ack if flags & 16 else None), p
        assert set(p["flags"]) == {letter for i, letter in enumerate("FSRPAUEC") if flags >> i & 1}, p


def test_both_forms_say_the_same(capture: str) -> None:
    """-X with times and -lntX without give the same objects, times and line numbers apart."""

    def told(form: str) -> List[Object]:
        _, found = read(f"{capture}.{form}.txt")
        kept = [o for o in found if o["kind"] != "finding"]
        return [{key: value for key, value in o.items() if key not in ("time", "line")} for o in kept]

    assert told("X") == told("lntX")


# ------------------------------------------------------------------ tshark's reading


@functools.lru_cache(maxsize=1)
def oracle() -> Any:
    """The comparison beside the corpus, as a module."""
    path = shared_path("oracle", "agree")
    module = types.ModuleType("agree")
    module.__file__ = path
    exec(compile(load(path), path, "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("path", compared(), ids=name)
def test_tshark_agrees(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record and every whole message in clear that tshark shows, at its place."""
    monkeypatch.setenv("PYTHONPATH", ROOT)
    count, differ = oracle().compare(name(path), os.path.dirname(path), "X", [sys.executable, "-m", "hexnote"], 60)
    assert isinstance(count, collections.Counter) and not count["crash"], differ
    bad = [d for d in differ if d.startswith(("record (", "message", "tiling", "value"))]
    if name(path) in LATER:
        assert count["record", False] or count["message", False], f"{name(path)} agrees: take it out of LATER"
    else:
        assert not bad
        assert count["record", True] == 0 or count["tiling", True] > 0
        assert count["extra"] == 0 or name(path) in WHOLE_ELSEWHERE


# Captures from which a segment was taken out, and those that they were made from. Behind the gap tshark does not
# go on where we do: what we find there has to stand in the whole capture.
WHOLE_ELSEWHERE = {
    "tcp_loss_cert": "mtls12_manyca_openssl",
    "tcp_loss_serverhello": "tls12_ecdhe_rsa_aes128gcm_openssl",
}


@pytest.mark.parametrize("lossy", WHOLE_ELSEWHERE)
def test_behind_a_gap(lossy: str) -> None:
    """Records and messages behind the hole are those of the capture without one, at the same offsets."""
    told = []
    for which in (lossy, WHOLE_ELSEWHERE[lossy]):
        found = objects(load(shared_path("corpus", f"{which}.X.txt")))
        records = {(o["from"], o["offset"], o["length"], o["type"]) for o in of(found, "record")}
        messages = {(o["from"], o["offset"], o["length"], o["name"]) for o in of(found, "message") if not o["missing"]}
        told.append((records, messages))
    (records, messages), (all_records, all_messages) = told
    assert records <= all_records and len(records) > len(all_records) // 2
    assert messages <= all_messages and messages
