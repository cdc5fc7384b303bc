"""Decryption with a key log: against what OpenSSL said inside, against tshark, and in the face of wrong keys and holes."""

from __future__ import annotations

import glob
import json
import os
import random
import re
import shutil
import ssl
import subprocess
import sys
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest
import relay
import tls_pairs
from conftest import SAMPLES, SHARED, Printed
from handshakes import CLIENT, SERVER, dump
from support import WHOLE, Object, load, of, strip

pytest.importorskip("cryptography")

from hexnote.keys_log import KeyLog  # noqa: E402
from hexnote.pipeline import Annotator  # noqa: E402
from hexnote.render.json import Json  # noqa: E402
from hexnote.render.text import Text  # noqa: E402

CORPUS = os.path.join(SHARED, "corpus")
SAMPLE = os.path.join(SAMPLES, "tls13-psk-keylog.txt")
SAMPLE_LOG = os.path.join(SAMPLES, "tls13-psk-keylog.keylog")

VERSIONS = [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("keys"))


def run(text: bytes, keylog: Optional[str], renderer: Any, cuts: Optional[List[int]] = None) -> bytes:
    annotator = Annotator(renderer, {"keylog": keylog})
    annotator.begin("-")
    places = [0, *(cuts or []), len(text)]
    return b"".join(annotator.feed(text[a:b]) for a, b in zip(places, places[1:])) + annotator.close()


def objects(text: bytes, keylog: Optional[str]) -> List[Object]:
    return [json.loads(line) for line in run(text, keylog, Json()).splitlines()]


def buffers(found: List[Object]) -> Dict[Tuple[int, str, str], Dict[int, Tuple[int, str]]]:
    """What the leaves say of each buffer: offset to (byte, path). No byte is told twice."""
    made: Dict[Tuple[int, str, str], Dict[int, Tuple[int, str]]] = {}
    for o in of(found, "field"):
        name = o.get("buffer", "")
        if not name.startswith(("plain:", "inflated:")):
            continue
        raw, at = bytes.fromhex(o["hex"]), 0
        for where, lo, hi in o.get("pieces") or [[name, o["offset"], o["offset"] + o["length"]]]:
            buffer = made.setdefault((o["stream"], o["from"], where), {})
            for place in range(lo, hi):
                assert place not in buffer, f"{where}: byte {place} is told twice"
                buffer[place] = raw[at], o["path"]
                at += 1
        assert at == len(raw)
    return made


BEHIND = tuple("plaintext." + name for name in ("mac", "padding", "padding_length", "type", "zeros", "compressed"))


def contents(found: List[Object]) -> List[Tuple[Tuple[int, str, str], bytes]]:
    """The content of every decrypted record, in order, without what stands behind it; every buffer is tiled."""
    out = []
    for key, buffer in buffers(found).items():
        assert sorted(buffer) == list(range(len(buffer))), f"{key} is not tiled"
        content = bytes(buffer[i][0] for i in range(len(buffer)) if buffer[i][1] not in BEHIND)
        if content:
            out.append((key, content))
    return out


def said(found: List[Object], side: str) -> bytes:
    """The application data of one side, in the order of its stream."""
    mine = [o for o in of(found, "field") if o["path"] == "plaintext.content" and o["from"] == side]
    return b"".join(bytes.fromhex(o["hex"]) for o in sorted(mine, key=lambda o: int(o["buffer"].partition(":")[2])))


def misfits(found: List[Object]) -> List[str]:
    return [o["text"] for o in of(found, "finding") if o["code"] in ("keys-do-not-fit", "malformed")]


# ------------------------------------------------------------------ OpenSSL on the spot


def _pairs() -> Iterator[Tuple[ssl.TLSVersion, Dict[str, Any]]]:
    """Every suite of every version; by default one for each way of protecting records."""
    for version in VERSIONS:
        seen = set()
        for suite in tls_pairs.suites(version):
            kind = re.sub(r"Kx=\S+\s+Au=\S+", "", suite["description"]).split(None, 2)[2]
            if WHOLE or kind not in seen:
                seen.add(kind)
                yield version, suite


@pytest.mark.parametrize("version, suite", list(_pairs()), ids=lambda v: v["name"] if isinstance(v, dict) else v.name)
def test_openssl(version: ssl.TLSVersion, suite: Dict[str, Any], folder: str) -> None:
    rng = random.Random(suite["name"])
    say = (b"GET / HTTP/1.0\r\n\r\n", rng.randbytes(rng.randrange(1, 40000)), b"\0", rng.randbytes(20))
    try:
        talk = tls_pairs.converse(folder, version, suite, say, rng.choice((1400, 300, 60000)))
    except (ssl.SSLError, ValueError) as error:
        pytest.skip(f"this OpenSSL does not do it: {error}")
    found = objects(talk.dump, talk.keylog)
    assert said(found, "client") == b"".join(talk.said[CLIENT])
    assert said(found, "server") == b"".join(talk.said[SERVER])
    assert not misfits(found)
    if "NULL" not in suite["name"]:
        assert len(contents(found)) + _empty(found) == sum(o["encrypted"] for o in of(found, "record"))
    names = [(o["from"], o["name"]) for o in of(found, "message")]
    assert ("client", "finished") in names and ("server", "finished") in names


def _empty(found: List[Object]) -> int:
    """Decrypted records without content: what TLS 1.0 sends before data in CBC."""
    full = {key for key, _ in contents(found)}
    return sum(key not in full for key in buffers(found))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
def test_resumed(version: ssl.TLSVersion, folder: str) -> None:
    talk = tls_pairs.converse(folder, version, resume=True)
    found = objects(talk.dump, talk.keylog)
    assert "certificate" not in [o["name"] for o in of(found, "message")]
    assert said(found, "client") == b"from the client\n" and not misfits(found)


def _shared_keys() -> List[str]:
    names = relay.suites()
    return names if WHOLE else names[:: max(len(names) // 2, 1)]


@pytest.mark.parametrize("suite", _shared_keys())
def test_openssl_with_a_shared_key(suite: str, folder: str) -> None:
    chosen = ["-cipher", f"{suite}:@SECLEVEL=0", "-tls1_2"]
    talk = relay.converse(folder, chosen, [*chosen, "-psk", relay.PSK, "-psk_identity", "me"], [b"hello\n"])
    found = objects(dump(talk.packets), talk.keylog)
    assert (said(found, "client"), said(found, "server")) == (b"hello\n", b"olleh\n")
    assert not misfits(found)


@pytest.mark.skipif(not relay.suites(), reason="the openssl command is absent")
@pytest.mark.parametrize("options", ["", "-max_send_frag 512 -split_send_frag 512 -record_padding 300"])
def test_openssl_key_updates_fragments_padding(options: str, folder: str) -> None:
    chosen = ["-tls1_3", *options.split()]
    talk = relay.converse(folder, chosen, chosen, [b"one\n", b"K\n", b"two\n", b"k\n", b"three\n"])
    found = objects(dump(talk.packets), talk.keylog)
    assert said(found, "client") == b"one\ntwo\nthree\n"
    assert said(found, "server").startswith(b"eno\nowt\n")
    assert not misfits(found)
    names = [o["name"] for o in of(found, "message")]
    assert names.count("key_update") >= 3 and names.count("new_session_ticket") == 2


@pytest.mark.parametrize("version", VERSIONS[:3], ids=lambda v: v.name)
def test_null_suites_are_read_without_keys(version: ssl.TLSVersion, folder: str) -> None:
    for suite in tls_pairs.suites(version):
        if "NULL" not in suite["name"]:
            continue
        talk = tls_pairs.converse(folder, version, suite, (b"clear\n", bytes(range(256)) * 90, b"end"), 700)
        for keylog in (None, talk.keylog):
            found = objects(talk.dump, keylog)
            assert said(found, "client") == b"clear\nend" and said(found, "server") == bytes(range(256)) * 90
            assert not misfits(found) and not any(o["encrypted"] for o in of(found, "record"))
            assert [o["name"] for o in of(found, "message")].count("finished") == 2
        told = run(talk.dump, None, Text())
        assert strip(told) == talk.dump and run(talk.dump, None, Text(quick=False)) == told
        assert b"encrypted handshake" not in told


# ------------------------------------------------------------------ the corpus


def _tshark(name: str) -> List[bytes]:
    """What tshark has decrypted: the contents of records."""
    command = ["tshark", "-r", f"{name}.pcap", "-n", "-x", "-o", f"tls.keylog_file:{name}.keylog",
               "-o", "tcp.reassemble_out_of_order:TRUE", "-o", "tls.desegment_ssl_application_data:TRUE"]  # fmt: skip
    for notes in (os.path.join(CORPUS, "README.md"), os.path.join(CORPUS, "extra", "README.md")):
        port = re.search(rf"`{re.escape(os.path.basename(name))}` \(port (\d+), forced", load(notes).decode())
        if port:
            command += ["-d", f"tcp.port=={port.group(1)},tls"]
    printed = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    out: List[bytes] = []
    raw: Optional[bytearray] = None
    for line in printed.decode("utf-8", "replace").split("\n"):
        head = re.match(r"(\S.*) \(\d+ bytes?\):$", line)
        if head:
            raw = bytearray() if head.group(1) == "Decrypted TLS" else None
            if raw is not None:
                out.append(b"")
        elif not line:
            raw = None
        elif raw is not None and re.match(r"[0-9a-f]{4,}  [0-9a-f]{2} ", line):
            raw += bytes.fromhex(line.split("  ", 1)[1][:48])
            out[-1] = bytes(raw)
    return sorted(content for content in out if content)


LOGS = sorted(glob.glob(os.path.join(CORPUS, "*.keylog")) + glob.glob(os.path.join(CORPUS, "extra", "*.keylog")))
QUICK = ("tls13_earlydata_openssl", "tls13_keyupdate_openssl", "reneg_client_aes128gcm_openssl", "tls12_ems_off_etm_off_gnutls",
         "tls12_rsa_aes128ccm_gnutls", "sslv3_rsa_rc4sha_tlslite", "tls12_3des_tlslite", "tcp_portreuse", "tls13_hrr_openssl",
         "deflate_agreed_tlslite", "sslv3_emptycert_tlslite")
# Where tshark opens less: (capture) -> why. Each of these records has a tag that fits.
MORE = {
    "tcp_loss_cert": "its TCP reassembly gives up at the hole", "tcp_snap256": "it opens nothing of packets that are cut short",
    **dict.fromkeys(("tcp_oneway_server", "tcp_loss_clienthello", "tcp_snap96"), "the ClientHello is not in the trace"),
    "tls13_pha_openssl": "messages of post-handshake authentication that are in several records",
}


@pytest.mark.parametrize("path", [p for p in LOGS if WHOLE or os.path.basename(p)[:-7] in QUICK], ids=os.path.basename)
def test_tshark(path: str) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is absent")
    name = path[:-7]
    found = objects(load(f"{name}.X.txt"), path)
    ours = sorted(content for _, content in contents(found))
    theirs = _tshark(name)
    if os.path.basename(name) in MORE:
        for content in theirs:
            ours.remove(content)
    else:
        assert ours == theirs
    assert not [o for o in of(found, "finding") if o["code"] == "malformed" and "plain:" in o["text"]]


# What stands in the trace's application data, as the programs that made it were told to say.
SAYS = {
    "tls13_full_openssl": (b"hello corpus\n", b"suproc olleh\n"),
    "tls12_rsa_aes128cbcsha_openssl": (b"hello corpus\n", b"suproc olleh\n"),
    "tls12_rsa_aes128ccm_gnutls": (b"hello corpus\n", b"hello corpus\n"),
    "tls10_rsa_aes128_openssl": (b"hello corpus\n", b"suproc olleh\n"),
    "tls13_chacha_ecdsa_openssl": (b"hello corpus\n", b"suproc olleh\n"),
}


@pytest.mark.parametrize("name", sorted(SAYS))
def test_known_plaintext(name: str) -> None:
    path = os.path.join(CORPUS, name)
    if not os.path.exists(path + ".X.txt"):
        pytest.skip("the corpus is absent")
    found = objects(load(path + ".X.txt"), path + ".keylog")
    assert (said(found, "client"), said(found, "server")) == SAYS[name]


# ------------------------------------------------------------------ keys that do not fit


def test_wrong_and_missing_keys_are_notes(folder: str) -> None:
    talk = tls_pairs.converse(folder, ssl.TLSVersion.TLSv1_2)
    log = load(talk.keylog).decode()
    other = os.path.join(folder, "other.log")
    for made, words in (
        (re.sub(r"(CLIENT_RANDOM \w+ )\w", r"\1g", log), "it has no secret"),
        (re.sub(r"(CLIENT_RANDOM \w+ \w+)\w\w", r"\g<1>00", log), "does not fit"),
        ("", "it has no secret"),
    ):
        with open(other, "w", encoding="ascii") as file:
            file.write(made)
        found = objects(talk.dump, other)
        assert not contents(found)
        noted = [o for o in of(found, "finding") if o["code"] == "keys-do-not-fit"]
        assert len([o for o in noted if o["stream"] == 0]) == 2 and all(o["severity"] == "note" for o in noted)
        assert words in noted[0]["text"]


def test_lines_that_are_no_secrets_are_counted(folder: str) -> None:
    path = os.path.join(folder, "bad.log")
    with open(path, "wb") as file:
        file.write(b"# a comment\n\nCLIENT_RANDOM 00 11\nnonsense\n\xff\xfe\n" + b"x" * 100_000 + b"\n"
                   b"EXPORTER_SECRET " + b"00" * 32 + b" 11\nSOMETHING_NEW " + b"00" * 32 + b" 22\r\n"
                   b"CLIENT_RANDOM " + b"ab" * 32 + b" " + b"cd" * 48 + b"\r\n")
    log = KeyLog(path)
    assert log.malformed == 5
    assert log.master(b"\xab" * 32, b"") == b"\xcd" * 48


@pytest.mark.parametrize("name", ["tls12_ticket_resume_openssl", "tls12_sessionid_resume_openssl"])
def test_a_resumed_session_has_the_master_secret_of_the_first(name: str, folder: str) -> None:
    path = os.path.join(CORPUS, name)
    if not os.path.exists(path + ".keylog"):
        pytest.skip("the corpus is absent")
    whole = objects(load(path + ".X.txt"), path + ".keylog")
    one = os.path.join(folder, "one.log")
    lines = [line for line in load(path + ".keylog").splitlines() if line.startswith(b"CLIENT_RANDOM")]
    with open(one, "wb") as file:
        file.write(lines[0] + b"\n")
    assert len(lines) == 2 and contents(objects(load(path + ".X.txt"), one)) == contents(whole)


@pytest.mark.parametrize("extended", [True, False])
@pytest.mark.parametrize("version", VERSIONS[:3], ids=lambda v: v.name)
def test_premaster_secrets(version: ssl.TLSVersion, extended: bool, folder: str) -> None:
    """The old form: what the client encrypted with the server's RSA key, found by how the ciphertext begins."""
    names = {suite["name"]: suite for suite in tls_pairs.suites(version)}
    talk = tls_pairs.converse(folder, version, names["AES256-SHA"], keeper=CLIENT, extended=extended)
    lines = [line for line in load(talk.keylog).splitlines() if line.startswith(b"RSA ")]
    if not lines:
        pytest.skip("this OpenSSL does not log premaster secrets")
    with open(talk.keylog, "wb") as file:
        file.write(lines[0] + b"\n")
    found = objects(talk.dump, talk.keylog)
    agreed = [o["value"] for o in of(found, "field") if re.fullmatch(r"server_hello\.extensions\[\d+\]\.extension_type", o["path"])]
    assert (23 in agreed) == extended
    assert (said(found, "client"), said(found, "server")) == (b"from the client\n", b"from the server\n")
    assert not misfits(found)


def test_a_log_may_grow(folder: str) -> None:
    path = os.path.join(folder, "grows.log")
    with open(path, "wb") as file:
        file.write(b"CLIENT_RANDOM " + b"ab" * 16)
    log = KeyLog(path)
    assert log.master(b"\xab" * 32, b"") is None
    with open(path, "ab") as file:
        file.write(b"ab" * 16 + b" " + b"cd" * 48 + b"\n")
    assert log.master(b"\xab" * 32, b"") == b"\xcd" * 48 and log.malformed == 0


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
@pytest.mark.parametrize("side", [CLIENT, SERVER], ids=["client", "server"])
def test_behind_lost_records(version: ssl.TLSVersion, side: int, folder: str) -> None:
    """A packet in the midst is lost, with some whole records in it: what comes behind is found again where the
    protection allows it, and is what was sent; where not, a note says why."""
    say = tuple(b"%d of %d|" % (i, side) * 9 for i in range(24))
    for suite in tls_pairs.suites(version)[:: 4 if version != ssl.TLSVersion.TLSv1_3 else 1]:
        try:
            talk = tls_pairs.converse(folder, version, suite, say, 100)
        except (ssl.SSLError, ValueError):
            continue
        port = (50000 if side == CLIENT else 443).to_bytes(2, "big")
        mine = [i for i, p in enumerate(talk.packets) if p[20:22] == port and len(p) > 80]
        lost = set(mine[-9:-5])
        found = objects(dump(p for i, p in enumerate(talk.packets) if i not in lost), talk.keylog)
        got, whole = said(found, "client" if side == CLIENT else "server"), b"".join(talk.said[side])
        assert said(found, "server" if side == CLIENT else "client") == b"".join(talk.said[1 - side])
        # What is there are the ends of the truth.
        assert any(whole.startswith(got[:n]) and whole.endswith(got[n:]) for n in range(len(got))), suite["name"]
        assert len(whole) - len(got) < 600 and len(got) < len(whole), suite["name"]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
def test_without_the_client_hello(version: ssl.TLSVersion, folder: str) -> None:
    """Any secret of the log may be the one: the tag tells. What else is in the log does not matter."""
    talk = tls_pairs.converse(folder, version)
    rng = random.Random(7)
    other = os.path.join(folder, "many.log")
    with open(other, "w", encoding="ascii") as file:
        for _ in range(20):
            file.write(f"CLIENT_RANDOM {rng.randbytes(32).hex()} {rng.randbytes(48).hex()}\n")
            file.write(f"CLIENT_HANDSHAKE_TRAFFIC_SECRET {rng.randbytes(32).hex()} {rng.randbytes(32).hex()}\n")
        file.write(load(talk.keylog).decode())
    hello = next(i for i, p in enumerate(talk.packets) if p[40:41] == b"\x16")
    found = objects(dump(p for i, p in enumerate(talk.packets) if i != hello), other)
    assert (said(found, "client"), said(found, "server")) == (b"from the client\n", b"from the server\n")
    del talk.packets[hello]
    # Of one direction, the server's can do without the other.
    one = dump(p for p in talk.packets if p[20:22] == (443).to_bytes(2, "big"))
    assert said(objects(one, other), "server") == b"from the server\n"


def test_an_altered_record_is_not_shown(folder: str) -> None:
    talk = tls_pairs.converse(folder, ssl.TLSVersion.TLSv1_3, None, (b"one", b"two", b"three"))
    packets = list(talk.packets)
    at = max(i for i, p in enumerate(packets) if p[40:41] == b"\x17" and p[20:22] == (50000).to_bytes(2, "big"))
    spoiled = bytearray(packets[at])
    spoiled[-1] ^= 1
    packets[at] = bytes(spoiled)
    found = objects(dump(packets), talk.keylog)
    assert any("does not fit, though earlier" in text for text in misfits(found))


# ------------------------------------------------------------------ laws


def _secrets(path: str) -> List[bytes]:
    return [line.split()[2].lower() for line in load(path).splitlines() if len(line.split()) == 3]


@pytest.mark.parametrize("renderer", ["text", "json"])
def test_secrets_are_in_no_output(renderer: str, folder: str) -> None:
    for version in VERSIONS[2:]:
        talk = tls_pairs.converse(folder, version)
        out = run(talk.dump, talk.keylog, Text() if renderer == "text" else Json())
        squeezed = re.sub(rb"[^0-9a-f]", b"", out)
        for secret in _secrets(talk.keylog):
            assert secret[:32] not in out and secret[:32] not in squeezed


def _laws() -> List[Tuple[str, str]]:
    names = ["tls13_pha_openssl", "reneg_server_aes256gcm_openssl", "rec_mfl512_openssl", "tcp_loss_cert", "tcp_ooo"]
    return [(SAMPLE, SAMPLE_LOG)] + [
        (path, path[:-6] + ".keylog") for path in (os.path.join(CORPUS, n + ".X.txt") for n in names) if os.path.exists(path)
    ]


@pytest.mark.parametrize("path, keylog", _laws(), ids=lambda p: os.path.basename(p)[:20])
def test_laws_of_the_text(path: str, keylog: str) -> None:
    text = load(path)
    told = run(text, keylog, Text())
    assert strip(told) == text
    assert run(told, keylog, Text()) == told
    assert run(text, keylog, Text(quick=False)) == told
    rng = random.Random(path)
    assert run(text, keylog, Text(), sorted(rng.randrange(len(text)) for _ in range(40))) == told
    for _ in range(6):
        part = text[: rng.randrange(len(text))]
        part = part[: part.rfind(b"\n") + 1]
        made = run(part, keylog, Text())
        # Up to the row before the last one, nothing differs.
        rows = made.split(b"\n")
        last = max((i for i, row in enumerate(rows) if row and not row.startswith(b";|")), default=0)
        assert told.startswith(b"\n".join(rows[:last]))


def test_without_the_option_nothing_is_loaded() -> None:
    code = (
        "import sys\nfrom hexnote.cli import main\nmain(sys.argv[1:])\n"
        "assert not [m for m in sys.modules if m.startswith(('cryptography', 'hexnote.keys', 'hexnote.plain'))]"
    )
    done = subprocess.run([sys.executable, "-c", code, SAMPLE], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()


def test_mistakes_are_one_line(hexnote: Callable[..., Printed], tmp_path: Any) -> None:
    printed = hexnote("--keylog", str(tmp_path / "none"), SAMPLE)
    assert printed.status == 2 and printed.err.count(b"\n") == 1 and b"key log" in printed.err and not printed.out
    code = "import sys\nsys.modules['cryptography'] = None\nfrom hexnote.cli import main\nsys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", code, "--keylog", SAMPLE_LOG, SAMPLE], capture_output=True)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count(b"\n") == 1 and b"pip install hexnote[keys]" in done.stderr
