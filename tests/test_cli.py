"""The command line as a user meets it: files, pipes, terminals, mistakes, interruptions."""

from __future__ import annotations

import ast
import gzip
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, List, Optional, Tuple

import pytest
from conftest import ROOT, SAMPLES, Printed

from hexnote.cli import wants_color
from hexnote.options import UsageError, job_name, other_kind, parse
from hexnote.output import Output

PCAP = b"\xd4\xc3\xb2\xa1\2\0\4\0" + bytes(16)
SAMPLE = os.path.join(SAMPLES, "server-auth.txt")
posix = pytest.mark.skipif(os.name != "posix", reason="it needs POSIX terminals and signals")
Hexnote = Callable[..., Printed]


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": ROOT, **changes}


def start(*arguments: str, **more: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "hexnote", *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen(command, env=environment(), **pipes)  # type: ignore


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


def one_line(err: bytes) -> str:
    assert err.endswith(b"\n") and err.count(b"\n") == 1 and err.startswith(b"hexnote: "), err
    return err.decode()


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--bogus"], "--bogus"),
        (["--sumary"], "--summary"),
        (["-x"], "-x"),
        (["--to", "xml"], "text, markdown, html, json"),
        (["--to"], "--to"),
        (["--width", "wide"], "--width wide"),
        (["--width=0"], "--width 0"),
        (["--strip=yes"], "--strip"),
        (["--strip", "--summary"], "--strip and --summary"),
        (["--to", "json", "--diagnose"], "--to and --diagnose"),
        (["-o", ""], "-o"),
        (["--color=sometimes"], "auto, always, never"),
        (["--keep", "names", SAMPLE], "hexnote --redact --keep"),
        (["--summary", "--key=x", SAMPLE], "hexnote --redact --key"),
        (["--level", "2", SAMPLE], "--worksheet or --answers"),
        (["--grade", "--seed=2", SAMPLE], "carries its own"),
        (["--template", ".", SAMPLE], "html and markdown"),
        (["--template", ".", "--summary", SAMPLE], "html and markdown"),
        (["--template", ".", "--worksheet", SAMPLE], "--to html"),
    ],
)
def test_mistakes_are_one_line(hexnote: Hexnote, arguments: List[str], told: str) -> None:
    printed = hexnote(*arguments)
    assert printed.status == 2 and printed.out == b""
    assert told in one_line(printed.err)


def test_options_as_they_are_typed() -> None:
    options = parse(["a", "-tjson", "--width=80", "--depth", "full", "-o", "x", "--", "-b", "--strip"])
    assert (options.to, options.width, options.depth, options.output) == ("json", 80, "full", "x")
    assert options.traces == ["a", "-b", "--strip"] and not options.strip
    assert parse(["-", "-ox"]).traces == ["-"]
    assert parse(["--width", "60", "--width", "70"]).width == 70
    with pytest.raises(UsageError):
        parse(["-hq"])


@pytest.mark.parametrize(
    "arguments, job",
    [
        ([], "text"),
        (["-o", "x.json"], "json"),
        (["-o", "x.JSONL"], "json"),
        (["-o", "x.txt"], "text"),
        (["-o", "x.json", "-t", "text"], "text"),
        (["-o", "x.json", "--summary"], "summary"),
        (["--strip"], "strip"),
        (["--diagnose", "-t", "text"], "diagnose"),
    ],
)
def test_the_job(arguments: List[str], job: str) -> None:
    assert job_name(parse(arguments)) == job


def test_a_file_without_a_name_is_seen_in_the_message(hexnote: Hexnote) -> None:
    printed = hexnote("")
    assert printed.status == 2 and "cannot read '': " in one_line(printed.err)


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["-o", "x.pdf"], "x.pdf gets text: hexnote makes no pdf"),
        (["-o", "x.PDF", "--worksheet"], "gets Markdown"),
        (["-o", "x.csv", "--field", "record.type"], "makes no csv"),
        (["-o", "x.json", "--summary"], "x.json gets text: --summary makes no json"),
        (["-o", "x.html", "--check"], "--check makes no html"),
        (["-o", "pdf"], ""),
        (["-o", "x.pdf", "-t", "text"], ""),
        (["-o", "x.xml", "--redact"], ""),
        (["-o", "x.html", "--worksheet"], ""),
        (["-o", "x.md", "--compare"], ""),
        (["-o", "x.txt"], ""),
    ],
)
def test_an_ending_that_promises_something_else(arguments: List[str], told: str) -> None:
    said = other_kind(parse(arguments))
    assert told in said if told else not said


def test_an_ending_that_promises_something_else_is_told(hexnote: Hexnote, tmp_path: Any) -> None:
    printed = hexnote("-o", str(tmp_path / "x.pdf"), SAMPLE)
    assert printed.status == 0 and "hexnote makes no pdf" in one_line(printed.err)
    assert (tmp_path / "x.pdf").read_bytes() == hexnote(SAMPLE).out


def test_colour_as_asked_or_as_the_terminal_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Somewhere(Output):
        terminal = True  # type: ignore[assignment]

    there, pipe = Somewhere(), Output(os.devnull)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert wants_color(parse([]), there) and not wants_color(parse([]), pipe)
    assert wants_color(parse(["--color", "always"]), pipe) and not wants_color(parse(["--color", "never"]), there)
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_color(parse([]), there)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_color(parse([]), there)
    monkeypatch.setenv("NO_COLOR", "")
    assert wants_color(parse([]), there)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h", "--summary"], ["--version"], ["--bogus"], ["--strip", os.devnull]], ids=" ".join
)
def test_what_needs_no_grammar_loads_none(arguments: List[str]) -> None:
    code = (
        "import sys; from hexnote.cli import main; status = main(sys.argv[1:]);"
        "sys.exit(99 if {'lark', 'argparse', 'colorama'} & set(sys.modules) else status)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, env=environment())
    assert done.returncode == (2 if "--bogus" in arguments else 0), done


def test_annotating_loads_no_option_parser() -> None:
    code = (
        "import sys; from hexnote.cli import main; status = main(sys.argv[1:]);"
        "sys.exit(99 if {'argparse', 'colorama', 'typing', 'importlib.resources', 'cryptography'} & set(sys.modules) else status)"
    )
    done = subprocess.run([sys.executable, "-c", code, SAMPLE], capture_output=True, env=environment())
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- input


def test_several_files_are_as_cat_would_give_them(hexnote: Hexnote, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\n;| x\n")
    (tmp_path / "b").write_bytes(b"two\n;| y")
    printed = hexnote("--strip", str(tmp_path / "a"), "-", str(tmp_path / "b"), stdin=b"and\n")
    assert printed == (0, b"one\nand\ntwo", b"")


@pytest.mark.parametrize("coding, mark", [("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")])
@pytest.mark.parametrize("tail", [b"", b"x"], ids=["whole", "half a character"])
@pytest.mark.parametrize("end", ["\n", ""], ids=["LF", "no LF"])
def test_utf16_is_read_and_given_back(hexnote: Hexnote, coding: str, mark: bytes, tail: bytes, end: str) -> None:
    plain = Path(SAMPLE).read_text("utf-8").rstrip("\n") + end
    wide = mark + plain.encode(coding) + tail
    noted = hexnote("-", stdin=wide).out
    if not tail and end:
        assert noted == mark + hexnote("-", stdin=plain.encode()).out.decode().encode(coding)
    assert len(noted) > 2 * len(wide) - len(plain)
    assert hexnote("--strip", "-", stdin=noted).out == wide
    assert hexnote("--summary", "-", stdin=wide).out == hexnote("--summary", "-", stdin=plain.encode()).out


def test_lines_that_end_in_cr_alone_are_read_and_given_back(hexnote: Hexnote) -> None:
    plain = Path(SAMPLE).read_bytes()
    old = plain.replace(b"\n", b"\r")
    noted = hexnote("-", stdin=old).out
    assert noted == hexnote("-", stdin=plain).out.replace(b"\n", b"\r")
    assert hexnote("--strip", "-", stdin=noted).out == old


def test_each_of_several_files_keeps_its_coding(hexnote: Hexnote, tmp_path: Path) -> None:
    wide = b"\xff\xfe" + "one\n".encode("utf-16-le") + b"x"
    (tmp_path / "a").write_bytes(wide)
    (tmp_path / "b").write_bytes(b"two\n")
    (tmp_path / "c").write_bytes(b"a\rb\r")
    files = [str(tmp_path / name) for name in "abc"]
    assert hexnote("--strip", *files).out == wide + b"two\na\rb\r"


def test_an_unreadable_file_is_named_and_the_others_are_done(hexnote: Hexnote, tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"text\n")
    missing = str(tmp_path / "missing")
    printed = hexnote("--strip", missing, str(tmp_path / "good"))
    assert (printed.status, printed.out) == (2, b"text\n")
    assert missing in one_line(printed.err)
    printed = hexnote("--strip", str(tmp_path))
    assert printed.status == 2 and str(tmp_path) in one_line(printed.err)


def test_a_name_cannot_harm_the_terminal(hexnote: Hexnote) -> None:
    printed = hexnote("--strip", "x\x1b[31m\u202e\n.txt")
    assert b"\x1b" not in printed.err and "\u202e".encode() not in printed.err
    one_line(printed.err)


BINARIES = [
    (PCAP, "pcap capture", "tcpdump -nX -r"),
    (b"\n\r\r\n" + bytes(24), "pcapng capture", "tcpdump -nX -r"),
    (b"snoop\0\0\0" + bytes(8), "snoop capture", "tshark"),
    (gzip.compress(b"some text"), "gzip data", "gzip -dc"),
    (gzip.compress(PCAP), "with a pcap capture inside", "| tcpdump -nX -r -"),
    (b"PK\3\4" + bytes(30), "zip", "unzip"),
    (b"\x89PNG\r\n\x1a\n", "picture", "text alone"),
    (bytes.fromhex("160301004a0200004603010000"), "raw TLS", "hexdump -C"),
    (b"\x7fELF\2\1\1" + bytes(60), "binary data", "hexdump -C"),
]


@pytest.mark.parametrize("data, what, command", BINARIES, ids=[b[1] for b in BINARIES])
def test_binary_input_is_named_and_passes_a_pipe(
    hexnote: Hexnote, tmp_path: Path, data: bytes, what: str, command: str
) -> None:
    file = tmp_path / "it's a trace"
    file.write_bytes(data + b"\n;| tail\n")
    printed = hexnote(str(file))
    assert printed.status == 2 and printed.out == data + b"\n;| tail\n"
    assert what in one_line(printed.err) and command in printed.err.decode()
    if command != "text alone":
        assert "'it'\"'\"'s a trace'" in printed.err.decode() or "s a trace'" in printed.err.decode()
    for job in (["--summary"], ["--to", "json"]):
        printed = hexnote(*job, stdin=data)
        assert (printed.status, printed.out) == (2, b"")
        assert "standard input" in one_line(printed.err)


ODD_TEXTS = [b"", b"\n", b"\n\r\r", b"\n\r\rx", b"snoop\n", b"PK\n", b"one \0 in a text\n", b"\xff\xfe0\0x\0\n\0"]


@pytest.mark.parametrize("data", ODD_TEXTS)
def test_text_is_not_taken_for_binary(hexnote: Hexnote, data: bytes) -> None:
    assert hexnote("--strip", stdin=data) == (0, data, b"")


def test_how_input_is_cut_does_not_decide_what_it_is() -> None:
    for data, status in ((PCAP, 2), (b"\n\r\r no capture\n", 0), (b"\x7fELF" + bytes(600), 2)):
        process = start("--strip")
        assert process.stdin is not None
        for i in range(len(data)):
            process.stdin.write(data[i : i + 1])
            process.stdin.flush()
        out, _ = process.communicate(timeout=60)
        assert (process.returncode, out) == (status, data)


# ---------------------------------------------------------------- output


def test_a_file_is_written_whole(hexnote: Hexnote, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    assert hexnote("--strip", "-o", str(target), stdin=b"a\n;| x\n") == (0, b"", b"")
    assert target.read_bytes() == b"a\n" and os.listdir(tmp_path) == ["out.txt"]


def test_a_file_may_be_its_own_input(hexnote: Hexnote, tmp_path: Path) -> None:
    file = tmp_path / "both.txt"
    file.write_bytes(b"a\n;| x\n" * 50000)
    assert hexnote("--strip", str(file), "-o", str(file)).status == 0
    assert file.read_bytes() == b"a\n" * 50000


def test_no_input_no_file(hexnote: Hexnote, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_bytes(b"before")
    assert hexnote("--strip", str(tmp_path / "missing"), "-o", str(target)).status == 2
    assert target.read_bytes() == b"before" and os.listdir(tmp_path) == ["out.txt"]


@posix
def test_mode_and_links_stay(hexnote: Hexnote, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"before")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    assert hexnote("--strip", "-o", str(tmp_path / "link"), stdin=b"new\n").status == 0
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new\n"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640
    before = os.umask(0o027)
    try:
        hexnote("--strip", "-o", str(tmp_path / "fresh"), stdin=b"new\n")
    finally:
        os.umask(before)
    assert (tmp_path / "fresh").stat().st_mode & 0o777 == 0o640


@posix
def test_devices_and_pipes_are_written_directly(hexnote: Hexnote, tmp_path: Path) -> None:
    assert hexnote("--strip", "-o", os.devnull, stdin=b"x\n") == (0, b"", b"")
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    assert hexnote("--strip", "-o", fifo, stdin=b"x\n").status == 0
    assert os.read(reader, 10) == b"x\n"
    os.close(reader)


def test_output_that_cannot_be(hexnote: Hexnote, tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "no" / "such" / "folder"):
        printed = hexnote("--strip", "-o", str(target), stdin=b"x\n")
        assert printed.status == 2 and str(target) in one_line(printed.err)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hexnote", "--strip", SAMPLE], stdout=full, stderr=subprocess.PIPE, env=environment()
        )
    assert done.returncode == 2 and "standard output" in one_line(done.stderr)


@posix
def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_bytes(b"some line\n" * 200000)
    process = start("--strip", str(file))
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=20) == 0


@posix
@pytest.mark.parametrize("arguments", [["--summary"], ["--redact"], []])
def test_no_standard_output_is_one_line(arguments: List[str]) -> None:
    """Its number would be the next file's that is opened: the trace's, or a pipe's between two processes."""
    command = [sys.executable, "-m", "hexnote", *arguments, os.path.join(SAMPLES, "tls12-ecdhe.txt")]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (2, "hexnote: cannot write standard output: Bad file descriptor\n")


@posix
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, -15), (getattr(signal, "SIGHUP", 1), -1)])
def test_interruptions_are_quiet_and_leave_nothing(tmp_path: Path, number: int, status: int) -> None:
    target = tmp_path / "out.txt"
    target.write_bytes(b"before")
    # A shell has what it runs in the background ignore the keyboard: that would be inherited.
    process = start("--strip", "-o", str(target), preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    assert process.stdin is not None and process.stderr is not None
    process.stdin.write(b"a line\n")
    process.stdin.flush()
    wait_for(lambda: any(n.endswith(".part") and (tmp_path / n).stat().st_size for n in os.listdir(tmp_path)))
    process.send_signal(number)
    assert process.wait(timeout=20) == status
    assert process.stderr.read() == b""
    assert os.listdir(tmp_path) == ["out.txt"] and target.read_bytes() == b"before"


@posix
def test_an_interrupt_while_the_command_is_loaded_is_quiet() -> None:
    """Whatever is just being imported: the first imports that are the command's own are interrupted."""
    code = """
import builtins, sys
load = builtins.__import__
def interrupted(name, *more):
    if name == NAME:
        raise KeyboardInterrupt
    return load(name, *more)
builtins.__import__ = interrupted
from hexnote.__main__ import command
command()
"""
    for name in ("hexnote.cli", "hexnote.binary", "hexnote.hints", "hexnote.options"):
        done = subprocess.run([sys.executable, "-c", code.replace("NAME", repr(name))], cwd=ROOT, stdin=subprocess.DEVNULL,
                              capture_output=True)
        assert (done.returncode, done.stderr) == (130, b""), name


def test_an_older_python_is_told_what_it_lacks() -> None:
    """The one file is carried to machines that have nothing newer: its first files are such that Python 3.6 reads them."""
    for name in ("__init__.py", "__main__.py"):
        with open(os.path.join(ROOT, "hexnote", name), encoding="utf-8") as file:
            ast.parse(file.read(), feature_version=(3, 6))
    code = "import sys; sys.version_info = (3, 8, 18, 'final', 0); from hexnote.__main__ import command; command()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"hexnote: needs Python 3.9 or newer, and this is 3.8\n"


# ---------------------------------------------------------------- terminals


def terminal(
    arguments: List[str], typed: Optional[bytes], stdin: bytes = b"", columns: int = 90
) -> Tuple[bytes, bytes, int]:
    """hexnote with a terminal for its output, and for its input where something is `typed`.

    Returns what was shown, the errors, the status.
    """
    import fcntl
    import pty
    import struct
    import termios
    import tty

    ours, theirs = pty.openpty()
    tty.setraw(theirs, termios.TCSANOW)
    if typed is not None:  # a terminal at which Ctrl-D ends the input, without echo
        flags = termios.tcgetattr(theirs)
        flags[3] |= termios.ICANON
        termios.tcsetattr(theirs, termios.TCSANOW, flags)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = start(*arguments, stdin=theirs if typed is not None else subprocess.PIPE, stdout=theirs)
    os.close(theirs)
    if typed is not None:
        os.write(ours, typed + b"\x04")
    else:
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
    shown = b""
    while True:
        try:
            ready, _, _ = select.select([ours], [], [], 20)
            piece = os.read(ours, 65536) if ready else b""
        except OSError:
            piece = b""
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.stderr is not None
    errors = process.stderr.read()
    return shown, errors, process.wait(timeout=20)


@posix
def test_a_terminal_gets_no_control_characters() -> None:
    shown, errors, status = terminal(["--strip"], None, "a\x1b[2J\u202eb\r\n".encode())
    assert (shown.decode(), errors, status) == ("a\u241b[2J\ufffdb\u240d\n", b"", 0)


@posix
def test_a_terminal_gets_no_binary() -> None:
    shown, errors, status = terminal([], None, PCAP)
    assert shown == b"" and status == 2
    assert "tcpdump -nX -r FILE | hexnote" in one_line(errors)


@posix
def test_at_a_terminal_one_line_says_how_to_begin() -> None:
    shown, errors, status = terminal(["--strip"], b"a\n;| x\nb\n")
    assert (shown, status) == (b"a\nb\n", 0)
    assert "Ctrl-D" in one_line(errors) and "--help" in errors.decode()


@posix
def test_the_width_is_the_terminals() -> None:
    with open(SAMPLE, "rb") as file:
        trace = file.read()
    shown, _, status = terminal(["--color", "never"], None, trace, columns=72)
    assert status == 0
    notes = [line for line in shown.decode().split("\n") if line.startswith(";|")]
    assert notes and max(len(note.expandtabs(8)) for note in notes) <= 72


# ---------------------------------------------------------------- annotating


def test_nothing_found_is_said_and_passes(hexnote: Hexnote) -> None:
    text = b"Dear all,\nthere is no dump in this letter."
    printed = hexnote(stdin=text)
    assert (printed.status, printed.out) == (0, text)
    assert "tcpdump -nX" in one_line(printed.err) and "standard input" in printed.err.decode()
    printed = hexnote("--summary", stdin=text)
    assert printed.status == 0 and "found" in one_line(printed.err)


def test_annotated_and_back(hexnote: Hexnote) -> None:
    with open(SAMPLE, "rb") as file:
        trace = file.read()
    annotated = hexnote(SAMPLE)
    assert annotated.status == 0 and annotated.err == b"" and b"\n;|" in annotated.out
    assert hexnote("--strip", stdin=annotated.out) == (0, trace, b"")
    assert hexnote(stdin=annotated.out).out == annotated.out


@posix
def test_live_input_is_annotated_at_once() -> None:
    with open(os.path.join(SAMPLES, "tls12-ecdhe.txt"), "rb") as file:
        trace = file.read()
    heads = [0, *(i + 1 for i in range(len(trace)) if trace[i : i + 1] == b"\n" and trace[i + 1 : i + 2].isdigit())]
    process = start()
    assert process.stdin is not None and process.stdout is not None
    seen = b""
    for number, (begin, end) in enumerate(zip(heads, heads[1:6])):
        packet = trace[begin:end]
        process.stdin.write(packet)
        process.stdin.flush()
        last = packet.rstrip(b"\n").split(b"\n")[-1]
        # The fourth packet is the ClientHello: its notes come as well before anything follows it.
        while last not in seen or (number == 3 and b"client_hello" not in seen.partition(packet.split(b"\n")[0])[2]):
            ready, _, _ = select.select([process.stdout], [], [], 20)
            assert ready, "what is known of the packet did not come before the next one"
            piece = os.read(process.stdout.fileno(), 1 << 16)
            assert piece, "hexnote ended too early"
            seen += piece
    process.stdin.close()
    process.stdout.read()
    process.stdout.close()
    assert process.wait(timeout=20) == 0


def test_diagnosis_exits_1_on_an_error(hexnote: Hexnote, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hexnote("--diagnose", os.path.join(SAMPLES, "tls12-ecdhe.txt")).status == 0


def test_a_package_that_is_missing_is_named() -> None:
    """What needs Lark at run time says so in a line, where there is none."""
    code = (
        "import sys; sys.modules['lark'] = None; from hexnote.cli import main; "
        f"sys.exit(main([{os.path.join(SAMPLES, 'in-words.txt')!r}]))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment())
    assert made.returncode == 2
    assert made.stderr.count(b"\n") == 1 and b"needs the package lark" in made.stderr
