"""One kind of output each. The package may be called as `hexnote.api.render`, which has the same name from outside.

Python sets a package's name in the one above it when a part of it is imported; so `hexnote.render` is the function
before, and this package afterwards, and both do the same.
"""

import sys
from types import ModuleType

from hexnote.hints import Any


class _Render(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from hexnote.api import render

        return render(*arguments, **options)


sys.modules[__name__].__class__ = _Render
