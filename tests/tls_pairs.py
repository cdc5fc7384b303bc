"""TLS conversations made on the spot by OpenSSL: both ends in this process, every byte seen, keys logged.

What was said inside is known, so that decryption has a truth which needs no other reader.
"""

from __future__ import annotations

import base64
import datetime
import functools
import os
import ssl
import warnings
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from handshakes import CLIENT, SERVER, Wire, der, dump

# The group ffdhe2048 (RFC 7919 appendix A.1).
_FFDHE2048 = int(
    "FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF97D2FE363630C75D8"
    "F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935984F0C70E0E68B77E2A689DAF3EFE872"
    "1DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FBB96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB19"
    "0B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F619172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC2EC22005"
    "C58EF1837D1683B2C6F34A26C1B2EFFA886B423861285C97FFFFFFFFFFFFFFFF", 16)


class Talk(NamedTuple):
    """A conversation: what each side put on the wire, and what it said inside."""

    packets: List[bytes]  # IPv4
    keylog: str  # path
    said: Tuple[List[bytes], List[bytes]]  # by side, in order
    suite: str

    @property
    def dump(self) -> bytes:
        """As tcpdump -nX prints it."""
        return dump(self.packets)


@functools.cache
def credentials(folder: str, kind: str) -> str:
    """The path of a self-signed certificate with its key: "rsa", "ec" or "dsa"."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
    from cryptography.x509.oid import NameOID

    key: Any
    if kind == "rsa":
        key = rsa.generate_private_key(65537, 2048)
    elif kind == "ec":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = dsa.generate_private_key(1024)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pair.example")])
    start = datetime.datetime(2026, 1, 1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    cert = made.not_valid_before(start).not_valid_after(start + datetime.timedelta(days=3650)).sign(key, hashes.SHA256())
    path = os.path.join(folder, kind + ".pem")
    with open(path, "wb") as file:
        file.write(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        file.write(cert.public_bytes(serialization.Encoding.PEM))
    return path


@functools.cache
def _dh_params(folder: str) -> str:
    """The path of a file of Diffie-Hellman parameters (PKCS #3)."""
    body = der(0x30, der(2, b"\0" + _FFDHE2048.to_bytes(256, "big")), der(2, b"\2"))
    path = os.path.join(folder, "dh.pem")
    with open(path, "wb") as file:
        file.write(b"-----BEGIN DH PARAMETERS-----\n" + base64.encodebytes(body) + b"-----END DH PARAMETERS-----\n")
    return path


def suites(version: ssl.TLSVersion) -> List[Dict[str, Any]]:
    """The cipher suites that this OpenSSL has for a version, but those that need more than a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:eNULL:@SECLEVEL=0")
    out = []
    for suite in context.get_ciphers():
        modern = suite["protocol"] == "TLSv1.3"
        if modern != (version == ssl.TLSVersion.TLSv1_3):
            continue
        if suite["protocol"] == "TLSv1.2" and version < ssl.TLSVersion.TLSv1_2:
            continue
        if "PSK" not in suite["name"] and "SRP" not in suite["name"]:
            out.append(suite)
    return out


def _context(folder: str, server: bool, version: ssl.TLSVersion, suite: Optional[Dict[str, Any]], keylog: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    name = suite["name"] if suite is not None and version != ssl.TLSVersion.TLSv1_3 else "ALL"
    context.set_ciphers(f"{name}:@SECLEVEL=0")
    if server:
        kinds = ["rsa", "ec"] + (["dsa"] if "DSS" in name else [])
        for kind in kinds:
            context.load_cert_chain(credentials(folder, kind))
        context.load_dh_params(_dh_params(folder))
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if keylog:
        context.keylog_filename = keylog
    return context


def _carry(ends: Tuple[Any, Any, Any], sizes: int) -> None:
    """Move what the ends have written, in segments of `sizes` bytes, until there is nothing left."""
    into, onto, wire = ends
    moved = True
    while moved:
        moved = False
        for side in (CLIENT, SERVER):
            data = onto[side].read()
            while data:
                moved = True
                wire.send(side, data[:sizes], wire.sent[side])
                into[1 - side].write(data[:sizes])
                data = data[sizes:]


def converse(
    folder: str, version: ssl.TLSVersion, suite: Optional[Dict[str, Any]] = None,
    say: Tuple[bytes, ...] = (b"from the client\n", b"from the server\n"), sizes: int = 1400, resume: bool = False,
    keeper: int = SERVER, extended: bool = True,
) -> Talk:
    """Two ends talk: the client says `say[0]`, the server `say[1]` and so on in turn, then both close.

    `resume`: a second connection, with the session of the first; only it is in the trace. `keeper`: who writes the
    key log. `extended`: extended_master_secret may be agreed. Raises ssl.SSLError where
    this OpenSSL does not do it.
    """
    keylog = os.path.join(folder, f"keys-{os.urandom(6).hex()}.log")
    contexts = [
        _context(folder, side == SERVER, version, suite, keylog if side == keeper else "") for side in (CLIENT, SERVER)
    ]
    if not extended:
        contexts[CLIENT].options |= ssl.Options(1)  # SSL_OP_NO_EXTENDED_MASTER_SECRET
    session: Optional[ssl.SSLSession] = None
    for _ in range(1 + resume):
        into, onto = (ssl.MemoryBIO(), ssl.MemoryBIO()), (ssl.MemoryBIO(), ssl.MemoryBIO())
        ends = [
            contexts[CLIENT].wrap_bio(into[0], onto[0], server_hostname="pair.example", session=session),
            contexts[SERVER].wrap_bio(into[1], onto[1], server_side=True),
        ]
        wire = Wire(ports=(50000, 443))
        wire.open()
        way = (into, onto, wire)
        said: Tuple[List[bytes], List[bytes]] = ([], [])
        done = [False, False]
        for _step in range(12):
            for side in (CLIENT, SERVER):
                if not done[side]:
                    try:
                        ends[side].do_handshake()
                        done[side] = True
                    except ssl.SSLWantReadError:
                        pass
                _carry(way, sizes)
            if all(done):
                break
        for turn, text in enumerate(say):
            ends[turn % 2].write(text)
            said[turn % 2].append(text)
            _carry(way, sizes)
            heard = 0
            while heard < len(text):
                heard += len(ends[1 - turn % 2].read(1 << 15))
        session = ends[CLIENT].session
        cipher = ends[CLIENT].cipher()
        for side in (CLIENT, SERVER):
            try:
                ends[side].unwrap()
            except ssl.SSLError:
                pass
            _carry(way, sizes)
        wire.close(CLIENT)
        wire.close(SERVER)
    assert cipher is not None
    return Talk(wire.packets, keylog, said, cipher[0])
