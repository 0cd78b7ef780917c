"""Programs written out in operations: what the eye and the primitives make of real ones, in a few words."""

from collections.abc import Callable
from contextlib import contextmanager

from atonce.race.carriers import Carriers
from atonce.race.operations import WHOLE, Operation, Place
from atonce.race.scheduler import Scheduler, activate, deactivate

HERE = Place("program.py", 1)


class Program:
    """Operations of one run, on variables and locks with names."""

    def __init__(self, run: Scheduler):
        self.run = run
        self.values = {}
        self.owners = {}
        self._things = {}

    def _cell(self, name, writes):
        thing = self._things.setdefault(name, Thing())
        return ((self.run.number(thing), WHOLE, writes),)

    def read(self, name, place=HERE):
        self.run.point(Operation("read", self._cell(name, False), place))
        return self.values.get(name, 0)

    def write(self, name, value, place=HERE):
        self.run.point(Operation("write", self._cell(name, True), place))
        self.values[name] = value

    def acquire(self, name):
        task = self.run.running
        free = lambda: self.owners.get(name) is None
        self.run.point(Operation("acquire", self._cell(name, True), HERE, free, waits=True))
        self.owners[name] = task
        task.held.append((name, 0, HERE))

    def release(self, name):
        self.owners[name] = None
        self.run.running.held.pop()
        self.run.note(Operation("release", self._cell(name, True), HERE, enables=True))

    @contextmanager
    def lock(self, name):
        self.acquire(name)
        try:
            yield
        finally:
            if not self.run.aborting:
                self.release(name)

    def wait(self, name, timeout=None):
        """Wait until a variable is set, and say whether it is."""
        ends = None if timeout is None else self.run.now_s + timeout
        ready = lambda: bool(self.values.get(name)) or (ends is not None and self.run.now_s >= ends)
        self.run.point(Operation("wait", self._cell(name, False), HERE, ready, waits=timeout is None, wake_s=ends))
        return bool(self.values.get(name))

    def set(self, name):
        self.run.point(Operation("set", self._cell(name, True), HERE, enables=True))
        self.values[name] = 1

    def sleep(self, seconds):
        self.run.point(Operation("sleep", (), HERE, wake_s=self.run.now_s + seconds, yields=True))

    def start(self, body, *, daemon=False):
        self.run.point(Operation("start", (), HERE))
        return self.run.spawn(body, "worker", None, daemon=daemon)

    def join(self, *tasks):
        for task in tasks:
            cells = ((self.run.number(task), WHOLE, False),)
            self.run.point(Operation("join", cells, HERE, lambda task=task: task.done, waits=True))

    def together(self, *bodies):
        self.join(*[self.start(body) for body in bodies])


class Thing:
    """Something with a number."""


@contextmanager
def carriers():
    made = Carriers()
    try:
        yield made
    finally:
        made.close()


def run_once(program: Callable[[Program], None], strategy, threads: Carriers, max_steps=10_000) -> Scheduler:
    run = Scheduler(strategy, threads, max_steps=max_steps)
    activate(run)
    try:
        run.run(lambda: program(Program(run)))
    finally:
        deactivate()
    return run
