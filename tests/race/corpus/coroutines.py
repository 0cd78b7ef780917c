"""Row 24: coroutines of one event loop, which take turns at each await."""

import asyncio

from tests.race.corpus.program import Program


class Stock:
    def __init__(self, tickets):
        self.tickets = tickets
        self.lock = asyncio.Lock()

    async def sell(self):
        left = self.tickets
        await asyncio.sleep(0)  # the payment
        self.tickets = left - 1

    async def sell_locked(self):
        async with self.lock:
            await self.sell()


async def sell_later(sell):
    for _ in range(3):  # so that in the usual order it comes when the other one has finished
        await asyncio.sleep(0)
    await sell()


async def update_over_await():
    stock = Stock(9)
    await asyncio.gather(stock.sell(), sell_later(stock.sell))
    assert stock.tickets == 7


async def update_over_await_fixed():
    stock = Stock(9)
    await asyncio.gather(stock.sell_locked(), sell_later(stock.sell_locked))
    assert stock.tickets == 7


class Service:
    def __init__(self):
        self.address = None
        self.started = asyncio.Event()

    async def start(self):
        await asyncio.sleep(0)
        self.address = "somewhere"
        self.started.set()

    async def call_later(self):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self.address

    async def call_when_started(self):
        await self.started.wait()
        return self.address


async def init_order():
    service = Service()
    _, address = await asyncio.gather(service.start(), service.call_later())
    assert address == "somewhere"


async def init_order_fixed():
    service = Service()
    _, address = await asyncio.gather(service.start(), service.call_when_started())
    assert address == "somewhere"


async def hold_both(first, second, done):
    async with first:
        await asyncio.sleep(0)
        async with second:
            done.append(True)


async def abba_of_coroutines():
    left, right = asyncio.Lock(), asyncio.Lock()
    done = []

    async def other_way():
        for _ in range(3):
            await asyncio.sleep(0)
        await hold_both(right, left, done)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold_both(left, right, done))
        tasks.create_task(other_way())
    assert len(done) == 2


async def abba_of_coroutines_fixed():
    left, right = asyncio.Lock(), asyncio.Lock()
    done = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold_both(left, right, done))
        tasks.create_task(hold_both(left, right, done))
    assert len(done) == 2


PROGRAMS = (
    Program("update_over_await", 24, 2, update_over_await, update_over_await_fixed, fixed_must="clear"),
    Program("init_order", 24, 2, init_order, init_order_fixed, fixed_must="clear"),
    Program("abba_of_coroutines", 24, 2, abba_of_coroutines, abba_of_coroutines_fixed, "deadlock", "clear"),
)
