"""The number of items in flight finds a service's knee: services in virtual time."""

import heapq
import random
from statistics import median

import pytest

from atonce._policy.concurrency import Knee


class Service:
    """Answers requests in virtual time.

    ``latency(in_flight, item)`` says how long one takes that is sent while so many are in flight, itself included; with ``slots``,
    only so many are served at once, and the others stand in line.
    """

    def __init__(self, latency, slots=None):
        self.latency = latency
        self.slots = slots
        self.free_at = [0.0] * slots if slots else []

    def answer_at(self, now, in_flight, item):
        seconds = self.latency(in_flight, item)
        if not self.slots:
            return now + seconds
        begin = max(now, heapq.heappop(self.free_at))
        heapq.heappush(self.free_at, begin + seconds)
        return begin + seconds


class Driven:
    """What came of a run of so many items: how long it took, and what was in flight when."""

    def __init__(self, service, items, *, most=512, look_every=0.001, before=0, between=0, growth=2.0, counted=False):
        self.knee = Knee(most, 0.0, start=2, started=before, answered=before, growth=growth)
        self.targets = [(0.0, self.knee.target)]
        self.items = before + items
        flying = []  # (answered at, index, sent at)
        now, sent, answered = 0.0, before, before
        items += before
        while answered < items:
            while flying and flying[0][0] <= now:
                at, index, begun = heapq.heappop(flying)
                self.knee.heard(index, at - begun)
                answered += 1
            while sent < items and len(flying) < max(1, self.knee.target - between):
                heapq.heappush(flying, (service.answer_at(now, len(flying) + 1, sent), sent, now))
                sent += 1
            if self.knee.look(now, sent, left=items - sent if counted else None):
                self.targets.append((now, self.knee.target))
            now += look_every
        self.seconds = now

    @property
    def most(self):
        return max(target for _, target in self.targets)

    def above(self, limit):
        """Return the spells, in seconds, for which more than ``limit`` were wanted in flight."""
        spells, since = [], None
        for at, target in [*self.targets, (self.seconds, 0)]:
            if target > limit and since is None:
                since = at
            elif target <= limit and since is not None:
                spells.append(at - since)
                since = None
        return spells


def steady(seconds):
    return Service(lambda _in_flight, _item: seconds)


def saturates(seconds, slots):
    return Service(lambda _in_flight, _item: seconds, slots)


def thrashes(seconds, knee):
    return Service(lambda in_flight, _item: seconds * max(1.0, in_flight / knee) ** 2)


@pytest.mark.parametrize("seconds", [0.001, 0.02, 0.2])
def test_a_service_without_a_knee_gets_all_there_may_be(seconds):
    driven = Driven(steady(seconds), 5000, most=256)
    assert driven.most == 256


@pytest.mark.parametrize(("seconds", "items"), [(0.02, 300), (0.2, 60), (0.1, 100), (0.05, 200)])
def test_a_few_hundred_waits_take_little_more_than_a_few(seconds, items):
    assert Driven(steady(seconds), items).seconds <= 5 * seconds


@pytest.mark.parametrize("slots", [4, 16, 64])
@pytest.mark.parametrize("seconds", [0.005, 0.02, 0.2])
def test_a_service_that_saturates_is_kept_busy_and_not_more(slots, seconds):
    items = 60 * slots
    driven = Driven(saturates(seconds, slots), items)
    assert driven.seconds <= 1.25 * items / slots * seconds + 5 * seconds
    assert 0.9 * slots <= driven.knee.target <= (1.5 if slots >= 64 else 2) * slots  # few items at once make rough averages


@pytest.mark.parametrize("seconds", [0.02, 0.2])
@pytest.mark.parametrize("slots", [64, 100, 300])
def test_with_smaller_steps_little_more_is_ever_sent_than_the_next_step(slots, seconds):
    driven = Driven(Service(lambda _level, _item: seconds, slots=slots), 40 * slots, most=10_000, growth=1.5)
    assert driven.most <= (1.5 if slots < 300 else 1.7) * slots  # a level just above the knee looks as good as one below
    assert driven.seconds <= 1.25 * 40 * seconds


def test_with_smaller_steps_ten_thousand_are_in_flight_after_some_latencies():
    driven = Driven(Service(lambda _level, _item: 0.1), 100_000, most=10_000, growth=1.5)
    assert driven.most == 10_000
    assert next(now for now, target in driven.targets if target == 10_000) < 25 * 0.1


@pytest.mark.parametrize("seconds", [0.005, 0.02, 0.05])
def test_a_service_that_thrashes_is_not_overrun_for_longer_than_a_window(seconds):
    driven = Driven(thrashes(seconds, 64), 4000)
    assert driven.seconds <= 1.3 * 4000 / 64 * seconds
    for spell in driven.above(96):
        assert spell <= 5 * seconds


@pytest.mark.parametrize("before", [0, 3, 7, 100])
def test_items_that_ended_before_anybody_was_hired_are_not_waited_for(before):
    driven = Driven(steady(0.002), 6000, before=before)
    assert driven.knee.latency_s == pytest.approx(0.002, rel=0.6)
    assert driven.most >= 128


def test_a_level_that_nearly_all_keep_is_the_level():
    """62 in flight of 64 that are wanted: 60 items of 20 ms, twice, are enough to know that more would help."""
    assert Driven(steady(0.02), 300, between=2).seconds < 0.11


@pytest.mark.parametrize("seed", range(20))
def test_short_items_that_come_back_first_fool_nobody(seed):
    """1 to 40 ms: the first answers are those of the short ones, and say nothing about the service."""
    draw = random.Random(seed)
    costs = [draw.uniform(0.001, 0.04) for _ in range(600)]
    driven = Driven(Service(lambda _in_flight, item: costs[item]), 600)
    assert driven.most >= 128
    assert driven.seconds <= 0.25


@pytest.mark.parametrize("seed", range(20))
def test_rare_long_items_do_not_stop_the_growth(seed):
    draw = random.Random(seed)
    costs = [1.0 if draw.random() < 0.05 else 0.01 for _ in range(3000)]
    driven = Driven(Service(lambda _in_flight, item: costs[item]), 3000)
    assert driven.most >= 128


def uneven(mean_s, items, seed):
    """Exponential times: as uneven as those of a service whose answers come by chance."""
    draw = random.Random(seed)
    return [draw.expovariate(1 / mean_s) for _ in range(items)]


@pytest.mark.parametrize("growth", [1.5, 2.0])
def test_uneven_items_do_not_stop_the_growth(growth):
    """A mean of 24 such items is off by a fifth. All at once would take 0.15 s, and 64 at once 0.65."""
    took = []
    for seed in range(40):
        costs = uneven(0.02, 2000, seed)
        took.append(Driven(Service(lambda _level, item, costs=costs: costs[item]), 2000, most=1000, growth=growth).seconds)
    assert median(took) < 0.4
    assert max(took) < 0.9


@pytest.mark.parametrize("growth", [1.5, 2.0])
@pytest.mark.parametrize("slots", [8, 24, 64])
@pytest.mark.parametrize("seed", range(20))
def test_uneven_items_do_not_hide_where_a_service_saturates(seed, slots, growth):
    items = 16 * slots
    costs = uneven(0.02, items, seed)
    driven = Driven(Service(lambda _in_flight, item: costs[item], slots), items, growth=growth)
    assert driven.seconds <= 1.3 * (sum(costs) / slots + max(costs))
    assert driven.knee.target <= 2.5 * max(slots, 24)


@pytest.mark.parametrize("seed", range(20))
def test_uneven_items_do_not_make_it_overrun_a_service_for_long(seed):
    costs = uneven(0.02, 2500, seed)
    driven = Driven(Service(lambda in_flight, item: costs[item] * max(1.0, in_flight / 64) ** 2), 2500)
    assert driven.seconds <= 2.2 * sum(costs) / 64


def test_half_of_a_level_is_enough_to_go_on():
    """1 to 9 naps of 4 ms: those of a level are not waited for until nearly all are back."""
    at = []
    for seed in range(40):
        draw = random.Random(seed)
        costs = [0.0044 * draw.randint(1, 9) for _ in range(600)]
        driven = Driven(Service(lambda _level, item, costs=costs: costs[item]), 600)
        at.append(next(now for now, target in driven.targets if target >= 128))
    assert median(at) < 0.016 + 0.0044 * 6.5  # they were sent within 16 ms; seven of eight are back after 8 naps


def followed(driven, latency_s, rounds=120):
    """Serve so many windows more, at a latency that the number in flight, and the round, say; return the targets meanwhile."""
    knee, sent, now, targets = driven.knee, driven.items, driven.seconds, []
    for number in range(rounds):
        size = max(24, knee.target)
        seconds = latency_s(knee.target, number)
        for index in range(sent, sent + 2 * size):
            knee.heard(index, seconds)
        sent += 2 * size
        now += seconds * 2
        knee.look(now, sent)
        targets.append(knee.target)
    return targets[rounds // 2 :]


@pytest.mark.parametrize("slots", [64, 96])
def test_a_service_that_takes_longer_for_good_but_serves_as_many_keeps_them(slots):
    """With fewer in flight each would take as long, and less would come back: it must not be taken for one that is overrun."""
    driven = Driven(saturates(0.02, 64), 3000)
    assert 60 <= driven.knee.target <= 96
    targets = followed(driven, lambda in_flight, _: 0.05 * max(1.0, in_flight / slots))
    assert 0.8 * slots <= median(targets) <= 1.5 * slots
    assert min(targets) >= 0.75 * 64
    assert max(targets) <= 1.6 * slots


def test_a_service_that_bears_more_later_gets_more():
    driven = Driven(saturates(0.02, 16), 1500)
    assert driven.knee.target <= 32
    targets = followed(driven, lambda in_flight, _: 0.02 * max(1.0, in_flight / 200))
    assert median(targets) >= 160
    assert max(targets) <= 320


def test_one_stall_is_not_taken_for_what_items_take():
    driven = Driven(saturates(0.02, 64), 3000)
    stalls = range(3, 40, 7)
    followed(driven, lambda in_flight, number: 2.0 if number in stalls else 0.03 * max(1.0, in_flight / 32))
    assert driven.knee.shortest_s <= 0.04


def test_a_knee_that_has_no_room_does_not_grow_again():
    """A service that bears more later, and a GIL that does not."""
    knee = Driven(saturates(0.02, 16), 1500).knee
    before = knee.target
    for number in range(200):
        for index in range(1500 + 64 * number, 1564 + 64 * number):
            knee.heard(index, 0.02)
        knee.look(10.0 + 0.04 * number, 1564 + 64 * number, room=False)
    assert knee.target <= before


def test_of_what_was_under_way_when_others_took_over_nothing_is_waited_for():
    """Half of a window is back when processes are tried; the other half will never be heard of."""
    driven = Driven(saturates(0.02, 64), 3000)
    knee, sent = driven.knee, 3000 + driven.knee.target
    for index in range(3000 - 10, sent - 20):
        knee.heard(index, 0.02)
    knee.look(driven.seconds + 0.05, sent)
    knee.resume(4000)
    driven.items = 4000
    assert max(followed(driven, lambda in_flight, _: 0.02 * max(1.0, in_flight / 8))) <= 24


def test_while_too_many_of_the_first_ones_hang_nothing_piles_up():
    costs = [1e9 if number < 100 and number % 5 == 3 else 0.01 for number in range(20_000)]
    knee = Knee(48, 0.0, start=2)
    flying, now, sent = [], 0.0, 0
    while sent < 20_000:
        while flying and flying[0][0] <= now:
            at, index, begun = heapq.heappop(flying)
            knee.heard(index, at - begun)
        while sent < 20_000 and len(flying) < knee.target:
            heapq.heappush(flying, (now + costs[sent], sent, now))
            sent += 1
        knee.look(now, sent)
        now += 0.001
    assert knee.target == 48
    assert len(knee._early) + sum(len(window.latencies) for window in knee._windows) <= 1000


def test_a_service_that_gets_slower_gets_less():
    slots = 64
    service = saturates(0.02, slots)
    driven = Driven(service, 3000)
    assert driven.knee.target >= slots
    knee = driven.knee
    # From now on it serves 16 at once: 70 in flight take four times as long each.
    now, sent = driven.seconds, 3000
    for _ in range(60):
        for index in range(sent, sent + 2 * knee.target):
            knee.heard(index, 0.02 * max(1.0, knee.target / 16))
        sent += 2 * knee.target
        knee.look(now, sent)
        now += 0.02
    assert knee.target <= 40


def test_without_room_there_is_no_growth():
    knee = Knee(512, 0.0, start=2)
    for step in range(100):
        knee.look(0.001 * step, 2, room=False)
    assert knee.target == 2


@pytest.mark.parametrize("items", [129, 150, 192])
def test_a_few_more_than_are_sent_before_anything_is_known_are_sent_with_them(items):
    driven = Driven(steady(0.2), items, counted=True)
    assert [target for now, target in driven.targets if now < 0.2][-1] == items
    assert driven.seconds < 0.2 + 0.07


@pytest.mark.parametrize("counted", [True, False])
def test_of_more_no_more_are_sent_before_anything_is_known(counted):
    driven = Driven(steady(0.2), 193, counted=counted)
    assert next(now for now, target in driven.targets if target > 128) > 0.2


def test_who_is_answered_late_after_others_were_answered_sends_no_more_than_64():
    """The first ones are back after 20 ms, and those that were sent when there were more of them are not: there may be too many."""
    driven = Driven(thrashes(0.02, 8), 300)
    assert max(target for now, target in driven.targets if now < 0.2) == 64


def test_items_that_take_no_time_are_no_error():
    driven = Driven(steady(0.0), 5000, most=256)
    assert driven.most >= 64


@pytest.mark.parametrize("seed", range(10))
def test_some_items_that_take_no_time_are_no_error(seed):
    draw = random.Random(seed)
    costs = [0.0 if draw.random() < 0.7 else 0.02 for _ in range(3000)]
    assert Driven(Service(lambda _in_flight, item: costs[item]), 3000).most >= 64


def test_where_there_may_be_one_there_is_one():
    assert Driven(steady(0.01), 200, most=1).most == 1
