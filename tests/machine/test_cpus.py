"""How many CPUs this process may use."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._machine import cpus
from atonce._machine.cpus import _quota, gil_is_held, usable_cpus

NOWHERE = "/nowhere/at/all"
ON_ONE_CPU = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from atonce._machine.cpus import usable_cpus
print(usable_cpus())
"""


@pytest.fixture
def v2(tmp_path):
    """Write the file of a control group of the second version; return where it is."""

    def write(text):
        path = tmp_path / "cpu.max"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.fixture
def v1(tmp_path):
    """Write the files of a control group of the first version; return the folder."""

    def write(quota, period):
        for name, text in (("quota", quota), ("period", period)):
            if text is not None:
                (tmp_path / f"cpu.cfs_{name}_us").write_text(text)
        return str(tmp_path)

    return write


@pytest.fixture
def computer(monkeypatch):
    """Pretend that so many CPUs are allowed, under this quota."""

    def pretend(allowed, quota):
        monkeypatch.setattr(cpus, "_quota", lambda *_: quota)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)
        return usable_cpus()

    return pretend


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system knows no affinity")
def test_affinity_counts_and_not_the_hosts_cpus():
    ended = subprocess.run([sys.executable, "-c", ON_ONE_CPU], capture_output=True, text=True, check=False)
    assert (ended.stdout.strip(), ended.stderr) == ("1", "")


def test_this_computer_has_a_cpu_and_not_more_than_it_allows():
    assert 1 <= usable_cpus() <= (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("150000 100000\n", 1.5),
        ("200000 100000", 2.0),
        ("50000 100000\n", 0.5),
        ("25000 50000\n", 0.5),
        ("max 100000\n", None),
        ("max\n", None),
        ("", None),
        ("\n", None),
        ("100000 0\n", None),
        ("0 100000\n", None),
        ("-1 100000\n", None),
        ("many 100000\n", None),
        ("1.5 1\n", None),
        ("150000 100000 and more\n", 1.5),
        (b"\xff\xfe 100000", None),
    ],
    ids=repr,
)
def test_the_quota_of_version_2(v2, text, quota):
    assert _quota(v2(text), NOWHERE) == quota


@pytest.mark.parametrize(
    ("quota_us", "period_us", "quota"),
    [
        ("150000\n", "100000\n", 1.5),
        ("-1\n", "100000\n", None),
        ("0\n", "100000\n", None),
        ("100000\n", "0\n", None),
        ("", "", None),
        ("much\n", "100000\n", None),
        ("150000\n", None, None),
        (None, "100000\n", None),
        (None, None, None),
    ],
)
def test_the_quota_of_version_1(v1, quota_us, period_us, quota):
    assert _quota(NOWHERE, v1(quota_us, period_us)) == quota


def test_version_2_goes_before_version_1(v2, v1):
    assert _quota(v2("300000 100000\n"), v1("100000\n", "100000\n")) == 3.0


def test_no_limit_in_version_2_is_an_answer(v2, v1):
    assert _quota(v2("max 100000\n"), v1("100000\n", "100000\n")) is None


def test_a_broken_file_of_version_2_lets_version_1_speak(v2, v1):
    assert _quota(v2("\n"), v1("100000\n", "100000\n")) == 1.0


def test_a_folder_in_the_place_of_the_file_is_no_limit(tmp_path):
    assert _quota(str(tmp_path), str(tmp_path)) is None


def test_a_broken_file_of_version_1_is_no_limit(tmp_path):
    (tmp_path / "cpu.cfs_quota_us").write_bytes(b"\xff\xff")
    (tmp_path / "cpu.cfs_period_us").write_bytes(b"100000")
    assert _quota(NOWHERE, str(tmp_path)) is None


@given(st.binary(max_size=30), st.binary(max_size=10), st.binary(max_size=10))
def test_whatever_the_files_hold_there_is_an_answer(v2_text, quota_text, period_text):
    with TemporaryDirectory() as folder:
        for name, text in (("cpu.max", v2_text), ("cpu.cfs_quota_us", quota_text), ("cpu.cfs_period_us", period_text)):
            (Path(folder) / name).write_bytes(text)
        quota = _quota(f"{folder}/cpu.max", folder)
    assert quota is None or quota > 0


@pytest.mark.parametrize(
    ("allowed", "quota", "usable"),
    [
        (8, None, 8),
        (8, 2.0, 2),
        (8, 1.5, 2),
        (8, 1.0, 1),
        (8, 0.5, 1),
        (8, 0.001, 1),
        (8, 7.0001, 8),
        (8, 100.0, 8),
        (1, 100.0, 1),
        (1, None, 1),
    ],
)
def test_the_smaller_of_affinity_and_quota_counts_and_a_part_counts_as_one(computer, allowed, quota, usable):
    assert computer(allowed, quota) == usable


def test_without_affinity_the_hosts_cpus_count_and_there_is_at_least_one(monkeypatch):
    monkeypatch.setattr(cpus, "_quota", lambda *_: None)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cpus() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cpus() == 1


@pytest.mark.parametrize("held", [True, False])
def test_the_gil_is_held_unless_the_interpreter_says_otherwise(monkeypatch, held):
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: held, raising=False)
    assert gil_is_held() is held


def test_an_interpreter_that_knows_nothing_of_it_holds_the_gil(monkeypatch):
    monkeypatch.delattr(sys, "_is_gil_enabled", raising=False)
    assert gil_is_held() is True
