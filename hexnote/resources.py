"""The files under `grammars/`: wire formats, dump grammars and tables, as text.

In an installed package they stand beside this module, also inside a zip; in a source tree they stand
beside the package. All reading goes through the loader that brought this module, as `pkgutil` does,
so that no file system is needed.
"""

from __future__ import annotations

import os
from typing import Any, List, Optional

_HERE = os.path.dirname(os.path.abspath(__file__))
# Where grammars/ may stand: installed, then in a source tree.
_ROOTS = (os.path.join(_HERE, "grammars"), os.path.join(os.path.dirname(_HERE), "grammars"))


def data(name: str) -> Optional[bytes]:
    """The bytes of `grammars/NAME` (`/` between folders, as in "tls/handshake.tls"); None where there is none."""
    parts = name.split("/")
    if ".." in parts:
        return None
    loader: Any = __spec__.loader if __spec__ is not None else None
    for root in _ROOTS:
        path = os.path.join(root, *parts)
        try:
            found: bytes = loader.get_data(path)
        except (OSError, AttributeError):
            continue
        return found
    return None


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


def listing(folder: str) -> List[str]:
    """The names of the files in `grammars/FOLDER`, sorted, without what lies in deeper folders."""
    parts = folder.strip("/").split("/") if folder.strip("/") else []
    for root in _ROOTS:
        path = os.path.join(root, *parts)
        if os.path.isdir(path):
            return sorted(n for n in os.listdir(path) if os.path.isfile(os.path.join(path, n)))
    archive: Optional[str] = getattr(__spec__.loader, "archive", None) if __spec__ is not None else None
    return _zipped(archive, parts) if archive else []


def _zipped(archive: str, parts: List[str]) -> List[str]:
    """The same for a package inside the zip file `archive`."""
    import zipfile

    # Zip names use slashes on every system; the package may lie in a folder of the zip.
    inner = os.path.relpath(_HERE, os.path.abspath(archive)).replace(os.sep, "/")
    prefix = "/".join([inner, "grammars", *parts]) + "/"
    with zipfile.ZipFile(archive) as file:
        names = [n[len(prefix) :] for n in file.namelist() if n.startswith(prefix)]
    return sorted(n for n in names if n and "/" not in n)
