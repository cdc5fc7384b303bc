"""Everything is in setup.cfg but this: grammars/ stands at the root of the source tree and inside the package
when it is built, so that it travels with it; and the tables that take long to make of them are made (hexnote/tables.py)."""

import glob
import os
import shutil
import subprocess
import sys

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithGrammars(build_py):
    def run(self):
        super().run()
        target = "grammars"
        if not getattr(self, "editable_mode", False):  # an editable install finds grammars/ where it stands
            target = os.path.join(self.build_lib, "hexnote", "grammars")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree("grammars", target, ignore=shutil.ignore_patterns("__pycache__", ".*", "tables.bin"))
        # Without them hexnote makes them at every start.
        subprocess.run([sys.executable, "-m", "hexnote.tables", target], check=False)


def pages():
    """The manual page and the completions of shells, made here (hexnote/manual.py), by the folder they go to."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    from hexnote.manual import write

    folders = {}
    for path in write(os.path.join("build", "pages")):
        folders.setdefault(os.path.dirname(os.path.relpath(path, os.path.join("build", "pages"))), []).append(path)
    folders[os.path.join("share", "doc", "hexnote", "samples")] = sorted(
        path for ending in ("txt", "keylog") for path in glob.glob(os.path.join("samples", f"*.{ending}"))
    )
    return sorted(folders.items())


setup(cmdclass={"build_py": BuildWithGrammars}, data_files=pages())
