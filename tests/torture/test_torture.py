"""Sixty rounds of torture; ``make soak`` plays as many as one likes."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.torture.program import HARMLESS, LETHAL, PLAIN, PROCESSES, Plan

ROOT = Path(__file__).parents[2]
FIRST, ROUNDS = 60, 60
SIDE_BY_SIDE = 4  # a program waits for most of its life


@pytest.mark.timeout(600)
def test_nothing_is_lost_however_often_the_program_is_killed():
    wish = ["--from", str(FIRST), "--rounds", str(ROUNDS), "--side-by-side", str(SIDE_BY_SIDE)]
    command = [sys.executable, "-m", "tests.torture.torture", *wish]
    played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stderr
    assert played.stdout.endswith("nothing was lost\n")
    kills = int(played.stdout.splitlines()[-2].split(", ")[1].split()[0])
    assert kills >= ROUNDS // 4, "too few programs were killed for this to say anything"


def test_each_engine_and_each_fault_has_its_turn():
    plans = [Plan(number) for number in range(FIRST, FIRST + ROUNDS)]
    assert {plan.engine for plan in plans} == {*PLAIN, *PROCESSES}
    assert {plan.faults[item] for plan in plans for item in plan.items} == {*HARMLESS, *LETHAL, "hangs"}
