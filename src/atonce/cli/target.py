"""Find the function that a command line names: ``pkg.mod:fn`` or ``path/file.py:fn``."""

import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from atonce.cli.story import story_of
from atonce.cli.usage import UsageError, did_you_mean

__all__ = ("find",)

_SHOWN_FUNCTIONS = 8
_SHOWN_LINES = 8


def find(target: str) -> Callable[..., Any]:
    """Import what stands before the colon, and return what stands behind it.

    The module keeps a name under which a worker process can import it too: a file's folder goes to the front of ``sys.path``, and
    the file is imported by its stem.

    Args:
        target: a module's dotted name or the path of a file, a colon, and a name in it, dotted for a method.

    Returns:
        Something that can be called.

    Raises:
        UsageError: there is no such file, module or function, importing it raised, or it cannot be called.
    """
    place, _, name = target.rpartition(":")
    if not place or not name:
        raise UsageError(_how_to_write(target))
    module = _from_file(Path(place)) if _is_path(place) else _from_name(place)
    found = _attribute(module, place, name)
    if not callable(found):
        raise UsageError(f"{target} is a {type(found).__name__}, which cannot be called.{_offer(module, place)}")
    return cast(Callable[..., Any], found)


def _how_to_write(target: str) -> str:
    module, dot, name = target.strip(":").rpartition(".")
    if not _is_path(target) and dot and module:
        example = f"For example: {module}:{name}"
    else:
        example = f"For example: {target.strip(':')}:NAME" if target.strip(":") else "For example: json:loads"
    return f"{target!r} names no function: write pkg.mod:fn, or path/file.py:fn.\n{example}"


def _is_path(place: str) -> bool:
    return place.endswith(".py") or os.sep in place


def _from_name(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does
    if not all(name.split(".")):
        raise UsageError(f"{name!r} is not the name of a module: write it as an import would, pkg.mod")
    return _import(name)


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"there is no file {path}{_other_file(path)}")
    if path.suffix != ".py" or "." in path.stem:
        raise UsageError(f"{path} cannot be imported by its name: rename it to something like {path.name.split('.')[0]}.py")
    if path.stem in sys.stdlib_module_names:
        raise UsageError(f"{path} has the name of Python's own module {path.stem!r}, which others need: rename the file")
    sys.path.insert(0, str(path.absolute().parent))
    module = _import(path.stem)
    origin = Path(getattr(module, "__file__", None) or "another module")
    if not (origin.exists() and origin.samefile(path)):
        raise UsageError(f"{path} cannot be imported: the name {path.stem!r} belongs to {origin}. Rename the file")
    return module


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{name}.".startswith(f"{missing}."):
            raise UsageError(f"there is no module {missing!r}{_other_module(missing)}") from None
        raise UsageError(f"importing {name} raised {type(error).__name__}:\n{_last_lines(error)}{_hint(error)}") from error


def _last_lines(error: BaseException) -> str:
    return "\n".join(story_of(error).splitlines()[-_SHOWN_LINES:])


def _hint(error: BaseException) -> str:
    if isinstance(error, ImportError) and "relative import" in str(error):
        return "\nIt is part of a package: go to the folder that holds the package, and write pkg.mod:fn."
    return ""


def _other_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f": there is no folder {path.parent}"
    name = path.name if path.suffix == ".py" else f"{path.name}.py"
    there = [str(path.parent / other.name) for other in path.parent.glob("*.py")]
    return did_you_mean(str(path.parent / name), there)


def _other_module(name: str) -> str:
    parent, _, leaf = name.rpartition(".")
    if parent:
        folders = getattr(sys.modules.get(parent), "__path__", None)
        if folders is None:
            return f", because {parent} is not a package.\nFor a name in it write {parent}:{leaf}"
        return did_you_mean(name, (f"{parent}.{module.name}" for module in pkgutil.iter_modules(folders)))
    return did_you_mean(name, {*sys.stdlib_module_names, *(module.name for module in pkgutil.iter_modules())})


def _attribute(module: ModuleType, place: str, path: str) -> Any:
    found: Any = module
    owner = place
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            near = did_you_mean(name, _public(dir(found)))
            raise UsageError(f"there is no {name!r} in {owner}{near}{_offer(module, place)}") from None
        owner += ("." if ":" in owner else ":") + name
    return found


def _public(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith("_")]


def _offer(module: ModuleType, place: str) -> str:
    """Name some functions of a module that could be meant."""
    names = [name for name in _public(vars(module)) if _defined_in(module, getattr(module, name))]
    if not names:
        return ""
    more = ", ..." if len(names) > _SHOWN_FUNCTIONS else ""
    return f"\nTo call in {place}: {', '.join(names[:_SHOWN_FUNCTIONS])}{more}"


def _defined_in(module: ModuleType, thing: Any) -> bool:
    return callable(thing) and getattr(thing, "__module__", None) == module.__name__
