"""What the lengths of encrypted records tell.

cipher-class (note)
    meaning: The trace does not show which suite was chosen; the lengths of the encrypted records leave these classes.
        It is a set, never one guess: many suites share each class.
    known by: Records whose content is known by their place: Finished, alert, ChangeCipherSpec of a renegotiation.
        Said where there is no ServerHello to read the suite from.
    causes: A trace that begins too late, lacks a direction, or lost the ServerHello.
    try: Capture the beginning of the connection, in both directions.
    source: RFC 5246 section 6.2.3, RFC 8446 section 5.2
    sample: tests/test_findings.py

empty-fragments (note)
    meaning: Before each write stands a record without content (0/n): a countermeasure against the predictable IV of CBC
        in TLS 1.0 (BEAST). Harmless, but some old peers took an empty record for the end.
    known by: In SSL 3.0 or TLS 1.0 with a block cipher, a record of the least possible length before each record or run of
        full records. A record of one byte is as long: where the lengths fit both, both are given, as possible.
    causes: OpenSSL, unless told otherwise (SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS).
    try: Nothing, or TLS 1.2, which needs none of it.
    source: RFC 5246 section 6.2.3.2, CVE-2011-3389
    sample: server-auth

record-splitting (note)
    meaning: The first byte of each write has a record of its own (1/n-1): the other countermeasure against BEAST.
    known by: As for empty-fragments; a record of the least length that stands alone speaks against 0/n.
    causes: Browsers, Java, Go, NSS.
    try: Nothing, or TLS 1.2, which needs none of it.
    source: RFC 5246 section 6.2.3.2, CVE-2011-3389
    sample: tests/test_findings.py

oversize-record (error)
    meaning: A record is longer than the version allows: its receiver has to break off with record_overflow.
    known by: More than 2^14 bytes in clear, 2^14 + 2048 encrypted, in TLS 1.3 2^14 + 256.
    causes: Bytes that are no TLS; a damaged length; a defective or hostile sender.
    try: Look at the bytes before it: is the record header where it should be?
    source: RFC 5246 section 6.2.3, RFC 8446 section 5.2
    sample: tests/test_findings.py
"""

from __future__ import annotations

from hexnote.findings.signs import overlong
from hexnote.hints import Any, Dict, Iterator, List, Optional, Sequence, Tuple
from hexnote.model import PLAINTEXT, SIDES, VERSIONS, Course, Finding, Step, Story, finding, plural

_SEALED, _SEALED13 = PLAINTEXT + 2048, PLAINTEXT + 256


def at(story: Story, step: Step) -> Iterator[Finding]:
    """By bytes where a record header should stand: one whose length no version allows."""
    if not story.courses and step.offset or any(s.kind == "hole" and s.side == step.side for s in story.steps):
        return
    size = overlong(step.data)
    if size:
        yield _oversize(story, step.side, size, _SEALED, "", story.where(step, 0, 5) or step.places)


def end(story: Story) -> Iterator[Finding]:
    """By the lengths of all records."""
    yield from _class(story)
    course = story.courses[0] if story.courses else None
    if course is not None and course.version in (0x0300, 0x0301):
        yield from _countermeasures(story, course)
    if "other" in story.trail:
        for step in story.of("other", 0) + story.of("other", 1):
            if sum(hi - lo for _, lo, hi in step.places) < 5:  # of its header a segment brought a part: not told yet
                yield from at(story, step)
    for side, size, clear, places in story.long:
        limit = PLAINTEXT if clear else _SEALED13 if story.version == 0x0304 else _SEALED
        if size > limit:
            yield _oversize(story, side, size, limit, VERSIONS.get(story.version or 0, ""), places)


def _oversize(story: Story, side: int, size: int, limit: int, version: str, places: Any) -> Finding:
    return finding(story, "oversize-record", "error", SIDES[side], "likely",
                   f"the {SIDES[side]}'s record claims {size} bytes, over the {limit} that {version or 'any version'} allows",
                   "a damaged length: another copy of the same bytes", "look at the bytes before it: is this a record header "
                                                                       "at all",
                   places, seen="proven")


# ------------------------------------------------------------------ the class


def _class(story: Story) -> Iterator[Finding]:
    if story.suite is not None or story.lengths is None or any(c.suite is not None for c in story.courses):
        return
    clues: Dict[Tuple[Any, int], Step] = {}
    versions = set()
    for step in story.steps:
        if step.kind == "sealed" and not step.missing and step.format == "tls":
            what = "finished" if step.finished else {20: "change_cipher_spec", 21: "alert"}.get(step.type or 0, "")
            clues.setdefault((what, step.size), step)
            versions.add(step.version)
        elif step.kind == "data" and not step.missing:
            for size in step.lengths[:16]:
                clues.setdefault(("", size), step)
    known = {key: step for key, step in clues.items() if key[0]}
    if not known or len(versions) != 1:
        return
    version = versions.pop()
    if version not in VERSIONS or version == 0x0002:
        return
    fitting = story.lengths.fits(clues, (version,))
    if not fitting:
        return
    names = _join([p.name for p in fitting])
    said = ", ".join(f"{_words(what)} of {plural(size, 'byte')}" for what, size in list(known)[:4])
    first = next(iter(known.values()))
    yield finding(story, "cipher-class", "note", "unknown", "likely",
                  f"the suite is not in the trace; by the lengths ({said}) it is of "
                  f"{'this class' if len(fitting) == 1 else 'one of these'}"
                  f" in {VERSIONS[version]}: {names}", at=first.places, sided=False)


def _words(what: str) -> str:
    return {"finished": "a Finished", "alert": "an alert", "change_cipher_spec": "a ChangeCipherSpec"}.get(what, what)


def _join(names: Sequence[str]) -> str:
    return "; ".join(names[:6]) + (f"; and {len(names) - 6} more" if len(names) > 6 else "")


# ------------------------------------------------------------------ TLS 1.0 and its predictable IV


def _countermeasures(story: Story, course: Course) -> Iterator[Finding]:
    answer = course.answer
    if answer is None or answer.facts is None or story.lengths is None:
        return
    etm = 22 in answer.facts.extensions
    protection = story.lengths.protection(course.suite, course.version, etm)
    if protection is None or protection.block < 2 or answer.facts.compressions[:1] not in ((0,), ()):
        return
    least, full = protection.sealed(0), protection.sealed(PLAINTEXT)
    for side in (0, 1):
        sizes, first = _sizes(story, side)
        if least not in sizes or all(n == least for n in sizes):
            continue
        none, one = _fits_empty(sizes, least, full), _fits_split(sizes, least, full)
        both = none and one
        sure = "possible" if both else "likely"
        many = f"{', '.join(map(str, sizes[:6]))}{' ...' if len(sizes) > 6 else ''}"
        where = first.places if first is not None else ()
        if none:
            yield finding(story, "empty-fragments", "note", "unknown", sure,
                          f"the {SIDES[side]}'s records ({many} bytes) have one of the least length ({least}) before each "
                          "write: an "
                          f"empty fragment (0/n){', or the first byte alone (1/n-1)' if both else ''}", at=where)
        if one:
            yield finding(story, "record-splitting", "note", "unknown", sure,
                          "or the first byte of each write alone (1/n-1): see empty-fragments" if both else
                          f"the {SIDES[side]}'s records ({many} bytes) have one of the least length ({least}) before each "
                          "longer write: its first byte alone (1/n-1)", at=where)


def _sizes(story: Story, side: int) -> Tuple[List[int], Optional[Step]]:
    """The lengths of a side's application data records, in order, as far as they are kept without a gap."""
    sizes: List[int] = []
    first = None
    for step in story.steps:
        if step.kind == "data" and step.side == side:
            first = first or step
            sizes += step.lengths
            if step.count > len(step.lengths) or step.missing:
                break
        elif step.kind == "hole" and step.side == side and sizes:
            break
    return sizes, first


def _fits_empty(sizes: List[int], least: int, full: int) -> bool:
    """0/n: each write is an empty record and at least one more; all but its last are full."""
    i = 0
    while i < len(sizes):
        if sizes[i] != least:
            return False
        i += 1
        if i == len(sizes):
            return False
        while i < len(sizes) - 1 and sizes[i] == full and sizes[i + 1] != least:
            i += 1
        i += 1
    return True


def _fits_split(sizes: List[int], least: int, full: int) -> bool:
    """1/n-1: each longer write begins with a record of one byte; a write of one byte stands alone."""
    for before, size in zip([0, *sizes], sizes):
        if size != least and before not in (least, full):
            return False
    return True
