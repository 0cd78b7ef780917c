"""What state looks like now, so that it can be told later whether it has changed.

It is a look, not a copy: large things are looked at in places, objects of libraries from outside, and nothing of the user's runs.
A *portable* fingerprint is the same in another process where the state is: it knows nothing of where objects are in memory.
"""

from __future__ import annotations

from binascii import crc32
from collections import OrderedDict, deque
from functools import partial
from itertools import islice
from types import BuiltinFunctionType, CodeType, FunctionType, GeneratorType, MethodType, ModuleType

from atonce._probe.things import CACHES, asked, draws_numbers, held_by, is_own_class, module_of, of_kind

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

__all__ = ("fingerprint",)

_MOST_THINGS = 2_000  # Measured: 0.2 ms; the thread that looks competes with the work
_EACH = 64  # elements of one container, from its ends
_LONG = 4_096  # bytes of one text or buffer, from its ends
_DEEP = 6
_AS_THEY_ARE = (int, float, complex, bool, type(None), range)
_CONTAINERS: tuple[Any, ...] = (OrderedDict, dict, list, tuple, deque, set, frozenset)
_FROM_OUTSIDE = (ModuleType, BuiltinFunctionType, CodeType)


class _Changing:
    """A fingerprint that is like no other: it was changed while it was being taken."""


class _SizeChanged(Exception):
    """A container was changed while its elements were being looked at."""


def fingerprint(thing: Any, *, portable: bool = False) -> object:
    """Take a fingerprint: two that are equal are, as far as was looked, of the same state."""
    try:
        return (_PortableLook if portable else _Look)().at(thing, 0)
    except _SizeChanged:
        return _Changing()


class _Look:
    identity: Any = staticmethod(id)
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
        if of_kind(thing, _FROM_OUTSIDE) or self._left < 0 or depth > _DEEP or id(thing) in self._on_the_way:
            return self.identity(thing), kind.__name__
        self._on_the_way.add(id(thing))
        try:
            return kind.__name__, self._inside(thing, depth + 1)
        except _SizeChanged:
            raise
        except Exception:  # a library's object that does not answer for itself
            return self.identity(thing), kind.__name__
        finally:
            self._on_the_way.discard(id(thing))

    def _inside(self, thing: Any, depth: int) -> object:  # noqa: PLR0911 (a kind a line)
        plain = next((each for each in _CONTAINERS if of_kind(thing, each)), None)
        if plain is not None:
            return plain.__len__(thing), self._elements(plain, thing, depth)
        if of_kind(thing, CACHES):
            seen = thing.cache_info()
            return seen.misses, seen.currsize
        if draws_numbers(thing):
            return self.digest(repr(_drawn(thing)))
        if of_kind(thing, FunctionType):
            beside = thing.__defaults__, thing.__kwdefaults__, thing.__dict__
            return self.identity(thing), [self.at(each, depth) for each in beside]
        if of_kind(thing, MethodType | partial):
            parts = (thing.__self__,) if of_kind(thing, MethodType) else (thing.args, thing.keywords)
            return [self.at(each, depth) for each in parts]
        if of_kind(thing, GeneratorType):
            return self.identity(thing), thing.gi_frame is None or thing.gi_frame.f_lasti
        if of_kind(thing, type):
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
        if not is_own_class(type(thing)) and module_of(type(thing)) not in ("types", "collections"):
            return self.identity(thing)
        state = [self.at(held_by(thing), depth)]
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

    def _elements(self, plain: Any, thing: Any, depth: int) -> object:
        return [self._element(plain, each, depth) for each in self._ends(plain, thing)]

    def _element(self, plain: Any, element: Any, depth: int) -> object:
        if issubclass(plain, dict):
            return self.at(element[0], depth), self.at(element[1], depth)
        return hash(element) if plain in (set, frozenset) else self.at(element, depth)

    @staticmethod
    def _ends(plain: Any, thing: Any) -> list[Any]:
        """Return the elements of a container, or the first and the last of them, as its plain kind has them."""
        elements = plain.items(thing) if issubclass(plain, dict) else plain.__iter__(thing)
        try:
            if plain.__len__(thing) <= 2 * _EACH:
                return list(elements)
            return list(islice(elements, _EACH)) + list(islice(_from_the_end(plain, thing), _EACH))
        except RuntimeError as error:
            raise _SizeChanged from error


def _from_the_end(plain: Any, thing: Any) -> Any:
    if plain is tuple:
        return tuple.__getitem__(thing, slice(-_EACH, None))
    if issubclass(plain, dict):
        return reversed(plain.items(thing))
    return plain.__reversed__(thing) if hasattr(plain, "__reversed__") else ()


class _PortableLook(_Look):
    digest = staticmethod(lambda text: crc32(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text))

    @staticmethod
    def identity(thing: Any) -> Any:
        """Return what says in another process which thing it is: a name."""
        name = asked(thing, "__qualname__")
        return name if isinstance(name, str) else type(thing).__qualname__

    def _elements(self, plain: Any, thing: Any, depth: int) -> object:
        if plain not in (set, frozenset):
            return super()._elements(plain, thing, depth)
        few = plain.__len__(thing) <= 2 * _EACH  # of many, those at the ends are others in each process
        return sorted(repr(self.at(each, depth)) for each in self._ends(plain, thing)) if few else None


def _buffer_of(thing: Any, digest: Any) -> object:
    """Look at the ends and the middle of what is made of bytes: a bytearray, an array."""
    kind = type(thing)
    known = of_kind(thing, bytearray | memoryview) or module_of(kind) in ("numpy", "array", "mmap")
    if not known and not any("__buffer__" in vars(base) for base in kind.__mro__):
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
