"""What is told about a failing order, apart from how wide the terminal is."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ("Row", "Story")


class Row(NamedTuple):
    """A step, or several of one task on one line.

    Attributes:
        task: whose it is.
        file, line: where.
        text: the source of that line.
        values: what it read and wrote.
        remark: what is remarkable about it.
    """

    task: int
    file: str
    line: int
    text: str
    values: str
    remark: str


class Story(NamedTuple):
    """A failing order in words.

    Attributes:
        word: ``"RACE"``, ``"DEADLOCK"`` and so on.
        headline: what it is, in a few words.
        labels: the names of the tasks, by number.
        waits: who waits for what, and what that holds; for runs in which nobody could go on.
        rows: the steps that matter, in time order.
        elided: how many other steps there were.
        facts: what came of it, and why it could.
        hint: what to try; empty if nobody knows.
    """

    word: str
    headline: str
    labels: dict[int, str]
    waits: tuple[str, ...]
    rows: tuple[Row, ...]
    elided: int
    facts: tuple[str, ...]
    hint: str

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            **self._asdict(),
            "labels": {str(task): name for task, name in self.labels.items()},
            "rows": [row._asdict() for row in self.rows],
        }
