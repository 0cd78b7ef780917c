"""Does a function write to state that others see?"""

import functools
import json
import math
import os
import threading
import urllib.parse
from collections import Counter, defaultdict, deque
from functools import partial

import pytest

from atonce._probe.scan import scan


def shared_writes(fn):
    return scan(fn).write


total = 0
seen = []
table = {"a": 1}
members = set()
counts = Counter()
line = deque()
grouped = defaultdict(list)
limit = 3


class Account:
    def __init__(self):
        self.balance = 0
        self.history = []

    def deposit(self, amount):
        self.balance += amount

    def note(self, amount):
        self.history.append(amount)

    def forget(self):
        del self.balance

    def peek(self, amount):
        return self.balance + amount

    def copied(self, amount):
        history = [*self.history, amount]
        return len(history)

    @classmethod
    def build(cls, amount):
        made = cls()
        return made, amount

    @staticmethod
    def twice(amount):
        return 2 * amount


class Tally:
    def __init__(self):
        self.calls = 0

    def __call__(self, value):
        self.calls += 1
        return value


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, value):
        return self.factor * value


account = Account()


# ---- functions that write -------------------------------------------------------------------------------------------------------


def assigns_a_global(value):
    global total
    total += value


def deletes_a_global():
    global total
    del total


def appends_to_a_global(value):
    seen.append(value)


def extends_a_global_and_returns(value):
    seen.extend([value])
    return value


def writes_into_a_global(value):
    table[value] = 1


def counts_in_a_global(value):
    counts[value] += 1


def updates_a_global(value):
    counts.update([value])


def deletes_from_a_global(value):
    del table[value]


def adds_to_a_global(value):
    members.add(value)


def pops_from_a_global(value):
    return line.popleft() + value


def appends_to_an_item_of_a_global(value):
    grouped[value].append(value)


def writes_a_slice_of_a_global(value):
    seen[0:1] = [value]


def sets_a_default_in_a_global(value):
    return table.setdefault(value, 3)


def sets_an_attribute_of_a_global(value):
    account.balance = value


def writes_in_a_branch(value):
    if value > limit:
        seen.append(value)
    return value


def assigns_a_nonlocal():
    count = 0

    def work(value):
        nonlocal count
        count += value
        return count

    return work


def appends_to_a_nonlocal():
    results = []

    def work(value):
        results.append(value)

    return work


def writes_into_a_nonlocal():
    results = {}

    def work(value):
        results[value] = value

    return work


IMPURE = {
    "assigns_a_global": (assigns_a_global, "it assigns the global 'total'"),
    "deletes_a_global": (deletes_a_global, "it deletes the global 'total'"),
    "appends_to_a_global": (appends_to_a_global, "it calls seen.append"),
    "extends_a_global_and_returns": (extends_a_global_and_returns, "it calls seen.extend"),
    "writes_into_a_global": (writes_into_a_global, "it writes into 'table'"),
    "counts_in_a_global": (counts_in_a_global, "it writes into 'counts'"),
    "updates_a_global": (updates_a_global, "it calls counts.update"),
    "deletes_from_a_global": (deletes_from_a_global, "it writes into 'table'"),
    "adds_to_a_global": (adds_to_a_global, "it calls members.add"),
    "pops_from_a_global": (pops_from_a_global, "it calls line.popleft"),
    "appends_to_an_item_of_a_global": (appends_to_an_item_of_a_global, "it calls grouped.append"),
    "writes_a_slice_of_a_global": (writes_a_slice_of_a_global, "it writes into 'seen'"),
    "sets_a_default_in_a_global": (sets_a_default_in_a_global, "it calls table.setdefault"),
    "sets_an_attribute_of_a_global": (sets_an_attribute_of_a_global, "it sets the attribute 'account.balance'"),
    "writes_in_a_branch": (writes_in_a_branch, "it calls seen.append"),
    "assigns_a_nonlocal": (assigns_a_nonlocal(), "it assigns 'count' of the enclosing function"),
    "appends_to_a_nonlocal": (appends_to_a_nonlocal(), "it calls results.append"),
    "writes_into_a_nonlocal": (writes_into_a_nonlocal(), "it writes into 'results'"),
    "method_that_sets": (account.deposit, "it sets the attribute 'self.balance'"),
    "method_that_appends": (account.note, "it calls self.append"),
    "method_that_deletes": (account.forget, "it deletes the attribute 'self.balance'"),
    "callable_that_sets": (Tally(), "it sets the attribute 'self.calls'"),
    "lambda_that_appends": (lambda value: seen.append(value), "it calls seen.append"),  # noqa: PLW0108 (the lambda is what is meant)
    "partial_that_appends": (partial(partial(appends_to_a_global), 1), "it calls seen.append"),
    "partial_of_a_method": (partial(account.deposit), "it sets the attribute 'self.balance'"),
}


@pytest.mark.parametrize("name", IMPURE)
def test_a_write_to_shared_state_is_seen_and_named(name):
    fn, words = IMPURE[name]
    assert shared_writes(fn) == words


# ---- functions that do not ------------------------------------------------------------------------------------------------------


def appends_to_a_list_of_its_own(value):
    mine = []
    mine.append(value)
    return mine


def fills_a_dict_of_its_own(value):
    mine = {}
    mine[value] = 1
    mine.update(a=2)
    return mine


def assigns_locals(value):
    doubled = 2 * value
    doubled += 1
    return doubled


def reads_a_global_dict(value):
    return table[value], table.get(value), len(seen), limit


def iterates_over_a_global(value):
    return [value + each for each in seen]


def reads_an_attribute_of_a_global(value):
    return account.balance + value


def does_mathematics(value):
    return math.sqrt(value) + math.pi


def makes_an_object(value):
    made = Account()
    made.balance = value
    return made


def parses(value):
    return json.loads(value)


def counts_words(value):
    mine = Counter()
    mine.update(value.split())
    return mine


def cleans_its_own_set(value):
    mine = set(value)
    mine.discard(" ")
    return mine


def reads_a_nonlocal():
    factors = {"a": 2}

    def work(value):
        return factors["a"] * value

    return work


def has_a_function_inside(value):
    def inner(number):
        return number + 1

    return inner(value)


def has_a_variable_that_an_inner_function_assigns(value):
    count = 0

    def inner():
        nonlocal count
        count += value

    inner()
    return count


async def waits(value):
    return value


def generates(value):
    yield value


PURE = {
    **{
        fn.__name__: fn
        for fn in (
            appends_to_a_list_of_its_own,
            fills_a_dict_of_its_own,
            assigns_locals,
            reads_a_global_dict,
            iterates_over_a_global,
            reads_an_attribute_of_a_global,
            does_mathematics,
            makes_an_object,
            parses,
            counts_words,
            cleans_its_own_set,
            has_a_function_inside,
            has_a_variable_that_an_inner_function_assigns,
            waits,
            generates,
        )
    },
    "reads_a_nonlocal": reads_a_nonlocal(),
    "method_that_reads": account.peek,
    "method_that_copies": account.copied,
    "class_method": Account.build,
    "static_method": account.twice,
    "callable_that_reads": Scale(2),
    "lambda": lambda value: value + 1,
    "partial": partial(does_mathematics, 4),
    "len": len,
    "str": str,
    "math.sqrt": math.sqrt,
    "str.upper": str.upper,
    "a class": Account,
    "a method of a builtin": "abc".upper,
}


@pytest.mark.parametrize("name", PURE)
def test_a_function_that_keeps_to_itself_is_left_alone(name):
    assert shared_writes(PURE[name]) == ""
    assert scan(PURE[name]).doubt == ""


def makes_once(value):
    global total
    if total is None:
        total = value
    return total


def changes_a_part_of_a_result(value):
    table.get(value).append(1)


@functools.lru_cache
def remembers(value):
    return value


def asks_what_remembers(value):
    return remembers(value)


def grows_in_place(rows):
    rows += rows


@pytest.mark.parametrize("fn", [remembers, asks_what_remembers])
def test_a_cache_that_is_filled_is_none(fn):
    found = scan(fn)
    assert found.write == found.doubt == found.here == ""
    assert [*found.caches] == ["the cache of remembers"]
    assert not found.reached


def host_of(address):
    return urllib.parse.urlsplit(address).hostname


squared = functools.lru_cache(math.sqrt)


def asks_its_own_cache(value):
    return squared(value)


def test_a_cache_of_the_standard_library_is_nobodys_business():
    assert not scan(host_of, ["http://here/there"]).caches


def test_a_cache_of_ones_own_around_a_function_of_the_standard_library_is_ones_own():
    assert [*scan(asks_its_own_cache, [4.0]).caches] == ["the cache of sqrt"]


@functools.lru_cache
def pretends(value):
    return value


@pytest.mark.parametrize("module", ["queue", "nowhere", "urllib.parse", 7, None])
def test_a_cache_is_not_the_librarys_because_it_says_so(monkeypatch, module):
    monkeypatch.setattr(pretends, "__module__", module)
    assert [*scan(pretends).caches] == ["the cache of pretends"]


@functools.cache
def in_a_folder():
    os.chdir(".")
    return {"a": 1}


def asks_what_is_kept(value):
    return in_a_folder()["a"], value


def changes_what_is_kept(value):
    in_a_folder()["a"] = value


def test_what_is_called_once_and_kept_did_once_what_it_did(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    in_a_folder.cache_clear()
    assert "chdir" in scan(asks_what_is_kept).write
    in_a_folder()
    found = scan(asks_what_is_kept)
    assert found.write == found.doubt == ""
    assert "it uses what in_a_folder keeps, and for that it calls os.chdir" in found.here
    assert "what in_a_folder keeps" in scan(changes_what_is_kept).write


def asks_and_does_it_itself(value):
    in_a_folder()
    in_a_folder.__wrapped__()


def test_what_is_done_again_beside_it_is_seen(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    in_a_folder()
    assert "chdir" in scan(asks_and_does_it_itself).write


@pytest.mark.parametrize("fn", [makes_once, changes_a_part_of_a_result, grows_in_place])
def test_what_may_be_or_not_is_a_doubt(fn):
    found = scan(fn)
    assert found.write == ""
    assert found.doubt


gate = threading.Lock()


def passes_a_gate(value):
    with gate:
        return value


def test_what_other_processes_would_not_see_is_named():
    assert scan(passes_a_gate).here == "it uses 'gate', a lock that other processes do not see"
    assert scan(passes_a_gate).write == ""


def uses_a_list_of_its_own_after_reading_a_global(value):
    known = table.get(value)
    mine = []
    mine.append(known)
    return mine


def test_a_list_of_its_own_is_not_taken_for_the_global_that_was_read_before():
    assert shared_writes(uses_a_list_of_its_own_after_reading_a_global) == ""


def test_a_variable_that_has_no_value_yet_is_no_problem():
    def work(value):
        return late + value

    assert shared_writes(work) == ""
    late = 1


def test_the_function_itself_is_not_called():
    called = threading.Event()

    def work(value):
        called.set()
        return value

    shared_writes(work)
    assert not called.is_set()


class Connections(threading.local):
    opened = 0


mine = threading.local()
connections = Connections()


def keeps_one_for_each_thread(value):
    if not hasattr(mine, "connection"):
        mine.connection = object()
        connections.opened += 1
    return value


def test_what_is_kept_for_each_thread_is_nobody_elses():
    found = scan(keeps_one_for_each_thread)
    assert (found.write, found.doubt) == ("", "")
