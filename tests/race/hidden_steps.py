"""Programs whose races the eye has to see, or to doubt: none of them may be proved. Each runs two threads side by side."""

import asyncio
import collections
import contextlib
import copy
import dataclasses
import functools
import heapq
import io
import itertools
import json
import logging
import operator
import os
import pathlib
import random
import struct
import tempfile
import threading

from . import unseen

__all__ = ("PROGRAMS", "side_by_side")

PROGRAMS = []


def side_by_side(*bodies):
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _program(make):
    """Take a function that returns what two threads do, and what has to hold at the end, if anything."""

    def program():
        one, other, *holds = make()
        side_by_side(one, other)
        for held in holds:
            assert held()

    program.__name__ = program.__qualname__ = make.__name__
    PROGRAMS.append(program)
    return make


def _reads(shared, change, look):
    """Make a program: one thread looks, and has to see what was there before the other one changed it."""
    before = look()
    seen = []
    return lambda: seen.append(look()), lambda: change(shared), lambda: seen == [before]


# ---------------------------------------------------------------- expressions


@_program
def slice_takes_from_a_list():
    shared, out = [], []

    def take():
        out[:] = shared

    return take, lambda: shared.append(1), lambda: not out


@_program
def a_list_is_multiplied_in_place():
    shared = [1]

    def double():
        mine = shared
        mine *= 2

    def look():
        assert len(shared) == 1

    return look, double


@_program
def a_list_times_a_constant():
    shared = [1]
    return _reads(shared, lambda shared: shared.append(1), lambda: len(shared * 2))


@_program
def bytes_are_compared_with_a_constant():
    shared = bytearray(b"x")
    return _reads(shared, lambda shared: shared.extend(b"y"), lambda: shared == b"x")


@_program
def counts_are_negated():
    shared = collections.Counter()

    def change(shared):
        shared["x"] = -1

    return _reads(shared, change, lambda: len(-shared))


@_program
def a_list_inside_of_a_tuple_is_taken_apart():
    shared = [1, 2]

    def take():
        (_, _), _ = shared, 1

    return take, lambda: shared.append(1)


@_program
def a_list_inside_of_a_loop_is_taken_apart():
    shared = [1, 2]

    def take():
        for _, (_, _) in ((1, shared),):
            pass

    return take, lambda: shared.append(1)


@_program
def what_a_manager_gives_is_taken_apart():
    shared = [1, 2]

    def take():
        with contextlib.nullcontext(shared) as (_, _):
            pass

    return take, lambda: shared.append(1)


# ---------------------------------------------------------------- attributes


class _Base:
    count = 0


class _Derived(_Base):
    pass


class _Level(type):
    level = 0


class _WithLevel(metaclass=_Level):
    def method(self):
        pass


@_program
def a_class_between_gets_an_attribute():
    with contextlib.suppress(AttributeError):
        del _Derived.count

    def change(_):
        _Derived.count = 1

    return _reads(None, change, lambda: _Derived().count)


@_program
def a_class_gets_an_attribute_that_was_missing():
    with contextlib.suppress(AttributeError):
        del _Derived.late
    one = _Derived()

    def change(_):
        _Derived.late = 1

    return _reads(None, change, lambda: getattr(one, "late", None))


@_program
def a_class_is_asked_through_its_dictionary():
    with contextlib.suppress(AttributeError):
        del _Derived.instance
    made = []

    def instance():
        if "instance" not in _Derived.__dict__:
            made.append(1)
            _Derived.instance = 1

    return instance, instance, lambda: len(made) == 1


@_program
def a_metaclass_has_the_attribute():
    _Level.level = 0

    def change(_):
        _Level.level = 1

    return _reads(None, change, lambda: _WithLevel.level)


@_program
def a_function_has_an_attribute_that_is_read_through_its_method():
    _WithLevel.method.calls = 0

    def change(_):
        _WithLevel.method.calls += 1

    return _reads(None, change, lambda: _WithLevel().method.calls)


class _Extended(dict):
    pass


@_program
def a_dictionary_has_attributes():
    shared = _Extended()
    shared.x = 0

    def change(shared):
        shared.__dict__["x"] = 1

    return _reads(shared, change, lambda: shared.x)


number = 0


@_program
def all_globals_are_updated():
    globals()["number"] = 0
    return _reads(None, lambda _: globals().update(number=1), lambda: number)


@_program
def a_method_is_hidden_through_the_dictionary():
    shared = _WithLevel()

    def change(shared):
        shared.__dict__["method"] = lambda: 1

    return _reads(shared, change, lambda: shared.method())  # noqa: PLW0108


@_program
def a_decorator_is_written_in_c():
    shared = []

    def decorate(shared):
        @shared.append
        def _():
            pass

    return _reads(shared, decorate, lambda: len(shared))


# ---------------------------------------------------------------- data classes


@dataclasses.dataclass
class _Pair:
    x: int = 0
    y: int = 0


@_program
def a_data_class_is_made_anew():
    shared = _Pair()
    return _reads(shared, lambda shared: shared.__init__(5), lambda: shared.x)


@_program
def a_data_class_is_compared_field_by_field():
    shared, seen = _Pair(), []

    def change():
        shared.x = 1
        shared.y = 1

    return lambda: seen.append(shared == _Pair(0, 1)), change, lambda: seen == [False]


@_program
def data_classes_are_compared_while_a_list_is_searched():
    shared, seen = [_Pair(1), _Pair(2)], []
    return lambda: seen.append(_Pair(2) in shared), lambda: shared.pop(0), lambda: seen == [True]


@dataclasses.dataclass(order=True, unsafe_hash=True)
class _Rank:
    rank: int


def _ranked(look):
    shared = _Rank(0)

    def change(shared):
        shared.rank = 9

    return _reads(shared, change, lambda: look(shared))


@_program
def a_data_class_is_sorted():
    return _ranked(lambda rank: sorted([rank, _Rank(5)])[1] is not rank)


@_program
def a_data_class_is_the_least():
    return _ranked(lambda rank: min(rank, _Rank(5)) is rank)


@_program
def a_data_class_is_searched():
    return _ranked(lambda rank: _Rank(0) in [rank, _Rank(7)])


@_program
def lists_of_data_classes_are_compared():
    return _ranked(lambda rank: [_Rank(0)] == [rank])


@_program
def a_data_class_is_looked_up():
    known = {_Rank(0): 1}
    return _ranked(lambda rank: known.get(rank))  # noqa: PLW0108 (what is seen is the call)


@_program
def an_exception_is_shown():
    shared = ValueError([])
    return _reads(shared, lambda shared: shared.args[0].append(1), lambda: str(shared))


# ---------------------------------------------------------------- iterators


@_program
def an_iterator_is_shared_with_list():
    shared = iter((1, 2, 3))
    seen = []
    return lambda: seen.append(list(shared)), lambda: next(shared, None), lambda: seen == [[1, 2, 3]]


@_program
def an_iterator_is_shared_with_a_slice():
    shared = iter((1, 2, 3))
    seen = []
    return lambda: seen.append(list(itertools.islice(shared, 2))), lambda: next(shared), lambda: seen == [[1, 2]]


@_program
def an_iterator_is_shared_with_a_loop():
    shared = iter((1, 2, 3))
    seen = []

    def loop():
        for _, item in enumerate(shared):
            seen.append(item)
            break

    return loop, lambda: next(shared), lambda: seen == [1]


@_program
def a_generator_is_shared_with_list():
    shared = (item for item in (1, 2, 3))
    seen = []
    return lambda: seen.append(list(shared)), lambda: next(shared, None), lambda: seen == [[1, 2, 3]]


@_program
def lists_in_a_list_are_chained():
    shared = []
    return _reads(shared, lambda shared: shared.append(1), lambda: list(itertools.chain.from_iterable([[], shared])))


@_program
def a_generator_of_the_library_was_made_before():
    shared, seen = [1], []
    merged = heapq.merge(shared, [])

    def loop():
        for item in merged:
            seen.append(item)  # noqa: PERF402

    return loop, lambda: shared.append(2), lambda: seen == [1]


# ---------------------------------------------------------------- what C calls


class _Account:
    def __init__(self, balance):
        self.balance = balance

    def __lt__(self, other):
        return self.balance < other.balance


def _accounts():
    return [_Account(1), _Account(2)]


def _transfer(accounts):
    accounts[0].balance -= 1
    accounts[1].balance += 1


@_program
def balances_are_summed_by_a_getter():
    shared = _accounts()
    return _reads(shared, _transfer, lambda: sum(map(operator.attrgetter("balance"), shared)))


@_program
def accounts_are_sorted_by_a_getter():
    shared = _accounts()

    def change(shared):
        shared[0].balance = 5

    return _reads(shared, change, lambda: sorted(shared, key=operator.attrgetter("balance"))[1] is shared[1])


@_program
def a_partial_is_mapped():
    shared = [0]
    return _reads(shared, lambda shared: list(map(functools.partial(shared.__setitem__, 0), [1])), lambda: shared[0])


@_program
def a_slot_is_mapped():
    shared = {}
    return _reads(shared, lambda shared: list(map(shared.__setitem__, [1], [1])), lambda: len(shared))


@_program
def a_slot_filters():
    shared = []
    return _reads(shared, lambda shared: shared.append(1), lambda: list(filter(shared.__contains__, [1])))


@_program
def accounts_that_compare_themselves_are_sorted():
    shared = [_Account(2), _Account(1)]
    return shared.sort, lambda: shared.append(_Account(0))


@_program
def what_is_extended_by_a_generator():
    shared, seen = [], []

    def extend():
        shared.extend(item for item in (1, 2))

    return extend, lambda: seen.append(len(shared)), lambda: seen != [1]


@_program
def a_list_grows_by_a_generator():
    shared, seen = [], []

    def extend():
        mine = shared
        mine += (item for item in (1, 2))

    return extend, lambda: seen.append(len(shared)), lambda: seen != [1]


# ---------------------------------------------------------------- functions of the library


@_program
def a_number_is_made_of_bytes():
    shared = bytearray(1)

    def change(shared):
        shared[0] = 1

    return _reads(shared, change, lambda: int.from_bytes(shared, "big"))


@_program
def bytes_are_packed():
    shared = bytearray(1)
    return _reads(shared, lambda shared: struct.pack_into("B", shared, 0, 1), lambda: shared[0])


@_program
def bytes_are_packed_by_a_struct():
    shared = bytearray(1)
    return _reads(shared, lambda shared: struct.Struct("B").pack_into(shared, 0, 1), lambda: shared[0])


@_program
def a_file_is_read_into_bytes():
    shared = bytearray(1)
    return _reads(shared, lambda shared: io.BytesIO(b"a").readinto(shared), lambda: shared[0])


@_program
def two_print_into_one_file():
    file = io.StringIO()
    return lambda: print("a", file=file), lambda: print("b", file=file), lambda: file.getvalue() == "a\nb\n"


def _changing(look):
    shared = {"a": [1], "b": [2]}

    def change():
        shared["c"] = [3]

    return lambda: look(shared), change


@_program
def a_dictionary_is_copied_deep():
    return _changing(copy.deepcopy)


@_program
def a_dictionary_becomes_a_text():
    return _changing(lambda shared: json.dumps(shared, indent=2))


@_program
def a_dictionary_is_dumped():
    return _changing(lambda shared: json.dump(shared, io.StringIO()))


@_program
def counts_are_updated():
    shared = collections.Counter(z=1)
    return *(lambda: shared.update({"a": 1}),) * 2, lambda: shared["a"] == 2


@_program
def one_of_a_list_is_chosen():
    shared = [1, 2]
    return lambda: random.choice(shared), shared.pop


@_program
def a_method_is_called_by_c():
    shared = []
    return _reads(shared, lambda shared: operator.call(shared.append, 1), lambda: len(shared))


class _Map(collections.abc.MutableMapping):
    def __init__(self):
        self.kept = {}

    def __getitem__(self, key):
        return self.kept[key]

    def __setitem__(self, key, value):
        self.kept[key] = value

    def __delitem__(self, key):
        del self.kept[key]

    def __iter__(self):
        return iter(self.kept)

    def __len__(self):
        return len(self.kept)


@_program
def a_mapping_is_updated_from_a_dictionary():
    shared = {1: 1}

    def change():
        shared[2] = 2

    return lambda: _Map().update(shared), change


# ---------------------------------------------------------------- what is outside


@_program
def a_thread_whose_code_is_not_seen():
    unseen.number = 0

    def start():
        thread = unseen.Counting()
        thread.start()
        thread.join()

    return start, start, lambda: unseen.number == 2


def _counts(call):
    unseen.number = 0
    return call, call, lambda: unseen.number == 2


@_program
def an_unseen_function_is_mapped():
    return _counts(lambda: list(map(unseen.counted, [1])))


@_program
def an_unseen_function_filters():
    return _counts(lambda: [item for item in filter(unseen.counted, [1])])  # noqa: C416


@_program
def an_unseen_function_says_how_to_sort():
    return _counts(lambda: sorted([1], key=unseen.counted))


@_program
def an_unseen_function_reduces():
    return _counts(lambda: functools.reduce(unseen.both_counted, [1, 2]))


@_program
def an_unseen_function_makes_what_is_missing():
    unseen.number = 0
    made = collections.defaultdict(unseen.count)
    return lambda: made["a"], lambda: made["b"], lambda: unseen.number == 2


@_program
def an_unseen_function_is_cached():
    unseen.number = 0
    cached = functools.lru_cache(unseen.counted)
    return lambda: cached(1), lambda: cached(2), lambda: unseen.number == 2


@_program
def a_manager_is_left_unseen():
    class Manager(unseen.Leaving):
        def __enter__(self):
            return self

    shared = Manager()

    def leave(shared):
        with shared:
            pass

    return _reads(shared, leave, lambda: shared.left)


@_program
def a_class_has_the_attribute_that_super_reads():
    class Parent:
        number = 0

    class Child(Parent):
        def look(self):
            return super().number

    def change(_):
        Parent.number = 1

    shared = Child()
    return _reads(None, change, lambda: shared.look())  # noqa: PLW0108 (what is seen is the call)


def _bag(look):
    shared = unseen.Bag()
    return _reads(shared, lambda shared: shared.items.append(1), lambda: look(shared))


@_program
def an_unseen_truth():
    return _bag(bool)


@_program
def an_unseen_number():
    return _bag(int)


@_program
def an_unseen_hash():
    return _bag(hash)


@_program
def an_unseen_sum():
    return _bag(lambda bag: sum([bag]))


@_program
def an_unseen_comparison():
    return _bag(lambda bag: 0 < bag)  # noqa: SIM300


@_program
def an_unseen_text_in_a_list():
    return _bag(lambda bag: "%s" % [bag])


@_program
def an_unseen_generator_was_made_before():
    lines = unseen.Lines()
    each, seen = lines.each(), []

    def loop():
        for line in each:
            seen.append(line)  # noqa: PERF402

    return loop, lambda: lines.items.append(1), lambda: not seen


@_program
def an_attribute_is_read_by_a_format():
    shared = _Account(1)

    def change(shared):
        shared.balance = 2

    return _reads(shared, change, lambda: "{0.balance}".format(shared))  # noqa: UP030, UP032


@_program
def a_list_is_logged():
    shared, lines = [], []

    class Handler(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())

    logger = logging.Logger("hidden")  # noqa: LOG001
    logger.addHandler(Handler())
    return lambda: logger.warning("%s", shared), lambda: shared.append(1), lambda: lines == ["[]"]


@_program
def the_environment_is_asked():
    os.environ.pop("ATONCE_HIDDEN", None)

    def change(_):
        os.environ["ATONCE_HIDDEN"] = "1"

    return _reads(None, change, lambda: os.getenv("ATONCE_HIDDEN"))


@_program
def a_file_is_counted_up():
    with tempfile.NamedTemporaryFile(delete=False) as file:
        path = pathlib.Path(file.name)
    path.write_text("0")

    def count():
        path.write_text(str(int(path.read_text()) + 1))

    def holds():
        counted = path.read_text()
        path.unlink()
        return counted == "2"

    return count, count, holds


# ---------------------------------------------------------------- threads


@_program
def a_class_of_locals_has_an_attribute():
    class Local(threading.local):
        number = 0

    def change(_):
        Local.number = 1

    shared = Local()
    return _reads(None, change, lambda: shared.number)


@_program
def a_semaphore_is_looked_into():
    shared = threading.Semaphore(1)
    return _reads(shared, lambda shared: shared.acquire(), lambda: shared._value)


@_program
def a_stack_is_shared():
    stack, seen = contextlib.ExitStack(), []

    def close():
        stack.close()
        seen.append(2)

    return lambda: stack.callback(seen.append, 1), close, lambda: seen == [1, 2]


@_program
def a_variable_of_a_comprehension_runs_away():
    seen = []

    def started(read):
        thread = threading.Thread(target=lambda: seen.append(read()))
        thread.start()
        return thread

    def start():
        for thread in [started(lambda: number) for number in range(2)]:  # noqa: B023
            thread.join()

    return start, lambda: None, lambda: seen == [1, 1]


@_program
def a_lock_is_let_go_twice():
    lock, said = threading.Lock(), []
    lock.acquire()

    def let_go():
        with contextlib.suppress(RuntimeError):
            lock.release()

    def let_go_first():
        try:
            lock.release()
        except RuntimeError:
            said.append("too late")

    return let_go, let_go_first, lambda: said


def is_seen_alive():
    """A thread that is about to end is seen alive, and then what it did."""
    changed, seen = [], []
    one = threading.Thread(target=lambda: changed.append(1))

    def look():
        seen.append((one.is_alive(), len(changed)))

    other = threading.Thread(target=look)
    one.start()
    other.start()
    one.join()
    other.join()
    assert seen != [(True, 1)]


# ---------------------------------------------------------------- event loops


async def a_timer_runs_out_early():
    """A sleep ends before what is ready has run."""
    done = []

    async def sleeper():
        await asyncio.sleep(0.01)
        done.append(1)

    async def worker():
        for _ in range(3):
            await asyncio.sleep(0)
        assert not done

    await asyncio.gather(sleeper(), worker())


async def a_thread_looks_at_a_future():
    """It is not made for that."""
    future = asyncio.get_running_loop().create_future()
    seen = []
    thread = threading.Thread(target=lambda: seen.append(future.done()))
    thread.start()
    future.set_result(1)
    thread.join()
    assert seen == [True]


async def a_thread_cancels_a_task():
    """It is not made for that either."""
    done = []

    async def work():
        await asyncio.sleep(0)
        done.append(1)

    task = asyncio.ensure_future(work())
    thread = threading.Thread(target=task.cancel)
    thread.start()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    thread.join()
    assert done


PROGRAMS += [is_seen_alive, a_timer_runs_out_early, a_thread_looks_at_a_future, a_thread_cancels_a_task]
