"""From a failing order to its story: run it once more, see what it shows, and choose the steps that matter."""

from __future__ import annotations

import linecache
import re
from pathlib import Path
from typing import TYPE_CHECKING

from atonce.race.alike import ours, raised_at
from atonce.race.neighbours import is_installed
from atonce.race.operations import WHOLE
from atonce.race.switching import SWITCH
from atonce.race.telling.diagnosis import Diagnosis, diagnose
from atonce.race.telling.patterns import Access, Pattern
from atonce.race.telling.places import source_of
from atonce.race.telling.story import Row, Story
from atonce.race.telling.values import Peek, peek
from atonce.race.telling.waiting import waiting_of
from atonce.race.telling.watching import Once, Seen, Watched, watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.tasks import Failure

__all__ = ("tell",)

_MOST_ROWS = 24
_LIVELOCK_STEPS = 12
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")
_VALUES = re.compile(", (?=read |write )")


def tell(
    once: Once,
    picks: Sequence[int],
    *,
    left: frozenset[int] = frozenset(),
    look: Peek = peek,
    before: BaseException | None = None,
) -> Story:
    """Run a failing order once more, and tell what it shows.

    Args:
        once: runs the program.
        picks: the order.
        left: the tasks that are left in it although they could go on.
        before: what an earlier run of the same order raised.
        look: says what stands in a cell, without running code of the user's.
    """
    watched = watch(once, picks, look)
    failure = watched.run.failure
    if failure is None or watched.diverged:
        why = watched.diverged or "it did not fail again"
        return Story("RACE", "an order that does not repeat", {}, (), (), len(watched.steps), (f"run once more, {why}",), "")
    try:
        return _told(watched, failure, left, before)
    except Exception as error:  # the user's things may be odder than anybody thought: what was found is told all the same
        fact = f"its steps cannot be shown: {type(error).__name__}: {error}. Please report this"
        return Story("RACE", failure.kind, {}, (), (), len(watched.steps), (fact,), "")


def _told(watched: Watched, failure: Failure, left: frozenset[int], before: BaseException | None) -> Story:
    if failure.kind == "exception":
        return _race(watched, failure, left, before)
    if failure.kind == "livelock":
        return _livelock(watched)
    return _nobody_goes_on(watched, failure)


def _race(watched: Watched, failure: Failure, left: frozenset[int], before: BaseException | None) -> Story:
    found = diagnose(watched, left)
    error = failure.error
    task = failure.task.number if failure.task is not None else 0
    assert error is not None
    headline = f"{found.kind} on {found.what}" if found.kind else f"{type(error).__name__} in {watched.label(task)}"
    rows = _rows(watched, _with_switches(watched, _shared(watched, found, left)), found.remarks)
    rows = _with_error(rows[0], error, task), rows[1]
    raised = _raised(error, watched.label(task), {row.file for row in rows[0]})
    if before is not None and _words(before) != _words(error):
        survives = f"an earlier run of the same order raised {_words(before)}: {_SURVIVES}"
        return Story("FAILURE", headline, watched.labels(), (), *rows, (raised, survives), _MAKE_ANEW)
    if found.accesses or left:
        return Story("RACE", headline, watched.labels(), (), *rows, tuple(filter(None, (raised, found.because))), found.hint)
    fact, hint = (_ALONE, "") if linecache.getline(*raised_at(error.__traceback__)) else (_NO_SOURCE, _IN_A_FILE)
    return Story("FAILURE", headline, watched.labels(), (), *rows, (raised, fact), hint)


_SURVIVES = "something that one run changes is still there in the next, like a fixture or a global"
_NO_SOURCE = "its source is not there, so what its steps do cannot be seen"
_IN_A_FILE = "write the function, and what it calls, into a file"
_MAKE_ANEW = "make that anew at the beginning of the function: it is called again and again"
_ALONE = "no step of another task has a part in it, as far as can be seen: it may fail in every order, and is no race then"


def _with_switches(watched: Watched, steps: list[Seen]) -> list[Seen]:
    """Add the steps at which a task went on that was left between opcodes: they are all that is known of what it did there."""
    indices = {step.index for step in steps}
    return sorted([*steps, *(step for step in watched.steps if _is_switch(step) and step.index not in indices)], key=_index_of)


def _is_switch(step: Seen) -> bool:
    return step.operation.kind == SWITCH


def _index_of(step: Seen) -> int:
    return step.index


def _nobody_goes_on(watched: Watched, failure: Failure) -> Story:
    waiting = waiting_of(watched)
    steps = [step for step in watched.steps if any(number in waiting.numbers for number, _, _ in step.cells)]
    steps = [step for step in steps if step.operation.kind not in ("end", "start")]
    word, fact = ("DEADLOCK", "nobody can go on") if failure.kind == "deadlock" else ("LEFT ALIVE", _LEFT_ALIVE)
    rows, elided = _rows(watched, steps, {})
    return Story(word, waiting.headline, watched.labels(), waiting.lines, rows, elided, (fact,), waiting.hint)


_LEFT_ALIVE = "the function has returned, and a thread that is no daemon waits for ever: the program would never end"


def _livelock(watched: Watched) -> Story:
    rows, elided = _rows(watched, watched.steps[-_LIVELOCK_STEPS:], {})
    fact = f"after {len(watched.run.picks)} steps it was stopped: these are the last ones"
    hint = (
        "wait for an event or a condition instead of asking again and again; a program that only takes long needs a smaller input"
    )
    return Story("LIVELOCK", "the program goes on and on", watched.labels(), (), rows, elided, (fact,), hint)


def _shared(watched: Watched, found: Diagnosis, left: frozenset[int]) -> list[Seen]:
    """Choose the steps that a race is told with: on what tasks share, or on what it is about where that is too much."""
    indices = {access.step.index for access in found.accesses if access.step.happened}
    steps = [step for step in watched.steps if step.index in indices]
    pattern = found.pattern
    if pattern is None:
        return [*steps, *(step for step in watched.next if step.task in left)]
    if watched.coroutines:  # of which nobody knows what is ordered anyway
        tasks = {access.step.task for access in pattern.accesses}
        steps = [step for step in steps if step.task in tasks]
    if len(steps) > _MOST_ROWS:
        steps = [step for step in steps if _concerns(step, pattern)]
    if found.kind == "atomicity violation":
        indices = {step.index for step in steps}
        steps = [step for step in watched.steps if step.index in indices or _locks(step, pattern)]
    if not pattern.last.step.happened:
        steps = [*steps, pattern.last.step]
    before = [step for step in steps if step.index < pattern.first.step.index]
    return steps[max(0, len(before) - _MOST_ROWS // 4) :]


def _concerns(step: Seen, pattern: Pattern) -> bool:
    """Tell whether a step touches what a pattern is about."""
    mine = [Access(step, *cell) for cell in step.cells]
    return any(one.meets(other) for one in mine for other in pattern.accesses)


def _locks(step: Seen, pattern: Pattern) -> bool:
    """Tell whether a step takes or releases a lock that is held in a pattern."""
    locks = frozenset[int]().union(*(access.step.held for access in pattern.accesses))
    return step.task in {access.step.task for access in pattern.accesses} and any(number in locks for number, _, _ in step.cells)


def _rows(watched: Watched, steps: list[Seen], remarks: dict[int, str]) -> tuple[tuple[Row, ...], int]:
    """Make rows of steps, and say how many steps of the run have none."""
    rows: list[tuple[Row, int]] = []
    for step in steps:
        if step.place is None or ours(step.place.file):
            continue
        row = Row(step.task, step.place.file, step.place.line, source_of(step.place), _values(step), remarks.get(step.index, ""))
        count = int(step.happened)
        if rows and _on_one_line(rows[-1][0], row):
            before, others = rows.pop()
            row, count = _together(before, row), count + others
        rows.append((row, count))
    shown = rows[-_MOST_ROWS:]
    return tuple(row for row, _ in shown), len(watched.steps) - sum(count for _, count in shown)


def _on_one_line(one: Row, other: Row) -> bool:
    return (one.task, one.file, one.line) == (other.task, other.file, other.line) and not (one.remark and other.remark)


def _together(one: Row, other: Row) -> Row:
    values = one.values if other.values in one.values else f"{one.values}, {other.values}"
    return one._replace(values=values, remark=one.remark or other.remark)


def _values(step: Seen) -> str:
    if not step.happened:
        return "not done yet"
    kind = step.operation.kind
    if kind == SWITCH:
        return "was left here, between opcodes"
    if kind not in ("read", "write"):
        return kind
    texts = []
    for number, element, writes in step.cells:
        value = (step.after if writes else step.before).get((number, element), "")
        if value and (element is not WHOLE or (len(step.cells) == 1 and not value.startswith(("a ", "an ")))):
            texts.append(f"{'write' if writes else 'read'} {value}")
    return ", ".join(dict.fromkeys(texts)) or kind


def _with_error(rows: tuple[Row, ...], error: BaseException, task: int) -> tuple[Row, ...]:
    """Say at the last row that it raised, if it did: what it would have done, it has not done."""
    if not rows or rows[-1].task != task or (rows[-1].file, rows[-1].line) != raised_at(error.__traceback__):
        return rows
    last = rows[-1]
    read = _VALUES.split(last.values)[0]
    done = [read] if read.startswith("read ") else []
    return (*rows[:-1], last._replace(values=", ".join([*done, f"raises {type(error).__name__}"])))


def _raised(error: BaseException, task: str, files: set[str]) -> str:
    """Say what was raised, and where: not where a library raised it, but where that was called."""
    file, line = raised_at(error.__traceback__)
    traceback = error.__traceback__
    while traceback is not None:
        own = traceback.tb_frame.f_code.co_filename
        if not ours(own) and not is_installed(own):
            file, line = own, traceback.tb_lineno
        traceback = traceback.tb_next
    if not file:
        return f"{_words(error)} ({task})"
    where = f"{Path(file).name}:{line}" if files and file not in files else f"line {line}"
    return f"{_words(error)} ({task}, {where})"


def _words(error: BaseException) -> str:
    words = str(error).strip().splitlines()
    return type(error).__name__ + (f": {_ADDRESS.sub('0x...', words[0])}" if words else "")
