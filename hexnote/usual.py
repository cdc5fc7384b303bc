"""The usual packets: shorter ways through the corridor for most of a long trace.

Each does what `pipeline` does for any packet, in fewer steps, where it is certain that there is no more to it; else it does
nothing and says so. With `HEXNOTE_SLOW=1` none is taken.
"""

from __future__ import annotations

from hexnote.hints import Any, Callable, List, Optional, Sequence, Set, Tuple
from hexnote.layers import END, FLAGS, KEY, SRC, START, TTL
from hexnote.look import Entry, block_of, told
from hexnote.model import HEAD, Block, Delivery, Finding, Heard, Layout, Packet, Part
from hexnote.streams import NOBODY, Flow, Flows, Stream

# Flags of packets that only carry bytes and acknowledge.
QUIET = frozenset(("A", "PA", "", "P"))
_NOTHING: List[Delivery] = []  # not to be added to


def read(known: Any) -> Heard:
    """What is kept of a packet that was the last of its side, from what the story of its connection has of it: an entry of which
    something was found out, or the packet."""
    packet: Packet = told(known) if type(known) is tuple else known
    return Heard(packet.line, packet.header[:HEAD], packet.ipid, packet.seq, packet.ack, packet.payload)


class Usual:
    """The part of a `pipeline.Trace` that has these ways; what it takes of the rest stands here without a value."""

    owner: Any
    layouts: List[Tuple[int, Layout]]
    renderer: Any
    words: Any
    dumps: Any
    verifier: Any
    headless: Any
    teller: Any
    doctor: Any
    flows: Flows
    timed: bool
    count: int
    packet: Optional[Packet]
    flow: Optional[Flow]
    shown: bool
    silent: Optional[Tuple[Entry, int, Flow, Stream]]
    lent: Set[int]
    speaks = True  # of packets that another process explains, too
    _given: Callable[..., None]
    _tell: Callable[..., None]
    _read: Callable[..., List[Part]]
    _note_errors: Callable[[List[Finding]], None]
    _close_packet: Callable[[], None]
    _end_flows: Callable[[], None]

    def _explains(self, entry: Entry) -> bool:
        """The same as `_item`, in the fewest steps, for a packet of a connection that is under way which has no flags but ACK and
        PSH, and either says nothing but that bytes have arrived, as a third of a long trace do, or brings the next ones. False,
        and nothing done, where there may be more to it."""
        headers, consistent = entry[6]
        if not consistent or not self.shown or not self.verifier.even:
            return False
        flow, stream = self.flows.direction(headers[KEY], NOBODY)
        if flow is None or stream is None:
            return False
        connection = flow.connection
        story, side = connection.story, stream.side
        if (
            not connection.reviewed or connection.session is None or story is None or headers[TTL] != story.ttl[side]
            or stream.fin is not None or headers[FLAGS] not in QUIET
        ):
            return False
        start, end, number = headers[START], headers[END], self.count + 1
        fresh = bool(entry[2]) and stream.noted != self.headless.epoch  # its summary line may give a name to an address
        packet: Optional[Packet] = None
        if start < end:
            if fresh or connection.reset is not None:
                return False
            offset, length, reader = stream.next, end - start, connection.readers[side]
            data = entry[5][start:]
            said = parts = None
            if self.owner.keyring is None:
                stride, layout = self.layouts[entry[3]]
                field = reader.amid(offset + length)
                if field is not None:
                    said = self.renderer.amid(entry[1], entry[2], stride, layout, start, length, reader.record, field, offset)
                else:
                    parts = reader.sealed(offset, data)
                    if parts is not None:
                        said = self.renderer.sealed(
                            entry[1], entry[2], stride, layout, start, parts, number, connection.number)
            if not self.flows.passes(flow, stream, headers, number, data):
                return False
            if said is None:
                packet = told(entry)
                self._carried(block_of(entry, self.layouts), packet, flow, stream, number, data)
            else:
                reader.places.add(offset, length, number, start)
                if parts is None:
                    reader.passes(length)
                    self._amid(said)
                else:
                    reader.takes(parts)
                    step = self.teller.part(story, parts[1], number)
                    findings = self.doctor.step(story, step) if step is not None else ()
                    self._sealed(said, findings)
                    if findings:
                        self._note_errors(findings)
        elif headers[FLAGS] != "A" or fresh and not self.headless.named(connection.number):
            return False
        elif not self.flows.passes(flow, stream, headers, number, b""):
            return False
        else:
            self._acknowledged(entry)
        self.count = number
        story.heard[side] = entry
        self.verifier.agrees(packet, headers[SRC], end)
        self.silent = (entry, number, flow, stream) if packet is None else None
        return True

    def _acknowledged(self, entry: Entry) -> None:
        """Says of a packet that nothing is to be said."""
        self.renderer.rows(entry[1])

    def _amid(self, said: Sequence[bytes]) -> None:
        """Says what is to be said of one whose bytes lie amid an encrypted record."""
        self.renderer.out += said

    def _sealed(self, said: Sequence[bytes], findings: Sequence[Finding]) -> None:
        """The same of one whose bytes are such a record, its beginning or its rest."""
        self.renderer.lines(said, findings)

    def passes(self, entry: Entry) -> bool:
        """The same as `_item` for a packet that was looked at, of a connection that another process explains; False, and nothing
        done, where there may be more to it."""
        headers, consistent = entry[6]
        if not consistent or not self.shown or not self.verifier.even:
            return False
        flows = self.flows
        flow, stream = flows.direction(headers[KEY], NOBODY)
        if flow is None or stream is None:
            return self._passes_by(entry)
        if not flow.connection.elsewhere:
            return False
        if (
            entry[2] and stream.noted != self.headless.epoch
            or not flows.passes(flow, stream, headers, 0, None)
        ):
            return self._passes(entry, flow, stream)
        self.count += 1
        self.silent = (entry, self.count, flow, stream)
        if self.speaks:
            self._given(entry[1])
            self.verifier.agrees(None, headers[SRC], headers[END])
        return True

    def _passes(self, entry: Entry, flow: Flow, stream: Stream) -> bool:
        """The same for packets that do more than bring the next bytes."""
        headers = entry[6][0]
        number, payload = self.count + 1, entry[5][headers[START] :]
        if not self.flows.passes(flow, stream, headers, number, payload):
            return self._passes_by(entry)
        self.count = number
        self.silent = (entry, number, flow, stream)
        packet: Optional[Packet] = None
        if entry[2] and stream.noted != self.headless.epoch and (payload or not self.headless.named(flow.connection.number)):
            self._recall()
            packet = self.packet
            assert packet is not None
            self.headless.seen(packet, stream)
        self._given(entry[1])
        if self.flows.over:
            self._recall()
            packet = self.packet
            self._end_flows()
        self.verifier.agrees(packet, headers[SRC], headers[END])
        return True

    def _passes_by(self, entry: Entry) -> bool:
        """The same for packets that may do anything to their connection."""
        headers, flows = entry[6][0], self.flows
        flow, _ = flows.direction(headers[KEY], NOBODY)
        if flow is None:
            if flows.taken == flows.reads:
                return False  # it would be explained here
        elif not flow.connection.elsewhere or "S" in headers[FLAGS]:
            return False
        self.silent = None
        packet = self.packet = told(entry)
        self.count = packet.number = self.count + 1
        flow = self.flow = flows.add(packet)
        stream = flow.streams[packet.side]
        self.headless.seen(packet, stream)
        start = packet.start
        data = packet.data[start:]
        if data or stream.queue:
            stream.add(packet, data, start)
        if flow.events:
            flow.events = []
        self.lent.add(packet.stream or 0)
        self._given(entry[1])
        stream.current = None
        if flows.over:
            self._end_flows()
        self.verifier.agrees(packet, packet.src, packet.end)
        return True

    def _recall(self) -> None:
        """Have a packet that was passed by `_explains` or `passes`, if any, as if it had come as any other: what follows
        asks for it."""
        if self.silent is None:
            return
        entry, number, flow, stream = self.silent
        self.silent = None
        packet = self.packet = told(entry)
        packet.number, packet.stream, packet.side = number, flow.connection.number, stream.side
        size = packet.end - packet.start
        if size:
            packet.offset, packet.captured = stream.next - size, size
        self.flow, self.verifier.agreed = flow, packet

    def _carries(self, block: Block, packet: Packet) -> bool:
        """The same as `_usual` for a packet of a connection that is under way, whose bytes are the next ones of their stream:
        most that bring any. False, and nothing done, where there may be more to it."""
        start = packet.start
        if start == packet.end or not self.shown or packet.flags not in QUIET:
            return False
        flow, stream = self.flows.direction(packet.key, NOBODY)
        if flow is None or stream is None:
            return False
        connection = flow.connection
        story = connection.story
        number = self.count + 1
        data = packet.data[start:]
        if (
            not connection.reviewed or connection.session is None or story is None or packet.ttl != story.ttl[stream.side]
            or packet.header and stream.noted != self.headless.epoch
            or connection.reset is not None or self.owner.headers
            or stream.fin is not None or not self.flows.passes(flow, stream, packet.headers, number, data)
        ):
            return False
        story.heard[stream.side] = packet
        self._carried(block, packet, flow, stream, number, data)
        return True

    def _carried(self, block: Block, packet: Packet, flow: Flow, stream: Stream, number: int, data: bytes) -> None:
        """Tells of a packet, the next one, that has passed: `data` is its payload."""
        connection, side, length, start = flow.connection, stream.side, len(data), packet.start
        offset = stream.next - length
        packet.number, packet.stream, packet.side = number, connection.number, side
        packet.offset, packet.captured = offset, length
        self.count, self.packet, self.flow = number, packet, flow
        if self.timed and packet.header:
            packet.time = self.dumps.stamp(packet.header)
        connection.readers[side].places.add(offset, length, number, start)
        findings: List[Finding] = []
        parts = self._read(connection, flow, side, offset, data, length, packet, findings)
        self.renderer.block(block, packet, connection, parts, False, (), findings)
        if findings:
            self._note_errors(findings)

    def _usual(self, block: Block, packet: Packet) -> None:
        """The same as `_packet` for a packet that was looked at, in fewer steps: most of a long trace."""
        if not self.shown:
            self._close_packet()
            self.owner.found = True
            self.words.bytes()
        self.count = packet.number = self.count + 1
        self.packet = packet
        if self.timed and packet.header:
            packet.time = self.dumps.stamp(packet.header)
        flows = self.flows
        flow = self.flow = flows.add(packet)
        connection, side = flow.connection, packet.side
        stream = flow.streams[side]
        self.headless.seen(packet, stream)
        quiet = packet.flags in QUIET
        story = connection.story
        if quiet and story is not None:
            story.heard[side] = packet
            if packet.ttl != story.ttl[side]:
                self.teller.ttl(story, packet)
        start = packet.start
        data = block.data[start:] if start < packet.end else b""
        self._tell(block, packet, flow, stream.add(packet, data, start) if data or stream.queue else _NOTHING, "")
        stream.current = None  # all of it was shown: nothing is left to be closed
        self.shown = True
        if flows.over:
            self._end_flows()
