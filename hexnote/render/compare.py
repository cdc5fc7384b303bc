"""Two traces side by side: what differs between two handshakes, or between two captures of one connection.

Addresses, randoms, keys and times are set aside: what is left is what was offered, chosen, shown and said.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from hexnote.hints import Dict, List, Optional, Tuple
from hexnote.render.captures import told_apart
from hexnote.render.chains import chain, chains_apart
from hexnote.render.difference import Difference
from hexnote.render.narrow import harmless
from hexnote.report import Collector, Connection, Field, Message, Record, Report
from hexnote.tuples import NamedTuple

# Ways to show a field whose bytes differ from one handshake to the next as they should.
_APART = frozenset(("opaque", "hex", "serial", "unixtime", "header", "unused", ""))
# Fields about which nothing is to be said: what they hold is told by the fields behind them.
_FRAMES = frozenset((".length", ".header", ".explicit", ".unused"))
# Extensions and parts of hellos that decide how a handshake goes, the weightiest first.
_WEIGHTY = (
    "supported_versions", "client_version", "server_version", "version", "cipher_suites", "cipher_specs", "cipher_suite",
    "supported_groups", "key_share", "signature_algorithms", "signature_algorithms_cert", "server_name",
    "application_layer_protocol_negotiation", "renegotiation_info", "extended_master_secret", "encrypt_then_mac", "session_ticket",
    "pre_shared_key", "psk_key_exchange_modes", "compression_methods", "compression_method", "ec_point_formats", "certificate_list",
    "certificate_types", "certificate_authorities", "supported_signature_algorithms", "description", "level",
)  # fmt: skip
# What an alert is about, so far as it says: parts of what was sent before it.
_VERSIONS = ("supported_versions", "client_version", "version")
_CERTIFICATE = ("certificate_list", "certificate", "certificate_authorities", "server_name")
_ABOUT = {
    "protocol_version": _VERSIONS, "inappropriate_fallback": ("cipher_suites", *_VERSIONS), "unrecognized_name": ("server_name",),
    "no_application_protocol": ("application_layer_protocol_negotiation",), "bad_certificate": _CERTIFICATE,
    "unsupported_certificate": _CERTIFICATE, "certificate_revoked": _CERTIFICATE, "certificate_expired": _CERTIFICATE,
    "certificate_unknown": _CERTIFICATE, "unknown_ca": _CERTIFICATE, "certificate_required": _CERTIFICATE,
    "no_certificate": _CERTIFICATE,
    "unknown_psk_identity": ("psk_identity", "pre_shared_key"),
    "bad_record_mac": ("session_ticket", "session_id", "pre_shared_key"),
}  # fmt: skip
_STEPS = 3  # messages without a counterpart that are told
_LISTED = 12  # values of a list that are told


class Compare(Collector):
    """The renderer: takes two inputs, and tells of them when both are over."""

    def __init__(self, width: int = 100) -> None:
        super().__init__()
        self._width = max(width, 40)

    def close(self) -> bytes:
        """Both are over. Raises ValueError where there are not two."""
        if len(self.reports) != 2:
            few = "1 was given" if len(self.reports) == 1 else f"{len(self.reports)} were given"
            raise ValueError(f"--compare takes two traces, a good one and a bad one; {few}")
        good, bad = self.reports
        lines = map(harmless, compared(good, bad))
        return "".join(made + "\n" for line in lines for made in _wrapped(line, self._width)).encode("utf-8", "replace")


def compared(good: Report, bad: Report) -> List[str]:
    """What an engineer would say of two traces, in lines."""
    first, second = _chosen(good, False), _chosen(bad, True)
    if first is None or second is None:
        lacking = " and ".join(f"{r.file}" for r, c in ((good, first), (bad, second)) if c is None)
        return [f"no TLS connection to compare in {lacking}"]
    lines = [f"good: {_title(good, first)}", f"bad:  {_title(bad, second)}", ""]
    if same(first, second):
        return lines + told_apart(good, first, bad, second)
    return lines + _handshakes(first, second)


def same(one: Connection, other: Connection) -> bool:
    """Whether two captures show one connection: the client's random is the same."""
    a, b = _random(one), _random(other)
    return a is not None and a == b


def _random(connection: Connection) -> Optional[str]:
    for unit in connection.units:
        for name in ("client_hello.random", "client_hello.challenge"):
            found = "".join(f.hex for f in unit.fields if f.path.startswith(name) and not f.group and not f.node.suffix)
            if len(found) >= 32 and "." not in found:
                return found
    return None


def _chosen(report: Report, failed: bool) -> Optional[Connection]:
    """The connection that a trace is about: the first with a hello; of a bad trace, the first that failed, if one did."""
    found = [
        c
        for c in report.connections
        if any(isinstance(u, Message) or (isinstance(u, Record) and u.format == "ssl2") for u in c.units)
    ]
    if failed:
        broken = [c for c in found if any(f.severity == "error" for f in c.findings)]
        found = broken or found
    return found[0] if found else None


def _title(report: Report, connection: Connection) -> str:
    ends = f"client {connection.client}, server {connection.server}" if connection.client else "no addresses"
    name = "standard input" if report.file == "-" else report.file
    return f"{name}, connection {connection.number} ({ends})" + (f": {connection.verdict}" if connection.verdict else "")


# ---------------------------------------------------------------- two handshakes


class _Step(NamedTuple):
    """What one side sent: a message, or a record that holds none in clear."""

    name: str  # "server: certificate"
    unit: object
    packet: int


def _steps(connection: Connection) -> List[_Step]:
    """The handshake in steps; application data is one step however much it is."""
    made: List[_Step] = []
    for unit in connection.units:
        number = unit.at[0][0] if unit.at else unit.seen
        if isinstance(unit, Message):
            made.append(_Step(f"{unit.side}: {unit.name or 'a message that is not known'}", unit, number))
        elif isinstance(unit, Record) and not unit.buffer:
            if unit.format == "ssl2":
                made.append(
                    _Step(
                        f"{unit.side}: client_hello" if unit.field("client_hello.version") else f"{unit.side}: SSL 2.0",
                        unit,
                        number,
                    )
                )
            elif unit.encrypted or unit.type != 22:
                kind = (
                    "Finished" if unit.finished else ("encrypted " if unit.encrypted and unit.type != 23 else "") + unit.type_name
                )
                step = _Step(f"{unit.side}: {kind}", unit, number)
                if not (unit.type == 23 and any(s.name == step.name for s in made[-2:])):
                    made.append(step)
    return made


def _handshakes(good: Connection, bad: Connection) -> List[str]:
    one, other = _steps(good), _steps(bad)
    matcher = SequenceMatcher(None, [s.name for s in one], [s.name for s in other], autojunk=False)
    found: List[Tuple[str, List[Difference]]] = []
    parted = ""
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            for left, right in zip(one[a:b], other[c:d]):
                differences = fields_apart(left.unit, right.unit)
                if differences:
                    found.append((f"{left.name} (good: packet {left.packet}, bad: packet {right.packet})", differences))
            continue
        there, here = _told(one[a:b]), _told(other[c:d])
        parted = parted or f"good: {there}; bad: {here}"
        found.append(("the order of messages", [Difference(0, "there", there, here)]))
    lines: List[str] = []
    first = _first(found, _alert(one, other), _unoffered(good, bad))
    if first is None:
        return ["the two handshakes differ in nothing but addresses, randoms, keys and times", *_outcome(good, bad)]
    lines += ["first difference that matters", *(f" {line}" for line in first)]
    if parted and parted not in " ".join(first):
        lines += ["where the ways part", f" {parted}"]
    lines += ["", "all that differs"]
    for title, differences in found:
        lines.append(f" {title}")
        for one_difference in differences:
            lines.append(f"   {_said(one_difference)}")
    return lines + _outcome(good, bad)


def _told(steps: List[_Step]) -> str:
    """Steps that only one of them has: the first ones, and how many more."""
    if not steps:
        return "nothing"
    more = f" and {len(steps) - _STEPS} more" if len(steps) > _STEPS else ""
    return ", ".join(_step(s) for s in steps[:_STEPS]) + more


def _step(step: _Step) -> str:
    unit = step.unit
    if isinstance(unit, Record):
        field = unit.field("alert.description")
        if field is not None and field.name:
            return f"{step.name} {field.name} (packet {step.packet})"
    return f"{step.name} (packet {step.packet})"


def _alert(good: List[_Step], bad: List[_Step]) -> str:
    """The name of the alert in clear with which the bad one ended, and the good one did not."""
    names = []
    for steps in (good, bad):
        told = [s.unit.field("alert.description") for s in steps if isinstance(s.unit, Record)]
        names.append([f.name for f in told if f is not None and f.name])
    return next((name for name in names[1] if name not in names[0]), "")


def _unoffered(good: Connection, bad: Connection) -> bool:
    """Whether the bad one's ClientHello lacks the suite that the good one's server chose."""
    hello = next((m for m in bad.messages if m.name == "client_hello" and not m.missing), None)
    offered = [f.value for f in hello.fields if f.path.startswith("client_hello.cipher_suites[")] if hello is not None else []
    return good.suite is not None and bool(offered) and good.suite not in offered


def _first(found: List[Tuple[str, List[Difference]]], alert: str, unoffered: bool = False) -> Optional[List[str]]:
    """The first difference of those that weigh most: a cause stands before what it leads to.

    Where an alert says what it is about, only that can be its cause; if that does not differ, the alert itself is the
    first difference: the other end decided otherwise about the same thing. A name that was asked for leads to a certificate:
    where both differ, what the alert is about is the certificate. A handshake_failure is about the suites where the one that was
    chosen in the good one is not offered.
    """
    about = ("cipher_suites",) if alert == "handshake_failure" and unoffered else _ABOUT.get(alert)
    for subject, weight in [(_CERTIFICATE[:-1], 0), (_CERTIFICATE[:-1], 1)] * (about is _CERTIFICATE) + [
        (about, weight) for weight in (0, 1, 2)
    ]:
        for title, differences in found:
            chosen = [d for d in differences if d.weight == weight]
            if subject is not None:
                chosen = [d for d in chosen if d.what == "there" and subject is about or set(_parts(d.what)) & set(subject)]
            if chosen:
                best = min(chosen, key=lambda d: (_rank(d.what), d.what.endswith(".name_type")))
                return [f"{title}: {_said(best)}"]
    return None


def _parts(what: str) -> List[str]:
    return what.replace(",", " ").split(" ")[0].split(".")


def _rank(what: str) -> int:
    return next((i for i, name in enumerate(_WEIGHTY) if name in _parts(what)), len(_WEIGHTY))


def _said(difference: Difference) -> str:
    lead = "" if difference.what == "there" else f"{difference.what}: "
    if difference.good and difference.bad:
        return f"{lead}good: {difference.good}; bad: {difference.bad}"
    return f"{lead}only in good: {difference.good}" if difference.good else f"{lead}only in bad: {difference.bad}"


def _outcome(good: Connection, bad: Connection) -> List[str]:
    """Findings that one of them has and the other has not."""
    lines: List[str] = []
    for name, one, other in (("good", good, bad), ("bad", bad, good)):
        codes = {f.code for f in other.findings}
        for finding in one.findings:
            if finding.code not in codes and finding.severity != "note":
                lines.append(f" only {name}: [{finding.severity}] {finding.code}: {finding.text}")
    return ["", "findings", *lines] if lines else []


def _wrapped(line: str, width: int) -> List[str]:
    """A line in lines of `width` columns; the further ones stand in by three more."""
    import textwrap

    indent = len(line) - len(line.lstrip(" ")) + 3
    return textwrap.wrap(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False) or [""]


# ---------------------------------------------------------------- two units, field by field


def fields_apart(one: object, other: object) -> List[Difference]:
    """What two messages of a kind, or two records, differ in; randoms, keys and times set aside."""
    if not isinstance(one, (Message, Record)) or not isinstance(other, (Message, Record)):
        return []
    made: List[Difference] = []
    if isinstance(one, Message) and one.name == _named(other) == "certificate":
        return chains_apart(chain(one.fields), chain(other.fields))
    left, right = _table(one.fields), _table(other.fields)
    for key in [*left, *(k for k in right if k not in left)]:
        a, b = left.get(key, []), right.get(key, [])
        if a == b:
            continue
        made.append(_difference(key, a, b))
    if isinstance(one, Record) and one.encrypted and isinstance(other, Record) and one.length != other.length and one.type != 23:
        made.append(Difference(1, "length", f"{one.length} bytes", f"{other.length} bytes"))
    return made


def _named(unit: object) -> str:
    """A message's name; "" for a record."""
    return unit.name if isinstance(unit, Message) else ""


def _table(fields: List[Field]) -> Dict[str, List[str]]:
    """Values by a path in which lists have no numbers and extensions their names."""
    made: Dict[str, List[str]] = {}
    inside = ""
    for field in fields:
        if field.path.startswith(("record.", "handshake.")):
            continue
        name = _key(field.path)
        if field.node.name == "extension_type" and not field.group:
            inside = field.name or f"extension {field.value}"
            made.setdefault("extensions", []).append("GREASE" if inside.startswith("GREASE") else inside)
            continue
        if field.group or field.node.suffix in _FRAMES or field.node.name == "extension_data":
            continue
        if field.node.show == "length":
            continue
        if field.node.show in _APART or field.missing:
            if field.length:
                made.setdefault(f"{name} length", []).append(f"{field.length} bytes")
            continue
        value = field.name if field.name is not None else str(field.value)
        made.setdefault(name, []).append("GREASE" if value.startswith("GREASE") else value)
    return made


def _key(path: str) -> str:
    """`client_hello.extensions[3].server_name.server_name_list[0].host_name` as `client_hello.server_name.host_name`."""
    path = re.sub(r"\.extensions\[\d+\]\.", ".", path)
    path = re.sub(r"certificate_list\[(\d+)\]", lambda found: f"certificate {int(found.group(1)) + 1}", path)
    return re.sub(r"\[\d+\]", "", path)


def _difference(key: str, good: List[str], bad: List[str]) -> Difference:
    parts = key.replace(" length", "").split(".")
    weight = 0 if any(part in _WEIGHTY for part in parts) or key == "extensions" else 1
    if key.endswith(" length") or parts[-1] in ("padding", "zeros"):
        weight = 2
    if len(good) < 2 and len(bad) < 2:
        return Difference(weight, key, good[0] if good else "nothing", bad[0] if bad else "nothing")
    lacking = [v for v in good if v not in bad]
    more = [v for v in bad if v not in good]
    if not lacking and not more:
        if sorted(good) == sorted(bad):
            return Difference(2, f"{key}, in another order", _list(good), _list(bad))
        return Difference(2, key, f"{len(good)} values", f"{len(bad)} values")
    if lacking and more:
        return Difference(weight, f"{key}, what the other lacks", _list(lacking), _list(more))
    # More on offer seldom breaks what less on offer does not.
    return Difference(weight if lacking else max(weight, 1), key, _list(lacking), _list(more))


def _list(values: List[str]) -> str:
    told = ", ".join(values[:_LISTED])
    return told + (f" and {len(values) - _LISTED} more" if len(values) > _LISTED else "")
