"""Two hundred rounds of torture; ``make soak`` plays as many as one likes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROUNDS, TOGETHER = 200, 20


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(0, ROUNDS, TOGETHER))
def test_nothing_is_lost_however_often_the_program_is_killed(first):
    command = [
        sys.executable,
        "-m",
        "tests.torture.torture",
        "--from",
        str(first),
        "--rounds",
        str(TOGETHER),
        "--side-by-side",
        "2",
    ]
    played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stderr
    assert played.stdout.endswith("nothing was lost\n")
    kills = int(played.stdout.splitlines()[-2].split(", ")[1].split()[0])
    assert kills >= TOGETHER // 4, "too few programs were killed for this to say anything"
