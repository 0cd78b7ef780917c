"""How a consumer waits until somebody has something for it."""

import asyncio
import threading
import time
from collections import deque

import pytest

from atonce._run.bell import LoopBell, ThreadBell
from atonce.testing import wait_until

PATIENCE_S = 30.0  # nobody waits so long, unless a ring was lost
RINGERS = 4
RINGS = 1000


class Ringers:
    """Threads that each bring a thing, ring, and wait until it has been taken: a lost ring stops them all."""

    def __init__(self, bell):
        self.things = deque()
        self.seen = []
        self._bell = bell
        self._taken = [threading.Semaphore(0) for _ in range(RINGERS)]
        self._threads = [threading.Thread(target=self._ring, args=(number,), daemon=True) for number in range(RINGERS)]
        for thread in self._threads:
            thread.start()

    def _ring(self, number):
        for turn in range(RINGS):
            self.things.append((number, turn))
            self._bell.ring()
            if not self._taken[number].acquire(timeout=2 * PATIENCE_S):
                return

    def take(self):
        """Take all that is there; whether all has come."""
        while self.things:
            number, turn = self.things.popleft()
            self.seen.append((number, turn))
            self._taken[number].release()
        return len(self.seen) == RINGERS * RINGS

    def end(self):
        for semaphore in self._taken:
            semaphore.release(RINGS)
        for thread in self._threads:
            thread.join()


# ---- for threads ----------------------------------------------------------------------------------------------------------------


def test_all_who_wait_are_rung_for():
    """A stream is closed while another thread waits for its next result."""
    bell, woken = ThreadBell(), threading.Semaphore(0)

    def wait():
        bell.wait(PATIENCE_S)
        woken.release()

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(bell._waiting) == 3, "all to wait")
    bell.ring()
    for thread in threads:
        assert woken.acquire(timeout=PATIENCE_S / 2)
        thread.join()


def test_who_has_waited_in_vain_is_forgotten():
    bell = ThreadBell()
    for _ in range(3):
        bell.wait(0.001)
    assert not bell._waiting


def test_who_was_rung_for_before_does_not_wait():
    bell = ThreadBell()
    bell.ring()
    bell.ring()
    bell.wait()


def test_a_ring_wakes_who_waits():
    bell, waiting = ThreadBell(), threading.Event()

    def wait():
        waiting.set()
        bell.wait()

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait()
    bell.ring()
    thread.join()


def test_what_was_rung_before_the_reset_is_forgotten():
    bell = ThreadBell()
    bell.ring()
    bell.reset()
    begun = time.monotonic()
    bell.wait(0.01)
    assert time.monotonic() - begun >= 0.009


def test_no_ring_is_lost_on_a_thread():
    bell = ThreadBell()
    ringers = Ringers(bell)
    try:
        while True:
            bell.reset()
            if ringers.take():
                break
            begun = time.monotonic()
            bell.wait(PATIENCE_S)
            assert time.monotonic() - begun < PATIENCE_S, "a ring was lost"
    finally:
        ringers.end()
    assert len(set(ringers.seen)) == RINGERS * RINGS


# ---- for event loops ------------------------------------------------------------------------------------------------------------


def on_a_loop(test):
    """Run a coroutine function with a bell on a loop."""

    async def run():
        return await test(LoopBell(asyncio.get_running_loop()))

    return asyncio.run(run())


def test_a_ring_from_the_loop_itself_wakes_the_coroutine():
    async def test(bell):
        asyncio.get_running_loop().call_soon(bell.ring)
        await bell.wait(PATIENCE_S)
        return bell._event.is_set()

    assert on_a_loop(test)


def test_a_ring_from_another_thread_wakes_the_coroutine():
    async def test(bell):
        thread = threading.Thread(target=bell.ring)
        thread.start()
        await bell.wait(PATIENCE_S)
        thread.join()
        return bell._event.is_set()

    assert on_a_loop(test)


def test_a_coroutine_waits_no_longer_than_it_wants_to():
    async def test(bell):
        await bell.wait(0.0)
        await bell.wait(0.001)
        return bell._event.is_set()

    assert not on_a_loop(test)


def test_the_loop_goes_on_while_the_coroutine_waits():
    async def test(bell):
        turns = []

        async def turn():
            for number in range(10):
                turns.append(number)
                await bell.pause()
            bell.ring()

        task = asyncio.create_task(turn())
        await bell.wait(PATIENCE_S)
        await task
        return turns

    assert on_a_loop(test) == list(range(10))


def test_many_rings_for_one_look_are_one_call_of_the_loop(monkeypatch):
    async def test(bell):
        calls = []
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *call: calls.append(call))
        for _ in range(5):
            bell.ring()
        before = len(calls)
        bell.reset()
        bell.ring()
        monkeypatch.undo()
        return before, len(calls)

    assert on_a_loop(test) == (1, 2)


def test_a_cancelled_wait_is_cancelled():
    async def test(bell):
        task = asyncio.create_task(bell.wait(PATIENCE_S))
        await bell.pause()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return True

    assert on_a_loop(test)


def test_what_blocks_is_done_by_another_thread():
    async def test(bell):
        threads = []
        await bell.elsewhere(lambda: threads.append(threading.current_thread()))
        return threads

    (thread,) = on_a_loop(test)
    assert thread is not threading.main_thread()


def test_a_ring_for_a_loop_that_is_gone_is_nothing():
    async def test(bell):
        return bell

    bell = on_a_loop(test)
    bell.ring()
    bell._rung = False
    bell.ring()


def test_no_ring_is_lost_on_a_loop():
    async def test(bell):
        ringers = Ringers(bell)
        try:
            while True:
                bell.reset()
                if ringers.take():
                    break
                begun = time.monotonic()
                await bell.wait(PATIENCE_S)
                assert time.monotonic() - begun < PATIENCE_S, "a ring was lost"
        finally:
            ringers.end()
        return ringers.seen

    assert len(set(on_a_loop(test))) == RINGERS * RINGS
