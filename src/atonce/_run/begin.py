"""Begin a run: find its first workers, and somebody to decide on more."""

import threading
from typing import Any, cast

from atonce._machine.clock import Clock
from atonce._machine.nesting import inside_worker_process
from atonce._run.driver import Crew, Run
from atonce._run.engines import engine_named
from atonce._run.manager import RuleOfThumb
from atonce._run.staff import Staff
from atonce._values.job import Job, Setup
from atonce._values.options import Options
from atonce._workers.base import Engine, PumpedWorker, WorkerContext

__all__ = ("begin", "crew_for", "first_engine")


def first_engine(options: Options, *, is_async: bool, loop: Any) -> Engine:
    """Return the engine that a run begins with.

    Args:
        options: the caller's.
        is_async: whether the function is a coroutine function.
        loop: the running event loop of an asynchronous caller, which coroutines then use; ``None`` for a caller that blocks.
    """
    name = options.engine
    if not isinstance(name, str):
        return cast(Engine, name)
    if name == "auto":
        # A caller on an event loop cannot be the first worker of a function that would block the loop.
        name = "async" if is_async else "inline" if loop is None else "thread"
    if name == "inline" and is_async and (loop is not None or _in_running_loop()):
        name = "async"  # one item at a time, and on a loop that this thread does not have to run
    if name == "async" and loop is not None:
        from atonce._workers.loop import GuestEngine  # noqa: PLC0415 (44 ms that only coroutines need)

        return GuestEngine(loop)
    return engine_named(name)


def crew_for(options: Options, engine: Engine) -> Crew:
    """Return how many workers of this engine the options allow."""
    if options.engine == "inline":
        return Crew(engine, 1, 1)
    return Crew(engine, *engine.crew(options.max_workers, options.concurrency))


def begin(run: Run, options: Options, crew: Crew, staff: Staff, clock: Clock) -> None:
    """Set the first workers to work."""
    engine = crew.engine
    auto = options.engine == "auto"
    if engine.pumped:
        run.report.plan.engine = engine.kind
        run.lend_caller(_pumped(engine, run.job, staff.setup, clock), for_good=not auto, alone=not auto)
    else:
        if staff.employs(threading.current_thread()):
            # A worker of this pool calls the pool: all of them may be doing so, so each works at its own call.
            run.lend_caller(_pumped(engine_named("inline"), run.job, Setup(), clock), for_good=True)
        run.hire(Crew(engine, 1, 1) if auto and not run.job.is_async else crew)
    _explain_beginning(run, options, engine)
    if auto and not run.job.is_async and run.source.length not in (0, 1) and options.max_workers != 1 and options.concurrency != 1:
        manager = RuleOfThumb(lambda name: crew_for(options, engine_named(name)), inside_worker=inside_worker_process())
        run.manage(manager)
        manager.begin(run)


def _pumped(engine: Engine, job: Job, setup: Setup, clock: Clock) -> PumpedWorker:
    return cast(PumpedWorker, engine.worker(WorkerContext(f"{job.name}-caller", setup, clock)))


def _explain_beginning(run: Run, options: Options, engine: Engine) -> None:
    reasons = run.report.plan.reasons
    if options.engine != "auto":
        reasons.append(f"engine={engine.kind!r} was asked for")
    elif run.job.is_async:
        reasons.append(f"{run.job.name} is a coroutine function, so it runs on an event loop")
    else:
        reasons.append(f"began in {'the calling thread' if engine.pumped else 'one thread'}, to see what the work is like")


def _in_running_loop() -> bool:
    """Tell whether an event loop is running in this thread, without importing asyncio for it."""
    import sys  # noqa: PLC0415

    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None  # noqa: SLF001 (documented in asyncio.events)
