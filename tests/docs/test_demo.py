"""The README's first command does what it says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from atonce._machine.cpus import usable_cpus

CENSUS = Path(__file__).parents[2] / "examples" / "census.py"


@pytest.mark.timeout(300)
def test_the_census_is_taken_with_all_cpus(tmp_path):
    records = tmp_path / "census.jsonl"
    done = subprocess.run(
        [sys.executable, str(CENSUS), "-o", str(records)], capture_output=True, text=True, timeout=280, check=True
    )
    files = int(done.stdout.split(" files,")[0].replace(",", ""))
    lines = records.read_text().splitlines()
    assert files == len(lines) > 500
    assert all("path" in json.loads(line) for line in lines)
    assert "the same records" in done.stdout
    assert "examine: " in done.stdout
    if usable_cpus() > 1:
        assert re.search(r"-> \d+ processes", done.stdout), done.stdout
    table = done.stdout.split("the biggest files")[1].splitlines()[1:11]
    sizes = [int(line.split()[1].replace(",", "")) for line in table]
    assert len(sizes) == 10
    assert sizes == sorted(sizes, reverse=True)
    assert "Traceback" not in done.stderr  # progress may be there: a plain line every few seconds, on a slow machine
