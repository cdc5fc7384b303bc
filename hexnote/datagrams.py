"""What IP carries instead of TCP, where TLS or its kin may be in it: recognised and named, not read (DTLS: RFC 9147, QUIC:
RFC 9000; tunnels: IP in IP, RFC 2003 and RFC 4213, GRE, RFC 2784, VXLAN, RFC 7348)."""

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
_UDP, _GRE = 17, 47
_INSIDE = "{} inside {}, a tunnel: named, not read{}"


def describe(data: bytes, ip: int, offset: int, protocol: int) -> str:
    """What an IP packet carries that is no TCP, in a sentence; "" where it is nothing known. `ip`: dump offset of the IP
    header; `offset`: that behind it, and behind extension headers; `protocol`: what IP says follows."""
    if protocol == _UDP:
        body = data[offset + 8 :]
        return _dtls(body) or _quic(body) or _vxlan(data, offset)
    return _tunnel(data, ip, offset, protocol)


def _tunnel(data: bytes, ip: int, offset: int, protocol: int) -> str:
    """IP in IP, or in GRE: the fields behind the first four bytes of GRE are there by its flags (RFC 2890 section 2)."""
    what = "IP"
    if protocol == _GRE:
        if len(data) < offset + 4 or data[offset] & 0x4F or data[offset + 1]:
            return ""
        kind = data[offset + 2] << 8 | data[offset + 3]
        flags = data[offset]
        offset += 4 + 4 * (flags >> 7 & 1) + 4 * (flags >> 5 & 1) + 4 * (flags >> 4 & 1)
        protocol, what = {0x0800: 4, 0x86DD: 41}.get(kind, 0), "GRE"
        if kind == 0x6558:
            return _INSIDE.format("an Ethernet frame", what, "")
    version = {4: 4, 41: 6}.get(protocol, 0)
    if not version or len(data) <= offset or data[offset] >> 4 != version:
        return ""
    # The EtherType before the outer header, which stays, has to be right for what then stands behind it.
    command = f"; of an Ethernet capture, editcap -C 14:{offset - ip} takes the outer headers away" \
        if data[ip] >> 4 == version else ""
    return _INSIDE.format(f"an IPv{version} packet", what, command)


def _vxlan(data: bytes, offset: int) -> str:
    """VXLAN's flags, with the one that says that a network's number is there (RFC 7348 section 5), to its port."""
    there = len(data) >= offset + 16 and data[offset + 2] << 8 | data[offset + 3] == 4789 and data[offset + 8] == 8
    return _INSIDE.format("an Ethernet frame", "VXLAN", "") if there else ""


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
