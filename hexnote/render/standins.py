"""Stand-ins of the same length for what names somebody: addresses, words, random and secret bytes.

Every stand-in is a function of a key and of what it stands for, so that what was equal stays equal. Words and
addresses differ where they differed: two never get one stand-in.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from hexnote.hints import Callable, Dict, List, Set, Tuple

# Runs of letters and digits: what a name is made of.
TOKEN = re.compile(r"[A-Za-z0-9]+")
_VOWELS, _CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxz"
# How often another stand-in is looked for where one is taken.
_TRIES = 1000


class StandIns:
    """All stand-ins of one trace. `key`: at most 64 bytes. `taken`: words that stand in the trace and mean somebody."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._words: Dict[str, str] = {}
        self._used: Set[str] = set()
        self._addresses: Dict[bytes, bytes] = {}
        self._used_addresses: Set[bytes] = set()

    def reserve(self, words: Set[str], addresses: Set[bytes]) -> None:
        """These stand in the trace: nothing gets one of them as its stand-in."""
        self._used |= {word.lower() for word in words}
        self._used_addresses |= addresses

    # ---------------------------------------------------------------- bytes

    def stream(self, seed: bytes, size: int) -> bytes:
        """`size` bytes that depend on the key and on `seed`."""
        made = bytearray()
        count = 0
        while len(made) < size:
            made += blake2b(count.to_bytes(8, "big") + seed, key=self._key, digest_size=64).digest()
            count += 1
        return bytes(made[:size])

    def opaque(self, old: bytes) -> bytes:
        """For bytes that mean nothing by themselves. Bytes that are all zero, or all the same, stay."""
        if len(set(old)) <= 1 and len(old) != 1:
            return old
        new = self.stream(b"opaque" + old, len(old))
        return new if new != old else bytes(b ^ 0x5A for b in old)

    # ---------------------------------------------------------------- words

    def word(self, old: str) -> str:
        """For a run of ASCII letters and digits: digits for digits, letters for letters, case kept."""
        low = old.lower()
        new = self._words.get(low)
        if new is None:
            new = self._words[low] = self._fresh(low)
        return "".join(n.upper() if o.isupper() else n for n, o in zip(new, old))

    def _fresh(self, low: str) -> str:
        hexadecimal = any(sign.isdigit() for sign in low) and all(sign in "0123456789abcdef" for sign in low)
        new = low
        for count in range(_TRIES):
            noise = self.stream(b"word" + count.to_bytes(4, "big") + low.encode(), len(low))
            new = _spell(low, noise, hexadecimal)
            if new != low and new not in self._used:
                self._used.add(new)
                return new
        return new

    def text(self, old: str, keep: Callable[[str], bool]) -> str:
        """Every word of a text replaced, but for those that `keep`; what is no ASCII letter or digit stays, or is told below."""
        made = TOKEN.sub(lambda found: found.group() if keep(found.group()) else self.word(found.group()), old)
        return made if made.isascii() else "".join(sign if sign.isascii() else self._foreign(sign) for sign in made)

    def _foreign(self, sign: str) -> str:
        """For a sign beyond ASCII: one whose code in UTF-8 has the same length."""
        if not sign.isalnum():
            return sign
        raw = sign.encode("utf-8", "surrogatepass")
        noise = self.stream(b"sign" + raw, 1)[0]
        first = {2: 0x430, 3: 0x4E00, 4: 0x20000}[len(raw)]
        return chr(first + noise % 32)

    # ---------------------------------------------------------------- addresses

    def address(self, old: bytes) -> bytes:
        """For an address of 4, 6 or 16 bytes. Written down it is as long as the old one.

        Addresses that name nobody (unspecified, loopback, broadcast, multicast) stay.
        """
        new = self._addresses.get(old)
        if new is None:
            new = self._addresses[old] = old if _nobody(old) else self._fresh_address(old)
        return new

    def _fresh_address(self, old: bytes) -> bytes:
        new = old
        for count in range(_TRIES):
            noise = self.stream(b"address" + count.to_bytes(4, "big") + old, 2 * len(old))
            if len(old) == 4:
                new = bytes(_octet(b, noise[i]) for i, b in enumerate(old))
            elif len(old) == 16:
                # The first byte tells what kind of address it is (RFC 4291 section 2.4).
                groups = [_group(old[i : i + 2], noise[2 * i : 2 * i + 4]) for i in range(0, 16, 2)]
                new = old[:1] + b"".join(groups)[1:]
            else:
                new = bytes((old[0] & 3 | noise[0] & 0xFC,)) + noise[1 : len(old)]
            if new not in self._used_addresses and not _nobody(new):
                self._used_addresses.add(new)
                return new
        return new


def _spell(low: str, noise: bytes, hexadecimal: bool) -> str:
    """A word of the same look as `low` that can be read aloud."""
    made: List[str] = []
    for i, (sign, n) in enumerate(zip(low, noise)):
        if sign.isdigit():
            # Without a zero in front where there was none, and below 200 where three digits may be an octet.
            made.append("1" if i == 0 and len(low) == 3 and low.isdigit() else str(n % 9 + 1 if i == 0 else n % 10))
        elif hexadecimal:
            made.append("abcdef"[n % 6])
        else:
            letters = _VOWELS if i % 2 else _CONSONANTS
            made.append(letters[n % len(letters)])
    return "".join(made)


def _octet(old: int, noise: int) -> int:
    """An octet that is written with as many digits."""
    if old < 10:
        return noise % 10
    return 10 + noise % 90 if old < 100 else 100 + noise % 156


def _group(old: bytes, noise: bytes) -> bytes:
    """A group of an IPv6 address that is written with as many digits; zero stays, so that `::` stands where it stood."""
    value = old[0] << 8 | old[1]
    if not value:
        return old
    digits = len(f"{value:x}")
    low = 1 << 4 * (digits - 1)
    made = low + int.from_bytes(noise, "big") % (15 * low)
    return made.to_bytes(2, "big")


def _nobody(raw: bytes) -> bool:
    """Addresses that name no host: unspecified, loopback, multicast and broadcast."""
    if len(raw) == 4:
        return raw[0] in (0, 127) or raw[0] >= 224
    if len(raw) == 16:
        return raw[0] == 0xFF or not any(raw[:15])
    return not any(raw) or set(raw) == {0xFF} or bool(raw[0] & 1)


# Addresses in a line of text: IPv4, IPv6, Ethernet.
_IP4 = re.compile(r"(?<![\w.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?!\d)(?!\.\d+\.\d)")  # and no object identifier
_IP6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?![\w:])")
_MAC = re.compile(r"(?<![\w:-])[0-9A-Fa-f]{1,2}(?:[:-][0-9A-Fa-f]{1,2}){5}(?![\w:-])")


def addresses(text: str) -> List[Tuple[int, int, bytes]]:
    """The addresses that stand in a text: (start, end, raw bytes)."""
    import socket

    found: List[Tuple[int, int, bytes]] = []
    for match in _MAC.finditer(text):
        found.append((match.start(), match.end(), bytes(int(part, 16) for part in re.split("[:-]", match.group()))))
    for match in _IP4.finditer(text):
        octets = [int(part) for part in match.groups()]
        if max(octets) < 256 and all(str(o) == part for o, part in zip(octets, match.groups())):
            found.append((match.start(), match.end(), bytes(octets)))
    for match in _IP6.finditer(text):
        word = match.group()
        if word.count(":") < 2:
            continue
        try:
            raw = socket.inet_pton(socket.AF_INET6, word)
        except (OSError, ValueError):
            continue
        found.append((match.start(), match.end(), raw))
    found.sort()
    return [f for i, f in enumerate(found) if not i or f[0] >= found[i - 1][1]]


def written(old: str, new: bytes) -> str:
    """The address `new` in the spelling of `old`."""
    if len(new) == 4:
        return ".".join(map(str, new))
    if len(new) == 6:
        sign = ":" if ":" in old else "-"
        parts = [f"{b:x}".rjust(len(part), "0") for b, part in zip(new, old.split(sign))]
        return sign.join(p.upper() if old != old.lower() else p for p in parts)
    # Group by group, as zero groups stand where they stood.
    head, _, tail = old.partition("::")
    first = head.split(":") if head else []
    last = tail.split(":") if tail else []
    groups = [f"{new[i] << 8 | new[i + 1]:x}" for i in range(0, 16, 2)]
    chosen = [g.rjust(len(o), "0") for o, g in zip(first, groups)]
    if "::" not in old:
        return ":".join(chosen)
    ending = groups[8 - len(last) :] if last else []
    return ":".join(chosen) + "::" + ":".join(g.rjust(len(o), "0") for o, g in zip(last, ending))
