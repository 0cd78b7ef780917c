"""Which strategy has the next run: the tree of all orders in turns with guesses, since one proves and the others find sooner."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from atonce.race.search.between import Between
from atonce.race.search.directed import Directed, Pair, spot
from atonce.race.search.dpor import Dpor
from atonce.race.search.hoarding import Hoarding
from atonce.race.search.pos import PartialOrderSampling
from atonce.race.search.randomly import RandomWalk
from atonce.race.search.strategy import Strategy

if TYPE_CHECKING:
    from atonce.race.scheduler import Scheduler
    from atonce.race.switching import Switches

__all__ = ("STRATEGIES", "Plan")

STRATEGIES = ("auto", "dpor", "pos", "random")

_AFTERWARDS = 50  # guesses that are still made when the tree has been walked and yet proves nothing; as many again between opcodes
_LOOKED_AT = 10  # runs in which we look whether anybody takes a lock while holding one
_SAME_PAIR = 3  # times that one pair of racing operations is tried the other way round


class Plan:
    """Hands out strategies, and learns from each run.

    Args:
        strategy: one of `STRATEGIES`.
        seed: for the guesses; the same seed makes the same search.
        between: has some of the runs switched between opcodes; ``None``: none is.

    Attributes:
        doubts: why nothing can be proved, each once.
        switches: the opcodes at which others are let go in the next run, beside its strategy.
    """

    def __init__(self, strategy: str, seed: int, between: Between | None = None) -> None:
        self.doubts: dict[str, object] = {}
        self.switches: Switches | None = None
        self._between = between
        self._random = Random(seed)  # noqa: S311 (no secret)
        self._tree = Dpor() if strategy in ("auto", "dpor") else None
        self._alone = strategy != "auto"
        self._guesses: tuple[Callable[[], Strategy | None], ...] = {
            "auto": (self._hoarding, self._directed, self._sampling, self._directed, self._walk),
            "dpor": (),
            "pos": (self._sampling,),
            "random": (self._walk,),
        }[strategy]
        self._turn = 0
        self._guess = 0
        self._after_tree = 0
        self._locks_nest = False
        self._pairs: dict[Pair, int] = {}

    @property
    def proved(self) -> bool:
        """Every order that could make a difference has been run, and nothing was in the way of seeing what they touch."""
        return self._tree is not None and self._tree.exhausted and not self.doubts and not self._tree.doubt

    @property
    def finished(self) -> bool:
        """More runs would tell nothing new, or next to nothing."""
        if self._tree is None or not self._tree.exhausted:
            return False
        return self.proved or self._alone or self._after_tree >= _AFTERWARDS * (1 if self._between is None else 2)

    def why_not_proved(self) -> tuple[str, ...]:
        """Give the reasons, in words; empty if all orders were run and none was in doubt."""
        words = list(self.doubts)
        if self._tree is not None and self._tree.doubt:
            words.append(self._tree.doubt)
        if self._tree is None or not self._tree.exhausted:
            words.append("not all orders were run")
        return tuple(words)

    def next(self) -> Strategy:
        """Give the strategy of the next run."""
        self._turn += 1
        self.switches = None
        tree = self._tree
        if tree is not None and not tree.exhausted and (self._turn % 2 or self._alone):
            return tree
        if tree is not None and tree.exhausted:
            self._after_tree += 1
        return self._guessed()

    def _guessed(self) -> Strategy:
        if self._between is not None:
            self.switches = self._between.switches(self._turn, walked=self._after_tree > 0)
            if self.switches is not None and self.switches.everywhere:
                return self._between.walk(self._turn)
        for _ in self._guesses:
            make = self._guesses[self._guess % len(self._guesses)]
            self._guess += 1
            strategy = make()
            if strategy is not None:
                return strategy
        return RandomWalk(self._random)

    def learn(self, strategy: Strategy, run: Scheduler) -> None:
        """Take note of what a run showed.

        The tree learns from its own runs alone: one that is switched between opcodes has steps that no branch of it has. What is in
        doubt in such a run is in doubt all the same.
        """
        if self._between is not None and run.between is not None:
            self._between.learn(run.between)
        for reason, place in run.doubts.items():
            self.doubts.setdefault(reason, place)
        self._locks_nest = self._locks_nest or (self._turn <= _LOOKED_AT and _locks_nest(run))
        if isinstance(strategy, Dpor):
            for race in strategy.races:
                self._pairs.setdefault((spot(race.ours), spot(race.theirs)), 0)

    def start_again(self) -> None:
        """Forget the tree: its runs had other steps than those to come."""
        if self._tree is not None:
            self._tree = Dpor()

    # ---------------------------------------------------------------- guesses

    def _hoarding(self) -> Strategy | None:
        return Hoarding(self._random) if self._locks_nest else None

    def _directed(self) -> Strategy | None:
        if not self._pairs:
            return None
        pair = min(self._pairs, key=lambda pair: self._pairs[pair])  # the least tried; of those, the first that was seen
        if self._pairs[pair] >= _SAME_PAIR:
            return None
        self._pairs[pair] += 1
        return Directed(self._random, pair)

    def _sampling(self) -> Strategy:
        return PartialOrderSampling(self._random)

    def _walk(self) -> Strategy:
        return RandomWalk(self._random)


def _locks_nest(run: Scheduler) -> bool:
    held: dict[int, int] = {}
    for step in run.trace:
        if step.operation.kind == "acquire":
            held[step.task] = held.get(step.task, 0) + 1
            if held[step.task] > 1:
                return True
        elif step.operation.kind == "release":
            held[step.task] = held.get(step.task, 0) - 1
    return False
