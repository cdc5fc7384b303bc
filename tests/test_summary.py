"""The summary: where a message begins and ends, whose certificates it holds and who issued them."""

from __future__ import annotations

import re

import pytest
from handshakes import CLIENT, SERVER, client_hello, dump, message, record, vector
from hostile import carried
from support import annotator, sample
from talks import CKE, DONE, SKE, Talk, cert, chain, full, hello, hs, server

from hexnote.render.summary import Summary, span


def told(text: bytes, width: int = 140) -> str:
    reader = annotator(Summary(width))
    made: bytes = reader.feed(text) + reader.close()
    return made.decode()


@pytest.mark.parametrize(("first", "last", "said"), [
    (5, 5, "5"), (5, 7, "5-7"), (98, 102, "98-102"), (999, 1001, "999-1001"), (1234, 1241, "1234-41"), (12345, 12346, "12345-6"),
])  # fmt: skip
def test_span(first: int, last: int, said: str) -> None:
    assert span(first, last) == said


def test_packets_in_which_a_message_begins_and_ends() -> None:
    text = told(sample("tls12-ecdhe.txt"))
    assert re.search(r"^    6-8 .*\| certificate, 1951 bytes", text, re.M)
    assert re.search(r"^      8 .*\| server_key_exchange", text, re.M)
    data = told(sample("server-auth.txt"))
    assert re.search(r"^  15-17  application_data x 4", data, re.M)


def test_a_chain_is_told_with_places_and_issuers() -> None:
    sent = chain(cert("www.example.com", "Inner CA", "www.example.com"), cert("Inner CA", "Root CA"), cert("Root CA", "Root CA"))
    text = told(full(certificates=sent).text(), 200)
    assert text.count("issued by itself") == 1
    line = " ".join(part.strip() for part in re.findall(r"\| (.*)", text[text.index("certificate, ") - 3 :])[:3])
    assert '1 of 3 "www.example.com", issued by "Inner CA"; 2 of 3 "Inner CA", issued by "Root CA"' in line


@pytest.mark.parametrize("width", [40, 60, 79, 80, 100, 140])
def test_what_a_terminal_has_room_for(width: int) -> None:
    """Lines are as wide as the terminal at most, also where the two ends have no room beside each other; a fingerprint
    stands whole where a line has the room, a suite is cut before an underscore."""
    text = told(sample("client-certificate-empty.txt"), width)
    lines = text.split("\n")
    assert max(map(len, lines)) <= width
    assert ("| server" in lines[1]) == (width >= 80)
    assert re.search(r"TLS_ECDHE_RSA(_[\n |]*_|_)WITH(\n[ |]*)?_AES_256_GCM(\n[ |]*)?_SHA384", text.partition(" verdict ")[0])
    if width > 40:
        assert "871a754af286dfb70c1b53c6887c62e0" in text and "ec74a5c51106f0419184d0dd08fb05bc" in text
    told_in_full = re.sub(r"[\s|]", "", text.partition("client_hello, ")[2])
    assert told_in_full.startswith("211bytes:offersTLS1.2,28ciphersuites,forwww.harbour.example")


def test_a_client_without_certificate() -> None:
    talk = Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server(), chain(cert("a", "b")), SKE, DONE))
    assert "certificate, 7 bytes: an empty list" in told(talk.say(CLIENT, hs(message(11, vector(3, b"")), CKE)).text())


def test_what_hellos_offer_and_choose() -> None:
    """Versions come from supported_versions, where it is; a list of NPN is no choice of ALPN, though its field has that name."""
    newest = hello((0x1301,), {43: vector(1, bytes.fromhex("0a0a03047f1c0303"))})
    text = told(Talk().say(CLIENT, hs(newest)).text())
    assert "offers TLS 1.3 or 0x7f1c or TLS 1.2, 1 cipher suite" in re.sub(r"\s+(?:\|\s+)?", " ", text)
    listed = {16: vector(2, vector(1, b"h2")), 13172: vector(1, b"http/1.1")}
    text = told(Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server(extensions=listed))).text(), 240)
    assert "offers TLS 1.2, 3 cipher suites" in text and ", ALPN h2, NPN http/1.1" in text


@pytest.mark.parametrize("have", [60, 200])
def test_what_a_hello_that_is_not_all_there_may_offer(have: int) -> None:
    """TLS 1.2 is the newest version that stands in its own field; supported_versions may be among what was not captured."""
    whole = client_hello()
    text = told(Talk().say(CLIENT, record(22, whole)[:have]).text())
    missing = have < len(whole) + 5
    assert ("offers TLS 1.2 or newer" in text) == missing, text


def test_names_cannot_harm_a_terminal() -> None:
    """A server's name and a protocol's are printed with their control characters written out, whatever shows the summary."""
    name = b"a\x1b[2J\x07\r\nb\x7f\xc2\x9b\xe2\x80\xae"
    hello = client_hello(name).replace(b"http/1.1", b"\x1b]0;no\x07c")
    text = told(dump(list(carried(record(22, hello)))))
    assert text.replace("\n", "").isprintable() and "\\x1b[2J" in text


def test_a_packet_whose_rows_stand_apart_opens_its_connection_once() -> None:
    text = told(sample("server-auth.txt").replace(b"\n", b"\n\n"))
    assert [len(re.findall(word, text)) for word in (" SYN  ", " SYN ACK\n", " FIN *\\|", "\\| FIN")] == [1, 1, 1, 1]
