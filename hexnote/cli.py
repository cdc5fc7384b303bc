"""The command line: arguments to a job, files to bytes, exit status. The only place that prints.

Nothing that a run does not need is imported: usage errors and `--help` load no grammar, a job of its own
no other job.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any, Callable, Iterator, List, Optional

from hexnote import __version__
from hexnote.binary import advice, enough, kind
from hexnote.coding import Coding
from hexnote.options import Options, UsageError, help_text, moment, parse
from hexnote.output import Output, WriteError

DONE, FOUND, MISTAKE, INTERRUPTED = 0, 1, 2, 130

# Bytes per read; a pipe gives what it has.
_CHUNK = 1 << 18
SILENCE = 5.0  # seconds after which a pipe that has brought nothing is spoken of
_BINARY: int = getattr(os, "O_BINARY", 0)
# What the ending of the output file asks for.
_ENDINGS = {
    "json": "json", "jsonl": "json", "ndjson": "json", "pcapng": "pcapng", "ntar": "pcapng", "md": "markdown",
    "markdown": "markdown", "html": "html", "htm": "html",
}  # fmt: skip


def main(argv: Optional[List[str]] = None) -> int:
    """Run with the arguments `argv` (without the program's name; None: the process's own); the exit status."""
    output: Optional[Output] = None
    # Fields live for one packet, what is built at the start for good: looking for cycles among them every
    # 700 objects takes a third of the time.
    gc.set_threshold(100_000, 20, 50)
    try:
        options = parse(sys.argv[1:] if argv is None else argv)
        if options.help or options.version:
            Output().write((help_text() if options.help else f"hexnote {__version__}\n").encode())
            return DONE
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
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if output is not None:
            output.discard()


def say(text: str) -> None:
    """One line on standard error."""
    from hexnote.safety import printable

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


def job_name(options: Options) -> str:
    """Which job the options ask for: "strip", "summary", "diagnose", "json" or "text"."""
    for name in ("strip", "summary", "diagnose", "field", "redact", "worksheet", "answers", "grade", "check"):
        if getattr(options, name):
            return name
    if options.to is not None:
        return options.to
    ending = (options.output or "").lower().rpartition(".")[2]
    return _ENDINGS.get(ending, "text")


def wants_color(options: Options, output: Output) -> bool:
    """Whether to colour: as asked, else on a terminal that does not say no."""
    if options.color != "auto":
        return options.color == "always"
    return output.terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Job:
    """What is done with every trace: `begin` with its name, `feed` its bytes, `end`; `close` after the last.

    Each returns the output that has become known. This one takes annotations out.
    """

    def __init__(self) -> None:
        from hexnote.strip import Stripper

        self._new = Stripper
        self._stripper = Stripper()
        self.found = True  # there was something to do in the trace begun last
        self.errors = False  # an error-level finding was made
        self.chosen = True  # what was asked for by name stands in the trace begun last

    def begin(self, name: str) -> None:
        self._stripper = self._new()

    def feed(self, chunk: bytes) -> bytes:
        return self._stripper.feed(chunk)

    def end(self) -> bytes:
        return self._stripper.close()

    def close(self) -> bytes:
        return b""


class Annotate(Job):
    """Every other job: the trace is read, and one renderer tells of it."""

    def __init__(self, name: str, options: Options, output: Output) -> None:
        from hexnote.pipeline import Annotator

        self.found = self.errors = False
        settings = {
            "headers": options.headers, "at": moment(options.at) if options.at is not None else None,
            "thorough": name in ("summary", "diagnose"),
            "keylog": options.keylog,
        }  # fmt: skip
        try:
            self._annotator = Annotator(_renderer(name, options, output), settings)
        except OSError as error:
            if options.keylog is None or error.filename != options.keylog:
                raise
            raise UsageError(f"cannot read the key log {options.keylog}: {error.strerror or error}") from None
        except ImportError as error:
            if options.keylog is None or (error.name or "").split(".")[0] != "cryptography":
                raise
            raise UsageError("--keylog needs the package cryptography: pip install hexnote[keys]") from None
        gc.freeze()  # what was built so far is not looked at again

    def begin(self, name: str) -> None:
        self._annotator.found = False
        self._annotator.begin(name)

    def feed(self, chunk: bytes) -> bytes:
        return self._annotator.feed(chunk)

    def end(self) -> bytes:
        made = self._annotator.end()
        self.found = self._annotator.found
        self.errors = self._annotator.errors
        self.chosen = getattr(self._annotator.renderer, "found", True)
        return made

    def close(self) -> bytes:
        return self._annotator.close()


class Grade(Annotate):
    """Filled worksheets are marked. A file that is none is the trace of the sheets behind it that carry none."""

    def begin(self, name: str) -> None:
        self._file = name
        self._held: List[bytes] = []

    def feed(self, chunk: bytes) -> bytes:
        self._held.append(chunk)
        return b""

    def end(self) -> bytes:
        from hexnote.render.worksheet import filled, marked

        data, self._held = b"".join(self._held), []
        given = filled(data)
        self.found = True
        if given is None:
            self._trace = data
            return b""
        self._any = True
        super().begin(self._file)
        super().feed(given.trace or self._trace)
        super().end()
        return marked(self._annotator.renderer.reports.pop(), given, _shown(self._file))

    def close(self) -> bytes:
        if not self._any:
            raise UsageError("no worksheet to mark: hexnote --worksheet -o sheet.md TRACE makes one, --grade takes it filled")
        return b""

    _trace = b""
    _any = False


def _renderer(name: str, options: Options, output: Output) -> Any:
    """The renderer for a job, the only one that is imported."""
    width = options.width or output.columns or 100
    if name == "json":
        from hexnote.render.json import Json

        return Json()
    if name in ("markdown", "html"):
        return _document(name, options)
    if name == "field":
        from hexnote.render.select import Select

        try:
            return Select(options.field or "")
        except ValueError as error:
            raise UsageError(f"--field {options.field}: {error}") from None
    if name in ("worksheet", "answers"):
        from hexnote.render.worksheet import Worksheet

        return Worksheet(options.level or 3, 1 if options.seed is None else options.seed, name == "answers")
    if name == "grade":
        from hexnote.render.worksheet import Carried

        return Carried()
    if name == "check":
        from hexnote.render.check import Check

        return Check()
    if name == "redact":
        from hexnote.render.redact import KINDS, Redact

        kept = frozenset(options.keep.split(",")) if options.keep else frozenset()
        if kept - set(KINDS):
            raise UsageError(f"--keep {options.keep}: it is some of {', '.join(KINDS)}, joined by commas")
        return Redact(kept, None if options.key is None else options.key.encode("utf-8", "surrogateescape"))
    if name == "pcapng":
        if output.terminal:
            raise UsageError("pcapng is no text: name a file with -o, or send it to another program")
        from hexnote.render.pcapng import Pcapng

        return Pcapng()
    if name in ("summary", "diagnose"):
        from hexnote.render.summary import Summary

        return Summary(width, name == "diagnose")
    from hexnote.render.text import Text

    palette = None
    if wants_color(options, output):
        import colorama

        if sys.platform == "win32":
            colorama.just_fix_windows_console()
        fore = colorama.Fore
        palette = {
            "heading": colorama.Style.BRIGHT, "length": fore.CYAN, "name": fore.GREEN, "value": fore.YELLOW, "bytes": fore.BLUE,
            "teaching": colorama.Style.DIM, "note": fore.CYAN, "warning": fore.MAGENTA, "error": fore.RED,
            "reset": colorama.Style.RESET_ALL,
        }  # fmt: skip
    return Text(width, options.depth == "full", options.headers, palette)


def _document(name: str, options: Options) -> Any:
    """The renderer of a document. Raises UsageError where the templates that were asked for cannot be used."""
    from hexnote.wording import Wording, WordingError

    try:
        words = Wording(options.template)
    except WordingError as error:
        raise UsageError(str(error)) from None
    deep = options.depth == "full"
    if name == "markdown":
        from hexnote.render.markdown import Markdown

        return Markdown(words, deep)
    from hexnote.render.html import Html

    return Html(words, deep)


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
        if terminal and self._name in ("text", "strip", "redact"):
            from hexnote.safety import Screen

            self._screen = Screen(getattr(sys.stdout, "encoding", None) or "ascii")
        # What is pasted at a terminal would be torn apart by the answer: that waits for the end.
        self._hold = terminal and os.isatty(0)
        self._held: List[bytes] = []

    def all(self, traces: List[str]) -> int:
        """Do one trace after the other; the exit status. Raises BrokenPipeError and WriteError."""
        for name in traces:
            try:
                self._trace(name)
                self.any = True
            except BrokenPipeError:
                raise
            except OSError as error:
                self._complain(f"cannot read {_shown(name)}: {error.strerror or error}")
        if self._job is not None:
            self._emit(self._job.close(), True)
            if not self._chosen:
                say(f"no field {self._options.field} in what was read: hexnote --to json prints the paths that there are")
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
            return
        if self._job is None:
            kinds = {"strip": lambda *_: Job(), "grade": Grade}
            self._job = kinds.get(self._name, Annotate)(self._name, self._options, self._output)
        job = self._job
        coding = Coding()
        job.begin(name)
        if self._name in ("text", "strip", "redact") and not self._output.terminal:
            self._emit(b"", True)
            self._encode = coding.encode
        self._emit(job.feed(coding.decode(head)))
        for chunk in chunks:
            self._emit(job.feed(coding.decode(chunk)))
        self._hold = False
        self._emit(job.feed(coding.rest()))
        self._emit(job.end())
        self.errors = job.errors and self._name == "diagnose"
        if not job.found:
            say(
                f"no packet and no TLS bytes found in {_shown(name)}: looked for the rows of a hex dump "
                "(0x0000:  4500 003c ...); tcpdump -nX -r FILE.pcap prints one"
            )
        self._chosen = self._chosen or job.chosen

    def _pass(self, head: bytes, chunks: Iterator[bytes]) -> None:
        """Binary input goes through as it came, but not to a terminal and not among another job's output."""
        if self._output.terminal or self._name not in ("text", "strip", "redact"):
            return
        self._output.write(head)
        for chunk in chunks:
            self._output.write(chunk)

    def _emit(self, made: bytes, last: bool = False) -> None:
        if self._encode is not None:
            made = self._encode(made, last)
        if self._hold:
            self._held.append(made)
            return
        if self._held:
            made = b"".join(self._held) + made
            self._held = []
        self._output.write(made if self._screen is None else self._screen.feed(made))


def _shown(name: str) -> str:
    return "standard input" if name == "-" else name
