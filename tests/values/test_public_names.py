"""What modules offer is what they say they offer."""

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import atonce

MODULES = sorted(
    ["atonce", *(found.name for found in pkgutil.walk_packages(atonce.__path__, "atonce.") if not found.name.endswith("__main__"))]
)
HEAVY = ("asyncio", "cloudpickle", "concurrent.futures", "dataclasses", "inspect", "multiprocessing", "tqdm", "typing")
LATE = {  # what a program can do without before its first result from a process. Measured: 53 ms of imports with it, 17 without
    *HEAVY,
    *("ast", "enum", "heapq", "logging", "pathlib", "pickle", "queue", "re", "selectors", "signal", "socket"),
    *("subprocess", "tempfile", "textwrap", "tokenize", "traceback"),
    *("atonce._probe.effects", "atonce._run.manager", "atonce._run.submissions", "atonce._view", "atonce._workers.inline"),
}
FIRST_RESULT = {
    "the modules": "import atonce._api.mapping, atonce._api.pool, atonce._workers.process.handle",
    "a call": "import atonce; assert atonce.map(abs, [-1], engine='process', max_workers=1) == [1]",
    "a pool": "import atonce\nwith atonce.Pool(engine='process', max_workers=1) as pool: assert pool.map(abs, [-1]) == [1]",
}
PROBE = """
import json, sys
before = set(sys.modules)
{}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(statements, *flags):
    """Tell which modules a fresh program loads for these statements, beyond those that Python itself starts with."""
    command = [sys.executable, *flags, "-c", PROBE.format(statements)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    return {*json.loads(ended.stdout)}


def defined(module):
    """List the public classes and functions that a module defines itself."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")}


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_lists_exists(name):
    module = importlib.import_module(name)
    listed = getattr(module, "__all__", ())
    assert isinstance(listed, tuple)
    assert all(hasattr(module, each) for each in listed)
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("name", MODULES)
def test_the_list_is_sorted(name):
    listed = getattr(importlib.import_module(name), "__all__", ())
    assert list(listed) == sorted(listed, key=lambda each: (not each.isupper(), not each[0].isupper(), each))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_defines_something_says_what_of_it_is_for_others(name):
    module = importlib.import_module(name)
    assert not defined(module) or getattr(module, "__all__", ())


def test_every_public_name_resolves():
    for name in atonce.__all__:
        assert getattr(atonce, name) is not None
        assert name in dir(atonce)


def test_a_public_name_is_the_same_thing_every_time():
    assert all(getattr(atonce, name) is getattr(atonce, name) for name in atonce.__all__)


def test_every_error_is_public_at_the_top_too():
    assert set(atonce.errors.__all__) <= set(atonce.__all__)
    assert all(getattr(atonce, name) is getattr(atonce.errors, name) for name in atonce.errors.__all__)


def test_a_star_import_gives_what_is_listed():
    names = {}
    exec("from atonce import *", names)
    assert set(atonce.__all__) == names.keys() - {"__builtins__"}


def test_what_type_checkers_see_is_what_is_listed():
    tree = ast.parse(Path(atonce.__file__).read_text(encoding="utf-8"))
    (seen,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {alias.asname or alias.name for node in ast.walk(seen) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == set(atonce.__all__)


def test_there_is_nothing_else():
    with pytest.raises(AttributeError, match="module 'atonce' has no attribute 'nonsense'"):
        atonce.nonsense


def test_importing_atonce_loads_nothing_heavy():
    loaded = loaded_by("import atonce", "-I")
    assert "atonce" in loaded
    assert [name for name in loaded if name in HEAVY or name.startswith("atonce.")] == []


@pytest.mark.parametrize("way", FIRST_RESULT)
def test_the_first_result_from_a_process_waits_for_nothing_heavy(way):
    loaded = loaded_by(FIRST_RESULT[way])
    assert "atonce._workers.process.supervisor" in loaded
    assert loaded & LATE == set()
