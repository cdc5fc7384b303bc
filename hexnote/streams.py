"""Connections: which packets belong together, which end is the client, when it is over (RFC 9293).

A packet goes through `Flows.add` (its headers), then `Flow.add` (its payload bytes, in as many
pieces as the text shows them), then `Flow.close_packet` (no more of it will be shown). The order of
the bytes within a direction is the business of `stitch`.
"""

from __future__ import annotations

from collections import deque

from hexnote.hints import Any, Callable, Deque, Dict, Iterator, List, Optional, Sequence, Tuple
from hexnote.model import Connection, Delivery, Packet
from hexnote.stitch import BYTES, FAR, HALF, MASK, Bounds, Event, Stream

__all__ = ["Event", "Flow", "Flows", "Stream"]

Key = Tuple[bytes, bytes]

# Ports of TLS from the first byte, registered or in wide use: the end that has one is the server.
TLS_PORTS = frozenset((
    443, 261, 271, 324, 448, 465, 563, 614, 631, 636, 684, 695, 832, 853, 989, 990, 992, 993, 994, 995,
    2083, 2087, 2096, 2376, 2484, 3269, 4843, 5061, 5223, 5349, 5671, 5986, 6443, 6514, 6679, 6697, 8243, 8443,
    8883, 9443,
))  # fmt: skip
_PLAIN = frozenset(("A", "PA", "AE", "PAE", "AC", "PAC", "AU", "PAU"))  # flags without SYN, FIN and RST
_MOSTLY = frozenset(("A", "PA", "FA"))  # of most packets
_ONLY = frozenset(("A", "PA"))  # of those that only carry bytes and acknowledge
_NOWHERE = (b"", b"")  # key of packets without addresses
NOBODY = (None, None)
_NOTHING: List[Delivery] = []  # not to be added to


# What an open connection is taken to hold: bytes for itself, for a step of its story; and how much all may hold together.
# It is counted again whenever so many packets have come.
_ITSELF, _STEP, BUDGET, OFTEN = 6 << 10, 768, 32 << 20, 1024

# Why a connection is let go, with the bound that was reached.
_MANY = "it remembers {} at a time, and this one is among those idle for longest"
_HEAVY = "it keeps about {} MB of all open ones, and this one is among those idle for longest"
_WAITS = "it lets {} MB wait behind gaps, and what waits in this one has waited longest"
# Connections that were told as ended and are still known, so that what comes late is told apart from a new one.
CLOSED = 256


class Flow:
    """One TCP connection: `streams[0]` from the client, `streams[1]` from the server."""

    __slots__ = ("connection", "streams", "last", "ended", "until")

    def __init__(self, number: int, packet: Packet, key: Key, bounds: Bounds) -> None:
        self.connection = Connection(number)
        self.connection.pseudo = packet.key is None
        self.last = 0  # when it was used last
        self.ended = False  # told as ended
        self.until = 0  # `last`, when that was
        side = _side(packet)
        self.connection.guessed = "" if "S" in packet.flags else "port" if _one_port(packet) else "ports"
        events: List[Event] = []
        one, other = Stream(side, key, events, bounds), Stream(1 - side, (key[1], key[0]), events, bounds)
        one.peer, other.peer = other, one
        ends = (_end(packet.src, packet.sport), _end(packet.dst, packet.dport))
        self.streams = [other, one] if side else [one, other]
        self.connection.ends = (ends[1], ends[0]) if side else ends

    @property
    def events(self) -> List[Event]:
        """What there is to say about segments, for the reader to take away: `events, flow.events = flow.events, []`."""
        return self.streams[0].events

    @events.setter
    def events(self, events: List[Event]) -> None:
        for stream in self.streams:
            stream.events = events

    def stream_of(self, key: Key) -> Stream:
        """The direction of packets with this `key`."""
        return self.streams[1] if self.streams[1].key == key else self.streams[0]

    @property
    def blank(self) -> bool:
        """Whether nothing is known yet but that packets without SYN, FIN and payload went by."""
        return all(s.base is None and s.fin is None and not s.syns for s in self.streams)

    def turn(self) -> None:
        """Its ends were taken for each other; nothing was read of it so far."""
        self.streams.reverse()
        for stream in self.streams:
            stream.side = 1 - stream.side
        connection = self.connection
        connection.ends = connection.ends[::-1]
        connection.session, connection.readers, connection.story = None, (), None

    def add(self, packet: Packet, data: bytes, at: int) -> List[Delivery]:
        """Takes payload bytes of a packet that `Flows.add` has placed: `data` stands at dump offset `at`.

        They are counted in `packet.captured`. Returns what can be read on by them, in stream order;
        with no data, what the packet's headers alone have settled. A Delivery without `data` is a
        hole: its `packet` is None where no packet brought the bytes, else the one that does not
        show them.
        """
        return self.streams[packet.side].add(packet, data, at)

    def close_packet(self, packet: Packet) -> List[Delivery]:
        """No more of the packet will be shown. What it did not show of its payload is a certain hole,
        given up when something stands behind it; returned is what that settles, most often nothing."""
        stream = self.streams[packet.side]
        if packet is stream.current and packet.captured == packet.end - packet.start:
            stream.current = None  # all of it was shown
            return _NOTHING
        return stream.close(packet)

    def finish(self) -> List[Delivery]:
        """The connection is over: all that waits in both directions, all gaps given up. Segments that
        come after it are handed on as before, but none waits."""
        self.ended, self.until = True, self.last
        return self.streams[0].finish() + self.streams[1].finish()


def _side(packet: Packet) -> int:
    """Which end sent the first packet of a connection: 0 the client, 1 the server."""
    if "S" in packet.flags:
        return 1 if "A" in packet.flags else 0
    if _one_port(packet):
        return 1 if packet.sport in TLS_PORTS else 0
    return 1 if (packet.sport or 0) < (packet.dport or 0) else 0


def _no_hello(data: bytes) -> Optional[int]:
    return None


def _one_port(packet: Packet) -> bool:
    """Whether one of the two ends has a port of TLS."""
    return (packet.sport in TLS_PORTS) != (packet.dport in TLS_PORTS)


def _end(host: Optional[str], port: Optional[int]) -> str:
    name = host or ""
    if ":" in name:
        name = f"[{name}]"
    return name if port is None else f"{name}:{port}"


class Flows:
    """All connections of a trace, by addresses and ports."""

    def __init__(self, cap: int = 3072, waiting: int = 8 << 20, recent: int = 1 << 20, budget: int = BUDGET) -> None:
        """At most `cap` connections are remembered, and no more than take about `budget` bytes together.

        Over all of them, what waits behind gaps is bounded by `waiting` bytes, what is kept to compare retransmissions
        with by `recent`."""
        self._table: Dict[Key, Tuple[Flow, Stream]] = {}
        # The connection that packets with a key belong to, and their direction, if it was seen; to be asked with NOBODY.
        self.direction: Callable[..., Tuple[Optional[Flow], Optional[Stream]]] = self._table.get
        self._waiting = waiting
        self._bounds = Bounds(waiting, recent)
        self._nobody = Stream(0, _NOWHERE, [], self._bounds)
        self._cap = cap
        self._budget = budget
        self.numbers = 0  # given so far
        self._clock = 0
        self._closed: Deque[Flow] = deque()  # told as ended, and still known
        self._evicts = False  # some were let go
        # Where two processes share the connections: whether this one reads the text, and whether that one explains those that
        # begin now.
        self.reads = self.taken = False
        # Brings what the other process's connections weighed at the last count but one, for what this one's weigh now.
        self.exchange: Optional[Callable[[int, Dict[int, int]], Dict[int, int]]] = None
        self._weights: Dict[int, int] = {}  # of this process's connections, at the last count
        self.over: List[Flow] = []  # ended, to be taken by `evicted`
        # The side that sends bytes which begin with a hello, None: they do not.
        self.sender: Callable[[bytes], Optional[int]] = _no_hello

    def known(self) -> List[Flow]:
        """The connections that are remembered."""
        return list({flow.connection.number: flow for flow, _ in self._table.values()}.values())

    def new_number(self) -> int:
        """The number of the next connection."""
        self.numbers += 1
        return self.numbers - 1

    def find(self, key: Optional[Key]) -> Optional[Flow]:
        """The connection that packets with this `key` belong to, if it was seen."""
        return self._table.get(key or _NOWHERE, NOBODY)[0]

    def add(self, packet: Packet) -> Flow:
        """Finds or makes the connection of a TCP packet; sets its `stream`, `side` and `offset`.

        `offset` stays None where no stream byte is known to be in it: no payload, the payload of a
        RST, a sequence number too far away, or a direction of which no byte was seen yet.
        """
        known = self._table.get(packet.key or _NOWHERE)
        plain = packet.flags in _PLAIN
        if known is None or not plain and "S" in packet.flags:
            known = self._open(packet, known)
        flow, stream = known
        if flow.connection.guessed and stream.base is None and flow.blank:
            self._settle(flow, stream, packet)
        self._hear(flow, stream, packet.window, packet.ack)
        if not self._clock % OFTEN:
            self._weigh()
        packet.stream = flow.connection.number
        packet.side = stream.side
        stream.place(packet, plain)
        if (stream.fin is not None or not plain) and not flow.connection.closed:
            self._closes(flow, stream, packet)
        return flow

    def passes(self, flow: Flow, stream: Stream, headers: Sequence[Any], number: int, payload: Optional[bytes]) -> bool:
        """What `add` and `Stream.add` do with packet `number`, a whole one of this direction (`headers` are those of `layers`), if
        it has no flag but ACK, PSH and FIN, and either has no payload and nothing to settle or brings the next bytes of its
        stream. False, and nothing done, where there may be more to it.

        `payload` None: another process explains the connection, and nothing is kept of its bytes here. Then it has no FIN either.
        """
        _, _, _, _, _, _, _, _, _, flags, seq, ack, window, _, ipid, _, at, stop = headers
        if not (self._clock + 1) % OFTEN:
            return False
        if seq == stream.expect and flags in _ONLY:
            length = stop - at
            if length:
                stream.segments += 1
                stream.expect = seq + length & MASK
                if payload is not None:
                    stream.follow(number, ipid, payload, at)
                else:
                    stream.next = stop = stream.next + length
                    if stop > stream.high:
                        stream.high = stop
                    self._bounds.count(length)
            self._hear(flow, stream, window, ack)
            return True
        base, end = stream.base, stream.next
        if payload is None or base is None or stream.queue or stream.events or stream.floating or flags not in _MOSTLY:
            return False
        ahead = (seq - base - end + HALF & MASK) - HALF
        if payload:
            if ahead or stream.fin is not None or flags == "FA":
                return False
            stream.segments += 1
            stream.follow(number, ipid, payload, at)
        elif not -FAR < ahead < FAR:
            return False
        elif flags == "FA":
            stream.fin = end + ahead
        elif end + ahead - 1 > stream.high:
            stream.high = end + ahead - 1
        self._hear(flow, stream, window, ack)
        if stream.fin is None:
            stream.expect = base + stream.next & MASK
        elif not flow.connection.closed:
            self._finished(flow, stream)
        return True

    def _hear(self, flow: Flow, stream: Stream, window: Optional[int], ack: Optional[int]) -> None:
        """A packet of this direction came, with this window and acknowledgement number."""
        self._clock = flow.last = self._clock + 1
        stream.window = window
        peer = stream.peer
        if ack == peer.expect and peer.acked <= peer.next:
            peer.ack, peer.acked = peer.expect, peer.next  # all has arrived, as most of them say
        elif ack is not None and ack != peer.ack:
            peer.acknowledge(ack)

    def follow(self, packet: Packet, head: Packet, place: int) -> Optional[Flow]:
        """Places a later IP fragment: its payload bytes stand `place` bytes behind the first of `head`,
        the packet with the TCP header. None where that one's connection is gone."""
        flow, stream = self._table.get(head.key or _NOWHERE, (None, None))
        if flow is None or stream is None or flow.connection.number != head.stream:
            return None
        packet.stream, packet.side = head.stream, stream.side
        stream.current = packet
        if head.offset is not None:
            packet.offset = stream.shown = head.offset + place
            end = packet.offset + packet.payload
            stream.high = max(stream.high, end)
            if "F" in head.flags:
                stream.fin = max(stream.fin or 0, end)
                stream.expect = -1
        return flow

    def _open(self, packet: Packet, known: Optional[Tuple[Flow, Stream]]) -> Tuple[Flow, Stream]:
        """The connection of a SYN, or of a packet of one not seen before."""
        syn = "S" in packet.flags
        if known is not None and _reopens(packet, *known):
            self._remove(known[0])
            known = None
        if known is None:
            key = packet.key or _NOWHERE
            flow = Flow(self.new_number(), packet, key, self._bounds)
            flow.connection.torn = self._evicts and not syn
            flow.connection.elsewhere = (self.taken and packet.tcp is not None) != self.reads
            for stream in flow.streams:
                self._table[stream.key] = (flow, stream)
            known = self._table[key]
            if len(self._table) > 2 * self._cap:
                self._evict()
        flow, stream = known
        if syn:
            if stream.side != _side(packet) and flow.blank:
                flow.turn()
            flow.connection.guessed = ""
        if syn and packet.seq is not None:
            stream.syns += 1
            if stream.base is None:
                stream.whole = True
                stream.begin((packet.seq + 1) & MASK, packet)
        return known

    def _settle(self, flow: Flow, stream: Stream, packet: Packet) -> None:
        """Which end is which, by a hello at the beginning of the first payload, where the ports alone have told so far."""
        side = self.sender(packet.data[packet.start : packet.end])
        if side is not None:
            flow.connection.guessed = ""
            if side != stream.side:
                flow.connection.turned = True
                flow.turn()

    # ---------------------------------------------------------------- ends

    def _closes(self, flow: Flow, stream: Stream, packet: Packet) -> None:
        """Does a packet close its connection?"""
        if "R" in packet.flags:
            if stream.base is not None and packet.seq is not None:
                if abs(stream.offset_of(packet.seq) - stream.next) >= FAR:
                    return  # its ends would not believe it either
            stream.reset = True
            flow.connection.closed = f"reset by the {('client', 'server')[stream.side]}"
            self.over.append(flow)
            return
        self._finished(flow, stream)

    def _finished(self, flow: Flow, stream: Stream) -> None:
        """Have both ends said that they will send no more, and heard it?"""
        peer = stream.peer
        if stream.fin is not None and peer.fin is not None and stream.acked > stream.fin and peer.acked > peer.fin:
            flow.connection.closed = "closed by both ends"
            self.over.append(flow)

    def evicted(self) -> Iterator[Tuple[Flow, Optional[List[Delivery]]]]:
        """The connections that were closed or let go since the last call, each once, with all that
        still waited in them. To be called between packets.

        Those of which packets came after that are given once more, with None, when they are forgotten.
        """
        for stream in self._bounds.overdue:
            flow, known = self._table.get(stream.key, (None, None))
            if flow is not None and known is stream:
                self._let_go(flow, _WAITS.format(self._waiting >> 20))
        self._bounds.overdue.clear()
        over, self.over = self.over, []
        for flow in over:
            if not flow.ended:
                yield flow, flow.finish()
                self._closed.append(flow)
                if len(self._closed) > CLOSED:
                    first = self._closed.popleft()
                    yield from self._again(first)
                    self._forget(first)
            else:
                yield from self._again(flow)

    @staticmethod
    def _again(flow: Flow) -> Iterator[Tuple[Flow, None]]:
        """A connection that is forgotten, if packets of it came after it was told as ended."""
        if flow.last != flow.until:
            flow.until = flow.last
            yield flow, None

    def finish(self) -> Iterator[Tuple[Flow, Optional[List[Delivery]]]]:
        """The input ends: the same for all connections that are left, in the order of their numbers."""
        yield from self.evicted()
        flows = {flow.connection.number: flow for flow, _ in self._table.values()}
        self._table.clear()
        for number in sorted(flows):
            flow = flows[number]
            if flow.ended:
                yield from self._again(flow)
            else:
                yield flow, flow.finish()

    def _remove(self, flow: Flow) -> None:
        """Forgets a connection, and has it told as ended."""
        self._forget(flow)
        self.over.append(flow)

    def _let_go(self, flow: Flow, why: str) -> None:
        """The same, of a connection that may go on."""
        if not flow.ended and not flow.connection.closed:
            flow.connection.evicted = why
            self._evicts = True
        self._remove(flow)

    def _forget(self, flow: Flow) -> None:
        for stream in flow.streams:
            # Two that know each other would stay until somebody looks for such circles, which is rarely done.
            stream.peer = self._nobody
            if self._table.get(stream.key, (None,))[0] is flow:
                del self._table[stream.key]

    def _evict(self) -> None:
        """Makes room: up to an eighth of the connections go, those not used for longest: of those that
        ended, if there are any."""
        flows = self.known()
        leaving = [flow for flow in flows if flow.ended] or flows
        leaving.sort(key=lambda flow: flow.last or self._clock + 1)
        for flow in leaving[: max(self._cap // 8, 1)]:
            self._let_go(flow, _MANY.format(self._cap))

    def _weigh(self) -> None:
        """Lets connections go, those not used for longest first, until the rest hold no more than the budget.

        The one used last stays. What they hold is counted by what came of them, never by the process's memory:
        so the same input is always told in the same way. It was counted `OFTEN` packets ago, so that two processes that share
        the connections need not wait for each other.
        """
        weights, self._weights = self._weights, {}
        if len(self._table) * _ITSELF // 2 <= self._budget // 32:
            return  # a few connections have bounds of their own
        flows = self.known()
        since = self._clock - OFTEN
        for flow in flows:
            if flow.last >= since and flow.connection.story is not None:
                flow.connection.story.lighten()
        self._weights = {flow.connection.number: weight for flow in flows for weight in (_weight(flow),) if weight}
        if self.exchange is not None:
            weights.update(self.exchange(self._clock, self._weights))
        over = sum(weights.get(flow.connection.number, 0) for flow in flows if not flow.ended) - self._budget
        if over <= 0:
            return
        over += self._budget // 8
        flows.sort(key=lambda flow: flow.last)
        for flow in flows[:-1]:
            if over <= 0:
                break
            if not flow.ended:
                over -= weights.get(flow.connection.number, 0)
                self._let_go(flow, _HEAVY.format(self._budget >> 20))


def _weight(flow: Flow) -> int:
    """About how many bytes are kept of a connection; of one that was told as ended, none that count."""
    story = flow.connection.story
    if story is None:
        return 0
    waiting = sum(reader.incomplete for reader in flow.connection.readers)
    return int(_ITSELF + _STEP * len(story.steps) + 2 * story.held + waiting)


def _reopens(packet: Packet, flow: Flow, stream: Stream) -> bool:
    """Does a SYN on the ports of a known connection begin another one?"""
    done = bool(flow.connection.closed) and any(each.next for each in flow.streams)
    if packet.seq is None or stream.base is None:
        return done
    behind = (stream.base - packet.seq - 1) & MASK
    if not behind:
        return done and "A" not in packet.flags
    # A SYN seen after the first data of its direction is still that connection's.
    return done or stream.whole or behind > BYTES
