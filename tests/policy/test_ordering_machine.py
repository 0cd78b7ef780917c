"""Whatever arrives in whatever order, cut into whatever pieces: each result is handed on once, and in its order."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from atonce._policy.ordering import AsFinished, InOrder
from atonce._values.batch import Delivery


class Counter(RuleBasedStateMachine):
    """Workers take neighbours and deliver them in pieces; the consumer looks when it likes; the run may end at any time.

    The model: which indices are out, which have arrived, and what was handed on.
    """

    @initialize()
    def begin(self):
        self.in_order, self.as_finished = InOrder(), AsFinished()
        self.taken = 0
        self.out = []  # (first, end) of what workers have
        self.arrived = []  # indices, as they came
        self.given = {self.in_order: [], self.as_finished: []}

    @rule(count=st.integers(1, 6))
    def take(self, count):
        self.out.append((self.taken, self.taken + count))
        self.taken += count

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def deliver(self, data):
        """Hand in the front part of a batch, of which somebody else may later hand in the rest."""
        first, end = self.out.pop(data.draw(st.integers(0, len(self.out) - 1), label="which"))
        count = data.draw(st.integers(0, end - first), label="how many")
        if first + count < end:
            self.out.append((first + count, end))
        for ordering in self.given:
            ordering.add(Delivery(first, list(range(first, first + count)), (), 0.0, 0.0, "worker"))
        self.arrived += range(first, first + count)

    @rule(most=st.integers(1, 9))
    def look(self, most):
        for ordering, given in self.given.items():
            for _ in range(most):
                if (delivery := ordering.pop()) is None:
                    break
                assert delivery.values == list(range(delivery.start, delivery.start + len(delivery.values)))
                given.extend(delivery.values)

    @rule()
    def look_until_nothing_is_due(self):
        self.look(10**6)
        assert self.given[self.as_finished] == self.arrived
        arrived = set(self.arrived)
        assert self.given[self.in_order] == list(range(next(at for at in range(self.taken + 1) if at not in arrived)))

    def teardown(self):
        """The run is stopped: what had arrived is given up, over the gaps, and what is out never comes."""
        if not hasattr(self, "given"):
            return
        self.look_until_nothing_is_due()
        late = [value for delivery in self.in_order.waiting() for value in delivery.values]
        assert late == sorted(set(self.arrived) - set(self.given[self.in_order]))
        assert self.as_finished.waiting() == []
        assert self.in_order.waiting() == []
        assert self.in_order.pop() is None

    @invariant()
    def nothing_is_given_twice_or_out_of_order(self):
        if hasattr(self, "given"):
            in_order, as_finished = self.given[self.in_order], self.given[self.as_finished]
            assert in_order == list(range(len(in_order)))
            assert as_finished == self.arrived[: len(as_finished)]


TestCounter = Counter.TestCase
TestCounter.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
