"""One tiny program for each way to touch an attribute or a variable that other threads can see."""

import copy
import operator

from tests.race.corpus.program import together
from tests.race.corpus.sharing import ACCESSES, reads, updates, writes


class Box:
    kind = 0

    def __init__(self):
        self.n = 0

    def __eq__(self, other):
        return self.n == other

    __hash__ = None


class Slotted:
    __slots__ = ("n",)

    def __init__(self):
        self.n = 0


class Managed:
    def __init__(self):
        self._n = 0

    @property
    def n(self):
        return self._n

    @n.setter
    def n(self, n):
        self._n = n


class Fallback:
    """Answers for attributes that it does not have."""

    def __init__(self):
        self.n = 0

    def __getattr__(self, name):
        return self.n


def set_n(box):
    box.n = 1


def get_n(box):
    return box.n


def is_two(box):
    return box.n == 2


def new_class():
    class Fresh:
        n = 0

    return Fresh


# ---------------------------------------------------------------- looks at an attribute


@reads(Box, set_n)
def attribute_load(box):
    return box.n


@reads(Slotted, set_n)
def slot_load(box):
    return box.n


@reads(Managed, set_n)
def property_load(box):
    return box.n


@reads(Fallback, set_n)
def getattr_method(box):
    return box.anything


@reads(new_class, set_n)
def class_attribute_load(cls):
    return cls().n


@reads(Box, set_n)
def call_getattr(box):
    return getattr(box, "n", None)


@reads(Box, set_n)
def call_vars(box):
    return vars(box)["n"]


@reads(Box, set_n)
def dict_of_object(box):
    return box.__dict__["n"]


@reads(Box, set_n)
def object_getattribute(box):
    return object.__getattribute__(box, "n")


@reads(Box, set_n)
def attrgetter(box):
    return operator.attrgetter("n")(box)


@reads(Box, set_n)
def match_class(box):
    match box:
        case Box(n=0):
            return True
        case _:
            return False


@reads(Box, set_n)
def attribute_in_f_string(box):
    return f"{box.n}"


@reads(Box, set_n)
def attribute_in_condition(box):
    return True if box.n else None


@reads(Box, set_n)
def attribute_in_lambda(box):
    return (lambda: box.n)()


@reads(Box, set_n)
def attribute_in_comprehension(box):
    return [box.n for _ in range(1)]


@reads(Box, set_n)
def attribute_in_generator(box):
    return next(box.n for _ in range(1))


@reads(Box, set_n)
def attribute_in_default(box):
    def inner(n=box.n):
        return n

    return inner()


@reads(Box, set_n)
def attribute_in_argument(box):
    return abs(box.n)


@reads(Box, set_n)
def attribute_through_method(box):
    return box.__eq__(0)


@reads(Box, set_n)
def equality_method(box):
    return box == 0


@reads(Box, set_n)
def shallow_copy(box):
    return copy.copy(box).n


@reads(Box, lambda box: delattr(box, "n"))
def call_hasattr(box):
    return hasattr(box, "n")


@reads(Box, lambda box: delattr(box, "n"))
def name_in_vars(box):
    return "n" in vars(box)


# ---------------------------------------------------------------- changes an attribute


@writes(Box, get_n, is_two)
def attribute_store(box, n):
    box.n = n + 1


@writes(Box, get_n, is_two)
def annotated_store(box, n):
    box.n: int = n + 1


@writes(Slotted, get_n, is_two)
def slot_store(box, n):
    box.n = n + 1


@writes(Managed, get_n, is_two)
def property_store(box, n):
    box.n = n + 1


@writes(new_class, get_n, is_two)
def class_attribute_store(cls, n):
    cls.n = n + 1


@writes(Box, get_n, is_two)
def call_setattr(box, n):
    setattr(box, "n", n + 1)  # noqa: B010


@writes(Box, get_n, is_two)
def object_setattr(box, n):
    object.__setattr__(box, "n", n + 1)


@writes(Box, get_n, is_two)
def store_in_vars(box, n):
    vars(box)["n"] = n + 1


@writes(Box, get_n, is_two)
def store_in_dict_of_object(box, n):
    box.__dict__["n"] = n + 1


@writes(Box, get_n, is_two)
def update_of_dict_of_object(box, n):
    box.__dict__.update(n=n + 1)


@writes(Box, get_n, is_two)
def store_by_unpacking(box, n):
    box.n, _ = n + 1, None


@writes(Box, get_n, is_two)
def store_by_starred_unpacking(box, n):
    (box.n, *_) = [n + 1, None]


@writes(Box, get_n, is_two)
def store_by_for(box, n):
    for box.n in (n + 1,):
        pass


class Entered:
    def __init__(self, thing):
        self._thing = thing

    def __enter__(self):
        return self._thing

    def __exit__(self, *_):
        pass


@writes(Box, get_n, is_two)
def store_by_with(box, n):
    with Entered(n + 1) as box.n:
        pass


@writes(Box, get_n, is_two)
def store_by_chain(box, n):
    box.n = _ = n + 1


@writes(Box, lambda box: hasattr(box, "n"), lambda box: not hasattr(box, "n"))
def attribute_delete(box, there):
    if there:
        del box.n


@writes(Box, lambda box: hasattr(box, "n"), lambda box: not hasattr(box, "n"))
def call_delattr(box, there):
    if there:
        delattr(box, "n")


@updates(Box, is_two)
def augmented_attribute(box):
    box.n += 1


@updates(Slotted, is_two)
def augmented_slot(box):
    box.n += 1


@updates(Managed, is_two)
def augmented_property(box):
    box.n += 1


@updates(new_class, is_two)
def augmented_class_attribute(cls):
    cls.n += 1


@updates(Box, is_two)
def executed_text(box):
    exec("box.n = box.n + 1", {"box": box})


@updates(Box, is_two)
def evaluated_text(box):
    box.n = eval("box.n", {"box": box}) + 1


# ---------------------------------------------------------------- variables of a module, and of a function around

number = 0
_missing = object()


def fresh_number():
    global number
    number = 0


@reads(fresh_number, lambda _: globals().update(number=1))
def global_load(_):
    return number


@reads(fresh_number, lambda _: globals().update(number=1))
def call_globals(_):
    return globals()["number"]


@writes(fresh_number, lambda _: number, lambda _: number == 2)
def global_store(_, n):
    global number
    number = n + 1


@writes(fresh_number, lambda _: number, lambda _: number == 2)
def store_in_globals(_, n):
    globals()["number"] = n + 1


@writes(fresh_number, lambda _: number, lambda _: number == 2)
def global_store_by_for(_, n):
    global number
    for number in (n + 1,):  # noqa: B007
        pass


@writes(fresh_number, lambda _: number, lambda _: number == 2)
def global_store_by_walrus(_, n):
    global number
    if (number := n + 1) < 0:
        raise AssertionError


@updates(fresh_number, lambda _: number == 2)
def augmented_global(_):
    global number
    number += 1


def nonlocal_load():
    n = 0

    def watch():
        before = n
        after = n
        assert before == after

    def change():
        nonlocal n
        n = 1

    together(watch, change)


def nonlocal_store():
    n = 0

    def add():
        nonlocal n
        before = n
        n = before + 1

    together(add, add)
    assert n == 2


def nonlocal_walrus():
    n = 0

    def add():
        nonlocal n
        before = n
        if (n := before + 1) < 0:
            raise AssertionError

    together(add, add)
    assert n == 2


def augmented_nonlocal():
    n = 0

    def add():
        nonlocal n
        n += 1

    together(add, add)
    assert n == 2


def changed_around():
    """Only the function around changes its variable; the one inside looks at it."""
    n = 0

    def watch():
        before = n
        after = n
        assert before == after

    def both():
        nonlocal n
        n = 2

    together(watch, both)
    assert n == 2


for program in (nonlocal_load, nonlocal_store, nonlocal_walrus, augmented_nonlocal, changed_around):
    ACCESSES[program.__name__] = program
