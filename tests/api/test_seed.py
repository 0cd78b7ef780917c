"""``seed=``: what an item draws depends on the seed and on its place in the input, and on nothing else."""

# ruff: noqa: NPY002 (the generator that all share is what this is about)

import asyncio
import contextvars
import functools
import importlib
import random
import re
import secrets
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from random import choice as early_choice
from random import gauss as early_gauss
from random import getrandbits as early_getrandbits
from random import random as early_random

import numpy as np
import pytest
from numpy.random import default_rng as early_default_rng
from numpy.random import rand as early_rand

import atonce
from atonce import OptionError, Retry

PATIENCE_S = 60.0
ITEMS = range(12)
SEED = 20
FIRST, FIRST_OF_NUMPY = [661613, 301233, 834056], [898031, 158910, 655476]
SOURCES = (random, np.random, np.random.mtrand, importlib.import_module("numpy.random.bit_generator"))

# Every way to run items: one after the other and side by side, here and in other processes.
WAYS = {
    "inline": {"engine": "inline"},
    "auto": {},
    "thread": {"engine": "thread", "max_workers": 4},
    "thread-1": {"engine": "thread", "max_workers": 1},
    "process-2": {"engine": "process", "max_workers": 2},
    "process-1": {"engine": "process", "max_workers": 1, "chunksize": 5},
    "process-8": {"engine": "process", "max_workers": 2, "concurrency": 8},
    "chunks": {"engine": "thread", "max_workers": 2, "chunksize": 5},
}
each_way = pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)


def draws(number):
    """Draw in all ways that are covered everywhere."""
    numbers = [1, 2, 3, 4, 5, 6, 7, 8]
    random.shuffle(numbers)
    return (
        number,
        random.random(),
        early_gauss(0, 1),
        random.gauss(0, 1),
        early_choice(range(10**9)),
        random.getrandbits(70),
        random.randbytes(5),
        numbers,
        float(np.random.rand()),
        float(np.random.normal()),
        int(np.random.randint(10**9)),
        float(np.random.ranf()),
        float(np.random.default_rng().random()),
        float(early_default_rng().random()),
        int(np.random.PCG64().random_raw()),
        np.random.SeedSequence().entropy,
        float(np.random.RandomState().random_sample()),
    )


async def draws_in_turns(number):
    found = [random.random()]
    for _ in range(4):
        await asyncio.sleep(0)
        found.append(early_gauss(0, 1))
        found.append(float(np.random.rand()))
    return [number, *found, *(await asyncio.gather(*(_drawn() for _ in range(3))))]


async def _drawn():
    await asyncio.sleep(0)
    return random.random()


def draws_early(number):
    """Draw by names that nobody can lead elsewhere."""
    return number, early_random(), random.random(), early_getrandbits(40), float(early_rand()), float(np.random.rand())


def seeds_itself(number):
    """Use the generator as a program does that seeds it."""
    random.seed(number)
    np.random.seed(number)
    first, state = random.random(), random.getstate()
    second = random.random()
    random.setstate(state)
    numpy_state = np.random.get_state()
    third = float(np.random.rand())
    np.random.set_state(numpy_state)
    return first, second, random.random() == second, third, float(np.random.rand()) == third


def expected(fn=draws, items=ITEMS):
    return list(atonce.map(fn, items, engine="inline", seed=SEED))


def places():
    """List all that stands in the modules of random numbers, and the state of their generators."""
    named = [{name: id(value) for name, value in vars(module).items()} for module in SOURCES]
    return named, type(random._inst), list(sys.meta_path), random.getstate(), str(np.random.get_state(legacy=False))


@pytest.fixture(autouse=True)
def _untouched():
    """What the caller draws from is as it was, whatever happens in a run."""
    random.seed(3)
    np.random.seed(3)
    random.gauss(0, 1)
    np.random.normal()  # each has made another one in advance
    before = places()
    yield
    assert places() == before


# ---- the same numbers, wherever and whenever ------------------------------------------------------------------------------------


@each_way
def test_an_item_draws_the_same_wherever_it_runs(options):
    assert atonce.map(draws, ITEMS, seed=SEED, **options) == expected()


@each_way
def test_coroutines_draw_the_same_wherever_they_run(options):
    assert atonce.map(draws_in_turns, ITEMS, seed=SEED, **options) == expected(draws_in_turns)


@pytest.mark.parametrize("engine", ["async", "auto", "inline", "process"])
async def test_coroutines_on_the_callers_loop_draw_the_same(engine):
    found = await atonce.amap(draws_in_turns, ITEMS, seed=SEED, engine=engine)
    assert found == await asyncio.to_thread(expected, draws_in_turns)
    assert {item[0]: item async for item in atonce.astream(draws_in_turns, ITEMS, seed=SEED, ordered=False)} == {
        item[0]: item for item in found
    }


async def test_functions_draw_the_same_beside_a_loop():
    for engine in ("auto", "thread", "inline"):
        assert await atonce.amap(draws, ITEMS, seed=SEED, engine=engine) == expected()


def test_a_function_that_returns_a_coroutine_draws_on_both_sides():
    def begins(number):
        first = random.random()

        async def goes_on():
            await asyncio.sleep(0)
            return number, first, random.random()

        return goes_on()

    found = atonce.map(begins, ITEMS, seed=SEED, engine="async")
    alone = [(item[0], *item[1:]) for item in atonce.map(lambda n: (n, random.random(), random.random()), ITEMS, seed=SEED)]
    assert found == alone


def test_items_that_draw_in_turns_do_not_draw_from_each_other():
    def draws_beside(number, *, others):
        found = []
        for _ in range(3):
            others()
            found.append((random.random(), early_gauss(0, 1), float(np.random.normal()), float(np.random.default_rng().random())))
        return number, found

    barrier = threading.Barrier(4)
    beside = functools.partial(draws_beside, others=lambda: barrier.wait(PATIENCE_S))
    alone = functools.partial(draws_beside, others=lambda: None)
    found = atonce.map(beside, ITEMS, seed=SEED, engine="thread", max_workers=4, chunksize=1)
    assert found == expected(alone)


async def test_trio_draws_the_same():
    trio = pytest.importorskip("trio")

    async def draws_on_trio(_number):
        found = []
        for _ in range(3):
            await trio.sleep(0)
            found.append((random.random(), early_gauss(0, 1)))
        return found

    async def main():
        with trio.fail_after(PATIENCE_S):
            return await atonce.amap(draws_on_trio, ITEMS, seed=SEED)

    found = await asyncio.to_thread(trio.run, main)
    assert found == expected(lambda _: [(random.random(), early_gauss(0, 1)) for _ in range(3)])


@pytest.mark.parametrize("options", [{"engine": "inline"}, WAYS["process-2"], WAYS["process-1"], {}], ids=str)
def test_where_items_run_one_by_one_a_name_taken_before_will_do(options):
    assert atonce.map(draws_early, ITEMS, seed=SEED, **options) == expected(draws_early)


@each_way
def test_an_item_may_seed_the_generators_itself(options):
    assert atonce.map(seeds_itself, ITEMS, seed=SEED, **options) == expected(seeds_itself)
    assert [found[0] for found in expected(seeds_itself)] == [random.Random(number).random() for number in ITEMS]


@pytest.mark.parametrize("fn", [random.choice, random.sample, np.random.permutation, functools.partial(random.choices, k=3)])
@pytest.mark.parametrize("way", ["inline", "thread", "process-2", "process-8"])
def test_the_function_may_be_one_that_draws(fn, way):
    call = functools.partial(fn, k=3) if fn == random.sample else fn
    rows = [[1, 2, 3, 4, 5, 6, 7, 8]] * 10
    found = [list(each) if not isinstance(each, int) else each for each in atonce.map(call, rows, seed=SEED, **WAYS[way])]
    there = [list(each) if not isinstance(each, int) else each for each in atonce.map(call, rows, seed=SEED, engine="inline")]
    assert found == there
    assert len({str(each) for each in found}) > 2


@pytest.mark.parametrize("fn", [random.getrandbits, np.random.poisson])
@pytest.mark.parametrize("way", ["thread", "process-2", "process-8"])
def test_the_function_may_be_one_in_c(fn, way):
    assert atonce.map(fn, [50] * 8, seed=SEED, **WAYS[way]) == atonce.map(fn, [50] * 8, seed=SEED, engine="inline")


def test_several_iterables_and_tuples_of_arguments():
    def both(one, other):
        return one, other, random.random()

    pairs = [(number, str(number)) for number in ITEMS]
    there = atonce.starmap(both, pairs, seed=SEED, engine="inline")
    assert [row[:2] for row in there] == pairs
    for way in ("thread", "process-2", "auto"):
        assert atonce.starmap(both, pairs, seed=SEED, **WAYS[way]) == there
        assert atonce.map(both, ITEMS, map(str, ITEMS), seed=SEED, **WAYS[way]) == there
    assert [row[2] for row in there] == [row[0] for row in expected(_one)]


@pytest.mark.parametrize("way", ["inline", "thread", "process-2", "process-8"])
@pytest.mark.parametrize("ordered", [True, False])
def test_streams_of_inputs_of_no_known_length(way, ordered):
    found = list(atonce.stream(draws, iter(ITEMS), seed=SEED, ordered=ordered, buffersize=4, **WAYS[way]))
    assert (found if ordered else sorted(found)) == expected()


async def test_asynchronous_inputs():
    async def numbers():
        for number in ITEMS:
            await asyncio.sleep(0)
            yield number

    for engine in ("async", "thread", "inline"):
        assert await atonce.amap(draws, numbers(), seed=SEED, engine=engine) == expected()
    two = await atonce.amap(lambda one, _: draws(one), numbers(), ITEMS, seed=SEED, engine="thread")
    assert two == expected()


def test_one_item_draws_what_it_draws_among_others():
    assert atonce.map(draws, [0], seed=SEED) == expected()[:1]
    assert atonce.map(draws, [0], seed=SEED, engine="inline") == expected()[:1]


# ---- attempts -------------------------------------------------------------------------------------------------------------------


def draws_and_fails(number, failed):
    drawn = random.random(), float(np.random.rand())
    if failed(number):
        raise OSError(drawn)
    return number, drawn


@pytest.mark.parametrize("retries", [2, Retry(2, backoff=0.0)])
@pytest.mark.parametrize("way", ["inline", "thread", "process-2", "process-8"])
def test_another_attempt_draws_the_same(way, retries, evidence):
    def first_time(number):
        evidence.note(number)
        return evidence.lines().count(str(number)) < 2

    fn = functools.partial(draws_and_fails, failed=first_time)
    never = functools.partial(draws_and_fails, failed=lambda _: False)
    assert atonce.map(fn, ITEMS, seed=SEED, retries=retries, **WAYS[way]) == expected(never)


@pytest.mark.parametrize("way", ["inline", "thread", "process-2", "process-8"])
def test_an_item_that_fails_takes_nothing_from_the_others(way):
    def fails(number):
        return draws_and_fails(number, lambda number: number % 3 == 0)

    found = atonce.map(fails, ITEMS, seed=SEED, errors="return", **WAYS[way])
    there = expected(functools.partial(draws_and_fails, failed=lambda _: False))
    drawn = [(index, each.error.args[0]) if isinstance(each, atonce.Failure) else each for index, each in enumerate(found)]
    assert drawn == there


@pytest.mark.parametrize("way", ["inline", "thread", "process-2", "process-8"])
@pytest.mark.parametrize("later", [False, True])
def test_a_failure_names_the_users_item_and_code(way, later):
    def fails(name):
        raise KeyError(name)

    async def fails_later(name):
        await asyncio.sleep(0)
        raise KeyError(name)

    with pytest.raises(KeyError) as caught:
        atonce.map(fails_later if later else fails, ["b.png"] * 3, seed=SEED, **WAYS[way])
    assert re.match(r"item [0-2]: 'b\.png' \(attempt 1, ", caught.value.__notes__[-1])
    traceback, files = caught.value.__traceback__, []
    while traceback is not None:
        files.append(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
    assert not any(file.endswith(("seeding.py", "draws.py")) for file in files)
    story = "".join(getattr(caught.value.__cause__, "args", ()) or ())
    assert "seeding.py" not in story


class Box:
    def __init__(self):
        self.lock = threading.Lock()


def test_what_does_not_pickle_is_named_as_the_user_knows_it():
    lock = threading.Lock()
    for fn, items in ((lambda _: lock, [1]), (draws, [Box()]), (draws, [[1, Box()]])):
        told = []
        for seed in (None, SEED):
            with pytest.raises(atonce.errors.PicklingFailed) as caught:
                atonce.map(fn, items, engine="process", seed=seed)
            told.append(str(caught.value))
        assert told[0] == told[1]


# ---- other seeds, other places --------------------------------------------------------------------------------------------------


def test_other_seeds_and_other_places_give_other_numbers():
    seeds = [0, 1, -1, 255, 256, -255, 2**64, -(2**64), 2**200]
    drawn = {(seed, index): value for seed in seeds for index, value in enumerate(atonce.map(_one, ITEMS, seed=seed))}
    assert len({value for values in drawn.values() for value in values}) == 3 * len(drawn)


def _one(_number):
    return random.random(), float(np.random.random()), float(np.random.default_rng().random())


def test_the_numbers_are_those_of_earlier_versions():
    assert atonce.map(lambda _: random.randrange(10**6), range(3), seed=1) == FIRST
    assert atonce.map(lambda _: int(np.random.randint(10**6)), range(3), seed=1) == FIRST_OF_NUMPY


def test_without_a_seed_and_after_one_numbers_are_random():
    with atonce.Pool(engine="process", max_workers=1) as pool:
        before = pool.map(lambda _: (random.random(), float(np.random.rand())), range(3))
        seeded = pool.map(lambda _: (random.random(), float(np.random.rand())), range(3), seed=SEED)
        after = pool.map(lambda _: (random.random(), float(np.random.rand())), range(3))
        again = pool.map(lambda _: (random.random(), float(np.random.rand())), range(3), seed=SEED)
        last = pool.map(lambda _: (random.random(), float(np.random.rand())), range(3))
    assert seeded == again
    assert len({value for row in [*before, *seeded, *after, *last] for value in row}) == 24


def test_what_asks_the_operating_system_stays_random():
    def asks(_number):
        return uuid.uuid4(), secrets.token_bytes(16)

    assert not {*atonce.map(asks, [1, 2], seed=SEED)} & {*atonce.map(asks, [1, 2], seed=SEED)}


# ---- the caller's own numbers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["inline", "thread"])
def test_whoever_is_no_item_goes_on_with_the_callers_numbers(way):
    def draws_outside(number):
        random.random(), np.random.rand(), random.gauss(0, 1)
        nobody = contextvars.Context()
        found = nobody.run(random.random), nobody.run(early_gauss, 0, 1), nobody.run(np.random.rand), nobody.run(np.random.normal)
        return number, tuple(map(float, found)), random.random()

    states = random.getstate(), np.random.get_state()
    np.random.normal()  # what was made in advance: the stand-in begins with the next
    plain = [(random.random(), random.gauss(0, 1), float(np.random.rand()), float(np.random.normal())) for _ in range(1)]
    random.setstate(states[0])
    np.random.set_state(states[1])
    np.random.normal()
    found = atonce.map(draws_outside, [1], seed=SEED, **WAYS[way])
    assert [row[1] for row in found] == plain
    assert found[0][2] == atonce.map(draws_outside, [1], seed=SEED, engine="inline")[0][2]
    random.setstate(states[0])
    np.random.set_state(states[1])


@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_the_callers_numbers_go_on_after_failures_and_in_streams(engine):
    states = random.getstate(), str(np.random.get_state())
    with pytest.raises(ZeroDivisionError):
        atonce.map(lambda number: random.random() / (number - 3), ITEMS, seed=SEED, engine=engine)
    assert (random.getstate(), str(np.random.get_state())) == states
    stream = atonce.stream(draws, ITEMS, seed=SEED, engine=engine)
    assert next(stream) == expected()[0]
    stream.close()
    assert (random.getstate(), str(np.random.get_state())) == states


def test_what_a_test_has_put_in_their_place_stays_there(monkeypatch):
    monkeypatch.setattr(random, "random", lambda: 0.25)
    monkeypatch.setattr(np.random, "rand", lambda: 0.75)
    for engine in ("inline", "thread"):
        assert set(atonce.map(lambda _: (random.random(), np.random.rand()), ITEMS, seed=SEED, engine=engine)) == {(0.25, 0.75)}
    assert random.random() == 0.25


# ---- calls inside items ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["inline", "thread", "process-2", "process-8"])
@pytest.mark.parametrize("inner", ["inline", "thread", "process"])
def test_calls_inside_items_have_seeds_of_their_own(way, inner):
    def calls(number):
        before = random.random(), early_gauss(0, 1), float(np.random.normal())
        inside = list(atonce.map(draws, range(4), seed=SEED, engine=inner, max_workers=2))
        return number, before, inside, random.random(), float(np.random.normal()), random.gauss(0, 1)

    def calls_nobody(number):
        before = random.random(), early_gauss(0, 1), float(np.random.normal())
        return number, before, None, random.random(), float(np.random.normal()), random.gauss(0, 1)

    found = atonce.map(calls, range(3), seed=7, **WAYS[way])
    assert all(row[2] == expected()[:4] for row in found)
    plain = atonce.map(calls_nobody, range(3), seed=7)
    assert [(*row[:2], *row[3:]) for row in found] == [(*row[:2], *row[3:]) for row in plain]


def test_a_call_inside_without_a_seed_takes_no_copies_of_the_items_numbers():
    def calls(_number):
        random.random()
        return list(atonce.map(lambda _: random.random(), range(6), engine="process", max_workers=2, chunksize=1))

    [inside] = atonce.map(calls, [1], seed=SEED)
    assert len(set(inside)) == 6


# ---- auto -----------------------------------------------------------------------------------------------------------------------


def test_auto_hires_for_functions_that_draw():
    """Without a seed, to draw from what all share keeps a function in the calling thread."""

    def draws_and_waits(_number):
        time.sleep(0.01)
        return random.random(), float(np.random.rand()), float(np.random.default_rng().random())

    results = atonce.map(draws_and_waits, range(400), seed=SEED)
    assert results.report.plan.engine == "thread", results.report
    assert results == atonce.map(draws_and_waits, range(400), seed=SEED, engine="thread", max_workers=50)


def test_auto_leaves_names_taken_before_where_they_are_served():
    def draws_early_and_waits(number):
        return threading.get_ident(), nap.wait(0.01), draws_early(number)

    nap = threading.Event()
    results = atonce.map(draws_early_and_waits, range(60), seed=SEED)
    assert {row[0] for row in results} == {threading.get_ident()}
    assert "draws by 'early_random'" in str(results.report)
    assert [row[2] for row in results] == expected(draws_early, range(60))


# ---- options --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", ["1", 1.0, True, [1], np.int64(1)])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(OptionError, match="expected a whole number or None"):
        atonce.map(draws, ITEMS, seed=seed)


def test_a_pool_may_have_a_seed():
    with atonce.Pool(engine="thread", max_workers=2, seed=SEED) as pool:
        assert pool.map(draws, ITEMS) == expected()
        assert pool.map(draws, ITEMS) == expected()
        assert pool.map(draws, ITEMS, seed=21) == atonce.map(draws, ITEMS, seed=21, engine="inline")
        assert pool.map(_one, ITEMS, seed=None, engine="process") != pool.map(_one, ITEMS, seed=None, engine="process")
        with pytest.raises(OptionError, match="seed= holds for map and stream"):
            pool.submit(draws, 1)


def test_explain_takes_one():
    assert atonce.explain(draws, ITEMS, seed=SEED).report.succeeded == len(ITEMS)


# ---- imports --------------------------------------------------------------------------------------------------------------------

SCRIPT = """
import random
import sys
from random import gauss, randint

import atonce

def draws(number):
    import numpy as np
    found = random.random(), gauss(0, 1), randint(0, 10**9), np.random.rand(), np.random.default_rng().random()
    return [float(each) for each in found]

if __name__ == "__main__":
    options = {"process": {"max_workers": 2}, "thread": {"max_workers": 2}, "inline": {}}
    engine = sys.argv[1]
    assert "numpy" not in sys.modules
    print(list(atonce.map(draws, range(6), seed=1, chunksize=1, engine=engine, **options[engine])))
    assert [finder for finder in sys.meta_path if "atonce" in type(finder).__module__] == []
"""


def test_an_item_that_imports_numpy_draws_what_all_others_draw(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    told = {
        engine: subprocess.run(
            [sys.executable, script, engine], capture_output=True, text=True, check=True, timeout=PATIENCE_S
        ).stdout
        for engine in ("inline", "thread", "process")
    }
    assert len(set(told.values())) == 1, told


def test_nothing_is_imported_without_a_seed():
    code = (
        "import sys, atonce; atonce.map(abs, [1, 2], engine='thread'); atonce.map(abs, [1, 2]); "
        "print([name for name in sys.modules if name in ('random', 'hashlib') or 'draws' in name or 'seeding' in name])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout
    assert told.strip() == "[]"
