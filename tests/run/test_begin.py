"""What is known of a run before anything is seen."""

import pytest

from atonce._run.begin import _scene
from atonce._values.options import Options


@pytest.mark.parametrize(
    ("options", "threads", "processes", "in_flight"),
    [
        ({"max_workers": 6}, 6, 6, 512),
        ({"concurrency": 2}, 2, None, 2),
        ({"max_workers": 6, "concurrency": 2}, 2, 2, 2),
        ({"max_workers": 2, "concurrency": 100}, 2, 2, 100),
    ],
)
def test_nobody_may_be_hired_beyond_what_the_caller_allows(options, threads, processes, in_flight):
    scene = _scene(Options().updated(options))
    assert scene.most_threads == threads
    assert scene.most_processes == processes or (processes is None and scene.most_processes <= 2)
    assert scene.in_flight == in_flight
