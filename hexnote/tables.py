"""Makes, when the package is built, what takes long to make of `grammars/`: `python -m hexnote.tables [FOLDER]`.

FOLDER is the folder `grammars`. The dump grammar becomes LALR tables, a format file its definitions. A run takes
what it finds here only if it is of the very texts, and of the very code, that the run would make it of: an edited
grammar, a new file, a missing table cost time and nothing else.
"""

from __future__ import annotations

import os
import sys
from marshal import dumps

from hexnote import resources
from hexnote.hints import Any, Dict, Optional, Tuple
from hexnote.language import CODE as LANGUAGE
from hexnote.language import NAME, compiled, ordered
from hexnote.schema import CODE as FORMATS
from hexnote.schema import Schema
from hexnote.schema_pack import pack


def made() -> Dict[str, Tuple[str, bytes]]:
    """The tables: by name the mark of what each was made of and by, and what it is."""
    grammars = resources.folder("dumps")
    tables = {NAME: (resources.mark(LANGUAGE, *ordered(grammars)), _written(compiled(grammars)))}
    presentation = resources.text("presentation.lark")
    schema = Schema(presentation, resources.read, resources.listing, {}, lambda node, width=0: node)
    for folder in ("tls", "tls/extensions", "prefaces"):
        for name in resources.listing(folder):
            file = f"{folder}/{name}"
            text = resources.text(file)
            tables[file] = (resources.mark(FORMATS, presentation, text), _written(pack(schema.parsed(file, text))))
    return tables


def _written(what: Any) -> bytes:
    return dumps(what, resources.FORM)


def main(folder: Optional[str] = None) -> None:
    """Writes the tables into `folder`, that of the grammars if none is given."""
    if folder is None:
        folder = next(root for root in resources.ROOTS if os.path.isdir(root))
    path = os.path.join(folder, resources.TABLES)
    part = f"{path}.{os.getpid()}"
    with open(part, "wb") as file:
        file.write(_written(made()))
    os.replace(part, path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
