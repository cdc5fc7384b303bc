"""Damaged dumps: the bytes that the damage left, and never others.

Quick by default; HEXNOTE_WHOLE=1 takes twenty captures and every pair of kinds, and prints the table.
"""

from __future__ import annotations

import glob
import os
from typing import Any, Dict, List, Sequence, Tuple

import pytest
from conftest import SHARED
from damage import KINDS, WRECKS, Bytes, damaged, pairs, parse, shown, wrecked
from support import dumped, objects, sample, stream_bytes
from test_dumps import GRAMMARS, HEAD, dump, packet

from hexnote import layers
from hexnote.coding import Coding
from hexnote.dumps import Reader
from hexnote.model import EXCERPT, PACKET, Block

WHOLE = bool(os.environ.get("HEXNOTE_WHOLE"))
PAYLOADS = [b"", b"\x16\x03\x01\0\x50" + bytes(range(80)), b"beef" * 9, b"<a&b> 'x' ... " * 40, b"", b"\x15\3\3\0\2\2\x28"]


def sources() -> List[Tuple[str, str]]:
    """(name, text) of traces to damage: made here, and captured."""
    text = b"".join(HEAD + dump(packet(payload, n)) for n, payload in enumerate(PAYLOADS)).decode()
    made = [("made", text)]
    files = sorted(glob.glob(os.path.join(SHARED, "corpus", "*.X.txt")), key=os.path.getsize)
    for name in files[:: max(1, len(files) // 24)][:20] if WHOLE else files[:2]:
        with open(name, encoding="ascii") as file:
            made.append((os.path.basename(name), file.read()))
    return made


SOURCES = sources()


def read(text: bytes) -> List[Bytes]:
    """The bytes of each packet that the reader finds; packets without any are left out."""
    coding = Coding()
    reader = Reader(GRAMMARS, layers.measure)
    plain = coding.decode(text) + coding.rest()
    items = [*reader.feed(plain), *reader.close()]
    whole = b"".join(item.text for item in items)
    assert whole == plain
    assert coding.encode(whole) + coding.encode(b"", True) == text
    packets: List[Bytes] = []
    for item in items:
        if isinstance(item, Block) and item.kind != EXCERPT:
            if item.kind == PACKET:
                packets.append({})
            at = item.fresh
            packets[-1].update(enumerate(item.data[at - item.offset :], at))
    return [known for known in packets if known]


def tried(kinds: Sequence[str], seed: int, source: str) -> Tuple[bool, bool]:
    """(the bytes that are left were read, other bytes were read)"""
    text, surely, perhaps = damaged(source, kinds, seed)
    got = read(text)
    ends = [layers.measure(bytes(known[at] for at in range(len(known)))) for known in shown(parse(source))]
    wrong = [known for known in got if not any(_true(known, left, end) for left, end in zip(perhaps, ends))]
    return not wrong and _same(got, surely, perhaps), bool(wrong)


def _true(known: Bytes, left: Bytes, end: int) -> bool:
    """Whether all bytes are those of a packet; behind IP's total length nobody reads them."""
    return all(left.get(at) == byte for at, byte in known.items() if at < (end or len(left)))


def _same(got: List[Bytes], surely: List[Bytes], perhaps: List[Bytes]) -> bool:
    """Whether each packet has the bytes that are left; one of which perhaps nothing is left may be missing."""
    at = 0
    for least, most in zip(surely, perhaps):
        if at < len(got) and least.items() <= got[at].items() <= most.items():
            at += 1
        elif least:
            return False
    return at == len(got)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_kind(kind: str) -> None:
    for seed, (name, source) in enumerate(SOURCES):
        assert tried([kind], seed, source) == (True, False), name


def test_two_kinds() -> None:
    """The table by kind: variants in which it has a part, how many gave exactly what is left, how many anything else."""
    table: Dict[str, List[int]] = {}
    failed: Dict[Tuple[str, str], int] = {}
    count = exact = wrong = 0
    for seed, (_, source) in enumerate(SOURCES if WHOLE else SOURCES[:2]):
        for both in pairs(seed, 800 if WHOLE else 400):
            good, bad = tried(both, seed, source)
            count, exact, wrong = count + 1, exact + good, wrong + bad
            for kind in both:
                row = table.setdefault(kind, [0, 0, 0])
                row[0] += 1
                row[1] += good
                row[2] += bad
            if not good:
                failed[both] = failed.get(both, 0) + 1
    for kind, row in sorted(table.items()):
        if WHOLE or row[1] < row[0]:
            print(f"{kind:20} {row[1]} of {row[0]} exact, {row[2]} wrong")
    print(f"{exact} of {count} exact, {wrong} wrong;", "; ".join(f"{' + '.join(k)}: {n}" for k, n in sorted(failed.items())))
    assert wrong == 0
    assert exact >= 0.99 * count, f"{exact} of {count}"


Sent = Dict[Tuple[str, str], Dict[int, int]]


def sent(found: List[Dict[str, Any]]) -> Sent:
    """What the leaves say was sent: (source, destination) to sequence number to byte; streams without headers by name."""
    bases: Dict[Tuple[Any, str], Tuple[Tuple[str, str], int]] = {}
    for o in found:
        if o["kind"] == "packet" and o["stream"] is not None and o["seq"] is not None and o["offset"] is not None and o["src"]:
            ends = (f"{o['src']}:{o['sport']}", f"{o['dst']}:{o['dport']}")
            bases.setdefault((o["stream"], o["from"]), (ends, o["seq"] + ("S" in o["flags"]) - o["offset"]))
    out: Sent = {}
    for key, known in stream_bytes(found).items():
        ends, base = bases.get(key, (("", ""), 0))
        if ends[0]:
            out.setdefault(ends, {}).update(((base + at) % 2**32, byte) for at, byte in known.items())
    return out


def shown_to_be_sent(source: str) -> Sent:
    """The same out of the rows of a plain dump alone: headers measured, nothing stitched. The first copy of a byte stands."""
    out: Sent = {}
    packets = [o for o in objects(source.encode()) if o["kind"] == "packet"]
    for o, known in zip(packets, dumped(source.encode())):
        if o["seq"] is not None and o["tcp"] is not None:
            start = o["link"] + o["ip"] + o["tcp"]
            side = out.setdefault((f"{o['src']}:{o['sport']}", f"{o['dst']}:{o['dport']}"), {})
            for at, byte in known.items():
                if start <= at < start + o["payload"]:
                    side.setdefault((o["seq"] + ("S" in o["flags"]) + at - start) % 2**32, byte)
    return out


ALARMS = {"checksum", "length-disagrees", "ascii-disagrees", "unreadable-rows", "retransmission-differs", "summary-disagrees"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_streams_of_one_kind(kind: str) -> None:
    """What the corridor makes of it: no byte of a stream that was not sent there."""
    for seed, (name, source) in enumerate(SOURCES if WHOLE else SOURCES[1:]):
        truth = shown_to_be_sent(source)
        coding = Coding()
        found = objects(coding.decode(damaged(source, [kind], seed)[0]) + coding.rest())
        for ends, known in sent(found).items():
            right = truth.get(ends, {})
            wrong = [at for at, byte in known.items() if right.get(at) != byte]
            assert not wrong or {o["code"] for o in found if o["kind"] == "finding"} & ALARMS, (name, ends, wrong[:5])


def test_first_rows_left_out_behind_a_summary_line() -> None:
    """Their packet's payload begins where it does in others of that direction, or where nobody can tell."""
    source = sample("tls12-rsa.txt").decode()
    truth = shown_to_be_sent(source)
    lines = source.splitlines(True)
    for n in [n for n, line in enumerate(lines) if "0x0000:" in line and "[P.]" in lines[n - 1]]:
        for gone in range(1, 4):
            found = objects("".join([*lines[:n], "[not shown]\n", *lines[n + gone :]]).encode())
            for ends, known in sent(found).items():
                wrong = [at for at, byte in known.items() if truth[ends].get(at) != byte]
                assert not wrong, (lines[n - 1], gone, wrong[:5])


def test_blank_lines_between_all_lines_move_no_payload() -> None:
    """A packet that is known by its summary line alone, when its first row comes, begins with its headers: they are no payload,
    whether the other rows come or not."""
    lines = (HEAD + dump(packet(PAYLOADS[1], 1))).replace(b"length 74", b"length 85").splitlines(True)
    for given, captured in ((lines[:2], 0), (lines[:3], 0), (lines[:4], 8), (lines, 85), (lines[:2] + lines[4:], 77)):
        found = objects(b"\n".join(given))
        (told,) = (each for each in found if each["kind"] == "packet")
        assert told["captured"] == captured, len(given)
        assert all(lo >= 40 for each in found if each["kind"] == "field" for _, lo, _ in each["at"]), len(given)


def test_headers_of_another_protocol_move_no_payload() -> None:
    """A packet whose first rows hold no whole IP header has its place by its summary line; what more rows say of its headers
    changes that only where they are TCP's, to their end."""
    text = (
        b"12:00:00.000000 IP 10.0.0.1.40000 > 10.0.0.2.443: Flags [P.], seq 1:24, ack 1, win 64, length 23\n"
        b"\t0x0000:  6677 8899 aabb 0011 2233 4455 0800 4500  fw......\"3DU..E.\n\t0x0010:  003f 0001 4000  .?..@.\n--\n"
        b"\t0x0016:  4011 26b5 0a00 0001 0a00 0002 9c40 01bb  @.&..........@..\n"
        b"\t0x0026:  002b 0000 1603 0300 1201 0000 0e03 0300  .+..............\n"
    )
    packet = next(each for each in objects(text) if each["kind"] == "packet")
    assert (packet["payload"], packet["captured"]) == (23, 0)


@pytest.mark.parametrize("name", sorted(WRECKS))
def test_wrecks_are_not_read_wrong_without_a_word(name: str) -> None:
    for seed, (label, source) in enumerate([*SOURCES, ("tls12-rsa.txt", sample("tls12-rsa.txt").decode())]):
        truth = sent(objects(source.encode()))
        found = objects(wrecked(source, name, seed))
        wrong = 0
        for ends, known in sent(found).items():
            right = truth.get(ends, {})
            wrong += sum(right.get(at) != byte for at, byte in known.items())
        alarms = {o["code"] for o in found if o["kind"] == "finding"} & ALARMS
        if WHOLE:
            print(f"{name:20} {label:40} {wrong} bytes wrong, {sum(map(len, sent(found).values()))} read, {sorted(alarms)}")
        assert not wrong or alarms, (label, wrong)


def test_the_generator_is_seeded() -> None:
    for kind in KINDS:
        assert damaged(SOURCES[0][1], [kind], 3) == damaged(SOURCES[0][1], [kind], 3)


@pytest.mark.parametrize("text", [
    b"", b"\xff", b"\xff\xfe", b"\xfe\xff\0", b"\xff\xfea", b"\xff\xfe\0\xd8", b"\xff\xfe\0\xdc\0\xd8x", b"a\rb\rc", b"\r\r",
    b"a\r\nb\r", "\ufeffSz\u00f6veg \U0001f512\r\n".encode("utf-16-le"), "\ufeff\n\n;| x\n".encode("utf-16-be"),
])
def test_codings_are_exact_however_cut(text: bytes) -> None:
    seen = set()
    for step in (1, 2, 3, 100):
        coding = Coding()
        plain = b"".join(coding.decode(text[i : i + step]) for i in range(0, len(text), step)) + coding.rest()
        back = b"".join(coding.encode(plain[i : i + step]) for i in range(0, len(plain), step)) + coding.encode(b"", True)
        assert back == text
        seen.add((coding.name, plain))
    assert len(seen) == 1
