"""The generators that all share, while items have numbers of their own: who draws from what, and what is put back."""

# ruff: noqa: NPY002 (the generator that all share is what this is about)

import contextvars
import copy
import pickle
import random
import sys
import threading
from contextlib import nullcontext

import numpy as np
import pytest

from atonce._workers.draws import CURRENT, Draws, Turn

PATIENCE_S = 60.0


def standing():
    """List what stands in the modules of random numbers."""
    modules = random, np.random, sys.modules["numpy.random.bit_generator"]
    return (
        [{name: id(value) for name, value in vars(module).items()} for module in modules],
        type(random._inst),
        list(sys.meta_path),
    )


@pytest.fixture(autouse=True)
def _nothing_stays():
    before = standing()
    yield
    assert standing() == before


def drawn():
    return random.random(), random.gauss(0, 1), float(np.random.rand()), float(np.random.default_rng().random())


@pytest.mark.parametrize("alone", [False, True])
def test_a_turn_draws_the_items_numbers(alone):
    with Turn(Draws(b"a", 1), alone=alone):
        first = drawn(), drawn()
    with Turn(Draws(b"a", 1)):
        assert (drawn(), drawn()) == first
    with Turn(Draws(b"a", 2)):
        assert drawn() != first[0]
    with Turn(Draws(b"b", 1)):
        assert drawn() != first[0]
    assert len({*first[0], *first[1]}) == 8  # and the streams have nothing in common


def test_turns_end_in_any_order():
    entered, done = threading.Barrier(3), threading.Event()
    found = {}

    def item(index, *, waits):
        with Turn(Draws(b"a", index)):
            entered.wait(PATIENCE_S)
            if waits:
                assert done.wait(PATIENCE_S)
            found[index] = drawn()

    threads = [threading.Thread(target=item, args=(index,), kwargs={"waits": index == 0}) for index in range(2)]
    for thread in threads:
        thread.start()
    entered.wait(PATIENCE_S)
    threads[1].join(PATIENCE_S)
    assert type(random._inst) is not random.Random  # there is one left
    done.set()
    threads[0].join(PATIENCE_S)
    for index in range(2):
        with Turn(Draws(b"a", index)):
            assert found[index] == drawn()


@pytest.mark.parametrize("odd", [0, 1], ids=["plain", "with-one-made-in-advance"])
def test_an_owner_leaves_the_real_generators_as_they_were(odd):
    for _ in range(odd):
        random.gauss(0, 1), np.random.normal()
    states = random.getstate(), str(np.random.get_state(legacy=False))
    with pytest.raises(KeyError), Turn(Draws(b"a", 1), alone=True):
        np.random.normal()
        random.gauss(0, 1)
        with Turn(Draws(b"a", 2), alone=True):  # a call inside, which the item waits for
            drawn()
        raise KeyError
    assert (random.getstate(), str(np.random.get_state(legacy=False))) == states


def test_a_generator_of_another_kind_is_put_back():
    before = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(5))
    try:
        np.random.normal()
        state = str(np.random.get_state(legacy=False))
        with Turn(Draws(b"a", 1), alone=True):
            first = np.random.rand()
        assert str(np.random.get_state(legacy=False)) == state
        with Turn(Draws(b"a", 1)):
            assert np.random.rand() == first
    finally:
        np.random.set_bit_generator(before)


def test_an_owner_begins_within_another_only_if_it_is_waited_for():
    with Turn(Draws(b"a", 1), alone=True):
        first = drawn()
        own = random.random(), float(np.random.rand())
    with Turn(Draws(b"a", 1), alone=True):
        assert drawn() == first
        elsewhere, turn = contextvars.Context(), Turn(Draws(b"a", 2), alone=True)
        elsewhere.run(turn.__enter__)  # another thread's: it is led, and the owner stays
        assert (random.random(), float(np.random.rand())) == own
        assert elsewhere.run(random.random) != own[0]
        elsewhere.run(turn.__exit__)
    assert CURRENT.get() is None


def test_the_generator_goes_by_name_while_it_asks():
    with Turn(Draws(b"a", 1)):
        assert pickle.loads(pickle.dumps(random._inst)) is random._inst
        assert copy.copy(random._inst) is random._inst
        assert pickle.loads(pickle.dumps(np.random.rand)) is np.random.rand
        assert repr(random._inst).startswith("<random.Random object")
        blob = pickle.dumps((random.random, random.choice))
    assert pickle.loads(blob) == (random.random, random.choice)


def test_an_items_numbers_do_not_travel():
    assert pickle.loads(pickle.dumps(Draws(b"a", 1))) is None


def test_other_generators_are_left_alone():
    mine = random.Random(4)
    expected = random.Random(4).random()
    theirs = np.random.default_rng(4).random(), np.random.RandomState(4).rand()
    with Turn(Draws(b"a", 1)):
        assert mine.random() == expected
        assert (np.random.default_rng(4).random(), np.random.RandomState(4).rand()) == theirs
        assert random.SystemRandom().random() != random.SystemRandom().random()


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("inner", [False, True], ids=["", "inside-another"])
def test_ctrl_c_may_come_at_any_line(alone, inner):
    drawn_before = random.gauss(0, 1), np.random.normal()
    states = random.getstate(), str(np.random.get_state(legacy=False))
    before = standing()
    line, reached = 0, True
    while reached:
        line += 1
        reached = _raises_at(line, alone=alone, inner=inner)
        assert standing() == before, line
        assert (random.getstate(), str(np.random.get_state(legacy=False))) == states, line
        assert CURRENT.get() is None, line
    assert line > 50
    assert drawn_before


def _raises_at(line, *, alone, inner):
    """Let a turn be interrupted at its ``line``-th step; tell whether there are so many."""
    left = line

    def trace(frame, event, _value):
        nonlocal left
        if "draws.py" not in frame.f_code.co_filename or "test_" in frame.f_code.co_filename:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    outer, within = (Turn(Draws(b"a", index), alone=alone) for index in range(2))
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        try:
            with outer:
                try:
                    with within if inner else nullcontext():
                        pass
                finally:
                    within.end()
        finally:
            outer.end()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False
