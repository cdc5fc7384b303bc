"""The corridor: dump text in, annotated text (or JSON, or a summary) out. Read this file first.

    text -> strip -> dumps -> layers -> streams -> records -> messages -> renderer
                                 (headless: bytes without any header)

Every room is a generator or a small machine that is fed; nothing is held back that is known, and
nothing is kept that no later byte can need. This is the only file that knows the rooms' order.
"""

from __future__ import annotations

from hexnote import der, layers, notes, resources
from hexnote.checksums import icmp_checksum, ip_checksum, tcp_checksum
from hexnote.diagnosis import Doctor, weighed
from hexnote.dialogues import Dialogue, Dialogues
from hexnote.dumps import Reader as DumpReader
from hexnote.fragments import Fragments
from hexnote.headless import APART, BESIDE, TORN, UNSETTLED, Headless, Placed, apart, fewer, torn
from hexnote.hints import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple
from hexnote.lengths import Lengths
from hexnote.look import Entry, Look, block_of, told
from hexnote.messages import Messages
from hexnote.model import (
    BODY,
    END,
    EXCERPT,
    HEADER,
    LOST,
    PACKET,
    PLAINTEXT,
    SIDES,
    Block,
    Connection,
    Delivery,
    Finding,
    Layout,
    Packet,
    Packets,
    Part,
    Prose,
    Story,
    rank,
)
from hexnote.quick import QUICK
from hexnote.records import Reader, locate, sender
from hexnote.schema import Schema
from hexnote.session import Session, Settled
from hexnote.story import Teller
from hexnote.streams import NOBODY, TLS_PORTS, Flow, Flows, Stream
from hexnote.strip import MARK, Stripper
from hexnote.trouble import from_events, from_keys, from_log, from_part, from_reader, from_stream
from hexnote.usual import QUIET, Usual, read
from hexnote.verify import Verifier
from hexnote.verify_text import compare
from hexnote.words import Words, describe_act

Story.tells = staticmethod(read)  # once, for all stories: there may be thousands

# A record in clear may not be longer (RFC 8446 section 5.1), its header included.
_LONG = PLAINTEXT + 5
_TLS_PORTS = frozenset(map(str, TLS_PORTS))

_TOLD = frozenset((4, 17, 41, 47))  # of IP: what may hold TLS, or its kin, beside TCP
_ICMP = frozenset((1, 58))
_NOTICES = 16  # ICMP errors that are kept of a connection

# Why rows are reported that were told as a block.
_MISFIT = "their offsets fit no packet"
_TORN = "rows of their block are missing, and they have no offsets to tell which"

# Headers are looked for in this many bytes.
_HEADERS = 256


class Rooms:
    """What is built once and serves every input: formats, names, grammars."""

    def __init__(self) -> None:
        self.schema = Schema(
            resources.text("presentation.lark"), resources.read, resources.listing, der.HOOKS, notes.dress, resources.made,
        )
        der.setup(resources.read)
        self.messages = Messages(self.schema.decoder, notes.dress)
        self.dialogues = Dialogues(resources.read)
        self.lengths = Lengths(lambda: self.schema.names("cipher_suites").rows, resources.read)
        self.dumps = resources.folder("dumps")


class Keyring:
    """The user's key log: what opens the records of any connection. Raises OSError, and ImportError where the
    package `cryptography` is missing."""

    def __init__(self, path: str, rooms: Rooms) -> None:
        from hexnote import keys, plain

        self._keys, self._plain = keys, plain
        self._messages = rooms.messages
        self._suites = keys.suites(rooms.schema.names("cipher_suites").rows)
        self.log = keys.KeyLog(path)

    def unlock(self, connection: Connection, keep: bool) -> None:
        """Have the records of a connection opened, from its first byte on."""
        session = connection.session
        session.keys = self._keys.Keys(self.log, self._suites)
        for reader in connection.readers:
            reader.opened = self._plain.Opened(reader, session, self._messages, keep)


class Annotator:
    """Feeds one renderer with any number of inputs."""

    def __init__(self, renderer: Any, options: Optional[Dict[str, Any]] = None) -> None:
        self.renderer = renderer
        self.headers = bool((options or {}).get("headers"))
        self.at: Optional[float] = (options or {}).get("at")  # the date for certificates, seconds since 1970
        self.verifies: Any = None  # checks signatures of certificates, where that is asked for
        if (options or {}).get("thorough"):
            from hexnote.signatures import verifies

            self.verifies = verifies
        self.doctor = Doctor()
        self.rooms = Rooms()
        keylog: Optional[str] = (options or {}).get("keylog")
        self.keyring = Keyring(keylog, self.rooms) if keylog else None
        self.found = False  # a packet or a TLS byte was found
        self.errors = False  # a finding of severity error was made
        self.trace: Optional[Trace] = None
        self._cut = False  # the last input lacks its final LF, the output so far does not

    def begin(self, file: str, source: Any = None) -> None:
        """A new input begins; the one before it ends. `source`: the process that reads it ahead (an `ahead.Ahead`)."""
        self._finish()
        self.renderer.begin(file)
        self.trace = Trace(self, source)

    def feed(self, chunk: bytes) -> bytes:
        """Take some bytes of the input; what they make known is returned."""
        if self.trace is None:
            self.begin("-")
        assert self.trace is not None
        self.trace.feed(chunk)
        made: bytes = self.renderer.take()
        return made

    def ahead(self, chunks: Iterator[bytes], partner: Optional[Callable[[Trace, Any], Any]] = None) -> Iterator[bytes]:
        """Take the rest of an input that was begun, with a second process that reads ahead, if one can be had; what
        becomes known by each step. Raises OSError as `chunks` does. Where it was begun with such a process, that has them.

        `partner` makes, in that process, of this input what explains some of its connections (a `partner.Partner`)."""
        assert self.trace is not None
        for _ in self.trace.ahead(chunks, partner):
            yield self.renderer.take()

    def end(self) -> bytes:
        """The input ends; more may follow."""
        self._finish()
        made: bytes = self.renderer.take()
        return made

    def spare(self, texts: Iterator[bytes]) -> Iterator[bytes]:
        """The input cannot be told to its end: what was told, then what is left of it, as it came; `last` ends the output then, and
        not `close`. `texts`: the chunks that were not fed."""
        trace = self.trace
        if trace is None:
            return
        try:
            yield from trace.spare(texts)
            self._cut = trace.strip.cut or self.renderer.unfinished
        finally:
            self.drop()

    def last(self) -> bytes:
        """What ends the output of all inputs. Where the last one has no final LF and annotations stand behind it, that is an
        empty annotation without LF: stripped, the text lacks its final LF again."""
        return MARK if self._cut else b""

    def drop(self) -> None:
        """The input begun last is not told to its end."""
        trace, self.trace = self.trace, None
        if trace is not None:
            trace.drop()

    def close(self) -> bytes:
        """All inputs are done."""
        made = self.end()
        closing = getattr(self.renderer, "close", None)  # a document of all inputs comes now
        if closing is not None:
            made += closing()
        return made + self.last()

    def _finish(self) -> None:
        if self.trace is not None:
            self.trace.close()
            self.renderer.end()
            self._cut = self.renderer.unfinished or (self.trace.strip.cut and self.renderer.echoes)
            self.trace = None


class Trace(Usual):
    """One input: its packets, its connections."""

    def __init__(self, owner: Annotator, source: Any = None) -> None:
        self.owner = owner
        self.renderer = owner.renderer
        self.rooms = owner.rooms
        self.source = source  # brings the rest of the items, where another process reads it
        self.strip = source.strip if source else Stripper(hold=False)
        self.dumps = source.dumps if source else DumpReader(
            self.rooms.dumps, layers.measure, made=resources.made, usual=layers.usual)
        self.look = source.look if source else Look()
        self.layouts: List[Tuple[int, Layout]] = source.layouts if source else []  # of packets on the shorter ways, by number
        self.flows = Flows()
        self.flows.sender = sender
        self.fragments = Fragments()
        self.verifier = Verifier(compare, ip_checksum, tcp_checksum)
        self.headless = Headless(self.flows, self.dumps.summary, locate, layers.measure)
        names = self.rooms.schema.names
        self.words = Words(lambda: resources.text("words/words.lark"), lambda name: dict(names(name)))
        self.timed = getattr(self.renderer, "timed", False)  # the renderer tells each packet's time
        schema = self.rooms.schema
        self.teller = Teller(
            schema.names, der.facts, der.read_name, schema.key_exchange, self.rooms.lengths, owner.at, self.renderer.keep,
            owner.verifies,
        )
        self.doctor = owner.doctor
        self.quiet = hasattr(self.renderer, "rows") and not owner.headers  # of packets that pass nothing but their lines is told
        self.count = 0
        self.packet: Optional[Packet] = None  # the packet begun last
        self.shown = False  # it is whole: closing it will settle nothing
        self.flow: Optional[Flow] = None  # its connection
        self.silent: Optional[Tuple[Entry, int, Flow, Stream]] = None  # a packet behind it: _explains, passes
        self.lent: Set[int] = set()  # numbers of open connections that another process explains
        self.logged: Any = None  # its bytes, where a log shows them decrypted

    # ---------------------------------------------------------------- text to packets

    def feed(self, chunk: bytes) -> None:
        chunk = self.strip.feed(chunk)
        if chunk:
            for item in self.dumps.together(chunk):
                if isinstance(item, Packets):
                    self._packets(item)
                else:
                    self._item(item)

    def _packets(self, packets: Packets) -> None:
        """Packets that follow each other."""
        seen, dress = self.look.seen, packets.dress
        self.layouts[:] = ((packets.stride, packets.layout),)
        for line, text, head, data, headers in packets.each:
            found = seen(data, text[:head], headers)
            entry: Entry = (line, text, head, 0, dress, data, found)
            if found is None or not self.quiet or not self._explains(entry):
                self._item(block_of(entry, self.layouts, None if found is None else told(entry)))

    def spare(self, texts: Iterator[bytes]) -> Iterator[bytes]:
        """Instead of all that was to come: what was told, then what is left of the text, as it came. `texts`: the chunks that were
        not fed, where this process reads them."""
        strip = Stripper(hold=False)
        if self.source is not None:
            self.renderer.drop()
            yield b""
            for text, piece in self.source.spare():
                self.renderer.spare(text, piece)
                yield strip.feed(self.renderer.take())
            yield strip.close()
            self.strip.cut = self.source.cut
            return
        echoed = strip.feed(b"".join(self.renderer.out)) + strip.close()
        left = self.dumps.left
        if left.startswith(echoed):
            left = left[len(echoed) :]
            yield self.renderer.take()
        else:
            self.renderer.drop()
            yield b""
        yield left
        yield from map(self.strip.feed, texts)
        yield self.strip.close()

    def ahead(self, chunks: Iterator[bytes], partner: Optional[Callable[[Trace, Any], Any]] = None) -> Iterator[None]:
        """The rest of the input: read by a second process, where one can be had. Raises what `chunks` raises."""
        source = self.source
        if source is None:
            from hexnote.ahead import Ahead

            begin = None if partner is None else lambda link: partner(self, link)
            try:
                source = self.source = Ahead(self.strip, self.dumps, self.look, chunks, begin)
            except OSError:
                for chunk in chunks:
                    self.feed(chunk)
                    yield
                return
        if self.quiet:
            source.explains, source.passes = self._explains, self.passes
        source.takes, source.answers, self.layouts = self._takes, self._answers, source.layouts
        self.flows.exchange = source.exchange
        try:
            for items in source:
                for item in items:
                    self._item(item)
                if source.shares:
                    source.tell(self.renderer.taught())
                yield
        except BaseException as error:
            if not (self.renderer.echoes and isinstance(error, Exception)):
                source.close()  # else `spare` may have more of it
            raise
        self._recall()
        self.strip.cut = source.cut

    def close(self) -> None:
        """The input is over: so are its connections."""
        try:
            self._finish()
            if self.source is not None and self.source.errors():
                self.owner.errors = True
        finally:
            self.drop()

    def drop(self) -> None:
        """Nothing more is wanted of a process that reads ahead."""
        if self.source is not None:
            self.source.close()

    def _finish(self) -> None:
        if self.source is None:
            rest = self.strip.close()
            if rest:
                for item in self.dumps.feed(rest):
                    self._item(item)
            for item in self.dumps.close():
                self._item(item)
        self._close_packet()
        self._say(self.verifier.end())
        advice = self.dumps.advice if self.source is None else self.source.advice
        self._say(from_reader(advice, self.dumps.unreadable))
        if self.owner.keyring is not None:
            self._say(from_log(self.owner.keyring.log.malformed))
        for flow, deliveries in self.flows.finish():
            self._end_flow(flow, deliveries)
        for fragment in self.headless.finish():
            self._end_flow(fragment, [])
        for number, exchange in ((self.flows.new_number(), exchange) for exchange in self.words.told()):
            self._told(exchange, number)
        if self.teller.attempts is not None:
            self._say(self.doctor.together(self.teller.attempts))

    def _say(self, findings: List[Finding]) -> None:
        """Findings that belong to no connection's end."""
        if findings and self.lent and self.renderer.gathers:
            # What is told with its connection is told by the process that explains that.
            findings = [finding for finding in findings if finding.stream not in self.lent]
        if findings:
            self.renderer.remark("", findings)
            self._note_errors(findings)

    def _item(self, item: Any) -> None:
        if isinstance(item, Prose):
            self.renderer.prose(item)
            if not item.torn:
                self.headless.prose(item.text)
            if not self.words.over:
                self.words.prose(item.text, item.line)
            return
        packet = item.packet
        if packet is None and QUICK and item.clear and item.kind == PACKET and self.look.at(item):
            packet = item.packet
        if packet is not None and packet.consistent:
            self.silent = None
        else:
            self._recall()
        if packet is not None:
            # Of what another process has read, `_explains` was asked before.
            if self.quiet and self.source is not None and packet.consistent or not self._carries(item, packet):
                self._usual(item, packet)
            if packet.consistent and self.verifier.agrees(packet, packet.src, packet.end):
                return
        elif item.kind == PACKET:
            if item.loose and item.payload and self._apart(item):
                return
            self._packet(item)
        elif item.kind == EXCERPT:
            self.renderer.excerpt(item)
            return
        else:
            self._more(item)
        self._verify(item)

    def _verify(self, block: Block) -> None:
        """Says what a block that was told says twice, and not the same."""
        if self.packet is not None:
            found = self.verifier.block(self.packet, block, self.dumps.summary)
            if found:
                self._say(found)

    def _apart(self, block: Block) -> bool:
        """Whether rows without offsets were told in pieces, for some of them seem to have been left out."""
        pieces = apart(block)
        for piece, remark, placed in pieces:
            if piece.kind == PACKET:
                self._packet(piece)
            elif self.packet is None or self.flow is None:
                self._more(piece)
            elif placed:
                self._more(piece, remark)
            else:
                self._misfit(piece, self.packet, self.flow, remark, BESIDE)
            self._verify(piece)
        return bool(pieces)

    def _packet(self, block: Block) -> None:
        self._close_packet()
        self.shown = False
        self.owner.found = True
        self.count += 1
        if block.data:
            self.words.bytes()
        elif not self.words.over:
            self.words.prose(block.text, block.line)
        packet = self.packet = Packet(self.count, block.line)
        packet.base = block.offset
        packet.dress = block.dress
        if block.head:
            packet.header = block.text[: block.head]
            if self.timed:
                packet.time = self.dumps.stamp(packet.header)
        data = packet.data = block.data
        # Below a label there is no header, though the bytes may look like one: "HTTP/1.1 200" does.
        labelled = block.payload and block.head > 0
        readable = bool(data) and block.offset == 0 and not labelled and layers.strip(packet, data)
        if packet.note and packet.protocol == layers.TCP and packet.note.startswith("fragment"):
            self._fragment(block, packet)
        elif readable:
            flow = self.flow = self.flows.add(packet)
            self.headless.seen(packet, flow.streams[packet.side])
            story = flow.connection.story
            if story is not None and packet.flags in QUIET:
                story.heard[packet.side] = packet
                if packet.ttl != story.ttl[packet.side]:
                    self.teller.ttl(story, packet)
            start, stop = packet.start, packet.end
            # Padding behind IP's total length is no payload; most packets have none.
            payload = data[start:] if stop >= len(data) else data[start:stop]
            deliveries = flow.streams[packet.side].add(packet, payload, start) if len(data) >= start else []
            self._tell(block, packet, flow, deliveries, "")
        elif data and block.offset == 0 and packet.protocol is not None:
            self.flow = None
            said = ""
            if packet.protocol in _TOLD and packet.link is not None and packet.ip is not None and not packet.note:
                from hexnote.datagrams import describe

                said = describe(data, packet.link, packet.link + packet.ip, packet.protocol)
            elif packet.protocol in _ICMP and not packet.note:
                said = self._notice(packet, data)
            self._tell(block, packet, None, [], said)
        else:
            placed = self.headless.place(block, packet)
            self.flow = placed.flow
            if placed.flow is None and block.offset and not block.payload:
                self._unread(block)
            elif block.unplaced and torn(block):
                self._unread(block, _TORN)
            if placed.content < 0:
                self._tell(block, packet, placed.flow, placed.deliveries, placed.remark)
            else:
                self._logged(block, packet, placed)
            for fragment in self.headless.over():
                self._end_flow(fragment, [])
        if self.flows.over:
            self._end_flows()

    def _notice(self, packet: Packet, data: bytes) -> str:
        """An ICMP error: of which packet it says what, in a sentence. What is said here rests on what both processes know."""
        from hexnote import icmp

        notice = packet.notice = icmp.read(packet, data, icmp_checksum)
        flow, stream = self.flows.direction(notice.key, NOBODY) if notice is not None and notice.key else NOBODY
        if notice is None or flow is None or stream is None:
            return ""
        offset = stream.offset_of(notice.seq) if stream.base is not None else None
        connection, side = flow.connection, SIDES[stream.side]
        where, labels = f"of connection {connection.number}", notice.labels
        if offset is not None and not -1 <= offset <= stream.high:
            packet.notice = notice._replace(labels=(*labels, (
                notice.at, notice.at + 4, f"its sequence number = {notice.seq}: none {where} so far, so that it may be made up")))
            return ""
        place = "" if offset is None else f": the {side}'s SYN" if offset < 0 else f": offset {offset} of the {side}'s stream"
        notice = packet.notice = notice._replace(
            stream=connection.number, side=stream.side, offset=offset, labels=(*labels, (
            notice.at, notice.at + 4, f"its sequence number = {notice.seq}{place}, {where[3:]}")))
        story = connection.story
        if story is not None and not connection.elsewhere and len(story.notices) < _NOTICES:
            story.notices += (notice,)
        return icmp.sentence(notice, icmp.about(notice, connection.number, side, offset))

    def _fragment(self, block: Block, packet: Packet) -> None:
        """An IP fragment: its bytes are part of the payload that begins in the datagram's first one."""
        flow: Optional[Flow] = None
        deliveries: List[Delivery] = []
        for share in self.fragments.add(packet, packet.data):
            if share.packet is share.head:
                flow = self.flows.add(packet)
            else:
                flow = self.flows.follow(share.packet, share.head, share.place)
            if flow is not None:
                deliveries += flow.add(share.packet, share.data, share.packet.start)
        self.flow = flow
        self._heard(flow, packet)
        self._tell(block, packet, flow, deliveries, packet.note)

    def _more(self, block: Block, remark: str = "") -> None:
        packet, flow = self.packet, self.flow
        if packet is None:
            return self._packet(block)
        if block.unplaced and flow is not None and torn(block):
            return self._misfit(block, packet, flow, TORN, _TORN)
        if self.logged is not None and flow is not None:
            if not self.logged.follows(block.fresh):
                return self._misfit(block, packet, flow, APART)
            parts = self.logged.feed(block.data[block.fresh - block.offset :], block.fresh)
            return self._tell_logged(block, packet, flow.connection, parts, fewer(block))
        if packet.tcp is None and packet.base == 0 and self._complete_headers(packet, block):
            flow = self.flow
        if flow is not None and block.offset and not self.headless.settles(packet, flow, block):
            return self._misfit(block, packet, flow, UNSETTLED)
        if flow is not None and not packet.captured and block.payload:
            self.headless.turns(packet, flow, block)
        deliveries: List[Delivery] = []
        headed = packet.tcp is None and packet.link is not None and not packet.start  # where its headers end is not known yet
        if flow is not None and not headed:
            lo, hi = max(block.fresh, packet.start), block.offset + len(block.data)
            if not flow.connection.pseudo:
                hi = min(hi, packet.end)
            if lo < hi:
                deliveries = flow.add(packet, block.data[lo - block.offset : hi - block.offset], lo)
        self._tell(block, packet, flow, deliveries, fewer(block) if block.unplaced else remark)

    def _misfit(self, block: Block, packet: Packet, flow: Flow, why: str, reason: str = _MISFIT) -> None:
        """Rows that cannot go on with the packet before them, and are no other's."""
        self._unread(block, reason)
        self._tell(block, packet, flow, [], why)

    def _unread(self, block: Block, reason: str = _MISFIT) -> None:
        """Rows have no place: they are reported."""
        self.dumps.report(block.line, block.line + block.text.count(b"\n", 0, -1), reason)

    def _logged(self, block: Block, packet: Packet, placed: Placed) -> None:
        """A block of a log that shows what a record holds, and not the record."""
        connection = self._connection(placed.flow)
        packet.start = packet.end = block.offset  # nothing of the stream
        size = placed.shape.size if placed.shape is not None else max(block.declared or 0, len(block.data))
        session = connection.session if placed.bare else Settled(connection.session)
        reader = Reader(connection.number, packet.side, session, self.rooms.messages)
        from hexnote.logged import Logged

        self.logged = Logged(packet, placed.content, size, reader, self.rooms.messages, placed.shape)
        self._tell_logged(block, packet, connection, self.logged.feed(block.data, block.offset), placed.remark)

    def _tell_logged(self, block: Block, packet: Packet, connection: Connection, parts: List[Part], remark: str) -> None:
        findings: List[Finding] = []
        for part in parts:
            if part.problems:
                findings += from_part(part, connection)
        self.renderer.block(block, packet, connection, parts, False, (remark,) if remark else (), findings)
        self._note_errors(findings)

    def _complete_headers(self, packet: Packet, block: Block) -> bool:
        """Headers that the packet's first rows did not hold whole, now that more rows have come."""
        if block.fresh != len(packet.data) or len(packet.data) > _HEADERS or packet.captured:
            return False
        packet.data += block.data[block.fresh - block.offset :]
        if self.flow is not None:
            begun = Packet(packet.number, packet.line)
            if not layers.strip(begun, packet.data):
                # It has a place by other means, which headers that cannot be read to their end do not change.
                self.headless.headed(packet, self.flow, begun)
                return False
        if not layers.strip(packet, packet.data):
            return False
        self.flow = self.flows.add(packet)
        self._heard(self.flow, packet)
        return True

    @staticmethod
    def _heard(flow: Optional[Flow], packet: Packet) -> None:
        """A packet came whose headers, or whose place, are known late: it is the last one of its side, if it closes nothing."""
        story = flow.connection.story if flow is not None else None
        if story is not None and packet.flags in QUIET:
            story.heard[packet.side] = packet

    def _close_packet(self) -> None:
        packet, flow = self.packet, self.flow
        if self.logged is not None and flow is not None:
            self.renderer.lost(self.logged.close(), flow.connection)
            self.logged = None
        elif packet is not None and flow is not None:
            deliveries = flow.close_packet(packet)  # mostly none
            if deliveries:
                self._closed(flow, deliveries)
        self.packet = None
        if self.flows.over:
            self._end_flows()

    def _closed(self, flow: Flow, deliveries: List[Delivery]) -> None:
        """What it settles that no more of a packet will be shown."""
        if flow.connection.elsewhere:
            self._given(b"")
            return
        findings: List[Finding] = []
        self._late(self._connection(flow), flow, deliveries, findings)
        if findings:
            self.renderer.remark("", findings)

    def _end_flows(self) -> None:
        for flow, deliveries in self.flows.evicted():
            self._end_flow(flow, deliveries)

    # ---------------------------------------------------------------- what another process explains

    def _takes(self, taken: bool) -> None:
        """Whether the process that reads ahead explains the connections that begin from here on."""
        self.flows.taken = taken

    def _given(self, text: bytes, packet: Optional[Packet] = None, first: bool = False) -> None:
        """What the other process says at this point: under a packet's lines `text`, of which it is the `first` part or more, or
        between packets."""
        piece = self.source.piece()
        if type(piece) is list:
            piece, traced, ended = piece
            self._learn(traced)
            if ended is not None:
                self.teller.end(ended)
        self.renderer.given(text, packet if first else None, piece)

    def _learn(self, traced: List[Tuple[bytes, Any]]) -> None:
        """Certificates that the other process saw, and their subjects."""
        for certificate, key in traced:
            self.teller.trace(certificate, key)

    def _passed(self, block: Block, packet: Packet, flow: Flow) -> None:
        """A packet, or more of one, of a connection that another process explains."""
        if flow.events:
            flow.events = []
        self.lent.add(flow.connection.number)
        self._given(block.text, packet, block.kind == PACKET)

    def _answers(self, kind: str, value: Any) -> Any:
        """What the other process has to know: the state of things as it is here now."""
        if kind == "taught":
            return self.renderer.taught()
        if kind == "traced":
            key, traces = value
            self._learn(traces)
            return self.teller.traced(key)
        if kind == "failed":
            return self.teller.failed(*value)
        self._recall()
        self._close_packet()
        for each in self.headless.fragments:
            connection = each.connection
            if connection.number == value and connection.session is not None:
                session = connection.session
                sealed = [each and [tuple(protection) for protection in each] for each in session.sealed]
                return session.version, sealed, [reader.end if reader.record is not None else 0 for reader in connection.readers]
        return None

    # ---------------------------------------------------------------- streams to parts

    def _connection(self, flow: Any) -> Connection:
        connection: Connection = flow.connection
        if connection.session is None:
            session = connection.session = Session(self.rooms.schema.key_exchange, self.rooms.lengths)
            session.unseal = self._unseal
            keyring = self.owner.keyring
            dialogue = Dialogue(self.rooms.dialogues)
            connection.dialogue = dialogue.told
            keep = self.renderer.keep or keyring is not None
            connection.readers = [
                Reader(connection.number, side, session, self.rooms.messages, keep, dialogue) for side in (0, 1)
            ]
            if keyring is not None:
                keyring.unlock(connection, self.renderer.keep)
            if getattr(flow, "ended", False):
                return connection  # its story is told
            story = self.teller.begin(connection)
            story.finds = [reader.places.find for reader in connection.readers]
            story.preface = dialogue.told
            story.tls_port = connection.ends[1].rpartition(":")[2] in _TLS_PORTS
        return connection

    def _unseal(self, reader: Reader) -> Any:
        """Who reads the records of a NULL suite: they are in clear, but have a MAC."""
        from hexnote.plain import Opened

        return Opened(reader, reader.session, self.rooms.messages, self.renderer.keep)

    def _tell(self, block: Block, packet: Packet, flow: Optional[Flow], deliveries: List[Delivery], remark: str) -> None:
        if flow is None:
            notice = packet.notice if block.kind == PACKET else None
            self.renderer.block(block, packet, None, [], notice is not None, (remark,) if remark else (),
                                notice.findings if notice is not None else ())
            return
        connection: Connection = flow.connection
        if connection.session is None:
            if connection.elsewhere:
                return self._passed(block, packet, flow)
            self._connection(flow)
        if not deliveries and packet.flags in QUIET and not (packet.captured or remark or flow.events or self.owner.headers) \
                and connection.reviewed:
            self.renderer.block(block, packet, connection, [], False, (), ())
            return
        review = False
        if packet.link is not None and block.kind == PACKET and (self.owner.headers or not connection.reviewed):
            review = connection.reviewed = True
        late: List[Tuple[Delivery, List[Part]]] = []
        findings: List[Finding] = []
        lost: List[Part] = []
        if len(deliveries) == 1 and deliveries[0].data is not None and _shows(block, packet, deliveries[0]):
            inline = self._hear(connection, flow, deliveries[0], findings)
            deliveries = []
            if not (review or remark or findings or flow.events) and packet.flags in QUIET:
                self.renderer.block(block, packet, connection, inline, False, (), ())
                return
        else:
            inline = []
        read = bool(inline or deliveries)
        for delivery in deliveries:
            parts = self._hear(connection, flow, delivery, findings)
            if delivery.data is None:
                lost += parts
            elif _shows(block, packet, delivery):
                inline += lost
                inline += parts
                lost = []
            else:
                late.append((delivery, lost + parts))
                lost = []
        if flow.events:
            told = from_events(flow, packet)
            findings += told
            if connection.story is not None:
                connection.story.uneven = packet.line
                self.doctor.note(connection.story, told)
        if block.kind == PACKET and packet.flags not in QUIET and connection.story is not None:
            stream = flow.streams[packet.side]
            sent = stream.high if packet.seq is None or stream.base is None else max(stream.high, stream.offset_of(packet.seq))
            peer = stream.peer
            acks = -1 if packet.ack is None or peer.base is None else peer.offset_of(packet.ack)
            self.teller.packet(connection.story, packet, sent, acks, peer.next)
        remarks = [remark] if remark else []
        if block.kind == PACKET and (packet.flags not in QUIET or (packet.captured and not read)):
            remarks += self._remarks(packet, flow, read)
        self.renderer.block(block, packet, connection, inline, review, remarks, () if late or lost else findings)
        for delivery, parts in late:
            self.renderer.late(delivery.packet, delivery.at, delivery.data, connection, parts)
        if lost:
            self.renderer.lost(lost, connection)
        if findings and (late or lost):
            self.renderer.remark("", findings)
        self._note_errors(findings)

    def _remarks(self, packet: Packet, flow: Flow, read: bool) -> List[str]:
        """What a packet does to its connection besides carrying bytes."""
        side = SIDES[packet.side]
        lead = f"packet {packet.number}: the {side}"
        out: List[str] = []
        if "S" in packet.flags:
            out.append(f"{lead} {'accepts the connection (SYN, ACK)' if 'A' in packet.flags else 'opens the connection (SYN)'}")
        if packet.captured and not read and packet.offset is not None and not flow.connection.pseudo:
            stream = flow.streams[packet.side]
            if packet.offset > stream.next:
                out.append(f"these bytes came too early: they begin at offset {packet.offset} of the {side}'s stream, of which "
                           f"{stream.next} bytes are known so far; they are explained when the bytes between have come")
        if "F" in packet.flags:
            out.append(f"{lead} will send no more (FIN)")
        if "R" in packet.flags:
            out.append(f"{lead} breaks the connection off (RST)")
        return out

    def _hear(self, connection: Connection, flow: Flow, delivery: Delivery, findings: List[Finding]) -> List[Part]:
        """What bytes of a stream, or a hole in it, make known."""
        packet, data, side, offset = delivery.packet, delivery.data, delivery.side, delivery.offset
        if data is not None and packet is not None:
            connection.readers[side].places.add(offset, delivery.length, packet.number, delivery.at)
            if connection.reset is not None:
                found = self.doctor.behind(connection.reset, side, offset, packet)
                if found is not None:
                    connection.reset = None
                    findings.append(found)
        return self._read(connection, flow, side, offset, data, delivery.length, packet, findings)

    def _read(
        self, connection: Connection, flow: Flow, side: int, offset: int, data: Optional[bytes], length: int,
        packet: Optional[Packet], findings: List[Finding],
    ) -> List[Part]:
        """What a direction's bytes from stream offset `offset` on, which are in their place, are part of."""
        parts: List[Part] = []
        reader = connection.readers[side]
        if not reader.fed:
            # What was agreed in a connection that is over is forgotten: bytes behind its end begin as in the midst of one.
            connection.session.whole[side] = flow.streams[side].whole and not getattr(flow, "ended", False)
        reader.feed(offset, data, length, parts)
        told: List[Part] = []
        for part in parts:
            if not part.problems:
                kind = part.kind
                if kind == HEADER and part.record is not None:
                    continue  # tells nothing new: its record's end does
                if kind == END:
                    record = part.record
                    if record is not None and not (record.encrypted or record.type == 23 or record.length > _LONG):
                        continue  # nor does the end of one in clear
                elif not part.done and kind != LOST or kind == BODY and part.record is not None and part.record.encrypted:
                    continue
            told.append(part)
        if told:
            self._diagnose(connection, told, packet, findings)
        if self.owner.keyring is not None:
            findings += from_keys(connection)
        return parts

    def _diagnose(self, connection: Connection, parts: List[Part], packet: Optional[Packet], findings: List[Finding]) -> None:
        """What parts that are complete make known of their connection."""
        story = connection.story
        packet = packet or self.packet
        # What is known at the end of the input alone, of holes that end there, comes behind the last packet.
        number, header = (packet.number, packet.header) if packet is not None else (self.count, b"")
        for part in parts:
            if part.problems:
                found = from_part(part, connection)
                if story is not None:
                    found = weighed(story, found)
                    self.doctor.note(story, found)
                findings += found
            if story is not None:
                step = self.teller.part(story, part, number, header)
                if step is not None:
                    findings += self.doctor.step(story, step)

    def _end_flow(self, flow: Any, deliveries: Optional[List[Delivery]]) -> None:
        """A connection is over: give up its gaps and its incomplete units. `deliveries` None: that was told before, and bytes may
        have come after it."""
        if flow.connection.elsewhere:
            self.lent.discard(flow.connection.number)
            return self._given(b"")
        if deliveries is None:
            return self._end_again(flow.connection)
        connection = self._connection(flow)
        findings: List[Finding] = []
        self._late(connection, flow, deliveries, findings)
        for reader in connection.readers:
            parts: List[Part] = []
            reader.close(parts)
            if parts:
                self.renderer.lost(parts, connection)
                self._diagnose(connection, [part for part in parts if part.done or part.problems], None, findings)
        story = connection.story
        if story is not None:
            connection.reset = story.last("RST")
            closing = from_stream(flow, connection)
            connection.preface = str(connection.dialogue or "")
            self.teller.close(story, connection, flow.streams)
            closing, connection.verdict, connection.certificate_line = self.doctor.end(story, closing)
            findings += closing
        self.renderer.finish(connection, findings)
        self._note_errors(findings)
        # A connection that is over may still be asked for, but it need not remember anything.
        connection.session, connection.readers, connection.story = None, (), None

    def _end_again(self, connection: Connection) -> None:
        """No more will come of a connection that is over: give up the units that later bytes have begun."""
        findings: List[Finding] = []
        for reader in connection.readers:
            parts: List[Part] = []
            reader.close(parts)
            if parts:
                self.renderer.lost(parts, connection)
                self._diagnose(connection, [part for part in parts if part.problems], None, findings)
        if findings:
            self.renderer.remark("", findings)
            self._note_errors(findings)
        connection.session, connection.readers = None, ()

    def _told(self, exchange: Any, number: int) -> None:
        """A connection of which only words tell: the same findings as far as they hold, with lines and no bytes."""
        self.owner.found = True
        connection = Connection(number)
        connection.ends, connection.pseudo = exchange.ends, True
        story = self.teller.begin(connection)
        story.packets = [True, True]
        findings: List[Finding] = []
        for act in exchange.acts:
            findings += self.doctor.step(story, self.teller.said(story, act))
        self.teller.close(story, connection, ())
        closing, connection.verdict, connection.certificate_line = self.doctor.end(story, [])
        # All of it is told at the end of the input, so that the worst stands first.
        findings = [finding._replace(at=(), lines=exchange.lines) for finding in sorted(findings + closing, key=rank)]
        told = getattr(self.renderer, "told", None)
        if told is not None:
            told(connection, exchange.acts)
        else:
            for act in exchange.acts:
                self.renderer.remark(describe_act(act))
        self.renderer.finish(connection, findings)
        self._note_errors(findings)
        connection.story = None

    def _late(self, connection: Connection, flow: Flow, deliveries: List[Delivery], findings: List[Finding]) -> None:
        """Bytes of earlier packets that became readable without a new packet, and holes."""
        for delivery in deliveries:
            parts = self._hear(connection, flow, delivery, findings)
            if delivery.data is None or delivery.packet is None:
                self.renderer.lost(parts, connection)
            else:
                self.renderer.late(delivery.packet, delivery.at, delivery.data, connection, parts)

    def _note_errors(self, findings: List[Finding]) -> None:
        if any(f.severity == "error" for f in findings):
            self.owner.errors = True


def _shows(block: Block, packet: Packet, delivery: Delivery) -> bool:
    """Whether bytes that became readable are told at this block of a packet: not those of others, nor of rows that stand before
    it and waited for these."""
    return delivery.packet is packet and not delivery.late and block.offset <= delivery.at < block.offset + len(block.data)
