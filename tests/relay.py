"""Conversations between `openssl s_server` and `openssl s_client`, seen by one who passes the bytes on."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import time
from typing import List, Sequence

from handshakes import CLIENT, SERVER, Wire
from tls_pairs import Talk, credentials

PSK = "1a2b3c4d5e6f708192a3b4c5d6e7f809"


def suites() -> List[str]:
    """The suites up to TLS 1.2 that take a key that both have. (Those that take a password, SRP, cannot be had so: the
    s_server of OpenSSL 3.0 does not find its users.)"""
    if shutil.which("openssl") is None:
        return []
    listed = subprocess.run(
        ["openssl", "ciphers", "ALL:COMPLEMENTOFALL:eNULL:@SECLEVEL=0"], capture_output=True, text=True).stdout
    return [name for name in listed.strip().split(":") if "PSK" in name]


def _free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def converse(
    folder: str, server_args: Sequence[str], client_args: Sequence[str], say: Sequence[bytes], patience: float = 20,
) -> Talk:
    """The client says each of `say` when something has come back for the one before, or nothing has for a second; the
    server answers each line backwards."""
    keylog = os.path.join(folder, f"relay-{os.urandom(6).hex()}.log")
    inner, outer = _free_port(), _free_port()
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{inner}", "-cert", credentials(folder, "rsa"), "-rev", "-quiet",
         "-psk", PSK, *server_args],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    listener = socket.create_server(("127.0.0.1", outer))
    client = None
    try:
        near = _connect(inner, patience)
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{outer}", "-keylogfile", keylog, *client_args],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
        listener.settimeout(patience)
        far, _ = listener.accept()
        return Talk(_pass_on(far, near, client, say, patience), keylog, ([], []), "")
    finally:
        listener.close()
        for process in (client, server):
            if process is not None:
                process.kill()
                process.wait()


def _connect(port: int, patience: float) -> socket.socket:
    until = time.monotonic() + patience
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _pass_on(
    far: socket.socket, near: socket.socket, client: subprocess.Popen[bytes], say: Sequence[bytes], patience: float,
) -> List[bytes]:
    """Carry the bytes until the client closes; the packets."""
    wire = Wire()
    wire.open()
    until = time.monotonic() + patience
    waiting = list(say)
    assert client.stdin is not None and client.stdout is not None
    quiet, heard = 0, False
    while time.monotonic() < until:
        ready = select.select([far, near], [], [], 0.05)[0]
        quiet = 0 if ready else quiet + 1
        heard = heard or near in ready
        for end in ready:
            side = CLIENT if end is far else SERVER
            data = end.recv(1 << 16)
            if not data:
                far.close()
                near.close()
                wire.close(side)
                return wire.packets
            for at in range(0, len(data), 1400):
                wire.send(side, data[at : at + 1400], wire.sent[side])
            (near if side == CLIENT else far).sendall(data)
        if quiet >= (2 if heard else 20):
            # Both ends have said what they had to: it is the client's turn.
            quiet, heard = 0, False
            if waiting:
                client.stdin.write(waiting.pop(0))
                client.stdin.flush()
            else:
                client.stdin.close()
                waiting = [b""]
                client.wait(patience)
    return wire.packets
