"""Count what the Python standard library is made of: a census of its own source files, on all CPUs.

Run it with ``make demo``, or with ``python examples/census.py``: it needs nothing but atonce. It parses each file with
the workers that atonce chooses, and once more with one worker. It says how long both took, and leaves a record of each
file in ``census.jsonl``.

Results go to stdout and progress goes to stderr, so the output can be piped.
"""

import argparse
import ast
import json
import sysconfig
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import atonce

STDLIB = Path(sysconfig.get_path("stdlib"))
NAME_WIDTH = 44  # of the table's first column; the others need 36
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = (
    *FUNCTIONS,
    ast.ClassDef,
    *(ast.If, ast.For, ast.AsyncFor, ast.While),
    *(ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match),
)
SUITES = ("body", "orelse", "finalbody", "handlers", "cases")  # where a node of the tree keeps the statements inside it


class Census(NamedTuple):
    """What one file is made of.

    Attributes:
        path: relative to the standard library.
        lines: of any kind, blank ones and comments included.
        functions: ``def`` and ``async def``, methods included.
        classes: nested ones included.
        depth: the most blocks that stand one inside the other; an ``elif`` counts as its ``if``.
    """

    path: str
    lines: int
    functions: int
    classes: int
    depth: int


def examine(path: str) -> Census:
    """Parse one file of the standard library and count what is in it.

    Args:
        path: relative to the standard library.

    Returns:
        The counts.

    Raises:
        SyntaxError: the file is not in the language of this Python, or not in the encoding that it claims. Some test
            files are neither, on purpose.
    """
    text = (STDLIB / path).read_bytes()  # bytes: the parser knows how to find a file's encoding
    functions = classes = deepest = 0
    # A list is the stack: Python's own ends at 1,000 calls. Expressions hold no statements, so they are left out.
    stack: list[tuple[ast.AST, int]] = [(ast.parse(text, path), 0)]
    while stack:
        node, depth = stack.pop()
        functions += isinstance(node, FUNCTIONS)
        classes += isinstance(node, ast.ClassDef)
        deepest = max(deepest, depth)
        for suite in SUITES:
            for child in getattr(node, suite, ()):
                opens = isinstance(child, BLOCKS) and not _is_elif(node, child)
                stack.append((child, depth + opens))
    return Census(path, len(text.splitlines()), functions, classes, deepest)


def _is_elif(node: ast.AST, child: ast.stmt) -> bool:
    """Tell ``elif`` from an ``if`` inside an ``else``: the tree holds both alike, but an ``elif`` is not indented."""
    return isinstance(node, ast.If) and isinstance(child, ast.If) and child.col_offset == node.col_offset


def quiet() -> None:
    r"""Keep the parser from warning about the library's tests, which are full of ``"\d"`` and ``x is 1``.

    This is the ``initializer``: it runs once in each worker. ``warnings.catch_warnings`` inside ``examine`` would do in
    processes, but before Python 3.14 its filters belong to the whole process: among threads, one would undo another's.
    """
    warnings.simplefilter("ignore")


def source_files() -> list[str]:
    """List the standard library's own source files, without what was installed into it."""
    files = (file.relative_to(STDLIB) for file in STDLIB.rglob("*.py"))
    return sorted(str(file) for file in files if "site-packages" not in file.parts)


def records_of(paths: Sequence[str], results: Sequence[Census | atonce.Failure]) -> list[dict[str, Any]]:
    """Make one record a file, also of those that have no census."""
    return [
        {"path": path, "error": f"{type(result.error).__name__}: {result.error}"}
        if isinstance(result, atonce.Failure)
        else result._asdict()
        for path, result in zip(paths, results, strict=True)
    ]


def print_totals(censuses: Sequence[Census]) -> None:
    """Print what all the files together are made of."""
    totals = {
        "files": len(censuses),
        "functions": sum(census.functions for census in censuses),
        "classes": sum(census.classes for census in censuses),
        "lines": sum(census.lines for census in censuses),
    }
    for what, number in totals.items():
        print(f"{number:>12,} {what}")


def print_failures(records: Sequence[dict[str, Any]], shown: int = 6) -> None:
    """Print how many files have no census, and the names of the first of them."""
    failed = [record["path"] for record in records if "error" in record]
    if failed:
        print(f"{len(failed):>12,} more could not be parsed (the reasons are in the records):")
        print("".join(f"{'':13}{path}\n" for path in failed[:shown]), end="")
        if len(failed) > shown:
            print(f"{'':13}and {len(failed) - shown:,} more")


def print_biggest(censuses: Sequence[Census], shown: int = 10) -> None:
    """Print a table of the files with the most lines, not wider than a terminal."""
    print(f"{'the biggest files':<{NAME_WIDTH}}{'lines':>9}{'functions':>11}{'classes':>9}{'depth':>7}")
    for census in sorted(censuses, key=lambda census: census.lines, reverse=True)[:shown]:
        name = census.path if len(census.path) <= NAME_WIDTH else f"...{census.path[3 - NAME_WIDTH :]}"
        print(f"{name:<{NAME_WIDTH}}{census.lines:>9,}{census.functions:>11,}{census.classes:>9,}{census.depth:>7}")


def main() -> None:
    """Take the census, twice."""
    parser = argparse.ArgumentParser(description="Take a census of the Python standard library's source files.")
    parser.add_argument("-o", "--output", default="census.jsonl", help="for one JSON record a file (%(default)s)")
    output = Path(parser.parse_args().output)

    paths = source_files()
    size = sum(len((STDLIB / path).read_bytes()) for path in paths)  # read once, so that both runs find them in memory
    print(f"{len(paths):,} files, {size / 1e6:.1f} MB, in {STDLIB}\n")

    begun = time.perf_counter()
    results = atonce.map(examine, paths, engine="auto", errors="return", initializer=quiet, progress="census")
    chosen_s = time.perf_counter() - begun

    begun = time.perf_counter()
    again = atonce.map(examine, paths, engine="inline", errors="return", initializer=quiet, progress="one worker")
    one_worker_s = time.perf_counter() - begun

    records = records_of(paths, results)
    with output.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    censuses = [result for result in results if isinstance(result, Census)]

    print_totals(censuses)
    print_failures(records)
    print(f"\n{results.report}\n")
    same = "the same" if records == records_of(paths, again) else "DIFFERENT"
    print(f"{chosen_s:.2f} s with the chosen workers, {one_worker_s:.2f} s with one worker, {same} records:")
    print(f"{one_worker_s / chosen_s:.2f} times as fast\n")
    print_biggest(censuses)
    print(f"\n{len(records):,} records are in {output}")


if __name__ == "__main__":
    main()
