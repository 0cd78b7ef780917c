"""How a failing order is told: what kind of bug, which steps, who waits for whom."""

from random import Random

import pytest

from atonce.race.minimise import minimise
from atonce.race.operations import Operation, Place
from atonce.race.report import Report
from atonce.race.schedule import format_picks, parse_picks
from atonce.race.search.randomly import RandomWalk
from atonce.race.settings import settings
from atonce.race.telling.tell import tell
from tests.race.hand import Bench, Box, Lock

BANK = """\
import threading

class Account:
    def __init__(self):
        self.balance = 0

    def deposit(self, amount):
        local = self.balance
        local += amount

        self.balance = local

def test_bank():
    account = Account()
    threads = [threading.Thread(target=account.deposit, args=(10,)) for _ in range(2)]
    ...
"""


class Account(Box):
    """What the sample is about."""


class Teller:
    """Finds a failing order of a program, and tells it."""

    def __init__(self, folder):
        self.folder = folder
        self.benches = []

    def source(self, text, name="bank.py"):
        file = self.folder / name
        file.write_text(text)
        return [Place(str(file), line) for line in range(len(text.splitlines()) + 1)]

    def minimal(self, program, seed=0, **how):
        bench = Bench(program, **how)
        self.benches.append(bench)
        return bench, minimise(bench.attempt, bench.failing(RandomWalk(Random(seed))), seconds=60)

    def story(self, program, seed=0, **how):
        bench, found = self.minimal(program, seed, **how)
        return tell(bench.attempt, found.picks, left=found.left)

    def text(self, program, seed=0, width=132, **how):
        bench, found = self.minimal(program, seed, **how)
        failure = found.run.failure
        return Report(
            "failed",
            function="test_bank",
            schedules=2,
            seconds=0.006,
            replay=format_picks(found.picks),
            error=failure.error,
            failure=failure.kind,
            switches=found.switches,
            minimal=found.minimal,
            target="bank.py::test_bank",
            story=tell(bench.attempt, found.picks, left=found.left),
        ).text(width)


@pytest.fixture
def teller(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "test", "")
    teller = Teller(tmp_path)
    yield teller
    for bench in teller.benches:
        bench.close()


def deposits(lines):
    def program(p):
        p.box = Account()
        p.box.balance = 0

        def deposit():
            local = p.read("balance", lines[8])
            p.write("balance", local + 10, lines[11])

        p.together(deposit, deposit)
        assert p.box.balance == 20, f"{p.box.balance} != 20"

    return program


def test_the_sample(teller):
    text = teller.text(deposits(teller.source(BANK)))
    lines = text.splitlines()
    assert lines[:7] == [
        'RACE  lost update on Account.balance   found on schedule 2 (6 ms)   replay="r1:0*2.1*2.2*3.1.0*2"   2 switches (minimal)',
        "in bank.py",
        "     T1 deposit                       T2 deposit",
        "  8  local = self.balance   read 0",
        "  8                                   local = self.balance   read 0",
        " 11                                   self.balance = local   write 10",
        " 11  self.balance = local   write 10  <-- overwrites T2's write, which T1 had not seen",
    ]
    assert lines[7] == "      (6 other steps not shown)"
    assert lines[8].startswith("AssertionError: 10 != 20 (main, test_telling.py:")
    assert lines[8].endswith("nothing orders line 8 (T1) and line 11 (T2): they hold no lock in common")
    assert lines[9:] == [
        "try: hold one lock from line 8 to line 11",
        'again: race.replay(test_bank, "r1:0*2.1*2.2*3.1.0*2")',
        "       atonce race bank.py::test_bank --replay r1:0*2.1*2.2*3.1.0*2",
    ]


@pytest.mark.parametrize("width", [10, 80, 100, 132])
def test_it_fits_the_terminal(teller, width):
    text = teller.text(deposits(teller.source(BANK)), width=width)
    assert all(len(line) <= max(80, width) for line in text.splitlines())
    assert "overwrites T2's write, which T1 had not seen" in text
    assert "try: hold one lock from line 8 to line 11" in text


def test_many_tasks_stand_below_each_other(teller):
    lines = teller.source(BANK)

    def program(p):
        p.box.balance = 0

        def deposit():
            p.write("balance", p.read("balance", lines[8]) + 10, lines[11])

        p.together(*[deposit] * 5)
        assert p.box.balance == 50

    text = teller.text(program, width=90)
    assert all(len(line) <= 90 for line in text.splitlines())
    assert "  8  T1 deposit  local = self.balance   read 0\n" in text


CHECK = "if self.balance >= amount:\n    self.balance -= amount\n"


def test_check_then_act(teller):
    lines = teller.source(CHECK)

    def program(p):
        p.box = Account()
        p.box.balance = 100

        def withdraw():
            if p.read("balance", lines[1]) >= 60:
                p.write("balance", p.read("balance", lines[2]) - 60, lines[2])

        p.together(withdraw, withdraw)
        assert p.box.balance >= 0

    story = teller.story(program)
    assert story.headline == "check-then-act on Account.balance"
    assert story.hint == "hold one lock from line 1 to line 2"
    assert [row.values for row in story.rows] == ["read 100", "read 100", "read 100, write 40", "read 40, write -20"]
    assert [row.task for row in story.rows] == [1, 2, 2, 1]


def locked_apart(lines):
    def program(p):
        p.box.n = 0
        lock = Lock(p.run)

        def add():
            lock.acquire(lines[1])
            seen = p.read("n", lines[2])
            lock.release(lines[1])
            lock.acquire(lines[3])
            p.write("n", seen + 1, lines[4])
            lock.release(lines[3])

        p.together(add, add)
        assert p.box.n == 2

    return program


def test_locked_but_not_together(teller):
    story = teller.story(locked_apart(teller.source("with lock:\n    seen = n\nwith lock:\n    n = seen + 1\n")))
    assert story.headline == "atomicity violation on Box.n"
    assert story.facts[1] == "each of these steps holds Lock, but T1 lets go of it between line 2 and line 4"
    assert story.hint == "hold the lock from line 2 to line 4, and do not let go of it between"
    assert "acquire" in [row.values for row in story.rows]


def test_who_waited_has_to_look_again(teller):
    lines = teller.source("if not ready:\n    condition.wait()\nready.pop()\n")

    def program(p):
        p.box.ready = 0
        lock, signal = Lock(p.run), Box()

        def takes():
            lock.acquire(lines[1])
            if not p.read("ready", lines[1]):
                heard = p.box.heard = []
                p.run.note(Operation("begin to wait", ((p.run.number(signal), None, True),), lines[2]))
                lock.release(lines[2])
                p.run.point(Operation("wait", ((p.run.number(signal), None, False),), lines[2], lambda: heard, waits=True))
                lock.acquire(lines[2])
            ready = p.read("ready", lines[3])
            p.write("ready", ready - 1, lines[3])
            lock.release(lines[3])
            assert ready

        def gives():
            lock.acquire(lines[1])
            p.write("ready", 1, lines[3])
            p.run.note(Operation("notify", ((p.run.number(signal), None, True),), lines[3], enables=True))
            getattr(p.box, "heard", []).append(1)
            lock.release(lines[3])

        p.together(takes, gives, takes)

    story = teller.story(program)
    assert story.headline == "atomicity violation on Box.ready"
    assert story.hint == "look again after waiting: while instead of if at line 1"


def test_two_locks_that_are_not_the_same(teller):
    lines = teller.source("with mine:\n    n += 1\n")

    def program(p):
        p.box.n = 0
        locks = [Lock(p.run), Lock(p.run)]

        def adder(lock):
            def add():
                lock.acquire(lines[1])
                p.write("n", p.read("n", lines[2]) + 1, lines[2])
                lock.release(lines[1])

            return add

        p.together(*map(adder, locks))
        assert p.box.n == 2

    story = teller.story(program)
    assert story.headline == "lost update on Box.n"
    assert story.facts[1] == "nothing orders line 2 (T1) and line 2 (T2): the locks that they hold are not the same"
    assert story.hint == "hold one lock around line 2"


def test_a_pair_half_changed(teller):
    lines = teller.source("self.a = 1\nself.b = 1\na = self.a\nb = self.b\n")

    def program(p):
        p.box.a = p.box.b = 0

        def writes():
            p.write("a", 1, lines[1])
            p.write("b", 1, lines[2])

        def reads():
            a, b = p.read("a", lines[3]), p.read("b", lines[4])
            assert a == b

        p.together(writes, reads)

    story = teller.story(program)
    assert story.headline == "half-done change on Box.a and Box.b"
    assert story.rows[-1] == (1, str(teller.folder / "bank.py"), 2, "self.b = 1", "not done yet", "")
    assert story.rows[-2].remark == "T1 has not done line 2 yet"


def test_what_the_run_does_not_show_is_not_named(teller):
    lines = teller.source("value = self.value\nself.value = 1\n")

    def program(p):
        def sets():
            p.write("value", 1, lines[2])

        def uses():
            p.read("value", lines[1])

        p.together(uses, sets)

    story = teller.story(program)
    assert story.headline == "AttributeError in T1"
    assert story.rows == ()
    assert story.facts[0].startswith("AttributeError: 'Box' object has no attribute 'value' (T1, line ")
    assert story.hint == ""


def test_what_is_read_too_early(teller):
    lines = teller.source("begun.set()\nself.page = 'text'\nbegun.wait()\nassert self.page\n")

    def program(p):
        p.box.page = p.box.begun = ""
        signal = Box()

        def writes():
            p.run.point(Operation("set", ((p.run.number(signal), None, True),), lines[1], enables=True))
            p.box.begun = "yes"
            p.write("page", "text", lines[2])

        def reads():
            cells = ((p.run.number(signal), None, False),)
            p.run.point(Operation("wait", cells, lines[3], lambda: p.box.begun, waits=True))
            assert p.read("page", lines[4])

        p.together(writes, reads)

    story = teller.story(program)
    assert story.headline == "order violation on Box.page"
    assert [(row.line, row.values, row.remark) for row in story.rows] == [
        (4, "read ''", "T1 has not done line 2 yet"),
        (2, "not done yet", ""),
    ]
    assert story.facts[1] == "nothing makes T2 wait at line 4 until T1 has done line 2"
    assert story.hint == "let T2 wait for that: for an event, for a queue, or until T1 has ended"


def test_a_failure_that_shares_nothing(teller):
    def program(p):
        raise KeyError("nobody")

    story = teller.story(program)
    assert story.headline == "KeyError in main"
    assert story.rows == ()
    assert story.word == "FAILURE"
    assert len(story.facts) == 2
    assert "no step of another task has a part in it" in story.facts[1]


def test_a_hand_over_is_no_missing_order(teller):
    """What is set before a signal and read after it is ordered, lock or not: the failure is about something else."""
    lines = teller.source("one\ntwo\nthree\nfour\n")

    def program(p):
        p.box.n = p.box.ready = 0
        signal = Box()

        def gives():
            p.write("n", 5, lines[1])
            p.run.point(Operation("set", ((p.run.number(signal), None, True),), lines[2], enables=True))
            p.box.ready = 1

        def takes():
            cells = ((p.run.number(signal), None, False),)
            p.run.point(Operation("wait", cells, lines[3], lambda: p.box.ready, waits=True))
            assert p.read("n", lines[4]) != 5

        p.together(gives, takes)

    story = teller.story(program)
    assert story.headline == "AssertionError in T2"
    assert not any("nothing orders" in fact for fact in story.facts)


LOCKS = "with a:\n    with b:\n        pass\nwith b:\n    with a:\n        pass\n"


def crossed(lines):
    def program(p):
        a, b = Lock(p.run), Lock(p.run)

        def forward():
            a.acquire(lines[1])
            b.acquire(lines[2])
            b.release(lines[2])
            a.release(lines[1])

        def backward():
            b.acquire(lines[4])
            a.acquire(lines[5])
            a.release(lines[5])
            b.release(lines[4])

        p.together(forward, backward)

    return program


def test_a_deadlock_draws_its_cycle(teller):
    story = teller.story(crossed(teller.source(LOCKS)))
    assert (story.word, story.headline) == ("DEADLOCK", "T1 and T2 wait for each other")
    one, other = ("Lock 1", "Lock 2") if story.rows[0].task == 1 else ("Lock 2", "Lock 1")
    assert story.waits == (
        f"T1 forward waits for {other} at line 2 (with b:): held by T2, which took it at line 4 (with b:)",
        f"           holds {one}, taken at line 1 (with a:)",
        f"T2 backward waits for {one} at line 5 (with a:): held by T1, which took it at line 1 (with a:)",
        f"            holds {other}, taken at line 4 (with b:)",
        "main waits for T1 forward to end",
        "cycle: T1 -> T2 -> T1",
    )
    assert story.hint == "take these locks in the same order everywhere"
    assert {row.values for row in story.rows} == {"acquire"}


def test_who_takes_a_lock_twice_waits_for_itself(teller):
    def program(p):
        lock = Lock(p.run)
        lock.acquire()
        lock.acquire()

    story = teller.story(program)
    assert story.headline == "main waits for itself"
    assert story.waits[0] == "main waits for Lock: held by itself, which took it at a line of its own"
    assert "RLock" in story.hint


def _waits(p, signal, lines):
    p.run.point(Operation("wait", ((p.run.number(signal), None, False),), lines[1], lambda: False, waits=True))


def test_a_lost_wake_up(teller):
    lines = teller.source("condition.wait()\ncondition.notify()\n")

    def program(p):
        signal = Box()
        p.box.heard = p.box.waiting = False

        def waits():
            p.run.note(Operation("begin wait", ((p.run.number(signal), None, True),), lines[1]))
            p.run.point(Operation("wait", ((p.run.number(signal), None, False),), lines[1], lambda: p.box.heard, waits=True))

        def notifies():
            p.run.point(Operation("notify", ((p.run.number(signal), None, True),), lines[2], enables=True))
            p.box.heard = p.box.waiting

        p.together(waits, notifies)

    story = teller.story(program)
    assert (story.word, story.headline) == ("DEADLOCK", "T1 waits for what nobody will do")
    assert story.waits[0] == "T1 waits waits for a Box (wait) at line 1 (condition.wait()): nobody is left to signal it"
    assert story.waits[1] == "main waits for T1 waits to end"
    assert story.hint == "look at what is waited for before waiting, in a loop: while not ready: condition.wait()"


def test_a_thread_left_alive(teller):
    lines = teller.source("queue.get()\n")

    def program(p):
        signal = Box()
        p.start(lambda: _waits(p, signal, lines), "Thread-1 (consumer)")

    story = teller.story(program)
    assert (story.word, story.headline) == ("LEFT ALIVE", "T1 waits for what nobody will do")
    assert story.waits == ("T1 consumer waits for a Box (wait) at line 1 (queue.get()): nobody is left to signal it",)
    assert "the program would never end" in story.facts[0]


def test_a_livelock_shows_the_last_steps(teller):
    lines = teller.source("while not self.stop:\n    pass\n")

    def program(p):
        p.box.stop = False
        while not p.read("stop", lines[1]):
            pass

    text = teller.text(program, max_steps=50)
    assert text.startswith("LIVELOCK  the program goes on and on   found on schedule 2")
    assert "  1  while not self.stop:   read False\n" in text
    assert "after 50 steps it was stopped" in text


def test_an_order_that_does_not_repeat_is_told_as_such(teller):
    bench, found = teller.minimal(crossed(teller.source(LOCKS)))
    assert found.run.failure is not None
    story = tell(bench.attempt, parse_picks("r1:0*2.1*3.9"))
    assert story.headline == "an order that does not repeat"
    assert "task 9" in story.facts[0]
    assert "did not fail again" in tell(bench.attempt, []).facts[0]


def test_a_long_run_shows_what_it_is_about(teller):
    lines = teller.source("n += 1\nother += 1\n")

    def program(p):
        p.box.n = p.box.other = 0

        def add():
            for _ in range(40):
                p.run.note(Operation("write", ((p.run.number(p.box), "other", True),), lines[2]))
            p.write("n", p.read("n", lines[1]) + 1, lines[1])

        p.together(add, add)
        assert p.box.n == 2

    story = teller.story(program)
    assert story.headline == "lost update on Box.n"
    assert len(story.rows) <= 24
    assert story.rows[-1].remark == "overwrites T2's write, which T1 had not seen"
    shown = sum(row.text == "n += 1" for row in story.rows)
    assert shown == 3
    assert story.elided > 80
