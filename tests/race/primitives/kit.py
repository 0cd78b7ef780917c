"""Programs that use the standard library, run under control: once, in random orders, in all orders, and along the tree of DPOR."""

import gc
import random
import threading
from contextlib import contextmanager

from atonce.race.carriers import Carriers
from atonce.race.primitives.memory import settle
from atonce.race.primitives.patching import Patched
from atonce.race.scheduler import Scheduler, activate, deactivate
from atonce.race.search.dpor import Dpor
from atonce.race.search.randomly import RandomWalk
from atonce.race.search.strategy import Strategy


class Bench:
    """Runs programs. Patched as long as it is open."""

    def __init__(self, carriers):
        self._carriers = carriers
        self.strict = False

    def run(self, program, strategy=None, max_steps=5_000):
        """Run it once. What it returns is the run's `result`."""
        run = Scheduler(strategy or Strategy(), self._carriers, max_steps=max_steps, strict=self.strict)
        run.result = None

        def body():
            run.result = program()

        random.seed(0)
        activate(run)
        try:
            run.run(body)
        finally:
            deactivate()
            settle()
        self.strict = self.strict or run.wants_strict
        return run


@contextmanager
def bench():
    carriers = Carriers()
    collects = gc.isenabled()
    gc.disable()  # as the checker does: a finalizer in the middle of a run would be a step of it
    try:
        with Patched():
            yield Bench(carriers)
    finally:
        if collects:
            gc.enable()
        carriers.close()
    assert not carriers.hanging


def once(program, strategy=None):
    with bench() as on:
        return on.run(program, strategy)


def result_of(program, strategy=None):
    """Run it once, and return what it returns."""
    run = once(program, strategy)
    if run.failure is not None and run.failure.error is not None:
        raise run.failure.error
    assert run.failure is None, run.failure
    return run.result


def walks(program, times=40, seed=0):
    """Run it in random orders."""
    strategy = RandomWalk(random.Random(seed))
    with bench() as on:
        return [on.run(program, strategy) for _ in range(times)]


def outcome_of(run):
    """Return what a run came to: its result, or how it failed."""
    if run.failure is None:
        return run.result
    error = run.failure.error
    return run.failure.kind if error is None else (type(error).__name__, str(error))


class Everything(Strategy):
    """All orders, one after the other: at each pick each task that can go on."""

    every_pick = True

    def __init__(self):
        self.exhausted = False
        self._path = []

    def pick(self, run, enabled, me):
        depth = len(run.picks)
        if depth == len(self._path):
            self._path.append([0, len(enabled)])
        return enabled[self._path[depth][0]]

    def end(self, run):
        del self._path[len(run.picks) :]
        while self._path and self._path[-1][0] + 1 == self._path[-1][1]:
            self._path.pop()
        if self._path:
            self._path[-1][0] += 1
        self.exhausted = not self._path


def outcomes(program, strategy, limit):
    """Walk to the end, and return all outcomes, how many runs it took, and whether there was a doubt."""
    with bench() as on:
        first = on.run(program)  # warms up, and tells whether a release is a step
        seen, runs, doubts = {outcome_of(first)}, 0, dict(first.doubts)
        while not strategy.exhausted:
            run = on.run(program, strategy)
            seen.add(outcome_of(run))
            doubts.update(run.doubts)
            runs += 1
            assert runs < limit, f"more than {limit} orders"
        return seen, runs, doubts


def everything(program, limit=60_000):
    return outcomes(program, Everything(), limit)


def tree(program, limit=10_000):
    strategy = Dpor()
    found = outcomes(program, strategy, limit)
    assert not strategy.doubt
    return found


def together(*bodies):
    """Run each in a thread of its own, and return what they return, in order."""
    results = [None] * len(bodies)

    def work(index):
        results[index] = bodies[index]()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tuple(results)
