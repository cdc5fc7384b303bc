"""Certificates, names and OCSP responses: the door to what `der_walk` reads by the tables of `certificates`.

The hooks give fields for `as der` of the formats; `facts` tells what a certificate says, for those who
judge it. Both remember what they have met, within bounds.
"""

from __future__ import annotations

from hexnote import asn1
from hexnote.certificates import root
from hexnote.der_facts import Facts, facts, issued_by, read_name
from hexnote.der_walk import Problem, walk
from hexnote.hints import Any, Callable, Dict, List, Optional, Tuple
from hexnote.model import GROUP, Context, Field, Node
from hexnote.x509 import GENERIC, State, flat

# ------------------------------------------------------------------ hooks

_ROLES: Dict[str, Tuple[Node, State]] = {}
# Fields met before, by bytes: (position, depth, fields behind the first one, problems).
_MEMO: Dict[Tuple[str, bytes], Tuple[int, int, List[Field], List[Problem]]] = {}
_MEMO_FIELDS = 20_000  # fields kept in all
_MEMO_BYTES = 65_536  # longer ones are not kept
_MOST_PROBLEMS = 20  # told of one certificate
_kept = 0


def _role(name: str, kind: str) -> Tuple[Node, State]:
    """(the GROUP of a vector's item, the State that walks it), made once for each name."""
    known = _ROLES.get(name + kind)
    if known is None:
        members, first = root(kind)
        # A CHOICE has no element around it.
        state = members if kind == "ResponderID" else State({0x30: flat("header", members, first, "")})
        whole = asn1.named(name, kind) if kind == "Name" else Node(name, GROUP, type=kind)
        known = _ROLES[name + kind] = (whole, state)
    return known


def _hook(
    kind: str, buf: Any, pos: int, end: int, ctx: Context, out: List[Field], depth: int, node: Node, index: int
) -> None:
    global _kept
    group, state = _role(node.name, kind) if kind else _any(node.name)
    out.append((group, pos, end, depth, index))
    raw = buf[pos:end] if type(buf) is bytes and end <= len(buf) and end - pos <= _MEMO_BYTES else b""
    if not raw:
        problems: List[Problem] = []
        walk(buf, pos, end, state, depth + 1, out, problems)
        ctx.problems += problems[:_MOST_PROBLEMS]
        return
    known = _MEMO.pop((kind, raw), None)
    if known is None:
        fields: List[Field] = []
        problems = []
        walk(buf, pos, end, state, depth + 1, fields, problems)
        del problems[_MOST_PROBLEMS:]
        _kept += _cost(raw, fields)
        while _kept > _MEMO_FIELDS and _MEMO:
            oldest = next(iter(_MEMO))
            _kept -= _cost(oldest[1], _MEMO.pop(oldest)[2])
    else:
        at, level, fields, problems = known
        if at != pos or level != depth:
            by, down = pos - at, depth - level
            fields = [(n, s + by, e + by, d + down, i) for n, s, e, d, i in fields]
            problems = [(s + by, e + by, text) for s, e, text in problems]
    _MEMO[kind, raw] = (pos, depth, fields, problems)
    out += fields
    ctx.problems += problems


def _cost(raw: bytes, fields: List[Field]) -> int:
    """What a remembered element takes, in fields of some 150 bytes each."""
    return len(fields) + (len(raw) >> 7)


def _any(name: str) -> Tuple[Node, State]:
    known = _ROLES.get(name)
    if known is None:
        known = _ROLES[name] = (Node(name, GROUP, type="any"), GENERIC)
    return known


Hook = Callable[..., None]


def certificate(
    buf: Any, pos: int, end: int, ctx: Context, out: List[Field], depth: int, node: Node, index: int = -1
) -> None:
    """The fields of a Certificate at `buf[pos:end]` (RFC 5280 section 4.1), under a GROUP named as `node` is.

    `buf` is bytes or a `spans.Patchy`, and may end before `end`; the leaves cover [pos, end) all the
    same. What breaks the format is appended to `ctx.problems`.
    """
    _hook("Certificate", buf, pos, end, ctx, out, depth, node, index)


def name(buf: Any, pos: int, end: int, ctx: Context, out: List[Field], depth: int, node: Node, index: int = -1) -> None:
    """The fields of a Name (RFC 5280 section 4.1.2.4), as `certificate` gives them."""
    _hook("Name", buf, pos, end, ctx, out, depth, node, index)


def public_key(
    buf: Any, pos: int, end: int, ctx: Context, out: List[Field], depth: int, node: Node, index: int = -1
) -> None:
    """The fields of a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), as `certificate` gives them."""
    _hook("SubjectPublicKeyInfo", buf, pos, end, ctx, out, depth, node, index)


def ocsp_response(
    buf: Any, pos: int, end: int, ctx: Context, out: List[Field], depth: int, node: Node, index: int = -1
) -> None:
    """The fields of an OCSPResponse (RFC 6960 section 4.2.1), as `certificate` gives them."""
    _hook("OCSPResponse", buf, pos, end, ctx, out, depth, node, index)


def responder(buf: Any, pos: int, end: int, ctx: Context, out: List[Field], depth: int, node: Node, index: int = -1) -> None:
    """The fields of a ResponderID (RFC 6960 section 4.2.1), as `certificate` gives them."""
    _hook("ResponderID", buf, pos, end, ctx, out, depth, node, index)


def extensions(buf: Any, pos: int, end: int, ctx: Context, out: List[Field], depth: int, node: Node, index: int = -1) -> None:
    """The fields of Extensions (RFC 5280 section 4.1), as `certificate` gives them."""
    _hook("Extensions", buf, pos, end, ctx, out, depth, node, index)


def any_der(
    buf: Any, pos: int, end: int, ctx: Context, out: List[Field], depth: int, node: Node, index: int = -1
) -> None:
    """The elements at `buf[pos:end]`, named by their types, as `certificate` gives them."""
    _hook("", buf, pos, end, ctx, out, depth, node, index)


HOOKS: Dict[str, Hook] = {
    "Certificate": certificate,
    "Name": name,
    "SubjectPublicKeyInfo": public_key,
    "OCSPResponse": ocsp_response,
    "ResponderID": responder,
    "Extensions": extensions,
    "any": any_der,
}


asn1.name_words[0] = lambda raw: read_name(raw)[0]


def setup(read: Callable[[str], Optional[str]]) -> None:
    """`read("registry/oids.tsv")` brings the names of object identifiers when the first one is wanted."""
    asn1.setup(read)


__all__ = [
    "HOOKS", "Facts", "any_der", "certificate", "facts", "issued_by", "name", "ocsp_response", "public_key",
    "read_name", "setup",
]  # fmt: skip
