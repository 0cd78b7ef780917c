"""What became of an item, and how errors are related."""

import pickle
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import FrozenInstanceError

import pytest

from atonce import Failure, Success, errors
from atonce.errors import RemoteError, TasksFailed


def test_an_outcome_is_a_success_or_a_failure():
    success = Success(3, "value", 1, 0.5, "thread 1")
    failure = Failure(4, ValueError("bad"), 1, 0.5, "thread 1")
    assert success.ok
    assert not failure.ok


def test_outcomes_are_frozen_and_compare_by_what_they_say():
    success = Success(3, "value", 1, 0.5, "thread 1")
    assert success == Success(3, "value", 1, 0.5, "thread 1")
    with pytest.raises(FrozenInstanceError):
        success.value = "other"
    with pytest.raises(FrozenInstanceError):
        Failure(4, ValueError("bad"), 1, 0.5, "thread 1").index = 3


def test_outcomes_can_be_sent_to_other_processes():
    failure = pickle.loads(pickle.dumps(Failure(4, ValueError("bad"), 1, 0.5, "process 7")))
    assert (failure.index, repr(failure.error), failure.worker) == (4, "ValueError('bad')", "process 7")
    success = Success(3, [1], 1, 0.5, "process 7")
    assert pickle.loads(pickle.dumps(success)) == success


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("OptionError", (ValueError,)),
        ("EngineUnavailable", (ImportError,)),
        ("PoolClosed", (RuntimeError,)),
        ("InternalError", ()),
        ("JournalError", ()),
        ("TaskError", ()),
        ("PicklingFailed", (errors.TaskError, pickle.PicklingError)),
        ("RemoteError", (errors.TaskError,)),
        ("TaskTimeout", (errors.TaskError, TimeoutError)),
        ("WorkerCrashed", (errors.TaskError, BrokenProcessPool)),
        ("TasksFailed", (ExceptionGroup,)),
    ],
)
def test_every_error_is_ours_and_the_standard_librarys(name, bases):
    assert issubclass(getattr(errors, name), (errors.AtonceError, *bases)[0])
    for base in bases:
        assert issubclass(getattr(errors, name), base)


def test_a_crashed_worker_is_one_class_and_can_be_sent():
    assert errors.WorkerCrashed is errors.WorkerCrashed
    there = pickle.loads(pickle.dumps(errors.WorkerCrashed("exit status 3")))
    assert type(there) is errors.WorkerCrashed
    assert str(there) == "exit status 3"
    assert (there.how, there.stderr_tail) == ("", ())


def test_a_crashed_worker_says_how_and_what_it_said_last_wherever_it_is_sent():
    error = errors.WorkerCrashed("it died", how="signal SIGSEGV", stderr_tail=("one", "two"))
    error.add_note("item 3")
    there = pickle.loads(pickle.dumps(error))
    assert (str(there), there.how, there.stderr_tail, there.__notes__) == ("it died", "signal SIGSEGV", ("one", "two"), ["item 3"])


def test_a_timeout_can_be_sent():
    there = pickle.loads(pickle.dumps(errors.TaskTimeout("took longer than 0.5 s")))
    assert (type(there), str(there)) == (errors.TaskTimeout, "took longer than 0.5 s")


def test_the_errors_cost_next_to_nothing_to_import():
    costly = {"typing", "re", "pickle", "concurrent"}
    if sys.version_info < (3, 14):  # where _pickle itself brings it
        costly.add("collections.abc")
    probe = f"import sys, atonce.errors; print(sorted({costly} & {{*sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {probe}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_there_is_no_other_error():
    with pytest.raises(AttributeError, match="Nonsense"):
        errors.Nonsense


def test_a_remote_error_says_type_and_text_and_can_be_sent():
    error = pickle.loads(pickle.dumps(RemoteError("pkg.Odd", "no such thing", "the story")))
    assert str(error) == "pkg.Odd: no such thing"
    assert (error.type_name, error.text, error.traceback_text) == ("pkg.Odd", "no such thing", "the story")
    assert str(RemoteError("pkg.Odd", "", "")) == "pkg.Odd"


def test_parts_of_a_group_keep_the_outcomes():
    group = TasksFailed("2 of 2 items of f failed", [ValueError(1), KeyError(2)])
    group.outcomes = (Failure(0, group.exceptions[0], 1, 0.0, "w"), Failure(1, group.exceptions[1], 1, 0.0, "w"))
    values, rest = group.split(ValueError)
    assert type(values) is type(rest) is TasksFailed
    assert values.outcomes == rest.outcomes == group.outcomes
    assert [type(error) for error in rest.exceptions] == [KeyError]
    caught = []
    try:
        raise group
    except* ValueError as part:
        caught.append(part)
    except* KeyError as part:
        caught.append(part)
    assert [part.outcomes for part in caught] == [group.outcomes, group.outcomes]


def test_a_group_can_be_sent_to_other_processes():
    group = TasksFailed("1 of 2 items of f failed", [ValueError(1)])
    group.outcomes = (Failure(0, group.exceptions[0], 1, 0.0, "w"),)
    there = pickle.loads(pickle.dumps(group))
    assert (str(there), repr(there.exceptions)) == (str(group), repr(group.exceptions))
    assert there.outcomes[0].index == 0
