"""Items that fail, crash, ask for time and succeed, in any order and at any time: none is lost, and none is in two places."""

from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from atonce import Retry, RetryAfter, WorkerCrashed
from atonce._policy import retrying
from atonce._run.again import Again
from atonce._run.source import Source
from atonce._values.batch import Delivery, Misfortune
from atonce.testing import ManualClock

ITEMS = 16
BUDGET = 4.0  # instead of a hundred, which no run of this size would use up
ENDS = ("a failure", "a crash", "a value", "a failure", "a crash", "time", "another failure")


class Run(RuleBasedStateMachine):
    """A source, its shelf and who decides, with workers that take and deliver. The model: where each item is."""

    def __init__(self):
        super().__init__()
        self.patched = patch.object(retrying, "_BUDGET", BUDGET)
        self.patched.start()

    @initialize(times=st.sampled_from([3, 9, 1, 3, 9, 0, None]), backoff=st.sampled_from([1.0, 0.0]))
    def begin(self, times, backoff):
        self.clock = ManualClock()
        self.source = Source(range(ITEMS), length=ITEMS, consumed_at_once=True, prompt=True, clock=self.clock)
        self.times = times
        retry = None if times is None else Retry(times, on=OSError, backoff=backoff, jitter=False)
        self.again = Again(self.source, self.clock, retry, lambda item: (abs, (item,), {}))
        self.out = []  # batches that workers have
        self.waiting = {}  # index: when it is due
        self.ended = {}  # index: how
        self.starts = dict.fromkeys(range(ITEMS), 0)
        self.crashes = dict.fromkeys(range(ITEMS), 0)
        self.asked = dict.fromkeys(range(ITEMS), 0)
        self.new = 0  # the first that was never taken
        self.held_until_s = 0.0
        self.granted = self.successes = 0

    @rule(limit=st.integers(1, 4))
    def take(self, limit):
        now_s = self.clock.now()
        due = [index for index, due_s in self.waiting.items() if due_s <= now_s]
        held = now_s < self.held_until_s
        batch = self.source.take(limit, 2)
        if batch is None:
            assert held or (not due and self.source.exhausted)
            return
        assert not held, "nothing is started while somebody has asked for time"
        indices = range(batch.start, batch.start + len(batch.items))
        assert list(batch.items) == list(indices)
        if due:
            (index,) = indices
            assert index in due
            del self.waiting[index]
        else:
            assert batch.start == self.new, "an item that waits is not started before its time"
            self.new += len(batch.items)
        for index in indices:
            assert index not in self.ended
            assert index < self.source.barred
            self.starts[index] += 1
        self.out.append(batch)

    @rule(which=st.integers(0, 3), ends=st.lists(st.sampled_from(ENDS), min_size=4, max_size=4))
    def deliver(self, which, ends):
        if not self.out:
            self.take(len(ends))
        if self.out:
            batch = self.out.pop(which % len(self.out))
            self.hand_in(batch, ends[: len(batch.items)])

    def hand_in(self, batch, ends):
        start = batch.start
        failed = [Misfortune(at, self.error(start + at, end), batch.items[at]) for at, end in enumerate(ends) if end != "a value"]
        values = [index if end == "a value" else None for index, end in enumerate(ends, start)]
        before = len(self.source.shelf)
        parts = self.again.sort_out(Delivery(start, values, failed, 0.0, 0.0, "worker"))
        over = {}
        for part in parts:
            bad = {each.position: each for each in part.failed}
            for at in range(len(part.values) + part.undone):
                index = part.start + at
                assert index not in over, "it was handed in twice"
                over[index] = bad.get(at, part.values[at] if at < len(part.values) else "given up")
                attempts = bad[at].attempts if at in bad else (part.attempts or {}).get(at, 1)
                assert at >= len(part.values) or attempts == self.starts[index], "an attempt was not counted"
        for index, end in enumerate(ends, start):
            if index in over:
                self.ended[index] = over[index]
                self.successes += end == "a value"
                if end == "time" and over[index] == "given up":  # nobody wants it; who it asked is left alone
                    self.held_until_s = self.clock.now() + 3.0
            else:
                self.put_aside(index, end)
        if not self.source.stopped:
            assert len(self.source.shelf) == before + len(batch.items) - len(over)
        for index in over.keys() - {*range(start, start + len(ends))}:  # it had waited, and nobody wants it any more
            del self.waiting[index]
            self.ended[index] = over[index]

    def error(self, index, end):
        if end == "time":
            self.asked[index] += 1
            return RetryAfter(3.0)
        self.crashes[index] += end == "a crash"
        return {"a failure": OSError(), "another failure": KeyError(), "a crash": CrashedOSError("gone")}[end]

    def put_aside(self, index, end):
        assert end != "a value"
        self.waiting[index] = self.clock.now()  # at the least
        if end == "time":
            assert self.starts[index] <= max(10, self.times or 0)
            self.waiting[index] += 3.0
            self.held_until_s = self.clock.now() + 3.0
            return
        assert self.times is not None
        assert end != "another failure"
        assert self.starts[index] <= self.times
        assert self.crashes[index] < 2
        self.granted += 1
        self.waiting[index] += self.again._retry.backoff * 2 ** (self.starts[index] - 1)

    @rule(seconds=st.sampled_from([0.1, 1.0, 2.0, None]))
    def time_passes(self, seconds):
        if seconds is None:
            self.wait()
        else:
            self.clock.advance(seconds)

    def wait(self):
        """Until something is due."""
        due_in_s = self.source.due_in_s()
        if due_in_s is not None:
            assert due_in_s > 0
            self.clock.advance(due_in_s)
            assert self.source.has_room(2)

    @precondition(lambda self: len(self.waiting) > 1)
    @rule(which=st.integers(1, 9))
    def bar(self, which):
        """As a run does when a failure stops it: from an item on that waits, or that is behind all of them."""
        self.source.bar([*sorted(self.waiting)[1:], self.new][which % len(self.waiting)])
        for dropped in self.source.shelf.drop_from(self.source.barred):
            del self.waiting[dropped]
            self.ended[dropped] = "given up"
        assert all(waiting < self.source.barred for waiting in self.waiting)

    @invariant()
    def everybody_is_in_one_place(self):
        if hasattr(self, "out"):
            running = [index for batch in self.out for index in range(batch.start, batch.start + len(batch.items))]
            assert len(self.source.shelf) == len(self.waiting)
            assert sorted([*running, *self.waiting, *self.ended]) == list(range(self.new))

    @invariant()
    def the_budget_is_kept(self):
        if hasattr(self, "again") and self.again._retrying is not None:
            assert 0 <= self.again._retrying._budget <= BUDGET
            assert self.granted <= BUDGET + self.successes

    def teardown(self):
        """Let the rest succeed: the run ends, and every item has had an end."""
        if hasattr(self, "out"):
            for _ in range(100 * ITEMS):
                while self.out:
                    batch = self.out.pop()
                    self.hand_in(batch, ["a value"] * len(batch.items))
                if self.source.exhausted and not self.waiting:
                    break
                if not self.source.has_room(2) and self.source.due_in_s() is not None:
                    self.wait()
                self.take(4)
            assert sorted(self.ended) == list(range(self.new))
            assert self.source.finished
            facts = self.again._attempts, self.again._crashes, self.again._begun_s, self.again._idle_s
            assert self.source.stopped or facts == ({}, {}, {}, {}), "something is remembered of items that have ended"
        self.patched.stop()


class CrashedOSError(WorkerCrashed, OSError):
    """What the policies of this test start again."""


TestRun = Run.TestCase
TestRun.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
