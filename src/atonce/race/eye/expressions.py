"""Expressions, rewritten: each part that may touch what others see goes through a hook, in the order in which Python does it."""

# ruff: noqa: N802, N815 (the names are those that ast.NodeVisitor looks for)

from __future__ import annotations

import ast
import copy
import operator

from atonce.race.eye.building import Builder, _placed

__all__ = ("ARITHMETIC", "Expressions", "depth", "is_plain")

ARITHMETIC = {
    ast.Add: (operator.add, operator.iadd, "+"),
    ast.Sub: (operator.sub, operator.isub, "-"),
    ast.Mult: (operator.mul, operator.imul, "*"),
    ast.MatMult: (operator.matmul, operator.imatmul, "@"),
    ast.Div: (operator.truediv, operator.itruediv, "/"),
    ast.FloorDiv: (operator.floordiv, operator.ifloordiv, "//"),
    ast.Mod: (operator.mod, operator.imod, "%"),
    ast.Pow: (operator.pow, operator.ipow, "**"),
    ast.LShift: (operator.lshift, operator.ilshift, "<<"),
    ast.RShift: (operator.rshift, operator.irshift, ">>"),
    ast.BitOr: (operator.or_, operator.ior, "|"),
    ast.BitXor: (operator.xor, operator.ixor, "^"),
    ast.BitAnd: (operator.and_, operator.iand, "&"),
}


def _contains(item: object, container: object) -> bool:
    return item in container  # type: ignore[operator]


def _lacks(item: object, container: object) -> bool:
    return item not in container  # type: ignore[operator]


_COMPARISONS = {
    ast.Eq: (operator.eq, "=="),
    ast.NotEq: (operator.ne, "!="),
    ast.Lt: (operator.lt, "<"),
    ast.LtE: (operator.le, "<="),
    ast.Gt: (operator.gt, ">"),
    ast.GtE: (operator.ge, ">="),
    ast.In: (_contains, "in"),
    ast.NotIn: (_lacks, "not in"),
    ast.Is: (operator.is_, "is"),
    ast.IsNot: (operator.is_not, "is not"),
}
_UNARY: dict[type[ast.unaryop], str] = {ast.UAdd: "__pos__", ast.USub: "__neg__", ast.Invert: "__invert__"}
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Expressions(Builder):
    """Rewrites expressions."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A variable that others may change."""
        if not self._shared(node.id):
            return node
        if isinstance(node.ctx, ast.Load):
            return self._read_name(node, node.id)
        if isinstance(node.ctx, ast.Store) and self._scope.kind != "comprehension":
            return self._written_name(node, node.id)
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        """``(x := value)``."""
        node.value = self.visit(node.value)
        name = node.target.id
        if self._shared(name):
            node.value = self._hook("name_store", self._site(node, name), self._where(name, node), node.value, at=node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """``a.b``: the base is wrapped, so that the access itself stays the interpreter's own."""
        node.value = self.visit(node.value)
        if _is_super(node.value) and not isinstance(node.ctx, ast.Load):
            return node
        kind = "attribute_load" if isinstance(node.ctx, ast.Load) else "attribute_store"
        if isinstance(node.ctx, ast.Del):
            kind = "attribute_delete"
        if self._on(kind):
            node.value = self._hook(kind, self._site(node, node.attr), node.value, at=node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """``a[i]``."""
        node.value = self.visit(node.value)
        loads = isinstance(node.ctx, ast.Load)
        kind = "item_load" if loads else "item_store"
        if isinstance(node.ctx, ast.Del):
            kind = "item_delete"
        if not self._on(kind):
            node.slice = self.visit(node.slice)
            return node
        index = self._index(node.slice)
        if loads:
            return self._hook("item_load", self._site(node), node.value, index, at=node)
        box = self._hook("item_box", self._site(node), node.value, index, at=node)
        return _placed(ast.Subscript(box, ast.Constant(None), node.ctx), node)

    def _index(self, node: ast.expr) -> ast.expr:
        """Return what stands between the brackets as an expression that can stand elsewhere."""
        if isinstance(node, ast.Slice):
            parts = [ast.Constant(None) if part is None else self.visit(part) for part in (node.lower, node.upper, node.step)]
            return self._builtin("slice", *parts, at=node)
        if isinstance(node, ast.Tuple):
            node.elts = [self._index(part) for part in node.elts]
            return node
        return self.visit(node)  # type: ignore[no-any-return]

    def visit_Starred(self, node: ast.Starred) -> ast.expr:
        """``*x``, where it is read."""
        node.value = self._unpacked(self.visit(node.value)) if isinstance(node.ctx, ast.Load) else self.visit(node.value)
        return node

    def _unpacked(self, node: ast.expr, target: ast.expr | None = None) -> ast.expr:
        return self._hook("unpack", self._site(node, sign=depth(target)), node, at=node) if self._on("unpack") else node

    def visit_Dict(self, node: ast.Dict) -> ast.expr:
        """``{**x}``."""
        for index, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            if key is None:
                node.values[index] = self._unpacked(self.visit(value))
            else:
                node.keys[index] = self.visit(key)
                node.values[index] = self.visit(value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """``f(...)``: the function is wrapped; what it touches is announced when its arguments are there."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        plain = name == "super" or (name in ("vars", "dir") and not node.args)  # they look at the frame that calls them
        function = self.visit(node.func)
        if not plain and self._on("call"):
            fresh = "fresh" if any(isinstance(argument, ast.GeneratorExp) for argument in node.args) else ""
            function = self._hook("call", self._site(node, sign=fresh), function, at=node)
        node.func = function
        node.args = [self.visit(argument) for argument in node.args]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
            if keyword.arg is None:
                keyword.value = self._unpacked(keyword.value)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """``a + b``: reads containers."""
        constant = is_plain(node.right) and is_plain(node.left)
        node.left, node.right = self.visit(node.left), self.visit(node.right)
        if constant or not self._on("operator"):
            return node
        function, _, sign = ARITHMETIC[type(node.op)]
        seen = self._hook("binary", self._site(node, "", function, sign), node.left, node.right, at=node)
        return self._unless_plain(node, seen, node.left, node.right)

    def _unless_plain(self, plain: ast.expr, seen: ast.expr, left: ast.expr, right: ast.expr) -> ast.expr:
        """Leave an expression as it is where a variable meets a constant, and is a number or a text itself."""
        name, constant = (right, left) if is_plain(left) else (left, right)
        if not (isinstance(name, ast.Name) and is_plain(constant)):
            return seen
        return _placed(ast.IfExp(self._is_plain_now(name), copy.deepcopy(plain), seen), plain)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """``a == b``, ``a in b``: read containers."""
        constant = all(is_plain(operand) for operand in (node.left, *node.comparators))
        contains = any(isinstance(op, ast.In | ast.NotIn) for op in node.ops)
        same = all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops)
        node.left = self.visit(node.left)
        node.comparators = [self.visit(right) for right in node.comparators]
        kind = "contains" if contains else "compare"
        if same or constant or not self._on(kind):
            return node
        if len(node.ops) > 1:  # nothing stands between the operands and their comparison in a chain
            node.left = self._hook("chained", self._site(node.left), node.left, at=node.left)
            node.comparators = [self._hook("chained", self._site(right), right, at=right) for right in node.comparators]
            return node
        seen = self._compared(node, "compare")
        return seen if contains else self._unless_plain(node, seen, node.left, node.comparators[0])

    def _compared(self, node: ast.Compare, hook: str) -> ast.Call:
        function, sign = _COMPARISONS[type(node.ops[0])]
        return self._hook(hook, self._site(node, "", function, sign), node.left, node.comparators[0], at=node)

    # ---------------------------------------------------------------- truth

    def _test(self, node: ast.expr) -> ast.expr:
        """Rewrite an expression whose truth is asked for."""
        if isinstance(node, ast.BoolOp):
            node.values = [self._test(value) for value in node.values]
            return node
        tests_itself = isinstance(node, ast.Compare | ast.Constant) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        )
        visited: ast.expr = self.visit(node)
        if tests_itself or not self._on("truth"):
            return visited
        return self._hook("truth", self._site(node), visited, at=node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """``a or b``: asks for the truth of all but the last one."""
        *tested, last = node.values
        node.values = [*(self._test(value) for value in tested), self.visit(last)]
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        """``not a``, ``-a``."""
        if isinstance(node.op, ast.Not):
            node.operand = self._test(node.operand)
            return node
        node.operand = self.visit(node.operand)
        if self._on("operator") and not is_plain(node.operand):
            site = self._site(node, "", None, _UNARY[type(node.op)])
            node.operand = self._hook("operand", site, node.operand, at=node.operand)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """``a if b else c``."""
        node.test, node.body, node.orelse = self._test(node.test), self.visit(node.body), self.visit(node.orelse)
        return node

    # ---------------------------------------------------------------- the rest

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        """``f"{x}"``."""
        value = self.visit(node.value)
        node.value = self._hook("shown", self._site(value), value, at=value) if self._on("format") else value
        if node.format_spec is not None:
            node.format_spec = self.visit(node.format_spec)
        return node

    def _iterated(self, node: ast.expr, target: ast.expr | None = None) -> ast.expr:
        visited: ast.expr = self.visit(node)
        return self._hook("iterate", self._site(node, sign=depth(target)), visited, at=node) if self._on("iterate") else visited

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.expr:
        """``yield from x``."""
        visited: ast.expr = self.visit(node.value)
        node.value = self._hook("delegate", self._site(node), visited, at=node) if self._on("iterate") else visited
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        """A function without a name."""
        self._defaults(node.args)
        with self._within(node, "<lambda>", function=True):
            node.body = self.visit(node.body)
        return node

    def _defaults(self, args: ast.arguments) -> None:
        args.defaults = [self.visit(default) for default in args.defaults]
        args.kw_defaults = [None if default is None else self.visit(default) for default in args.kw_defaults]

    def _comprehension(self, node: _Comprehension) -> ast.expr:
        first = node.generators[0]
        first.iter = self._iterated(first.iter, first.target) if not first.is_async else self.visit(first.iter)
        if self._scopes.of[node].runs_away() and self._on("cell") and not first.is_async:
            first.iter = self._hook("captured", self._site(first.iter), first.iter, at=first.iter)
        with self._within(node, "<comprehension>", function=isinstance(node, ast.GeneratorExp)):
            for index, generator in enumerate(node.generators):
                if index:
                    generator.iter = (
                        self.visit(generator.iter) if generator.is_async else self._iterated(generator.iter, generator.target)
                    )
                generator.target = self.visit(generator.target)
                generator.ifs = [self._test(test) for test in generator.ifs]
            if isinstance(node, ast.DictComp):
                node.key, node.value = self.visit(node.key), self.visit(node.value)
            else:
                node.elt = self.visit(node.elt)
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension


def is_plain(node: ast.expr) -> bool:
    """Tell whether an operand can be no container. What it meets can be one: ``items * 2``, ``buffer == b"end"``."""
    if isinstance(node, ast.UnaryOp):
        return is_plain(node.operand)
    return isinstance(node, ast.Constant | ast.JoinedStr)


def depth(target: ast.expr | None) -> str:
    """Say how deep a target takes apart what it is given: not at all, its elements, or what is in these as well."""
    if not isinstance(target, ast.Tuple | ast.List):
        return ""
    parts = [part.value if isinstance(part, ast.Starred) else part for part in target.elts]
    return "nested" if any(depth(part) for part in parts) else "unpacks"


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
