"""Finding the function that a command line names."""

import json
import sys

import pytest

from atonce.cli.target import find
from atonce.cli.usage import UsageError


@pytest.fixture(autouse=True)
def folder(cli, monkeypatch, imports):
    monkeypatch.chdir(cli.folder)
    return cli


def refused(target):
    with pytest.raises(UsageError) as caught:
        find(target)
    return str(caught.value)


def test_a_module_of_the_library():
    assert find("json:loads") is json.loads


def test_a_method():
    assert find("builtins:str.upper") is str.upper


def test_a_module_in_the_current_folder(cli, monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != ""])
    cli.write("target_here.py", "def fn(item):\n    return item\n")
    assert find("target_here:fn").__module__ == "target_here"
    assert sys.path[0] == str(cli.folder)


def test_a_file_can_be_imported_by_its_stem(cli):
    cli.write("deep/target_file.py", "def fn(item):\n    return item\n")
    fn = find("deep/target_file.py:fn")
    assert sys.path[0] == str(cli.folder / "deep")
    assert sys.modules["target_file"].fn is fn


@pytest.mark.parametrize(
    ("target", "example"),
    [
        ("target.work.fn", "target.work:fn"),
        ("work.py", "work.py:NAME"),
        ("work:", "work:NAME"),
        (":fn", "fn:NAME"),
        ("fn", "fn:NAME"),
        ("", "json:loads"),
    ],
)
def test_how_to_write_it(target, example):
    said = refused(target)
    assert "names no function: write pkg.mod:fn, or path/file.py:fn." in said
    assert said.endswith(f"For example: {example}")


def test_no_such_module(cli):
    cli.write("target_wrk.py", "")
    assert refused("target_work:fn") == "there is no module 'target_work'\nDid you mean target_wrk?"
    assert refused("json.decodr:fn") == "there is no module 'json.decodr'\nDid you mean json.decoder?"
    assert refused("..target:fn").startswith("'..target' is not the name of a module")


def test_a_function_written_as_a_module():
    assert refused("json.tool.main:x").endswith("because json.tool is not a package.\nFor a name in it write json.tool:main")


def test_no_such_file(cli):
    cli.write("target_work.py", "")
    assert refused("target_wrk.py:fn") == "there is no file target_wrk.py\nDid you mean target_work.py?"
    assert refused("gone/x.py:fn") == "there is no file gone/x.py: there is no folder gone"


def test_a_path_without_its_ending(cli):
    cli.write("deep/target_work.py", "")
    assert refused("deep/target_work:fn") == "there is no file deep/target_work\nDid you mean deep/target_work.py?"


def test_no_such_function(cli):
    cli.write("target_names.py", "from json import loads\nN = 1\ndef resize(x): ...\ndef rotate(x): ...\ndef _hidden(x): ...\n")
    said = refused("target_names:resise")
    assert said == "there is no 'resise' in target_names\nDid you mean resize?\nTo call in target_names: resize, rotate"


def test_no_such_method(cli):
    cli.write("target_names.py", "class Kind:\n    def twice(self): ...\n")
    assert refused("target_names.py:Kind.twic").startswith("there is no 'twic' in target_names.py:Kind\nDid you mean twice?")


def test_many_functions_are_not_all_named(cli):
    cli.write("target_many.py", "".join(f"def f{number}(x): ...\n" for number in range(9)))
    assert refused("target_many:x").endswith("To call in target_many: f0, f1, f2, f3, f4, f5, f6, f7, ...")


def test_not_callable(cli):
    cli.write("target_list.py", "ITEMS = []\ndef fn(x): ...\n")
    assert refused("target_list:ITEMS") == "target_list:ITEMS is a list, which cannot be called.\nTo call in target_list: fn"


def test_an_import_that_raises(cli):
    cli.write("target_raises.py", "def prepare():\n    raise OSError('no disk')\n\nprepare()\n")
    assert refused("target_raises:fn").splitlines() == [
        "importing target_raises raised OSError:",
        "Traceback (most recent call last):",
        f'  File "{cli.folder}/target_raises.py", line 4, in <module>',
        "    prepare()",
        f'  File "{cli.folder}/target_raises.py", line 2, in prepare',
        "    raise OSError('no disk')",
        "OSError: no disk",
    ]


def test_an_import_that_ends_the_program(cli):
    cli.write("target_exits.py", "raise SystemExit('bye')\n")
    assert refused("target_exits.py:fn").endswith("SystemExit: bye")


def test_a_dependency_that_is_missing_is_not_a_missing_module(cli):
    cli.write("target_needs.py", "import target_dependency\n")
    said = refused("target_needs:fn")
    assert said.startswith("importing target_needs raised ModuleNotFoundError:")
    assert said.endswith("No module named 'target_dependency'")


def test_a_syntax_error_shows_its_line(cli):
    cli.write("target_syntax.py", "def fn(:\n")
    assert f'File "{cli.folder}/target_syntax.py", line 1\n    def fn(:' in refused("target_syntax.py:fn")


def test_a_file_of_a_package(cli):
    cli.write("target_pkg/__init__.py", "")
    cli.write("target_pkg/inner.py", "from . import other\n")
    assert refused("target_pkg/inner.py:fn").endswith("go to the folder that holds the package, and write pkg.mod:fn.")


def test_a_file_with_the_name_of_pythons_own(cli):
    cli.write("json.py", "def fn(x): ...\n")
    assert refused("json.py:fn") == "json.py has the name of Python's own module 'json', which others need: rename the file"


def test_a_file_with_the_name_of_a_loaded_module(cli):
    cli.write("pytest.py", "def fn(x): ...\n")
    assert (
        refused("pytest.py:fn") == f"pytest.py cannot be imported: the name 'pytest' belongs to {pytest.__file__}. Rename the file"
    )


def test_a_file_that_has_no_importable_name(cli):
    cli.write("target.v2.py", "")
    assert refused("target.v2.py:fn") == "target.v2.py cannot be imported by its name: rename it to something like target.py"
