"""Locks: what they do in a task, what errors they raise, and what becomes of those that are older than the run."""

import _thread
import threading

import pytest

from atonce.race.primitives.patching import Patched
from atonce.race.primitives.shadows import shadow
from tests.race.primitives.kit import bench, once, outcome_of, result_of, together, walks

KINDS = [threading.Lock, threading.RLock]


def error_of(call, *args, **kwargs):
    with pytest.raises(Exception) as caught:
        call(*args, **kwargs)
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
@pytest.mark.parametrize(
    "misuse",
    [
        lambda lock: lock.release(),
        lambda lock: lock.acquire(False, 1),
        lambda lock: lock.acquire(True, -2),
        lambda lock: lock.acquire(blocking=True, timeout=-0.5),
    ],
)
def test_misuse_raises_what_the_real_one_raises(kind, misuse):
    expected = error_of(misuse, getattr(threading, kind)())
    assert result_of(lambda: error_of(misuse, getattr(threading, kind)())) == expected


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_one_at_a_time(kind):
    def program():
        lock = getattr(threading, kind)()
        inside, most = [], []

        def enter():
            with lock:
                inside.append(1)
                most.append(len(inside))
                threading.Event().set()  # a step, where others would come in
                inside.pop()

        together(enter, enter, enter)
        return max(most)

    assert {outcome_of(run) for run in walks(program)} == {1}


def test_an_rlock_is_taken_again_without_a_step():
    def program():
        lock = threading.RLock()
        with lock, lock:
            assert lock._is_owned()
            assert lock._recursion_count() == 2
        return lock._is_owned()

    run = once(program)
    assert run.result is False
    assert [step.operation.kind for step in run.trace] == ["acquire", "release", "end"]


def test_a_release_is_a_step_once_somebody_has_asked():
    def program():
        lock = threading.Lock()
        return lock.locked(), lock.acquire(blocking=False), lock.locked(), lock.acquire(timeout=3), lock.release()

    with bench() as on:
        run = on.run(program)
        assert run.result == (False, True, True, False, None)
        assert run.wants_strict
        assert list(run.doubts) == ["acquire with a timeout"]
        assert run.now_s == 1_003
        again = on.run(program)
    assert next(step for step in again.trace if step.operation.kind == "release").pick >= 0


def test_who_holds_what_is_known():
    def program():
        one, other = threading.Lock(), threading.RLock()

        def take(first, second):
            with first, second:
                pass

        together(lambda: take(one, other), lambda: take(other, one))

    stuck = next(run.failure.stuck for run in walks(program) if run.failure)
    assert [[name for name, _, _ in one.held] for one in stuck] == [[], ["Lock"], ["RLock"]]
    assert all(held[2].function.endswith("take") for one in stuck for held in one.held)


def test_a_lock_may_be_released_by_another_thread():
    def program():
        lock = threading.Lock()
        lock.acquire()
        together(lock.release, lock.acquire)
        return [held for task in [] for held in task]

    assert all(run.failure is None for run in walks(program))


@pytest.mark.parametrize("make", KINDS)
def test_a_lock_older_than_the_run_is_under_control(make):
    lock = make()

    def program():
        ours = shadow(lock)
        assert ours is shadow(lock)
        condition = threading.Condition(lock)
        order = []

        def enter(name):
            with condition:
                order.append(name)
                threading.Event().set()
                order.append(name)

        together(lambda: enter("a"), lambda: enter("b"))
        return "".join(order)

    assert {outcome_of(run) for run in walks(program)} == {"aabb", "bbaa"}
    assert lock.acquire(blocking=False)
    lock.release()


@pytest.mark.parametrize("make", KINDS)
def test_an_older_lock_that_is_held_stays_held(make):
    lock = make()
    lock.acquire()

    def program():
        return shadow(lock).acquire(blocking=False)

    assert result_of(program) is (make is threading.RLock)
    run = once(lambda: together(shadow(lock).acquire))
    assert run.failure.kind == "deadlock"
    lock.release()
    if make is threading.RLock:
        lock.release()  # what the program has left behind
    assert "locked" not in repr(lock).partition(" ")[0].replace("unlocked", "")


@pytest.mark.parametrize("make", KINDS)
def test_what_a_program_leaves_locked_is_locked(make):
    lock = make()
    once(lambda: shadow(lock).acquire())
    assert repr(lock).startswith("<locked")
    lock.release()


@pytest.mark.parametrize("make", KINDS)
def test_nothing_is_left_locked_by_a_run_that_was_cut_short(make):
    lock = make()

    def program():
        shadow(lock).acquire()
        raise ValueError

    assert once(program).failure.kind == "exception"
    assert repr(lock).startswith("<unlocked")


def test_a_lock_is_held_again_if_a_run_that_was_cut_short_released_it():
    lock = threading.Lock()
    lock.acquire()

    def program():
        shadow(lock).release()
        raise ValueError

    once(program)
    assert lock.locked()


def test_a_task_that_is_unwound_raises_no_errors_of_its_own():
    seen = []

    def program():
        condition = threading.Condition()

        def wait():
            try:
                with condition:
                    condition.wait()
            except BaseException as error:
                seen.append(type(error).__name__)
                raise

        together(wait, wait)

    assert once(program).failure.kind == "deadlock"
    assert seen == ["Abort", "Abort"]


def test_locks_made_in_a_run_work_after_it():
    lock, again = result_of(lambda: (threading.Lock(), threading.RLock()))
    assert lock.acquire(timeout=1)
    assert not lock.acquire(blocking=False)
    lock.release()
    with again, again:
        assert again._is_owned()
    assert not again._is_owned()


def test_where_no_run_decides_real_ones_are_made():
    with Patched():
        assert type(threading.Lock()) is type(_thread.allocate_lock()) is _thread.LockType
        assert isinstance(threading.Lock(), threading.Lock)
        assert isinstance(threading.RLock(), type(_thread.RLock()))
