"""What touches what: the table of all accesses that the eye knows. It is data, and each entry can be taken out by a test.

What is not in the table is not harmless: a callable in C that is not listed here, and is given something that can change, counts as
changing all of it, and the run can be no part of a proof.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = (
    "ALL",
    "DIRECT",
    "FILES",
    "FUNCTIONS",
    "HANDING",
    "HARMLESS",
    "IMMUTABLE",
    "KINDS",
    "METHODS",
    "NO_FILES",
    "READERS",
    "Effect",
)

KINDS: dict[str, bool] = dict.fromkeys(
    (
        "attribute_load", "attribute_store", "attribute_delete", "item_load", "item_store", "item_delete", "global", "cell",
        "augment",
        "truth", "contains", "compare", "operator", "format", "iterate", "unpack", "match", "call", "with",
    ),
    True,
)  # fmt: skip
"""The kinds of expressions that are rewritten."""

ALL = (-1,)
"""In place of the indices of arguments: all of them."""


class Effect(NamedTuple):
    """What a call touches.

    Attributes:
        own: the object whose method it is: ``""``, ``"read"``, ``"write"``, or one of its elements, named by the first argument:
            ``"read item"``, ``"write item"``.
        reads: which arguments it reads, with what they iterate over.
        writes: which arguments it changes.
        deep: it reads also what stands in the arguments, as ``repr`` does.
        rule: the name of a function in `effects` that knows better.
        steps: which argument it reads step by step, if it calls a function of the user's in between.
        lasts: it is written in Python, and others may come in between its steps.
        each: it does something with each element.
    """

    own: str = ""
    reads: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()
    deep: bool = False
    rule: str = ""
    steps: int | None = None
    lasts: bool = False
    each: bool = False


def _each(effect: Effect, names: str) -> dict[str, Effect]:
    return dict.fromkeys(names.split(), effect)


_NOTHING = Effect()
_READ = Effect("read")
_WRITE = Effect("write")
_READ_WITH = Effect("read", reads=ALL)
_WRITE_FROM = Effect("write", reads=ALL)
_GET = Effect("read item")
_SET = Effect("write item")
_DEEP = Effect("read", reads=ALL, deep=True)

_OBJECT = {
    "fromkeys": Effect(reads=ALL),
    **_each(_NOTHING, "__init__ __new__ __init_subclass__ __hash__ __sizeof__ __class_getitem__ __subclasshook__ __enter__"),
    **_each(Effect(rule="read_all"), "__reduce__ __reduce_ex__ __getstate__ __dir__"),
    **_each(Effect(rule="get_attribute"), "__getattribute__ __getattr__"),
    "__setattr__": Effect(rule="set_attribute"),
    "__delattr__": Effect(rule="delete_attribute"),
    **_each(_DEEP, "__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __repr__ __str__ __format__"),
}
_SEQUENCE = {
    **_OBJECT,
    **_each(_READ, "copy __copy__ __len__ __iter__ __reversed__ __mul__ __rmul__ __bool__"),
    **_each(_READ_WITH, "__add__ __radd__"),
    **_each(_DEEP, "count index __contains__"),
    **_each(_GET, "__getitem__"),
    **_each(_SET, "__setitem__"),
    **_each(_WRITE, "append clear insert pop reverse __delitem__ __imul__"),
    **_each(Effect("write", reads=ALL, deep=True), "remove sort"),
    **_each(_WRITE_FROM, "extend __iadd__"),
    "__init__": _WRITE_FROM,
}
_MAPPING = {
    **_OBJECT,
    **_each(_READ, "copy __copy__ __len__ __iter__ __reversed__ __bool__"),
    **_each(_NOTHING, "keys values items"),  # views: what is done with them counts
    **_each(_GET, "get __getitem__ __contains__"),
    **_each(_SET, "__setitem__ setdefault"),
    **_each(_WRITE, "clear pop popitem move_to_end __delitem__ __missing__"),
    **_each(_WRITE_FROM, "update __ior__"),
    **_each(_READ_WITH, "__or__ __ror__"),
    "__init__": _WRITE_FROM,
}
_SET_OF = {
    **_OBJECT,
    **_each(_READ, "copy __len__ __iter__ __bool__"),
    **_each(_GET, "__contains__"),
    **_each(_READ_WITH, "difference intersection union symmetric_difference issubset issuperset isdisjoint"),
    **_each(_READ_WITH, "__and__ __or__ __xor__ __sub__ __rand__ __ror__ __rxor__ __rsub__"),
    **_each(_WRITE, "add clear discard pop remove"),
    **_each(
        _WRITE_FROM, "update difference_update intersection_update symmetric_difference_update __iand__ __ior__ __ixor__ __isub__"
    ),
    "__init__": _WRITE_FROM,
}

METHODS: dict[str, dict[str, Effect]] = {
    "builtins.object": _OBJECT,
    **{f"builtins.{name}": {"*": Effect(reads=ALL, deep=True)} for name in ("bytes", "tuple", "frozenset")},
    "builtins.str": {"*": Effect(reads=ALL, deep=True), **_each(Effect(rule="read_deep", lasts=True), "format format_map")},
    **{f"builtins.{name}": {"*": _NOTHING} for name in ("int", "float", "complex", "range", "slice")},
    "builtins.BaseException": {"*": Effect("write")},
    "builtins.type": {"*": Effect(reads=ALL)},
    **{f"{name}.object": {"*": Effect("write", reads=ALL)} for name in ("_random", "_hashlib", "zlib", "_csv")},
    "_io.object": {"*": Effect("write", reads=ALL), **_each(Effect("write", writes=(0,)), "readinto readinto1")},
    "_struct.object": {"*": Effect("read", reads=ALL), "pack_into": Effect("read", writes=(0,))},
    "weakref.ReferenceType": {"*": _READ},
    "builtins.list": _SEQUENCE,
    "builtins.dict": _MAPPING,
    "builtins.set": _SET_OF,
    "collections.deque": {
        **_SEQUENCE,
        **_each(_WRITE, "appendleft popleft rotate"),
        **_each(_WRITE_FROM, "extendleft"),
    },
    "collections.OrderedDict": _MAPPING,
    "collections.defaultdict": _MAPPING,
    "builtins.bytearray": {
        **_SEQUENCE,
        **_each(
            _READ_WITH,
            "decode endswith startswith find rfind index rindex count hex join split rsplit splitlines strip lstrip rstrip "
            "partition rpartition replace translate upper lower title capitalize swapcase center ljust rjust zfill expandtabs "
            "isalnum isalpha isascii isdigit islower isspace istitle isupper removeprefix removesuffix",
        ),
    },
    "array.array": {
        **_SEQUENCE,
        **_each(_READ, "tobytes tolist tounicode buffer_info"),
        **_each(_WRITE_FROM, "frombytes fromlist fromunicode fromfile byteswap"),
        "tofile": _READ,
    },
}
"""What methods written in C touch, by type; ``*`` is any that is not listed, and a container without one writes.

``module.object`` stands for all types of a module, which touch nothing but themselves and what they are given.
"""

_CONSTRUCTORS = "list tuple set frozenset dict bytes bytearray"
_ITERATORS = "zip map filter enumerate iter aiter reversed"
_PLAIN = (
    "callable chr classmethod id input isinstance issubclass object ord property "
    "range slice staticmethod memoryview BaseException type super locals globals __build_class__ breakpoint anext compile"
)
_CONVERTERS = "abs bin bool complex divmod float hash hex int oct pow round"

FUNCTIONS: dict[str, Effect] = {
    **{f"builtins.{name}": Effect(reads=ALL) for name in [*_CONSTRUCTORS.split(), *_ITERATORS.split(), "len"]},
    **{f"builtins.{name}": Effect(reads=ALL, each=True) for name in ("sum", "any", "all")},
    **{f"builtins.{name}": Effect(reads=ALL, steps=0, each=True) for name in ("min", "max")},
    "builtins.sorted": Effect(reads=ALL, deep=True),
    **{f"builtins.{name}": Effect(rule="convert") for name in _CONVERTERS.split()},
    **{f"builtins.{name}": _NOTHING for name in _PLAIN.split()},
    **{f"builtins.{name}": Effect(reads=ALL, deep=True) for name in ("repr", "str", "format", "ascii")},
    "builtins.print": Effect(rule="print"),
    "_struct.pack_into": Effect(writes=(1,)),
    **dict.fromkeys(("builtins.open", "_io.open"), Effect(rule="files")),
    "os.getenv": Effect(rule="environment"),
    "builtins.next": Effect(rule="next_item"),
    "builtins.getattr": Effect(rule="getattr"),
    "builtins.hasattr": Effect(rule="getattr"),
    "builtins.setattr": Effect(rule="setattr"),
    "builtins.delattr": Effect(rule="delattr"),
    "builtins.vars": Effect(rule="vars"),
    "builtins.dir": Effect(rule="read_all"),
    "builtins.exec": Effect(rule="exec"),
    "builtins.eval": Effect(rule="exec"),
    "collections.deque": Effect(reads=ALL),
    "collections.OrderedDict": Effect(reads=ALL),
    "collections.defaultdict": Effect(reads=ALL),
    "collections.Counter": Effect(reads=ALL),
    "array.array": Effect(reads=ALL),
    "_operator.getitem": Effect(rule="getitem"),
    "_operator.setitem": Effect(rule="setitem"),
    "_operator.delitem": Effect(rule="delitem"),
    "_operator.contains": Effect(reads=ALL, deep=True),
    **{
        f"_operator.{name}": Effect(reads=ALL)
        for name in ["add", "concat", "mul", "or_", "and_", "xor", "sub", "not_", "truth", "length_hint", "mod"]
    },
    **{f"_operator.{name}": Effect(reads=ALL, deep=True) for name in ["eq", "ne", "lt", "le", "gt", "ge", "countOf", "indexOf"]},
    **{f"_operator.{name}": Effect(reads=(1,), writes=(0,)) for name in ["iadd", "iconcat", "imul", "ior", "iand", "ixor", "isub"]},
    **{
        f"_operator.{name}": _NOTHING
        for name in ["index", "neg", "pos", "abs", "invert", "is_", "is_not", "floordiv", "truediv", "pow", "lshift", "rshift"]
    },
    **{f"_operator.{name}": _NOTHING for name in ["itemgetter", "attrgetter", "methodcaller"]},
    **{
        f"_heapq.{name}": Effect(writes=(0,), deep=True)
        for name in ["heappush", "heappop", "heapify", "heapreplace", "heappushpop"]
    },
    **{f"_heapq.{name}": Effect(writes=(0,), deep=True) for name in ("_heappop_max", "_heapify_max", "_heapreplace_max")},
    **{f"heapq.{name}": Effect(reads=ALL, deep=True, lasts=True) for name in ("nlargest", "nsmallest")},
    "heapq.merge": Effect(reads=ALL, deep=True),
    **{f"_bisect.{name}": Effect(reads=(0,), deep=True) for name in ("bisect_left", "bisect_right")},
    **{f"_bisect.{name}": Effect(writes=(0,), deep=True) for name in ("insort_left", "insort_right")},
    "_functools.reduce": Effect(reads=(1,), steps=1),
    "copy.copy": Effect(rule="read_all"),
    "copy.deepcopy": Effect(rule="read_deep", lasts=True),
    **{f"json.{name}": Effect(rule="read_deep", lasts=True) for name in ("dumps", "dump")},
    **{f"_pickle.{name}": Effect(rule="read_deep", lasts=True) for name in ("dumps", "dump")},
    **{f"dataclasses.{name}": Effect(rule="read_deep", lasts=True) for name in ("asdict", "astuple", "replace")},
    **{f"statistics.{name}": Effect(reads=ALL, lasts=True) for name in ("mean", "median", "stdev", "fmean", "mode")},
    **{f"random.Random.{name}": Effect("write", writes=(0,), lasts=True) for name in ("shuffle",)},
    **{f"random.Random.{name}": Effect("write", reads=ALL, lasts=True) for name in ("choice", "choices", "sample")},
    **{
        f"random.Random.{name}": Effect("write")
        for name in ["randint", "randrange", "uniform", "gauss", "seed", "expovariate", "triangular"]
    },
    **{f"collections.Counter.{name}": _WRITE_FROM._replace(lasts=True) for name in ("update", "subtract", "_keep_positive")},
    **{f"collections.Counter.{name}": Effect("read", lasts=True) for name in ("most_common", "elements", "total", "copy")},
    "collections.namedtuple": _NOTHING,
    "weakref.ReferenceType": Effect(rule="weak"),
    "weakref.finalize": Effect(rule="weak"),
    "weakref.proxy": Effect(rule="weak"),
    "math.fsum": Effect(reads=ALL),
    "math.prod": Effect(reads=ALL),
}
"""What functions and types touch, by module and name."""

HARMLESS = frozenset(
    (
        "threading", "_thread", "queue", "_queue", "concurrent", "asyncio", "_asyncio", "contextlib", "functools", "types", "abc",
        "_abc", "enum", "typing", "time", "contextvars", "_contextvars", "warnings", "_warnings",
        "inspect", "logging", "pytest", "_pytest", "atonce.race", "importlib", "gc", "sys", "pluggy",
    )
)  # fmt: skip
"""Modules of the library that is not looked into. Their functions touch nothing of the user's but by calling the user's code."""

READERS = frozenset(
    (
        "traceback", "unittest.case", "re", "pathlib", "datetime", "_datetime", "decimal", "_decimal", "fractions",
        "uuid",
        "tempfile", "os", "posix", "posixpath", "genericpath", "string", "textwrap", "numbers", "hashlib", "base64", "binascii",
        "struct", "_struct", "math", "cmath", "itertools", "urllib.parse", "secrets", "hmac", "shlex", "ast", "keyword", "html",
        "ipaddress", "locale", "zoneinfo", "difflib", "fnmatch", "_string", "_sre", "_stat", "stat", "unicodedata", "zlib",
    )
)  # fmt: skip
"""Modules whose functions read what they are given, all that is in it, and change none of it."""

_PATHS = (
    "exists is_file is_dir is_symlink is_mount stat lstat open read_text read_bytes write_text write_bytes mkdir rmdir unlink "
    "touch rename replace iterdir glob rglob walk symlink_to hardlink_to readlink chmod lchmod samefile resolve copy move "
    "copy_into move_into"
)
_QUESTIONS = "exists lexists isfile isdir islink ismount getsize getmtime getatime getctime samefile realpath"
_SYSTEM = (
    "stat lstat open read write close mkdir rmdir unlink remove rename replace listdir scandir link symlink readlink truncate "
    "ftruncate access chmod utime sendfile lseek pread pwrite fsync chdir getcwd putenv unsetenv system fork kill"
)

FILES: dict[str, frozenset[str] | None] = {
    "pathlib": frozenset(_PATHS.split()),
    **dict.fromkeys(("genericpath", "posixpath", "ntpath"), frozenset(_QUESTIONS.split())),
    **dict.fromkeys(("posix", "nt"), frozenset(_SYSTEM.split())),
    **dict.fromkeys(("tempfile", "os"), None),
}
"""Functions that look at files, or change them, by module; ``None``: all of them but `NO_FILES`."""

NO_FILES = frozenset(("fspath", "fsencode", "fsdecode", "getenv", "get_exec_path", "cpu_count", "process_cpu_count"))

HANDING = frozenset(
    ("threading", "_thread", "concurrent", "asyncio", "_asyncio", "contextlib", "contextvars", "_contextvars", "atonce.race")
)
"""Modules whose functions call, sooner or later, what they are given."""

IMMUTABLE = frozenset(
    ("re", "datetime", "decimal", "fractions", "uuid", "zoneinfo", "ipaddress", "pathlib", "_operator", "string.templatelib")
)
"""Modules of types whose values never change."""

DIRECT = (
    "sys._getframe", "sys._getframemodulename", "sys.exc_info", "_warnings.warn", "builtins.locals", "builtins.globals",
    "builtins.super", "builtins.exec", "builtins.eval", "builtins.__import__", "builtins.breakpoint",
)  # fmt: skip
"""Functions that look at the frame that calls them, and are never called by one of ours."""
