"""Where the time goes: samples a run of hexnote every millisecond of processor time and tells it by room.

Use: python bench/stages.py [NAME ...]

NAME is a trace that bench/make_traces.py knows (default: M H). The time of built-in functions is their caller's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from types import FrameType
from typing import Dict, List, Optional, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
DATA = os.path.join(HERE, "data")
PACKAGE = os.path.join(ROOT, "hexnote")

# The stages, by how the names of the modules begin; the first that fits.
STAGES: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ("text to packets", (
        "lexer", "lane", "vocabulary", "patterns", "geometry", "rows", "drafts", "dumps", "language", "washing", "peeling",
        "sides", "strip", "coding",
    )),
    ("headers, streams", ("layers", "streams", "stitch", "fragments", "headless", "datagrams", "spans")),
    ("checks", ("look", "verify", "checksums")),
    ("records, sessions", ("records", "heads", "assembly", "session", "logged", "lengths", "dialogues", "keys", "plain", "packed")),
    ("messages, certificates", ("messages", "schema", "der", "asn1", "x509", "certificates", "notes", "forms", "resources")),
    ("findings", ("findings", "story", "diagnosis", "course", "hellos", "trouble", "facts")),
    ("text written", ("render", "fields", "report")),
    ("reading and writing files, the corridor", ("cli", "output", "binary", "pipeline", "usual", "partner", "model", "options")),
)


def profile(name: str) -> Tuple[Counter[str], Counter[str]]:
    """Samples by stage, and by function, of one run."""
    stages: Counter[str] = Counter()
    functions: Counter[str] = Counter()

    def sample(number: int, frame: Optional[FrameType]) -> None:
        while frame is not None:
            code = frame.f_code
            if code.co_filename.startswith(PACKAGE):
                module = os.path.relpath(code.co_filename, PACKAGE)[:-3].replace(os.sep, ".")
                stage = next((stage for stage, begins in STAGES if module.startswith(begins)), module)
                started = any(f.co_name == "feed" for f in _callers(frame))
                stages[stage if started else "start"] += 1
                functions[f"{module}.{code.co_name}"] += 1
                return
            frame = frame.f_back
        stages["start"] += 1

    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    from hexnote import cli

    cli.pays = lambda fd: False  # one process, so that all of it is seen
    cli.main([os.path.join(DATA, name + ".txt")])
    signal.setitimer(signal.ITIMER_PROF, 0)
    return stages, functions


def _callers(frame: Optional[FrameType]) -> List[object]:
    found = []
    while frame is not None:
        found.append(frame.f_code)
        frame = frame.f_back
    return found


def main(names: List[str]) -> None:
    """Prints the tables; each run has a process of its own, and its output is thrown away."""
    if names[:1] == ["--one"]:
        sys.path.insert(0, ROOT)
        stages, functions = profile(names[1])
        total = sum(stages.values())
        out = [f"\n## {names[1]}\n", "| stage | share |", "|---|---:|"]
        out += [f"| {stage} | {count / total:.0%} |" for stage, count in stages.most_common()]
        out += ["", "| function | share |", "|---|---:|"]
        out += [f"| {function} | {count / total:.1%} |" for function, count in functions.most_common(12)]
        sys.stderr.write("\n".join(out) + "\n")
        return
    subprocess.run([sys.executable, os.path.join(HERE, "make_traces.py"), DATA, *names], check=True, cwd=ROOT)
    env: Dict[str, str] = {k: v for k, v in os.environ.items() if k != "HEXNOTE_SLOW"}
    for name in names:
        command = [sys.executable, os.path.abspath(__file__), "--one", name]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=env)
        print(done.stderr, end="", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["M", "H"])
