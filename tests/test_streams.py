"""streams, stitch, spans: the same stream whatever the order, the cuts and the repetitions of its segments."""

from __future__ import annotations

import gc
import random
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hexnote.model import Delivery, Packet
from hexnote.spans import Hole, Patchy, Pieces, merge, remove
from hexnote.stitch import BYTES, SEGMENTS, Event
from hexnote.streams import Flow, Flows, Stream

START = 52  # dump offset of every payload here
CLIENT, SERVER = (b"\x0a\0\0\1\xc3\x50", b"\x0a\0\0\2\x01\xbb"), (b"\x0a\0\0\2\x01\xbb", b"\x0a\0\0\1\xc3\x50")
M = 0xFFFFFFFF


class Trace:
    """Packets in, deliveries out, as the pipeline does it."""

    def __init__(self, flows: Optional[Flows] = None) -> None:
        self.flows = flows or Flows()
        self.count = 0
        self.out: List[Delivery] = []
        self.events: List[Event] = []
        self.ended: List[Flow] = []
        self.again: List[Flow] = []  # forgotten, of which packets came after they had ended
        self.flow: Optional[Flow] = None

    def packet(
        self, key: Tuple[bytes, bytes], flags: str, seq: int, data: bytes = b"", ack: Optional[int] = None,
        shown: Optional[Iterable[Tuple[int, int]]] = None, ipid: Optional[int] = None, bare: bool = False,
        window: int = 9,
    ) -> Packet:  # fmt: skip
        """One packet. `shown`: ranges of the payload that are shown; `bare`: a summary line alone."""
        self.count += 1
        made = Packet(self.count, self.count)
        made.key, made.flags, made.seq, made.ack = key, flags, seq & M, None if ack is None else ack & M
        made.sport, made.dport = (int.from_bytes(end[-2:], "big") for end in key)
        made.src, made.dst = (".".join(map(str, end[:4])) for end in key)
        made.start, made.end, made.ipid, made.window = START, START + len(data), ipid, window
        if not bare:
            made.tcp, made.data = 32, bytes(START)
        self.flow = flow = self.flows.add(made)
        got: List[Delivery] = []
        for low, high in [] if bare else [(0, len(data))] if shown is None else shown:
            got += flow.add(made, data[low:high], START + low)
        if bare:
            got += flow.add(made, b"", START)
        assert all(not d.late for d in got if d.packet is made)
        got += flow.close_packet(made)
        self.take(flow, got)
        self.over(self.flows.evicted())
        return made

    def take(self, flow: Flow, deliveries: List[Delivery]) -> None:
        self.out += deliveries
        events, flow.events = flow.events, []
        self.events += events

    def finish(self) -> None:
        self.over(self.flows.finish())

    def over(self, flows: Iterator[Tuple[Flow, Optional[List[Delivery]]]]) -> None:
        for flow, rest in flows:
            if rest is not None:
                self.take(flow, rest)
            (self.ended if rest is not None else self.again).append(flow)

    def kinds(self) -> List[str]:
        return [event.kind for event in self.events]

    def told(self, side: int = 0) -> List[Tuple[int, Optional[bytes], int]]:
        """The deliveries of a side, neighbours joined; checks that they follow each other."""
        told: List[Tuple[int, Optional[bytes], int]] = []
        for d in self.out:
            if d.side != side:
                continue
            assert d.length > 0 and (d.data is None or len(d.data) == d.length)
            if told:
                offset, data, length = told[-1]
                assert offset + length == d.offset
                if (data is None) == (d.data is None):
                    told[-1] = (offset, None if data is None or d.data is None else data + d.data, length + d.length)
                    continue
            told.append((d.offset, d.data, d.length))
        return told


def opened(isn: int = 1000) -> Trace:
    trace = Trace()
    trace.packet(CLIENT, "S", isn)
    trace.packet(SERVER, "SA", 5000, ack=isn + 1)
    return trace


TEXT = bytes(random.Random(1).randrange(256) for _ in range(600))


def segments(draw: st.DrawFn, size: int) -> List[Tuple[int, int]]:
    """A stream of `size` bytes cut up, shuffled, with doubles, overlaps and other cuts between."""
    cuts = sorted(set(draw(st.lists(st.integers(1, size - 1), max_size=12))) | {0, size})
    made = list(zip(cuts, cuts[1:]))
    extra = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(1, 60)), max_size=8))
    made += [(low, min(low + length, size)) for low, length in extra]
    return list(draw(st.permutations(made)))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_order_cuts_and_repetitions_do_not_matter(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, len(TEXT)))
    isn = data.draw(st.one_of(st.integers(0, M), st.integers(M - size - 2, M)))
    trace = opened(isn)
    parts = segments(data.draw, size)
    for low, high in parts:
        packet = trace.packet(CLIENT, "PA", isn + 1 + low, TEXT[low:high], 5001)
        assert packet.offset == low and packet.captured == high - low
    assert trace.told() == [(0, TEXT[:size], size)]
    for d in trace.out:
        assert d.packet is not None and d.data == TEXT[d.offset : d.offset + d.length]
        assert d.at - START == d.offset - (d.packet.offset or 0)
    assert set(trace.kinds()) <= {"retransmission", "overlap", "out-of-order", "keep-alive"}
    count = len(trace.out)
    trace.finish()
    assert len(trace.out) == count


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_bytes_are_invented_or_lost(data: st.DataObject) -> None:
    """Some segments are missing, some cut or with rows left out, some summary lines alone."""
    size = data.draw(st.integers(2, len(TEXT)))
    trace = opened(M - 100)
    seen = bytearray(size)
    certain = False
    for low, high in segments(data.draw, size):
        kind = data.draw(st.integers(0, 5))
        if kind == 0:
            continue
        cut = data.draw(st.integers(0, high - low))
        ranges = [[(0, high - low)], [(0, high - low)], [(0, cut)], [(cut, high - low)], []][kind - 1]
        trace.packet(CLIENT, "A", M - 99 + low, TEXT[low:high], 5001, shown=ranges, bare=kind == 5)
        certain |= kind in (3, 4)
        for start, end in ranges:
            seen[low + start : low + end] = b"\1" * (end - start)
    trace.finish()
    told = trace.told()
    for offset, got, length in told:
        if got is None:
            assert certain or not any(seen[offset : offset + length])
        else:
            assert got == TEXT[offset : offset + length]
            assert all(seen[offset : offset + length])
    if told:
        assert told[0][0] == 0
    stream = trace.ended[0].streams[0]
    assert stream.gap_bytes + stream.snapped_bytes == sum(length for _, got, length in told if got is None)
    assert stream.queue == [] and stream.queued == 0 and trace.flows._bounds._held == 0
    late = any(kind == "late" for kind in trace.kinds())
    assert certain or sum(seen) == sum(length for _, got, length in told if got is not None)
    assert certain or not late


@pytest.mark.parametrize("place", range(0, 40))
def test_sequence_numbers_wrap_anywhere(place: int) -> None:
    trace = opened(M - place)
    order = [(0, 10), (20, 30), (10, 20), (30, 40)]
    for low, high in order:
        trace.packet(CLIENT, "PA", M - place + 1 + low, TEXT[low:high], 5001)
    assert trace.told() == [(0, TEXT[:40], 40)]
    assert trace.kinds() == ["out-of-order"]


def test_bytes_behind_a_gap_come_late_and_in_order() -> None:
    trace = opened()
    first = trace.packet(CLIENT, "A", 1011, TEXT[10:20], 5001)
    assert trace.out == []
    second = trace.packet(CLIENT, "A", 1001, TEXT[:10], 5001)
    assert [(d.packet, d.at, d.late) for d in trace.out] == [(second, START, False), (first, START, True)]


def test_ip_ids_tell_reordering_from_loss() -> None:
    for ipid, ids in ((6, 2), (9, 3), (7, 0), (None, 0)):
        kind = "retransmission" if ids == 3 else "out-of-order"
        trace = opened()
        trace.packet(CLIENT, "A", 1011, TEXT[10:20], 5001, ipid=7)
        trace.packet(CLIENT, "A", 1001, TEXT[:10], 5001, ipid=ipid)
        assert [(e.kind, e.ids, e.offset, e.length) for e in trace.events] == [(kind, ids, 0, 10)]


def test_what_is_sent_again_is_named() -> None:
    trace = opened()
    trace.packet(CLIENT, "A", 1001, TEXT[:20], 5001, ipid=7)
    trace.packet(CLIENT, "A", 1001, TEXT[:20], 5001, ipid=7)
    trace.packet(CLIENT, "A", 1001, TEXT[:20], 5001, ipid=8)
    trace.packet(CLIENT, "A", 1011, TEXT[10:30], 5001, ipid=9)
    other = bytes(b ^ (0x80 if 3 <= i < 6 else 0) for i, b in enumerate(TEXT[:20]))
    trace.packet(CLIENT, "A", 1001, other, 5001, ipid=10)
    told = [(e.kind, e.packet, e.at, e.offset, e.length, e.first, e.first_at, e.ids) for e in trace.events]
    assert told == [
        ("retransmission", 4, START, 0, 20, 3, START, 1),
        ("retransmission", 5, START, 0, 20, 3, START, 0),
        ("overlap", 6, START, 10, 10, 3, START + 10, 0),
        ("differs", 7, START + 3, 3, 3, 3, START + 3, 0),
    ]
    assert (trace.events[-1].was, trace.events[-1].now) == (TEXT[3:6], other[3:6])
    assert trace.told() == [(0, TEXT[:30], 30)]


@pytest.mark.parametrize("ipid", [None, 0])
def test_without_an_ip_id_nothing_is_the_same_packet(ipid: Optional[int]) -> None:
    trace = opened()
    for _ in range(2):
        trace.packet(CLIENT, "A", 1001, TEXT[:20], 5001, ipid=ipid)
    assert [(e.kind, e.first, e.ids) for e in trace.events] == [("retransmission", 3, 0)]


def test_the_first_copy_stays_while_it_waits() -> None:
    trace = opened()
    trace.packet(CLIENT, "A", 1011, b"x" * 10, 5001)
    trace.packet(CLIENT, "A", 1009, b"y" * 14, 5001)
    trace.packet(CLIENT, "A", 1001, b"z" * 8, 5001)
    assert trace.told() == [(0, b"z" * 8 + b"yy" + b"x" * 10 + b"yy", 22)]
    assert trace.kinds() == ["out-of-order", "differs", "out-of-order"]


def test_keep_alives_and_window_probes_are_no_retransmissions() -> None:
    trace = opened()
    trace.packet(CLIENT, "A", 1001, TEXT[:20], 5001)
    trace.packet(CLIENT, "A", 1020, b"", 5001)
    trace.packet(CLIENT, "A", 1020, b"\0", 5001)
    trace.packet(SERVER, "A", 5001, ack=1021, window=0)
    trace.packet(CLIENT, "A", 1021, TEXT[20:21], 5001)
    trace.packet(CLIENT, "A", 1021, TEXT[20:21], 5001)
    trace.packet(CLIENT, "A", 1021, TEXT[20:40], 5001)
    assert trace.kinds() == ["keep-alive", "keep-alive"]
    assert trace.told() == [(0, TEXT[:40], 40)]
    # Before anything else of its direction was seen, a probe does not say where the stream begins.
    trace = Trace()
    packet = trace.packet(CLIENT, "A", 999, b"\0", 5001)
    trace.packet(CLIENT, "PA", 1000, TEXT[:9], 5001)
    assert packet.offset is None and trace.told() == [(0, TEXT[:9], 9)]


def test_a_gap_is_given_up_two_segments_after_it_was_acknowledged() -> None:
    trace = opened()
    trace.packet(CLIENT, "A", 1011, TEXT[10:20], 5001)
    trace.packet(CLIENT, "A", 1021, TEXT[20:30], 5001)
    trace.packet(SERVER, "A", 5001, ack=1010)
    trace.packet(CLIENT, "A", 1031, TEXT[30:40], 5001)
    trace.packet(CLIENT, "A", 1041, TEXT[40:50], 5001)
    assert trace.out == []
    trace.packet(SERVER, "A", 5001, ack=1051)
    trace.packet(CLIENT, "A", 1051, TEXT[50:60], 5001)
    trace.packet(CLIENT, "A", 1061, b"", 5001)
    assert trace.out == []
    trace.packet(CLIENT, "A", 1061, TEXT[60:70], 5001)
    assert trace.told() == [(0, None, 10), (10, TEXT[10:70], 60)]
    assert [(d.data is None, d.packet is None) for d in trace.out[:2]] == [(True, True), (False, False)]
    late = trace.packet(CLIENT, "A", 1001, TEXT[:10], 5001)
    assert (trace.kinds(), late.offset, late.captured) == (["late"], 0, 10)
    assert trace.told() == [(0, None, 10), (10, TEXT[10:70], 60)]


@pytest.mark.parametrize("place", range(0, 32, 3))
def test_acknowledgements_wrap_too(place: int) -> None:
    isn = M - place
    trace = opened(isn)
    trace.packet(CLIENT, "A", isn + 11, TEXT[10:20], 5001)
    trace.packet(SERVER, "A", 5001, ack=isn + 21)
    trace.packet(CLIENT, "A", isn + 21, TEXT[20:30], 5001)
    assert trace.out == []
    trace.packet(CLIENT, "FA", isn + 31, TEXT[30:40], 5001)
    assert trace.told() == [(0, None, 10), (10, TEXT[10:40], 30)]
    trace.packet(SERVER, "FA", 5001, ack=isn + 42)
    assert trace.ended == []
    trace.packet(CLIENT, "A", isn + 42, ack=5002)
    assert len(trace.ended) == 1 and trace.ended[0].streams[0].acked == 41


def test_a_gap_is_given_up_after_so_many_segments_or_bytes() -> None:
    trace = opened()
    for i in range(1, SEGMENTS):
        trace.packet(CLIENT, "A", 1001 + 10 * i, b"x" * 10)
        assert trace.out == []
    trace.packet(CLIENT, "A", 1001 + 10 * SEGMENTS, b"x" * 10)
    assert trace.told() == [(0, None, 10), (10, b"x" * 10 * SEGMENTS, 10 * SEGMENTS)]
    trace = opened()
    big = b"x" * 32768
    for i in range(BYTES // len(big)):
        assert trace.out == []
        trace.packet(CLIENT, "A", 1011 + len(big) * i, big)
    assert trace.told()[0] == (0, None, 10)
    assert trace.told()[1][2] == BYTES


def test_bytes_that_a_packet_does_not_show_are_given_up_at_once() -> None:
    trace = opened()
    cut = trace.packet(CLIENT, "A", 1001, TEXT[:20], 5001, shown=[(0, 5)])
    assert trace.told() == [(0, TEXT[:5], 5)]
    trace.packet(CLIENT, "A", 1021, TEXT[20:30], 5001)
    assert trace.told() == [(0, TEXT[:5], 5), (5, None, 15), (20, TEXT[20:30], 10)]
    assert (trace.out[1].packet, trace.out[1].at) == (cut, START + 5)
    # Rows left out in the middle: what follows them waits for nothing.
    trace.packet(CLIENT, "A", 1031, TEXT[30:60], 5001, shown=[(0, 4), (20, 30)])
    assert trace.told()[-3:] == [(20, TEXT[20:34], 14), (34, None, 16), (50, TEXT[50:60], 10)]
    assert trace.kinds() == []
    # A FIN is something that stands behind.
    trace.packet(CLIENT, "FA", 1061, TEXT[60:70], 5001, shown=[(0, 4)])
    assert trace.told()[-1] == (64, None, 6)
    trace = opened()
    trace.packet(CLIENT, "A", 1001, TEXT[:60], 5001, shown=[(0, 60)])
    # But a retransmission that shows them in time fills them.
    trace.packet(CLIENT, "A", 1061, TEXT[60:90], 5001, shown=[(0, 10)])
    trace.packet(CLIENT, "A", 1061, TEXT[60:90], 5001)
    assert trace.told() == [(0, TEXT[:90], 90)]


def test_a_summary_line_alone_leaves_an_ordinary_gap() -> None:
    trace = opened()
    trace.packet(CLIENT, "PA", 1001, TEXT[:10], 5001, bare=True)
    trace.packet(CLIENT, "PA", 1011, TEXT[10:20], 5001)
    assert trace.out == []
    trace.packet(CLIENT, "PA", 1001, TEXT[:10], 5001)
    assert trace.told() == [(0, TEXT[:20], 20)]
    trace.packet(CLIENT, "PA", 1021, TEXT[20:30], 5001, bare=True)
    trace.finish()
    assert trace.told() == [(0, TEXT[:20], 20), (20, None, 10)]


def test_rows_of_a_packet_may_come_behind_later_packets() -> None:
    trace = opened()
    early = trace.packet(CLIENT, "PA", 1001, TEXT[:10], 5001, bare=True)
    trace.packet(CLIENT, "PA", 1011, TEXT[10:20], 5001)
    assert trace.flow is not None
    trace.take(trace.flow, trace.flow.add(early, TEXT[:10], START))
    assert trace.told() == [(0, TEXT[:20], 20)]


def test_without_a_syn_the_first_byte_shown_is_offset_zero() -> None:
    trace = Trace()
    trace.packet(CLIENT, "A", 900, b"", 5001)
    hidden = trace.packet(CLIENT, "A", 950, TEXT[:50], 5001, shown=[])
    assert hidden.offset is None
    first = trace.packet(CLIENT, "A", 1000, TEXT[:10], 5001, shown=[(4, 10)])
    assert first.offset == -4
    assert trace.told() == [(0, TEXT[4:10], 6)]
    before = trace.packet(CLIENT, "A", 990, TEXT[:17], 5001)
    assert before.offset == -14 and trace.kinds() == ["late"]
    assert trace.told() == [(0, TEXT[4:10] + TEXT[14:17][3:], 6)]
    assert not trace.flows.find(CLIENT).streams[0].whole  # type: ignore[union-attr]


def test_a_fin_takes_a_number_and_no_byte() -> None:
    trace = opened()
    trace.packet(CLIENT, "PA", 1001, TEXT[:10], 5001)
    trace.packet(CLIENT, "FPA", 1011, TEXT[10:20], 5001)
    trace.packet(SERVER, "FA", 5001, b"", 1022)
    assert trace.ended == []
    trace.packet(CLIENT, "A", 1022, b"", 5002)
    assert [flow.connection.closed for flow in trace.ended] == ["closed by both ends"]
    assert trace.told() == [(0, TEXT[:20], 20)]
    # The FIN of the other direction came before its data: all is there in the end.
    trace = opened()
    trace.packet(SERVER, "FA", 5011, b"", 1001)
    trace.packet(SERVER, "PA", 5001, TEXT[:10], 1001)
    trace.finish()
    assert trace.told(1) == [(0, TEXT[:10], 10)]
    # Or not: the bytes before a FIN are known to exist.
    trace = opened()
    trace.packet(SERVER, "FA", 5011, b"", 1001)
    trace.finish()
    assert trace.told(1) == [(0, None, 10)]


def test_a_reset_ends_the_connection_and_its_payload_is_no_data() -> None:
    trace = opened()
    trace.packet(CLIENT, "PA", 1011, TEXT[10:20], 5001)
    packet = trace.packet(CLIENT, "R", 1021, b"go away")
    assert packet.offset is None
    assert [flow.connection.closed for flow in trace.ended] == ["reset by the client"]
    assert trace.told() == [(0, None, 10), (10, TEXT[10:20], 10)]
    trace.packet(CLIENT, "PA", 1031, TEXT[30:40], 5001)
    assert trace.told()[1:] == [(10, TEXT[10:20], 10), (20, None, 10), (30, TEXT[30:40], 10)]
    trace.finish()
    assert len(trace.ended) == 1 and trace.again == trace.ended
    # One that neither end would believe ends nothing.
    trace = opened()
    trace.packet(CLIENT, "PA", 1001, TEXT[:10], 5001)
    trace.packet(SERVER, "R", 5001 + (1 << 31))
    assert trace.ended == []


def test_data_in_the_syn_is_stream_data() -> None:
    trace = Trace()
    assert trace.packet(CLIENT, "S", 1000, TEXT[:10]).offset == 0
    trace.packet(CLIENT, "S", 1000, TEXT[:10])
    trace.packet(CLIENT, "PA", 1011, TEXT[10:20], 5001)
    assert trace.told() == [(0, TEXT[:20], 20)]
    assert trace.kinds() == ["retransmission"]


def test_ports_used_again_are_another_connection() -> None:
    trace = opened()
    trace.packet(CLIENT, "PA", 1001, TEXT[:10], 5001)
    assert trace.packet(CLIENT, "S", 1000).stream == 0
    assert trace.packet(CLIENT, "S", 77000).stream == 1
    assert trace.packet(SERVER, "SA", 88000, ack=77001).stream == 1
    assert trace.packet(CLIENT, "PA", 77001, TEXT[:5], 88001).offset == 0
    assert [flow.connection.number for flow in trace.ended] == [0]
    # The same trace once more: the SYN is the same, but the connection was over.
    trace.packet(SERVER, "R", 88001)
    assert trace.packet(CLIENT, "S", 77000).stream == 2
    # Refused and tried again: that is one connection.
    trace = Trace()
    tried = ((CLIENT, "S", 5), (SERVER, "RA", 0), (CLIENT, "S", 5), (SERVER, "SA", 9))
    assert [trace.packet(*packet).stream for packet in tried] == [0] * 4
    # A SYN behind the first data of its connection.
    trace = Trace()
    trace.packet(CLIENT, "PA", 1001, TEXT[:10], 5001)
    assert trace.packet(CLIENT, "S", 1000).stream == 0


def test_a_number_far_away_is_not_followed_but_two_are() -> None:
    trace = opened()
    trace.packet(CLIENT, "PA", 1001, TEXT[:10], 5001)
    far = 1011 + (3 << 29)
    assert trace.packet(CLIENT, "PA", far, TEXT[10:20], 5001).offset is None
    trace.packet(CLIENT, "PA", 1011, TEXT[10:20], 5001)
    assert trace.kinds() == ["jump"] and trace.told() == [(0, TEXT[:20], 20)]
    trace.packet(CLIENT, "PA", far + 10, TEXT[20:30], 5001)
    trace.finish()
    assert trace.told() == [(0, TEXT[:20], 20), (20, None, 10), (30, TEXT[20:30], 10)]


def test_printed_numbers_give_way_to_real_ones() -> None:
    """A midstream paste: summary lines with relative numbers, then a packet with its bytes."""
    trace = Trace()
    assert trace.packet(CLIENT, "PA", 1, TEXT[:10], bare=True).offset is None
    shown = trace.packet(CLIENT, "PA", 11, TEXT[:10], shown=[])
    flow = trace.flow
    assert flow is not None
    shown.tcp = None
    flow.add(shown, TEXT[:10], START)
    assert flow.streams[0].next == 10
    assert trace.packet(CLIENT, "PA", 3000000000, TEXT[10:20], 5001).offset == 10


@pytest.mark.parametrize("flags,key,ends", [
    ("S", CLIENT, "client"), ("SA", CLIENT, "server"), ("A", CLIENT, "client"), ("A", SERVER, "server"),
])  # fmt: skip
def test_which_end_is_the_client(flags: str, key: Tuple[bytes, bytes], ends: str) -> None:
    trace = Trace()
    packet = trace.packet(key, flags, 1000)
    flow = trace.flows.find(key)
    assert flow is not None
    assert ("client", "server")[packet.side] == ends
    sender = f"{packet.src}:{packet.sport}"
    assert flow.connection.ends[packet.side] == sender
    assert flow.stream_of(key).side == packet.side
    assert trace.packet(key, "A", 1001).side == packet.side


def test_without_a_known_port_the_higher_one_is_the_client() -> None:
    for sport, dport, side in ((50000, 4433, 0), (4433, 50000, 1), (443, 993, 1)):
        key = (b"aaaa" + sport.to_bytes(2, "big"), b"bbbb" + dport.to_bytes(2, "big"))
        assert Trace().packet(key, "A", 1).side == side


def key_of(number: int) -> Tuple[bytes, bytes]:
    return (number.to_bytes(4, "big") + b"\xc3\x50", b"\x0a\0\0\2\x01\xbb")


def test_connections_are_bounded_and_each_is_told_once() -> None:
    trace = Trace(Flows(cap=16))
    for number in range(200):
        trace.packet(key_of(number), "A", 1000, TEXT[:10])
        trace.packet(key_of(number), "A", 1020, TEXT[20:30])
        assert len(trace.flows._table) <= 2 * 16
    assert trace.flows.find(key_of(199)) and not trace.flows.find(key_of(0))
    trace.finish()
    assert sorted(flow.connection.number for flow in trace.ended) == list(range(200))
    assert sum(d.length for d in trace.out if d.data is None) == 200 * 10
    assert trace.flows._bounds._held == 0


def test_a_connection_that_is_let_go_knows_why() -> None:
    """And one that ended by itself was not let go."""
    trace = Trace(Flows(cap=4))
    trace.packet(key_of(0), "R", 1000)
    for number in range(1, 8):
        trace.packet(key_of(number), "A", 1000, TEXT[:10])
    trace.packet(key_of(1), "A", 1010, TEXT[:10])
    trace.packet(key_of(9), "S", 1000)
    trace.finish()
    told = {flow.connection.number: (flow.connection.evicted, flow.connection.torn) for flow in trace.ended}
    many = "it remembers 4 at a time, and this one is among those idle for longest"
    assert told[0] == ("", False)
    assert [told[number] for number in (1, 2, 3)] == [(many, False)] * 3
    assert told[8] == ("", True), "the packet of connection 1 that came when it was gone"
    assert told[9] == ("", False), "a SYN begins a connection whatever went before"

    heavy = Trace(Flows(waiting=100_000))
    for number in range(64):
        heavy.packet(key_of(number), "A", 1000, TEXT[:10])
        heavy.packet(key_of(number), "A", 9000, bytes(2000))
    first = heavy.ended[0].connection
    assert first.number == 0 and "wait behind gaps" in first.evicted


def test_those_that_ended_are_forgotten_first() -> None:
    trace = Trace(Flows(cap=16))
    for number in range(15):
        trace.packet(key_of(number), "A", 1000, TEXT[:10])
    for number in range(100, 150):
        trace.packet(key_of(number), "R", 1000)
    assert all(trace.flows.find(key_of(number)) for number in range(13))


def test_what_waits_and_what_is_remembered_is_bounded() -> None:
    trace = Trace(Flows(waiting=100_000, recent=50_000))
    for number in range(300):
        trace.packet(key_of(number), "S", 1000)
        trace.packet(key_of(number), "A", 1001, bytes(500))
        trace.packet(key_of(number), "A", 2001, bytes(500))
        bounds = trace.flows._bounds
        assert bounds.overdue == [] and bounds._held <= 100_000 and bounds.size <= 25_000
        kept = {stream: None for stream in bounds._older + bounds.fresh}
        assert sum(len(seen[1]) + 256 for stream in kept for seen in stream.recent) <= 50_000 + 500 + 256
        assert sum(len(stream.recent) for stream in kept) == len(bounds._older) + len(bounds.fresh)
    assert len(trace.ended) > 200


def test_hostile_shapes_keep_the_queue_short() -> None:
    trace = opened()
    flow = trace.flows.find(CLIENT)
    assert flow is not None
    for i in range(3000):
        trace.packet(CLIENT, "A", 1001 + 2 * (i ^ 7), b"x")  # every other byte is missing
        trace.packet(CLIENT, "A", 1001 + 2 * i, bytes(1 + i % 50), shown=[(i % 3, 1 + i % 3)])
        assert len(flow.streams[0].queue) <= SEGMENTS and len(flow.streams[0]._holes) <= 2 * SEGMENTS
    trace.finish()
    trace.told()


@settings(max_examples=200, deadline=None)
@given(st.lists(
    st.tuples(
        st.booleans(), st.sampled_from(["A", "PA", "FA", "S", "SA", "R", "RA", "SF", "", "FSRPAUEC"]),
        st.one_of(st.integers(990, 1060), st.integers(0, M)), st.integers(0, 40),
        st.one_of(st.none(), st.integers(990, 1060), st.integers(0, M)), st.integers(0, 3), st.integers(0, 40),
    ), max_size=40,
))  # fmt: skip
def test_no_packets_give_an_exception(packets: List[Tuple[bool, str, int, int, Optional[int], int, int]]) -> None:
    trace = Trace()
    for client, flags, seq, size, ack, kind, cut in packets:
        cut = min(cut, size)
        shown = [[(0, size)], [(0, cut)], [(cut, size)], [(cut, size), (0, cut)]][kind]
        trace.packet(CLIENT if client else SERVER, flags, seq, bytes(size), ack, shown=shown, ipid=seq & 3)
    trace.finish()
    assert all(d.length > 0 for d in trace.out)
    for flow in trace.ended:
        for stream in flow.streams:
            assert stream.queue == [] and stream.queued == 0 and stream.current is None
    assert trace.flows._bounds._held == 0
    numbers = [flow.connection.number for flow in trace.ended]
    assert len(numbers) == len(set(numbers)) == trace.flows.new_number()


# ------------------------------------------------------------------ spans

SHOWN = st.binary(max_size=6).map(lambda data: (data, len(data)))
HIDDEN = st.integers(0, 6).map(lambda size: (None, size))
PARTS = st.lists(st.one_of(SHOWN, HIDDEN), max_size=8)
ADD = st.tuples(st.integers(-20, 60), st.integers(-1, 15), st.integers(1, 3), st.integers(0, 50))


@settings(max_examples=300)
@given(PARTS, st.integers(-30, 60), st.integers(-30, 60))
def test_a_patchy_buffer_is_bytes_with_holes(parts: List[Tuple[Optional[bytes], int]], low: int, high: int) -> None:
    model: List[Optional[int]] = []
    for data, size in parts:
        model += [None] * size if data is None else list(data)
    patchy = Patchy(parts)
    assert len(patchy) == len(model)
    wanted = model[low:high]
    try:
        assert patchy[low:high] == bytes(b for b in wanted if b is not None)
        assert None not in wanted
    except Hole as hole:
        assert hole.offset == slice(low, high).indices(len(model))[0] + wanted.index(None)
    try:
        value = patchy[low]
        assert value == model[low]
    except Hole as hole:
        assert hole.offset == low % len(model) and model[low] is None
    except IndexError:
        assert not -len(model) <= low < len(model)
    low, high = sorted((abs(low), abs(high)))
    there = [i for i in range(low, high) if i < len(model) and model[i] is not None]
    assert patchy.known(low, high) == (len(there) == high - low)
    assert [i for a, b in patchy.shown(low, high) for i in range(a, b)] == there
    assert all(b < c for (_, b), (c, _) in zip(patchy.shown(low, high), patchy.shown(low, high)[1:]))
    assert patchy.missing(low, high) == high - low - len(there)
    cells = [f"{model[i]:02x}" if i in there else ".." for i in range(low, high)]
    assert patchy.hex(low, high) == "".join(cells)


def test_a_hole_costs_no_memory() -> None:
    patchy = Patchy([(b"ab", 2), (None, 1 << 40), (b"cd", 2)])
    assert patchy[(1 << 40) + 2] == ord("c")
    assert not patchy.known(1, 3)


@settings(max_examples=300)
@given(st.lists(ADD, max_size=12), st.integers(-25, 70), st.integers(0, 30))
def test_pieces_know_where_bytes_came_from(adds: List[Tuple[int, int, int, int]], start: int, length: int) -> None:
    pieces = Pieces()
    model: Dict[int, Tuple[int, int]] = {}
    for offset, size, packet, dump in adds:
        pieces.add(offset, size, packet, dump)
        for i in range(size):
            model.setdefault(offset + i, (packet, dump + i))
    found = pieces.find(start, start + length)
    if length:
        places = [(packet, at) for packet, low, high in found for at in range(low, high)]
        assert places == [model[i] for i in range(start, start + length) if i in model]
        assert all(a[0] != b[0] or a[2] != b[1] for a, b in zip(found, found[1:]))
    elif found:
        assert len(found) == 1 and found[0][1] == found[0][2]


def test_pieces_are_bounded_and_merge() -> None:
    pieces = Pieces(limit=100)
    for i in range(10_000):
        pieces.add(i, 1, 1, 52 + i)
    assert len(pieces) == 1 and pieces.find(5, 9) == [(1, 57, 61)]
    for i in range(10_000):
        pieces.add(20_000 + 2 * i, 1, i, 52)
        assert len(pieces) <= 100
    assert pieces.find(39_998, 39_999) == [(9999, 52, 53)]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=20))
def test_merged_ranges_are_a_set(adds: List[Tuple[int, int]]) -> None:
    ranges: List[Tuple[int, int]] = []
    model = set()
    for start, length in adds:
        merge(ranges, start, start + length)
        model |= set(range(start, start + length))
    assert {i for low, high in ranges for i in range(low, high)} == model
    assert all(low < high for low, high in ranges)
    assert all(high < low for (_, high), (low, _) in zip(ranges, ranges[1:]))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50), st.integers(0, 9)), max_size=20))
def test_what_is_cut_out_of_ranges_is_counted(steps: List[Tuple[bool, int, int]]) -> None:
    ranges: List[Tuple[int, int]] = []
    model = set()
    for adds, start, length in steps:
        span = set(range(start, start + length))
        if adds:
            merge(ranges, start, start + length)
            model |= span
        elif length:
            assert remove(ranges, start, start + length) == len(model & span)
            model -= span
        assert {i for low, high in ranges for i in range(low, high)} == model
        assert ranges == sorted(ranges) and all(low < high for low, high in ranges)


def test_connections_that_are_let_go_leave_no_circles() -> None:
    """They go at once: whoever looks for circles does so rarely, and a long trace has many connections."""
    flows = Flows(cap=8)
    trace = Trace(flows)

    def more(count: int) -> None:
        for number in range(count):
            port = (1024 + number).to_bytes(2, "big")
            trace.packet((CLIENT[0][:4] + port, SERVER[0]), "S", number)
            trace.ended.clear()

    more(100)
    gc.collect()
    gc.disable()
    try:
        more(1000)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [each for each in gc.garbage if isinstance(each, Stream)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not left
