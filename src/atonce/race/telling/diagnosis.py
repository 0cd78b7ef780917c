"""What kind of bug the steps of a failing run show: as far as they show it."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING, NamedTuple

from atonce.race.telling.ordering import Ordering
from atonce.race.telling.patterns import Access, Pattern, accesses_of, patterns_of
from atonce.race.telling.values import cell_name

if TYPE_CHECKING:
    from atonce.race.operations import Place
    from atonce.race.telling.watching import Watched

__all__ = ("Diagnosis", "diagnose", "label", "line_of", "source_of")

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
    accesses = accesses_of(watched)
    pattern = _best(watched, accesses[-_MOST_ACCESSES:], left)
    if pattern is None:
        return _unexplained(watched, accesses)
    kind = _kind(pattern)
    what = _names(watched, pattern)
    return Diagnosis(kind, what, pattern, _remarks(pattern), _because(watched, pattern), _hint(pattern), accesses)


def label(task: int) -> str:
    """Return the short name of a task."""
    return f"T{task}" if task else "main"


def source_of(place: Place | None) -> str:
    """Return the line of the source where something happens, or what is known of it."""
    if place is None:
        return ""
    return linecache.getline(place.file, place.line).strip() or place.text


def line_of(step_place: Place | None) -> str:
    """Return where something happens, in a word or two."""
    return f"line {step_place.line}" if step_place is not None else "a line of its own"


def _best(watched: Watched, accesses: list[Access], left: frozenset[int]) -> Pattern | None:
    """Choose what explains most: something around a switch, of the task that failed, late in the run."""
    failed = watched.run.failure.task.number if watched.run.failure is not None and watched.run.failure.task is not None else 0
    best, most = None, -1
    patterns = list(patterns_of(accesses))
    for worth, pattern in patterns:
        switched = 10 * (pattern.first.step.task in left)
        concerns = 5 * (failed in (pattern.first.step.task, pattern.between[0].step.task))
        near = -2 * (not pattern.last.step.happened)
        score = worth + switched + concerns + near
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


def _kind(pattern: Pattern) -> str:
    if _common(pattern):
        return "atomicity violation"
    if pattern.shape == "torn":
        return "half-done change"
    if pattern.shape in ("RWW", "RWR") and source_of(pattern.first.step.place).startswith(("if ", "elif ", "while ")):
        return "check-then-act"
    return {"RWW": "lost update", "RWR": "unrepeatable read", "WRW": "half-done change", "WWR": "overwritten value"}[pattern.shape]


def _common(pattern: Pattern) -> frozenset[int]:
    """Return the locks that are held at each of the steps."""
    done = [access.step.held for access in pattern.accesses if access.step.happened]
    return frozenset.intersection(*done) if pattern.last.step.happened else frozenset()


def _names(watched: Watched, pattern: Pattern) -> str:
    names: list[str] = []
    for access in (pattern.first, pattern.last):
        name = cell_name(watched.thing(access.number), access.element)
        if name not in names:
            names.append(name)
    return " and ".join(names)


def _remarks(pattern: Pattern) -> dict[int, str]:
    one, other = label(pattern.first.step.task), label(pattern.between[0].step.task)
    middle, last = pattern.between[-1].step, pattern.last.step
    if not last.happened:
        text = f"{one} has not done {line_of(last.place)} yet"
        return {middle.index: text}
    if pattern.shape == "RWW":
        return {last.index: f"overwrites {other}'s write, which {one} had not seen"}
    if pattern.shape == "RWR":
        return {last.index: f"no more what {one} saw before: {other} has changed it"}
    if pattern.shape == "WWR":
        return {last.index: f"not what {one} wrote at {line_of(pattern.first.step.place)}: {other} has changed it"}
    if pattern.last.writes:
        return {middle.index: f"sees {one}'s change half done"}
    return {last.index: f"goes on with what {other} has changed since {line_of(pattern.first.step.place)}"}


def _because(watched: Watched, pattern: Pattern) -> str:
    common = _common(pattern)
    first, last, middle = pattern.first.step, pattern.last.step, pattern.between[0].step
    one = label(first.task)
    if common:
        name = watched.locks[min(common)]
        return f"each of these steps holds {name}, but {one} lets go of it between {line_of(first.place)} and {line_of(last.place)}"
    if Ordering(watched).orders(first, middle) or first.held & middle.held:
        return ""
    pair = f"{line_of(first.place)} ({one}) and {line_of(middle.place)} ({label(middle.task)})"
    if first.held and middle.held:
        return f"nothing orders {pair}: the locks that they hold are not the same"
    return f"nothing orders {pair}: they hold no lock in common"


def _hint(pattern: Pattern) -> str:
    first, last = pattern.first.step.place, pattern.last.step.place
    if first is None or last is None:
        return ""
    if first.function != last.function or first.file != last.file:
        span = f"over {line_of(first)} and {line_of(last)} together"
    elif first.line == last.line:
        span = f"around {line_of(first)}"
    else:
        span = f"from line {min(first.line, last.line)} to line {max(first.line, last.line)}"
    if _common(pattern):
        return f"hold the lock {span}, and do not let go of it between"
    if pattern.shape in ("torn", "WRW") and pattern.between[0].step.place is not None:
        return f"hold one lock {span}, and the same one at {_lines([access.step.place for access in pattern.between])}"
    return f"hold one lock {span}"


def _lines(places: list[Place | None]) -> str:
    lines = sorted({place.line for place in places if place is not None})
    return f"line {lines[0]}" if len(lines) == 1 else f"lines {lines[0]} to {lines[-1]}"


def _unexplained(watched: Watched, accesses: list[Access]) -> Diagnosis:
    """Say at least which of the last steps could have come the other way round."""
    done = [access for access in accesses if access.step.happened]
    for at in range(len(done) - 1, 0, -1):
        for other in reversed(done[:at]):
            last = done[at]
            if last.conflicts(other) and not Ordering(watched).orders(other.step, last.step):
                what = cell_name(watched.thing(last.number), last.element)
                pair = (
                    f"{line_of(other.step.place)} ({label(other.step.task)}) and "
                    f"{line_of(last.step.place)} ({label(last.step.task)})"
                )
                common = other.step.held & last.step.held
                because = f"nothing orders {pair}" + ("" if common else ": they hold no lock in common")
                return Diagnosis("order violation" if _too_early(last, accesses) else "", what, None, {}, because, "", accesses)
    return Diagnosis("", "", None, {}, "", "", accesses)


def _too_early(last: Access, accesses: list[Access]) -> bool:
    """Tell whether a cell was read before somebody came to write it, who was about to."""
    return not last.writes and any(not access.step.happened and access.writes and access.conflicts(last) for access in accesses)
