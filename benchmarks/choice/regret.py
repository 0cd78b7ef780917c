"""How much slower ``engine="auto"`` is than the best engine, chosen and tuned by hand: time over time, workload by workload.

Each run is a fresh process. All ways of a workload run in turn, in each round; medians are compared.

::

    regret.py [--set tuned|second|unseen|fourth|fifth|sixth] [--rounds 3] [--only PART] [--others] [--json FILE]
"""

import argparse
import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
LIMIT_S = 20.0
ENGINES: dict[str, dict[str, Any]] = {
    "inline": {"engine": "inline"},
    "2 threads": {"engine": "thread", "max_workers": 2},
    "16 threads": {"engine": "thread", "max_workers": 16},
    "64 threads": {"engine": "thread", "max_workers": 64},
    "256 threads": {"engine": "thread", "max_workers": 256},
    "processes": {"engine": "process"},
    "processes with 4 threads": {"engine": "process", "max_workers": 2, "concurrency": 8},
}
LOOPS: dict[str, dict[str, Any]] = {
    "loop of 100": {"engine": "async", "concurrency": 100},
    "loop of 1,000": {"engine": "async", "concurrency": 1000},
    "loop of 4,000": {"engine": "async", "concurrency": 4000},
}
OTHERS = ("threads", "processes", "joblib")


def once(module: str, name: str, way: str, options: dict[str, Any], limit_s: float) -> tuple[float, str]:
    """Run a workload once; infinitely long if it does not end in time, or fails."""
    command = [sys.executable, str(HERE / "one.py"), module, name, way, json.dumps(options)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=True, cwd=HERE)
        seconds, told = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return math.inf, f"no end in {limit_s:.0f} s"
    except subprocess.CalledProcessError as error:
        return math.inf, error.stderr.splitlines()[-1] if error.stderr else "failed"
    return float(seconds), str(told)


def measure(module: str, name: str, *, rounds: int, others: bool) -> dict[str, Any]:
    """Run all ways of a workload in turn."""
    workload = importlib.import_module(module).WORKLOADS[name]
    ways: dict[str, tuple[str, dict[str, Any]]] = {"auto": ("atonce", {})}
    ways |= {way: ("atonce", options) for way, options in (LOOPS if workload.thumb == "async" else ENGINES).items()}
    if others and workload.thumb != "async":
        ways |= {f"their {way}": (way, {}) for way in OTHERS}
    times: dict[str, list[float]] = {way: [] for way in ways}
    told = ""
    limit_s = LIMIT_S
    for _ in range(rounds):
        for way, (how, options) in ways.items():
            if times[way] and times[way][-1] > 3 * min(median(seconds) for seconds in times.values() if seconds):
                continue  # once is enough to know that it is not the best
            seconds, words = once(module, name, how, options, limit_s)
            times[way].append(seconds)
            told = words if way == "auto" else told
    medians = {way: median(seconds) for way, seconds in times.items()}
    best = min((way for way in medians if way != "auto" and not way.startswith("their ")), key=medians.__getitem__)
    return {
        "name": name,
        "thumb": workload.thumb,
        "medians": medians,
        "best": best,
        "regret": medians["auto"] / medians[best],
        "told": told,
    }


def mean(regrets: list[float]) -> float:
    """Return the geometric mean."""
    return math.exp(sum(map(math.log, regrets)) / len(regrets))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="tuned", choices=["tuned", "second", "unseen", "fourth", "fifth", "sixth"], dest="module")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--others", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    service = subprocess.Popen([sys.executable, str(HERE / "service.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    os.environ["CHOICE_PORT"] = service.stdout.readline().strip()
    sheets = []
    try:
        for name in importlib.import_module(arguments.module).WORKLOADS:
            if arguments.only in name:
                sheet = measure(arguments.module, name, rounds=arguments.rounds, others=arguments.others)
                sheets.append(sheet)
                took, best = sheet["medians"]["auto"], sheet["medians"][sheet["best"]]
                print(
                    f"{sheet['regret']:6.2f}  {name:<18} auto {took * 1e3:8.1f} ms   best {best * 1e3:8.1f} ms  {sheet['best']}",
                    flush=True,
                )
                if arguments.verbose or sheet["regret"] > 1.25:
                    print("        " + sheet["told"].replace("\n", "\n        "), flush=True)
    finally:
        assert service.stdin is not None
        service.stdin.close()
        service.wait()
    regrets = [sheet["regret"] for sheet in sheets]
    near = sum(regret <= 1.25 for regret in regrets) / len(regrets)
    print(f"auto: geometric mean {mean(regrets):.3f}, worst {max(regrets):.2f}, within 1.25: {near:.0%}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(sheets, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
