"""The pages about races show what really happens: their files are written down, their commands run, and the outputs compared."""

import pytest
from tests.docs.pages import examples_of, is_as_shown, lay_out, run, unnamed_blocks

PAGES = ("docs/race.md", "docs/race-search.md")


@pytest.mark.parametrize("example", [example for page in PAGES for example in examples_of(page)], ids=str)
def test_the_commands_print_what_the_page_shows(example, tmp_path):
    lay_out(example, tmp_path)
    for command in example.commands:
        printed = run(command.words, tmp_path)
        assert is_as_shown(printed, command.printed), f"$ {command.words}\n{printed}"


@pytest.mark.parametrize("page", PAGES)
def test_every_piece_of_python_is_run(page):
    assert unnamed_blocks(page) == []


def test_what_differs_is_noticed():
    assert is_as_shown("a  (5 ms)\nb\nc\nd\n", "a  (1.2 s)\n...\nd\n")
    assert not is_as_shown("a\nb\n", "a\n")
    assert not is_as_shown("a\n", "a\n...\nb\n")
