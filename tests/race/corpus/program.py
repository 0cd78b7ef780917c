"""What a program of the corpus is: the same few threads, once with a bug and once without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import Any, Literal

__all__ = ("Program", "together")


@dataclass(frozen=True)
class Program:
    """One row of the corpus, or a part of one.

    Attributes:
        name: unique.
        row: in the table of the design.
        depth: how many events must come in a certain order for the bug to show.
        buggy: the program with the bug. Most orders end well.
        fixed: the same, put right: every order ends well.
        buggy_must: what the checker has to say of the first. ``"found or not found"``: it may find nothing, but not prove.
        fixed_must: what it has to say of the second. ``"clear"``: no failure; ``"not proved"``: no failure, and no proof either.
    """

    name: str
    row: int
    depth: int
    buggy: Callable[[], Any]
    fixed: Callable[[], Any]
    buggy_must: Literal["fail", "deadlock", "found or not found"] = "fail"
    fixed_must: Literal["proved", "clear", "not proved"] = "proved"

    def __str__(self) -> str:
        return self.name


def together(*targets: Callable[[], object]) -> None:
    """Run each in a thread of its own, all at the same time, until all have ended."""
    threads = [Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
