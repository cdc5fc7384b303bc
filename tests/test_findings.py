"""The diagnoses against captures of which it is known what they must and must not give, and against the pages."""

from __future__ import annotations

import csv
import functools
import os
from typing import Any, Dict, Iterator, List, Set

import pytest
from conftest import SHARED
from support import Object, load, objects, of, shared_path

TABLES = ("findings.tsv", os.path.join("extra", "findings.tsv"))


def rows() -> Iterator[Dict[str, str]]:
    """Every row of the two tables, with the capture's path in `path`."""
    for table in TABLES:
        path = os.path.join(SHARED, "corpus", table)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield {**row, "path": os.path.join("corpus", os.path.dirname(table), row["capture"] + ".X.txt")}


def codes(cell: str) -> Set[str]:
    return {code for code in cell.split(",") if code}


@functools.lru_cache(maxsize=4)
def found(path: str) -> List[Object]:
    """The findings on a capture."""
    return of(objects(load(shared_path(*path.split(os.sep)))), "finding")


def by_name(value: Any) -> str:
    return value["capture"] if isinstance(value, dict) else ""


@pytest.mark.parametrize("row", list(rows()), ids=by_name)
def test_corpus(row: Dict[str, str]) -> None:
    """What each capture must give, must not give, and that nothing is wrong with those in good order."""
    told = found(row["path"])
    have = {f["code"] for f in told}
    assert not codes(row["must"]) - have, "missing"
    assert not codes(row["must_not"]) & have, [f["text"] for f in told if f["code"] in codes(row["must_not"])]
    if row["clean"] == "yes":
        assert not [f"{f['code']}: {f['text']}" for f in told if f["severity"] != "note"], "a false alarm"
