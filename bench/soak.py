"""Runs hostile shapes of input through the tool at full size: time and peak memory at 1x, 2x and 4x.

Use: python bench/soak.py [--part N] [--to FORMAT] [SHAPE ...]      (make soak: --part 100)

SHAPE is a name of tests/hostile.py (default: all). The fourfold run has the size as people fear it, divided by
N (default 1, which takes hours: N = 100 takes some minutes). Time is the tool's own processor time, without that
of the maker of the input. Growth that doubles with the size is right; memory should not grow at all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import List, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [ROOT, os.path.join(ROOT, "tests")]


# What the kernel tells of a child's peak is never less than the peak of who began it: so the tool tells its own, in KB.
# That of the process that reads ahead, which it has begun itself, is in RUSAGE_CHILDREN; the larger one counts.
TOOL = """
import os, resource, sys
from hexnote.cli import main

told = int(sys.argv.pop(1))
status = main()
try:
    with open("/proc/self/status") as file:
        own = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
except OSError:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
os.write(told, b"%d" % max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""


class Run(NamedTuple):
    """One run of the tool."""

    status: int
    seconds: float  # processor time
    megabytes: float  # peak resident memory
    read: int  # bytes of input


def run(shape: str, size: int, to: str) -> Run:
    """Annotates a shape of one size; what the tool says is thrown away."""
    peak, told = os.pipe()
    command = [sys.executable, "-c", TOOL, str(told), "--to", to, "-"]
    tool = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, pass_fds=(told,))
    os.close(told)
    assert tool.stdin is not None
    read = 0
    from hostile import SHAPES

    try:
        for piece in SHAPES[shape].make(size):
            read += len(piece)
            tool.stdin.write(piece)
        tool.stdin.close()
    except BrokenPipeError:
        pass
    _, status, usage = os.wait4(tool.pid, 0)
    tool.returncode = status
    with open(peak, "rb") as file:
        megabytes = float(file.read() or b"0") / 1024
    return Run(status, usage.ru_utime + usage.ru_stime, megabytes, read)


def main(arguments: List[str]) -> int:
    """Prints the table as it grows."""
    from hostile import SHAPES

    part, to, names = 1, "text", []
    while arguments:
        word = arguments.pop(0)
        if word == "--part":
            part = int(arguments.pop(0))
        elif word == "--to":
            to = arguments.pop(0)
        else:
            names.append(word)
    print("| shape | text, MB | s at 1x | 2x | 4x | growth | peak, MB at 1x | 2x | 4x |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    failed = False
    for name in names or SHAPES:
        size = max(SHAPES[name].large // part, SHAPES[name].small * 4)
        runs = [run(name, size * times // 4, to) for times in (1, 2, 4)]
        failed = failed or any(r.status for r in runs)
        growth = runs[2].seconds / max(runs[0].seconds, 0.01)
        times = " | ".join(f"{r.seconds:.2f}" for r in runs)
        peaks = " | ".join(f"{r.megabytes:.0f}" for r in runs)
        print(f"| {name} | {runs[2].read / 1e6:.1f} | {times} | {growth:.1f} | {peaks} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
