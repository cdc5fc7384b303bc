"""A first look at packets: what their own bytes say, whatever they do to a connection, and in whatever process.

Only whole packets without reservations are looked at. Of all others nothing is said, and the corridor takes its time.
"""

from __future__ import annotations

from typing import Dict

from hexnote import layers
from hexnote.model import Block, Packet
from hexnote.verify import right

_KNOWN = 4096  # directions that are remembered


class Look:
    """Looks at the packets of one input, in its order."""

    def __init__(self) -> None:
        self._ends: Dict[object, bytes] = {}  # what a summary line of a direction's packets contains

    def at(self, block: Block) -> bool:
        """Whether a PACKET block whose text column is `clear` is the whole of a TCP packet with headers that can be read.

        Then `block.packet` is that packet, its number and its place in a stream apart, and `consistent` says whether what it
        says twice is the same: both checksums are right, and its addresses, ports and length are what its summary line says,
        if there is one.
        """
        data = block.data
        if block.offset or not data:
            return False
        packet = Packet(0, block.line)
        if not layers.strip(packet, data) or packet.note or packet.tcp is None or packet.end != len(data):
            return False
        packet.dress = block.dress
        packet.data = data
        head = packet.header = block.text[: block.head]
        if right(packet, data):
            if head:
                payload = packet.end - packet.start
                if head.endswith(b", length %d\n" % payload) or b"(%d)" % payload in head:
                    expected = self._ends.get(packet.key)
                    packet.consistent = expected is not None and expected in head or self._names(packet, head)
            else:
                packet.consistent = True
        block.packet = packet
        return True

    def _names(self, packet: Packet, head: bytes) -> bool:
        """Whether a summary line has the packet's addresses and ports in clear, as its first two ends; then notes them."""
        ends = f"{packet.src}.{packet.sport} > {packet.dst}"
        wanted = f"{ends}.{packet.dport}: ".encode()
        at = head.find(wanted)
        if at < 1 or head[at - 1] not in b" \t" or head.find(b" > ") != at + ends.index(" > ") or b"->" in head:
            return False
        if len(self._ends) >= _KNOWN:
            self._ends.clear()
        self._ends[packet.key] = ends.encode()
        return True
