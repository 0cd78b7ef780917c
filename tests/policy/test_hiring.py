"""Which kind of worker is hired for what has been seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._policy.hiring import Decision, Seen, decide, settled

ENGINES = ("inline", "thread", "process")


def seen(**facts):
    """Describe work that computes, of which much is left, with two CPUs and a GIL; but for these facts."""
    usual = dict(wall_s=0.05, cpu_s=0.05, done=100, remaining=100_000, cpus=2, gil=True, shares="", stays="")
    return Seen(**{**usual, **facts})


situations = st.builds(
    Seen,
    wall_s=st.floats(0.0, 1e4),
    cpu_s=st.floats(0.0, 1e4),
    done=st.integers(0, 10**9),
    remaining=st.none() | st.integers(0, 10**9),
    cpus=st.integers(1, 256),
    gil=st.booleans(),
    shares=st.sampled_from(["", "it calls seen.append"]),
    stays=st.sampled_from(["", "it has to stay in this process: a lock"]),
)


@pytest.mark.parametrize(
    ("facts", "engine"),
    [
        ({}, "process"),
        ({"cpus": 64}, "process"),
        ({"remaining": None}, "process"),
        ({"done": 0, "remaining": 3}, "process"),
        ({"cpu_s": 0.001}, "thread"),
        ({"cpu_s": 0.024}, "thread"),
        ({"cpu_s": 0.026}, "process"),
        ({"cpu_s": 0.001, "cpus": 1}, "thread"),
        ({"cpu_s": 0.001, "remaining": 1}, "thread"),
        ({"cpu_s": 0.001, "stays": "it closes over a lock"}, "thread"),
        ({"cpu_s": 0.001, "shares": "it calls seen.append"}, "inline"),
        ({"gil": False}, "thread"),
        ({"gil": False, "stays": "it closes over a lock"}, "thread"),
        ({"gil": False, "shares": "it calls seen.append"}, "inline"),
        ({"remaining": 0}, "inline"),
        ({"remaining": 0, "cpu_s": 0.001}, "inline"),
        ({"shares": "it assigns the global 'total'"}, "inline"),
        ({"stays": "it closes over a lock"}, "inline"),
        ({"cpus": 1}, "inline"),
        ({"remaining": 1}, "inline"),  # half a millisecond of work
        ({"done": 100, "remaining": 399}, "inline"),  # just less than 0.2 s of work
        ({"done": 100, "remaining": 401}, "process"),  # just more
        ({"wall_s": 0.0, "cpu_s": 0.0}, "inline"),  # so cheap that it could not be measured
    ],
    ids=str,
)
def test_the_table(facts, engine):
    assert decide(seen(**facts)).engine == engine


@given(situations)
def test_there_is_always_an_engine_and_a_reason(situation):
    decision = decide(situation)
    assert isinstance(decision, Decision)
    assert decision.engine in ENGINES
    assert decision.reason.strip()
    assert "\n" not in decision.reason


@given(situations)
def test_what_shares_state_stays_in_order_in_the_caller(situation):
    decision = decide(situation._replace(shares="it calls seen.append"))
    assert decision.engine == "inline"


@given(situations.filter(lambda situation: situation.remaining != 0))
def test_the_reason_names_what_is_shared_and_how_to_overrule(situation):
    reason = decide(situation._replace(shares="it calls seen.append")).reason
    assert "it calls seen.append" in reason
    assert "engine=" in reason


@given(situations)
def test_a_single_cpu_never_gets_processes(situation):
    assert decide(situation._replace(cpus=1)).engine != "process"


@given(situations)
def test_without_a_gil_nothing_goes_to_processes(situation):
    assert decide(situation._replace(gil=False)).engine != "process"


@given(situations)
def test_what_cannot_leave_the_process_does_not(situation):
    assert decide(situation._replace(stays="it closes over a lock")).engine != "process"


@given(situations)
def test_nobody_is_hired_when_nothing_is_left(situation):
    assert decide(situation._replace(remaining=0)).engine == "inline"


@given(situations)
def test_the_same_facts_bring_the_same_decision(situation):
    assert decide(situation) == decide(situation)


def test_the_reason_tells_what_was_seen():
    reason = decide(seen(done=12_345, wall_s=0.05, cpu_s=0.045)).reason
    assert reason == "12,345 items in 50 ms at 90% CPU: it computes, so 2 processes do it"


def test_the_reason_counts_one_item_as_one():
    assert decide(seen(done=1)).reason.startswith("1 item in 50 ms")


def test_the_reason_for_staying_is_the_one_that_was_given():
    assert "it closes over a lock" in decide(seen(stays="it closes over a lock")).reason


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("timeout", [False, True])
def test_a_limit_of_memory_needs_a_process(is_async, timeout):
    choice = settled(is_async=is_async, timeout=timeout, memory=True)
    assert choice.engine == "process"
    assert "memory=" in choice.reason


@pytest.mark.parametrize(("is_async", "engine"), [(False, "process"), (True, "async")])
def test_a_timeout_needs_workers_that_can_be_stopped(is_async, engine):
    assert settled(is_async=is_async, timeout=True, memory=False).engine == engine


def test_without_a_limit_only_coroutines_are_settled():
    assert settled(is_async=False, timeout=False, memory=False) is None
    assert settled(is_async=True, timeout=False, memory=False).engine == "async"
