"""`--field`: the paths of the JSON output select values."""

from __future__ import annotations

import os

import pytest
from conftest import SAMPLES

from hexnote.cli import main
from hexnote.render.select import selector


def selected(capfd: pytest.CaptureFixture[str], path: str, *names: str) -> str:
    assert main(["--field", path, *(os.path.join(SAMPLES, name) for name in names)]) == 0
    return capfd.readouterr().out.replace(SAMPLES + os.sep, "")


@pytest.mark.parametrize("path, chosen, left", [
    ("client_hello.cipher_suites", "client_hello.cipher_suites", "client_hello.cipher_suites[0]"),
    ("cipher_suites[*]", "client_hello.cipher_suites[12]", "client_hello.cipher_suites"),
    ("cipher_suites[1]", "client_hello.cipher_suites[1]", "client_hello.cipher_suites[12]"),
    ("extensions.server_name", "client_hello.extensions[3].server_name", "client_hello.extensions[3].server_name.x"),
    ("hello.session_id", "hello.session_id", "client_hello.session_id"),
    ("session_id.length", "client_hello.session_id.length", "client_hello.session_id"),
    ("record.*", "record.type", "record.type.x"),
    ("*.*", "record.type", "record"),
])  # fmt: skip
def test_what_a_path_selects(path: str, chosen: str, left: str) -> None:
    assert selector(path).search(chosen)
    assert not selector(path).search(left)


@pytest.mark.parametrize("path", ["", "a..b", "a[", "a[]", "a[-1]", "a[x]", "(a+)+", ".a"])
def test_what_is_no_path(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError):
        selector(path)
    assert main(["--field", path, os.devnull]) == 2
    assert capfd.readouterr().err.startswith("hexnote: --field")


def test_one_value_a_line_with_file_and_packet(capfd: pytest.CaptureFixture[str]) -> None:
    """The hello of tls12-ecdhe.txt stands in packet 4 and offers c02f and 00ff (see the transcript)."""
    assert selected(capfd, "client_hello.cipher_suites[*]", "tls12-ecdhe.txt") == (
        "tls12-ecdhe.txt:4:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\ntls12-ecdhe.txt:4:TLS_EMPTY_RENEGOTIATION_INFO_SCSV\n"
    )
    assert selected(capfd, "client_hello.cipher_suites.length", "tls12-ecdhe.txt") == "tls12-ecdhe.txt:4:4\n"


def test_groups_tell_their_values_without_frames(capfd: pytest.CaptureFixture[str]) -> None:
    told = selected(capfd, "client_hello.extensions[*].server_name", "tls12-ecdhe.txt", "server-auth.txt", "tls13-full.txt")
    assert told == "tls12-ecdhe.txt:4:www.harbour.example\ntls13-full.txt:4:www.harbour.example\n"
    assert selected(capfd, "subject.rdnSequence[*].commonName", "tls12-ecdhe.txt").endswith(":6:Harbour Issuing CA 1\n")


def test_nothing_selected_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--field", "no_such", *(os.path.join(SAMPLES, n) for n in ("ssl3.txt", "server-auth.txt"))]) == 0
    told = capfd.readouterr()
    assert told.out == "" and told.err.count("no field no_such") == 1


def test_bytes_that_are_not_there_are_dots(capfd: pytest.CaptureFixture[str]) -> None:
    """The last record of the server lacks 368 bytes (the dump cuts its packets)."""
    told = selected(capfd, "record.fragment", "server-auth.txt")
    assert any(line.count("..") == 368 for line in told.splitlines())


def test_text_of_the_trace_cannot_make_lines(capfd: pytest.CaptureFixture[str]) -> None:
    from hexnote.render.select import _clean

    assert _clean("a\nb\x1b[2J\u202e\\") == "a\\nb\\x1b[2J\\u202e\\\\"
