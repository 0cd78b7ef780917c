"""Which modules are part of the same project as a test: those that it imports, that they import, and so on.

What people test lies in other modules than the tests; to have to name them first would make every first report a disappointment.
What is installed, and the standard library, are not looked into: the first is somebody else's, and the second is known.

Only imports that stand in the source are followed, and only those that are done as a module is loaded: so a replay finds the same
modules as the search did, whatever was imported in between.
"""

from __future__ import annotations

import ast
import functools
import linecache
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

__all__ = ("is_installed", "neighbours")

_MOST_LINES = 5_000  # each module is compiled anew. Measured on two busy cores: 0.3 s for 1,000 lines, once in a process
_ROOT_HAS = ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini", ".git", ".hg")
_INSTALLED = tuple({f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_NOT_OURS = ("atonce", "conftest")


def neighbours(name: str) -> list[str]:
    """Return the names of the modules of a project that a module imports, directly or through others, the nearest first.

    Args:
        name: of a module that is loaded.
    """
    root = _root(_file(name))
    if not root:
        return []
    found, at, lines = [name], 0, 0
    while at < len(found):
        lines += len(linecache.getlines(_file(found[at])))
        if at and lines > _MOST_LINES:
            return found[1:at]
        found += [other for other in _imported(found[at]) if other not in found and _belongs(other, root)]
        at += 1
    return found[1:]


def _file(name: str) -> str:
    file = getattr(sys.modules.get(name), "__file__", None)
    return os.path.abspath(file) if isinstance(file, str) and file.endswith(".py") else ""  # noqa: PTH100 (resolves no links)


@functools.lru_cache(maxsize=500)
def _root(file: str) -> str:
    """Return the folder of the project that a file is in; its own folder if nothing says where that begins."""
    if not file or is_installed(file):
        return ""
    for folder in Path(file).parents:
        if any((folder / mark).exists() for mark in _ROOT_HAS):
            return f"{str(folder).rstrip(os.sep)}{os.sep}"
    return f"{Path(file).parent}{os.sep}"


def _belongs(name: str, root: str) -> bool:
    file = _file(name)
    return file.startswith(root) and not is_installed(file) and name.partition(".")[0] not in _NOT_OURS


def is_installed(file: str) -> bool:
    """Tell whether a source file belongs to the standard library, or to what is installed."""
    return file.startswith(_INSTALLED) or f"{os.sep}site-packages{os.sep}" in file or f"{os.sep}dist-packages{os.sep}" in file


def _imported(name: str) -> list[str]:
    """Return the loaded modules that a module imports as it is loaded."""
    module = sys.modules.get(name)
    package = getattr(module, "__package__", None) or ""
    names = dict.fromkeys(_names("".join(linecache.getlines(_file(name))), package))
    return [other for other in names if other in sys.modules]


@functools.lru_cache(maxsize=500)
def _names(source: str, package: str) -> tuple[str, ...]:
    try:
        return tuple(_written(ast.parse(source), package))
    except (SyntaxError, ValueError):
        return ()


def _written(node: ast.AST, package: str) -> Iterator[str]:
    """Yield the names of what is imported, and of what may be a module in it."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join(filter(None, (*parents, node.module)))
        yield from (name for alias in node.names for name in (base, f"{base}.{alias.name}"))
    elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        for child in ast.iter_child_nodes(node):
            yield from _written(child, package)
