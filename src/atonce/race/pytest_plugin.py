"""The pytest plugin: a fixture ``race``, and two options that hold for it and for tests decorated with ``race.check``.

pytest loads this module at every start, also where nobody looks for a race: what it needs is imported when a test asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from atonce.race.settings import settings

TYPE_CHECKING = False  # as typing.TYPE_CHECKING

if TYPE_CHECKING:
    from atonce.race.report import Report

__all__ = ("pytest_addoption", "pytest_configure", "pytest_runtest_setup", "pytest_runtest_teardown", "pytest_unconfigure", "race")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("atonce.race", "looking for races")
    group.addoption("--race-budget", metavar="TIME", help="time for each search, like 500ms, 30s or 2min, whatever the test says")
    group.addoption(
        "--race-replay", metavar="R1:...", default="", help="run only this order, from a report; select the one test that it is of"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Take over what the options say."""
    budget, replay = config.getoption("--race-budget"), config.getoption("--race-replay")
    if budget is not None or replay:
        _check(budget, replay)
    settings.budget, settings.replay = budget or "", replay


def pytest_unconfigure() -> None:
    """Forget it."""
    settings.budget = settings.replay = ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Know which test a report is for."""
    settings.test = item.nodeid


def pytest_runtest_teardown() -> None:
    """Forget it."""
    settings.test = ""


@pytest.fixture(name="race")
def race() -> Callable[..., Report | None]:
    """Look for an order in which a function fails, and fail the test if there is one.

    ``race(fn, **options)`` takes the options of `atonce.race.explore`; and ``require="not found"`` for programs of which more
    cannot be known, as `atonce.race.check` does.

    Example:
        def test_bank(race):
            race(deposit_from_two_threads, budget="2s")
    """
    return _race


def _race(fn: Callable[..., object], *, require: Any = "proved", **options: Any) -> Report | None:
    __tracebackhide__ = True
    from atonce.race.checking import explore, replay  # noqa: PLC0415 (see above)

    if settings.replay:
        replay(fn, settings.replay, include=options.get("include"))
        return None
    report = explore(fn, **{**options, **settings.options()})
    report.assert_ok(require=require)
    return report


def _check(budget: str | None, replay: str) -> None:
    """Refuse at once what every test would refuse."""
    from atonce.errors import OptionError  # noqa: PLC0415
    from atonce.race.budget import seconds_of  # noqa: PLC0415
    from atonce.race.schedule import parse_order  # noqa: PLC0415

    try:
        if budget is not None:
            seconds_of(budget)
        if replay:
            parse_order(replay)
    except OptionError as error:
        raise pytest.UsageError(str(error)) from None
