"""Pieces of the standard library, seen, do what they do unseen."""

import argparse
import ast
import configparser
import copy
import dataclasses
import difflib
import email
import graphlib
import heapq
import io
import json
import json.decoder
import json.encoder
import json.scanner
import pprint
import shlex
import statistics
import string
import textwrap
import tokenize

import pytest

from atonce.race.eye import Eye

from .looking import running


def _json():
    decoder = json.decoder.JSONDecoder()
    decoder.parse_object, decoder.parse_array = json.decoder.JSONObject, json.decoder.JSONArray
    decoder.parse_string = json.decoder.py_scanstring
    decoder.scan_once = json.scanner.py_make_scanner(decoder)
    text = json.encoder.JSONEncoder(indent=2, sort_keys=True).encode({"a": [1, 2.5, None, {"b": "ü\n"}], "c": {}})
    return text, decoder.decode(text)


def _broken_json():
    return json.decoder.JSONDecoder().decode('{"a": [1,}')


def _textwrap():
    text = "The quick brown fox, jumps over-the lazy dog. " * 5
    return textwrap.wrap(text, 20), textwrap.dedent("  a\n   b\n"), textwrap.shorten(text, 33), textwrap.indent("a\nb", "> ")


def _dataclasses():
    @dataclasses.dataclass(order=True)
    class Point:
        x: int
        y: list = dataclasses.field(default_factory=list)

    p = Point(1, [2])
    q = dataclasses.replace(p, x=5)
    return repr(p), p < q, dataclasses.asdict(p), dataclasses.astuple(q), [field.name for field in dataclasses.fields(p)]


def _heapq():
    return list(heapq.merge([1, 4, 7], [2, 5], [0, 9])), heapq.nlargest(3, [5, 1, 9, 2, 7], key=lambda x: -x)


def _argparse():
    parser = argparse.ArgumentParser(prog="x")
    parser.add_argument("--n", type=int, default=3)
    parser.add_argument("files", nargs="+")
    parser.add_argument("-v", action="count")
    return vars(parser.parse_args(["a", "b", "--n", "5", "-vv"])), parser.format_help()


def _difflib():
    return list(difflib.unified_diff(["abc", "def", "x"], ["abc", "deg", "y"])), difflib.get_close_matches(
        "appel", ["ape", "apple"]
    )


def _configparser():
    parser = configparser.ConfigParser()
    parser.read_string("[a]\nx=1\ny=%(x)s2\n[b]\nz: q\n w\n")
    return {section: dict(parser[section]) for section in parser.sections()}


def _tokenize():
    source = "def f(a, *b):\n    return [x for x in a if x]  # c\n"
    return [tuple(token) for token in tokenize.generate_tokens(io.StringIO(source).readline)], ast.unparse(ast.parse(source))


def _statistics():
    return statistics.mean([1, 2, 3, 4.5]), statistics.median([3, 1, 2]), statistics.quantiles([1, 2, 3, 4, 5])


def _shlex():
    return shlex.split('a \'b c\' "d\\"e" f#g'), list(shlex.shlex("x=1;y", punctuation_chars=True))


def _pprint():
    return pprint.pformat({"a": list(range(40)), "b": {"c": (1,), "d": {1, 2, 3}}}, width=30)


def _email():
    message = email.message_from_string(
        "Subject: =?utf-8?b?w7w=?=\nContent-Type: multipart/mixed; boundary=X\n\n--X\n\nhi\n--X--\n"
    )
    return message.as_string(), message["subject"]


def _graphlib():
    return list(graphlib.TopologicalSorter({1: [2], 2: [1]}).static_order())


def _string():
    return string.Template("$a ${b} $$").substitute(a=1, b=2), string.Formatter().format("{0[a]} {x!r:>5}", {"a": 1}, x="q")


def _copy():
    whole = [1, {"a": [2]}]
    whole.append(whole)
    twin = copy.deepcopy(whole)
    return twin[2] is twin, twin[:2]


PIECES = [
    _json, _broken_json, _textwrap, _dataclasses, _heapq, _argparse, _difflib, _configparser, _tokenize, _statistics, _shlex,
    _pprint,
    _email, _graphlib, _string, _copy,
]  # fmt: skip
MODULES = [
    "json", "textwrap", "dataclasses", "heapq", "argparse", "difflib", "configparser", "tokenize", "ast", "statistics", "shlex",
    "pprint", "email", "graphlib", "string", "copy",
]  # fmt: skip


def _outcome(piece):
    try:
        return repr(piece())
    except Exception as error:
        return f"{type(error)}: {error}"


@pytest.mark.timeout(300)
def test_the_library_does_the_same_seen_and_unseen():
    plain = {piece.__name__: _outcome(piece) for piece in PIECES}
    with Eye([*MODULES, __name__]) as eye:
        assert eye.unseen == {}
        assert {piece.__name__: _outcome(piece) for piece in PIECES} == plain
        for piece in PIECES:
            with running(lambda piece=piece: _outcome(piece)) as (run, results):
                assert run.failure is None
                assert results == [plain[piece.__name__]], piece.__name__
                assert len(run.trace) > 10, piece.__name__
    assert {piece.__name__: _outcome(piece) for piece in PIECES} == plain
