"""Large buffers cross in the arena: whatever they are, both ways, once where they are shared, somehow where there is no room."""

import functools
import operator
import os
import pickle
import threading
import time

import pytest

import atonce
from atonce._workers.process import parcels
from atonce._workers.process.mailbox import MAILBOX

PROCESS = {"engine": "process", "max_workers": 2}
BIG = 3 << 20


class Frame:
    """What NumPy, Arrow and pandas do: a buffer that pickle may leave out."""

    def __init__(self, buffer):
        self.buffer = buffer

    def __reduce_ex__(self, protocol):
        return Frame, (pickle.PickleBuffer(self.buffer),)


def changed(thing):
    """Write into what came, in place where that can be, and give it back."""
    if isinstance(thing, Frame):
        memoryview(thing.buffer)[:4] = b"seen"
        return thing
    if isinstance(thing, bytes):
        return b"seen" + thing[4:]
    thing[:4] = b"seen"
    return thing


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, Frame], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("size", [100, 70_000, BIG])
def test_both_ways(kind, size):
    inputs = [bytearray(os.urandom(size)) for _ in range(12)]
    expected = [b"seen" + bytes(each[4:]) for each in inputs]
    copies = [bytes(each) for each in inputs]
    results = atonce.map(changed, [kind(each) for each in inputs], **PROCESS)
    assert [bytes(each.buffer if isinstance(each, Frame) else each) for each in results] == expected
    assert {type(each) for each in results} == {kind}
    assert [bytes(each) for each in inputs] == copies  # what a worker does to an item stays there


def test_what_came_may_be_written_to_and_is_nobody_elses():
    with atonce.Pool(**PROCESS) as pool:
        first = pool.map(changed, [Frame(bytearray(BIG)) for _ in range(4)])
        for frame in first:
            memoryview(frame.buffer)[:] = b"x" * BIG
        second = pool.map(changed, [Frame(bytearray(BIG)) for _ in range(20)])
        assert all(bytes(frame.buffer) == b"x" * BIG for frame in first)
        assert all(bytes(frame.buffer) == b"seen" + bytes(BIG - 4) for frame in second)


def test_what_came_outlives_its_pool():
    with atonce.Pool(**PROCESS) as pool:
        kept = pool.map(changed, [Frame(bytearray(BIG)) for _ in range(4)])
    MAILBOX.rest()
    assert all(bytes(frame.buffer) == b"seen" + bytes(BIG - 4) for frame in kept)


def test_memory_is_used_again():
    with atonce.Pool(**PROCESS) as pool:
        places = {where for _ in range(10) for where in pool.map(address_of, [Frame(bytearray(BIG)) for _ in range(4)])}
    assert len(places - {None}) <= 12  # of 40: each worker has two batches, and one slot may not have been heard of yet


def address_of(frame):
    """Say where in the file an item lies; ``None`` if it came through the pipe, as after a hand-over."""
    with open("/proc/self/maps") as maps:
        where = [line.split()[2] for line in maps if "atonce" in line and int(line.split("-")[0], 16) <= _address(frame.buffer)]
    return where[-1] if where else None


def _address(buffer):
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(memoryview(buffer)))


@pytest.mark.parametrize("make", [functools.partial, lambda fn, data: lambda index: fn(data, index)], ids=["partial", "closure"])
def test_what_is_the_same_for_all_items_is_sent_once(make):
    data = bytearray(os.urandom(BIG))
    with atonce.Pool(**PROCESS) as pool:
        results = pool.map(make(operator.getitem, data), range(100), chunksize=1)
    assert results == list(data[:100])
    assert BIG <= results.report.bytes_moved < 1.1 * BIG


def test_without_room_it_goes_through_the_pipe(monkeypatch):
    monkeypatch.setattr(parcels.ArenaWriter, "put", lambda self, buffers: None)
    results = atonce.map(changed, [Frame(bytearray(BIG)) for _ in range(6)], **PROCESS)
    assert all(bytes(frame.buffer) == b"seen" + bytes(BIG - 4) for frame in results)
    data = bytearray(os.urandom(BIG))
    assert atonce.map(functools.partial(operator.getitem, data), range(10), **PROCESS) == list(data[:10])


def _full(*_):
    raise OSError(28, "No space left on device")


def test_a_full_disk_in_a_worker_is_no_harm():
    def without_room(thing):
        import os

        os.pwrite = _full
        return changed(thing)

    results = atonce.map(without_room, [Frame(bytearray(BIG)) for _ in range(6)], **PROCESS)
    assert all(bytes(frame.buffer) == b"seen" + bytes(BIG - 4) for frame in results)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, Frame], ids=lambda kind: kind.__name__)
def test_they_cross_one_by_one_as_well(kind):
    """As beside something that cannot be sent."""
    items = [kind(bytearray(70_000 + number)) for number in range(8)]
    with atonce.Pool(**PROCESS) as pool:
        results = pool.map(size_of, [*items[:4], Stays(), *items[4:]], errors="return", chunksize=9)
    assert isinstance(results.pop(4).error, atonce.PicklingFailed)
    assert results == [70_000 + number for number in range(8)]


class Stays:
    def __reduce__(self):
        raise TypeError("stays here")


def size_of(thing):
    return len(thing.buffer) if isinstance(thing, Frame) else len(thing)


def test_items_that_others_took_are_let_go_of_by_the_worker_that_had_them():
    """Their batch is taken back whole and never read; the memory that it lies in must not be kept for that."""
    with atonce.Pool(**PROCESS) as pool:
        for _ in range(4):
            pool.map(sleep_first, [(0.2 if not number else 0.01, bytes(BIG)) for number in range(6)], chunksize=1)
        assert MAILBOX.supervisor._parcels._holders == {}


def sleep_first(pair):
    time.sleep(pair[0])
    return len(pair[1])


def first_and_last(item):
    number, data = item
    kept[:] = [data]  # looked at while the next one comes
    time.sleep(0.05 if number < 5 else 0.002)
    return number, data[0], data[-1]


kept = []


def test_a_slot_that_a_worker_was_sent_to_twice_is_free_after_the_second_time():
    """The large function of a run that goes on while its workers do something else is sent to them again."""
    shared = bytearray(b"7" * BIG)
    stuck, seen = [threading.Lock()], []
    with atonce.Pool(**PROCESS) as pool:
        stream = pool.stream(functools.partial(slowly, shared), range(2000), chunksize=1)
        next(stream)
        for _ in range(3):
            thread = threading.Thread(target=lambda: seen.append(pool.map(repr, stuck, errors="return")))
            thread.start()
            while thread.is_alive():
                next(stream)
        stream.close()
        results = pool.map(first_and_last, [(number, bytes([number]) * BIG) for number in range(1, 40)], chunksize=4)
    assert [isinstance(failed, atonce.Failure) for [failed] in seen] == [True] * 3
    assert results == [(number, number, number) for number in range(1, 40)]


def slowly(shared, _number):
    time.sleep(0.01)
    return shared[0]
