"""What travels in UDP and is kin to TLS: recognised and named, not read (DTLS: RFC 9147, QUIC: RFC 9000)."""

from __future__ import annotations

# What DTLS writes of its version (RFC 9147 section 4, RFC 6347 section 4.1; 0x0100: OpenSSL before 0.9.8f).
_DTLS = {0xFEFF: "DTLS 1.0", 0xFEFD: "DTLS 1.2", 0x0100: "DTLS 1.0 (an early OpenSSL's)"}
_TYPES = {20: "change_cipher_spec", 21: "alert", 22: "handshake", 23: "application_data", 24: "heartbeat", 25: "tls12_cid"}
_MESSAGES = {0: "hello_request", 1: "client_hello", 2: "server_hello", 3: "hello_verify_request", 11: "certificate"}
# Versions of QUIC (RFC 9000, RFC 9369) and the packet types of their long headers (RFC 9000 section 17.2, RFC 9369 section 3.2).
_QUIC = {0x00000001: "QUIC version 1", 0x6B3343CF: "QUIC version 2"}
_LONG = ("Initial", "0-RTT", "Handshake", "Retry")
_FIXED = 0xC0
_LONGEST_ID = 20


def describe(data: bytes, offset: int) -> str:
    """What the UDP datagram whose header begins at `offset` carries, in a sentence; "" where it is none of the two."""
    body = data[offset + 8 :]
    return _dtls(body) or _quic(body)


def _dtls(body: bytes) -> str:
    """A DTLS record in clear: type, version, epoch, sequence number, length (RFC 6347 section 4.1)."""
    if len(body) < 13 or body[0] not in _TYPES:
        return ""
    version = _DTLS.get(body[1] << 8 | body[2])
    size = body[11] << 8 | body[12]
    if version is None or not size or size > 18432:
        return ""
    what, epoch = _TYPES[body[0]], body[3] << 8 | body[4]
    if epoch:
        what = f"encrypted {what}"
    elif body[0] == 22 and len(body) > 13:
        what = f"{what}, {_MESSAGES.get(body[13], f'message {body[13]}')}"
    return f"{version} over UDP ({what}): named, not read"


def _quic(body: bytes) -> str:
    """A QUIC packet with a long header: form and fixed bit, version, two connection IDs (RFC 9000 section 17.2)."""
    if len(body) < 7 or body[0] < 0x80:
        return ""
    number = int.from_bytes(body[1:5], "big")
    first = body[5]
    second = body[6 + first] if len(body) > 6 + first else -1
    if first > _LONGEST_ID or not 0 <= second <= _LONGEST_ID:
        return ""
    if number == 0:
        rest = len(body) - 7 - first - second
        return "QUIC version negotiation over UDP: named, not read" if rest > 0 and not rest % 4 else ""
    draft = number >> 8 == 0xFF0000
    version = _QUIC.get(number) or (f"QUIC draft {number & 0xFF}" if draft else "")
    if not version or body[0] < _FIXED:
        return ""
    kind = body[0] >> 4 & 3
    # Version 2 counts them on by one.
    return f"{version} over UDP ({_LONG[(kind - 1) % 4 if number == 0x6B3343CF else kind]} packet): named, not read"
