"""Runs hexnote beside its peers; the whole benchmark writes bench/RESULTS.md, a part of it is printed alone.

Use: python bench/run.py [-n RUNS] [PART ...]

    S M H L   traces that bench/make_traces.py knows: text, summary, JSON, diagnosis, each beside tshark, and
              the text beside the pipe that makes a capture of the text first (perl | text2pcap | tshark)
    D         a trace in which every certificate is another one
    growth    M and H once, twice, four times as long: time and memory
    pipe      2 GB of L through a pipe: memory

Each job is run in turn with its reference, RUNS times (default 7; the longer jobs 3), both writing to the null
device; the ratio is the median of the paired ratios. The reference is `tshark -n -V -x` on the ready capture;
where tshark is not installed, `cat`. The start is compared with `python -c pass` too.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from typing import Dict, List, NamedTuple, Sequence

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
DATA = os.path.join(HERE, "data")
SCRIPT = os.path.join(os.path.dirname(sys.executable), "hexnote")
HEXNOTE = [SCRIPT] if os.path.exists(SCRIPT) else [sys.executable, "-m", "hexnote"]
ENV = {k: v for k, v in os.environ.items() if k not in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "HEXNOTE_SLOW")}

MAKER = [sys.executable, os.path.join(HERE, "make_traces.py"), DATA]

PARTS = ("S", "M", "H", "L", "D", "growth", "pipe")
JOBS = (("text", []), ("summary", ["--summary"]), ("json", ["--to", "json"]), ("diagnose", ["--diagnose"]))
TSHARK = "tshark -n -V -x"
PIPE_BYTES = 2_000_000_000
# tcpdump's rows as text2pcap wants them; one packet's rows end where another line stands.
PERL = r'print "$1 ", join(" ", $2 =~ /[0-9a-f]{2}/g), "\n" if /^\t0x([0-9a-f]{4}):  ((?:[0-9a-f]{2,4} ?){1,8})/'


class Run(NamedTuple):
    """One run of a command."""

    seconds: float
    megabytes: float  # peak resident memory; 0 where that cannot be told


class Row(NamedTuple):
    """A job, run beside another."""

    job: str
    beside: str
    ours: float  # seconds, median
    theirs: float
    ratio: float  # median of the ratios of pairs
    least: float
    most: float
    megabytes: float


def run(command: Sequence[str], stdin: int = subprocess.DEVNULL) -> Run:
    """Runs a command once; a failure ends the benchmark.

    What it is told of a child's memory is never less than this process has: nothing large is imported here.
    """
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENV, cwd=ROOT)
    peak = 0.0
    if hasattr(os, "wait4"):
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = status
        peak = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    else:
        status = process.wait()
        seconds = time.perf_counter() - begin
    if status not in (0, 1 << 8):  # exit status 1: --diagnose found an error
        sys.exit(f"failed: {' '.join(command)}")
    return Run(seconds, peak)


def pair(job: str, command: Sequence[str], beside: str, reference: Sequence[str], count: int) -> Row:
    """`count` paired runs, after one of each to warm the caches."""
    run(command)
    run(reference)
    ours, theirs = [], []
    for _ in range(count):
        ours.append(run(command))
        theirs.append(run(reference))
    ratios = [a.seconds / b.seconds for a, b in zip(ours, theirs)]
    return Row(
        job, beside, statistics.median(r.seconds for r in ours), statistics.median(r.seconds for r in theirs),
        statistics.median(ratios), min(ratios), max(ratios), max(r.megabytes for r in ours),
    )  # fmt: skip


# ---------------------------------------------------------------- the parts


class Bench:
    """The benchmark; what it finds is printed as it comes, and kept."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.tshark = shutil.which("tshark") is not None
        self.piped = self.tshark and shutil.which("perl") is not None and shutil.which("text2pcap") is not None
        self.lines: List[str] = []

    def say(self, line: str = "") -> None:
        self.lines.append(line)
        print(line, flush=True)

    def head(self, title: str) -> None:
        self.say(f"\n## {title}\n")
        self.say("| job | beside | hexnote s | beside s | ratio | ratios from – to | peak MB |")
        self.say("|---|---|---:|---:|---:|---|---:|")

    def row(self, row: Row) -> None:
        self.say(
            f"| {row.job} | {row.beside} | {row.ours:.3f} | {row.theirs:.3f} | **{row.ratio:.2f}** "
            f"| {row.least:.2f} – {row.most:.2f} | {row.megabytes:.0f} |"
        )

    def reference(self, name: str) -> List[str]:
        """The command that a trace's jobs are run beside."""
        if self.tshark:
            return ["tshark", "-n", "-V", "-x", "-r", path(name, ".pcap")]
        return ["cat", path(name, ".txt")]

    def trace(self, name: str) -> None:
        """All jobs over a trace. The longer ones are run three times only."""
        text = path(name, ".txt")
        beside = TSHARK if self.tshark else "cat"
        if name == "S":
            self.row(pair("S, text", [*HEXNOTE, text], "python -c pass", [sys.executable, "-c", "pass"], 3 * self.count))
        for job, options in JOBS if name != "D" else JOBS[:1]:
            count = min(self.count, 3) if name in "HL" and job != "text" else self.count
            self.row(pair(f"{name}, {job}", [*HEXNOTE, *options, text], beside, self.reference(name), count))
        if self.piped and name != "D":
            pipe = f"perl -ne '{PERL}' {text} | text2pcap -q -l 101 - - | tshark -n -V -x -r -"
            count = min(self.count, 3) if name in "HL" else self.count
            self.row(pair(f"{name}, text", [*HEXNOTE, text], "perl, text2pcap, tshark", ["sh", "-c", pipe], count))

    def growth(self) -> None:
        """The same kind of trace once, twice, four times as long."""
        self.say("\n## Growth\n")
        self.say("| trace, text | s at 1× | 2× | 4× | a packet at 2× to 1× | at 4× to 1× | peak MB at 1× | 2× | 4× |")
        self.say("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
        for name in "MH":
            runs: List[List[Run]] = [[], [], []]
            for _ in range(min(self.count, 3)):
                for index, longer in enumerate((name, f"{name}2", f"{name}4")):
                    runs[index].append(run([*HEXNOTE, path(longer, ".txt")]))
            start = statistics.median(run([*HEXNOTE, path("S", ".txt")]).seconds for _ in range(5))
            times = [min(r.seconds for r in each) for each in runs]
            one, two, four = [max(seconds - start, 0.001) for seconds in times]
            peaks = " | ".join(f"{max(r.megabytes for r in each):.0f}" for each in runs)
            shown = " | ".join(f"{seconds:.2f}" for seconds in times)
            self.say(f"| {name} | {shown} | {two / one / 2:.2f} | {four / one / 4:.2f} | {peaks} |")
        self.say("\nThe time of a packet is that beyond the start, which is the time of S.")

    def pipe(self) -> None:
        """A long trace through a pipe, made as it is read."""
        maker = subprocess.Popen([*MAKER, "-", "L", str(PIPE_BYTES)], stdout=subprocess.PIPE, env=ENV, cwd=ROOT)
        assert maker.stdout is not None
        process = subprocess.Popen(
            [*HEXNOTE, "-"], stdin=maker.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENV, cwd=ROOT,
        )
        maker.stdout.close()
        together = 0.0
        while process.poll() is None:
            together = max(together, shared_out(process.pid))
            time.sleep(0.1)
        maker.wait()
        if process.returncode:
            sys.exit("failed: 2 GB through a pipe")
        told = f"peak {together:.0f} MB for both processes together (their proportional set sizes)" if together else "done"
        self.say(f"\n{PIPE_BYTES / 1e9:.0f} GB of L through a pipe: {told}.")


def shared_out(pid: int) -> float:
    """MB that a process and those that it has begun have now, what they share counted once; 0 where that cannot be seen."""
    total = 0.0
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            family = [pid, *map(int, file.read().split())]
        for each in family:
            with open(f"/proc/{each}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except OSError:
        return 0.0
    return total / 1024


def path(name: str, end: str) -> str:
    return os.path.join("bench", "data", name + end)


def lark() -> str:
    """The version of Lark; asked in a process of its own, for what it imports is large."""
    code = "import importlib.metadata as m; print(m.version('lark'))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()


def machine(tshark: bool) -> List[str]:
    """The machine and the versions, a line each."""
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [x.partition(":")[2].strip() for x in file if x.startswith("model name")]
        processor = names[0] if names else processor
    except OSError:
        pass
    lines = [
        f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}, lark {lark()}",
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
    parts = arguments or list(PARTS)
    if not set(parts) <= set(PARTS):
        sys.exit(__doc__)
    needed: Dict[str, None] = dict.fromkeys(part for part in parts if len(part) == 1)
    if "growth" in parts:
        needed.update(dict.fromkeys(("S", "M", "M2", "M4", "H", "H2", "H4")))
    if needed:
        subprocess.run([*MAKER, *needed], check=True, cwd=ROOT)
    bench = Bench(count)
    bench.say("# Benchmark\n\nWritten by `make bench`; bench/run.py tells how. Medians of paired runs:")
    bench.say(f"{count} pairs, {3 * count} for the start, {min(count, 3)} where they take long.\n")
    for line in machine(bench.tshark):
        bench.say(f"- {line}")
    traces = [part for part in PARTS[:5] if part in parts]
    if traces:
        bench.head("Traces")
        for name in traces:
            bench.trace(name)
    if "growth" in parts:
        bench.growth()
    if "pipe" in parts:
        bench.pipe()
    if parts == list(PARTS):
        with open(os.path.join(HERE, "RESULTS.md"), "w", encoding="utf-8") as file:
            file.write("\n".join(bench.lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
