"""Size, life, safety: hostile shapes cost in proportion to their size, memory is flat, nothing of a trace acts on a terminal.

Work is counted, not timed: calls of functions, Python's and C's. bench/soak.py measures time and memory at full size.
"""

from __future__ import annotations

import gc
import glob
import importlib
import os
import subprocess
import sys
import tracemalloc
from typing import Any, Iterable, List, Tuple

import pytest
from certs import tlv
from conftest import SAMPLES
from handshakes import SERVER, certificate_message, client_hello, dump, extension, message, record, vector
from hostile import SHAPES, carried
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import ROW, WHOLE, annotate, environment, fresh, lf_lines, load, objects, of, run, sample, strip

KINDS = ("text", "json")


def work(kind: str, pieces: Iterable[bytes]) -> int:
    """How many calls it takes to annotate the input; its output is thrown away."""
    annotator = fresh(kind)
    annotator.begin("-")
    count = 0

    def called(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += 1

    text = list(pieces)
    old = sys.getprofile()
    sys.setprofile(called)
    try:
        for piece in text:
            annotator.feed(piece)
        annotator.close()
    finally:
        sys.setprofile(old)
    return count


_DECODED_ANEW = ("many_names", "many_names_in_small_segments")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SHAPES)
def test_work_grows_as_the_input_does(name: str, kind: str) -> None:
    shape = SHAPES[name]
    sizes = (1, 2, 4) if WHOLE else (1, 4)
    # A message in pieces is decoded anew at most so often for free; only beyond that does the law of growth hold.
    scale = 8 if name in _DECODED_ANEW else 4 if WHOLE else 1
    counts = [work(kind, shape.make(shape.small * scale * times)) for times in sizes]
    for before, after, less, more in zip(counts, counts[1:], sizes, sizes[1:]):
        # A fifth more than in proportion, and what is done once.
        slack = 1.5 if name in _DECODED_ANEW else 1.2
        assert after <= before * more / less * slack + 12_000, f"{name}: {dict(zip(sizes, counts))}"


def steps(kind: str, pieces: Iterable[bytes]) -> int:
    """The same in steps of the interpreter, which also shows what goes on inside one function."""
    annotator = fresh(kind)
    annotator.begin("-")
    count = 0

    def stepped(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return stepped

    text = list(pieces)
    old = sys.gettrace()
    sys.settrace(stepped)
    try:
        for piece in text:
            annotator.feed(piece)
        annotator.close()
    finally:
        sys.settrace(old)
    return count


_STEPPED = [("one_byte_records", 300), ("deep_certificate", 100), ("behind_a_gap", 60), ("many_arcs", 500)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name, size", _STEPPED)
def test_steps_grow_as_the_input_does(name: str, size: int, kind: str) -> None:
    make = SHAPES[name].make
    before, after = (steps(kind, make(size * times)) for times in (1, 4))
    assert after <= before * 4 * 1.2 + 20_000, (before, after)


@pytest.mark.parametrize("name", ["endless_line", "prose", "short_lines", "one_byte_segments", "connections", "reopened",
                                  "fragments", "jumping", "high_offsets", "excerpts"])
def test_memory_does_not_grow_with_the_input(name: str) -> None:
    shape = SHAPES[name]
    peaks = []
    for times in (1, 3):
        annotator = fresh("text")
        annotator.begin("-")
        gc.collect()
        tracemalloc.start()
        for piece in shape.make(shape.small * times):
            annotator.feed(piece)
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        annotator.close()
        peaks.append((kept, peak))
    # What is remembered of connections fills up to its caps; all else leaves nothing behind.
    if name in ("connections", "reopened", "fragments", "one_byte_segments", "jumping", "excerpts"):
        assert peaks[1][1] < 64 << 20, peaks
    else:
        assert peaks[1][0] < peaks[0][0] * 1.2 + (1 << 19), peaks


# ------------------------------------------------------------------ nothing of a trace acts on a terminal

EVIL = [
    "\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\u202eevil", "\u2066\u2069", "\x00nul", "a\nb", "a\r\x08b", "\u2028", "\x7f",
    "\ufeff",
]


def clean(text: bytes) -> None:
    """Notes hold nothing that moves a cursor, hides or turns text; TAB repeats the row's own."""
    for line in lf_lines(text):
        if line.startswith(b";|"):
            told = line.decode("utf-8").rstrip("\n").replace("\t", "")
            assert told.isprintable(), ascii(line)


def server_says(*messages: bytes) -> bytes:
    """A server's first flight."""
    return dump(list(carried(b"".join(record(22, m) for m in messages), SERVER, 60000)))


def named(tag: int, value: bytes) -> bytes:
    """A certificate all of whose names are this value."""
    oid = tlv(6, bytes.fromhex("2a864886f70d01010b"))
    name = tlv(0x30, *(tlv(0x31, tlv(0x30, tlv(6, b"\x55\x04" + bytes((kind,))), tlv(tag, value))) for kind in (3, 6, 10)))
    times = tlv(0x30, tlv(0x17, value[:20]), tlv(0x18, value[:20]))
    key = tlv(0x30, tlv(0x30, oid, tlv(5)), tlv(3, b"\0" + value))
    names = tlv(0x30, tlv(0x82, value), tlv(0x81, value), tlv(0x86, value), tlv(0xA4, name), tlv(0x87, value))
    points = tlv(0x30, tlv(0x30, tlv(0xA0, tlv(0xA0, tlv(0x86, value)))))
    practice = tlv(0x30, tlv(6, bytes.fromhex("2b06010505070201")), tlv(0x16, value))
    policy = tlv(0x30, tlv(0x30, tlv(6, b"\x2a\x03"), tlv(0x30, practice)))
    extensions = tlv(0xA3, tlv(0x30, *(
        tlv(0x30, tlv(6, bytes.fromhex(o)), tlv(4, body))
        for o, body in (("551d11", names), ("551d1f", points), ("551d20", policy), ("2a0304", value))
    )))
    body = tlv(0x30, tlv(0xA0, tlv(2, b"\2")), tlv(2, b"\1"), tlv(0x30, oid), name, times, name, key, extensions)
    return tlv(0x30, body, tlv(0x30, oid), tlv(3, b"\0" + value))


@pytest.mark.parametrize("tag", [0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E])
@pytest.mark.parametrize("evil", EVIL, ids=ascii)
def test_names_in_certificates_are_shown_clean(evil: str, tag: int) -> None:
    codec = {0x1E: "utf-16-be", 0x1C: "utf-32-be", 0x0C: "utf-8"}.get(tag, "utf-8")
    text = server_says(certificate_message(named(tag, evil.encode(codec))))
    out = annotate(text)
    clean(out)
    assert strip(out) == text
    assert any("evil" in o["hex"] or o["path"].startswith("certificate") for o in of(objects(text), "field"))


@pytest.mark.parametrize("evil", EVIL, ids=ascii)
def test_texts_in_hellos_are_shown_clean(evil: str) -> None:
    for coded in (evil.encode("utf-8"), evil.encode("latin-1", "replace"), evil.encode("utf-16-le")):
        hello = client_hello(host=coded)
        alpn = message(2, b"\x03\x03" + bytes(32) + b"\0\0\x2f\0" + vector(2, extension(16, vector(2, vector(1, coded)))))
        listed = message(13, vector(1, b"\1") + vector(2, b"") + vector(2, vector(2, tlv(0x30, tlv(0x0C, coded)))))
        client = dump(list(carried(record(22, hello))))
        for text in (client, server_says(alpn, listed), dump(list(carried(b"GET / " + coded + b"\r\n", 0)))):
            clean(annotate(text))


@pytest.mark.parametrize("evil", EVIL, ids=ascii)
def test_lines_of_the_user_come_back_as_they_were_and_in_no_note(evil: str) -> None:
    raw = evil.encode("utf-8")
    plain = dump(list(carried(record(22, client_hello()))))
    for text in (
        plain.replace(b"10.0.0.1.", b"host" + raw.replace(b"\n", b"") + b"."), plain.replace(b"win 1024", raw),
        b"".join(line[:-1] + raw + b"\n" for line in lf_lines(plain)), raw + b"\n" + plain + raw,
        b"".join(line[:51] + raw * 4 + b"\n" if ROW.match(line) else line for line in lf_lines(plain)),
    ):
        out = annotate(text)
        assert strip(out) == strip(text)
        clean(out)
        assert all(32 <= byte < 127 or byte == 10 for byte in run("json", [text]))


# ------------------------------------------------------------------ never die

_LINES = st.lists(
    st.one_of(
        st.sampled_from([line for line in lf_lines(dump(list(carried(record(22, client_hello()) + record(21, b"\2\x28")))))]),
        st.sampled_from([b"\n", b"...\n", b";| an old note\n", b"*\n", b"> \n", b"0000000\n", b"\x1b[31m\n", b"\r\n"]),
        st.builds(
            lambda offset, data, text: b"\t0x%04x:  " % offset + data.hex(" ", 2).encode() + b"  " + text + b"\n",
            st.sampled_from([0, 16, 32, 0xFFF0, 0x100, 8]), st.binary(min_size=1, max_size=16), st.binary(max_size=20),
        ),
        st.builds(lambda data: data.hex().encode() + b"\n", st.binary(max_size=40)),
        st.binary(max_size=60).map(lambda data: data + b"\n"),
    ),
    max_size=30,
)


@settings(max_examples=600 if WHOLE else 60, deadline=None, suppress_health_check=list(HealthCheck))
@given(_LINES, st.integers(0, 2000), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_anything_at_all_is_annotated(lines: List[bytes], place: int, end: bytes) -> None:
    text = b"".join(lines).replace(b"\n", end)
    out = annotate(text)
    assert strip(out) == strip(text)
    clean(out)
    assert run("text", [text[:place], text[place:]]) == out
    found = objects(text)
    assert [p["packet"] for p in of(found, "packet")] == list(range(1, len(of(found, "packet")) + 1))


@settings(max_examples=400 if WHOLE else 40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from([20, 21, 22, 23, 24, 128]), st.binary(max_size=60)), max_size=8), st.integers(1, 90))
def test_any_stream_is_annotated(records: List[Tuple[int, bytes]], size: int) -> None:
    text = dump(list(carried(b"".join(record(kind, body) for kind, body in records), size=size)))
    out = annotate(text)
    assert strip(out) == text
    clean(out)


@settings(max_examples=400 if WHOLE else 40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_change_of_a_hello_is_annotated(data: Any) -> None:
    body = bytearray(record(22, client_hello()) + record(22, certificate_message(named(0x0C, b"name"))))
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    out = annotate(dump(list(carried(bytes(body), size=data.draw(st.integers(1, 300)) + 9))))
    clean(out)


KEPT = sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fuzz", "kept", "*")))


@pytest.mark.parametrize("path", KEPT, ids=os.path.basename)
def test_what_once_broke_it(path: str) -> None:
    sys.path.insert(0, os.path.dirname(os.path.dirname(path)))
    fuzz = importlib.import_module("fuzz")
    fuzz.KINDS[os.path.basename(path).split("-")[0]](load(path))


# ------------------------------------------------------------------ our own mistakes


def test_a_packet_whose_explanation_fails_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows stand as they came, a line says so, and all else is told as ever."""
    text = sample("tls12-rsa.txt")
    whole = annotate(text)
    module = importlib.import_module("hexnote.render.text")
    monkeypatch.setattr(module, "STRICT", False)
    page, seen = module.Text._page, []

    def failing(self: Any, *what: Any) -> Any:
        seen.append(page(self, *what))
        if len(seen) == 3:
            raise IndexError
        return seen[-1]

    monkeypatch.setattr(module.Text, "_page", failing)
    out = annotate(text)
    assert strip(out) == text
    assert out.count(module.FAILED.encode()) == 1 and len(seen) > 5
    lines = out.splitlines()
    assert set(lines) - set(whole.splitlines()) == {line for line in lines if module.FAILED.encode() in line}


# Where a mistake is made, and after how many calls; the last ones where another process reads, or explains connections too.
_ALONE = [("pipeline", "Trace._tell", 0), ("pipeline", "Trace._tell", 7), ("lexer", "Lexer._packet", 1),
          ("pipeline", "Trace._end_flow", 0), ("dumps", "Reader.close", 0), ("render.text", "Text.finish", 0)]
_SHARED = [("pipeline", "Trace._tell", 300), ("streams", "Flows.passes", 300), ("lexer", "Lexer._together", 7),
           ("partner", "Partner._tell", 7), ("partner", "Partner._end_flow", 0), ("pipeline", "Trace._answers", 0)]

_BROKEN = """
import itertools, sys
from importlib import import_module
module, name, after, *rest = sys.argv[1:]
holder, name = getattr(import_module("hexnote." + module), name.split(".")[0]), name.split(".")[1]
real, calls = getattr(holder, name), itertools.count()
def failing(*what, **more):
    if next(calls) >= int(after):
        raise ValueError("broken")
    return real(*what, **more)
setattr(holder, name, failing)
from hexnote.cli import main
sys.exit(main(rest))
"""


@pytest.mark.parametrize("piped", (False, True), ids=("file", "pipe"))
@pytest.mark.parametrize("place", [*_ALONE, *_SHARED], ids=lambda place: f"{place[1]}-{place[2]}")
def test_what_follows_a_mistake_stands_as_it_came(place: Tuple[str, str, int], piped: bool, tmp_path: Any) -> None:
    """No line of the input is lost, whichever process made the mistake, and the output says from where on nothing is told."""
    module, name, after = place
    shared = place in _SHARED
    if shared and not hasattr(os, "fork"):
        pytest.skip("no second process can be had here")
    text = sample("tls12-rsa.txt") + b";| an old note\n; none\n" + sample("openssl-msg.txt") + b";"
    if shared:
        text = many_connections() + text
    path = os.path.join(str(tmp_path), "trace.txt")
    with open(path, "wb") as file:
        file.write(text)
    command = [sys.executable, "-c", _BROKEN, module, name, str(after), *([] if piped else [path])]
    env = environment(HEXNOTE_STRICT="")
    done = subprocess.run(command, input=text if piped else b"", capture_output=True, env=env, timeout=60)
    assert strip(done.stdout) == strip(text)
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1 and b"Traceback" not in done.stderr
    told, said, rest = done.stdout.partition(b";| hexnote cannot go on here")
    assert said and b";|" not in rest.partition(b"\n")[2].replace(b"\n;| an old note\n", b"\n")
    assert after < 7 or told.count(b";|") > 100


_many: List[bytes] = []


def many_connections() -> bytes:
    """More than a megabyte, of connections that two processes share."""
    from test_partner import many

    if not _many:
        some = many(60)
        _many.append(some * (1_500_000 // len(some) + 1))
    return _many[0]


def test_several_traces_of_which_some_cannot_be_told(tmp_path: Any) -> None:
    """Each stands in its place, with its last line as it was."""
    whole = sample("tls12-rsa.txt")
    paths = []
    for number, text in enumerate((whole, whole[:-1], whole, whole[:-1])):
        paths.append(os.path.join(str(tmp_path), f"{number}.txt"))
        with open(paths[-1], "wb") as file:
            file.write(text)
    for count in (1, 2, 3, 4):
        command = [sys.executable, "-c", _BROKEN, "pipeline", "Trace._tell", "6", *paths[:count]]
        done = subprocess.run(command, capture_output=True, env=environment(HEXNOTE_STRICT=""))
        texts = [load(path) for path in paths[:count]]
        assert strip(done.stdout).replace(b"\n", b"") == b"".join(texts).replace(b"\n", b"")
        assert strip(done.stdout).endswith(texts[-1][-40:]) and done.stderr.count(b"cannot go on") == count


def test_a_mistake_elsewhere_is_a_line(tmp_path: Any) -> None:
    """What was made until then stands, the status says that it is not all, and nobody sees Python's own words."""
    path = os.path.join(SAMPLES, "tls12-rsa.txt")
    code = (
        "import sys; from hexnote.pipeline import Trace\n"
        "def fails(self, *what): raise ValueError('\\x1b[31m' + 'x' * 9999)\n"
        "Trace._end_flow = fails\n"
        "from hexnote.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    made = os.path.join(str(tmp_path), "out.txt")
    env = environment(HEXNOTE_STRICT="")
    for more in ([], ["--summary"], ["--to", "json"]):
        done = subprocess.run([sys.executable, "-c", code, *more, path], capture_output=True, env=env)
        assert done.returncode == 2
        assert done.stderr.count(b"\n") == 1 and b"Traceback" not in done.stderr and b"\x1b" not in done.stderr
        assert b": ValueError: " in done.stderr and b"the mistake is its own" in done.stderr and len(done.stderr) < 1000
    subprocess.run([sys.executable, "-c", code, "-o", made, path], env=env, stderr=subprocess.DEVNULL)
    assert not os.path.exists(made)
