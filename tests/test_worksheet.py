"""Worksheets: the key gets full marks, a wrong answer does not, a seed says which sheet."""

from __future__ import annotations

import glob
import os
import re
from typing import Any, List

import pytest
from conftest import SAMPLES
from support import collected, sample
from talks import Talk, alert, hello, hs

from hexnote.render.questions import NUMBER, ORDER, RANGE, TEXT, Question, questions
from hexnote.render.worksheet import filled, marked, right, sheet

STORIES = sorted(os.path.basename(p)[:-4] for p in glob.glob(os.path.join(SAMPLES, "*.txt")))
# Traces of packets whose headers are shown.
FULL = [name for name in STORIES if len(questions(collected(sample(name + ".txt")), 1, 1)) >= 4]


def score(data: bytes, sheet_bytes: bytes) -> str:
    given = filled(sheet_bytes)
    assert given is not None and given.trace.rstrip(b"\r\n") == data.rstrip(b"\r\n")
    return marked(collected(given.trace), given, "x").decode().splitlines()[0]


@pytest.mark.parametrize("name", STORIES)
def test_the_key_gets_full_marks(name: str) -> None:
    data = sample(name + ".txt")
    report = collected(data)
    for seed in (1, 2, 77):
        count = len(questions(report, 3, seed))
        if not count:
            assert b"nothing that could be asked" in sheet(report, 3, seed)
            continue
        assert score(data, sheet(report, 3, seed, key=True)).startswith(f"x: {count} of {count} right")
        assert score(data, sheet(report, 3, seed)).startswith(f"x: 0 of {count} right")
    if name in FULL:
        assert len(questions(report, 3, 1)) >= 9
    assert len(FULL) >= 15


@pytest.mark.parametrize("name", FULL)
def test_a_wrong_answer_is_wrong(name: str) -> None:
    data = sample(name + ".txt")
    report = collected(data)
    count = len(questions(report, 3, 1))
    key = sheet(report, 3, 1, key=True).decode()
    spoilt = re.sub(r"(?m)^Answer: (.*)$", "Answer: 4711", key, count=1)
    assert score(data, spoilt.encode()).startswith(f"x: {count - 1} of {count} right")


def test_seeds_decide() -> None:
    report = collected(sample("client-certificate.txt"))
    assert sheet(report, 3, 1) == sheet(report, 3, 1) != sheet(report, 3, 2)
    assert {q.level for q in questions(report, 1, 1)} == {1}
    assert {q.level for q in questions(report, 2, 1)} == {1, 2}


def test_answers_of_the_tutorial_are_its_own() -> None:
    """TUTORIAL.md: 33 suites, the third is chosen (0x35), the server's session ID stands at 0x0060 of packet 8, and 368
    bytes of the last record are not shown."""
    asked = {q.title: q for q in questions(collected(sample("server-auth.txt")), 3, 1)}
    answers = {title.partition(" in ")[0]: q.answer for title, q in asked.items()}
    assert answers["The server's choice"] == "TLS_RSA_WITH_AES_256_CBC_SHA"
    assert answers["The client's list"] == "3" and answers["The offer"] == "33"
    assert answers["The session ID"] == "0x0060 to 0x007f"
    assert answers["What is not there of the server's record 6"] == "368"


@pytest.mark.parametrize("form, key, answer, good", [
    (NUMBER, "32", "0x20", True), (NUMBER, "32", "32 bytes", True), (NUMBER, "32", "20h", True),
    (NUMBER, "32", "8 x 4 = 32", True),
    (NUMBER, "0x0034", "52", True), (NUMBER, "0x0034", "0034", True), (NUMBER, "32", "33", False),
    (NUMBER, "32", "32 or 33", False),
    (NUMBER, "32", "", False), (NUMBER, "32", "thirty-two", False),
    (TEXT, "TLS_RSA_WITH_AES_256_CBC_SHA", "tls rsa with aes 256 cbc sha", True), (TEXT, "alert", "Alert.", True),
    (TEXT, "alert", "handshake", False),
    (ORDER, "8, 11, 14", "8 11 14", True), (ORDER, "8, 11, 14", "11, 8, 14", False),
    (RANGE, "0x0060 to 0x007f", "96-127", True), (RANGE, "0x0060 to 0x007f", "0x60", False),
])  # fmt: skip
def test_what_counts_as_the_same(form: str, key: str, answer: str, good: bool) -> None:
    assert right(Question(1, "", [], "", form, key, (), [], ""), answer) is good


def test_planted_errors_are_the_only_ones() -> None:
    """Every other note of the question says what its bytes say: checked against the bytes."""
    seen = 0
    for name in FULL:
        report = collected(sample(name + ".txt"))
        for seed in range(5):
            for question in questions(report, 3, seed):
                if question.title.startswith("One wrong note"):
                    seen += 1
                    wrong = [i + 1 for i, note in enumerate(question.given) if not true(note)]
                    assert wrong == [int(question.answer)], question.given
    assert seen > 20


def true(note: str) -> bool:
    """Whether a note with a length tells the number that its bytes are; notes with names are taken as they are."""
    found = re.match(r"note \d+: 0x[0-9a-f]+: ([0-9a-f]+) +.* = (\d+)(?: bytes?)?$", note)
    if found is None:
        return True
    return int(found.group(1), 16) & (0x7FFF if "two_byte" in note else -1) == int(found.group(2))


def test_names_of_a_trace_are_no_markup() -> None:
    data = sample("tls12-ecdhe.txt")
    data = data.replace(b"7777 2e68 6172 626f 7572", b"<b>`x`](_)".hex(" ", 2).encode(), 1)
    text = sheet(collected(data), 3, 1, key=True).decode()
    running = text.partition("## The trace")[0]
    assert "Answer: w\\<b\\>\\`x\\`\\](\\_).example" in running and "<b>" not in running


@pytest.mark.parametrize("how", [
    "Answer: ____{}____", "Answer: __{}__", "answer: {}", "Answer : {}", "Answer: ____\n{}", "Answer:\n\n> {}",
    "**Answer:** **{}**", "Answer: ____ {}", "> Answer: _{}_",
])  # fmt: skip
def test_however_an_answer_is_written_down(how: str) -> None:
    data = sample("tls12-ecdhe.txt")
    key = sheet(collected(data), 3, 4, key=True).decode()
    written = re.sub(r"(?m)^Answer: (.*)$", lambda m: how.format(m.group(1)), key)
    assert score(data, written.encode()).startswith("x: 13 of 13 right")


@pytest.mark.parametrize("how", ["Answer: ____", "Answer:", "Answer: ____\n____", "Answer: ?"])
def test_no_answer_is_none_whatever_stands_below(how: str) -> None:
    data = sample("tls12-ecdhe.txt")
    key = sheet(collected(data), 3, 4, key=True).decode()
    given = filled(re.sub(r"(?m)^Answer: .*$", how, key).encode())
    assert given is not None and marked(collected(given.trace), given, "x").count(b" no answer; it is ") == 13


def test_on_the_command_line(hexnote: Any, tmp_path: Any) -> None:
    trace = os.path.join(SAMPLES, "tls12-ecdhe.txt")
    key = hexnote("--answers", "--level", "2", "--seed", "9", trace).out
    filled_in = tmp_path / "sheet.md"
    filled_in.write_bytes(key)
    told = hexnote("--grade", str(filled_in))
    assert told.status == 0 and b"10 of 10 right (level 2, seed 9)" in told.out
    narrow = hexnote("--grade", "--width", "48", str(filled_in)).out
    assert b"".join(narrow.split()) == b"".join(told.out.split()) and max(map(len, narrow.splitlines())) <= 48
    cut = key.partition(b"\n## The trace")[0]
    assert b"10 of 10 right" in hexnote("--grade", trace, "-", stdin=cut).out
    assert hexnote("--grade", trace).status == 2
    assert hexnote("--worksheet", "--level", "4", trace).status == 2
    lines: List[bytes] = hexnote("--worksheet", trace).out.splitlines()
    assert lines[0] == b"# Worksheet: tls12-ecdhe.txt" and b"Answer: ____" in lines


def test_a_sheet_as_a_page(hexnote: Any, tmp_path: Any) -> None:
    """The same questions, escaped, in one page without scripts or addresses of others."""
    trace = os.path.join(SAMPLES, "tls12-ecdhe.txt")
    key = hexnote("--answers", "--to", "html", trace).out.decode()
    count = len(questions(collected(sample("tls12-ecdhe.txt")), 3, 1))
    assert key.startswith("<!doctype html>") and key.count('<section class="step"') == count
    assert "Answer: www.harbour.example" in key and "0x0073 to 0x0085" in key
    assert not re.search(r"(0x[0-9a-f]+) to \1\b", key)  # one byte has one offset
    page = tmp_path / "sheet.html"
    assert hexnote("--worksheet", "-o", str(page), trace).status == 0
    made = page.read_text()
    assert "Answer: ____" in made and "www.harbour.example" not in made.partition("<h2>The trace: tls12-ecdhe.txt</h2>")[0]
    assert "\n\t0x0000:  4500" in sample("tls12-ecdhe.txt").decode() and '<span class="row">        0x0000:  4500' in made
    assert made.index("<h1>") < made.index("<h2>Questions on tls12-ecdhe.txt</h2>") < made.index("<h3 ")
    several = hexnote("--worksheet", "--to", "html", trace, os.path.join(SAMPLES, "in-words.txt"), trace).out.decode()
    assert several.count("<ol>") == 2 and several.count("nothing that could be asked about") == 1
    evil = sample("tls12-ecdhe.txt").replace(b"7777 2e68 6172 626f 7572", b"<b>\"x'](_".hex(" ", 2).encode(), 1)
    assert "<b>" not in hexnote("--answers", "--to", "html", "-", stdin=evil).out.decode()
    assert hexnote("--worksheet", "--to", "json", trace).status == 2


def test_who_must_act_is_asked_as_the_verdict_says() -> None:
    """A close behind a PROXY header: the alert that follows is the server's doing, and the verdict knows of no one."""
    def asked(*first: bytes) -> bool:
        talk = Talk().say(0, *first, hs(hello())).fin(1).say(0, alert(2, 50)).fin(0)
        return any("Who must act" in q.ask for q in questions(collected(talk.text(), "a.txt"), 3, 1))

    assert asked() and not asked(b"PROXY TCP4 10.1.1.1 10.2.2.2 40000 443\r\n")
