"""What a new process has to import is told from what this one has imported."""

import sys
import types

import pytest

from atonce._probe.imports import imports_s


@pytest.fixture
def package(monkeypatch):
    """Return a package of fifty modules."""
    made = types.ModuleType("large_package")
    monkeypatch.setitem(sys.modules, "large_package", made)
    for number in range(49):
        part = types.ModuleType(f"large_package.part_{number}")
        monkeypatch.setitem(sys.modules, part.__name__, part)
        setattr(made, f"part_{number}", part)
    return made


def function_of(module_name, code, **names):
    space = {"__name__": module_name, **names}
    exec(code, space)
    return space["fn"]


def test_each_module_of_the_packages_in_a_functions_module_counts(package, monkeypatch):
    monkeypatch.setitem(sys.modules, "lonely", lonely := types.ModuleType("lonely"))
    assert imports_s(function_of("somewhere", "def fn(x): return x")) == 0.0
    one_s = imports_s(function_of("somewhere", "def fn(x): return x", named=lonely))
    assert one_s > 0
    assert imports_s(function_of("somewhere", "def fn(x): return x", named=package)) == pytest.approx(50 * one_s)


def test_what_comes_from_a_package_brings_it_along(package):
    klass = type("Klass", (), {"__module__": "large_package.part_3"})
    assert imports_s(function_of("somewhere", "def fn(x): return x", Klass=klass)) > 0


def test_a_function_of_the_program_itself_brings_only_what_it_names(package):
    assert imports_s(function_of("__main__", "def fn(x): return x", named=package)) == 0.0
    assert imports_s(function_of("__main__", "def fn(x): return named.of(x)", named=package)) > 0


def test_what_the_interpreter_has_anyway_does_not_count():
    assert imports_s(function_of("somewhere", "def fn(x): return x", sys=sys, named=types)) == 0.0


@pytest.mark.parametrize("fn", [abs, "".join, object(), int])
def test_what_is_no_function_of_python_brings_little(fn):
    assert imports_s(fn) == 0.0
