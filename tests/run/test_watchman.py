"""What a watchman takes for a silence, and what for work or for rest, by a clock in the test's hand."""

from types import SimpleNamespace

import pytest

from atonce._policy.silence import LIMITS
from atonce._run import watchman
from atonce._run.watchman import Watchman
from atonce._values.report import Report
from atonce.testing import ManualClock


class Foreigner:
    """A worker of somebody's own, who tells nothing of what he does."""

    name = "foreigner"


class Source:
    def __init__(self) -> None:
        self.taken = 0
        self.shelf: list[int] = []
        self.exhausted = True
        self.stopped = False


class Run:
    """As much of a run as a watchman looks at."""

    def __init__(self) -> None:
        self.ended = 0
        self.source = Source()
        self.account = SimpleNamespace(begun_s=0.0)
        self.report = Report()
        self.job = SimpleNamespace(name="fetch")
        self.closed = False
        self.caller = None

    def present(self) -> list[Foreigner]:
        return [Foreigner()]


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def run():
    return Run()


@pytest.fixture
def said(monkeypatch):
    lines: list[str] = []
    monkeypatch.setattr(watchman, "_write", lines.append)
    return lines


@pytest.fixture
def pass_time(run, clock, said):
    """Let time pass, with a look each second."""
    watching = Watchman(run, clock)

    def passing(seconds):
        for _ in range(seconds):
            clock.advance(1.0)
            if watching._open_run() is not None:
                watching._look(run)
        return len(said)

    return passing


def test_the_first_item_has_a_minute(run, pass_time, said):
    run.source.taken = 2
    assert pass_time(59) == 0
    assert pass_time(1) == 1
    assert said == ["atonce: fetch: nothing has finished yet, after 60 s. In flight: 2 items\n"]
    assert run.report.notices == ["fetch: nothing has finished yet, after 60 s. In flight: 2 items"]


def test_later_half_a_minute_is_long_and_the_wait_before_is_told(run, pass_time, said):
    run.source.taken = 2
    pass_time(2)
    run.ended = 1
    assert pass_time(30) == 0
    assert pass_time(1) == 1
    assert said == ["atonce: fetch: nothing has finished for 30 s (the longest wait before was 3 s). In flight: 1 item\n"]


def test_what_is_usual_is_no_silence(run, pass_time):
    run.source.taken = 100
    for run.ended in range(1, 20):
        assert pass_time(20) == 0
    assert pass_time(180) == 0
    assert pass_time(21) == 1


def test_an_hour_gives_a_handful_of_lines_and_one_notice(run, pass_time, said):
    run.source.taken = 1
    assert pass_time(3600) == 6
    assert run.report.notices == [said[-1].removeprefix("atonce: ").rstrip()]


def test_a_second_silence_has_a_notice_of_its_own(run, pass_time):
    run.source.taken = 2
    pass_time(60)
    run.ended = 1
    pass_time(700)
    assert len(run.report.notices) == 2


def test_with_nothing_under_way_there_is_no_silence_and_it_says_nothing_about_what_is_usual(run, pass_time):
    run.source.taken = run.ended = 1
    pass_time(1000)  # the consumer takes its time
    run.source.taken = 2
    assert pass_time(29) == 0
    assert pass_time(2) == 1


def test_what_waits_on_the_shelf_makes_no_silence(run, pass_time):
    run.source.taken, run.source.shelf = 1, [1]
    assert pass_time(1000) == 0


@pytest.mark.parametrize("ending", ["closed", "stopped"])
def test_a_run_that_is_about_to_end_is_left_alone(run, pass_time, ending):
    run.source.taken = 1
    setattr(run if ending == "closed" else run.source, ending, True)
    assert pass_time(1000) == 0


def test_what_goes_wrong_is_told_and_raised_to_nobody(run, clock, monkeypatch):
    monkeypatch.setattr(run, "present", lambda: 1 / 0)
    watching = Watchman(run, clock)
    watching._nap_s = 0.001
    watching._watch()
    assert run.report.notices == ["InternalError: the watch for silence has failed: ZeroDivisionError: division by zero"]


def test_it_begins_where_the_run_began_unless_items_have_ended(run, clock):
    clock.advance(5.0)
    assert Watchman(run, clock)._silence.lasts_s(clock.now()) == 5.0
    run.ended = 1
    assert Watchman(run, clock)._silence.lasts_s(clock.now()) == 0.0
    assert LIMITS.first_s > 5.0
