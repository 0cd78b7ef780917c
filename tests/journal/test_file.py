"""A journal's file: what is refused, and that it is left as it was."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from atonce._journal.file import APPLICATION_ID, VERSION
from atonce._journal.journal import open_journal
from atonce._values.batch import Delivery
from atonce.errors import AtonceError, JournalError


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "run.db")


def fill(path, count=300):
    journal = open_journal(path, abs)
    journal.sort(0, list(range(count)))
    journal.keep([Delivery(0, list(range(count)), [], 1.0, 0.0, "somebody")])
    journal.close()


def refused(path):
    before = Path(path).read_bytes()  # nobody has it open: no lock is lost
    with pytest.raises(JournalError) as caught:
        open_journal(path, abs)
    assert Path(path).read_bytes() == before
    assert isinstance(caught.value, AtonceError)
    return str(caught.value)


def test_a_new_journal_says_what_it_is(path):
    fill(path)
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert database.execute("SELECT name, form FROM works").fetchall() == [("builtins.abs", "pickle")]
        assert database.execute("SELECT place, input, error, worker FROM outcomes WHERE place = 7").fetchone() == (
            7,
            "7",
            None,
            "somebody",
        )
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    assert os.listdir(os.path.dirname(path)) == ["run.db"]


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"S", b"x" * 5000, b"SQLite format 2\0" + bytes(100)])
def test_another_file_is_refused(path, content):
    with open(path, "wb") as file:
        file.write(content)
    assert "left as it is" in refused(path)


def test_another_programs_database_is_refused(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (a)")
    database.close()
    assert refused(path).startswith(f"{path} is no journal, but a database of another program")


def test_a_journal_of_a_newer_version_is_refused(path):
    fill(path)
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version={VERSION + 1}")
    database.close()
    assert "newer version of atonce" in refused(path)


@pytest.mark.parametrize("left", [50, 99, 100, 4096, 0.5, 0.999])
def test_a_journal_that_has_lost_its_end_is_refused(path, left):
    fill(path)
    size = os.path.getsize(path)
    os.truncate(path, left if left > 1 else int(size * left))
    assert "has lost its end" in refused(path)


def test_an_empty_file_is_as_good_as_none(path):
    Path(path).touch()
    fill(path)


def test_what_is_damaged_inside_is_told(path):
    fill(path, 3000)
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (os.path.getsize(path) - 4096))
    journal = None
    with pytest.raises(JournalError, match=r"damaged|malformed"):
        journal = open_journal(path, abs)
        journal.sort(0, list(range(3000)))
    if journal is not None:
        journal.close()


@pytest.mark.parametrize("where", ["no/such/folder/run.db", "."])
def test_a_path_that_cannot_be_written_is_refused(tmp_path, where):
    with pytest.raises(JournalError, match="cannot be opened"):
        open_journal(str(tmp_path / where), abs)


HOLDER = """if True:
    import sys
    from atonce._journal.journal import open_journal
    journal = open_journal(sys.argv[1], abs)
    print("open", flush=True)
    sys.stdin.read()
"""


def test_another_program_is_told_who_writes_and_may_when_it_has_ended(path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(JournalError, match=rf"is being written by process {other.pid}\b"):
            open_journal(path, abs)
        with pytest.raises(JournalError, match=rf"is being written by process {other.pid}\b"):  # the refusal took nothing away
            open_journal(path, abs)
        other.send_signal(signal.SIGKILL)
        other.wait()
    fill(path)


def test_runs_of_one_program_share_a_file_but_not_a_function(path):
    one, other = open_journal(path, abs), open_journal(path, len)
    with pytest.raises(JournalError, match=r"another call of this program is running builtins\.abs with it"):
        open_journal(path, abs)
    for link, make in ((path + "2", os.link), (path + "3", os.symlink)):
        make(path, link)
        with pytest.raises(JournalError, match="another call of this program"):
            open_journal(link, abs)
    one.close()
    open_journal(path, abs).close()
    other.close()
    other.close()
    fill(path)


def test_what_a_program_was_killed_in_is_whole_again(path, tmp_path):
    fill(path)
    killed = str(tmp_path / "copy.db")
    journal = open_journal(path, abs)
    journal.sort(0, list(range(400)))
    journal.keep([Delivery(300, list(range(300, 400)), [], 1.0, 0.0, "somebody")])
    for end in (
        "",
        "-wal",
        "-lock",
    ):  # as it is at this moment: a copy is what a kill would leave. (SQLite's own descriptors stay open.)
        with open(path + end, "rb") as file, open(killed + end, "wb") as copy:
            shutil.copyfileobj(file, copy)
    journal.close()
    again = open_journal(killed, abs)
    assert again.sort(0, list(range(400))) == []
    again.close()


def test_another_program_is_told_by_whatever_name_it_knows_the_file(path, tmp_path):
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(JournalError, match=rf"is being written by process {other.pid}\b"):
            open_journal(str(link), abs)


def test_a_program_may_go_elsewhere_and_the_folder_may_go(tmp_path, monkeypatch):
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    journal = open_journal("run.db", abs)
    monkeypatch.chdir(tmp_path)
    assert [path.name for path in inner.glob("*-lock")] == ["run.db-lock"]
    journal.close()
    assert [path.name for path in inner.iterdir()] == ["run.db"]
    monkeypatch.chdir(inner)
    journal = open_journal("run.db", abs)
    shutil.rmtree(inner)
    journal.close()


def test_a_forked_process_takes_nothing_from_its_parent(path):
    journal = open_journal(path, abs)
    child = os.fork()
    if not child:
        try:
            journal.close()
            open_journal(path, len)
        except JournalError as error:
            os._exit(0 if "is being written by process" in str(error) else 2)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert Path(path + "-lock").exists()
    journal.sort(0, [1])
    journal.keep([Delivery(0, [1], [], 1.0, 0.0, "somebody")])
    journal.close()
