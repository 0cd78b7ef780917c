"""What a test runner was told for all its tests: it overrules what a single test says."""

from __future__ import annotations

from typing import Any

__all__ = ("Settings", "settings")


class Settings:
    """Set by the pytest plugin, from its command line.

    Attributes:
        budget: for each test; empty: as the test says.
        replay: an order to run instead of looking for one; empty: none.
        test: the test that runs now, as the test runner's command line names it; empty: none.
    """

    def __init__(self) -> None:
        self.budget = ""
        self.replay = ""
        self.test = ""

    def options(self) -> dict[str, Any]:
        """Give what overrules the options of `explore`."""
        return {"budget": self.budget} if self.budget else {}


settings = Settings()
