"""Another attempt for an item that failed, and an end for one that takes too long."""

import functools
import threading
from collections.abc import Iterator
from typing import Any

import atonce
from atonce.testing.conformance.kit import Kit, cases_of
from atonce.testing.evidence import Evidence

__all__ = ("CASES",)

_LIMIT_S = 0.5  # short for a test that waits for it, and long beside what others take, on a machine with too much to do as well
_HANGS, _GIVES_UP = 2, 5  # the item that hangs, and the one that raises a TimeoutError of its own


class Trouble(Exception):
    """An exception of the user's own."""


def be_here() -> None:
    """Have this module imported."""


def flaky(number: int, *, evidence: Evidence, error: type[BaseException] = Trouble) -> int:
    """Write down each attempt; fail twice for every third number, and always for 7."""
    evidence.note(number)
    attempt = evidence.lines().count(str(number))
    if number == 7 or (number % 3 == 0 and attempt <= 2):  # noqa: PLR2004
        raise error(f"number {number}, attempt {attempt}")
    return number


def hang(number: int, *, evidence: Evidence) -> int:
    """Write down each attempt, and never come back from one number."""
    evidence.note(number)
    if number == _HANGS:
        threading.Event().wait()
    if number == _GIVES_UP:
        raise TimeoutError("the item's own")
    return number


async def hang_later(number: int, *, evidence: Evidence) -> int:
    """Do as ``hang`` does, but as a coroutine, which can be cancelled."""
    import asyncio  # noqa: PLC0415 (44 ms that only coroutines need)

    if number == _HANGS:
        evidence.note(number)
        await asyncio.Event().wait()
    return hang(number, evidence=evidence)


def _flaky(kit: Kit, evidence: Evidence, **how: Any) -> Any:
    return kit.fn(functools.partial(flaky, evidence=evidence, **how))


def _hang(kit: Kit, evidence: Evidence) -> Any:
    return functools.partial(hang_later if kit.coroutines else hang, evidence=evidence)


def a_failed_item_is_started_again(kit: Kit) -> None:
    """With ``retries=2``, what fails twice succeeds, what always fails has three attempts, and no other item has a second."""
    evidence = kit.evidence()
    fn, tries = _flaky(kit, evidence), [3, 1, 1, 3, 1, 1, 3, 3, 1, 3]
    try:
        atonce.map(fn, range(10), retries=2, errors="group", **kit.options)
    except atonce.TasksFailed as group:
        outcomes = group.outcomes
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [7]
    assert [outcome.attempts for outcome in outcomes] == tries
    assert [evidence.lines().count(str(number)) for number in range(10)] == tries


def the_last_failure_is_the_one_that_counts(kit: Kit) -> None:
    """It is raised as itself, its note names the attempt, and the report counts all attempts beyond the first."""
    fn = _flaky(kit, kit.evidence())
    results = atonce.map(fn, range(10), retries=2, errors="return", **kit.options)
    failure = results[7]
    assert isinstance(failure, atonce.Failure)
    assert (type(failure.error), str(failure.error)) == (Trouble, "number 7, attempt 3")
    assert failure.error.__notes__[0].startswith("item 7: 7 (attempt 3, "), failure.error.__notes__
    assert [number for number in results if number is not failure] == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    assert (results.report.succeeded, results.report.failed, results.report.retries) == (9, 1, 10)


def a_failure_that_is_mended_does_not_stop_the_run(kit: Kit) -> None:
    """With ``errors="raise"``, an item fails when its last attempt does, in a list and in a stream."""
    assert atonce.map(_flaky(kit, kit.evidence()), range(7), retries=2, **kit.options) == list(range(7))
    before: list[int] = []
    try:
        before.extend(atonce.stream(_flaky(kit, kit.evidence()), range(10), retries=2, **kit.options))
    except Trouble as error:
        assert str(error) == "number 7, attempt 3"  # noqa: PT017 (there is no pytest here)
    assert before == list(range(7))


def without_retries_there_is_one_attempt(kit: Kit) -> None:
    """The default, and ``retries=0``."""
    evidence = kit.evidence()
    results = atonce.map(_flaky(kit, evidence), range(10), retries=0, errors="return", **kit.options)
    assert sorted(map(int, evidence.lines())) == list(range(10))
    assert (results.report.failed, results.report.retries) == (5, 0)


def an_exit_is_not_tried_again(kit: Kit) -> None:
    """Only an ``Exception`` is: who calls ``sys.exit`` does not mean "once more"."""
    evidence = kit.evidence()
    fn = _flaky(kit, evidence, error=SystemExit)
    results = atonce.map(fn, range(10), retries=2, errors="return", **kit.options)
    assert sorted(map(int, evidence.lines())) == list(range(10))
    assert [result.attempts for result in results if isinstance(result, atonce.Failure)] == [1] * 5
    assert results.report.retries == 0


def submitted_calls_are_tried_again_too(kit: Kit) -> None:
    """``submit`` follows the pool's ``retries``."""
    evidence = kit.evidence()
    with atonce.Pool(retries=2, **kit.options) as pool:
        futures = [pool.submit(_flaky(kit, evidence), number) for number in (1, 3, 7)]
        assert [futures[0].result(30), futures[1].result(30)] == [1, 3]
        assert str(futures[2].exception(30)) == "number 7, attempt 3"


def an_item_that_takes_too_long_fails_alone(kit: Kit) -> None:
    """``timeout=``: it has its own ``TaskTimeout``, everybody else a result. A ``TimeoutError`` of the item's own stays its own."""
    if _is_refused(kit):
        return
    evidence = kit.evidence()
    results = atonce.map(_hang(kit, evidence), range(10), timeout=_LIMIT_S, errors="return", **kit.options)
    late, own = results[_HANGS], results[_GIVES_UP]
    assert isinstance(late, atonce.Failure)
    assert isinstance(own, atonce.Failure)
    assert type(late.error) is atonce.TaskTimeout, late
    assert f"{_LIMIT_S:g} s" in str(late.error)
    assert late.error.__notes__[0].startswith(f"item {_HANGS}: {_HANGS} (attempt 1, ")
    assert (type(own.error), str(own.error)) == (TimeoutError, "the item's own")
    assert [number for number in results if number not in (late, own)] == [0, 1, 3, 4, 6, 7, 8, 9]
    assert (results.report.succeeded, results.report.failed, results.report.retries) == (8, 2, 0)
    assert evidence.lines().count(str(_HANGS)) == 1


def an_item_that_takes_too_long_stops_the_run(kit: Kit) -> None:
    """With ``errors="raise"``, it is a failure like others, which the standard library's ``TimeoutError`` catches."""
    if _is_refused(kit):
        return
    try:
        atonce.map(_hang(kit, kit.evidence()), range(5), timeout=_LIMIT_S, **kit.options)
    except TimeoutError as error:
        assert isinstance(error, atonce.TaskTimeout), repr(error)  # noqa: PT017 (there is no pytest here)
    else:
        raise AssertionError("an item hangs, and the call has ended well")


def an_attempt_that_takes_too_long_is_tried_again(kit: Kit) -> None:
    """Each attempt has the whole ``timeout``, and a ``TaskTimeout`` is a failure that ``retries`` is for."""
    if _is_refused(kit):
        return
    evidence = kit.evidence()
    results = atonce.map(_hang(kit, evidence), range(4), timeout=_LIMIT_S, retries=1, errors="return", **kit.options)
    late = results[_HANGS]
    assert isinstance(late, atonce.Failure)
    assert (type(late.error), late.attempts) == (atonce.TaskTimeout, 2)
    assert evidence.lines().count(str(_HANGS)) == 2  # noqa: PLR2004
    assert [number for number in results if number is not late] == [0, 1, 3]
    assert results.report.retries == 1


def a_submitted_call_that_takes_too_long_fails(kit: Kit) -> None:
    """``submit`` follows the pool's ``timeout``, and the pool works on."""
    if _is_refused(kit):
        return
    # A submitted function is read with its call, and what it has to import counts: so it is imported before.
    with atonce.Pool(timeout=_LIMIT_S, initializer=be_here, **kit.options) as pool:
        fn = _hang(kit, kit.evidence())
        late, other = pool.submit(fn, _HANGS), pool.submit(fn, 1)
        assert isinstance(late.exception(30), atonce.TaskTimeout)
        assert other.result(30) == 1
        assert pool.submit(fn, 3).result(30) == 3  # noqa: PLR2004


def _is_refused(kit: Kit) -> bool:
    """Check that an engine that cannot stop an item says so before anything is read; tell whether it is one."""
    if kit.stops_items:
        return False
    read: list[int] = []

    def inputs() -> Iterator[int]:
        read.append(1)
        yield 1

    try:
        atonce.map(kit.fn(abs), inputs(), timeout=_LIMIT_S, **kit.options)
    except atonce.OptionError as error:
        assert "cannot be stopped" in str(error)  # noqa: PT017 (there is no pytest here)
        assert read == []
    else:
        # An engine object gets the option as it is: what it does with it is between it and those who use it.
        assert not isinstance(kit.engine, str), "the option was ignored"
    return True


CASES = cases_of(
    "limits",
    a_failed_item_is_started_again,
    the_last_failure_is_the_one_that_counts,
    a_failure_that_is_mended_does_not_stop_the_run,
    without_retries_there_is_one_attempt,
    an_exit_is_not_tried_again,
    submitted_calls_are_tried_again_too,
    an_item_that_takes_too_long_fails_alone,
    an_item_that_takes_too_long_stops_the_run,
    an_attempt_that_takes_too_long_is_tried_again,
    a_submitted_call_that_takes_too_long_fails,
)
