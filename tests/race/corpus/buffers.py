"""Row 25 goes on: buffers, and a queue that others steal from."""

from threading import Condition, Lock

from tests.race.corpus.program import Program, together


class RingBuffer:
    """One puts, one gets. Both keep the count of what is in it."""

    def __init__(self, size):
        self.slots = [None] * size
        self.first = 0
        self.free = 0
        self.count = 0
        self.lock = Lock()

    def put(self, thing):
        if self.count == len(self.slots):
            return False
        self.slots[self.free] = thing
        self.free = (self.free + 1) % len(self.slots)
        self.count += 1
        return True

    def get(self):
        if self.count == 0:
            return None
        thing = self.slots[self.first]
        self.first = (self.first + 1) % len(self.slots)
        self.count -= 1
        return thing

    def put_locked(self, thing):
        with self.lock:
            return self.put(thing)

    def get_locked(self):
        with self.lock:
            return self.get()


def buffered(put, get, buffer):
    buffer.put("a")
    got = []
    together(lambda: put("b"), lambda: got.append(get()))
    while buffer.count:
        got.append(buffer.get())
    assert got == ["a", "b"]


def circular_buffer():
    buffer = RingBuffer(3)
    buffered(buffer.put, buffer.get, buffer)


def circular_buffer_fixed():
    buffer = RingBuffer(3)
    buffered(buffer.put_locked, buffer.get_locked, buffer)


class TextBuffer:
    """Each method is locked. To append another buffer takes two of its methods, between which it may shrink."""

    def __init__(self, text):
        self.characters = list(text)
        self.lock = Lock()

    def length(self):
        with self.lock:
            return len(self.characters)

    def copied(self, end):
        with self.lock:
            return [self.characters[index] for index in range(end)]

    def clear(self):
        with self.lock:
            self.characters.clear()

    def append(self, other):
        length = other.length()
        tail = other.copied(length)
        with self.lock:
            self.characters.extend(tail)

    def append_locked(self, other):
        with other.lock:
            tail = list(other.characters)
        with self.lock:
            self.characters.extend(tail)


def stringbuffer():
    one, other = TextBuffer("a"), TextBuffer("b")
    together(lambda: one.append(other), other.clear)
    assert one.characters in (["a"], ["a", "b"])


def stringbuffer_fixed():
    one, other = TextBuffer("a"), TextBuffer("b")
    together(lambda: one.append_locked(other), other.clear)
    assert one.characters in (["a"], ["a", "b"])


class WorkQueue:
    """Its owner pushes and pops at the tail without a lock, thieves steal at the head: the protocol of Cilk.

    Source: Frigo, Leiserson, Randall, "The implementation of the Cilk-5 multithreaded language", 1998, section 5.
    """

    def __init__(self, *tasks):
        self.tasks = list(tasks)
        self.head = 0
        self.tail = len(tasks)
        self.lock = Lock()

    def pop(self):
        if self.head >= self.tail:  # looks before it has claimed anything
            return None
        self.tail -= 1
        return self.tasks[self.tail]

    def pop_claimed(self):
        self.tail -= 1
        if self.head > self.tail:
            self.tail += 1
            with self.lock:
                self.tail -= 1
                if self.head > self.tail:
                    self.tail += 1
                    return None
        return self.tasks[self.tail]

    def steal(self):
        with self.lock:
            self.head += 1
            if self.head > self.tail:
                self.head -= 1
                return None
            return self.tasks[self.head - 1]


def shared_out(work, pop):
    done = [[], []]

    def own():
        for _ in range(2):
            done[0].append(pop())

    def thieve():
        done[1].append(work.steal())

    together(own, thieve)
    assert sorted(task for part in done for task in part if task) == ["boil", "peel"]


def work_stealing():
    work = WorkQueue("peel", "boil")
    shared_out(work, work.pop)


def work_stealing_fixed():
    work = WorkQueue("peel", "boil")
    shared_out(work, work.pop_claimed)


class BoundedBuffer:
    """One condition for both: "not full" and "not empty". One waiter is told, which may be the wrong one."""

    def __init__(self):
        self.thing = None
        self.changed = Condition()

    def put(self, thing, tell):
        with self.changed:
            while self.thing is not None:
                self.changed.wait()
            self.thing = thing
            tell()

    def get(self, tell):
        with self.changed:
            while self.thing is None:
                self.changed.wait()
            self.thing = None
            tell()


def exchanged(buffer, tell):
    together(
        lambda: buffer.put("a", tell),
        lambda: buffer.get(tell),
        lambda: buffer.put("b", tell),
        lambda: buffer.get(tell),
    )
    assert buffer.thing is None


def notify_one():
    buffer = BoundedBuffer()
    exchanged(buffer, buffer.changed.notify)


def notify_one_fixed():
    buffer = BoundedBuffer()
    exchanged(buffer, buffer.changed.notify_all)


PROGRAMS = (
    Program("circular_buffer", 25, 2, circular_buffer, circular_buffer_fixed, fixed_must="clear"),
    Program("stringbuffer", 25, 2, stringbuffer, stringbuffer_fixed, fixed_must="clear"),
    Program("work_stealing", 25, 2, work_stealing, work_stealing_fixed, fixed_must="clear"),
    Program("notify_one", 25, 4, notify_one, notify_one_fixed, "deadlock", "clear"),
)
