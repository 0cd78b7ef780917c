"""The text of a report."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from typing import TYPE_CHECKING

from atonce.race.telling.table import short_path, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.report import Report
    from atonce.race.telling.story import Story

__all__ = ("page",)

_GAP = "   "
_SHORT_REPLAY = 40  # characters that still fit into the first line
_SHOWN_DOUBTS = 6
_INCLUDE = re.compile(r'include=\["([^"]+)"\]')  # in a doubt that says what to do about it


def page(report: Report, width: int) -> str:
    """Return the text of a report.

    Args:
        report: what is told.
        width: characters of a line, at most; what people copy is never broken.
    """
    if report.verdict == "failed":
        lines = _failed(report, width)
    elif report.verdict == "proved":
        lines = _proved(report, width)
    else:
        lines = _not_found(report, width)
    return "\n".join(line.rstrip() for line in lines)


def _failed(report: Report, width: int) -> list[str]:
    story = report.story
    lines = _first(report, story.word if story else "RACE", story.headline if story else report.failure, width)
    if story is not None:
        lines += _told(story, width)
    return lines + _again(report)


def _first(report: Report, word: str, headline: str, width: int) -> list[str]:
    """Say what was found, and how; on a second line where the first one has no room for it."""
    how = [f"found on schedule {report.schedules} ({_time(report.seconds)})"]
    if report.replay and len(report.replay) <= _SHORT_REPLAY:
        how.append(f'replay="{report.replay}"')
    how.append(f"{_count(report.switches, 'switch', 'switches')}{' (minimal)' if report.minimal else ''}")
    lines = [f"{word}  {headline}"]
    for fact in how:
        if len(lines[-1]) + len(_GAP) + len(fact) <= width:
            lines[-1] += _GAP + fact
        else:
            lines.append("      " + fact)
    return lines


def _told(story: Story, width: int) -> list[str]:
    lines = [line for text in story.waits for line in _wrapped(text, width, "      ")]
    lines += table(story.rows, story.labels, width)
    if story.elided and story.rows:
        lines.append(f"      ({_count(story.elided, 'other step', 'other steps')} not shown)")
    lines += _joined(list(story.facts), width)
    if story.hint:
        lines += _wrapped(f"try: {story.hint}", width, "     ")
    return lines


def _joined(facts: list[str], width: int) -> list[str]:
    whole = "      ".join(facts)
    return [whole] if len(whole) <= width else [line for fact in facts for line in _wrapped(fact, width, "  ")]


def _again(report: Report) -> list[str]:
    if not report.replay:
        return []
    include = f", include=[{', '.join(map(json.dumps, report.include))}]" if report.include else ""
    parts = f", {report.parts}" if report.parts else ""
    lines = [f'again: race.replay({"None" if parts else report.function}, "{report.replay}"{parts}{include})']
    if report.test:
        lines.append(f"       pytest {shlex.quote(report.test)} --race-replay {report.replay}")
    elif report.target:
        file, colons, name = report.target.partition("::")
        target = f"{short_path(file)}::{name}" if colons else report.target
        include = "".join(f" --include {shlex.quote(name)}" for name in report.include)
        lines.append(f"       atonce race {shlex.quote(target)} --replay {report.replay}{include}")
    return lines


def _proved(report: Report, width: int) -> list[str]:
    lines = _wrapped(
        f"PROVED  {report.function}: no order of its steps fails, for this input. Every order that can make a difference was "
        f"run to its end: {_count(report.schedules, 'run', 'runs')} of up to {_count(report.steps, 'step', 'steps')} "
        f"({_time(report.seconds)})",
        width,
        "        ",
    )
    if report.eye:
        lines += _wrapped(f"        shared state was seen by {report.eye}; a C extension counts as one step", width, "        ")
    return lines


def _not_found(report: Report, width: int) -> list[str]:
    lines = _wrapped(
        f"NOT FOUND  {report.function}: no failure in {_count(report.schedules, 'order', 'orders')} of up to "
        f"{_count(report.steps, 'step', 'steps')} ({_time(report.seconds)}, seed {report.seed}). This proves nothing",
        width,
        "           ",
    )
    doubts = report.doubts or ("the time was up before all orders had been run",)
    lines += [line for doubt in doubts[:_SHOWN_DOUBTS] for line in _wrapped(f"no proof, because: {doubt}", width, "  ")]
    if len(doubts) > _SHOWN_DOUBTS:
        lines.append(f"  (and {len(doubts) - _SHOWN_DOUBTS} more reasons: report.doubts)")
    lines += _wrapped(f"try: {_more(report, doubts)}", width, "     ")
    lines += _wrapped('     report.assert_ok(require="not found") accepts this; a smaller input may be proved', width, "     ")
    return lines


def _more(report: Report, doubts: Sequence[str]) -> str:
    """Say what could be known with more effort: from code that was not seen before all."""
    unseen = dict.fromkeys([*report.include, *(name for doubt in doubts for name in _INCLUDE.findall(doubt))])
    if len(unseen) > len(report.include):
        return f"race.explore({report.parts or report.function}, include=[{', '.join(map(json.dumps, unseen))}])"
    longer = f"{max(1, round(report.seconds * 10))}s"
    return f'race.explore({report.parts or report.function}, budget="{longer}"), or another seed={report.seed + 1}'


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    lead = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(
        text.strip(),
        width,
        initial_indent=lead,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _count(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
