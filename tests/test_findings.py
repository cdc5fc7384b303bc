"""The diagnoses against captures of which it is known what they must and must not give, and against the pages."""

from __future__ import annotations

import csv
import datetime
import functools
import os
import re
from typing import Any, Callable, Dict, Iterator, List, Set, Tuple

import pytest
from conftest import SAMPLES, SHARED, Printed
from handshakes import Wire, checksum, der, dump, message, record, vector
from support import Object, annotate, load, objects, of, sample, shared_path
from talks import (
    ALERT,
    CCS,
    CKE,
    CLIENT,
    CV,
    DATA,
    DONE,
    HANDSHAKE,
    S13,
    SERVER,
    SKE,
    SNI,
    V13,
    Talk,
    alert,
    ccs,
    cert,
    chain,
    full,
    hello,
    hs,
    numbers,
    request,
    resumed,
    sealed,
    server,
)

from hexnote.diagnosis import PARTS, pages
from hexnote.model import plural
from hexnote.options import moment

RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
TABLES = ("findings.tsv", os.path.join("extra", "findings.tsv"))


def rows() -> Iterator[Dict[str, str]]:
    """Every row of the two tables, with the capture's path in `path`."""
    for table in TABLES:
        path = os.path.join(SHARED, "corpus", table)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield {**row, "path": os.path.join("corpus", os.path.dirname(table), row["capture"] + ".X.txt")}


def codes(cell: str) -> Set[str]:
    return {code for code in cell.split(",") if code}


@functools.lru_cache(maxsize=4)
def found(path: str) -> List[Object]:
    """The findings on a capture."""
    return of(objects(load(shared_path(*path.split(os.sep)))), "finding")


def by_name(value: Any) -> str:
    return value["capture"] if isinstance(value, dict) else ""


@pytest.mark.parametrize("row", list(rows()), ids=by_name)
def test_corpus(row: Dict[str, str]) -> None:
    """What each capture must give, must not give, and that nothing is wrong with those in good order."""
    told = found(row["path"])
    have = {f["code"] for f in told}
    assert not codes(row["must"]) - have, "missing"
    assert not codes(row["must_not"]) & have, [f["text"] for f in told if f["code"] in codes(row["must_not"])]
    if row["clean"] == "yes":
        assert not [f"{f['code']}: {f['text']}" for f in told if f["severity"] != "note"], "a false alarm"


# ------------------------------------------------------------------ pages


def test_every_code_has_its_page() -> None:
    """The list of codes is closed by the pages: each is there with all its parts, and those raised bear its severity."""
    known = pages()
    for page in known.values():
        assert [head for head, _ in page.parts] == list(PARTS), page.code
        assert all(text.strip() for _, text in page.parts), page.code
    for row in rows():
        assert codes(row["must"]) | codes(row["must_not"]) <= set(known), row["capture"]
        for finding in found(row["path"]):
            assert known[finding["code"]].severity in (finding["severity"], "error") or finding["code"] == "gap", finding


def test_samples_named_by_pages_show_their_codes() -> None:
    shown: Dict[str, Set[str]] = {}
    for page in pages().values():
        name = dict(page.parts)["sample"]
        if os.path.exists(os.path.join(SAMPLES, name + ".txt")):
            if name not in shown:
                shown[name] = {f["code"] for f in of(objects(sample(name + ".txt")), "finding")}
            assert page.code in shown[name] or page.code == "certificate-chain", (page.code, name)
        else:
            assert name.startswith(("tests/", "corpus ")), (page.code, name)


def test_explain(hexnote: Callable[..., Printed]) -> None:
    listed = hexnote("--explain", "list")
    assert listed.status == 0 and all(code.encode() in listed.out for code in pages())
    page = hexnote("--explain", "fatal-alert")
    assert page.status == 0 and b"RFC 5246 section 7.2.2" in page.out and b"What to try" in page.out
    for code in ("fatal-alrt", "FATAL-ALERT"):
        wrong = hexnote("--explain", code)
        assert wrong.status == 2 and b"did you mean fatal-alert?" in wrong.err and wrong.err.count(b"\n") == 1
    assert b"Sample" not in hexnote("--explain", "gap").out and b"samples/ssl3.txt" in hexnote("--explain", "obsolete-version").out


@pytest.mark.parametrize("width", [40, 60, 80])
def test_explain_fits_a_terminal(hexnote: Callable[..., Printed], width: int) -> None:
    """Also one that has no room for sentences beside the codes."""
    listed = hexnote("--explain", "list", "--width", str(width)).out.decode()
    assert max(map(len, listed.split("\n"))) <= width and len(listed.split("\n")) < 400
    assert max(map(len, hexnote("--explain", "gap", "--width", str(width)).out.decode().split("\n"))) <= width


@pytest.mark.parametrize("text, seconds", [
    ("2026-10-25", 1792886400), ("2026-10-25T12:30Z", 1792931400), ("2026-10-25T12:30:00+02:00", 1792924200),
    ("20261025T123000Z", 1792931400), ("2026-10-25 12:30:00.5", 1792931400),
])  # fmt: skip
def test_at_reads_iso_8601(text: str, seconds: int) -> None:
    assert moment(text) == seconds


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-02-30", "2026-10-25T25:00", ""])
def test_at_refuses_what_is_no_date(text: str, hexnote: Callable[..., Printed]) -> None:
    done = hexnote("--at", text, stdin=b"")
    assert done.status == 2 and done.err.count(b"\n") == 1


def test_at_is_the_date_where_the_trace_has_none(hexnote: Callable[..., Printed]) -> None:
    assert b"certificate-expired" not in hexnote("--diagnose", os.path.join(SAMPLES, "tls12-ecdhe.txt")).out
    then = hexnote("--diagnose", "--at", "2099-01-01", os.path.join(SAMPLES, "tls12-ecdhe.txt"))
    assert then.status == 1 and b"certificate-expired" in then.out


def test_diagnose_says_with_its_status_that_an_error_stands(hexnote: Callable[..., Printed]) -> None:
    bad, good = os.path.join(SAMPLES, "alert-unknown-ca.txt"), os.path.join(SAMPLES, "tls12-ecdhe.txt")
    assert hexnote("--diagnose", bad).status == 1
    assert hexnote("--diagnose", good).status == 0
    assert hexnote("--diagnose", bad, good).status == 1
    assert hexnote("--summary", bad).status == 0


# ------------------------------------------------------------------ each code, and a near miss of it


def chained(*certificates: bytes, **more: Any) -> Set[str]:
    return full(certificates=chain(*certificates), **more).fin(0, 1).codes()


LEAF = ("www.example.com", "Inner CA", "www.example.com")


def test_a_clean_handshake_gives_notes_alone() -> None:
    talk = full(hello(extensions=SNI)).say(CLIENT, sealed(DATA, 60)).say(SERVER, sealed(DATA, 80))
    told = talk.say(CLIENT, sealed(ALERT, 26)).say(SERVER, sealed(ALERT, 26)).fin(0, 1).findings()
    assert not [f for f in told if f["severity"] != "note"], told
    assert {"full-handshake", "client-certificate-not-requested", "encrypted-alert"} <= {f["code"] for f in told}


def test_chains() -> None:
    leaf, inner, root = cert(*LEAF), cert("Inner CA", "Root CA"), cert("Root CA", "Root CA")
    assert not {c for c in chained(leaf, inner) if c.startswith(("chain-", "self-"))}
    assert "chain-incomplete" in chained(leaf)
    assert "chain-out-of-order" in chained(leaf, root, inner)
    assert "chain-out-of-order" not in chained(leaf, inner, root)
    assert "chain-has-root" in chained(leaf, inner, root)
    twice = next(f for f in full(certificates=chain(leaf, leaf, inner)).findings() if f["code"] == "chain-out-of-order")
    assert twice["text"].endswith("certificate 2 (CN=www.example.com) is certificate 1 again")
    assert twice["next"] == "leave certificate 2 out"
    own = cert("www.example.com CA", "www.example.com CA", "www.example.com")
    assert "self-signed" in chained(own) and "chain-incomplete" not in chained(own)


def test_what_an_alert_says_of_a_chain_that_ends_early() -> None:
    """unknown_ca may as well mean a root that the other end lacks; another alert says nothing of the chain."""
    def told(description: int) -> Object:
        talk = full(certificates=chain(cert(*LEAF)), finish=False).say(CLIENT, alert(2, description))
        return next(f for f in talk.findings() if f["code"] == "chain-incomplete")

    assert told(48)["sure"] == "likely" and told(48)["seen"] == "proven"
    assert all(told(n)["sure"] == "likely" and told(n)["seen"] == "likely" for n in (42, 45, 50, 51, 70))
    mine = chain(cert("someone", "Other CA"))
    talk = full(asked=request(name_of("Root CA")), sent=(mine, CKE, CV), finish=False).say(SERVER, alert(2, 48))
    found = next(f for f in talk.findings() if f["code"] == "chain-incomplete")
    assert found["sure"] == "proven"
    assert found["text"].endswith("unless that issuer is itself a root, one that the server does not list")
    assert "take a certificate of an authority that the server lists" in found["next"]


def test_half_a_connection_does_not_say_that_there_was_no_answer() -> None:
    """What the other direction would show is not known: neither that it is silent, nor that it is at fault."""
    half = Talk(open=False).say(CLIENT, hs(hello()))
    half.say(CLIENT, hs(CKE), ccs(), sealed(HANDSHAKE, 40)).say(CLIENT, sealed(DATA, 60))
    verdict = of(objects(half.text()), "verdict")[0]
    assert verdict["text"].startswith("The client's half of a connection; only the client's direction is in the trace")
    assert verdict["outcome"] == "incomplete"
    broken = Talk(open=False).say(CLIENT, hs(hello())).say(CLIENT, alert(2, 50))
    found = next(f for f in broken.findings() if f["code"] == "fatal-alert")
    assert found["by"] == "unknown" and "nothing of the server is in the trace so far" in found["text"]


def test_a_hello_sent_again_and_acknowledged_does_not_say_how_long_the_client_waited() -> None:
    first = hs(hello())

    def told(acknowledged: bool) -> Object:
        talk = Talk().say(CLIENT, first)
        talk.wire.send(CLIENT, first, 0)
        if acknowledged:
            talk.wire.ack(SERVER)
        return next(f for f in talk.findings() if f["code"] == "client-hello-unanswered")

    assert told(False)["seen"] == "proven" and "though sent again" in told(False)["text"]
    assert told(True)["sure"] == "possible" and told(True)["text"].endswith("; the trace ends here")


def test_certificates_that_do_what_they_may_not() -> None:
    """RFC 5280 section 6.1.4: who may issue; section 4.2.1.12: what a leaf is for."""
    def told(*certificates: bytes) -> List[str]:
        found = full(certificates=chain(*certificates)).fin(0, 1).findings()
        return [f["text"] for f in found if f["code"] == "certificate-misused"]

    leaf, inner = cert(*LEAF), cert("Inner CA", "Root CA")
    assert told(leaf, inner) == told(leaf, inner, cert("Root CA", "Root CA")) == []
    assert told(cert("www.example.com", "Shop", "www.example.com"), cert("Shop", "Inner CA"), inner) == [
        "certificate 2 of the server's chain (CN=Shop) issued certificate 1 and is no authority: its basicConstraints say so"
    ]
    short = cert("Top CA", "Root CA", path=0)
    assert told(leaf, cert("Inner CA", "Top CA"), short) == [
        "certificate 3 of the server's chain (CN=Top CA) allows 0 authorities below it (pathLenConstraint), and 1 is there"
    ]
    assert told(cert("www.example.com", "Top CA"), short) == []

    def refused(purpose: str) -> Dict[str, Object]:
        talk = full(certificates=chain(cert(*LEAF, purpose=purpose), inner), finish=False).say(CLIENT, alert(2, 43))
        return {f["code"]: f for f in talk.findings()}

    found = refused("1.3.6.1.5.5.7.3.2")
    assert found["certificate-misused"]["text"].endswith("is not for a server: its extKeyUsage lacks serverAuth")
    assert found["fatal-alert"]["text"].endswith("the likeliest cause here: certificate-misused")
    assert found["fatal-alert"]["by"] == "server"
    assert not any("certificate-misused" in refused(purpose) for purpose in ("1.3.6.1.5.5.7.3.1", "2.5.29.37.0"))


def test_names() -> None:
    def asked(*names: str) -> bool:
        return "name-mismatch" in chained(cert("www.example.com", "Inner CA", *names), cert("Inner CA", "Root CA"),
                                          first=hello(extensions=SNI))

    assert not asked("www.example.com")
    assert not asked("WWW.Example.COM")
    assert not asked("*.example.com")
    assert not asked()  # no subjectAltName: the common name counts
    assert asked("example.com")
    assert asked("*.com")
    assert asked("*.www.example.com")
    assert asked("ww*.example.com")


def test_weak_certificates() -> None:
    inner = cert("Inner CA", "Root CA")
    assert "weak-certificate" in chained(cert("small.example", "Inner CA", bits=1024), inner)
    assert "weak-certificate" not in chained(cert("large.example", "Inner CA", bits=2048), inner)


def test_dates() -> None:
    def at(time: str, **more: str) -> Set[str]:
        talk = full(certificates=chain(cert(*LEAF, **more), cert("Inner CA", "Root CA"))).fin(0, 1)
        told = of(objects(b"".join(re.sub(rb"^12:00:", time.encode() + b" 12:00:", line) for line in talk.text().splitlines(True))),
                  "finding")
        return {f"{f['code']} {f['sure']}" for f in told if f["code"].startswith("certificate-")}

    assert at("2030-05-05") == set()
    assert at("2041-05-05") == {"certificate-expired proven"}
    assert at("2019-05-05") == {"certificate-not-yet-valid proven"}
    assert at("2025-01-02", end="2025-01-02T11:00:00") == {"certificate-expired possible"}
    assert at("2025-01-02", end="2025-01-02T13:00:00") == set()
    assert at("2025-01-03", end="2025-01-02T13:00:00") == {"certificate-expired proven"}


def test_client_certificates() -> None:
    mine = chain(cert("Client One", "Inner CA"), cert("Inner CA", "Root CA"))
    names = name_of("Root CA")
    good = full(asked=request(names), sent=(mine, CKE, CV)).fin(0, 1).codes()
    assert {"client-certificate-requested", "client-certificate-sent"} <= good
    assert not {"client-certificate-unproven", "ca-list-mismatch", "ca-list-empty", "unexpected-message"} & good
    assert "client-certificate-unproven" in full(asked=request(names), sent=(mine, CKE)).codes()
    assert "client-certificate-missing" in full(asked=request(names)).codes()
    assert "client-certificate-missing" not in full().codes()
    empty = full(asked=request(names), sent=(chain(), CKE)).codes()
    assert "client-certificate-empty" in empty and "client-certificate-missing" not in empty
    assert "ca-list-mismatch" in full(asked=request(name_of("Other CA")), sent=(mine, CKE, CV)).codes()
    assert "ca-list-empty" in full(asked=request(), sent=(chain(), CKE)).codes()
    many = [name_of(f"Authority number {i} of many CA") for i in range(300)]
    assert "ca-list-large" in full(asked=request(*many), sent=(chain(), CKE)).codes()
    assert "ca-list-large" not in full(asked=request(*many[:200]), sent=(chain(), CKE)).codes()


def test_whose_move_an_empty_list_is_the_servers_answer_tells() -> None:
    """A server that goes on without a certificate has only asked for one."""
    def told(talk: Talk) -> Tuple[Object, Object]:
        found = objects(talk.text())
        return next(f for f in of(found, "finding") if f["code"] == "client-certificate-empty"), of(found, "verdict")[0]

    asked, sent = request(name_of("Root CA")), (chain(), CKE)
    empty, verdict = told(full(asked=asked, sent=sent, finish=False).say(SERVER, alert(2, 40)))
    assert empty["by"] == verdict["by"] == "client" and "whose move: the client's" in verdict["client_certificate"]
    empty, verdict = told(full(asked=asked, sent=sent))
    assert empty["by"] == verdict["by"] == "unknown" and "goes on without one" in verdict["text"]
    assert "whose move: nobody's" in verdict["client_certificate"]
    one = chain(cert(*LEAF))  # and it explains no other trouble
    empty, verdict = told(full(certificates=one, asked=asked, sent=sent).say(CLIENT, sealed(ALERT, 26)))
    assert verdict["code"] == "chain-incomplete"


def name_of(common: str) -> bytes:
    return der(0x30, der(0x31, der(0x30, der(6, b"\x55\x04\x03"), der(0x0C, common.encode()))))


def test_raw_public_keys_are_no_certificates() -> None:
    """RFC 7250: what authenticates is told by its name, and nothing is said of chains and issuers."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from talks import _authority

    bare = _authority.key("www.example.com").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = message(11, vector(3, bare))
    asks, takes = {19: b"\1\2", 20: b"\1\2"}, {19: b"\2", 20: b"\2"}
    talk = full(hello(extensions=asks), server(extensions=takes), key, asked=request(name_of("Root CA")), sent=(key, CKE, CV))
    found = objects(talk.text())
    said = {f["code"]: f["text"] for f in of(found, "finding")}
    assert said["full-handshake"].endswith("both ends authenticated by a raw public key")
    assert "the client sent a raw public key and the proof" in said["client-certificate-sent"]
    assert not {"ca-list-mismatch", "certificate-chain", "malformed", "client-certificate-empty"} & set(said)
    line = of(found, "verdict")[0]["client_certificate"]
    assert "): a raw public key; proof sent" in line and "issuers" not in line
    mixed = full(hello(extensions=asks), server(extensions={20: b"\2"}), key, asked=request(),
                 sent=(chain(cert("Client One", "Inner CA")), CKE, CV)).findings()
    assert "the server authenticated by a raw public key, the client by certificate" in \
        next(f["text"] for f in mixed if f["code"] == "full-handshake")


def test_what_is_lost_up_to_the_end_of_the_trace_is_part_of_the_story() -> None:
    """A hole that is given up because the input ends: what stands behind it is not the next thing that its side said."""
    talk = full().say(CLIENT, sealed(DATA, 60))
    client = [i for i, p in enumerate(talk.wire.packets) if p[12:16] == talk.wire.hosts[CLIENT] and len(p) > 52]
    lost = client[2]  # its ChangeCipherSpec and Finished
    codes = {f["code"] for f in of(objects(dump(p for i, p in enumerate(talk.wire.packets) if i != lost)), "finding")}
    assert "gap" in codes and "unexpected-message" not in codes


def test_ssl3_no_certificate() -> None:
    talk = Talk().say(CLIENT, hs(hello(version=0x0300), version=0x0300))
    talk.segments(SERVER, hs(server(version=0x0300), chain(cert(*LEAF)), message(13, vector(1, b"\1") + vector(2, b"")), DONE,
                             version=0x0300))
    told = talk.say(CLIENT, alert(1, 41, 0x0300), hs(CKE, version=0x0300)).codes()
    assert {"client-no-certificate-alert", "warning-alert"} <= told and "client-certificate-missing" not in told


def test_an_empty_certificate_of_tls13_is_seen_by_its_length() -> None:
    def first(*sizes: int) -> Set[str]:
        talk = Talk().say(CLIENT, hs(hello((0x1301,), V13)))
        talk.say(SERVER, hs(server(0x1301, S13, signal=False)), ccs(), sealed(DATA, 1200), sealed(DATA, 53))
        return talk.say(CLIENT, *(sealed(DATA, n) for n in sizes)).say(SERVER, sealed(DATA, 19)).codes()

    assert "client-certificate-empty" in first(25, 53)
    assert "client-certificate-empty" in first(41, 69)  # as Java pads
    assert "client-certificate-empty" not in first(41, 53)

    def by(*answers: int) -> str:
        talk = Talk().say(CLIENT, hs(hello((0x1301,), V13)))
        talk.say(SERVER, hs(server(0x1301, S13, signal=False)), ccs(), sealed(DATA, 1200), sealed(DATA, 53))
        talk.say(CLIENT, sealed(DATA, 25), sealed(DATA, 53)).say(SERVER, *(sealed(DATA, n) for n in answers))
        return next(f["by"] for f in talk.findings() if f["code"] == "client-certificate-empty")

    assert (by(19), by(250, 250), by()) == ("client", "unknown", "client")
    assert "client-certificate-empty" not in first(53)
    assert "client-certificate-empty" not in first(1200, 53)


@pytest.mark.parametrize("flight", [(60, 40), (76,)], ids=["records", "one record"])
def test_a_finished_behind_another_message_is_one(flight: Tuple[int, ...]) -> None:
    """Where NPN is agreed the client's first encrypted message is NextProtocol; what comes behind proves its Finished."""
    def talk() -> Talk:
        begun = full(hello(extensions={13172: b""}), server(extensions={13172: b"\x08http/1.1"}), finish=False)
        return begun.say(CLIENT, ccs(), *(sealed(HANDSHAKE, n) for n in flight))

    assert "full-handshake" not in talk().codes()
    done = talk().say(SERVER, ccs(), sealed(HANDSHAKE, 40)).codes()
    assert "full-handshake" in done and "handshake-incomplete" not in done
    for script, last in ((talk(), "encrypted handshake record"), (talk().say(SERVER, ccs()), "ChangeCipherSpec")):
        told = next(f["text"] for f in script.findings() if f["code"] == "handshake-incomplete")
        assert f"'s {last}, the" in told and told.endswith("of the server was awaited" if last[0] == "C" else "was awaited")


def test_silence() -> None:
    asks = hs(hello())
    talk = Talk().say(CLIENT, asks)
    talk.wire.ack(SERVER)
    assert "client-hello-unanswered" in talk.fin(0, 1).codes()
    assert "client-hello-unanswered" not in Talk().say(CLIENT, asks).say(SERVER, alert(2, 40)).codes()
    assert "client-hello-segmented" in Talk().segments(CLIENT, hs(hello(extensions={21: bytes(1500)}))).codes()
    assert "client-hello-segmented" not in Talk().say(CLIENT, asks).codes()


def test_a_hello_that_is_cut_short_by_its_own_end_is_the_clients() -> None:
    """A health check sends half a hello, all of which is acknowledged, and closes: no byte of it was lost."""
    asks = hs(hello())

    def told(talk: Talk) -> Object:
        return next(f for f in talk.findings() if f["code"] == "client-hello-unanswered")

    half = told(Talk().say(CLIENT, asks[:40]).fin(0, 1))
    assert (half["by"], half["sure"]) == ("client", "proven") and "the client sent 35 of them and closes" in half["text"]
    assert "resets the connection (packet 5)" in told(Talk().say(CLIENT, asks[:40]).rst(CLIENT))["text"]
    refused = told(Talk().say(CLIENT, asks[:40]).rst(SERVER))
    assert refused["by"] == "unknown" and "of the hello had not come" in refused["text"]
    given_up = told(Talk().say(CLIENT, asks).fin(0, 1))
    assert given_up["by"] == "server" and "says nothing, until the client closes the connection (packet 5)" in given_up["text"]


def test_connections_that_were_never_opened() -> None:
    def told(*flags: Tuple[int, int], same: bool = False) -> List[Tuple[str, str]]:
        talk = Talk(open=False)
        for side, flag in flags:
            talk.wire._put(side, flag, -1, b"")
        wire = talk.wire.packets
        return [(f["code"], f["by"]) for f in of(objects(dump([wire[0]] * 2 if same else wire)), "finding")
                if f["severity"] == "error"]

    asks, takes, refuses = (CLIENT, 2), (SERVER, 0x12), (SERVER, 0x14)
    assert told(asks, asks, asks) == [("syn-unanswered", "unknown")]
    assert told(asks, refuses) == told(asks, asks, refuses) == [("connection-refused", "server")]
    assert told(asks) == told(asks, same=True) == told(asks, asks, takes) == told(asks, takes, refuses) == []


def test_of_ends_that_are_the_other_way_round_no_part_is_judged() -> None:
    """Ports name the ends, bytes are read, then a hello comes from the one called server: its chain is no client's."""
    talk = Talk((443, 40000), open=False).say(CLIENT, sealed(DATA, 60)).say(SERVER, sealed(DATA, 80))
    talk.say(CLIENT, hs(hello())).segments(SERVER, hs(server(), chain(cert(*LEAF), cert("Inner CA", "Root CA")), SKE, DONE))
    talk.say(CLIENT, hs(CKE), ccs(), sealed(HANDSHAKE, 40)).say(SERVER, ccs(), sealed(HANDSHAKE, 40), sealed(ALERT, 26)).fin(1, 0)
    found = objects(talk.text())
    said = {f["code"]: f for f in of(found, "finding")}
    assert "the other way round" in said["midstream"]["text"]
    assert not {"full-handshake", "client-certificate-unproven", "client-certificate-not-requested"} & set(said)
    verdict = of(found, "verdict")[0]
    assert verdict["client_certificate"] is None and "the other way round" in verdict["text"] and not verdict["code"]


def test_a_server_hello_that_the_trace_lacks_is_not_awaited() -> None:
    """Where no SYN of the server was seen, or the client answers it."""
    def told(drop: Set[int], talk: Talk) -> Set[str]:
        kept = [p for i, p in enumerate(talk.wire.packets) if i not in drop]
        return {f["code"] for f in of(objects(dump(kept)), "finding")}

    talk = full().say(CLIENT, sealed(ALERT, 26)).fin(0, 1)
    # SYN, SYN-ACK, ACK, ClientHello, the server's first segment
    assert "unexpected-message" not in told({1, 4}, talk)
    assert "handshake-incomplete" not in told({0, 1, 2, 4, 5, 8, 9}, talk)


def test_a_keep_alive_probe_behind_a_hole_changes_no_byte() -> None:
    """Its byte is any; what it repeats waits, for bytes before it are lost."""
    talk = full().say(CLIENT, sealed(DATA, 60)).say(CLIENT, sealed(DATA, 70))
    lost = len(talk.wire.packets) - 2
    talk.wire._put(CLIENT, 0x10, talk.at[CLIENT] - 1, b"\x55")
    found = of(objects(dump(p for i, p in enumerate(talk.wire.packets) if i != lost)), "finding")
    assert not [f for f in found if f["code"] == "retransmission-differs"]


def test_ssl3_has_no_protocol_version() -> None:
    """What HAProxy's ssl-hello-chk offers: of its version a server can say handshake_failure alone (RFC 6101 section 5.4.2)."""
    def told(version: int) -> Dict[str, Object]:
        talk = Talk().say(CLIENT, hs(hello((0x2F, 0x35), version=version), version=version)).say(SERVER, alert(2, 40, version))
        return {f["code"]: f for f in talk.findings()}

    found = told(0x0300)
    assert found["version-mismatch"]["by"] == found["fatal-alert"]["by"] == "client"
    assert found["version-mismatch"]["sure"] == "likely"
    assert "version-mismatch" not in told(0x0301)


def test_an_alert_may_speak_of_the_proxy_header_before_the_hello() -> None:
    """GnuTLS answers unexpected_message (10)."""
    def told(*before: bytes) -> Object:
        talk = Talk().say(CLIENT, *before, hs(hello())).say(SERVER, alert(2, 10)).fin(1, 0)
        return next(f for f in talk.findings() if f["code"] == "fatal-alert")

    behind = told(b"PROXY TCP4 10.0.0.9 10.0.0.2 5 443\r\n")
    assert behind["by"] == "unknown" and "does the server expect that header" in behind["next"]
    assert told()["by"] == "client"


def test_an_end_before_the_handshake_is_done() -> None:
    assert "handshake-incomplete" in full(finish=False).fin(0, 1).codes()
    assert "handshake-incomplete" not in full().fin(0, 1).codes()
    refused = full(finish=False).say(SERVER, alert(2, 40)).fin(1, 0).codes()
    assert "handshake-incomplete" not in refused and "fatal-alert" in refused
    late = full(finish=False).fin(0).say(SERVER, alert(2, 40)).codes()
    assert "handshake-incomplete" in late
    newest = Talk().say(CLIENT, hs(hello((0x1301,), V13)))
    newest.say(SERVER, hs(server(0x1301, S13, signal=False)), ccs(), sealed(DATA, 1200), sealed(DATA, 53))
    told = newest.say(CLIENT, sealed(DATA, 19)).rst(CLIENT).findings()
    assert "as long as an alert" in next(f["text"] for f in told if f["code"] == "handshake-incomplete")
    assert "reset-mid-handshake" not in {f["code"] for f in told}


def test_alerts_in_the_padding_of_java() -> None:
    """JSSE pads every record of TLS 1.3 by 16 bytes: an alert is 35 long."""
    def begun(*sizes: int) -> Talk:
        talk = Talk().say(CLIENT, hs(hello((0x1301,), V13)))
        return talk.say(SERVER, hs(server(0x1301, S13, signal=False)), ccs(), *(sealed(DATA, n) for n in sizes))

    def closed(size: int) -> Set[str]:
        talk = begun(60, 1200, 69).say(CLIENT, sealed(DATA, 69)).say(SERVER, sealed(DATA, 900))
        return talk.say(CLIENT, sealed(DATA, size)).fin(0, 1).codes()

    assert "no-close-notify" in closed(36) and "no-close-notify" not in closed(35)
    plain = begun(60, 1200, 53).say(CLIENT, sealed(DATA, 53)).say(SERVER, sealed(DATA, 900))
    assert "no-close-notify" in plain.say(CLIENT, sealed(DATA, 35)).fin(0, 1).codes()  # its Finished has no padding
    short = begun(60, 1200, 69).say(CLIENT, sealed(DATA, 69), sealed(DATA, 22)).say(SERVER, sealed(DATA, 900))
    assert "no-close-notify" in short.say(CLIENT, sealed(DATA, 35)).fin(0, 1).codes()
    refused = begun(60, 1200, 69).say(CLIENT, sealed(DATA, 35)).fin(0, 1).findings()
    assert "the client sent a record of 35 bytes, as long as an alert with" in \
        next(f["text"] for f in refused if f["code"] == "handshake-incomplete")
    unable = begun(65, 35).fin(1, 0).findings()
    assert "the server sent a record of 35 bytes" in next(f["text"] for f in unable if f["code"] == "handshake-incomplete")


def test_ends() -> None:
    def closed(*last: bytes) -> Set[str]:
        return full().say(CLIENT, sealed(DATA, 60)).say(SERVER, sealed(DATA, 80)).say(CLIENT, *last).fin(0, 1).codes()

    assert "no-close-notify" in closed(sealed(DATA, 60))
    assert "no-close-notify" not in closed(sealed(ALERT, 26))
    answered = full().say(CLIENT, sealed(DATA, 60)).say(SERVER, sealed(ALERT, 26)).fin(0, 1).codes()
    assert "no-close-notify" not in answered


def test_a_close_behind_a_proxy_header() -> None:
    header = b"PROXY TCP4 10.1.1.1 10.2.2.2 40000 443\r\n"

    def told(*first: bytes) -> Dict[str, Any]:
        found = Talk().say(CLIENT, *first, hs(hello())).fin(1, 0).findings()
        return next(f for f in found if f["code"] == "client-hello-unanswered")

    assert "header of the PROXY protocol" in told(header)["text"] and told(header)["by"] == "unknown"
    assert "PROXY" not in told()["text"] and told()["by"] == "server"
    old = Talk().say(CLIENT, hs(hello(version=0x0302))).fin(1, 0).findings()
    assert "nothing newer than TLS 1.1" in next(f["text"] for f in old if f["code"] == "client-hello-unanswered")
    assert "nothing newer" not in told()["text"]


def test_signalling_values_are_no_cipher_suites() -> None:
    told = Talk().say(CLIENT, hs(hello((0xC02F, 0x00FF, 0x5600)))).say(SERVER, alert(2, 40)).findings()
    text = next(f["text"] for f in told if "accepts nothing" in f["text"])
    assert "1 cipher suite (TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256);" in text


def test_resets() -> None:
    inside = Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server())[:50]).rst(SERVER).findings()
    text = next(f["text"] for f in inside if f["code"] == "reset-mid-handshake")
    assert text.endswith("behind the server's incomplete ServerHello")
    assert "reset-mid-handshake" in full(finish=False).rst(SERVER).codes()
    assert "reset-mid-handshake" not in full().say(CLIENT, sealed(DATA, 60)).rst(SERVER).codes()
    assert "reset-mid-handshake" not in full(finish=False).fin(1).rst(SERVER).codes()
    closing = full().say(CLIENT, sealed(ALERT, 26))
    assert "reset-after-close" in closing.rst(SERVER).codes()
    own = full().say(SERVER, sealed(ALERT, 26)).rst(SERVER).codes()
    assert not {"reset-after-close", "reset-mid-handshake"} & own


def test_injected_resets() -> None:
    def injected(talk: Talk) -> bool:
        return "injected-reset" in talk.codes()

    assert injected(full(finish=False).rst(SERVER, ttl=243))
    assert not injected(full(finish=False).rst(SERVER))
    assert injected(full(finish=False).rst(SERVER, payload=b"blocked"))
    goes_on = full(finish=False).rst(SERVER)
    assert injected(goes_on.say(SERVER, ccs(), sealed(HANDSHAKE, 40)))
    before = full(finish=False)
    lost = before.at[SERVER]
    before.at[SERVER] += 60
    before.rst(SERVER)
    before.wire.send(SERVER, sealed(DATA, 55), lost)  # sent before the RST, seen behind it
    assert not injected(before)


def test_an_encrypted_alert_closes_a_connection_whose_beginning_is_not_in_the_trace() -> None:
    talk = full().say(CLIENT, sealed(DATA, 40)).say(SERVER, sealed(DATA, 60)).say(CLIENT, sealed(ALERT, 26)).fin(0, 1)
    late = next(i for i, packet in enumerate(talk.wire.packets) if packet[40:41] == b"\x14" and packet[20:22] == b"\x01\xbb")
    text = of(objects(dump(talk.wire.packets[late:])), "verdict")[0]["text"]
    assert text.startswith("The end of a handshake whose beginning is not in the trace") and "without an alert" not in text
    assert "The client closed first: an encrypted alert, by its place probably close_notify (packet " in text


def test_headers_alone_show_no_other_protocol() -> None:
    talk = Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server())).fin(0, 1)
    found = objects(dump((packet[:40] for packet in talk.wire.packets), summaries=False))
    assert {f["code"] for f in of(found, "finding")} == {"snapped"}
    assert of(found, "verdict")[0]["text"].startswith("No byte of any payload is in the trace; packets are shown cut short")
    other = Talk().say(CLIENT, b"HELO there and nothing else\r\n").fin(0, 1)
    assert "not-tls" in {f["code"] for f in of(objects(dump(other.wire.packets)), "finding")}


def test_an_alert_at_the_end_of_a_run_of_records_is_in_the_packet_that_brought_it() -> None:
    talk = Talk().say(CLIENT, hs(hello((0x1301,), V13)))
    talk.say(SERVER, hs(server(0x1301, S13, signal=False)), ccs(), sealed(DATA, 1200), sealed(DATA, 53))
    for size in (53, 40, 19):
        talk.say(CLIENT, sealed(DATA, size))
    packets = [o["packet"] for o in objects(talk.text()) if o["kind"] == "packet" and o["from"] == "client" and o["payload"]]
    text = _verdict(talk.fin(0, 1))["text"]
    assert f"probably close_notify (packet {packets[-1]}), then FIN" in text


def test_versions_and_suites() -> None:
    def agreed(version: int, suite: int) -> Set[str]:
        return Talk().say(CLIENT, hs(hello((suite,)))).say(SERVER, hs(server(suite, version=version))).codes()

    assert "obsolete-version" in agreed(0x0302, 0x002F)
    assert "obsolete-version" not in agreed(0x0303, 0x002F)
    for weak in (0x0005, 0x000A, 0x0001, 0x0034, 0x0003, 0x0009):
        assert "obsolete-cipher" in agreed(0x0303, weak), hex(weak)
    for good in (0x002F, 0x009C, 0xC02F, 0xCCA8, 0xC020):
        assert "obsolete-cipher" not in agreed(0x0303, good), hex(good)


def test_refusals() -> None:
    def refused(description: int, **more: Any) -> Set[str]:
        return Talk().say(CLIENT, hs(hello(**more))).say(SERVER, alert(2, description)).fin(1, 0).codes()

    assert "version-mismatch" in refused(70)
    assert "no-common-parameters" in refused(40) and "no-common-parameters" in refused(71)
    assert "no-common-parameters" not in refused(40, signal=False)
    assert "renegotiation-info-missing" in refused(40, signal=False)
    for other in (86, 112, 120, 80):
        assert not {"version-mismatch", "no-common-parameters"} & refused(other), other
    assert "fallback-scsv" in refused(86, suites=(0xC02F, 0x5600))
    assert "fallback-scsv" not in refused(86)


def test_unoffered_choices() -> None:
    def chose(first: bytes, answer: bytes) -> bool:
        return "unoffered-choice" in Talk().say(CLIENT, hs(first)).say(SERVER, hs(answer)).codes()

    assert not chose(hello(), server())
    assert chose(hello(), server(0xC030))
    assert chose(hello(version=0x0302), server(version=0x0303))
    assert chose(hello(), server(extensions={35: b""}))
    assert not chose(hello(extensions={35: b""}), server(extensions={35: b""}))
    assert not chose(hello((0xC02F, 0x00FF), signal=False), server())
    assert chose(hello(extensions={16: vector(2, vector(1, b"h2"))}), server(extensions={16: vector(2, vector(1, b"spdy/3"))}))
    assert not chose(hello((0x1301,), V13), server(0x1301, S13, signal=False))
    assert chose(hello((0x1301,), V13), server(0x1301, {**S13, 51: numbers(0x001E) + vector(2, bytes(56))}, signal=False))


def test_downgrades() -> None:
    marked = bytes(24) + b"DOWNGRD\1"
    newest = hello(extensions={43: vector(1, numbers(0x0304, 0x0303))})
    assert "downgrade-sentinel" in Talk().say(CLIENT, hs(newest)).say(SERVER, hs(server(random=marked))).codes()
    assert "downgrade-sentinel" not in Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server(random=marked))).codes()
    assert "downgrade-sentinel" not in Talk().say(CLIENT, hs(newest)).say(SERVER, hs(server())).codes()


def test_compression() -> None:
    both = hello(compressions=b"\1\0")
    assert "compression" in Talk().say(CLIENT, hs(both)).say(SERVER, hs(server(compression=1))).codes()
    assert "compression" not in Talk().say(CLIENT, hs(both)).say(SERVER, hs(server())).codes()


def test_heartbleed() -> None:
    def beat(kind: int, claims: int, size: int) -> bytes:
        return record(24, bytes((kind,)) + numbers(claims) + bytes(size))

    def told(*beats: Tuple[int, bytes]) -> List[Object]:
        talk = full()
        talk = Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server()))
        for side, raw in beats:
            talk.say(side, raw)
        return [f for f in talk.findings() if f["code"] == "heartbleed"]

    assert len(told((CLIENT, beat(1, 16384, 1)))) == 1
    assert not told((CLIENT, beat(1, 18, 34)), (SERVER, beat(2, 18, 34)))
    leaked = told((CLIENT, beat(1, 4000, 0)), (SERVER, beat(2, 4000, 4016)))
    assert len(leaked) == 2 and "4000 bytes" in leaked[1]["text"] and leaked[1]["by"] == "server"


def test_renegotiation() -> None:
    again = full().say(CLIENT, sealed(DATA, 60)).say(SERVER, sealed(HANDSHAKE, 28)).say(CLIENT, sealed(HANDSHAKE, 300))
    again.say(SERVER, sealed(HANDSHAKE, 133), sealed(CCS, 25), sealed(HANDSHAKE, 40))
    both = again.say(CLIENT, sealed(CCS, 25), sealed(HANDSHAKE, 40)).findings()
    told = next(f for f in both if f["code"] == "renegotiation")
    assert "begun by the server" in told["text"] and "resumed" in told["text"] and told["sure"] == "proven"
    assert not {"renegotiation-refused", "malformed"} & {f["code"] for f in both}
    refused = full().say(CLIENT, sealed(DATA, 60), sealed(HANDSHAKE, 300)).say(SERVER, sealed(ALERT, 26)).fin(1, 0)
    assert "renegotiation-refused" in refused.codes()
    assert not {"renegotiation", "renegotiation-refused"} & full().say(CLIENT, sealed(DATA, 60)).fin(0, 1).codes()


def test_a_hello_on_an_old_connection() -> None:
    """What the second seed tells: the client begins afresh, with the SCSV, under another record version."""
    talk = full().say(CLIENT, sealed(DATA, 60)).say(SERVER, sealed(DATA, 80))
    talk.say(CLIENT, hs(hello((0xC02F, 0x00FF), signal=False), version=0x0301))
    told = talk.say(SERVER, sealed(ALERT, 26)).fin(1, 0).findings()
    assert {"renegotiation-refused", "renegotiation-info-missing"} <= {f["code"] for f in told}
    refused = next(f for f in told if f["code"] == "renegotiation-refused")
    assert "TLS 1.0" in refused["text"] and refused["by"] == "client"
    missing = next(f for f in told if f["code"] == "renegotiation-info-missing")
    assert "SCSV" in missing["text"] and missing["by"] == "client"


def test_the_server_lacks_rfc_5746() -> None:
    lacking = Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server(signal=False))).findings()
    assert [f["by"] for f in lacking if f["code"] == "renegotiation-info-missing"] == ["server"]
    newest = Talk().say(CLIENT, hs(hello((0x1301,), V13, signal=False))).say(SERVER, hs(server(0x1301, S13, signal=False))).codes()
    assert "renegotiation-info-missing" not in newest


def test_a_resumption_with_other_secrets() -> None:
    bad = resumed().say(CLIENT, alert(2, 20)).fin(0, 1).findings()
    told = next(f for f in bad if f["code"] == "bad-record-mac-on-resumption")
    assert told["by"] == "unknown" and "resumption" in told["next"]
    assert "fatal-alert" in {f["code"] for f in bad}
    assert "bad-record-mac-on-resumption" not in resumed().say(CLIENT, alert(2, 40)).codes()
    assert "bad-record-mac-on-resumption" not in full(finish=False).say(SERVER, alert(2, 20)).codes()


def test_early_data() -> None:
    psk = {
        **V13, 45: b"\1\1", 42: b"", 41: vector(2, vector(2, bytes(100)) + b"\1\2\3\4") + vector(2, vector(1, bytes(32))),
    }  # fmt: skip
    asks = hs(hello((0x1301,), psk))

    def went(answer: Dict[int, bytes], *client: int) -> Set[str]:
        talk = Talk().say(CLIENT, asks, sealed(DATA, 113))
        talk.say(SERVER, hs(server(0x1301, answer, signal=False)), ccs(), sealed(DATA, 27), sealed(DATA, 53))
        return talk.say(CLIENT, *(sealed(DATA, n) for n in client)).codes()

    taken = {**S13, 41: numbers(0)}
    assert "early-data" in went(taken, 21, 53)
    assert "early-data-rejected" in went(S13, 53)
    assert "early-data-rejected" in went(taken, 53)
    assert not {"early-data", "early-data-rejected"} & Talk().say(CLIENT, hs(hello((0x1301,), V13))).codes()


def test_orders() -> None:
    flight = [server(), chain(cert(*LEAF), cert("Inner CA", "Root CA")), SKE, DONE]

    def sent(*messages: bytes) -> Set[str]:
        return Talk().say(CLIENT, hs(hello())).segments(SERVER, hs(*messages)).codes()

    assert "unexpected-message" not in sent(*flight)
    assert "unexpected-message" in sent(flight[0], flight[2], flight[1], flight[3])
    assert "unexpected-message" in sent(flight[0], flight[1], flight[3])  # ECDHE without its key
    assert "unexpected-message" in sent(*flight[:1], *flight[1:2], *flight[1:])
    early = Talk().say(CLIENT, hs(hello())).segments(SERVER, hs(*flight)).say(CLIENT, ccs(), sealed(HANDSHAKE, 40))
    assert "unexpected-message" in early.codes()  # ChangeCipherSpec before the keys are agreed
    assert "unexpected-message" not in full().codes()
    assert "unexpected-message" not in resumed().codes()


def test_oversize_records() -> None:
    newest = Talk().say(CLIENT, hs(hello((0x1301,), V13)))
    newest.say(SERVER, hs(server(0x1301, S13, signal=False)), sealed(DATA, 53)).say(CLIENT, sealed(DATA, 53))
    assert "oversize-record" not in newest.segments(SERVER, sealed(DATA, 16384 + 256)).codes()
    assert "oversize-record" in newest.segments(SERVER, sealed(DATA, 16384 + 257)).codes()
    assert "oversize-record" not in full().segments(SERVER, sealed(DATA, 16384 + 2048)).codes()
    assert "oversize-record" in full().segments(SERVER, sealed(DATA, 16384 + 2049)).codes()


def test_a_first_record_with_a_wrong_length_is_no_other_protocol() -> None:
    """A byte changed on the way: the server says record_overflow, and "use https" would be no help."""
    first = bytearray(hs(hello()))
    first[3] = 0x7E
    for pieces in ((bytes(first),), (bytes(first[:3]), bytes(first[3:]))):
        talk = Talk()
        for piece in pieces:
            talk.say(CLIENT, piece)
        talk.say(SERVER, alert(2, 22)).fin(1, 0)
        told = {f["code"]: f for f in talk.findings()}
        assert "plaintext-to-tls" not in told and told["oversize-record"]["text"].startswith("the client's record claims 32")
        assert of(objects(talk.text()), "verdict")[0]["code"] == "oversize-record"
        assert sum(hi - lo for _, lo, hi in told["oversize-record"]["at"]) == 5


def test_bytes_left_over_that_are_not_in_the_trace_are_shown_by_the_length_that_counts_them() -> None:
    first = bytearray(hs(hello()))
    first[8] += 4
    found = next(f for f in Talk().say(CLIENT, bytes(first)).findings() if f["code"] == "malformed")
    assert found["text"] == "client_hello: 4 bytes left over behind client_hello"
    assert [hi - lo for _, lo, hi in found["at"]] == [4]


def test_classes_by_length() -> None:
    def late(kind: int, size: int) -> List[Object]:
        talk = Talk(open=False).say(CLIENT, sealed(DATA, 60)).say(SERVER, sealed(DATA, 90)).say(CLIENT, sealed(kind, size))
        return [f for f in talk.findings() if f["code"] == "cipher-class"]

    assert "GCM" in late(ALERT, 26)[0]["text"]
    assert not late(DATA, 26)
    assert not [f for f in full().findings() if f["code"] == "cipher-class"]


def test_countermeasures_by_length() -> None:
    def lengths(*sizes: int, version: int = 0x0301) -> Set[str]:
        first = hello((0xC013,), version=version)
        talk = full(first, server(0xC013, version=version), version=version)
        talk.say(CLIENT, *(sealed(DATA, n, version) for n in sizes))
        return talk.codes() & {"empty-fragments", "record-splitting"}

    assert lengths(32, 48, 32, 32) == {"empty-fragments", "record-splitting"}
    assert lengths(32, 32, 32, 48) == {"empty-fragments", "record-splitting"}
    assert lengths(32, 32, 48) == {"record-splitting"}
    assert lengths(48, 64) == set()
    assert lengths(32, 48, version=0x0302) == set()


def test_protocols() -> None:
    http = Talk().say(CLIENT, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert "plaintext-to-tls" in http.say(SERVER, alert(2, 10)).codes()
    plain = Talk(ports=(50000, 80)).say(CLIENT, b"GET / HTTP/1.1\r\n\r\n").say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")
    assert "plaintext-to-tls" not in plain.codes()
    assert "tls-to-plaintext" in Talk().say(CLIENT, hs(hello())).say(SERVER, b"220 mail.example ESMTP ready\r\n").codes()
    assert "tls-to-plaintext" not in Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server())).codes()


def test_verdict_and_certificate_line() -> None:
    told = objects(resumed().say(CLIENT, alert(2, 20)).fin(0, 1).text())
    verdict = of(told, "verdict")[0]
    assert verdict["text"].startswith("Resumed handshake, TLS 1.2")
    assert "the client rejected the server's Finished" in verdict["text"]
    assert "Ball with: unknown. Try: disable resumption" in verdict["text"]
    assert (verdict["code"], verdict["by"], verdict["outcome"]) == ("bad-record-mac-on-resumption", "unknown", "resumed")
    mine = chain(cert("Client One", "Inner CA"), cert("Inner CA", "Root CA"))
    line = of(objects(full(asked=request(name_of("Root CA")), sent=(mine, CKE, CV)).text()), "verdict")[0]["client_certificate"]
    assert re.search(r"asked for by the server \(packet \d+, 0x.*sent \(packet \d+.*proof sent \(CertificateVerify\) \(", line)
    assert line.endswith("whose move: nobody's") and "which the server lists" in line


def test_nothing_of_the_trace_gets_into_a_command() -> None:
    name = b"x;rm -rf $HOME"
    talk = Talk().say(CLIENT, hs(hello(extensions={0: vector(2, b"\0" + vector(2, name))}))).say(SERVER, alert(2, 40))
    assert not [f for f in talk.findings() if "rm -rf" in f["text"] + f["next"]]


# ------------------------------------------------------------------ OpenSSL on the spot


@pytest.mark.parametrize("mutual", [False, True], ids=["server", "mutual"])
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_openssl_in_good_order_raises_no_alarm(version: str, mutual: bool, tmp_path: Any) -> None:
    import ssl

    from cryptography.hazmat.primitives import serialization as pem
    from talks import _authority

    def store(name: str, subject: str, *chain: bytes) -> str:
        path = tmp_path / name
        key = _authority.keys[subject].private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
        path.write_bytes(key + "".join(map(ssl.DER_cert_to_PEM_cert, chain)).encode())
        return str(path)

    inner = cert("Inner CA", "Root CA")
    root = ssl.DER_cert_to_PEM_cert(cert("Root CA", "Root CA"))
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    theirs.load_cert_chain(store("server.pem", "www.example.com", cert(*LEAF), inner))
    ours.load_cert_chain(store("client.pem", "Client One", cert("Client One", "Inner CA"), inner))
    for context in (theirs, ours):
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
        context.load_verify_locations(cadata=root)
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)  # what is made here lacks key identifiers
    if mutual:
        theirs.verify_mode = ssl.CERT_REQUIRED
    pipes = [ssl.MemoryBIO() for _ in range(4)]
    ends = [ours.wrap_bio(pipes[0], pipes[1], server_hostname="www.example.com"), theirs.wrap_bio(pipes[2], pipes[3], True)]
    talk = Talk()

    def step(side: int, act: Callable[[], Any]) -> None:
        try:
            act()
        except ssl.SSLError:
            pass
        data = pipes[1 if side == CLIENT else 3].read()
        if data:
            talk.segments(side, data, 1400)
            pipes[2 if side == CLIENT else 0].write(data)

    for _ in range(4):
        step(CLIENT, ends[0].do_handshake)
        step(SERVER, ends[1].do_handshake)
    step(CLIENT, lambda: ends[0].write(b"GET / HTTP/1.0\r\n\r\n"))
    step(SERVER, lambda: ends[1].read() and ends[1].write(b"HTTP/1.0 200 OK\r\n\r\n"))
    step(CLIENT, ends[0].unwrap)
    step(SERVER, ends[1].unwrap)
    told = talk.fin(CLIENT, SERVER).findings()
    assert "full-handshake" in {f["code"] for f in told}
    assert not [f["code"] + ": " + f["text"] for f in told if f["severity"] != "note"]
    if version == "TLSv1_2":
        assert ("client-certificate-sent" if mutual else "client-certificate-not-requested") in {f["code"] for f in told}


def test_verdict_joins_an_alert_and_its_cause() -> None:
    def told(description: int, first: bytes) -> Tuple[Object, Object]:
        mine = chain(cert("other.example", "Inner CA", "other.example"), cert("Inner CA", "Root CA"))
        found = objects(full(first, certificates=mine, finish=False).say(CLIENT, alert(2, description)).fin(0, 1).text())
        return of(found, "verdict")[0], next(f for f in of(found, "finding") if f["code"] == "fatal-alert")

    verdict, broken = told(42, hello(extensions=SNI))
    assert "the client broke off with bad_certificate (42), most likely because the client asked for www" in verdict["text"]
    assert (verdict["code"], verdict["by"]) == ("name-mismatch", "server")
    assert verdict["text"].endswith("-servername other.example")
    assert broken["text"].endswith("the likeliest cause here: name-mismatch")
    for description, first in ((80, hello(extensions=SNI)), (42, hello())):  # another reason; no name was asked for
        verdict, broken = told(description, first)
        assert verdict["code"] == "fatal-alert" and "because" not in verdict["text"] and "likeliest" not in broken["text"]


def test_a_connection_that_was_let_go_is_not_told_as_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither it nor what comes of it later says that the trace ended, or began, there."""
    from hexnote import pipeline
    from hexnote.streams import Flows

    monkeypatch.setattr(pipeline, "Flows", functools.partial(Flows, cap=2))
    first = Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server()))
    seen = len(first.wire.packets)
    others = b"".join(Talk(ports=(port, 443)).say(CLIENT, hs(hello())).text() for port in (50001, 50002, 50003))
    before = first.text() + others
    first.say(CLIENT, sealed(DATA, 40))
    found = objects(before + dump(first.wire.packets[seen:]))
    said = {v["stream"]: v["text"] for v in of(found, "verdict")}
    raised = {(f["stream"], f["code"]): f for f in of(found, "finding")}
    assert sorted(stream for stream, code in raised if code == "eviction") == [0, 1, 2]
    assert "as another connection" in raised[0, "eviction"]["text"] and raised[0, "eviction"]["next"].endswith("tcp port 50000'")
    assert raised[0, "handshake-incomplete"]["sure"] == "possible"
    assert raised[1, "client-hello-unanswered"]["sure"] == "possible"
    assert all("eviction" in said[stream] and "trace ends" not in said[stream] for stream in (0, 1, 2))
    assert "trace ends here" in said[3] and (3, "client-hello-unanswered") in raised
    assert "another connection" in said[4] and "let go" in raised[4, "midstream"]["text"]
    assert annotate(before).count(b"[note] eviction: ") == 2


def test_verdict_says_who_closed() -> None:
    def told(talk: Any) -> str:
        return str(of(objects(talk.text()), "verdict")[0]["text"])

    assert "Still open where the trace ends" in told(full())
    old = str(of(objects(sample("ssl3.txt")), "verdict")[0]["text"])
    assert re.search(r"no longer safe\. The client closed first: an encrypted alert, .* then RST \(packet \d+\)\. Ball with: ", old)
    asked = told(full().say(CLIENT, sealed(22, 250)).say(SERVER, sealed(21, 26)).fin(0, 1))
    assert re.search(r"an alert comes back\. The client closed first: FIN \(packet \d+\)\. Ball with: ", asked)
    rude = told(full().say(CLIENT, sealed(23, 40)).fin(0, 1))
    assert "closes (FIN)" in rude and "closed first" not in rude
    closed = told(full().say(SERVER, sealed(21, 26)).fin(1, 0))
    assert re.search(r"The server closed first: an encrypted alert, .*probably close_notify \(packet \d+\), then FIN", closed)


def _verdict(talk: Talk) -> Object:
    return of(objects(talk.text()), "verdict")[0]


def test_alerts_alone_are_records() -> None:
    told = _verdict(Talk().say(CLIENT, alert(2, 80)).say(SERVER, alert(2, 10)).fin(0, 1))
    assert told["text"].startswith("Alerts alone: no message of a handshake was found; the client broke off with internal_error")


def test_an_alert_that_answers_a_fin() -> None:
    """OpenSSL 3 (ssl3_read_n, unexpected EOF) says decode_error where the other end closes in the midst of something."""
    def told(talk: Talk) -> Tuple[Object, Object]:
        found = objects(talk.fin(SERVER).say(CLIENT, alert(2, 50)).fin(CLIENT).text())
        return of(found, "verdict")[0], next(f for f in of(found, "finding") if f["code"] == "fatal-alert")

    verdict, broken = told(Talk().say(CLIENT, hs(hello())))
    assert "no byte in answer; the server closes the connection instead. Ball with: server" in verdict["text"]
    assert verdict["code"] == "client-hello-unanswered"
    assert "the server had closed the connection before (FIN, packet" in broken["text"]
    verdict, broken = told(Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server())))
    assert verdict["code"] == "handshake-incomplete" and "because the server closed the connection" in verdict["text"]
    assert broken["next"] == "look into the log of the server: why did it close"
    first = Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server())).say(CLIENT, alert(2, 50)).fin(0, 1)
    assert _verdict(first)["code"] == "fatal-alert" and not [f for f in first.findings() if "had closed" in f["text"]]


def test_who_ends_a_handshake_before_its_time() -> None:
    ended = Talk().say(CLIENT, hs(hello())).say(SERVER, alert(1, 0)).fin(CLIENT, SERVER)
    told = next(f for f in ended.findings() if f["code"] == "handshake-incomplete")
    assert told["by"] == "server" and told["text"].startswith("the server sent close_notify before both sides finished")
    broken = Talk().say(CLIENT, hs(hello())[:50]).fin(CLIENT).say(SERVER, alert(2, 50)).fin(SERVER)
    told = next(f for f in broken.findings() if f["code"] == "handshake-incomplete")
    assert told["by"] == "client" and "client's incomplete ClientHello" in told["text"]


def test_a_refusal_in_tls13_is_not_taken_for_an_orderly_end() -> None:
    """An alert that is all the server says behind the client's Finished: it may refuse the client's certificate."""
    def told(*server_says: int, client: Tuple[int, ...] = (955, 281, 53)) -> str:
        talk = Talk().say(CLIENT, hs(hello((0x1301,), V13, signal=False)))
        talk.say(SERVER, hs(server(0x1301, S13, signal=False)), ccs(), *(sealed(DATA, n) for n in (27, 91, 900, 281, 53)))
        talk.say(CLIENT, ccs(), *(sealed(DATA, n) for n in client))
        return str(_verdict(talk.say(SERVER, *(sealed(DATA, n) for n in server_says)).fin(SERVER, CLIENT))["text"])

    refused = told(19)
    assert "a record as long as an alert, close_notify or a refusal of the handshake (packet" in refused
    # Java pads each record by 16 bytes, and refuses an empty Certificate before it reads the Finished.
    for first, rest in ((971, 297, 69), ()), ((41,), (69, 51)):
        talk = Talk().say(CLIENT, hs(hello((0x1301,), V13, signal=False)))
        talk.say(SERVER, hs(server(0x1301, S13, signal=False)), ccs(), *(sealed(DATA, n) for n in (43, 107, 916, 297, 69)))
        talk.say(CLIENT, ccs(), *(sealed(DATA, n) for n in first)).say(SERVER, sealed(DATA, 35))
        talk.say(CLIENT, *(sealed(DATA, n) for n in rest))
        assert "padding that Java adds, close_notify or a refusal of the handshake (packet" in \
            _verdict(talk.fin(SERVER, CLIENT))["text"]
    assert "No fault" not in refused and refused.endswith("the log of the server tells, or a key log.")
    for other in (told(250, 19), told(19, client=(53, 40))):
        assert "probably close_notify" in other and other.endswith("No fault of either end was found.")


def test_a_renegotiation_that_is_asked_for_too_late() -> None:
    """The other end had left, or who asked had: nobody refuses anything."""
    late = full().say(CLIENT, sealed(DATA, 60)).say(SERVER, sealed(ALERT, 26)).fin(SERVER).say(CLIENT, sealed(HANDSHAKE, 300))
    assert "renegotiation-refused" not in late.fin(CLIENT).codes()
    left = full().say(SERVER, sealed(HANDSHAKE, 28), sealed(ALERT, 26)).fin(SERVER).say(CLIENT, sealed(HANDSHAKE, 300)).fin(CLIENT)
    assert "renegotiation-refused" not in left.codes()
    alone = full().say(SERVER, sealed(HANDSHAKE, 28), sealed(ALERT, 26)).fin(SERVER).fin(CLIENT)
    assert "renegotiation-refused" in alone.codes()


def test_a_hello_without_the_signal_hides_no_closing_alert() -> None:
    told = _verdict(full(hello(signal=False), server(signal=False)).say(SERVER, sealed(ALERT, 26)).fin(SERVER, CLIENT))
    assert told["code"] == "renegotiation-info-missing" and "The server closed first: an encrypted alert" in told["text"]


def test_a_client_refuses_the_version_behind_the_whole_flight() -> None:
    older = server(0xC014, version=0x0302)
    broken = full(hello((0xC014, 0x002F)), older, version=0x0302, finish=False)
    said = Talk().say(CLIENT, hs(hello((0xC014,)))).say(SERVER, hs(older, chain(cert(*LEAF)), SKE, DONE, version=0x0302))
    told = of(objects(said.say(CLIENT, alert(2, 70)).fin(0, 1).text()), "finding")
    mismatch = next(f for f in told if f["code"] == "version-mismatch")
    assert mismatch["by"] == "server" and "the server chooses TLS 1.1, and the client refuses that" in mismatch["text"]
    assert not [f for f in told if "agree on" in f["text"]]
    assert "version-mismatch" not in broken.say(CLIENT, alert(2, 70)).codes()  # it took the version before


def test_offers_that_no_server_took() -> None:
    psk = {**V13, 41: vector(2, vector(2, b"me") + bytes(4)) + vector(2, vector(1, bytes(32)))}
    told = Talk().say(CLIENT, hs(hello((0x1301,), psk, signal=False))).say(SERVER, alert(2, 40)).findings()
    assert "; 1 pre-shared key; " in next(f["text"] for f in told if f["code"] == "no-common-parameters")
    newest = Talk().say(CLIENT, hs(hello((0x1301, 0x5600), V13, signal=False))).findings()
    assert "the newest version" in next(f["text"] for f in newest if f["code"] == "fallback-scsv")


def test_alerts_over_a_pre_shared_key() -> None:
    def told(talk: Talk, side: int, description: int) -> Object:
        return next(f for f in talk.say(side, alert(2, description)).findings() if f["code"] == "fatal-alert")

    def older(suite: int) -> Talk:
        talk = Talk().say(CLIENT, hs(hello((suite,)))).say(SERVER, hs(server(suite), DONE))
        return talk.say(CLIENT, hs(message(16, vector(2, b"me"))), ccs(), sealed(HANDSHAKE, 40))

    psk = {**V13, 41: vector(2, vector(2, b"me") + bytes(4)) + vector(2, vector(1, bytes(32)))}
    newer = [Talk().say(CLIENT, hs(hello((0x1301,), e, signal=False))) for e in (psk, psk, V13)]
    for wrong in (told(older(0x00A8), SERVER, 20), told(newer[0], SERVER, 47)):
        assert "different keys for the identity" in wrong["text"] and wrong["by"] == "unknown"
        assert wrong["next"].startswith("compare the pre-shared key")
    for other in (told(older(0x009C), SERVER, 20), told(newer[1], SERVER, 80), told(newer[2], SERVER, 47)):
        assert "identity" not in other["text"]


def test_tls_that_is_refused_in_clear() -> None:
    """The answer to STARTTLS and its kin, where it is no yes; the client may begin all the same."""
    mail = ((SERVER, b"220 mx ESMTP\r\n"), (CLIENT, b"EHLO a\r\n"), (SERVER, b"250-mx\r\n250 STARTTLS\r\n"),
            (CLIENT, b"STARTTLS\r\n"))

    def told(*script: Tuple[int, bytes]) -> List[Object]:
        talk = Talk(ports=(50000, 2525))
        for side, data in script:
            talk.say(side, data)
        return objects(talk.fin(SERVER, CLIENT).text())

    no = (SERVER, b"454 4.7.0 TLS not available\r\n")
    for more in ((), ((CLIENT, hs(hello())),)):
        found = told(*mail, no, *more)
        verdict = of(found, "verdict")[0]
        assert (verdict["code"], verdict["by"]) == ("tls-refused", "server")
        assert 'does not grant it: "454 4.7.0 TLS not available.."' in verdict["text"]
        assert verdict["text"].endswith("-starttls smtp") and "starttls" not in {f["code"] for f in of(found, "finding")}
    for by, words in (("server", (bytes.fromhex("0000000804d2162f"), b"N")), ("middlebox", (b"\5\1\2", b"\5\xff")),
                      ("middlebox", (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 403 No\r\n\r\n")),
                      ("client", (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 407 No\r\n\r\n")),
                      ("unknown", (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 502 No\r\n\r\n"))):
        refused = next(f for f in of(told((CLIENT, words[0]), (SERVER, words[1])), "finding") if f["code"] == "tls-refused")
        assert (refused["by"], refused["sure"]) == (by, "proven") and ("server's log" in refused["next"]) is (by == "server")
    letter = (CLIENT, b"STARTTLS\r\nis a word of mine.\r\n.\r\n")
    said = told(*mail[:3], letter, (SERVER, b"250 ok\r\n"))
    assert next(f for f in of(said, "finding") if f["code"] == "tls-refused")["sure"] == "likely"
    for good in (told(*mail, (SERVER, b"220 go\r\n"), (CLIENT, hs(hello()))), told(*mail), told(*mail[:3], no)):
        assert "tls-refused" not in {f["code"] for f in of(good, "finding")}


def test_alerts_without_a_meaning_of_their_own() -> None:
    for number, said in ((99, "0x63 (99): its description is not a registered one"), (52, "too_many_cids_requested (52): what it")):
        found = Talk().say(CLIENT, hs(hello())).say(SERVER, alert(2, number)).findings()
        assert said in next(f["text"] for f in found if f["code"] == "fatal-alert")


def test_a_small_diffie_hellman_group() -> None:
    def told(bits: int, *then: bytes) -> List[Object]:
        prime = (1 << bits - 1 | 1).to_bytes(bits // 8, "big")
        params = vector(2, prime) + vector(2, b"\2") + vector(2, bytes(bits // 8))
        exchange = message(12, params + numbers(0x0804) + vector(2, bytes(256)))
        talk = Talk().say(CLIENT, hs(hello((0x009E,))))
        talk.segments(SERVER, hs(server(0x009E), chain(cert(*LEAF), cert("Inner CA", "Root CA")), exchange, DONE))
        return objects((talk.say(CLIENT, *then) if then else talk).text())

    weak = next(f for f in of(told(1024), "finding") if f["code"] == "weak-key-exchange")
    assert "has 1024 bits" in weak["text"] and weak["by"] == "server" and weak["at"]
    assert "weak-key-exchange" not in {f["code"] for f in of(told(2048), "finding")}
    verdict = of(told(1024, alert(2, 71)), "verdict")[0]
    assert verdict["code"] == "weak-key-exchange" and "most likely because the server's Diffie-Hellman prime" in verdict["text"]


def test_the_verdict_speaks_of_the_ends_and_not_of_the_dump() -> None:
    """A mistyped byte is a warning on the dump, beside a handshake that is in good order."""
    lines = full().say(CLIENT, sealed(ALERT, 26)).say(SERVER, sealed(ALERT, 26)).fin(0, 1).text().splitlines(True)
    row = lines[-1]  # the window
    assert row.startswith(b"\t0x0020:") and b" 0400 " in row
    lines[-1] = row.replace(b" 0400 ", b" 4100 ")
    found = objects(b"".join(lines))
    assert {"ascii-disagrees", "checksum"} & {f["code"] for f in of(found, "finding")}
    assert of(found, "verdict")[0]["text"].endswith("No fault of either end was found.")


def test_who_leaves_an_unanswered_hello() -> None:
    for first, said in (
        (SERVER, "the server closes the connection instead"),
        (CLIENT, "has it and says nothing, until the client closes the connection (packet 6)"),
    ):
        talk = Talk().say(CLIENT, hs(hello()))
        talk.wire.ack(SERVER)
        told = next(f for f in talk.fin(first, 1 - first).findings() if f["code"] == "client-hello-unanswered")
        assert told["text"].endswith(said) and told["by"] == "server"


def test_a_client_that_resets_did_perhaps_not_wait() -> None:
    gone = Talk().say(CLIENT, hs(hello()))
    gone.wire.ack(SERVER)
    told = next(f for f in gone.rst(CLIENT).findings() if f["code"] == "client-hello-unanswered")
    assert told["by"] == "unknown" and "until the client resets the connection (packet" in told["text"]


def test_signatures_of_a_trace_with_stand_ins(hexnote: Callable[..., Printed], tmp_path: Any) -> None:
    """They cannot verify, and are known by their ending: such a trace tells the same story, by its exit status too."""
    path = tmp_path / "out.txt"
    good = chain(cert("www.example.com", "Curve CA", bits=256), cert("Curve CA", "Curve CA", bits=256))
    for talk in (full(), full(certificates=good)):
        path.write_bytes(talk.text())
        before = hexnote("--diagnose", str(path))
        path.write_bytes(hexnote("--redact", str(path)).out)
        after = hexnote("--diagnose", str(path))
        assert b"signatures checked" in before.out and before.status == after.status == 0
        assert "signatures not, for they were replaced (--redact)" in " ".join(after.out.decode().split())
    # Those that other tools replace are wrong, for all that the bytes show.
    path.write_bytes(full(certificates=good[:-4] + b"\0\0\0\0").text())
    told = " ".join(hexnote("--diagnose", str(path)).out.decode().split())
    assert "certificate-signature-wrong" in told and "who must act: server; how sure: likely" in told
    assert "refuted by: a typing error in the dump, or names and keys that were replaced in it" in told


def test_a_handshake_that_is_cut_short_in_the_dump_is_not_called_unfinished() -> None:
    """Nor is its beginning called missing, where the ClientHello, of which bytes are missing, is told behind the ServerHello."""
    padded = hello(extensions={0: vector(2, b"\0" + vector(2, b"www.example.com")), 21: bytes(300)})
    talk = Talk().say(CLIENT, hs(padded)).say(SERVER, hs(server()), hs(chain(cert(*LEAF))), hs(SKE), hs(DONE))
    talk.say(CLIENT, hs(message(16, vector(1, bytes(250)))), ccs(), sealed(HANDSHAKE, 40)).say(SERVER, ccs(), sealed(HANDSHAKE, 40))
    cut = [packet[:230] for packet in talk.say(CLIENT, sealed(DATA, 60)).wire.packets]
    text = str(of(objects(dump(cut)), "verdict")[0]["text"])
    assert text.startswith("A handshake of which bytes are missing, TLS 1.2, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256; packets are")
    whole = full(padded, finish=False).say(CLIENT, alert(2, 42))
    assert str(_verdict(whole)["text"]).startswith("Unfinished handshake, TLS 1.2")


def test_a_reset_behind_a_whole_handshake_is_no_orderly_end() -> None:
    def told(talk: Talk) -> Set[str]:
        return {f["code"] for f in talk.findings() if f["severity"] != "note"}

    verdict = _verdict(full().rst(SERVER))
    assert (verdict["code"], verdict["by"]) == ("no-close-notify", "server")
    assert "the server resets the connection (RST) and has sent no alert" in verdict["text"]
    assert told(full().say(SERVER, sealed(ALERT, 26)).rst(CLIENT)) == set()  # after the other end's close
    assert told(full().say(SERVER, sealed(ALERT, 26)).rst(SERVER)) == set()  # after its own
    closed = told(full().say(CLIENT, sealed(DATA, 60)).fin(SERVER))
    assert told(full().say(CLIENT, sealed(DATA, 60)).fin(SERVER).rst(CLIENT)) == closed == {"no-close-notify"}


def test_a_guess_of_who_is_who_proves_nothing() -> None:
    """Where no SYN and no message of one end alone tells it, findings on the ends are no surer than the ports are."""
    def told(ports: Tuple[int, int], *said: bytes) -> Tuple[Object, Object, str]:
        talk = Talk(ports=ports, open=False)
        for data in said:
            talk.say(CLIENT, data)
        found = objects(talk.text())
        named = {f["code"]: f for f in of(found, "finding")}
        return named["fatal-alert"], of(found, "verdict")[0], named.get("midstream", {"text": ""})["text"]

    broken, verdict, begun = told((50000, 443), alert(2, 80))
    assert (broken["by"], broken["sure"], verdict["by"]) == ("client", "likely", "client")
    assert "its port alone tells" in begun and "its port alone tells, which is one of TLS. Ball with: client" in verdict["text"]
    broken, verdict, begun = told((50000, 60000), alert(2, 80))
    assert (broken["by"], broken["sure"], verdict["by"]) == ("unknown", "possible", "unknown")
    assert "the ports alone tell" in begun and "Ball with: unknown" in verdict["text"]
    broken, verdict, begun = told((50000, 443), hs(hello()), alert(2, 80))
    assert (broken["by"], broken["sure"]) == ("client", "proven") and not begun.count("port")
    # Of bytes without headers, nothing tells whose they are.
    lone = of(objects(b"00000000  15 03 03 00 02 02 50                              |......P|\n"), "finding")
    assert [(f["by"], f["sure"]) for f in lone] == [("unknown", "possible")]


def test_a_guess_of_who_is_who_weakens_what_names_no_end() -> None:
    """Full or resumed, of a renegotiation, tells whose ChangeCipherSpec comes first; what lengths alone tell rests on no end."""
    for ports, sure, kind in (((50000, 443), "likely", "full"), ((50000, 60000), "possible", "resumed")):
        talk = Talk(ports=ports, open=False).say(CLIENT, sealed(HANDSHAKE, 300), sealed(CCS, 25), sealed(HANDSHAKE, 40))
        found = {f["code"]: f for f in talk.say(SERVER, sealed(CCS, 25), sealed(HANDSHAKE, 40)).findings()}
        told = found["renegotiation"]
        assert told["sure"] == sure and f"who began it, the trace does not show, {kind}" in told["text"]
        assert found["cipher-class"]["sure"] == "likely"


def test_a_hello_that_says_who_is_who_is_heard_at_once() -> None:
    """It may be malformed: that is told before the message is whole. Packets without payload came before."""
    talk = Talk(open=False)
    talk.wire.ack(CLIENT)
    told = {f["code"]: f for f in talk.say(CLIENT, hs(hello()[:-7] + bytes((0, 99)) + bytes(5))).findings()}
    assert (told["malformed"]["by"], told["malformed"]["sure"]) == ("client", "proven") and "port" not in told["midstream"]["text"]


def test_who_must_act_by_an_alert_is_proven_by_few() -> None:
    """What an alert says of the other end may be wrong: a clock, a trust store, a library of the sender's."""
    def told(description: int) -> Tuple[str, str]:
        talk = full(finish=False).say(CLIENT, alert(2, description))
        found = next(f for f in talk.findings() if f["code"] == "fatal-alert")
        return found["by"], found["sure"]

    assert (told(45), told(80), told(49)) == (("server", "likely"), ("client", "proven"), ("unknown", "proven"))
    closed = Talk().say(CLIENT, hs(hello())).fin(CLIENT).say(SERVER, alert(2, 50)).fin(SERVER)
    found = next(f for f in closed.findings() if f["code"] == "fatal-alert")
    assert found["by"] == _verdict(closed)["by"] == "unknown"


def test_a_hello_says_who_is_who_against_the_ports() -> None:
    """The client's port may be the lower one, or one of TLS; packets without payload may have come before."""
    for ports in ((40000, 60000), (443, 50000)):
        for bare in (False, True):
            talk = Talk(ports=ports, open=False)
            if bare:
                talk.wire.ack(SERVER)
                talk.wire.ack(CLIENT)
            talk.say(CLIENT, hs(hello())).say(SERVER, hs(server())).say(SERVER, alert(2, 40))
            found = objects(talk.text())
            assert {m["name"]: m["from"] for m in of(found, "message")} == {"client_hello": "client", "server_hello": "server"}
            begun = next(f for f in of(found, "finding") if f["code"] == "midstream")
            assert "a hello shows which end is the client" in begun["text"]
    answered = Talk(ports=(40000, 60000), open=False).say(SERVER, hs(server())).say(CLIENT, hs(CKE))
    assert {m["name"]: m["from"] for m in of(objects(answered.text()), "message")} == {
        "server_hello": "server", "client_key_exchange": "client"}
    # Bytes that were read before keep their side: that is said, and nothing is proven.
    late = Talk(ports=(40000, 60000), open=False).say(CLIENT, b"PROXY TCP4 10.0.0.9 10.0.0.2 4 443\r\n").say(CLIENT, hs(hello()))
    found = of(objects(late.say(SERVER, alert(2, 80)).text()), "finding")
    assert "the other way round" in next(f["text"] for f in found if f["code"] == "midstream")
    assert {f["sure"] for f in found if f["code"] == "fatal-alert"} == {"possible"}


def test_bytes_behind_both_fins() -> None:
    """What comes when a connection is over is told as what it is: sent again, too late, or behind the FIN."""
    def told(talk: Talk, at: int, size: int, fins: Tuple[int, ...] = (SERVER, CLIENT)) -> Tuple[Dict[str, str], bytes]:
        talk.fin(*fins)
        talk.wire.closed = [0, 0]
        for _ in range(2):
            talk.wire.send(SERVER, sealed(DATA, size), at)
            at += size + 5
        text = talk.text()
        codes = {f["code"]: f["text"] for f in of(objects(text), "finding")}
        return codes, b" ".join(line[2:].strip() for line in annotate(text).splitlines())

    def said() -> Talk:
        return full().say(CLIENT, sealed(DATA, 40)).say(SERVER, sealed(DATA, 35))

    again, _ = told(said(), said().at[1] - 80, 35)  # the first half of it is older
    assert "retransmission" in again and "data-after-fin" not in again and "gap" not in again
    for fins in ((SERVER, CLIENT), (SERVER,)):
        for more in (0, 1):  # with the sequence number that the FIN takes, and without
            new, text = told(said(), said().at[1] + more, 100, fins)
            assert "the server sent 105 bytes" in new["data-after-fin"] and not {"gap", "out-of-order"} & new.keys()
            assert b"trace so far" not in text
            assert text.count(b"] data-after-fin") == 1
    late = said()
    at = late.at[1]
    late.at[1] = late.wire.sent[1] = late.wire.heard[0] = at + 80
    lost, text = told(late, at, 35)
    assert "up to the connection's end: 80 bytes" in lost["gap"] and "come too late" in lost["retransmission"]
    assert b"80 bytes of the server's stream are not in this trace so far" in text


def test_bytes_that_come_when_their_gap_was_given_up_are_not_missing_from_the_trace() -> None:
    talk = full()
    at = talk.at[1]
    talk.at[1] += 105
    talk.wire.heard[0] = at + 105
    for _ in range(4):
        talk.say(SERVER, sealed(DATA, 100)).wire.ack(CLIENT)
    talk.wire.send(SERVER, sealed(DATA, 100), at)
    gap = next(f for f in talk.findings() if f["code"] == "gap")["text"]
    assert gap == ("bytes came too late or not at all: 105 bytes of the server's; 105 bytes of the server's came when they had "
                   "been given up, and are not read")


def _with_ttl(talk: Talk, number: int, ttl: int) -> Talk:
    """A packet, by its number from 0 on, as if another host had sent it."""
    packet = bytearray(talk.wire.packets[number])
    packet[8], packet[10:12] = ttl, b"\0\0"
    packet[10:12] = checksum(bytes(packet[:20])).to_bytes(2, "big")
    talk.wire.packets[number] = bytes(packet)
    return talk


def test_who_cuts_in_another_s_name_is_not_that_end() -> None:
    """A RST or FIN whose TTL is none of its bearer's: findings blame no end for it, and agree with the verdict."""
    def told(talk: Talk, code: str) -> Tuple[str, str]:
        found = objects(talk.text())
        named = next(f for f in of(found, "finding") if f["code"] == code)
        assert of(found, "verdict")[0]["by"] == named["by"]
        assert ("likely not the server" in named["text"]) == (named["by"] == "middlebox")
        return named["by"], named["sure"]

    def asked() -> Talk:
        talk = Talk().say(CLIENT, hs(hello()))
        talk.wire.ack(SERVER)
        return talk

    for ttl, by in ((243, "middlebox"), (64, "server")):
        assert told(asked().rst(SERVER, ttl=ttl), "client-hello-unanswered") == (by, "likely")
        assert told(full(finish=False).rst(SERVER, ttl=ttl), "reset-mid-handshake") == (by, "likely")
        assert told(_with_ttl(asked().fin(SERVER), -2, ttl), "client-hello-unanswered") == (by, "likely")
        over = full().say(SERVER, sealed(DATA, 100)).fin(SERVER)
        assert told(_with_ttl(over, -2, ttl), "no-close-notify") == (by, "likely" if by == "middlebox" else "proven")
    early = Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server())).fin(SERVER)
    assert told(_with_ttl(early, -2, 243), "handshake-incomplete") == ("middlebox", "likely")
    # A FIN behind which its side goes on is not said to be that end's.
    on = full().say(SERVER, sealed(DATA, 100)).fin(SERVER)
    on.wire.closed = [0, 0]
    assert "no-close-notify" not in on.say(SERVER, sealed(DATA, 100)).codes()


def test_bytes_that_the_client_acknowledged_did_come() -> None:
    """The trace lacks the server's answer; that is no server which does not answer."""
    talk = Talk().say(CLIENT, hs(hello()))
    talk.wire.heard[CLIENT] = 3000
    talk.wire.ack(CLIENT)
    found = {f["code"]: f["text"] for f in talk.fin(CLIENT).findings()}
    assert "client-hello-unanswered" not in found and found["gap"].endswith("2999 bytes of the server's")
    closed = Talk().say(CLIENT, hs(hello()))
    closed.wire.heard[CLIENT] = 1  # it may be a FIN that the trace lacks
    closed.wire.ack(CLIENT)
    assert "gap" not in closed.codes()


def test_who_pads_its_records_may_have_sent_an_alert() -> None:
    """openssl s_server -record_padding 256: of 272 bytes are Finished, data and alerts alike."""
    def told(*sizes: int) -> Tuple[Set[str], str]:
        talk = Talk().say(CLIENT, hs(hello((0x1301,), V13)))
        talk.say(SERVER, hs(server(0x1301, S13, signal=False)), ccs(), *(sealed(DATA, size) for size in sizes[:-1]))
        talk.say(CLIENT, ccs(), sealed(DATA, 53)).say(SERVER, sealed(DATA, sizes[-1])).fin(SERVER, CLIENT)
        return talk.codes(), str(_verdict(talk)["text"])

    codes, verdict = told(272, 2832, 272, 272)
    assert "no-close-notify" not in codes and "closed first: FIN (packet" in verdict
    assert "no-close-notify" in told(39, 1200, 53, 272)[0]


def test_an_alert_of_tls13_that_only_its_length_tells_blames_nobody() -> None:
    """GnuTLS refuses a certificate so; what it says of whom is encrypted. And an end that closed before is what it is."""
    def told(*script: Any) -> Object:
        talk = Talk().say(CLIENT, hs(hello((0x1301,), V13)))
        talk.say(SERVER, hs(server(0x1301, S13, signal=False)), ccs(), sealed(DATA, 1200), sealed(DATA, 53))
        for part in script:
            if isinstance(part, int):
                talk.fin(part)
            else:
                talk.say(*part)
        return next(f for f in talk.findings() if f["code"] == "handshake-incomplete")

    refused = told((CLIENT, ccs(), sealed(DATA, 19)), 0, 1)
    assert "a record of 19 bytes, as long as an alert" in refused["text"] and refused["by"] == "unknown"
    left = told(0, (SERVER, sealed(DATA, 19)), 1)
    assert left["text"].startswith("the client closed the connection") and left["by"] == "client"


def test_a_reset_behind_the_other_end_s_close() -> None:
    """The client had given up: the server that then resets did not leave the hello unanswered by that."""
    talk = Talk().say(CLIENT, hs(hello()))
    talk.wire.ack(SERVER)
    found = {f["code"]: f for f in talk.fin(CLIENT).rst(SERVER).findings()}
    assert "has it and says nothing" in found["client-hello-unanswered"]["text"]
    reset = found["reset-mid-handshake"]
    assert reset["by"] == "unknown" and "the client had closed it before" in reset["text"]


def test_alerts_as_gnutls_means_them() -> None:
    """unexpected_message to an end that closed, decode_error to an empty list of certificates: measured with gnutls-serv 3.7."""
    gone = _verdict(Talk().fin(CLIENT).say(SERVER, alert(2, 10)).fin(SERVER))
    assert "the client had closed the connection before (FIN, packet 4)" in gone["text"] and gone["by"] == "unknown"
    empty = full(asked=request(), sent=(chain(), CKE)).say(SERVER, alert(2, 50)).fin(1, 0)
    assert _verdict(empty)["code"] == "client-certificate-empty"


def test_an_issuer_s_name_under_another_key_is_told() -> None:
    """Renewed under its old name, an authority has another key: names alone would do."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    day = [datetime.datetime(year, 1, 1) for year in (2020, 2040)]

    def made(name: str, key: int, issuer: str, signer: int) -> bytes:
        names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, n)]) for n in (name, issuer)]
        built = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).serial_number(3)
        built = built.public_key(keys[key].public_key()).not_valid_before(day[0]).not_valid_after(day[1])
        for extension in (x509.BasicConstraints(name.endswith("CA"), None), x509.SubjectKeyIdentifier.from_public_key(
                keys[key].public_key()), x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[signer].public_key())):
            built = built.add_extension(extension, False)
        return built.sign(keys[signer], hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    talk = full(certificates=chain(made("www.example.com", 0, "Inner CA", 1), made("Inner CA", 2, "Root CA", 1)))
    text = next(f["text"] for f in talk.findings() if f["code"] == "chain-incomplete")
    assert "whose certificate was not sent (certificate 2 bears that name, and has another key)" in text


def _moved(talk: Talk, number: int, to: int) -> Talk:
    """A packet, by its number from 0 on, in another place of the capture."""
    talk.wire.packets.insert(to, talk.wire.packets.pop(number))
    return talk


def test_a_hello_that_the_capture_has_behind_its_answer() -> None:
    """Captures of several queues bring the two ends' packets in another order: nobody renegotiates, nothing is out of order."""
    flight = hs(server(), chain(cert("www.example.com", "Inner CA")), SKE, DONE)
    talk = Talk().say(CLIENT, hs(hello())).segments(SERVER, flight, 300)
    talk.say(CLIENT, hs(CKE), ccs(), sealed(HANDSHAKE, 40)).say(SERVER, ccs(), sealed(HANDSHAKE, 40))
    codes = _moved(talk, 3, 5).codes()
    assert "full-handshake" in codes and not {"renegotiation-info-missing", "unexpected-message", "renegotiation"} & codes
    again = full().say(SERVER, sealed(HANDSHAKE, 28)).say(CLIENT, hs(hello(suites=(0x002F, 0x00FF), signal=False)))
    assert "renegotiation-info-missing" in again.codes()  # a later one is in an established connection


    first = hello((0x1301,), {**V13, 51: vector(2, numbers(0x0018) + vector(2, bytes(97)))})
    retry = server(0x1301, {43: numbers(0x0304), 51: numbers(0x001D)}, random=RETRY, signal=False)
    retried = Talk().say(CLIENT, hs(first)).say(SERVER, hs(retry), ccs()).say(CLIENT, ccs(), hs(hello((0x1301,), V13)))
    retried.say(SERVER, hs(server(0x1301, S13, signal=False)), sealed(DATA, 1200), sealed(DATA, 53)).say(CLIENT, sealed(DATA, 53))
    assert "full-handshake" in retried.codes()
    codes = _moved(retried, -3, -2).codes()
    assert "full-handshake" in codes and not {"unoffered-choice", "unexpected-message"} & codes


def test_a_finished_that_the_capture_has_before_the_server_s_flight() -> None:
    """In TLS 1.3 it looks like early data, which the hello did not offer."""
    talk = Talk().say(CLIENT, hs(hello((0x1301,), V13)))
    talk.say(SERVER, hs(server(0x1301, S13, signal=False)), ccs(), sealed(DATA, 1200), sealed(DATA, 53))
    talk.say(CLIENT, ccs(), sealed(DATA, 53)).say(CLIENT, sealed(DATA, 19)).fin(CLIENT, SERVER)
    codes = _moved(talk, 5, 4).codes()
    assert "full-handshake" in codes and not {"handshake-incomplete", "early-data", "early-data-rejected"} & codes


def test_a_fin_that_the_capture_has_before_an_alert_was_not_sent_before_it() -> None:
    """It overtook its own side's; or it acknowledges the other one's."""
    talk = full(finish=False).say(SERVER, alert(2, 40)).fin(SERVER)
    assert "handshake-incomplete" not in _moved(talk, -2, -3).codes()
    over = _moved(full().say(SERVER, sealed(21, 26)).fin(SERVER, CLIENT), -4, -5)
    assert "The server closed first: FIN (packet" in _verdict(over)["text"] and "no-close-notify" not in over.codes()
    for description in (40, 50):
        other = full(finish=False).say(CLIENT, alert(2, description)).fin(SERVER, CLIENT)
        assert "handshake-incomplete" not in _moved(other, -5, -4).codes()
        assert not [f for f in other.findings() if "had closed the connection before" in f["text"]]


def test_a_probe_with_the_number_of_the_fin_is_no_data() -> None:
    """Keep-alives repeat the last number that was sent, and a FIN takes one."""
    talk = full().say(SERVER, sealed(21, 26)).fin(SERVER)
    end = talk.at[SERVER]
    talk.wire.closed = [0, 0]
    talk.wire.send(SERVER, b"\0", end)
    assert not {"data-after-fin", "gap", "malformed"} & talk.codes()


def test_what_missing_bytes_may_have_been() -> None:
    """Data of both ends behind a hole: the handshake may be over. And which record asks for another one, a hole leaves open."""
    def told(hole: int) -> Set[str]:
        talk = Talk().say(CLIENT, hs(hello((0x1301,), V13)))
        talk.say(SERVER, hs(server(0x1301, S13, signal=False)), ccs(), sealed(DATA, 1200), sealed(DATA, 53))
        talk.say(CLIENT, ccs(), sealed(DATA, 53)).say(SERVER, sealed(DATA, 300)).say(CLIENT, sealed(DATA, 40)).rst(SERVER)
        talk.wire.packets.pop(hole)
        return talk.codes()

    assert "reset-mid-handshake" not in told(4)
    early = full(finish=False).rst(SERVER)
    early.wire.packets.pop(4)
    assert "reset-mid-handshake" in early.codes()
    asked = full().say(CLIENT, sealed(HANDSHAKE, 250)).say(SERVER, sealed(ALERT, 26)).fin(0, 1)
    assert "renegotiation-refused" in asked.codes()
    asked.wire.packets = [packet[:100] for packet in asked.wire.packets]
    assert "renegotiation-refused" not in asked.codes()


def test_a_nonce_that_counts_is_no_hello_request() -> None:
    """GnuTLS, NSS and Go count their explicit nonces from 0: where a ChangeCipherSpec is missing, that is no message in clear."""
    talk = full()
    for number in (1, 2, 3):
        talk.say(CLIENT, record(HANDSHAKE, number.to_bytes(8, "big") + b"\xee" * 60))
    talk.wire.packets.pop(-5)  # the client's ChangeCipherSpec and Finished
    told = objects(talk.text())
    assert "malformed" not in {f["code"] for f in of(told, "finding")}
    assert not [m for m in of(told, "message") if m["name"] in ("hello_request", "") or m["length"] > 10000]
    asked = Talk(open=False).say(SERVER, hs(message(0, b"")))
    assert [m["name"] for m in of(objects(asked.text()), "message")] == ["hello_request"]


def test_what_is_sent_again_and_not_acknowledged() -> None:
    """A path that drops full-size packets: half a hello is acknowledged, or none of the server's flight."""
    def told(talk: Talk, code: str) -> Tuple[str, str, str]:
        found = next(f for f in talk.findings() if f["code"] == code)
        return found["by"], found["sure"], found["text"]

    sent = hs(hello(extensions={21: bytes(1800)}))
    for left in (None, SERVER):
        half = Talk().say(CLIENT, sent[:1400]).say(CLIENT, sent[1400:])
        half.wire.heard[SERVER] = 1400
        half.wire.ack(SERVER)
        half.wire.send(CLIENT, sent[1400:], 1400)
        if left is not None:
            half.wire.heard[SERVER] = 1400
            half.wire.close(SERVER)
        by, sure, text = told(half, "client-hello-unanswered")
        assert (by, sure) == ("middlebox", "likely")
        assert ("its first 1395 bytes were acknowledged, the others not, though sent again" if left is None else
                f"the last {len(sent) - 1400} bytes of the hello it had not acknowledged") in text
    cut = Talk().say(CLIENT, sent[:1400])
    cut.wire.ack(SERVER)
    by, sure, text = told(cut, "client-hello-unanswered")
    assert (by, sure) == ("unknown", "possible") and "its first 1395 bytes were acknowledged, and the others are not in" in text
    for lost in (True, False):
        flight = full(finish=False)
        flight.wire.packets = flight.wire.packets[:-1]  # the client's part
        flight.wire.sent[CLIENT] = len(hs(hello()))
        size, flight.wire.heard[CLIENT] = flight.at[SERVER], 0
        flight.wire.send(SERVER, hs(server()), 0)
        flight.wire.heard[CLIENT] = 0 if lost else size
        flight.wire.close(CLIENT)
        by, sure, text = told(flight, "handshake-incomplete")
        assert (by, sure) == (("middlebox", "likely") if lost else ("client", "proven"))
        assert (f"of the server's {size} bytes the client has acknowledged none" in text) is lost
    for ended, code in ((Wire.close, "handshake-incomplete"), (None, "reset-mid-handshake")):
        sent = hs(chain(cert("client", "Inner CA")), CKE, CV)
        proof = full(asked=request(), sent=(chain(cert("client", "Inner CA")), CKE, CV), finish=False)
        proof.wire.send(CLIENT, sent, len(hs(hello())))
        proof.wire.heard[SERVER] = len(hs(hello()))
        if ended is not None:
            ended(proof.wire, SERVER)
        else:
            proof.rst(CLIENT)
        by, sure, text = told(proof, code)
        assert (by, sure) == ("middlebox", "likely") and f"the server has acknowledged {len(hs(hello()))}, though" in text


def test_a_gap_that_was_not_acknowledged() -> None:
    """What neither the trace has nor the other end acknowledges was not lost by the capture."""
    for heard, lost in ((0, True), (3000, False)):
        talk = Talk().say(CLIENT, hs(hello()))
        talk.wire.send(SERVER, bytes(200), 2800)
        talk.wire.heard[CLIENT] = heard
        talk.wire.close(CLIENT)
        found = next(f for f in talk.findings() if f["code"] == "gap")
        assert ("the client acknowledges nothing" in found["text"]) is lost and ("ping" in found["next"]) is lost


def test_what_the_hello_says_of_a_refused_name_or_protocol() -> None:
    def told(extensions: Dict[int, bytes], description: int, level: int = 2) -> Object:
        talk = Talk().say(CLIENT, hs(hello(extensions=extensions))).say(SERVER, alert(level, description))
        return next(f for f in talk.findings() if f["code"] == ("fatal-alert" if level == 2 else "warning-alert"))

    named, nameless = told(SNI, 112), told({}, 112)
    assert named["by"] == "server" and "of the name that was asked for" in named["text"]
    assert nameless["by"] == "client" and "the client names no server" in nameless["text"] and "asked for" not in nameless["text"]
    assert named["next"].endswith("openssl s_client -connect 10.0.0.2:443 -servername NAME")
    assert "the client names no server" in told({}, 112, 1)["text"]
    for address in (b"10.0.0.2", b"2001:db8::1"):
        literal = told({0: vector(2, b"\0" + vector(2, address))}, 112)
        assert literal["by"] == "client" and "an address instead of a name" in literal["text"]
    assert "the client has sent none" in told({}, 49)["text"]
    shown = full(asked=request(), sent=(chain(cert("client", "Inner CA")), CKE, CV), finish=False).say(SERVER, alert(2, 49))
    assert "the certificate is valid, but" in next(f["text"] for f in shown.findings() if f["code"] == "fatal-alert")
    offered = told({16: vector(2, vector(1, b"http/1.1") + vector(1, b"\x1b[2J"))}, 120)
    assert "the client offers http/1.1, .[2J;" in offered["text"] and "-alpn" in offered["next"]


def test_a_warning_that_a_client_takes_for_an_end() -> None:
    """Java up to 7 breaks off over unrecognized_name, with an alert that says nothing of it."""
    for level, over in ((1, True), (0, False)):
        talk = Talk().say(CLIENT, hs(hello(extensions=SNI))).say(SERVER, *([alert(1, 112)] * level), hs(server()))
        broken = next(f for f in talk.say(CLIENT, alert(2, 10)).findings() if f["code"] == "fatal-alert")
        assert ("old clients (Java 7) break off over that" in broken["text"]) is over and (broken["by"] == "unknown") is over
    begun = full(finish=False)
    begun.say(SERVER, alert(1, 112)).say(CLIENT, alert(2, 40))
    assert "Java" not in next(f for f in begun.findings() if f["code"] == "fatal-alert")["text"]


def test_a_hello_retry_that_does_not_fit() -> None:
    groups = vector(2, numbers(0x001D, 0x0017))
    share = {0x001D: numbers(0x001D) + vector(2, bytes(32)), 0x0017: numbers(0x0017) + vector(2, bytes(65))}

    def offer(*shared: int, cookie: bytes = b"") -> bytes:
        more = {44: vector(2, cookie)} if cookie else {}
        return hs(hello((0x1301,), {**V13, 10: groups, 51: vector(2, b"".join(share[g] for g in shared)), **more}, signal=False))

    def retry(**asks: bytes) -> bytes:
        listed = {43: numbers(0x0304), **{int(k[1:]): v for k, v in asks.items()}}
        return hs(server(0x1301, listed, random=RETRY, signal=False))

    def told(*script: bytes) -> List[Tuple[str, str, str]]:
        talk = Talk()
        for side, data in zip((CLIENT, SERVER) * 2, script):
            talk.say(side, data)
        return [(f["by"], f["sure"], f["text"]) for f in talk.findings() if f["code"] == "hello-retry-mismatch"]

    p256 = retry(_51=numbers(0x0017))
    (needless,) = told(offer(0x001D), retry(_51=numbers(0x001D)))
    assert needless[:2] == ("server", "proven") and "a key share of x25519, which the ClientHello has already" in needless[2]
    assert "asks for nothing" in told(offer(0x001D), retry())[0][2]
    (lacks,) = told(offer(0x001D), retry(_51=numbers(0x0017), _44=vector(2, b"C")), offer(0x001D))
    assert lacks[0] == "client" and "lacks what the server asked for: a key share of secp256r1 and the cookie" in lacks[2]
    assert not told(offer(0x001D), p256, offer(0x0017))
    assert not told(offer(0x001D), retry(_44=vector(2, b"C")), offer(0x001D, cookie=b"C"))
    broken = Talk().say(CLIENT, offer(0x001D)).say(SERVER, retry(_51=numbers(0x001D))).say(CLIENT, alert(2, 47))
    assert _verdict(broken)["code"] == "hello-retry-mismatch"


def test_a_session_that_is_not_taken_up() -> None:
    """Offered, and a full handshake follows; the session ID of who speaks TLS 1.3 names nothing."""
    def told(first: bytes) -> str:
        return next(f["text"] for f in full(first=first).findings() if f["code"] == "full-handshake")

    both = {43: vector(1, numbers(0x0304, 0x0303))}
    assert told(hello(extensions={35: bytes(180)})).endswith("; a session that the client offered (by ticket) was not taken up")
    assert "(by session ID) was not" in told(hello(session=bytes(32)))
    for fresh in (hello(), hello(extensions={35: b""}), hello(session=bytes(32), extensions=both)):
        assert "taken up" not in told(fresh)
    keys = {41: vector(2, vector(2, b"t" * 32) + b"\0\0\1\0") + vector(2, vector(1, bytes(32)))}
    for extensions, offered in ((keys, True), ({}, False)):
        talk = Talk().say(CLIENT, hs(hello((0x1301,), {**V13, **extensions}, signal=False)))
        talk.say(SERVER, hs(server(0x1301, S13, signal=False)), ccs(), sealed(DATA, 1200), sealed(DATA, 53))
        text = next(f["text"] for f in talk.say(CLIENT, sealed(DATA, 53)).findings() if f["code"] == "full-handshake")
        assert ("(by pre-shared key) was not taken up" in text) is offered


def test_a_proof_that_nobody_answers() -> None:
    """Whose move it is, where the connection ends behind the client's proof, nothing tells."""
    sent = (chain(cert("client", "Inner CA")), CKE, CV)
    asked = [full(asked=request(), sent=sent, finish=False) for _ in range(2)]
    for ended in (asked[0].rst(SERVER), asked[1].fin(SERVER)):
        (line,) = [v["client_certificate"] for v in of(objects(ended.text()), "verdict")]
        assert line.endswith("whose move: not to be told: the connection ended before the server said anything of it")


def test_name_constraints() -> None:
    """RFC 5280 section 4.2.1.10, as OpenSSL's and GnuTLS's verifiers have it."""
    def told(*names: str, **more: Any) -> List[str]:
        sent = chain(cert("www.example.com", "Narrow CA", *names), cert("Narrow CA", "Root CA", **more))
        return [f["text"] for f in full(certificates=sent).findings() if f["code"] == "certificate-misused"]

    assert told("www.example.com", below=["example.org", "example.net"])[0].endswith(
        "allows names below example.org, example.net alone (nameConstraints), and certificate 1 has www.example.com")
    assert "forbids names below example.com (nameConstraints)" in told("a.example.org", "b.EXAMPLE.com", never=["example.com"])[0]
    assert told("badexample.org", below=["example.org"])
    for names, more in (
        (("example.org", "*.example.org", "a.b.Example.ORG"), {"below": ["example.org"]}),
        (("a.example.com",), {"never": ["b.example.com"]}),
        ((), {"below": ["example.org"]}), (("example.com",), {}), (("a.example.org",), {"below": [".example.org"]}),
    ):  # fmt: skip
        assert not told(*names, **more), names


def test_a_certificate_that_demands_its_status() -> None:
    """RFC 7633: where the client asked for it, and only up to TLS 1.2, where it stands in clear."""
    asked = hello(extensions={5: b"\1\0\0\0\0"})
    for staple, first, sent, missing in ((True, asked, False, True), (True, hello(), False, False), (False, asked, False, False),
                                         (True, asked, True, False)):
        certificates = chain(cert("www.example.com", "Inner CA", "www.example.com", staple=staple), cert("Inner CA", "Root CA"))
        if sent:
            certificates += message(22, b"\1" + vector(3, bytes(40)))
        answer = server(extensions={5: b""} if sent else {})
        assert ("staple-missing" in full(first, answer, certificates).codes()) is missing
    certificates = chain(cert("www.example.com", "Inner CA", "www.example.com", staple=True), cert("Inner CA", "Root CA"))
    refused = full(asked, certificates=certificates, asked=request(), finish=False)
    refused.wire.packets.pop()
    refused.wire.sent[CLIENT] = refused.at[CLIENT] = len(hs(asked))
    verdict = _verdict(refused.say(CLIENT, alert(2, 42)))
    assert "most likely because the server's certificate demands that its revocation status" in verdict["text"]
    assert "the client broke off before it answered" in verdict["client_certificate"]


def test_a_record_without_content() -> None:
    """Only application data may be so (RFC 5246 section 6.2.1). Empty, no record is an encrypted ChangeCipherSpec or alert."""
    def told(talk: Talk) -> List[Object]:
        return talk.findings()

    for split in (1, 3, 50):
        bad = Talk().say(CLIENT, hs(hello())).segments(CLIENT, record(HANDSHAKE, b"") * 5, split).say(SERVER, alert(2, 10))
        found = [f for f in told(bad) if f["code"] == "malformed"]
        assert [(f["by"], f["sure"]) for f in found] == [("client", "proven")] and "it has no content" in found[0]["text"]
        assert _verdict(bad)["code"] == "malformed"
    for kind in (CCS, ALERT, HANDSHAKE):
        later = full().say(CLIENT, record(kind, b"")).say(SERVER, sealed(ALERT, 26)).fin(SERVER, CLIENT)
        found = told(later)
        assert {f["code"] for f in found} >= {"malformed"} and "renegotiation" not in {f["code"] for f in found}
        assert "client's alert" not in " ".join(f["text"] for f in found)
    assert "malformed" not in full().say(CLIENT, record(DATA, b"")).fin(CLIENT, SERVER).codes()
    # Before RFC 5246 nothing forbade it.
    assert "malformed" not in Talk().say(CLIENT, hs(hello())).say(CLIENT, record(HANDSHAKE, b"", 0x0301)).codes()


def test_what_happened_may_be_surer_than_who_must_act() -> None:
    """`seen` and `sure`: an alert is there, whatever its cause; a hello without an answer too, where the connection was closed."""
    def told(talk: Talk, code: str) -> Tuple[str, str]:
        found = next(f for f in talk.findings() if f["code"] == code)
        return found["seen"], found["sure"]

    assert told(full(finish=False).say(CLIENT, alert(2, 46)), "fatal-alert") == ("proven", "likely")
    assert told(Talk().say(CLIENT, hs(hello())).say(SERVER, alert(2, 40)), "no-common-parameters") == ("likely", "likely")
    quiet = Talk().say(CLIENT, hs(hello()))
    quiet.wire.ack(SERVER)
    assert told(quiet, "client-hello-unanswered") == ("possible", "possible")
    assert told(quiet.fin(CLIENT), "client-hello-unanswered") == ("proven", "likely")
    for ports, most in (((50000, 443), "likely"), ((50000, 60000), "possible")):
        assert told(Talk(ports=ports, open=False).say(SERVER, alert(2, 46)), "fatal-alert") == (most, most)
    text = annotate(full(finish=False).say(CLIENT, alert(2, 46)).text())
    assert b";|     who must act: server; how sure: likely (what happened: proven)\n" in text


def test_a_hello_that_nobody_answers_behind_words_that_grant_it() -> None:
    """STARTTLS, or the way through a proxy, is granted, and then nothing comes."""
    mail = ((SERVER, b"220 m ESMTP\r\n"), (CLIENT, b"EHLO a\r\n"), (SERVER, b"250-m\r\n250 STARTTLS\r\n"),
            (CLIENT, b"STARTTLS\r\n"), (SERVER, b"220 go\r\n"))
    way = ((CLIENT, b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), (SERVER, b"HTTP/1.1 200 OK\r\n\r\n"))
    for words, by, end in ((mail, "server", Talk.fin), (way, "unknown", Talk.fin), (mail, "server", Talk.rst)):
        talk = Talk(ports=(50000, 2525))
        for side, data in (*words, (CLIENT, hs(hello()))):
            talk.say(side, data)
        verdict = _verdict(end(talk, SERVER))
        assert (verdict["code"], verdict["by"]) == ("client-hello-unanswered", by)
        assert ("it is a proxy (HTTP CONNECT), which had granted the way" in verdict["text"]) is (words is way)
    for more in (hs(server()), b"500 what is that\r\n"):
        talk = Talk(ports=(50000, 2525))
        for side, data in (*mail, (CLIENT, hs(hello())), (SERVER, more)):
            talk.say(side, data)
        assert "client-hello-unanswered" not in talk.fin(SERVER).codes()


def test_what_the_beginning_that_lacks_does_not_show() -> None:
    """A trace that begins amid a message over several records: its rest, which begins as no message does, is no Finished; nor
    was nobody authenticated. A ServerHello that is cut short refuses no early data."""
    talk = Talk(open=False).say(SERVER, hs(b"\x90" * 300), hs(SKE), hs(DONE)).say(CLIENT, hs(CKE), ccs(), sealed(HANDSHAKE, 40))
    talk.say(SERVER, ccs(), sealed(HANDSHAKE, 40)).say(CLIENT, sealed(DATA, 60), sealed(ALERT, 26)).fin(CLIENT, SERVER)
    found = {f["code"]: f["text"] for f in talk.findings()}
    assert "renegotiation-refused" not in found and "who authenticated whom, the trace does not show" in found["full-handshake"]
    first = {**V13, 42: b"", 41: vector(2, vector(2, b"t" * 32) + b"\0\0\1\0") + vector(2, vector(1, bytes(32)))}
    for keep, told in ((None, True), (70, False)):
        early = Talk().say(CLIENT, hs(hello((0x1301,), first, signal=False)))
        early.say(SERVER, hs(server(0x1301, S13, signal=False))[:keep])
        assert ("early-data-rejected" in early.codes()) is told


def test_bytes_behind_a_reset_are_not_judged_as_in_clear() -> None:
    """What a connection had agreed is forgotten at its end: an alert that comes behind it may be encrypted."""
    late = full().say(CLIENT, sealed(DATA, 60)).rst(CLIENT).say(SERVER, sealed(ALERT, 64), sealed(HANDSHAKE, 40))
    assert "malformed" not in late.codes()


def test_an_end_right_behind_the_handshake() -> None:
    """Node.js refuses a certificate so: the handshake comes to its end, then a FIN."""
    def told(talk: Talk) -> bool:
        found = next(f for f in talk.findings() if f["code"] == "no-close-notify")
        assert ("refuse the other end's certificate" in found["next"]) is ("right behind the handshake" in found["text"])
        return "right behind the handshake" in found["text"]

    def newest(*sent: bytes) -> Talk:
        talk = Talk().say(CLIENT, hs(hello((0x1301,), V13, signal=False))).say(SERVER, hs(server(0x1301, S13, signal=False)), ccs())
        return talk.say(SERVER, sealed(DATA, 1200), sealed(DATA, 53)).say(CLIENT, *sent)

    for side in (CLIENT, SERVER):
        assert told(full().fin(side)) and not told(full().say(side, sealed(DATA, 60)).fin(side))
        assert told(newest(sealed(DATA, 53)).fin(side))
        assert told(newest(sealed(DATA, 900), sealed(DATA, 290), sealed(DATA, 53)).fin(side))
        assert not told(newest(sealed(DATA, 53)).say(side, sealed(DATA, 90)).fin(side))
    assert told(newest(sealed(DATA, 53)).say(SERVER, sealed(DATA, 250)).fin(CLIENT))


def test_counts_in_english() -> None:
    assert [plural(n, noun) for n, noun in ((1, "authority"), (0, "authority"), (2, "key"), (2, "byte"))] == [
        "1 authority", "0 authorities", "2 keys", "2 bytes"]


def test_a_change_cipher_spec_behind_the_finished_of_tls13() -> None:
    """RFC 8446 section 5: it may come until the peer's Finished has, and is of value 1."""
    def talked(value: int, *more: Tuple[int, bytes]) -> Talk:
        talk = Talk().say(CLIENT, hs(hello((0x1301,), {**SNI, **V13}), version=0x0301))
        talk.say(SERVER, hs(server(0x1301, S13, signal=False)), record(CCS, bytes((value,))))
        talk.say(SERVER, *(sealed(DATA, size) for size in (40, 900, 280, 53))).say(CLIENT, ccs(), sealed(DATA, 53))
        for side, raw in more:
            talk.say(side, raw)
        return talk

    said = [(SERVER, sealed(DATA, 250)), (CLIENT, sealed(DATA, 100))]
    for side in (CLIENT, SERVER):
        found = [f for f in talked(1, *said, (side, ccs())).findings() if f["code"] == "unexpected-message"]
        assert len(found) == 1 and "sends ChangeCipherSpec where an encrypted record was expected" in found[0]["text"]
    assert "unexpected-message" not in talked(1, *said).codes()
    assert "unexpected-message" not in talked(1, (SERVER, ccs())).codes()  # the capture may have the two ends in another order
    assert "unexpected-message" in talked(2).codes()


def test_a_signature_scheme_that_was_not_offered() -> None:
    def wrong(talk: Talk) -> List[str]:
        return [f["text"] for f in talk.findings() if f["code"] == "unoffered-choice"]

    offers = [hello(extensions={13: vector(2, numbers(*schemes))}) for schemes in ((0x0403,), (0x0403, 0x0804))]
    assert wrong(full(offers[0])) == ["the server chooses what the client did not offer: signature scheme rsa_pss_rsae_sha256"]
    assert not wrong(full(offers[1])) and not wrong(full())
    # Before TLS 1.2 a signature names no scheme.
    older = [hello((0xC014,), {13: vector(2, numbers(0x0403))}), server(0xC014, version=0x0302)]
    assert not wrong(full(*older, version=0x0302))


def test_what_comes_in_clear_with_the_line_that_asks_for_tls() -> None:
    def told(words: bytes) -> str:
        talk = Talk((50000, 25)).say(SERVER, b"220 mx ESMTP\r\n").say(CLIENT, b"EHLO a\r\n").say(SERVER, b"250 STARTTLS\r\n")
        talk.say(CLIENT, words).say(SERVER, b"220 go\r\n").say(CLIENT, hs(hello(), version=0x0301)).say(SERVER, hs(server()))
        return next(f["text"] for f in talk.findings() if f["code"] == "starttls")

    assert 'came 6 bytes more in clear ("RSET..")' in told(b"STARTTLS\r\nRSET\r\n") and "CVE-2011-0411" in told(b"STARTTLS\r\nX")
    assert "in clear (" not in told(b"STARTTLS\r\n")


def test_hellos_of_a_size_that_some_hang_on() -> None:
    def told(padding: int) -> str:
        talk = Talk().say(CLIENT, hs(hello(extensions={21: bytes(padding)}), version=0x0301))
        talk.wire.ack(SERVER)
        return next(f["text"] for f in talk.fin(CLIENT).findings() if f["code"] == "client-hello-unanswered")

    assert "hang on hellos of 256 to 511 bytes" in told(200) and "hang on" not in told(20) and "hang on" not in told(600)


def test_a_name_that_may_be_another_one_than_is_asked_for_in_clear() -> None:
    """A server that takes an encrypted ClientHello (TLS 1.3) shows a certificate for the name in that one."""
    from types import SimpleNamespace

    from hexnote.facts import client_hello
    from hexnote.findings import chains
    from hexnote.model import Connection, Course, Step, Story

    def sure(version: int, extensions: Dict[int, bytes]) -> str:
        course = Course()
        course.hello, course.version = Step("message", 0, 1), version
        course.hello.facts = client_hello(hello((0x1301, 0xC02F), extensions))
        judged: Any = SimpleNamespace(covered=["inner.example"], addresses=[], read=[SimpleNamespace(common_name="")])
        (found,) = chains._names(Story(Connection(0)), course, judged, lambda number, field: ())
        return found.sure

    assert sure(0x0304, {**SNI, **V13, 0xFE0D: bytes(8)}) == "possible"
    assert sure(0x0304, {**SNI, **V13}) == sure(0x0303, {**SNI, **V13, 0xFE0D: bytes(8)}) == "likely"


def test_authorities_of_products_that_open_connections() -> None:
    def told(issuer: str, more: Tuple[bytes, ...] = ()) -> List[Object]:
        talk = full(hello(extensions=SNI), certificates=chain(cert("www.example.com", issuer, "www.example.com"), *more))
        return [f for f in talk.findings() if f["code"] == "tls-inspection"]

    for issuer, product in (("mitmproxy", "mitmproxy"), ("Zscaler Intermediate Root CA (zscaler.net)", "Zscaler"),
                            ("Avast Web/Mail Shield Root", "Avast"), ("FortiGate CA", "FortiGate")):
        (found,) = told(issuer)
        assert f"as {product} calls its authority" in found["text"] and f"CN={issuer[:9]}" in found["text"]
        assert (found["severity"], found["sure"], found["by"]) == ("note", "likely", "middlebox")
    assert told("Inner CA", (cert("Inner CA", "Zscaler Root CA"),))
    for issuer in ("Inner CA", "Fortinet Public CA", "My mitmproxy CA", "Cisco Systems CA"):
        assert not told(issuer)
    mine = full(asked=request(), sent=(chain(cert("me", "mitmproxy")), CKE, CV))
    assert "tls-inspection" not in mine.codes()  # the client's


def test_a_client_that_does_not_trust_who_opens_its_connection() -> None:
    def alert_of(issuer: str) -> Object:
        talk = Talk().say(CLIENT, hs(hello(extensions=SNI))).say(SERVER, hs(server()))
        talk.say(SERVER, hs(chain(cert("www.example.com", issuer, "www.example.com"), cert(issuer, "Root CA")), SKE, DONE))
        talk.say(CLIENT, alert(2, 48)).fin(CLIENT, SERVER)
        return next(f for f in talk.findings() if f["code"] == "fatal-alert")

    found = alert_of("Zscaler Root CA")
    assert "was made by Zscaler, which opens connections" in found["text"] and found["by"] == "middlebox"
    assert "opens connections" not in alert_of("Inner CA")["text"]


def test_facts_of_messages_that_are_cut_or_damaged() -> None:
    """Whatever the bytes are, they are read as far as they go."""
    import random

    from hexnote import facts
    from hexnote.model import Hello

    psk = {41: vector(2, vector(2, b"identity") + bytes(4)) + vector(2, vector(1, bytes(32)))}
    first = hello((0x1301, 0xC02F), {**SNI, **V13, 13: vector(2, numbers(0x0804)), 16: vector(2, vector(1, b"h2")), **psk})
    old = b"\1" + numbers(0x0301, 6, 0, 16) + bytes(6) + bytes(16)
    readers: List[Tuple[bytes, Callable[[bytes], Any]]] = [
        (first, facts.client_hello), (server(0x1301, S13), facts.server_hello), (old, facts.ssl2_hello),
        (request(b"name"), lambda raw: facts.request(raw, 0x0303)), (chain(b"certificate"), lambda raw: facts.chain(raw, 0x0303)),
        *((SKE, lambda raw, kind=kind: facts.key_exchange(raw, kind)) for kind in ("ecdhe", "dhe", "dhe_psk", "rsa")),
    ]  # fmt: skip
    rng = random.Random(7)
    for raw, read in readers:
        cut = [raw[:size] for size in range(len(raw) + 1)]
        for _ in range(300):
            spoilt = bytearray(raw)
            for _ in range(rng.choice((1, 2))):
                spoilt[rng.randrange(len(spoilt))] = rng.choice((0, 1, 2, 3, 5, 255, rng.randrange(256)))
            cut.append(bytes(spoilt))
        for each in cut:
            made = read(each)
            if isinstance(made, Hello):
                for name in Hello.__annotations__:
                    getattr(made, name)


def test_who_must_act_where_something_between_may_have_done_it() -> None:
    """What happened is proven; whose doing it was the bytes at one place do not show."""
    def sure(talk: Talk, code: str) -> Tuple[str, str]:
        found = next(f for f in talk.findings() if f["code"] == code)
        return found["sure"], found["seen"]

    wrong = Talk().say(CLIENT, hs(hello((0xC030,)))).say(SERVER, hs(server(0xC02F)))
    assert sure(wrong, "unoffered-choice") == ("likely", "proven")
    early = Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server())).say(SERVER, sealed(DATA, 60))
    assert sure(early, "unexpected-message") == ("likely", "proven")
    early = Talk().say(CLIENT, hs(hello())).say(SERVER, hs(server(), DONE))
    assert sure(early, "unexpected-message") == ("proven", "proven")
    long = full().say(CLIENT, sealed(DATA, (1 << 14) + 2049))
    assert sure(long, "oversize-record") == ("likely", "proven")
