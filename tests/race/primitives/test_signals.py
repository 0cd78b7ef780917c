"""Events, semaphores and barriers."""

import threading

import pytest

from tests.race.primitives.kit import once, outcome_of, result_of, together, walks


def test_an_event():
    def program():
        flag = threading.Event()
        seen = [flag.is_set(), flag.wait(5), flag.wait(0)]
        flag.set()
        seen += [flag.is_set(), flag.wait(), flag.wait(5)]
        flag.clear()
        return [*seen, flag.is_set()]

    assert result_of(program) == [False, False, False, True, True, True, False]


def test_an_event_older_than_the_run_keeps_what_was_done_to_it():
    old = threading.Event()
    assert result_of(lambda: together(old.wait, old.set)) == (True, None)
    assert old.is_set()
    assert old.wait(0)


def test_a_foreign_thread_hears_of_an_event_that_a_task_sets():
    flag, begun, heard = threading.Event(), threading.Event(), []

    def listen():
        begun.set()
        heard.append(flag.wait(30))

    thread = threading.Thread(target=listen)
    thread.start()
    begun.wait()
    once(flag.set)
    thread.join()
    assert heard == [True]


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
def test_a_semaphore_lets_in_so_many(kind):
    def program():
        places, inside, most = getattr(threading, kind)(2), [], []

        def enter():
            with places:
                inside.append(1)
                most.append(len(inside))
                threading.Event().set()
                inside.pop()

        together(enter, enter, enter)
        return max(most)

    assert {outcome_of(run) for run in walks(program)} == {1, 2}


def test_a_semaphore_by_itself():
    def program():
        places = threading.Semaphore(1)
        seen = [places.acquire(), places.acquire(blocking=False), places.acquire(timeout=2)]
        places.release(2)
        return [*seen, places.acquire(), places.acquire(timeout=2), places._value]

    run = once(program)
    assert run.result == [True, False, False, True, True, 0]
    assert run.now_s == 1_002


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: threading.Semaphore(-1),
        lambda: threading.Semaphore().release(0),
        lambda: threading.BoundedSemaphore().release(),
        lambda: threading.BoundedSemaphore().release(0),
        lambda: threading.Semaphore().acquire(False, 1),
        lambda: threading.Barrier(2).wait(0),
    ],
)
def test_misuse_raises_what_the_real_one_raises(misuse):
    with pytest.raises(Exception) as expected:
        misuse()
    with pytest.raises(type(expected.value)) as caught:
        result_of(misuse)
    assert str(caught.value) == str(expected.value)


def test_a_barrier_lets_all_go_and_is_used_again():
    def program():
        passed = []
        gate = threading.Barrier(3, action=lambda: passed.append("|"))

        def work():
            for _ in range(2):
                index = gate.wait()
                passed.append(str(index))

        together(work, work, work)
        return "".join(passed), gate.n_waiting, gate.broken

    for run in walks(program):
        text, waiting, broken = outcome_of(run)
        first, second = text[1:].split("|")
        assert sorted(first) == sorted(second) == ["0", "1", "2"]
        assert (waiting, broken) == (0, False)


def test_a_barrier_that_is_not_reached_by_all_is_a_deadlock():
    def program():
        gate = threading.Barrier(3)
        together(gate.wait, gate.wait)

    assert once(program).failure.kind == "deadlock"


def test_a_barrier_breaks():
    def program(breaker):
        gate = threading.Barrier(2, timeout=5)

        def wait():
            try:
                return gate.wait()
            except threading.BrokenBarrierError:
                return "broken"

        results = together(wait, lambda: breaker(gate))
        return results[0], gate.broken

    def never(gate):
        return None

    assert result_of(lambda: program(never)) == ("broken", True)
    assert {outcome_of(run) for run in walks(lambda: program(lambda gate: gate.abort()))} == {("broken", True)}
    assert ("broken", False) in {outcome_of(run) for run in walks(lambda: program(lambda gate: gate.reset()))}


def test_an_action_that_fails_breaks_the_barrier():
    def program():
        gate = threading.Barrier(2, action=lambda: 1 / 0)

        def wait():
            try:
                gate.wait()
            except Exception as error:
                return type(error).__name__

        return sorted(together(wait, wait))

    assert {tuple(outcome_of(run)) for run in walks(program)} == {("BrokenBarrierError", "ZeroDivisionError")}


def test_more_threads_than_a_barrier_waits_for_are_doubted():
    def program():
        gate = threading.Barrier(2)
        together(gate.wait, gate.wait, gate.wait, gate.wait)

    assert list(once(program).doubts) == ["more threads than a barrier waits for"]
