"""A first look at packets: what their own bytes say, whatever they do to a connection, and in whatever process.

Only whole packets without reservations are looked at. Of all others nothing is said, and the corridor takes its time.
"""

from __future__ import annotations

from hexnote import layers
from hexnote.hints import Any, Dict, List, Optional, Tuple
from hexnote.layers import END, KEY, LINK, START
from hexnote.model import PACKET, Block, Layout, Packet
from hexnote.verify import addresses_sum, right, segment_right

_KNOWN = 4096  # directions that are remembered, and lengths

# What is found out of a packet: its headers, and whether it is consistent.
Seen = Tuple[layers.Headers, bool]
# A packet on the shorter ways, and as the process that reads ahead sends it: line, text, length of its head, number of its layout,
# dress, bytes, what was found out of it (`Seen`, or None), and perhaps more.
Entry = Tuple[Any, ...]


def told(entry: Entry) -> Packet:
    """The packet of an entry of which something was found out; its number and its place in a stream are still to be set."""
    packet = Packet(0, entry[0])
    packet.headers, packet.consistent = entry[6]
    layers.tell(packet, packet.headers)
    packet.data, packet.header, packet.dress = entry[5], entry[1][: entry[2]], entry[4]
    return packet


def block_of(entry: Entry, layouts: List[Tuple[int, Layout]], packet: Optional[Packet] = None) -> Block:
    """The block of a packet that is an entry, by the `layouts` at hand; `packet` is what is `told` of it."""
    line, text, head, number, dress, data, *_ = entry
    block = Block(PACKET, line, text, head)
    block.stride, block.layout = layouts[number]
    block.data, block.dress, block.clear, block.packet = data, dress, True, packet
    return block


class Look:
    """Looks at the packets of one input, in its order."""

    def __init__(self) -> None:
        # Of a direction's packets: what their summary lines contain, where that stood, what the addresses add to a checksum.
        self._ends: Dict[Tuple[bytes, bytes], Tuple[bytes, int, int]] = {}
        self._closes: Dict[int, bytes] = {}  # how a summary line ends by the length of the payload

    def at(self, block: Block) -> bool:
        """Whether a PACKET block whose text column is `clear` is the whole of a TCP packet with headers that can be read.

        Then `block.packet` is that packet, its number and its place in a stream apart; see `seen`.
        """
        data = block.data
        if block.offset or not data:
            return False
        head = block.text[: block.head]
        seen = self.seen(data, head, block.headers)
        if seen is None:
            return False
        packet = block.packet = Packet(0, block.line)
        headers, packet.consistent = seen
        packet.headers = headers
        layers.tell(packet, headers)
        packet.dress, packet.data, packet.header = block.dress, data, head
        return True

    def seen(self, data: bytes, head: bytes, headers: Optional[layers.Headers] = None) -> Optional[Seen]:
        """What the headers of a TCP packet say that is the whole of `data`, where they can be read; None: they cannot. `headers`
        is what `layers.usual` says of it, if somebody has asked before.

        It is consistent if what it says twice is the same: both checksums are right, and its addresses, ports and length
        are what its summary line, `head`, says, if there is one.
        """
        if headers is None:
            headers = layers.usual(data)
            if headers is None:
                return self._seen(data, head)
        end = headers[END]
        if end != len(data):
            return None
        known = self._ends.get(headers[KEY])
        if known is not None:
            # The usual way for a summary line to begin, and to end; else what it says has to be looked for.
            ends, at, addresses = known
            payload = end - headers[START]
            if head.startswith(ends, at) and head.endswith(self._closes.get(payload) or self._close(payload)):
                return headers, segment_right(data, headers[LINK] or 0, end, addresses)
        return headers, segment_right(data, headers[LINK] or 0, end) and (not head or self._agrees(headers, head))

    def _seen(self, data: bytes, head: bytes) -> Optional[Seen]:
        """The same for headers of any kind."""
        packet = Packet(0, 0)
        if not layers.strip(packet, data) or packet.note or packet.tcp is None or packet.end != len(data):
            return None
        headers: layers.Headers = layers.told(packet)
        return headers, right(packet, data) and (not head or self._agrees(headers, head))

    def _close(self, payload: int) -> bytes:
        """How the summary line of a packet with so much payload ends: remembers it."""
        close = self._closes.get(payload)
        if close is None:
            if len(self._closes) >= _KNOWN:
                self._closes.clear()
            close = self._closes[payload] = b", length %d\n" % payload
        return close

    def _agrees(self, headers: layers.Headers, head: bytes) -> bool:
        """Whether a summary line says what the headers say."""
        payload = headers[END] - headers[START]
        if not head.endswith(self._close(payload)) and b"(%d)" % payload not in head:
            return False
        known = self._ends.get(headers[KEY])
        return (known is not None and known[0] in head) or self._names(headers, head)

    def _names(self, headers: layers.Headers, head: bytes) -> bool:
        """Whether a summary line has the addresses and ports in clear, as its first two ends; then notes them."""
        _, _, _, _, _, src, dst, sport, dport, *_ = headers
        ends = f"{src}.{sport} > {dst}"
        wanted = f"{ends}.{dport}: ".encode()
        at = head.find(wanted)
        if at < 1 or head[at - 1] not in b" \t" or head.find(b" > ") != at + ends.index(" > ") or b"->" in head:
            return False
        if len(self._ends) >= _KNOWN:
            self._ends.clear()
        (source, target) = key = headers[KEY]
        self._ends[key] = ends.encode(), at, addresses_sum(source[:-2] + target[:-2])
        return True
