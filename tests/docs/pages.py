"""Pages whose examples are run: a Python block that begins with a file's name is that file, a console block is what a shell shows.

In a console block, ``$`` stands before a command, and what follows is what it prints. Times are masked, and so is how many orders
were run in them; a line ``...`` stands for any lines. Each block is run by itself, in a folder with the files as the page has given
them until there.
"""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from tests.environment import without_pytest_settings

import atonce

ROOT = Path(__file__).parents[2]

_BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# (\w+\.py)\n")
_TIME = re.compile(r"\b[\d,]+(\.\d+)? ?m?s\b")
_COUNT = re.compile(r"(?<=no failure in )[\d,]+(?= orders)|(?<=of up to )[\d,]+(?= steps)")  # time and opcodes have a say in them
_PLUGIN = "" if entry_points(group="pytest11", name="atonce_race") else "-p atonce.race.pytest_plugin"
_COMMANDS = {"python": "", "atonce": "-m atonce", "pytest": f"-m pytest -p no:cacheprovider {_PLUGIN}"}


class Command(NamedTuple):
    """A command of a console block, and what it prints."""

    words: str
    printed: str


class Example(NamedTuple):
    """A console block."""

    line: int
    files: dict[str, str]
    commands: list[Command]

    def __str__(self):
        return f"line {self.line}: {self.commands[0].words}"


def examples_of(page):
    """Return the console blocks of a page, each with the files that it finds."""
    text = (ROOT / page).read_text(encoding="utf-8")
    files, found = {}, []
    for block in _BLOCK.finditer(text):
        language, body = block.groups()
        if language == "console":
            found.append(Example(text.count("\n", 0, block.start()) + 1, dict(files), commands_of(body)))
        elif name := _FILE.match(body):
            files[name[1]] = body
    return found


def unnamed_blocks(page):
    """Return the Python blocks that are no file: nobody runs them."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [body for language, body in _BLOCK.findall(text) if language == "python" and not _FILE.match(body)]


def run(command, folder):
    """Return what a command prints, in a folder, with the commands of this Python before all others."""
    where = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    source = os.pathsep.join(filter(None, [str(Path(atonce.__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    settings = {"PATH": where, "PYTHONPATH": source, "COLUMNS": "120", "PYTHONDONTWRITEBYTECODE": "1", "PY_COLORS": "0"}
    ended = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**without_pytest_settings(), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    return ended.stdout


def lay_out(example, folder):
    """Write the files that an example finds, and the commands."""
    (folder / "bin").mkdir()
    for name, words in _COMMANDS.items():
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        script.chmod(0o755)
    for name, body in example.files.items():
        (folder / name).write_text(body, encoding="utf-8")


def is_as_shown(printed, shown):
    """Tell whether a command printed what the page shows."""
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line) + r"\n" for line in masked(shown).splitlines())
    return re.fullmatch(pattern, masked(printed)) is not None


def masked(text):
    """Take the times out, and what stands at the ends of lines unseen."""
    lines = [_COUNT.sub("0", _TIME.sub("0 ms", line)).rstrip() for line in text.splitlines()]
    return "".join(f"{line}\n" for line in lines)


def commands_of(body):
    """Return the commands of a console block."""
    parts = re.split(r"^\$ (.*)\n", body, flags=re.MULTILINE)[1:]
    return [Command(words, printed) for words, printed in zip(parts[::2], parts[1::2], strict=True)]
