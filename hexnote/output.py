"""Where the output goes: a descriptor that is there, or a file that is written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import sys

from hexnote.hints import Any, Optional

_BINARY: int = getattr(os, "O_BINARY", 0)


class WriteError(Exception):
    """The output cannot be written; the text says where and why. A closed pipe is BrokenPipeError instead."""


class Output:
    """Standard output (`path` None or "-") or the file at `path`.

    A regular file, or one that does not exist, is written beside its place and put there by `commit`;
    devices and pipes are written directly.
    """

    def __init__(self, path: Optional[str] = None) -> None:
        self.name = "standard output" if path in (None, "-") else str(path)
        self._fd = -1
        self._target: Optional[str] = None  # where the finished file is to stand
        self._part: Optional[str] = None  # where it is written until then
        try:
            if path is None or path == "-":
                self._fd = 1
                if sys.stdout is None:  # closed from the beginning: another file will have its number
                    raise OSError(errno.EBADF, os.strerror(errno.EBADF))
                if sys.platform == "win32":
                    import msvcrt

                    msvcrt.setmode(1, os.O_BINARY)
            else:
                self._open(path)
        except OSError as error:
            raise self._trouble(error) from None

    def _open(self, path: str) -> None:
        mode = None
        try:
            found = os.stat(path)
        except FileNotFoundError:
            pass
        else:
            if not stat.S_ISREG(found.st_mode):
                self._fd = os.open(path, os.O_WRONLY | _BINARY)
                return
            mode = stat.S_IMODE(found.st_mode)
        target = os.path.realpath(path)
        number = 0
        while True:
            part = os.path.join(os.path.dirname(target), f".hexnote-{os.getpid()}-{number}.part")
            try:
                self._fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
                break
            except FileExistsError:
                number += 1
        self._target, self._part = target, part
        self._on_signals()
        if mode is not None:
            os.chmod(part, mode)

    def _on_signals(self) -> None:
        """SIGTERM, and SIGHUP where it would end the process too, take the unfinished file away before they do."""
        import signal

        def leave(number: int, frame: Any) -> None:
            self.discard()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

        try:
            signal.signal(signal.SIGTERM, leave)
            hangup = getattr(signal, "SIGHUP", None)
            if hangup is not None and signal.getsignal(hangup) == signal.SIG_DFL:  # nohup has it ignored
                signal.signal(hangup, leave)
        except ValueError:  # not the main thread: no handler can be set
            pass

    @property
    def terminal(self) -> bool:
        """Whether a terminal shows it."""
        return os.isatty(self._fd)

    @property
    def columns(self) -> Optional[int]:
        """The terminal's width; None where there is none."""
        try:
            return os.get_terminal_size(self._fd).columns or None
        except (OSError, ValueError):
            return None

    def write(self, data: bytes) -> None:
        """Write all of `data` now. Raises BrokenPipeError and WriteError."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:  # another program has made the terminal or pipe non-blocking
                import select

                select.select([], [self._fd], [])
            except BrokenPipeError:
                raise
            except OSError as error:
                raise self._trouble(error) from None

    def commit(self) -> None:
        """All is written: a file takes its place. Raises WriteError."""
        if self._target is None or self._part is None:
            return
        try:
            fd, self._fd = self._fd, -1
            os.close(fd)
            os.replace(self._part, self._target)
            self._part = None
        except OSError as error:
            raise self._trouble(error) from None

    def discard(self) -> None:
        """Leave nothing of a file that was not committed."""
        part, self._part = self._part, None
        if part is not None:
            try:
                if self._fd >= 0:
                    os.close(self._fd)
                os.unlink(part)
            except OSError:
                pass

    def _trouble(self, error: OSError) -> WriteError:
        return WriteError(f"cannot write {self.name}: {error.strerror or error}")
