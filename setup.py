"""Everything is in setup.cfg but this: grammars/ stands at the root of the source tree and inside the package
when it is built, so that it travels with it; and the tables that take long to make of them are made (hexnote/tables.py)."""

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
            shutil.copytree("grammars", target, ignore=shutil.ignore_patterns("__pycache__", ".*", "tables.json"))
        # Without them hexnote makes them at every start.
        subprocess.run([sys.executable, "-m", "hexnote.tables", target], check=False)


setup(cmdclass={"build_py": BuildWithGrammars})
