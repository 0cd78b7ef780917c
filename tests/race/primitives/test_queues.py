"""Queues of all kinds, new and old, and subclasses that store things their own way."""

import heapq
import queue
import sys
import threading

import pytest

from atonce.race.primitives.shadows import shadow
from tests.race.primitives.kit import once, outcome_of, result_of, together, walks


@pytest.mark.parametrize(
    ("kind", "order"), [("Queue", "bac"), ("LifoQueue", "cab"), ("PriorityQueue", "abc"), ("SimpleQueue", "bac")]
)
def test_what_comes_out_in_which_order(kind, order):
    def program():
        box = getattr(queue, kind)()
        for item in "bac":
            box.put(item)
        sizes = box.qsize(), box.empty()
        return "".join([box.get(), box.get(timeout=1), box.get_nowait()]), sizes, box.empty()

    assert result_of(program) == program() == (order, (3, False), True)


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue])
def test_a_queue_older_than_the_run(kind):
    old = kind()
    old.put(1)

    def program():
        box = shadow(old)
        first = box.get()
        return first, together(box.get, lambda: box.put(2))[0], box.put(3)

    assert result_of(program) == (1, 2, None)
    assert old.get_nowait() == 3


def attempt(call, *args, **kwargs):
    try:
        return call(*args, **kwargs)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: queue.Queue().get_nowait(),
        lambda: queue.Queue().get(timeout=0),
        lambda: queue.Queue().get(timeout=-1),
        lambda: queue.Queue(1).put(1, timeout=-1),
        lambda: queue.Queue().put(1, timeout=-1),
        lambda: queue.Queue().task_done(),
        lambda: queue.SimpleQueue().get_nowait(),
        lambda: queue.SimpleQueue().get(timeout=-1),
        lambda: [queue.Queue(1)].pop().put_nowait(1),
    ],
)
def test_misuse_raises_what_the_real_one_raises(misuse):
    assert result_of(lambda: attempt(misuse)) == attempt(misuse)


def test_timeouts():
    def program():
        box = queue.Queue(1)
        seen = [attempt(box.get, timeout=2)[0]]
        box.put(1)
        return [*seen, attempt(box.put, 2, timeout=3)[0], attempt(box.put, 2, block=False)[0], box.full(), box.qsize()]

    run = once(program)
    assert run.result == [queue.Empty, queue.Full, queue.Full, True, 1]
    assert run.now_s == 1_005


def test_a_bounded_queue_holds_back():
    def program():
        box, most = queue.Queue(2), []

        def produce():
            for item in range(5):
                box.put(item)
                most.append(box.qsize())

        def consume():
            return [box.get() for _ in range(5)]

        return together(produce, consume)[1], max(most) <= 2

    assert {repr(outcome_of(run)) for run in walks(program)} == {"([0, 1, 2, 3, 4], True)"}


def test_join_waits_for_all_that_was_put():
    def program():
        box, done = queue.Queue(), []

        def work():
            while True:
                box.get()
                done.append(1)
                box.task_done()

        threading.Thread(target=work, daemon=True).start()
        for item in range(3):
            box.put(item)
        box.join()
        return len(done)

    assert {outcome_of(run) for run in walks(program)} == {3}


def test_a_get_that_nobody_serves_is_a_deadlock():
    run = once(lambda: queue.Queue().get())
    assert run.failure.kind == "deadlock"
    assert run.failure.stuck[0].operation.kind == "get"


def test_the_methods_of_a_subclass_are_called_under_its_mutex():
    class Own(queue.Queue):
        def _init(self, maxsize):
            self.queue = []

        def _qsize(self):
            return len(self.queue)

        def _put(self, item):
            assert self.mutex.locked()
            heapq.heappush(self.queue, -item)

        def _get(self):
            threading.Event().set()  # a step: others may come, and find the mutex held
            return -heapq.heappop(self.queue)

    old = Own()

    def program():
        new = Own(3)
        for box in (old, new):
            for item in (1, 3, 2):
                box.put(item)
        return together(lambda: [new.get() for _ in range(2)], lambda: new.put(0)), [old.get() for _ in range(3)]

    outcomes = {repr(outcome_of(run)) for run in walks(program)}
    assert outcomes == {"(([3, 2], None), [3, 2, 1])"}


def test_the_mutex_keeps_others_out():
    def program():
        box = queue.Queue()
        box.put(1)

        def swap():
            with box.mutex:
                items = list(box.queue)
                threading.Event().set()
                box.queue.clear()
                box.queue.extend(items)

        return together(swap, box.get), box.qsize()

    runs = walks(program)
    assert {outcome_of(run) for run in runs} == {((None, 1), 0)}


@pytest.mark.skipif(sys.version_info < (3, 13), reason="queues are shut down from 3.13 on")
def test_shutdown():
    def program():
        box = queue.Queue()
        box.put(1)
        box.shutdown()
        seen = [attempt(box.put, 2)[0], box.get(), attempt(box.get)[0]]
        other = queue.Queue()
        other.put(1)
        other.shutdown(immediate=True)
        return [*seen, attempt(other.get)[0], other.join(), together(lambda: attempt(queue_of(other).get)[0])]

    def queue_of(box):
        return box

    down = queue.ShutDown
    assert result_of(program) == program() == [down, 1, down, down, None, (down,)]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="queues are shut down from 3.13 on")
def test_shutdown_wakes_who_waits():
    def program():
        box = queue.Queue()
        return together(lambda: attempt(box.get)[0], box.shutdown)[0]

    assert {outcome_of(run) for run in walks(program)} == {queue.ShutDown}
