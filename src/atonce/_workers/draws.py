"""The random numbers of one item: while it runs, the functions of ``random`` and ``numpy.random`` draw from them.

These functions belong to one generator for the whole program (``random._inst``), and several items may run at once. So for as long
as any item has numbers of its own, that generator asks for each draw whose it is::

    random.choice ──▶ random._inst ──▶ the context's item ──▶ its own random.Random
                     (another class      │ none                 made when it is first drawn from
                      for this time)     └──────────────▶ what was there before

A thread and a task of an event loop each have a context of their own, and what an item starts takes over a copy. The methods that
are written in Python find their way through the class, also where somebody has taken their names before (``from random import
randint``). ``random.random`` and ``random.getrandbits`` are written in C: the names in the module are replaced, and a name that was
taken before goes past us. Where the items of a thread run strictly one after the other, such names are served too: the item *owns*
the real generator, which is seeded for it and put back afterwards, and everybody else draws from a stand-in meanwhile.
"""

from __future__ import annotations

import _random
import random
import threading
from contextvars import ContextVar
from hashlib import blake2b
from types import BuiltinMethodType

from atonce._workers.numpy_draws import NumpyDraws, generator

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 10 ms at the start of a worker

if TYPE_CHECKING:
    from contextvars import Token
    from typing import Any

__all__ = ("Draws", "Turn")

_PERSON = b"atonce seed"
_INST: Any = random._inst  # noqa: SLF001 (the one generator of the module's functions)
_IN_C = ("random", "getrandbits")
_GAUSS = "gauss_next"  # where the generator keeps what gauss() has made in advance


class Draws:
    """What one attempt at an item draws from: the same for the same seed and the same index, wherever it is.

    The three streams have nothing in common: the same numbers would seed the same generator in ``random`` and in NumPy.
    """

    __slots__ = ("_digest", "_entropy", "_generator", "_legacy")

    def __init__(self, seed: bytes, index: int) -> None:
        """Derive everything from a seed.

        Args:
            seed: the caller's, as bytes.
            index: the item's place in the input.
        """
        self._digest = blake2b(seed + index.to_bytes(8, "little"), digest_size=64, person=_PERSON).digest()
        self._generator: random.Random | None = None
        self._legacy: Any = None
        self._entropy: random.Random | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()  # a context that goes to another process leaves them here: two would draw the same

    @property
    def number(self) -> int:
        """What ``random`` is seeded with."""
        return int.from_bytes(self._digest[:24], "little")

    @property
    def words(self) -> list[int]:
        """What NumPy's global generator is seeded with: numbers of 32 bits."""
        return [int.from_bytes(self._digest[at : at + 4], "little") for at in range(24, 48, 4)]

    @property
    def generator(self) -> random.Random:
        """Stands for ``random``'s generator."""
        if self._generator is None:
            with _LOCK:  # what the item has started may draw, too
                self._generator = self._generator or random.Random(self.number)  # noqa: S311 (reproducible, and not secret)
        return self._generator

    @property
    def legacy(self) -> Any:
        """Stands for NumPy's global generator."""
        if self._legacy is None:
            with _LOCK:
                self._legacy = self._legacy or generator(self.words)
        return self._legacy

    def entropy(self, bits: int) -> int:
        """Stands for the operating system's, where a generator of NumPy is made without a seed."""
        if self._entropy is None:
            with _LOCK:
                self._entropy = self._entropy or random.Random(self._digest[48:])  # noqa: S311
        return self._entropy.getrandbits(bits)


CURRENT: ContextVar[Draws | None] = ContextVar("atonce_draws", default=None)
_LOCK = threading.RLock()
_turns: set[Turn] = set()  # under way. Guarded by: _LOCK
_owner: Draws | None = None  # whose numbers the real generator gives. Guarded by: _LOCK for writing
_left: Any = None  # the state of the real generator before anybody owned it. Guarded by: _LOCK for writing
_outside: random.Random | None = None  # what those draw from meanwhile who are no items, if they do. Guarded by: _LOCK for writing
_originals: dict[str, Any] = {}  # what stood in random before. Guarded by: _LOCK
_ours: dict[str, Any] = {}  # what stands there now. Guarded by: _LOCK
_numpy = NumpyDraws(CURRENT.get, lambda: _owner, _LOCK)  # Guarded by: _LOCK


def _chosen() -> random.Random | None:
    """Return the generator that the current context draws from; ``None`` for the real one."""
    draws = CURRENT.get()
    if draws is not None:
        return None if draws is _owner else draws.generator
    return None if _owner is None else _stand_in()


def _stand_in() -> random.Random | None:
    """Return what goes on where the real generator was before an item has come to own it; ``None`` if none does any more."""
    global _outside  # noqa: PLW0603 (there is one generator)
    with _LOCK:
        if _outside is None and _owner is not None:
            _outside = random.Random(0)  # noqa: S311 (in another state at once)
            _outside.setstate(_left)
        return _outside


class _BeforeC(_random.Random):
    """What stands between ``random.Random`` and C, in the generator's class: all that goes to C comes by here."""

    __slots__ = ()

    def random(self) -> float:
        chosen = _chosen()
        return super().random() if chosen is None else chosen.random()

    def getrandbits(self, k: int, /) -> int:
        chosen = _chosen()
        return super().getrandbits(k) if chosen is None else chosen.getrandbits(k)

    def seed(self, n: Any = None, /) -> None:
        # Random.seed has made a number of whatever it was given. It is one more time where the item's generator does so, too.
        chosen = _chosen()
        if chosen is None:
            super().seed(n)
        else:
            _random.Random.seed(chosen, n)

    def getstate(self) -> Any:
        chosen = _chosen()
        return super().getstate() if chosen is None else _random.Random.getstate(chosen)

    def setstate(self, state: Any, /) -> None:
        chosen = _chosen()
        if chosen is None:
            super().setstate(state)
        else:
            _random.Random.setstate(chosen, state)


class _Asking(random.Random, _BeforeC):
    """The class of the global generator while items have numbers of their own."""

    def __reduce__(self) -> str:
        return "_inst"  # it is found where it stands, and is not copied

    @property
    def gauss_next(self) -> Any:
        """What ``gauss`` has made in advance."""
        chosen = _chosen()
        return self.__dict__[_GAUSS] if chosen is None else chosen.gauss_next  # type: ignore[attr-defined]

    @gauss_next.setter
    def gauss_next(self, value: Any) -> None:
        chosen = _chosen()
        if chosen is None:
            self.__dict__[_GAUSS] = value
        else:
            chosen.gauss_next = value  # type: ignore[attr-defined]


_Asking.__name__, _Asking.__qualname__, _Asking.__module__ = "Random", "Random", "random"  # for whoever looks; it never travels


class Turn:
    """The time in which an item draws from its numbers: a context manager, for one use, and ended once more behind its block.

    With ``alone``, the item owns the real generator, if nobody does: the caller promises that no other item begins in this thread
    before this one has ended, but for those that it starts and waits for.

    Ctrl-C may come between any two lines, also before the first one of ``__exit__``. So each step says first what it is about to
    do, to undo it twice does no harm, and whoever uses a turn ends it twice::

        try:
            with turn: ...
        finally:
            turn.end()
    """

    __slots__ = ("_alone", "_before", "_draws", "_over", "_owned", "_token")

    def __init__(self, draws: Draws, *, alone: bool = False) -> None:
        self._draws = draws
        self._alone = alone
        self._before: Draws | None = None
        self._owned: _Ownership | None = None
        self._token: Token[Draws | None] | None = None
        self._over = True  # whether there is nothing to be put back

    def __enter__(self) -> None:
        self._over = False
        self._before = CURRENT.get()
        self._token = CURRENT.set(self._draws)
        with _LOCK:
            _turns.add(self)
            _install()
            if self._alone and (_owner is None or _owner is self._before):
                self._owned = _Ownership(_owner)
                self._owned.begin(self._draws)

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Put everything back, if that has not been done."""
        if self._over:
            return
        with _LOCK:
            if self._owned is not None:
                self._owned.end()
                self._owned = None
            _turns.discard(self)
            if not _turns:
                _uninstall()
        if CURRENT.get() is self._draws:  # else it ends in another context: a coroutine that was let go of, and is collected
            if self._token is None:
                CURRENT.set(self._before)
            else:
                CURRENT.reset(self._token)
        self._over = True


class _Ownership:
    """An item has the real generators, as somebody left them; they are put back at the end. Under ``_LOCK``."""

    __slots__ = ("_outer", "_state")

    def __init__(self, outer: Draws | None) -> None:
        """Prepare.

        Args:
            outer: who has them, and waits for the item.
        """
        self._outer = outer
        self._state: Any = None

    def begin(self, draws: Draws) -> None:
        """Take them, and seed them."""
        global _owner, _left  # noqa: PLW0603 (there is one generator)
        # Race: 1. we read the state; 2. somebody who is no item draws a number, without the lock; 3. the stand-in begins where the
        # generator was, so that they draw this number once more. It is no item's matter, and not worth a lock around every draw.
        self._state = _state_of_inst()
        if self._outer is None:
            _left = self._state
        _owner = draws
        _random.Random.seed(_INST, draws.number)
        vars(_INST)[_GAUSS] = None
        _numpy.own(draws)

    def end(self) -> None:
        """Put them back."""
        global _owner, _outside, _left  # noqa: PLW0603
        if self._state is None:
            return
        if _owner is not None and _owner is not self._outer:
            _numpy.disown(_owner)
        if self._outer is None and _outside is not None:
            self._state = _outside.getstate()
        _set_state_of_inst(self._state)
        _owner = self._outer
        if _owner is None:
            _outside = _left = None
        self._state = None


def _state_of_inst() -> Any:
    """Return the real generator's state, whatever its class is just now, and whoever asks."""
    return random.Random.VERSION, _random.Random.getstate(_INST), vars(_INST)[_GAUSS]


def _set_state_of_inst(state: Any) -> None:
    _, inner, vars(_INST)[_GAUSS] = state
    _random.Random.setstate(_INST, inner)


def _install() -> None:
    """Let the functions ask, unless they do."""
    if type(_INST) is random.Random:
        _INST.__class__ = _Asking
    space = vars(random)
    for name in _IN_C:
        # Else they do, or somebody has put something else there: a test, for one.
        if type(space[name]) is BuiltinMethodType and space[name].__self__ is _INST:
            _ours[name], _originals[name] = getattr(_INST, name), space[name]
            space[name] = _ours[name]
    _numpy.install()


def _uninstall() -> None:
    _numpy.uninstall()
    space = vars(random)
    for name, original in _originals.items():
        if space[name] is _ours[name]:
            space[name] = original
    if type(_INST) is _Asking:
        _become_plain(_INST)
    _originals.clear()


def _become_plain(generator: Any) -> None:
    generator.__class__ = random.Random
