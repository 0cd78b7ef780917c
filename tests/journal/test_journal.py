"""A run's journal: which inputs have an outcome already, in whatever order they come, and how often."""

import random
import sqlite3
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import atonce
from atonce._journal.journal import open_journal
from atonce._values.batch import Delivery, Misfortune
from atonce.errors import JournalError, TaskTimeout


def double(x):
    return x * 2


def run(path, inputs, *, stop=None, fails=(), **how):
    """Run inputs as a call would, in pieces of random length; return values, how many were run, and the journal's notices.

    ``stop`` says how many are run before the program ends, as if it were killed.
    """
    journal = open_journal(str(path), double, **how)
    outcomes = {}
    journal.to = lambda delivery: outcomes.update(
        {delivery.start + at: value for at, value in enumerate(delivery.values)}
        | {delivery.start + bad.position: bad.error for bad in delivery.failed}
    )
    ran, at = 0, 0
    try:
        while at < len(inputs):
            length = random.randint(1, 7)
            for batch in journal.sort(at, inputs[at : at + length]):
                for index, item in enumerate(batch.items, batch.start):
                    if ran == stop:
                        return outcomes, ran, journal.notices()
                    ran += 1
                    bad = [Misfortune(0, ValueError(f"no {item}"), item, 2)] if item in fails else []
                    journal.keep([Delivery(index, [None if bad else double(item)], bad, 0.5, 0.0, "somebody")])
                    outcomes[index] = bad[0].error if bad else double(item)
            journal.hand_on()
            at += length
    finally:
        journal.close()
    return outcomes, ran, journal.notices()


def values_of(outcomes):
    return [outcomes[index] for index in sorted(outcomes)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


def test_the_same_call_again_runs_nothing(path):
    inputs = list(range(1000))
    assert run(path, inputs)[1] == 1000
    outcomes, ran, notices = run(path, inputs)
    assert (values_of(outcomes), ran, notices) == ([double(x) for x in inputs], 0, [])


def test_what_was_not_done_is_run_and_nothing_else(path):
    inputs = list(range(500))
    assert run(path, inputs, stop=123)[1] == 123
    outcomes, ran, _ = run(path, inputs)
    assert (values_of(outcomes), ran) == ([double(x) for x in inputs], 500 - 123)


def test_gaps_are_filled(path):
    journal = open_journal(str(path), double)
    journal.to = None
    journal.sort(0, list(range(100)))
    for index in (*range(0, 50, 3), *range(70, 90)):
        journal.keep([Delivery(index, [double(index)], [], 0.0, 0.0, "somebody")])
    journal.close()
    outcomes, ran, _ = run(path, list(range(100)))
    assert (values_of(outcomes), ran) == ([double(x) for x in range(100)], 100 - 17 - 20)
    assert run(path, list(range(100)))[1] == 0


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_each_of_equal_inputs_has_an_outcome_of_its_own_in_any_order(tmp_path_factory, data):
    """Several runs, each of other inputs in another order, each perhaps ended early: an input is run as often as it is new."""
    path = tmp_path_factory.mktemp("journal") / "run.db"
    known: Counter = Counter()
    for _ in range(data.draw(st.integers(1, 5))):
        inputs = data.draw(st.lists(st.integers(0, 6), max_size=30))
        new = Counter(inputs) - known
        stop = data.draw(st.none() | st.integers(0, sum(new.values())))
        outcomes, ran, _ = run(path, inputs, stop=stop)
        if stop is None:
            assert ran == sum(new.values())
            assert values_of(outcomes) == [double(x) for x in inputs]
            known |= Counter(inputs)
        else:
            assert ran == stop
            with sqlite3.connect(path) as database:
                known = Counter(int(text) for (text,) in database.execute("SELECT input FROM outcomes"))
            database.close()
    with sqlite3.connect(path) as database:
        assert Counter(int(text) for (text,) in database.execute("SELECT input FROM outcomes")) == known
    database.close()


def test_failures_are_outcomes_and_come_back_with_all_that_is_known_of_them(path):
    inputs = list(range(20))
    run(path, inputs, fails={3, 7})
    outcomes, ran, _ = run(path, inputs)
    assert ran == 0
    assert [index for index, outcome in outcomes.items() if isinstance(outcome, ValueError)] == [3, 7]
    assert str(outcomes[3]) == "no 3"
    assert "ValueError: no 3" in str(outcomes[3].__cause__)


def test_failed_items_run_again_if_that_is_asked_for(path):
    inputs = list(range(20))
    run(path, inputs, fails={3, 7})
    outcomes, ran, _ = run(path, inputs, retry_failed=True, fails={7})
    assert ran == 2
    assert (outcomes[3], str(outcomes[7])) == (6, "no 7")
    assert run(path, inputs, retry_failed=True)[1] == 1
    assert values_of(run(path, inputs)[0]) == [double(x) for x in inputs]


def test_ctrl_c_is_no_outcome(path):
    journal = open_journal(str(path), double)
    journal.sort(0, [1])
    journal.keep([Delivery(0, [None], [Misfortune(0, KeyboardInterrupt(), 1)], 0.0, 0.0, "somebody")])
    journal.close()
    assert run(path, [1])[1] == 1


def test_outcomes_keep_attempts_and_seconds_and_are_kept_once(path):
    journal = open_journal(str(path), double)
    journal.sort(0, ["a", "b"])
    delivery = Delivery(0, ["aa", "bb"], [], 3.0, 0.0, "somebody", [1.0, 2.0], attempts={1: 4})
    journal.keep([delivery])
    journal.keep([delivery])
    journal.close()
    again = open_journal(str(path), double)
    found = []
    again.to = found.append
    assert again.sort(0, ["a", "b"]) == []
    again.hand_on()
    again.close()
    (recalled,) = found
    assert (recalled.values, recalled.durations, recalled.attempts) == (["aa", "bb"], [1.0, 2.0], {1: 4})
    assert (recalled.recalled, recalled.seconds, recalled.worker) == (True, 0.0, "journal")


@pytest.mark.parametrize("size", [10, 5000, 3_000_000])
def test_values_of_any_size_come_back_equal(path, size):
    value = bytes(range(256)) * (size // 256 + 1)
    journal = open_journal(str(path), double)
    journal.sort(0, [1, 2])
    journal.keep([Delivery(0, [value, {"b": value}], [], 0.0, 0.0, "somebody")])
    journal.close()
    assert values_of(run(path, [1, 2])[0]) == [value, {"b": value}]


def test_inputs_that_nobody_knows_again_are_run_each_time_and_named(path):
    inputs = [1, iter(()), (x for x in "a"), 2]
    journal = open_journal(str(path), double)
    assert [batch.start for batch in journal.sort(0, inputs)] == [0]
    journal.keep([Delivery(0, [1, 2, 3, 4], [], 0.0, 0.0, "somebody")])
    (notice,) = journal.notices()
    journal.close()
    assert "item 2: generator" in notice
    again = open_journal(str(path), double)
    again.to = lambda delivery: None
    assert [batch.start for batch in again.sort(0, inputs)] == [2]
    again.close()


def test_values_that_cannot_be_written_are_named(path):
    journal = open_journal(str(path), double)
    journal.sort(0, [1, 2])
    journal.keep([Delivery(0, [1, (x for x in "a")], [], 0.0, 0.0, "somebody")])
    (notice,) = journal.notices()
    journal.close()
    assert "item 1" in notice
    assert "generator" in notice
    assert run(path, [1, 2])[1] == 1


def test_a_value_that_cannot_be_read_is_an_error_that_names_the_item(path):
    journal = open_journal(str(path), double)
    journal.sort(0, ["a"])
    journal.keep([Delivery(0, [TaskTimeout], [], 0.0, 0.0, "somebody")])
    journal.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE outcomes SET value = CAST('no pickle' AS BLOB)")
    database.close()
    again = open_journal(str(path), double)
    with pytest.raises(JournalError, match=r"the outcome of item 0 \('a'\) cannot be read: "):
        again.sort(0, ["a"])
    again.close()


def changed():
    def double(x):
        return x + x

    double.__qualname__ = "double"
    return double


def test_outcomes_of_other_code_are_refused_or_thrown_away(path):
    run(path, [1, 2, 3])
    with pytest.raises(
        JournalError, match=r"the code of .*double has changed since its 3 outcomes were written.*\n.*rerun_changed"
    ):
        open_journal(str(path), changed())
    assert run(path, [1, 2, 3])[1] == 0  # they are still there
    journal = open_journal(str(path), changed(), rerun_changed=True)
    assert [list(batch.items) for batch in journal.sort(0, [1, 2, 3])] == [[1, 2, 3]]
    journal.close()


def test_a_full_disk_is_told_and_takes_nothing_away(path):
    run(path, [1, 2, 3])
    journal = open_journal(str(path), double)
    with journal._store.reading() as database:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count={pages + 1}")
    journal.sort(3, list(range(3, 2000)))
    with pytest.raises(atonce.errors.JournalError, match=r"full.*\n.*make room"):
        journal.keep([Delivery(3, ["x" * 100] * 1997, [], 0.0, 0.0, "somebody")])
    journal.close()
    assert run(path, [1, 2, 3, 4])[1] == 1


def test_another_order_is_looked_up_by_the_index(path):
    journal = open_journal(str(path), double)
    from atonce._journal import places

    journal._places._has_index  # made when it is first needed
    with journal._store.reading() as database:
        (plan,) = database.execute(f"EXPLAIN QUERY PLAN {places._EQUAL}", (1, b"", 0)).fetchall()
    journal.close()
    assert "USING INDEX outcomes_by_digest (work=? AND digest=? AND place>?)" in plan[3]


def test_of_many_equal_inputs_in_another_order_none_passes_all_that_are_given(path, monkeypatch):
    from atonce._journal import places

    inputs = ["a"] * 300 + ["b"] * 300
    run(path, inputs)
    asked = []
    is_given = places.Places._is_given
    monkeypatch.setattr(places.Places, "_is_given", lambda self, place: asked.append(place) or is_given(self, place))
    assert run(path, inputs[::-1])[1] == 0
    assert len(asked) < 10 * len(inputs)


@pytest.mark.parametrize("text", ["bad \udc80 name", "\ud800", "ä"])
def test_any_text_is_kept(path, text):
    journal = open_journal(str(path), double)
    journal.sort(0, [text, 2])
    journal.keep([Delivery(0, [text, None], [Misfortune(1, ValueError(text), 2)], 0.0, 0.0, "somebody")])
    journal.close()
    outcomes, ran, _ = run(path, [text, 2])
    assert (ran, outcomes[0], str(outcomes[1])) == (0, text, text)


def test_what_is_too_large_is_named_and_not_kept(path, monkeypatch):
    from atonce._journal import journal as module

    monkeypatch.setattr(module, "_MOST_BYTES", 1000)
    journal = open_journal(str(path), double)
    journal.sort(0, [1, 2])
    journal.keep([Delivery(0, ["x" * 2000, "y"], [], 0.0, 0.0, "somebody")])
    (notice,) = journal.notices()
    journal.close()
    assert "item 0" in notice
    assert run(path, [1, 2])[1] == 1


def test_a_failure_does_not_outlive_a_success_that_cannot_be_written(path):
    run(path, [1], fails={1})
    journal = open_journal(str(path), double, retry_failed=True)
    journal.sort(0, [1])
    journal.keep([Delivery(0, [(x for x in "a")], [], 0.0, 0.0, "somebody")])
    journal.close()
    assert run(path, [1])[1] == 1


def test_what_goes_wrong_while_writing_is_an_error_of_the_journal(path):
    journal = open_journal(str(path), double)
    journal.sort(0, [1])
    with pytest.raises(JournalError, match="outcomes cannot be written"):
        journal.keep([Delivery(0, [1], [], None, 0.0, "somebody")])  # no number of seconds
    journal.close()


@pytest.mark.parametrize("item", [10**5000, b"x" * 10**6, "x" * 10**6, [b"x" * 10**6]], ids=["int", "bytes", "str", "list"])
def test_the_text_of_an_input_is_short(path, item):
    run(path, [item])
    with sqlite3.connect(path) as database:
        ((text,),) = database.execute("SELECT input FROM outcomes").fetchall()
    database.close()
    assert len(text) < 300


class Interrupts:
    def __reduce__(self):
        raise KeyboardInterrupt


def test_ctrl_c_while_a_value_is_written_is_not_swallowed(path):
    journal = open_journal(str(path), double)
    journal.sort(0, [1])
    with pytest.raises(KeyboardInterrupt):
        journal.keep([Delivery(0, [Interrupts()], [], 0.0, 0.0, "somebody")])
    journal.close()
    assert run(path, [1])[1] == 1


def plus(x):
    return x


def test_an_input_that_is_one_argument_is_another_than_one_of_several(path):
    open_journal(str(path), plus).close()
    open_journal(str(path), plus, star=True).close()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM works").fetchone() == (2,)
    database.close()


PROGRAM = """
import sys
from dataclasses import dataclass
import atonce

@dataclass
class Point:
    x: int

class Odd(Exception):
    pass

def fn(x):
    if x == 2:
        raise Odd(x)
    return Point(x)

results = atonce.map(fn, [1, 2, Point(3)], journal="run.db", errors="return", engine=sys.argv[1])
assert results[0] == Point(1) and type(results[0]) is Point, results
assert type(results[1].error) is Odd, results
print(results.report.recalled)
"""


@pytest.mark.parametrize("engine", ["inline", "process"])
def test_values_of_a_programs_own_classes_are_the_same_in_its_next_run(tmp_path, engine):
    import subprocess

    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "program.py", engine]
    told = [subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert told == ["0\n", "3\n"]


@pytest.mark.parametrize(("durable", "level"), [(False, 1), (True, 2)])
def test_a_durable_journal_waits_for_the_disk(path, durable, level):
    journal = open_journal(str(path), double, durable=durable)
    with journal._store.reading() as database:
        assert database.execute("PRAGMA synchronous").fetchone() == (level,)  # 1: not at each commit, 2: at each
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    journal.close()
