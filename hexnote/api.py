"""hexnote from Python: a dump in, a Report out.

>>> import hexnote
>>> report = hexnote.annotate(open("samples/tls12-ecdhe.txt", "rb"))
>>> connection = report.connections[0]
>>> connection.server
'10.1.7.5:443'
>>> hello = next(m for m in connection.messages if m.name == "server_hello")
>>> suite = hello.field("cipher_suite")
>>> suite.name, suite.value, suite.hex, suite.at
('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 49199, 'c02f', [(6, 96, 98)])
>>> print(hexnote.render(report, "summary").splitlines()[0])
connection 0: client 10.1.7.20:58150, server 10.1.7.5:443

The dump may be text (`str` or `bytes`), a path (`pathlib.Path` or any other `os.PathLike`), an open file, or any iterable of
pieces of text. A `str` is always the text itself: no file is opened because a text from elsewhere is its name. What
hexnote prints at the command line, `render` gives as a string. A long trace need not be held whole: `connections` gives
each connection when it is over, and forgets it.

>>> for connection in hexnote.connections(open("samples/tls12-ecdhe.txt", "rb")):
...     print(connection.client, [message.name for message in connection.messages][:2])
10.1.7.20:58150 ['client_hello', 'server_hello']
"""

from __future__ import annotations

import html
import os
import warnings
from typing import IO, Any, Dict, Iterable, Iterator, List, Literal, Optional, Union, overload

from hexnote.coding import Coding
from hexnote.jobs import View, renderer
from hexnote.options import Options, UsageError, moment
from hexnote.pipeline import Annotator
from hexnote.report import Collector, Connection
from hexnote.report import Report as _Report

__all__ = ["FORMATS", "Connection", "Report", "annotate", "connections", "render"]

# What `render` makes.
Text = Literal["text", "summary", "diagnose", "json", "markdown", "html", "redact"]
FORMATS = ("text", "summary", "diagnose", "json", "markdown", "html", "redact", "pcapng")

Source = Union[str, bytes, "os.PathLike[str]", IO[Any], Iterable[Union[str, bytes]]]

_CHUNK = 1 << 18
_NAME = 4096  # characters; no path is longer


class Report(_Report):
    """What is known of one trace; a notebook shows it as a page."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.settings: Dict[str, Any] = {}  # what it was made with: `render` reads its text again

    def _repr_html_(self) -> str:
        page = render(self, "html")
        return (
            f'<iframe title="walkthrough of a trace" sandbox="allow-scripts" style="width:100%;height:45em;border:1px solid #888" '
            f'srcdoc="{html.escape(page, quote=True)}"></iframe>'
        )


def annotate(source: Source, *, file: Optional[str] = None, keylog: Optional[str] = None, at: Optional[str] = None) -> Report:
    """Read a trace whole. `source` is text, `pathlib.Path(name)`, an open file, or an iterable of pieces of text.

    `file` is the name that outputs tell (else that of the source, or "-"); `keylog` the path of a key log in the
    format of SSLKEYLOGFILE, which needs the package cryptography; `at` the date for certificates (ISO 8601, UTC
    unless it says) where the trace has none. Raises ValueError for a date that is none, OSError where a file
    cannot be read, ImportError where cryptography is missing. Damage in the trace is a finding, never an exception. Warns
    (UserWarning) where a `str` of one line shows nothing: it may have been meant as a path.
    """
    collector = _Whole()
    _run(collector, source, _name(source, file), {"keylog": keylog, "at": _moment(at)})
    report = collector.reports[0]
    assert isinstance(report, Report)
    report.settings = {"keylog": keylog, "at": at}
    return report


def connections(source: Source, *, keylog: Optional[str] = None, at: Optional[str] = None) -> Iterator[Connection]:
    """The connections of a trace, each when it is over: closed, displaced by newer ones, or at the end of the input.

    Packets, records and messages of a connection are there; the trace's text is not kept. Raises as `annotate`.
    """
    collector = _Passing()
    for _ in _steps(collector, source, "-", {"keylog": keylog, "at": _moment(at)}):
        while collector.over:
            yield collector.over.pop(0)


@overload
def render(
    report: _Report, to: Text = "text", *, width: int = 100, depth: str = "normal", headers: bool = False,
    template: Optional[str] = None,
) -> str: ...


@overload
def render(
    report: _Report, to: Literal["pcapng"], *, width: int = 100, depth: str = "normal", headers: bool = False,
    template: Optional[str] = None,
) -> bytes: ...


def render(
    report: _Report, to: str = "text", *, width: int = 100, depth: str = "normal", headers: bool = False,
    template: Optional[str] = None,
) -> Union[str, bytes]:
    """A Report as one of FORMATS: `str`, but `bytes` for "pcapng".

    `width`: columns that annotations may take; `depth`: "full" tells every node of certificates and lists; `headers`:
    notes on the headers of every packet; `template`: a folder with words and forms of documents. Bytes of the trace
    that are no UTF-8 are surrogates in a string (`errors="surrogateescape"`). Raises ValueError.
    """
    if to not in FORMATS:
        raise ValueError(f"{to!r} is none of {', '.join(FORMATS)}")
    options = Options()
    options.width, options.depth, options.headers, options.template = width, depth, headers, template
    settings = dict(getattr(report, "settings", {}))
    settings["at"] = _moment(settings.get("at"))
    settings["headers"] = headers
    settings["thorough"] = to in ("summary", "diagnose")
    try:
        made = _run(renderer(to, options, View()), report.text, report.file, settings)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return made if to == "pcapng" else made.decode("utf-8", "surrogateescape")


# ---------------------------------------------------------------- behind it


class _Whole(Collector):
    """Collects Reports that notebooks can show."""

    kind = Report


class _Passing(Collector):
    """Gives connections away when they are over."""

    def __init__(self) -> None:
        super().__init__()
        self.over: List[Connection] = []

    def finish(self, connection: Any, findings: Any) -> None:
        """A connection is over: it leaves, and its packets with it."""
        super().finish(connection, findings)
        self.over.append(self.leave(connection))


def _run(what: Any, source: Source, file: str, settings: Dict[str, Any]) -> bytes:
    return b"".join(_steps(what, source, file, settings, 4))


def _steps(what: Any, source: Source, file: str, settings: Dict[str, Any], above: int = 3) -> Iterator[bytes]:
    """Feed a renderer; what it makes, piece by piece. `above`: how many calls up the user's own line stands."""
    annotator = Annotator(what, settings)
    coding = Coding()
    annotator.begin(file)
    for chunk in _chunks(source):
        yield annotator.feed(coding.decode(chunk))
    yield annotator.feed(coding.rest())
    yield annotator.end()
    if isinstance(source, str) and source and len(source) < _NAME and "\n" not in source and not annotator.found:
        told = f"{source!r} was read as text, which shows no packet and no TLS bytes; a file is pathlib.Path({source!r})"
        warnings.warn(told, stacklevel=above)
    yield annotator.close()


def _chunks(source: Source) -> Iterator[bytes]:
    if isinstance(source, str):
        yield source.encode("utf-8", "surrogateescape")
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield bytes(source)
    elif isinstance(source, os.PathLike):
        with open(source, "rb") as file:
            yield from _pieces(file)
    elif hasattr(source, "read"):
        yield from _pieces(source)
    else:
        for piece in source:
            if isinstance(piece, int):  # it would be taken for a number of zeros
                raise TypeError("a dump is text, a path, an open file, or pieces of text; bytes as numbers are bytes(numbers)")
            yield piece.encode("utf-8", "surrogateescape") if isinstance(piece, str) else bytes(piece)


def _pieces(file: Any) -> Iterator[bytes]:
    while True:
        piece = file.read(_CHUNK)
        if not piece:
            return
        yield piece.encode("utf-8", "surrogateescape") if isinstance(piece, str) else piece


def _name(source: Any, file: Optional[str]) -> str:
    if file is not None:
        return file
    if isinstance(source, os.PathLike):
        return str(os.fspath(source))
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "-"


def _moment(at: Optional[str]) -> Any:
    """The date as the pipeline takes it. Raises ValueError."""
    if at is None:
        return None
    try:
        return moment(at)
    except UsageError as error:
        raise ValueError(str(error).lstrip("-")) from None
