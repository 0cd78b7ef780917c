"""Rows 11, 12, 17 and 18: conditions, queues and events."""

from queue import Empty, Queue
from threading import Condition, Event, Lock, Thread

from tests.race.corpus.program import Program, together


class Shelf:
    def __init__(self):
        self.filled = Condition()
        self.loaves = []
        self.sold = [None, None]

    def bake(self):
        for loaf in ("rye", "wheat"):
            with self.filled:
                self.loaves.append(loaf)
                self.filled.notify_all()

    def buy(self, customer):
        with self.filled:
            if not self.loaves:
                self.filled.wait()
            self.sold[customer] = self.loaves.pop()

    def buy_patiently(self, customer):
        with self.filled:
            while not self.loaves:
                self.filled.wait()
            self.sold[customer] = self.loaves.pop()


def cond_if():
    shelf = Shelf()
    together(lambda: shelf.buy(0), lambda: shelf.buy(1), shelf.bake)
    assert sorted(shelf.sold) == ["rye", "wheat"]


def cond_if_fixed():
    shelf = Shelf()
    together(lambda: shelf.buy_patiently(0), lambda: shelf.buy_patiently(1), shelf.bake)
    assert sorted(shelf.sold) == ["rye", "wheat"]


class Kettle:
    def __init__(self):
        self.changed = Condition()
        self.hot = False

    def boil(self):
        with self.changed:
            self.hot = True
            self.changed.notify()

    def wait(self):
        with self.changed:
            self.changed.wait()
            assert self.hot

    def wait_until_hot(self):
        with self.changed:
            self.changed.wait_for(lambda: self.hot)
            assert self.hot


def lost_wakeup():
    kettle = Kettle()
    together(kettle.wait, kettle.boil)


def lost_wakeup_fixed():
    kettle = Kettle()
    together(kettle.wait_until_hot, kettle.boil)


class Mailbox:
    def __init__(self):
        self.letters = Queue()
        self.closed = False
        self.read = []

    def deliver(self):
        self.letters.put("news")
        self.closed = True

    def deliver_and_end(self):
        self.letters.put("news")
        self.letters.put(None)

    def read_until_closed(self):
        while not self.closed:
            try:
                self.read.append(self.letters.get(timeout=0.01))
            except Empty:
                continue

    def read_until_end(self):
        while True:
            try:
                letter = self.letters.get(timeout=0.01)
            except Empty:
                continue
            if letter is None:
                return
            self.read.append(letter)


def fifo_handoff():
    box = Mailbox()
    reader = Thread(target=box.read_until_closed)
    reader.start()
    box.deliver()
    reader.join()
    assert box.read == ["news"]


def fifo_handoff_fixed():
    box = Mailbox()
    reader = Thread(target=box.read_until_end)
    reader.start()
    box.deliver_and_end()
    reader.join()
    assert box.read == ["news"]


class Launch:
    def __init__(self):
        self.started = Event()
        self.lock = Lock()
        self.ran = []

    def start(self):
        if not self.started.is_set():
            self.started.set()
            self.ran.append("started")

    def start_locked(self):
        with self.lock:
            self.start()


def event_once():
    launch = Launch()
    together(launch.start, launch.start)
    assert len(launch.ran) == 1


def event_once_fixed():
    launch = Launch()
    together(launch.start_locked, launch.start_locked)
    assert len(launch.ran) == 1


PROGRAMS = (
    Program("cond_if", 11, 3, cond_if, cond_if_fixed, fixed_must="clear"),
    Program("lost_wakeup", 12, 2, lost_wakeup, lost_wakeup_fixed, "deadlock", "clear"),
    Program("fifo_handoff", 17, 2, fifo_handoff, fifo_handoff_fixed, fixed_must="not proved"),
    Program("event_once", 18, 2, event_once, event_once_fixed),
)
