"""Row 28: updates that get lost through accesses that do not look like one.

Each body reads, then writes what it read plus one. Two run at the same time, so the end should be two.
"""

import operator
import weakref
from collections import ChainMap, defaultdict
from threading import Lock

from tests.race.corpus.program import Program, together


class Box:
    shared = 0

    def __init__(self):
        self.n = 0

    @property
    def amount(self):
        return self.n

    @amount.setter
    def amount(self, amount):
        self.n = amount


def by_setattr(box):
    setattr(box, "n", getattr(box, "n") + 1)  # noqa: B009, B010


def by_object_setattr(box):
    n = object.__getattribute__(box, "n")
    object.__setattr__(box, "n", n + 1)


def by_vars(box):
    vars(box)["n"] = vars(box)["n"] + 1


def by_dict(box):
    n = box.__dict__["n"]
    box.__dict__.update(n=n + 1)


def by_operator(box):
    attributes = box.__dict__
    n = operator.getitem(attributes, "n")
    operator.setitem(attributes, "n", n + 1)


def by_exec(box):
    exec("box.n = box.n + 1", {"box": box})


def by_merging(box):
    attributes = vars(box)
    attributes |= {"n": attributes["n"] + 1}


def by_walrus(box):
    if (n := box.n) >= 0:
        box.n = n + 1


def by_unpacking(box):
    n, *_ = *vars(box).values(), None
    (box.n, *_) = (n + 1, None)


def by_property(box):
    box.amount += 1


def by_mixture(box):
    box.n = vars(box)["n"] + 1


BODIES = (
    by_setattr,
    by_object_setattr,
    by_vars,
    by_dict,
    by_operator,
    by_exec,
    by_merging,
    by_walrus,
    by_unpacking,
    by_property,
    by_mixture,
)


def on_attribute(body):
    def buggy():
        box = Box()
        together(lambda: body(box), lambda: body(box))
        assert box.n == 2

    def fixed():
        box, lock = Box(), Lock()

        def locked():
            with lock:
                body(box)

        together(locked, locked)
        assert box.n == 2

    return Program(f"hidden_{body.__name__}", 28, 2, buggy, fixed, "found or not found", "clear")


class Grouped(defaultdict):
    """Its factory is Python code, in the middle of which others may come."""

    def __missing__(self, key):
        made = self.default_factory()
        self[key] = made
        return made


def made_by_missing():
    numbers = Grouped(list)
    together(lambda: numbers["n"].append(1), lambda: numbers["n"].append(2))
    assert len(numbers["n"]) == 2


def made_beforehand():
    numbers = Grouped(list)
    numbers["n"] = []
    together(lambda: numbers["n"].append(1), lambda: numbers["n"].append(2))
    assert len(numbers["n"]) == 2


def factory_reads():
    made = []

    def numbered():
        number = len(made)
        made.append(number)
        return number

    ids = defaultdict(numbered)
    together(lambda: ids["a"], lambda: ids["b"])
    assert ids["a"] != ids["b"]


def factory_reads_locked():
    made, lock = [], Lock()

    def numbered():
        with lock:
            number = len(made)
            made.append(number)
        return number

    ids = defaultdict(numbered)
    together(lambda: ids["a"], lambda: ids["b"])
    assert ids["a"] != ids["b"]


def by_chain_map():
    chain = ChainMap({}, {"n": 0})

    def add():
        chain["n"] = chain["n"] + 1

    together(add, add)
    assert chain["n"] == 2


def by_chain_map_locked():
    chain, lock = ChainMap({}, {"n": 0}), Lock()

    def add():
        with lock:
            chain["n"] = chain["n"] + 1

    together(add, add)
    assert chain["n"] == 2


class Referent:
    """Something that a weak reference can point to."""


def told_of_two_deaths(update):
    box = Box()
    kept = [Referent(), Referent()]
    watchers = [weakref.ref(thing, lambda _: update(box)) for thing in kept]
    first, second = [kept.pop()], [kept.pop()]
    together(first.clear, second.clear)
    assert len(watchers) == box.n == 2


def by_weakref_callback():
    told_of_two_deaths(by_walrus)


def by_weakref_callback_locked():
    lock = Lock()

    def update(box):
        with lock:
            box.n = box.n + 1

    told_of_two_deaths(update)


def by_class_attribute():
    class Widget:
        made = 0

        def __init__(self):
            type(self).made = self.made + 1

    together(Widget, Widget)
    assert Widget.made == 2


def by_class_attribute_locked():
    class Widget:
        made = 0
        lock = Lock()

        def __init__(self):
            with self.lock:
                type(self).made = self.made + 1

    together(Widget, Widget)
    assert Widget.made == 2


def by_closure_cell():
    n = 0

    def add():
        nonlocal n
        n = n + 1

    together(add, add)
    assert n == 2


def by_closure_cell_locked():
    n = 0
    lock = Lock()

    def add():
        nonlocal n
        with lock:
            n = n + 1

    together(add, add)
    assert n == 2


def elsewhere(name, buggy, fixed):
    return Program(f"hidden_{name}", 28, 2, buggy, fixed, "found or not found", "clear")


PROGRAMS = (
    *(on_attribute(body) for body in BODIES),
    elsewhere("by_missing", made_by_missing, made_beforehand),
    elsewhere("by_factory", factory_reads, factory_reads_locked),
    elsewhere("by_chain_map", by_chain_map, by_chain_map_locked),
    elsewhere("by_weakref_callback", by_weakref_callback, by_weakref_callback_locked),
    elsewhere("by_class_attribute", by_class_attribute, by_class_attribute_locked),
    elsewhere("by_closure_cell", by_closure_cell, by_closure_cell_locked),
)
