"""What a run tells of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._values.plan import Plan
from atonce._values.report import Report

COLUMNS = 80


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(), "the calling thread"),
        (Plan("inline", 1, 1), "the calling thread"),
        (Plan("thread", 1, 1), "1 thread"),
        (Plan("thread", 32, 1), "32 threads"),
        (Plan("process", 1, 1), "1 process"),
        (Plan("process", 2, 1), "2 processes"),
        (Plan("process", 2, 8), "2 processes x 8 in flight"),
        (Plan("async", 1, 100), "1 event loop x 100 in flight"),
        (Plan("async", 2, 1), "2 event loops"),
        (Plan("own", 3, 1), "3 owns"),
    ],
)
def test_a_plan_in_words(plan, words):
    assert str(plan) == words


def test_plans_do_not_share_their_reasons():
    one, other = Plan(), Plan()
    one.reasons.append("because")
    assert other.reasons == []
    assert Report().plan is not Report().plan


def test_a_report_of_threads():
    report = Report("fetch", Plan("thread", 8), items=1200, succeeded=1200, wall_s=1.5, cpu_s=0.25, busy_s=9.0, one_worker_s=9.0)
    report.plan.reasons += ["began in the calling thread, to see what the work is like"]
    assert str(report).splitlines() == [
        "fetch: 1,200 items in 1.5 s -> 8 threads",
        "  speed  6.00x one worker, 250 ms of CPU",
        "  why    began in the calling thread, to see what the work is like",
    ]


def test_a_report_of_processes_in_which_things_went_wrong():
    report = Report(
        "resize",
        Plan("process", 2),
        items=1000,
        succeeded=990,
        failed=3,
        cancelled=7,
        wall_s=0.25,
        cpu_s=0.5,
        busy_s=0.4,
        one_worker_s=0.4,
        workers_lost=1,
        retries=12,
        bytes_moved=3 * 1024 * 1024,
        notices=["one worker ran out of memory"],
    )
    assert str(report).splitlines() == [
        "resize: 1,000 items in 250 ms -> 2 processes  (3 failed, 7 cancelled)",
        "  speed  1.60x one worker, 500 ms of CPU",
        "  again  12 attempts after a failure",
        "  moved  3 MiB between processes",
        "  lost   1 worker",
        "  note   one worker ran out of memory",
    ]


def test_an_empty_report_can_be_shown():
    assert str(Report("work")) == "work: 0 items in 0 s -> the calling thread"


def test_one_of_a_kind_is_singular():
    assert "1 item in" in str(Report("work", items=1))
    assert "2 items in" in str(Report("work", items=2))
    assert str(Report("work", workers_lost=1)).endswith("lost   1 worker")
    assert str(Report("work", workers_lost=2)).endswith("lost   2 workers")
    assert str(Report("work", retries=1)).endswith("again  1 attempt after a failure")


def test_only_what_went_wrong_is_named():
    assert "(" not in str(Report("work", items=1, succeeded=1))
    assert str(Report("work", items=2, failed=1, succeeded=1)).endswith("(1 failed)")
    assert str(Report("work", items=2, cancelled=1, succeeded=1)).endswith("(1 cancelled)")


def test_the_speedup_is_the_time_of_one_worker_over_the_time_it_took():
    assert Report(wall_s=2.0, one_worker_s=6.0).speedup == 3.0
    assert Report(wall_s=2.0, one_worker_s=0.0).speedup == 0.0


@pytest.mark.parametrize("report", [Report(wall_s=2.0), Report(one_worker_s=3.0), Report(wall_s=0.0, one_worker_s=3.0)])
def test_where_nothing_tells_there_is_no_speedup(report):
    assert report.speedup is None
    assert "speed" not in str(report)


def test_work_too_short_to_tell_has_no_line_about_speed():
    assert "speed" not in str(Report("work", items=3, succeeded=3, wall_s=0.002, busy_s=0.001, one_worker_s=0.001))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (0.000_05, "50 µs"),
        (0.012, "12 ms"),
        (0.1234, "123 ms"),
        (1.0, "1 s"),
        (1.234, "1.23 s"),
        (83.0, "83 s"),
    ],
)
def test_a_time_has_three_digits_and_a_unit(seconds, words):
    assert f" in {words} -> " in str(Report("work", wall_s=seconds))


@pytest.mark.parametrize(
    ("moved", "words"),
    [(900, "900 bytes"), (2048, "2 KiB"), (5 << 20, "5 MiB"), (3 << 30, "3 GiB"), (3 << 29, "1.5 GiB")],
)
def test_an_amount_has_three_digits_and_a_unit(moved, words):
    assert f"moved  {words} between processes" in str(Report("work", bytes_moved=moved))


@given(st.floats(0.0, 1e6))
def test_no_time_is_written_with_an_exponent(seconds):
    assert "e+" not in str(Report("work", wall_s=seconds))


@given(st.integers(0, 1 << 50))
def test_no_amount_is_written_with_an_exponent(moved):
    assert "e+" not in str(Report("work", bytes_moved=moved))


@pytest.mark.parametrize(
    "reason",
    [
        "began in the calling thread, to see what the work is like",
        "began in one thread, to see what the work is like",
        "engine='process' was asked for",
        "it is a coroutine function, so it runs on an event loop",
    ],
)
def test_an_ordinary_report_fits_a_terminal(reason):
    report = Report("download_images", Plan("process", 16, 1, [reason]), items=100_000, succeeded=99_988, failed=12)
    report.wall_s = report.cpu_s = report.busy_s = report.one_worker_s = 123.456
    report.bytes_moved, report.workers_lost, report.retries = 123_456_789, 12, 100_000
    assert max(map(len, str(report).splitlines())) <= COLUMNS


@given(st.builds(Report, name=st.just("work"), items=st.integers(0, 10**12), failed=st.integers(0, 99), wall_s=st.floats(0, 1e9)))
def test_any_report_can_be_shown(report):
    assert str(report).startswith("work: ")


def decided():
    plan = Plan("process", 2, hired_s=0.018, verified_s=0.061, gain=1.94, safe="pickles; no state changed around the items watched")
    plan.reasons += ["began in the calling thread, to see what the work is like", "it computes and holds the GIL (86 µs an item)"]
    plan.ruled_out["thread"] = "the GIL is held"
    plan.flips += ["below 3 µs an item inline wins", "without a GIL threads would"]
    return plan


def test_a_choice_with_its_evidence():
    report = Report("burn", decided(), items=7000, succeeded=7000, wall_s=0.35, cpu_s=0.6, busy_s=0.622, one_worker_s=0.622)
    assert str(report).splitlines() == [
        "burn: 7,000 items in 350 ms -> 2 processes        hired at 18 ms, verified at 61 ms: 1.9x one worker",
        "  speed  1.78x one worker, 600 ms of CPU",
        "  why    it computes and holds the GIL (86 µs an item)",
        "  not    threads: the GIL is held   ·   inline: 272 ms slower",
        "  flips  below 3 µs an item inline wins   ·   without a GIL threads would",
        "  safe   pickles; no state changed around the items watched",
    ]


@given(st.integers(0, 8), st.integers(0, 8), st.booleans())
def test_a_report_has_ten_lines_at_most(reasons, notices, much):
    report = Report("burn", decided(), items=7, wall_s=1.0, busy_s=2.0, one_worker_s=2.0)
    report.plan.reasons += [f"reason {number}" for number in range(reasons)]
    report.notices += [f"notice {number}" for number in range(notices)]
    if much:
        report.retries = report.workers_lost = report.bytes_moved = 5
    lines = str(report).splitlines()
    assert len(lines) <= 10
    assert not reasons or f"  why    reason {reasons - 1}" in lines
    assert any("note" in line for line in lines) == bool(notices)
    assert not much or "5 bytes" in str(report)


def test_what_is_not_shown_is_counted():
    report = Report("work", notices=[f"notice {number}" for number in range(30)])
    assert str(report).endswith("note   22 more: see .notices")
