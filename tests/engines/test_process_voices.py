"""What a function prints, logs and warns in a worker process arrives in the caller's, through the public interface."""

# ruff: noqa: T201 (to print is what is tested)

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import warnings

import pytest

import atonce

PROCESS = {"engine": "process", "max_workers": 2}


class Keeps(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def logger(request):
    """Return a logger of its own for each test."""
    made = logging.getLogger(f"process_voices.{request.node.name}")
    keeps = Keeps()
    made.addHandler(keeps)
    made.kept = keeps.records
    made.setLevel(logging.INFO)
    yield made
    made.handlers.clear()
    made.setLevel(logging.NOTSET)
    made.propagate = True


# ---- print ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunksize", [1, 50])
def test_every_line_arrives_whole_and_once(chunksize):
    def says(number):
        print(f"{number}:", "x" * (number % 97), end=f":{number}\n")
        print(f"{number}!", file=sys.stderr)

    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        atonce.map(says, range(1000), chunksize=chunksize, **PROCESS)
    assert sorted(out.getvalue().splitlines()) == sorted(f"{number}: {'x' * (number % 97)}:{number}" for number in range(1000))
    assert sorted(err.getvalue().splitlines()) == sorted(f"{number}!" for number in range(1000))


def test_lines_arrive_before_the_result_does():
    with atonce.Pool(**PROCESS) as pool:
        for number in range(50):
            with contextlib.redirect_stdout(io.StringIO()) as out:
                pool.map(lambda number: print("line", number), [number])
            assert out.getvalue() == f"line {number}\n"


def test_a_line_without_end_arrives_by_the_end_of_the_run():
    with atonce.Pool(**PROCESS) as pool, contextlib.redirect_stdout(io.StringIO()) as out:
        pool.map(lambda number: print(number, end=" "), range(1))
        assert out.getvalue().split() == ["0"]


def test_long_lines_arrive():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        atonce.map(lambda number: print(str(number) * 300_000), range(4), chunksize=1, **PROCESS)
    assert len(out.getvalue()) == 4 * 300_001


def test_what_c_code_and_programs_print_arrives(capfd):
    def says(number):
        os.write(1, b"from C %d\n" % number)
        subprocess.run([sys.executable, "-c", f"print('from a program', {number})"], check=True)

    atonce.map(says, range(2), chunksize=1, **PROCESS)
    assert sorted(capfd.readouterr().out.splitlines()) == ["from C 0", "from C 1", "from a program 0", "from a program 1"]


def test_pytest_captures_it(capsys):
    atonce.map(lambda number: print("é", number), range(1), **PROCESS)
    assert capsys.readouterr().out == "é 0\n"


def test_a_crash_tells_the_last_lines_of_stderr(capfd):
    def dies(number):
        if number == 1:
            print("the last words", file=sys.stderr)
            os.kill(os.getpid(), signal.SIGKILL)

    (failure,) = [outcome for outcome in atonce.map(dies, range(3), errors="return", **PROCESS) if outcome is not None]
    assert isinstance(failure.error, atonce.WorkerCrashed)
    assert "the last words" in str(failure.error)
    assert "the last words\n" in capfd.readouterr().err


def test_a_segmentation_fault_tells_where(capfd):
    def crashes_right_here(number):
        os.kill(os.getpid(), signal.SIGSEGV)

    (failure,) = atonce.map(crashes_right_here, range(1), errors="return", **PROCESS)
    assert "SIGSEGV" in str(failure.error)
    assert "crashes_right_here" in str(failure.error)
    assert "crashes_right_here" in capfd.readouterr().err


# ---- logging --------------------------------------------------------------------------------------------------------------------


def test_records_arrive_with_their_levels(logger):
    name = logger.name

    def logs(number):
        there = logging.getLogger(name)
        there.debug("not for the caller")
        there.log(logging.WARNING if number % 2 else logging.INFO, "number %d", number, extra={"number": number})
        return os.getpid()

    pids = atonce.map(logs, range(20), **PROCESS)
    assert sorted((record.number, record.levelname, record.getMessage()) for record in logger.kept) == [
        (number, "WARNING" if number % 2 else "INFO", f"number {number}") for number in range(20)
    ]
    assert {record.process for record in logger.kept} == {*pids}
    assert os.getpid() not in pids


def test_an_exception_that_is_logged_arrives_with_its_traceback(logger):
    name = logger.name

    def logs(number):
        try:
            raise KeyError(number)
        except KeyError:
            logging.getLogger(name).exception("it failed")

    atonce.map(logs, range(1), **PROCESS)
    (record,) = logger.kept
    assert "KeyError: 0" in record.exc_text


def test_a_level_that_changes_between_runs_counts(logger):
    name = logger.name
    with atonce.Pool(**PROCESS) as pool:
        for level, count in ((logging.INFO, 1), (logging.ERROR, 1), (logging.DEBUG, 2)):
            logger.setLevel(level)
            pool.map(lambda _number: logging.getLogger(name).info("heard"), range(1))
            assert len(logger.kept) == count


def test_what_an_initializer_logs_arrives(logger):
    atonce.map(abs, range(2), initializer=lambda name: logging.getLogger(name).info("ready"), initargs=(logger.name,), **PROCESS)
    assert {record.msg for record in logger.kept} == {"ready"}


# ---- warnings -------------------------------------------------------------------------------------------------------------------


def test_a_warning_arrives_once():
    with pytest.warns(UserWarning, match="careful") as shown:
        atonce.map(lambda _number: warnings.warn("careful", stacklevel=1), range(100), chunksize=5, **PROCESS)
    assert [(str(warning.message), warning.filename) for warning in shown][:1] == [("careful", __file__)]
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        atonce.map(lambda _number: warnings.warn("careful", stacklevel=1), range(100), chunksize=5, **PROCESS)
    assert len(shown) == 1


def test_a_warning_is_shown_again_to_a_caller_that_listens_anew():
    with atonce.Pool(**PROCESS) as pool:
        for _ in range(3):
            with warnings.catch_warnings(record=True) as shown:
                warnings.simplefilter("default")
                pool.map(lambda _number: warnings.warn("careful", stacklevel=1), range(10))
            assert len(shown) == 1


def test_a_warning_that_is_an_error_is_raised_where_it_is_given():
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        (failure,) = atonce.map(
            lambda _number: warnings.warn("old", DeprecationWarning, stacklevel=1), range(1), errors="return", **PROCESS
        )
    assert isinstance(failure.error, DeprecationWarning)


def test_a_warning_of_an_initializer_arrives():
    with pytest.warns(UserWarning, match="starting"):
        atonce.map(abs, range(2), initializer=warnings.warn, initargs=("starting",), **PROCESS)
