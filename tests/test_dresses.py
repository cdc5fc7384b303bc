"""One connection in many dresses: every dump format gives what tcpdump -X gives.

Quick by default; HEXNOTE_WHOLE=1 reads every form of every capture of the corpus.
"""

from __future__ import annotations

import glob
import json
import os
import struct
import subprocess
from shutil import which
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest
from conftest import SHARED
from support import annotate, strip
from test_dumps import GRAMMARS, blocks_of, check, measure, read

from hexnote.dumps import Reader
from hexnote.model import Block
from hexnote.pipeline import Annotator
from hexnote.render.json import Json
from hexnote.render.text import Text

CORPUS = os.path.join(SHARED, "corpus")
FORMATS = os.path.join(CORPUS, "formats")
WHOLE = bool(os.environ.get("HEXNOTE_WHOLE"))
corpus = pytest.mark.skipif(not os.path.isdir(FORMATS), reason="the corpus is not here")

CLIENT = bytes.fromhex(
    "1603010045010000410303404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f000004130113020100"
    "001400000010000e00000b6265656620636166652e78"
)
SERVER = bytes.fromhex("15030300020228")


def file(*path: str) -> bytes:
    with open(os.path.join(*path), "rb") as opened:
        return opened.read()


def told(text: bytes) -> List[Dict[str, Any]]:
    """The JSON objects of a trace."""
    annotator = Annotator(Json())
    annotator.begin("-")
    made = annotator.feed(text) + annotator.close()
    return [json.loads(line) for line in made.splitlines()]


def bare(objects: List[Dict[str, Any]], sender: Optional[str] = None) -> List[str]:
    """Records, messages, fields and groups without what depends on the dress."""
    kinds = ("record", "message", "field", "group")
    kept = [{k: v for k, v in o.items() if k not in ("at", "line", "time")} for o in objects if o["kind"] in kinds]
    return [json.dumps(o, sort_keys=True) for o in kept if sender is None or o["from"] == sender]


# ------------------------------------------------------------------ corpus/formats

PACKETS = [
    "XX", "x", "vX", "expand", "crlf", "collapsed", "old34x", "old37X", "obX", "forti3", "noascii", "quoted", "pipe", "numbered",
    "nbsp", "tsx", "tsPx", "tsVx", "snoop", "wrapped", "rx",
]
STREAMS = {"follow": None, "hd": "client", "od": "client", "xxd": "client", "xxdp": "client"}


@corpus
@pytest.mark.parametrize("name", [*PACKETS, *STREAMS])
def test_every_dress_tells_what_X_tells(name: str) -> None:
    wanted, got = told(file(FORMATS, "X.txt")), told(file(FORMATS, name + ".txt"))
    assert bare(got) == bare(wanted, STREAMS.get(name))
    if name in PACKETS:
        keys = ("packet", "stream", "from", "src", "sport", "dst", "dport", "flags", "seq", "ack", "payload", "captured", "offset")
        packets = [[o[k] for k in keys] for o in wanted if o["kind"] == "packet"]
        assert [[o[k] for k in keys] for o in got if o["kind"] == "packet"] == packets


@corpus
def test_what_a_dress_leaves_out_is_a_hole() -> None:
    items = check(file(FORMATS, "elided.txt"))
    whole = [b.data for b in blocks_of(check(file(FORMATS, "X.txt")))]
    got: List[Dict[int, int]] = []
    for block in blocks_of(items):
        if block.head:
            got.append({})
        got[-1].update(enumerate(block.data, block.offset))
    assert len(got) == len(whole)
    for known, data in zip(got, whole):
        assert 0 < len(known) < len(data) and all(data[at] == byte for at, byte in known.items())


def records(name: str) -> List[Tuple[Any, ...]]:
    return [
        (o["from"], o["offset"], o["length"], o["type"], o["encrypted"], o["missing"])
        for o in told(file(FORMATS, name + ".txt")) if o["kind"] == "record"
    ]  # fmt: skip


# The logs' truth, by hand: sender, stream offset, length, content type, encrypted, bytes not shown.
LOGS: Dict[str, List[Tuple[Any, ...]]] = {
    "java": [("client", 0, 440, 22, False, 0)],
    "ossld": [
        ("client", 0, 315, 22, False, 0), ("client", 315, 6, 20, False, 0), ("client", 321, 74, 23, True, 0),
        ("client", 395, 23, 23, True, 0), ("client", 418, 24, 23, True, 0),
    ],
    "osslmsg": [
        ("client", 0, 315, 22, False, 0), ("server", 0, 127, 22, False, 0), ("server", 127, 6, 20, False, 1),
        ("server", 133, 28, 23, True, 23), ("server", 161, 816, 23, True, 811), ("server", 977, 286, 23, True, 281),
        ("client", 315, 6, 20, False, 0), ("client", 321, 74, 23, True, 69), ("client", 395, 23, 23, True, 18),
        ("client", 418, 24, 23, True, 19), ("server", 1263, 74, 23, True, 69),
    ],
    "curl": [
        ("client", 0, 517, 22, False, 0), ("server", 0, 127, 22, False, 0), ("server", 127, 6, 20, False, 1),
        ("server", 133, 28, 23, True, 23), ("server", 161, 816, 23, True, 811), ("server", 977, 286, 23, True, 281),
        ("client", 517, 6, 20, False, 0), ("client", 523, 74, 23, True, 69), ("server", 1263, 74, 23, True, 69),
        ("server", 1337, 255, 23, True, 250), ("server", 1592, 255, 23, True, 250), ("client", 597, 101, 23, True, 96),
        ("client", 698, 24, 23, True, 19), ("server", 1847, 24, 23, True, 19),
    ],
}


@corpus
@pytest.mark.parametrize("name", sorted(LOGS))
def test_logs(name: str) -> None:
    assert sorted(records(name)) == sorted(LOGS[name])


# What the logs show decrypted, by hand: sender, message, whole length; or sender, alert, level, description.
DECRYPTED: Dict[str, List[Tuple[Any, ...]]] = {
    "osslmsg": [
        ("server", "encrypted_extensions", 6), ("server", "certificate", 794), ("server", "certificate_verify", 264),
        ("server", "finished", 52), ("client", "finished", 52), ("client", "alert", 1, 0),
    ],
    "curl": [
        ("server", "encrypted_extensions", 6), ("server", "certificate", 794), ("server", "certificate_verify", 264),
        ("server", "finished", 52), ("client", "finished", 52), ("server", "new_session_ticket", 233),
        ("server", "new_session_ticket", 233), ("server", "alert", 1, 0), ("client", "alert", 1, 0),
    ],
}


def decrypted(found: List[Dict[str, Any]]) -> List[Tuple[Any, ...]]:
    """Messages and alerts that are told in buffers of their own."""
    made: List[Tuple[Any, ...]] = []
    for o in found:
        if o["kind"] == "message" and o.get("buffer"):
            made.append((o["from"], o["name"], o["length"]))
        elif o["kind"] == "field" and o.get("buffer") and o["path"] == "alert.level":
            made.append((o["from"], "alert", o["value"]))
        elif o["kind"] == "field" and o.get("buffer") and o["path"] == "alert.description":
            made[-1] += (o["value"],)
    return made


@corpus
@pytest.mark.parametrize("name", sorted(DECRYPTED))
def test_what_a_log_shows_decrypted_is_read_as_messages(name: str) -> None:
    found = told(file(FORMATS, name + ".txt"))
    assert decrypted(found) == DECRYPTED[name]
    # Each logged block is a buffer of its own, and its fields tile it: bytes, and places in the dump.
    buffers: Dict[str, List[Dict[str, Any]]] = {}
    for o in found:
        if o["kind"] == "field" and o.get("buffer"):
            buffers.setdefault(o["buffer"], []).append(o)
    for buffer, fields in buffers.items():
        packet = int(buffer.partition(":")[2])
        at = 0
        for field in sorted(fields, key=lambda o: o["offset"]):
            assert field["offset"] == at
            at += field["length"]
            if field["length"]:
                assert field["at"] == [[packet, field["offset"], at]]
    whole = b"".join(bytes.fromhex(o["hex"]) for fields in buffers.values() for o in fields)
    assert whole.count(b"beef.cafe") == 2


def logged(sign: str, name: str, data: bytes) -> bytes:
    text = rows(lambda at, row: b"    " + row.hex(" ").encode() + b"\n", data)
    return f"{sign} TLS 1.2, {name} [length {len(data):04x}]\n".encode() + text


def test_a_log_of_tls_1_2() -> None:
    """Messages in clear are the wire's, several in one record too; behind ChangeCipherSpec they are decrypted ones."""
    hello = CLIENT[5:]
    server = b"\2\0\0\x26\3\3" + bytes(32) + b"\0\x00\x2f\0"
    done, finished = b"\x0e\0\0\0", b"\x14\0\0\x0c" + bytes(range(12))
    text = logged(">>>", "RecordHeader", CLIENT[:5]) + logged(">>>", "Handshake", hello)
    text += logged("<<<", "RecordHeader", b"\x16\3\3\0\x2e") + logged("<<<", "Handshake", server) + logged("<<<", "Handshake", done)
    text += logged(">>>", "RecordHeader", b"\x14\3\3\0\1") + logged(">>>", "ChangeCipherSpec", b"\1")
    text += logged(">>>", "RecordHeader", b"\x16\3\3\0\x28") + logged(">>>", "Handshake", finished)
    text += logged("<<<", "RecordHeader", b"\x14\3\3\0\1")
    text += logged("<<<", "RecordHeader", b"\x16\3\3\0\x28") + logged("<<<", "Handshake", finished)
    text += logged(">>>", "RecordHeader", b"\x15\3\3\0\x1a") + logged(">>>", "Alert", b"\2\x28")
    found = told(text)
    assert [(o["from"], o["name"], o["offset"]) for o in found if o["kind"] == "message" and not o.get("buffer")] == [
        ("client", "client_hello", 5), ("server", "server_hello", 5), ("server", "server_hello_done", 47)]
    assert decrypted(found) == [("client", "finished", 16), ("server", "finished", 16), ("client", "alert", 2, 40)]
    records = [(o["from"], o["type"], o["missing"], o["encrypted"]) for o in found if o["kind"] == "record"]
    assert sorted(records) == [
        ("client", 20, 0, False), ("client", 21, 26, True), ("client", 22, 0, False), ("client", 22, 40, True),
        ("server", 20, 1, False), ("server", 22, 0, False), ("server", 22, 40, True)]
    # A server's log: what comes in first is the client's.
    turned = text.replace(b">>>", b"---").replace(b"<<<", b">>>").replace(b"---", b"<<<")
    assert bare(told(turned)) == bare(found)
    # Another connection in the same log has a hello in clear.
    both = told(text + text)
    assert {o["stream"] for o in both if o["kind"] == "message"} == {0, 1}
    assert decrypted(both) == 2 * decrypted(found)


def test_a_log_that_shows_the_hello_first_and_then_as_it_was_sent() -> None:
    """s_client -msg -debug logs what it writes before it writes it: one connection, whose hello is told once."""
    size, reply = len(CLIENT), b"\x16\3\3\0\x2a\2\0\0\x26\3\3" + bytes(32) + b"\0\x00\x2f\0"

    def shown(way: str, data: bytes) -> bytes:
        n = len(data)
        return f"{way} 0x55744d77adf0 [0x55744d793690] ({n} bytes => {n} (0x{n:X}))\n".encode() + rows(openssl, data)

    text = logged(">>>", "RecordHeader", CLIENT[:5]) + logged(">>>", "Handshake", CLIENT[5:]) + shown("write to", CLIENT)
    text += shown("read from", reply[:5]) + logged("<<<", "RecordHeader", reply[:5])
    text += shown("read from", reply[5:]) + logged("<<<", "Handshake", reply[5:])
    messages = [o for o in told(text) if o["kind"] == "message"]
    assert [(o["stream"], o["name"], o["offset"]) for o in messages] == [(0, "client_hello", 5), (0, "server_hello", 5)]
    # Another hello is another connection's.
    other = CLIENT[:20] + bytes(8) + CLIENT[28:]
    text = logged(">>>", "RecordHeader", other[:5]) + logged(">>>", "Handshake", other[5:]) + shown("write to", CLIENT)
    assert [o["stream"] for o in told(text) if o["kind"] == "message"] == [0, 1] and size == len(other)


def test_a_log_without_records() -> None:
    """OpenSSL before 1.0.2 logged messages alone: they are all that is known of the connection."""
    hello = CLIENT[5:]
    server = b"\2\0\0\x26\3\1" + bytes(32) + b"\0\x00\x2f\0"
    finished = b"\x14\0\0\x0c" + bytes(range(12))
    text = b"".join(
        logged(sign, name, data).replace(b"TLS 1.2, ", b"TLS 1.0 ")
        for sign, name, data in (
            (">>>", "Handshake", hello), ("<<<", "Handshake", server), ("<<<", "Handshake", b"\x0e\0\0\0"),
            (">>>", "ChangeCipherSpec", b"\1"), (">>>", "Handshake", finished), ("<<<", "Alert", b"\2\x14"),
        ))
    wanted = [("client", "client_hello", 69), ("server", "server_hello", 42), ("server", "server_hello_done", 4),
              ("client", "finished", 16), ("server", "alert", 2, 20)]
    assert decrypted(told(text)) == wanted
    turned = text.replace(b">>>", b"---").replace(b"<<<", b">>>").replace(b"---", b"<<<")
    assert decrypted(told(turned)) == wanted
    assert [o for o in told(text) if o["kind"] == "field" and o["path"] == "server_hello.server_version"][0]["value"] == 0x0301


@pytest.mark.parametrize("lead", ["15:29:04.455123 ", "[0-0] ", "15:29:04.455123 [12-x] "])
@corpus
def test_what_curl_puts_before_its_lines(lead: str) -> None:
    text = log("curl").replace(b"=> ", lead.encode() + b"=> ").replace(b"<= ", lead.encode() + b"<= ")
    assert bare(told(text)) == bare(told(file(FORMATS, "X.txt")))


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_log_cut_short(cut: int) -> None:
    text = file(FORMATS, "osslmsg.txt") if os.path.isdir(FORMATS) else log("msg")
    lines = text.split(b"\n")
    short = b"\n".join(lines[: len(lines) * cut // 40]) + b"\n"
    for at in (0, 1, 2):
        annotator = Annotator(Text())
        annotator.begin("-")
        out = annotator.feed(short[at:]) + annotator.close()
        assert b"".join(line for line in out.splitlines(True) if not line.startswith(b";|")) == short[at:]


def test_what_a_log_shows_besides_is_no_part_of_the_stream() -> None:
    """s_client prints the ticket in the same way, and other programs print in the midst of a row."""
    ticket = b"    TLS session ticket:\n    " + rows(openssl, bytes(range(64))).replace(b"\n0", b"\n    0")
    plain = told(log("openssl"))
    assert bare(told(log("openssl") + ticket)) == bare(plain)
    assert bare(told(log("openssl") + ticket[ticket.index(b"\n") + 1 :])) == bare(plain)


ERRORS = b"depth=0 CN = beef.cafe\nverify error:num=18:self-signed certificate\nverify return:1\n"


@corpus
@pytest.mark.parametrize("row", [1, 2, 3, 4])
@pytest.mark.parametrize("at", range(1, 73))
def test_a_row_that_errors_have_torn(row: int, at: int) -> None:
    """s_client -debug > FILE 2>&1: the rest of a row stands some lines below, and the text column vouches for it."""
    lines = log("openssl").splitlines(True)
    lines[row] = lines[row][:at] + ERRORS + lines[row][at:]
    text = b"".join(lines)
    got = blocks_of(check(text))
    found = told(text)
    assert strip(annotate(text)) == text
    known = {block.offset + i: byte for block in got if block.side == 0 for i, byte in enumerate(block.data)}
    assert all(CLIENT[i] == byte for i, byte in known.items())
    lost = {i for i in range(len(CLIENT)) if i not in known}
    assert lost <= set(range(16 * row - 16, 16 * row))
    if at > 54 or (at > 7 and at % 3 == 1):  # between two bytes, or behind the last
        assert not lost
    codes = {o["code"]: o["text"] for o in found if o["kind"] == "finding"}
    assert not codes.keys() & {"ascii-disagrees", "malformed", "unreadable-rows"}
    assert "lost" not in codes.get("length-disagrees", "")
    if lost and 16 * row - 16 in known:
        assert "another program has printed in it" in codes["length-disagrees"]



@pytest.mark.parametrize("row", [3, 4, 5])
@pytest.mark.parametrize("at", [5, 12, 30])
def test_rows_without_offsets_below_one_that_errors_have_torn(row: int, at: int) -> None:
    """s_client -msg: nothing says where they belong, and that is told."""
    lines = log("msg").splitlines(True)
    lines[row] = lines[row][:at] + ERRORS + lines[row][at:]
    text = b"".join(lines)
    assert b"".join(block.data for block in blocks_of(check(text))) == CLIENT[: 16 * row - 43] + SERVER
    reader = Reader(GRAMMARS, measure)
    list(reader.feed(text)), list(reader.close())
    assert [last for _, last, _ in reader.unreadable] == [10]


@corpus
def test_bytes_that_cannot_be_had() -> None:
    for text, word in ((file(FORMATS, "A.txt"), "-X"), (b"0000: .............S...\n", "--trace FILE")):
        reader = Reader(GRAMMARS, measure)
        assert not [i for i in [*reader.feed(text), *reader.close()] if isinstance(i, Block) and i.data]
        [(line, sentence)] = reader.advice
        assert word in sentence and line > 0


@pytest.mark.parametrize("text, line", [
    (b"Frame 1: 78 bytes on wire\nTransport Layer Security\n    TLSv1 Record Layer\n", 2),
    (b"0000000 001426 000401 000105 000000 001501 040003\n", 1),
    (b"it sent:\nb'\\x16\\x03\\x01\\x00\\x05\\x01\\x00\\x00\\x01A'\n", 2),
    (b"<<22,3,1,0,69,1,0,0,65>>\n", 1), (b'{"type":"Buffer","data":[21,3,3,0,2,2,40]}\n', 1), (b"[22, 3, 1, 0, -97, 1, 0]\n", 1),
    (b"0000000 026 003 001 000 105 001 000 000\n", 1), (b"0000000 026 003 001  \\0   E 001  \\0  \\0\n", 1),
    (b"0000000   00790   00001   00325   00000\n", 1), (b"0000000 00010316 00000145\n", 1),
    (b"00000000: 00010110 00000011 00000001 00000000 01000101 00000001  ....E.\n", 1),
    (b"read: FgMBAEUBAABBAwNAQUJD\n", 1), (b"data <Buffer " + CLIENT[:50].hex(" ").encode() + b" ... 24 more bytes>\n", 1),
])
def test_advice_for_bytes_that_are_not_in_hex(text: bytes, line: int) -> None:
    reader = Reader(GRAMMARS, measure)
    list(reader.feed(text)), list(reader.close())
    assert [at for at, _ in reader.advice] == [line]


def test_no_advice_where_all_is_well() -> None:
    for text in (
        b'"\\x15\\x03\\x03\\x00\\x02\\x02\\x28"\n', b"1.0.0.[22, 3, 1]\n", b"[22, 23, 1, 0, 69, 1, 0]\n",
        b"cFgMBAEUBAABBAwNAQUJD\n", b"E.g. this. And that.\n",
        b"\t0x0000:  4500 0028 0003 4000 4006 42e3 c0a8 0167  E..(..@.@.B....g\n",
    ):
        reader = Reader(GRAMMARS, measure)
        list(reader.feed(text)), list(reader.close())
        assert reader.advice == []


# ------------------------------------------------------------------ tools

HOSTS = "0000  "


def rows(make: Any, data: bytes, step: int = 16) -> bytes:
    return b"".join(make(at, data[at : at + step]) for at in range(0, len(data), step))


def text_of(data: bytes, top: int = 127) -> str:
    return "".join(chr(c) if 32 <= c < top else "." for c in data)


def openssl(at: int, data: bytes) -> bytes:
    hexes = data.hex(" ")
    hexes = hexes[:23] + "-" + hexes[24:] if len(data) > 8 else hexes + ("-" if len(data) == 8 else "")
    return f"{at:04x} - {hexes:<47}   {text_of(data)}\n".encode()


def spread(at: int, data: bytes) -> bytes:
    return f"  {at:04X}: {data[:8].hex(' ').upper():<23}   {data[8:].hex(' ').upper():<23}  {text_of(data, 123)}\n".encode()


def ldap(at: int, data: bytes) -> bytes:
    return f"  {at:04x}:  {data[:8].hex(' '):<23}  {data[8:].hex(' '):<23}   {text_of(data):<16}  \n".encode()


def ssltap(at: int, data: bytes) -> bytes:
    digits = "  ".join(data[i : i + 4].hex(" ") for i in range(0, len(data), 4))
    return f"{at:4x}: {digits:<52}| {text_of(data, 128)}\n".encode()


def curl(at: int, data: bytes) -> bytes:
    return f"{at:04x}: {data.hex(' '):<47} {text_of(data)}\n".encode()


def apache(at: int, data: bytes) -> bytes:
    line = openssl(at, data).decode().rstrip("\n").replace(" - ", ": ", 1)
    return f"[Tue Jul 09 16:13:53 2013] [debug] ssl_engine_io.c(1869): | {line:<72} |\n".encode()


STAMP = "[Tue Jul 09 16:13:53 2013] [debug] ssl_engine_io.c"


def log(kind: str, server: bytes = SERVER) -> bytes:
    """The two records as a library logs them."""
    out = b""
    for data, write in ((CLIENT, True), (server, False)):
        n = len(data)
        if kind == "openssl":
            way = "write to" if write else "read from"
            out += f"{way} 0x55744d77adf0 [0x55744d793690] ({n} bytes => {n} (0x{n:X}))\n".encode() + rows(openssl, data)
        elif kind == "java":
            way = "OutputRecord.java:275|Raw write (" if write else "InputRecord.java:214|Raw read ("
            out += f"javax.net.ssl|DEBUG|10|main|2026-11-20 15:29:04.455 UTC|SSLSocket{way}\n".encode()
            out += rows(spread, data) + b")\n"
        elif kind == "java8":
            out += f"[Raw {'write' if write else 'read'}]: length = {n}\n".encode()
            out += rows(lambda at, row: spread(at, row)[2:], data)
        elif kind == "ldap":
            way = f"tls_write: want={n}, written={n}" if write else f"tls_read: want={n}, got={n}"
            out += way.encode() + b"\n" + rows(ldap, data)
        elif kind == "apache":
            way = f"write {n}/{n} bytes to" if write else f"read {n}/{n} bytes from"
            out += f"{STAMP}(1897): OpenSSL: {way} BIO#7fad7c000da0 [mem: 7fad8001672e] (BIO dump follows)\n".encode()
            out += f"{STAMP}(1830): +{'-' * 73}+\n".encode() + rows(apache, data)
            out += f"{STAMP}(1875): +{'-' * 73}+\n".encode()
        elif kind == "mbedtls":
            way = "output record sent to network" if write else "input record from network"
            start = "ssl_tls.c:2754: |4| "
            out += f"{start}dumping '{way}' ({n} bytes)\n".encode()
            out += b"".join(start.encode() + row.lstrip() for row in rows(ldap, data).splitlines(True))
        elif kind == "msg":
            sign, name = (">>>", "ClientHello") if write else ("<<<", "fatal handshake_failure")
            for part, what in ((data[:5], "RecordHeader"), (data[5:], "Handshake" if write else "Alert")):
                out += f"{sign} TLS 1.2, {what} [length {len(part):04x}], {name}\n".encode()
                out += rows(lambda at, row: b"    " + row.hex(" ").encode() + b"\n", part)
        elif kind == "ssltap":
            out += (b"--> [\n" if write else b"<-- [\n") + rows(ssltap, data) + f"({n} bytes of {n - 5})\n".encode()
            out += b"SSLRecord { [Thu Nov 26 17:10:04 2026]\n" + ssltap(0, data[:5]) + b"   type    = 22 (handshake)\n"
            out += b"   handshake {\n" + ssltap(0, data[5:9]) + b"            random = {...}\n" + rows(ssltap, data[11:43])
            out += b"   }\n}\n]\n"
        elif kind == "curl":
            for part in (data[:5], data[5:]):
                way = "=> Send" if write else "<= Recv"
                out += f"{way} SSL data, {len(part)} bytes (0x{len(part):x})\n".encode() + rows(curl, part)
        elif kind == "go":
            out += f">>> Flow {1 if write else 2} ({'client to server' if write else 'server to client'})\n".encode()
            out += rows(
                lambda at, row: f"{at:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{text_of(row)}|\n".encode(), data
            )
        elif kind == "arrays":
            out += f"char peer{0 if write else 1}_0[] = {{ /* Packet {1 if write else 2} */\n".encode()
            out += rows(lambda at, row: ", ".join(f"0x{c:02x}" for c in row).encode() + b", \n", data, 8)[:-3] + b" };\n"
        elif kind == "escaped":
            out += rows(lambda at, row: b'"' + "".join(f"\\x{c:02x}" for c in row).encode() + b'" \\\n', data) + b"\n"
        elif kind == "raw":
            out += (b"" if write else b"\t") + data.hex().encode() + b"\n"
    return out


KINDS = ["openssl", "java", "java8", "ldap", "apache", "mbedtls", "msg", "curl", "go", "arrays", "raw", "ssltap"]


@corpus
@pytest.mark.parametrize("kind", KINDS)
def test_both_ends_of_a_log(kind: str) -> None:
    assert bare(told(log(kind))) == bare(told(file(FORMATS, "X.txt")))


@pytest.mark.parametrize("kind", [*KINDS, "escaped"])
def test_bytes_of_a_log(kind: str) -> None:
    for end in (b"\n", b"\r\n"):
        got = blocks_of(check(log(kind).replace(b"\n", end)))
        assert b"".join(block.data for block in got) == CLIENT + SERVER
        assert all(block.payload for block in got)
        if kind != "escaped":
            assert {block.side for block in got} == {0, 1}
        assert all(block.message == (kind in ("msg", "curl")) for block in got)


def apart(at: int, row: bytes) -> bytes:
    return f"  {row[:8].hex(' '):<23}   {row[8:].hex(' '):<23}   {text_of(row)}\n".encode()


def test_a_string_of_escapes_and_signs_is_not_read_in_part() -> None:
    """Of Python's b"...": the signs are bytes too, but not in hex."""
    for text in (
        b"b'\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xfcfB\\x81'\n",
        b'"\\x15\\x03\\x03\\x00\\x02\\x02(";\n', b'"\\x15\\x03\\x03\\x00\\x02\\x02\\n"\n',
    ):
        assert not blocks_of(check(text))


def test_a_bar_that_is_the_first_byte_is_no_fence() -> None:
    """PowerShell shows what is no text as U+FFFD: its columns are characters, not bytes."""
    data = b"|" + CLIENT[1:16]
    shown = "".join(chr(c) if 32 <= c < 127 else "\ufffd" for c in data)
    text = f"0000000000000010 {data.hex(' ').upper()} {shown}\n".encode()
    before = f"0000000000000000 {CLIENT[:16].hex(' ').upper()} {shown.replace('|', chr(0xFFFD))}\n".encode()
    assert not [o for o in told(before + text) if o["kind"] == "finding" and o["code"] == "ascii-disagrees"]


@pytest.mark.parametrize("row", [
    b"abcdefghijklmno ", b"\n\x0c\x12Harbour Test ", b"<.y\xbc\xa9\xc90\x19\xf3A\xac\x85\1\1|", b">abcdefghijklmn<",
])
def test_fences_of_od_are_no_signs(row: bytes) -> None:
    data = CLIENT[:16] + row
    text = rows(lambda at, part: f"{at:06x} {part.hex(' '):<47}  >{text_of(part)}<\n".encode(), data)
    assert b"".join(block.data for block in blocks_of(check(text))) == data
    assert not [o for o in told(text) if o["kind"] == "finding" and o["code"] == "ascii-disagrees"]


def sources(every: int) -> bytes:
    """tshark -x: a frame has no head, or one that says that more is dumped below than the frame."""
    shark: Any = lambda at, row: f"{at:04x}  {row.hex(' '):<47}   {text_of(row)}\n".encode()  # noqa: E731
    out = b""
    for n, frame in enumerate(frames(os.path.join(FORMATS, "flow.pcap"))):
        more = not n % every
        out += f"Frame ({len(frame)} bytes):\n".encode() * more + rows(shark, frame)
        for name in ("Reassembled TCP", "Decrypted TLS") if more else ():
            out += f"{name} ({len(CLIENT)} bytes):\n".encode() + rows(shark, CLIENT)
        out += b"\n"
    return out


@corpus
@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("quote", [b"", b"> "])
def test_frames_behind_what_was_put_together(every: int, quote: bytes) -> None:
    text = b"".join(quote + line for line in sources(every).splitlines(True))
    assert bare(told(text)) == bare(told(file(FORMATS, "X.txt")))


def json_of(raw: bool, plain: bool) -> bytes:
    """What tshark -T json prints (`plain`), -T jsonraw (`raw`), and -T json -x: each field once more below the frame."""
    out = b"[\n"
    for frame in frames(os.path.join(FORMATS, "flow.pcap")):
        start, end = 14 + 4 * (frame[14] & 15), 14 + int.from_bytes(frame[16:18], "big")
        payload = frame[start + 4 * (frame[start + 12] >> 4) : end]
        fields = [("frame", frame), ("eth.src", frame[6:12]), ("tcp.options", bytes(12)), ("tcp.payload", payload)]
        fields += [("tcp.segment_data", payload), ("tls.handshake.random", payload[11:43]), ("tls.record", payload)]
        for name, data in fields:
            if raw and data:
                out += f'        "{name}_raw": [\n          "{data.hex()}",\n          {54},\n          1\n        ],\n'.encode()
            if plain and data and name != "frame":
                out += f'        "{name}": "{data.hex(":")}",\n'.encode()
    return out + b"]\n"


@corpus
@pytest.mark.parametrize("raw", [True, False])
def test_json_of_one_packet_in_a_line(raw: bool) -> None:
    """As jq -c prints it: its frame is read; where that is not there, nothing says which end sent the payload."""
    lines = []
    for frame in frames(os.path.join(FORMATS, "flow.pcap")):
        payload = frame[14 + 20 + 4 * (frame[46] >> 4) : 14 + int.from_bytes(frame[16:18], "big")]
        layers: Dict[str, Any] = {"frame_raw": [frame.hex(), 0, len(frame), 0, 1]} if raw else {}
        if payload:
            layers["tcp.payload"] = payload.hex(":")
        lines.append(json.dumps({"_index": "packets", "_source": {"layers": layers}}, separators=(",", ":")))
    found = told(("\n".join(lines) + "\n").encode())
    if raw:
        assert bare(found) == bare(told(file(FORMATS, "X.txt")))
    else:
        assert [o["code"] for o in found if o["kind"] == "finding"] == ["no-bytes"]
    found = told(("[" + ",".join(lines) + "]\n").encode())
    assert "unreadable-rows" in [o["code"] for o in found if o["kind"] == "finding"]
    assert not [o for o in found if o["kind"] == "record"]


def test_the_midst_of_a_dump_begins_no_stream() -> None:
    """Frames in rows without offsets, of which nothing says where they begin; a key of a certificate."""
    row = bytes(range(0x70, 0x80))
    for gap, end in ((" ", ""), (":", ":")):
        lines = [row, CLIENT[:15] + b"\0", row]
        text = "".join(line.hex(gap) + end + "\n" for line in lines).encode()
        assert not blocks_of(check(text))
    begun = CLIENT[:16].hex(" ").encode() + b"\n"
    assert blocks_of(check(b"so:\n" + begun)) and not blocks_of(check(row.hex(" ").encode() + b"\n" + begun))


@corpus
@pytest.mark.parametrize("plain", [True, False])
def test_json_with_frames(plain: bool) -> None:
    assert bare(told(json_of(True, plain))) == bare(told(file(FORMATS, "X.txt")))


@corpus
def test_json_without_frames_tells_what_segments_carry() -> None:
    assert bare(told(json_of(False, True))) == bare(told(file(FORMATS, "X.txt")))


def test_a_first_byte_of_a_row_is_no_line_number() -> None:
    """A record begins at a row's second byte, and the first one could be a number of the line."""
    for shift in set(range(16)) - {13}:  # the last byte would stand alone
        stream = bytes.fromhex("1603010045") + CLIENT[5:] + b"\x17\3\3\0" + bytes([shift + 1]) + b"\x69" * (shift + 1) \
            + bytes.fromhex("1703030005") + b"\x11" * 5 + b"\x17\3\3\0\x05" + b"\x12" * 5
        text = b"".join(stream[at : at + 16].hex(" ").encode() + b"\n" for at in range(0, len(stream), 16))
        objects = told(b"The hello:\n\n" + text)
        records = [(o["offset"], o["missing"]) for o in objects if o["kind"] == "record"]
        assert records[1:] == [(74, 0), (80 + shift, 0), (90 + shift, 0)], shift


@pytest.mark.parametrize("make", (lambda row: row.hex().encode() + b"\n", lambda row: row.hex(" ").encode() + b"\n"))
def test_a_last_byte_alone_in_its_line(make: Any) -> None:
    """Where the record lacks just that."""
    data = CLIENT + bytes.fromhex("1503030002") + b"\2\x28"
    text = b"".join(make(data[at : at + 20]) for at in range(0, 80, 20)) + make(data[80:])
    assert len(data) == 81 and text.endswith(b"\n28\n")
    assert [o["missing"] for o in told(text) if o["kind"] == "record"] == [0, 0]


@pytest.mark.parametrize("between", [b"\n", b"and then:\n", b"\n## 4\n\n"])
def test_a_line_that_begins_a_record_does_not_go_on_with_another(between: bytes) -> None:
    """The rest of the one before it stands in a line that nothing tells from other digits."""
    server = b"\x16\3\3\0\x2a\2\0\0\x26\3\3" + bytes(32) + b"\0\x00\x2f\0"
    done = b"\x16\3\3\0\4\x0e\0\0\0"
    lines = [CLIENT, server[:20], server[20:], done]
    text = between.join(line.hex().encode() + b"\n" for line in lines)
    found = told(text)
    lost = 0 if between == b"\n" else 27
    records = [(o["from"], o["offset"], o["length"], o["missing"]) for o in found if o["kind"] == "record"]
    assert records == [("client", 0, 74, 0), ("server", 0, 47, lost), ("server", 47, 9, 0)]
    assert not [o for o in found if o["kind"] == "finding" and o["code"] in ("malformed", "unexpected-message")]


def ngrep_log(server: bytes) -> bytes:
    ends = "10.0.0.1:43690 -> 10.0.0.2:443", "10.0.0.2:443 -> 10.0.0.1:43690"
    return b"".join(f"T {end} [AP] #3\n".encode() + rows(apart, data) for data, end in zip((CLIENT, server), ends))


@pytest.mark.parametrize("kind", [*KINDS, "ngrep"])
def test_a_label_holds_for_all_that_stands_below_it(kind: str) -> None:
    """A stream's rows are told in blocks of a kilobyte: the later ones have the same sender, and none is left out."""
    server = b"\x16\3\3\x0b\xb8" + bytes(i * 7 % 251 for i in range(3000))
    text = ngrep_log(server) if kind == "ngrep" else log(kind, server)
    got = blocks_of(check(text))
    assert b"".join(block.data for block in got if block.side == 0) == CLIENT
    assert b"".join(block.data for block in got if block.side == 1) == server


def flow_rows(make: Any, head: Any, tail: bytes = b"\n") -> bytes:
    """The packets of flow.pcap in a dress of rows."""
    return b"".join(head(n, frame) + rows(make, frame) + tail for n, frame in enumerate(frames(os.path.join(FORMATS, "flow.pcap"))))


def netscreen() -> bytes:
    return flow_rows(
        lambda at, row: f"              {row.hex(' '):<47}     {text_of(row)}\n".encode(),
        lambda n, frame: (
            f"6843828.{n}: trust({'io'[n % 2]}) len={len(frame)}:{frame[6:12].hex()}->{frame[:6].hex()}/0800\n"
            f"              192.168.1.103 -> 93.184.216.34/6\n              vhl=45, tos=00, id={n}, frag=4000, ttl=64\n"
        ).encode())


def ios_xe() -> bytes:
    words = lambda row: " ".join(row.hex().upper()[i : i + 8] for i in range(0, 2 * len(row), 8))  # noqa: E731
    return flow_rows(lambda at, row: f"  {at:04X}:  {words(row):<35}   {text_of(row)}\n".encode(), lambda n, frame: b"%d\n" % n)


def scapy() -> bytes:
    return flow_rows(lambda at, row: f"{at:04x}  {row.hex(' ').upper():<47}  {text_of(row)}\n".encode(), lambda n, frame: b"")


def fortimail() -> bytes:
    return flow_rows(
        lambda at, row: f"{at:06x}\t {row.hex(' '):<47}\t{text_of(row)}\n".encode(),
        lambda n, frame: b"2026-11-21 06:51:00.123456 port1 in 192.168.1.103.43690 -> 93.184.216.34.443: psh 1 ack 2\n")


@corpus
@pytest.mark.parametrize("make", [netscreen, ios_xe, scapy, fortimail])
def test_packets_in_other_dresses(make: Any) -> None:
    assert bare(told(make())) == bare(told(file(FORMATS, "X.txt")))


@pytest.mark.parametrize("address", ["", "0x7ffd1d18ae30: ", "0x7ffd1d180000: "])
def test_numbers_in_a_log_of_mbedtls_are_no_rows(address: str) -> None:
    """With threads, mbed TLS puts an address before what it says: the last digits of that are no offset."""
    start = f"ssl_cli.c:2610: |3| {address}".encode()
    number = start + b"value of 'ECDH: Qp(X)' (520 bits) is:\n"
    number += rows(lambda at, row: start + b" " + row.hex(" ").encode() + b"\n", bytes(range(90, 155)))
    lines = log("mbedtls").splitlines(True)
    text = b"".join(lines[:6]) + number + b"".join(lines[6:])
    assert [block.data for block in blocks_of(check(text))] == [CLIENT, SERVER]
    assert not [o for o in told(text) if o["kind"] == "finding" and o["code"] == "unreadable-rows"]


def test_what_ssltap_decodes_is_no_part_of_the_stream() -> None:
    """Without -h it shows pieces of the records alone: nothing says what stands between them."""
    text = log("ssltap").replace(rows(ssltap, CLIENT), b"", 1).replace(rows(ssltap, SERVER), b"", 1)
    assert not any(block.data for block in blocks_of(check(text)))


@pytest.mark.parametrize("width", [*range(60, 76), 80])
def test_what_ssltap_shows_wrapped(width: int) -> None:
    """The rest of a row's text stands in a line of its own: rows go on behind it, and the part before it disagrees with nothing."""
    text = b"--> [\n" + rows(ssltap, CLIENT) + b"]\n<-- [\n" + rows(ssltap, SERVER) + b"]\n"
    wrapped = b"".join(
        line[at : at + width] + b"\n" for line in text.splitlines() for at in range(0, len(line), width))
    objects = told(wrapped)
    assert bare(objects) == bare(told(text))
    assert not [o for o in objects if o["kind"] == "finding" and o["code"] == "ascii-disagrees"]


def test_a_log_of_a_server_with_a_line_between_label_and_rows() -> None:
    """mod_ssl's frame: the first bytes come behind it, and it is the client that sent them."""
    def dump(said: str, data: bytes) -> bytes:
        frame = b"[ssl:trace7] [pid 5] ssl_engine_io.c(2088): +---------------------------------------+\n"
        label = f"[ssl:trace4] [pid 5] ssl_engine_io.c(2204): OpenSSL: {said} {len(data)}/{len(data)} bytes from BIO#7f [mem: 7f]\n"
        return label.encode() + frame + rows(
            lambda at, row: f"[ssl:trace7] io.c: | {at:04x}: {row.hex(' '):<47}  {text_of(row):<16} |\n".encode(), data) + frame

    found = [o for o in told(dump("read", CLIENT) + dump("write", SERVER)) if o["kind"] == "record"]
    assert [(o["from"], o["type"], o["missing"]) for o in found] == [("client", 22, 0), ("server", 21, 0)]


def test_a_text_column_shows_del_as_it_is() -> None:
    """ssltap does: that is no disagreement."""
    data = CLIENT[:11] + b"\x7f" + CLIENT[12:]
    found = told(b"--> [\n" + rows(ssltap, data) + b"]\n")
    assert not [o for o in found if o["kind"] == "finding" and o["code"] in ("ascii-disagrees", "redaction-leak")]


def ngrep() -> bytes:
    out = b"interface: eth0 (10.0.0.0/255.255.255.0)\n####\n"
    for data, ends in ((CLIENT, "10.0.0.1:43690 -> 10.0.0.2:443"), (SERVER, "10.0.0.2:443 -> 10.0.0.1:43690")):
        out += f"T {ends} [AP] #3\n".encode()
        out += rows(lambda at, row: f"  {row[:8].hex(' '):<23}   {row[8:].hex(' '):<23}   {text_of(row)}\n".encode(), data) + b"#\n"
    return out


@corpus
def test_ngrep() -> None:
    assert bare(told(ngrep())) == bare(told(file(FORMATS, "X.txt")))


def hexyl(panels: int) -> bytes:
    """With its own signs for zeros, blanks and the rest."""
    def row(at: int, data: bytes) -> bytes:
        parts = [data[i : i + 8] for i in range(0, 8 * panels, 8)]
        digits = "\u250a".join(f" {part.hex(' '):<23} " for part in parts)
        signs = "\u250a".join("".join(
            chr(c) if 32 < c < 127 else {0: "\u22c4", 32: " "}.get(c, "\u2022") for c in part).ljust(8) for part in parts)
        return f"\u2502{at:08x}\u2502{digits}\u2502{signs}\u2502\n".encode()

    return "\u250c\u2500\u252c\u2500\u2510\n".encode() + rows(row, CLIENT, 8 * panels)


STREAMS_OF_BYTES: Dict[str, Any] = {
    "gdb": lambda: b"(gdb) x/74xb buf\n" + rows(lambda at, row: f"0x{0x7ffe4000 + at:x} <buf+{at}>:\t".encode()
                                              + "\t".join(f"0x{c:02x}" for c in row).encode() + b"\n", CLIENT, 8),
    "u-boot": lambda: rows(lambda at, row: f"{0x80004000 + at:08x}: {row.hex(' '):<47}    {text_of(row)}\n".encode(), CLIENT),
    "Format-Hex 5": lambda: b"           00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\n\n" + rows(
        lambda at, row: f"{at:08X}   {row.hex(' ').upper():<47}  {text_of(row)}\n".encode(), CLIENT),
    "Format-Hex 7": lambda: b"          ------ ----------------------------------------------- -----\n" + rows(
        lambda at, row: f"{at:016X} {row.hex(' ').upper():<47} {text_of(row)}\n".encode(), CLIENT),
    "lldb": lambda: rows(lambda at, row: f"0x{0x16fdff0a0 + at:x}: {row.hex(' '):<47}  {text_of(row)}\n".encode(), CLIENT),
    "radare2": lambda: rows(
        lambda at, row: f"0x{0x7ffd0010 + at:08x}  {row.hex(' ', -2):<39}  {text_of(row)}\n".encode(), CLIENT),
    "SQL": lambda: b"0x" + CLIENT.hex().upper().encode() + b"\n",
    "YAML": lambda: b"hello: [" + ", ".join(f"0x{c:02x}" for c in CLIENT).encode() + b"]\n",
    "Format-Hex 7, UTF-8": lambda: rows(
        lambda at, row: f"{at:016X} {row.hex(' ').upper():<47} {text_of(row).replace('.', chr(0xFFFD))}\n".encode(), CLIENT),
    "C#": lambda: b"byte[] hello = new byte[] { " + ", ".join(f"0x{c:02X}" for c in CLIENT).encode() + b" };\n",
    "Java": lambda: b"byte[] hello = {\n" + rows(
        lambda at, row: ("    " + ", ".join(f"(byte) 0x{c:02x}" for c in row) + ",\n").encode(), CLIENT, 8) + b"};\n",
    "gas": lambda: rows(lambda at, row: ("    .byte " + ", ".join(f"0x{c:02x}" for c in row) + "\n").encode(), CLIENT, 8),
    "nasm": lambda: rows(lambda at, row: ("hello: db " + ",".join(f"0x{c:02x}" for c in row) + "\n").encode(), CLIENT, 8),
    "Perl": lambda: ('my $hello = "' + "".join(f"\\x{{{c:02x}}}" for c in CLIENT) + '";\n').encode(),
    "URL": lambda: ("".join(f"%{c:02X}" for c in CLIENT) + "\n").encode(),
    "registry": lambda: b'"Blob"=hex:' + b",\\\n  ".join(
        CLIENT[at:end].hex(",").encode() for at, end in ((0, 20), (20, 45), (45, 74))) + b"\n",
    "hexyl": lambda: hexyl(2), "hexyl, one panel": lambda: hexyl(1),
    "wolfSSL": lambda: b"wolfSSL Entering SendBuffered\n" + rows(
        lambda at, row: f"\t{row.hex(' '):<47} | {text_of(row)}\n".encode(), CLIENT),
    "blanks": lambda: CLIENT.hex(" ").encode() + b"\n",
    "colons": lambda: b"    " + CLIENT.hex(":").upper().encode() + b"\n",
    "rows alone": lambda: b"The hello:\n\n" + rows(lambda at, row: row.hex(" ").encode() + b"\n", CLIENT) + b"\nWhat is wrong?\n",
    "a string": lambda: b"my $hello = pack('H*', '" + CLIENT.hex().encode() + b"');\n",
}


@corpus
@pytest.mark.parametrize("name", sorted(STREAMS_OF_BYTES))
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_bytes_of_a_stream_in_other_dresses(name: str, end: bytes) -> None:
    text = STREAMS_OF_BYTES[name]().replace(b"\n", end)
    assert bare(told(text)) == bare(told(file(FORMATS, "X.txt")), "client")


def snort() -> bytes:
    out, ends = "", ("192.168.1.103:43690", "93.184.216.34:443")
    for src, dst, data in ((*ends, CLIENT), (*ends[::-1], SERVER)):
        out += f"11/20-15:29:04.000455 {src} -> {dst}\nTCP TTL:64 TOS:0x0 ID:4 IpLen:20 DgmLen:{len(data) + 52} DF\n"
        out += "***AP*** Seq: 0x8AB8B8D1  Ack: 0x3E9  Win: 0x822B  TcpLen: 32\n"
        out += rows(lambda at, row: f"{row.hex(' ').upper():<48} {text_of(row)}\n".encode(), data).decode() + "\n=+=+=+=+=+=+=\n\n"
    return out.encode()


def ipreport() -> bytes:
    out = ""
    for src, dst, data in (("43690", "443(https)", CLIENT), ("443(https)", "43690", SERVER)):
        out += f"TCP header breakdown:\n        <source port={src}, destination port={dst} >\n"
        out += "        th_seq=2327361745, th_ack=1001\n        th_off=8, flags<PUSH | ACK>\n"
        make = lambda at, row: f"{at:08x}     {row.hex(' ', -4):<35}     |{text_of(row):<16}|\n".encode()  # noqa: E731
        out += rows(make, data).decode() + "\n"
    return out.encode()


@corpus
@pytest.mark.parametrize("text", [snort(), ipreport()], ids=["snort", "ipreport"])
def test_payloads_below_headers_in_words(text: bytes) -> None:
    assert bare(told(text)) == bare(told(file(FORMATS, "X.txt")))


@pytest.mark.parametrize("command", [
    "hexdump -C", "hexdump -v -C", "hexdump", "xxd", "xxd -g1", "xxd -u", "xxd -p", "xxd -i", "od -t x1", "od -A x -t x1",
    "od -A x -t x1z", "od -A d -t x1", "od -x", "od -t x1 -w32", "od -A x -t x1z -w24", "od -x -w32", "xxd -c 32", "xxd -c 20 -g4",
    "xxd -g4", "xxd -g8", "xxd -g0", "xxd -e", "xxd -e -g2", "xxd -e -g8 -c 32", "xxd -d", "xxd -d -c 24", "xxd -a -c 32",
])
@pytest.mark.parametrize("size", [0, 40, 3001])
def test_tools_that_print_bytes(command: str, size: int, tmp_path: Any) -> None:
    if which(command.split()[0]) is None:
        pytest.skip("the tool is not here")
    filler = bytes(n * 7 % 251 for n in range(size)) + bytes(200 if size else 0) + b"\xff"
    data = CLIENT + b"\x17\3\3" + len(filler).to_bytes(2, "big") + filler
    path = tmp_path / "bytes"
    path.write_bytes(data)
    text = subprocess.run([*command.split(), str(path)], capture_output=True, check=True).stdout
    items = read(text)
    assert b"".join(item.text for item in items) == text
    assert b"".join(block.data[block.fresh - block.offset :] for block in blocks_of(items)) == data
    assert all(block.payload for block in blocks_of(items))


def wide(width: int, group: int, offset: str, text: bool) -> Any:
    """A maker of rows of `width` bytes in groups of `group`."""
    room = 2 * width + width // group - 1

    def make(at: int, row: bytes) -> bytes:
        digits = " ".join(row[i : i + group].hex() for i in range(0, len(row), group))
        return (offset % at + (f"{digits:<{room}}  {text_of(row)}" if text else digits) + "\n").encode()

    return make


# Groups without a colon before them may be numbers of two bytes.
OFFSETS = [(offset, 1) for offset in ("%04x: ", "%08x: ", "\t0x%04x:  ", "%08x  ", "%06x ")]
OFFSETS += [(offset, 2) for offset, _ in OFFSETS if ":" in offset]


@corpus
@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("offset, group", OFFSETS)
@pytest.mark.parametrize("width", [20, 24, 32, 48, 64])
def test_rows_wider_than_usual(width: int, group: int, offset: str, text: bool) -> None:
    wanted = file(FORMATS, "X.txt")
    make = wide(width, group, offset, text)
    packets = b"\n".join(rows(make, frame, width) for frame in frames(os.path.join(FORMATS, "flow.pcap")))
    assert bare(told(packets)) == bare(told(wanted))
    found = told(rows(make, CLIENT, width))
    assert bare(found) == bare(told(wanted), "client")
    assert not {o["code"] for o in found if o["kind"] == "finding"} & {"ascii-disagrees", "redaction-leak", "unreadable-rows"}


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("between", [": ", ":", "  ", " ", " - "])
@pytest.mark.parametrize("digits", [4, 6, 8])
@pytest.mark.parametrize("width", [8, 12, 16])
def test_rows_narrower_than_usual(width: int, digits: int, between: str, text: bool) -> None:
    """Also without a break; the digits of an offset are never bytes."""
    for group in (1, 2, 4, width):
        if between == " - " and group == 1 or between == " " and group > 1:
            continue
        made = rows(wide(width, group, f"%0{digits}x" + between, text), CLIENT, width)
        assert b"".join(block.data for block in blocks_of(check(made))) == CLIENT, made
        found = told(made)
        assert [(o["length"], o["missing"]) for o in found if o["kind"] == "record"] == [(74, 0)]
        assert not {o["code"] for o in found if o["kind"] == "finding"} & {"ascii-disagrees", "unreadable-rows", "malformed"}


@pytest.mark.parametrize("options", ["-t x4", "-t x8", "-A x -t x4", "-A x -t x8", "-A x -t x4z", "-t x2", "-A x -t x2"])
@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("size", range(70, 80))
def test_numbers_of_od_are_read_in_the_right_order_or_not_at_all(options: str, order: str, size: int, tmp_path: Any) -> None:
    """The last one is filled up with zeros, of which the offset below tells."""
    if which("od") is None:
        pytest.skip("the tool is not here")
    data = (CLIENT + SERVER)[:size]
    path = tmp_path / "bytes"
    path.write_bytes(data)
    command = ["od", *options.split(), "--endian=" + order, str(path)]
    text = subprocess.run(command, capture_output=True, check=True).stdout
    got = b"".join(block.data for block in blocks_of(read(text)))
    assert got in (data, b"")
    assert got or ("x4" in options or "x8" in options)
    if not got:
        codes = {o["code"] for o in told(text) if o["kind"] == "finding"}
        assert codes & {"no-bytes", "unreadable-rows"}


@pytest.mark.parametrize("said", [b"aaaaaaaaaaaaaaaa", b"0123456789abcdef", b"dead beef dead b"])
def test_a_text_of_digits_makes_no_row_wider(said: bytes) -> None:
    """Whether it says what the bytes say, or somebody has written over it."""
    for gap in (b"  ", b" "):
        row = b"\t0x0000:  4500 007e 0004 4000 4006 428c c0a8 0167" + gap + said + b"\n"
        [block] = blocks_of(check(row))
        assert len(block.data) == 16
        data = said.replace(b" ", b".")
        [block] = blocks_of(check(b"\t0x0000:  " + data.hex(" ", 2).encode() + gap + data + b"\n"))
        assert block.data == data


def test_a_text_that_was_cut_to_digits_makes_no_row_wider() -> None:
    """A mailer wraps behind sixty columns: two signs of the text are left, which may be digits."""
    data = b"2115" + bytes(12)
    for left in (b"21", b"2115", b"21153138"):
        [block] = blocks_of(check(b"        0x0000:  " + data.hex(" ", 2).encode() + b"  " + left + b"\n"))
        assert block.data == data


@pytest.mark.parametrize("width", range(58, 80, 3))
@pytest.mark.parametrize("name", ["X", "expand"])
@corpus
def test_soft_line_breaks_of_quoted_printable(width: int, name: str) -> None:
    """A mail as it is sent: a line goes on where it ends in "=" (RFC 2045 section 6.7)."""
    lines = file(FORMATS, name + ".txt").decode().replace("=", "=3D").splitlines()
    cut = [[line[i : i + width] for i in range(0, len(line), width)] or [""] for line in lines]
    found = told("".join("=\n".join(parts) + "\n" for parts in cut).encode())
    wanted = told(file(FORMATS, "X.txt"))
    assert bare(found) == bare(wanted)
    codes = [{o["code"] for o in all if o["kind"] == "finding"} for all in (found, wanted)]
    assert codes[0] <= codes[1]


@pytest.mark.parametrize("options", ["-c", "-C", "-c -g"])
@pytest.mark.parametrize("name", ["tls12_ecdhe_rsa_aes128gcm_openssl", "alert_handshake_failure_openssl", "tls13_full_openssl"])
@corpus
def test_tcpflow(name: str, options: str, tmp_path: Any) -> None:
    if which("tcpflow") is None:
        pytest.skip("tcpflow is not here")
    command = ["tcpflow", "-D", *options.split(), "-r", os.path.join(CORPUS, name + ".pcap")]
    text = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout
    found, wanted = told(text), told(file(CORPUS, name + ".X.txt"))
    if options == "-C":  # it does not say who sends
        sizes = [sorted((o["type"], o["length"], o["missing"]) for o in all if o["kind"] == "record") for all in (found, wanted)]
        assert sizes[0] == sizes[1]
    else:
        assert sorted(bare(found)) == sorted(bare(wanted))
    assert not {o["code"] for o in found if o["kind"] == "finding"} & {"ascii-disagrees", "redaction-leak", "unreadable-rows"}


def test_a_segment_of_tcpflow_with_its_ends() -> None:
    """The label alone tells the ends; IPv6 too, and on ports that say nothing the first to send is the client."""
    for ends in (("010.001.007.020.39848", "010.001.007.005.00443"), ("2001:0db8::0001.39848", "2001:0db8::0002.00443"),
                 ("010.001.007.020.39848", "010.001.007.005.04433")):
        text = b"".join(
            f"{'-'.join(way)}: \n".encode() + rows(wide(32, 2, "%04x: ", True), data, 32) + b"\n"
            for way, data in ((ends, CLIENT), (ends[::-1], SERVER)))
        assert [(block.side, block.data) for block in blocks_of(check(text))] == [(0, CLIENT), (1, SERVER)]


def test_an_address_for_an_offset() -> None:
    """Cisco IOS: the first row is blank up to where the packet begins."""
    frame = bytes.fromhex("45c0004c00000000fd11c63e0a303001ac1f1052007b007b00385ebf24040aee00000dea")
    text = b"12:35:21.717 EET Apr 24 2015 : IPv4 LES CEF    : Ce0 None\n\n"
    for first, last in ((12, 16), (0, 16), (0, 4)):
        assert last - first <= 16
    cells = [b" " * 8] * 3 + [frame[at : at + 4].hex().upper().encode() for at in range(0, len(frame), 4)]
    for n in range(0, len(cells), 4):
        text += b"%08X: %-35s  ....\n" % (0x87526540 + 4 * n, b" ".join(cells[n : n + 4]))
    got = blocks_of(check(text))
    assert b"".join(block.data for block in got) == frame and got[0].offset == 0


def test_a_star_stands_for_rows_like_the_one_before_it() -> None:
    text = b"00000000  16 03 03 00 40 00 00 00  00 00 00 00 00 00 00 00  |....@...........|\n"
    text += b"00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n"
    for end in (b"00000040  01 02  |..|\n00000042\n", b"00000045\n"):
        [block] = blocks_of(check_stars(text + end))
        size = 0x42 if end.startswith(b"00000040") else 0x45
        assert len(block.data) == size and set(block.data[5:0x40]) == {0}
    # A star says nothing of how many bytes may be allocated.
    assert sum(len(b.data) for b in blocks_of(check_stars(text + b"fffffff0  01 02 03\n"))) == 32


def check_stars(text: bytes) -> List[Any]:
    items = read(text)
    assert b"".join(item.text for item in items) == text
    return items


def test_a_hash_is_no_stream() -> None:
    for line in (b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n", b"0x16, 0x17, 0x18\n", b"cafe\n"):
        assert not blocks_of(check(b"text\n" + line))


def test_rows_that_look_right_and_fit_nowhere_are_told() -> None:
    reader = Reader(GRAMMARS, measure)
    text = b"so:\n0030: 4500 003c 0000 0000 4006 0000 c0a8 0101  E..<....@.......\n"
    assert not blocks_of([*reader.feed(text), *reader.close()])
    assert reader.unreadable == [(2, 2, "its offset fits no packet")]


# ------------------------------------------------------------------ the whole corpus


def frames(path: str) -> Iterator[bytes]:
    data = file(path)
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at < len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        yield data[at + 16 : at + 16 + size]
        at += 16 + size


def captures() -> List[str]:
    names = sorted(glob.glob(os.path.join(CORPUS, "*.pcap")) + glob.glob(os.path.join(CORPUS, "extra", "*.pcap")))
    return [name[:-5] for name in names if WHOLE or os.path.getsize(name) < 1400]


@corpus
@pytest.mark.parametrize("name", captures(), ids=os.path.basename)
def test_no_packet_is_dropped_and_every_form_tells_the_same(name: str) -> None:
    if not os.path.exists(name + ".X.txt"):
        pytest.skip("there is no text of it")
    count = sum(1 for _ in frames(name + ".pcap"))
    wanted = told(file(name + ".X.txt"))
    altered = name.endswith("_text")
    assert sum(o["kind"] == "packet" for o in wanted) == count or altered
    for form in ("lntX", "x", "xx", "XX", "vvX", "enX", "snoopx"):
        if os.path.exists(f"{name}.{form}.txt") and (WHOLE or form != "lntX"):
            got = told(file(f"{name}.{form}.txt"))
            assert sum(o["kind"] == "packet" for o in got) == count
            assert bare(got) == bare(wanted), form


def records_told(text: bytes) -> List[Tuple[int, int, int]]:
    """Offset, length and type of each record that is told."""
    return [(o["offset"], o["length"], o["type"]) for o in told(text) if o["kind"] == "record"]


def hello_and_data(*sizes: int) -> Tuple[bytes, List[Tuple[int, int, int]]]:
    """A hello, then application data in records of such sizes; and what is to be told of them."""
    stream, expected = CLIENT, [(0, len(CLIENT), 22)]
    for number, size in enumerate(sizes):
        expected.append((len(stream), 5 + size, 23))
        stream += b"\x17\x03\x03" + size.to_bytes(2, "big") + bytes((i * 37 + number * 11 + i // 251) % 256 for i in range(size))
    return stream, expected


def test_rows_of_bytes_alone_go_on_behind_what_is_told_in_one_block() -> None:
    stream, expected = hello_and_data(700, 900, 1500, 30)
    for lead in (b"", b" ", b"> "):
        rows = (stream[at : at + 16].hex(" ").encode() for at in range(0, len(stream), 16))
        text = b"".join(lead + row + b"\n" for row in rows)
        assert records_told(text) == expected
        assert records_told(text + b"and so it goes on\n" + text.splitlines(True)[-2]) == expected


def test_a_record_that_begins_in_a_row_of_bytes_alone_takes_nothing_from_it() -> None:
    for size in range(20, 40):
        stream, expected = hello_and_data(size, 60, 60)
        rows = [stream[at : at + 16].hex(" ") + "\n" for at in range(0, len(stream), 16)]
        assert records_told("".join(rows).encode()) == expected


def test_numbers_of_digits_alone_are_no_memory_of_another_machine() -> None:
    """xxd -e, behind 4 KB: a number without a letter looks as Cisco's do."""
    stream, expected = hello_and_data(5000)
    stream = stream[:0x1210] + bytes.fromhex("78249675") + stream[0x1214:]
    text = b""
    for at in range(0, len(stream), 16):
        row = stream[at : at + 16]
        groups = " ".join(row[i : i + 4][::-1].hex().rjust(8) for i in range(0, len(row), 4))
        text += b"%08x: %-35s  %s\n" % (at, groups.encode(), bytes(b if 32 <= b < 127 else 46 for b in row))
    assert b"00001210: 75962478 " in text
    found = told(text)
    assert not [o["code"] for o in found if o["kind"] == "finding" and o["code"] == "ascii-disagrees"]
    [body] = [o["hex"] for o in found if o["kind"] == "field" and o["length"] == 5000]
    assert bytes.fromhex(body) == stream[-5000:] and records_told(text) == expected


def test_rows_of_digits_alone_are_none_either() -> None:
    """xxd -g4 and -e, of bytes that have no letter."""
    stream, expected = hello_and_data(5000)
    stream = stream[: len(CLIENT) + 5] + b"\x12\x34\x56\x70" * 1250
    for order in (1, -1):
        text = ""
        for at in range(0, len(stream), 16):
            row = stream[at : at + 16]
            groups = " ".join(row[i : i + 4][::order].hex().rjust(8) for i in range(0, len(row), 4))
            text += f"{at:08x}: {groups:<35}  {''.join(chr(b) if 32 <= b < 127 else '.' for b in row)}\n"
        found = told(text.encode())
        assert [(o["offset"], o["length"], o["type"]) for o in found if o["kind"] == "record"] == expected
        assert bytes.fromhex([o["hex"] for o in found if o["kind"] == "field"][-1]) == stream[-5000:]


def test_the_mark_of_annotations_in_a_text_makes_no_row_an_annotation() -> None:
    stream, expected = hello_and_data(100)
    stream = stream[:0x60] + b";|48*&9>;|z9f4>z" + stream[0x70:]
    rows = [stream[at : at + 16] for at in range(0, len(stream), 16)]
    texts = ["".join(chr(b) if 32 <= b < 127 else "." for b in row) for row in rows]
    dump = "".join(f"{16 * i:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{texts[i]}|\n" for i, row in enumerate(rows))
    assert records_told(dump.encode()) == expected and "|;|48" in dump
    assert bytes.fromhex([o["hex"] for o in told(dump.encode()) if o["kind"] == "field"][-1]) == stream[-100:]
    noted = "".join(f"> {row}> ;| 16 03 01 00 45: what it says\n" for row in dump.splitlines(True))
    assert records_told(noted.encode()) == expected
