"""What is done with traces: jobs, and the renderer of each. Nothing that a job does not need is imported.

The command line and the Python interface both choose here.
"""

from __future__ import annotations

import gc

from hexnote.hints import Any, Dict, Iterator, List, Optional
from hexnote.options import Options, UsageError, moment, pages
from hexnote.tuples import NamedTuple

_SHARED = frozenset(("text", "json", "summary", "diagnose"))  # jobs whose connections two processes may share
_LARGEST = 1 << 20  # bytes; nothing is written there, so that they cost nothing


class View(NamedTuple):
    """Where the output goes, as far as it decides how that looks."""

    columns: Optional[int] = None  # the terminal's width; None: there is none
    terminal: bool = False
    palette: Optional[Dict[str, str]] = None  # escape sequences by kind of note; None: no colour


def settle() -> None:
    """What has a process remember things with less trouble from here on."""
    gc.freeze()  # what was built so far is not looked at again
    # glibc gives memory back, and takes it anew, whenever as much is free as the largest block that it ever let go, twice.
    bytes(_LARGEST)
    gc.set_threshold(50_000, 20, 50)  # few things stand in circles


def reader(name: str, chunks: Iterator[bytes], options: Options, view: View, steady: bool = False) -> Any:
    """A process (an `ahead.Ahead`) that reads the whole of a trace for the job of this name, whose `begin` is to be given it;
    None where the job reads it itself, or none can be had. `steady`: `chunks` never keeps one waiting.

    It comes before everything that the job needs: a page of memory that two processes have costs each a copy, as soon as it
    writes there.
    """
    if name in ("strip", "grade"):
        return None
    from hexnote.ahead import whole

    def begin(link: Any) -> Any:
        from hexnote.partner import partner

        return partner(Annotate(name, options, view)._annotator, link)

    settle()
    return whole(chunks, begin if name in _SHARED and not options.keylog else None, steady)


def shown(name: str) -> str:
    """A trace's name as it is told."""
    return "standard input" if name == "-" else name or "''"


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

    def begin(self, name: str, source: Any = None) -> None:
        self._stripper = self._new()

    def feed(self, chunk: bytes) -> bytes:
        return self._stripper.feed(chunk)

    def ahead(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same as `feed` with each of the chunks, which are the rest of the trace: another process may read them."""
        for chunk in chunks:
            yield self.feed(chunk)

    def spare(self, texts: Iterator[bytes]) -> Iterator[bytes]:
        """Instead of the rest of the trace's output, where that cannot be made: what was made of it, and then the rest of the
        trace; nothing where the output does not have its lines. `last` then ends the output. `texts`: the chunks that were not fed,
        where another process does not read them."""
        return iter(())

    def last(self) -> bytes:
        return b""

    def end(self) -> bytes:
        return self._stripper.close()

    def close(self) -> bytes:
        return b""


class Annotate(Job):
    """Every other job: the trace is read, and one renderer tells of it."""

    def __init__(self, name: str, options: Options, view: View) -> None:
        from hexnote.pipeline import Annotator

        self.found = self.errors = False
        self._shared = name in _SHARED and not options.keylog
        self._spares = name == "text"
        settings = {
            "headers": options.headers, "at": moment(options.at) if options.at is not None else None,
            "thorough": name in ("summary", "diagnose"),
            "keylog": options.keylog,
        }  # fmt: skip
        try:
            self._annotator = Annotator(renderer(name, options, view), settings)
        except OSError as error:
            if options.keylog is None or error.filename != options.keylog:
                raise
            raise UsageError(f"cannot read the key log {options.keylog}: {error.strerror or error}") from None
        except ImportError as error:
            if options.keylog is None or (error.name or "").split(".")[0] != "cryptography":
                raise
            raise UsageError("--keylog needs the package cryptography: pip install hexnote[keys]") from None
        settle()

    def begin(self, name: str, source: Any = None) -> None:
        self._annotator.found = False
        self._annotator.begin(name, source)

    def feed(self, chunk: bytes) -> bytes:
        return self._annotator.feed(chunk)

    def ahead(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        if not self._shared:
            return self._annotator.ahead(chunks)
        from hexnote.partner import Partner

        return self._annotator.ahead(chunks, Partner)

    def spare(self, texts: Iterator[bytes]) -> Iterator[bytes]:
        if self._spares:
            return self._annotator.spare(texts)
        self._annotator.drop()
        return iter(())

    def last(self) -> bytes:
        return self._annotator.last() if self._spares else b""

    def end(self) -> bytes:
        made = self._annotator.end()
        self.found = self._annotator.found
        self.errors = self._annotator.errors
        self.chosen = getattr(self._annotator.renderer, "found", True)
        return made

    def close(self) -> bytes:
        try:
            return self._annotator.close()
        except ValueError as error:
            raise UsageError(str(error)) from None


class Grade(Annotate):
    """Filled worksheets are marked. A file that is none is the trace of the sheets behind it that carry none."""

    def __init__(self, name: str, options: Options, view: View) -> None:
        super().__init__(name, options, view)
        self._width = _screen(options, view)

    def begin(self, name: str, source: Any = None) -> None:
        self._file = name
        self._held: List[bytes] = []

    def feed(self, chunk: bytes) -> bytes:
        self._held.append(chunk)
        return b""

    def ahead(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        return Job.ahead(self, chunks)

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
        return marked(self._annotator.renderer.reports.pop(), given, shown(self._file), self._width)

    def close(self) -> bytes:
        if not self._any:
            raise UsageError("no worksheet to mark: hexnote --worksheet -o sheet.md TRACE makes one, --grade takes it filled")
        return b""

    _trace = b""
    _any = False


def renderer(name: str, options: Options, view: View) -> Any:
    """The renderer for a job, the only one that is imported. Raises UsageError."""
    width = options.width or view.columns or 100
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
        how = (options.level or 3, 1 if options.seed is None else options.seed, name == "answers")
        if pages(options):
            from hexnote.render.worksheet_html import WorksheetHtml

            return WorksheetHtml(_wording(options), *how)
        from hexnote.render.worksheet import Worksheet

        return Worksheet(*how)
    if name == "grade":
        from hexnote.render.worksheet import Carried

        return Carried()
    if name == "check":
        from hexnote.render.check import Check

        return Check(_screen(options, view))
    if name == "compare":
        from hexnote.render.compare import Compare

        return Compare(width)
    if name == "redact":
        from hexnote.render.redact import KINDS, Redact

        kept = frozenset(options.keep.split(",")) if options.keep else frozenset()
        if kept - set(KINDS):
            raise UsageError(f"--keep {options.keep}: it is some of {', '.join(KINDS)}, joined by commas")
        return Redact(kept, None if options.key is None else options.key.encode("utf-8", "surrogateescape"))
    if name == "pcapng":
        if view.terminal:
            raise UsageError("pcapng is no text: name a file with -o, or send it to another program")
        from hexnote.render.pcapng import Pcapng

        return Pcapng()
    if name in ("summary", "diagnose"):
        from hexnote.render.summary import Summary

        return Summary(width, name == "diagnose")
    from hexnote.render.text import Text

    return Text(width, options.depth == "full", options.headers, view.palette)


def _screen(options: Options, view: View) -> Optional[int]:
    """The columns of what is wrapped for readers alone: programs and files get a line for each thing told."""
    return options.width or view.columns


def _wording(options: Options) -> Any:
    """The templates of documents. Raises UsageError where those that were asked for cannot be used."""
    from hexnote.wording import Wording, WordingError

    try:
        return Wording(options.template)
    except WordingError as error:
        raise UsageError(str(error)) from None


def _document(name: str, options: Options) -> Any:
    """The renderer of a walkthrough."""
    words = _wording(options)
    deep = options.depth == "full"
    if name == "markdown":
        from hexnote.render.markdown import Markdown

        return Markdown(words, deep)
    from hexnote.render.html import Html

    return Html(words, deep)
