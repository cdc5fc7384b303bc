"""A live trace: what is known of a packet is out before the next one is written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import Iterator, List, Tuple

import pytest
from conftest import ROOT
from handshakes import conversation, dump, packets
from support import ROW, annotate, lf_lines, run, sample

PATIENCE = 20.0  # seconds; much more than is ever needed, so that a busy machine is no failure


class Pipe:
    """hexnote between two real pipes."""

    def __init__(self, *arguments: str) -> None:
        environment = dict(os.environ, PYTHONPATH=ROOT)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hexnote", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, bufsize=0, env=environment,
        )
        self.out = b""
        self._more = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while True:
            piece = os.read(self.process.stdout.fileno(), 65536)
            with self._more:
                self.out += piece
                self._ended = not piece
                self._more.notify_all()
            if not piece:
                return

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def until(self, size: int) -> bytes:
        """What has come, once it is at least `size` bytes or the patience is over."""
        end = time.monotonic() + PATIENCE
        with self._more:
            while len(self.out) < size and not self._ended and time.monotonic() < end:
                self._more.wait(0.5)
            return self.out

    def finish(self) -> Tuple[int, bytes]:
        """Ends the input; the exit status and standard error."""
        assert self.process.stdin is not None and self.process.stderr is not None
        self.process.stdin.close()
        self._reader.join(PATIENCE)
        errors = self.process.stderr.read()
        return self.process.wait(PATIENCE), errors


@pytest.fixture
def pipes() -> Iterator[List[Pipe]]:
    made: List[Pipe] = []
    yield made
    for pipe in made:
        if pipe.process.poll() is None:
            pipe.process.kill()
        pipe.process.wait()
        for stream in (pipe.process.stdin, pipe.process.stdout, pipe.process.stderr):
            if stream is not None and not stream.closed:
                stream.close()


def blocks(text: bytes) -> List[bytes]:
    """A trace in packets: each summary line with its rows."""
    out: List[bytes] = []
    for line in lf_lines(text):
        if ROW.match(line) and out:
            out[-1] += line
        else:
            out.append(line)
    return out


def is_complete(block: bytes) -> bool:
    """Whether its rows hold all that its IPv4 header announces."""
    lines = [match for match in map(ROW.match, lf_lines(block)) if match]
    data = b"".join(bytes.fromhex(match.group(2).replace(b" ", b"").decode()) for match in lines)
    if not lines or int(lines[0].group(1), 16):
        return False
    return data[0] >> 4 == 4 and len(data) >= int.from_bytes(data[2:4], "big")


@pytest.mark.parametrize("trace", ["server-auth", "made here"])
def test_a_packet_is_annotated_before_the_next_is_written(trace: str, pipes: List[Pipe]) -> None:
    text = sample("server-auth.txt") if trace == "server-auth" else dump(packets(conversation(5), 600))
    whole = annotate(text)
    pipe = Pipe()
    pipes.append(pipe)
    written, checked = 0, 0
    parts = blocks(text)
    for block, after in zip(parts, parts[1:]):
        begin = whole.index(after.split(b"\n")[0], written)
        pipe.write(block)
        if is_complete(block):
            assert pipe.until(begin) == whole[:begin]
            checked += 1
        written = begin
    pipe.write(parts[-1])
    status, errors = pipe.finish()
    assert (status, errors) == (0, b"")
    assert pipe.out == whole
    assert checked >= 10


def test_json_too(pipes: List[Pipe]) -> None:
    """Each packet's object, and the records that it completes, are out at once."""
    parts = blocks(dump(packets(conversation(6), 600)))
    pipe = Pipe("--to", "json")
    pipes.append(pipe)
    text, size = b"", 0
    for number, block in enumerate(parts, 1):
        text += block
        pipe.write(block)
        # all that the packets up to here give, but for what the end of the input says
        expected = run_open(text)
        out = pipe.until(len(expected))
        assert out == expected
        shown = [json.loads(line) for line in out.splitlines()]
        assert [o["packet"] for o in shown if o["kind"] == "packet"] == list(range(1, number + 1))
        size = len(out)
    assert pipe.finish() == (0, b"")
    assert pipe.out == run("json", [text]) and len(pipe.out) >= size


def run_open(text: bytes) -> bytes:
    """What is printed for an input that has not ended."""
    from support import fresh

    annotator = fresh("json")
    annotator.begin("-")
    out: bytes = annotator.feed(text)
    return out


def test_a_line_in_two_halves(pipes: List[Pipe]) -> None:
    """A write that ends in the midst of a row spoils nothing."""
    text = dump(packets(conversation(7), 600))
    pipe = Pipe()
    pipes.append(pipe)
    for at in range(0, len(text), 97):
        pipe.write(text[at : at + 97])
    assert pipe.finish() == (0, b"")
    assert pipe.out == annotate(text)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")
@pytest.mark.parametrize("seen", [True, False])
def test_a_pipe_that_stays_silent_is_spoken_of_to_a_terminal_alone(seen: bool) -> None:
    master, slave = os.openpty()
    program = "import sys; from hexnote import cli; cli.SILENCE = 0.05; sys.exit(cli.main())"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=slave if seen else subprocess.PIPE, env=dict(os.environ, PYTHONPATH=ROOT),
    )
    os.close(slave)
    assert process.stdin is not None and process.stdout is not None
    if seen:
        assert b"unless it is told -l" in os.read(master, 4096)
    process.stdin.write(b"no dump\n")
    process.stdin.close()
    assert process.stdout.read() == b"no dump\n"
    if process.stderr is not None:
        assert b"told -l" not in process.stderr.read()
        process.stderr.close()
    process.stdout.close()
    assert process.wait() == 0
    os.close(master)
