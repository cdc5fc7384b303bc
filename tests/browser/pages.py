"""Writes the pages that the browser looks at: `pages.py FOLDER`."""

from __future__ import annotations

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.dirname(os.path.dirname(HERE))]

from support import sample  # noqa: E402
from test_walkthrough import EVIL, document, hostile  # noqa: E402


def long(packets: int) -> bytes:
    """A trace of so many packets: one connection after another, each with addresses of its own."""
    text = sample("client-certificate.txt")
    out, count = [], 0
    while count < packets:
        number = f"10.9.{len(out) // 250}.{len(out) % 250 + 1}"
        part = text.replace(b"10.1.7.20", number.encode())
        octets = bytes(int(n) for n in number.split(".")).hex()
        out.append(part.replace(b"0a01 0714", f"{octets[:4]} {octets[4:]}".encode()))
        count += part.count(b"IP 10.")
    return b"\n".join(out)


def main(folder: str) -> None:
    pages = {
        "tutorial": document("html", ("server-auth.txt", sample("server-auth.txt"))),
        "deep": document("html", ("server-auth.txt", sample("server-auth.txt")), deep=True),
        "several": document("html", *((name, sample(name)) for name in (
            "tls12-ticket-resumption.txt", "tls13-hello-retry.txt", "mutual-auth-excerpt.txt", "alert-unknown-ca.txt"))),
        "evil": document("html", *((f"<i>{i}", hostile(name)) for i, name in enumerate(EVIL))),
        "long": document("html", ("long.txt", long(1000))),
    }
    for name in ("server-auth.txt", "tls13-hello-retry.txt", "mutual-auth-excerpt.txt", "client-certificate.txt"):
        pages[name.replace(".txt", ".md")] = document("markdown", (name, sample(name)))
    pages["several.md"] = document("markdown", *((n, sample(n)) for n in ("tls12-ticket-resumption.txt", "alert-unknown-ca.txt")))
    for name, text in pages.items():
        with open(os.path.join(folder, name if name.endswith(".md") else f"{name}.html"), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(sys.argv[1])
