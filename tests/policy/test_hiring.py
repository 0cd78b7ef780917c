"""Who is hired for what is seen: recorded and modelled runs, in virtual time."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._policy.action import Decision, Hire, Inspect, Nap, Prepare, Return, Weigh, settled
from atonce._policy.hiring import Hiring
from atonce._policy.observation import Payload, Safety, Scene, Seen

SCENE = Scene(cpus=2, gil=True, most_threads=512, most_processes=2, in_flight=512, start_s=0.03)
MOST_ACTIONS = 10  # between two naps
LONGEST_REASON = 100  # characters, for a report that fits a terminal


@dataclasses.dataclass
class Work:
    """A function and its inputs, as a model.

    ``load`` is the part of an item in which it computes; ``held`` whether it holds the GIL meanwhile; ``ship_s`` what it takes to
    send one to another process; ``begins_to_wait`` from which item on it waits all the time.
    """

    items: int | None = 1000
    item_s: float = 0.001
    load: float = 1.0
    held: bool = True
    ship_s: float = 1e-6
    stays: str = ""
    shares: str = ""
    apart: str = ""
    elsewhere: str = ""  # as apart, and seen only when processes are ready
    doubt: str = ""
    fills: str = ""  # what it keeps in this process, as is seen after some items
    changes: bool = False
    slow_processes: float = 1.0
    imports_s: float = 0.0
    threads_help: bool = True
    threads_wait_after: int | None = None  # item from which on threads wait for the GIL so much that 1.3 CPUs are busy
    wasted: float = 1.0  # times the CPU time of one worker that an item takes in threads: they hinder each other
    seems: float = 1.0  # times what an item takes, as long as nobody is hired: the manager is in the way
    native: float = 1.0
    native_until_s: float = 1e9
    held_at_every: int = 0  # so many-th look of a caller that else lets go of the GIL
    line_s: float = 0.005  # for which the manager waits for the GIL beside threads that compute
    begins_to_wait: int | None = None
    begins_to_compute: int | None = None
    total: int = 100_000  # where the input does not tell

    def safety(self, done, before):
        if before is not None and self.changes:
            return Safety("it changes 'seen' from item to item", done=done)
        apart = self.apart or (self.fills if before is not None else "")
        watched = before is not None
        return Safety(self.shares, apart, self.doubt, doubt_apart=self.fills, done=done, watched=watched)


class Modelled:
    """Runs a model under a ``Hiring``, and keeps what that did."""

    def __init__(self, work, scene=SCENE, *, until_s=3.0):
        self.work, self.scene = work, scene
        self.now = self.done = self.first_cpu = self.process_cpu = self.crew_cpu = 0.0
        self.delivered = self.told = self.looks = 0
        self.hired, self.hired_at = Hire("inline", 1, 1, ""), 0.0
        self.safety = self.payload = None
        self.ready = False
        self.actions = []
        self.hiring = Hiring(scene, self.seen(0.0))
        nap = 0.001
        while self.now < until_s and self.done < self.count:
            self.advance(nap)
            nap = self.look()

    @property
    def count(self):
        return self.work.total if self.work.items is None else self.work.items

    @property
    def load(self):
        waits, computes = self.work.begins_to_wait, self.work.begins_to_compute
        if computes is not None and self.done >= computes:
            return 1.0
        return 0.01 if waits is not None and self.done >= waits else self.work.load

    def speed(self):
        """Items a second, and CPUs: of the caller, of this program's threads, of the crew."""
        work, engine, workers, load = self.work, self.hired.engine, self.hired.workers, self.load
        alone = 1 / work.item_s
        if engine == "thread":
            cpus = 1.0 if work.held or not work.threads_help else float(self.scene.cpus)
            if work.threads_wait_after is not None and self.done >= work.threads_wait_after:
                cpus = 1.3
            rate = min(workers * alone, cpus * alone / max(load, 1e-3)) / work.wasted
            return rate, 0.0, rate * work.item_s * load * work.wasted, rate * work.item_s * load * work.wasted
        if engine == "process" and self.now - self.hired_at > self.scene.start_s:
            flying = workers * self.hired.in_flight
            rate = min(flying * alone, self.scene.cpus * alone / max(load, 1e-3)) * work.slow_processes
            rate = min(rate, 1 / work.ship_s)
            return rate, 0.0, 0.02, rate * work.item_s * load
        return alone, load, load * (work.native if self.now < work.native_until_s else 1.0), 0.0

    def advance(self, seconds):
        rate, first, process, crew = self.speed()
        line_s = self.work.line_s if self.hired.engine == "thread" else 0.005
        late = line_s if self.work.held and process > 0.9 else 0.0001
        self.looks += 1
        if self.work.held_at_every and self.hired.engine == "inline" and self.looks % self.work.held_at_every == 0:
            late = 0.003
        self.late = late
        spent = seconds + late
        self.now += spent
        self.done = min(self.count, self.done + rate * spent)
        self.first_cpu += first * spent
        self.process_cpu += process * spent
        self.crew_cpu += crew * spent
        if crew:
            self.delivered = self.hired.workers

    def seen(self, late):
        done = int(self.done)
        heard = [(index, 1, self.work.item_s) for index in range(self.told, done)]
        self.told = max(self.told, done)
        flying = 1 if self.hired.engine == "inline" else self.hired.workers * self.hired.in_flight
        taken = min(self.count, done + flying)
        left = None if self.work.items is None else self.work.items - taken
        item_s = self.work.item_s * (self.work.seems if self.hired.engine == "inline" else 1.0) if done else 0.0
        return Seen(
            self.now, late, done, taken, left, item_s, self.first_cpu, 0.0, False, self.process_cpu, self.crew_cpu, 0.0,
            self.delivered, heard, self.safety, self.payload, self.ready,
        )  # fmt: skip

    def look(self):
        seen = self.seen(self.late)
        for _ in range(MOST_ACTIONS):
            action = self.hiring.look(seen)
            if isinstance(action, Nap):
                return action.seconds
            self.actions.append((self.now, action))
            if isinstance(action, Inspect):
                self.safety = self.work.safety(int(self.done), self.safety)
            elif isinstance(action, Weigh):
                self.payload = Payload(self.work.ship_s, self.work.imports_s, self.work.stays)
            elif isinstance(action, Prepare):
                self.ready = True
                if self.safety is not None and self.work.elsewhere:
                    self.safety = self.safety._replace(apart=self.work.elsewhere)
            elif isinstance(action, Hire):
                assert self.ready or action.engine != "process"
                if action.engine != self.hired.engine:
                    self.delivered, self.hired_at = 0, self.now
                self.hired = action
            elif isinstance(action, Return):
                self.hired, self.delivered = Hire("inline", 1, 1, ""), 0
            seen = self.seen(0.0)
        raise AssertionError(f"no end of actions: {self.actions[-MOST_ACTIONS:]}")

    @property
    def hired_processes_at(self):
        """When processes were hired; they have to have been."""
        assert self.engines[-1] == "process"
        return self.hired_at

    @property
    def engines(self):
        """The kinds of worker, in the order in which they came."""
        kinds = ["inline"]
        for _, action in self.actions:
            kind = action.engine if isinstance(action, Hire) else "inline" if isinstance(action, Return) else kinds[-1]
            if kind != kinds[-1]:
                kinds.append(kind)
        return kinds

    @property
    def reasons(self):
        return " | ".join(action.reason for _, action in self.actions if getattr(action, "reason", ""))


@pytest.mark.parametrize(
    ("work", "engines"),
    [
        (Work(), ["inline", "process"]),
        (Work(items=7000, item_s=86e-6), ["inline", "process"]),
        (Work(items=3, item_s=0.5), ["inline", "process"]),
        (Work(items=None), ["inline", "process"]),
        (Work(item_s=0.02, load=0.0), ["inline", "thread"]),
        (Work(item_s=0.2, load=0.01, items=60), ["inline", "thread"]),
        (Work(item_s=0.001, load=0.001, items=20_000), ["inline", "thread"]),
        (Work(item_s=0.001, load=0.05, items=50_000), ["inline", "thread", "process"]),  # 20 threads fill the GIL
        (Work(item_s=0.02, load=0.002, items=100_000), ["inline", "thread"]),  # as many as that are not in flight in two processes
        (Work(held=False), ["inline", "thread"]),
        (Work(held=False, items=40, item_s=0.02), ["inline", "thread"]),
        (Work(item_s=0.01, load=0.3, held=False, items=5000), ["inline", "thread"]),
        (Work(items=1000, item_s=20e-6), ["inline"]),  # 20 ms of work
        (Work(items=100_000, item_s=3e-6, ship_s=5e-6), ["inline"]),
        (Work(ship_s=0.9e-3), ["inline"]),
        (Work(stays="it closes over a lock"), ["inline"]),
        (Work(shares="it calls seen.append"), ["inline"]),
        (Work(shares="it calls seen.append", load=0.0, item_s=0.02), ["inline"]),
        (Work(apart="'gate' is a lock of this process"), ["inline"]),
        (Work(apart="'gate' is a lock of this process", load=0.0, item_s=0.02), ["inline", "thread"]),
        (Work(elsewhere="'TABLE' is not what it is in a new process"), ["inline"]),
        (Work(doubt="it fills the cache of fib"), ["inline", "process"]),
        (Work(doubt="it fills the cache of fib", load=0.0, item_s=0.02), ["inline", "thread"]),
        (Work(doubt="it fills the cache of fib", load=0.0, item_s=0.02, changes=True), ["inline"]),
        (Work(item_s=0.0001, changes=True), ["inline"]),
        (Work(fills="it fills the cache of fib"), ["inline"]),
        (Work(fills="it fills the cache of fib", held=False), ["inline", "thread"]),
        (Work(fills="it fills the cache of fib", load=0.0, item_s=0.02), ["inline", "thread"]),
        (Work(5000, 0.01, 0.5, fills="it fills the cache of fib"), ["inline", "thread"]),
        (Work(stays="it closes over a lock", load=0.0, item_s=0.02), ["inline", "thread"]),
        (Work(native=2.0, held=False), ["inline"]),
        (Work(native=2.0, held=True), ["inline"]),  # the manager wakes late, because there is no CPU for it
        (Work(items=5000, held=False, threads_help=False), ["inline", "thread", "inline", "process"]),  # short holds of the GIL
        (Work(items=20_000, slow_processes=0.3), ["inline", "process", "inline"]),
        (Work(items=5000, held=False, threads_wait_after=200), ["inline", "thread", "process"]),
        (Work(items=800, held=False, threads_wait_after=200), ["inline", "thread"]),  # too late
        (Work(items=5000, held=False, threads_wait_after=200, slow_processes=0.4), ["inline", "thread", "process", "thread"]),
        (Work(items=5000, held=False, begins_to_wait=200), ["inline", "thread"]),
        (Work(items=5000, held=False, threads_wait_after=200, stays="it closes over a lock"), ["inline", "thread"]),
        (Work(imports_s=0.3), ["inline", "process"]),
        (Work(imports_s=0.6), ["inline"]),  # half of the work takes less
    ],
    ids=repr,
)
def test_the_kind_of_worker(work, engines):
    modelled = Modelled(work)
    assert modelled.engines == engines
    assert all(len(reason) <= LONGEST_REASON for reason in modelled.reasons.split(" | "))


def test_threads_that_computed_are_more_once_the_work_begins_to_wait():
    assert Modelled(Work(items=5000, held=False, begins_to_wait=200)).hired.workers > 10


def test_a_first_item_that_has_not_ended_is_taken_for_halfway():
    assert Modelled(Work(items=7, item_s=0.12), SCENE._replace(start_s=0.14)).hired_processes_at < 0.06


def test_where_nobody_knows_how_many_come_less_has_to_be_done_than_would_pay():
    scene = SCENE._replace(start_s=0.1)
    paying = next(count for count in range(100, 1000, 10) if Modelled(Work(items=count), scene).engines[-1] == "process")
    assert Modelled(Work(items=None), scene).hired_at < 0.7 * paying * Work().item_s


def glance(now_ms, done, item_ms, cpu_ms, *, of=400, ready=False):
    """One look at work that computes and holds the GIL, and of which processes would cost 175 ms to start."""
    return Seen(
        now_ms / 1000, 0.0051, done, done + 1, of - done - 1, item_ms / 1000, cpu_ms / 1000, 0.0, False, cpu_ms / 1000,
        safety=Safety(), payload=Payload(1.4e-6, 0.135, ""), ready=ready,
    )  # fmt: skip


def test_items_that_take_less_than_it_takes_to_ship_nothing_are_not_even_inspected():
    run = Modelled(Work(items=10_000_000, item_s=1e-7), SCENE._replace(ship_s=2e-7), until_s=0.5)
    assert [type(action).__name__ for _, action in run.actions] == ["Stay"]
    assert "100 ns an item, at least 200 ns to ship one" in run.actions[0][1].reason
    assert run.hiring.flips[0].startswith("above ")


def test_a_few_more_are_expected_where_nobody_knows_after_one_long_item():
    """The first of 16 took 80 ms. With two to come processes would not be worth their start."""
    assert Modelled(Work(items=None, total=16, item_s=0.08), SCENE._replace(start_s=0.14)).hired_processes_at < 0.11


def test_work_that_holds_the_gil_now_and_then_and_is_heavy_to_ship_gets_threads():
    """Arrays of megabytes: a step in three holds the GIL, and to ship one takes a quarter of its time."""
    assert Modelled(Work(item_s=0.003, held=False, held_at_every=3, ship_s=0.0008)).engines == ["inline", "thread"]


def test_work_that_holds_the_gil_now_and_then_and_is_light_to_ship_gets_processes():
    assert Modelled(Work(item_s=0.003, held=False, held_at_every=3)).engines == ["inline", "process"]


@pytest.mark.parametrize("why", [{"stays": "it has to stay in this process: a lock"}, {"apart": "it uses a lock of this process"}])
def test_work_that_holds_the_gil_now_and_then_and_cannot_be_shipped_gets_threads(why):
    assert Modelled(Work(item_s=0.003, held=False, held_at_every=3, **why)).engines == ["inline", "thread"]


def test_threads_that_bring_nothing_beside_work_that_holds_the_gil_now_and_then_give_way_to_processes():
    work = Work(item_s=0.003, held=False, held_at_every=3, ship_s=0.0004, threads_help=False)
    assert Modelled(work).engines == ["inline", "thread", "inline", "process"]


def test_items_that_were_done_before_they_were_heard_of_do_not_make_the_others_seem_short():
    """As recorded: at the mark, two of the items that count as done since had ended. Items of 1.4 ms seemed to take 1.06 ms."""
    hiring = Hiring(SCENE._replace(start_s=0.04), glance(6.6, 3, 1.7, 6.5))
    assert isinstance(hiring.look(glance(12.8, 9, 1.865, 12.86)), Nap)  # and does not say that they stay
    assert isinstance(hiring.look(glance(20.3, 14, 1.509, 20.17)), Prepare)
    assert hiring.look(glance(20.4, 15, 1.509, 20.27, ready=True)).engine == "process"


def test_processes_that_were_started_are_hired_though_they_had_not_been_worth_it_before():
    hiring = Hiring(SCENE._replace(start_s=0.04), glance(6.6, 3, 1.1, 6.5))
    hiring.look(glance(12.8, 9, 1.1, 12.6))
    hiring.look(glance(80.0, 70, 1.05, 79.8))
    assert "they would cost more" in hiring.ruled_out["process"]
    assert isinstance(hiring.look(glance(180.0, 90, 1.7, 180.0)), Prepare)
    assert hiring.look(glance(181.0, 92, 1.4, 181.0, ready=True)).engine == "process"


def test_what_begins_to_compute_goes_from_threads_to_processes():
    """It had waited for so long that in the mean of all its time the GIL would have been free."""
    work = Work(items=3000, item_s=0.005, load=0.01, begins_to_compute=2000, imports_s=0.1)
    modelled = Modelled(work, until_s=20.0)
    assert modelled.engines == ["inline", "thread", "process"]
    assert modelled.now < 0.7 * 1000 * work.item_s


def test_what_begins_to_wait_leaves_the_processes():
    modelled = Modelled(Work(items=20_000, begins_to_wait=800), until_s=10.0)
    assert modelled.engines[:4] == ["inline", "process", "inline", "thread"]


def test_threads_of_a_blas_that_wait_for_work_with_a_busy_cpu_are_waited_for():
    run = Modelled(Work(1000, 0.001, held=False, native=2.0, native_until_s=0.025))
    assert run.engines == ["inline", "thread"]
    assert next(at for at, action in run.actions if isinstance(action, Hire)) < 0.05
    assert not any("threads of its own" in getattr(action, "reason", "") for _, action in run.actions)


def test_in_a_line_for_the_gil_a_few_looks_are_enough():
    run = Modelled(Work(5000, 0.01, 0.5, line_s=0.1))
    assert run.engines == ["inline", "thread", "process"]
    assert next(at for at, action in run.actions if isinstance(action, Prepare)) < 0.3


def test_threads_that_only_burn_cpu_are_let_go_though_items_seemed_to_take_longer_before():
    run = Modelled(Work(20_000, 0.0005, held=False, wasted=2.5, seems=3.0))
    assert run.engines[:3] == ["inline", "thread", "inline"]
    assert run.hiring.ruled_out["thread"].startswith("brought 0.")


def test_what_an_item_takes_is_told_by_its_cpu_time():
    """At 300 us processes would pay, which cost 150 us an item; at 190 us they do not."""
    assert Modelled(Work(20_000, 300e-6, ship_s=150e-6)).engines == ["inline", "process"]
    assert Modelled(Work(20_000, 190e-6, ship_s=150e-6, seems=1.6)).engines == ["inline"]


def test_processes_that_bring_less_than_the_threads_before_give_way_to_them():
    run = Modelled(Work(5000, 0.01, 0.5, slow_processes=0.4))
    assert run.engines == ["inline", "thread", "process", "thread"]
    threads = [action.workers for _, action in run.actions if isinstance(action, Hire) and action.engine == "thread"]
    processes = next(number for number, (_, action) in enumerate(run.actions) if getattr(action, "engine", "") == "process")
    before = [action.workers for _, action in run.actions[:processes] if isinstance(action, Hire)]
    assert run.hired.workers >= before[-1], threads
    assert "x the threads" in run.hiring.ruled_out["process"]


def test_with_one_cpu_nobody_is_hired_to_compute():
    scene = SCENE._replace(cpus=1, most_processes=1)
    assert Modelled(Work(), scene).engines == ["inline"]
    assert Modelled(Work(load=0.0, item_s=0.02), scene).engines == ["inline", "thread"]


def test_without_a_gil_threads_are_tried_first():
    assert Modelled(Work(held=False), SCENE._replace(gil=False)).engines == ["inline", "thread"]


@pytest.mark.parametrize(
    ("work", "within_s"),
    [
        (Work(item_s=0.02, load=0.0), 0.005),
        (Work(item_s=5.0, load=0.0, items=10), 0.005),
        (Work(held=False), 0.01),
        (Work(items=7000, item_s=86e-6), 0.02),
    ],
    ids=["waits", "waits long", "GIL free", "GIL held"],
)
def test_the_first_decision_comes_soon(work, within_s):
    first = next(at for at, action in Modelled(work).actions if isinstance(action, Hire))
    assert first <= within_s


def test_an_item_that_has_not_ended_may_compute_for_a_while():
    first = next(at for at, action in Modelled(Work(items=3, item_s=0.5)).actions if isinstance(action, Hire))
    assert first <= 0.1


def test_why_nobody_is_hired_says_from_where_on_it_would_pay():
    assert "processes would pay above" in Modelled(Work(ship_s=0.9e-3)).reasons


def test_what_was_let_go_is_told_with_what_it_had_brought():
    assert "processes brought 0.6" in Modelled(Work(items=20_000, slow_processes=0.3)).reasons


works = st.builds(
    Work,
    items=st.none() | st.integers(2, 20_000),
    item_s=st.sampled_from([1e-6, 20e-6, 1e-3, 0.02, 0.5]),
    load=st.floats(0.0, 1.0),
    held=st.booleans(),
    ship_s=st.sampled_from([1e-6, 1e-4, 1e-2]),
    stays=st.sampled_from(["", "it closes over a lock"]),
    shares=st.sampled_from(["", "it calls seen.append"]),
    apart=st.sampled_from(["", "'gate' is a lock of this process"]),
    doubt=st.sampled_from(["", "it fills the cache of fib"]),
    changes=st.booleans(),
    slow_processes=st.sampled_from([0.1, 0.5, 1.0]),
    native=st.sampled_from([1.0, 2.0]),
    begins_to_wait=st.none() | st.integers(1, 1000),
    total=st.integers(2, 20_000),
)
scenes = st.builds(
    Scene,
    cpus=st.sampled_from([1, 2, 16]),
    gil=st.booleans(),
    most_threads=st.sampled_from([1, 4, 512]),
    most_processes=st.sampled_from([1, 2, 16]),
    in_flight=st.sampled_from([1, 4, 512]),
    start_s=st.sampled_from([0.005, 0.03]),
)


@given(works, scenes)
def test_whatever_the_work_is_like(work, scene):
    modelled = Modelled(work, scene, until_s=1.0)
    for _, action in modelled.actions:
        if isinstance(action, Hire):
            assert not work.shares
            assert not (work.doubt and work.changes)
            assert action.workers >= 1
            assert action.in_flight >= 1
            if action.engine == "process":
                assert not work.stays
                assert not work.apart
                assert 2 <= action.workers <= scene.most_processes
                assert action.workers * action.in_flight <= max(scene.in_flight, action.workers)
            else:
                assert action.workers <= min(scene.most_threads, scene.in_flight)
    hires = [at for at, action in modelled.actions if isinstance(action, Return)]
    assert len(hires) <= 6  # nobody is hired and let go for ever


@pytest.mark.parametrize(
    ("facts", "engine"),
    [
        ({"is_async": True, "timeout": False, "memory": False}, "async"),
        ({"is_async": True, "timeout": True, "memory": False}, "async"),
        ({"is_async": False, "timeout": True, "memory": False}, "process"),
        ({"is_async": True, "timeout": False, "memory": True}, "process"),
        ({"is_async": False, "timeout": False, "memory": True}, "process"),
    ],
)
def test_what_the_call_itself_settles(facts, engine):
    decision = settled(**facts)
    assert isinstance(decision, Decision)
    assert decision.engine == engine
    assert decision.reason


def test_most_calls_settle_nothing():
    assert settled(is_async=False, timeout=False, memory=False) is None
