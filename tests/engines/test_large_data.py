"""Large buffers cross in the arena: whatever they are, both ways, once where they are shared, somehow where there is no room."""

import functools
import operator
import os
import pickle

import pytest

import atonce
from atonce._workers.process import parcels, supervisor

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
    supervisor.rest()
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
