"""What a journal keeps, and what a seed gives, is the same whoever does the work."""

import functools
import random

import atonce
from atonce.testing.conformance.kit import Kit, cases_of
from atonce.testing.evidence import Evidence

__all__ = ("CASES",)

_ITEMS = 30


def noted_double(number: int, *, evidence: Evidence) -> int:
    """Write down that this item was run; fail for the seventh while the evidence does not say otherwise."""
    evidence.note(number)
    if number == 7 and "mended" not in evidence.lines():  # noqa: PLR2004
        raise ValueError("seven")
    return number * 2


def drawn(number: int) -> tuple[int, float]:
    """Draw a random number for an item."""
    return number, random.random()  # noqa: S311


def _run(evidence: Evidence) -> list[int]:
    """Return which items were run, in order."""
    return sorted(int(line) for line in evidence.lines() if line.isdigit())


def the_same_call_again_runs_nothing(kit: Kit) -> None:
    """With a journal, outcomes come from there the second time, failures too, and the counts add up."""
    evidence, path = kit.evidence(), kit.path("run.db")
    fn = kit.fn(functools.partial(noted_double, evidence=evidence))
    first = atonce.map(fn, range(_ITEMS), errors="return", journal=path, **kit.options)
    again = atonce.map(fn, range(_ITEMS), errors="return", journal=path, **kit.options)
    assert _run(evidence) == list(range(_ITEMS))
    assert again.report.recalled == again.report.items == _ITEMS
    assert (again.report.succeeded, again.report.failed) == (_ITEMS - 1, 1)
    assert [str(getattr(result, "error", result)) for result in again] == [str(getattr(one, "error", one)) for one in first]


def what_has_failed_is_run_again_if_asked(kit: Kit) -> None:
    """With ``retry_failed``, the failed items of a journal run again, and no others."""
    evidence, path = kit.evidence(), kit.path("run.db")
    fn = kit.fn(functools.partial(noted_double, evidence=evidence))
    atonce.map(fn, range(_ITEMS), errors="return", journal=path, **kit.options)
    evidence.note("mended")
    results = atonce.map(fn, range(_ITEMS), journal=path, retry_failed=True, **kit.options)
    assert results == [number * 2 for number in range(_ITEMS)]
    assert _run(evidence) == sorted([*range(_ITEMS), 7])


def a_stream_that_was_left_goes_on(kit: Kit) -> None:
    """What a stream has handed on is in the journal, and is not run by the next one; the order may be another one."""
    evidence, path = kit.evidence(), kit.path("run.db")
    evidence.note("mended")
    fn = kit.fn(functools.partial(noted_double, evidence=evidence))
    with atonce.stream(fn, range(_ITEMS), journal=path, **kit.options) as stream:
        handed = [next(stream) for _ in range(5)]
    before = _run(evidence)
    again = list(atonce.stream(fn, reversed(range(_ITEMS)), journal=path, ordered=False, **kit.options))
    assert sorted(again) == [number * 2 for number in range(_ITEMS)]
    twice = {number for number in before if _run(evidence).count(number) > 1}
    assert not twice & {number // 2 for number in handed}


def a_seed_gives_the_same_to_everybody(kit: Kit) -> None:
    """An item's random numbers follow from the seed and its place, and not from who draws them."""
    expected = atonce.map(drawn, range(_ITEMS), seed=63, engine="inline")
    assert atonce.map(kit.fn(drawn), range(_ITEMS), seed=63, **kit.options) == expected
    assert len({number for _, number in expected}) == _ITEMS


CASES = cases_of(
    "keeping",
    the_same_call_again_runs_nothing,
    what_has_failed_is_run_again_if_asked,
    a_stream_that_was_left_goes_on,
    a_seed_gives_the_same_to_everybody,
)
