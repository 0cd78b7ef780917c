import pytest

from atonce.race.eye.accesses import KINDS

from .looking import seen

OBJECT = """
class C:
    shared = 1
    def method(self): return 1
    @property
    def twice(self): return self.x * 2
class S:
    __slots__ = ("x",)
o = C(); o.x = 1; o.items = [1, 2]
s = S(); s.x = 1
l = [3, 1, 2]; d = {"k": 1}; t = {1, 2}
import collections, operator, array, threading, functools, enum, copy, itertools
q = collections.deque([1, 2]); od = collections.OrderedDict(a=1); dd = collections.defaultdict(list); b = bytearray(b"ab")
counter = 0
class E(enum.Enum):
    A = 1
def f(): pass
f.calls = 0
"""

TABLE = [
    # attributes
    ("o.x", ["read o['x']"]),
    ("o.x = 2", ["write o['x']!"]),
    ("del o.x", ["write o['x']!"]),
    ("o.x += 1", ["read o['x']", "write o['x']!"]),
    ("o.items += [3]", ["read o['items']", "write list! list", "write o['items']!"]),
    ("o.missing = 1", ["write o['missing']!"]),
    ("s.x", ["read s['x']"]),
    ("s.x = 2", ["write s['x']!"]),
    ("o.method()", []),
    ("o.twice", ["read o['x']"]),
    ("o.shared", ["read o['shared'] C['shared']"]),
    ("C.shared", ["read C['shared']"]),
    ("C.shared = 2", ["write C['shared']!"]),
    ("f.calls += 1", ["read f['calls']", "write f['calls']!"]),
    ("E.A", []),
    ("o.__dict__['x']", ["read o['x']"]),
    ("vars(o)['x'] = 2", ["write o['x']!"]),
    ("o.__dict__['new'] = 2", ["write o!"]),
    ("getattr(o, 'x')", ["read o['x']"]),
    ("getattr(o, 'y', None)", ["read o['y'] C['y']"]),
    ("hasattr(o, 'x')", ["read o['x']"]),
    ("setattr(o, 'x', 2)", ["write o['x']!"]),
    ("delattr(o, 'x')", ["write o['x']!"]),
    ("object.__setattr__(o, 'x', 2)", ["write o['x']!"]),
    ("object.__getattribute__(o, 'x')", ["read o['x']"]),
    ("operator.attrgetter('x')(o)", ["read o['x']"]),
    ("o.x, o.y = 1, 2", ["write o['x']!", "write o['y']!"]),
    ("for o.x in (1, 2): pass", ["write o['x']!", "write o['x']!"]),
    # items
    ("l[0]", ["read l[0]"]),
    ("l[-1]", ["read l"]),
    ("l[0:1]", ["read l"]),
    ("l[0] = 5", ["write l[0]!"]),
    ("l[0] += 5", ["read l[0]", "write l[0]!"]),
    ("l[1:] = [4]", ["write l! list"]),
    ("del l[0]", ["write l!"]),
    ("d['k']", ["read d['k']"]),
    ("d['k'] = 2", ["write d['k']!"]),
    ("d['new'] = 2", ["write d!"]),
    ("d['k'] += 1", ["read d['k']", "write d['k']!"]),
    ("del d['k']", ["write d!"]),
    ("d[1, 'a'] = 1", ["write d!"]),
    ("od['a'] = 2", ["write od['a']!"]),
    ("dd['n']", ["read dd['n']", "write dd!"]),
    ("dd['n'].append(1)", ["read dd['n']", "write dd!", "write list!"]),
    ("q[0]", ["read q"]),
    ("q[0] = 1", ["write q!"]),
    ("b[0]", ["read b[0]"]),
    ("operator.itemgetter('k')(d)", ["read d['k']"]),
    ("operator.setitem(d, 'k', 2)", ["write d['k']!"]),
    ("operator.getitem(d, 'k')", ["read d['k']"]),
    ("operator.delitem(d, 'k')", ["write d!"]),
    ("operator.methodcaller('append', 3)(l)", ["write l!"]),
    ("list.append(l, 3)", ["write l!"]),
    ("dict.__setitem__(d, 'k', 3)", ["write d['k']!"]),
    # methods
    ("l.append(1)", ["write l!"]),
    ("l.append(o.x)", ["read o['x']", "write l!"]),
    ("l.extend(d)", ["write l! d"]),
    ("l.pop()", ["write l!"]),
    ("l.sort()", ["write l!"]),
    ("l.copy()", ["read l"]),
    ("l.sort(key=lambda x: x)", ["write l!", "write l!"]),
    ("l.index(1)", ["read l"]),
    ("d.get('k')", ["read d['k']"]),
    ("d.setdefault('k', 1)", ["write d['k']!"]),
    ("d.setdefault('new', 1)", ["write d!"]),
    ("d.pop('k')", ["write d!"]),
    ("d.update(k=3)", ["write d!"]),
    ("d.items()", []),
    ("t.add(1)", ["write t!"]),
    ("t.union([1])", ["read t list"]),
    ("q.popleft()", ["write q!"]),
    ("od.move_to_end('a')", ["write od!"]),
    ("b.append(1)", ["write b!"]),
    ("m = l.append\nm(1)", ["write l!"]),
    ("functools.partial(l.append, 1)()", ["write l!"]),
    ("','.join(['a'])", ["read list"]),
    # reading as a whole
    ("len(l)", ["read l"]),
    ("sum(l)", ["read l"]),
    ("sorted(l)", ["read l"]),
    ("min(l)", ["read l"]),
    ("max(d.values())", ["read d"]),
    ("any(l)", ["read l"]),
    ("list(l)", ["read l"]),
    ("dict(d)", ["read d"]),
    ("tuple(zip(l, d))", ["read l d", "write l d zip! list_iterator! dict_keyiterator!"]),
    ("repr([l])", ["read list l"]),
    ("str(d)", ["read d"]),
    ("copy.copy(l)", ["read l l"]),
    ("copy.deepcopy(o)", ["read o list", "read o list"]),
    ("operator.contains(l, 1)", ["read l"]),
    ("f'{l}'", ["read l"]),
    ("'%s' % (l,)", ["read l"]),
    # truth, comparison, operators
    ("if l: pass", ["read l"]),
    ("while not l: pass", ["read l"]),
    ("x = 1 if d else 2", ["read d"]),
    ("x = l or d", ["read l"]),
    ("x = l and d", ["read l"]),
    ("assert l", ["read l"]),
    ("[x for x in (1, 2) if l]", ["read l", "read l"]),
    ("bool(l)", ["read l"]),
    ("1 in l", ["read l"]),
    ("'k' not in d", ["read d['k']"]),
    ("1 in t", ["read t[1]"]),
    ("1 in d.keys()", ["read d"]),
    ("l == [1]", ["read l list"]),
    ("l is None", []),
    ("assert l != [1]", ["read l list"]),
    ("l + l", ["read l l"]),
    ("d | d", ["read d d"]),
    ("x = l\nx += [1]", ["write l! list"]),
    ("x = d\nx |= {'a': 1}", ["write d! dict"]),
    ("match l:\n    case [1, *_]: pass", ["read l"]),
    # iteration
    ("for x in l[:1]: pass", ["read l", "read list", "read list"]),
    ("for x in d: pass", ["read d", "read d"]),
    ("for x in d.items(): pass", ["read d", "read d"]),
    ("for i, x in enumerate(d): pass", ["read d", *["write d enumerate! dict_keyiterator!"] * 2]),
    ("[x for x in d]", ["read d", "read d"]),
    ("{x for x in d}", ["read d", "read d"]),
    ("{x: 1 for x in d}", ["read d", "read d"]),
    ("list(x for x in d)", ["read d", "read d"]),
    ("a, b, c = l", ["read l"]),
    ("a, *b = l", ["read l"]),
    ("print(end='', *l)", ["read l"]),
    ("[*l]", ["read l"]),
    ("{**d}", ["read d"]),
    ("dict(**d)", ["read d"]),
    ("next(iter(l))", ["read l", "write l list_iterator!"]),
    ("list(map(len, [l]))", ["read list", "write list map! list_iterator!"]),
    ("for a, b in [l[:2]]: pass", ["read l", "read list", "read list", "read list"]),
    ("max(d, key=d.get)", ["read d d"]),
    ("list(map(l.append, (1,)))", ["write l!", "write l map! tuple_iterator! l!"]),
    ("min(d, key=lambda k: k)", ["read d", "read d", "read d"]),
    ("threading.local().x = 1", []),
    ("import io\nf2 = io.StringIO()\nf2.write('a')\nf2.getvalue()", ["write StringIO!", "write StringIO!"]),
    ("import os\nos.environ['ATONCE_TEST'] = '1'", ["write _Environ!"]),
    ("import re\nre.compile('a').match('a').group()", []),
    ("import math\nmath.sqrt(4)", []),
    # variables
    ("global counter\ncounter = 1", ["write globals['counter']!"]),
    ("global counter\ncounter += 1", ["read globals['counter']", "write globals['counter']!"]),
    ("n = 0\ndef g():\n    nonlocal n\n    n += 1\ng()", ["write cell['n']!", "read cell['n']", "write cell['n']!"]),
    ("n = 0\ndef g(): return n\ng()", []),
    ("n = 0\ndef g(): return n\nn = 1\ng()", ["write cell['n']!", "write cell['n']!", "read cell['n']"]),
    ("for i in (1, 2):\n    g = lambda: i\ng()", ["write cell['i']!", "write cell['i']!", "read cell['i']"]),
    ("x = 0\nx += 1", []),
]


@pytest.mark.parametrize(("body", "expected"), TABLE, ids=[body for body, _ in TABLE])
def test_an_expression_announces_what_it_touches(tmp_path, body, expected):
    announced, doubts = seen(tmp_path, OBJECT, body)
    assert announced == expected
    assert doubts == []


FOUND_BY = {
    "attribute_load": "o.x",
    "attribute_store": "o.x = 2",
    "attribute_delete": "del o.x",
    "item_load": "d['k']",
    "item_store": "d['k'] = 2",
    "item_delete": "del d['k']",
    "global": "global counter\ncounter = 1",
    "cell": "for i in (1, 2):\n    g = lambda: i\ng()",
    "augment": "x = l\nx += [1]",
    "truth": "if l: pass",
    "contains": "1 in l",
    "compare": "l == [1]",
    "operator": "l + l",
    "format": "f'{l}'",
    "iterate": "for x in d: pass",
    "unpack": "a, b, c = l",
    "match": "match l:\n    case [1, *_]: pass",
    "call": "len(l)",
    "with": "with threading.Lock(): pass",
}


def test_each_kind_of_expression_is_found_by_its_row(tmp_path, monkeypatch):
    assert set(FOUND_BY) == set(KINDS)
    for kind, body in FOUND_BY.items():
        if kind == "with":
            continue
        whole = seen(tmp_path, OBJECT, body)
        monkeypatch.setitem(KINDS, kind, False)
        assert seen(tmp_path, OBJECT, body) != whole, kind
        monkeypatch.setitem(KINDS, kind, True)


DOUBTFUL = [
    "exec('1')",
    "eval('1')",
    "C.method = lambda self: 2",
    "o.method = 1",
    "o.__dict__ = {}",
    "collections.ChainMap(d)['k']",
    "collections.UserDict(d)",
    "threading.stack_size = 3",
    "import weakref\nweakref.ref(o, print)",
    "import weakref\nweakref.WeakValueDictionary()['o'] = o",
    "import sched\nsched.scheduler()",
]


@pytest.mark.parametrize("body", DOUBTFUL)
def test_what_is_not_known_is_doubted(tmp_path, body):
    assert seen(tmp_path, OBJECT, body)[1] != []
