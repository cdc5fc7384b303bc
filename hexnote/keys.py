"""Records opened with the secrets of the user's key log.

A `Keys` follows one connection: hellos and ChangeCipherSpecs in clear and decrypted, and every record. It
hands out plaintext only where its tag or MAC fits; where nothing fits it says why, once. Secrets stay in here.

What cannot be known from the bytes is tried, since a tag proves what fits: the cipher of early data, which
key of TLS 1.3 is in use, and how many records were lost with bytes that the trace lacks. All of it is bounded.
"""

from __future__ import annotations

import zlib

from hexnote.hints import Any, Callable, Iterator, List, Mapping, Optional, Sequence, Tuple
from hexnote.keys_cipher import Aead13, Opener, Suite, Unsupported, opener12
from hexnote.keys_log import LABELS, KeyLog
from hexnote.keys_schedule import digest_size, extended_master_secret, master_secret, updated
from hexnote.model import Plain, Record
from hexnote.tuples import NamedTuple

__all__ = ["KeyLog", "Keys"]

CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET, END_OF_EARLY_DATA = 1, 2, 4, 5
CLIENT_KEY_EXCHANGE, FINISHED, KEY_UPDATE = 16, 20, 24
TRUNCATED_HMAC, SESSION_TICKET, EARLY_DATA = 4, 35, 42
EARLY, HANDSHAKE, APPLICATION = 0, 1, 2

# Records that may have been lost in one gap; bytes of handshake kept.
_TRIES = 4096
_TRANSCRIPT = 1 << 20
# Where the ClientHello is not in the trace, so many of a log's secrets are tried, on so many records of a side.
_GUESSES = 256
_GUESSED = 4
# Where nothing is known of what came before: so many sequence numbers.
_BEGUN = 32
# What a record's content may come to (RFC 5246 section 6.2.1), and one more.
_LONGEST = 16384 + 1
# Updates of the traffic keys that may have been lost in one gap.
_GENERATIONS = 2


class Way:
    """One direction: the keys in use, and the sequence number of the next record (RFC 8446 section 5.3)."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.opener: Optional[Opener] = None
        self.why = ""  # why there is none, in words
        self.sequence = 0  # of the next record, if none was lost
        self.slack = 0  # how many records may have been lost
        self.end: Optional[int] = None  # stream offset behind the last record
        self.stage = HANDSHAKE if side else EARLY  # TLS 1.3: which secret
        self.secret = b""  # TLS 1.3: the traffic secret in use
        self.suite: Optional[Suite] = None
        self.opened = 0  # records opened under these keys
        self.compression = 0  # RFC 3749: the method under these keys
        self.inflater: Any = None
        self.told: List[str] = []  # what was said already
        self.lacks = False  # the secret is what is missing
        self.guessed = 0  # records on which secrets were tried without a ClientHello


class Trial(NamedTuple):
    """Keys of TLS 1.3 that may open a record."""

    stage: int
    suite: Suite
    secret: bytes
    client: bytes  # the client random that they belong to
    opener: Optional[Opener]  # None: not made yet
    first: int  # sequence number
    more: int  # how many more sequence numbers may be right
    extra: bool = False  # a guess, which is paid for


class Keys:
    """One connection, seen with the secrets of `log`; `suite(code)`: what the registry says of a cipher suite."""

    def __init__(self, log: KeyLog, suite: Callable[[int], Optional[Suite]]) -> None:
        self._log = log
        self._suite_of = suite
        self._ways = (Way(0), Way(1))
        self._client = b""  # the client random of the handshake in progress
        self._server = b""
        self._session_id = b""
        self._ticket = b""  # that the client showed (RFC 5077)
        self._offered: Sequence[int] = ()
        self._version: Optional[int] = None
        self._code: Optional[int] = None  # the negotiated suite
        self._behind = False  # encrypt_then_mac is agreed
        self._truncated = False  # truncated_hmac is agreed
        self._early = False  # the client offers early data
        self._extended = False  # extended_master_secret is agreed
        self._compression = 0
        self._transcript: List[bytes] = []
        self._heard = 0  # bytes in it
        self._premaster: Optional[bytes] = None
        self._until = 0  # messages of the transcript up to the ClientKeyExchange
        self._said: List[Tuple[int, str, Optional[Record]]] = []

    # ---------------------------------------------------------------- what is learnt

    def learn(self, side: int, kind: int, buf: bytes, inside: bool) -> None:
        """Take in a complete handshake message, header included; `inside`: it was decrypted."""
        if self._log.premasters:
            if kind == CLIENT_HELLO:
                self._transcript, self._heard = [], 0
            if self._heard < _TRANSCRIPT:
                self._transcript.append(bytes(buf))
                self._heard += len(buf)
        way = self._ways[side]
        if kind == CLIENT_HELLO:
            self._client_hello(buf, inside)
        elif kind == SERVER_HELLO:
            self._server_hello(buf, inside)
        elif kind == CLIENT_KEY_EXCHANGE and self._log.premasters:
            lead = 4 if self._version == 0x0300 else 6
            self._premaster = self._log.premaster(bytes(buf[lead : lead + 8]))
            self._until = len(self._transcript)
        elif kind == NEW_SESSION_TICKET and self._version is not None and self._version < 0x0304:
            self._log.remember(bytes(buf[10:]), self._master())
        elif not inside or not self._is13():
            return
        elif kind == KEY_UPDATE and way.suite is not None:
            self._enter(way, way.suite, updated(way.suite.hash, way.secret))
        elif kind == FINISHED and way.stage == HANDSHAKE or kind == END_OF_EARLY_DATA and way.stage == EARLY:
            way.stage += 1
            way.opener = None

    def _client_hello(self, buf: bytes, inside: bool) -> None:
        """RFC 5246 section 7.4.1.2: random, session ID, suites."""
        try:
            again = self._client == bytes(buf[6:38]) and self._is13()
            self._client = bytes(buf[6:38])
            at = 39 + buf[38]
            self._session_id = bytes(buf[39:at])
            size = buf[at] << 8 | buf[at + 1]
            self._offered = [buf[i] << 8 | buf[i + 1] for i in range(at + 2, min(at + 2 + size, len(buf) - 1), 2)]
            self._ticket = _extension(buf, at + 2 + size, SESSION_TICKET) or b""
            self._early = _extension(buf, at + 2 + size, EARLY_DATA) is not None
        except IndexError:
            return
        self._premaster = None
        if inside:
            return
        way = self._ways[0]
        if again:
            # The second hello, after a HelloRetryRequest: early data was refused.
            way.stage = HANDSHAKE
        else:
            self._version = self._code = None
            way.stage = EARLY
        way.opener, way.why = None, ""

    def hello2(self, buf: bytes) -> None:
        """An SSL 2.0 ClientHello (RFC 5246 appendix E.2): its challenge is the client random."""
        if len(buf) >= 9 and buf[0] == 1:
            specs, session, challenge = (buf[i] << 8 | buf[i + 1] for i in (3, 5, 7))
            at = 9 + specs + session
            self._client = bytes(buf[at : at + challenge])[-32:].rjust(32, b"\0")
            if self._log.premasters:
                self._transcript, self._heard = [bytes(buf)], len(buf)

    def _server_hello(self, buf: bytes, inside: bool) -> None:
        """RFC 5246 section 7.4.1.3, RFC 8446 section 4.1.3."""
        try:
            version = buf[4] << 8 | buf[5]
            self._server = bytes(buf[6:38])
            at = 39 + buf[38]
            self._session_id = bytes(buf[39:at])
            self._code = buf[at] << 8 | buf[at + 1]
            self._compression = buf[at + 2]
        except IndexError:
            return
        self._behind = self._extended = self._truncated = False
        at += 5
        while at + 4 <= len(buf):
            kind, size = buf[at] << 8 | buf[at + 1], buf[at + 2] << 8 | buf[at + 3]
            if kind == 43 and size == 2 and at + 6 <= len(buf):
                version = buf[at + 4] << 8 | buf[at + 5]
            self._truncated = self._truncated or kind == TRUNCATED_HMAC
            self._behind = self._behind or kind == 22
            self._extended = self._extended or kind == 23
            at += 4 + size
        self._version = version
        if not inside:
            for way in self._ways:
                if way.side or self._is13() and way.stage != EARLY:
                    way.stage = HANDSHAKE
                    way.opener, way.why = None, ""

    def _is13(self) -> bool:
        return self._version == 0x0304

    def change(self, side: int) -> None:
        """A ChangeCipherSpec was read, in clear or decrypted: up to TLS 1.2 the side's next record has new keys."""
        way = self._ways[side]
        if self._is13() or self._version is None and self._log.knows(self._client):
            return
        way.opener, way.why, way.sequence, way.slack, way.opened, way.lacks = None, "", 0, 0, 0, False
        if self._version is None:
            way.why = "the ServerHello, which names the cipher suite, is not in the trace"
            return
        suite = self._suite_of(self._code or 0)
        if suite is None:
            way.why = f"cipher suite 0x{self._code or 0:04x} is not known here"
            return
        master = self._master()
        if master is None:
            way.why, way.lacks = self._absent(""), True
            return
        way.compression, way.inflater = self._compression, zlib.decompressobj() if self._compression == 1 else None
        try:
            way.opener = opener12(suite, self._version, self._behind, self._truncated, master, self._client, self._server, side)
        except Unsupported as error:
            way.why = str(error)

    def _master(self) -> Optional[bytes]:
        """The master secret of this handshake: the log's, or that of the session which it resumes."""
        if not self._client:
            return None
        master = self._log.master(self._client, self._session_id)
        suite = self._suite_of(self._code or 0)
        if master is None and suite is not None:
            master = self._from_premaster(suite)
        if master is None:
            master = self._log.session(self._ticket) or self._log.session(self._session_id)
        self._log.remember(self._session_id, master)
        return master

    def _from_premaster(self, suite: Suite) -> Optional[bytes]:
        """The master secret out of a premaster secret, if the log has that."""
        hash_name = suite.hash or "SHA256"
        if self._premaster is None or self._version is None or not digest_size(hash_name):
            return None
        if not self._extended:
            return master_secret(self._version, hash_name, self._premaster, self._client, self._server)
        transcript = b"".join(self._transcript[: self._until])
        return extended_master_secret(self._version, hash_name, self._premaster, transcript)

    def _absent(self, label: str) -> str:
        if not self._client:
            return "the ClientHello, by whose random a key log is searched, is not in the trace"
        what = f"{label} for the" if label else "secret for the"
        return f"it has no {what} client random that begins with {self._client[:4].hex()}"

    # ---------------------------------------------------------------- records

    def passes(self, record: Record) -> None:
        """Every record of the connection, in order, before `open` is asked for it."""
        way = self._ways[record.side]
        if way.end is not None and record.offset > way.end:
            self._lost(way, record.offset - way.end)
        way.end = record.offset + record.length

    def _lost(self, way: Way, size: int) -> None:
        """Bytes of the stream were lost, record headers among them."""
        if way.opener is not None:
            way.opener.lost(size)
            way.inflater = None
            way.slack = min(way.slack + size // (5 + way.opener.least), _TRIES)
        else:
            way.slack = min(way.slack + size // 6, _TRIES)

    def open(self, record: Record, head: bytes, body: Optional[bytes]) -> Optional[Plain]:
        """The plaintext of an encrypted record; None where it cannot be had, which is then told by `take`.

        `head`: the five bytes of its header; `body` None: not all of it is in the trace.
        """
        way = self._ways[record.side]
        if self._is13() or self._version is None and self._perhaps13(record):
            return self._open13(way, record, head, body)
        if way.opener is None:
            plain = self._prepare(way, head, body)
            if plain is not None:
                return plain
        opener = way.opener
        if opener is None:
            way.sequence += 1
            self._tell(way, way.why)
            return None
        if body is None:
            opener.skip(record.length - record.header)
            way.sequence += 1
            way.inflater = None
            return None
        why = opener.ready()
        if not why:
            for sequence in range(way.sequence, way.sequence + way.slack + 1):
                plain = self._attempt(opener, sequence, head, body, sequence > way.sequence)
                if plain is not None:
                    way.sequence, way.slack = sequence + 1, 0
                    way.opened += 1
                    return self._inflate(way, plain) if way.compression else plain
            why = self._misfit(way)
        opener.passed(body)
        way.sequence += 1
        way.inflater = None
        self._tell(way, why, record)
        return None

    def _inflate(self, way: Way, plain: Plain) -> Plain:
        """The content of a compressed record; the method's state goes through all records (RFC 3749 section 2)."""
        inflated: Optional[bytes] = None
        if way.inflater is not None:
            try:
                inflated = way.inflater.decompress(plain.data[: plain.content], _LONGEST)
                if way.inflater.unconsumed_tail:
                    inflated = None
            except zlib.error:
                inflated = None
            if inflated is None:
                way.inflater = None
        if inflated is None:
            self._tell(way, "the content of its records is compressed, and cannot be opened from here on")
        return plain._replace(compressed=True, inflated=inflated)

    def _prepare(self, way: Way, head: bytes, body: Optional[bytes]) -> Optional[Plain]:
        """Up to TLS 1.2, a record comes for which there are no keys: perhaps its ChangeCipherSpec was lost; perhaps the
        log has grown, as it does while a browser runs; perhaps the ClientHello was lost, and some secret fits."""
        if not self._client:
            plain = self._guess(way, head, body) if self._version is not None and body is not None else None
            way.why = way.why or self._absent("")
            return plain
        if self._version is not None and (way.lacks or way.slack and not way.why):
            sequence, slack = way.sequence if way.lacks else 0, way.slack
            self.change(way.side)
            way.sequence, way.slack = sequence, slack
        if way.opener is None and not way.why:
            way.why = "no ChangeCipherSpec came before it"
        return None

    def _guess(self, way: Way, head: bytes, body: bytes) -> Optional[Plain]:
        """The ClientHello is not in the trace: the secret whose MAC or tag fits is the one."""
        suite = self._suite_of(self._code or 0)
        if suite is None or self._version is None or way.guessed >= _GUESSED:
            return None
        way.guessed += 1
        for client, master in self._log.masters(_GUESSES):
            try:
                opener = opener12(suite, self._version, self._behind, self._truncated, master, client, self._server, way.side)
            except Unsupported as error:
                way.why = str(error)
                return None
            plain = self._attempt(opener, way.sequence, head, body, True)
            if plain is not None:
                self._client = client
                sequence = way.sequence
                self.change(way.side)
                if way.opener is not None and way.opener.open(sequence, head, body) is not None:
                    way.sequence, way.opened = sequence + 1, 1
                return plain
        return None

    def _attempt(self, opener: Opener, sequence: int, head: bytes, body: bytes, extra: bool) -> Optional[Plain]:
        """One try; those that are beyond what the protocol says are paid for."""
        return opener.open(sequence, head, body) if not extra or self._log.spend(len(body)) else None

    def _misfit(self, way: Way) -> str:
        if way.slack:
            return "records before it are missing from the trace, and under no number that it may have does it fit"
        if way.opened:
            return "the tag or MAC does not fit, though earlier records' did: its bytes are not those that were sent"
        return "the tag or MAC does not fit: the secret is not this connection's, or the bytes are not those that were sent"

    def _tell(self, way: Way, why: str, record: Optional[Record] = None) -> None:
        if why and why not in way.told:
            way.told.append(why)
            self._said.append((way.side, why, record))

    def take(self) -> List[Tuple[int, str, Optional[Record]]]:
        """What could not be opened since the last call: (side, why, record); each reason is told once a side."""
        said, self._said = self._said, []
        return said

    # ---------------------------------------------------------------- TLS 1.3

    def _perhaps13(self, record: Record) -> bool:
        """Whether, with no ServerHello seen, TLS 1.3 is possible, and the log has what to try."""
        if self._client:
            return self._log.knows(self._client)
        return record.type == 23 and record.version == 0x0303 and bool(self._log.randoms(1))

    def _enter(self, way: Way, suite: Suite, secret: bytes) -> None:
        """New keys from the next record on."""
        way.opener, way.suite, way.secret, way.sequence, way.opened = Aead13(suite, secret), suite, secret, 0, 0

    def _open13(self, way: Way, record: Record, head: bytes, body: Optional[bytes]) -> Optional[Plain]:
        if body is None:
            way.sequence += 1
            return None
        missing: List[str] = []
        for trial in self._trials(way, missing):
            opener = trial.opener
            if opener is None:
                try:
                    opener = Aead13(trial.suite, trial.secret)
                except Unsupported as error:
                    missing.append(str(error))
                    continue
            for sequence in range(trial.first, trial.first + trial.more + 1):
                plain = self._attempt(opener, sequence, head, body, trial.extra or sequence > trial.first)
                if plain is not None:
                    if opener is not way.opener:
                        way.opener, way.suite, way.secret, way.stage, way.opened = opener, trial.suite, trial.secret, trial.stage, 0
                        self._client = trial.client
                    way.sequence, way.slack = sequence + 1, 0
                    way.opened += 1
                    return plain
        way.sequence += 1
        if not self._client and way.opener is None:
            missing.insert(0, self._absent(""))
        self._tell(way, missing[0] if missing and way.opener is None else self._misfit(way), record)
        return None

    def _trials(self, way: Way, missing: List[str]) -> Iterator[Trial]:
        """What may open the next record, the likeliest first. `missing` gets what the log lacks."""
        if way.opener is not None and way.suite is not None:
            yield Trial(way.stage, way.suite, way.secret, self._client, way.opener, way.sequence, way.slack)
            if way.slack and way.stage == APPLICATION:
                secret = way.secret
                for _ in range(_GENERATIONS):
                    secret = updated(way.suite.hash, secret)
                    yield Trial(APPLICATION, way.suite, secret, self._client, None, 0, way.slack, True)
        if self._client:
            yield from self._stages(way, self._client, missing, False)
        elif way.guessed < _GUESSED:
            way.guessed += 1
            for client in self._log.randoms(_GUESSES):
                yield from self._stages(way, client, [], True)

    def _stages(self, way: Way, client: bytes, missing: List[str], guess: bool) -> Iterator[Trial]:
        """The secrets of the stages that may have come, for one client random."""
        for stage in range(max(way.stage, 1 if way.side else 0), 3):
            if stage == way.stage and way.opener is not None:
                continue
            found = self._log.traffic(stage, way.side, client)
            if found is None:
                if stage != EARLY:
                    missing.append(self._absent(LABELS[stage][way.side]))
                continue
            for suite in self._suites(len(found), stage):
                yield Trial(stage, suite, found, client, None, 0, max(way.slack, _BEGUN if guess else 0), guess)
        if self._early and way.stage == EARLY and not way.side and self._log.traffic(EARLY, 0, client) is None:
            # A server that refuses early data has no secret for them, nor has its log.
            missing.append(self._absent(LABELS[EARLY][0]))

    def _suites(self, size: int, stage: int) -> Iterator[Suite]:
        """Suites of TLS 1.3 that a secret of `size` bytes may belong to: the negotiated one, or those offered.
        Early data goes by the suite of the session before (RFC 8446 section 4.2.10)."""
        codes: List[int] = [] if self._code is None else [self._code]
        offered = self._offered or range(0x1301, 0x1306)  # all of RFC 8446 appendix B.4
        if self._code is None or stage == EARLY:
            codes += [code for code in offered if code >> 8 == 0x13 and code != self._code][:8]
        for code in codes:
            suite = self._suite_of(code)
            if suite is not None and digest_size(suite.hash) == size:
                yield suite


def _extension(buf: bytes, at: int, wanted: int) -> Optional[bytes]:
    """The body of an extension of a ClientHello whose compression methods begin at `at`; None where it has none."""
    at += 3 + buf[at]
    while at + 4 <= len(buf):
        kind, size = buf[at] << 8 | buf[at + 1], buf[at + 2] << 8 | buf[at + 3]
        if kind == wanted:
            return bytes(buf[at + 4 : at + 4 + size])
        at += 4 + size
    return None


def suites(rows: Mapping[int, Sequence[str]]) -> Callable[[int], Optional[Suite]]:
    """What the registry's rows (name, OpenSSL's name, key exchange, authentication, cipher, MAC, hash) say of suites."""

    def find(code: int) -> Optional[Suite]:
        row = rows.get(code)
        if row is None or len(row) < 6 or "EXPORT" in row[0]:
            return None
        return Suite(row[4], row[5], row[6] if len(row) > 6 else "")

    return find
