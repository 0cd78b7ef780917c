"""What is run: a function, or a state with workers and what must hold of it; and which modules' code is looked into."""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from atonce.errors import OptionError
from atonce.race.neighbours import neighbours

__all__ = ("Target",)

_SKIP = ("atonce.race", "threading", "_pytest", "pytest", "pluggy")  # never looked into: it would look at itself


class Target(NamedTuple):
    """A program, ready to be run.

    Attributes:
        program: takes no arguments; synchronous, or a coroutine function.
        functions: whose code is looked into in any case.
        include: prefixes of the names of modules whose code is looked into.
        also: names of modules whose code is looked into, but not what is in them if they are packages.
        asked: those that were asked for; empty: the default.
        name: for people.
        command: as the command ``atonce race`` takes it; empty if it cannot.
        parts: the options of `explore` that it was made of, as Python writes them; empty if it was made of a function.
    """

    program: Callable[[], object]
    functions: tuple[Callable[..., object], ...]
    include: tuple[str, ...]
    also: tuple[str, ...]
    asked: tuple[str, ...]
    name: str
    command: str
    parts: str

    @classmethod
    def of(
        cls,
        fn: Callable[[], object] | None,
        setup: Callable[[], Any] | None,
        workers: Sequence[Callable[[Any], object]] | None,
        invariant: Callable[[Any], object] | None,
        include: Sequence[str] | None,
    ) -> Target:
        """Make one of what `explore` was given.

        Raises:
            OptionError: it is neither a function nor a whole set of setup, workers and invariant; or `include` is no list of names.
        """
        if fn is None:
            if setup is None or not workers:
                raise OptionError("explore() needs a function, or setup= and workers= (and invariant=)")
            functions: tuple[Callable[..., object], ...] = (setup, *workers, *([invariant] if invariant is not None else []))
            program: Callable[[], object] = functools.partial(_side_by_side, setup, tuple(workers), invariant)
            parts = f"setup={_name(setup)}, workers=[{', '.join(map(_name, workers))}]"
            parts += f", invariant={_name(invariant)}" if invariant is not None else ""
        elif setup is not None or workers is not None or invariant is not None:
            raise OptionError("explore() takes a function, or setup=, workers= and invariant=, not both")
        else:
            fn, include = _undecorated(fn, include)
            functions, program, parts = (fn,), fn, ""
        for function in functions:
            _callable(function)
        if fn is not None:
            _without_arguments(fn)
        included = _included(functions, include)
        also = _nearby(included) if include is None else ()
        asked = included if include is not None else ()
        return cls(program, functions, included, also, asked, _name(functions[0]), _command(fn), parts)

    def files(self) -> list[str]:
        """Return where the source of the functions is."""
        codes = [getattr(inspect.unwrap(_bare(function)), "__code__", None) for function in self.functions]
        return list(dict.fromkeys(code.co_filename for code in codes if code is not None))

    @staticmethod
    def bound(fn: Callable[..., object], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Callable[[], object]:
        """Give a function its arguments: what is left takes none."""
        if not args and not kwargs:
            return fn
        given = functools.partial(fn, *args, **kwargs)
        return functools.update_wrapper(given, fn)


def _side_by_side(
    setup: Callable[[], Any], workers: Sequence[Callable[[Any], object]], invariant: Callable[[Any], object] | None
) -> None:
    """Run the workers, each in a thread of its own, and see whether the state is right when all have ended."""
    state = setup()
    threads = [threading.Thread(target=worker, args=(state,), name=_name(worker)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if invariant is not None and invariant(state) is False:
        raise AssertionError(f"the invariant {_name(invariant)} does not hold of {state!r:.200}")


def _undecorated(fn: Any, include: Sequence[str] | None) -> tuple[Callable[[], object], Sequence[str] | None]:
    """Take off what `race.check` has put around a test: a check inside a check decides nothing."""
    options = getattr(fn, "race_options", None)
    if not isinstance(options, dict):
        return fn, include
    inner = fn.__wrapped__
    bound = inner.__get__(fn.__self__) if inspect.ismethod(fn) else inner
    return bound, options.get("include") if include is None else include


def _callable(function: object) -> None:
    if not callable(function):
        raise OptionError(f"{function!r:.100} cannot be called: a race is looked for in a function")


def _without_arguments(fn: Callable[..., object]) -> None:
    try:
        parameters = inspect.signature(fn, follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):
        return
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    missing = [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]
    if missing:
        raise OptionError(
            f"{_name(fn)} takes arguments ({', '.join(missing)}), and would get none.\n"
            "Give it what it needs in a lambda: race.explore(lambda: fn(...))"
        )


def _included(functions: Sequence[Callable[..., object]], include: Sequence[str] | None) -> tuple[str, ...]:
    if isinstance(include, str) or (include is not None and not all(isinstance(name, str) for name in include)):
        raise OptionError(f"include={include!r}: expected a list of module names, as in include=['bank', 'bank_tests.tools']")
    if include is not None:
        return tuple(include)
    names = []
    for function in functions:
        module = getattr(_bare(function), "__module__", None)
        if isinstance(module, str) and not module.startswith(_SKIP):
            names += [module, module.rpartition(".")[0]] if "." in module else [module]
    return tuple(dict.fromkeys(names))


def _nearby(included: Sequence[str]) -> tuple[str, ...]:
    """Return the modules of the same project that the functions' modules import."""
    near = [other for name in included for other in neighbours(name)]
    return tuple(dict.fromkeys(name for name in near if name not in included and not f"{name}.".startswith(_SKIP)))


def _bare(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__func__", function)


def _name(function: object) -> str:
    bare = _bare(function)
    return getattr(bare, "__qualname__", None) or type(bare).__name__


def _is_there(module: object, path: str) -> bool:
    for name in path.split("."):
        module = getattr(module, name, None)
    return module is not None


def _command(fn: Callable[[], object] | None) -> str:
    """Say how the command line names a function: a function at the top of a file, or a method of a class there."""
    bare = _bare(fn)
    name = getattr(bare, "__qualname__", "")
    module = sys.modules.get(getattr(bare, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    if not file or not name or "<" in name or isinstance(fn, functools.partial) or not Path(file).is_file():
        return ""
    if not _is_there(module, name):  # it was typed in
        return ""
    return f"{file}::{name.replace('.', '::')}"
