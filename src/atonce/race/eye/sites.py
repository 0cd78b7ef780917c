"""A site: one rewritten expression of the user's source, and what its hook has to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from atonce.race.operations import Place

__all__ = ("Site",)


class Site:
    """Stands as a constant in rewritten code, as the first argument of a hook.

    Attributes:
        place: where it stands.
        name: of the attribute or the variable, mangled as Python does it.
        operator: the function that does what the expression does, for operators.
        sign: the operator as written, for messages.
        failed: the operands of an assertion that has just failed.
    """

    __slots__ = ("failed", "name", "operator", "place", "sign")

    def __init__(self, place: Place, name: str = "", operator: Callable[[Any, Any], Any] | None = None, sign: str = "") -> None:
        self.place = place
        self.name = name
        self.operator: Any = operator
        self.sign = sign
        self.failed: tuple[object, object] | None = None

    def __repr__(self) -> str:
        return f"<site {self.place} {self.name}{self.sign}>"
