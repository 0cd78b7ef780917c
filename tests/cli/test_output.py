"""Whole lines, whatever happens to the output; and Ctrl-C at the wrong moment."""

import errno
import os
import signal

import pytest

from atonce.cli.interrupts import CtrlC
from atonce.cli.output import CannotWrite, Output, file_opened


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out"


def test_lines_are_written_together(path):
    with file_opened(str(path), None) as descriptor:
        output = Output(descriptor, "out")
        output.add("one")
        output.add("zwei ä")
        assert path.read_bytes() == b""
        output.flush()
        assert path.read_text(encoding="utf-8") == "one\nzwei ä\n"


def test_much_is_written_without_being_asked(path):
    with file_opened(str(path), None) as descriptor:
        output = Output(descriptor, "out")
        for _ in range(70):
            output.add("x" * 1023)
        assert path.stat().st_size == 64 * 1024


def test_half_a_surrogate_pair_becomes_an_escape(path):
    with file_opened(str(path), None) as descriptor:
        output = Output(descriptor, "out")
        output.add('"\udcff"')
        output.flush()
    assert path.read_bytes() == b'"\\udcff"\n'


def test_an_old_file_is_replaced(path):
    path.write_text("old and long\n")
    with file_opened(str(path), None) as descriptor:
        output = Output(descriptor, "out")
        assert path.read_text() == "old and long\n"
        output.begin()
        output.add("new")
        output.flush()
    assert path.read_text() == "new\n"


def test_a_line_that_was_written_in_parts_is_whole(path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    with file_opened(str(path), None) as descriptor:
        output = Output(descriptor, "out")
        output.add("0123456789")
        output.flush()
    assert path.read_text() == "0123456789\n"


@pytest.mark.parametrize(("room", "left"), [(0, ""), (3, ""), (5, "one1\n"), (9, "one1\n"), (10, "one1\ntwo2\n")])
def test_a_broken_last_line_is_taken_back(path, monkeypatch, room, left):
    write = os.write
    written = 0

    def little_room(descriptor, data):
        nonlocal written
        if written >= room:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = write(descriptor, data[: room - written])
        written += done
        return done

    with file_opened(str(path), None) as descriptor:
        output = Output(descriptor, "the file")
        for line in ("one1", "two2", "three3"):
            output.add(line)
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", little_room)
            with pytest.raises(CannotWrite, match="the file cannot be written: No space left") as caught:
                output.flush()
    assert not caught.value.closed
    assert path.read_text() == left


def test_a_reader_that_has_gone():
    reading, writing = os.pipe()
    os.close(reading)
    output = Output(writing, "the pipe")
    assert not output.is_file
    output.add("x")
    with pytest.raises(CannotWrite) as caught:
        output.flush()
    os.close(writing)
    assert caught.value.closed


@pytest.fixture
def ctrl_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with CtrlC().installed() as _:
        pass
    held = CtrlC()
    with held.installed():
        yield held
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_is_raised_at_once(ctrl_c):
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_waits_for_the_end_of_a_record(ctrl_c):
    done = []
    with pytest.raises(KeyboardInterrupt), ctrl_c.held():
        signal.raise_signal(signal.SIGINT)
        done.append("the whole block")
    assert done == ["the whole block"]
    with ctrl_c.held():
        pass  # it came once, and is raised once


def test_a_second_ctrl_c_does_not_wait(ctrl_c):
    done = []
    with pytest.raises(KeyboardInterrupt), ctrl_c.held():
        signal.raise_signal(signal.SIGINT)
        done.append("first")
        signal.raise_signal(signal.SIGINT)
        done.append("second")
    assert done == ["first"]


def test_a_ctrl_c_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with CtrlC().installed():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
