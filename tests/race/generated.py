"""Small random programs as text: two or three threads that share a few things, and say at the end what they have seen.

Each seed gives one program. What it does at the end is the same in each order only if all its parts are told apart, so a thread
keeps what it has read, and the exception that ended it, in ``out``; and nothing that is kept there depends on addresses or time.
"""

import importlib.util
import sys
from contextlib import contextmanager
from random import Random

__all__ = ("imported", "written")

_HEAD = '''\
"""Made of seed {seed}."""

from queue import Empty, Queue
from threading import Condition, Event, Lock, RLock, Semaphore, Thread


class State:
    def __init__(self):
        self.x = 0
        self.y = 0

'''

_TASK = """
def {name}(out, {names}):
    u = v = e = None
    try:
{body}
    except (IndexError, KeyError, RuntimeError, ValueError, Empty) as error:
        e = type(error).__name__
    out.{name} = (u, v, e)

"""

_MAIN = """
def program(out):
    s = State()
    items = [0]
    table = {{"k": 0}}
    a, b, r = Lock(), Lock(), RLock()
    gate, permits, belt, cond = Event(), Semaphore(1), Queue(), Condition()
{starts}
    first(out, {names})
{joins}
    out.end = (s.x, s.y, tuple(items), tuple(table.items()), belt.qsize())
"""

_NAMES = "s, items, table, a, b, r, gate, permits, belt, cond"

# What a thread can do, and about how many operations that is. {v}: a local name, {p} and {q}: an attribute, {k}: a number.
_ATTRIBUTES = (
    (1, "{v} = s.{p}"),
    (1, "s.{p} = {k}"),
    (2, "s.{p} += {k}"),
    (2, "s.{p} = s.{q} + {k}"),
    (2, "if s.{p}:\n    s.{q} = {k}"),
    (2, "{v} = s.x, s.y"),
)
_LISTS = (
    (1, "items.append({k})"),
    (1, "{v} = items[-1]"),
    (1, "items[0] = {k}"),
    (2, "items[0] += {k}"),
    (1, "{v} = len(items)"),
    (1, "{v} = items.pop()"),
    (1, "{v} = tuple(items)"),
    (1, "items.extend(({k}, {k}))"),
    (2, "if items:\n    {v} = items.pop()"),
    (3, "for {v} in items:\n    pass"),
)
_DICTS = (
    (1, 'table["k"] = {k}'),
    (2, 'table["k"] += {k}'),
    (1, 'table["j"] = {k}'),
    (1, '{v} = table.get("j")'),
    (1, '{v} = "j" in table'),
    (1, 'del table["k"]'),
    (1, "{v} = tuple(table)"),
    (2, '{v} = table.setdefault("j", {k})'),
    (3, "for {v} in table:\n    pass"),
)
_LOCKING = (
    (1, "with {l}:\n    {simple}"),
    (1, "with {l}:\n    {simple}\n    {simple}"),
    (2, "with a:\n    with b:\n        {simple}"),
    (2, "with b, a:\n    {simple}"),
    (1, "with r:\n    with r:\n        {simple}"),
    (1, "{l}.acquire()\n{simple}\n{l}.release()"),
    (1, "{l}.acquire()\ntry:\n    {simple}\nfinally:\n    {l}.release()"),
    (1, "{simple}\nwith {l}:\n    {simple}"),
)
_TRYING = (
    (2, "if {l}.acquire(blocking=False):\n    {simple}\n    {l}.release()\nelse:\n    {v} = 'busy'"),
    (1, "{v} = a.locked()"),
    (2, "if not a.locked():\n    {simple}"),
    (2, "{v} = permits.acquire(blocking=False)"),
)
_WAITING = (
    (1, "gate.set()"),
    (1, "gate.wait()\n{simple}"),
    (1, "{v} = gate.is_set()"),
    (1, "if not gate.is_set():\n    gate.set()\n    {simple}"),
    (1, "permits.acquire()\n{simple}"),
    (1, "permits.release()"),
    (1, "with permits:\n    {simple}"),
    (1, "belt.put({k})"),
    (1, "{v} = belt.get()"),
    (1, "{v} = belt.get_nowait()"),
    (1, "{v} = belt.empty()"),
)
_TELLING = (
    (3, "with cond:\n    while not s.{p}:\n        cond.wait()\n    {v} = s.{q}"),
    (3, "with cond:\n    if not s.{p}:\n        cond.wait()\n    {simple}"),
    (2, "with cond:\n    cond.wait()\n    {simple}"),
    (2, "with cond:\n    s.{p} = {k}\n    cond.notify()"),
    (2, "with cond:\n    {simple}\n    cond.notify_all()"),
)
_KINDS = ((), (_LOCKING,), (_WAITING,), (_TRYING, _LOCKING), (_LOCKING, _TELLING), (_TELLING,), (_LOCKING, _WAITING))


class _Writer:
    """Writes the body of a thread."""

    def __init__(self, random, kinds):
        self._random = random
        group = random.choice((_ATTRIBUTES, _LISTS, _DICTS))
        self._simple = random.sample(group, 4)  # few, so that the threads meet
        self._kinds = (self._simple, *kinds)

    def body(self, most):
        text, events = [], 0
        while events < most:
            piece, more = self._filled(self._random.choice(self._random.choice(self._kinds)))
            text += piece
            events += more
        return text

    def _filled(self, entry):
        events, text = entry
        lock = self._random.choice("aabr")
        lines = []
        for line in text.split("\n"):
            if line.strip() == "{simple}":
                more, simple = self._random.choice(self._simple)
                events += more
                indent = line[: len(line) - len(line.lstrip())]
                lines += [indent + part for part in self._named(simple, lock)]
            else:
                lines += self._named(line, lock)
        return lines, events

    def _named(self, text, lock):
        random = self._random
        return text.format(
            v=random.choice("uv"), p=random.choice("xxxy"), q=random.choice("xyyy"), k=random.randrange(1, 9), l=lock
        ).split("\n")


def written(seed):
    """Return the text of a program."""
    random = Random(seed)
    threads = random.choice((2, 2, 3))
    writer = _Writer(random, random.choice(_KINDS))
    names = ("first", "second", "third")[:threads]
    tasks = ""
    for name in names:
        body = "\n".join("        " + line for line in writer.body(random.randrange(3, 6) if threads == 2 else 1))
        tasks += _TASK.format(name=name, names=_NAMES, body=body)
    starts = "\n".join(f"    {name}_ = Thread(target={name}, args=(out, {_NAMES}))\n    {name}_.start()" for name in names[1:])
    joins = "\n".join(f"    {name}_.join()" for name in names[1:])
    return _HEAD.format(seed=seed) + tasks + _MAIN.format(names=_NAMES, starts=starts, joins=joins)


@contextmanager
def imported(seed, folder):
    """Write the program into a module, and let it be imported as long as it is needed."""
    name = f"made_of_seed_{seed}"
    path = folder / f"{name}.py"
    path.write_text(written(seed))
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[name]
