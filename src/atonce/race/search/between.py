"""Which runs are switched between opcodes, and how densely.

A tenth of all runs are, in all code; where the tree of all orders was walked and yet proves nothing, each second one: all that
could come to light at the operations that are seen has come to light by then. Where some functions have no source, all other
guesses are switched as well, in those functions.

Each such run draws from a `Random` of its own. How many opcodes there are depends on the version of Python, and what else is
guessed should not.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from atonce.race.search.randomly import RandomWalk
from atonce.race.switching import Wild

if TYPE_CHECKING:
    from atonce.race.switching import Counter, Switches

__all__ = ("Between",)

_EVERY = 10  # runs, of which one is switched in all code
_EVERY_AFTERWARDS = 2
_MEANS = (2.0, 5.0, 12.0, 40.0)  # opcodes between two switches
_MOST = 1_000  # switches in a run: each takes as long as a hundred opcodes, and counts towards the limit of steps
_AMPLE = 20_000  # opcodes of a run, above which there are fewer of them, since they take so long


class Between:
    """Says how the runs of a search are switched between opcodes.

    Args:
        seed: the same one gives the same opcodes.
        unseen: some functions have no source.
    """

    def __init__(self, seed: int, *, unseen: bool) -> None:
        self._seed = seed
        self._unseen = unseen
        self._opcodes = 0  # of the longest run

    def switches(self, turn: int, *, walked: bool) -> Switches | None:
        """Return the switches of a run.

        Args:
            turn: which run it is.
            walked: the tree was walked, and proves nothing.
        """
        every = (_EVERY_AFTERWARDS if walked else _EVERY) * (1 + self._opcodes // _AMPLE)
        everywhere = turn % every == 0
        if not everywhere and not self._unseen:
            return None
        random = self._random(turn, 0)
        mean = max(random.choice(_MEANS), self._opcodes / _MOST)
        return Wild(random, mean, _MOST, everywhere=everywhere)

    def walk(self, turn: int) -> RandomWalk:
        """Return the strategy of a run that is switched in all code."""
        return RandomWalk(self._random(turn, 1))

    def learn(self, counter: Counter) -> None:
        """Take note of how long a run was."""
        self._opcodes = max(self._opcodes, counter.opcodes)

    def _random(self, turn: int, which: int) -> Random:
        return Random(f"{self._seed} {turn} {which}")  # noqa: S311 (no secret)
