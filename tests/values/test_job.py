"""What is to be done with each input."""

import asyncio
import inspect
import re
import sys
from functools import partial, partialmethod, wraps
from unittest.mock import AsyncMock, MagicMock

import pytest

from atonce._values.job import Job, Setup, is_coroutine_function, name_of


def plain(value):
    return value


async def later(value):
    return value


def generates(value):
    yield value


async def generates_later(value):
    yield value


def makes_a_coroutine(value):
    return later(value)


@wraps(later)
def wrapped(value):
    return later(value)


class Things:
    def method(self, value):
        return value

    async def async_method(self, value):
        return value

    @classmethod
    async def async_of_class(cls, value):
        return value

    @staticmethod
    async def async_static(value):
        return value

    @classmethod
    def of_class(cls, value):
        return value

    async_partial = partialmethod(async_method, value=1)


class Callable:
    def __call__(self, value):
        return value


class AsyncCallable:
    async def __call__(self, value):
        return value


class AsyncHeir(AsyncCallable):
    pass


class Remote:
    """As an object of another computer: it answers to every name with one more of its kind."""

    def __init__(self, depth=0):
        self._depth = depth

    def __getattr__(self, name):
        assert self._depth < 100, "the search never ends"
        return Remote(self._depth + 1)

    def __call__(self, value):
        return value


def shown(fn):
    """Name a function the same in every run."""
    return re.sub(r" at 0x\w+| id='\d+'", "", str(fn))


@pytest.mark.parametrize(
    "fn",
    [
        later,
        partial(later, 1),
        partial(partial(later), 1),
        Things().async_method,
        Things.async_method,
        Things.async_of_class,
        Things().async_static,
        Things().async_partial,
        partial(Things().async_method, 1),
        AsyncCallable(),
        AsyncHeir(),
        partial(AsyncCallable(), 1),
        AsyncCallable().__call__,
        asyncio.sleep,
        AsyncMock(),
    ],
    ids=shown,
)
def test_what_has_to_be_awaited(fn):
    assert is_coroutine_function(fn) is True


@pytest.mark.parametrize(
    "fn",
    [
        plain,
        partial(plain, 1),
        makes_a_coroutine,
        wrapped,
        generates,
        generates_later,
        Things().method,
        Things.of_class,
        Callable(),
        Callable,
        AsyncCallable,
        partial(AsyncCallable),
        lambda value: value,
        lambda value: later(value),  # noqa: PLW0108 (a lambda that gives a coroutine is what is meant)
        len,
        print,
        int,
        str.upper,
        "abc".upper,
        [].append,
        MagicMock(),
    ],
    ids=shown,
)
def test_what_gives_its_result_at_once(fn):
    assert is_coroutine_function(fn) is False


def test_an_object_that_answers_to_every_name_is_asked_a_few_times_only():
    assert is_coroutine_function(Remote()) is False


@pytest.mark.skipif(sys.version_info < (3, 12), reason="functions can be marked from Python 3.12 on")
def test_a_function_may_carry_a_mark():
    marked = inspect.markcoroutinefunction(lambda value: later(value))  # noqa: PLW0108
    assert is_coroutine_function(marked)
    assert is_coroutine_function(partial(marked, 1))


@pytest.mark.parametrize("fn", [plain, later, generates_later, wrapped, Things().async_method, partial(later, 1), len], ids=shown)
def test_inspect_says_the_same(fn):
    assert is_coroutine_function(fn) == inspect.iscoroutinefunction(fn)


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (plain, "plain"),
        (partial(plain, 1), "plain"),
        (partial(partial(plain), 1), "plain"),
        (Things().method, "method"),
        (Things, "Things"),
        (Callable(), "Callable"),
        (partial(Callable(), 1), "Callable"),
        (lambda: 1, "<lambda>"),
        (len, "len"),
        ("abc".upper, "upper"),
        (Remote(), "Remote"),
    ],
    ids=shown,
)
def test_the_name_is_what_people_call_it(fn, name):
    assert name_of(fn) == name


def test_a_job_takes_its_name_and_its_kind_from_the_function():
    job = Job(later)
    assert (job.name, job.is_async, job.star, job.in_flight, job.chunksize, job.stops) == ("later", True, False, 1, None, True)
    assert Job(plain).is_async is False


def test_a_job_has_no_limits_unless_they_are_said():
    job = Job(plain)
    assert (job.timeout_s, job.retries, job.memory_bytes, job.max_tasks) == (None, 0, None, None)
    job = Job(plain, timeout_s=0.5, retries=2, memory_bytes=1 << 30, max_tasks=7)
    assert (job.timeout_s, job.retries, job.memory_bytes, job.max_tasks) == (0.5, 2, 1 << 30, 7)


def test_what_the_caller_says_of_a_job_goes_before_what_the_function_looks_like():
    job = Job(plain, name="mine", is_async=True)
    assert (job.name, job.is_async) == ("mine", True)


def test_a_setup_calls_the_initializer_with_its_arguments():
    calls = []
    Setup(lambda *args: calls.append(args), (1, "a"))()
    assert calls == [(1, "a")]


def test_a_setup_without_an_initializer_does_nothing():
    assert Setup()() is None
