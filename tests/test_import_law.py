"""Who may import whom: the shape of the house, held by reading the source."""

from __future__ import annotations

import ast
import os
from typing import Dict, List, Set, Tuple

import pytest
from conftest import ROOT

PACKAGE = os.path.join(ROOT, "hexnote")

# A room is a module, or a module and the parts it is made of (by how their names begin), which nobody else imports.
NOUNS = {"model", "spans", "quick", "patterns"}
# What stands for `typing`: anybody may say what types things have.
TYPES = {"hints", "tuples"}
PARTS: Dict[str, Tuple[str, ...]] = {
    "dumps": ("drafts", "endless", "geometry", "lane", "language", "lexer", "peeling", "rows", "sides", "vocabulary", "washing"),
    "streams": ("stitch",),
    "keys": ("keys_",),
    "headless": ("headless_",),
    "ahead": ("reading", "outlet"),
    "words": ("words_",),
    "messages": ("forms",),
    "schema": ("schema_",),
    "story": ("facts", "course", "times", "attempts"),
    "session": ("hellos",),
    "records": ("heads", "assembly"),
    "tale": ("tale_",),
    "der": ("der_", "asn1", "certificates", "x509"),
}
# Rooms that know another one: a stream's reader asks the session what is encrypted, and has messages decoded.
NEIGHBOURS: Dict[str, Set[str]] = {
    "look": {"layers", "verify"},
    "usual": {"layers", "look", "streams"},
    "ahead": {"dumps", "layers", "look", "resources", "streams", "strip"},
    "partner": {"pipeline", "layers", "look", "streams"},
    "report": {"fields"},
    "icmp": {"layers"},
    "tale": {"report", "wording"},
    "binary": {"coding"},
    "messages": {"schema"},
    "records": {"session", "messages", "packed"},
    "plain": {"session", "messages", "records"},
}
# What those that tell a whole trace may know.
DOCUMENTS = {"model", "report", "wording", "tale"}
# Foreign packages, and the rooms that may import them.
FOREIGN = {"lark": {"dumps", "words", "schema"}, "cryptography": {"keys", "signatures"}, "colorama": {"cli"}, "argparse": {"cli"}}
RENDERERS = {"render.text", "render.json", "render.summary", "render.select", "render.pcapng"}
# These cost too much at start to be imported anywhere.
HEAVY = {
    "typing", "dataclasses", "pathlib", "logging", "importlib", "importlib.resources", "importlib.metadata", "pkg_resources",
}  # fmt: skip


def modules() -> List[Tuple[str, str]]:
    """(name below the package, path) of every module."""
    made = []
    for folder, _, files in os.walk(PACKAGE):
        for file in files:
            if file.endswith(".py"):
                path = os.path.join(folder, file)
                name = os.path.relpath(path, PACKAGE)[:-3].replace(os.sep, ".")
                made.append((name.replace(".__init__", ""), path))
    return sorted(made)


def imports(path: str) -> Set[str]:
    """Every module that the file names in an import, wherever it stands."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    named: Set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            named.add(node.module or "")
            named |= {f"{node.module}.{alias.name}" for alias in node.names}
    return named


def ours(path: str) -> Set[str]:
    """The modules of this package that the file imports, named below it."""
    known = {name for name, _ in modules()}
    below = {name[len("hexnote.") :] for name in imports(path) if name.startswith("hexnote.")}
    return below & known - {"findings", "render", *TYPES}


def room(name: str) -> str:
    """The room that a module is part of."""
    return next((whole for whole, parts in PARTS.items() if name.startswith(parts)), name)


def shown(value: str) -> str:
    return "" if os.sep in value else value


@pytest.mark.parametrize("name, path", modules(), ids=shown)
def test_who_imports_whom(name: str, path: str) -> None:
    used = ours(path)
    if name in NOUNS:
        assert not used
    elif name in ("render.json", "render.select"):
        assert used <= {"model", "fields", "fingerprints", "quick"}
    elif name == "render.summary":
        assert used <= {"model", "fingerprints"}  # loaded when there is a hello to tell of
    elif name.startswith("render.") and "report" in used:  # a document: it takes the whole trace
        assert {room(m) for m in used} <= DOCUMENTS | {m for m in used if m.startswith("render.")}
    elif name.startswith("render."):
        # A renderer is a module that `cli` imports; the parts that it is made of are no other renderer.
        assert used - {"model", "quick"} <= {m for m, _ in modules() if m.startswith("render.")} - RENDERERS
    elif name.startswith("findings."):
        assert used <= {"model", "quick", "findings.signs"}  # what records and packets suggest, for several of them
    elif name == "pipeline":
        assert not used & {"cli", "options", "output", "binary", "coding"}
        assert not any(m.startswith("render.") or room(m) != m for m in used)
    elif name == "tables":
        assert {room(m) for m in used} <= {"dumps", "schema", "resources"}  # made when the package is built
    elif name == "jobs":
        renderers = {m for m in used if m.startswith("render.")}
        assert used <= {"ahead", "partner", "pipeline", "options", "strip", "wording"} | renderers
    elif name == "render":
        assert used <= {"api"}  # by whose name it may be called
    elif name in ("__init__", "api"):
        assert used <= {"api", "jobs", "coding", "options", "pipeline", "report"}
    elif name == "manual":
        assert used <= {"options", "findings"}
    elif name in ("cli", "__main__"):
        assert used <= {"jobs", "options", "output", "binary", "coding", "safety", "cli", "diagnosis", "quick"}
    else:
        known = NOUNS | NEIGHBOURS.get(room(name), set())
        strange = {m for m in used - known if room(m) != room(name)}
        assert not strange, f"{name} imports {', '.join(sorted(strange))}"


@pytest.mark.parametrize("name, path", modules(), ids=shown)
def test_foreign_packages(name: str, path: str) -> None:
    named = imports(path)
    for package, allowed in FOREIGN.items():
        assert package not in {n.split(".")[0] for n in named} or room(name) in allowed, f"{name} imports {package}"
    # What the API offers has real annotations; it is not loaded by the command.
    assert not named & HEAVY - ({"typing"} if name in {*TYPES, "api", "report"} else set())
