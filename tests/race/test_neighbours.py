"""Which modules are looked into if nobody says so: those of the same project that a test's module imports."""

import importlib
import sys

import pytest

from atonce import race
from atonce.race import neighbours as module
from atonce.race.neighbours import neighbours

BANK = """
class Account:
    def __init__(self):
        self.balance = 0

    def deposit(self):
        before = self.balance
        self.balance = before + 10
"""

TEST = """
import threading
from nb_bank import Account

def test():
    account = Account()
    threads = [threading.Thread(target=account.deposit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.balance == 20
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write files below a folder, and import modules from some of its folders."""
    before = set(sys.modules)

    def write(files, folders, *load):
        for name, source in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
        for folder in folders:
            monkeypatch.syspath_prepend(str(tmp_path / folder))
        return [importlib.import_module(name) for name in load]

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("nb_"):
            del sys.modules[name]
    module._root.cache_clear()


def test_what_is_imported_directly_and_through_others(project):
    files = {
        "pyproject.toml": "",
        "tests/nb_test.py": "import json, nb_bank\nfrom nb_shop import till\ndef test():\n    import nb_lazy",
        "src/nb_shop/__init__.py": "",
        "src/nb_shop/till.py": "from . import money\nfrom .money import euro",
        "src/nb_shop/money.py": "euro = 1",
        "src/nb_shop/other.py": "",
        "nb_bank.py": "if True:\n    import nb_vault",
        "nb_vault.py": "import nb_bank",
        "nb_lazy.py": "",
    }
    project(files, ("tests", "src", "."), "nb_test", "nb_lazy", "nb_shop.other")
    assert neighbours("nb_test") == ["nb_bank", "nb_shop", "nb_shop.till", "nb_vault", "nb_shop.money"]


def test_what_is_installed_or_lies_elsewhere_is_not_ours(project):
    files = {
        "mine/pyproject.toml": "",
        "mine/nb_test.py": "import nb_installed, nb_other, pytest, atonce, threading",
        "mine/.venv/lib/site-packages/nb_installed.py": "",
        "other/nb_other.py": "",
    }
    project(files, ("mine", "mine/.venv/lib/site-packages", "other"), "nb_test")
    assert neighbours("nb_test") == []
    assert neighbours("nb_installed") == []
    assert neighbours("threading") == []
    assert neighbours("no such module") == []


def test_where_nothing_says_where_the_project_begins_it_is_the_folder(project, monkeypatch):
    monkeypatch.setattr(module, "_ROOT_HAS", ("what no folder has",))
    files = {"here/nb_test.py": "import nb_beside, nb_above", "here/nb_beside.py": "", "nb_above.py": ""}
    project(files, ("here", "."), "nb_test")
    assert neighbours("nb_test") == ["nb_beside"]


def test_the_nearest_come_first_and_the_rest_is_left_out(project, monkeypatch):
    monkeypatch.setattr(module, "_MOST_LINES", 20)
    files = {
        "setup.cfg": "",
        "nb_test.py": "import nb_a, nb_b, nb_c",
        "nb_a.py": "\n" * 9,
        "nb_b.py": "\n" * 9,
        "nb_c.py": "\n" * 9,
    }
    project(files, (".",), "nb_test")
    assert neighbours("nb_test") == ["nb_a", "nb_b"]


def test_a_bug_in_another_module_of_the_project_is_found(project):
    (test,) = project({"pyproject.toml": "", "tests/nb_test.py": TEST, "nb_bank.py": BANK}, ("tests", "."), "nb_test")
    report = race.explore(test.test)
    assert report.story.headline == "lost update on Account.balance"
    with pytest.raises(AssertionError):
        race.replay(test.test, report.replay)


def test_a_bug_in_somebody_elses_module_is_not_and_the_report_says_what_to_type(project):
    files = {"mine/pyproject.toml": "", "mine/nb_test.py": TEST, "theirs/nb_bank.py": BANK}
    (test,) = project(files, ("mine", "theirs"), "nb_test")
    report = race.explore(test.test, budget="1s")
    assert report.verdict == "not found"
    assert 'Account.deposit does what cannot be seen; include=["nb_bank"] looks into it' in report.doubts
    assert race.explore(test.test, include=["nb_test", "nb_bank"]).verdict == "failed"
