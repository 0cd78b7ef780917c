"""How many items of work that waits to have in flight: as many as the service that they wait for can serve at once.

A service has a *knee*: up to so many requests at once it answers each as fast as one; beyond, each waits for others, and nothing is
gained. It is found from below: more and more are sent, as long as more come back.

Latencies are uneven, and a mean of a few is a game of chance. So what chance may do is reckoned with: to send more on weak evidence
costs a window, but to settle on it would cost the rest of the run.
"""

from __future__ import annotations

from collections import deque
from math import ceil, inf, sqrt

from atonce._policy.window import Window, error_of, slowdown

__all__ = ("Knee",)

_FIRST_S = 0.001  # after this time there are two in flight, then twice as many each time that it doubles, until something is known
_UNANSWERED = 64  # most that are sent before anything is known. Assumes: a service that people call in a loop bears as many
_ALONE = 4  # the first items: so few that they do not wait for each other
_WINDOW = 24  # items, at least
_GROWN = 1.15  # times the rate of the level before: then it was worth it
_DOUBT = 0.1  # of the rate, at least
_REPEATS = 2  # more windows of a level, while chance may have made it look bad
_COMPARED = 8  # windows, at most
_SURE = 0.1  # standard error of a mean, in parts of it, that is good enough to compare with
_SLOWER = 1.6  # times the latency of before, and half of a window is not back: that is enough to know
_STEADY = 1.2  # times the shortest latency: up to here nobody waits for anybody, and the next step may be a large one
_EARLY = 24  # items of a level that have to be back, to go on before nearly all are
_MOST_EARLY = 512  # in flight. More take too long to be counted, time and again
_CHANCE = 1.5  # standard errors that chance may explain
_OF_FEW = 3  # times as large may be the error of the mean of four. (Student's t: 3.2 at 95 %)
_VAGUE = 0.35  # standard error of a mean, in parts of it, that tells nothing
_FOLLOWS = 0.8  # of the rate, or less, with fewer in flight: nobody had waited for anybody
_LONGEST_RAMP = 1000  # items. So many are answered while too many of the first ones hang: these are not waited for
_ROUNDING = 1e-6  # of sums of floating-point numbers, which is no reason for one more
_SMALL_STEP = 1.5  # while somebody waits already
_ABOUT = 0.9  # of the target: that is it, but for those who are between two items
_HEADROOM = 1.1
_PROBE_AFTER = 4  # windows without a change
_KEPT = 0.95  # of the rate: with fewer in flight, this is as good


class Knee:
    """Follows the knee of a service. Pure: it is told what happened and when.

    Attributes:
        target: how many items shall be in flight now.
        settled: whether it has stopped growing.
        latency_s: the mean latency of the last window; ``None`` before the first.
        rate: items a second at the best level, by Little's law; 0 before the first window.
    """

    def __init__(
        self, most: int, begun_s: float, *, start: int = 1, started: int = 0, answered: int = 0, growth: float = 2.0
    ) -> None:
        """Begin.

        Args:
            most: items in flight, at most.
            begun_s: when the first item was started.
            start: items in flight to begin with.
            started: items that have been started already, and are not spoken of any more.
            answered: how many of these are back.
            growth: the largest step, as a factor. With a smaller one it takes longer to find the knee, and less is sent beyond it.
        """
        self.target = min(start, most)
        self.settled = False
        self.latency_s: float | None = None
        self.rate = 0.0
        self._most = most
        self._growth = growth
        self._begun_s = begun_s
        self._before = started
        self._alone: Window | None = Window(started, _ALONE, 1)  # which tell what one takes; until that may have changed
        self._windows: deque[Window] = deque()  # those that are still to be judged, the oldest first
        self._answered = self._answered_before = answered
        self._ramping = True
        self._levelled = started  # items that are in a window of the ramp, or before it
        self._early: list[tuple[int, float]] = []  # answers while ramping
        self._shortest_s = inf
        self._longer_s = 0.0  # what items took at the last probe that spoke against the shortest
        self._grown: deque[Window] = deque(maxlen=_COMPARED)  # levels that were worth it, the last one last; until it has settled
        self._undecided: list[Window] = []  # of this level, which may have looked bad by chance
        self._quiet = 0  # windows since the last change
        self._doubts = 0  # windows in a row that looked bad
        self._probed: int | None = None  # the level that a probe has left, and may return to
        self._downwards = False  # the direction of the last probe

    @property
    def shortest_s(self) -> float:
        """The latency of items that do not wait for each other, as far as it is known; 0 before."""
        return 0.0 if self._shortest_s == inf else self._shortest_s

    def heard(self, index: int, seconds: float) -> None:
        """An item is back: which one, by the order of the starts, and after how long."""
        self._answered += 1
        if self._alone is not None:
            self._alone.heard(index, seconds)
        if self._ramping:
            self._early.append((index, seconds))
        for window in self._windows:
            window.heard(index, seconds)
        for window in self._grown:
            window.heard(index, seconds)

    def look(self, now_s: float, started: int, *, room: bool = True, left: int | None = None) -> bool:
        """Think again.

        Args:
            now_s: the time.
            started: items that have been started so far.
            room: whether there is anything that more in flight could use: CPU, first of all.
            left: items that have not been started; ``None`` if nobody knows.

        Returns:
            Whether the target has changed.
        """
        before = self.target
        if self._ramping:
            self._ramp(now_s, started, room=room, left=left)
        self._judge_all(now_s, started, room=room)
        return self.target != before

    def _ramp(self, now_s: float, started: int, *, room: bool, left: int | None) -> None:
        """Send more and more before anything is known, and divide what was sent into levels."""
        most = _UNANSWERED
        if self._answered == self._answered_before:
            most = int(self._growth * most)  # not even the first one is back: it takes long, and not because there are so many
        if left is not None and (all_of_them := started - self._answered + left) <= _SMALL_STEP * most:
            most = max(most, all_of_them)  # a few more at once, and not as long again for these
        most = min(self._most, most)
        if room and self.target < most and now_s - self._begun_s >= _FIRST_S * self.target / 2:
            self.target = min(2 * self.target, most)  # once a look: how busy the last ones keep the CPU has to be seen first
        if started - self._before >= max(_WINDOW, 2 * (self._levelled - self._before)):
            window = Window(self._levelled, started - self._levelled, max(1, started - self._answered))
            window.full_s = now_s
            for index, seconds in self._early:
                window.heard(index, seconds)
            self._levelled = started
            self._early = [(index, seconds) for index, seconds in self._early if index >= started]
            self._windows.append(window)
        if self._levelled - self._before > _LONGEST_RAMP:
            self._windows.clear()
            self._end_ramp()
            self._open(started)

    def resume(self, started: int) -> None:
        """Go on after others have done the work for a while: of what was under way, nothing more will be heard."""
        self._end_ramp()
        self._windows.clear()
        self._undecided = []
        self._open(started)

    def _end_ramp(self) -> None:
        self._ramping = False
        self._early.clear()

    def _open(self, started: int) -> None:
        self._windows.append(Window(started, max(_WINDOW, self.target), self.target))

    def _judge_all(self, now_s: float, started: int, *, room: bool) -> None:
        while self._windows:
            newest = self._windows[-1]
            if newest.full_s is None and started >= newest.first + newest.size:
                newest.full_s = now_s
            window, slow = self._windows[0], False
            if not window.tell(now_s):
                slow = self._is_slow(window, now_s)
                if not slow:
                    self._go_on_early(now_s, started, room=room)
                    return
            self._windows.popleft()
            self._end_ramp()
            before = self.target
            self._judge(window, slow=slow, room=room)
            if self.target != before:
                self._windows.clear()
            if not self._windows:
                self._open(started)
                return

    def _is_slow(self, window: Window, now_s: float) -> bool:
        """Tell whether it has taken so long already that nothing more needs to be known."""
        if window.full_s is None or self.latency_s is None or len(window.latencies) > window.size // 2:
            return False
        age_s = now_s - window.full_s
        if age_s <= _SLOWER * self.latency_s:
            return False
        window.latency_s = age_s
        return True

    def _judge(self, window: Window, *, slow: bool, room: bool) -> None:
        self.latency_s = window.latency_s
        if not (slow or self.settled):  # the shortest of ever more would be ever less
            self._note_shortest(window)
        if self._probed is not None:
            self._end_probe(window, slow=slow, room=room)
        elif self.settled:
            self._follow(window, room=room)
        else:
            self._go_on_or_settle(window, slow=slow, room=room)

    def _note_shortest(self, window: Window) -> None:
        """Learn what an item takes that does not wait for others: the shortest mean of all, but for what chance did to it."""
        means = [(window.latency_s, error_of(window.spread, window.size))]
        if self._alone is not None and self._alone.tell(0.0):
            means.append((self._alone.latency_s, _OF_FEW * error_of(self._alone.spread, _ALONE)))
        if before := self._before_that():
            mean_s, items = _mean_of(before)
            means.append((mean_s, error_of(window.spread, items)))
        for mean_s, error in means:
            if error < _VAGUE:
                self._shortest_s = min(self._shortest_s, mean_s / (1 - error))

    # ---- growing ----------------------------------------------------------------------------------------------------------------

    def _before_that(self, *, pending: bool = False) -> list[Window]:
        """Return the levels to compare with, the last one first: as many as make a mean that is good enough."""
        levels: list[Window] = []
        items = 0
        for window in reversed([*self._grown, *list(self._windows)[:-1]] if pending else self._grown):
            levels.append(window)
            items += window.size
            if error_of(window.spread if window.latency_s else 1.0, items) <= _SURE:
                break
        return levels

    def _go_on_early(self, now_s: float, started: int, *, room: bool) -> None:
        """Take the next step if those that are back of the last one, and those that are not, leave no doubt that it is worth it."""
        window = self._windows[-1]
        if self.settled or self._probed is not None or not room or self.target >= self._most or window.full_s is None:
            return
        if window.level < _ABOUT * self.target or window.size > _MOST_EARLY:
            return
        if len(window.latencies) < max(_EARLY, window.size // 2) or not (before := self._before_that(pending=True)):
            return
        times, error = slowdown(window, before, now_s - window.full_s)
        if times <= _STEADY and window.level / before[0].level / times * (1 - error) >= _GROWN:
            self._end_ramp()
            self._take_step(self._step(times))
            self._open(started)

    def _go_on_or_settle(self, window: Window, *, slow: bool, room: bool) -> None:
        same = [*(other for other in self._undecided if other.level == window.level), window]
        before = self._before_that()
        latency_s, items = _mean_of(same)
        if before:
            before_s, items_before = _mean_of(before)
            chance = _CHANCE * window.spread * sqrt(1 / items + 1 / items_before)
            more = window.level / before[0].level
            verdict = False if slow else _verdict_on(more * before_s / latency_s, more, chance)
            if verdict is None and len(same) > _REPEATS:  # more, if nobody seems to wait, or they are too uneven to tell
                verdict = latency_s <= _STEADY * self._shortest_s
            if verdict is None and window.level >= _ABOUT * self.target:
                self._undecided = same
            elif verdict is False:
                self._settle()
            if not verdict:
                return
        self.rate = window.level / latency_s
        self._undecided = []
        self._grown += same
        if window.level < _ABOUT * self.target:
            return  # the next one has been sent
        if room and self.target < self._most:
            self._take_step(self._step(latency_s / self._shortest_s))
        else:
            self._settle(self.target)

    def _step(self, times: float) -> float:
        """Return the next step, as a factor.

        Args:
            times: as long as one that waits for none take those in flight. So many of them wait, as Little's law says.
        """
        if self._growth > _SMALL_STEP:
            return self._growth if times <= _STEADY else _SMALL_STEP
        return self._growth / max(1.0, times)

    def _take_step(self, step: float) -> None:
        self.target = min(self._most, ceil(step * self.target - _ROUNDING))

    def _settle(self, target: int = 0) -> None:
        self.settled = True
        self.target = target or self._sustainable()
        self._undecided = []
        self._grown.clear()

    def _grow_again(self, window: Window) -> None:
        self.settled, self._alone = False, None
        self.rate = window.rate
        self._grown.append(window)
        self._quiet = self._doubts = 0
        self._take_step(_SMALL_STEP)

    # ---- following --------------------------------------------------------------------------------------------------------------

    def _follow(self, window: Window, *, room: bool) -> None:
        """Keep to a knee that may move: now and then try with fewer, and with more."""
        rate, waits = window.rate, window.latency_s > _STEADY * self._shortest_s
        if rate < self.rate / _SLOWER:
            self._doubts += 1
            if self._doubts > 1 and not waits and room:
                self._grow_again(window)  # it was taken for less than it can bear
            elif self._doubts > 1:  # it has become slower for good, or was never as fast as it looked
                self.rate, self._quiet, self._doubts = rate, 0, 0
                self._probe(min(window.level - 1, self._sustainable()))
            return
        self._doubts = 0
        self.rate += 0.25 * (rate - self.rate)
        self._quiet += 1
        if self._quiet < _PROBE_AFTER:
            return
        self._quiet = 0
        self._downwards = waits and not self._downwards
        step = 1 / _HEADROOM**2 if self._downwards else 1.25 if room else 1.0
        self._probe(min(self._most, ceil(step * self.target) if step > 1 else int(step * self.target)))

    def _probe(self, target: int) -> None:
        """Try another target for a window."""
        target = max(1, target)
        if target != self.target:
            self._probed, self.target = self.target, target

    def _end_probe(self, window: Window, *, slow: bool, room: bool) -> None:
        """Stay where as much comes back with fewer, or more with more; else return."""
        before, self._probed, self._quiet = self._probed, None, 0
        assert before is not None
        rate, fewer = window.rate, self.target < before
        if rate < (_KEPT if fewer else 1 + 0.5 * (self.target / before - 1)) * self.rate:
            self.target = before
            if fewer and not slow and rate <= _FOLLOWS * self.rate:
                self._take_longer(window.latency_s)
        elif not fewer and room and window.latency_s <= _STEADY * self._shortest_s and self.target < self._most:
            self._grow_again(window)
        else:
            self.rate = rate
            self._quiet = _PROBE_AFTER - 1  # go on in this direction
            self._downwards = not fewer

    def _take_longer(self, latency_s: float) -> None:
        """Believe that items take longer than they did, also where none waits for another, if two probes say about the same."""
        if latency_s <= _SLOWER * self._longer_s and self._longer_s <= _SLOWER * latency_s:
            self._shortest_s = max(self._shortest_s, min(latency_s, self._longer_s))
        self._longer_s = latency_s

    def _sustainable(self) -> int:
        """As many as are served at once: by Little's law, the best rate times the time that one of them takes alone."""
        shortest_s = self.shortest_s or self.latency_s or 0.0
        return max(1, min(self.target, ceil(self.rate * shortest_s * _HEADROOM)))


def _verdict_on(gain: float, more: float, chance: float) -> bool | None:
    """Say whether a level was worth it; ``None`` if that is too early to say.

    Args:
        gain: its rate, in rates of the level before.
        more: how many times as many were in flight.
        chance: what chance may have taken off the gain, in parts of it.
    """
    enough = min(_GROWN, 1 + (more - 1) / 2)
    if gain >= enough:
        return True
    return False if gain * (1 + max(_DOUBT, chance)) < enough else None


def _mean_of(windows: list[Window]) -> tuple[float, int]:
    """Return the mean latency of all of their items, and how many these are."""
    items = sum(window.size for window in windows)
    return sum(window.latency_s * window.size for window in windows) / items, items
