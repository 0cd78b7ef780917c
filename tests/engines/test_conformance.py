"""Every engine keeps the one contract."""

import asyncio
import sys

import pytest

import atonce
from atonce._workers.thread import ThreadEngine, ThreadWorker
from atonce.testing import CASES, Kit

ENGINES = ("inline", "thread", "process", "async", "auto")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_engine_passes(case, engine, tmp_path):
    case.check(Kit(engine, tmp_path))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_event_loop_passes_without_uvloop(case, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    case.check(Kit("async", tmp_path))


def test_uvloop_is_used_where_it_is_installed():
    uvloop = pytest.importorskip("uvloop")

    async def loop_of(_):
        return asyncio.get_running_loop()

    (loop,) = atonce.map(loop_of, [0], engine="async")
    assert isinstance(loop, uvloop.Loop)


@pytest.mark.parametrize("engine", ["inline", "thread", "process", "auto"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_engine_passes_with_coroutine_functions(case, engine, tmp_path):
    case.check(Kit(engine, tmp_path, coroutines=True))


@pytest.mark.parametrize("coroutines", [False, True], ids=["threads", "loops"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_processes_pass_with_several_items_under_way_in_each(case, coroutines, tmp_path):
    case.check(Kit("process", tmp_path, coroutines=coroutines, each=4))


class OwnEngine(ThreadEngine):
    """An engine that somebody else wrote."""

    kind = "own"

    def worker(self, context):
        return ThreadWorker(context)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_engine_object_passes(case, tmp_path):
    case.check(Kit(OwnEngine(), tmp_path))


class ForgetfulWorker(ThreadWorker):
    """Loses the last item of every tenth batch: the suite has to notice."""

    def carry(self, place, batch):
        delivery = super().carry(place, batch)
        if batch.start % 10 == 9 and len(delivery.values) == 1:
            delivery.values.clear()
            delivery.undone = 1
        return delivery


class ForgetfulEngine(OwnEngine):
    def worker(self, context):
        return ForgetfulWorker(context)


def test_an_engine_that_loses_items_does_not_pass(tmp_path):
    (case,) = [case for case in CASES if case.name == "every input gets one outcome"]
    with pytest.raises(AssertionError):
        case.check(Kit(ForgetfulEngine(), tmp_path))
