"""The formats are found wherever the package lies: in a source tree, installed, inside a zip."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT

from hexnote import resources


def test_a_file() -> None:
    text = resources.read("presentation.lark")
    assert text is not None and "start" in text
    assert resources.text("presentation.lark") == text


def test_no_file() -> None:
    assert resources.read("no/such.tls") is None
    assert resources.read("dumps") is None
    assert resources.read("../setup.cfg") is None
    with pytest.raises(FileNotFoundError, match=r"grammars/no/such\.tls"):
        resources.text("no/such.tls")


def test_listing_is_the_folder() -> None:
    folder = os.path.join(ROOT, "grammars", "dumps")
    assert resources.listing("dumps") == sorted(os.listdir(folder))
    assert resources.listing("no/such") == []
    assert all("/" not in name for name in resources.listing(""))


def test_inside_a_zip(tmp_path: object) -> None:
    archive = os.path.join(str(tmp_path), "hexnote.pyz")
    with zipfile.ZipFile(archive, "w") as made:
        for name in ("__init__.py", "hints.py", "quick.py", "resources.py"):
            made.write(os.path.join(ROOT, "hexnote", name), f"hexnote/{name}")
        for folder, _, files in os.walk(os.path.join(ROOT, "grammars")):
            inner = os.path.relpath(folder, ROOT).replace(os.sep, "/")
            for name in files:
                made.write(os.path.join(folder, name), f"hexnote/{inner}/{name}")
    code = (
        f"import sys; sys.path.insert(0, {archive!r}); from hexnote import resources as r;"
        "assert '.pyz' in r.__file__, r.__file__;"
        "print(len(r.read('presentation.lark')), *r.listing('dumps')); assert r.read('no/such') is None"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, cwd=str(tmp_path))
    assert done.returncode == 0, done.stderr
    size, *names = done.stdout.split()
    assert int(size) == len(resources.text("presentation.lark"))
    assert names == resources.listing("dumps")
