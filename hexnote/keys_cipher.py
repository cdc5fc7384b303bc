"""How one direction's records are protected under one set of keys, and how they are opened.

Every way out verifies: what is handed out as plaintext has a tag or a MAC that fits.
"""

from __future__ import annotations

import hashlib
import hmac
import warnings

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from hexnote.hints import Any, Callable, List, Optional, Tuple
from hexnote.keys_schedule import HASHES, digest_size, expand_label, write_keys
from hexnote.model import Plain
from hexnote.tuples import NamedTuple


def _old(name: str) -> Any:
    """A cipher that versions of the library keep in different places, and warn of."""
    places: List[Any] = [algorithms]
    try:
        from cryptography.hazmat.decrepit.ciphers import algorithms as decrepit

        places.insert(0, decrepit)
    except ImportError:  # before version 43
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return next((getattr(place, name) for place in places if hasattr(place, name)), None)


# How far behind the last known place in a key stream records are looked for.
_FAR = 1 << 20
# RFC 6066 section 7: bytes of a truncated MAC.
_TRUNCATED = 10


class Suite(NamedTuple):
    """What a cipher suite says of records, in the registry's words."""

    cipher: str  # "AES_128_GCM"
    mac: str  # "AEAD", "AEAD8", "SHA256" ...
    hash: str  # of the PRF or HKDF; "" where the suite is older than the choice


class Unsupported(Exception):
    """A protection that cannot be opened here: why, in words."""


# ------------------------------------------------------------------ AEAD

Open = Callable[[bytes, bytes, bytes], Optional[bytes]]  # (nonce, ciphertext with tag, associated data)
_KEYS = {
    "AES_128": 16, "AES_256": 32, "CAMELLIA_128": 16, "CAMELLIA_256": 32, "ARIA_128": 16, "ARIA_256": 32, "SM4": 16,
    "CHACHA20_POLY1305": 32,
}  # fmt: skip


def _aead(cipher: str, key: bytes) -> Open:
    """The opening function of an AEAD; None out of it: the tag does not fit. Raises Unsupported."""
    family, _, mode = cipher.partition("_GCM") if "_GCM" in cipher else cipher.partition("_CCM")
    made: Any
    if cipher == "CHACHA20_POLY1305":
        made = ChaCha20Poly1305(key)
    elif cipher.endswith("_GCM") and family.startswith("AES"):
        made = AESGCM(key)
    elif family.startswith("AES"):
        made = AESCCM(key, tag_length=8 if mode == "_8" else 16)
    elif cipher.endswith("_GCM") and family.startswith("CAMELLIA"):
        return _gcm(Cipher(_old("Camellia")(key), modes.ECB()).encryptor().update)
    elif cipher.endswith("_GCM") and family.startswith("ARIA"):
        from hexnote.keys_aria import encryptor

        return _gcm(encryptor(key))
    elif cipher == "SM4_GCM":
        return _block_gcm(algorithms.SM4(key))
    else:
        raise Unsupported(f"the library cannot open {cipher}")

    def opened(nonce: bytes, data: bytes, extra: bytes) -> Optional[bytes]:
        try:
            plain: bytes = made.decrypt(nonce, data, extra)
        except (InvalidTag, ValueError):
            return None
        return plain

    return opened


def _block_gcm(cipher: Any) -> Open:
    """GCM of a block cipher that the library has in this mode."""

    def opened(nonce: bytes, data: bytes, extra: bytes) -> Optional[bytes]:
        if len(data) < 16:
            return None
        try:
            made = Cipher(cipher, modes.GCM(nonce, data[-16:])).decryptor()
            made.authenticate_additional_data(extra)
            return made.update(data[:-16]) + made.finalize()
        except (InvalidTag, ValueError, UnsupportedAlgorithm):
            return None

    return opened


def _gcm(encrypt: Callable[[bytes], bytes]) -> Open:
    """GCM (NIST SP 800-38D) of a block cipher that the library does not have in this mode: `encrypt` takes blocks."""
    table = _ghash_table(int.from_bytes(encrypt(bytes(16)), "big"))

    def opened(nonce: bytes, data: bytes, extra: bytes) -> Optional[bytes]:
        if len(data) < 16:
            return None
        data, tag = data[:-16], data[-16:]
        count = (len(data) + 15) // 16
        stream = encrypt(nonce + b"\0\0\0\1")
        sizes = (8 * len(extra)).to_bytes(8, "big") + (8 * len(data)).to_bytes(8, "big")
        y = 0
        for part in (extra, data, sizes):
            for at in range(0, len(part), 16):
                y ^= int.from_bytes(part[at : at + 16].ljust(16, b"\0"), "big")
                z = 0
                for i in range(16):
                    z ^= table[i][y >> 8 * i & 255]
                y = z
        if y ^ int.from_bytes(stream, "big") != int.from_bytes(tag, "big"):
            return None
        stream = encrypt(b"".join(nonce + i.to_bytes(4, "big") for i in range(2, count + 2)))
        return _xor(data, stream[: len(data)])

    return opened


def _ghash_table(h: int) -> List[List[int]]:
    """Products with the hash key, for each byte of a block and each value of it; byte 0 is the last one."""
    table = [[0] * 256 for _ in range(16)]
    for bit in range(127, -1, -1):
        byte, value = divmod(bit, 8)
        table[byte][1 << value] = h
        h = h >> 1 ^ (0xE1 << 120 if h & 1 else 0)
    for row in table:
        for value in range(1, 256):
            low = value & -value
            row[value] = row[low] ^ row[value ^ low] if value != low else row[value]
    return table


def _xor(one: bytes, two: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(two, "big")).to_bytes(len(one), "big")


# ------------------------------------------------------------------ openers


class Opener:
    """One direction under one set of keys.

    `open` gets the record's sequence number, its header and its body; None: it does not fit. `skip` passes a
    record by whose bytes are not all there. `least`: the fewest bytes that a record's body can have.
    """

    least = 0
    chained = False  # a record can be opened only by who knows what came before it

    def open(self, sequence: int, head: bytes, body: bytes) -> Optional[Plain]:
        raise NotImplementedError

    def skip(self, size: int) -> None:
        """A record's body of `size` bytes is not known."""

    def passed(self, body: bytes) -> None:
        """A record's body did not fit."""

    def lost(self, size: int) -> None:
        """So many bytes of the stream are not known, record headers among them."""

    def ready(self) -> str:
        """Why the next record cannot be opened, whatever its sequence number; "" where it can."""
        return ""


class Aead13(Opener):
    """TLS 1.3 (RFC 8446 section 5.2)."""

    def __init__(self, suite: Suite, secret: bytes) -> None:
        size = _KEYS.get(_family(suite.cipher))
        if size is None or not suite.mac.startswith("AEAD"):
            raise Unsupported(f"the library cannot open {suite.cipher}")
        self._open = _aead(suite.cipher, expand_label(suite.hash, secret, b"key", size))
        self._iv = int.from_bytes(expand_label(suite.hash, secret, b"iv", 12), "big")
        self.least = 9 if suite.mac == "AEAD8" else 17

    def open(self, sequence: int, head: bytes, body: bytes) -> Optional[Plain]:
        data = self._open((self._iv ^ sequence).to_bytes(12, "big"), body, head)
        if data is None:
            return None
        content = len(data.rstrip(b"\0")) - 1
        if content < 0:
            return Plain(data, 0, [("zeros", 0, len(data))])
        tail = [("type", content, content + 1)]
        if content + 1 < len(data):
            tail.append(("zeros", content + 1, len(data)))
        return Plain(data, content, tail, data[content])


class Aead12(Opener):
    """AEAD suites of TLS 1.2 (RFC 5246 section 6.2.3.3, RFC 7905 section 2)."""

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._open = _aead(suite.cipher, key)
        self._iv = iv
        self._tag = 8 if suite.mac == "AEAD8" else 16
        self._explicit = 12 - len(iv)
        self.least = self._explicit + self._tag

    def open(self, sequence: int, head: bytes, body: bytes) -> Optional[Plain]:
        size = len(body) - self.least
        if size < 0:
            return None
        if self._explicit:
            nonce = self._iv + body[: self._explicit]
        else:
            nonce = _xor(self._iv, sequence.to_bytes(12, "big"))
        extra = sequence.to_bytes(8, "big") + head[:3] + size.to_bytes(2, "big")
        data = self._open(nonce, body[self._explicit :], extra)
        return None if data is None else Plain(data, size, [])


class Mac:
    """The MAC of a record (RFC 5246 section 6.2.3.1, RFC 6101 section 5.2.3.1), whole or truncated (RFC 6066 section 7)."""

    def __init__(self, version: int, name: str, key: bytes, truncated: bool = False) -> None:
        self._hash = HASHES[name]
        self._key = key
        self._ssl3 = version == 0x0300
        self.size = min(digest_size(name), _TRUNCATED) if truncated and not self._ssl3 else digest_size(name)

    def of(self, sequence: int, head: bytes, data: bytes) -> bytes:
        """`head`: the record's header; its length is replaced by that of `data`."""
        size = len(data).to_bytes(2, "big")
        if not self._ssl3:
            return hmac.new(self._key, sequence.to_bytes(8, "big") + head[:3] + size + data, self._hash).digest()[: self.size]
        pad = 48 if self._hash == "md5" else 40
        inner = hashlib.new(self._hash, self._key + b"\x36" * pad + sequence.to_bytes(8, "big") + head[:1] + size + data)
        return hashlib.new(self._hash, self._key + b"\x5c" * pad + inner.digest()).digest()


class Stream(Opener):
    """RC4 and NULL (RFC 5246 section 6.2.3.1): content, then MAC."""

    def __init__(self, mac: Mac, key: Optional[bytes]) -> None:
        self._mac = mac
        self._cipher: Any = Cipher(_old("ARC4")(key), None).decryptor() if key is not None else None
        self._stream = b""  # the key stream from the next record on, if nothing was lost, as far as it was asked for
        self._gap = 0  # bytes of the stream that are not known, headers among them
        self._first = 0  # sequence number of the next record, if no record was lost
        self.least = mac.size
        self.chained = key is not None

    def open(self, sequence: int, head: bytes, body: bytes) -> Optional[Plain]:
        content = len(body) - self._mac.size
        if content < 0:
            return None
        skipped, data = 0, body
        if self._cipher is not None:
            # What was lost and is no header moved the key stream on.
            skipped = self._gap - 5 * (sequence - self._first) if self._gap else 0
            if skipped < 0:
                return None
            end = skipped + len(body)
            if len(self._stream) < end:
                self._stream += self._cipher.update(bytes(end - len(self._stream)))
            data = _xor(body, self._stream[skipped:end])
        if self._mac.of(sequence, head, data[:content]) != data[content:]:
            return None
        self._stream = self._stream[skipped + len(body) :]
        self._gap, self._first = 0, sequence + 1
        return Plain(data, content, [("mac", content, len(data))] if content < len(data) else [])

    def skip(self, size: int) -> None:
        self._first += 1
        if self._cipher is not None:
            if len(self._stream) < size:
                self._stream += self._cipher.update(bytes(size - len(self._stream)))
            self._stream = self._stream[size:]

    def passed(self, body: bytes) -> None:
        self.skip(len(body))

    def lost(self, size: int) -> None:
        self._gap += size

    def ready(self) -> str:
        return "too many bytes are missing before it" if self._gap > _FAR else ""


class Cbc(Opener):
    """CBC suites (RFC 5246 section 6.2.3.2), the MAC inside or, with encrypt_then_mac, behind (RFC 7366)."""

    def __init__(self, version: int, mac: Mac, cipher: Any, iv: bytes, behind: bool) -> None:
        self._mac = mac
        self._cipher = cipher
        self._block = cipher.block_size // 8
        self._chain: Optional[bytes] = iv  # the block before the next record; None: not known
        self._version = version
        self._behind = behind
        self.chained = version < 0x0302
        self.least = self._block + (mac.size if behind else 0)

    def ready(self) -> str:
        return "the block of ciphertext before it is not in the trace" if self.chained and self._chain is None else ""

    def open(self, sequence: int, head: bytes, body: bytes) -> Optional[Plain]:
        block, size = self._block, self._mac.size
        sealed = body
        if self._behind:
            sealed = body[: len(body) - size]
            if len(body) < size or self._mac.of(sequence, head, sealed) != body[len(sealed) :]:
                return None
        if self.chained:
            iv = self._chain or b""
        else:
            iv, sealed = sealed[:block], sealed[block:]
        if not sealed or len(sealed) % block or len(iv) != block:
            return None
        made = Cipher(self._cipher, modes.CBC(iv)).decryptor()
        data = made.update(sealed) + made.finalize()
        padding = data[-1]
        content = len(data) - 1 - padding - (0 if self._behind else size)
        if content < 0 or (self._version > 0x0300 and data[-1 - padding :] != bytes([padding]) * (padding + 1)):
            return None
        tail: List[Tuple[str, int, int]] = []
        at = content
        if not self._behind:
            if self._mac.of(sequence, head, data[:content]) != data[content : content + size]:
                return None
            tail.append(("mac", content, content + size))
            at += size
        if padding:
            tail.append(("padding", at, at + padding))
        tail.append(("padding_length", len(data) - 1, len(data)))
        self._chain = sealed[-block:]
        return Plain(data, content, tail)

    def passed(self, body: bytes) -> None:
        """Its last block is the next one's vector all the same."""
        sealed = body[: len(body) - self._mac.size] if self._behind else body
        self._chain = sealed[-self._block :] if len(sealed) >= self._block else None

    def skip(self, size: int) -> None:
        self._chain = None

    def lost(self, size: int) -> None:
        self._chain = None


# ------------------------------------------------------------------ from a suite to an opener

# Cipher -> its name in the library, bytes of its key, bytes of a block.
_BLOCKS = {
    "AES_128_CBC": ("AES", 16, 16), "AES_256_CBC": ("AES", 32, 16), "3DES_EDE_CBC": ("TripleDES", 24, 8),
    "DES_CBC": ("TripleDES", 8, 8), "CAMELLIA_128_CBC": ("Camellia", 16, 16), "CAMELLIA_256_CBC": ("Camellia", 32, 16),
    "SEED_CBC": ("SEED", 16, 16), "IDEA_CBC": ("IDEA", 16, 8), "SM4_CBC": ("SM4", 16, 16),
}  # fmt: skip


def _family(cipher: str) -> str:
    for mode in ("_GCM", "_CCM"):
        if mode in cipher:
            return cipher[: cipher.index(mode)]
    return cipher


def opener12(
    suite: Suite, version: int, behind: bool, truncated: bool, master: bytes, client: bytes, server: bytes, side: int,
) -> Opener:
    """The opener of what `side` sends up to TLS 1.2; `client`, `server`: their randoms; `behind`, `truncated`:
    encrypt_then_mac, truncated_hmac were agreed. Raises Unsupported."""
    hash_name = suite.hash or "SHA256"
    if not digest_size(hash_name):
        raise Unsupported(f"this Python has no {hash_name}")
    if suite.mac.startswith("AEAD"):
        size = _KEYS.get(_family(suite.cipher))
        if size is None:
            raise Unsupported(f"the library cannot open {suite.cipher}")
        fixed = 12 if suite.cipher == "CHACHA20_POLY1305" else 4
        _, key, iv = write_keys(version, hash_name, master, client, server, side, (0, size, fixed))
        return Aead12(suite, key, iv)
    size = digest_size(suite.mac)
    if not size:
        raise Unsupported(f"MACs with {suite.mac or 'nothing'} are not known here")
    if suite.cipher in ("NULL", "RC4_128"):
        width = 16 if suite.cipher == "RC4_128" else 0
        secret, key, _ = write_keys(version, hash_name, master, client, server, side, (size, width, 0))
        return Stream(Mac(version, suite.mac, secret, truncated), key if width else None)
    found = _BLOCKS.get(suite.cipher)
    if found is None:
        raise Unsupported(f"the library cannot open {suite.cipher}")
    name, width, block = found
    secret, key, iv = write_keys(version, hash_name, master, client, server, side, (size, width, block))
    if suite.cipher == "DES_CBC":
        key = key * 3
    try:
        made = _old(name)(key)
        Cipher(made, modes.CBC(bytes(block))).decryptor()
    except (UnsupportedAlgorithm, TypeError):
        raise Unsupported(f"the library cannot open {suite.cipher}") from None
    return Cbc(version, Mac(version, suite.mac, secret, truncated), made, iv, behind)
