"""Traces in words: handshakes told without their bytes, by Wireshark's trees and lists or by people.

`Words` is given the prose of an input as it goes by and keeps it while no packet has come; where none comes at all,
`told` has it read (`words_read`).
"""

from __future__ import annotations

from hexnote.hints import TYPE_CHECKING, Callable, Dict, List, Tuple
from hexnote.model import CONTENT_TYPES, SIDES, VERSIONS
from hexnote.patterns import Late

if TYPE_CHECKING:
    from hexnote.words_read import Act, Exchange

_APPLICATION_DATA = 23
# Prose that is kept, in bytes; a longer text is no trace in words.
KEPT = 1 << 18
# Whether it is worth to look more closely.
_HINT = Late(rb"(?i)record layer: |change ?cipher ?spec|(?:server|client) ?hello|sends? hello")
_BLANKS = {0xA0: " ", 0x2007: " ", 0x2009: " ", 0x202F: " ", 0x200B: "", 0xFEFF: "", 0x0B: " ", 0x0C: " ", 0x85: " ", 0x2028: " ",
           0x2029: " ", 0x1C: " ", 0x1D: " ", 0x1E: " "}  # fmt: skip


def describe_act(act: Act) -> str:
    """An act in a few words: "line 19: server, handshake: server_hello, TLS 1.0, 74 bytes"."""
    what = CONTENT_TYPES.get(act.type, f"type {act.type}")
    if act.encrypted:
        what = what if act.type == _APPLICATION_DATA else f"encrypted {what}"
    elif act.name and act.name != what:
        what += f": {act.name}"
    if act.description >= 0:
        what += f", description {act.description}"
    version = f", {VERSIONS.get(act.version, f'version 0x{act.version:04x}')}" if act.version is not None else ""
    size = f", {act.length} bytes" if act.length is not None and act.first else ""
    return f"line {act.line}: {SIDES[act.side]}, {what}{version}{size}"


class Words:
    """Prose as it goes by. `grammar` gives the grammar's text, `names` a registry's table (value to name)."""

    def __init__(self, grammar: Callable[[], str], names: Callable[[str], Dict[int, str]]) -> None:
        self._grammar = grammar
        self._names = names
        self._kept: List[Tuple[bytes, int]] = []
        self._size = 0
        self.over = False  # a packet came, or too much prose

    def prose(self, text: bytes, line: int) -> None:
        """Lines that are no dump, from line number `line` on."""
        if text.isspace():
            return  # `told` knows by the line numbers where blank lines are
        self._size += len(text)
        if self._size > KEPT:
            self.bytes()
        elif not self.over:
            self._kept.append((text, line))

    def bytes(self) -> None:
        """A packet came: words are not read."""
        self.over = True
        self._kept = []

    def told(self) -> List[Exchange]:
        """What the words tell, at the end of the input; mostly nothing."""
        kept, self._kept = self._kept, []
        if self.over or not kept or not any(_HINT.search(text) for text, _ in kept):
            return []
        from hexnote.words_read import exchanges

        lines: List[str] = []
        for text, line in kept:
            lines += [""] * (line - 1 - len(lines))
            lines += text.decode("utf-8", "replace").translate(_BLANKS).splitlines()
        return exchanges(self._grammar(), self._names, lines)
