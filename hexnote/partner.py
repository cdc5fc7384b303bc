"""The corridor in the process that reads ahead: it explains some of the connections, where there are many.

Both processes read every packet, put the segments of every connection in order, number them and let them go alike: what one
does there, the other does too, so that neither has to hear of it. But the records of a connection are read, told and
diagnosed by one of them alone. This one says what it has to say in pieces, one for each time that the other one would have
said something of that connection: a packet, more of it, its end (`Trace._given`).

What connections have to do with each other besides is asked where it is needed, which is rare: whether a note was given before
(each is given once), which certificates were seen. The other process answers when it has come to the same place.
"""

from __future__ import annotations

from hexnote.hints import Any, List, Optional, Sequence
from hexnote.look import Entry, block_of, told
from hexnote.model import EXCERPT, Block, Connection, Delivery, Finding, Packet, Part, Prose, Protection
from hexnote.pipeline import Annotator, Trace
from hexnote.streams import Flow, Stream

_SPAN, _FEW = 2048, 16  # it does not pay where so many packets bring fewer new connections
_TOGETHER = 8  # connections whose ends are sent at once


class Partner(Trace):
    """Explains connections of an input that another process annotates. `link`: a `reading.Link`."""

    def __init__(self, trace: Trace, link: Any) -> None:
        """It goes on where `trace` has come to; what that knows is explained by the other process."""
        self.__dict__.update(trace.__dict__)
        self.link = self.source = link
        self.layouts = link.layouts
        self._own = 0  # open connections that are explained here
        self._since = (self.count, self.flows.numbers)
        self.owner.errors = False
        flows = self.flows
        flows.reads, flows.taken, flows.exchange = True, False, link.exchange
        for flow in [*flows.known(), *self.headless.fragments]:
            self._leave(flow.connection)
        self.dumps = _Quiet(self.dumps)
        self.words = _Quiet(self.words)
        self.speaks = self.renderer.gathers
        if not self.speaks:
            self.verifier = _Agrees()
        self.timed = False
        self.logged = None
        self.renderer.assist(lambda: link.ask("taught"))
        link.hear = self.renderer.learns
        self.teller.asks(_Traced(link, self.teller), lambda client, server: link.ask("failed", (client, server)))

    def take(self, entry: Any, item: Any) -> bool:
        """What is known by an item that does not pass: it goes to `link.pieces`. `entry`: as it goes through the pipe. Whether the
        lines of a packet are part of what is said."""
        if type(entry) is tuple and len(entry) == 7:
            self._shown = False
            if entry[6] is None:
                self._item(block_of(entry, self.layouts))
            elif not self.quiet or not self._explains(entry):
                self._item(block_of(entry, self.layouts, told(entry)))
            return self._shown
        self._item(item)
        return False

    def idle(self) -> bool:
        """Whether this process may as well leave all connections to the other one."""
        if self._own:
            return False
        count, numbers = self._since
        if self.count - count < _SPAN:
            return False
        self._since = (self.count, self.flows.numbers)
        return self.flows.numbers - numbers < _FEW

    def close(self) -> None:
        """The input is over: so are its connections."""
        self._recall()
        self._close_packet()
        self.link.flush()
        for flow, deliveries in self.flows.finish():
            self._end_flow(flow, deliveries)
            if len(self.link.pieces) >= _TOGETHER:
                self.link.flush()
        self.link.flush()

    # ---------------------------------------------------------------- what is said here, and what is not

    def _item(self, item: Any) -> None:
        if isinstance(item, Prose):
            if not item.torn:
                self.headless.prose(item.text)
        elif item.kind == EXCERPT:
            self._recall()
        else:
            super()._item(item)

    def _tell(self, block: Block, packet: Packet, flow: Optional[Flow], deliveries: List[Delivery], remark: str) -> None:
        if flow is None:
            return
        connection = flow.connection
        if connection.pseudo and not connection.elsewhere:
            self._leave(connection)
        if connection.elsewhere:
            if flow.events:
                flow.events = []
            return
        if connection.story is None:
            self._own += 1
        super()._tell(block, packet, flow, deliveries, remark)
        self._shown = True
        self._piece()

    def _acknowledged(self, entry: Entry) -> None:
        super()._acknowledged(entry)
        self.renderer.take()
        self.link.pieces.append(0)

    def _amid(self, said: Sequence[bytes]) -> None:
        super()._amid(said)
        self._shown = True
        self._piece()

    def _sealed(self, said: Sequence[bytes], findings: Sequence[Finding]) -> None:
        super()._sealed(said, findings)
        self._shown = True
        self._piece()

    def _carried(self, block: Block, packet: Packet, flow: Flow, stream: Stream, number: int, data: bytes) -> None:
        super()._carried(block, packet, flow, stream, number, data)
        self._shown = True
        self._piece()

    def _closed(self, flow: Flow, deliveries: List[Delivery]) -> None:
        if flow.connection.elsewhere:
            return
        self.renderer.packet = self.count
        super()._closed(flow, deliveries)
        self._piece()

    def _end_flow(self, flow: Any, deliveries: Optional[List[Delivery]]) -> None:
        if flow.connection.elsewhere:
            flow.connection.session, flow.connection.readers = None, ()
            return
        if flow.connection.story is not None:
            self._own -= 1
        self.renderer.packet = self.count
        super()._end_flow(flow, deliveries)
        self._piece()

    def _given(self, text: bytes, packet: Optional[Packet] = None, first: bool = False) -> None:
        """The other process says it."""

    def _say(self, findings: List[Finding]) -> None:
        if findings and self.renderer.gathers:
            self.renderer.remark("", findings)

    def _logged(self, block: Block, packet: Packet, placed: Any) -> None:
        self._leave(placed.flow.connection)
        packet.start = packet.end = block.offset  # nothing of the stream
        self.logged = _Unread()

    def _tell_logged(self, block: Block, packet: Packet, connection: Connection, parts: List[Part], remark: str) -> None:
        """The other process tells it."""

    def _piece(self) -> None:
        """What was said of a connection, for the other process."""
        teller = self.teller
        piece, traces, ended = self.renderer.part(), teller.traces, teller.ended
        if traces or ended:
            piece = [piece, traces, ended]
            teller.traces, teller.ended = [], None
        self.link.pieces.append(piece)

    def _leave(self, connection: Connection) -> None:
        """A connection is explained by the other process. Of one without headers that is asked what its place depends on."""
        if connection.pseudo:
            far = _Far(self.link, connection.number)
            connection.session, connection.readers = far, (_Side(far, 0), _Side(far, 1))
        elif not connection.elsewhere:
            connection.session, connection.readers = None, ()
        connection.story, connection.elsewhere = None, True


def partner(annotator: Annotator, link: Any) -> Partner:
    """A Partner for an input of which nothing was read before, as an annotator of its own has it."""
    annotator.begin("-")
    assert annotator.trace is not None
    return Partner(annotator.trace, link)


class _Quiet:
    """A room that is asked, but not told anything."""

    over = True

    def __init__(self, room: Any) -> None:
        self.summary = getattr(room, "summary", None)

    def report(self, first: int, last: int, why: str) -> None:
        """Rows that belong to no packet are reported by the other process."""

    def bytes(self) -> None:
        """So are traces in words."""


class _Agrees:
    """The verifier's place: the other process verifies."""

    even = True
    agreed: Any = None

    def agrees(self, packet: Any, src: Any, end: int) -> bool:
        """Nothing is to be said."""
        return True

    def block(self, packet: Packet, block: Block, summary: Any) -> List[Finding]:
        """Nothing is said."""
        return []


class _Unread:
    """What a log shows decrypted, read by the other process."""

    def follows(self, at: int) -> bool:
        """Whatever comes, the other process tells of it."""
        return True

    def feed(self, data: bytes, offset: int) -> List[Part]:
        """Nothing."""
        return []

    def close(self) -> List[Part]:
        """Nothing."""
        return []


class _Traced:
    """Certificates seen in the whole trace, by their subjects."""

    def __init__(self, link: Any, teller: Any) -> None:
        self._link, self._teller = link, teller

    def get(self, key: Any) -> Any:
        """The certificate of a subject; None: it was not seen."""
        traces, self._teller.traces = self._teller.traces, []
        return self._link.ask("traced", (key, traces))


class _Far:
    """What the other process knows of the session of a connection, as far as it decides where bytes without headers belong."""

    def __init__(self, link: Any, number: int) -> None:
        self._link, self._number = link, number

    def ask(self) -> Any:
        """(version, how each side's records are sealed, where each side's last record ends if it is incomplete, else 0)."""
        return self._link.ask("session", self._number, False) or (None, (None, None), (0, 0))

    @property
    def version(self) -> Any:
        """As of `session.Session`."""
        return self.ask()[0]

    @property
    def sealed(self) -> Any:
        """As of `session.Session`."""
        return [each and tuple(Protection(*protection) for protection in each) for each in self.ask()[1]]


class _Side:
    """The reader of one side of such a connection."""

    fed = True
    incomplete = 0

    def __init__(self, far: _Far, side: int) -> None:
        self._far, self._side = far, side

    @property
    def record(self) -> Any:
        """None where no record is incomplete."""
        return self.end or None

    @property
    def end(self) -> Any:
        """Where that record ends."""
        return self._far.ask()[2][self._side]
