"""Input that is no text: what it is, and the command that makes text of it."""

from __future__ import annotations

from hexnote.coding import wide
from hexnote.hints import Optional
from hexnote.tuples import NamedTuple


class Kind(NamedTuple):
    """A kind of binary file."""

    magic: bytes  # how it begins
    name: str
    command: str  # what makes text of it on standard output, {} for the file; "" where nothing does
    wraps: bool = False  # something else is packed inside


_TCPDUMP = "tcpdump -nX -r {}"
_TSHARK = "tshark -r {} -F pcap -w - | tcpdump -nX -r -"

KINDS = (
    Kind(b"\xd4\xc3\xb2\xa1", "a pcap capture", _TCPDUMP),
    Kind(b"\xa1\xb2\xc3\xd4", "a pcap capture", _TCPDUMP),
    Kind(b"\x4d\x3c\xb2\xa1", "a pcap capture", _TCPDUMP),
    Kind(b"\xa1\xb2\x3c\x4d", "a pcap capture", _TCPDUMP),
    Kind(b"\x34\xcd\xb2\xa1", "a pcap capture", _TCPDUMP),
    Kind(b"\xa1\xb2\xcd\x34", "a pcap capture", _TCPDUMP),
    Kind(b"\n\r\r\n", "a pcapng capture", _TCPDUMP),
    Kind(b"snoop\0\0\0", "a snoop capture", _TSHARK),
    Kind(b"GMBU", "a Network Monitor capture", _TSHARK),
    Kind(b"\x1f\x8b", "gzip data", "gzip -dc {}", True),
    Kind(b"BZh91AY&SY", "bzip2 data", "bzip2 -dc {}", True),
    Kind(b"\xfd7zXZ\0", "xz data", "xz -dc {}", True),
    Kind(b"\x28\xb5\x2f\xfd", "zstd data", "zstd -dc {}", True),
    Kind(b"\x04\x22\x4d\x18", "lz4 data", "lz4 -dc {}", True),
    Kind(b"PK\3\4", "a zip archive", "unzip -p {}", True),
    Kind(b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z e -so {}", True),
    Kind(b"%PDF-", "a PDF document", "pdftotext -layout {} -"),
    Kind(b"\x89PNG\r\n", "a picture", ""),
    Kind(b"\xff\xd8\xff", "a picture", ""),
    Kind(b"GIF8", "a picture", ""),
    Kind(b"\x16\x03", "raw TLS bytes", "hexdump -C {}"),
)
_OTHER = Kind(b"", "binary data", "hexdump -C {}")

# Text of two bytes a character has NULs; the byte order mark tells it.
_MARKS = (b"\xff\xfe", b"\xfe\xff")
# Without a known beginning, the first line decides, or as much of it as this.
_WINDOW = 512
_CONTROLS = bytes(c for c in range(32) if c not in b"\b\t\n\f\r\x1b")


def enough(head: bytes) -> bool:
    """Whether `head`, the first bytes of an input, says what it is, whatever follows."""
    if len(head) >= _WINDOW:
        return True
    if 0 in head[:4]:
        return False
    return b"\n" in head and not any(kind.magic.startswith(head) for kind in KINDS)


def kind(head: bytes) -> Optional[Kind]:
    """What an input that begins with `head` is; None: text. Of `head` no more is read than `enough` asks for."""
    for known in KINDS:
        if head.startswith(known.magic):
            return known
    if head.startswith(_MARKS) or (0 in head[:4] and wide(head[:_WINDOW])):
        return None
    line = head[: head.find(b"\n", 0, _WINDOW) + 1 or _WINDOW]
    if 0 not in line:
        return None
    controls = len(line) - len(line.translate(None, _CONTROLS))
    return _OTHER if controls * 10 > len(line) else None


def advice(found: Kind, name: str, head: bytes) -> str:
    """A sentence for the user about the file `name` ("-": standard input), which begins with `head`."""
    import shlex

    shown = name if name != "-" else "standard input"
    if not found.command:
        return f"{shown} is {found.name}: hexnote reads text alone; copy the dump as text"
    file = "FILE" if name == "-" else shlex.quote(name if not name.startswith("-") else "./" + name)
    command = found.command.replace("{}", file)
    what = found.name
    if found.wraps:
        inner = _inside(head) if found.magic == b"\x1f\x8b" else None
        if inner is not None and inner.command:
            what += f" with {inner.name} inside"
            command += " | " + inner.command.replace("{}", "-")
    return f"{shown} is {what}, not text: try {command} | hexnote"


def _inside(head: bytes) -> Optional[Kind]:
    """What is packed in gzip data that begins with `head`."""
    import zlib

    try:
        return kind(zlib.decompressobj(31).decompress(head[:_WINDOW], _WINDOW))
    except zlib.error:
        return None
