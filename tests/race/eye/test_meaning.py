# ruff: noqa: E501 (programs)
import textwrap

import pytest

from atonce.race.eye import Eye

from .looking import module, running

PROGRAMS = {
    "order of evaluation": """
        log = []
        def note(x, v=None):
            log.append(x)
            return v
        class A:
            def __getattr__(self, n): return note("get " + n, 1)
            def __setattr__(self, n, v): note(f"set {n} {v}")
            def __getitem__(self, i): return note(f"item {i}", [1])
            def __setitem__(self, i, v): note(f"store {i} {v}")
            def __delitem__(self, i): note(f"del {i}")
        def program():
            log.clear()
            a = A()
            note("base", a).x = note("value", 3)
            note("base", a).x += note("value", 3)
            note("base", a)[note("index", 0)] = note("value", 3)
            note("base", a)[note("index", 0)] += note("value", [3])
            note("f", print)(note("arg", ""), *note("star", []), end=note("end", ""), **note("kw", {}))
            x, note("t", a).y, note("t", a)[note("i", 1)] = note("all", (1, 2, 3))
            del note("b", a)[note("i", 2)]
            note("l", 1) < note("m", 2) < note("r", 3)
            note("a", []) or note("b", {}) or note("c", 5)
            {note("k"): note("v"), **note("m", {})}
            return list(log)
    """,
    "exceptions keep their types and messages": """
        def program():
            found = []
            def attempt(f):
                try: f()
                except Exception as e: found.append((type(e).__name__, str(e)))
            attempt(lambda: [][3])
            attempt(lambda: {}["k"])
            attempt(lambda: 1 + "a")
            attempt(lambda: None.x)
            attempt(lambda: [].nope)
            attempt(lambda: len(3))
            one = 1
            attempt(lambda: one())
            attempt(lambda: [1] < 3)
            attempt(lambda: 1 in 3)
            attempt(lambda: undefined)
            def unbound():
                x += [1]
            attempt(unbound)
            def unbound_cell():
                def g(): return y
                g()
                y = 1
                y = 2
            attempt(unbound_cell)
            def aug():
                t = (1, [2])
                try: t[1] += [3]
                finally: found.append(t)
            attempt(aug)
            def star():
                a, b = [1, 2, 3]
            attempt(star)
            def not_iterable():
                for x in 3: pass
            attempt(not_iterable)
            def changed():
                d = {1: 1}
                for k in d: d[k + 1] = 1
            attempt(changed)
            return found
    """,
    "generators": """
        def gen(log):
            try:
                got = yield 1
                log.append(got)
                try: yield from [2, 3]
                except ValueError as e: log.append(repr(e))
                return (yield from inner())
            finally:
                log.append("closed")
        def inner():
            yield 5
            return 6
        def program():
            log = []
            for x in gen(log):
                log.append(x)
                break
            log.append("after")
            g = gen(log); next(g); log.append(g.send("s")); g.close()
            g = gen(log); next(g); g.send(0)
            try: g.throw(ValueError("v"))
            except StopIteration as e: log.append(e.value)
            except ValueError: log.append("out")
            g = gen(log); r = list(g)
            return log, r, [y for x in range(3) for y in (x, x * 2) if y], {k: v for k, v in zip("ab", [1, 2])}
    """,
    "async": """
        import asyncio
        class Manager:
            async def __aenter__(self): return [1]
            async def __aexit__(self, *e): return e[0] is KeyError
        async def agen():
            for i in range(3):
                await asyncio.sleep(0)
                yield i
        async def main():
            total = 0
            async def add(n):
                nonlocal total
                total += n
                await asyncio.sleep(0)
                return n
            r = [x async for x in agen() if x]
            async for y in agen(): total += y
            async with Manager() as m: m[0] += 1; raise KeyError
            return r, total, m, await add(3), total
        def program():
            loop = asyncio.new_event_loop()
            try: return loop.run_until_complete(main())
            finally: loop.close()
    """,
    "classes": """
        import functools
        class Base:
            def __init__(self, *a, **k): self.a = a; self.__private = k
            def hello(self): return "base", self.__private
            @classmethod
            def make(cls, x): return cls(x, y=1)
            @staticmethod
            def plain(): return __class__.__name__
        class Derived(Base):
            __slots__ = ()
            def __init__(self, *a, **k): super().__init__(*a, **k)
            def hello(self): return super().hello(), super(Derived, self).hello()
            @functools.cached_property
            def lazy(self): return [len(self.a)]
        def program():
            d = Derived.make(3)
            class Local(Derived):
                n = 1
                m = n + 1
                squares = [x * x for x in range(3)]
                def get(self): return self.n, __class__ is Local
                n += 5
            d.lazy.append(1)
            return d.hello(), d.plain(), d.lazy, Local.n, Local.m, Local(1).get(), Local.squares, sorted(vars(d)), Derived.__name__
    """,
    "frames": """
        import sys, inspect, warnings, collections
        x = 7
        def program():
            a = 1
            b = [2]
            b[0] += 1
            names = sorted(locals())
            c = eval("a + x")
            ns = {}
            exec("z = 3", ns)
            N = collections.namedtuple("N", "p q")
            lines = []
            def line(): lines.append(sys._getframe(1).f_lineno - sys._getframe(1).f_code.co_firstlineno)
            line()
            (line(),
             line())
            return names, c, ns["z"], lines, sorted(vars()), N.__module__ == __name__, globals() is sys.modules[__name__].__dict__, inspect.stack()[0].function
    """,
    "scopes": """
        g = 0
        def bump():
            global g
            g += 1
            return g
        def program():
            global g
            g = 0
            n = 0
            fs = []
            for i in range(3):
                fs.append(lambda: i)
            def outer():
                nonlocal n
                n += 1
                def inner():
                    nonlocal n
                    n = n * 10
                    return n
                return inner()
            try:
                1 / 0
            except ZeroDivisionError as e:
                message = str(e)
                f = lambda: e
            if (m := [1]) and (k := 3): pass
            h = lambda: (m, k)
            k = 4
            def fact(x): return 1 if x < 2 else x * fact(x - 1)
            w = [y := 1, y + 1]
            with open(__file__) as q: r = lambda: q.closed
            q2 = [q for q in range(2)]
            import os as e2
            def late(): return v
            v: int = 3
            del v
            v = 5
            return bump(), g, n, outer(), n, [f() for f in fs], message, h(), fact(5), w, r(), late(), q2
    """,
    "matching": """
        class P:
            __match_args__ = ("x", "y")
            def __init__(self, x, y): self.x, self.y = x, y
        def kind(v):
            match v:
                case [1, *rest] if rest: return "list", rest
                case {"k": k, **others}: return "dict", k, others
                case P(0, y): return "point", y
                case P(x=x) | [x]: return "any", x
                case "a" | "b" as s: return s
                case None: return "none"
                case _: return "other"
        def program():
            return [kind(v) for v in ([1, 2], [1], {"k": 1, "l": 2}, P(0, 3), P(1, 2), "a", None, 3.5)]
    """,
    "texts": """
        def program():
            w, l = 7, [1, "a"]
            return f"{w:>{w}} {l!r:<10}|{l}" f"{w=} {'x' + str(w)}", "%s %r" % (l, w), "{0[1]} {1:03d}".format(l, w), b"%d" % w
    """,
    "slices": """
        class S:
            def __getitem__(self, i): return i
        def program():
            l = list(range(10)); s = S()
            l[2:4] = [7]; l[::3] = [0, 0, 0]; del l[-1]; l[1:2] += [9]
            return l, s[1:2, ::3, ...], s[()], s[*l[:2], 3], l[-2:], "abc"[1], (1, 2)[-1], l[len(l) - 1]
    """,
    "operators": """
        import operator, functools
        class V(list):
            def __iadd__(self, o): self.append(o); return self
            def __add__(self, o): return "added"
            def __contains__(self, o): return o == 42
            def __eq__(self, o): return NotImplemented
            __hash__ = None
            def __bool__(self): return False
        def program():
            v = V([1]); w = v
            v += 3
            a = {1} | {2}; a |= {3}; a &= {1, 2}; a -= {2}; a ^= {9}
            x = 7; x //= 2; x **= 3; x <<= 1; x %= 10; x = -x; y = ~x
            return v is w, list(v), v + 1, 42 in v, v == v, not v, a, x, y, 1 < x < 3, [1] < [2] > [0], operator.methodcaller("count", 1)(v), functools.partial(max, 3)(x), operator.itemgetter(0, 1)([1, 2]), operator.attrgetter("real.imag", "real")(3)
    """,
    "managers": """
        import contextlib
        @contextlib.contextmanager
        def cm(log, x):
            log.append(x)
            try: yield [x]
            finally: log.append(-x)
        def program():
            log = []
            class T: pass
            t = T()
            with cm(log, 1) as t.a, cm(log, 2) as (t.b,):
                t.a[0] += 1
            with contextlib.suppress(KeyError), cm(log, 3): {}["k"]
            try:
                with cm(log, 4): raise OSError("o")
            except OSError as e: log.append(str(e))
            finally: log.append("f")
            return log, t.a, t.b
    """,
    "loops": """
        def program():
            out = []
            for i, (a, b) in enumerate([[1, 2], (3, 4)]):
                if a == 3: continue
                out.append((i, a, b))
            else: out.append("else")
            l = [1, 2, 3]
            for x in l:
                if x < 3: l.append(x + 2)
            while l:
                if l.pop() == 2: break
            else: out.append("no")
            it = iter(l)
            for x in it: out.append(next(it, None))
            for x in reversed(l): out.append(x)
            return out, l, list(map(lambda x: x + 1, l)), sorted(l, key=lambda x: -x), max(l, default=0), sum(x for x in l), dict(zip(l, l))
    """,
    "dataclasses": """
        import dataclasses, enum
        @dataclasses.dataclass(order=True)
        class D:
            a: int
            b: list = dataclasses.field(default_factory=list)
        class E(enum.Enum):
            X = 1
            Y = 2
        def program():
            d, e = D(1), D(1, [2])
            d.b += [1]
            return d < e, d == e, repr(d), dataclasses.replace(d, a=3), E.X is E(1), {E.X: 1}[E["X"]], [m.name for m in E], E.X in [E.Y]
    """,
}


def _outcome(program):
    try:
        return repr(program())
    except Exception as error:
        return f"{type(error)}: {error}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_means_the_same_seen_and_unseen(tmp_path, name):
    with module(tmp_path, textwrap.dedent(PROGRAMS[name])) as made:
        plain = _outcome(made.program)
        assert not plain.startswith("<class"), plain
        with Eye([made.__name__]) as eye:
            assert eye.unseen == {}
            assert _outcome(made.program) == plain
            with running(lambda: _outcome(made.program)) as (run, results):
                assert run.failure is None
                assert results == [plain]
                assert len(run.trace) > 3
        assert _outcome(made.program) == plain
