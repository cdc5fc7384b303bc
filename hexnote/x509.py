"""The parts of X.509 by name: what may follow what, as tables for the walk in `der` (RFC 5280).

A State says, for each identifier octet that may come next in a constructed value, what it is called,
how it is walked and which State comes after it. The tables are built when the first certificate is
met, the names of attributes when the attribute is.
"""

from __future__ import annotations

from hexnote.asn1 import CHARSETS, TYPES, header, hexes, identify, leaf, oid_bytes, strings, tag_name
from hexnote.hints import Any, Callable, Dict, Optional, Tuple
from hexnote.model import GROUP, Node

# How an element is walked.
PRIMITIVE = 0  # two leaves: header, value
GROUPED = 1  # a GROUP; its header and its members lie one level deeper
VECTOR = 2  # a GROUP whose members bear its own name and an index, and so lie at its own level
FLAT = 3  # no GROUP: the members belong to the structure around it
CHOICE = 4  # an object identifier that decides what comes after it: child is a Switch
BITS = 5  # BIT STRING: header, unused-bits octet, value; child: (unused, value of two octets and more, of none)
KEY = 6  # BIT STRING that holds what the algorithm before it says; child: (unused inside a group, unused)
WRAPPED = 7  # OCTET STRING that may hold DER: child walks it, if it begins as DER does
DEFAULT = 8  # GROUPED, which says another thing when it is empty; child: (State, header when empty)
SIZED = 9  # PRIMITIVE whose Node knows the length: child(length) is the Node of the value
SCTS = 10  # OCTET STRING that holds TLS structures: child(buf, pos, end, out, depth) walks them
STRAY = 16  # added to the kind of what should not be here
SURPLUS = 32  # nothing more should come
LONG = 33  # the identifier has more than one octet

# (kind, State after it, Node of the header, Node of the value or group, child, index of the first member or -1)
Entry = Tuple[int, Any, Node, Node, Any, int]


_SHOW = {1: "boolean", 2: "integer", 5: "null", 6: "oid", 10: "integer", 23: "time", 24: "time"}


class State(dict[int, Entry]):
    """What may come next, by identifier octet; what else comes is walked without names."""

    __slots__ = ("loops",)

    def __init__(self, entries: Optional[Dict[int, Entry]] = None, loops: bool = False) -> None:
        super().__init__(entries or {})
        self.loops = loops  # SEQUENCE OF: one stray item says nothing about the next

    def __missing__(self, tag: int) -> Entry:
        kind, _, head, value, child, first = GENERIC[tag]
        after = self if self.loops else GENERIC
        made = self[tag] = (kind + STRAY if kind < STRAY else kind, after, head, value, child, first)
        return made


class Generic(State):
    """Any DER: elements are named by their types."""

    __slots__ = ()

    def __missing__(self, tag: int) -> Entry:
        name = tag_name(tag)
        head = header(name)
        if tag & 31 == 31:
            made: Entry = (LONG, self, head, leaf(name, level=1), None, -1)
        elif tag & 32:
            made = (GROUPED, self, INSIDE, Node(name, GROUP), self, 0)
        elif tag == 3:
            made = bits(leaf(name, level=1), self)
        else:
            shows = strings(CHARSETS[tag]) if tag in CHARSETS else None
            node = leaf(name, show=_SHOW.get(tag, "hex"), shows=shows, level=1, type=TYPES.get(tag, ""))
            made = (PRIMITIVE, self, head, node, None, -1)
        self[tag] = made
        return made


class Loose(State):
    """Like State, but what it does not name is no mistake."""

    __slots__ = ()

    def __missing__(self, tag: int) -> Entry:
        kind, _, head, value, child, first = GENERIC[tag]
        made = self[tag] = (kind, self, head, value, child, first)
        return made


class Strings(Loose):
    """The value of an attribute: some string type as a rule."""

    __slots__ = ("name", "label")

    def __init__(self, name: str, label: str) -> None:
        super().__init__()
        self.name = name
        self.label = label

    def __missing__(self, tag: int) -> Entry:
        if tag not in CHARSETS:
            return super().__missing__(tag)
        node = leaf(self.name, self.label, type="AttributeValue", shows=strings(CHARSETS[tag]))
        made: Entry = (PRIMITIVE, STOP, header(self.name), node, None, -1)
        self[tag] = made
        return made


class Stop(State):
    """The end of a SEQUENCE."""

    __slots__ = ()

    def __missing__(self, tag: int) -> Entry:
        return (SURPLUS, self, INSIDE, INSIDE, None, -1)


# What an object identifier decides: (State after it, State of the key, Node of the identifier itself).
Outcome = Tuple[State, Optional[State], Node]


class Switch(dict[bytes, Outcome]):
    """What an object identifier decides, by its contents octets; `make` is asked for those not met yet."""

    __slots__ = ("default", "make")

    def __init__(self, default: Outcome, make: Optional[Callable[[bytes], Optional[Outcome]]] = None) -> None:
        super().__init__()
        self.default = default
        self.make = make

    def __missing__(self, oid: bytes) -> Outcome:
        made = self.make(oid) if self.make else None
        if made is None:
            return self.default
        if len(self) < 256:
            self[oid] = made
        return made


INSIDE = header("header", "", "header")
GENERIC = Generic()
STOP = Stop()

# ------------------------------------------------------------------ building blocks


def chain(*steps: Tuple[bool, Dict[int, Entry]], end: State = STOP) -> State:
    """A SEQUENCE: each step is (may be absent, what may stand there)."""
    state = end
    for absent, entries in reversed(steps):
        made = State({tag: (e[0], state, *e[2:]) for tag, e in entries.items()})
        if absent:
            for tag, entry in state.items():
                made.setdefault(tag, entry)
        state = made
    return state


def loop(entries: Dict[int, Entry]) -> State:
    """A SEQUENCE OF or SET OF."""
    state = State(loops=True)
    for tag, e in entries.items():
        state[tag] = (e[0], state, *e[2:])
    return state


def value(name: str, label: str = "", show: str = "hex", **more: Any) -> Entry:
    """A primitive element."""
    return (PRIMITIVE, STOP, header(name, label=label), leaf(name, label, show, **more), None, -1)


def group(name: str, child: State, first: int = -1, label: str = "") -> Entry:
    """A constructed element with members of other names."""
    return (GROUPED, STOP, header("header", "", label or name), Node(name, GROUP), child, first)


def vector(name: str, child: State) -> Entry:
    """A constructed element whose members bear its name."""
    return (VECTOR, STOP, header(name), Node(name, GROUP), child, 0)


def flat(name: str, child: State, first: int = -1, suffix: str = ".header") -> Entry:
    """A constructed element whose members belong to what is around it."""
    return (FLAT, STOP, header(name, suffix), INSIDE, child, first)


def bits(node: Node, after: State = STOP, wide: Optional[Node] = None) -> Entry:
    """A BIT STRING."""
    unused = leaf(node.name, show="unused", level=1, suffix=".unused")
    empty = leaf(node.name, show="text", shows=(lambda raw: "no bits", lambda raw: None, lambda raw: None))
    return (BITS, after, header(node.name), node, (unused, wide or node, empty), -1)


def flags(name: str, label: str, members: Tuple[str, ...], type: str = "", **more: Any) -> Entry:
    """A BIT STRING of named bits, the first one the most significant (X.680 section 22)."""

    def words(raw: bytes) -> str:
        number, size = int.from_bytes(raw[:8], "big"), 8 * min(len(raw), 8)
        found = [n for i, n in enumerate(members) if i < size and number >> (size - 1 - i) & 1]
        return ", ".join(found) or "none"

    def none(raw: bytes) -> None:
        return None

    shows = (words, none, none)
    size = len(members)
    first = tuple((n, 1) for n in members[:8]) + (((f"unused{8 - size}", 8 - size),) if size < 8 else ())
    node = leaf(name, label, "bits", type=type, shows=shows, bits=first, **more)
    wide = None
    if size > 8:
        second = tuple((n, 1) for n in members[8:16])
        wide = leaf(name, label, "bits", type=type, shows=shows, bits=first + second + (("unused", 16 - size),), **more)
    return bits(node, wide=wide)


def single(tag: int, entry: Entry) -> State:
    """Exactly one element."""
    return State({tag: entry})


# ------------------------------------------------------------------ names (RFC 5280 section 4.1.2.4)

_NAMES: Dict[str, State] = {}


def distinguished(prefix: str) -> State:
    """The RDNSequence of `prefix` ("issuer"): a loop of SETs, each of one attribute as a rule."""
    known = _NAMES.get(prefix)
    if known is None:
        known = _NAMES[prefix] = loop({0x31: group("rdnSequence", relative(prefix), label=f"{prefix} attribute")})
    return known


def relative(prefix: str) -> State:
    """The members of a RelativeDistinguishedName."""
    label = f"{prefix} attribute type"

    def attribute(oid: bytes) -> Optional[Outcome]:
        _, short, long = identify(oid)
        return (Strings(long, f"{prefix} {short}"), None, named) if long else None

    named = leaf("type", label, "oid", level=1)
    switch = Switch((Strings("value", f"{prefix} value"), None, leaf("type", label, "oid")), attribute)
    kind = State({0x06: (CHOICE, GENERIC, header("type"), named, switch, -1)})
    return loop({0x30: flat("attribute", kind)})


def general(prefix: str) -> Dict[int, Entry]:
    """GeneralName: the elements of a CHOICE (RFC 5280 section 4.2.1.6)."""
    kind = value("type-id", f"{prefix} otherName type", "oid")
    other = chain((False, {0x06: kind}), (False, {0xA0: flat("value", GENERIC)}))
    return {
        0xA0: group("otherName", other),
        0x81: value("rfc822Name", f"{prefix} email", "text"),
        0x82: value("dNSName", f"{prefix} DNS", "text"),
        0xA3: group("x400Address", GENERIC),
        0xA4: group("directoryName", single(0x30, flat("rdnSequence", distinguished(f"{prefix} directory"), 0))),
        0xA5: group("ediPartyName", GENERIC),
        0x86: value("uniformResourceIdentifier", f"{prefix} URI", "text"),
        0x87: value("iPAddress", f"{prefix} IP", "address"),
        0x88: value("registeredID", f"{prefix} RID", "oid"),
    }


# ------------------------------------------------------------------ algorithms and keys

_MODULI: Dict[int, Node] = {}
_KEY_DOC = (
    "The kind of public key that this certificate vouches for. In an RSA key exchange the premaster secret is "
    "encrypted to the key; in every other kind of handshake the key checks its owner's signature."
)
_SIGNATURE_DOC = (
    "How the issuer signed this certificate. The algorithm stands here, where the signature covers it, "
    "and once more outside, before the signature itself."
)


def modulus(size: int) -> Node:
    """The Node of an RSA modulus of `size` octets: its label tells the key's length in bits."""
    known = _MODULI.get(size)
    if known is None:
        known = leaf("modulus", show="serial", type="RSAModulus", rfc="RFC 8017 appendix A.1.1")

        def say(raw: bytes) -> str:
            top = raw.lstrip(b"\0")
            length = 8 * (size - len(raw) + len(top) - 1) + top[0].bit_length() if top else 8 * size
            return f"RSA {length} bits: modulus = {hexes(raw, 12)}"

        known.say = say
        if len(_MODULI) < 64:
            _MODULI[size] = known
    return known


def algorithm(label: str, level: int = 0, doc: str = "", pss: bool = True, rfc: str = "RFC 5280 section 4.1.1.2") -> State:
    """The members of an AlgorithmIdentifier (RFC 5280 section 4.1.1.2); the object identifier decides the rest. `rfc`: where
    more stands of what the algorithm is for."""
    node = leaf("algorithm", label, "oid", level, "AlgorithmIdentifier", doc, rfc)
    null = Loose({0x05: value("parameters", f"{label}: parameters", "null", level=1)})
    switch = Switch((null, None, node))
    if pss:
        switch[oid_bytes("1.2.840.113549.1.1.10")] = (_pss(), RSA_KEY, node)
    return State({0x06: (CHOICE, GENERIC, header("algorithm"), node, switch, -1)})


def _pss() -> State:
    """RSASSA-PSS-params (RFC 4055 section 3.1)."""

    def named(name: str, label: str) -> Dict[int, Entry]:
        return {0x30: group(name, algorithm(label, 1, pss=False))}

    def number(name: str) -> State:
        return single(0x02, value(name, name, "integer", level=1))

    return single(0x30, group("parameters", chain(
        (True, {0xA0: flat("hashAlgorithm", State(named("hashAlgorithm", "hash")), suffix=".explicit")}),
        (True, {0xA1: flat("maskGenAlgorithm", State(named("maskGenAlgorithm", "mask")), suffix=".explicit")}),
        (True, {0xA2: flat("saltLength", number("saltLength"), suffix=".explicit")}),
        (True, {0xA3: flat("trailerField", number("trailerField"), suffix=".explicit")}),
    )))  # fmt: skip


RSA_KEY = single(0x30, flat("RSAPublicKey", chain(
    (False, {0x02: (SIZED, STOP, header("modulus"), leaf("modulus"), modulus, -1)}),
    (False, {0x02: value("publicExponent", "RSA public exponent", "integer", rfc="RFC 8017 appendix A.1.1")}),
)))  # fmt: skip


def _explicit_curve() -> State:
    """A curve written out (RFC 3279 section 2.3.5), as old or broken software does; TLS 1.3 knows named ones alone."""

    def number(name: str) -> Tuple[bool, Dict[int, Entry]]:
        return (False, {0x02: value(name, f"curve {name}", "serial")})

    over = {0x02: value("prime-p", "curve prime", "serial"), 0x30: group("characteristic-two", GENERIC)}
    field = chain((False, {0x06: value("fieldType", "curve over", "oid")}), (False, over))
    coefficients = chain(
        (False, {0x04: value("a", "curve a")}),
        (False, {0x04: value("b", "curve b")}),
        (True, {0x03: bits(leaf("seed", "curve seed"))}),
    )
    return chain(
        (False, {0x02: value("version", "curve parameters version", "integer", level=1)}),
        (False, {0x30: group("fieldID", field)}),
        (False, {0x30: group("curve", coefficients)}),
        (False, {0x04: value("base", "curve base point")}),
        number("order"),
        (True, {0x02: value("cofactor", "curve cofactor", "integer")}),
    )


def key_algorithm() -> State:
    """The AlgorithmIdentifier of a public key: its object identifier decides how the key is walked."""
    state = algorithm("public key algorithm", doc=_KEY_DOC, rfc="RFC 5280 section 4.1.2.7")
    _, _, _, node, switch, _ = state[0x06]
    null = switch.default[0]
    curve = Loose({0x06: value("namedCurve", "curve", "oid", type="namedCurve", rfc="RFC 5480 section 2.1.1")})
    numbers = [(False, {0x02: value(n, f"DSA {n}", "integer", level=1)}) for n in "pqg"]
    dsa = Loose({0x30: group("parameters", chain(*numbers))})
    curve[0x30] = group("ECParameters", _explicit_curve())
    curve[0x05] = value("implicitCurve", "curve: the issuer's", "null")
    switch[oid_bytes("1.2.840.113549.1.1.1")] = (null, RSA_KEY, node)
    switch[oid_bytes("1.2.840.10045.2.1")] = (curve, None, node)
    switch[oid_bytes("1.2.840.10040.4.1")] = (dsa, single(0x02, value("publicKey", "public key", "serial")), node)
    return state


def public_key() -> State:
    """The members of a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7)."""
    name = "subjectPublicKey"
    opaque = leaf(name, "public key", type="SubjectPublicKey", rfc="RFC 5280 section 4.1.2.7")
    inner = leaf("unused", f"{name}, unused bits", "unused", level=1)
    outer = leaf(name, f"{name}, unused bits", "unused", level=1, suffix=".unused")
    members = (inner, outer, Node(name, GROUP), header("header", "", name))
    return chain(
        (False, {0x30: group("algorithm", key_algorithm())}),
        (False, {0x03: (KEY, STOP, header(name), opaque, members, -1)}),
    )


def signature(label: str = "signature algorithm") -> Entry:
    """The AlgorithmIdentifier inside what is signed."""
    return group("signature", algorithm(label, doc=_SIGNATURE_DOC))


def signed(level: int) -> Tuple[Tuple[bool, Dict[int, Entry]], Tuple[bool, Dict[int, Entry]]]:
    """signatureAlgorithm, told at `level`, and signatureValue: the end of whatever is signed."""
    doc = "The issuer's signature over the tbsCertificate; whoever has the issuer's public key can check it."
    return (
        (False, {0x30: group("signatureAlgorithm", algorithm("signature algorithm", level))}),
        (False, {0x03: bits(leaf("signatureValue", "signature", doc=doc, rfc="RFC 5280 section 4.1.1.3"))}),
    )
