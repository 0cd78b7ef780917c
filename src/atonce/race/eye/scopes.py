"""Which variables of a module other tasks can see: globals that functions assign, and variables of closures that change.

A variable that is assigned once, before any function that reads it exists, never changes for anybody else: it is not shared.
"""

# ruff: noqa: N815 (the names are those that ast.NodeVisitor looks for)

from __future__ import annotations

import ast
from collections.abc import Iterable

__all__ = ("Scope", "Scopes", "mangled")

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Position = tuple[int, int]


def mangled(name: str, class_name: str) -> str:
    """Return a private name as it is stored: ``__x`` inside of class ``C`` is ``_C__x``."""
    stripped = class_name.lstrip("_")
    if not stripped or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    return f"_{stripped}{name}"


class Scope:
    """The names of one module, class, function or comprehension.

    Attributes:
        kind: ``"module"``, ``"class"``, ``"function"`` or ``"comprehension"``.
        bound: how each name is bound here: where, and whether in a loop.
        captured: where the first function stands that reads a name of this scope, and may outlive it.
        changed: names that a function inside declares ``nonlocal``, or that are deleted or assigned in place.
    """

    __slots__ = ("bound", "captured", "changed", "global_names", "kind", "nonlocal_names", "parent", "start", "transparent")

    def __init__(self, kind: str, parent: Scope | None, start: Position, *, transparent: bool = False) -> None:
        self.kind = kind
        self.parent = parent
        self.start = start
        self.transparent = transparent  # it runs at once, and is gone: it captures nothing
        self.bound: dict[str, list[tuple[Position, bool]]] = {}
        self.captured: dict[str, Position] = {}
        self.changed: set[str] = set()
        self.global_names: set[str] = set()
        self.nonlocal_names: set[str] = set()

    def owner(self, name: str) -> Scope | None:
        """Return the scope whose variable a name means here; ``None``: a global one, or a builtin."""
        if name in self.global_names:
            return None
        if name in self.bound and name not in self.nonlocal_names:
            return None if self.kind == "module" else self
        scope = self.parent
        while scope is not None and scope.kind != "module":
            if name in scope.global_names:
                return None
            if scope.kind != "class" and name in scope.bound and name not in scope.nonlocal_names:
                return scope
            scope = scope.parent
        return None

    def runs_away(self) -> bool:
        """Tell whether a function captures a variable of this comprehension, which goes on to change it."""
        return self.kind == "comprehension" and any(name in self.bound for name in self.captured)

    def changes(self, name: str) -> bool:
        """Tell whether a variable of this function may change after a function that reads it was made."""
        if self.kind != "function" or name not in self.captured:
            return False
        bound = self.bound[name]
        if len(bound) > 1 or name in self.changed:
            return True
        position, in_loop = bound[0]
        return in_loop or position > self.captured[name]


class Scopes(ast.NodeVisitor):
    """Reads a module's tree, and keeps the scope of each node that has one.

    Attributes:
        of: the scope of a function, class or comprehension.
        assigned_globals: global names that code inside of functions assigns, or deletes.
        stored_attributes: names of attributes that are assigned anywhere.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.of: dict[ast.AST, Scope] = {}
        self.assigned_globals: set[str] = set()
        self.stored_attributes: set[str] = set()
        self._uses: list[tuple[Scope, str]] = []
        self._loops = 0
        self.module = self._scope = Scope("module", None, (0, 0))
        self.generic_visit(tree)
        for scope, name in self._uses:
            self._capture(scope, name)
        for scope in self.of.values():
            for name in scope.nonlocal_names:
                owner = scope.owner(name)
                if owner is not None:
                    owner.changed.add(name)

    def _capture(self, scope: Scope, name: str) -> None:
        owner = scope.owner(name)
        if owner is None or owner is scope:
            return
        inner: Scope | None = scope
        start = None
        while inner is not None and inner is not owner:
            if not inner.transparent and inner.kind != "class":
                start = inner.start
            inner = inner.parent
        if start is not None:
            owner.captured[name] = min(start, owner.captured.get(name, start))

    def _bind(self, name: str, node: ast.AST, position: Position | None = None) -> None:
        scope = self._scope
        if isinstance(node, ast.NamedExpr):
            while scope.kind == "comprehension" and scope.parent is not None:
                scope = scope.parent
        where = position or (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
        scope.bound.setdefault(name, []).append((where, self._loops > 0))

    def _enter(self, node: ast.AST, kind: str, *, transparent: bool = False) -> tuple[Scope, int]:
        before = self._scope, self._loops
        start = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
        self._scope = self.of[node] = Scope(kind, self._scope, start, transparent=transparent)
        self._loops = 0
        return before

    def _function(self, node: _Function) -> None:
        if not isinstance(node, ast.Lambda):
            self._all(node.decorator_list)
            start = (node.lineno, node.col_offset)
            self._bind(node.name, node, (node.end_lineno or 0, 0) if node.decorator_list else start)
        self._all([*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)])
        before = self._enter(node, "function")
        args = node.args
        for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]:
            if arg is not None:
                self._bind(arg.arg, arg, (0, 0))
        self._all(node.body if isinstance(node.body, list) else [node.body])
        self._scope, self._loops = before

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Bind its name, and look into it."""
        self._all([*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)])
        self._bind(node.name, node, (node.end_lineno or 0, 0))  # its methods exist before its name does
        before = self._enter(node, "class")
        self._all(node.body)
        self._scope, self._loops = before

    def _comprehension(self, node: _Comprehension) -> None:
        self.visit(node.generators[0].iter)
        before = self._enter(node, "comprehension", transparent=not isinstance(node, ast.GeneratorExp))
        for index, generator in enumerate(node.generators):
            if index:
                self.visit(generator.iter)
            self.visit(generator.target)
            self._all(generator.ifs)
        self._all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self._scope, self._loops = before

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        self._loops += 1
        self.generic_visit(node)
        self._loops -= 1

    visit_For = visit_AsyncFor = visit_While = _loop

    def visit_Global(self, node: ast.Global) -> None:
        """Remember what is global here."""
        self._scope.global_names.update(node.names)
        if self._scope.kind != "module":
            self.assigned_globals.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        """Remember what is somebody else's here."""
        self._scope.nonlocal_names.update(node.names)

    def visit_Name(self, node: ast.Name) -> None:
        """Bind or use a name."""
        if isinstance(node.ctx, ast.Load):
            self._uses.append((self._scope, node.id))
        else:
            self._bind(node.id, node)
        if isinstance(node.ctx, ast.Del):
            self._scope.changed.add(node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """Bind in the function around it."""
        self.visit(node.value)
        self._bind(node.target.id, node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Note that the variable changes."""
        if isinstance(node.target, ast.Name):
            self._scope.changed.add(node.target.id)
            self._uses.append((self._scope, node.target.id))
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Note which attributes are assigned."""
        if not isinstance(node.ctx, ast.Load):
            self.stored_attributes.add(node.attr)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """Bind the exception's name, which is deleted again."""
        if node.name:
            self._bind(node.name, node)
            self._scope.changed.add(node.name)
        self.generic_visit(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0], node)

    visit_Import = visit_ImportFrom = _import

    def _pattern(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self._bind(node.name, node)
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = _pattern

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        """Bind what takes the rest."""
        if node.rest:
            self._bind(node.rest, node)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Leave the annotation."""
        if node.value is not None:
            self.visit(node.value)
        self.visit(node.target)

    def _all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)
