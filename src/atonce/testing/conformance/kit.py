"""What a case is, and what it has in hand."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from atonce._values.job import is_coroutine_function
from atonce.testing.evidence import Evidence
from atonce.testing.leaks import Leaks

__all__ = ("AsyncTwin", "Case", "Kit", "cases_of")

_WARM: set[str] = set()  # the kinds of engine that this process has used


class AsyncTwin:
    """A coroutine function that does what a function does. Can be sent to other processes."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self._fn = fn
        self.__name__ = getattr(fn, "__name__", type(fn).__name__)

    async def __call__(self, *args: Any) -> Any:
        """Call the function, as a coroutine that has to wait once."""
        import asyncio  # noqa: PLC0415 (44 ms that only coroutines need)

        await asyncio.sleep(0)
        return self._fn(*args)


class Kit:
    """The engine under test, and a folder for evidence.

    Attributes:
        engine: the name of an engine, or an engine object.
        workers: how many workers the cases ask for.
        coroutines: whether the functions of the cases are coroutine functions.
        stops_items: whether the engine can stop an item that is under way, and so keeps ``timeout``.
    """

    def __init__(
        self,
        engine: Any,
        folder: Path,
        *,
        coroutines: bool | None = None,
        workers: int = 2,
        each: int = 1,
        stops_items: bool | None = None,
    ) -> None:
        """Make a kit.

        Args:
            engine: the name of an engine, or an engine object.
            folder: an empty one.
            coroutines: whether to test with coroutine functions; by default for an engine of kind ``async``.
            workers: how many workers the cases ask for.
            each: how many items each worker is to have under way at once, where that can be said: ``concurrency`` over the workers.
            stops_items: whether it keeps ``timeout``; by default, whether it is of a kind that is known to.
        """
        self.engine = engine
        self.workers = workers
        self._each = each
        self.coroutines = (engine == "async" or getattr(engine, "kind", "") == "async") if coroutines is None else coroutines
        # "auto" takes an engine that can. What nobody can stop are items of threads, and of the caller.
        self.stops_items = self.kind in ("process", "async", "auto") if stops_items is None else stops_items
        self._folder = folder
        self._numbers = itertools.count()

    def warm_up(self) -> None:
        """Run something once, so that what libraries open for good (libuv a pipe for signals) is not taken for a leak."""
        if self.kind not in _WARM:
            import atonce  # noqa: PLC0415 (the kit is imported by the cases, and they by nothing of atonce)

            atonce.map(self.fn(abs), [0], **self.options)
            _WARM.add(self.kind)

    @property
    def kind(self) -> str:
        """What the engine is called."""
        return self.engine if isinstance(self.engine, str) else str(self.engine.kind)

    @property
    def cannot_interrupt(self) -> bool:
        """Whether items under way have to be waited for: those of threads, and of the caller."""
        return self.kind in ("inline", "thread", "auto")

    @property
    def options(self) -> dict[str, Any]:
        """The options that every call of a case gives."""
        together = {"concurrency": self.workers * self._each} if self._each > 1 else {}
        return {"engine": self.engine, "max_workers": self.workers, **together}

    @property
    def in_flight(self) -> int:
        """How many items may be under way at once with these options."""
        return 100 if self.kind == "async" else self.workers * self._each + 1

    def fn(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Make a function one that this engine is for."""
        return AsyncTwin(fn) if self.coroutines and not is_coroutine_function(fn) else fn

    def path(self, name: str) -> Path:
        """Name a file that is not there yet."""
        return self._folder / f"{next(self._numbers)}-{name}"

    def evidence(self) -> Evidence:
        """Make a new, empty book of evidence."""
        return Evidence(self._folder / f"evidence-{next(self._numbers)}")


class Case:
    """One clause of the contract.

    Attributes:
        name: in words.
        group: the heading that it stands under.
    """

    def __init__(self, group: str, check: Callable[[Kit], None]) -> None:
        self.group = group
        self.name = check.__name__.replace("_", " ")
        self.text = (check.__doc__ or "").strip()
        self._check = check

    def check(self, kit: Kit) -> None:
        """Check this clause, and that nothing is left behind.

        Raises:
            AssertionError: the engine does not keep the contract.
        """
        kit.warm_up()
        with Leaks():
            self._check(kit)

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"

    def __repr__(self) -> str:
        return f"<Case {self}>"


def cases_of(group: str, *checks: Callable[[Kit], None]) -> tuple[Case, ...]:
    """Put checks under a heading."""
    return tuple(Case(group, check) for check in checks)
