"""Key logs: the secrets that a browser or a TLS library writes for SSLKEYLOGFILE.

One secret a line: a label, the client random (32 bytes in hex), the secret in hex. The format is that of
draft-ietf-tls-keylogfile, with the older `RSA` forms of NSS. A log may grow while a trace is read: what was
not found is looked for again in what has been added.
"""

from __future__ import annotations

import os
from itertools import islice

from hexnote.hints import Dict, List, Optional, Tuple

# Lines longer than this are no secrets; so many secrets are kept, and so many bytes of a log are read.
_LINE = 2048
_MOST = 1 << 20
_SESSIONS = 4096
_BYTES = 1 << 30

# What all tries in vain of a run may cost: bytes decrypted, and what each try costs besides.
_BUDGET = 1 << 27
_TRY = 1024

# Labels of TLS 1.3 by stage and side: early data, handshake, application data.
LABELS = (
    ("CLIENT_EARLY_TRAFFIC_SECRET", ""),
    ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"),
    ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"),
)
_KNOWN = frozenset(label for pair in LABELS for label in pair if label)
# Later generations of the traffic secrets can be computed; exporters, and what others log, open no record.
_IGNORED = ("CLIENT_TRAFFIC_SECRET_", "SERVER_TRAFFIC_SECRET_", "EXPORTER", "EARLY_EXPORTER", "ECH_", "QUIC_")


class KeyLog:
    """The secrets of a key log file. Raises OSError where it cannot be read."""

    def __init__(self, path: str) -> None:
        self.malformed = 0  # lines that are neither secrets nor comments
        self.premasters: Dict[bytes, bytes] = {}  # first 8 bytes of the encrypted premaster secret -> that secret
        self.budget = _BUDGET  # what tries beyond those that the protocol names may still cost, in bytes
        self._path = path
        self._read = 0  # bytes of the file taken in
        self._rest = b""  # an incomplete last line
        self._masters: Dict[bytes, bytes] = {}  # client random -> master secret
        self._resumable: Dict[bytes, bytes] = {}  # session ID or ticket -> master secret
        self._sessions: Dict[bytes, bytes] = {}  # session ID -> master secret
        self._traffic: Dict[Tuple[str, bytes], bytes] = {}  # (label, client random) -> secret
        self._more(True)

    def master(self, random: bytes, session_id: bytes) -> Optional[bytes]:
        """The master secret of a handshake up to TLS 1.2; None where the log has none."""
        found = self._masters.get(random) or self._sessions.get(session_id)
        if found is None and self._more():
            found = self._masters.get(random) or self._sessions.get(session_id)
        return found

    def remember(self, name: bytes, master: Optional[bytes]) -> None:
        """A session that may be resumed: by its ID, or by a ticket (RFC 5077)."""
        if name and master is not None:
            if len(self._resumable) >= _SESSIONS:
                del self._resumable[next(iter(self._resumable))]
            self._resumable[name] = master

    def session(self, name: bytes) -> Optional[bytes]:
        """The master secret of a session that was seen in full."""
        return self._resumable.get(name) if name else None

    def premaster(self, begins: bytes) -> Optional[bytes]:
        """The premaster secret whose encrypted form begins with these 8 bytes."""
        return self.premasters.get(begins)

    def traffic(self, stage: int, side: int, random: bytes) -> Optional[bytes]:
        """A traffic secret of TLS 1.3 (RFC 8446 section 7.1): `stage` 0 early data, 1 handshake, 2 application data."""
        key = (LABELS[stage][side], random)
        found = self._traffic.get(key)
        if found is None and self._more():
            found = self._traffic.get(key)
        return found

    def knows(self, random: bytes) -> bool:
        """Whether there is any secret of TLS 1.3 for a client random."""
        return any(self.traffic(stage, side, random) is not None for stage in (1, 2) for side in (0, 1))

    def masters(self, most: int) -> List[Tuple[bytes, bytes]]:
        """(client random, master secret) of at most `most` handshakes."""
        return list(islice(self._masters.items(), most))

    def randoms(self, most: int) -> List[bytes]:
        """At most `most` client randoms for which there are secrets of TLS 1.3."""
        return list(islice(dict.fromkeys(random for _, random in self._traffic), most))

    def spend(self, size: int) -> bool:
        """Pay for a try that decrypts `size` bytes; False where nothing is left."""
        self.budget -= size + _TRY
        return self.budget >= 0

    def _more(self, first: bool = False) -> bool:
        """Read what was added to the file; whether that was anything."""
        try:
            if not first and os.stat(self._path).st_size <= self._read:
                return False
            with open(self._path, "rb") as file:
                if self._read:
                    file.seek(self._read)
                found = False
                while self._read < _BYTES:
                    chunk = file.read(1 << 16)
                    if not chunk:
                        break
                    found = True
                    self._read += len(chunk)
                    self._take(chunk)
                if first:
                    self._take(b"\n") if self._complete() else None
                return found
        except OSError:
            if first:
                raise
            return False

    def _complete(self) -> bool:
        """Whether the last line, which has no LF yet, is a whole secret."""
        return bool(self._rest) and _secret(self._rest.split()) is not None

    def _take(self, chunk: bytes) -> None:
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()[-_LINE - 1 :]
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> None:
        words = line.split()
        if not words or words[0][:1] == b"#":
            return
        if len(self._masters) + len(self._traffic) >= _MOST:
            return
        found = _secret(words) if len(line) <= _LINE else None
        if found is None:
            self.malformed += 1
            return
        label, key, secret = found
        if label == "CLIENT_RANDOM":
            self._masters[key] = secret
        elif label == "RSA":
            self.premasters[key] = secret
        elif label == "Session-ID":
            self._sessions[key] = secret
        elif label in _KNOWN:
            self._traffic[label, key] = secret


def _secret(words: List[bytes]) -> Optional[Tuple[str, bytes, bytes]]:
    """(label, what it belongs to, secret) of a line; None where it is none."""
    try:
        if len(words) != 3:
            return None
        label = words[0].decode("ascii")
        if label == "RSA" and words[1][:11] == b"Session-ID:" and words[2][:11] == b"Master-Key:":
            key, secret = _hex(words[1][11:]), _hex(words[2][11:])
            return ("Session-ID", key, secret) if len(key) <= 32 and len(secret) == 48 else None
        key, secret = _hex(words[1]), _hex(words[2])
    except ValueError:
        return None
    if label == "RSA":
        return (label, key, secret) if len(key) == 8 and len(secret) == 48 else None
    if len(key) != 32:
        return None
    if label == "CLIENT_RANDOM":
        return (label, key, secret) if len(secret) == 48 else None
    if label in _KNOWN:
        return (label, key, secret) if len(secret) in (32, 48) else None
    return (label, key, b"") if label.startswith(_IGNORED) else None


def _hex(word: bytes) -> bytes:
    return bytes.fromhex(word.decode("ascii"))
