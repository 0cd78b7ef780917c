"""What ``engine="auto"`` costs where nobody is hired, and how soon it hires where somebody is.

::

    overhead.py [--rounds 7]

The first decision is told for the first call of a program, which has to load the manager, and for a later one.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import atonce

BLOCK = bytes(1 << 20)


def same(number: Any) -> Any:
    return number


def square(number: int) -> int:
    return number * number


def waits(_number: int) -> None:
    time.sleep(0.02)


def lets_go_of_the_gil(_number: int) -> str:
    return hashlib.sha256(BLOCK).hexdigest()


def holds_the_gil(number: int) -> int:
    return sum(n * n for n in range(10_000 + number % 2))


def seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def one_item(rounds: int) -> None:
    loop, auto = [], []
    for _ in range(1000 * rounds):
        loop.append(seconds(lambda: [same(item) for item in [1]]))
        auto.append(seconds(lambda: atonce.map(same, [1])))
    print(f"one item            loop {median(loop) * 1e6:6.2f} us   auto {median(auto) * 1e6:6.2f} us")


def a_million(rounds: int) -> None:
    numbers = range(1_000_000)
    loop, auto = [], []
    for _ in range(rounds):
        loop.append(seconds(lambda: [square(number) for number in numbers]))
        auto.append(seconds(lambda: atonce.map(square, numbers)))
    ratio = median(auto) / median(loop)
    print(f"1,000,000 x square  loop {median(loop) * 1e3:6.1f} ms   auto {median(auto) * 1e3:6.1f} ms   {ratio:.2f}x")


def decisions(name: str) -> None:
    """Print when this process has hired, in its first call and in its third, in milliseconds."""
    told = [atonce.map(globals()[name], range(300)).report.plan.hired_s for _ in range(3)]
    print(json.dumps([None if hired_s is None else hired_s * 1e3 for hired_s in told]))


def first_decisions(rounds: int) -> None:
    for name in ("waits", "lets_go_of_the_gil", "holds_the_gil"):
        command = [sys.executable, __file__, "--decisions", name]
        told = [json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(rounds)]
        for words, call in (("first call", 0), ("later call", 2)):
            hired = [times[call] for times in told if times[call] is not None]
            when = f"{median(hired):6.1f} ms" if hired else "never"
            print(f"{name:<19} {words}: hired at {when}  ({len(hired)} of {rounds})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--decisions", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.decisions:
        decisions(arguments.decisions)
        return
    one_item(arguments.rounds)
    a_million(arguments.rounds)
    first_decisions(arguments.rounds)


if __name__ == "__main__":
    main()
