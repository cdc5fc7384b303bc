"""From a master or traffic secret to the keys of one direction: the key schedules of SSL 3.0 to TLS 1.3."""

from __future__ import annotations

import hashlib
import hmac

from hexnote.hints import Tuple

# Hash functions by their names in the registry of cipher suites.
HASHES = {"MD5": "md5", "SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384", "SM3": "sm3"}


def digest_size(name: str) -> int:
    """Bytes of a hash, by its registry name; 0 where this Python does not have it."""
    try:
        return hashlib.new(HASHES[name]).digest_size
    except (KeyError, ValueError):
        return 0


def _p_hash(name: str, secret: bytes, seed: bytes, size: int) -> bytes:
    """P_hash of RFC 5246 section 5."""
    out, a = b"", seed
    while len(out) < size:
        a = hmac.new(secret, a, name).digest()
        out += hmac.new(secret, a + seed, name).digest()
    return out[:size]


def prf(version: int, hash_name: str, secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """The pseudorandom function of TLS 1.0 to 1.2 (RFC 2246 and RFC 5246, section 5)."""
    if version >= 0x0303:
        return _p_hash(HASHES[hash_name], secret, label + seed, size)
    half = (len(secret) + 1) // 2
    one = _p_hash("md5", secret[:half], label + seed, size)
    two = _p_hash("sha1", secret[len(secret) - half :], label + seed, size)
    return bytes(a ^ b for a, b in zip(one, two))


def _ssl3(secret: bytes, seed: bytes, size: int) -> bytes:
    """The key derivation of SSL 3.0 (RFC 6101 section 6.1)."""
    out = b""
    for i in range(26):
        if len(out) >= size:
            break
        inner = hashlib.sha1(bytes([65 + i]) * (i + 1) + secret + seed).digest()
        out += hashlib.md5(secret + inner).digest()
    return out[:size]


def master_secret(version: int, hash_name: str, premaster: bytes, client: bytes, server: bytes) -> bytes:
    """RFC 5246 section 8.1, RFC 6101 section 6.1."""
    if version == 0x0300:
        return _ssl3(premaster, client + server, 48)
    return prf(version, hash_name, premaster, b"master secret", client + server, 48)


def extended_master_secret(version: int, hash_name: str, premaster: bytes, transcript: bytes) -> bytes:
    """RFC 7627 section 4; `transcript`: the handshake messages up to the ClientKeyExchange."""
    if version >= 0x0303:
        session_hash = hashlib.new(HASHES[hash_name], transcript).digest()
    else:
        session_hash = hashlib.md5(transcript).digest() + hashlib.sha1(transcript).digest()
    return prf(version, hash_name, premaster, b"extended master secret", session_hash, 48)


def write_keys(
    version: int, hash_name: str, master: bytes, client: bytes, server: bytes, side: int, sizes: Tuple[int, int, int],
) -> Tuple[bytes, bytes, bytes]:
    """MAC key, key and IV with which `side` writes (RFC 5246 section 6.3); `sizes`: bytes of each."""
    total = 2 * sum(sizes)
    if version == 0x0300:
        block = _ssl3(master, server + client, total)
    else:
        block = prf(version, hash_name, master, b"key expansion", server + client, total)
    made, at = [], 0
    for size in sizes:
        made.append(block[at + side * size : at + (side + 1) * size])
        at += 2 * size
    return made[0], made[1], made[2]


def expand_label(hash_name: str, secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label with an empty context (RFC 8446 section 7.1)."""
    full = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(full)]) + full + b"\0"
    out, block, i = b"", b"", 1
    while len(out) < size:
        block = hmac.new(secret, block + info + bytes([i]), HASHES[hash_name]).digest()
        out += block
        i += 1
    return out[:size]


def updated(hash_name: str, secret: bytes) -> bytes:
    """The next generation of a traffic secret (RFC 8446 section 7.2)."""
    return expand_label(hash_name, secret, b"traffic upd", len(secret))
