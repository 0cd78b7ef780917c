"""A function's value as JSON text: exactly, or with an error that says what cannot be written."""

import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from math import isfinite
from pathlib import PurePath
from typing import Any

__all__ = ("NotJson", "Written", "to_json")

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


class NotJson(TypeError):
    """What the function returned cannot be written as JSON."""


class Written(str):
    """JSON text that was written before, and stays as it is."""

    __slots__ = ()


def to_json(value: Any) -> str:
    """Write a value as JSON, on one line.

    Beside what JSON knows: a dataclass instance or a named tuple becomes an object, a tuple or a set an array (a set in order,
    where its members have one), a path a string, a NumPy scalar the number it holds.

    Args:
        value: what the user's function returned.

    Returns:
        JSON text.

    Raises:
        NotJson: something in it has no such form; the message names its type.

    Example:
        >>> to_json({"sizes": {3, 1, 2}, "at": (1.5, None)})
        '{"sizes": [1, 2, 3], "at": [1.5, null]}'
    """
    if type(value) is Written:
        return str(value)
    try:
        return _encode(_plain(value))
    except NotJson:
        raise
    except RecursionError:
        raise NotJson(_cannot(value, "it contains itself, or is nested too deep")) from None
    except Exception as error:
        raise NotJson(_cannot(value, f"{type(error).__name__}: {error}")) from error


def _plain(value: Any) -> Any:
    """Make a copy of what JSON knows.

    Everything is looked at, because the encoder itself would take a named tuple for a list without asking.
    """
    if isinstance(value, float) and not isfinite(value):
        raise NotJson(_cannot(value, f"JSON has no {value}; return None instead"))
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, set | frozenset):
        return _sorted([_plain(part) for part in value])
    return _converted(value)


def _converted(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, PurePath):
        return str(value)
    if callable(getattr(value, "item", None)) and getattr(value, "shape", None) == ():  # a NumPy scalar, and what is built like one
        inner = value.item()
        if type(inner) is not type(value):
            return _plain(inner)
    advice = "return .tolist() of it" if hasattr(value, "tolist") else "return text, numbers, lists and dicts"
    raise NotJson(_cannot(value, advice))


def _sorted(members: Iterable[Any]) -> list[Any]:
    members = list(members)
    try:
        return sorted(members)
    except TypeError:
        return members  # members of several types have no order


def _cannot(value: Any, why: str) -> str:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return f"a value of type {kind} cannot be written as JSON: {why}"
