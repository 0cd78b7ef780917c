"""A thousand items of 1 ms, clean, and the same with two that kill their worker and two that hang: what the faults cost.

Demanded: with faults, at most 1.15 times the clean run plus the hangs' own limits; and every other item has its result.

Each library is measured in a program of its own, which is ended after its time: most of them hang, or lose their pool. Whoever
gets all other results takes part in the rounds; of the rest the table says what became of them.
"""

import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from comparing import Measured
from session import Ended, alone
from sheet import MILLISECONDS, Sheet, program
from work import burn, pack, turns_in

COST_S, TIMEOUT_S = 1e-3, 0.5
ALLOWED = 1.15  # times the clean run
PROGRAM_LIMIT_S, QUICK_LIMIT_S = 30, 10
KILL, SLEEP, SPIN = "kill", "sleep", "spin"
CLEAN, FAULTY, RAISED = "clean", "with faults", "raised"
IDEAL = "limit: clean, and the hangs' limits shared by the workers"

Item = tuple[int, str]  # for burn, and what happens instead


def faulty_items(count: int) -> dict[int, str]:
    """Say which items do harm: spread over the run, and of each kind two; of the hangs one waits and one computes."""
    return {count // 8: KILL, count // 3: SLEEP, count // 2: SPIN, count * 3 // 4: KILL}


def do(item: Item) -> int:
    """Do an item: compute for a while, kill this process, or never end."""
    work, fault = item
    if fault == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == SLEEP:
        threading.Event().wait()
    while fault == SPIN:
        pass
    return burn(work)


# ---- inside a library's program -------------------------------------------------------------------------------------------------
#
# Each library is opened as something that maps: it returns a list with the value of each item, or the error in its place. A library
# that does not say which item an error belongs to has the error raised here, which ends its program.

Mapping = Callable[[Sequence[Item]], list[Any]]


@contextmanager
def open_atonce(workers: int) -> Iterator[Mapping]:
    import atonce

    with atonce.Pool(engine="process", max_workers=workers, errors="return") as pool:
        yield lambda items: [
            result.error if isinstance(result, atonce.Failure) else result for result in pool.map(do, items, timeout=TIMEOUT_S)
        ]


@contextmanager
def open_pebble(workers: int) -> Iterator[Mapping]:
    from pebble import ProcessPool

    with ProcessPool(workers) as pool:
        yield lambda items: list(map(_result, [pool.schedule(do, args=(item,), timeout=TIMEOUT_S) for item in items]))


@contextmanager
def open_executor(workers: int) -> Iterator[Mapping]:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers) as pool:
        yield lambda items: list(map(_result, [pool.submit(do, item) for item in items]))


@contextmanager
def open_loky(workers: int) -> Iterator[Mapping]:
    from loky import ProcessPoolExecutor

    with ProcessPoolExecutor(workers) as pool:
        yield lambda items: list(map(_result, [pool.submit(do, item) for item in items]))


@contextmanager
def open_mp_pool(workers: int) -> Iterator[Mapping]:
    from multiprocessing import Pool

    with Pool(workers) as pool:
        yield lambda items: pool.map(do, items, 1)


@contextmanager
def open_joblib(workers: int) -> Iterator[Mapping]:
    from joblib import Parallel, delayed

    yield lambda items: list(Parallel(workers, timeout=TIMEOUT_S)(delayed(do)(item) for item in items))


@contextmanager
def open_mpire(workers: int) -> Iterator[Mapping]:
    from mpire.pool import WorkerPool

    with WorkerPool(workers, keep_alive=True) as pool:
        yield lambda items: pool.map(do, [(item,) for item in items], chunk_size=1, task_timeout=TIMEOUT_S)


LIBRARIES = {
    "atonce": open_atonce,
    "pebble": open_pebble,
    "concurrent.futures": open_executor,
    "loky": open_loky,
    "multiprocessing": open_mp_pool,
    "joblib": open_joblib,
    "mpire": open_mpire,
}
OURS, SURVIVOR = "atonce", "pebble"
SEEN = {OURS: {KILL: "WorkerCrashed", SLEEP: "TaskTimeout", SPIN: "TaskTimeout"}}  # the errors that the faulty items must have


def measure(library: str, workers: int, count: int, turns: int) -> None:
    """Run the items clean and with faults, and print how long it took and which results there are, as a line of JSON each."""
    clean = [(pack(number, turns), "") for number in range(count)]
    bad = faulty_items(count)
    faulty = [(work, bad.get(number, "")) for number, (work, _) in enumerate(clean)]
    with LIBRARIES[library](workers) as run:
        attempt(run, clean[: 4 * workers])
        for kind, items in ((CLEAN, clean), (FAULTY, faulty)):
            begun = time.perf_counter()
            results = attempt(run, items)
            say(kind, seconds=time.perf_counter() - begun, **judged(library, items, results))


def attempt(run: Mapping, items: Sequence[Item]) -> list[Any]:
    """Run the items; if that fails, say so before the pool is closed, which may take for ever then."""
    try:
        return run(items)
    except Exception as error:
        say(RAISED, what=f"{type(error).__name__}: {error}".splitlines()[0])
        raise SystemExit(1) from None


def say(kind: str, **what: Any) -> None:
    print(json.dumps({"kind": kind} | what), flush=True)


def judged(library: str, items: Sequence[Item], results: Sequence[Any]) -> dict[str, Any]:
    """Count the results that are right, and name what is wrong: a value, or the error of an item that does harm."""
    kept, wrong, lost = 0, [], set()
    for number, (item, result) in enumerate(zip(items, results, strict=True)):
        if item[1]:
            expected = SEEN.get(library, {}).get(item[1])
            if not isinstance(result, BaseException) or (expected and type(result).__name__ != expected):
                wrong.append(f"item {number}, which should {item[1]}, gave {result!r:.150}")
        elif isinstance(result, BaseException):
            lost.add(type(result).__name__)
        elif result == burn(item[0]):
            kept += 1
        else:
            wrong.append(f"item {number} gave {result!r:.150}")
    return {"kept": kept, "of": sum(not fault for _, fault in items), "wrong": wrong, "lost": sorted(lost)}


def _result(future: Any) -> Any:
    try:
        return future.result()
    except Exception as error:
        return error


# ---- outside --------------------------------------------------------------------------------------------------------------------


def run_library(sheet: Sheet, library: str, count: int, turns: int) -> tuple[Ended, dict[str, Any]]:
    """Run a library's program to its end, or to the end of its time; return how it ended and what it said, by kind of run."""
    command = [sys.executable, str(Path(__file__)), "--measure", library, *map(str, (sheet.arguments.workers, count, turns))]
    ended = alone(command, sheet.arguments.choose(PROGRAM_LIMIT_S, QUICK_LIMIT_S), capture=True)
    said = [json.loads(line) for line in ended.output.splitlines() if line.startswith('{"kind"')]
    return ended, {run["kind"]: run for run in said}


def story(ended: Ended, said: dict[str, Any]) -> str:
    """Say what became of a library; nothing if it has the results of all items that did no harm."""
    if FAULTY not in said:
        end = f"no end in {ended.seconds:.0f} s" if ended.status is None else f"exit status {ended.status}"
        what = f"the call fails: {said[RAISED]['what']}" if RAISED in said else end
        return what if CLEAN in said else f"in the clean run, {what}"
    runs = [said[kind] for kind in (CLEAN, FAULTY)]
    lost = [
        f"{run['kept']:,} of {run['of']:,} results, the others: {', '.join(run['lost'])}" for run in runs if run["kept"] < run["of"]
    ]
    return "; ".join(lost + runs[0]["wrong"] + runs[1]["wrong"])


def take_part(sheet: Sheet, measured: Measured, library: str, count: int, turns: int) -> None:
    """Run a library once, and note its times, or throw it out with its story."""
    ended, said = run_library(sheet, library, count, turns)
    names = {kind: f"{library}, {kind}" for kind in (CLEAN, FAULTY)}
    told = story(ended, said)
    if told:
        for name in names.values():
            measured.times.pop(name, None)
        measured.left_out[names[FAULTY]] = told
        measured.wrong += [names[FAULTY] for run in said.values() if run.get("wrong")][:1]
        return
    for kind, name in names.items():
        measured.times.setdefault(name, []).append(said[kind]["seconds"])


def main(sheet: Sheet) -> None:
    count, turns = sheet.arguments.choose(1_000, 200), turns_in(COST_S)
    rounds, workers = sheet.arguments.turns(7, 2), sheet.arguments.workers
    measured = Measured()
    there = [library for library in LIBRARIES if is_there(library)]
    in_turn = [library for library in there if library in (OURS, SURVIVOR)]
    for number in range(rounds):
        for library in in_turn if number % 2 == 0 else reversed(in_turn):
            if f"{library}, {FAULTY}" not in measured.left_out:
                take_part(sheet, measured, library, count, turns)
    for library in there:
        if library not in in_turn:
            take_part(sheet, measured, library, count, turns)
    show(sheet, measured, count, rounds, 2 * TIMEOUT_S / workers)


def show(sheet: Sheet, measured: Measured, count: int, rounds: int, hangs_shared_s: float) -> None:
    """Print the table and the demands."""
    ours = {kind: f"{OURS}, {kind}" for kind in (CLEAN, FAULTY)}
    clean, faulty = (measured.times.get(name) for name in ours.values())
    if clean:
        measured.times[IDEAL] = [seconds + hangs_shared_s for seconds in clean]
    title = (
        f"{count:,} items of 1 ms, two kill their worker, two hang until their limit of {TIMEOUT_S:g} s, {rounds} rounds; all items"
    )
    sheet.table(title, measured, ours[FAULTY], IDEAL if clean else None, MILLISECONDS)
    why = measured.left_out.get(ours[FAULTY], "")
    sheet.at_least("items that do no harm and have their results, all of them or none", (None if why else 1.0, why), 1.0)
    figure = None
    if clean and faulty:
        pairs = list(zip(clean, faulty, strict=True))
        figure = median(bad / (ALLOWED * good + 2 * TIMEOUT_S) for good, bad in pairs)
        strict = median((bad - hangs_shared_s) / good for good, bad in pairs)
        sheet.note(f"with faults, less the hangs' limits shared by the workers, over clean (stricter than demanded): {strict:.2f}")
    sheet.at_most(f"with faults, over {ALLOWED:g} times clean plus the two hangs' limits", (figure, why), 1.0)


def is_there(library: str) -> bool:
    try:
        importlib.import_module(library)
    except ImportError as error:
        print(f"{library} is left out: {error}")
        return False
    return True


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        program(main)
