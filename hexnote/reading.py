"""What the process does that reads ahead: items to messages, and what it says of connections that it explains itself.

`ahead` is the other end of the pipe.
"""

from __future__ import annotations

import marshal
import os
from itertools import chain

from hexnote import layers
from hexnote.dumps import Reader
from hexnote.hints import Any, Callable, Dict, Iterator, List, Optional, Tuple, Union
from hexnote.look import Entry, Look, Seen
from hexnote.model import PACKET, Block, Item, Layout, Packets, Prose, Row
from hexnote.outlet import PIPE, SIZE, Outlet, widen
from hexnote.streams import OFTEN
from hexnote.strip import Stripper

# Makes a `partner.Partner` that speaks through a Link.
Begin = Callable[["Link"], Any]

_LITTLE = 0.25  # of a pipe: one that has less to take has not enough to do
# Bytes that may wait for room in the pipe while the other process meets each kind of message for the first time, where it is slow.
_FIRST_ROOM = 2 << 20
_FIRST, _MANY = 256, 16  # connections are shared where the first so many items, fewer than OFTEN, are of so many
_HEAVY = 4 << 20  # bytes of text: if those items have more, they are not
# How full the pipe should be, and how fast the share of connections that are explained here follows how full it was.
_FULL, _PACE = 0.6, 0.01
MOST = 48  # items of a message: a read may bring very many small ones, and what has just come is near

# A message is a list of what came, in order:
#   (text, line)                                              prose, whole lines
#   (line, text, head, layout, dress, data, packet)           a packet with rows of one layout; what `look` says of it, if anything
#   (..., piece)                                              the same, with a piece; of its text only what stands before the rows
#                                                             where that has it
#   [stride, columns, text column]                            the next number for a layout
#   (first line, last line, why)                              lines that could not be read
#   {"kind": ..., ...}                                        any other block, by the names of its attributes
#   bytes                                                     anything else, pickled
#   True or False                                             connections that begin from here on are explained there, or not
#   {"pieces": [...]}                                         what is said there of packets and connections, for `Ahead.piece`
#   {"ask": ..., "value": ...}                                a question; the answer goes back
#   {"clock": ..., "weights": ...}                            for `Flows.exchange`
#   {"advice": ..., "cut": ...} or {"error": bytes}           the end of the text
#   {"errors": bool}                                          the end of what is said there, if anything is
#
# A piece is 0 (the packet's lines alone), the output in bytes, what else the renderer's `part` makes of it, or a list: one of
# these, certificates that were seen.
Message = List[Any]
ENDS = frozenset(("advice", "error"))  # what tells the end of the text


def block_from(attributes: Dict[str, Any]) -> Block:
    """The block that has these `_attributes`."""
    block = Block(attributes["kind"], attributes["line"], attributes["text"])
    layout, rows = attributes["layout"], attributes["rows"]
    if layout is not None:
        attributes["layout"] = Layout(*layout)
    if rows is not None:
        known: Dict[Any, Layout] = {}
        attributes["rows"] = made = []
        for start, end, line, offset, size, each in rows:
            if each not in known:
                known[each] = Layout(*each)
            made.append(Row(start, end, line, offset, size, known[each]))
    vars(block).update(attributes)
    return block


def _attributes(block: Block) -> Dict[str, Any]:
    """A block as it goes through the pipe where nothing shorter says it."""
    made = {"layout": None, "rows": None, **vars(block)}
    if block.layout is not None:
        made["layout"] = tuple(block.layout)
    if block.rows is not None:
        made["rows"] = [(*row[:5], tuple(row.layout)) for row in block.rows]
    return made


def read(
    pipe: int, answers: int, strip: Stripper, dumps: Reader, look: Look, chunks: Iterator[bytes], begin: Optional[Begin],
    early: bool, steady: bool,
) -> None:
    """All that the other process does. It never returns."""
    try:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process knows what to do
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)  # whoever reads the output must see its end when the first process has ended
        widen(pipe)
        _watch(pipe)
        outlet = Outlet(pipe, _FIRST_ROOM if steady and begin is not None else 0)
        Sender(outlet, dumps, look, answers, begin, early).all(strip, chunks)
    except BrokenPipeError:  # the first process has ended
        pass
    finally:
        os._exit(0)


def _watch(pipe: int) -> None:
    """Have this process end with the first one, even while it waits for more of the text."""
    import _thread
    import select

    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    poll.register(pipe, 0)  # told is all the same that nobody can read from it any more

    def wait() -> None:
        poll.poll()
        os._exit(0)

    _thread.start_new_thread(wait, ())


class Sender:
    """Items to messages."""

    def __init__(
        self, outlet: Outlet, dumps: Reader, look: Look, answers: int = -1, begin: Optional[Begin] = None, early: bool = True,
    ) -> None:
        self.outlet = outlet
        self._look = look
        self._dumps = dumps
        self._reports = dumps.relay()
        self._layouts: Dict[Tuple[int, Layout], int] = {}
        self._looks = True
        self._message: Message = []
        self._link = Link(self, answers)
        self._begin = begin  # None as soon as it is settled whether connections are shared
        self._before: Optional[List[Any]] = [] if early else None  # what was sent before that
        self._kept = 0  # bytes of text in it
        self._partner: Any = None
        self._part = self._due = 0.4  # the share of connections that are explained here, and what is due of them
        self._passes: Optional[Callable[[Entry], bool]] = None  # of the partner
        self._line = 0  # the number of the line behind those that were sent

    def all(self, strip: Stripper, chunks: Iterator[bytes]) -> None:
        """Read the text to its end."""
        try:
            if self._before is None:
                self._join()
            for chunk in chunks:
                text = strip.feed(chunk)
                if text:
                    self._pass(self._dumps.together(text))
            text = strip.close()
            if text:
                self._pass(self._dumps.together(text))
            self._pass(self._dumps.close())
            self._message.append({"advice": self._dumps.advice, "cut": strip.cut})
            self.send()
            if self._partner is not None:
                self._partner.close()
                self._message.append({"errors": self._partner.owner.errors})
                self.send()
            self.outlet.push()
            return
        except BrokenPipeError:
            raise
        except Exception as error:
            import pickle

            self._message[:] = [{"error": pickle.dumps(error)}]
        self.send()
        self._spare(strip, chunks)

    def _spare(self, strip: Stripper, chunks: Iterator[bytes]) -> None:
        """Send what is left of the text, as it came, for `Ahead.spare`."""
        left, at = self._dumps.left, 0
        for _ in range(self._line - self._dumps.first):
            at = left.find(b"\n", at) + 1 or len(left)
        for text in chain((left[at:],), map(strip.feed, chunks)):
            self._message.append((text, 0))
            self.send()
        self._message += [(strip.close(), 0), {"advice": [], "cut": strip.cut}]
        self.send()
        self.outlet.push()

    def _pass(self, items: Iterator[Union[Item, Packets]]) -> None:
        """Send the items of one read, in a message or a few."""
        message, reports = self._message, self._reports
        self._weigh()
        for item in items:
            if reports:
                message += reports
                reports.clear()
            if isinstance(item, Packets):
                self._packets(item)
            else:
                self._add(self._entry(item), item)
        message += reports
        reports.clear()
        if message:
            self.send()

    def _packets(self, packets: Packets) -> None:
        number, dress = self._number(packets.stride, packets.layout), packets.dress
        seen, message, link, passes = self._look.seen, self._message, self._link, self._passes
        for line, text, head, data, headers in packets.each:
            found = seen(data, text[:head], headers) if self._looks else None
            entry = (line, text, head, number, dress, data, found)
            link.entry = entry
            if found is None or passes is None or not passes(entry):
                self._add(entry)
                passes = self._passes
                continue
            if link.pieces or link.entry is None:
                self._deliver(entry, False)
            else:
                message.append(entry)
            if len(message) >= MOST:
                self.send()
                self._weigh()
                passes = self._passes

    def _add(self, entry: Any, item: Optional[Item] = None) -> None:
        """Put an entry, which is `item`, into a message; one that has enough of them is sent."""
        message, partner = self._message, self._partner
        if partner is None:
            message.append(entry)
            if self._begin is not None:
                self._keep(entry, item)
        else:
            self._told(entry, item)
        if len(message) >= MOST:
            self.send()
            self._weigh()

    def _weigh(self) -> None:
        """Who has time, by what lies in the pipe."""
        left = self.outlet.left
        partner = self._partner
        if partner is None:
            self._looks = left >= _LITTLE * PIPE or self._begin is not None
            if self._begin is None:
                self.outlet.settle()
            return
        if partner.idle():
            self._leave()
            return
        takes = False
        if self._link.heard():
            self.outlet.settle()
            takes = self._takes(left / PIPE)
        if partner.flows.taken is not takes:
            partner.flows.taken = takes
            self._message.append(takes)

    def _takes(self, left: float) -> bool:
        """Whether this process explains connections that begin now. They have to be explained until their ends: so that neither
        process waits for the other, their share follows what is `left` for that one to take (1: a pipe full), at once, and slowly
        what that has been."""
        far = left - _FULL
        self._part = min(max(self._part + _PACE * min(far, 1 - _FULL), 0), 1)
        self._due = min(self._due + max(self._part + far, 0), 1)
        if self._due < 1 or left < _LITTLE:
            return False
        self._due = 0
        return True

    def _entry(self, item: Item) -> Any:
        if isinstance(item, Prose) and not item.torn:
            return item.text, item.line
        if isinstance(item, Prose):
            import pickle

            return pickle.dumps(item, -1)
        if not item.clear or item.kind != PACKET or item.layout is None or not item.stride or item.offset:
            return _attributes(item)
        number = self._number(item.stride, item.layout)
        seen = self._look.seen(item.data, item.text[: item.head]) if self._looks else None
        return item.line, item.text, item.head, number, item.dress, item.data, seen

    def _number(self, stride: int, layout: Layout) -> int:
        """The number of a layout; a new one goes into the message."""
        number = self._layouts.get((stride, layout))
        if number is None:
            number = self._layouts[stride, layout] = len(self._layouts)
            self._message.append([stride, *layout])
            self._link.layouts.append((stride, layout))
        return number

    def send(self) -> None:
        """Sends what is in the message."""
        message = self._message
        self.outlet.send(message)
        for entry in reversed(message):
            line = _behind(entry)
            if line:
                self._line = line
                break
        message.clear()

    # ------------------------------------------------------------ connections that are shared

    def _keep(self, entry: Any, item: Optional[Item]) -> None:
        """Keeps the first items of a text, until it is known whether their connections are many."""
        before = self._before
        assert before is not None
        before.append((entry, item))
        self._kept += len(entry[1] if item is None else item.text)
        if self._kept > _HEAVY:
            self._begin, self._before = None, None
            return
        if len(before) < _FIRST:
            return
        seen = [_seen(each) for each, _ in before]
        if len({headers[layers.KEY] for headers, _ in filter(None, seen)}) < 2 * _MANY:
            self._begin, self._before = None, None
            return
        self.send()
        self._join()
        self._link.late = True
        try:
            for looked, (each, item) in zip(seen, before):
                if looked is None or not self._partner.passes(each):
                    self._partner.take(each, item)
        except Late:
            self._leave()
        self._link.late, self._before = False, None

    def _join(self) -> None:
        if self._begin is not None:
            self._partner = self._begin(self._link)
            self._passes = self._partner.passes
            self._message.append(False)
        self._begin = None

    def _leave(self) -> None:
        """From here on the other process explains all connections."""
        partner = self._partner
        if partner.flows.taken:
            self._message.append(False)
        self._message.append({"errors": partner.owner.errors})
        self._partner = self._passes = None

    def _told(self, entry: Any, item: Optional[Item]) -> None:
        """An entry, with what this process says of it."""
        self._link.entry = entry
        self._deliver(entry, self._partner.take(entry, item))

    def _deliver(self, entry: Any, shown: bool) -> None:
        """Puts an entry into a message, with the pieces that it made. `shown`: its lines are part of them."""
        message, link = self._message, self._link
        pieces = link.pieces
        if link.entry is None:
            if pieces:
                self.outlet.send([{"pieces": pieces}])
                pieces.clear()
            return
        link.entry = None
        if pieces:
            if len(pieces) == 1 and type(entry) is tuple and len(entry) == 7:
                if shown:
                    line, text, head, *rest = entry
                    message.append((line, text[:head], head, *rest, pieces[0]))
                else:
                    message.append((*entry, pieces[0]))
                pieces.clear()
                return
            message.append({"pieces": pieces[:]})
            pieces.clear()
        message.append(entry)


def _behind(entry: Any) -> int:
    """The number of the line behind those of an entry; 0 where it has none."""
    if type(entry) is tuple and len(entry) > 3:
        line, text, head = entry[:3]
        rows = len(entry[5]) + 15 >> 4 if len(text) == head else 0  # where they are in its piece
        return int(line) + bytes(text).count(b"\n") + rows
    if type(entry) is tuple and len(entry) == 2:
        return int(entry[1]) + bytes(entry[0]).count(b"\n")
    if type(entry) is dict and "kind" in entry:
        return int(entry["line"]) + bytes(entry["text"]).count(b"\n")
    if type(entry) is bytes:
        import pickle

        item = pickle.loads(entry)
        return int(item.line) + bytes(item.text).count(b"\n")
    return 0


def _seen(entry: Any) -> Optional[Seen]:
    """What `look` found out of an entry that is a packet."""
    return entry[6] if type(entry) is tuple and len(entry) == 7 else None


class Late(Exception):
    """The other process would have to be asked about an item that it is past."""


class Link:
    """How what explains connections in the process that reads speaks with the other one."""

    def __init__(self, sender: Sender, answers: int) -> None:
        self.pieces: List[Any] = []  # what is said of the item at hand
        self.entry: Any = None  # that item, while the other process has not got it
        self.layouts: List[Tuple[int, Layout]] = []
        self.late = False  # the other process is past the item at hand
        self._sender = sender
        self._answers = answers
        self._weights: Dict[int, Dict[int, int]] = {}
        self._counted = -1  # the last clock of `exchange`
        self.hear: Callable[[List[str]], None] = lambda notes: None  # is given the teaching notes that were given there
        self._notes: Optional[List[str]] = None  # of them, those that it was not given
        self._heard = False  # there were some, or that there are none was said

    def ask(self, kind: str, value: Any = None, within: bool = True) -> Any:
        """The other process's answer: as things are there when it has come to where this one is. `within`: while something is
        being told of the item at hand; else at its beginning. Raises Late."""
        if self.late:
            raise Late
        message = self._sender._message
        if self.pieces:
            message.append({"pieces": self.pieces[:]})
            self.pieces.clear()
        if within and self.entry is not None:
            message.append(self.entry)
            self.entry = None
        if message:
            self._sender.send()
        message.append({"ask": kind, "value": value})
        self._sender.send()
        self._sender.outlet.push()
        while True:
            answer = self._listen()
            if answer is not None:
                return answer["answer"]

    def exchange(self, clock: int, weights: Dict[int, int]) -> Dict[int, int]:
        """As `Flows.exchange`."""
        self._sender._message.append({"clock": clock, "weights": weights})
        before, self._counted = self._counted, clock
        if before != clock - OFTEN:
            return {}
        self._sender.send()
        if before not in self._weights:
            self._sender.outlet.push()
        while before not in self._weights:
            self._listen()
        found = self._weights.pop(before)
        for each in [each for each in self._weights if each < clock]:
            del self._weights[each]
        return found

    def flush(self) -> None:
        """Sends the pieces that there are."""
        if self.pieces:
            self._sender.outlet.send([{"pieces": self.pieces}])
            self.pieces.clear()

    def heard(self) -> bool:
        """Whether the other process has met most kinds of messages, for it has said which teaching notes it has given. To be asked
        between items. Connections that are explained before that would be waited for: all that such notes depend on has to be
        asked, and to meet a kind of message takes time."""
        if not self._heard:
            import select

            while select.select((self._answers,), (), (), 0)[0]:
                self._listen()
        if self._notes is not None:
            self.hear(self._notes)
            self._notes = None
        return self._heard

    def _listen(self) -> Optional[Dict[str, Any]]:
        """Takes what the other process says next; given is an answer."""
        said: Dict[str, Any] = marshal.loads(self._take(int.from_bytes(self._take(SIZE), "little")))
        if "answer" in said:
            return said
        if "taught" in said:
            self._heard, self._notes = True, said["taught"]
        else:
            self._weights[said["clock"]] = said["weights"]
        return None

    def _take(self, size: int) -> bytes:
        made = b""
        while len(made) < size:
            got = os.read(self._answers, size - len(made))
            if not got:
                raise BrokenPipeError
            made += got
        return made
