"""What is known of this computer's speed, and the file that keeps it."""

import errno
import json
import os
import stat
import sys
import threading
from math import inf, nan
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import atonce
from atonce._machine import calibration
from atonce._machine.calibration import _LEAST, _MOST, CALIBRATION, Calibration, Constants, _machine_key, _parsed, _rendered
from atonce._machine.cpus import gil_is_held

KEY = "some machine"
USUAL = Constants()
CHANGED = USUAL._replace(cold_start_s=0.125, ship_item_s=1e-6)


class Ticking:
    """A clock that goes on by so much whenever it is read, and counts how often that is."""

    def __init__(self, tick_s=0.0001):
        self.tick_s = tick_s
        self.reads = 0
        self._now = 0.0

    def now(self):
        self.reads += 1
        self._now += self.tick_s
        return self._now

    thread_cpu = process_cpu = now


class Unread:
    """A clock for those who have nothing to measure."""

    def now(self):
        raise AssertionError("measured, though everything was known")

    thread_cpu = process_cpu = now


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache" / "atonce"


@pytest.fixture
def at(folder):
    """Make a calibration that keeps its file in the folder."""
    return lambda clock: Calibration(str(folder), clock)


@pytest.fixture
def file(at, folder):
    """Have somebody measure and store; return the one file that there is then."""
    at(Ticking()).constants()
    (path,) = folder.iterdir()
    return path


def with_value(path, name, value):
    content = json.loads(path.read_text())
    content[name] = value
    path.write_text(json.dumps(content, indent=2) + "\n")


# ---- measuring, storing, reading ------------------------------------------------------------------------------------------------


def test_what_was_measured_first_is_read_ever_after(at):
    clock = Ticking()
    first = at(clock)
    known = first.constants()
    reads = clock.reads
    assert reads > 0
    assert first.constants() is known
    assert clock.reads == reads
    assert at(Unread()).constants() == known


def test_what_is_not_measured_is_as_usual_and_the_rest_in_proportion():
    tick_s = 0.0001
    known = Calibration("", Ticking(tick_s)).constants()
    assert (known.cold_start_s, known.warm_start_s) == (USUAL.cold_start_s, USUAL.warm_start_s)
    assert known.ship_item_s == pytest.approx(USUAL.ship_item_s * tick_s / calibration._USUAL_PICKLING_S)
    assert known.copy_bytes_per_s == pytest.approx(USUAL.copy_bytes_per_s / 4)  # and not nearly six times as slow


@pytest.mark.parametrize("tick_s", [0.0, -0.001], ids=["still", "backwards"])
def test_a_clock_that_does_not_go_on_says_nothing(at, tick_s):
    assert at(Ticking(tick_s)).constants() == USUAL
    assert at(Unread()).constants() == USUAL


@pytest.mark.parametrize("tick_s", [1e-12, 1e6])
def test_a_clock_that_is_out_of_order_does_not_lead_to_nonsense(at, tick_s):
    known = at(Ticking(tick_s)).constants()
    assert all(least <= value <= most for least, value, most in zip(_LEAST, known, _MOST, strict=True))
    assert at(Unread()).constants() == known


def test_slow_measurements_are_not_repeated_more_often_than_it_takes():
    clock = Ticking(1.0)
    Calibration("", clock).constants()
    assert clock.reads == 2 * 3 * 2  # measurements, tries, beginning and end


def test_on_a_real_clock_everything_is_in_a_sane_range(folder):
    known = Calibration(str(folder)).constants()
    assert all(type(value) is float for value in known)
    assert all(least <= value <= most for least, value, most in zip(_LEAST, known, _MOST, strict=True))
    assert at_most_times(known.ship_item_s, USUAL.ship_item_s, 4)
    assert at_most_times(known.copy_bytes_per_s, USUAL.copy_bytes_per_s, 4)
    assert Calibration(str(folder), Unread()).constants() == known


def at_most_times(one, other, times):
    return max(one / other, other / one) <= times * (1 + 1e-9)


def test_threads_that_ask_at_once_measure_once(at):
    inside, go_on = threading.Event(), threading.Event()

    class Gate(Ticking):
        def now(self):
            inside.set()
            assert go_on.wait(30)
            return super().now()

        thread_cpu = now

    alone, clock, answers = Ticking(), Gate(), []
    Calibration("", alone).constants()
    asked = at(clock)
    threads = [threading.Thread(target=lambda: answers.append(asked.constants())) for _ in range(4)]
    threads[0].start()
    assert inside.wait(30)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert clock.reads == alone.reads
    assert len(answers) == 4
    assert all(answer is answers[0] for answer in answers)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # pytest watches the time in a thread
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_that_was_forked_does_not_wait_for_a_thread_that_it_does_not_have():
    before = CALIBRATION._lock
    with before:
        pid = os.fork()
        if pid == 0:
            os._exit(0 if CALIBRATION._lock is not before else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert CALIBRATION._lock is before


def test_what_is_known_outlives_the_fork(at):
    asked = at(Ticking())
    known = asked.constants()
    asked.forget()
    assert asked.constants() is known


# ---- the file -------------------------------------------------------------------------------------------------------------------


def test_the_file_is_json_that_says_what_it_is_about(at, file):
    content = json.loads(file.read_text())
    assert content == {"machine": _machine_key()} | at(Unread()).constants()._asdict()
    assert file.name.startswith("machine-")
    assert file.suffix == ".json"


@pytest.mark.skipif(os.name != "posix", reason="this system has other permissions")
def test_only_the_user_may_look(tmp_path, file):
    folders = [tmp_path / "cache", tmp_path / "cache" / "atonce"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in [*folders, file]] == [0o700, 0o700, 0o600]


BROKEN = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-4]),
    "half": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "and more": lambda path: path.write_bytes(path.read_bytes() + b" "),
    "huge": lambda path: path.write_bytes(path.read_bytes() + b"\n" * 100_000),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "not text": lambda path: path.write_bytes(path.read_bytes().replace(b"machine", b"m\xffchine", 1)),
    "nested": lambda path: path.write_text("[" * 4096),
    "no object": lambda path: path.write_text("[1, 2, 3]\n"),
    "nothing in it": lambda path: path.write_text("{}\n"),
    "of another machine": lambda path: with_value(path, "machine", "another one"),
    "no machine": lambda path: with_value(path, "machine", None),
    "one more": lambda path: with_value(path, "more", 1.0),
    "one less": lambda path: path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]) + b"}\n"),
    "text": lambda path: with_value(path, "cold_start_s", "0.03"),
    "null": lambda path: with_value(path, "cold_start_s", None),
    "true": lambda path: with_value(path, "cold_start_s", True),
    "whole number": lambda path: with_value(path, "cold_start_s", 1),
    "list": lambda path: with_value(path, "cold_start_s", [0.03]),
    "NaN": lambda path: with_value(path, "cold_start_s", nan),
    "infinite": lambda path: with_value(path, "copy_bytes_per_s", inf),
    "negative": lambda path: with_value(path, "ship_item_s", -0.0001),
    "zero": lambda path: with_value(path, "ship_item_s", 0.0),
    "absurdly slow": lambda path: with_value(path, "warm_start_s", 6.0),
    "absurdly fast": lambda path: with_value(path, "copy_bytes_per_s", 1e13),
    "a link to nowhere": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.skipif(os.name != "posix", reason="this system may not have links and pipes")
@pytest.mark.parametrize("breaks", BROKEN)
def test_a_broken_file_is_measured_afresh_and_replaced(at, folder, file, breaks):
    whole = file.read_bytes()
    BROKEN[breaks](file)
    clock = Ticking()
    known = at(clock).constants()
    assert clock.reads > 0
    assert at(Unread()).constants() == known
    assert file.read_bytes() == whole
    assert [*folder.iterdir()] == [file]


def test_a_directory_in_place_of_the_file_stays_and_is_no_error(at, folder, file):
    file.unlink()
    file.mkdir()
    at(Ticking()).constants()
    at(Ticking()).learn(cold_start_s=1.0)
    assert [*folder.iterdir()] == [file]
    assert [*file.iterdir()] == []


def test_a_file_in_place_of_the_directory_is_no_error(at, folder):
    folder.parent.mkdir()
    folder.write_text("in the way")
    asked = at(Ticking())
    known = asked.constants()
    asked.learn(cold_start_s=1.0)
    assert asked.constants().cold_start_s > known.cold_start_s
    assert folder.read_text() == "in the way"


@pytest.mark.parametrize("function", ["open", "replace", "mkdir"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_nothing_is_no_error_and_nothing_is_left_there(at, folder, monkeypatch, function, code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, function, refuse)
        asked = at(Ticking())
        known = asked.constants()
        asked.learn(warm_start_s=1.0)
    assert asked.constants().warm_start_s > known.warm_start_s
    assert not folder.exists() or [*folder.iterdir()] == []


def test_a_disk_that_is_full_keeps_what_was_there(at, folder, file, monkeypatch):
    whole = file.read_bytes()
    asked = at(Unread())

    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        asked.learn(cold_start_s=1.0)
    assert file.read_bytes() == whole
    assert [*folder.iterdir()] == [file]


def test_whoever_is_interrupted_while_writing_leaves_nothing_there(at, folder, file, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            at(Unread()).learn(cold_start_s=1.0)
    assert [*folder.iterdir()] == [file]


def test_without_a_directory_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = Calibration("", Ticking())
    asked.constants()
    asked.learn(cold_start_s=1.0)
    assert [*tmp_path.iterdir()] == []


values = st.builds(
    Constants, *(st.floats(least, most) for least, most in zip(_LEAST, _MOST, strict=True))
)  # from 1e-08 to 1000000000000.0: both ways to write a number


@given(values)
def test_all_that_is_sane_is_read_as_it_was_written(constants):
    text = _rendered(constants, KEY)
    assert _parsed(text, KEY) == constants
    assert json.loads(text) == {"machine": KEY} | constants._asdict()
    assert _parsed(text, "another machine") is None


@given(st.binary(max_size=300))
def test_whatever_the_file_holds_there_is_an_answer(text):
    assert _parsed(text, KEY) is None


@given(st.data())
def test_no_changed_byte_goes_unnoticed(data):
    text = _rendered(USUAL, KEY)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.binary(max_size=2)) + text[at + 1 :]
    known = _parsed(changed, KEY)
    assert known is None or _rendered(known, KEY) == changed


# ---- learning -------------------------------------------------------------------------------------------------------------------


def test_what_is_learned_is_smoothed_and_stored(at, file):
    asked = at(Unread())
    asked.learn(cold_start_s=0.01)
    assert asked.constants() == at(Unread()).constants()
    assert asked.constants().cold_start_s == pytest.approx(0.02)
    assert asked.constants().warm_start_s == USUAL.warm_start_s
    asked.learn(cold_start_s=0.02, warm_start_s=0.003)
    assert asked.constants().cold_start_s == pytest.approx(0.02)
    assert asked.constants().warm_start_s == pytest.approx(0.004)
    assert asked.constants() == at(Unread()).constants()


def test_a_start_that_took_long_is_believed_slowly_and_a_short_one_at_once(at, file):
    asked = at(Unread())
    asked.learn(cold_start_s=0.13)
    assert asked.constants().cold_start_s == pytest.approx(0.04)
    asked.learn(cold_start_s=0.03)
    assert asked.constants().cold_start_s == pytest.approx(0.035)


def test_where_every_start_takes_long_it_is_believed_in_the_end(at, file):
    asked = at(Unread())
    for _ in range(50):
        asked.learn(warm_start_s=0.1)
    assert asked.constants().warm_start_s == pytest.approx(0.1, rel=0.01)


def test_whoever_learns_first_measures_first(at):
    at(Ticking()).learn(cold_start_s=0.01)
    assert at(Unread()).constants().cold_start_s == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("seen_s", "counts_as_s", "weight"), [(1e9, 5.0, 0.1), (5.1, 5.0, 0.1), (0.0, 0.001, 0.5), (1e-9, 0.001, 0.5)]
)
def test_what_is_absurd_is_taken_as_the_most_that_is_not(at, file, seen_s, counts_as_s, weight):
    asked = at(Unread())
    asked.learn(cold_start_s=seen_s, warm_start_s=seen_s)
    for known_s, usual_s in zip(asked.constants()[:2], USUAL[:2], strict=True):
        assert known_s == pytest.approx(usual_s + weight * (counts_as_s - usual_s))
    assert at(Unread()).constants() == asked.constants()


@pytest.mark.parametrize("seen_s", [None, nan, inf, -inf, -0.001])
def test_what_is_no_time_at_all_teaches_nothing_and_writes_nothing(at, file, seen_s):
    asked = at(Unread())
    before, inode = asked.constants(), file.stat().st_ino
    asked.learn(cold_start_s=seen_s, warm_start_s=seen_s)
    assert asked.constants() is before
    assert file.stat().st_ino == inode


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=10))
def test_whatever_is_learned_stays_sane(seen):
    asked = Calibration("", Ticking())
    for cold_s, warm_s in seen:
        asked.learn(cold_start_s=cold_s, warm_start_s=warm_s)
    known = asked.constants()
    assert _parsed(_rendered(known, KEY), KEY) == known


# ---- which machine it is --------------------------------------------------------------------------------------------------------


def another_system(patch, **changes):
    names = ("sysname", "nodename", "release", "version", "machine")
    there = SimpleNamespace(**dict(zip(names, os.uname(), strict=True)) | changes)
    patch.setattr(os, "uname", lambda: there)


def another_python(patch, **changes):
    there = {"name": sys.implementation.name, "version": sys.implementation.version}
    patch.setattr(sys, "implementation", SimpleNamespace(**there | changes))


def another_cpu(patch, tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: Analytical Engine\n\nprocessor\t: 1\nmodel name\t: Difference Engine\n")
    patch.setattr(calibration, "_CPU_INFO", str(path))


OTHER = {
    "atonce": lambda patch, _: patch.setattr(atonce, "__version__", "99.0"),
    "implementation": lambda patch, _: another_python(patch, name="another"),
    "version": lambda patch, _: another_python(patch, version=(4, 0, 0, "final", 0)),
    "build": lambda patch, _: patch.setattr(sys, "abiflags", "another", raising=False),
    "GIL": lambda patch, _: patch.setattr(calibration, "gil_is_held", lambda: not gil_is_held()),
    "CPU": another_cpu,
    "architecture": lambda patch, _: another_system(patch, machine="another"),
    "CPUs": lambda patch, _: patch.setattr(calibration, "usable_cpus", lambda: 12_345),
    "kernel": lambda patch, _: another_system(patch, release="another"),
}


@pytest.mark.skipif(not hasattr(os, "uname"), reason="this system says it in another way")
@pytest.mark.parametrize("part", OTHER)
def test_another_machine_has_another_file(at, folder, file, tmp_path, monkeypatch, part):
    before = _machine_key()
    assert before == _machine_key()
    OTHER[part](monkeypatch, tmp_path)
    assert _machine_key() != before
    clock = Ticking()
    at(clock).constants()
    assert clock.reads > 0
    assert len([*folder.iterdir()]) == 2
    monkeypatch.undo()
    at(Unread()).constants()


def test_two_machines_with_the_same_name_for_their_files_are_told_apart(at, folder, file, monkeypatch):
    monkeypatch.setattr(calibration, "crc32", lambda _: int(file.stem.removeprefix("machine-"), 16))
    monkeypatch.setattr(calibration, "usable_cpus", lambda: 12_345)
    clock = Ticking()
    at(clock).constants()
    assert clock.reads > 0
    assert [*folder.iterdir()] == [file]


def test_the_first_cpu_says_what_they_all_are(tmp_path, monkeypatch):
    another_cpu(monkeypatch, tmp_path)
    assert "Analytical Engine" in _machine_key()
    assert "Difference Engine" not in _machine_key()


@pytest.mark.parametrize("content", ['model name: a "quoted\\" name\x07 of Zuse\u2019s', b"model name: \xff\xfe", ""])
def test_whatever_a_cpu_is_called_the_file_can_be_read(at, tmp_path, monkeypatch, content):
    path = tmp_path / "cpuinfo"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setattr(calibration, "_CPU_INFO", str(path))
    known = at(Ticking()).constants()
    assert at(Unread()).constants() == known


def test_a_computer_that_does_not_tell_its_cpu_has_a_name_all_the_same(monkeypatch):
    monkeypatch.setattr(calibration, "_CPU_INFO", "/nowhere/at/all")
    assert os.uname().machine in _machine_key()
