"""The function that raises what stands in the place of its input, and the story of what was raised."""

import asyncio
import pickle
import subprocess
import sys
from functools import partial

import pytest

from atonce._probe.scan import scan
from atonce._values.job import is_coroutine_function, name_of
from atonce._wire.tracebacks import pack, unpack
from atonce.cli.story import story_of
from atonce.cli.wrapped import Checked, UnreadableLine

SEEN = []


def note(item):
    SEEN.append(item)


async def later(item):
    await asyncio.sleep(0)
    return item * 2


def test_a_good_input_goes_through():
    assert Checked(str.upper)("a") == "A"
    assert Checked(partial(pow, 2))(5) == 32
    assert asyncio.run(Checked(later)(2)) == 4


@pytest.mark.parametrize("fn", [str.upper, later])
def test_a_bad_line_is_raised(fn):
    line = UnreadableLine("in, line 3 is not JSON")
    with pytest.raises(UnreadableLine) as caught:
        Checked(fn)(line)
    assert caught.value is line


def test_everybody_looks_through_it():
    assert name_of(Checked(later)) == "later"
    assert is_coroutine_function(Checked(later))
    assert not is_coroutine_function(Checked(note))
    assert scan(Checked(note)).write == scan(note).write != ""


def test_both_go_to_another_process():
    copy = pickle.loads(pickle.dumps(Checked(str.upper)))
    assert type(copy) is Checked
    assert copy("a") == "A"
    with pytest.raises(UnreadableLine, match="in, line 3"):
        copy(pickle.loads(pickle.dumps(UnreadableLine("in, line 3"))))


def test_a_worker_process_imports_little_for_it():
    code = """if True:
        import sys
        import atonce.cli.wrapped
        loaded = {"argparse", "json", "signal", "threading", "atonce._api", "atonce._run", "atonce.cli.main"} & set(sys.modules)
        sys.exit(f"loaded {loaded}" if loaded else 0)
    """
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def raised(fn, *args):
    with pytest.raises(Exception) as caught:
        fn(*args)
    error = caught.value
    error.__traceback__ = error.__traceback__.tb_next  # begin in the function, as a run's exceptions do
    return error


def fails(item):
    raise KeyError(item)


def test_a_story_has_the_users_frames_only():
    error = raised(Checked(fails), "x")
    error.add_note("item 0: 'x'")
    lines = story_of(error).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith(f'  File "{__file__}", line ')
    assert lines[1].endswith("in fails")
    assert lines[-2:] == ["KeyError: 'x'", "item 0: 'x'"]
    assert "in __call__" not in story_of(error)


def test_a_story_without_the_users_frames_has_no_header():
    assert story_of(raised(Checked(fails), UnreadableLine("bad"))).splitlines() == ["atonce.cli.wrapped.UnreadableLine: bad"]


def test_a_story_from_another_process_is_told_once():
    error = unpack(pack(raised(Checked(fails), "x")))
    error.add_note("item 0: 'x' (attempt 1, process 7)")
    story = story_of(error)
    assert story.count("KeyError: 'x'") == 1
    assert "direct cause" not in story
    assert story.splitlines()[-1] == "item 0: 'x' (attempt 1, process 7)"
