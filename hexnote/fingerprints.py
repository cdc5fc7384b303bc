"""Fingerprints of hellos: JA3 and JA3S (Salesforce, 2017), JA4 (FoxIO, the client's, BSD licence).

All three tell a library and its settings, not a person or a program: what is offered, without what is random.
Reserved values (GREASE, RFC 8701) are left out everywhere. JA4 sorts what some clients shuffle. They are made
of a hello that is there whole; MD5 and SHA-256 are names here, no protection.
"""

from __future__ import annotations

from hexnote.hints import Any, Callable, Dict, List, Optional, Tuple
from hexnote.model import Form, grease
from hexnote.spans import Hole
from hexnote.tuples import NamedTuple

_CLIENT, _SERVER = 1, 2
_SERVER_NAME, _GROUPS, _FORMATS, _SCHEMES, _ALPN, _VERSIONS = 0, 10, 11, 13, 16, 43
_TOLD = (_GROUPS, _FORMATS, _SCHEMES, _ALPN, _VERSIONS)
_WORDS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
_NOTHING = "000000000000"  # what JA4 writes for the hash of an empty list


class Fingerprint(NamedTuple):
    """One of a hello: its name, what is told of it, and the text that it was made of."""

    name: str  # "ja3", "ja3s" or "ja4"
    value: str
    full: str


class _Hello:
    def __init__(self) -> None:
        self.version = 0
        self.suites: List[int] = []
        self.extensions: List[Tuple[int, bytes]] = []
        self.bodies: List[Tuple[int, int]] = []  # where the bytes of those stand that more is told of than that they are there


def fingerprints(buf: Any, form: Optional[Form] = None) -> List[Fingerprint]:
    """Those of a ClientHello or ServerHello, handshake header included; none where it is another message, or is not whole.

    `form`: that of the message, where it has one. Then they are made once for all hellos whose free bytes say the same here.
    """
    if form is not None:
        kept = form.kept.get("fingerprints")
        if kept is not None and all([buf[start:end] == said for start, end, said in kept[1]]):
            return kept[0]  # type: ignore[no-any-return]
    try:
        hello = _read(buf)
    except (Hole, IndexError):
        return []
    if hello is None:
        return []
    if buf[0] == _SERVER:
        full = f"{hello.version},{hello.suites[0]},{_dashed([kind for kind, _ in hello.extensions])}"
        made = [Fingerprint("ja3s", _md5(full), full)]
    else:
        made = [_ja3(hello), _ja4(hello)]
    if form is not None and form.again:
        free = form.gaps(len(buf))
        told = [(low, high) for low, high in free for start, end in hello.bodies if low < end and start < high]
        form.kept["fingerprints"] = made, [(low, high, buf[low:high]) for low, high in told]
    return made


def _read(buf: Any) -> Any:
    kind = buf[0]
    if kind not in (_CLIENT, _SERVER):
        return None
    end = 4 + (buf[1] << 16 | buf[2] << 8 | buf[3])
    hello = _Hello()
    hello.version = buf[4] << 8 | buf[5]
    at = 39 + buf[38]
    if kind == _CLIENT:
        size = buf[at] << 8 | buf[at + 1]
        hello.suites = _numbers(bytes(buf[at + 2 : at + 2 + size]))
        at += 2 + size
        at += 1 + buf[at]
    else:
        hello.suites = [buf[at] << 8 | buf[at + 1]]
        at += 3
    if at > end or len(buf) < end:
        return None
    if at + 2 <= end:
        stop = min(at + 2 + (buf[at] << 8 | buf[at + 1]), end)
        at += 2
        while at + 4 <= stop:
            number, size = buf[at] << 8 | buf[at + 1], buf[at + 2] << 8 | buf[at + 3]
            at += 4
            if at + size > stop:
                return None
            hello.extensions.append((number, bytes(buf[at : at + size])))
            if number in _TOLD:
                hello.bodies.append((at, at + size))
            at += size
    return hello


def _numbers(raw: bytes, size: int = 2) -> List[int]:
    return [int.from_bytes(raw[i : i + size], "big") for i in range(0, len(raw) - size + 1, size)]


def _dashed(values: List[int]) -> str:
    return "-".join(str(value) for value in values if not grease(value))


def _ja3(hello: _Hello) -> Fingerprint:
    """Version, suites, extensions, groups, point formats: decimal, in the order of the hello."""
    found: Dict[int, bytes] = dict(reversed(hello.extensions))
    groups = _numbers(found.get(_GROUPS, b"")[2:])
    formats = list(found.get(_FORMATS, b"")[1:])
    lists = (hello.suites, [kind for kind, _ in hello.extensions], groups)
    full = f"{hello.version},{','.join(map(_dashed, lists))},{'-'.join(map(str, formats))}"
    return Fingerprint("ja3", _md5(full), full)


def _ja4(hello: _Hello) -> Fingerprint:
    """FoxIO's technical details of JA4: transport, version, server name, counts, ALPN; suites; extensions and signature schemes."""
    found: Dict[int, bytes] = dict(reversed(hello.extensions))
    suites = [value for value in hello.suites if not grease(value)]
    kinds = [kind for kind, _ in hello.extensions if not grease(kind)]
    offered = [value for value in _numbers(found.get(_VERSIONS, b"")[1:]) if not grease(value)]
    version = _WORDS.get(max(offered) if offered else hello.version, "00")
    head = (
        f"t{version}{'d' if _SERVER_NAME in found else 'i'}{min(len(suites), 99):02}{min(len(kinds), 99):02}"
        f"{_ends(found.get(_ALPN, b''))}"
    )
    ciphers = ",".join(f"{value:04x}" for value in sorted(suites))
    rest = ",".join(f"{kind:04x}" for kind in sorted(kinds) if kind not in (_SERVER_NAME, _ALPN))
    schemes = ",".join(f"{value:04x}" for value in _numbers(found.get(_SCHEMES, b"")[2:]) if not grease(value))
    tail = f"{rest}_{schemes}" if schemes else rest
    return Fingerprint("ja4", f"{head}_{_short(ciphers)}_{_short(tail) if rest else _NOTHING}", f"{head}_{ciphers}_{tail}")


def _ends(body: bytes) -> str:
    """The first and the last character of the first protocol of ALPN; of its hex digits where one is no letter or digit."""
    size = body[2] if len(body) > 2 else 0
    first = body[3 : 3 + size]
    if not first:
        return "00"
    shown = first.decode("latin-1") if first[:1].isalnum() and first[-1:].isalnum() else first.hex()
    return shown[0] + shown[-1]


def _md5(text: str) -> str:
    from hashlib import md5

    make: Callable[..., Any] = md5
    made: str = make(text.encode("ascii"), usedforsecurity=False).hexdigest()
    return made


def _short(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode("ascii")).hexdigest()[:12] if text else _NOTHING
