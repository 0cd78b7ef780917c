"""Processes for work that computes and holds the GIL."""

from __future__ import annotations

from functools import partial

from atonce._policy.action import Hire, Nap, Prepare, Return, Stay, Verified, Weigh
from atonce._policy.cost import breaks_even_s, saved_s
from atonce._policy.observation import Span, item_s_of, left_of
from atonce._policy.phases.case import KEEP_FASTER, LONGEST_NAP_S, RESTS, SATURATED, stay
from atonce._values.words import in_words

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from atonce._policy.action import Action
    from atonce._policy.observation import Payload, Seen
    from atonce._policy.phases.case import Case, Threads

__all__ = ("Processes",)

_WORTH = 0.1  # part of what is left that processes have to save
_THINK_AGAIN = 1.25  # times what was left when processes were not worth it
_UNHEARD_S = 0.005  # of CPU time, in items that had ended before a look, and are heard of at the next: some are told of together
_VERIFY_S = 0.04
_PATIENCE_S = 0.15  # with those who bring nothing yet: long items may not have ended
_WHILE_MIXED_S = 0.1  # before those that wait by nature, all at once perhaps, are judged once more; the others at each look
_RESTING_LOOKS = 2  # in a row, before they are let go; one may be chance


class Processes:
    """Weighs what processes cost against what they save, tries them, and looks after those that are kept."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._mark = case.last
        self._crew = 0
        self._base_rate = 0.0  # items a second of those whom they replace
        self._instead_of: Threads | None = None  # the caller, if nobody
        self._patience_s = 0.0
        self._not_worth_s = 0.0  # what was left when they were not worth it
        self._resting_looks = 0  # in a row, at which they had little to compute
        self._said = False  # whether it was said that they are not

    def may_be_worth_it(self, rest_s: float) -> bool:
        """Tell whether there is any point in thinking of them, for so many seconds of work."""
        return self._case.has_others and rest_s > max(self._case.scene.start_s, _THINK_AGAIN * self._not_worth_s)

    def are_hopeless(self, seen: Seen) -> bool:
        """Tell whether the parent takes longer to ship the smallest of items than one of these takes."""
        return 0.0 < seen.item_s <= self._case.scene.ship_s

    def rule_out(self, seen: Seen, nap_s: float) -> Action:
        """Say that they are hopeless; if that was said, look again after a nap."""
        scene = self._case.scene
        at_s = breaks_even_s(
            items=left_of(seen), ship_s=scene.ship_s, start_s=scene.start_s, workers=scene.most_processes, worth=_WORTH
        )
        return self._would_cost(f"{in_words(seen.item_s)} an item, at least {in_words(scene.ship_s)} to ship one", at_s, nap_s)

    def _would_cost(self, facts: str, at_s: float, nap_s: float) -> Action:
        self._case.ruled_out["process"] = "they would cost more than they save"
        self._case.flips = [f"above {in_words(at_s)} an item processes win"]
        if self._said:
            return Nap(nap_s)
        self._said = True
        return Stay(f"it computes ({facts}): processes would pay above {in_words(at_s)} an item")

    def consider(self, seen: Seen, since: Span, nap_s: float) -> Action:
        """Say whether to hire them instead of the caller alone.

        Args:
            seen: the look.
            since: what happened lately.
            nap_s: until the next look, if there is nothing to do.
        """
        case, payload = self._case, seen.payload
        apart = seen.safety.apart if seen.safety is not None else ""
        if payload is None and not apart:
            return Weigh()
        if payload is None or payload.stays or apart:
            case.tried.add("process")
            case.ruled_out["process"] = stays = apart or (payload.stays if payload is not None else "")
            return Stay(f"it computes, but {stays}, so it stays in the calling thread")
        return self._weigh(seen, since, nap_s, payload)

    def _weigh(self, seen: Seen, since: Span, nap_s: float, payload: Payload) -> Action:
        case, workers = self._case, self._case.scene.most_processes
        item_s, items = item_s_of(seen), left_of(seen)
        longest_s = item_s
        if since.done and since.first_cpu_s > 0:  # it computes: beyond that, it waited for the GIL, which the manager had
            item_s = min(item_s, since.first_cpu_s / since.done)
            longest_s = min(longest_s, (since.first_cpu_s + _UNHEARD_S) / since.done)
        start_s = case.scene.start_s + payload.imports_s
        saves = partial(saved_s, items=items, ship_s=payload.item_s, start_s=0.0 if seen.ready else start_s, workers=workers)
        each = f"{in_words(item_s)} an item" if seen.item_s else f"over {in_words(seen.now_s)} an item"
        facts = f"{each}, {in_words(payload.item_s)} to ship one"
        at_s = breaks_even_s(items=items, ship_s=payload.item_s, start_s=start_s, workers=workers, worth=_WORTH)
        if saves(item_s=item_s) <= _WORTH * items * item_s:
            if since.wall_s < LONGEST_NAP_S and saves(item_s=longest_s) > _WORTH * items * longest_s:
                return Nap(_UNHEARD_S)  # too few have ended to tell
            self._not_worth_s = items * item_s  # more may be left than is known, or take longer
            return self._would_cost(facts, at_s, nap_s)
        self._not_worth_s = 0.0
        if not seen.ready:
            return Prepare(workers)
        case.flips = [f"below {in_words(at_s)} an item inline wins", *(["without a GIL threads would"] if case.scene.gil else [])]
        return self.hire(seen, workers, 1, f"it computes and holds the GIL ({facts})", base_rate=1 / item_s)

    def hire(
        self, seen: Seen, workers: int, in_flight: int, reason: str, *, base_rate: float, instead_of: Threads | None = None
    ) -> Action:
        """Hire them, to try.

        Args:
            seen: the look.
            workers: how many.
            in_flight: items in each.
            reason: why.
            base_rate: items a second of those whom they replace.
            instead_of: these; the caller, if ``None``.
        """
        self._case.tried.add("process")
        self._crew, self._base_rate, self._instead_of = workers, base_rate, instead_of
        self._patience_s = seen.now_s + max(1.0, 10 * seen.item_s)
        self._case.go_on = self._await
        return Hire("process", workers, in_flight, reason)

    def _await(self, seen: Seen) -> Action:
        if seen.delivered < self._crew and seen.left != 0 and seen.now_s < self._patience_s:
            return Nap(0.01)
        self._mark, self._case.go_on = seen, self._verify
        return Nap(_VERIFY_S)

    def _verify(self, seen: Seen) -> Action:
        case, since = self._case, Span(self._mark, seen)
        if seen.left == 0:
            case.go_on = stay
            return Nap(LONGEST_NAP_S)
        rate = since.done / since.wall_s if since.wall_s > 0 else 0.0
        gained = rate / self._base_rate if self._base_rate else 0.0
        if self._instead_of is None:  # before, the manager was in the way of the work
            gained = max(gained, since.crew_cpus)
        if gained >= KEEP_FASTER:
            self._mark, self._resting_looks, case.go_on = seen, 0, self._oversee
            return Verified(min(gained, case.scene.cpus))
        if since.wall_s < max(_PATIENCE_S, 3 * seen.item_s):
            return Nap(_VERIFY_S)
        case.flips = []
        if self._instead_of is not None:
            self._instead_of.come_back(seen)
            case.ruled_out = {"process": f"brought {gained:.2f}x the threads"}
            return Hire("thread", self._instead_of.crew, 1, f"processes brought {gained:.2f}x the threads, so these came back")
        case.watch_again(seen, 0.0)
        case.ruled_out["process"] = f"brought {gained:.2f}x one worker"
        return Return(f"processes brought {gained:.2f}x one worker, so they were let go")

    def _oversee(self, seen: Seen) -> Action:
        """Notice when work that computed begins to wait."""
        since = Span(self._mark, seen)
        if since.wall_s < (0.0 if self._instead_of is None else _WHILE_MIXED_S) or seen.left == 0:
            return Nap(LONGEST_NAP_S)
        self._mark = seen
        rest = since.crew_cpus < RESTS * min(self._crew, self._case.scene.cpus) and since.cpus < SATURATED
        has_work = seen.taken > seen.done  # else they stand idle for want of input, or of somebody who takes the results
        self._resting_looks = self._resting_looks + 1 if rest and has_work else 0
        if self._resting_looks < _RESTING_LOOKS:
            return Nap(LONGEST_NAP_S)
        self._case.tried.discard("process")
        self._case.watch_again(seen, 0.0)
        return Return(f"processes are busy only {since.crew_cpus / self._crew:.0%} of the time now")
