"""Objects to bytes and back, and a name for what does not go."""

import functools
import importlib
import pickle
import subprocess
import sys
import threading
from collections import namedtuple
from types import FunctionType, ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._wire.pickling import dumps, loads
from atonce.errors import PicklingFailed, TaskError

LOCK = threading.Lock()

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=10,
)


class Box:
    """Anything with attributes."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def method(self):
        return sorted(self.__dict__)


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a


class Refuses:
    def __reduce__(self):
        raise RuntimeError("not me")


def message(thing):
    with pytest.raises(PicklingFailed) as caught:
        dumps(thing)
    return str(caught.value)


# ---- what goes ------------------------------------------------------------------------------------------------------------------


@given(values)
def test_plain_values_come_back_equal(value):
    assert loads(dumps(value)) == value


@given(values)
def test_plain_values_are_pickled_plainly(value):
    assert b"cloudpickle" not in dumps(value)


def test_a_bytearray_may_be_loaded():
    assert loads(bytearray(dumps([1, 2]))) == [1, 2]


def test_functions_of_modules_go_by_name():
    blob = dumps(importlib.import_module)
    assert b"import_module" in blob
    assert len(blob) < 100
    assert loads(blob) is importlib.import_module


def test_a_lambda_goes_by_value():
    assert loads(dumps(lambda number: number + 1))(2) == 3


def test_a_closure_takes_along_what_it_closes_over():
    base = [1, 2, 3]

    def add(number):
        return [number + each for each in base]

    there = loads(dumps(add))
    base.clear()
    assert there(10) == [11, 12, 13]


def test_a_partial_of_a_lambda_goes():
    assert loads(dumps(functools.partial(lambda a, b: a - b, b=1)))(3) == 2


def test_a_class_made_in_a_function_goes_with_its_instances():
    class Local:
        def __init__(self, number):
            self.number = number

        def double(self):
            return 2 * self.number

    assert loads(dumps(Local(4))).double() == 8
    assert loads(dumps(Local(4).double))() == 8
    assert loads(dumps([Local, lambda: 3]))[1]() == 3


def test_a_structure_that_turns_in_a_circle_goes():
    ring = [lambda: "here"]
    ring.append(ring)
    there = loads(dumps(ring))
    assert there[1] is there
    assert there[0]() == "here"


PROGRAM = """
import subprocess, sys
from atonce._wire.pickling import dumps
OFFSET = 100
class Point:
    def __init__(self, x): self.x = x
def add(number): return number + OFFSET
blob = dumps((add, Point(7), Point, [add]))
reader = "import sys, pickle; add, point, kind, adds = pickle.loads(sys.stdin.buffer.read()); " \\
         "print(add(1), point.x, isinstance(point, kind), adds[0] is add)"
print(subprocess.run([sys.executable, "-c", reader], input=blob, capture_output=True, check=True).stdout.decode().strip())
"""


def test_what_main_defines_works_in_a_process_with_another_main():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    assert ended.stdout.strip() == "101 7 True True"


def test_a_text_that_happens_to_name_main_stays_what_it_is():
    assert loads(dumps("__main__")) == "__main__"
    assert loads(dumps({"__main__": ["__main__"]})) == {"__main__": ["__main__"]}


# ---- what does not --------------------------------------------------------------------------------------------------------------


def test_the_failure_is_a_task_error_and_a_pickling_error_with_its_cause():
    with pytest.raises(PicklingFailed) as caught:
        dumps(LOCK)
    assert isinstance(caught.value, TaskError)
    assert isinstance(caught.value, pickle.PicklingError)
    assert isinstance(caught.value.__cause__, TypeError)
    assert "_thread.lock" in str(caught.value.__cause__)


def test_the_cause_is_what_the_object_itself_raised():
    with pytest.raises(PicklingFailed, match="not me") as caught:
        dumps([Refuses()])
    assert type(caught.value.__cause__) is RuntimeError
    assert str(caught.value).startswith("[0] (a ")


def test_a_thing_without_parts_is_named_by_its_type():
    assert message(LOCK).startswith("a _thread.lock cannot be sent to another process: TypeError: ")


def test_the_message_says_what_to_do_next():
    assert "engine='thread' needs no pickling" in message(LOCK)


REACHED = {
    "[1]": [1, LOCK],
    "[2][1]": (1, 2, [3, LOCK]),
    "['k']": {"a": 1, "k": LOCK},
    "[3]['x'][0]": {3: {"x": (LOCK,)}},
    ".a[2]['k']": Box(a=[0, 1, {"j": 1, "k": LOCK}]),
    ".inner.lock": Box(one=1, inner=Box(lock=LOCK)),
    ".__self__.lock": Box(lock=LOCK).method,
    ".args[1]": functools.partial(print, 1, LOCK),
    ".keywords['end']": functools.partial(print, end=LOCK),
    ".func.__self__.lock": functools.partial(Box(lock=LOCK).method),
    ".args[0]": functools.partial(functools.partial(print, LOCK), 1),
    "[0][1]": [namedtuple("Pair", "a b")(1, LOCK)],  # noqa: PYI024 (as users write it)
}


@pytest.mark.parametrize(("path", "thing"), REACHED.items(), ids=list(REACHED))
def test_the_message_names_the_way_to_the_part(path, thing):
    assert message(thing).startswith(f"{path} (a _thread.lock) cannot be sent")


def test_a_variable_of_the_enclosing_function_is_named():
    harmless, lock = [1], threading.Lock()

    def work(number):
        return harmless, lock, number

    assert "closes over 'lock' (a _thread.lock) cannot be sent" in message(work)


def test_the_message_about_a_function_begins_with_a_word():
    lock = threading.Lock()
    assert not message(lambda: lock)[0].isspace()


def test_a_variable_deep_in_what_is_closed_over_is_named():
    box = Box(held=[LOCK])
    assert "closes over 'box'.held[0] (a _thread.lock)" in message(lambda: box)


def test_a_variable_that_has_no_value_yet_does_not_hide_the_culprit():
    lock = threading.Lock()

    def work():
        return lock, late

    assert "closes over 'lock' (a _thread.lock)" in message(work)
    late = 1


def test_a_global_that_a_function_sent_by_value_uses_is_named():
    def work():
        return ITS_LOCK  # noqa: F821 (a global of another module)

    by_value = FunctionType(work.__code__, {"ITS_LOCK": LOCK, "__name__": "gone"}, "work")
    assert "uses the global 'ITS_LOCK' (a _thread.lock)" in message(by_value)


def test_a_default_argument_is_named():
    def work(number, lock=LOCK):
        return number, lock

    assert "'lock' (a _thread.lock) cannot be sent" in message(work)


def test_a_function_that_goes_by_name_may_use_any_global(monkeypatch):
    module = ModuleType("importable")
    exec("import threading\nLOCK = threading.Lock()\ndef held(): return LOCK", module.__dict__)
    monkeypatch.setitem(sys.modules, "importable", module)
    assert loads(dumps(module.held)) is module.held


def test_the_search_for_the_culprit_ends_in_a_circle():
    ring = [1]
    ring += [ring, {"ring": ring, "lock": LOCK}]
    assert "['lock'] (a _thread.lock)" in message(ring)


def test_the_search_for_the_culprit_ends_in_the_deep():
    nested = LOCK
    for _ in range(60):
        nested = [nested]
    assert "cannot be sent to another process" in message(nested)


def test_an_attribute_in_a_slot_is_named():
    assert message(Slotted(LOCK)).startswith(".a (a _thread.lock)")


def test_a_generator_is_named():
    assert message({"rows": (row for row in [])}).startswith("['rows'] (a builtins.generator)")
