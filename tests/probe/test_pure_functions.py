"""What people write every day, and which changes nothing that others see: neither a write nor a doubt is found in it."""

# ruff: noqa: C420, ICN001, LOG015, PD011, PERF401, RUF007, RUF012, T201
# People write so.

import collections
import csv
import dataclasses
import datetime
import decimal
import enum
import functools
import hashlib
import io
import itertools
import json
import logging
import math
import operator
import os
import pathlib
import random
import re
import statistics
import string
import urllib.request
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple

import numpy as np
import pandas as pd
import pytest

from atonce._probe.scan import scan

WORD = re.compile(r"\w+")
LOG = logging.getLogger(__name__)
CONFIG = {"scale": 2, "names": ["a", "b"], "deep": {"limit": 3}}
STOPWORDS = {"the", "a"}
TEMPLATE = string.Template("$name")
OPENER = urllib.request.build_opener()
WEIGHTS = np.arange(3.0)
ENCODER = json.JSONEncoder()
FOLDER = pathlib.Path("folder")
HANDLERS = {"double": lambda value: 2 * value, "negate": operator.neg}
PAIR = namedtuple("PAIR", "left right")  # noqa: PYI024 (the older way)


@dataclasses.dataclass
class Options:
    scale: int = 2
    names: list = dataclasses.field(default_factory=list)

    @property
    def doubled(self):
        return 2 * self.scale

    def scaled(self, value):
        return self.scale * value


@dataclasses.dataclass(frozen=True)
class Point:
    x: float
    y: float

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Parser:
    def __init__(self, text):
        self.text = text
        self.tokens = []
        self.at = 0

    def advance(self):
        self.at += 1
        return self.text[self.at - 1]

    def parse(self):
        while self.at < len(self.text):
            self.tokens.append(self.advance())
        return self.tokens


class SubParser(Parser):
    def __init__(self, text):
        super().__init__(text.strip())
        self.found = {}

    def parse(self):
        for token in super().parse():
            self.found.setdefault(token, []).append(self.at)
        return self.found


class Model:
    def __init__(self):
        self.weights = [1, 2, 3]
        self.names = {"a": 1}

    def predict(self, value):
        result = []
        for weight in self.weights:
            result.append(weight * value)
        return result, sorted(self.names.items())

    def __call__(self, value):
        scaled = list(self.weights)
        scaled.append(value)
        scaled.sort()
        return scaled


class Timer:
    def __enter__(self):
        self.begun = 1
        return self

    def __exit__(self, *_):
        self.ended = 2


OPTIONS = Options()
MODEL = Model()


def parses_a_line(line):
    name, _, value = line.partition("=")
    fields = [part.strip() for part in value.split(",") if part]
    fields.sort()
    return {name.strip().lower(): fields}


def works_on_strings(text):
    out = []
    for word in text.split():
        if word.lower() not in STOPWORDS:
            out.append(word.title().replace("x", "y"))
    return " ".join(reversed(out))


def builds_dicts(rows):
    table = {}
    for row in rows:
        table.setdefault(row["key"], []).append(row["value"])
        table[row["key"]].sort()
    return {key: sum(values) for key, values in table.items()}


def computes_on_arrays(array):
    centered = array - array.mean(axis=0)
    centered /= array.std()
    centered[centered < 0] = 0
    return centered @ WEIGHTS, np.linalg.norm(centered)


def copies_an_array(array):
    result = array.copy()
    result[0] = 1
    result += WEIGHTS
    result.sort()
    return result


def fills_a_new_array(number):
    out = np.zeros(number)
    for at in range(number):
        out[at] = WEIGHTS[at % 3] * at
    np.add(out, 1, out=out)
    return out


def works_on_frames(frame):
    chosen = frame[frame["x"] > 1].copy()
    chosen["y"] = chosen["x"] * CONFIG["scale"]
    chosen = chosen.assign(z=1).sort_values("x")
    return chosen.groupby("y").agg({"x": "sum"})


def makes_a_frame(number):
    frame = pd.DataFrame({"x": range(number)})
    frame["y"] = frame["x"] + 1
    frame.loc[0, "y"] = 7
    frame.drop(columns="x", inplace=True)  # noqa: PD002 (people do)
    return frame


def makes_dataclasses(number):
    point = Point(number, 2) + Point(1, 1)
    options = Options(scale=number)
    options.scale = 3
    options.names.append("a")
    return dataclasses.replace(point, x=1), dataclasses.asdict(options)


def uses_a_pattern(text):
    return [match.group().lower() for match in WORD.finditer(text)], WORD.sub("x", text), WORD.split(text)


def uses_json(text):
    data = json.loads(text)
    data["seen"] = True
    data.pop("old", None)
    return json.dumps(data), ENCODER.encode(data)


def hashes(data):
    digest = hashlib.sha256()
    digest.update(data)
    return digest.hexdigest()


def writes_a_file_an_item(name):
    path = FOLDER / f"{name}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("a")
    with open(os.path.join("folder", str(name)), "w") as file:
        file.write("b")
    with path.with_suffix(".csv").open("w") as file:
        csv.writer(file).writerow([name])
    return path.stat().st_size


def reads_a_file(path):
    with open(path) as file:
        lines = file.read().splitlines()
    with open("one.txt", encoding="utf-8") as file:
        lines += list(file)
    lines.append(pathlib.Path(path).read_text())
    return lines


def reads_a_csv(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["n"] = int(row["n"])
    return rows


def asks_a_library_object(url):
    with OPENER.open(url) as answer:
        body = answer.read()
    return TEMPLATE.substitute(name=body), ENCODER.encode(url)


def logs(value):
    LOG.debug("value %s", value)
    logging.info("value %s", value)
    print(value)
    return value


def keeps_a_local_cache(number):
    memo = {}

    def fib(n):
        if n < 2:
            return n
        if n not in memo:
            memo[n] = fib(n - 1) + fib(n - 2)
        return memo[n]

    return fib(number)


def has_helpers_inside(values):
    total = 0
    seen = []

    def add(value):
        nonlocal total
        total += value
        seen.append(value)

    for value in values:
        add(value)
    return total, seen


def generates(values):
    def pairs():
        for left, right in zip(values, values[1:], strict=False):
            both = [left]
            both.append(right)
            yield both

    return [pair for pair in pairs() if pair[0]], sum(value for value in values), {value: str(value) for value in values}


def makes_objects_with_methods(text):
    parser = Parser(text)
    parser.advance()
    tokens = parser.parse()
    tokens.append("end")
    return SubParser(text).parse()


def tries(value):
    problems = []
    try:
        result = int(value)
    except ValueError as error:
        problems.append(str(error))
        error.args = ("other",)
        result = None
    else:
        problems.append("none")
    finally:
        problems.append("done")
    return result, problems


def uses_contexts(value):
    with Timer() as timer, io.StringIO() as buffer:
        buffer.write(str(value))
        timer.note = 1
        return buffer.getvalue()


def matches(message):
    out = []
    match message:
        case {"kind": kind, **rest}:
            rest["kind"] = kind
            out.append(rest)
        case [first, *others]:
            others.append(first)
            out = others
        case Point(x=x, y=y):
            out.append(x + y)
        case Color.RED | str():
            out.append(1)
        case _:
            out.extend([1, 2])
    return out


def recurses(tree):
    if isinstance(tree, dict):
        return {key: recurses(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [recurses(value) for value in tree]
    return tree


def formats(value):
    parts = [f"{value:>{CONFIG['scale']}}", f"{value!r}"]
    parts.append(f"{OPTIONS.scale + 1}")
    text = ""
    for part in parts:
        text += part
    return text


def sorts_a_copy(values):
    ordered = sorted(values, key=lambda value: -value)
    ordered.insert(0, 1)
    mine = values[:]
    mine.sort()
    other = [*values]
    other.reverse()
    return ordered, mine, other, list(reversed(values))


def has_random_numbers_of_its_own(seed):
    rng = random.Random(seed)
    numbers = [rng.random() for _ in range(3)]
    rng.shuffle(numbers)
    return numbers


def has_a_generator_of_its_own(seed):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=3)
    rng.shuffle(numbers)
    return numbers


def reads_a_config(value):
    limit = CONFIG["deep"]["limit"]
    limit += value
    scale = OPTIONS.scale
    scale *= 2
    names = list(CONFIG["names"])
    names.append(str(value))
    merged = {**CONFIG, "scale": value}
    merged["new"] = 1
    merged |= {"other": 2}
    return limit, scale, names, merged, OPTIONS.doubled, OPTIONS.scaled(value), CONFIG.get("scale", 1) + 1


def reads_a_config_copy(value):
    mine = CONFIG.copy()
    mine["scale"] = value
    mine.update(a=1)
    other = dict(CONFIG)
    other.pop("deep")
    return mine, other


def uses_itertools(values):
    pairs = itertools.combinations(values, 2)
    first = next(pairs, None)
    chained = itertools.chain.from_iterable([values, values])
    total = functools.reduce(lambda left, right: left + right, chained, 0)
    numbers = itertools.count()
    return first, total, next(numbers), [list(group) for _, group in itertools.groupby(values, key=lambda value: value % 2)]


def maps_and_filters(values):
    doubled = list(map(lambda value: 2 * value, values))  # noqa: C417 (people do)
    doubled.append(1)
    even = list(filter(lambda value: value % 2 == 0, values))
    for at, (left, right) in enumerate(zip(doubled, even, strict=False)):
        doubled[at] = left + right
    return doubled, max(values, key=lambda value: -value), any(map(str, values))


def counts(text):
    counter = Counter(text)
    counter["x"] += 1
    counter.update(text)
    groups = defaultdict(list)
    for word in text.split():
        groups[len(word)].append(word)
    line = deque(text, maxlen=3)
    line.appendleft("a")
    ordered = OrderedDict()
    ordered["a"] = 1
    ordered.move_to_end("a")
    return counter.most_common(3), dict(groups), line.popleft(), ordered


def fills_a_bytearray(data):
    buffer = bytearray(data)
    buffer += b"x"
    buffer.extend(b"y")
    buffer[0] = 1
    memoryview(buffer)[1:2] = b"a"
    return bytes(buffer)


def calls_what_a_table_holds(value):
    return HANDLERS["double"](value) + HANDLERS["negate"](value)


def asks_a_global_object(value):
    result, pairs = MODEL.predict(value)
    result.append(1)
    pairs.append(2)
    scaled = MODEL(value)
    scaled.append(3)
    return result, pairs, scaled


def takes_any_arguments(*args, **kwargs):
    kwargs.setdefault("a", 1)
    kwargs["b"] = 2
    mine = list(args)
    mine.append(3)
    return mine, kwargs


def calls_with_any_arguments(value):
    options = {"a": value}
    options.update(CONFIG)
    return takes_any_arguments(value, *CONFIG["names"], **options)


def walrus(values):
    out = []
    if (number := len(values)) > 3:
        out.append(number)
    while chunk := values[:2]:
        out.append(chunk)
        values = values[2:]
    return out


def searches_in_a_matrix(number):
    grid = [[0] * number for _ in range(number)]
    for row in range(number):
        for column in range(number):
            grid[row][column] = row * column
    grid[0], grid[1] = grid[1], grid[0]
    visited = set()
    queue = deque([(0, 0)])
    while queue:
        at = queue.popleft()
        if at in visited:
            continue
        visited.add(at)
        queue.append((at[0] + 1, at[1]))
    return grid


def deletes_its_own(values):
    mine = {value: 1 for value in values}
    del mine[1]
    rows = list(mine)
    del rows[0:2]
    first, *rest = rows
    rest.append(first)
    return rest


def takes_apart(record):
    name, tags = record
    chosen = [tag for tag in tags if tag]
    chosen.append(name)
    return tuple(chosen)


def makes_dates(text):
    day = datetime.date.fromisoformat(text)
    with decimal.localcontext() as context:
        context.prec = 5
        number = decimal.Decimal(1) / 3
    return day.replace(year=2000), number, math.floor(number), statistics.mean([1, 2])


def chooses_by_kind(value):
    kind = Color(value) if value in (1, 2) else Color.RED
    pair = PAIR(kind, value)._replace(left=None)
    return Color["BLUE"], pair.left, operator.itemgetter(1)(pair)


def loops_until(value):
    left = [value]
    done = []
    while left:
        done.append(left.pop())
        if len(done) < 3:
            left.extend([1, 2])
    return done


def decorated_with(fn):
    @functools.wraps(fn)
    def inner(*args, **kwargs):
        result = fn(*args, **kwargs)
        result.append(1)
        return result

    return inner


@decorated_with
def is_decorated(value):
    return [value]


def chained_maker(value):
    class Local:
        kinds = []

        def __init__(self):
            self.values = [value]

        def add(self):
            self.values.append(1)
            return self

    return Local().add().add().values


def reads_global_rows(value):
    best = None
    for row in TABLE:
        if best is None or row["n"] > best["n"]:
            best = row
    return best["n"] + value


def adds_up_global_rows(value):
    total, parts = 0, []
    for row in TABLE:
        total += row["n"]
        number = row["n"]
        number += 1
        parts += [number]
        parts.append(row)
    text = TABLE[0]["name"]
    text += "x"
    return total, parts, text


def strips_a_prefix(key):
    return key.removeprefix("a").split("-").pop(), key.encode().hex(), key.split().index("a")


def puts_a_config_beside_results(values):
    result = {"config": CONFIG, "rows": TABLE, "errors": [], "by name": {}}
    for at, value in enumerate(values):
        if value is None:
            result["errors"].append(at)
        else:
            result["by name"][value] = at
    result["rows"] = []
    result["rows"].append(1)
    return result


class Job:
    def __init__(self, config, table=()):
        self.config = config
        self.table = table
        self.errors = []
        self.counts = Counter()
        self.name = None

    def run(self, value):
        for row in self.table:
            self.counts[row["name"]] += row["n"]
        self.errors.append(self.config["scale"] * value)
        self.name = self.name or str(value)
        return self

    @property
    def summary(self):
        parts = [self.name]
        parts.extend(self.errors)
        return parts

    def __enter__(self):
        self.errors.clear()
        return self

    def __exit__(self, *_):
        self.errors.append(None)


def runs_a_job(value):
    with Job(CONFIG, TABLE) as job:
        job.run(value).run(value)
        job.errors.append(1)
        job.summary.append(2)
    return job.summary


def chooses(value):
    values = list(TABLE) if value else []
    values.append(value if value > 1 else -value)
    start = (value or 1) if value else CONFIG["scale"]
    out = sorted(CONFIG["names"] if value else [], key=len, reverse=True)
    out.insert(0, str(start))
    return max(start, 1 if value else 2), out


def takes_an_option(value, out=None, *, scale=None, names=()):
    if out is None:
        out = []
    out.append(value * (scale or CONFIG["scale"]))
    names = list(names)
    names.append("a")
    return out, names


def dispatches(value):
    handle = HANDLERS.get("double" if value else "negate", str)
    return handle(value), [each(value) for each in HANDLERS.values()], {"a": len, "b": str}["b"](value)


def breaks_out(values):
    found = None
    for row in TABLE:
        for value in values:
            if value in row:
                found = row
                break
        else:
            continue
        break
    pairs = [(row["n"], value) for row in TABLE for value in values if value]
    pairs.sort()
    return found, pairs


def retries(value):
    attempts = []
    while True:
        try:
            attempts.append(value)
            with open(value) as file:
                return json.load(file), attempts
        except (OSError, ValueError) as error:
            if len(attempts) > 3:
                raise ValueError(attempts) from error
        finally:
            attempts.append(None)


TABLE = [{"n": 1, "name": "a"}, {"n": 2, "name": "b"}]
ROWS = [{"key": "a", "value": 1}]
ARRAY = np.arange(12.0).reshape(4, 3)
FRAME = pd.DataFrame({"x": [1, 2, 3]})

CASES = [
    (parses_a_line, "a=1,2"), (works_on_strings, "the xa b"), (builds_dicts, ROWS), (computes_on_arrays, ARRAY),
    (copies_an_array, np.arange(3.0)), (fills_a_new_array, 3), (works_on_frames, FRAME), (makes_a_frame, 3),
    (makes_dataclasses, 1), (uses_a_pattern, "a b"), (uses_json, "{}"), (hashes, b"a"), (writes_a_file_an_item, "a"),
    (reads_a_file, "a"), (reads_a_csv, "a"), (asks_a_library_object, "a"), (logs, 1), (keeps_a_local_cache, 9),
    (has_helpers_inside, [1, 2]), (generates, [1, 2]), (makes_objects_with_methods, "abc"), (tries, "1"), (uses_contexts, 1),
    (matches, {"kind": 1}), (matches, Point(1, 2)), (recurses, {"a": [1]}), (formats, 1), (sorts_a_copy, [2, 1]),
    (has_random_numbers_of_its_own, 1), (has_a_generator_of_its_own, 1), (reads_a_config, 1), (reads_a_config_copy, 1),
    (uses_itertools, [1, 2]), (maps_and_filters, [1, 2]), (counts, "a b"), (fills_a_bytearray, b"abc"),
    (calls_what_a_table_holds, 1), (asks_a_global_object, 1), (takes_any_arguments, 1), (calls_with_any_arguments, 1),
    (walrus, [1, 2]), (searches_in_a_matrix, 3), (deletes_its_own, [1, 2]), (takes_apart, ("a", ["b"])),
    (makes_dates, "2020-01-01"), (chooses_by_kind, 1), (loops_until, 1), (is_decorated, 1), (chained_maker, 1),
    (reads_global_rows, 1), (adds_up_global_rows, 1), (strips_a_prefix, "a-b"), (collections.Counter, "a"),
    (puts_a_config_beside_results, ["a", None]), (runs_a_job, 1), (chooses, 1), (takes_an_option, 1), (dispatches, 1),
    (breaks_out, [1]), (retries, "a"),
]  # fmt: skip


@pytest.mark.parametrize(("fn", "sample"), CASES, ids=[fn.__name__ for fn, _ in CASES])
def test_neither_a_write_nor_a_doubt(fn, sample):
    found = scan(fn, [sample])
    assert (found.write, found.doubt) == ("", "")
