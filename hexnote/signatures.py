"""Whether one certificate's key verifies another's signature (RFC 5280 section 6.1.3).

Needs the package `cryptography` (extra `hexnote[keys]`); where it is absent, or cannot say, nothing is
checked, and who asks says so. Nor is a signature that was replaced by --redact.
"""

from __future__ import annotations

from hexnote.hints import Dict, Optional, Tuple
from hexnote.model import STAND_IN

_KEPT = 256
_known: Dict[Tuple[bytes, bytes], Optional[bool]] = {}


def verifies(child: bytes, parent: bytes) -> Optional[bool]:
    """Whether the key in the certificate `parent` (DER) verifies the signature of `child`; None: not checked."""
    pair = (child, parent)
    if pair not in _known:
        if len(_known) >= _KEPT:
            _known.clear()
        _known[pair] = _verifies(child, parent)
    return _known[pair]


def _verifies(child: bytes, parent: bytes) -> Optional[bool]:
    if child.endswith(STAND_IN):
        return None
    try:
        from cryptography.exceptions import InvalidSignature
    except ImportError:
        return None
    for how in (_usual, _any):
        try:
            if how(child, parent):
                return True
        except InvalidSignature:
            if how is _any:
                return False
        except Exception:  # an algorithm that it lacks, bytes that it does not read
            pass
    return None


# Signature algorithms (RFC 4055 section 5, RFC 5758 section 3.2): the contents of their OIDs, the hash.
_RSA = {
    bytes.fromhex("2a864886f70d0101") + bytes((last,)): name
    for last, name in ((5, "SHA1"), (11, "SHA256"), (12, "SHA384"), (13, "SHA512"))
}
_ECDSA = {
    bytes.fromhex(oid): name
    for oid, name in (("2a8648ce3d0401", "SHA1"), ("2a8648ce3d040302", "SHA256"), ("2a8648ce3d040303", "SHA384"),
                      ("2a8648ce3d040304", "SHA512"))
}  # fmt: skip


def _usual(child: bytes, parent: bytes) -> bool:
    """Whether it does, by an algorithm of most certificates, without the part of the package that reads certificates: that takes
    more time and memory than all the rest. False: another algorithm. Raises what the package raises, and ValueError."""
    signed, _ = _element(child, 0, 0x30)
    _, signed_end = _element(child, signed, 0x30)
    algorithm, bits = _element(child, signed_end, 0x30)
    oid = child[slice(*_element(child, algorithm, 6))]
    start, end = _element(child, bits, 3)
    signature = child[start + 1 : end]
    name = _RSA.get(oid) or _ECDSA.get(oid)
    if name is None or child[start : start + 1] != b"\0":
        return False
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key, digest = load_der_public_key(_key(parent)), getattr(hashes, name)()
    if isinstance(key, rsa.RSAPublicKey) and oid in _RSA:
        key.verify(signature, child[signed:signed_end], padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and oid in _ECDSA:
        key.verify(signature, child[signed:signed_end], ec.ECDSA(digest))
    else:
        return False
    return True


def _any(child: bytes, parent: bytes) -> bool:
    """The same by every algorithm of the package, for certificates that it reads."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
    from cryptography.x509 import load_der_x509_certificate

    cert, key = load_der_x509_certificate(child), load_der_x509_certificate(parent).public_key()
    digest = cert.signature_hash_algorithm
    signed, signature = cert.tbs_certificate_bytes, cert.signature
    if isinstance(key, rsa.RSAPublicKey) and digest is not None:
        shape = cert.signature_algorithm_parameters
        key.verify(signature, signed, shape if isinstance(shape, padding.PSS) else padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and digest is not None:
        key.verify(signature, signed, ec.ECDSA(digest))
    elif isinstance(key, dsa.DSAPublicKey) and digest is not None:
        key.verify(signature, signed, digest)
    elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        key.verify(signature, signed)
    else:
        return False
    return True


def _key(cert: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a certificate (RFC 5280 section 4.1). Raises ValueError."""
    at, _ = _element(cert, _element(cert, 0, 0x30)[0], 0x30)
    if cert[at : at + 1] == b"\xa0":  # version
        _, at = _element(cert, at, 0xA0)
    for tag in (2, 0x30, 0x30, 0x30, 0x30):  # serial number, signature, issuer, validity, subject
        _, at = _element(cert, at, tag)
    return cert[at : _element(cert, at, 0x30)[1]]


def _element(data: bytes, at: int, tag: int) -> Tuple[int, int]:
    """Where the contents of the DER element at byte offset `at` begin and end. Raises ValueError where it is not there."""
    size = data[at + 1] if at + 1 < len(data) and data[at] == tag else 0x80
    at += 2
    if size > 0x80:
        more = size & 0x7F
        if more > 4 or at + more > len(data):
            raise ValueError("no such element")
        size, at = int.from_bytes(data[at : at + more], "big"), at + more
    elif size == 0x80:
        raise ValueError("no such element")
    if at + size > len(data):
        raise ValueError("no such element")
    return at, at + size
