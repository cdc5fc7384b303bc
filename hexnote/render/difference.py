"""One thing that is not the same in two traces."""

from __future__ import annotations

from hexnote.tuples import NamedTuple


class Difference(NamedTuple):
    """What differs, and how much that means."""

    weight: int  # 0: it decides how the handshake goes; 1: it may; 2: hardly
    what: str
    good: str
    bad: str
