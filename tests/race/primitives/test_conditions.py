"""Conditions, with locks of both kinds, new and old."""

import threading
import time

import pytest

from atonce.race.primitives.memory import memory
from atonce.race.scheduler import active
from tests.race.primitives.kit import once, outcome_of, result_of, together, walks


@pytest.mark.parametrize("lock", [threading.Lock, threading.RLock])
def test_who_waits_is_notified_in_order(lock):
    def program():
        condition = threading.Condition(lock())
        woken = []

        def wait(name):
            with condition:
                condition.wait()
                woken.append(name)

        threads = [threading.Thread(target=wait, args=(name,)) for name in "abc"]
        for index, thread in enumerate(threads):
            thread.start()
            while len(waiting(condition)) <= index:
                time.sleep(1)
        for _ in range(3):
            with condition:
                condition.notify()
        for thread in threads:
            thread.join()
        return woken

    assert result_of(program) == ["a", "b", "c"]


def waiting(condition):
    return memory(active()).waiting.get(id(condition), [])


def test_a_wait_without_a_notification_is_a_deadlock():
    def program():
        condition = threading.Condition()
        with condition:
            condition.wait()

    run = once(program)
    assert run.failure.kind == "deadlock"
    assert [one.operation.kind for one in run.failure.stuck] == ["wait"]


def test_the_lock_is_free_while_waiting_and_held_as_often_as_before():
    def program():
        condition, order = threading.Condition(), []

        def enter():
            with condition:
                order.append("inside")
                condition.notify()

        with condition, condition:
            threading.Thread(target=enter).start()
            order.append("waits")
            condition.wait()
            order.append(condition._lock._recursion_count())
        return order

    assert {repr(outcome_of(run)) for run in walks(program)} == {"['waits', 'inside', 2]"}


def test_a_timeout_ends_when_nobody_else_can_go_on():
    def program():
        condition = threading.Condition()
        with condition:
            slept = condition.wait(3_600)
            gone = condition.wait_for(lambda: False, 1_800)
            at_once = condition.wait(0), condition.wait_for(lambda: 7)
        return slept, gone, at_once

    run = once(program)
    assert run.result == (False, False, (False, 7))
    assert run.now_s == 1_000 + 5_400
    assert list(run.doubts) == ["wait with a timeout"]


@pytest.mark.parametrize(
    ("misuse", "text"),
    [
        (lambda condition: condition.wait(), "cannot wait on un-acquired lock"),
        (lambda condition: condition.notify(), "cannot notify on un-acquired lock"),
        (lambda condition: condition.notify_all(), "cannot notify on un-acquired lock"),
        (lambda condition: condition.release(), "cannot release un-acquired lock"),
    ],
)
def test_misuse(misuse, text):
    old = threading.Condition()
    with pytest.raises(RuntimeError, match=text):
        misuse(old)
    with pytest.raises(RuntimeError, match=text):
        result_of(lambda: misuse(threading.Condition()))


def test_a_condition_older_than_the_run():
    condition, items = threading.Condition(), []

    def consume():
        with condition:
            while not items:
                condition.wait()
            return items.pop()

    def produce(item):
        with condition:
            items.append(item)
            condition.notify_all()

    def program():
        return sorted(item for item in together(consume, consume, lambda: produce(1), lambda: produce(2)) if item)

    assert {repr(outcome_of(run)) for run in walks(program)} == {"[1, 2]"}
    with condition:
        assert not condition.wait(0.001)


class Own:
    def __init__(self):
        self._inner = threading.Lock()

    def acquire(self, *args):
        return self._inner.acquire(*args)

    def release(self):
        self._inner.release()

    def locked(self):
        return self._inner.locked()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *details):
        self.release()


def test_a_lock_of_the_users_own():
    def program():
        condition, ready = threading.Condition(Own()), []

        def wait():
            with condition:
                while not ready:
                    condition.wait()
            return True

        def wake():
            with condition:
                ready.append(1)
                condition.notify()

        return together(wait, wake)

    assert {outcome_of(run) for run in walks(program)} == {(True, None)}
