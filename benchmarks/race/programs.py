"""Twenty small programs with a race, each beside the same program put right, in a shape that every checker takes.

``setup`` makes the state, each of ``workers`` gets it in a thread of its own, and ``invariant`` says if it is right in the end.
Locks are made as ``threading.Lock()`` while the program runs, because some checkers put theirs in that place, and only then. An
exception in a worker is a failure to all of them.
"""

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from shape import Program, State, locked, program

__all__ = ("PROGRAMS",)


def nothing_wrong(state: Any) -> bool:
    return not state.wrong


# ---- one number -----------------------------------------------------------------------------------------------------------------


def deposit_slowly(state: Any) -> None:
    seen = state.balance
    time.sleep(0.001)
    state.balance = seen + 10


def add_one(state: Any) -> None:
    state.n += 1


def withdraw_70(state: Any) -> None:
    if state.balance >= 70:
        state.balance -= 70


def withdraw_60(state: Any) -> None:
    if state.balance >= 60:
        state.balance -= 60


def get_then_put(state: Any) -> None:
    with state.lock:
        seen = state.n
    with state.lock:
        state.n = seen + 1


def add_under_the_other_lock(state: Any) -> None:
    with state.other_lock:
        state.n += 1


# ---- locks in a circle ----------------------------------------------------------------------------------------------------------


def one_then_other(state: Any) -> None:
    with state.lock, state.other_lock:
        state.n += 1


def other_then_one(state: Any) -> None:
    with state.other_lock, state.lock:
        state.n += 1


class Table:
    """Three philosophers' forks and meals."""

    def __init__(self) -> None:
        self.forks = [threading.Lock() for _ in range(3)]
        self.meals = [0, 0, 0]


def philosopher(seat: int, first: int, second: int) -> Callable[[Table], None]:
    def dine(table: Table) -> None:
        with table.forks[first], table.forks[second]:
            table.meals[seat] += 1

    return dine


# ---- a look, and an act that relies on it ---------------------------------------------------------------------------------------


def make_once(state: Any) -> None:
    if state.instance is None:
        state.instance = object()
        state.made += 1


def look_up(state: Any) -> None:
    if "a" in state.entries:
        state.entries.move_to_end("a")


def put_in(state: Any) -> None:
    state.entries["b"] = 2
    if len(state.entries) > 1:
        state.entries.popitem(last=False)


def add_up(state: Any) -> None:
    total = 0
    for name in state.prices:
        total += state.prices[name]
    state.sum = total


def add_up_a_copy(state: Any) -> None:
    total = 0
    for price in list(state.prices.values()):
        total += price
    state.sum = total


def add_a_price(state: Any) -> None:
    state.prices["cocoa"] = 4


def take_idle(state: Any) -> None:
    if state.idle:
        state.idle.pop()


# ---- conditions, queues, events -------------------------------------------------------------------------------------------------


class Shelf:
    """Loaves, and who bought one."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.loaves: list[str] = []
        self.sold: list[str] = []


def bake(shelf: Shelf) -> None:
    for loaf in ("rye", "wheat"):
        with shelf.changed:
            shelf.loaves.append(loaf)
            shelf.changed.notify_all()


def buy(shelf: Shelf) -> None:
    with shelf.changed:
        if not shelf.loaves:
            shelf.changed.wait()
        shelf.sold.append(shelf.loaves.pop())


def buy_patiently(shelf: Shelf) -> None:
    with shelf.changed:
        while not shelf.loaves:
            shelf.changed.wait()
        shelf.sold.append(shelf.loaves.pop())


class Kettle:
    """Somebody waits until it is hot."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.hot = False


def boil(kettle: Kettle) -> None:
    with kettle.changed:
        kettle.hot = True
        kettle.changed.notify()


def wait_for_news(kettle: Kettle) -> None:
    with kettle.changed:
        kettle.changed.wait()


def wait_until_hot(kettle: Kettle) -> None:
    with kettle.changed:
        while not kettle.hot:
            kettle.changed.wait()


class Mailbox:
    """Letters, and whether more will come."""

    def __init__(self) -> None:
        self.letters: queue.Queue[str | None] = queue.Queue()
        self.closed = False
        self.read: list[str] = []


def deliver_and_close(box: Mailbox) -> None:
    box.letters.put("news")
    box.closed = True


def read_until_closed(box: Mailbox) -> None:
    while not box.closed:
        try:
            letter = box.letters.get(timeout=0.01)
        except queue.Empty:
            continue
        assert letter is not None
        box.read.append(letter)


def deliver_and_end(box: Mailbox) -> None:
    box.letters.put("news")
    box.letters.put(None)


def read_until_end(box: Mailbox) -> None:
    while (letter := box.letters.get()) is not None:
        box.read.append(letter)


def launch_once(state: Any) -> None:
    if not state.launched.is_set():
        state.launched.set()
        state.n += 1


# ---- values that belong together ------------------------------------------------------------------------------------------------


def write_in_two_stages(state: Any) -> None:
    with state.lock:
        state.order = 1
    with state.other_lock:
        state.invoice = state.order + 1


def check_in_two_stages(state: Any) -> None:
    with state.lock:
        order = state.order
    if order:
        with state.other_lock:
            state.wrong = state.invoice != order + 1


def write_at_once(state: Any) -> None:
    with state.lock, state.other_lock:
        state.order = 1
        state.invoice = state.order + 1


def check_at_once(state: Any) -> None:
    with state.lock, state.other_lock:
        state.wrong = state.order != 0 and state.invoice != state.order + 1


def set_pair(state: Any) -> None:
    state.plus = 1
    state.minus = -1


def check_pair(state: Any) -> None:
    plus = state.plus
    minus = state.minus
    state.wrong = plus + minus != 0


def fly(state: Any) -> None:
    for phase in (1, 2, 3, 4):
        state.phase = phase


def watch(state: Any) -> None:
    in_order = state.phase == 1 and state.phase == 2 and state.phase == 3
    assert not in_order


def reorder(threads: int) -> Program:
    workers = [*[set_pair] * (threads - 1), check_pair]
    return program(f"reorder_{threads}", lambda: State(plus=0, minus=0), workers, nothing_wrong)


PROGRAMS = (
    program("lost_update_sleep", lambda: State(balance=0), [deposit_slowly] * 2, lambda state: state.balance == 20),
    program("counter_aug", lambda: State(n=0), [add_one] * 3, lambda state: state.n == 3),
    program("overdraft", lambda: State(balance=100), [withdraw_70, withdraw_60], lambda state: state.balance >= 0),
    program("locked_atomicity", lambda: State(n=0), [get_then_put] * 2, lambda state: state.n == 2, fixed=[locked(add_one)] * 2),
    program(
        "abba_deadlock",
        lambda: State(n=0),
        [one_then_other, other_then_one],
        lambda state: state.n == 2,
        fixed=[one_then_other] * 2,
    ),
    program(
        "philosophers_3",
        Table,
        [philosopher(0, 0, 1), philosopher(1, 1, 2), philosopher(2, 2, 0)],
        lambda table: table.meals == [1, 1, 1],
        fixed=[philosopher(0, 0, 1), philosopher(1, 1, 2), philosopher(2, 0, 2)],
        depth=3,
    ),
    program("lazy_singleton", lambda: State(instance=None, made=0), [make_once] * 2, lambda state: state.made == 1),
    program("lru_evict", lambda: State(entries=OrderedDict(a=1)), [look_up, put_in], lambda state: len(state.entries) == 1),
    program(
        "dict_iter",
        lambda: State(prices={"tea": 2, "coffee": 3}, sum=0),
        [add_up, add_a_price],
        lambda state: state.sum in (5, 9),
        fixed=[add_up_a_copy, add_a_price],
    ),
    program("pool_pop", lambda: State(idle=["kept alive"]), [take_idle] * 2, lambda state: not state.idle),
    program(
        "cond_if",
        Shelf,
        [buy, buy, bake],
        lambda shelf: sorted(shelf.sold) == ["rye", "wheat"],
        fixed=[buy_patiently, buy_patiently, bake],
        depth=3,
    ),
    program(
        "lost_wakeup",
        Kettle,
        [wait_for_news, boil],
        lambda kettle: kettle.hot,
        fixed=[wait_until_hot, boil],
    ),
    program(
        "wronglock",
        lambda: State(n=0),
        [locked(add_one), add_under_the_other_lock],
        lambda state: state.n == 2,
        fixed=[locked(add_one)] * 2,
    ),
    program(
        "twostage",
        lambda: State(order=0, invoice=0),
        [write_in_two_stages, check_in_two_stages],
        nothing_wrong,
        fixed=[write_at_once, check_at_once],
    ),
    reorder(3),
    reorder(5),
    reorder(10),
    program("three_phase", lambda: State(phase=0), [fly, watch], nothing_wrong, depth=4),
    program(
        "fifo_handoff",
        Mailbox,
        [read_until_closed, deliver_and_close],
        lambda box: box.read == ["news"],
        fixed=[read_until_end, deliver_and_end],  # without a timeout: a wait that time may end is never proved
    ),
    program("event_once", lambda: State(launched=threading.Event(), n=0), [launch_once] * 2, lambda state: state.n == 1),
)
