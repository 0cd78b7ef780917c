"""Row 27: what long-running services are made of."""

import time
from concurrent.futures import Future
from threading import BoundedSemaphore, Condition, Lock, Semaphore, Thread, Timer

from tests.race.corpus.program import Program, together


class ReadWriteLock:
    """Many read, or one writes. `upgrade` is called by one that reads."""

    def __init__(self):
        self._changed = Condition()
        self._readers = 0
        self._writing = False

    def acquire_read(self):
        with self._changed:
            while self._writing:
                self._changed.wait()
            self._readers += 1

    def release_read(self):
        with self._changed:
            self._readers -= 1
            self._changed.notify_all()

    def acquire_write(self, readers=0):
        with self._changed:
            while self._writing or self._readers > readers:
                self._changed.wait()
            self._writing = True

    def upgrade(self):
        self.acquire_write(readers=1)

    def release_write(self):
        with self._changed:
            self._writing = False
            self._changed.notify_all()


class Table:
    def __init__(self):
        self.guard = ReadWriteLock()
        self.rows = []

    def add_upgrading(self):
        self.guard.acquire_read()
        if not self.rows:
            self.guard.upgrade()
            self.rows.append("row")
            self.guard.release_write()
        self.guard.release_read()

    def add_trusting(self):
        self.guard.acquire_read()
        empty = not self.rows
        self.guard.release_read()
        if empty:
            self.guard.acquire_write()
            self.rows.append("row")
            self.guard.release_write()

    def add(self):
        self.guard.acquire_write()
        if not self.rows:
            self.rows.append("row")
        self.guard.release_write()


def rows_added_by(table, add):
    together(add, add)
    assert table.rows == ["row"]


def rwlock_upgrade():
    table = Table()
    rows_added_by(table, table.add_upgrading)


def rwlock_stale():
    table = Table()
    rows_added_by(table, table.add_trusting)


def rwlock_fixed():
    table = Table()
    rows_added_by(table, table.add)


class Kitchen:
    """One cook at a time; whoever burns a dish leaves at once, and again at the end."""

    def __init__(self, places):
        self.places = places
        self.inside = 0

    def cook(self, *, burns):
        self.places.acquire()
        try:
            if burns:
                self.places.release()
                return
            self.inside = self.inside + 1
            assert self.inside == 1
            self.inside = self.inside - 1
        finally:
            self.places.release()

    def cook_fixed(self, *, burns):
        with self.places:
            if burns:
                return
            self.inside = self.inside + 1
            assert self.inside == 1
            self.inside = self.inside - 1


def semaphore_double_release():
    kitchen = Kitchen(Semaphore(1))
    together(lambda: kitchen.cook(burns=True), lambda: kitchen.cook(burns=False), lambda: kitchen.cook(burns=False))


def semaphore_double_release_fixed():
    kitchen = Kitchen(BoundedSemaphore(1))
    together(
        lambda: kitchen.cook_fixed(burns=True),
        lambda: kitchen.cook_fixed(burns=False),
        lambda: kitchen.cook_fixed(burns=False),
    )


class Heartbeat:
    def __init__(self):
        self.socket = []
        self.timer = Timer(0.001, self.beat)

    def beat(self):
        if self.socket is not None:
            self.socket.append("beat")

    def close(self):
        self.timer.cancel()
        self.socket = None

    def close_patiently(self):
        self.timer.cancel()
        self.timer.join()
        self.socket = None


def timer_cancel():
    heart = Heartbeat()
    heart.timer.start()
    time.sleep(0.001)
    heart.close()
    heart.timer.join()


def timer_cancel_fixed():
    heart = Heartbeat()
    heart.timer.start()
    time.sleep(0.001)
    heart.close_patiently()


def answered_by_two(answer):
    future = Future()
    together(lambda: answer(future, "primary"), lambda: answer(future, "replica"))
    assert future.result() in {"primary", "replica"}


def future_set_twice():
    def answer(future, value):
        if not future.done():
            future.set_result(value)

    answered_by_two(answer)


def future_set_twice_fixed():
    first = Lock()

    def answer(future, value):
        with first:
            if not future.done():
                future.set_result(value)

    answered_by_two(answer)


class Bell:
    def __init__(self):
        self.listeners = []
        self.heard = []

    def ring(self):
        for listener in self.listeners:
            self.heard.append(listener)

    def ring_for_a_copy(self):
        for listener in tuple(self.listeners):
            self.heard.append(listener)


def rung_while_one_leaves(bell, ring):
    bell.listeners.extend(["leaver", "stayer"])
    together(ring, lambda: bell.listeners.remove("leaver"))
    assert "stayer" in bell.heard


def observer_unsubscribes():
    bell = Bell()
    rung_while_one_leaves(bell, bell.ring)


def observer_unsubscribes_fixed():
    bell = Bell()
    rung_while_one_leaves(bell, bell.ring_for_a_copy)


class Limiter:
    """Tokens come back as time goes by: one a second, two at most."""

    def __init__(self, now):
        self.now = now
        self.tokens = 0
        self.filled_at = 0
        self.lock = Lock()

    def refill(self):
        passed = self.now - self.filled_at
        self.tokens = min(2, self.tokens + passed)
        self.filled_at = self.now

    def allow(self):
        self.refill()
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def allow_locked(self):
        with self.lock:
            return self.allow()


def asked_by_two(allow):
    answers = [False, False]

    def ask(place):
        answers[place] = allow()

    threads = [Thread(target=ask, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answers) == 1


def limiter_refill():
    asked_by_two(Limiter(now=1).allow)


def limiter_refill_fixed():
    asked_by_two(Limiter(now=1).allow_locked)


PROGRAMS = (
    Program("rwlock_upgrade", 27, 2, rwlock_upgrade, rwlock_fixed, "deadlock", "clear"),
    Program("rwlock_stale", 27, 2, rwlock_stale, rwlock_fixed, fixed_must="clear"),
    Program("semaphore_double_release", 27, 3, semaphore_double_release, semaphore_double_release_fixed, fixed_must="clear"),
    Program("timer_cancel", 27, 2, timer_cancel, timer_cancel_fixed, fixed_must="clear"),
    Program("future_set_twice", 27, 2, future_set_twice, future_set_twice_fixed, fixed_must="clear"),
    Program("observer_unsubscribes", 27, 2, observer_unsubscribes, observer_unsubscribes_fixed, fixed_must="clear"),
    Program("limiter_refill", 27, 2, limiter_refill, limiter_refill_fixed, fixed_must="clear"),
)
