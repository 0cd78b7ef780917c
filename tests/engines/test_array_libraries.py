"""Arrays and tables of NumPy, pandas and Arrow cross both ways in the arena, and nobody imports these libraries for it."""

import functools
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import atonce
from atonce._wire.outofband import dumps_with_buffers

PROCESS = {"engine": "process", "max_workers": 2}
ROWS = 200_000  # 1.6 MB a column: more than the pipe takes, and more than is copied out of the arena
COUNT = 8


def array(number):
    return np.arange(ROWS) + number


def strided(number):
    return (np.arange(4 * ROWS) + number)[::4]


def fortran(number):
    return np.asfortranarray((np.arange(ROWS) + number).reshape(100, -1))


def structured(number):
    return np.array(np.arange(ROWS) + number, dtype=[("n", "i8")])


def masked(number):
    return np.ma.masked_less(array(number), 1_000)


def frame(number):
    return pd.DataFrame({"n": array(number), "half": array(number) / 2, "word": ["a word"] * ROWS})


def series(number):
    return pd.Series(array(number), name="n")


def table(number):
    return pa.table({"n": array(number), "half": array(number) / 2})


def record_batch(number):
    return pa.record_batch({"n": array(number)})


def arrow_array(number):
    return pa.array(array(number))


def buffer(number):
    return pa.py_buffer(array(number).tobytes())


KINDS = (array, strided, fortran, structured, masked, frame, series, table, record_batch, arrow_array, buffer)


def same(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and bool(np.all(one == other))
    return bool(one.equals(other))


def there_and_back(value, make, number):
    """Tell whether what arrives is what was sent, and send it back."""
    return same(value, make(number)), value


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_both_ways(make):
    results = atonce.starmap(there_and_back, [(make(number), make, number) for number in range(COUNT)], **PROCESS)
    assert [right for right, _ in results] == [True] * COUNT
    assert all(same(value, make(number)) for number, (_, value) in enumerate(results))


@pytest.mark.parametrize("make", [array, fortran, structured, frame, series, table, record_batch, arrow_array, buffer])
def test_what_is_large_stays_out_of_the_pickle(make):
    """The rest is a description: it is small, whatever the size of the data."""
    value = make(0)
    pickled, buffers = dumps_with_buffers(functools.partial(pickle.dumps, protocol=5), value)
    assert len(pickled) < 10_000
    assert sum(each.nbytes for each in buffers) >= ROWS * 8
    assert same(pickle.loads(pickled, buffers=buffers), value)


def test_what_arrives_may_be_written_to():
    def double(values):
        values *= 2  # in place, in the worker
        return values

    results = atonce.map(double, [array(number) for number in range(COUNT)], **PROCESS)
    for number, result in enumerate(results):
        assert same(result, array(number) * 2)
        result[:] = 1  # and here
        assert result.sum() == ROWS


@pytest.mark.parametrize("make", [array, frame, table], ids=lambda make: make.__name__)
def test_one_for_all_items_is_sent_once(make):
    def rows(number):
        return len(shared) + number

    shared = make(0)
    for fn in (rows, functools.partial(lambda shared, number: len(shared) + number, shared)):
        results = atonce.map(fn, range(64), chunksize=1, **PROCESS)
        assert results == [ROWS + number for number in range(64)]
        assert ROWS * 8 <= results.report.bytes_moved < 5 * ROWS * 8


def test_nobody_imports_them_for_it():
    program = """
import atonce, sys

def loaded(item):
    return {"numpy", "pandas", "pyarrow"} & set(sys.modules)

with atonce.Pool(engine="process", max_workers=2) as pool:
    assert pool.map(loaded, [bytes(1 << 20)] * 8) == [set()] * 8
assert not loaded(None), loaded(None)
print("none")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("none\n", "")
