"""One tiny program for each way to look at what a container holds."""

import copy
import json
import operator
from collections import Counter, OrderedDict, deque

from tests.race.corpus.sharing import reads


def numbers():
    return [1, 2]


def table():
    return {"a": 1, "b": 2}


def letters():
    return {"a", "b"}


def queue():
    return deque([1, 2])


def grow(items):
    items.append(3)


def set_first(items):
    items[0] = 0


def set_a(items):
    items["a"] = 0


def set_c(items):
    items["c"] = 3


def add_c(items):
    items.add("c")


def clear(items):
    items.clear()


def got(*args, **kwargs):
    return args, kwargs


# ---------------------------------------------------------------- one element


@reads(numbers, set_first)
def list_subscript(items):
    return items[0]


@reads(table, set_a)
def dict_subscript(items):
    return items["a"]


@reads(queue, set_first)
def deque_subscript(items):
    return items[0]


@reads(numbers, set_first)
def list_slice(items):
    return items[0:1]


@reads(table, set_a)
def dict_get(items):
    return items.get("a")


@reads(table, set_a)
def operator_getitem(items):
    return operator.getitem(items, "a")


@reads(table, set_a)
def itemgetter(items):
    return operator.itemgetter("a")(items)


@reads(numbers, set_first)
def dunder_getitem(items):
    return items.__getitem__(0)


@reads(lambda: [[1]], lambda items: set_first(items[0]))
def nested_subscript(items):
    return items[0][0]


@reads(lambda: Counter(a=1), set_a)
def counter_subscript(items):
    return items["a"]


@reads(table, set_a)
def percent_format(items):
    return "%(a)d" % items  # noqa: UP031


@reads(table, set_a)
def format_map(items):
    return "{a}".format_map(items)


# ---------------------------------------------------------------- whether it is there


@reads(letters, add_c)
def in_set(items):
    return "c" in items


@reads(table, set_c)
def in_dict(items):
    return "c" in items


@reads(numbers, grow)
def in_list(items):
    return 3 in items


@reads(numbers, grow)
def not_in_list(items):
    return 3 not in items


@reads(queue, grow)
def in_deque(items):
    return 3 in items


@reads(table, set_c)
def in_keys(items):
    return "c" in items.keys()  # noqa: SIM118


@reads(numbers, grow)
def operator_contains(items):
    return operator.contains(items, 3)


@reads(numbers, lambda items: items.append(1))
def list_count(items):
    return items.count(1)


@reads(numbers, lambda items: items.insert(0, 0))
def list_index(items):
    return items.index(1)


# ---------------------------------------------------------------- whether it is empty, and how long


@reads(numbers, clear)
def truth_in_if(items):
    if items:
        return True
    return False


@reads(numbers, clear)
def truth_in_not(items):
    return not items


@reads(numbers, clear)
def truth_in_while(items):
    while items:
        return True
    return False


@reads(numbers, clear)
def truth_in_and(items):
    return items and True


@reads(numbers, clear)
def truth_in_or(items):
    return (items or None) is None


@reads(numbers, clear)
def truth_in_expression(items):
    return 1 if items else 2


@reads(numbers, clear)
def truth_in_assert(items):
    try:
        assert items
    except AssertionError:
        return False
    return True


@reads(numbers, clear)
def truth_in_comprehension(items):
    return [1 for _ in range(1) if items]


@reads(table, clear)
def truth_of_dict(items):
    return not items


@reads(letters, clear)
def call_bool(items):
    return bool(items)


@reads(numbers, grow)
def call_len(items):
    return len(items)


@reads(table, set_c)
def len_of_dict(items):
    return len(items)


@reads(numbers, grow)
def dunder_len(items):
    return items.__len__()


# ---------------------------------------------------------------- all of it


@reads(numbers, grow)
def for_loop(items):
    last = None
    for last in items:  # noqa: B007
        pass
    return last


@reads(table, set_c)
def for_loop_over_dict(items):
    count = 0
    for _ in items:
        count += 1
    return count


@reads(table, set_c)
def for_loop_over_items(items):
    count = 0
    for _ in items.items():
        count += 1
    return count


@reads(numbers, grow)
def comprehension(items):
    return [item for item in items]  # noqa: C416


@reads(letters, add_c)
def set_comprehension(items):
    return {item for item in items}  # noqa: C416


@reads(table, set_c)
def dict_comprehension(items):
    return {key: items[key] for key in items}


@reads(numbers, grow)
def generator_expression(items):
    return sum(item for item in items)


@reads(numbers, grow)
def unpacking(items):
    try:
        _, _ = items
    except ValueError:
        return False
    return True


@reads(numbers, grow)
def starred_unpacking(items):
    _, *rest = items
    return rest


@reads(numbers, grow)
def star_in_list(items):
    return [*items]


@reads(table, set_c)
def double_star_in_dict(items):
    return {**items}


@reads(numbers, grow)
def star_argument(items):
    return got(*items)


@reads(table, set_c)
def double_star_argument(items):
    return got(**items)


@reads(numbers, grow)
def match_sequence(items):
    match items:
        case [_, _]:
            return True
        case _:
            return False


@reads(table, set_c)
def match_mapping(items):
    match items:
        case {"c": _}:
            return True
        case _:
            return False


@reads(numbers, grow)
def comparison(items):
    return items == [1, 2]


@reads(numbers, grow)
def comparison_from_the_right(items):
    return [1, 2] == items  # noqa: SIM300


@reads(numbers, grow)
def order_comparison(items):
    return items < [1, 2, 2]


@reads(letters, add_c)
def subset_comparison(items):
    return items <= {"a", "b"}


@reads(numbers, grow)
def concatenation(items):
    return items + []  # noqa: RUF005


@reads(numbers, grow)
def concatenation_from_the_right(items):
    return [] + items  # noqa: RUF005


@reads(numbers, grow)
def repetition(items):
    return items * 1


@reads(letters, add_c)
def set_union(items):
    return items | set()


@reads(table, set_c)
def dict_union(items):
    return items | {}


@reads(numbers, grow)
def f_string(items):
    return f"{items}"


@reads(numbers, grow)
def str_format(items):
    return "{}".format(items)  # noqa: UP032


@reads(numbers, grow)
def percent_of_list(items):
    return "%s" % (items,)  # noqa: UP031


@reads(numbers, lambda items: items.append(1))
def star_in_subscript(items):
    return {(1, 2): True}.get((*items,))


@reads(numbers, grow)
def yield_from(items):
    def inner():
        yield from items

    return list(inner())


@reads(numbers, grow)
def call_next(items):
    return next(reversed(items))


CALLS = (list, tuple, set, frozenset, sum, max, sorted, str, repr, copy.copy, copy.deepcopy, json.dumps)


def calls(function):
    def call(items):
        return function(items)

    call.__name__ = f"call_{function.__name__}"
    reads(numbers, grow)(call)


for function in CALLS:
    calls(function)


@reads(numbers, lambda items: items.append(0))
def call_all(items):
    return all(items)


@reads(numbers, lambda items: items.append(0))
def call_min(items):
    return min(items)


@reads(lambda: [0], grow)
def call_any(items):
    return any(items)


@reads(numbers, grow)
def call_enumerate(items):
    return list(enumerate(items))


@reads(numbers, grow)
def call_zip(items):
    return list(zip(items, items, strict=False))


@reads(numbers, grow)
def call_map(items):
    return list(map(str, items))


@reads(numbers, grow)
def call_filter(items):
    return list(filter(None, items))


@reads(numbers, grow)
def call_reversed(items):
    return list(reversed(items))


@reads(table, set_c)
def call_dict(items):
    return dict(items)


@reads(lambda: ["a"], lambda items: items.append("b"))
def join_of_text(items):
    return "".join(items)


@reads(numbers, grow)
def list_copy(items):
    return items.copy()


@reads(table, set_c)
def dict_keys(items):
    return list(items.keys())


@reads(table, set_c)
def dict_values(items):
    return list(items.values())


@reads(table, set_c)
def dict_items(items):
    return sorted(items.items())


@reads(table, set_c)
def dict_copy(items):
    return items.copy()


@reads(letters, add_c)
def set_method(items):
    return items.issubset({"a", "b"})


@reads(letters, add_c)
def set_as_argument(items):
    return {"c"}.isdisjoint(items)


@reads(queue, grow)
def deque_as_list(items):
    return list(items)


@reads(lambda: OrderedDict(a=1, b=2), lambda items: items.move_to_end("a"))
def order_of_dict(items):
    return next(iter(items))


@reads(lambda: bytearray(b"ab"), set_first)
def bytearray_as_bytes(items):
    return bytes(items)


@reads(lambda: bytearray(b"ab"), set_first)
def bytearray_subscript(items):
    return items[0]


@reads(lambda: bytearray(b"ab"), set_first)
def comparison_with_constant(items):
    return items == b"ab"


@reads(lambda: bytearray(b"ab"), set_first)
def concatenation_with_constant(items):
    return items + b"c"


@reads(lambda: bytearray(b"ab"), set_first)
def concatenation_to_constant(items):
    return b"c" + items


@reads(lambda: bytearray(b"%d"), lambda items: items.append(0))
def percent_of_bytearray(items):
    return items % 1
