"""Statements, rewritten. Only code inside of functions is: a module's own code has run before a test begins."""

# ruff: noqa: N802, N815 (the names are those that ast.NodeVisitor looks for)

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable

from atonce.race.eye.building import _placed
from atonce.race.eye.expressions import ARITHMETIC, Expressions, depth, is_plain

__all__ = ("Rewriter",)

_DEPTHS = ("nested", "unpacks", "")
_Definition = ast.FunctionDef | ast.AsyncFunctionDef


class Rewriter(Expressions):
    """Rewrites the tree of a module."""

    # ---------------------------------------------------------------- definitions

    def _definition(self, node: _Definition) -> ast.stmt | list[ast.stmt]:
        node.decorator_list = [self._decorator(decorator) for decorator in node.decorator_list]
        self._defaults(node.args)
        announced = self._name_changes(node, node.name)
        with self._within(node, node.name, function=True):
            node.body = self._block(node.body)
            node.body += self._binders(node)
        return [*announced, node] if announced else node

    def _decorator(self, node: ast.expr) -> ast.expr:
        """What is called with the function, or the class."""
        visited: ast.expr = self.visit(node)
        return self._hook("call", self._site(node), visited, at=node) if self._on("call") else visited

    visit_FunctionDef = visit_AsyncFunctionDef = _definition

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt | list[ast.stmt]:
        """A class: its methods, and its body if it stands in a function."""
        node.decorator_list = [self._decorator(decorator) for decorator in node.decorator_list]
        node.bases = [self.visit(base) for base in node.bases]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        announced = self._name_changes(node, node.name)
        with self._within(node, node.name, function=False):
            node.body = self._block(node.body)
        return [*announced, node] if announced else node

    def _binders(self, node: _Definition) -> list[ast.stmt]:
        """Return code that never runs, and makes those variables local whose assignments were replaced."""
        scope = self._scope
        names = sorted(name for name in scope.bound if self._shared(name) and scope.owner(name) is scope)
        if not names:
            return []
        targets: list[ast.expr] = [ast.Name(name, ast.Store()) for name in names]
        never = ast.If(ast.Constant(False), [ast.Assign(targets, ast.Constant(None))], [])
        return [_placed(never, node.body[-1])]

    def _block(self, statements: Iterable[ast.stmt]) -> list[ast.stmt]:
        block: list[ast.stmt] = []
        for statement in statements:
            visited = self.visit(statement)
            block += visited if isinstance(visited, list) else [visited]
        return block

    # ---------------------------------------------------------------- assignments

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        """``a = b = value``."""
        node.value = self.visit(node.value)
        deepest = min(node.targets, key=lambda target: _DEPTHS.index(depth(target)))
        if depth(deepest) == "nested" or (depth(deepest) and not isinstance(node.value, ast.Tuple)):
            node.value = self._unpacked(node.value, deepest)
        node.targets = [self.visit(target) for target in node.targets]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        """``a: int = value``, without its annotation, which does nothing in a function."""
        if not self._inside or self._scope.kind == "class":
            return node
        if node.value is None:
            return node
        value = self.visit(node.value)
        target = self.visit(node.target)
        if target is node.target and isinstance(target, ast.Name):
            node.value = value
            return node
        return _placed(ast.Assign([target], value), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt | list[ast.stmt]:
        """``a += value``: a read, then the value, then the operation, then the write."""
        if not self._inside:
            return node
        target = node.target
        if isinstance(target, ast.Name):
            return self._augmented_name(node, target)
        if isinstance(target, ast.Attribute):
            return self._augmented_attribute(node, target)
        return self._augmented_item(node, target)

    def _changed(self, node: ast.AugAssign, old: ast.expr) -> ast.expr:
        """Return the operation in place."""
        _, function, sign = ARITHMETIC[type(node.op)]
        site = self._site(node, "", function, sign + "=")
        return self._hook("augment", site, old, self.visit(node.value), at=node)

    def _augmented_name(self, node: ast.AugAssign, target: ast.Name) -> ast.stmt:
        if self._shared(target.id):
            old = self._read_name(target, target.id)
            value = self._changed(node, old)
            return _placed(ast.Assign([self._written_name(target, target.id)], value), node)
        if not self._on("augment"):
            node.value = self.visit(node.value)
            return node
        constant = is_plain(node.value)
        plain = copy.deepcopy(node)
        value = self._changed(node, _placed(ast.Name(target.id, ast.Load()), target))
        seen = _placed(ast.Assign([target], value), node)
        return _placed(ast.If(self._is_plain_now(target), [plain], [seen]), node) if constant else seen

    def _augmented_attribute(self, node: ast.AugAssign, target: ast.Attribute) -> list[ast.stmt]:
        base = self._temporary()
        kept: ast.expr = _placed(ast.NamedExpr(ast.Name(base, ast.Store()), self.visit(target.value)), target)
        again: ast.expr = _placed(ast.Name(base, ast.Load()), target)
        if self._on("attribute_load"):
            kept = self._hook("attribute_load", self._site(target, target.attr), kept, at=target)
        old = _placed(ast.Attribute(kept, target.attr, ast.Load()), target)
        value = self._changed(node, old)
        if self._on("attribute_store"):
            again = self._hook("attribute_store", self._site(target, target.attr), again, at=target)
        stored = _placed(ast.Attribute(again, target.attr, ast.Store()), target)
        return [_placed(ast.Assign([stored], value), node), _forget(node, base)]

    def _augmented_item(self, node: ast.AugAssign, target: ast.Subscript) -> list[ast.stmt]:
        base, index = self._temporary(), self._temporary()
        kept = _placed(ast.NamedExpr(ast.Name(base, ast.Store()), self.visit(target.value)), target)
        kept_index = _placed(ast.NamedExpr(ast.Name(index, ast.Store()), self._index(target.slice)), target)
        names = [_placed(ast.Name(name, ast.Load()), target) for name in (base, index)]
        old: ast.expr = _placed(ast.Subscript(kept, kept_index, ast.Load()), target)
        if self._on("item_load"):
            old = self._hook("item_load", self._site(target), kept, kept_index, at=target)
        value = self._changed(node, old)
        stored = _placed(ast.Subscript(names[0], names[1], ast.Store()), target)
        if self._on("item_store"):
            box = self._hook("item_box", self._site(target), *names, at=target)
            stored = _placed(ast.Subscript(box, ast.Constant(None), ast.Store()), target)
        return [_placed(ast.Assign([stored], value), node), _forget(node, base, index)]

    def visit_Delete(self, node: ast.Delete) -> ast.stmt | list[ast.stmt]:
        """``del a``."""
        announced: list[ast.stmt] = []
        for target in node.targets:
            if isinstance(target, ast.Name):
                announced += self._name_changes(target, target.id)
        node.targets = [self.visit(target) for target in node.targets]
        return [*announced, node] if announced else node

    def _import(self, node: ast.Import | ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        announced: list[ast.stmt] = []
        for alias in node.names:
            announced += self._name_changes(node, alias.asname or alias.name.partition(".")[0])
        return [*announced, node] if announced else node

    visit_Import = visit_ImportFrom = _import

    # ---------------------------------------------------------------- control

    def _tested(self, node: ast.If | ast.While) -> ast.stmt:
        node.test = self._test(node.test)
        node.body, node.orelse = self._block(node.body), self._block(node.orelse)
        return node

    visit_If = visit_While = _tested

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        """``assert a == b``, whose message shows the values."""
        test = node.test
        shows = self._on("compare") and node.msg is None and isinstance(test, ast.Compare) and len(test.ops) == 1
        if shows and isinstance(test, ast.Compare):
            test.left, test.comparators = self.visit(test.left), [self.visit(test.comparators[0])]
            compared = self._compared(test, "asserted")
            node.test = compared
            site = compared.args[0]
            assert isinstance(site, ast.Constant)
            node.msg = self._hook("message", ast.Constant(site.value), at=test)
            return node
        node.test = self._test(test)
        node.msg = None if node.msg is None else self.visit(node.msg)
        return node

    def _for(self, node: ast.For | ast.AsyncFor) -> ast.stmt:
        node.iter = self._iterated(node.iter, node.target) if isinstance(node, ast.For) else self.visit(node.iter)
        node.target = self.visit(node.target)
        node.body, node.orelse = self._block(node.body), self._block(node.orelse)
        return node

    visit_For = visit_AsyncFor = _for

    def _with(self, node: ast.With | ast.AsyncWith) -> ast.stmt:
        apart = [index for index, item in enumerate(node.items) if isinstance(item.optional_vars, ast.Tuple | ast.List)]
        if apart and apart[0] + 1 < len(node.items):  # what is taken apart before the next one begins
            inner = _placed(type(node)(node.items[apart[0] + 1 :], node.body), node)
            node.items, node.body = node.items[: apart[0] + 1], [inner]
        begins: list[ast.stmt] = []
        for item in node.items:
            manager = self.visit(item.context_expr)
            hooked = isinstance(node, ast.With) and self._on("with")
            item.context_expr = self._hook("enter", self._site(item.context_expr), manager, at=manager) if hooked else manager
            if isinstance(item.optional_vars, ast.Tuple | ast.List):
                begins, item.optional_vars = self._taken_apart(item.optional_vars)
            elif item.optional_vars is not None:
                item.optional_vars = self.visit(item.optional_vars)
        node.body = begins + self._block(node.body)
        return node

    visit_With = visit_AsyncWith = _with

    def _taken_apart(self, target: ast.Tuple | ast.List) -> tuple[list[ast.stmt], ast.expr]:
        """``with m as (a, b)``: return statements that take apart what a name is given, and the name."""
        name = self._temporary()
        whole = self._unpacked(_placed(ast.Name(name, ast.Load()), target), target)
        taken = _placed(ast.Assign([self.visit(target)], whole), target)
        return [taken, _forget(target, name)], _placed(ast.Name(name, ast.Store()), target)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        """``except E as error``, without what says which errors."""
        announced = self._name_changes(node, node.name) if node.name else []
        node.body = announced + self._block(node.body)
        return node

    def visit_Match(self, node: ast.Match) -> ast.stmt:
        """``match x``: reads deep."""
        subject = self.visit(node.subject)
        node.subject = self._hook("matched", self._site(node.subject), subject, at=node.subject) if self._on("match") else subject
        for case in node.cases:
            case.guard = None if case.guard is None else self._test(case.guard)
            names = [name for part in ast.walk(case.pattern) for name in (getattr(part, "name", None), getattr(part, "rest", None))]
            announced = [change for name in names if name for change in self._name_changes(node, name)]
            case.body = announced + self._block(case.body)
        return node


def _forget(node: ast.AST, *names: str) -> ast.stmt:
    targets: list[ast.expr] = [ast.Name(name, ast.Del()) for name in names]
    return _placed(ast.Delete(targets), node)
