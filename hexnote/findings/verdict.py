"""A connection in one line, as an expert would begin the answer; and whose move it is with a client certificate.

external-psk (note)
    meaning: Both ends authenticated each other by a secret that was given to them outside of TLS: neither a full
        handshake with certificates nor the resumption of a session.
    known by: pre_shared_key in the ServerHello of TLS 1.3, for an identity whose obfuscated age is 0: tickets have an
        age.
    causes: Devices with keys of their own.
    try: Nothing.
    source: RFC 8446 sections 2.2 and 4.2.11
    sample: corpus tls13_extpsk_openssl
"""

from __future__ import annotations

from hexnote.findings.signs import PADDED, like_alert, padded
from hexnote.hints import Dict, List, Optional, Tuple
from hexnote.model import GUESSES, SEALED_CHANGE, SIDES, SURE, VERSIONS, Course, Finding, Step, Story, Verdict, plural, title

# What explains an end, the best explanation first; what is not listed explains by its severity alone.
_RANK = (
    "bad-record-mac-on-resumption", "plaintext-to-tls", "tls-to-plaintext", "tls-refused", "packet-too-big",
    "destination-unreachable", "time-exceeded", "client-hello-unanswered",
    "version-mismatch", "fallback-scsv", "no-common-parameters", "client-certificate-missing", "client-certificate-unproven",
    "client-certificate-empty", "client-no-certificate-alert", "certificate-expired", "certificate-not-yet-valid", "name-mismatch",
    "certificate-misused", "chain-incomplete", "unoffered-choice", "hello-retry-mismatch", "downgrade-sentinel", "heartbleed",
    "malformed", "oversize-record", "unexpected-message", "idle-close", "injected-reset", "fatal-alert", "reset-mid-handshake",
    "renegotiation-refused", "handshake-incomplete",
)  # fmt: skip
_ORDER: Dict[str, int] = {code: i for i, code in enumerate(_RANK)}
# Warnings that explain a fatal alert or reset better than these explain themselves.
_CAUSES = frozenset(("tls-refused", "fallback-scsv", "client-certificate-empty", "client-no-certificate-alert", "injected-reset"))
# Which alerts a finding explains, the best explanation first.
_CHAIN = (40, 42, 46, 48)
_FITS: Dict[str, Tuple[int, ...]] = {
    "client-certificate-missing": (10, 40, 42, 116), "client-certificate-unproven": (10, 40, 42, 51),
    "client-certificate-empty": (40, 42, 50, 116), "client-no-certificate-alert": (40, 42, 116),
    "certificate-signature-wrong": (42, 46, 48, 51), "certificate-expired": (40, 42, 45, 46),
    "certificate-not-yet-valid": (40, 42, 45, 46), "name-mismatch": (42, 46),
    "certificate-misused": (40, 42, 43, 46, 48), "chain-incomplete": _CHAIN, "self-signed": _CHAIN,
    "chain-out-of-order": _CHAIN, "ca-list-mismatch": _CHAIN, "weak-certificate": (40, 42, 43, 46, 71),
    "staple-missing": (42, 46, 113), "weak-key-exchange": (40, 47, 71),
    "fallback-scsv": (86,), "version-mismatch": (40, 70), "unoffered-choice": (40, 47, 50, 70, 110, 120),
    "hello-retry-mismatch": (10, 40, 47, 109),
    "downgrade-sentinel": (47,),
    "oversize-record": (22,), "malformed": (10, 47, 50), "unexpected-message": (10,), "renegotiation-info-missing": (40,),
    "no-common-parameters": (40, 71),
    # An end without close_notify is no whole message for OpenSSL 3, and none that it expected for GnuTLS, which says decode_error
    # of an empty list of certificates. Both are told beside an alert only where a FIN came first.
    "client-hello-unanswered": (50,), "handshake-incomplete": (10, 50),
}  # fmt: skip
_EMPTY = "client-certificate-empty"
_EITHER = frozenset(("version-mismatch",))  # the end that must act may be the one that broke off
_OF_CLIENT = frozenset((
    "client-certificate-missing", "client-certificate-unproven", "client-certificate-empty", "client-no-certificate-alert",
    "ca-list-mismatch",
))  # fmt: skip
# What tells the end by itself, its alert included.
_ITSELF = frozenset((
    "bad-record-mac-on-resumption", "plaintext-to-tls", "tls-to-plaintext", "tls-refused", "heartbleed", "injected-reset",
    "reset-mid-handshake",
))  # fmt: skip
# What says by itself who closed, or that it is not to be believed.
_CLOSES = _ITSELF | {
    "idle-close", "no-close-notify", "handshake-incomplete", "fatal-alert", "client-hello-unanswered", "reset-after-close",
}
_CLOSE = frozenset(("FIN", "RST"))
_OR_REFUSAL = "close_notify or a refusal of the handshake"
_SEALED_ALERT = "sealed alert"
_NO_RECORDS = frozenset(("FIN", "RST", "SYN", "hole"))
# The packet that brought a step, its number among the story's steps (no two have the same), what it is in words, the step.
_Event = Tuple[int, int, str, Step]
_WORST = {"error": 0, "warning": 1, "note": 2}


def verdict(story: Story, told: List[Finding]) -> Verdict:
    """The line, from the story and all that was found."""
    outcome, sentence = _outcome(story, any(f.code == "one-sided" for f in told))
    cause = _cause(story, told)
    if cause is None:
        closing = _closing(story)
        judged = outcome in ("full", "resumed", "psk") and story.guessed != "contradicted"
        good = "" if not judged else " No fault of either end was found." if _OR_REFUSAL not in closing else \
            " Which of the two, the log of the server tells, or a key log."
        return Verdict(f"{sentence}.{closing}{good}{_guess(story, closing)}", outcome, "", "nobody")
    what = _short(cause)
    alert = fatal(story)
    if alert is not None and any(f.code == "fatal-alert" for f in told):
        if cause.code not in _ITSELF:
            cause = explains(alert, told) or next(f for f in told if f.code == "fatal-alert")
        what = _joined(story, alert, cause)
        closing = ""
    else:
        # An encrypted alert may answer a renegotiation, and end nothing.
        alerts = not any(f.code in ("renegotiation", "renegotiation-refused") for f in told)
        closing = _closing(story, alerts) if cause.code not in _CLOSES else ""
    end = "" if what.endswith((".", "!", "?")) else "."
    line = f"{sentence}; {what}{end}{closing}"
    line += _guess(story, line)
    if cause.severity != "note":
        line += f" Ball with: {cause.by}."
        if cause.next:  # no full stop: the last words are often a command
            line += f" Try: {cause.next[4:] if cause.next.startswith('try ') else cause.next}"
    return Verdict(line, outcome, cause.code, cause.by)


def _guess(story: Story, line: str) -> str:
    """That which end is which is a guess, where it is one and a line names an end; a sentence with a blank before it."""
    if not story.guessed or not any(side in line for side in SIDES):
        return ""
    said = GUESSES[story.guessed][1]
    return f" {said[0].upper()}{said[1:]}."


def _short(cause: Finding) -> str:
    for behind in ("; usual causes: ", "; the Finished takes ", "; the likeliest cause here: ", "; its TTL ("):
        cause = cause._replace(text=cause.text.split(behind)[0])
    return cause.text


def _joined(story: Story, alert: Step, cause: Finding) -> str:
    """Who broke off, with which alert, and the likeliest cause."""
    if cause.code in _ITSELF:
        return _short(cause)
    name = title(story, "alert_descriptions", alert.description, 2)
    lead = f"the {SIDES[alert.side]} broke off with {name} ({alert.description})"
    if cause.code == "fatal-alert":
        return f"{lead}: {_short(cause).split('): ', 1)[-1]}"
    if cause.code == "no-common-parameters":
        return f"{lead}: {_short(cause)}"
    if cause.code == "malformed":
        return f"{lead}, most likely over this: {_short(cause)}"
    return f"{lead}, {'possibly' if cause.sure == 'possible' else 'most likely'} because {_short(cause)}"


def fatal(story: Story) -> Optional[Step]:
    """The first alert in clear at level fatal."""
    if "alert" not in story.trail:
        return None
    return next((s for s in story.steps if s.kind == "alert" and s.level == 2 and s.description >= 0), None)


def explains(alert: Step, told: List[Finding]) -> Optional[Finding]:
    """The finding that an alert most likely speaks of: one that its description fits, about what its sender was sent."""
    side = SIDES[alert.side]
    fitting = [
        f for f in told
        if alert.description in _FITS.get(f.code, ()) and f.severity != "note" and (f.by != side or f.code in _EITHER)
        and not (alert.side == 0 and f.code in _OF_CLIENT)
        and not (alert.side == 1 and f.code == "renegotiation-info-missing")  # few servers insist on it
    ]  # fmt: skip
    return min(fitting, key=lambda f: (list(_FITS).index(f.code), SURE.index(f.sure)), default=None)


def named(alert: Finding, cause: Finding) -> Finding:
    """A fatal alert's finding, with the finding that explains it."""
    text = alert.text.split("; usual causes: ")[0]
    sure = "proven" if cause.by == "unknown" else max("likely", cause.sure, key=SURE.index)
    seen = alert.seen or alert.sure
    return alert._replace(text=f"{text}; the likeliest cause here: {cause.code}", by=cause.by, sure=sure, next=cause.next,
                          seen=seen if seen != sure else "")


def _closing(story: Story, alerts: bool = True) -> str:
    """Who closed first and how, or that nobody did, as far as the bytes show; a sentence with a blank before it."""
    told = _closed_first(story, alerts)
    if told and (any(story.gaps) or any(story.snapped)):
        return f" As far as the trace shows: {told[1:2].lower()}{told[2:]}"
    return told


def _closed_first(story: Story, alerts: bool) -> str:
    """The same by FIN and RST, and by `alerts` too, where that is so."""
    if not story.courses or story.pseudo or not all(story.packets):
        return ""
    events = _closes(story)
    course = story.courses[0]
    if alerts and (course.complete or _SEALED_ALERT in story.trail):
        events += _alerts(story, course)
    if not events:
        return f" Still open where {_stops(story)}."
    events.sort()
    packet, _, how, first = events[0]
    name = SIDES[first.side]
    if first.kind == "RST":
        return f" The {name} ended it by RST (packet {packet})."
    if first.kind == "FIN":
        bare = alerts and not (story.snapped[first.side] or story.gaps[first.side]) and not (
            story.version == 0x0304 and padded(story, first.side)) and not any(
            step.side == first.side and step.kind not in _CLOSE for *_, step in events)  # it overtook its alert
        return f" The {name} closed first: FIN{' without an alert' if bare else ''} (packet {packet})."
    for when, _, then, step in events:
        if step.side == first.side and step.kind in _CLOSE:
            return f" The {name} closed first: {how} (packet {packet}), then {then} (packet {when})."
    return f" The {name} closed first: {how} (packet {packet}); its FIN is not in the trace."


def _closes(story: Story) -> List[_Event]:
    """The first FIN or RST of each side."""
    trail, events = story.trail, []
    begin = trail.index("FIN") if "FIN" in trail else len(trail)
    if "RST" in trail:
        begin = min(begin, trail.index("RST"))
    missed = [True, True]
    for i, step in enumerate(story.steps[begin:], begin):
        if step.kind in _CLOSE and missed[step.side]:
            missed[step.side] = False
            events.append((step.brought, i, step.kind, step))
    return events


def _alerts(story: Story, course: Course) -> List[_Event]:
    """The last record of each side, where it is an alert as far as that shows."""
    events: List[_Event] = []
    missed = [True, True]
    for i in range(len(story.steps) - 1, -1, -1):
        if story.trail[i] in _NO_RECORDS:
            continue
        step = story.steps[i]
        kind, side = step.kind, step.side
        if not missed[side]:
            continue
        missed[side] = False
        if kind == "alert":
            events.append((step.brought, i, title(story, "alert_descriptions", step.description, 2), step))
        elif kind == "sealed" and step.type == 21:
            events.append((step.brought, i, "an encrypted alert, by its place probably close_notify", step))
        elif kind == "data" and like_alert(story, course.version, step):
            what = _OR_REFUSAL if _first_answer(story, course, i) else "probably close_notify"
            events.append((step.brought, i, f"a record {like_alert(story, course.version, step)}, {what}", step))
        if True not in missed:
            break
    return events


def _first_answer(story: Story, course: Course, i: int) -> bool:
    """Whether step `i`, as long as an alert of TLS 1.3, is all that the server says behind the client's first records, be its
    Finished among them or still to come: so it refuses a client certificate, or that there is none (RFC 8446 section 4.4.2.4).
    Who takes a session sends tickets, or data, first."""
    step = story.steps[i]
    if not step.side or step.count > 1:
        return False
    before = [s for s in story.steps[:i] if s.kind == "data" and s is not course.early]
    protection = story.lengths.protection(course.suite, 0x0304) if story.lengths is not None else None
    if not before or before[-1].side or not all(s.side for s in before[:-1]) or protection is None:
        return False
    finished = protection.finished + protection.mac + 1
    return before[-1].last in (finished, finished + PADDED) or course.finished[0] in story.steps[i:]


def _stops(story: Story) -> str:
    """What ends before the connection does."""
    return "hexnote let it go (eviction)" if story.evicted else "the trace ends"


def _cause(story: Story, told: List[Finding]) -> Optional[Finding]:
    """The finding that explains most: of the errors and what causes them, else of the warnings."""
    # That there is no certificate explains nothing where the server went on without one.
    idle = _EMPTY if story.courses and story.courses[0].went_on else ""
    errors = [f for f in told if f.severity == "error"]
    if errors:
        errors += [f for f in told if f.severity == "warning" and f.code in _CAUSES and f.code != idle]
    found = errors or [f for f in told if f.severity == "warning"]
    return min(found, key=lambda f: (f.code == idle, _ORDER.get(f.code, len(_RANK)), _WORST[f.severity])) if found else None


def _outcome(story: Story, alone: bool) -> Tuple[str, str]:
    """How far the connection came, as a word and as the beginning of a sentence; `alone`: by one direction of it."""
    courses = story.courses
    torn = ", or was told as part of another connection" if story.torn else ""
    if not courses:
        if any(step.kind in ("sealed", "data") for step in story.steps):
            return "midstream", f"Encrypted records alone: the handshake is not in the trace{torn}"
        if any(step.kind == "alert" for step in story.steps):
            return "incomplete", "Alerts alone: no message of a handshake was found"
        if any(step.kind == "other" for step in story.steps):
            return "not-tls", "No TLS was found in this connection"
        if any(end > story.gaps[side] + story.snapped[side] for side, end in enumerate(story.seen)):
            return "not-tls", "No whole TLS record was found in this connection"
        if any(story.seen) or any(story.snapped):
            return "silent", "No byte of any payload is in the trace"
        if story.pseudo:
            return "silent", "No whole message is shown as it was sent"
        return "silent", "No payload" + (f": {story.closed}" if story.closed else "")
    course = courses[0]
    about = "".join(
        f", {part}" for part in (
            VERSIONS.get(course.version or 0, ""), title(story, "cipher_suites", course.suite) if course.suite is not None else "",
        ) if part
    )  # fmt: skip
    if course.resumed:
        return "resumed", f"Resumed handshake{about}"
    if course.complete:
        if course.kind == "external":
            return "psk", f"Handshake with an external pre-shared key{about}"
        if course.kind == "full":
            return "full", f"Full handshake{about}"
        return "complete", f"A handshake whose hellos are not in the trace{torn}{about}"
    if course.hello is None:
        return "midstream", f"The end of a handshake whose beginning is not in the trace{torn}{about}"
    if course.answer is None and course.retry is None:
        if alone:  # the answer is not in the trace, nor is that there was none
            return "incomplete", "The client's half of a connection"
        return "unanswered", "ClientHello without a ServerHello"
    if course.alert is None and "RST" not in story.trail and (any(story.gaps) or any(story.snapped)):
        return "incomplete", f"A handshake of which bytes are missing{about}"
    return "incomplete", f"Unfinished handshake{about}"


def certificate_line(story: Story) -> str:
    """The client's certificate: asked for, sent, proved, whose move. "" where the trace has nothing to say of it."""
    course = next((c for c in story.courses if c.answer is not None or c.request is not None or c.certificate[0] is not None), None)
    if course is None or story.guessed == "contradicted":
        return ""
    lead = "client certificate: "
    if course.version == 0x0304 and course.request is None:
        finished = story.finished
        if finished is None or course.holed[1]:
            return lead + "encrypted: whether one was asked for and sent is not visible (TLS 1.3)"
        if not course.resumed:
            return lead + f"not asked for (the server's flight, decrypted, has no CertificateRequest, packet {finished.packet})"
    if course.resumed:
        return lead + "not visible: a resumed session asks for none; what the first handshake did is not in this connection"
    asked, sent, proved = course.request, course.certificate[0], course.verify
    no = course.no_certificate
    if asked is None and sent is None:
        if not (course.done and course.kind == "full") or course.holed[1]:
            return ""
        whole = f"a whole server flight without CertificateRequest, packet {course.done.packet}{_inside(story)}"
        return lead + f"not asked for ({whole}) -> whose move: nobody's"
    said = [f"asked for by the server {_where(asked)}" if asked is not None else "the request is not in the trace"]
    if sent is None:
        if no is not None:
            said.append(f"the client says it has none {_where(no)} (SSL 3.0)")
            move = "the client's"
        elif course.client_key is not None and not course.holed[0]:
            said.append(f"no Certificate message before ClientKeyExchange {_where(course.client_key)}")
            move = "the client's"
        else:
            left = course.alert is not None and not course.alert.side
            said.append("the client broke off before it answered" if left else "the client's answer is not in the trace")
            move = "not to be told"
    elif not sent.facts.count and sent.facts.complete:
        said.append(f"answered with an empty list {_where(sent)}{'; the server went on without one' if course.went_on else ''}")
        move = "nobody's, unless the server's application refuses the client then" if course.went_on else \
            "the client's, unless its issuer is not among the authorities that the server lists" if asked is not None and \
            asked.facts.authorities else "the client's"
    else:
        known = sent.facts.count or sent.facts.complete
        what = ": a raw public key" if sent.facts.raw else \
            f": {plural(sent.facts.count, 'certificate')}{_listed(story, sent, asked)}" if known else ", how many is not told"
        said.append(f"sent {_where(sent)}{what}")
        if proved is not None:
            alert = course.alert
            said.append(f"proof sent (CertificateVerify) {_where(proved)}, which only the server can check"
                        f"{'; it went on' if course.went_on else ''}")
            move = "the client's, or the server's trust store: see the alert" if alert is not None and alert.side else \
                "not to be told: the connection ended before the server said anything of it" if _left(story, course) else "nobody's"
        elif course.changed[0] is not None and not course.holed[0]:
            said.append("not proved: no CertificateVerify before ChangeCipherSpec")
            move = "the client's"
        else:
            said.append("proof not in the trace")
            move = "not to be told"
    if story.guessed:
        move = "not to be told"
    # Words have no places.
    return f"{lead}{'; '.join(said)} -> whose move: {move}".replace(" ;", ";").replace(" :", ":").replace(" ,", ",")


def _left(story: Story, course: Course) -> bool:
    """Whether the server was the first to end the connection, and before it had said that it takes the client's Finished."""
    ends = [step for step in story.steps if step.kind in _CLOSE]
    return bool(ends) and ends[0].side == 1 and not (course.went_on or course.complete or course.alert)


def _listed(story: Story, sent: Step, asked: Optional[Step]) -> str:
    """Whether the server lists an issuer of the client's chain."""
    if asked is None or not asked.facts.complete or not sent.facts.complete or not asked.facts.authorities:
        return ""
    read = [story.reads(der) for _, _, der in sent.facts.certificates[:16]]
    keys = {key for f in read if f is not None for key in (f.issuer_key, f.subject_key) if key}
    for _, _, der in asked.facts.authorities:
        text, key = story.name_of(der)
        if key in keys:
            return f", issued under {text}, which the server lists"
    return ", none of its issuers in the server's list"


def _where(step: Step) -> str:
    if not step.places:
        return f"(packet {step.packet})" if step.packet else ""
    packet, start, end = step.places[0]
    return f"(packet {packet}, 0x{start:04x}{f' to 0x{end - 1:04x}' if len(step.places) == 1 else ' and on'})"


def _inside(story: Story) -> str:
    """Whether a later handshake hides another request."""
    return "; a renegotiation follows: what was asked in it is encrypted" if SEALED_CHANGE in story.trail else ""

