"""A short name for a value that is the same in every program that has an equal value: how a journal knows an input again.

Pickles will not do: they tell apart what is equal (a string twice, or two equal strings), and follow the order of sets, which
is another one in each program. Here sets and dicts count without their order, the identity of objects counts only where they
contain themselves, and all other objects count as what they would be pickled as: a function, and what to call it with.
"""

from __future__ import annotations

import struct
import sys
from copyreg import dispatch_table
from dis import get_instructions, hasconst, hasname
from functools import partial
from hashlib import blake2b
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

__all__ = ("DIGEST_BYTES", "NoDigest", "add_code", "add_values", "digest_of")

DIGEST_BYTES = 16  # Assumes: 2**64 inputs in one journal are enough, which is where two of them would share a digest
_PICKLE_PROTOCOL = 4
_MEANING = 0x2AC  # of co_flags: *args, **kwargs, generator, coroutine, asynchronous generator. Others say how it was compiled


class NoDigest(Exception):
    """A value has nothing that would be the same in another program. The message names the part of it."""


def digest_of(thing: Any) -> bytes:
    """Return 16 bytes that are the same for an equal value of the same type, in any program on any day.

    Args:
        thing: a value; also one that contains itself, NumPy arrays, and objects of any class that can be pickled.

    Raises:
        NoDigest: it holds something that lives in this process only: an open file, a lock, a generator.

    Example:
        >>> digest_of({"a", "b"}) == digest_of({"b", "a"}) and digest_of(1) != digest_of(1.0)
        True
    """
    kind = type(thing)
    if kind is str:  # most inputs are one of these two: as below, in one call
        return blake2b(b"s%d:" % len(thing) + thing.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
    if kind is int:
        return blake2b(b"i%x;" % thing, digest_size=DIGEST_BYTES).digest()
    try:
        return _digest(thing, {})
    except NoDigest:
        raise
    except RecursionError:
        raise NoDigest(f"{kind.__qualname__} is nested too deep") from None
    except Exception as error:  # what the user's own methods raise
        raise NoDigest(f"{kind.__qualname__}: {type(error).__name__}: {error}") from error


def _digest(thing: Any, path: dict[int, int]) -> bytes:
    hasher = blake2b(digest_size=DIGEST_BYTES)
    _add(hasher.update, thing, path)
    return hasher.digest()


def _add(update: Any, thing: Any, path: dict[int, int]) -> None:
    """Feed a value to a hash function: its kind, its size where it has one, what it consists of.

    Args:
        update: takes bytes.
        thing: the value.
        path: which objects this one is a part of, and how far up each is.
    """
    kind = type(thing)
    simple = _SIMPLE.get(kind)
    if simple is not None:
        simple(update, thing)
        return
    place = id(thing)
    if place in path:
        update(b"^%d;" % path[place])  # it contains itself
        return
    path[place] = len(path)
    try:
        _COMPOUND.get(kind, _add_other)(update, thing, path)
    finally:
        del path[place]


def _add_int(update: Any, thing: int) -> None:
    update(b"i%x;" % thing)


def _add_float(update: Any, thing: float) -> None:
    update(b"f" + struct.pack(">d", thing))


def _add_complex(update: Any, thing: complex) -> None:
    update(b"c" + struct.pack(">dd", thing.real, thing.imag))


def _add_str(update: Any, thing: str) -> None:
    update(b"s%d:" % len(thing))
    update(thing.encode("utf-8", "surrogatepass"))


def _add_bytes(update: Any, thing: bytes | bytearray) -> None:
    update((b"b%d:" if type(thing) is bytes else b"B%d:") % len(thing))
    update(thing)


def _add_constant(update: Any, thing: object) -> None:
    update(b"k%s;" % repr(thing).encode())


def _add_range(update: Any, thing: range) -> None:
    update(b"r%x:%x:%x;" % (thing.start, thing.stop, thing.step))


def _add_sequence(update: Any, thing: tuple[Any, ...] | list[Any], path: dict[int, int]) -> None:
    update((b"t%d:" if type(thing) is tuple else b"l%d:") % len(thing))
    for part in thing:
        _add(update, part, path)


def _add_dict(update: Any, thing: dict[Any, Any], path: dict[int, int]) -> None:
    update(b"d%d:" % len(thing))
    for pair in sorted(_digest(key, path) + _digest(value, path) for key, value in thing.items()):
        update(pair)


def _add_set(update: Any, thing: set[Any] | frozenset[Any], path: dict[int, int]) -> None:
    update((b"S%d:" if type(thing) is set else b"F%d:") % len(thing))
    for part in sorted(_digest(part, path) for part in thing):
        update(part)


def _add_other(update: Any, thing: Any, path: dict[int, int]) -> None:
    if isinstance(thing, type | BuiltinFunctionType | FunctionType):
        _add_named(update, thing, path)
    elif isinstance(thing, ModuleType):
        update(b"m%s;" % thing.__name__.encode())
    elif isinstance(thing, MethodType):
        update(b"M")
        _add(update, thing.__func__, path)
        _add(update, thing.__self__, path)
    elif isinstance(thing, partial):
        update(b"P")
        _add(update, (thing.func, thing.args, thing.keywords), path)
    elif isinstance(thing, PurePath):
        update(b"p%s" % type(thing).__name__.encode())
        _add_str(update, str(thing))
    elif _is_array(thing):
        _add_array(update, thing, path)
    else:
        _add_reduced(update, thing, path)


def _add_named(update: Any, thing: Any, path: dict[int, int]) -> None:
    """Feed a function or a class: its name, if it can be found by it; else what it consists of."""
    owner = getattr(thing, "__self__", None)
    if isinstance(thing, BuiltinFunctionType) and owner is not None and not isinstance(owner, ModuleType):
        update(b"M%s;" % thing.__name__.encode())  # [].append
        _add(update, owner, path)
        return
    module, name = getattr(thing, "__module__", None) or "builtins", thing.__qualname__
    update(b"g%s:%s;" % (module.encode(), name.encode()))
    if isinstance(thing, FunctionType) and not _is_found(thing, module, name):
        add_code(update, thing)
        for cell in thing.__closure__ or ():
            _add(update, cell.cell_contents, path)


def _is_found(thing: Any, module: str, name: str) -> bool:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is thing


def _is_array(thing: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(thing, numpy.ndarray)


def _add_array(update: Any, thing: Any, path: dict[int, int]) -> None:
    update(b"a%s%s;" % (repr(thing.dtype.descr).encode(), repr(thing.shape).encode()))
    if thing.dtype.hasobject:
        _add(update, thing.tolist(), path)
    else:
        update(thing.tobytes())


def _add_reduced(update: Any, thing: Any, path: dict[int, int]) -> None:
    """Feed what pickle would write down of an object."""
    try:
        reduce = dispatch_table.get(type(thing))
        reduced = thing.__reduce_ex__(_PICKLE_PROTOCOL) if reduce is None else reduce(thing)
    except Exception as error:
        raise NoDigest(f"{type(thing).__qualname__} cannot be told apart from others of its kind: {error}") from error
    if isinstance(reduced, str):
        update(b"G%s:%s;" % (type(thing).__module__.encode(), reduced.encode()))
        return
    make, arguments, state, listed, keyed = (*reduced, None, None, None)[:5]
    update(b"o")
    for part in (make, arguments, state):
        _add(update, part, path)
    for parts in (listed, keyed):
        _add(update, None if parts is None else list(parts), path)


def add_code(update: Any, function: FunctionType) -> None:
    """Feed a function's code to a hash function: neither where it stands nor its documentation, but its defaults."""
    _add_code(update, function.__code__)
    add_values(update, function.__defaults__ or ())
    add_values(update, sorted((function.__kwdefaults__ or {}).items()))


def _add_code(update: Any, code: CodeType) -> None:
    """Feed what is executed. Constants count by their values, where the bytes of the code would count their places."""
    update(b"%d,%d,%d,%d;" % (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _MEANING))
    for instruction in get_instructions(code):
        update(b"%d:" % instruction.opcode)
        if instruction.opcode not in hasconst:
            update(str(instruction.arg if instruction.opcode not in hasname else instruction.argval).encode())
        elif isinstance(instruction.argval, CodeType):
            _add_code(update, instruction.argval)
        else:
            add_values(update, (instruction.argval,))


def add_values(update: Any, values: Any) -> None:
    """Feed values to a hash function; of those that nobody could know again, their kind."""
    for value in values:
        try:
            update(digest_of(value))
        except NoDigest:
            update(f"<{type(value).__module__}.{type(value).__qualname__}>".encode())


_SIMPLE: dict[type, Any] = {
    int: _add_int,
    float: _add_float,
    complex: _add_complex,
    str: _add_str,
    bytes: _add_bytes,
    bytearray: _add_bytes,
    bool: _add_constant,
    type(None): _add_constant,
    type(Ellipsis): _add_constant,
    type(NotImplemented): _add_constant,
    range: _add_range,
}
_COMPOUND: dict[type, Any] = {
    tuple: _add_sequence,
    list: _add_sequence,
    dict: _add_dict,
    set: _add_set,
    frozenset: _add_set,
}
