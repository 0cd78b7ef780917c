"""How many items of work that waits to have in flight: as many as the service that they wait for can serve at once.

A service has a *knee*: up to so many requests at once it answers each as fast as one; beyond, each waits for others, and nothing is
gained. It is found from below: more and more are sent, as long as more come back.

Times are compared by the order in which items were *started*. Those that come back first are the short ones, and whoever looks at
them alone takes a mixture of short and long items for a service that gets slower the longer one looks.
"""

from __future__ import annotations

from collections import deque
from math import ceil, inf

__all__ = ("Knee",)

_FIRST_S = 0.001  # after this time there are two in flight, then twice as many each time that it doubles, until something is known
_UNANSWERED = 64  # most that are sent before anything is known. Assumes: a service that people call in a loop bears as many
_ALONE = 4  # the first items: so few that they do not wait for each other
_WINDOW = 24  # items, at least: the mean of fewer is a game of chance
_LATE = 1 / 8  # part of a window that is not waited for
_GROWN = 1.15  # times the rate of the level before: then it was worth it
_PERHAPS = 1.05  # the same: then it is looked at once more
_SLOWER = 1.6  # times the latency of before, and half of a window is not back: that is enough to know
_STEADY = 1.2  # times the shortest latency: up to here nobody waits for anybody, and the next step may be a large one
_ROUNDING = 1e-6  # of sums of floating-point numbers, which is no reason for one more
_SMALL_STEP = 1.5  # while somebody waits already
_ABOUT = 0.9  # of the target: that is it, but for those who are between two items
_HEADROOM = 1.1
_PROBE_AFTER = 4  # windows without a change
_KEPT = 0.95  # of the rate: with fewer in flight, this is as good


class _Window:
    """So many items that were started one after the other while ``level`` were in flight."""

    __slots__ = ("first", "full_s", "latencies", "level", "size")

    def __init__(self, first: int, size: int, level: int) -> None:
        self.first = first
        self.size = size
        self.level = level
        self.full_s: float | None = None  # when the last of them had been started
        self.latencies: list[float] = []

    def heard(self, index: int, seconds: float) -> None:
        """An item is back; perhaps it is one of these."""
        if self.first <= index < self.first + self.size:
            self.latencies.append(seconds)

    def mean(self, now_s: float) -> float | None:
        """Return the mean latency once nearly all are back, those that are not counted as if they came now; ``None`` before.

        The mean, because that is what Little's law speaks of; not of all, because one in twenty may take a hundred times as long.
        """
        late = self.size - len(self.latencies)
        if late > self.size * _LATE:
            return None
        if not late or self.full_s is None:
            return sum(self.latencies) / len(self.latencies)
        return (sum(self.latencies) + late * max(now_s - self.full_s, *self.latencies)) / self.size


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
        self._alone = _Window(started, _ALONE, 1)  # which tell what one takes
        self._windows: deque[_Window] = deque()  # those that are still to be judged, the oldest first
        self._answered = answered
        self._ramping = True
        self._levelled = started  # items that are in a window of the ramp, or before it
        self._early: list[tuple[int, float]] = []  # answers while ramping
        self._shortest_s = inf
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
        self._alone.heard(index, seconds)
        if self._ramping:
            self._early.append((index, seconds))
        for window in self._windows:
            window.heard(index, seconds)

    def look(self, now_s: float, started: int, *, room: bool = True) -> bool:
        """Think again.

        Args:
            now_s: the time.
            started: items that have been started so far.
            room: whether there is anything that more in flight could use: CPU, first of all.

        Returns:
            Whether the target has changed.
        """
        before = self.target
        if self._ramping:
            self._ramp(now_s, started, room=room)
        self._judge_all(now_s, started, room=room)
        return self.target != before

    def _ramp(self, now_s: float, started: int, *, room: bool) -> None:
        """Send more and more before anything is known, and divide what was sent into levels."""
        most = min(self._most, _UNANSWERED)
        if room and self.target < most and now_s - self._begun_s >= _FIRST_S * self.target / 2:
            self.target = min(2 * self.target, most)  # once a look: how busy the last ones keep the CPU has to be seen first
        if started - self._before >= max(_WINDOW, 2 * (self._levelled - self._before)):
            window = _Window(self._levelled, started - self._levelled, max(1, started - self._answered))
            window.full_s = now_s
            for index, seconds in self._early:
                window.heard(index, seconds)
            self._levelled = started
            self._windows.append(window)

    def _open(self, started: int) -> None:
        self._windows.append(_Window(started, max(_WINDOW, self.target), self.target))

    def _judge_all(self, now_s: float, started: int, *, room: bool) -> None:
        while self._windows:
            window = self._windows[0]
            if window.full_s is None and started >= window.first + window.size:
                window.full_s = now_s
            latency, slow = window.mean(now_s), False
            if latency is None:
                if window.full_s is None or self.latency_s is None or len(window.latencies) > window.size // 2:
                    return
                if now_s - window.full_s <= _SLOWER * self.latency_s:
                    return
                latency, slow = now_s - window.full_s, True  # it is at least that
            self._shortest_s = min(self._shortest_s, latency, self._alone.mean(now_s) or inf)
            self._windows.popleft()
            self._ramping = False
            self._early.clear()
            before = self.target
            self._judge(window.level, latency, slow=slow, room=room)
            if self.target != before:
                self._windows.clear()
            if not self._windows:
                self._open(started)
                return

    def _judge(self, level: int, latency: float, *, slow: bool, room: bool) -> None:
        rate = level / latency if latency > 0 else inf
        grown = rate >= _GROWN * self.rate and not slow
        self.latency_s = latency
        if self._probed is not None:
            self._end_probe(rate)
        elif self.settled:
            self._follow(level, rate, latency, room=room)
        elif not grown and not slow and rate >= _PERHAPS * self.rate and not self._doubts:
            self._doubts = 1  # one more window will tell
        else:
            self._doubts = 0
            self._go_on_or_settle(level, rate, latency, grown=grown, room=room)

    def _go_on_or_settle(self, level: int, rate: float, latency: float, *, grown: bool, room: bool) -> None:
        if not grown:
            self.settled = True
            self.target = self._sustainable()
            return
        self.rate = rate
        if level < _ABOUT * self.target:
            return  # a level of the ramp; the next one has been sent
        if room and self.target < self._most:
            self.target = min(self._most, ceil(self._step(latency) * self.target - _ROUNDING))
        else:
            self.settled = True

    def _step(self, latency: float) -> float:
        """Return the next step, as a factor: less than the largest where items wait already, as Little's law says."""
        if self._growth > _SMALL_STEP:
            return self._growth if latency <= _STEADY * self._shortest_s else _SMALL_STEP
        return self._growth * self._shortest_s / latency

    def _follow(self, level: int, rate: float, latency: float, *, room: bool) -> None:
        """Keep to a knee that may move: now and then try with fewer, and with more."""
        if rate < self.rate / _SLOWER:  # it has become slower for good, or was never as fast as it looked
            self._doubts += 1
            if self._doubts > 1:
                self.rate, self._quiet, self._doubts = rate, 0, 0
                self.target = max(1, min(level - 1, self._sustainable()))
            return
        self._doubts = 0
        self.rate += 0.25 * (rate - self.rate)
        self._quiet += 1
        if self._quiet < _PROBE_AFTER:
            return
        waits = latency > _STEADY * self._shortest_s
        self._downwards = waits and not self._downwards
        step = 1 / _HEADROOM**2 if self._downwards else 1.25 if room else 1.0
        wanted = max(1, min(self._most, ceil(step * self.target) if step > 1 else int(step * self.target)))
        self._quiet = 0
        if wanted != self.target:
            self._probed, self.target = self.target, wanted

    def _end_probe(self, rate: float) -> None:
        """Stay where as much comes back with fewer, or more with more; else return."""
        before, self._probed, self._quiet = self._probed, None, 0
        assert before is not None
        needed = _KEPT if self.target < before else 1 + 0.5 * (self.target / before - 1)
        if rate >= needed * self.rate:
            self.rate = rate
            self._quiet = _PROBE_AFTER - 1  # go on in this direction
            self._downwards = not (self.target < before)
        else:
            self.target = before

    def _sustainable(self) -> int:
        """As many as are served at once: by Little's law, the best rate times the time that one of them takes alone."""
        return max(1, min(self.target, ceil(self.rate * self._shortest_s * _HEADROOM)))
