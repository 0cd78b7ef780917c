"""From a call to a session: what is to be done, with which options, by whose workers."""

from __future__ import annotations

import threading
from _weakrefset import WeakSet  # weakref, around it, takes 0.6 ms
from collections.abc import AsyncIterable, Iterable
from operator import length_hint
from os import fspath

from atonce._api.session import AsyncSession, Session, SyncSession
from atonce._machine.clock import SYSTEM_CLOCK
from atonce._policy.ordering import AsFinished, InOrder
from atonce._run.begin import begin, crew_for, first_engine
from atonce._run.bell import AwaitedBell, LoopBell, ThreadBell
from atonce._run.driver import Run
from atonce._run.source import Pace, Source
from atonce._run.staff import Staff
from atonce._run.trio_bell import TrioBell, trio_token
from atonce._values.job import Job, Setup, is_coroutine_function
from atonce._values.typed import TypeVar
from atonce.errors import OptionError, PoolClosed

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from atonce._journal.form import Form
    from atonce._journal.journal import Journal
    from atonce._machine.clock import Clock
    from atonce._run.bell import Bell
    from atonce._values.events import Event
    from atonce._values.options import Options

    Emit: TypeAlias = Callable[[Event], None]

__all__ = ("Order", "Workplace")

# Whose iterators run no code of anybody's.
_ALL_THERE = frozenset(
    {list, tuple, range, str, bytes, bytearray, dict, set, frozenset, type({}.keys()), type({}.values()), type({}.items())}
)

S = TypeVar("S", bound="Session[Any]")


class Order:
    """What a caller ordered: a function, its inputs, the options; checked, and not begun.

    Attributes:
        fn: the function.
        star: whether each input is a tuple of arguments.
        inputs: the inputs, one for each item; with a seed, they are numbered.
        whole: the same as a sequence, if that is what the caller gave.
        options: checked.
        streamed: whether results are handed on one by one, so that the consumer's pace counts.
        timed: whether each item's time is wanted.
        emit: told of what happens.
        prompt: whether reading the inputs never keeps anybody waiting.
        asynchronous: whether the inputs have to be read on an event loop.
        owner: kept alive as long as the order is: a stream keeps its pool.
        form: how a journal writes values; ``None`` for pickles.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        iterables: tuple[Iterable[Any] | AsyncIterable[Any], ...],
        options: Options,
        *,
        star: bool = False,
        streamed: bool = False,
        awaited: bool = False,
        timed: bool = False,
        emit: Emit | None = None,
        owner: object = None,
        form: Form | None = None,
        prompt: bool = False,
    ) -> None:
        if not callable(fn):
            raise TypeError(f"the first argument has to be a function, not {fn!r}")
        if not iterables:
            raise TypeError(f"{getattr(fn, '__name__', fn)} needs at least one iterable of inputs")
        self.prompt = True
        self.asynchronous = False
        for iterable in iterables:
            if type(iterable) in _ALL_THERE:
                continue
            self.prompt = prompt
            if not isinstance(iterable, AsyncIterable) or isinstance(iterable, Iterable):
                continue
            if not awaited:
                raise TypeError(
                    f"only amap and astream take asynchronous inputs: {type(iterable).__name__} has to be read on an event loop"
                )
            self.asynchronous = True
        self.fn = fn
        self.is_async = is_coroutine_function(fn)
        self.star = star or len(iterables) > 1
        self.length = None if self.asynchronous else min(map(_length, iterables), key=_unknown_last)
        self.inputs = _inputs(iterables, asynchronous=self.asynchronous)
        only = iterables[0] if len(iterables) == 1 else None
        self.whole: Sequence[Any] | None = only if isinstance(only, list | tuple | range) else None
        if options.seed is not None:  # what an item draws depends on its place
            from atonce._values.numbered import NumberedLater, NumberedView, numbered  # noqa: PLC0415 (for those who have a seed)

            self.inputs = NumberedLater(self.inputs) if self.asynchronous else numbered(self.inputs)
            self.whole = None if self.whole is None else NumberedView(self.whole)
        self.options = options
        self.streamed = streamed
        self.timed = timed
        self.emit = emit
        self.owner = owner
        self.form = form


class Workplace:
    """Opens sessions with the workers of one staff, or, where there is none, with workers of the session's own.

    Attributes:
        defaults: options that hold where a call says nothing.
        clock: where the time is read.
        is_plain: whether sessions have workers of their own.
    """

    def __init__(self, defaults: Options, staff: Staff | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self.defaults = defaults
        self._staff = staff
        self.is_plain = staff is None
        self.clock = clock
        self._pace = Pace(defaults.per_s, clock) if defaults.rate is not None else None
        self._lock = threading.Lock()
        self._closed = False  # Guarded by: _lock
        self._open: WeakSet[Session[Any]] = WeakSet()  # Guarded by: _lock. Only of a staff that outlives its sessions

    def close(self) -> None:
        """End the sessions that are still open: their consumers hear that the pool was closed."""
        with self._lock:
            self._closed = True
            sessions = [session for session in self._open if not session.run.closed]
        for session in sessions:
            session.run.fail(PoolClosed("the pool was closed before this call had ended"))

    def options(self, given: dict[str, Any]) -> Options:
        """Check a call's options, over the defaults.

        Raises:
            OptionError: an option cannot be honoured.
        """
        if self._staff is not None and (own := {"initializer", "initargs"} & given.keys()):
            raise OptionError(
                f"{min(own)!r} belongs to the Pool, whose workers are there before the call: atonce.Pool({min(own)}=...)"
            )
        return self.defaults.updated(given)

    def open(self, order: Order) -> SyncSession:
        """Begin a run for a caller that blocks."""
        bell = ThreadBell()
        run, staff = self._begin(order, bell, None)
        return self._remember(SyncSession(run, bell, staff, order.options, self.clock, owns_staff=self._staff is None))

    def open_async(self, order: Order) -> AsyncSession:
        """Begin a run for a caller on the running event loop, or in a task of trio."""
        bell: AwaitedBell
        if (loop := trio_token()) is not None:
            if order.asynchronous:
                raise TypeError("asynchronous inputs are read on asyncio only: on trio, give inputs that are there, or a generator")
            bell = TrioBell(loop)
        else:
            import asyncio  # noqa: PLC0415 (44 ms that only coroutines need; here it is loaded)

            loop = asyncio.get_running_loop()
            bell = LoopBell(loop)
        run, staff = self._begin(order, bell, loop)
        session = AsyncSession(run, bell, staff, order.options, self.clock, owns_staff=self._staff is None)
        if order.asynchronous:
            session.read(order.inputs)
        return self._remember(session)

    def _pace_of(self, options: Options) -> Pace | None:
        """Give the pace for a call: the pool's, unless the call has one of its own."""
        if options.rate is None:
            return None
        if self._pace is not None and options.rate == self.defaults.rate:
            return self._pace
        return Pace(options.per_s, self.clock)

    def _remember(self, session: S) -> S:
        if self._staff is not None:
            with self._lock:
                self._open.add(session)
                closed = self._closed or self._staff.closed
            if closed:  # while this session was being opened
                session.run.fail(PoolClosed("the pool was closed before this call had ended"))
        return session

    def _begin(self, order: Order, bell: Bell, loop: Any) -> tuple[Run, Staff]:
        if self._staff is not None and self._staff.closed:
            raise PoolClosed("this pool is closed: make a new one for more work")
        options = order.options
        engine = first_engine(options, is_async=order.is_async, loop=loop)
        crew = crew_for(options, engine, is_async=order.is_async)
        # An inline stream computes a result when it is asked for one, as the built-in map does.
        chunksize = 1 if order.streamed and options.engine == "inline" and options.chunksize is None else options.chunksize
        has_loops = engine.kind == "async" or (engine.kind == "process" and order.is_async)
        fn, star = order.fn, order.star
        if options.seed is not None:
            from atonce._workers.seeding import seeded  # noqa: PLC0415 (random takes 6 ms, for those who have a seed)

            fn, star = seeded(fn, options.seed, star=star, is_async=order.is_async, kind=engine.kind), False
        job = Job(
            fn,
            star=star,
            seeded=options.seed is not None,
            name=options.name,
            is_async=order.is_async,
            timed=order.timed or options.timed,
            in_flight=crew.in_flight,
            chunksize=chunksize,
            stops=options.errors == "raise",
            timeout_s=options.timeout,
            retries=options.retries_at_once,
            patient=options.retry is not None,
            memory_bytes=options.memory_bytes,
            max_tasks=options.max_tasks_per_child,
            collected=not order.streamed,
            paced=options.rate is not None,
            elastic=has_loops and options.concurrency is None and options.engine != "inline",
            strict=options.blocking == "error",
        )
        staff = self._staff or Staff(job.name, Setup(options.initializer, options.initargs), self.clock)
        in_order = options.ordered or not order.streamed
        run = Run(
            job,
            _source(order, self._pace_of(options), self.clock),
            ordering=InOrder() if in_order else AsFinished(),
            in_place=order.streamed and options.ordered,
            collected=not order.streamed,
            staff=staff,
            bell=bell,
            clock=self.clock,
            emit=_listeners(order, options),
            retry=options.retry,
            journal=_journal(order),
        )
        try:
            begin(run, options, crew, staff, self.clock)
        except BaseException:
            run.abandon()
            if self._staff is None:
                staff.close(wait=False)
            raise
        return run, staff


def _listeners(order: Order, options: Options) -> Emit | None:
    if not options.progress:
        return order.emit
    from atonce._view.progress import ProgressLine  # noqa: PLC0415 (tqdm, for those who want to see)

    line = ProgressLine(options.progress if isinstance(options.progress, str) else None)
    also = order.emit
    if also is None:
        return line.handle

    def both(event: Event) -> None:
        line.handle(event)
        also(event)

    return both


def _journal(order: Order) -> Journal | None:
    options = order.options
    if options.journal is None:
        return None
    from atonce._journal.journal import open_journal  # noqa: PLC0415 (SQLite, for those who want to keep something)

    return open_journal(
        fspath(options.journal),
        order.fn,
        star=order.star,
        durable=options.durable,
        retry_failed=options.retry_failed,
        rerun_changed=options.rerun_changed,
        seed=options.seed,
        form=order.form,
    )


def _source(order: Order, pace: Pace | None, clock: Clock) -> Source:
    buffersize, at_once = order.options.buffersize, not order.streamed
    if order.asynchronous:
        from atonce._run.inflow import FedSource  # noqa: PLC0415 (for those who have such inputs)

        return FedSource(buffersize=buffersize, consumed_at_once=at_once, pace=pace, clock=clock)
    return Source(
        order.inputs,
        length=order.length,
        buffersize=buffersize,
        consumed_at_once=at_once,
        prompt=order.prompt,
        pace=pace,
        clock=clock,
        whole=order.whole,
    )


def _inputs(iterables: tuple[Any, ...], *, asynchronous: bool) -> Any:
    """Make one input of all."""
    if asynchronous:
        from atonce._run.inflow import together  # noqa: PLC0415 (for those who have such inputs)

        return aiter(iterables[0]) if len(iterables) == 1 else together(iterables)
    if len(iterables) > 1:
        return zip(*iterables, strict=False)
    return iterables[0] if type(iterables[0]) is range else iter(iterables[0])  # pieces of a range cross to processes as such


def _length(inputs: object) -> int | None:
    """Ask an input for its length. A hint may be wrong: it sizes batches and progress, and decides nothing."""
    try:
        hint = length_hint(inputs, -1)
    except Exception:
        return None
    return hint if hint >= 0 else None


def _unknown_last(length: int | None) -> float:
    return float("inf") if length is None else length
