"""Order, laziness, backpressure: how inputs flow in and results flow out."""

import itertools
import resource
from collections.abc import Iterator
from typing import Any

import atonce
from atonce.testing.conformance.kit import Kit, cases_of
from atonce.testing.evidence import wait_until

__all__ = ("CASES",)

_MANY = 5_000_000
_BUFFER = 50


def square(number: int) -> int:
    """Do next to nothing."""
    return number * number


def spin(number: int) -> int:
    """Take longer for some than for others, so that results come out of order."""
    for _ in range(2000 if number % 7 == 0 else 10):
        pass
    return number


def megabyte(number: int) -> bytes:
    """Make a result that shows when it is kept."""
    return bytes(1_000_000 + number % 2)


class Counted:
    """Numbers, and how many of them have been read."""

    def __init__(self, length: int) -> None:
        self.read = 0
        self._length = length

    def __iter__(self) -> Iterator[int]:
        for number in range(self._length):
            self.read = number + 1
            yield number


def nothing_in_nothing_out(kit: Kit) -> None:
    """No inputs: an empty list, an empty stream, and counts of nothing."""
    results = atonce.map(kit.fn(square), [], **kit.options)
    assert results == []
    assert results.report.items == 0
    assert list(atonce.stream(kit.fn(square), iter(()), **kit.options)) == []


def one_in_one_out(kit: Kit) -> None:
    """One input, of known and of unknown length."""
    assert atonce.map(kit.fn(square), [3], **kit.options) == [9]
    assert atonce.map(kit.fn(square), iter([3]), **kit.options) == [9]


def many_in_input_order(kit: Kit) -> None:
    """Results stand in input order, whoever finished first."""
    numbers = range(3000)
    results = atonce.map(kit.fn(spin), numbers, **kit.options)
    assert results == list(numbers)
    assert list(atonce.stream(kit.fn(spin), iter(numbers), **kit.options)) == list(numbers)
    assert results.report.items == results.report.succeeded == len(numbers)


def unordered_gives_each_once(kit: Kit) -> None:
    """With ``ordered=False``, every result comes once, in some order."""
    numbers = list(atonce.stream(kit.fn(spin), range(3000), ordered=False, **kit.options))
    assert sorted(numbers) == list(range(3000))


def fixed_chunks(kit: Kit) -> None:
    """``chunksize`` changes nothing but the pace."""
    for chunksize in (1, 7, 5000):
        assert atonce.map(kit.fn(square), range(100), chunksize=chunksize, **kit.options) == [n * n for n in range(100)]


def unequal_lengths_end_with_the_shortest(kit: Kit) -> None:
    """Several iterables are read side by side, until the first ends; one of them may be endless."""
    assert atonce.map(kit.fn(pow), [2, 3, 4], itertools.count(1), **kit.options) == [2, 9, 64]
    assert atonce.starmap(kit.fn(pow), [(2, 3), (3, 2)], **kit.options) == [8, 9]


def a_slow_consumer_holds_the_input_back(kit: Kit) -> None:
    """Of five million inputs, no more are read than were handed on, plus ``buffersize``, plus what is in flight."""
    inputs = Counted(_MANY)
    with atonce.stream(kit.fn(square), inputs, buffersize=_BUFFER, **kit.options) as stream:
        for handed, _ in enumerate(itertools.islice(stream, 500), start=1):
            assert inputs.read <= handed + _BUFFER + kit.in_flight
    assert stream.report.items < 500 + _BUFFER + kit.in_flight + 1
    assert stream.report.items == stream.report.succeeded + stream.report.cancelled


def a_waiting_consumer_stalls_nobody(kit: Kit) -> None:
    """Workers fill the buffer and wait; when the consumer comes back, everything goes on to the end."""
    inputs = Counted(2000)
    results = []
    stream = atonce.stream(kit.fn(square), inputs, buffersize=_BUFFER, **kit.options)
    for number in stream:
        results.append(number)
        if len(results) == 10 and kit.kind not in ("inline", "auto"):  # noqa: PLR2004
            wait_until(lambda: inputs.read >= _BUFFER, "the buffer to be filled")
    assert results == [number * number for number in range(2000)]


def a_long_stream_runs_in_bounded_memory(kit: Kit) -> None:
    """Half a gigabyte of results flows through; a tenth of that may be seen in the peak of this process."""
    list(itertools.islice(atonce.stream(kit.fn(megabyte), range(20), buffersize=8, **kit.options), 20))  # warm up
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total = sum(len(result) for result in atonce.stream(kit.fn(megabyte), range(500), buffersize=8, **kit.options))
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert total > 500_000_000  # noqa: PLR2004
    assert grown_mib < 50, f"the peak grew by {grown_mib:.0f} MiB"  # noqa: PLR2004


def the_default_buffer_is_bounded_too(kit: Kit) -> None:
    """Without ``buffersize``, an endless input is read some way ahead, and no further."""
    inputs = Counted(_MANY)
    with atonce.stream(kit.fn(square), inputs, **kit.options) as stream:
        taken: list[Any] = list(itertools.islice(stream, 100))
    assert taken == [number * number for number in range(100)]
    assert inputs.read < _MANY // 10


CASES = cases_of(
    "flow",
    nothing_in_nothing_out,
    one_in_one_out,
    many_in_input_order,
    unordered_gives_each_once,
    fixed_chunks,
    unequal_lengths_end_with_the_shortest,
    a_slow_consumer_holds_the_input_back,
    a_waiting_consumer_stalls_nobody,
    a_long_stream_runs_in_bounded_memory,
    the_default_buffer_is_bounded_too,
)
