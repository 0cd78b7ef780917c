"""Whether this program is itself a worker process."""

from atonce import map as map_at_once
from atonce._machine import nesting


def test_this_program_is_no_worker_process():
    assert not nesting.inside_worker_process()


def test_a_worker_process_knows_that_it_is_one():
    assert list(map_at_once(lambda _: nesting.inside_worker_process(), [1, 2], engine="process", max_workers=1)) == [True, True]
    assert not nesting.inside_worker_process()


def test_a_process_remembers_that_it_has_become_a_worker(monkeypatch):
    monkeypatch.setattr(nesting, "_inside", False)
    nesting.enter_worker_process()
    assert nesting.inside_worker_process()
