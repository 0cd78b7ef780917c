"""What the tree of all orders reaches is what all orders reach, for programs written out in operations."""

import pytest

from atonce.race.scheduler import Scheduler, activate, deactivate
from atonce.race.search.dpor import Dpor
from tests.race.byhand import carriers
from tests.race.exhaustive import Exhaustive
from tests.race.operated import Desk, Operated

MOST = 4_000  # orders of one program


def reached(program, strategy, threads, *, strict=False):
    """Return the set of all outcomes, and how many runs it took."""
    outcomes, runs = set(), 0
    while not strategy.exhausted:
        run = Scheduler(strategy, threads, max_steps=1_000, strict=strict)
        desk = Desk(run)
        activate(run)
        try:
            run.run(lambda desk=desk: program(desk))
        finally:
            deactivate()
        outcomes.add(outcome_of(run, desk))
        runs += 1
        if runs > MOST:
            return outcomes, None
    return outcomes, runs


def outcome_of(run, desk):
    stuck = run.failure and (run.failure.kind, tuple((one.number, one.operation.kind) for one in run.failure.stuck))
    return repr((stuck, desk.outcome, sorted(desk.values.items())))


if __name__ == "__main__":
    import sys, time
    with carriers() as threads:
        for tasks, events in ((2, 3), (2, 4), (2,5), (2,6), (3, 2), (3,3)):
            n = 0
            for seed in range(int(sys.argv[1]), int(sys.argv[2])):
                t = time.time()
                program = Operated(seed, tasks, events)
                few, f = reached(program, Dpor(), threads)
                t2 = time.time()
                if f and f > 500: continue
                every, e = reached(program, Exhaustive(), threads, strict=True)
                t3 = time.time()
                if e is None: continue
                n += 1
                print(tasks, events, seed, "dpor", f, "all", e, len(every), f"{t2-t:.2f} {t3-t2:.2f}", "" if few == every else f"DIFFER missing {list(every-few)[:2]} more {list(few-every)[:2]}")
            print(tasks, events, n, flush=True)
