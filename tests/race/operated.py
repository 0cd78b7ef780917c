"""Small random programs written out in operations: variables, locks, flags and permits, without the eye and the primitives."""

from random import Random

from atonce.race.operations import WHOLE, Operation
from tests.race.byhand import HERE, Program

__all__ = ("Desk", "Operated")

_VARIABLES = ("x", "y")
_LOCKS = ("a", "b")


class Operated:
    """A program made of a seed: what each task does, one word and its arguments after the other. Some mostly wait."""

    def __init__(self, seed, tasks, events, *, waits=False):
        self.random = Random(seed)
        self._pieces = self._waiting if waits else self._any
        self.tasks = [self._task(events) for _ in range(tasks)]

    def _task(self, events):
        todo = []
        while len(todo) < events:
            todo += self.random.choice(self._pieces())
        return todo

    def _waiting(self):
        variable = self.random.choice(_VARIABLES)
        write = ("write", variable, self.random.randrange(1, 9))
        flag = self.random.choice(("flag", "flag", "bell"))
        return (
            [("read", "x")],
            [write, ("set", flag)],
            [("wait", flag), ("read", "x")],
            [("give",)],
            [("take",)],
            [write, ("give",)],
        )

    def _any(self):
        random = self.random
        variable, lock = random.choice(_VARIABLES), random.choice(_LOCKS)
        write = ("write", variable, random.randrange(1, 9))
        return (
            [("read", variable)],
            [write],
            [("count", variable)],
            [("acquire", lock), ("count", variable), ("release", lock)],
            [("acquire", lock), write, ("release", lock)],
            [("acquire", "a"), ("acquire", "b"), ("release", "b"), ("release", "a")],
            [("acquire", "b"), ("acquire", "a"), ("release", "a"), ("release", "b")],
            [("set", "flag")],
            [("wait", "flag"), ("read", variable)],
            [("give",)],
            [("take",), ("count", variable)],
        )

    def __call__(self, p):
        """Run it, and return what every task has read and what the variables were at the end."""
        p.outcome = [[] for _ in self.tasks]
        p.at_once(*[lambda number=number: self._do(p, number) for number in range(len(self.tasks))])
        p.outcome.append(sorted(p.values.items()))

    def _do(self, p, number):
        for word, *arguments in self.tasks[number]:
            if word == "count":
                p.write(arguments[0], p.read(arguments[0]) + 1)
            else:
                got = getattr(p, word)(*arguments)
                if word == "read":
                    p.outcome[number].append(got)


class Desk(Program):
    """Operations with permits as well; a release is a step of its own if the run says so."""

    def __init__(self, run):
        super().__init__(run)
        self.values["permits"] = 1

    def at_once(self, *bodies):
        """Run each in a task, and wait for all in one step: the caller adds no orders of its own."""
        tasks = [self.run.spawn(body, "worker", None, daemon=False) for body in bodies]
        cells = tuple((self.run.number(task), WHOLE, False) for task in tasks)
        self.run.point(Operation("join", cells, HERE, lambda: all(task.done for task in tasks), waits=True))

    def release(self, name):
        release = Operation("release", self._cell(name, True), HERE, enables=True)
        if self.run.strict:
            self.run.point(release)
        self.owners[name] = None
        self.run.running.held.pop()
        if not self.run.strict:
            self.run.note(release)

    def take(self):
        ready = lambda: self.values["permits"] > 0
        self.run.point(Operation("acquire", self._cell("permits", True), HERE, ready, waits=True))
        self.values["permits"] -= 1

    def give(self):
        self.run.point(Operation("release", self._cell("permits", True), HERE, enables=True))
        self.values["permits"] += 1
