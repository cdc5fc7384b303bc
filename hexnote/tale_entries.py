"""What a record or message says, as a nested list: each entry with its bytes in hex, in decimal and in words."""

from __future__ import annotations

from hexnote.hints import Dict, List, Optional, Sequence, Tuple
from hexnote.model import ARRAY, EXTRA, GROUP, MISSING
from hexnote.report import Field, Message, Place, Record, Unit
from hexnote.wording import Wording

# Bytes of a value that are printed; longer ones are cut, as are texts of so many characters.
LONGEST_HEX = 32
LONGEST_TEXT = 300
_OPAQUE = ("", "opaque", "hex", "serial")
_SEALED = ("Encrypted", "ApplicationData")
# Groups that are told even where they hold a single value.
_TITLED = ("Certificate", "Extension", "Name")


class Entry:
    """An entry of the list: a field, or a structure with the entries in it."""

    __slots__ = ("field", "id", "label", "hex", "number", "words", "kind", "doc", "rfc", "kids", "places", "index", "last",
                 "same", "alias", "listed")  # fmt: skip

    @property
    def sealed(self) -> bool:
        """Whether it is what nobody can read without a key."""
        return self.field is not None and self.field.node.type in _SEALED

    def __init__(self, field: Optional[Field], label: str, kind: str) -> None:
        self.field = field
        self.id = ""  # its address in the document
        self.label = label  # the RFC's name
        self.hex = ""
        self.number = ""  # decimal
        self.words = ""
        self.kind = kind  # "group", "length", "name", "value", "bytes", "text", "missing" or "header": the colour
        self.doc = ""  # teaching note, where it is to be told here
        self.rfc = ""
        self.kids: List[Entry] = []
        self.places: List[Place] = []  # the bytes that belong to it and to no entry in it
        self.index = 0  # number within its document or section, 1-based
        self.last = 0  # number of the last entry in it
        self.alias = ""  # OpenSSL's name for it
        self.listed = False  # a value of a list: its label says which
        self.same = ""  # address of the section that has the same bytes, taken apart there


def clean(text: str, most: int = LONGEST_TEXT) -> str:
    """Text from the trace without what would control a terminal or turn the reading direction, cut near `most` characters."""
    shown = "".join(c if c.isprintable() or c == " " else f"\\u{{{ord(c):x}}}" for c in text[: most + 1])
    return shown[:most] + "..." if len(shown) > most else shown


def grouped(digits: str) -> str:
    """Hex as a dump has it, in groups of two bytes; short values with 0x."""
    if len(digits) <= 16 and "." not in digits:
        return f"0x{digits}" if digits else ""
    cut = digits[: 2 * LONGEST_HEX]
    return " ".join(cut[i : i + 4] for i in range(0, len(cut), 4)) + (" ..." if len(digits) > len(cut) else "")


def spell(entry: Entry, field: Field, count: str, positive: str) -> None:
    """Sets an entry's hex, number and words, out of its field; `count` is its size in words, `positive` says why a DER
    INTEGER begins with a byte of zeros."""
    raw, node = field.raw, field.node
    label = field.label
    if raw is None:
        entry.hex = grouped(field.hex) if set(field.hex) != {"."} else ""
        entry.words = count
        return
    value = node.value(raw)
    if node.show in _OPAQUE and node.kind != EXTRA and not (node.show == "" and value is not None):
        said = node.say(raw)
        if " = " in said and not said.startswith(label):
            entry.label = said[: said.index(" = ")]
        entry.hex = grouped(field.hex)
        entry.words = count
        if label == "modulus" and raw[:1] == b"\0" and raw[1:2] >= b"\x80":
            entry.words += f", {positive}"
        return
    said = node.say(raw)
    if said.startswith(label + " = "):
        words = said[len(label) + 3 :]
    elif " = " in said and node.kind != ARRAY:
        entry.label, words = said.split(" = ", 1)
    else:
        words = said
    if node.show == "text" and isinstance(value, str):
        words = f'"{clean(value)}"' if value else words
    digits = raw.hex()
    for repeated in (f" (0x{digits})", f" ({value})", f"0x{digits}, "):
        words = words.replace(repeated, "", 1)
    entry.hex = "" if node.show == "text" and len(raw) > 8 else grouped(digits)
    if isinstance(value, int) and len(raw) <= 8 and node.show not in ("version", "boolean"):
        entry.number = "" if words.startswith(str(value)) else str(value)
    entry.words, _, entry.alias = ("" if words == entry.number else words).partition(", OpenSSL ")


def _kind(field: Field) -> str:
    """The kind of a field, as far as colour goes."""
    node = field.node
    if node.kind == MISSING or field.raw is None and node.type not in _SEALED:
        return "missing"
    if node.suffix == ".length" or node.name == "length" or node.show == "length":
        return "length"
    if node.show == "text":
        return "text"
    if node.names is not None or node.kind == ARRAY or node.show in ("enum", "version", "oid"):
        return "name"
    return "bytes" if node.show in _OPAQUE else "value"


class Buffers:
    """Bytes beside the wire, decrypted or decompressed: numbered from -1 down, as packets are from 1 up."""

    def __init__(self) -> None:
        self._numbers: Dict[Tuple[int, str, str], int] = {}  # by connection, side and name
        self.names: Dict[int, str] = {}
        self.bytes: Dict[int, bytearray] = {}
        self.have: Dict[int, bytearray] = {}

    def places(self, field: Field) -> List[Place]:
        """Where the bytes of a leaf stand in such buffers."""
        out: List[Place] = []
        at = 0
        raw = field.raw
        for name, lo, hi in field.cuts or [(field.buffer, field.offset, field.offset + field.length)]:
            key = (field.unit.connection.number, field.unit.side, name)
            number = self._numbers.setdefault(key, -1 - len(self._numbers))
            self.names[number] = name
            data, have = self.bytes.setdefault(number, bytearray()), self.have.setdefault(number, bytearray())
            if raw is not None and lo < hi:
                data.extend(bytes(max(hi - len(data), 0)))
                have.extend(bytes(max(hi - len(have), 0)))
                data[lo:hi] = raw[at : at + hi - lo]
                have[lo:hi] = b"\1" * (hi - lo)
                out.append((number, lo, hi))
            at += hi - lo
        return out


class Forest:
    """Makes the entries of a section. `prefix`: what their addresses begin with; `level`: how deep, as in `Node.level`."""

    def __init__(self, level: int, taught: Dict[int, bool], words: Wording, buffers: Optional[Buffers] = None) -> None:
        self.level = level
        self.taught = taught  # nodes whose note was given
        self.words = words
        self.buffers = buffers if buffers is not None else Buffers()
        self.used: Dict[str, int] = {}  # addresses that are taken

    def of(self, records: Sequence[Record], others: Sequence[Unit], prefix: str) -> List[Entry]:
        """The entries for records that belong together, with their messages, or for other bytes."""
        roots: List[Entry] = []
        told: List[Message] = []
        for record in records:
            made = self._grow(record, f"{prefix}.r{record.number}")
            for message in record.messages:
                if message not in told:
                    told.append(message)
                    made += self._message(message, f"{prefix}.r{record.number}")
            head = made[0] if made and made[0].kind == "group" and made[0].label == "record" else None
            if head is not None:
                # A record's envelope holds what is in it.
                head.kids += made[1:]
                head.words = self.words.plain(
                    "entry.record", header=self._size(record.header), size=self._size(record.length - record.header))
                made = [head]
            roots += made
        for other in others:
            if isinstance(other, Message):  # a log shows it, and its record is not in the dump
                roots += self._message(other, f"{prefix}.{other.buffer.replace(':', '')}")
            else:
                roots += self._grow(other, f"{prefix}.o{other.offset}")
        return roots

    def number(self, roots: Sequence[Entry], start: int = 0) -> int:
        """Numbers entries in their order; the last number is returned."""
        for entry in roots:
            start += 1
            entry.index = start
            start = entry.last = self.number(entry.kids, start)
        return start

    def _message(self, message: Message, prefix: str) -> List[Entry]:
        """A message as one entry: its header's fields, then its body's."""
        made = self._grow(message, prefix)
        if len(made) < 2 or made[0].label != "handshake":
            return made
        head, body = made[0], made[1]
        if body.kind != "group":
            # No structure: nothing at all, or bytes that nobody can read.
            empty = body.field is not None and not body.field.length
            if empty:
                head.label, head.id, head.doc, head.rfc = body.label, body.id, body.doc, body.rfc
            else:
                head.label = message.name or head.label
                head.kids.append(body)
            head.kids += made[2:]
            head.words = self._size(message.length)
            return [head]
        body.kids = [*head.kids, *body.kids]
        body.places = head.places + body.places
        body.words = self._size(message.length)
        return [body, *made[2:]]

    def _size(self, number: int) -> str:
        return self.words.count(number, "byte")

    def _grow(self, unit: Unit, prefix: str) -> List[Entry]:
        """The entries of one unit's fields."""
        roots: List[Entry] = []
        stack: List[Tuple[Field, Entry]] = []
        for field in unit.fields:
            entry = Entry(field, field.label, "group" if field.group else _kind(field))
            entry.id = self.address(f"{prefix}.{field.path}")
            while stack and not (stack[-1][0].depth < field.depth or _item(stack[-1][0], field)):
                stack.pop()
            (stack[-1][1].kids if stack else roots).append(entry)
            if field.group:
                stack.append((field, entry))
            elif field.buffer and not field.buffer.startswith(("other:", "logged:")):
                entry.places = self.buffers.places(field)
            else:
                entry.places = field.at
        made: List[Entry] = []
        for entry in roots:
            made += self._prune(entry, True)
        for entry in made:
            self._dress(entry)
        return made

    def address(self, wanted: str) -> str:
        """An address that is not taken yet: the one that is wanted, or that one with a number."""
        wanted = wanted.replace(" ", "_")
        times = self.used[wanted] = self.used.get(wanted, 0) + 1
        return wanted if times == 1 else f"{wanted}~{times}"

    def _prune(self, entry: Entry, root: bool = False) -> List[Entry]:
        """What remains of an entry: itself, what it holds, or nothing told (then it has no kids and no words)."""
        field = entry.field
        assert field is not None
        if not field.group:
            return [entry]
        kids: List[Entry] = []
        for kid in entry.kids:
            for made in self._prune(kid):
                if made.field is not None and made.kind != "group" and made.field.node.level > self.level \
                        and field.node.kind != ARRAY:
                    entry.places = entry.places + made.places
                elif made.kind == "group" and not made.kids:
                    entry.places = entry.places + made.places
                else:
                    kids.append(made)
        entry.kids = kids
        titled = field.node.type in _TITLED and "[" in field.path[-5:]
        if len(kids) == 1 and not root and not titled and (field.node.kind != ARRAY or field.length <= field.node.size):
            only = kids[0]
            if field.node.kind == ARRAY:
                only.label = field.label
            only.places = entry.places + only.places
            return [only]
        return [entry]

    def _dress(self, entry: Entry, many: int = 0) -> None:
        """Words for an entry and all in it; `many`: of how many values of a list it is one."""
        field = entry.field
        assert field is not None
        node = field.node
        size = self._size(field.length)
        if field.group:
            entry.words = size
            if "[" in field.path[-6:] and field.path.endswith("]") and node.kind != ARRAY:
                entry.label = f"{field.label}{field.path[field.path.rindex('['):]}"
            if node.kind == ARRAY:
                entry.words = self.words.plain("entry.list", count=len(entry.kids), size=size)
            first = entry.kids[0].field if entry.kids else None
            if node.type == "Extension" and first is not None and first.label == "extension_type":
                name = first.name or f"type {first.value}"
                entry.words = f"{name}, {size}"
                entry.kids = [k for kid in entry.kids for k in (kid.kids if kid.kind == "group" and kid.label == name else [kid])]
        else:
            spell(entry, field, size, self.words.words["entry.positive"])
            if node.kind == ARRAY and field.path.endswith("]") and many > 1:
                number = int(field.path[field.path.rindex("[") + 1 : -1]) + 1
                entry.label, entry.listed = self.words.plain("entry.item", number=number, count=many), True
            elif node.kind != ARRAY and field.path.endswith("]") and not entry.label.endswith("]"):
                entry.label = f"{entry.label}{field.path[field.path.rindex('['):]}"
        if node.doc and id(node) not in self.taught:
            self.taught[id(node)] = True
            entry.doc, entry.rfc = node.doc, node.rfc
        for i, kid in enumerate(entry.kids):
            self._dress(kid, len(entry.kids) if field.group and node.kind == ARRAY else 0)
            before = entry.kids[i - 1] if i else entry
            if before.kind == "length" and kid.label.partition("[")[0] + " length" == before.label:
                before.label = f"{kid.label} length"  # an item's, not its list's


def _item(group: Field, field: Field) -> bool:
    """Whether a field at the same depth belongs to the group: an item of the vector, or the header of a DER value."""
    return group.group and group.depth == field.depth and field.path.startswith((group.path + "[", group.path + "."))


__all__ = ["Entry", "Forest", "clean", "grouped", "GROUP"]
