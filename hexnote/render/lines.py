"""Notes to lines: beside their carets where they fit, else under them; wrapped, coloured, listed."""

from __future__ import annotations

from struct import Struct

from hexnote.hints import Callable, Dict, List, Optional, Tuple
from hexnote.model import Layout, Node, Record, remarks
from hexnote.render.carets import MARK, Carets, own_carets
from hexnote.render.words import shade

# How far under a label's carets its continuation stands.
_HANG = 2
_MEMO = 256  # lists that are kept
# How far labels stand in, by depth: the eye follows a few levels, and the width has an end.
_INDENT = tuple(" " * min(2 * depth, 4 + depth, 9) for depth in range(64))
_LEADS = tuple(f"{MARK}{' ' * indent}".encode("ascii") for indent in range(64))
_ZEROS = bytes(48 if 48 <= c < 58 else c for c in range(256))
_CUTS = 512  # sentences of which it is known where they are cut
_LONG = 1024  # bytes of one
_BLANK = bytes(9 if c == 9 else 32 for c in range(256))


def escaped(text: str) -> bytes:
    """Notes as they are written."""
    return text.encode("ascii", "backslashreplace")


class Lines:
    """Makes annotation lines of labels and sentences."""

    def __init__(self, width: int, palette: Optional[Dict[str, str]]) -> None:
        self.width = max(width, 40)
        self.palette = palette
        self._carets: Dict[Tuple[bytes, Layout], Optional[Carets]] = {}
        self._last_table: Tuple[bytes, Optional[Layout], Optional[Carets]] = (b"", None, None)
        self._own = own_carets(self.width)
        self._taught: Dict[str, None] = {}  # teaching notes that were given, in their order
        self._ask: Optional[Callable[[], List[str]]] = None  # those that another process gave, where it gives notes too
        self._fresh: List[str] = []  # those given here that it does not know of
        self._cuts: Dict[Tuple[bytes, int], Callable[[bytes], Tuple[bytes, ...]]] = {}  # cut sentences at their blanks
        self._lists: Dict[Tuple[int, bytes, int], List[str]] = {}  # numbered lists

    def _table(self, lead: bytes, layout: Layout) -> Optional[Carets]:
        """The caret lines for rows that begin with `lead`; None where carets cannot stand under them."""
        last = self._last_table
        if lead == last[0] and layout is last[1]:
            return last[2]
        made = self._find_table(lead, layout)
        self._last_table = (lead, layout, made)
        return made

    def _find_table(self, lead: bytes, layout: Layout) -> Optional[Carets]:
        """The same for rows other than those asked for last."""
        blank = lead.translate(_BLANK)
        key = (blank, layout)
        if key in self._carets:
            return self._carets[key]
        made: Optional[Carets] = None
        plain = all(c == 9 or 32 <= c < 127 for c in lead)
        cols = layout.cols
        if plain and cols[0] >= 2 and all(b - a >= 2 for a, b in zip(cols, cols[1:])):
            prefix = blank.decode("ascii")
            if prefix[0] == "\t":
                prefix = MARK + prefix
            elif prefix[1] == "\t":
                prefix = MARK + prefix[1:]
            else:
                prefix = MARK + prefix[2:]
            made = Carets(prefix, layout)
            if made.first + cols[-1] - cols[0] + 2 > self.width:
                made = None
        if len(self._carets) > 4096:
            self._carets.clear()
        self._carets[key] = made
        return made

    def _beside(self, carets: Carets, c0: int, c1: int, label: str, depth: int, node: Optional[Node] = None) -> str:
        """A caret line with its label: behind the carets where it fits, else before them, else under them."""
        line, short, width = carets.made.get(c0 << 12 | c1) or carets.line(c0, c1)
        indent = _INDENT[depth]
        if carets.column + len(indent) + len(label) <= self.width:
            lines = f"{line}{indent}{label}\n"
        elif width + _HANG + len(label) <= self.width:
            lines = f"{short[:-1]}{' ' * _HANG}{label}\n"
        else:
            at, lead = short.index("^"), len(carets.lead)
            if lead + 2 + len(label) + _HANG <= at:
                lines = f"{carets.lead}{label:>{at - lead - _HANG}}{' ' * _HANG}{short[at:]}"
            else:
                lines = short + "".join(self._sentence(label, 3 + len(indent)))
        return "".join(self._dye(lines.splitlines(True), shade(node))) if self.palette and node is not None else lines

    def _heading(self, text: str, record: Optional[Record]) -> List[str]:
        """The heading of a record, and what else is to be said of an encrypted one."""
        lines = self._headline(text) if text else []
        return lines + self._remarks(record) if record is not None and record.encrypted else lines

    def _headline(self, text: str) -> List[str]:
        """A heading; of a record whose heading takes more than a line, what its length tells stands on the second one."""
        at = text.find(", plaintext ") + 1 if len(text) + len(MARK) + 1 > self.width else 0
        if 0 < at <= self.width - len(MARK) - 1:
            return self._dye([f"{MARK} {text[:at]}\n", *self._sentence(text[at + 1 :], 5)], "heading")
        return self._dye(self._sentence(text), "heading")

    def _remarks(self, record: Record) -> List[str]:
        return [line for remark in remarks(record) for line in self._sentence(remark, 3)]

    def _sentence(self, text: str, indent: int = 1) -> List[str]:
        lead = MARK + " " * indent
        room = self.width - len(lead)
        if room < 20:
            room = 20
        if len(text) <= room:
            return [f"{lead}{text}\n"]
        plain = _at_blanks(text, room, room)
        if plain is not None:
            return [f"{lead}{line}\n" for line in plain]
        from textwrap import wrap

        # A blank may be left before a word that was broken.
        return [f"{lead}{line.rstrip()}\n" for line in wrap(text, room, break_long_words=True, break_on_hyphens=False)]

    def _wrapped(self, text: str, indent: int) -> bytes:
        """A sentence without colour as it is written. Most have been there with other digits: they are cut at the same blanks."""
        made = escaped(text)
        lead = _LEADS[indent]
        if len(made) + len(lead) <= self.width:
            return b"%b%b\n" % (lead, made)
        key = (made.translate(_ZEROS), indent)
        cut = self._cuts.get(key)
        if cut is not None and text.isascii():
            return lead + (b"\n" + lead).join(cut(made)) + b"\n"
        lines = self._sentence(text, indent)
        sizes = [len(line) - len(lead) - 1 for line in lines]
        if len(made) <= _LONG and " ".join([line[len(lead) : -1] for line in lines]) == made.decode("ascii"):
            if len(self._cuts) >= _CUTS:
                self._cuts.clear()
            self._cuts[key] = Struct("sx".join(map(str, sizes)) + "s").unpack
        return escaped("".join(lines))

    def _dye(self, lines: List[str], shade: str) -> List[str]:
        """Lines with the colour of a kind of note, behind the marker."""
        if not self.palette:
            return lines
        code, reset = self.palette.get(shade, ""), self.palette.get("reset", "")
        return [f"{MARK}{code}{line[2:-1]}{reset}\n" for line in lines] if code else lines

    def _teaches(self, doc: str) -> bool:
        """Whether a teaching note, which was not given here, was not given anywhere."""
        if self._ask is None:
            return True
        self._taught.update(dict.fromkeys(self._ask()))
        return doc not in self._taught

    def _doc(self, node: Node, lead: str = "") -> List[str]:
        self._taught[node.doc] = None
        if self._ask is not None:
            self._fresh.append(node.doc)
        text = f"{node.doc} ({node.rfc})" if node.rfc and node.rfc not in node.doc else node.doc
        return self._dye(self._sentence(lead + text, 5), "teaching")

    def _list(self, node: Node, raw: bytes, depth: int) -> List[str]:
        """A numbered list of the values of an array; a single one was told in its label."""
        if len(raw) <= node.size:
            return []
        key = (id(node), raw, depth)
        made = self._lists.get(key)
        if made is None:
            if len(self._lists) >= _MEMO:
                self._lists.clear()
            made = self._lists[key] = self._new_list(node, raw, depth)
        return made

    def _new_list(self, node: Node, raw: bytes, depth: int) -> List[str]:
        size = node.size
        items = [node.say(raw[i : i + size]) for i in range(0, len(raw) - size + 1, size)]
        lead = MARK + "   " + _INDENT[depth]
        digits = len(str(len(items)))
        cells = [f"{i + 1:>{digits}} {item}" for i, item in enumerate(items)]
        wide = max((len(c) for c in cells), default=0) + 3
        if len(lead) + wide - 3 > self.width:
            rest = len(lead) + digits + 1
            return [line for cell in cells for line in self._hanging(cell, len(lead) - 2, rest - 2)]
        columns = max((self.width - len(lead)) // wide, 1)
        rows = (len(cells) + columns - 1) // columns
        lines = []
        for r in range(rows):
            line = lead + "".join(cells[i].ljust(wide) for i in range(r, len(cells), rows)).rstrip()
            lines.append(line + "\n")
        return lines

    def _hanging(self, text: str, indent: int, hang: int) -> List[str]:
        """A sentence whose further lines stand in by `hang` columns behind the marker."""
        if len(MARK) + indent + len(text) <= self.width:
            return [f"{MARK}{' ' * indent}{text}\n"]
        room = max(self.width - len(MARK), 20)
        words = text.lstrip(" ")  # what numbers are set right with stands in as `indent` does
        first = indent + len(text) - len(words)
        plain = _at_blanks(words, room - first, room - hang)
        if plain is not None:
            return [f"{MARK}{' ' * (hang if i else first)}{line}\n" for i, line in enumerate(plain)]
        from textwrap import wrap

        lines = wrap(text, room, initial_indent=" " * indent, subsequent_indent=" " * hang, break_on_hyphens=False)
        return [f"{MARK}{line.rstrip()}\n" for line in lines]


def _at_blanks(text: str, first: int, others: int) -> Optional[List[str]]:
    """The lines of words with one blank between them: what `wrap` does, twenty times as fast. `first` and `others`: the room
    in the lines. None where there is more to it: other blanks, a word that has to be broken."""
    if "  " in text or not text.isprintable() or text[:1] == " " or text[-1:] == " ":
        return None
    lines = []
    at, room = 0, first
    while len(text) - at > room:
        blank = text.rfind(" ", at, at + room + 1) if room > 0 else -1
        if blank < 0:
            return None
        lines.append(text[at:blank])
        at, room = blank + 1, others
    return [*lines, text[at:]]
