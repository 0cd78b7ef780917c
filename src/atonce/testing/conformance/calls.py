"""Functions of all kinds."""

import functools
from typing import Any

import atonce
from atonce.testing.conformance.kit import Kit, cases_of

__all__ = ("CASES",)


class Adder:
    """Something with a method, which can be called itself."""

    def __init__(self, more: int) -> None:
        self.more = more

    def add(self, number: int) -> int:
        """Add."""
        return number + self.more

    def __call__(self, number: int) -> int:
        """Add."""
        return self.add(number)

    @classmethod
    def ten(cls, number: int) -> int:
        """Add ten."""
        return cls(10).add(number)

    @staticmethod
    def one(number: int) -> int:
        """Add one."""
        return number + 1


async def later(number: int) -> int:
    """Be a coroutine function."""
    import asyncio  # noqa: PLC0415 (44 ms that only coroutines need)

    await asyncio.sleep(0.001)
    return number + 1


class LaterAdder:
    """Something that is called as a coroutine function."""

    async def __call__(self, number: int) -> int:
        """Add one, later."""
        return await later(number)


def _check(kit: Kit, fn: Any, expected: list[int]) -> None:
    assert atonce.map(kit.fn(fn), range(len(expected)), **kit.options) == expected


def lambdas_and_closures(kit: Kit) -> None:
    """Functions without a name that could be imported."""
    more = 5

    def nested(number: int) -> int:
        return number + more

    _check(kit, lambda number: number + more, [5, 6, 7])
    _check(kit, nested, [5, 6, 7])


def methods_of_all_kinds(kit: Kit) -> None:
    """Bound methods, class methods, static methods, callable objects."""
    _check(kit, Adder(2).add, [2, 3])
    _check(kit, Adder.ten, [10, 11])
    _check(kit, Adder.one, [1, 2])
    _check(kit, Adder(3), [3, 4])


def partials_and_builtins(kit: Kit) -> None:
    """``functools.partial``, and functions written in C."""
    _check(kit, functools.partial(pow, 2), [1, 2, 4])
    _check(kit, functools.partial(functools.partial(max, 1), 0), [1, 1, 2])
    _check(kit, abs, [0, 1])


def functions_typed_into_main(kit: Kit) -> None:
    """A function of ``__main__``, with the globals it uses and a class of its own."""
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    source = "class Box:\n    def __init__(self, it): self.it = it\n\nSTEP = 4\ndef fn(number):\n    return Box(number + STEP).it\n"
    exec(source, names)  # noqa: S102 (this is how a function gets into __main__)
    _check(kit, names["fn"], [4, 5])


def coroutine_functions(kit: Kit) -> None:
    """Coroutine functions work on every engine; only an event loop makes many of them cheap."""
    _check(kit, later, [1, 2, 3])
    _check(kit, functools.partial(later), [1, 2])
    _check(kit, LaterAdder(), [1, 2])


def arguments_and_results_of_all_kinds(kit: Kit) -> None:
    """What goes in comes out equal: nested containers, big numbers, bytes, ``None``, exceptions as values."""
    things: list[Any] = [None, True, 10**40, "ä" * 1000, b"\0" * 200_000, {"a": [1, (2, {3})]}, float("inf"), range(3)]
    assert atonce.map(kit.fn(_same), things, **kit.options) == things
    (error,) = atonce.map(kit.fn(_same), [ValueError("a value, not a failure")], **kit.options)
    assert isinstance(error, ValueError)


def _same(thing: Any) -> Any:
    return thing


CASES = cases_of(
    "calls",
    lambdas_and_closures,
    methods_of_all_kinds,
    partials_and_builtins,
    functions_typed_into_main,
    coroutine_functions,
    arguments_and_results_of_all_kinds,
)
