"""A Report holds what JSON prints, and the input itself."""

from __future__ import annotations

import glob
import os
from typing import Any, Dict, List

import pytest
from conftest import SAMPLES
from support import collected, load, objects, of, sample, shared_path

NAMES = sorted(os.path.basename(path) for path in glob.glob(os.path.join(SAMPLES, "*.txt")))


def flat(report: Any) -> Dict[str, List[Any]]:
    """A Report as JSON's objects have it, by kind; order apart."""
    fields, groups = [], []
    for f in report.fields():
        where = (f.unit.connection.number, f.unit.side, f.buffer, f.path, f.offset, f.length)
        if f.group:
            groups.append(where)
        else:
            fields.append((*where, f.hex, f.value, f.name, sorted(f.bits.items()), [list(place) for place in f.at]))
    return {
        "packet": [
            (p.number, p.line, p.connection and p.connection.number, p.side, p.src, p.sport, p.dst, p.dport, p.time, p.flags,
             p.seq, p.ack, p.link, p.ip, p.tcp, p.payload, p.captured, p.offset) for p in report.packets
        ],
        "record": [
            (c.number, r.side, r.offset, r.length, r.format, r.type, r.version, r.encrypted, r.missing)
            for c in report.connections for r in c.records
        ],
        "message": [
            (c.number, m.side, m.offset, m.length, m.type, m.name, m.missing)
            for c in report.connections for m in c.messages if m.name
        ],
        "finding": [(f.code, f.stream, f.text) for f in report.findings],
        "field": fields,
        "group": groups,
    }


def printed(data: bytes) -> Dict[str, List[Any]]:
    """The same of what JSON prints."""
    found = objects(data)

    def rows(kind: str, *keys: str) -> List[Any]:
        return [tuple(o[k] for k in keys) for o in of(found, kind)]

    where = [(o["stream"], o["from"], o.get("buffer", ""), o["path"], o["offset"], o["length"]) for o in of(found, "field")]
    rest = [(o["hex"], o["value"], o["name"], sorted((o["bits"] or {}).items()), o["at"]) for o in of(found, "field")]
    return {
        "packet": rows("packet", "packet", "line", "stream", "from", "src", "sport", "dst", "dport", "time", "flags",
                       "seq", "ack", "link", "ip", "tcp", "payload", "captured", "offset"),
        "record": rows("record", "stream", "from", "offset", "length", "format", "type", "version", "encrypted", "missing"),
        "message": rows("message", "stream", "from", "offset", "length", "type", "name", "missing"),
        "finding": rows("finding", "code", "stream", "text"),
        "field": [a + b for a, b in zip(where, rest)],
        "group": [
            (o["stream"], o["from"], o.get("buffer", ""), o["path"], o["offset"], o["length"]) for o in of(found, "group")
        ],
    }


def same(data: bytes) -> None:
    report = collected(data)
    left, right = flat(report), printed(data)
    for kind, expected in right.items():
        assert sorted(map(repr, left[kind])) == sorted(map(repr, expected)), kind
    assert report.text == data


@pytest.mark.parametrize("name", NAMES)
def test_what_json_prints(name: str) -> None:
    report = collected(sample(name))
    if report.packets:
        same(sample(name))
    else:  # a trace in words: sentences
        assert report.text == sample(name) and any(connection.told for connection in report.connections)


@pytest.mark.parametrize("name", ["craft_garbage.X.txt", "craft_fragmented_hello.X.txt", "connect_proxy_python.lntX.txt"])
def test_what_json_prints_of_captures(name: str) -> None:
    same(load(shared_path("corpus", name)))


def test_the_tutorial_with_its_prose() -> None:
    same(load(glob.glob(shared_path("seeds") + "/004*")[0]))


def test_what_hangs_together() -> None:
    report = collected(sample("server-auth.txt"))
    (connection,) = report.connections
    assert (connection.client, connection.server) == ("216.182.45.246:63875", "64.233.169.99:443")
    assert (connection.version, connection.suite, connection.key_exchange) == (0x0301, 0x0035, "rsa")
    certificate = connection.messages[1]
    assert certificate.name == "certificate" and certificate.record is not None
    assert certificate.record.messages == [certificate] and certificate.record.number == 2
    assert certificate.at == [(8, 136, 1470), (6, 52, 343)] and certificate.seen == 8
    early = report.packet(6)
    assert [u.length for u in early.units] == [1630, 1625, 9, 4]
    assert report.packet(8).late == [(6, 52, 352)]
    row = next(report.packet(4).rows())
    assert row.raw.startswith(b"        0x0000:") and row.data[:2] == b"\x45\x00" and row.raw[row.cols[1] :][:2] == b"00"
    assert report.packet(4).bytes_at(52, 54) == b"\x80\x8c" and report.packet(4).bytes_at(190, 200) is None
    field = connection.messages[0].field("cipher_suite")
    assert field is not None and field.name == "TLS_RSA_WITH_AES_256_CBC_SHA" and field.unit is connection.messages[0]
