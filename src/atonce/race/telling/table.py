"""Steps in columns, a task a column, in time order; or one below the other where there is no room for columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.telling.story import Row

__all__ = ("short_path", "table")

_GAP = 2


def table(rows: Sequence[Row], labels: dict[int, str], width: int) -> list[str]:
    """Return the lines of the table.

    Args:
        rows: what is in it.
        labels: the names of the tasks.
        width: characters of a line.
    """
    if not rows:
        return []
    tasks = sorted({row.task for row in rows})
    files = {row.file for row in rows}
    places = [str(row.line) if len(files) == 1 else f"{Path(row.file).name}:{row.line}" for row in rows]
    margin = max(3, *map(len, places))
    head = [f"in {short_path(next(iter(files)))}"] if len(files) == 1 else []
    columns = {task: _wanted([row for row in rows if row.task == task], labels[task]) for task in tasks}
    if margin + _GAP + sum(columns.values()) + _GAP * (len(tasks) - 1) > width:
        return head + _below(rows, places, labels, margin, width)
    line = " " * (margin + _GAP) + "".join(labels[task].ljust(columns[task] + _GAP) for task in tasks)
    return [*head, line.rstrip(), *_beside(rows, places, columns, margin, width)]


def short_path(file: str) -> str:
    """Return a path as seen from here, if it is below."""
    path = Path(file)
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def _wanted(rows: list[Row], label: str) -> int:
    text = max(len(row.text) for row in rows)
    values = max(len(row.values) for row in rows)
    return max(text + 3 + values, len(label))


def _beside(rows: Sequence[Row], places: list[str], columns: dict[int, int], margin: int, width: int) -> list[str]:
    lines = []
    texts = {task: max(len(row.text) for row in rows if row.task == task) for task in columns}
    for row, place in zip(rows, places, strict=True):
        before = sum(wide + _GAP for task, wide in columns.items() if task < row.task)
        start = f"{place:>{margin}}{' ' * _GAP}{' ' * before}"
        line = start + _cell(row, texts[row.task], columns[row.task])
        lines += _remarked(line, row.remark, len(start), width)
    return lines


def _below(rows: Sequence[Row], places: list[str], labels: dict[int, str], margin: int, width: int) -> list[str]:
    lines = []
    names = max(len(labels[row.task]) for row in rows)
    texts = max(len(row.text) for row in rows)
    for row, place in zip(rows, places, strict=True):
        start = f"{place:>{margin}}{' ' * _GAP}{labels[row.task]:<{names}}{' ' * _GAP}"
        lines += _remarked(start + _cell(row, texts, width - len(start)), row.remark, len(start), width)
    return lines


def _cell(row: Row, text_width: int, room: int) -> str:
    """Return the source and the values of a row, the source cut where both have no room."""
    if not row.values:
        return _cut(row.text, room)
    for_text = min(text_width, room - len(row.values) - 3)
    if for_text < len(row.text):
        for_text = min(len(row.text), max(for_text, room // 2))
    return _cut(f"{_cut(row.text, for_text):<{for_text}}   {row.values}", room)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 3)] + "..."


def _remarked(line: str, remark: str, margin: int, width: int) -> list[str]:
    line = line.rstrip()
    if not remark:
        return [line]
    if len(line) + len(remark) + 6 <= width:
        return [f"{line}  <-- {remark}"]
    indent = min(margin, max(0, width - len(remark) - 5))
    return [line, f"{' ' * indent}^-- {remark}"]
