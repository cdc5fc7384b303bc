"""What a terminal looks ahead for is in every line that it matches, however much stands before it; prose is read quickly."""

from __future__ import annotations

import re
from typing import Dict, Optional, Tuple

import pytest

from hexnote import peeling, resources
from hexnote.dumps import language

_GATE = re.compile(r"\(\?=\[\^(?:[^()\\]|\\.|\|)*?\)")

# For each one a line with as much before its signs as it allows, or all forms of these.
_WIDE = b"w" * 200
LINES: Dict[str, Tuple[bytes, ...]] = {
    "PASTED_NOTE": (b"w" * 160 + b">       " * 20 + b";| x\n", b">;|"),
    "PASTED_LEAD": (_WIDE + b"01:02:03.000004 Abcdefghijklmnop  Out  IP6 x\n", _WIDE + b"01:02:03.000004 IP x\n"),
    "MODSSL_LABEL": (_WIDE + b"OpenSSL: read 5/5 bytes from BIO#1 [mem: 1]\n",),
    "MBEDTLS_LABEL": (b"w" * 120 + b"dumping 'input record from network' (5 bytes)\n",),
    "MBEDTLS_ASIDE": (b"w" * 120 + b"dumping 'a key' (5 bytes)\n",),
    "OPENLDAP_LABEL": (b"w" * 60 + b"tls_read: want=5, got=5\n", b"tls_write: want=5, written=5\n"),
    "JAVA_LABEL": (_WIDE + b"|Raw write (\n", _WIDE + b"[Raw read]: length = 5\n",
                   _WIDE + b"Padded plaintext before ENCRYPTION:  len = 64\n", _WIDE + b"Plaintext after DECRYPTION (\n"),
    "NETTY_ROW": (_WIDE + b"|00000000| 16 03 03 \n",),
    "NETTY_LABEL": tuple(b"w" * 300 + b"] " + each + b": 50B\n" for each in (
        b"WRITE", b"READ", b"RECEIVED", b"ABCDEFGH: WRITE", b"ABCDEFGH: READ", b"ABCDEFGH: RECEIVED")),
    "STRACE_LABEL": (b"w" * 79 + b' recvfrom(123456<' + b"w" * 120 + b'>, "abc", 5) = 5\n', b'write(3, "a", 1) = 1\n'),
    "STRACE_CALL": (b"w" * 79 + b' recvfrom(123456<' + b"w" * 120 + b'>, "\\x16\\x03", 2) = 2\n',),
    "SOURCES_BRACED": (b"w" * 80 + b'"\\x{16}\\x{03}\\x{01}\\x{00}"\n', b"w" * 80 + b"'%16%03%01%00'\n"),
    "REPR_ADVICE": (b"w" * 120 + b'"\\x16\\x03\\x01\n',),
    "NODE_ADVICE": (_WIDE + b"<Buffer 16 03 03 00 01 02 03 04 05 ... 5 more bytes>\n",),
    "ESCAPES_ADVICE": ((b"w" * 120 + b"\\") * 6 + b"26\\3\\1\n", b"\\u0016\\u0003\\u0001\n"),
    "ESCAPES_MAIL_ADVICE": (b"w" * 120 + b"=16=03=01\n", b"w" * 120 + b"%16%03%01\n"),
    "PLAINHEX_ADVICE": ((b"w" * 120 + b"0") * 24 + b"x16, 0x3, 0x1,\n",),
    "TCPDUMP_TCP": ((b"w" * 400 + b">") * 4 + b" x: P 1:75(74) ack 1\n",),
}


def _gated() -> Dict[str, Tuple[str, str]]:
    """By name the terminals that look ahead: their sources, and those without that."""
    terminals = language(resources.folder("dumps")).vocabulary.terminals.values()
    found = {}
    for terminal in terminals:
        gate = _GATE.match(terminal.source)
        if gate is not None:
            found[terminal.name] = terminal.source, terminal.source[gate.end() :]
    return found


def test_each_is_tried() -> None:
    assert set(_gated()) == set(LINES)


@pytest.mark.parametrize("name", sorted(LINES))
def test_a_terminal_without_what_it_looks_for_matches_the_same(name: str) -> None:
    gated, plain = (re.compile(source.encode("latin-1")) for source in _gated()[name])
    for line in LINES[name]:
        match = plain.match(line)
        assert match is not None, line
        again = gated.match(line)
        assert again is not None and (again.span(), again.groups()) == (match.span(), match.groups()), line


def _first(text: bytes) -> Optional[int]:
    """Where a row may begin behind an edge, by what an edge ends with and how a row begins, at each place in turn."""
    pair = rb"[0-9A-Fa-f]{2}(?:[0-9A-Fa-f]{2}|(?![^\s\-|\"',;\\<>]))"
    row = re.compile(
        rb"(?:0[xX])?[0-9A-Fa-f]{1,17}[:|h]?(?: -)?(?:[ \t|]|\\t){1,40}" + pair
        + rb"|[0-9A-Fa-f]{32}|(?:[0-9A-Fa-f]{2}[:\-]){8}|0[xX][0-9A-Fa-f]{2}, ?0[xX]|(?:<|\\u003c)Buffer "
        rb"|\[(?:[0-9A-Fa-f]{2}, ){3}|1[4-7]030[0-4]00[0-9A-Fa-f]{2}")
    for at in range(len(text)):
        before = text[:at]
        edge = not at or before[-1:] in b" \t<>|+*#%:])}Z/\x82\xa2F\"'.0123456789t-," or before.endswith((b"MESSAGE=", b"CDATA["))
        if edge and row.match(text, at):
            return at
    return None


@pytest.mark.parametrize("text", [
    b"a log's line of 12 words, and 200 5432 more\n", b"MESSAGE=0000: 16 03 01\n", b"<![CDATA[0000: 1603 0100\n",
    b"id=" + b"ab" * 16 + b"\n", b"id: " + b"ab" * 16 + b"\n", b"x 16:03:01:00:45:01:00:00:41\n", b"\\u003cBuffer 16 03\n",
    b"{0x16, 0x03}\n", b"[16, 03, 01, 00]\n", b" 1603010045\n", b"\\t0x0010:\\t1603 0100\n", b"0000 - 16 03 01-00\n",
    b"00a3h| 1603 \n", b"nothing at all\n", b"%0000: 16 03 01\n", b"Nov 26 20:12:12 host x[12]: 10.0.0.1 add bad 16 beef\n",
])
def test_where_a_row_may_begin_is_found_as_by_looking_at_each_place(text: bytes) -> None:
    found = _first(text)
    assert peeling.carried(text) == (-1 if found is None else found)


@pytest.mark.parametrize("text, mark", [
    (b"x 10.0.0.1.5 > 10.0.0.2.443: y\n", 9), (b"write 5 bytes => 5\n", 6), (b"(12 bytes)\n", 2), (b"a [length 0136], x\n", 2),
    (b"recv want=5\n", 5), (b"x length=12\n", 2), (b"x len=12: y\n", 2), (b"xlen=12: y\n", -1), (b"[Raw read]\n", 1),
    (b"Plaintext after D\n", 1), (b'x(3, "a\n', 1), (b"c READ: 5B\n", 2), (b"RECEIVED: 5B\n", 0), (b"T a -> b [A] #3\n", 11),
    (b">>> Flow 1\n", 4), (b"TLS session ticket:\n", 4), (b"x:443 -> yy:22 [AP]\n", 1), (b"1.000001 a -> b \n", 1),
    (b"a log\n", -1),
])
def test_lines_above_rows_have_marks(text: bytes, mark: int) -> None:
    assert peeling.headed(text) == mark
