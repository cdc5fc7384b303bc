"""What a certificate says, for those who judge it: gathered from the fields of its walk (RFC 5280, RFC 4514)."""

from __future__ import annotations

import re

from hexnote import asn1
from hexnote.certificates import root
from hexnote.der_walk import Problem, walk
from hexnote.hints import Any, Dict, List, Mapping, Optional, Tuple
from hexnote.model import GROUP, LEAF, Field, Node
from hexnote.tuples import NamedTuple
from hexnote.x509 import State, flat

# Fields whose place is wanted: their first ones.
_PLACED = {
    "notBefore": "not_before", "notAfter": "not_after", "issuer": "issuer", "subject": "subject", "signature": "signature",
    "subjectPublicKeyInfo": "key", "subjectAltName": "names",
}  # fmt: skip
_KEY_BITS = {"Ed25519": 256, "Ed448": 456, "X25519": 256, "X448": 448}

# A name to compare with others: for each RDN its (type, value) pairs, without regard to case and runs of blanks.
NameKey = Tuple[Tuple[Tuple[str, str], ...], ...]


class Facts(NamedTuple):
    """What a certificate says; None, "" or () where it does not say it, or not readably."""

    version: int = 1
    serial: str = ""  # 68:76:64
    signature_algorithm: str = ""  # "sha1WithRSAEncryption", or dotted where it has no name
    issuer: str = ""  # RFC 4514, ASCII
    subject: str = ""
    issuer_key: NameKey = ()
    subject_key: NameKey = ()
    not_before: Optional[str] = None  # 2007-05-03T15:34:58Z
    not_after: Optional[str] = None
    key_type: str = ""  # "RSA", "EC", "Ed25519", ...
    key_bits: Optional[int] = None
    curve: str = ""  # "secp256r1"
    names: Tuple[Tuple[str, str], ...] = ()  # subjectAltName: ("dNSName", "www.example.com")
    has_constraints: bool = False  # basicConstraints is there
    is_ca: bool = False
    path_length: Optional[int] = None
    key_usage: Optional[Tuple[str, ...]] = None
    purposes: Optional[Tuple[str, ...]] = None  # extKeyUsage: "id-kp-serverAuth", or dotted
    subject_key_id: str = ""
    authority_key_id: str = ""
    ocsp: Tuple[str, ...] = ()
    ca_issuers: Tuple[str, ...] = ()
    crls: Tuple[str, ...] = ()
    must_staple: bool = False
    permitted: Tuple[str, ...] = ()  # nameConstraints: dNSNames below which those of certificates below have to lie,
    excluded: Tuple[str, ...] = ()  # and below which they must not
    extensions: Tuple[Tuple[str, bool], ...] = ()  # (dotted, critical)
    self_issued: bool = False  # issuer and subject are the same name, and not empty
    common_name: str = ""  # the subject's last one, as it stands
    problems: Tuple[Problem, ...] = ()  # (start, end, sentence)
    places: Mapping[str, Tuple[int, int]] = {}  # where it stands in the DER: "not_before", "not_after", "key", "names" ...


    def issued_by(self, parent: Facts) -> bool:
        """Whether the names, and the key identifiers where both have them, let `parent` be the issuer of this one."""
        if not self.issuer_key or self.issuer_key != parent.subject_key:
            return False
        return self.authority_key_id == parent.subject_key_id or not (self.authority_key_id and parent.subject_key_id)


def issued_by(child: Facts, parent: Facts) -> bool:
    """Whether the names, and the key identifiers where both have them, let `parent` be the issuer of `child`."""
    return child.issued_by(parent)


_FACTS: Dict[bytes, Facts] = {}


def facts(cert: bytes) -> Facts:
    """What the certificate `cert` (DER; perhaps cut short, perhaps damaged) says. Never fails."""
    known = _FACTS.pop(cert, None)
    if known is None:
        fields: List[Field] = []
        problems: List[Problem] = []
        members, first = root("Certificate")
        walk(cert, 0, len(cert), State({0x30: flat("header", members, first, "")}), 0, fields, problems)
        known = _Collector(cert, fields).facts(tuple(problems))
        if len(_FACTS) >= 128:
            _FACTS.pop(next(iter(_FACTS)))
    if len(cert) <= 16_384:
        _FACTS[cert] = known
    return known


def read_name(raw: bytes) -> Tuple[str, NameKey]:
    """(RFC 4514 text, key to compare) of a DER Name, such as a CertificateRequest lists."""
    fields: List[Field] = []
    members, first = root("Name")
    walk(raw, 0, len(raw), State({0x30: flat("header", members, first, "")}), 0, fields, [])
    seen = _Name()
    for node, start, end, _, _ in fields:
        seen.take(node, raw, start, end)
    return seen.text(), seen.key()


class _Name:
    """A Name as its fields go by."""

    def __init__(self) -> None:
        self.rdns: List[List[Tuple[bytes, str, bytes]]] = []  # (type, value, the value's element)
        self._type = b""
        self._start = 0

    def take(self, node: Node, raw: bytes, start: int, end: int) -> None:
        """One field of the name, in order."""
        if node.kind == GROUP:
            if node.name == "rdnSequence":
                self.rdns.append([])
        elif node.kind != LEAF:
            return
        elif node.type == "Header":
            self._start = start
        elif node.name == "type":
            self._type = raw[start:end]
        elif self.rdns:
            value = node.value(raw[start:end])
            self.rdns[-1].append((self._type, value if isinstance(value, str) else "", raw[self._start : end]))

    def text(self) -> str:
        """RFC 4514: the last RDN first; what is not printable ASCII as hexadecimal pairs."""
        return ",".join("+".join(_attribute(*a) for a in rdn) for rdn in reversed(self.rdns))

    def last(self, kind: bytes) -> str:
        """The last value of an attribute type, "" where there is none."""
        found = [value for rdn in self.rdns for at, value, _ in rdn if at == kind]
        return found[-1] if found else ""

    def key(self) -> NameKey:
        """RFC 5280 section 7.1, nearly: without regard to case and runs of blanks."""
        return tuple(tuple(sorted((_type(kind), _plain(value)) for kind, value, _ in rdn)) for rdn in self.rdns)


def _type(oid: bytes) -> str:
    return asn1.dotted(oid) or oid.hex()


def _plain(value: str) -> str:
    return " ".join(value.split()).casefold()


def _attribute(kind: bytes, value: str, element: bytes) -> str:
    """One `CN=value` (RFC 4514 sections 2.3 and 2.4)."""
    known, short, _ = asn1.identify(kind)
    if not short or not value:
        return f"{known or kind.hex()}=#{element.hex()}" if not short else f"{short}="
    out = []
    last = len(value) - 1
    for i, char in enumerate(value):
        if char in ',+"\\<>;' or (char in " #" and i == 0) or (char == " " and i == last):
            out.append("\\" + char)
        elif " " <= char <= "~":
            out.append(char)
        else:
            out.append("".join(f"\\{byte:02X}" for byte in char.encode("utf-8", "replace")))
    return f"{short}=" + "".join(out)


def _label(oid: bytes) -> str:
    known, _, long = asn1.identify(oid)
    return long or known or oid.hex()


class _Collector:
    """Gathers what matters as a certificate's fields go by."""

    def __init__(self, cert: bytes, fields: List[Field]) -> None:
        self.cert = cert
        self.made: Dict[str, Any] = {}
        self.lists: Dict[str, List[Any]] = {}
        self.names = {"issuer": _Name(), "subject": _Name()}
        self.directories: List[_Name] = []
        self.method = ""
        self.places: Dict[str, Tuple[int, int]] = {}
        path: List[str] = []
        for node, start, end, depth, _ in fields:
            del path[depth:]
            path.append(node.name)
            if end > len(cert) or path[0] != "tbsCertificate" or len(path) < 2:
                continue
            part = path[1]
            if part in self.names:
                self.names[part].take(node, cert, start, end)
            elif part == "extensions":
                self._extension(path, node, start, end)
            elif node.kind == LEAF and node.type != "Header" and not node.suffix:
                self._plain(part, node, cert[start:end])
            if node.name in _PLACED and node.type != "Header" and not node.suffix:
                self.places.setdefault(_PLACED[node.name], (start, end))

    def _plain(self, part: str, node: Node, raw: bytes) -> None:
        made = self.made
        if part == "version":
            value = node.value(raw)
            made["version"] = value + 1 if isinstance(value, int) else 1
        elif part == "serialNumber":
            made["serial"] = asn1.colons(raw, 64)
        elif part == "signature" and node.name == "algorithm" and "signature_algorithm" not in made:
            made["signature_algorithm"] = _label(raw)
        elif part == "validity":
            made["not_before" if node.name == "notBefore" else "not_after"] = node.value(raw)
        elif part == "subjectPublicKeyInfo":
            self._key(node, raw)

    def _key(self, node: Node, raw: bytes) -> None:
        made = self.made
        if node.name == "algorithm" and "key_type" not in made:
            known, short, _ = asn1.identify(raw)
            made["key_type"] = short or known or raw.hex()
            made["key_bits"] = _KEY_BITS.get(made["key_type"])
        elif node.name == "namedCurve":
            made["curve"] = _label(raw)
            digits = [int(n) for n in re.findall(r"\d{3}", made["curve"])]
            made["key_bits"] = digits[0] if digits else None
        elif node.name in ("modulus", "p", "prime-p"):
            made["key_bits"] = int.from_bytes(raw, "big").bit_length()

    def _extension(self, path: List[str], node: Node, start: int, end: int) -> None:
        name, lists = node.name, self.lists
        what = path[3] if len(path) > 3 else ""
        if node.kind == GROUP:
            if name == "basicConstraints":
                self.made["has_constraints"] = True
            elif name == "directoryName" and what == "subjectAltName":
                self.directories.append(_Name())
                lists.setdefault("names", []).append((name, len(self.directories) - 1))
            elif what == "subjectAltName" and name in ("otherName", "x400Address", "ediPartyName"):
                lists.setdefault("names", []).append((name, self.cert[start:end].hex()))
        if what == "subjectAltName" and len(path) > 5 and path[4] == "directoryName" and self.directories:
            self.directories[-1].take(node, self.cert, start, end)
            return
        if node.kind != LEAF or node.type == "Header" or node.suffix:
            return
        raw = self.cert[start:end]
        value = node.value(raw)
        if name == "extnID":
            lists.setdefault("extensions", []).append((value or raw.hex(), False))
        elif name == "critical" and lists.get("extensions"):
            lists["extensions"][-1] = (lists["extensions"][-1][0], bool(value))
        elif what == "subjectAltName" and len(path) == 5:
            lists.setdefault("names", []).append((name, value if isinstance(value, str) else raw.hex()))
        elif what == "nameConstraints" and name == "dNSName" and isinstance(value, str):
            lists.setdefault(path[4][:-8], []).append(value)  # permittedSubtrees, excludedSubtrees
        elif what == "keyUsage":
            left = 8 * len(raw)
            number = int.from_bytes(raw, "big")
            set_bits = [bit for i, (bit, _) in enumerate(node.bits) if i < left and number >> (left - 1 - i) & 1]
            self.made["key_usage"] = tuple(set_bits)
        elif what == "extKeyUsage":
            lists.setdefault("purposes", []).append(_label(raw))
        elif name == "cA":
            self.made["is_ca"] = bool(value)
        elif name == "pathLenConstraint":
            self.made["path_length"] = value
        elif name == "subjectKeyIdentifier":
            self.made["subject_key_id"] = asn1.colons(raw, 64)
        elif name == "keyIdentifier":
            self.made["authority_key_id"] = asn1.colons(raw, 64)
        elif name == "accessMethod":
            self.method = {"id-ad-ocsp": "ocsp", "id-ad-caIssuers": "ca_issuers"}.get(_label(raw), "")
        elif name == "uniformResourceIdentifier" and isinstance(value, str):
            if what == "authorityInfoAccess" and self.method:
                lists.setdefault(self.method, []).append(value)
            elif what == "cRLDistributionPoints" and path[-2] == "fullName":
                lists.setdefault("crls", []).append(value)
        elif name == "tlsFeature" and value == 5:
            self.made["must_staple"] = True

    def facts(self, problems: Tuple[Problem, ...]) -> Facts:
        """The whole."""
        issuer, subject = self.names["issuer"], self.names["subject"]
        alternatives = self.lists.get("names")
        if alternatives:
            self.lists["names"] = [
                (kind, self.directories[at].text() if isinstance(at, int) else at) for kind, at in alternatives
            ]
        keys = issuer.key(), subject.key()
        made = Facts(
            issuer=issuer.text(), subject=subject.text(), issuer_key=keys[0], subject_key=keys[1],
            self_issued=bool(keys[0]) and keys[0] == keys[1], common_name=subject.last(b"\x55\x04\x03"),
            problems=problems, places=self.places,
        )  # fmt: skip
        gathered: Dict[str, Any] = dict(self.made)
        gathered.update((key, tuple(value)) for key, value in self.lists.items())
        return made._replace(**gathered)
