"""A picture of all that a check might leave changed in the process, to be compared with one that is taken later."""

import asyncio
import atexit
import builtins
import concurrent.futures
import contextvars
import gc
import importlib
import os
import random
import signal
import sys
import threading
import types
import warnings
import weakref
from pathlib import Path

__all__ = ("Picture", "own")

_MODULES = [
    importlib.import_module(name)
    for name in (
        "_queue",
        "_thread",
        "asyncio",
        "asyncio.base_events",
        "asyncio.events",
        "asyncio.futures",
        "asyncio.locks",
        "asyncio.queues",
        "asyncio.runners",
        "asyncio.tasks",
        "asyncio.threads",
        "asyncio.unix_events",
        "builtins",
        "collections",
        "concurrent.futures",
        "concurrent.futures._base",
        "concurrent.futures.thread",
        "contextlib",
        "copy",
        "functools",
        "gc",
        "inspect",
        "logging",
        "queue",
        "random",
        "signal",
        "sys",
        "threading",
        "time",
        "weakref",
    )
]
_CACHES = {
    "__warningregistry__",
    "_filesbymodname",
    "_getframe",
    "last_exc",
    "last_traceback",
    "last_type",
    "last_value",
    "modules",
    "modulesbyfile",
    "path_importer_cache",
    "stderr",
    "stdin",
    "stdout",
}  # and what a test runner sets between two tests
own = threading.local()  # whose values in the calling thread belong to the picture
_of_context = contextvars.ContextVar("_of_context", default=0)


class Picture:
    """What there is now: each thing under a name for people, kept alive, so that no address is used again."""

    def __init__(self, *modules: types.ModuleType) -> None:
        gc.collect()
        self._things: dict[str, object] = {}
        for module in (*_MODULES, *modules):
            self._space(module.__name__, module, deep=module in modules)
        self._surroundings()

    def differences(self, later: "Picture") -> list[str]:
        """Name what is not what it was."""
        names = self._things.keys() | later._things.keys()
        return sorted(f"{name}: {self._told(name, later)}" for name in names if not self._equal(name, later))

    def _told(self, name, later):
        before, after = self._things.get(name), later._things.get(name)
        if isinstance(before, frozenset) and isinstance(after, frozenset):
            return f"lost {set(before - after)}, got {set(after - before)}"
        return f"{before!r} -> {after!r}"

    def _equal(self, name, later):
        missing = object()
        before, after = self._things.get(name, missing), later._things.get(name, missing)
        plain = (int, float, str, bytes, tuple, frozenset, type(None))
        return before is after or (type(before) is type(after) and isinstance(before, plain) and before == after)

    def _space(self, path, thing, *, deep):
        for name, value in list(vars(thing).items()):
            if name not in _CACHES and name not in {"__builtins__", "__dict__", "__weakref__"}:
                self._things[f"{path}.{name}"] = value
                self._inside(f"{path}.{name}", value, deep=deep)

    def _inside(self, path, value, *, deep):
        function = value
        while isinstance(function, (staticmethod, classmethod, property)):
            function = function.fget if isinstance(function, property) else function.__func__
        if isinstance(function, types.FunctionType):
            self._function(path, function)
        elif isinstance(value, type) and "." not in path.removeprefix(f"{value.__module__}.") and value.__module__ in path:
            self._space(path, value, deep=deep)
        elif isinstance(value, dict) and value is not os.environ:
            self._things |= {f"{path}[{key!r}]": held for key, held in value.items()}
        elif isinstance(value, (list, tuple)):
            self._things |= {f"{path}[{at}]": held for at, held in enumerate(value)}
        elif isinstance(value, (set, frozenset, weakref.WeakSet)):
            self._things[f"{path} holds"] = frozenset(map(id, value))
        elif isinstance(value, (weakref.WeakKeyDictionary, weakref.WeakValueDictionary)):
            self._things[f"{path} holds"] = frozenset((id(key), id(held)) for key, held in value.items())
        elif deep and type(value).__module__ == path.partition(".")[0] and hasattr(value, "__dict__"):
            self._space(path, value, deep=False)

    def _function(self, path, function):
        for name in ("__code__", "__globals__", "__name__", "__qualname__", "__module__", "__doc__"):
            self._things[f"{path}.{name}"] = getattr(function, name)
        for name in ("__defaults__", "__kwdefaults__", "__closure__"):
            self._things[f"{path}.{name}"] = getattr(function, name)
        for cell in function.__closure__ or ():
            self._things[f"{path} cell {id(cell)}"] = cell
            if cell != types.CellType():
                self._things[f"{path} in cell {id(cell)}"] = cell.cell_contents
        self._things |= {f"{path}.{name}": held for name, held in vars(function).items()}

    def _surroundings(self):
        self._things |= {
            f"handler of {number.name}": signal.getsignal(number) for number in signal.valid_signals() if hasattr(number, "name")
        }
        self._things |= {
            "signal mask": frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            "random state": random.getstate(),
            "gc": (gc.isenabled(), gc.get_threshold(), gc.get_debug(), len(gc.callbacks)),
            "trace": sys.gettrace(),
            "profile": sys.getprofile(),
            "trace of threads": getattr(threading, "_trace_hook", None),
            "profile of threads": getattr(threading, "_profile_hook", None),
            "CPUs": frozenset(os.sched_getaffinity(0)),
            "switch interval": sys.getswitchinterval(),
            "recursion limit": sys.getrecursionlimit(),
            "asyncgen hooks": tuple(sys.get_asyncgen_hooks()),
            "coroutine origins": sys.get_coroutine_origin_tracking_depth(),
            "environment": frozenset(item for item in os.environ.items() if not item[0].startswith("PYTEST_")),
            "folder": os.getcwd(),
            "path": tuple(sys.path),
            "hooks of import": tuple(map(id, [*sys.meta_path, *sys.path_hooks])),
            "filters of warnings": tuple(warnings.filters),
            "at exit": atexit._ncallbacks(),
            "threads": frozenset(threading.enumerate()),
            "threads of the system": frozenset(os.listdir("/proc/self/task")),
            "descriptors": frozenset(_descriptors()),
            "running loop": asyncio._get_running_loop(),
            "values of this thread": tuple(sorted(vars(own).items())),
            "context": tuple(sorted(((name.name, id(value)) for name, value in contextvars.copy_context().items()))),
            "current thread": threading.current_thread(),
            "main thread": threading.main_thread(),
            "monitoring": tuple(sys.monitoring.get_tool(at) for at in range(6)) if hasattr(sys, "monitoring") else (),
        }


def _descriptors():
    for name in os.listdir("/proc/self/fd"):
        try:
            yield name, str(Path("/proc/self/fd", name).readlink())
        except OSError:
            continue  # the one that lists this folder


assert builtins
assert concurrent.futures
