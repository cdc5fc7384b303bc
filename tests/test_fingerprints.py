"""JA3 and JA3S as tshark has them, JA4 as its authors' examples have it."""

from __future__ import annotations

import gzip
import re
from typing import List, Tuple

import pytest
from handshakes import client_hello, extension, message, vector
from support import load, objects, of, shared_path

from hexnote.fingerprints import fingerprints
from hexnote.model import Context, Form, grease
from hexnote.pipeline import Annotator
from hexnote.quick import QUICK
from hexnote.render.json import Json

CAPTURES = [
    "tls13_boring_chrome_go", "tls12_manyext_openssl", "sslv2hello_tls12_jsse_openssl", "craft_noext_tls10", "tls13_hrr_openssl",
    "tls12_ticket_resume_openssl", "tls13_mlkem_node24", "rec_bytewise_relay_openssl", "tls12_coalesced_nss",
    "starttls_imap_openssl",
]  # fmt: skip


@pytest.mark.parametrize("name", CAPTURES)
def test_as_tshark_has_them(name: str) -> None:
    pdml = gzip.decompress(load(shared_path("corpus", f"{name}.pdml.gz"))).decode()
    told: List[Tuple[str, str]] = re.findall(r'name="tls\.handshake\.(ja3s?(?:_full)?)"[^>]* show="([^"]*)"', pdml)
    found = of(objects(load(shared_path("corpus", f"{name}.X.txt"))), "fingerprint")
    made = [(key, o[key]) for o in found for key in ("ja3_full", "ja3", "ja3s_full", "ja3s") if key in o]
    assert sorted(made) == sorted(told) and made
    for o in found:
        assert sum(end - start for _, start, end in o["at"]) == o["length"]


def hello(suites: str, kinds: str, schemes: str = "", alpn: bytes = b"h2", versions: str = "0304") -> bytes:
    """A ClientHello with these suites and extensions, in hex, of which some have a body."""
    bodies = {
        "0000": vector(2, b"\0" + vector(2, b"a.example")), "0010": vector(2, vector(1, alpn)),
        "000d": vector(2, bytes.fromhex(schemes.replace(",", ""))), "002b": vector(1, bytes.fromhex(versions)),
    }  # fmt: skip
    made = b"".join(extension(int(kind, 16), bodies.get(kind, b"")) for kind in kinds.split(",") if kind)
    fixed = b"\3\3" + bytes(32) + vector(1, b"") + vector(2, bytes.fromhex(suites.replace(",", ""))) + vector(1, b"\0")
    return message(1, fixed + vector(2, made))


# The example of FoxIO's page, with values of GREASE added.
SUITES = "2a2a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"
KINDS = "5a5a,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015"
SCHEMES = "0403,0804,0401,0503,0805,0501,0806,0601"


def ja4(buf: bytes) -> str:
    return next(value for name, value, _ in fingerprints(buf) if name == "ja4")


def test_ja4_of_its_authors() -> None:
    assert ja4(hello(SUITES, KINDS, SCHEMES, versions="3a3a03040303")) == "t13d1516h2_8daaf6152771_e5627efa2ab1"


def test_ja4_without_schemes_or_anything() -> None:
    kinds = ",".join(kind for kind in KINDS.split(",") if kind not in ("000d",))
    # Without the extension its number is gone too, so the published hash, which keeps it, is made with an empty list.
    assert ja4(hello(SUITES, KINDS)).endswith("_6d807ffa2a79")
    assert ja4(hello(SUITES, kinds)).startswith("t13d1515h2_8daaf6152771_")
    assert ja4(hello("", "0000,0010")) == "t12d0002h2_000000000000_000000000000"
    assert ja4(hello("", "")) == "t12i000000_000000000000_000000000000"


@pytest.mark.parametrize("alpn, ends", [
    (b"h2", "h2"), (b"http/1.1", "h1"), (b"a", "aa"), (b"", "00"), (b"\xab", "ab"), (b"\xab\xcd", "ad"), (b"\x30\xab", "3b"),
    (b"\x30\x31\xab\xcd", "3d"), (b"\x30\xab\xcd\x31", "01"),
])  # fmt: skip
def test_ja4_alpn(alpn: bytes, ends: str) -> None:
    assert ja4(hello("1301", "0010", alpn=alpn))[8:10] == ends


@pytest.mark.skipif(not QUICK, reason="HEXNOTE_SLOW=1: no form is kept")
def test_hellos_of_one_form_have_their_own() -> None:
    """What is free in a hello is in its fingerprint all the same where it is told there: JA4 has letters of the first protocol."""
    messages = Annotator(Json()).rooms.messages
    met = set()
    for alpn in (b"h2", b"h2", b"h3", b"x3", b"h2", b"x3"):
        buf = hello(SUITES, "0000,0010,000d,002b", SCHEMES, alpn)
        form = messages.message(buf, len(buf), Context(), 1, "client_hello")
        assert isinstance(form, Form)
        met.add(id(form))
        assert fingerprints(buf, form) == fingerprints(buf)
    assert len(met) == 1, "they are not of one form: this test would not fail"


def test_which_values_are_reserved() -> None:
    """RFC 8701 section 2: sixteen of them, whose two bytes are the same."""
    assert [value for value in range(1 << 16) if grease(value)] == [0x0A0A + 0x1010 * n for n in range(16)]


def test_none_of_what_is_no_hello() -> None:
    whole = client_hello()
    assert len(fingerprints(whole)) == 2
    assert fingerprints(b"") == fingerprints(message(11, b"abc")) == []
    for cut in range(len(whole)):
        assert fingerprints(whole[:cut]) == []
