"""The eye and the scheduler together: orders that break a program are met, and a program that is right stays right."""

import textwrap
from random import Random

import pytest

from atonce.race import scheduler
from atonce.race.carriers import Carriers
from atonce.race.eye import Eye, target
from atonce.race.search.randomly import RandomWalk

from .looking import module

PROGRAMS = {
    "attribute": ("o.n = o.n + 1", "o.n == 2"),
    "augmented attribute": ("o.n += 1", "o.n == 2"),
    "dictionary": ("d['n'] += 1", "d['n'] == 2"),
    "list": ("l[0] += 1", "l[0] == 2"),
    "global": ("global g\ng += 1", "g == 2"),
    "setattr": ("setattr(o, 'n', getattr(o, 'n') + 1)", "o.n == 2"),
    "dict of an object": ("vars(o)['n'] = o.n + 1", "o.n == 2"),
    "truth, then pop": ("if l:\n    l.pop()", "True"),
    "missing key": ("if 'x' not in d:\n    d['x'] = []\n    made.append(1)", "len(made) == 1"),
    "iteration": ("for k in d: pass\nd[len(d)] = 1", "True"),
    "factory": ("dd['k'].append(1)", "len(dd['k']) == 2"),
    "length": ("x = len(l)\nl.append(x)", "l == [0, 1, 2]"),
    "class attribute": ("O.m = O.m + 1", "O.m == 2"),
    "walrus and slice": ("l[:] = [(x := l[0]) + 1]", "l == [2]"),
    "star": ("a, *_ = l\nl[0] = a + 1", "l == [2]"),
    "in place": ("d |= {'n': d['n'] + 1}", "d['n'] == 2"),
    "generator": ("l[0] = sum(x for x in l) + 1", "l == [2]"),
    "text": ("o.t = f'{l}'\nl.append(o.t)", "l[1] != l[2]"),
    "match": ("match o:\n    case O(n=n): o.n = n + 1", "o.n == 2"),
}
SETUP = textwrap.dedent("""
    import collections
    class O: m = 0
    class L(list): pass
    o = g = d = l = dd = made = None
    def setup():
        global o, g, d, l, dd, made
        o = O(); o.n = 0; g = 0; d = {"n": 0}; l = [0]; dd = collections.defaultdict(lambda: make()); made = []; O.m = 0
    def make(): return []
    def check(): assert %s
    def work():
""")


def _fails(made, seed):
    carriers = Carriers()
    run = scheduler.Scheduler(RandomWalk(Random(seed)), carriers, max_steps=10_000)

    def body():
        made.setup()
        tasks = [run.spawn(target(made.work, None), f"worker {n}", None, daemon=False) for n in range(2)]
        run.point(scheduler.Operation("join", (), None, lambda: all(task.done for task in tasks), waits=True))
        made.check()

    scheduler.activate(run)
    try:
        run.run(body)
    finally:
        scheduler.deactivate()
        carriers.close()
    return run.failure


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_lost_update_is_met_at_random(tmp_path, name):
    body, invariant = PROGRAMS[name]
    names = "global d\n" if "|=" in body else ""
    source = SETUP % invariant + textwrap.indent(names + body, "    ") + "\n"
    with module(tmp_path, source) as made:
        if name == "truth, then pop":
            made.l = [0]
        made.setup()
        made.work()  # alone, it is right
        with Eye([made.__name__]) as eye:
            assert eye.unseen == {}
            assert any(_fails(made, seed) for seed in range(200))
