"""tshark's reading of every capture beside ours: records, messages, fields, values, names; certificates to the last node.

Where the two differ stands in tests/oracle_exceptions.tsv, with the reason; the list is held exact. By default the
captures that it names and a seeded few more are compared, with HEXNOTE_WHOLE=1 all of them.
"""

from __future__ import annotations

import functools
import glob
import gzip
import os
import random
import re
import shutil
import struct
import subprocess
import types
import xml.etree.ElementTree as ET
from typing import Any, Dict, Iterator, List, NamedTuple, Set, Tuple

import pytest
from conftest import ROOT, SHARED
from support import WHOLE, Object, load, objects, of, shared_path

# A direction: (stream, "source>destination").
Way = Tuple[int, str]


class Row(NamedTuple):
    kind: str
    field: str
    ours: str
    theirs: str
    capture: str
    raw: str
    source: str
    why: str


class Difference(NamedTuple):
    kind: str
    field: str
    ours: str
    theirs: str
    raw: str


def exceptions() -> List[Row]:
    with open(os.path.join(ROOT, "tests", "oracle_exceptions.tsv"), encoding="utf-8") as file:
        return [Row(*line.rstrip("\n").split("\t")) for line in file if line[0] != "#"]


LISTED = exceptions()


def captures() -> List[str]:
    """Names of the captures that are compared, below the corpus."""
    corpus = os.path.join(SHARED, "corpus")
    found = sorted(os.path.relpath(p, corpus)[:-8] for d in ("", "extra") for p in glob.glob(os.path.join(corpus, d, "*.pdml.gz")))
    found = [n for n in found if os.path.exists(os.path.join(corpus, n + ".X.txt"))]
    if WHOLE or not found:
        return found
    named = {row.capture for row in LISTED}
    small = [n for n in found if n not in named and os.path.getsize(os.path.join(corpus, n + ".X.txt")) < 60_000]
    return sorted(named | set(random.Random(4).sample(small, 8)))


@functools.lru_cache(maxsize=1)
def truth_teller() -> Any:
    path = shared_path("oracle", "pdml_truth.py")
    module = types.ModuleType("pdml_truth")
    exec(compile(load(path), path, "exec"), module.__dict__)
    return module


TLS_LABEL = re.compile(r"[^:]*: (.*) \((?:0x[0-9a-f]+|\d+)\)$")
OID_LABEL = re.compile(r"[^:]*: \d+(?:\.\d+){2,} \((.*)\)$")


def labels(path: str) -> Dict[Tuple[str, str], str]:
    """tshark's words for a value: by (field, shown value)."""
    made: Dict[Tuple[str, str], str] = {}
    with gzip.open(path) as file:
        for _, element in ET.iterparse(file):
            if element.tag == "field":
                # "Cipher Suite: TLS_RSA_WITH_AES_128_CBC_SHA (0x002f)", "Algorithm Id: 1.2.840.113549.1.1.11 (sha256With...)"
                shape = TLS_LABEL if element.get("name", "").startswith("tls.") else OID_LABEL
                found = shape.match(element.get("showname", ""))
                if found:
                    made[element.get("name", ""), element.get("show", "")] = found.group(1)
            elif element.tag == "packet":
                element.clear()
    return made


def plain(text: str) -> str:
    """A name without what only looks different: Client Hello, client_hello; id-at-commonName, commonName."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^(id|at|ce|pe|pkix|ad|kp|qt)-", "", re.sub(r"^id-", "", text.lower())))


def number(show: str) -> Any:
    try:
        return int(show, 0)
    except ValueError:
        return None


class Ours:
    """What we say of a capture, in the coordinates of the oracle."""

    def __init__(self, text: bytes, bases: Dict[Way, Any]) -> None:
        found = objects(text)
        ends: Dict[Tuple[Any, Any], str] = {}
        shift: Dict[Way, int] = {}
        for p in of(found, "packet"):
            if p["stream"] is None:
                continue
            src, dst = ([f"[{h}]" if ":" in h else h for h in (p["src"], p["dst"])])
            ends[p["stream"], p["from"]] = f"{src}:{p['sport']}>{dst}:{p['dport']}"
            way = (p["stream"], ends[p["stream"], p["from"]])
            # Without a SYN the oracle counts from the lowest sequence number, we from the first that is shown.
            if p["payload"] and p["offset"] is not None and p["seq"] is not None and bases.get(way) is not None:
                begins = p["seq"] + ("S" in p["flags"])
                shift.setdefault(way, (begins - p["offset"] - bases[way] + 2**31) % 2**32 - 2**31)
        self.records: Set[Tuple[Any, ...]] = set()
        self.messages: Set[Tuple[Any, ...]] = set()
        self.places: Dict[Tuple[Way, int, int], List[Object]] = {}
        self.edges: Set[Tuple[Way, int]] = set()
        for o in found:
            if o["kind"] in ("trace", "packet", "finding") or o.get("buffer") or o.get("offset") is None:
                continue
            way = (o["stream"], ends.get((o["stream"], o["from"]), ""))
            at = o["offset"] + shift.get(way, 0)
            if o["kind"] == "record":
                self.records.add((way, at, o["length"], o["type"], o["version"]))
            elif o["kind"] == "message":
                self.messages.add((way, at, o["type"], o["length"]))
            elif o["kind"] in ("field", "group"):
                self.places.setdefault((way, at, o["length"]), []).append(o)
                if o["kind"] == "field":
                    self.edges |= {(way, at), (way, at + o["length"])}


# tshark numbers the kinds of a CHOICE where we have the chosen element's value.
CHOICES = {"x509ce.GeneralName"}


def compare(path: str, text: bytes) -> Iterator[Difference]:
    """All that tshark, whose reading is at `path`, shows otherwise than we do of the dump `text`."""
    truth = list(truth_teller().lines(path, True, True))
    bases = {(t["stream"], t["dir"]): t["base"] for t in truth if t["k"] == "dir"}
    ours = Ours(text, bases)
    words = labels(path)
    known: Set[Tuple[Any, ...]] = set()
    for t in truth:
        way = (t.get("stream"), t.get("dir"))
        if t["k"] == "rec" and t["off"] is not None:
            wanted = (way, t["off"], t["hlen"] + t["len"], None if t["sslv2"] else t["ctype"], None if t["sslv2"] else t["ver"])
            known.add(wanted)
            if t["tshark"] is not None and wanted not in ours.records:
                yield Difference("record", "tls.record", "", str(t["off"]), "")
        elif t["k"] == "msg" and t["tshark"] is not None and t["complete"]:
            if (way, t["off"], t["mtype"], 4 + t["len"]) not in ours.messages:
                yield Difference("message", "tls.handshake", "", str(t["off"]), "")
        elif t["k"] == "fld" and t["off"] is not None and t["size"]:
            yield from field(t, way, ours, words)
    for record in ours.records - known:
        yield Difference("record", "", str(record[1]), "", "")


def field(t: Dict[str, Any], way: Any, ours: Ours, words: Dict[Tuple[str, str], str]) -> Iterator[Difference]:
    """How a field of tshark's differs from what we have in its place."""
    name, show = t["name"], t["show"] or ""
    there = ours.places.get((way, t["off"], t["size"]))
    last = t["ranges"][-1]
    if there is None:
        if not {(way, t["off"]), (way, last[0] + last[1])} <= ours.edges:
            yield Difference("field", name, "", show, t["hex"])
        return
    leaves = [o for o in there if o["kind"] == "field"]
    if not leaves:
        return
    o = leaves[-1]
    if o["hex"] != t["hex"]:
        yield Difference("bytes", name, o["hex"], t["hex"], t["hex"])
    label = words.get((name, show), "")
    if o["name"] and label and plain(o["name"]) != plain(label):
        yield Difference("name", name, o["name"], label, t["hex"])
    value = o["value"]
    if isinstance(value, int) and number(show) not in (None, value):
        yield Difference("value", name, str(value), show, t["hex"])
    elif isinstance(value, str) and value != show and name not in CHOICES:
        # 2035-02-06T15:31:38Z and 2035-02-06 15:31:38 (UTC)
        if not (o["path"].endswith(("notBefore", "notAfter")) and re.sub(r"\D", "", value) == re.sub(r"\D", "", show)):
            yield Difference("value", name, value, show, t["hex"])


def matches(row: Row, d: Difference) -> bool:
    return row.kind == d.kind and all(
        re.fullmatch(pattern, text) for pattern, text in ((row.field, d.field), (row.ours, d.ours), (row.theirs, d.theirs))
    )


@functools.cache
def differences(name: str) -> Tuple[Difference, ...]:
    path = shared_path("corpus", name + ".pdml.gz")
    return tuple(compare(path, load(path[:-8] + ".X.txt")))


@pytest.mark.parametrize("name", captures())
def test_tshark_agrees_or_it_is_listed(name: str) -> None:
    strange = [d for d in differences(name) if not any(matches(row, d) for row in LISTED)]
    assert not strange
    loss = [d for d in differences(name) if d.kind == "record"]
    assert not loss or "loss" in name


def test_the_list_is_short_and_exact() -> None:
    """Every line of it is met in the capture that it names, with the bytes that it gives, and says why."""
    shared_path("corpus")
    assert len(LISTED) <= 30
    for row in LISTED:
        met = [d for d in differences(row.capture) if matches(row, d)]
        assert met, f"no longer so: {row}"
        assert row.kind == "record" or row.raw in {d.raw for d in met}, row
        assert row.why and re.match(r"RFC \d|draft-", row.source)
    for i, row in enumerate(LISTED):
        assert not any(matches(other, d) for d in differences(row.capture) if matches(row, d) for other in LISTED[:i]), row


# ------------------------------------------------------------------ the vectors, as a tshark here reads them


def hellos() -> List[bytes]:
    """Packets of connections that have each of the vectors' extensions in a hello, and each of its TLS 1.2 messages."""
    from handshakes import CLIENT, HANDSHAKE, SERVER, Wire, client_hello, message, record, vector
    from test_vectors import FORMATS, TABLE

    suites = {row[2]: suite for suite, row in reversed(list(FORMATS.names("cipher_suites").rows.items())) if len(row) > 2}
    client, made = record(HANDSHAKE, client_hello()), []
    for port, v in enumerate(TABLE, 40000):
        wire = Wire(ports=(port, 443))
        wire.open()
        if v.kind == "extension" and v.message in ("client_hello", "server_hello", "hello_retry_request"):
            data = vector(2, int(v.key, 0).to_bytes(2, "big") + vector(2, v.raw))
            retry = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
            if v.message == "client_hello":
                hello = message(1, b"\3\3" + bytes(32) + b"\0\0\2\x13\1\1\0" + data)
                wire.send(CLIENT, record(HANDSHAKE, hello), 0)
            else:
                random_bytes = retry if v.message == "hello_retry_request" else bytes(range(32))
                wire.send(CLIENT, client, 0)
                wire.send(SERVER, record(HANDSHAKE, message(2, b"\3\3" + random_bytes + b"\0\xc0\x2f\0" + data)), 0)
        elif v.kind == "message" and v.key.isdigit() and int(v.key) not in (1, 2, 6) and "certificate_type" not in v.context:
            version = int(v.context.get("version", "0303"), 16)
            if version == 0x0304:
                continue
            suite = suites.get(v.context.get("key_exchange", ""), 0xC02F)
            hello = message(2, version.to_bytes(2, "big") + bytes(32) + b"\0" + suite.to_bytes(2, "big") + b"\0")
            body = record(HANDSHAKE, message(int(v.key), v.raw), version)
            server = record(HANDSHAKE, hello, version)
            wire.send(CLIENT, client, 0)
            wire.send(SERVER, server, 0)
            if v.context.get("sender") == "server":
                wire.send(SERVER, body, len(server))
            else:
                wire.send(CLIENT, body, len(client))
        else:
            continue
        made += wire.packets
    return made


# Words of tshark's that say less than ours: it does not know the name. (Values that differ are bytes shown as such.)
VAGUE = re.compile(r"Unknown.*|Reserved.*|\d+")
# Where tshark 4.0 has words of its own, or is wrong: field to its words.
WORDS = {
    "tls.handshake.extension.type": r"delegated_credentials|application_settings|quic_transport_parameters \(drafts version\)",
    "tls.handshake.extension.heartbeat.mode": r"Peer (not )?allowed to send requests",
    "tls.extension.psk_ke_mode": r"PSK.*",
    "tls.quic.parameter.type": r"google_\w+",
    "tls.handshake.extensions_alpn_str": r"\s*",  # RFC 8701's 0a0a is no text
    "tls.handshake.type": r"Client Certificate URL|Encrypted Extensions",  # 67 is NextProtocol: draft-agl-tls-nextprotoneg-04
    "tls.handshake.cert_url_type": r"Individual Certificates",  # RFC 6066 section 5: individual_certs(0), pkipath(1)
    "tls.handshake.max_fragment_length": r"\d+",
    "tls.handshake.sig_hash_alg": r"SHA\d+ \w+",
}


def test_the_vectors_are_read_alike(tmp_path: Any) -> None:
    """Every range, value and name of the vectors, in hellos and in messages of TLS 1.2, by a tshark that is installed."""
    from handshakes import dump

    if shutil.which("tshark") is None:
        pytest.skip("no tshark here")
    truth_teller()
    packets = hellos()
    capture, reading = tmp_path / "v.pcap", str(tmp_path / "v.pdml.gz")
    whole = b"".join(struct.pack("<IIII", 1700000000 + i, 0, len(p), len(p)) + p for i, p in enumerate(packets))
    capture.write_bytes(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + whole)
    run = subprocess.run(["tshark", "-r", str(capture), "-T", "pdml"], capture_output=True, check=True)
    with gzip.open(reading, "wb") as file:
        file.write(run.stdout)
    guesses = {f"tls.handshake.{n}" for n in ("sig_hash_hash", "sig_hash_sig", "random_time", "random_bytes")}
    strange = []
    for d in compare(reading, dump(packets)):
        if d.kind == "field" and d.field in guesses:
            continue
        if d.kind in ("name", "value") and re.fullmatch(WORDS.get(d.field, "-"), d.theirs):
            continue
        if d.kind == "name" and VAGUE.fullmatch(d.theirs) or d.kind == "value" and d.theirs.replace(":", "") == d.raw:
            continue
        strange.append(d)
    assert not strange
    assert len(packets) > 600
