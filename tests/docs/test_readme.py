"""The READMEs keep their word: their examples run, their commands exist, and the two languages are in step."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.docs.pages import Example, commands_of, is_as_shown, lay_out, run

import atonce

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md"))


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def without_comments(code):
    return [line.split("  #")[0].rstrip() for line in code.splitlines()]


def headings(text):
    return [line.split()[0] for line in text.splitlines() if re.match(r"#+ ", line)]


def test_the_two_languages_are_in_step():
    assert headings(ENGLISH) == headings(CHINESE)
    for language in ("python", ""):
        english, chinese = blocks(ENGLISH, language), blocks(CHINESE, language)
        assert len(english) == len(chinese)
    assert [without_comments(code) for code in blocks(ENGLISH, "python")] == [
        without_comments(code) for code in blocks(CHINESE, "python")
    ]
    table = [line.split("|")[1].replace("、", ", ").strip() for line in ENGLISH.splitlines() if line.startswith("| `")]
    assert table == [line.split("|")[1].replace("、", ", ").strip() for line in CHINESE.splitlines() if line.startswith("| `")]
    assert len(table) > 5


def test_every_option_is_in_the_table():
    from atonce._values.options import Options

    for option in Options.__dataclass_fields__:
        assert f"`{option}`" in ENGLISH, option


PRELUDE = """
import asyncio

def resize(path):
    return path.upper()

async def fetch(url):
    await asyncio.sleep(0)
    return url

paths = urls = ["a", "b"]
"""


def test_the_taste_runs():
    taste, _ = blocks(ENGLISH, "python")
    names = {"__name__": "readme"}
    exec(PRELUDE, names)
    exec("async def main():\n" + textwrap.indent(taste, "    ") + "    return future.result()", names)
    assert names["asyncio"].run(names["main"]()) == "ONE.PNG"


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_the_race_is_found_and_proved_gone(text, tmp_path):
    _, bank = blocks(text, "python")
    shell = re.search(r"^```\n(\$ atonce race .*?)^```", text, re.DOTALL | re.MULTILINE)
    example = Example(0, {"test_bank.py": bank}, commands_of(shell[1]))
    lay_out(example, tmp_path)
    assert len(example.commands) == 2
    for command in example.commands:
        printed = run(command.words, tmp_path)
        assert is_as_shown(printed, command.printed), f"$ {command.words}\n{printed}"


def test_the_shell_example_prints_what_it_says():
    done = subprocess.run(
        [sys.executable, "-m", "atonce", "map", "math:factorial", "--jsonl", "-", "--quiet"],
        input="3\n4\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    for line in done.stdout.splitlines():
        shown = re.sub(r'"seconds": [-0-9.e]+', "", line)
        assert shown in [re.sub(r'"seconds": [-0-9.e]+', "", line) for line in ENGLISH.splitlines()], line
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_the_make_targets_exist(text):
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {*re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)} <= targets
    for link in re.findall(r"\]\(([\w./-]+\.md|LICENSE)\)", text):
        assert (ROOT / link).exists(), link


def test_the_note_in_the_readme_is_the_note_that_is_made():
    def fails(name):
        if name == "b.png":
            raise ValueError("not a PNG file")

    with pytest.raises(ValueError, match="not a PNG file") as caught:
        atonce.map(fails, ["a.png"] * 37 + ["b.png"], engine="process", max_workers=1)
    assert re.fullmatch(r"item 37: 'b.png' \(attempt 1, process \d+\)", caught.value.__notes__[0])
