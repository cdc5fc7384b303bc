"""What the tests of certificates share: two certificates, and ways to look at their fields."""

from __future__ import annotations

import base64
import os
from typing import Any, Callable, Iterator, List, Tuple

from conftest import ROOT

from hexnote import der
from hexnote.model import GROUP, Context, Field, Node

# The two certificates of the tutorial's first trace: www.google.com in 2008, and its issuer.
LEAF_CERT = base64.b64decode(
    "MIIDITCCAoqgAwIBAgIQaHZkOD1Jbi714xmYQuB87jANBgkqhkiG9w0BAQUFADBMMQswCQYDVQQGEwJaQTElMCMGA1UEChMcVGhhd3RlIENv"
    "bnN1bHRpbmcgKFB0eSkgTHRkLjEWMBQGA1UEAxMNVGhhd3RlIFNHQyBDQTAeFw0wNzA1MDMxNTM0NThaFw0wODA1MTQyMzE4MTFaMGgxCzAJ"
    "BgNVBAYTAlVTMRMwEQYDVQQIEwpDYWxpZm9ybmlhMRYwFAYDVQQHEw1Nb3VudGFpbiBWaWV3MRMwEQYDVQQKEwpHb29nbGUgSW5jMRcwFQYD"
    "VQQDEw53d3cuZ29vZ2xlLmNvbTCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEA5sXGjc0LowME3K7MyUa+vcydvHM0SP7TdWTQycl2J3IP"
    "qZYaO4HzFPaukFbnGdJzaKeFpK7KJBQwALroNl2BczpxBY+xrxGH2lzxPr9TUYRvRA636CbXL7Jv8vJd36fPjKXpHm8wSJQhCwGtug5xAQ0Q"
    "77/uLNON/lSo/tOXj8sCAwEAAaOB5zCB5DAoBgNVHSUEITAfBggrBgEFBQcDAQYIKwYBBQUHAwIGCWCGSAGG+EIEATA2BgNVHR8ELzAtMCug"
    "KaAnhiVodHRwOi8vY3JsLnRoYXd0ZS5jb20vVGhhd3RlU0dDQ0EuY3JsMHIGCCsGAQUFBwEBBGYwZDAiBggrBgEFBQcwAYYWaHR0cDovL29j"
    "c3AudGhhd3RlLmNvbTA+BggrBgEFBQcwAoYyaHR0cDovL3d3dy50aGF3dGUuY29tL3JlcG9zaXRvcnkvVGhhd3RlX1NHQ19DQS5jcnQwDAYD"
    "VR0TAQH/BAIwADANBgkqhkiG9w0BAQUFAAOBgQCTpI4FnX2K8/gy0DucIc7S6FX9gLW71StUeiWsr3MYCvm3eplcFiNGV/wxGVuL8gR5c+60"
    "slZr39f32FbVt6rN6JzImfN2S2QHreqaKyCS5pKbMoR8gmJ3mhWg1yGtyNmMuzGCmxCGqUF6EuABVgkG2GOaUO5Erd51QQF6aVNJig=="
)  # fmt: skip
CA_CERT = base64.b64decode(
    "MIIDIzCCAoygAwIBAgIEMAAAAjANBgkqhkiG9w0BAQUFADBfMQswCQYDVQQGEwJVUzEXMBUGA1UEChMOVmVyaVNpZ24sIEluYy4xNzA1BgNV"
    "BAsTLkNsYXNzIDMgUHVibGljIFByaW1hcnkgQ2VydGlmaWNhdGlvbiBBdXRob3JpdHkwHhcNMDQwNTEzMDAwMDAwWhcNMTQwNTEyMjM1OTU5"
    "WjBMMQswCQYDVQQGEwJaQTElMCMGA1UEChMcVGhhd3RlIENvbnN1bHRpbmcgKFB0eSkgTHRkLjEWMBQGA1UEAxMNVGhhd3RlIFNHQyBDQTCB"
    "nzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEA1NNn0I0Vf67NMf59HZGhPwtxPKzMyGT7Y/wySweUvW+Aui/hBJPAM/wJMyPpC3QrccQDxtLN"
    "4i/1CWPN/0ilAL/g5/OIty0y3pg25gqtAHvEZEo7hHUD8nCSfQ5i9SGraTaEMXWQ+L/HbIgbBpV8yeWo3nWhLHpo39XKHIdYYBkCAwEAAaOB"
    "/jCB+zASBgNVHRMBAf8ECDAGAQH/AgEAMAsGA1UdDwQEAwIBBjARBglghkgBhvhCAQEEBAMCAQYwKAYDVR0RBCEwH6QdMBsxGTAXBgNVBAMT"
    "EFByaXZhdGVMYWJlbDMtMTUwMQYDVR0fBCowKDAmoCSgIoYgaHR0cDovL2NybC52ZXJpc2lnbi5jb20vcGNhMy5jcmwwMgYIKwYBBQUHAQEE"
    "JjAkMCIGCCsGAQUFBzABhhZodHRwOi8vb2NzcC50aGF3dGUuY29tMDQGA1UdJQQtMCsGCCsGAQUFBwMBBggrBgEFBQcDAgYJYIZIAYb4QgQB"
    "BgpghkgBhvhFAQgBMA0GCSqGSIb3DQEBBQUAA4GBAFWsY+reod3SkF+fC852vhNRj5PZBSvIG3dLrWlQoe7e3P3bB+noOZTcq3J5Lwa/q4Fw"
    "xKjt6lM07e8eU9kGx1Yr0Vz00YqOtCuxN5BICEIlxT6Ky3/rbwTRbcV0oveifHtgPHfNDs5IAn8BL7abN+AqKjbc1YXWrOU/VG+WHgWv"
)  # fmt: skip


def read(name: str) -> str:
    with open(os.path.join(ROOT, "grammars", name), encoding="utf-8") as file:
        return file.read()


der.setup(read)
ITEM = Node("certificate_list")


def fields(buf: Any, end: int = -1, hook: Callable[..., None] = der.certificate, pos: int = 0) -> List[Field]:
    return walked(buf, end, hook, pos)[0]


def walked(
    buf: Any, end: int = -1, hook: Callable[..., None] = der.certificate, pos: int = 0
) -> Tuple[List[Field], List[Any]]:
    ctx = Context()
    out: List[Field] = []
    hook(buf, pos, len(buf) if end < 0 else end, ctx, out, 0, ITEM, 0)
    return out, ctx.problems


def leaves(out: List[Field]) -> List[Field]:
    return [f for f in out if f[0].kind != GROUP]


def check(out: List[Field], pos: int, end: int) -> None:
    """The leaves tile [pos, end), and each lies inside the groups around it."""
    at = pos
    open_groups: List[Tuple[int, int, int]] = []
    for node, start, stop, depth, _ in out:
        while open_groups and open_groups[-1][2] >= depth:
            open_groups.pop()
        if open_groups:
            assert open_groups[-1][0] <= start <= stop <= open_groups[-1][1]
        if node.kind == GROUP:
            open_groups.append((start, stop, depth))
        else:
            assert start == at, (node, start, at)
            at = stop
    assert at == end


def paths(out: List[Field]) -> Iterator[Tuple[str, Field]]:
    path: List[str] = []
    for field in out:
        node, _, _, depth, index = field
        del path[depth:]
        path.append(f"{node.name}[{index}]" if index >= 0 else node.name)
        yield ".".join(path) + node.suffix, field


def tell(cert: bytes, level: int = 0, hook: Callable[..., None] = der.certificate) -> List[str]:
    return [n.say(cert[s:e]) for n, s, e, _, _ in leaves(fields(cert, hook=hook)) if n.level <= level]


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    count = (size.bit_length() + 7) // 8
    return bytes([tag, 128 | count]) + size.to_bytes(count, "big") + body
