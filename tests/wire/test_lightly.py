"""Plain functions of a script cross without cloudpickle, and mean there what they mean here; others are left to it."""

import _pickle
import functools
import json
import math
import subprocess
import sys
import types

import pytest

from atonce._wire.lightly import dumps_lightly

SCRIPT = """
import asyncio, json, math
from collections import Counter

FACTOR, TABLE, empty = 3, {"a": [1, 2]}, None

def scaled(number, by=FACTOR, *, plus: int = 1):
    return number * by + plus

def even(number):
    return True if number == 0 else odd(number - 1)

def odd(number):
    return False if number == 0 else even(number - 1)

def uses_much(number):
    "What it does."
    floors = [math.floor(each) for each in (lambda n: [n + 0.5, len(TABLE["a"]), scaled(n)])(number)]
    return floors, json.dumps(number), Counter("aa")["a"]

def counts(number):
    global FACTOR
    FACTOR += number
    return FACTOR, __name__

async def later(number):
    await asyncio.sleep(0)
    return scaled(number)

def numbers(number):
    yield from range(number)

again = scaled
adder = lambda number: number + FACTOR

def fails(number):
    raise ValueError(number)

def closure(step):
    def by(number):
        return number + step
    return by

by_two = closure(2)

class Point:
    pass

def makes_a_point(number):
    return Point()

def uses_a_closure(number):
    return by_two(number)

def marked(number):
    return number
marked.mark = True

BIG = bytes(100_000)
def uses_much_data(number):
    return BIG[number]

PIPE = open(0, closefd=False)
def uses_a_file(number):
    return PIPE.fileno()
"""


@pytest.fixture(scope="module")
def script():
    module = types.ModuleType("a_script")
    sys.modules["a_script"] = module
    exec(compile(SCRIPT, "a_script.py", "exec"), module.__dict__)
    yield module
    del sys.modules["a_script"]


def crossed(script, name):
    blob = dumps_lightly(getattr(script, name), ["__main__", "a_script"])
    return None if blob is None else _pickle.loads(blob)


@pytest.mark.parametrize("name", ["scaled", "again", "even", "odd", "uses_much", "counts", "adder"])
def test_it_means_the_same(script, name):
    here, there = getattr(script, name), crossed(script, name)
    assert there is not here
    assert there.__globals__ is not here.__globals__
    assert (there.__name__, there.__qualname__, there.__doc__, there.__module__) == (
        here.__name__,
        here.__qualname__,
        here.__doc__,
        here.__module__,
    )
    assert (there.__defaults__, there.__kwdefaults__, there.__annotations__) == (
        here.__defaults__,
        here.__kwdefaults__,
        here.__annotations__,
    )
    assert [there(number) for number in (4, 7)] == [here(number) for number in (4, 7)]


def test_other_kinds_of_functions(script):
    import asyncio

    assert asyncio.run(crossed(script, "later")(5)) == 16
    assert list(crossed(script, "numbers")(3)) == [0, 1, 2]
    with pytest.raises(ValueError, match="9") as caught:
        crossed(script, "fails")(9)
    assert caught.tb.tb_next.tb_frame.f_code.co_filename == "a_script.py"


@pytest.mark.parametrize("name", ["by_two", "makes_a_point", "uses_a_closure", "marked", "uses_much_data", "uses_a_file"])
def test_what_needs_more_is_left_to_cloudpickle(script, name):
    assert crossed(script, name) is None


@pytest.mark.parametrize("fn", [len, math.sqrt, json.dumps, functools.partial(pow, 2), str, str.upper, "a".join])
def test_what_can_be_imported_is_not_for_this(fn):
    assert dumps_lightly(fn, ["__main__"]) is None


def test_a_script_needs_no_cloudpickle(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nimport atonce\n\ndef twice(number):\n    return number * 2, 'cloudpickle' in sys.modules\n\n"
        "print(atonce.map(twice, [1, 2], engine='process', max_workers=1), 'cloudpickle' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[(2, False), (4, False)] False\n"
