"""What a search has found, and how far it may be trusted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from typing import Any, Literal

from atonce.errors import DeadlockFound, OptionError, RaceError, RaceFound
from atonce.race.alike import without_ours
from atonce.race.settings import settings
from atonce.race.telling.page import page
from atonce.race.telling.story import Story

__all__ = ("Report", "Verdict")

Verdict = Literal["failed", "proved", "not found"]

_NARROWEST = 80
_INDENT = 8  # of a message that a test runner shows


class Report:
    """What `race.explore` returns. ``print(report)`` tells it.

    Attributes:
        verdict: ``"failed"``: an order was run in which the function fails. ``"proved"``: every order that could make a difference
            was run to its end, and none failed. ``"not found"``: none was found, which proves nothing; never taken for a pass.
        replay: the failing order as a text, for `race.replay`; empty if there is none.
        schedules: how many orders were run.
        seconds: how long that took.
        eye: how accesses to shared state were seen.
        error: the exception that the failing order raised, if it did.
        failure: ``"exception"``, ``"deadlock"``, ``"livelock"`` or ``"left alive"``; empty if nothing failed.
        switches: how often the failing order leaves a task that could go on, or goes back to it.
        minimal: all orders with fewer switches were run.
        doubts: why nothing can be proved, in words; empty if it could be.
        seed: of the search.
        function: the name of the function.
        target: the function as the command ``atonce race`` takes it, like ``tests/bank.py::test_bank``; empty if it cannot.
        parts: the options of `explore` that it was made of instead, as Python writes them; empty if it was given a function.
        include: the modules that were asked to be looked into; empty: the default.
        test: the test that was running, as pytest's command line names it; empty if none was.
        steps: how many steps the longest run had.
        story: what the failing order shows.
    """

    def __init__(
        self,
        verdict: Verdict,
        *,
        function: str,
        schedules: int,
        seconds: float,
        steps: int = 0,
        eye: str = "",
        seed: int = 0,
        replay: str = "",
        error: BaseException | None = None,
        failure: str = "",
        switches: int = 0,
        minimal: bool = False,
        doubts: tuple[str, ...] = (),
        target: str = "",
        parts: str = "",
        include: Sequence[str] = (),
        story: Story | None = None,
    ) -> None:
        self.verdict = verdict
        self.replay = replay
        self.schedules = schedules
        self.seconds = seconds
        self.eye = eye
        self.error = None if error is None else without_ours(error)
        self.failure = failure
        self.switches = switches
        self.minimal = minimal
        self.doubts = doubts
        self.seed = seed
        self.function = function
        self.target = target
        self.parts = parts
        self.include = tuple(include)
        self.test = settings.test
        self.steps = steps
        self.story = story

    def assert_ok(self, require: Literal["proved", "not found"] = "proved") -> None:
        """Raise if the function failed, or if less is known than required.

        Args:
            require: ``"proved"``, or ``"not found"`` for programs that cannot be proved: too many orders, or timeouts.

        Raises:
            OptionError: `require` is neither.
            RaceFound: an order fails. The exception that it raised is the cause.
            DeadlockFound: an order ends with nobody who can go on.
            RaceError: nothing was found, and a proof was required.
        """
        __tracebackhide__ = True
        if require not in ("proved", "not found"):
            raise OptionError(f'require={require!r} is neither "proved" nor "not found"')
        if self.verdict == "failed":
            found = RaceFound if self.failure == "exception" else DeadlockFound
            raise self._with(found(self._in_a_traceback())) from self.error
        if require == "proved" and self.verdict != "proved":
            raise self._with(RaceError(self._in_a_traceback()))

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as what JSON knows."""
        error = None if self.error is None else {"type": type(self.error).__name__, "message": str(self.error)}
        story = None if self.story is None else self.story.as_dict()
        plain = {name: value for name, value in vars(self).items() if name not in ("error", "story")}
        return {**plain, "doubts": list(self.doubts), "include": list(self.include), "error": error, "story": story}

    def to_json(self) -> str:
        """Return all of it as JSON, on one line."""
        return json.dumps(self.as_dict(), ensure_ascii=False)

    def text(self, width: int) -> str:
        """Return what ``print(report)`` shows, for a terminal of that many characters."""
        return page(self, max(width, _NARROWEST))

    def __str__(self) -> str:
        return self.text(shutil.get_terminal_size().columns)

    def __repr__(self) -> str:
        return f"<Report {self.function}: {self.verdict} after {self.schedules} schedules>"

    def _in_a_traceback(self) -> str:
        return self.text(shutil.get_terminal_size().columns - _INDENT)

    def _with(self, error: RaceError) -> RaceError:
        error.report = self
        return error
