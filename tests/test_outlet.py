"""What the pipe between the two processes has no room for waits, in its order, and not without end."""

from __future__ import annotations

import marshal
import os
import random
import sys
import threading
from typing import Any, List

import pytest

from hexnote.outlet import SIZE, Outlet

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no second process can be had here")


def take(pipe: int, size: int) -> bytes:
    """So many bytes out of a pipe; fewer where it ends."""
    made = b""
    while len(made) < size:
        got = os.read(pipe, size - len(made))
        if not got:
            break
        made += got
    return made


def messages(pipe: int) -> List[Any]:
    """All messages that come through a pipe, to its end."""
    found = []
    while True:
        size = take(pipe, SIZE)
        if not size:
            return found
        found.append(marshal.loads(take(pipe, int.from_bytes(size, "little"))))


@pytest.mark.parametrize("room", [0, 1, 100_000, 10_000_000])
def test_messages_come_in_their_order(room: int) -> None:
    """However much may wait, and wherever the pipe is full."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    choose = random.Random(seed)
    sent: List[Any] = [bytes([number]) * choose.choice((0, 3, 4096, 70_000, 300_000)) for number in range(60)]
    ours, theirs = os.pipe()
    found: List[Any] = []
    other = threading.Thread(target=lambda: found.extend(messages(ours)))
    outlet = Outlet(theirs, room)
    other.start()
    for message in sent:
        outlet.send(message)
    outlet.push()
    assert outlet.settle()
    outlet.send("last")  # as any pipe takes it
    os.close(theirs)
    other.join(60)
    os.close(ours)
    assert found == [*sent, "last"]


def test_what_waits_is_counted() -> None:
    """Nobody takes anything: what the pipe cannot hold waits, and is as much to be taken as what it holds."""
    ours, theirs = os.pipe()
    outlet = Outlet(theirs, 1 << 20)
    size = SIZE + len(marshal.dumps(bytes(1000), 0))
    for number in range(1, 500):
        outlet.send(bytes(1000))
        assert outlet.left == number * size
    assert not outlet.settle()  # more than any pipe holds unasked
    os.close(theirs)
    os.close(ours)


def test_no_more_waits_than_may() -> None:
    """The one that sends waits itself, then, until the other one has taken enough."""
    ours, theirs = os.pipe()
    outlet = Outlet(theirs, 100_000)
    taken = threading.Event()

    def late() -> None:
        while outlet.left < 100_000 or os.read(ours, 1) == b"":
            pass
        taken.set()
        while os.read(ours, 1 << 16):
            pass

    other = threading.Thread(target=late)
    other.start()
    for _ in range(40):
        outlet.send(bytes(10_000))
        assert outlet._waiting <= 100_000
    assert taken.is_set()
    outlet.push()
    os.close(theirs)
    other.join(60)
    os.close(ours)
