"""When processes with a loop each are hired for coroutines: decided without a loop."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._policy.action import Hire, Inspect, Nap, Prepare, Return, Stay, Verified, Weigh
from atonce._policy.looping import Looping
from atonce._policy.observation import Payload, Safety, Scene, Seen

SCENE = Scene(cpus=2, gil=True, most_threads=512, most_processes=2, in_flight=512, start_s=0.03)
MOST_ACTIONS = 10  # between two naps


@dataclasses.dataclass
class Work:
    """Coroutines, as a model: what one computes, the part of the time in which their loop does, and what is in the way."""

    items: int | None = 20_000
    cpu_s: float = 0.0003
    load: float = 1.0
    queued: float = 0.0  # part of the time in which somebody else has the CPU
    ship_s: float = 1e-6
    stays: str = ""
    shares: str = ""
    apart: str = ""
    changes: bool = False
    processes_bring: float = 1.8
    total: int = 100_000  # where the input does not tell


def played(work: Work, scene: Scene = SCENE) -> list[object]:
    """Run a model under the policy; return what that did, but for naps."""
    now = done = spent = queued = 0.0
    hired = False
    facts: dict[str, object] = {}
    actions: list[object] = []

    def seen() -> Seen:
        left = None if work.items is None else max(0, work.items - int(done))
        delivered = scene.most_processes if hired else 0
        return Seen(now, 0.0, int(done), int(done), left, 0.0, spent, queued, delivered=delivered, **facts)

    looping = Looping(scene, seen())
    looks = 0
    while done < (work.total if work.items is None else work.items) and now < 60:
        action = looping.look(seen())
        looks += 1
        assert looks <= MOST_ACTIONS, "it never sleeps"
        if isinstance(action, Nap):
            looks, nap_s = 0, min(action.seconds, 1.0)
            now += nap_s
            gain = work.processes_bring if hired else 1.0
            done += gain * nap_s * work.load * (1 - work.queued) / work.cpu_s
            spent += 0.0 if hired else nap_s * work.load * (1 - work.queued)
            queued += nap_s * work.queued
            continue
        actions.append(action)
        if isinstance(action, Inspect):
            again = "safety" in facts
            shares = work.shares or ("it changes" if again and work.changes else "")
            facts["safety"] = Safety(shares, work.apart, done=int(done), watched=again)
        elif isinstance(action, Weigh):
            facts["payload"] = Payload(work.ship_s, 0.0, work.stays)
        elif isinstance(action, Prepare):
            facts["ready"] = True
        elif isinstance(action, Hire | Return):
            hired = isinstance(action, Hire)
    return actions


def kinds(actions: list[object]) -> list[str]:
    return [type(action).__name__ for action in actions]


def test_a_loop_that_computes_all_the_time_gets_company():
    actions = played(Work())
    assert kinds(actions) == ["Inspect", "Inspect", "Weigh", "Prepare", "Hire", "Verified"]
    hire, verified = actions[-2:]
    assert (hire.engine, hire.workers, hire.in_flight) == ("process", 2, 256)
    assert "300 µs an item" in hire.reason
    assert verified.gain == pytest.approx(1.8, rel=0.05)


@pytest.mark.parametrize(
    "work",
    [
        Work(load=0.7),  # it waits now and then
        Work(items=500),  # too little is left
        Work(cpu_s=1e-6, items=100_000),  # too little is left, of very small ones
        Work(items=None, total=400),
    ],
    ids=str,
)
def test_one_that_waits_or_has_little_to_do_stays_alone(work):
    assert played(work) == []


def test_who_has_to_wait_for_a_cpu_computes_all_the_same():
    assert "Hire" in kinds(played(Work(queued=0.5)))


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (Work(shares="it writes into 'seen'"), "it writes into 'seen'"),
        (Work(apart="it uses 'gate', a Semaphore that other processes do not see"), "a Semaphore"),
        (Work(stays="it has to stay in this process: it holds a socket"), "a socket"),
        (Work(changes=True), "it changes"),
    ],
    ids=str,
)
def test_what_must_stay_stays_and_it_is_said_why(work, words):
    *_, last = played(work)
    assert isinstance(last, Stay)
    assert words in last.reason


def test_what_costs_as_much_to_send_as_to_run_stays():
    actions = played(Work(cpu_s=1e-5, ship_s=1e-5, items=500_000))
    assert "Hire" not in kinds(actions)


def test_processes_that_bring_nothing_are_let_go():
    *_, hire, back = played(Work(processes_bring=0.9))
    assert isinstance(hire, Hire)
    assert isinstance(back, Return)
    assert "0.90x one loop" in back.reason


def test_with_one_cpu_nobody_is_asked():
    assert played(Work(), SCENE._replace(cpus=1, most_processes=1)) == []


works = st.builds(
    Work,
    items=st.none() | st.integers(1, 100_000),
    cpu_s=st.floats(1e-6, 0.1),
    load=st.floats(0.05, 1.0),
    queued=st.floats(0.0, 0.8),
    ship_s=st.floats(0.0, 1e-3),
    stays=st.sampled_from(["", "it has to stay"]),
    shares=st.sampled_from(["", "it writes"]),
    apart=st.sampled_from(["", "it is here"]),
    changes=st.booleans(),
    processes_bring=st.floats(0.2, 2.0),
)


@given(works)
def test_nobody_is_hired_for_what_has_to_stay(work):
    if "Hire" in kinds(played(work)):
        assert [work.stays, work.shares, work.apart, work.changes] == ["", "", "", False]


@given(works)
def test_before_anybody_is_hired_all_is_known(work):
    names = kinds(played(work))
    if "Hire" in names:
        before = names[: names.index("Hire")]
        assert before == ["Inspect", "Inspect", "Weigh", "Prepare"]
        assert names.count("Hire") == 1
        assert isinstance(played(work)[-1], Hire | Verified | Return)
