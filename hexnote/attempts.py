"""Connections that are over, as far as a later one of the same two ends is to be compared with them.

What is kept is bounded: of clients and servers of which a connection failed those that were used last, and some connections
that came through, since one that is silent is known to have failed long after the next one. What is told of them is told
when the input is over.
"""

from __future__ import annotations

from hexnote import facts
from hexnote.hints import Any, Callable, Dict, Iterator, List, Optional, Tuple
from hexnote.model import Attempt, Connection, Hello, Story

# Pairs of client and server of which a connection failed; connections of one pair; connections that came through.
PAIRS, SERIES, WELL = 256, 16, 512
# Sessions that servers gave; those that were offered and not taken up.
GIVEN, OFFERED = 512, 256

_Pair = Tuple[str, str]


class Attempts:
    """Remembers them, those used last. `names`: registry to its table, as of Story."""

    def __init__(self, names: Callable[[str], Any]) -> None:
        self._names = names
        self._failed: Dict[_Pair, List[Attempt]] = {}  # with at least one that failed
        self._more: Dict[_Pair, int] = {}  # of which more have been than are kept
        self._well: Dict[int, Attempt] = {}
        self._given: Dict[bytes, Attempt] = {}
        self._offered: Dict[int, Tuple[Attempt, Optional[Attempt]]] = {}  # with the connection that gave it, once that is over

    def add(self, values: Tuple[Any, ...]) -> None:
        """A connection is over: the values of an Attempt."""
        attempt = Attempt(*values)
        given = self._given
        for name in attempt.given[:2]:
            if name:
                given[name] = attempt
                if len(given) > GIVEN:
                    del given[next(iter(given))]
        if attempt.offered:
            self._offered[attempt.number] = attempt, given.get(attempt.offered)
            if len(self._offered) > OFFERED:
                del self._offered[next(iter(self._offered))]
        pair = (attempt.client, attempt.server)
        series = self._failed.pop(pair, None)
        if series is None:
            if not attempt.how:
                well = self._well
                well[attempt.number] = attempt
                if len(well) > WELL:
                    del well[next(iter(well))]
                return
            series = [a for a in self._well.values() if (a.client, a.server) == pair]
            if len(self._failed) >= PAIRS:
                gone = next(iter(self._failed))
                del self._failed[gone]
                self._more.pop(gone, None)
        self._failed[pair] = series
        if not attempt.how:
            before = max((each for each in series if each.first < attempt.first), key=lambda each: each.first, default=None)
            if before is not None and not before.how:
                return  # that it came through once more is no news
        if len(series) >= SERIES:
            del series[SERIES // 2]
            self._more[pair] = self._more.get(pair, 0) + 1
        series.append(attempt)

    def failed(self, client: str, server: str) -> Any:
        """As of Story: the last of a pair that failed."""
        found: Optional[Attempt] = None
        for attempt in self._failed.get((client, server), ()):
            if attempt.how and (found is None or attempt.last > found.last):
                found = attempt
        return None if found is None else (found.number, found.last, found.how, found.side, found.description, found.heard)

    @property
    def any(self) -> bool:
        """Whether there may be something to tell."""
        return bool(self._failed or self._offered)

    def told(self) -> Iterator[Tuple[Story, List[Attempt], int]]:
        """Attempts one behind the other, of which at least the first one failed: what the last one may be told with, they, and how
        many more of the pair are not remembered."""
        for pair, known in self._failed.items():
            for series in _series(known):
                yield self._story(series[-1]), [_read(each) for each in series], self._more.get(pair, 0)

    def apart(self) -> Iterator[Tuple[Story, Attempt, Attempt]]:
        """Of a client whose attempts all failed at one address: one of them, and one of the same name at another address that came
        through; what the later of the two may be told with."""
        well = [a for a in [*self._well.values(), *(a for known in self._failed.values() for a in known)] if not a.how]
        read: Dict[int, Attempt] = {}
        for known in self._failed.values():
            barred = _read(known[0])
            name, port = barred.hello.server_name, _port(barred)
            if not name or not all(a.how for a in known):
                continue
            for other in well:
                if other.server == barred.server or _port(other) != port:
                    continue
                if other.client != barred.client and (":" in other.client) == (":" in barred.client):
                    continue  # of two clients, or of one that has addresses of both kinds
                reached = read.get(other.number)
                if reached is None:
                    reached = read[other.number] = _read(other)
                if reached.hello.server_name == name:
                    yield self._story(max(barred, other, key=lambda a: a.first)), barred, reached
                    break

    def declined(self) -> Iterator[Tuple[Story, Attempt, Attempt]]:
        """A connection whose client offered a session that was of no use, and that in which it was given; what the former may be
        told with."""
        for attempt, giver in self._offered.values():
            giver = giver or self._given.get(attempt.offered)
            if giver is not None and giver.number < attempt.number:
                yield self._story(attempt), _read(giver), _read(attempt)

    def _story(self, attempt: Attempt) -> Story:
        """As much of a story as it takes to tell of an attempt."""
        connection = Connection(attempt.number)
        story = Story(connection)
        story.names = self._names
        story.hello = _read(attempt).hello
        story.ends = (attempt.client, attempt.server)
        return story


def _port(attempt: Attempt) -> str:
    return attempt.server.rpartition(":")[2]


def _series(known: List[Attempt]) -> Iterator[List[Attempt]]:
    """Those that follow each other, each begun when the one before had failed, up to one that came through. What began before that
    stands beside it."""
    series: List[Attempt] = []
    for attempt in sorted(known, key=lambda a: a.first):
        if series and attempt.first <= series[-1].last:
            continue
        if attempt.how:
            series.append(attempt)
            continue
        if series:
            yield [*series, attempt]
        series = []
    if len(series) > 1:
        yield series


def _read(attempt: Attempt) -> Attempt:
    """With its hello read."""
    if isinstance(attempt.hello, Hello):
        return attempt
    read = facts.ssl2_hello if attempt.format == "ssl2" else facts.client_hello
    return attempt._replace(hello=read(attempt.hello))
