"""Whether one certificate's key verifies another's signature (RFC 5280 section 6.1.3).

Needs the package `cryptography` (extra `hexnote[keys]`); where it is absent, or cannot say, nothing is
checked, and who asks says so.
"""

from __future__ import annotations

from typing import Dict, Optional, Tuple

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
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
        from cryptography.x509 import load_der_x509_certificate
    except ImportError:
        return None
    try:
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
            return None
    except InvalidSignature:
        return False
    except Exception:  # an algorithm that it lacks, bytes that it does not read
        return None
    return True
