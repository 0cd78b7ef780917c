"""What ``import atonce`` adds to the start of a program. Fails above a limit.

For information also: how long after its start a program has its first result, by engine. Each run is a new interpreter.
"""

import subprocess
import sys
import time
from functools import partial

from rounds import Contender, Times, interleave, print_table, rounds_wanted

LIMIT_S = 0.015  # of import atonce, over a bare interpreter
BARE, IMPORTED = "bare interpreter", "import atonce"
ENGINES = ("auto", "inline", "thread", "process", "async")

# The clock counts from the start of the machine, so that two processes can compare what they read.
SAY_WHEN = "import time; print(time.clock_gettime(time.CLOCK_MONOTONIC))"
FIRST_RESULT = "import atonce; atonce.map(abs, [1], engine={!r}); " + SAY_WHEN


def run_python(code: str) -> str:
    """Run a program to its end and return what it printed."""
    return subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True).stdout


def seconds_until_said(code: str) -> float:
    """Return the seconds from the start of a program to the time that it prints."""
    begun = time.clock_gettime(time.CLOCK_MONOTONIC)
    return float(run_python(code)) - begun


def first_results(rounds: int) -> Times:
    """Measure, interleaved, how soon each engine has a result; the end of the program does not count."""
    programs = {BARE: SAY_WHEN} | {f"first result, {engine}": FIRST_RESULT.format(engine) for engine in ENGINES}
    times: Times = {name: [] for name in programs}
    for _ in range(rounds):
        for name, code in programs.items():
            times[name].append(seconds_until_said(code))
    return times


def main() -> int:
    rounds = rounds_wanted(usual=31, quick=7)
    contenders = [Contender(BARE, partial(run_python, "pass")), Contender(IMPORTED, partial(run_python, IMPORTED))]
    times = interleave(contenders, rounds)
    print_table(f"start and end, {rounds} rounds", times, list(times), "ms", 1e3)
    results = first_results(max(3, rounds // 3))
    print_table("start to first result (for information)", results, list(results), "ms", 1e3)

    added = sorted(own - bare for own, bare in zip(times[IMPORTED], times[BARE], strict=True))[rounds // 2]
    verdict = "within" if added <= LIMIT_S else "ABOVE"
    print(f"import atonce adds {added * 1e3:.1f} ms: {verdict} the limit of {LIMIT_S * 1e3:.0f} ms")
    return added > LIMIT_S


if __name__ == "__main__":
    sys.exit(main())
