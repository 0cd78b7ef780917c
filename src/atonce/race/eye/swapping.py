"""The eye: gives live functions their seen code while it is open, and their own code back when it is closed."""

from __future__ import annotations
import __future__

import ast
import functools
import gc
import inspect
import linecache
import operator
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from atonce.race.eye import calls, iterating, lookup, operators
from atonce.race.eye.accesses import KINDS
from atonce.race.eye.attributes import forget_types
from atonce.race.eye.blind import blind_code, why_not
from atonce.race.eye.bytecode import kept_code
from atonce.race.eye.compiling import Pair, compiled, is_same_function
from atonce.race.eye.finding import functions_alive
from atonce.race.eye.hooks import HOOKS
from atonce.race.eye.included import swap_late, watch
from atonce.race.eye.scopes import Scopes
from atonce.race.eye.watching import forget_kinds

__all__ = ("Eye",)

_ADD_HOOKS = (calls, iterating, operators)  # by being imported
_FUTURE = functools.reduce(operator.or_, [getattr(__future__, name).compiler_flag for name in __future__.all_feature_names])
_Key = tuple[str, int]
_Kept = tuple[str, frozenset[str], list[Pair]]
_kept: dict[tuple[str, int, frozenset[str]], _Kept] = {}  # rewritten files, by name and by the kinds that are seen
_IN_C = (types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodDescriptorType, types.MethodWrapperType)
_plain_of: dict[int, Pair] = {}  # by the id of seen code


class Eye:
    """Sees what the functions of some modules do.

    Args:
        include: names of modules; those of packages count for all that is in them.
        seen: functions whose modules are seen in any case.
        also: names of modules, but not of what is in them if they are packages.

    Attributes:
        name: how it looks.
        unseen: functions that could not be given seen code, and why.
        blind: the code of functions without source; what a decorator has generated is not among it.
        doubts: why nothing can be proved of any run, in words: not all that may be called is seen. Grows while this is open.
    """

    name = "source"

    def __init__(self, include: Sequence[str], seen: Iterable[Callable[..., object]] = (), also: Sequence[str] = ()) -> None:
        self.unseen: dict[str, str] = {}
        self.blind: tuple[types.CodeType, ...] = ()
        self.doubts: list[str] = []
        self._include = tuple(include)
        self._also = tuple(also)
        self._functions = [plain for function in seen if (plain := _plain(function)) is not None]
        self._swapped: list[tuple[types.FunctionType, types.CodeType, types.CodeType]] = []
        self._by_key: dict[str, dict[_Key, list[Pair]]] = {}
        self._known: dict[int, tuple[types.CodeType, types.CodeType | None, str]] = {}
        self._kept_code: dict[str, frozenset[types.CodeType]] = {}  # by file, where it was asked for
        self._spaces: set[int] = set()  # addresses of the globals of what is looked into
        self._files: set[str] = set()

    def __enter__(self) -> Self:
        self._open()
        if self.doubts:  # what is not seen may be garbage, and keep other garbage alive
            self._close()
            gc.collect()
            self._open()
        swap_late.append(self._swap)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._swap in swap_late:
            swap_late.remove(self._swap)
        self._close()

    def _open(self) -> None:
        lookup.learn()
        forget_types()
        forget_kinds()
        self.unseen.clear()
        self.doubts.clear()
        known = functions_alive()
        self._spaces = {id(vars(module)) for module in self._modules()} | {id(function.__globals__) for function in self._functions}
        self._read_files(known)
        try:
            for function in [*known, *self._functions]:
                self._swap(function)
        except BaseException:
            self._close()
            raise
        plain = [function for function in known if id(function.__globals__) in self._spaces and not _is_swapped(function)]
        self.blind = blind_code(plain)
        own = [function for function in self._functions if not _is_swapped(function)]
        self.doubts += why_not([function for function in (*own, *plain) if not self._is_missed(function)])

    def codes(self) -> tuple[types.CodeType, ...]:
        """Return all code that functions are given while this is open."""
        return tuple([pair.seen for table in self._by_key.values() for pairs in table.values() for pair in pairs])

    # ---------------------------------------------------------------- reading

    def _modules(self) -> list[types.ModuleType]:
        wanted = {*self._also, *(function.__module__ for function in self._functions)}
        return [
            module
            for name, module in list(sys.modules.items())
            if isinstance(module, types.ModuleType) and self._wants(name, wanted)
        ]

    def _wants(self, name: str, wanted: set[str]) -> bool:
        if name == "atonce.race" or name.startswith("atonce.race."):
            return False
        return name in wanted or any(name == prefix or name.startswith(prefix + ".") for prefix in self._include)

    def _read_files(self, known: list[types.FunctionType]) -> None:
        files = {file for file in (getattr(module, "__file__", None) for module in self._modules()) if isinstance(file, str)}
        files |= {function.__code__.co_filename for function in self._functions}
        pieces = self._pieces(known)
        files |= {file for _, parts in pieces for file in parts}
        sources = {}
        for file in sorted(files):
            source = _source(file)
            if source is None or _names(source) is None:
                self.unseen[file] = "no source"
            else:
                sources[file] = source
        found = {file: names for file, source in sources.items() if (names := _names(source)) is not None}
        stored = {name for names in found.values() for name in names.stored}
        watched = {file: names.assigned | (stored & names.bound) for file, names in found.items()}
        spaces: dict[int, frozenset[str]] = {}
        for space, parts in pieces:  # what one cell of a notebook assigns, another one reads
            assigned = frozenset[str]().union(*(found[file].assigned for file in parts if file in found))
            bound = frozenset[str]().union(*(found[file].bound for file in parts if file in found))
            spaces[space] = assigned | (stored & bound)
            watched |= {file: spaces[space] for file in parts if file in found}
        for file, source in sources.items():
            self._index(file, _rewritten(source, file, watched[file], self._features(file)))
        self._files = set(watched)
        pairs = [pair for table in self._by_key.values() for same in table.values() for pair in same]
        watch(watched, stored, [pair.seen for pair in pairs], spaces)

    def _features(self, file: str) -> int:
        """Return the features of the language that a text without a file was compiled with: it does not say so itself."""
        codes = [function.__code__ for function in self._functions] if file.startswith("<") else []
        return next((code.co_flags & _FUTURE for code in codes if code.co_filename == file), 0)

    def _pieces(self, known: list[types.FunctionType]) -> list[tuple[int, set[str]]]:
        """Return the spaces of globals whose functions come from several pieces of source: what was typed in, cells, doctests."""
        spaces = [vars(module) for module in self._modules()] + [function.__globals__ for function in self._functions]
        parts: dict[int, set[str]] = {id(space): set() for space in spaces}
        for function in known:
            file = function.__code__.co_filename
            if id(function.__globals__) in parts and _is_typed(file, function.__globals__.get("__file__")):
                parts[id(function.__globals__)].add(file)
        for space in spaces:
            own = space.get("__file__")
            if parts[id(space)] and isinstance(own, str):
                parts[id(space)].add(own)
        return [(space, files) for space, files in parts.items() if files]

    def _index(self, file: str, pairs: list[Pair]) -> None:
        table: dict[_Key, list[Pair]] = {}
        for pair in pairs:
            table.setdefault((pair.plain.co_qualname, pair.plain.co_firstlineno), []).append(pair)
            _plain_of[id(pair.seen)] = pair
        self._by_key[file] = table

    # ---------------------------------------------------------------- swapping

    def _swap(self, function: types.FunctionType) -> bool:
        """Give a function its seen code, if there is one."""
        code = function.__code__
        if code.co_filename not in self._files:
            return False
        known = self._known.get(id(code))
        if known is None:
            known = self._known[id(code)] = (code, *self._find(code, asserts="@pytest_ar" in function.__globals__))
        _, seen, why = known
        if why and self._is_of(code.co_filename, function):
            self._miss(code.co_qualname, why)
        if seen is None or seen is code:
            return False
        try:
            function.__code__ = seen
        except (ValueError, TypeError) as error:
            self._miss(function.__qualname__, str(error))
            return False
        self._swapped.append((function, code, seen))
        return True

    def _is_of(self, file: str, function: types.FunctionType) -> bool:
        """Tell whether a function is of the file that its code names.

        The code of hypothesis, around a test, names the file of the test, so that tracebacks do not show it.
        """
        return function.__globals__.get("__file__") == file or id(function.__globals__) in self._spaces

    def _find(self, code: types.CodeType, *, asserts: bool) -> tuple[types.CodeType | None, str]:
        """Return the seen code that belongs to the code of a function; or why there is none, if there should be.

        Args:
            code: as it runs now.
            asserts: the assertions of its module were rewritten by pytest, so its code is not what its source compiles to.
        """
        candidates = self._by_key[code.co_filename].get((code.co_qualname, code.co_firstlineno), [])
        if any(code is pair.seen for pair in candidates):
            return code, ""
        earlier = _plain_of.get(id(code))
        if earlier is not None:  # a closure that has outlived an eye that saw other names change
            code, asserts = earlier.plain, False
        fitting = [pair for pair in candidates if is_same_function(pair.plain, code) and is_same_function(pair.seen, code)]
        exact = [pair for pair in fitting if pair.plain == code]
        if exact or not (asserts or self._is_kept(code)):
            fitting = exact
        elif len(fitting) > 1:
            fitting = [pair for pair in fitting if _span(pair.plain) == _span(code)]
        if len(fitting) == 1 or (fitting and len({_span(pair.plain) for pair in fitting}) == 1):
            return fitting[0].seen, ""
        if code.co_name == "<lambda>":
            return None, "it cannot be told from others on its line"
        return None, "" if code.co_name.startswith("<") else "its source has changed since it was imported"

    def _is_kept(self, code: types.CodeType) -> bool:
        """Tell whether code stands in the bytecode file of its source, where another patch release may have compiled it."""
        file = code.co_filename
        if file not in self._kept_code:
            self._kept_code[file] = kept_code(file)
        return code in self._kept_code[file]

    def _miss(self, name: str, why: str) -> None:
        self.unseen[name] = why
        self.doubts.append(f"{name} is not seen: {why}")

    def _is_missed(self, function: types.FunctionType) -> bool:
        """Tell whether it was said already why a function is not seen."""
        return any(self._known.get(id(function.__code__), ())[2:])

    def _close(self) -> None:
        """Give all functions their own code back."""
        swapped, self._swapped = self._swapped, []
        for function, code, seen in reversed(swapped):
            if function.__code__ is seen:
                function.__code__ = code
        wrong = [function.__qualname__ for function, code, seen in swapped if function.__code__ is seen and seen is not code]
        watch({}, ())
        self._known.clear()
        self._kept_code.clear()
        assert not wrong, f"these functions kept code that is not theirs: {wrong}"


def _plain(function: Any) -> types.FunctionType | None:
    """Return the Python function behind a callable; ``None`` if there is none: a class, or what is written in C."""
    function = inspect.unwrap(function)
    while not isinstance(function, types.FunctionType):
        if isinstance(function, (type, *_IN_C)):
            return None
        inner = getattr(function, "__func__", None) or getattr(function, "func", None) or vars(type(function)).get("__call__")
        if inner is None or inner is function:
            return None
        function = inspect.unwrap(inner)
    return function


def _is_swapped(function: types.FunctionType) -> bool:
    pair = _plain_of.get(id(function.__code__))
    return pair is not None and pair.seen is function.__code__


def _is_typed(file: str, module: object) -> bool:
    """Tell whether a piece of source is no file of its own, but something that was typed in, of which `linecache` knows."""
    if file == module or file.startswith("<attrs "):
        return False
    return file.startswith("<doctest ") or (file in linecache.cache and not Path(file).exists())


def _source(file: str) -> str | None:
    linecache.checkcache(file)
    lines = linecache.getlines(file)
    if lines:
        return "".join(lines)
    try:
        return Path(file).read_text(encoding="utf-8") or None
    except (OSError, UnicodeDecodeError):
        return None


class _Names(NamedTuple):
    stored: frozenset[str]
    assigned: frozenset[str]
    bound: frozenset[str]


@functools.lru_cache(maxsize=500)
def _names(source: str) -> _Names | None:
    try:
        scopes = Scopes(ast.parse(source))
    except (SyntaxError, ValueError):
        return None
    return _Names(frozenset(scopes.stored_attributes), frozenset(scopes.assigned_globals), frozenset(scopes.module.bound))


def _rewritten(source: str, file: str, names: frozenset[str], features: int) -> list[Pair]:
    key = (file, features, names | {kind for kind, on in KINDS.items() if on})
    kept = _kept.get(key)
    if kept is None or kept[0] != source:
        kept = _kept[key] = (source, names, compiled(source, file, HOOKS, names, features))
    return kept[2]


def _span(code: types.CodeType) -> tuple[object, ...]:
    """Return where code begins and ends, which tells apart lambdas on one line."""
    places = [position for position in code.co_positions() if None not in position and position[2:] != (0, 0)]
    if not places:
        return ()
    starts = [(line, column) for line, _, column, _ in places]
    ends = [(line, column) for _, line, _, column in places]
    return (min(starts), max(ends))
