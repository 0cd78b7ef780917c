"""What the rewriting of expressions and of statements share: where we are, which variable a name means, how a hook is written down.

A hook, a site and a few builtins enter the code as constants, so that no name of ours is visible to the user's code. The tree holds
placeholders, which `compiling` replaces.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from atonce.race.eye.accesses import KINDS
from atonce.race.eye.scopes import Scope, Scopes, mangled
from atonce.race.eye.sites import Site
from atonce.race.operations import Place

__all__ = ("BUILTIN", "CELL", "HOOK", "SITE", "Builder")

HOOK = "\0atonce:hook:"
SITE = "\0atonce:site:"
BUILTIN = "\0atonce:builtin:"
CELL = ".cell"
"""The parameter by which our own lambdas are known, which stand for the cell of a variable."""

_Node = TypeVar("_Node", bound=ast.AST)


class Builder(ast.NodeTransformer):
    """Makes nodes.

    Attributes:
        sites: all sites made so far; a placeholder names one by its index.
    """

    def __init__(self, source: str, file: str, scopes: Scopes, watched: frozenset[str]) -> None:
        self.sites: list[Site] = []
        self._lines = [line.encode() for line in source.splitlines()]
        self._file = file
        self._scopes = scopes
        self._watched = watched  # global names that may change
        self._scope = scopes.module
        self._inside = False  # of a function: only such code is rewritten
        self._class = ""
        self._path: list[str] = []
        self._temporaries = 0

    # ---------------------------------------------------------------- where we are

    @contextmanager
    def _within(self, node: ast.AST, name: str, *, function: bool) -> Iterator[Scope]:
        before = self._scope, self._inside, self._class, self._path
        self._scope = self._scopes.of[node]
        self._inside = self._inside or function
        self._path = [*self._path, name, "<locals>"] if function else [*self._path, name]
        if isinstance(node, ast.ClassDef):
            self._class = name
        try:
            yield self._scope
        finally:
            self._scope, self._inside, self._class, self._path = before

    def _function_name(self) -> str:
        path = self._path[:-1] if self._path and self._path[-1] == "<locals>" else self._path
        return ".".join(path)

    # ---------------------------------------------------------------- nodes

    def _site(
        self, node: ast.AST, name: str = "", operator: Callable[[Any, Any], Any] | None = None, sign: str = ""
    ) -> ast.Constant:
        line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
        place = Place(self._file, line, column, self._function_name(), self._text(node, line))
        self.sites.append(Site(place, mangled(name, self._class), operator, sign))
        return ast.Constant(f"{SITE}{len(self.sites) - 1}")

    def _text(self, node: ast.AST, line: int) -> str:
        if not 0 < line <= len(self._lines):
            return ""
        whole = self._lines[line - 1]
        if isinstance(node, ast.stmt) or getattr(node, "end_lineno", line) != line:
            return whole.decode().strip()
        return whole[getattr(node, "col_offset", 0) : getattr(node, "end_col_offset", None)].decode(errors="replace")

    def _hook(self, hook: str, site: ast.Constant, *arguments: ast.expr, at: ast.AST) -> ast.Call:
        return _placed(ast.Call(ast.Constant(HOOK + hook), [site, *arguments], []), at)

    def _builtin(self, name: str, *arguments: ast.expr, at: ast.AST) -> ast.Call:
        return _placed(ast.Call(ast.Constant(BUILTIN + name), list(arguments), []), at)

    def _is_plain_now(self, name: ast.Name) -> ast.expr:
        """Ask for the type of a variable before a hook is called: most are numbers, and loops over them are to cost little."""
        variable = _placed(ast.Name(name.id, ast.Load()), name)
        plain = _placed(ast.Constant(BUILTIN + "plain"), name)
        return _placed(ast.Compare(self._builtin("type", variable, at=name), [ast.In()], [plain]), name)

    def _temporary(self) -> str:
        self._temporaries += 1
        return f".t{self._temporaries}"

    def _on(self, kind: str) -> bool:
        return self._inside and KINDS[kind]

    # ---------------------------------------------------------------- variables

    def _shared(self, name: str) -> bool:
        """Tell whether others can change the variable that a name means here."""
        if not self._inside:
            return False
        owner = self._scope.owner(name)
        if owner is None:
            local = name in self._scope.bound and name not in self._scope.global_names and self._scope.kind != "module"
            return KINDS["global"] and not local and name in self._watched
        if self._scope.kind == "class" and owner is self._scope:
            return False
        return KINDS["cell"] and owner.changes(name)

    def _where(self, name: str, at: ast.AST) -> ast.expr:
        """Return what finds the variable at run time: its cell, or the dictionary of its module."""
        if self._scope.owner(name) is None:
            return self._builtin("globals", at=at)
        arguments = ast.arguments(
            posonlyargs=[], args=[ast.arg(CELL)], vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[]
        )
        function = ast.Lambda(arguments, ast.Name(name, ast.Load()))
        closure = ast.Attribute(function, "__closure__", ast.Load())
        return _placed(ast.Subscript(closure, ast.Constant(0), ast.Load()), at)

    def _read_name(self, node: ast.AST, name: str) -> ast.expr:
        site = self._site(node, name)
        announced = self._hook("name_load", site, self._where(name, node), at=node)
        return _placed(ast.BoolOp(ast.Or(), [announced, ast.Name(name, ast.Load())]), node)

    def _written_name(self, node: ast.AST, name: str) -> ast.Subscript:
        """Return what stands in place of a variable that is assigned."""
        box = self._hook("name_box", self._site(node, name), self._where(name, node), at=node)
        return _placed(ast.Subscript(box, ast.Constant(None), ast.Store()), node)

    def _name_changes(self, node: ast.AST, name: str) -> list[ast.stmt]:
        """Return a statement that announces that the variable is bound, where something else than an assignment does it."""
        if not self._shared(name):
            return []
        call = self._hook("name_store", self._site(node, name), self._where(name, node), ast.Constant(None), at=node)
        return [_placed(ast.Expr(call), node)]


def _placed(new: _Node, at: ast.AST) -> _Node:
    ast.copy_location(new, at)
    for child in ast.walk(new):
        if isinstance(child, ast.expr | ast.stmt | ast.arg | ast.keyword) and not hasattr(child, "lineno"):
            ast.copy_location(child, at)
    return new
