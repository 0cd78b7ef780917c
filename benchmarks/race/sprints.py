"""Programs without a bug and with many orders, which are run for their speed: two or three threads, 15 to 40 steps."""

import time
from typing import Any

from shape import State, Version

__all__ = ("SLEEPERS", "SPEED")


def add_four_times(state: Any) -> None:
    state.n += 1
    state.n += 1
    state.n += 1
    state.n += 1


def add_twice(state: Any) -> None:
    state.n += 1
    state.n += 1


def add_here_and_there(state: Any) -> None:
    with state.lock:
        state.locked += 1
    state.n += 1
    state.n += 1


def sleep_an_hour(state: Any) -> None:
    time.sleep(3600)
    state.n = 1


SPEED = {
    "two threads, 4 updates each": Version(lambda: State(n=0), [add_four_times] * 2, lambda state: state.n <= 8),
    "three threads, 2 updates each": Version(lambda: State(n=0), [add_twice] * 3, lambda state: state.n <= 6),
    "three threads, with and without a lock": Version(
        lambda: State(n=0, locked=0), [add_here_and_there] * 3, lambda state: state.locked == 3
    ),
}
SLEEPERS = Version(lambda: State(n=0), [sleep_an_hour] * 2, lambda state: state.n == 1)
