"""How long nobody spoke: what the times in the heads of packets tell, and where they tell nothing."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any, Callable, Dict, List, Sequence

import pytest
from handshakes import dump
from support import Object, annotate, both_ways, of, run
from talks import ALERT, CLIENT, DATA, S13, SERVER, V13, Talk, ccs, hello, hs, sealed, server
from talks import full as handshake

from hexnote import times
from hexnote.times import moment

Stamp = Callable[[float], str]


def clock(at: float) -> str:
    """Seconds since noon, as tcpdump prints them."""
    return f"{12 + int(at // 3600):02d}:{int(at // 60 % 60):02d}:{at % 60:09.6f} IP"


def stamped(talk: Talk, times: Sequence[float], stamp: Stamp = clock) -> bytes:
    """The dump of a talk whose last packets come at `times`, the others at 10 s."""
    packets = talk.wire.packets
    each = iter([10.0] * (len(packets) - len(times)) + list(times))
    return re.sub(rb"(?m)^\d\d:\d\d:\d\d\.\d{6} IP", lambda _: stamp(next(each)).encode(), dump(packets))


def idle(text: bytes) -> str:
    """What is said of an idle connection."""
    found: List[Object] = [json.loads(line) for line in run("json", [text]).splitlines()]
    return next((str(f["text"]) for f in of(found, "finding") if f["code"] == "idle-close"), "")


def used() -> Talk:
    """A connection that was used, and all that was sent was acknowledged."""
    talk = handshake().say(CLIENT, sealed(DATA, 60)).say(SERVER, sealed(DATA, 80))
    talk.wire.ack(CLIENT)
    return talk


def asked(**more: Any) -> Talk:
    """The same, used once more, in vain."""
    return used().say(CLIENT, sealed(DATA, 70)).rst(SERVER, **more)


def test_a_reset_answers_the_first_bytes_after_a_silence() -> None:
    said = idle(stamped(asked(), (10.1, 360.2, 360.213)))
    assert said.startswith("for 350.2 s neither end sent anything new; the client's next 75 bytes are answered by a reset that "
                           "bears the server's address, 13 ms later")
    assert said.endswith("; its TTL (64) is that of the server's other packets")
    near = stamped(asked(), (10.1, 14.9, 14.91))
    assert not idle(near)


def test_a_reset_answers_more_than_one_packet() -> None:
    """When the first of them came is not known, but that none was sent again."""
    talk = used().segments(CLIENT, sealed(DATA, 3000), 1460)
    said = idle(stamped(talk.rst(SERVER), (10.1, 360.1, 360.1, 360.2, 360.203)))
    assert said.startswith("the server sent nothing for 350.2 s; the client's next 3005 bytes, which were sent but once, are "
                           "answered by a reset that bears the server's address, 3 ms after the last of them")


def test_a_reset_comes_by_itself() -> None:
    assert idle(stamped(used().rst(SERVER), (10.1, 70.1))).startswith("60.0 s without a packet, then a reset that bears the server")
    assert "likely not the server that sent the RST: its TTL is 243" in idle(stamped(asked(ttl=243), (10.1, 70.1, 70.2)))
    waits = used().say(CLIENT, sealed(DATA, 70))
    waits.wire.ack(SERVER)
    assert "the last to send data was the client" in idle(stamped(waits.rst(SERVER), (10.1, 10.2, 40.3)))


def test_what_is_no_silence() -> None:
    again = used().say(CLIENT, sealed(DATA, 70))
    again.wire.send(CLIENT, sealed(DATA, 70), again.at[CLIENT] - 75)
    assert not idle(stamped(again.rst(SERVER), (10.2, 70.0, 70.1)))  # it was sent again all the time
    more = used().segments(CLIENT, sealed(DATA, 16000), 1460)
    assert not idle(stamped(more.rst(SERVER), (10.2, *([70.0] * 11), 70.2)))  # more than is sent at once after a silence
    assert not idle(stamped(used().fin(SERVER).rst(CLIENT), (10.1, 10.2, 70.0)))
    assert not idle(stamped(Talk().say(CLIENT, hs(hello())).rst(SERVER), (10.1, 70.0)))
    assert not idle(stamped(used().say(SERVER, sealed(ALERT, 26)).rst(CLIENT), (10.1, 70.0)))
    newer = Talk().say(CLIENT, hs(hello((0x1301,), V13))).say(SERVER, hs(server(0x1301, S13, signal=False)), ccs())
    newer.say(SERVER, sealed(DATA, 1200)).say(SERVER, sealed(DATA, 53)).say(CLIENT, sealed(DATA, 53))
    newer.say(CLIENT, sealed(DATA, 60)).say(SERVER, sealed(DATA, 80))
    assert idle(stamped(newer.rst(SERVER), (10.1, 70.0)))
    newer.wire.packets.pop()
    assert not idle(stamped(newer.say(SERVER, sealed(DATA, 19)).rst(CLIENT), (10.1, 70.0)))
    marked = used()
    marked.wire._put(CLIENT, 0x90, marked.at[CLIENT], b"")  # congestion window reduced: it is a packet, too
    assert not idle(stamped(marked.rst(SERVER), (10.1, 69.0, 70.0)))
    lost = asked()
    del lost.wire.packets[-4]
    assert not idle(stamped(lost, (10.1, 360.2, 360.3)))


FORMS: Dict[str, Stamp] = {
    "date": lambda at: f"2024-03-10 {clock(at)}",
    "epoch": lambda at: f"{1710072000 + at:.6f} IP",
    "quoted": lambda at: f"> {clock(at)}",
    "interface": lambda at: f"{clock(at)[:-3]} eth0  Out IP",
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_times(form: str) -> None:
    assert "for 350.1 s neither" in idle(stamped(asked(), (10.1, 360.1, 360.2), FORMS[form]))


def test_over_midnight_with_a_date_and_without() -> None:
    def dated(at: float) -> str:
        return f"2024-02-{29 if at < 0 else '01'} {clock(at)}"

    text = stamped(asked(), (0, 0, 0))
    ends = [b"2024-02-29 23:59:50.000000 IP", b"2024-03-01 01:00:00.000000 IP", b"2024-03-01 01:00:00.100000 IP"]
    stamps = [ends[0]] * (len(re.findall(rb"(?m)^\d\d:\d\d:\d\d\.\d{6} IP", text)) - 2) + ends[1:]

    def put(dates: bool) -> bytes:
        each = iter(stamps)
        return re.sub(rb"(?m)^\d\d:\d\d:\d\d\.\d{6} IP", lambda _: next(each)[0 if dates else 11 :], text)

    assert "for 3610.0 s neither" in idle(put(True))
    assert not idle(put(False))


@pytest.mark.parametrize("head", [
    b"00:05:00.100000 IP 10.0.0.1.443 > 10.0.0.2.50000: ",  # perhaps -ttt
    b"Mar 10 14:05:42 host tcpdump[7]: IP 10.0.0.1.443 > 10.0.0.2.50000: ",
    b"2024-03-10T14:05:42.123Z host tcpdump: IP 10.0.0.1.443 > 10.0.0.2.50000: ",
    b"14:05:42.123 INFO tcpdump IP 10.0.0.1.443 > 10.0.0.2.50000: ",
    b"  1   0.00000 10.0.0.1 -> 10.0.0.2 TCP D=443 S=50000",
    b"  1   12.000000 10.0.0.1 -> 10.0.0.2 TCP 66 50000 -> 443 [SYN]",
    b"2024-02-30 14:05:42.123456 IP 10.0.0.1.443 > 10.0.0.2.50000: ",
    b"14:05:42 IP 10.0.0.1.443 > 10.0.0.2.50000: ",
    b"IP 10.0.0.1.443 > 10.0.0.2.50000: ", b"",
])  # fmt: skip
def test_what_may_be_something_else(head: bytes) -> None:
    assert moment(head) is None


def test_times_of_a_sniffer_that_was_started() -> None:
    assert moment(b"12.345678 port1 in 10.0.0.1.50000 -> 10.0.0.2.443: syn 7") == (("sniffer", 6), 12345678000)
    assert moment(b"2024-03-10 14:05:42.123456 port1 in 10.0.0.1.50000 -> 10.0.0.2.443: syn 7") is not None


def test_how_long_an_answer_was_waited_for() -> None:
    talk = Talk().say(CLIENT, hs(hello()))
    talk.wire.ack(SERVER)
    text = annotate(stamped(talk.fin(CLIENT), (10.1, 40.2, 40.3))).replace(b"\n;|", b"")
    said = re.sub(rb"\s+", b" ", text)
    assert b"until the client closes the connection (packet 6), after 30.1 s without a packet" in said


def test_no_time_is_read_where_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("nobody asked")

    monkeypatch.setattr(times, "idle", never)
    run("json", [stamped(used().fin(0, 1), (10.1, 70.0))])
    with pytest.raises(AssertionError):
        run("json", [stamped(used().rst(SERVER), (10.1, 70.0))])


@pytest.mark.parametrize("job", [[], ["--summary"], ["--diagnose"], ["-t", "json"], ["-t", "markdown"], ["-t", "html"]], ids=str)
def test_every_output_and_way_tells_it(job: List[str], tmp_path: pathlib.Path) -> None:
    """Also where two processes share long traces, and where no quick way is taken."""
    talks = []
    for port in range(50000, 50000 + 24):
        talk = handshake(ports=(port, 443)).say(CLIENT, sealed(DATA, 60)).say(SERVER, *[sealed(DATA, 8000)] * (port % 3))
        for _ in range(4 if job not in (["-t", "markdown"], ["-t", "html"]) else 0):
            talk.segments(SERVER, sealed(DATA, 14000), 1400)
        talk.wire.ack(CLIENT)
        talks.append(stamped(talk.say(CLIENT, sealed(DATA, 70)).rst(SERVER), (10.1, 360.1, 360.2)))
    path = tmp_path / "trace.txt"
    path.write_bytes(b"".join(talks))
    assert both_ways(path, *job).count(b"idle-close") >= 24
