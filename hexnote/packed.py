"""Compressed certificates opened, as far as that is safe (RFC 8879)."""

from __future__ import annotations

import zlib

from hexnote.hints import Any, Optional
from hexnote.tuples import NamedTuple

ZLIB = 1
# Certificates shrink to a half or a third. What would grow more than this is no certificate, and is not let grow.
_MOST = 32
_FREE = 4096


class Opened(NamedTuple):
    """What a CompressedCertificate holds: `data`; `note` in words; `problem`, "" if none."""

    data: bytes
    note: str
    problem: str = ""


def certificate(buf: Any) -> Optional[Opened]:
    """The Certificate message inside a CompressedCertificate, whose own message `buf` is, header included.

    No more comes out than the message declares, nor than 32 times what goes in. None where `buf` is too short, or not
    of zlib: what other algorithms there are stays closed.
    """
    if not isinstance(buf, bytes) or len(buf) < 12:
        return None
    algorithm, declared = buf[4] << 8 | buf[5], int.from_bytes(buf[6:9], "big")
    packed = buf[12 : 12 + int.from_bytes(buf[9:12], "big")]
    if algorithm != ZLIB:
        return None
    limit = min(declared, _FREE + _MOST * len(packed))
    opener = zlib.decompressobj()
    data, problem = b"", ""
    try:
        # In slices, so that what came before a mistake is kept; one byte more than is let out tells that there is more.
        for at in range(0, len(packed), 256):
            data += opener.decompress(packed[at : at + 256], limit + 1 - len(data))
            if len(data) > limit or opener.eof:
                break
    except zlib.error:
        problem = "the compressed certificates are no zlib stream" + (f" behind byte {len(data)}" if data else "")
    if len(data) > limit:
        data = data[:limit]
        more = f"more than the {declared} bytes that are declared" if limit == declared else f"more than {_MOST} times their size"
        problem = f"the certificates grow to {more}; the rest is left closed"
    elif not problem and not opener.eof:
        problem = "the compressed certificates end in the middle"
    elif not problem and len(data) < declared:
        problem = f"the certificates have {len(data)} bytes, {declared} are declared"
    return Opened(data, f"certificates decompressed: {len(packed)} bytes become {len(data)}", problem)
