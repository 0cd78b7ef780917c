"""A short name for a value that is the same in every program that has an equal value: how a journal knows an input again.

Pickles will not do: they tell apart what is equal (a string twice, or two equal strings), and follow the order of sets, which is
another one in each program. Here sets and dicts count without their order, the identity of objects counts only where they contain
themselves, and all other objects count as what they would be pickled as: a function, and what to call it with.

Values of different types never share a digest, though they may be equal (1 and 1.0); nor do 0.0 and -0.0, with which one can tell.
"""

from __future__ import annotations

import struct
import sys
from collections import OrderedDict
from copyreg import dispatch_table
from dis import get_instructions, hasconst, hasname
from hashlib import blake2b
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

__all__ = ("DIGEST_BYTES", "NoDigest", "add_code", "add_values", "digest_of", "module_of")

DIGEST_BYTES = 16  # Assumes: 2**64 inputs in one journal are enough, which is where two of them would share a digest
_PICKLE_PROTOCOL = 4
_MEANING = 0x2AC  # of co_flags: *args, **kwargs, generator, coroutine, asynchronous generator. Others say how it was compiled
_MOST_REPEATED = 10_000  # parts that are gone through more than once


class NoDigest(Exception):
    """A value has nothing that would be the same in another program. The message names the part of it."""


def digest_of(thing: Any) -> bytes:
    """Return 16 bytes that are the same for an equal value of the same type, in any program on any day.

    Args:
        thing: a value; also one that contains itself, NumPy arrays, and objects of any class that can be pickled.

    Raises:
        NoDigest: it holds something that lives in this process only: an open file, a lock, a generator, a class that no module has.

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
        hasher = blake2b(digest_size=DIGEST_BYTES)
        _Walk().add(hasher.update, thing)
        return hasher.digest()
    except NoDigest:
        raise
    except RecursionError:
        raise NoDigest(f"{kind.__qualname__} is nested too deep") from None
    except Exception as error:  # what the user's own methods raise
        raise NoDigest(f"{kind.__qualname__}: {type(error).__name__}: {error}") from error


def add_values(update: Any, values: Any) -> str:
    """Feed values to a hash function; of those that nobody could know again, their kind. Return what the last of these were."""
    nameless = ""
    for value in values:
        try:
            update(digest_of(value))
        except NoDigest as reason:
            nameless = str(reason)
            update(f"<{type(value).__module__}.{type(value).__qualname__}>".encode())
    return nameless


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


def module_of(thing: Any) -> str:
    """Name the module that a function or a class is defined in. A program is called by its file: so do those who import it."""
    name = getattr(thing, "__module__", None) or "builtins"
    if name != "__main__":
        return str(name)
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name.removesuffix(".__main__"))
    path = getattr(main, "__file__", None)
    return name if path is None else Path(path).stem


class _Walk:
    """Goes through one value.

    Each part that has parts is hashed for itself, and counts by its digest in what it is a part of. So a part that stands in
    several places is gone through once, unless it knows something above it: then what it is depends on where it stands.
    """

    def __init__(self) -> None:
        self._path: dict[int, int] = {}  # the objects that the one at hand is a part of, and how far down each is
        self._done: dict[int, tuple[bytes, Any]] = {}  # digests of parts, which are kept alive, so that no other has their id
        self._seen: set[int] = set()  # parts that have been gone through, and have no digest of their own
        self._repeated = 0
        self._highest = sys.maxsize  # how far down the highest object is that was met again below the one at hand

    def add(self, update: Any, thing: Any) -> None:
        """Feed a value to a hash function: its kind, its size where it has one, what it consists of."""
        kind = type(thing)
        simple = _SIMPLE.get(kind)
        if simple is not None:
            simple(update, thing)
        elif id(thing) in self._path:
            self._highest = min(self._highest, self._path[id(thing)])
            update(b"^%d;" % (len(self._path) - self._path[id(thing)]))  # it contains itself
        else:
            update(b"#" + self.digest(thing))

    def digest(self, thing: Any) -> bytes:
        """Return the digest of a part."""
        place = id(thing)
        if place in self._done:
            return self._done[place][0]
        if place in self._seen:
            self._repeated += 1
            if self._repeated > _MOST_REPEATED:
                raise NoDigest(f"{type(thing).__qualname__} is one of too many that know each other")
        depth, above = len(self._path), self._highest
        self._path[place], self._highest = depth, sys.maxsize
        hasher = blake2b(digest_size=DIGEST_BYTES)
        try:
            self._add_parts(hasher.update, thing)
        finally:
            del self._path[place]
        digest = hasher.digest()
        if self._highest >= depth:
            self._done[place] = (digest, thing)
            self._highest = above
        else:
            self._seen.add(place)
            self._highest = min(self._highest, above)
        return digest

    def _add_parts(self, update: Any, thing: Any) -> None:
        kind = type(thing)
        if kind is tuple or kind is list:
            self._add_sequence(update, thing)
        elif kind is dict:
            self._add_dict(update, thing)
        elif isinstance(thing, set | frozenset):
            self._add_set(update, thing)
        elif isinstance(thing, type | BuiltinFunctionType | FunctionType):
            self._add_named(update, thing)
        elif isinstance(thing, ModuleType):
            update(b"m%s;" % thing.__name__.encode())
        elif isinstance(thing, MethodType):
            update(b"M")
            self._add_sequence(update, (thing.__func__, thing.__self__))
        elif isinstance(thing, PurePath):
            update(b"p%s:" % kind.__name__.encode())
            _add_str(update, str(thing))
        elif kind.__name__ == "ndarray" and kind.__module__ == "numpy":
            self._add_array(update, thing)
        else:
            self._add_reduced(update, thing)

    def _add_sequence(self, update: Any, thing: tuple[Any, ...] | list[Any]) -> None:
        update((b"t%d:" if type(thing) is tuple else b"l%d:") % len(thing))
        for part in thing:
            self.add(update, part)

    def _add_dict(self, update: Any, thing: Any) -> None:
        update(b"d%d:" % len(thing))
        for pair in sorted(self._alone(key) + self._alone(value) for key, value in thing.items()):
            update(pair)

    def _add_set(self, update: Any, thing: set[Any] | frozenset[Any]) -> None:
        kind = type(thing)
        if kind is set or kind is frozenset:
            update((b"S%d:" if kind is set else b"F%d:") % len(thing))
        else:
            update(b"o%d:" % len(thing))
            self.add(update, kind)
            self.add(update, getattr(thing, "__dict__", None))
        for part in sorted(map(self._alone, thing)):
            update(part)

    def _alone(self, part: Any) -> bytes:
        """Return what a part would feed, at a fixed length, so that such can be sorted."""
        hasher = blake2b(digest_size=DIGEST_BYTES)
        self.add(hasher.update, part)
        return hasher.digest()

    def _add_named(self, update: Any, thing: Any) -> None:
        """Feed a function or a class: its name, if it can be found by it; else what it consists of."""
        owner = getattr(thing, "__self__", None)
        if isinstance(thing, BuiltinFunctionType) and owner is not None and not isinstance(owner, ModuleType):
            update(b"M%s;" % thing.__name__.encode())  # [].append
            self.add(update, owner)
            return
        name = thing.__qualname__
        update(b"g%s:%s;" % (module_of(thing).encode(), name.encode()))
        if _is_found(thing, getattr(thing, "__module__", None) or "builtins", name):
            return
        if not isinstance(thing, FunctionType):
            raise NoDigest(f"{name} cannot be found by its name, so that another of this name might be meant")
        add_code(update, thing)
        for cell in thing.__closure__ or ():
            self.add(update, cell.cell_contents)

    def _add_array(self, update: Any, thing: Any) -> None:
        update(b"a%s%s;" % (repr(thing.dtype.descr).encode(), repr(thing.shape).encode()))
        if thing.dtype.hasobject or thing.dtype.names:  # between the fields of a structure may stand anything
            self.add(update, thing.tolist())
        else:
            update(thing.tobytes())

    def _add_reduced(self, update: Any, thing: Any) -> None:
        """Feed what pickle would write down of an object."""
        try:
            reduce = dispatch_table.get(type(thing))
            reduced = thing.__reduce_ex__(_PICKLE_PROTOCOL) if reduce is None else reduce(thing)
        except Exception as error:
            raise NoDigest(f"{type(thing).__qualname__} cannot be told apart from others of its kind: {error}") from error
        if isinstance(reduced, str):
            update(b"G%s:%s;" % (module_of(thing if hasattr(thing, "__module__") else type(thing)).encode(), reduced.encode()))
            return
        make, arguments, state, listed, keyed = (*reduced, None, None, None)[:5]
        update(b"o")
        for part in (make, arguments, state):
            self.add(update, part)
        self.add(update, None if listed is None else list(listed))
        if keyed is None or isinstance(thing, OrderedDict):
            self.add(update, None if keyed is None else list(keyed))
        else:
            self._add_dict(update, dict(keyed))


def _is_found(thing: Any, module: str, name: str) -> bool:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is thing


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
