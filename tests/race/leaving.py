"""Programs that end in every way there is, as a user's module has them; and what they leave to those who come later."""

import _thread
import asyncio
import functools
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.race import busy

runs = 0  # how often a program has begun
kept = {}  # what a program has left
hung = _thread.allocate_lock()  # nobody over here decides who has it


@dataclass
class Account:
    balance: int = 0
    lock: object = field(default_factory=threading.Lock)

    def deposit(self, amount: int = 10, *, slowly: bool = True) -> None:
        before = self.balance
        if slowly:
            time.sleep(0)
        self.balance = before + amount

    def deposit_safely(self, amount=10):
        with self.lock:
            self.deposit(amount)

    @property
    def rich(self):
        return self.balance > 1_000_000

    @staticmethod
    def bank():
        return "the bank"

    @classmethod
    def empty(cls):
        return cls()


the_account = Account(5)
alias = Account.deposit


def counting(function):
    @functools.wraps(function)
    def counted(*args):
        global runs
        runs += 1
        return function(*args)

    return counted


def together(*bodies):
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def is_right():
    account = Account.empty()
    together(account.deposit_safely, account.deposit_safely)
    assert account.balance == 20


def is_wrong():
    account = Account()
    together(account.deposit, account.deposit)
    assert account.balance == 20


def deadlocks():
    one, other = threading.Lock(), threading.Lock()

    def take(first, second):
        with first, second:
            pass

    together(lambda: take(one, other), lambda: take(other, one))


def is_stubborn():
    """One of the threads catches everything, and goes on."""
    box = []

    def goes_on():
        for _ in range(3):
            try:
                box.append(threading.Event().wait())
            except BaseException:
                box.append("caught")

    def fails():
        raise ValueError

    together(goes_on, fails)


@counting
def goes_on_for_long():
    account = Account()
    for _ in range(4):
        account.deposit()

    def many():
        for _ in range(20):
            account.deposit()

    together(many, many, many)
    assert account.balance


@counting
def a_thread_works_on_and_on():
    together(busy.work, the_account.deposit)


@counting
def works_on_and_on():
    together(the_account.deposit)
    busy.work()


def skips():
    together(the_account.deposit)
    pytest.skip("not here")


def skips_in_a_thread():
    together(lambda: pytest.skip("not here"))


def exits():
    together(the_account.deposit)
    raise SystemExit(3)


def recurses():
    def deeper(n):
        return deeper(n + 1) + the_account.balance

    together(lambda: deeper(0))


def has_no_memory():
    def fails():
        the_account.deposit(0)
        raise MemoryError

    together(fails, the_account.deposit)


def hangs_in_a_thread():
    together(the_account.deposit, real_acquire)


def hangs_at_last():
    def waits():
        try:
            threading.Event().wait()
        finally:
            real_acquire()

    def fails():
        raise ValueError("before")

    together(waits, fails)


def hangs_in_main():
    real_acquire()


def real_acquire(acquire=hung.acquire):
    return acquire.__call__()


def patient():
    gate = threading.Event()
    together(gate.wait, gate.set)
    found = queue.Queue()
    together(lambda: found.put(1), lambda: found.get(timeout=1))


async def tasks_of_a_loop():
    lock = asyncio.Lock()

    async def one():
        async with lock:
            await asyncio.sleep(0.1)

    await asyncio.gather(one(), one())


async def fails_in_a_loop():
    async def one():
        await asyncio.sleep(0)
        the_account.balance += 0
        raise KeyError(1)

    kept["sleeper"] = asyncio.ensure_future(asyncio.sleep(100))
    await asyncio.gather(one(), one())


def leaves_a_pool():
    pool = ThreadPoolExecutor(2)
    list(pool.map(abs, range(3)))
    kept["pool"] = pool


def leaves_things():
    def function(thing):
        thing.balance += 1
        return thing.balance

    class Inner:
        def method(self):
            return self.__class__.__name__

    kept.update(
        lock=threading.Lock(),
        rlock=threading.RLock(),
        condition=threading.Condition(),
        event=threading.Event(),
        semaphore=threading.Semaphore(2),
        barrier=threading.Barrier(1),
        queue=queue.Queue(1),
        simple_queue=queue.SimpleQueue(),
        local=threading.local(),
        thread=threading.Thread(target=time.sleep, args=(0,)),
        timer=threading.Timer(0, kept.clear),
        function=function,
        inner=Inner(),
        partial=functools.partial(function, the_account),
    )
    together(kept["event"].set, lambda: kept["queue"].put(1), lambda: kept["simple_queue"].put(2))
    with kept["lock"], kept["rlock"], kept["condition"]:
        the_account.deposit(0)


async def leaves_things_of_a_loop():
    kept.update(
        alock=asyncio.Lock(),
        aevent=asyncio.Event(),
        aqueue=asyncio.Queue(),
        acondition=asyncio.Condition(),
        asemaphore=asyncio.Semaphore(),
    )
    async with kept["alock"]:
        await kept["aqueue"].put(1)
        kept["aevent"].set()
    kept["task"] = asyncio.ensure_future(asyncio.sleep(0, "slept"))
    kept["future"] = asyncio.get_running_loop().create_future()
    await kept["task"]


def leaves_a_deadlock():
    one, other = threading.Lock(), threading.Lock()

    def take(first, second):
        with first, second:
            pass

    threads = [threading.Thread(target=take, args=pair) for pair in ((one, other), (other, one))]
    kept.update(locks=[one, other], threads=threads)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
