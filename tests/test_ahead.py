"""A text that a second process reads ahead gives the same output as one that this process reads alone."""

from __future__ import annotations

import glob
import itertools
import os
import random
import subprocess
import sys
import time
from typing import Any, Iterator, List

import pytest
from conftest import SAMPLES, SHARED
from damage import KINDS, damaged
from handshakes import conversation, dump, packets
from support import WHOLE, annotator, environment, load
from test_live import Pipe

from hexnote import ahead, cli, outlet, reading
from hexnote.render.json import Json
from hexnote.render.summary import Summary
from hexnote.render.text import Text

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no second process can be had here")

RENDERERS = {"text": Text, "json": Json, "summary": Summary}


def texts() -> List[str]:
    """Samples, dresses, some captures; with HEXNOTE_WHOLE=1 all of the corpus."""
    corpus = os.path.join(SHARED, "corpus")
    captures = sorted(glob.glob(os.path.join(corpus, "*.txt")) + glob.glob(os.path.join(corpus, "extra", "*.txt")))
    dresses = sorted(glob.glob(os.path.join(corpus, "formats", "*.txt")))
    if not WHOLE:
        captures = captures[::40]
    return [*sorted(glob.glob(os.path.join(SAMPLES, "*.txt"))), *dresses, *captures]


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    """The text in pieces of `size` bytes."""
    return iter([text[at : at + size] for at in range(0, len(text), size)])


def told(text: bytes, kind: str, first: int, size: int) -> bytes:
    """The output for a text of which the first bytes are read here, and the rest ahead in pieces of `size` bytes; with
    `size` 0 all is read here."""
    made: Any = annotator(RENDERERS[kind]())
    made.begin("x")
    out = made.feed(text[:first])
    if size:
        out += b"".join(made.ahead(pieces(text[first:], size)))
    else:
        out += made.feed(text[first:])
    return bytes(out + made.close())


@pytest.fixture(autouse=True, params=("the other process", "this one", "by turns"))
def who_looks(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which process looks at packets, whatever the pipe holds: the outcome must be the same."""
    left = {"the other process": [1 << 30], "this one": [0], "by turns": [1 << 30, 0, 0, 1 << 30, 0]}
    turns = itertools.cycle(left[request.param])
    monkeypatch.setattr(outlet, "unread", lambda: lambda pipe: next(turns))
    if request.param == "by turns":
        monkeypatch.setattr(reading, "MOST", 3)


@pytest.mark.parametrize("path", texts(), ids=os.path.basename)
def test_read_ahead_or_not(path: str) -> None:
    text = load(path)[:400_000]
    for kind in RENDERERS:
        assert told(text, kind, len(text) // 5, 3001) == told(text, kind, 0, 0), kind


@pytest.mark.parametrize("seed", range(200 if WHOLE else 12))
def test_damaged_texts_are_read_ahead_alike(seed: int) -> None:
    rng = random.Random(seed)
    source = load(os.path.join(SAMPLES, rng.choice(("tls12-rsa.txt", "tls12-ecdhe.txt"))))
    text = damaged(source.decode("latin-1"), rng.sample(sorted(KINDS), rng.choice((1, 2))), seed)[0]
    first, size = rng.randrange(len(text) + 1), rng.choice((100, 1000, 5000))
    assert told(text, "text", first, size) == told(text, "text", 0, 0), (seed, first, size)


def test_every_cut() -> None:
    """Wherever the other process takes over: in a row, in a line of prose, behind the last byte."""
    text = load(os.path.join(SAMPLES, "server-auth.txt"))[:9000] + b"\nnot a dump\n\t0x0000:  zz\n"
    alone = told(text, "text", 0, 0)
    for first in range(0, len(text) + 1, 97):
        assert told(text, "text", first, 50) == alone, first


def test_annotated_text_is_read_ahead_as_it_was() -> None:
    """Annotations go, and the LF that they brought with them."""
    text = load(os.path.join(SAMPLES, "server-auth.txt"))[:5000].rstrip(b"\n")
    out = told(text, "text", 0, 0)
    assert told(out, "text", 700, 123) == out


def test_reports_stand_where_they_stood() -> None:
    """Rows that nobody can read are reported in the order of the text, by whichever process saw them."""
    row = b"\t0x%04x:  4500 003c 1c46 4000 4006 b1e6 ac10 0a63  E..<.F@.@.......\n"
    odd = b"\t0x0010:  45O0 003c 1c46 4000 4006 b1e6 ac10 0a63\n"
    text = b"".join(b"%d\n" % n + row % (0x4000 + 32 * n) + odd for n in range(40))
    assert b"unreadable-rows" in told(text, "text", 0, 0)
    assert told(text, "text", 300, 333) == told(text, "text", 0, 0)


def test_a_read_that_fails_is_told_here() -> None:
    def failing() -> Iterator[bytes]:
        yield b"some text\n"
        raise OSError(5, "Input/output error")

    made: Any = annotator(Text())
    made.begin("x")
    out = []
    with pytest.raises(OSError, match="Input/output error"):
        for each in made.ahead(failing()):
            out.append(each)
    assert b"".join(out) == b"some text\n"


def test_a_reader_that_is_killed_is_told() -> None:
    def dying() -> Iterator[bytes]:
        yield b"some text\n"
        os._exit(9)

    made: Any = annotator(Text())
    made.begin("x")
    with pytest.raises(ChildProcessError):
        list(made.ahead(dying()))


def test_without_a_second_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none can be had this one reads on."""
    text = load(os.path.join(SAMPLES, "server-auth.txt"))

    def refused() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(ahead.os, "fork", refused)
    assert told(text, "text", 100, 1000) == told(text, "text", 0, 0)


# ---------------------------------------------------------------- the command


@pytest.fixture
def long(tmp_path: Any) -> str:
    """A trace that is long enough."""
    path = os.path.join(str(tmp_path), "long.txt")
    with open(path, "wb") as file:
        text = dump(packets(conversation(1)))
        file.write(text * (8 * cli.AHEAD // len(text) + 1))
    return path


def children(of: int) -> List[str]:
    """The processes that a process has begun, where that can be seen."""
    path = f"/proc/{of}/task/{of}/children"
    return load(path).decode().split() if os.path.exists(path) else []


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="processes cannot be seen here")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="it takes two processors")
def test_the_reader_ends_with_the_output(long: str) -> None:
    """Whoever closes the output early leaves no process behind, even while its input is still open."""
    with open(long, "rb") as file:
        text = file.read()
    pipe = Pipe("-")
    readers: List[str] = []
    end = time.monotonic() + 20
    size = 0
    while not readers and time.monotonic() < end:
        for at in range(0, len(text), 1 << 16):
            pipe.write(text[at : at + (1 << 16)])
            readers = readers or children(pipe.process.pid)
        size += len(text)
    assert readers
    pipe.until(size)
    time.sleep(0.2)  # it waits for more
    assert alive(readers[0])
    pipe.process.kill()  # nothing can be tidied up
    pipe.process.wait()
    assert pipe.process.stdin is not None
    while any(alive(pid) for pid in readers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in readers)
    pipe.process.stdin.close()


def alive(pid: str) -> bool:
    """Whether a process is there and has not ended."""
    path = f"/proc/{pid}/stat"
    return os.path.exists(path) and load(path).rpartition(b")")[2].split()[0] != b"Z"


def test_live_behind_a_long_beginning(long: str) -> None:
    """What is written is annotated before more is written, also once a second process reads."""
    with open(long, "rb") as file:
        text = file.read()
    half = text.rindex(b"\n", 0, len(text) // 2) + 1
    pipe = Pipe("-")
    pipe.write(text[:half])
    last = b"a line that nobody can take for a dump\n"
    for number in range(5):
        before = pipe.until(half)
        pipe.write(b"%d: " % number + last)
        end = time.monotonic() + 20
        while b"\n%d: " % number + last not in pipe.out and time.monotonic() < end:
            time.sleep(0.01)
        assert b"\n%d: " % number + last in pipe.out[len(before) - 200 :]
    status, errors = pipe.finish()
    assert (status, errors) == (0, b"")


def test_the_command_reads_ahead_and_says_the_same(long: str) -> None:
    quick = subprocess.run([sys.executable, "-m", "hexnote", long], env=environment(), capture_output=True)
    slow = subprocess.run([sys.executable, "-m", "hexnote", long], env=environment(HEXNOTE_SLOW="1"), capture_output=True)
    assert quick.returncode == slow.returncode == 0
    assert quick.stderr == slow.stderr == b""
    assert quick.stdout == slow.stdout
    with open(long, "rb") as file:
        piped = subprocess.run([sys.executable, "-m", "hexnote"], env=environment(), stdin=file, capture_output=True)
    assert piped.stdout == quick.stdout
