"""From a failing order to one with few switches."""

from random import Random

import pytest

from atonce.race.minimise import minimise
from atonce.race.search.counting import Following
from atonce.race.search.randomly import RandomWalk
from atonce.race.search.strategy import Strategy
from tests.race.hand import Bench, Lock, P


def counter(threads, times=1):
    def program(p):
        p.box.n = 0

        def add():
            for _ in range(times):
                p.write("n", p.read("n", P[1]) + 1, P[2])

        p.together(*[add] * threads)
        assert p.box.n == threads * times

    return program


def overdraft(p):
    p.box.balance = 100

    def withdraw():
        if p.read("balance", P[1]) >= 60:
            p.write("balance", p.read("balance", P[2]) - 60, P[2])

    p.together(withdraw, withdraw)
    assert p.box.balance >= 0


def locked_apart(p):
    p.box.n = 0
    lock = Lock(p.run)

    def add():
        lock.acquire(P[1])
        seen = p.read("n", P[2])
        lock.release(P[3])
        lock.acquire(P[4])
        p.write("n", seen + 1, P[5])
        lock.release(P[6])

    p.together(add, add)
    assert p.box.n == 2


def philosophers(count):
    def program(p):
        forks = [Lock(p.run, "fork") for _ in range(count)]

        def philosopher(at):
            def eats():
                one, other = forks[at], forks[(at + 1) % count]
                one.acquire(P[1])
                other.acquire(P[2])
                other.release(P[3])
                one.release(P[4])

            return eats

        p.together(*map(philosopher, range(count)))

    return program


def reorder(setters, checkers):
    def program(p):
        p.box.a = p.box.b = 0

        def sets():
            p.write("a", 1, P[1])
            p.write("b", -1, P[2])

        def checks():
            seen = p.read("a", P[3]), p.read("b", P[4])
            assert seen in ((0, 0), (1, -1))

        p.together(*[sets] * setters, *[checks] * checkers)

    return program


def three_phases(p):
    p.box.x = 0

    def writes():
        for phase in (1, 2, 3):
            p.write("x", phase, P[phase])

    def reads():
        assert [p.read("x", P[10 + at]) for at in range(3)] != [1, 2, 3]

    p.together(writes, reads)


def private_steps(p):
    """Two threads that do much that nobody else sees, and one thing that is shared."""
    p.box.n = 0

    def works():
        mine = type(p)(p.run)
        for at in range(10):
            mine.write("own", at, P[20])
        seen = p.read("n", P[1])
        for at in range(10):
            mine.write("own", at, P[21])
        p.write("n", seen + 1, P[2])

    p.together(works, works)
    assert p.box.n == 2


def noisy_phases(p):
    """Three phases, and between any two of them much that is shared and does not matter."""
    p.box.x = p.box.noise = 0

    def noise():
        for _ in range(20):
            p.write("noise", 1, P[50])

    def writes():
        for phase in (1, 2, 3):
            p.write("x", phase, P[phase])
            noise()

    def reads():
        seen = []
        for at in range(3):
            seen.append(p.read("x", P[10 + at]))
            noise()
        assert seen != [1, 2, 3]

    p.together(writes, reads)


# name: the program, and how many events have to be in order for it to fail
ROWS = {
    "lost update": (counter(2), 2),
    "lost update of three": (counter(3), 2),
    "lost update in loops": (counter(2, 5), 2),
    "overdraft": (overdraft, 2),
    "locked apart": (locked_apart, 2),
    "two philosophers": (philosophers(2), 2),
    "five philosophers": (philosophers(5), 5),
    "seven philosophers": (philosophers(7), 7),
    "reorder 3": (reorder(2, 1), 2),
    "reorder 5": (reorder(4, 1), 2),
    "reorder 10": (reorder(5, 5), 2),
    "three phases": (three_phases, 4),
    "private steps": (private_steps, 2),
    "noisy phases": (noisy_phases, 4),
}


@pytest.fixture
def bench_of():
    benches = []

    def make(program, **how):
        benches.append(Bench(program, **how))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("row", ROWS)
def test_few_switches_are_left(row, seed, bench_of):
    program, depth = ROWS[row]
    bench = bench_of(program)
    failing = bench.failing(RandomWalk(Random(seed)))
    before = bench.runs
    found = minimise(bench.attempt, failing, seconds=60)
    assert found.repeats
    assert found.switches <= depth + 1
    assert found.attempts == bench.runs - before <= 150
    counted = Following(found.picks)
    again = bench.attempt(counted)
    assert again.picks == found.picks
    assert (counted.switches, counted.ever_left) == (found.switches, found.left)
    assert again.failure.kind == failing.failure.kind
    assert type(again.failure.error) is type(failing.failure.error)


def test_small_programs_are_searched_to_the_end(bench_of):
    bench = bench_of(counter(2))
    found = minimise(bench.attempt, bench.failing(RandomWalk(Random(0))), seconds=60)
    assert (found.switches, found.minimal, found.left) == (2, True, {1})


def test_what_fails_without_a_switch_has_none(bench_of):
    def fails(p):
        p.together(lambda: p.read("gone"))

    bench = bench_of(fails)
    found = minimise(bench.attempt, bench.failing(RandomWalk(Random(0))))
    assert (found.switches, found.minimal, found.left) == (0, True, frozenset())


def _two_failures(p):
    """Fails at one place with one switch, and at another one only with three."""
    p.box.a = p.box.b = 0

    def writes():
        p.write("a", 1, P[1])
        p.write("a", 0, P[2])
        p.write("b", 1, P[3])
        p.write("b", 0, P[4])

    def looks():
        seen = p.read("a", P[5])
        if seen != p.read("a", P[6]):
            other = p.read("b", P[7])
            assert other == p.read("b", P[8]), "hard"
        else:
            assert not seen, "easy"

    p.together(writes, looks)


def test_only_the_same_failure_counts(bench_of):
    bench = bench_of(_two_failures)
    strategy = RandomWalk(Random(0))
    kinds = {}
    while len(kinds) < 2:
        failing = bench.failing(strategy)
        kinds.setdefault(str(failing.failure.error).split()[0].rstrip("\n"), failing)
    hard = minimise(bench.attempt, kinds["hard"], seconds=60)
    easy = minimise(bench.attempt, kinds["easy"], seconds=60)
    assert str(hard.run.failure.error).startswith("hard")
    assert str(easy.run.failure.error).startswith("easy")
    assert easy.switches == 1 < hard.switches


def test_attempts_are_bounded(bench_of):
    bench = bench_of(philosophers(7))
    failing = bench.failing(RandomWalk(Random(1)))
    found = minimise(bench.attempt, failing, attempts=5, seconds=60)
    assert found.attempts <= 5
    assert not found.minimal
    assert found.run.failure.kind == "deadlock"


def test_time_is_bounded(bench_of):
    bench = bench_of(philosophers(7))
    failing = bench.failing(RandomWalk(Random(1)))
    clock = iter(range(1_000))
    found = minimise(bench.attempt, failing, seconds=10, clock=lambda: next(clock))
    assert found.attempts < 20
    assert not found.minimal


def test_a_program_that_does_not_repeat_is_left_as_it_is(bench_of):
    runs = []

    def forgets(p):
        runs.append(None)
        p.together(lambda: p.write("n", 1))
        assert len(runs) > 1

    bench = bench_of(forgets)
    failing = bench.failing(Strategy())
    found = minimise(bench.attempt, failing)
    assert not found.repeats
    assert not found.minimal
    assert found.run is failing
    assert found.attempts == 1


class _Choosing(Strategy):
    def __init__(self, random):
        self.random = random

    def choose(self, _run, count):
        return self.random.randrange(count)


def _callbacks(p):
    """Seven choices of an event loop, of which two matter."""
    chosen = [p.run.choose(4) for _ in range(7)]
    assert not (chosen[2] == 3 and chosen[5])


def test_choices_are_minimised(bench_of):
    bench = bench_of(_callbacks)
    found = minimise(bench.attempt, bench.failing(_Choosing(Random(3))), seconds=60)
    assert found.switches == 2
    assert sum(pick != ~0 for pick in found.picks) == 2


def test_leaving_who_sleeps_costs_nothing(bench_of):
    from atonce.race.operations import Operation

    def sleeps(p):
        p.box.n = 0

        def add():
            seen = p.read("n", P[1])
            p.run.point(Operation("sleep", (), P[2], wake_s=p.run.now_s + 1, yields=True))
            p.write("n", seen + 1, P[3])

        p.together(add, add)
        assert p.box.n == 2

    bench = bench_of(sleeps)
    found = minimise(bench.attempt, bench.failing(RandomWalk(Random(0))))
    assert (found.switches, found.minimal) == (0, True)
