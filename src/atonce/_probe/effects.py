"""May a function's items run side by side, and in other processes, without a change of what the program means?

Two witnesses: the code (``scan.py``) says what the function seems to write and what it reaches; fingerprints of what it reaches,
of some inputs and of what the whole program has once (``fingerprint.py``), taken while items run one after the other, say what
changes. What changes once may be something that is made for the first item and kept; what changes again would change with every
item.
"""

from __future__ import annotations

import os
import sys

from atonce._policy.observation import Safety
from atonce._probe.fingerprint import fingerprint
from atonce._probe.scan import scan
from atonce._probe.things import is_atom
from atonce._values.purity import is_pure

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from atonce._probe.scan import Findings

__all__ = ("Watch",)

_PROGRAM = {
    "the working directory": lambda: os.getcwd(),  # noqa: PTH109, PLW0108 (a test may swap it)
    "the environment": lambda: dict(os.environ),
    "sys.path": lambda: sys.path,
    "the recursion limit": sys.getrecursionlimit,
}
_NUMBERS: dict[str, Callable[[], object]] = {
    "random's numbers": lambda: _random_numbers("random", "_inst"),
    "numpy's random numbers": lambda: _random_numbers("numpy.random.mtrand", "_rand"),
}


class Watch:
    """Watches one function. Belongs to the manager's thread.

    Attributes:
        grounds: what speaks for having others take part, in words for the report.
    """

    def __init__(self, fn: Callable[..., Any], *, star: bool, seeded: bool = False) -> None:
        """Prepare to watch.

        Args:
            fn: the function.
            star: whether each input is a tuple of arguments.
            seeded: whether each item has random numbers of its own, so that the program's are not what it draws from.
        """
        self.grounds = "declared @atonce.pure" if is_pure(fn) else "its code writes nothing that others see"
        self._fn = fn
        self._star = star
        self._seeded = seeded
        self._found: Findings | None = None
        self._items: tuple[Any, ...] = ()
        self._before: dict[str, object] = {}
        self._changed_once: set[str] = set()

    def look(self, items: Sequence[Any]) -> Safety:
        """Look, or look again.

        Args:
            items: some inputs that were taken lately.
        """
        if is_pure(self._fn):
            return Safety()
        if self._found is None:
            self._found = scan(self._fn, items, star=self._star, seeded=self._seeded)
            if self._found.write:
                return Safety(self._found.write)
            self._take(items)
            return self._safety(watched=not self._looks_at_anything())
        changed = self._changed()
        again = changed & self._changed_once
        filled, again = again & self._found.caches.keys(), again - self._found.caches.keys()
        if again:
            return Safety(f"it changes {min(again)} from item to item")
        if filled and not self._found.here:
            self._found.here = f"it fills {min(filled)}, and that of another process is another"
        self._changed_once |= changed
        self._take(items)
        if not changed:
            self.grounds = "no state changed around the items watched"
        return self._safety(watched=not changed - filled)

    def _safety(self, *, watched: bool) -> Safety:
        assert self._found is not None
        found = self._found
        doubt_apart = f"it may fill {min(found.caches)}" if found.caches else ""
        return Safety(apart=found.here, doubt=found.doubt, doubt_apart=doubt_apart, watched=watched)

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """The globals that it reaches, of modules that another process would import anew."""
        return tuple(sorted(self._found.places)) if self._found is not None else ()

    def _looks_at_anything(self) -> bool:
        assert self._found is not None
        return bool(self._found.reached or self._found.caches or self._found.doubt or self._items)

    def _take(self, items: Sequence[Any]) -> None:
        self._items = tuple(item for item in items if not is_atom(item))
        self._before = self._state()

    def _state(self) -> dict[str, object]:
        assert self._found is not None
        state = {name: fingerprint(reached()) for name, reached in self._found.reached.items()}
        state |= {name: fingerprint(cache) for name, cache in self._found.caches.items()}
        state |= {name: fingerprint(look()) for name, look in _PROGRAM.items()}
        if not self._seeded:
            state |= {name: fingerprint(look()) for name, look in _NUMBERS.items()}
        if self._items:
            state["its argument"] = [fingerprint(item) for item in self._items]
        return state

    def _changed(self) -> set[str]:
        now = self._state()
        changed = {name for name, before in self._before.items() if now[name] != before}
        if "its argument" in changed:
            self._changed_once.add("its argument")  # each is another thing, made before: nothing is set up in it once
        return changed


def _random_numbers(module: str, name: str) -> object:
    loaded = sys.modules.get(module)
    return getattr(loaded, name, None)
