"""Conversations made by hand, for diagnoses: hellos with any contents, records of any length, in TCP.

`Talk` is a script: `say(side, records...)` puts records into one segment; `findings()` has it read. Encrypted records
are zeros: only their type and length count.
"""

from __future__ import annotations

import struct
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from handshakes import ALERT, CCS, CLIENT, DATA, HANDSHAKE, SERVER, Wire, dump, extension, message, record, vector
from support import Object, objects, of

__all__ = ["ALERT", "CCS", "CLIENT", "DATA", "HANDSHAKE", "SERVER", "Talk", "cert", "chain", "hello", "hs", "sealed", "server"]


def hs(*messages: bytes, version: int = 0x0303) -> bytes:
    """A handshake record in clear."""
    return record(HANDSHAKE, b"".join(messages), version)


def sealed(kind: int, size: int, version: int = 0x0303) -> bytes:
    """An encrypted record of `size` bytes."""
    return record(kind, b"\xee" * size, version)


def alert(level: int, description: int, version: int = 0x0303) -> bytes:
    """An alert in clear."""
    return record(ALERT, bytes((level, description)), version)


def ccs(version: int = 0x0303) -> bytes:
    """A ChangeCipherSpec in clear."""
    return record(CCS, b"\1", version)


def numbers(*values: int) -> bytes:
    """Two-byte numbers."""
    return struct.pack(f">{len(values)}H", *values)


def hello(
    suites: Sequence[int] = (0xC02F, 0x009C, 0x002F), extensions: Optional[Dict[int, bytes]] = None, version: int = 0x0303,
    session: bytes = b"", compressions: bytes = b"\0", random: bytes = bytes(range(32)), signal: bool = True,
) -> bytes:
    """A ClientHello; `signal`: with renegotiation_info."""
    listed = dict(extensions or {})
    if signal:
        listed.setdefault(0xFF01, b"\0")
    body = struct.pack(">H", version) + random + vector(1, session) + vector(2, numbers(*suites)) + vector(1, compressions)
    return message(1, body + vector(2, b"".join(extension(k, v) for k, v in listed.items())))


def server(
    suite: int = 0xC02F, extensions: Optional[Dict[int, bytes]] = None, version: int = 0x0303, session: bytes = b"",
    compression: int = 0, random: bytes = bytes(range(100, 132)), signal: bool = True,
) -> bytes:
    """A ServerHello."""
    listed = dict(extensions or {})
    if signal:
        listed.setdefault(0xFF01, b"\0")
    body = struct.pack(">H", version) + random + vector(1, session) + numbers(suite) + bytes((compression,))
    return message(2, body + vector(2, b"".join(extension(k, v) for k, v in listed.items())))


SNI = {0: vector(2, b"\0" + vector(2, b"www.example.com"))}
V13 = {43: vector(1, numbers(0x0304)), 51: vector(2, numbers(0x001D) + vector(2, bytes(32))), 10: vector(2, numbers(0x001D))}
S13 = {43: numbers(0x0304), 51: numbers(0x001D) + vector(2, bytes(32))}
SKE = message(12, b"\3" + numbers(0x001D) + vector(1, bytes(32)) + numbers(0x0804) + vector(2, bytes(256)))
DONE = message(14, b"")
CKE = message(16, vector(1, bytes(32)))
CV = message(15, numbers(0x0804) + vector(2, bytes(256)))


def request(*names: bytes) -> bytes:
    """A CertificateRequest of TLS 1.2 that lists DER names."""
    return message(13, vector(1, b"\1\x40") + vector(2, numbers(0x0804, 0x0403)) + vector(2, b"".join(vector(2, n) for n in names)))


class Authority:
    """Certificates made on the spot; a name is an authority where it ends in CA."""

    def __init__(self) -> None:
        self.keys: Dict[str, Any] = {}

    def key(self, name: str, bits: int = 2048) -> Any:
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        if name not in self.keys:
            self.keys[name] = ec.generate_private_key(ec.SECP256R1()) if bits == 256 else rsa.generate_private_key(65537, bits)
        return self.keys[name]

    def make(
        self, subject: str, issuer: str, names: Sequence[str] = (), bits: int = 256, start: str = "2020-01-01",
        end: str = "2040-01-01", digest: str = "SHA256", path: Optional[int] = None, purpose: str = "",
        below: Sequence[str] = (), never: Sequence[str] = (), staple: bool = False,
    ) -> bytes:
        """The DER of a certificate; `below`, `never`: the names that an authority allows and forbids."""
        import datetime

        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509.oid import NameOID

        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        def day(text: str) -> datetime.datetime:
            return datetime.datetime.fromisoformat(text)

        built = (
            x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named(issuer)).serial_number(7)
            .public_key(self.key(subject, bits).public_key()).not_valid_before(day(start)).not_valid_after(day(end))
            .add_extension(x509.BasicConstraints(subject.endswith("CA"), path), True)
        )
        if names:
            built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        if purpose:
            built = built.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose)]), False)
        if below or never:
            bases = [[x509.DNSName(n) for n in each] or None for each in (below, never)]
            built = built.add_extension(x509.NameConstraints(*bases), True)
        if staple:
            built = built.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)
        signed = built.sign(self.key(issuer), getattr(hashes, digest)())
        return signed.public_bytes(serialization.Encoding.DER)


_authority = Authority()


def cert(subject: str, issuer: str, *names: str, **more: Any) -> bytes:
    """A certificate: `cert("www.example.com", "Inner CA", "www.example.com")`."""
    return _authority.make(subject, issuer, names, **more)


def chain(*certificates: bytes) -> bytes:
    """A Certificate message up to TLS 1.2."""
    return message(11, vector(3, b"".join(vector(3, der) for der in certificates)))


class Talk:
    """A connection by script."""

    def __init__(self, ports: Tuple[int, int] = (50000, 443), open: bool = True) -> None:
        self.wire = Wire(ports)
        self.at = [0, 0]
        if open:
            self.wire.open()

    def say(self, side: int, *parts: bytes) -> Talk:
        """One segment."""
        data = b"".join(parts)
        self.wire.send(side, data, self.at[side])
        self.at[side] += len(data)
        return self

    def segments(self, side: int, data: bytes, size: int = 1000) -> Talk:
        """As many segments as it takes."""
        for i in range(0, len(data), size):
            self.say(side, data[i : i + size])
        return self

    def fin(self, *sides: int) -> Talk:
        """FINs, acknowledged."""
        for side in sides:
            self.wire.close(side)
            self.wire.ack(1 - side)
        return self

    def rst(self, side: int, ttl: int = 64, ipid: int = 0, payload: bytes = b"") -> Talk:
        """A RST, with headers as wished."""
        self.wire._put(side, 0x14, self.at[side], payload)
        packet = bytearray(self.wire.packets[-1])
        packet[8] = ttl
        packet[4:6] = ipid.to_bytes(2, "big")
        packet[10:12] = b"\0\0"
        from handshakes import checksum

        packet[10:12] = checksum(bytes(packet[:20])).to_bytes(2, "big")
        self.wire.packets[-1] = bytes(packet)
        return self

    def text(self) -> bytes:
        """As tcpdump prints it."""
        return dump(self.wire.packets)

    def findings(self) -> List[Object]:
        """What hexnote finds."""
        return of(objects(self.text()), "finding")

    def codes(self) -> Set[str]:
        """The codes of it."""
        return {f["code"] for f in self.findings()}


def full(
    first: Optional[bytes] = None, answer: Optional[bytes] = None, certificates: Optional[bytes] = None, asked: bytes = b"",
    sent: Sequence[bytes] = (), finish: bool = True, version: int = 0x0303, **more: Any,
) -> Talk:
    """A full handshake of TLS 1.2 (ECDHE), up to both Finished, or up to the client's flight."""
    talk = Talk(**more)
    talk.say(CLIENT, hs(first or hello(), version=version))
    flight = [answer or server(), certificates or chain(cert("www.example.com", "Inner CA", "www.example.com"),
                                                        cert("Inner CA", "Root CA")), SKE]
    talk.segments(SERVER, b"".join(hs(each, version=version) for each in (*flight, *([asked] if asked else []), DONE)))
    talk.say(CLIENT, hs(*sent, CKE, version=version) if not sent or CKE not in sent else hs(*sent, version=version))
    if finish:
        talk.say(CLIENT, ccs(version), sealed(HANDSHAKE, 40, version))
        talk.say(SERVER, ccs(version), sealed(HANDSHAKE, 40, version))
    return talk


def resumed(version: int = 0x0303) -> Talk:
    """A resumed handshake of TLS 1.2, by session ID, up to the server's Finished."""
    session = bytes(range(32))
    talk = Talk().say(CLIENT, hs(hello(session=session), version=version))
    return talk.say(SERVER, hs(server(session=session), version=version), ccs(version), sealed(HANDSHAKE, 40, version))
