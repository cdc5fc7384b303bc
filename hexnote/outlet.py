"""The end of a pipe into which the process that reads ahead puts its messages."""

from __future__ import annotations

import marshal
import os
from collections import deque

from hexnote.hints import Any, Callable, Deque

# What a pipe should hold, so that neither process waits for the other: bytes (Linux allows anybody so many).
PIPE = 1 << 20
SIZE = 4  # bytes of the length before each message
_PLAIN = 0  # the version of `marshal` that looks for nothing that stands twice: in a fourth of the time, for 1 % more bytes


class Outlet:
    """Messages for the other process, in their order. What the pipe has no room for may wait here: for a while, see `settle`."""

    def __init__(self, pipe: int, room: int) -> None:
        """`room`: bytes that may wait; 0 where the text may keep one waiting, for nothing is sent meanwhile."""
        self._pipe = pipe
        self._room = room
        self._waits: Deque[memoryview] = deque()
        self._waiting = 0  # bytes in it
        self._unread = unread()
        if room:
            os.set_blocking(pipe, False)

    @property
    def left(self) -> int:
        """How many bytes of what was sent the other process has not taken."""
        return self._unread(self._pipe) + self._waiting

    def send(self, message: Any) -> None:
        """Sends a message. Raises BrokenPipeError when the other process has ended."""
        data = marshal.dumps(message, _PLAIN)
        size = len(data).to_bytes(SIZE, "little")
        sent = 0
        if not self._waits:
            try:
                sent = os.writev(self._pipe, (size, data))
            except BlockingIOError:
                pass
        if sent < SIZE + len(data):
            if sent < SIZE:
                self._waits.append(memoryview(size)[sent:])
            self._waits.append(memoryview(data)[max(sent - SIZE, 0) :])
            self._waiting += SIZE + len(data) - sent
            self.push(self._room)

    def push(self, most: int = 0) -> None:
        """Sends what waits, until no more than so many bytes of it are left."""
        waits = self._waits
        while waits:
            first = waits[0]
            try:
                sent = os.write(self._pipe, first)
            except BlockingIOError:
                if self._waiting <= most:
                    return
                import select

                select.select((), (self._pipe,), ())
                continue
            self._waiting -= sent
            if sent < len(first):
                waits[0] = first[sent:]
            else:
                waits.popleft()

    def settle(self) -> bool:
        """From here on nothing waits, if nothing does now; whether that is so."""
        if self._waits:
            return False
        if self._room:
            self._room = 0
            os.set_blocking(self._pipe, True)
        return True


def widen(pipe: int) -> None:
    """Have the pipe hold more, where that can be had."""
    try:
        import fcntl

        fcntl.fcntl(pipe, getattr(fcntl, "F_SETPIPE_SZ", 1031), PIPE)
    except (ImportError, OSError):
        pass


def unread() -> Callable[[int], int]:
    """How many bytes lie in a pipe; where that cannot be told, as if there were very many."""
    try:
        from array import array
        from fcntl import ioctl
        from termios import FIONREAD
    except ImportError:
        return lambda pipe: PIPE
    size = array("i", (0,))

    def count(pipe: int) -> int:
        try:
            ioctl(pipe, FIONREAD, size)
        except OSError:
            return PIPE
        return size[0]

    return count
