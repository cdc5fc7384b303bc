"""The options are told in six places, made of one table or held against it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from typing import Any

import pytest
from conftest import ROOT, SAMPLES

from hexnote.manual import pages, write
from hexnote.options import TABLE


@pytest.mark.parametrize("page", sorted(pages()))
def test_every_option_is_on_every_page(page: str) -> None:
    text = re.sub(r"\\f[BIR]", " ", pages()[page].replace("\\-", "-"))
    for option in TABLE:
        for name in option.names:
            told = f"-l {name[2:]}" if page.endswith(".fish") and name.startswith("--") else name
            told = f"-s {name[1:]}" if page.endswith(".fish") and not name.startswith("--") else told
            assert re.search(rf"(?<![\w-]){re.escape(told)}(?![\w-])", text), f"{page} lacks {name}"
        for choice in option.choices:
            assert page.endswith(".1") or choice in text


def test_every_option_of_the_contract_is_there(shared: str) -> None:
    with open(os.path.join(shared, "CONTRACT.md"), encoding="utf-8") as file:
        text = file.read()
    table = text[text.index("| option | what it does |") : text.index("Several TRACE files")]
    promised = {name for line in table.splitlines() for name in re.findall(r"`(--?[a-zA-Z][a-z-]*)", line.split(" | ")[0])}
    assert len(promised) >= 20
    assert promised <= {name for option in TABLE for name in option.names}


def test_the_manual_page_is_well_formed(tmp_path: Any) -> None:
    write(str(tmp_path))
    path = tmp_path / "share" / "man" / "man1" / "hexnote.1"
    lines = path.read_text().splitlines()
    assert "normal (the default), or full: every node of certificates and lists." in lines  # as it is typed
    assert lines[0].startswith(".TH HEXNOTE 1") and ".SH NAME" in lines and all(len(line) < 400 for line in lines)
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    told = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", str(path)], capture_output=True, text=True)
    assert told.returncode == 0 and told.stderr == ""


def test_bash_completes(tmp_path: Any) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    write(str(tmp_path))
    script = tmp_path / "share" / "bash-completion" / "completions" / "hexnote"
    ask = f'source {script}; COMP_WORDS=(hexnote --su); COMP_CWORD=1; _hexnote; echo "${{COMPREPLY[@]}}"; '
    ask += 'COMP_WORDS=(hexnote --color a); COMP_CWORD=2; _hexnote; echo "${COMPREPLY[@]}"'
    # The = of an option is a word of its own, and a file's name may have blanks.
    ask += '; COMP_WORDS=(hexnote --to = ht); COMP_CWORD=3; _hexnote; echo "${COMPREPLY[@]}"'
    ask += '; COMP_WORDS=(hexnote --color =); COMP_CWORD=2; _hexnote; echo "${COMPREPLY[@]}"'
    ask += '; COMP_WORDS=(hexnote my); COMP_CWORD=1; _hexnote; echo "${#COMPREPLY[@]} ${COMPREPLY[0]}"'
    (tmp_path / "my trace.txt").write_text("")
    told = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, cwd=tmp_path)
    assert told.stdout.split("\n")[:5] == ["--summary", "auto always", "html", "auto always never", "1 my trace.txt"]


def test_one_file_is_enough(tmp_path: Any) -> None:
    """Package, grammars, lark and colorama in a zip, run without site-packages or environment."""
    import colorama
    import lark

    archive = tmp_path / "hexnote.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("__main__.py", "import sys\n\nfrom hexnote.cli import main\n\nsys.exit(main())\n")
        parts = {"colorama": os.path.dirname(colorama.__file__), "lark": os.path.dirname(lark.__file__),
                 "hexnote": os.path.join(ROOT, "hexnote"), "hexnote/grammars": os.path.join(ROOT, "grammars")}  # fmt: skip
        for name, base in parts.items():
            for folder, _, names in os.walk(base):
                for one in names:
                    path = os.path.join(folder, one)
                    if not one.endswith((".pyc", ".so")):
                        file.write(path, os.path.join(name, os.path.relpath(path, base)))
    sample = os.path.join(SAMPLES, "server-auth.txt")
    command = [sys.executable, "-I", "-S", str(archive), "--color", "always", "--width", "100", sample]
    told = subprocess.run(command, capture_output=True, cwd=tmp_path, env={})
    assert told.returncode == 0 and told.stderr == b""
    with open(os.path.join(SAMPLES, "server-auth.golden"), "rb") as golden:
        wanted = golden.read().partition(b"\n")[2].partition(b"\n$ ")[0].rstrip(b"\n") + b"\n"
    assert re.sub(rb"\x1b\[[0-9;]*m", b"", told.stdout) == wanted
