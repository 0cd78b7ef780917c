"""Small files in the user's cache directory."""

import os
import sys
from pathlib import Path

import pytest

from atonce._machine.cache import cache_directory, read_beginning, replace_file
from atonce._machine.calibration import Calibration
from atonce.testing import ManualClock

VARIABLES = ("ATONCE_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA", "HOME")


@pytest.fixture
def directory(monkeypatch):
    """Tell where files are kept on this system, in this environment."""

    def find(platform, **environment):
        monkeypatch.setattr(sys, "platform", platform)
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return cache_directory()

    return find


@pytest.mark.skipif(os.name != "posix", reason="paths look different there")
@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"HOME": "/home/me"}, "/home/me/.cache/atonce"),
        ("linux", {"HOME": "/home/me", "XDG_CACHE_HOME": "/fast"}, "/fast/atonce"),
        ("linux", {"HOME": "/home/me", "XDG_CACHE_HOME": ""}, "/home/me/.cache/atonce"),
        ("linux", {"HOME": "/home/me", "XDG_CACHE_HOME": "here"}, "/home/me/.cache/atonce"),
        ("darwin", {"HOME": "/Users/me", "XDG_CACHE_HOME": "/fast"}, "/Users/me/Library/Caches/atonce"),
        ("win32", {"HOME": "/home/me", "LOCALAPPDATA": "/me/AppData/Local"}, "/me/AppData/Local/atonce"),
        ("win32", {"HOME": "/home/me"}, ""),
        *((platform, {"HOME": "/me", "ATONCE_CACHE_DIR": "/mine"}, "/mine") for platform in ("linux", "darwin", "win32")),
        ("linux", {"HOME": "/home/me", "XDG_CACHE_HOME": "/fast", "ATONCE_CACHE_DIR": ""}, ""),
    ],
)
def test_the_environment_says_where(directory, platform, environment, expected):
    assert directory(platform, **environment) == expected


def test_nobodys_home_is_nowhere(directory, monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a user who is not in the list of users
    assert directory("linux") == ""
    assert directory("darwin") == ""


def test_whoever_says_nothing_gets_what_the_environment_says_when_it_is_first_needed(tmp_path, monkeypatch):
    asked = Calibration(clock=ManualClock())
    monkeypatch.setenv("ATONCE_CACHE_DIR", str(tmp_path / "mine"))
    asked.constants()
    assert len([*(tmp_path / "mine").iterdir()]) == 1


def test_a_relative_directory_is_one_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    replace_file("new/one", b"content")
    assert (tmp_path / "new" / "one").read_bytes() == b"content"


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "file"
    replace_file(str(path), b"a long beginning")
    with path.open("rb") as opened:
        replace_file(str(path), b"short")
        assert opened.read() == b"a long beginning"
    assert path.read_bytes() == b"short"
    assert [*tmp_path.iterdir()] == [path]


def test_no_more_is_read_than_was_asked_for(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert read_beginning(str(path), 4) == b"0123"
    assert read_beginning(str(path), 100) == b"0123456789"


@pytest.mark.parametrize("name", ["not there", "folder", "folder/not there", "file/below"])
def test_what_cannot_be_read_is_empty(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert read_beginning(str(tmp_path / name), 10) == b""


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no endless file")
def test_an_endless_file_has_a_beginning():
    assert read_beginning("/dev/zero", 10) == bytes(10)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("somebody_writes", [False, True])
def test_a_pipe_is_not_waited_for(tmp_path, somebody_writes):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR) if somebody_writes else None
    try:
        assert read_beginning(str(path), 10) == b""
    finally:
        if writer is not None:
            os.close(writer)
