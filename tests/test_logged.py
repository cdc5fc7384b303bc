"""What a log shows beside the wire, before encryption or after decryption: read where it is certain what it is.

The truth is written by hand: sender, message, whole length; or sender, "alert", level, description.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Dict, List, Optional, Tuple

import pytest
from conftest import ROOT
from support import annotate, strip
from test_dresses import CLIENT, curl, decrypted, ldap, openssl, rows, spread, told

from hexnote.headless_log import Sayings, messages_of

LEAD = "javax.net.ssl|DEBUG|10|main|2026-11-20 15:29:04.455 UTC|"
FINISHED = b"\x14\0\0\x0c" + bytes(range(12))
LONGER = b"\x14\0\0\x20" + bytes(range(32))  # with SHA-256, in TLS 1.3
EXTENSIONS = b"\x08\0\0\2\0\0"
CHANGE = b"\x14\3\3\0\1\1"
GCM, CBC, CBC_10, NULL = 0xC02F, 0xC027, 0x002F, 0x003B


def server(suite: int, version: int = 0x0303, new: bool = False) -> bytes:
    """A record with a ServerHello."""
    listed = bytes.fromhex("002b00020304") if new else b""
    body = version.to_bytes(2, "big") + bytes(32) + b"\0" + suite.to_bytes(2, "big") + b"\0"
    body += len(listed).to_bytes(2, "big") + listed if listed else b""
    return b"\x16\3\3" + (len(body) + 4).to_bytes(2, "big") + b"\2\0" + len(body).to_bytes(2, "big") + body


def record(kind: int, size: int) -> bytes:
    return bytes((kind, 3, 3)) + size.to_bytes(2, "big") + bytes(n * 37 % 256 for n in range(size))


def java(what: str, data: bytes, way: str = "", lead: str = LEAD) -> bytes:
    """Bytes as Java logs them since 8u261; `way`: what it says of the record before them."""
    said = f"{lead}SSLSocketOutputRecord.java:261|{way}\n" if way else ""
    return f"{said}{lead}SSLCipher.java:2066|{what} (\n".encode() + rows(spread, data) + b")\n"


def read(kind: str, size: int, version: str = "TLSv1.2") -> str:
    """What Java says of a record of `size` bytes that it reads."""
    return f"READ: {version} {kind}, length = {size}"


def wire(data: bytes, write: bool) -> bytes:
    return java("Raw write" if write else "Raw read", data)


def start(suite: int, new: bool = False, version: int = 0x0303) -> bytes:
    """A log up to where both ends encrypt."""
    return wire(CLIENT, True) + wire(server(suite, version, new), False) + wire(CHANGE, True) + wire(CHANGE, False)


def padded(content: bytes, mac: int, block: int = 16, iv: int = 16) -> bytes:
    filled = -(iv + len(content) + mac + 1) % block
    return b"\xa5" * iv + content + b"\x5a" * mac + bytes((filled,)) * (filled + 1)


def leaves(found: List[Dict[str, Any]], packet: Optional[int] = None) -> List[Tuple[str, int, int]]:
    """(path, offset, length) of what is told of the block that was logged last; nothing of it is missing or told twice."""
    buffers = [o["buffer"] for o in found if o["kind"] == "field" and o.get("buffer")]
    own = [o for o in found if o["kind"] == "field" and o.get("buffer") == buffers[-1]]
    at = 0
    for each in own:
        assert each["offset"] == at and (each["at"] or not each["length"])
        at += each["length"]
    return [(o["path"], o["offset"], o["length"]) for o in own]


def test_java_with_tls_1_3() -> None:
    text = start(0x1301, new=True)
    text += wire(record(23, 23), False) + java("Plaintext after DECRYPTION", EXTENSIONS, read("application_data", 23))
    text += java("Plaintext after DECRYPTION", LONGER, read("application_data", 53))
    text += java("Plaintext before ENCRYPTION", LONGER + b"\x16" + bytes(16), "WRITE: TLSv1.3 handshake, length = 36")
    found = told(text + wire(record(23, 69), True))
    wanted: List[Tuple[Any, ...]] = [("server", "encrypted_extensions", 6), ("server", "finished", 36), ("client", "finished", 36)]
    assert decrypted(found) == wanted
    assert leaves(found)[-2:] == [("plaintext.type", 36, 1), ("plaintext.zeros", 37, 16)]
    data = b"GET / HTTP/1.0\r\n\r\n"
    text += java("Plaintext before ENCRYPTION", data + b"\x17" + bytes(16), "WRITE: TLSv1.3 application_data, length = 18")
    found = told(text)
    assert leaves(found) == [("plaintext.content", 0, 18), ("plaintext.type", 18, 1), ("plaintext.zeros", 19, 16)]
    # A read record's content type is under encryption: only what its bytes prove is read.
    for shown, size in ((data, 35), (b"\x04\0\0\x10" + bytes(15), 36), (b"\x17\0\0\2\0\0", 23), (b"\1\1", 19)):
        more = java("Plaintext after DECRYPTION", shown, read("application_data", size))
        assert decrypted(told(text + more)) == wanted
    alerts = java("Plaintext after DECRYPTION", b"\2\x74", read("application_data", 19))
    alerts += java("Plaintext before ENCRYPTION", b"\1\0\x15" + bytes(16), "WRITE: TLSv1.3 alert(close_notify), length = 2")
    assert decrypted(told(text + alerts)) == [*wanted, ("server", "alert", 2, 116), ("client", "alert", 1, 0)]


def test_java_with_an_aead_of_tls_1_2() -> None:
    text = start(GCM) + java("Plaintext before ENCRYPTION", FINISHED, "WRITE: TLSv1.2 handshake, length = 24")
    text += wire(record(22, 40), True) + wire(record(22, 40), False)
    text += java("Plaintext after DECRYPTION", FINISHED, read("handshake", 40))
    text += java("Plaintext before ENCRYPTION", b"GET", "WRITE: TLSv1.2 application_data, length = 3")
    text += java("Plaintext after DECRYPTION", b"\1\0", read("alert", 26))
    found = told(text)
    assert decrypted(found) == [("client", "finished", 16), ("server", "finished", 16), ("server", "alert", 1, 0)]
    # Nothing of it belongs to the streams.
    assert sorted((o["from"], o["offset"]) for o in found if o["kind"] == "record") == [
        ("client", 0), ("client", 74), ("client", 80), ("server", 0), ("server", 47), ("server", 53)]


@pytest.mark.parametrize("suite, mac, version, iv", [
    (CBC, 32, 0x0303, 16), (CBC_10, 20, 0x0302, 16), (CBC_10, 20, 0x0301, 0), (NULL, 32, 0x0303, 0),
])
def test_java_with_padding(suite: int, mac: int, version: int, iv: int) -> None:
    name = {0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2"}[version]
    block = padded(FINISHED, mac, iv=iv) if suite != NULL else FINISHED + b"\x5a" * mac
    text = start(suite, version=version)
    text += java("Padded plaintext before ENCRYPTION", block, f"WRITE: {name} handshake, length = {16 + iv}")
    found = told(text)
    assert decrypted(found) == [("client", "finished", 16)]
    wanted = [("plaintext.iv", 0, iv)] * (iv > 0)
    wanted += [("handshake.msg_type", iv, 1), ("handshake.length", iv + 1, 3), ("finished.verify_data", iv + 4, 12)]
    wanted += [("plaintext.mac", iv + 16, mac)]
    filled = block[-1] if suite != NULL else 0
    if suite != NULL:
        wanted += [("plaintext.padding", iv + 16 + mac, filled), ("plaintext.padding_length", len(block) - 1, 1)]
    assert leaves(found) == wanted
    alert = padded(b"\2\x28", mac, iv=iv) if suite != NULL else b"\2\x28" + b"\x5a" * mac
    text += java("Padded plaintext after DECRYPTION", alert, f"READ: {name} alert, length = {len(alert)}")
    assert decrypted(told(text))[1:] == [("server", "alert", 2, 40)]


def java8(what: str, data: bytes) -> bytes:
    return f"{what}:  len = {len(data)}\n".encode() + rows(spread, data).replace(b"  0", b"0")


def test_java_8() -> None:
    """It names the record only behind what it writes; a Finished is known by its place and its length."""
    def raw(data: bytes, way: str) -> bytes:
        return f"[Raw {way}]: length = {len(data)}\n".encode() + rows(spread, data).replace(b"  0", b"0")

    for suite, block, size in ((CBC, padded(FINISHED, 32), 80), (GCM, FINISHED, 40)):
        text = raw(CLIENT, "write") + raw(server(suite), "read") + raw(CHANGE, "write")
        text += java8("Padded plaintext before ENCRYPTION", block) + b"main, WRITE: TLSv1.2 Handshake, length = 40\n"
        text += raw(record(22, size), "write") + raw(CHANGE, "read") + raw(record(22, size), "read")
        text += f"main, READ: TLSv1.2 Handshake, length = {size}\n".encode() + java8("Padded plaintext after DECRYPTION", block)
        wanted = [("client", "finished", 16), ("server", "finished", 16)]
        assert decrypted(told(text)) == wanted
        # What it said behind the last block is not said of this one.
        data = padded(b"\2\x28", 32) if suite == CBC else b"\2\x28"
        assert decrypted(told(text + java8("Padded plaintext before ENCRYPTION", data))) == wanted


MBEDTLS = "ssl_msg.c:2754: |4| "


def mbedtls(name: str, data: bytes, said: str = "") -> bytes:
    lines = f"{MBEDTLS}{said}\n".encode() if said else b""
    lines += f"{MBEDTLS}dumping '{name}' ({len(data)} bytes)\n".encode()
    return lines + b"".join(MBEDTLS.encode() + row.lstrip() for row in rows(ldap, data).splitlines(True))


def test_mbedtls() -> None:
    out, back = "output record sent to network", "input record from network"
    before, after = "before encrypt: output payload", "input payload after decrypt"
    for suite, new, finished, length in ((GCM, False, FINISHED, 40), (CBC, False, FINISHED, 80), (0x1301, True, LONGER, 53)):
        kind = 23 if new else 22
        text = mbedtls(out, CLIENT) + mbedtls(back, server(suite, new=new)) + mbedtls(out, CHANGE) + mbedtls(back, CHANGE)
        text += mbedtls(before, finished) + mbedtls("IV used (internal)", bytes(16)) + mbedtls(out, record(kind, length))
        said = f"input record: msgtype = {kind}, version = [3:3], msglen = {length}"
        text += mbedtls(back, record(kind, length), said)
        text += mbedtls("raw buffer after decryption", finished)  # of some suites with IV or padding, of others not
        text += mbedtls(after, finished, "record type after decrypt (before 23): 22" if new else "")
        size = len(finished)
        wanted: List[Tuple[Any, ...]] = [("client", "finished", size), ("server", "finished", size)]
        assert decrypted(told(text)) == wanted
        # Data is not taken for anything else, whatever it looks like; nor an alert where nobody says that it is one.
        text += mbedtls(back, record(23, length), f"input record: msgtype = 23, version = [3:3], msglen = {length}")
        text += mbedtls(after, finished, "record type after decrypt (before 23): 23" if new else "") + mbedtls(before, b"\1\1")
        assert decrypted(told(text)) == wanted
        assert [o["value"] for o in told(text) if o.get("path") == "plaintext.content"]


@pytest.mark.parametrize("text", [
    # the wire, and so the suite, is not shown
    java("Plaintext after DECRYPTION", FINISHED, read("handshake", 40)),
    java("Plaintext before ENCRYPTION", CLIENT[5:], "WRITE: TLSv1.2 handshake, length = 69"),
    # nothing is encrypted yet
    wire(CLIENT, True) + java("Plaintext before ENCRYPTION", FINISHED, "WRITE: TLSv1.2 handshake, length = 24"),
    # lengths that disagree
    start(GCM) + java("Plaintext after DECRYPTION", FINISHED, read("handshake", 41)),
    start(GCM) + java("Plaintext before ENCRYPTION", FINISHED, "WRITE: TLSv1.2 handshake, length = 16"),
    start(GCM) + java("Plaintext after DECRYPTION", FINISHED[:-1], read("handshake", 39)),
    start(GCM) + java("Plaintext after DECRYPTION", b"\2\x28\0", read("alert", 27)),
    # padding that is none; a label that is not of the suite
    start(CBC) + java("Padded plaintext after DECRYPTION", padded(FINISHED, 32)[:-2] + b"\0\x0f", read("handshake", 80)),
    start(CBC) + java("Plaintext after DECRYPTION", padded(FINISHED, 32), read("handshake", 80)),
    start(GCM) + java("Padded plaintext after DECRYPTION", FINISHED, read("handshake", 40)),
    # no content type behind the content
    start(0x1301, True) + java("Plaintext before ENCRYPTION", LONGER, "WRITE: TLSv1.3 handshake, length = 36"),
    # of another thread
    start(GCM) + java("Plaintext after DECRYPTION", b"\2\x28", read("alert", 26)).replace(b"|10|main|", b"|11|next|", 1),
])
def test_what_is_not_certain_is_shown_and_not_read(text: bytes) -> None:
    found = told(text)
    assert not decrypted(found) and not [o for o in found if o["kind"] == "field" and o.get("buffer")]
    assert len([o for o in found if o["kind"] == "packet"]) == text.count(b"CRYPTION (") + text.count(b"|Raw ")


@pytest.mark.parametrize("size", [1000, 1023, 1024, 1025, 3000])
def test_long_blocks(size: int) -> None:
    """More than is told at once: a certificate in TLS 1.3, data whose length the log said."""
    listed = (size - 13).to_bytes(3, "big") + b"\x30\x82" + (size - 17).to_bytes(2, "big") + bytes(size - 17) + b"\0\0"
    message = b"\x0b" + (size - 4).to_bytes(3, "big") + b"\0" + (size - 8).to_bytes(3, "big") + listed
    assert len(message) == size
    text = start(0x1301, True) + java("Plaintext after DECRYPTION", message, read("application_data", size + 17))
    assert decrypted(told(text)) == [("server", "certificate", size)]
    assert sum(length for _, _, length in leaves(told(text))) == size
    data = bytes(n * 7 % 251 for n in range(size))
    text = start(GCM) + java("Plaintext after DECRYPTION", data, read("application_data", size + 24))
    assert leaves(told(text)) == [("plaintext.content", 0, size)]
    written = f"WRITE: TLSv1.3 application_data, length = {size}"
    text = start(0x1301, True) + java("Plaintext before ENCRYPTION", data + b"\x17" + bytes(16), written)
    assert sum(length for path, _, length in leaves(told(text)) if path == "plaintext.content") == size
    assert sum(length for _, _, length in leaves(told(text))) == size + 17


def test_messages_that_fit_exactly() -> None:
    assert messages_of(FINISHED + EXTENSIONS, 22, None) == [20, 8]
    assert messages_of(FINISHED + EXTENSIONS, 22, frozenset((20,))) is None
    assert messages_of(FINISHED + b"\0", 17, None) is None and messages_of(FINISHED[:-1], 15, None) is None
    assert messages_of(FINISHED[:8], 16, None) == [20] and messages_of(b"", 0, None) is None


def test_a_line_of_a_log_is_bounded() -> None:
    said = Sayings()
    said.line(b"x" * 500 + LEAD.encode() + b"|READ: TLSv1.2 alert, length = 26\n")
    said.line(b"main, READ: TLSv1.2 Something, length = 26\n")
    assert said._last == [None, None]


def test_a_redacted_log_tells_the_same() -> None:
    """The tools' own words are kept, for what a block holds hangs on them; what names anybody or is secret is replaced."""
    java_log = start(CBC)
    java_log += java("Padded plaintext before ENCRYPTION", padded(FINISHED, 32), "WRITE: TLSv1.2 handshake, length = 32")
    java_log += java("Padded plaintext after DECRYPTION", padded(b"GET /secret", 32), read("application_data", 64))
    mbed = mbedtls("output record sent to network", CLIENT) + mbedtls("input record from network", server(GCM))
    mbed += mbedtls("input record from network", CHANGE)
    mbed += mbedtls("input payload after decrypt", FINISHED, "input record: msgtype = 22, version = [3:3], msglen = 40")
    for text in (java_log, mbed):
        command = [sys.executable, "-m", "hexnote", "--redact"]
        out = subprocess.run(command, input=text, capture_output=True, check=True, cwd=ROOT).stdout
        assert decrypted(told(out)) == decrypted(told(text)) != []
        shapes = [[(o["path"], o["offset"], o["length"]) for o in told(each) if o.get("buffer") and o["kind"] == "field"]
                  for each in (text, out)]
        assert shapes[0] == shapes[1]
        assert FINISHED[4:].hex(" ")[:20] not in out.decode().lower() and b"secret" not in out


# ------------------------------------------------------------------ rows that were left out


def certificate(size: int) -> bytes:
    """A Certificate message of TLS 1.3 with one certificate, which is none."""
    listed = (size - 13).to_bytes(3, "big") + bytes(n * 7 % 251 for n in range(size - 13)) + b"\0\0"
    return b"\x0b" + (size - 4).to_bytes(3, "big") + b"\0" + (size - 8).to_bytes(3, "big") + listed


SHOWN = EXTENSIONS + certificate(150) + LONGER  # 192 bytes: 12 rows


def shown_by_curl(way: str, data: bytes) -> bytes:
    return f"{way} SSL data, {len(data)} bytes (0x{len(data):x})\n".encode() + rows(curl, data)


def shown_by_openssl(way: str, data: bytes) -> bytes:
    made = b"".join(b"    " + data[at : at + 16].hex(" ").encode() + b"\n" for at in range(0, len(data), 16))
    return f"{way} TLS 1.3, Handshake [length {len(data):04x}], something\n".encode() + made


def with_flight(kind: str, data: bytes) -> Tuple[bytes, bytes]:
    """A log up to an encrypted record of the server; what it shows of that, decrypted."""
    outer = record(23, len(data) + 17)
    if kind == "java":
        text = start(0x1301, new=True) + wire(outer, False)
        return text, java("Plaintext after DECRYPTION", data, read("application_data", len(outer) - 5))
    if kind == "mbedtls":
        back = "input record from network"
        text = mbedtls("output record sent to network", CLIENT) + mbedtls(back, server(0x1301, new=True))
        text += mbedtls(back, outer, f"input record: msgtype = 23, version = [3:3], msglen = {len(outer) - 5}")
        return text, mbedtls("input payload after decrypt", data, "record type after decrypt (before 23): 22")
    make, ways = (shown_by_curl, ("=> Send", "<= Recv")) if kind == "curl" else (shown_by_openssl, (">>>", "<<<"))
    hello = server(0x1301, new=True)
    text = make(ways[0], CLIENT[:5]) + make(ways[0], CLIENT[5:]) + make(ways[1], hello[:5]) + make(ways[1], hello[5:])
    return text + make(ways[1], outer[:5]) + make(ways[1], b"\x16"), make(ways[1], data)


def without(block: bytes, out: Tuple[int, ...]) -> bytes:
    """A block of a log without some of its rows; the first is number 0."""
    lines = block.splitlines(True)
    first = next(n for n, line in enumerate(lines) if SHOWN[:4].hex(" ") in line.decode().lower())
    return b"".join(line for n, line in enumerate(lines) if n - first not in out)


def last_buffer(found: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """The leaves of what is told of the block that was logged last, without what depends on where it stands."""
    own = [o for o in found if o["kind"] == "field" and o.get("buffer", "").startswith("logged:")]
    return [o for o in own if o["buffer"] == own[-1]["buffer"]]


@pytest.mark.parametrize("kind", ["curl", "java", "mbedtls"])
@pytest.mark.parametrize("out", [(4,), (4, 5), (3, 7), (1, 2, 3), (5, 6, 7, 8)], ids=str)
def test_rows_of_a_block_that_were_left_out(kind: str, out: Tuple[int, ...]) -> None:
    """What they had is missing, and nothing else: the block's own offsets say how much that is."""
    before, block = with_flight(kind, SHOWN)
    whole = last_buffer(told(before + block))
    text = before + without(block, out)
    assert strip(annotate(text)) == text
    found = told(text)
    own = last_buffer(found)
    reach = 0
    for each in own:
        assert each["offset"] == reach, each
        reach += each["length"]
        wanted = [f"{SHOWN[at]:02x}" if at // 16 not in out else ".." for at in range(each["offset"], reach)]
        assert each["hex"] == "".join(wanted), each
    assert reach == len(SHOWN)
    paths = [(o["path"], o["offset"], o["value"]) for o in own if ".." not in o["hex"]]
    behind = [(o["path"], o["offset"], o["value"]) for o in whole if o["offset"] >= len(SHOWN) - len(LONGER)]
    assert behind and set(behind) <= set(paths)
    assert decrypted(found)[-1] == ("server", "finished", 36)
    gaps = b"".join(annotate(text).splitlines()).count(b"bytes of this block of the log are not in this trace")
    assert gaps == sum(1 for row in out if row - 1 not in out)
    assert not [o for o in found if o.get("code") == "unreadable-rows"]


@pytest.mark.parametrize("kind", ["curl", "mbedtls"])
def test_the_last_rows_of_a_block_were_left_out(kind: str) -> None:
    before, block = with_flight(kind, SHOWN)
    text = before + without(block, (8, 9, 10, 11)) + b"and so on\n"
    own = last_buffer(told(text))
    assert sum(o["length"] for o in own) == len(SHOWN) and own[-1]["path"] == "handshake.missing"
    assert b"64 bytes of this block of the log are not in this trace" in annotate(text)


def test_the_first_rows_of_a_block_were_left_out() -> None:
    """Without a message's header nothing behind it can be cut into messages; that is all that is lost."""
    before, block = with_flight("curl", SHOWN)
    own = last_buffer(told(before + without(block, (0, 1))))
    assert {o["path"] for o in own} == {"handshake.missing"} and sum(o["length"] for o in own) == len(SHOWN)
    # On the wire the next record is found.
    two = CLIENT + record(21, 2)
    openssl_log = f"write to 0x55744d77adf0 [0x55744d793690] ({len(two)} bytes => {len(two)} (0x{len(two):X}))\n".encode()
    for lost in (1, 2):
        text = openssl_log + rows(openssl, two).split(b"\n", lost)[lost]
        at = {(o["path"], o["offset"]) for o in told(text) if o["kind"] == "field"}
        assert ("record.type", 74) in at and strip(annotate(text)) == text


def test_rows_behind_the_end_of_a_block_are_not_its_own() -> None:
    before, block = with_flight("curl", SHOWN)
    text = before + without(block, (10, 11)) + curl(0xC0, bytes(16))
    assert sum(o["length"] for o in last_buffer(told(text))) == len(SHOWN)
    assert b"no TLS record in these bytes" in annotate(text)
    block = padded(FINISHED, 32)
    text = start(CBC) + java("Padded plaintext before ENCRYPTION", block, "WRITE: TLSv1.2 handshake, length = 32")
    text += spread(len(block), bytes(16))
    assert b"do not follow" in annotate(text) and decrypted(told(text)) == [("client", "finished", 16)]


@pytest.mark.parametrize("size", [1000, 1023, 1024, 1025, 3000])
def test_long_blocks_without_offsets(size: int) -> None:
    """A chain of certificates as OpenSSL logs it has more rows than are told at once: all of them are its own."""
    message = certificate(size)
    before, block = with_flight("openssl", message)
    found = told(before + block + b"closed\n")
    assert decrypted(found) == [("server", "certificate", size)]
    assert "".join(o["hex"] for o in last_buffer(found)) == message.hex()
    clear = shown_by_openssl("<<<", b"\x16\3\3" + size.to_bytes(2, "big")) + shown_by_openssl("<<<", message)
    made = [o["missing"] for o in told(clear + b"\n") if o["kind"] == "message"]
    assert made == [0]
    # A line between ends it.
    lines = block.splitlines(True)
    if len(lines) > 70:
        found = told(before + b"".join(lines[:65]) + b"so far\n" + b"".join(lines[65:]))
        assert "".join(o["hex"] for o in last_buffer(found)) == message[:1024].hex() + ".." * (size - 1024)


@pytest.mark.parametrize("size", [155, 1600])
def test_rows_without_offsets_that_were_left_out(size: int) -> None:
    """Where a block ends as it should, and is too short, it cannot be told which bytes its rows have: they are not read."""
    data = EXTENSIONS + certificate(size) + LONGER
    assert len(data) % 16
    before, block = with_flight("openssl", data)
    lines = block.splitlines(True)
    end = b"<<< TLS 1.2, RecordHeader [length 0005]\n    17 03 03 00 17\n"
    whole = last_buffer(told(before + block + end))
    assert "".join(o["hex"] for o in whole) == data.hex()
    for row in (1, 2, len(lines) // 2, len(lines) - 2):
        text = before + b"".join(lines[:row] + lines[row + 1 :]) + end
        made = annotate(text)
        assert strip(made) == text and b"unreadable-rows" in made
        assert b"rows of this block were left out" in made.replace(b"\n;|", b"")
        if size < 1024:
            assert not [o for o in told(text) if o["kind"] == "field" and o.get("buffer") and o["length"] > 1]
    # Where the end is not shown the rows that are may well be the first ones; that is said.
    text = before + b"".join(lines[:-2]) + end
    made = annotate(text)
    assert b"they are taken as the first" in made.replace(b"\n;|", b"")
    assert decrypted(told(text))[0][1] == "encrypted_extensions"


def test_clear_rows_without_offsets_that_were_left_out() -> None:
    """The same of what stands in clear: the record's bytes are missing, and the next record has its place."""
    listed = shown_by_openssl(">>>", CLIENT[:5]) + shown_by_openssl(">>>", CLIENT[5:]) + shown_by_openssl(">>>", CHANGE[:5])
    lines = listed.splitlines(True)
    text = b"".join(lines[:4] + lines[5:])
    found = told(text)
    fields = [o for o in found if o["kind"] == "field"]
    assert [o["offset"] for o in fields if o["path"] == "record.type"] == [0, 74]
    assert all(set(o["hex"]) == {"."} for o in fields if 5 <= o["offset"] < 74)
    assert b"rows of this block were left out" in annotate(text)
