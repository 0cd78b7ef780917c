"""From a source file to rewritten code objects, each beside the code object that the interpreter has for the same function."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from types import CodeType
from typing import Any, NamedTuple

from atonce.race.eye.building import BUILTIN, CELL, HOOK, SITE
from atonce.race.eye.rewriting import Rewriter
from atonce.race.eye.scopes import Scopes
from atonce.race.eye.sites import Site

__all__ = ("Pair", "children", "compiled", "is_same_function")

_BUILTINS = {"globals": globals, "slice": slice, "type": type, "plain": frozenset((int, float, bool, str))}


class Pair(NamedTuple):
    """The code of one function as it is compiled plainly, and as we want it."""

    plain: CodeType
    seen: CodeType


def compiled(source: str, file: str, hooks: dict[str, Any], watched: frozenset[str], features: int = 0) -> list[Pair]:
    """Return pairs for all code inside of a module, outer ones first.

    Args:
        source: of the module.
        file: its name.
        hooks: what the code calls, by name.
        watched: global names that may change.
        features: flags of ``__future__`` that the source does not name itself: a doctest has those of its module.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a constant that is called, and whatever the source itself deserves
        plain = compile(source, file, "exec", features, dont_inherit=True)
        tree = ast.parse(source)
        rewriter = Rewriter(source, file, Scopes(tree), watched)
        seen = compile(rewriter.visit(tree), file, "exec", features, dont_inherit=True)
    return list(_pairs(plain, _filled(seen, hooks, rewriter.sites)))


def children(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of the functions directly inside of one, without our own lambdas."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and constant.co_varnames[:1] != (CELL,):
            yield constant


def is_same_function(one: CodeType, other: CodeType) -> bool:
    """Tell whether a function may change from one code to the other."""
    return _signature(one) == _signature(other)


def _signature(code: CodeType) -> tuple[object, ...]:
    arguments = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    kind = code.co_flags & (4 | 8 | 0x20 | 0x80 | 0x200)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    return (code.co_name, code.co_firstlineno, code.co_freevars, code.co_varnames[:arguments], kind, counts)


def _pairs(plain: CodeType, seen: CodeType) -> Iterator[Pair]:
    for inner, inner_seen in zip(children(plain), children(seen), strict=True):
        yield Pair(inner, inner_seen)
        yield from _pairs(inner, inner_seen)


def _filled(code: CodeType, hooks: dict[str, Any], sites: list[Site]) -> CodeType:
    """Put hooks and sites in the place of their placeholders."""
    return code.replace(co_consts=tuple(_constant(constant, hooks, sites) for constant in code.co_consts))


def _constant(constant: object, hooks: dict[str, Any], sites: list[Site]) -> object:
    if isinstance(constant, CodeType):
        return _filled(constant, hooks, sites)
    if not isinstance(constant, str) or not constant.startswith("\0atonce:"):
        return constant
    if constant.startswith(SITE):
        return sites[int(constant.removeprefix(SITE))]
    if constant.startswith(HOOK):
        return hooks[constant.removeprefix(HOOK)]
    return _BUILTINS[constant.removeprefix(BUILTIN)]
