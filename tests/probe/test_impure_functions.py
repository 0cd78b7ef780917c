"""Writes in odd places: each is seen in the code, or is a doubt, so that the state is watched."""

# ruff: noqa: PERF102, PLR1730, RET501, RUF012, RUF059, SIM102, SIM105, SIM108, SIM300
# The odd way is what is meant.

import concurrent.futures
import contextlib
import copy
import functools
import gc
import itertools
import operator
import random
import threading
import urllib.robotparser
import weakref
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from atonce._probe.scan import scan

SEEN = []
TABLE = {"a": [1]}
ROWS = {"a": [], "b": []}
COLUMNS = [[1], [2]]
ARRAY = np.zeros(4)
NESTED = defaultdict(lambda: defaultdict(list))
FLAG = False
BEST = 0


class Holder:
    count = 0
    registry = {}

    def __init__(self):
        self.items = []
        self.inner = None
        self._level = 0

    def note(self, value):
        self._keep(value)

    def _keep(self, value):
        self.items.append(value)

    @property
    def level(self):
        return self._level

    @level.setter
    def level(self, value):
        self._level = value

    @property
    def fresh(self):
        self._level += 1
        return self._level

    @classmethod
    def register(cls, value):
        cls.registry[value] = value

    @classmethod
    def tick(cls):
        cls.count += 1

    @staticmethod
    def keeps(value):
        SEEN.append(value)

    def __setitem__(self, key, value):
        self.items.insert(key, value)

    def __getitem__(self, key):
        self._level += 1
        return key

    def __iadd__(self, value):
        self.items.append(value)
        return self

    def __add__(self, value):
        self._level += value
        return value

    def __call__(self, value):
        self.items.append(value)

    def __enter__(self):
        self._level += 1
        return self

    def __exit__(self, *_):
        self._level -= 1

    def __contains__(self, value):
        self._level += 1
        return False

    def __len__(self):
        self._level += 1
        return 0

    def __iter__(self):
        self._level += 1
        return iter(())

    def __eq__(self, other):
        self._level += 1
        return False

    __hash__ = None


class Child(Holder):
    def note_twice(self, value):
        super().note(value)
        self.note(value)


class Registers:
    def __init__(self, value):
        SEEN.append(value)


class Counts:
    made = 0

    def __init__(self):
        type(self).made += 1

    def __new__(cls):
        Counts.made += 1
        return super().__new__(cls)


HOLDER = Holder()
HOLDER.inner = Holder()
HOLDER.inner.inner = Holder()
CHILD = Child()
CALLS = {"keep": lambda value: SEEN.append(value), "list": SEEN.append}  # noqa: PLW0108 (the lambda is what is meant)


def keep(value):
    SEEN.append(value)
    return value


def keep_pair(left, right):
    SEEN.append(right)
    return left


def in_try(value):
    try:
        SEEN.append(value)
    except ValueError:
        pass


def in_except(value):
    try:
        return int(value)
    except ValueError:
        TABLE[value] = 1


def in_finally(value):
    try:
        return int(value)
    finally:
        SEEN.append(value)


def in_with(value):
    with contextlib.suppress(KeyError):
        TABLE[value] = value


def in_match(value):
    match value:
        case {"n": number}:
            TABLE[number] = 1
        case _:
            return None


def in_an_inner_function(value):
    def inner():
        SEEN.append(value)

    inner()


def in_an_inner_function_that_is_handed_on(values):
    def inner(number):
        SEEN.append(number)

    return list(map(inner, values))


def in_a_generator(values):
    def each():
        for value in values:
            SEEN.append(value)
            yield value

    return sum(each())


def in_a_comprehension(values):
    return [SEEN.append(value) for value in values]


def in_a_comprehension_over_a_global(value):
    return [row.append(value) for row in COLUMNS]


def through_zip(value):
    for row, name in zip(COLUMNS, "ab", strict=True):
        row.append((name, value))


def through_enumerate(value):
    for number, row in enumerate(COLUMNS):
        row[0] = number + value


def through_values(value):
    for row in ROWS.values():
        row.append(value)


def through_items(value):
    for _, row in ROWS.items():
        row.append(value)


def through_an_unpacked_pair(value):
    first, second = COLUMNS
    second.append(first, value)


def through_a_star(value):
    first, *others = COLUMNS
    others[0].append(value)


def through_sorted(value):
    for row in sorted(COLUMNS):
        row.append(value)


def through_a_tuple(value):
    both = (SEEN, TABLE)
    both[0].append(value)


def through_a_list_of_its_own(value):
    mine = [SEEN]
    mine[0].append(value)


def through_a_dict_of_its_own(value):
    mine = {"seen": SEEN}
    mine["seen"].append(value)


def through_a_choice(value):
    chosen = SEEN if value else COLUMNS
    chosen.append(value)


def through_or(value):
    (SEEN or COLUMNS).append(value)


def by_default(value):
    TABLE.get(value, SEEN).append(value)


def through_getattr(value):
    getattr(HOLDER, "items").append(value)  # noqa: B009 (that is the point)


def through_vars(value):
    vars(HOLDER)["count"] = value


def through_globals(value):
    globals()["BEST"] = value


def through_dict_attribute(value):
    HOLDER.__dict__["count"] = value


def by_an_attribute_of_a_global(value):
    HOLDER.items.append(value)


def two_levels_deep(value):
    HOLDER.inner.note(value)


def three_levels_deep(value):
    HOLDER.inner.inner.items += [value]


def by_an_inherited_method(value):
    CHILD.note(value)


def by_super(value):
    CHILD.note_twice(value)


def by_a_class_method(value):
    Holder.register(value)


def by_a_class_method_that_counts(_value):
    Holder.tick()


def by_a_class_method_of_an_object(value):
    HOLDER.register(value)


def by_a_static_method(value):
    HOLDER.keeps(value)


def by_a_property_setter(value):
    HOLDER.level = value


def by_a_property(_value):
    return HOLDER.fresh


def by_setitem(value):
    HOLDER[0] = value


def by_getitem(value):
    return HOLDER[value]


def by_iadd(value):
    here = HOLDER
    here += value


def by_add(value):
    return HOLDER + value


def by_call(value):
    HOLDER(value)


def by_enter(value):
    with HOLDER:
        return value


def by_contains(value):
    return value in HOLDER


def by_eq(value):
    return HOLDER == value


def by_len(_value):
    return len(HOLDER)


def by_iter(_value):
    return list(HOLDER)


def by_for(_value):
    for _ in HOLDER:
        pass


def by_init(value):
    return Registers(value)


def by_new(_value):
    return Counts()


def forwards(*args, **kwargs):
    keep_pair(*args, **kwargs)


def by_star_arguments(value):
    forwards(value, value)


def by_keyword_arguments(value):
    forwards(left=value, right=value)


def gives_a_global_by_keyword(value):
    adds(value=value, into=SEEN)


def gives_a_global_in_a_star(value):
    adds(*(SEEN, value))


def adds(into, value):
    into.append(value)


def by_reduce(values):
    return functools.reduce(lambda left, right: SEEN.append(right) or left, values, 0)


def by_map(values):
    return list(map(keep, values))


def by_map_of_a_method(values):
    return list(map(SEEN.append, values))


def by_a_sort_key(values):
    return sorted(values, key=lambda value: SEEN.append(value) or value)


def by_walrus(value):
    if (here := SEEN) is not None:
        here.append(value)


def by_del_attribute(_value):
    del HOLDER.inner


def by_slice_assignment(value):
    SEEN[:] = [value]


def by_slice_deletion(_value):
    del SEEN[1:]


def by_array_item(value):
    ARRAY[value] += 1


def by_array_slice(value):
    view = ARRAY[1:]
    view += value


def by_array_ellipsis(value):
    ARRAY[...] = value


def by_array_method(value):
    ARRAY.fill(value)


def by_an_out_argument(value):
    np.add(ARRAY, value, out=ARRAY)


def by_ufunc_at(value):
    np.add.at(ARRAY, [0], value)


def by_array_attribute(value):
    ARRAY.T[0] = value


def by_array_reshape(value):
    ARRAY.reshape(2, 2)[0, 0] = value


def by_memoryview(value):
    memoryview(ARRAY)[0] = value


def by_a_lambda_in_a_dict(value):
    CALLS["keep"](value)


def by_a_method_in_a_dict(value):
    CALLS["list"](value)


def by_a_lambda(value):
    add = lambda each: SEEN.append(each)  # noqa: PLW0108 (that is the point)
    add(value)


def by_a_local_alias_of_a_method(value):
    add = SEEN.append
    add(value)


def by_a_local_partial(value):
    functools.partial(adds, SEEN)(value)


def by_unbound_method(value):
    list.append(SEEN, value)


def by_own_unbound_method(value):
    Holder.note(HOLDER, value)


def by_an_own_dunder(value):
    SEEN.__setitem__(0, value)


def by_object_setattr(value):
    object.__setattr__(HOLDER, "count", value)


def in_a_nested_default_dict(value):
    NESTED[value][value].append(value)


def sets_a_flag(_value):
    global FLAG
    FLAG = True


def keeps_the_best(value):
    global BEST
    if value > BEST:
        BEST = value


def swaps(_value):
    SEEN[0], SEEN[1] = SEEN[1], SEEN[0]


def unpacks_into(value):
    TABLE["x"], TABLE["y"] = value, 1


def loops_into(values):
    for TABLE["x"] in values:
        pass


def returns_through_a_helper(value):
    the_seen().append(value)


def the_seen():
    return SEEN


def returns_an_attribute_through_a_helper(value):
    items_of(HOLDER).append(value)


def items_of(holder):
    return holder.items


def by_exec(value):
    exec("SEEN.append(value)")


def twice(fn):
    @functools.wraps(fn)
    def inner(*args):
        return fn(*args)

    return inner


@twice
@twice
def decorated_twice(value):
    SEEN.append(value)


def logged(*names):
    def decorate(fn):
        @functools.wraps(fn)
        def inner(value):
            SEEN.append((names, value))
            return fn(value)

        return inner

    return decorate


@logged("a")
def decorated_with_arguments(value):
    return value


class Singleton:
    _one = None

    @classmethod
    def get(cls):
        if cls._one is None:
            cls._one = cls()
            cls._one.items = []
        return cls._one


def by_a_singleton(value):
    Singleton.get().items.append(value)


class Worker:
    cache = {}

    def __init__(self, target=None):
        self.target = target
        self.own = []

    def work(self, value):
        self.own.append(value)
        SEEN.append(value)

    def remember(self, value):
        self.cache[value] = 1

    def fill(self, value):
        self.target.append(value)

    @property
    def noted(self):
        SEEN.append(1)
        return 1

    @functools.cached_property
    def slow(self):
        return 1


class Above(Worker):
    def work(self, value):
        return super().work(value)


class OneOnly(type):
    made = {}

    def __call__(cls):
        if cls not in cls.made:
            cls.made[cls] = super().__call__()
        return cls.made[cls]


class Registry(metaclass=OneOnly):
    def __init__(self):
        self.items = []


WORKER = Worker()
FRAME = pd.DataFrame({"x": [1, 2]})
BY_KIND = {"a": keep, "b": str}


def by_a_method_of_an_object_made_here(value):
    Worker().work(value)


def by_a_container_of_the_class(value):
    Worker().remember(value)


def by_what_an_object_was_given(value):
    worker = Worker(SEEN)
    worker.fill(value)


def by_what_an_object_holds(value):
    worker = Worker(target=SEEN)
    worker.target.append(value)


def by_super_alone(value):
    Above().work(value)


def by_a_property_of_an_object_made_here(_value):
    return Worker().noted


def by_a_cached_property(_value):
    return WORKER.slow


def by_a_metaclass(_value):
    return Registry()


def by_a_conditional_argument(value):
    adds(SEEN, 1 if value else 2)


def by_a_name_assigned_in_a_branch(value):
    if value:
        here = SEEN
    else:
        here = []
    here.append(value)


def by_a_default_of_a_lambda(value):
    add = lambda each, into=SEEN: into.append(each)
    add(value)


def by_a_table_of_functions(value):
    return BY_KIND[value](value)


def by_get_from_a_table_of_functions(value):
    return BY_KIND.get(value, str)(value)


def by_functions_in_a_loop(value):
    for each in BY_KIND.values():
        each(value)


@contextlib.contextmanager
def noting(value):
    SEEN.append(value)
    yield


def by_a_context_manager(value):
    with noting(value):
        return value


def by_inplace(_value):
    FRAME.drop(columns="x", inplace=True)  # noqa: PD002 (that is the point)


def by_a_column(value):
    FRAME["y"] = value


def by_loc(value):
    FRAME.loc[0, "x"] = value


def by_a_method_of_an_unknown(values):
    pool = concurrent.futures.ThreadPoolExecutor()
    return list(pool.map(keep, values))


def by_a_thread(value):
    threading.Thread(target=adds, args=(SEEN, value)).start()


def by_an_operator_function(value):
    operator.setitem(TABLE, value, 1)


def by_a_default_dict_that_is_read(value):
    return NESTED[value]


def by_list_repetition(value):
    shared = [SEEN] * 3
    shared[0].append(value)


def by_next(values):
    rows = iter(COLUMNS)
    next(rows).append(values)


def by_groupby(value):
    for _, group in itertools.groupby(COLUMNS, key=len):
        for row in group:
            row.append(value)


def by_chain(value):
    for row in itertools.chain(COLUMNS, []):
        row.append(value)


def by_a_dict_comprehension(value):
    by_name = {name: row for name, row in ROWS.items()}  # noqa: C416 (that is the point)
    by_name["a"].append(value)


def by_a_shallow_copy(value):
    mine = copy.copy(ROWS)
    mine["a"].append(value)


def by_a_merged_dict(value):
    mine = {**ROWS, "c": []}
    mine["b"].append(value)


def by_a_loop_over_pairs(value):
    pairs = [(name, row) for name, row in ROWS.items()]  # noqa: C416 (that is the point)
    for _, row in pairs:
        row.append(value)


def shuffles_with_a_generator_of_its_own(values):
    random.Random(1).shuffle(values)


def changes_its_argument_through_a_name(record):
    tags = record["tags"]
    tags.append(1)


def changes_its_argument_in_a_loop(records):
    for record in records:
        record["n"] = 1


def changes_its_argument_in_a_helper(record):
    marks(record)


def marks(record):
    record["n"] = 1


def changes_an_attribute_of_its_argument(holder):
    holder.items.append(1)


def calls_a_method_of_its_argument(holder):
    holder.note(1)


def changes_its_array(array):
    array *= 2


def changes_a_view_of_its_array(array):
    array[1:][0] = 1


# ---- what is not seen: where it matters, engine="inline" has to be said --------------------------------------------------------


class Odd:
    def __setattr__(self, name, value):
        SEEN.append(name)

    def __getattr__(self, name):
        SEEN.append(name)

    def __str__(self):
        SEEN.append(1)
        return ""

    def __bool__(self):
        SEEN.append(1)
        return True

    def __neg__(self):
        SEEN.append(1)


class Descriptor:
    def __get__(self, owner, kind):
        SEEN.append(1)


class Described:
    field = Descriptor()


ODD = Odd()
DESCRIBED = Described()
ROBOTS = urllib.robotparser.RobotFileParser()
REFERENCE = weakref.ref(HOLDER)


def unseen_method_caller(value):
    operator.methodcaller("append", value)(SEEN)


def unseen_attribute_getter(value):
    operator.attrgetter("items")(HOLDER).append(value)


def unseen_method_of_a_librarys_object(value):
    ROBOTS.parse([value])


def by_setattr_hook(value):
    Odd().name = value


def by_getattr_hook(_value):
    return ODD.name


def unseen_text(_value):
    return f"{ODD}"


def unseen_truth(_value):
    return 1 if ODD else 2


def unseen_sign(_value):
    return -ODD


def by_descriptor(_value):
    return DESCRIBED.field


def unseen_weak_reference(value):
    REFERENCE().items.append(value)


def unseen_search(value):
    next(thing for thing in gc.get_objects() if thing is SEEN).append(value)


def by_name_of_an_attribute(value):
    for name in ("items",):
        getattr(HOLDER, name).append(value)


UNSEEN = [fn for name, fn in list(globals().items()) if name.startswith("unseen_")]


def _cases():
    given = {
        changes_its_argument_through_a_name: {"tags": []},
        changes_its_argument_in_a_loop: [{}],
        shuffles_with_a_generator_of_its_own: [1, 2],
        changes_its_argument_in_a_helper: {},
        changes_an_attribute_of_its_argument: Holder(),
        calls_a_method_of_its_argument: Holder(),
        changes_its_array: ARRAY,
        changes_a_view_of_its_array: ARRAY,
    }
    helpers = {noting, keep, keep_pair, forwards, adds, the_seen, items_of, twice, logged, marks}
    for fn in list(globals().values()):
        if callable(fn) and getattr(fn, "__module__", "") == __name__ and not isinstance(fn, type) and hasattr(fn, "__name__"):
            if fn not in helpers and not fn.__name__.startswith(("_", "test", "unseen")):
                yield fn, given.get(fn, 1)


CASES = list(_cases())


@pytest.mark.parametrize(("fn", "sample"), CASES, ids=[fn.__name__ for fn, _ in CASES])
def test_a_write_or_a_doubt(fn, sample):
    found = scan(fn, [sample])
    assert found.write or found.doubt


@pytest.mark.xfail(strict=True, reason="what a look at the code cannot tell")
@pytest.mark.parametrize("fn", UNSEEN, ids=lambda fn: fn.__name__)
def test_what_is_not_seen(fn):
    found = scan(fn, [1])
    assert found.write or found.doubt
