"""A long text read by a second process, while this one explains what was read before.

The corridor is cut where it is narrow: in front of the cut text becomes items (`dumps`), and what can be told of a
packet by its own bytes alone is told; behind it stands all that remembers anything of connections. Items come through a
pipe in the order of the text, so that the output is the same bytes, and what is known is told as soon as it is known:
whatever one read has brought is sent at once. Nothing here is needed: where a second process cannot be had, or does not
pay, the text is read by this one.
"""

from __future__ import annotations

import marshal
import os
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Union

from hexnote import layers, resources
from hexnote.dumps import Reader
from hexnote.look import Look
from hexnote.model import PACKET, Block, Item, Layout, Packet, Packets, Prose
from hexnote.strip import Stripper

# What a pipe should hold, so that neither process waits for the other: bytes (Linux allows anybody so many).
_PIPE = 1 << 20
_BEHIND = 1 << 18  # of them, in a pipe of one that has enough to do
_SIZE = 4  # bytes of the length before each message
_MOST = 48  # items of a message: a read may bring very many small ones, and what has just come is near

# A message is a list of what came, in order:
#   (text, line)                                              prose, whole lines
#   (line, text, head, layout, dress, data, packet)           a packet with rows of one layout; what `look` says of it, if anything
#   [stride, columns, text column]                            the next number for a layout
#   (first line, last line, why)                              lines that could not be read
#   bytes                                                     anything else, pickled
#   {"advice": ..., "cut": ...} or {"error": bytes}           the end
Message = List[Any]


class Ahead:
    """The rest of a text, read by a second process: iterate it for lists of items, then see `advice` and `cut`.

    `strip`, `dumps` and `look` have seen what came before; `dumps` is told what the other one could not read. `chunks` is
    read on in the other process alone. Raises OSError as `chunks` does, or where no process can be had.
    """

    # Is asked about each packet that was looked at and has no flag but ACK, as it came through the pipe: where it has seen to
    # it, no item is made of it.
    silent: Optional[Callable[[Tuple[Any, ...]], bool]] = None

    def __init__(self, strip: Stripper, dumps: Reader, look: Look, chunks: Iterator[bytes]) -> None:
        self.strip, self.dumps, self.look = strip, dumps, look
        self.advice: List[Tuple[int, str]] = []  # as of the Reader
        self.cut = False  # as of the Stripper
        self._layouts: List[Tuple[int, Layout]] = []
        ours, theirs = os.pipe()
        try:
            self._process = os.fork()
        except OSError:
            os.close(ours)
            os.close(theirs)
            raise
        if not self._process:
            os.close(ours)
            _read(theirs, strip, dumps, look, chunks)
        os.close(theirs)
        self._pipe = ours
        self._room = memoryview(bytearray(_PIPE // 4))  # for one message after the other

    def __iter__(self) -> Iterator[Iterator[Item]]:
        while True:
            message: Message = marshal.loads(self._take(int.from_bytes(self._take(_SIZE), "little")))
            last = message.pop() if isinstance(message[-1], dict) else None
            yield self._items(message)
            if last is not None:
                self._end(last)
                return

    def close(self) -> None:
        """Nothing more is wanted: the other process ends."""
        import signal

        os.close(self._pipe)
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

    def block(self, entry: Tuple[Any, ...]) -> Block:
        """A packet as it came through the pipe."""
        line, text, head, number, dress, data, seen = entry
        block = Block(PACKET, line, text, head)
        block.stride, block.layout = self._layouts[number]
        block.data, block.dress, block.clear = data, dress, True
        if seen is not None:
            packet = block.packet = Packet(0, line)
            headers, packet.consistent = seen
            layers.tell(packet, headers)
            packet.data, packet.header, packet.dress = data, text[:head], dress
        return block

    def _items(self, message: Message) -> Iterator[Item]:
        """The items of a message, one by one: what could not be read is reported between them, where it stood."""
        silent = self.silent
        for entry in message:
            kind = type(entry)
            if kind is tuple:
                if len(entry) == 7:
                    seen = entry[6]
                    if silent is None or seen is None or seen[0][layers.FLAGS] != "A" or not silent(entry):
                        yield self.block(entry)
                elif len(entry) == 2:
                    yield Prose(*entry)
                else:
                    self.dumps.report(*entry)
            elif kind is list:
                stride, columns, column = entry
                self._layouts.append((stride, Layout(columns, column)))
            else:
                import pickle

                yield pickle.loads(entry)


def whole(chunks: Iterator[bytes]) -> Optional[Ahead]:
    """A process that reads all of a text; None where none can be had."""
    dumps = Reader(resources.folder("dumps"), layers.measure, made=resources.made)
    try:
        return Ahead(Stripper(hold=False), dumps, Look(), chunks)
    except OSError:
        return None


# ---------------------------------------------------------------- in the other process


def _read(pipe: int, strip: Stripper, dumps: Reader, look: Look, chunks: Iterator[bytes]) -> None:
    """All that the other process does. It never returns."""
    try:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process knows what to do
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)  # whoever reads the output must see its end when the first process has ended
        _widen(pipe)
        _watch(pipe)
        _Sender(pipe, dumps, look).all(strip, chunks)
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

    def __init__(self, pipe: int, dumps: Reader, look: Look) -> None:
        self._pipe = pipe
        self._look = look
        self._dumps = dumps
        self._reports = dumps.relay()
        self._layouts: Dict[Tuple[int, Layout], int] = {}
        self._left = _unread()  # of what was sent
        self._looks = True

    def all(self, strip: Stripper, chunks: Iterator[bytes]) -> None:
        """Read the text to its end."""
        try:
            for chunk in chunks:
                text = strip.feed(chunk)
                if text:
                    self._pass(self._dumps.together(text))
            text = strip.close()
            if text:
                self._pass(self._dumps.together(text))
            self._pass(self._dumps.close())
            message: Message = [{"advice": self._dumps.advice, "cut": strip.cut}]
        except BrokenPipeError:
            raise
        except Exception as error:
            import pickle

            message = [{"error": pickle.dumps(error)}]
        self._send(message)

    def _pass(self, items: Iterator[Union[Item, Packets]]) -> None:
        """Send the items of one read, in a message or a few."""
        message: Message = []
        reports = self._reports
        self._looks = self._left(self._pipe) >= _BEHIND
        for item in items:
            if reports:
                message += reports
                reports.clear()
            if isinstance(item, Packets):
                self._packets(item, message)
            else:
                self._add(self._entry(item, message), message)
        message += reports
        reports.clear()
        if message:
            self._send(message)

    def _packets(self, packets: Packets, message: Message) -> None:
        number, dress = self._number(packets.stride, packets.layout, message), packets.dress
        seen = self._look.seen
        for line, text, head, data in packets.each:
            found = seen(data, text[:head]) if self._looks else None
            self._add((line, text, head, number, dress, data, found), message)

    def _add(self, entry: Any, message: Message) -> None:
        """Put an entry into a message; one that has enough of them is sent."""
        message.append(entry)
        if len(message) >= _MOST:
            self._send(message)
            message.clear()
            self._looks = self._left(self._pipe) >= _BEHIND

    def _entry(self, item: Item, message: Message) -> Any:
        if isinstance(item, Prose) and not item.torn:
            return item.text, item.line
        if isinstance(item, Prose) or not item.clear or item.kind != PACKET or item.layout is None or not item.stride \
                or item.offset:
            import pickle

            return pickle.dumps(item, -1)
        number = self._number(item.stride, item.layout, message)
        seen = self._look.seen(item.data, item.text[: item.head]) if self._looks else None
        return item.line, item.text, item.head, number, item.dress, item.data, seen

    def _number(self, stride: int, layout: Layout, message: Message) -> int:
        """The number of a layout; a new one goes into the message."""
        number = self._layouts.get((stride, layout))
        if number is None:
            number = self._layouts[stride, layout] = len(self._layouts)
            message.append([stride, *layout])
        return number

    def _send(self, message: Message) -> None:
        data = marshal.dumps(message)
        size = len(data).to_bytes(_SIZE, "little")
        sent = os.writev(self._pipe, (size, data))
        if sent < _SIZE + len(data):
            rest = memoryview(size + data)[sent:]
            while rest:
                rest = rest[os.write(self._pipe, rest) :]
