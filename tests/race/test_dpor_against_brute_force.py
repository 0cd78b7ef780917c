"""The tree of all orders reaches what all orders reach: the search alone, with programs written out in operations."""

import pytest

from atonce.race.scheduler import Scheduler, activate, deactivate
from atonce.race.search.dpor import Dpor
from tests.race.byhand import carriers
from tests.race.exhaustive import Exhaustive
from tests.race.operated import Desk, Operated

MOST = 5_000  # orders of one program

# (tasks, operations of each): seeds whose programs have several outcomes, and not too many orders.
PROGRAMS = {
    (2, 3): (16, 32, 86, 124, 157, 171, 223, 312, 316, 327, 329, 339, 342, 357, 360, 369),
    (2, 4): (40, 42, 86, 96, 124, 155, 157, 171, 229, 316, 329, 342, 360, 368, 369, 387),
    (2, 5): (14, 40, 42, 87, 121, 128, 131, 140, 155, 178, 195, 229, 342, 351, 360, 363, 387),
    (2, 6): (9, 20, 32, 40, 66, 87, 99, 128, 137, 140, 246, 341, 351, 357, 363, 398),
    (3, 2): (11, 32, 140, 155, 190, 229, 233, 251, 304, 311, 316, 324, 329, 330, 360, 369),
    (3, 3): (2, 9, 14, 55, 66, 138, 140, 190, 194, 205, 229, 246, 251, 336, 363, 369),
}

# The same of programs that do little but wait, and let each other go on.
WAITING = {
    (2, 3): (50, 103, 210, 241, 268, 271, 280, 316, 357, 358, 360),
    (2, 4): (1, 4, 6, 44, 58, 197, 241, 244, 258, 268, 292, 318, 325, 327, 373),
    (2, 5): (5, 6, 44, 58, 122, 197, 242, 244, 292, 318, 325, 342, 365, 386),
    (2, 6): (10, 12, 44, 103, 242, 307, 325, 331, 342, 365, 386, 396, 397),
    (3, 2): (4, 10, 115, 139, 199, 226, 277, 282, 331, 370, 372, 374),
    (3, 3): (47, 109, 115, 139, 143, 190, 197, 226, 330, 336, 345),
}


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
        assert runs < MOST
    return outcomes, runs


def outcome_of(run, desk):
    stuck = run.failure and (run.failure.kind, tuple((one.number, one.operation.kind) for one in run.failure.stuck))
    return repr((stuck, desk.outcome, sorted(desk.values.items())))


@pytest.mark.parametrize(("tasks", "events"), PROGRAMS)
def test_the_tree_reaches_what_all_orders_reach(tasks, events):
    compare([Operated(seed, tasks, events) for seed in PROGRAMS[tasks, events]])


@pytest.mark.parametrize(("tasks", "events"), WAITING)
def test_the_tree_reaches_what_all_orders_reach_where_tasks_wait(tasks, events):
    compare([Operated(seed, tasks, events, waits=True) for seed in WAITING[tasks, events]])


def compare(programs):
    with carriers() as threads:
        for program in programs:
            tree = Dpor()
            few, fewer = reached(program, tree, threads)
            every, runs = reached(program, Exhaustive(), threads, strict=True)
            assert few == every, program.tasks
            assert not tree.doubt
            assert len(every) > 1, "a program that always ends alike tests nothing"
            assert fewer < runs


def test_all_orders_are_all_orders():
    def program(desk):
        order = []
        desk.outcome = []

        def work(name):
            for _ in range(3):
                desk.read(name)
                order.append(name)
            desk.outcome = order

        desk.at_once(lambda: work("a"), lambda: work("b"))

    with carriers() as threads:
        outcomes, runs = reached(program, Exhaustive(), threads)
    assert len(outcomes) == 20  # what order the reads come in: 6 over 3
    assert runs == 70  # each of two tasks has a beginning as well: 8 over 4
