"""The table of accesses, weakened one entry at a time: for each entry there is a program whose bug is missed without it.

So no entry can be lost, or say too little, without a test that fails. And what is not in the table at all never leads to a proof.
"""

import pytest

from atonce import race
from atonce.race.eye.accesses import DIRECT, FUNCTIONS, KINDS, METHODS, Effect
from tests.race.corpus import ACCESSES, BAD_ORDERS

RUNS = 60  # the tree of each of these programs has fewer orders
NOTHING = Effect()

NEVER_SEEN = {"executed_text"}  # what is done by a text cannot be seen; it is doubted

PROGRAM_OF_KIND = {
    "attribute_load": "attribute_load",
    "attribute_store": "attribute_store",
    "attribute_delete": "attribute_delete",
    "item_load": "list_subscript",
    "item_store": "list_store",
    "item_delete": "list_delete",
    "global": "global_load",
    "cell": "nonlocal_load",
    "augment": "augmented_list",
    "truth": "truth_in_if",
    "contains": "in_list",
    "compare": "comparison",
    "operator": "concatenation",
    "format": "f_string",
    "iterate": "for_loop",
    "unpack": "unpacking",
    "match": "match_sequence",
    "call": "call_len",
}

PROGRAM_OF_METHOD = {
    ("list", "append"): "list_append",
    ("list", "extend"): "list_extend",
    ("list", "insert"): "list_insert",
    ("list", "pop"): "list_pop",
    ("list", "remove"): "list_remove",
    ("list", "clear"): "list_clear",
    ("list", "sort"): "list_sort",
    ("list", "reverse"): "list_reverse",
    ("list", "copy"): "list_copy",
    ("list", "count"): "list_count",
    ("list", "index"): "list_index",
    ("list", "__len__"): "dunder_len",
    ("list", "__getitem__"): "dunder_getitem",
    ("list", "__setitem__"): "dunder_setitem",
    ("dict", "get"): "dict_get",
    ("dict", "copy"): "dict_copy",
    ("dict", "update"): "dict_update",
    ("dict", "setdefault"): "dict_setdefault",
    ("dict", "pop"): "dict_pop",
    ("dict", "popitem"): "dict_popitem",
    ("dict", "clear"): "dict_clear",
    ("set", "issubset"): "set_method",
    ("set", "isdisjoint"): "set_as_argument",
    ("set", "add"): "set_add",
    ("set", "update"): "set_update",
    ("set", "pop"): "set_pop",
    ("set", "remove"): "set_remove",
    ("set", "discard"): "set_discard",
    ("set", "difference_update"): "set_difference_update",
    ("deque", "append"): "deque_append",
    ("deque", "appendleft"): "deque_appendleft",
    ("deque", "extend"): "deque_extend",
    ("deque", "pop"): "deque_pop",
    ("deque", "popleft"): "deque_popleft",
    ("deque", "rotate"): "deque_rotate",
    ("OrderedDict", "popitem"): "ordered_popitem",
    ("OrderedDict", "move_to_end"): "move_to_end",
    ("bytearray", "append"): "bytearray_append",
    ("str", "*"): "join_of_text",
    ("object", "__getattribute__"): "object_getattribute",
    ("object", "__setattr__"): "object_setattr",
}

PROGRAM_OF_FUNCTION = {
    "builtins.all": "call_all",
    "builtins.any": "call_any",
    "builtins.bool": "call_bool",
    "builtins.delattr": "call_delattr",
    "builtins.dict": "call_dict",
    "builtins.frozenset": "call_frozenset",
    "builtins.getattr": "call_getattr",
    "builtins.hasattr": "call_hasattr",
    "builtins.len": "call_len",
    "builtins.list": "call_list",
    "builtins.max": "call_max",
    "builtins.min": "call_min",
    "builtins.repr": "call_repr",
    "builtins.set": "call_set",
    "builtins.setattr": "call_setattr",
    "builtins.sorted": "call_sorted",
    "builtins.str": "call_str",
    "builtins.sum": "call_sum",
    "builtins.tuple": "call_tuple",
    "builtins.bytes": "bytearray_as_bytes",
    "_operator.contains": "operator_contains",
    "_operator.delitem": "operator_delitem",
    "_operator.getitem": "operator_getitem",
    "_operator.iadd": "operator_iadd",
    "_operator.setitem": "operator_setitem",
    "_heapq.heappop": "heappop",
    "_heapq.heappush": "heappush",
    "_bisect.insort_right": "insort",
    "collections.Counter.update": "counter_update",
    "copy.copy": "call_copy",
    "copy.deepcopy": "call_deepcopy",
    "json.dumps": "call_dumps",
}


def verdict(name):
    return race.explore(ACCESSES[name], runs=RUNS, strategy="dpor", budget="20s").verdict


@pytest.mark.parametrize("name", [name for name in ACCESSES if name not in NEVER_SEEN])
def test_a_bug_that_hangs_on_one_access_is_found(name):
    assert verdict(name) == "failed"


@pytest.mark.parametrize("name", NEVER_SEEN)
def test_what_cannot_be_seen_is_not_proved(name):
    assert verdict(name) != "proved"


@pytest.mark.parametrize("name", ACCESSES)
def test_the_usual_order_ends_well(name):
    ACCESSES[name]()


@pytest.mark.parametrize("name", BAD_ORDERS)
def test_the_bad_order_fails(name):
    with pytest.raises((AssertionError, AttributeError, LookupError, ValueError)):
        BAD_ORDERS[name]()


@pytest.mark.parametrize(("kind", "name"), PROGRAM_OF_KIND.items())
def test_without_a_kind_of_expression_a_bug_is_missed(kind, name, monkeypatch):
    monkeypatch.setitem(KINDS, kind, False)
    assert verdict(name) != "failed"


def method_table(kind):
    return next(table for path, table in METHODS.items() if path.rpartition(".")[2] == kind and not path.startswith("_"))


@pytest.mark.parametrize(("method", "name"), PROGRAM_OF_METHOD.items(), ids=str)
def test_without_the_effect_of_a_method_a_bug_is_missed(method, name, monkeypatch):
    kind, attribute = method
    assert attribute in method_table(kind)
    monkeypatch.setitem(method_table(kind), attribute, NOTHING)
    assert verdict(name) != "failed"


@pytest.mark.parametrize(("function", "name"), PROGRAM_OF_FUNCTION.items())
def test_without_the_effect_of_a_function_a_bug_is_missed(function, name, monkeypatch):
    assert function in FUNCTIONS
    monkeypatch.setitem(FUNCTIONS, function, NOTHING)
    assert verdict(name) != "failed"


def test_all_kinds_have_a_program():
    assert set(PROGRAM_OF_KIND) | {"with"} == set(KINDS)  # `with` stands for what __enter__ and __exit__ do: calls


@pytest.mark.parametrize("name", ACCESSES)
def test_what_is_not_in_the_table_is_never_proved(name, monkeypatch):
    for path in FUNCTIONS.keys() - set(DIRECT):  # these are told apart before the table is asked
        monkeypatch.delitem(FUNCTIONS, path)
    for table in {id(table): table for table in METHODS.values()}.values():
        for method in [method for method in table if not method.startswith("__")]:
            monkeypatch.delitem(table, method)
    assert verdict(name) != "proved"
