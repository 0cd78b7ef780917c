"""How soon the first result is there: in a fresh program, import included, and from a warm pool.

Demanded: in a fresh program, at most half the time of ``ProcessPoolExecutor`` with its forkserver, for a function of an imported
module and for one of ``__main__``; from a warm pool, at most 3 ms.

Each fresh program is a script of its own. It reads the clock in its first line, imports, has one item done, and reads the clock
again; the pools have two workers. The whole time of the program, its start and its end included, stands in a second table.
"""

import sys
import tempfile
from compileall import compile_dir
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import NamedTuple

from comparing import Contender, Measured, Overdue, Timed, compare, found
from pools import EXECUTOR, JOBLIB, LOKY, MP_POOL, MPIRE, PEBBLE, Way, contenders, open_pools
from session import alone
from sheet import MILLISECONDS, Sheet, program
from work import square

import atonce

ITEM, VALUE = 7, 49
PROGRAM_LIMIT_S = 30.0
FUNCTION = "def square(x):\n    return x * x\n"
HELPER = "helper"  # the module that holds the function, beside the scripts

# The guard is there for those that run the script again in their workers. Ours needs none, and does without.
SCRIPT = """\
import time
begun = time.perf_counter()
{imports}
{function}
{guard}
    value = {first}
    print(time.perf_counter() - begun, value)
    {end}
"""
GUARD, NO_GUARD = 'if __name__ == "__main__":', "if True:"
EXECUTOR_PROGRAM = "import multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor"


class Program(NamedTuple):
    """A fresh program: what it imports, what gives it its first result, and how it ends."""

    imports: str
    first: str
    end: str = "pass"
    guard: str = GUARD
    needs: str = "atonce"


def executor(method: str) -> Program:
    """Return the program of the standard library's executor, with one of its ways to start processes."""
    first = f"(pool := ProcessPoolExecutor(2, mp_context=multiprocessing.get_context({method!r}))).submit(square, {ITEM}).result()"
    return Program(EXECUTOR_PROGRAM, first, "pool.shutdown()")


OURS, FORKSERVER = "atonce map", "concurrent.futures, forkserver"
PROGRAMS = {
    OURS: Program("import atonce", f'atonce.map(square, [{ITEM}], engine="process", max_workers=2)[0]', guard=NO_GUARD),
    "atonce Pool.submit": Program(
        "import atonce",
        f'(pool := atonce.Pool(engine="process", max_workers=2)).submit(square, {ITEM}).result()',
        "pool.close()",
        NO_GUARD,
    ),
    "limit: os.fork in place": Program(
        "import os, pickle",
        f"(ends := os.pipe(), pid := os.fork(), pid or (os.write(ends[1], pickle.dumps(square({ITEM}))), os._exit(0)), "
        "pickle.loads(os.read(ends[0], 99)))[-1]",
        "os.waitpid(pid, 0)",
    ),
    **{f"concurrent.futures, {method}": executor(method) for method in ("forkserver", "spawn", "fork")},
    "mp.Pool.map": Program(
        "import multiprocessing", f"(pool := multiprocessing.Pool(2)).map(square, [{ITEM}])[0]", "pool.terminate()"
    ),
    LOKY: Program("import loky", f"loky.get_reusable_executor(2).submit(square, {ITEM}).result()", needs="loky"),
    JOBLIB: Program(
        "from joblib import Parallel, delayed", f"Parallel(2)(delayed(square)(x) for x in [{ITEM}])[0]", needs="joblib"
    ),
    MPIRE: Program(
        "from mpire import WorkerPool", f"(pool := WorkerPool(2)).map(square, [{ITEM}])[0]", "pool.terminate()", needs="mpire"
    ),
    PEBBLE: Program(
        "from pebble import ProcessPool",
        f"(pool := ProcessPool(2)).schedule(square, args=({ITEM},)).result()",
        "pool.stop(); pool.join()",
        needs="pebble",
    ),
}


def fresh(sheet: Sheet, folder: Path, place: str, function: str) -> None:
    """Compare the programs, with the function in one place: ``__main__``, or a module."""
    wholes: dict[str, list[float]] = {}
    everybody = []
    for number, (name, parts) in enumerate(PROGRAMS.items()):
        if find_spec(parts.needs) is None:
            print(f"{name} is left out: it is not installed")
            continue
        script = folder / f"{place.strip('_').replace(' ', '_')}{number}.py"
        script.write_text(SCRIPT.format(function=function, **parts._asdict()), encoding="utf-8")
        everybody.append(Contender(name, partial(run_program, script, wholes.setdefault(name, [])), expected=VALUE))
    rounds = sheet.arguments.turns(15, 3)
    measured = compare(everybody, rounds)
    limit = "limit: os.fork in place"
    sheet.table(f"import to first result, function in {place}, {rounds} rounds", measured, OURS, limit, MILLISECONDS)
    sheet.at_most(f"function in {place}: time over that of {FORKSERVER}", found(measured, OURS, FORKSERVER), 0.5)
    whole = Measured({name: wholes[name][-rounds:] for name in measured.times})
    sheet.table(f"the whole program, function in {place} (for information)", whole, OURS, limit, MILLISECONDS)


def run_program(script: Path, wholes: list[float]) -> Timed:
    """Run a fresh program to its end; return what it says, and write down how long it took as a whole."""
    ended = alone([sys.executable, str(script)], PROGRAM_LIMIT_S, capture=True)
    wholes.append(ended.seconds)
    if ended.status is None:
        raise Overdue(f"no end after {PROGRAM_LIMIT_S:g} s")
    if ended.status:
        raise RuntimeError(f"exit status {ended.status}")
    seconds, value = ended.output.split()
    return Timed(float(seconds), int(value))


def warm(sheet: Sheet, pool: atonce.Pool, others: dict[str, Way]) -> None:
    """Compare what one item takes, from the call to its result, in a pool that has been used before."""
    ours = {"atonce map": lambda: pool.map(square, [ITEM]), "atonce submit": lambda: [pool.submit(square, ITEM).result()]}
    everybody = [Contender(name, run, expected=[VALUE]) for name, run in ours.items()]
    names = (MP_POOL, EXECUTOR, LOKY, JOBLIB, MPIRE, PEBBLE)
    everybody += contenders(others, square, [ITEM], dict.fromkeys(names, (1,)), [VALUE])
    rounds = sheet.arguments.turns(201, 21)
    measured = compare(everybody, rounds)
    sheet.table(f"one item from a warm pool, {rounds} rounds", measured, OURS, None, MILLISECONDS)
    for name in ours:
        times = measured.times.get(name)
        figure = (median(times) * 1e3, "") if times else (None, measured.left_out[name])
        sheet.at_most(f"{name}, from a warm pool: ms to the result of one item", figure, 3.0)


def main(sheet: Sheet) -> None:
    # As pip does with all that it installs, the others included; an editable install, as here, is left to itself.
    compile_dir(Path(atonce.__file__).parent, quiet=2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"{HELPER}.py").write_text(FUNCTION, encoding="utf-8")
        fresh(sheet, folder, "a module", f"from {HELPER} import square")
        fresh(sheet, folder, "__main__", FUNCTION)
    with open_pools(sheet.arguments.workers) as (pool, others):
        warm(sheet, pool, others)


if __name__ == "__main__":
    program(main)
