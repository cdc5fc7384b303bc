"""What encryption does to the length of a record, and so what the length of an encrypted record tells.

Theory. A record of TLS carries, beside its plaintext (all lengths in bytes):

    stream ciphers, NULL        plaintext, MAC                                  RFC 5246 section 6.2.3.1
    block ciphers               [IV,] plaintext, MAC, padding, padding length   section 6.2.3.2; the IV from TLS 1.1 on
    block, encrypt-then-MAC     [IV,] plaintext, padding, padding length; MAC   RFC 7366 section 3
    AEAD up to TLS 1.2          [part of the nonce,] plaintext, tag             RFC 5246 section 6.2.3.3
    TLS 1.3                     plaintext, content type, zeros; tag             RFC 8446 section 5.2

Only block ciphers and TLS 1.3 pad. A block cipher has to fill its last block; up to 256 bytes are
legal, in SSL 3.0 one block (RFC 6101 section 5.2.3.2). Nearly everyone pads no more than needed, so
there are two answers: what holds where the padding is the least (`Protection.plain`), and what holds
in any case (`Protection.least`).

How long a MAC, a block, a nonce and a tag are is data: `registry/ciphers.tsv` and `registry/macs.tsv`,
under the names that `registry/cipher_suites.tsv` gives the parts of a suite.
"""

from __future__ import annotations

from hexnote.hints import Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union
from hexnote.model import Protection

SSL3, TLS10, TLS11, TLS12, TLS13 = VERSIONS = (0x0300, 0x0301, 0x0302, 0x0303, 0x0304)
# RFC 6066 section 7: what truncated_hmac leaves of a MAC.
_TRUNCATED = 10
# Plaintexts of a known length, in bytes. A Finished depends on the version: see `Protection.finished`.
KNOWN = {"change_cipher_spec": 1, "alert": 2, "hello_request": 4, "empty": 0}

_TOLD = 1024  # protections that are kept

# What is known of a record: its kind ("finished", one of KNOWN, a length of plaintext, "" for anything), and its length
# without the header.
Clue = Tuple[Union[str, int], int]
# What a suite is under a version: its mode and its MAC as told ("" for an AEAD), what else is told, and the numbers.
_Found = Tuple[str, str, str, Protection]


class Lengths:
    """The classes of protection. `suites`: the rows of `registry/cipher_suites.tsv` by codepoint; `read` brings a table's text."""

    def __init__(self, suites: Callable[[], Mapping[int, Sequence[str]]], read: Callable[[str], Optional[str]]) -> None:
        self._suites = suites
        self._read = read
        self._ciphers: Dict[str, List[str]] = {}
        self._macs: Dict[str, List[str]] = {}
        self._told: Dict[Tuple[Optional[int], Optional[int], bool, bool], Optional[Protection]] = {}
        self._classes: Dict[int, Dict[Protection, List[int]]] = {}

    def protection(
        self, suite: Optional[int], version: Optional[int], encrypt_then_mac: bool = False, truncated: bool = False,
    ) -> Optional[Protection]:
        """How a suite protects records under a version (0x0303: TLS 1.2). None where the suite or the version is not
        known, or where that version does not have that suite. The two flags are the extensions encrypt_then_mac
        (RFC 7366) and truncated_hmac (RFC 6066 section 7), as agreed; they are ignored where they mean nothing."""
        key = (suite, version, encrypt_then_mac, truncated)
        if key not in self._told:
            if len(self._told) >= _TOLD:
                self._told.clear()
            self._told[key] = self._named(suite, version, encrypt_then_mac, truncated)
        return self._told[key]

    def _named(self, suite: Optional[int], version: Optional[int], after: bool, truncated: bool) -> Optional[Protection]:
        found = self._find(suite, version, after, truncated)
        if found is None:
            return None
        mode, mac, tail, each = found
        cipher = self._suites()[suite or 0][4].replace("_", "-") if mode[:8] != "ChaCha20" else mode
        tail = " in TLS 1.3" if each.inner else tail
        return each._replace(name=f"{cipher} with {mac}{tail}" if mac else f"{cipher}{tail}", tag=not mac)

    def null(self, suite: Optional[int]) -> bool:
        """Whether a suite encrypts nothing."""
        row = self._suites().get(suite) if suite is not None else None
        return row is not None and len(row) > 4 and row[4] == "NULL"

    def _find(self, suite: Optional[int], version: Optional[int], after: bool, truncated: bool) -> Optional[_Found]:
        row = self._suites().get(suite) if suite is not None else None
        if row is None or version not in VERSIONS or len(row) < 6 or version not in self._legal(row):
            return None
        cipher, mac, digest = self._cipher(row[4]), self._mac(row[5]), self._mac(row[6] if len(row) > 6 else "")
        if cipher is None or not (mac or cipher[4]):
            return None
        _, mode, block, nonce, tag, verify = cipher
        size, said = int(tag or mac[2] if mac else tag), "" if tag or not mac else mac[1]
        if version == TLS13:
            hashed = int(digest[2]) if digest is not None else 0
            tail = f" in TLS 1.3, with a hash of {hashed} bytes"
            return mode, said, tail, Protection("", version, 0, 1, size, 1, False, 4 + hashed)
        finished = 4 + (36 if version == SSL3 else int(verify or 12))
        if truncated and not tag and version > SSL3:
            size = min(size, _TRUNCATED)
        if not block:
            return mode, said, "", Protection("", version, int(nonce or 0), 1, size, 0, False, finished)
        after = after and version > SSL3
        tail = f", {'encrypt-then-MAC' if after else 'MAC-then-encrypt'}"
        iv = int(block) if version >= TLS11 else 0
        return f"{mode} of {block}-byte blocks", said, tail, Protection("", version, iv, int(block), size, 0, after, finished)

    def classes(self, version: int) -> Dict[Protection, List[int]]:
        """Every class of protection that some suite has under a version, and the suites that have it. Suites whose
        records have the same lengths in everything are one class, and its name tells all of them."""
        made = self._classes.get(version)
        if made is None:
            found: Dict[Protection, Tuple[List[_Found], List[int]]] = {}
            for suite in self._suites():
                for after in (False, True):
                    each = self._find(suite, version, after, False)
                    if each is not None and each[3].mac and each[3].after == after:
                        alike, listed = found.setdefault(each[3], ([], []))
                        alike.append(each)
                        listed.append(suite)
            made = {each._replace(name=_name(alike)): listed for each, (alike, listed) in found.items()}
            self._classes[version] = made
        return made

    def among(self, versions: Tuple[int, ...], suites: Optional[Tuple[int, ...]], after: bool) -> Tuple[Protection, ...]:
        """The classes of some versions that one of `suites` has (None: any suite); those with encrypt-then-MAC only
        where `after` says that it may be."""
        wanted = None if suites is None else set(suites)
        return tuple(
            each for version in versions if version in VERSIONS for each, listed in self.classes(version).items()
            if (after or not each.after) and (wanted is None or not wanted.isdisjoint(listed))
        )

    def fits(self, clues: Iterable[Clue], versions: Iterable[int] = VERSIONS) -> List[Protection]:
        """The classes, of all those of the versions, that every clue fits, padding being the least possible; none: the clues
        contradict each other, or the protection is not a registered one. No clue proves a class on its own."""
        told = set(clues)
        return [
            each for version in versions for each in self.classes(version)
            if all(self.may_hold(each, what, size) for what, size in told)
        ]

    @staticmethod
    def may_hold(each: Protection, what: Union[str, int], length: int) -> bool:
        """Whether a record of `length` bytes may hold, in this class and with the least padding, what a clue says."""
        plain = each.plain(length)
        if plain is None:
            return False
        if what == "":
            return True
        size = what if isinstance(what, int) else each.finished if what == "finished" else KNOWN[what]
        return plain[0] <= size <= plain[1]

    # ---------------------------------------------------------------- tables

    def _legal(self, row: Sequence[str]) -> Tuple[int, ...]:
        """The versions that have a suite: a hash of its own came with TLS 1.2 (RFC 5246 section 5), so did AEADs."""
        cipher = self._cipher(row[4])
        if row[2] == "tls13" or (cipher is not None and cipher[3] == "-"):
            return (TLS13,)
        if (len(row) > 6 and row[6]) or (cipher is not None and cipher[4]):
            return (TLS12,)
        return VERSIONS[:4]

    def _cipher(self, name: str) -> Optional[List[str]]:
        if not self._ciphers:
            self._ciphers = self._table("ciphers", 6)
        return self._ciphers.get(name)

    def _mac(self, name: str) -> Optional[List[str]]:
        if not self._macs:
            self._macs = self._table("macs", 3)
        return self._macs.get(name)

    def _table(self, name: str, width: int) -> Dict[str, List[str]]:
        lines = (self._read(f"registry/{name}.tsv") or "").split("\n")
        rows = [line.split("\t") for line in lines if line and line[0] != "#"]
        return {row[0]: row + [""] * (width - len(row)) for row in rows}


def _name(found: Sequence[_Found]) -> str:
    """One name for suites of one class: the modes that have a MAC together."""
    modes: Dict[str, List[str]] = {}
    for mode, mac, _, _ in found:
        have = modes.setdefault(mac, [])
        if mode not in have:
            have.append(mode)
    macs: Dict[str, List[str]] = {}
    for mac, names in modes.items():
        macs.setdefault("/".join(names), []).append(mac)
    told = [f"{names} with {'/'.join(with_)}" if with_ != [""] else names for names, with_ in macs.items()]
    return " or ".join(told) + found[0][2]
