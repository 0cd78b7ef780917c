"""The engines by name: one of each, whoever asks first."""

import threading

import pytest

from atonce._run import engines


@pytest.mark.parametrize("name", ["inline", "thread", "async"])
def test_threads_that_ask_at_the_same_time_get_the_same_engine(monkeypatch, name):
    monkeypatch.setattr(engines, "_made", {})
    make, together = engines._make, threading.Barrier(2)

    def slowly(name):
        together.wait(30)  # both have found none
        return make(name)

    monkeypatch.setattr(engines, "_make", slowly)
    got = []
    threads = [threading.Thread(target=lambda: got.append(engines.engine_named(name))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got[0] is got[1]
    assert got[0] is engines.engine_named(name)
