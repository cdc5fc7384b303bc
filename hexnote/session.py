"""What the two ends have agreed, and so which bytes are in clear.

Theory, on one page.

A connection has two directions, and each direction is encrypted or not on its own (RFC 5246
section 6.1: the *current write state* of one end is the *current read state* of the other).

Up to TLS 1.2 a direction is in clear until its own ChangeCipherSpec record; everything behind it
is encrypted, a further ChangeCipherSpec included (RFC 5246 section 7.1). So an encrypted
ChangeCipherSpec (longer than its one byte) tells of a renegotiation, and a *clear* hello behind
the first ChangeCipherSpec of an end that forgot the session can be told from its first bytes: an
encrypted body that by chance begins with a hello's type, its own right length and a version is
one in 2^40.

In TLS 1.3 (RFC 8446 sections 5 and D.4) the hellos travel in handshake records in clear, all that
follows in records that say application_data. A ChangeCipherSpec is there for old middleboxes only
and changes nothing; an alert of two bytes is in clear, since an encrypted one says
application_data too.

Which of the two holds is known from the ServerHello: `supported_versions` if it has one
(RFC 8446 section 4.2.1), else its version field. Before it has come (early data; only the client's
direction in the trace) a ChangeCipherSpec does not yet say what follows: then the body decides by
the rule of the clear hello.

    version known?   ChangeCipherSpec seen   handshake record    alert              anything else
    up to TLS 1.2    no                      clear               clear              as it says
    up to TLS 1.2    yes                     encrypted (*)       encrypted          encrypted
    TLS 1.3          does not matter         clear               clear if 2 bytes   application_data: encrypted
    unknown          no                      clear (**)          clear if 2 bytes   as it says
    unknown          yes                     encrypted (*)       clear if 2 bytes   as it says

    (*)  but in clear where the body begins as a hello does
    (**) where the trace began inside the connection, or lost a record header of this direction (a
         ChangeCipherSpec may have been there): only if the body begins as a message does
"""

from __future__ import annotations

from typing import Any, Callable, Optional

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, HEARTBEAT = 20, 21, 22, 23, 24
CLIENT_HELLO, SERVER_HELLO, CLIENT_KEY_EXCHANGE = 1, 2, 16

# RFC 8446 section 4.1.3: the random that makes a ServerHello a HelloRetryRequest.
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

# Handshake types that a first message seen in the middle of a connection may have.
TYPES = frozenset((0, 1, 2, 3, 4, 5, 8, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 67, 254))


def begins_hello(body: bytes, length: int) -> bool:
    """Whether a handshake record's body of `length` bytes begins as a hello in clear does."""
    if len(body) < 6 or body[4] != 3 or body[5] > 4:
        return False
    size = body[1] << 16 | body[2] << 8 | body[3]
    # Other messages may share a ServerHello's record, a ClientHello has its own.
    return size == length - 4 if body[0] == CLIENT_HELLO else body[0] == SERVER_HELLO and 38 <= size <= length - 4


def begins_message(body: bytes, length: int) -> bool:
    """Whether a handshake record's body begins as some message in clear does."""
    if len(body) < 4:
        return False
    size = body[1] << 16 | body[2] << 8 | body[3]
    return body[0] in TYPES and body[1] == 0 and size + 4 <= max(length, 65536)


class Session:
    """The state of one connection, fed with its hellos and its ChangeCipherSpecs in capture order."""

    __slots__ = (
        "version", "offered", "suite", "key_exchange", "changed", "whole", "lost", "hellos", "ssl2", "retried", "keys",
        "_kx",
    )  # fmt: skip

    def __init__(self, key_exchange: Callable[[int], str]) -> None:
        self.version: Optional[int] = None  # negotiated, from the ServerHello
        self.offered: Optional[int] = None  # the version field of the last ClientHello
        self.suite: Optional[int] = None
        self.key_exchange = "unknown"
        self.changed = [False, False]  # a ChangeCipherSpec in clear was seen, by side
        self.whole = [False, False]  # the direction is seen from its beginning, by side
        self.lost = [False, False]  # record headers of the direction were not captured, by side
        self.hellos = [0, 0]  # hellos seen in clear, by side
        self.ssl2 = False  # the client began with an SSL 2.0 hello
        self.retried = False  # a HelloRetryRequest was seen
        self.keys: Any = None  # the user's secrets (a `keys.Keys`), where there are any
        self._kx = key_exchange

    def decisive(self, side: int, kind: int) -> int:
        """How many bytes of a record's body are needed to tell whether it is encrypted: 0, 4 or 6."""
        if kind != HANDSHAKE or self.version == 0x0304:
            return 0
        if self.changed[side]:
            return 6
        return 4 if self._doubtful(side) else 0

    def _doubtful(self, side: int) -> bool:
        """Whether a ChangeCipherSpec may have passed unseen."""
        return self.lost[side] or not (self.whole[side] or self.hellos[side])

    def encrypted(self, side: int, kind: int, length: int, body: bytes) -> str:
        """Why a record's body of `length` bytes is encrypted, "" where it is in clear.

        `body` has its first bytes, as many as `decisive` asks for where they are there.
        """
        if kind == APPLICATION_DATA:
            return "application data"
        changed = self.changed[side]
        if self.version == 0x0304:
            if kind == ALERT and length != 2:
                return "an alert in clear has 2 bytes"
            return ""
        if kind == HANDSHAKE:
            if changed:
                return "" if begins_hello(body, length) else "after ChangeCipherSpec"
            if self._doubtful(side) and not begins_message(body, length):
                return "no message begins so; its ChangeCipherSpec is not in the trace"
            return ""
        if kind == CHANGE_CIPHER_SPEC:
            return "" if length == 1 else "a ChangeCipherSpec in clear has 1 byte: this is a renegotiation's"
        if changed and self.version is not None:
            return "after ChangeCipherSpec"
        if kind == ALERT and length != 2 and (changed or self.lost[side] or not self.whole[side]):
            return "an alert in clear has 2 bytes"
        return ""

    def change_cipher_spec(self, side: int) -> None:
        """A ChangeCipherSpec in clear was read."""
        self.changed[side] = True
        if self.keys is not None:
            self.keys.change(side)

    def message_kind(self, kind: str, buf: bytes) -> str:
        """The name under which a message is decoded: a HelloRetryRequest has a ServerHello's type."""
        if kind == "server_hello" and len(buf) >= 38 and buf[6:38] == RETRY_RANDOM:
            return "hello_retry_request"
        return kind

    def learn(self, side: int, kind: int, buf: bytes) -> None:
        """Take in a complete message, header included; what is not readable is not learnt."""
        if kind == CLIENT_HELLO and len(buf) >= 6:
            self.offered = buf[4] << 8 | buf[5]
            self.hellos[side] += 1
            if self.changed[side]:
                # A hello in clear behind ChangeCipherSpec begins a new handshake of this end in clear,
                # except in TLS 1.3, where there was no encryption to leave.
                self.changed[side] = False
        elif kind == SERVER_HELLO and len(buf) >= 39:
            self.hellos[side] += 1
            self.changed[side] = False
            self._server_hello(side, buf)
        elif kind == CLIENT_KEY_EXCHANGE and self.version is None:
            # Only the client's direction is there: TLS 1.3 has no such message.
            self.version = min(self.offered or 0x0303, 0x0303)
        if self.keys is not None:
            self.keys.learn(side, kind, buf, False)

    def learn_inside(self, side: int, kind: int, buf: bytes) -> None:
        """Take in a complete message that was decrypted: it changes what is agreed, not what is encrypted."""
        if kind == SERVER_HELLO and len(buf) >= 39:
            self._server_hello(side, buf)
        self.keys.learn(side, kind, buf, True)

    def _server_hello(self, side: int, buf: bytes) -> None:
        """RFC 5246 section 7.4.1.3, RFC 8446 section 4.1.3: version, suite, supported_versions."""
        version = buf[4] << 8 | buf[5]
        pos = 39 + buf[38]
        if len(buf) >= pos + 2:
            self.suite = buf[pos] << 8 | buf[pos + 1]
            self.key_exchange = self._kx(self.suite)
        pos += 3  # cipher suite and compression method
        if len(buf) >= pos + 2:
            end = min(len(buf), pos + 2 + (buf[pos] << 8 | buf[pos + 1]))
            pos += 2
            while pos + 4 <= end:
                kind, size = buf[pos] << 8 | buf[pos + 1], buf[pos + 2] << 8 | buf[pos + 3]
                if kind == 43 and size == 2 and pos + 6 <= end:
                    version = buf[pos + 4] << 8 | buf[pos + 5]
                pos += 4 + size
        self.version = version
        if version == 0x0304:
            self.changed = [False, False]
        self.retried = self.retried or buf[6:38] == RETRY_RANDOM


class Settled(Session):
    """What a session had agreed, for bytes that the wire does not show: they teach it nothing."""

    __slots__ = ()

    def __init__(self, session: Session) -> None:
        for name in Session.__slots__:
            setattr(self, name, getattr(session, name))

    def learn(self, side: int, kind: int, buf: bytes) -> None:
        """Nothing: the wire does not show this message."""
