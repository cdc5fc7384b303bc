"""What the two ends have agreed, and so which bytes are in clear.

Theory, on one page.

A connection has two directions, and each direction is encrypted or not on its own (RFC 5246
section 6.1: the *current write state* of one end is the *current read state* of the other).

Up to TLS 1.2 a direction is in clear until its own ChangeCipherSpec record; everything behind it
is encrypted, a further ChangeCipherSpec included (RFC 5246 section 7.1). So an encrypted
ChangeCipherSpec (longer than its one byte) tells of a renegotiation, and a *clear* hello behind
the first ChangeCipherSpec of an end that forgot the session can be told from its first bytes: an
encrypted body that by chance begins with a hello's type, its own right length and a version is
one in 2^40. An alert of two bytes is in clear wherever it stands: with a MAC it would be longer.

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
    up to TLS 1.2    yes                     encrypted (*)       clear if 2 bytes   encrypted
    TLS 1.3          does not matter         clear               clear if 2 bytes   application_data: encrypted
    unknown          no                      clear (**)          clear if 2 bytes   as it says
    unknown          yes                     encrypted (*)       clear if 2 bytes   as it says

    (*)  but in clear where the body begins as a hello does
    (**) where the trace began inside the connection, or lost a record header of this direction (a
         ChangeCipherSpec may have been there): only if the body begins as a message does

How a session came to be is told by what the ServerHello is followed by, and by what it answers to:

    TLS 1.3: pre_shared_key in the ServerHello        a PSK: of an earlier session, or agreed elsewhere   RFC 8446 section 4.2.11
    TLS 1.3: none                                     full
    Certificate, key exchange or done in clear        full
    [NewSessionTicket,] ChangeCipherSpec at once      resumed: by the ticket of the hello (RFC 5077 section 3.4:
                                                      an echoed session ID then only says yes), else by its session ID

`sealed` is how each direction is protected from its ChangeCipherSpec (TLS 1.3: from the ServerHello)
on: one `Protection` where the suite is known. Where it is not (a trace that begins late, lacks the
server, or is renegotiated under encryption), it is a set: the classes that the records seen so far fit.
"""

from __future__ import annotations

from functools import lru_cache

from hexnote.hellos import (
    CERT_TYPE,
    CHANNEL_ID,
    CHANNEL_ID_OLD,
    CLIENT_CERTIFICATE_TYPE,
    EARLY_DATA,
    ENCRYPT_THEN_MAC,
    EXTENDED_MASTER_SECRET,
    NEXT_PROTOCOL,
    PRE_SHARED_KEY,
    RETRY_RANDOM,
    SERVER_CERTIFICATE_TYPE,
    SESSION_TICKET,
    SUPPORTED_VERSIONS,
    TRUNCATED_HMAC,
    Hello,
    hello_of,
    is_tls13,
    offers,
    read_extensions,
    read_hello,
)
from hexnote.hints import Any, Callable, Dict, List, Optional, Tuple
from hexnote.model import HIDDEN, Form, Protection, Record
from hexnote.spans import Hole

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, HEARTBEAT = 20, 21, 22, 23, 24
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, SERVER_KEY_EXCHANGE, SERVER_HELLO_DONE, CLIENT_KEY_EXCHANGE = 1, 2, 11, 12, 14, 16
ENCRYPTED_EXTENSIONS = 8
_CERTIFICATE_TYPES = {1: "openpgp", 2: "raw_public_key"}
# Messages in clear of which a resumed handshake has none.
_FULL = frozenset((CERTIFICATE, SERVER_KEY_EXCHANGE, SERVER_HELLO_DONE, CLIENT_KEY_EXCHANGE))
CLIENT, SERVER = 0, 1
SSL2, TLS12, TLS13 = 0x0002, 0x0303, 0x0304
# Messages of SSL 2.0 (its specification, section 3.1), and what their records carry under encryption.
_HELLO2, _MASTER_KEY2, _SERVER_HELLO2 = 1, 2, 4
_MAC2 = 16

# Handshake types that a first message seen in the middle of a connection may have.
TYPES = frozenset((0, 1, 2, 3, 4, 5, 8, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 67, 254))
# What the length of an encrypted record is known to stand for, by content type (up to TLS 1.2).
_CLUES = {CHANGE_CIPHER_SPEC: "change_cipher_spec", ALERT: "alert"}
# Records of one epoch that narrow the set of classes.
_WEIGHED = 256


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
    if not body[0]:
        return not size and length == 4  # a HelloRequest stands alone; explicit nonces that count begin with zeros (RFC 5288)
    return body[0] in TYPES and body[1] == 0 and size + 4 <= max(length, 65536)


class Session:
    """The state of one connection, fed with its hellos and its ChangeCipherSpecs in capture order.

    `key_exchange(suite)` names how a suite exchanges keys; `lengths` is the room of that name.
    """

    # What is not known, or not yet so, is as the class has it.
    version: Optional[int] = None  # negotiated, 0x0304 for the drafts of TLS 1.3 too
    chosen: Optional[int] = None  # ... as the server wrote it
    offered: Optional[int] = None  # the version field of the last ClientHello
    suite: Optional[int] = None
    suites: Tuple[int, ...] = ()  # that the last ClientHello in clear offered
    compression = 0
    encrypt_then_mac: Optional[bool] = None  # RFC 7366; None: no ServerHello was seen
    extended_master_secret: Optional[bool] = None  # RFC 7627
    resumption = ""  # "full", "session_id", "ticket" or "psk"
    early = ""  # early data (RFC 8446 section 4.2.10): "offered", "sent" or "rejected"; taken or not is under encryption
    false_start = False  # the client sent data before the server's Finished (RFC 7918)
    ssl2 = False  # the client began with an SSL 2.0 hello
    _sealed2 = False  # in SSL 2.0: the master key was sent, both ends encrypt
    retried = False  # a HelloRetryRequest was seen
    _next_protocol = False  # a message is due between the client's ChangeCipherSpec and its Finished
    _answered = False  # a ServerHello in clear was seen, and nothing of the server since
    _hello: Optional[Hello] = None  # the last ClientHello in clear
    _session = b""  # its session ID
    _pending: Optional[Tuple[Protection, ...]] = None  # what the next ChangeCipherSpec turns on
    _renewed: Optional[Tuple[Protection, ...]] = None  # ... and one under encryption, where decrypted messages tell
    keys: Any = None  # the user's secrets (a `keys.Keys`), where there are any
    unseal: Any = None  # makes who reads what a NULL suite leaves in clear (a `plain.Opened`), for a `records.Reader`
    _null = False  # the suite agreed encrypts nothing
    watch = False  # the client encrypts, the server does not yet

    def __init__(self, key_exchange: Callable[[int], str], lengths: Any) -> None:
        self._kx = key_exchange
        self._lengths = lengths
        self.key_exchange = "unknown"
        self.certificate_types = ("x509", "x509")  # of the certificates shown, by side
        self.changed = [False, False]  # a ChangeCipherSpec in clear was seen, by side
        self.whole = [False, False]  # the direction is seen from its beginning, by side
        self.lost = [False, False]  # record headers of the direction were not captured, by side
        self.hellos = [0, 0]  # hellos seen in clear, by side
        self.epoch = [0, 0]  # ChangeCipherSpecs up to TLS 1.2, by side: those under encryption tell of renegotiations
        self.finished = [False, False]  # a record that by its place is a Finished was seen, by side
        self.sealed: List[Optional[Tuple[Protection, ...]]] = [None, None]  # by side; None: `weigh` has to find out
        self.bare = [0, 0]  # by side: under a NULL suite, the bytes of MAC behind what is in clear; else 0
        self.shown: List[Optional[Tuple[Protection, ...]]] = [None, None]  # the protection that a record was the first of
        self._fitting: Dict[int, Tuple[Protection, ...]] = {}  # by epoch, where no ServerHello tells
        self._weighed: Dict[int, int] = {}

    # ---------------------------------------------------------------- what is encrypted

    def decisive(self, side: int, kind: int) -> int:
        """How many bytes of a record's body are needed to tell whether it is encrypted: 0, 4 or 6."""
        if kind != HANDSHAKE or self.version == TLS13:
            return 0
        if self.changed[side]:
            return 6
        return 4 if self.doubtful(side) else 0

    def doubtful(self, side: int) -> bool:
        """Whether a ChangeCipherSpec may have passed unseen."""
        return self.lost[side] or not (self.whole[side] or self.hellos[side])

    def encrypted(self, side: int, kind: int, length: int, body: bytes) -> str:
        """Why a record's body of `length` bytes is encrypted, "" where it is in clear.

        `body` has its first bytes, as many as `decisive` asks for where they are there.
        """
        if kind == APPLICATION_DATA:
            return HIDDEN if self.version == TLS13 else "application data"
        changed = self.changed[side]
        if kind == ALERT and length == 2:
            return ""
        if self.version == TLS13:
            return "an alert in clear has 2 bytes" if kind == ALERT else ""
        if kind == HANDSHAKE:
            if changed:
                if begins_hello(body, length):
                    return ""
                if self.finished[CLIENT] and self.finished[SERVER]:
                    return "a handshake message inside the encrypted connection: a renegotiation, or asking for one"
                return "after ChangeCipherSpec"
            if self.doubtful(side) and (body or not length) and not begins_message(body, length):
                return "no message begins so; its ChangeCipherSpec is not in the trace"
            return ""
        if kind == CHANGE_CIPHER_SPEC:
            return "" if length == 1 else "a ChangeCipherSpec in clear has 1 byte: this is a renegotiation's"
        if changed and self.version is not None:
            return "after ChangeCipherSpec"
        if kind == ALERT and (changed or self.lost[side] or not self.whole[side]):
            return "an alert in clear has 2 bytes"
        return ""

    def change_cipher_spec(self, side: int, encrypted: bool) -> None:
        """A ChangeCipherSpec was read, or, under encryption, told by its record's type."""
        if self.version == TLS13:
            self.changed[side] = True
            if self.keys is not None:
                self.keys.change(side)
            return
        self.epoch[side] += 1
        if encrypted:
            # What a renegotiation agreed is not to be seen, unless it was decrypted.
            self.sealed[side] = self._renewed
            self.finished[side] = False
            self._bare(side)
            return
        self.changed[side] = True
        if self.keys is not None:
            self.keys.change(side)
        self.sealed[side] = self._pending
        self._bare(side)
        self.watch = side == CLIENT and not self.changed[SERVER] and self.whole[SERVER] and self.version is not None
        if side == SERVER and self._answered and not self.lost[SERVER]:
            self._answered = False
            hello = self._hello
            if hello is not None:
                self.resumption = "ticket" if hello.sizes.get(SESSION_TICKET) else "session_id"

    def _bare(self, side: int) -> None:
        """New protection: a suite that encrypts nothing has a MAC alone (RFC 5246 section 6.2.3.1)."""
        found = self.sealed[side]
        self.bare[side] = found[0].mac if self._null and found else 0

    def watched(self, side: int, kind: int) -> str:
        """Between the two ChangeCipherSpecs: data of the client is a false start (RFC 7918 section 3), and is called so."""
        if side == CLIENT and kind == APPLICATION_DATA and self.finished[CLIENT]:
            self.false_start = True
            return "application data, sent before the server's Finished: a false start"
        return ""

    def early_data(self) -> bool:
        """Whether application data of the client, now, is early data: nothing but a hello in clear came before it."""
        if self.version is None and self.hellos[CLIENT] and self.early and not self.epoch[CLIENT] > 1:
            self.early = "sent"
            return True
        return False

    # ---------------------------------------------------------------- how it is protected

    def weigh(self, record: Record) -> Tuple[Protection, ...]:
        """The classes of protection that an encrypted record and those before it fit, where no ServerHello tells the suite.

        They come from the suites that the client offered, where that is known, and from the record's version.
        """
        epoch = 0 if self.early == "sent" and self.version is None else max(self.epoch[record.side], 1)
        fitting = self._fitting.get(epoch)
        if fitting is None:
            fitting = self._candidates(record, epoch)
            self._weighed[epoch] = 0
        elif self._weighed[epoch] >= _WEIGHED:
            return fitting
        self._weighed[epoch] += 1
        what = "finished" if record.finished else _CLUES.get(record.type or 0, "")
        size, hidden = record.length - record.header, record.type == APPLICATION_DATA
        may_hold = self._lengths.may_hold
        kept = tuple(each for each in fitting if (hidden or not each.inner) and may_hold(each, what, size))
        if len(kept) != len(fitting) or epoch not in self._fitting:
            fitting = self._fitting[epoch] = kept
            record.news = "fewer"
        return fitting

    def _candidates(self, record: Record, epoch: int) -> Tuple[Protection, ...]:
        if self.version is not None:
            versions: Tuple[int, ...] = (self.version,)
        elif self.early == "sent":
            versions = (TLS13,)
        elif record.version == TLS12 and record.type == APPLICATION_DATA:
            versions = (TLS12, TLS13)
        else:
            versions = (record.version or 0,)
        first = epoch < 2 and self._hello is not None
        suites = self._hello.suites if first and self._hello is not None else None
        after = not first or self._hello is None or ENCRYPT_THEN_MAC in self._hello.sizes
        found: Tuple[Protection, ...] = self._lengths.among(versions, suites, after)
        return found

    def is_finished(self, side: int, protection: Tuple[Protection, ...], length: int) -> bool:
        """Whether the first encrypted handshake record behind a ChangeCipherSpec is a Finished (RFC 5246 section 7.4.9).

        Where next_protocol_negotiation or Channel ID was agreed, the client sends their messages first.
        """
        if side == CLIENT and self._next_protocol:
            return False
        if len(protection) == 1 and not self._lengths.may_hold(protection[0], "finished", length):
            return False
        self.finished[side] = True
        return True

    # ---------------------------------------------------------------- what messages agree

    def message_kind(self, kind: str, buf: bytes) -> str:
        """The name under which a message is decoded: a HelloRetryRequest has a ServerHello's type."""
        if kind == "server_hello" and len(buf) >= 38 and buf[6:38] == RETRY_RANDOM:
            return "hello_retry_request"
        return kind

    def learn(self, side: int, kind: int, buf: bytes, version: Optional[int], form: Optional[Form] = None) -> None:
        """Take in a complete message, header included, of a record that says `version`; what is not readable is not learnt.
        `form`: that of the message, where it has one."""
        if kind == CLIENT_HELLO:
            self._client_hello(side, buf, hello_of(buf, True, form))
        elif kind == SERVER_HELLO:
            self._server_hello(side, buf, hello_of(buf, False, form))
        elif kind == ENCRYPTED_EXTENSIONS and self.version is None:
            # RFC 8446 section 4.3.1: no earlier version has this message. It tells what a ServerHello that is cut off
            # does not.
            self.version = TLS13
        elif kind in _FULL and self.version != TLS13:
            self._answered = self._answered and side != SERVER
            self.resumption = "full"
            if self.version is None and version is not None and version <= TLS12:
                # RFC 5246 appendix E.1: records behind the hellos say the version that was agreed, and in TLS 1.3
                # these messages are not in clear.
                self.version = version
        if self.keys is not None:
            self.keys.learn(side, kind, buf, False)

    # ---------------------------------------------------------------- SSL 2.0

    def encrypted_ssl2(self, length: int) -> str:
        """Why an SSL 2.0 record's body of `length` bytes is encrypted, "" where it is in clear: with a MAC it would be longer."""
        return "after the master key" if self._sealed2 and length > _MAC2 else ""

    def sealed_ssl2(self, padding: int) -> Tuple[Protection, ...]:
        """How it is protected: an MD5 MAC, and as much padding as its header says."""
        return (Protection("SSL 2.0 with MD5", SSL2, 0, 1, _MAC2 + padding, 0, False, 0),)

    def learn_ssl2(self, buf: Any) -> None:
        """Take in a complete SSL 2.0 message in clear."""
        try:
            kind = buf[0]
            if kind == _HELLO2:
                self.offered = buf[1] << 8 | buf[2]
                self.hellos[CLIENT] += 1
                size = min(buf[3] << 8 | buf[4], len(buf) - 9)
                kinds = (int.from_bytes(bytes(buf[i : i + 3]), "big") for i in range(9, 9 + size - 2, 3))
                self.suites = tuple(kind for kind in kinds if kind < 1 << 16)
            elif kind == _SERVER_HELLO2:
                self.version = self.chosen = SSL2
                self.hellos[SERVER] += 1
                self._sealed2 = buf[1] == 1  # it knows the session: no master key follows
            elif kind == _MASTER_KEY2:
                self._sealed2 = True
            if self.keys is not None and isinstance(buf, bytes):
                self.keys.hello2(buf)
        except (Hole, IndexError):
            pass

    def learn_inside(self, side: int, kind: int, buf: bytes, version: Optional[int], form: Optional[Form] = None) -> None:
        """Take in a complete message that was decrypted: it changes what is agreed, not what is encrypted."""
        if kind == SERVER_HELLO:
            hello = read_hello(buf, False)
            if hello.version:
                self._agree(hello)
                self._renewed = self._protection(hello)
        elif kind == ENCRYPTED_EXTENSIONS:
            listed = Hello()
            read_extensions(buf, 4, listed)
            self.certificate_types = _certificates(listed.bodies)
        if self.keys is not None:
            self.keys.learn(side, kind, buf, True)

    def _client_hello(self, side: int, buf: Any, hello: Hello) -> None:
        if not hello.version:
            return
        if self.changed[side]:
            # A hello in clear behind ChangeCipherSpec begins a new handshake of this end in clear,
            # except in TLS 1.3, where there was no encryption to leave.
            self.changed[side] = False
        if self.sealed[side] is not None and self.version is not None and self.version <= TLS12:
            self.finished[side] = False
        self.offered = hello.version
        self.hellos[side] += 1
        self.suites = hello.suites
        self._hello = hello
        self._session = bytes(buf[39 : hello.behind])
        if self.suite is None:
            # Until the server has chosen, keys are exchanged in a known way only where every suite does it alike.
            found = self._ways()
            self.key_exchange = found[0] if len(found) == 1 else "unknown"
        if EARLY_DATA in hello.sizes and not self.early:
            self.early = "offered"

    def _server_hello(self, side: int, buf: Any, hello: Hello) -> None:
        """RFC 5246 section 7.4.1.3, RFC 8446 section 4.1.3."""
        retry = self.message_kind("server_hello", buf) != "server_hello"
        if not hello.version:
            return
        self.hellos[side] += 1
        self.changed[side] = False
        self._agree(hello)
        self.retried = self.retried or retry
        taken = self.version == TLS13 and PRE_SHARED_KEY in hello.sizes
        if self.early and (retry or not taken and hello.whole):
            self.early = "rejected"
        self._pending = self._protection(hello)
        if self.version != TLS13:
            asked = self._hello
            self._answered = True
            echo = bytes(buf[39 : hello.behind])
            if asked is not None and echo and echo == self._session:
                self.resumption = "ticket" if asked.sizes.get(SESSION_TICKET) else "session_id"
            return
        self.changed = [False, False]
        if not retry:
            self.resumption = "psk" if taken else "full" if hello.whole else ""
            self.sealed = [self._pending, self._pending]

    def _agree(self, hello: Hello) -> None:
        """What a ServerHello says: version, suite, extensions."""
        listed = hello.sizes
        selected = hello.bodies.get(SUPPORTED_VERSIONS, b"")
        self.chosen = selected[0] << 8 | selected[1] if len(selected) == 2 else hello.version
        self.version = TLS13 if is_tls13(self.chosen) else self.chosen
        if hello.suites:
            self.suite = hello.suites[0]
            self.key_exchange = self._kx(self.suite)
            self._null = self.version != TLS13 and self._lengths.null(self.suite)
        self.compression = hello.compression
        self.certificate_types = _certificates(hello.bodies)
        self.encrypt_then_mac = ENCRYPT_THEN_MAC in listed
        self.extended_master_secret = self.version == TLS13 or EXTENDED_MASTER_SECRET in listed
        self._next_protocol = NEXT_PROTOCOL in listed or CHANNEL_ID in listed or CHANNEL_ID_OLD in listed

    def _protection(self, hello: Hello) -> Optional[Tuple[Protection, ...]]:
        """What the suite makes of records; None where the hello does not tell, none at all where they are compressed."""
        if hello.compression:
            return ()
        if not hello.whole and not hello.sizes:
            return None
        after, truncated = ENCRYPT_THEN_MAC in hello.sizes, TRUNCATED_HMAC in hello.sizes
        found = self._lengths.protection(self.suite, self.version, after, truncated)
        return None if found is None else (found,)

    def _ways(self) -> List[str]:
        """The key exchanges of the suites that the client offered."""
        return _ways(self._kx, self.suites)

    def why_unknown(self) -> str:
        """Why the key exchange is not known, and which ones it may be, in words; "" where it is known."""
        if self.key_exchange != "unknown":
            return ""
        if self.suite is not None:
            return f"how suite 0x{self.suite:04x} exchanges keys is not known"
        found = self._ways()
        offered = f"; the client offered {', '.join(found)}" if found else ", nor is the client's"
        return f"the key exchange is not known, for the ServerHello is not in the trace{offered}"

    def versions(self) -> List[int]:
        """The versions that the last ClientHello in clear offered in supported_versions."""
        return offers(self._hello) if self._hello is not None else []


def _certificates(bodies: Dict[int, bytes]) -> Tuple[str, str]:
    """The server's answer on certificates: their kinds, by who shows them (RFC 7250 section 4.2, RFC 6091)."""
    both = bodies.get(CERT_TYPE) or b"\0"
    client = bodies.get(CLIENT_CERTIFICATE_TYPE) or both
    server = bodies.get(SERVER_CERTIFICATE_TYPE) or both
    return _CERTIFICATE_TYPES.get(client[0], "x509"), _CERTIFICATE_TYPES.get(server[0], "x509")


@lru_cache(64)
def _ways(key_exchange: Callable[[int], str], suites: Tuple[int, ...]) -> List[str]:
    """The key exchanges of some suites; most clients offer the same ones."""
    return sorted({key_exchange(suite) for suite in suites} - {"tls13", "unknown"})


class Settled(Session):
    """What a session had agreed, for bytes that the wire does not show: they teach it next to nothing."""

    def __init__(self, session: Session) -> None:
        self.__dict__.update(session.__dict__)
        self._wire = session

    def learn(self, side: int, kind: int, buf: bytes, version: Optional[int], form: Optional[Form] = None) -> None:
        """Nothing but the version, where a ServerHello that is cut off does not tell it: the wire does not show this message."""
        if kind == ENCRYPTED_EXTENSIONS and self.version is None:
            self.version = self._wire.version = TLS13
