"""Rows 22 and 23: the parts of two known libraries that race, written anew. Neither library promises that they do not."""

import functools
from collections import OrderedDict
from contextlib import nullcontext
from queue import LifoQueue
from threading import Lock

from tests.race.corpus.program import Program, together


class SizedCache:
    """A mapping that keeps the sum of its values' sizes in a number beside it, as cachetools.LRUCache does."""

    def __init__(self, maxsize):
        self.maxsize = maxsize
        self.currsize = 0
        self._values = OrderedDict()
        self._sizes = {}

    def __getitem__(self, key):
        value = self._values[key]
        self._values.move_to_end(key)
        return value

    def __setitem__(self, key, value):
        size = len(value)
        while self.currsize + size > self.maxsize:
            self.popitem()
        self._values[key] = value
        self._sizes[key] = size
        self.currsize += size

    def __delitem__(self, key):
        del self._values[key]
        self.currsize -= self._sizes.pop(key)

    def popitem(self):
        oldest = next(iter(self._values))
        del self[oldest]

    def size(self):
        return sum(self._sizes.values())


class LockedCache(SizedCache):
    def __init__(self, maxsize):
        super().__init__(maxsize)
        self._lock = Lock()

    def __setitem__(self, key, value):
        with self._lock:
            super().__setitem__(key, value)


def cache_currsize_of(cache):
    def first():
        cache["a"] = "1"

    def second():
        cache["b"] = "22"

    together(first, second)
    assert cache.currsize == cache.size() == 3


def cache_currsize():
    cache_currsize_of(SizedCache(8))


def cache_currsize_fixed():
    cache_currsize_of(LockedCache(8))


class ExpiringCache:
    """A mapping whose entries end at a time, and are thrown out by whoever comes by, as in cachetools.TTLCache."""

    def __init__(self, timer):
        self.timer = timer
        self._entries = {}

    def put(self, key, value, ends):
        self._entries[key] = value, ends

    def expire(self):
        now = self.timer()
        for key in [key for key, (_, ends) in self._entries.items() if ends <= now]:
            del self._entries[key]

    def get(self, key):
        self.expire()
        value, _ = self._entries.get(key, (None, 0))
        return value


class LockedExpiringCache(ExpiringCache):
    def __init__(self, timer):
        super().__init__(timer)
        self._lock = Lock()

    def get(self, key):
        with self._lock:
            return super().get(key)


def ttl_expired_twice_in(kind):
    cache = kind(timer=lambda: 10)
    cache.put("old", 1, ends=5)
    cache.put("new", 2, ends=50)
    together(lambda: cache.get("old"), lambda: cache.get("new"))
    assert cache.get("new") == 2


def ttl_expired_twice():
    ttl_expired_twice_in(ExpiringCache)


def ttl_expired_twice_fixed():
    ttl_expired_twice_in(LockedExpiringCache)


def cached(cache, lock=None):
    """Remember what the function returned, as cachetools.cached does; the lock is held for the cache, not for the function."""
    guard = nullcontext() if lock is None else lock

    def decorate(function):
        @functools.wraps(function)
        def wrapper(key):
            with guard:
                try:
                    return cache[key]
                except KeyError:
                    pass
            value = function(key)
            with guard:
                cache[key] = value
            return value

        return wrapper

    return decorate


def cached_with(lock):
    cache = SizedCache(2)
    cache["a"] = "aa"

    @cached(cache, lock)
    def double(key):
        return key * 2

    together(lambda: double("b"), lambda: double("c"))
    assert cache.currsize == cache.size() <= 2


def cached_without_lock():
    cached_with(None)


def cached_without_lock_fixed():
    cached_with(Lock())


class ConnectionPool:
    """Hands out connections, and counts how many it has opened, as the pool of urllib3 does."""

    def __init__(self, size):
        self.num_connections = 0
        self.pool = LifoQueue(size)
        for _ in range(size):
            self.pool.put(None)

    def new(self):
        self.num_connections += 1
        return object()

    def request(self):
        connection = self.pool.get()
        if connection is None:
            connection = self.new()
        self.pool.put(connection)
        return connection


class CountingPool(ConnectionPool):
    def __init__(self, size):
        super().__init__(size)
        self.lock = Lock()

    def new(self):
        with self.lock:
            return super().new()


def requested_from(pool):
    got = []
    together(lambda: got.append(pool.request()), lambda: got.append(pool.request()))
    assert pool.num_connections == len(set(got))


def pool_num_connections():
    requested_from(ConnectionPool(2))


def pool_num_connections_fixed():
    requested_from(CountingPool(2))


PROGRAMS = (
    Program("cache_currsize", 22, 2, cache_currsize, cache_currsize_fixed, fixed_must="clear"),
    Program("ttl_expired_twice", 22, 2, ttl_expired_twice, ttl_expired_twice_fixed, fixed_must="clear"),
    Program("cached_without_lock", 22, 2, cached_without_lock, cached_without_lock_fixed, fixed_must="clear"),
    Program("pool_num_connections", 23, 2, pool_num_connections, pool_num_connections_fixed, fixed_must="clear"),
)
