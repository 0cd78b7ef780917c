"""Leaving early, in every way there is: the run ends, and nothing stays behind (each case checks that as it ends)."""

import functools
import gc
import itertools

import atonce
from atonce.testing.conformance.kit import Kit, cases_of
from atonce.testing.evidence import Evidence, wait_until

__all__ = ("CASES",)


def noted(number: int, *, evidence: Evidence) -> int:
    """Write down that this item was started."""
    evidence.note(number)
    return number


def _endless(kit: Kit, evidence: Evidence) -> "atonce.Stream[int]":
    stream: atonce.Stream[int] = atonce.stream(
        kit.fn(functools.partial(noted, evidence=evidence)), itertools.count(), **kit.options
    )
    return stream


def _stands_still(kit: Kit, evidence: Evidence) -> None:
    """Check that nothing is started any more, while other work shows that time goes by."""
    started = evidence.lines()
    atonce.map(kit.fn(abs), range(1000), **kit.options)
    assert evidence.lines() == started


def close_ends_the_run(kit: Kit) -> None:
    """After ``close()``, nothing is started any more, and the counts add up."""
    evidence = kit.evidence()
    stream = _endless(kit, evidence)
    assert next(stream) == 0
    stream.close()
    _stands_still(kit, evidence)
    report = stream.report
    assert report.items == report.succeeded + report.failed + report.cancelled >= 1
    assert list(stream) == []
    stream.close()


def leaving_a_with_block_ends_the_run(kit: Kit) -> None:
    """A ``with`` block closes its stream."""
    evidence = kit.evidence()
    with _endless(kit, evidence) as stream:
        assert next(stream) == 0
    _stands_still(kit, evidence)


def breaking_out_of_the_loop_ends_the_run(kit: Kit) -> None:
    """A loop that is left drops its stream, and with it the run."""
    evidence = kit.evidence()
    for number in _endless(kit, evidence):
        if number == 3:  # noqa: PLR2004
            break
    _comes_to_rest(evidence)


def garbage_ends_its_run(kit: Kit) -> None:
    """A stream in a cycle of references is found by the garbage collector."""
    evidence = kit.evidence()
    stream = _endless(kit, evidence)
    next(stream)
    cycle: list[object] = [stream]
    cycle.append(cycle)
    del stream, cycle
    gc.collect()
    _comes_to_rest(evidence)


def a_stream_that_never_began_costs_nothing(kit: Kit) -> None:
    """Making a stream starts nothing, and reads nothing."""
    read: list[int] = []

    def inputs() -> "itertools.count[int]":
        read.append(1)
        return itertools.count()

    stream = atonce.stream(kit.fn(abs), (number for _ in range(1) for number in inputs()), **kit.options)
    assert stream.report.items == 0
    stream.close()
    assert read == []
    assert list(stream) == []


def _comes_to_rest(evidence: Evidence) -> None:
    """Wait until nothing has been started for a while: a dropped stream does not wait for its workers."""
    counts = [-1, len(evidence.lines())]

    def at_rest() -> bool:
        counts.append(len(evidence.lines()))
        return len(set(counts[-20:])) == 1

    wait_until(at_rest, "the run to come to rest")


CASES = cases_of(
    "ending",
    close_ends_the_run,
    leaving_a_with_block_ends_the_run,
    breaking_out_of_the_loop_ends_the_run,
    garbage_ends_its_run,
    a_stream_that_never_began_costs_nothing,
)
