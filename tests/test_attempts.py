"""Connections of one client to one server that are attempts at the same: what tells them from others, and what is said of them."""

from __future__ import annotations

import itertools
import random
from typing import Any, Dict, List, Optional, Tuple

import pytest
import talks
from handshakes import dump, message
from support import objects, of
from talks import CLIENT, SERVER, SNI, Talk, alert, full, hello, hs, numbers, vector
from test_partner import RENDERERS, Watch, shares, split, told, watch

__all__ = ["watch"]
CODES = ("changed-retry", "unchanged-retry", "other-address", "lost-session")
GROUPS, SHARES = 10, 51
V13: Dict[int, bytes] = {**SNI, **talks.V13}
V12: Dict[int, bytes] = {**SNI, GROUPS: vector(2, numbers(0x001D))}
S13 = (0x1301, 0x1302, 0xC02F, 0x009C)
S12 = (0xC02F, 0x009C)


def shares_of(*groups: int) -> Dict[int, bytes]:
    """A hello's groups, and a key share of each."""
    listed = b"".join(numbers(g) + vector(2, bytes(1216 if g == 0x11EC else 32)) for g in groups)
    return {GROUPS: vector(2, numbers(*groups)), SHARES: vector(2, listed)}


def begins(first: bytes, port: int = 50000, hosts: Tuple[int, int] = (1, 2), open: bool = True) -> Talk:
    """A connection that has come to its ClientHello."""
    talk = Talk((port, 443), open=False)
    talk.wire.hosts = (bytes((10, 0, 0, hosts[0])), bytes((10, 0, 0, hosts[1])))
    if open:
        talk.wire.open()
    return talk.say(CLIENT, hs(first, version=0x0301))


def refused(first: bytes, description: int = 40, **more: Any) -> Talk:
    """One that the server ends by an alert."""
    return begins(first, **more).say(SERVER, alert(2, description)).fin(SERVER, CLIENT)


def reset(first: bytes, **more: Any) -> Talk:
    """One that the server resets behind the hello."""
    return begins(first, **more).rst(SERVER)


def through(first: bytes, answer: Optional[bytes] = None, port: int = 50001, hosts: Tuple[int, int] = (1, 2)) -> Talk:
    """One that goes through a full handshake."""
    talk = full(first, answer)
    made = begins(first, port, hosts)
    made.wire.packets.clear()
    talk.wire.packets[:] = [_moved(packet, port, hosts) for packet in talk.wire.packets]
    return talk


def through13(first: bytes, port: int = 50001) -> Talk:
    """One of TLS 1.3."""
    made = begins(first, port).say(SERVER, hs(talks.server(0x1301, talks.S13, signal=False)), talks.ccs())
    made.say(SERVER, *(talks.sealed(talks.DATA, size) for size in (40, 900, 280, 53)))
    return made.say(CLIENT, talks.ccs(), talks.sealed(talks.DATA, 53))


def _moved(packet: bytes, port: int, hosts: Tuple[int, int]) -> bytes:
    """A packet of 10.0.0.1:50000 and 10.0.0.2:443 as one of other hosts, from another port."""
    from handshakes import checksum

    client = packet[12:16] == bytes((10, 0, 0, 1))
    ends = [bytes((10, 0, 0, host)) for host in hosts]
    ip = bytearray(packet[:20])
    ip[12:20] = ends[0] + ends[1] if client else ends[1] + ends[0]
    ip[10:12] = b"\0\0"
    ip[10:12] = checksum(bytes(ip)).to_bytes(2, "big")
    tcp = bytearray(packet[20:])
    at = 0 if client else 2
    tcp[at : at + 2] = port.to_bytes(2, "big")
    tcp[16:18] = b"\0\0"
    tcp[16:18] = checksum(bytes(ip[12:20]) + b"\0\6" + len(tcp).to_bytes(2, "big") + bytes(tcp)).to_bytes(2, "big")
    return bytes(ip + tcp)


def text(*talks: Talk) -> bytes:
    """Connections one behind the other, as tcpdump prints them."""
    return dump(list(itertools.chain.from_iterable(talk.wire.packets for talk in talks)))


def found(*talks: Talk) -> List[Any]:
    """What is told of them together."""
    return [f for f in of(objects(text(*talks)), "finding") if f["code"] in CODES]


def only(code: str, *talks: Talk) -> Any:
    """The one finding that tells of them together."""
    made = found(*talks)
    assert [f["code"] for f in made] == [code], made
    return made[0]


# ------------------------------------------------------------------ another hello


def test_a_lower_version_comes_through() -> None:
    told = only("changed-retry", reset(hello(S13, V13)), through(hello(S12, V12)))
    assert told["stream"] == 1 and (told["sure"], told["seen"]) == ("likely", "proven")
    assert "connection 0 (packets 1 to 5) was reset by the server (RST) without a byte in answer" in told["text"]
    assert "offers up to TLS 1.2 instead of TLS 1.3" in told["text"] and "came through (TLS 1.2, " in told["text"]
    assert "likely the cause" in told["text"] and "-tls1_3" in told["next"] and "-tls1_2" in told["next"]
    assert {place[0] for place in told["at"]} == {4, 5, 9}


def test_what_the_first_hello_lacks_is_the_clients() -> None:
    told = only("changed-retry", refused(hello(S12, V12)), through(hello((*S12, 0xC030), V12)))
    assert (told["by"], told["sure"]) == ("client", "likely")
    assert "with handshake_failure (40)" in told["text"] and "offers 3 cipher suites instead of 2" in told["text"]


def test_an_alert_that_says_what_it_is_about() -> None:
    more = {**V12, 0: vector(2, b"\0" + vector(2, b"other.example"))}
    told = only("changed-retry", refused(hello(S12, V12), 112), through(hello((*S12, 0xC030), more)))
    assert 'asks for "other.example" instead of "www.example.com"' in told["text"]
    assert "the name is what the alert is about" in told["text"] and told["by"] == "unknown"
    vague = only("changed-retry", refused(hello(S12, V12)), through(hello((*S12, 0xC030), more)))
    assert "which of these was the cause, the bytes do not tell" in vague["text"]


@pytest.mark.parametrize("changed, words", [
    ({0: None}, 'asks for no name instead of "www.example.com"'),
    ({16: vector(2, vector(1, b"h2"))}, "offers other application protocols (ALPN)"),
    ({13: vector(2, numbers(0x0804, 0x0403))}, "offers 2 signature schemes instead of none"),
    ({35: bytes(32)}, "offers a session to take up"),
    ({GROUPS: vector(2, numbers(0x001D, 0x0017))}, "has the group secp256r1"),
    ({23: b"", 22: b""}, "has the extensions encrypt_then_mac, extended_master_secret"),
])  # fmt: skip
def test_each_difference_is_named(changed: Dict[int, Optional[bytes]], words: str) -> None:
    extensions = {kind: body for kind, body in {**V12, **changed}.items() if body is not None}
    told = only("changed-retry", reset(hello(S12, V12)), through(hello(S12, extensions)))
    assert words in told["text"], told["text"]


def test_a_smaller_hello_comes_through_where_a_large_one_is_swallowed() -> None:
    large = hello(S13, {**V13, **shares_of(0x11EC, 0x001D)})
    silent = begins(large)
    silent.wire.send(CLIENT, hs(large, version=0x0301), 0)  # once more
    first = silent.fin(CLIENT)
    told = only("changed-retry", first, through13(hello(S13, {**V13, **shares_of(0x001D)})))
    assert "was closed by the client (FIN) without a byte in answer" in told["text"]
    assert "lacks the group X25519MLKEM768" in told["text"] and "bytes instead of" in told["text"]
    assert "-groups X25519" in told["next"]


def test_a_hello_that_gets_no_answer_and_no_end() -> None:
    """It is known to have failed when the input ends, behind the one that came through: then that it is one client is possible."""
    silent = begins(hello(S13, V13))
    silent.wire.send(CLIENT, hs(hello(S13, V13), version=0x0301), 0)
    told = only("changed-retry", silent, through(hello(S12, V12)))
    assert "got no byte in answer, though the hello was sent again" in told["text"]
    assert told["stream"] == 1 and told["sure"] == "possible"
    assert not found(begins(hello(S13, V13)), through(hello(S12, V12)))  # where it was sent once, it may still be answered


def test_a_fallback_dance() -> None:
    dance = [
        reset(hello(S13, V13)), refused(hello(S12, V12), 80, port=50001),
        refused(hello((*S12, 0x5600), V12, 0x0302), 86, port=50002),
    ]
    told = only("changed-retry", *dance)
    for words in ("connection 0 (packets 1 to 5) was reset", "connection 1", "internal_error (80)", "inappropriate_fallback (86)",
                  "offers up to TLS 1.1 instead of TLS 1.2 and has TLS_FALLBACK_SCSV", "the client says itself"):
        assert words in told["text"], words
    assert "why connection 0 failed" in told["next"] and told["stream"] == 2 and told["by"] == "unknown"
    scsv = next(f for f in of(objects(text(*dance)), "finding") if f["code"] == "fallback-scsv")
    assert "connection 1 failed before: it was ended by the server with internal_error (80) (packet" in scsv["text"]
    assert scsv["next"] == "find out why connection 1 failed"
    alone = next(f for f in of(objects(text(dance[2])), "finding") if f["code"] == "fallback-scsv")
    assert "connection" not in alone["text"] and alone["next"].startswith("find the connection before this one")


def test_another_hello_that_fails_as_well() -> None:
    told = only("changed-retry", refused(hello(S12, V12)), refused(hello((0x009C,), V12), port=50001))
    assert "it ended in the same way, so that what differs is not the cause" in told["text"] and told["by"] == "unknown"


def test_many_attempts_are_told_in_few_words() -> None:
    told = only("changed-retry", *(refused(hello((0xC000 + i,), V12), port=50000 + i) for i in range(20)))
    assert "11 attempts between them" in told["text"] and "connection 19" in told["text"] and "connection 9 " not in told["text"]


def test_hellos_of_other_clients_behind_one_address() -> None:
    told = only("changed-retry", refused(hello((0x0035, 0x003C), V12)), through(hello((0xC02F, 0xC030), V12)))
    assert (told["sure"], told["seen"]) == ("possible", "possible") and "share an address" in told["refuted_by"]


def test_hellos_that_list_in_another_order() -> None:
    """Libraries have an order of their own: where that differs there are two clients, as far as anybody can tell."""
    two = {**V12, 23: b"", 35: b""}
    turned = dict(reversed(list(two.items())))
    for extensions, suites, sure in ((two, (*S12, 0x002F), "likely"), (turned, (*S12, 0x002F), "possible"),
                                     (two, (0x009C, 0xC02F, 0x002F), "possible")):
        told = only("changed-retry", refused(hello(S12, two)), through(hello(suites, extensions)))
        assert told["sure"] == sure, (extensions, suites)
    same = [hello((*S12, 0x002F), {**each, 16: vector(2, vector(1, b"h2"))} if each is turned else each) for each in (two, turned)]
    assert only("changed-retry", refused(same[0]), through(same[1]))["sure"] == "likely"  # which order browsers change at random


def test_who_only_looks_whether_a_server_is_there() -> None:
    """Health checks, beside other clients behind one address: they break off, and nothing has failed."""
    for ends in (lambda talk: talk.rst(CLIENT), lambda talk: talk.fin(CLIENT)):
        look = ends(begins(hello(S12, V12)).say(SERVER, hs(talks.server())))
        assert not found(look, through(hello((*S12, 0xC030), V12)))
        assert found(look, through(hello((*S12, 0x5600), V12)))  # it says that it comes back


# ------------------------------------------------------------------ the same hello


def test_the_same_hello_fails_again_and_again() -> None:
    told = only("unchanged-retry", *(refused(hello(S12, V12), port=50000 + i) for i in range(3)))
    assert told["severity"] == "note" and told["stream"] == 2 and "each of 3 attempts ends alike" in told["text"]
    many = only("unchanged-retry", *(refused(hello(S12, V12), port=50000 + i) for i in range(100)))
    assert "each of 16 attempts that hexnote compares (of 100) ends alike" in many["text"] and "connection 99" in many["text"]


def test_what_goes_on_and_on_is_told_once() -> None:
    """As behind a balancer of which one of two members refuses."""
    talks = [(refused if i % 2 == 0 else through)(hello(S12, V12), port=50000 + i) for i in range(10)]
    told = only("unchanged-retry", *talks)
    assert told["text"].endswith("; so it went 4 times more") and told["stream"] == 1
    steady = [refused(hello(S12, V12)), *(through(hello(S12, V12), port=50001 + i) for i in range(20))]
    assert "so it went" not in only("unchanged-retry", *steady)["text"]


def test_the_same_hello_comes_through() -> None:
    """Randoms, key shares and GREASE make no other hello, nor does the order of extensions."""
    grease = {**V13, 0x3A3A: b"", 0x2A2A: b"\0"}
    other = {**dict(reversed(list(V13.items()))), 0x5A5A: b""}
    told = only("unchanged-retry", reset(hello((0x0A0A, *S13), grease)),
                through13(hello((0xFAFA, *S13), other, random=bytes(32))))
    assert "does not explain the failure" in told["text"] and "was reset by the server" in told["text"]
    own = begins(hello(S12, V12)).say(SERVER, hs(talks.server())).say(CLIENT, alert(2, 48)).fin(CLIENT, SERVER)
    assert "it was the client that broke off before" in only("unchanged-retry", own, through(hello(S12, V12)))["text"]


def test_a_server_that_may_refuse_the_clients_certificate_behind_the_handshake() -> None:
    """In TLS 1.3 that looks like close_notify: such a connection has not surely come through."""
    first, second = reset(hello(S13, V13)), through13(hello(S13, V13))
    assert found(first, second)
    second.say(SERVER, talks.sealed(talks.DATA, 19)).fin(SERVER, CLIENT)
    assert not found(first, second)
    third = through13(hello(S13, V13)).say(SERVER, talks.sealed(talks.DATA, 250), talks.sealed(talks.DATA, 19)).fin(SERVER, CLIENT)
    assert found(first, third)


# ------------------------------------------------------------------ another address


def test_one_address_of_a_name() -> None:
    told = only("other-address", refused(hello(S12, V12), hosts=(1, 3)), through(hello(S12, V12)))
    assert "comes through to 10.0.0.2:443" in told["text"] and "not to 10.0.0.3:443" in told["text"]
    assert told["stream"] == 1 and (told["by"], told["sure"], told["seen"]) == ("server", "likely", "proven")


def test_what_is_not_the_same_name_client_or_hello() -> None:
    other = {**V12, 0: vector(2, b"\0" + vector(2, b"other.example"))}
    unnamed = {GROUPS: V12[GROUPS]}
    assert not found(refused(hello(S12, V12), hosts=(1, 3)), through(hello(S12, other)))  # another name
    assert not found(refused(hello(S12, unnamed), hosts=(1, 3)), through(hello(S12, unnamed)))  # none
    assert not found(refused(hello(S12, V12), hosts=(4, 3)), through(hello(S12, V12)))  # another client
    assert not found(refused(hello(S12, V12), hosts=(1, 3)), through(hello((*S12, 0xC030), V12)))  # another hello


# ------------------------------------------------------------------ sessions


def given(ticket: bytes = b"", session: bytes = b"", port: int = 50000, **more: Any) -> Talk:
    """A full handshake in which the server gives a session."""
    talk = full(hello(S12, {**V12, **({35: b""} if ticket else {})}), talks.server(session=session), finish=False)
    talk.say(CLIENT, talks.ccs(), talks.sealed(talks.HANDSHAKE, 40))
    if ticket:
        talk.say(SERVER, hs(message(4, bytes(4) + vector(2, ticket))))
    talk.say(SERVER, talks.ccs(), talks.sealed(talks.HANDSHAKE, 40))
    talk.wire.packets[:] = [_moved(packet, port, more.get("hosts", (1, 2))) for packet in talk.wire.packets]
    return talk


def test_a_session_that_is_not_taken_up() -> None:
    ticket, session = bytes(range(150)), bytes(range(32))
    again = hello(S12, {**V12, 35: ticket})
    told = only("lost-session", given(ticket), through(again))
    assert told["severity"] == "note" and told["stream"] == 1 and told["sure"] == "proven"
    assert "offers the ticket of 150 bytes that connection 0 was given (packet 9)" in told["text"]
    assert "and the server makes a full handshake instead" in told["text"]
    told = only("lost-session", given(session=session), through(hello(S12, V12, session=session)))
    assert "the session ID of 32 bytes that connection 0 was given (packet 5)" in told["text"]
    told = only("lost-session", given(ticket, hosts=(1, 4)), through(again))
    assert "was given by another address, 10.0.0.4:443" in told["text"]
    other = {**V12, 0: vector(2, b"\0" + vector(2, b"other.example")), 35: ticket}
    told = only("lost-session", given(ticket), through(hello(S12, other)))
    assert 'this one asks for "other.example" instead of "www.example.com"' in told["text"]


def test_a_session_of_a_hello_that_had_other_extensions() -> None:
    """RFC 7627 section 5.3: a session without extended_master_secret is not taken up by a hello with it."""
    told = only("lost-session", given(session=bytes(range(32))), through(hello(S12, {**V12, 23: b""}, session=bytes(range(32)))))
    assert "this one has the extension extended_master_secret" in told["text"]


def test_a_session_that_is_taken_up_in_vain() -> None:
    session = bytes(range(32))
    talk = talks.resumed()
    talk.say(CLIENT, alert(2, 20)).fin(CLIENT, SERVER)
    talk.wire.packets[:] = [_moved(packet, 50001, (1, 2)) for packet in talk.wire.packets]
    (told,) = [f for f in found(given(session=session), talk) if f["code"] == "lost-session"]
    assert "takes it up, but the handshake was ended by the client with bad_record_mac (20)" in told["text"]


def test_a_full_handshake_instead_that_fails() -> None:
    ticket = bytes(range(150))
    talk = full(hello(S12, {**V12, 35: ticket}), finish=False).say(SERVER, alert(2, 51)).fin(SERVER, CLIENT)
    talk.wire.packets[:] = [_moved(packet, 50001, (1, 2)) for packet in talk.wire.packets]
    (told,) = [f for f in found(given(ticket), talk) if f["code"] == "lost-session"]
    assert told["text"].endswith("the server makes a full handshake instead")


def test_sessions_that_are_taken_up_or_others() -> None:
    ticket, session = bytes(range(150)), bytes(range(32))
    resumed = talks.resumed()
    resumed.say(CLIENT, talks.ccs(), talks.sealed(talks.HANDSHAKE, 40))
    resumed.wire.packets[:] = [_moved(packet, 50001, (1, 2)) for packet in resumed.wire.packets]
    assert not found(given(session=session), resumed)
    assert not found(given(ticket), through(hello(S12, {**V12, 35: ticket[1:]})))  # another one
    assert not found(given(session=session), through(hello(S12, {**V12, 43: vector(1, numbers(0x0303))}, session=session)))
    assert not found(through(hello(S12, {**V12, 35: ticket}), port=50000), given(ticket, port=50001))  # given later


# ------------------------------------------------------------------ near misses


def test_what_stays_silent() -> None:
    lower, higher = hello(S12, V12), hello(S13, V13)
    assert not found(through13(higher, 50000), through(lower))  # nothing failed
    assert not found(through(lower, port=50000), reset(higher, port=50001))  # the failure is the later one
    assert not found(reset(higher), through(lower, hosts=(3, 2)))  # another client
    assert not found(reset(higher), through(lower, hosts=(1, 4)))  # another server
    assert not found(reset(higher))
    assert not found(begins(higher), through(lower))  # of the first the trace does not show how it went
    warned = through(lower, port=50000)
    warned.fin(CLIENT, SERVER)
    assert not found(warned, through13(higher))


def test_connections_side_by_side_are_no_attempts() -> None:
    """The second one was begun before the first had failed."""
    first, second = reset(hello(S13, V13)), through(hello(S12, V12))
    first, second = first.wire.packets, second.wire.packets
    both = [*first[:4], *second[:5], *first[4:], *second[5:]]
    assert not [f for f in of(objects(dump(both)), "finding") if f["code"] in CODES]
    behind = [*first, *second]
    assert [f["code"] for f in of(objects(dump(behind)), "finding") if f["code"] in CODES] == ["changed-retry"]


def test_a_hello_of_which_bytes_are_missing() -> None:
    packets = split(text(reset(hello(S13, V13)), through(hello(S12, V12))))
    assert b"length 144" in packets[3]
    packets[3] = b"".join(packets[3].splitlines(True)[:7])
    assert not [f for f in of(objects(b"".join(packets)), "finding") if f["code"] in CODES]


# ------------------------------------------------------------------ bounds, and two processes


def test_what_is_remembered_is_bounded() -> None:
    from hexnote import attempts

    known = attempts.Attempts(lambda name: {})
    raw = hello(S12, V12)
    for number in range(3000):
        how = "RST" if number % 2 else ""
        known.add((number, f"10.0.{number >> 8}.{number & 255}", "10.9.9.9:443", 4 * number, 4 * number + 2, how, 1, -1, raw, "tls",
                   len(raw), False, 0, -1, (), (), (b"", b"%d" % number, 1), b"%d" % (number - 1), False))
    assert len(known._failed) == attempts.PAIRS and len(known._well) == attempts.WELL
    assert len(known._given) == attempts.GIVEN and len(known._offered) == attempts.OFFERED
    assert not list(known.told())


def stories(rng: random.Random) -> bytes:
    """Attempts of several clients, some of them side by side."""
    lines: List[List[bytes]] = []
    for i in range(rng.choice((3, 8, 14))):
        first = rng.choice((hello(S13, V13), hello(S12, V12), hello((*S12, 0x5600), V12)))
        where: Dict[str, Any] = {"port": 50000 + i, "hosts": (rng.choice((1, 1, 3)), rng.choice((2, 2, 4)))}
        if rng.random() < 0.3:
            lines.append(given(bytes(150), **where).wire.packets)
            continue
        if rng.random() < 0.3:
            first = hello(S12, {**V12, 35: bytes(150)})
        lines.append(rng.choice((refused, reset, through, begins))(first, **where).wire.packets)
    packets: List[bytes] = []
    while lines:
        some = rng.choice(lines[: rng.choice((1, 1, 3))])
        packets.append(some.pop(0))
        if not some:
            lines.remove(some)
    return dump(packets)


@pytest.mark.parametrize("seed", range(20))
def test_two_processes_tell_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    takes = random.Random(seed)
    shares(monkeypatch, (takes.random() < 0.6 for _ in itertools.count()), 1)
    made = stories(rng)
    for kind in RENDERERS:
        assert told(kind, made, 0, 1000, True) == told(kind, made, 0, 1000, False), kind


def test_what_failed_before_is_asked_for(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    """Only where a hello says that it comes back: other connections ask nothing, however they end."""
    for last, asks in ((hello((*S12, 0x5600), V12), True), (hello(S12, V12), False)):
        made = text(reset(hello(S13, V13)), refused(last, 86, port=50001), through(hello(S13, V12), port=50002))
        watch.asked.clear()
        for takes in ((False, True), (True, False)):
            shares(monkeypatch, itertools.cycle(takes), 1)
            one, two = (told("json", made, 0, 1000, each) for each in (True, False))
            assert one == two and b"changed-retry" in one[0]
        assert bool(watch.asked["failed"]) == asks and watch.pieces


def test_the_summary_says_of_what_it_tells() -> None:
    made = told("summary", text(reset(hello(S13, V13)), through(hello(S12, V12))), 0, 1000, False)[0].decode()
    assert "connections told above\n [warning] changed-retry: " in made and "the dump itself" not in made
