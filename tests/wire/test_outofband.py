"""Pickles whose large buffers are left out."""

import os
import pickle
import pickletools
import sys
from array import array
from collections import OrderedDict
from functools import partial

import cloudpickle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atonce._wire.arena import BIG_BYTES, open_arena
from atonce._wire.arena_reader import VIEW_BYTES, ArenaReader
from atonce._wire.arena_writer import ArenaWriter
from atonce._wire.outofband import dumps_with_buffers, stream_with_buffers

dump = partial(pickle.dumps, protocol=5)
FRAME = 64 << 10


def large(seed=1, size=BIG_BYTES):
    return bytes([seed]) * size


def back(thing, dump=dump, **more):
    """Send a thing through, buffers as they come from the arena; return what arrives, and the sizes of what was left out."""
    blob, buffers = dumps_with_buffers(dump, thing, **more)
    assert all(type(buffer) is memoryview and buffer.format == "B" and buffer.ndim == 1 for buffer in buffers)
    pickletools.dis(blob, out=Nowhere())
    return pickle.loads(blob, buffers=[bytearray(buffer) for buffer in buffers]), [len(buffer) for buffer in buffers]


class Nowhere:
    def write(self, text):
        pass


class Owner:
    """Offers its buffer to protocol 5, as NumPy's arrays do."""

    def __init__(self, buffer):
        self.buffer = buffer

    def __reduce_ex__(self, protocol):
        assert protocol == 5
        return Owner, (pickle.PickleBuffer(self.buffer),)


class Text(bytes):
    pass


# ---- Small things ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "thing", [1, "text", b"bytes", (1, [2, {"three": b"4"}]), list(range(1_000)), None, OrderedDict(a=bytearray(9))]
)
def test_small_things_are_pickled_as_ever(thing):
    assert dumps_with_buffers(dump, thing) == (dump(thing), [])


def test_many_small_things_are_pickled_once():
    dumped = []

    def counting(thing, **more):
        dumped.append(thing)
        return dump(thing, **more)

    things = [(number, "some text") for number in range(100_000)]
    blob, buffers = dumps_with_buffers(counting, things)
    assert len(blob) > 10 * FRAME
    assert (blob, buffers, len(dumped)) == (dump(things), [], 1)


def test_a_large_text_stays_in_the_pickle():
    assert back(["x" * BIG_BYTES, "é" * BIG_BYTES]) == (["x" * BIG_BYTES, "é" * BIG_BYTES], [])


# ---- Large bytes -------------------------------------------------------------------------------------------------------------

SHAPES = {  # and how many different large ones there are in it
    "itself": (lambda data: data, 1),
    "in a list": (lambda data: [data], 1),
    "in a tuple": (lambda data: (1, "key", data), 1),
    "in a dict": (lambda data: {"key": 1, "data": data}, 1),
    "in a batch of arguments": (lambda data: [(data, 1), (2, data)], 1),
    "deep": (lambda data: [1, 2, 3, 4, 5, {"a": [[("b", [data])]]}], 1),
    "in an object": (lambda data: Exception("no", data), 1),
    "after one frame": (lambda data: ["y" * (FRAME - 1), "y", data], 1),
    "among many": (lambda data: [*range(100_000), data, "x" * 100_000, data + data, *range(100_000)], 2),
    "last after tiny ones": (lambda data: [data, data + data, b"", data, "x" * FRAME, data], 2),
    "as a key": (lambda data: {bytes(data): bytearray(data)}, 2),
}


@pytest.mark.parametrize(("make", "count"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_large_bytes_are_left_out_wherever_they_are(make, count, kind):
    thing = make(kind(large()))
    arrived, sizes = back(thing)
    assert repr(arrived) == repr(thing)  # also the types
    assert len(sizes) == count


@pytest.mark.parametrize("size", [FRAME - 1, FRAME, FRAME + 1, 1 << 20])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_they_are_left_out_from_a_frame_on(size, kind):
    thing = [kind(large(size=size)), kind(large(size=1))]
    assert back(thing) == (thing, [size] if size >= FRAME else [])
    assert back(thing, big_bytes=1)[1] == ([size] if size >= FRAME else [])
    assert back(thing, big_bytes=1 << 20)[1] == ([size] if size >= 1 << 20 else [])
    assert back(thing, big_bytes=(1 << 20) + 1) == (thing, [])


def test_what_is_left_out_is_not_copied():
    data = bytearray(large())
    _, [view] = dumps_with_buffers(dump, [data])
    assert view.obj is data
    with pytest.raises(BufferError):
        data.append(1)
    view.release()
    data.append(1)


def test_one_object_twice_arrives_as_one_object():
    data, changing = large(), bytearray(large(2))
    arrived, sizes = back([data, data, changing, changing])
    assert arrived[0] is arrived[1]
    assert arrived[2] is arrived[3]
    assert sizes == [BIG_BYTES, BIG_BYTES]


def test_a_thing_that_contains_itself_arrives_so():
    thing = [large()]
    thing += [thing, {"itself": thing}]
    arrived, sizes = back(thing)
    assert arrived[1] is arrived
    assert arrived[2]["itself"] is arrived
    assert (arrived[0], sizes) == (large(), [BIG_BYTES])


def test_subclasses_of_bytes_keep_their_type():
    arrived, _ = back([Text(large())])
    assert (type(arrived[0]), arrived[0]) == (Text, large())


def test_bytes_that_look_like_a_pickle_do_not_mislead():
    """A short string that ends as a large one begins, just before a frame ends, and a large one that begins as a frame does."""
    frames = b"\x95" + (FRAME - 9).to_bytes(8, "little") + b"x" * (FRAME - 9)
    head = b"B" + FRAME.to_bytes(4, "little")
    thing = [b"y" * filler + head for filler in range(250)] * 300 + [frames, bytearray(frames)]
    assert back(thing) == (thing, [FRAME, FRAME])
    assert back([frames, *thing[:-2]]) == ([frames, *thing[:-2]], [FRAME])


VIEW = memoryview(large(5))
LEAVES = {"large": large(3, FRAME + 1), "changing": bytearray(large(4)), "text": "x" * FRAME, "short": b"short", "view": VIEW}


def planted(plan):
    """Put the named things in their places."""
    if isinstance(plan, list):
        return [planted(part) for part in plan]
    if isinstance(plan, tuple):
        return tuple(planted(part) for part in plan)
    if isinstance(plan, dict):
        return {key: planted(part) for key, part in plan.items()}
    return LEAVES.get(plan, plan)


@given(
    st.recursive(
        st.integers() | st.sampled_from(sorted(LEAVES)) | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.integers(0, 3), inner, max_size=3),
        max_leaves=12,
    ).map(planted),
    st.sampled_from([1, BIG_BYTES, FRAME + 1]),
)
@settings(max_examples=100, deadline=None)
def test_whatever_it_is_it_arrives_as_it_was(thing, big_bytes):
    arrived, _ = back(thing, big_bytes=big_bytes)
    assert arrived == thing
    blob, buffers = stream_with_buffers(thing, big_bytes)
    assert pickle.loads(blob, buffers=buffers) == thing


# ---- Objects that offer their buffers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [bytes, bytearray, partial(array, "B")], ids=["readonly", "writable", "array"])
def test_offered_buffers_are_left_out_if_they_are_large(make):
    things = [Owner(make(large(1))), Owner(make(b"small")), Owner(make(large(2, BIG_BYTES - 1)))]
    arrived, sizes = back(things)
    assert [bytes(thing.buffer) for thing in arrived] == [bytes(thing.buffer) for thing in things]
    assert sizes == [BIG_BYTES]
    assert all(memoryview(thing.buffer).readonly == (make is bytes) for thing in arrived)


def test_offered_buffers_and_large_bytes_keep_their_order():
    things = [Owner(large(1)), large(2), Owner(large(3)), [bytearray(large(4)), Owner(large(5))], large(6)]
    for dumper in (dumps_with_buffers, lambda _, things: stream_with_buffers(things)):
        blob, buffers = dumper(dump, [0, 1, 2, 3, 4, *things])
        assert [buffer[0] for buffer in buffers] == [1, 2, 3, 4, 5, 6]
        arrived = pickle.loads(blob, buffers=buffers)[5:]
        assert [bytes(arrived[0].buffer), arrived[1], arrived[3][0], arrived[4]] == [
            large(1),
            large(2),
            bytearray(large(4)),
            large(6),
        ]


def test_a_buffer_with_gaps_is_refused_in_picklings_own_words():
    with pytest.raises(pickle.PicklingError, match="non-contiguous"):
        dumps_with_buffers(dump, Owner(memoryview(large(size=2 * BIG_BYTES))[::2]))


def test_an_error_is_passed_on_as_it_is():
    for thing in (lambda: 0, [sys], [large(), sys]):
        with pytest.raises((pickle.PicklingError, TypeError, AttributeError)) as plain:
            dump(thing)
        with pytest.raises(type(plain.value)) as ours:
            dumps_with_buffers(dump, thing)
        assert str(ours.value) == str(plain.value)


def test_arrays_of_numpy():
    import numpy as np

    ascending = np.arange(1 << 20, dtype="f8").reshape(1 << 10, 1 << 10)
    frozen = ascending.copy()
    frozen.flags.writeable = False
    things = [ascending, ascending.T, ascending[::2, ::2], frozen, np.arange(5), large(7)]
    blob, buffers = dumps_with_buffers(dump, things)
    assert len(buffers) >= 4
    arrived = pickle.loads(blob, buffers=[bytearray(buffer) for buffer in buffers])
    assert all((one == other).all() for one, other in zip(arrived[:5], things[:5], strict=True))
    assert [one.flags.writeable for one in arrived[:5]] == [True, True, True, False, True]
    assert arrived[5] == things[5]


# ---- Views -------------------------------------------------------------------------------------------------------------------

VIEWS = {
    "of bytes": memoryview(large()),
    "of a bytearray": memoryview(bytearray(large())),
    "small": memoryview(b"small"),
    "small and writable": memoryview(bytearray(b"small")),
    "empty": memoryview(b""),
    "empty and writable": memoryview(bytearray()),
    "of doubles": memoryview(array("d", range(1 << 14))),
    "of a shape": memoryview(bytearray(large())).cast("B", (256, BIG_BYTES // 256)),
    "of doubles of a shape": memoryview(large()).cast("d", (8, BIG_BYTES // 64)),
    "of one number": memoryview(bytearray(8)).cast("q", ()),
    "with gaps": memoryview(bytearray(range(256)) * 1024)[::2],
    "backwards": memoryview(bytes(range(256)) * 1024)[::-1],
    "no doubles": memoryview(array("d")),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("make", [SHAPES[name][0] for name in ("itself", "in a dict", "deep", "in an object")])
def test_a_view_arrives_as_a_view(view, make):
    found = []
    thing = make(view)
    blob, buffers = dumps_with_buffers(dump, thing)
    assert sum(map(len, buffers)) == (view.nbytes if view.nbytes >= BIG_BYTES else 0)
    arrived = pickle.loads(blob, buffers=[bytearray(buffer) for buffer in buffers])
    walk(arrived, found)
    [other] = found
    assert (other.format, other.shape, other.readonly, other) == (view.format, view.shape, view.readonly, view)


def walk(thing, found):
    if type(thing) is memoryview:
        found.append(thing)
    elif isinstance(thing, Exception):
        walk(thing.args, found)
    elif isinstance(thing, dict | list | tuple):
        for part in thing.values() if isinstance(thing, dict) else thing:
            walk(part, found)


def test_a_view_that_cannot_be_rebuilt_is_refused():
    ctypes = pytest.importorskip("ctypes")
    odd = memoryview((ctypes.c_uint16.__ctype_be__ * 3)())
    for thing in (odd, [1, 2, 3, 4, 5, [odd]]):
        with pytest.raises(pickle.PicklingError, match=r"a memoryview of format '>H' and shape \(3,\) cannot be rebuilt"):
            dumps_with_buffers(dump, thing)


# ---- With cloudpickle --------------------------------------------------------------------------------------------------------


def test_functions_of_cloudpickle_keep_their_large_bytes_outside():
    data, view = large(), memoryview(large(2))
    arrived, sizes = back([lambda: (data, view)], cloudpickle.dumps, pickler=cloudpickle.Pickler)
    assert arrived[0]() == (data, view)
    assert sizes == [BIG_BYTES, BIG_BYTES]


def test_what_only_the_given_function_can_pickle_is_left_to_it():
    data = large()
    arrived, sizes = back([lambda: data], cloudpickle.dumps)
    assert (arrived[0](), sizes) == (data, [])
    arrived, sizes = back([data, lambda: data], cloudpickle.dumps)
    assert (arrived[1](), sizes) == (data, [])
    arrived, sizes = back([Owner(data), data, lambda: data], cloudpickle.dumps)
    assert (arrived[2](), sizes) == (data, [BIG_BYTES])


# ---- All the way -------------------------------------------------------------------------------------------------------------


def test_through_the_arena_and_back():
    fd = open_arena()
    region, reader = ArenaWriter(fd), ArenaReader(fd)
    things = [
        large(1, VIEW_BYTES),
        bytearray(large(2, VIEW_BYTES + 1)),
        memoryview(bytearray(large(3, VIEW_BYTES))),
        Owner(large(4)),
    ]
    blob, buffers = dumps_with_buffers(dump, things)
    slot, spans = region.put(buffers)
    arrived = pickle.loads(blob, buffers=reader.open(slot, spans))
    assert arrived[:3] == things[:3]
    assert bytes(arrived[3].buffer) == large(4)
    assert reader.let_go() == []
    arrived[2][0] = 9
    arrived[1].append(1)
    del arrived
    assert reader.let_go() == [slot]
    os.close(fd)
