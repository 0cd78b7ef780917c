"""The calls, as people make them: what they accept, and what they say of what cannot be right."""

import asyncio
import inspect
import linecache
import queue
import subprocess
import sys
import textwrap
import threading
from bdb import BdbQuit
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from unittest import SkipTest, TestCase

import pytest

from atonce import race
from atonce.errors import RaceError, RaceFound


class Account:
    def __init__(self):
        self.balance = 0

    def deposit(self):
        before = self.balance
        self.balance = before + 10


def deposit_twice():
    account = Account()
    threads = [threading.Thread(target=account.deposit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.balance == 20


class TestsOf:
    @race.check(budget="1s")
    def of_a_method(self):
        deposit_twice()


@race.check
def of_a_function():
    deposit_twice()


@race.check
def of_an_innocent():
    Account().deposit()


@pytest.mark.parametrize("checked", [of_a_function, TestsOf().of_a_method])
def test_what_check_made_is_explored_and_replayed_as_what_it_was_made_of(checked):
    report = race.explore(checked)
    assert report.story.headline == "lost update on Account.balance"
    with pytest.raises(AssertionError) as raised:
        race.replay(checked, report.replay)
    assert not isinstance(raised.value, RaceFound)
    innocent = race.explore(of_an_innocent)
    assert innocent.verdict == "proved", innocent.doubts


def test_a_check_inside_a_check_is_no_failure_of_the_function():
    def inner():
        race.explore(deposit_twice)

    def catches():
        try:
            of_an_innocent()
        except Exception:  # nobody may keep quiet about it
            return

    for program in (inner, catches):
        with pytest.raises(RaceError, match="a check inside a check"):
            race.explore(program)


@pytest.mark.parametrize("ending", [BdbQuit, SkipTest])
def test_a_debugger_that_is_left_and_a_test_that_is_skipped_end_the_check(ending):
    def quits():
        raise ending

    def program():
        thread = threading.Thread(target=quits)
        thread.start()
        thread.join()

    with pytest.raises(ending):
        race.explore(program)


def test_new_threads_are_traced_as_asked():
    lines = set()
    first = inspect.getsourcelines(Account.deposit)[1]

    def trace(frame, event, argument):
        if frame.f_code.co_qualname == "Account.deposit":
            lines.add(frame.f_lineno - first)
        return trace

    before = threading.gettrace()
    threading.settrace(trace)
    try:
        race.explore(deposit_twice, runs=1)
    finally:
        threading.settrace(before)
    assert {1, 2} <= lines


def run(folder, program, *options):
    (folder / "program.py").write_text(textwrap.dedent(program), encoding="utf-8")
    words = [sys.executable, *options, "program.py"]
    return subprocess.run(words, capture_output=True, text=True, cwd=folder, check=False, timeout=60)


def test_nothing_is_proved_by_assertions_that_are_left_out(tmp_path):
    program = """
        from atonce import race

        def test():
            assert False

        report = race.explore(test)
        print(report.verdict, report)
    """
    assert run(tmp_path, program).stdout.startswith("failed")
    ended = run(tmp_path, program, "-O")
    assert ended.stdout.startswith("not found")
    assert "python -O leaves out assert statements" in ended.stdout


# ---------------------------------------------------------------- what the reports say


def side_by_side(*bodies):
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


the_account = Account()


def deposit(account):
    account.balance += 10


def holds(account):
    return account.balance == 20


def test_what_was_made_of_parts_is_run_again_as_the_report_says():
    report = race.explore(setup=Account, workers=[deposit, deposit], invariant=holds)
    (again,) = [line for line in report.text(300).splitlines() if line.startswith("again: ")]
    with pytest.raises(AssertionError, match="the invariant holds does not hold"):
        exec(again.removeprefix("again: "), globals())
    report = race.explore(setup=Account, workers=[deposit, deposit], runs=1)
    assert "try: race.explore(setup=Account, workers=[deposit, deposit], budget=" in report.text(300)


def test_what_survives_a_run_is_named():
    def program():
        the_account.deposit()
        assert the_account.balance < 0

    the_account.balance = 0
    text = " ".join(str(race.explore(program)).split())
    assert text.startswith("FAILURE AssertionError in main")
    assert "something that one run changes is still there in the next, like a fixture or a global" in text
    assert "try: make that anew at the beginning of the function" in text


def test_what_fails_by_itself_is_no_race():
    def program():
        side_by_side(Account().deposit)
        raise LookupError("by itself")

    text = " ".join(str(race.explore(program)).split())
    assert text.startswith("FAILURE LookupError in main")
    assert "no step of another task has a part in it" in text


def test_what_a_pool_is_made_of_is_not_shown():
    def program():
        total = 0

        def add(n):
            nonlocal total
            before = total
            total = before + n

        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(add, n) for n in (1, 2)]
            while not all(future.done() for future in futures):
                pass
        assert total == 3

    report = race.explore(program, budget="20s")
    assert report.story.headline == "lost update on total"
    assert all("total" in row.text for row in report.story.rows)


def test_where_the_library_raises_the_users_line_is_named():
    def program():
        found = queue.Queue()
        found.put(1)

        def take():
            if not found.empty():
                found.get_nowait()

        side_by_side(take, take)

    report = race.explore(program)
    assert report.story.headline == "check-then-act on a queue"
    first = inspect.getsourcelines(program)[1]
    assert report.story.facts[0] == f"Empty (T1, line {first + 6})" or report.story.facts[0] == f"Empty (T2, line {first + 6})"


def test_where_unittest_raises_the_users_line_is_named():
    def program():
        account = Account()
        side_by_side(account.deposit, account.deposit)
        TestCase().assertEqual(account.balance, 20)  # noqa: PT009 (that is what this is about)

    first = inspect.getsourcelines(program)[1]
    assert race.explore(program).story.facts[0] == f"AssertionError: 10 != 20 (main, line {first + 3})"


def test_what_tasks_of_a_loop_do_is_shown():
    async def program():
        account = Account()

        async def deposit():
            before = account.balance
            await asyncio.sleep(0)
            account.balance = before + 10

        await asyncio.gather(deposit(), deposit())
        assert account.balance == 20

    report = race.explore(program)
    assert report.story.headline == "lost update on Account.balance"
    assert [row.text for row in report.story.rows][-1] == "account.balance = before + 10"


# ---------------------------------------------------------------- code that is in no file


CELLS = (
    """
    import threading
    from atonce import race
    count = 0
    """,
    """
    def add():
        global count
        count += 1
    """,
    """
    def look():
        seen.append(count)
        seen.append(count)
    """,
    """
    def test():
        global seen, count
        seen, count = [], 0
        threads = [threading.Thread(target=body) for body in (add, look)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen[0] == seen[1]
    """,
)


def typed_in(cells, *, with_source=True):
    """Run pieces of source as a notebook does, among the names of one module without a file."""
    space = ModuleType("typed_in")
    sys.modules["typed_in"] = space
    for number, cell in enumerate(cells):
        text, name = textwrap.dedent(cell), f"<cell {number} of {id(space)}>"
        if with_source:
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), vars(space))
    return space


@pytest.fixture(autouse=True)
def _forget_cells():
    yield
    sys.modules.pop("typed_in", None)
    for name in [name for name in linecache.cache if name.startswith("<cell ")]:
        del linecache.cache[name]


def test_all_cells_of_a_notebook_are_seen():
    space = typed_in(CELLS)
    report = race.explore(space.test)
    assert report.story.headline == "unrepeatable read on typed_in.count"
    assert not report.target
    assert report.text(80).count("atonce race") == 0


def test_what_one_cell_changes_is_seen_where_another_one_reads_it():
    space = typed_in(CELLS)

    def invariant(_):
        return space.seen[0] == space.seen[1]

    def setup():
        space.seen, space.count = [], 0

    workers = [lambda _: space.add(), lambda _: space.look()]
    assert race.explore(setup=setup, workers=workers, invariant=invariant, include=["typed_in"]).verdict == "failed"


def test_without_any_source_nothing_is_proved_and_the_report_says_why():
    space = typed_in(CELLS, with_source=False)
    report = race.explore(space.test, budget="1s")
    if report.verdict == "failed":  # where switches are between steps only, that takes luck
        assert "source is not there" in str(report) or "without source" in " ".join(str(report).split())
    else:
        assert any("its source is not there. Write it into a file" in doubt for doubt in report.doubts)
