"""An exception's way to another process."""

import threading
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._wire.tracebacks import RemoteTraceback, pack, unpack
from atonce.errors import PicklingFailed, RemoteError, TasksFailed


class TwoArguments(Exception):
    """Pickles, and does not rebuild: ``args`` holds one thing and ``__init__`` wants two."""

    def __init__(self, path, line):
        super().__init__(f"{path}:{line}")
        self.path = path


class Rewords(Exception):
    """Pickles and rebuilds, with its message made out of its message."""

    def __init__(self, path):
        super().__init__(f"cannot read {path}")


class Keeps(Exception):
    def __init__(self, text, thing):
        super().__init__(text, thing)
        self.thing = thing


class Mute(Exception):
    def __str__(self):
        raise ValueError("no words")


class Shapeshifter(Exception):
    """Rebuilds as something else."""

    def __reduce__(self):
        return ValueError, ("not what it was",)


class NoException(Exception):
    def __reduce__(self):
        return dict, ()


class Killer(Exception):
    def __reduce__(self):
        return _exit, ()


class Stop(BaseException):
    """Not an Exception."""


def _exit():
    raise SystemExit(3)


def raised(error):
    """Raise it, so that it has a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


def sent(error):
    return unpack(pack(raised(error)))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad"),
        KeyError("k"),
        OSError(2, "No such file", "a.txt"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad byte"),
        ExceptionGroup("two", [ValueError(1), TypeError("2")]),
        PicklingFailed("it does not"),
        RemoteError("pkg.Odd", "text", "story"),
        StopIteration(3),
        TimeoutError(),
        Keeps("kept", [1, 2]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_arrives_as_itself(error):
    there = sent(error)
    assert type(there) is type(error)
    assert repr(there) == repr(error)
    assert str(there) == str(error)


def test_attributes_and_notes_survive():
    error = Keeps("kept", {"a": 1})
    error.extra = "more"
    error.add_note("first note")
    error.add_note("second note")
    there = sent(error)
    assert there.thing == {"a": 1}
    assert there.extra == "more"
    assert there.__notes__ == ["first note", "second note"]


def test_the_inner_exceptions_of_a_group_survive():
    there = sent(ExceptionGroup("outer", [ExceptionGroup("inner", [KeyError("k")]), OSError(5, "io")]))
    assert there.subgroup(KeyError) is not None
    assert there.exceptions[1].errno == 5


def test_the_failures_of_an_inner_run_survive():
    there = sent(TasksFailed("2 of 3 items of f failed", [ValueError(1), ValueError(2)]))
    assert type(there) is TasksFailed
    assert [str(error) for error in there.exceptions] == ["1", "2"]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), Stop("stop")], ids=repr)
def test_what_is_not_an_exception_arrives_as_itself(error):
    there = sent(error)
    assert type(there) is type(error)
    assert there.args == error.args


def test_the_traceback_is_the_cause():
    there = sent(ValueError("bad"))
    assert isinstance(there.__cause__, RemoteTraceback)
    story = str(there.__cause__)
    assert "in raised" in story
    assert "raise error" in story
    assert "ValueError: bad" in story
    assert story in "".join(traceback.format_exception(there))


def test_the_story_tells_the_causes_there():
    try:
        try:
            raise KeyError("the first")
        except KeyError as first:
            raise ValueError("the second") from first
    except ValueError as caught:
        story = str(unpack(pack(caught)).__cause__)
    assert "the first" in story
    assert "direct cause" in story
    assert story.index("the first") < story.index("the second")


def test_the_story_tells_the_notes():
    error = ValueError("bad")
    error.add_note("while reading b.png")
    assert "while reading b.png" in str(sent(error).__cause__)


def test_an_exception_that_was_never_raised_can_be_sent():
    there = unpack(pack(ValueError("handed over")))
    assert type(there) is ValueError
    assert "ValueError: handed over" in str(there.__cause__)


# ---- what cannot be rebuilt is described ----------------------------------------------------------------------------------------


def assert_described(there, kind, text):
    assert type(there) is RemoteError
    assert there.type_name.endswith(kind)
    assert there.text == text
    assert kind in there.traceback_text
    assert isinstance(there.__cause__, RemoteTraceback)
    assert there.traceback_text in str(there.__cause__)


def test_an_exception_that_does_not_rebuild_is_described():
    there = sent(TwoArguments("a.txt", 3))
    assert_described(there, "TwoArguments", "a.txt:3")
    assert str(there).endswith("TwoArguments: a.txt:3")
    assert "raise error" in there.traceback_text


def test_an_exception_that_rebuilds_with_another_text_keeps_its_own():
    there = sent(Rewords("a.txt"))
    assert str(there).endswith("cannot read a.txt")
    assert str(there).count("cannot read") == 1


def test_an_exception_that_holds_what_does_not_pickle_is_described():
    there = sent(Keeps("kept", threading.Lock()))
    assert type(there) is RemoteError
    assert there.type_name.endswith("Keeps")
    assert "kept" in there.text


def test_an_exception_that_rebuilds_as_another_is_described():
    assert_described(sent(Shapeshifter("itself")), "Shapeshifter", "itself")


def test_an_exception_that_rebuilds_as_no_exception_is_described():
    assert_described(sent(NoException("itself")), "NoException", "itself")


def test_an_exception_that_exits_when_it_is_rebuilt_harms_nobody():
    assert_described(sent(Killer("itself")), "Killer", "itself")


def test_an_exception_without_words_arrives():
    there = sent(Mute("args stay"))
    assert type(there) is Mute
    assert there.args == ("args stay",)


def test_an_exception_without_words_that_does_not_pickle_is_described():
    error = Mute(threading.Lock())
    there = sent(error)
    assert type(there) is RemoteError
    assert there.text == "<its text cannot be made: ValueError>"
    assert there.type_name.endswith("Mute")


def test_a_local_class_goes_by_value():
    class Local(Exception):
        pass

    there = sent(Local("here", 1))
    assert type(there).__name__ == "Local"
    assert there.args == ("here", 1)


def test_a_blob_that_was_fine_there_and_is_not_here_is_described():
    _, kind, text, story = pack(raised(ValueError("bad")))
    there = unpack((b"no pickle", kind, text, story))
    assert_described(there, "ValueError", "bad")


def test_the_names_of_builtins_stand_without_their_module():
    assert pack(raised(ValueError("bad")))[1] == "ValueError"
    assert pack(raised(RemoteError("a", "b", "c")))[1] == "atonce.errors.RemoteError"


def test_the_traceback_of_a_description_of_nothing_can_be_shown():
    assert str(RemoteTraceback()) == '\n"""\n"""'


@given(st.text(), st.lists(st.text(), max_size=3))
def test_any_text_and_any_notes_arrive(text, notes):
    error = ValueError(text)
    for note in notes:
        error.add_note(note)
    there = sent(error)
    assert str(there) == text
    assert getattr(there, "__notes__", []) == notes
