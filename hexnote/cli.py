"""The command line: arguments to a job, files to bytes, exit status. The only place that prints.

Nothing that a run does not need is imported: usage errors and `--help` load no grammar, a job of its own
no other job.
"""

from __future__ import annotations

import gc
import os
import sys
from itertools import chain

from hexnote import __version__
from hexnote.binary import advice, enough, kind
from hexnote.coding import Coding
from hexnote.hints import Any, Callable, Iterator, List, Optional
from hexnote.jobs import Annotate, Grade, Job, View, reader, shown
from hexnote.options import Options, UsageError, help_text, job_name, other_kind, parse
from hexnote.output import Output, WriteError
from hexnote.quick import QUICK, STRICT

DONE, FOUND, MISTAKE, INTERRUPTED = 0, 1, 2, 130

# Bytes per read; a pipe gives what it has.
_CHUNK = 1 << 18
AHEAD = 1 << 18  # bytes that a trace has brought before a second process may read it ahead
# Stands where no more is told of a trace.
_FROM_HERE = b";| hexnote cannot go on here: what follows stands as it came, and nothing is told of it\n"
SILENCE = 5.0  # seconds after which a pipe that has brought nothing is spoken of
_BINARY: int = getattr(os, "O_BINARY", 0)


def main(argv: Optional[List[str]] = None) -> int:
    """Run with the arguments `argv` (without the program's name; None: the process's own); the exit status."""
    output: Optional[Output] = None
    # Fields live for one packet, what is built at the start for good: looking for cycles among them every
    # 700 objects takes a third of the time.
    gc.set_threshold(100_000, 20, 50)
    try:
        options = parse(sys.argv[1:] if argv is None else argv)
        if options.help or options.version:
            output = Output()
            width = options.width or output.columns or 80
            output.write((help_text(width) if options.help else f"hexnote {__version__}\n").encode())
            return DONE
        odd = other_kind(options) if options.output is not None else ""
        if odd:
            say(odd)
        output = Output(options.output)
        if options.explain is not None:
            output.write(explained(options.explain, options.width or output.columns or 100).encode())
            output.commit()
            return DONE
        run = Run(options, output)
        status = run.all(options.traces or ["-"])
        if run.any:
            output.commit()
        return status
    except (UsageError, WriteError) as error:
        say(str(error))
        return MISTAKE
    except BrokenPipeError:  # whoever read the output has seen enough
        return DONE
    except ModuleNotFoundError as error:
        if error.name not in ("lark", "colorama"):
            raise
        say(f"this needs the package {error.name}, which {sys.executable} does not have: pip install {error.name}")
        return MISTAKE
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if output is not None:
            output.discard()


def command() -> None:
    """The command: run with the process's own arguments, and leave. What was built is not taken apart: nothing of it is
    needed, and a short run would last a tenth longer."""
    status = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):  # whoever read it has gone
            pass
    os._exit(status)


def say(text: str) -> None:
    """One line on standard error."""
    from hexnote.safety import printable

    if sys.stderr is None:  # closed from the beginning: another file may have its number by now
        return
    try:
        os.write(2, f"hexnote: {printable(text)}\n".encode("utf-8", "replace"))
    except OSError:
        pass


def explained(code: str, width: int) -> str:
    """What `--explain` prints. Raises UsageError for a code that is none."""
    from hexnote.diagnosis import explain, nearest

    text = explain(code, width)
    if text is None:
        near = nearest(code)
        raise UsageError(f"no finding {code}{f' (did you mean {near}?)' if near else ''}; hexnote --explain list names them all")
    return text


def wants_color(options: Options, output: Output) -> bool:
    """Whether to colour: as asked, else on a terminal that does not say no."""
    if options.color != "auto":
        return options.color == "always"
    return output.terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _view(options: Options, output: Output) -> View:
    """What the output is shown on."""
    if not wants_color(options, output):
        return View(output.columns, output.terminal)
    import colorama

    if sys.platform == "win32":
        colorama.just_fix_windows_console()
    fore = colorama.Fore
    palette = {
        "heading": colorama.Style.BRIGHT, "length": fore.CYAN, "name": fore.GREEN, "value": fore.YELLOW, "bytes": fore.BLUE,
        "teaching": colorama.Style.DIM, "note": fore.CYAN, "warning": fore.MAGENTA, "error": fore.RED,
        "reset": colorama.Style.RESET_ALL,
    }  # fmt: skip
    return View(output.columns, output.terminal, palette)


def await_pipe(fd: int) -> None:
    """Waits for the first bytes of a pipe. Where a user looks on and none come, the likeliest reason is told, once."""
    if sys.platform == "win32" or not os.isatty(2):
        return
    import select
    import stat

    if stat.S_ISFIFO(os.fstat(fd).st_mode) and not select.select([fd], [], [], SILENCE)[0]:
        say("nothing has come through the pipe yet: tcpdump keeps its lines back, unless it is told -l (tcpdump -lnX | hexnote)")


def read(fd: int) -> Iterator[bytes]:
    """The bytes of a descriptor as they come, to its end. Raises OSError."""
    while True:
        try:
            chunk = os.read(fd, _CHUNK)
        except BlockingIOError:  # another program has made the terminal or pipe non-blocking
            import select

            select.select([fd], [], [])
            continue
        if not chunk:
            return
        yield chunk


def decoded(chunks: Iterator[bytes], coding: Coding) -> Iterator[bytes]:
    """The text of the chunks to their end."""
    for chunk in chunks:
        yield coding.decode(chunk)
    yield coding.rest()


def pays(fd: int) -> bool:
    """Whether more can be had at once from a descriptor that has brought much, and a second processor to read it with."""
    if not QUICK or sys.platform == "win32" or not hasattr(os, "fork"):
        return False
    affinity = getattr(os, "sched_getaffinity", None)
    if (len(affinity(0)) if affinity is not None else os.cpu_count() or 1) < 2:
        return False
    if _steady(fd):
        return os.fstat(fd).st_size - os.lseek(fd, 0, os.SEEK_CUR) >= 4 * AHEAD
    import select

    return bool(select.select([fd], [], [], 0)[0])


def _steady(fd: int) -> bool:
    """Whether a descriptor is of a file, which never keeps one waiting."""
    import stat

    return stat.S_ISREG(os.fstat(fd).st_mode)


class Run:
    """One run over all the traces."""

    def __init__(self, options: Options, output: Output) -> None:
        self.any = False  # a trace could be read
        self.errors = False  # an error-level finding stands, and the exit status has to say so
        self._options = options
        self._output = output
        self._name = job_name(options)
        self._job: Optional[Job] = None
        self._mistake = False
        self._chosen = self._name != "field"  # what was asked for by name stands in some trace
        self._screen: Any = None
        self._encode: Optional[Callable[[bytes, bool], bytes]] = None  # gives the user's text back as it was written
        terminal = output.terminal
        if terminal and self._name in ("text", "strip", "redact", "worksheet", "answers"):
            from hexnote.safety import Screen

            self._screen = Screen(getattr(sys.stdout, "encoding", None) or "ascii")
        # What is pasted at a terminal would be torn apart by the answer: that waits for the end.
        self._hold = terminal and os.isatty(0)
        self._held: List[bytes] = []
        self._whole = True  # the next byte of the output begins a line
        self._last = b""  # what ends the output, where the last trace could not be told to its end

    def all(self, traces: List[str]) -> int:
        """Do one trace after the other; the exit status. Raises BrokenPipeError and WriteError."""
        for name in traces:
            try:
                self._trace(name)
            except (BrokenPipeError, ModuleNotFoundError, UsageError, WriteError):
                raise
            except Exception as error:
                if not isinstance(error, OSError):
                    if STRICT:
                        raise
                    self._job = None
                self._fail(name, error)
        if self._job is not None:
            self._emit(self._job.close(), True)
            if not self._chosen:
                say(f"no field {self._options.field} in what was read: hexnote --to json prints the paths that there are")
        else:
            self._emit(self._last, True)
        if self._screen is not None:
            self._output.write(self._screen.close())
        return MISTAKE if self._mistake else FOUND if self.errors else DONE

    def _complain(self, text: str) -> None:
        say(text)
        self._mistake = True

    def _trace(self, name: str) -> None:
        """One trace from its first byte to its last. Raises OSError when it cannot be read."""
        if name == "-":
            if os.isatty(0):
                say("paste a hex dump, then press Ctrl-D (hexnote --help tells more)")
            if sys.platform == "win32":
                import msvcrt

                msvcrt.setmode(0, os.O_BINARY)
            await_pipe(0)
            self._read(name, 0)
            return
        fd = os.open(name, os.O_RDONLY | _BINARY)
        try:
            self._read(name, fd)
        finally:
            os.close(fd)

    def _read(self, name: str, fd: int) -> None:
        chunks = read(fd)
        head = b""
        for chunk in chunks:
            head += chunk
            if enough(head):
                break
        found = kind(head)
        if found is not None:
            self._complain(advice(found, name, head))
            self._pass(head, chunks)
            self.any = True
            return
        coding = Coding()
        text, size = coding.decode(head), len(head)
        source: Any = None
        if size >= AHEAD and not self._hold and coding.name == "plain" and pays(fd):
            view = _view(self._options, self._output)
            source = reader(self._name, chain((text,), chunks), self._options, view, _steady(fd))
        try:
            if self._job is None:
                kinds = {"strip": lambda *_: Job(), "grade": Grade}
                self._job = kinds.get(self._name, Annotate)(self._name, self._options, _view(self._options, self._output))
            job = self._job
            job.begin(name, source)
        except BaseException:
            if source is not None:
                source.close()
            raise
        if self._name in ("text", "strip", "redact") and not self._output.terminal:
            self._emit(b"", True)
            self._encode = coding.encode
        texts = decoded(chunks, coding)
        try:
            self._do(job, fd, text, texts, chunks, source is not None, coding.name == "plain", size)
        except (BrokenPipeError, ModuleNotFoundError, UsageError, WriteError):
            raise
        except Exception as error:
            if STRICT or isinstance(error, OSError) and not isinstance(error, ChildProcessError):
                raise
            self._fail(name, error)
            self._spare(texts)
            return
        self.any = True
        self.errors = job.errors and self._name == "diagnose"
        if not job.found:
            say(
                f"no packet and no TLS bytes found in {shown(name)}: looked for the rows of a hex dump "
                "(0x0000:  4500 003c ...); tcpdump -nX -r FILE.pcap prints one"
            )
        self._chosen = self._chosen or job.chosen

    def _do(
        self, job: Job, fd: int, text: bytes, texts: Iterator[bytes], chunks: Iterator[bytes], ahead: bool, plain: bool, size: int,
    ) -> None:
        """A job's output for a trace that was begun: for `text`, its first bytes, and `texts`, the others, which are what `chunks`
        bring; or, where another process reads it `ahead`, for what that sends. `size`: bytes read so far."""
        if not ahead:
            self._emit(job.feed(text))
        while True:
            if ahead or size >= AHEAD and not self._hold and plain and pays(fd):
                for made in job.ahead(chunks):
                    self._emit(made)
                break
            more = next(texts, None)
            if more is None:
                break
            self._emit(job.feed(more))
            size += len(more)
        self._hold = False
        self._emit(job.end())

    def _fail(self, name: str, error: Exception) -> None:
        """A trace could not be told to its end."""
        if isinstance(error, OSError):
            self._complain(f"cannot read {shown(name)}: {error.strerror or error}")
            return
        # A format file that somebody is writing may be wrong, too: that says itself where.
        what = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
        self._complain(f"cannot go on with {shown(name)}: {what} (HEXNOTE_STRICT=1 tells more; where nobody has changed "
                       "hexnote, the mistake is its own: please report it)")

    def _spare(self, texts: Iterator[bytes]) -> None:
        """The same: what is left of it stands as it came, where the output has its lines. `texts`: what was not read of it."""
        job, self._job = self._job, None
        self._hold, self._last = False, b""
        if job is None:
            return
        try:
            spare = job.spare(texts)
            for made in spare:
                self._emit(made)
                break
            else:
                return
            if self._whole:
                self._emit(_FROM_HERE)
            for made in spare:
                self._emit(made)
            self._last = job.last()
        except (BrokenPipeError, WriteError):
            raise
        except Exception:  # that something is wrong has been told
            pass

    def _pass(self, head: bytes, chunks: Iterator[bytes]) -> None:
        """Binary input goes through as it came, but not to a terminal and not among another job's output."""
        if self._output.terminal or self._name not in ("text", "strip", "redact"):
            return
        self._output.write(head)
        for chunk in chunks:
            self._output.write(chunk)

    def _emit(self, made: bytes, last: bool = False) -> None:
        if made:
            self._whole = made[-1] == 10
        if self._encode is not None:
            made = self._encode(made, last)
        if self._hold:
            self._held.append(made)
            return
        if self._held:
            made = b"".join(self._held) + made
            self._held = []
        self._output.write(made if self._screen is None else self._screen.feed(made))
