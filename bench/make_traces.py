"""Makes the benchmark's traces: real TLS handshakes in synthetic TCP, as pcap and as `tcpdump -nX` prints it.

Use: python bench/make_traces.py FOLDER [NAME ...]
     python bench/make_traces.py FOLDER - NAME BYTES     writes so many bytes of text to standard output

    S  one short connection of 20 packets
    M  10,000 packets, connections of many kinds and lengths, interleaved; M2, M4: twice, four times as many
    H  100,000 packets, handshakes only; H2, H4 likewise
    L  66,000 packets, bulk data
    D  10,000 packets, handshakes only, every certificate another one

The handshakes are made on the spot by the `ssl` module's memory buffers, TLS 1.2 and 1.3, RSA and ECDSA, some
with client certificates. One segment in some hundreds comes out of order, as many come twice.
"""

from __future__ import annotations

import datetime
import itertools
import os
import random
import ssl
import struct
import sys
import tempfile
import time
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

Flight = Tuple[int, bytes]  # side (0: the client), bytes
Frame = Tuple[str, bytes]  # tcpdump's summary behind the time, the IP packet

HOST = "www.example.test"
_MSS = 1448
_MAC = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0"
# tcpdump prints SYN, FIN, RST, PSH, ACK in this order.
_FLAGS = ((2, "S"), (1, "F"), (4, "R"), (8, "P"), (16, "."))
_SHOWN = bytes(c if 32 < c < 127 else 46 for c in range(256))


# ---------------------------------------------------------------- certificates


def make_certificates(folder: str, kind: str) -> None:
    """Writes KIND.pem (key, leaf, issuer) and KIND.root.pem, `kind` being "rsa" or "ec"."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import NameOID

    def new_key():  # type: ignore[no-untyped-def]
        return rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())

    def name(common: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Benchmark Trust"),
                x509.NameAttribute(NameOID.COMMON_NAME, common),
            ]
        )

    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)

    def certify(common, key, issuer, by, ca):  # type: ignore[no-untyped-def]
        made = (
            x509.CertificateBuilder()
            .subject_name(name(common))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=800))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        )
        if not ca:
            names = [HOST, *(f"host{i}.example.test" for i in range(8))]
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
        return made.sign(by, hashes.SHA256())

    root, issuer, leaf = new_key(), new_key(), new_key()
    chain = [
        certify(HOST, leaf, f"Issuer {kind}", issuer, False),
        certify(f"Issuer {kind}", issuer, f"Root {kind}", root, True),
    ]
    anchor = certify(f"Root {kind}", root, f"Root {kind}", root, True)
    pem = serialization.Encoding.PEM
    with open(os.path.join(folder, f"{kind}.pem"), "wb") as file:
        file.write(leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        file.writelines(c.public_bytes(pem) for c in chain)
    with open(os.path.join(folder, f"{kind}.root.pem"), "wb") as file:
        file.write(anchor.public_bytes(pem))


class Peers:
    """Pairs of TLS contexts, and conversations between them."""

    def __init__(self, folder: str, rng: random.Random, kinds: Sequence[str] = ("rsa", "ec")) -> None:
        self.rng = rng
        self.pairs: List[Tuple[ssl.SSLContext, ssl.SSLContext]] = []
        for kind in kinds:
            pem, root = (os.path.join(folder, kind + end) for end in (".pem", ".root.pem"))
            if not os.path.exists(root):
                make_certificates(folder, kind)
            for version, asked in (("TLSv1_2", False), ("TLSv1_2", True), ("TLSv1_3", False)):
                server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                server.minimum_version = server.maximum_version = ssl.TLSVersion[version]
                server.load_cert_chain(pem)
                client.load_verify_locations(root)
                for context in (server, client):
                    context.set_alpn_protocols(["h2", "http/1.1"])
                if asked:
                    server.verify_mode = ssl.CERT_OPTIONAL
                    server.load_verify_locations(root)
                    client.load_cert_chain(pem)
                self.pairs.append((server, client))

    def talk(self, said: List[Tuple[int, int]], pair: Optional[int] = None) -> List[Flight]:
        """A handshake, then for each (side, count) that many bytes of data, then both close."""
        server, client = self.pairs[self.rng.randrange(len(self.pairs)) if pair is None else pair]
        inward, outward = (ssl.MemoryBIO(), ssl.MemoryBIO()), (ssl.MemoryBIO(), ssl.MemoryBIO())
        ends = (
            client.wrap_bio(inward[0], outward[0], server_hostname=HOST),
            server.wrap_bio(inward[1], outward[1], server_side=True),
        )
        flights: List[Flight] = []

        def carry() -> None:
            for side in (0, 1):
                data = outward[side].read()
                if data:
                    flights.append((side, data))
                    inward[1 - side].write(data)

        open_ends = {0, 1}
        while open_ends:
            for side in sorted(open_ends):
                try:
                    ends[side].do_handshake()
                    open_ends.discard(side)
                except ssl.SSLWantReadError:
                    pass
                carry()
        for side, count in said:
            ends[side].write(os.urandom(count))
            carry()
            try:
                ends[1 - side].read(1 << 20)
            except ssl.SSLWantReadError:
                pass
        for end in ends:
            try:
                end.unwrap()
            except ssl.SSLError:
                pass
            carry()
        return flights


# ---------------------------------------------------------------- TCP


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of `data`."""
    if len(data) & 1:
        data += b"\0"
    rest = int.from_bytes(data, "big") % 0xFFFF
    return 0xFFFF - rest if rest or not any(data) else 0


class Connection:
    """A TCP connection that carries a conversation; makes its packets and their summaries."""

    def __init__(self, number: int, rng: random.Random) -> None:
        self.rng = rng
        self.address = (struct.pack(">I", 10 << 24 | number), bytes((192, 0, 2, number % 250 + 1)))
        self.port = (32768 + number * 7919 % 28000, 443)
        self.first = [rng.getrandbits(32), rng.getrandbits(32)]
        self.next = [0, 0]  # relative to `first`
        self.clock = [rng.getrandbits(31), rng.getrandbits(31)]
        self.ident = [rng.getrandbits(16), rng.getrandbits(16)]
        self.names = tuple(".".join(map(str, a)) + f".{p}" for a, p in zip(self.address, self.port))

    def packet(self, side: int, flags: int, data: bytes = b"") -> Frame:
        """The next packet of a side; moves its sequence number."""
        other = 1 - side
        value, echo = self.clock[side], self.clock[other] if flags & 16 else 0
        if flags & 2:
            options = b"\2\4\5\xb4\4\2\x08\n" + struct.pack(">II", value, echo) + b"\1\3\3\7"
            told = f"mss 1460,sackOK,TS val {value} ecr {echo},nop,wscale 7"
        else:
            options = b"\1\1\x08\n" + struct.pack(">II", value, echo)
            told = f"nop,nop,TS val {value} ecr {echo}"
        seq = self.next[side]
        ack = self.next[other] if flags & 16 else 0
        numbers = ((self.first[side] + seq) & 0xFFFFFFFF, (self.first[other] + ack) & 0xFFFFFFFF if flags & 16 else 0)
        tcp = struct.pack(
            ">HHIIBBHHH", self.port[side], self.port[other], *numbers, (20 + len(options)) * 4, flags, 502, 0, 0
        )
        tcp += options + data
        ends = self.address[side] + self.address[other]
        total = checksum(ends + struct.pack(">HH", 6, len(tcp)) + tcp)
        tcp = tcp[:16] + struct.pack(">H", total) + tcp[18:]
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), self.ident[side], 0x4000, 64, 6, 0) + ends
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        self.clock[side] = value + 1 & 0x7FFFFFFF
        self.ident[side] = self.ident[side] + 1 & 0xFFFF
        self.next[side] = seq + len(data) + bool(flags & 3)
        letters = "".join(letter for bit, letter in _FLAGS if flags & bit)
        if flags & 2:
            places = f", seq {numbers[0]}" + (f", ack {numbers[1]}" if flags & 16 else "")
        else:
            places = f", seq {seq}:{seq + len(data)}" if data else f", seq {seq}" if flags & 1 else ""
            places += f", ack {ack}"
        return (
            f"IP {self.names[side]} > {self.names[other]}: Flags [{letters}]{places}, win 502, "
            f"options [{told}], length {len(data)}\n"
        ), ip + tcp

    def frames(self, flights: List[Flight], trouble: float) -> Iterator[Frame]:
        """The whole connection; `trouble` is the share of segments out of order, and of those sent twice."""
        yield self.packet(0, 2)
        yield self.packet(1, 18)
        yield self.packet(0, 16)
        for side, data in flights:
            held: Optional[Frame] = None
            waiting = 0
            for at in range(0, len(data), _MSS):
                last = at + _MSS >= len(data)
                frame = self.packet(side, 24 if last else 16, data[at : at + _MSS])
                dice = self.rng.random()
                if dice < trouble and not last and held is None:
                    held = frame
                    continue
                yield frame
                if held is not None:
                    yield held
                    held = None
                if dice > 1 - trouble:
                    yield frame
                waiting += 1
                if waiting == 2:
                    yield self.packet(1 - side, 16)
                    waiting = 0
            if waiting and self.rng.random() < 0.5:
                yield self.packet(1 - side, 16)
        yield self.packet(0, 17)
        yield self.packet(1, 17)
        yield self.packet(0, 16)


# ---------------------------------------------------------------- files


def dump(packet: bytes) -> str:
    """The rows that `tcpdump -X` prints of an IP packet."""
    text = packet.translate(_SHOWN).decode("ascii")
    digits = packet.hex()
    rows = []
    for at in range(0, len(packet), 16):
        row = digits[2 * at : 2 * at + 32]
        groups = " ".join([row[i : i + 4] for i in range(0, len(row), 4)])
        rows.append(f"\t0x{at:04x}:  {groups:<39}  {text[at : at + 16]}\n")
    return "".join(rows)


def interleaved(connections: Iterator[Iterator[Frame]], at_once: int, seed: int) -> Iterator[Tuple[float, Frame]]:
    """Packets with their times: `at_once` connections interleaved."""
    rng = random.Random(seed)
    live: List[Iterator[Frame]] = []
    now = 1_790_000_000.0
    while True:
        while len(live) < at_once:
            more = next(connections, None)
            if more is None:
                break
            live.append(more)
        if not live:
            return
        one = rng.choice(live)
        for _ in range(rng.choice((1, 1, 2, 3, 6))):
            frame = next(one, None)
            if frame is None:
                live.remove(one)
                break
            now += rng.random() * 0.0004
            yield now, frame


def shown(now: float, frame: Frame) -> str:
    """What `tcpdump -nX` prints of a packet."""
    return time.strftime("%H:%M:%S", time.gmtime(int(now))) + f".{int(now % 1 * 1e6):06d} {frame[0]}{dump(frame[1])}"


def write(folder: str, name: str, packets: Iterator[Tuple[float, Frame]], count: int) -> None:
    """Writes NAME.pcap and NAME.txt, of as many packets."""
    paths = [os.path.join(folder, name + end) for end in (".pcap", ".txt")]
    with open(paths[0] + ".part", "wb") as pcap, open(paths[1] + ".part", "w", encoding="ascii", newline="\n") as text:
        pcap.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for now, frame in itertools.islice(packets, count):
            size = len(frame[1]) + len(_MAC)
            pcap.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), size, size) + _MAC + frame[1])
            text.write(shown(now, frame))
    for path in paths:
        os.replace(path + ".part", path)


# By name: packets, connections at once.
PLANS: Dict[str, Tuple[int, int]] = {
    "S": (20, 1), "M": (10_000, 24), "H": (100_000, 64), "L": (66_000, 8), "D": (10_000, 24),
    "M2": (20_000, 24), "M4": (40_000, 24), "H2": (200_000, 64), "H4": (400_000, 64),
}  # fmt: skip


def conversations(folder: str, plan: str) -> Iterator[Iterator[Frame]]:
    """The connections of a plan (S, M, H, L, D), without end but for S."""
    rng = random.Random(11)
    peers = Peers(folder, rng)
    if plan == "S":
        yield Connection(1, rng).frames(peers.talk([(0, 300), (1, 900)], pair=0), 0.0)
        return
    for number in range(1, 1 << 20):
        said: List[Tuple[int, int]] = []
        pair = None
        if plan == "M":
            said = [(i & 1, rng.randint(200, 12000 if i & 1 else 900)) for i in range(4)]
        elif plan == "L":
            said = [(0, 400), (1, 16384)] * 60
        elif plan == "D":
            with tempfile.TemporaryDirectory() as own:
                peers, pair = Peers(own, rng, ["ec"]), 0  # TLS 1.2: its certificates can be read
        yield Connection(number, rng).frames(peers.talk(said, pair), 0.004)


def packets(folder: str, name: str) -> Iterator[Tuple[float, Frame]]:
    """The packets of a trace, with their times, without end but for S."""
    return interleaved(conversations(folder, name[0]), PLANS[name][1], 3 if name == "S" else 5)


def make(folder: str, names: Sequence[str]) -> None:
    """Makes those of the named traces that `folder` does not hold yet."""
    os.makedirs(folder, exist_ok=True)
    for name in names:
        if not os.path.exists(os.path.join(folder, name + ".txt")):
            print(f"making {name} ...", file=sys.stderr, flush=True)
            write(folder, name, packets(folder, name), PLANS[name][0])


def flow(folder: str, name: str, size: int) -> None:
    """Writes the text of a trace, at least `size` bytes of it, to standard output."""
    more = packets(folder, name)
    while size > 0:
        piece = "".join([shown(*next(more)) for _ in range(100)]).encode()
        size -= sys.stdout.buffer.write(piece)


if __name__ == "__main__":
    words = sys.argv[1:]
    if len(words) == 4 and words[1] == "-" and words[2] in PLANS and words[3].isdigit():
        flow(words[0], words[2], int(words[3]))
    elif words and set(words[1:]) <= set(PLANS):
        make(words[0], words[1:] or ["S", "M"])
    else:
        sys.exit(__doc__)
