"""Names and labels: a field, a list, a heading in a few words."""

from __future__ import annotations

from hexnote.hints import Optional, Tuple
from hexnote.model import ARRAY, CONTENT_TYPES, MISSING, PLAINTEXT, SIDES, Connection, Node, Packet, Part, Record, describe

OPAQUE = ("", "opaque", "hex")
LONG = (*OPAQUE, "serial")  # and big numbers
SEALED = ("Encrypted", "ApplicationData")  # types of encrypted bodies
NAMED = (*SEALED, "Other", "Text", "Unread", "Skipped")  # types with a name for readers
_HEAD = 8  # bytes of those that are no value which are shown, of longer ones
SINCE, ABOVE = ", begun in an earlier packet", ", begun earlier in this packet"


def name_of(node: Node, part: Part) -> str:
    """What a field is called."""
    if node.type == "Encrypted":
        kind = CONTENT_TYPES.get(part.record.type or 0, "data") if part.record else "data"
        return f"encrypted {kind}"
    if node.type == "ApplicationData":
        return "application data"
    if node.type == "Other":
        return "not TLS"
    if node.type == "Unread":
        return "unread bytes"
    if node.type == "Skipped":
        return "more of the message than is kept, stepped over"
    if node.kind == MISSING:
        name = "rest of the record" if node.suffix == ".missing" else "DER value" if node.name == "missing" else node.name
        return f"{name} (cut here)" if isinstance(part.buf, bytes) and not part.done else f"{name} (unreadable behind a hole)"
    return node.name + node.suffix.replace(".", " ")


def endless(node: Node) -> bool:
    """Whether no length tells where a field ends, but what comes behind it: its first row cannot say how long it is."""
    return node.type in ("Other", "Unread") or (node.type == "Clear" and node.show == "hex") or (
        node.kind == MISSING and node.suffix == ".missing")


def list_label(node: Node, name: str, size: int, raw: bytes) -> str:
    """The label of a list; a single value, where it is known already, needs none."""
    if size <= node.size:
        return f"{name} = {node.say(raw)}" if len(raw) == size else f"{name}: {count(size // node.size, 'value')}"
    return f"{name}: {count(size // node.size, 'value')}, listed below"


def opaque_label(node: Node, name: str, size: int, head: bytes, finished: bool = False) -> str:
    """The label of bytes that are no value: how many, and the first of them."""
    if node.type in ("Other", "Text"):
        name = f"{name}, {count(size, 'byte')}" if node.type == "Text" else name
        return f'{name}: "{"".join(chr(c) if 32 <= c < 127 else "." for c in head)}"'
    label = name if endless(node) else f"{name}, {count(size, 'byte')}"
    if node.type == "ApplicationData":
        return f"{label}, encrypted"
    if node.type == "Encrypted":
        return f"{label}{', by its place a Finished' if finished else ''}"
    if node.kind == MISSING:
        return label
    shown = head_of(size)
    return f"{label}: {head[:shown].hex()}{'...' if size > shown else ''}"


def head_of(size: int) -> int:
    """How many of `size` bytes that are no value are shown: dots take the place of more than their own."""
    return size if size <= _HEAD + 2 else _HEAD


def sender(side: int, connection: Optional[Connection]) -> str:
    """Who sent it; with more than one connection, in which."""
    if connection is not None and connection.number:
        return f"connection {connection.number}, {SIDES[side]}"
    return SIDES[side]


def record_heading(part: Part, connection: Optional[Connection], packet: Packet) -> str:
    """The heading of a record, or of the part of its header that is there; "" where there is none."""
    who = sender(part.side, connection)
    record = part.record
    if record is None:
        return f"{who}: a record header begins here and goes on in a later packet" if part.begins else ""
    return f"packet {packet.number}, {who}, record {record.number}: {describe(record)}"


class Wording:
    """What `describe` says of records that differ in their length alone."""

    __slots__ = ("text", "extra", "sealed", "others")

    def __init__(self, text: str, extra: int, sealed: bool, others: Tuple[int, ...]) -> None:
        self.text = text  # with gaps for the bytes of the body and, if it is `sealed`, of the plaintext
        self.extra = extra  # bytes that the body has more than the plaintext
        self.sealed = sealed
        self.others = others  # lengths of plaintext of which something else is said

    def of(self, size: int) -> str:
        """The words on a record whose body has `size` bytes; "" where they may be others."""
        plain = size - self.extra
        if not 1 < plain <= PLAINTEXT or plain in self.others:
            return ""
        return self.text % ((size, plain) if self.sealed else size)


def wording_of(record: Record, words: str) -> Optional[Wording]:
    """The wording of what `describe` says of a record; None where more than two numbers in that, or in remarks, depend on its
    length: block ciphers leave several lengths of plaintext, classes of suites that may be in use even more."""
    size = record.length - record.header
    plain = size
    others: Tuple[int, ...] = ()
    if record.protection:
        each = record.protection[0]
        known = each.plain(size)
        if record.news or len(record.protection) > 1 or each.block > 1 or known is None:
            return None
        plain = known[0]
        if each.inner:
            others = (2, 5, each.finished)  # an alert, a KeyUpdate, a Finished may be so long
    text = words.replace("%", "%%").replace(f", {size} bytes", ", %d bytes").replace(f" {plain} bytes", " %d bytes")
    made = Wording(text, size - plain, bool(record.protection), others)
    return made if text.count("%d") == 1 + made.sealed and made.of(size) == words else None


def resuming(part: Part, connection: Optional[Connection], packet: Packet) -> str:
    """The heading of a packet that goes on with a message in clear; "" where that has no name."""
    record, message = part.record, part.message
    if record is None or message is None or not message.name:
        return ""
    who = sender(part.side, connection)
    return f"packet {packet.number}, {who}, record {record.number} goes on: {message.name}"


def count(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shade(node: Node) -> str:
    """The kind of a field's note, as far as colour goes."""
    if node.suffix == ".length" or node.name == "length" or node.show == "length":
        return "length"
    if node.names is not None or node.kind == ARRAY:
        return "name"
    return "bytes" if node.show in LONG else "value"


def numbered(label: str, node: Node, index: int) -> str:
    """The label of an item of a vector: its name with the item's number."""
    return f"{node.name}[{index}]{label[len(node.name):]}" if label.startswith(node.name) else label


def unfinished(said: str, size: int = -1) -> str:
    """A label whose field goes on behind what a note here may know of; `size`: its bytes, where a length tells them."""
    opens = said.find('"') + 1
    if opens and said[-1] == '"':  # a name: behind one of its words
        behind = max(said.rfind(sign, opens) for sign in " ./@-") + 1
        said = f'{said[:behind].rstrip(" ")}"' if behind else said
    more = "" if said.endswith("...") else " ..."
    return f"{said}{more}" if size < 0 else f"{said}{more} ({count(size, 'byte')})"
