"""Ctrl-C, and the sudden death of the program: everything ends, soon, and nothing stays behind."""

import threading

import pytest

import atonce
from atonce._run.driver import Run
from atonce.testing import wait_until

from .scripts import Program, is_alive

STUCK = """
    import asyncio, os, sys, time
    import atonce
    from atonce.testing import Evidence

    evidence = Evidence(sys.argv[1])

    def stuck(number):
        evidence.note(os.getpid())
        while True:
            time.sleep(0.1)  # a signal that comes just before a sleep is heard only after it

    async def stuck_async(number):
        evidence.note(os.getpid())
        await asyncio.sleep(3600)

    engine = sys.argv[2]
    fn = stuck_async if engine == "async" else stuck
    try:
        atonce.map(fn, range(100), engine=engine, max_workers=2)
    except KeyboardInterrupt:
        began = time.monotonic()
        evidence.note("interrupted")
        raise
"""


@pytest.mark.parametrize("engine", ["inline", "thread", "process", "async", "auto"])
def test_ctrl_c_ends_the_program_with_one_traceback(engine, tmp_path):
    program = Program(tmp_path, STUCK, engine)
    program.wait_for_lines(1 if engine in ("inline", "auto") else 2)
    workers = {int(line) for line in program.evidence.lines()}
    program.ctrl_c()
    status, out, err = program.end()
    assert status == -2, err
    assert "interrupted" in program.evidence.lines()
    assert err.count("Traceback (most recent call last)") == 1, err
    assert err.rstrip().endswith("KeyboardInterrupt") or "KeyboardInterrupt\nitem" in err, err
    assert out == ""
    wait_until(lambda: not any(map(is_alive, workers)), "the workers to be gone")


STUCK_IN_A_LOOP = """
    import asyncio, os, sys, time
    import atonce
    from atonce.testing import Evidence

    evidence = Evidence(sys.argv[1])

    def stuck(number):
        evidence.note(os.getpid())
        time.sleep(3600)

    async def tell():
        try:
            await asyncio.sleep(3600)
        finally:
            evidence.note("cancelled")

    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(tell())
            group.create_task(atonce.amap(stuck, range(100), engine=sys.argv[2], max_workers=2))

    asyncio.run(main())
"""


def test_ctrl_c_ends_an_asynchronous_program_with_processes(tmp_path):
    program = Program(tmp_path, STUCK_IN_A_LOOP, "process")
    program.wait_for_lines(2)
    workers = {int(line) for line in program.evidence.lines()}
    program.ctrl_c()
    status, _, err = program.end()
    assert status == -2, err
    wait_until(lambda: not any(map(is_alive, workers)), "the workers to be gone")


def test_a_second_ctrl_c_ends_an_asynchronous_program_whose_threads_are_stuck(tmp_path):
    program = Program(tmp_path, STUCK_IN_A_LOOP, "thread")
    program.wait_for_lines(2)
    program.ctrl_c()
    wait_until(lambda: "cancelled" in program.evidence.lines(), "the first Ctrl-C to be heard")
    program.ctrl_c()
    status, _, err = program.end()
    assert status == -2, err


def test_workers_die_with_the_program(tmp_path):
    program = Program(tmp_path, STUCK, "process")
    program.wait_for_lines(2)
    workers = {int(line) for line in program.evidence.lines()}
    assert len(workers) == 2
    assert program.process.pid not in workers
    program.kill()
    program.end()
    wait_until(lambda: not any(map(is_alive, workers)), "the workers to be gone", patience_s=10)


def test_idle_workers_die_with_the_program(tmp_path):
    program = Program(
        tmp_path,
        """
        import os, signal, sys
        import atonce
        from atonce.testing import Evidence

        def who(_):
            Evidence(sys.argv[1]).note(os.getpid())

        with atonce.Pool(engine="process", max_workers=1) as pool:
            pool.map(who, [1])
            os.kill(os.getpid(), signal.SIGKILL)
    """,
    )
    program.end()
    (worker,) = map(int, program.evidence.lines())
    wait_until(lambda: not is_alive(worker), "the worker to be gone", patience_s=10)


def test_a_program_that_forgets_its_pool_ends(tmp_path):
    program = Program(
        tmp_path,
        """
        import sys
        import atonce

        pools = [atonce.Pool(engine=engine) for engine in ("thread", "process", "async")]
        streams = []
        for pool in pools:
            print(pool.map(abs, [-1]))
            streams.append(pool.stream(abs, range(10**9)))
            next(streams[-1])
        streams.append(atonce.stream(abs, range(10**9), engine="process"))
        next(streams[-1])
    """,
    )
    status, out, err = program.end()
    assert (status, out, err) == (0, "[1]\n" * 3, "")


def test_the_callers_script_is_not_run_again_in_workers(tmp_path):
    program = Program(
        tmp_path,
        """
        import sys
        import atonce
        from atonce.testing import Evidence

        Evidence(sys.argv[1]).note("script")

        class Point:
            def __init__(self, x):
                self.x = x

        def move(point):
            return Point(point.x + 1)

        moved = atonce.map(move, [Point(1), Point(2)], engine="process")
        print([type(point) is Point and point.x for point in moved])
    """,
    )
    assert program.end() == (0, "[2, 3]\n", "")
    assert program.evidence.lines() == ["script"]


def test_what_workers_print_is_seen(tmp_path):
    program = Program(
        tmp_path,
        """
        import atonce

        def say(number):
            print("number", number)

        atonce.map(say, range(3), engine="process", max_workers=1)
        print("done")
    """,
    )
    assert program.end() == (0, "number 0\nnumber 1\nnumber 2\ndone\n", "")


async def nothing(number):
    return number


@pytest.mark.parametrize("call", [atonce.map, lambda *args, **how: list(atonce.stream(*args, **how))], ids=["map", "stream"])
@pytest.mark.parametrize(
    ("fn", "options", "threads"), [(abs, {"engine": "thread", "max_workers": 3}, 2), (nothing, {}, 1), (nothing, {}, 2)]
)
def test_ctrl_c_while_a_thread_is_started_leaves_no_thread(call, fn, options, threads, monkeypatch):
    start = threading.Thread.start
    started = []

    def start_and_interrupt(thread):
        start(thread)
        started.append(thread)
        if len(started) == threads:
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        call(fn, range(1000), **options)
    monkeypatch.undo()
    workers = [thread for thread in started if thread.name != "atonce-manager"]  # who waits a while for other errands
    wait_until(lambda: not any(thread.is_alive() for thread in workers), "the threads to end")
    assert len(started) == threads


def test_ctrl_c_before_anybody_is_there_who_would_let_the_workers_go(monkeypatch):
    hire, workers = Run.hire, []

    def hire_and_interrupt(run, crew):
        hire(run, crew)
        workers.extend(thread for thread in threading.enumerate() if "abs-thread" in thread.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "hire", hire_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        atonce.map(abs, range(1000), engine="thread", max_workers=3)
    wait_until(lambda: not any(thread.is_alive() for thread in workers), "the threads to end")
    assert workers
