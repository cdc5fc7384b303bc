"""The extension that CONTRIBUTING.md makes up, added as it says: one file, no Python."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import Any

from conftest import ROOT
from handshakes import CLIENT, HANDSHAKE, Wire, dump, extension, message, record, vector


def test_one_file_is_all_it_takes(tmp_path: Any) -> None:
    with open(os.path.join(ROOT, "CONTRIBUTING.md"), encoding="utf-8") as page:
        text = page.read()
    example = re.search(r"in `(\w+\.tls)`:\n\n```\n(.*?)```", text, re.S)
    assert example
    for folder in ("hexnote", "grammars"):
        shutil.copytree(os.path.join(ROOT, folder), tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "grammars" / "tls" / "extensions" / example[1]).write_text(example[2], encoding="utf-8")

    weather = b"\2" + (2941).to_bytes(2, "big") + vector(1, b"Oslo") + vector(1, b"\1\0")
    hello = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + vector(2, extension(0xABCD, weather))
    wire = Wire()
    wire.open()
    wire.send(CLIENT, record(HANDSHAKE, message(1, hello)), 0)
    trace = tmp_path / "weather.txt"
    trace.write_bytes(dump(wire.packets))

    def hexnote(*arguments: str) -> str:
        run = [sys.executable, "-m", "hexnote", *arguments, str(trace)]
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(run, cwd=tmp_path, env=env, stdout=subprocess.PIPE, check=True).stdout.decode()

    said = {}
    for line in hexnote("--to", "json").splitlines():
        o = json.loads(line)
        if o["kind"] == "field" and "extensions[0]" in o["path"]:
            said[o["path"].replace("client_hello.extensions[0].", "")] = o["name"] or o["value"]
    assert said == {
        "extension_type": "weather", "extension_data.length": 11, "weather.sky": "rain", "weather.temperature": 2941,
        "weather.station.length": 4, "weather.station": "Oslo", "weather.forecast.length": 2, "weather.forecast[0]": "cloudy",
        "weather.forecast[1]": "clear",
    }  # fmt: skip
    told = hexnote()
    assert "extension_type = weather (0xabcd)" in told and "What the sky looks like" in told and 'station = "Oslo"' in told
