"""Walkthroughs: every fact of the tutorial that rests on its bytes, nothing from a trace as markup, templates."""

from __future__ import annotations

import html
import os
import re
from html.parser import HTMLParser
from typing import Any, Callable, Dict, List, Set, Tuple

import pytest
from conftest import ROOT, SAMPLES
from support import annotator, load, sample, shared_path

from hexnote.render.html import Html
from hexnote.render.markdown import Markdown, wrap
from hexnote.render.markdown import code as code_span
from hexnote.wording import Wording, WordingError, commands, marks, references

TUTORIAL = "server-auth.txt"


def document(kind: str, *inputs: Tuple[str, bytes], folder: str = "", deep: bool = False) -> str:
    """The walkthrough of some traces, each with its file's name."""
    words = Wording(folder or None)
    reader = annotator(Markdown(words, deep) if kind == "markdown" else Html(words, deep))
    for name, data in inputs:
        reader.begin(name)
        reader.feed(data)
        reader.end()
    made: bytes = reader.close()
    return made.decode("utf-8")


_made: Dict[Tuple[str, str], str] = {}


def walkthrough(kind: str, name: str = TUTORIAL) -> str:
    """That of a sample, made once."""
    if (kind, name) not in _made:
        _made[kind, name] = document(kind, (name, sample(name)))
    return _made[kind, name]


def plain(text: str) -> str:
    """The words of a walkthrough without its marks and line ends."""
    if "<!doctype" in text:
        text = re.sub(r"<(style|script)\b.*?</\1>", " ", text, flags=re.S)
        text = re.sub(r"</(p|li|h\d|summary|td|div)>", " ", re.sub(r"<br>", " ", text))
        text = html.unescape(re.sub(r"<[^>]+>", "", text))
    else:
        text = re.sub(r"\]\(https?://[^)]*\)", "", text).replace("[", "").replace("`", "").replace("\\", "")
    return " ".join(text.split())


# What the tutorial's first half says of bytes, in the order of the wire, its errors corrected. Worked out by hand.
FACTS = [
    # the opening
    "IP header of 5 × 4 = 20 bytes", "0x06 = 6, TCP", "TCP header of 10 × 4 = 40 bytes",
    "20 + 40 = 60 bytes of headers: payload begins at 0x003c", "it carries none",
    "client asks to open a connection (SYN)", "server accepts (SYN, ACK)", "The client has understood (ACK)",
    # the hello in the form of SSL 2.0; the payload begins at 0x34 (the tutorial does not say that the header is shorter now)
    "payload begins at 0x0034: 20 bytes of IP header and 32 of TCP header",
    "0x808c, 140 bytes", "0x01 = 1, client_hello", "0x0301, TLS 1.0 (3.1)", "0x0063, 99 bytes",
    "three bytes each: 33 suites", "begin with 00, 26 of them", "7 are suites of SSL 2.0 itself",
    "0x0000, 0 bytes", "0x0020, 32 bytes", "high bit",
    "fb38 cd42 50d8 4a97 5ecf 7554 9d9c 898d 1113 b314 1567 505b d7b9 273e 3e4b 257a",
    "RFC 5246 appendix E.2", "server acknowledges 142 bytes",
    # out of order
    "came too early: bytes 1419 to 1718 of the server's stream", "says once more that it still waits for the very first byte",
    "bytes 1 to 1418 of the server's stream", "the bytes of packet 6 that came too early can be read",
    "has everything now, 1718 bytes",
    # ServerHello: 70, not 69 as elsewhere in the tutorial
    "0x16 = 22, handshake", "0x004a, 74 bytes", "0x02 = 2, server_hello", "0x000046, 70 bytes",
    "0x47cb3db1 = 1204501937, if it is a clock: 2008-03-02 23:52:17 UTC", "A right time is not required",
    "3445 b5c9 f59b 06c5 3ca8 f563 538b 602d 3eb4 d6f3 cc7e 0b3b 7c3f 0863, 28 bytes",
    "0x20, 32 bytes", "2160 0f97 9736 fb60 1786 0197 d974 7cf2 34ab 413c 3cc1 fcd8 c5a0 0991 8aba c316, 32 bytes",
    "a later connection can ask to go on with it", "0x0035 = 53, TLS_RSA_WITH_AES_256_CBC_SHA",
    # "the first entry that the server also supported" is an inference: what bytes show is its place
    "The suite is the client's number 3 of 33. Whether the server went by the client's order or by its own cannot be seen",
    "0x00 = 0, null", "another record begins at once", "the server answers in that of TLS 1.0",
    # certificates
    "0x0659, 1625 bytes", "0x0b = 11, certificate", "0x000655, 1621 bytes", "0x000652, 1618 bytes",
    "0x000325, 805 bytes", "0x000327, 807 bytes", '"www.google.com"', '"Thawte SGC CA"', "2007-05-03 15:34:58 UTC",
    "2008-05-14 23:18:11 UTC", "The chain has 2 certificates",
    # a certificate is a claim; with RSA it is proved where the secret that was encrypted for it has been used
    "certificate that names www.google.com, signed by Thawte SGC CA. Anybody can send a copy of it",
    "will be proved by its Finished", "Here the server proves who it is: to have these keys, it had to get at the secret",
    "The client makes up the secret and sends it encrypted", "whoever gets it, even years later, can read all",
    "129 bytes, one more than its bits fill",
    # ServerHelloDone
    "0x0004, 4 bytes", "0x0e = 14, server_hello_done", "0x000000, 0 bytes", "it is the client's turn",
    # the client's answer
    "0x0086, 134 bytes", "0x10 = 16, client_key_exchange", "0x000082, 130 bytes", "0x0080, 128 bytes",
    # 128 bytes because the key has 1024 bits, not because of CBC
    "encrypted value has 128 bytes, as many as the key of the server's certificate (1024 bits)",
    "server acknowledges 281 bytes", "0x14 = 20, change_cipher_spec", "0x0001, 1 byte", "0x01 = 1, change_cipher_spec",
    "0x0030, 48 bytes", "By its place this is the Finished", "So far no byte of an application has passed",
    "server acknowledges 340 bytes",
    # data
    "0x17 = 23, application_data", "MAC of 20 bytes", "of these 32 bytes at most 11 are data: 32 - 20 - 1 = 11",
    "at most 27 bytes of plaintext in it (12 if padded no more than needed)",
    "at most 411 bytes of plaintext in it (396 if padded no more than needed)",
    # two of the four records are most likely empty, which the tutorial puts down to the MAC
    "most likely empty", "has overtaken 437 bytes", "says once more that it still waits for byte 1778 of the stream",
    "Only 69 bytes of these 437 bytes are in the dump", "0x01b0, 432 bytes", "368 bytes are not in the dump",
    "acknowledges 2214 bytes of the server's and the FIN behind them",
    # the end
    "0x15 = 21, alert", "as a rule close_notify", "breaks the connection off (RST)",
    "306719687 is the server's first one + 2216", "The server has closed without a word in TLS",
]


@pytest.mark.parametrize("kind", ["markdown", "html"])
def test_the_tutorials_facts(kind: str) -> None:
    text = plain(walkthrough(kind))
    missing = [fact for fact in FACTS if fact not in text]
    assert not missing


@pytest.mark.parametrize("kind", ["markdown", "html"])
def test_its_33_suites_in_order(kind: str) -> None:
    text = plain(walkthrough(kind))
    data = bytes.fromhex(
        "000039000038000035000016000013 00000a0700c0000033000032 00002f030080000066000005000004010080080080000063000062000061"
        "000015000012000009060040000065000064000060000014000011000008000006040080000003020080".replace(" ", "")
    )
    codes = [data[i : i + 3].hex() for i in range(0, 99, 3)]
    at = -1
    for number, code in enumerate(codes, 1):
        at = text.find(f"{number} of 33 0x{code}", at + 1)
        assert at > 0, f"suite {number}, {code}"


# The second trace: one record over five packets of which most bytes were left out.
EXCERPT = [
    "0x19a2, 6562 bytes", "0x000046, 70 bytes", "0x20, 32 bytes", "0x0035 = 53, TLS_RSA_WITH_AES_256_CBC_SHA",
    "0000 0143 2563 94d7 b750 c385 cc36 3112 ec86 df20 5858 5858 47d5 4036 0000 ccc7, 32 bytes",
    "0x000c14, 3092 bytes", "0x000c11, 3089 bytes", "0x000528, 1320 bytes", "0x0004a0, 1184 bytes", "0x000240, 576 bytes",
    "0x0d = 13, certificate_request", "0x000d38, 3384 bytes", "0x01, 1 byte", "0x01 = 1, rsa_sign", "0x0d34, 3380 bytes",
    "0x0061, 97 bytes", '"VeriSign, Inc."', '"Class 3 Public Primary Certification Authority"',
    "0x0e = 14, server_hello_done", "0x000000, 0 bytes", "One record holds 4 messages here", "1312 bytes are not in the dump",
    "Only 20 bytes of these 1428 bytes are in the dump",
]


@pytest.mark.parametrize("kind", ["markdown", "html"])
def test_the_second_traces_facts(kind: str) -> None:
    text = plain(walkthrough(kind, "mutual-auth-excerpt.txt"))
    assert not [fact for fact in EXCERPT if fact not in text]


@pytest.mark.parametrize("kind", ["markdown", "html"])
def test_what_was_wrong_is_not_repeated(kind: str) -> None:
    text = plain(walkthrough(kind))
    for wrong in ("69 bytes)", "31 suites", "RFC 4346", "= 69 bytes", "first entry", "knows now whom", "its part of the key",
                  "half of the key", "shows no headers", "without a gap", "or fewer", "nothing more can be said",
                  "2 on: openssl"):
        assert wrong not in text


# What proves who the server is depends on the key exchange; words of the walkthrough, and words that would be wrong there.
PROOFS = {
    "tls12-rsa.txt": (["makes up the secret and sends it encrypted", "will be proved by its Finished", "to have these keys"],
                      ["ServerKeyExchange, which it signs", "its half of the"]),
    "tls12-ecdhe.txt": (["its half of the key exchange", "proved by ServerKeyExchange, which it signs", "it signed this half"],
                        ["makes up the whole", "even years later", "by its Finished"]),
    "tls13-full.txt": (["in CertificateVerify the server proves it", "This is where encryption begins",
                        "two halves that are made for this connection"],
                       ["makes up the whole", "even years later", "which it signs"]),
    "client-certificate.txt": (["begins with its answer to that", "proves that the client has the private key as well",
                                "it signed this half", "of these 37 bytes 13 are data"], ["makes up the whole"]),
    "tls12-ticket-resumption.txt": (["its half of the key exchange"], ["even years later"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["markdown", "html"])
@pytest.mark.parametrize("name", sorted(PROOFS))
def test_where_the_server_proves_who_it_is(kind: str, name: str) -> None:
    text = plain(walkthrough(kind, name))
    right, wrong = PROOFS[name]
    assert not [words for words in right if words not in text] and not [words for words in wrong if words in text]


@pytest.mark.parametrize("name", [TUTORIAL, "tls12-ecdhe.txt", "tls13-full.txt", "client-certificate.txt"])
def test_carets_end_where_fields_end_and_every_number_stands_under_a_row(name: str) -> None:
    for block, listed in re.findall(r"```text\n(.*?)\n```\n\n(-.*?)(?=\n\n\S|\Z)", walkthrough("markdown", name), re.S):
        under = [int(n) for line in block.split("\n") if re.match(r"[ \d]+\Z", line) for n in line.split()]
        numbers = [int(n) for n in re.findall(r"^ *- (\d+): ", listed, re.M)]
        assert numbers == list(range(1, len(numbers) + 1)) and set(under) == set(numbers)
    text = walkthrough("markdown")
    # type, version, length of a record, then the first field of what is in it (RFC 5246 section 6.2.1)
    assert "1603 0100 4a02 0000 4603 0147      ....J...F..G\n" + " " * 19 + "^ ^^^^ ^^^^ ^^ ^^^^^^ ^^^^ ^^" in text


@pytest.mark.parametrize("kind", ["markdown", "html"])
def test_what_a_log_shows_decrypted_is_told_as_that(kind: str) -> None:
    """openssl s_client -msg: the messages of an encrypted flight are steps of the handshake, not another protocol's bytes."""
    text = walkthrough(kind, "openssl-msg.txt")
    assert "no record" not in text and "another protocol" not in text and "came too early" not in text
    for name in ("EncryptedExtensions", "Certificate", "CertificateVerify", "NewSessionTicket", "Alert: close_notify (warning)"):
        assert f"{name}, as the log shows it decrypted".replace("_", "\\_" if kind == "markdown" else "_") in text, name
    assert "supported_versions" in text and "mail.example.net" in text  # the fields of the hello, and of the certificate


@pytest.mark.parametrize("kind", ["markdown", "html"])
def test_a_command_is_one_piece_of_code(kind: str) -> None:
    command = "openssl s_client -connect 64.233.169.99:443 -tls1_2"
    # A page does not break an option behind its hyphen.
    kept = re.sub(r"(?<= )(-\S+)", r'<span class="option">\1</span>', command)
    assert (f"`{command}`" if kind == "markdown" else f"<code>{kept}</code>") in walkthrough(kind).replace("\n> ", " ")
    for label in ("certificate_list length", "certificate_list[0] length", "certificate_list[1] length"):
        assert walkthrough(kind).count(f"`{label}`" if kind == "markdown" else f">{label}<") == 1
    assert commands("a openssl s_client -reconnect against one; b.") == [
        ("a ", False), ("openssl s_client -reconnect", True), (" against one; b.", False)]  # fmt: skip
    both = "openssl verify -untrusted CHAIN.pem LEAF.pem checks it; nmap --script ssl-enum-ciphers."
    assert [c for c, found in commands(both) if found] == [
        "openssl verify -untrusted CHAIN.pem LEAF.pem", "nmap --script ssl-enum-ciphers"]


def test_a_shared_key_is_the_proof_where_there_is_no_certificate() -> None:
    name = "tls12_psk_aes128gcm_openssl.X.txt"
    text = plain(document("markdown", (name, load(shared_path("corpus", name)))))
    assert "Here the server proves who it is, without any certificate" in text and "Anybody can send a copy" not in text


def test_before_the_steps_stand_the_verdict_and_what_limits_the_reading() -> None:
    text = walkthrough("markdown")
    before = text[: text.index("### Step 1")]
    assert before.count("\n> **") == 1 and "### What to know beforehand\n\n> **Warning, snapped.**" in before
    found = text[text.index("### Step 6") : text.index("### Step 7")]
    assert found.count("(32, 48, 32,") == 1 and "**Note, record-splitting.** Or the first byte" in found
    assert "> **Note, reset-after-close.**" in text[text.index("### Step 8") : text.index("### What else was found")]
    assert re.findall(r"\n> \*\*(.*)\.\*\*", text[text.index("### What else was found") :]) == ["Note, full-handshake"]
    page = walkthrough("html")
    assert page.index("What to know beforehand") < page.index("Warning: snapped") < page.index("The steps")
    whole = document("markdown", ("tls12-ecdhe.txt", sample("tls12-ecdhe.txt")))
    assert "What to know beforehand" not in whole
    assert "In this step: Alert (encrypted), FIN, RST × 2." in text and "In this step: FIN, application data." in text


def test_each_step_says_why_before_what() -> None:
    text = walkthrough("markdown")
    steps = re.split(r"^### Step \d+: ", text, flags=re.M)[1:]
    assert len(steps) == 8
    for step in steps:
        why = step.split("\n\n")[1]
        assert not why.startswith(("**", "In this step", "#", "`")) and len(why) > 60


@pytest.mark.parametrize("name", sorted(n for n in os.listdir(SAMPLES) if n.endswith(".txt")))
def test_every_byte_of_a_record_has_an_explanation(name: str) -> None:
    """In the rows of a record no byte of it is without a field (where rows are folded or left out, none stands)."""
    from support import collected

    from hexnote.tale import SectionPart, Story
    from hexnote.tale_rows import Fold, Line

    story = Story(collected(sample(name)), Wording())
    seen = 0
    for tale in story.tales:
        numbers = []
        for step in tale.steps:
            for part in step.parts:
                if not isinstance(part, SectionPart):
                    continue
                for row in part.rows:
                    for line in (row,) if isinstance(row, Line) else row.lines if isinstance(row, Fold) else ():
                        for run in line.runs:
                            if run.inside:
                                assert run.entry is not None, (part.title, hex(line.offset), run)
                                seen += run.end - run.start
                numbers.append(part.section.offset)
        assert numbers or not tale.connection.packets
    assert seen > 40 or not story.report.packets


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: List[str] = []
        self.ids: List[str] = []
        self.links: List[str] = []
        self.attributes: Set[Tuple[str, str]] = set()
        self.stack: List[str] = []
        self.wrong: List[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "br", "line", "path", "rect"):
            self.stack.append(tag)
        for name, value in attrs:
            self.attributes.add((tag, name))
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.handle_starttag(tag, attrs)
        if self.stack and self.stack[-1] == tag:
            self.stack.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("name", ["server-auth.txt", "tls12-ticket-resumption.txt", "mutual-auth-excerpt.txt", "tls13-full.txt"])
def test_a_page_holds_together(name: str) -> None:
    page = Page(walkthrough("html", name))
    assert not page.wrong and not page.stack
    assert len(page.ids) == len(set(page.ids))
    inner = {link[1:] for link in page.links if link.startswith("#")}
    assert inner <= set(page.ids)
    assert all(link.startswith(("#", "https://www.rfc-editor.org/rfc/rfc")) for link in page.links)
    # Nothing that loads anything, and no handler in an attribute.
    assert not set(page.tags) & {"img", "link", "iframe", "object", "embed", "base", "form", "audio", "video"}
    assert not [a for a in page.attributes if a[1].startswith("on") or a[1] in ("src", "srcset", "style", "action")]
    assert "c0.server.r1.server_hello.cipher_suite" in page.ids or name == "tls13-full.txt"


def test_the_policy_allows_the_pages_own_script_and_style_alone() -> None:
    import base64
    import hashlib

    text = walkthrough("html")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    for tag in ("style", "script"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in html.unescape(policy.group(1))
    assert policy.group(1).startswith("default-src 'none'")


# ---------------------------------------------------------------- what comes from a trace


EVIL = [
    b"<script>alert(1)</script>", b"</style><img src=x onerror=alert(1)>", b"\"' onmouseover=\"alert(1)", b"&lt;&#60;&amp;",
    b"`code` **bold** [link](javascript:alert(1)) ![i](http://evil.example/x.png)", b"| a | b |\n# heading\n- item\n```\n",
    "\u202egnp.exe\u2066 \u200f".encode(), b"\x1b[2J\x1b]0;owned\x07\x9b31m", b"<!-- --> ]]> {{x}} $title ${script} %s {0}",
    b"www.evil.example http://evil.example me@evil.example", b"A" * 5000, "\u4e2d\u6587 \u00fc".encode(),
    b"\xff\xfe\xc0\x80", b"  \t ",
]


def tlv(tag: int, *parts: bytes) -> bytes:
    """DER."""
    body = b"".join(parts)
    size = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
    return bytes([tag]) + size + body


def certificate(name: bytes) -> bytes:
    """An X.509 certificate whose names are `name`."""
    names = tlv(48, tlv(49, tlv(48, tlv(6, b"\x55\x04\x03"), tlv(12, name))))
    algorithm = tlv(48, tlv(6, bytes.fromhex("2a864886f70d01010b")), tlv(5))
    dates = tlv(48, tlv(23, b"200101000000Z"), tlv(23, b"300101000000Z"))
    number = tlv(48, tlv(2, b"\7" * 64), tlv(2, b"\3"))
    key = tlv(48, tlv(48, tlv(6, bytes.fromhex("2a864886f70d010101")), tlv(5)), tlv(3, b"\0", number))
    alternative = tlv(48, tlv(6, b"\x55\x1d\x11"), tlv(4, tlv(48, tlv(0x82, name), tlv(0x86, b"http://" + name))))
    tbs = tlv(48, tlv(0xA0, tlv(2, b"\2")), tlv(2, b"\1"), algorithm, names, dates, names, key, tlv(0xA3, tlv(48, alternative)))
    return tlv(48, tbs, algorithm, tlv(3, b"\0" + b"\5" * 64))


def hostile(name: bytes) -> bytes:
    """A dump without headers of a hello for that name, and of a certificate that holds it."""
    def vector(data: bytes, width: int) -> bytes:
        return len(data).to_bytes(width, "big") + data

    def record(kind: int, data: bytes) -> bytes:
        return b"\x16\x03\x01" + vector(bytes([kind]) + vector(data, 3), 2)

    host = name[:200]
    sni = b"\0\0" + vector(vector(b"\0" + vector(host, 2), 2), 2) + b"\0\x10" + vector(vector(vector(host[:200], 1), 2), 2)
    hello = b"\x03\x03" + bytes(32) + b"\0" + vector(b"\x13\x01\x00\x2f", 2) + b"\x01\0" + vector(sni, 2)
    answer = b"\x03\x03" + bytes(32) + b"\0" + b"\x00\x2f\0"
    chain = vector(vector(certificate(name), 3), 3)
    data = record(1, hello), record(2, answer) + record(11, chain)
    out = [b"IP " + name.replace(b"\n", b" ")[:300] + b" > me: x\n"]
    for side in data:
        for at in range(0, len(side), 16):
            row = side[at : at + 16]
            digits = " ".join(row.hex()[i : i + 4] for i in range(0, 2 * len(row), 4))
            out.append(f"\t0x{at:04x}:  {digits}\n".encode())
        out.append(b"\n")
    return b"".join(out)


@pytest.mark.parametrize("name", EVIL, ids=[repr(name[:12]) for name in EVIL])
def test_nothing_from_a_trace_is_markup_or_control(name: bytes) -> None:
    text = document("html", ("<b>.txt", hostile(name)))
    page = Page(text)
    assert not page.wrong and not page.stack
    assert page.tags.count("script") == 1 and page.tags.count("style") == 1 and "img" not in page.tags
    assert not [a for a in page.attributes if a[1].startswith("on")]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe]", text)
    assert all(link.startswith(("#", "https://www.rfc-editor.org/rfc/rfc")) for link in page.links)
    assert "A" * 1000 not in text
    made = document("markdown", ("<b>.txt", hostile(name)))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe]", made)
    outside = re.sub(r"```.*?```", "", made, flags=re.S)
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", outside, flags=re.S)
    outside = re.sub(r"\\.", "", outside)  # what is escaped is text
    for sign in ("<script", "<img", "](javascript", "![", "**bold", "http://evil", "www.evil", "me@evil", "<!--"):
        assert sign not in outside, sign
    assert not re.search(r"^# heading|^\| a", outside, re.M)


@pytest.mark.parametrize("word", [
    "<script>alert(1)</script>", "<!--", "<img", ">", "#", "-", "+", "***", "===", "---", "1.", "2)", "```", "~~~", "|", ":-:",
    "[^1]:",
])  # fmt: skip
def test_no_line_of_a_code_span_begins_a_block(word: str) -> None:
    """CommonMark section 3.1: blocks are found first, so that a span of code that is wrapped would end before one."""
    for before in range(1, 90):
        for behind in (1, 79):
            text = wrap(code_span(f"{'x' * before} {word} {'y' * behind}"), "  ", "- ")
            assert text.replace("\n ", "").count(f" {word} ") == 1
            assert not [line for line in text.split("\n")[1:] if line.lstrip(" ").startswith(word)], text


# ---------------------------------------------------------------- templates


def write(folder: Any, name: str, text: str) -> None:
    path = os.path.join(str(folder), *name.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def test_a_teachers_words_and_order(tmp_path: Any) -> None:
    write(tmp_path, "words.txt", "# mine\n[title]\nEine Verbindung\n\n[step.open.why]\nErst *TCP*, nicht.\n")
    write(tmp_path, "markdown/step.md", "### $title\n\n$parts\n\n$why\n")
    text = document("markdown", ("x.txt", sample(TUTORIAL)), folder=str(tmp_path))
    assert text.startswith("# Eine Verbindung\n")
    step = text[text.index("### Step 1") : text.index("### Step 2")]
    assert step.index("Packet 1") < step.index("Erst *TCP*, nicht.")
    assert "In this step" not in text and "The client says what it can do" in text


@pytest.mark.parametrize(
    "file, text, told",
    [
        ("words.txt", "[titel]\nx\n", "words.txt:1: no sentence is called [titel] (did you mean [title]?)"),
        ("words.txt", "[title]\n\n[lead]\n$fiel\n", "[lead]: $fiel is not known here (known: $file"),
        ("words.txt", "hello\n", "words.txt:1: words stand before the first [name]"),
        ("words.txt", "[lead]\n5 $ a piece\n", "a dollar sign that begins no name"),
        ("markdown/step.md", "$tite\n", "$tite is not known here"),
    ],
)
def test_mistakes_in_templates_are_one_line(tmp_path: Any, hexnote: Callable[..., Any], file: str, text: str, told: str) -> None:
    write(tmp_path, file, text)
    run = hexnote("--to", "markdown", "--template", str(tmp_path), os.path.join(SAMPLES, TUTORIAL))
    assert run.status == 2 and told in run.err.decode() and run.err.count(b"\n") == 1


def test_no_such_folder(hexnote: Callable[..., Any]) -> None:
    run = hexnote("--to", "html", "--template", "/nowhere", os.path.join(SAMPLES, TUTORIAL))
    assert run.status == 2 and run.err == b"hexnote: --template /nowhere: no such folder\n"


def test_every_sentence_is_said_somewhere() -> None:
    """No sentence of words.txt is left that nothing says (names may be put together: the beginning counts)."""
    source = ""
    for folder in ("", "render"):
        for name in os.listdir(os.path.join(ROOT, "hexnote", folder)):
            if name.endswith(".py"):
                with open(os.path.join(ROOT, "hexnote", folder, name), encoding="utf-8") as file:
                    source += file.read()
    made = ("step.", "message.", "unit.", "ui.kind.", "finding.", "fact.session.", "fact.claim.")
    for name in Wording().words:
        assert any(f"{quote}{name}{quote}" in source for quote in ('"', "'")) or name.startswith(made), name


@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_how_sure_what_happened_is(kind: str) -> None:
    """Where that is surer than who must act, the walkthrough says so too."""
    told = plain(walkthrough(kind, "client-certificate-empty.txt")).replace("> ", "")
    assert "How sure: likely. What happened is proven." in told


def test_marks_and_references() -> None:
    assert marks("a `b $c` *d* $e $$") == [
        ("text", "a "), ("code", "b $c"), ("text", " "), ("em", "d"), ("text", " "), ("place", "e"), ("text", " "), ("text", "$"),
    ]  # fmt: skip
    assert references("see RFC 5246 appendix E.2, RFC 8446 section 4.1.3 and RFC 7301.") == [
        ("see ", ""), ("RFC 5246 appendix E.2", "https://www.rfc-editor.org/rfc/rfc5246#appendix-E.2"), (", ", ""),
        ("RFC 8446 section 4.1.3", "https://www.rfc-editor.org/rfc/rfc8446#section-4.1.3"), (" and ", ""),
        ("RFC 7301", "https://www.rfc-editor.org/rfc/rfc7301"), (".", ""),
    ]  # fmt: skip
    with pytest.raises(WordingError):
        Wording("/nowhere")


# ---------------------------------------------------------------- traces of all kinds


def test_several_traces_in_one_document(hexnote: Callable[..., Any], tmp_path: Any) -> None:
    target = str(tmp_path / "x.html")
    names = [os.path.join(SAMPLES, name) for name in (TUTORIAL, "tls13-full.txt", "no-such.txt")]
    run = hexnote("-o", target, *names)
    assert run.status == 2 and b"no-such.txt" in run.err
    text = load(target).decode()
    page = Page(text)
    assert not page.wrong and len(page.ids) == len(set(page.ids))
    assert {"c0", "t2.c0"} <= set(page.ids) and text.count("<h1>") == 1
    assert hexnote("-o", str(tmp_path / "x.md"), *names[:2]).status == 0
    headings = re.findall(r"^#+ .*", load(str(tmp_path / "x.md")).decode(), re.M)
    assert len(headings) == len(set(headings)) and headings[0] == "# TLS connections, byte by byte"


def test_nothing_to_tell(hexnote: Callable[..., Any]) -> None:
    run = hexnote("--to", "html", stdin=b"no dump at all\n")
    assert run.status == 0 and b"no TCP connection and no TLS was found" in run.out
    assert not Page(run.out.decode()).wrong


@pytest.mark.parametrize("name", [
    "connect_proxy_python.X.txt", "craft_garbage.X.txt", "craft_unknown_types.X.txt", "craft_bad_length.X.txt",
    "mtls12_fullchain_openssl.X.txt", "alert_unrecognized_name_warning_openssl.X.txt",
])  # fmt: skip
def test_captures_of_all_kinds(name: str) -> None:
    data = load(shared_path("corpus", name))
    page = Page(document("html", (name, data)))
    assert not page.wrong and len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    text = document("markdown", (name, data))
    assert text.count("```") % 2 == 0 and "\n\n\n" not in text


def test_any_cut_of_a_trace_is_told() -> None:
    data = sample("client-certificate.txt")
    for at in range(0, len(data), len(data) // 23):
        assert not Page(document("html", ("x", data[:at]))).wrong
        assert document("markdown", ("x", data[at:])).endswith("\n")


def test_every_node_with_depth_full() -> None:
    data = sample(TUTORIAL)
    some, every = document("html", ("x", data)), document("html", ("x", data), deep=True)
    assert every.count("data-n=") > some.count("data-n=") + 100
    assert not Page(every).wrong


def test_what_keys_open_is_shown_as_rows_of_its_own(hexnote: Callable[..., Any]) -> None:
    pytest.importorskip("cryptography")
    trace, keys = (shared_path("corpus", f"tls13_full_openssl.{ending}") for ending in ("X.txt", "keylog"))
    run = hexnote("--to", "markdown", "--keylog", keys, trace)
    text = run.out.decode()
    record = text[text.index("record 3: EncryptedExtensions, decrypted") : text.index("record 4: Certificate, decrypted")]
    # 08 encrypted_extensions, 000002 its length, 0000 no extensions, 16 the content type (RFC 8446 sections 4.3.1, 5.2)
    assert "0x0000:  0800 0002 0000 16" in record and "`0x08` = 8, `encrypted_extensions`" in record
    flat = plain(text)
    assert "certificate that names www.harbour.example, signed by Harbour Issuing CA 1" in flat
    assert "proved by CertificateVerify, which it signs" in flat and "with it the server has proved who it is" in flat
    assert "What an application sends" in flat and "The type proves nothing" not in flat and "How much is in it" not in flat
    assert '"www.harbour.example"' in text and "handshake messages (encrypted)" not in text
    assert not Page(hexnote("--to", "html", "--keylog", keys, trace).out.decode()).wrong
