"""What all tests share: where things are, a hexnote that runs in this process, and the last line of a run."""

from __future__ import annotations

import os
from collections import Counter
from typing import Callable, Iterator, List, NamedTuple

import pytest

os.environ["HEXNOTE_STRICT"] = "1"  # a diagnosis that fails fails its test
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SAMPLES = os.path.join(ROOT, "samples")
SHARED = os.environ.get("HEXNOTE_SHARED") or os.path.join(os.path.dirname(ROOT), "shared")


class Printed(NamedTuple):
    """What a run of hexnote left behind."""

    status: int
    out: bytes
    err: bytes


@pytest.fixture
def hexnote(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Printed]:
    """Calls the command line in this process: `hexnote("--summary", "x.txt", stdin=b"...")`."""

    def call(*arguments: str, stdin: bytes = b"") -> Printed:
        from hexnote.cli import main

        capfdbinary.readouterr()
        with _standard_input(stdin):
            status = main(list(arguments))
        out, err = capfdbinary.readouterr()
        return Printed(status, out, err)

    return call


class _standard_input:
    """Descriptor 0 reads these bytes for a while."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __enter__(self) -> None:
        import tempfile

        self.file = tempfile.TemporaryFile()
        self.file.write(self.data)
        self.file.seek(0)
        self.before = os.dup(0)
        os.dup2(self.file.fileno(), 0)

    def __exit__(self, *trouble: object) -> None:
        os.dup2(self.before, 0)
        os.close(self.before)
        self.file.close()


@pytest.fixture(scope="session")
def shared() -> str:
    """The folder with the corpus of captures; a test that needs it does not run where it is absent."""
    if not os.path.isdir(os.path.join(SHARED, "corpus")):
        pytest.skip("the corpus is absent")
    return SHARED


@pytest.fixture
def in_samples() -> Iterator[str]:
    """The working folder is samples/."""
    before = os.getcwd()
    os.chdir(SAMPLES)
    yield SAMPLES
    os.chdir(before)


# ---------------------------------------------------------------- options, and the last line


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="write the transcripts in samples/ anew")


_skipped: List[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
        _skipped.append(str(report.longrepr[2]).replace("Skipped: ", ""))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        _skipped.append(str(report.longrepr[2]).replace("Skipped: ", ""))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of a run says what did not run, and why."""
    writer = config.get_terminal_writer() if config.pluginmanager.hasplugin("terminalreporter") else None
    if writer is None or config.option.collectonly:
        return
    reasons = ", ".join(f"{count} because {why}" for why, count in sorted(Counter(_skipped).items()))
    writer.line(f"not run: {len(_skipped)} tests" + (f" ({reasons})" if reasons else ""))
