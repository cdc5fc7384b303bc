"""hexnote: hex dumps of TLS connections, annotated.

`annotate`, `connections`, `render` and `Report` are loaded when they are first asked for: `hexnote.api` tells of them.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # nothing is loaded here: `__main__` answers an interrupt from its first moment on
if TYPE_CHECKING:
    from hexnote.api import Connection, Report, annotate, connections, render
    from hexnote.hints import Any

__all__ = ["Connection", "Report", "__version__", "annotate", "connections", "render"]


def __getattr__(name: str) -> "Any":
    if name in __all__:
        from hexnote import api

        return getattr(api, name)
    raise AttributeError(f"module 'hexnote' has no attribute {name!r}")
