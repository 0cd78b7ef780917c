"""The tree of all orders reaches what all orders reach: the whole checker, with programs as people write them."""

from atonce.race.running import Runner
from atonce.race.search.dpor import Dpor
from tests.race.exhaustive import Exhaustive
from tests.race.generated import imported

MOST = 20_000  # orders of one program


class Seen:
    """Where a program leaves what it has seen."""

    first = second = third = end = None


def reached(module, strategy, *, strict):
    """Return the set of all outcomes of a module's program, how many runs it took, and why that would prove nothing."""
    outcomes, runs, doubts = set(), 0, set()
    seen = Seen()

    def program():
        nonlocal seen
        seen = Seen()
        module.program(seen)

    with Runner(program, [module.__name__], []) as runner:
        runner.strict = strict
        while not strategy.exhausted:
            run = runner.once(strategy)
            if runner.looks_at_locks(run):
                break
            outcomes.add(outcome_of(run, seen))
            doubts.update(run.doubts)
            runs += 1
            assert runs < MOST
        else:
            return outcomes, runs, doubts
    return reached(module, type(strategy)(), strict=True)


def outcome_of(run, seen):
    stuck = run.failure and (run.failure.kind, run.failure.error, [(one.number, one.operation.kind) for one in run.failure.stuck])
    return repr((stuck, seen.first, seen.second, seen.third, seen.end))


if __name__ == "__main__":
    import pathlib
    import sys
    import tempfile
    import time

    folder = pathlib.Path(tempfile.mkdtemp())
    globals()["MOST"] = int(sys.argv[3])
    for seed in range(int(sys.argv[1]), int(sys.argv[2])):
        with imported(seed, folder) as module:
            t = time.time()
            try:
                tree = Dpor()
                few, f, doubts = reached(module, tree, strict=False)
                t2 = time.time()
                every, e, _ = reached(module, Exhaustive(), strict=True)
            except AssertionError as error:
                print(seed, "too many", repr(error)[:100])
                continue
            print(
                seed,
                "dpor",
                f,
                "all",
                e,
                "outcomes",
                len(every),
                f"{t2 - t:.2f} {time.time() - t2:.2f}",
                sorted(doubts),
                tree.doubt,
                "" if few == every else f"DIFFER missing {sorted(every - few)[:2]} more {sorted(few - every)[:2]}",
                flush=True,
            )
