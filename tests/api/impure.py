"""Forty functions with which it matters where and in which order the items run, and what can be seen of it afterwards.

``begin`` makes the state anew, ``state`` says what has become of it. An item computes or waits long enough for the manager to want
to hire somebody.
"""

import bisect
import contextvars
import decimal
import functools
import heapq
import io
import itertools
import operator
import os
import queue
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter, OrderedDict, defaultdict, deque

ITEM_S = 0.0015


def busy(seconds=ITEM_S):
    """Hold the GIL."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def idle(seconds=ITEM_S):
    time.sleep(seconds)


TOTAL = 0
SEEN = []
TABLE = {}
ROWS = {}
COUNTS = Counter()
GROUPS = defaultdict(list)
HEAP = []
SORTED = []
LINE = deque()
MEMBERS = set()
BUFFER = bytearray(8)
NUMBERS = itertools.count()
LINES = iter(())
QUEUE = queue.SimpleQueue()
LOG = io.StringIO()
DATABASE = None
RANDOM = random.Random(0)
ORDERED = OrderedDict()
LEVEL = contextvars.ContextVar("LEVEL", default=0)


class Settings:
    calls = 0


class Account:
    def __init__(self):
        self.balance = 0
        self.history = []

    def deposit(self, value):
        busy()
        self._add(value)
        return self.balance

    def _add(self, value):
        self.balance += value


class Tally:
    def __init__(self):
        self.calls = 0

    def __call__(self, _value):
        idle()
        self.calls += 1
        return self.calls


def assigns_a_global(value):
    global TOTAL
    idle()
    TOTAL += value
    return TOTAL


def appends(value):
    busy()
    SEEN.append(value)
    return len(SEEN)


def appends_through_a_helper(value):
    idle()
    note(value)
    return len(SEEN)


def note(value):
    SEEN.append(value)


def writes_through_an_alias(value):
    idle()
    here = TABLE
    here[value] = len(here)
    return here[value]


def writes_into_an_element(value):
    busy()
    for row in ROWS.values():
        row.append(value)
    return len(ROWS["a"])


def counts(value):
    idle()
    COUNTS[value % 3] += 1
    return COUNTS[value % 3]


def updates_a_counter(value):
    busy()
    COUNTS.update([value % 3])
    return sum(COUNTS.values())


def groups(value):
    idle()
    GROUPS[value % 2].append(value)
    return len(GROUPS[value % 2])


def pushes_on_a_heap(value):
    busy()
    heapq.heappush(HEAP, -value)
    return HEAP[0]


def keeps_sorted(value):
    idle()
    bisect.insort(SORTED, -value)
    return SORTED.index(-value)


def rotates(value):
    busy()
    LINE.rotate(1)
    return LINE[0]


def unites(value):
    global MEMBERS
    idle()
    MEMBERS |= {value}
    return len(MEMBERS)


def extends_in_place(value):
    busy()
    seen = SEEN
    seen += [value]
    return len(seen)


def writes_bytes(value):
    idle()
    BUFFER[value % 8] = (BUFFER[value % 8] + 1) % 256
    return bytes(BUFFER)


def draws_the_next(value):
    busy()
    return next(NUMBERS)


def reads_the_next_line(value):
    idle()
    for line in LINES:
        return line
    return None


def puts(value):
    idle()
    QUEUE.put(value)
    return QUEUE.qsize()


def logs(value):
    busy()
    LOG.write(f"{value}\n")
    return LOG.tell()


def inserts(value):
    busy()
    DATABASE.execute("insert into t values (?)", (value,))
    return DATABASE.execute("select count(*) from t").fetchone()[0]


def draws_random_numbers(value):
    busy()
    return random.random()


def draws_from_a_generator(value):
    idle()
    return RANDOM.randint(0, 1000)


def shuffles_its_argument(value):
    busy()
    random.shuffle(value)
    return value


def sorts_its_argument(value):
    busy()
    value.sort()
    return value


def marks_its_argument(value):
    idle()
    value["seen"] = True
    return len(value)


def extends_its_argument(value):
    busy()
    value += [1]
    return len(value)


def collects_in_a_default(value, collected=[]):  # noqa: B006 (that is what is meant)
    idle()
    collected.append(value)
    return len(collected)


def counts_in_an_attribute_of_itself(value):
    busy()
    counts_in_an_attribute_of_itself.calls += 1
    return counts_in_an_attribute_of_itself.calls


def counts_in_a_class(value):
    idle()
    Settings.calls += 1
    return Settings.calls


def sets_by_name(value):
    busy()
    setattr(Settings, "calls", Settings.calls + 1)  # noqa: B010 (that is what is meant)
    return Settings.calls


def reads_what_was_put_there(value):
    busy()
    return len(READ_ONLY), value


READ_ONLY = {}


def goes_elsewhere(value):
    idle()
    os.chdir(os.path.join(HERE, str(value % 2)))
    return os.path.basename(os.getcwd())


def changes_the_environment(value):
    busy()
    before = os.environ.get("ATONCE_TEST", "")
    os.environ["ATONCE_TEST"] = before + "x"
    return len(before)


def changes_the_path(value):
    idle()
    sys.path.append(str(value))
    return len(sys.path)


def appends_to_a_file(value):
    idle()
    with open(LOGFILE, "a") as file:
        file.write(f"{value}\n")
        return file.tell()


def keeps_a_memo(value):
    busy()
    if value % 50 not in TABLE:
        TABLE[value % 50] = value
    return TABLE[value % 50]


@functools.lru_cache(maxsize=None)  # noqa: UP033 (the older way)
def remembered(value):
    return value * len(SEEN)


def uses_a_cache(value):
    busy()
    return remembered(value)


def sets_a_context_variable(value):
    idle()
    LEVEL.set(LEVEL.get() + 1)
    return LEVEL.get()


def sets_the_precision(value):
    busy()
    decimal.setcontext(decimal.Context(prec=decimal.getcontext().prec + 1))
    return decimal.getcontext().prec


def moves_to_the_end(value):
    busy()
    operator.setitem(ORDERED, value % 5, value)
    return len(ORDERED)


def adds_to(collected, value):
    idle()
    collected.append(value)
    return len(collected)


def counted(fn):
    @functools.wraps(fn)
    def counting(value):
        counting.calls += 1
        return fn(value), counting.calls

    counting.calls = 0
    return counting


@counted
def decorated(value):
    busy()
    return value


def nonlocal_counter():
    count = 0

    def work(value):
        nonlocal count
        idle()
        count += value
        return count

    return work


def closure_over_a_list():
    kept = []
    keep = kept.append

    def work(value):
        busy()
        keep(value)
        return len(kept)

    return work


def running_generator():
    def average():
        total, mean = 0, None
        for number in itertools.count(1):
            total += yield mean
            mean = total / number

    averages = average()
    next(averages)

    def work(value):
        busy()
        return averages.send(value)

    return work


HERE = LOGFILE = ""


def begin():
    """Make all state anew."""
    global TOTAL, NUMBERS, LINES, QUEUE, LOG, DATABASE, MEMBERS, HERE, LOGFILE
    TOTAL, MEMBERS = 0, set()
    for container in (SEEN, TABLE, COUNTS, GROUPS, HEAP, SORTED, LINE, ORDERED, collects_in_a_default.__defaults__[0]):
        container.clear()
    ROWS.update(a=[], b=[])
    LINE.extend(range(7))
    BUFFER[:] = bytes(8)
    NUMBERS, LINES, QUEUE, LOG = itertools.count(), iter([f"line {n}" for n in range(1000)]), queue.SimpleQueue(), io.StringIO()
    DATABASE = sqlite3.connect(":memory:")
    DATABASE.execute("create table t (x)")
    random.seed(1)
    RANDOM.seed(2)
    Settings.calls = counts_in_an_attribute_of_itself.calls = decorated.calls = 0
    remembered.cache_clear()
    LEVEL.set(0)
    decimal.setcontext(decimal.Context(prec=28))
    os.environ.pop("ATONCE_TEST", None)
    HERE = tempfile.mkdtemp()
    for name in ("0", "1"):
        os.mkdir(os.path.join(HERE, name))
    LOGFILE = os.path.join(HERE, "log")
    os.chdir(HERE)


def state():
    """Return what can be seen afterwards."""
    queued = [QUEUE.get() for _ in range(QUEUE.qsize())]
    rows = DATABASE.execute("select x from t").fetchall()
    DATABASE.close()
    logged = ""
    if os.path.exists(LOGFILE):
        with open(LOGFILE) as file:
            logged = file.read()
    return [
        TOTAL, list(SEEN), dict(TABLE), {k: list(v) for k, v in ROWS.items()}, dict(COUNTS), dict(GROUPS), list(HEAP), list(SORTED),
        list(LINE), sorted(MEMBERS), bytes(BUFFER), next(NUMBERS), next(LINES), queued, LOG.getvalue(), rows, random.random(),
        RANDOM.random(), Settings.calls, counts_in_an_attribute_of_itself.calls, decorated.calls, remembered.cache_info(),
        LEVEL.get(), decimal.getcontext().prec, os.environ.get("ATONCE_TEST"), os.path.relpath(os.getcwd(), HERE), len(sys.path),
        dict(ORDERED), logged, list(collects_in_a_default.__defaults__[0]),
    ]  # fmt: skip


def plain():
    return list(range(150))


def lists():
    return [[3, 1, 2, n] for n in range(150)]


def dicts():
    return [{"n": n} for n in range(150)]


def same(fn):
    return lambda: fn


CASES = {
    **{
        fn.__name__: (same(fn), plain)
        for fn in (
            assigns_a_global, appends, appends_through_a_helper, writes_through_an_alias, writes_into_an_element, counts,
            updates_a_counter, groups, pushes_on_a_heap, keeps_sorted, rotates, unites, extends_in_place, writes_bytes,
            draws_the_next, reads_the_next_line, puts, logs, inserts, draws_random_numbers, draws_from_a_generator,
            collects_in_a_default, counts_in_an_attribute_of_itself, counts_in_a_class, sets_by_name, goes_elsewhere,
            changes_the_environment, changes_the_path, appends_to_a_file, keeps_a_memo, uses_a_cache,
            sets_a_context_variable, sets_the_precision, moves_to_the_end, decorated,
        )
    },
    **{fn.__name__: (same(fn), lists) for fn in (shuffles_its_argument, sorts_its_argument, extends_its_argument)},
    "marks_its_argument": (same(marks_its_argument), dicts),
    "a method": (lambda: Account().deposit, plain),
    "a callable object": (Tally, plain),
    "a nonlocal": (nonlocal_counter, plain),
    "a closure over a list": (closure_over_a_list, plain),
    "a generator": (running_generator, plain),
    "a partial": (lambda: functools.partial(adds_to, []), plain),
}  # fmt: skip
