"""`--to pcapng`: what tshark reads in the file is what it reads in the capture that the dump was printed from."""

from __future__ import annotations

import glob
import os
import shutil
import struct
import subprocess
from typing import Any, Dict, List, NamedTuple

import pytest
from conftest import SHARED
from support import WHOLE, collected, sample

from hexnote.render.pcapng import clock, encode


class Written(NamedTuple):
    link: int
    time: int
    data: bytes
    length: int
    comments: List[str]


def read(raw: bytes) -> List[Written]:
    """The packets of a pcapng file, read by the rules of its specification."""
    links: List[int] = []
    made: List[Written] = []
    at = 0
    while at < len(raw):
        kind, size = struct.unpack_from("<II", raw, at)
        assert size % 4 == 0 and struct.unpack_from("<I", raw, at + size - 4)[0] == size
        body = raw[at + 8 : at + size - 4]
        if kind == 0x0A0D0D0A:
            assert body[:4] == struct.pack("<I", 0x1A2B3C4D)
            links = []
        elif kind == 1:
            links.append(struct.unpack_from("<H", body)[0])
        else:
            assert kind == 6
            interface, high, low, have, length = struct.unpack_from("<5I", body)
            place = 20 + (have + 3) // 4 * 4
            comments = []
            while place < len(body):
                code, count = struct.unpack_from("<HH", body, place)
                if code == 1:
                    comments.append(body[place + 4 : place + 4 + count].decode())
                place += 4 + (count + 3) // 4 * 4
                if not code:
                    break
            made.append(Written(links[interface], high << 32 | low, body[20 : 20 + have], length, comments))
        at += size
    return made


def test_packets_are_those_of_the_dump() -> None:
    report = collected(sample("tls12-ecdhe.txt"))
    written = read(encode(report))
    assert [w.data for w in written] == [packet.blocks[0].data for packet in report.packets]
    assert {w.link for w in written} == {101}
    assert written[0].time == ((15 * 60 + 43) * 60 + 15) * 10**9 + 807532000  # 15:43:15.807532
    hello = next(w for w in written if any("client_hello" in c for c in w.comments))
    assert "0x0062-0x0065 cipher_suites: 2 values\n      0x0062-0x0063 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" in hello.comments[-1]


def test_bytes_that_are_not_shown_make_a_truncated_packet() -> None:
    """The tutorial's packet 21 has 489 bytes: it shows 80, leaves 368 out, and shows the last 41."""
    written = read(encode(collected(sample("server-auth.txt"))))
    assert len(written) == 26
    cut = [w for w in written if w.length > len(w.data)]
    assert [(len(w.data), w.length) for w in cut] == [(80, 489)]
    assert "41 bytes behind it" in cut[0].comments[0]


def test_headers_that_are_not_shown_are_made_up_and_said_so() -> None:
    written = read(encode(collected(sample("server-auth.txt"))))
    early = written[5]  # "P 1419:1719(300)", its headers blanked out
    assert early.data[:20].hex().endswith("40e9a963d8b62df6") and len(early.data) == 340
    assert struct.unpack_from(">I", early.data, 24)[0] == 306717471 + 1419
    assert "made up" in early.comments[0]
    assert [w for w in written if w.data[:1] == b"\x45" and not _checksum_right(w.data)] == []


def _checksum_right(data: bytes) -> bool:
    words = struct.unpack(">10H", data[:20])
    total = sum(words)
    return (total & 0xFFFF) + (total >> 16) in (0xFFFF, 0xFFFE + 1)


def test_a_hole_cuts_the_packet_there() -> None:
    lines = sample("tls12-ecdhe.txt").splitlines(True)
    hello = next(i for i, line in enumerate(lines) if b"length 164" in line)
    del lines[hello + 5]  # the row at 0x0040
    written = read(encode(collected(b"".join(lines))))[3]
    assert len(written.data) == 0x40 and written.length == 216
    assert "cut at 0x0040" in written.comments[0]


@pytest.mark.parametrize("text, nanoseconds, dated", [
    ("00:00:01.5", 1_500_000_000, False),
    ("2008-03-02 23:52:17.000001", 1204501937_000001000, True),
    ("1204501937.000001", 1204501937_000001000, True),
    ("2008-02-31 00:00:00.0", None, False),
    ("yesterday", None, False),
    ("", None, False),
])  # fmt: skip
def test_times(text: str, nanoseconds: int, dated: bool) -> None:
    """1204501937 is 2 March 2008, 23:52:17 UTC."""
    assert clock(text) == (nanoseconds, dated)


def captures() -> List[str]:
    names = sorted(os.path.basename(p)[:-6] for p in glob.glob(os.path.join(SHARED, "corpus", "*.X.txt")))
    return names if WHOLE else names[::17]


FIELDS = ("tcp.seq_raw", "tls.record.content_type", "tls.record.length", "tls.handshake.type", "tls.handshake.length",
          "tls.alert_message.desc")  # fmt: skip


def told(path: str, port: str) -> List[Dict[str, Any]]:
    command = ["tshark", "-r", path, "-n", "-T", "fields", "-E", "separator=|", "-d", f"tcp.port=={port},tls", "-Y", "tls",
               "-o", "tcp.reassemble_out_of_order:TRUE"]  # fmt: skip
    for field in FIELDS:
        command += ["-e", field]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [dict(zip(FIELDS, line.split("|"))) for line in out.splitlines()]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", captures())
def test_tshark_reads_the_same(name: str, shared: str, tmp_path: Any) -> None:
    base = os.path.join(shared, "corpus", name)
    if os.path.getsize(base + ".X.txt") > 2_000_000 and not WHOLE:
        pytest.skip("large captures are read with HEXNOTE_WHOLE=1")
    with open(base + ".X.txt", "rb") as file:
        report = collected(file.read())
    ends = {end.rpartition(":")[2] for c in report.connections for end in (c.server,)}
    made = tmp_path / "made.pcapng"
    made.write_bytes(encode(report))
    port = sorted(ends)[0] if ends else "443"
    assert told(str(made), port) == told(base + ".pcap", port)
