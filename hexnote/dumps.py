"""Pasted text cut into prose and blocks of dump rows.

The grammar (`grammars/dumps/*.lark`) says what a text is made of and how the lines of each dump
format look; Lark makes the parser's tables of it. The lexer reads a stream: it takes chunks as they
come, keeps no more than the block at hand, and gives an END as soon as a block is known to be whole.
What the lines are is decided by their look and by the offsets and bytes that came before, never by
what comes later, one line after a summary line excepted; so the items are the same however the
input is cut.
"""

from __future__ import annotations

import re
from collections import deque

from hexnote.drafts import LONG, Past
from hexnote.hints import TYPE_CHECKING, Any, Callable, Deque, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple
from hexnote.language import Language, Machine, Made
from hexnote.lexer import Found, Lexer, Token
from hexnote.model import Item, Packets, Prose, Summary
from hexnote.patterns import Late
from hexnote.quick import QUICK
from hexnote.washing import dirty, wash

if TYPE_CHECKING:
    from hexnote.endless import Endless

Measure = Callable[[bytes], int]
Usual = Callable[[bytes], Any]

_LETTERS = {"F": "F", "S": "S", "R": "R", "P": "P", ".": "A", "U": "U", "E": "E", "W": "C"}
_WORDS = {"fin": "F", "syn": "S", "rst": "R", "psh": "P", "pus": "P", "ack": "A", "urg": "U", "ece": "E", "cwr": "C"}

# A packet's time, where quoting, a log driver's prefix or a line number stands before it; the last one is tcpdump's own.
_TIME = Late(rb"(?<![\w.:-])(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d{6,9}(?= )|(?<![\w.:-])\d{9,10}\.\d{6,9}(?= )")
_TIME_WITHIN = 200
_ICMP = b": ICMP"  # in the summary line of such a message
# One that was wrapped behind a digit, before it says how much the packet carries; or anywhere, as quoted-printable says.
_CUT = Late(rb": Flags \[(?:(?![^\n]{0,2000}, length \d)[^\n]{0,2000}\d\s*|[^\n]{0,2000}\d=\r?\n)\Z")
# The summary line that most traces have: no other format begins so.
_PLAIN = re.compile(rb"(\d\d:\d\d:\d\d\.\d{6}) IP6? [^ \n]{1,80} > [^ \n]{1,80}: Flags \[")

# What the first lines of each kind of `advice` mean, by the part of the terminal's name before "_".
_ADVICE = {
    "ASCII": "tcpdump -A shows text, in which most bytes are dots: ask for the hex with tcpdump -X",
    "CURLASCII": "curl --trace-ascii shows text, in which most bytes are dots: ask for the hex with curl --trace FILE",
    "TREE": "a tree of fields without bytes: print them too with tshark -V -x, or copy them as Hex + ASCII dump",
    "OCTAL": "od without options prints octal words: print bytes with od -A x -t x1z, or hexdump -C",
    "NUMBERS": "od prints numbers of several bytes, in the machine's order: print bytes with od -A x -t x1z, or hexdump -C",
    "SIGNS": "od prints octal numbers and signs: print bytes with od -A x -t x1z, or hexdump -C",
    "BITS": "xxd -b prints bits: print bytes with xxd",
    "REPR": "a program's string shows bytes as escapes and signs: print them in hex (Python: data.hex())",
    "DECIMAL": "bytes are shown as decimal numbers: print them in hex",
    "ESCAPES": "a string shows bytes as escapes that are not hex, or not all of them: print them in hex",
    "PLAINHEX": "bytes are shown as numbers of one digit or two: print two for each (Go: %x, Python: data.hex())",
    "HEXFILE": "addresses and checksums stand around the bytes: take them out with objcopy -I ihex (srec) -O binary, then xxd",
    "TRACE": "openssl s_client -trace prints a tree of fields: print the bytes too with -debug",
    "NETLOG": "the net log's viewer: print \"bytes\" of the exported JSON in hex with base64 -d FILE | xxd",
    "JSONLINE": "tshark -T json prints payloads without their packets: print those too with -x",
    "ROWS": "bytes stand here in hex, in a form that is not known: print them with xxd or hexdump -C, a row in each line",
    "NODE": "Node shows the first 50 bytes of a Buffer alone: print all of them in hex with buffer.toString('hex')",
    "STRACE": "strace shows the first bytes of each call, as escapes: print all of them in hex with strace -xx -s 16384",
    "EAP": "TLS inside of EAP or of its library's log is not put together: cut its bytes out, from 16 03 on, fragment behind "
    "fragment, and paste them in hex",
    "BASE64": "base64 shows no bytes: print them in hex with base64 -d FILE | xxd",
}
# Those that are no reason where bytes were read too.
_BESIDES = ("TREE", "REPR", "DECIMAL", "NODE", "BASE64", "ESCAPES", "PLAINHEX", "HEXFILE", "TRACE", "NETLOG", "JSONLINE", "ROWS",
            "STRACE", "EAP")


def _tell(children: List[Token]) -> None:
    """What the parser does at the end of a block or of a line of prose: the item of its last token is told."""
    last = children[-1]
    if last.item is not None and last.out is not None:
        last.out.append(last.item)


_ACTIONS = {"block": _tell, "prose": _tell}

_language: List[Tuple[Mapping[str, str], Language]] = []


def language(grammars: Mapping[str, str], made: Optional[Made] = None) -> Language:
    """The grammar compiled; kept, for there is rarely more than one."""
    if not _language or _language[0][0] != grammars:
        _language[:] = [(dict(grammars), Language(grammars, made))]
    return _language[0][1]


class Reader:
    """Dump text to items, in the order of the text; their texts joined are the input.

    `grammars`: the texts of `grammars/dumps/*.lark` by file name. `measure(data)` tells, for the
    first bytes of a packet's dump, how many bytes link header and IP datagram have in all (by IP's
    total length), 0 if that cannot be told. With `slow` every row is read on its own and every
    block has explicit `rows`; nothing else differs. `made` brings the grammar's tables if they were
    made before. `usual(data)` tells what the headers of most packets say, so that nobody needs to look
    again: a tuple whose last item is what `measure` says; None where it is none of those.

    Any bytes at all are a text: nothing is raised. Exhaust each iterator before the next call.
    """

    def __init__(
        self, grammars: Mapping[str, str], measure: Measure, slow: bool = not QUICK, made: Optional[Made] = None,
        usual: Usual = lambda data: None,
    ) -> None:
        known = language(grammars, made)
        self._vocabulary = known.vocabulary
        self._past = Past(measure, usual)
        self._lexer = Lexer(known.vocabulary, self._past, slow)
        self._machine = Machine(known.tables, _ACTIONS)
        self._tail: List[bytes] = []  # a line that has no LF yet
        self._size = 0
        self._endless: Optional[Endless] = None  # a line that is too long to be held
        self._fed: Deque[bytes] = deque()  # the chunks that have what is `left`
        self._size_fed = self._unsure = 0  # bytes of them, and of that
        self.first = 1  # the number of its first line

    def feed(self, chunk: bytes) -> Iterator[Item]:
        """Takes the next bytes of the text; gives the items that are now certain."""
        return _singly(self.together(chunk))

    def together(self, chunk: bytes) -> Iterator[Found]:
        """The same, but for packets that follow each other and are read at once: they come together."""
        self._keep(chunk)
        while chunk:
            if self._endless is not None:
                end = chunk.find(b"\n") + 1
                yield from self._endless.feed(chunk[:end] if end else chunk, bool(end))
                if not end:
                    return
                self._endless = None
                self._lexer.line += 1
                chunk = chunk[end:]
                continue
            at = self._too_long(chunk)
            stop = chunk.rfind(b"\n") + 1 if at < 0 else at
            if stop:
                self._tail.append(chunk[:stop])
                yield from self._parse()
                chunk = chunk[stop:]
            if at < 0:
                if chunk:
                    self._tail.append(chunk)
                    self._size += len(chunk)
                return
            room = LONG - self._size
            begin = b"".join([*self._tail, chunk[:room]])
            self._tail, self._size = [], 0
            yield from self._parse(closing=True)
            from hexnote.endless import Endless

            self._endless = Endless(begin, self._lexer.line, self._past, self._lexer.report)
            yield from self._endless.feed(b"", False)
            chunk = chunk[room:]

    def _too_long(self, chunk: bytes) -> int:
        """Where in the chunk a line begins, or goes on, that is too long to be held; -1: nowhere."""
        pos, room = 0, LONG - self._size
        while len(chunk) - pos >= room:
            end = chunk.rfind(b"\n", pos, pos + room)
            if end < 0:
                return pos
            pos, room = end + 1, LONG
        return -1

    @property
    def left(self) -> bytes:
        """The text of which no items may have been taken: what was fed last, and what was in no item before that."""
        return b"".join(self._fed)[self._size_fed - self._unsure :]

    def _keep(self, chunk: bytes) -> None:
        """More of the text comes: it is kept until its items were taken, which is so when still more comes, or the end."""
        fed, endless = self._fed, self._endless
        pending = self._size + self._lexer.pending + (endless.pending if endless is not None else 0)
        while fed and self._size_fed - len(fed[0]) >= pending:
            self._size_fed -= len(fed.popleft())
        fed.append(chunk)
        self._size_fed += len(chunk)
        self._unsure = pending + len(chunk)
        self.first = self._lexer.line

    def close(self) -> Iterator[Item]:
        """The rest, at the end of the text."""
        return _singly(self._close())

    def _close(self) -> Iterator[Found]:
        self._keep(b"")
        if self._endless is not None:
            yield from self._endless.feed(b"", True)
            self._endless = None
            yield Prose(b"", self._lexer.line)  # no more of the line will come
        yield from self._parse(closing=True)

    @property
    def advice(self) -> List[Tuple[int, str]]:
        """(input line, sentence): why bytes of the text read so far cannot be had, and which command shows them.

        One for each reason, with the first line that shows it; some are no reason where bytes were read too.
        """
        told: Dict[str, Tuple[int, str]] = {}
        for line, name in self._lexer.advice:
            reason = name.partition("_")[0]
            if reason in _ADVICE and not (reason in _BESIDES and self._past.any_rows):
                told.setdefault(reason, (line, _ADVICE[reason]))
        return list(told.values())


    def relay(self) -> List[Tuple[int, int, str]]:
        """From now on reports of lines that cannot be read are put into this list, and not kept: for `report` of another
        Reader, which keeps those of the same text."""
        reports: List[Tuple[int, int, str]] = []
        self._lexer.relayed = reports
        return reports

    def report(self, first: int, last: int, why: str) -> None:
        """Takes a report of lines that cannot be read."""
        self._lexer.report(first, last, why)

    @property
    def unreadable(self) -> List[Tuple[int, int, str]]:
        """(first line, last line, why): lines that look like rows of a dump and were left as prose, so far."""
        return list(self._lexer.unreadable)

    def summary(self, header: bytes) -> Optional[Summary]:
        """Reads the head of a block: a summary line, or two; None where it says nothing that is known."""
        if b"<" in header or dirty(header, 0, len(header)):
            header = wash(header)[0]
        quotes = header.find(_ICMP)
        if quotes >= 0:
            header = header[: quotes + 2]  # behind it stand the ends of another packet
        plain = QUICK and _PLAIN.match(header) is not None
        for terminal in self._vocabulary.terminals.values():
            if terminal.kind == "summary" and (not plain or terminal.name.startswith("TCPDUMP")):
                match = self._vocabulary.pattern(terminal.name).match(header)
                if match:
                    groups = match.groupdict()
                    if _CUT.search(header):
                        # The line was wrapped in the midst of it: the number at its end may be but the beginning of one.
                        last = len(header.rstrip(b"= \t\r\n"))
                        numbers = {"seq", "end", "ack", "len"} & groups.keys()
                        groups.update((name, None) for name in numbers if match.end(name) == last)
                    summary = _summary(groups)
                    return summary if summary.time else summary._replace(time=_time(header))
        return None

    def stamp(self, header: bytes) -> Optional[str]:
        """The time that `summary` reads, as printed: for every packet, where the summary is not needed otherwise."""
        plain = _PLAIN.match(header) if QUICK else None
        # A carriage return or a backspace within the line would write over the time.
        if plain is not None and header.find(b"\r", 0, -2) < 0 and b"\b" not in header:
            return plain[1].decode("ascii")
        summary = self.summary(header)
        return summary.time if summary is not None else None

    def _parse(self, closing: bool = False) -> Iterator[Found]:
        """Parses the lines that have come; also one without LF, when closing."""
        lexer = self._lexer
        lexer.feed(self._tail)
        self._tail, self._size = [], 0
        lexer.closing = closing
        out = lexer.out
        take = self._machine.feed
        for token in lexer.tokens():
            take(token.type, token)
            if len(out) == 1:
                yield out.pop()
            elif out:
                yield from out
                out.clear()
        lexer.closing = False


def _singly(found: Iterator[Found]) -> Iterator[Item]:
    """Items one by one."""
    for each in found:
        if isinstance(each, Packets):
            yield from each.blocks()
        else:
            yield each


def _time(header: bytes) -> Optional[str]:
    """The last time in the beginning of a summary line, as printed."""
    found = list(_TIME.finditer(header, 0, _TIME_WITHIN))
    return bytes(found[-1][0]).decode("ascii") if found else None


def _summary(groups: Mapping[str, Optional[bytes]]) -> Summary:
    """The Summary that the named groups of a terminal of `summary` give."""

    def text(name: str) -> Optional[str]:
        value = groups.get(name)
        return None if value is None else value.decode("utf-8", "replace").strip()

    def number(name: str) -> Optional[int]:
        value = groups.get(name)
        return None if value is None else int(value)

    letters = set()
    for word in (text("flags") or "").replace(",", " ").split():
        whole = _WORDS.get(word[:3].lower())
        letters |= {whole} if whole else {_LETTERS.get(c, "") for c in word}
    ack = number("ack")
    if ack is not None:
        letters.add("A")
    flags = "".join(c for c in "FSRPAUEC" if c in letters)
    return Summary(
        text("time"), text("src"), text("sport"), text("dst"), text("dport"), flags,
        number("seq"), number("end"), ack, number("len"),
    )


def blocks(chunks: Iterable[bytes], grammars: Mapping[str, str], measure: Measure) -> Iterator[Item]:
    """The items of a text that comes in chunks: see Reader."""
    reader = Reader(grammars, measure)
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.close()
