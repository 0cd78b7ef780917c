"""What stands for a library that the eye does not look into."""

import threading

number = 0


def count():
    global number
    before = number
    number = before + 1


def counted(item):
    count()
    return item


def both_counted(one, other):
    count()
    return one + other


class Leaving:
    """A manager that is changed when it is left."""

    def __init__(self):
        self.left = 0

    def __exit__(self, *_):
        self.left = 1


class Counting(threading.Thread):
    def run(self):
        count()


class Bag:
    """Its special methods read its items."""

    def __init__(self):
        self.items = []

    def __bool__(self):
        return bool(self.items)

    def __int__(self):
        return len(self.items)

    def __radd__(self, other):
        return other + len(self.items)

    def __gt__(self, other):
        return len(self.items) > other

    def __hash__(self):
        return len(self.items)

    def __repr__(self):
        return str(len(self.items))


class Lines:
    """A generator that reads its items is made before the threads are."""

    def __init__(self):
        self.items = []

    def each(self):
        yield from self.items
