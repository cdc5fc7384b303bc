"""Connections of one client that have to do with each other: attempts of which one failed, sessions that are offered again.

changed-retry (warning)
    meaning: A connection failed, and the client came back to the same server with another ClientHello. What differs between the
        two is where to look, all the more where the second one came through.
    known by: Two connections of one client address to one server address and port, the second begun when the first had failed (a
        fatal alert in clear, RST, FIN or another protocol's answer before both Finished; or nothing at all, though the hello was
        sent again), and both ClientHellos, GREASE and all that is random apart. Not said where the client broke off, once it was
        answered, and did not say why. That both are of one client is likely where the one offers no cipher suites but those of
        the other, suites and extensions in the same order, or TLS_FALLBACK_SCSV; else possible, for several may share an address.
    causes: A client that falls back to a lower version or a smaller hello after a failure; a server or middlebox that cannot take a
        new version, a large hello, a post-quantum key share; a person who tries one option after the other.
    try: Do both attempts again by hand, and change one thing at a time.
    source: RFC 7507, RFC 8446 appendix D
    sample: tests/test_attempts.py

unchanged-retry (note)
    meaning: A connection failed, and the client came back to the same server with the same ClientHello: what was offered does not
        explain the one where the other came through; where all failed alike, it was no chance.
    known by: As changed-retry, with nothing that differs between the hellos but what is random.
    causes: A server that restarts, is overloaded, or is one of several behind an address; a client that tries again whatever the
        reason was; a client that takes after a change of its own what it had refused.
    try: Look for what differs beside the hello: the time, the member of the pool, the certificate, the client's trust store.
    source: RFC 5246 section 7.4.1.2
    sample: tests/test_attempts.py

other-address (warning)
    meaning: A client reaches a server name at one address and fails at another, both times with the same ClientHello.
    known by: All connections of a client to one address failed, one to another address came through, on the same port, with the
        same name (SNI) and nothing that differs between the hellos but what is random. Where one address is of IPv4 and the other
        of IPv6, that it is one client is possible.
    causes: An address in the DNS that is no longer the server's; a member of a pool with another configuration; a firewall that
        knows one of the two; IPv6 that leads nowhere.
    try: openssl s_client -connect ADDRESS:PORT -servername NAME for each address that dig NAME A and dig NAME AAAA print.
    source: RFC 8305
    sample: tests/test_attempts.py

lost-session (note)
    meaning: The client offers the session of an earlier connection in this trace, and the server does not take it up, or takes it
        up and the two then disagree.
    known by: Up to TLS 1.2, the ticket or session ID of a ClientHello, byte by byte that which the earlier connection was given,
        and a full handshake, or a resumed one that failed. In TLS 1.3 tickets are given encrypted.
    causes: Members of a pool that share neither sessions nor the keys of tickets; a server that was started anew, or has forgotten
        the session; another server name, version or list of suites than before.
    try: openssl s_client -reconnect, against one address at a time.
    source: RFC 5246 section 7.4.1.2, RFC 5077 section 3.1, RFC 6066 section 3
    sample: resumption-bad-mac
"""

from __future__ import annotations

from hexnote.findings.signs import ended
from hexnote.hints import Any, Dict, FrozenSet, Iterator, List, Optional, Sequence, Tuple
from hexnote.model import VERSIONS, Attempt, Finding, Hello, Story, finding, grease, host, plural, title, try_client

_RENEGOTIATION, _FALLBACK = 0x00FF, 0x5600
_NAME, _GROUPS, _SCHEMES, _PROTOCOLS, _TICKET, _SHARES, _PSK = 0, 10, 13, 16, 35, 51, 41
# Extensions that say what is compared by itself, or that come with it: padding, early_data, supported_versions, cookie,
# psk_key_exchange_modes.
_SAID = frozenset((_NAME, _GROUPS, _SCHEMES, _PROTOCOLS, _TICKET, _SHARES, _PSK, 21, 42, 43, 44, 45))
# Extensions of TLS 1.3 alone: post_handshake_auth, signature_algorithms_cert.
_NEWER = frozenset((49, 50))
# Alerts that say themselves what of the hello they are about.
_ABOUT = {70: "version", 112: "name", 120: "protocols"}
_WORDS = {"version": "the version", "name": "the name", "protocols": "the application protocols"}
_PADDING = 21
_SEVERAL = 3  # suites in the same order are no chance
_LISTED = 6  # attempts that are told one by one
_NAMES = 3  # names in a list

# What differs: (what it is, the sentence, whether the later hello has more of it, and nothing less).
_Change = Tuple[str, str, bool]


def together(attempts: Any) -> Iterator[Finding]:
    """By all connections of an input that are remembered."""
    found: Dict[Any, Finding] = {}
    again: Dict[Any, int] = {}
    for story, tried, more in attempts.told():
        changes = [_changes(story, before, after) for before, after in zip(tried, tried[1:])]
        if not all(each.hello.complete for each in tried) or any(changes) and any(map(_left, tried, tried[1:])):
            continue
        kinds = tuple(tuple(kind for kind, _, _ in change) for change in changes)
        like = (story.ends, kinds, tuple((each.how, each.side, each.description) for each in tried))
        if like in found:
            again[like] = again.get(like, 0) + 1
        else:
            found[like] = _changed(story, tried, changes) if any(changes) else _unchanged(story, tried, more)
    for like, told in found.items():
        times = again.get(like)
        yield told._replace(text=f"{told.text}; so it went {plural(times, 'time')} more") if times else told
    for story, barred, reached in attempts.apart():
        yield from _apart(story, barred, reached)
    for story, giver, attempt in attempts.declined():
        yield _declined(story, giver, attempt)


def _changed(story: Story, tried: Sequence[Attempt], changes: Sequence[List[_Change]]) -> Finding:
    first, last = tried[0], tried[-1]
    said = [f"{_name(first)} (packets {first.first} to {first.last}) {_ended(story, first)}"]
    for before, after, change in zip(tried, tried[1:], changes):
        what = _and([text for _, text, _ in change]) or "offers the same"
        said.append(f"{_name(after)} (from packet {after.first} on) {what}{_sizes(before, after)}, and {_ended(story, after)}")
    if len(said) > _LISTED:
        said[_LISTED // 2 : 1 - _LISTED // 2] = [plural(len(said) - _LISTED + 1, "attempt") + " between them"]
    made = changes[-1]
    falls = any(_FALLBACK in a.hello.suites for a in tried[1:])
    sure, by, suggests = "proven", "unknown", ""
    if not last.how:
        sure = "likely"
        if len(made) == 1:
            suggests = "; so what differs is likely the cause"
        elif _ABOUT.get(tried[-2].description, "") in [kind for kind, _, _ in made]:
            suggests = f"; {_WORDS[_ABOUT[tried[-2].description]]} is what the alert is about, and so likely the cause"
        elif made:
            suggests = "; which of these was the cause, the bytes do not tell"
        if made and all(adds for _, _, adds in made) and tried[-2].how == "alert" and tried[-2].side:
            by = "client"
    elif _alike(tried):
        suggests = "; it ended in the same way, so that what differs is not the cause"
    if falls:
        suggests += "; with TLS_FALLBACK_SCSV the client says itself that it comes back after a failure"
    seen = "proven" if all(map(_kin, tried, tried[1:])) and not any(a.how == "silence" for a in tried) else "possible"
    where = first.at + first.end + last.at + (last.end if last.how else ())
    return finding(story, "changed-retry", "warning", by, sure if seen == "proven" else "possible",
                   f"the client comes back with another ClientHello: {'; '.join(said)}{suggests}",
                   "two clients that share an address" if seen == "possible" else
                   "the first hello once more, if it comes through too: then what differs was not the cause" if not last.how else
                   "an earlier connection of these two that failed otherwise",
                   _again(story, tried, made), where, seen=seen)


def _again(story: Story, tried: Sequence[Attempt], made: Sequence[_Change]) -> str:
    """One command or step."""
    kinds = {kind for kind, _, _ in made}
    if tried[-1].how:
        return f"find out why {_name(tried[0])} failed: it was the first that did"
    if kinds == {"version"}:
        high, low = sorted((_highest(tried[-2].hello), _highest(tried[-1].hello)), reverse=True)
        options = {0x0304: "-tls1_3", 0x0303: "-tls1_2", 0x0302: "-tls1_1", 0x0301: "-tls1"}
        if high in options and low in options:
            return f"try both: {try_client(story, options[high])}, then {options[low]}"
    if kinds == {"name"}:
        return f"try both names: {try_client(story)}, then -servername with the other one, or -noservername"
    if kinds <= {"groups", "shares"}:
        return f"try both: {try_client(story, '-groups X25519')}, then -groups X25519MLKEM768:X25519"
    return f"do both attempts again, and change one thing at a time: {try_client(story)}"


def _unchanged(story: Story, tried: Sequence[Attempt], more: int) -> Finding:
    first, last = tried[0], tried[-1]
    beside = tried[-2]
    failed = tried if last.how else tried[:-1]
    lead = f"{_name(first)} (packets {first.first} to {first.last}) {_ended(story, first)}"
    if last.how and _alike(tried):
        many = f"{len(tried)} attempts{f' that hexnote compares (of {len(tried) + more})' if more else ''}"
        text = f"the client tries again with the same ClientHello, and each of {many} ends alike, " \
               f"from {_name(first)} (packet {first.last}) to {_name(last)} (packet {last.last}): " \
               f"it {_ended(story, last)}; that is no chance"
    elif last.how:
        text = f"the client tries again with the same ClientHello, and the attempts do not end alike: {lead}; {_name(last)} " \
               f"(packets {last.first} to {last.last}) {_ended(story, last)}"
    else:
        behind = f", as {plural(len(failed) - 1, 'other')} did" if len(failed) > 1 and _alike(failed) else \
            f", and {plural(len(failed) - 1, 'other')} failed" if len(failed) > 1 else ""
        text = f"the client tries again with the same ClientHello: {lead}{behind}; {_name(last)} (from packet {last.first} on) " \
               f"{_ended(story, last)}: what was offered does not explain the failure" + \
               ("; it was the client that broke off before" if beside.side == 0 and beside.how in ("alert", "FIN", "RST") else "")
    return finding(story, "unchanged-retry", "note", "unknown",
                   "possible" if any(a.how == "silence" for a in tried) else "proven", text,
                   at=first.at + first.end + last.at + (last.end if last.how else ()))


def _apart(story: Story, barred: Attempt, reached: Attempt) -> Iterator[Finding]:
    """By attempts at two addresses of a name."""
    if not (barred.hello.complete and reached.hello.complete) or _changes(story, barred, reached):
        return
    sure = "likely" if barred.client == reached.client and barred.how != "silence" else "possible"
    name = host(barred.hello.server_name)
    about = f'for the name "{name}"' if name else "for one name"
    doubt = "" if barred.client == reached.client else ", if it is the same client, whose addresses are of IPv4 and IPv6"
    yield finding(story, "other-address", "warning", "server" if sure == "likely" and barred.how != "RST" else "unknown", sure,
                  f"the client comes through to {reached.server} {about} ({_name(reached)}, packet {reached.first}) and not to "
                  f"{barred.server}, with the same ClientHello{doubt}: {_name(barred)} (packets {barred.first} to {barred.last}) "
                  f"{_ended(story, barred)}",
                  "another attempt at that address that comes through",
                  "try each address of the name: openssl s_client -connect "
                  f"{barred.server}{f' -servername {name}' if name else ''}, then -connect {reached.server}",
                  barred.at + barred.end + reached.at, seen="proven" if barred.client == reached.client else "possible")


def _declined(story: Story, giver: Attempt, attempt: Attempt) -> Finding:
    ticket = attempt.offered == giver.given[1]
    what = f"the {'ticket' if ticket else 'session ID'} of {plural(len(attempt.offered), 'byte')}"
    ends = f"takes it up, but the handshake {_ended(story, attempt)}" if attempt.taken else "makes a full handshake instead"
    other = f" by another address, {giver.server}" if giver.server != attempt.server else ""
    changes = [] if not (giver.hello.complete and attempt.hello.complete) else \
        [text for kind, text, _ in _changes(story, giver, attempt) if kind != "session"]
    differs = f"; compared with the hello of {_name(giver)} this one {_and(changes)}" if changes else ""
    return finding(story, "lost-session", "note", "unknown", "proven",
                   f"{_name(attempt)} offers {what} that {_name(giver)} was given{other} (packet {giver.given[2]}), and the server "
                   f"{ends}{differs}", at=attempt.at)


# ------------------------------------------------------------------ words


def _name(attempt: Attempt) -> str:
    return f"connection {attempt.number}"


def _ended(story: Story, attempt: Attempt) -> str:
    if attempt.how:
        return ended(story, attempt.how, attempt.side, attempt.description, attempt.heard)
    agreed = [VERSIONS.get(attempt.version, "")] + ([title(story, "cipher_suites", attempt.suite)] if attempt.suite >= 0 else [])
    with_ = ", ".join(filter(None, agreed))
    return f"came through{f' ({with_})' if with_ else ''}"


def _sizes(before: Attempt, after: Attempt) -> str:
    """The sizes of both hellos, where what is large may not have come through."""
    if before.how not in ("silence", "RST", "FIN") or abs(before.size - after.size) < 64:
        return ""
    return f" (a hello of {after.size} bytes instead of {before.size})"


def _and(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _alike(tried: Sequence[Attempt]) -> bool:
    """Whether all attempts ended in the same way."""
    return len({(a.how, a.side, a.description, a.heard) for a in tried}) == 1


# ------------------------------------------------------------------ what differs


def _left(before: Attempt, after: Attempt) -> bool:
    """Whether a client that was answered broke off and did not say why: that may be all that it wanted, as it is of those that
    only look whether a server is there. Where it says itself that it comes back, it is not."""
    return before.how in ("FIN", "RST") and not before.side and before.heard and _FALLBACK not in after.hello.suites


def _kin(before: Attempt, after: Attempt) -> bool:
    """Whether two hellos are likely of one client: it says that it comes back, or it lists the same suites, or the one has none but
    those of the other, and what both list, extensions too, they list in the same order."""
    if _FALLBACK in after.hello.suites:
        return True
    one, other = ([s for s in each.hello.suites if s in _suites(each.hello)] for each in (before, after))
    if one == other and len(one) >= _SEVERAL:
        return True
    few, many = sorted((one, other), key=len)
    mine, theirs = (list(each.hello.extensions) for each in (before, after))
    return bool(few) and few == [s for s in many if s in few] and \
        [e for e in mine if e in theirs and e != _PADDING] == [e for e in theirs if e in mine and e != _PADDING]


def _changes(story: Story, before: Attempt, after: Attempt) -> List[_Change]:
    """What a later hello has otherwise, what is random or GREASE apart."""
    one: Hello = before.hello
    two: Hello = after.hello
    found: List[_Change] = []
    high, low = _highest(one), _highest(two)
    fallen = high != low
    if fallen:
        found.append(("version", f"offers up to {_version(low)} instead of {_version(high)}", low > high))
    elif _real(one.versions) != _real(two.versions):
        found.append(("version", "offers other versions", _real(two.versions) > _real(one.versions)))
    if one.ssl2 != two.ssl2:
        found.append(("form", f"is {'now' if two.ssl2 else 'no longer'} in the form of SSL 2.0", False))
    mine, others = _suites(one), _suites(two)
    if fallen:  # suites of TLS 1.3, and those of TLS 1.2 alone, come and go with it
        mine, others = (frozenset(s for s in each if not _of_version(story, s, min(high, low))) for each in (mine, others))
    if mine != others:
        count = plural(len(others), "cipher suite") if others else "no cipher suite"
        found.append(("suites", f"offers {count} instead of {len(mine) or 'none'}" if len(mine) != len(others) else
                      f"offers {count} of which {len(others - mine)} are others", others > mine))
    if (_FALLBACK in one.suites) != (_FALLBACK in two.suites):
        found.append(("fallback", f"{'has' if _FALLBACK in two.suites else 'lacks'} TLS_FALLBACK_SCSV", False))
    if one.server_name != two.server_name:
        asked = " instead of ".join(map(_asked, (two.server_name, one.server_name)))
        found.append(("name", f"asks for {asked}", one.server_name is None))
    if set(one.protocols or ()) != set(two.protocols or ()):
        found.append(("protocols", f"offers {'other' if two.protocols else 'no'} application protocols (ALPN)",
                      set(two.protocols or ()) > set(one.protocols or ())))
    lower = min(high, low) < 0x0303 <= max(high, low)
    groups, shares = (_real(one.groups), _real(two.groups)), (_real(one.shares), _real(two.shares))
    if groups[0] != groups[1]:
        found.append(("groups", _with(story, "supported_groups", "group", *groups), groups[1] > groups[0]))
    elif shares[0] != shares[1] and not fallen:
        found.append(("shares", _with(story, "supported_groups", "key share", *shares), shares[1] > shares[0]))
    schemes = _real(one.schemes), _real(two.schemes)
    if schemes[0] != schemes[1] and not lower:
        found.append(("schemes", f"offers {plural(len(schemes[1]), 'signature scheme')} instead of {len(schemes[0]) or 'none'}"
                      if len(schemes[0]) != len(schemes[1]) else "offers other signature schemes", schemes[1] > schemes[0]))
    if _session(one) != _session(two):
        found.append(("session", f"offers {'a' if _session(two) else 'no'} session to take up", False))
    known = _extensions(one), _extensions(two)
    if fallen:
        known = known[0] - _NEWER, known[1] - _NEWER
    if known[0] != known[1] and not (one.ssl2 or two.ssl2):
        found.append(("extensions", _with(story, "extension_types", "extension", *known), known[1] > known[0]))
    return found


def _with(story: Story, registry: str, what: str, one: FrozenSet[int], two: FrozenSet[int]) -> str:
    """What a list lacks, and what it has besides."""
    parts = []
    for lead, values in (("lacks", one - two), ("has", two - one)):
        if values:
            names = [title(story, registry, v) for v in sorted(values)]
            more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
            parts.append(f"{lead} the {what}{'s' if len(names) > 1 else ''} {', '.join(names[:_NAMES])}{more}")
    return _and(parts)


def _real(values: Optional[Sequence[int]]) -> FrozenSet[int]:
    return frozenset(v for v in values or () if not grease(v))


def _suites(hello: Hello) -> FrozenSet[int]:
    return frozenset(v for v in _real(hello.suites) if v not in (_RENEGOTIATION, _FALLBACK))


def _extensions(hello: Hello) -> FrozenSet[int]:
    signalled = {0xFF01} if _RENEGOTIATION in hello.suites else set()
    return frozenset((_real(tuple(hello.extensions)) | signalled) - _SAID)


def _of_version(story: Story, suite: int, version: int) -> bool:
    """Whether a suite cannot be used in a version: it is of TLS 1.3, or needs TLS 1.2 (RFC 5246 section 1.2)."""
    if version < 0x0304 and suite >> 8 == 0x13:
        return True
    name = title(story, "cipher_suites", suite)
    return version < 0x0303 and name.endswith(("_SHA256", "_SHA384", "_CCM", "_CCM_8"))


def _session(hello: Hello) -> bool:
    """Whether a hello offers a session to take up; a session ID beside supported_versions names none (RFC 8446 appendix D.4)."""
    return bool(hello.ticket or hello.identities or hello.session_id and hello.versions is None)


def _asked(name: Optional[bytes]) -> str:
    if name is None:
        return "no name"
    known = host(name)
    return f'"{known}"' if known else "a name that is none"


def _highest(hello: Hello) -> int:
    """The highest version that a ClientHello offers, GREASE apart."""
    return max((v for v in hello.versions or () if v in VERSIONS), default=hello.version)


def _version(value: int) -> str:
    return VERSIONS.get(value, f"0x{value:04x}")
