"""One direction of a TCP connection: segments put in the order of their sequence numbers.

What can be read on is handed back at once as `Delivery`s in stream order; what lies behind a gap
waits until the gap is filled or given up. A gap of bytes that no packet brought is given up, by the
input alone, when the other end has acknowledged past it and two more segments of that direction
have come since, when 64 segments or 256 KB lie behind it, or when the connection ends. Bytes of a
packet that is there but does not show them (snapped, left out by the author) are a hole for
certain: it is given up as soon as something stands behind it.
"""

from __future__ import annotations

from bisect import bisect_left

from hexnote.hints import Dict, List, Optional, Tuple
from hexnote.model import Delivery, Packet
from hexnote.spans import merge, remove
from hexnote.tuples import NamedTuple

MASK = 0xFFFFFFFF
HALF = 1 << 31
FAR = 1 << 30  # a sequence number farther away than this belongs to something else
SEGMENTS = 64  # behind a gap that is given up
BYTES = 256 * 1024
PATIENCE = 2  # segments that come after a gap's bytes were acknowledged
_ALLOWANCE = 256  # bytes that a segment which is kept takes besides its own
_DIFFERENCE = 16  # bytes shown of a retransmission that differs

_Queued = Tuple[int, int, Optional[bytes], Packet, int]  # start, end, bytes (None: a hole), packet, dump offset
_Seen = Tuple[int, bytes, int, int, Optional[int]]  # start, bytes, packet number, dump offset, IP ID

# What the IP IDs of two segments say (`Event.ids`).
UNKNOWN, SAME, EARLIER, LATER = 0, 1, 2, 3


class Event(NamedTuple):
    """Something about a segment that is worth a word.

    `kind`: `retransmission` (bytes sent again), `overlap` (some of them new), `differs` (sent again
    with other bytes; the first are kept), `out-of-order` (sent before what was seen before it),
    `late` (for a gap that was given up, or before the first byte: not read), `keep-alive`, `jump`
    (a sequence number too far away: not read), `past` (behind the FIN of its own side). A retransmission
    that fills a gap, which its IP ID tells, has no `first`.
    """

    kind: str
    side: int
    packet: int  # its number
    at: int  # dump offset of the bytes meant
    offset: int  # stream offset of them; -1 with `jump`
    length: int
    first: int = 0  # number of the packet that brought them first; 0: not known (any more)
    first_at: int = 0  # dump offset there
    ids: int = UNKNOWN  # SAME: the same packet seen twice; EARLIER, LATER: sent than what was seen before it
    was: bytes = b""  # with `differs`: the bytes first seen, from the first difference on
    now: bytes = b""  # and those seen later


class Bounds:
    """What all directions of all connections keep together, and how much of it at most."""

    __slots__ = ("overdue", "_waiting", "_held", "_queues", "half", "size", "fresh", "_older")

    def __init__(self, waiting: int, recent: int) -> None:
        """`waiting`: bytes behind gaps; `recent`: bytes handed on that are kept to compare with.
        Both with an allowance for each segment."""
        self.overdue: List[Stream] = []  # whose gaps must be given up to make room
        self._waiting = waiting
        self._held = 0
        self._queues: Dict[Stream, None] = {}  # in which something waits, the longest first
        # What is kept to compare with goes in halves: of what came since the last turn, and before.
        self.half = recent // 2
        self.size = 0  # bytes handed on since the last turn, with the allowance
        self.fresh: List[Stream] = []  # whose bytes they are, in the order in which they came
        self._older: List[Stream] = []  # whose bytes are kept from before

    def account(self, stream: Stream) -> None:
        """Counts what waits in a stream; beyond the bound, those that wait longest become overdue."""
        cost = 2 * stream.queued + 1024 * len(stream.queue)
        self._held += cost - stream.cost
        stream.cost = cost
        if not cost:
            self._queues.pop(stream, None)
            return
        self._queues.setdefault(stream)
        while self._held > self._waiting:
            oldest = next(iter(self._queues))
            del self._queues[oldest]
            self._held -= oldest.cost
            oldest.cost = 0
            self.overdue.append(oldest)

    def remember(self, stream: Stream, seen: _Seen, length: int) -> None:
        """Keeps bytes that were handed on, to compare with what may come again."""
        stream.recent.append(seen)
        self.fresh.append(stream)
        self.count(length)

    def count(self, length: int) -> None:
        """So many bytes were handed on. When half of what may be kept has come, what came before that goes.

        That depends on how many bytes were handed on, and not on which of them are kept here: a process that keeps none of some
        connections forgets those of the others at the same time as one that keeps all.
        """
        self.size += length + _ALLOWANCE
        if self.size > self.half:
            self._turn()

    def _turn(self) -> None:
        count: Dict[Stream, int] = {}
        for stream in self._older:
            count[stream] = count.get(stream, 0) + 1
        for stream, number in count.items():
            del stream.recent[:number]
        self._older, self.fresh, self.size = self.fresh, [], 0


class Stream:
    """One direction of a connection."""

    __slots__ = (
        "side", "key", "peer", "events", "bounds", "base", "whole", "next", "high", "acked", "fin", "reset", "syns",
        "segments", "gaps", "gap_at", "gap_bytes", "resent", "snapped_bytes", "bare_bytes", "late_bytes", "window", "ended",
        "current", "shown", "queue", "queued", "cost", "recent", "ack", "begins", "printed", "number", "noted",
        "_mark", "_holes", "_probe", "floating", "_stray", "expect",
    )  # fmt: skip

    def __init__(self, side: int, key: Tuple[bytes, bytes], events: List[Event], bounds: Bounds) -> None:
        self.side = side  # 0: from the client, 1: from the server
        self.key = key  # of its packets
        self.peer: Stream = self  # the other direction
        self.events = events
        self.bounds = bounds
        self.base: Optional[int] = None  # sequence number of stream offset 0
        self.whole = False  # its SYN was seen: offset 0 is its first byte
        self.next = 0  # stream offset behind the last byte handed on
        self.high = 0  # ... behind the last byte known to exist
        self.acked = 0  # ... behind the last byte acknowledged by the other end (a FIN counts as one)
        self.fin: Optional[int] = None  # stream offset of its FIN
        self.reset = False  # it has sent a RST
        self.syns = 0  # SYNs seen
        self.segments = 0  # packets with payload
        self.gaps = 0  # gaps given up, certain holes apart
        self.gap_at = -1  # stream offset of the first of them; -1: there is none
        self.gap_bytes = 0
        self.resent = 0  # segments that were sent again; not those that were seen twice
        self.snapped_bytes = 0  # not shown by packets that are there
        self.bare_bytes = 0  # of packets that are known by their summary lines alone
        self.late_bytes = 0  # of both, what came when they had been given up
        self.window: Optional[int] = None  # last one announced, not scaled
        self.ended = False  # the connection is over: nothing waits any more
        self.current: Optional[Packet] = None  # the packet being read
        self.shown = 0  # stream offset behind the last byte of it that was shown
        self.queue: List[_Queued] = []  # what waits: ascending, disjoint
        self.queued = 0  # bytes in it
        self.cost = 0  # of them, for Bounds
        self.begins = -1  # dump offset of the payload in the packet read last; -1: none was read
        self.printed = b""  # the summary line of the first packet with payload
        self.number = 0  # and its sequence number, by its bytes
        self.noted = -1  # `Headless.epoch`, once that knows all that it wants to know of this direction
        self.recent: List[_Seen] = []  # bytes handed on last, for Bounds
        # The sequence number of `next` while nothing but that matters to the next packet: nothing waits, and nothing is to be said.
        # -1: not known, or there is more to it.
        self.expect = -1
        self.ack = -1  # last acknowledgement number of the other end
        self._mark = (-1, 0)  # end of an acknowledged gap, and `segments` when it was first known to be one
        self._holes: List[Tuple[int, int]] = []  # given up: what comes for them is late
        self._probe = -1  # stream offset of the byte sent last into a closed window
        self.floating = False  # `base` is from a summary line's number, which may be relative
        self._stray: Optional[Tuple[int, int]] = None  # behind a segment too far away: sequence number, its length

    def offset_of(self, seq: int) -> int:
        """Stream offset of a sequence number: of those 2^32 apart, the one that lies nearest to `next`."""
        return self.next + ((seq - (self.base or 0) - self.next + HALF) & MASK) - HALF

    # ---------------------------------------------------------------- headers in

    def begin(self, seq: int, packet: Packet) -> None:
        """Says that sequence number `seq` is stream offset 0."""
        self.base = seq
        self.expect = -1
        self.floating = packet.tcp is None and not self.whole
        if self.ack >= 0:
            self.acknowledge(self.ack)

    def acknowledge(self, number: int) -> None:
        """The other end has sent this acknowledgement number."""
        self.ack = number
        base = self.base
        if base is None:
            return
        end = self.next
        offset = end + ((number - base - end + HALF) & MASK) - HALF
        if self.acked < offset < end + FAR:
            self.acked = offset
            if self.queue:
                self._overdue(self._gap())

    def place(self, packet: Packet, plain: bool) -> None:
        """Finds the place of a packet's payload and FIN; sets `packet.offset`. `plain`: it has no SYN, FIN or RST."""
        self.current = packet
        base, seq = self.base, packet.seq
        if base is None or seq is None:
            return
        payload = packet.end - packet.start
        ahead = ((seq - base - self.next + HALF) & MASK) - HALF
        if not plain or self.floating or not -FAR < ahead < FAR:
            self._place(packet, payload)
            return
        offset = self.next + ahead
        if payload > 0:
            packet.offset = self.shown = offset
            self.segments += 1
            offset += payload
        else:
            offset -= 1  # the last one before it may have been a FIN
        if offset > self.high:
            self.high = offset

    def _place(self, packet: Packet, payload: int) -> None:
        """The same where it takes more than arithmetic."""
        assert packet.seq is not None
        self.expect = self.peer.expect = -1
        if "R" in packet.flags:
            return  # its payload is no stream data (RFC 9293 section 3.5.2)
        seq = (packet.seq + ("S" in packet.flags)) & MASK
        if self.floating and packet.tcp is not None:
            self.floating = False
            if payload > 0 and abs(self.offset_of(seq) - self.next) > 1 << 24:
                # The numbers so far were printed, relative ones: these bytes are taken as the next.
                self.begin((seq - self.next) & MASK, packet)
        offset = self.offset_of(seq)
        if abs(offset - self.next) >= FAR:
            if not payload:
                return
            if self._stray is None or seq != self._stray[0]:
                self._stray = ((seq + payload) & MASK, payload)
                self.events.append(Event("jump", self.side, packet.number, packet.start, -1, payload))
                return
            # A second segment follows the first: the stream itself is elsewhere.
            offset = max(self.next, self.high) + self._stray[1]
            self.base = (seq - offset) & MASK
        if payload > 0:
            packet.offset = self.shown = offset
            self.segments += 1
            self.high = max(self.high, offset + payload)
        if "F" in packet.flags:
            self.fin = offset + payload

    # ---------------------------------------------------------------- payload in

    def follow(self, number: int, ipid: Optional[int], data: bytes, at: int) -> None:
        """Hands on `data`, at dump offset `at` of a packet, as the next bytes of the stream."""
        start, length = self.next, len(data)
        self.shown = self.next = end = start + length
        if end > self.high:
            self.high = end
        if length == 1 and self.peer.window == 0:
            self._probe = start
        self.bounds.remember(self, (start, data, number, at, ipid), length)

    def add(self, packet: Packet, data: bytes, at: int) -> List[Delivery]:
        """Takes payload bytes of a packet that was placed: `data` stands at its dump offset `at`."""
        start = self.next
        self.expect = -1
        if packet.payload == 1 and self.fin is not None and packet.offset == self.fin:
            # Whose FIN waits for an answer asks with the number that it took (RFC 9293 section 3.8.4).
            packet.captured += len(data)
            if self.high == packet.offset + 1:
                self.high -= 1
            self.events.append(Event("keep-alive", self.side, packet.number, at, packet.offset, 1))
            return []
        if data and not self.queue and packet.offset is not None and packet.offset + at - packet.start == start:
            packet.captured += len(data)
            self._past(packet, start, start + len(data), at)
            self.follow(packet.number, packet.ipid, data, at)
            return [Delivery(self.side, start, data, len(data), packet, at)]
        out: List[Delivery] = []
        self.peer.expect = -1
        if data:
            if self.fin is not None and not packet.captured and packet.offset == start + 1 and start >= self.fin:
                # The number between is the FIN's, and no byte.
                packet.offset = self.shown = start
                if self.high == start + 1 + packet.payload:
                    self.high -= 1
            packet.captured += len(data)
            if self._first(packet, data, at) and packet.offset is not None:
                self._take(packet, packet.offset + at - packet.start, data, at)
        if self.queue:
            self._settle(out, packet)
        return out

    def close(self, packet: Packet) -> List[Delivery]:
        """No more of the packet will be shown: what it did not show of its payload is a certain hole.

        A packet known by its summary line alone leaves none: its bytes may still come.
        """
        out: List[Delivery] = []
        if packet is self.current:
            self.current = None
            self.expect = self.peer.expect = -1
            if packet.captured < packet.end - packet.start:
                if not packet.data and not packet.captured:
                    self.bare_bytes += packet.payload
                elif packet.offset is not None:
                    self._hide(packet, self.shown, packet.offset + packet.payload)
                    self._settle(out, packet)
        return out

    def lacks(self) -> Tuple[int, int]:
        """How many bytes lie in gaps, and how many are those of packets that are there but do not show them."""
        gaps, bare = self.gap_bytes, self.bare_bytes
        if not bare:
            return gaps, self.snapped_bytes
        if self.base is not None:
            bare = min(bare, gaps)
        return max(gaps - bare, 0), self.snapped_bytes + bare

    def finish(self) -> List[Delivery]:
        """The connection is over: all that waits, gaps given up. Nothing will wait from now on."""
        out: List[Delivery] = []
        self.ended = True
        self.expect = -1
        if self.fin is None and self.acked - 1 > self.high:
            self.high = self.acked - 1  # the last number may be that of a FIN; what comes before it are bytes that the trace lacks
        self._settle(out, None)
        return out

    def _first(self, packet: Packet, data: bytes, at: int) -> bool:
        """Whether bytes have a place; the first ones of a direction without SYN make it stream offset 0."""
        if packet.offset is not None:
            return True
        if self.base is not None or packet.seq is None or "R" in packet.flags:
            return False
        if data == b"\0" and packet.payload == 1 and packet.flags == "A":
            # A keep-alive probe repeats a byte that was sent before, often as zero.
            self.events.append(Event("keep-alive", self.side, packet.number, at, -1, 1))
            return False
        self.begin((packet.seq + at - packet.start) & MASK, packet)
        # What the packet has before its first byte shown lies before the stream as it is known.
        packet.offset = packet.start - at
        self.segments += 1
        if "F" in packet.flags:
            self.fin = packet.offset + packet.payload
        return True

    def _take(self, packet: Packet, start: int, data: bytes, at: int) -> None:
        """Puts bytes at stream offset `start` where they belong; tells of those that came before."""
        end = start + len(data)
        if packet is self.current:
            if start > self.shown:
                # Left out: inside a packet, nothing comes later that stands earlier.
                self._hide(packet, self.shown, start)
            self.shown = max(self.shown, end)
        waits = self.queue[-1] if packet.payload == 1 and self.queue else None
        if waits is not None and waits[2] and start == self.high - 1 == waits[1] - 1:
            # A keep-alive probe, whose byte is none of the stream's: what was sent before waits behind a hole.
            self.events.append(Event("keep-alive", self.side, packet.number, at, start, 1))
            return
        self.high = max(self.high, end)
        if start < self.next:
            old = min(end, self.next)
            self._again(packet, start, data[: old - start], at, end > old)
            data, at, start = data[old - start :], at + old - start, old
        if data:
            self._past(packet, start, end, at)
            self._order(packet, start, end, at)
            self._queue(start, end, data, packet, at)

    def _few_holes(self) -> None:
        """Forgets the first holes where there are very many."""
        if len(self._holes) > 2 * SEGMENTS:
            del self._holes[:SEGMENTS]

    def _past(self, packet: Packet, start: int, end: int, at: int) -> None:
        """Tells of new bytes behind the FIN, if they are the first."""
        fin = self.fin
        if fin is not None and self.next <= fin < end:
            low = max(start, fin)
            self.events.append(Event("past", self.side, packet.number, at + low - start, low, end - low))

    def _hide(self, packet: Packet, start: int, end: int) -> None:
        """A certain hole: `packet` has `[start, end)` of the stream and does not show it."""
        start = max(start, self.next)
        if start < end and packet.offset is not None:
            self.high = max(self.high, end)
            self._queue(start, end, None, packet, packet.start + start - packet.offset)

    def _queue(self, start: int, end: int, data: Optional[bytes], packet: Packet, at: int) -> None:
        """Puts `[start, end)` among what waits: bytes displace certain holes, otherwise the first stay."""
        queue = self.queue
        if not queue or queue[-1][1] <= start:
            queue.append((start, end, data, packet, at))
            self.queued += len(data or b"")
            return
        first = bisect_left(queue, (start,))
        if first and queue[first - 1][1] > start:
            first -= 1
        last, pos = first, start
        mixed: List[_Queued] = []

        def put(low: int, high: int) -> None:
            if low < high:
                part = data and data[low - start : high - start]
                self.queued += len(part or b"")
                mixed.append((low, high, part, packet, at + low - start))

        while last < len(queue) and queue[last][0] < end:
            entry = queue[last]
            low, high, there, other, place = entry
            put(pos, low)
            left, right = max(pos, low), min(end, high)
            if data and not there:
                if low < left:
                    mixed.append((low, left, None, other, place))
                put(left, right)
                if right < high:
                    mixed.append((right, high, None, other, place + right - low))
            else:
                mixed.append(entry)
                if data and there:
                    again = data[left - start : right - start]
                    seen = (low, there, other.number, place, other.ipid)
                    self._compare(packet, left, again, at + left - start, seen, len(again) < len(data))
            pos = right
            last += 1
        put(pos, end)
        queue[first:last] = mixed

    # ---------------------------------------------------------------- bytes out

    def _settle(self, out: List[Delivery], packet: Optional[Packet]) -> None:
        """Hands on what waits no longer, while `packet` is being read."""
        if self.ended:
            self._release(out, packet)
        else:
            self._drain(out, packet)
            while self.queue and self._give_up(out):
                self._drain(out, packet)
        self.bounds.account(self)

    def _drain(self, out: List[Delivery], packet: Optional[Packet]) -> None:
        """Hands on what begins where the last byte handed on ended."""
        queue = self.queue
        count = 0
        for start, end, data, other, at in queue:
            if start > self.next:
                break
            if data is None and (queue[count + 1][0] if count + 1 < len(queue) else self.fin) != end:
                break
            self._deliver(out, start, end, data, other, at, other is not packet)
            count += 1
        del queue[:count]

    def _gap(self) -> int:
        """Where the first gap ends that holds up what waits; -1 where nothing waits behind one."""
        queue = self.queue
        first = 1 if queue and queue[0][0] == self.next else 0  # a certain hole stands before the gap
        return queue[first][0] if first < len(queue) else -1

    def _overdue(self, end: int) -> bool:
        """Was the gap that ends at `end` acknowledged, and did enough segments come since that was known?"""
        if not 0 <= end <= self.acked:
            return False
        if self._mark[0] != end:
            self._mark = (end, self.segments)
        return self.segments - self._mark[1] >= PATIENCE

    def _give_up(self, out: List[Delivery]) -> bool:
        """Gives up the first gap, with the certain hole before it, if its time has come."""
        end = self._gap()
        if end < 0 or not self._overdue(end) and self.queued < BYTES and len(self.queue) < SEGMENTS:
            return False
        if self.queue[0][0] == self.next:
            start, stop, data, other, at = self.queue.pop(0)
            self._deliver(out, start, stop, data, other, at)
        self._deliver(out, self.next, end)
        return True

    def _release(self, out: List[Delivery], packet: Optional[Packet]) -> None:
        """Gives up everything: all gaps, and what is known to exist behind the last byte."""
        for start, end, data, other, at in self.queue:
            if start > self.next:
                self._deliver(out, self.next, start)
            self._deliver(out, start, end, data, other, at, other is not packet)
        self.queue.clear()
        end = max(self.high, self.fin or 0)
        if self.base is not None and end > self.next:
            self._deliver(out, self.next, end)

    def _deliver(
        self, out: List[Delivery], start: int, end: int,
        data: Optional[bytes] = None, packet: Optional[Packet] = None, at: int = 0, late: bool = True,
    ) -> None:  # fmt: skip
        out.append(Delivery(self.side, start, data, end - start, packet, at, late))
        self.next = end
        if data is None:
            merge(self._holes, start, end)
            self._few_holes()
            if packet is None:
                self.gaps += 1
                if self.gap_at < 0:
                    self.gap_at = start
                self.gap_bytes += end - start
            else:
                self.snapped_bytes += end - start
        elif packet is not None:
            self.queued -= end - start
            self.bounds.remember(self, (start, data, packet.number, at, packet.ipid), end - start)

    # ---------------------------------------------------------------- words about segments

    def _order(self, packet: Packet, start: int, end: int, at: int) -> None:
        """Tells of a segment that stands before one which waits: was it sent earlier, or sent again?"""
        queue = self.queue
        i = bisect_left(queue, (start,))
        if i == len(queue) or i and queue[i - 1][1] > start or queue[i][0] < end and queue[i][2] is None:
            return  # nothing behind it; or its bytes are there, or known to lie in a packet seen before
        later = next((entry[3] for entry in queue[i:] if entry[3] is not packet), None)
        if later is None:
            return
        ids = UNKNOWN
        if packet.ipid and later.ipid:
            ahead = (packet.ipid - later.ipid) & 0xFFFF
            ids = UNKNOWN if not ahead else LATER if ahead < 0x8000 else EARLIER
        kind = "retransmission" if ids == LATER else "out-of-order"
        self.resent += ids == LATER
        self.events.append(Event(kind, self.side, packet.number, at, start, end - start, ids=ids))

    def _again(self, packet: Packet, start: int, data: bytes, at: int, more: bool) -> None:
        """Tells of bytes that lie before `next`: handed on before, or too late. `more`: new ones follow."""
        end = start + len(data)
        if packet.payload == 1 and start == self.next - 1:
            self.events.append(Event("keep-alive", self.side, packet.number, at, start, 1))
            return
        if start == self._probe == end - 1:
            return  # the byte had been sent into a closed window, as a question
        held = remove(self._holes, start, end)
        self._few_holes()
        if start < 0 or held:
            self.late_bytes += held
            self.events.append(Event("late", self.side, packet.number, at, start, len(data)))
            return
        recent = self.recent
        i = max(bisect_left(recent, (start + 1,)) - 1, 0)
        first: Optional[_Seen] = None
        while i < len(recent) and recent[i][0] < end:
            seen = recent[i]
            left, right = max(start, seen[0]), min(end, seen[0] + len(seen[1]))
            if left < right:
                first = first or seen
                again = data[left - start : right - start]
                if again != seen[1][left - seen[0] : right - seen[0]]:
                    self._compare(packet, left, again, at + left - start, seen, more)
                    return
            i += 1
        if first is not None and first[0] > start:
            first = None  # the packet that began them is forgotten
        self._sent_again(packet, start, len(data), at, first, more)

    def _sent_again(self, packet: Packet, start: int, length: int, at: int, first: Optional[_Seen], more: bool) -> None:
        kind = "overlap" if more else "retransmission"
        if first is None:
            self.resent += 1
            self.events.append(Event(kind, self.side, packet.number, at, start, length))
            return
        twice = packet.ipid and packet.ipid == first[4] and start == first[0] and length == len(first[1])
        ids = SAME if twice else UNKNOWN
        self.resent += not twice
        first_at = first[3] + start - first[0]
        self.events.append(Event(kind, self.side, packet.number, at, start, length, first[2], first_at, ids))

    def _compare(self, packet: Packet, start: int, data: bytes, at: int, seen: _Seen, more: bool) -> None:
        """Tells of bytes that came again, all of them inside `seen`."""
        was = seen[1][start - seen[0] : start - seen[0] + len(data)]
        if data == was:
            self._sent_again(packet, start, len(data), at, seen, more)
            return
        # In the integer that the two differ by, the first and the last difference are the ends.
        bits = int.from_bytes(data, "big") ^ int.from_bytes(was, "big")
        low = len(data) - (bits.bit_length() + 7) // 8
        high = len(data) - ((bits & -bits).bit_length() - 1) // 8
        shown = min(high, low + _DIFFERENCE)
        self.events.append(Event(
            "differs", self.side, packet.number, at + low, start + low, high - low,
            seen[2], seen[3] + start - seen[0] + low, UNKNOWN, was[low:shown], data[low:shown],
        ))  # fmt: skip
