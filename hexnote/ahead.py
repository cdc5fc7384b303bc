"""A long text read by a second process, while this one explains what was read before.

The corridor is cut where it is narrow: in front of the cut text becomes items (`dumps`), and what can be told of a
packet by its own bytes alone is told; behind it stands all that remembers anything of connections. Items come through a
pipe in the order of the text, so that the output is the same bytes, and what is known is told as soon as it is known:
whatever one read has brought is sent at once. Nothing here is needed: where a second process cannot be had, or does not
pay, the text is read by this one.

The process that reads has time left where connections are many and short. Then it explains some of them itself (`partner`),
and sends what it says with their packets; who explains which is the only thing that depends on who has time.
"""

from __future__ import annotations

import marshal
import os
from collections import deque
from typing import Any, Callable, Deque, Dict, Iterator, List, Optional, Tuple, Union

from hexnote import layers, resources
from hexnote.dumps import Reader
from hexnote.look import Entry, Look, told
from hexnote.model import PACKET, Block, Item, Layout, Packets, Prose
from hexnote.streams import OFTEN
from hexnote.strip import Stripper

# Makes a `partner.Partner` that speaks through a Link.
Begin = Callable[["Link"], Any]

# What a pipe should hold, so that neither process waits for the other: bytes (Linux allows anybody so many).
_PIPE = 1 << 20
_BEHIND = 1 << 18  # of them, in a pipe of one that has enough to do
_PLAIN = 0  # the version of `marshal` that looks for nothing that stands twice: in a fourth of the time, for 1 % more bytes
_SIZE = 4  # bytes of the length before each message
_FIRST, _MANY = 256, 16  # connections are shared where the first so many items are of so many
# How much of the pipe should be full, and how fast the share of connections that are explained there follows what is.
_HALF, _PACE = 0.4, 0.01
_MOST = 48  # items of a message: a read may bring very many small ones, and what has just come is near

_ENDS = frozenset(("advice", "error"))
# A message is a list of what came, in order:
#   (text, line)                                              prose, whole lines
#   (line, text, head, layout, dress, data, packet)           a packet with rows of one layout; what `look` says of it, if anything
#   (..., piece)                                              the same, with a piece; of its text only what stands before the rows
#                                                             where that has it
#   [stride, columns, text column]                            the next number for a layout
#   (first line, last line, why)                              lines that could not be read
#   bytes                                                     anything else, pickled
#   True or False                                             connections that begin from here on are explained there, or not
#   {"pieces": [...]}                                         what is said there of packets and connections, for `Ahead.piece`
#   {"ask": ..., "value": ...}                                a question; the answer goes back
#   {"clock": ..., "weights": ...}                            for `Flows.exchange`
#   {"advice": ..., "cut": ...} or {"error": bytes}           the end of the text
#   {"errors": bool}                                          the end of what is said there, if anything is
#
# A piece is 0 (the packet's lines alone), the output in bytes, a tuple of what else a renderer makes of it, or a list: one of
# these, teaching notes that were given, certificates that were seen.
Message = List[Any]


class Ahead:
    """The rest of a text, read by a second process: iterate it for lists of items, then see `advice` and `cut`.

    `strip`, `dumps` and `look` have seen what came before; `dumps` is told what the other one could not read. `chunks` is
    read on in the other process alone. Raises OSError as `chunks` does, or where no process can be had.
    """

    # Is asked about each packet that was looked at and has no flag but ACK, as it came through the pipe: where it has seen to
    # it, no item is made of it.
    silent: Optional[Callable[[Entry], bool]] = None
    # The same of packets that come with a piece.
    passes: Callable[[Entry], bool]
    # Is told whether connections that begin now are explained by the other process; answers what that asks.
    takes: Callable[[bool], None]
    answers: Callable[[str, Any], Any]

    def __init__(
        self, strip: Stripper, dumps: Reader, look: Look, chunks: Iterator[bytes], begin: Optional[Begin] = None,
        early: bool = False,
    ) -> None:
        """`begin` makes, in the other process, what explains some of the connections. With `early` nothing was read before: it
        is asked only if that pays."""
        self.strip, self.dumps, self.look = strip, dumps, look
        self.advice: List[Tuple[int, str]] = []  # as of the Reader
        self.cut = False  # as of the Stripper
        self._layouts: List[Tuple[int, Layout]] = []
        self._rest: Iterator[Any] = iter(())  # of the message at hand
        self._pieces: Deque[Any] = deque()
        self._shares = False  # the other process explains connections, or has done so
        self._errors: Optional[bool] = None
        self._weights: Dict[int, Dict[int, int]] = {}  # of the other's connections, by the clock of its `Flows`
        pipes = [*os.pipe(), *os.pipe()]
        ours, theirs, answers, back = pipes
        try:
            self._process = os.fork()
        except OSError:
            for each in pipes:
                os.close(each)
            raise
        if not self._process:
            os.close(ours)
            os.close(back)
            _read(theirs, answers, strip, dumps, look, chunks, begin, early)
        os.close(theirs)
        os.close(answers)
        self._pipe, self._back = ours, back
        self._room = memoryview(bytearray(_PIPE // 4))  # for one message after the other

    def __iter__(self) -> Iterator[Iterator[Item]]:
        while True:
            message = self._message()
            last = message.pop() if isinstance(message[-1], dict) and _ENDS.intersection(message[-1]) else None
            yield self._items(message)
            if last is not None:
                self._end(last)
                return

    def _message(self) -> Message:
        message: Message = marshal.loads(self._take(int.from_bytes(self._take(_SIZE), "little")))
        return message

    def piece(self) -> Any:
        """What the other process says where the text has come to."""
        pieces = self._pieces
        while not pieces:
            for _ in self._rest:
                raise ChildProcessError("two processes that share its connections do not agree (HEXNOTE_SLOW=1 has one read it)")
            for entry in self._message():
                self._said(entry)
        return pieces.popleft()

    def exchange(self, clock: int, weights: Dict[int, int]) -> Dict[int, int]:
        """As `Flows.exchange`."""
        if self._shares and self._errors is None:
            self._write({"clock": clock, "weights": weights})
        for each in [each for each in self._weights if each < clock - OFTEN]:
            del self._weights[each]
        return self._weights.pop(clock - OFTEN, {})

    def errors(self) -> bool:
        """Whether the other process has made a finding of severity error. To be asked behind all else."""
        while self._shares and self._errors is None:
            for entry in self._message():
                self._said(entry)
        return bool(self._errors)

    def _said(self, entry: Any) -> None:
        """What the other process says besides the items."""
        if "pieces" in entry:
            self._pieces += entry["pieces"]
        elif "ask" in entry:
            self._write({"answer": self.answers(entry["ask"], entry["value"])})
        elif "weights" in entry:
            self._weights[entry["clock"]] = entry["weights"]
        else:
            self._errors = entry["errors"]

    def _write(self, answer: Dict[str, Any]) -> None:
        """Says something to the other process, if it is still there."""
        import pickle

        data = pickle.dumps(answer, -1)
        try:
            os.write(self._back, len(data).to_bytes(_SIZE, "little") + data)
        except BrokenPipeError:
            pass

    def close(self) -> None:
        """Nothing more is wanted: the other process ends."""
        import signal

        os.close(self._pipe)
        os.close(self._back)
        try:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        except OSError:
            pass

    def _take(self, size: int) -> memoryview:
        """The next bytes of the pipe, no more of them: what lies in it tells the other process how far behind this one is."""
        if size > len(self._room):
            self._room = memoryview(bytearray(size + size // 2))
        whole = self._room[:size]
        rest = whole
        while rest:
            count = os.readv(self._pipe, (rest,))
            if not count:
                raise ChildProcessError("the process that reads it has come to an end")
            rest = rest[count:]
        return whole

    def _end(self, last: Dict[str, Any]) -> None:
        if "error" in last:
            import pickle

            raise pickle.loads(last["error"])
        self.advice, self.cut = [(line, text) for line, text in last["advice"]], last["cut"]

    def _items(self, message: Message) -> Iterator[Item]:
        """The items of a message, one by one: what could not be read is reported between them, where it stood."""
        silent, layouts = self.silent, self._layouts
        rest = self._rest = iter(message)
        for entry in rest:
            kind = type(entry)
            if kind is tuple:
                size = len(entry)
                if size == 7:
                    seen = entry[6]
                    if silent is None or seen is None or seen[0][layers.FLAGS] != "A" or not silent(entry):
                        yield _block(entry, layouts)
                elif size == 8:
                    self._pieces.append(entry[7])
                    if silent is None or entry[6] is None or not self.passes(entry):
                        yield _block(entry, layouts)
                elif size == 2:
                    yield Prose(*entry)
                else:
                    self.dumps.report(*entry)
            elif kind is list:
                stride, columns, column = entry
                layouts.append((stride, Layout(columns, column)))
            elif kind is bool:
                self._shares = True
                self.takes(entry)
            elif kind is dict:
                self._said(entry)
            else:
                import pickle

                yield pickle.loads(entry)


def _block(entry: Entry, layouts: List[Tuple[int, Layout]]) -> Block:
    line, text, head, number, dress, data, seen = entry[:7]
    block = Block(PACKET, line, text, head)
    block.stride, block.layout = layouts[number]
    block.data, block.dress, block.clear = data, dress, True
    if seen is not None:
        block.packet = told(entry)
    return block


def whole(chunks: Iterator[bytes], begin: Optional[Begin] = None) -> Optional[Ahead]:
    """A process that reads all of a text; None where none can be had. `begin`: as of Ahead."""
    dumps = Reader(resources.folder("dumps"), layers.measure, made=resources.made)
    try:
        return Ahead(Stripper(hold=False), dumps, Look(), chunks, begin, True)
    except OSError:
        return None


# ---------------------------------------------------------------- in the other process


def _read(
    pipe: int, answers: int, strip: Stripper, dumps: Reader, look: Look, chunks: Iterator[bytes], begin: Optional[Begin],
    early: bool,
) -> None:
    """All that the other process does. It never returns."""
    try:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process knows what to do
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)  # whoever reads the output must see its end when the first process has ended
        _widen(pipe)
        _watch(pipe)
        _Sender(pipe, dumps, look, answers, begin, early).all(strip, chunks)
    except BrokenPipeError:  # the first process has ended
        pass
    finally:
        os._exit(0)


def _widen(pipe: int) -> None:
    """Have the pipe hold more, where that can be had."""
    try:
        import fcntl

        fcntl.fcntl(pipe, getattr(fcntl, "F_SETPIPE_SZ", 1031), _PIPE)
    except (ImportError, OSError):
        pass


def _unread() -> Callable[[int], int]:
    """How many bytes lie in a pipe; where that cannot be told, as if there were very many."""
    try:
        from array import array
        from fcntl import ioctl
        from termios import FIONREAD
    except ImportError:
        return lambda pipe: _PIPE
    size = array("i", (0,))

    def unread(pipe: int) -> int:
        try:
            ioctl(pipe, FIONREAD, size)
        except OSError:
            return _PIPE
        return size[0]

    return unread


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


class _Sender:
    """Items to messages."""

    def __init__(
        self, pipe: int, dumps: Reader, look: Look, answers: int = -1, begin: Optional[Begin] = None, early: bool = True,
    ) -> None:
        self._pipe = pipe
        self._look = look
        self._dumps = dumps
        self._reports = dumps.relay()
        self._layouts: Dict[Tuple[int, Layout], int] = {}
        self._left = _unread()  # of what was sent
        self._looks = True
        self._message: Message = []
        self._link = Link(self, answers, pipe)
        self._begin = begin  # None as soon as it is settled whether connections are shared
        self._before: Optional[List[Any]] = [] if early else None  # what was sent before that
        self._partner: Any = None
        self._part = self._due = 0.3  # the share of connections that are explained here, and what is due of them
        self._passes: Optional[Callable[[Entry], bool]] = None  # of the partner

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
            return
        except BrokenPipeError:
            raise
        except Exception as error:
            import pickle

            self._message.append({"error": pickle.dumps(error)})
        self.send()

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
        seen, message, link = self._look.seen, self._message, self._link
        for line, text, head, data in packets.each:
            found = seen(data, text[:head]) if self._looks else None
            entry = (line, text, head, number, dress, data, found)
            link.entry = entry
            if found is None or self._passes is None or not self._passes(entry):
                self._add(entry)
                continue
            if link.pieces or link.entry is None:
                self._deliver(entry, False)
            else:
                message.append(entry)
            if len(message) >= _MOST:
                self.send()
                self._weigh()

    def _add(self, entry: Any, item: Optional[Item] = None) -> None:
        """Put an entry, which is `item`, into a message; one that has enough of them is sent."""
        message, partner = self._message, self._partner
        if partner is None:
            message.append(entry)
            if self._begin is not None:
                self._keep(entry, item)
        else:
            self._told(entry, item)
        if len(message) >= _MOST:
            self.send()
            self._weigh()

    def _weigh(self) -> None:
        """Who has time, by what lies in the pipe."""
        left = self._left(self._pipe)
        partner = self._partner
        if partner is None:
            self._looks = left >= _BEHIND or self._begin is not None
            return
        if partner.idle():
            self._partner = self._passes = None
            if partner.takes:
                self._message.append(False)
            self._message.append({"errors": partner.owner.errors})
            return
        takes = self._takes(left)
        if partner.takes is not takes:
            partner.takes = partner.flows.taken = takes
            self._message.append(takes)

    def _takes(self, left: int) -> bool:
        """Whether this process explains connections that begin now. They have to be explained until their ends: the share of them
        follows slowly what is left in the pipe, so that neither process waits for the other."""
        self._part = min(max(self._part + _PACE * (left / _PIPE - _HALF), 0), 1)
        self._due = min(self._due + self._part, 1)
        if self._due < 1 or left < _BEHIND:
            return False
        self._due = 0
        return True

    def _entry(self, item: Item) -> Any:
        if isinstance(item, Prose) and not item.torn:
            return item.text, item.line
        if isinstance(item, Prose) or not item.clear or item.kind != PACKET or item.layout is None or not item.stride \
                or item.offset:
            import pickle

            return pickle.dumps(item, -1)
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
        self._send(message)
        message.clear()

    def _send(self, message: Message) -> None:
        data = marshal.dumps(message, _PLAIN)
        size = len(data).to_bytes(_SIZE, "little")
        sent = os.writev(self._pipe, (size, data))
        if sent < _SIZE + len(data):
            rest = memoryview(size + data)[sent:]
            while rest:
                rest = rest[os.write(self._pipe, rest) :]

    # ------------------------------------------------------------ connections that are shared

    def _keep(self, entry: Any, item: Optional[Item]) -> None:
        """Keeps the first items of a text, until it is known whether their connections are many."""
        before = self._before
        assert before is not None
        before.append((entry, item))
        if len(before) < _FIRST:
            return
        keys = {each[6][0][layers.KEY] for each, _ in before if type(each) is tuple and len(each) == 7 and each[6] is not None}
        if len(keys) < 2 * _MANY:
            self._begin, self._before = None, None
            return
        self.send()
        self._join()
        for each, item in before:
            if item is not None or not each[6] or not self._partner.passes(each):
                self._partner.take(each, item)
        self._before = None

    def _join(self) -> None:
        if self._begin is not None:
            self._partner = self._begin(self._link)
            self._passes = self._partner.passes
            self._message.append(False)
        self._begin = None

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
                self._send([{"pieces": pieces}])
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


class Link:
    """How what explains connections in the process that reads speaks with the other one."""

    def __init__(self, sender: _Sender, answers: int, pipe: int) -> None:
        self.pieces: List[Any] = []  # what is said of the item at hand
        self.entry: Any = None  # that item, while the other process has not got it
        self.layouts: List[Tuple[int, Layout]] = []
        self._sender = sender
        self._answers = answers
        self._weights: Dict[int, Dict[int, int]] = {}
        self._counted = -1  # the last clock of `exchange`

    def block(self, entry: Entry) -> Block:
        """A packet as it goes through the pipe."""
        return _block(entry, self.layouts)

    def ask(self, kind: str, value: Any = None, within: bool = True) -> Any:
        """The other process's answer: as things are there when it has come to where this one is. `within`: while something is
        being told of the item at hand; else at its beginning."""
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
        while True:
            answer = self._answer()
            if "answer" in answer:
                return answer["answer"]
            self._weights[answer["clock"]] = answer["weights"]

    def exchange(self, clock: int, weights: Dict[int, int]) -> Dict[int, int]:
        """As `Flows.exchange`."""
        self._sender._message.append({"clock": clock, "weights": weights})
        before, self._counted = self._counted, clock
        if before != clock - OFTEN:
            return {}
        self._sender.send()
        while before not in self._weights:
            answer = self._answer()
            self._weights[answer["clock"]] = answer["weights"]
        found = self._weights.pop(before)
        for each in [each for each in self._weights if each < clock]:
            del self._weights[each]
        return found

    def flush(self) -> None:
        """Sends the pieces that there are."""
        if self.pieces:
            self._sender._send([{"pieces": self.pieces}])
            self.pieces.clear()

    def _answer(self) -> Dict[str, Any]:
        import pickle

        answer: Dict[str, Any] = pickle.loads(self._take(int.from_bytes(self._take(_SIZE), "little")))
        return answer

    def _take(self, size: int) -> bytes:
        made = b""
        while len(made) < size:
            got = os.read(self._answers, size - len(made))
            if not got:
                raise BrokenPipeError
            made += got
        return made
