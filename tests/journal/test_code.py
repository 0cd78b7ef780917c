"""A function is known again, and a change of its code is noticed."""

import re
import subprocess
import sys
from functools import cache, partial
from operator import itemgetter, methodcaller

import pytest

from atonce._journal.code import identity_of

PLAIN = "def helper(x):\n    return x + 1\n\n\ndef fn(x):\n    return helper(x)\n"


def identity(source, name="fn", tmp_path=None, file="made_up"):
    space = {"__name__": file}
    exec(compile(source, f"{file}.py", "exec"), space)
    return identity_of(space[name])


@pytest.mark.parametrize(
    "changed",
    [
        PLAIN.replace("return helper(x)", "return helper(x) * 2"),
        PLAIN.replace("x + 1", "x + 2"),  # in a function that it calls
        PLAIN.replace("def fn(x):", "def fn(x, y=1):"),
        PLAIN.replace("def fn(x):", "def fn(x, *, y=1):"),
        PLAIN.replace("return helper(x)", "return sum(helper(y) for y in [x])"),
        PLAIN.replace("return helper(x)", "return (lambda y: helper(y))(x)"),
    ],
)
def test_other_code_is_a_change(changed):
    before, now = identity(PLAIN), identity(changed)
    assert (before.name, before.bound) == (now.name, now.bound) == ("made_up.fn", before.bound)
    assert before.has_changed_to(now)


@pytest.mark.parametrize(
    "same",
    [
        PLAIN,
        "\n\n# moved\n" + PLAIN,
        PLAIN.replace("    return helper(x)", '    """Say what it does."""\n    return helper(x)'),
        PLAIN.replace("    return helper(x)", "    # a remark\n    return helper(x)"),
        "import os\n\ndef unused():\n    return os\n\n" + PLAIN,
    ],
)
def test_what_does_nothing_is_no_change(same):
    assert not identity(PLAIN).has_changed_to(identity(same))


def test_changes_of_defaults_and_constants_count():
    source = "def fn(x, y={}):\n    return x in {}\n"
    sources = [source.format(1, "(1, 2)"), source.format(2, "(1, 2)"), source.format(1, "(1, 3)"), source.format("[1]", "(1, 2)")]
    assert len({identity(one).code for one in sources}) == 4


def test_methods_of_a_class_that_is_used_count():
    source = "class Tool:\n    def do(self, x):\n        return x + {}\n\n\ndef fn(x):\n    return Tool().do(x)\n"
    assert identity(source.format(1)).has_changed_to(identity(source.format(2)))


def scale(x, by):
    return x * by


def test_other_arguments_of_a_partial_are_another_function():
    one, same, other = (identity_of(partial(scale, by=by)) for by in (2, 2, 3))
    assert one == same
    assert one.bound != other.bound
    assert one.name == other.name == f"{__name__}.scale"
    assert one.code == other.code == identity_of(scale).code


class Model:
    def __init__(self, weight):
        self.weight = weight

    def predict(self, x):
        return x * self.weight

    def __call__(self, x):
        return x + self.weight


def test_a_method_is_known_by_its_object_and_so_is_a_callable():
    assert identity_of(Model(1).predict) == identity_of(Model(1).predict)
    assert identity_of(Model(1).predict).bound != identity_of(Model(2).predict).bound
    assert identity_of(Model(1)) == identity_of(Model(1))
    assert identity_of(Model(1)).bound != identity_of(Model(2)).bound
    assert identity_of(Model(1)).name == f"{__name__}.Model.__call__"


def test_closures_are_known_by_what_they_hold():
    def adding(n):
        def add(x):
            return x + n

        return add

    assert identity_of(adding(1)) == identity_of(adding(1))
    assert identity_of(adding(1)).bound != identity_of(adding(2)).bound


def test_lambdas_that_differ_are_different_functions():
    one, other = (lambda x: x + 1), (lambda x: x + 2)
    assert identity_of(one).bound != identity_of(other).bound


def test_builtins_have_a_name_and_never_change():
    assert identity_of(len) == identity_of(len)
    assert identity_of(len).name == "builtins.len"
    assert identity_of(len).source is None
    assert not identity_of(len).has_changed_to(identity_of(len))


def test_what_cannot_be_known_again_counts_by_its_kind_and_is_told():
    import threading

    one = identity_of(partial(scale, by=threading.Lock()))
    assert one == identity_of(partial(scale, by=threading.Lock()))
    assert "lock" in one.nameless
    assert not identity_of(partial(scale, by=1)).nameless


def timed(fn):
    def wrapper(x):
        return fn(x)

    return wrapper


def making(n):
    def inner(x):
        return x * n

    def outer(x):
        return inner(x)

    return outer


@cache
def cached(x):
    return x


def binding(n):
    @cache
    def fn(x):
        return x * n

    return fn


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (itemgetter(0), itemgetter(1)),
        (methodcaller("upper"), methodcaller("lower")),
        (re.compile("a").findall, re.compile("b").findall),
        ({1: 2}.get, {1: 3}.get),
        (timed(scale), timed(abs)),
        (timed(lambda x: x + 1), timed(lambda x: x + 2)),
        (making(1), making(2)),
        (binding(1), binding(2)),
        (partial(map, scale), partial(map, abs)),
    ],
)
def test_what_differs_in_what_it_is_bound_to_is_another_function(one, other):
    assert identity_of(one) == identity_of(one)
    assert identity_of(one).bound != identity_of(other).bound


SELF = "class T:\n    def h(self, x):\n        return x + {}\n    def __call__(self, x):\n        return self.h(x)\n\n\nfn = T()\n"
BASE = "class Base:\n    def h(self, x):\n        return x + {}\n\n\nclass Tool(Base):\n    pass\n\n\nfn = Tool().h\n"
CACHED = "import functools\n\n\n@functools.cache\ndef fn(x):\n    return x + {}\n"
HELPED = "import functools\n\n\n@functools.cache\ndef h(x):\n    return x + {}\n\n\ndef fn(x):\n    return h(x)\n"
PARTIAL = (
    "import functools\n\n\ndef h(x):\n    return x + {}\n\n\ndef run(f, x):\n    return f(x)\n\n\nfn = functools.partial(run, h)\n"
)
STATIC = "class Tool:\n    @staticmethod\n    def h(x):\n        return x + {}\n\n\ndef fn(x):\n    return Tool.h(x)\n"


@pytest.mark.parametrize("source", [SELF, BASE, CACHED, HELPED, PARTIAL, STATIC])
def test_a_change_is_noticed_wherever_the_code_is(source):
    assert identity(source.format(1)).has_changed_to(identity(source.format(2)))
    assert not identity(source.format(1)).has_changed_to(identity(source.format(1)))


def test_another_python_is_compared_by_the_source():
    now = identity_of(scale)
    assert now.source is not None
    before = now._replace(python="cpython-399", code="other bytes")
    assert not before.has_changed_to(now)
    assert before._replace(source="other text").has_changed_to(now)
    assert before._replace(source=None).has_changed_to(now)


def test_a_program_is_called_by_its_file(tmp_path):
    program = tmp_path / "resizing.py"
    program.write_text(
        "from atonce._journal.code import identity_of\n\ndef fn(x):\n    return x\n\n"
        "if __name__ == '__main__':\n    print(*identity_of(fn))\n"
    )
    told = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True).stdout
    imported = subprocess.run(
        [sys.executable, "-c", "import resizing; from atonce._journal.code import identity_of; print(*identity_of(resizing.fn))"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told == imported
    assert told.startswith("resizing.fn ")
