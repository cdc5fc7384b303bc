"""What a block is made of that a log shows before encryption or after decryption.

Two libraries log records so, beside the bytes on the wire:

* Java (javax.net.debug): "Plaintext ..." for an AEAD, "Padded plaintext ..." for any other suite, in Java 8 for all.
* mbed TLS: 'before encrypt: output payload' and 'input payload after decrypt', the content of one record.

What such a buffer holds depends on the suite that the connection has agreed on, and in TLS 1.3 on the way:

    before encryption, Java     TLS 1.3: content, content type, zeros     RFC 8446 section 5.2
                                AEAD: content                             RFC 5246 section 6.2.3.3
                                stream cipher: content, MAC               section 6.2.3.1
                                block cipher: [IV,] content, MAC, padding section 6.2.3.2; the IV from TLS 1.1 on
    after decryption, Java      the same, but in TLS 1.3 the content alone
    mbed TLS                    content

The content type is what the log said of the record just before, else what the bytes prove. Nothing is guessed: where
the parts do not fit, there is no shape but a reason.
"""

from __future__ import annotations

from re import compile as regex

from hexnote.hints import FrozenSet, List, Optional, Tuple, Union
from hexnote.model import Block, Protection
from hexnote.tuples import NamedTuple

_ALERT, _HANDSHAKE, _DATA = 21, 22, 23
_WHOLE = 1024  # a block of fewer bytes, whose length nobody says, ends with its rows: longer ones are told piece by piece
_LONGEST = 400  # of a line that says something of a record

# Handshake types that are encrypted: in TLS 1.3 (RFC 8446 section 4, RFC 8879), and before it, in renegotiations too.
_NEW: FrozenSet[int] = frozenset((4, 5, 8, 11, 13, 15, 20, 24, 25))
_OLD: FrozenSet[int] = frozenset((1, 2, 4, 11, 12, 13, 14, 15, 16, 20, 22))
_FINISHED = 20
# Descriptions of alerts (RFC 8446 section 6); the three that end or refuse nothing have the level 1.
_WARNINGS = (0, 90, 100)
_FATAL: FrozenSet[int] = frozenset((10, 20, 21, 22, 30, *range(40, 52), 60, 70, 71, 80, 86, *range(109, 117), 120))

# Java since 8u261: "...|WRITE: TLSv1.3 handshake, length = 52" (of the content) and "...|READ: TLSv1.2 handshake, length =
# 64" (of the record); before that "main, READ: TLSv1.2 Handshake, length = 40". Its own WRITE comes behind the block.
_JAVA = regex(
    rb"[^\n]{0,240}?(?P<new>\|)?(?(new)|, )(?P<way>READ|WRITE): TLSv1(?:\.[123])? (?P<kind>[A-Za-z_ ]{5,20})"
    rb"(?:\([a-z0-9_]{1,40}\))?, length = (?P<size>\d{1,5})[ \t\r]*\n")
# "...|3| input record: msgtype = 22, version = [3:3], msglen = 40" and "...|4| record type after decrypt (before 23): 22"
_MBEDTLS = regex(
    rb"[^\n]{0,120}?(?:input record: msgtype = (?P<kind>\d{1,3}), version = \[[0-9a-fx:]{3,8}\], msglen = (?P<size>\d{1,5})"
    rb"|record type after decrypt \(before 23\): (?P<inner>\d{1,3}))[ \t\r]*\n")
_KINDS = {b"changecipherspec": 20, b"alert": 21, b"handshake": 22, b"applicationdata": 23}


class Said(NamedTuple):
    """What a line of the log says of the record whose bytes come next."""

    kind: int  # its content type; in TLS 1.3 that of a record that is read is 23, whatever it holds
    size: int  # in bytes: of a record that is read, without its header; of the content of one that is written, and where
    # that is no application data, of the explicit nonce or IV before it too
    inner: bool = False  # `kind` is that of the content
    thread: bytes = b""  # whose record it is, as Java names its threads; b"": the line does not say


class Shape(NamedTuple):
    """Where the content stands in a block, and what else is there; offsets count from the block's first byte."""

    content: int  # content type
    lo: int
    hi: Optional[int]  # None: all the rest is content
    size: int  # of the block, 0: what comes is all
    tail: Tuple[Tuple[str, int, Optional[int]], ...]  # (what, from, to), to None: all the rest
    finished: bool  # one of its messages is a Finished
    whole: bool  # all of the block was there to be looked at


class Sayings:
    """The lines of a log that tell of records, the last one of each end."""

    def __init__(self) -> None:
        self._last: List[Optional[Said]] = [None, None]  # by block side: 0 what is written, 1 what is read

    def line(self, text: bytes) -> None:
        """Takes a line of prose."""
        if len(text) > _LONGEST:
            return
        found = _JAVA.match(text)
        if found is not None:
            kind = _KINDS.get(found["kind"].translate(None, b" _").lower())
            written = found["way"] == b"WRITE"
            if kind is not None and (found["new"] or not written):
                self._last[not written] = Said(kind, int(found["size"]), written, _thread(text))
            return
        found = _MBEDTLS.match(text)
        if found is None:
            return
        before = self._last[1]
        if found["inner"] is None:
            self._last[1] = Said(int(found["kind"]), int(found["size"]))
        elif before is not None:
            self._last[1] = before._replace(kind=int(found["inner"]), inner=True)

    def take(self, block: Block) -> Optional[Said]:
        """What was said of the record that `block` shows; it is said of no other."""
        side = block.side or 0
        said, self._last[side] = self._last[side], None
        if said is None or (said.thread and said.thread != _thread(block.text[: block.head])):
            return None
        return said


def _thread(line: bytes) -> bytes:
    """The thread that wrote a line of Java's log: "javax.net.ssl|DEBUG|10|main|..."; b"" where it does not say."""
    parts = line.split(b"|", 4)
    return b"|".join(parts[2:4]) if len(parts) == 5 else b""


def shape(block: Block, each: Optional[Protection], said: Optional[Said], before: bool) -> Union[Shape, str]:
    """What `block` is made of, or, in words, why that is not known.

    `each`: how the records of its end are protected. `before`: no Finished of that end was shown yet, nor anything unread.
    """
    if each is None:
        return "how the suite protects them is not known here"
    data, declared = block.data, block.declared or 0
    whole = len(data) >= declared if declared else len(data) < _WHOLE and not block.broken
    size = declared or (len(data) if whole else 0)
    read = block.side == 1
    parts = _parts(block, each, said, whole, size)
    if isinstance(parts, str):
        return parts
    kind, lo, hi, tail = parts
    if said is not None and (said.inner or not each.inner):
        if kind is not None and kind != said.kind:
            return "the log says another content type than they do"
        kind = said.kind
    end = hi if hi is not None else size or None  # of the content
    # Where it ends at the latest: the record has a tag or a MAC too.
    most = end if end is not None else 1 << 24
    if said is not None:
        told = said.size - each.mac - each.inner if read else said.size
        told -= each.nonce if read or kind != _DATA else 0
        if told < 0 or (end is not None and (end - lo > told or end - lo < told and _exact(block, each))):
            return f"their number is not what the log says of the record ({said.size} bytes)"
        most = min(most, lo + told)
        if end is None and _exact(block, each):
            end = most
    kinds = messages_of(data[lo:most], most - lo, _NEW if each.inner else _OLD if kind is None else None)
    if kind is None:
        kind = _proved(data[lo:end], end, kinds, each, before)
        if kind is None:
            return "their content type is not told"
    if kind == _HANDSHAKE:
        if kinds is None or (end is None and not before):
            return "they are no whole handshake messages"
        return Shape(kind, lo, hi, size or (end or 0 if not tail else 0), tail, _FINISHED in kinds, whole)
    if kind not in (20, _ALERT, _DATA) or end is None or (kind != _DATA and end - lo != kind - 19):
        return "they are not what their content type asks for"
    return Shape(kind, lo, hi, size or end, tail, False, whole)


def _exact(block: Block, each: Protection) -> bool:
    """Whether the record's length tells that of the content to the byte: there is no padding between."""
    return block.side == 0 or (each.block == 1 and not each.inner)


_Parts = Tuple[Optional[int], int, Optional[int], Tuple[Tuple[str, int, Optional[int]], ...]]


def _parts(block: Block, each: Protection, said: Optional[Said], whole: bool, size: int) -> Union[_Parts, str]:
    """(content type or None, where the content begins, where it ends or None: at the end, what else there is)."""
    data = block.data
    if b"dumping '" in block.text[: block.head] or (each.inner and block.side == 1):
        return None, 0, None, ()
    if each.inner:
        if whole:
            hi = len(data.rstrip(b"\0")) - 1
        elif said is not None:
            hi = said.size
        else:
            return "where their content ends is not told"
        if hi < 0 or (hi < len(data) and not 20 <= data[hi] <= 24) or (whole and said is not None and hi != said.size):
            return "no content type stands behind their content"
        tail: Tuple[Tuple[str, int, Optional[int]], ...] = (("type", hi, hi + 1), ("zeros", hi + 1, size or None))
        return data[hi] if hi < len(data) else None, 0, hi, tail
    padded = b"Padded" in block.text[: block.head]
    if each.tag:
        return "the suite has no padding" if padded and not block.declared else (None, 0, None, ())
    if not padded or each.after:
        return "the suite has a MAC and padding"
    if not whole:
        return "where their content ends is not known before their last row"
    if each.block == 1:
        return (None, 0, size - each.mac, (("mac", size - each.mac, size),)) if size >= each.mac else "a MAC is longer"
    filled = data[-1]  # bytes of padding before it
    stop = size - 1 - filled
    hi = stop - each.mac
    if size % each.block or hi < each.nonce or (each.version > 0x0300 and data[stop:] != bytes((filled,)) * (filled + 1)):
        return "they do not end in padding"
    return None, each.nonce, hi, (("mac", hi, stop), ("padding", stop, size - 1), ("padding_length", size - 1, size))


def messages_of(data: bytes, size: int, allowed: Optional[FrozenSet[int]]) -> Optional[List[int]]:
    """The types of the handshake messages that `size` bytes are, as far as `data`, the first of them, tells; None where
    they are not just whole messages, or one is of a type that is not allowed."""
    found: List[int] = []
    at = 0
    while at + 4 <= len(data):
        if allowed is not None and data[at] not in allowed:
            return None
        found.append(data[at])
        at += 4 + int.from_bytes(data[at + 1 : at + 4], "big")
        if at > size:
            return None
    return found if found and (at == size or len(data) < size) else None


def _proved(content: bytes, end: Optional[int], kinds: Optional[List[int]], each: Protection, before: bool) -> Optional[int]:
    """The content type that the bytes prove; None: none. Data of an application may look like anything, but not by chance
    like a handshake message to its last byte."""
    size = len(content)
    if end is not None and size == 2 and each.inner and (content[0] == 1 and content[1] in _WARNINGS or content[0] == 2
                                                         and content[1] in _FATAL):
        return _ALERT
    if kinds is None or (end is None and not before) or size < 5:
        return None
    if each.inner:
        return _HANDSHAKE
    # Behind ChangeCipherSpec comes a Finished, of one length (RFC 5246 section 7.4.9).
    return _HANDSHAKE if kinds[0] == _FINISHED and size == each.finished else None
