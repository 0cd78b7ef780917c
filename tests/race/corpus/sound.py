"""Row 29: what looks like sharing and is in order. Beside each stands the same with the care left out."""

from queue import Queue
from threading import Barrier, Event, Lock, RLock, Thread, local

from tests.race.corpus.program import Program, together


class Meter:
    def __init__(self):
        self.total = 0
        self.gas = 0
        self.water = 0
        self.reading = (0, 0)
        self.lock = Lock()
        self.again = RLock()

    def add_in_finally(self):
        self.lock.acquire()
        try:
            self.total = self.total + 1
        finally:
            self.lock.release()

    def add_after_finally(self):
        self.lock.acquire()
        try:
            total = self.total
        finally:
            self.lock.release()
        self.total = total + 1

    def add(self):
        with self.again:
            self.total += 1

    def double(self):
        with self.again:
            for _ in range(self.total):
                self.add()

    def double_in_parts(self):
        with self.again:
            times = self.total
        for _ in range(times):
            self.add()

    def add_gas(self):
        self.gas += 1

    def add_water(self):
        self.water += 1

    def read(self, value):
        self.reading = (value, -value)

    def check(self):
        one, other = self.reading
        assert one + other == 0

    def check_in_parts(self):
        assert self.reading[0] + self.reading[1] == 0


def counted_by_two(body):
    meter = Meter()
    together(lambda: body(meter), lambda: body(meter))
    assert meter.total == 2


def try_finally_broken():
    counted_by_two(Meter.add_after_finally)


def try_finally():
    counted_by_two(Meter.add_in_finally)


def doubled(double):
    meter = Meter()
    meter.total = 1
    together(lambda: double(meter), lambda: double(meter))
    assert meter.total == 4


def reentry_broken():
    doubled(Meter.double_in_parts)


def reentry():
    doubled(Meter.double)


def event_hand_off_broken():
    page, ready = [], Event()

    def write():
        ready.set()
        page.append("text")

    def read():
        ready.wait()
        assert page == ["text"]

    together(write, read)


def event_hand_off():
    page, ready = [], Event()

    def write():
        page.append("text")
        ready.set()

    def read():
        ready.wait()
        assert page == ["text"]

    together(write, read)


def queue_hand_off_broken():
    belt = Queue()

    def pack():
        box = []
        belt.put(box)
        box.append("plate")

    def unpack():
        assert belt.get() == ["plate"]

    together(pack, unpack)


def queue_hand_off():
    belt = Queue()

    def pack():
        box = []
        box.append("plate")
        belt.put(box)

    def unpack():
        assert belt.get() == ["plate"]

    together(pack, unpack)


def meeting_broken():
    said = [None, None]

    def talk(place):
        said[place] = "hello"
        assert place == 0 or said[1 - place] == "hello"

    together(lambda: talk(0), lambda: talk(1))


def meeting():
    said, door = [None, None], Barrier(2)

    def talk(place):
        said[place] = "hello"
        door.wait()
        assert said[1 - place] == "hello"

    together(lambda: talk(0), lambda: talk(1))


class Shared:
    """Stands where a threading.local should."""


def drawn_by_two(pens):
    def draw(color):
        pens.strokes = []
        pens.strokes.append(color)
        assert pens.strokes == [color]

    together(lambda: draw("red"), lambda: draw("blue"))


def thread_local_lists_broken():
    drawn_by_two(Shared())


def thread_local_lists():
    drawn_by_two(local())


def disjoint_attributes_broken():
    meter = Meter()
    together(meter.add_gas, meter.add_gas)
    assert meter.gas == 2


def disjoint_attributes():
    meter = Meter()
    together(meter.add_gas, meter.add_water)
    assert meter.gas == meter.water == 1


def immutable_swap_broken():
    meter = Meter()
    together(lambda: meter.read(7), meter.check_in_parts)


def immutable_swap():
    meter = Meter()
    together(lambda: meter.read(7), meter.check)


def read_before_join():
    meter = Meter()
    thread = Thread(target=meter.add)
    thread.start()
    total = meter.total
    thread.join()
    assert total == 0


def read_after_join():
    meter = Meter()
    thread = Thread(target=meter.add)
    thread.start()
    thread.join()
    assert meter.total == 1


def counted_at(places):
    votes = [0, 0]

    def vote(place):
        votes[place] += 1

    together(*[lambda place=place: vote(place) for place in places])
    assert sum(votes) == 2


def own_index_broken():
    counted_at([1, 1])


def own_index():
    counted_at([0, 1])


def clear(name, buggy, fixed):
    return Program(name, 29, 2, buggy, fixed, fixed_must="clear")


PROGRAMS = (
    clear("try_finally", try_finally_broken, try_finally),
    clear("reentry", reentry_broken, reentry),
    clear("event_hand_off", event_hand_off_broken, event_hand_off),
    clear("queue_hand_off", queue_hand_off_broken, queue_hand_off),
    clear("meeting", meeting_broken, meeting),
    clear("thread_local_lists", thread_local_lists_broken, thread_local_lists),
    clear("disjoint_attributes", disjoint_attributes_broken, disjoint_attributes),
    clear("immutable_swap", immutable_swap_broken, immutable_swap),
    clear("join_then_read", read_before_join, read_after_join),
    clear("own_index", own_index_broken, own_index),
)
