"""Nodes out of the names, types and teaching notes of the format files."""

from __future__ import annotations

from hexnote.hints import Any, Callable, Dict, Optional, Tuple
from hexnote.model import ARRAY, LEAF, Node
from hexnote.schema_shapes import Shape, Shapes
from hexnote.schema_types import Enum


class Nodes:
    """Makes Nodes; `dress` gives them their sentences."""

    def __init__(self, shapes: Shapes, dress: Callable[..., Any]) -> None:
        self._shapes = shapes
        self._dress = dress

    def leaf(self, name: str, shape: Shape, item: int = 0) -> Node:
        """The Node of a value, or of many values of `item` bytes each."""
        names = None
        show = str(shape.show or "")
        if isinstance(shape.base, Enum):
            names = self._shapes.enum_names(shape.base)
            show = show or ("version" if shape.base.registry == "versions" else "enum")
        elif show == "names":
            # A number of no fixed size whose names stand in a table: `varint id as names TABLE`.
            names, show = self._shapes.library.names(str(shape.argument)), "varint"
        elif not show or show in ("der", "extension", "struct"):
            show = "opaque" if shape.base == "opaque" else "uint"
        kind = ARRAY if item else LEAF
        node = self.node(name, kind, item, show, names, shape.doc, type=shape.type, width=shape.size)
        node.free = kind == LEAF and (unread(shape) or show == "unixtime")
        return node

    def length(self, name: str, width: int) -> Node:
        """The Node of the length before a vector."""
        return self.node(name, LEAF, show="length", suffix=".length", width=width)

    def node(
        self, name: str, kind: int, size: int = 0, show: str = "", names: Optional[Dict[int, str]] = None,
        doc: str = "", suffix: str = "", type: str = "", bits: Tuple[Tuple[str, int], ...] = (), width: int = 0,
    ) -> Node:
        """A Node, dressed, its teaching note's source split off. `width`: bytes of one value, 0 where that differs."""
        told, rfc = source(doc)
        node = Node(str(name), kind, size, str(show), names, told, rfc, 0, suffix, str(type), bits)
        self._dress(node, width)
        return node


def unread(shape: Shape) -> bool:
    """Whether no decoder looks into an opaque: others do with `as der NAME` and `as struct TYPE`."""
    return shape.base == "opaque" and (shape.argument is None or shape.show == "extension")


def source(doc: str) -> Tuple[str, str]:
    """A teaching note without its last words, the source: ("...", "RFC 5246 section 7.4.1.3")."""
    at = max(doc.rfind(" RFC "), doc.rfind(" draft-"), doc.rfind(" ETSI "))
    if at < 0 or not doc[:at].endswith((".", "?", ")")):
        return doc, ""
    return doc[:at], doc[at + 1 :].rstrip(".").replace("§", "section ")
