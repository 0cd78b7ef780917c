"""A call with one item is like any other, without a run."""

import pytest

import atonce


def fails(item):
    raise ValueError(item)


def stops(_item):
    raise StopIteration


def interrupts(_item):
    raise KeyboardInterrupt


def test_it_is_run_in_the_calling_thread_and_reported():
    results = atonce.map(len, ["four"])
    assert results == [4]
    report = results.report
    assert (report.name, report.items, report.succeeded, report.failed, report.cancelled) == ("len", 1, 1, 0, 0)
    assert (report.plan.engine, report.plan.workers, report.workers_hired) == ("inline", 1, 1)
    assert "there is one item" in str(report)
    assert "engine='inline' was asked for" in str(atonce.map(len, ["four"], engine="inline").report)


@pytest.mark.parametrize(
    "inputs", [["a"], ("a",), "a", {"a"}, {"a": 1}, {"a": 1}.keys(), iter(["a"]), (letter for letter in "a")], ids=type
)
def test_whatever_the_input_is(inputs):
    assert atonce.map(str.upper, inputs) == ["A"]


def test_of_several_inputs_the_shortest_counts():
    assert atonce.map(pow, [2], [3, 4]) == [8]
    assert atonce.map(pow, [2, 3], [3]) == [8]
    assert atonce.starmap(pow, [(2, 3)]) == [8]


@pytest.mark.parametrize("many", [1, 2], ids=["one item", "more"])
def test_a_failure_is_raised_as_from_a_run(many):
    with pytest.raises(ValueError, match="0") as caught:
        atonce.map(fails, range(many))
    assert caught.value.__notes__ == ["item 0: 0 (attempt 1, calling thread)"]
    assert caught.traceback[-1].name == "fails"


@pytest.mark.parametrize("many", [1, 2], ids=["one item", "more"])
def test_a_failure_is_returned_as_from_a_run(many):
    results = atonce.map(fails, range(many), errors="return")
    failure = results[0]
    assert (failure.index, type(failure.error), failure.attempts, failure.worker) == (0, ValueError, 1, "calling thread")
    assert (results.report.succeeded, results.report.failed) == (0, many)


def test_a_failure_is_grouped():
    with pytest.raises(atonce.TasksFailed) as caught:
        atonce.map(fails, [1], errors="group")
    assert [type(outcome) for outcome in caught.value.outcomes] == [atonce.Failure]
    assert atonce.map(len, ["a"], errors="group") == [1]


def test_what_would_end_the_callers_own_loop_does_not():
    with pytest.raises(RuntimeError, match="stops raised StopIteration for item 0"):
        atonce.map(stops, [1])


@pytest.mark.parametrize("errors", ["raise", "group", "return"])
def test_ctrl_c_is_raised(errors):
    with pytest.raises(KeyboardInterrupt):
        atonce.map(interrupts, [1], errors=errors)


def test_it_is_tried_again():
    tries = []

    def fails_twice(item):
        tries.append(item)
        if len(tries) < 3:
            raise OSError
        return item

    results = atonce.map(fails_twice, [7], retries=2)
    assert results == [7]
    assert results.report.retries == 2


def test_what_has_to_be_done_around_it_is_done():
    called = []
    assert atonce.map(len, ["a"], initializer=called.append, initargs=(1,)) == [1]
    assert called == [1]
    assert atonce.map(len, ["a"], timeout=60).report.plan.engine == "process"
    with atonce.Pool(engine="thread", max_workers=1) as pool:
        assert pool.map(len, ["a"]).report.plan.engine == "thread"
