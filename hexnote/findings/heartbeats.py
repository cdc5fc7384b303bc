"""Heartbeats that promise more than they hold.

heartbleed (error)
    meaning: A heartbeat claims a payload that is longer than its record: the probe of Heartbleed (CVE-2014-0160). A server
        that falls for it answers with as many bytes of its memory.
    known by: A heartbeat record in clear whose payload_length goes past its end. The answer, where one comes, is told
        where it stands, with the bytes that leaked; behind encryption only lengths tell: an answer much longer than
        what it answers.
    causes: A scanner, a test, an attack. A patched server (OpenSSL 1.0.1g and later) drops such a heartbeat.
    try: Where an answer leaked, update the server, then change its keys, certificates and passwords.
    source: RFC 6520 section 4, CVE-2014-0160
    sample: tests/test_findings.py
"""

from __future__ import annotations

from hexnote.hints import Iterator, Optional
from hexnote.model import SIDES, Finding, Step, Story, finding, plural

_BACK = 64  # steps in which a request is looked for


def at(story: Story, step: Step) -> Iterator[Finding]:
    """By a heartbeat in clear, or encrypted."""
    if step.kind == "sealed":
        if step.type == 24:
            yield from _hidden(story, step)
        return
    data = step.data
    if not isinstance(data, bytes) or len(data) < 3 or step.missing:
        return
    claims = data[1] << 8 | data[2]
    if data[0] == 1 and claims > step.size - 3:
        yield finding(story, "heartbleed", "error", SIDES[step.side], "proven",
                      f"the {SIDES[step.side]} sends a heartbeat request that claims {claims} bytes of payload and holds "
                      f"{plural(step.size - 3, 'byte')}: Heartbleed's probe. Whether bytes leak, an answer tells; nothing has "
                      "leaked yet",
                      "", "see whether an answer follows; keep the server's library up to date",
                      step.places)
    elif data[0] == 2:
        probe = _probe(story, step)
        if probe is not None and step.size > probe.size:
            leaked = max(min(claims, step.size - 3) - (probe.size - 3), 0)
            yield finding(story, "heartbleed", "error", SIDES[step.side], "proven",
                          f"the {SIDES[step.side]} answers Heartbleed's probe: {plural(leaked, 'byte')} of its memory leaked",
                          "",
                          "update the library at once, then change keys, certificates and passwords", step.places)


def _probe(story: Story, answer: Step) -> Optional[Step]:
    """The last heartbeat request of the other end that claims too much."""
    for step in reversed(story.steps[-_BACK:]):
        if step.kind == "heartbeat" and step.side != answer.side and isinstance(step.data, bytes) and step.data[:1] == b"\1":
            return step if len(step.data) >= 3 and step.data[1] << 8 | step.data[2] > step.size - 3 else None
    return None


def _hidden(story: Story, step: Step) -> Iterator[Finding]:
    asked = next((s for s in reversed(story.steps[-_BACK:-1]) if s.kind == "sealed" and s.type == 24 and s.side != step.side), None)
    if asked is not None and step.size > 2 * asked.size + 256:
        yield finding(story, "heartbleed", "error", SIDES[step.side], "likely",
                      f"the {SIDES[step.side]} answers an encrypted heartbeat of {asked.size} bytes with one of {step.size}: some "
                      f"{step.size - asked.size} bytes of its memory may have leaked",
                      "a key log that shows the request to be as long as its answer",
                      "update the library at once, then change keys, certificates and passwords", asked.places + step.places)
