"""Run every table of this folder, one after the other, and sum up which demands are met.

The arguments are passed on. ``--json FILE`` collects the raw numbers of all files in one. Names of files as first arguments run
only those: ``all.py tiny even --quick``.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sheet import Demand

FILES = ("tiny", "even", "skewed", "arrays", "first_result", "killers", "loops", "memory", "connections", "scaling")
HERE = Path(__file__).parent


def run_file(name: str, arguments: list[str], folder: Path) -> dict[str, Any]:
    """Run one file; return what it wrote down, or that it came to no end."""
    print(f"\n== benchmarks/peers/{name}.py", flush=True)
    raw = folder / f"{name}.json"
    process = subprocess.Popen([sys.executable, str(HERE / f"{name}.py"), *arguments, "--json", str(raw)])
    try:
        status = process.wait()  # it keeps its time by itself
    except KeyboardInterrupt:
        process.wait()  # it heard it too, and ends what it has started
        raise
    if raw.exists():
        return dict(json.loads(raw.read_text(encoding="utf-8")))
    return {"file": name, "demands": [], "wrong": [], "broken": f"exit status {status}"}


def sum_up(sheets: list[dict[str, Any]]) -> bool:
    """Print which demands are met, file by file; return whether all are."""
    print("\n== demands")
    for sheet in sheets:
        for demand in sheet["demands"]:
            print(f"  {sheet['file']:<14}{Demand(**demand)}")
        for name in sheet["wrong"]:
            print(f"  FAIL  {sheet['file']}: WRONG RESULT from {name}")
        if "broken" in sheet:
            print(f"  FAIL  {sheet['file']}: came to no end: {sheet['broken']}")
    demands = [demand for sheet in sheets for demand in sheet["demands"]]
    met = sum(Demand(**demand).met for demand in demands)
    quick = "; --quick settles nothing" if any(sheet.get("quick") for sheet in sheets) else ""
    print(f"  {met} of {len(demands)} met{quick}")
    return met == len(demands) and not any(sheet["wrong"] or "broken" in sheet for sheet in sheets)


def main() -> int:
    arguments = sys.argv[1:]
    chosen = [name for name in arguments if name in FILES]
    passed_on = [word for word in arguments if word not in FILES]
    target = None
    if "--json" in passed_on:
        place = passed_on.index("--json")
        target = Path(passed_on[place + 1])
        del passed_on[place : place + 2]
    with tempfile.TemporaryDirectory() as folder:
        sheets = [run_file(name, passed_on, Path(folder)) for name in chosen or FILES]
    if target is not None:
        target.write_text(json.dumps(sheets, indent=1, ensure_ascii=False), encoding="utf-8")
    return not sum_up(sheets)


if __name__ == "__main__":
    sys.exit(main())
