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

from hexnote import layers, resources
from hexnote.dumps import Reader
from hexnote.hints import Any, Callable, Deque, Dict, Iterator, List, Optional, Tuple
from hexnote.look import Entry, Look, block_of, told
from hexnote.model import Item, Layout, Prose
from hexnote.outlet import PIPE, SIZE
from hexnote.reading import ENDS, Begin, Message, block_from, read
from hexnote.streams import OFTEN
from hexnote.strip import Stripper

_KILL = 9  # SIGKILL everywhere; to load the module that has its name takes a millisecond
_APART = "two processes that share its connections do not agree (HEXNOTE_SLOW=1 has one read it)"


class Ahead:
    """The rest of a text, read by a second process: iterate it for lists of items, then see `advice` and `cut`.

    `strip`, `dumps` and `look` have seen what came before; `dumps` is told what the other one could not read. `chunks` is
    read on in the other process alone. Raises OSError as `chunks` does, or where no process can be had.
    """

    # Is asked about each packet that was looked at, as it came through the pipe: where it has seen to it, no item is made of it.
    explains: Optional[Callable[[Entry], bool]] = None
    # The same of packets that come with a piece.
    passes: Callable[[Entry], bool]
    # Is told whether connections that begin now are explained by the other process; answers what that asks.
    takes: Callable[[bool], None]
    answers: Callable[[str, Any], Any]

    def __init__(
        self, strip: Stripper, dumps: Reader, look: Look, chunks: Iterator[bytes], begin: Optional[Begin] = None,
        early: bool = False, steady: bool = False,
    ) -> None:
        """`begin` makes, in the other process, what explains some of the connections. With `early` nothing was read before: it
        is asked only if that pays. `steady`: `chunks` never keeps one waiting."""
        self.strip, self.dumps, self.look = strip, dumps, look
        self.advice: List[Tuple[int, str]] = []  # as of the Reader
        self.cut = False  # as of the Stripper
        self.layouts: List[Tuple[int, Layout]] = []  # by their numbers
        self._told: Message = []  # the message at hand
        self._rest: Iterator[Any] = iter(())  # what is left of it
        self._ended = False  # all of the text has come
        self._pieces: Deque[Any] = deque()
        self._over = False  # nothing more comes
        self.shares = False  # the other process explains connections, or has done so
        self._errors: Optional[bool] = None
        self._weights: Dict[int, Dict[int, int]] = {}  # of the other's connections, by the clock of its `Flows`
        self._taught = self._known = -1  # how many teaching notes were given here at the last message; of how many the other knows
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
            read(theirs, answers, strip, dumps, look, chunks, begin, early, steady)
        os.close(theirs)
        os.close(answers)
        self._pipe, self._back = ours, back
        os.set_blocking(back, False)
        self._unsent = b""  # for the other process, which may wait for this one: so this one does not wait for it
        self._counted = (-1, -1)  # the last clock of `exchange` here, and there
        self._room = memoryview(bytearray(PIPE // 4))  # for one message after the other

    def __iter__(self) -> Iterator[Iterator[Item]]:
        while not self._ended:
            message = self._told = self._message()
            last = message.pop() if isinstance(message[-1], dict) and ENDS.intersection(message[-1]) else None
            yield self._items(message)
            self._told, self._rest = [], iter(())
            if last is not None:
                self._end(last)

    def spare(self) -> Iterator[Tuple[bytes, Any]]:
        """What is left of the text, from the items on that were told last: text, and what the other process has said of it, where
        its lines stand there alone. That goes on until it has sent all of the text, and is answered nothing of use."""
        left = list(self._rest)
        for entry in self._told[: len(self._told) - len(left)]:
            yield from _spared(entry)
        while True:
            for entry in left:
                yield from _spared(entry)
                if type(entry) is not dict or self._over:
                    continue
                if "ask" in entry:
                    self._write({"answer": [] if entry["ask"] == "taught" else None})
                elif "weights" in entry:
                    self._write({"clock": entry["clock"], "weights": {}})
                elif "advice" in entry:
                    self._end(entry)
            if self._ended or self._over:
                return
            left = self._message()

    def _message(self) -> Message:
        message: Message = marshal.loads(self._take(int.from_bytes(self._take(SIZE), "little")))
        return message

    def piece(self) -> Any:
        """What the other process says where the text has come to; nothing, where it has come to an end too early."""
        pieces = self._pieces
        while not pieces:
            if self._over:
                return b""
            for _ in self._rest:
                raise ChildProcessError(_APART)
            for entry in self._message():
                self._said(entry)
        return pieces.popleft()

    def exchange(self, clock: int, weights: Dict[int, int]) -> Dict[int, int]:
        """As `Flows.exchange`."""
        if self.shares and self._errors is None and not self._over:
            self._counted = clock, self._counted[1]
            self._write({"clock": clock, "weights": weights})
        for each in [each for each in self._weights if each < clock - OFTEN]:
            del self._weights[each]
        return self._weights.pop(clock - OFTEN, {})

    def tell(self, notes: List[str]) -> None:
        """A message was told: which teaching notes were given until then. As soon as one gives no new ones, the other process,
        which explains connections, is told those that were."""
        size = len(notes)
        if size == self._taught != self._known and self._errors is None and not self._over:
            self._known = size
            self._write({"taught": notes})
        self._taught = size

    def errors(self) -> bool:
        """Whether the other process has made a finding of severity error. To be asked behind all else."""
        while self.shares and self._errors is None and not self._over:
            for entry in self._message():
                self._said(entry)
        return bool(self._errors)

    def _said(self, entry: Any) -> None:
        """What the other process says besides the items."""
        if type(entry) is not dict:
            raise ChildProcessError(_APART)  # a piece is waited for, and the text goes on
        if "pieces" in entry:
            self._pieces += entry["pieces"]
        elif "ask" in entry:
            answer = None
            try:
                answer = self.answers(entry["ask"], entry["value"])
            finally:  # it is waited for, whatever happens here
                self._write({"answer": answer})
        elif "weights" in entry:
            clock = entry["clock"]
            here, there = self._counted
            if here < there == clock - OFTEN:
                raise ChildProcessError(_APART)  # all that was said there before came here: it would wait for what never comes
            self._counted = here, clock
            self._weights[clock] = entry["weights"]
        elif "error" in entry:
            self._end(entry)
        else:
            self._errors = entry["errors"]

    def _write(self, answer: Dict[str, Any]) -> None:
        """Says something to the other process, if it is still there."""
        data = marshal.dumps(answer)
        self._unsent += len(data).to_bytes(SIZE, "little") + data
        self._push()

    def _push(self) -> None:
        """Sends what the other process has not got, as far as the pipe has room."""
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._back, self._unsent) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent = b""

    def _wait(self) -> None:
        """Waits until more can be read, and sends meanwhile what is to be sent."""
        import select

        readable: List[int] = []
        while self._unsent and not readable:
            readable, writable, _ = select.select((self._pipe,), (self._back,), ())
            if writable:
                self._push()

    def close(self) -> None:
        """Nothing more is wanted: the other process ends."""
        if self._over:
            return
        self._over = True
        os.close(self._pipe)
        os.close(self._back)
        try:
            os.kill(self._process, _KILL)
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
            if self._unsent:
                self._wait()
            count = os.readv(self._pipe, (rest,))
            if not count:
                self.close()
                raise ChildProcessError("the process that reads it has come to an end")
            rest = rest[count:]
        return whole

    def _end(self, last: Dict[str, Any]) -> None:
        if "error" in last:
            import pickle

            raise pickle.loads(last["error"])
        self._ended = True
        self.advice, self.cut = [(line, text) for line, text in last["advice"]], last["cut"]

    def _items(self, message: Message) -> Iterator[Item]:
        """The items of a message, one by one: what could not be read is reported between them, where it stood."""
        explains, layouts = self.explains, self.layouts
        rest = self._rest = iter(message)
        for entry in rest:
            kind = type(entry)
            if kind is tuple:
                size = len(entry)
                if size == 7:
                    if explains is None or entry[6] is None or not explains(entry):
                        yield block_of(entry, layouts, None if entry[6] is None else told(entry))
                elif size == 8:
                    self._pieces.append(entry[7])
                    if explains is None or entry[6] is None or not self.passes(entry):
                        yield block_of(entry, layouts, None if entry[6] is None else told(entry))
                elif size == 2:
                    yield Prose(*entry)
                else:
                    self.dumps.report(*entry)
            elif kind is list:
                stride, columns, column = entry
                layouts.append((stride, Layout(columns, column)))
            elif kind is bool:
                self.shares = True
                self.takes(entry)
            elif kind is dict:
                if "kind" in entry:
                    yield block_from(entry)
                else:
                    self._said(entry)
            else:
                import pickle

                yield pickle.loads(entry)


def _spared(entry: Any) -> Iterator[Tuple[bytes, Any]]:
    """The lines of an entry of a message, as `Ahead.spare` gives them."""
    if type(entry) is bytes:
        import pickle

        yield pickle.loads(entry).text, None
    elif type(entry) is dict and "kind" in entry:
        yield entry["text"], None
    elif type(entry) is tuple and len(entry) == 2:
        yield entry[0], None
    elif type(entry) is tuple and len(entry) > 3:
        text, head = entry[1:3]
        piece = entry[7] if len(entry) == 8 and len(text) == head else None  # which has the rows, then
        yield text, piece[0] if type(piece) is list else piece


def whole(chunks: Iterator[bytes], begin: Optional[Begin] = None, steady: bool = False) -> Optional[Ahead]:
    """A process that reads all of a text; None where none can be had. `begin` and `steady`: as of Ahead."""
    dumps = Reader(resources.folder("dumps"), layers.measure, made=resources.made, usual=layers.usual)
    try:
        return Ahead(Stripper(hold=False), dumps, Look(), chunks, begin, True, steady)
    except OSError:
        return None
