"""`--check`: statements of an article held against its own bytes."""

from __future__ import annotations

import glob
import os
from typing import Any, List, Tuple

import pytest
from conftest import SAMPLES
from support import collected, load, sample

from hexnote.render.check import OPEN, RIGHT, WRONG, verdicts
from hexnote.render.claims import claims, date, listed, same_suite


def judged(article: bytes) -> List[Tuple[str, str]]:
    return [(v.what, v.claim) for v in verdicts(collected(article))]


def test_the_tutorial(shared: str) -> None:
    """TUTORIAL.md: one length is 70 and not 69, one list has 31 of 33 suites; all else about its bytes is right."""
    path = glob.glob(os.path.join(shared, "seeds", "004*"))[0]
    found = verdicts(collected(load(path)))
    wrong = [v for v in found if v.what == WRONG]
    assert [v.claim for v in wrong] == ["31 cipher suites are listed", "0x000046 => 69 bytes"]
    assert "0x000046 is 70" in wrong[1].why
    assert "the list has 33" in wrong[0].why and "00,00,0a" in wrong[0].why and "00,00,2f" in wrong[0].why
    right = {v.claim for v in found if v.what == RIGHT}
    for claim in ("0x004a = 74 bytes", "0x000046 = 70 bytes", "0x19a2 => 6562 bytes", "0x000c11 => 3089 bytes",
                  "0x0d34 => 3380 bytes",
                  "0x0035 => TLS1_CK_RSA_WITH_AES_256_SHA", "0x47cb3db1 => 1204501937 => 'Sun Mar 2 23:52:17 GMT 2008'",
                  "0x0b => 11 => Certificate", "0x0063 => 33 items, 3 bytes each for SSLv2"):  # fmt: skip
        assert claim in right
    assert sum(v.what == RIGHT for v in found) > 100
    assert {v.claim for v in found if "0x000014" in v.claim} and all(v.what == OPEN for v in found if "0x000014" in v.claim)


TRACE = sample("server-auth.txt")


@pytest.mark.parametrize("statement, what", [
    (b"The length (0x004a = 74 bytes) is right.", RIGHT),
    (b"The length (0x004a = 75 bytes) is wrong.", WRONG),
    (b"No field has 0x1234 (4660).", OPEN),
    (b"Type (0x16 => 22 => 'Handshake')", RIGHT),
    (b"Type (0x16 => 22 => 'Alert')", WRONG),
    (b"Type (0x16 => 21)", WRONG),
    (b"Version (0x0301 => 3.1)", RIGHT),
    (b"Version (0x0301 => 3.2)", WRONG),
    (b"Suite (0x0035 => TLS_RSA_WITH_AES_256_CBC_SHA)", RIGHT),
    (b"Suite (0x0035 => TLS_RSA_WITH_AES_128_CBC_SHA)", WRONG),
    (b"Clock (0x47cb3db1 => 'Sun Mar 2 23:52:17 GMT 2008')", RIGHT),
    (b"Clock (0x47cb3db1 => 'Mon Mar 3 23:52:17 GMT 2008')", WRONG),
    (b"28 Random bytes (0x3445b5c9f59b06c53ca8f563538b602d3eb4d6f3cc7e0b3b7c3f0863)", RIGHT),
    (b"27 Random bytes (0x3445b5c9f59b06c53ca8f563538b602d3eb4d6f3cc7e0b3b7c3f0863)", WRONG),
])  # fmt: skip
def test_statements(statement: bytes, what: str) -> None:
    assert [w for w, _ in judged(TRACE + statement + b"\n")] == [what]


def test_carets_say_which_bytes_are_meant() -> None:
    row = b"        0x0030:  0981 ae1f 1603 0100 4a02 0000 4603 0147  ........J...F..G\n"
    good = b"Length (0x004a = 74 bytes)\n" + row + b" " * 34 + b"^^ ^^\n"
    bad = b"Length (0x004a = 74 bytes)\n" + row + b" " * 32 + b"^^^^ ^^\n"
    assert judged(TRACE + good) == [(RIGHT, "0x004a = 74 bytes")]
    assert [w for w, _ in judged(TRACE + bad)] == [WRONG]


def test_lists_of_suites() -> None:
    names = ["00,00,39 TLS1_CK_DHE_RSA_WITH_AES_256_SHA", "00,00,38 TLS1_CK_DHE_DSS_WITH_AES_256_SHA",
             "00,00,36 TLS1_CK_RSA_WITH_AES_256_SHA"]  # fmt: skip
    found = verdicts(collected(TRACE + "\n".join(names).encode() + b"\n"))
    assert found[0].what == WRONG and "000036 is not in it" in found[0].why
    assert [v.what for v in found[1:]] == [RIGHT, RIGHT]


def test_prose_without_bytes_is_not_judged() -> None:
    assert judged(b"The answer is 42. See RFC 5246, section 7, and 10.0.0.1:443.\n") == []


@pytest.mark.parametrize("one, other, same", [
    ("SSL3_CK_EDH_RSA_DES_192_CBC3_SHA", "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", True),
    ("SSL2_CK_RC4_128_WITH_MD5", "SSL_CK_RC4_128_WITH_MD5", True),
    ("TLS1_CK_RSA_WITH_AES_256_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA256", False),
    ("TLS1_CK_RSA_WITH_AES_256_SHA", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", False),
    ("SSL3_CK_RSA_RC4_40_MD5", "TLS_RSA_WITH_RC4_128_MD5", False),
    ("SSL3_CK_RSA_DES_40_CBC_SHA", "TLS_RSA_WITH_DES_CBC_SHA", False),
])  # fmt: skip
def test_old_names_of_suites(one: str, other: str, same: bool) -> None:
    assert same_suite(one, other) is same


def test_what_is_a_statement() -> None:
    assert [c.numbers for c in claims("(0x14/0x24 => 20/36 bytes)")] == [(20,), (36,)]
    assert next(claims("0x16 (22) is for 'Handshake'")).names == ("Handshake",)
    assert date("2008-03-02 23:52:17") == 1204501937 and date("yesterday") is None
    assert listed(" * c0,2f ECDHE_RSA_WITH_AES") == ("c02f", "ECDHE_RSA_WITH_AES") and listed("c0,2f and so on") is None
    assert list(claims("x" * 100_000 + "0x16 => 22")) == []


def test_on_the_command_line(hexnote: Any) -> None:
    told = hexnote("--check", os.path.join(SAMPLES, "server-auth.txt"))
    assert told.status == 0 and told.out.startswith(os.path.join(SAMPLES, "server-auth.txt").encode() + b": 0 wrong, 0 right")
    assert b"no statement that quotes bytes" in told.out
    told = hexnote("--check", "-", stdin=sample("server-auth.txt") + b"\nThe length is 0x004a = 74 bytes.\n")
    assert told.out.startswith(b"standard input: 0 wrong, 1 right") and b"no statement" not in told.out


def test_a_narrow_screen_has_whole_words(hexnote: Any) -> None:
    """With a width, verdicts are wrapped; without one, and without a terminal, each has a line, for programs."""
    article = sample("server-auth.txt") + b"\nThe length is 0x004a = 75 bytes.\n"
    wide, narrow = hexnote("--check", "-", stdin=article).out, hexnote("--check", "--width", "40", "-", stdin=article).out
    assert max(map(len, wide.splitlines())) > 40 >= max(map(len, narrow.splitlines()))
    assert narrow.split() == wide.split()
