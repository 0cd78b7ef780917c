"""NumPy's share of an item's random numbers: its global generator, and what generators without a seed are seeded with.

``numpy.random.rand`` and its like are methods of one generator, bound and written in C, so they cannot be led elsewhere; for as
long as items have numbers of their own, the names in the module stand for functions that ask whose draw it is. ``default_rng()``,
``SeedSequence()`` and all else that takes its seed from the operating system does so by one function, whose name is looked up in
``numpy.random.bit_generator``; another one stands there for this time. NumPy is not imported for any of this. If an item does so,
it is met on its way (``_Arrival``): else the first item of each worker would draw other numbers than it would elsewhere.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder

from atonce._machine.nesting import inside_worker_process
from atonce._values.typed import Protocol

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 10 ms at the start of a worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

__all__ = ("NumpyDraws", "generator")

_NAME = "numpy.random"
# Functions that call a method of the generator.
_BY_ANOTHER_NAME = {"seed": "seed", "ranf": "random_sample", "sample": "random_sample"}


class Numbers(Protocol):
    """What an item draws from."""

    @property
    def words(self) -> list[int]:
        """What the global generator is seeded with."""

    @property
    def legacy(self) -> Any:
        """Stands for the global generator."""

    def entropy(self, bits: int) -> int:
        """Stands for the operating system's."""


def generator(words: list[int]) -> Any:
    """Make a generator like the global one."""
    random = sys.modules[_NAME]
    made = random.RandomState(random.MT19937(0))  # with a seed: without, it would take one from the item's numbers
    made.seed(words)
    return made


class NumpyDraws:
    """Leads NumPy's functions to the numbers of items. Guarded by the lock that it is given, but for what draws do."""

    def __init__(
        self, current: Callable[[], Numbers | None], owner: Callable[[], Numbers | None], lock: AbstractContextManager[Any]
    ) -> None:
        """Prepare; nothing is changed yet.

        Args:
            current: tells the item that the calling thread or task is in.
            owner: tells the item that has the real generators.
            lock: held by whoever calls us.
        """
        self._current = current
        self._owner = owner
        self._lock = lock
        self._installed = False
        self._there = False  # whether NumPy's random numbers are there, and complete
        self._arrival = _Arrival(self._arrived)
        self._replaced: list[tuple[dict[str, Any], str, Any, Any]] = []  # where, name, what stood there, what stands there
        self._table: list[tuple[dict[str, Any], str, Any, Any]] = []  # the same, for all that there is
        self._owned: list[_Owned] = []  # the last one is in force
        self._spare: list[Any] = []  # bit generators: to make one takes 0.15 ms
        self._outside: Any = None  # what those draw from who are no items, while an item has the real one

    def install(self) -> None:
        """Let functions ask, unless they do."""
        if self._installed:
            return
        if not self._is_there():
            if self._arrival not in sys.meta_path:
                sys.meta_path.insert(0, self._arrival)
            return
        for row in self._table or self._everything():
            space, name, original, ours = row
            if space.get(name) is original:  # else somebody has put something else there: a test, for one
                self._replaced.append(row)
                space[name] = ours
        self._installed = True

    def uninstall(self) -> None:
        """Put everything back."""
        self._installed = False
        if self._arrival in sys.meta_path:
            sys.meta_path.remove(self._arrival)
        for space, name, original, ours in self._replaced:
            if space.get(name) is ours:
                space[name] = original
        self._replaced.clear()

    def own(self, numbers: Numbers) -> None:
        """Give an item the real generator, seeded; until ``disown``."""
        random = sys.modules[_NAME] if self._is_there() else None
        if random is None or not hasattr(random, "set_bit_generator"):  # which came with NumPy 1.24; without it, draws are led
            return
        bits = self._spare.pop() if self._spare else random.MT19937(0)
        owned = _Owned(numbers, bits, sparing=inside_worker_process() and not self._owned)
        if not self._owned:
            self._outside = owned.stand_in
        self._owned.append(owned)
        owned.begin()

    def disown(self, numbers: Numbers) -> None:
        """Take the real generator back."""
        if self._owned and self._owned[-1].numbers is numbers:
            owned = self._owned[-1]
            owned.end()
            self._owned.pop()
            self._spare.append(owned.bits)
        if not self._owned:
            self._outside = None

    def chosen(self) -> Any:
        """Return the generator that the caller draws from; ``None`` for the real one. Any thread, without the lock."""
        numbers, owned = self._current(), self._owned
        if numbers is None:
            return self._outside
        return None if owned and owned[-1].numbers is numbers else numbers.legacy

    def _arrived(self) -> None:
        """NumPy has been imported, in some item or beside it."""
        with self._lock:
            self._there = True
            if self._arrival not in sys.meta_path:  # the last item has ended meanwhile
                return
            sys.meta_path.remove(self._arrival)
            self.install()
            owner = self._owner()
            if owner is not None:
                self.own(owner)

    def _is_there(self) -> bool:
        spec = None if self._there else getattr(sys.modules.get(_NAME), "__spec__", None)
        # While another thread imports it, the module is there, and not all that is in it.
        self._there = self._there or (spec is not None and not getattr(spec, "_initializing", False))
        return self._there

    def _everything(self) -> list[tuple[dict[str, Any], str, Any, Any]]:
        """List what can be replaced."""
        table: list[tuple[dict[str, Any], str, Any, Any]] = []
        real, space = _real(), vars(sys.modules[_NAME])
        complete = True
        for name, original in list(space.items()):
            method = _BY_ANOTHER_NAME.get(name, name)
            if name.startswith("_") or not hasattr(type(real), method):
                continue
            genuine = getattr(original, "__self__", None) is real or (
                name in _BY_ANOTHER_NAME and original is getattr(sys.modules[f"{_NAME}.mtrand"], name, None)
            )
            complete = complete and genuine  # else somebody has put something else there, for a time
            if genuine:
                table.append((space, name, original, _Led(name, method, original, self)))
        space = vars(sys.modules[f"{_NAME}.bit_generator"])
        if (bits := space.get("randbits")) is not None:
            table.append((space, "randbits", bits, self._entropy_or(bits)))
        self._table = table if complete else []
        return table

    def _entropy_or(self, original: Callable[[int], int]) -> Callable[[int], int]:
        def randbits(k: int) -> int:
            numbers = self._current()
            return original(k) if numbers is None else numbers.entropy(k)

        return randbits


class _Led:
    """A function of ``numpy.random`` that asks whose draw it is. For those who look at it, it is the one that it stands for."""

    def __init__(self, name: str, method: str, original: Any, draws: NumpyDraws) -> None:
        self.__name__ = self.__qualname__ = name
        self.__module__ = _NAME
        self.__doc__ = original.__doc__
        self.__self__ = _real()
        self._method = method
        self._original = original
        self._draws = draws

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        chosen = self._draws.chosen()
        return (self._original if chosen is None else getattr(chosen, self._method))(*args, **keywords)

    def __reduce__(self) -> str:
        return self.__name__  # it is found where it stands, as the original


class _Owned:
    """An item has the real generator: another bit generator runs it for this time, so that the state need not be copied."""

    __slots__ = ("_before", "_gauss", "bits", "numbers", "stand_in")

    def __init__(self, numbers: Numbers, bits: Any, *, sparing: bool) -> None:
        """Prepare.

        Args:
            numbers: the item's.
            bits: the bit generator to run it with.
            sparing: whether it is all the same how exactly the generator goes on afterwards.
        """
        random = sys.modules[_NAME]
        self.numbers = numbers
        self.bits = bits
        self._gauss = None if sparing else _gauss_of(_real())
        self._before = random.get_bit_generator()
        self.stand_in = random.RandomState(self._before)

    def begin(self) -> None:
        """Change the bit generator, and seed it."""
        sys.modules[_NAME].set_bit_generator(self.bits)
        _real().seed(self.numbers.words)

    def end(self) -> None:
        """Put the bit generator back that was there."""
        sys.modules[_NAME].set_bit_generator(self._before)
        if self._gauss and self._gauss["has_gauss"]:
            real = _real()
            real.set_state(real.get_state(legacy=False) | self._gauss)


class _Arrival:
    """Stands before the finders of modules, and hears of NumPy's random numbers when they have been imported."""

    def __init__(self, arrived: Callable[[], None]) -> None:
        self._arrived = arrived

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find this one module, where Python would have found it."""
        spec = PathFinder.find_spec(name, path, target) if name == _NAME else None
        loader: Any = None if spec is None else spec.loader
        if loader is not None:
            execute, arrived = loader.exec_module, self._arrived

            def execute_and_say(module: ModuleType) -> None:
                execute(module)
                arrived()

            loader.exec_module = execute_and_say
        return spec


def _real() -> Any:
    return sys.modules[f"{_NAME}.mtrand"]._rand  # noqa: SLF001 (the one generator of the module's functions)


def _gauss_of(real: Any) -> dict[str, Any]:
    """Return what a normal draw has made in advance, which a change of the bit generator forgets."""
    state = real.get_state(legacy=False)
    return {name: state[name] for name in ("has_gauss", "gauss")}
