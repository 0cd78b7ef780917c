"""Whoever comes whenever: starts are never denser than was said, and nobody starves."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from atonce._policy.pacing import Pacer

EARLY_S = 0.01


class Turnstile(RuleBasedStateMachine):
    """Some come as they like, and some when they were told to. The model: when each start was."""

    @initialize(per_s=st.floats(0.01, 1e4), now_s=st.floats(0, 1e6))
    def begin(self, per_s, now_s):
        self.pacer, self.per_s, self.now_s = Pacer(per_s), per_s, now_s
        self.first_s = now_s
        self.starts = []  # times, rising
        self.slack = 1e-3 + 1e-6 * per_s  # what floats forget

    @rule(seconds=st.floats(0, 30) | st.floats(0, 0.02))
    def time_passes(self, seconds):
        self.now_s += seconds

    @rule(wish=st.integers(1, 40))
    def come(self, wish):
        """Start as many as one may, up to a wish."""
        items = min(wish, self.pacer.available(self.now_s))
        assert items >= 0
        assert (items == 0) == (self.pacer.due_in_s(self.now_s) > 0), "it says both yes and later"
        if items:
            self.pacer.started(items, self.now_s)
            self.starts += [self.now_s] * items
            self.check()

    @precondition(lambda self: len(self.starts) < 400)
    @rule()
    def come_when_told(self):
        told_s = self.pacer.due_in_s(self.now_s)
        assert told_s <= max(0, len(self.starts) / self.per_s) + self.slack, "nobody waits for longer than for all before it"
        self.now_s = self.now_s + told_s * (1 + 1e-9) + 1e-9
        assert self.pacer.available(self.now_s) >= 1
        self.come(1)

    @rule()
    def a_space_after_the_last_there_is_room(self):
        """After a pause of one interval, somebody may start, whatever was before."""
        self.now_s += 1 / self.per_s * (1 + 1e-9) + 1e-9
        assert self.pacer.available(self.now_s) >= 1

    def check(self):
        """In every span that ends now: no more than the rate allows, and one."""
        last = len(self.starts)
        for first, began_s in enumerate(self.starts):
            most = self.per_s * (self.now_s - began_s + EARLY_S) + 1
            assert last - first <= most + self.slack


TestTurnstile = Turnstile.TestCase
TestTurnstile.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
