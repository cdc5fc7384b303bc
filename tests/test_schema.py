"""The format compiler: its language, its complaints, and what its decoders do with every kind of damage."""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, List, Optional, Tuple

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from hexnote import notes, resources
from hexnote.model import ARRAY, EXTRA, GROUP, MISSING, Context, Field
from hexnote.schema import FormatError, Schema
from hexnote.spans import Patchy

PRESENTATION = resources.text("presentation.lark")


def schema(files: Dict[str, str], hooks: Optional[Dict[str, Any]] = None) -> Schema:
    """A schema of these files alone."""

    def listing(folder: str) -> List[str]:
        return sorted(
            f[len(folder) + 1 :] for f in files if f.startswith(folder + "/") and "/" not in f[len(folder) + 1 :]
        )

    return Schema(PRESENTATION, files.get, listing, hooks or {}, notes.dress)


def small(text: str, hooks: Optional[Dict[str, Any]] = None, **more: str) -> Schema:
    """A schema of `tls/t.tls`, of which `T` is decoded."""
    return schema({"tls/t.tls": text, **{f"registry/{k}.tsv": v for k, v in more.items()}}, hooks)


def decode(
    made: Schema, raw: Any, end: Optional[int] = None, ctx: Optional[Context] = None, name: str = "T"
) -> List[Field]:
    out: List[Field] = []
    made.decoder(name)(raw, 0, len(raw) if end is None else end, ctx or Context(), out)
    return out


def paths(fields: List[Field]) -> List[Tuple[str, int, int]]:
    """(path, start, end) of every field; a path is the names down to a field, by depth."""
    told, path = [], []
    for node, start, end, depth, index in fields:
        assert depth <= len(path)
        del path[depth:]
        path.append(f"{node.name}[{index}]" if index >= 0 else node.name)
        told.append((".".join(path) + node.suffix, start, end))
    return told


def check_tiled(fields: List[Field], start: int, end: int) -> None:
    """Leaves stand in order, touch each other and cover [start, end); groups cover what stands in them."""
    at = start
    open_groups: List[Tuple[int, int, int]] = []
    for node, lo, hi, depth, _ in fields:
        assert start <= lo <= hi <= end, (node, lo, hi)
        while open_groups and open_groups[-1][0] >= depth:
            open_groups.pop()
        for _, a, b in open_groups:
            assert a <= lo and hi <= b, (node, lo, hi, a, b)
        if node.kind == GROUP:
            open_groups.append((depth, lo, hi))
        else:
            assert lo == at, (node, lo, at)
            at = hi
    assert at == end


# ---------------------------------------------------------------- the language


def test_numbers_vectors_and_structs() -> None:
    made = small("""
        struct { uint8 a; uint24 b; opaque c[2]; Pair pair; } T;
        struct { uint16 x; opaque y<0..255>; } Pair;
    """)
    assert paths(decode(made, bytes(8) + b"\2hi")) == [
        ("t", 0, 11), ("t.a", 0, 1), ("t.b", 1, 4), ("t.c", 4, 6),
        ("t.pair", 6, 11), ("t.pair.x", 6, 8), ("t.pair.y.length", 8, 9), ("t.pair.y", 9, 11),
    ]  # fmt: skip


def test_vectors_of_structs_numbers_and_opaques() -> None:
    made = small("""
        struct { Pair pairs<0..2^16-1>; uint16 numbers<0..8>; Name names<0..255>; } T;
        struct { uint8 x; uint8 y; } Pair;
        opaque Name<1..255> as text;
    """)
    fields = decode(made, b"\0\4abcd" + b"\4\0\1\0\2" + b"\5\1a\2bc")
    assert paths(fields) == [
        ("t", 0, 17),
        ("t.pairs.length", 0, 2), ("t.pairs", 2, 6), ("t.pairs[0]", 2, 4), ("t.pairs[0].x", 2, 3),
        ("t.pairs[0].y", 3, 4),
        ("t.pairs[1]", 4, 6), ("t.pairs[1].x", 4, 5), ("t.pairs[1].y", 5, 6),
        ("t.numbers.length", 6, 7), ("t.numbers", 7, 11),
        ("t.names.length", 11, 12), ("t.names", 12, 17), ("t.names[0].length", 12, 13), ("t.names[0]", 13, 14),
        ("t.names[1].length", 14, 15), ("t.names[1]", 15, 17),
    ]  # fmt: skip
    array = next(f for f in fields if f[0].kind == ARRAY)
    assert array[0].size == 2 and array[0].value(b"\0\1") == 1
    assert [n.value(b"bc") for n, *_, index in fields if index == 1 and n.name == "names" and not n.suffix] == ["bc"]


def test_lengths_elsewhere_selects_tails_and_rests() -> None:
    made = small("""
        enum { one(1), more(2), (255) } Kind;
        struct {
            uint8 n;
            Kind kind;
            select (kind) {
                case one: uint8 alone;
                case more: opaque many[n*2-1];
                case 7..9: uint16 ranged;
                default: opaque unknown[];
            };
            [[ uint8 tail; ]]
        } T;
    """)
    assert paths(decode(made, b"\5\1x"))[-1] == ("t.alone", 2, 3)
    assert paths(decode(made, b"\5\1xy"))[-1] == ("t.tail", 3, 4)
    assert paths(decode(made, b"\2\2abcd"))[-2:] == [("t.many", 2, 5), ("t.tail", 5, 6)]
    assert paths(decode(made, b"\2\x08abc"))[-2:] == [("t.ranged", 2, 4), ("t.tail", 4, 5)]
    assert paths(decode(made, b"\2\x63abc"))[-1] == ("t.unknown", 2, 5)


def test_select_on_what_lies_outside() -> None:
    made = small("""struct {
        select ($version) { case 0x0300: uint8 old; case 0x0301..0x0303: uint16 new; default: opaque other[]; };
        select ($sender) { case client: uint8 c; case server: uint16 s; };
    } T;""")
    ctx = Context()
    for version, sender, wanted in ((0x300, "client", ["old", "c"]), (0x302, "server", ["new", "s"])):
        ctx.version, ctx.sender = version, sender
        assert [f[0].name for f in decode(made, bytes(2 if sender == "client" else 4), ctx=ctx)][1:] == wanted
    assert not ctx.problems


def test_bit_fields_are_one_leaf_named_by_the_widest() -> None:
    fields = decode(small("struct { uint4 version; uint4 words; uint3 flags; uint13 offset; } T;"), b"\x45\x40\x07")
    assert paths(fields)[1:] == [("t.version", 0, 1), ("t.offset", 1, 3)]
    assert fields[1][0].bits == (("version", 4), ("words", 4))
    assert fields[1][0].value(b"\x45") == 4 and fields[2][0].value(b"\x40\x07") == 7


def test_varint_has_the_width_that_its_first_bits_say() -> None:
    made = small("struct { varint n; opaque x[n]; } T;")
    for head, size in ((b"\3", 3), (b"\x40\3", 3), (b"\x80\0\0\3", 3), (b"\xc0\0\0\0\0\0\0\3", 3)):
        fields = decode(made, head + b"abc")
        assert paths(fields)[1:] == [("t.n", 0, len(head)), ("t.x", len(head), len(head) + size)]
        assert fields[1][0].value(head) == 3


def test_empty_things_are_fields() -> None:
    made = small("struct { Nothing nothing; opaque x<0..9>; opaque y[]; } T; struct {} Nothing;")
    assert paths(decode(made, b"\0"))[1:] == [("t.nothing", 0, 0), ("t.x.length", 0, 1), ("t.x", 1, 1), ("t.y", 1, 1)]
    assert paths(decode(small("struct {} T;"), b"")) == [("t", 0, 0)]


def test_doc_comments_are_teaching_notes_with_their_source() -> None:
    made = small("""
        /** What it is
         *  and why. RFC 5246 §7.4.1 */
        struct {
            // not this
            /** A number. RFC 8446 §4.2.1 */
            uint8 a;
            uint8 b;
        } T;
    """)
    root, a, b = (f[0] for f in decode(made, b"\0\0"))
    assert (root.doc, root.rfc) == ("What it is and why.", "RFC 5246 section 7.4.1")
    assert (a.doc, a.rfc) == ("A number.", "RFC 8446 section 4.2.1")
    assert (b.doc, b.rfc) == ("", "")


def test_names_of_registries_and_enums() -> None:
    made = small(
        "enum { (0xFFFF) } S as suites; enum { yes(1), (255) } E; struct { S s; E e; } T;", suites="0x0035\tTLS_X\n"
    )
    _, s, e = (f[0] for f in decode(made, b"\0\x35\1"))
    assert (s.value(b"\0\x35"), s.title(b"\0\x35"), s.title(b"\0\x36")) == (0x35, "TLS_X", None)
    assert e.title(b"\1") == "yes" and e.say(b"\1") == "e = yes (1)" and e.say(b"\2") == "e = unknown (2)"


def test_a_hook_reads_what_it_is_asked_to() -> None:
    seen: List[Tuple[int, int, int]] = []

    def hook(
        buf: Any, pos: int, end: int, ctx: Context, out: List[Any], depth: int, node: Any, index: int = -1
    ) -> None:
        seen.append((pos, end, index))
        out.append((node, pos, end, depth, index))

    text = """struct { Cert list<0..255>; opaque one<0..255> as der Thing; opaque rest[] as der Thing; } T;
        opaque Cert<1..255> as der Thing;"""
    made = small(text, {"Thing": hook})
    assert paths(decode(made, b"\5\1a\2bc" + b"\1x" + b"yz"))[1:] == paths(decode(small(text), b"\5\1a\2bc\1xyz"))[1:]
    assert seen == [(2, 3, 0), (4, 6, 1), (7, 8, -1), (8, 10, -1)]


# ---------------------------------------------------------------- complaints


@pytest.mark.parametrize(
    "text, place, what",
    [
        ("struct { ProtcolName a; } T;\nopaque ProtocolName<1..9>;", "1:10", "no type 'ProtcolName' (ProtocolName?)"),
        ("struct { uint8 a } T;", "1:18", "did not expect '}'"),
        ("struct {\n  uint8 a;\n  ? } T;", "3:3", "no meaning"),
        ("struct { uint8 a;", "1:18", "ends in the middle"),
        ("struct { opaque a; } T;", "1:17", "how many bytes"),
        ("struct { uint8 a; opaque b[c]; } T;", "1:28", "no field 'c'"),
        ("struct { opaque b[c]; uint8 c; } T;", "1:19", "no field 'c'"),
        ("struct { select ($vrsion) { default: }; } T;", "1:18", "no '$vrsion'"),
        ("enum { x(1), (255) } E; struct { E e; select (e) { case y: }; } T;", "1:57", "has no value 'y'"),
        ("struct { T again; } T;", "1:21", "holds itself"),
        ("struct { uint4 a; uint8 b; } T;", "1:25", "fill no whole bytes"),
        ("struct { uint4 a; } T;", "1:16", "fill no whole bytes"),
        ("struct { uint8 a; } T; struct {} T;", "1:34", "defined twice"),
        ("enum { x(1), x(2), (255) } E; struct {} T;", "1:14", "stands here twice"),
        ("enum { x(1), y(1), (255) } E; struct {} T;", "1:14", "has a name already"),
        ("enum { (255) } E as nowhere; struct {} T;", "1:21", "no table registry/nowhere.tsv"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_caret(text: str, place: str, what: str) -> None:
    found = small(text).check()
    assert len(found) == 1, found
    first, line, caret = found[0].split("\n")
    assert first.startswith(f"grammars/tls/t.tls:{place}: ") and what in first
    assert (
        caret.index("^") == 1 + int(place.split(":")[1]) and line[2:] == text.split("\n")[int(place.split(":")[0]) - 1]
    )


def test_extensions_must_be_where_they_are_looked_for() -> None:
    registry = {"registry/extension_types.tsv": "0x0001\tone\n0x0002\ttwo\n"}
    right = "extension one(1) { default: opaque x[]; }"
    assert schema({**registry, "tls/extensions/one.tls": right}).check() == []
    wrong = schema(
        {**registry, "tls/extensions/one.tls": right, "tls/extensions/two.tls": right.replace("one", "two")}
    ).check()
    assert any("codepoint 1 is tls/extensions/one.tls's already" in w for w in wrong)
    assert schema({**registry, "tls/extensions/uno.tls": right}).check()
    with pytest.raises(FormatError, match="no struct 'Nothing'"):
        schema({}).decoder("Nothing")


# ---------------------------------------------------------------- damage


def test_lengths_that_break_their_frame() -> None:
    made = small("struct { opaque a<0..255>; uint8 b; } T;")
    ctx = Context()
    fields = decode(made, b"\x09xy", ctx=ctx)
    assert paths(fields) == [("t", 0, 3), ("t.a.length", 0, 1), ("t.a", 1, 3)]
    assert [(lo, hi) for lo, hi, _ in ctx.problems] == [(0, 1)] and "9 bytes" in ctx.problems[0][2]


def test_bounds_left_overs_and_frames_too_short() -> None:
    made = small("struct { opaque a<2..3>; uint16 n<0..255>; uint16 b; } T;")
    for raw, what in (
        (b"\1x\0ab", "allows 2 to 3"),
        (b"\2xy\1pab", "no multiple of 2"),
        (b"\2xy\0abc", "left over"),
        (b"\2xy\0a", "takes 2 bytes"),
        (b"\2xy\0", "ends before b"),
    ):
        ctx = Context()
        fields = decode(made, raw, ctx=ctx)
        check_tiled(fields, 0, len(raw))
        assert len(ctx.problems) == 1 and what in ctx.problems[0][2], (raw, ctx.problems)
    assert [f[0].kind for f in decode(made, b"\2xy\0abc")][-1] == EXTRA


def test_items_of_no_bytes_do_not_go_on_for_ever() -> None:
    made = small("struct { Item items<0..2^24-1>; } T; struct { select ($version) { case 1: uint8 x; }; } Item;")
    ctx = Context()
    fields = decode(made, b"\0\0\3abc", ctx=ctx)
    check_tiled(fields, 0, 6)
    assert fields[-1][0].kind == EXTRA and len(ctx.problems) == 1


def test_a_declared_length_costs_nothing_where_no_bytes_are() -> None:
    made = small(
        "struct { Item items<0..2^24-1>; Name names<0..2^24-1>; } T; struct { uint8 x; } Item; opaque Name<0..255>;"
    )
    fields = decode(made, b"\xff\xff\xff" + b"a", 3 + 0xFFFFFF + 3 + 9)
    assert len(fields) < 10 and fields[-1][0].kind == MISSING
    check_tiled(fields, 0, 3 + 0xFFFFFF + 3 + 9)


def test_behind_a_hole_decoding_goes_on_where_lengths_allow() -> None:
    made = small("struct { Item items<0..255>; uint8 after; } T; struct { uint8 x; opaque y<0..255>; } Item;")
    whole = b"\7" + b"a\1b" + b"c\2de" + b"z"
    holed = Patchy([(whole[:3], 3), (None, 2), (whole[5:], 4)])  # the hole has an opaque's content and a number
    told = paths(decode(made, holed))
    assert told == paths(decode(made, whole))
    holed = Patchy([(whole[:5], 5), (None, 1), (whole[6:], 3)])  # the hole has the second item's length
    fields = decode(made, holed)
    check_tiled(fields, 0, 9)
    assert paths(fields)[-3:] == [("t.items[1].x", 4, 5), ("t.items[1].y", 5, 8), ("t.after", 8, 9)]
    assert fields[-2][0].kind == MISSING
    assert holed[8:9] == b"z"


# ---------------------------------------------------------------- speed


def test_no_slower_than_by_hand() -> None:
    sys.path.insert(0, os.path.join(ROOT, "bench"))
    try:
        import decoder
    finally:
        del sys.path[0]
    # The best of a few, since other work on the machine only ever makes it worse.
    assert min(decoder.measure(rounds=15, calls=20)[0] for _ in range(3)) <= 1.6


# ---------------------------------------------------------------- any bytes, any format

LIBRARY = """
    struct {
        uint8 kind;
        select (kind) {
            case 0: opaque a<0..255>; Item items<0..255>;
            case 1: uint16 n<2..65535>; [[ Name names<0..65535>; ]]
            case 2..5: varint v; opaque w[v]; Pair pair; Item more[];
            default: uint8 size; Pair pairs[size]; opaque rest[size*2-3];
        };
        [[ opaque end<0..3>; ]]
    } T;
    struct { uint8 x; opaque y<1..255>; } Item;
    struct { uint8 p; uint1 q; uint7 r; } Pair;
    opaque Name<0..255>;
"""
MADE = small(LIBRARY)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 60), st.lists(st.integers(0, 60), max_size=4))
def test_whatever_the_bytes_the_leaves_tile(raw: bytes, more: int, cuts: List[int]) -> None:
    end = len(raw) + more
    check_tiled(decode(MADE, raw, end), 0, end)
    places = sorted({0, *(c for c in cuts if c < len(raw)), len(raw)})
    pieces = [(raw[a:b] if i % 2 else None, b - a) for i, (a, b) in enumerate(zip(places, places[1:]))]
    check_tiled(decode(MADE, Patchy(pieces), end), 0, end)


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=60))
def test_a_prefix_tells_no_field_otherwise(raw: bytes) -> None:
    whole = [f for f in paths(decode(MADE, raw))]
    for cut in range(len(raw)):
        fields = decode(MADE, raw[:cut], len(raw))
        sure = [p for p, f in zip(paths(fields), fields) if f[0].kind != MISSING and f[0].kind != GROUP]
        assert set(sure) <= set(whole)
