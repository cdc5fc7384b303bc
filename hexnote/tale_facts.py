"""What several messages say together: the suite's place in the client's list, the size of a key, the room in a record."""

from __future__ import annotations

from hexnote.hints import Any, Iterable, List, Optional
from hexnote.model import VERSIONS, Protection
from hexnote.report import Connection, Field, Message, Record, Unit
from hexnote.wording import Said, Wording


class Facts:
    """Tells what the messages of one connection say together."""

    def __init__(self, connection: Connection, words: Wording) -> None:
        self.connection = connection
        self.words = words
        self.suite = ""  # the name of the one that was chosen
        self.told: List[str] = []  # facts that are to be told once
        self._hello: Optional[Unit] = None  # the client's last one
        self._leaf: Optional[Message] = None  # the message with the server's certificate
        for message in connection.messages:
            if message.name == "server_hello":
                field = message.field("cipher_suite")
                self.suite = (field.name if field is not None else None) or self.suite

    def once(self, name: str) -> bool:
        """Whether this is told for the first time."""
        if name in self.told:
            return False
        self.told.append(name)
        return True

    def of(self, unit: Unit) -> List[Said]:
        """What is to be said after a message, or a record that holds none."""
        if isinstance(unit, Message):
            tell: Any = getattr(self, f"_{unit.name}", None)
            return [said for said in tell(unit) if said is not None] if tell is not None else []
        if isinstance(unit, Record) and unit.format == "ssl2":
            return self._ssl2(unit)
        if isinstance(unit, Record) and unit.encrypted and unit.type == 23 and unit.inside is None:
            return self._sealed(unit)
        return []

    # ---------------------------------------------------------------- messages

    def _ssl2(self, record: Record) -> List[Said]:
        self._hello = record
        say, out = self.words.say, [self.words.say("fact.ssl2")]
        specs = record.field("client_hello.cipher_specs")
        if specs is not None:
            offered = [f.value for f in record.fields if not f.group and ".cipher_specs[" in f.path and isinstance(f.value, int)]
            old = sum(value > 0xFFFF for value in offered)
            out.append(say("fact.ssl2.suites", size=self.words.count(specs.length, "byte"), count=specs.length // 3,
                           new=len(offered) - old, old=old))
        return out

    def _client_hello(self, message: Message) -> Iterable[Optional[Said]]:
        self._hello = message
        return [self._clock(message)]

    def _clock(self, message: Message) -> Optional[Said]:
        """The time in a random, where it may be one."""
        field = message.field("gmt_unix_time")
        old = 0 < (self.connection.version or 0) < 0x0303  # newer stacks put random bytes there
        if field is None or field.raw is None or not old:
            return None
        date = field.sentence.partition("if it is a clock: ")[2]
        return self.words.say("fact.clock", time=date.partition(" (")[0]) if date else None

    def _server_hello(self, message: Message) -> Iterable[Optional[Said]]:
        say = self.words.say
        out: List[Optional[Said]] = []
        hello = self._hello
        version = self.connection.version
        if hello is not None:
            if isinstance(hello, Record):
                out.append(say("fact.answer", version=VERSIONS.get(version or 0, "TLS")))
            offered = self._offered(hello)
            if offered and version:
                name = VERSIONS.get(version, hex(version))
                out.append(say("fact.version.same", version=name) if offered == version else
                           say("fact.version", offered=VERSIONS.get(offered, hex(offered)), version=name))
            out.append(self._suite(hello, message))
        if version == 0x0304:
            out += self.dark(any("server_share" in f.path for f in message.fields))
        out.append(self._clock(message))
        theirs, mine = message.field("server_hello.session_id"), hello.field("client_hello.session_id") if hello else None
        if theirs is not None and theirs.length and theirs.raw is not None:
            echo = mine is not None and mine.raw == theirs.raw
            new = version is not None and version < 0x0304 and mine is not None
            key = "echo.13" if echo and version == 0x0304 else "echo" if echo else "new"
            if echo or new:
                out.append(say(f"fact.session.{key}"))
        return out

    def _offered(self, hello: Unit) -> int:
        """The highest version that a hello offers."""
        best = 0
        for field in hello.fields:
            if not field.group and field.node.show == "version" and isinstance(field.value, int) and field.value in VERSIONS \
                    and field.unit is hello and "record" not in field.path:
                best = max(best, field.value)
        return best

    def _suite(self, hello: Unit, message: Message) -> Optional[Said]:
        """The place of the chosen suite in the client's list."""
        chosen = message.field("server_hello.cipher_suite")
        if chosen is None or chosen.raw is None:
            return None
        offered = [
            f.value for f in hello.fields
            if not f.group and (".cipher_suites[" in f.path or ".cipher_specs[" in f.path)
        ]  # fmt: skip
        if chosen.value not in offered:
            return None
        place = offered.index(chosen.value) + 1
        if place == 1:
            return self.words.say("fact.suite.first", count=len(offered))
        return self.words.say("fact.suite", place=place, count=len(offered))

    def _certificate(self, message: Message) -> Iterable[Optional[Said]]:
        if message.side == "server":
            self._leaf = message
        chain = [f for f in message.fields if f.group and f.node.type == "Certificate" and f.path.endswith(("]", "].cert_data"))]
        subject = _leaf_name(message, chain[0].path if chain else "")
        if not chain or not subject:
            return []
        if len(chain) == 1:
            out: List[Optional[Said]] = [self.words.say("fact.chain.one", subject=subject)]
        else:
            out = [self.words.say("fact.chain", count=len(chain), subject=subject) if message.side == "server" else None]
        issuer = _leaf_name(message, chain[0].path, "issuer")
        if message.side == "server" and issuer and self.once("fact.claim"):
            out.append(self.words.say("fact.claim", subject=subject, issuer=issuer))
            proof = self._proof()
            out.append(self.words.say(f"fact.claim.{proof}") if proof else None)
        return out

    def _proof(self) -> str:
        """Where the server proves that its certificate is its own: "13" (CertificateVerify), "dh" (ServerKeyExchange), "rsa"
        (its Finished, as the client's secret was encrypted for it), "" (elsewhere, or not known)."""
        if self.connection.version == 0x0304:
            return "13"
        return {"dhe": "dh", "ecdhe": "dh", "rsa": "rsa"}.get(self.connection.key_exchange, "")

    def _server_key_exchange(self, message: Message) -> Iterable[Optional[Said]]:
        if self.connection.key_exchange.endswith("_anon"):
            return [self.words.say("fact.proof.none")]
        signed = any(f.label == "signature" and f.length for f in message.fields)
        return [self.words.say("fact.proof.signed") if signed and self._proof() == "dh" and self._leaf is not None else None]

    def finished(self) -> List[Said]:
        """What the server's Finished proves."""
        shared = self.connection.key_exchange in ("psk", "dhe_psk", "ecdhe_psk")
        if shared and any(m.name == "client_key_exchange" for m in self.connection.messages) and self.once("fact.proof.psk"):
            return [self.words.say("fact.proof.psk")]
        proved = self._leaf is not None and self._proof() == "rsa" and self.once("fact.proof.finished")
        return [self.words.say("fact.proof.finished")] if proved else []

    def dark(self, fresh: bool = False) -> List[Said]:
        """What encryption hides, where it begins. `fresh`: its keys come from halves of TLS 1.3."""
        if "_NULL_" in self.suite or not self.once("fact.dark"):
            return []
        both = "" if self.connection.version == 0x0304 else self.words.plain("fact.dark.both")
        out = [self.words.say("fact.dark", both=both)]
        if self.connection.key_exchange == "rsa" and self._leaf is not None:
            out.append(self.words.say("fact.dark.rsa"))
        if fresh:
            out.append(self.words.say("fact.dark.13"))
        return out

    def _client_key_exchange(self, message: Message) -> Iterable[Optional[Said]]:
        secret = message.field("encrypted_pre_master_secret")
        if secret is not None:
            size = self.words.count(secret.length, "byte")
            bits = self._key_bits()
            if bits and (bits + 7) // 8 == secret.length:
                return [self.words.say("fact.rsa", size=size, bits=bits)]
            return [self.words.say("fact.rsa.alone", size=size)]
        if self.connection.key_exchange.startswith(("dhe", "ecdhe")):
            return [self.words.say("fact.dh")]
        return []

    def _key_bits(self) -> int:
        """The size of the RSA key in the server's certificate; 0 where it has none."""
        if self._leaf is None:
            return 0
        for field in self._leaf.fields:
            if "certificate_list[0]" in field.path and field.label == "modulus" and field.raw is not None:
                return int.from_bytes(field.raw, "big").bit_length()
        return 0

    # ---------------------------------------------------------------- encrypted records

    def _sealed(self, record: Record) -> List[Said]:
        """How much data a record can hold, for the first of each side."""
        kinds = record.model.protection
        size = record.length - record.header
        held = kinds[0].plain(size) if len(kinds) == 1 else None
        if held is None or not self.once(f"room.{record.side}"):
            return []
        empty = self._empty(kinds[0], held[0])
        if not self.once(f"room.{kinds[0][1:]}"):  # the other side's was worked out
            return empty
        how, most = kinds[0], held[1]
        words = self.words.count(size, "byte")
        if how.block == 1:
            return [self.words.say("fact.aead", extra=how.nonce + how.mac + how.inner, size=words,
                                  most=f"at most {most}" if how.inner else most)]
        parts = [n for n in (size, how.nonce, how.mac, 1) if n]
        least = self.words.plain("fact.mac.least", least=held[0]) if 0 < held[0] < most else ""
        out = [self.words.say("fact.mac", mac=how.mac, block=self.words.count(how.block, "byte"), size=words, most=most,
                              sum=" - ".join(map(str, parts)), least=least)]
        return out + empty

    def _empty(self, how: Protection, least: int) -> List[Said]:
        """What a record of the least length was sent for."""
        if how.block > 1 and how.version <= 0x0301 and least == 0 and self.once("fact.empty"):
            return [self.words.say("fact.empty", version=VERSIONS.get(how.version, ""))]
        return []


def _leaf_name(message: Message, path: str, whose: str = "subject") -> str:
    """The common name of a certificate's subject (or issuer), or what names it last."""
    names: List[Field] = [f for f in message.fields if f.path.startswith(path + ".") and f".{whose}." in f.path and not f.group]
    best = [f for f in names if f.label == "commonName" and isinstance(f.value, str)]
    best = best or [f for f in names if isinstance(f.value, str) and f.node.show == "text"]
    return str(best[-1].value) if best else ""
