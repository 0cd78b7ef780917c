"""Reading lines, and remembering inputs."""

import io
from operator import length_hint

import pytest

from atonce.cli.inputs import open_inputs
from atonce.cli.lines import json_lines, text_lines
from atonce.cli.wrapped import UnreadableLine


def text(raw):
    return list(text_lines(io.BytesIO(raw), "in"))


def parsed(raw):
    return list(json_lines(io.BytesIO(raw), "in"))


@pytest.mark.parametrize("raw", [b"a\nb\n", b"a\nb", b"a\r\nb\r\n", b"\xef\xbb\xbfa\nb\n"])
def test_line_ends_and_marks_are_not_part_of_a_line(raw):
    assert [entry.item for entry in text(raw)] == ["a", "b"]


def test_only_one_line_end_is_taken_off():
    assert [entry.item for entry in text(b"a \r\r\n\n\x0cb\xc2\x85c\n")] == ["a \r", "", "\x0cb\x85c"]


def test_a_line_that_is_not_utf8_stands_in_its_place():
    good, bad, last = text("ä\n".encode() + b"ok \xff\xfe\nlast")
    assert (good.item, last.item) == ("ä", "last")
    assert isinstance(bad.item, UnreadableLine)
    assert str(bad.item) == "in, line 2 is not UTF-8: byte 4 of the line is 0xff"
    assert bad.shown == '"ok \\\\xff\\\\xfe"'


def test_blank_lines_are_skipped_and_counted():
    first, bad = parsed(b"\n1\n \t\n}\n")
    assert first.item == 1
    assert str(bad.item).startswith("in, line 4 is not JSON: ")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"a": NaN}', "in, line 1 is not JSON: NaN is no JSON value; null may be what was meant"),
        (b"[-Infinity]", "in, line 1 is not JSON: -Infinity is no JSON value; null may be what was meant"),
        (b"1 2", "in, line 1 is not JSON: Extra data at column 3"),
        (b"[" * 100_000, "in, line 1 is nested too deep to be read"),
    ],
)
def test_a_line_that_is_not_json(raw, why):
    (entry,) = parsed(raw)
    assert isinstance(entry.item, UnreadableLine)
    assert str(entry.item) == why


def test_json_is_shown_on_one_line_as_it_was_written():
    (entry,) = parsed(b' {"a":\r1.50, "b": "\xc3\xa4"}\r\n')
    assert entry.item == {"a": 1.5, "b": "ä"}
    assert entry.shown == '{"a": 1.50, "b": "ä"}'


def test_the_file_is_closed_at_its_end():
    file = io.BytesIO(b"a\n")
    assert len(list(text_lines(file, "in"))) == 1
    assert file.closed


def test_inputs_are_remembered_until_they_are_asked_for():
    inputs = open_inputs(["a", "b"], lines=None, jsonl=None, pattern=None)
    assert length_hint(inputs, -1) == 2
    assert list(inputs) == ["a", "b"]
    assert length_hint(inputs, -1) == 0
    assert (inputs.forget(1), inputs.forget(0)) == ('"b"', '"a"')
    with pytest.raises(KeyError):
        inputs.forget(1)


def test_a_file_has_no_length_and_is_read_when_it_is_needed(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("first\n")
    inputs = open_inputs([], lines=str(path), jsonl=None, pattern=None)
    assert (length_hint(inputs, -1), inputs.checked) == (-1, True)
    assert next(inputs) == "first"
    with path.open("a") as file:
        file.write("added\n")
    assert list(inputs) == ["added"]


def test_a_file_that_nobody_reads_is_closed(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("first\n")
    open_inputs([], lines=str(path), jsonl=None, pattern=None).close()  # else a ResourceWarning fails the test
