"""The tree of DPOR finds every outcome that all orders have, of each primitive.

So what waits, what lets others go on, and what each operation touches is named right.

Threads record only what their own calls give them: what is shared besides is not seen here.
"""

import queue
import threading
import time
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait

import pytest

from tests.race.primitives.kit import everything, together, tree


def attempt(call, *args, **kwargs):
    try:
        return call(*args, **kwargs)
    except Exception as error:
        return type(error).__name__


# What comes into order by a put, a release or a set that nobody needed hides nothing.


def events_set_twice():
    flag = threading.Event()

    def wait_and_clear():
        flag.wait()
        flag.clear()

    together(flag.set, flag.set, wait_and_clear)
    return flag.is_set()


def set_that_nobody_needed():
    flag, other = threading.Event(), queue.SimpleQueue()

    def late():
        other.put(1)
        flag.set()

    def wait_and_look():
        flag.wait()
        return other.qsize()

    return together(flag.set, late, wait_and_look)


def abort_after_all_have_come():
    gate = threading.Barrier(2)

    def last():
        gate.wait()
        gate.abort()

    return together(lambda: attempt(gate.wait), last)


def one_completed_or_both():
    one, other = Future(), Future()

    def look():
        done, _ = wait([one, other], return_when=FIRST_COMPLETED)
        return (one in done, other in done)

    return together(lambda: (one.set_result(1), other.set_result(2)), look)


def semaphore_of_two():
    places, box = threading.Semaphore(2), queue.SimpleQueue()

    def use():
        with places:
            seen = box.qsize()
            box.put(seen)

    together(use, use)
    return box.get(), box.get()


def bounded_of_two():
    places, box = threading.BoundedSemaphore(2), queue.SimpleQueue()

    def use():
        with places:
            seen = box.qsize()
            box.put(seen)

    together(use, use)
    return box.get(), box.get()


def put_that_nobody_needed():
    box, other = queue.Queue(), queue.SimpleQueue()
    box.put("x")

    def produce():
        other.put(1)
        box.put("y")

    def consume():
        box.get()
        return other.qsize()

    return together(produce, consume)


def simple_put_that_nobody_needed():
    box, other = queue.SimpleQueue(), queue.SimpleQueue()
    box.put("x")

    def produce():
        other.put(1)
        box.put("y")

    def consume():
        box.get()
        return other.qsize()

    return together(produce, consume)


def bounded_put_that_nobody_needed():
    box, other = queue.Queue(2), queue.SimpleQueue()
    box.put("x")

    def produce():
        other.put(1)
        box.put("y")

    def consume():
        box.get()
        return other.qsize()

    return together(produce, consume)


def bounded_resource():
    box, seen = queue.Queue(2), queue.SimpleQueue()
    box.put("r")

    def use(name):
        thing = box.get()
        seen.put(name)
        box.put(thing)

    together(lambda: use("a"), lambda: use("b"))
    return seen.get() + seen.get()


def result_set_twice():
    promise, other = Future(), queue.SimpleQueue()

    def late():
        other.put(1)
        return attempt(promise.set_result, 2)

    return together(lambda: attempt(promise.set_result, 1), late, lambda: (promise.result(), other.qsize()))


def who_does_it():
    with ThreadPoolExecutor(2, thread_name_prefix="w") as pool:
        futures = [pool.submit(lambda: threading.current_thread().name[-1]) for _ in range(2)]
        return futures[0].result() + futures[1].result()


def submit_from_two():
    box = queue.SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        together(lambda: pool.submit(box.put, "a"), lambda: pool.submit(box.put, "b"))
    return box.get() + box.get()


def locks():
    one, other = threading.Lock(), threading.Lock()

    def take(first, second):
        with first, second:
            return True

    return together(lambda: take(one, other), lambda: take(other, one))


def lock_order():
    lock, box = threading.Lock(), queue.SimpleQueue()

    def enter(name):
        with lock:
            box.put(name)
        with lock:
            box.put(name)

    together(lambda: enter("a"), lambda: enter("b"))
    return "".join(box.get() for _ in range(4))


def try_lock():
    lock = threading.Lock()

    def enter():
        if not lock.acquire(blocking=False):
            return "taken"
        lock.release()
        return "free"

    return together(enter, enter)


def locked():
    lock = threading.Lock()

    def enter():
        with lock:
            pass

    return together(enter, lock.locked)


def rlock():
    lock, box = threading.RLock(), queue.SimpleQueue()

    def enter(name):
        with lock, lock:
            box.put(name)
            box.put(name)

    together(lambda: enter("a"), lambda: enter("b"))
    return "".join(box.get() for _ in range(4))


def event():
    flag = threading.Event()

    def turn():
        flag.set()
        flag.clear()

    return together(turn, flag.is_set, flag.is_set)


def event_wait():
    flag = threading.Event()

    def turn():
        flag.set()
        flag.clear()

    return together(flag.wait, turn)


def semaphore():
    places = threading.Semaphore(1)
    box = queue.SimpleQueue()

    def enter(name):
        with places:
            box.put(name)
        if places.acquire(blocking=False):
            places.release()
            return True
        return False

    return together(lambda: enter("a"), lambda: enter("b")), box.get() + box.get()


def bounded_semaphore():
    places = threading.BoundedSemaphore(1)

    def over():
        return attempt(places.release)

    def enter():
        places.acquire()
        return attempt(places.release)

    return together(enter, over, enter)


def bounded_semaphore_order():
    places, box = threading.BoundedSemaphore(1), queue.SimpleQueue()

    def enter(name):
        with places:
            box.put(name)

        with places:
            box.put(name)

    together(lambda: enter("a"), lambda: enter("b"))
    return "".join(box.get() for _ in range(4))


def condition_if():
    condition, items = threading.Condition(), queue.SimpleQueue()

    def consume():
        with condition:
            if items.empty():
                condition.wait()
            return attempt(items.get_nowait)

    def produce():
        with condition:
            items.put(1)
            condition.notify()

    return together(consume, produce, consume)


def lost_wakeup():
    condition = threading.Condition()

    def sleep():
        with condition:
            condition.wait()

    def wake():
        with condition:
            condition.notify_all()

    return together(sleep, wake)


def fifo():
    box = queue.Queue()

    def consume():
        return box.get() + str(box.qsize())

    return together(lambda: box.put("a"), lambda: box.put("b"), consume)


def fifo_resource():
    box, seen = queue.Queue(), queue.SimpleQueue()
    box.put("r")

    def use(name):
        thing = box.get()
        seen.put(name)
        box.put(thing)

    together(lambda: use("a"), lambda: use("b"))
    return seen.get() + seen.get()


def bounded_queue():
    box = queue.Queue(1)

    def produce(name):
        box.put(name)

    return together(lambda: produce("a"), lambda: produce("b"), lambda: box.get() + box.get())


def lifo():
    box = queue.LifoQueue()
    box.put("x")
    box.put("y")

    def use():
        thing = box.get()
        box.put(thing + ".")
        return thing

    return together(use, use)


def queue_join():
    box = queue.Queue()

    def produce():
        box.put(1)

    def join():
        box.join()
        return box.qsize()

    def consume():
        box.get()
        box.task_done()

    return together(produce, join, consume)


def nowait():
    box = queue.Queue(1)
    return together(lambda: attempt(box.put_nowait, 1), lambda: attempt(box.get_nowait), lambda: attempt(box.put_nowait, 2))


def barrier():
    gate = threading.Barrier(2)
    return together(gate.wait, lambda: (gate.wait(), gate.n_waiting))


def broken_barrier():
    gate = threading.Barrier(2)
    return together(lambda: attempt(gate.wait), lambda: attempt(gate.wait), gate.abort)


def future():
    promise = Future()

    def cancel():
        return promise.cancel()

    def fulfil():
        return attempt(promise.set_result, 1)

    return together(cancel, fulfil, lambda: attempt_result(promise))


def attempt_result(promise):
    try:
        return promise.result()
    except CancelledError:
        return "cancelled"


def first_completed():
    one, other = Future(), Future()

    def look():
        done, _ = wait([one, other], return_when=FIRST_COMPLETED)
        return (one in done, other in done)

    return together(lambda: one.set_result(1), lambda: other.set_result(2), look)


def executor_order():
    box = queue.SimpleQueue()
    with ThreadPoolExecutor(2) as pool:
        for name in "ab":
            pool.submit(box.put, name)
    return box.get() + box.get()


def executor_one_after_the_other():
    with ThreadPoolExecutor(2) as pool:
        pool.submit(int).result()
        pool.submit(int).result()
        return len(pool._threads)


def executor_cancel():
    pool = ThreadPoolExecutor(1)
    futures = [pool.submit(int) for _ in range(2)]
    pool.shutdown(cancel_futures=True)
    return tuple(each.cancelled() for each in futures)


def alive():
    flag = threading.Event()
    thread = threading.Thread(target=flag.set)
    before = thread.is_alive()
    thread.start()
    flag.wait()
    return before, thread.is_alive()


def timer():
    box = queue.SimpleQueue()
    late = threading.Timer(10, box.put, ("fired",))
    late.start()
    late.cancel()
    late.join()
    return box.qsize()


def sleeps():
    box = queue.SimpleQueue()

    def after(seconds, name):
        time.sleep(seconds)
        box.put(name)

    together(lambda: after(1, "a"), lambda: after(2, "b"))
    return box.get() + box.get()


PROGRAMS = [
    locks,
    lock_order,
    try_lock,
    locked,
    rlock,
    event,
    event_wait,
    semaphore,
    bounded_semaphore,
    bounded_semaphore_order,
    condition_if,
    lost_wakeup,
    fifo,
    fifo_resource,
    bounded_queue,
    lifo,
    queue_join,
    nowait,
    barrier,
    broken_barrier,
    future,
    first_completed,
    executor_one_after_the_other,
    executor_cancel,
    alive,
    timer,
    sleeps,
    events_set_twice,
    set_that_nobody_needed,
    abort_after_all_have_come,
    one_completed_or_both,
    semaphore_of_two,
    bounded_of_two,
    put_that_nobody_needed,
    simple_put_that_nobody_needed,
    bounded_put_that_nobody_needed,
    bounded_resource,
    result_set_twice,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_tree_has_every_outcome(program):
    all_of_them, _, doubted = everything(program)
    found, _, doubts = tree(program)
    assert found == all_of_them
    assert set(doubts) == set(doubted)


@pytest.mark.parametrize("program", [executor_order, submit_from_two], ids=lambda program: program.__name__)
def test_items_of_an_executor_come_in_each_order(program):
    found, _, doubts = tree(program)
    assert found == {"ab", "ba"}
    assert not doubts


def test_items_of_an_executor_are_done_by_any_worker():
    found, _, doubts = tree(who_does_it)
    assert found == {"00", "01", "10", "11"}
    assert not doubts


@pytest.mark.parametrize("program", [bounded_queue, nowait])
def test_a_queue_that_was_full_is_doubted(program):
    _, _, doubts = tree(program)
    assert doubts == {"waits for room in a queue": None}
