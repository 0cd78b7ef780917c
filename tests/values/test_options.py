"""Every option is checked once, before any work starts."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import get_args

import pytest
from tenacity import AsyncRetrying, Retrying, stop_after_attempt

from atonce._values.option_types import EngineName, ErrorsMode, OptionsDict, PoolOptionsDict
from atonce._values.options import ENGINES, ERRORS_MODES, Options, bytes_in
from atonce._values.retry import Retry
from atonce._workers.inline import InlineEngine
from atonce.errors import AtonceError, OptionError

COUNTS = ("max_workers", "concurrency", "chunksize", "buffersize", "max_tasks_per_child")
ENGINE = InlineEngine()


class NoEngine:
    kind = "odd"
    worker = None


class PathOfBytes:
    def __fspath__(self):
        return b"run.db"


class NamelessEngine:
    kind = 3

    def worker(self, context):
        raise NotImplementedError


def refusal(**given):
    with pytest.raises(OptionError) as caught:
        Options().updated(given)
    return str(caught.value)


GOOD = {
    "engine": ["auto", "inline", "thread", "process", "async", ENGINE],
    **{name: [None, 1, 2, 10**9] for name in COUNTS},
    "ordered": [True, False],
    "errors": ["raise", "group", "return"],
    "timeout": [None, 1, 0.001, 1e300, 10**9],
    "blocking": ["warn", "error"],
    "rate": [None, 1, 0.5, 10**6, "100/s", "30/min", " 1.5 / hour ", "2/seconds", "7/H"],
    "deadline": [None, 1, 0.001, 1e300, 10**9],
    "retries": [0, 1, 10**9, Retry(3, on=OSError), Retrying(stop=stop_after_attempt(3)), AsyncRetrying()],
    "seed": [None, 0, 1, -1, 2**200, -(2**64)],
    "memory": [None, 1 << 20, 2**63 - 1, "1 MiB", "2 GiB", "512MiB", "1.5GB", "300M", "1048576"],
    "journal": [None, "run.db", Path("a/run.db")],
    "durable": [False],
    "retry_failed": [False],
    "rerun_changed": [False],
    "initializer": [None, print, list, lambda: None],
    "initargs": [(), (1,), ("a", [2])],
    "progress": [True, False, "reading", ""],
    "name": [None, "resize"],
}
BAD = {
    "engine": [None, "", "threads", "Thread", 3, True, object(), NoEngine(), NamelessEngine()],
    **{name: [0, -1, True, False, 1.0, 2.5, "2", b"2", [2], object()] for name in COUNTS},
    "ordered": [None, 0, 1, "yes", []],
    "errors": [None, "", "ignore", "Raise", True, 0, ["raise"]],
    "timeout": [0, 0.0, -1, True, False, "3", b"3", [3], float("inf"), float("-inf"), float("nan"), 10**400],
    "blocking": [None, True, "off", 1],
    "rate": [
        0,
        -1,
        True,
        float("inf"),
        float("nan"),
        "often",
        "3",
        "/s",
        "x/s",
        "3/fortnight",
        "0/s",
        "-1/s",
        "nan/s",
        b"3/s",
        [3],
    ],
    "deadline": [0, 0.0, -1, True, False, "3", b"3", [3], float("inf"), float("-inf"), float("nan"), 10**400],
    "retries": [None, -1, True, False, 1.0, "2", [2], object()],
    "seed": [True, False, 1.0, "1", b"1", [1], object()],
    "memory": [0, -1, 1, (1 << 20) - 1, 2**63, True, False, 1.5e9, b"2 GiB", [1], "", "lots", "2 GiB!", "1 KiB", "-2 GiB", "2 XB"],
    "journal": [3, True, b"run.db", "", "a\0b", ["run.db"], PathOfBytes()],
    "durable": [None, 1, "yes"],
    "retry_failed": [None, 1, "yes"],
    "rerun_changed": [None, 0, "no"],
    "initializer": [3, "print", (), True],
    "initargs": [None, [1], "ab", 1, {"a": 1}],
    "progress": [None, 1, 0.5, b"reading", []],
    "name": [3, True, b"resize", ["resize"]],
}


def each(table):
    return [
        pytest.param(name, value, id=f"{name}-{position}")
        for name, values in table.items()
        for position, value in enumerate(values)
    ]


def test_every_option_is_in_the_tables():
    names = {field.name for field in fields(Options)}
    assert set(GOOD) == set(BAD) == names
    assert names == set(OptionsDict.__annotations__) | set(PoolOptionsDict.__annotations__)


def test_type_checkers_know_the_same_words():
    assert get_args(EngineName) == ENGINES
    assert get_args(ErrorsMode) == ERRORS_MODES


@pytest.mark.parametrize(("name", "value"), each(GOOD))
def test_a_good_value_is_taken_over(name, value):
    assert getattr(Options().updated({name: value}), name) is value


@pytest.mark.parametrize(("name", "value"), each(BAD))
def test_a_bad_value_is_refused_and_named(name, value):
    message = refusal(**{name: value})
    assert message.startswith(f"{name}={value!r}")


def test_the_defaults_would_be_accepted_if_they_were_given():
    given = {field.name: getattr(Options(), field.name) for field in fields(Options)}
    assert Options().updated(given) == Options()


def test_nothing_given_is_nothing_new():
    options = Options(max_workers=3)
    assert options.updated({}) is options


def test_what_was_given_goes_over_what_was_there_and_leaves_the_rest():
    before = Options().updated({"max_workers": 3, "name": "a"})
    after = before.updated({"name": "b", "ordered": False})
    assert (after.max_workers, after.name, after.ordered) == (3, "b", False)
    assert (before.name, before.ordered) == ("a", True)


def test_none_takes_a_default_back():
    assert Options().updated({"max_workers": 3}).updated({"max_workers": None}).max_workers is None


def test_options_cannot_be_changed_behind_our_back():
    with pytest.raises(FrozenInstanceError):
        Options().max_workers = 3


def test_an_option_error_is_a_value_error_and_ours():
    with pytest.raises(ValueError, match="max_workers"):
        Options().updated({"max_workers": 0})
    assert issubclass(OptionError, AtonceError)


@pytest.mark.parametrize("name", COUNTS)
def test_the_message_tells_a_wrong_type_from_a_wrong_number(name):
    assert "not bool" in refusal(**{name: True})
    assert "not str" in refusal(**{name: "2"})
    assert "expected 1 or more" in refusal(**{name: 0})


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("max_worker", "max_workers"),
        ("maxworkers", "max_workers"),
        ("workers", "max_workers"),
        ("chunk_size", "chunksize"),
        ("buffer_size", "buffersize"),
        ("order", "ordered"),
        ("error", "errors"),
        ("engines", "engine"),
        ("progres", "progress"),
        ("init_args", "initargs"),
    ],
)
def test_a_slip_of_the_pen_is_recognized(typo, meant):
    assert refusal(**{typo: None}) == f"there is no option {typo!r}. Did you mean {meant!r}?"


def test_an_option_that_resembles_nothing_brings_the_list():
    message = refusal(zzz=1)
    assert message.startswith("there is no option 'zzz'. The options are: ")
    for field in fields(Options):
        assert field.name in message


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1048576", 1 << 20),
        ("2 GiB", 2 << 30),
        ("2 gib", 2 << 30),
        ("  512MiB ", 512 << 20),
        ("1.5GB", 1_500_000_000),
        ("300M", 300 << 20),
        (".5g", 1 << 29),
        ("3 kB", 3000),
        ("1 TiB", 1 << 40),
        ("7 B", 7),
        ("", None),
        ("GiB", None),
        ("2 GiBs", None),
        ("2 ib", None),
        ("1e9", None),
        ("1,5 GB", None),
        ("-1 GB", None),
        ("9" * 400, None),
    ],
)
def test_an_amount_of_memory_is_read_as_it_is_written(text, count):
    assert bytes_in(text) == count


def test_memory_is_bytes_in_the_end():
    assert [Options(memory=memory).memory_bytes for memory in (None, 1 << 21, "2 MiB")] == [None, 1 << 21, 1 << 21]


@pytest.mark.parametrize(
    ("given", "engines"),
    [
        ({"timeout": 3}, ["auto", "process", "async", ENGINE]),
        ({"memory": "2 GiB"}, ["auto", "process", ENGINE]),
        ({"max_tasks_per_child": 10}, ["auto", "process", ENGINE]),
        ({"retries": 2}, ["auto", "inline", "thread", "process", "async", ENGINE]),
    ],
    ids=str,
)
def test_an_engine_that_cannot_do_it_is_refused_and_another_named(given, engines):
    ((name, value),) = given.items()
    for engine in engines:
        assert getattr(Options().updated({"engine": engine, **given}), name) == value
    for engine in {"auto", "inline", "thread", "process", "async"} - {*engines}:
        message = refusal(engine=engine, **given)
        assert message.startswith(f"{name}={value!r} cannot be honoured with engine={engine!r}: ")
        assert "engine='process'" in message


def test_what_a_pool_was_given_and_what_a_call_says_are_looked_at_together():
    threads = Options().updated({"engine": "thread"})
    with pytest.raises(OptionError, match="a thread cannot be stopped"):
        threads.updated({"timeout": 1})
    assert threads.updated({"engine": "process", "timeout": 1}).timeout == 1
    limited = Options().updated({"timeout": 1})
    with pytest.raises(OptionError, match="the calling thread cannot be stopped"):
        limited.updated({"engine": "inline"})
    assert limited.updated({"engine": "inline", "timeout": None}).timeout is None


@pytest.mark.parametrize("name", ["durable", "retry_failed", "rerun_changed"])
def test_what_is_said_about_a_journal_needs_one(name):
    assert refusal(**{name: True}) == f"{name}=True says something about a journal, and there is none: give journal='run.db' too"
    assert getattr(Options().updated({"journal": "run.db"}).updated({name: True}), name) is True


@pytest.mark.parametrize("engine", ["interpreter", "dask", "ray"])
def test_an_engine_of_a_later_version_is_refused_by_name(engine):
    message = refusal(engine=engine)
    assert message.startswith(f"engine={engine!r} cannot be honoured")
    for available in ("auto", "inline", "thread", "process", "async"):
        assert available in message


def test_an_engine_that_nobody_knows_brings_the_choice():
    assert refusal(engine="gpu") == "engine='gpu': expected one of 'auto', 'inline', 'thread', 'process', 'async'"


def test_all_is_checked_before_anything_is_taken_over():
    assert "max_workers=0" in refusal(name="fine", max_workers=0)
