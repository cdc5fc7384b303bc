"""What the rooms stumble over, as findings: segments sent again or missing, bytes that break a format."""

from __future__ import annotations

from hexnote.hints import Any, List, Tuple
from hexnote.model import GUESSES, SIDES, Connection, Finding, Packet, Part

# Problems of one direction that are remembered, so that each is told once.
_MOST = 512


def from_part(part: Part, connection: Connection) -> List[Finding]:
    """Bytes that break the format (RFC 8446 section 6: decode_error): one finding each, told once."""
    reader: Any = connection.readers[part.side]
    told = reader.told
    if told is None:
        told = reader.told = set()
    out: List[Finding] = []
    base = part.message.offset if part.message is not None else part.base
    places = part.places if part.buffer else reader.places
    for start, end, sentence in part.problems:
        key = (base, start, part.buffer + sentence)
        if key in told or len(told) > _MOST:
            continue
        told.add(key)
        lo, hi = _stream(part, start), _stream(part, max(end, start + 1))
        what = part.message.name if part.message is not None else "record"
        at = tuple(places.find(lo, hi)) if places is not None else ()
        if not at and places is not None and part.message is not None and not part.buffer:
            at = tuple(places.find(_stream(part, 0), _stream(part, 4)))  # bytes that are not in the trace: its length counts them
        out.append(Finding(
            "malformed", "error", connection.number, SIDES[part.side], "proven", f"{what}: {sentence}",
            "a later copy of the same bytes that reads otherwise (see retransmission-differs, checksum)",
            f"look at what made the {SIDES[part.side]}'s message; the other end should answer decode_error (50)",
            at,
        ))
    return out


def _stream(part: Part, local: int) -> int:
    """Stream offset of a local one."""
    if part.pieces is None:
        return part.base + local
    for start, stream, size in part.pieces:
        if local < start + size:
            return stream + local - start
    last = part.pieces[-1]
    return last[1] + last[2]


def from_events(flow: Any, packet: Packet) -> List[Finding]:
    """What a packet's segment did to its stream; takes the events away."""
    events, flow.events = flow.events, []
    out: List[Finding] = []
    number = flow.connection.number
    for e in events:
        side = SIDES[e.side]
        at: Tuple[Tuple[int, int, int], ...] = ((e.packet, e.at, e.at + e.length),) if e.length else ()
        if e.first:
            at += ((e.first, e.first_at, e.first_at + e.length),)
        size = f"{e.length} {'byte' if e.length == 1 else 'bytes'}"
        if e.kind in ("retransmission", "overlap"):
            if e.ids == 1:
                text = f"the {side}'s {size} at offset {e.offset} are packet {e.first} seen twice (same IP identification)"
            else:
                again = f", first seen in packet {e.first}" if e.first else ""
                text = f"the {side} sent {size} at offset {e.offset} again{again}"
            out.append(_note("retransmission", number, text, at))
        elif e.kind == "out-of-order":
            how = {2: "; its IP identification says that it was sent before, so it was overtaken on the way",
                   3: "; its IP identification says that it was sent later, so it is a retransmission"}.get(e.ids, "")
            text = f"the {side}'s {size} at offset {e.offset} come after bytes that follow them{how}"
            out.append(_note("out-of-order", number, text, at))
        elif e.kind == "late":
            out.append(_note("retransmission", number,
                             f"the {side}'s {size} at offset {e.offset} come too late: the gap was given up, "
                             "they are not read again", at))
        elif e.kind == "differs":
            out.append(Finding(
                "retransmission-differs", "warning", number, "unknown", "proven",
                f"the {side}'s {size} at offset {e.offset} came twice with other bytes: first {e.was.hex()}, "
                f"now {e.now.hex()}; the first are read",
                "a wrong TCP checksum on one of the copies (then it was damaged, not changed)",
                "capture at both ends and compare: something between them rewrites segments", at))
        elif e.kind == "past":
            out.append(Finding(
                "data-after-fin", "warning", number, "unknown", "proven",
                f"the {side} sent {size} at offset {e.offset} behind its own FIN: TCP ends a stream there, and the other end takes "
                "no more of it; either that FIN is not the "
                f"{side}'s, or these bytes are not",
                "", "compare the TTL and IP identification of both with other packets of that end, and capture there as well", at))
        elif e.kind == "jump":
            text = f"a sequence number of the {side} lies far outside its stream: {size} not read"
            out.append(_note("gap", number, text, at, "warning"))
    return out


def _note(code: str, stream: int, text: str, at: Tuple[Tuple[int, int, int], ...], severity: str = "note") -> Finding:
    return Finding(code, severity, stream, "unknown", "proven", text, at=at)


def from_stream(flow: Any, connection: Connection) -> List[Finding]:
    """What a connection lacks, told when it is over."""
    out: List[Finding] = []
    number = connection.number
    if connection.pseudo:
        return out
    streams = flow.streams
    part = connection.evicted or connection.torn  # what is missing may be told as another connection's
    sure = "likely" if part else "proven"
    if connection.evicted:
        out.append(Finding(
            "eviction", "note", number, "unknown", "proven",
            f"hexnote lets this connection go here: {connection.evicted}; the trace may go on with it, which is then told as "
            "another connection", "", _alone(connection)))
    gaps, snapped = [list(each) for each in zip(*(s.lacks() for s in streams))]
    known = any(s.next for s in streams)  # some of its bytes are
    # Packets are there, but none of their bytes.
    bare = any(snapped) and all(s.bare_bytes >= most and s.next <= s.gap_bytes for s, most in zip(streams, snapped))
    late = [s.late_bytes for s in streams]
    after = f"; {_by_side(late)} came when they had been given up, and are not read" if any(late) else ""
    if any(gaps):
        # What was closed before the trace ends may still be sent again, as far as is known here.
        what = "bytes came too late or not at all" if after else \
            "bytes are missing from the trace" + (", up to the connection's end" if connection.closed else "")
        # What the other end did not acknowledge either may be lost on the way.
        unheard = [i for i, s in enumerate(streams) if gaps[i] and 0 <= s.ack and s.acked <= s.gap_at]
        lost = "".join(f"; of what the {SIDES[i]} sent there the {SIDES[1 - i]} acknowledges nothing, so that it may be lost on "
                       "the way, and not by the capture" for i in unheard)
        out.append(Finding(
            "gap", "warning", number, "unknown", sure,
            f"{what}: {_by_side(gaps)}{after}{lost}", "",
            f"capture at the {SIDES[unheard[0]]} too: were they sent, and are packets of full size lost on the way "
            "(ping -M do -s 1472)" if unheard else
            "capture again nearer to the ends, with a larger buffer (tcpdump -B)"))
    if bare:
        out.append(Finding(
            "snapped", "warning", number, "unknown", "proven",
            f"packets are shown without their bytes: {_by_side(snapped)}", "", "print the bytes as well: tcpdump -nX -r FILE"))
    elif any(snapped):
        out.append(Finding(
            "snapped", "warning", number, "unknown", "proven",
            f"packets are shown cut short: {_by_side(snapped)} are not in {'them' if after else 'the dump'}"
            f"{'' if any(gaps) else after}", "",
            "capture again with -s 0, and leave no rows out"))
    if known and not all(s.next or s.syns or s.bare_bytes or s.window is not None for s in streams):
        seen = SIDES[0] if streams[0].next else SIDES[1]
        out.append(Finding(
            "one-sided", "warning", number, "unknown", sure,
            f"only the {seen}'s direction {'was seen of it' if part else 'is in the trace'}", "",
            "capture both directions (no filter on source or destination alone)"))
    if known and not any(s.whole for s in streams):
        text = "the trace begins inside this connection: no SYN was seen"
        if connection.torn:
            text = ("no SYN was seen: the trace begins inside this connection, or what came before was told as another one, which "
                    "was let go (eviction)")
        if connection.guessed:
            text += f"; {GUESSES[connection.guessed][1]}"
        elif connection.turned:
            text += "; a hello shows which end is the client, against what the ports had said"
        out.append(_note("midstream", number, text, ()))
    if any(s.next > s.gap_bytes + s.snapped_bytes for s in streams) and not any(r.count for r in connection.readers):
        out.append(_note("not-tls", number, "no TLS was found in this connection", ()))
    return out


def from_keys(connection: Connection) -> List[Finding]:
    """Records that the user's key log does not open: each reason once a side."""
    out: List[Finding] = []
    for side, why, record in connection.session.keys.take():
        what = f"the {SIDES[side]}'s record {record.number} is" if record is not None else f"the {SIDES[side]}'s records are"
        at = connection.readers[side].places.find(record.offset, record.offset + record.length) if record is not None else ()
        out.append(Finding(
            "keys-do-not-fit", "note", connection.number, "unknown", "proven",
            f"with this key log {what} not decrypted: {why}", "",
            "have the log written (SSLKEYLOGFILE) while the trace is taken, and the trace begin before the connection",
            tuple(at)))
    return out


def from_log(malformed: int) -> List[Finding]:
    """Lines of a key log that are no secrets."""
    if not malformed:
        return []
    lines = "1 line of the key log is no secret" if malformed == 1 else f"{malformed} lines of the key log are no secrets"
    return [Finding("keys-do-not-fit", "note", None, "unknown", "proven", f"{lines}: left out")]


def from_reader(advice: List[Tuple[int, str]], unreadable: List[Tuple[int, int, str]]) -> List[Finding]:
    """What the dump reader could not read: (line, what to ask for instead), (first line, last line, why)."""
    out = [
        Finding("no-bytes", "note", None, "unknown", "proven", sentence, lines=(line, line)) for line, sentence in advice
    ]
    for first, last, why in unreadable:
        where = f"line {first}" if first == last else f"lines {first} to {last}"
        out.append(Finding(
            "unreadable-rows", "warning", None, "unknown", "proven",
            f"{where} {'looks like a dump and is' if first == last else 'look like a dump and are'} not read: {why}",
            "the same rows pasted again, whole", "paste the dump as the tool printed it", lines=(first, last)))
    return out


def _alone(connection: Connection) -> str:
    """What brings one connection alone."""
    address, _, port = connection.ends[0].rpartition(":")
    address = address.strip("[]")
    return f"read it alone: tcpdump -nX -r FILE 'host {address} and tcp port {port}'" if address and port else "read it alone"


def _by_side(counts: List[int]) -> str:
    return " and ".join(f"{n} bytes of the {SIDES[i]}'s" for i, n in enumerate(counts) if n)
