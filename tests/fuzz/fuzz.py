"""A coverage-guided run over the whole path: reader, streams, records, decoders, renderers.

Use: python tests/fuzz/fuzz.py [KIND] [libFuzzer options] [FOLDER ...]
     (needs atheris: python -m pip install atheris)

    text         the bytes are the pasted text
    stream       the bytes are what one side sends, in segments whose places the first bytes choose
    certificate  the bytes are a certificate in a Certificate message
    rows         the bytes are the pasted text, for the dump reader alone
    records      the bytes are a stream, for the record layer and the formats alone: the first bytes choose its
                 pieces, its holes and what was agreed before

The last two are ten times as fast.

What breaks it is kept in tests/fuzz/kept/KIND-*, which tests/test_life.py replays.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict, List

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(os.path.dirname(HERE)), os.path.dirname(HERE)]


def as_text(data: bytes) -> bytes:
    """The bytes as they are."""
    return data


def as_stream(data: bytes) -> bytes:
    """The bytes as a stream: byte 0 chooses the side, byte 1 the segments' size, byte 2 their order."""
    from handshakes import dump
    from hostile import carried

    side, size, order = (data[:3] + b"\0\0\0")[:3]
    packets = list(carried(data[3:], side & 1, 1 + size * 4))
    opening, sent = packets[:2], packets[2:]
    if order & 1:
        sent.reverse()
    if order & 2:
        sent += sent[:2]
    if order & 4:
        del sent[len(sent) // 2 : len(sent) // 2 + 1]
    return dump(opening + sent)


def as_certificate(data: bytes) -> bytes:
    """The bytes as a certificate."""
    from handshakes import SERVER, certificate_message, dump, record
    from hostile import carried

    return dump(list(carried(record(22, certificate_message(data[:16000])), SERVER, 20000)))


def check(text: bytes) -> None:
    """Annotates; the laws of the output hold."""
    from support import annotate, lf_lines, run, strip

    out = annotate(text)
    assert strip(out) == strip(text)
    for line in lf_lines(out):
        if line.startswith(b";|"):
            assert line.decode("utf-8").rstrip("\n").replace("\t", "").isprintable() or b";|" in text, line
    run("json", [text])


def check_rows(data: bytes) -> None:
    """The dump reader gives back every byte, however the text is cut, and its rows tile its blocks."""
    from support import grammars

    from hexnote import layers
    from hexnote.dumps import Reader
    from hexnote.model import Block

    reader = Reader(grammars(), layers.measure)
    at = data[0] * 8 if data else 0
    items = [*reader.feed(data[:at]), *reader.feed(data[at:]), *reader.close()]
    assert b"".join(item.text for item in items) == data
    for item in items:
        if isinstance(item, Block):
            rows = [item.row(r) for r in range(item.row_count())]
            assert sum(row.size for row in rows) == len(item.data)
            assert all(row.size <= len(row.layout.cols) for row in rows)
            for one, other in zip(rows, rows[1:]):
                assert one.offset + one.size == other.offset and one.end <= other.start
    assert len(reader.unreadable) <= 1000


def check_records(data: bytes) -> None:
    """Parts cover the stream, fields lie within their units and tile them, however the stream comes."""
    from support import rooms

    from hexnote.model import BODY, GROUP, HEADER, MESSAGE, Part
    from hexnote.records import Reader
    from hexnote.session import Session

    size, holes, agreed, side = (data[:4] + bytes(4))[:4]
    stream = data[4:]
    made = rooms()
    session = Session(made.schema.key_exchange, made.lengths)
    session.version = (None, 0x0300, 0x0301, 0x0303, 0x0304)[agreed % 5]
    session.key_exchange = ("unknown", "rsa", "dhe", "ecdhe", "psk", "dhe_psk", "srp")[agreed // 5 % 7]
    session.whole[side & 1] = bool(side & 2)
    reader = Reader(0, side & 1, session, made.messages, bool(side & 4))
    parts: List[Part] = []
    step = size * 4 + 1
    for number, lo in enumerate(range(0, len(stream), step)):
        piece = stream[lo : lo + step]
        hole = holes >> number % 8 & 1 and holes & 1
        reader.feed(lo, None if hole else piece, len(piece), parts)
    reader.close(parts)
    for part in parts:
        if part.kind in (HEADER, BODY, MESSAGE):
            last = None
            for node, start, end, depth, _ in part.fields:
                assert 0 <= start <= end and depth >= 0
                if node.kind != GROUP:
                    assert last is None or start == last or part.kind == HEADER, (part.kind, part.fields)
                    last = end
                    if isinstance(part.buf, bytes) and end <= len(part.buf):
                        raw = part.buf[start:end]
                        assert node.say(raw).isprintable(), node
                        assert node.value(raw) is None or raw or node.title(raw) is None


def whole(shape: Callable[[bytes], bytes]) -> Callable[[bytes], None]:
    """The check of the text that a shape makes of the bytes."""
    return lambda data: check(shape(data))


KINDS: Dict[str, Callable[[bytes], None]] = {
    "text": whole(as_text), "stream": whole(as_stream), "certificate": whole(as_certificate),
    "rows": check_rows, "records": check_records,
}


def seeds(kind: str, folder: str) -> None:
    """Writes what to begin with."""
    from certs import LEAF_CERT
    from handshakes import conversation, dump, packets
    from support import sample

    made: List[bytes]
    if kind in ("text", "rows"):
        made = [dump(packets(conversation(1), 500)), sample("server-auth.txt")[:6000]]
    elif kind == "records":
        client, server = conversation(1).streams
        made = [b"\x40\0\0\2" + client, b"\x40\0\0\3" + server, b"\x40\0\4\6" + b"".join(conversation(2).streams)]
    elif kind == "stream":
        made = [b"\0\x40\0" + conversation(1).streams[0], b"\1\x40\0" + conversation(1, True).streams[1]]
    else:
        made = [LEAF_CERT]
    for number, data in enumerate(made):
        with open(os.path.join(folder, f"seed-{number}"), "wb") as file:
            file.write(data)


def main(arguments: List[str]) -> None:
    """Runs until libFuzzer stops."""
    import tempfile

    import atheris

    kind = arguments.pop(1) if arguments[1:2] and arguments[1] in KINDS else "stream"
    with atheris.instrument_imports(include=["hexnote"]):
        import support  # noqa: F401

        import hexnote.pipeline
        import hexnote.render.json
        import hexnote.render.text  # noqa: F401
    judge = KINDS[kind]
    folder = tempfile.mkdtemp(prefix=f"hexnote-{kind}-")
    seeds(kind, folder)

    def once(data: Any) -> None:
        judge(bytes(data))

    atheris.Setup([*arguments, folder], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
