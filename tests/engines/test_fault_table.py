"""The fault table of process workers: whatever goes wrong, at whatever moment, costs one item; the others have their results.

Each cell of the table is a moment by a failure. What must come of it stands in ``TABLE``, or why there is no such cell. Ctrl-C and
the parent's own end are rows of another kind, since no item is to blame: ``test_process_ends.py``.
"""

import functools
import os
import signal
import time
from typing import Any, NamedTuple

import pytest
from tests.engines.faults import (
    BAD,
    FAILURES,
    ITEMS,
    LAST_WORDS,
    MOMENTS,
    FunctionTrap,
    HoldsLock,
    NeedsTwo,
    Trap,
    Trouble,
    answer_halfway,
    binary,
    bytearray_of,
    ends_with,
    give_back,
    hold_for_long,
    hold_the_gil,
    make,
    measure,
    note_and,
    note_and_die,
    note_time_and_hang,
    numbers,
    pid_of,
    raise_then,
    shout,
    text,
)

import atonce
from atonce._policy.supervision import AFTER_KILLS
from atonce._workers.process.deaths import OutOfMemory, in_words
from atonce.testing import wait_until

PROCESS = {"engine": "process", "max_workers": 2, "errors": "return"}
LIMIT_S = 0.3
MEMORY = {"memory": "200 MiB"}
LATE = {"timeout": LIMIT_S}


# ---- the table ------------------------------------------------------------------------------------------------------------------


class Comes(NamedTuple):
    """What must come of a cell: the item's own error, and part of its text; no error at all for ``None``."""

    error: Any
    words: str = ""
    attempts: int = 1


OURS = "it would end the caller's own process"
ENDED = "the worker process was ended by "
DEATHS = {
    "os._exit(0)": Comes(atonce.WorkerCrashed, "the worker process ended with exit status 0"),
    "SIGSEGV": Comes(atonce.WorkerCrashed, ENDED + "SIGSEGV (it touched memory that is not its own)"),
    "a real segfault": Comes(atonce.WorkerCrashed, ENDED + "SIGSEGV (it touched memory that is not its own)"),
    "SIGKILL": Comes(atonce.WorkerCrashed, ENDED + "SIGKILL (somebody killed it)"),
    "a hang": Comes(atonce.TaskTimeout, f"it took longer than its timeout of {LIMIT_S:g} s"),
}
RAISED = {
    "an exception": Comes(Trouble, "bad item"),
    "an exception that does not pickle": Comes(atonce.RemoteError, "HoldsLock: it holds a lock"),
    "an exception that does not rebuild": Comes(atonce.RemoteError, "NeedsTwo: one and two"),
    "sys.exit": Comes(SystemExit, "5"),
    "memory": Comes(MemoryError),
    "recursion": Comes(RecursionError, "maximum recursion depth"),
}
REFUSED = {
    "an exception": Comes(atonce.PicklingFailed, "Trouble: bad item"),
    "an exception that does not pickle": Comes(atonce.PicklingFailed, "HoldsLock: it holds a lock"),
    "an exception that does not rebuild": Comes(atonce.PicklingFailed, "NeedsTwo: one and two"),
    "sys.exit": Comes(atonce.PicklingFailed, "SystemExit: 5"),
    "recursion": Comes(atonce.PicklingFailed, "recursion"),
}
DEATHS_OF_OURS = dict.fromkeys(DEATHS, OURS)
SEE_SENDING = "that is the moment of sending: see the tests of full pipes below"

TABLE = {
    "pickling the item": {
        **{failure: Comes(*comes[:2], attempts=0) for failure, comes in REFUSED.items()},
        **DEATHS_OF_OURS,
        "memory": "memory= limits workers, not the caller",
        "a full pipe": SEE_SENDING,
    },
    "unpickling in the worker": {**RAISED, **DEATHS, "a full pipe": Comes(None)},
    "running": {**RAISED, **DEATHS, "a full pipe": Comes(None)},
    "pickling the result": {**REFUSED, **DEATHS, "memory": Comes(MemoryError), "a full pipe": Comes(None)},
    "unpickling in the parent": {
        **{failure: comes for failure, comes in RAISED.items() if "that does not" not in failure},
        "an exception that does not pickle": Comes(HoldsLock, "it holds a lock"),  # it is at home, and has nowhere to go
        "an exception that does not rebuild": Comes(NeedsTwo, "one and two"),
        **DEATHS_OF_OURS,
        "memory": "memory= limits workers, not the caller",
        "a full pipe": SEE_SENDING,
    },
}


def cells():
    for moment, row in TABLE.items():
        for failure, comes in row.items():
            if isinstance(comes, Comes):
                for chunksize in (1, None, ITEMS):
                    yield pytest.param(moment, failure, chunksize, comes, id=f"{moment}, {failure}, {chunksize or 'own'} at a time")


@pytest.mark.parametrize(("moment", "failure", "chunksize", "comes"), list(cells()))
def test_the_table(moment, failure, chunksize, comes):
    fn, items = MOMENTS[moment](failure)
    options = {"a hang": LATE, "memory": MEMORY}.get(failure, {})
    with atonce.Pool(**PROCESS) as pool:
        results = pool.map(fn, items, chunksize=chunksize, **options)
        if comes.error is None:
            expect_no_failure(results)
        else:
            expect_one_failure(results, comes)
        assert pool.map(abs, range(-20, 0)) == list(range(20, 0, -1))  # it stays usable


@pytest.mark.parametrize("failure", ["memory", *REFUSED])
@pytest.mark.parametrize("results_before", [0, 5])
def test_a_result_that_fails_to_pickle_is_not_taken_for_a_death(failure, results_before):
    """The first answer of a worker is pickled as a whole, before anybody knows that a result of this job needs more care."""
    fn, items = MOMENTS["pickling the result"](failure)
    comes = TABLE["pickling the result"][failure]
    options = {**PROCESS, "max_workers": 1, **(MEMORY if failure == "memory" else {})}
    last = atonce.map(fn, items[BAD - results_before : BAD + 1], chunksize=ITEMS, **options)[-1]
    assert type(last.error) is comes.error
    assert comes.words in str(last.error)


def expect_no_failure(results):
    assert [-1 if isinstance(result, Trap) else result for result in results] in (numbers(), numbers(-1))
    assert (results.report.items, results.report.succeeded) == (ITEMS, ITEMS)


def expect_one_failure(results, comes):
    failure = results[BAD]
    assert [result for result in results if result is not failure] == [number for number in range(ITEMS) if number != BAD]
    assert isinstance(failure, atonce.Failure)
    assert type(failure.error) is comes.error or (type(failure.error).__qualname__ == comes.error.__qualname__), failure
    assert comes.words in str(failure.error), failure
    assert failure.attempts == comes.attempts
    started = f"attempt {comes.attempts}, process " if comes.attempts else "never started"
    assert any(note.startswith(f"item {BAD}: ") and started in note for note in failure.error.__notes__), failure.error.__notes__
    report = results.report
    assert (report.items, report.succeeded, report.failed, report.cancelled) == (ITEMS, ITEMS - 1, 1, 0)
    if comes.error is atonce.WorkerCrashed:
        # A segfault's own story, which follows, may be as long as what is kept.
        assert {LAST_WORDS, "Fatal Python error: Segmentation fault"} & set(failure.error.stderr_tail)
        assert all(line in str(failure.error) for line in failure.error.stderr_tail)


def test_there_is_a_cell_for_each_moment_and_failure():
    assert list(TABLE) == list(MOMENTS)
    for moment, row in TABLE.items():
        assert set(row) == set(FAILURES), moment


# ---- moments at which no single item is to blame --------------------------------------------------------------------------------


OF_ALL = {("pickling the function", failure): comes for failure, comes in REFUSED.items()} | {
    **{("unpickling the function", failure): comes for failure, comes in RAISED.items() if failure != "memory"},
    **{("unpickling the function", failure): comes for failure, comes in DEATHS.items() if failure != "a hang"},
    **{("initializer", failure): comes for failure, comes in RAISED.items() if failure != "memory"},
    **{("initializer", failure): comes for failure, comes in DEATHS.items() if failure != "a hang"},
}
"""What the whole call raises. Left out: a hang, because ``timeout=`` is for one item and none has begun; memory, which is limited
for the function, once it is there; and what would end the caller's own process while it pickles the function."""


@pytest.mark.parametrize(("moment", "failure"), list(OF_ALL), ids=[", ".join(cell) for cell in OF_ALL])
def test_what_concerns_all_items_ends_the_call(moment, failure):
    comes = OF_ALL[moment, failure]
    setup, fn = {}, give_back
    if moment == "initializer":
        setup = {"initializer": FAILURES[failure]}
    else:
        fn = FunctionTrap(failure, pickling=moment == "pickling the function")
    with atonce.Pool(**PROCESS, **setup) as pool:
        for _ in range(2):  # the second call fails like the first, and does not wait for anybody
            with pytest.raises(BaseException) as caught:  # sys.exit is one of them
                pool.map(fn, range(ITEMS))
            assert type(caught.value).__qualname__ == comes.error.__qualname__, caught.value
            assert comes.words in str(caught.value)
        if moment != "initializer":
            assert pool.map(abs, [-1]) == [1]


def test_an_initializer_may_fill_the_pipes():
    assert atonce.map(give_back, range(ITEMS), initializer=shout, **PROCESS) == list(range(ITEMS))


@pytest.mark.parametrize("failure", [failure for failure in FAILURES if failure != "memory"])
def test_shutdown(failure):
    """Whatever a worker's exit functions do, all results are there, and the pool closes; a hang is given up after two seconds."""
    begun = time.monotonic()
    with atonce.Pool(**PROCESS) as pool:
        results = pool.map(functools.partial(ends_with, failure), range(ITEMS))
        assert results == list(range(ITEMS))
        assert (results.report.succeeded, results.report.failed) == (ITEMS, 0)
    assert time.monotonic() - begun < 30


# ---- sending --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunksize", [1, None, 10])
@pytest.mark.parametrize("of", [text, binary])
@pytest.mark.parametrize("failure", [None, "SIGKILL", "os._exit(0)", "a hang"])
def test_items_larger_than_a_pipe(of, failure, chunksize):
    """The worker dies or hangs while a batch that no pipe holds is on its way to it."""
    options = LATE if failure == "a hang" else {}
    pairs = [(number, of(number)) for number in range(ITEMS)]
    with atonce.Pool(**PROCESS) as pool:
        results = pool.map(functools.partial(measure, failure=failure), pairs, chunksize=chunksize, **options)
        expected = [(number, len(body), body[-1]) for number, body in pairs]
        if failure is None:
            assert results == expected
        else:
            bad = results[BAD]
            assert isinstance(bad, atonce.Failure)
            assert type(bad.error) is DEATHS[failure].error, bad
            assert [result for result in results if result is not bad] == expected[:BAD] + expected[BAD + 1 :]
        assert pool.map(abs, [-1]) == [1]


@pytest.mark.parametrize("chunksize", [1, None, 10])
@pytest.mark.parametrize("of", [text, binary])
def test_results_larger_than_a_pipe(of, chunksize):
    results = atonce.map(functools.partial(make, of=of), range(ITEMS), chunksize=chunksize, **PROCESS)
    assert all(result == of(number) for number, result in enumerate(results))


@pytest.mark.parametrize("chunksize", [1, None, ITEMS])
def test_a_death_in_the_middle_of_sending_the_answer(chunksize):
    """Of the answer that got stuck nothing is believed; what it told of is run again, one by one."""
    with atonce.Pool(**PROCESS) as pool:
        results = pool.map(answer_halfway, range(ITEMS), chunksize=chunksize)
        failure = results[BAD]
        assert isinstance(failure.error, atonce.WorkerCrashed), results
        assert [result for result in results if result is not failure] == [number for number in range(ITEMS) if number != BAD]
        assert pool.map(abs, [-1]) == [1]


# ---- the limits, exactly --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("failure", ["SIGKILL", "os._exit(0)", "a real segfault"])
@pytest.mark.parametrize(("retries", "runs"), [(0, 1), (1, 2), (5, AFTER_KILLS)])
def test_a_killer_is_quarantined(failure, retries, runs, exact, evidence):
    """It is tried as often as ``retries`` allows, and not once more after it has killed twice.

    With a time limit items are claimed one by one, without one in strides; the item in hand is noted either way.
    """
    fn = functools.partial(note_and, evidence, failure)
    options = {"timeout": 60} if exact else {}
    results = atonce.map(fn, range(ITEMS), retries=retries, chunksize=1, **options, **PROCESS)
    assert isinstance(results[BAD].error, atonce.WorkerCrashed)
    assert results[BAD].attempts == runs
    assert ("2 times, so it is not tried again" in str(results[BAD].error)) == (runs == AFTER_KILLS)
    assert evidence.lines().count(str(BAD)) == runs
    assert [result for result in results if result is not results[BAD]] == [number for number in range(ITEMS) if number != BAD]
    assert results.report.retries == runs - 1


@pytest.mark.parametrize("chunksize", [None, ITEMS])
def test_a_killers_batch_mates_are_not_blamed(chunksize, evidence):
    """Where several were in hand, it may be run once more, to find out who it was: never more."""
    killers = {5: "SIGKILL", 6: "os._exit(0)", BAD: "SIGSEGV", 39: "SIGKILL"}
    results = atonce.map(functools.partial(note_and_die, evidence, killers), range(ITEMS), chunksize=chunksize, **PROCESS)
    failed = {number: result for number, result in enumerate(results) if isinstance(result, atonce.Failure)}
    assert set(failed) == set(killers)
    assert all(isinstance(failure.error, atonce.WorkerCrashed) and failure.attempts == 1 for failure in failed.values())
    assert [result for result in results if not isinstance(result, atonce.Failure)] == [n for n in range(ITEMS) if n not in killers]
    assert all(evidence.lines().count(str(number)) <= 2 for number in killers)


@pytest.mark.parametrize(("failure", "error"), [("SIGKILL", atonce.WorkerCrashed), ("a hang", atonce.TaskTimeout)])
def test_attempts_that_raised_count_when_the_next_one_ends_its_worker(failure, error, evidence):
    fn = functools.partial(raise_then, evidence, failure)
    results = atonce.map(fn, range(ITEMS), retries=1, timeout=LIMIT_S, chunksize=1, **PROCESS)
    assert type(results[BAD].error) is error
    assert evidence.lines().count(str(BAD)) == 2
    assert results[BAD].attempts == 2
    assert results.report.retries == 1


@pytest.mark.parametrize("chunksize", [1, ITEMS])
@pytest.mark.parametrize("retries", [0, 2])
def test_a_hang_is_ended_at_its_limit_and_not_before(retries, chunksize, evidence):
    fn, ended = functools.partial(note_time_and_hang, evidence), {}
    for result in atonce.stream(fn, range(ITEMS), ordered=False, chunksize=chunksize, retries=retries, **LATE, **PROCESS):
        if isinstance(result, atonce.Failure):
            ended[result.index] = time.monotonic()
            assert type(result.error) is atonce.TaskTimeout
            assert result.attempts == 1 + retries
    begun = [float(line) for line in evidence.lines()]
    assert set(ended) == {BAD}
    assert len(begun) == 1 + retries
    assert all(later - earlier >= LIMIT_S for earlier, later in zip(begun, [*begun[1:], ended[BAD]], strict=True))
    # The design asks for 0.1 s. A busy machine may take longer; a second is for a limit that nobody looks after.
    assert ended[BAD] - begun[-1] < LIMIT_S + 2


def test_a_hang_in_compiled_code_that_holds_the_gil_is_ended():
    results = atonce.map(hold_for_long, range(ITEMS), **LATE, **PROCESS)
    assert isinstance(results[BAD].error, atonce.TaskTimeout)
    assert results.report.succeeded == ITEMS - 1


def test_a_caller_that_holds_the_gil_does_not_make_anybody_late():
    """Nobody looks after the workers meanwhile. They wait for somebody to read their results: that is not the item's time."""
    count = 0
    for number, result in enumerate(atonce.stream(functools.partial(make, of=text), range(12), **LATE, **PROCESS)):
        assert result == text(number)
        count += 1
        if count % 3 == 0:
            hold_the_gil(2 * LIMIT_S)
    assert count == 12


@pytest.mark.parametrize("chunksize", [None, 1, 7])
@pytest.mark.parametrize("most", [1, 3, 5])
def test_a_worker_is_renewed_after_so_many_items(most, chunksize):
    # Not more than that: a new process that gets this function by value has cloudpickle to import.
    results = atonce.map(pid_of, range(12), max_tasks_per_child=most, chunksize=chunksize, **PROCESS)
    assert [number for number, _ in results] == list(range(12))
    pids = [pid for _, pid in results]
    assert max(map(pids.count, pids)) <= most
    assert os.getpid() not in pids


def test_memory_is_limited_item_by_item():
    """Each runaway has its own MemoryError, what fits is done, and a limit is not for later calls that have none."""
    sizes = [1 << 20, 1 << 30, 1 << 20, 1 << 30, 1 << 20]
    with atonce.Pool(**PROCESS) as pool:
        results = pool.map(bytearray_of, sizes, **MEMORY)
        assert [getattr(result, "error", result).__class__ for result in results] == [int, MemoryError, int, MemoryError, int]
        assert pool.map(bytearray_of, [1 << 29]) == [1 << 29]


# ---- how deaths are told --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "killer", "words"),
    [
        (0, "", "ended with exit status 0"),
        (3, "", "ended with exit status 3"),
        (-signal.SIGSEGV, "", "was ended by SIGSEGV (it touched memory that is not its own)"),
        (-signal.SIGABRT, "", "was ended by SIGABRT (it gave up by abort())"),
        (-signal.SIGKILL, "", "was ended by SIGKILL (somebody killed it)"),
        (-signal.SIGKILL, "we did", "was ended by SIGKILL (we did)"),
        (-signal.SIGHUP, "", "was ended by SIGHUP (SIGHUP)"),
        (-(signal.SIGRTMIN + 1), "", f"was ended by signal {signal.SIGRTMIN + 1}"),
    ],
)
def test_an_end_in_words(status, killer, words):
    assert in_words(status, killer) == words


def test_the_kernels_own_kill_is_recognised(tmp_path):
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("nr_free_pages 12\noom_kill 3\nswap_ra 0\n")
    memory = OutOfMemory(vmstat)
    assert memory.killer(-signal.SIGKILL) == ""
    vmstat.write_text("nr_free_pages 12\noom_kill 4\nswap_ra 0\n")
    assert memory.killer(-signal.SIGSEGV) == ""
    assert memory.killer(1) == ""
    assert "memory had run out" in memory.killer(-signal.SIGKILL)
    assert "memory=" in in_words(-signal.SIGKILL, "the kernel did, because memory had run out; memory= sets a limit")
    assert memory.killer(-signal.SIGKILL) == ""  # the one that was counted has been named


@pytest.mark.parametrize("content", [None, "nr_free_pages 12\n", "oom_kill many\n"])
def test_without_the_kernels_count_nobody_is_named(content, tmp_path):
    vmstat = tmp_path / "vmstat"
    if content is not None:
        vmstat.write_text(content)
    memory = OutOfMemory(vmstat)
    assert memory.killer(-signal.SIGKILL) == ""


@pytest.mark.parametrize("failure", ["a hang", "SIGKILL", "os._exit(0)"])
@pytest.mark.parametrize("chunksize", [1, 2, ITEMS])
@pytest.mark.parametrize("position", [0, 1, 3])
def test_a_poison_item_does_not_wander(position, chunksize, failure):
    """An idle worker takes over a batch that another still reads: what ends the readers is found out, and costs one item."""
    items = list(range(4))
    items[position] = Trap(failure, "unpickling", at_home=False)
    results = atonce.map(give_back, items, chunksize=chunksize, **LATE, **PROCESS)
    assert type(results[position]) is atonce.Failure
    assert type(results[position].error) is DEATHS[failure].error
    assert [result for result in results if not isinstance(result, atonce.Failure)] == [n for n in range(4) if n != position]


def test_a_worker_killed_from_outside_while_idle():
    with atonce.Pool(**{**PROCESS, "max_workers": 1}) as pool:
        for _ in range(5):
            pid = pool.submit(os.getpid).result(30)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), "the worker to be gone")
        assert pool.map(abs, [-1]) == [1]
