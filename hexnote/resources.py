"""The files under `grammars/`: wire formats, dump grammars and tables, as text.

In an installed package they stand beside this module, also inside a zip; in a source tree they stand
beside the package. All reading goes through the loader that brought this module, as `pkgutil` does,
so that no file system is needed.

What takes long to make of these texts may be made beforehand and lies in `grammars/tables.bin`: see `tables`.
"""

from __future__ import annotations

import os
from binascii import crc32
from marshal import loads

from hexnote.hints import Any, Dict, List, Optional, Sequence, Tuple
from hexnote.quick import QUICK

_HERE = os.path.dirname(os.path.abspath(__file__))
# Where grammars/ may stand: installed, then in a source tree.
ROOTS = (os.path.join(_HERE, "grammars"), os.path.join(os.path.dirname(_HERE), "grammars"))
_home: List[str] = []  # the one of them where something was found

TABLES = "tables.bin"  # by the name of each thing made: its `mark`, and what it is, as `marshal` has it
FORM = 2  # of `marshal`: one that every Python 3 reads
_tables: List[Dict[str, Tuple[str, bytes]]] = []
_marks: Dict[Tuple[str, ...], Tuple[int, int]] = {}  # of modules alone, by their names: checksum and bytes so far


def data(name: str) -> Optional[bytes]:
    """The bytes of `grammars/NAME` (`/` between folders, as in "tls/handshake.tls"); None where there is none."""
    parts = name.split("/")
    if ".." in parts:
        return None
    for root in _home or ROOTS:
        found = _load(os.path.join(root, *parts))
        if found is not None:
            _home[:] = [root]
            return found
    return None


def _load(path: str) -> Optional[bytes]:
    loader: Any = __spec__.loader if __spec__ is not None else None
    try:
        found: bytes = loader.get_data(path)
    except (OSError, AttributeError):
        return None
    return found


def read(name: str) -> Optional[str]:
    """The text of `grammars/NAME`, UTF-8, with LF line ends; None where there is none."""
    found = data(name)
    return None if found is None else found.decode("utf-8").replace("\r\n", "\n")


def text(name: str) -> str:
    """As `read`, for a file that has to be there. Raises FileNotFoundError with its name."""
    found = read(name)
    if found is None:
        raise FileNotFoundError(f"grammars/{name} is missing: hexnote is not completely installed")
    return found


def mark(code: Sequence[str], *sources: str) -> str:
    """What tells apart things made of these texts by the modules `code` from those made of others, or otherwise."""
    found = _marks.get(tuple(code))
    if found is None:
        found = (0, 0)
        for module in code:
            part = _load(os.path.join(_HERE, f"{module}.py")) or b""
            found = crc32(part, found[0]), found[1] + len(part)
        _marks[tuple(code)] = found
    number, size = found
    for text in sources:
        part = text.encode()
        number, size = crc32(part, number), size + len(part)
    return f"{number:08x}-{size:x}"


def made(name: str, code: Sequence[str], *sources: str) -> Any:
    """What was made at build time, under this name, of just these texts by just this code; None where nothing was."""
    if not QUICK:
        return None
    if not _tables:
        _tables.append(_written())
    of, what = _tables[0].get(name, ("", b""))
    return loads(what) if of and of == mark(code, *sources) else None


def _written() -> Dict[str, Tuple[str, bytes]]:
    """The tables as they were written; none where they are missing or damaged."""
    try:
        found = loads(data(TABLES) or b"")
    except (EOFError, ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def folder(name: str) -> Dict[str, str]:
    """The texts of the files in `grammars/NAME`, by their names."""
    return {file: text(f"{name}/{file}") for file in listing(name)}


def listing(folder: str) -> List[str]:
    """The names of the files in `grammars/FOLDER`, sorted, without what lies in deeper folders."""
    parts = folder.strip("/").split("/") if folder.strip("/") else []
    for root in ROOTS:
        path = os.path.join(root, *parts)
        if os.path.isdir(path):
            return sorted(n for n in os.listdir(path) if os.path.isfile(os.path.join(path, n)))
    archive: Optional[str] = getattr(__spec__.loader, "archive", None) if __spec__ is not None else None
    return _zipped(archive, parts) if archive else []


def _zipped(archive: str, parts: List[str]) -> List[str]:
    """The same for a package inside the zip file `archive`."""
    import zipimport

    # The loader has read the archive's directory; to import `zipfile` for it takes a quarter of a short run.
    known: Any = getattr(zipimport, "_zip_directory_cache", {}).get(archive)
    if known:
        names = [name.replace(os.sep, "/") for name in known]
    else:
        import zipfile

        with zipfile.ZipFile(archive) as file:
            names = file.namelist()
    # Zip names use slashes on every system; the package may lie in a folder of the zip.
    inner = os.path.relpath(_HERE, os.path.abspath(archive)).replace(os.sep, "/")
    prefix = "/".join([inner, "grammars", *parts]) + "/"
    names = [name[len(prefix) :] for name in names if name.startswith(prefix)]
    return sorted(name for name in names if name and "/" not in name)
