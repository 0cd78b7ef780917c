"""``retries=`` takes a policy of tenacity's: it decides, with a state as it would have there, and the waiting is ours."""

import logging
import math
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import stamina
import tenacity
from tenacity import AsyncRetrying, Retrying

import atonce
from atonce import OptionError

from .failing import Fails, FailsOnLoop

ENGINES = ["inline", "thread", "process", "auto"]


def ways():
    each = [pytest.param(Fails, {"engine": engine}, id=engine) for engine in ENGINES]
    loops = [
        pytest.param(FailsOnLoop, {"engine": "async"}, id="loop"),
        pytest.param(FailsOnLoop, {"engine": "process", "max_workers": 2}, id="loops in processes"),
        pytest.param(Fails, {"engine": "process", "max_workers": 2, "concurrency": 6}, id="threads in processes"),
    ]
    return pytest.mark.parametrize(("kind", "options"), each + loops)


@pytest.mark.parametrize("policy", [Retrying, AsyncRetrying])
@ways()
def test_it_says_how_often(kind, options, policy, evidence):
    results = atonce.map(kind(evidence, 2), range(12), retries=policy(stop=tenacity.stop_after_attempt(3), reraise=True), **options)
    assert results == list(range(12))
    assert sorted(map(int, evidence.lines())) == sorted([*range(12)] * 3)
    assert (results.report.retries, results.report.succeeded, results.report.failed) == (24, 12, 0)


@ways()
def test_the_last_failure_is_the_items_own(kind, options, evidence):
    policy = Retrying(stop=tenacity.stop_after_attempt(2), wait=tenacity.wait_random(0, 0.01))
    results = atonce.map(kind(evidence, 9), range(6), retries=policy, errors="return", **options)
    assert [(failure.index, failure.attempts, str(failure.error)) for failure in results] == [
        (number, 2, f"not yet, {number}") for number in range(6)
    ]


@ways()
def test_it_says_of_what(kind, options, evidence):
    policy = Retrying(stop=tenacity.stop_after_attempt(3), retry=tenacity.retry_if_exception_type(KeyError))
    results = atonce.map(kind(evidence, 1), range(4), retries=policy, errors="return", **options)
    assert [failure.attempts for failure in results] == [1, 1, 1, 1]


@ways()
def test_a_stream_keeps_the_order(kind, options, evidence):
    policy = Retrying(stop=tenacity.stop_after_attempt(2), wait=tenacity.wait_exponential(0.001) + tenacity.wait_random(0, 0.01))
    assert list(atonce.stream(kind(evidence, 1), range(12), retries=policy, **options)) == list(range(12))


@pytest.mark.parametrize(
    ("retry", "attempts"),
    [
        (tenacity.retry_if_exception_type(OSError) & tenacity.retry_if_exception_message(match="not yet"), 3),
        (tenacity.retry_if_exception_type(OSError) & tenacity.retry_if_exception_message("never"), 1),
        (tenacity.retry_if_exception_type(KeyError) | tenacity.retry_if_exception(lambda error: "yet" in str(error)), 3),
        (tenacity.retry_if_not_exception_type(OSError), 1),
        (tenacity.retry_if_exception_cause_type(OSError), 1),
        (tenacity.retry_never, 1),
        (lambda state: isinstance(state.outcome.exception(), OSError), 3),
    ],
)
def test_conditions_may_be_put_together(retry, attempts, evidence):
    policy = Retrying(stop=tenacity.stop_after_attempt(3) | tenacity.stop_after_delay(1000), retry=retry)
    (failure,) = atonce.map(Fails(evidence, 9), [1], retries=policy, errors="return", engine="thread")
    assert failure.attempts == attempts


def test_try_again_is_always_tried_again(evidence):
    policy = Retrying(stop=tenacity.stop_after_attempt(3), retry=tenacity.retry_never)
    assert atonce.map(Fails(evidence, 2, tenacity.TryAgain), [1, 2], retries=policy, engine="process") == [1, 2]


def test_the_state_is_as_it_would_be_there(evidence):
    """What a policy is shown, attempt by attempt: the same as in a loop of tenacity's own."""
    shown = []

    def looks(state):
        error = state.outcome.exception()
        shown.append((state.attempt_number, state.fn, state.args, state.kwargs, state.idle_for, str(error), state.outcome.failed))
        assert state.outcome.attempt_number == state.attempt_number
        assert state.seconds_since_start >= state.idle_for
        return True

    fn = Fails(evidence, 3)
    waits = tenacity.wait_chain(tenacity.wait_fixed(0.01), tenacity.wait_fixed(0.02), tenacity.wait_fixed(0.04))
    retries = Retrying(retry=looks, wait=waits, stop=tenacity.stop_after_attempt(9))
    assert atonce.map(fn, [7], retries=retries, engine="thread") == [7]
    assert [facts[:4] for facts in shown] == [(1, fn, (7,), {}), (2, fn, (7,), {}), (3, fn, (7,), {})]
    assert [facts[4] for facts in shown] == pytest.approx([0, 0.01, 0.03])
    assert {facts[5:] for facts in shown} == {("not yet, 7", True)}


def test_several_arguments_are_shown_as_they_were_given():
    shown = []

    def add(one, other):
        if not shown:
            raise OSError
        return one + other

    def looks(state):
        shown.append(state.args)
        return True

    assert atonce.map(add, [1], [2], retries=Retrying(retry=looks), engine="thread") == [3]
    assert shown == [(1, 2)]


@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
def test_the_time_is_counted_from_the_beginning_of_the_first_attempt(engine):
    """The first attempt alone takes longer than there is time: there is no second one."""

    def slow(number):
        time.sleep(0.2)
        raise OSError

    policy = Retrying(stop=tenacity.stop_after_delay(0.2))
    results = atonce.map(slow, range(2), retries=policy, errors="return", engine=engine)
    assert [failure.attempts for failure in results] == [1, 1]


def test_who_would_be_too_late_does_not_wait(evidence):
    policy = Retrying(stop=tenacity.stop_before_delay(500), wait=tenacity.wait_fixed(1000))
    (failure,) = atonce.map(Fails(evidence, 9), [1], retries=policy, errors="return", engine="thread")
    assert failure.attempts == 1


def test_nobody_waits_for_an_item_that_waits(evidence):
    class Patient:
        def __call__(self, number):
            evidence.note(number)
            if number == 0 and evidence.lines().count("0") == 1:
                raise OSError("later")
            return number

    policy = Retrying(wait=tenacity.wait_fixed(0.5))
    stream = atonce.stream(Patient(), range(40), engine="thread", max_workers=1, ordered=False, retries=policy)
    assert list(stream) == [*range(1, 40), 0]


def test_whoever_wants_to_be_told_of_waits_is(evidence, caplog):
    log = tenacity.before_sleep_log(logging.getLogger("patience"), logging.WARNING)
    policy = Retrying(wait=tenacity.wait_fixed(0.25), before_sleep=log)
    with caplog.at_level(logging.WARNING):
        assert atonce.map(Fails(evidence, 1), [3], retries=policy, engine="thread") == [3]
    (record,) = caplog.records
    assert "in 0.25 seconds as it raised OSError: not yet, 3" in record.getMessage()


def test_a_dead_service_is_not_hammered(evidence):
    results = atonce.map(Fails(evidence, 99), range(300), retries=Retrying(), errors="return", engine="thread")
    assert results.report.failed == 300
    assert len(evidence.lines()) == 400


def kills(number, evidence, times):
    evidence.note(number)
    if number == 3 and evidence.lines().count("3") <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("times", [1, 9])
def test_the_death_of_a_worker_is_an_attempt_and_a_second_one_the_last(times, evidence):
    options = {"engine": "process", "max_workers": 1, "errors": "return"}
    policy = Retrying(stop=tenacity.stop_after_attempt(9))
    results = atonce.map(kills, range(6), [evidence] * 6, [times] * 6, retries=policy, **options)
    assert evidence.lines().count("3") == 2
    if times == 1:
        assert results == list(range(6))
    else:
        assert isinstance(results[3].error, atonce.WorkerCrashed)


@pytest.mark.parametrize("part", ["retry", "wait", "stop", "before_sleep"])
@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
def test_what_a_policy_raises_ends_the_item_and_is_told(part, engine, evidence):
    def breaks(_state):
        raise ZeroDivisionError("odd")

    results = atonce.map(Fails(evidence, 1), range(3), retries=Retrying(**{part: breaks}), errors="return", engine=engine)
    assert [type(failure.error) for failure in results] == [OSError] * 3
    assert all(any("ZeroDivisionError: odd" in note for note in failure.error.__notes__) for failure in results)


@pytest.mark.parametrize("wait_s", [-1, math.nan, "soon", None])
def test_a_wait_that_is_none_ends_the_item(wait_s, evidence):
    policy = Retrying(wait=lambda _state: wait_s)
    (failure,) = atonce.map(Fails(evidence, 1), [1], retries=policy, errors="return", engine="thread")
    assert failure.attempts == 1
    assert any(note.startswith("not started again: ") for note in failure.error.__notes__)


@pytest.mark.parametrize("wait_s", [math.inf, 1e300, sys.maxsize / 2])
@ways()
def test_waiting_ends_with_the_deadline(kind, options, wait_s, evidence):
    with pytest.raises(atonce.DeadlineExceeded):
        atonce.map(kind(evidence, 1), range(3), retries=Retrying(wait=lambda _: wait_s), deadline=0.3, **options)


def test_an_item_may_ask_for_time_beside(evidence):
    fn = Fails(evidence, 1, lambda _text: atonce.RetryAfter(0.01))
    assert atonce.map(fn, range(3), retries=Retrying(stop=tenacity.stop_after_attempt(1)), engine="thread") == [0, 1, 2]


def test_a_policy_that_is_switched_off_is(evidence):
    (failure,) = atonce.map(Fails(evidence, 1), [1], retries=Retrying(enabled=False), errors="return", engine="thread")
    assert failure.attempts == 1


def test_a_pool_takes_one_and_a_decorated_function_has_one(evidence):
    @tenacity.retry(stop=tenacity.stop_after_attempt(2))
    def decorated():
        """Has a policy."""

    with atonce.Pool(engine="thread", retries=decorated.retry) as pool:
        assert pool.map(Fails(evidence, 1), range(3)) == [0, 1, 2]


@ways()
def test_a_submitted_call_is_decided_on_too(kind, options, evidence):
    shown = []

    def looks(state):
        shown.append((state.args, state.kwargs, state.attempt_number, state.seconds_since_start >= state.idle_for))
        return True

    policy = Retrying(retry=looks, stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_fixed(0.01))
    with atonce.Pool(retries=policy, **options) as pool:
        fn = kind(evidence, 2)
        assert pool.submit(fn, number=5).result(60) == 5
        assert isinstance(pool.submit(kind(evidence, 9), 6).exception(60), OSError)
    if options["engine"] != "inline":
        assert shown[:2] == [((), {"number": 5}, 1, True), ((), {"number": 5}, 2, True)]
    assert shown[2:] == [((6,), {}, 1, True), ((6,), {}, 2, True), ((6,), {}, 3, True)]


async def test_from_a_running_loop(evidence):
    policy = AsyncRetrying(stop=tenacity.stop_after_attempt(3))
    assert await atonce.amap(FailsOnLoop(evidence, 2), range(8), retries=policy) == list(range(8))


def test_one_decides_at_a_time(evidence):
    """A policy may keep notes without a lock."""
    deciding, overlaps = threading.Lock(), []

    def looks(_state):
        overlaps.append(not deciding.acquire(blocking=False))
        time.sleep(0.001)
        deciding.release()
        return True

    atonce.map(Fails(evidence, 1), range(30), retries=Retrying(retry=looks), engine="thread", max_workers=8)
    assert not any(overlaps)
    assert len(overlaps) == 30


# ---- what is refused ------------------------------------------------------------------------------------------------------------


async def asks_for_a_loop(_state):
    return True


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"sleep": lambda _s: None}, "atonce waits by itself"),
        ({"sleep": tenacity.sleep_using_event(threading.Event())}, "atonce waits by itself"),
        ({"before": print}, "started by workers"),
        ({"after": print}, "before_sleep"),
        ({"retry_error_callback": print}, "its own exception"),
        ({"retry_error_cls": type("Mine", (tenacity.RetryError,), {})}, "its own exception"),
        ({"retry": tenacity.retry_if_result(bool)}, "returned a value"),
        ({"retry": tenacity.retry_if_not_result(bool)}, "returned a value"),
        ({"retry": tenacity.retry_always}, "returned a value"),
        ({"retry": tenacity.retry_unless_exception_type(OSError)}, "returned a value"),
        ({"retry": tenacity.retry_if_not_exception_message("x")}, "returned a value"),
        ({"retry": tenacity.retry_if_exception_type(OSError) | tenacity.retry_if_result(bool)}, "returned a value"),
        ({"retry": asks_for_a_loop}, "event loop"),
        ({"stop": asks_for_a_loop}, "event loop"),
        ({"wait": asks_for_a_loop}, "event loop"),
        ({"wait": tenacity.wait_fixed(1) + tenacity.wait_combine(asks_for_a_loop)}, "event loop"),
        ({"before_sleep": asks_for_a_loop}, "event loop"),
        ({"retry": tenacity.asyncio.retry_if_exception(asks_for_a_loop)}, "event loop"),
    ],
    ids=str,
)
@pytest.mark.parametrize("policy", [Retrying, AsyncRetrying])
def test_what_would_be_left_out_is_refused(policy, parts, reason):
    with pytest.raises(OptionError, match=reason) as caught:
        atonce.map(abs, [1], retries=policy(**parts))
    assert next(iter(parts)) in str(caught.value)


@pytest.mark.parametrize(
    "parts",
    [
        {"sleep": tenacity.nap.sleep},
        {"before": tenacity.before_nothing, "after": tenacity.after_nothing},
        {"retry_error_cls": tenacity.RetryError, "retry_error_callback": None},
        {"name": "mine", "reraise": True},
    ],
    ids=str,
)
def test_what_says_nothing_new_is_not(parts, evidence):
    assert atonce.map(Fails(evidence, 1), [1], retries=Retrying(**parts), engine="thread") == [1]


class Mine(Retrying):
    """Somebody's own."""

    def __init__(self, **parts):
        super().__init__(stop=tenacity.stop_after_attempt(2), **parts)


def test_a_class_of_ones_own_is_looked_at_too(evidence):
    assert atonce.map(Fails(evidence, 1), [1], retries=Mine(), engine="thread") == [1]
    with pytest.raises(OptionError, match="atonce waits by itself"):
        atonce.map(abs, [1], retries=Mine(sleep=print))


@pytest.mark.parametrize(
    "part", [tenacity.stop_after_attempt(3), tenacity.wait_fixed(1), Retrying, tenacity.retry(stop=tenacity.stop_never)], ids=str
)
def test_a_part_is_not_a_policy(part):
    with pytest.raises(OptionError, match=r"the whole policy, tenacity\.Retrying"):
        atonce.map(abs, [1], retries=part)


@pytest.mark.parametrize(
    "policy",
    [
        stamina.RetryingCaller(attempts=3),
        stamina.AsyncRetryingCaller(attempts=3),
        stamina.RetryingCaller().on(OSError),
        stamina.retry_context(on=OSError, attempts=3),
        stamina.retry(on=OSError),
    ],
    ids=lambda policy: type(policy).__name__,
)
def test_stamina_is_told_what_to_write(policy):
    with pytest.raises(OptionError, match=r"stamina keeps its policy to itself(.|\n)*atonce\.Retry\(times"):
        atonce.map(abs, [1], retries=policy)


def test_nobody_imports_tenacity():
    script = (
        "import sys, atonce\n"
        "atonce.map(abs, range(3), retries=atonce.Retry(1))\n"
        "try: atonce.map(abs, range(3), retries=object())\n"
        "except atonce.OptionError: pass\n"
        "assert 'tenacity' not in sys.modules and 'stamina' not in sys.modules\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
