"""What is pasted in threads: lines as libraries and their ports log them, and what the lines show of no bytes at all."""

from __future__ import annotations

from typing import Callable, Dict, List

import pytest
from support import annotate, strip
from test_dresses import CLIENT, SERVER, curl, log, rows, text_of, told


def payload(text: bytes) -> List[bytes]:
    """The bytes of both ends' streams, as the fields of records tile them."""
    out = [b"", b""]
    for o in told(text):
        if o["kind"] == "field" and "buffer" not in o:
            out[o["from"] == "server"] += bytes.fromhex(o["hex"].replace(".", ""))
    return out


def codes(text: bytes) -> List[str]:
    return [o["code"] for o in told(text) if o["kind"] == "finding"]


def verdict(text: bytes) -> str:
    (told_last,) = [o["text"] for o in told(text) if o["kind"] == "verdict"]
    return str(told_last)


# What stands before the lines of mbed TLS: ESP-IDF's logs, those of its ports, of Zephyr, of a debugger's terminal.
PORTS = [
    "V (14660) mbedtls: ssl_tls.c:3916 ", "mbedtls: ssl_tls.c:3535 ", "TLS<4> (heap=8968 ): ssl_tls.c:3654 ",
    "TRACE - 4 (/home/me/library/ssl_msg.c:2804) ", "../library/ssl_tls.c:3426: ", "* ", "00> 0x2203d6bc: ",
    "1125 1936 [a_thread] mbedTLS: |4| 0x3ffe3424: ", "D: TOP/mbedtls/library/ssl_tls.c:1332: ",
    "[00:00:03.123,456] <dbg> mbedtls: zephyr_mbedtls_debug: ssl_tls.c:1234: |4| ",
]


@pytest.mark.parametrize("blank", [False, True])
@pytest.mark.parametrize("port", PORTS)
def test_ports_of_mbedtls(port: str, blank: bool) -> None:
    """Some loggers end each line twice."""
    text = log("mbedtls").replace(b"ssl_tls.c:2754: |4| ", port.encode()).replace(b"\n", b"\n\n" if blank else b"\n")
    assert payload(text) == [CLIENT, SERVER]
    assert "no-bytes" not in codes(text)
    assert strip(annotate(text)) == text


def test_numbers_in_a_log_of_esp_idf_are_no_rows() -> None:
    start = b"D (901) mbedtls: ssl_cli.c:2610 "
    text = log("mbedtls").replace(b"ssl_tls.c:2754: |4| ", start)
    number = start + b"value of 'ECDH: Qp(X)' (520 bits) is:\n"
    number += rows(lambda at, row: start + b" " + row.hex(" ").encode() + b"\n", bytes(range(90, 155)))
    lines = text.splitlines(True)
    text = b"".join(lines[:6]) + number + b"".join(lines[6:])
    assert payload(text) == [CLIENT, SERVER] and "unreadable-rows" not in codes(text)


def test_lengths_of_ten_digits_over_what_a_program_of_libcurl_logs() -> None:
    text = b""
    for way, data in (("=> Send", CLIENT), ("<= Recv", SERVER)):
        for part in (data[:5], data[5:]):
            text += f"{way} SSL data, {len(part):010d} bytes (0x{len(part):08x})\n".encode() + rows(curl, part)
    text += b"=> Send data, 0000000032 bytes (0x00000020)\n" + rows(curl, bytes(32))
    assert payload(text) == [CLIENT, SERVER]


@pytest.mark.parametrize("header", [b"\x16\3\3\0\x7a", b"\x16\3\1\0\x46"])
def test_a_record_of_which_the_header_alone_is_shown_is_not_called_encrypted(header: bytes) -> None:
    text = b"read from 0x55744d77adf0 [0x55744d793690] (5 bytes => 5 (0x5))\n"
    text += b"0000 - " + header.hex(" ").encode() + b"                                    ....z\nand so on\n"
    (found,) = [o for o in told(text) if o["kind"] == "record"]
    assert not found["encrypted"] and found["missing"] == found["length"] - 5
    assert verdict(text) == "No whole message is shown as it was sent."


ALONE = """\
10:00:00.000001 IP 10.0.0.1.50001 > 10.0.0.2.443: Flags [S], seq 3000000100, win 500, length 0
10:00:00.000002 IP 10.0.0.2.443 > 10.0.0.1.50001: Flags [S.], seq 2000000900, ack 3000000101, win 500, length 0
10:00:00.000003 IP 10.0.0.1.50001 > 10.0.0.2.443: Flags [P.], seq 1:518, ack 1, win 500, length 517
10:00:00.000004 IP 10.0.0.2.443 > 10.0.0.1.50001: Flags [P.], seq 1:1400, ack 518, win 500, length 1399
10:00:00.000005 IP 10.0.0.2.443 > 10.0.0.1.50001: Flags [P.], seq 1400:1500, ack 518, win 500, length 100
"""


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_summary_lines_alone_are_packets_without_their_bytes(left_out: int) -> None:
    """They were captured, so nothing is lost; of what protocol they are nobody can tell; both directions are there."""
    text = "".join(ALONE.splitlines(True)[left_out:]).encode()
    assert codes(text) == ["snapped"]
    (found,) = [o for o in told(text) if o["kind"] == "finding"]
    assert "517 bytes of the client's and 1499 bytes of the server's" in found["text"] and "-nX" in found["next"]
    assert verdict(text).startswith("No byte of any payload is in the trace")


def test_a_packet_that_is_not_there_is_a_gap_all_the_same() -> None:
    lines = ALONE.splitlines(True)
    text = "".join(lines[:3] + lines[4:]).encode()
    found = {o["code"]: o["text"] for o in told(text) if o["kind"] == "finding"}
    assert "1399 bytes of the server's" in found["gap"] and "100 bytes of the server's" in found["snapped"]


LONG = CLIENT + b"\x17\3\3\x07\1" + bytes(i * 7 % 251 for i in range(0x701))

# What stands before the n-th row of bytes alone: nothing, or what loggers and comments put there.
LEADS: Dict[str, Callable[[int], str]] = {
    "nothing": lambda n: "",
    "blanks": lambda n: "      ",
    "esp-idf": lambda n: f"I ({9900 + n * 37}) tls: ",
    "kernel": lambda n: f"[{9 + n * 0.5:12.6f}] tls: ",
    "logcat": lambda n: f"01-02 03:04:{n % 60:02}.678  1234  5678 D tls     : ",
    "erlang": lambda n: "    %%       ",
    "annotations": lambda n: "         *#       ",
    "slashes": lambda n: "  // ",
}


@pytest.mark.parametrize("width", [8, 10, 16, 20])
@pytest.mark.parametrize("lead", sorted(LEADS))
def test_rows_of_bytes_alone(lead: str, width: int) -> None:
    """However many there are, and also where the last one is short."""
    lines = [f"{LEADS[lead](i // width)}{LONG[i : i + width].hex(' ')}\n" for i in range(0, len(LONG), width)]
    text = ("what it sent:\n" + "".join(lines) + "and no more of it\n").encode()
    assert payload(text) == [LONG, b""]
    assert strip(annotate(text)) == text


@pytest.mark.parametrize("width", [8, 16])
def test_a_last_row_of_one_byte(width: int) -> None:
    """Where it ends the record; two digits below others may be anything else."""
    data = CLIENT + b"\x17\3\3\x00\x22" + bytes(range(0x15, 0x37))  # a row begins as a record might
    assert len(data) % width == 1
    rows_of = [f"  {data[i : i + width].hex(' ')}\n" for i in range(0, len(data), width)]
    assert payload("".join(rows_of).encode()) == [data, b""]
    assert payload("".join([*rows_of, "  11\n"]).encode()) == [data, b""]


def test_rows_behind_another_lead_do_not_go_on_with_those_above() -> None:
    """Another program's bytes."""
    lines = [f"I ({9900 + n}) tls: {CLIENT[i : i + 16].hex(' ')}\n" for n, i in enumerate(range(0, len(CLIENT), 16))]
    lines[2:3] = [f"I (9902) spi: {bytes(range(16)).hex(' ')}\n"]
    assert payload("".join(lines).encode())[0][:32] == CLIENT[:32]


def test_bytes_in_a_comment_of_erlang_behind_what_they_are() -> None:
    rest = [f"    %%       {CLIENT[i : i + 21].hex(' ')}\n" for i in range(12, len(CLIENT), 21)]
    text = f"    %%    whole record (74 octets):  {CLIENT[:12].hex(' ')}\n{''.join(rest)}    %%\n".encode()
    assert payload(text) == [CLIENT, b""]


@pytest.mark.parametrize("name", ["???", "TLS 1.2, RecordHeader"])
@pytest.mark.parametrize("answer", [b"HTTP/", b"\0\0\0\0\0"])
def test_a_logged_header_that_is_none_of_a_record_came_so(name: str, answer: bytes) -> None:
    """OpenSSL logs the five bytes as they came, and ends with "wrong version number": they are not decrypted."""
    text = f">>> {name} [length 0005]\n    {CLIENT[:5].hex(' ')}\n>>> TLS 1.2, Handshake [length 0045], ClientHello\n".encode()
    text += rows(lambda at, row: b"    " + row.hex(" ").encode() + b"\n", CLIENT[5:])
    text += f"<<< {name} [length 0005]\n    {answer.hex(' ')}\n".encode()
    assert b"decrypted" not in annotate(text)
    assert "tls-to-plaintext" in codes(text)
    (found,) = [o for o in told(text) if o["kind"] == "packet" and o["from"] == "server"]
    assert (found["offset"], found["payload"]) == (0, 5)


@pytest.mark.parametrize("kind, size", [(22, 96), (23, 144)])
def test_the_beginning_of_an_encrypted_record_is_read(kind: int, size: int) -> None:
    """Tracers show the first 64 bytes of each call: that a record follows would say no more than the header does."""
    start = bytes([kind, 3, 3, 0, size]) + bytes(i * 37 % 256 for i in range(1, 60))
    text = rows(
        lambda at, row: f"scope: app(7):   {at:04x}:  {row[:8].hex(' ')}  {row[8:].hex(' ')}  {text_of(row)}\n".encode(), start)
    (found,) = [o for o in told(text) if o["kind"] == "record"]
    assert (found["type"], found["length"], found["missing"]) == (kind, size + 5, size + 5 - 64)
    other = text.replace(f"{kind:02x} 03 03 00".encode(), f"{kind:02x} 05 03 00".encode())
    assert not [o for o in told(other) if o["kind"] == "record"]


def test_a_trace_of_strace_that_shows_escapes_names_the_option_for_hex() -> None:
    text = b"""write(4, "\\26\\3\\1\\2\\0\\1\\0\\1\\374\\3\\3\\327*\\v\\316GT*\\262"..., 517) = 517
read(4, "\\26\\3\\3\\0z", 5)                = 5
read(4, "\\2\\0\\0v\\3\\3E\\217G?\\335.;"..., 122) = 122
"""
    (found,) = [o for o in told(text) if o["kind"] == "finding"]
    assert found["code"] == "no-bytes" and "strace -xx" in found["text"] and found["lines"] == [1, 1]
    assert verdict(text) == "No whole message is shown as it was sent."


def openssl_of_wpa(way: str, kind: str, data: bytes) -> str:
    """What hostapd and wpa_supplicant log of a record: its header, and what it holds."""
    out = ""
    for part, what in ((data[:5], "256 (TLS header info/)"), (data[5:], kind)):
        out += f"OpenSSL: {way} ver=0x0 content_type={what}\nOpenSSL: Message - hexdump(len={len(part)}): {part.hex(' ')}\n"
    return out + "SSL: (where=0x2001 ret=0x1)\n"


@pytest.mark.parametrize("stamp", ["", "1700000000.123456: wlan0: "])
def test_hostapd(stamp: str) -> None:
    """What it received stands there twice, and is told once."""
    text = f"SSL: Received packet(len={len(CLIENT) + 6}) - Flags 0x00\nSSL: Received data - hexdump(len={len(CLIENT)}): "
    text += CLIENT.hex(" ") + "\nSSL: Received packet: Flags 0x0 Message Length 0\n"
    text += openssl_of_wpa("RX", "22 (handshake/client hello)", CLIENT) + openssl_of_wpa("TX", "21 (alert/)", SERVER)
    told_of = "".join(stamp + line for line in text.splitlines(True)).encode()
    assert payload(told_of) == [CLIENT, SERVER] and "fatal-alert" in codes(told_of)
    assert strip(annotate(told_of)) == told_of


def test_wpa_supplicant() -> None:
    text = openssl_of_wpa("TX", "22 (handshake/client hello)", CLIENT) + openssl_of_wpa("RX", "21 (alert/)", SERVER)
    assert payload(text.encode()) == [CLIENT, SERVER]


EAP = CLIENT.hex()


@pytest.mark.parametrize("line", [
    f"\tEAP-Message = 0x020100540d80000000{len(CLIENT):02x}{EAP}",
    f"(1) eap:   EAP-Message = 0x02010050190{0}{EAP}",
    f"TX EAP -> RADIUS - hexdump(len=84): 02 a2 00 54 0d 80 00 00 00 4a {CLIENT.hex(' ')}",
    f"D (19:00:09.952) wpa: 02 00 00 54 01 d4 00 54 19 80 00 00 00 4a {CLIENT[:2].hex(' ')}",
])
def test_tls_inside_of_eap_is_told(line: str) -> None:
    """Its fragments have headers between them: it is not read, and that is said."""
    (found,) = [o for o in told(f"what the server says:\n{line}\nand so on\n".encode()) if o["kind"] == "finding"]
    assert found["code"] == "no-bytes" and "EAP" in found["text"]


def test_rows_of_bytes_alone_with_a_gap_in_their_midst() -> None:
    lines = [f"{LONG[i : i + 8].hex(' ')}  {LONG[i + 8 : i + 16].hex(' ')}".rstrip() for i in range(0, len(LONG), 16)]
    assert payload(("hello = h2bin('''\n" + "\n".join(lines) + "\n''')\n").encode()) == [LONG, b""]


def test_a_line_that_is_an_alert() -> None:
    text = f"It answers\n\n    {SERVER.hex(' ')}\n\nand that is all.\n".encode()
    assert payload(text) == [b"", SERVER] and "fatal-alert" in codes(text)
    assert payload(b"numbers: \n15 03 03 00 02 09 28\n15 03 03 00 02 02\n") == [b"", b""]


def test_bytes_of_java_in_lines_too_short_to_tell_are_told() -> None:
    text = "byte[] hello = {(byte) 0x16, (byte) 0x03, (byte) 0x02,\n        (byte) 0x00, (byte) 0xdc, (byte) 0x01, (byte) 0x00\n"
    assert codes(text.encode()) == ["no-bytes"]


@pytest.mark.parametrize("sign, wrong", [(b"\x7f", False), (b"", False), (b"x", True)])
def test_a_del_that_a_page_took_out_of_the_text_column(sign: bytes, wrong: bool) -> None:
    """curl shows it as it is, and what pastes it may not."""
    data = CLIENT[:16] + b"\x7f" + CLIENT[17:]
    text = b"=> Send SSL data, 5 bytes (0x5)\n" + rows(curl, data[:5])
    text += f"=> Send SSL data, {len(data) - 5} bytes (0x{len(data) - 5:x})\n".encode()
    shown = rows(curl, data[5:])
    at = shown.index(b"ABCD.F") + 4
    assert ("ascii-disagrees" in codes(text + shown[:at] + sign + shown[at + 1 :])) == wrong


DIGEST = bytes(i * 37 % 256 for i in range(0xE3, 0xE3 + 32)).hex()


@pytest.mark.parametrize("text", [
    f"payload: {CLIENT.hex()}\nsha256: {DIGEST}\n",
    f'{{\n  "payloadHex": "{CLIENT.hex()}",\n  "sha256": "{DIGEST}"\n}}\n',
    f"{CLIENT.hex()}\n{DIGEST}\n",
])
def test_other_digits_below_a_record_are_no_part_of_the_stream(text: str) -> None:
    assert payload(text.encode()) == [CLIENT, b""] and "malformed" not in codes(text.encode())


def test_other_digits_below_the_beginning_of_a_record_have_another_name() -> None:
    text = f'{{\n  "payloadHex": "{CLIENT[:50].hex()}",\n  "sha256": "{DIGEST}"\n}}\n'
    assert payload(text.encode()) == [CLIENT[:50], b""]


@pytest.mark.parametrize("first, more, end", [
    ('const char *hello = "', '    "', '"\n'), ('  cURL: "', '    "', '" +\n'), ("recv 25 bytes: ", "recv 25 bytes: ", "\n"),
    ('  "', '  "', '",\n'),
])
def test_digits_go_on_without_a_name_or_under_the_same(first: str, more: str, end: str) -> None:
    parts = [CLIENT[i : i + 25].hex() for i in range(0, len(CLIENT), 25)]
    text = "".join((more if n else first) + part + end for n, part in enumerate(parts))
    assert payload(f"here:\n{text}".encode()) == [CLIENT, b""]


@pytest.mark.parametrize("quote", ["", "> "])
@pytest.mark.parametrize("header", [[], ["<<< ??? [length 0005]", "    17 03 03 09 c6", "<<< TLS 1.3 [length 0001]", "    16"]])
def test_a_log_of_tls_13_whose_server_hello_is_cut_off(quote: str, header: List[str]) -> None:
    """s_client -msg with `[...]` for what is left out: EncryptedExtensions tell the version, and Certificate is read by it."""
    lines = [
        "<<< TLS 1.3, Handshake [length 007a], ServerHello", f"    02 00 00 76 03 03 {bytes(range(10)).hex(' ')}", "    [...]",
        *header,
        "<<< TLS 1.3, Handshake [length 0006], EncryptedExtensions", "    08 00 00 02 00 00",
        "<<< TLS 1.3, Handshake [length 092c], Certificate", "    0b 00 09 28 00 00 09 24 00 04 cc 30 82 04 c8 30",
        "    82 03 b0 a0 03 02 01 02 02 11 00 d6 7d e6 ca a5", "    [...]",
    ]  # fmt: skip
    text = "".join(f"{quote}{line}\n" for line in lines).encode()
    assert "malformed" not in codes(text)
    paths = {o["path"]: o["value"] for o in told(text) if o["kind"] == "field"}
    assert paths["certificate.certificate_list.length"] == 0x924
    assert strip(annotate(text)) == text
