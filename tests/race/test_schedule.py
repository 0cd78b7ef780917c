"""Replay strings, and runs that follow them."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce.errors import OptionError
from atonce.race.budget import seconds_of
from atonce.race.schedule import Order, format_order, format_picks, parse_order, parse_picks
from atonce.race.search.replaying import Replaying
from atonce.race.search.strategy import Strategy
from atonce.race.switching import Chosen
from tests.race.hand import Bench


@given(st.lists(st.integers(-30, 30)))
def test_what_is_written_is_read(picks):
    assert parse_picks(format_picks(picks)) == picks


def test_a_string_says_how_often():
    picks = [0] * 6 + [1] * 3 + [2] * 4 + [1] + [0] * 6
    assert format_picks(picks) == "r1:0*6.1*3.2*4.1.0*6"
    assert parse_picks(" r1:0*6.1*3.\n2*4.1.0*6 ") == picks
    assert parse_picks("r1:c2*2.0") == [~2, ~2, 0]
    assert parse_picks("r1:") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no replay string"),
        ("0*6.1", "is no replay string"),
        ("r2:0*6", "of version r2"),
        ("r1:0*6.x.1", "character 8: 'x' is no decision"),
        ("r1:0..1", "character 6: there is a dot too many"),
        ("r1:0*0", "means 0 decisions"),
        ("r1:0*999999999", "means 999999999 decisions"),
        ("r1:-1", "character 4: '-1' is no decision"),
        ("r1:0.1*", "character 6: '1*' is no decision"),
        (7, "not int"),
    ],
)
def test_a_text_that_is_no_replay_string(text, message):
    with pytest.raises(OptionError, match=message.replace("*", r"\*")):
        parse_picks(text)


THIS = "{}.{}".format(*sys.version_info)

opcodes = st.lists(st.integers(1, 10**12 - 1), min_size=1, max_size=5, unique=True).map(lambda counts: tuple(sorted(counts)))


@given(st.lists(st.integers(-30, 30)), st.dictionaries(st.integers(0, 30), opcodes, max_size=4), st.booleans())
def test_what_is_written_with_opcodes_is_read(picks, points, everywhere):
    text = format_order(Order(picks, Chosen(points, everywhere=everywhere)))
    order = parse_order(text)
    assert order.picks == picks
    assert order.switches.points == points
    assert order.switches.everywhere == everywhere


def test_a_string_with_opcodes_says_of_which_python_they_are():
    order = Order([0] * 6 + [1], Chosen({2: (9,), 1: (17, 40)}, everywhere=True))
    assert format_order(order) == f"r1o{THIS}:0*6.1@1.17.40@2.9"
    assert format_order(Order([0, 1], Chosen({0: (3,)}, everywhere=False))) == f"r1u{THIS}:0.1@0.3"
    assert format_order(Order([0, 1])) == "r1:0.1"
    assert parse_order("r1:0*2.1") == Order([0, 0, 1])
    assert parse_order(f"r1o{THIS}:0\n.1 @1.5").switches.points == {1: (5,)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("r1o2.7:0.1@1.5", f"found with Python 2.7, .* Python {THIS} has others"),
        (f"r1o{THIS}:0.1@", "breaks off at '@'"),
        (f"r1o{THIS}:0.1@1", "breaks off at '@1'"),
        (f"r1o{THIS}:0.1@1.x", "breaks off at '@1.x'"),
        (f"r1o{THIS}:0.1@1.5.5", "cannot be followed at '@1.5.5'"),
        (f"r1o{THIS}:0.1@1.0", "cannot be followed at '@1.0'"),
        (f"r1o{THIS}:0.x@1.5", "'x' is no decision"),
        (f"r2o{THIS}:0.1@1.5", "is no replay string"),
        ("r1o:0.1@1.5", "is no replay string"),
        ("r1:0.1@1.5", "'1@1' is no decision"),
        (7, "not int"),
    ],
)
def test_a_text_that_is_no_order(text, message):
    with pytest.raises(OptionError, match=message):
        parse_order(text)


@pytest.mark.parametrize(
    ("budget", "seconds"), [("500ms", 0.5), ("5s", 5), ("2min", 120), (" 1.5 H ", 5400), ("3", 3), (0.25, 0.25), (4, 4)]
)
def test_budgets(budget, seconds):
    assert seconds_of(budget) == seconds


@pytest.mark.parametrize("budget", ["", "5 parsecs", "s", "-1s", "0s", 0, -1, float("inf"), float("nan"), True, None, "1e3s"])
def test_what_is_no_budget(budget):
    with pytest.raises(OptionError, match="budget="):
        seconds_of(budget)


def _counter(program):
    program.box.n = 0

    def add():
        program.write("n", program.read("n") + 1)

    program.together(add, add)
    assert program.box.n == 2


@pytest.fixture
def bench():
    bench = Bench(_counter)
    yield bench
    bench.close()


def test_a_run_follows_its_string(bench):
    picks = [0, 0, 1, 1, 2, 2, 2, 1, 0, 0]
    strategy = Replaying(picks)
    run = bench.attempt(strategy)
    assert run.picks == picks
    assert strategy.diverged == ""
    assert isinstance(run.failure.error, AssertionError)
    again = Replaying(run.picks)
    assert bench.attempt(again).picks == picks


def test_a_string_that_ends_early_goes_on_by_itself(bench):
    strategy = Replaying([0, 0, 2])
    run = bench.attempt(strategy)
    assert run.picks[:3] == [0, 0, 2]
    assert run.failure is None
    assert strategy.diverged == ""


@pytest.mark.parametrize(
    ("picks", "step", "why"),
    [
        ([0, 0, 7], 3, "only tasks 0 to 2 were started"),
        ([0, 0, 1, 1, 1, 1], 6, "task 1 (add) was to go on, but it has ended"),
        ([0, 0, 0], 3, "task 0 (main) was to go on, but it cannot: its next step is to join"),
        ([0, ~1], 2, "callback 1 of an event loop"),
        ([0, 0] + [1] * 3 + [0] + [2] * 3 + [0, 0, 0], 11, "the program has ended"),
    ],
)
def test_a_string_that_does_not_fit_says_where(bench, picks, step, why):
    strategy = Replaying(picks)
    run = bench.attempt(strategy)
    assert strategy.diverged.startswith(f"at step {step} of {len(picks)}: ")
    assert why in strategy.diverged
    assert run.failure is None  # it went on by itself


class _Last(Strategy):
    def choose(self, _run, count):
        return count - 1


def _chooses(program):
    program.chosen = [program.run.choose(count) for count in (3, 1, 2)]
    assert program.chosen == [0, 0, 0]


def test_choices_are_replayed():
    bench = Bench(_chooses)
    run = bench.attempt(_Last())
    assert run.picks == [~2, ~1]
    strategy = Replaying(run.picks)
    assert bench.attempt(strategy).picks == [~2, ~1]
    assert strategy.diverged == ""
    for picks, why in (([0], "task 0 was to go on, but an event loop chooses between 3"), ([~5], "callback 5 was to be called")):
        strategy = Replaying(picks)
        assert bench.attempt(strategy).picks == [~0, ~0]
        assert why in strategy.diverged
    bench.close()


def test_a_string_says_whether_releases_are_steps():
    assert format_order(Order([0, 1], None, strict=True)) == "r1s:0.1"
    assert parse_order("r1s:0.1") == Order([0, 1], None, strict=True)
    assert parse_order("r1:0.1") == Order([0, 1], None, strict=False)
    with pytest.raises(OptionError, match="no decision"):
        parse_order("r1s:x")
