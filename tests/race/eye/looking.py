"""Runs a piece of source with the eye open, and tells what it announced."""

import gc
import importlib.util
import itertools
import linecache
import sys
from contextlib import contextmanager

from atonce.race import scheduler
from atonce.race.carriers import Carriers
from atonce.race.eye import Eye
from atonce.race.operations import WHOLE
from atonce.race.search.strategy import Strategy

_numbers = itertools.count()


@contextmanager
def module(folder, source):
    """Import a source as a module of its own."""
    name = f"looked_at_{next(_numbers)}"
    path = folder / f"{name}.py"
    path.write_text(source)
    with imported(name, path) as made:
        yield made


@contextmanager
def imported(name, path):
    """Import a source file."""
    spec = importlib.util.spec_from_file_location(name, path)
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    try:
        spec.loader.exec_module(made)
        yield made
    finally:
        del sys.modules[name]
        linecache.cache.pop(str(path), None)


@contextmanager
def frozen():
    """Hide all that there is from the garbage collector, for a while."""
    before = gc.get_freeze_count()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if before:
            gc.freeze()


@contextmanager
def running(program, *, others=0):
    """Run a program as task 0, beside others that do nothing, and hand out the run and what it returned."""
    carriers = Carriers()
    run = scheduler.Scheduler(Strategy(), carriers, max_steps=1_000_000)
    results = []

    def body():
        for number in range(others):
            run.spawn(lambda: None, f"other {number}", None, daemon=True)
        results.append(program())

    scheduler.activate(run)
    try:
        run.run(body)
    finally:
        scheduler.deactivate()
        carriers.close()
    yield run, results


def seen(folder, setup, body):
    """Return what the body of a function announces, in words, and what could not be proved."""
    source = f"{setup}\ndef program():\n" + "".join(f"    {line}\n" for line in body.splitlines())
    with module(folder, source) as made, Eye([made.__name__]) as eye:
        assert not eye.unseen
        with running(made.program, others=1) as (run, _):
            if run.failure is not None:
                raise run.failure.error
            words = [_words(run, made, step.operation) for step in run.trace if step.task == 0 and step.operation.kind != "end"]
            return [word for word in words if word != "begin"], list(run.doubts)


def _words(run, made, operation):
    return " ".join([operation.kind, *(_cell(run, made, *cell) for cell in operation.cells)])


def _cell(run, made, number, element, writes):
    thing = run.kept[number]
    label = "globals" if thing is vars(made) else type(thing).__name__
    for name, value in vars(made).items():
        if value is thing:
            label = name
    return f"{label}{'' if element is WHOLE else f'[{element!r}]'}{'!' if writes else ''}"
