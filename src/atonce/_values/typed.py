"""What type checkers know from ``typing``, for modules that a program's first result has to wait for.

``typing`` takes 9 ms to import, as long as all of atonce that such a program needs. (Measured: python -X importtime, pyc files
there.) Most of it does nothing at run time. So a module on that path takes from here what has to be there when it is run, imports
what stands in annotations only where type checkers look (``if TYPE_CHECKING``), and leaves its annotations unevaluated.

Type checkers see the real names. At run time a protocol is a class without ado, and nothing is checked, as with the real ones. A
test keeps the path free of ``typing``: ``tests/values/test_public_names.py``.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing.TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast, dataclass_transform, overload
else:
    from collections import namedtuple
    from types import GenericAlias

    Protocol = object

    class Generic:
        """A class that can be written with what it is made of: ``Session[ThreadBell]``."""

        __slots__ = ()
        __class_getitem__ = classmethod(GenericAlias)

    class _NamedTupleType(type):
        """Makes a named tuple of a class that says ``NamedTuple``: its fields and its docstring, nothing else of it."""

        def __new__(cls, name: str, _bases: object, space: dict[str, Any]) -> type:
            fields = space.get("__annotations__", {})
            defaults = [space[field] for field in fields if field in space]
            made = namedtuple(name, fields, defaults=defaults, module=space["__module__"])  # noqa: PYI024 (that is what it is for)
            made.__doc__ = space.get("__doc__")
            return made

    NamedTuple = type.__new__(_NamedTupleType, "NamedTuple", (), {})

    def TypeVar(name: str, **_: object) -> str:  # noqa: N802 (its name there)
        """Stand where a type variable would."""
        return name

    def cast(_: object, value: Any) -> Any:
        """Return the value."""
        return value

    def dataclass_transform(**_: object) -> Any:
        """Return a decorator that leaves a class as it is."""
        return lambda made: made

    def overload(fn: Any) -> Any:
        """Return the function: the last one of its name is the one that counts."""
        return fn


__all__ = ("Generic", "NamedTuple", "Protocol", "TypeVar", "cast", "dataclass_transform", "overload")
