"""Reports: their texts, what they raise, and how values are shown in them."""

import json
import sys
import traceback
from types import ModuleType

import pytest

from atonce.errors import DeadlockFound, OptionError, RaceError, RaceFound
from atonce.race.report import Report
from atonce.race.settings import settings
from atonce.race.telling.story import Row, Story
from atonce.race.telling.values import MISSING, cell_name, peek, shown


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    monkeypatch.setattr(settings, "test", "")  # this test is none that a report is for


def proved(**how):
    return Report("proved", **{"function": "test_bank", "schedules": 3, "seconds": 0.006, "steps": 12, "eye": "rewriting", **how})


def not_found(**how):
    doubts = ("a wait with a timeout at bank.py:3",)
    return Report(
        "not found", **{"function": "f", "schedules": 3100, "seconds": 5.04, "steps": 12, "doubts": doubts, "seed": 4, **how}
    )


def failed(**how):
    story = Story(
        "RACE", "lost update on A.n", {0: "main", 1: "T1 f"}, (), (Row(1, "x.py", 3, "n += 1", "read 0", ""),), 2, ("it",), "hold"
    )
    given = {"function": "f", "schedules": 2, "seconds": 1.5, "replay": "r1:0*2.1", "failure": "exception", "switches": 1}
    return Report("failed", **{**given, "story": story, **how})


def test_what_was_proved():
    text = str(proved())
    assert text.startswith("PROVED  test_bank: no order of its steps fails, for this input.")
    assert "3 runs" in text
    assert "rewriting" in text
    assert "Every order that can make a difference was run to its end: 1 run of" in " ".join(str(proved(schedules=1)).split())


def test_not_found_says_why_it_is_no_proof_and_what_to_type():
    text = " ".join(not_found().text(132).split())
    assert text.startswith("NOT FOUND f: no failure in 3,100 orders of up to 12 steps (5.0 s, seed 4). This proves nothing")
    assert "no proof, because: a wait with a timeout at bank.py:3" in text
    assert 'try: race.explore(f, budget="50s"), or another seed=5' in text
    assert 'report.assert_ok(require="not found") accepts this' in text
    assert "the time was up" in str(not_found(doubts=()))
    many = not_found(doubts=tuple(map(str, range(9)))).text(132)
    assert "because: 5" in many
    assert "because: 6" not in many
    assert "(and 3 more reasons: report.doubts)" in many


def test_a_failure_says_how_to_run_it_again():
    text = failed(target="some where.py::f").text(132)
    assert text.splitlines()[0] == 'RACE  lost update on A.n   found on schedule 2 (1.5 s)   replay="r1:0*2.1"   1 switch'
    assert text.endswith("again: race.replay(f, \"r1:0*2.1\")\n       atonce race 'some where.py::f' --replay r1:0*2.1")
    assert "atonce race" not in failed().text(132)
    assert "(minimal)" in failed(minimal=True).text(132)
    assert "RACE  exception" in failed(story=None).text(132)


def test_what_was_not_seen_is_what_to_look_into_next():
    doubts = tuple(f'{name}.f does what cannot be seen; include=["{name}"] looks into it' for name in ("bank", "shop", "bank"))
    assert 'try: race.explore(f, include=["bank", "shop"])' in not_found(doubts=doubts).text(132)
    assert 'try: race.explore(f, include=["mine", "bank", "shop"])' in not_found(doubts=doubts, include=["mine"]).text(132)
    assert "try: race.explore(f, budget=" in not_found(doubts=doubts, include=["shop", "bank"]).text(132)


def test_what_was_included_is_included_again():
    text = failed(target="x.py::f", include=["bank", "shop"]).text(132)
    assert 'again: race.replay(f, "r1:0*2.1", include=["bank", "shop"])' in text
    assert text.endswith("atonce race x.py::f --replay r1:0*2.1 --include bank --include shop")


def test_a_test_is_run_again_by_its_runner(monkeypatch):
    monkeypatch.setattr(settings, "test", "test_x.py::test_it[a b]")
    text = failed(target="x.py::f").text(132)
    assert text.endswith("       pytest 'test_x.py::test_it[a b]' --race-replay r1:0*2.1")
    assert "atonce race" not in text


def test_files_are_named_as_seen_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "atonce race tests/x.py::f --replay" in failed(target=f"{tmp_path}/tests/x.py::f").text(132)
    assert "atonce race /elsewhere/x.py::f --replay" in failed(target="/elsewhere/x.py::f").text(132)
    assert "atonce race pkg.mod:f --replay" in failed(target="pkg.mod:f").text(132)


@pytest.mark.parametrize("report", [proved(), not_found(), failed(), failed(replay="r1:" + "0.1." * 200 + "0")])
def test_lines_fit_but_for_what_is_copied(report):
    for line in report.text(80).splitlines():
        assert len(line) <= 80 or "race.replay(" in line


def test_the_terminal_decides_how_wide_it_is(monkeypatch):
    report = not_found(doubts=("because " * 30,))
    monkeypatch.setenv("COLUMNS", "200")
    assert 150 < max(map(len, str(report).splitlines())) <= 200
    monkeypatch.setenv("COLUMNS", "20")
    assert max(map(len, str(report).splitlines())) <= 80


def test_only_a_proof_is_ok_unless_less_is_asked_for():
    proved().assert_ok()
    proved().assert_ok(require="not found")
    not_found().assert_ok(require="not found")
    report = not_found()
    with pytest.raises(RaceError, match="NOT FOUND") as raised:
        report.assert_ok()
    assert type(raised.value) is RaceError
    assert raised.value.report is report
    with pytest.raises(OptionError, match="passed"):
        report.assert_ok(require="passed")


def test_a_failure_raises_what_was_found_with_the_users_exception_as_its_cause():
    error = KeyError("theirs")
    for require in ("proved", "not found"):
        report = failed(error=error)
        with pytest.raises(RaceFound, match="lost update on") as raised:
            report.assert_ok(require)
        assert raised.value.__cause__ is error
        assert raised.value.report is report
    for kind in ("deadlock", "livelock", "left alive"):
        with pytest.raises(DeadlockFound) as raised:
            failed(failure=kind).assert_ok()
        assert raised.value.__cause__ is None


def test_the_cause_is_told_without_the_checkers_frames():
    from atonce.race import alike

    code = compile("def call(fn): fn()", alike.__file__, "exec")
    space = {}
    exec(code, space)

    def fails():
        raise KeyError("theirs")

    try:
        space["call"](fails)
    except KeyError as error:
        frames = traceback.extract_tb(failed(error=error).error.__traceback__)
    assert [frame.name for frame in frames] == ["test_the_cause_is_told_without_the_checkers_frames", "fails"]


def test_all_of_it_is_json():
    told = json.loads(failed(error=KeyError("x"), target="t.py::f", eye="rewriting").to_json())
    assert told == {
        "verdict": "failed",
        "replay": "r1:0*2.1",
        "schedules": 2,
        "seconds": 1.5,
        "eye": "rewriting",
        "error": {"type": "KeyError", "message": "'x'"},
        "failure": "exception",
        "switches": 1,
        "minimal": False,
        "doubts": [],
        "seed": 0,
        "function": "f",
        "target": "t.py::f",
        "parts": "",
        "include": [],
        "test": "",
        "steps": 0,
        "story": {
            "word": "RACE",
            "headline": "lost update on A.n",
            "labels": {"0": "main", "1": "T1 f"},
            "waits": [],
            "rows": [{"task": 1, "file": "x.py", "line": 3, "text": "n += 1", "values": "read 0", "remark": ""}],
            "elided": 2,
            "facts": ["it"],
            "hint": "hold",
        },
    }
    assert json.loads(proved().to_json())["story"] is None
    assert repr(proved()) == "<Report test_bank: proved after 3 schedules>"


class Plain:
    shared = 1

    def __init__(self):
        self.own = 2

    @property
    def computed(self):
        raise AssertionError("code of the user's was run")


class Slotted:
    __slots__ = ("empty", "own")

    def __init__(self):
        self.own = 3


module = ModuleType("pack.config")
module.level = 4


def _cell(value):
    return (lambda: value).__closure__[0]


@pytest.mark.parametrize(
    ("thing", "element", "value"),
    [
        (Plain(), "own", 2),
        (Plain(), "shared", 1),
        (Plain(), "computed", MISSING),
        (Plain(), "none", MISSING),
        (Plain(), 3, MISSING),
        (Plain, "shared", 1),
        (Slotted(), "own", 3),
        (Slotted(), "empty", MISSING),
        ({"k": 5}, "k", 5),
        ({"k": 5}, "x", MISSING),
        ({1: 5}, (), MISSING),
        ([7, 8], -1, 8),
        ([7, 8], 2, MISSING),
        ([7, 8], None, [7, 8]),
        (module, "level", 4),
        (_cell(9), "cell_contents", 9),
        (Plain(), None, MISSING),
        (7, "real", MISSING),
    ],
)
def test_what_stands_in_a_cell(thing, element, value):
    found = peek(thing, element)
    assert found is value if value is MISSING else found == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (MISSING, ""),
        (None, "None"),
        (1.5, "1.5"),
        ("a", "'a'"),
        ("a" * 1000, "'" + "a" * 20 + "..."),
        (2**500, "..."),
        ([1, [2, [3, [4]]]], "[1, [2, [...]]]"),
        ((1,), "(1,)"),
        (set(), "set()"),
        ({1: "x"}, "{1: 'x'}"),
        (list(range(9)), "[0, 1, 2, 3, ...]"),
        (Plain, "Plain"),
        (OSError(), "an OSError"),
        (True, "True"),
    ],
)
def test_how_a_value_is_shown(value, text):
    assert shown(value).endswith(text)
    assert len(shown(value)) <= 24


@pytest.mark.parametrize(
    ("thing", "element", "name"),
    [
        (Plain(), "own", "Plain.own"),
        (Plain, "shared", "Plain.shared"),
        (module, "level", "config.level"),
        (sys, None, "sys"),
        ({}, "k", "dict['k']"),
        ([], 0, "list[0]"),
        ([], None, "a list"),
        (_cell(1), "cell_contents", "a variable of the function around"),
    ],
)
def test_what_a_cell_is_called(thing, element, name):
    assert cell_name(thing, element) == name


def _never(*_):
    raise AssertionError("code of the user's was run")


def test_no_code_of_the_users_is_run():
    class Meta(type):
        __getattribute__ = __instancecheck__ = __subclasscheck__ = _never

    class Shy(metaclass=Meta):
        __getattribute__ = __repr__ = __str__ = __eq__ = __bool__ = __len__ = __getattr__ = _never
        __hash__ = None

    class Derived(dict):
        __getitem__ = __iter__ = __len__ = __contains__ = __repr__ = get = items = _never

    class Row(list):
        __getitem__ = __iter__ = __len__ = __repr__ = _never

    shy = Shy()
    for thing in (shy, Shy):
        assert peek(thing, "x") is MISSING
        assert peek(thing, None) is MISSING
        assert cell_name(thing, "x") == "Shy.x"
    assert (shown(shy), shown(Shy), shown([shy])) == ("a Shy", "Shy", "[a Shy]")
    assert peek({"k": shy}, "k") is shy
    assert peek({"k": 1}, shy) is MISSING
    held = Derived(k=6)
    assert peek(held, "k") == 6
    assert shown(peek(held, None)) == "a Derived"
    assert cell_name(held, "k") == "Derived['k']"
    row = Row([1, 2])
    assert (peek(row, 1), peek(row, 2), shown(row)) == (2, MISSING, "a Row")
