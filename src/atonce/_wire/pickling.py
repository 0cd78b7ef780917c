"""Objects to bytes and back: plain pickle where it does, cloudpickle where it does not.

Plain pickle names functions and classes by their module. That is wrong for ``__main__``, which is another module in a worker, and
impossible for lambdas and closures. cloudpickle sends those by value. It is 20 times slower and takes 20 ms to import, so it is
used only when plain pickle fails, or when its result names ``__main__``.
"""

from __future__ import annotations

import _pickle
import sys
import threading
from collections import ChainMap
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache, partial
from io import BytesIO
from types import FunctionType, MethodType

from atonce._wire.arena import BIG_BYTES
from atonce._wire.byvalue import homeless_modules, look_at
from atonce._wire.contexts import reduce_variable
from atonce._wire.generators import name_of_generator
from atonce._wire.lightly import dumps_lightly
from atonce._wire.outofband import dumps_with_buffers, stream_with_buffers
from atonce.errors import PicklingFailed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

__all__ = ("dumps", "dumps_apart", "dumps_function", "dumps_function_apart", "loads")

_PROTOCOL = 5
_registry_lock = threading.Lock()  # cloudpickle keeps one list for the whole process


def dumps(thing: Any, *, buffer_callback: Any = None) -> bytes:
    """Pickle anything that can be sent to another process.

    Args:
        thing: anything.
        buffer_callback: as for ``pickle.dumps``; a collector of ``outofband.py``, which can begin anew.

    Raises:
        PicklingFailed: it cannot; the message names the part that does not pickle. The cause is the original error.
    """
    try:
        blob = _pickle.dumps(thing, _PROTOCOL, buffer_callback=buffer_callback)
    except BaseException:  # noqa: S110 (the second attempt reports; and what it runs is the user's, and may exit)
        pass
    else:
        if not any(name.encode() in blob for name in homeless_modules()):
            return blob
    if buffer_callback is not None:
        buffer_callback.args[0].clear()  # what the first attempt has left out
    try:
        return _dumps_by_value(thing, buffer_callback)
    except BaseException as error:
        raise PicklingFailed(_explain(thing, error)) from error


def dumps_function(fn: Callable[..., Any]) -> bytes:
    """Pickle a function, by value if a worker could not import it. As ``dumps``.

    Raises:
        PicklingFailed: as ``dumps``.
    """
    look_at(fn)
    return dumps_lightly(fn, homeless_modules()) or dumps(fn)


def loads(blob: bytes | bytearray) -> Any:
    """Unpickle what ``dumps`` made in a process of the same program."""
    return _pickle.loads(blob)  # it comes from our own other half, over a pipe that nobody else has


class _ByReference(_pickle.Pickler):
    """Refuses what is defined where another process would not find it, and has to go by value."""

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, type | FunctionType) and thing.__module__ in homeless_modules():
            raise _pickle.PicklingError(f"{thing.__qualname__} has to go by value")
        return NotImplemented


def dumps_apart(thing: Any) -> tuple[bytes, list[memoryview]]:
    """Pickle anything, and leave out its large buffers. See ``outofband.py``.

    Raises:
        PicklingFailed: as ``dumps``.
    """
    try:
        return dumps_with_buffers(dumps, thing, pickler=_ByReference)
    except PicklingFailed:
        raise
    except BaseException:  # what the thing's own methods raise: SystemExit, for one
        return dumps(thing), []


def dumps_function_apart(fn: Callable[..., Any]) -> tuple[bytes, list[memoryview]]:
    """Pickle a function as ``dumps_function``, and leave out the large buffers of what it holds. See ``outofband.py``.

    Raises:
        PicklingFailed: as ``dumps``.
    """
    look_at(fn)
    light = dumps_lightly(fn, homeless_modules())
    if light is not None:
        return light, []
    blob, buffers = dumps_apart(fn)
    if buffers or len(blob) < BIG_BYTES:
        return blob, buffers
    try:
        with _by_value() as pickler:  # which can leave out the bytes that a closure holds
            return stream_with_buffers(fn, pickler=pickler)
    except Exception:
        return blob, []


def _dumps_by_value(thing: Any, buffer_callback: Any = None) -> bytes:
    with _by_value() as pickler, BytesIO() as file:
        pickler(file, _PROTOCOL, buffer_callback).dump(thing)
        return file.getvalue()


@contextmanager
def _by_value() -> Iterator[Any]:
    """Give cloudpickle's pickler, which sends what is in homeless modules by value meanwhile, and context variables by name."""
    import cloudpickle  # noqa: PLC0415 (20 ms)

    modules = [sys.modules[name] for name in homeless_modules() if name != "__main__" and name in sys.modules]
    with _registry_lock:
        before = cloudpickle.list_registry_pickle_by_value()
        try:
            for module in modules:
                cloudpickle.register_pickle_by_value(module)
            yield _pickler()
        finally:
            for module in modules:
                if module.__name__ not in before:
                    cloudpickle.unregister_pickle_by_value(module)


@cache
def _pickler() -> Any:
    from cloudpickle import Pickler  # noqa: PLC0415 (20 ms)

    table = ChainMap({ContextVar: reduce_variable}, *Pickler.dispatch_table.maps)

    class Sender(Pickler):  # type: ignore[misc]  # cloudpickle has no types
        dispatch_table = table

        def reducer_override(self, thing: Any) -> Any:
            return name_of_generator(thing) or super().reducer_override(thing)

    return Sender


def _explain(thing: Any, error: BaseException) -> str:
    path, part = _culprit(_as_given(thing))
    what = f"{type(part).__module__}.{type(part).__qualname__}"
    where = f"{path.strip()} (a {what})" if path else f"a {what}"
    return (
        f"{where} cannot be sent to another process: {type(error).__name__}: {error}\n"
        f"engine='thread' needs no pickling; or make the object inside the function, or in the initializer."
    )


def _as_given(thing: Any) -> Any:
    """Return what the caller knows of: the input without its number, the function without what we have put around it."""
    from atonce._values.numbered import unnumbered  # noqa: PLC0415 (only on the way to an error)

    while isinstance(thing, partial) and type(thing) is not partial and not thing.args and not thing.keywords:
        thing = thing.func
    return unnumbered(thing)


def _culprit(thing: Any) -> tuple[str, Any]:
    """Walk down to the innermost part that does not pickle, and say how it is reached."""
    path, seen = "", {id(thing)}
    for _ in range(20):  # deep enough for people, and an end for structures that turn in a circle
        for step, part in _parts(thing):
            if id(part) not in seen and not _pickles(part):
                path, thing = path + step, part
                seen.add(id(part))
                break
        else:
            return path, thing
    return path, thing


def _parts(thing: Any) -> list[tuple[str, Any]]:
    """List what an object is made of, each part with how it is reached."""
    if isinstance(thing, dict):
        return [(f"[{key!r}]", value) for key, value in thing.items()]
    if isinstance(thing, list | tuple):
        return [(f"[{position}]", value) for position, value in enumerate(thing)]
    if isinstance(thing, partial):
        return [(".func", thing.func), (".args", thing.args), (".keywords", thing.keywords)]
    if isinstance(thing, FunctionType):
        return _parts_of_function(thing)
    parts = [(f".{name}", value) for name, value in getattr(thing, "__dict__", {}).items()]
    parts += [(f".{name}", getattr(thing, name)) for name in _slots(thing) if hasattr(thing, name)]
    if isinstance(thing, MethodType):
        parts.append((".__self__", thing.__self__))
    return parts


def _slots(thing: Any) -> list[str]:
    slots = [vars(kind).get("__slots__", ()) for kind in type(thing).__mro__]
    return [name for names in slots for name in ((names,) if isinstance(names, str) else names) if not name.startswith("__")]


def _parts_of_function(fn: FunctionType) -> list[tuple[str, Any]]:
    defaults = enumerate(fn.__defaults__ or ())
    named = fn.__code__.co_varnames[fn.__code__.co_argcount - len(fn.__defaults__ or ()) :]
    parts = [(f" has the default {named[position]!r}", value) for position, value in defaults]
    parts += [(f" has the default {name!r}", value) for name, value in (fn.__kwdefaults__ or {}).items()]
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        with suppress(ValueError):  # a variable that has no value yet
            parts.append((f" closes over {name!r}", cell.cell_contents))
    names = fn.__globals__
    return parts + [(f" uses the global {name!r}", names[name]) for name in fn.__code__.co_names if name in names]


def _pickles(thing: Any) -> bool:
    try:
        _dumps_by_value(thing)
    except BaseException:
        return False
    return True
