"""One tiny program for each way to change what a container holds."""

import bisect
import heapq
import operator
from collections import Counter, OrderedDict, defaultdict, deque

from tests.race.corpus.sharing import updates, writes


def one():
    return [0]


def two():
    return [1, 2]


def counted():
    return {"n": 0}


def first_of(items):
    return items[0]


def n_of(items):
    return items["n"]


def first_is_two(items):
    return items[0] == 2


def n_is_two(items):
    return items["n"] == 2


def all_differ(items):
    return len(set(items)) == len(items) == 3


def has_one(items):
    return len(items) == 1


def any_two(items):
    return len(items) > 1


# ---------------------------------------------------------------- one element of what it was


@writes(one, first_of, first_is_two)
def list_store(items, n):
    items[0] = n + 1


@writes(counted, n_of, n_is_two)
def dict_store(items, n):
    items["n"] = n + 1


@writes(lambda: deque([0]), first_of, first_is_two)
def deque_store(items, n):
    items[0] = n + 1


@writes(lambda: bytearray(1), first_of, first_is_two)
def bytearray_store(items, n):
    items[0] = n + 1


@writes(one, first_of, first_is_two)
def slice_store(items, n):
    items[0:1] = [n + 1]


@writes(one, first_of, first_is_two)
def whole_slice_store(items, n):
    items[:] = (n + 1,)


@writes(one, first_of, first_is_two)
def subscript_by_unpacking(items, n):
    items[0], _ = n + 1, None


@writes(one, first_of, first_is_two)
def subscript_by_for(items, n):
    for items[0] in (n + 1,):
        pass


@writes(one, first_of, first_is_two)
def operator_setitem(items, n):
    operator.setitem(items, 0, n + 1)


@writes(one, first_of, first_is_two)
def dunder_setitem(items, n):
    items.__setitem__(0, n + 1)


@writes(counted, n_of, n_is_two)
def dict_update(items, n):
    items.update(n=n + 1)


@writes(counted, n_of, n_is_two)
def dict_merge(items, n):
    items |= {"n": n + 1}


@updates(one, first_is_two)
def augmented_subscript(items):
    items[0] += 1


@updates(counted, n_is_two)
def augmented_dict_subscript(items):
    items["n"] += 1


@updates(lambda: defaultdict(int), n_is_two)
def augmented_default(items):
    items["n"] += 1


@updates(Counter, n_is_two)
def augmented_counter(items):
    items["n"] += 1


@writes(lambda: Counter(n=0), n_of, lambda items: items["n"] == 1)
def counter_update(items, n):
    if n < 1:
        items.update(n=1)


# ---------------------------------------------------------------- one more


@writes(one, len, all_differ)
def list_append(items, size):
    items.append(size)


@writes(one, len, all_differ)
def list_append_unbound(items, size):
    list.append(items, size)


@writes(one, len, all_differ)
def list_extend(items, size):
    items.extend([size])


@writes(one, len, all_differ)
def list_insert(items, size):
    items.insert(0, size)


@writes(one, len, all_differ)
def augmented_list(items, size):
    items += [size]


@writes(one, len, all_differ)
def operator_iadd(items, size):
    operator.iadd(items, [size])


@writes(one, len, all_differ)
def slice_append(items, size):
    items[9:] = [size]


@writes(one, len, all_differ)
def heappush(items, size):
    heapq.heappush(items, size)


@writes(one, len, all_differ)
def insort(items, size):
    bisect.insort(items, size)


@writes(lambda: deque([0]), len, all_differ)
def deque_append(items, size):
    items.append(size)


@writes(lambda: deque([0]), len, all_differ)
def deque_appendleft(items, size):
    items.appendleft(size)


@writes(lambda: deque([0]), len, all_differ)
def deque_extend(items, size):
    items.extend([size])


@writes(lambda: bytearray(1), len, all_differ)
def bytearray_append(items, size):
    items.append(size)


@writes(lambda: {0}, len, lambda items: len(items) == 3)
def set_add(items, size):
    items.add(size)


@writes(lambda: {0}, len, lambda items: len(items) == 3)
def set_update(items, size):
    items.update([size])


@writes(lambda: {0}, len, lambda items: len(items) == 3)
def set_merge(items, size):
    items |= {size}


@writes(lambda: {0: 0}, len, lambda items: len(items) == 3)
def dict_new_key(items, size):
    items[size] = size


@writes(lambda: {0: 0}, len, lambda items: len(items) == 3)
def dict_setdefault(items, size):
    items.setdefault(size, size)


# ---------------------------------------------------------------- one less: if there are two, one must be left


@writes(two, any_two, has_one)
def list_pop(items, enough):
    if enough:
        items.pop()


@writes(two, any_two, has_one)
def list_pop_first(items, enough):
    if enough:
        items.pop(0)


@writes(two, any_two, has_one)
def list_delete(items, enough):
    if enough:
        del items[0]


@writes(two, any_two, has_one)
def slice_delete(items, enough):
    if enough:
        del items[:1]


@writes(two, any_two, has_one)
def operator_delitem(items, enough):
    if enough:
        operator.delitem(items, 0)


@writes(two, any_two, has_one)
def heappop(items, enough):
    if enough:
        heapq.heappop(items)


@writes(two, lambda items: 1 in items, lambda items: items == [2])
def list_remove(items, there):
    if there:
        items.remove(1)


@writes(lambda: deque([1, 2]), any_two, has_one)
def deque_pop(items, enough):
    if enough:
        items.pop()


@writes(lambda: deque([1, 2]), any_two, has_one)
def deque_popleft(items, enough):
    if enough:
        items.popleft()


@writes(lambda: {1, 2}, any_two, has_one)
def set_pop(items, enough):
    if enough:
        items.pop()


@writes(lambda: {1, 2}, lambda items: 1 in items, has_one)
def set_remove(items, there):
    if there:
        items.remove(1)


@writes(lambda: {1: 1, 2: 2}, any_two, has_one)
def dict_popitem(items, enough):
    if enough:
        items.popitem()


@writes(lambda: {1: 1, 2: 2}, lambda items: 1 in items, has_one)
def dict_pop(items, there):
    if there:
        items.pop(1)


@writes(lambda: {1: 1, 2: 2}, lambda items: 1 in items, has_one)
def dict_delete(items, there):
    if there:
        del items[1]


@writes(lambda: OrderedDict(a=1, b=2), any_two, has_one)
def ordered_popitem(items, enough):
    if enough:
        items.popitem(last=False)


# ---------------------------------------------------------------- all of it: who turns it round has to know which way it lies


@writes(two, first_of, lambda items: items == [2, 1])
def list_reverse(items, first):
    if first == 1:
        items.reverse()


@writes(lambda: [2, 1], first_of, lambda items: items == [2, 1])
def list_sort(items, first):
    items.sort(reverse=first == 1)


@writes(lambda: deque([1, 2]), first_of, lambda items: items[0] == 2)
def deque_rotate(items, first):
    if first == 1:
        items.rotate()


@writes(lambda: OrderedDict(a=1, b=2), lambda items: next(iter(items)), lambda items: next(iter(items)) == "a")
def move_to_end(items, first):
    items.move_to_end(first)


@writes(two, len, lambda items: items == [3])
def list_clear(items, size):
    if size == 2:
        items.clear()
    else:
        items.append(3)


@writes(lambda: {1: 1}, len, has_one)
def dict_clear(items, size):
    if size:
        items.clear()
    else:
        items[2] = 2


@writes(lambda: {1, 2}, len, lambda items: not items)
def set_difference(items, size):
    items -= {size}


@writes(lambda: {1, 2}, len, lambda items: not items)
def set_discard(items, size):
    items.discard(size)


@writes(lambda: {1, 2}, len, lambda items: not items)
def set_difference_update(items, size):
    items.difference_update([size])


@writes(lambda: {1, 2}, len, lambda items: not items)
def set_intersection(items, size):
    items &= {size - 1}


# ---------------------------------------------------------------- with a constant, which cannot change what it is given to


@writes(one, len, lambda items: len(items) == 2)
def augmented_repetition(items, size):
    if size == 1:
        items *= 2


@writes(lambda: bytearray(1), len, lambda items: len(items) == 2)
def augmented_bytearray(items, size):
    if size == 1:
        items += b"1"
