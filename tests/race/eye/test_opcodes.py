"""The second eye: switches between opcodes, which find what the table does not know, and what has no source."""

import linecache
import py_compile
import sys
import threading
import types
from contextlib import contextmanager
from random import Random

import pytest

from atonce import race
from atonce.errors import OptionError, ScheduleDiverged
from atonce.race.carriers import started
from atonce.race.eye import accesses
from atonce.race.eye.compiling import children
from atonce.race.running import Runner
from atonce.race.search.counting import Following
from atonce.race.search.randomly import RandomWalk
from atonce.race.search.strategy import Strategy
from atonce.race.shrinking import shrink
from atonce.race.switching import Chosen, Wild, needed

from .looking import module

monitoring = getattr(sys, "monitoring", None)
THIS = "{}.{}".format(*sys.version_info)
SEEDS = range(5)

pytestmark = pytest.mark.skipif(
    monitoring is None and sys.gettrace() is not None, reason="somebody else traces, so the eye is closed"
)

# What the threads share is an attribute, which nothing is known of in these tests; and they read the clock, so nothing is proved.
HIDDEN = """
import threading, time
class Box: pass
def together(*works):
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
def counter():
    box = Box()
    box.n = 0
    def add():
        time.monotonic()
        box.n += 1
    together(add, add, add)
    assert box.n == 3
def overdraft():
    box = Box()
    box.balance = 100
    def withdraw():
        time.monotonic()
        if box.balance >= 60:
            box.balance -= 60
    together(withdraw, withdraw)
    assert box.balance >= 0
def locked():
    box = Box()
    box.n = 0
    lock = threading.Lock()
    def add():
        time.monotonic()
        with lock:
            box.n += 1
    together(add, add)
    assert box.n == 2
def interrupted():
    counter()
    raise KeyboardInterrupt
"""

# The source of this is not there.
UNKNOWN = """
import threading
class Box: pass
def _race(lock):
    box = Box()
    box.n = 0
    def add():
        with lock:
            box.n += 1
    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert box.n == 2
class Nothing:
    def __enter__(self): pass
    def __exit__(self, *_): pass
def races(): _race(Nothing())
def holds(): _race(threading.Lock())
"""


@pytest.fixture
def hidden(tmp_path, monkeypatch):
    for kind in ("attribute_load", "attribute_store", "augment"):
        monkeypatch.setitem(accesses.KINDS, kind, False)
    with module(tmp_path, HIDDEN) as made:
        yield made


@pytest.fixture
def unknown(tmp_path):
    with module(tmp_path, "") as made:
        exec(UNKNOWN, vars(made))
        yield made


@contextmanager
def nothing_left(made):
    """See to it that nobody is told of opcodes afterwards who was not before."""
    before = _told(made)
    yield
    assert _told(made) == before


def _told(made):
    if monitoring is None:
        return sys.gettrace(), threading.gettrace()
    tools = [monitoring.get_tool(tool) for tool in range(6)]
    free = tools.index(None) if None in tools else None
    events = []
    for tool in range(6):
        if tool == free:
            monitoring.use_tool_id(tool, "test")
        if monitoring.get_tool(tool) is not None:
            events += [monitoring.get_local_events(tool, code) for code in _codes(made)]
        if tool == free:
            monitoring.free_tool_id(tool)
    return tools, events


def _codes(made):
    stack = [thing.__code__ for thing in vars(made).values() if isinstance(thing, types.FunctionType)]
    while stack:
        code = stack.pop()
        yield code
        stack += children(code)


# ---------------------------------------------------------------- what the table does not know


@pytest.mark.parametrize("name", ["counter", "overdraft"])
@pytest.mark.parametrize("seed", SEEDS)
def test_an_access_that_the_table_does_not_know_is_found(hidden, name, seed):
    program = getattr(hidden, name)
    with nothing_left(hidden):
        report = race.explore(program, seed=seed, budget="60s")
    assert report.verdict == "failed"
    assert report.replay.startswith(f"r1o{THIS}:")
    assert report.eye == "source, opcodes"
    assert not report.minimal
    assert f"found by switching between opcodes (Python {THIS})" in " ".join(str(report).split())
    assert "was left here, between opcodes" in str(report)
    for _ in range(3):
        with nothing_left(hidden), pytest.raises(AssertionError) as caught:
            race.replay(program, report.replay)
        assert str(caught.value) == str(report.error)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_finds_the_same_order(hidden, seed):
    one, other = (race.explore(hidden.overdraft, seed=seed, budget="60s") for _ in range(2))
    assert (one.schedules, one.replay) == (other.schedules, other.replay)


def test_other_seeds_find_other_orders(hidden):
    assert len({race.explore(hidden.overdraft, seed=seed, budget="60s").schedules for seed in SEEDS}) > 1


@pytest.mark.parametrize("strategy", ["dpor", "pos", "random"])
def test_a_single_strategy_is_left_alone(hidden, strategy):
    report = race.explore(hidden.overdraft, strategy=strategy, runs=100)
    assert report.verdict == "not found"
    assert report.eye == "source"


def test_what_holds_is_not_found(hidden):
    with nothing_left(hidden):
        assert race.explore(hidden.locked, budget="60s").verdict == "not found"


def test_nothing_is_left_after_an_interruption(hidden):
    with Runner(hidden.interrupted, [hidden.__name__], []) as runner:
        for _ in range(3):
            with nothing_left(hidden), pytest.raises((KeyboardInterrupt, AssertionError)):
                run = runner.once(RandomWalk(Random(1)), switches=_wild())
                raise run.failure.error


def test_what_can_be_proved_is_proved(tmp_path):
    source = "import threading\n" + HIDDEN.replace("time.monotonic()", "pass")
    with module(tmp_path, source) as made:
        report = race.explore(made.locked, budget="60s")
        assert report.verdict == "proved"
        assert report.eye == "source"


# ---------------------------------------------------------------- what has no source


@pytest.mark.parametrize("seed", SEEDS)
def test_a_race_in_functions_without_source_is_found(unknown, seed):
    with nothing_left(unknown):
        report = race.explore(unknown.races, seed=seed, budget="60s")
    assert report.verdict == "failed"
    assert report.replay.startswith((f"r1u{THIS}:", f"r1o{THIS}:"))
    assert report.eye == "source, opcodes for 5 functions without source"
    for _ in range(3):
        with pytest.raises(AssertionError):
            race.replay(unknown.races, report.replay)


def test_functions_without_source_are_never_proved(unknown):
    report = race.explore(unknown.holds, budget="60s")
    assert report.verdict == "not found"
    assert report.eye == "source, opcodes for 5 functions without source"
    assert any("holds has no source" in doubt for doubt in report.doubts)


IMPLICIT = """
class Odd:
    def __lt__(self, other):
        box.n += 1
        return True
    __add__ = __lt__
    def __str__(self):
        box.n += 1
        return ""
    def __bool__(self):
        box.n += 1
        return True
class Kind(type):
    def __call__(self): box.n += 1
class Made(metaclass=Kind): pass
class Thread(threading.Thread):
    def run(self): box.n += 1
def key(number): box.n += 1
odd = Odd()
"""
CALLS = """
import threading
class Box: pass
box = Box()
def twice(work, thread=threading.Thread):
    box.n = 0
    threads = [thread(target=work) for _ in range(2)]
    for one in threads: one.start()
    for one in threads: one.join()
    assert box.n == 2
def as_key(): twice(lambda: sorted([1], key=key))
def mapped(): twice(lambda: list(map(key, [1])))
def in_a_sort(): twice(lambda: sorted([odd, odd]))
def as_text(): twice(lambda: "%s" % odd)
def added(): twice(lambda: odd + 1)
def in_any(): twice(lambda: any([odd]))
def made(): twice(lambda: Made())
def as_run(): twice(None, Thread)
"""


@pytest.mark.parametrize("name", ["as_key", "mapped", "in_a_sort", "as_text", "added", "in_any", "made", "as_run"])
def test_a_function_without_source_that_is_called_where_nobody_sees_it(tmp_path, name):
    with module(tmp_path, CALLS) as made:
        exec(IMPLICIT, vars(made))
        program = getattr(made, name)
        assert race.explore(program, strategy="dpor").verdict != "proved"
        report = race.explore(program, budget="60s")
        assert report.verdict == "failed"
        with pytest.raises(AssertionError):
            race.replay(program, report.replay)


def test_a_module_of_which_only_the_compiled_file_is_there(tmp_path, monkeypatch):
    source = tmp_path / "only_compiled.py"
    source.write_text(UNKNOWN)
    py_compile.compile(str(source), str(tmp_path / "only_compiled.pyc"))
    source.unlink()
    linecache.checkcache()
    monkeypatch.syspath_prepend(tmp_path)
    import only_compiled

    try:
        report = race.explore(only_compiled.races, budget="60s")
        assert report.verdict == "failed"
        with pytest.raises(AssertionError):
            race.replay(only_compiled.races, report.replay)
    finally:
        del sys.modules["only_compiled"]


def test_what_dataclass_generates_needs_no_source(tmp_path):
    source = HIDDEN + "from dataclasses import dataclass\n@dataclass(frozen=True, order=True)\nclass Point:\n    x: int\n"
    with module(tmp_path, source) as made, Runner(made.locked, [made.__name__], [made.locked]) as runner:
        assert runner.opcodes.unseen == 0
        assert runner.opcodes.name == ""


# ---------------------------------------------------------------- one run


def _wild(seed=0, mean=2.0, most=1_000):
    return Wild(Random(seed), mean, most, everywhere=True)


@pytest.fixture
def runner(hidden):
    with Runner(hidden.locked, [hidden.__name__], [hidden.locked]) as runner:
        yield runner


def test_the_same_switches_make_the_same_run(runner):
    runs = [runner.once(RandomWalk(Random(7)), switches=_wild(7)) for _ in range(3)]
    assert runs[0].between.met
    assert len({(tuple(run.picks), tuple(run.between.met), run.between.opcodes) for run in runs}) == 1


def test_switches_with_which_nothing_changes_can_be_left_out(runner):
    run = runner.once(RandomWalk(Random(7)), switches=_wild(7))
    picks, switches = needed(run)
    assert len(switches) < len(run.between.met)
    points = {}
    for switch in switches:
        points[switch.task] = (*points.get(switch.task, ()), switch.opcode)
    again = runner.once(Following(picks), switches=Chosen(points, everywhere=True))
    assert again.picks == picks
    assert _done(again) == _done(run)


def _done(run):
    return [(step.task, step.operation.kind, step.operation.place) for step in run.trace if step.operation.kind != "switch"]


def test_a_run_has_no_more_switches_than_it_may(runner):
    assert len(runner.once(Strategy(), switches=_wild(mean=1.5, most=5)).between.met) <= 5


def test_opcodes_are_counted_while_there_is_another_task(hidden):
    def alone():
        for _ in range(100):
            hidden.Box()

    with Runner(alone, [__name__], [alone]) as runner:
        run = runner.once(Strategy(), switches=_wild())
    assert run.between.opcodes == 0
    assert run.between.met == []


def test_a_thread_that_is_no_task_is_not_counted(tmp_path):
    source = (
        HIDDEN + "hook = []\ndef busy():\n    return sum(n * n for n in range(50))\ndef beside():\n    hook[0]()\n    locked()\n"
    )
    with module(tmp_path, source) as made:
        counts = []
        for other in (lambda: None, made.busy):
            made.hook[:] = [lambda other=other: started(other)()]
            program = lambda: made.together(made.beside, made.beside)
            with Runner(program, [made.__name__], []) as runner:
                run = runner.once(RandomWalk(Random(3)), switches=_wild(3))
                assert run.failure is None
                counts.append((run.between.opcodes, run.between.met))
        assert counts[0] == counts[1]


def test_ordinary_runs_are_not_looked_at(tmp_path):
    source = HIDDEN + "import sys\ntraces = []\ndef traced():\n    together(*[lambda: traces.append(sys.gettrace())] * 2)\n"
    with module(tmp_path, source) as made, Runner(made.traced, [made.__name__], []) as runner:
        with nothing_left(made):
            assert runner.once(Strategy(), switches=_wild()).between.met
        made.traces.clear()
        assert runner.once(Strategy()).between is None
        assert made.traces == [None, None]


def test_an_order_without_needless_switches_is_shown(hidden):
    with Runner(hidden.overdraft, [hidden.__name__], []) as runner:
        for seed in range(200):
            failing = runner.once(RandomWalk(Random(seed)), switches=_wild(seed))
            if failing.failure is not None:
                break
        smallest, switches = shrink(runner.once, failing)
        assert smallest.repeats
        assert sum(map(len, switches.points.values())) <= 2
        assert smallest.switches <= 3


def test_an_ordinary_failure_in_a_run_with_switches_is_an_ordinary_order(tmp_path):
    with module(tmp_path, HIDDEN) as made, Runner(made.overdraft, [made.__name__], []) as runner:
        for seed in range(200):
            failing = runner.once(RandomWalk(Random(seed)), switches=_wild(seed, mean=40))
            if failing.failure is not None and not needed(failing)[1]:
                break
        assert shrink(runner.once, failing).switches is None


def test_an_order_that_does_not_come_to_its_opcodes_says_so(hidden):
    report = race.explore(hidden.overdraft, budget="60s")
    head, _, _ = report.replay.partition("@")
    with pytest.raises(ScheduleDiverged, match="did not follow the order"):
        race.replay(hidden.overdraft, f"{head}@1.99999")
    with pytest.raises(ScheduleDiverged, match="to opcode 99999 of task 1"):
        race.replay(hidden.locked, f"r1o{THIS}:@1.99999")


# ---------------------------------------------------------------- others who want to be told


@pytest.mark.skipif(monitoring is None, reason="there is no sys.monitoring")
def test_tools_of_others_are_left_alone(hidden):
    taken = [tool for tool in range(6) if monitoring.get_tool(tool) is None]
    for tool in taken[:-1]:
        monitoring.use_tool_id(tool, "other")
    try:
        with nothing_left(hidden):
            assert race.explore(hidden.overdraft, budget="60s").verdict == "failed"
        monitoring.use_tool_id(taken[-1], "other")
        with nothing_left(hidden):
            report = race.explore(hidden.overdraft, budget="60s")
        assert report.verdict == "not found"
        assert report.eye == "source, not between opcodes: other tools use all of sys.monitoring"
        with pytest.raises(OptionError, match="they cannot be counted: other tools use"):
            race.replay(hidden.overdraft, f"r1o{THIS}:0@1.5")
    finally:
        for tool in taken:
            if monitoring.get_tool(tool) == "other":
                monitoring.free_tool_id(tool)


@pytest.mark.skipif(monitoring is not None, reason="nobody traces")
def test_a_trace_function_is_left_alone(hidden):
    def trace(frame, event, argument):
        return None

    sys.settrace(trace)
    try:
        report = race.explore(hidden.overdraft, budget="60s")
        assert sys.gettrace() is trace
        with pytest.raises(OptionError, match="they cannot be counted: a debugger or a coverage tool traces"):
            race.replay(hidden.overdraft, f"r1o{THIS}:0@1.5")
        assert sys.gettrace() is trace
    finally:
        sys.settrace(None)
    assert report.verdict == "not found"
    assert report.eye == "source, not between opcodes: a debugger or a coverage tool traces"


def test_a_trace_function_that_comes_in_the_middle_of_a_run_is_left_alone(hidden):
    def trace(frame, event, argument):
        return None

    def debugged():
        sys.settrace(trace)
        hidden.locked()

    with Runner(debugged, [hidden.__name__], [debugged]) as runner:
        try:
            run = runner.once(Strategy(), switches=_wild())
            assert sys.gettrace() is trace
        finally:
            sys.settrace(None)
        assert run.failure is None
