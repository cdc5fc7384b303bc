"""A message in a form that came before has the fields that decoding it gives."""

from __future__ import annotations

import os
import random
from typing import Any, List, Tuple

import pytest
from conftest import SAMPLES
from support import load

from hexnote import facts
from hexnote.fingerprints import fingerprints
from hexnote.model import Context, Form, Hello, Node
from hexnote.pipeline import Annotator
from hexnote.quick import QUICK
from hexnote.render.text import Text
from hexnote.spans import without

Call = Tuple[bytes, int, int, str, Tuple[Any, ...]]
NAMES = ("tls12-rsa.txt", "tls13-full.txt", "client-certificate.txt", "ssl3.txt", "tls13-hello-retry.txt")


def context(outside: Tuple[Any, ...]) -> Context:
    ctx = Context()
    ctx.version, ctx.key_exchange, ctx.sender, ctx.certificate_type = outside
    return ctx


def same_facts(name: str, buf: bytes, form: Form) -> None:
    """What a message says is the same, whether its form is known or not."""
    if name == "certificate":
        for version in (0x0303, 0x0304):
            chain, judged = facts.chain(buf, version, form), facts.chain(buf, version)
            assert (chain.complete, chain.certificates, chain.count) == (judged.complete, judged.certificates, judged.count)
    elif name.endswith("hello") or name == "hello_retry_request":
        read = facts.client_hello if name == "client_hello" else facts.server_hello
        told, truth = read(buf, form), read(buf)
        for wanted in sorted(set(Hello.__slots__) - {"_read", "ranges"}) + ["ranges"]:  # a name brings its range
            assert getattr(told, wanted) == getattr(truth, wanted), (wanted, buf.hex())
        assert fingerprints(buf, form) == fingerprints(buf)


@pytest.mark.skipif(not QUICK, reason="HEXNOTE_SLOW=1: no form is kept")
@pytest.mark.parametrize("name", NAMES)
def test_changed_bytes_do_not_get_the_fields_of_others(name: str) -> None:
    annotator = Annotator(Text())
    messages = annotator.rooms.messages
    seen: List[Call] = []
    decode = messages.message

    def record(buf: Any, end: int, ctx: Context, kind: int, called: str) -> Any:
        if isinstance(buf, bytes) and len(buf) >= 4:
            seen.append((buf, end, kind, called, (ctx.version, ctx.key_exchange, ctx.sender, ctx.certificate_type)))
        return decode(buf, end, ctx, kind, called)

    messages.message = record  # type: ignore[method-assign]
    annotator.begin("-")
    annotator.feed(load(os.path.join(SAMPLES, name)))
    annotator.close()
    assert len(seen) > 1
    rng = random.Random(name)
    known = 0
    for buf, end, kind, called, outside in seen:
        for _ in range(120):
            changed = bytearray(buf)
            for _ in range(rng.choice((0, 1, 1, 1, 2, 8))):
                changed[rng.randrange(1, len(buf))] = rng.choice((0, 1, 2, 0x10, 0xFF, rng.randrange(256)))
            told, truth = context(outside), context(outside)
            got = decode(bytes(changed), end, told, kind, called)
            wanted = messages._message(bytes(changed), end, truth, kind, called)
            assert list(got) == list(wanted), (called, bytes(changed).hex())
            assert told.problems == truth.problems and told.message == truth.message
            if getattr(got, "again", False):
                known += 1
                same_facts(called, bytes(changed), got)
    assert known > 50, "no form was met again: this test would not fail"


def test_gaps_of_a_message_cut_short() -> None:
    """Free fields may go on behind the bytes that are there: what is left of them is missing, and nothing else."""
    free, fixed = Node("random"), Node("length")
    free.free = True
    form = Form([(fixed, 0, 4, 0, -1), (free, 4, 10, 0, -1), (free, 6, 8, 1, -1), (fixed, 10, 12, 0, -1), (free, 12, 20, 0, -1)])
    buf = bytes(range(20))
    for size in range(len(buf) + 1):
        there = buf[:size]
        gaps = form.gaps(size)
        assert gaps == [(start, min(end, size)) for start, end in ((4, 10), (12, 20)) if start < size]
        holed = without(there, gaps)
        assert len(holed) == size
        missing = {at for start, end in gaps for at in range(start, end)}
        assert [at for at in range(size) if not holed.known(at, at + 1)] == sorted(missing)
        assert all(holed[at] == there[at] for at in range(size) if at not in missing)
