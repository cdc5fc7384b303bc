"""ICMP errors: what they say of a connection's packets, and what follows from it."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import struct
import subprocess
from typing import Any, Dict, List

import pytest
from handshakes import checksum, dump
from support import Object, annotate, annotator, both_ways, objects, of, run, strip
from talks import CLIENT, DATA, SERVER, Talk, chain, hello, hs, sealed, server
from talks import full as handshake

from hexnote.render.redact import Redact

ROUTER = bytes((192, 0, 2, 1))
FLIGHT = hs(server()) + hs(chain(b"\x30" * 4000))


def icmp(
    quoted: bytes, kind: int, code: int, mtu: int = 0, sender: bytes = ROUTER, take: int = 28, wrong: int = 0,
) -> bytes:
    """An ICMP error about a packet, of which it quotes `take` bytes (RFC 792)."""
    body = struct.pack(">BBHHH", kind, code, 0, 0, mtu) + quoted[:take]
    body = body[:2] + struct.pack(">H", checksum(body) ^ wrong) + body[4:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0xC0, 20 + len(body), 77, 0, 250, 1, 0) + sender + quoted[12:16]
    return ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + body


def six(packet: bytes) -> bytes:
    """The same segment in IPv6."""
    ends = tuple(bytes.fromhex("20010db8") + bytes(8) + packet[at : at + 4] for at in (12, 16))
    tcp = packet[20:36] + b"\0\0" + packet[38:]
    pseudo = ends[0] + ends[1] + struct.pack(">II", len(tcp), 6)
    tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
    return struct.pack(">IHBB", 6 << 28, len(tcp), 6, 64) + ends[0] + ends[1] + tcp


def icmp6(quoted: bytes, kind: int, code: int, mtu: int = 0, take: int = 1232) -> bytes:
    """An ICMPv6 error (RFC 4443)."""
    sender = bytes.fromhex("20010db8") + bytes(11) + b"\x99"
    body = struct.pack(">BBHI", kind, code, 0, mtu) + quoted[:take]
    pseudo = sender + quoted[8:24] + struct.pack(">II", len(body), 58)
    body = body[:2] + struct.pack(">H", checksum(pseudo + body)) + body[4:]
    return struct.pack(">IHBB", 6 << 28, len(body), 58, 63) + sender + quoted[8:24] + body


def hole(**more: Any) -> Talk:
    """A server's flight whose second segment is too big."""
    talk = Talk().say(CLIENT, hs(hello())).segments(SERVER, FLIGHT[:2800], 1400)
    talk.wire.packets.append(icmp(talk.wire.packets[-1], 3, 4, 1300, **more))
    return talk


def refused(code: int, again: bool = True, **more: Any) -> List[bytes]:
    """SYNs that are answered by ICMP alone."""
    wire = Talk(open=False).wire
    for _ in range(2 if again else 1):
        wire._put(CLIENT, 2, -1, b"")
        wire.packets.append(icmp(wire.packets[-1], 3, code, **more))
    return wire.packets


def told(packets: List[bytes]) -> Dict[str, Object]:
    """The findings, by their codes."""
    return {f["code"]: f for f in of(objects(dump(packets)), "finding")}


def notes(packets: List[bytes]) -> str:
    """All annotations, on one line."""
    lines = [line[2:].strip(b"\t ^") for line in annotate(dump(packets)).split(b"\n") if line.startswith(b";|")]
    return re.sub(r" +", " ", b" ".join(lines).decode())


def test_bytes_that_are_too_big() -> None:
    said = notes(hole().wire.packets)
    assert "ICMP destination unreachable, fragmentation needed and DF set (type 3, code 4)" in said
    assert "next-hop MTU = 1300 bytes" in said and "the packet that this is about has 1440 bytes" in said
    assert "its source = 10.0.0.2" in said and "its destination port = 50000" in said
    assert "offset 1400 of the server's stream, connection 0" in said
    assert "packet 7: 192.0.2.1 says of the server's packet at offset 1400 of connection 0: fragmentation needed and DF set" in said


def test_a_hole_that_swallows_what_is_too_big() -> None:
    talk = hole()
    talk.wire.send(SERVER, FLIGHT[1400:2800], 1400)
    found = told(talk.wire.packets)["packet-too-big"]
    assert (found["severity"], found["by"], found["sure"]) == ("error", "middlebox", "likely")
    assert "(first in packet 6)" in found["text"] and "never acknowledged, though they were sent again" in found["text"]
    assert "an MSS of 1260 fits" in found["next"]
    verdict = of(objects(dump(talk.wire.packets)), "verdict")[0]
    assert verdict["code"] == "packet-too-big"


def test_a_sender_that_heeds_it() -> None:
    talk = hole()
    for at in (1400, 2100):
        talk.wire.send(SERVER, FLIGHT[at : at + 700], at)
    talk.wire.ack(CLIENT)
    found = told(talk.wire.packets)["packet-too-big"]
    assert found["severity"] == "note" and "the server has heeded it" in found["text"]
    assert told(hole().wire.packets)["packet-too-big"]["sure"] == "possible"  # the trace ends there


def test_who_refuses_a_connection() -> None:
    found = told(refused(13))
    assert found["destination-unreachable"]["by"] == "middlebox" and found["destination-unreachable"]["severity"] == "error"
    assert "the client's SYN (packet 1), and again of 1 more packet" in found["destination-unreachable"]["text"]
    assert found["syn-unanswered"]["next"] == "look at 192.0.2.1: it says why (ICMP, packet 2)"
    itself = told(refused(3, again=False, sender=bytes((10, 0, 0, 2))))
    assert itself["destination-unreachable"]["by"] == "server"
    assert "that is the server itself" in itself["destination-unreachable"]["text"]
    assert told(refused(1))["destination-unreachable"]["by"] == "unknown"
    open_ = handshake()
    open_.wire.packets.insert(1, icmp(open_.wire.packets[0], 3, 1))
    assert told(open_.wire.packets)["destination-unreachable"]["severity"] == "note"


def test_time_exceeded() -> None:
    packets = [*Talk(open=False).say(CLIENT, hs(hello())).wire.packets]
    packets.append(icmp(packets[0], 11, 0))
    assert "time to live exceeded in transit" in told(packets)["time-exceeded"]["text"]


def test_what_is_not_believed() -> None:
    wrong = [p for p in hole(wrong=0x5555).wire.packets]
    assert "packet-too-big" not in told(wrong) and "what it says is not used" in told(wrong)["checksum"]["text"]
    talk = hole()
    quoted = bytearray(talk.wire.packets[-2])
    quoted[24:28] = b"\x12\x34\x56\x78"
    talk.wire.packets[-1] = icmp(bytes(quoted), 3, 4, 1300)
    assert "packet-too-big" not in told(talk.wire.packets)
    assert "none of connection 0 so far, so that it may be made up" in notes(talk.wire.packets)
    grows = hole()
    grows.wire.packets[-1] = icmp(grows.wire.packets[-2], 3, 4, 9000)
    assert told(grows.wire.packets)["packet-too-big"]["sure"] == "possible"


def test_what_is_about_others() -> None:
    """Echoes, errors about UDP or fragments, and connections that the trace lacks."""
    talk = hole()
    quoted = talk.wire.packets.pop()[28:]
    for other in (
        icmp(quoted, 8, 0), icmp(quoted[:9] + b"\x11" + quoted[10:], 3, 3), icmp(quoted[:6] + b"\0\x20" + quoted[8:], 3, 3),
        icmp(quoted[:20] + b"\0\7" + quoted[22:], 3, 3), icmp(quoted, 3, 3, take=27), icmp(quoted, 3, 3, take=8),
    ):
        found = {f["code"] for f in of(objects(dump([*talk.wire.packets, other], summaries=False)), "finding")}
        assert not {"destination-unreachable", "packet-too-big", "checksum"} & found


def test_ipv6() -> None:
    talk = hole()
    packets = [six(p) for p in talk.wire.packets[:-1]]
    packets.append(icmp6(packets[-1], 2, 0, 1280))
    text = six_dump(packets)
    thing = of(objects(text), "icmp")[0]
    assert (thing["type"], thing["mtu"], thing["stream"], thing["from"], thing["offset"]) == (2, 1280, 0, "server", 1400)
    found = next(f for f in of(objects(text), "finding") if f["code"] == "packet-too-big")
    assert "2001:db8::99 says" in found["text"] and "the server's 1400 bytes at offset 1400" in found["text"]
    assert b"ICMPv6 packet too big (type 2, code 0)" in annotate(text)


def six_dump(packets: List[bytes]) -> bytes:
    """IPv6 packets as rows alone."""
    return dump(packets, summaries=False)


def test_cut_short_anywhere() -> None:
    text = dump(hole(take=1440).wire.packets)
    start = text.rindex(b" IP ") - 15
    whole = annotate(text)
    for end in range(start, len(text), 7):
        made = annotate(text[:end])
        assert strip(made) == text[:end]
        last = text.rfind(b"\n\t", 0, text.rfind(b"\n", 0, end) + 1)  # up to the last whole row
        kept = made[: made.find(text[last + 1 : text.find(b"\n", last + 1)])]
        assert whole.startswith(kept)


@pytest.mark.parametrize("job", [[], ["--summary"], ["--diagnose"], ["-t", "json"], ["-t", "markdown"], ["-t", "html"]], ids=str)
def test_every_output_and_way_tells_it(job: List[str], tmp_path: pathlib.Path) -> None:
    """Also where two processes share long traces, and where no quick way is taken."""
    packets: List[bytes] = []
    for port in range(50000, 50024):
        talk = handshake(ports=(port, 443))
        for _ in range(4 if job not in (["-t", "markdown"], ["-t", "html"]) else 1):
            talk.segments(SERVER, sealed(DATA, 14000), 1400)
        talk.wire.packets.append(icmp(talk.wire.packets[-1], 3, 4, 1300))
        talk.wire.send(SERVER, b"\xee" * 1400, talk.at[SERVER] - 1400)
        packets += talk.wire.packets
    path = tmp_path / "trace.txt"
    path.write_bytes(dump(packets))
    assert both_ways(path, *job).count(b"packet-too-big") >= 24


def test_a_redacted_trace_tells_the_same() -> None:
    talk = hole(take=60)
    talk.wire.send(SERVER, FLIGHT[1400:2800], 1400)
    text = dump(talk.wire.packets)
    reader = annotator(Redact())
    reader.begin("-")
    out = reader.feed(text) + reader.close()
    old, new = of(objects(text), "icmp")[0], of(objects(out), "icmp")[0]
    assert old == new
    assert {f["code"] for f in of(objects(text), "finding")} == {f["code"] for f in of(objects(out), "finding")}
    quoted = re.sub(rb"[^0-9a-f]", b"", b"".join(re.findall(rb"0x00[0-9a-f]0:  ([0-9a-f ]{39})", out)))
    assert b"0a000001" not in quoted and b"c0000201" not in quoted


@pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark")
def test_tshark_reads_the_same(tmp_path: pathlib.Path) -> None:
    first = hole(take=60).wire.packets
    packets = [*first, icmp(first[0], 3, 13), icmp(first[3], 11, 0, take=200), icmp(first[3], 3, 10)]
    theirs = [six(p) for p in first[:-1]]
    theirs += [icmp6(theirs[-1], 2, 0, 1280), icmp6(theirs[0], 1, 1), icmp6(theirs[3], 3, 0)]
    seen = 0
    for each, text in ((packets, dump(packets)), (theirs, six_dump(theirs))):
        path = tmp_path / "trace.pcap"
        path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + b"".join(
            struct.pack("<IIII", i, 0, len(p), len(p)) + p for i, p in enumerate(each)))
        fields = ("frame.number", "icmp.type", "icmp.code", "icmp.mtu", "icmp.checksum.status", "icmpv6.type", "icmpv6.code",
                  "icmpv6.mtu", "icmpv6.checksum.status", "tcp.seq_raw", "tcp.srcport")
        done = subprocess.run(["tshark", "-r", str(path), "-Y", "icmp or icmpv6", "-T", "fields",
                               *[part for f in fields for part in ("-e", f)]], stdout=subprocess.PIPE, check=True)
        mine = {o["packet"]: o for o in of(objects(text), "icmp")}
        for line in done.stdout.decode().splitlines():
            number, a, b, c, d, e, f, g, h, seq, port = line.split("\t")
            thing = mine[int(number)]
            assert (thing["type"], thing["code"]) == (int(a or e), int(b or f))
            assert int(port) == (50000 if thing["from"] == "client" else 443) and seq in ("", str(thing["seq"]))
            assert (thing["mtu"] or 0) == int(c or g or 0) and (d or h) == "1"
            seen += 1
    assert seen == 7


VERBOSE = (
    b"12:00:00.006000 IP (tos 0xc0, ttl 250, id 77, offset 0, flags [none], proto ICMP (1), length 56)\n"
    b"    192.0.2.1 > 10.0.0.2: ICMP 10.0.0.1 unreachable - need to frag (mtu 1300), length 36\n"
    b"\tIP (tos 0x0, ttl 64, id 6, offset 0, flags [DF], proto TCP (6), length 1440)\n"
    b"    10.0.0.2.443 > 10.0.0.1.50000: Flags [P.], seq 1400:2800, ack 62, win 1024, length 1400\n"
)


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
@pytest.mark.parametrize("rows", [True, False])
def test_tcpdump_tells_the_quoted_packet_in_the_head(size: int, rows: bool) -> None:
    """With -v: two lines more, that are none of another packet."""
    packets = hole().wire.packets
    text = dump(packets[:-1]) + VERBOSE + (dump(packets[-1:], summaries=False) if rows else b"") + dump(packets[:1])
    made = [json.loads(line) for line in run("json", [text[i : i + size] for i in range(0, len(text), size)]).splitlines()]
    told = of(made, "packet")
    assert len(told) == len(packets) + 1
    assert (told[6]["time"], told[6]["stream"]) == ("12:00:00.006000", None)
    assert not rows or of(made, "icmp")[0]["packet"] == 7
    assert not any(f["code"] == "snapped" for f in of(made, "finding"))
