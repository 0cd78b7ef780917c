"""Threads: as tasks of a run, and what they are afterwards."""

import _thread
import contextvars
import sys
import threading

import pytest

from tests.race.primitives.kit import once, outcome_of, result_of, together, walks


@pytest.fixture(autouse=True)
def _leaves_threading_alone():
    before = dict(threading._active), dict(threading._limbo), set(threading._dangling)
    yield
    assert (threading._active, threading._limbo) == before[:2]
    assert not {thread for thread in threading._dangling if thread.is_alive()} - before[2]


def test_a_thread_knows_itself():
    def program():
        seen = []

        def look():
            me = threading.current_thread()
            seen.append((me.name, me.daemon, me.ident == threading.get_ident(), me.native_id == threading.get_native_id()))
            seen.append((me.is_alive(), me in threading.enumerate(), threading.active_count() - others))

        others = threading.active_count()
        thread = threading.Thread(target=look, daemon=True)
        assert (thread.ident, thread.is_alive()) == (None, False)
        thread.start()
        assert thread.ident
        thread.join()
        return *seen, thread.is_alive(), thread.name

    expected = (("Thread-1 (look)", True, True, True), (True, True, 1), False, "Thread-1 (look)")
    assert result_of(program) == expected
    assert result_of(program) == expected


def test_a_thread_that_has_ended_is_a_real_one_that_has_ended():
    thread = result_of(lambda: started(threading.Thread(target=int)))
    assert not thread.is_alive()
    thread.join()
    assert "stopped" in repr(thread)
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()


def started(thread):
    thread.start()
    thread.join()
    return thread


def test_also_one_that_never_began():
    threads = []

    def program():
        threads.append(threading.Thread(target=int))
        threads[0].start()
        raise ValueError

    once(program)
    assert not threads[0].is_alive()
    threads[0].join()


@pytest.mark.parametrize(
    ("misuse", "text"),
    [
        (lambda thread: thread.join(), "cannot join thread before it is started"),
        (lambda thread: threading.current_thread().join(), "cannot join current thread"),
        (lambda thread: started(thread).start(), "threads can only be started once"),
    ],
)
def test_misuse(misuse, text):
    with pytest.raises(RuntimeError, match=text):
        misuse(threading.Thread(target=int))
    with pytest.raises(RuntimeError, match=text):
        result_of(lambda: misuse(threading.Thread(target=int)))


def test_a_subclass_and_a_thread_older_than_the_run():
    class Own(threading.Thread):
        def run(self):
            self.result = 7

    old = Own()

    def program():
        new = Own(name="mine")
        return started(new).result, started(old).result, new.name, isinstance(new, threading.Thread)

    assert result_of(program) == (7, 7, "mine", True)
    assert not old.is_alive()


def test_an_exception_is_the_failure_of_the_run():
    hooked = []

    def program():
        threading.excepthook = hooked.append
        threading.Thread(target=lambda: 1 / 0).start()

    hook = threading.excepthook
    try:
        run = once(program)
    finally:
        threading.excepthook = hook
    assert outcome_of(run) == ("ZeroDivisionError", "division by zero")
    assert run.failure.task.name == "Thread-1 (<lambda>)"
    assert not hooked


def test_system_exit_ends_a_thread_and_nothing_else():
    assert result_of(lambda: together(sys.exit, lambda: 1)) == (None, 1)


def test_a_thread_left_alive_is_a_failure_unless_it_is_a_daemon():
    def program(daemon):
        threading.Thread(target=threading.Event().wait, daemon=daemon).start()

    assert once(lambda: program(False)).failure.kind == "left alive"
    assert once(lambda: program(True)).failure is None


def test_join_with_a_timeout():
    def program():
        flag = threading.Event()
        thread = threading.Thread(target=flag.wait)
        thread.start()
        thread.join(5)
        thread.join(-1)
        alive = thread.is_alive()
        flag.set()
        thread.join()
        return alive, thread.is_alive()

    run = once(program)
    assert run.result == (True, False)
    assert run.now_s == 1_005


def test_threads_that_join_each_other_are_a_deadlock():
    def program():
        threads = []
        for other in (1, 0):
            threads.append(threading.Thread(target=lambda other=other: threads[other].join()))
        for thread in threads:
            thread.start()

    assert {run.failure.kind for run in walks(program) if run.failure.error is None} == {"left alive"}


def test_the_calling_thread_can_be_joined():
    def program():
        main = threading.current_thread()
        seen.clear()
        threading.Thread(target=lambda: (main.join(), seen.append(1))).start()

    seen = []
    assert once(program).failure is None
    assert seen == [1]


def test_threads_without_an_object():
    def program():
        flag, names = threading.Event(), []

        def work(a, b=0):
            names.append(type(threading.current_thread()).__name__)
            names.append(a + b)
            flag.set()

        ident = _thread.start_new_thread(work, (1,), {"b": 2})
        flag.wait()
        with pytest.raises(TypeError, match="2nd arg must be a tuple"):
            _thread.start_new_thread(work, [1])
        return ident > 0, names

    assert result_of(program) == (True, ["_DummyThread", 3])


def test_thread_local_values_are_of_one_task():
    class Own(threading.local):
        def __init__(self):
            self.count = 0

    kept, own = threading.local(), Own()

    def program():
        def work():
            before = getattr(kept, "x", None)
            kept.x = 1
            own.count += 1
            return before, own.count

        return together(work, work, work)

    assert {outcome_of(run) for run in walks(program)} == {((None, 1), (None, 1), (None, 1))}
    assert own.count == 0


def test_a_thread_has_the_context_that_it_would_have():
    variable = contextvars.ContextVar("variable", default="none")
    inherits = getattr(sys.flags, "thread_inherit_context", False)

    def program():
        variable.set("main")
        return together(variable.get)

    assert contextvars.Context().run(result_of, program) == (("main",) if inherits else ("none",))


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Thread(context=) is new in 3.14")
def test_a_thread_runs_in_the_context_that_it_is_given():
    variable = contextvars.ContextVar("variable")

    def program():
        context = contextvars.copy_context()
        context.run(variable.set, 7)
        seen = []
        thread = threading.Thread(target=lambda: seen.append(variable.get()), context=context)
        started(thread)
        return seen

    assert result_of(program) == [7]


def test_a_timer_fires_unless_it_is_cancelled_first():
    def program(cancels):
        fired = []
        timer = threading.Timer(3_600, fired.append, (1,))
        timer.start()
        if cancels:
            timer.cancel()
        timer.join()
        return len(fired), timer.finished.is_set()

    run = once(lambda: program(False))
    assert (run.result, run.now_s) == ((1, True), 4_600)
    assert {outcome_of(run) for run in walks(lambda: program(True))} == {(0, True), (1, True)}
