import _thread
import gc
import importlib.util
import marshal
import os
import struct
import sys
import textwrap
import threading
import types
from pathlib import Path

import pytest

from atonce import race
from atonce.race.eye import Eye, hooks
from atonce.race.eye.finding import functions_alive

from .looking import frozen, imported, module, running, seen

SOURCE = textwrap.dedent("""
    import functools
    class A:
        def __init__(self): self.x = 0
        def inc(self): self.x += 1
        @property
        def twice(self): return self.x * 2
        @classmethod
        def make(cls): return cls()
        @staticmethod
        def plain(a): return a.x
    def outer():
        a = A()
        def inner():
            a.x += 1
            return a.x
        return inner
    early = outer()
    f, g = (lambda a: a.x), (lambda a: a.y)
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args): return function(*args)
        return wrapper
    @decorate
    def decorated(a): return a.x
    def fails():
        a = A()
        a.x.nope
""")


def _codes(made):
    return {id(function): function.__code__ for function in functions_alive() if function.__code__.co_filename == made.__file__}


def _kinds(program):
    with running(program) as (run, _):
        assert run.failure is None
        return [(step.operation.kind, step.operation.place.text) for step in run.trace if step.operation.place is not None]


def test_every_function_gets_its_own_code_back(tmp_path):
    with module(tmp_path, SOURCE) as made:
        gc.collect()  # the function that was the body of a class
        before = _codes(made)
        with Eye([made.__name__]):
            during = _codes(made)
            assert during.keys() == before.keys()
            assert all(during[key] is not before[key] for key in before)
        after = _codes(made)
        assert all(after[key] is before[key] for key in before)


def test_code_is_restored_after_an_exception(tmp_path):
    with module(tmp_path, SOURCE) as made:
        before = _codes(made)
        with pytest.raises(KeyError), Eye([made.__name__]):
            raise KeyError
        assert all(_codes(made)[key] is code for key, code in before.items())


def test_methods_closures_lambdas_and_decorated_functions_are_seen(tmp_path):
    with module(tmp_path, SOURCE) as made, Eye([made.__name__]) as eye:
        assert eye.unseen == {}
        a = made.A()
        a.y = 1
        read, write = ("read", "self.x"), ("write", "self.x")
        assert _kinds(a.inc) == [read, write]
        assert _kinds(lambda: a.twice) == [read]
        assert _kinds(made.A.make) == [write]
        assert _kinds(lambda: made.A.plain(a)) == [("read", "a.x")]
        assert _kinds(made.early) == [("read", "a.x"), ("write", "a.x"), ("read", "a.x")]
        assert _kinds(lambda: made.f(a)) == [("read", "a.x")]
        assert _kinds(lambda: made.g(a)) == [("read", "a.y")]
        assert _kinds(lambda: made.decorated(a)) == [("read", "a.x")]


def test_a_closure_that_outlives_the_eye_does_no_harm(tmp_path):
    with module(tmp_path, SOURCE) as made:
        with Eye([made.__name__]):
            survivor = made.outer()
        assert [survivor(), survivor()] == [1, 2]
        assert _kinds(survivor) != []  # its code is still the seen one
        with Eye([made.__name__]) as eye:
            assert eye.unseen == {}
            assert survivor() == 4


def test_a_closure_that_outlives_an_eye_is_seen_by_one_that_sees_more(tmp_path):
    with module(tmp_path, SOURCE + "total = 0\ndef late():\n    def inner(): return total\n    return inner\n") as made:
        with Eye([made.__name__]):
            survivor = made.late()
        with module(tmp_path, "def program(other): other.total = 1\n") as other, Eye([made.__name__, other.__name__]) as eye:
            assert eye.unseen == {}
            assert _kinds(survivor) == [("read", "total")]


def test_a_function_made_of_the_old_code_meanwhile_is_given_its_seen_code_when_it_is_called(tmp_path):
    with module(tmp_path, SOURCE + "def program(a, f): return f(a)\n") as made:
        plain = made.A.plain.__code__
        a = made.A()
        with Eye([made.__name__]):
            late = types.FunctionType(plain, vars(made))
            assert _kinds(lambda: made.program(a, late)) == [("read", "a.x")]
            assert late.__code__ is not plain
        assert late.__code__ is plain


def test_source_that_has_changed_since_the_import_is_not_taken_for_the_code(tmp_path):
    with module(tmp_path, "def program(a):\n    return a.x\n\ndef other(a):\n    return a.y\n") as made:
        with open(made.__file__, "w") as file:
            file.write("def program(a):\n    return a.zzzzzzzz\n\ndef other(a):\n    return a.y\n")
        code = made.program.__code__
        with Eye([made.__name__]) as eye:
            assert list(eye.unseen) == ["program"]
            assert "changed" in eye.unseen["program"]
            assert made.program.__code__ is code


def test_a_module_without_source_is_named(tmp_path):
    with module(tmp_path, "def program(): pass\n") as made:
        function = made.program
        (tmp_path / f"{made.__name__}.py").unlink()
        with Eye([made.__name__], [function]) as eye:
            assert eye.unseen == {made.__file__: "no source"}


ALONE = """
def alone(): add()
def by_another():
    import threading
    thread = threading.Thread(target=add)
    thread.start()
    thread.join()
"""
ADDS = "class Box: n = 0\nbox = Box()\ndef add():\n    box.n += 1\n"
RACES = (
    "import threading\n"
    "def races():\n"
    "    box.n = 0\n"
    "    thread = threading.Thread(target=add)\n"
    "    thread.start()\n"
    "    box.n += 1\n"
    "    thread.join()\n"
    "    assert box.n == 2\n"
)


def test_a_function_without_source_is_never_proved(tmp_path):
    with module(tmp_path, ADDS) as made:
        exec(RACES, vars(made))
        report = race.explore(made.races, runs=20)
        assert report.verdict != "proved"
        assert report.verdict == "failed" or "races has no source that fits" in report.doubts[0]


def test_a_function_whose_source_has_changed_is_never_proved(tmp_path):
    with module(tmp_path, ADDS + RACES) as made:
        assert race.explore(made.races, strategy="dpor").verdict == "failed"
        path = tmp_path / f"{made.__name__}.py"
        path.write_text(path.read_text().replace("+= 1", "+= 1 * 1", 1))  # what the other thread runs
        report = race.explore(made.races, strategy="dpor")
        assert report.verdict == "not found"
        assert "add is not seen: its source has changed since it was imported" in report.doubts
        path.write_text(path.read_text().replace("assert box.n == 2", "assert 2 == box.n"))
        report = race.explore(made.races, strategy="dpor")
        assert "races is not seen: its source has changed since it was imported" in report.doubts


def test_a_function_is_seen_whose_module_is_not_included(tmp_path):
    with module(tmp_path, SOURCE) as made, Eye([], [made.fails]):
        assert _kinds(made.A) == [("write", "self.x")]


def test_a_test_module_that_pytest_has_rewritten(tmp_path, request):
    from _pytest.assertion.rewrite import AssertionRewritingHook

    path = tmp_path / "test_of_pytest.py"
    path.write_text("class A: x = 1\ndef test_it(a):\n    f, g = (lambda: a.x), (lambda: a.y)\n    assert f() == g() - 1\n")
    hook = AssertionRewritingHook(request.config)
    hook.fnpats = ["test_*.py"]
    spec = importlib.util.spec_from_loader("test_of_pytest", hook, origin=str(path))
    spec = importlib.util.spec_from_file_location("test_of_pytest", path, loader=hook)
    made = importlib.util.module_from_spec(spec)
    sys.modules["test_of_pytest"] = made
    try:
        spec.loader.exec_module(made)
        assert "@pytest_ar" in vars(made)
        a = made.A()
        a.y = 2
        with Eye(["test_of_pytest"]) as eye:
            assert eye.unseen == {}
            assert [kind for kind, _ in _kinds(lambda: made.test_it(a))] == ["read", "read"]
            a.y = 7
            with pytest.raises(AssertionError, match="1 != 6"):
                made.test_it(a)
    finally:
        del sys.modules["test_of_pytest"]


def test_a_bare_assertion_shows_its_values(tmp_path):
    source = (
        "def program(a, b):\n    assert a == b\ndef less(a, b):\n    assert a < b\ndef worded(a, b):\n    assert a == b, 'mine'\n"
    )
    with module(tmp_path, source) as made, Eye([made.__name__]):
        with pytest.raises(AssertionError, match=r"^10 != 20$"):
            made.program(10, 20)
        with pytest.raises(AssertionError, match=r"^3 >= 2$"):
            made.less(3, 2)
        with pytest.raises(AssertionError, match=r"^mine$"):
            made.worded(1, 2)


def test_a_function_found_under_another_name_is_replaced(tmp_path, monkeypatch):
    import time

    slept = []
    monkeypatch.setitem(hooks.replaced, id(time.sleep), slept.append)
    with module(tmp_path, "from time import sleep\ndef program(): sleep(3600)\n") as made, Eye([made.__name__]):
        with running(made.program) as (run, _):
            assert run.failure is None
        assert slept == [3600]


def test_a_lock_made_before_the_run_gets_a_shadow(tmp_path, monkeypatch):
    class Shadow:
        def acquire(self):
            return "shadow"

        def __enter__(self):
            return "entered"

        def __exit__(self, *exc):
            return None

    monkeypatch.setattr(hooks, "shadow", lambda lock: Shadow())
    source = "def program(lock, taken):\n    with lock as got: pass\n    return got, lock.acquire(), taken()\n"
    for lock in (_thread.allocate_lock(), threading.RLock()):
        with module(tmp_path, source) as made, Eye([made.__name__]):
            with running(lambda made=made, lock=lock: made.program(lock, lock.acquire)) as (run, results):
                assert run.failure is None
            assert results == [("entered", "shadow", "shadow")]


def test_a_generator_that_is_dropped_ends_at_once(tmp_path):
    source = textwrap.dedent("""
        def steps(log):
            try:
                yield 1
                yield 2
            finally:
                log.append("closed")
        def program():
            log = []
            for x in steps(log): break
            log.append("after")
            for x in map(str, steps(log)): break
            log.append("after")
            return log
    """)
    with module(tmp_path, source) as made, Eye([made.__name__]), running(made.program) as (_, results):
        assert results == [["closed", "after", "closed", "after"]]


def test_a_cached_property_is_read_and_then_written(tmp_path):
    setup = "import functools\nclass C:\n    @functools.cached_property\n    def p(self): return 3\no = C()\n"
    assert seen(tmp_path, setup, "o.p\no.p") == (["read o['p']", "write o['p']!", "read o['p']"], [])


def test_functions_are_found_that_the_garbage_collector_does_not_list(tmp_path):
    source = textwrap.dedent("""
        import functools
        class Box:
            n = 0
            def count(self): self.n += 1
            class Inner:
                @staticmethod
                def put(box): box.n = 1
            @property
            def looked_at(self): return self.n
        def wrapped(function):
            @functools.wraps(function)
            def inner(*args): return function(*args)
            return inner
        @wrapped
        def through(box): box.n = 2
        TABLE = {"put": [lambda box: setattr(box, "n", 3)]}
    """)
    with module(tmp_path, source) as made:
        functions = [
            made.Box.count,
            made.Box.Inner.put,
            made.Box.looked_at.fget,
            made.through,
            made.through.__wrapped__,
            made.TABLE["put"][0],
        ]
        elsewhere = types.SimpleNamespace(kept={"put": (made.TABLE.pop("put")[0],)})
        plain = [function.__code__ for function in functions]
        with frozen():
            with Eye([made.__name__]):
                assert all(function.__code__ is not code for function, code in zip(functions, plain, strict=True))
            assert [function.__code__ for function in functions] == plain
        assert elsewhere.kept["put"] == (functions[-1],)


def test_a_function_whose_source_has_changed_does_not_speak_for_itself(tmp_path):
    with module(tmp_path, "class Box:\n    n = 0\nbox = Box()\ndef put(): box.n = 1\ndef program():\n    put()\n") as made:
        changed = {}
        exec(compile("\n\n\ndef put(): box.n = 2\n", made.__file__, "exec"), vars(made), changed)
        made.put = changed["put"]
        with Eye([made.__name__]) as eye, running(made.program, others=1) as (run, _):
            assert "put" in eye.unseen
            assert any(reason.startswith("put does what cannot be seen") for reason in run.doubts)


def test_what_is_frozen_is_found_too_at_each_time(tmp_path):
    with module(tmp_path, "def early(): pass\n") as made, frozen():
        kept = types.SimpleNamespace(functions=[vars(made).pop("early")])
        with frozen():
            assert kept.functions[0] in functions_alive()
        kept.functions.append(types.FunctionType(kept.functions[0].__code__, {}))
        assert kept.functions[1] in functions_alive()
        with frozen():
            assert set(kept.functions) <= set(functions_alive())


def test_what_another_patch_release_has_compiled_is_seen_too(tmp_path):
    """It shares the bytecode files, and need not compile all to the same."""
    source = "class Box:\n    n = 0\nbox = Box()\ndef put():\n    assert box\n    box.n = 1\n"
    path = tmp_path / "shared.py"
    path.write_text(source)
    otherwise = compile(source, str(path), "exec", optimize=1, dont_inherit=True)
    at, size = 1_000_000_000, path.stat().st_size
    os.utime(path, (at, at))
    kept = Path(importlib.util.cache_from_source(str(path)))
    kept.parent.mkdir()
    kept.write_bytes(importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, at, size) + marshal.dumps(otherwise))
    with imported("shared", path) as made:
        assert made.put.__code__ in otherwise.co_consts
        with Eye([made.__name__]) as eye:
            assert (eye.unseen, eye.doubts) == ({}, [])
            assert _kinds(made.put) == [("write", "box.n")]
        os.utime(path, ns=(kept.stat().st_mtime_ns, kept.stat().st_mtime_ns))
        with Eye([made.__name__]) as eye:
            assert "put" in eye.unseen
        kept.unlink()
        with Eye([made.__name__]) as eye:
            assert "put" in eye.unseen
        assert not kept.exists()  # to look is not to import


def test_a_function_that_names_a_file_that_it_is_not_of_is_in_nobodys_way(tmp_path):
    """Hypothesis puts functions of its own around a test, and lets them name the file of the test."""
    with module(tmp_path, ADDS + ALONE) as made:
        code = compile("\n\ndef odd(): pass\n", made.__file__, "exec")
        elsewhere = {"__name__": "elsewhere"}
        exec(code, elsewhere)
        assert race.explore(made.alone).verdict == "proved"
        made.add = elsewhere["odd"]
        assert race.explore(made.by_another).verdict == "not found"


def test_what_cannot_be_seen_and_is_garbage_is_in_nobodys_way(tmp_path):
    with module(tmp_path, ADDS + ALONE) as made:
        gc.disable()
        try:
            function = types.FunctionType(compile("def gone(): pass", "<made>", "exec").co_consts[0], vars(made))
            function.itself = function
            assert "gone has no source that fits, so what it does cannot be seen" in race.explore(made.alone).doubts
            lives_for_ever = not gc.is_tracked(function)  # in free-threaded 3.13
            del function
            assert race.explore(made.alone).verdict == ("not found" if lives_for_ever else "proved")
        finally:
            gc.enable()
