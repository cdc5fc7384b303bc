"""The command line is told in three places: they agree."""

from __future__ import annotations

import os
import re

import pytest
from conftest import ROOT, SAMPLES

from hexnote.options import EXAMPLES, TABLE, UsageError, help_text, parse


def readme() -> str:
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("option", TABLE, ids=lambda o: o.key)
def test_every_option_is_told(option) -> None:  # type: ignore[no-untyped-def]
    for name in option.names:
        assert f"`{name}" in readme() or f", {name}" in readme(), f"README.md does not tell {name}"
        assert re.search(rf"(^|[ ,]){name}\b", help_text(), re.M)


def test_no_option_is_told_that_is_not_there() -> None:
    names = {name for option in TABLE for name in option.names}
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", help_text()))
    for line in readme().split("\n"):
        if "hexnote" in line and "pip" not in line:
            told |= set(re.findall(r"hexnote[^|]* (--[a-z][a-z-]+)", line))
    assert told <= names


def test_examples_are_commands_that_parse() -> None:
    for command, _ in EXAMPLES:
        words = command[command.rindex("hexnote") :].split()
        try:
            parse(words[1:])
        except UsageError as error:
            pytest.fail(f"{command}: {error}")


def test_every_sample_is_in_their_list() -> None:
    with open(os.path.join(SAMPLES, "README.md"), encoding="utf-8") as file:
        told = re.findall(r"^\| `([a-z0-9-]+)` \|", file.read(), re.M)
    assert sorted(told) == sorted(name[:-4] for name in os.listdir(SAMPLES) if name.endswith(".txt"))


def test_samples_that_are_named_exist() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"):
        with open(os.path.join(ROOT, page), encoding="utf-8") as file:
            for name in re.findall(r"samples/([a-z0-9.-]+\.(?:txt|golden))", file.read()):
                assert os.path.exists(os.path.join(SAMPLES, name)), f"{page} names samples/{name}"


@pytest.mark.parametrize("width", [40, 59, 60, 80, 96, 200])
def test_help_fits_a_terminal(width: int) -> None:
    lines = help_text(width).split("\n")
    commands = {f"  {command}" for command, _ in EXAMPLES}  # which are not broken
    assert max(len(line) for line in lines if line not in commands) <= min(width, 96)
    assert help_text(200) == help_text(96) and help_text() == help_text(80)
    assert all(" ".join(option.help.split()) in " ".join(" ".join(lines).split()) for option in TABLE)


def test_excerpts_are_what_is_printed() -> None:
    excerpts = re.findall(r"<!-- excerpt of samples/(\S+) -->\n```\n(.*?)\n```\n", readme(), re.S)
    assert excerpts
    for name, excerpt in excerpts:
        with open(os.path.join(SAMPLES, name), encoding="utf-8", errors="replace", newline="") as file:
            assert f"\n{excerpt}\n" in file.read(), f"README.md shows what samples/{name} no longer has"
