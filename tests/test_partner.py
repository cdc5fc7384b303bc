"""Connections explained by two processes are told as by one, whoever explains which."""

from __future__ import annotations

import collections
import glob
import itertools
import os
import random
import signal
import subprocess
import sys
from typing import Any, Counter, Dict, Iterator, List, Tuple

import pytest
from conftest import SAMPLES, SHARED
from damage import KINDS, damaged
from handshakes import conversation, dump, packets
from support import WHOLE, annotator, environment, load

from hexnote import ahead, outlet, reading, streams
from hexnote.model import Prose
from hexnote.partner import Partner, partner
from hexnote.render.json import Json
from hexnote.render.summary import Summary
from hexnote.render.text import Text

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no second process can be had here")

COLOURS = {"heading": "\33[1m", "teaching": "\33[2m", "error": "\33[31m", "reset": "\33[0m"}
RENDERERS: Dict[str, Any] = {
    "text": Text, "json": Json, "summary": Summary,
    "narrow": lambda: Text(60, palette=COLOURS), "diagnose": lambda: Summary(100, True),
}  # fmt: skip


class Watch:
    """What went through the pipe back and forth, so that a test can tell that it tested something."""

    def __init__(self) -> None:
        self.pieces = 0
        self.asked: Counter[str] = collections.Counter()
        self.weights = 0


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watches the process that annotates."""
    made = Watch()
    piece, said = ahead.Ahead.piece, ahead.Ahead._said

    def watched(self: Any) -> Any:
        made.pieces += 1
        return piece(self)

    def saying(self: Any, entry: Any) -> None:
        if "ask" in entry:
            made.asked[entry["ask"]] += 1
        made.weights += "weights" in entry
        said(self, entry)

    monkeypatch.setattr(ahead.Ahead, "piece", watched)
    monkeypatch.setattr(ahead.Ahead, "_said", saying)
    return made


@pytest.fixture
def in_time() -> Iterator[None]:
    """Has a test end that would hang."""
    def over(number: int, frame: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def shares(monkeypatch: pytest.MonkeyPatch, takes: Iterator[bool], most: int = 48) -> None:
    """Who explains the connections that begin behind each message, whoever has time and whatever the other process has met."""
    heard = reading.Link.heard
    monkeypatch.setattr(reading.Link, "heard", lambda self: heard(self) or True)
    monkeypatch.setattr(reading.Sender, "_takes", lambda self, left: next(takes))
    monkeypatch.setattr(reading, "MOST", most)


def pieces(text: bytes, first: int, size: int) -> Iterator[bytes]:
    """The text behind its first bytes, in pieces of `size` bytes."""
    return iter([text[at : at + size] for at in range(first, len(text), size)])


def told(kind: str, text: bytes, first: int, size: int, shared: bool, settings: Any = None) -> Tuple[bytes, bool, bool]:
    """The output for a text, and whether something, and an error, was found: by one process, or where `shared` by two behind its
    `first` bytes."""
    made: Any = annotator(RENDERERS[kind](), settings=settings)
    made.begin("x")
    out = made.feed(text[:first])
    if shared:
        out += b"".join(made.ahead(pieces(text, first, size), Partner))
    else:
        for piece in pieces(text, first, size):
            out += made.feed(piece)
    return bytes(out + made.close()), made.errors, made.found


def early(kind: str, text: bytes, size: int) -> bytes:
    """The output for a text that another process reads from its first byte on, as the command has it."""
    source = ahead.whole(pieces(text, 0, size), lambda link: partner(annotator(RENDERERS[kind]()), link), True)
    assert source is not None
    made: Any = annotator(RENDERERS[kind]())
    made.begin("x", source)
    return b"".join(made.ahead(iter(()))) + bytes(made.close())


def texts() -> List[str]:
    """Samples, dresses, some captures; with HEXNOTE_WHOLE=1 all of the corpus."""
    corpus = os.path.join(SHARED, "corpus")
    captures = sorted(glob.glob(os.path.join(corpus, "*.txt")) + glob.glob(os.path.join(corpus, "extra", "*.txt")))
    dresses = sorted(glob.glob(os.path.join(corpus, "formats", "*.txt")))
    return [*sorted(glob.glob(os.path.join(SAMPLES, "*.txt"))), *(dresses if WHOLE else dresses[::6]),
            *(captures if WHOLE else captures[::20])]


@pytest.mark.parametrize("path", texts(), ids=os.path.basename)
def test_the_other_process_explains_everything(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shares(monkeypatch, itertools.repeat(True))
    text = load(path)[:300_000]
    for kind in RENDERERS:
        settings = {"thorough": kind in ("summary", "diagnose")}
        assert told(kind, text, 0, 3001, True, settings) == told(kind, text, 0, 3001, False, settings), kind


def mixed(rng: random.Random) -> bytes:
    """Packets of several traces, some of them twice, out of order, or lost; sometimes with a log among them, or damage."""
    names = sorted(glob.glob(os.path.join(SAMPLES, "*.txt")))
    sources = [each for each in (split(load(rng.choice(names))) for _ in range(rng.choice((2, 4, 8)))) if each]
    sources += [split(dump(packets(conversation(rng.randrange(99)), rng.choice((200, 1000)))))]
    made: List[bytes] = []
    while sources and len(made) < 400:
        source = rng.choice(sources)
        count = rng.choice((1, 1, 2, 5))
        made += source[:count]
        del source[:count]
        if not source:
            sources.remove(source)
    for _ in range(rng.choice((0, 0, 5))):
        made.insert(rng.randrange(len(made)), rng.choice(made))
    for _ in range(rng.choice((0, 0, 5))):
        del made[rng.randrange(len(made))]
    if rng.random() < 0.4:
        made.insert(rng.randrange(len(made)), load(rng.choice(names))[:20_000])
    text = b"".join(made)
    if rng.random() < 0.3:
        try:
            text = damaged(text.decode("latin-1"), [rng.choice(sorted(KINDS))], rng.randrange(999))[0]
        except (IndexError, ValueError):  # nothing is left that could be damaged so
            pass
    return text[: rng.randrange(len(text))] if rng.random() < 0.2 else text


def split(text: bytes) -> List[bytes]:
    """A trace cut before each line that stands before a packet's first row."""
    lines = text.splitlines(True)
    made: List[bytes] = []
    for line, following in zip(lines, [*lines[1:], b""]):
        if b"0x0000:" in following or not made:
            made.append(b"")
        made[-1] += line
    return made


@pytest.mark.parametrize("seed", range(600 if WHOLE else 60))
def test_whoever_explains_which(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With connections let go for all reasons that there are, and whatever was read before."""
    rng = random.Random(seed)
    takes = random.Random(seed)
    shares(monkeypatch, (takes.random() < 0.6 for _ in itertools.count()), rng.choice((48, 3, 1)))
    bounds = rng.choice(((), (), (4,), (3072, 20_000, 30_000), (64, 8 << 20, 5000, 200_000)))
    if bounds:
        monkeypatch.setattr(streams.Flows.__init__, "__defaults__", (*bounds, *(3072, 8 << 20, 1 << 20, 32 << 20)[len(bounds) :]))
        for module in (streams, ahead, reading):
            monkeypatch.setattr(module, "OFTEN", 16)
    text = mixed(rng)
    kind = rng.choice(sorted(RENDERERS))
    first, size = rng.choice((0, len(text) // 10, rng.randrange(len(text) + 1))), rng.choice((100, 3000, 200_000))
    settings = {"thorough": kind in ("summary", "diagnose"), "headers": rng.random() < 0.1}
    assert told(kind, text, first, size, True, settings) == told(kind, text, first, size, False, settings), (seed, kind)


def test_notes_are_given_once(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    """A note is given by whoever comes to it first, and by nobody else."""
    shares(monkeypatch, itertools.cycle((True, False)), 1)
    text = b"".join(load(os.path.join(SAMPLES, name)) for name in ("tls12-ecdhe.txt", "tls12-rsa.txt", "server-auth.txt"))
    shared = told("text", text, 0, 3000, True)
    assert shared == told("text", text, 0, 3000, False)
    assert watch.asked["taught"] and watch.pieces


def test_certificates_of_other_connections(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    """A chain without its issuer is judged by what any connection has shown before: the other process is asked."""
    shares(monkeypatch, itertools.cycle((False, True)), 1)
    text = many(4)
    for kind in ("json", "diagnose"):
        assert told(kind, text, 0, 3000, True) == told(kind, text, 0, 3000, False)
    assert watch.asked["traced"]


def test_heavy_connections_are_let_go_alike(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    """What connections weigh is known to the process that explains them; both let the same ones go."""
    shares(monkeypatch, itertools.cycle((True, False)), 1)
    monkeypatch.setattr(streams.Flows.__init__, "__defaults__", (3072, 8 << 20, 1 << 20, 100_000))
    for module in (streams, ahead, reading):
        monkeypatch.setattr(module, "OFTEN", 16)
    text = many(30)
    shared = told("json", text, 0, 3000, True)
    assert shared == told("json", text, 0, 3000, False)
    assert b'"eviction"' in shared[0] and watch.weights


def test_what_the_other_process_has_taught_is_not_asked_for(monkeypatch: pytest.MonkeyPatch, watch: Watch, in_time: None) -> None:
    """The one that reads explains nothing until the other one has said which notes it has given, without being asked."""
    heard, calls = reading.Link.heard, itertools.count()

    def waits(self: Any) -> bool:
        """Connections with all notes have been sent; the answer to a question comes behind what is said by itself until then."""
        number = next(calls)
        if number == 1500:
            self.ask("session", -1, False)
        return number >= 1500 and bool(heard(self))

    monkeypatch.setattr(reading.Link, "heard", waits)
    monkeypatch.setattr(reading.Sender, "_takes", lambda self, left: True)
    monkeypatch.setattr(reading, "MOST", 1)
    text = 4 * many(30)
    assert told("text", text, 0, 3000, True) == told("text", text, 0, 3000, False)
    assert watch.pieces and not watch.asked["taught"]


@pytest.mark.skipif(sys.platform != "linux", reason="pipes of any size are Linux's")
@pytest.mark.parametrize("whole", [False, True])
def test_pipes_that_hold_little(whole: bool, monkeypatch: pytest.MonkeyPatch, watch: Watch, in_time: None) -> None:
    """Neither process waits for the other while that waits for it: where a user has many pipes, new ones hold a page or two.
    `whole`: of a text that never keeps one waiting much may wait for room in the pipe."""
    import fcntl

    shares(monkeypatch, itertools.cycle((True, False)), 1)
    for module in (streams, ahead, reading):
        monkeypatch.setattr(module, "OFTEN", 16)
    monkeypatch.setattr(streams, "_weight", lambda flow: 1 << 8000 if flow.connection.story is not None else 0)
    monkeypatch.setattr(streams.Flows.__init__, "__defaults__", (3072, 8 << 20, 1 << 20, 1 << 9000))
    monkeypatch.setattr(streams, "_ITSELF", 1 << 9000)  # however few they are, they are counted
    made = os.pipe

    def small() -> Tuple[int, int]:
        ends = made()
        fcntl.fcntl(ends[1], 1031, 4096)  # F_SETPIPE_SZ
        return ends

    monkeypatch.setattr(os, "pipe", small)
    monkeypatch.setattr(reading, "widen", lambda pipe: None)
    monkeypatch.setattr(reading, "_FIRST", 12)
    monkeypatch.setattr(reading, "_MANY", 1)
    text = many(30)
    alone = told("json", text, 0, 3000, False)
    assert early("json", text, 3000) == alone[0] if whole else told("json", text, 0, 3000, True) == alone
    assert watch.weights > 2


@pytest.mark.parametrize("kind", ["text", "diagnose"])
def test_what_waits_is_sent_before_an_answer_is_waited_for(
    kind: str, monkeypatch: pytest.MonkeyPatch, watch: Watch, in_time: None
) -> None:
    """As if the pipe had never room, while something may wait for it."""
    shares(monkeypatch, itertools.cycle((True, False)), 1)
    push = outlet.Outlet.push

    def full(pipe: int, buffers: Any) -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "writev", full)
    monkeypatch.setattr(outlet.Outlet, "push", lambda self, most=0: None if most else push(self))
    monkeypatch.setattr(reading, "_FIRST", 12)
    monkeypatch.setattr(reading, "_MANY", 1)
    text = many(20)
    assert early(kind, text, 3000) == told(kind, text, 0, 3000, False)[0]
    assert watch.asked["taught" if kind == "text" else "traced"]


def test_processes_that_count_otherwise_are_told(monkeypatch: pytest.MonkeyPatch, in_time: None) -> None:
    """One of them would wait for what the other does not say."""
    shares(monkeypatch, itertools.cycle((True, False)), 1)
    for module in (streams, ahead, reading):
        monkeypatch.setattr(module, "OFTEN", 16)
    monkeypatch.setattr(streams, "_weight", lambda flow: 1)
    monkeypatch.setattr(streams, "_ITSELF", 1 << 30)  # however few they are, they are counted
    monkeypatch.setattr(ahead.Ahead, "exchange", lambda self, clock, weights: {})
    with pytest.raises(ChildProcessError, match="do not agree"):
        told("json", many(30), 0, 3000, True)


def test_processes_of_which_one_explains_less_are_told(monkeypatch: pytest.MonkeyPatch, in_time: None) -> None:
    """The other would wait for what it has to say."""
    shares(monkeypatch, itertools.cycle((True, False)), 1)
    said, piece = itertools.count(), Partner._piece
    monkeypatch.setattr(Partner, "_piece", lambda self: None if next(said) == 9 else piece(self))
    with pytest.raises(ChildProcessError, match="do not agree"):
        told("json", many(8), 0, 3000, True)


@pytest.mark.parametrize("seed", range(8))
def test_checksums_are_judged_alike(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong checksum is judged by all packets before it, whoever tells of it with its connection."""
    shares(monkeypatch, itertools.cycle((True, False)), 1)
    rng = random.Random(seed)
    lines = many(6).splitlines(True)
    for at in rng.sample([n for n, line in enumerate(lines) if line.startswith(b"\t0x0020:")], 5):
        lines[at] = lines[at][:20] + b"%04x" % rng.randrange(1 << 16) + lines[at][24:]  # bytes 0x24 and 0x25: the checksum
    text = b"".join(lines)
    assert b"checksum" in told("summary", text, 0, 3000, False)[0]
    for kind in ("summary", "text"):
        assert told(kind, text, 0, 3000, True) == told(kind, text, 0, 3000, False), kind


@pytest.mark.parametrize("kind", RENDERERS)
def test_one_that_is_killed_is_told(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other process has not said any more is left out, and the rest comes to its end."""
    shares(monkeypatch, itertools.cycle((True, False)), 1)
    text = many(6)

    def dying() -> Iterator[bytes]:
        yield text[: len(text) // 2]
        os._exit(9)

    made: Any = annotator(RENDERERS[kind]())
    made.begin("x")
    with pytest.raises(ChildProcessError):
        list(made.ahead(dying(), Partner))
    assert made.close()


def many(count: int) -> bytes:
    """So many connections, all of them under way at the same time."""
    told = [packets(conversation(seed), 400, 50000 + seed) for seed in range(count)]
    return dump(each[at] for at in range(max(map(len, told))) for each in told if at < len(each))


def rough(kind: str) -> List[bytes]:
    """Items that are none of the usual: what may stand among the first ones of any trace."""
    frame = split(many(1))[0]
    return {
        "cut": [frame[: len(frame) // 2]],
        "garbled": [frame.replace(b"0x0010:  ", b"0x0010:  z")],
        "capital": [frame.replace(b"a", b"A")],
        "words": [b"CONNECTED(00000003)\n"],
        "records": [load(os.path.join(SAMPLES, "mutual-auth-excerpt.txt"))],
        "log": [load(os.path.join(SAMPLES, "openssl-msg.txt"))],
    }[kind]


@pytest.mark.parametrize("where", (0, 100, 200))
@pytest.mark.parametrize("kind", ("cut", "garbled", "capital", "words", "records", "log"))
def test_shared_from_the_first_byte(kind: str, where: int, monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    """What stands among the first items keeps nobody from sharing, unless the other process would be asked of it too late."""
    shares(monkeypatch, itertools.cycle((True, False)), 8)
    parts = split(many(30)) * 2  # as many connections begin later
    parts[where:where] = rough(kind)
    text = b"".join(parts)
    for renderer in RENDERERS:
        for size in (3000, 200_000):
            assert early(renderer, text, size) == told(renderer, text, 0, size, False)[0], (renderer, size)
    assert bool(watch.pieces) == (kind not in ("records", "log"))


@pytest.mark.parametrize("job", ([], ["--summary"], ["--to", "json"], ["--diagnose"]), ids=" ".join)
def test_the_command_says_the_same(job: List[str], tmp_path: Any) -> None:
    """A long trace of many connections, in a file and through a pipe, beside the ways that one process takes."""
    path = os.path.join(str(tmp_path), "long.txt")
    with open(path, "wb") as file:
        text = many(60)
        file.write(text * (3_000_000 // len(text) + 1))
    command = [sys.executable, "-m", "hexnote", *job]
    quick = subprocess.run([*command, path], env=environment(), capture_output=True)
    slow = subprocess.run([*command, path], env=environment(HEXNOTE_SLOW="1"), capture_output=True)
    assert (quick.returncode, quick.stderr) == (slow.returncode, slow.stderr)
    assert quick.stdout == slow.stdout
    with open(path, "rb") as file:
        piped = subprocess.run(command, env=environment(), stdin=file, capture_output=True)
    assert piped.stdout.replace(b"standard input", path.encode()).replace(b'"-"', b'"%b"' % path.encode()) == quick.stdout


def test_what_is_kept_until_sharing_is_settled_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """256 items may be 256 packets of half a megabyte of text each, which stood in memory to the end of the trace."""
    made = annotator(Text())
    made.begin("-")
    trace = made.trace
    assert trace is not None
    sender = reading.Sender(outlet.Outlet(-1, 0), trace.dumps, trace.look, -1, lambda link: pytest.fail("it shares them"))
    monkeypatch.setattr(outlet.Outlet, "left", 0)
    monkeypatch.setattr(sender, "send", lambda: None)
    for line in range(1, 6):
        assert sender._before is not None and len(sender._before) == line - 1
        sender._add((b"", line), Prose(bytes(1 << 20), line))
    assert sender._before is None
    for line in range(6, 300):
        sender._add((b"", line), Prose(b"x\n", line))
    assert sender._before is None and sender._partner is None
