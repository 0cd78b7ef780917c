"""The tree of all orders: as many runs as there are orders that differ, and none of them missed."""

import pytest

from atonce.race.search.dpor import Dpor
from tests.race.byhand import carriers, run_once


def walk(program, limit=5_000):
    """Return the outcome of each run of the tree."""
    tree = Dpor()
    outcomes = []
    with carriers() as threads:
        while not tree.exhausted:
            seen = []
            run = run_once(lambda p, seen=seen: seen.append(program(p)), tree, threads)
            outcomes.append(run.failure.kind if run.failure else seen[0])
            assert len(outcomes) < limit
    assert not tree.doubt
    return outcomes


def sections(tasks, times):
    def program(p):
        order = []

        def work(name):
            for _ in range(times):
                with p.lock("lock"):
                    p.write("n", p.read("n") + 1)
                    order.append(name)

        p.together(*[lambda name=name: work(name) for name in range(tasks)])
        return tuple(order)

    return program


@pytest.mark.parametrize(("tasks", "times", "orders"), [(2, 1, 2), (2, 2, 6), (2, 3, 20), (3, 1, 6), (3, 2, 90), (4, 1, 24)])
def test_sections_of_one_lock_are_run_in_each_order_and_hardly_any_twice(tasks, times, orders):
    outcomes = walk(sections(tasks, times))
    assert len(set(outcomes)) == orders
    assert len(outcomes) <= orders * 1.34


def test_tasks_that_share_nothing_are_run_once():
    def program(p):
        p.together(*[lambda name=name: [p.write(name, k) for k in range(5)] for name in "abc"])

    assert len(walk(program)) == 1


def test_readers_do_not_race():
    def program(p):
        p.write("x", 1)
        p.together(*[lambda: [p.read("x") for _ in range(4)] for _ in range(3)])

    assert len(walk(program)) == 1


def test_every_result_of_two_counts_is_seen():
    def program(p):
        def add():
            p.write("n", p.read("n") + 1)

        p.together(add, add)
        return p.values["n"]

    assert set(walk(program)) == {1, 2}


def test_a_deadlock_is_seen():
    def program(p):
        def take(one, other):
            with p.lock(one), p.lock(other):
                pass

        p.together(lambda: take("a", "b"), lambda: take("b", "a"))

    assert "deadlock" in walk(program)


def test_waiting_does_not_race_with_what_is_waited_for():
    def program(p):
        def waits():
            p.wait("ready")
            return p.read("x")

        def sets():
            p.write("x", 1)
            p.set("ready")

        p.together(waits, sets)

    assert len(walk(program)) == 1


def test_who_takes_the_only_permit_is_tried_both_ways_although_a_release_lies_between():
    def program(p):
        p.values["permits"] = 1
        order = []

        def takes(name):
            p.take("permits")
            order.append(name)
            p.give("permits")
            p.take("permits")
            p.give("permits")

        p.together(lambda: takes("a"), lambda: takes("b"))
        return tuple(order)

    assert {"a", "b"} == {order[0] for order in walk(with_permits(program))}


def with_permits(program):
    """Give a program semaphores, whose releases are picks of their own."""
    from atonce.race.operations import Operation
    from tests.race.byhand import HERE

    def whole(p):
        def take(name):
            ready = lambda: p.values[name] > 0
            p.run.point(Operation("acquire", p._cell(name, True), HERE, ready, waits=True))
            p.values[name] -= 1

        def give(name):
            p.run.point(Operation("release", p._cell(name, True), HERE, enables=True))
            p.values[name] += 1

        p.take, p.give = take, give
        return program(p)

    return whole


def test_what_a_daemon_was_about_to_do_when_the_program_ended_is_tried_before():
    def program(p):
        def works():
            while True:
                p.write("x", 1)

        p.start(works, daemon=True)
        return p.read("x")

    outcomes = set()
    tree = Dpor()
    with carriers() as threads:
        for _ in range(5):
            seen = []
            run_once(lambda p, seen=seen: seen.append(program(p)), tree, threads)
            outcomes.add(seen[0])
            if tree.exhausted:
                break
    assert outcomes == {0, 1}


def test_each_choice_between_callbacks_is_tried():
    assert sorted(walk(lambda p: (p.run.choose(3), p.run.choose(2)))) == [(i, j) for i in range(3) for j in range(2)]


def test_a_program_that_is_not_the_same_each_time_is_no_proof():
    tree = Dpor()
    times = []

    def program(p):
        times.append(1)

        def add():
            for _ in range(1 + len(times) % 2):
                p.write("n", p.read("n") + 1)

        p.together(add, add)

    with carriers() as threads:
        for _ in range(50):
            if not tree.exhausted:
                run_once(program, tree, threads)
    assert "same order" in tree.doubt
