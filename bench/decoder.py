"""The compiled decoder of a ClientHello against one written by hand that makes the same list, in the same run.

Prints the median of the paired ratios and the time per field. The hand-written one reads a plain
`bytes`, whole, and checks every length against its frame; it knows the extensions of the sample.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Callable, Dict, List, Tuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from hexnote import notes, resources  # noqa: E402
from hexnote.model import Context, Field, Node  # noqa: E402
from hexnote.schema import Schema  # noqa: E402


def _vector(width: int, data: bytes) -> bytes:
    return len(data).to_bytes(width, "big") + data


def _numbers(*values: int) -> bytes:
    return b"".join(v.to_bytes(2, "big") for v in values)


def sample() -> bytes:
    """The body of a ClientHello such as a browser sends: GREASE, 12 suites, 17 extensions."""
    shares = ((0x2A2A, 1), (0x11EC, 1216), (29, 32))
    extensions: List[Tuple[int, bytes]] = [
        (0x1A1A, b""),
        (0, _vector(2, b"\0" + _vector(2, b"www.example.com"))),
        (23, b""),
        (0xFF01, _vector(1, b"")),
        (10, _vector(2, _numbers(0x2A2A, 0x11EC, 29, 23, 24))),
        (11, _vector(1, b"\0")),
        (35, b""),
        (16, _vector(2, _vector(1, b"h2") + _vector(1, b"http/1.1"))),
        (5, b"\1\0\0\0\0"),
        (13, _vector(2, _numbers(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601))),
        (18, b""),
        (51, _vector(2, b"".join(_numbers(g) + _vector(2, bytes(n)) for g, n in shares))),
        (45, _vector(1, b"\1")),
        (43, _vector(1, _numbers(0x3A3A, 0x0304, 0x0303))),
        (27, _vector(1, _numbers(2))),
        (0x44CD, _vector(2, _vector(1, b"h2"))),
        (0x4A4A, b"\0"),
    ]  # fmt: skip
    suites = (0x1A1A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0x9C, 0x9D)
    return (
        b"\3\3" + bytes(range(32)) + _vector(1, bytes(range(32))) + _vector(2, _numbers(*suites)) + _vector(1, b"\0")
        + _vector(2, b"".join(_numbers(kind) + _vector(2, data) for kind, data in extensions))
    )


def by_hand(fields: List[Field]) -> Callable[..., None]:
    """A decoder written by hand; its Nodes are taken from a list that the compiled decoder made."""
    nodes: Dict[str, Node] = {}
    path: List[str] = []
    for node, _, _, depth, index in fields:
        del path[depth:]
        path.append(node.name)
        nodes.setdefault(".".join(path[1:]) + node.suffix + ("[]" if index >= 0 else ""), node)
    root = nodes[""]
    version, random = nodes["client_version"], nodes["random"]
    clock, salt = nodes["random.gmt_unix_time"], nodes["random.random_bytes"]
    id_length, session_id = nodes["session_id.length"], nodes["session_id"]
    suites_length, suites = nodes["cipher_suites.length"], nodes["cipher_suites"]
    methods_length, methods = nodes["compression_methods.length"], nodes["compression_methods"]
    all_length, whole, item = nodes["extensions.length"], nodes["extensions"], nodes["extensions[]"]
    kind_node, data_length, data = (nodes[f"extensions.extension_{n}"] for n in ("type", "data.length", "data"))

    def at(name: str) -> Node:
        return nodes["extensions." + name]

    names = {
        10: ("supported_groups", "named_group_list", 2),
        13: ("signature_algorithms", "supported_signature_algorithms", 2),
        0xFF01: ("renegotiation_info", "renegotiated_connection", 1),
        11: ("ec_point_formats", "ec_point_format_list", 1),
        27: ("compress_certificate", "algorithms", 1),
        45: ("psk_key_exchange_modes", "ke_modes", 1),
        43: ("supported_versions", "versions", 1),
    }
    protocols = {
        16: ("application_layer_protocol_negotiation", "protocol_name_list"),
        0x44CD: ("application_settings", "supported_protocols"),
    }
    flat = {k: (at(a), at(f"{a}.{b}.length"), at(f"{a}.{b}"), w) for k, (a, b, w) in names.items()}
    lists = {
        k: (at(a), at(f"{a}.{b}"), at(f"{a}.{b}.length"), at(f"{a}.{b}.length[]"), at(f"{a}.{b}[]"))
        for k, (a, b) in protocols.items()
    }
    empties = {23: at("extended_master_secret"), 18: at("signed_certificate_timestamp")}
    ticket = at("session_ticket"), at("session_ticket.ticket")
    status = [at("status_request" + n) for n in (
        "", ".status_type", ".request", ".request.responder_id_list", ".request.responder_id_list.length",
        ".request.request_extensions.length", ".request.request_extensions",
    )]  # fmt: skip
    sni = [at("server_name" + n) for n in (
        "", ".server_name_list", ".server_name_list.length", ".server_name_list[]", ".server_name_list.name_type",
        ".server_name_list.host_name.length", ".server_name_list.host_name",
    )]  # fmt: skip
    shares = [at("key_share" + n) for n in (
        "", ".client_shares", ".client_shares.length", ".client_shares[]", ".client_shares.group",
        ".client_shares.key_exchange.length", ".client_shares.key_exchange",
    )]  # fmt: skip

    def decode(buf: bytes, p: int, end: int, ctx: Context, out: List[Any]) -> None:
        add = out.append
        add((root, p, end, 0, -1))
        if p + 35 > end:
            raise ValueError
        add((version, p, p + 2, 1, -1))
        add((random, p + 2, p + 34, 1, -1))
        add((clock, p + 2, p + 6, 2, -1))
        add((salt, p + 6, p + 34, 2, -1))
        p += 34
        q = p + 1
        r = q + buf[p]
        if r + 2 > end:
            raise ValueError
        add((id_length, p, q, 1, -1))
        add((session_id, q, r, 1, -1))
        p, q = r, r + 2
        r = q + (buf[p] << 8 | buf[p + 1])
        if r + 1 > end:
            raise ValueError
        add((suites_length, p, q, 1, -1))
        add((suites, q, r, 1, -1))
        p, q = r, r + 1
        r = q + buf[p]
        if r + 2 > end:
            raise ValueError
        add((methods_length, p, q, 1, -1))
        add((methods, q, r, 1, -1))
        p, q = r, r + 2
        r = q + (buf[p] << 8 | buf[p + 1])
        if r != end:
            raise ValueError
        add((all_length, p, q, 1, -1))
        add((whole, q, r, 1, -1))
        p, index = q, 0
        while p < end:
            q = p + 4
            kind = buf[p] << 8 | buf[p + 1]
            r = q + (buf[p + 2] << 8 | buf[p + 3])
            if r > end:
                raise ValueError
            add((item, p, r, 1, index))
            add((kind_node, p, p + 2, 2, -1))
            add((data_length, p + 2, q, 2, -1))
            if kind in flat:
                group, length, content, width = flat[kind]
                s = q + width
                n = buf[q] << 8 | buf[q + 1] if width == 2 else buf[q]
                if s + n != r:
                    raise ValueError
                add((group, q, r, 2, -1))
                add((length, q, s, 3, -1))
                add((content, s, r, 3, -1))
            elif kind in empties:
                add((empties[kind], q, q, 2, -1))
            elif kind in lists:
                group, vector, length, item_length, name = lists[kind]
                add((group, q, r, 2, -1))
                if q + 2 + (buf[q] << 8 | buf[q + 1]) != r:
                    raise ValueError
                add((length, q, q + 2, 3, -1))
                add((vector, q + 2, r, 3, -1))
                s, i = q + 2, 0
                while s < r:
                    t = s + 1 + buf[s]
                    if t > r:
                        raise ValueError
                    add((item_length, s, s + 1, 3, i))
                    add((name, s + 1, t, 3, i))
                    s, i = t, i + 1
            elif kind == 0:
                group, vector, length, each, name_type, name_length, name = sni
                add((group, q, r, 2, -1))
                if q + 2 + (buf[q] << 8 | buf[q + 1]) != r:
                    raise ValueError
                add((length, q, q + 2, 3, -1))
                add((vector, q + 2, r, 3, -1))
                s, i = q + 2, 0
                while s < r:
                    t = s + 3 + (buf[s + 1] << 8 | buf[s + 2])
                    if t > r or buf[s]:
                        raise ValueError
                    add((each, s, t, 3, i))
                    add((name_type, s, s + 1, 4, -1))
                    add((name_length, s + 1, s + 3, 4, -1))
                    add((name, s + 3, t, 4, -1))
                    s, i = t, i + 1
            elif kind == 51:
                group, vector, length, each, name_type, name_length, name = shares
                add((group, q, r, 2, -1))
                if q + 2 + (buf[q] << 8 | buf[q + 1]) != r:
                    raise ValueError
                add((length, q, q + 2, 3, -1))
                add((vector, q + 2, r, 3, -1))
                s, i = q + 2, 0
                while s < r:
                    t = s + 4 + (buf[s + 2] << 8 | buf[s + 3])
                    if t > r:
                        raise ValueError
                    add((each, s, t, 3, i))
                    add((name_type, s, s + 2, 4, -1))
                    add((name_length, s + 2, s + 4, 4, -1))
                    add((name, s + 4, t, 4, -1))
                    s, i = t, i + 1
            elif kind == 35:
                add((ticket[0], q, r, 2, -1))
                add((ticket[1], q, r, 3, -1))
            elif kind == 5:
                group, status_type, request, ids, ids_length, more_length, more = status
                if r - q != 5 or buf[q] != 1 or buf[q + 1] or buf[q + 2] or buf[q + 3] or buf[q + 4]:
                    raise ValueError
                add((group, q, r, 2, -1))
                add((status_type, q, q + 1, 3, -1))
                add((request, q + 1, r, 3, -1))
                add((ids_length, q + 1, q + 3, 4, -1))
                add((ids, q + 3, q + 3, 4, -1))
                add((more_length, q + 3, r, 4, -1))
                add((more, r, r, 4, -1))
            else:
                add((data, q, r, 2, -1))
            p = r
            index += 1

    return decode


def measure(rounds: int = 40, calls: int = 50) -> Tuple[float, float, int]:
    """(median ratio compiled to hand-written, microseconds of the compiled one, fields)."""
    schema = Schema(resources.text("presentation.lark"), resources.read, resources.listing, {}, notes.dress)
    compiled = schema.decoder("ClientHello")
    raw, ctx = sample(), Context()
    fields: List[Field] = []
    compiled(raw, 0, len(raw), ctx, fields)
    hand = by_hand(fields)
    same: List[Field] = []
    hand(raw, 0, len(raw), ctx, same)
    assert same == fields and not ctx.problems, "the two decoders differ"
    ratios, times = [], []
    for _ in range(rounds):
        spent = []
        for decode in (compiled, hand):
            begin = time.perf_counter()
            for _ in range(calls):
                decode(raw, 0, len(raw), ctx, [])
            spent.append(time.perf_counter() - begin)
        ratios.append(spent[0] / spent[1])
        times.append(spent[0] / calls * 1e6)
    return sorted(ratios)[rounds // 2], sorted(times)[rounds // 2], len(fields)


if __name__ == "__main__":
    ratio, each, count = measure()
    speed = f"{each:.1f} us, {each * 1000 / count:.0f} ns a field"
    print(f"ClientHello, {count} fields: {speed}, {ratio:.2f} times the hand-written decoder")
