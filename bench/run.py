"""Runs hexnote beside its peers and writes bench/RESULTS.md.

Use: python bench/run.py [-n RUNS] [TRACE ...]

TRACE is a name that bench/make_traces.py knows (default: S M). Each job is run in turn with its reference,
RUNS times (default 7), both writing to the null device; the ratio is the median of the paired ratios.
The references are `tshark -n -V -x` on the ready pcap where tshark is installed, `python -c pass` and `cat`.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from typing import Dict, List, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
DATA = os.path.join(HERE, "data")
SCRIPT = os.path.join(os.path.dirname(sys.executable), "hexnote")
HEXNOTE = [SCRIPT] if os.path.exists(SCRIPT) else [sys.executable, "-m", "hexnote"]


class Run(NamedTuple):
    """One run of a command."""

    seconds: float
    megabytes: float  # peak resident memory


class Row(NamedTuple):
    """One line of the table."""

    job: str
    reference: str
    seconds: float
    beside: float
    ratio: float
    least: float
    most: float
    megabytes: float


def run(command: List[str], env: Dict[str, str]) -> Run:
    """Run `command` once; a failure ends the benchmark."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env, cwd=ROOT
    )
    if hasattr(os, "wait4"):
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = status
        peak = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    else:
        status = process.wait()
        seconds, peak = time.perf_counter() - begin, 0.0
    if status not in (0, 1 << 8):  # exit status 1: --diagnose found an error
        sys.exit(f"failed: {' '.join(command)}")
    return Run(seconds, peak)


def pair(job: str, command: List[str], reference: str, beside: List[str], count: int, env: Dict[str, str]) -> Row:
    """`count` paired runs, after one of each to warm the caches."""
    run(command, env)
    run(beside, env)
    ours, theirs = [], []
    for _ in range(count):
        ours.append(run(command, env))
        theirs.append(run(beside, env))
    ratios = [a.seconds / b.seconds for a, b in zip(ours, theirs)]
    row = Row(
        job,
        reference,
        statistics.median(r.seconds for r in ours),
        statistics.median(r.seconds for r in theirs),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        max(r.megabytes for r in ours),
    )
    print(line(row), flush=True)
    return row


HEAD = (
    "| job | beside | hexnote s | beside s | ratio | ratios from – to | peak MB |\n"
    "|---|---|---:|---:|---:|---|---:|"
)


def line(row: Row) -> str:
    return (
        f"| {row.job} | {row.reference} | {row.seconds:.3f} | {row.beside:.3f} | **{row.ratio:.2f}** "
        f"| {row.least:.2f} – {row.most:.2f} | {row.megabytes:.0f} |"
    )


def machine(tshark: bool) -> List[str]:
    """The machine and the versions, a line each."""
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [x.partition(":")[2].strip() for x in file if x.startswith("model name")]
        processor = names[0] if names else processor
    except OSError:
        pass
    from importlib.metadata import version

    lines = [
        f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}, lark {version('lark')}",
    ]
    if tshark:
        told = subprocess.run(["tshark", "--version"], capture_output=True, text=True).stdout
        lines.append(told.split("\n")[0].rstrip("."))
    else:
        lines.append("tshark is not installed: compared with `cat` alone")
    return lines


def main(arguments: List[str]) -> None:
    count = 7
    if arguments[:1] == ["-n"] and len(arguments) > 1 and arguments[1].isdigit():
        count, arguments = max(int(arguments[1]), 1), arguments[2:]
    names = arguments or ["S", "M"]
    if not set(names) <= set("SMHL"):
        sys.exit(__doc__)
    sys.path.insert(0, HERE)
    import make_traces

    make_traces.make(DATA, names)
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")}
    tshark = shutil.which("tshark") is not None
    about = machine(tshark)
    print("\n".join(about) + "\n\n" + HEAD)
    rows = []
    for name in names:
        text, pcap = (os.path.join("bench", "data", name + end) for end in (".txt", ".pcap"))
        if name == "S":
            start = [sys.executable, "-c", "pass"]
            rows.append(pair("S, text", [*HEXNOTE, text], "python -c pass", start, 3 * count, env))
        if tshark:
            peer, beside = "tshark -n -V -x", ["tshark", "-n", "-V", "-x", "-r", pcap]
        else:
            peer, beside = "cat", ["cat", text]
        jobs = [("text", []), ("summary", ["--summary"]), ("json", ["--to", "json"]), ("diagnose", ["--diagnose"])]
        for job, options in jobs if name in "SM" else jobs[:1]:
            rows.append(pair(f"{name}, {job}", [*HEXNOTE, *options, text], peer, beside, count, env))
    with open(os.path.join(HERE, "RESULTS.md"), "w", encoding="utf-8") as file:
        file.write("# Benchmark\n\nWritten by `make bench` (bench/run.py tells how). ")
        file.write(f"Medians of {count} paired runs, {3 * count} for the start.\n\n")
        file.write("".join(f"- {x}\n" for x in about) + "\n" + HEAD + "\n")
        file.write("".join(line(row) + "\n" for row in rows))


if __name__ == "__main__":
    main(sys.argv[1:])
