"""A program, run once or many times, each time in the order that a strategy decides."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from inspect import iscoroutinefunction
from types import TracebackType
from typing import TYPE_CHECKING, Self

from atonce.race.carriers import Carriers
from atonce.race.eye import Eye, Opcodes, hooks, target
from atonce.race.interrupts import Interrupts
from atonce.race.loops import loops_patched, run_coroutine_function, settle
from atonce.race.one_cpu import OneCpu
from atonce.race.primitives.patching import REPLACED, Patched, shadow
from atonce.race.scheduler import Scheduler, activate, deactivate
from atonce.race.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atonce.race.search.strategy import Strategy
    from atonce.race.switching import Switches

__all__ = ("Runner",)

_MAX_STEPS = 50_000  # of a run, above which it is a livelock; a program that takes long by itself gets ten times its first run
_nothing = nullcontext()
_COLLECT_EVERY = 100  # runs between two collections of garbage: in a run it would come at odd moments, and run finalizers there


class Runner:
    """Runs a program under control. A context manager: outside its block everything is as it was.

    Args:
        program: what is run; synchronous, or a coroutine function. It takes no arguments.
        include: prefixes of the names of modules whose code is looked into.
        seen: functions whose code is looked into in any case.
        also: names of modules whose code is looked into, but not what is in them if they are packages.

    Attributes:
        strict: a release of a lock is a step of its own, since the program asks whether locks are free.
        runs: how many there have been.
        eye: what looks into the code.
        opcodes: what looks at its opcodes, in runs that are switched there.
    """

    def __init__(
        self,
        program: Callable[[], object],
        include: Sequence[str],
        seen: Sequence[Callable[..., object]],
        also: Sequence[str] = (),
    ) -> None:
        self.runs = 0
        self.eye = Eye(include, seen, also)
        self.opcodes = Opcodes(self.eye)
        self._program = _as_plain(program)
        self._carriers = Carriers()
        self._one_cpu = OneCpu(self._carriers.native_ids)
        self._interrupts = Interrupts()
        self._watchdog = Watchdog()
        self._undo = ExitStack()
        self.strict = False
        self._max_steps = _MAX_STEPS

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.enter_context(self._interrupts)
            undo.callback(self._carriers.close)
            undo.enter_context(self._one_cpu)
            undo.enter_context(Patched())
            undo.enter_context(loops_patched())
            undo.enter_context(_early_names())
            undo.enter_context(self.eye)
            undo.callback(random.setstate, random.getstate())
            if gc.isenabled():
                gc.disable()
                undo.callback(gc.enable)
            undo.enter_context(self._watchdog)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._undo.__exit__(kind, error, traceback)

    def once(
        self, strategy: Strategy, *, watch: Callable[[Scheduler], None] | None = None, switches: Switches | None = None
    ) -> Scheduler:
        """Run the program in the order that the strategy decides.

        Args:
            strategy: who decides.
            watch: is given the run before it begins.
            switches: the opcodes at which others are let go, too; ``None``: at none.

        Raises:
            BaseException: what was raised in the calling thread and is no failure: Ctrl-C, or a test runner's skip.
        """
        self._interrupts.raise_noted()
        self._one_cpu.before_run(self.runs)
        run = Scheduler(strategy, self._carriers, max_steps=self._max_steps, strict=self.strict, brief=True)
        run.as_seen = target
        if watch is not None:
            watch(run)
        random.seed(0)
        self._interrupts.run = self._watchdog.run = run
        activate(run)
        try:
            with self.opcodes.during(run, switches) if switches is not None else _nothing:
                run.run(self._program)
        finally:
            self._interrupts.run = self._watchdog.run = None  # what comes now has to come to its end
            settle(run)
            deactivate()
        for reason in self.eye.doubts:
            run.doubt(reason)
        self.runs += 1
        if self.runs % _COLLECT_EVERY == 0:
            gc.collect(1)
        if run.interrupt is not None:
            raise run.interrupt
        if run.failure is None:  # else it may be one that would never end, and ten times that is too long to wait
            self._max_steps = max(self._max_steps, 10 * len(run.picks))
        return run

    def looks_at_locks(self, run: Scheduler) -> bool:
        """Tell whether a run asked if a lock is free, and was the first to.

        From now on a release is a step of its own, so the tree that was walked until now is void.
        Scenario in the README: is it free?
        """
        asked = run.wants_strict and not self.strict
        self.strict = self.strict or asked
        return asked


@contextmanager
def _early_names() -> Iterator[None]:
    """Let the eye hand on calls of what user code has imported by name, and locks made before, to the primitives."""
    plain = hooks.shadow
    hooks.shadow = shadow  # type: ignore[assignment]  # (a parameter's name)
    hooks.replaced.update({id(original): replacement for original, replacement in REPLACED.items()})
    try:
        yield
    finally:
        hooks.shadow = plain
        hooks.replaced.clear()


def _as_plain(program: Callable[[], object]) -> Callable[[], None]:
    if iscoroutinefunction(program):
        return lambda: run_coroutine_function(program)

    def plain() -> None:
        program()

    return plain
