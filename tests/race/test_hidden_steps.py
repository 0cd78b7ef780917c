"""What touches shared things in ways that are easily overlooked is seen, or doubted."""

import collections
import contextlib
import copy
import dataclasses
import heapq
import itertools
import json
import sys
import threading
import types

import pytest

from atonce import race

from . import hidden_steps
from .eye.looking import frozen


@pytest.mark.parametrize("program", hidden_steps.PROGRAMS, ids=lambda program: program.__name__)
def test_is_not_proved(program):
    report = race.explore(program, include=[hidden_steps.__name__])
    assert report.verdict != "proved"


class _Made(dict):
    def __missing__(self, key):
        self[key] = made = []
        return made


def _made_twice():
    lists = _Made()
    hidden_steps.side_by_side(lambda: lists["a"].append(1), lambda: lists["a"].append(2))
    assert len(lists["a"]) == 2


def test_what_is_frozen_is_seen_too():
    with frozen():
        assert race.explore(_made_twice, include=[__name__, hidden_steps.__name__]).verdict == "failed"


def _changed_after_it_was_imported(folder):
    path = folder / "changed.py"
    path.write_text("def count(numbers):\n    numbers['n'] = numbers.get('n', 0) + 1\n")
    names = {"__name__": "changed", "__file__": str(path)}
    exec(compile(path.read_text(), path, "exec"), names)
    path.write_text("def count(numbers):\n    numbers['n'] = 1 + numbers.get('n', 0)\n")
    return names["count"]


def test_a_function_whose_source_has_changed_proves_nothing(tmp_path, monkeypatch):
    count = _changed_after_it_was_imported(tmp_path)
    module = types.ModuleType("changed")
    vars(module).update(count.__globals__)
    monkeypatch.setitem(sys.modules, "changed", module)

    def program():
        numbers = {}
        hidden_steps.side_by_side(lambda: count(numbers), lambda: count(numbers))
        assert numbers["n"] == 2

    report = race.explore(program, include=[__name__, hidden_steps.__name__, "changed"])
    assert report.verdict == "not found"
    assert any("count is not seen" in doubt for doubt in report.doubts)


def test_who_is_noticed_does_not_sleep():
    report = race.explore(hidden_steps.is_seen_alive, include=[hidden_steps.__name__], strategy="dpor")
    assert report.verdict == "failed"


@dataclasses.dataclass(order=True)
class _Job:
    rank: int
    name: str = dataclasses.field(default="", compare=False)


def _under_one_lock():
    lock = threading.Lock()
    jobs, known, counted, taken = [], {"a": [1]}, collections.Counter(), iter(range(4))

    def work():
        with lock:
            heapq.heappush(jobs, _Job(1))
            known[len(known)] = json.dumps(copy.deepcopy(known), indent=1)
            counted.update({"a": 1})
            counted.update(sum(itertools.islice(taken, 2)) for _ in range(2))
            assert _Job(1) in jobs

    hidden_steps.side_by_side(work, work)
    assert counted["a"] == 2


def test_what_takes_several_steps_under_a_lock_is_proved():
    assert race.explore(_under_one_lock, include=[__name__, hidden_steps.__name__]).verdict == "proved"


def test_what_is_sent_goes_through_yield_from():
    def inner():
        received = yield 1
        try:
            yield received
        except KeyError:
            return "ended"

    def outer(results):
        results.append((yield from inner()))

    def program():
        results = []
        generator = outer(results)
        assert [next(generator), generator.send(5)] == [1, 5]
        with contextlib.suppress(StopIteration):
            generator.throw(KeyError())
        assert results == ["ended"]

    assert race.explore(program, include=[__name__]).verdict == "proved"
