"""Where a record begins: what its header may look like, in TLS (RFC 8446 section 5.1) and in SSL 2.0, and where one is found."""

from __future__ import annotations

from hexnote.model import PLAINTEXT
from hexnote.patterns import Late

# A record may not be longer than this (RFC 5246 section 6.2.3: 2^14 + 2048).
LONGEST = PLAINTEXT + 2048

# A hello at the start of a record: type, version, length, hello type, length, version.
_HELLO = Late(rb"(?s)\x16\x03[\x00-\x04][\x00-\x40].[\x01\x02]\x00..\x03[\x00-\x04]")
# As `plausible` has it, no more: what is found here has to be taken for a header there.
_HEADER = Late(rb"(?s)[\x14-\x18]\x03[\x00-\x04](?:[\x00-\x47].|\x48\x00)")


def plausible(head: bytes) -> bool:
    """Whether five bytes can be a TLS record header."""
    return 20 <= head[0] <= 24 and head[1] == 3 and head[2] <= 4 and (head[3] << 8 | head[4]) <= LONGEST


def nonsense(head: bytes) -> str:
    """Why five bytes where a record should begin are no header of one (RFC 8446 section 5.1), in words; "" where they
    are but for their length, which has a finding of its own."""
    if not 20 <= head[0] <= 24:
        return f"no record begins here: there is no content type {head[0]}; reading goes on at the next record"
    if head[1] != 3 or head[2] > 4:
        return f"no record begins here: there is no version {head[1]}.{head[2]}; reading goes on at the next record"
    return ""


def plausible_ssl2(head: bytes) -> bool:
    """Whether five bytes begin an SSL 2.0 ClientHello with a two-byte header."""
    return (
        head[0] >= 0x80 and head[2] == 1 and 9 <= ((head[0] & 0x7F) << 8 | head[1]) <= 2000
        and (head[3] == 3 and head[4] <= 4 or head[3] == 0 and head[4] == 2)
    )


def answers_ssl2(head: bytes) -> bool:
    """Whether five bytes begin what a server of SSL 2.0 sends first: its hello, or an error."""
    size = ((head[0] & 0x7F) << 8 | head[1]) if head[0] >= 0x80 else ((head[0] & 0x3F) << 8 | head[1])
    at = 2 if head[0] >= 0x80 else 3
    if head[at] == 0:
        return head[at + 1] == 0 and 3 <= size < 11
    return head[at] == 4 and head[at + 1] <= 1 and head[-1] <= 1 and size >= 11


def hello_at(data: bytes, pos: int) -> int:
    """Where a record with a hello in clear begins in data[pos:], -1: nowhere."""
    while True:
        found = _HELLO.search(data, pos)
        if found is None:
            return -1
        at: int = found.start()
        record = data[at + 3] << 8 | data[at + 4]
        message = data[at + 6] << 16 | data[at + 7] << 8 | data[at + 8]
        if 38 <= message and (message + 4 == record or data[at + 5] == 2 and message + 4 <= record):
            return at
        pos = at + 1


def chain_at(data: bytes, pos: int) -> int:
    """Where two record headers follow each other in data[pos:], or one ends with the data; -1: nowhere."""
    while True:
        found = _HEADER.search(data, pos)
        if found is None:
            return -1
        at: int = found.start()
        after = at + 5 + (data[at + 3] << 8 | data[at + 4])
        if after == len(data) and after > at + 5:
            return at
        if after + 5 <= len(data) and plausible(data[after : after + 5]) and data[after + 1 : after + 3] == data[at + 1 : at + 3]:
            return at
        pos = at + 1


def opens(data: bytes) -> bool:
    """Whether bytes may begin with a record of a handshake or of application data that is longer than they are: one in two million
    that are none does."""
    size = len(data)
    return size >= 16 and data[0] in (22, 23) and plausible(data[:5]) and data[2] > 0 and 5 + (data[3] << 8 | data[4]) > size


def fills(data: bytes, at: int) -> bool:
    """Whether record headers follow each other from data[at:] on up to its end, or beyond."""
    while at + 5 <= len(data):
        if not plausible(data[at : at + 5]):
            return False
        at += 5 + (data[at + 3] << 8 | data[at + 4])
    return at >= len(data) or 20 <= data[at] <= 24
