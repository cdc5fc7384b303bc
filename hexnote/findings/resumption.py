"""A resumption on which the two ends disagree.

bad-record-mac-on-resumption (error)
    meaning: The two ends took up a session, and one of them cannot read the other's first encrypted record: they hold
        different secrets for what they both call the same session.
    known by: A resumed session (ChangeCipherSpec right behind the ServerHello), and alert 20 in clear from the end that
        has not encrypted yet, right behind the other end's first encrypted record. Alert 20 stands for every failure
        to decrypt, by design.
    causes: A load balancer whose members share session identifiers or tickets and not the keys; a session cache that
        survived a change of keys; hardware offload that resumes wrongly. Damage on the way is less likely, all the
        more where the TCP checksum is right and full handshakes work.
    try: Switch resumption off on one side (openssl s_server -no_ticket -no_cache, SSLSessionCache none); then openssl
        s_client -reconnect, or -sess_out and -sess_in, against one member of the pool at a time.
    source: RFC 5246 sections 7.2.2 and 7.3, RFC 5077 section 3.4
    sample: resumption-bad-mac
"""

from __future__ import annotations

from hexnote.hints import Iterator
from hexnote.model import SIDES, Finding, Step, Story, finding


def at(story: Story, step: Step) -> Iterator[Finding]:
    """By an alert in clear."""
    course = story.courses[-1] if story.courses else None
    if step.level != 2 or step.description not in (20, 21, 51) or course is None or not course.resumed:
        return
    other = course.finished[1 - step.side]
    if other is None or course.changed[step.side] is not None and course.version != 0x0304:
        return
    protection = story.lengths.protection(course.suite, course.version) if story.lengths is not None else None
    size = f"; the Finished takes {other.size} bytes{f' ({protection.name})' if protection is not None else ''}"
    name, peer = SIDES[step.side], SIDES[1 - step.side]
    yield finding(story, "bad-record-mac-on-resumption", "error", "unknown", "likely",
                  f"the {name} rejected the {peer}'s Finished (bad_record_mac): the two hold different session secrets"
                  f"{size if other.kind == 'sealed' else ''}",
                  "the same failure in a full handshake of the same two ends, or a wrong TCP checksum: then bytes are damaged "
                  "on the way",
                  "disable resumption on one side; then openssl s_client -reconnect against one member of the pool at a time",
                  other.places + step.places)
