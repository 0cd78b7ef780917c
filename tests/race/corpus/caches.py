"""Rows 7 to 10, and 21: a look at a container or an attribute, and an act that relies on it."""

from collections import OrderedDict
from threading import Lock

from tests.race.corpus.program import Program, together


class Settings:
    """Expensive to make, so there must be one."""


class Application:
    def __init__(self):
        self._settings = None
        self._lock = Lock()

    def settings(self):
        if self._settings is None:
            self._settings = Settings()
        return self._settings

    def settings_locked(self):
        with self._lock:
            if self._settings is None:
                self._settings = Settings()
            return self._settings


def got_by_two(get):
    got = [None, None]

    def first():
        got[0] = get()

    def second():
        got[1] = get()

    together(first, second)
    assert got[0] is got[1]


def lazy_singleton():
    got_by_two(Application().settings)


def lazy_singleton_fixed():
    got_by_two(Application().settings_locked)


class RecentlyUsed:
    """The least recently used goes first."""

    def __init__(self, size):
        self.size = size
        self.entries = OrderedDict()
        self.lock = Lock()

    def get(self, key):
        if key in self.entries:
            self.entries.move_to_end(key)
            return self.entries[key]
        return None

    def put(self, key, value):
        self.entries[key] = value
        if len(self.entries) > self.size:
            self.entries.popitem(last=False)

    def get_locked(self, key):
        with self.lock:
            return self.get(key)

    def put_locked(self, key, value):
        with self.lock:
            self.put(key, value)


def lru_evict():
    cache = RecentlyUsed(1)
    cache.put("a", 1)
    together(lambda: cache.get("a"), lambda: cache.put("b", 2))
    assert len(cache.entries) == 1


def lru_evict_fixed():
    cache = RecentlyUsed(1)
    cache.put("a", 1)
    together(lambda: cache.get_locked("a"), lambda: cache.put_locked("b", 2))
    assert len(cache.entries) == 1


class PriceList:
    def __init__(self):
        self.prices = {"tea": 2, "coffee": 3}
        self.sum = None

    def add(self):
        self.prices["cocoa"] = 4

    def add_up(self):
        total = 0
        for name in self.prices:
            total += self.prices[name]
        self.sum = total

    def add_up_copy(self):
        total = 0
        for price in list(self.prices.values()):
            total += price
        self.sum = total


def dict_iter():
    prices = PriceList()
    together(prices.add_up, prices.add)
    assert prices.sum in {5, 9}


def dict_iter_fixed():
    prices = PriceList()
    together(prices.add_up_copy, prices.add)
    assert prices.sum in {5, 9}


class Connections:
    def __init__(self):
        self.idle = ["kept alive"]
        self.lock = Lock()

    def take(self):
        if self.idle:
            return self.idle.pop()
        return "new"

    def take_locked(self):
        with self.lock:
            return self.take()


def pool_pop():
    connections = Connections()
    together(connections.take, connections.take)
    assert connections.idle == []


def pool_pop_fixed():
    connections = Connections()
    together(connections.take_locked, connections.take_locked)
    assert connections.idle == []


class computed_once:  # noqa: N801 (used as a decorator)
    """An attribute that is computed when it is first asked for, and kept beside the others."""

    def __init__(self, function):
        self.function = function
        self.name = function.__name__

    def __get__(self, instance, owner=None):
        kept = instance.__dict__
        if self.name not in kept:
            kept[self.name] = self.function(instance)
        return kept[self.name]


class computed_once_locked(computed_once):  # noqa: N801
    def __get__(self, instance, owner=None):
        with instance.lock:
            return super().__get__(instance, owner)


class Page:
    def __init__(self):
        self.lock = Lock()

    @computed_once
    def words(self):
        return ["some", "words"]

    @computed_once_locked
    def lines(self):
        return ["some", "lines"]


def cached_property():
    page = Page()
    got_by_two(lambda: page.words)


def cached_property_fixed():
    page = Page()
    got_by_two(lambda: page.lines)


PROGRAMS = (
    Program("lazy_singleton", 7, 2, lazy_singleton, lazy_singleton_fixed),
    Program("lru_evict", 8, 2, lru_evict, lru_evict_fixed),
    Program("dict_iter", 9, 2, dict_iter, dict_iter_fixed, fixed_must="clear"),
    Program("pool_pop", 10, 2, pool_pop, pool_pop_fixed),
    Program("cached_property", 21, 2, cached_property, cached_property_fixed),
)
