"""The laws of the text output, for every kind of input there is, and for noise.

    strip(annotate(x)) == strip(x)          nothing of the user's is lost or changed
    annotate(annotate(x)) == annotate(x)    twice is once
    annotate(x) is the same however x is cut into reads
    annotate(x[:n]), up to its last whole row, is a prefix of annotate(x)

HEXNOTE_WHOLE=1 takes every file and more places; the default run takes a seeded sample.
"""

from __future__ import annotations

import glob
import os
import random
import re
from typing import Any, Dict, List, Tuple

import pytest
from conftest import SAMPLES, SHARED
from handshakes import NAMES, Wire, client_hello, conversation, dump, packets, record
from hostile import CLIENT, SERVER, carried, packet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import (
    ROW,
    WHOLE,
    Object,
    annotate,
    cut,
    fresh,
    lf_lines,
    load,
    objects,
    of,
    run,
    sample,
    stream_bytes,
    strip,
    untiled,
)

CALM = settings(
    max_examples=400 if WHOLE else 60, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

SMALL = dump(packets(conversation(1), 500))
TRACES = sorted(glob.glob(os.path.join(SAMPLES, "*.txt")))


def texts() -> List[str]:
    """Every text beside the project: seeds, captures in all forms, one connection in thirty dresses."""
    found = sorted(
        path
        for folder in ("seeds", "seeds/traces", "corpus", "corpus/formats", "corpus/extra")
        for path in glob.glob(os.path.join(SHARED, folder, "*.txt"))
    )
    if WHOLE or not found:
        return found
    always = [p for p in found if "/seeds/" in p or "/formats/" in p]
    rest = [p for p in found if p not in always and os.path.getsize(p) < 30_000]
    return always + random.Random(2).sample(rest, min(120, len(rest)))


def name(path: Any) -> str:
    return os.path.basename(path)


ALL = TRACES + texts()


# ------------------------------------------------------------------ what each output has to be


def well_formed(text: bytes, width: int = 100) -> List[str]:
    """What is wrong with the annotation lines of an output."""
    wrong = []
    for number, line in enumerate(lf_lines(text), 1):
        if not line.startswith(b";|"):
            continue
        bare = line[:-1] if line.endswith(b"\n") else line
        if re.search(rb"[^\x09\x20-\x7e]", bare):
            wrong.append(f"line {number}: not printable ASCII: {bare[:80]!r}")
        if len(bare.expandtabs(8)) > width:
            wrong.append(f"line {number}: {len(bare.expandtabs(8))} columns: {bare[:60]!r}...")
        if bare != bare.rstrip():
            wrong.append(f"line {number}: blanks at its end: {bare[-40:]!r}")
    return wrong


CARETS = re.compile(rb";\|[ \t]*((?:\^+[ ]*)+)")
SHOWN_AGAIN = re.compile(rb";\|[ \t]+0x[0-9a-f]{4,}: ")


def misplaced(text: bytes, tab: int) -> Tuple[int, List[str]]:
    """How many caret lines there are, and those that do not stand under pairs of hex digits of the row above.

    The row above is the last dump row of the user's, or the last one shown again in an annotation.
    """
    wrong: List[str] = []
    count = 0
    above = b""
    for number, line in enumerate(lf_lines(text), 1):
        carets = CARETS.match(line)
        if carets:
            count += 1
            row = above.expandtabs(tab).decode("latin-1")
            under = line[: carets.end()].expandtabs(tab).decode("latin-1")
            digits = hex_columns(row)
            columns = {i for i, c in enumerate(under) if c == "^"}
            if not columns or not columns <= set(digits):
                wrong.append(f"line {number}: not under hex digits\n  {row}\n  {under}")
            elif any(digits[column] not in columns for column in columns):
                wrong.append(f"line {number}: half a byte\n  {row}\n  {under}")
        elif not line.startswith(b";|") or SHOWN_AGAIN.match(line):
            above = line.rstrip(b"\r\n")
    return count, wrong


def hex_columns(row: str) -> Dict[int, int]:
    """The columns of a row's hex digits, each with the column of its byte's other digit."""
    match = re.match(r"[; |>\t]*(?:0x)?[0-9a-fA-F]{4,}:?[ \t]+", row) or re.match(r" {4}(?=[0-9a-f]{2}(?: |$))", row)
    out: Dict[int, int] = {}
    if match:
        at = match.end()
        while True:
            group = re.compile(r"(?:[0-9a-fA-F]{2}){1,2}(?= |$)").match(row, at)
            if group is None or len(out) >= 32:
                break
            for i in range(group.start(), group.end(), 2):
                out[i], out[i + 1] = i + 1, i
            at = group.end() + (1 if row[group.end() : group.end() + 1] == " " else 0)
    return out


# ------------------------------------------------------------------ strip, twice, cut


@pytest.mark.parametrize("path", ALL, ids=name)
def test_annotations_come_out_again(path: str) -> None:
    text = load(path)
    noted = annotate(text)
    assert strip(noted) == strip(text)
    assert annotate(noted) == noted
    assert not well_formed(noted)


@pytest.mark.parametrize("path", ALL, ids=name)
def test_however_the_input_is_cut(path: str) -> None:
    text = load(path)
    if len(text) > 60_000 and not WHOLE:
        text = text[:60_000]
    rng = random.Random(name(path))
    whole = annotate(text)
    for count in (2, 9, 200):
        assert run("text", cut(text, rng, count)) == whole
    assert run("json", cut(text, rng, 40)) == run("json", [text])
    assert not untiled(objects(text))


@pytest.mark.parametrize("trace", ["", "server-auth.txt", "mutual-auth-excerpt.txt"])
def test_one_byte_at_a_time(trace: str) -> None:
    text = sample(trace) if trace else SMALL
    assert run("text", (text[i : i + 1] for i in range(len(text)))) == annotate(text)
    assert run("json", (text[i : i + 1] for i in range(len(text)))) == run("json", [text])


def test_nothing_is_kept_from_one_input_to_the_next() -> None:
    text = sample("server-auth.txt")
    whole = run("text", [text], alone=True)
    annotate(sample("mutual-auth-excerpt.txt")[:900])
    assert annotate(text) == whole
    twice = fresh("text")
    twice.begin("one")
    assert twice.feed(text) + twice.end() == whole
    twice.begin("two")
    assert twice.feed(text) + twice.close() == whole


@pytest.mark.parametrize("path", TRACES, ids=name)
@pytest.mark.parametrize("tab", [8, 4])
def test_carets_stand_under_their_bytes(path: str, tab: int) -> None:
    trace = load(path)
    count, wrong = misplaced(annotate(trace), tab)
    assert not wrong, "\n".join(wrong[:3])
    assert count > 10 or not of(objects(trace), "packet")  # a trace in words has no bytes


def test_the_checks_can_fail() -> None:
    """A caret that is off by one, a line too wide and a control character are seen."""
    row = b"\t0x0030:  0981 ae1f 1603 0100 4a02 0000 4603 0147  ........J...F..G\n"
    right = b";|\t" + b" " * 19 + b"  ^^ ^^   version\n"
    assert misplaced(row + right, 8) == misplaced(row + right, 4) == (1, [])
    assert misplaced(row + right.replace(b"  ^^ ^^", b" ^^ ^^ "), 8)[1]
    assert misplaced(row + b";|\t                   ^^^\n", 8)[1]
    assert misplaced(row + b";|\t" + b" " * 51 + b"^^  in the text column\n", 8)[1]
    assert well_formed(b";| \x1b[2J\n") and well_formed(b";| " + b"x" * 120 + b"\n") and well_formed(b";|  \n")


# ------------------------------------------------------------------ prefixes


def whole_rows(text: bytes, lines: int) -> int:
    """One past the last dump row in an output, of which the first `lines` lines of the user's came whole."""
    end = at = 0
    for line in lf_lines(text):
        at += len(line)
        if not line.startswith(b";|"):
            lines -= 1
            if lines >= 0 and ROW.match(line):
                end = at
    return end


def not_prefixes(text: bytes, places: List[int]) -> List[str]:
    """The places at which cutting the input changes what stood before its last whole row."""
    full = annotate(text)
    wrong = []
    for n in places:
        part = annotate(text[:n])
        if strip(part) != strip(text[:n]):
            wrong.append(f"cut at {n}: not stripped")
        end = whole_rows(part, strip(text[:n]).count(b"\n"))
        if part[:end] != full[:end]:
            same = next(i for i in range(end) if part[i : i + 1] != full[i : i + 1])
            lo = max(0, same - 60)
            wrong.append(f"cut at {n}: cut {part[lo : same + 60]!r}, whole {full[lo : same + 60]!r}")
    return wrong


@pytest.mark.parametrize("half", [0, 1])
def test_prefixes_of_a_small_trace_cut_at_every_byte(half: int) -> None:
    wire = Wire()
    wire.open()
    hello = record(22, client_hello())
    wire.send(0, hello[:100], 0)
    wire.send(0, hello[100:], 100)
    text = dump(wire.packets)
    wrong = not_prefixes(text, list(range(half, len(text), 2)))
    assert not wrong, f"{len(wrong)} places; " + wrong[0]


@pytest.mark.parametrize("path", ALL, ids=name)
def test_prefixes_of_all(path: str) -> None:
    text = load(path)
    if len(text) > 60_000 and not WHOLE:
        text = text[:60_000]
    rng = random.Random(name(path))
    ends = [i + 1 for i, byte in enumerate(text) if byte == 10] or [0]
    places = sorted({rng.randrange(len(text) + 1) for _ in range(3)} | set(rng.choices(ends, k=5)))
    wrong = not_prefixes(text, places)
    assert not wrong, f"{len(wrong)} of {len(places)} places; " + wrong[0]


# ------------------------------------------------------------------ junk

ROWS = [line for line in lf_lines(SMALL) if ROW.match(line)]
SUMMARIES = [line for line in lf_lines(SMALL) if not ROW.match(line)]
LINES = st.sampled_from(ROWS + SUMMARIES)
CRUMBS = [
    b";|", b";| a note\n", b"; |\n", b"\n;|", b"\n", b"\r", b"\r\n", b"\t", b" ", b"> ", b"| ", b"^^ ^^\n",
    b"\x1b[31m", b"\xff\xfe", b"\xe2\x80\xae", b"\0", b"0x", b"0x0000:  ", b"IP ", b"Flags [S], seq ",
    b"\t0x0030:            a024 a022\n", b"        0x0000:  4500 0034 0000 4000 4006\n", b"(next packet)\n",
    b"0xfafa0030:  4500\n", b"0x99999999999:  00\n", b"P 1:143(142) ack 1 win 5\n",
    b"IP 10.0.0.1.50000 > 10.0.0.2.443: P 4294967295:99999999999(7) ack 1 win 5\n",
]
FRAGMENTS = st.one_of(
    st.sampled_from(ROWS),
    st.sampled_from(SUMMARIES),
    st.tuples(LINES, st.integers(0, 90), st.integers(0, 90)).map(lambda t: t[0][min(t[1:]) : max(t[1:])]),
    st.tuples(LINES, st.sampled_from([b"\r\n", b"", b" \n", b"\t\n", b"\x0c\n"])).map(lambda t: t[0][:-1] + t[1]),
    st.sampled_from(CRUMBS),
    st.binary(max_size=12),
    st.text(max_size=12).map(lambda t: t.encode("utf-8", "replace")),
)
JUNK = st.lists(FRAGMENTS, max_size=40).map(b"".join)


def obeys(text: bytes, sizes: List[int]) -> None:
    noted = annotate(text)
    assert strip(noted) == strip(text)
    assert annotate(noted) == noted
    assert not [w for w in well_formed(noted) if "columns" not in w]
    places = sorted({0, len(text), *(size % (len(text) + 1) for size in sizes)})
    assert run("text", [text[lo:hi] for lo, hi in zip(places, places[1:])]) == noted
    assert not untiled(objects(text))


SIZES = st.lists(st.integers(0, 4000), max_size=8)


@CALM
@given(JUNK, SIZES)
def test_laws_for_scrambled_traces(text: bytes, sizes: List[int]) -> None:
    obeys(text, sizes)


@CALM
@given(st.binary(max_size=400), SIZES)
def test_laws_for_binary_junk(text: bytes, sizes: List[int]) -> None:
    obeys(text, sizes)


DAMAGE = st.tuples(st.integers(0, len(SMALL) - 1), st.binary(min_size=1, max_size=3))


@CALM
@given(st.lists(DAMAGE, min_size=1, max_size=6), SIZES)
def test_laws_for_damaged_bytes(damage: List[Tuple[int, bytes]], sizes: List[int]) -> None:
    text = bytearray(SMALL)
    for at, junk in damage:
        text[at : at + len(junk)] = junk
    obeys(bytes(text), sizes)


@CALM
@given(JUNK, st.integers(0, 4000))
def test_prefixes_of_scrambled_traces(text: bytes, n: int) -> None:
    # what decides between two readings may come up to one row later (CONTRACT.md): only whole lines are cut off
    text = b"".join(line for line in lf_lines(text) if ROW.match(line) or line in SUMMARIES)
    wrong = not_prefixes(text, [n % (len(text) + 1)])
    assert not wrong, wrong[0]


HELLO = b"\t0x0030:  c38c a3a2 1603 0300 4102 0000 3d03 0358  ........A...=..X\n"
BROKEN = [
    # a text column one blank behind the bytes, in the midst of a packet
    HELLO
    + b"\t0x0280:  11ae ec1c 24a0 c58e 3cab 36d2 6fa5 02d9 ..+....|.I.1....\n"
    + b"\t0x02b0:  01ff 0402 3000 301d 0603 551d 0e04 1604  ....0.0...U.....\n",
    # a record of which the trace has no more than the beginning
    HELLO,
    b"        0x0030:  00d2 5d6e 1603 0119 a202 0000 4603 0100  ..]n........F...\n",
    # a list with a hole in it
    b"\t0x0030:  ae8b 5b21 1603 0100 d301 0000 cf03 031f  ..[!............\n"
    + b"\t0x0050:  8960 0cfa 616f 1010 e772 8727 4ab9 e800  .`..ao...r.'J...\n"
    + b"\t0x0060:  0038 c02c c030 009f cca9 cca8 ccaa c02b  .8.,.0.........+\n"
    + b"\t0x0090:  003d 003c 0035 002f 00ff 0100 006e 0000  .=.<.5./.....n..\n",
    # a number of which the first byte is known
    HELLO + b"\t0x0041:  00  .\n",
    # a DER value that begins behind a hole and another one that ends in it
    b"\t0x0040:  0c19 1603 0300 4102 0000 3d03 0375 bdbf  ......A...=..u..\n"
    + b"\t0x0080:  0023 0000 0017 0000 1603 0307 9f0b 0007  .#..............\n"
    + b"\t0x0090:  9b00 0798 0003 fe30 8203 fa30 8202 e2a0  .......0...0....\n"
    + b"\t0x00a0:  0302 0102 0214 2c67 72?\xc0ae 34b4 6ceb 5ce6  ......,gr.4.l.\\.\n"
    + b"\t0x00b0:  3b7d 6e15 8581 83f1 6362 300d 0609 2a86  ;}n.....cb0...*.\n",
]
# a CR in the text column: the row washed is none, and as it stands it is one, with a final LF and without
BROKEN += [
    SMALL[:476] + b"\0" + SMALL[477:-2] + b"\r\0" + end for end in (b"", b"\n")
]


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_what_has_broken_it(text: bytes) -> None:
    """Found by damaging captures at random, and cut down."""
    obeys(text, [len(text) // 3])


@pytest.mark.parametrize("path", TRACES, ids=name)
def test_rows_left_out(path: str) -> None:
    """Any rows may be missing."""
    lines = lf_lines(load(path))
    rng = random.Random(name(path))
    for _ in range(20 if WHOLE else 6):
        kept = [line for line in lines if not ROW.match(line) or rng.random() > 0.05]
        obeys(b"".join(kept), [rng.randrange(4000)])


def test_the_same_annotations_by_whoever_wrote_them() -> None:
    """A line that begins with the marker is an annotation: the user's own go when it is annotated anew."""
    lines = lf_lines(SMALL)
    text = b"".join(line + b";| remember this\n" for line in lines)
    assert annotate(text) == annotate(SMALL)


ENDS = [b"", b"\n", b"no newline", b"a\r\nb\r\n", SMALL[:-1], SMALL.replace(b"\n", b"\r\n"), b";|", b";|\n", b"a\n;|"]


@pytest.mark.parametrize("text", ENDS, ids=range(len(ENDS)))
def test_final_newlines(text: bytes) -> None:
    noted = annotate(text)
    assert strip(noted) == strip(text)
    if strip(text):
        assert noted.endswith(b"\n") == strip(text).endswith(b"\n") or noted == strip(text)
    for line in lf_lines(noted):
        assert not (line.startswith(b";|") and line.endswith(b"\r\n"))


# ------------------------------------------------------------------ the same stream, whatever happened to the segments

TOLD = {
    "record": ("from", "offset", "length", "type", "version", "encrypted", "missing"),
    "message": ("from", "offset", "length", "name", "missing"),
    "field": ("from", "offset", "length", "path", "hex", "value", "name"),
}


def meaning(found: List[Object]) -> Dict[str, List[Tuple[Any, ...]]]:
    """Records, messages and fields, without where they stood."""
    return {
        kind: sorted((tuple(o[key] for key in keys) for o in of(found, kind)), key=str)
        for kind, keys in TOLD.items()
    }


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("seed", range(12 if WHOLE else 4))
def test_what_was_said_is_found(seed: int, split: bool) -> None:
    told = conversation(seed, split)
    found = objects(dump(packets(told, 1400)))
    for kind, key, truth in (("record", "type", told.records), ("message", "name", told.messages)):
        assert sorted((o["from"], o["offset"], o["length"], o[key]) for o in of(found, kind)) == sorted(truth)
    known = stream_bytes(found)
    for side, said in zip(NAMES, told.streams):
        assert known[0, side] == dict(enumerate(said))
    assert not untiled(found)
    assert not [f for f in of(found, "finding") if f["code"] == "malformed"]


@CALM
@given(st.randoms(use_true_random=False), st.booleans())
def test_segments_shuffled_doubled_and_split(rng: random.Random, split: bool) -> None:
    told = conversation(rng.randrange(4), split)
    wire = Wire(isn=(rng.randrange(2**32), rng.choice([2**32 - 1, 2**32 - 700, rng.randrange(2**32)])))
    wire.open()
    for side, start, data in told.flights:
        places = sorted({0, len(data), *(rng.randrange(len(data)) for _ in range(rng.randrange(12)))})
        segments = [(lo, hi) for lo, hi in zip(places, places[1:])]
        segments += rng.sample(segments, min(len(segments), rng.randrange(3)))
        lo = rng.randrange(len(data))
        segments.append((lo, min(len(data), lo + rng.randrange(1, 400))))  # overlaps what it likes
        rng.shuffle(segments)
        for lo, hi in segments:
            wire.send(side, data[lo:hi], start + lo)
        wire.ack(1 - side)
    found = objects(dump(wire.packets))
    assert meaning(found) == meaning(objects(dump(packets(told, 60_000))))
    assert of(found, "packet")[-1]["packet"] == len(wire.packets)


# ------------------------------------------------------------------ noise and damage

PLAIN = conversation(3)
CLEAN = dump(packets(PLAIN, 700))
NOISE = [
    b"", b"and here is more of it:", b"    (see below)", b"--More--", b"^C", b"8 packets captured", b"> as you see",
    b"*" * 40, b"http://example.com/a/b",
]
PACKET_KEYS = ("packet", "stream", "from", "seq", "ack", "payload", "captured", "offset", "ip", "tcp")


def codes(found: List[Object]) -> List[str]:
    return sorted(o["code"] for o in of(found, "finding"))


@CALM
@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from(NOISE)), min_size=1, max_size=12))
def test_noise_between_rows(noise: List[Tuple[int, bytes]]) -> None:
    """Prose between any two rows: the same packets and records, or a finding that says what is doubtful."""
    lines = lf_lines(CLEAN)
    places = [i for i, line in enumerate(lines) if i and ROW.match(lines[i - 1])]
    for at, words in sorted(((places[at % len(places)], words) for at, words in noise), reverse=True):
        lines.insert(at, words + b"\n")
    clean, noisy = objects(CLEAN), objects(b"".join(lines))
    if codes(noisy) == codes(clean):
        assert meaning(noisy) == meaning(clean)
        before, after = ([[p[key] for key in PACKET_KEYS] for p in of(found, "packet")] for found in (clean, noisy))
        assert before == after


@CALM
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 70)), min_size=1, max_size=4))
def test_rows_cut_short_give_no_wrong_bytes(cuts: List[Tuple[int, int]]) -> None:
    """Rows that lost their ends: every byte that is told is one that was said, at its place."""
    lines = lf_lines(CLEAN)
    places = [i for i, line in enumerate(lines) if ROW.match(line)]
    for at, size in cuts:
        row = places[at % len(places)]
        lines[row] = lines[row][: max(12, len(lines[row]) - size)].rstrip(b"\n") + b"\n"
    found = objects(b"".join(lines))
    if [o for o in of(found, "finding") if o["severity"] != "note"]:
        return
    for (_, side), known in stream_bytes([o for o in found if o.get("stream") == 0]).items():
        said = PLAIN.streams[NAMES.index(side)]
        wrong = [at for at, byte in known.items() if not 0 <= at < len(said) or said[at] != byte]
        assert not wrong, (side, wrong[:5])


@pytest.mark.parametrize("columns", [17, 19])
def test_rows_without_their_text_column(columns: int) -> None:
    """The text column is no part of the bytes."""
    lines = [line[:-columns] + b"\n" if ROW.match(line) and len(line) == 68 else line for line in lf_lines(CLEAN)]
    assert meaning(objects(b"".join(lines))) == meaning(objects(CLEAN))


@pytest.mark.parametrize("many", [0, 300, 4000])
def test_bytes_behind_a_reset_are_told_to_their_last(many: int) -> None:
    """A unit that they begin and do not end, too: when the connection is forgotten, or the input ends."""
    hello = client_hello()
    late = record(22, b"\x5c\x01\x00\x00" + bytes(40))  # the beginning of a message of 64 KB
    sent = [*carried(record(22, hello)), packet(SERVER, 1, b"", 4), packet(CLIENT, 6 + len(hello), late)]
    others = [packet(CLIENT, number, b"", flags, 1024 + n, host=2) for n in range(many) for number, flags in ((0, 2), (1, 4))]
    found = objects(dump([*sent, *others]))
    assert [r["length"] for r in of(found, "record") if r["stream"] == 0] == [5 + len(hello), len(late)]
    assert untiled(found) == []
