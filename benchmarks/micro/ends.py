"""How soon ends come: an item's time limit, Ctrl-C, and the death of the program. Fails above the limits that the design sets.

* ``timeout=``: from the limit of a stuck item to its failure in the caller's hands, with others at work meanwhile.
* Ctrl-C, in the midst of items that sleep, or compute: from the signal to the end of the program, its interpreter's included.
* The program is killed: from the signal to the end of the last process of it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rounds import rounds_wanted

import atonce

LIMIT_S = 0.1  # of the item
HANGING = 17

PROGRAM = """
import os, sys, time
import atonce

def sleeps(number):
    with open(sys.argv[1], "a") as seen:
        print(os.getpid(), os.getppid(), file=seen)
    time.sleep(3600)

def computes(number):
    with open(sys.argv[1], "a") as seen:
        print(os.getpid(), os.getppid(), file=seen)
    while True:
        sum(range(1000))

atonce.map({"sleeps": sleeps, "computes": computes}[sys.argv[2]], range(8), engine="process", max_workers=2)
"""


def work(number: int) -> int:
    while number == HANGING:
        time.sleep(1)
    end = time.perf_counter() + 0.002
    while time.perf_counter() < end:
        pass
    return number


def late() -> float:
    """Return how long after its limit a stuck item has failed; the time before it began counts as its own."""
    ended = 0.0
    begun = time.perf_counter()
    items = [HANGING, *range(HANGING), *range(HANGING + 1, 200)]
    with atonce.Pool(engine="process", max_workers=2, errors="return") as pool:
        pool.map(abs, range(-10, 0))
        begun = time.perf_counter()
        for result in pool.stream(work, items, timeout=LIMIT_S, ordered=False, chunksize=1):
            if isinstance(result, atonce.Failure):
                ended = time.perf_counter()
    return ended - begun - LIMIT_S


def runs(pid: int) -> bool:
    """Tell whether a process has not ended; whoever has inherited it may take a while to bury it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def gone_after(number: int, what: str, folder: Path, *, whole: bool) -> float:
    """Start a program, send it a signal when both its workers are at work, and return how long it, or all of it, lives on."""
    seen = folder / f"seen-{os.getpid()}-{time.monotonic_ns()}"
    script = folder / f"program-{os.getpid()}.py"
    script.write_text(PROGRAM, encoding="utf-8")
    words = [sys.executable, str(script), str(seen), what]
    with subprocess.Popen(words, stderr=subprocess.PIPE, start_new_session=True) as process:
        while not seen.exists() or len(lines := seen.read_text(encoding="utf-8").splitlines()) < 2 or not lines[1]:
            time.sleep(0.005)
        pids = {int(pid) for line in lines for pid in line.split()}
        begun = time.perf_counter()
        if whole:
            os.kill(process.pid, number)
            while any(map(runs, pids)):
                time.sleep(0.0005)
        else:
            os.killpg(process.pid, number)
        process.wait()
        seconds = time.perf_counter() - begun
    seen.unlink()
    script.unlink()
    return seconds


def main() -> int:
    rounds = rounds_wanted(usual=15, quick=3)
    folder = Path(os.environ.get("TMPDIR", "/tmp"))
    ends: dict[str, tuple[float, Callable[[], float]]] = {
        "a stuck item, after its time limit": (0.1, late),
        "Ctrl-C, while items sleep": (0.1, lambda: gone_after(signal.SIGINT, "sleeps", folder, whole=False)),
        "Ctrl-C, while items compute": (0.1, lambda: gone_after(signal.SIGINT, "computes", folder, whole=False)),
        "the program is killed, while items compute": (1.0, lambda: gone_after(signal.SIGKILL, "computes", folder, whole=True)),
    }
    times: dict[str, list[float]] = {name: [] for name in ends}
    for _ in range(rounds):
        for name, (_, run) in ends.items():
            times[name].append(run())
    print(f"{rounds} rounds{'':<38}{'min ms':>10}{'median':>10}{'max':>10}{'limit':>10}")
    failed = False
    for name, (limit, _) in ends.items():
        own = times[name]
        failed = failed or median(own) > limit
        print(f"  {name:<44}{min(own) * 1e3:>10.1f}{median(own) * 1e3:>10.1f}{max(own) * 1e3:>10.1f}{limit * 1e3:>10.0f}")
    print("ABOVE a limit" if failed else "within the limits")
    return failed


if __name__ == "__main__":
    sys.exit(main())
