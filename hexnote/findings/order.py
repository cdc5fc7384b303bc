"""A message out of its legal order.

unexpected-message (error)
    meaning: A message came that the protocol does not allow at that place: the receiver has to break off.
    known by: The order that RFC 5246 and RFC 8446 prescribe for what one side sends, and the suite that was agreed. The
        first such message alone is told, and only where no byte before it is missing.
    causes: A defect of the sender; an attack (ChangeCipherSpec before the keys are agreed, CVE-2014-0224); two
        connections mixed in one trace.
    try: Look at the sender's library and version; try another client or server in its place.
    source: RFC 5246 section 7.3, RFC 8446 section 2
    sample: tests/test_findings.py
"""

from __future__ import annotations

from hexnote.hints import Iterator
from hexnote.model import SIDES, Finding, Step, Story, finding

_BETTER = frozenset(("client-certificate-missing", "client-certificate-unproven", "unoffered-choice"))


def at(story: Story, step: Step) -> Iterator[Finding]:
    """By the step that is out of order."""
    if story.stray is None or story.stray[0] is not step or any(f.code in _BETTER for f in story.told):
        return
    name = "".join(word.capitalize() for word in (step.name or step.kind).split("_"))
    side = SIDES[step.side]
    # Data where no key is agreed yet may be anybody's.
    yield finding(story, "unexpected-message", "error", side, "likely" if step.kind == "data" else "proven",
                  f"the {side} sends {'application data' if step.kind == 'data' else name} where {story.stray[1]} was expected",
                  "two connections mixed in one trace: compare addresses, ports and sequence numbers",
                  f"look at the {side}'s library and version; put another one in its place", step.places, seen="proven")
