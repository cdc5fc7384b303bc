"""Certificates of two handshakes side by side, by what they say and not by their bytes."""

from __future__ import annotations

import re

from hexnote.hints import Dict, List
from hexnote.render.difference import Difference
from hexnote.report import Field

_LIST = re.compile(r"certificate_list\[(\d+)\]")
# Parts of a certificate that are compared, by what stands in their paths.
_PARTS = (
    (".issuer.", "issuer"), (".subject.", "subject"), (".notBefore", "notBefore"), (".notAfter", "notAfter"),
    (".subjectAltName.", "subjectAltName"), (".basicConstraints.cA", "cA"), (".extKeyUsage", "extKeyUsage"),
    (".signatureAlgorithm.algorithm", "signature algorithm"), (".subjectPublicKeyInfo.algorithm.", "key"),
)  # fmt: skip


def chain(fields: List[Field]) -> List[Dict[str, str]]:
    """The certificates of a Certificate message: what each says, by name."""
    made: List[Dict[str, List[str]]] = []
    for field in fields:
        found = _LIST.search(field.path)
        if found is None or field.group:
            continue
        while len(made) <= int(found.group(1)):
            made.append({})
        one = made[int(found.group(1))]
        if field.node.suffix or field.missing:
            continue
        if field.node.name == "modulus":
            one.setdefault("key", []).append(f"{int(field.hex, 16).bit_length()} bits")
            continue
        value = field.name if field.name is not None else field.value
        if value is None or field.node.name == "type":
            continue
        for part, name in _PARTS:
            if part in field.path and not (name == "subject" and ".tbsCertificate.subject." not in field.path):
                one.setdefault(name, []).append(str(value))
                break
    return [{name: ", ".join(values) for name, values in one.items()} for one in made]


def chains_apart(good: List[Dict[str, str]], bad: List[Dict[str, str]]) -> List[Difference]:
    """What two chains differ in: how many there are, and what each says."""
    made: List[Difference] = []
    if len(good) != len(bad):
        made.append(Difference(0, "certificate_list", _told(good), _told(bad)))
    for i, (one, other) in enumerate(zip(good, bad)):
        for name in [*one, *(n for n in other if n not in one)]:
            a, b = one.get(name, "nothing"), other.get(name, "nothing")
            if a != b:
                made.append(Difference(0, f"certificate_list.{i + 1} {name}", a, b))
    return made


def _told(chain: List[Dict[str, str]]) -> str:
    if not chain:
        return "no certificate"
    names = "; ".join(one.get("subject", "a certificate that is not shown whole") for one in chain)
    return f"{len(chain)} {'certificate' if len(chain) == 1 else 'certificates'} ({names})"
