"""Many items at once on one event loop: how many, in which order they are told of, and what is said of files."""

import asyncio
import errno
import resource

import pytest

import atonce
from atonce._machine.clock import SYSTEM_CLOCK
from atonce._machine.descriptors import make_room, most_open
from atonce._values.batch import Batch, Delivery
from atonce._values.job import Job
from atonce._workers.gauge import Gauge
from atonce._workers.shift import Shift, _runs


@pytest.mark.parametrize(
    ("indexes", "runs"),
    [
        ([], []),
        ([7], [(0, 1)]),
        ([0, 1, 2], [(0, 3)]),
        ([5, 6, 9, 10, 2], [(0, 2), (2, 4), (4, 5)]),
        ([3, 2, 1], [(0, 1), (1, 2), (2, 3)]),
        ([0, 2, 1, 3], [(0, 1), (1, 2), (2, 3), (3, 4)]),
    ],
)
def test_neighbours_are_handed_in_together(indexes, runs):
    assert list(_runs(indexes)) == runs


class InFlight:
    """Counts who is in it at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, seconds: float) -> float:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(seconds)
        self.now -= 1
        return seconds


@pytest.mark.parametrize("concurrency", [1, 2, 3, 7, 100, 1000])
async def test_there_are_never_more_than_was_said_and_as_many_as_there_may_be(concurrency):
    fn = InFlight()
    results = await atonce.amap(fn, [0.002] * 1500, concurrency=concurrency)
    assert len(results) == 1500
    assert fn.most == concurrency
    assert results.report.plan.in_flight == concurrency


async def test_where_nobody_says_how_many_there_are_more_and_more_while_that_helps():
    fn = InFlight()
    results = await atonce.amap(fn, [0.02] * 3000)
    assert len(results) == 3000
    assert fn.most > 100
    assert results.report.plan.in_flight <= fn.most * 1.6


async def test_the_report_says_why_there_were_so_many():
    slots = asyncio.Semaphore(5)

    async def served(number: int) -> int:
        async with slots:
            await asyncio.sleep(0.002)
        return number

    report = (await atonce.amap(served, range(1500))).report
    (reason,) = [reason for reason in report.plan.reasons if "in flight bring " in reason]
    assert "items/s, and more bring no more; one alone takes " in reason
    assert reason in str(report)


async def test_a_function_that_never_waits_is_not_given_thousands_of_tasks():
    seen = []

    async def at_once(number: int) -> int:
        seen.append(len(asyncio.all_tasks()))
        return number

    assert await atonce.amap(at_once, range(5000)) == list(range(5000))
    assert max(seen) <= 70


async def test_a_stream_that_finds_out_how_many_gives_all_in_order():
    values = [value async for value in atonce.astream(InFlight(), [0.001 * (number % 7) for number in range(2000)])]
    assert values == [0.001 * (number % 7) for number in range(2000)]


async def test_with_fewer_pullers_than_before_each_item_still_runs_once():
    class Thrashing:
        """Answers the slower the more ask at once."""

        def __init__(self) -> None:
            self.now = 0
            self.seen: list[int] = []

        async def __call__(self, number: int) -> int:
            self.now += 1
            self.seen.append(number)
            await asyncio.sleep(0.002 * max(1, self.now / 16) ** 2)
            self.now -= 1
            return number

    service = Thrashing()
    assert await atonce.amap(service, range(600)) == list(range(600))
    assert sorted(service.seen) == list(range(600))


async def test_a_place_that_breaks_ends_the_shift_and_all_that_looks_after_it():
    class Broken:
        job = Job(abs, is_async=True, in_flight=2, elastic=True)
        stopped, barred, finished = False, 10, False

        def crowded(self, _worker: object) -> bool:
            return False

        def take(self, _limit: int, _least: int) -> None:
            raise MemoryError("no batch")

    class Host:
        name, loop, clock = "host", asyncio.get_running_loop(), SYSTEM_CLOCK

    shift = Shift(Broken(), object(), Host())
    shift.begin()
    with pytest.raises(MemoryError, match="no batch"):
        await shift.over
    assert all(handle.cancelled() for handle in asyncio.get_running_loop()._scheduled)


async def test_what_is_barred_in_the_middle_of_a_batch_is_accounted_for_once():
    class Barred:
        job = Job(abs, is_async=False, in_flight=1, chunksize=10)
        stopped, barred, finished = True, 3, False

        def __init__(self) -> None:
            self.done, self.undone = [], 0

        def crowded(self, _worker: object) -> bool:
            return False

        def take(self, _limit: int, _least: int) -> Batch | None:
            if self.finished:
                return None
            self.finished = True
            return Batch(0, list(range(10)))

        def deliver(self, delivery: Delivery) -> None:
            self.done += delivery.values
            self.undone += delivery.undone

    class Host:
        name, loop, clock = "host", asyncio.get_running_loop(), SYSTEM_CLOCK

    place = Barred()
    shift = Shift(place, object(), Host())
    shift.begin()
    await shift.over
    assert (place.done, place.undone) == ([0, 1, 2], 7)


async def test_while_nothing_waits_it_is_looked_at_ever_more_seldom():
    looks, enough = [], asyncio.Event()

    def progress() -> tuple[int, int]:
        looks.append(asyncio.get_running_loop().time())
        if len(looks) == 8:
            enough.set()
        return 5, 5

    gauge = Gauge(SYSTEM_CLOCK, progress, lambda _target, _reason: None, asyncio.get_running_loop())
    gauge.begin()
    await enough.wait()
    gauge.end()
    assert looks[-1] - looks[0] >= 0.06
    assert gauge.target == 2


@pytest.fixture
def few_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_of_open_files_is_raised_for_many_connections(few_files):
    make_room(100)
    assert most_open() == 256
    make_room(700)
    assert most_open() >= 700
    make_room(10)
    assert most_open() >= 700


def test_it_is_not_raised_beyond_what_the_system_allows(few_files):
    make_room(1 << 40)
    hard = few_files[1]
    assert hard == resource.RLIM_INFINITY or most_open() == hard


async def test_too_many_open_files_say_what_to_type():
    async def opens(_number: int) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with pytest.raises(OSError, match="Too many open files") as raised:
        await atonce.amap(opens, [1, 2], concurrency=7)
    notes = "\n".join(raised.value.__notes__)
    assert "up to 7 items in flight" in notes
    assert "ulimit -n" in notes


class Supply:
    """A place whose items come now and then, and wait until they are let go."""

    finished = stopped = False
    barred = 2**63

    def __init__(self, in_flight: int) -> None:
        self.job = Job(self.run, in_flight=in_flight)
        self.items: list[int] = []
        self.taken = 0
        self.under_way: set[int] = set()
        self.delivered: list[int] = []
        self.hungry = asyncio.Event()
        self.go = asyncio.Event()
        self.full = False  # whether others are wanted here

    async def run(self, number: int) -> int:
        self.under_way.add(number)
        await self.go.wait()
        self.under_way.discard(number)
        return number

    def crowded(self, _worker: object) -> bool:
        return self.full

    def take(self, limit: int, _least: int) -> Batch | None:
        items, self.items = self.items[:limit], self.items[limit:]
        if not items:
            return None
        batch = Batch(self.taken, items)
        self.taken += len(items)
        return batch

    def starved(self, _worker: object) -> None:
        self.hungry.set()

    def deliver(self, delivery: Delivery) -> None:
        self.delivered += delivery.values


class Host:
    """A worker for a shift."""

    name, clock = "host", SYSTEM_CLOCK

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()


async def until(condition) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 (the shift tells nobody)
            await asyncio.sleep(0.001)


async def test_what_comes_after_a_shortage_is_run_by_as_many_as_before():
    """Those who were in the middle of an item when there was nothing to take go on with what has come meanwhile."""
    place = Supply(4)
    place.items = [0, 1, 2]
    shift = Shift(place, object(), Host())
    shift.begin()
    await place.hungry.wait()
    await until(lambda: place.under_way == {0, 1, 2})
    place.items = list(range(3, 20))
    shift.nudge()
    await until(lambda: place.under_way == {0, 1, 2, 3})
    first, place.go = place.go, asyncio.Event()
    first.set()
    await until(lambda: len(place.under_way) == 4)
    place.go.set()
    await until(lambda: len(place.delivered) == 20)
    place.finished = True
    shift.nudge()
    await asyncio.wait_for(shift.over, 30)
    assert sorted(place.delivered) == list(range(20))


async def test_a_shift_that_is_one_too_many_ends_what_it_has_begun_and_goes():
    place = Supply(4)
    place.items = list(range(10))
    shift = Shift(place, object(), Host())
    shift.begin()
    await until(lambda: len(place.under_way) == 4)
    place.full = True
    shift.nudge()
    place.go.set()
    await asyncio.wait_for(shift.over, 30)
    assert len(place.delivered) == place.taken < 10
    assert not place.finished
