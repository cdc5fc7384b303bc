"""hexnote from Python."""

from __future__ import annotations

import doctest
import gc
import io
import os
import pathlib
import subprocess
import sys
import tracemalloc
import warnings
from typing import Any

import pytest
from conftest import ROOT, SAMPLES
from support import sample

import hexnote.api as api

STORY = os.path.join(SAMPLES, "tls12-ecdhe.txt")


def test_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    told = doctest.testmod(api)
    assert told.attempted >= 8 and not told.failed


def test_readme_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    told = doctest.testfile("README.md", module_relative=False)
    assert told.attempted >= 3 and not told.failed


@pytest.mark.parametrize("form", ["bytes", "str", "path", "file", "text file", "pieces"])
def test_sources(form: str) -> None:
    data = sample("tls12-ecdhe.txt")
    source: Any = {
        "bytes": data, "str": data.decode("utf-8", "surrogateescape"), "path": pathlib.Path(STORY), "file": io.BytesIO(data),
        "text file": io.StringIO(data.decode("ascii", "surrogateescape")),
        "pieces": [data[i : i + 77] for i in range(0, len(data), 77)],
    }[form]
    report = api.annotate(source)
    assert report.text == data
    assert [m.name for m in report.connections[0].messages][:3] == ["client_hello", "server_hello", "certificate"]


@pytest.mark.parametrize("to", ["text", "summary", "diagnose", "json", "markdown", "html"])
def test_what_is_rendered_is_what_the_command_prints(to: Any, hexnote: Any, capfdbinary: Any) -> None:
    report = api.annotate(sample("tls12-ecdhe.txt"), file=STORY)
    option = ["--" + to] if to in ("summary", "diagnose") else ["--to", to]
    assert api.render(report, to) == hexnote(*option, STORY).out.decode("utf-8", "surrogateescape")


def test_pcapng_is_bytes() -> None:
    assert api.render(api.annotate(sample("server-auth.txt")), "pcapng").startswith(b"\n\r\r\n")


def test_render_is_called_by_its_short_name() -> None:
    """Whether parts of the package of that name were imported or not."""
    import hexnote

    report = hexnote.annotate(sample("ssl3.txt"))
    first = hexnote.render(report, "summary")
    import hexnote.render.summary

    assert hexnote.render(report, "summary") == first == api.render(report, "summary")  # type: ignore[operator]


def test_mistakes() -> None:
    report = api.annotate(b"")
    assert report.connections == [] and api.render(report) == ""
    with pytest.raises(ValueError, match="none of"):
        api.render(report, "pdf")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="^at yesterday: it is a date"):
        api.annotate(b"", at="yesterday")
    with pytest.raises(AttributeError):
        __import__("hexnote").nothing  # noqa: B018


def test_connections_are_given_when_they_are_over_and_forgotten() -> None:
    """Twice as many connections take no more memory."""
    story = sample("tls12-ecdhe.txt")

    def many(count: int) -> Any:
        for i in range(count):
            yield story.replace(b"e326 01bb", b"%04x 01bb" % (20000 + i)).replace(b"01bb e326", b"01bb %04x" % (20000 + i))

    def peak(count: int) -> int:
        gc.set_threshold(700, 10, 10)  # Python's own: the command line, run in this process before, looks less often
        tracemalloc.start()
        seen = 0
        for connection in api.connections(many(count)):
            seen += 1
            assert len(connection.packets) == 21 and connection.packets[3].units and connection.packets[0].src
            assert connection.messages[1].name == "server_hello"
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert seen == count
        return top

    peak(20)
    small, large = peak(300), peak(900)  # 256 connections that are over are still known
    assert large < 1.5 * small


def test_a_notebook_shows_a_page() -> None:
    page = api.annotate(sample("tls12-ecdhe.txt"))._repr_html_()
    assert page.startswith("<iframe") and page.endswith("</iframe>")
    inside = page.partition('srcdoc="')[2].rpartition('"')[0]
    assert '"' not in inside and "<" not in inside and "server_hello" in inside


PROGRAM = '''
import hexnote
from hexnote import Connection, Report

def suites(report: Report) -> list[str]:
    made: list[str] = []
    for connection in report.connections:
        for message in connection.messages:
            field = message.field("server_hello.cipher_suite")
            if field is not None and field.name is not None:
                made.append(field.name)
    return made

report = hexnote.annotate(b"")
text: str = hexnote.render(report, "markdown")
capture: bytes = hexnote.render(report, "pcapng")
found: list[str] = [f.code for f in report.findings]
over: list[Connection] = list(hexnote.connections([b""]))
print(suites(report), text, capture, found, over)
'''


def test_programs_that_use_it_are_typed(tmp_path: Any) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", str(tmp_path / "cache")]
    command.append(str(program))
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert told.returncode == 0, told.stdout


def test_a_path_that_is_read_as_text_is_told() -> None:
    """Nothing is opened because a text is a file's name, but whoever gave one learns why the report is empty."""
    with pytest.warns(UserWarning, match=r"pathlib\.Path\(") as told:
        assert not api.annotate(STORY).connections
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match=r"pathlib\.Path\(") as told:
        assert not list(api.connections(STORY))
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for source in ("", "one\ntwo\n", b"one", "15 03 03 00 02 02 28"):
            api.annotate(source)


def test_bytes_as_numbers_are_no_pieces_of_text() -> None:
    with pytest.raises(TypeError, match="bytes as numbers"):
        api.annotate(list(sample("tls12-ecdhe.txt")))  # type: ignore[arg-type]


def test_pydoc_tells_what_a_connection_has() -> None:
    """Attributes that are set in `__init__` stand on no page of pydoc but in the docstring."""
    report = api.annotate(sample("server-auth.txt"), file="x")
    connection = report.connections[0]
    lists = {name for name, value in vars(connection).items() if isinstance(value, list)} - {"told"}
    for name in {"client", "server", "verdict", "by", "version", "suite", *lists}:
        assert f"`{name}`" in (type(connection).__doc__ or ""), name
    assert repr(report) == "<Report of x: 26 packets, 1 connection>"
