"""Begin a run: find its first workers, and somebody to decide on more."""

from __future__ import annotations

import sys
import threading

from atonce._machine.cpus import gil_is_held, usable_cpus
from atonce._machine.nesting import inside_worker_process
from atonce._run.driver import Crew
from atonce._run.engines import engine_named, processes_are_warm
from atonce._run.vigil import VIGIL
from atonce._values.job import Setup
from atonce._values.typed import cast
from atonce._workers.base import DEFAULT_IN_FLIGHT, WorkerContext

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import Any

    from atonce._machine.clock import Clock
    from atonce._policy.action import Decision
    from atonce._policy.hiring import Hiring
    from atonce._policy.looping import Looping
    from atonce._policy.observation import Scene
    from atonce._run.driver import Run
    from atonce._run.staff import Staff
    from atonce._values.job import Job
    from atonce._values.options import Options
    from atonce._workers.base import Engine, PumpedWorker

_MOST_IN_FLIGHT = 512  # Assumes: as many threads cost less than any service that they would wait for

__all__ = ("begin", "crew_for", "first_engine", "only_choice")


def only_choice(options: Options, *, is_async: bool) -> Decision | None:
    """Return the kind of worker that ``engine="auto"`` has to take for these options, and why; ``None`` where it may choose."""
    if options.engine != "auto":
        return None
    from atonce._policy.action import settled  # noqa: PLC0415 (0.5 ms, for those who leave the choice to us)

    return settled(is_async=is_async, timeout=options.timeout is not None, memory=options.memory is not None)


def first_engine(options: Options, *, is_async: bool, loop: Any) -> Engine:
    """Return the engine that a run begins with.

    Args:
        options: the caller's.
        is_async: whether the function is a coroutine function.
        loop: the running event loop of an asynchronous caller, or trio's token, which coroutines then use; ``None`` for a caller
            that blocks.
    """
    name = options.engine
    if not isinstance(name, str):
        return cast("Engine", name)
    if (choice := only_choice(options, is_async=is_async)) is not None:
        name = choice.engine
    elif name == "auto":
        # A caller on an event loop cannot be the first worker of a function that would block the loop.
        name = "inline" if loop is None else "thread"
    if name == "inline" and is_async and (loop is not None or _in_running_loop()):
        name = "async"  # one item at a time, and on a loop that this thread does not have to run
    if name == "async" and type(loop).__module__.startswith("trio."):
        from atonce._workers.trio_guest import TrioEngine  # noqa: PLC0415 (an extra)

        return TrioEngine(loop)
    if name == "async" and loop is not None:
        from atonce._workers.loop import GuestEngine  # noqa: PLC0415 (44 ms that only coroutines need)

        return GuestEngine(loop)
    return engine_named(name)


def crew_for(options: Options, engine: Engine, *, is_async: bool) -> Crew:
    """Return how many workers of this engine the options allow, and how many items each may have under way."""
    if options.engine == "inline":
        return Crew(engine, 1, 1)
    most = options.max_workers
    if most is None and options.engine == "auto" and engine.kind == "process" and inside_worker_process():
        most = 1  # the siblings of this worker process have the other CPUs
    workers, in_flight = engine.crew(most, options.concurrency)
    if engine.kind == "process" and is_async and options.concurrency is None:
        in_flight = DEFAULT_IN_FLIGHT  # a loop in each
    return Crew(engine, workers, in_flight)


def begin(run: Run, options: Options, crew: Crew, staff: Staff, clock: Clock) -> None:
    """Set the first workers to work."""
    engine, source = crew.engine, run.source
    VIGIL.keep(run, clock)
    choice = only_choice(options, is_async=run.job.is_async)
    watches = options.engine == "auto" and choice is None
    if engine.kind == "async":
        from atonce._run.lookout import LookoutOfRun  # noqa: PLC0415 (for those who have coroutines)

        LookoutOfRun(run, clock, strict=run.job.strict)  # before there is anything to see
    if engine.pumped:
        run.report.plan.engine = engine.kind
        run.lend_caller(_pumped(engine, run.job, staff.setup, clock), for_good=not watches, alone=not watches)
    else:
        if staff.employs(threading.current_thread()) and not _is_limited(run.job):
            # A worker of this pool calls the pool: all of them may be doing so, so each works at its own call.
            run.lend_caller(_pumped(engine_named("inline"), run.job, Setup(), clock), for_good=True)
        run.hire(Crew(engine, 1, 1) if watches else crew)
    _explain_beginning(run, options, engine, choice)
    if options.engine != "auto" or source.length in (0, 1) or options.max_workers == 1 or options.concurrency == 1:
        return
    if watches:
        from atonce._run.manager import HiringManager  # noqa: PLC0415 (3 ms, for those who leave the choice to us)

        HiringManager(_hiring, lambda: _scene(options), clock, Crew(engine, 1, 1)).begin(run)
    elif engine.kind == "async" and not engine.guest and usable_cpus() > 1:
        from atonce._run.manager import HiringManager  # noqa: PLC0415

        HiringManager(_looping, lambda: _scene(options), clock, crew).begin(run)


def _hiring() -> type[Hiring]:
    from atonce._policy.hiring import Hiring  # noqa: PLC0415 (4 ms, for those who leave the choice to us)

    return Hiring


def _looping() -> type[Looping]:
    from atonce._policy.looping import Looping  # noqa: PLC0415 (for those who have coroutines, and leave the choice to us)

    return Looping


def _scene(options: Options) -> Scene:
    """Say what is known before anything is seen."""
    from atonce._machine.calibration import CALIBRATION  # noqa: PLC0415 (2 ms, for those who leave the choice to us)
    from atonce._policy.observation import Scene  # noqa: PLC0415

    cpus = usable_cpus()
    in_flight = options.concurrency or _MOST_IN_FLIGHT
    processes = min(options.max_workers or cpus, in_flight)
    if inside_worker_process() or sys.platform == "win32":
        cpus, processes = 1, 1  # the siblings of this worker process have the other CPUs; and Windows has no workers of ours
    constants = CALIBRATION.constants()
    return Scene(
        cpus,
        gil_is_held(),
        min(options.max_workers or in_flight, in_flight),
        processes,
        in_flight,
        constants.warm_start_s if processes_are_warm() else constants.cold_start_s,
        constants.ship_item_s,
    )


def _is_limited(job: Job) -> bool:
    """Tell whether the calling thread may not lend a hand: it cannot be stopped, and its memory is that of the whole program."""
    return job.timeout_s is not None or job.memory_bytes is not None


def _pumped(engine: Engine, job: Job, setup: Setup, clock: Clock) -> PumpedWorker:
    return cast("PumpedWorker", engine.worker(WorkerContext(f"{job.name}-caller", setup, clock)))


def _explain_beginning(run: Run, options: Options, engine: Engine, choice: Decision | None) -> None:
    reasons = run.report.plan.reasons
    if options.engine != "auto":
        reasons.append(f"engine={engine.kind!r} was asked for")
    elif choice is not None:
        reasons.append(choice.reason)
    else:
        reasons.append(f"began in {'the calling thread' if engine.pumped else 'one thread'}, to see what the work is like")


def _in_running_loop() -> bool:
    """Tell whether an event loop is running in this thread, without importing asyncio for it."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None  # noqa: SLF001 (documented in asyncio.events)
