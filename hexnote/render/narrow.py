"""Lines that are told without their bytes: nothing in them moves a cursor, and a narrow screen has them whole."""

from __future__ import annotations

from hexnote.hints import List, Optional

_LEAST = 40  # columns


def harmless(line: str) -> str:
    """A line in which nothing moves a cursor."""
    return "".join(sign if sign.isprintable() else "?" for sign in line)


def plain_lines(lines: List[str], width: Optional[int], hang: int) -> bytes:
    """Lines as they are written, wrapped to `width` columns (40 at least; None: not at all). What goes on stands in by `hang`
    columns. Digits that are longer than a line are broken."""
    from textwrap import wrap

    made: List[str] = []
    for line in lines:
        clean = harmless(line)
        if width is None or len(clean) <= max(width, _LEAST):
            made.append(clean)
            continue
        words = clean.lstrip(" ")  # numbers are set right
        first = " " * (len(clean) - len(words))
        made += wrap(words, max(width, _LEAST), initial_indent=first, subsequent_indent=" " * hang, break_on_hyphens=False)
    return "".join(line + "\n" for line in made).encode("utf-8", "replace")
