"""Runs of asyncio programs under control, and a strategy that walks all choices."""

import threading
from contextlib import contextmanager

from atonce.race.carriers import Carriers
from atonce.race.loops import loops_patched, run_coroutine_function, settle
from atonce.race.operations import Operation
from atonce.race.scheduler import Scheduler, activate, active, deactivate
from atonce.race.search.strategy import Strategy, stay


@contextmanager
def controlled(*, max_steps=20_000):
    """Give a function that runs a coroutine function, or with ``plain=True`` a function, and returns the run."""
    carriers = Carriers()

    def run_once(program, strategy=None, *, plain=False):
        run = Scheduler(strategy or Strategy(), carriers, max_steps=max_steps)
        activate(run)
        try:
            run.run(program if plain else lambda: run_coroutine_function(program))
            settle(run)
        finally:
            deactivate()
        return run

    try:
        with loops_patched():
            yield run_once
    finally:
        carriers.close()


def run_one(program, strategy=None, **options):
    with controlled() as run_once:
        return run_once(program, strategy, **options)


class Given(Strategy):
    """Decides as a list says, and as asyncio would after its end. Both tasks and choices: what could have been decided is kept."""

    every_pick = True

    def __init__(self, given=()):
        self.given = list(given)
        self.alternatives = []  # for each decision, the number of possibilities
        self.made = []

    def _decide(self, count):
        at = len(self.made)
        decision = self.given[at] if at < len(self.given) else 0
        self.alternatives.append(count)
        self.made.append(decision)
        return decision

    def pick(self, run, enabled, me):
        first = stay(run, enabled, me)
        others = [first] + [task for task in enabled if task is not first]
        return others[self._decide(len(others))]

    def choose(self, _, count):
        return self._decide(count)


def all_runs(program, *, limit=5_000, **options):
    """Run a program in all orders, depth first, and yield the runs."""
    given = []
    with controlled() as run_once:
        for _ in range(limit):
            strategy = Given(given)
            yield run_once(program, strategy, **options)
            made = strategy.made
            while made and made[-1] + 1 == strategy.alternatives[len(made) - 1]:
                made.pop()
            if not made:
                return
            given = [*made[:-1], made[-1] + 1]
    raise AssertionError(f"more than {limit} orders")


def outcome(run):
    """Say in a word how a run ended."""
    if run.failure is None:
        return "fine"
    return type(run.failure.error).__name__ if run.failure.error is not None else run.failure.kind


def outcomes(program, **options):
    return {outcome(run) for run in all_runs(program, **options)}


def start(body, name="thread"):
    """Start a thread of the program under test, as the real patching of threads does."""

    def as_thread():
        try:
            body()
        finally:  # where it was asked who it is, real threading has made something up
            threading._active.pop(threading.get_ident(), None)

    return active().spawn(as_thread, name, None, daemon=False)


def join(task):
    run = active()
    cells = ((run.number(task), None, False),)
    run.point(Operation("join", cells, None, lambda: task.done, waits=True))


def real_threads():
    return {thread.ident for thread in threading.enumerate()}
