"""What a hello says, as far as the session must know: versions, session, suites, extensions (RFC 8446 section 4.1)."""

from __future__ import annotations

from struct import unpack

from hexnote.hints import Any, Dict, List, Optional, Tuple
from hexnote.model import Form
from hexnote.spans import Hole, without

# Extension types (RFC 8446 section 4.2 and the registry).
TRUNCATED_HMAC, ENCRYPT_THEN_MAC, EXTENDED_MASTER_SECRET, SESSION_TICKET, PRE_SHARED_KEY, EARLY_DATA, SUPPORTED_VERSIONS = (
    4, 22, 23, 35, 41, 42, 43,
)  # fmt: skip
CERT_TYPE, CLIENT_CERTIFICATE_TYPE, SERVER_CERTIFICATE_TYPE = 9, 19, 20
POST_HANDSHAKE_AUTH, NEXT_PROTOCOL, CHANNEL_ID_OLD, CHANNEL_ID = 49, 13172, 30031, 30032
# RFC 8446 section 4.1.3: the random that makes a ServerHello a HelloRetryRequest.
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
# What the session reads of an extension's body; of others it knows that they are there, and how long.
_READ = frozenset((SUPPORTED_VERSIONS, CERT_TYPE, CLIENT_CERTIFICATE_TYPE, SERVER_CERTIFICATE_TYPE))
# Suites and extensions of one hello that are remembered.
_MOST = 512


class Hello:
    """A ClientHello or a ServerHello; what could not be read is as the class has it. Its session ID apart it is the same for
    all hellos of a form."""

    version = 0  # as its field says
    behind = 39  # where its session ID ends, or the echo of one, which begins at 39
    suites: Tuple[int, ...] = ()  # offered, or the one that was chosen
    compression = 0  # chosen
    whole = False  # it could be read to its end

    def __init__(self) -> None:
        self.sizes: Dict[int, int] = {}  # of the bodies of extensions, by type
        self.bodies: Dict[int, bytes] = {}  # those that the session reads


_UNREAD = Hello()


def hello_of(buf: Any, client: bool, form: Optional[Form]) -> Hello:
    """Read a hello, or take what was read of another one of its form."""
    if form is None or not form.again:
        return read_hello(buf, client)
    name = "client hello" if client else "server hello"
    kept: Optional[Hello] = form.kept.get(name, _UNREAD)
    if kept is _UNREAD:
        kept = form.kept[name] = _common(buf, client, form)
    return kept or read_hello(buf, client)


def _common(buf: bytes, client: bool, form: Form) -> Optional[Hello]:
    """What is read of a hello without the bytes in which those of its form differ; None where that is not all there is."""
    made = read_hello(without(buf, form.gaps(len(buf))), client, True)
    return made if made.whole else None


def read_hello(buf: Any, client: bool, common: bool = False) -> Hello:
    """Read a hello, handshake header included; it stops at the first byte that is not there or makes no sense. `common`:
    bytes that say nothing to a session may be missing."""
    hello = Hello()
    try:
        hello.version = buf[4] << 8 | buf[5]
        if hello.version in _DRAFTS:
            # Drafts of TLS 1.3 up to 21 have neither session nor compression in a ServerHello.
            hello.suites = (buf[38] << 8 | buf[39],)
            return hello
        at = 39 + buf[38]
        if not common:
            buf[39:at]  # of a session ID all or nothing is known
        hello.behind = at
        size = buf[at] << 8 | buf[at + 1] if client else 2
        at += 2 if client else 0
        count = min(size, 2 * _MOST) // 2
        listed = buf[at : at + 2 * count]
        if len(listed) < 2 * count:
            return hello
        hello.suites = unpack(f">{count}H", listed)
        at += size
        if client:
            at += 1 + buf[at]
        else:
            hello.compression = buf[at]
            at += 1
        read_extensions(buf, at, hello, common)
        hello.whole = True
    except (Hole, IndexError):
        pass
    return hello


def read_extensions(buf: Any, at: int, hello: Hello, common: bool = False) -> None:
    """The extensions that begin at `at`, up to the end of their vector; none where the message ends there."""
    if len(buf) < at + 2:
        return
    end = min(at + 2 + (buf[at] << 8 | buf[at + 1]), len(buf))
    at += 2
    found = hello.sizes
    while at + 4 <= end and len(found) < _MOST:
        kind, size = buf[at] << 8 | buf[at + 1], buf[at + 2] << 8 | buf[at + 3]
        at += 4
        stop = min(at + size, end)
        if kind in _READ:
            hello.bodies.setdefault(kind, bytes(buf[at:stop]))
        elif not common:
            buf[at:stop]  # it stops at a hole
        found.setdefault(kind, stop - at)
        at += size


_DRAFTS = frozenset(range(0x7F00, 0x7F16))


def is_tls13(version: int) -> bool:
    """Whether a version is TLS 1.3 or a draft of it (RFC 8446 and its drafts; two of Facebook's)."""
    return version == 0x0304 or version >> 8 == 0x7F or version in (0xFB17, 0xFB1A)


def offers(hello: Hello) -> List[int]:
    """The versions that a ClientHello offers in supported_versions; without it, only its version field tells."""
    listed = hello.bodies.get(SUPPORTED_VERSIONS, b"")
    return [listed[i] << 8 | listed[i + 1] for i in range(1, len(listed) - 1, 2)]
