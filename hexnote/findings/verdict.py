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

from typing import Dict, List, Optional, Tuple

from hexnote.model import VERSIONS, Finding, Step, Story, Verdict, plural, title

# What explains an end, the best explanation first; what is not listed explains by its severity alone.
_RANK = (
    "bad-record-mac-on-resumption", "plaintext-to-tls", "tls-to-plaintext", "client-hello-unanswered", "version-mismatch",
    "fallback-scsv", "no-common-parameters", "client-certificate-missing", "client-certificate-unproven",
    "client-certificate-empty", "client-no-certificate-alert", "certificate-expired", "certificate-not-yet-valid", "name-mismatch",
    "chain-incomplete", "unoffered-choice", "downgrade-sentinel", "heartbleed", "malformed", "oversize-record",
    "unexpected-message", "injected-reset", "fatal-alert", "reset-mid-handshake", "renegotiation-refused", "handshake-incomplete",
)  # fmt: skip
_ORDER: Dict[str, int] = {code: i for i, code in enumerate(_RANK)}
# Warnings that explain a fatal alert or reset better than these explain themselves.
_CAUSES = frozenset(("fallback-scsv", "client-certificate-empty", "client-no-certificate-alert", "injected-reset"))
_WORST = {"error": 0, "warning": 1, "note": 2}


def verdict(story: Story, told: List[Finding]) -> Verdict:
    """The line, from the story and all that was found."""
    outcome, sentence = _outcome(story)
    cause = _cause(told)
    if cause is None:
        good = " Nothing wrong was found." if outcome in ("full", "resumed", "psk") else ""
        return Verdict(f"{sentence}.{good}", outcome, "", "nobody")
    what = cause.text.split("; usual causes: ")[0].split("; the Finished takes ")[0]
    end = "" if what.endswith((".", "!", "?")) else "."
    line = f"{sentence}; {what}{end}"
    if cause.severity != "note":
        line += f" Ball with: {cause.by}."
        if cause.next:
            line += f" Try: {cause.next}{'' if cause.next.endswith('.') else '.'}"
    return Verdict(line, outcome, cause.code, cause.by)


def _cause(told: List[Finding]) -> Optional[Finding]:
    """The finding that explains most: of the errors and what causes them, else of the warnings."""
    errors = [f for f in told if f.severity == "error"]
    if errors:
        errors += [f for f in told if f.severity == "warning" and f.code in _CAUSES]
    found = errors or [f for f in told if f.severity == "warning"]
    return min(found, key=lambda f: (_ORDER.get(f.code, len(_RANK)), _WORST[f.severity])) if found else None


def _outcome(story: Story) -> Tuple[str, str]:
    """How far the connection came, as a word and as the beginning of a sentence."""
    courses = story.courses
    if not courses:
        if any(step.kind in ("sealed", "data") for step in story.steps):
            return "midstream", "Encrypted records alone: the handshake is not in the trace"
        if any(step.kind == "other" for step in story.steps):
            return "not-tls", "No TLS was found in this connection"
        if any(story.seen):
            return "not-tls", "No whole TLS record was found in this connection"
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
        return "complete", f"A handshake whose hellos are not in the trace{about}"
    if course.hello is None:
        return "midstream", f"The end of a handshake whose beginning is not in the trace{about}"
    if course.answer is None and course.retry is None:
        return "unanswered", "ClientHello without a ServerHello"
    return "incomplete", f"Unfinished handshake{about}"


def certificate_line(story: Story) -> str:
    """The client's certificate: asked for, sent, proved, whose move. "" where the trace has nothing to say of it."""
    course = next((c for c in story.courses if c.answer is not None or c.request is not None or c.certificate[0] is not None), None)
    if course is None:
        return ""
    lead = "client certificate: "
    if course.version == 0x0304 and course.request is None:
        finished = story.messages.get((1, "finished"))
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
        return lead + f"not asked for (a whole server flight without CertificateRequest, packet {course.done.packet}) -> " + (
            "nobody's move, unless the server should ask: then the server's" + _inside(story))
    said = [f"asked for by the server {_where(asked)}" if asked is not None else "the request is not in the trace"]
    if sent is None:
        if no is not None:
            said.append(f"the client says it has none {_where(no)} (SSL 3.0)")
            move = "the client's"
        elif course.client_key is not None and not course.holed[0]:
            said.append(f"no Certificate message before ClientKeyExchange {_where(course.client_key)}")
            move = "the client's"
        else:
            said.append("the client's answer is not in the trace")
            move = "not to be told"
    elif not sent.facts.count and sent.facts.complete:
        said.append(f"answered with an empty list {_where(sent)}")
        move = "the client's, unless its issuer is not among the authorities that the server lists" if asked is not None and \
            asked.facts.authorities else "the client's"
    else:
        known = sent.facts.count or sent.facts.complete
        what = f": {plural(sent.facts.count, 'certificate')}{_listed(story, sent, asked)}" if known else ", how many is not told"
        said.append(f"sent {_where(sent)}{what}")
        if proved is not None:
            said.append(f"proved (CertificateVerify) {_where(proved)}")
            alert = course.alert
            move = "the client's, or the server's trust store: see the alert" if alert is not None and alert.side else "nobody's"
        elif course.changed[0] is not None and not course.holed[0]:
            said.append("not proved: no CertificateVerify before ChangeCipherSpec")
            move = "the client's"
        else:
            said.append("proof not in the trace")
            move = "not to be told"
    # Words have no places.
    return f"{lead}{'; '.join(said)} -> whose move: {move}".replace(" ;", ";").replace(" :", ":").replace(" ,", ",")


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
    return "; a renegotiation follows: what was asked in it is encrypted" if any(
        s.kind == "sealed" and s.type == 20 for s in story.steps) else ""

