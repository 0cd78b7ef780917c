"""Print the table of engine by case: ``python -m atonce.testing [ENGINE ...]``."""

import sys
import tempfile
from pathlib import Path

from atonce.testing.conformance import CASES, Case, Kit

ENGINES = ("inline", "thread", "process", "async", "auto")


def verdict(case: Case, engine: str) -> str:
    """Check one case on one engine; say how it went."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            case.check(Kit(engine, Path(folder)))
        except Exception as error:
            return f"FAILED {type(error).__name__}: {error}"
    return "ok"


def main(engines: tuple[str, ...]) -> int:
    """Run all cases on the engines; return how many did not pass."""
    width = max(len(str(case)) for case in CASES)
    print(f"{'':{width}}  " + "  ".join(f"{engine:7}" for engine in engines))  # noqa: T201
    failures = []
    for case in CASES:
        verdicts = [verdict(case, engine) for engine in engines]
        failures += [f"{case} on {engine}: {said}" for engine, said in zip(engines, verdicts, strict=True) if said != "ok"]
        print(f"{case!s:{width}}  " + "  ".join(f"{said.split()[0]:7}" for said in verdicts).rstrip(), flush=True)  # noqa: T201
    print(f"\n{len(CASES)} cases x {len(engines)} engines, {len(failures)} failed", *failures, sep="\n")  # noqa: T201
    return len(failures)


if __name__ == "__main__":
    sys.exit(bool(main(tuple(sys.argv[1:]) or ENGINES)))
