"""The block cipher ARIA (RFC 5794), which the library does not have: encryption, all that GCM needs.

A round is linear but for its S-boxes, so that 16 lookups in tables of 128-bit numbers do it.
"""

from __future__ import annotations

from hexnote.hints import Callable, List, Tuple

# The rows of A (RFC 5794 section 2.4.3): which bytes make each byte of the result.
_A = (
    (3, 4, 6, 8, 9, 13, 14), (2, 5, 7, 8, 9, 12, 15), (1, 4, 6, 10, 11, 12, 15), (0, 5, 7, 10, 11, 13, 14),
    (0, 2, 5, 8, 11, 14, 15), (1, 3, 4, 9, 10, 14, 15), (0, 2, 7, 9, 10, 12, 13), (1, 3, 6, 8, 11, 12, 13),
    (0, 1, 4, 7, 10, 13, 15), (0, 1, 5, 6, 11, 12, 14), (2, 3, 5, 6, 8, 13, 15), (2, 3, 4, 7, 9, 12, 14),
    (1, 2, 6, 7, 9, 11, 12), (0, 3, 6, 7, 8, 10, 13), (0, 3, 4, 5, 9, 11, 14), (1, 2, 4, 5, 8, 10, 15),
)  # fmt: skip
# Constants of the key schedule (section 2.2).
_C = (0x517CC1B727220A94FE13ABE8FA9A6EE0, 0x6DB14ACC9E21C820FF28B1D5EF5DE2B0, 0xDB92371D2126E9700324977504E8C90E)
# The matrix of the second S-box (section 2.4.2): a row for each bit, the lowest first.
_D = (0x7A, 0xBC, 0xEB, 0xB9, 0x34, 0x81, 0xBA, 0xCB)
_MASK = (1 << 128) - 1

Tables = List[List[int]]
_made: List[Tuple[Tables, Tables, Tuple[bytes, ...]]] = []


def _times(a: int, b: int) -> int:
    """The product in the field of AES and ARIA."""
    out = 0
    while b:
        if b & 1:
            out ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return out


def _power(x: int, n: int) -> int:
    out = 1
    while n:
        if n & 1:
            out = _times(out, x)
        x = _times(x, x)
        n >>= 1
    return out


def _affine(rows: Tuple[int, ...], constant: int, power: int) -> bytes:
    """An S-box: rows of a matrix over bits, the lowest bit first, times a power of x, plus a constant."""
    box = bytearray(256)
    for x in range(256):
        y = _power(x, power) if x else 0
        box[x] = constant ^ sum((bin(row & y).count("1") & 1) << bit for bit, row in enumerate(rows))
    return bytes(box)


def _tables() -> Tuple[Tables, Tables, Tuple[bytes, ...]]:
    """Odd and even round (section 2.4.1): for each byte and value, what it adds to the result; and the S-boxes."""
    if not _made:
        one = _affine((0xF1, 0xE3, 0xC7, 0x8F, 0x1F, 0x3E, 0x7C, 0xF8), 0x63, 254)
        two = _affine(_D, 0xE2, 247)
        boxes = (one, two, _inverse(one), _inverse(two))
        adds = [sum(1 << 8 * (15 - row) for row in range(16) if byte in _A[row]) for byte in range(16)]
        odd = [[adds[i] * s for s in boxes[i % 4]] for i in range(16)]
        even = [[adds[i] * s for s in boxes[(i + 2) % 4]] for i in range(16)]
        _made.append((odd, even, boxes))
    return _made[0]


def _inverse(box: bytes) -> bytes:
    out = bytearray(256)
    for x, y in enumerate(box):
        out[y] = x
    return bytes(out)


def _round(tables: Tables, x: int) -> int:
    out = 0
    for byte, table in zip(x.to_bytes(16, "big"), tables):
        out ^= table[byte]
    return out


def _rotated(x: int, right: int) -> int:
    right %= 128
    return (x >> right | x << 128 - right) & _MASK


def encryptor(key: bytes) -> Callable[[bytes], bytes]:
    """A function that encrypts whole blocks, each for itself; `key`: 16, 24 or 32 bytes."""
    odd, even, boxes = _tables()
    kind = (len(key) - 16) // 8
    c = [_C[(kind + i) % 3] for i in range(3)]
    whole = key.ljust(32, b"\0")
    left, right = int.from_bytes(whole[:16], "big"), int.from_bytes(whole[16:], "big")
    w = [left]
    w.append(_round(odd, w[0] ^ c[0]) ^ right)
    w.append(_round(even, w[1] ^ c[1]) ^ w[0])
    w.append(_round(odd, w[2] ^ c[2]) ^ w[1])
    rounds = 12 + 2 * kind
    turns = (19, 31, 128 - 61, 128 - 31, 128 - 19)
    keys = [w[i % 4] ^ _rotated(w[(i + 1) % 4], turns[i // 4]) for i in range(rounds + 1)]

    def encrypt(data: bytes) -> bytes:
        out = []
        for at in range(0, len(data), 16):
            x = int.from_bytes(data[at : at + 16], "big")
            for i in range(rounds - 1):
                x = _round(even if i % 2 else odd, x ^ keys[i])
            x ^= keys[rounds - 1]
            last = bytes(boxes[(i + 2) % 4][byte] for i, byte in enumerate(x.to_bytes(16, "big")))
            out.append((int.from_bytes(last, "big") ^ keys[rounds]).to_bytes(16, "big"))
        return b"".join(out)

    return encrypt
