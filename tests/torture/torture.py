"""Rounds of torture: a program is killed at random times and started again until it ends by itself; nothing may be lost.

python -m tests.torture.torture [--rounds N] [--from N] [--side-by-side N]
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

from tests.torture import program
from tests.torture.program import FULL_DISK, Plan

MEAN_LIFE_S = (
    0.5  # of a program, before it is killed: exponentially distributed, so that kills come at the times of a Poisson process
)
MOST_KILLS = 6  # then it may live
LIMIT_S = 120.0


def play(number: int) -> Counter[str]:
    """Play a round.

    Returns:
        How many programs were killed, how many found the disk full.

    Raises:
        AssertionError: something was lost, came twice, or is not what a serial run gives.
    """
    plan, draw, told = Plan(number), random.Random(-number - 1), Counter[str]()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        result = Path(folder) / "result.json"
        for start in range(100):
            life_s = draw.expovariate(1 / MEAN_LIFE_S) if told["kills"] < MOST_KILLS else LIMIT_S
            if run(folder, number, number * 1000 + start, life_s, told):
                break
        else:
            raise AssertionError(f"round {number} ({plan.engine}) does not end")
        outcomes = json.loads(result.read_text())
        assert sorted(item for item, _ in outcomes) == sorted(plan.items), f"round {number}: not each input once"
        wrong = [(item, plan.faults[item], outcome) for item, outcome in outcomes if outcome != plan.expected(item)]
        assert not wrong, f"round {number} ({plan.engine}): {wrong}"
        check_journal(plan, Path(folder) / "run.db", number)
    return told


def run(folder: str, number: int, start: int, life_s: float, told: Counter[str]) -> bool:
    """Run the program for so long at most; tell whether it has ended by itself, with a result."""
    command = [sys.executable, program.__file__, folder, str(number), str(start)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as child:
        try:
            _, said = child.communicate(timeout=life_s)
        except subprocess.TimeoutExpired:
            assert life_s < LIMIT_S, f"round {number}: start {start} hangs"
            child.send_signal(signal.SIGKILL)
            child.communicate()
            told["kills"] += 1
            return False
        finally:
            with suppress(ProcessLookupError):  # nobody of that session may be left, whoever was killed
                os.killpg(child.pid, signal.SIGKILL)
    if child.returncode == FULL_DISK:
        told["full disks"] += 1
        return False
    assert child.returncode == 0, f"round {number}, start {start}: status {child.returncode}\n{said.decode()}"
    return True


def check_journal(plan: Plan, path: Path, number: int) -> None:
    """Check that the journal has each input once, with its outcome, and that the file is whole."""
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = database.execute("SELECT input, error IS NOT NULL FROM outcomes").fetchall()
    kept = Counter(int(text) for text, _ in rows)
    assert kept == Counter(item for item in plan.items if plan.is_kept(item)), f"round {number}: {kept} in the journal"
    for text, failed in rows:
        assert failed == plan.expected(int(text)).startswith("error"), f"round {number}: item {text}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--from", type=int, default=random.randrange(1 << 30), dest="first", help="number of the first round")
    parser.add_argument("--side-by-side", type=int, default=os.cpu_count() or 1)
    wish = parser.parse_args()
    total = Counter[str]()
    with ThreadPoolExecutor(wish.side_by_side) as pool:
        for done, told in enumerate(pool.map(play, range(wish.first, wish.first + wish.rounds)), 1):
            total += told
            if done % 10 == 0 or done == wish.rounds:
                print(
                    f"{done:,} rounds from {wish.first}, {total['kills']:,} kills, {total['full disks']:,} full disks", flush=True
                )
    print("nothing was lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
