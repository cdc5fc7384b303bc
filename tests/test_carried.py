"""Dumps of all dresses as they come in mails, lists, logs and programs: what carries a line is taken off it."""

from __future__ import annotations

import html
import json
import re
import textwrap
from typing import Any, Callable, Dict, List

import pytest
from support import annotate, strip
from test_dresses import (
    CLIENT,
    FORMATS,
    SERVER,
    bare,
    corpus,
    file,
    flow_rows,
    fortimail,
    ios_xe,
    log,
    rows,
    scapy,
    text_of,
    told,
)
from test_dumps import blocks_of, check
from test_redact import redact

from hexnote.peeling import carried, headed

Change = Callable[[str, int], str]
CARRIERS: Dict[str, Change] = {
    "quoted": lambda line, n: "> " + line,
    "quoted tight": lambda line, n: ">>" + line,
    "quoted by name": lambda line, n: "JS> " + line,
    "cat -n": lambda line, n: f"{n + 1:6}\t{line}",
    "grep -n": lambda line, n: f"trace.txt:{n + 1}:{line}",
    "diff": lambda line, n: "+" + line,
    "syslog": lambda line, n: f"Nov 20 15:29:{n % 60:02} host app[4711]: {line}",
    "iso": lambda line, n: f"2026-11-20T15:29:{n % 60:02}.123456+0100 {line}",
    "log4j": lambda line, n: f"2026-11-20 15:29:{n % 60:02},123 DEBUG [main] c.e.Dump - {line}",
    "kubectl": lambda line, n: f"2026-11-20T15:29:{n % 60:02}.123456789Z stderr F {line}",
    "compose": lambda line, n: f"app-1  | {line}",
    "docker json": lambda line, n: json.dumps({"log": line + "\n", "stream": "stderr"}),
    "python": lambda line, n: repr(line),
    "csv": lambda line, n: '"' + line.replace('"', '""') + '"',
    "cell": lambda line, n: f"| {line} |",
    "csv, a stamp": lambda line, n: f"2026-11-20 15:29:{n % 60:02},{line}",
    "loki": lambda line, n: json.dumps({"ts": "2026-11-20T15:29:04.1Z", "labels": {"app": "x"}, "line": line}),
    "cloudwatch": lambda line, n: json.dumps({"timestamp": 1795188544000, "message": line, "ingestionTime": 1795188544123}),
    "journal": lambda line, n: f"__CURSOR=s=abc;i={n}\n__REALTIME_TIMESTAMP=1795188544000000\nMESSAGE={line}\n_PID=4711\n",
    "logfmt": lambda line, n: f"time=2026-11-20T15:29:04Z level=info msg={json.dumps(line)}",
    "no-break": lambda line, n: line.expandtabs(8).replace(" ", "\u00a0"),
    "page": lambda line, n: html.escape(line, quote=False).expandtabs(8).replace(" ", "&nbsp;") + "<br>",
}


def carry(text: bytes, change: Change) -> bytes:
    return "".join(change(line, n) + "\n" for n, line in enumerate(text.decode().split("\n")[:-1])).encode()


def tshark() -> bytes:
    return flow_rows(lambda at, row: f"{at:04x}  {row.hex(' '):<47}   {text_of(row)}\n".encode(), lambda n, frame: b"")


def snoop() -> bytes:
    words = lambda row: " ".join(row.hex()[i : i + 4] for i in range(0, 2 * len(row), 4))  # noqa: E731
    return flow_rows(
        lambda at, row: f"\t{at:4d}: {words(row):<39}    {text_of(row)}\n".encode(),
        lambda n, frame: f"{n + 1:3}   0.0000{n} 192.168.1.103 -> 93.184.216.34 HTTPS C port=43690\n\n".encode())


PACKETS: List[Callable[[], bytes]] = [tshark, snoop, scapy, fortimail, ios_xe]
LOGS = ["openssl", "java", "java8", "ldap", "mbedtls", "go"]


def same(text: bytes) -> None:
    assert bare(told(text)) == bare(told(file(FORMATS, "X.txt")))
    assert strip(annotate(text)) == text


@corpus
@pytest.mark.parametrize("carrier", sorted(CARRIERS))
@pytest.mark.parametrize("make", PACKETS, ids=lambda make: make.__name__)
def test_packets(make: Any, carrier: str) -> None:
    same(carry(make(), CARRIERS[carrier]))


@corpus
@pytest.mark.parametrize("carrier", sorted(CARRIERS))
@pytest.mark.parametrize("kind", LOGS)
def test_logs(kind: str, carrier: str) -> None:
    same(carry(log(kind), CARRIERS[carrier]))


@pytest.mark.parametrize("carrier", sorted(CARRIERS))
def test_lines_of_digits(carrier: str) -> None:
    """Of both ends, told apart by a tab."""
    server = b"\x17\3\3\x03\xe8" + bytes(i % 256 for i in range(1000))
    text = carry((CLIENT.hex() + "\n\t" + server.hex() + "\n").encode(), CARRIERS[carrier])
    got = blocks_of(check(text))
    assert [b"".join(block.data for block in got if block.side == side) for side in (0, 1)] == [CLIENT, server]


@pytest.mark.parametrize("carrier", ["python", "csv", "docker json", "quoted", "compose"])
def test_short_records_in_lines_of_digits(carrier: str) -> None:
    """What a string begins with tells the end, in strings of less than 16 bytes too."""
    found = told(carry((CLIENT.hex() + "\n\t" + SERVER.hex() + "\n").encode(), CARRIERS[carrier]))
    assert [(o["from"], o["type"]) for o in found if o["kind"] == "record"] == [("client", 22), ("server", 21)]


BLANKS: Dict[str, Change] = {
    "indented": lambda line, n: "    " + line,
    "by a tab": lambda line, n: "\t" + line,
    "expanded": lambda line, n: line.expandtabs(8),
    "collapsed": lambda line, n: re.sub(r"[ \t]+", " ", line),
    "stripped": lambda line, n: line.strip(),
    "double spaced": lambda line, n: line + "\n",
}


@corpus
@pytest.mark.parametrize("name", sorted(BLANKS))
@pytest.mark.parametrize("make", [tshark, snoop, scapy], ids=lambda make: make.__name__)
def test_blanks(make: Any, name: str) -> None:
    same(carry(make(), BLANKS[name]))


@corpus
def test_the_first_row_left_out_makes_no_other_protocol() -> None:
    """The offset of the second one says that bytes stand before it."""
    lines = file(FORMATS, "follow.txt").splitlines(True)
    first = next(n for n, line in enumerate(lines) if line.startswith(b"00000000"))
    found = told(b"".join(lines[:first] + lines[first + 1 :]))
    assert not [o for o in found if o["kind"] == "finding" and o["code"] == "plaintext-to-tls"]
    assert [(o["from"], o["type"]) for o in found if o["kind"] == "record"] == [("server", 21)]


DISAGREE = {"ascii-disagrees", "redaction-leak"}


@corpus
@pytest.mark.parametrize("name", ["hd", "follow"])
@pytest.mark.parametrize("width", range(60, 80))
def test_a_text_column_that_was_cut_off_disagrees_with_nothing(name: str, width: int) -> None:
    """Its fence and the blank in its midst are no signs of it."""
    lines = file(FORMATS, name + ".txt").decode().expandtabs(8).split("\n")
    text = "\n".join(line[i : i + width] for line in lines for i in range(0, max(len(line), 1), width))
    assert not DISAGREE & {o["code"] for o in told(text.encode()) if o["kind"] == "finding"}


@corpus
@pytest.mark.parametrize("name", ["x", "od"])
@pytest.mark.parametrize("remark", [" <-- look at this", "   here it is", " cafe"])
def test_a_remark_behind_a_row_without_a_text(name: str, remark: str) -> None:
    lines = file(FORMATS, name + ".txt").decode().split("\n")
    at = next(n for n, line in enumerate(lines) if re.match(r"\s*(0x)?(00)?0010[: ]", line))
    lines[at] += remark
    found = told("\n".join(lines).encode())
    assert bare(found) == bare(told(file(FORMATS, name + ".txt")))
    assert not DISAGREE & {o["code"] for o in found if o["kind"] == "finding"}


def test_six_digits_of_od_are_hexadecimal() -> None:
    """Where the row at 0x10 was left out, 000020 is no octal 16."""
    lines = rows(lambda at, row: f"{at:06x} {row.hex(' ')}\n".encode(), CLIENT).splitlines(True)
    [record] = [o for o in told(b"".join(lines[:1] + lines[2:])) if o["kind"] == "record"]
    assert record["missing"] == 16


def test_an_array_that_was_wrapped_in_a_number_is_not_read_in_part() -> None:
    text = "hello: [" + ", ".join(f"0x{c:02x}" for c in CLIENT) + "]"
    for width in range(60, 80):
        cut = "\n".join(text[i : i + width] for i in range(0, len(text), width)) + "\n"
        got = b"".join(block.data for block in blocks_of(check(cut.encode())))
        assert CLIENT.startswith(got) or not got


FOLLOW = ["indented", "by a tab", "expanded"]


@corpus
@pytest.mark.parametrize("name", FOLLOW)
def test_a_followed_stream_whose_rows_were_all_indented(name: str) -> None:
    """The end is told by how rows are indented among each other."""
    same(carry(file(FORMATS, "follow.txt"), BLANKS[name]))


@corpus
@pytest.mark.parametrize("name", ["stripped", "expanded"])
@pytest.mark.parametrize("kind", ["follow", "raw"])
def test_hellos_tell_their_sender_where_indentation_does_not(kind: str, name: str) -> None:
    server = bytes.fromhex("160303002a020000260303") + bytes(32) + b"\x00\x00\x2f\x00"
    if kind == "raw":
        text = CLIENT.hex() + "\n\t" + server.hex() + "\n"
    else:
        text = "".join(
            f"{lead}{at:08x}  {data[at : at + 16].hex(' ')}\n"
            for lead, data in (("", CLIENT), ("\t", server)) for at in range(0, len(data), 16))
    found = told(carry(text.encode(), BLANKS[name]))
    assert [(o["from"], o["name"]) for o in found if o["kind"] == "message"] == [
        ("client", "client_hello"), ("server", "server_hello")]


@corpus
@pytest.mark.parametrize("width", [66, 72, 76])
def test_summary_lines_broken_twice(width: int) -> None:
    """The rows below are their packet's; a number that was cut is none."""
    text = file(FORMATS, "X.txt").decode().expandtabs(8)
    lines = [line if line.startswith("        0x") else "\n".join(line[i : i + width] for i in range(0, len(line), width))
             for line in text.split("\n")]
    assert "\n".join(lines).count("\n") > text.count("\n") + 5
    found, wanted = told("\n".join(lines).encode()), told(text.encode())
    assert bare(found) == bare(wanted)
    assert [o["stream"] for o in found if o["kind"] == "packet"] == [o["stream"] for o in wanted if o["kind"] == "packet"]


def test_a_row_in_two_halves_whose_text_was_wrapped_away() -> None:
    """Eleven bytes, three of them behind the gap in the midst: they are no text of eight bytes."""
    data = CLIENT[:75]
    text = log("java").split(b")\n")[0].splitlines(True)
    made = [line for row in text for line in textwrap.wrap(row.decode(), 58, drop_whitespace=True)]
    got = b"".join(block.data for block in blocks_of(check(("\n".join(made) + "\n").encode())))
    assert got == CLIENT
    row = b"[Raw write]: length = 11\n0000: 16 03 01 00 06 01 00 00   02 03 03\n"
    assert blocks_of(check(row))[-1].data == data[:4] + b"\x06\x01\0\0\2\3\3"


def test_a_program_s_string_says_a0_and_no_blank() -> None:
    data = b"\x16\3\1\0\5\xa0\x1b\xa0\xa0\xa0"
    text = '"' + "".join(f"\\x{c:02x}" for c in data) + '"\n'
    assert b"".join(block.data for block in blocks_of(check(text.encode()))) == data


def test_the_low_seven_bits_are_no_other_text() -> None:
    """IOS shows them; a column that differs by nothing else does not disagree."""
    data = bytes.fromhex("45000040abcd40004006f1c2c0a80167c0d5ff81") + bytes(range(0xC1, 0xD1)) + b"plain text, plain text, " * 3
    seven = bytes(c & 127 for c in data)
    words = lambda row: " ".join(row.hex().upper()[i : i + 8] for i in range(0, 2 * len(row), 8))  # noqa: E731
    text = b"12:35:21.717 EET Apr 24 2015 : IPv4 LES CEF    : Ce0 None\n\n" + rows(
        lambda at, row: f"{0x87526540 + at:08X}: {words(row):<35}  {text_of(seven[at : at + 16])}\n".encode(), data)
    assert not [o for o in told(text) if o["kind"] == "finding" and o["code"] == "ascii-disagrees"]
    typed = text.replace(b" text,", b" toxt,", 1)
    assert [o for o in told(typed) if o["kind"] == "finding" and o["code"] == "ascii-disagrees"]


def listed(data: bytes, form: str) -> str:
    return {
        "node": f"-> <Buffer {data.hex(' ')}>",
        "list": f"read [{', '.join(f'{c:02x}' for c in data)}]",
        "net": f"RECV: {data.hex('-').upper()}",
        "signs": f"<<< {data.hex()}",
    }[form] + "\n"


@pytest.mark.parametrize("form", ["node", "list", "net", "signs"])
def test_bytes_as_programs_print_them(form: str) -> None:
    data = CLIENT + b"\x17\3\3\x07\xd0" + bytes(i % 256 for i in range(2000))
    assert b"".join(block.data for block in blocks_of(check(listed(data, form).encode()))) == data


def netty() -> bytes:
    line = "15:29:04.455 [nio-1] DEBUG LoggingHandler - [id: 0x9ca6d97c, L:/10.0.0.1:1 - R:/10.0.0.2:443] "
    numbers = "".join(f"{n:3x}" for n in range(16))
    frame = f"         +{'-' * 49}+\n         |{numbers} |\n+{'-' * 8}+{'-' * 49}+{'-' * 16}+\n"
    return b"".join(
        f"{line}{way}: {len(data)}B\n{frame}".encode()
        + rows(lambda at, row: f"|{at:08x}| {row.hex(' '):<47} |{text_of(row):<16}|\n".encode(), data)
        + frame.splitlines(True)[2].encode()
        for way, data in (("WRITE", CLIENT), ("READ", SERVER)))


def strace() -> bytes:
    return b"".join(
        f'{way}(3, "\\26\\3\\1\\0"..., {len(data)}) = {len(data)}\n'.encode()
        + rows(lambda at, row: f" | {at:05x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  {text_of(row)} |\n".encode(), data)
        for way, data in (("write", CLIENT), ("read", SERVER)))


def socat(row: bool) -> bytes:
    out = ""
    for sign, data in ((">", CLIENT), ("<", SERVER)):
        out += f"{sign} 2026/11/20 15:29:04.000455455  length={len(data)} from=0 to={len(data) - 1}\n"
        at = 0
        while row and at < len(data):  # a row ends behind a line feed
            part = data[at : at + 16]
            part = part[: part.find(b"\n") + 1 or 16]
            out += "".join(f" {c:02x}" for c in part).ljust(48) + "  " + text_of(part) + "\n"
            at += len(part)
        out += "--\n" if row else "".join(f" {c:02x}" for c in data) + "\n"
    return out.encode()


@corpus
@pytest.mark.parametrize("text", [netty(), strace(), socat(False), socat(True)], ids=["netty", "strace", "socat", "socat -v"])
def test_programs_that_bytes_pass_through(text: bytes) -> None:
    same(text)


@pytest.mark.parametrize("first", [b"|", b" ", b"  ", b"| "])
def test_a_byte_that_looks_like_a_fence_or_a_gap(first: bytes) -> None:
    """strace's text has a fence behind it alone, hexdump's on both sides; a blank in the midst of it is a byte."""
    body = first + b"N.2...." + b" k" + bytes(10) + b" " + bytes(70)
    data = b"\x16\3\1\0" + bytes([len(body) + 11]) + b"\1\0\0" + bytes([len(body) + 7]) + b"\3\3" + b"-----" + body
    made = [
        f'write(3, "\\26"..., {len(data)}) = {len(data)}\n'.encode() + rows(
            lambda at, row: f" | {at:05x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  {printed(row):<16} |\n".encode(), data),
        rows(lambda at, row: f"{at:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{printed(row)}|\n".encode(), data),
    ]
    for text in made:
        assert b"".join(block.data for block in blocks_of(check(text))) == data
        assert not [o for o in told(text) if o["kind"] == "finding" and o["code"] == "ascii-disagrees"]


def printed(data: bytes) -> str:
    return "".join(chr(c) if 32 <= c < 127 else "." for c in data)


def server_log(data: bytes) -> bytes:
    """OpenSSL's log of a server: each record's header is read alone."""
    def block(label: str, part: bytes) -> bytes:
        head = f"{label} 0x55744d77adf0 [0x55744d793690] ({len(part)} bytes => {len(part)} (0x{len(part):X}))\n".encode()
        return head + rows(lambda at, row: f"{at:04x} - {row.hex(' '):<47}   {text_of(row)}\n".encode(), part)

    return block("read from", data[:5]) + block("read from", data[5:]) + block("write to", SERVER)


@corpus
def test_who_reads_a_header_first_is_the_server() -> None:
    same(server_log(CLIENT))


def test_a_client_s_log_that_begins_with_the_answer() -> None:
    server = bytes.fromhex("160303002a020000260303") + bytes(32) + b"\x00\x00\x2f\x00"
    text = server_log(server).split(b"write to")[0]
    assert [(o["from"], o["name"]) for o in told(text) if o["kind"] == "message"] == [("server", "server_hello")]


def test_nothing_says_whose_an_alert_is() -> None:
    """Lines of digits, a record in each, that nothing tells apart: it is said, once, where bytes do not tell their sender."""
    text = (CLIENT.hex() + "\n\n140303000101\n\n15030300020228\n").encode()
    out = annotate(text)
    assert out.count(b"nothing says which end sent this") == 1
    assert out.index(b"nothing says") > out.index(b"140303000101\n")
    broken = next(o for o in told(text) if o.get("code") == "fatal-alert")
    assert (broken["by"], broken["sure"]) == ("unknown", "possible")
    two = CLIENT.hex() + "\n\n\t160303002a020000260303" + bytes(32).hex() + "00002f00\n\n15030300020228\n"
    assert b"nothing says" not in annotate(two.encode())


def test_ports_that_are_none_of_tls_tell_the_ends_apart() -> None:
    """ngrep says who sent to whom."""
    def packet(ends: str, data: bytes) -> bytes:
        row = lambda at, row: f"  {row[:8].hex(' '):<23}    {row[8:].hex(' '):<23}    {text_of(row)}\n".encode()  # noqa: E731
        return f"T {ends} [AP] #4\n".encode() + rows(row, data) + b"\n"

    one, other = "127.0.0.1:35480 -> 127.0.0.1:5444", "127.0.0.1:5444 -> 127.0.0.1:35480"
    server = bytes.fromhex("160303002a020000260303") + bytes(32) + b"\x00\x00\x2f\x00"
    text = packet(one, CLIENT) + packet(other, server) + packet(one, b"\x14\3\3\0\1\1") + packet(other, b"\x14\3\3\0\1\1")
    assert [o["from"] for o in told(text) if o["kind"] == "record"] == ["client", "server", "client", "server"]


def calls(pairs: List[Any]) -> bytes:
    """strace -f -xx -s 9999, with a library read before and a file read in between."""
    out = '17086 read(5, "\\x7f\\x45\\x4c\\x46\\x02\\x01", 832) = 6\n'
    for call, data in pairs:
        coded = "".join(f"\\x{c:02x}" for c in data)
        out += f'17086 {call}(5, "{coded}", {len(data)}, 0, NULL, NULL) = {len(data)}\n'
        out += '17086 poll([{fd=5, events=POLLIN}], 1, 1000) = 1\n17086 read(3, "\\x2d\\x2d\\x2d\\x2d\\x2d\\x42", 4096) = 6\n'
    return (out + '17086 close(5) = 0\n17086 read(5, "\\x23\\x20\\x16\\x03\\x01", 4096) = 5\n').encode()


@corpus
def test_what_a_program_sends_and_receives() -> None:
    same(calls([("sendto", CLIENT), ("recvfrom", SERVER[:5]), ("recvfrom", SERVER[5:])]))
    same(calls([("read", CLIENT[:5]), ("read", CLIENT[5:]), ("write", SERVER)]))
    same(redact(calls([("sendto", CLIENT), ("recvfrom", SERVER)]), ("randoms", "names")))


def test_below_a_label_there_is_no_packet() -> None:
    """"HTTP/1.1 200" begins as an IPv4 header does, of 32 bytes and of protocol 50."""
    text = log("java") + b"javax.net.ssl|DEBUG|10|main|2026-11-26 15:26:47.953 UTC|SSLCipher.java:1675|Plaintext after "
    text += b"DECRYPTION (\n"
    text += rows(
        lambda at, row: f"  {at:04X}: {row.hex(' ').upper():<49}  {text_of(row)}\n".encode(), b"HTTP/1.1 200 OK\r\n" * 4) + b")\n"
    assert not [o for o in told(text) if (o["kind"] == "packet" and o["src"]) or o.get("code") == "checksum"]


def test_rows_that_end_at_a_line_feed() -> None:
    data = b"\x16\3\3\0\x30\n" + bytes(range(47)) + b"\n" + CLIENT[:60]
    text = socat(True).split(b"\n<")[0]
    head = text.split(b"\n")[0].replace(b"length=74", b"length=%d" % len(data)) + b"\n"
    out, at = head.decode(), 0
    while at < len(data):
        part = data[at : at + 16]
        part = part[: part.find(b"\n") + 1 or 16]
        out += "".join(f" {c:02x}" for c in part).ljust(48) + "  " + text_of(part) + "\n"
        at += len(part)
    assert b"".join(block.data for block in blocks_of(check(out.encode()))) == data


def test_memory_of_a_debugger() -> None:
    def row(at: int, data: bytes) -> bytes:
        half = data[:8].hex(" ") + ("-" if len(data) > 8 else " ") + data[8:].hex(" ")
        return f"{0x00A3F2C0 + at:08x}  {half:<47}  {text_of(data)}\n".encode()

    for lead in ("", "000000d2`"):
        made = rows(row, CLIENT).replace(b"00a3f", lead.encode() + b"00a3f")
        text = b"0:000> db 0x00a3f2c0 L4a\n" + made
        assert b"".join(block.data for block in blocks_of(check(text))) == CLIENT


PROSE = [
    "See RFC 8446: 0010 16 03 01 is how a record begins - at 12:30 16 03 2026 we met.",
    "commit 1603030145010000410303404142434445464748 fixes: 16 03 01 02 00",
    "[12:30:01] call to 0x7fff: length = 16, want=5; 10.0.0.1 -> 10.0.0.2 #3",
    '{"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "took": "0010 ms"}',
    "| 2026 | 11 | 20 | 30 | 40 | 50 | 60 | 70 | 80 | 90 |",
    "2026-11-20 15:29:04,123 DEBUG - read 4096 bytes: 00 11 22 33",
    "mac: 00-11-22-33-44-55, serial: 12:34:56:78:9a:bc:de:f0:12:34:56:78:9a:bc:de:f0",
]


@corpus
@pytest.mark.parametrize("make", [lambda: log("openssl"), tshark, lambda: log("java"), lambda: file(FORMATS, "hd.txt")])
def test_a_dump_in_one_string_is_told(make: Any) -> None:
    text = json.dumps({"level": "info", "message": make().decode()}).encode() + b"\n"
    found = [o for o in told(text) if o["kind"] == "finding" and o["code"] == "unreadable-rows"]
    assert [o["lines"] for o in found] == [[1, 1]] and "more than one row stands in a line" in found[0]["text"]
    quiet = json.dumps({"message": "1. first\n2. second\n0000: zero\n" * 20}).encode() + b"\n"
    assert not [o for o in told(quiet) if o["kind"] == "finding"]


WHOLE: Dict[str, Callable[[str], str]] = {
    "json": lambda text: json.dumps({"message": text}),
    "json in json": lambda text: json.dumps({"message": json.dumps(text)}),
    "array": lambda text: json.dumps({"lines": text.splitlines()}),
    "events": lambda text: json.dumps({"events": [{"timestamp": 1, "message": line} for line in text.splitlines()]}),
    "syslog": lambda text: "Nov 20 15:29:04 host app[4711]: " + text.replace("\t", "#011").replace("\n", "#012"),
    "page": lambda text: "<p>" + html.escape(text, quote=False).replace("  ", "&nbsp; ").replace("\n", "<br>") + "</p>",
    "python": lambda text: repr(text),
}


@corpus
@pytest.mark.parametrize("form", sorted(WHOLE))
@pytest.mark.parametrize("kind", ["tcpdump", "openssl", "hexdump"])
def test_all_rows_in_one_line_are_told_and_none_is_read(kind: str, form: str) -> None:
    """The first one alone would be bytes without those that follow."""
    dump = {"tcpdump": lambda: file(FORMATS, "X.txt"), "openssl": lambda: log("openssl"), "hexdump": lambda: rows(
        lambda at, row: f"{at:08x}  {row.hex(' '):<47}  |{text_of(row)}|\n".encode(), CLIENT)}[kind]()
    text = (WHOLE[form](dump.decode()) + "\n").encode()
    assert not [block for block in blocks_of(check(text)) if block.data]
    assert strip(annotate(text)) == text
    found = [o["text"] for o in told(text) if o["kind"] == "finding"]
    assert found == ["line 1 looks like a dump and is not read: more than one row stands in a line"]


@pytest.mark.parametrize("text", [
    "frame 12: 16 03 01 00 45 01 00 00 41 03 03 of the hello\n", "a, 0x16, 0x03, 0x01, 0x00, 0x45, 0x01 and so on\n",
    "so 00 11 22 33 44 55 66 77 88 99 aa bb 08 00 45 00 was the frame\n",
])
def test_bytes_in_no_known_form_are_told(text: str) -> None:
    assert [o["code"] for o in told(text.encode()) if o["kind"] == "finding"] == ["no-bytes"]
    read = rows(lambda at, row: f"{at:08x}  {row.hex(' ')}\n".encode(), CLIENT)
    assert "no-bytes" not in [o["code"] for o in told(text.encode() + read) if o["kind"] == "finding"]


STRANGE = [
    "Rows below '>>> Flow 2 (server to client)' went to the client, and those of 'hexdump' stayed.",
    '"42","4af19c686aecc203d9328b27d12f628137eb8070","4543"',  # a SHA-1 whose bytes say IPv4, a header of 40 bytes, proto 6
    "1603 25 03 01 00 61 12 33 44 55",
    "r1              0x3b1b0d95d492fc09  380902683357381365",
    "ber_dump: len=14",
    "  0000:  30 0c 02 01 01 60 07 02  01 03 04 00 80 00        0....`........",
    "            00:bf:1c:c9:0a:95:0a:6f:64:12:02:3d:25:0b:97:f1:58:",
    ":10010000214601360121470136007EFE09D2190140",
    "R1: fe80::1603:301 dev eth0 lladdr 16:03:01:00:45:01 REACHABLE",
]


def test_what_other_programs_print() -> None:
    text = "".join(line + "\n" for line in STRANGE * 3).encode()
    assert not [o for o in told(text) if o["kind"] in ("packet", "record", "finding")]


@pytest.mark.parametrize("line", [
    b"2026-11-20 15:29:04,123 DEBUG [main] c.e.Foo - len=4 -> value[4] took 4 bytes, length: 4\n",
    b"    def rows(self, text: bytes) -> List[int]:  # {at: 0x40}, [12, 13]\n",
    b'{"time": "15:29:04.123", "span": "9f86d081884c7d65", "msg": "len=3 -> 12 bytes", "n": [16, 17]}\n',
])
def test_lines_that_carry_nothing_are_not_taken_apart(line: bytes) -> None:
    """They are asked for the mark of a head, and for the beginning of a row, and for no more."""
    assert carried(line) < 0 and headed(line) < 0


def test_prose_that_looks_a_little_like_rows() -> None:
    text = "".join(line + "\n" for line in PROSE * 3).encode()
    assert not blocks_of(check(text))
    assert not [o for o in told(text) if o["kind"] in ("packet", "record")]


@pytest.mark.parametrize("depth", (1, 2, 3))
@pytest.mark.parametrize("blank", ("", " ", ":"))
def test_digits_in_json_within_json(depth: int, blank: str) -> None:
    """A driver of logs puts a line into a string, and that line has strings of its own."""
    digits = CLIENT.hex(blank) if blank else CLIENT.hex()
    line = json.dumps({"hex": digits, "n": 1})
    for _ in range(depth):
        line = json.dumps({"log": line, "stream": "stdout"})
    assert bare(told(line.encode() + b"\n")) == bare(told(CLIENT.hex().encode() + b"\n"))
