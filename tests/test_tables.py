"""What the build makes of the grammars is what the run would make of them, and is taken for nothing else."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from marshal import loads
from typing import Any, Dict, List, Tuple

import pytest
from conftest import ROOT
from lark import Lark, Token

from hexnote import resources
from hexnote.language import KINDS, START, Machine, Tables, compiled, ordered
from hexnote.schema import Schema
from hexnote.schema_pack import pack, unpack
from hexnote.tables import made

GRAMMARS = resources.folder("dumps")
FILES = [f"{folder}/{name}" for folder in ("tls", "tls/extensions", "prefaces") for name in resources.listing(folder)]


@pytest.fixture(scope="module")
def tables() -> Dict[str, Tuple[str, bytes]]:
    """The file of tables: (mark, what was made) by name."""
    return made()


def schema(brought: Any = None, read: Any = resources.read) -> Schema:
    return Schema(resources.text("presentation.lark"), read, resources.listing, {}, lambda node, width=0: node, brought)


def test_everything_is_made(tables: Dict[str, Tuple[str, bytes]]) -> None:
    assert sorted(tables) == sorted(["dumps", *FILES])


def test_formats_come_back_as_they_were_parsed(tables: Dict[str, Tuple[str, bytes]]) -> None:
    fresh = schema()
    for file in FILES:
        parsed = fresh.parsed(file, resources.text(file))
        again = unpack(loads(tables[file][1]))
        assert [type(each) for each in again] == [type(each) for each in parsed]
        assert pack(again) == pack(parsed), file


def test_the_dump_grammar_comes_back(tables: Dict[str, Tuple[str, bytes]]) -> None:
    assert loads(tables["dumps"][1]) == compiled(GRAMMARS)


def test_the_machine_reduces_as_lark_does() -> None:
    class Log:
        """Rules in the order in which they end, with the tokens that they hold."""

        def __init__(self) -> None:
            self.seen: List[Tuple[str, List[str]]] = []

        def block(self, children: List[Any]) -> None:
            self.seen.append(("block", [str(c) for c in children]))

        def prose(self, children: List[Any]) -> None:
            self.seen.append(("prose", [str(c) for c in children]))

        def text(self, children: List[Any]) -> None:
            self.seen.append(("text", []))

    theirs, ours = Log(), Log()
    source = "\n".join(ordered(GRAMMARS))
    lark = Lark(source, parser="lalr", start=[START, *KINDS], use_bytes=True, maybe_placeholders=False, transformer=theirs)
    parser = lark.parse_interactive(b"", start=START)
    tables = compiled(GRAMMARS)
    actions = {"block": ours.block, "prose": ours.prose, "text": ours.text}
    machine = Machine(Tables(tables["states"], [(name, size) for name, size in tables["rules"]]), actions)
    rng = random.Random(1)
    kinds = (["PACKET"], ["HEAD", "ROWS"], ["ROWS"], ["ALONE"], ["LINE"], ["END"])
    for number in range(400):
        for kind in rng.choice(kinds):
            token = Token(kind, f"{kind}{number}")
            parser.feed_token(token)
            machine.feed(kind, token)
            assert ours.seen == theirs.seen
    assert len(ours.seen) > 400
    with pytest.raises(KeyError):
        machine.feed("NOTHING", None)


def test_what_is_not_of_these_very_texts_is_not_taken(
    tables: Dict[str, Tuple[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "QUICK", True)
    monkeypatch.setattr(resources, "_tables", [tables])
    presentation, file = resources.text("presentation.lark"), "tls/alert.tls"
    text = resources.text(file)
    code = ("schema_text", "schema_types", "schema_pack")
    assert resources.made(file, code, presentation, text) == loads(tables[file][1])
    assert resources.made(file, code, presentation, text + " ") is None
    assert resources.made(file, code, presentation + "\n", text) is None
    assert resources.made(file, code[1:], presentation, text) is None
    assert resources.made("tls/none.tls", code, presentation, text) is None
    monkeypatch.setattr(resources, "QUICK", False)
    assert resources.made(file, code, presentation, text) is None


def test_an_edited_file_is_read_anew(tables: Dict[str, Tuple[str, bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "QUICK", True)
    monkeypatch.setattr(resources, "_tables", [tables])

    def read(name: str) -> Any:
        text = resources.read(name)
        return text.replace("AlertLevel level;", "AlertLevel height;") if text and name == "tls/alert.tls" else text

    def names(each: Any) -> List[str]:
        return [str(member.name) for member in each.file("tls/alert.tls")["Alert"].members]

    assert names(schema(resources.made)) == names(schema()) == ["level", "description"]
    assert names(schema(resources.made, read)) == ["height", "description"]


def test_with_the_tables_no_parser_is_made(tmp_path: object) -> None:
    folder = os.path.join(str(tmp_path), "grammars")
    os.mkdir(folder)
    subprocess.run([sys.executable, "-m", "hexnote.tables", folder], cwd=ROOT, check=True)
    path = os.path.join(folder, resources.TABLES)
    assert os.listdir(folder) == [resources.TABLES]
    done = []
    damaged = os.path.join(folder, "damaged")
    with open(path, "rb") as file, open(damaged, "wb") as half:
        half.write(file.read()[:20000])
    for tables in (path, os.devnull, damaged):
        code = (
            "import sys; from hexnote import resources as r; from hexnote.cli import main; old = r.data;"
            f"r.data = lambda name: open({tables!r}, 'rb').read() if name == r.TABLES else old(name);"
            "main(['samples/server-auth.txt']); sys.exit(99 if 'lark' in sys.modules else 0)"
        )
        env = {k: v for k, v in os.environ.items() if k != "HEXNOTE_SLOW"}
        done.append(subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True))
    assert [each.returncode for each in done] == [0, 99, 99], done[0].stderr
    assert done[0].stdout == done[1].stdout == done[2].stdout
