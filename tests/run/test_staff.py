"""Who is out at a run, who sits on the bench, who waits."""

import threading
from itertools import count, pairwise

import pytest

from atonce._run.staff import Staff
from atonce._values.job import Setup
from atonce.errors import PoolClosed
from atonce.testing import ManualClock


class FakeWorker:
    """Notes what becomes of it, and works only when the test says so."""

    def __init__(self, context):
        self.name = context.name
        self.usable = True
        self.thread = None
        self.places = []
        self.closed = []

    def assign(self, place):
        self.places.append(place)

    def close(self, *, wait):
        self.closed.append(wait)


class FakeEngine:
    pumped = False

    def __init__(self, kind="fake", *, shared=True, guest=False):
        self.kind = kind
        self.shared = shared
        self.guest = guest
        self.made = []

    def worker(self, context):
        self.made.append(FakeWorker(context))
        return self.made[-1]


class Place:
    """A run that asks for workers, and notes who comes."""

    def __init__(self, patience=None):
        self.workers = []
        self._patience = patience

    @property
    def finished(self):
        return self._patience is not None and len(self.workers) >= self._patience

    def joined(self, worker, _engine):
        assert worker not in self.workers
        assert self not in worker.places  # it hears of it before the worker comes
        self.workers.append(worker)


@pytest.fixture
def staff():
    return Staff("pool", Setup(), ManualClock())


def back(staff, place):
    """Let the place's first worker go back."""
    worker = place.workers.pop(0)
    staff.back(worker)
    return worker


# ---- requests -------------------------------------------------------------------------------------------------------------------


def test_those_who_are_asked_for_come_and_are_told_where(staff):
    engine, place = FakeEngine(), Place()
    assert staff.request(place, engine, 3, limit=5) == 3
    assert place.workers == engine.made
    assert len(engine.made) == 3
    assert all(worker.places == [place] for worker in engine.made)


def test_every_worker_has_a_name_of_its_own(staff):
    engine, other = FakeEngine(), FakeEngine("other")
    staff.request(Place(), engine, 2, limit=5)
    staff.request(Place(), other, 2, limit=5)
    names = [worker.name for worker in engine.made + other.made]
    assert names == ["pool-fake-1", "pool-fake-2", "pool-other-3", "pool-other-4"]


def test_there_are_never_more_than_the_limit(staff):
    engine, first, second = FakeEngine(), Place(), Place()
    assert staff.request(first, engine, 2, limit=3) == 2
    assert staff.request(second, engine, 4, limit=3) == 4  # one comes, three places in the line
    assert len(engine.made) == 3
    assert len(second.workers) == 1


def test_the_limit_counts_those_on_the_bench(staff):
    engine, place = FakeEngine(), Place()
    staff.request(place, engine, 2, limit=2)
    back(staff, place)
    staff.request(Place(), engine, 2, limit=2)
    assert len(engine.made) == 2


def test_each_engine_has_its_own_limit(staff):
    engine, other, place = FakeEngine(), FakeEngine("other"), Place()
    staff.request(place, engine, 2, limit=1)
    assert staff.crowded(engine)
    assert not staff.crowded(other)
    staff.request(place, other, 1, limit=1)
    assert len(other.made) == 1


def test_an_engine_that_is_not_shared_knows_no_limit(staff):
    engine = FakeEngine(shared=False)
    staff.request(Place(), engine, 4, limit=1)
    assert len(engine.made) == 4
    assert not staff.crowded(engine)


def test_a_place_that_is_finished_meanwhile_gets_no_more(staff):
    engine, place = FakeEngine(), Place(patience=2)
    assert staff.request(place, engine, 5, limit=5) == 2
    assert len(engine.made) == 2


# ---- the line and the bench -----------------------------------------------------------------------------------------------------


def test_who_comes_back_goes_to_whoever_waits_longest(staff):
    engine = FakeEngine()
    places = [Place() for _ in range(4)]
    for place in places:
        staff.request(place, engine, 1, limit=1)
    assert staff.crowded(engine)
    for done, following in pairwise(places):
        assert following.workers == []
        worker = back(staff, done)
        assert following.workers == [worker]
    assert not staff.crowded(engine)
    assert engine.made[0].places == places


def test_a_place_that_waits_for_several_stands_in_the_line_for_each(staff):
    engine, first, second, third = FakeEngine(), Place(), Place(), Place()
    staff.request(first, engine, 2, limit=2)
    staff.request(second, engine, 2, limit=2)
    staff.request(third, engine, 1, limit=2)
    back(staff, first)
    back(staff, first)
    assert len(second.workers) == 2
    assert third.workers == []
    back(staff, second)
    assert len(third.workers) == 1


def test_the_bench_is_used_before_anybody_is_hired(staff):
    engine, first, second = FakeEngine(), Place(), Place()
    staff.request(first, engine, 1, limit=5)
    assert not staff.has_idle()
    worker = back(staff, first)
    assert staff.has_idle()
    staff.request(second, engine, 1, limit=5)
    assert second.workers == [worker]
    assert worker.places == [first, second]
    assert len(engine.made) == 1
    assert worker.closed == []


def test_a_worker_that_is_no_good_any_more_is_let_go_and_replaced(staff):
    engine, first, second = FakeEngine(), Place(), Place()
    staff.request(first, engine, 1, limit=1)
    staff.request(second, engine, 1, limit=1)
    first.workers[0].usable = False
    broken = back(staff, first)
    assert broken.closed == [False]
    assert second.workers == [engine.made[1]]
    assert second.workers[0] is not broken


def test_a_guest_is_not_kept(staff):
    engine, place = FakeEngine(guest=True), Place()
    staff.request(place, engine, 1, limit=1)
    worker = back(staff, place)
    assert worker.closed == [False]
    assert not staff.has_idle()


def test_a_bigger_limit_lets_more_come(staff):
    engine, first, second = FakeEngine(), Place(), Place()
    staff.request(first, engine, 2, limit=1)
    staff.request(second, engine, 1, limit=3)
    assert len(engine.made) == 2
    assert len(second.workers) == 1


def test_who_withdraws_is_sent_nobody(staff):
    engine, first, second, third = FakeEngine(), Place(), Place(), Place()
    for place, wanted in ((first, 1), (second, 3), (third, 1)):
        staff.request(place, engine, wanted, limit=1)
    staff.withdraw(second)
    back(staff, first)
    assert second.workers == []
    assert len(third.workers) == 1


def test_withdrawing_the_last_one_leaves_no_crowd(staff):
    engine, first, second = FakeEngine(), Place(), Place()
    staff.request(first, engine, 1, limit=1)
    staff.request(second, engine, 1, limit=1)
    staff.withdraw(second)
    staff.withdraw(second)
    assert not staff.crowded(engine)


def test_an_engine_nobody_asked_for_is_not_crowded(staff):
    assert not staff.crowded(FakeEngine())


def test_the_staff_knows_whose_thread_is_out(staff):
    engine, place = FakeEngine(), Place()
    staff.request(place, engine, 1, limit=1)
    assert not staff.employs(threading.current_thread())
    place.workers[0].thread = threading.current_thread()
    assert staff.employs(threading.current_thread())
    back(staff, place)
    assert not staff.employs(threading.current_thread())


# ---- the end --------------------------------------------------------------------------------------------------------------------


def test_a_closed_staff_sends_nobody(staff):
    staff.close()
    with pytest.raises(PoolClosed):
        staff.request(Place(), FakeEngine(), 1, limit=1)


@pytest.mark.parametrize("wait", [True, False])
def test_closing_lets_those_on_the_bench_go(staff, wait):
    engine, place = FakeEngine(), Place()
    staff.request(place, engine, 2, limit=2)
    workers = [back(staff, place), back(staff, place)]
    staff.close(wait=wait)
    assert [worker.closed for worker in workers] == [[False, True] if wait else [False]] * 2
    assert not staff.has_idle()


def test_all_begin_to_end_before_the_first_is_waited_for(staff):
    engine, place, order = FakeEngine(), Place(), []
    staff.request(place, engine, 2, limit=2)
    for number, worker in enumerate(list(place.workers)):
        worker.close = lambda *, wait, number=number: order.append((number, wait))
        back(staff, place)
    staff.close()
    assert [wait for _, wait in order] == [False, False, True, True]


def test_who_is_out_when_the_staff_closes_goes_when_it_comes_back(staff):
    engine, first, second = FakeEngine(), Place(), Place()
    staff.request(first, engine, 1, limit=1)
    staff.request(second, engine, 1, limit=1)
    staff.close()
    assert engine.made[0].closed == []
    worker = back(staff, first)
    assert worker.closed == [False]
    assert second.workers == []


def test_closing_twice_does_no_harm(staff):
    engine, place = FakeEngine(), Place()
    staff.request(place, engine, 1, limit=1)
    worker = back(staff, place)
    staff.close()
    staff.close()
    assert worker.closed == [False, True]


def test_requests_and_returns_from_many_threads_keep_the_limit(staff):
    engine, most = FakeEngine(), 3
    at_work, numbers = set(), count()
    lock = threading.Lock()
    too_many = []

    class Busy(Place):
        def __init__(self):
            super().__init__()
            self.came = threading.Event()

        def joined(self, worker, _engine):
            with lock:
                at_work.add(worker)
                if len(at_work) > most:
                    too_many.append(len(at_work))
            self.workers.append(worker)
            self.came.set()

    def visit():
        while next(numbers) < 300:
            place = Busy()
            staff.request(place, engine, 1, limit=most)
            assert place.came.wait(30)
            with lock:
                at_work.discard(place.workers[0])
            staff.back(place.workers[0])

    threads = [threading.Thread(target=visit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert too_many == []
    assert len(engine.made) <= most
    assert not staff.crowded(engine)


def test_where_no_more_threads_can_be_started_those_that_there_are_have_to_do(staff):
    class Full(FakeEngine):
        def worker(self, context):
            if place.workers:
                raise RuntimeError("can't start new thread")
            return super().worker(context)

    place = Place()
    assert staff.request(place, Full(), 5, 5) == 1
    assert len(place.workers) == 1


def test_where_no_thread_can_be_started_at_all_it_is_said(staff):
    class Full(FakeEngine):
        def worker(self, _context):
            raise RuntimeError("can't start new thread")

    with pytest.raises(RuntimeError, match="can't start"):
        staff.request(Place(), Full(), 5, 5)
