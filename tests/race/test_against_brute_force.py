"""The tree of all orders reaches what all orders reach: the whole checker, with programs as people write them."""

import pytest

from atonce.race.running import Runner
from atonce.race.search.dpor import Dpor
from tests.race.exhaustive import Exhaustive
from tests.race.generated import imported

MOST = 20_000  # orders of one program

# Programs with several outcomes, and not too many orders.
SEEDS = (
    9, 11, 12, 14, 16, 18, 43, 45, 54, 59, 70, 77, 78, 81, 82, 96, 99, 104, 107, 131, 139, 140, 146, 149, 150, 165,
    170, 179, 186, 201, 202, 206, 243, 260, 265, 269, 294, 296, 332, 337, 343, 347, 348, 355, 357, 360, 368, 370,
    374, 375, 404, 418, 423, 430, 451, 466, 469, 470, 473, 474, 475, 504, 506, 515, 524, 545, 546, 558, 571, 577,
    592, 600,
)  # fmt: skip


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


@pytest.mark.parametrize("seed", SEEDS)
def test_the_tree_reaches_what_all_orders_reach(seed, tmp_path):
    with imported(seed, tmp_path) as module:
        tree = Dpor()
        few, fewer, doubts = reached(module, tree, strict=False)
        every, runs, _ = reached(module, Exhaustive(), strict=True)
    assert few == every
    assert not doubts
    assert not tree.doubt
    assert len(every) > 1, "a program that always ends alike tests nothing"
    assert fewer < runs
