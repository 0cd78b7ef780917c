"""Every order there is, without any cleverness: what a clever search has to be compared with."""

from atonce.race.search.strategy import Strategy

__all__ = ("Exhaustive",)


class Exhaustive(Strategy):
    """Walks all picks that are possible, depth first, one run after the other.

    Attributes:
        exhausted: there was no other order left.
        runs: how many there were.
    """

    every_pick = True

    def __init__(self):
        self.exhausted = False
        self.runs = 0
        self._path = []  # for each pick: which of the possible ones, out of how many
        self._depth = 0

    def begin(self, run):
        self._depth = 0

    def pick(self, run, enabled, me):
        return enabled[self._branch(len(enabled))]

    def choose(self, run, count):
        return self._branch(count)

    def end(self, run):
        self.runs += 1
        assert self._depth == len(self._path), "the same picks did not lead to the same run"
        while self._path and self._path[-1][0] + 1 == self._path[-1][1]:
            self._path.pop()
        if self._path:
            self._path[-1] = (self._path[-1][0] + 1, self._path[-1][1])
        else:
            self.exhausted = True

    def _branch(self, count):
        if self._depth == len(self._path):
            self._path.append((0, count))
        branch, before = self._path[self._depth]
        assert count == before, "the same picks did not lead to the same choice"
        self._depth += 1
        return branch
