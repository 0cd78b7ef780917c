"""What state looks like now, so that it can be told later whether it has changed.

It is a look, not a copy: large things are looked at in places, objects of libraries from outside, and nothing of the user's runs.
A *portable* fingerprint is the same in another process where the state is: it knows nothing of where objects are in memory.
"""

from __future__ import annotations

from binascii import crc32
from collections import deque
from functools import partial
from itertools import islice
from types import BuiltinFunctionType, CodeType, FunctionType, GeneratorType, MethodType, ModuleType

from atonce._probe.things import CACHES, draws_numbers, is_own_class

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

__all__ = ("fingerprint",)

_MOST_THINGS = 2_000  # Measured: 0.2 ms; the thread that looks competes with the work
_EACH = 64  # elements of one container, from its ends
_LONG = 4_096  # bytes of one text or buffer, from its ends
_DEEP = 6
_AS_THEY_ARE = (int, float, complex, bool, type(None), range)
_FROM_OUTSIDE = (ModuleType, BuiltinFunctionType, CodeType)


class _Changing:
    """A fingerprint that is like no other: it was changed while it was being taken."""


def fingerprint(thing: Any, *, portable: bool = False) -> object:
    """Take a fingerprint: two that are equal are, as far as was looked, of the same state."""
    try:
        return (_PortableLook if portable else _Look)().at(thing, 0)
    except RuntimeError:  # changed size during iteration
        return _Changing()


class _Look:
    identity = staticmethod(id)
    digest: Any = staticmethod(hash)

    def __init__(self) -> None:
        self._left = _MOST_THINGS
        self._on_the_way: set[int] = set()

    def at(self, thing: Any, depth: int) -> object:
        kind = type(thing)
        if kind in _AS_THEY_ARE:
            return kind, thing if thing == thing else "nan"  # noqa: PLR0124
        if kind in (str, bytes):
            return kind, thing if len(thing) <= _LONG else (len(thing), self.digest(thing[:_LONG]), self.digest(thing[-_LONG:]))
        self._left -= 1
        if isinstance(thing, _FROM_OUTSIDE) or self._left < 0 or depth > _DEEP or id(thing) in self._on_the_way:
            return self.identity(thing), kind.__name__
        self._on_the_way.add(id(thing))
        try:
            return kind.__name__, self._inside(thing, depth + 1)
        finally:
            self._on_the_way.discard(id(thing))

    def _inside(self, thing: Any, depth: int) -> object:  # noqa: PLR0911 (a kind a line)
        if isinstance(thing, dict):
            return len(thing), [(self.at(key, depth), self.at(value, depth)) for key, value in self._ends(thing.items(), thing)]
        if isinstance(thing, list | tuple | deque):
            return len(thing), [self.at(each, depth) for each in self._ends(thing, thing)]
        if isinstance(thing, set | frozenset):
            return len(thing), self._members(thing, depth)
        if isinstance(thing, CACHES):
            seen = thing.cache_info()
            return seen.misses, seen.currsize
        if draws_numbers(thing):
            return self.digest(repr(_drawn(thing)))
        if isinstance(thing, FunctionType):
            return self.identity(thing), [
                self.at(each, depth) for each in (thing.__defaults__, thing.__kwdefaults__, thing.__dict__)
            ]
        if isinstance(thing, MethodType | partial):
            parts = (thing.__self__,) if isinstance(thing, MethodType) else (thing.args, thing.keywords)
            return [self.at(each, depth) for each in parts]
        if isinstance(thing, GeneratorType):
            return self.identity(thing), thing.gi_frame is None or thing.gi_frame.f_lasti
        if isinstance(thing, type):
            return self.identity(thing), self._of_class(thing, depth) if is_own_class(thing) else None
        return self._of_object(thing, depth)

    def _of_class(self, thing: type, depth: int) -> object:
        return [
            (name, self.at(value, depth)) for name, value in list(vars(thing).items()) if not callable(value) and name[:2] != "__"
        ]

    def _of_object(self, thing: Any, depth: int) -> object:
        with_buffer = _buffer_of(thing, self.digest)
        if with_buffer is not None:
            return with_buffer
        if not is_own_class(type(thing)) and type(thing).__module__ not in ("types", "collections"):
            return self.identity(thing)
        state = [self.at(getattr(thing, "__dict__", None), depth)]
        for base in type(thing).__mro__:
            slots = vars(base).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                private = name.startswith("__") and not name.endswith("__")
                member: Any = vars(base).get(f"_{base.__name__.lstrip('_')}{name}" if private else name)
                if member is not None and name not in ("__dict__", "__weakref__"):
                    try:
                        state.append(self.at(member.__get__(thing), depth))
                    except AttributeError:
                        state.append("not set")
        return self.identity(thing), state

    def _members(self, thing: Any, depth: int) -> object:  # noqa: ARG002 (it is another look that has to go into them)
        return [hash(each) for each in self._ends(thing, thing)]

    @staticmethod
    def _ends(elements: Any, thing: Any) -> list[Any]:
        """Return the elements of a container, or the first and the last of them."""
        if len(thing) <= 2 * _EACH:
            return list(elements)
        first = list(islice(elements, _EACH))
        return first + (list(islice(reversed(elements), _EACH)) if hasattr(elements, "__reversed__") else [])


class _PortableLook(_Look):
    digest = staticmethod(lambda text: crc32(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text))

    @staticmethod
    def identity(thing: Any) -> Any:
        """Return what says in another process which thing it is: a name."""
        return getattr(thing, "__qualname__", None) or getattr(type(thing), "__qualname__", "")

    def _members(self, thing: Any, depth: int) -> object:
        return sorted(repr(self.at(each, depth)) for each in thing) if len(thing) <= 2 * _EACH else len(thing)


def _buffer_of(thing: Any, digest: Any) -> object:
    """Look at the ends and the middle of what is made of bytes: a bytearray, an array."""
    if not hasattr(type(thing), "__buffer__") and not isinstance(thing, bytearray | memoryview):
        module = type(thing).__module__
        if module not in ("numpy", "array", "mmap"):
            return None
    try:
        flat = memoryview(thing).cast("B")
    except (TypeError, ValueError, BufferError):
        return None
    with flat:
        step = max(1, len(flat) // _LONG)
        return len(flat), digest(bytes(flat[:_LONG])), digest(bytes(flat[-_LONG:])), digest(bytes(flat[::step][: 2 * _LONG]))


def _drawn(thing: Any) -> object:
    if type(thing).__module__ == "random":
        return thing.getstate()
    return thing.get_state() if hasattr(thing, "get_state") else thing.bit_generator.state
