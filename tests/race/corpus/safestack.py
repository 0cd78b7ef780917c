"""Row 26: a stack without a lock, which needs five preemptions, at the right places, to hand out an item twice.

Source: Dmitry Vyukov's SafeStack, in the corpora of CHESS and SCTBench. The number of tries is bounded here, so that each run ends.
"""

from threading import Lock

from tests.race.corpus.program import Program, together


class Atomic:
    """A number that is exchanged in one step, as a processor would do it."""

    def __init__(self, value):
        self.value = value
        self._lock = Lock()

    def exchange(self, value):
        with self._lock:
            before, self.value = self.value, value
        return before

    def exchange_if(self, expected, value):
        with self._lock:
            if self.value != expected:
                return False
            self.value = value
        return True

    def add(self, value):
        with self._lock:
            self.value += value


class Item:
    def __init__(self, following):
        self.owner = None
        self.following = Atomic(following)


class SafeStack:
    def __init__(self, size):
        self.items = [Item(index + 1 if index + 1 < size else -1) for index in range(size)]
        self.head = Atomic(0)
        self.count = Atomic(size)

    def pop(self):
        for _ in range(3):
            if self.count.value <= 1:
                return None
            top = self.head.value
            following = self.items[top].following.exchange(-1)
            if following < 0:
                continue
            if self.head.exchange_if(top, following):
                self.count.add(-1)
                return top
            self.items[top].following.exchange(following)
        return None

    def push(self, index):
        while True:
            top = self.head.value
            self.items[index].following.exchange(top)
            if self.head.exchange_if(top, index):
                break
        self.count.add(1)


class LockedStack:
    def __init__(self, size):
        self.items = [Item(None) for _ in range(size)]
        self._free = list(range(size))
        self._lock = Lock()

    def pop(self):
        with self._lock:
            return self._free.pop() if len(self._free) > 1 else None

    def push(self, index):
        with self._lock:
            self._free.append(index)


def used_by_three(stack):
    def use(name):
        for _ in range(2):
            index = stack.pop()
            if index is None:
                continue
            stack.items[index].owner = name
            assert stack.items[index].owner == name
            stack.push(index)

    together(lambda: use("a"), lambda: use("b"), lambda: use("c"))


def safestack():
    used_by_three(SafeStack(3))


def safestack_fixed():
    used_by_three(LockedStack(3))


PROGRAMS = (Program("safestack", 26, 5, safestack, safestack_fixed, "found or not found", "clear"),)
