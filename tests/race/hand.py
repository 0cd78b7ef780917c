"""Runs made by hand: programs in plain Python that announce each step, and the functions that run them."""

from atonce.race.carriers import Carriers
from atonce.race.operations import Operation, Place
from atonce.race.scheduler import Scheduler, activate, deactivate


class Box:
    """Something to share."""


class Lock:
    """What a lock is to the scheduler."""

    def __init__(self, run, name="Lock"):
        self.run = run
        self.name = name
        self.owner = None

    def acquire(self, place=None):
        run = self.run
        cells = ((run.number(self), None, True),)
        run.point(Operation("acquire", cells, place, lambda: self.owner is None, waits=True))
        self.owner = run.running
        run.running.held.append((self.name, run.number(self), place))

    def release(self, place=None):
        run = self.run
        run.running.held[:] = [held for held in run.running.held if held[1] != run.number(self)]
        run.note(Operation("release", ((run.number(self), None, True),), place, enables=True))
        self.owner = None


class Program:
    """Steps of a program in the words of the scheduler."""

    def __init__(self, run):
        self.run = run
        self.box = Box()

    def read(self, name, place=None):
        self.run.point(Operation("read", ((self.run.number(self.box), name, False),), place))
        return getattr(self.box, name)

    def write(self, name, value, place=None):
        self.run.point(Operation("write", ((self.run.number(self.box), name, True),), place))
        setattr(self.box, name, value)

    def start(self, body, name="T", place=None):
        self.run.point(Operation("start", (), place))
        return self.run.spawn(body, name, None, daemon=False)

    def join(self, task, place=None):
        cells = ((self.run.number(task), None, False),)
        self.run.point(Operation("join", cells, place, lambda: task.done, waits=True))

    def together(self, *bodies):
        tasks = [self.start(body, body.__name__) for body in bodies]
        for task in tasks:
            self.join(task)


class Bench:
    """Runs a program again and again. Ended by `close`."""

    def __init__(self, program, max_steps=5_000):
        self.program = program
        self.max_steps = max_steps
        self.carriers = Carriers()
        self.runs = 0

    def attempt(self, strategy, watch=None):
        self.runs += 1
        run = Scheduler(strategy, self.carriers, max_steps=self.max_steps)
        if watch is not None:
            watch(run)
        activate(run)
        try:
            run.run(lambda: self.program(Program(run)))
        finally:
            deactivate()
        return run

    def failing(self, strategy, most=5_000):
        for _ in range(most):
            run = self.attempt(strategy)
            if run.failure is not None:
                return run
        raise AssertionError(f"no failure in {most} runs")

    def close(self):
        self.carriers.close()
        assert not self.carriers.hanging


P = [Place("program.py", line) for line in range(100)]
