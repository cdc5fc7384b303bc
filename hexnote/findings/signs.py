"""What lengths and headers suggest of a record or a packet, where no byte of it says so: whose it is, what it may be. And what
several findings say in the same words."""

from __future__ import annotations

from hexnote.hints import Any, List, Optional, Sequence, Tuple
from hexnote.model import PLAINTEXT, SIDES, Step, Story, title

# Java's JSSE puts so many zeros behind the content type of every record of TLS 1.3.
PADDED = 16
# Records are padded to multiples of no less than so many bytes.
_BLOCK = 16


def padded(story: Story, side: int) -> bool:
    """Whether a side pads its records of TLS 1.3 to multiples of a length (RFC 8446 section 5.4), so that an alert looks like any
    other. Records that are not padded have many lengths in a handshake, but for a Finished alone."""
    from math import gcd

    protection = story.lengths.protection(story.suite, 0x0304) if story.lengths is not None else None
    if protection is None:
        return False
    inside = [size - protection.mac for step in story.steps if step.kind == "data" and step.side == side for size in step.lengths]
    step = gcd(*inside)
    return len(inside) > 2 and step >= _BLOCK and step != protection.finished + 1


def overlong(data: bytes) -> int:
    """The length in bytes that a record's header at the head of `data` claims, where that is all that is wrong with it: no version
    allows as much (RFC 5246 section 6.2.3). 0: no such header."""
    size = data[3] << 8 | data[4] if len(data) >= 5 else 0
    return size if size > PLAINTEXT + 2048 and 20 <= data[0] <= 24 and data[1] == 3 and data[2] <= 4 else 0


# TTLs of one sender differ by a little where its packets take several ways.
_WAYS = 3
# How near to a count an IP identification is that may belong to it.
_NEAR = 1000


def foreign(story: Story, end: Step) -> List[str]:
    """Why the end whose address a FIN or RST bears did likely not send it, by the IP headers of its other packets."""
    why: List[str] = []
    side, ttls = SIDES[end.side], story.ttls[end.side]
    if end.ttl is not None and ttls and min(abs(end.ttl - t) for t in ttls) > _WAYS:
        why.append(f"its TTL is {end.ttl}, that of the {side}'s other packets {' or '.join(map(str, ttls))}")
    own, other = (each and each.ipid for each in (story.last_packets()[side] for side in (end.side, 1 - end.side)))
    if end.ipid and own and other and end.kind == "RST":
        near, far = _apart(end.ipid, other), _apart(end.ipid, own)
        if near <= _NEAR and far > 4 * near + 16:  # ends on one host may share a count
            why.append(f"its IP identification ({end.ipid}) is nearer to the count of the {SIDES[1 - end.side]} ({other}) "
                       f"than to the {side}'s own ({own})")
    return why


def blamed(story: Story, end: Step) -> Tuple[str, str]:
    """Who must act on a FIN or RST, and the doubt that it is its bearer's, to be added to a sentence."""
    why = foreign(story, end)
    if why:
        return "middlebox", f"; it was likely not the {SIDES[end.side]} that sent the {end.kind}: {'; '.join(why)}"
    return SIDES[end.side], ""


def unheard(story: Story, side: int) -> str:
    """What a side sent again and the other end has not acknowledged, to be added to a sentence; "" where there is nothing such."""
    sent, heard = story.seen[side], story.acked[side]
    if not story.resent[side] or heard >= sent:
        return ""
    return f"; of the {SIDES[side]}'s {sent} bytes the {SIDES[1 - side]} has acknowledged {max(heard, 0) or 'none'}, though the " \
        f"{SIDES[side]} sent segments again"


def ended(story: Story, how: str, side: int, description: int, heard: bool) -> str:
    """How an attempt ended, as the end of a sentence that begins with it."""
    if how == "silence":
        return "got no byte in answer, though the hello was sent again"
    if how == "other":
        return "was answered in another protocol"
    if how == "alert":
        return f"was ended by the {SIDES[side]} with {title(story, 'alert_descriptions', description, 2)} ({description})"
    return f"was {'closed' if how == 'FIN' else 'reset'} by the {SIDES[side]} ({how})" + \
        (" before both sides finished the handshake" if heard else " without a byte in answer")


def _apart(one: int, other: int) -> int:
    distance = (one - other) & 0xFFFF
    return min(distance, 0x10000 - distance)


def seconds(time: int) -> str:
    """Nanoseconds as seconds, or, where there are less of them, as milliseconds: in words, cut and not rounded."""
    if time >= 10**9:
        return f"{time // 10**9}.{time // 10**8 % 10} s"
    return f"{time // 10**6} ms" if time >= 10**6 else "less than 1 ms"


def waited(story: Story, end: Step) -> str:
    """How long no packet had come before the first FIN or RST, if `end` is that, to be added to a sentence; "" where that is not
    known, or not long."""
    if story.idle is None or story.idle.size or end is not next((s for s in story.steps if s.kind in ("FIN", "RST")), None):
        return ""
    return f", after {seconds(story.idle.time)} without a packet"


def like_alert(story: Story, version: Optional[int], step: Step) -> str:
    """How the last record of a run of TLS 1.3 may be an alert, by its length: "" where it may not. An alert is 2 bytes, the
    content type and the tag (RFC 8446 section 5.2)."""
    if version != 0x0304 or step.kind != "data":
        return ""
    if step.last in (19, 11):
        return "as long as an alert"
    if step.last != 19 + PADDED or not _may_pad(story, step.side):
        return ""
    return f"as long as an alert with the {PADDED} bytes of padding that Java adds"


def _may_pad(story: Story, side: int) -> bool:
    """Whether a side may pad as Java does, as far as lengths tell: no record of it is too short, and its first ones hold no
    Finished without padding."""
    runs = [step.lengths for step in story.steps if step.kind == "data" and step.side == side]
    if any(size < 1 + 1 + PADDED + 8 for run in runs for size in run):  # content, type, zeros, a tag of 8 or 16
        return False
    protection = story.lengths.protection(story.suite, 0x0304) if story.lengths is not None else None
    if protection is None or not runs:
        return True
    finished = protection.finished + 1 + protection.mac
    return finished not in runs[0] or finished + PADDED in runs[0]


# What products that open connections, to look into them or to test, call their authorities, as far as they choose the name
# themselves: the beginning of the common name, in small letters.
_INSPECTORS = {
    "avast web/mail shield": "Avast", "avast! web/mail shield": "Avast", "avg web/mail shield": "AVG",
    "bitdefender personal ca": "Bitdefender", "charles proxy ca": "Charles", "cisco umbrella": "Cisco Umbrella",
    "do_not_trust_fiddlerroot": "Fiddler", "eset ssl filter ca": "ESET", "fortigate ca": "FortiGate",
    "gateway ca - cloudflare managed": "Cloudflare Gateway", "kaspersky anti-virus personal root": "Kaspersky",
    "mitmproxy": "mitmproxy", "norton web/mail shield": "Norton", "owasp zed attack proxy root ca": "ZAP",
    "portswigger ca": "Burp Suite", "zscaler intermediate root ca": "Zscaler", "zscaler root ca": "Zscaler",
}  # fmt: skip
_COMMON_NAME = "2.5.4.3"


def inspector(read: Sequence[Any]) -> Tuple[int, str]:
    """The first certificate of a chain that bears an issuer of such a name, and the product; (-1, "") where there is none. `read`:
    the facts of the certificates."""
    for number, facts in enumerate(read):
        for rdn in facts.issuer_key if facts is not None else ():
            for kind, value in rdn:
                product = "" if kind != _COMMON_NAME else \
                    next((name for begins, name in _INSPECTORS.items() if value.startswith(begins)), "")
                if product:
                    return number, product
    return -1, ""
