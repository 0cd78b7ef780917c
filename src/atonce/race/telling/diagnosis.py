"""What kind of bug the steps of a failing run show: as far as they show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from atonce.race.telling.case import Case, name_of
from atonce.race.telling.ordering import Ordering
from atonce.race.telling.patterns import Access, Pattern, accesses_of, patterns_of
from atonce.race.telling.places import line_of

if TYPE_CHECKING:
    from atonce.race.telling.watching import Watched

__all__ = ("Diagnosis", "diagnose")

_MOST_ACCESSES = 60  # that are looked at, the last ones: to look at all of a long run takes the cube of it


class Diagnosis(NamedTuple):
    """What is said about a race.

    Attributes:
        kind: ``"lost update"``, ``"check-then-act"`` and so on; empty if the run does not show one.
        what: the cell that it is about, in words.
        pattern: the steps that show it.
        remarks: what stands beside a step, by its index.
        because: why it could happen.
        hint: what to try.
        accesses: all accesses of cells that tasks share.
    """

    kind: str
    what: str
    pattern: Pattern | None
    remarks: dict[int, str]
    because: str
    hint: str
    accesses: list[Access]


def diagnose(watched: Watched, left: frozenset[int]) -> Diagnosis:
    """Say what a run that failed with an exception shows.

    Args:
        watched: the run.
        left: the tasks that were left although they could go on.
    """
    ordering = Ordering(watched)
    accesses = accesses_of(watched, ordering)
    pattern = _best(watched, accesses[-_MOST_ACCESSES:], left)
    if pattern is None:
        return _unexplained(watched, ordering, accesses)
    case = Case(watched, pattern, ordering)
    return Diagnosis(case.kind, case.what, pattern, case.remarks(), case.because(), case.hint(), accesses)


def _best(watched: Watched, accesses: list[Access], left: frozenset[int]) -> Pattern | None:
    """Choose what explains most: something around a switch, of the task that failed, late in the run."""
    failed = watched.run.failure.task.number if watched.run.failure is not None and watched.run.failure.task is not None else 0
    best, most = None, -100
    patterns = list(patterns_of(accesses))
    for worth, pattern in patterns:
        switched = 10 * (pattern.first.step.task in left)
        concerns = 5 * (failed in (pattern.first.step.task, pattern.between[0].step.task))
        near = -2 * (not pattern.last.step.happened)
        inside = -8 * (not pattern.of_data)
        score = worth + switched + concerns + near + inside
        if score >= most:
            best, most = pattern, score
    return None if best is None else _widened(best, [pattern for _, pattern in patterns])


def _widened(best: Pattern, patterns: list[Pattern]) -> Pattern:
    """Begin where the same thing began to happen: somebody who looks three times is disturbed twice."""
    alike = [
        pattern.first
        for pattern in patterns
        if (pattern.shape, pattern.first.step.task, pattern.first.number, pattern.first.element)
        == (best.shape, best.first.step.task, best.first.number, best.first.element)
        and pattern.between[0].step.task == best.between[0].step.task
    ]
    return best if best.shape != "RWR" else best._replace(first=min(alike, key=lambda access: access.step.index))


def _unexplained(watched: Watched, ordering: Ordering, accesses: list[Access]) -> Diagnosis:
    """Say at least which of the last steps came too early, or could have come the other way round."""
    done = [access for access in accesses if access.step.happened]
    for last in reversed(done):
        for other in accesses:
            if not other.step.happened and other.writes and not last.writes and other.conflicts(last):
                return _too_early(watched, last, other, accesses)
    for at in range(len(done) - 1, 0, -1):
        for other in reversed(done[:at]):
            last = done[at]
            if last.conflicts(other) and last.step.task not in watched.coroutines and not ordering.orders(other.step, last.step):
                return _either_way(watched, other, last, accesses)
    return Diagnosis("", "", None, {}, "", "", accesses)


def _too_early(watched: Watched, read: Access, write: Access, accesses: list[Access]) -> Diagnosis:
    """A step has read what another task was about to write when the run ended."""
    one, other = watched.label(read.step.task), watched.label(write.step.task)
    remarks = {read.step.index: f"{other} has not done {line_of(write.step.place)} yet"}
    because = f"nothing makes {one} wait at {line_of(read.step.place)} until {other} has done {line_of(write.step.place)}"
    hint = f"let {one} wait for that: for an event, for a queue, or until {other} has ended"
    return Diagnosis("order violation", name_of(watched, read), None, remarks, because, hint, accesses)


def _either_way(watched: Watched, one: Access, other: Access, accesses: list[Access]) -> Diagnosis:
    pair = [f"{line_of(access.step.place)} ({watched.label(access.step.task)})" for access in (one, other)]
    common = one.step.held & other.step.held
    because = f"nothing orders {' and '.join(pair)}" + ("" if common else ": they hold no lock in common")
    return Diagnosis("", name_of(watched, other), None, {}, because, "", accesses)
