"""What it takes to ship an item: pickling it, and the way."""

import threading

import pytest

from atonce._machine.calibration import Constants
from atonce._probe.payload import weigh

SLOW = Constants(ship_item_s=0.0, copy_bytes_per_s=1e6)
FAST = Constants(ship_item_s=0.0, copy_bytes_per_s=1e12)
MEGABYTE = 1 << 20


@pytest.mark.parametrize(("thing", "times"), [("x" * MEGABYTE, 2.5), (bytearray(MEGABYTE), 1.0)], ids=["pickled", "a buffer"])
def test_the_way_counts_by_what_goes_through_a_pipe_and_what_through_shared_memory(thing, times):
    way_s = times * MEGABYTE / SLOW.copy_bytes_per_s
    there = weigh(len, [thing, thing[:-1]], [], SLOW).item_s
    assert way_s <= there < 1.5 * way_s
    back = weigh(len, [], [thing, thing[:-1]], SLOW).item_s
    assert way_s <= back < 1.5 * way_s
    assert weigh(len, [thing, thing[:-1]], [], FAST).item_s < way_s / 2


def test_what_an_item_costs_that_costs_nothing_is_added():
    assert weigh(len, [], [], Constants(ship_item_s=7.0)).item_s == 7.0


def test_what_cannot_be_sent_stays():
    lock = threading.Lock()
    assert weigh(lambda _: lock, [], [], FAST).stays.startswith("it has to stay in this process: ")
    assert weigh(len, [lock], [], FAST).stays.startswith("it has to stay in this process: ")
    assert not weigh(len, ["a"], [1], FAST).stays
