"""What words tell of handshakes: records and messages read out of prose, through a grammar (`grammars/words/words.lark`).

Repeats of a packet (a quoted mail) count once, and what people say counts only where no tree and no list is there.
"""

from __future__ import annotations

import re

from hexnote.hints import Any, Callable, Dict, Iterator, List, Optional, Tuple
from hexnote.patterns import Late
from hexnote.tuples import NamedTuple

_SERVER_PORTS = frozenset((443, 993, 995, 465, 636, 563, 989, 990, 992, 994, 5061, 8443, 853, 5223, 6697, 3269))
_SERVICES = {"https": 443, "imaps": 993, "pop3s": 995, "smtps": 465, "ldaps": 636, "ftps": 990, "http": 80}

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
_CONTENT = {"handshake": 22, "changecipherspec": 20, "alert": 21, "applicationdata": 23}
# Messages in the spellings that people use, without anything but letters: (content type, name; "" for encrypted).
_SPELLINGS: Dict[str, Tuple[int, str]] = {
    "clienthello": (22, "client_hello"), "serverhello": (22, "server_hello"), "helloretryrequest": (22, "hello_retry_request"),
    "hellorequest": (22, "hello_request"), "certificate": (22, "certificate"), "cert": (22, "certificate"),
    "certificates": (22, "certificate"), "servercertificate": (22, "certificate"), "clientcertificate": (22, "certificate"),
    "certificaterequest": (22, "certificate_request"), "certrequest": (22, "certificate_request"),
    "serverhellodone": (22, "server_hello_done"), "hellodone": (22, "server_hello_done"),
    "serverkeyexchange": (22, "server_key_exchange"), "clientkeyexchange": (22, "client_key_exchange"),
    "certificateverify": (22, "certificate_verify"), "certverify": (22, "certificate_verify"),
    "certificatestatus": (22, "certificate_status"), "newsessionticket": (22, "new_session_ticket"),
    "sessionticket": (22, "new_session_ticket"), "encryptedextensions": (22, "encrypted_extensions"), "finished": (22, "finished"),
    "finish": (22, "finished"), "encryptedhandshakemessage": (22, ""), "encryptedhandshake": (22, ""), "encryptedmessage": (22, ""),
    "encryptedmsg": (22, ""), "changecipherspec": (20, "change_cipher_spec"), "changecipher": (20, "change_cipher_spec"),
    "changecipherspecmessage": (20, "change_cipher_spec"), "ccs": (20, "change_cipher_spec"), "applicationdata": (23, ""),
    "appdata": (23, ""), "encryptedalert": (21, ""), "alert": (21, "alert"),
}  # fmt: skip
_BY_SIDE = {"hello": ("client_hello", "server_hello"), "keyexchange": ("client_key_exchange", "server_key_exchange")}


# A line of a list of packets: number, what stands before the protocol, the protocol, what is in the packet.
_LIST = Late(r"[> \t]*(\d+)[ \t]+\d+\.\d+(.*?)\b(SSLv[23]|SSL|TLSv1(?:\.[0-3])?|TLS)[ \t]+(?:\d+[ \t]+)?(.*)$")
_ADDRESS = Late(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7})(?![\w.:])")
# Who sends, and what.
_SENDS = Late(r"(?i)[^a-z]*(?:the[ \t])?(client|server|c|s)[ \t]*(?:sends?|sent|\w+ with|[-=]*>|:)[ \t]*(.*?)[ \t.]*$")


class Act(NamedTuple):
    """A record, or a message in it, of which only words tell."""

    side: int  # 0: from the client
    type: int  # content type
    name: str  # of a handshake message in clear; "" for what is encrypted
    line: int  # 1-based input line
    frame: Optional[int] = None  # the packet's number, as the words have it
    version: Optional[int] = None  # of the record
    length: Optional[int] = None  # of the record's body
    encrypted: bool = False
    level: int = -1  # of an alert in clear
    description: int = -1
    suite: Optional[int] = None
    first: bool = True  # the first of its record
    code: Optional[int] = None  # handshake type


class Exchange(NamedTuple):
    """One connection that words tell of."""

    ends: Tuple[str, str]  # client and server, "" where they are not named
    acts: List[Act]
    lines: Tuple[int, int]  # first and last input line


def exchanges(grammar: str, names: Callable[[str], Dict[int, str]], lines: List[str]) -> List[Exchange]:
    """What the lines of a text tell. `grammar` is the grammar's text, `names` gives a registry's table (value to name)."""
    codes = {name: code for code, name in names("handshake_types").items()}
    made = []
    for exchange in _Reading(grammar, names("alert_descriptions"), lines).exchanges():
        acts = [act._replace(code=codes.get(act.name)) if act.type == HANDSHAKE else act for act in exchange.acts]
        made.append(exchange._replace(acts=acts))
    return made


class _Frame:
    """A packet in words."""

    def __init__(self, line: int, number: Optional[int]) -> None:
        self.line = line
        self.number = number
        self.src = self.dst = ""
        self.ports: Tuple[Optional[int], Optional[int]] = (None, None)
        self.acts: List[Act] = []  # their side is not known yet
        self.tree = True


class _Reading:
    """One text, read."""

    def __init__(self, grammar: str, alerts: Dict[int, str], lines: List[str]) -> None:
        from lark import Lark

        self._alerts = {_letters(name): number for number, name in alerts.items()}
        self._lines = lines
        parser = Lark(grammar, parser="lalr", lexer="basic", propagate_positions=True)
        self._tree: Any = parser.parse("".join(line.replace("\r", "") + "\n" for line in lines))

    def exchanges(self) -> List[Exchange]:
        """The connections of the text."""
        frames: List[_Frame] = []
        flights: List[Act] = []
        for child in self._tree.children[1:]:
            frames.append(self._frame(child))
        for token in self._tree.scan_values(lambda token: token.type in ("LISTED", "FLIGHT")):
            if token.type == "FLIGHT":
                flights += self._flight(str(token), token.line)
                continue
            found = self._listed(str(token), token.line)
            if found is not None:
                frames.append(found)
        frames = [frame for frame in _once(frames) if frame.acts]
        if frames:
            return _connections(frames)
        if len({act.line for act in flights}) < 2 or not any(act.name in ("client_hello", "server_hello") for act in flights):
            return []
        return [Exchange(("", ""), _settled(flights), (flights[0].line, flights[-1].line))]

    # ---------------------------------------------------------------- trees

    def _frame(self, tree: Any) -> _Frame:
        head = tree.children[0]
        number = re.search(r"Frame (\d+)", head)
        frame = _Frame(head.line, int(number.group(1)) if number else None)
        for child in tree.children[1:]:
            if getattr(child, "data", None) == "record":
                frame.acts += self._record(child, frame.number)
            elif child.type == "ENDS" and not frame.src:
                found = re.search(r"Src: (\S+?)(?: \(([^)]*)\))?, Dst: (\S+?)(?: \(([^)]*)\))?\s*$", child)
                if found:
                    frame.src, frame.dst = found.group(2) or found.group(1), found.group(4) or found.group(3)
            elif child.type == "PORTS":
                found = re.search(r"Src Port: (\S+?)(?: \((\d+)\))?, Dst Port: (\S+?)(?: \((\d+)\))?,", child)
                if found:
                    frame.ports = _port(found.group(2) or found.group(1)), _port(found.group(4) or found.group(3))
        return frame

    def _record(self, tree: Any, frame: Optional[int]) -> Iterator[Act]:
        head = tree.children[0]
        title = str(head).partition("Record Layer:")[2].strip()
        kind, version, length, level, description, suite = -1, None, None, -1, -1, None
        names: List[str] = []
        for child in tree.children[1:]:
            value = str(child).partition(":")[2].strip()
            code = re.search(r"\((?:0x([0-9a-fA-F]+)|(\d+))\)", value)
            number = int(code.group(1), 16) if code and code.group(1) else int(code.group(2)) if code else -1
            if child.type == "CONTENT":
                kind = number
            elif child.type == "VERSION" and version is None:
                version = number if number >= 0x0200 else None
            elif child.type == "LENGTH" and length is None and not names:
                length = int(value)
            elif child.type == "MESSAGE":
                names.append(value)
            elif child.type == "LEVEL":
                level = number
            elif child.type == "DESCRIPTION":
                description = number if number >= 0 else self._alerts.get(_letters(value), -1)
            elif child.type == "SUITE" and suite is None and number >= 0:
                suite = number
        made: List[Tuple[int, str, bool]] = []
        if names and not any("multiple" in name.lower() for name in names[:1]):
            told = [found for found in (self._item(name, 0) for name in names) if found]
        else:
            told = [found for found in (self._item(part, 0) for part in _items(title)) if found]
            told += [found for found in (self._item(name, 0) for name in names[1:]) if found]
        for content, name, sealed, its_level, its_description in told:
            made.append((content, name, sealed))
            if content == ALERT and level < 0:
                level, description = its_level, its_description
        if not made and kind in (20, 21, 22, 23):
            made = [(kind, "change_cipher_spec" if kind == 20 else "alert" if kind == 21 else "", kind in (22, 23))]
        if length is None:
            found = re.search(r"\blen(?:gth)? (\d+)", title)
            length = int(found.group(1)) if found else None
        for i, (content, name, sealed) in enumerate(made):
            yield Act(0, kind if kind >= 0 else content, name, head.line, frame, version, length, sealed,
                      level if content == ALERT else -1, description if content == ALERT else -1, suite, i == 0)  # fmt: skip

    # ---------------------------------------------------------------- lists

    def _listed(self, text: str, line: int) -> Optional[_Frame]:
        found = _LIST.match(text.rstrip("\n"))
        if found is None:
            return None
        frame = _Frame(line, int(found.group(1)))
        frame.tree = False
        ends = [each.group() for each in _ADDRESS.finditer(found.group(2))]
        if len(ends) >= 2:
            frame.src, frame.dst = ends[0], ends[1]
        info = found.group(4)
        ports = re.match(r"(\S+) (?:>|\u2192) (\S+) ", info)
        if ports:
            frame.ports = _port(ports.group(1)), _port(ports.group(2))
        for part in _items(info):
            item = self._item(part, 0)
            if item is not None:
                content, name, sealed, level, description = item
                frame.acts.append(Act(0, content, name, line, frame.number, None, None, sealed, level, description))
        return frame

    # ---------------------------------------------------------------- what people say

    def _flight(self, text: str, line: int) -> List[Act]:
        """The messages of a line; none where a word of it is no message."""
        found = _SENDS.match(text.rstrip("\n"))
        if found is None:
            return []
        side = 0 if found.group(1).lower().startswith("c") else 1
        made: List[Act] = []
        for part in _items(re.sub(r"\s+-+\s.*$", "", found.group(2))):
            item = self._item(part, side)
            if item is None:
                return []
            content, name, sealed, level, description = item
            made.append(Act(side, content, name, line, None, None, None, sealed, level, description))
        return made

    def _item(self, text: str, side: int) -> Optional[Tuple[int, str, bool, int, int]]:
        """One thing that was sent: (content type, name, encrypted, alert's level, its description)."""
        words = re.sub(r"^(?:a|an|the|its|his|empty) ", "", text.strip(), flags=re.I)
        words = re.sub(r"^(?:Handshake|Change Cipher Spec|Alert|Application Data) Protocol: ", "", words)
        inside = re.search(r"\((.*)\)", words)
        bare = _letters(re.sub(r"\(.*", "", words))
        bare = re.sub(r"(?:message|record|protocol|len)+$", "", re.sub(r"len\w*$", "", bare)) or bare
        if bare in _BY_SIDE:
            return HANDSHAKE, _BY_SIDE[bare][side], False, -1, -1
        known = _SPELLINGS.get(bare)
        if known is not None and known[0] != ALERT:
            content, name = known
            return content, name if content != APPLICATION_DATA else "", content == APPLICATION_DATA or name == "", -1, -1
        if bare == "encryptedalert":
            return ALERT, "", True, -1, -1
        if bare.endswith("alert") or bare.startswith(("alert", "fatalalert", "warningalert")) or known is not None:
            told = _letters((inside.group(1) if inside else "") + " " + words)
            level = 2 if "fatal" in told else 1 if "warning" in told else -1
            named = [number for name, number in self._alerts.items() if name and name in told]
            description = max(named, key=lambda n: max(len(k) for k, v in self._alerts.items() if v == n), default=-1)
            return ALERT, "alert", False, level, description
        return None


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


def _items(text: str) -> List[str]:
    """A list of messages split, but not inside brackets."""
    parts = re.split(r"(?:,|;|\+|/|\band\b)(?![^()]*\))", text)
    return [part.strip() for part in parts if part.strip()]


def _port(text: Optional[str]) -> Optional[int]:
    if text is None:
        return None
    return int(text) if text.isdigit() else _SERVICES.get(text)


def _once(frames: List[_Frame]) -> List[_Frame]:
    """Every packet once: its tree, if there is one, else its line in a list; the first telling stands."""
    best: Dict[Any, _Frame] = {}
    for i, frame in enumerate(frames):
        key = frame.number if frame.number is not None else f"none {i}"
        known = best.get(key)
        if known is None or (frame.tree and frame.acts and not (known.tree and known.acts)):
            if known is not None and not frame.src:
                frame.src, frame.dst, frame.ports = known.src, known.dst, known.ports
            best[key] = frame
    return list(best.values())


def _connections(frames: List[_Frame]) -> List[Exchange]:
    """Packets sorted into connections, their sides found."""
    groups: Dict[Any, List[_Frame]] = {}
    for frame in frames:
        pair = sorted(((frame.src, frame.ports[0] or 0), (frame.dst, frame.ports[1] or 0)))
        groups.setdefault(tuple(pair), []).append(frame)
    made: List[Exchange] = []
    for group in groups.values():
        server = _server(group)
        acts: List[Act] = []
        for frame in group:
            side = 1 if server is not None and (frame.src, frame.ports[0]) == server else 0
            acts += [act._replace(side=side) for act in frame.acts]
        first = group[0]
        names = {(first.src, first.ports[0]), (first.dst, first.ports[1])}
        client = next((end for end in names if end != server), ("", None))
        ends = (_end(client), _end(server) if server is not None else "")
        made.append(Exchange(ends, _settled(acts), (acts[0].line, max(act.line for act in acts))))
    return made


def _server(frames: List[_Frame]) -> Optional[Tuple[str, Optional[int]]]:
    """Which end is the server: by its hello, by its port, or as the lower port."""
    for frame in frames:
        names = {act.name for act in frame.acts}
        if names & {"server_hello", "server_hello_done", "certificate_request"}:
            return frame.src, frame.ports[0]
        if names & {"client_hello", "client_key_exchange"}:
            return frame.dst, frame.ports[1]
    for frame in frames:
        for end in ((frame.src, frame.ports[0]), (frame.dst, frame.ports[1])):
            if end[1] in _SERVER_PORTS:
                return end
    frame = frames[0]
    one, other = frame.ports
    if one is not None and other is not None and one != other:
        return (frame.src, one) if one < other else (frame.dst, other)
    return None


def _end(end: Tuple[str, Optional[int]]) -> str:
    return f"{end[0]}:{end[1]}" if end[0] and end[1] is not None else end[0]


def _settled(acts: List[Act]) -> List[Act]:
    """What is encrypted told from what is in clear: an alert called encrypted before its sender's ChangeCipherSpec cannot
    be, and a Finished behind it is (RFC 5246 section 7.1)."""
    changed = [False, False]
    made: List[Act] = []
    for act in acts:
        if act.type == CHANGE_CIPHER_SPEC:
            changed[act.side] = True
        elif act.type == HANDSHAKE and act.name == "finished" and changed[act.side]:
            act = act._replace(encrypted=True)
        elif act.type == ALERT and not changed[act.side] and act.encrypted:
            act = act._replace(encrypted=False)
        made.append(act)
    return made
