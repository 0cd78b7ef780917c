"""Exceptions, from wherever they come: each reaches the caller as itself, and nobody is lost over it."""

import functools
from collections.abc import Iterator
from typing import Any

import atonce
from atonce.testing.conformance.kit import Kit, cases_of
from atonce.testing.evidence import Evidence

__all__ = ("CASES",)

_ENDLESS = 200_000


class Trouble(Exception):
    """An exception of the user's own."""


def bad(number: int, *, wrong: tuple[int, ...], error: type[BaseException] = Trouble) -> int:
    """Raise for some numbers."""
    if number in wrong:
        raise error(f"number {number}")
    return number


def noted(number: int, *, wrong: int, evidence: Evidence) -> int:
    """Write down that this item was started, and raise for one."""
    evidence.note(number)
    if number == wrong:
        raise Trouble
    return number


def refuse() -> None:
    """Be an initializer that fails."""
    raise Trouble("initializer")


def greet(evidence: Evidence) -> None:
    """Be an initializer that leaves a trace."""
    evidence.note("ready")


def counting_to_trouble(length: int) -> Iterator[int]:
    """Give some numbers, and then fail."""
    yield from range(length)
    raise Trouble("input")


def _caught(call: Any, kind: type[BaseException] = Trouble) -> BaseException:
    try:
        call()
    except BaseException as error:
        if type(error) is not kind:
            raise AssertionError(f"expected {kind.__name__}, got {error!r}") from error
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def the_first_failure_is_raised_as_itself(kit: Kit) -> None:
    """The caller sees the user's exception, with its text and with a note that names the item."""
    fn = kit.fn(functools.partial(bad, wrong=(5,)))
    error = _caught(lambda: atonce.map(fn, range(20), **kit.options))
    assert str(error) == "number 5"
    assert any(note.startswith("item 5: 5 (attempt 1, ") for note in error.__notes__), error.__notes__


def the_first_failure_stops_the_run(kit: Kit) -> None:
    """Nothing is started after the failure is known: not much of a long input, and nothing once the call has ended."""
    evidence = kit.evidence()
    fn = kit.fn(functools.partial(noted, wrong=20, evidence=evidence))
    _caught(lambda: atonce.map(fn, iter(range(_ENDLESS)), **kit.options))
    started = evidence.lines()
    assert len(started) < _ENDLESS
    atonce.map(kit.fn(abs), range(1000), **kit.options)  # time for stragglers to show themselves
    assert evidence.lines() == started
    assert len(set(started)) == len(started), "an item was started twice"


def an_ordered_stream_raises_in_place(kit: Kit) -> None:
    """The results before the failing item come first, all of them; then the failure, then the end."""
    fn = kit.fn(functools.partial(bad, wrong=(700, 701, 900)))
    before: list[int] = []
    stream = atonce.stream(fn, range(3000), **kit.options)
    error = _caught(lambda: before.extend(stream))
    assert str(error) == "number 700"
    assert before == list(range(700))
    assert list(stream) == []
    assert stream.report.items == stream.report.succeeded + stream.report.failed + stream.report.cancelled


def failures_can_be_returned(kit: Kit) -> None:
    """``errors="return"``: every item is run, and each failure stands in its item's place."""
    fn = kit.fn(functools.partial(bad, wrong=(0, 3, 4, 99)))
    results = atonce.map(fn, range(100), errors="return", **kit.options)
    failures = [result for result in results if isinstance(result, atonce.Failure)]
    assert [failure.index for failure in failures] == [0, 3, 4, 99]
    assert [type(failure.error) for failure in failures] == [Trouble] * 4
    assert [result for result in results if not isinstance(result, atonce.Failure)] == [
        n for n in range(100) if n not in (0, 3, 4, 99)
    ]
    assert (results.report.items, results.report.succeeded, results.report.failed) == (100, 96, 4)


def failures_can_be_grouped(kit: Kit) -> None:
    """``errors="group"``: every item is run, and then one group is raised, with an outcome for each input."""
    fn = kit.fn(functools.partial(bad, wrong=(3, 50)))
    error = _caught(lambda: atonce.map(fn, range(100), errors="group", **kit.options), atonce.TasksFailed)
    assert isinstance(error, atonce.TasksFailed)
    assert [str(inner) for inner in error.exceptions] == ["number 3", "number 50"]
    assert [outcome.index for outcome in error.outcomes] == list(range(100))
    assert [outcome.index for outcome in error.outcomes if not outcome.ok] == [3, 50]


def every_input_gets_one_outcome(kit: Kit) -> None:
    """Each item is started exactly once, also where many fail."""
    evidence = kit.evidence()
    fn = kit.fn(functools.partial(noted, wrong=-1, evidence=evidence))
    results = atonce.map(fn, range(500), errors="return", **kit.options)
    assert results == list(range(500))
    assert sorted(map(int, evidence.lines())) == list(range(500))


def system_exit_is_a_failure_like_others(kit: Kit) -> None:
    """``SystemExit`` in the function neither ends a worker nor passes for success."""
    fn = kit.fn(functools.partial(bad, wrong=(2,), error=SystemExit))
    _caught(lambda: atonce.map(fn, range(5), **kit.options), SystemExit)
    results = atonce.map(fn, range(5), errors="return", **kit.options)
    assert [result.ok if isinstance(result, atonce.Failure) else result for result in results] == [0, 1, False, 3, 4]


def generator_exit_is_a_failure_like_others(kit: Kit) -> None:
    """``GeneratorExit`` in the function does not look like the end of anything."""
    fn = kit.fn(functools.partial(bad, wrong=(2,), error=GeneratorExit))
    _caught(lambda: atonce.map(fn, range(5), **kit.options), GeneratorExit)
    _caught(lambda: list(atonce.stream(fn, range(5), **kit.options)), GeneratorExit)


def keyboard_interrupt_always_stops_the_run(kit: Kit) -> None:
    """Ctrl-C is never an item's own failure, whatever ``errors`` says."""
    fn = kit.fn(functools.partial(bad, wrong=(2,), error=KeyboardInterrupt))
    _caught(lambda: atonce.map(fn, range(5), errors="return", **kit.options), KeyboardInterrupt)


def stop_iteration_does_not_end_a_loop(kit: Kit) -> None:
    """``StopIteration`` in the function would end the caller's loop without a word; it comes as a ``RuntimeError`` (PEP 479)."""
    fn = kit.fn(functools.partial(bad, wrong=(2,), error=StopIteration))
    _caught(lambda: list(atonce.stream(fn, range(5), **kit.options)), RuntimeError)
    _caught(lambda: atonce.map(fn, range(5), **kit.options), RuntimeError)


def trouble_in_the_input_comes_after_its_results(kit: Kit) -> None:
    """What the input raises reaches the caller as itself, after the results of what it had given before."""
    before: list[int] = []
    stream = atonce.stream(kit.fn(abs), counting_to_trouble(50), **kit.options)
    error = _caught(lambda: before.extend(stream))
    assert str(error) == "input"
    assert before == list(range(50))
    _caught(lambda: atonce.map(kit.fn(abs), counting_to_trouble(0), **kit.options))


def trouble_in_the_initializer_is_raised(kit: Kit) -> None:
    """If workers cannot get ready, no item is run, and the caller hears why."""
    evidence = kit.evidence()
    fn = kit.fn(functools.partial(noted, wrong=-1, evidence=evidence))
    error = _caught(lambda: atonce.map(fn, range(5), initializer=refuse, **kit.options))
    assert str(error) == "initializer"
    assert evidence.lines() == []


def the_initializer_runs_once_in_each_worker(kit: Kit) -> None:
    """At least one worker gets ready, and none does so twice."""
    evidence = kit.evidence()
    atonce.map(kit.fn(abs), range(200), initializer=greet, initargs=(evidence,), **kit.options)
    assert 1 <= len(evidence.lines()) < kit.in_flight


CASES = cases_of(
    "failures",
    the_first_failure_is_raised_as_itself,
    the_first_failure_stops_the_run,
    an_ordered_stream_raises_in_place,
    failures_can_be_returned,
    failures_can_be_grouped,
    every_input_gets_one_outcome,
    system_exit_is_a_failure_like_others,
    generator_exit_is_a_failure_like_others,
    keyboard_interrupt_always_stops_the_run,
    stop_iteration_does_not_end_a_loop,
    trouble_in_the_input_comes_after_its_results,
    trouble_in_the_initializer_is_raised,
    the_initializer_runs_once_in_each_worker,
)
