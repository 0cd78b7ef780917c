"""Context variables reach every kind of worker, as they were when the call was made."""

import asyncio
import decimal
import threading
import warnings
from contextvars import ContextVar, copy_context

import pytest
from tests.engines import traced

import atonce


def seen(_number: int) -> str:
    return traced.request.get()


async def seen_on_loop(_number: int) -> str:
    await asyncio.sleep(0)
    return traced.request.get()


def in_context(**values):
    """Call in a context in which the variables of the module have these values."""

    def call(fn, *args, **options):
        context = copy_context()
        for name, value in values.items():
            context.run(getattr(traced, name).set, value)
        return context.run(fn, *args, **options)

    return call


@pytest.mark.parametrize("engine", ["auto", "inline", "thread", "process", "async"])
def test_they_reach_every_kind_of_worker(engine):
    assert in_context(request="r-1")(atonce.map, seen, range(20), engine=engine) == 20 * ["r-1"]


@pytest.mark.parametrize("engine", ["auto", "async", "thread", "process"])
def test_they_reach_coroutines(engine):
    assert in_context(request="r-2")(atonce.map, seen_on_loop, range(20), engine=engine) == 20 * ["r-2"]


@pytest.mark.parametrize("concurrency", [2, 8])
@pytest.mark.parametrize("fn", [seen, seen_on_loop])
def test_they_reach_threads_and_loops_in_processes(fn, concurrency):
    call = in_context(request="r-3")
    assert call(atonce.map, fn, range(20), engine="process", max_workers=2, concurrency=concurrency) == 20 * ["r-3"]


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_a_worker_that_stays_forgets_those_of_the_call_before(engine):
    with atonce.Pool(engine=engine, max_workers=1) as pool:
        assert in_context(request="r-4")(pool.map, seen, range(3)) == 3 * ["r-4"]
        assert pool.map(seen, range(3)) == 3 * ["none"]
        assert in_context(request="r-5")(pool.map, seen, range(3)) == 3 * ["r-5"]


async def test_they_reach_workers_from_a_loop():
    token = traced.request.set("r-6")
    for engine in ("thread", "process", "async"):
        assert await atonce.amap(seen, range(3), engine=engine) == 3 * ["r-6"]
    traced.request.reset(token)


def test_those_that_cannot_go_are_named_once():
    loose = ContextVar("loose")
    context = copy_context()
    context.run(loose.set, 1)
    context.run(traced.handle.set, threading.Lock())
    context.run(traced.request.set, "r-7")
    with atonce.Pool(engine="process", max_workers=2) as pool:
        results = context.run(pool.map, seen, range(50), chunksize=1)
    assert results == 50 * ["r-7"]
    assert results.report.notices == ["context variables that no other process can have stay behind: handle, loose"]


def test_the_precision_of_decimals_goes_along():
    with decimal.localcontext(decimal.Context(prec=5)):
        assert atonce.map(traced.third, range(3), engine="process") == 3 * [decimal.Decimal("0.33333")]


def test_a_value_that_cannot_be_rebuilt_warns_and_the_work_goes_on():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert in_context(request=traced.Unloadable())(atonce.map, abs, [-1, -2], engine="process") == [1, 2]
    assert any("could not be set in a worker: RuntimeError: not here" in str(warning.message) for warning in caught)


def test_functions_of_a_script_find_the_variable_that_was_set(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from contextvars import ContextVar\n"
        "import atonce\n"
        "request = ContextVar('request', default='none')\n"
        "def seen(number):\n"
        "    return request.get()\n"
        "if __name__ == '__main__':\n"
        "    request.set('r-8')\n"
        "    print(atonce.map(seen, range(3), engine='process'))\n"
        "    print(atonce.map(lambda number: request.get(), range(2), engine='process'))\n"
    )
    import subprocess
    import sys

    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout == "['r-8', 'r-8', 'r-8']\n['r-8', 'r-8']\n", ran.stderr
