"""A coverage-guided run over the whole path: reader, streams, records, decoders, renderers.

Use: python tests/fuzz/fuzz.py [text | stream | certificate] [libFuzzer options] [FOLDER ...]
     (needs atheris: python -m pip install atheris)

    text         the bytes are the pasted text
    stream       the bytes are what one side sends, in segments whose places the first bytes choose
    certificate  the bytes are a certificate in a Certificate message

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


KINDS: Dict[str, Callable[[bytes], bytes]] = {"text": as_text, "stream": as_stream, "certificate": as_certificate}


def check(text: bytes) -> None:
    """Annotates; the laws of the output hold."""
    from support import annotate, lf_lines, run, strip

    out = annotate(text)
    assert strip(out) == strip(text)
    for line in lf_lines(out):
        if line.startswith(b";|"):
            assert line.decode("utf-8").rstrip("\n").replace("\t", "").isprintable() or b";|" in text, line
    run("json", [text])


def seeds(kind: str, folder: str) -> None:
    """Writes what to begin with."""
    from certs import LEAF_CERT
    from handshakes import conversation, dump, packets
    from support import sample

    made: List[bytes]
    if kind == "text":
        made = [dump(packets(conversation(1), 500)), sample("server-auth.txt")[:6000]]
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
    shape = KINDS[kind]
    folder = tempfile.mkdtemp(prefix=f"hexnote-{kind}-")
    seeds(kind, folder)

    def once(data: Any) -> None:
        check(shape(bytes(data)))

    atheris.Setup([*arguments, folder], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
