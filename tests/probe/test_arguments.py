"""Writes into arguments count; writes into what the function made itself do not."""

import _pydecimal
import argparse
import ast
import asyncio
import inspect
import json.decoder
import typing

import pytest

from atonce._probe.scan import scan


def shared_writes(fn):
    return scan(fn).write


def scores(record):
    record.score = 1


def tags(row):
    row["n"] = 1


def grows(rows):
    rows.append(1)


def grouped(table, key):
    table[key].append(1)


def local_by_key(key, value):
    own = {}
    own[key] = value
    return own


def own_copy(items):
    items = list(items)
    items.append(1)
    return items


def only_reads(row):
    return row["n"] + len(row.keys())


def builds(rows):
    out = []
    for row in rows:
        out.append(row.strip().split(","))  # noqa: PERF401 (that is the point)
    return out


@pytest.mark.parametrize("fn", [scores, tags, grows, grouped])
def test_a_write_into_an_argument_is_seen(fn):
    assert shared_writes(fn)


@pytest.mark.parametrize("fn", [local_by_key, own_copy, only_reads, builds])
def test_what_the_function_made_itself_is_its_own(fn):
    assert shared_writes(fn) == ""


def test_an_object_that_does_not_answer_for_itself_is_no_harm():
    class Proxy:
        @property
        def __class__(self):
            raise RuntimeError("outside of a request")

        def __getattr__(self, name):
            raise RuntimeError("outside of a request")

    proxy = Proxy()
    shared_writes(lambda number: (proxy, number))


@pytest.mark.parametrize(
    "module", [_pydecimal, argparse, ast, asyncio.tasks, inspect, json.decoder, typing], ids=lambda module: module.__name__
)
def test_every_function_can_be_looked_at(module):
    owners = [module, *(thing for thing in vars(module).values() if isinstance(thing, type))]
    looked_at = [shared_writes(thing) for owner in owners for thing in vars(owner).values() if inspect.isfunction(thing)]
    assert looked_at
    assert all(isinstance(words, str) for words in looked_at)
    assert any(looked_at) or module is json.decoder
    assert not all(looked_at)
