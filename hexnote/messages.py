"""Records' bodies and handshake messages decoded to fields, under the session's context.

The formats themselves stand in `grammars/tls`; this room knows which of them a type and a version
ask for, and puts a message's header before its body.
"""

from __future__ import annotations

from hexnote.forms import Forms
from hexnote.hints import Any, Callable, Dict, List, Optional, Tuple
from hexnote.model import CONTENT_TYPES, EXTRA, LEAF, MISSING, Context, Decoder, Field, Form, Node
from hexnote.patterns import Late
from hexnote.quick import QUICK
from hexnote.spans import Hole

# Handshake types (RFC 8446 section 4 and the registry) and the formats of their bodies.
MESSAGES: Dict[int, Tuple[str, str]] = {
    0: ("hello_request", "HelloRequest"),
    1: ("client_hello", "ClientHello"),
    2: ("server_hello", "ServerHello"),
    3: ("hello_verify_request", "HelloVerifyRequest"),
    4: ("new_session_ticket", "NewSessionTicket"),
    5: ("end_of_early_data", "EndOfEarlyData"),
    6: ("hello_retry_request", "HelloRetryRequestDraft"),
    8: ("encrypted_extensions", "EncryptedExtensions"),
    9: ("request_connection_id", "RequestConnectionID"),
    10: ("new_connection_id", "NewConnectionID"),
    11: ("certificate", "Certificate"),
    12: ("server_key_exchange", "ServerKeyExchange"),
    13: ("certificate_request", "CertificateRequest"),
    14: ("server_hello_done", "ServerHelloDone"),
    15: ("certificate_verify", "CertificateVerify"),
    16: ("client_key_exchange", "ClientKeyExchange"),
    17: ("client_certificate_request", "ClientCertificateRequest"),
    20: ("finished", "Finished"),
    21: ("certificate_url", "CertificateURL"),
    22: ("certificate_status", "CertificateStatus"),
    23: ("supplemental_data", "SupplementalData"),
    24: ("key_update", "KeyUpdate"),
    25: ("compressed_certificate", "CompressedCertificate"),
    26: ("ekt_key", "EKTKey"),
    67: ("next_protocol", "NextProtocol"),
    203: ("encrypted_extensions_channel_id", "ChannelIDEncryptedExtensions"),
    254: ("message_hash", "MessageHash"),
}

# Content types whose bodies have a format of their own (RFC 8446 section 5.1, RFC 6520).
BODIES = {20: ("change_cipher_spec", "ChangeCipherSpec"), 21: ("alert", "Alert"), 24: ("heartbeat", "HeartbeatMessage")}

_LINES = 64  # lines of another protocol that are told one by one, of what was sent at once
_NO_TEXT = Late(rb"[^\t\n\r\x20-\x7e\x80-\xff]")  # what no text has
_SMALL = 1024  # bodies of one or two bytes of which the fields are kept

# SSL 2.0 message types (the SSL 2.0 specification, section 3.1).
SSL2 = {
    0: "SSL2Error", 1: "SSL2ClientHello", 2: "SSL2ClientMasterKey", 3: "SSL2ClientFinished", 4: "SSL2ServerHello",
    5: "SSL2ServerVerify", 6: "SSL2ServerFinished", 7: "SSL2RequestCertificate", 8: "SSL2ClientCertificate",
}


class Messages:
    """Decodes units. `decoder(type name)` and `dress(node)` come from the schema and the notes."""

    def __init__(self, decoder: Callable[[str], Decoder], dress: Callable[[Node], Node]) -> None:
        self._decoder = decoder
        self._made: Dict[str, Decoder] = {}
        self._dress = dress
        self.fragment = dress(Node("record", suffix=".fragment", show="opaque", type="Encrypted", rfc="RFC 5246 section 6.2.3"))
        self.data = dress(Node("record", suffix=".fragment", show="opaque", type="ApplicationData", rfc="RFC 5246 section 10"))
        self.bare = dress(Node("record", suffix=".fragment", show="opaque", type="Bare", rfc="RFC 5246 section 6.2.3.1"))
        self.unknown = dress(Node("handshake", suffix=".body", show="opaque", type="Unknown"))
        self.missing = dress(Node("handshake", kind=MISSING, suffix=".missing", show="opaque"))
        self.filling = dress(Node("record", suffix=".padding", show="opaque", type="Padding"))
        self.other = dress(Node("other", show="opaque", type="Other"))
        self.unread = dress(Node("other", show="opaque", type="Unread"))
        self.extra = dress(Node("record", kind=EXTRA, suffix=".extra", show="opaque"))
        self.skipped = dress(Node("handshake", kind=LEAF, suffix=".skipped", show="opaque", type="Skipped"))
        self.skipped.say = lambda raw: "stepped over: of a message of more than 1 MiB, or in more than 4096 pieces"
        self._clear: Dict[Tuple[str, bool], Node] = {}
        self._headers: Dict[int, List[Field]] = {}
        self._inside: Dict[str, Node] = {}
        self._forms = Forms()
        self._small: Dict[Tuple[int, int, bytes], Form] = {}  # bodies of one or two bytes

    def get(self, name: str) -> Decoder:
        """The decoder of a format, made at its first use."""
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._decoder(name)
        return made

    def clear(self, protocol: str, data: bytes, form: str = "") -> List[Field]:
        """The fields of bytes of another protocol: those of a format, where it has one, else its lines, where it is text."""
        if not protocol:
            return [(self.other, 0, len(data), 0, -1)]
        if form:
            out: List[Field] = []
            self.get(form)(data, 0, len(data), Context(), out, 0, -1)
            return out
        ranges = lines(data)
        node = self._clear.get((protocol, bool(ranges)))
        if node is None:
            made = Node(protocol, suffix=".line" if ranges else ".bytes", show="line" if ranges else "hex", type="Clear")
            node = self._clear[protocol, bool(ranges)] = self._dress(made)
        return [(node, start, end, 0, -1) for start, end in ranges or [(0, len(data))]]

    def record_header(self, head: bytes, size: int, ctx: Context) -> List[Field]:
        """The fields of a record header of `size` bytes: 5 in TLS (RFC 8446 section 5.1), 2 or 3 in SSL 2.0."""
        made = self._headers.get(size)
        if made is None:
            made = self._headers[size] = []
            name = {5: "RecordHeader", 2: "SSL2Header", 3: "SSL2Header3"}[size]
            self.get(name)(bytes(size), 0, size, ctx, made, 0, -1)
        return made

    def content(self, data: bytes) -> Node:
        """The node of application data that was decrypted: text, where its first bytes are; a long one is folded."""
        plain = all(32 <= c < 127 or 9 <= c <= 13 for c in data[:256])
        return self.inside(("text" if len(data) <= 32 else "long text") if plain else "content")

    def inside(self, name: str) -> Node:
        """The node of a part of a decrypted record: "content", "mac", "padding", "padding_length" (RFC 5246 section
        6.2.3), "iv" (section 6.2.3.2), "type", "zeros" (RFC 8446 section 5.2), "compressed" (RFC 3749), "rest": not known."""
        made = self._inside.get(name)
        if made is None:
            show = {"padding_length": "uint", "text": "text", "long text": "text", "type": "enum"}.get(name, "opaque")
            names = CONTENT_TYPES if name == "type" else None
            suffix = ".content" if name.endswith("text") else "." + name
            made = Node("plaintext", suffix=suffix, show=show, names=names, type="Plain", size=1)
            made = self._inside[name] = self._dress(made)
            if name == "long text":
                made.show, made.type = "opaque", "Text"
        return made

    def body(self, kind: int, buf: Any, end: int, ctx: Context) -> List[Field]:
        """The fields of the body of a record of content type `kind`, in clear; `end` is its length."""
        small = end <= 2 and QUICK and isinstance(buf, bytes)
        form = self._small.get((kind, end, buf)) if small else None
        if form is not None:
            return form
        out: List[Field] = []
        known = BODIES.get(kind)
        if known is None:
            out.append((self.unknown, 0, end, 0, -1))
        else:
            self.get(known[1])(buf, 0, end, ctx, out, 0, -1)
        if small and not ctx.problems and len(self._small) < _SMALL:
            form = self._small[kind, end, buf] = Form(out)
            form.again = True
        return out

    def inner(self, buf: Any, end: int, ctx: Context) -> List[Field]:
        """The field of a record's inner content type where it is shown alone (RFC 8446 section 5.2)."""
        out: List[Field] = []
        self.get("InnerContent")(buf, 0, end, ctx, out, 0, -1)
        return out

    def ssl2(self, buf: Any, end: int, padding: int, ctx: Context) -> List[Field]:
        """The fields of an SSL 2.0 message, the body of its record; `end` is its length, of which the last `padding`
        bytes only fill (draft-hickman-netscape-ssl-00 section 1.1)."""
        out: List[Field] = []
        if padding > end:
            ctx.problems.append((0, end, f"{padding} bytes of padding in a record of {end}"))
        end, last = max(end - padding, 0), end
        try:
            name = SSL2.get(buf[0]) if len(buf) and end else None
        except Hole:
            name = None
        if name is None:
            out.append((self.unknown, 0, end, 0, -1))
        else:
            self.get(name)(buf, 0, end, ctx, out, 0, -1)
        if end < last:
            out.append((self.filling, end, last, 0, -1))
        return out

    def certificate(self, data: bytes, ctx: Context) -> List[Field]:
        """The fields of a Certificate message's body that was compressed: only TLS 1.3 has such (RFC 8879 section 4)."""
        ctx.version, ctx.message = 0x0304, "certificate"
        out: List[Field] = []
        self.get("Certificate")(data, 0, len(data), ctx, out, 0, -1)
        return out

    def message(self, buf: Any, end: int, ctx: Context, kind: int, name: str) -> List[Field]:
        """The fields of a handshake message, header and body; `end` is its whole length."""
        if not QUICK or not isinstance(buf, bytes) or len(buf) < 4:
            return self._message(buf, end, ctx, kind, name)
        key = (name, end, len(buf), ctx.version, ctx.key_exchange, ctx.sender, ctx.certificate_type)
        form = self._forms.find(key, buf)
        if form is not None:
            ctx.message = name
            return form
        faults = len(ctx.problems)
        fields = self._message(buf, end, ctx, kind, name)
        return fields if len(ctx.problems) > faults else self._forms.keep(key, buf, fields)

    def known(
        self, buf: bytes, name: str, version: int, key_exchange: str, sender: str, certificate_type: str,
    ) -> Optional[Form]:
        """The fields of a message that is whole, where one of its form came before; what else a format may ask for, the
        `$names`, comes one by one."""
        if not QUICK:
            return None
        size = len(buf)
        return self._forms.find((name, size, size, version, key_exchange, sender, certificate_type), buf)

    def skip(self, head: bytes, end: int, ctx: Context) -> List[Field]:
        """The fields of a message of `end` bytes that is stepped over by its length: its header, and the rest as one."""
        out: List[Field] = []
        self.get("HandshakeHeader")(head, 0, 4, ctx, out, 0, -1)
        out.append((self.skipped, 4, end, 0, -1))
        return out

    def _message(self, buf: Any, end: int, ctx: Context, kind: int, name: str) -> List[Field]:
        out: List[Field] = []
        self.get("HandshakeHeader")(buf, 0, 4, ctx, out, 0, -1)
        ctx.message = name
        if name == "hello_retry_request" and kind == 2:
            body = "HelloRetryRequest"
        else:
            known = MESSAGES.get(kind)
            if known is None:
                out.append((self.unknown, 4, end, 0, -1))
                return out
            body = known[1]
        self.get(body)(buf, 4, end, ctx, out, 0, -1)
        return out


def message_name(kind: int) -> str:
    """The registry's name of a handshake type."""
    known = MESSAGES.get(kind)
    return known[0] if known else f"handshake_{kind}"


def lines(data: bytes) -> List[Tuple[int, int]]:
    """The lines of text as ranges, each with its line end, the last one with all that is left; none where it is no text."""
    if _NO_TEXT.search(data) is not None:
        return []
    out: List[Tuple[int, int]] = []
    at = 0
    while at < len(data):
        end = data.find(b"\n", at) + 1
        if not end or len(out) == _LINES - 1:
            end = len(data)
        out.append((at, end))
        at = end
    return out
