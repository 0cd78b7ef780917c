"""The one source of a run."""

import gc
import threading
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._run.source import Source
from atonce._values.batch import Batch
from atonce.errors import JournalError


class Failed(Exception):
    pass


class Numbers:
    """An iterator of one's own, which can be watched."""

    def __init__(self, most):
        self.given = 0
        self._most = most

    def __iter__(self):
        return self

    def __next__(self):
        if self.given == self._most:
            raise StopIteration
        self.given += 1
        return self.given - 1


def numbers_then(error, most):
    yield from range(most)
    raise error


def taken_all(source, limit=1, workers=1):
    batches = []
    while (batch := source.take(limit, workers)) is not None:
        batches.append(batch)
    return batches


def at_once(inputs, **how):
    return Source(inputs, consumed_at_once=True, **how)


# ---- take -----------------------------------------------------------------------------------------------------------------------


@given(
    st.builds(range, st.integers(-9, 9), st.integers(-60, 60), st.integers(1, 7) | st.integers(-7, -1)),
    st.lists(st.integers(1, 10), min_size=1),
    st.integers(1, 3),
)
def test_a_range_is_handed_out_in_pieces_like_any_other_input(numbers, limits, workers):
    of_range, of_list = (at_once(inputs, length=len(numbers)) for inputs in (numbers, list(numbers)))
    turn = 0
    while (batch := of_range.take(limits[turn % len(limits)], workers)) is not None:
        other = of_list.take(limits[turn % len(limits)], workers)
        assert type(batch.items) is range
        assert (batch.start, list(batch.items), of_range.sample) == (other.start, other.items, of_list.sample)
        turn += 1
    assert of_list.take(limits[turn % len(limits)], workers) is None
    assert (of_range.taken, of_range.exhausted) == (of_list.taken, of_list.exhausted) == (len(numbers), True)


def test_a_range_that_was_lent_is_read_on_from_where_it_was_left():
    source = at_once(range(10, 20), length=10)
    assert list(source.take(3, 1).items) == [10, 11, 12]
    lent = source.lend(4)
    assert (lent.start, list(lent.items)) == (3, [13, 14, 15, 16])
    source.give_back(4, ended=False, error=None)
    assert [list(batch.items) for batch in taken_all(source, 3)] == [[17], [18], [19]]


def test_a_range_is_not_read_once_the_run_is_stopped():
    source = at_once(range(10), length=10)
    source.take(3, 1)
    source.bar(2)
    assert source.take(3, 1) is None
    source.close()
    assert source.take(3, 1) is None


@given(st.integers(0, 60), st.lists(st.integers(1, 10), min_size=1), st.booleans())
def test_every_input_is_handed_out_once_in_order_and_with_its_index(most, limits, knows_its_length):
    source = at_once(iter(range(most)), length=most if knows_its_length else None)
    turn = 0
    items = []
    while (batch := source.take(limits[turn % len(limits)], 2)) is not None:
        assert batch.start == len(items)
        assert 1 <= len(batch.items) <= limits[turn % len(limits)]
        items += batch.items
        turn += 1
    assert items == list(range(most))
    assert source.taken == most
    assert source.exhausted
    assert source.error is None


def test_an_empty_input_is_exhausted_by_the_first_look():
    source = Source([])
    assert not source.exhausted
    assert source.take(5, 1) is None
    assert source.exhausted
    assert not source.has_room(1)


def test_no_more_is_read_than_asked_for():
    numbers = Numbers(100)
    source = at_once(numbers)
    assert source.take(3, 1).items == [0, 1, 2]
    assert numbers.given == 3


def test_an_input_that_has_ended_is_not_asked_again():
    numbers = Numbers(2)
    source = at_once(numbers)
    assert source.take(5, 1).items == [0, 1]
    numbers._most = 5  # some iterators go on after their end, as files do that grow
    assert source.take(5, 1) is None


def test_near_the_end_of_a_known_length_batches_become_small():
    source = at_once(range(100), length=100)
    sizes = [len(batch.items) for batch in taken_all(source, limit=50, workers=2)]
    assert sizes[0] == 25
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1


@pytest.mark.parametrize("length", [0, 3, 1000])
def test_a_length_that_is_wrong_loses_nothing(length):
    source = at_once(range(10), length=length)
    assert [item for batch in taken_all(source, limit=4, workers=2) for item in batch.items] == list(range(10))


# ---- the window -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("buffersize", [1, 2, 7])
def test_no_more_is_read_ahead_than_the_buffersize(buffersize):
    numbers = Numbers(1000)
    source = Source(numbers, buffersize=buffersize)
    assert sum(len(batch.items) for batch in taken_all(source, limit=3, workers=2)) == buffersize
    assert numbers.given == buffersize
    assert not source.exhausted
    assert not source.has_room(2)


def test_what_the_consumer_takes_makes_room():
    source = Source(range(100), buffersize=5)
    assert list(source.take(5, 1).items) == [0, 1, 2, 3, 4]
    assert source.take(5, 1) is None
    source.handed += 2
    assert source.has_room(1)
    assert list(source.take(5, 1).items) == [5, 6]
    assert source.take(5, 1) is None
    source.handed += 5
    assert source.take(9, 1).start == 7


def test_an_endless_input_is_read_a_bounded_way_without_a_buffersize_too():
    source = Source(iter(int, 1))
    read = sum(len(batch.items) for batch in taken_all(source, limit=1, workers=4))
    assert 4 < read < 1000
    assert not source.exhausted


def test_a_consumer_that_takes_all_at_once_sets_no_bounds():
    source = at_once(range(5000), buffersize=None)
    assert sum(len(batch.items) for batch in taken_all(source)) == 5000


@given(st.integers(1, 9), st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=30))
def test_the_window_holds_whatever_the_order_of_taking_and_handing(buffersize, steps):
    source = Source(iter(int, 1), buffersize=buffersize)
    for limit, handed in steps:
        had_room = source.has_room(1)
        assert (source.take(limit, 1) is not None) == had_room
        assert source.taken - source.handed <= buffersize
        source.handed = min(source.taken, source.handed + handed)


# ---- an input that fails --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Failed("no more"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_what_was_read_before_the_input_failed_is_kept(error):
    source = at_once(numbers_then(error, 3))
    batch = source.take(10, 1)
    assert batch.items == [0, 1, 2]
    assert source.error is error
    assert source.exhausted
    assert source.taken == 3
    assert source.take(10, 1) is None


def test_an_input_that_fails_at_once_gives_no_batch():
    error = Failed("nothing at all")
    source = at_once(numbers_then(error, 0))
    assert source.take(10, 1) is None
    assert source.error is error
    assert source.taken == 0


def test_an_input_that_fails_later_fails_when_it_is_reached():
    source = at_once(numbers_then(Failed("no more"), 3))
    assert source.take(3, 1).items == [0, 1, 2]
    assert source.error is None
    assert not source.exhausted
    assert source.take(3, 1) is None
    assert isinstance(source.error, Failed)


# ---- bar and close --------------------------------------------------------------------------------------------------------------


def test_nothing_is_read_from_the_bar_on():
    numbers = Numbers(100)
    source = at_once(numbers)
    source.bar(5)
    assert source.stopped
    assert not source.exhausted
    assert source.take(3, 1).items == [0, 1, 2]
    assert source.take(3, 1).items == [3, 4]
    assert source.take(3, 1) is None
    assert numbers.given == 5


def test_a_bar_at_what_is_read_already_ends_the_source():
    source = at_once(range(100))
    source.take(5, 1)
    source.bar(3)
    assert source.exhausted
    assert source.barred == 3
    assert source.take(1, 1) is None


@given(st.lists(st.integers(0, 100), min_size=1))
def test_the_bar_is_only_ever_lowered(indices):
    source = at_once(range(1000))
    for position, index in enumerate(indices):
        source.bar(index)
        assert source.barred == min(indices[: position + 1])


def test_what_is_read_while_the_run_is_stopped_is_not_started():
    def stops_the_run():
        yield 0
        source.bar(0)
        yield 1

    source = at_once(stops_the_run())
    assert source.take(10, 1) is None
    assert source.taken == 0
    assert source.exhausted


def test_a_closed_source_lets_go_of_its_input():
    numbers = Numbers(100)
    gone = weakref.ref(numbers)
    source = Source(numbers)
    source.take(2, 1)
    del numbers
    source.close()
    gc.collect()
    assert gone() is None
    assert source.take(1, 1) is None
    assert source.stopped
    assert source.exhausted


def test_closing_does_not_wait_for_whoever_waits_in_the_input():
    inside, go_on = threading.Event(), threading.Event()

    def slow():
        yield 0
        inside.set()
        go_on.wait()
        yield 1

    source = at_once(slow())
    batches = []
    thread = threading.Thread(target=lambda: batches.append(source.take(2, 1)))
    thread.start()
    inside.wait()
    source.close()  # returns, although the thread holds the input
    go_on.set()
    thread.join()
    assert batches == [None]
    assert source.taken == 0
    assert source.take(1, 1) is None


def test_closing_twice_does_no_harm():
    source = Source(range(3))
    source.close()
    source.close()
    assert source.barred == 0


# ---- lend and give back ---------------------------------------------------------------------------------------------------------


def test_what_is_lent_is_read_when_its_turn_comes():
    numbers = Numbers(100)
    source = at_once(numbers)
    lent = source.lend(3)
    assert numbers.given == 0
    assert list(lent.items) == [0, 1, 2]
    source.give_back(3, ended=False, error=None)
    assert source.taken == 3
    assert source.lend(2).start == 3


def test_what_is_not_read_of_it_stays():
    source = at_once(Numbers(100))
    lent = source.lend(10)
    assert [next(lent.items), next(lent.items)] == [0, 1]
    source.give_back(2, ended=False, error=None)
    assert source.take(2, 1).items == [2, 3]


def test_what_is_lent_is_nobody_elses():
    source = at_once(range(10), length=10)
    lent = source.lend(4)
    assert source.take(3, 1) is None
    assert not source.exhausted
    assert not source.has_room(1)
    assert list(lent.items) == [0, 1, 2, 3]
    source.give_back(4, ended=False, error=None)
    assert source.has_room(1)
    assert list(source.take(3, 1).items) == [4, 5, 6]


def test_lending_keeps_the_window():
    source = Source(range(100), buffersize=4)
    assert list(source.lend(10).items) == [0, 1, 2, 3]
    source.give_back(4, ended=False, error=None)
    assert source.lend(10) is None
    source.handed += 1
    assert list(source.lend(10).items) == [4]


def test_the_end_of_the_input_is_said_with_giving_back():
    source = at_once(range(2))
    assert list(source.lend(10).items) == [0, 1]
    source.give_back(2, ended=True, error=None)
    assert source.exhausted
    assert source.lend(1) is None
    assert source.take(1, 1) is None


def test_the_failure_of_the_input_is_said_with_giving_back():
    error = Failed("no more")
    source = at_once(range(2))
    source.give_back(1, ended=False, error=error)
    assert source.error is error
    assert source.exhausted


def test_nothing_is_lent_by_a_source_that_is_closed():
    source = at_once(range(2))
    source.close()
    assert source.lend(1) is None


# ---- several threads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [None, 3000])
def test_several_threads_take_every_item_once(length):
    source = at_once((number for number in range(3000)), length=length)  # a generator bears one reader at a time
    took = [[] for _ in range(6)]
    begin = threading.Barrier(len(took))

    def take(mine):
        begin.wait()
        for turn in range(10_000):
            batch = source.take(1 + turn % 7, len(took))
            if batch is None:
                return
            mine.append(batch)

    threads = [threading.Thread(target=take, args=(mine,)) for mine in took]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    batches = sorted((batch for mine in took for batch in mine), key=lambda batch: batch.start)
    assert [item for batch in batches for item in batch.items] == list(range(3000))
    assert all(batch.items[0] == batch.start for batch in batches)
    assert source.error is None
    assert source.taken == 3000


# ---- a memory -------------------------------------------------------------------------------------------------------------------


class Remembers:
    """Knows some of the inputs, and how things stood when it was asked."""

    def __init__(self, known, source=None):
        self.known = known
        self.asked = []
        self.handed_on = []
        self.source = source

    def sort(self, start, items):
        self.asked.append((start, list(items), self.source is not None and self.source.exhausted))
        batches, fresh = [], []
        for index, item in enumerate([*items, None], start):
            if item is None or item in self.known:
                if fresh:
                    batches.append(Batch(index - len(fresh), fresh))
                fresh = []
            else:
                fresh.append(item)
        return batches

    def hand_on(self):
        self.handed_on.append(len(self.asked))


def remembering(known, inputs, **how):
    source = at_once(inputs, **how)
    source.memory = Remembers(known, source)
    return source


@given(st.sets(st.integers(0, 60)), st.integers(0, 60), st.integers(1, 9), st.booleans())
def test_what_is_known_is_handed_to_nobody_and_all_else_once(known, most, limit, as_range):
    source = remembering(known, range(most) if as_range else iter(range(most)))
    batches = taken_all(source, limit)
    assert sorted(item for batch in batches for item in batch.items) == sorted({*range(most)} - known)
    assert all(list(batch.items) == list(range(batch.start, batch.start + len(batch.items))) for batch in batches)
    assert (source.taken, source.exhausted, source.finished) == (most, True, True)
    assert len(source.memory.handed_on) >= len(source.memory.asked)


def test_nobody_sees_the_end_before_what_was_read_is_taken():
    # Race: 1. the last inputs are read; 2. while they are looked up, the consumer sees that all that was taken has ended, and the
    # input too; 3. they are taken, and nobody waits for them.
    source = remembering({0, 1, 2}, iter(range(3)))
    assert taken_all(source, 10) == []
    assert source.memory.asked == [(0, [0, 1, 2], False)]
    assert source.exhausted


def test_where_all_is_known_more_is_read_at_once_and_never_more_than_there_is_room_for():
    source = remembering({*range(5000)}, iter(range(5000)), prompt=True)
    taken_all(source, 1)
    sizes = [len(items) for _, items, _ in source.memory.asked]
    assert sizes[:6] == [1, 2, 4, 8, 16, 32]
    assert max(sizes) == 1024
    source = Source(iter(range(5000)), buffersize=10, prompt=True)
    source.memory = Remembers({*range(5000)}, source)
    assert source.take(1, 1) is None
    assert source.taken == 10


def test_an_input_that_may_wait_for_what_is_known_is_read_no_further_than_asked():
    source = remembering({*range(50)}, iter(range(50)))
    taken_all(source, 1)
    assert {len(items) for _, items, _ in source.memory.asked} == {1}
    assert len(source.memory.handed_on) >= 50


def test_a_memory_that_fails_ends_the_input_and_has_taken_nothing():
    source = at_once(iter(range(9)))
    source.memory = Remembers(())
    assert list(source.take(3, 1).items) == [0, 1, 2]

    def sort(start, items):
        raise JournalError("damaged")

    source.memory.sort = sort
    assert source.take(3, 1) is None
    assert (source.taken, source.exhausted, str(source.error)) == (3, True, "damaged")


def test_an_input_with_a_memory_is_not_lent():
    assert remembering((), iter(range(9))).lend(3) is None
