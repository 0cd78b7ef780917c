"""What ``engine="inline"`` adds to a list comprehension. Fails above a limit.

The work is ``x * x``, a million times: as little as a function can do, so that what is seen is what atonce costs.
"""

import sys

from rounds import Contender, interleave, print_table, ratio, rounds_wanted

import atonce

ITEMS = 1_000_000
LIMIT = 1.3  # times the list comprehension


def square(x: int) -> int:
    return x * x


def comprehension() -> list[int]:
    return [square(x) for x in range(ITEMS)]


def inline() -> list[int]:
    return atonce.map(square, range(ITEMS), engine="inline")


def main() -> int:
    rounds = rounds_wanted(usual=11, quick=3)
    contenders = [Contender("list comprehension", comprehension, ITEMS), Contender("atonce inline", inline, ITEMS)]
    times = interleave(contenders, rounds)
    print_table(f"x * x, {ITEMS:,} items, {rounds} rounds", times, list(times))
    found = ratio(times, "atonce inline", "list comprehension")
    verdict = "within" if found <= LIMIT else "ABOVE"
    print(f"inline takes {found:.2f} times as long: {verdict} the limit of {LIMIT}")
    return found > LIMIT


if __name__ == "__main__":
    sys.exit(main())
