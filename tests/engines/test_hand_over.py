"""The hand-over, by which an idle worker takes items of a batch that another has: none is lost, and none is run twice.

First the protocol of ``protocol.py`` alone, in all its interleavings; then a million items through the public interface. For longer
runs, set ``ATONCE_SOAK=1``.
"""

import functools
import mmap
import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.api.scripts import is_alive

import atonce
from atonce._workers.process.claims import Claims
from atonce._workers.process.link import Link, Piece, Sent
from atonce._workers.process.mailbox import MAILBOX
from atonce._workers.process.protocol import BARRED, CLAIM, DEPTH, LAST_SERIAL, LIMIT, NOTHING_BARRED
from atonce.testing import Evidence, wait_until

SOAK = 20 if os.environ.get("ATONCE_SOAK") else 1  # so many times the items
SERIAL, ITEMS = 5, 8

# ---- the protocol, by itself ----------------------------------------------------------------------------------------------------


class Words:
    """Shared memory in which something else happens before each look and each store: whatever ``meanwhile`` does."""

    def __init__(self, meanwhile=lambda: None):
        self.memory = [0] * (LIMIT + DEPTH)
        self.memory[BARRED] = NOTHING_BARRED
        self.meanwhile = meanwhile

    def __getitem__(self, word):
        self.meanwhile()
        return self.memory[word]

    def __setitem__(self, word, value):
        self.meanwhile()
        self.memory[word] = value


def child(memory, strides, ran):
    """Run a batch as ``Child._run_in_strides`` and ``Claims.claim`` do, a step of the protocol at a time."""
    at = 0
    while at < ITEMS:
        end = min(at + next(strides), ITEMS)
        memory[CLAIM] = SERIAL << 32 | end
        yield
        limit = memory[LIMIT + SERIAL % DEPTH]
        if limit >> 32 == SERIAL:
            end = min(end, limit & 0xFFFFFFFF)
        yield
        if end <= at:
            return
        while at < end:
            ran.append(at)
            at += 1
            yield


def parent(memory, keeps, taken):
    """Take back from a batch as ``Link.take_back`` does, a step of the protocol at a time."""

    def claimed():
        return memory[CLAIM] & 0xFFFFFFFF if memory[CLAIM] >> 32 == SERIAL else 0

    had = ITEMS
    for keep in keeps:
        limit = claimed() + keep
        yield had
        if limit >= had:
            continue
        memory[LIMIT + SERIAL % DEPTH] = SERIAL << 32 | limit
        yield had
        limit = max(limit, claimed())
        if limit < had:
            taken += range(limit, had)
            had = limit
        yield had


def account(ran, taken):
    """After the child's final answer, what is in neither list is given to somebody, too. Nothing may be in both, or twice."""
    assert ran == list(range(len(ran)))
    assert len(set(taken)) == len(taken)
    assert not set(ran) & set(taken)
    had = ITEMS - len(taken)
    assert sorted(taken) == list(range(had, ITEMS))
    left = list(range(len(ran), had))
    assert sorted(ran + taken + left) == list(range(ITEMS))


strides = st.lists(st.integers(1, ITEMS), min_size=ITEMS, max_size=ITEMS)
keeps = st.lists(st.integers(0, 4), max_size=4)


@given(st.data(), strides, keeps)
def test_the_parents_side_in_all_interleavings(data, strides, keeps):
    """``Link.take_back`` itself, while the child goes on between any two of its looks at the memory."""
    ran, taken = [], []
    words = Words()
    steps = child(words.memory, iter(strides), ran)

    def go_on():
        for _ in range(data.draw(st.integers(0, 6))):
            next(steps, None)

    words.meanwhile = go_on
    link = SimpleNamespace(words=words, arena=1)
    link._claimed = functools.partial(Link._claimed, link)
    flight = Sent(SERIAL, Piece(0, list(range(ITEMS))))
    for keep in keeps:
        taken += Link.take_back(link, flight, keep, lambda _arena: go_on())
        flight.done = data.draw(st.integers(flight.done, min(len(ran), flight.limit)), label="answered") if ran else 0
    for _ in steps:
        pass
    assert flight.limit == ITEMS - len(taken)
    account(ran, taken)


@given(st.data(), strides, keeps)
def test_the_childs_side_in_all_interleavings(data, strides, keeps):
    """``Claims.claim`` itself, while the parent goes on between any two of its looks at the memory."""
    ran, taken, at = [], [], 0
    words = Words()
    steps = parent(words.memory, keeps, taken)

    def go_on():
        for _ in range(data.draw(st.integers(0, 3))):
            next(steps, None)

    words.meanwhile = go_on
    claims = Claims(words)
    for stride in strides:
        if at >= ITEMS:
            break
        end = claims.claim(SERIAL, 0, at, min(at + stride, ITEMS))
        if end <= at:
            break
        ran += range(at, end)
        at = end
    account(ran, taken)  # the parent may be anywhere: what it has not taken yet it will not, for the answer is final


@given(st.data(), st.integers(0, ITEMS), strides)
def test_nothing_is_started_behind_the_bar(data, barred, strides):
    words = Words()
    claims = Claims(words)
    words.memory[BARRED] = 100 + barred
    at = 0
    for stride in strides:
        end = claims.claim(SERIAL, 100, at, min(at + stride, ITEMS))
        if end <= at:
            break
        at = end
    assert at == min(barred, ITEMS)


def outcomes(*, fence):
    """Follow all interleavings of a child that claims one item with a parent that takes it, stores being delayed as a CPU may.

    A store is seen by its own side at once, and by the other at any later time; after a fence, all are.
    """
    programs = (("claim", "look", "decide"), ("limit", "fence", "look", "decide") if fence else ("limit", "look", "decide"))
    results = set()

    def go(positions, stored, visible, seen, acted):
        if positions == tuple(map(len, programs)):
            results.add(acted)
            return
        for side in (0, 1):
            if stored[side] and not visible[side]:
                go(positions, stored, _put(visible, side, value=True), seen, acted)
            if positions[side] == len(programs[side]):
                continue
            step, later = programs[side][positions[side]], _put(positions, side, value=positions[side] + 1)
            if step in ("claim", "limit"):
                go(later, _put(stored, side, value=True), visible, seen, acted)
            elif step == "fence":
                go(later, stored, stored, seen, acted)
            elif step == "look":
                go(later, stored, visible, _put(seen, side, value=visible[1 - side]), acted)
            else:
                go(later, stored, visible, seen, _put(acted, side, value=not seen[side]))

    go((0, 0), (False, False), (False, False), (False, False), (False, False))
    return results


def _put(pair, side, *, value):
    return (value, pair[1]) if side == 0 else (pair[0], value)


def test_the_fence_is_what_keeps_both_sides_from_running_an_item():
    """(the child runs it, the parent gives it away): never both. Neither may be: then the final answer tells."""
    assert outcomes(fence=True) == {(True, False), (False, True), (False, False)}
    assert (True, True) in outcomes(fence=False)


# ---- a million items ------------------------------------------------------------------------------------------------------------


class Counted:
    """Counts in a file how often each item is run; takes a time that depends on the item alone."""

    def __init__(self, path, slow, times_ms):
        self.path = os.fspath(path)
        self.slow = slow  # one of so many items
        self.times_ms = times_ms

    def __call__(self, index):
        counts = _map(self.path)
        counts[index] += 1
        if (mixed := _mix(index)) % self.slow == 0:
            low, high = self.times_ms
            time.sleep((low + mixed // self.slow % (high - low + 1)) / 1000)
        return index * 3 + 1


_maps = {}


def _map(path):
    if path not in _maps:
        _maps.clear()
        with open(path, "r+b") as file:
            _maps[path] = mmap.mmap(file.fileno(), 0)
        Evidence(f"{path}.pids").note(os.getpid())
    return _maps[path]


def _mix(index):
    """Scramble an index, so that who is slow follows no pattern. Source: Knuth's multiplicative hashing."""
    return (index * 2654435761) >> 7 & 0xFFFFFF


@pytest.fixture
def counted(tmp_path):
    def make(count, slow=2000, times_ms=(1, 20)):
        path = tmp_path / f"counts-{count}"
        path.write_bytes(bytes(count))
        return Counted(path, slow, times_ms)

    return make


@pytest.fixture
def handed_over(monkeypatch):
    """How many items each hand-over gave to an idle worker."""
    sizes, take_back = [], Link.take_back

    def watched(link, flight, keep, fence):
        taken = take_back(link, flight, keep, fence)
        if taken:
            sizes.append(len(taken))
        return taken

    monkeypatch.setattr(Link, "take_back", watched)
    return sizes


@pytest.fixture(params=["fences", "locks"])
def nursery(request, monkeypatch):
    """A fresh nursery, and a fresh one for those who come after."""
    if request.param == "locks":
        monkeypatch.setenv("ATONCE_FENCES", "no")
    MAILBOX.rest()
    yield request.param
    MAILBOX.rest()


def expect_all(stream, count, *, ordered, seen=None):
    """Check that each item is delivered once with its value, and in order where that was asked for."""
    seen = bytearray(count) if seen is None else seen
    for position, value in enumerate(stream):
        index, rest_of = divmod(value - 1, 3)
        assert rest_of == 0
        assert not seen[index]
        assert not ordered or index == position
        seen[index] = 1
    assert seen == b"\1" * count


def runs(counted):
    return Path(counted.path).read_bytes()


@pytest.mark.timeout(120 * SOAK)
@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "unordered"])
@pytest.mark.parametrize(("chunksize", "count"), [(None, 90_000), (1, 20_000), (7, 40_000), (1000, 50_000)])
def test_each_item_is_run_once_and_delivered_once(nursery, chunksize, count, ordered, counted, handed_over):
    """200,000 items, ordered and not, by both protocols: 800,000 in all."""
    count *= SOAK
    fn = counted(count)
    items = range(count) if ordered else list(range(count))  # pieces of a range cross as such
    stream = atonce.stream(fn, items, engine="process", max_workers=2, chunksize=chunksize, ordered=ordered)
    expect_all(stream, count, ordered=ordered)
    assert runs(fn) == b"\1" * count
    assert (stream.report.items, stream.report.succeeded, stream.report.retries) == (count, count, 0)


def test_a_worker_that_has_used_up_its_numbers_gets_a_new_process():
    """A batch's number shares a word with a position: after two thousand million batches there would be no room for it."""
    with atonce.Pool(engine="process", max_workers=1) as pool:
        [old] = set(pool.map(pid_of, range(10)))
        [link] = MAILBOX.supervisor._links.values()
        link._serial = LAST_SERIAL - DEPTH - 5  # it has none under way
        pids = pool.map(pid_of, range(100), chunksize=1, timeout=60)
    assert pids[0] == old
    assert len(set(pids)) == 2


def pid_of(_):
    return os.getpid()


@pytest.mark.timeout(120 * SOAK)
@pytest.mark.parametrize("workers", [2, 5])
def test_many_hand_overs(nursery, workers, counted, handed_over):
    """Chunks as large as a share of the input, slow items in front of quick ones: what is done late has been handed over."""
    with atonce.Pool(engine="process", max_workers=workers) as pool:
        for round_ in range(20 * SOAK):
            count = 1000 + round_
            fn = counted(count, slow=5 + round_, times_ms=(0, 2))
            assert pool.map(fn, range(count), chunksize=count) == list(range(1, 3 * count, 3))
            assert runs(fn) == b"\1" * count
            Path(fn.path).unlink()
    assert handed_over  # how many depends on how soon the others begin; each item of them is accounted for above


class Killer:
    """Kills one worker after the other, at random.

    The next one dies when all items that had been begun before the last one did have been delivered, and one more: so nobody
    innocent is hit twice (with the second killing an item is given up), and no three workers die without an answer between them.
    """

    def __init__(self, counted, count):
        self.seen = bytearray(count)
        self.killed = 0
        self._counted = counted
        self._pids = Evidence(f"{counted.path}.pids")
        self._random = random.Random(count)
        self._begun = b""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._life)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _life(self):
        while not self._done.wait(0.02):
            workers = [pid for pid in map(int, self._pids.lines()) if is_alive(pid)]
            if workers and self._is_settled():
                victim = self._random.choice(workers)
                with suppress(ProcessLookupError):  # the pool may have closed just now
                    os.kill(victim, signal.SIGKILL)
                wait_until(lambda victim=victim: not is_alive(victim), "the end of a worker that was killed")
                self.killed += 1
                self._begun = runs(self._counted).translate(b"\0" + b"\1" * 255)

    def _is_settled(self):
        begun, seen = (int.from_bytes(marks, "little") for marks in (self._begun, self.seen))
        return begun & ~seen == 0 and self.seen.count(1) > self._begun.count(1)


@pytest.mark.timeout(120 * SOAK)
@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "unordered"])
@pytest.mark.parametrize(
    ("nursery", "chunksize", "count"),
    [("fences", None, 50_000), ("fences", 1, 10_000), ("fences", 7, 20_000), ("fences", 1000, 30_000), ("locks", None, 30_000)],
    indirect=["nursery"],
)
def test_each_item_is_delivered_once_whoever_is_killed(nursery, chunksize, count, ordered, counted):
    """280,000 items in all. A death makes "at least once" of "once" for what is run; what is delivered is delivered once."""
    count *= SOAK
    fn = counted(count, slow=500, times_ms=(1, 8))
    with atonce.Pool(engine="process", max_workers=2, retries=3) as pool, Killer(fn, count) as killer:
        stream = pool.stream(fn, range(count), chunksize=chunksize, ordered=ordered)
        expect_all(stream, count, ordered=ordered, seen=killer.seen)
    assert killer.killed
    assert 0 not in runs(fn)
    assert (stream.report.items, stream.report.succeeded, stream.report.failed) == (count, count, 0)


def hold_until(evidence, word, first):
    """Make a function that notes each item; the items in ``first`` come back when somebody has noted ``word``."""

    def run(item):
        evidence.note(item)
        if item in first:
            wait_until(lambda: word in evidence.lines(), word)
        return item

    return run


def test_a_limit_outlives_what_is_sent_after_it(evidence):
    """The words for limits are few, and used in turn: the one of a batch under way must not be given to another.

    One worker hangs in the first item of its batch, of which the other has taken half. Then comes a batch in which every other item
    does not pickle: so many batches of one item, if each had a word. The first worker still has to see that its limit was lowered.
    """

    def inputs():
        yield from range(40)
        wait_until(lambda: len(evidence.lines()) >= 2, "the hand-over")
        yield from (number if number % 2 else threading.Lock() for number in range(40, 120))

    fn = hold_until(evidence, "go", (0, 20))
    options = {"chunksize": 40, "buffersize": 1000, "ordered": False, "errors": "return"}
    stream = atonce.stream(fn, inputs(), engine="process", max_workers=2, **options)
    results = []
    for result in stream:
        if isinstance(result, atonce.Failure) and "go" not in evidence.lines():
            evidence.note("go")
        results.append(result)
    values = sorted(result for result in results if not isinstance(result, atonce.Failure))
    assert values == [*range(40), *range(41, 120, 2)]
    assert len(results) == 120
    assert (stream.report.items, stream.report.failed, stream.report.cancelled) == (120, 40, 0)
    noted = [line for line in evidence.lines() if line != "go"]
    assert sorted(map(int, noted)) == values


@pytest.fixture
def spawning(monkeypatch):
    monkeypatch.setenv("ATONCE_WORKERS_BY", "spawn")
    MAILBOX.rest()
    yield
    MAILBOX.rest()


def test_workers_that_are_spawned_hand_over_too(spawning, counted, handed_over):
    count = 20_000 * SOAK
    with atonce.Pool(engine="process", max_workers=2) as pool:
        for chunksize in (None, 1000, count):
            fn = counted(count, slow=200, times_ms=(0, 4))
            assert pool.map(fn, range(count), chunksize=chunksize) == list(range(1, 3 * count, 3))
            assert runs(fn) == b"\1" * count  # whether anything was handed over depends on how long the second one took to start
